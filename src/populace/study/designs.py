"""What a preset and a design imply for the other settings, and what does not go together.

A setting that a design does not use is refused, never ignored: a study must not be another one than its file
says.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from populace.errors import StudyError

if TYPE_CHECKING:
    from populace.study.settings import Settings

__all__ = ["PAPER_SLOTS", "check", "filled", "held_out", "panel", "repeated"]

PAPER_SLOTS, PAPER_HELD_OUT = 3868, 868
"""Prompts of PERSONA and those of them that are held out (arXiv 2407.17387)."""
_PRESET_SIZE = 1586
_ONLY = {
    "even": (),
    "overlap": ("judges_per_pair",),
    "persona": ("train_pairs", "test_pairs", "held_out_pairs"),
}
"""Settings of [feedback] that only one design has."""
_SPLITS = {"train_pairs": 100, "test_pairs": 50, "held_out_pairs": 50}


def filled(data: Any) -> Any:
    """Fill in what a preset or a design implies and the file leaves out.

    Examples
    --------
    >>> filled({"name": "x", "personas": {"preset": "persona-1586"}})["personas"]
    {'size': 1586, 'minors': True, 'preset': 'persona-1586'}
    """
    if not isinstance(data, dict):
        return data
    found = dict(cast("dict[str, Any]", data))
    if _section(found, "personas").get("preset") is not None:
        found["personas"] = {"size": _PRESET_SIZE, "minors": True, **found["personas"]}
    feedback = _section(found, "feedback")
    if feedback.get("design") == "persona":
        each = [feedback.get(name, usual) for name, usual in _SPLITS.items()]
        if all(isinstance(count, int) for count in each):
            found["feedback"] = {"strangers": 0, "pairs_per_persona": sum(each), **feedback}
        if isinstance(prompts := found.get("prompts", {}), dict):
            found["prompts"] = {"size": PAPER_SLOTS, **prompts}
    return found


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    section = data.get(name)
    return cast("dict[str, Any]", section) if isinstance(section, dict) else {}


def panel(settings: Settings) -> str:
    """Say who judged each pair, for the card."""
    feedback = settings.feedback
    others = feedback.judges_per_pair - 1 if feedback.design == "overlap" else feedback.strangers
    if feedback.pairs != "revision":
        return f"{others + 1} personas, none of whom wrote it"
    if others == 0:
        return "its author"
    return f"its author and {others} strangers"


def repeated(settings: Settings, prompts: int) -> str:
    """Say in how many slots `prompts` prompts stand; nothing where none is repeated."""
    slots = settings.prompts.size
    return f": {prompts:,} prompts stand in {slots:,} slots" if prompts < slots else ""


def held_out(settings: Settings) -> int:
    """Prompts of the design `persona` that no pair to train on may be on."""
    given = settings.prompts.held_out
    return round(settings.prompts.size * PAPER_HELD_OUT / PAPER_SLOTS) if given is None else given


def check(settings: Settings, path: Path | None = None) -> None:
    """Refuse settings that do not go together.

    Raises
    ------
    StudyError
        Names the setting and what to do.
    """
    for part in (_design, _pairs, _judging, _people):
        for column, message, fix in part(settings):
            raise StudyError(message, file=path, column=column, fix=fix)


Conflict = tuple[str, str, str]


def _design(settings: Settings) -> Iterator[Conflict]:
    feedback, prompts = settings.feedback, settings.prompts
    design, given = feedback.design, feedback.model_fields_set
    for other, names in _ONLY.items():
        for name in names:
            if other != design and name in given:
                fix = f'leave it out, or set feedback.design = "{other}"'
                yield f"feedback.{name}", f"the design {design!r} has no such setting", fix
    if design == "overlap":
        for name in ("strangers", "pairs_per_persona"):
            if name in given:
                fix = "use judges_per_pair and prompts.size: there is one pair a prompt"
                yield f"feedback.{name}", "the design 'overlap' has no such setting", fix
    if design != "persona":
        if prompts.held_out is not None:
            fix = 'leave it out, or set feedback.design = "persona"'
            yield "prompts.held_out", f"the design {design!r} has no such setting", fix
        return
    if prompts.split is not None:
        yield "prompts.split", "the design 'persona' needs prompts of both splits", "leave it out"
    each = feedback.train_pairs + feedback.test_pairs + feedback.held_out_pairs
    if each == 0:
        yield "feedback.train_pairs", "no persona has any pair", "raise one of the three numbers of pairs"
    if feedback.pairs_per_persona != each:
        message = f"the three numbers of pairs make {each} a persona"
        yield "feedback.pairs_per_persona", message, "leave it out, or change train_pairs"
    if held_out(settings) > prompts.size:
        yield "prompts.held_out", f"of {prompts.size} prompts", "lower it, or raise prompts.size"


def _pairs(settings: Settings) -> Iterator[Conflict]:
    feedback = settings.feedback
    if feedback.pairs != "revision" and "critique_tokens" in feedback.model_fields_set:
        message = f"{feedback.pairs} pairs have no critique"
        yield "feedback.critique_tokens", message, "leave it out"
    if feedback.pairs == "on-policy" and feedback.temperature == 0:
        yield "feedback.temperature", "two samples at temperature 0 are one answer", "give one above 0"
    if feedback.pairs == "cross-model" and settings.other is None:
        yield "other", "cross-model pairs need a second model", "name it under [other]"
    if feedback.pairs != "cross-model" and settings.other is not None:
        fix = 'leave it out, or set feedback.pairs = "cross-model"'
        yield "other", f"{feedback.pairs} pairs are written by one model", fix


def _judging(settings: Settings) -> Iterator[Conflict]:
    if "samples" not in (settings.feedback.ways or ()):
        for name in ("judge_samples", "judge_temperature", "judge_tokens"):
            if name in settings.feedback.model_fields_set:
                message = "the judge does not write its verdicts"
                yield f"feedback.{name}", message, 'leave it out, or set ways = ["samples"]'


def _people(settings: Settings) -> Iterator[Conflict]:
    if settings.personas.preset is None:
        return
    for name in settings.population.model_fields_set:
        message = f"{settings.personas.preset} draws its own people"
        yield f"population.{name}", message, "leave it out, or leave out personas.preset"
    if settings.personas.size > _PRESET_SIZE:
        message = f"{settings.personas.preset} holds {_PRESET_SIZE:,} personas"
        yield "personas.size", message, "leave it out for all of them"
