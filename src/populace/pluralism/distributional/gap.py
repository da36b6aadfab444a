"""The knowledge-to-simulation gap: models describe a group better than they simulate it."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from populace.pluralism.distributional.conventions import convention
from populace.pluralism.distributional.planning import Laid, planned
from populace.pluralism.distributional.table import Distributions
from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.stats.bootstrap import bootstrap_replicates, expanded_estimate
from populace.streams import stream

__all__ = ["simulation_gap"]


def simulation_gap(
    simulated: Distributions,
    described: Distributions,
    human: Distributions,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    **laid: Unpack[Laid],
) -> Estimate:
    """Give (TV(Seq) - TV(V)) / TV(V), with an interval over questions, both resampled together.

    Seq are shares of answers that the model simulated (30 in one text), V the distribution that it states
    (Meister et al., NAACL 2025, arXiv 2411.05403). 0 where it simulates as well as it describes. That 30
    answers cannot show most distributions is part of the gap: `noise_floor` says how much.

    Parameters
    ----------
    simulated, described, human
        Shape (questions, options) or (questions, groups, options); only cells that both answered count.
    draws, seed, level
        Resamples of questions, their seed, coverage aimed at.
    **laid
        See `aligned`; `unanswered` is `leave_out` unless it is given.

    Examples
    --------
    >>> people = [[0.5, 0.5], [0.8, 0.2]]
    >>> found = simulation_gap([[1, 0], [1, 0]], [[0.6, 0.4], [0.4, 0.6]], people)
    >>> round(found.value, 3)  # TV 0.5 and 0.2 against 0.1 and 0.4
    0.4
    """
    settings: Laid = {"unanswered": "leave_out", **laid}
    plans = [planned(each, human, convention("tv"), None, None, None, "none", settings)
             for each in (simulated, described)]  # fmt: skip
    both = plans[0].table.there & plans[1].table.there
    values = [np.where(both, plan.cells(plan.table.model, plan.table.human), 0.0) for plan in plans]
    used = np.stack([value.sum(axis=1) for value in values], axis=-1)[both.any(axis=1)]

    def relative(total: Floats) -> Floats:
        base = total[..., 1]
        return np.divide(total[..., 0], base, out=np.full(base.shape, np.nan), where=base > 0) - 1

    drawn_seed = int(stream(seed, "pluralism.distributional.gap").integers(2**31))
    return expanded_estimate(
        float(relative(used.sum(axis=0))),
        bootstrap_replicates(used, relative, draws=draws, seed=drawn_seed),
        n=int(both.sum()),
        clusters=len(used),
        draws=draws,
        seed=seed,
        level=level,
        unit="question",
    )
