"""The card beside exported files: what they are, from what, by which plan."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping

from populace.portfolio.plans import Plan
from populace.portfolio.records import upward

__all__ = ["card"]


def card(plan: Plan, files: Mapping[str, int], empty: Mapping[str, int], *, least: float, pairs: str) -> str:
    """Write the card as Markdown: the same plan and files give the same text."""
    lines = [
        "# Training sets of a portfolio",
        "",
        f"{len(plan.members)} models, one a folder, that together serve every weighting of "
        f"{', '.join(plan.traits)}: no weights lose more than {upward(plan.certificate)} against the best "
        "policy for them, on the prompts of the plan. The plan is `plan.json`.",
        "",
        "| member | " + " | ".join(plan.traits) + " | beta | KL expected |",
        "|---|" + "---|" * (len(plan.traits) + 2),
    ]
    for each in plan.members:
        shares = " | ".join(f"{share:.3f}" for share in each.weights)
        lines.append(f"| {each.name} | {shares} | {each.beta:g} | {each.kl:.3f} |")
    lines += ["", "## What a weight means", ""]
    lines += [f"- {each}" for each in plan.scale.ranges]
    lines += ["", "## Files", "", "| file | rows | prompts without a row |", "|---|---|---|"]
    lines += [f"| {name} | {count:,} | {empty.get(name, 0):,} |" for name, count in files.items()]
    lines += [
        "",
        f"Pairs: {'the best and the worst response of each prompt' if pairs == 'extremes' else 'all'}, of a "
        f"margin of at least {least:g}. `margin` is on the scale from 0 to 1. {len(plan.kept):,} prompts "
        "were held out and are in no file.",
        "",
        "## Provenance",
        "",
        f"- populace {importlib.metadata.version('populace')}, seed {plan.seed}",
    ]
    lines += [f"- {name}: {value}" for name, value in plan.provenance.items()]
    if plan.warnings:
        lines += ["", "## Warnings", ""]
        lines += [f"- {warning}" for warning in plan.warnings]
    return "\n".join([*lines, ""])
