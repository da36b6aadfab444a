"""What a person does at work, composed from occupation, class of worker and industry.

A duty is chosen among those written for the occupation that fit the person's age and class of worker: where
the detailed occupation is known, those that fit all of its major group or name its code (a dentist does not
draw blood); where only the group is known, all of the group's.
"""

from __future__ import annotations

import functools
import tomllib
from importlib import resources

import msgspec
import numpy as np
import polars as pl

from populace.personas.drawing import Entry, Pool
from populace.personas.lists import flagged
from populace.personas.schema import EMPLOYED
from populace.population.codebook import load_codebook

__all__ = ["Duty", "JobParts", "draw_job", "group_of_occupation", "job_parts"]


class Duty(Entry, frozen=True):
    """What somebody of an occupation group may do."""

    codes: tuple[tuple[int, int], ...] = ()
    """Ranges (first, last) of the occupations it fits; none: every occupation of its group."""

    def fits(self, code: int) -> bool:
        """Whether it fits a detailed occupation of its group."""
        return not self.codes or any(first <= code <= last for first, last in self.codes)


class JobParts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The written parts of a job description."""

    employers: dict[str, str]
    """By class of worker."""
    industries: dict[str, str]
    """By major group of industries."""
    duties: dict[str, tuple[Duty, ...]]
    """By major group of occupations."""


@functools.cache
def job_parts() -> JobParts:
    """Load the written parts.

    Examples
    --------
    >>> job_parts().employers["Federal government"]
    'for the federal government'
    """
    source = resources.files("populace.personas").joinpath("data", "jobs.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(source), JobParts)


def group_of_occupation(label: str | None) -> str | None:
    """Code of the major group of an occupation's label, None for a label of none.

    Examples
    --------
    >>> group_of_occupation("Registered Nurses"), group_of_occupation("Legal occupations")
    ('MED', 'LGL')
    """
    return _groups().get(label or "")


def draw_job(frame: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Describe the work of everyone who is employed and whose occupation is known; null for the rest.

    Parameters
    ----------
    frame
        Every attribute as a column.
    rng
        One uniform number a row is taken from it, whether used or not.

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> one = {"age": 44, "employment_status": "Civilian employed, at work", "occupation_category":
    ...     "Legal occupations", "class_of_worker": "Local government",
    ...     "industry_category": "Public administration"}
    >>> draw_job(complete(pl.DataFrame([one])), np.random.default_rng(0))[0].split(", ")[-1]
    'for a local public employer in public administration'
    """
    parts = job_parts()
    employer = pl.col("class_of_worker").replace_strict(parts.employers, default=None, return_dtype=pl.String)
    industry = pl.col("industry_category").replace_strict(_industries(), default=None, return_dtype=pl.String)
    place = pl.concat_str(employer, industry, separator=" ", ignore_nulls=True)
    duty = _duties(frame, rng.random(frame.height))
    text = pl.concat_str(duty, pl.when(place != "").then(place), separator=", ", ignore_nulls=True)
    employed = pl.col("employment_status").is_in(EMPLOYED)
    described = pl.when(employed & duty.is_not_null()).then(text)
    return frame.select(described).to_series().alias("detailed_job_description")


def _duties(frame: pl.DataFrame, uniform: np.ndarray) -> pl.Series:
    """Choose a duty a row; null where the occupation is not known."""
    pool, kinds = _pool()
    occupation = frame.select(
        pl.col("occupation_category").replace_strict(kinds, default=-1, return_dtype=pl.Int32)
    ).to_series()
    # Whoever is employed is of working age, also where the age itself is missing.
    ages = frame["age"].fill_null(40).to_numpy()
    chosen = pl.Series(pool.draw(ages, flagged(frame, pool.flags), uniform, occupation.to_numpy()))
    return pl.Series([each.text for each in pool.entries]).gather(chosen.set(chosen < 0, None)).alias("duty")


@functools.cache
def _pool() -> tuple[Pool, dict[str, int]]:
    """Every duty, and the kind of person by the label of an occupation or of a major group."""
    book = load_codebook("acs_pums").variables["OCCP"]
    duties = [(group, duty) for group, duties in job_parts().duties.items() for duty in duties]
    allowed: dict[str, list[bool]] = {}
    for code, label in book.labels.items():
        if group := book.group_of(code):
            allowed[label] = [group.code == own and duty.fits(code) for own, duty in duties]
    for group in book.groups:
        allowed[group.label] = [group.code == own for own, _ in duties]
    return Pool([duty for _, duty in duties], list(allowed.values())), {
        label: kind for kind, label in enumerate(allowed)
    }


@functools.cache
def _groups() -> dict[str, str]:
    book = load_codebook("acs_pums").variables["OCCP"]
    own = {label: group.code for code, label in book.labels.items() if (group := book.group_of(code))}
    return {**own, **{group.label: group.code for group in book.groups}}


@functools.cache
def _industries() -> dict[str, str]:
    """Label of an industry, or of its major group -> how a job description puts it."""
    book, words = load_codebook("acs_pums").variables["INDP"], job_parts().industries
    groups = {group.label: group.code for group in book.groups}
    own = {label: group.code for code, label in book.labels.items() if (group := book.group_of(code))}
    return {label: words[code] for label, code in {**own, **groups}.items() if code in words}
