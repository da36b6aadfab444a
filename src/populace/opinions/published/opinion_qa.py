"""OpinionQA (Santurkar et al. 2023, arXiv 2303.17548), read as it was released.

A folder a wave: `info.csv` with `key`, `references` (the options, refusals last) and `option_ordinal` (a code
for each option that counts); answers in `responses.csv` (texts, with the weight `WEIGHT_Wn`) and groups in
`metadata.csv`, or counts by group in `ATTRIBUTE_data.json`. Meister et al. released counts in the same form.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.published.gold import OVERALL, Gold, Question
from populace.opinions.published.parsing import add, literal, read_csv, read_object

__all__ = ["MEISTER_GROUPS", "read_counts", "read_opinion_qa"]

MEISTER_GROUPS = {
    "POLPARTY": ("Democrat", "Republican"),
    "SEX": ("Male", "Female"),
    "RACE": ("Black", "White"),
}
"""Groups that Meister et al. average over, where the attribute is there."""
_NOT_GROUPS = ("MC_options", "question_text")
_REFUSED = "Refused"


def read_opinion_qa(folders: str | Path | Sequence[str | Path]) -> Gold:
    """Read waves of OpinionQA.

    Shares are weighted where a folder has `responses.csv`, as in the paper. The counts of `*_data.json` are
    not weighted; `Overall` is then the sum of the groups of the attribute that most people told. Which was
    read stands in the notes.

    Parameters
    ----------
    folders
        One, or several, of which each has an `info.csv`.

    Raises
    ------
    DataError
        If a file is missing or laid out otherwise; names the file, row and column.
    """
    paths = [Path(folders)] if isinstance(folders, str | Path) else [Path(folder) for folder in folders]
    questions: list[Question] = []
    notes: dict[str, int] = {}
    for path in paths:
        infos = list(_infos(path))
        weighted = (path / "responses.csv").is_file()
        found = _weighted(path, infos, notes) if weighted else _counted(path, infos, notes)
        questions += found
        told = "weighted shares of responses.csv" if weighted else "unweighted counts of *_data.json"
        add(notes, f"question(s) from {told}", len(found))
    _once(questions, paths)
    return Gold("OpinionQA", tuple(questions), tuple(f"{count:,} {what}" for what, count in notes.items()))


def _infos(folder: Path) -> Iterator[tuple[str, str, list[str], list[float]]]:
    """Give key, question, options and codes of each question."""
    file = folder / "info.csv"
    frame = read_csv(file, ("key", "references", "option_ordinal"))
    texts = frame["question"] if "question" in frame.columns else frame["key"]
    cells = zip(frame["key"], texts, frame["references"], frame["option_ordinal"], strict=True)
    for row, (key, text, references, ordinal) in enumerate(cells, start=1):
        if not key:
            raise DataError("a question has no key", file=file, row=row, column="key")
        options = [str(option) for option in literal(references, list, file, row, "references")]
        try:
            codes = [float(code) for code in literal(ordinal, list, file, row, "option_ordinal")]
        except (TypeError, ValueError):
            raise DataError("a code is no number", file=file, row=row, column="option_ordinal") from None
        if not 1 <= len(codes) <= len(options):
            what = f"{len(codes)} codes for {len(options)} options"
            raise DataError(what, file=file, row=row, column="option_ordinal")
        yield key, text or "", options, codes


def _weighted(
    folder: Path, infos: list[tuple[str, str, list[str], list[float]]], notes: dict[str, int]
) -> list[Question]:
    file = folder / "responses.csv"
    frame = read_csv(file, ())
    weights = [name for name in frame.columns if re.fullmatch(r"WEIGHT_W\d+", name)]
    if len(weights) != 1:
        raise DataError(f"{len(weights)} columns are named WEIGHT_Wn, not one", file=file, column="WEIGHT_Wn")
    weight = frame[weights[0]].cast(pl.Float64, strict=False)
    bad = (weight.is_null() | ~weight.is_finite() | (weight < 0)).fill_null(value=True).arg_true()
    if len(bad):
        raise DataError("a weight is no number from 0 up", file=file, row=int(bad[0]) + 1, column=weights[0])
    groups = _membership(folder, frame)
    found = []
    for key, text, options, codes in infos:
        if key not in frame.columns:
            add(notes, "question(s) of info.csv are not in responses.csv, left out")
            continue
        column, mass = frame[key], weight.to_numpy()
        code = column.replace_strict({name: at for at, name in enumerate(options)}, default=-1,
                                     return_dtype=pl.Int64).fill_null(-1).to_numpy()  # fmt: skip
        strange = int(((code < 0) & column.is_not_null().to_numpy()).sum())
        if strange:
            add(notes, "answer(s) are no option of their question, left out", strange)
        tables = {
            name: np.bincount(code[inside & (code >= 0)], mass[inside & (code >= 0)], len(options))
            for name, inside in groups.items()
        }
        _add(found, key, text, options, codes, tables, notes)
    return found


def _membership(folder: Path, frame: pl.DataFrame) -> dict[str, np.ndarray]:
    """Find who is in each group that metadata.csv names."""
    found = {OVERALL: np.ones(frame.height, dtype=bool)}
    file = folder / "metadata.csv"
    if not file.is_file():
        return found
    told = read_csv(file, ("key", "options"))
    for row, (attribute, values) in enumerate(told.select("key", "options").iter_rows(), start=1):
        if attribute not in frame.columns:
            continue
        for value in literal(values, list, file, row, "options"):
            found[f"{attribute}/{value}"] = (frame[attribute] == str(value)).fill_null(value=False).to_numpy()
    return found


def _counted(
    folder: Path, infos: list[tuple[str, str, list[str], list[float]]], notes: dict[str, int]
) -> list[Question]:
    read = _data_files(folder)
    found = []
    for key, text, options, codes in infos:
        tables: dict[str, np.ndarray] = {}
        overall = np.zeros(len(options))
        for attribute, (file, data) in read.items():
            if key not in data:
                continue
            parts = dict(_groups_of(data, key, file))
            counts = {name: _in_order(part, options, notes) for name, part in parts.items()}
            total = np.sum(list(counts.values()), axis=0)
            overall = total if total.sum() > overall.sum() else overall
            tables |= {f"{attribute}/{name}": row for name, row in counts.items() if name != _REFUSED}
        if not tables:
            add(notes, "question(s) of info.csv are in no *_data.json, left out")
            continue
        _add(found, key, text, options, codes, {OVERALL: overall, **tables}, notes)
    return found


def _add(
    found: list[Question],
    key: str,
    text: str,
    options: list[str],
    codes: list[float],
    tables: dict[str, np.ndarray],
    notes: dict[str, int],
) -> None:
    """Add a question: its codes name the options that count, the rest are refusals."""
    if len(set(codes)) < 2:
        add(notes, "question(s) without an order (all codes alike), which the paper leaves out too")
        return
    kept = {name: row[: len(codes)] for name, row in tables.items() if row[: len(codes)].sum() > 0}
    if not kept:
        add(notes, "question(s) that nobody answered, left out")
        return
    shares = np.stack([row / row.sum() for row in kept.values()])
    aliases = (text,) if text else ()
    found.append(
        Question(
            key,
            tuple(options[: len(codes)]),
            tuple(kept),
            shares,
            tuple(codes),
            tuple(options[len(codes) :]),
            aliases,
        )
    )


def read_counts(folders: str | Path | Sequence[str | Path]) -> list[Gold]:
    """Read counts by group as Meister et al. (arXiv 2411.05403) score them, a folder a data set.

    All options count, refusals too. Of party, sex and race the paper's groups are kept, of others all.

    Raises
    ------
    DataError
        If a folder has no such file, or one is laid out otherwise.
    """
    found = []
    for folder in [folders] if isinstance(folders, str | Path) else folders:
        questions: list[Question] = []
        rows: dict[str, dict[str, dict[str, float]]] = {}
        texts: dict[str, str] = {}
        for attribute, (file, data) in _data_files(Path(folder)).items():
            keep = MEISTER_GROUPS.get(attribute)
            for key, entry in data.items():
                texts[key] = str(entry.get("question_text", "")) if isinstance(entry, dict) else ""
                for name, part in _groups_of(data, key, file):
                    if (keep is None or name in keep) and sum(part.values()) > 0:
                        rows.setdefault(key, {})[f"{attribute}/{name}"] = part
        for key, parts in rows.items():
            options = tuple(dict.fromkeys(option for part in parts.values() for option in part))
            counts = np.array([[part.get(option, 0.0) for option in options] for part in parts.values()])
            aliases = (texts[key],) if texts[key] else ()
            shares = counts / counts.sum(axis=1, keepdims=True)
            questions.append(
                Question(key, options, tuple(parts), shares, aliases=aliases, source=Path(folder).name)
            )
        found.append(Gold(Path(folder).name, tuple(questions)))
    return found


def _data_files(folder: Path) -> dict[str, tuple[Path, dict[str, Any]]]:
    """Read `ATTRIBUTE_data.json` of single attributes; `NONE_data.json` is the one by party once more."""
    found = {}
    for file in sorted(folder.glob("*_data.json")):
        attribute = file.name.removesuffix("_data.json")
        if attribute != "NONE" and "_" not in attribute:
            found[attribute] = (file, read_object(file))
    if not found:
        fix = "give a folder with responses.csv or ATTRIBUTE_data.json"
        raise DataError("the folder has no answers", file=folder, fix=fix)
    return found


def _groups_of(data: dict[str, Any], key: str, file: Path) -> Iterator[tuple[str, dict[str, float]]]:
    entry = data[key]
    if not isinstance(entry, dict):
        raise DataError("a question is no object", file=file, column=key)
    for name, part in entry.items():
        if name in _NOT_GROUPS:
            continue
        good = isinstance(part, dict) and all(
            isinstance(count, int | float) and np.isfinite(count) and count >= 0 for count in part.values()
        )
        if not good:
            raise DataError(f"the answers of {name} are no counts", file=file, column=key)
        yield name, {str(option): float(count) for option, count in part.items()}


def _in_order(part: dict[str, float], options: list[str], notes: dict[str, int]) -> np.ndarray:
    strange = sum(count for option, count in part.items() if option not in options)
    if strange:
        add(notes, "answer(s) are no option of their question, left out", int(strange))
    return np.array([part.get(option, 0.0) for option in options])


def _once(questions: list[Question], paths: list[Path]) -> None:
    seen: set[str] = set()
    for question in questions:
        if question.key in seen:
            what = f"the question {question.key} is there twice"
            raise DataError(what, file=", ".join(map(str, paths)), fix="give each wave once")
        seen.add(question.key)
