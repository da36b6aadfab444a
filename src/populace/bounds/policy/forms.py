"""Tier 3: a user's form. It chooses from lists, and its words never become policy.

What a form can do: pick wishes of the catalogue, wish in own words (for the model, under a topic of its own
that an organisation can rule out), pause a wish, be stricter than the tiers above, and forbid that data be
kept. What it cannot do: name an organisation, say that a user is of age, or hold a rule.
"""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path
from typing import Any, Literal

import msgspec

from populace.bounds.policy.schema import DATA_ACTIONS
from populace.bounds.policy.tables import TOKEN, line_of, read_toml
from populace.errors import DataError

__all__ = ["LEVELS", "Form", "Own", "check_form", "form_toml", "read_form", "same_id", "user_key"]

LEVELS = tuple(range(10, 100, 10))
"""Scores from which a user may have replies refused."""
_LONGEST = 1000


class Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish in the user's own words."""

    id: str
    text: str


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one user chose.

    Examples
    --------
    >>> form = Form("ana", wishes=("brief",), strict={"off": 30})
    >>> print(form_toml(form), end="")
    user = "ana"
    wishes = ["brief"]
    <BLANKLINE>
    [strict]
    off = 30
    """

    user: str = ""
    wishes: tuple[str, ...] = ()
    """Ids of `wishes.toml`."""
    own: tuple[Own, ...] = ()
    paused: tuple[str, ...] = ()
    """Ids of wishes that are not to be used for now."""
    strict: dict[str, int] = {}
    """Hazards, and the score from which a reply is refused."""
    never: dict[str, tuple[str, ...]] = {}
    """Data actions, and the kinds of data that they are not to be done with; "*" is every kind."""
    consents: tuple[str, ...] | None = None
    """Purposes that the user agrees to; where it is left out, the application's word counts."""
    minor: Literal[True] | None = None
    """A form can say that its user is a minor, and not that they are of age."""


def user_key(user: str) -> str:
    """Give the name that a user has in the engine: a hash, so that no id has to be escaped."""
    return "u-" + hashlib.blake2b(user.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def same_id(user: Any) -> Any:
    """Give an id as it is compared: some systems write the same letters of a file's name in another way.

    Examples
    --------
    >>> same_id("Zoe\u0308") == "Zo\u00eb"
    True
    """
    return unicodedata.normalize("NFC", user) if isinstance(user, str) and not user.isascii() else user


def read_form(path: Path) -> Form:
    """Read one form; its user is that of the file's name where it names none.

    Raises
    ------
    DataError
        If it is malformed.
    """
    form = read_toml(path, Form)
    return msgspec.structs.replace(form, user=same_id(form.user or path.stem))


def check_form(
    form: Form, *, wishes: Any, hazards: Any, kinds: Any, purposes: Any, file: object | None = None
) -> Form:
    """Refuse a form that names what there is not: a word that nothing knows would bind nobody.

    Raises
    ------
    DataError
        If it does.
    """

    def wrong(what: str, fix: str | None, *words: str) -> DataError:
        return DataError(what, file=file, row=None if file is None else line_of(file, *words), fix=fix)

    def among(value: str, known: Any, what: str, *words: str) -> None:
        if value not in known:
            fix = f"choose from {', '.join(sorted(map(str, known))[:40]) or 'nothing: there is none'}"
            raise wrong(f"there is no {what} {value!r}", fix, *words, value)

    own = [each.id for each in form.own]
    for each in form.own:
        if not TOKEN.fullmatch(each.id) or each.id in wishes or own.count(each.id) > 1:
            raise wrong(f"{each.id!r} cannot be the id of an own wish", "use w1, w2, ...", "own", each.id)
        if len(each.text) > _LONGEST:
            fix = "say it in fewer words"
            raise wrong(f"the own wish {each.id} is longer than {_LONGEST} characters", fix, "own", each.id)
    for name in form.wishes:
        among(name, wishes, "wish", "wishes")
    for name in form.paused:
        among(name, {*wishes, *own}, "wish", "paused")
    for name, level in form.strict.items():
        among(name, hazards, "hazard", "strict")
        if type(level) is not int or level not in LEVELS:
            raise wrong(f"{level} is no level for {name}", f"choose from {LEVELS}", "strict", name)
    for action, barred in form.never.items():
        among(action, DATA_ACTIONS, "data action", "never")
        for kind in barred:
            among(kind, {*kinds, "*"}, "kind of data", "never", action)
    for purpose in form.consents or ():
        among(purpose, purposes, "purpose that a form can agree to:", "consents")
    return form


def form_toml(form: Form) -> str:
    r"""Write a form as TOML.

    Examples
    --------
    >>> import tomllib
    >>> hostile = Form('a"b\n', own=(Own("w1", 'say "hi" \\ \u2603'),))
    >>> msgspec.convert(tomllib.loads(form_toml(hostile)), Form) == hostile
    True
    """
    lines = [f"user = {_text(form.user)}"]
    for name in ("wishes", "paused"):
        if getattr(form, name):
            lines.append(f"{name} = {_list(getattr(form, name))}")
    if form.consents is not None:
        lines.append(f"consents = {_list(form.consents)}")
    if form.minor:
        lines.append("minor = true")
    for each in form.own:
        lines += ["", "[[own]]", f"id = {_text(each.id)}", f"text = {_text(each.text)}"]
    if form.strict:
        lines += ["", "[strict]", *(f"{name} = {level}" for name, level in form.strict.items())]
    if form.never:
        lines += ["", "[never]", *(f"{name} = {_list(kinds)}" for name, kinds in form.never.items())]
    return "\n".join(lines) + "\n"


def _list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(map(_text, values)) + "]"


def _text(value: str) -> str:
    """Write a TOML string: as JSON's, with the one control character that JSON leaves and TOML does not."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
