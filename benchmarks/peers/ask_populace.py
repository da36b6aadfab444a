"""populace: `run` of a lazily made plan with the `openai` provider, every call journalled in the folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from workload import MAX_TOKENS, SYSTEM, arguments, question

from populace.models import GenerateRequest, Message
from populace.models.openai import OpenAI
from populace.run import Journal, run


def main() -> None:
    options = arguments()
    provider = OpenAI("loopback", base_url=options.url, concurrency=options.concurrency)
    with Journal(options.folder) as journal:
        stats = run(plan(provider.model, options.calls), provider, journal, stage="ask")
    if stats.answered != options.calls:
        sys.exit(f"{stats.answered} of {options.calls} calls were answered")


def plan(model: str, calls: int) -> Iterator[GenerateRequest]:
    system = Message("system", SYSTEM)
    for number in range(calls):
        messages = (system, Message("user", question(number)))
        yield GenerateRequest(model=model, messages=messages, max_tokens=MAX_TOKENS)


if __name__ == "__main__":
    main()
