"""Changes of settings, lists and forms between two versions, and whether they may allow what was refused.

Of rules it is proved what they allow and forbid (see `differences`). Of what stands beside them less can be
proved: a change counts as one that may allow more unless it is shown here that it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from populace.bounds.policy.forms import Form
from populace.bounds.policy.reader import Thing
from populace.bounds.policy.schema import DATA_ACTIONS
from populace.bounds.policy.search import Search
from populace.bounds.policy.settings import NOBODY, OWN, Duty
from populace.bounds.policy.space import Formula, Space, as_tree
from populace.bounds.policy.words import as_list
from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Change", "known_organisations", "listed", "settings_changed"]

_MOST = 3
"""Sentences that are quoted of a form's preview; what is beyond is counted."""
_MAY = " This may allow more."
_COMPARED = ("organisation", "provider", "minor", "known", "hazards")
_HARMLESS = (*_COMPARED, "appeal", "title", "notice", "audit", "card", "documents")
"""Settings that allow nothing by themselves; any other that changed may."""


class Change(msgspec.Struct, frozen=True):
    """One change, in a sentence."""

    kind: Literal["forbidden", "allowed", "record", "setting", "list"]
    """`forbidden` and `allowed` are changes of what may be done; the others of what is said about it."""
    sentence: str
    organisations: tuple[str, ...] = ()
    """At whom; none where it is everybody."""
    rule: str = ""
    tier: int | None = None
    authority: str = ""
    widens: bool = False
    """Whether it allows what was refused, or may, as far as can be shown."""


def known_organisations(bounds: Bounds) -> tuple[str, ...]:
    """Give the organisations that a request can name."""
    return (*bounds.organisations, *((NOBODY,) if bounds.organisation == NOBODY else ()))


def settings_changed(old: Bounds, new: Bounds) -> Iterator[Change]:
    """Tell what `bounds.toml` says otherwise, and which words of requests became known."""
    before, after = old.table, new.table
    for key in before:
        if before[key] != after[key]:
            may = _loosens(key, old, new)
            said = f"bounds.toml: {key} was {before[key]!r} and is {after[key]!r}."
            yield Change("setting", said + (_MAY if may else ""), widens=may)
    for what, was, now in (
        ("at the organisation", known_organisations(old), known_organisations(new)),
        ("in the jurisdiction", old.laws, new.laws),
        ("for the purpose", old.purposes, new.purposes),
    ):
        for name in sorted({*now} - {*was}):
            said = f"Requests {what} {name} are decided now; until now each was refused."
            yield Change("list", said, widens=True)
    for kind in sorted({*new.kinds} - {*old.kinds}):
        done = [action for action in DATA_ACTIONS if _possible(new, action, Thing("Datum", kind, kind))]
        may = f"; of these may be allowed: {as_list(done, 'and')}" if done else ", and all are forbidden"
        said = f"Requests about data of the kind {kind} are decided now; until now each was refused"
        yield Change("list", f"{said}{may}.", widens=bool(done))
    for name in old.organisations:
        if name not in new.organisations:
            yield Change("list", f"The organisation {name} is gone; requests that name it are refused.")


def _loosens(key: str, old: Bounds, new: Bounds) -> bool:
    """Whether a setting may allow more by itself.

    Organisation, provider, age and jurisdictions are put into the rules of both versions, which are compared;
    a hazard of one's own is only something more that rules may read.
    """
    was, now = old.table[key], new.table[key]
    if key == "limits":
        return now["seconds"] > was["seconds"] or now["tier2"] == "allow"
    if key == "predicates":
        return {**was, "cache": 0} != {**now, "cache": 0}
    if key == "jurisdictions":
        # Where none applied, a request that named none was refused.
        return not was and bool(old.laws)
    if key in ("kinds", "purposes"):
        # A form can agree to what is listed here, and not to what rules alone know.
        return bool(({*was} ^ {*now}) & {*old.purposes} & {*new.purposes})
    return key not in _HARMLESS


def listed(old: Bounds, new: Bounds) -> Iterator[Change]:
    """Tell which duties, wishes and forms came, went, or are others."""
    for name in _differ(old.duties, new.duties):
        was, now = old.duties.get(name), new.duties.get(name)
        yield _change("duty", name, was, now, _duty_loosens(old, new, was, now))
    for name in _differ(old.wishes, new.wishes):
        was, now = old.wishes.get(name), new.wishes.get(name)
        may = now is not None and _possible(new, "apply", Thing("Wish", now.id, now.topic))
        yield _change("wish", name, was, now, may)
    for name in _differ(old.forms, new.forms):
        was, now = old.forms.get(name), new.forms.get(name)
        may = _form_loosens(was or Form(name), now or Form(name), new)
        more = _previewed(was or Form(name), now or Form(name), new) if may else ""
        yield _change("form of", name, was, now, may, more)


def _differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterable[str]:
    return [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]


def _change(what: str, name: str, was: Any, now: Any, may: bool, more: str = "") -> Change:
    said = "is new" if was is None else "is gone" if now is None else "is another"
    return Change("list", f"The {what} {name} {said}.{_MAY if may else ''}{more}", widens=may)


def _possible(bounds: Bounds, action: str, thing: Thing) -> bool:
    """Whether there is a situation at any organisation in which an action on a thing is not forbidden."""
    for name in known_organisations(bounds):
        bundle = bounds.bundle(name)
        trees = [as_tree(rule) for rule in bundle.rules if action in rule.actions]
        quiet = [Formula(tree) for tree in trees]
        if Search(Space(bundle, trees, action)).find([], quiet, {("resource",): thing}) is not None:
            return True
    return False


def _duty_loosens(old: Bounds, new: Bounds, was: Duty | None, now: Duty | None) -> bool:
    """Whether a reply may leave out, or use, what it could not."""
    if was is None or now is None:
        # A duty that clashes can make another give way; one that nobody required is missed by nobody.
        return bool(now and now.clashes) or bool(was and _required(old, was))
    more = msgspec.structs.replace(was, excludes=now.excludes)
    named = {OWN} | {word for wish in new.wishes.values() for word in (wish.id, wish.topic)}
    return more != now or bool(({*was.excludes} - {*now.excludes}) & named)


def _required(bounds: Bounds, duty: Duty) -> bool:
    thing = {("resource",): Thing("Duty", duty.id)}
    for name in known_organisations(bounds):
        bundle = bounds.bundle(name)
        for tree in (as_tree(rule) for rule in bundle.rules if "omit" in rule.actions):
            if Search(Space(bundle, [tree], "omit")).find([Formula(tree)], given=thing) is not None:
                return True
    return False


def _form_loosens(was: Form, now: Form, new: Bounds) -> bool:
    """Whether a form leaves out anything that forbade, or chooses anything that was not chosen."""
    if {*now.wishes} - {*was.wishes} or {*now.own} - {*was.own} or {*was.paused} - {*now.paused}:
        return True
    if any(now.strict.get(name, 101) > level for name, level in was.strict.items()):
        return True
    for action, kinds in was.never.items():
        held = now.never.get(action, ())
        if "*" not in held and {*kinds} - {*held}:
            return True
    if was.minor and not now.minor:
        return True
    if was.consents == now.consents:
        return False
    # Where a form says nothing of consents, those that the application tells of count, and no others.
    more = now.consents is None or bool({*now.consents} - {*(was.consents or ())})
    return more or any(_asks_agreed(as_tree(rule)) for rule in new.rules)


def _asks_agreed(node: Any, *, negated: bool = False) -> bool:
    """Whether an expression can come to hold because somebody agreed to something."""
    ((name, inner),) = node.items()
    if name in ("&&", "||"):
        return any(_asks_agreed(inner[side], negated=negated) for side in ("left", "right"))
    if name == "!":
        return _asks_agreed(inner["arg"], negated=not negated)
    return "consents" in str(node) and not (negated and name.startswith("contains"))


def _previewed(was: Form, now: Form, new: Bounds) -> str:
    """Quote what the preview says that a form allows."""
    try:
        told = new.with_form(was).preview(now).allowed
    except DataError:
        return " What it said before is not known any more."
    more = f"; and {len(told) - _MOST} more" if len(told) > _MOST else ""
    return f" Allowed by it: {'; '.join(told[:_MOST])}{more}." if told else ""
