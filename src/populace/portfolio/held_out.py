r"""A portfolio on prompts that had no part in choosing it, and on prompts that were never seen.

The policies are fixed by their weights before the held-out prompts are looked at. On these, solved weights
bound the best value from above by convexity, and members bound the portfolio's from below, as on the plan's
own prompts. Both are means over prompts: of :math:`\beta \ln Z_x`, from 0 to 1, at K weights, and of the
members' rewards with their cost, m members times d traits, from :math:`-\min(1, \beta \ln n)` to 1 for n
responses. Hoeffding's inequality for the K + m d of them, each on the one side that matters, gives

.. math:: t = \sqrt{\ln((K + m d)/\alpha) / (2 N)}

for N prompts: with probability 1 - alpha no weights lose more than the regret measured plus
:math:`t\,(2 + \min(1, \beta \ln n))`, on prompts (and n sampled responses) like these. It holds for all
weights, since both bounds are taken at weights that were fixed beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from populace.portfolio.plans import HeldOut
from populace.portfolio.pool import Pool
from populace.portfolio.refine import Refinement

__all__ = ["hold_out", "slack_of"]


def slack_of(
    prompts: int, *, solved: int, members: int, traits: int, beta: float, responses: int, confidence: float
) -> float:
    """Give what other prompts may add to a regret.

    Examples
    --------
    >>> settings = {"solved": 9, "members": 4, "traits": 2, "beta": 0.1, "responses": 16, "confidence": 0.95}
    >>> round(slack_of(1000, **settings), 4)
    0.1229
    """
    terms = solved + members * traits
    width = 2 + min(1.0, beta * math.log(responses))
    return width * math.sqrt(math.log(terms / (1 - confidence)) / (2 * prompts))


def hold_out(
    pool: Pool,
    weights: Sequence[Sequence[float]],
    members: Sequence[int],
    beta: float,
    *,
    regret: float,
    confidence: float = 0.95,
) -> HeldOut:
    """Measure a portfolio on other prompts.

    Parameters
    ----------
    pool
        Of the held-out prompts.
    weights
        All that were solved for the plan, the corners of the simplex among them.
    members
        Which of them are the portfolio.
    beta, regret
        Of the plan.
    confidence
        Of the certificate for prompts like these.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence} and must be between 0 and 1")
    oracle = pool.oracle(beta)
    search = Refinement(traits=pool.traits, regret=regret)
    for each in weights:
        search.tell(each, oracle(np.asarray(each)))
    chosen = np.asarray(members, dtype=np.int64)
    prompts, responses = pool.rewards.shape[:2]

    def slack(count: int) -> float:
        return slack_of(
            count, solved=len(weights), members=len(chosen), traits=pool.traits, beta=beta,
            responses=responses, confidence=confidence,
        )  # fmt: skip

    return HeldOut(
        prompts=prompts,
        regret=search.search.gap_of(chosen),
        slack=slack(prompts),
        confidence=confidence,
        rewards=tuple(search.known.solved[row].rewards for row in chosen),
        needed=math.ceil((slack(1) / regret) ** 2),
    )
