"""Work that blocks, beside an event loop, that nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *given: Any) -> T:
    """Call a function in a thread of its own.

    `asyncio.to_thread` would do, but for limits of time: a loop that ends waits for the threads of its pool,
    so that a classifier that hangs would hold up the refusal that its time-out led to.

    Examples
    --------
    >>> asyncio.run(in_thread(pow, 2, 10))
    1024
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work(*given)
        except BaseException as raised:
            # Whatever it is, it is raised again where the thread is waited for.
            error = raised
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="predicate", daemon=True).start()
    return await future
