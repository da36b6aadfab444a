"""Published metrics and post-stratified estimates for the command line, as tables for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.table import Table
from rich.text import Text

from populace.errors import StudyError
from populace.opinions import published
from populace.opinions.published import Predictions, Published

__all__ = ["Found", "estimates_table", "scored", "tables_of"]

KINDS = ("opinionqa", "globalopinionqa", "meister")
_ROWS = 40
"""Lines of a table at most; all are in the file of `--out`."""


@dataclass(frozen=True)
class Found:
    """Scores of one metric.

    Attributes
    ----------
    frame
        All scores, a row each.
    parts
        Title -> columns of text -> rows with `value`, `low`, `high`.
    notes
        What was not scored.
    """

    frame: pl.DataFrame
    parts: dict[str, tuple[list[str], pl.DataFrame]]
    notes: tuple[str, ...]


def scored(
    kind: str,
    files: Sequence[Path],
    predictions: Path | None,
    base: str | None,
    groups: tuple[str, ...],
    draws: int,
    seed: int,
) -> Found:
    """Read the files of a kind and score them.

    Raises
    ------
    StudyError
        If the kind is unknown, or an option is missing or does not belong to it.
    DataError
        If a file cannot be read.
    """
    if kind not in KINDS:
        raise StudyError(f"there is no published metric {kind}", fix=f"take one of {', '.join(KINDS)}")
    if (kind == "globalopinionqa") == (base is None):
        what = "needs the base of its logarithm" if base is None else "has no logarithm: leave out --base"
        raise StudyError(f"{kind} {what}", fix="give --base 2 or --base e" if base is None else None)
    if kind == "meister" and predictions is None:
        if groups:
            raise StudyError("the released results have the paper's groups", fix="leave out --group")
        return _released(files, draws, seed)
    if predictions is None:
        raise StudyError(f"{kind} scores a model's distributions", fix="give --predictions FILE")
    found = _of(kind, files, published.read_predictions(predictions), base, groups, draws, seed)
    frame = found.frame()
    title = f"{found.name}: {found.measure} ({found.better} is better; {found.questions:,} questions)"
    return Found(frame, {title: (["group", "who"], frame)}, found.notes)


def _of(
    kind: str,
    files: Sequence[Path],
    given: Predictions,
    base: str | None,
    groups: tuple[str, ...],
    draws: int,
    seed: int,
) -> Published:
    if kind == "meister":
        golds = [gold.group(groups) if groups else gold for gold in published.read_counts(files)]
        return published.total_variation_of(golds, given, draws=draws, seed=seed)
    if kind == "opinionqa":
        gold = published.read_opinion_qa(files)
        gold = gold.group(groups) if groups else gold
        return published.representativeness(gold, given, draws=draws, seed=seed)
    if len(files) != 1:
        raise StudyError("globalopinionqa is one file", fix="give one")
    gold = published.read_global_opinions(files[0])
    gold = gold.group(groups) if groups else gold
    return published.global_opinion_similarity(gold, given, base=_base(str(base)), draws=draws, seed=seed)


def _base(text: str) -> float:
    try:
        value = math.e if text == "e" else float(text)
    except ValueError:
        value = math.nan
    if not 1 < value < math.inf:
        raise StudyError(f"{text!r} is no base of a logarithm", fix="give --base 2 or --base e")
    return value


def _released(files: Sequence[Path], draws: int, seed: int) -> Found:
    """Score the results that Meister et al. released."""
    if len(files) != 1:
        raise StudyError("the released results are one folder", fix="give the folder `results`")
    rows = published.read_meister(files[0])
    distances = published.total_variations(rows, draws=draws, seed=seed)
    gaps = published.gaps(rows, draws=draws, seed=seed)
    parts = {
        "Meister et al.: total variation (lower is better)": (["model", "output", "handling"], distances)
    }
    kinds = [distances.with_columns(pl.lit("total variation").alias("measure"))]
    if gaps.height:
        parts["knowledge-to-simulation gap (0 is none)"] = (["model", "handling"], gaps)
        kinds.append(gaps.with_columns(pl.lit("gap").alias("measure")))
    return Found(pl.concat(kinds, how="diagonal"), parts, rows.notes)


def tables_of(found: Found) -> Iterator[Table]:
    """Lay out scores; long tables are cut, and say so."""
    for title, (columns, frame) in found.parts.items():
        table = Table(title=title)
        for name in columns:
            table.add_column(name, overflow="fold")
        table.add_column("value", justify="right")
        table.add_column("95 %", justify="right")
        for row in frame.head(_ROWS).iter_rows(named=True):
            ends = f"{row['low']:.4f} to {row['high']:.4f}" if row["low"] == row["low"] else "-"
            value = f"{row['value']:.4f}" if row["value"] == row["value"] else "undefined"
            table.add_row(*(Text(str(row[name])) for name in columns), value, ends)
        if frame.height > _ROWS:
            table.caption = f"{frame.height - _ROWS:,} more lines: write them with --out."
        yield table


def estimates_table(frame: pl.DataFrame) -> Table:
    """Lay out estimates of a population beside the survey's own; long tables are cut, and say so."""
    table = Table(title="what the population would answer, %")
    for name in ("item", "group", "option"):
        table.add_column(name, overflow="fold", min_width=8)
    for name in ("is", "95 %", "survey", "95 %", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in frame.head(_ROWS).iter_rows(named=True):
        names = (row["item"], row["group"] or "all", row["option"])
        table.add_row(
            *map(Text, names),
            _percent(row["value"]),
            f"{_percent(row['low'])}-{_percent(row['high'])}",
            _percent(row["survey"]),
            f"{_percent(row['survey_low'])}-{_percent(row['survey_high'])}",
            f"{row['n']:,}",
        )
    if frame.height > _ROWS:
        table.caption = f"{frame.height - _ROWS:,} more lines: write them with --out."
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
