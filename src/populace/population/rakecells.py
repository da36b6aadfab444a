"""Margins as integers: every person's cell of every margin, checked before any sweep."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.targets import Target, with_readings
from populace.population.weights import Floats, tally, total_of

__all__ = ["Cells", "Codes", "Group", "code_margins", "group_margins", "same_total", "shared_margins_agree"]

Codes = np.ndarray
Group = tuple[Codes, int, list[tuple[int, Codes]]]
"""Joint cell of every person, number of joint cells, and of each margin: its number, cell of a joint cell."""

_AGREE = 1e-6
"""Relative difference up to which totals agree."""
_SHARES = 1.5
"""Targets that add up to so much or less are shares."""
_PERCENT = 2
"""How near to 100 percentages add up."""
_PRODUCT = 1 << 22
"""Largest table made to number joint cells."""


class Cells(msgspec.Struct, frozen=True, eq=False):
    """One margin over the people."""

    given: Target
    target: Floats
    """Counts, one a cell."""
    code: Codes
    """Cell of every person."""

    @property
    def name(self) -> str:
        """Variables of the margin."""
        return self.given.name

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.target)

    @property
    def total(self) -> float:
        """Sum of the targets."""
        return total_of(self.target)

    def label(self, cell: int) -> str:
        """Name a cell."""
        return self.given.label(cell)


def same_total(
    targets: list[Target],
    of_weights: float,
    wanted: float | None,
    *,
    rescale: bool,
    hundred: bool = False,
) -> list[Floats]:
    """Bring shares and counts to one total.

    Targets of a margin that add up to 1.5 or less are shares, unless that is what the weights add up to, or
    shall. With `hundred`, targets that add up to 100 are counts, whatever the weights add up to. The total is
    the wanted one; else that of the first counts; else that of the weights.

    Raises
    ------
    DataError
        If shares do not add up to 1, or counts to different totals, and are not rescaled; or if targets add
        up to about 100, which nobody asked for.
    """
    if wanted is not None and not (np.isfinite(wanted) and wanted > 0):
        raise DataError(f"weights cannot add up to {wanted}", fix="give a total above 0")
    if not of_weights > 0:
        raise DataError(
            f"the weights add up to {of_weights:,.10g}", fix="give weights that add up to more than 0"
        )
    values = [target.cells["target"].to_numpy() for target in targets]
    totals = [total_of(value) for value in values]
    # Targets that add up to what the weights do, or shall, are counts, however small.
    known = of_weights if wanted is None else wanted
    shares = [total <= _SHARES and abs(total - known) > _AGREE * known for total in totals]
    counts = [(t, k) for t, k, share in zip(totals, targets, shares, strict=True) if not share]
    whole = wanted or (counts[0][0] if counts else of_weights)
    for total, target, share in zip(totals, targets, shares, strict=True):
        percent = abs(total - 100) < _PERCENT and not abs(known - 100) < _PERCENT
        if percent and wanted is None and not hundred:
            what = f"the targets add up to {total:,.10g}: these look like percentages"
            fix = "divide them by 100; or, if they are counts, give the total 100"
            raise DataError(what, file=target.file, column=target.name, fix=fix)
        aim, kind = (1.0, "shares") if share else (whole, "targets")
        if rescale or abs(total - aim) <= _AGREE * aim:
            continue
        what = f"the {kind} add up to {total:,.10g}, not to {aim:,.10g}"
        if not share and wanted is None:
            what += f" as those of {counts[0][1].name} do"
        hint = " (percentages? divide them by 100)" if percent else ""
        fix = f"correct the targets{hint}, or pass rescale=True"
        raise DataError(what, file=target.file, column=target.name, fix=fix)
    return [value * (whole / total) for value, total in zip(values, totals, strict=True)]


def shared_margins_agree(targets: list[Target], numbers: list[Floats]) -> None:
    """Check that margins which share variables say the same about these.

    Raises
    ------
    DataError
        At the first category about which two margins disagree.
    """
    frames = [
        target.cells.with_columns(target=pl.Series(number))
        for target, number in zip(targets, numbers, strict=True)
    ]
    for (one, left), (two, right) in itertools.combinations(zip(targets, frames, strict=True), 2):
        shared = [name for name in one.columns if name in two.columns]
        if not shared:
            continue
        texts = [pl.col(name).cast(pl.String) for name in shared]
        sums = [frame.group_by(texts).agg(pl.col("target").sum()) for frame in (left, right)]
        both = sums[0].join(sums[1], on=shared, how="full", nulls_equal=True, coalesce=True)
        both = both.with_columns(pl.col("target", "target_right").fill_null(0.0)).sort(shared)
        whole = total_of(left["target"].to_numpy())
        off = (both["target"] - both["target_right"]).abs() > _AGREE * whole
        for row in off.arg_true().to_list()[:1]:
            *values, first, second = both.row(row)
            label = " × ".join("(none)" if value is None else str(value) for value in values)
            what = f"{label} has {first:,.10g} here, but {second:,.10g} in the margin {two.name}"
            fix = "take both margins from one source, or leave one out"
            raise DataError(what, file=one.file, column=one.name, fix=fix)


def code_margins(
    frame: pl.DataFrame, targets: list[Target], numbers: list[Floats], base: Floats, *, merge: bool = False
) -> tuple[list[Cells], list[str]]:
    """Find every person's cell of every margin.

    Parameters
    ----------
    merge
        Give the target of a category that nobody has to the others of its margin, in proportion; what was
        done is said in words.

    Raises
    ------
    DataError
        If a margin names a category that nobody has, or people have one that it leaves out; or if margins
        that share variables no longer agree once targets were given away.
    """
    names = list(dict.fromkeys(name for target in targets for name in target.columns))
    people = with_readings(frame, names)
    columns = _columns(people, targets)
    cells, notes = [], []
    for target, number in zip(targets, numbers, strict=True):
        keys, key = [], np.zeros(frame.height, dtype=np.int64)
        for name in target.columns:
            column = columns[name]
            # One column needs no product, and its narrow codes no copy.
            key = column.code if len(target.columns) == 1 else key * column.size + column.code
            keys.append(column.code_of(target.cells[name], target))
        sizes = tuple(columns[name].size for name in target.columns)
        code = _places(np.asarray(np.ravel_multi_index(keys, sizes)), key, math.prod(sizes))
        reached, note = _present(target, number, code, base, merge=merge)
        _covered(target, people, code, base)
        cells.append(Cells(target, reached, code))
        notes += [note] if note else []
    if notes:
        shared_margins_agree(targets, [cell.target for cell in cells])
    return cells, notes


class _Column(msgspec.Struct, frozen=True, eq=False):
    """A column as integers."""

    code: Codes
    """Of every person; the last code is for values that no margin names."""
    values: pl.Series
    """What the codes stand for."""

    @property
    def size(self) -> int:
        """Number of codes."""
        return len(self.values) + 1

    def code_of(self, categories: pl.Series, target: Target) -> Codes:
        """Number the categories of a margin."""
        return _numbers(_cast(categories, self.values.dtype, target), self.values)


def _columns(people: pl.DataFrame, targets: list[Target]) -> dict[str, _Column]:
    """Number all columns; those of text in one go, which Polars spreads over its threads."""
    lists = [name for name in people.columns if people[name].dtype in (pl.Categorical, pl.Enum)]
    people = people.with_columns(pl.col(lists).cast(pl.String)) if lists else people
    values, texts = {}, []
    for name in people.columns:
        named = [_cast(t.cells[name], people[name].dtype, t) for t in targets if name in t.columns]
        values[name] = pl.concat(named).unique().sort(nulls_last=True)
        if people[name].dtype == pl.String:
            texts.append(_text_numbers(name, values[name], nulls=people[name].null_count() > 0))
    coded = people.select(texts)
    return {
        name: _Column(
            coded[name].to_numpy() if name in coded.columns else _numbers(people[name], known), known
        )
        for name, known in values.items()
    }


def _text_numbers(name: str, values: pl.Series, *, nulls: bool) -> pl.Expr:
    """Number a column of text by place among distinct values, one past the last where it is not there."""
    known = values.drop_nulls()
    code = (
        pl.col(name).cast(pl.Enum(known), strict=False).to_physical().cast(pl.UInt32).fill_null(len(values))
    )
    return pl.when(pl.col(name).is_null()).then(len(known)).otherwise(code).alias(name) if nulls else code


def _cast(categories: pl.Series, dtype: pl.DataType, target: Target) -> pl.Series:
    """Read a margin's categories as values of the people's column."""
    if dtype == pl.Boolean and categories.dtype == pl.String:
        # Polars reads no text as true or false; files have nothing but text.
        words = categories.str.to_lowercase()
        cast = words.replace_strict({"true": True, "false": False}, default=None, return_dtype=pl.Boolean)
    else:
        try:
            cast = categories.cast(dtype, strict=False)
        except pl.exceptions.PolarsError:
            cast = pl.Series(categories.name, [None] * len(categories), dtype=dtype)
    wrong = (cast.is_null() & categories.is_not_null()).arg_true()
    if len(wrong):
        bad = int(wrong[0])
        what = f"{categories[bad]!r} is no value of a column of {dtype}"
        fix = "write it as the people have it"
        raise DataError(what, file=target.file, column=target.name, row=target.row(bad), fix=fix)
    return cast


def _numbers(series: pl.Series, values: pl.Series) -> Codes:
    """Number a series by place among distinct values, one past the last where it is not among them."""
    known, other = values.drop_nulls(), len(values)
    if series.dtype == pl.String:
        nulls = series.null_count() > 0
        return (
            series.to_frame().select(_text_numbers(series.name, values, nulls=nulls)).to_series().to_numpy()
        )
    if series.dtype.is_integer() and len(known) and known[-1] - known[0] < 1 << 16:
        first = int(known[0])
        table = np.full(int(known[-1]) - first + 3, other, dtype=np.intp)
        table[known.cast(pl.Int64).to_numpy() - first + 1] = np.arange(len(known))
        inside = series.cast(pl.Int64).fill_null(first - 1).to_numpy() - first + 1
        codes = table[np.clip(inside, 0, len(table) - 1)]
    else:
        places = known.alias("value").to_frame().with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64))
        wanted = series.alias("value").to_frame()
        joined = wanted.join(places, on="value", how="left", maintain_order="left")["place"]
        codes = joined.fill_null(other).to_numpy().astype(np.intp)
    # Null comes last among the values; where it is not among them, its place is that of the unknown.
    return np.where(series.is_null().to_numpy(), len(known), codes) if series.null_count() else codes


def _places(own: Codes, key: Codes, size: int) -> Codes:
    """Find the row of the target that each key is; -1 where it is none."""
    if size <= _PRODUCT:
        table = np.full(size, -1, dtype=np.intp)
        table[own] = np.arange(len(own))
        return table[key]
    order = np.argsort(own, kind="stable")
    found = np.searchsorted(own[order], key)
    place = order[np.minimum(found, len(own) - 1)]
    return np.where(own[place] == key, place, -1)


def _covered(target: Target, people: pl.DataFrame, code: Codes, base: Floats) -> None:
    """Everybody who weighs something has a target."""
    if code.min() >= 0:
        return
    lost = np.flatnonzero((code < 0) & (base != 0))
    if not len(lost):
        code[code < 0] = 0  # They weigh nothing, in any cell.
        return
    row = int(lost[0])
    values = people.select(target.columns).row(row)
    label = " × ".join("(none)" if value is None else str(value) for value in values)
    who = "1 person has a category" if len(lost) == 1 else f"{len(lost):,} people have categories"
    raise DataError(
        f"{who} without a target, the first {label} (row {row + 1} of the people)",
        file=target.file,
        column=target.name,
        fix="give a target for them (0 takes their weight away), or leave these people out",
    )


def _present(
    target: Target, number: Floats, code: Codes, base: Floats, *, merge: bool
) -> tuple[Floats, str | None]:
    """Every category that shall weigh something has people; or else its target goes to the others."""
    known = code >= 0
    if not known.all():
        code, base = code[known], base[known]
    empty = (tally(code, base, len(number)) <= 0) & (number > 0)
    if not empty.any():
        return number, None
    cell = int(np.flatnonzero(empty)[0])
    there = np.bincount(code, minlength=len(number))[cell]
    who = "people who all weigh nothing" if there else "no people at all"
    total = total_of(number)
    left = np.where(empty, 0.0, number)
    if not merge or not total_of(left) > 0:
        raise DataError(
            f"{target.label(cell)} shall weigh {number[cell]:,.6g}, but has {who}",
            file=target.file,
            row=target.row(cell) if target.file else None,
            column=target.name,
            fix="check the spelling, merge it with another category, leave it out, or give its target to the "
            "others (missing='merge', or --merge-absent)",
        )
    names = ", ".join(target.label(int(c)) for c in np.flatnonzero(empty))
    share = total_of(np.where(empty, number, 0.0)) / total
    note = f"{target.name}: nobody stands for {names}; their {share:.3%} of the target went to the others"
    return left * (total / total_of(left)), note


def group_margins(cells: list[Cells], people: int) -> list[Group]:
    """Group margins so that each group has few joint cells; a margin alone is a group as well."""
    most = max(people // 8, 1)
    groups: list[Group] = []
    for number in sorted(range(len(cells)), key=lambda k: (cells[k].size, k)):
        cell = cells[number]
        for place, (code, size, members) in enumerate(groups):
            if size * cell.size > _PRODUCT:
                continue
            joint = code * cell.size + cell.code
            used = np.flatnonzero(np.bincount(joint, minlength=size * cell.size))
            if len(used) > most:
                continue
            rename = np.empty(size * cell.size, dtype=np.intp)
            rename[used] = np.arange(len(used))
            before, own = np.divmod(used, cell.size)
            kept = [(k, of[before]) for k, of in members]
            groups[place] = (rename[joint], len(used), [*kept, (number, own)])
            break
        else:
            groups.append((cell.code, cell.size, [(number, np.arange(cell.size))]))
    return groups
