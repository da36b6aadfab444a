"""Where feedback is from: who gave it, under which consent, paid how, told what; and how far they disagree.

A table of feedback has a row for each judgement. Columns are known by several names (`FIELDS`), so that the
judgements of `populace.feedback`, of people (`populace judge`) and tables of other projects are read alike.
What no column says is *not said*, for every row; nothing is guessed. Judgements by a model that plays
persons are counted as a model's.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import msgspec
import numpy as np
import polars as pl

from populace.bounds.documents.pages import Document, Page, Part, Table, day_of
from populace.canonical import file_hash
from populace.errors import DataError
from populace.stats import Estimate
from populace.stats.crossed import crossed_mean

__all__ = ["FIELDS", "Field", "Provenance", "provenance", "read_feedback"]

FIELDS: dict[str, tuple[str, ...]] = {
    "rater": ("rater_id", "rater", "annotator_id", "worker_id", "persona_id", "user_id"),
    "consent": ("consent_id", "consent"),
    "channel": ("channel", "platform", "recruited_by"),
    "pay": ("pay", "payment", "hourly_pay"),
    "country": ("country", "location", "reside_country"),
    "language": ("language", "english_proficiency"),
    "age band": ("age_band", "age"),
    "instructions": ("instructions_hash", "instructions"),
    "item": ("pair_id", "item_id", "utterance_id", "conversation_id", "prompt_id"),
    "model": ("model", "model_name", "revision_model"),
    "score": ("verdict", "choice", "score", "rating", "label", "p"),
    "judge": ("judge", "judge_model"),
}
"""What is to be known of a judgement -> the columns that can say it, the first that is there counts."""
FEW = 10
_SHOWN = 8


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is to be known of each judgement."""

    name: str
    column: str
    """Empty where no column says it."""
    known: int
    """Rows in which it stands."""
    values: int
    common: tuple[tuple[str, int], ...] = ()
    """Its commonest values with how many raters (rows, where there are none) have them; none of few."""


class Provenance(Document, frozen=True, kw_only=True):
    """Where a table of feedback is from."""

    document: ClassVar[str] = "feedback provenance"

    title: str
    date: str
    file: str
    """Name of the file, and its hash."""
    hash: str
    rows: int
    raters: int | None
    items: int | None
    by_models: tuple[tuple[str, int], ...]
    """Models that judged, and how many rows each."""
    most_of_one: float | None
    """Share of the rows that the busiest rater gave."""
    effective_raters: float | None
    """As many raters who gave alike much would weigh the same: one over the sum of squared shares (Kish)."""
    disagreement: Estimate | None
    """Chance that two raters of one item say otherwise, over items with at least two."""
    fields: tuple[Field, ...]

    def missing(self) -> tuple[str, ...]:
        """Give what no row says."""
        return tuple(field.name for field in self.fields if not field.known)

    def page(self) -> Page:
        """Lay it out for people."""
        apart = self.disagreement
        facts = (
            ("File", f"{self.file}, {self.hash}"),
            ("Judgements", f"{self.rows:,}"),
            ("Raters", "" if self.raters is None else f"{self.raters:,}"),
            ("Items", "" if self.items is None else f"{self.items:,}"),
            (
                "Given by models",
                "; ".join(f"{name}: {count:,}" for name, count in self.by_models)
                or "none, as far as it says",
            ),
            ("Share of the busiest rater", "" if self.most_of_one is None else f"{self.most_of_one:.1%}"),
            (
                "Raters, counted by weight",
                "" if self.effective_raters is None else f"{self.effective_raters:,.1f}",
            ),
            (
                "Two raters of one item differ",
                "" if apart is None else f"{apart.value:.0%} ({apart.low:.0%} to {apart.high:.0%})",
            ),
        )
        rows = tuple(
            (
                field.name,
                field.column,
                f"{field.known:,} of {self.rows:,}",
                f"{field.values:,}" if field.column else "",
                "; ".join(f"{value}: {count:,}" for value, count in field.common) or "–",
            )
            for field in self.fields
        )
        table = Table(
            caption=f"What judgements say of where they are from. A value of fewer than {FEW} is not shown.",
            columns=("What", "Column", "Said in", "Values", "Commonest"),
            rows=rows,
            numbers=frozenset({2, 3}),
        )
        gone = self.missing()
        warning = f"No judgement says: {', '.join(gone)}." if gone else ""
        if self.by_models:
            warning = f"Language models gave these judgements, not people. {warning}".strip()
        return Page(
            kind="Provenance of feedback",
            title=self.title,
            lead="Who gave this feedback, and under what conditions, as far as its table says.",
            parts=(
                Part(title="In short", facts=facts, warning=warning),
                Part(title="Field by field", tables=(table,)),
            ),
        )


def read_feedback(path: str | Path) -> pl.DataFrame:
    """Read a table of feedback: Parquet, CSV or JSONL.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    place = Path(path)
    readers = {".parquet": pl.read_parquet, ".csv": pl.read_csv, ".jsonl": pl.read_ndjson}
    if place.suffix not in readers:
        raise DataError("cannot read this kind of table", file=place, fix="give .parquet, .csv or .jsonl")
    try:
        return readers[place.suffix](place)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the table cannot be read ({type(error).__name__})", file=place) from error


def provenance(
    table: pl.DataFrame | str | Path, *, title: str = "Where this feedback is from", date: str | None = None
) -> Provenance:
    """Say where a table of feedback is from.

    Examples
    --------
    >>> rows = pl.DataFrame({"rater_id": list("aba"), "pair_id": list("112"), "choice": list("xyx")})
    >>> found = provenance(rows)
    >>> found.raters, found.items, found.disagreement.value, "pay" in found.missing()
    (2, 2, 1.0, True)

    Raises
    ------
    DataError
        If there are no rows, or the file cannot be read.
    """
    file, digest = "", ""
    if not isinstance(table, pl.DataFrame):
        file, digest = Path(table).name, file_hash(table) if Path(table).is_file() else ""
        table = read_feedback(table)
    if table.is_empty():
        raise DataError("there is no feedback in it", file=file or None)
    column = {
        name: next((each for each in names if each in table.columns), "") for name, names in FIELDS.items()
    }
    rater, item, judge = (column[name] for name in ("rater", "item", "judge"))
    shares = None
    if rater:
        counted = table[rater].drop_nulls().value_counts()["count"].to_numpy()
        shares = counted / counted.sum() if len(counted) else None
    models = table[judge].drop_nulls().cast(pl.String).value_counts(sort=True).rows() if judge else []
    return Provenance(
        title=title,
        date=day_of(date),
        file=file or "a table in memory",
        hash=digest,
        rows=table.height,
        raters=table[rater].drop_nulls().n_unique() if rater else None,
        items=table[item].drop_nulls().n_unique() if item else None,
        by_models=tuple((str(name), int(count)) for name, count in models),
        most_of_one=None if shares is None else float(shares.max()),
        effective_raters=None if shares is None else float(1 / (shares**2).sum()),
        disagreement=_disagreement(table, rater, item, column["score"]),
        fields=tuple(_field(table, name, each, rater) for name, each in column.items()),
    )


def _field(table: pl.DataFrame, name: str, column: str, rater: str) -> Field:
    if not column:
        return Field(name=name, column="", known=0, values=0)
    values = table[column].drop_nulls()
    common: tuple[tuple[str, int], ...] = ()
    # Who rated, and what, is nobody's business; numbers are no groups.
    if name not in ("rater", "consent", "item", "score") and not values.dtype.is_float():
        rows = table.drop_nulls(column)
        people = pl.col(rater).n_unique() if rater and rater != column else pl.len()
        counted = (
            rows.group_by(pl.col(column).cast(pl.String)).agg(people.alias("n")).filter(pl.col("n") >= FEW)
        )
        counted = counted.sort("n", column, descending=[True, False]).head(_SHOWN)
        common = tuple((str(value), int(count)) for value, count in counted.iter_rows())
    return Field(name=name, column=column, known=len(values), values=values.n_unique(), common=common)


def _disagreement(table: pl.DataFrame, rater: str, item: str, score: str) -> Estimate | None:
    if not (rater and item and score) or table[score].dtype.is_float():
        return None
    rows = table.drop_nulls([rater, item, score]).unique([rater, item], keep="first", maintain_order=True)
    same = rows.group_by(item, score).len("n").group_by(item).agg(
        pl.col("n").sum().alias("of"), (pl.col("n") * (pl.col("n") - 1)).sum().alias("same")
    ).filter(pl.col("of") > 1).sort(item)  # fmt: skip
    if same.is_empty():
        return None
    apart = 1 - same["same"] / (same["of"] * (same["of"] - 1))
    return crossed_mean(apart, np.arange(len(apart)))
