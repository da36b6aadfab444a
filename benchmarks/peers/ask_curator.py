"""Curator: an `LLM` on the `openai` backend over N rows.

Requests and tokens a minute are set so high that they never bind and `max_concurrent_requests` is C, as its
page on rate limits says. The cache is off (`CURATOR_DISABLE_CACHE`), so are the rich display
(`CURATOR_DISABLE_RICH_DISPLAY`) and telemetry. It writes its request and response files and an Arrow data
set, which is part of the call. It asks one question more at the start to see the server's rate limits.
It counts the tokens of each prompt with tiktoken, whose table is taken from the copy that litellm, one of
its dependencies, brings along, so that nothing is downloaded.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from workload import MAX_TOKENS, SYSTEM, arguments, done, question

os.environ |= {
    "CURATOR_DISABLE_CACHE": "1",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "TELEMETRY_ENABLED": "0",
    "OPENAI_API_KEY": "none",
}
litellm = find_spec("litellm")
if litellm and litellm.origin:
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers")


def main() -> None:
    options = arguments()
    from bespokelabs import curator

    class Asker(curator.LLM):
        def prompt(self, input: dict) -> list[dict[str, str]]:
            return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": input["question"]}]

        def parse(self, input: dict, response: str) -> dict[str, str]:
            return {"answer": response}

    asker = Asker(
        model_name="loopback",
        backend="openai",
        generation_params={"max_tokens": MAX_TOKENS, "temperature": 0},
        backend_params={
            "base_url": options.url,
            "max_requests_per_minute": 10_000_000,
            "max_tokens_per_minute": 10_000_000_000,
            "max_concurrent_requests": options.concurrency,
            "max_retries": 3,
        },
    )
    rows = [{"question": question(number)} for number in range(options.calls)]
    response = asker(rows, working_dir=options.folder)
    done(list(response.dataset["answer"]), options.calls)


if __name__ == "__main__":
    main()
