"""A batch command in a process of its own, killed between any two of its steps."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from typing import Any

from populace.models.openai import OpenAI
from populace.models.openai_batch import BatchService
from populace.models.records import ChooseRequest, GenerateRequest, Message
from populace.run import Journal
from populace.run.batch import BatchLimits, collect, desk, submit
from populace.run.batch.spool import Spool

STEPS = (
    (Journal, "note"),
    (Journal, "append"),
    (Spool, "write"),
    (BatchService, "upload"),
    (BatchService, "create"),
    (BatchService, "get"),
)
PRICE = {"input": 1.0, "output": 10.0}


def plan(model: OpenAI, size: int = 24):
    """Half of them written, half chosen; 40 characters, so 10 tokens, each."""
    for number in range(size):
        messages = (Message("user", f"{number:040}"),)
        if number % 2:
            yield GenerateRequest(model=model.model, messages=messages, max_tokens=5)
        else:
            yield ChooseRequest(model=model.model, messages=messages, options=("A", "B"))


def command(name: str, url: str, folder: str, kill_at: int) -> None:
    """Run `submit` or `collect`; SIGKILL this process at the given tick, of which each step makes two."""
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, method in STEPS:
        setattr(owner, method, _watched(getattr(owner, method), tick))
    desk.SETTLE = 0.05
    model = OpenAI("m", base_url=url, price=PRICE)
    with Journal(folder) as journal:
        if name == "submit":
            asyncio.run(submit(plan(model), model, journal, stage="s", limits=BatchLimits(requests=15)))
        else:
            asyncio.run(collect(model, journal))


def _watched(original: Any, tick: Any) -> Any:
    def step(*args: Any, **settings: Any) -> Any:
        tick()
        result = original(*args, **settings)
        tick()
        return result

    async def asynchronous(*args: Any, **settings: Any) -> Any:
        tick()
        result = await original(*args, **settings)
        tick()
        return result

    return asynchronous if inspect.iscoroutinefunction(original) else step
