"""What a request is about, checked: whatever is unknown or of the wrong kind is a refusal, never a guess."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from populace.bounds.policy.folder import Folder
from populace.bounds.policy.forms import Form
from populace.bounds.policy.schema import ACTIONS, DATA_ACTIONS, RESOURCES
from populace.bounds.policy.settings import NOBODY

__all__ = ["KEYS", "Refusal", "Situation", "check_text", "read_scores", "read_situation"]

KEYS = ("jurisdiction", "organisation", "minor", "purpose", "consents", "kind", "duty", "wish")
"""What a request's context can say."""


class Refusal(Exception):  # noqa: N818 (it is an answer, and no failure)
    """The engine's own refusal, before any rule is asked."""

    def __init__(self, rule: str, what: str) -> None:
        super().__init__(what)
        self.rule, self.what = f"base.{rule}", what


class Situation(msgspec.Struct, frozen=True):
    """Who asks for what, where."""

    user: str
    action: str
    organisation: str
    laws: tuple[str, ...]
    minor: bool
    purpose: str
    consents: tuple[str, ...]
    resource: tuple[str, str]
    """Type and id of what it is done to."""

    def context(self, scores: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Write the request's context, but for verdicts that are to be entities."""
        return {
            "s": {name: {"score": score} for name, score in (scores or {}).items()},
            "law": self.laws,
            "org": {"__entity": {"type": "Org", "id": self.organisation}},
            "minor": self.minor,
            "purpose": self.purpose,
            "consents": self.consents,
        }


def read_situation(
    folder: Folder, form: Form | None, user: Any, action: Any, context: Mapping[str, Any] | None
) -> Situation:
    """Check a request.

    Raises
    ------
    Refusal
        If anything in it is unknown or of the wrong kind.
    """
    if context is not None and not isinstance(context, Mapping):
        raise Refusal("context", "a context is a table of what is known of the request")
    told = dict(context or {})
    _check_user(user)
    if not isinstance(action, str) or action not in ACTIONS:
        raise Refusal("action", f"there is no action {_short(action)}")
    strange = [key for key in told if key not in KEYS]
    if strange:
        raise Refusal("context", f"there is nothing {_short(strange[0])} in a situation")
    known = (
        (*folder.organisations, NOBODY) if folder.settings.organisation == NOBODY else folder.organisations
    )
    organisation = told.get("organisation", folder.settings.organisation)
    if organisation not in known:
        raise Refusal("organisation", f"there is no organisation {_short(organisation)}")
    purpose = told.get("purpose")
    if purpose is None and action not in DATA_ACTIONS:
        purpose = "chat"
    elif purpose not in folder.purposes:
        raise Refusal(
            "purpose", f"there is no purpose {_short(purpose)}" if purpose else "no purpose is said"
        )
    return Situation(
        user=user,
        action=action,
        organisation=organisation,
        laws=_laws(folder, told.get("jurisdiction", ())),
        minor=_minor(folder, form, told.get("minor")),
        purpose=purpose,
        consents=_consents(folder, form, told.get("consents")),
        resource=_resource(folder, form, action, told),
    )


def read_scores(folder: Folder, scores: Mapping[str, Any] | None) -> dict[str, int]:
    """Check scores: whole numbers from 0 to 100, or verdicts that hold one, of hazards that there are.

    Raises
    ------
    Refusal
        If one is not.
    """
    if scores is not None and not isinstance(scores, Mapping):
        raise Refusal("score", "scores are a table of verdicts by hazard")
    known, found = folder.titles, {}
    for name, given in (scores or {}).items():
        score = getattr(given, "score", given)
        if name not in known:
            raise Refusal("score", f"there is no hazard {_short(name)}")
        if getattr(given, "name", name) != name:
            raise Refusal("score", f"the verdict given for {name} is of another hazard")
        if type(score) is not int or not 0 <= score <= 100:
            raise Refusal("score", f"the score of {name} is no whole number from 0 to 100")
        found[name] = score
    return found


def check_text(text: Any) -> None:
    """Refuse what is to be judged and is no text.

    Raises
    ------
    Refusal
        If it is none.
    """
    if text is None:
        return
    if not isinstance(text, str):
        raise Refusal("text", "what is to be judged is no text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal("text", "what is to be judged is no text (it holds half a character)") from None


def _check_user(user: Any) -> None:
    if not isinstance(user, str) or not user:
        raise Refusal("user", "no user is named")
    try:
        user.encode()
    except UnicodeEncodeError:
        raise Refusal("user", "the user's id is no text") from None


def _laws(folder: Folder, given: Any) -> tuple[str, ...]:
    """Join the jurisdictions that apply: what any of them forbids is forbidden."""
    named = (given,) if isinstance(given, str) else given
    if not isinstance(named, tuple | list | set | frozenset):
        raise Refusal("jurisdiction", "a jurisdiction is a word, or several")
    for each in named:
        if each not in folder.laws:
            raise Refusal("jurisdiction", f"no rule of tier 1 knows the jurisdiction {_short(each)}")
    found = tuple(sorted({*folder.settings.jurisdictions, *named}))
    if not found and folder.laws:
        raise Refusal("jurisdiction", "no jurisdiction is said")
    return found


def _minor(folder: Folder, form: Form | None, given: Any) -> bool:
    """Say whether the user counts as a minor: where nobody says, yes; a form can only say yes.

    Where the deployment says that its users are minors, no request takes it back.
    """
    if given is not None and not isinstance(given, bool):
        raise Refusal("context", "`minor` is true or false")
    told = folder.settings.minor if given is None or folder.settings.minor else given
    return told is None or told or bool(form and form.minor)


def _consents(folder: Folder, form: Form | None, given: Any) -> tuple[str, ...]:
    """Give the purposes agreed to: where both the form and the application say, those that both say.

    Of what no form can agree to, such as a parent's consent, the application's word counts alone.
    """
    if given is not None:
        if not isinstance(given, tuple | list | set | frozenset):
            raise Refusal("context", "consents are several purposes")
        for each in given:
            if each not in folder.purposes:
                raise Refusal("purpose", f"there is no purpose {_short(each)}")
    told, may = set(given or ()), set(folder.form_consents)
    if form is None or form.consents is None:
        return tuple(sorted(told))
    own = may & set(form.consents)
    return tuple(sorted((own if given is None else own & told) | (told - may)))


def _resource(folder: Folder, form: Form | None, action: str, told: Mapping[str, Any]) -> tuple[str, str]:
    if action == "generate":
        return "Reply", "reply"
    key, known = {
        "Duty": ("duty", folder.duties),
        "Wish": ("wish", {*folder.wishes, *(each.id for each in (form.own if form else ()))}),
        "Datum": ("kind", folder.kinds),
    }[RESOURCES[action]]
    name = told.get(key)
    if not isinstance(name, str) or name not in known:
        raise Refusal(key, f"there is no {key} {_short(name)}" if name else f"no {key} is said")
    return RESOURCES[action], name


def _short(value: Any) -> str:
    """Quote what was given, cut short: what is wrong can be long."""
    return repr(value)[:60]
