"""Answers recorded earlier, given again by request key: a published run can be redone without its model.

A recording is a text file. Its first line names the model, `{"model": "NAME@REVISION/PRECISION"}`; every
further line is one `Result` as JSON. The model's name must be that of the recorded model, because it is
part of every request key.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from populace.errors import ModelError
from populace.models.protocol import Price, Quota
from populace.models.records import (
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Request,
    Result,
)

__all__ = ["Replay", "write_recording"]

Answer = TypeVar("Answer", Completion, Choice)


class _Header(msgspec.Struct, frozen=True):
    model: str


class Replay:
    """Answer each request with the recorded result of the same key.

    Parameters
    ----------
    file
        A recording, as `write_recording` writes it.

    Raises
    ------
    ModelError
        The file is missing, or a line of it is not a recorded result (the line is named).
    """

    batch_size = 1
    caches = 1
    concurrency = 1
    scores_text = True
    price: Price | None = Price(input=0.0, output=0.0)
    quota: Quota | None = None

    def __init__(self, file: str | os.PathLike[str]) -> None:
        self.model, self._results = _read(Path(file))
        self.endpoint = self.model

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Give the recorded text of each request."""
        return [self._recorded(request, Completion) for request in requests]

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Give the recorded likelihoods of each request."""
        return [self._recorded(request, Choice) for request in requests]

    async def close(self) -> None:
        """Forget the recording."""
        self._results = {}

    def _recorded(self, request: Request, kind: type[Answer]) -> Answer | Failure:
        key = request.key
        result = self._results.get(key)
        if isinstance(result, kind | Failure):
            return result
        return Failure(
            key=key,
            boundary="request",
            message="the recording has no answer to this request",
            retryable=False,
        )


def write_recording(file: str | os.PathLike[str], model: str, results: Iterable[Result]) -> None:
    """Write `results` of `model` as a recording: beside its place, flushed to disk, then renamed.

    Examples
    --------
    >>> import asyncio, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     asked = GenerateRequest(model="m@1/f32", messages=(), max_tokens=4)
    ...     file = Path(folder) / "recording.jsonl"
    ...     write_recording(file, "m@1/f32", [Completion(key=asked.key, text="Yes.")])
    ...     asyncio.run(Replay(file).generate([asked]))[0].text
    'Yes.'
    """
    path = Path(file)
    beside = path.with_name(path.name + ".part")
    encode = msgspec.json.encode
    with beside.open("wb") as handle:
        handle.writelines(encode(line) + b"\n" for line in (_Header(model=model), *results))
        handle.flush()
        os.fsync(handle.fileno())
    beside.replace(path)


def _read(path: Path) -> tuple[str, dict[str, Result]]:
    fix = "give a file written by populace.models.replay.write_recording"
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ModelError(f"cannot read the recording: {error.strerror}", file=path, fix=fix) from error
    try:
        model = msgspec.json.decode(lines[0] if lines else b"", type=_Header).model
    except msgspec.DecodeError as error:
        raise ModelError(
            f"the first line does not name a model: {error}", file=path, row=1, fix=fix
        ) from error
    decoder = msgspec.json.Decoder(Result)
    results: dict[str, Result] = {}
    for row, line in enumerate(lines[1:], start=2):
        try:
            result = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise ModelError(f"not a recorded result: {error}", file=path, row=row, fix=fix) from error
        results[result.key] = result
    return model, results
