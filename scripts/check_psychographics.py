"""What the fitted models are worth: held-out losses of every psychographic, and the circle of values.

Printed by `scripts/fit_psychographics.py --check`. Five folds, drawn with seed 0; every person counts with
their survey weight. The margin is the distribution of everyone in the other folds. Trait and value levels
are those of normal scores (ranks within the sample), cut at `SHARES`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import fit_psychographics as fit
import numpy as np
import polars as pl
from scipy.stats import norm
from value_proxies import circle, correlation, fit_means, normal_scores, scores, variables

from populace.personas.schema import BASIC_VALUES, BIG_FIVE
from populace.personas.traits import SHARES, design_matrix
from populace.personas.values import Proxy
from populace.personas.views import shifts

FOLDS = 5
Means = Callable[[np.ndarray], np.ndarray]
"""People to fit on (boolean) -> expected score of everyone."""


def folds(people: int) -> Iterator[np.ndarray]:
    """People held out, as booleans."""
    fold = np.random.default_rng(0).integers(0, FOLDS, people)
    return (fold == k for k in range(FOLDS))


def check(data: Path) -> None:
    """Print the mean negative log-likelihood of held-out people, beside that of the margin."""
    print(f"{'':16}{'people':>7}{'margin':>8}{'model':>8}{'gain a person, 95 % interval':>32}")
    panel, _ = fit.raked_panel(data)
    weight = panel["w"].to_numpy()
    for opinion in fit.TERMS:
        answered = panel.drop_nulls(opinion)
        report(opinion, *opinion_losses(answered, opinion), answered["w"].to_numpy())
    people = fit.bfi_people(data)
    design = design_matrix(people.select("sex", "age_group", "schooling").to_numpy())
    for trait in BIG_FIVE:
        score = normal_scores(people[trait].to_numpy(), np.ones(people.height))

        def linear(train: np.ndarray, score: np.ndarray = score) -> np.ndarray:
            return design @ np.linalg.lstsq(design[train], score[train], rcond=None)[0]

        report(trait, *level_losses(score, np.ones(people.height), linear), np.ones(people.height))
    values, proxies = scores(fit.gss_answers(data, variables()), weight)
    for at, value in enumerate(BASIC_VALUES):
        known = ~np.isnan(values[:, at])
        asked, score = panel.filter(pl.Series(known)), values[known, at]

        def ridge(train: np.ndarray, asked: pl.DataFrame = asked, score: np.ndarray = score) -> np.ndarray:
            terms, centre, intercept, effects = fit_means(asked.filter(pl.Series(train)), score[train, None])
            return shifts(asked, terms, centre.tolist(), effects.tolist())[:, 0] + intercept[0]

        report(value, *level_losses(score, weight[known], ridge), weight[known])
    print_proxies(proxies)
    print_circle(values, weight)


def report(name: str, margin: np.ndarray, model: np.ndarray, weight: np.ndarray) -> None:
    """Print a line from the losses (people,) under the margin and under the model."""
    share, gain = weight / weight.sum(), margin - model
    mean = share @ gain
    error = 1.96 * np.sqrt(np.sum((share * (gain - mean)) ** 2))
    print(
        f"{name:16}{len(gain):7,}{share @ margin:8.3f}{share @ model:8.3f}"
        f"{mean:+14.4f} ({mean - error:+.4f}, {mean + error:+.4f})"
    )


def opinion_losses(people: pl.DataFrame, opinion: str) -> tuple[np.ndarray, np.ndarray]:
    """Losses of everyone under the margin and under the model, each fitted without them."""
    answer, weight = people[opinion].to_numpy(), people["w"].to_numpy()
    margin, loss = np.empty((2, people.height))
    for held in folds(people.height):
        train, test = people.filter(pl.Series(~held)), people.filter(pl.Series(held))
        shares = np.bincount(answer[~held], weight[~held], minlength=answer.max() + 1) / weight[~held].sum()
        margin[held] = -np.log(shares[answer[held]].clip(1e-4))
        model = fit.fit_node(train, opinion, fit.TERMS[opinion])
        loss[held] = _loss(model.distribution(test), answer[held])
    return margin, loss


def level_losses(score: np.ndarray, weight: np.ndarray, means: Means) -> tuple[np.ndarray, np.ndarray]:
    """Losses of the levels of normal scores under the margin and under a normal model with given means."""
    cuts = norm.ppf(np.cumsum(SHARES)[:-1])
    level = np.searchsorted(cuts, score)
    margin, model = np.empty(len(score)), np.empty(len(score))
    for held in folds(len(score)):
        train = ~held
        shares = np.bincount(level[train], weight[train], minlength=len(SHARES)) / weight[train].sum()
        margin[held] = -np.log(shares[level[held]])
        mean = means(train)
        spread = np.sqrt(np.average((score[train] - mean[train]) ** 2, weights=weight[train]))
        below = norm.cdf((cuts - mean[held, None]) / spread)
        model[held] = _loss(np.diff(below, prepend=0.0, append=1.0, axis=1), level[held])
    return margin, model


def _loss(shares: np.ndarray, answer: np.ndarray) -> np.ndarray:
    return -np.log(shares[np.arange(len(answer)), answer].clip(1e-4))


def print_proxies(proxies: dict[str, Proxy]) -> None:
    """Print how well each value is measured."""
    print(f"\n{'':16}{'people':>7}{'mean r':>8}{'alpha':>7}  items")
    for value, proxy in proxies.items():
        print(
            f"{value:16}{proxy.records:7,}{proxy.correlation:8.2f}{proxy.alpha:7.2f}  {' '.join(proxy.items)}"
        )


def print_circle(values: np.ndarray, weight: np.ndarray) -> None:
    """Print the correlations of the proxies, each person's mean taken off, in the order of the circle."""
    raw = np.array([[correlation(a, b, weight) for b in values.T] for a in values.T])
    ipsative, steps = circle(raw)
    print("\ncorrelations below the diagonal, ipsative ones above")
    for at, value in enumerate(BASIC_VALUES):
        cells = [raw[at, k] if k < at else ipsative[at, k] for k in range(len(raw))]
        print(f"{value:16}" + "".join("      ." if k == at else f"{c:7.2f}" for k, c in enumerate(cells)))
    print("mean ipsative correlation at 1 to 5 steps:", " ".join(f"{mean:+.3f}" for mean in steps))
