"""What a report is made from: the tables of a study and the few facts that stand in none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from populace.feedback.shortcuts import Finding

__all__ = ["ReportContent", "Stage"]


class Stage(NamedTuple):
    """What one stage of a run took."""

    name: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    dollars: float | None
    """None where no price is known, as for a model on the own machine."""


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """Everything the report shows. The frames have the columns of `docs/design/main-job.md`.

    A frame may be empty where a study did not get that far: its part of the page then says so.
    """

    study_name: str
    people: pl.DataFrame
    """The population drawn, one row a person, with label columns. Drawn by weight, so each counts once."""
    personas: pl.DataFrame
    prompts: pl.DataFrame
    pairs: pl.DataFrame
    judgements: pl.DataFrame
    estimates: pl.DataFrame
    census: pl.DataFrame
    """`attribute, value, share`: weighted census margins; the shares of an attribute sum to one. For a
    numeric column of `people` (age, income) a value is a range: `under 18`, `18-34`, `65 and over`."""
    drawn: int
    """People put before the consistency rules."""
    removed: Mapping[str, int]
    """Rule -> people it removed; a person counts once, at the first rule they broke."""
    stages: Sequence[Stage | tuple[str, int, int, int, float, float | None]]
    provenance: Mapping[str, str]
    """Label -> text, shown in this order."""
    model_identity: str
    """The model that wrote the answers, with `, judged by ...` where another one judged."""
    model_note: str
    """A plain sentence on what this model can and cannot show."""
    examples: Sequence[str] = ()
    """Example personas as a model is given them."""
    warnings: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    """The audits of shortcuts; none where they were not made."""
