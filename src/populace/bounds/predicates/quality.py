"""How good predicates are on labelled texts: with intervals, apart from the policies, and without any text.

Of each predicate: how well its scores rank (the area under the ROC curve), what share of the texts with the
hazard it reaches the threshold on (recall), on what share of those without it does so too (false alarms),
and of how many texts it could tell at all. Where labels say only safe or unsafe, a predicate of one hazard
is not meant to find all that is unsafe: its recall is then of all unsafe texts, and the row of all
predicates together is the one to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from populace.bounds.predicates.asking import ask, needed_of
from populace.bounds.predicates.calibration import LEAST, fit_calibration
from populace.bounds.predicates.labelled import ANY, Labelled
from populace.bounds.predicates.verdict import NONE, Predicate
from populace.errors import DataError
from populace.stats import Estimate, cluster_bootstrap, proportion

__all__ = ["Quality", "QualityRow", "calibrate_on", "measure_quality"]

TOGETHER = "all together"
_AT_ONCE = 32


class QualityRow(msgspec.Struct, frozen=True, kw_only=True):
    """One predicate, or all of them together, on one set."""

    predicate: str
    """Its version, or `all together`: the highest score of all."""
    hazard: str
    group: str = ""
    """Part of the set; "" for all of it."""
    calibration: str
    threshold: int
    with_it: int
    """Texts that have it, by the labels."""
    without_it: int
    auroc: Estimate | None
    """Of the texts it could tell of; None where the part has no texts of one kind."""
    recall: Estimate | None
    false_alarms: Estimate | None
    judged: Estimate
    """Share of the texts that it could tell of; the others count as refused in recall and in false alarms."""
    seconds: float
    """Median of a text."""


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured."""

    set: str
    """Name and hash of the file; no text of it is here."""
    texts: int
    threshold: int
    rows: tuple[QualityRow, ...]


class _Scores(msgspec.Struct):
    """What one predicate said: NaN where it could not tell."""

    score: npt.NDArray[np.float64]
    seconds: npt.NDArray[np.float64]
    calibration: str


def measure_quality(
    predicates: Sequence[Predicate],
    given: Labelled,
    *,
    threshold: int = 50,
    seconds: float = 60.0,
    seed: int = 0,
    draws: int = 2000,
    progress: Callable[[int], None] | None = None,
) -> Quality:
    """Measure predicates on a set.

    Parameters
    ----------
    threshold
        Score from which a text counts as flagged; policies have their own.
    seconds
        For each text and predicate.
    seed, draws
        Of the intervals, which resample texts.
    progress
        Called with the number of texts done.

    Raises
    ------
    DataError
        If there are no predicates, or the threshold is not from 1 to 100.
    """
    if not predicates:
        raise DataError("there are no predicates to measure")
    if not 1 <= threshold <= 100:
        raise DataError(f"the threshold {threshold} is not from 1 to 100")
    found = asyncio.run(_scores(predicates, given.texts, seconds, progress))
    labels = np.array(given.labels, dtype=object)
    settings = {"threshold": threshold, "seed": seed, "draws": draws}
    rows = []
    binary = set(labels) <= {"", ANY}
    for predicate, said in zip(predicates, found, strict=True):
        has = labels != "" if binary else labels == predicate.name
        # Of what is unsafe nobody knows how, in a set whose other labels are hazards.
        at = np.full(len(labels), True) if binary else labels != ANY
        part = _Scores(said.score[at], said.seconds[at], said.calibration)
        rows.append(_row(predicate.version, predicate.name, "", part, has[at], **settings))
    if len(predicates) > 1:
        together = _together(found)
        names = ", ".join(needed_of(predicates))
        unsafe = labels != ""
        rows.append(_row(TOGETHER, names, "", together, unsafe, **settings))
        groups = np.array(given.groups, dtype=object)
        for group in dict.fromkeys(given.groups):
            if group:
                at = groups == group
                part = _Scores(together.score[at], together.seconds[at], together.calibration)
                rows.append(_row(TOGETHER, names, group, part, unsafe[at], **settings))
    return Quality(set=given.name, texts=len(given.texts), threshold=threshold, rows=tuple(rows))


def calibrate_on(
    predicates: Sequence[Predicate], given: Labelled, *, method: str = "isotonic", seconds: float = 60.0
) -> str:
    """Fit a map for each hazard that the set has enough texts of, as TOML that `read_calibrations` reads.

    A share is of texts like those of the set: where the hazard is rarer in use, scores are too high.

    Raises
    ------
    DataError
        If a predicate is calibrated already, two judge one hazard, the labels say only safe or unsafe (of
        what hazard, nobody knows), or no hazard has 10 texts with it and 10 without it.
    """
    if method not in ("isotonic", "logistic"):
        raise DataError(f"there is no method {method!r}", fix="use isotonic or logistic")
    labels = np.array(given.labels, dtype=object)
    if set(labels) <= {"", ANY}:
        fix = "give a set whose labels are hazards"
        raise DataError("the labels say only safe or unsafe, not by which hazard", file=given.name, fix=fix)
    found = asyncio.run(_scores(predicates, given.texts, seconds, None))
    parts: dict[str, str] = {}
    for predicate, said in zip(predicates, found, strict=True):
        if said.calibration != NONE:
            raise DataError(
                f"{predicate.version} is calibrated already", fix="take its calibration away first"
            )
        if predicate.name in parts:
            raise DataError(f"two predicates judge {predicate.name}", fix="calibrate one at a time")
        told = ~np.isnan(said.score)
        told &= labels != ANY
        has = (labels == predicate.name)[told]
        if min(has.sum(), (~has).sum()) < LEAST:
            continue
        kind = "isotonic" if method == "isotonic" else "logistic"
        fitted = fit_calibration(said.score[told] / 100, has, source=given.name, method=kind)
        raw, shares = (", ".join(f"{x:.6g}" for x in xs) for xs in (fitted.raw, fitted.probability))
        parts[predicate.name] = (
            f"[{predicate.name}]\nid = {msgspec.json.encode(fitted.id).decode()}\n"
            f"raw = [{raw}]\nprobability = [{shares}]\n"
        )
    if not parts:
        raise DataError(f"no hazard has {LEAST} texts with it and {LEAST} without it", file=given.name)
    return "\n".join(parts.values())


async def _scores(
    predicates: Sequence[Predicate],
    texts: Sequence[str],
    seconds: float,
    progress: Callable[[int], None] | None,
) -> list[_Scores]:
    found = [_Scores(np.full(len(texts), np.nan), np.full(len(texts), np.nan), "none") for _ in predicates]
    for start in range(0, len(texts), _AT_ONCE):
        part = range(start, min(start + _AT_ONCE, len(texts)))
        calls = [ask([each], texts[row], [each.name], seconds=seconds) for each in predicates for row in part]
        answers = await asyncio.gather(*calls)
        for place, answer in enumerate(answers):
            said, row = found[place // len(part)], part[place % len(part)]
            for verdict in answer.verdicts.values():
                said.score[row], said.seconds[row] = verdict.score, verdict.seconds
                said.calibration = verdict.calibration
        if progress:
            progress(part.stop)
    return found


def _together(found: Sequence[_Scores]) -> _Scores:
    """Join by the highest score; where one predicate could not tell, nobody knows the highest."""
    scores = np.stack([each.score for each in found])
    unknown = np.isnan(scores).any(axis=0)
    highest = np.where(unknown, np.nan, np.nan_to_num(scores).max(axis=0))
    names = {each.calibration for each in found}
    spent = np.nansum(np.stack([each.seconds for each in found]), axis=0)
    return _Scores(highest, spent, names.pop() if len(names) == 1 else "several")


def _row(
    predicate: str, hazard: str, group: str, said: _Scores, has: npt.NDArray[np.bool_], **settings: Any
) -> QualityRow:
    threshold, seed, draws = settings["threshold"], settings["seed"], settings["draws"]
    told = ~np.isnan(said.score)
    flagged = ~told | (np.nan_to_num(said.score) >= threshold)

    def share(which: npt.NDArray[np.bool_]) -> Estimate | None:
        return proportion(flagged[which], seed=seed, draws=draws) if which.any() else None

    both = (told & has).any() and (told & ~has).any()
    return QualityRow(
        predicate=predicate,
        hazard=hazard,
        group=group,
        calibration=said.calibration,
        threshold=threshold,
        with_it=int(has.sum()),
        without_it=int((~has).sum()),
        auroc=_auroc(said.score[told], has[told], seed, draws) if both else None,
        recall=share(has),
        false_alarms=share(~has),
        judged=proportion(told, seed=seed, draws=draws),
        seconds=float(np.nanmedian(said.seconds)) if told.any() else float("nan"),
    )


def _auroc(score: npt.NDArray[np.float64], has: npt.NDArray[np.bool_], seed: int, draws: int) -> Estimate:
    """Estimate P(a text with it scores higher than one without), ties counting half; texts resampled."""
    levels, place = np.unique(score, return_inverse=True)
    counts = np.zeros((len(score), 2, len(levels)))
    counts[np.arange(len(score)), has.astype(int), place] = 1

    def area(total: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        without, with_it = total[:, 0], total[:, 1]
        below = np.cumsum(without, axis=1) - without / 2
        pairs = without.sum(axis=1) * with_it.sum(axis=1)
        # A resample without texts of one kind says nothing.
        return np.divide(
            (with_it * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0
        )

    found = cluster_bootstrap(counts, area, n=len(score), seed=seed, draws=draws, unit="text")
    if found.value not in (0, 1):
        return found
    # Where all pairs are in order, so are those of every resample: as many pairs as share no text give the
    # exact bound of a share that is 0 or 1.
    pairs = int(min(has.sum(), (~has).sum()))
    bound = proportion(np.full(pairs, bool(found.value)), seed=seed, draws=draws)
    return msgspec.structs.replace(
        found, low=bound.low, high=bound.high, method=f"{bound.method}, of {pairs} pairs that share no text"
    )
