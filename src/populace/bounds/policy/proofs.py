"""`Bounds.check`: what is proved of a deployment, how, and what whoever wrote the rules should know.

A proof here is over every situation that the rules can tell apart (see `space` and `search`): none is
skipped. It rests on an evaluator of ours; `sampling` puts random situations to the engine, which has to
agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from populace.bounds.policy.base import base_id
from populace.bounds.policy.bundle import Bundle
from populace.bounds.policy.expiry import past_their_end
from populace.bounds.policy.findings import (
    Problem,
    conflicts,
    formulas,
    unknown_topics,
    unknown_words,
    without_effect,
)
from populace.bounds.policy.forms import user_key
from populace.bounds.policy.sampling import Sampled, sample
from populace.bounds.policy.schema import ACTIONS
from populace.bounds.policy.search import Search
from populace.bounds.policy.space import Formula, Space, as_tree
from populace.bounds.policy.templates import links, template, template_ids

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Proof", "Report", "check"]


class Proof(msgspec.Struct, frozen=True):
    """A claim, and whether it holds."""

    claim: str
    holds: bool
    how: str
    organisation: str = ""
    against: str = ""
    """What speaks against it, where it does not hold."""


class Report(msgspec.Struct, frozen=True):
    """What `check` found."""

    proofs: tuple[Proof, ...]
    problems: tuple[Problem, ...]
    rules: int
    organisations: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every claim holds and no problem is an error."""
        return all(each.holds for each in self.proofs) and all(p.severity != "error" for p in self.problems)

    @property
    def exit_code(self) -> int:
        """For CI: 0 where it is in order, 1 where not."""
        return 0 if self.ok else 1

    def __str__(self) -> str:
        lines = [f"{self.rules} rules, {len(self.organisations)} organisations"]
        for proof in self.proofs:
            whose = f" [{proof.organisation}]" if proof.organisation else ""
            lines.append(f"{'proved' if proof.holds else 'FAILED'}{whose}: {proof.claim} ({proof.how})")
            if proof.against:
                lines.append(f"    against it: {proof.against}")
        for problem in self.problems:
            place = f" ({problem.where})" if problem.where else ""
            lines.append(f"{problem.severity}: {problem.sentence}{place}")
        return "\n".join(lines)


def check(bounds: Bounds, *, samples: int = 200, seed: int = 0) -> Report:
    """Prove what there is to prove of each organisation, and find conflicts and rules without effect.

    Parameters
    ----------
    samples
        Random situations of each organisation that are put to the engine.
    """
    proofs: list[Proof] = []
    problems = {each.sentence: each for each in past_their_end(bounds.rules)}
    dead: dict[str, list[Problem]] = {}
    # One without rules of its own among them, where that is what decisions fall back on.
    names = tuple(dict.fromkeys((*bounds.organisations, bounds.organisation)))
    for name in names:
        bundle = bounds.bundle(name)
        proofs += _tiers(bundle)
        proofs.append(_sampled(bounds, name, samples, seed))
        if name == bounds.settings.provider != bounds.organisation:
            continue  # whoever only provides the model has no users: its rules are judged at others
        for problem in without_effect(bundle):
            dead.setdefault(problem.rules[0], []).append(problem)
        for problem in (*unknown_topics(bundle), *unknown_words(bundle), *conflicts(bundle)):
            problems.setdefault(problem.sentence, problem)
    # A rule of tier 1 or of a provider binds many: it is without effect only where it is so for all of them.
    using = [name for name in names if not name == bounds.settings.provider != bounds.organisation]
    for ident, found in dead.items():
        if len(found) == sum(ident in bounds.bundle(name).by_id for name in using):
            problems.setdefault(found[0].sentence, found[0])
    proofs += [_templates(bounds), _links(bounds), _fragment(bounds)]
    order = {"error": 0, "warning": 1, "note": 2}
    told = sorted(problems.values(), key=lambda each: (order[each.severity], each.sentence))
    return Report(tuple(proofs), tuple(told), len(bounds.rules), names)


def _tiers(bundle: Bundle) -> Iterator[Proof]:
    """Prove, over all situations, that the base denies what tier 1 forbids, and tier 2 takes nothing back."""
    cases, size = 0, 0
    against = {"base": "", "twins": "", "tier 2": ""}
    for action in ACTIONS:
        _, held = formulas(bundle, action)
        permit = as_tree(bundle.permits[action])
        first = [name for name in held if bundle.by_id[name].tier == 1]
        # Of the folder's laws, not of what was made of them.
        laws = [as_tree(rule) for rule in bundle.folder.rules if rule.tier == 1 and action in rule.actions]
        refused = _either([{"!": {"arg": permit}}, *laws])
        given = bundle.trees(action)
        space = Space(bundle, [*map(as_tree, given.values()), *laws], action)
        search, base, twins = Search(space), Formula(permit), [held[name] for name in first]
        for name in first:
            if search.find([base, held[name]]) is not None:
                against["base"] = against["base"] or f"{action}: the base permits what {name} forbids"
        if search.find([Formula({"!": {"arg": permit}})], twins) is not None:
            against["twins"] = (
                against["twins"] or f"{action}: the base refuses what no rule of tier 1 forbids"
            )
        # What the engine is given, by its effects: whatever permits, and whatever forbids.
        permitting = [name for name, tree in given.items() if tree["effect"] == "permit"]
        if permitting != [base_id(action)]:
            against["tier 2"] = f"{action}: {', '.join(permitting[1:])} permits, and only the base may"
        permits = _either([as_tree(given[name]) for name in permitting])
        quiet = [Formula(as_tree(tree)) for tree in given.values() if tree["effect"] == "forbid"]
        if search.find([Formula(permits), Formula(refused)], quiet) is not None:
            against["tier 2"] = against["tier 2"] or f"{action}: tier 2 allows what tier 1 forbids"
        cases, size = cases + search.cases, size + space.size
    how = f"all of {size:,} situations, in {cases:,} cases"
    claims = {
        "base": "the base permits nothing that a rule of tier 1 forbids",
        "twins": "whatever the base refuses, a rule with a name forbids",
        "tier 2": "what tiers 1 and 2 allow, tier 1 allows",
    }
    for key, claim in claims.items():
        yield Proof(claim, not against[key], how, bundle.organisation, against[key])


def _either(trees: list[Any]) -> Any:
    whole = trees[0]
    for tree in trees[1:]:
        whole = {"||": {"left": whole, "right": tree}}
    return whole


def _sampled(bounds: Bounds, organisation: str, count: int, seed: int) -> Proof:
    found: Sampled = sample(bounds.policies, organisation, count, seed=seed)
    bad = found.widened + found.errors + found.apart
    against = f"{found.widened} widened, {found.errors} errors, {found.apart} read otherwise" if bad else ""
    how = f"{found.asked:,} random situations and forms put to the engine, {found.narrowed:,} narrowed"
    return Proof("the engine agrees: no tier widens, nothing errs", not bad, how, organisation, against)


def _templates(bounds: Bounds) -> Proof:
    """Prove of every approved template that it only forbids, and only its own user."""
    names = template_ids(bounds.settings.titles())
    trees = [template(name) for name in names]
    wrong = [
        name
        for name, tree in zip(names, trees, strict=True)
        if tree["effect"] != "forbid" or tree["principal"] != {"op": "==", "slot": "?principal"}
    ]
    claim = (
        "what all three tiers allow, tiers 1 and 2 allow: tier 3 only forbids, each form its own user alone"
    )
    return Proof(claim, not wrong, f"{len(names)} templates", against=", ".join(wrong))


def _links(bounds: Bounds) -> Proof:
    """Prove of every form that its links fill approved templates with its own user."""
    approved = set(template_ids(bounds.settings.titles()))
    wrong, count = [], 0
    for user, form in bounds.forms.items():
        for link in (each for held in links(form).values() for each in held):
            count += 1
            own = link["values"]["?principal"] == {"type": "User", "id": user_key(user)}
            if not own or link["template_id"] not in approved:
                wrong.append(link["new_id"])
    how = f"{len(bounds.forms):,} forms, {count:,} links"
    return Proof(
        "every link of a form fills an approved template with its own user",
        not wrong,
        how,
        against=", ".join(wrong[:5]),
    )


def _fragment(bounds: Bounds) -> Proof:
    """Say why no request that fits the schema can err: it was held to that when it was read."""
    what = "none computes, no attribute is optional, every verdict that is read is required"
    how = f"{len(bounds.rules)} rules validated strictly: {what}"
    return Proof("no request that fits the schema can err", True, how)
