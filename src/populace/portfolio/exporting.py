"""Files to train a plan's members: preference sets for TRL, coefficients of a soup, a card beside.

The types are those of TRL's page "Dataset formats and types", conversational: `prompt`, `chosen`, `rejected`
(DPO) and `prompt`, `completion`, `label` (KTO). A prompt that the plan held out is in none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np

from populace.atomic import atomic_path, write_atomic
from populace.canonical import canonical_bytes
from populace.errors import DataError
from populace.portfolio.cards import card
from populace.portfolio.plans import Plan, Training
from populace.portfolio.rewards import Rewards, Rows

__all__ = ["Exported", "Form", "export", "preference_rows", "soup", "unpaired_rows"]

Form: TypeAlias = Literal["dpo", "kto", "soup"]
Row: TypeAlias = dict[str, Any]


class Exported(msgspec.Struct, frozen=True):
    """What was written."""

    files: dict[str, int]
    """Path within the folder to its rows."""
    left_out: dict[str, int]
    """Path to prompts that gave no row: their responses are alike in what the member weighs."""


def export(
    plan: Plan,
    rewards: Rewards,
    folder: str | Path,
    forms: Sequence[Form] = ("dpo", "kto", "soup"),
    *,
    least: float = 0.0,
    pairs: Literal["extremes", "all"] = "extremes",
) -> Exported:
    """Write what training the members needs: a folder a member, and a card.

    Parameters
    ----------
    plan
        Whose members are trained, on the scale that it keeps.
    rewards
        The scored responses that it was made from, with their texts.
    folder
        Each file is written whole or not at all; what stood there under the same name is replaced.
    forms
        `dpo`: pairs of responses; `kto`: single responses with a label; `soup`: coefficients by which experts
        of one trait each are mixed.
    least
        Least margin of a pair, w . r of chosen less that of rejected.
    pairs
        The `extremes` of a prompt, or `all` pairs.

    Raises
    ------
    DataError
        If the plan cannot be one (`Plan.check`), the texts are missing, the rewards are not those of the
        plan, or no pair has so large a margin.
    """
    plan.check()
    place = Path(folder)
    rows = _rows_of(plan, rewards)
    files: dict[str, int] = {}
    empty: dict[str, int] = {}
    for member in plan.members:
        for form in forms:
            name = f"{member.name}/{form}.{'json' if form == 'soup' else 'jsonl'}"
            if form == "soup":
                write_atomic(place / name, canonical_bytes(soup(plan, member)) + b"\n")
                files[name] = 1
                continue
            found = (
                preference_rows(plan, member, rewards, rows, least=least, pairs=pairs)
                if form == "dpo"
                else unpaired_rows(plan, member, rewards, rows, least=least)
            )
            files[name], served = _write(place / name, found)
            empty[name] = len(plan.planned) - served
    plan.save(place / "plan.json")
    write_atomic(place / "README.md", card(plan, files, empty, least=least, pairs=pairs).encode())
    return Exported(files, empty)


def preference_rows(
    plan: Plan,
    member: Training,
    rewards: Rewards,
    rows: Rows | None = None,
    *,
    least: float = 0.0,
    pairs: Literal["extremes", "all"] = "extremes",
) -> Iterator[Row]:
    """Yield pairs for DPO: of two responses to a prompt, the one that is worth more for the member's weights.

    `margin` is the difference of w . r on the plan's scale; what is worth as much is no pair.
    """
    shaped = rows or _rows_of(plan, rewards)
    for prompt, text, responses, values in _prompts(shaped, member, rewards):
        order = np.argsort(-values, kind="stable")
        chosen = [(order[0], order[-1])] if pairs == "extremes" else _all_pairs(order)
        for one, other in chosen:
            margin = float(values[one] - values[other])
            if margin <= 0 or margin < least or responses[one] == responses[other]:
                continue
            yield {
                "prompt": [{"role": "user", "content": text}],
                "chosen": [{"role": "assistant", "content": responses[one]}],
                "rejected": [{"role": "assistant", "content": responses[other]}],
                "margin": margin,
                "prompt_id": prompt,
                "member": member.name,
            }


def unpaired_rows(
    plan: Plan, member: Training, rewards: Rewards, rows: Rows | None = None, *, least: float = 0.0
) -> Iterator[Row]:
    """Yield single responses for KTO: wanted above the mean of their prompt, unwanted below it.

    `margin` is the distance from the mean; at least half of `least` is asked of it, so that two labels are as
    far apart as a pair's. A response at the mean has no label.
    """
    shaped = rows or _rows_of(plan, rewards)
    for prompt, text, responses, values in _prompts(shaped, member, rewards):
        if values.max() == values.min():
            continue
        mean = float(values.mean())
        for response, value in zip(responses, values, strict=True):
            margin = abs(float(value) - mean)
            if margin > 0 and margin >= least / 2:
                yield {
                    "prompt": [{"role": "user", "content": text}],
                    "completion": [{"role": "assistant", "content": response}],
                    "label": bool(value > mean),
                    "margin": margin,
                    "prompt_id": prompt,
                    "member": member.name,
                }


def soup(plan: Plan, member: Training) -> Row:
    """Give the coefficients of a rewarded soup (Rame et al. 2023, arXiv 2306.04488) for a member.

    Experts are the models trained for one trait alone; their parameters are mixed by the member's weights.
    Such a mixture is no optimum: what it is worth is to be measured, and bounds the best from below.
    """
    experts = {name: np.eye(len(plan.traits))[place].tolist() for place, name in enumerate(plan.traits)}
    coefficients = dict(zip(plan.traits, member.weights, strict=True))
    return {"member": member.name, "beta": member.beta, "experts": experts, "coefficients": coefficients}


def _rows_of(plan: Plan, rewards: Rewards) -> Rows:
    """Shape the rewards of the plan's own prompts; held-out ones are not even looked at."""
    for name in ("prompt", "response"):
        if name not in rewards.frame.columns:
            raise DataError(f"there is no column {name!r}", fix="export from the table with the texts")
    if rewards.traits != plan.traits:
        what = f"the plan is of {', '.join(plan.traits)}, and the rewards of {', '.join(rewards.traits)}"
        raise DataError(what, fix="give the rewards that the plan was made from")
    there = set(rewards.prompts)
    lost = [name for name in plan.planned if name not in there]
    if lost:
        what = f"{len(lost):,} prompts of the plan have no rewards, the first {lost[0]}"
        raise DataError(what, column="prompt_id", fix="give the rewards that the plan was made from")
    return rewards.rows(plan.scale, plan.planned)


def _prompts(
    rows: Rows, member: Training, rewards: Rewards
) -> Iterator[tuple[str, str, list[str], np.ndarray]]:
    """Yield id, text, responses and what they are worth for the member, prompt by prompt."""
    values = np.nan_to_num(rows.rewards) @ np.asarray(member.weights)
    texts = rewards.frame.select("prompt", "response")
    for number, name in enumerate(rows.prompts):
        there = rows.places[number] >= 0
        own = texts[rows.places[number][there].tolist()]
        yield name, own["prompt"][0], own["response"].to_list(), values[number][there]


def _all_pairs(order: np.ndarray) -> Iterator[tuple[int, int]]:
    for place, one in enumerate(order):
        for other in order[place + 1 :]:
            yield int(one), int(other)


def _write(path: Path, rows: Iterator[Row]) -> tuple[int, int]:
    """Write JSON lines; give their number, and that of the prompts in them."""
    count, prompts = 0, set()
    with atomic_path(path) as beside, beside.open("wb") as lines:
        for row in rows:
            lines.write(canonical_bytes(row) + b"\n")
            prompts.add(row["prompt_id"])
            count += 1
        if not count:
            what = "no two responses to a prompt are so far apart in what the member weighs"
            raise DataError(what, file=path, fix="ask for a smaller margin")
    return count, len(prompts)
