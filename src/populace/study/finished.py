"""What a finished run vouches for: that its tables are of one run, and of the study file as it is.

Tables are written one by one and the manifest last, with the hash of each. A run that was killed between
them, or a study file that was changed since, leaves tables that look whole and do not belong together: joined
they give empty answers, and audits that read other descriptions than the judge was given. So whoever audits,
exports or reports asks here first.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from populace.canonical import file_hash
from populace.errors import StudyError
from populace.run import Manifest, read_manifest

if TYPE_CHECKING:
    from populace.study.study import Study

__all__ = ["MANIFEST", "TABLES", "finished", "refuse_place"]

TABLES = ("people", "personas", "prompts", "pairs", "judgements", "estimates")
"""Tables of a finished run, in the order in which they are written; `calls` comes last."""

MANIFEST = "manifest.json"
_AGAIN = "run the study again: what is unchanged is not paid for twice"


def finished(study: Study, tables: Iterable[str]) -> Manifest:
    """Read the manifest of a finished run, and hold the study file and some of its tables against it.

    Raises
    ------
    StudyError
        If there is no finished run, the study file or a file it names has changed since, or a table is not
        the one that the run wrote.
    """
    names = list(tables)
    for name in names:
        study.path_of(name)
    path = study.folder / MANIFEST
    if not path.exists():
        what = "the tables here are of a run that did not end, and may not belong together"
        raise StudyError(what, file=study.folder, fix=_AGAIN)
    manifest = read_manifest(path)
    if manifest.study_hash != study.fingerprint():
        raise StudyError(
            "the study file, or a file it names, has changed since this run",
            file=study.folder,
            fix=f"{_AGAIN}; or give another --folder",
        )
    for name in names:
        table = study.path_of(name)
        if manifest.tables.get(table.name) != file_hash(table):
            what = "this table is not the one that the run wrote"
            raise StudyError(what, file=table, fix=_AGAIN)
    return manifest


def refuse_place(study: Study, out: Path) -> None:
    """Refuse to write an export over what the study itself has written.

    Raises
    ------
    StudyError
        If the place is the study's folder, a file of a run in it, or its journal.
    """
    folder, place = study.folder.resolve(), out.resolve()
    inside = place.is_relative_to(folder) and place != folder
    top = place.relative_to(folder).parts[0] if inside else ""
    tables = {f"{name}.parquet" for name in (*TABLES, "calls")}
    if place == folder or top in tables | {MANIFEST, "journal", "report.html", "figures"}:
        raise StudyError(
            "this would be written over the study's own files", file=out, fix="give --out another place"
        )
