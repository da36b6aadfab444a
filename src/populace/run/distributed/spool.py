"""The spool: what is left of a plan, cut into one file a shard, for workers to read.

A line is a group (requests by key, in the order of the plan) and the keys of it that are not this shard's
to journal: answered before, or held first by an earlier group. Groups stay whole and in order, so a
provider whose arithmetic depends on its batch computes what it computes on one machine, and requests that
share a prefix run one after the other. Files are gzip: persona-major prompts repeat themselves.

A spool lives as long as one call of `distribute`. Its mark, a random word in a file, tells a worker that
it sees the folder that the driver wrote.
"""

from __future__ import annotations

import gzip
import hashlib
import heapq
import platform
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from populace.errors import JournalError, ModelError
from populace.models.records import Request
from populace.run.figures import RunStats
from populace.run.index import Index
from populace.run.journal import Journal
from populace.run.order import Group

__all__ = ["Affinity", "Spool", "check_mark", "pack", "read_shard", "shard_name", "shard_of"]

Affinity = Literal["prefix", "key"]
"""What decides a group's shard: its first message, or its first key."""

_FLUSHED = 256 << 10
"""Bytes of a shard that are compressed and written together."""
_IN_A_ROW = 512
"""Groups spooled before the event loop gets its turn."""


class _Line(msgspec.Struct, array_like=True):
    requests: dict[str, Request]
    others: list[str] = []


def shard_of(group: Group, shards: int, affinity: Affinity) -> int:
    """Give the shard of a group: a function of its content and the number of shards alone.

    Examples
    --------
    >>> from populace.models.records import GenerateRequest, Message
    >>> def ask(text):
    ...     persona = Message("system", "You are Ada.")
    ...     return GenerateRequest(model="m", messages=(persona, Message("user", text)), max_tokens=1)
    >>> a, b = ask("a"), ask("b")
    >>> shard_of({a.key: a}, 64, "prefix") == shard_of({b.key: b}, 64, "prefix")
    True
    >>> shard_of({a.key: a}, 64, "key") == shard_of({b.key: b}, 64, "key")
    False
    """
    key, request = next(iter(group.items()))
    if affinity == "key" or not request.messages:
        digest = bytes.fromhex(key)
    else:
        first = request.messages[0]
        text = f"{first.role} {first.content}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest[:8], "big") % shards


def shard_name(number: int) -> str:
    """Name a shard as its journal and its spool file are named.

    Examples
    --------
    >>> shard_name(7)
    '0007'
    """
    return f"{number:04d}"


def pack(sizes: Mapping[int, int], workers: int, enough: int) -> list[list[int]]:
    """Share shards out to tasks: equally large ones, as many for each worker, largest first.

    Parameters
    ----------
    sizes
        Calls by shard; empty shards are left out.
    enough
        Calls that a task should have at least. Where there are fewer, each worker still gets a task.

    Examples
    --------
    >>> pack({0: 5, 1: 0, 2: 9, 3: 3}, workers=2, enough=100)
    [[2], [0, 3]]
    >>> pack({0: 5, 1: 0, 2: 9, 3: 3}, workers=1, enough=5)
    [[2], [0], [3]]
    """
    shards = sorted(filter(sizes.get, sizes), key=sizes.__getitem__, reverse=True)
    fitting = min(sum(sizes.values()) // enough, len(shards))
    count = min(max(fitting - fitting % workers, workers), len(shards))
    tasks: list[list[int]] = [[] for _ in range(count)]
    loads = [(0, task) for task in range(count)]  # a heap: the least laden task first
    for shard in shards:
        load, task = loads[0]
        tasks[task].append(shard)
        heapq.heapreplace(loads, (load + sizes[shard], task))
    return [tasks[task] for _, task in sorted(loads, key=lambda load: (-load[0], load[1]))]


class Spool:
    """What is left of one stage, under the run's folder until closed.

    Parameters
    ----------
    folder
        The journal's folder.
    """

    def __init__(self, folder: Path, shards: int, affinity: Affinity) -> None:
        self.folder = folder / "spool"
        self.mark = secrets.token_hex(16)
        self.asked = 0
        """Keys that this run has to ask for."""
        self.sizes = dict.fromkeys(range(shards), 0)
        """The same by shard."""
        self._affinity: Affinity = affinity
        self._encoder = msgspec.json.Encoder()
        self._buffers = {shard: bytearray() for shard in self.sizes}

    def fill(
        self, groups: Iterable[Group], journal: Journal, model: str, stats: RunStats, *, retry_errors: bool
    ) -> Iterator[None]:
        """Write what is left of the plan, counting into `stats` what is not; yields now and then.

        Raises
        ------
        ModelError
            The plan was made for another model.
        JournalError
            The disk is full or failing.
        """
        try:
            shutil.rmtree(self.folder, ignore_errors=True)  # left by a run that was killed
            self.folder.mkdir(parents=True)
            taken = Index()
            for number, group in enumerate(groups):
                own = {key for key in group if _left(key, journal, taken, stats, retry_errors)}
                if own:
                    _check_model(group, model, stats.stage)
                    self._add(group, own)
                    for key in own:
                        taken.set(key, 0)
                if number % _IN_A_ROW == 0:
                    yield
            for shard in self._buffers:
                self._flush(shard)
            (self.folder / "mark").write_text(self.mark)
        except OSError as error:
            raise JournalError(
                f"the plan cannot be spooled ({error.strerror})",
                file=self.folder,
                fix="free some space, or check the folder's permissions, and run the same command again",
            ) from error

    def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _add(self, group: Group, own: set[str]) -> None:
        shard = shard_of(group, len(self.sizes), self._affinity)
        line = _Line(group, [key for key in group if key not in own])
        buffer = self._buffers[shard]
        buffer += self._encoder.encode(line) + b"\n"
        self.asked += len(own)
        self.sizes[shard] += len(own)
        if len(buffer) >= _FLUSHED:
            self._flush(shard)

    def _flush(self, shard: int) -> None:
        buffer = self._buffers[shard]
        if buffer:
            with _path(self.folder, shard).open("ab") as file:
                file.write(gzip.compress(buffer, 1))
            buffer.clear()


def check_mark(folder: Path, mark: str) -> None:
    """Make sure that this process sees the spool that the driver wrote.

    Raises
    ------
    JournalError
        It does not.
    """
    try:
        seen = (folder / "spool" / "mark").read_text()
    except OSError:
        seen = ""
    if seen != mark:
        raise JournalError(
            f"{platform.node()} does not see the run's folder as the machine that started the run does",
            file=folder,
            fix="put the study's folder on a disk that all nodes share, at the same path on each",
        )


def read_shard(folder: Path, shard: int) -> Iterator[tuple[Group, set[str]]]:
    """Yield a shard's groups, each with those of its keys that the shard has to journal."""
    decoder = msgspec.json.Decoder(_Line)
    with gzip.open(_path(folder / "spool", shard)) as lines:
        for line in lines:
            spooled = decoder.decode(line)
            yield spooled.requests, spooled.requests.keys() - set(spooled.others)


def _left(key: str, journal: Journal, taken: Index, stats: RunStats, retry_errors: bool) -> bool:
    """Whether this run has to ask for `key`, as `Dispatch.left` has it; one that it does not is counted."""
    if key in journal or taken.get(key) is not None:
        stats.reused += 1
        return False
    failure = None if retry_errors else journal.failure(key)
    if failure and not failure.retryable:
        stats.failed += 1
        stats.errors[failure.boundary] = stats.errors.get(failure.boundary, 0) + 1
        return False
    return True


def _check_model(group: Group, model: str, stage: str) -> None:
    for request in group.values():
        if request.model != model:
            raise ModelError(f"a request of stage {stage!r} is for {request.model}, not {model}")


def _path(folder: Path, shard: int) -> Path:
    return folder / f"{shard_name(shard)}.jsonl.gz"
