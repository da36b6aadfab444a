"""Inspect: `eval` of a task of N samples with `generate()` and no scorer, model `openai-api/...`.

Connections are `max_connections` and samples `max_samples`, both C, as its page on parallelism says; the
display is off (`display="none"`). With `--fast` also what its documentation names for speed: no realtime
logging (`log_realtime=False`), samples not logged (`log_samples=False`), no raw API calls in the log
(`log_model_api=False`), only the log's header returned.
"""

from __future__ import annotations

import os

from workload import MAX_TOKENS, SYSTEM, arguments, done, question

FAST = {
    "log_realtime": False,
    "log_samples": False,
    "log_model_api": False,
    "log_images": False,
    "log_header_only": True,
}


def main() -> None:
    options = arguments()
    os.environ |= {"LOOP_API_KEY": "none", "LOOP_BASE_URL": options.url}
    from inspect_ai import Task
    from inspect_ai import eval as evaluate
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.solver import generate, system_message

    answers: list[str | None] = []
    task = Task(
        dataset=MemoryDataset([Sample(input=question(number), id=number) for number in range(options.calls)]),
        solver=[system_message(SYSTEM), generate(cache=False)],
    )
    (log,) = evaluate(
        task,
        model="openai-api/loop/loopback",
        max_connections=options.concurrency,
        max_samples=options.concurrency,
        max_tokens=MAX_TOKENS,
        temperature=0,
        display="none",
        log_dir=options.folder,
        **(FAST if options.fast else {}),
    )
    answers = ["answered"] * (log.results.completed_samples if log.results else 0)
    done(answers if log.status == "success" else [], options.calls)


if __name__ == "__main__":
    main()
