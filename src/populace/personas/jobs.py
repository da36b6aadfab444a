"""What a person does at work, composed from occupation, class of worker and industry."""

from __future__ import annotations

import functools
import tomllib
from importlib import resources
from typing import Any

import numpy as np
import polars as pl

from populace.personas.schema import EMPLOYED
from populace.population.codebook import load_codebook

__all__ = ["draw_job", "job_parts"]


@functools.cache
def job_parts() -> dict[str, Any]:
    """Load the written parts: `duties`, `employers` and `industries`."""
    source = resources.files("populace.personas").joinpath("data", "jobs.toml").read_text("utf-8")
    return tomllib.loads(source)


@functools.cache
def _group_of_label(variable: str) -> dict[str, str]:
    """Label of an occupation or industry, or of its major group -> code of the major group."""
    book = load_codebook("acs_pums").variables[variable]
    groups = {group.label: group.code for group in book.groups}
    own = {label: group.code for code, label in book.labels.items() if (group := book.group_of(code))}
    return {**groups, **own}


def draw_job(frame: pl.DataFrame, rng: np.random.Generator) -> pl.Series:
    """Describe the work of everyone who is employed and whose occupation is known; null for the rest.

    Parameters
    ----------
    frame
        Columns `employment_status, occupation_category, industry_category, class_of_worker`.
    rng
        One uniform number a row is taken from it, whether used or not.

    Examples
    --------
    >>> one = {"employment_status": "Civilian employed, at work", "occupation_category": "Legal occupations",
    ...     "class_of_worker": "Local government", "industry_category": "Public administration"}
    >>> draw_job(pl.DataFrame([one]), np.random.default_rng(0))[0].split(", ")[-1]
    'for a local public employer in public administration'
    """
    parts = job_parts()
    groups = frame["occupation_category"].replace_strict(
        _group_of_label("OCCP"), default=None, return_dtype=pl.String
    )
    duties = [
        options[int(at * len(options))] if (options := parts["duties"].get(group)) else None
        for group, at in zip(groups.to_list(), rng.random(frame.height).tolist(), strict=True)
    ]
    industry = (
        pl.col("industry_category")
        .replace_strict(_group_of_label("INDP"), default=None, return_dtype=pl.String)
        .replace_strict(parts["industries"], default=None, return_dtype=pl.String)
    )
    employer = pl.col("class_of_worker").replace_strict(
        parts["employers"], default=None, return_dtype=pl.String
    )
    place = pl.concat_str(employer, industry, separator=" ", ignore_nulls=True)
    text = pl.concat_str(
        pl.Series("duty", duties, dtype=pl.String),
        pl.when(place != "").then(place),
        separator=", ",
        ignore_nulls=True,
    )
    employed = pl.col("employment_status").is_in(EMPLOYED)
    known = pl.Series("duty", duties, dtype=pl.String).is_not_null()
    return frame.select(pl.when(employed & known).then(text)).to_series().alias("detailed_job_description")
