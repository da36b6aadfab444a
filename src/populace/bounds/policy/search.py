"""Is there a situation in which these rules fire, and those do not? Found, or shown not to be.

The situations of a deployment are far too many to be listed: twenty hazards of three cells each are
3,486,784,401. So the search decides one variable at a time, stops as soon as a rule is decided the wrong
way, and, once what remains falls into parts that share no variable, solves each part by itself. A rule that
fires when one of several things holds is searched for each of them. Nothing is skipped that is not decided.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from populace.bounds.policy.reader import Cell, Variable
from populace.bounds.policy.space import Formula, Space
from populace.errors import DataError

__all__ = ["MOST", "Search"]

MOST = 20_000
"""Cases of one search; those of shipped examples take some hundreds."""


class Search:
    """A search in a space; `cases` counts the partial situations that were looked at."""

    def __init__(self, space: Space) -> None:
        self.space, self.cases, self._end = space, 0, MOST

    def find(
        self, fire: Sequence[Formula], quiet: Sequence[Formula] = (), given: Cell | None = None
    ) -> dict[Variable, Any] | None:
        """Find a situation in which all of `fire` hold and none of `quiet` does; None if there is none.

        In it is all that is `given`.
        Variables that are not in what is given back may have any value.

        Raises
        ------
        DataError
            If that is not decided within `MOST` cases: nothing is claimed then.
        """
        self._end = self.cases + MOST
        for chosen in itertools.product(*(_alternatives(formula) for formula in fire)):
            found = self._solve(list(chosen), list(quiet), dict(given or {}))
            if found is not None:
                return found
        return None

    def _solve(
        self, fire: list[Formula], quiet: list[Formula], cell: dict[Variable, Any]
    ) -> dict[Variable, Any] | None:
        self.cases += 1
        if self.cases > self._end:
            raise DataError(
                f"not decided: the rules of {self.space.action} at {self.space.bundle.organisation} depend on"
                f" so much at once that {MOST:,} cases did not settle them",
                fix="cut rules that combine many hazards into several",
            )
        open_fire, open_quiet = [], []
        for wanted, formulas, left in ((True, fire, open_fire), (False, quiet, open_quiet)):
            for formula in formulas:
                told = self.space.holds(formula, cell)
                if told is None:
                    left.append(formula)
                elif told != wanted:
                    return None
        if open_fire:
            fewest = min((self._free(formula, cell) for formula in open_fire), key=len)
            return self._branch(fewest[0], open_fire, open_quiet, cell)
        if not open_quiet:
            return cell
        found = cell
        for part in self._parts(open_quiet, cell):
            variables = [name for formula in part for name in self._free(formula, cell)]
            most = max(sorted(set(variables)), key=variables.count)
            solved = self._branch(most, [], part, cell)
            if solved is None:
                return None
            found = {**found, **solved}
        return found

    def _branch(
        self, name: Variable, fire: list[Formula], quiet: list[Formula], cell: dict[Variable, Any]
    ) -> dict[Variable, Any] | None:
        for value in self.space.domains[name]:
            found = self._solve(fire, quiet, {**cell, name: value})
            if found is not None:
                return found
        return None

    def _free(self, formula: Formula, cell: dict[Variable, Any]) -> list[Variable]:
        return sorted(self.space.open(formula, cell))

    def _parts(self, formulas: list[Formula], cell: dict[Variable, Any]) -> list[list[Formula]]:
        """Split formulas into groups that share no variable, of those that they could come to depend on."""
        groups: list[tuple[set[Variable], list[Formula]]] = []
        for formula in formulas:
            names, members = self.space.reach(formula, cell), [formula]
            apart = []
            for others, held in groups:
                if others & names:
                    names, members = names | others, held + members
                else:
                    apart.append((others, held))
            groups = [*apart, (names, members)]
        return [members for _, members in groups]


def _alternatives(formula: Formula) -> list[Formula]:
    """Split a formula into those of which one holds whenever it does."""
    ((name, inner),) = formula.tree.items()
    if name == "||":
        sides = [inner["left"], inner["right"]]
    elif name == "!" and "!" in inner["arg"]:
        sides = [inner["arg"]["!"]["arg"]]
    elif name == "!" and "&&" in inner["arg"]:
        both = inner["arg"]["&&"]
        sides = [{"!": {"arg": both["left"]}}, {"!": {"arg": both["right"]}}]
    else:
        return [formula]
    return [each for side in sides for each in _alternatives(Formula(side, formula.thing))]
