"""The rows the page prints: every number already in words, so that the template only lays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import polars as pl

from populace.feedback.shortcuts import Finding
from populace.feedback.shortcuts.telling import VERDICTS
from populace.feedback.wording import REVISED, Wording
from populace.report.content import ReportContent, Stage
from populace.report.measures import (
    FEW_CLUSTERS,
    MEASURES,
    PAPER_REMOVED,
    about,
    baselines,
    compare,
    find,
    interval,
    main_arms,
    name_of,
    outcome,
    quantity,
    shuffled,
    with_interval,
)
from populace.report.tables import CONTROVERSY, population_fit, topic_counts, verdict_splits
from populace.stats import Estimate

__all__ = [
    "audit",
    "audits",
    "cost",
    "duration",
    "estimate_rows",
    "example_pair",
    "fit",
    "lengths",
    "pick",
    "removal",
    "shortcuts",
    "splits",
    "tiles",
    "topics",
]

Row = dict[str, Any]

_FAR = 3.0
"""A distance this many times what chance gives on average is named: with two values, chance alone gets
there in 1.7 % of draws (|Z| > 3 √(2/π)), and with more values less often."""


def pick(estimates: pl.DataFrame, *measures: str, words: Wording = REVISED) -> list[Row]:
    """Return printable rows of some measures over everyone, in the order given."""
    rows = estimates.filter(pl.col("measure").is_in(measures) & pl.col("attribute").is_null())
    place = pl.col("measure").replace_strict({name: i for i, name in enumerate(measures)})
    return estimate_rows(rows.sort(place, maintain_order=True), words)


def estimate_rows(estimates: pl.DataFrame, words: Wording = REVISED) -> list[Row]:
    """Add to each estimate its measure's name, its text, and whether too few units carry it."""
    return [
        row
        | {
            "name": name_of(row["measure"], words),
            "text": with_interval(row),
            "few": (row["clusters"] or 0) < FEW_CLUSTERS,
        }
        for row in estimates.iter_rows(named=True)
    ]


def audit(estimates: pl.DataFrame, words: Wording = REVISED) -> list[Row]:
    """Set every score beside each baseline it has: `score, value`, and rows `baseline, value, verdict`."""
    blocks: list[Row] = []
    arms = main_arms(estimates)
    for arm in arms:
        rows = [
            {
                "baseline": name,
                "value": with_interval(other),
                "paired": _paired(estimates, words, baseline) if arm == arms[0] else "",
                "verdict": outcome(estimates, arm, baseline),
            }
            for baseline, name in baselines(arm, words).items()
            if (other := find(estimates, words.prefers, baseline))
        ]
        for score in _overall(estimates, words.prefers, arm):
            title = f"{name_of(words.prefers, words)}, {arm}"
            blocks.append({"score": title, "value": with_interval(score), "rows": rows})
    for measure in ("kappa_orders", "ac1_orders", "kappa_ways", "ac1_ways"):
        for score in _overall(estimates, measure):
            chance = {"baseline": "chance", "value": quantity(0.0, measure), "verdict": compare(score, 0.0)}
            title = f"{MEASURES[measure]}: {score['arm']}"
            blocks.append({"score": title, "value": with_interval(score), "rows": [chance]})
    ceiling, random = (look(estimates, "single_model_ceiling") for look in (find, shuffled))
    if ceiling and random:
        row = {"baseline": "verdicts shuffled over pairs", "value": with_interval(random)}
        row["verdict"] = compare(ceiling, random)
        blocks.append({"score": MEASURES[ceiling["measure"]], "value": with_interval(ceiling), "rows": [row]})
    return [block for block in blocks if block["rows"]]


def _overall(estimates: pl.DataFrame, measure: str, arm: str | None = None) -> list[Row]:
    rows = estimates.filter((pl.col("measure") == measure) & pl.col("attribute").is_null())
    return (rows if arm is None else rows.filter(pl.col("arm") == arm)).rows(named=True)


def _paired(estimates: pl.DataFrame, words: Wording, baseline: str) -> str:
    row = find(estimates, f"{words.prefers}_above", baseline)
    return with_interval(row) if row else ""


def shortcuts(estimates: pl.DataFrame, words: Wording = REVISED) -> list[Row]:
    """Say how much of the author's (or the personas') verdicts each rule predicts that knows no persona."""
    rows: list[Row] = []
    for main in main_arms(estimates)[:1]:
        for arm, name in baselines(main, words).items():
            raw, kappa = (
                find(estimates, f"{measure}_with_{words.judge}", arm) for measure in ("agreement", "kappa")
            )
            if raw or kappa:
                cells = [with_interval(each) if each else "not measured" for each in (raw, kappa)]
                rows.append({"baseline": name, "raw": cells[0], "kappa": cells[1]})
    return rows


def audits(findings: Sequence[Finding]) -> list[tuple[str | None, list[Row]]]:
    """Lay out the audits of each judge's verdicts, and those of the texts (None), as they ended."""
    rows = [
        {
            "name": one.name.replace("-", " "),
            "what": one.what,
            "judge": one.judge,
            "scores": _coefficient(one.estimate),
            "beside": _coefficient(one.beside),
            "tested": _coefficient(one.tested) if one.passed is not None else "",
            "limit": f"{one.limit:g}",
            "verdict": VERDICTS[one.passed],
            "why": one.why if one.passed is None else "",
            "implied": ", ".join(one.implied_by),
        }
        for one in findings
    ]
    judges = dict.fromkeys(one.judge for one in findings)
    return [(judge, [row for row in rows if row["judge"] == judge]) for judge in judges]


def _coefficient(found: Estimate | None) -> str:
    if found is None or not found.defined:
        return "–"
    return with_interval({"measure": "alpha", **msgspec.structs.asdict(found)})


def removal(content: ReportContent) -> Row:
    """Count what the consistency rules removed, beside the paper's share."""
    total = sum(content.removed.values())
    return {
        "rules": sorted(
            (item for item in content.removed.items() if item[1]), key=lambda item: (-item[1], item[0])
        ),
        "checked": len(content.removed),
        "total": total,
        "drawn": content.drawn,
        "share": quantity(total / content.drawn, "removed")
        if content.drawn
        else "not defined (nobody drawn)",
        "paper": quantity(PAPER_REMOVED, "removed"),
    }


def fit(shares: pl.DataFrame) -> Row:
    """Lay out each attribute's distance from the census, and name those that chance does not explain."""
    table = population_fit(shares)
    far = table.filter(pl.col("distance") > _FAR * pl.col("chance"))["attribute"].to_list()
    return {"rows": table.to_dicts(), "far": [name.replace("_", " ") for name in far]}


def topics(prompts: pl.DataFrame) -> Row:
    """Lay out prompts by topic (rows) and controversy (columns present)."""
    counts = topic_counts(prompts)
    grades = [grade for grade in CONTROVERSY.values() if grade in set(counts["controversy"])]
    rows = []
    for (topic,), part in counts.group_by("topic", maintain_order=True):
        found = dict(part.select("controversy", "prompts").iter_rows())
        rows.append(
            {"topic": topic, "counts": [found.get(grade, 0) for grade in grades], "total": part["total"][0]}
        )
    return {"grades": grades, "rows": rows, "prompts": prompts.height}


def lengths(pairs: pl.DataFrame, words: Wording = REVISED) -> list[Row]:
    """Give quartiles of the words of the two answers."""
    rows = []
    for name, column in ((words.first, "original_words"), (words.second, "revision_words")):
        counts = pairs[column]
        quartiles = [counts.quantile(q, "linear") for q in (0.25, 0.5, 0.75)]
        rows.append({"name": name, "quartiles": ["–" if q is None else f"{q:g}" for q in quartiles]})
    return rows


def example_pair(pairs: pl.DataFrame) -> Row | None:
    """Pick the pair to print: the first whose answers differ, else the first."""
    changed = pairs.sort("identical", maintain_order=True)
    return changed.row(0, named=True) if changed.height else None


def splits(judgements: pl.DataFrame) -> list[Row]:
    """Give the count and share of pairs by how their personas split."""
    counts = verdict_splits(judgements)
    total = counts["pairs"].sum()
    return [
        {"split": split, "pairs": pairs, "share": quantity(pairs / total, "splits") if total else "–"}
        for split, pairs in counts.iter_rows()
    ]


def cost(stages: list[Stage]) -> Row:
    """Lay out what each stage took, and the sum; a price nobody knows stays unknown in the sum."""
    prices = [stage.dollars for stage in stages if stage.dollars is not None]
    total = Stage(
        "total",
        sum(stage.calls for stage in stages),
        sum(stage.prompt_tokens for stage in stages),
        sum(stage.completion_tokens for stage in stages),
        sum(stage.seconds for stage in stages),
        sum(prices) if len(prices) == len(stages) else None,
    )
    return {"rows": [_cost_row(stage) for stage in stages], "total": _cost_row(total)}


def _cost_row(stage: Stage) -> Row:
    return {
        "name": stage.name,
        "calls": f"{stage.calls:,}",
        "prompt": f"{stage.prompt_tokens:,}",
        "completion": f"{stage.completion_tokens:,}",
        "time": duration(stage.seconds),
        "dollars": "no price" if stage.dollars is None else f"${stage.dollars:,.4f}",
    }


def duration(seconds: float) -> str:
    """Write a length of time as people say it.

    Examples
    --------
    >>> duration(4.21), duration(59.96), duration(754), duration(7260)
    ('4.2 s', '1 min 0 s', '12 min 34 s', '2 h 1 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def tiles(estimates: pl.DataFrame, words: Wording | None = None) -> list[Row]:
    """Pick the four numbers that stand large under the headline."""
    words = words or about(estimates)
    chosen = (
        (words.prefers, f"prefer {words.second}"),
        ("kappa_orders", "κ between the two orders"),
        ("position_flip", "change with the order"),
        ("conflict_rate", "of persona pairs disagree"),
    )
    rows = []
    for measure, label in chosen:
        row = find(estimates, measure)
        if row and compare(row, 0.0) != "not defined":
            rows.append({"value": quantity(row["value"], measure), "interval": interval(row), "label": label})
    return rows
