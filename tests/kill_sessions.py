"""Sessions of a run in processes that may be killed: at any moment from outside, or inside a chosen write.

The processes are forked from one that has everything imported, so that a session begins within milliseconds
and kills fall into the run and not into Python's start.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from populace.models import Failure, GenerateRequest, Message, Price
from populace.models.openai import OpenAI
from populace.models.scripted import Scripted
from populace.run import Journal, Retries, run, write_calls, write_manifest

__all__ = ["start", "through_server", "with_deadly_call"]

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(
    ["aiohttp", "polars.io.plugins", "populace.models.openai", "populace.models.scripted", "populace.run"]
)


def start(session: Callable[..., None], *settings: Any) -> BaseProcess:
    """Begin `session(*settings)` in a process of its own."""
    process = _forks.Process(target=session, args=settings)
    process.start()
    return process


def through_server(folder: Path, url: str, calls: int) -> None:
    """Ask a server, eight calls at a time, and derive the files."""
    model = OpenAI("m", base_url=url, timeout=1, concurrency=8, price=Price(input=1, output=10))
    with Journal(folder) as journal:
        _whole(folder, journal, model, calls, Retries(attempts=30, base=0.01, cap=0.05))


def with_deadly_call(folder: Path, call: str = "", number: int = 0, when: str = "") -> None:
    """Make a small run whose `number`-th `os.{call}` kills the process: `before`, `half` done or `after`."""
    if call:
        _arm(call, number, when)

    def refuse(request: Any, before: int) -> Failure | None:
        if request.messages[0].content != "question 3":
            return None
        return Failure(key=request.key, boundary="content filter", message="no", retryable=False)

    with Journal(folder, sync_records=3) as journal:
        _whole(folder, journal, Scripted(fail=refuse, concurrency=2), 8, Retries())


def _arm(call: str, number: int, when: str) -> None:
    real = getattr(os, call)
    left = number

    def deadly(*args: Any, **settings: Any) -> Any:
        nonlocal left
        left -= 1
        if not left and when == "half":
            handle, data, place = args
            real(handle, data[: len(data) // 2], place)
        if not left and when != "after":
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*args, **settings)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    setattr(os, call, deadly)


def _whole(folder: Path, journal: Journal, model: Any, calls: int, retries: Retries) -> None:
    """Run, and write every file that is derived from the journal."""
    questions = (Message("user", f"question {i}") for i in range(calls))
    plan = (GenerateRequest(model=model.model, messages=(turn,), max_tokens=64) for turn in questions)
    run(plan, model, journal, stage="s", retries=retries)
    calls_file = folder / "calls.parquet"
    write_calls(journal, calls_file)
    facts = {"study_hash": "x", "models": [model.model], "seeds": {}}
    write_manifest(folder / "manifest.json", journal=journal, tables=[calls_file], **facts)
