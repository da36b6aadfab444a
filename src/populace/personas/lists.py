"""Free text of a persona, drawn from lists written for this project and chosen to fit the person.

An entry says whom it fits: an age range, flags the person must have (`needs`) and flags they must not
(`avoid`). Every fitting entry is equally likely. No flag is about race, Hispanic origin or sex, and those
of religion only keep apart what a religion itself decides (whose service one attends).
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

import msgspec
import numpy as np
import polars as pl

from populace.personas.schema import BIG_FIVE, EMPLOYED

__all__ = ["FLAGS", "MIN_AGE", "Entry", "draw_text", "entries"]

MIN_AGE = 6
"""Youngest age with free text: nobody younger has quirks worth writing down."""

_LOW_INCOME, _HIGH_INCOME = 35_000, 150_000


class Entry(msgspec.Struct, frozen=True):
    """One text and whom it fits."""

    text: str
    min_age: int = MIN_AGE
    max_age: int = 99
    needs: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()

    def fits(self) -> pl.Expr:
        """Boolean expression over a frame that holds `age` and the flags."""
        wanted = [pl.col(f"is_{flag}") for flag in self.needs]
        unwanted = [~pl.col(f"is_{flag}") for flag in self.avoid]
        return pl.all_horizontal(pl.col("age").is_between(self.min_age, self.max_age), *wanted, *unwanted)


def _religion(*names: str) -> pl.Expr:
    return pl.col("religion").is_in(names)


def _traits() -> dict[str, pl.Expr]:
    levels = {"low": ("Extremely Low", "Low"), "high": ("High", "Extremely High")}
    return {
        f"{end}_{trait}": pl.col(trait).is_in(names) for trait in BIG_FIVE for end, names in levels.items()
    }


_EMPLOYMENT = pl.col("employment_status")
_HOUSEHOLD = pl.col("household_type")
_CHILDREN = pl.col("family_presence_and_age")

FLAGS: dict[str, pl.Expr] = {
    "household": _HOUSEHOLD.is_not_null(),
    "alone": _HOUSEHOLD.str.contains("householder living alone"),
    "children": _CHILDREN.str.starts_with("Related") | _HOUSEHOLD.str.contains("with children"),
    "young_children": _CHILDREN.str.contains("under 5"),
    "partner": (
        (pl.col("marital_status") == "Married")
        & ~_HOUSEHOLD.str.contains("householder living alone").fill_null(False)
    )
    | _HOUSEHOLD.str.starts_with("Cohabiting couple"),
    "employed": _EMPLOYMENT.is_in(EMPLOYED),
    "unemployed": _EMPLOYMENT == "Unemployed",
    "armed_forces": _EMPLOYMENT.str.starts_with("Armed forces"),
    "self_employed": pl.col("class_of_worker").str.starts_with("Self-employed") & _EMPLOYMENT.is_in(EMPLOYED),
    "retired": (pl.col("age") >= 62) & (_EMPLOYMENT == "Not in labor force"),
    "veteran": pl.col("veteran_status") == "Veteran",
    "low_income": pl.col("income") < _LOW_INCOME,
    "high_income": pl.col("income") >= _HIGH_INCOME,
    "immigrant": pl.col("citizenship").is_in(["Naturalized citizen", "Not a citizen"]),
    "other_language": pl.col("ability_to_speak_english").is_not_null(),
    "disability": pl.col("disability") == "With a disability",
    **{
        f"{name}_difficulty": pl.col(f"{name}_difficulty") == "Yes"
        for name in ("vision", "hearing", "cognitive")
    },
    "christian": _religion("Protestant", "Catholic", "Other Christian"),
    "jewish": _religion("Jewish"),
    "muslim": _religion("Muslim"),
    "hindu": _religion("Hindu"),
    "buddhist": _religion("Buddhist"),
    "unaffiliated": _religion("Unaffiliated"),
    "religious": pl.col("religion").is_not_null() & ~_religion("Unaffiliated"),
    **_traits(),
}
"""Name of each flag -> expression over the attributes. What is missing is not flagged."""


@functools.cache
def entries(attribute: str) -> tuple[Entry, ...]:
    """Load the list of one free-text attribute.

    Examples
    --------
    >>> len(entries("defining_quirks")) >= 60
    True
    """
    source = resources.files("populace.personas").joinpath("data", f"{attribute}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(source)["entries"], tuple[Entry, ...])


def draw_text(frame: pl.DataFrame, attribute: str, rng: np.random.Generator) -> pl.Series:
    """Draw one fitting text a row, uniformly; null where the age is missing or nothing fits.

    Parameters
    ----------
    frame
        Every attribute as a column.
    attribute
        Name of a list.
    rng
        One uniform number a row is taken from it, whether used or not.
    """
    pool = entries(attribute)
    flagged = frame.select(
        "age", *(flag.fill_null(False).alias(f"is_{name}") for name, flag in FLAGS.items())
    )
    fits = np.column_stack(
        [flagged.select(entry.fits().fill_null(False).alias("fits")).to_series().to_numpy() for entry in pool]
    )
    counts = fits.sum(axis=1)
    rank = np.minimum((rng.random(frame.height) * counts).astype(np.int64), counts - 1)
    # The rank-th fitting entry is the first at which the running count of fitting ones passes the rank.
    chosen = (fits.cumsum(axis=1, dtype=np.int16) > rank[:, None]).argmax(axis=1)
    texts = pl.Series([entry.text for entry in pool])[chosen]
    return pl.select(pl.when(pl.Series(counts > 0)).then(texts)).to_series().alias(attribute)
