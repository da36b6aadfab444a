"""The manifest: what ran, on what, for how much against what was expected, and the hashes of what came out.

It is the one derived file that holds clock times and the machine; every table leaves them out. What was
expected and the prices come from notes in the journal, so that it can be made again after any number of
sessions.
"""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from populace.atomic import write_atomic
from populace.canonical import file_hash
from populace.errors import DataError
from populace.run.journal import Journal, Totals
from populace.run.prices import Priced
from populace.run.progress import duration
from populace.run.summary import PlanSummary, StageSummary, cells, money

__all__ = ["Manifest", "note_estimates", "read_manifest", "timed", "write_manifest"]

_PACKAGES = (
    *("aiohttp", "any-llm-sdk", "genai-prices", "gguf", "jinja2", "msgspec", "numpy", "polars", "ray"),
    *("safetensors", "scipy", "tokenizers", "torch", "xllamacpp"),
)
"""Packages whose version may change a number, an answer or a price."""
_ESTIMATE, _PRICE, _WALL = "estimate/", "price/", "wall/"
"""Names of the journal's notes begin with these; a stage or a model follows."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to make the run again, and to see whether it came out the same."""

    populace: str
    commit: str | None
    """Git commit of the source that ran, `-dirty` where it was changed; None outside a checkout."""
    python: str
    platform: str
    packages: dict[str, str]
    study_hash: str
    """Content hash of the settings."""
    models: tuple[str, ...]
    """Identities of the models asked."""
    seeds: dict[str, int]
    stages: dict[str, Totals]
    """What the journal holds of each stage, over all sessions."""
    estimates: dict[str, StageSummary] = {}
    """What was expected of each stage when it was first planned to run."""
    wall_seconds: dict[str, float] = {}
    """How long each stage ran, over all sessions but those that were killed."""
    prices: dict[str, tuple[Priced, ...]] = {}
    """Of each model with a known price: those in force, oldest first."""
    hashes: dict[str, str] = {}
    """BLAKE2b of what shaped the requests: templates and the like."""
    tables: dict[str, str] = {}
    """BLAKE2b of each derived file, by name."""

    def comparison(self) -> list[tuple[str, ...]]:
        """Set what each stage took beside what was expected of it: a header, then a row a stage."""
        header = ("stage", "calls", "prompt tokens", "completion tokens", "dollars", "time")
        return [header, *(self._compared(name, totals) for name, totals in self.stages.items())]

    def _compared(self, name: str, totals: Totals) -> tuple[str, ...]:
        took = (
            f"{totals.answered:,}",
            f"{totals.prompt_tokens:,}",
            f"{totals.completion_tokens:,}",
            "unknown" if totals.dollars is None else money(totals.dollars),
            duration(self.wall_seconds[name]) if name in self.wall_seconds else "unknown",
        )
        expected = self.estimates.get(name)
        if expected is None:
            return name, *took
        _, calls, _, *rest = cells(expected)
        pairs = zip(took, (calls, *rest), strict=True)
        return name, *(a if b == "unknown" else f"{a} of {b}" for a, b in pairs)


def write_manifest(
    path: str | os.PathLike[str],
    *,
    study_hash: str,
    models: Iterable[str],
    seeds: Mapping[str, int],
    journal: Journal,
    hashes: Mapping[str, str] = MappingProxyType({}),
    tables: Iterable[str | os.PathLike[str]] = (),
) -> Manifest:
    """Write `manifest.json` and return what it says.

    Parameters
    ----------
    hashes
        Content hashes of what shaped the requests (templates), by name.
    tables
        Derived files; each is hashed and named relative to the manifest's folder.

    Raises
    ------
    DataError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with Journal(folder) as journal:
    ...     written = write_manifest(folder / "manifest.json", study_hash="ab", models=["scripted@1/exact"],
    ...                              seeds={"population": 0}, journal=journal)
    >>> read_manifest(folder / "manifest.json") == written
    True
    """
    folder = Path(path).parent
    manifest = Manifest(
        populace=metadata.version("populace"),
        commit=_commit(),
        python=platform.python_version(),
        platform=platform.platform(),
        packages=dict(_installed()),
        study_hash=study_hash,
        models=tuple(models),
        seeds=dict(seeds),
        stages=dict(journal.totals),
        estimates=_notes(journal, _ESTIMATE, StageSummary),
        wall_seconds=_notes(journal, _WALL, float),
        prices=_notes(journal, _PRICE, tuple[Priced, ...]),
        hashes=dict(hashes),
        tables={os.path.relpath(table, folder): file_hash(table) for table in tables},
    )
    write_atomic(path, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


def note_estimates(journal: Journal, summary: PlanSummary) -> None:
    """Keep what a run is expected to take: of each stage the first estimate, of the model each new price.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.scripted import Scripted
    >>> from populace.models.protocol import Price
    >>> from populace.run.plan import Stage, summarise
    >>> model = Scripted(price=Price(input=1, output=2))
    >>> with Journal(tempfile.mkdtemp()) as journal:
    ...     note_estimates(journal, summarise([Stage(name="ask", requests=list)], model))
    ...     [*journal.notes()]
    ['estimate/ask', 'price/scripted@1/exact']
    """
    kept = journal.notes(_ESTIMATE)
    for stage in summary.stages:
        if (name := _ESTIMATE + stage.name) not in kept:
            journal.note(name, stage)
    if summary.price is not None:
        prices = _notes(journal, _PRICE, tuple[Priced, ...]).get(summary.model, ())
        if summary.price not in prices:
            journal.note(_PRICE + summary.model, (*prices, summary.price))


@contextmanager
def timed(journal: Journal, stage: str) -> Iterator[None]:
    """Add the time that its body takes to the stage's wall time, if calls are made in it."""
    start, before = time.monotonic(), _spent(journal, stage)
    try:
        yield
    finally:
        if _spent(journal, stage) > before:
            earlier = _notes(journal, _WALL, float).get(stage, 0.0)
            journal.note(_WALL + stage, round(earlier + time.monotonic() - start, 3))


def read_manifest(path: str | os.PathLike[str]) -> Manifest:
    """Read what `write_manifest` wrote.

    Raises
    ------
    DataError
        The file is missing or is no manifest.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise DataError("there is no manifest here", file=path, fix="run the study first") from None
    except msgspec.DecodeError as error:
        raise DataError(f"this is no manifest ({error})", file=path, fix="run the study again") from error


def _notes(journal: Journal, prefix: str, kind: type[Any]) -> dict[str, Any]:
    """Read notes, by the rest of their names."""
    notes = journal.notes(prefix)
    return {name.removeprefix(prefix): msgspec.convert(value, kind) for name, value in notes.items()}


def _spent(journal: Journal, stage: str) -> float:
    """Seconds of the stage's calls so far; they grow with every call, an answer in a failure's place too."""
    return journal.totals[stage].seconds if stage in journal.totals else 0.0


def _installed() -> Iterable[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, metadata.version(name)
        except metadata.PackageNotFoundError:
            continue


def _commit() -> str | None:
    """Commit of the checkout this package is run from; an installed package has only its version."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
