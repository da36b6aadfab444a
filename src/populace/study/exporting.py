"""`Study.export`: judged pairs in the forms that other tools read, from a run that is whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from populace.errors import StudyError
from populace.feedback.export import FORMS, Feedback, write
from populace.study.finished import finished, refuse_place
from populace.study.prepare import prepare

if TYPE_CHECKING:
    from populace.feedback.forms import Written
    from populace.study.study import Study

__all__ = ["export"]


def export(study: Study, form: str, out: Path, *, way: str | None, split: str | None) -> Written:
    """Write judged pairs; parameters and errors are those of `Study.export`."""
    if form not in FORMS:
        raise StudyError(f"there is no export {form!r}", fix=f"use one of {', '.join(FORMS)}")
    refuse_place(study, out)
    finished(study, ("prompts", "personas", *(("estimates",) if form == "hf" else ())))
    table, prepared = study.preferences(way), prepare(study.settings, study.base)
    facts: dict[str, str] = {}
    if form == "hf":
        from populace.study.reporting import card_facts

        facts = card_facts(study, table["way"][0])
    feedback = Feedback(
        table=table,
        profiles={} if form in ("hf", "parquet") else prepared.profiles,
        personas=study.table("personas"),
        splits=dict(study.table("prompts").select("prompt_id", "split").drop_nulls().iter_rows()),
        facts=facts,
        seed=study.settings.seed,
        asked=prepared.asked,
        unfinished=prepared.authors.height - study.table("pairs").height,
        only=split,
    )
    return write(form, out, feedback)
