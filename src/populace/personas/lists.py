"""Free text of a persona, drawn from lists written for this project and chosen to fit the person.

An entry says whom it fits: an age range, flags the person must have (`needs`) and flags they must not
(`avoid`). Every fitting entry is equally likely. No flag is about race, Hispanic origin or sex, and those
of religion only keep apart what a religion itself decides (whose service one attends).
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.personas.drawing import MIN_AGE, Entry, Pool
from populace.personas.evidence import REGIONS
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, EMPLOYED

__all__ = ["FLAGS", "MIN_AGE", "Entry", "draw_text", "draw_texts", "entries", "flagged", "pool"]

_LOW_INCOME, _HIGH_INCOME = 35_000, 150_000

_SNOW = (
    *("Alaska", "Colorado", "Connecticut", "Idaho", "Illinois", "Indiana", "Iowa", "Maine", "Massachusetts"),
    *("Michigan", "Minnesota", "Montana", "Nebraska", "New Hampshire", "New York", "North Dakota", "Ohio"),
    *("Pennsylvania", "Rhode Island", "South Dakota", "Utah", "Vermont", "Wisconsin", "Wyoming"),
)
"""States where snow lies in most winters nearly everywhere that people live."""
_WARM = ("Arizona", "California", "Florida", "Georgia", "Hawaii", "Louisiana", "Puerto Rico", "Texas")
"""States whose winters are mild where most people live."""
_COAST = (
    *("Alabama", "Alaska", "California", "Connecticut", "Delaware", "Florida", "Georgia", "Hawaii"),
    *("Louisiana", "Maine", "Maryland", "Massachusetts", "Mississippi", "New Hampshire", "New Jersey"),
    *("New York", "North Carolina", "Oregon", "Puerto Rico", "Rhode Island", "South Carolina", "Texas"),
    *("Virginia", "Washington"),
)
"""States on an ocean or the Gulf."""


def _religion(*names: str) -> pl.Expr:
    return pl.col("religion").is_in(names)


def _levels(*columns: str) -> dict[str, pl.Expr]:
    """Flags `low_x` and `high_x` of attributes with levels."""
    levels = {"low": ("Extremely Low", "Low"), "high": ("High", "Extremely High")}
    return {f"{end}_{name}": pl.col(name).is_in(labels) for name in columns for end, labels in levels.items()}


_EMPLOYMENT = pl.col("employment_status")
_HOUSEHOLD = pl.col("household_type")
_CHILDREN = pl.col("family_presence_and_age")
_STATE = pl.col("state")

FLAGS: dict[str, pl.Expr] = {
    "household": _HOUSEHOLD.is_not_null(),
    "alone": _HOUSEHOLD.str.contains("householder living alone"),
    "children": _CHILDREN.str.starts_with("Related") | _HOUSEHOLD.str.contains("with children"),
    "young_children": _CHILDREN.str.contains("under 5"),
    # Of grown people who never married, those in a couple's household are mostly its grown children.
    "parent": (
        (_CHILDREN.str.starts_with("Related") | _HOUSEHOLD.str.contains("with children"))
        & ~(
            pl.col("marital_status").str.starts_with("Never").fill_null(False)
            & _HOUSEHOLD.str.starts_with("Married couple").fill_null(False)
        )
    ),
    "roommates": _HOUSEHOLD.str.contains("only nonrelatives|not living alone"),
    "partner": (
        (pl.col("marital_status") == "Married")
        & ~_HOUSEHOLD.str.contains("householder living alone").fill_null(False)
    )
    | _HOUSEHOLD.str.starts_with("Cohabiting couple"),
    "never_married": pl.col("marital_status").str.starts_with("Never"),
    "widowed": pl.col("marital_status") == "Widowed",
    "employed": _EMPLOYMENT.is_in(EMPLOYED),
    "unemployed": _EMPLOYMENT == "Unemployed",
    "out_of_labor_force": _EMPLOYMENT == "Not in labor force",
    "armed_forces": _EMPLOYMENT.str.starts_with("Armed forces"),
    "self_employed": pl.col("class_of_worker").str.starts_with("Self-employed") & _EMPLOYMENT.is_in(EMPLOYED),
    "government": pl.col("class_of_worker").str.ends_with("government") & _EMPLOYMENT.is_in(EMPLOYED),
    "unpaid": (pl.col("class_of_worker") == "Unpaid family worker") & _EMPLOYMENT.is_in(EMPLOYED),
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
    **{region.lower(): _STATE.is_in(states) for region, states in REGIONS.items()},
    "snow": _STATE.is_in(_SNOW),
    "warm": _STATE.is_in(_WARM),
    "coast": _STATE.is_in(_COAST),
    "christian": _religion("Protestant", "Catholic", "Other Christian"),
    "jewish": _religion("Jewish"),
    "muslim": _religion("Muslim"),
    "hindu": _religion("Hindu"),
    "buddhist": _religion("Buddhist"),
    "unaffiliated": _religion("Unaffiliated"),
    "religious": pl.col("religion").is_not_null() & ~_religion("Unaffiliated"),
    **_levels(*BIG_FIVE, *BASIC_VALUES),
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


@functools.cache
def pool(attribute: str) -> Pool:
    """Give the list of one free-text attribute, ready for drawing."""
    return Pool(entries(attribute))


def flagged(frame: pl.DataFrame, names: Sequence[str] = tuple(FLAGS)) -> npt.NDArray[np.bool_]:
    """Work out flags of every row.

    Parameters
    ----------
    frame
        Every attribute as a column.
    names
        Flags, as `FLAGS` names them.

    Returns
    -------
    Booleans, shape (rows, flags).

    Examples
    --------
    >>> flagged(pl.DataFrame({"religion": ["Jewish", None]}), ["jewish", "religious"]).tolist()
    [[True, True], [False, False]]
    """
    found = np.zeros((frame.height, len(names)), dtype=np.bool_, order="F")
    coded: dict[str, tuple[pl.DataFrame, npt.NDArray[np.int64]]] = {}
    for place, name in enumerate(names):
        flag = FLAGS[name].fill_null(False)
        columns = FLAGS[name].meta.root_names()
        if len(columns) > 1 or frame.schema[columns[0]] != pl.String:
            found[:, place] = frame.select(flag).to_series().to_numpy()
            continue
        # Text is compared once a label, not once a row.
        if columns[0] not in coded:
            coded[columns[0]] = _coded(frame[columns[0]])
        labels, codes = coded[columns[0]]
        found[:, place] = labels.select(flag).to_series().to_numpy()[codes]
    return found


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

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> draw_text(complete(pl.DataFrame({"age": [3]})), "lifestyle", np.random.default_rng(0)).to_list()
    [None]
    """
    return draw_texts(frame, {attribute: rng})[0]


def draw_texts(frame: pl.DataFrame, generators: Mapping[str, np.random.Generator]) -> list[pl.Series]:
    """Do the same for several lists at once: what the lists ask of a person is worked out once.

    Parameters
    ----------
    frame
        Every attribute as a column.
    generators
        Name of a list -> its generator, one uniform number a row.
    """
    names = tuple(sorted({flag for each in generators for flag in pool(each).flags}))
    flags = flagged(frame, names)
    ages = frame["age"].fill_null(-1).to_numpy()
    drawn = []
    for attribute, rng in generators.items():
        ready = pool(attribute)
        mine = flags[:, [names.index(flag) for flag in ready.flags]]
        chosen = pl.Series(ready.draw(ages, mine, rng.random(frame.height)))
        texts = pl.Series([entry.text for entry in ready.entries])
        drawn.append(texts.gather(chosen.set(chosen < 0, None)).alias(attribute))
    return drawn


def _coded(column: pl.Series) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
    """Distinct labels of a column of text, null the last, and which of them each row holds."""
    labels = column.drop_nulls().unique().sort()
    codes = column.cast(pl.Enum(labels)).to_physical().cast(pl.Int64).fill_null(len(labels)).to_numpy()
    return pl.concat([labels, pl.Series([None], dtype=pl.String)]).to_frame(column.name), codes
