"""The connections of the OpenAI provider against a server that misbehaves below HTTP's good manners."""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import shlex
import shutil
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager

import pytest

from populace.errors import ModelError
from populace.models import Failure, GenerateRequest, Message
from populace.models.openai import OpenAI


def ask(text: str, sample: int = 0) -> GenerateRequest:
    return GenerateRequest(model="m", messages=(Message("user", text),), max_tokens=8, sample=sample)


def http(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + body


def echo(text: str, **more: object) -> bytes:
    """Answer with the question."""
    return http(json.dumps({"choices": [{"message": {"content": text}}], **more}).encode())


@asynccontextmanager
async def raw(answer, **settings):
    """Serve plain sockets: `answer(text, writer)` writes what it likes for each question."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                await answer(body["messages"][0]["content"], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    model = OpenAI("m", base_url=f"http://127.0.0.1:{port}/v1", **settings)
    try:
        yield model, writers
    finally:
        await model.close()
        server.close()
        for writer in writers:
            writer.close()


class TestBytesNobodyAskedFor:
    @pytest.mark.parametrize("pause", [None, 0.0, 0.02])
    async def test_an_answer_sent_twice_is_never_the_next_ones(self, pause):
        numbers = itertools.count()

        async def twice(text, writer):
            answer = echo(text, id=f"chatcmpl-{next(numbers)}")
            if pause is None:
                writer.write(answer + answer)
                return
            writer.write(answer)
            await writer.drain()
            await asyncio.sleep(pause)
            writer.write(answer)

        wrong = []
        async with raw(twice) as (model, _):
            for i in range(12):
                (result,) = await model.generate([ask(f"q{i}")])
                if isinstance(result, Failure):
                    assert (result.boundary, result.retryable) == ("connection", True)
                    (result,) = await model.generate([ask(f"q{i}")])
                if result.text != f"q{i}":
                    wrong.append((f"q{i}", result.text))
                await asyncio.sleep(0.03 if i % 2 and pause == 0.02 else 0)
        assert wrong == []

    async def test_a_connection_that_is_one_answer_behind_is_given_up(self):
        numbers, before = itertools.count(), {}

        async def slip(text, writer):
            answer = echo(text, id=f"c-{next(numbers)}")
            # The first connection repeats its third answer and from then on answers the question before.
            behind = writer is writers[0] and text not in ("q0", "q1", "q2")
            writer.write(before[writer] if behind else answer)
            before[writer] = answer

        async with raw(slip) as (model, writers):
            results = [(await model.generate([ask(f"q{i}")]))[0] for i in range(6)]
        assert [getattr(result, "text", None) for result in results] == ["q0", "q1", "q2", None, "q4", "q5"]

    async def test_bytes_at_a_resting_connection_close_it(self):
        async def answer(text, writer):
            writer.write(echo(text))

        async with raw(answer) as (model, writers):
            await model.generate([ask("one")])
            writers[0].write(http(b"", "408 Request Timeout"))
            await asyncio.sleep(0.02)
            (result,) = await model.generate([ask("two")])
        assert result.text == "two"
        assert len(writers) == 2

    async def test_a_connection_is_used_again(self):
        async def answer(text, writer):
            writer.write(echo(text, id=text))

        async with raw(answer) as (model, writers):
            for i in range(5):
                (result,) = await model.generate([ask(f"q{i}")])
                assert result.text == f"q{i}"
        assert len(writers) == 1

    async def test_a_copy_of_an_answer_long_past_is_found(self):
        numbers, sent = itertools.count(), []

        async def old(text, writer):
            sent.append(echo(text, id=f"c-{next(numbers)}"))
            writer.write(sent[1] if text == "q4" and len(sent) == 5 else sent[-1])

        async with raw(old) as (model, _):
            results = [(await model.generate([ask(f"q{i}")]))[0] for i in range(6)]
        assert [getattr(result, "text", None) for result in results] == ["q0", "q1", "q2", "q3", None, "q5"]

    async def test_a_mock_that_gives_every_answer_one_id_may_repeat_itself(self):
        async def same(text, writer):
            writer.write(echo("Yes.", id="chatcmpl-1"))

        async with raw(same) as (model, writers):
            results = [(await model.generate([ask("q", i)]))[0] for i in range(6)]
        assert [isinstance(result, Failure) for result in results] == [False, True, *[False] * 4]
        assert len(writers) == 2

    async def test_equal_refusals_are_refusals(self):
        numbers = itertools.count()

        async def busy(text, writer):
            n = next(numbers)
            body = b'{"error": {"message": "busy", "id": 1}}'
            writer.write(echo(text, id=f"c-{n}") if n < 3 else http(body, "429 Too Many Requests"))

        async with raw(busy) as (model, _):
            results = [(await model.generate([ask(f"q{i}")]))[0] for i in range(6)]
        assert [getattr(result, "boundary", None) for result in results] == [None] * 3 + ["rate limit"] * 3


class TestBrokenResponses:
    @pytest.mark.parametrize(
        ("response", "boundary"),
        [
            (http(b'{"choices": [', length=500), "connection"),
            (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"cho', "connection"),
            (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "connection"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "connection"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20000 + b"\r\n\r\n", "connection"),
            (b"", "connection"),
            (b"HTTP/1.1 200 OK\r\n\r\n" + b'{"choices": [{"message"', "answer"),
        ],
    )
    async def test_half_a_response(self, response, boundary):
        async def broken(text, writer):
            writer.write(response)
            writer.close()

        async with raw(broken) as (model, _):
            (result,) = await model.generate([ask("q")])
        assert (result.boundary, result.retryable) == (boundary, True)

    async def test_a_slow_drip_is_a_timeout(self):
        async def drip(text, writer):
            for byte in echo(text):
                writer.write(bytes([byte]))
                await asyncio.sleep(0.01)

        async with raw(drip, timeout=0.1) as (model, _):
            (result,) = await model.generate([ask("q")])
        assert (result.boundary, result.retryable) == ("timeout", True)
        assert result.message == "no answer within 0.1 s"

    async def test_a_connection_whose_call_timed_out_is_not_used_again(self):
        async def late(text, writer):
            await asyncio.sleep(0.2 if text == "slow" else 0)
            writer.write(echo(text))

        async with raw(late, timeout=0.1) as (model, writers):
            await model.generate([ask("slow")])
            await asyncio.sleep(0.15)
            (result,) = await model.generate([ask("fast")])
        assert result.text == "fast"
        assert len(writers) == 2


class TestOpenFiles:
    CODE = """
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, int(sys.argv[1])))
from populace.models.openai import OpenAI
from populace.models import GenerateRequest, Message
async def main():
    for concurrency in (100, 200):
        model = OpenAI("m", base_url="http://127.0.0.1:9/v1", concurrency=concurrency)
        await model.generate([GenerateRequest(model="m", messages=(Message("user", "q"),), max_tokens=1)])
        print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        kept.append(model)
kept = []
asyncio.run(main())
"""

    def run(self, hard: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", self.CODE, str(hard)],
            capture_output=True,
            text=True,
            check=False,
        )

    def test_the_soft_limit_is_raised_for_all_pools_together(self):
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 1000
        # 100 + 128 for everything else; then 200 more.
        assert self.run(1000).stdout.split() == ["228", "428"]

    def test_what_the_hard_limit_forbids_is_said(self):
        done = self.run(300)
        assert done.stdout.split() == ["228"]
        assert "this process may have 300" in done.stderr
        assert "ulimit -n 428, or lower concurrency" in done.stderr


@pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate with")
async def test_a_certificate_nobody_vouches_for_is_no_row(tmp_path, monkeypatch):
    made = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out cert.pem"
    subprocess.run(shlex.split(made), cwd=tmp_path, capture_output=True, check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=context)
    model = OpenAI("m", base_url=f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    (result,) = await model.generate([ask("q")])
    await model.close()
    server.close()
    assert (result.boundary, result.retryable) == ("access", False)
    assert "certificate is not trusted" in result.message


async def test_an_address_that_is_none():
    model = OpenAI("m", base_url="http://[::bad/v1")
    with pytest.raises(ModelError, match="not an address"):
        await model.generate([ask("q")])
