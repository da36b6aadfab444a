"""The manifest: what ran, on what, for how much, and the hashes of what came out.

It is the one derived file that holds clock times and the machine; every table leaves them out.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

import msgspec

from populace.atomic import write_atomic
from populace.canonical import file_hash
from populace.errors import DataError
from populace.run.journal import Journal, Totals

__all__ = ["Manifest", "read_manifest", "write_manifest"]

_PACKAGES = ("aiohttp", "jinja2", "msgspec", "numpy", "polars", "scipy", "torch", "transformers")
"""Packages whose version may change a number."""


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
    tables: dict[str, str]
    """BLAKE2b of each derived file, by name."""


def write_manifest(
    path: str | os.PathLike[str],
    *,
    study_hash: str,
    models: Iterable[str],
    seeds: Mapping[str, int],
    journal: Journal,
    tables: Iterable[str | os.PathLike[str]] = (),
) -> Manifest:
    """Write `manifest.json` and return what it says.

    Parameters
    ----------
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
        tables={os.path.relpath(table, folder): file_hash(table) for table in tables},
    )
    write_atomic(path, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest


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
