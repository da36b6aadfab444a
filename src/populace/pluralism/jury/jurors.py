"""`Jury`: what jurors said of options, and what every rule makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.pluralism.jury import lottery, majority, welfare
from populace.pluralism.jury.ballots import Ballots, Kind, ballots_of
from populace.pluralism.jury.outcomes import Condorcet, Lottery, Winner
from populace.pluralism.jury.pairwise import Pairwise, pairwise
from populace.pluralism.jury.rules import RULES, above_zero, checked_p, rule_of, settled
from populace.pluralism.jury.scoring import handled, lead, measured, scores_of
from populace.stats._arrays import Bools, Floats

if TYPE_CHECKING:
    from populace.pluralism.jury.fills import Filled
    from populace.pluralism.jury.profile import Profile
    from populace.pluralism.jury.resampling import Resampled
    from populace.pluralism.jury.strategy import Strategy
    from populace.pluralism.jury.zero import ZeroSensitivity

__all__ = ["Jury"]

_BY_PATHS = ("schulze", "split_cycle")


class Jury:
    """Jurors and what they said of options.

    Parameters
    ----------
    utilities
        Shape (jurors, options), more is better; NaN = not rated.
    options
        Names of the columns.
    weights
        Of jurors; all alike by default.
    kind
        What the numbers mean: `cardinal`, `graded`, `ordinal` or `approval`
        (`populace.pluralism.jury.ballots`).
    zero
        Utility of having no answer at all, which Nash and p-means measure from. It has no default: it
        decides.
    scale
        Least and greatest rating that a juror could have given.

    Raises
    ------
    DataError
        If the table is not one of ratings of that kind.

    Examples
    --------
    Three of five like `plain` best; two are badly served by it.

    >>> jury = Jury([[9, 6], [9, 6], [9, 6], [1, 5], [1, 5]], ["plain", "balanced"], zero=0)
    >>> jury.winner("utilitarian").winners, jury.winner("nash").winners, jury.winner("schulze").winners
    (('plain',), ('balanced',), ('plain',))
    """

    def __init__(
        self,
        utilities: npt.ArrayLike,
        options: Sequence[str] | None = None,
        weights: npt.ArrayLike | None = None,
        *,
        kind: Kind = "cardinal",
        zero: float | None = None,
        scale: tuple[float, float] | None = None,
    ) -> None:
        self.ballots: Ballots = ballots_of(utilities, options, weights, kind, zero, scale)

    def __repr__(self) -> str:
        jurors, options = self.ballots.utilities.shape
        return f"Jury({jurors} jurors, {options} options, {self.ballots.kind}, {self.ballots.missing})"

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the options."""
        return self.ballots.options

    @cached_property
    def pairs(self) -> Pairwise:
        """Shares of the jury that prefer the row to the column, and ties."""
        return pairwise(self.ballots.utilities, self.ballots.weights)

    @cached_property
    def margins(self) -> Floats:
        """Share that prefers the row less the share that prefers the column, shape (options, options)."""
        return self.pairs.margins

    @cached_property
    def _paths(self) -> Floats:
        return majority.beat_paths(self.margins)

    def weighted(self, groups: Sequence[object], shares: Mapping[Any, float]) -> Jury:
        """Weigh jurors so that every group has its share; within a group, weights keep their proportions.

        Parameters
        ----------
        groups
            Of each juror.
        shares
            Group -> share of the whole; they are made to sum to 1.

        Raises
        ------
        DataError
            If a juror's group has no share, or a share no juror of weight.

        Examples
        --------
        >>> jury = Jury([[1, 0], [1, 0], [0, 1]], ["a", "b"])
        >>> jury.weighted(["x", "x", "y"], {"x": 0.3, "y": 0.7}).winner("utilitarian").winners
        ('b',)
        """
        if len(groups) != len(self.ballots.weights):
            raise DataError(f"`groups` has {len(groups)} entries for {len(self.ballots.weights)} jurors")
        weights = np.zeros(len(groups))
        members = {
            group: [n for n, each in enumerate(groups) if each == group] for group in dict.fromkeys(groups)
        }
        for group in members:
            if group not in shares:
                raise DataError(f"the group {group!r} has no share", fix="name a share of every group")
        for group, share in shares.items():
            own = self.ballots.weights[members.get(group, [])]
            if not np.isfinite(share) or share < 0:
                raise DataError(f"the share of {group!r} is {share}", fix="give shares from 0 up")
            if share and not own.sum() > 0:
                raise DataError(
                    f"nobody speaks for the group {group!r}", fix="leave it out, or add jurors of it"
                )
            if share:
                weights[members[group]] = share * own / own.sum()
        return self._with(weights=weights)

    def filled(self, value: float) -> Jury:
        """Give every rating that is missing a value: a choice, to be told where the result is."""
        table = self.ballots.utilities
        return self._with(utilities=np.where(np.isnan(table), value, table))

    def winner(
        self, rule: str, *, draws: int | None = None, seed: int = 0, level: float = 0.95, **settings: Any
    ) -> Winner:
        """Say who wins by a rule.

        Parameters
        ----------
        rule
            A name of `RULES`.
        draws
            Resampled juries for the interval of the lead; 0 for none. By default 1,000, but none for rules
            that read pairs where jurors by pairs of options are more than 20 million.
        seed, level
            Of the resampling; coverage aimed at.
        settings
            Of the rule: `p`, `epsilon`, `q`, `alpha`, `by_rank`, `threshold`.

        Returns
        -------
        Winner
            The lead is of the option found to lead over the one found second: chosen after the fact, so that
            it is somewhat flattered. An interval of `maximin` or `leximin` is of a minimum, which resampling
            cannot make lower than what was seen.

        Raises
        ------
        DataError
            If the numbers do not carry the rule, or a setting is missing.
        """
        one = rule_of(rule)
        setting = settled(one, self.ballots, settings)
        utilities = measured(self.ballots, one)
        pairs = self._pairs(one.name in _BY_PATHS) if one.read is None else None
        exact = True
        scores = scores_of(utilities, self.ballots.weights[None], one, setting, pairs)[0]
        if one.pick is not None:
            winners, exact = one.pick(self.margins, self._paths if rule == "ranked_pairs" else None)
        elif one.name == "leximin":
            winners = welfare.leximin_order(utilities, self.ballots.weights)
        else:
            winners = welfare.leading(scores)
        return Winner(
            rule=rule,
            settings=setting,
            winners=tuple(self.options[place] for place in winners),
            scores={} if one.pick else dict(zip(self.options, scores.tolist(), strict=True)),
            margin=lead(self.ballots, one, setting, scores, winners, draws=draws, seed=seed, level=level),
            missing=handled(self.ballots, one),
            exact=exact,
        )

    def winners(self, rules: Iterable[str] | None = None, **settings: Mapping[str, Any]) -> pl.DataFrame:
        """Say who wins by every rule that these ballots carry, or by some.

        Parameters
        ----------
        rules
            Names; by default all that have a meaning here and need no further setting, but Kemeny's.
        settings
            Rule -> its settings.

        Returns
        -------
        DataFrame
            `rule`, `winners` (a list), `exact`.
        """
        rows = [
            self.winner(name, draws=0, **settings.get(name, {})) for name in rules or self.rules(settings)
        ]
        told = [(each.rule, list(each.winners), each.exact) for each in rows]
        schema = {"rule": pl.String, "winners": pl.List(pl.String), "exact": pl.Boolean}
        return pl.DataFrame(told, schema=schema, orient="row")

    def rules(self, settings: Mapping[str, Mapping[str, Any]] | None = None) -> list[str]:
        """List the rules that these ballots carry with these settings; Kemeny's only if it is named."""
        found: list[str] = []
        for name, rule in RULES.items():
            if name == "kemeny" and name not in (settings or {}):
                continue
            try:
                settled(rule, self.ballots, (settings or {}).get(name, {}))
            except DataError:
                continue
            found.append(name)
        return found

    def p_mean(self, p: float) -> dict[str, float]:
        """Give the p-mean of every option, in utility above the zero point; p from -inf to 1.

        Examples
        --------
        >>> Jury([[1, 2], [4, 2]], ["a", "b"], zero=0).p_mean(0)
        {'a': 2.0, 'b': 2.0}
        """
        utilities = above_zero(self.ballots, "a p-mean")
        found = welfare.power_mean(utilities, self.ballots.weights[None], checked_p(p))[0]
        return {name: float(f"{each:.12g}") for name, each in zip(self.options, found.tolist(), strict=True)}

    def profile(self, p: Sequence[float] | None = None) -> Profile:
        """Give the best option at every p from -inf to 1, with the exact points where it changes."""
        from populace.pluralism.jury.profile import profile_of

        return profile_of(self.ballots, p)

    def zero_sensitivity(self, p: float = 0.0) -> ZeroSensitivity:
        """Give the best option by a p-mean at every zero point, with the points where it changes."""
        from populace.pluralism.jury.zero import zero_of

        return zero_of(self.ballots, checked_p(p))

    def condorcet(self) -> Condorcet:
        """Say who beats whom: winner, loser, a cycle at the top, Smith and Schwartz sets.

        Examples
        --------
        >>> Jury([[3, 2, 1], [1, 3, 2], [2, 1, 3]], list("abc"), kind="ordinal").condorcet().cycle
        ('a', 'b', 'c')
        """
        margins = self.margins
        beats: Bools = margins > 0
        others = len(self.options) - 1
        won, lost = beats.sum(axis=1), beats.sum(axis=0)
        winner, loser = (np.flatnonzero(each == others).tolist() for each in (won, lost))
        smith, schwartz = majority.smith_set(margins), majority.schwartz_set(margins)
        return Condorcet(
            winner=self.options[winner[0]] if len(winner) and others else None,
            loser=self.options[loser[0]] if len(loser) and others else None,
            smith=tuple(self.options[each] for each in smith),
            schwartz=tuple(self.options[each] for each in schwartz),
            cycle=tuple(self.options[each] for each in majority.cycle_in(beats, smith)),
        )

    def maximal_lottery(self) -> Lottery:
        """Give a lottery that no option beats (`populace.pluralism.jury.lottery.maximal`)."""
        return self._lottery(lottery.maximal(self.margins), 0.0)

    def robust_lottery(self, radius: float, groups: Sequence[object] | None = None) -> Lottery:
        """Give the lottery that does best in the worst jury near this one.

        Parameters
        ----------
        radius
            Share of the jury's weight that may be moved between jurors; 0 gives a maximal lottery.
        groups
            Of each juror: weight is then moved between groups, and jurors keep their weight within theirs.
        """
        from populace.pluralism.jury.units import units_of

        preferences, weights = units_of(self.ballots, groups)
        return self._lottery(lottery.robust(preferences, weights, radius), radius)

    def resample(self, draws: int = 1000, *, seed: int = 0, **kwargs: Any) -> Resampled:
        """Say how often each option wins in resampled juries; see `populace.pluralism.jury.resampling`."""
        from populace.pluralism.jury.resampling import resampled

        return resampled(self, draws=draws, seed=seed, **kwargs)

    def missing_sensitivity(self, rule: str, **settings: Any) -> Filled:
        """Say who could win, and who must, whatever the missing ratings are."""
        from populace.pluralism.jury.fills import filled_of

        return filled_of(self.ballots, rule, settings)

    def strategic_sensitivity(self, rule: str, **settings: Any) -> Strategy:
        """Say what share of jurors would have to rate otherwise for another option to win."""
        from populace.pluralism.jury.strategy import strategy_of

        return strategy_of(self.ballots, rule, settings)

    def exaggerated(self, share: float, *, seed: int = 0) -> Jury:
        """Let a random share of jurors rate what they like more than their own mean at the top of the scale,
        the rest at its foot.
        """
        from populace.pluralism.jury.strategy import exaggerated_of

        return self._with(utilities=exaggerated_of(self.ballots, share, seed))

    def _with(self, **changed: Any) -> Jury:
        own = self.ballots
        given: dict[str, Any] = {"utilities": own.utilities, "options": own.options, "weights": own.weights}
        given |= {"kind": own.kind, "zero": own.zero, "scale": own.scale}
        return Jury(**(given | changed))

    def _pairs(self, paths: bool) -> Pairwise:
        """Give the preferences as those of one draw."""
        return Pairwise(self.pairs.wins[None], self.pairs.ties[None], self._paths[None] if paths else None)

    def _lottery(self, solved: lottery.Solved, radius: float) -> Lottery:
        chances = {
            name: float(chance)
            for name, chance in zip(self.options, solved.chances, strict=True)
            if chance > 0
        }
        return Lottery(chances=chances, exploitability=solved.exploitability, radius=radius)
