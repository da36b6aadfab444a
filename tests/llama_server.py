"""A real server for tests and benchmarks: llama.cpp's (`xllamacpp`), serving the packaged model over HTTP.

`LlamaServer` starts this file as a process of its own, so that a crash of the server cannot take the
caller down and so that the server can be killed. The child ends when its standard input closes, which the
operating system does even where the caller dies.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from populace.errors import ModelError
from populace.models.embedded.provider import packaged_model

__all__ = ["LlamaServer", "cut_model", "missing"]


def missing() -> str:
    """Say why no server can be started here; empty where one can."""
    if importlib.util.find_spec("xllamacpp") is None:
        return "xllamacpp is not installed"
    try:
        packaged_model()
    except ModelError as error:
        return str(error)
    return ""


def cut_model(target: Path, layers: int) -> Path:
    """Write the packaged model with only its first `layers` layers, of 30, to `target`.

    Its words mean nothing, but tokenizer, chat template and what a cache may share are the real model's, and
    a prompt costs a thirtieth. Enough to count tokens.
    """
    from gguf import GGUFReader, GGUFValueType, GGUFWriter

    whole = GGUFReader(packaged_model())
    name = whole.fields["general.architecture"].contents()
    writer = GGUFWriter(target, name)
    for field in whole.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue  # the writer's own
        value = layers if field.name == f"{name}.block_count" else field.contents()
        inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, value, field.types[0], sub_type=inner)
    for tensor in whole.tensors:
        block, number = tensor.name.split(".")[:2]
        if block != "blk" or int(number) < layers:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


class LlamaServer:
    """A server on a free port of 127.0.0.1; a context manager.

    Parameters
    ----------
    model
        A GGUF file; None takes the packaged model.
    slots
        Calls computed side by side, each with a cache of its own.
    context
        Tokens a slot can hold.
    threads
        Threads the model runs on.
    settings
        Further fields of xllamacpp's `CommonParams`.
    start_seconds
        How long the server may take until it answers.
    """

    def __init__(
        self,
        model: Path | None = None,
        *,
        slots: int = 1,
        context: int = 2048,
        threads: int = 2,
        settings: Mapping[str, Any] | None = None,
        start_seconds: float = 60.0,
    ) -> None:
        self._settings = {
            "n_parallel": slots,
            "n_ctx": slots * context,
            "n_threads_http": slots + 4,
            "endpoint_metrics": True,
            "verbosity": 0,
            **(settings or {}),
        }
        self._model = model or packaged_model()
        self._threads = threads
        self._start_seconds = start_seconds
        self.process: subprocess.Popen[str] | None = None
        self.root = ""
        """Address of the server, without a slash at its end."""

    @property
    def url(self) -> str:
        """What the `openai` provider takes as `base_url`."""
        return self.root + "/v1"

    def __enter__(self) -> Self:
        arguments = json.dumps(
            {"model": str(self._model), "threads": self._threads, "settings": self._settings}
        )
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # Threads that wait by spinning get in their own way as soon as a core is shared.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
        )
        try:
            assert self.process.stdout is not None
            self.root = self.process.stdout.readline().strip()
            if not self.root:
                raise RuntimeError(f"the server did not start: it ended with {self.process.wait()}")
            self._wait()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End the server at once (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    stream.close()
            self.process = None

    def call(self, path: str, body: Any = None) -> Any:
        """Ask the server (a POST where there is a body): JSON where it answers JSON, else the text."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode()
            return json.loads(text) if "json" in response.headers["Content-Type"] else text

    def tokens(self, messages: list[dict[str, str]]) -> list[int]:
        """Tokens of a conversation as the server reads it, after its chat template."""
        prompt = self.call("/apply-template", {"messages": messages})["prompt"]
        return self.call("/tokenize", {"content": prompt, "parse_special": True})["tokens"]

    def computed_tokens(self) -> int:
        """Prompt tokens computed since the start: those that no cache held."""
        for line in self.call("/metrics").splitlines():
            if line.startswith("llamacpp:prompt_tokens_total "):
                return int(float(line.split()[1]))
        raise RuntimeError("the server's metrics do not give the prompt tokens")

    def _wait(self) -> None:
        end = time.monotonic() + self._start_seconds
        while True:
            try:
                if self.call("/health")["status"] == "ok":
                    return
            except OSError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.05)


def _serve(model: str, threads: int, settings: Mapping[str, Any]) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.port = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    for name, value in settings.items():
        setattr(params, name, value)
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    _serve(**json.loads(sys.argv[1]))
