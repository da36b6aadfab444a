"""A stand-in for OpenAI's files, batches and chat completions, with its state on the disk.

`python batch_server.py FOLDER PORT` serves until it is stopped; started again on the same folder it goes on.
States follow from a clock that tests move (`control.json` in the folder, read at every call), so nothing
happens behind a test's back. What it checks, refuses and answers is written after OpenAI's reference:
requests a file, bytes, duplicate ids, tokens that may wait, expiry with partial results, an error file.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import sys
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

ENDED = ("completed", "failed", "expired", "cancelled")
CONTROL: dict[str, Any] = {
    "ahead": 0.0,  # seconds that the clock is ahead of ours
    "requests": 50_000,
    "bytes": 200_000_000,
    "enqueued_tokens": None,
    "refuse": "validation",  # or "create": where too many waiting tokens are refused
    "seconds": 60.0,  # from creation to completion
    "window": 86_400.0,
    "never": "",  # requests whose id starts with one of these digits are not come to
    "errors": {},  # {first digit of the id: [status, body]}; None for the status is an error without response
    "lag": 0.0,  # seconds until the list shows a batch
    "vanish": [],  # calls ("POST /v1/batches") that are carried out and whose answer is never sent
    "down": {},  # {call: [times, status, body]}
    "extra_lines": [],  # put into every output file
    "gone": False,  # files are no longer kept
    "key": None,  # the API key it asks for
}


EMPTY: dict[str, Any] = {"batches": [], "files": {}, "live": 0, "calls": []}


class RefusalError(Exception):
    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        self.status = status
        self.body = {"error": {"message": message, "type": "invalid_request_error", "code": code}}


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """Answer a call: a text that follows from the body alone, and options where they are asked for."""
    digest = hashlib.blake2b(json.dumps(body, sort_keys=True).encode()).hexdigest()
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": f"Answer {digest[:12]}."},
        "finish_reason": "stop",
        "logprobs": None,
    }
    if body.get("logprobs"):
        first = int(digest[0], 16) % 2
        likely, unlikely = ("A", "1") if first else ("B", "2"), ("B", "2") if first else ("A", "1")
        top = [{"token": token, "logprob": -1.0} for token in likely]
        top += [{"token": token, "logprob": -3.0} for token in unlikely]
        choice["message"]["content"] = likely[0]
        choice["logprobs"] = {"content": [{"token": likely[0], "logprob": -1.0, "top_logprobs": top}]}
    reading = sum(len(message["content"]) for message in body["messages"]) // 4
    usage = {"prompt_tokens": reading, "completion_tokens": 5, "total_tokens": reading + 5}
    return {"id": f"c-{digest[:8]}", "object": "chat.completion", "choices": [choice], "usage": usage}


class BatchServer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self.path = folder / "state.json"
        self.state: dict[str, Any] = copy.deepcopy(EMPTY)
        if self.path.exists():
            self.state = json.loads(self.path.read_text())

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self.guard], client_max_size=1 << 30)
        app.router.add_post("/v1/files", self.upload)
        app.router.add_get("/v1/files/{id}/content", self.content)
        app.router.add_post("/v1/batches", self.create)
        app.router.add_get("/v1/batches", self.list)
        app.router.add_get("/v1/batches/{id}", self.retrieve)
        app.router.add_post("/v1/batches/{id}/cancel", self.cancel)
        app.router.add_post("/v1/chat/completions", self.live)
        return app

    @property
    def control(self) -> dict[str, Any]:
        path = self.folder / "control.json"
        return CONTROL | (json.loads(path.read_text()) if path.exists() else {})

    def now(self) -> float:
        return time.time() + self.control["ahead"]

    def save(self) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(json.dumps(self.state))
        beside.replace(self.path)

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        call = f"{request.method} {request.path}"
        control = self.control
        self.state["calls"].append(call)
        if control["key"] and request.headers.get("Authorization") != f"Bearer {control['key']}":
            sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
            error = RefusalError(401, f"Incorrect API key provided: {sent}", "invalid_api_key")
            return web.json_response(error.body, status=401)
        times, status, body = control["down"].get(call, (0, 503, {}))
        if self.state["calls"].count(call) <= times:
            return web.json_response(body, status=status)
        try:
            response = await handler(request)
        except RefusalError as refusal:
            response = web.json_response(refusal.body, status=refusal.status)
        self.save()
        if call in control["vanish"]:
            assert request.transport is not None
            request.transport.close()
        return response

    async def upload(self, request: web.Request) -> web.Response:
        purpose = name = ""
        file_id = f"file-{len(self.state['files']):04}"
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if part.name == "purpose":
                purpose = await part.text()
            elif part.name == "file":
                name = part.filename or ""
                with (self.files / file_id).open("wb") as out:
                    while block := await part.read_chunk(1 << 20):
                        out.write(block)
        if purpose != "batch" or not name.endswith(".jsonl"):
            raise RefusalError(400, "Invalid file format for Batch API. Must be .jsonl")
        size = (self.files / file_id).stat().st_size
        if size > self.control["bytes"]:
            raise RefusalError(413, "File exceeds the size limit")
        self.state["files"][file_id] = {"name": name, "bytes": size}
        return web.json_response({"id": file_id, "object": "file", "bytes": size, "filename": name})

    async def content(self, request: web.Request) -> web.StreamResponse:
        path = self.files / request.match_info["id"]
        if not path.exists() or self.control["gone"]:
            raise RefusalError(404, f"No such File object: {path.name}")
        return web.FileResponse(path)

    async def create(self, request: web.Request) -> web.Response:
        said = await request.json()
        if said["input_file_id"] not in self.state["files"]:
            raise RefusalError(400, f"Cannot find file {said['input_file_id']}.")
        if said["completion_window"] != "24h" or said["endpoint"] != "/v1/chat/completions":
            raise RefusalError(400, "Invalid value")
        batch = {
            "id": f"batch_{len(self.state['batches']):04}",
            "object": "batch",
            "endpoint": said["endpoint"],
            "input_file_id": said["input_file_id"],
            "completion_window": "24h",
            "metadata": said.get("metadata"),
            "created_at": self.now(),
            "cancelled_at": None,
            "errors": None,
            "output_file_id": None,
            "error_file_id": None,
            "status": "validating",
        }
        problems = self.problems(batch)
        if problems and problems[0]["code"] == "token_limit_exceeded" and self.control["refuse"] == "create":
            raise RefusalError(429, problems[0]["message"], "token_limit_exceeded")
        batch["problems"] = problems
        self.state["batches"].append(batch)
        return web.json_response(self.shown(batch))

    def problems(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        """Check a file as the service does in state `validating`."""
        raw = (self.files / batch["input_file_id"]).read_bytes().splitlines()
        if not raw:
            return [{"code": "empty_file", "message": "The input file is empty.", "line": None}]
        if len(raw) > self.control["requests"]:
            return [{"code": "too_many_tasks", "message": "The batch has too many requests.", "line": None}]
        seen, models, problems = set(), set(), []
        for number, text in enumerate(raw, start=1):
            try:
                line = json.loads(text)
                fine = line["method"] == "POST" and line["url"] == batch["endpoint"]
                models.add(line["body"]["model"])
                again = line["custom_id"] in seen or len(line["custom_id"]) > 64
                seen.add(line["custom_id"])
            except (ValueError, KeyError, TypeError) as error:
                problems.append({"code": "invalid_json_line", "message": f"{error}", "line": number})
                continue
            if not fine:
                problems.append({"code": "invalid_url", "message": "The URL does not match.", "line": number})
            if again:
                problems.append({"code": "duplicate_custom_id", "message": "Duplicate.", "line": number})
        if len(models) > 1:
            problems.append({"code": "mismatched_model", "message": "One model a batch.", "line": None})
        limit = self.control["enqueued_tokens"]
        waiting = sum(
            self.tokens(other) for other in self.state["batches"] if self.status(other) not in ENDED
        )
        if not problems and limit is not None and waiting + self.tokens(batch) > limit:
            message = f"Enqueued token limit reached for m. Limit: {limit:,} enqueued tokens."
            problems.append({"code": "token_limit_exceeded", "message": message, "line": None})
        return problems

    def lines(self, batch: dict[str, Any]) -> list[dict[str, Any]]:
        text = (self.files / batch["input_file_id"]).read_text().splitlines()
        return [json.loads(line) for line in text]

    def tokens(self, batch: dict[str, Any]) -> int:
        bodies = [line["body"] for line in self.lines(batch)]
        return sum(len(message["content"]) for body in bodies for message in body["messages"]) // 4

    def status(self, batch: dict[str, Any]) -> str:
        """State of a batch now: a function of the clock and of what was asked for."""
        if batch["status"] in ENDED:
            return batch["status"]
        control, age = self.control, self.now() - batch["created_at"]
        if batch["cancelled_at"] is not None:
            return "cancelled" if self.now() > batch["cancelled_at"] + 5 else "cancelling"
        if age < 2 or batch["problems"]:
            return "validating" if age < 2 else "failed"
        never = any(line["custom_id"][0] in control["never"] for line in self.lines(batch))
        if age >= control["window"]:
            return "expired" if never else "completed"
        if age >= control["seconds"] and not never:
            return "completed"
        return "finalizing" if age >= 0.9 * control["seconds"] and not never else "in_progress"

    def shown(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Describe a batch; when it has just ended, write its files."""
        status = self.status(batch)
        if status in ENDED and batch["status"] not in ENDED:
            batch["status"] = status
            if status == "failed":
                batch["errors"] = {"object": "list", "data": batch["problems"]}
            else:
                self.finish(batch, status)
        lines = self.lines(batch)
        share = min(1.0, (self.now() - batch["created_at"]) / self.control["seconds"])
        counts = {"total": len(lines), "completed": int(share * len(lines)), "failed": 0}
        hidden = {"problems", "cancelled_at"}
        return {name: value for name, value in batch.items() if name not in hidden} | {
            "status": status,
            "request_counts": batch.get("counts") or counts,
        }

    def finish(self, batch: dict[str, Any], status: str) -> None:
        control, good, bad = self.control, [], []
        asked = self.lines(batch)
        until = batch["cancelled_at"] or self.now()
        share = min(1.0, (until - batch["created_at"]) / control["seconds"])
        for number, line in enumerate(asked):
            key, shell = line["custom_id"], {"id": f"batch_req_{number}", "custom_id": line["custom_id"]}
            if key[0] in control["never"] or number >= share * len(asked):
                code = "batch_expired" if status == "expired" else "batch_cancelled"
                error = {"code": code, "message": "This request could not be executed."}
                bad.append(shell | {"response": None, "error": error})
            elif key[0] in control["errors"]:
                code, body = control["errors"][key[0]]
                answered = code is not None
                response = {"status_code": code, "request_id": "r", "body": body} if answered else None
                bad.append(shell | {"response": response, "error": None if answered else body})
            else:
                response = {"status_code": 200, "request_id": "r", "body": completion(line["body"])}
                good.append(shell | {"response": response, "error": None})
        batch["counts"] = {"total": len(asked), "completed": len(good), "failed": len(bad)}
        # Lines come back in any order.
        for name, lines in (("output", good), ("error", bad)):
            if not lines:
                continue
            lines.sort(key=lambda line: hashlib.blake2b(line["custom_id"].encode()).digest())
            batch[f"{name}_file_id"] = f"{batch['id']}-{name}"
            text = [json.dumps(line) for line in lines]
            if name == "output":
                text += control["extra_lines"]
            (self.files / f"{batch['id']}-{name}").write_text("".join(f"{line}\n" for line in text))

    def find(self, request: web.Request) -> dict[str, Any]:
        wanted = request.match_info["id"]
        for batch in self.state["batches"]:
            if batch["id"] == wanted:
                return batch
        raise RefusalError(404, f"No batch found with id '{wanted}'.")

    async def retrieve(self, request: web.Request) -> web.Response:
        return web.json_response(self.shown(self.find(request)))

    async def list(self, request: web.Request) -> web.Response:
        known = self.state["batches"][::-1]
        known = [batch for batch in known if self.now() - batch["created_at"] >= self.control["lag"]]
        if after := request.query.get("after"):
            known = known[[batch["id"] for batch in known].index(after) + 1 :]
        page = known[: int(request.query.get("limit", 20))]
        data = [self.shown(batch) for batch in page]
        return web.json_response({"object": "list", "data": data, "has_more": len(known) > len(page)})

    async def cancel(self, request: web.Request) -> web.Response:
        batch = self.find(request)
        if self.status(batch) in ENDED:
            raise RefusalError(HTTPStatus.CONFLICT, "This batch has ended.")
        batch["cancelled_at"] = self.now()
        return web.json_response(self.shown(batch))

    async def live(self, request: web.Request) -> web.Response:
        self.state["live"] += 1
        return web.json_response(completion(await request.json()))


class Handle:
    """What a test holds of a server: its folder, address, and the controls."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.url = f"http://127.0.0.1:{port}/v1"

    def set(self, **control: Any) -> None:
        path = self.folder / "control.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.with_suffix(".new").write_text(json.dumps(known | control))
        path.with_suffix(".new").replace(path)

    def later(self, seconds: float) -> None:
        path = self.folder / "control.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        self.set(ahead=known.get("ahead", 0.0) + seconds)

    @property
    def state(self) -> dict[str, Any]:
        path = self.folder / "state.json"
        return json.loads(path.read_text()) if path.exists() else copy.deepcopy(EMPTY)

    def sent(self) -> list[list[str]]:
        """Ids of the requests of every batch that was taken."""
        taken = [batch for batch in self.state["batches"] if not batch["problems"]]
        texts = [(self.folder / "files" / batch["input_file_id"]).read_text() for batch in taken]
        return [[json.loads(line)["custom_id"] for line in text.splitlines()] for text in texts]


async def _serve(folder: Path, port: int, started: Any) -> None:
    runner = web.AppRunner(BatchServer(folder).app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    stop = asyncio.Event()
    started(runner.addresses[0][1], asyncio.get_running_loop(), stop)
    try:
        await stop.wait()
    finally:
        await runner.cleanup()


@contextmanager
def batch_server(folder: Path, port: int = 0):
    """Serve in a thread of this process; yield the handle."""
    ready = threading.Event()
    known: list[Any] = []

    def started(*what: Any) -> None:
        known.extend(what)
        ready.set()

    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, port, started)), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield Handle(folder, known[0])
    finally:
        known[1].call_soon_threadsafe(known[2].set)
        thread.join(10)


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), lambda *_: print("ready", flush=True)))
