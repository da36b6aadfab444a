"""Do people agree, and does a model agree with people as well as people do with each other?

Decided verdicts (first, second) only; personas are the clusters of every interval.

- **Two raters**: over all pairs of raters who judged the same pair of answers, each counted in both
  directions, since a rater's place in the file means nothing: share of agreement, kappa of the summed
  table, AC1.
- **alpha**: Krippendorff's.
- **One against the others**: each rater against what most of the other raters of that pair said; the ceiling.
  A model is put in that rater's place and held against the very same majorities, so the two can be
  subtracted. A model held against all four would have the better target and could beat the ceiling by that
  alone.
- **3 of 4**: the answer that at least three quarters of a pair's raters chose (ties and passes count as
  raters); pairs without one are dropped, and counted. What is left are the easy pairs.
- **Dawid and Skene**: see `populace.stats.dawid_skene`, with a prior of ten ratings. Its labels are taken as
  given by the intervals, which are too narrow for that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

from populace.serve.judging.said import Floats, Ints, Said
from populace.stats import Estimate, cluster_bootstrap, krippendorff_alpha
from populace.stats.agreement import agreement_from_table, gwet_from_table, kappa_from_table
from populace.stats.bootstrap import Statistic
from populace.stats.dawid_skene import DawidSkene, dawid_skene_votes

__all__ = ["HumanAgreement", "Measured", "agreement"]

PRIOR = 10.0
"""Ratings that the raters' common table counts for in Dawid and Skene's model."""
MAJORITY = 0.75
"""Share of a pair's raters who must agree, as 3 of 4."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One measure."""

    who: str
    """`people`, or a model."""
    measure: str
    """`share`, `kappa`, `ac1`, `alpha`, `kappa_others` (against most of the others), `people_there` (the
    person whose place a model took), `kappa_less_people`, `kappa_each` (against each rater), `alpha_with`
    (the model as one more rater), `kappa_majority`, `kappa_dawid_skene`, `dropped`, `prevalence`."""
    estimate: Estimate
    note: str = ""


class HumanAgreement(msgspec.Struct, frozen=True, kw_only=True):
    """What agreement there is."""

    measures: tuple[Measured, ...]
    pairs: int
    """Pairs of answers that anybody judged."""
    raters: int
    verdicts: int
    """Verdicts of people, decided or not."""
    undecided: int
    left_out: int
    """Raters left out because they failed a check."""
    machines: tuple[str, ...]
    model: DawidSkene
    rater_names: tuple[str, ...]
    """In the order of the model's raters."""

    def find(self, measure: str, who: str = "people") -> Measured | None:
        """Give a measure, or None."""
        return next((m for m in self.measures if (m.measure, m.who) == (measure, who)), None)


def agreement(
    verdicts: pl.DataFrame,
    machines: pl.DataFrame | None = None,
    *,
    keep_failed: bool = False,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> HumanAgreement:
    """Measure agreement.

    Parameters
    ----------
    verdicts
        `persona_id, prompt_id, rater, verdict` (first, second, tie, null), and `attention` if there is one.
    machines
        `persona_id, prompt_id, machine, verdict`.
    keep_failed
        Count raters who failed an attention check too.
    draws, seed, level
        See `populace.stats.cluster_bootstrap`.

    Examples
    --------
    >>> said = {"x": "ffs", "y": "ffs", "z": "fsf"}
    >>> rows = [("p", str(n), who, {"f": "first", "s": "second"}[v])
    ...         for who, text in said.items() for n, v in enumerate(text)]
    >>> frame = pl.DataFrame(rows, schema=["persona_id", "prompt_id", "rater", "verdict"], orient="row")
    >>> round(agreement(frame).find("share").estimate.value, 3)  # 9 pairs of raters: 3 + 1 + 1 agree
    0.556
    """
    failed = 0
    if "attention" in verdicts.columns and not keep_failed:
        bad = verdicts.filter(pl.col("attention") == "failed")
        failed = bad["rater"].n_unique()
        verdicts = verdicts.join(bad.select("rater").unique(), on="rater", how="anti", maintain_order="left")
    said = Said(verdicts)
    settings = {"draws": draws, "seed": seed, "level": level}
    shape = (len(said.persona), len(said.raters))
    fitted = dawid_skene_votes(said.item, said.rater, said.code, shape=shape, labels=(0, 1), prior=PRIOR)
    found = _among_people(said, settings)
    names: list[str] = []
    if machines is not None:
        names = sorted(machines["machine"].unique().to_list())
    targets = {"majority": said.majority(MAJORITY), "dawid_skene": _labels(fitted)}
    for name in names:
        model = said.machine(machines.filter(pl.col("machine") == name) if machines is not None else None)
        found += _of_machine(name, model, said, targets, settings)
    return HumanAgreement(
        measures=tuple(found),
        pairs=len(said.persona),
        raters=len(said.raters),
        verdicts=verdicts.height,
        undecided=int((~verdicts["verdict"].is_in(["first", "second"])).fill_null(True).sum()),
        left_out=failed,
        machines=tuple(names),
        model=fitted,
        rater_names=tuple(said.raters),
    )


def _among_people(said: Said, settings: dict[str, float]) -> list[Measured]:
    first, second = said.first, said.second
    both = first * second
    tables = np.stack([first * (first - 1), both, both, second * (second - 1)], axis=1).reshape(-1, 2, 2) / 2
    summed = said.sums(tables)
    pairs = round(tables.sum())
    found = [
        Measured(who="people", measure=name, estimate=_boot(summed, table, pairs, settings), note=note)
        for name, table, note in (
            ("share", agreement_from_table, "two raters of the same pair say the same"),
            ("kappa", kappa_from_table, "the same beyond chance"),
            ("ac1", gwet_from_table, "Gwet: steady where nearly all choose one answer"),
        )
    ]
    alpha = _alpha(said.beside(), said, settings)
    found.append(
        Measured(who="people", measure="alpha", estimate=alpha, note="Krippendorff: any number of raters")
    )
    human, _ = _others(said, None)
    found.append(
        Measured(
            who="people", measure="kappa_others",
            estimate=_boot(said.sums(human), kappa_from_table, round(human.sum()), settings),
            note="one rater against most of the others: the ceiling",
        )
    )  # fmt: skip
    chosen = np.stack([first, first + second], axis=1)
    share = _boot(said.sums(chosen), _ratio, round(chosen[:, 1].sum()), settings)
    found.append(
        Measured(who="people", measure="prevalence", estimate=share, note="decided verdicts for the first")
    )
    return [*found, *_dropped(said, settings)]


def _alpha(ratings: Ints, said: Said, settings: dict[str, float]) -> Estimate:
    return krippendorff_alpha(
        ratings,
        said.persona,
        categories=[0, 1],
        draws=int(settings["draws"]),
        seed=int(settings["seed"]),
        level=settings["level"],
    )


def _dropped(said: Said, settings: dict[str, float]) -> list[Measured]:
    several = said.asked >= 2
    without = np.stack([several & (said.majority(MAJORITY) < 0), several], axis=1).astype(np.float64)
    lost = _boot(said.sums(without), _ratio, int(several.sum()), settings)
    return [
        Measured(
            who="people", measure="dropped", estimate=lost, note="pairs that 3 of 4 leaves without an answer"
        )
    ]


def _of_machine(
    name: str, model: Ints, said: Said, targets: dict[str, Ints], settings: dict[str, float]
) -> list[Measured]:
    human, machine = _others(said, model)
    summed = said.sums(np.stack([human, machine], axis=1))
    n = round(machine.sum())
    each = _tables(np.stack([said.first, said.second], axis=1), model)
    found = [
        Measured(
            who=name, measure="kappa_each",
            estimate=_boot(said.sums(each), kappa_from_table, round(each.sum()), settings),
            note="against each rater",
        ),
        Measured(
            who=name, measure="kappa_others",
            estimate=_boot(summed[:, 1], kappa_from_table, n, settings),
            note="in one rater’s place, against most of the others",
        ),
        Measured(
            who=name, measure="people_there",
            estimate=_boot(summed[:, 0], kappa_from_table, n, settings),
            note="the rater whose place it took, on the same pairs",
        ),
        Measured(
            who=name, measure="kappa_less_people",
            estimate=_boot(
                summed, lambda t: kappa_from_table(t[:, 1]) - kappa_from_table(t[:, 0]), n, settings
            ),
            note="the model less the person, paired: below 0 where people do better",
        ),
    ]  # fmt: skip
    more = np.concatenate([said.beside(), model[:, None]], axis=1)
    alpha = _alpha(more, said, settings)
    found.append(Measured(who=name, measure="alpha_with", estimate=alpha, note="people, and it as one more"))
    for what, target in targets.items():
        chosen = np.stack([target == 0, target == 1], axis=1).astype(np.float64)
        table = _tables(chosen, model)
        estimate = _boot(said.sums(table), kappa_from_table, round(table.sum()), settings)
        note = "against 3 of 4" if what == "majority" else "against Dawid and Skene’s labels"
        found.append(Measured(who=name, measure=f"kappa_{what}", estimate=estimate, note=note))
    return found


def _others(said: Said, model: Ints | None) -> tuple[Floats, Floats]:
    """Count each rater, and the model in their place, against most of the other raters; shape (items, 2, 2).

    With a model, only places where it decided too.
    """
    human, machine = np.zeros((2, len(said.persona), 2, 2))
    rows = np.arange(len(said.persona))
    for own, count, other in ((0, said.first, said.second), (1, said.second, said.first)):
        # Raters who chose `own`: for each, count - 1 others chose it too.
        lead = (count - 1) - other
        for most, there in ((own, lead > 0), (1 - own, lead < 0)):
            weight = np.where(there, count, 0.0)
            if model is not None:
                weight = np.where(model >= 0, weight, 0.0)
                machine[rows, np.maximum(model, 0), most] += weight
            human[:, own, most] += weight
    return human, machine


def _tables(chosen: Floats, model: Ints) -> Floats:
    """Cross counts of what was chosen, shape (items, 2), with the model's verdicts: shape (items, 2, 2)."""
    tables = np.zeros((len(model), 2, 2))
    rows = np.arange(len(model))
    tables[rows, np.maximum(model, 0)] = np.where((model >= 0)[:, None], chosen, 0.0)
    return tables


def _labels(fitted: DawidSkene) -> Ints:
    return np.array([-1 if label is None else label for label in fitted.truth()], dtype=np.int64)


def _ratio(totals: Floats) -> Floats:
    return np.divide(
        totals[..., 0], totals[..., 1], out=np.full(totals.shape[:-1], math.nan), where=totals[..., 1] > 0
    )


def _boot(counts: Floats, statistic: Statistic, n: int, settings: dict[str, float]) -> Estimate:
    used = counts.reshape(len(counts), math.prod(counts.shape[1:])).sum(axis=1) > 0
    return cluster_bootstrap(
        counts[used], statistic, n=n, draws=int(settings["draws"]), seed=int(settings["seed"]),
        level=settings["level"], unit="persona",
    )  # fmt: skip


def summary(found: HumanAgreement) -> Sequence[str]:
    """Say what was found in lines for a terminal."""
    lines = [
        f"{found.raters:,} raters, {found.pairs:,} pairs, {found.verdicts:,} verdicts "
        f"({found.undecided:,} undecided)"
    ]
    if found.left_out:
        lines.append(f"{found.left_out:,} raters who failed an attention check are left out")
    for each in found.measures:
        lines.append(f"{each.who}: {each.measure}: {each.estimate}  {each.note}")
    return lines
