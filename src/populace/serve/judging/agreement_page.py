"""The agreement page's numbers, as its template wants them."""

from __future__ import annotations

import math
from typing import Any

from populace.serve.judging.agreement import MAJORITY, HumanAgreement, Measured, agreement
from populace.serve.judging.opening import Opened
from populace.stats import Estimate

__all__ = ["agreement_view", "headline"]

_FEW = 20
_NAMED = 3
"""Models that the headline names."""
_NAMES = {
    "share": "Share of agreement",
    "kappa": "Kappa of two raters",
    "ac1": "AC1 (Gwet)",
    "alpha": "Alpha (Krippendorff)",
    "kappa_others": "Kappa with most of the others",
    "people_there": "A person in that place",
    "kappa_less_people": "Model less person",
    "kappa_each": "Kappa with each rater",
    "alpha_with": "Alpha with the model as a rater",
    "kappa_majority": "Kappa with 3 of 4",
    "kappa_dawid_skene": "Kappa with Dawid and Skene",
    "dropped": "Left without an answer by 3 of 4",
    "prevalence": "Decided for the first answer",
}
_PEOPLE = ("share", "kappa", "ac1", "alpha", "kappa_others")
_MODEL = (
    "kappa_others",
    "people_there",
    "kappa_less_people",
    "kappa_each",
    "alpha_with",
    "kappa_majority",
    "kappa_dawid_skene",
)


def agreement_view(opened: Opened) -> dict[str, Any]:
    """Compute agreement at this moment and lay it out."""
    from populace.serve.judging.results import machines, raters, verdicts

    with opened.store.read() as c:  # one moment of the study
        said, told, people = verdicts(opened, c), machines(opened, c), raters(opened, c)
    found = agreement(said, told, seed=opened.settings.seed)
    attention = dict(people.select("rater", "attention").iter_rows())
    return {
        "headline": headline(found),
        "warnings": _warnings(found),
        "tiles": _tiles(found),
        "people": _table(found, "people", _PEOPLE),
        "models": [{"name": name, "table": _table(found, name, _MODEL)} for name in found.machines],
        "gold": _table(found, "people", ("dropped", "prevalence")),
        "gold_note": _gold_note(found),
        "raters": _raters(found, attention),
    }


def headline(found: HumanAgreement) -> str:
    """Say in a sentence what was found."""
    kappa = found.find("kappa_others")
    if kappa is None or not kappa.estimate.defined:
        return "Too few verdicts yet: agreement needs two raters who decided on the same pair."
    told = f"A person agrees with most of the others with kappa {_text(kappa.estimate)}."
    models = [m for m in found.measures if m.measure == "kappa_less_people" and m.estimate.defined]
    best = sorted(models, key=lambda m: -m.estimate.value)[:_NAMED]
    more = f" {len(models) - _NAMED} more models do worse." if len(models) > _NAMED else ""
    return " ".join([told, *map(_beside, best)]) + more


def _beside(measured: Measured) -> str:
    """Say how a model stands beside a person."""
    low, high = measured.estimate.low, measured.estimate.high
    if math.isnan(low):
        verdict = "stands beside that without an interval"
    elif low > 0:
        verdict = "agrees with them better than a person does"
    elif high < 0:
        verdict = "agrees with them less than a person does"
    else:
        verdict = "cannot be told from a person on these pairs"
    return f"{measured.who} {verdict}: {_signed(measured.estimate)}."


def _warnings(found: HumanAgreement) -> list[str]:
    told: list[str] = []
    share = found.find("kappa")
    clusters = share.estimate.clusters if share else 0
    if 0 < clusters < _FEW:
        told.append(f"Only {clusters} personas: the intervals are too narrow.")
    prevalence = found.find("prevalence")
    if prevalence and prevalence.estimate.defined and not 0.2 <= prevalence.estimate.value <= 0.8:
        told.append("Nearly all verdicts are for one answer: kappa is noisy there, read AC1 beside it.")
    if found.left_out:
        who = "1 rater who" if found.left_out == 1 else f"{found.left_out} raters who"
        told.append(f"{who} failed an attention check {'is' if found.left_out == 1 else 'are'} left out.")
    return told


def _tiles(found: HumanAgreement) -> list[dict[str, str]]:
    tiles = [
        {
            "name": "raters counted",
            "value": f"{found.raters:,}",
            "interval": f"{found.verdicts:,} verdicts, {found.undecided:,} undecided",
        },
        {"name": "pairs of answers judged", "value": f"{found.pairs:,}", "interval": ""},
    ]
    for name, label in (("alpha", "alpha of people"), ("kappa_others", "kappa with the others")):
        measured = found.find(name)
        if measured and measured.estimate.defined:
            estimate = measured.estimate
            tiles.append({"name": label, "value": f"{estimate.value:.2f}", "interval": _interval(estimate)})
    return tiles


def _table(found: HumanAgreement, who: str, names: tuple[str, ...]) -> dict[str, Any]:
    measured = [m for m in (found.find(name, who) for name in names) if m is not None]
    low = min([0.0, *(m.estimate.low for m in measured if not math.isnan(m.estimate.low))])
    low = math.floor(low * 5) / 5
    return {"low": f"{low:g}", "high": "1", "rows": [_row(m, low) for m in measured]}


def _row(measured: Measured, low: float) -> dict[str, Any]:
    estimate = measured.estimate

    def place(value: float) -> float:
        return round(100 * (min(max(value, low), 1) - low) / (1 - low), 1)

    bar = None
    if estimate.defined and not math.isnan(estimate.low):
        left, right = place(estimate.low), place(estimate.high)
        bar = {"left": left, "width": round(max(0.5, right - left), 1), "point": place(estimate.value)}
    signed = measured.measure == "kappa_less_people"
    return {
        "name": _NAMES[measured.measure],
        "text": _signed(estimate) if signed else _text(estimate),
        "bar": bar,
        "zero": place(0.0),
        "n": estimate.n,
        "clusters": estimate.clusters,
        "few": 0 < estimate.clusters < _FEW,
        "note": measured.note,
    }


def _raters(found: HumanAgreement, attention: dict[str, str | None]) -> list[dict[str, Any]]:
    accuracy, counts = found.model.accuracy, found.model.ratings
    rows = [
        {
            "rater": name,
            "verdicts": int(count),
            "accuracy": f"{share:.2f}" if count else "–",
            "attention": attention.get(name) or "no check yet",
            "sort": float(share),
        }
        for name, count, share in zip(found.rater_names, counts, accuracy, strict=True)
    ]
    return sorted(rows, key=lambda row: row["sort"])


def _gold_note(found: HumanAgreement) -> str:
    told = (
        f"3 of 4: the answer that at least {MAJORITY:.0%} of a pair’s raters chose. What it drops are the "
        "hard pairs, so agreement with it flatters. Dawid and Skene’s model keeps every pair and weighs "
        "raters by how often they are right."
    )
    if found.model.ratings.sum() and not found.model.converged:
        told += " The model had not settled; read it with care."
    return told


def _interval(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return "no interval"
    return f"{estimate.low:.2f} to {estimate.high:.2f}".replace("-", "\N{MINUS SIGN}")


def _text(estimate: Estimate) -> str:
    if not estimate.defined:
        return "not defined yet"
    return f"{estimate.value:.2f} ({_interval(estimate)})".replace("-", "\N{MINUS SIGN}")


def _signed(estimate: Estimate) -> str:
    if not estimate.defined:
        return "not defined yet"
    return f"{estimate.value:+.2f} ({_interval(estimate)})".replace("-", "\N{MINUS SIGN}")
