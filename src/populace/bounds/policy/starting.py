"""A folder of bounds to begin with, copied from the examples that are shipped."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

from populace.errors import DataError, StudyError

__all__ = ["start"]

_CHILDREN = ("tutor",)
"""Example organisations whose users are children."""


def start(folder: Path, laws: Sequence[str], organisation: str) -> None:
    """Copy the example laws and one example organisation into a folder that is not there yet.

    It is there whole, or not at all.

    Raises
    ------
    DataError
        If there is something already.
    StudyError
        If there is no such example.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError("there is something already", file=folder, fix="name a folder that is not there yet")
    with as_file(files("populace.bounds") / "data" / "examples") as examples:
        _among(organisation, sorted(each.name for each in (examples / "tier2").iterdir()), "organisation")
        known = sorted(each.stem.upper() for each in (examples / "tier1").iterdir() if each.stem != "common")
        for law in laws:
            _among(law, known, "jurisdiction")
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
        try:
            _copy(examples, beside, laws, organisation)
            if folder.exists():
                folder.rmdir()
            beside.rename(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _copy(examples: Path, beside: Path, laws: Sequence[str], organisation: str) -> None:
    (beside / "tier1").mkdir(parents=True)
    (beside / "tier3").mkdir()
    for name in ("common", *(law.lower() for law in dict.fromkeys(laws))):
        shutil.copy(examples / "tier1" / f"{name}.cedar", beside / "tier1")
    shutil.copytree(examples / "tier2" / organisation, beside / "tier2" / organisation)
    for name in ("duties.toml", "wishes.toml"):
        shutil.copy(examples / name, beside)
    text = (examples / "bounds.toml").read_text("utf-8")
    listed = ", ".join(f'"{law}"' for law in dict.fromkeys(laws))
    text = re.sub(r"(?m)^organisation = .*$", f'organisation = "{organisation}"', text)
    text = re.sub(r"(?m)^jurisdictions = .*$", f"jurisdictions = [{listed}]", text)
    text = re.sub(r"(?m)^known = .*\n", "", text)
    if organisation in _CHILDREN:
        said = "# The users are children: no request can say otherwise.\nminor = true"
        text = re.sub(r"(?m)(?:^#.*\n)+minor = false$", said, text)
    (beside / "bounds.toml").write_text(text, "utf-8")


def _among(value: str, known: Sequence[str], what: str) -> None:
    if value not in known:
        raise StudyError(
            f"there is no example of the {what} {value!r}", fix=f"name one of {', '.join(known)}"
        )
