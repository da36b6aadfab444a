"""Statistical matching: every person takes over the whole set of answers of one real respondent.

A random nearest-neighbour hot deck (D'Orazio, Di Zio and Scanu, *Statistical Matching*, 2006, chapter 2;
`RANDwNND.hotdeck` of R's StatMatch). Donors must agree with the person on the `exact` variables; among them
the `k` nearest by Gower's distance, with everyone as near as the k-th, are candidates, and one is drawn in
proportion to survey weight. Answers of one respondent hang together as they did in the survey.

What is assumed: given the variables matched on, the answers do not depend on anything else about the
person (conditional independence). An item goes with income in the result only as far as income goes with
the variables matched on. Nobody under 18 is given answers that only adults were asked for. A donor's id is
an index into the user's own file: it is no attribute, is never rendered, and no persona is the respondent.
Surveys forbid re-identification; so does this module's purpose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.personas import matching_quality as quality
from populace.personas.enrich import ADULT_AGE
from populace.personas.evidence import EVIDENCE, evidence
from populace.personas.frames import complete
from populace.personas.gower import coordinates, distances
from populace.personas.schema import COLUMNS, attribute
from populace.personas.validation import checked_seed
from populace.population import Population
from populace.streams import stream

__all__ = ["EXACT", "ON", "Matching", "match"]

EXACT = ("ideology", "political_views")
"""Variables on which donor and person must agree, if any donor does."""
ON = ("age_group", "sex", "race_ethnicity", "foreign_born", "region", "degree", "religion", *EXACT)
"""Variables of the distance, by default."""
_BLOCK = 4_000_000
"""Distances held at a time."""


class Matching(msgspec.Struct, frozen=True, eq=False):
    """Answers of the donors, in the order of the people, and how good the match is."""

    frame: pl.DataFrame
    """`donor_id`, `distance` (0 to 1, null where nothing could be compared), then the items."""
    report: dict[str, Any]
    """Counts, agreement on every variable, reuse of donors, items before and after; `match` describes it."""


def match(
    people: pl.DataFrame,
    donors: pl.DataFrame | Population,
    items: Sequence[str] | None = None,
    *,
    seed: int,
    on: Sequence[str] | Mapping[str, float] = ON,
    exact: Sequence[str] = EXACT,
    k: int = 5,
    reuse: float | None = 10.0,
) -> Matching:
    """Give every person the answers of one respondent.

    Parameters
    ----------
    people
        Attributes as columns, and `weight` if they do not all weigh the same (for the report only). A
        column named as a reading (`region`) holds its codes, for surveys that give no finer attribute.
    donors
        Respondents: the same attributes, their answers, `weight`, and `person_id` (else they are numbered
        from 1).
    items
        Columns of answers; by default every column of `donors` that is no attribute, id or weight. An
        answer the donor did not give is null.
    seed
        Of every draw.
    on
        Readings of `populace.personas.evidence` or closed attributes, with weights if a mapping. A
        variable missing on either side is left out of that comparison.
    exact
        Of these a donor must agree on all, if there is such a donor, else on as many as can be. Missing in
        the person, it excludes nobody; missing in the donor, it disagrees. The others make the distance.
    k
        Nearest donors to draw from.
    reuse
        Most people a donor may serve, as a multiple of people / donors; None for no limit. Whoever
        cannot be placed within it keeps their donor and is counted.

    Returns
    -------
    Matching
        Who is under 18 (or under the youngest donor, if the survey asked minors) has neither donor nor
        answers. `report` holds `people`; `too_young`: those of them, who count in nothing else; `youngest`:
        the age that counts; `donors`, `donors_used`; `agreement`: weighted share of people whose donor
        has the same value, among those where both are known; `relaxed`: people without a donor that
        agrees on all of `exact`; `mean_distance`; `reuse`: mean, quantiles, most, limit, people over it;
        `items`: missing answers, total variation between donors and people, and the same within levels of
        ideology where it is known (at least 20 donors a level).

    Raises
    ------
    DataError
        If a column is missing, unknown or empty, an id is doubled, a weight is negative, or nobody gives.

    Examples
    --------
    >>> donors = pl.DataFrame({"age": [25, 70], "sex": ["Male", "Female"], "pray": ["never", "daily"]})
    >>> people = pl.DataFrame({"age": [66, 31, 20], "sex": ["Female", "Male", "Male"]})
    >>> match(people, donors, seed=1, on=("age_group", "sex"), exact=("sex",), k=1, reuse=None).frame.rows()
    [('2', 0.0, 'daily'), ('1', 0.25, 'never'), ('1', 0.0, 'never')]
    """
    seed = checked_seed(seed)
    given = donors.frame if isinstance(donors, Population) else donors
    items = _items(given, items)
    weight, ids = _checked_donors(given)
    variables = dict(on) if isinstance(on, Mapping) else dict.fromkeys(on, 1.0)
    _check_settings(variables, exact, k, reuse)
    names = list(dict.fromkeys([*variables, *exact]))
    theirs, ours = _codes(given, names, "donors"), _codes(people, names, "people")
    youngest = _youngest(given)
    young = _under(people, youngest)
    people, ours = people.filter(~young), ours.filter(~young)
    rng = stream(seed, "personas.matching")
    cells = ours.unique(maintain_order=True).with_row_index("cell")
    cell = ours.join(cells, on=names, how="left", nulls_equal=True, maintain_order="left")["cell"].to_numpy()
    candidates, relaxed = _candidates(cells, theirs, weight, variables, exact, k)
    limit = None if reuse is None else max(1, int(np.ceil(reuse * people.height / given.height)))
    drawn, over = candidates.draw(cell, weight, rng, limit)
    donor = candidates.donor[drawn]
    distance = pl.Series("distance", candidates.distance[drawn]).fill_nan(None)
    frame = pl.DataFrame([ids[donor].alias("donor_id"), distance]).hstack(given.select(items)[donor])
    mass = people["weight"].to_numpy().astype(float) if "weight" in people.columns else np.ones(people.height)
    agreement = quality.agreement(ours, theirs[donor], mass)
    uses = np.bincount(donor, minlength=given.height)
    outlooks = [_codes(each, ["ideology"], None)["ideology"] for each in (given, people)]
    before = quality.by_ideology(np.arange(given.height), outlooks[0], given.height, weight)
    after = quality.by_ideology(donor, outlooks[1], given.height, mass)
    levels = (before > 0).sum(axis=1) >= quality.MIN_DONORS
    report = {
        "people": len(young),
        "too_young": int(young.sum()),
        "youngest": youngest,
        "donors": given.height,
        "donors_used": int((uses > 0).sum()),
        "seed": seed,
        "on": variables,
        "exact": list(exact),
        "k": k,
        "agreement": agreement,
        "relaxed": int(relaxed[cell].sum()),
        "mean_distance": quality.mean(distance.fill_null(np.nan).to_numpy(), mass),
        "reuse": {**quality.spread(uses), "limit": limit, "over": over},
        "items": {name: quality.fidelity(given[name], before, after, levels) for name in items},
        "source": donors.provenance.source if isinstance(donors, Population) else None,
        "licence": donors.provenance.licence if isinstance(donors, Population) else None,
    }
    return Matching(_in_place(frame, young), report)


# --- input ------------------------------------------------------------------------------------------


def _items(donors: pl.DataFrame, items: Sequence[str] | None) -> list[str]:
    taken = {*COLUMNS, *EVIDENCE, "person_id", "weight", "persona_id", "donor_id", "distance"}
    if items is None:
        return [name for name in donors.columns if name not in taken]
    for name in items:
        if name not in donors.columns:
            raise DataError("the donors have no such item", column=name, fix="see the columns of the survey")
        if name in taken:
            fix = "rename the item; what a person has is never overwritten"
            raise DataError("an item is called as an attribute", column=name, fix=fix)
    return list(items)


def _youngest(donors: pl.DataFrame) -> int:
    """Age from which people may get answers: 18, or that of the youngest donor if a survey asked minors."""
    found = donors["age"].min() if "age" in donors.columns else None
    return min(ADULT_AGE, found) if isinstance(found, int) else ADULT_AGE


def _under(people: pl.DataFrame, youngest: int) -> pl.Series:
    """Who is too young for the answers; nobody whose age is unknown."""
    if "age" not in people.columns:
        return pl.Series(np.zeros(people.height, dtype=bool))
    return (people["age"] < youngest).fill_null(False)


def _in_place(frame: pl.DataFrame, young: pl.Series) -> pl.DataFrame:
    """Put nulls where somebody was too young."""
    place = (~young).cum_sum().cast(pl.Int64) - 1
    rows = pl.select(pl.when(~young).then(place)).to_series()
    return frame.select(pl.all().gather(rows))


def _checked_donors(donors: pl.DataFrame) -> tuple[np.ndarray, pl.Series]:
    """Weights and ids of the donors."""
    if donors.is_empty():
        raise DataError("there are no donors", fix="give the answers of a survey")
    count = donors.height
    weight = donors["weight"].cast(pl.Float64).to_numpy() if "weight" in donors.columns else np.ones(count)
    numbers = donors["person_id"] if "person_id" in donors.columns else pl.Series(range(1, count + 1))
    ids = numbers.cast(pl.String)
    bad = np.flatnonzero(~(np.isfinite(weight) & (weight >= 0)))
    if len(bad):
        raise DataError(f"{weight[bad[0]]} is not a weight from 0 up", row=int(bad[0]) + 1, column="weight")
    if not weight.sum() > 0:
        raise DataError("all weights are zero: nobody can give", column="weight")
    if ids.null_count():
        row = int(ids.is_null().arg_true()[0]) + 1
        raise DataError("a donor without an id", row=row, column="person_id", fix="number the donors")
    if ids.is_duplicated().any():
        row = int(ids.is_duplicated().arg_true()[0]) + 1
        raise DataError("two donors have this id", row=row, column="person_id", fix="make the ids unique")
    return weight, ids


def _check_settings(variables: dict[str, float], exact: Sequence[str], k: int, reuse: float | None) -> None:
    if not variables and not exact:
        raise DataError("nothing to match on", fix=f"name variables, such as {', '.join(ON)}")
    for name, weight in variables.items():
        if not (np.isfinite(weight) and weight > 0):
            raise DataError(f"{weight} is no weight of a variable", column=name, fix="leave it out instead")
    if k < 1:
        raise DataError(f"cannot draw from {k} donors", fix="give k from 1 up")
    if reuse is not None and not reuse >= 1:
        raise DataError(f"a reuse of {reuse} leaves people without a donor", fix="give 1 or more, or None")


def _codes(frame: pl.DataFrame, names: list[str], side: str | None) -> pl.DataFrame:
    """Codes of the variables matched on, null where unknown; `side` None if all may be unknown."""
    if not set(frame.columns) & {*COLUMNS, *EVIDENCE}:
        fix = "name the columns as the schema does"
        raise DataError(f"the {side or 'people'} have no attribute of a persona", fix=fix)
    known = [column for column in COLUMNS if column in frame.columns]
    whole = complete(frame.with_columns(person_id=pl.lit("")).select("person_id", *known))
    read = evidence(whole)
    columns = []
    for name in names:
        if name in EVIDENCE:
            own = frame[name] if name in frame.columns else read[name]
            if not own.dtype.is_integer() and name not in COLUMNS and own.dtype != pl.Null:
                raise DataError(f"holds {own.dtype} where codes are wanted", column=name, fix="rename it")
            column = own if own.dtype.is_integer() else read[name]
        elif attribute(name).values:
            codes = {label: at for at, label in enumerate(attribute(name).values)}
            column = whole[name].replace_strict(codes, default=None, return_dtype=pl.Int64)
        else:
            fix = "take age_group" if name == "age" else f"take one of {', '.join((*EVIDENCE, *EXACT))}"
            raise DataError("this attribute has no closed list of values to match on", column=name, fix=fix)
        if side and len(column) and column.null_count() == len(column):
            raise DataError(f"none of the {side} has a value", column=name, fix="leave it out of the match")
        columns.append(column.cast(pl.Int64).alias(name))
    return pl.DataFrame(columns)


# --- donors near a person ---------------------------------------------------------------------------


class _Candidates(msgspec.Struct, frozen=True):
    """Donors that the people of each cell may get, cell after cell."""

    donor: np.ndarray
    distance: np.ndarray
    start: np.ndarray
    """(cells + 1,) where each cell's candidates begin."""

    def draw(
        self, cell: np.ndarray, weight: np.ndarray, rng: np.random.Generator, limit: int | None
    ) -> tuple[np.ndarray, int]:
        """Draw a candidate for everyone by weight; and count who is over the limit of their donor."""
        drawn = self._pick(cell, weight[self.donor], rng.random(len(cell)))
        if limit is None:
            return drawn, 0
        # Whoever comes late at a full donor is drawn again among donors with room, a few times over.
        turn = rng.permutation(len(cell))
        for _ in range(20):
            late = self._late(drawn, turn, limit)
            room = np.bincount(self.donor[drawn], minlength=len(weight)) < limit
            open_weight = np.where(room, weight, 0.0)[self.donor]
            total = np.add.reduceat(open_weight, self.start[:-1]) if len(self.donor) else open_weight
            late = late[total[cell[late]] > 0]
            if not len(late):
                break
            drawn[late] = self._pick(cell[late], open_weight, rng.random(len(late)))
        return drawn, len(self._late(drawn, turn, limit))

    def _pick(self, cell: np.ndarray, weight: np.ndarray, uniform: np.ndarray) -> np.ndarray:
        below = np.concatenate([[0.0], np.cumsum(weight)])
        low, high = below[self.start[cell]], below[self.start[cell + 1]]
        found = np.searchsorted(below, low + uniform * (high - low), side="right") - 1
        return np.clip(found, self.start[cell], self.start[cell + 1] - 1)

    def _late(self, drawn: np.ndarray, turn: np.ndarray, limit: int) -> np.ndarray:
        """People beyond the first `limit` of their donor, in the order of `turn`."""
        queue = turn[np.argsort(self.donor[drawn[turn]], kind="stable")]
        donor = self.donor[drawn[queue]]
        first = np.searchsorted(donor, donor, side="left")
        return queue[np.arange(len(queue)) - first >= limit]


def _candidates(
    cells: pl.DataFrame,
    donors: pl.DataFrame,
    weight: np.ndarray,
    variables: dict[str, float],
    exact: Sequence[str],
    k: int,
) -> tuple[_Candidates, np.ndarray]:
    """Find the candidates of every cell; and which cells had to relax `exact`."""
    near = {name: weight for name, weight in variables.items() if name not in exact}
    ours, theirs = coordinates(cells, near), coordinates(donors, near)
    theirs_exact = donors.select(exact).fill_null(-1).to_numpy() if exact else np.zeros((donors.height, 0))
    ours_exact = cells.select(exact).fill_null(-1).to_numpy() if exact else np.zeros((cells.height, 0))
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    relaxed = np.zeros(cells.height, dtype=bool)
    kinds, kind = np.unique(ours_exact, axis=0, return_inverse=True)
    for at, wanted in enumerate(kinds):
        clashes = ((theirs_exact != wanted) & (wanted >= 0)).sum(axis=1)
        clashes[weight == 0] = len(exact) + 1
        allowed, members = np.flatnonzero(clashes == clashes.min()), np.flatnonzero(kind.ravel() == at)
        relaxed[members] = clashes.min() > 0
        step = max(1, _BLOCK // len(allowed))
        for start in range(0, len(members), step):
            block = members[start : start + step]
            distance = distances(ours, theirs, block, allowed)
            last = min(k, len(allowed)) - 1
            reach = np.partition(distance, last, axis=1)[:, [last]]
            row, column = np.nonzero(distance <= reach)
            found.append((block[row], allowed[column], distance[row, column]))
    cell, donor, distance = (
        (np.concatenate(parts) for parts in zip(*found, strict=True))
        if found
        else (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    )
    order = np.argsort(cell, kind="stable")
    start = np.searchsorted(cell[order], np.arange(cells.height + 1))
    return _Candidates(donor[order], np.where(distance[order] > 1, np.nan, distance[order]), start), relaxed
