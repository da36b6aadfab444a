"""`Bounds`: a deployment's policies in three tiers, loaded, checked, and asked."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from populace.bounds.decision import Decision
from populace.bounds.policy.bundle import Bundle, Person
from populace.bounds.policy.deciding import Look, conclude, look, refused
from populace.bounds.policy.described import Described
from populace.bounds.policy.folder import Folder, read_folder
from populace.bounds.policy.forms import Form, same_id
from populace.bounds.policy.lazily import gather
from populace.bounds.policy.settings import NOBODY
from populace.bounds.policy.situation import Refusal, Situation, check_text, read_scores, read_situation

if TYPE_CHECKING:
    from populace.bounds.audit import Audit
    from populace.bounds.policy.preview import Preview
    from populace.bounds.policy.proofs import Report
    from populace.bounds.predicates import Predicate

__all__ = ["Bounds"]

_KEPT = 2048
"""Users whose compiled policies are kept."""


class Bounds(Described):
    """Policies in three tiers. Made by `Bounds.load`.

    Examples
    --------
    >>> from importlib.resources import files
    >>> bounds = Bounds.load(files("populace.bounds") / "data/examples", audit=False)
    >>> bounds.organisation, bounds.rules[0].tier
    ('health', 1)
    >>> clean = dict.fromkeys(bounds.settings.titles(), 0)
    >>> bounds.decide("ana", scores=clean).allowed
    True
    >>> told = bounds.decide("ana", scores=clean | {"iwp": 90})
    >>> told.allowed, told.tier, told.rule
    (False, 1, 'law.iwp')
    """

    def __init__(self, folder: Folder, *, predicates: Iterable[Predicate] | None, audit: bool) -> None:
        super().__init__(folder)
        self._audited = audit and folder.settings.audit != "none"
        self._given = None if predicates is None else tuple(predicates)
        self._bundles: dict[str, Bundle] = {}
        self._people: dict[tuple[str, str], Person] = {}

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        predicates: Iterable[Predicate] | None = None,
        audit: bool = True,
    ) -> Self:
        """Load a deployment's folder.

        Parameters
        ----------
        path
            With `bounds.toml`, `tier1/*.cedar`, `tier2/ORGANISATION/*.cedar`, `tier3/USER.toml`,
            `duties.toml` and `wishes.toml`; all but the first two may be absent.
        predicates
            What judges texts; those of `bounds.toml` where none are given.
        audit
            Whether decisions are written to `audit/` in the folder, as far as `bounds.toml` says.

        Raises
        ------
        DataError
            If anything in the folder is malformed, unknown, or would silently bind nobody; with file and
            line.
        """
        found = cls(read_folder(Path(path)), predicates=predicates, audit=audit)
        for organisation in (found.organisation, *found.organisations):
            found.bundle(organisation)
        return found

    @cached_property
    def predicates(self) -> tuple[Predicate, ...]:
        """What judges texts."""
        if self._given is not None or not self.settings.predicates:
            return self._given or ()
        from populace.bounds.predicates import from_table

        return tuple(from_table(self.settings.predicates, self.folder))

    @cached_property
    def audit(self) -> Audit:
        """The chain of what was decided."""
        from populace.bounds.audit import Audit

        return Audit(self.folder / "audit")

    def bundle(self, organisation: str | None = None) -> Bundle:
        """Give the policies that bind one organisation's users."""
        name = self.organisation if organisation is None else organisation
        if name not in self._bundles:
            self._bundles[name] = Bundle(self._folder, name)
        return self._bundles[name]

    def person(self, user: str, organisation: str | None = None) -> Person:
        """Give the policies that bind one user."""
        name = self.organisation if organisation is None else organisation
        found = self._people.get((name, user))
        if found is None:
            if len(self._people) >= _KEPT:
                self._people.pop(next(iter(self._people)), None)
            found = Person(self.bundle(name), user, self.forms.get(user))
            self._people[name, user] = found
        return found

    def with_form(self, form: Form) -> Self:
        """Give the same bounds with a user's form put in the place of the one they had.

        Raises
        ------
        DataError
            If the form names what there is not.
        """
        form = msgspec.structs.replace(self._folder.check(form), user=same_id(form.user))
        folder = msgspec.structs.replace(self._folder, forms={**self.forms, form.user: form})
        found = copy(self)
        found._folder, found._people = folder, {}
        return found

    def decide(
        self,
        user: str,
        action: str = "generate",
        *,
        text: str | None = None,
        scores: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Decide. Whatever is unknown, lacking or goes wrong is a refusal that says so.

        Parameters
        ----------
        user
            Their id.
        action
            `generate` a reply (with what it is required to do and which wishes it may use), `omit` a duty,
            `apply` a wish, or with personal data `store`, `infer`, `read`, `share`, `train`, `retain`.
        text
            What is judged, by the predicates whose verdicts can still change the decision and by no others.
        scores
            Verdicts that there are already, by hazard: whole numbers from 0 to 100, or `Verdict`s.
        context
            `jurisdiction` (a word or several, added to those that always apply), `organisation`, `minor`,
            `purpose`, `consents`, and what the action is done to: `duty`, `wish`, or `kind` of data. The
            application is trusted with it: `organisation` and `minor` take the place of what `bounds.toml`
            says. `apply` answers for any wish of the catalogue, whether or not this user chose it.

        Raises
        ------
        DataError
            If the decision cannot be written to the audit.
        """
        user = same_id(user)
        begun = self._begin(user, action, scores, context, text)
        if isinstance(begun, Decision):
            return self._told(begun, text)
        person, situation, known, seen = begun
        if text is not None and seen.needed and self.predicates:
            return _run(self._lazily(person, situation, known, text))
        return self._told(conclude(person, situation, seen, known), text)

    async def adecide(
        self,
        user: str,
        action: str = "generate",
        *,
        text: str | None = None,
        scores: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Decision:
        """Decide, as `decide`, without holding up an event loop while texts are judged."""
        user = same_id(user)
        begun = self._begin(user, action, scores, context, text)
        if isinstance(begun, Decision):
            return self._told(begun, text)
        person, situation, known, seen = begun
        if text is not None and seen.needed and self.predicates:
            return await self._lazily(person, situation, known, text)
        return self._told(conclude(person, situation, seen, known), text)

    def check(self, *, samples: int = 200, seed: int = 0) -> Report:
        """Prove that no lower tier widens a higher one, and find conflicts and rules without effect."""
        from populace.bounds.policy.proofs import check

        return check(self, samples=samples, seed=seed)

    def preview(self, form: Form) -> Preview:
        """Say what a change of a user's form would allow and forbid."""
        from populace.bounds.policy.preview import preview

        return preview(self, form)

    def card(self) -> Any:
        """Say who this is aligned to, by whom, and on what basis."""
        from populace.bounds.documents import card

        return card(self)

    def _begin(
        self, user: Any, action: Any, scores: Any, context: Any, text: Any
    ) -> Decision | tuple[Person, Situation, dict[str, int], Look]:
        form = self.forms.get(user) if isinstance(user, str) else None
        try:
            check_text(text)
            situation = read_situation(self._folder, form, user, action, context)
            known = read_scores(self._folder, scores)
        except Refusal as refusal:
            default = self.organisation or NOBODY
            bundle = self.bundle().hash
            return refused(
                refusal, self.settings, action=action, user=user, organisation=default, bundle=bundle
            )
        person = self.person(user, situation.organisation)
        return person, situation, known, look(person, situation, known)

    async def _lazily(
        self, person: Person, situation: Situation, known: Mapping[str, int], text: str
    ) -> Decision:
        seconds = self.settings.limits.seconds
        found, seen = await gather(person, situation, known, text, self.predicates, seconds)
        return self._told(conclude(person, situation, seen, found.scores, tuple(found.failures)), text)

    def _told(self, decision: Decision, text: str | None) -> Decision:
        """Write a decision down before anybody acts on it."""
        if decision.rule == "base.text":  # what is no text has no hash
            text = None
        wanted = self.settings.audit == "all" or not decision.allowed or bool(decision.errors)
        if self._audited and wanted:
            self.audit.decision(decision, text=text)
        return decision


def _run(waiting: Any) -> Decision:
    """Wait for a decision, also where an event loop runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(waiting)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, waiting).result()
