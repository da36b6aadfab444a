"""A chat-completions server that costs next to nothing, for measuring clients: no model, a fixed latency.

    python benchmarks/loopback.py [--port 0] [--latency 0.1]

It prints its port and answers until it is killed:

- `POST /v1/chat/completions`: about 30 words drawn from a hash of the request's body, so that other
  questions get other answers and the same question the same. With `"logprobs": true` each position has
  its alternatives; at the first they are ` 1` and ` 2` with probabilities from the hash, the text being the
  likelier one where `max_tokens` is 1. Every answer has an `id` of its own and a `usage`.
- `GET /v1/models`, and `GET /stats`: calls answered, most calls in flight and connections open at once,
  and the server's own processor seconds.

An answer is sent `--latency` seconds after its request was read, in the order in which requests came, so
pipelined requests are answered in order. Nothing is streamed and a body must come with its
`Content-Length`, which is how every client measured here sends it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import math
import re
import resource
import socket
import time
from collections import deque
from typing import Any

import msgspec

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LEFT = [
    "slow",
    "fair",
    "old",
    "plain",
    "kind",
    "sharp",
    "quiet",
    "broad",
    "local",
    "early",
    "firm",
    "late",
    "mild",
    "open",
    "rural",
    "steady",
]
_RIGHT = [
    "taxes",
    "schools",
    "roads",
    "rules",
    "wages",
    "votes",
    "homes",
    "farms",
    "jobs",
    "banks",
    "laws",
    "towns",
    "parks",
    "rights",
    "shops",
    "prices",
]
_PHRASES = [f"{left} {right}" for left in _LEFT for right in _RIGHT]
"""One two-word phrase for each value of a byte."""
_HEAD = b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_COMPLETION = (
    b'{"id":"chatcmpl-%016x","object":"chat.completion","created":%d,"model":%b,"choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"%b"},"logprobs":%b,"finish_reason":"%b"}],'
    b'"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d}}'
)
_json = msgspec.json.Encoder()


class Question(msgspec.Struct):
    """The fields of a request's body that shape the answer."""

    model: str = "loopback"
    stream: bool | None = False
    logprobs: bool | None = False
    top_logprobs: int | None = 0
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


_question = msgspec.json.Decoder(Question)


def response(body: bytes, status: int = 200, reason: bytes = b"OK") -> bytes:
    return _HEAD % (status, reason, len(body), body)


def refusal(message: str, status: int, reason: bytes) -> bytes:
    return response(_json.encode({"error": {"message": message, "type": "invalid_request"}}), status, reason)


def answer(number: int, body: bytes) -> bytes:
    """Give the response to the chat call `number` with this body."""
    try:
        question = _question.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return refusal(f"not a chat request: {error}", 400, b"Bad Request")
    if question.stream:
        return refusal("this server does not stream", 400, b"Bad Request")
    digest = hashlib.blake2b(body, digest_size=16).digest()
    limit = question.max_completion_tokens or question.max_tokens
    if limit == 1:
        text, tokens, finish = " 1" if digest[15] < 128 else " 2", 1, b"length"
    else:
        text, tokens, finish = " ".join([_PHRASES[byte] for byte in digest[:15]]), 30, b"stop"
    logprobs = b"null"
    if question.logprobs:
        logprobs = _json.encode({"content": positions(text, digest, question.top_logprobs or 0)})
    asked = len(body) // 4
    model = _json.encode(question.model)
    content = text.encode()
    completion = _COMPLETION % (
        number, int(time.time()), model, content, logprobs, finish, asked, tokens, asked + tokens
    )  # fmt: skip
    return response(completion)


def positions(text: str, digest: bytes, top: int) -> list[dict[str, Any]]:
    """Give the log-probabilities of each token: ` 1` against ` 2` where the text is one of them."""
    if text in {" 1", " 2"}:
        first = 1 - (digest[15] + 0.5) / 256
        weights = {" 1": 0.9 * first, " 2": 0.9 * (1 - first)}
        weights |= {f" other{i}": 0.1 / 2**i for i in range(1, 19)}
        ranked = sorted(((math.log(weight), token) for token, weight in weights.items()), reverse=True)
        sampled = math.log(weights[text])
        return [position(text, sampled, ranked[:top])]
    return [
        position(token, -0.1, [(-0.1, token)][:top])
        for token in (word if i == 0 else f" {word}" for i, word in enumerate(text.split(" ")))
    ]


def position(token: str, logprob: float, ranked: list[tuple[float, str]]) -> dict[str, Any]:
    top = [{"token": other, "logprob": value, "bytes": None} for value, other in ranked]
    return {"token": token, "logprob": logprob, "bytes": None, "top_logprobs": top}


class Server:
    """What the connections share: the counts, and the answers that wait until they are due."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.calls = self.most_in_flight = self.connections = self.most_connections = 0
        self._loop = asyncio.get_running_loop()
        # One latency for all: answers come due in the order of their requests, so that a queue and one
        # timer do what would otherwise take a timer a call.
        self._waiting: deque[tuple[float, Connection, bytes]] = deque()

    def take(self, connection: Connection, head: bytes, body: bytes) -> None:
        """Answer one request, now or when it is due."""
        if head.startswith(b"POST /v1/chat/completions"):
            self.calls += 1
            data = answer(self.calls, body)
        else:
            data = self._page(head)
        self._waiting.append((self._loop.time() + self.latency, connection, data))
        self.most_in_flight = max(self.most_in_flight, len(self._waiting))
        if len(self._waiting) == 1:
            self._loop.call_later(self.latency, self._send)

    def _page(self, head: bytes) -> bytes:
        if head.startswith(b"GET /v1/models"):
            model = {"id": "loopback", "object": "model", "created": 1, "owned_by": "populace"}
            return response(_json.encode({"object": "list", "data": [model]}))
        if head.startswith(b"GET /stats"):
            return response(_json.encode(self.stats()))
        return refusal(f"no such page: {head.split(b' HTTP')[0].decode(errors='replace')}", 404, b"Not Found")

    def stats(self) -> dict[str, float]:
        """Give the counts so far."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "calls": self.calls,
            "most_in_flight": self.most_in_flight,
            "most_connections": self.most_connections,
            "cpu_seconds": used.ru_utime + used.ru_stime,
        }

    def _send(self) -> None:
        """Send what is due, and what comes due within the loop's own resolution."""
        now = self._loop.time() + 0.001
        waiting = self._waiting
        while waiting and waiting[0][0] <= now:
            _, connection, data = waiting.popleft()
            connection.send(data)
        if waiting:
            self._loop.call_at(waiting[0][0], self._send)


class Connection(asyncio.Protocol):
    """One connection kept alive: bytes in, whole requests out to the server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection in."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections += 1
        self._server.most_connections = max(self._server.most_connections, self._server.connections)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it out; answers still due to it are dropped."""
        self._transport = None
        self._server.connections -= 1

    def data_received(self, data: bytes) -> None:
        """Hand on the requests that are whole by now and keep the rest."""
        buffer = self._buffer + data if self._buffer else data
        while (end := buffer.find(b"\r\n\r\n")) >= 0:
            head = buffer[:end]
            found = _LENGTH.search(head)
            size = int(found[1]) if found else 0
            if len(buffer) < end + 4 + size:
                break
            self._server.take(self, head, buffer[end + 4 : end + 4 + size])
            buffer = buffer[end + 4 + size :]
        self._buffer = buffer

    def send(self, data: bytes) -> None:
        """Write one response, unless the client has left."""
        if self._transport is not None:
            self._transport.write(data)


async def serve(port: int, latency: float) -> None:
    """Print the port and answer until killed."""
    server = Server(latency)
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    await asyncio.get_running_loop().create_server(lambda: Connection(server), sock=listener, backlog=4096)
    print(listener.getsockname()[1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency", type=float, default=0.1, help="seconds until a call is answered")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options.port, options.latency))


if __name__ == "__main__":
    main()
