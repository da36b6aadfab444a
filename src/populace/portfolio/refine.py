"""A certified portfolio from an oracle: ask where the gap is largest, stop when it is small, keep the fewest.

Solved weights bound the best value from above by convexity, the policies bound it from below; the next
policy is trained where the two are furthest apart. A third of the regret is given to that gap, and the rest
to keeping few (Theorem E of the design): V - L_S <= (U - L) + (L - L_S). What is certified is U - L_S,
measured again: never more than the two together.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.certificate import Game
from populace.portfolio.known import Known
from populace.portfolio.minimum import fewest_columns
from populace.portfolio.pool import Oracle, Solved
from populace.portfolio.searches import Cells, Corners, Search
from populace.portfolio.served import Serving

__all__ = ["Refined", "Refinement", "certified"]

Method: TypeAlias = Literal["auto", "planned", "corners", "simplicial"]

_PLANNED_UP_TO, _CORNERS_UP_TO = 5, 6


class Refined(msgspec.Struct, frozen=True, kw_only=True):
    """A portfolio of policies of an oracle, and what is certified of it."""

    members: tuple[int, ...]
    """Rows of `weights` and `solved`; free policies (`also`) follow after the last of them."""
    weights: tuple[tuple[float, ...], ...]
    """Weights that were asked, in their order."""
    solved: tuple[Solved, ...]
    certificate: float
    """For no weights a policy is worth more than the portfolio's best by more than this, if `eta` and `noise`
    hold; both are part of it."""
    gap: float
    """The part of it that more calls would lower."""
    lower_bound: int
    """Fewest members, of the policies known, within the regret that was left for keeping few."""
    calls: int
    history: tuple[tuple[int, float], ...]
    """Calls and the gap after them."""
    eta: float
    noise: float
    oracle_error: float
    """At least so far from the best was the worst answer."""
    reached: bool
    """Whether the certificate is within the regret that was asked for."""
    also: tuple[tuple[float, ...], ...] = ()
    """Free policies, as they were given."""

    def __len__(self) -> int:
        """Number of members."""
        return len(self.members)


@dataclass
class Refinement:
    """The search as a conversation: ask for weights, train, tell; for runs of days, or side by side.

    Parameters
    ----------
    traits
        Number of rewards, at least 2.
    regret
        Asked for, in units of the values.
    share
        Of the regret, left for the gap.
    eta
        No answer of the oracle is further than this from the best.
    noise
        No value told is further than this from the true one: half the width of an interval that holds for all
        answers together. It counts twice in every bound.
    method
        `planned`: near the corner weight with the largest gap, at weights that make few calls likely;
        `corners`: at it (linear support); both for up to 6 traits. `simplicial`: cell by cell. `auto`:
        `planned` for up to 5 traits, `simplicial` beyond.
    also
        Shape (n, traits), values of policies that are there anyway, their costs included.
    journal
        File that keeps the answers; a search that finds it goes on from there.
    oracle
        Names whose answers they are: with a journal of another's the certificate would not hold, and it is
        refused. Without a name nothing is checked.

    Examples
    --------
    >>> from populace.portfolio import Pool
    >>> oracle = Pool(np.random.default_rng(0).random((20, 8, 2))).oracle(0.1)
    >>> search = Refinement(traits=2, regret=0.02)
    >>> while weights := search.ask():
    ...     for each in weights:
    ...         search.tell(each, oracle(each))
    >>> found = search.portfolio()
    >>> found.reached, found.certificate <= 0.02
    (True, True)
    """

    traits: int
    regret: float = 0.02
    share: float = 1 / 3
    eta: float = 0.0
    method: Method = "auto"
    also: npt.ArrayLike | None = None
    journal: str | Path | None = None
    history: list[tuple[int, float]] = field(default_factory=list)
    noise: float = 0.0
    oracle: str = ""

    def __post_init__(self) -> None:
        """Check the settings, and read the journal.

        Raises
        ------
        ValueError
            If a setting is out of range.
        DataError
            If the journal or the free policies are broken.
        """
        if self.traits < 2:
            raise ValueError(f"traits is {self.traits} and must be at least 2")
        if not self.regret > 0 or not 0 < self.share < 1 or not (self.eta >= 0 and self.noise >= 0):
            raise ValueError("regret must be above 0, share between 0 and 1, eta and noise at least 0")
        method = self.method
        if method == "auto":
            method = "planned" if self.traits <= _PLANNED_UP_TO else "simplicial"
        if method not in ("planned", "corners", "simplicial"):
            raise ValueError(f"method is {method!r}: 'auto', 'planned', 'corners' or 'simplicial'")
        if method != "simplicial" and self.traits > _CORNERS_UP_TO:
            raise ValueError(
                f"the corners of {self.traits} traits would not fit into memory: method='simplicial'"
            )
        target = self.share * self.regret
        free = None if self.also is None else np.asarray(self.also, dtype=np.float64)
        if free is not None and (
            free.ndim != 2 or free.shape[1] != self.traits or not np.isfinite(free).all()
        ):
            raise DataError(f"free policies must be finite, of the shape (n, {self.traits})")
        path = None if self.journal is None else Path(self.journal)
        self.known = Known(self.traits, self.eta, free, path, self.noise, self.oracle)
        if self.known.slack >= target:
            raise ValueError(
                f"with answers {self.known.slack:g} from the best a gap of {target:g} cannot be reached: "
                "raise the regret or its share"
            )
        self.search: Search = (
            Cells(self.known)
            if method == "simplicial"
            else Corners(self.known, target, planned=method == "planned")
        )
        self.gap = float("inf")

    def ask(self, most: int = 1) -> list[np.ndarray]:
        """Give up to so many weights to solve; none when the gap is small enough."""
        asked = self.known.weights
        corners = [
            each for each in np.eye(self.traits) if not any(np.array_equal(each, old) for old in asked)
        ]
        if corners:
            return corners[: max(most, 1)]
        self.gap, weights = self.search.top(most)
        if not self.history or self.history[-1][0] != len(asked):
            self.history.append((len(asked), self.gap))
        if self.gap <= self.share * self.regret:
            return []
        return [each for each in weights if not any(np.abs(each - old).max() < 1e-12 for old in asked)]

    def tell(self, weights: npt.ArrayLike, solved: Solved) -> None:
        """Note the answer for weights."""
        self.known.tell(np.asarray(weights, dtype=np.float64), solved)

    def portfolio(self, seconds: float = 60.0) -> Refined:
        """Keep the fewest policies, and certify them against all there are.

        Raises
        ------
        DataError
            If the corners of the simplex are not solved yet.
        """
        if not self.history or self.history[-1][0] != len(self.known.weights):
            # The gap is that before the last answers: they may have lowered it.
            self.ask()
        if not np.isfinite(self.gap):
            raise DataError("the corners of the simplex are not solved yet", fix="ask, solve and tell first")
        left = max(self.regret - self.gap, 0.0)
        # Not `minimum`: policies that all have the same of a trait are no error here.
        points = self.known.points
        problem = Serving(points)
        columns, least, _ = fewest_columns(problem, left, seconds)
        members = tuple(int(row) for row in sorted(problem.rows[columns]))
        again = self.search.gap_of(np.array(members))
        kept = Game(points, points[list(members)]).solve()
        certificate = min(again, self.gap + kept.value)
        return Refined(
            members=members,
            weights=tuple(tuple(each.tolist()) for each in self.known.weights),
            solved=tuple(self.known.solved),
            certificate=certificate,
            gap=self.gap,
            lower_bound=least,
            calls=len(self.known.weights),
            history=tuple(self.history),
            eta=self.eta,
            noise=self.noise,
            oracle_error=self.known.shortfall()[0],
            reached=certificate <= self.regret * (1 + 1e-6),
            also=() if self.known.also is None else tuple(map(tuple, self.known.also.tolist())),
        )


def certified(
    oracle: Oracle,
    traits: int,
    regret: float = 0.02,
    max_calls: int | None = None,
    method: Method = "auto",
    *,
    share: float = 1 / 3,
    eta: float = 0.0,
    noise: float = 0.0,
    also: npt.ArrayLike | None = None,
    journal: str | Path | None = None,
    seconds: float | None = None,
    name: str = "",
) -> Refined:
    """Find a small portfolio that is near-optimal for every weights, against all policies, with few calls.

    Parameters
    ----------
    oracle
        Maps weights (traits,) to a `Solved`: the best policy for them, or one within `eta` of it.
    traits, regret, method, share, eta, noise, also, journal
        As `Refinement` takes them.
    name
        Of the oracle, in the journal (`Refinement.oracle`); a pool's has one of its own, by its content.
    max_calls
        After so many calls it stops, with the certificate that was reached; None: when the regret is reached.
    seconds
        After so long no further call is begun; the corners of the simplex are solved in any case.

    Examples
    --------
    >>> from populace.portfolio import Pool
    >>> pool = Pool(np.random.default_rng(0).random((50, 16, 3)))
    >>> found = certified(pool.oracle(beta=0.1), traits=3, regret=0.02)
    >>> found.reached, len(found) < found.calls
    (True, True)
    """
    if max_calls is not None and max_calls < 1:
        raise ValueError(f"max_calls is {max_calls} and must be at least 1")
    search = Refinement(
        traits=traits,
        regret=regret,
        share=share,
        eta=eta,
        noise=noise,
        method=method,
        also=also,
        journal=journal,
        oracle=name or (_fingerprint(oracle) if journal is not None else ""),
    )
    until = float("inf") if seconds is None else time.monotonic() + seconds
    for weights in _asked(search, max_calls, until):
        search.tell(weights, oracle(weights))
    return search.portfolio(60.0 if seconds is None else max(1.0, until - time.monotonic()))


def _fingerprint(oracle: Oracle) -> str:
    """Give what tells an oracle from others, where it says so."""
    own = getattr(oracle, "fingerprint", None)
    return str(own()) if callable(own) else ""


def _asked(search: Refinement, most: int | None, until: float) -> Iterable[np.ndarray]:
    """Give weights one by one, until the gap is small or what was allowed is used up."""
    while True:
        known = len(search.known.weights)
        if known >= search.traits and (known >= (most or known + 1) or time.monotonic() >= until):
            return
        weights = search.ask()
        if not weights:
            return
        yield weights[0]
