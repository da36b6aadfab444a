"""Score the ten basic values from items of the General Social Survey, and fit what `values.json` holds.

Used by `scripts/fit_psychographics.py`. Items were listed by what they ask, by the definitions of Schwartz
(1992), and revised once after their correlations had been seen (`docs/design/psychographics.md`). Items were
asked of different random parts of the sample, so a score is the mean of the items a person answered, two
at least.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.stats import norm

from populace.personas.schema import BASIC_VALUES
from populace.personas.values import Proxy, ValueModel
from populace.personas.views import Term, indicators

MIN_RECORDS = 20
MIN_PAIRS = 100
"""People who must have answered both items before their correlation counts."""
RIDGE = 20.0
"""Added to the weight of each cell: its effect shrinks as if 20 average people had joined it."""

ITEMS = {
    # Qualities of a child, ranked (thnkself, obey, workhard, popular, helpoth); work values of 2016.
    "self_direction": "-thnkself -wrkindp -intjob -intsci libath",
    # Life is exciting; interest in space and technology; evenings with friends; would move abroad for work.
    "stimulation": "-life -intspace -inttech -socfrend -nounemp6",
    # Evenings in a bar; saw an X-rated film; premarital sex is not wrong; marijuana legal.
    "hedonism": "-socbar -xmovie premarsx -grass",
    # Advancement at work; pursues goals; sees oneself as successful; would work harder for the firm.
    "achievement": "-workhard -promotn hope2 hope4 -helporg1",
    # High income; insists on one's way, takes advantage, gets even (self-reports of 2018).
    "power": "-hiinc -popular -wrkearn -mcsds2 -mcsds3 -mcsds7",
    # Job security; more on crime and defence; harsher courts; searches, cameras, wiretaps; fear at night.
    "security": "-secjob -natcrime|natcrimy -natarms|natarmsy courts -stoprndm -cctv -tapphone -fear",
    # Law before conscience; no protest or revolutionary meetings; a child should obey, and be spanked.
    "conformity": "-obey -obeylaw protest1 protest3 revspeak -spanking",
    # Services, prayer, Scripture, being religious, women at home, prayer in schools.
    "tradition": "attend -pray -bible -relpersn -fefam prayer",
    # Helping others as a child's quality and at work, helping friends, care for parents.
    "benevolence": "-helpoth -hlpoths -helpfrds -kidpars -aged",
    # Environment, race, foreign aid, equality, immigration, usefulness to society.
    "universalism": "-natenvir|natenviy -natrace|natracey -nataid|nataidy -eqwlth -letin1a -intenvir "
    "-hlpsoc -racdif1",
}
"""`-`: a low code means much of the value. `|`: two wordings, each asked of a random half."""
RECODE = {
    "courts": {1: -1.0, 2: 1.0, 3: 0.0},  # too harsh, not harsh enough, about right
    "aged": {1: 1.0, 2: 3.0, 3: 2.0},  # good idea, bad idea, depends
    "bible": {1: 1.0, 2: 2.0, 3: 3.0},  # "other" says nothing
}
TERMS = [
    "religion",
    "ideology",
    "party",
    "age_group",
    "sex",
    "race_ethnicity",
    "foreign_born",
    "region",
    "degree",
]


def variables() -> list[str]:
    """Every GSS variable that an item needs."""
    return list(dict.fromkeys(name for _, names in _parsed() for item in names for name in item[1]))


def _parsed() -> list[tuple[str, list[tuple[int, list[str]]]]]:
    return [
        (value, [(-1 if item[0] == "-" else 1, item.lstrip("-").split("|")) for item in items.split()])
        for value, items in ITEMS.items()
    ]


def standard(codes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Subtract the weighted mean and divide by the standard deviation; nan stays."""
    known = ~np.isnan(codes)
    mean = np.average(codes[known], weights=weight[known])
    spread = np.sqrt(np.average((codes[known] - mean) ** 2, weights=weight[known]))
    return (codes - mean) / spread


def correlation(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float:
    """Weighted correlation of the people who have both; nan if they are too few."""
    both = ~(np.isnan(one) | np.isnan(other))
    if both.sum() < MIN_PAIRS:
        return np.nan
    one, other = standard(one[both], weight[both]), standard(other[both], weight[both])
    return float(np.average(one * other, weights=weight[both]))


def _item(answers: pl.DataFrame, sign: int, names: list[str], weight: np.ndarray) -> np.ndarray:
    found = np.full(answers.height, np.nan)
    for name in names:
        column = answers[name]
        if name in RECODE:
            column = column.replace_strict(RECODE[name], default=None, return_dtype=pl.Float64)
        codes = standard(column.to_numpy().astype(float), weight)
        found = np.where(np.isnan(found), codes, found)
    return sign * found


def scores(answers: pl.DataFrame, weight: np.ndarray) -> tuple[np.ndarray, dict[str, Proxy]]:
    """Normal scores of the ten values, shape (people, 10), nan where unknown; and how they were measured.

    The mean of a few answers is coarse: people of the same mean are put in random order (seed 0), then
    ranks become quantiles of the normal distribution, so that levels have the intended shares.
    """
    columns, proxies = [], {}
    for value, items in _parsed():
        table = np.array([_item(answers, sign, names, weight) for sign, names in items])
        count = (~np.isnan(table)).sum(axis=0)
        mean = np.where(count >= 2, np.nansum(table, axis=0) / count.clip(1), np.nan)
        pairs = [correlation(a, b, weight) for a, b in itertools.combinations(table, 2)]
        r, k = float(np.nanmean(pairs)), float(np.average(count[count >= 2], weights=weight[count >= 2]))
        proxies[value] = Proxy(
            ITEMS[value].split(), int((count >= 2).sum()), round(r, 3), round(k * r / (1 + (k - 1) * r), 3)
        )
        columns.append(normal_scores(mean, weight))
    return np.column_stack(columns), proxies


def normal_scores(score: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Quantiles of the normal distribution at each person's rank; ties in random order, seed 0."""
    known = np.flatnonzero(~np.isnan(score))
    tie = np.random.default_rng(0).random(len(known))
    order = known[np.lexsort((tie, score[known].round(9)))]
    share = (weight[order].cumsum() - weight[order] / 2) / weight[order].sum()
    normal = np.full(len(score), np.nan)
    normal[order] = norm.ppf(share)
    return normal


def terms_of(people: pl.DataFrame, known: np.ndarray) -> list[Term]:
    """Cells of each group that at least 20 people belong to, whichever value is asked for."""
    terms = []
    for name in TERMS:
        counts = [
            people.filter(pl.Series(column)).drop_nulls(name).group_by(name).len().rows()
            for column in known.T
        ]
        codes = set.intersection(*({code for code, n in each if n >= MIN_RECORDS} for each in counts))
        terms.append(Term([name], [[code] for code in sorted(codes)]))
    return terms


def fit_means(
    people: pl.DataFrame, score: np.ndarray
) -> tuple[list[Term], np.ndarray, np.ndarray, np.ndarray]:
    """Ridge regressions of every value on the groups: terms, centre, intercept and effects."""
    known, weight = ~np.isnan(score), people["w"].to_numpy()
    terms = terms_of(people, known)
    marks = indicators(people, terms, missing=np.full(sum(len(term.cells) for term in terms), np.nan))
    told = ~np.isnan(marks)
    centre = np.array(
        [np.average(m[t], weights=weight[t]) for m, t in zip(marks.T, told.T, strict=True)]
    ).round(4)
    design = np.where(told, marks, centre) - centre
    intercept, effects = [], []
    for at in range(score.shape[1]):
        x, y, w = design[known[:, at]], score[known[:, at], at], weight[known[:, at]]
        mean = np.average(y, weights=w)
        inner = (x * w[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
        effects.append(np.linalg.solve(inner, (x * w[:, None]).T @ (y - mean)))
        intercept.append(mean - np.average(x @ effects[-1], weights=w))
    return terms, centre, np.array(intercept).round(4), np.column_stack(effects).round(4)


def residual_covariance(residual: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Covariance of the pairs of values that people have, made positive definite."""
    size = residual.shape[1]
    covariance = np.empty((size, size))
    for a, b in itertools.product(range(size), repeat=2):
        both = ~np.isnan(residual[:, a] + residual[:, b])
        covariance[a, b] = np.average(residual[both, a] * residual[both, b], weights=weight[both])
    values, vectors = np.linalg.eigh(covariance)
    mended = vectors * values.clip(0.02) @ vectors.T
    spread = np.sqrt(np.diag(covariance) / np.diag(mended))
    return mended * spread[:, None] * spread


def circle(correlations: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Correlations after each person's own mean is taken off, and their mean by steps around the circle.

    Chance alone would give -1/9 at every distance. Conformity and tradition share a sector of the circle;
    they count as neighbours here.
    """
    size = len(correlations)
    off = np.eye(size) - 1 / size
    ipsative = off @ correlations @ off
    spread = np.sqrt(np.diag(ipsative))
    ipsative = ipsative / spread[:, None] / spread
    steps = [
        float(np.mean([ipsative[at, (at + d) % size] for at in range(size)])) for d in range(1, size // 2 + 1)
    ]
    return ipsative, steps


def fit_values(
    people: pl.DataFrame,
    answers: pl.DataFrame,
    info: dict[str, str],
    adults: pl.DataFrame,
    cuts: Callable[[np.ndarray, float], list[float]],
) -> ValueModel:
    """Fit means, covariance and cuts.

    Parameters
    ----------
    people, answers
        Groups, opinions and weight `w` of the survey's members; their answers to `variables()`.
    info
        Where the answers come from.
    adults
        Groups and opinions of a sample of US adults.
    cuts
        Means and standard deviation -> scores between the levels.
    """
    weight = people["w"].to_numpy()
    score, proxies = scores(answers, weight)
    terms, centre, intercept, effects = fit_means(people, score)
    parts = centre.tolist(), intercept.tolist(), effects.tolist()
    model = ValueModel(info, proxies, terms, *parts, covariance=[], cuts=[])
    covariance = residual_covariance(score - model.means(people), weight).round(4)
    means, spread = model.means(adults), np.sqrt(np.diag(covariance))
    between = [cuts(means[:, at], float(spread[at])) for at in range(len(BASIC_VALUES))]
    return ValueModel(info, proxies, terms, *parts, covariance=covariance.tolist(), cuts=between)
