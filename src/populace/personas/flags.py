"""Flags: what a written text may ask of a person, each an expression over the attributes.

No flag is about race, Hispanic origin or sex, and those of religion only keep apart what a religion itself
decides (whose service one attends).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.personas.evidence import REGIONS
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, EMPLOYED, attribute
from populace.population.codebook import load_codebook

__all__ = ["FLAGS", "flagged"]

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


def _screen_work() -> list[str]:
    """Labels of occupations done in front of a screen, and of their major groups."""
    book = load_codebook("acs_pums").variables["OCCP"]
    groups = {group.code: group.label for group in book.groups if group.code in ("CMM", "FIN", "BUS", "OFF")}
    owners = ((code, label, book.group_of(code)) for code, label in book.labels.items())
    own = [
        label
        for code, label, group in owners
        if (group and group.code in groups) or code in (2631, 2634, 2640, 2810, 2830, 2840, 2850)
    ]
    return [*groups.values(), *own]


_EMPLOYMENT = pl.col("employment_status")
_HOUSEHOLD = pl.col("household_type")
_CHILDREN = pl.col("family_presence_and_age")
_STATE = pl.col("state")
_NEVER = pl.col("marital_status").str.starts_with("Never").fill_null(False)
_PARENT_AGE, _UNMARRIED_PARENT_AGE = 17, 25
_GRADES = attribute("education").values
_UNSCHOOLED, _LITTLE_SCHOOL = _GRADES[: _GRADES.index("Grade 1")], _GRADES[: _GRADES.index("Grade 5")]

FLAGS: dict[str, pl.Expr] = {
    "household": _HOUSEHOLD.is_not_null(),
    "alone": _HOUSEHOLD.str.contains("householder living alone"),
    "children": _CHILDREN.str.starts_with("Related") | _HOUSEHOLD.str.contains("with children"),
    "young_children": _CHILDREN.str.contains("under 5"),
    "school_children": _CHILDREN.str.contains("5 to 17"),
    # Of grown people who never married, those in a couple's household are mostly its grown children, and
    # those under 25 beside children at school mostly their brothers and sisters.
    "parent": (
        (_CHILDREN.str.starts_with("Related") | _HOUSEHOLD.str.contains("with children"))
        & ~(_NEVER & _HOUSEHOLD.str.starts_with("Married couple").fill_null(False))
        & (
            pl.col("age")
            >= pl.when(_CHILDREN == "Related children under 5 only")
            .then(_PARENT_AGE)
            .when(_NEVER)
            .then(_UNMARRIED_PARENT_AGE)
            .otherwise(_PARENT_AGE + 5)
        )
    ),
    "roommates": _HOUSEHOLD.str.contains("only nonrelatives|not living alone"),
    # In a household outside the family there is no husband or wife.
    "partner": (
        (pl.col("marital_status") == "Married")
        & ~_HOUSEHOLD.str.contains("living alone|only nonrelatives").fill_null(False)
    )
    | _HOUSEHOLD.str.starts_with("Cohabiting couple"),
    "never_married": _NEVER,
    "widowed": pl.col("marital_status") == "Widowed",
    "employed": _EMPLOYMENT.is_in(EMPLOYED),
    "screen_work": _EMPLOYMENT.is_in(EMPLOYED) & pl.col("occupation_category").is_in(_screen_work()),
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
    "not_citizen": pl.col("citizenship") == "Not a citizen",
    "little_english": pl.col("ability_to_speak_english").is_in(["Not well", "Not at all"]),
    # Too little to read and write for pleasure: none from 8 years on, less than five grades from 14 on.
    "no_schooling": (
        (pl.col("education").is_in(_UNSCHOOLED) & (pl.col("age") >= 8))
        | (pl.col("education").is_in(_LITTLE_SCHOOL) & (pl.col("age") >= 14))
    ),
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


def _coded(column: pl.Series) -> tuple[pl.DataFrame, npt.NDArray[np.int64]]:
    """Distinct labels of a column of text, null the last, and which of them each row holds."""
    labels = column.drop_nulls().unique().sort()
    codes = column.cast(pl.Enum(labels)).to_physical().cast(pl.Int64).fill_null(len(labels)).to_numpy()
    return pl.concat([labels, pl.Series([None], dtype=pl.String)]).to_frame(column.name), codes
