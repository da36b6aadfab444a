"""The requests of batches, one file a batch beside the journal: without them its answers could not be read.

`batches/INTENT.jsonl` holds the requests of one batch by key, `batches/INTENT.upload.jsonl` the same as the
service takes them, for as long as it is being sent. Both are derived: from the plan, and from the journal's
note of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import msgspec

from populace.atomic import atomic_path
from populace.models.records import GenerateRequest, Request

__all__ = ["Rebuild", "Requests", "Size", "Spool", "kept_path", "keys_of"]


class Size(msgspec.Struct, kw_only=True):
    """What a batch holds."""

    requests: int = 0
    bytes: int = 0
    """Of the file that is sent."""
    prompt_tokens: int = 0
    """As counted or approximated here, before anything is sent."""
    completion_tokens: int = 0
    """Most that may be written."""

    @property
    def tokens(self) -> int:
        """The most that it may take."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Size) -> Size:
        """Take both."""
        return Size(
            requests=self.requests + other.requests,
            bytes=self.bytes + other.bytes,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class _Entry(msgspec.Struct):
    key: str
    request: Request


class _Key(msgspec.Struct):
    key: str


_entry_decoder = msgspec.json.Decoder(_Entry)
_key_decoder = msgspec.json.Decoder(_Key)
_encoder = msgspec.json.Encoder()


def kept_path(folder: Path, intent: str) -> Path:
    """Return where the requests of a batch are, beside the journal in `folder`."""
    return folder / "batches" / f"{intent}.jsonl"


def keys_of(path: Path) -> Iterator[str]:
    """Yield the keys of a file of requests."""
    with path.open("rb") as lines:
        for line in lines:
            yield _key_decoder.decode(line).key


class Spool:
    """The folder of request files that belongs to the journal in `folder`.

    Parameters
    ----------
    line
        Makes of a request the line that is sent, without its end.
    count
        Tokens of a text.
    """

    def __init__(
        self, folder: Path, line: Callable[[str, Request], bytes], count: Callable[[str], int]
    ) -> None:
        self.folder = folder / "batches"
        self._line = line
        self._count = count

    def write(
        self, intent: str, requests: Iterable[Request], room: Callable[[Size], bool]
    ) -> tuple[Size, Request | None]:
        """Fill the files of one batch from a lazily expanded plan.

        Parameters
        ----------
        room
            Whether the batch may become this large.

        Returns
        -------
        What the batch holds, and the first request that it had no room for (None at the plan's end).
        """
        total = Size()
        with ExitStack() as files:
            kept = files.enter_context(files.enter_context(atomic_path(self._kept(intent))).open("wb"))
            sent = files.enter_context(files.enter_context(atomic_path(self._sent(intent))).open("wb"))
            for request in requests:
                key = request.key
                line = self._line(key, request)
                grown = total + self._size(request, line)
                if not room(grown):
                    return total, request
                kept.write(_encoder.encode(_Entry(key, request)) + b"\n")
                sent.write(line + b"\n")
                total = grown
        return total, None

    def size(self, request: Request) -> Size:
        """Measure a batch of this one request."""
        return self._size(request, self._line(request.key, request))

    def upload(self, intent: str) -> Path:
        """Give the file to send."""
        return self._sent(intent)

    def __contains__(self, intent: str) -> bool:
        """Whether the requests of a batch are here."""
        return self._kept(intent).exists()

    def keys(self, intent: str) -> Iterator[str]:
        """Yield the keys of a batch's requests."""
        return keys_of(self._kept(intent))

    def requests(self, intent: str) -> Requests:
        """Open the requests of a batch for look-up by key."""
        return Requests(self._kept(intent))

    def drop_upload(self, intent: str) -> None:
        """Remove the file that was sent."""
        self._sent(intent).unlink(missing_ok=True)

    def keep_only(self, intents: Iterable[str]) -> None:
        """Remove the files of every other batch: those done with, and those a kill left half written."""
        wanted = {path.name for intent in intents for path in (self._kept(intent), self._sent(intent))}
        for path in self.folder.glob("*"):
            if path.name not in wanted:
                path.unlink()

    def rebuild(self, intent: str) -> Rebuild:
        """Start to write the requests of a batch again."""
        return Rebuild(self._kept(intent))

    def _size(self, request: Request, line: bytes) -> Size:
        writes = request.max_tokens if isinstance(request, GenerateRequest) else 1
        reads = sum(self._count(message.content) for message in request.messages)
        return Size(requests=1, bytes=len(line) + 1, prompt_tokens=reads, completion_tokens=writes)

    def _kept(self, intent: str) -> Path:
        return kept_path(self.folder.parent, intent)

    def _sent(self, intent: str) -> Path:
        return self.folder / f"{intent}.upload.jsonl"


class Requests:
    """The requests of one batch by key: 50,000 offsets in memory, the texts on the disk."""

    def __init__(self, path: Path) -> None:
        self._places: dict[str, int] = {}
        self._file = path.open("rb")
        start = 0
        for line in self._file:
            self._places[_key_decoder.decode(line).key] = start
            start += len(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._places)

    def get(self, key: str) -> Request | None:
        """Return the request of a key; None where the batch holds none such."""
        place = self._places.get(key)
        if place is None:
            return None
        self._file.seek(place)
        return _entry_decoder.decode(self._file.readline()).request


class Rebuild:
    """A request file that is being written again while a plan is gone through."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._part = path.with_suffix(".part")
        self._file = self._part.open("wb")

    def add(self, request: Request) -> None:
        """Write one request."""
        self._file.write(_encoder.encode(_Entry(request.key, request)) + b"\n")

    def close(self, whole: bool) -> None:
        """Put a whole file in its place; remove one that lacks requests."""
        self._file.close()
        if whole:
            with atomic_path(self._path) as temporary:
                self._part.replace(temporary)
        self._part.unlink(missing_ok=True)
