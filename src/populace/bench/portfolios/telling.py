"""Do a person's weights tell what the person chooses? Held out: weights from the one half of the questions,
choices from the other; beside them another person's weights, everybody's, and length.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.bench.portfolios.candidates import scores_in
from populace.bench.portfolios.held_out import SHUFFLED, HeldOut
from populace.bench.portfolios.weighing import leads_in
from populace.bench.result import Score
from populace.bench.rules import words_in
from populace.bench.scoring import compared, mean_of
from populace.bench.task import Counting
from populace.stats import PairedTest

__all__ = ["told_ahead", "told_choices", "told_rows"]

_OWN, _ALL, _LONGER = "own weights", "mean weights", "the longer"


def told_rows(found: HeldOut, items: pl.DataFrame) -> pl.DataFrame | None:
    """Say of each decided choice whether a rule tells it: 1, 0, or half where it cannot say."""
    if not items.filter(pl.col("part") == "choice").height:
        return None
    scores, arms, questions, _ = scores_in(items)
    rows, leads = leads_in(items, scores, arms, questions)
    if rows.is_empty():
        return None
    # The half in which a question is measured: the weights are those of the other.
    fold_of = {found.questions[place]: number for number, part in enumerate(found.order) for place in part}
    who = [found.people.names.index(name) for name in rows["persona_id"]]
    folds = [fold_of[name] for name in rows["prompt_id"]]
    sent = np.stack([fold.routed for fold in found.folds])
    own, other = sent[folds, who], np.roll(sent, 1, axis=1)[folds, who]
    everybody = sent.mean(axis=1)[folds]
    lengths = rows.select(one=words_in("one"), other=words_in("other")).to_numpy().astype(np.float64)
    longer = np.sign(lengths[:, 0] - lengths[:, 1]) * np.where(rows["first"].to_numpy() == 1.0, 1, -1)

    def told(lead: np.ndarray) -> np.ndarray:
        return (np.sign(np.round(lead, 9)) + 1) / 2

    return rows.with_columns(
        pl.Series(_OWN, told((own * leads).sum(axis=1))),
        pl.Series(SHUFFLED, told((other * leads).sum(axis=1))),
        pl.Series(_ALL, told((everybody * leads).sum(axis=1))),
        pl.Series(_LONGER, told(longer)),
    )


def told_choices(found: HeldOut, items: pl.DataFrame, counting: Counting) -> list[Score]:
    """Score how many choices on held-out questions each rule tells."""
    rows = told_rows(found, items)
    if rows is None:
        return []
    return [
        Score(measure="told", arm=name, estimate=mean_of(rows, name, counting), note="share of choices")
        for name in (_OWN, SHUFFLED, _ALL, _LONGER)
    ]


def told_ahead(rows: pl.DataFrame, counting: Counting) -> PairedTest:
    """Test whether a person's own weights tell more choices than another's."""
    return compared(rows, _OWN, SHUFFLED, counting)
