"""Processor time one live call costs the client, ours beside the `openai` package's.

A server process on this machine answers every call at once with the same chat completion; each client
makes `--calls` calls with C in flight. What is counted is the client process's own processor time per
call (`time.process_time`), so the figure does not depend on how busy the machine is.

    python benchmarks/bench_client.py [--calls 2000]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import multiprocessing
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from populace.models import Completion, GenerateRequest, Message
from populace.models.openai import OpenAI

PROMPT = (Message("system", "You are a nurse of 34 in Ohio. " * 20), Message("user", "Should taxes rise?"))
ANSWER = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "mock",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "It depends on what they pay for. " * 8},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 180, "completion_tokens": 64, "total_tokens": 244},
    }
).encode()


def serve(pipe: multiprocessing.connection.Connection) -> None:
    """Answer on a free port until killed; send the port through `pipe`."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=ANSWER, content_type="application/json")

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        pipe.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(main())


async def drive(call: Callable[[int], Awaitable[None]], calls: int, in_flight: int) -> float:
    """Processor milliseconds a call, with `in_flight` workers taking calls from one counter."""
    numbers = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            await call(number)

    await asyncio.gather(*(call(-1 - i) for i in range(min(in_flight, 50))))
    start = time.process_time()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return (time.process_time() - start) / calls * 1e3


async def ours(url: str, calls: int, in_flight: int) -> float:
    model = OpenAI("mock", base_url=url, concurrency=in_flight)

    async def call(number: int) -> None:
        request = GenerateRequest(model=model.model, messages=PROMPT, max_tokens=64, sample=number)
        (result,) = await model.generate([request])
        assert isinstance(result, Completion), result

    try:
        return await drive(call, calls, in_flight)
    finally:
        await model.close()


async def theirs(url: str, calls: int, in_flight: int) -> float:
    import openai

    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
    messages = [{"role": message.role, "content": message.content} for message in PROMPT]

    async def call(number: int) -> None:
        reply = await client.chat.completions.create(
            model="mock", messages=messages, max_tokens=64, temperature=0.0, seed=abs(number)
        )
        assert reply.choices[0].message.content

    try:
        return await drive(call, calls, in_flight)
    finally:
        await client.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=2000)
    calls = parser.parse_args().calls
    mine, other = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(other,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{mine.recv()}/v1"
    peer = importlib.util.find_spec("openai") is not None
    print("CPU-ms per call    ours    openai   ratio")
    for in_flight in (100, 1000):
        own = asyncio.run(ours(url, calls, in_flight))
        if peer:
            beside = asyncio.run(theirs(url, calls, in_flight))
            print(f"C={in_flight:<6}         {own:7.3f}  {beside:8.3f}  {beside / own:6.2f}")
        else:
            print(f"C={in_flight:<6}         {own:7.3f}   skipped: the openai package is not installed")
    server.kill()


if __name__ == "__main__":
    main()
