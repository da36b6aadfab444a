"""What a person can choose under given bounds, and what they cannot, with the rule that says so.

Every fact is a decision of the engine: a wish is open if it may be applied, a kind of data if it may be
stored by somebody who agreed to everything, a level of strictness if replies are not refused from there on
already.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec

from populace.bounds.decision import Decision
from populace.bounds.hazards import hazards
from populace.bounds.policy.forms import LEVELS, Form, Own
from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Barred", "Facts", "Group", "Kind", "Level", "Option", "facts", "kinds"]

_ASKER = "the person of the form"
_REMEMBER = ("store", "infer", "retain", "read")
_GROUPS = {"traits": "How answers are", "tone": "What is welcome", "": "More"}


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of personal data, as a person would name it."""

    name: str
    title: str
    special: bool = False
    """Whether it is a special category: never ticked beforehand."""


class Barred(msgspec.Struct, frozen=True):
    """Why something is not possible."""

    rule: str
    title: str
    """The rule's own short words, or its basis."""
    authority: str
    basis: str
    tier: int
    appeal: str
    source: str = ""
    """Where the rule's words are from: read, secondary or recalled."""


class Option(msgspec.Struct, frozen=True):
    """Something that can be chosen, or could be but for a rule."""

    id: str
    title: str
    barred: Barred | None = None
    chosen: bool = False
    special: bool = False


class Group(msgspec.Struct, frozen=True):
    """Options that are shown together; of `pairs` at most one of the two."""

    title: str
    pairs: tuple[tuple[Option, Option], ...]
    singles: tuple[Option, ...]


class Level(msgspec.Struct, frozen=True):
    """How strict replies can be made as to one hazard."""

    id: str
    title: str
    meaning: str
    held: int
    """Score from which replies are refused already; 101 where none is."""
    levels: tuple[int, ...]
    """What can be chosen: below `held`."""
    chosen: int | None


class Facts(msgspec.Struct, frozen=True):
    """All that a form's page shows."""

    organisation: str
    laws: tuple[str, ...]
    notice: str
    """What the deployment says has to be known first."""
    form: Form
    groups: tuple[Group, ...]
    own: Barred | None
    """Whether wishes in own words are ruled out."""
    levels: tuple[Level, ...]
    kinds: tuple[Option, ...]
    share: Option
    """Whether others may learn from what is remembered."""
    train: Option
    """Whether models may be trained on it."""
    always: tuple[tuple[str, Barred], ...]
    """What every reply does whatever is chosen: words of the duty, and who says so."""
    purposes: tuple[str, ...]
    unnamed: tuple[str, ...]
    """Kinds of data that the page has no words for."""


@functools.cache
def kinds() -> Mapping[str, Kind]:
    """Give the kinds of data that a form names, by name."""
    text = resources.files("populace.bounds").joinpath("data", "form.toml").read_text("utf-8")
    rows = msgspec.convert(tomllib.loads(text)["kind"], list[Kind])
    return MappingProxyType({row.name: row for row in rows})


def facts(bounds: Bounds, form: Form | None = None, *, organisation: str | None = None) -> Facts:
    """Ask the engine what a person can choose.

    Parameters
    ----------
    form
        What they chose before; their being a minor counts.
    organisation
        Whose rules bind; the deployment's own by default.

    Raises
    ------
    DataError
        If the form names what there is not, or there is no such organisation.
    """
    if organisation is not None and organisation not in (*bounds.organisations, bounds.organisation):
        fix = f"name one of {', '.join(bounds.organisations)}"
        raise DataError(f"there is no organisation {organisation!r}", file=bounds.folder, fix=fix)
    given = form or Form()
    asker = msgspec.structs.replace(Form(_ASKER), minor=given.minor, own=(Own("w1", "a wish"),))
    if form is not None:
        bounds.with_form(form)
    ask = _Asking(bounds.with_form(asker), organisation)
    return Facts(
        organisation=ask.organisation,
        laws=bounds.settings.jurisdictions,
        notice=bounds.settings.notice,
        form=given,
        groups=_groups(ask, given),
        own=ask.why("apply", wish="w1"),
        levels=_levels(ask, given),
        kinds=_kinds(ask, given),
        share=_others(ask, given, "share", "sharing", "Others may learn from what is remembered"),
        train=_others(ask, given, "train", "training", "Models may be trained on what is remembered"),
        always=_always(ask),
        purposes=tuple(ask.bounds.purposes),
        unnamed=tuple(name for name in ask.bounds.kinds if name not in kinds()),
    )


class _Asking:
    """Puts questions to the engine, for somebody who agreed to everything."""

    def __init__(self, bounds: Bounds, organisation: str | None) -> None:
        self.bounds = bounds
        self.organisation = organisation or bounds.organisation
        self.context: dict[str, Any] = {"organisation": self.organisation, "consents": list(bounds.purposes)}
        self.clean = dict.fromkeys(bounds.settings.titles(), 0)
        self._sources = {rule.id: rule.annotations.get("source", "") for rule in bounds.rules}
        self._titles = {rule.id: rule.annotations.get("title", "") for rule in bounds.rules}

    def decide(self, action: str, scores: Mapping[str, int], **more: str) -> Decision:
        given = {**self.clean, **scores}
        return self.bounds.decide(_ASKER, action, scores=given, context=self.context | more)

    def why(self, action: str, **more: str) -> Barred | None:
        """Say why an action is refused; None where it is allowed."""
        told = self.decide(action, {}, **more)
        return None if told.allowed else self.barred(told)

    def barred(self, told: Decision) -> Barred:
        rule = told.rule or ""
        return Barred(
            rule=rule,
            title=self._titles.get(rule) or told.basis or "",
            authority=told.authority or "",
            basis=told.basis or "",
            tier=told.tier or 1,
            appeal=told.appeal or "",
            source=self._sources.get(rule, ""),
        )


def _groups(ask: _Asking, given: Form) -> tuple[Group, ...]:
    choices = ask.bounds.choices
    found = []
    for name, title in _GROUPS.items():
        rows = [each for each in choices.values() if (each.group if each.group in _GROUPS else "") == name]
        options = {
            each.id: Option(
                each.id, each.title or each.text, ask.why("apply", wish=each.id), each.id in given.wishes
            )
            for each in rows
        }
        pairs, done = [], set()
        for each in rows:
            if each.opposite in options and each.id not in done:
                pairs.append((options[each.id], options[each.opposite]))
                done |= {each.id, each.opposite}
        singles = tuple(option for key, option in options.items() if key not in done)
        if options:
            found.append(Group(title, tuple(pairs), singles))
    return tuple(found)


def _levels(ask: _Asking, given: Form) -> tuple[Level, ...]:
    found = []
    for name, title in ask.bounds.settings.titles().items():
        known = hazards().get(name)
        # Rules of tier 1 hold for everybody alike; what is asked here is what tastes differ in.
        if known is not None and known.tier == "1" and known.name not in ("hte", "vcr"):
            continue
        held = _held(ask, name)
        open_levels = tuple(level for level in LEVELS if level < held)
        meaning = known.meaning if known else ""
        found.append(Level(name, title, meaning, held, open_levels, given.strict.get(name)))
    return tuple(found)


def _held(ask: _Asking, name: str) -> int:
    """Find the lowest score from which all replies are refused; 101 where none is.

    The answer is the same between thresholds, so that one score of each span is asked, the highest first.
    """
    held = 101
    for start in sorted(
        {0, *ask.bounds.bundle(ask.organisation).cuts["generate"].get(name, ())}, reverse=True
    ):
        if not 0 <= start <= 100:
            continue
        if ask.decide("generate", {name: start}).allowed:
            break
        held = start
    return held


def _kinds(ask: _Asking, given: Form) -> tuple[Option, ...]:
    found = []
    for name in ask.bounds.kinds:
        kind = kinds().get(name)
        if kind is None:
            continue
        barred = ask.why("store", kind=name, purpose="memory")
        # A special category, and whatever has a consent of its own name, is ticked only where that was given.
        asked = {"memory", name} if name in ask.bounds.purposes or kind.special else {"memory"}
        agreed = asked <= set(given.consents or ())
        kept_out = any(
            name in given.never.get(action, ()) or "*" in given.never.get(action, ()) for action in _REMEMBER
        )
        found.append(Option(name, kind.title, barred, agreed and not kept_out, kind.special))
    order = list(kinds())
    return tuple(sorted(found, key=lambda each: order.index(each.id)))


def _others(ask: _Asking, given: Form, action: str, purpose: str, title: str) -> Option:
    barred = ask.why(action, kind="preferences", purpose=purpose)
    agreed = purpose in (given.consents or ()) and "*" not in given.never.get(action, ())
    return Option(purpose, title, barred, agreed)


def _always(ask: _Asking) -> tuple[tuple[str, Barred], ...]:
    found = []
    for duty in ask.bounds.duties.values():
        barred = ask.why("omit", duty=duty.id)
        if barred is not None:
            found.append((barred.title, barred))
    return tuple(found)
