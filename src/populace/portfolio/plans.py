"""What a plan is: which models to train, what they are expected to give, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from populace.atomic import write_atomic
from populace.errors import DataError
from populace.portfolio.correlating import Correlated
from populace.portfolio.loading import check_members, check_scale
from populace.portfolio.records import upward
from populace.portfolio.scaling import Scale

__all__ = ["HeldOut", "Plan", "Step", "Training", "Worth", "load_plan"]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """One member: the model to be trained, and what it should give."""

    name: str
    weights: tuple[float, ...]
    beta: float
    """Price of a nat of KL from the reference, in units of reward on the scale from 0 to 1."""
    rewards: tuple[float, ...]
    """Expected on the prompts of the plan, on the scale."""
    kl: float
    """In nats a prompt."""
    effective: float
    """Median over prompts of how many responses carry the policy."""
    thin: float
    """Share of the prompts where fewer than two do."""

    @property
    def point(self) -> tuple[float, ...]:
        """Rewards with the cost absorbed: w . point is what the member is worth for w."""
        return tuple(reward - self.beta * self.kl for reward in self.rewards)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What so many members can do."""

    size: int
    regret: float
    """No weights lose more, against all policies on the pool."""
    lower_bound: float
    """No so many of the policies that were solved lose less."""


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """The portfolio on prompts that had no part in the plan."""

    prompts: int
    regret: float
    """Bound of the worst regret on these prompts, against all policies."""
    slack: float
    """What other prompts like these may add, at `confidence`."""
    confidence: float
    rewards: tuple[tuple[float, ...], ...]
    """Of each member, on these prompts."""
    needed: int
    """Held-out prompts for a slack as small as the regret that was asked for."""
    given: tuple[str, ...] = ()
    """Traits whose range is that of the pool, these prompts included. The certificate takes for given that
    scores of other prompts lie within it."""

    @property
    def certificate(self) -> float:
        """No weights lose more on prompts like these, at `confidence`."""
        return self.regret + self.slack


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy gives at some weights, on the prompts of the plan."""

    weights: tuple[float, ...]
    policy: str
    """`reference`, `beta 0.1` (the best at this price), `best of 4`."""
    rewards: tuple[float, ...]
    kl: float
    worth: float
    """w . rewards, before any cost."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A portfolio before anything is trained."""

    scale: Scale
    beta: float
    regret: float
    """That was asked for."""
    members: tuple[Training, ...]
    certificate: float
    """On the plan's own prompts no weights lose more, against all policies on the pool."""
    gap: float
    """The part of it that solving more weights would lower."""
    lower_bound: int
    """Fewest members, of the policies solved, within the regret."""
    solved: int
    """Weights that were solved."""
    curve: tuple[Step, ...]
    held_out: HeldOut | None
    worths: tuple[Worth, ...]
    correlations: tuple[Correlated, ...]
    planned: tuple[str, ...]
    """Ids of the prompts that the plan rests on."""
    kept: tuple[str, ...]
    """Ids of the prompts that were held out; no export holds them."""
    responses: int
    """Most a prompt."""
    growth: float | None
    """How much more the best policy is worth, at equal weights, than on half of the responses: as large, and
    the pool is too small for what training could find. None of fewer than four responses a prompt."""
    warnings: tuple[str, ...]
    seed: int
    provenance: dict[str, str] = {}

    @property
    def traits(self) -> tuple[str, ...]:
        """Names, in the order of the weights."""
        return self.scale.traits

    def check(self, file: str | Path | None = None) -> None:
        """Refuse a plan that was not made by planning: nothing is then written or served by it.

        Raises
        ------
        DataError
            If members have no plain names of their own or numbers of other traits, a range has no width, or a
            held-out prompt is planned with.
        """
        check_scale(self.scale, file)
        rows = ((each.name, (each.weights, each.rewards)) for each in self.members)
        check_members(rows, len(self.traits), file)
        both = set(self.planned) & set(self.kept)
        if both:
            what = f"{len(both):,} prompts are planned with and held out, the first {min(both)}"
            raise DataError(what, file=file, fix="make the plan again")

    def save(self, path: str | Path) -> None:
        """Write the plan as JSON, whole or not at all."""
        write_atomic(path, msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def lines(self) -> Iterator[str]:
        """Tell the plan to a person."""
        held = f", {len(self.kept):,} held out" if self.kept else ", none held out"
        told = f"{len(self.planned):,} prompts to plan on{held}, up to {self.responses:,} responses each"
        yield f"Plan for {len(self.traits)} traits, beta {self.beta:g}: {told}"
        for each in self.scale.ranges:
            yield f"  {each}"
        yield (
            f"Train {_count(len(self.members), 'model')}: no weights lose more than "
            f"{upward(self.certificate)} on these prompts ({self.regret:g} was asked for)"
        )
        yield f"  {'':10}  {'  '.join(f'{name[:14]:>14}' for name in self.traits)}"
        for each in self.members:
            yield f"  {each.name:10}  {'  '.join(f'{share:14.3f}' for share in each.weights)}  weights"
            rewards = "  ".join(f"{reward:14.3f}" for reward in each.rewards)
            yield f"  {'':10}  {rewards}  expected, KL {each.kl:.2f}, {each.effective:.1f} responses carry it"
        yield f"  fewest possible of the {self.solved:,} policies solved: {self.lower_bound}"
        yield "Members, what is lost at most, and what so many lose at least:"
        for step in self.curve:
            yield f"  {step.size:3}  {upward(step.regret)}  {step.lower_bound:.4f}"
        if self.held_out is not None:
            yield from _held(self.held_out, self.regret)
        for each in self.correlations:
            yield f"Correlation of {each}"
        for warning in self.warnings:
            yield f"Warning: {warning}"


def _held(found: HeldOut, regret: float) -> Iterator[str]:
    yield f"On {_count(found.prompts, 'held-out prompt')}: no weights lose more than {upward(found.regret)}"
    yield (
        f"  on prompts like these, at {found.confidence:.0%}: {upward(found.certificate)} (a slack of "
        f"{upward(found.slack)}; {found.needed:,} prompts for a slack of {regret:g})"
    )
    if found.given:
        names = ", ".join(found.given)
        yield f"  if their scores of {names} lie in the range of this pool, held-out prompts included"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def load_plan(path: str | Path) -> Plan:
    """Read a plan that was saved.

    Raises
    ------
    DataError
        If the file is missing, is no plan, or one that cannot be (`Plan.check`).
    """
    place = Path(path)
    if not place.is_file():
        raise DataError("there is no such plan", file=path, fix="make one: populace portfolio plan")
    try:
        found = msgspec.json.decode(place.read_bytes(), type=Plan)
    except msgspec.MsgspecError as error:
        raise DataError(f"this is no plan ({error})", file=path, fix="make it again") from error
    found.check(path)
    return found
