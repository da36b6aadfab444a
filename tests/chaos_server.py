"""A server of OpenAI's chat completions that misbehaves on purpose, the same way for the same seed.

It speaks HTTP from raw bytes, so that it can break HTTP itself, in a thread of its own with its own event
loop. What happens to a call depends on (seed, body of the request, how often this body was asked before)
and on nothing else: not on the order in which calls arrive, nor on the clock.

Every answer is a function of the question's messages (`expected`), so that a test can tell an answer that
was lost, doubled or swapped. The ledger says what was asked, and which answers left the server whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chaos_faults import HARMLESS, PASSING, PERMANENT, SAID

__all__ = ["Answer", "ChaosServer", "Ledger", "expected"]


@dataclass(frozen=True)
class Answer:
    """What the server says to one question, whenever and however often it is asked."""

    text: str
    logprobs: tuple[float, float]
    """Of the tokens "A" and "B", where they are asked for."""
    prompt_tokens: int
    completion_tokens: int


def expected(messages: list[dict[str, str]]) -> Answer:
    """Compute the answer to a question: no two questions share one."""
    digest = hashlib.blake2b(json.dumps(messages, sort_keys=True).encode(), digest_size=16)
    a, b, prompt, completion = struct.unpack("<IIII", digest.digest())
    # Two log-probabilities below log(1/2): a sum of at most one, as of real ones.
    logprobs = (-0.7 - a / 2**32, -0.7 - b / 2**32)
    return Answer(digest.hexdigest(), logprobs, 1 + prompt % 900, 1 + completion % 60)


@dataclass
class Ledger:
    """What happened, as the server saw it."""

    asked: Counter[str] = field(default_factory=Counter)
    """Calls by question (the text of the last message)."""
    met: Counter[str] = field(default_factory=Counter)
    """Calls by fault; "" where nothing was wrong."""
    served: dict[str, Answer] = field(default_factory=dict)
    """Answers that left the server whole."""
    at: dict[str, list[float]] = field(default_factory=dict)
    """When each question was asked, on the loop's monotonic clock."""


class ChaosServer:
    """Serve on 127.0.0.1 from a thread until the `with` block ends.

    Parameters
    ----------
    faults
        Probability of each form (a name of `FAMILIES`' forms); of the permanent ones over questions, of the
        others over calls.
    first
        Fault of the first call of every question, instead; later calls are answered.
    timeout
        Seconds that the client waits: a drip that fits takes a third of it, one that does not thrice.
    wait
        Seconds that `Retry-After` asks for.
    latency
        Seconds before any answer.
    """

    def __init__(
        self,
        faults: Mapping[str, float] | None = None,
        *,
        first: str | None = None,
        seed: int = 0,
        timeout: float = 0.3,
        wait: float = 0.02,
        latency: float = 0.0,
    ) -> None:
        self.faults = dict(faults or {})
        self.first = first
        unknown = {*self.faults, first or "500"} - PASSING - PERMANENT - HARMLESS
        assert not unknown, f"no such fault: {unknown}"
        self.seed, self.timeout, self.wait, self.latency = seed, timeout, wait, latency
        self.ledger = Ledger()
        self.port = 0
        self._times: Counter[bytes] = Counter()
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Base URL, up to and including `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> ChaosServer:
        self._thread.start()
        self._call(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @contextmanager
    def vanishing(self, *, after: int, seconds: float | None) -> Iterator[None]:
        """Vanish once, at the given number of calls from now, for so many seconds (None: for good)."""

        async def away() -> None:
            while self.ledger.met.total() < goal:
                await asyncio.sleep(0.005)
            await self._shut()
            if seconds is not None:
                await asyncio.sleep(seconds)
                await self._listen()

        goal = self.ledger.met.total() + after
        future = asyncio.run_coroutine_threadsafe(away(), self._loop)
        yield
        assert future.done(), "the server never vanished, or is still away"
        future.result()

    def fault_of(self, body: bytes, time: int) -> str:
        """Say what happens when `body` is asked for the `time`-th time, counting from 0."""
        if self.first is not None:
            return "" if time else self.first
        for forms, salt in ((PERMANENT, b"always"), (PASSING | HARMLESS, b"%d" % time)):
            digest = hashlib.blake2b(salt + body, digest_size=8, key=b"%d" % self.seed).digest()
            place = int.from_bytes(digest, "big") / 2**64
            for name, rate in self.faults.items():
                if name in forms:
                    if place < rate:
                        return name
                    place -= rate
        return ""

    def _headers(self, fault: str) -> dict[str, str]:
        """Give the headers of an error that ask for a pause, in the ways that servers do."""
        if fault.endswith("retry-after"):
            return {"Retry-After": f"{self.wait:g}"}
        if fault == "429 x-ratelimit":
            limits = {"limit": "60000", "remaining": "0", "reset": f"{self.wait * 1000:.0f}ms"}
            return {f"x-ratelimit-{name}-requests": text for name, text in limits.items()}
        return {}

    def _call(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        """Close the port and reset every connection, as a server that is killed does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            _reset(writer)
        await asyncio.sleep(0.01)  # the handlers of those connections end

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the calls of one connection until one side closes it."""
        self._writers.add(writer)
        try:
            while body := await _read(reader):
                if not await self._answer(body, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one call with its fault; say whether the connection may be used again."""
        question = json.loads(body)
        name = question["messages"][-1]["content"]
        time = self._times[body]
        self._times[body] += 1
        fault = self.fault_of(body, time)
        ledger = self.ledger
        ledger.asked[name] += 1
        ledger.met[fault] += 1
        ledger.at.setdefault(name, []).append(self._loop.time())
        if self.latency:
            await asyncio.sleep(self.latency)
        if fault in SAID:
            writer.write(_response(SAID[fault][1], SAID[fault][0], self._headers(fault)))
            return True
        if fault == "hang":
            await reader.read()
            return False
        answer = expected(question["messages"])
        reply = _reply(question, answer, f"{hashlib.blake2b(body, digest_size=8).hexdigest()}-{time}")
        if fault in {"", *HARMLESS}:
            ledger.served[name] = answer
        return await self._send(fault, reply, writer)

    async def _send(self, fault: str, reply: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        """Send a completion, or what `fault` makes of it."""
        whole = _response(reply)
        head, _, content = whole.partition(b"\r\n\r\n")
        head += b"\r\n\r\n"
        turn = reply["choices"][0]
        match fault:
            case "no json":
                whole = _response(content[:-1].decode() + ",,")
            case "no utf-8":
                place = whole.index(b'"content": "') + len(b'"content": "')
                whole = whole[:place] + b"\xff" + whole[place + 1 :]
            case "no message":
                whole = _response(reply | {"choices": [{"index": 0, "finish_reason": "stop"}]})
            case "no choices":
                whole = _response({"id": reply["id"], "object": "chat.completion"})
            case "empty choices":
                whole = _response(reply | {"choices": []})
            case "filtered 200":
                empty = {"message": {"role": "assistant"}, "logprobs": None}
                whole = _response(reply | {"choices": [turn | empty | {"finish_reason": "content_filter"}]})
            case "reset before":
                _reset(writer)
                return False
            case "reset within" | "half":
                writer.write(whole[: len(head) + len(content) // 2])
                await writer.drain()
                await asyncio.sleep(0.002)
                if fault == "reset within":
                    _reset(writer)
                return False
            case "torn chunk":
                chunked = head.replace(b"Content-Length: %d" % len(content), b"Transfer-Encoding: chunked")
                writer.write(chunked + b"%x\r\n%b" % (len(content), content[: len(content) // 2]))
                return False
            case "drip" | "drip on and on":
                pause = self.timeout / 30 * (1 / 3 if fault == "drip" else 3)
                await _drip(writer, whole, len(head) + 30, pause)
                return True
            case "twice" | "twice split" | "twice late":
                await self._twice(fault, head, content, writer)
                return True
        writer.write(whole)
        return True

    async def _twice(self, fault: str, head: bytes, content: bytes, writer: asyncio.StreamWriter) -> None:
        """Send one response two times: in one piece, with the copy on the body's heels, or later."""
        if fault == "twice":
            writer.write(head + content + head + content)
        elif fault == "twice split":
            writer.write(head)
            await asyncio.sleep(0.002)
            writer.write(content + head + content)
        else:
            writer.write(head + content)
            # From a hundredth of a millisecond, when the connection waits in the client's pool or is in use
            # again, to 20 ms.
            delay = 1e-5 * 2000 ** (hashlib.blake2b(content, digest_size=1).digest()[0] / 255)
            self._loop.call_later(delay, _write_open, writer, head + content)


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Read one request and give its body; empty at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return await reader.readexactly(int(length.partition(b":")[2]))


async def _drip(writer: asyncio.StreamWriter, whole: bytes, whence: int, pause: float) -> None:
    """Send 30 bytes of the body one at a time."""
    start = whence - 30
    writer.write(whole[:start])
    for place in range(start, whence):
        await asyncio.sleep(pause)
        writer.write(whole[place : place + 1])
        await writer.drain()
    writer.write(whole[whence:])


def _reply(question: dict[str, Any], answer: Answer, name: str) -> dict[str, Any]:
    """Build a chat completion."""
    turn: dict[str, Any] = {"role": "assistant", "content": answer.text}
    choice = {"index": 0, "message": turn, "finish_reason": "stop", "logprobs": None}
    if question.get("logprobs"):
        pairs = zip("AB", answer.logprobs, strict=True)
        top = [{"token": token, "logprob": value, "bytes": [ord(token)]} for token, value in pairs]
        turn["content"] = "A"
        choice["logprobs"] = {"content": [{**top[0], "top_logprobs": top}]}
    usage = {"prompt_tokens": answer.prompt_tokens, "completion_tokens": answer.completion_tokens}
    usage["total_tokens"] = sum(usage.values())
    return {"id": f"chatcmpl-{name}", "object": "chat.completion", "choices": [choice], "usage": usage}


def _response(said: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    content = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    fields = {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(content))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Because\r\n{lines}\r\n".encode() + content


def _reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection so that the other side sees a reset and not an end."""
    handle = writer.get_extra_info("socket")
    if handle is not None and not writer.transport.is_closing():
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _write_open(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.transport.is_closing():
        writer.write(data)
