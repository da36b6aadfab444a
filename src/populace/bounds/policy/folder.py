"""A deployment's folder, read whole and checked: nothing in it that would silently bind nobody."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import msgspec

from populace.bounds.decision import Wish
from populace.bounds.policy.forms import Form, check_form, read_form, same_id, user_key
from populace.bounds.policy.fragment import condition, entities, path, walk
from populace.bounds.policy.rules import Rule, cedar, read_rules
from populace.bounds.policy.schema import schema_text
from populace.bounds.policy.settings import (
    NOBODY,
    Choice,
    Duty,
    Settings,
    read_duties,
    read_settings,
    read_wishes,
)
from populace.bounds.policy.tables import check_token
from populace.errors import DataError

__all__ = ["Folder", "literals", "read_folder"]

_TIERS = ("tier1", "tier2", "tier3")


class Folder(msgspec.Struct, frozen=True, dict=True):
    """What a deployment's folder holds."""

    root: Path
    settings: Settings
    rules: tuple[Rule, ...]
    """Of tiers 1 and 2."""
    organisations: tuple[str, ...]
    """The folders of tier 2."""
    duties: dict[str, Duty]
    choices: dict[str, Choice]
    """The catalogue of wishes."""
    forms: dict[str, Form]

    @functools.cached_property
    def wishes(self) -> dict[str, Wish]:
        """Give the catalogue as what a decision tells of."""
        return {name: Wish(row.id, row.topic, row.text) for name, row in self.choices.items()}

    @functools.cached_property
    def titles(self) -> dict[str, str]:
        """Give all hazards that a rule may read, with their titles."""
        return self.settings.titles()

    @functools.cached_property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of personal data that are known."""
        return tuple(sorted({*self.settings.kinds, *literals(self.rules, ("resource", "kind"))}))

    @functools.cached_property
    def purposes(self) -> tuple[str, ...]:
        """Purposes that are known."""
        named = literals(self.rules, ("context", "purpose")) | literals(self.rules, ("context", "consents"))
        return tuple(sorted({*self.settings.purposes, *named}))

    @functools.cached_property
    def form_consents(self) -> tuple[str, ...]:
        """What a user's own form can agree to."""
        listed = self.settings.form_consents
        known = (*self.settings.purposes, *self.settings.kinds) if listed is None else listed
        return tuple(name for name in self.purposes if name in known)

    @functools.cached_property
    def laws(self) -> tuple[str, ...]:
        """Jurisdictions that are known: named by a rule of tier 1, or said to need none."""
        first = [rule for rule in self.rules if rule.tier == 1]
        return tuple(sorted({*literals(first, ("context", "law")), *self.settings.known}))

    def check(self, form: Form, file: object | None = None) -> Form:
        """Refuse a form that names what there is not.

        Raises
        ------
        DataError
            If it does.
        """
        return check_form(
            form,
            wishes=self.wishes,
            hazards=self.settings.titles(),
            kinds=self.kinds,
            purposes=self.form_consents,
            file=file,
        )


def literals(rules: Iterable[Rule], subject: tuple[str, ...]) -> set[str]:
    """Give the words that rules compare a part of the situation with."""
    found: set[str] = set()
    for rule in rules:
        for name, inner in walk(condition(rule.tree)):
            if name not in ("==", "!=", "contains", "containsAny", "containsAll"):
                continue
            sides = (inner["left"], inner["right"])
            if subject in map(path, sides):
                words = [each for side in sides for each in side.get("Set", [side])]
                found |= {each["Value"] for each in words if isinstance(each.get("Value"), str)}
    return found


def read_folder(root: Path) -> Folder:
    """Read and check a deployment's folder.

    Raises
    ------
    DataError
        If anything in it is malformed: the error names file and line.
    """
    settings = read_settings(root / "bounds.toml")
    _check_root(root)
    duties, choices = read_duties(root / "duties.toml"), read_wishes(root / "wishes.toml")
    rules = [rule for file in _files(root / "tier1") for rule in read_rules(file, 1, root=root)]
    if not rules:
        raise DataError(
            "tier 1 holds no rule, and nothing is allowed without one",
            file=root / "tier1",
            fix="start with `populace bounds init`",
        )
    organisations = _organisations(root / "tier2")
    for name in organisations:
        for file in _files(root / "tier2" / name):
            rules += read_rules(file, 2, name, root=root)
    found = Folder(root, settings, tuple(rules), organisations, duties, choices, {})
    _check_organisations(found)
    _check_rules(found)
    _check_laws(found)
    return msgspec.structs.replace(found, forms=_forms(found))


def _check_root(root: Path) -> None:
    """Refuse what looks like rules or forms at a place where nobody reads them."""
    for each in sorted(root.iterdir()):
        tier = each.name in _TIERS
        if tier != each.name.lower().startswith("tier") or each.suffix == ".cedar":
            raise DataError(
                "nothing is read here",
                file=each,
                fix=f"rules and forms stand in {', '.join(_TIERS)}; move it",
            )
        if tier and not each.is_dir():
            raise DataError("this is no folder", file=each, fix="make it one, or take it away")


def _stray(file: Path) -> bool:
    """Whether a file among rules or forms is one that somebody may have meant to bind."""
    told = {".md", ".txt"}
    return not file.name.startswith(".") and (
        file.suffix not in told or any(each in file.name.lower() for each in (".cedar", ".toml"))
    )


def _files(folder: Path) -> list[Path]:
    """Give the Cedar files of a folder; refuse one with another ending, whose rules would bind nobody."""
    found: list[Path] = []
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        if each.suffix == ".cedar" and each.is_file():
            found.append(each)
        elif _stray(each):
            raise DataError(
                "this is no file of rules", file=each, fix="rules stand in files that end in .cedar; move it"
            )
    return found


def _organisations(folder: Path) -> tuple[str, ...]:
    found: list[str] = []
    for each in sorted(folder.iterdir()) if folder.is_dir() else ():
        if each.is_dir():
            check_token(each.name, "the organisation", each)
            found.append(each.name)
        elif _stray(each):
            raise DataError(
                "rules of tier 2 stand in a folder of their organisation", file=each, fix="move it"
            )
    return tuple(found)


def _check_organisations(found: Folder) -> None:
    named = (found.settings.organisation, found.settings.provider or NOBODY)
    for name in named:
        if name not in (*found.organisations, NOBODY):
            raise DataError(
                f"there is no folder tier2/{name}",
                file=found.root / "bounds.toml",
                fix="make it, or name another organisation",
            )


def _check_laws(found: Folder) -> None:
    for name in found.settings.jurisdictions:
        if name not in found.laws:
            raise DataError(
                f"no rule of tier 1 knows the jurisdiction {name!r}",
                file=found.root / "bounds.toml",
                column="jurisdictions",
                fix=f"name one of {', '.join(found.laws)}, or list it under `known` if no rule is needed",
            )
    for rule in found.rules:
        for name in sorted(literals([rule], ("context", "law")) - set(found.laws)):
            raise DataError(
                f"{rule.id} asks for the jurisdiction {name!r}, which no rule of tier 1 knows",
                file=found.root / rule.file,
                row=rule.line,
                fix=f"name one of {', '.join(found.laws)}, or list it under `known` of bounds.toml",
            )


def _check_rules(found: Folder) -> None:
    """Refuse ids that stand twice, names of what there is not, and what the schema does not know."""
    seen: dict[str, Rule] = {}
    names = {"Org": {*found.organisations, NOBODY}, "Duty": set(found.duties), "Wish": set(found.choices)}
    package = cedar()
    titles = found.settings.titles()
    schemas = [package.Schema.from_str(schema_text(titles, partial=each)) for each in (False, True)]
    for rule in found.rules:
        file = found.root / rule.file
        if rule.id in seen:
            where = seen[rule.id].where
            raise DataError(
                f"the id {rule.id} stands twice (also {where})", file=file, row=rule.line, fix="rename one"
            )
        seen[rule.id] = rule
        for kind, name in sorted(entities(rule.tree)):
            known = names.get(kind)
            if known is None or name not in known:
                listed = ", ".join(sorted(known or ())) or "none"
                raise DataError(
                    f"{rule.id} names {kind}::{name!r}, which there is not",
                    file=file,
                    row=rule.line,
                    fix=f"there are: {listed}",
                )
            ours = (rule.organisation, found.settings.provider)
            if kind == "Org" and rule.tier == 2 and name not in ours:
                raise DataError(
                    f"{rule.id} is of {rule.organisation}, and names {name}",
                    file=file,
                    row=rule.line,
                    fix="leave it out",
                )
        for schema in schemas:
            told = package.validate_policies(rule.text, schema)
            if not told.validation_passed:
                what = "; ".join(" ".join(each.error.split()) for each in told.errors)
                raise DataError(f"{rule.id} does not fit the schema ({what})", file=file, row=rule.line)


def _forms(found: Folder) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    folder = found.root / "tier3"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.suffix != ".toml":
            if _stray(file):
                raise DataError("this is no user's form", file=file, fix="forms end in .toml; move it")
            continue
        form = found.check(read_form(file), file)
        if form.user != same_id(file.stem) and user_key(form.user) != file.stem:
            raise DataError(
                f"this form is of {form.user!r}, and its file is named for another user",
                file=file,
                fix=f"name it after its user, or {user_key(form.user)}.toml where no file can be named so",
            )
        if form.user in forms:
            raise DataError(f"the user {form.user!r} has two forms", file=file, fix="keep one")
        forms[form.user] = form
    return forms
