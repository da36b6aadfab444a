"""What an import found: every value that was read otherwise than it is written, or not at all."""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from populace.atomic import atomic_path, write_atomic
from populace.errors import DataError
from populace.personas.imports.wording import How

__all__ = ["Defect", "ImportReport", "RuleNote", "ValueNote"]


class ValueNote(msgspec.Struct, frozen=True):
    """One value of one attribute as the file writes it."""

    attribute: str
    raw: str
    ours: str | None
    """What it became; None if nothing. Several values, by sex, are separated by " / "."""
    how: How
    count: int
    """Personas that have it."""
    row: int
    """First row of the file that has it, counted from 1."""


class Defect(msgspec.Struct, frozen=True):
    """Something wrong with the data themselves."""

    name: str
    description: str
    count: int
    share: float
    """Of the personas, or of the values where the description says so."""
    row: int | None
    """First row of the file that has it."""


class RuleNote(msgspec.Struct, frozen=True):
    """How often a rule of ours is broken, beside real people."""

    name: str
    kind: str
    description: str
    count: int
    share: float
    real: float | None
    """Weighted share of real people who break it; None where the microdata do not tell."""
    row: int


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole account of one import."""

    source: str
    citation: str
    licence: str
    url: str
    file: str
    hash: str
    """BLAKE2b of the file's bytes."""
    rows: int
    """Rows of the file."""
    personas: int
    """Different personas kept."""
    merged: int
    """People who, once read, were the same as another: one persona with the sum of their weights."""
    removed: int
    """Personas removed because they break a hard rule; 0 unless that was asked for."""
    columns: dict[str, str]
    """Column or key of the file -> attribute."""
    left: dict[str, int]
    """Columns or keys for which there is no attribute, and how many personas have a value."""
    values: tuple[ValueNote, ...]
    """Every value that is not our own label already, by attribute and row. Free text is not listed."""
    defects: tuple[Defect, ...]
    rules: tuple[RuleNote, ...]
    """Rules that are broken at all, most often broken first."""
    notes: tuple[str, ...] = ()

    @property
    def unread(self) -> tuple[ValueNote, ...]:
        """Values that were not understood, and are missing in the personas."""
        return tuple(each for each in self.values if each.how == "unread")

    @property
    def changed(self) -> tuple[ValueNote, ...]:
        """Values that became another wording, or were interpreted."""
        return tuple(each for each in self.values if each.how in ("spelling", "wording", "reading"))

    @property
    def missing(self) -> tuple[ValueNote, ...]:
        """Values that say that nothing is known."""
        return tuple(each for each in self.values if each.how == "missing")

    def frame(self) -> pl.DataFrame:
        """Give `values` as a table."""
        schema = {
            **dict.fromkeys(("attribute", "raw", "ours", "how"), pl.String),
            **dict.fromkeys(("count", "row"), pl.Int64),
        }
        return pl.DataFrame([msgspec.structs.asdict(each) for each in self.values], schema=schema)

    def save(self, path: str | Path) -> None:
        """Write everything as JSON, or the table of values as Parquet, as the name's ending says.

        Raises
        ------
        DataError
            If the name ends in neither.
        """
        ending = Path(path).suffix
        if ending == ".json":
            write_atomic(path, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")
        elif ending == ".parquet":
            with atomic_path(path) as temporary:
                self.frame().write_parquet(temporary, compression="zstd")
        else:
            raise DataError("a report is .json or .parquet", file=path, fix="change the name's ending")

    def text(self, most: int = 12) -> str:
        """Say it in words, at most `most` lines of a kind."""
        lines = [
            f"{self.source} ({self.licence}): {self.rows:,} rows, {self.personas:,} personas"
            + (f", {self.merged:,} merged with an equal one" if self.merged else "")
            + (f", {self.removed:,} removed" if self.removed else "")
        ]
        lines += self.notes
        if self.left:
            lines.append("no attribute for: " + ", ".join(f"{key} ({n:,})" for key, n in self.left.items()))
        for title, found in (("not understood", self.unread), ("interpreted", _of(self.changed, "reading"))):
            lines += _section(title, found, most)
        spelled = len(self.changed) - len(_of(self.changed, "reading"))
        lines.append(f"{spelled:,} more values were spelled or worded otherwise")
        lines += [
            f"{each.name}: {_how_many(each)}, first in row {each.row}: {each.description}"
            for each in self.defects
        ]
        for each in self.rules[:most]:
            real = "not known" if each.real is None else _percent(each.real)
            lines.append(f"breaks {each.name} ({each.kind}): {_how_many(each)}; real people: {real}")
        if len(self.rules) > most:
            lines.append(f"... and {len(self.rules) - most} more rules")
        return "\n".join(lines)


def _of(values: tuple[ValueNote, ...], how: str) -> tuple[ValueNote, ...]:
    return tuple(each for each in values if each.how == how)


def _section(title: str, values: tuple[ValueNote, ...], most: int) -> list[str]:
    if not values:
        return []
    often = sorted(values, key=lambda each: -each.count)
    lines = [f"{len(values):,} values {title}, in {sum(each.count for each in values):,} places"]
    for each in often[:most]:
        became = "" if each.ours is None else f" -> {each.ours}"
        lines.append(f"  {each.attribute}: {each.raw!r}{became} ({each.count:,}, first in row {each.row})")
    if len(values) > most:
        lines.append(f"  ... and {len(values) - most:,} more")
    return lines


def _how_many(each: Defect | RuleNote) -> str:
    return f"{each.count:,} ({_percent(each.share)})"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
