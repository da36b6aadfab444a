"""The `openai` package as a bare client: one `AsyncOpenAI`, C workers, nothing stored.

The default client allows 1,000 connections, so that C=500 needs no setting.
"""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI
from workload import MAX_TOKENS, SYSTEM, arguments, done, question


async def main() -> None:
    options = arguments()
    client = AsyncOpenAI(base_url=options.url, api_key="none")
    answers: list[str | None] = []
    numbers = iter(range(options.calls))

    async def worker() -> None:
        for number in numbers:
            reply = await client.chat.completions.create(
                model="loopback",
                messages=[
                    {"role": "system", "content": SYSTEM},
                    {"role": "user", "content": question(number)},
                ],
                max_tokens=MAX_TOKENS,
                temperature=0,
                seed=number,
            )
            answers.append(reply.choices[0].message.content)

    await asyncio.gather(*(worker() for _ in range(options.concurrency)))
    done(answers, options.calls)


if __name__ == "__main__":
    asyncio.run(main())
