"""Another persona in the judge's seat: what of a verdict is the person's own?

A judge that calls answers suitable whoever it plays finds them as suitable for a stranger. Each person of a
run has one stranger, another person of the run drawn by the seed; a verdict of the stranger costs one more
question an item, and nothing more is asked of the target.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import polars as pl

from populace.bench.elicit import needs_revision, questions, verdicts
from populace.bench.pairing import paired
from populace.bench.result import Finding, Score
from populace.bench.rules import same_as_another
from populace.bench.scoring import columns, compared, scored, share
from populace.bench.task import Ask, Bench, Counting
from populace.models.records import Result
from populace.streams import stream

__all__ = ["described_strangers", "stranger_finding", "stranger_scores", "strangers", "with_strangers"]


def strangers(people: Sequence[str], seed: int) -> dict[str, str | None]:
    """Give each person another; None where there is only one.

    Examples
    --------
    >>> found = strangers(["ann", "bo", "cy"], 0)
    >>> sorted(map(str, found.values())), any(who == other for who, other in found.items())
    (['ann', 'bo', 'cy'], False)
    """
    distinct = sorted(set(people))
    order = [distinct[place] for place in stream(seed, "bench.strangers").permutation(len(distinct))]
    return {
        who: other if who != other else None for who, other in zip(order, order[1:] + order[:1], strict=True)
    }


def described_strangers(bench: Bench) -> dict[str, str]:
    """Give each person of a bench who is asked anything the description of another; nobody, if there is none.

    Examples
    --------
    >>> from populace.bench.planted import planted_bench, planted_judge, planted_target
    >>> bench, _ = planted_bench(planted_target(), planted_judge(), people=2, prompts=1, items=2)
    >>> ours, others = bench.profiles(), described_strangers(bench)
    >>> sorted(others.values()) == sorted(ours.values()), any(ours[who] == others[who] for who in ours)
    (True, False)
    """
    profiles = bench.profiles()
    other = strangers(paired(bench)["persona_id"].to_list(), bench.seed)
    return {who: profiles[them] for who, them in other.items() if them is not None}


def with_strangers(
    bench: Bench, items: pl.DataFrame, others: Mapping[str, str], stage: str
) -> Generator[Ask, list[Result | None], pl.DataFrame]:
    """Ask each item's stranger whether the answer suits it; adds the verdict `stranger` to the items.

    Parameters
    ----------
    others
        Description of the stranger, by `persona_id`; who has none is not asked.
    """
    wanted = [
        needs_revision(bench, others[who], what, text) if who in others else None
        for who, what, text in items.select("persona_id", "prompt", "answer").iter_rows()
    ]
    found = yield Ask(stage=f"stranger, {stage}", to="judge", requests=questions(wanted))
    return items.with_columns(columns("stranger", verdicts(bench, wanted, found)))


def stranger_scores(items: pl.DataFrame, arm: str, counting: Counting) -> list[Score]:
    """Score how many answers suit a stranger, and how many more suit the person: what is the person's own."""
    rows = items.with_columns(own=scored(items, "critic"), theirs=scored(items, "stranger"))
    test = compared(rows, "own", "theirs", counting)
    return [
        Score(
            measure="satisfied_stranger",
            arm=arm,
            estimate=share(items, "stranger", counting),
            note="the judge plays another person of the run",
        ),
        Score(measure="satisfied_above_stranger", arm=arm, estimate=test.estimate, p_value=test.p_value),
    ]


def stranger_finding(items: pl.DataFrame, counting: Counting) -> Finding:
    """Hold a judge's verdicts against those of the same judge as another person."""
    return same_as_another(
        items,
        "critic",
        "stranger",
        counting,
        label="shuffled persona",
        what="gives the verdicts of the judge as another person",
    )
