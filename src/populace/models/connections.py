"""Connections to one server: a pool of kept-alive sockets whose answers belong to their questions.

HTTP/1.1 has no numbers on its answers, so bytes that nobody asked for (an answer sent twice, a proxy's 408 to
an idle connection) would be taken for the answer to the next request. Two guards close that. A connection
that holds such bytes when it is taken from the pool is closed instead of used. And an answer that repeats
an earlier one byte for byte, its id included, is not believed on a connection that was used before. On a
new connection nothing can be left over: a repetition there shows that this server's ids are not unique (a
mock's, say), and the second guard is lifted.

Imported when a first call is made, because aiohttp is not needed before.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from yarl import URL

from populace.errors import ModelError

__all__ = ["Connections"]

_KEEP_ALIVE = 4.0
"""Seconds a connection may rest: below the 5 s after which uvicorn, and with it vLLM and SGLang, hang up, so
that a request is hardly ever sent into a connection that is just being closed."""
_CONNECT = 20.0
"""Seconds a connection may take to be made: a machine that is gone is noticed before a call's time is up."""
_REMEMBERED = 16_384
"""Answers that a repetition is looked for in."""
_SPARE = 128
"""File descriptors for everything that is no connection of ours."""
_pools: WeakSet[Connections] = WeakSet()
"""The open pools of this process, which share its file descriptors."""


class _Pool(aiohttp.TCPConnector):
    """A pool that gives out no connection with bytes waiting, and none that is distrusted."""

    def __init__(self, *, limit: int, keepalive_timeout: float) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout)
        self.distrusted: WeakSet[ResponseHandler] = WeakSet()

    async def connect(self, *args: Any, **kwargs: Any) -> Connection:
        while True:
            connection = await super().connect(*args, **kwargs)
            try:
                # Two turns of the loop, so that what has arrived at the socket is read before we look.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            except BaseException:
                connection.release()
                raise
            line = connection.protocol
            fine = line is not None and line.is_connected() and not line.should_close
            if fine and line not in self.distrusted:
                return connection
            connection.close()


class _Response(aiohttp.ClientResponse):
    """A response that knows its connection after it was given back."""

    line: ResponseHandler | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        self.line = connection.protocol
        return await super().start(connection)


class Connections:
    """The pool of one provider in one event loop.

    Parameters
    ----------
    url
        Where every call is posted.
    limit
        Most connections open at once.
    timeout
        Seconds one call may take.
    headers
        Sent with every call.

    Raises
    ------
    ModelError
        `url` is no address, or the system allows this process fewer open files than `limit` needs.
    """

    def __init__(self, url: str, limit: int, timeout: float, headers: dict[str, str]) -> None:
        try:
            self._url = URL(url)
        except ValueError as error:
            raise ModelError(f"{url!r} is not an address", fix="mend base_url") from error
        self.limit = limit
        _make_room(limit)
        self._pool = _Pool(limit=limit, keepalive_timeout=_KEEP_ALIVE)
        self._session = aiohttp.ClientSession(
            connector=self._pool,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, _CONNECT)),
            # Answers are a few kilobytes: reading them packed would cost more than it saves.
            headers={"Content-Type": "application/json", "Accept-Encoding": "identity", **headers},
            response_class=_Response,
        )
        self._used: WeakSet[ResponseHandler] = WeakSet()
        self._answers: dict[int, None] = {}
        self._ids_differ = True
        _pools.add(self)

    async def post(self, data: bytes) -> tuple[aiohttp.ClientResponse, bytes]:
        """Send one call and read its response whole.

        Raises
        ------
        aiohttp.ClientError, OSError, TimeoutError
            No response, or not all of one.
        """
        async with self._session.post(self._url, data=data) as response:
            content = await response.read()
        line = response.line if isinstance(response, _Response) else None
        if line is not None and response.status == 200 and self._repeats(line, content):
            line.close()  # It is an answer behind; the next try goes out on a connection of its own.
            self._pool.distrusted = WeakSet(self._used)
            raise aiohttp.ClientPayloadError("the answer to another call was sent a second time")
        return response, content

    async def close(self) -> None:
        """Close the connections."""
        _pools.discard(self)
        await self._session.close()

    def _repeats(self, line: ResponseHandler, content: bytes) -> bool:
        if not self._ids_differ or b'"id"' not in content:
            return False
        new, digest = line not in self._used, hash(content)
        if new:
            self._used.add(line)
        if digest in self._answers:
            if new:
                self._ids_differ = False
            return not new
        self._answers[digest] = None
        if len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        return False


def _make_room(limit: int) -> None:
    """Make sure that this process may open `limit` more sockets."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = sum(pool.limit for pool in _pools) + limit + _SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        except (ValueError, OSError) as error:
            raise ModelError(
                f"{limit} connections need {needed} open files and this process may have {max(soft, hard)}",
                fix=f"run: ulimit -n {needed}, or lower concurrency",
            ) from error
