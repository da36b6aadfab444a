"""Plan before training: from one pool of scored responses, the models to train and what they will give.

Everything is closed form on the pool (`pool`): the best policy for any weights and any price of KL,
best-of-n, the portfolio and its price curve. What is planned on some prompts is measured on others. It
is exact for policies on this pool; a trained model can do more than choose among its samples, or less than
the optimum: certify again after training (`worst_regret`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from populace.errors import DataError
from populace.portfolio.correlating import correlations
from populace.portfolio.doubts import doubts, growth_of
from populace.portfolio.held_out import ROUNDING, hold_out
from populace.portfolio.plans import Plan, Step, Training, Worth
from populace.portfolio.pool import Pool
from populace.portfolio.refine import Refined, Refinement
from populace.portfolio.rewards import Rewards
from populace.portfolio.scaling import Scale
from populace.portfolio.served import Serving
from populace.portfolio.sizes import least_regret
from populace.streams import stream

__all__ = ["plan", "split_prompts", "worths_of"]

_SECONDS = 30.0
"""Given to each size of the curve: enough, so that a plan does not depend on the machine."""


def plan(
    rewards: Rewards,
    *,
    scale: Scale | None = None,
    beta: float = 0.1,
    regret: float = 0.02,
    held: float = 0.3,
    betas: Sequence[float] = (),
    best_of: Sequence[int] = (1, 2, 4, 8, 16),
    max_calls: int = 400,
    confidence: float = 0.95,
    seed: int = 0,
    provenance: Mapping[str, str] | None = None,
) -> Plan:
    """Plan a portfolio.

    Parameters
    ----------
    rewards
        Scored responses. Each counts as drawn from the reference: the model that is to be trained.
    scale
        What a weight means; `rewards.scale()` by default.
    beta
        Price of a nat of KL, in units of reward on the scale; 0: the best response of each prompt.
    regret
        That no user shall exceed.
    held
        Share of the prompts that have no part in the plan; 0 holds out none, and nothing is certified.
    betas, best_of
        Other prices and numbers of samples to tell the worth of.
    max_calls
        Most weights that are solved.
    confidence
        Of the certificate for prompts like the held-out ones.
    seed
        Of the split.
    provenance
        What to note of where the rewards are from.

    Raises
    ------
    DataError
        If a trait is constant, or there are too few prompts to hold some out.
    ValueError
        If a setting is out of range.

    Examples
    --------
    >>> import polars as pl
    >>> scores = np.random.default_rng(0).random((60 * 8, 2))
    >>> frame = pl.DataFrame({"prompt_id": [str(n // 8) for n in range(480)],
    ...     "response_id": [str(n % 8) for n in range(480)], "wit": scores[:, 0], "tact": scores[:, 1]})
    >>> found = plan(Rewards(frame, ("wit", "tact")), scale=None, regret=0.01)
    >>> len(found.members), found.certificate <= 0.01, found.held_out.prompts
    (4, True, 18)
    """
    settled = scale or rewards.scale()
    if settled.traits != rewards.traits:
        raise DataError(
            f"the scale is of {', '.join(settled.traits)}, the rewards of {', '.join(rewards.traits)}"
        )
    planned, kept = split_prompts(rewards.prompts, held, seed)
    pool = Pool(rewards.rows(settled, planned).rewards)
    search = _searched(pool, beta, regret, max_calls)
    found = search.portfolio()
    curve, kept_rows = _curve(search, found, regret)
    members = _members(pool, found, kept_rows, beta)
    other = None
    if kept:
        aside = Pool(rewards.rows(settled, kept).rewards)
        # What is trained, and not what the search kept, which may be more.
        other = hold_out(
            pool,
            aside,
            found.weights,
            kept_rows,
            beta,
            regret=regret,
            confidence=confidence,
            given=settled.of_pool,
        )
    related = tuple(correlations(rewards.rows(settled).rewards, settled.traits, seed=seed))
    growth = growth_of(pool, beta)
    chosen = [
        *np.eye(pool.traits),
        np.full(pool.traits, 1 / pool.traits),
        *(each.weights for each in members),
    ]
    return Plan(
        scale=settled,
        beta=beta,
        regret=regret,
        members=members,
        certificate=curve[-1].regret,
        gap=found.gap,
        lower_bound=1 + sum(step.lower_bound > regret for step in curve[:-1]),
        solved=found.calls,
        curve=tuple(curve),
        held_out=other,
        worths=tuple(worths_of(pool, chosen, betas=dict.fromkeys((beta, *betas)), best_of=best_of)),
        correlations=related,
        planned=tuple(planned),
        kept=tuple(kept),
        responses=pool.rewards.shape[1],
        growth=growth,
        warnings=tuple(doubts(rewards, settled, found, members, other, related, growth, regret)),
        seed=seed,
        provenance=dict(provenance or {}),
    )


def split_prompts(prompts: Sequence[str], held: float, seed: int) -> tuple[list[str], list[str]]:
    """Draw the prompts that are held out; both parts in the order given.

    Raises
    ------
    DataError
        If one part would be empty.

    Examples
    --------
    >>> split_prompts(["a", "b", "c", "d"], 0.5, seed=0)
    (['a', 'd'], ['b', 'c'])
    """
    if not 0 <= held < 1:
        raise ValueError(f"held is {held}, a share from 0 up to 1")
    count = round(held * len(prompts))
    if held and not 0 < count < len(prompts):
        what = f"of {len(prompts)} prompts a share of {held:g} cannot be held out"
        raise DataError(what, fix="give more prompts, or hold out none")
    drawn = stream(seed, "portfolio.plan").permutation(len(prompts))[:count]
    aside = set(drawn.tolist())
    return (
        [name for place, name in enumerate(prompts) if place not in aside],
        [name for place, name in enumerate(prompts) if place in aside],
    )


def worths_of(
    pool: Pool, weights: Iterable[Sequence[float]], *, betas: Iterable[float], best_of: Iterable[int]
) -> list[Worth]:
    """Tell what the reference, the best policies and best-of-n are worth at weights, in closed form.

    Parameters
    ----------
    weights
        Shape (n, traits).
    betas
        Prices of a nat of KL; of samples, soft best-of-n at this temperature is the same policy.
    best_of
        Numbers of samples, of which the best is taken; those beyond the pool's are left out.
    """
    found = []
    counts = [n for n in dict.fromkeys(best_of) if 1 < n <= pool.rewards.shape[1]]
    for given in weights:
        each = np.asarray(given, dtype=np.float64)
        named = [("reference", pool.best_of(each, 1))]
        named += [(f"beta {beta:g}", pool.policy(each, beta)) for beta in betas]
        named += [(f"best of {n}", pool.best_of(each, n)) for n in counts]
        for name, policy in named:
            gives = pool.expected(policy)
            found.append(
                Worth(
                    weights=tuple(each.tolist()),
                    policy=name,
                    rewards=tuple(gives.tolist()),
                    kl=pool.kl(policy),
                    worth=float(gives @ each),
                )
            )
    return found


def _searched(pool: Pool, beta: float, regret: float, max_calls: int) -> Refinement:
    """Solve weights until the gap is small enough, or so many are solved."""
    oracle = pool.oracle(beta)
    search = Refinement(traits=pool.traits, regret=regret, eta=ROUNDING)
    while weights := search.ask():
        if len(search.known.weights) >= max(max_calls, pool.traits):
            break
        search.tell(weights[0], oracle(weights[0]))
    return search


def _members(pool: Pool, found: Refined, rows: Sequence[int], beta: float) -> tuple[Training, ...]:
    members = []
    for number, row in enumerate(rows, start=1):
        weights, solved = found.weights[row], found.solved[row]
        effective = pool.effective_sample_size(weights, beta)
        members.append(
            Training(
                name=f"member-{number}",
                weights=weights,
                beta=beta,
                rewards=solved.rewards,
                kl=solved.kl,
                effective=float(np.median(effective)),
                thin=float((effective < 2).mean()),
            )
        )
    return tuple(members)


def _curve(search: Refinement, found: Refined, regret: float) -> tuple[list[Step], tuple[int, ...]]:
    """Tell what more and more members can do, until they are within the regret: steps, and the last's rows.

    The search left a part of the regret for its gap; measured again, fewer members than it kept may do.
    """
    # Not `best_of_size`: policies that all have the same of a trait are no error here.
    problem, least, steps = Serving(search.known.points), np.inf, list[Step]()
    rows: tuple[int, ...] = ()
    for size in range(1, len(found.members) + 1):
        columns, value, bound, _ = least_regret(problem, size, _SECONDS)
        kept = tuple(int(row) for row in sorted(problem.rows[columns]))
        told = [(min(search.search.gap_of(np.array(kept)), search.gap + value), kept)]
        if size == len(found.members):
            told.append((found.certificate, found.members))
        for reached, members in told:
            # More members can do whatever fewer can: those stay that lose least.
            if reached < least:
                least, rows = reached, members
        steps.append(Step(size=size, regret=least, lower_bound=min(bound, least)))
        if least <= regret:
            break
    while len(steps) > 1 and steps[-2].regret == least:
        steps.pop()
    return steps, rows
