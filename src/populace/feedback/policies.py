"""Designs of a feedback set besides the even one of `feedback.design`: who is given which prompt, who judges.

- `assign_splits`, the design of PERSONA (arXiv 2407.17387): every persona is given its own pairs to train on,
  others to test on whose prompts are also trained on, and others on prompts held out from all training. The
  paper's numbers are 100, 50 and 50, on 3,000 prompts and 868 held out. Each pair is its author's alone, so
  no disagreement can show.
- `assign_panels`, overlap: few pairs, each judged by many people. Only here can a conflict between people on
  one pair be seen, and the best score that a single model could reach.

Both deal from shuffled decks (`feedback.dealing`): prompts independently of who the persona is, no prompt
twice for one persona, everyone equally often.

A prompt may stand in several *slots* where there are fewer prompts than a design has places for; `repeat`
says in which slot a row's prompt stands. Each slot has an answer of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from populace.errors import StudyError
from populace.feedback.dealing import deal

__all__ = ["HELD_OUT", "SPLITS", "TEST", "TRAIN", "assign_panels", "assign_splits", "slots", "with_repeats"]

TRAIN, TEST, HELD_OUT = "train", "test", "held_out"
_PLAIN = {TRAIN: "training", HELD_OUT: "held-out"}
SPLITS = (TRAIN, TEST, HELD_OUT)
"""What a pair is for: to train on; to test on, its prompt being trained on by others; to test on, its prompt
being trained on by nobody."""


def slots(prompt_ids: Sequence[str], places: int) -> dict[str, int]:
    """Spread `places` places evenly over prompts; the first ones take what is left over.

    Returns
    -------
    dict[str, int]
        Prompt to how many places it stands in, of the first `places` prompts at least one each.

    Examples
    --------
    >>> slots(["p", "q", "r"], 5), slots(["p", "q", "r"], 2)
    ({'p': 2, 'q': 2, 'r': 1}, {'p': 1, 'q': 1})
    """
    each, more = divmod(places, len(prompt_ids)) if prompt_ids else (0, 0)
    found = {prompt_id: each + (place < more) for place, prompt_id in enumerate(prompt_ids)}
    return {prompt_id: count for prompt_id, count in found.items() if count}


def with_repeats(authors: pl.DataFrame, places: Mapping[str, int] | None) -> pl.DataFrame:
    """Add `repeat`: how often the row's prompt was used above it, counted round over its slots.

    Parameters
    ----------
    authors
        Any frame with `prompt_id`.
    places
        Slots of each prompt, one where it is not named; None gives every row a slot of its own.

    Examples
    --------
    >>> rows = pl.DataFrame({"prompt_id": ["p", "p", "q", "p"]})
    >>> with_repeats(rows, {"p": 2})["repeat"].to_list(), with_repeats(rows, None)["repeat"].to_list()
    ([0, 1, 0, 0], [0, 1, 0, 2])
    """
    used = pl.int_range(pl.len(), dtype=pl.Int64).over("prompt_id")
    if places is not None:
        known = authors["prompt_id"].replace_strict(
            list(places), list(places.values()), default=1, return_dtype=pl.Int64
        )
        used = used % known
    return authors.with_columns(used.alias("repeat"))


def assign_splits(
    persona_ids: Sequence[str],
    prompt_ids: Mapping[str, Sequence[str]],
    pairs: Mapping[str, int],
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Give every persona its pairs to train on, to test on, and to test on held-out prompts.

    Parameters
    ----------
    prompt_ids
        Prompts under `train` and under `held_out`.
    pairs
        Pairs of each persona by split (`SPLITS`); a split that is not named has none.

    Returns
    -------
    pl.DataFrame
        Columns `author_id`, `prompt_id`, `split`, persona-major, a persona's splits in the order of `SPLITS`.

    Raises
    ------
    StudyError
        If a person would be given one prompt twice.

    Examples
    --------
    >>> prompts = {"train": ["p", "q", "r"], "held_out": ["s"]}
    >>> given = assign_splits(["a", "b"], prompts, {"train": 2, "test": 1, "held_out": 1},
    ...     np.random.default_rng(0))
    >>> given.filter(author_id="b")["split"].to_list()
    ['train', 'train', 'test', 'held_out']
    """
    count = {split: pairs.get(split, 0) for split in SPLITS}
    wanted = {TRAIN: count[TRAIN] + count[TEST], HELD_OUT: count[HELD_OUT]}
    parts = []
    for kind, size in wanted.items():
        known = prompt_ids.get(kind, ())
        if size > len(known):
            keys = "train_pairs + feedback.test_pairs" if kind == TRAIN else "held_out_pairs"
            raise StudyError(
                f"{size} pairs a persona need as many {_PLAIN[kind]} prompts, but there are {len(known)}",
                column=f"feedback.{keys}",
                fix="lower it, raise prompts.size or loosen the prompt filters",
            )
        # Hands come shuffled, so which of a hand's prompts are tested on is a draw of its own.
        parts.append(deal(len(known), len(persona_ids), size, rng))
    named = [
        np.array(prompt_ids.get(kind, ()), dtype=object)[part]
        for kind, part in zip(wanted, parts, strict=True)
    ]
    row = [split for split in SPLITS for _ in range(count[split])]
    return pl.DataFrame(
        {
            "author_id": [persona for persona in persona_ids for _ in row],
            "prompt_id": pl.Series(np.hstack(named).ravel().tolist(), dtype=pl.String),
            "split": pl.Series(row * len(persona_ids), dtype=pl.String),
        }
    )


def assign_panels(
    persona_ids: list[str],
    prompt_ids: list[str],
    judges_per_pair: int,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Seat a panel of different people before each pair; its author is one of them.

    Parameters
    ----------
    prompt_ids
        One a pair; a prompt may come several times, each time with another author.
    judges_per_pair
        People who judge each pair.

    Returns
    -------
    pl.DataFrame
        Columns `author_id`, `prompt_id`, and `strangers`: the others of the panel. One row a pair, author by
        author. Two people differ by at most one in how many pairs they judge; authorship is shared out as
        evenly as the panels allow.

    Raises
    ------
    StudyError
        If a panel would need more people than there are, or a prompt more authors than a panel has people.

    Examples
    --------
    >>> panels = assign_panels(["a", "b", "c"], ["p", "q", "r"], 2, np.random.default_rng(0))
    >>> panels.height, panels["strangers"].list.len().unique().to_list()
    (3, [1])
    """
    if not 1 <= judges_per_pair <= len(persona_ids):
        raise StudyError(
            f"{judges_per_pair} judges a pair, of {len(persona_ids)} personas",
            column="feedback.judges_per_pair",
            fix=f"give 1 to {len(persona_ids)}",
        )
    often = max(Counter(prompt_ids).values(), default=0)
    if often > judges_per_pair:
        raise StudyError(
            f"a prompt that stands in {often} pairs needs as many authors, and a panel has {judges_per_pair}",
            column="feedback.judges_per_pair",
            fix="raise it, or lower prompts.size",
        )
    panels = deal(len(persona_ids), len(prompt_ids), judges_per_pair, rng)
    written = np.zeros(len(persona_ids), dtype=np.int64)
    wrote: dict[str, set[int]] = {}
    rows: list[tuple[int, str, list[str]]] = []
    # Pairs are put before panels in a shuffled order, so no topic meets the first deck.
    for place, panel in zip(rng.permutation(len(prompt_ids)).tolist(), panels.tolist(), strict=True):
        prompt_id = prompt_ids[place]
        before = wrote.setdefault(prompt_id, set())
        author = min((person for person in panel if person not in before), key=lambda who: written[who])
        before.add(author)
        written[author] += 1
        rows.append((author, prompt_id, [persona_ids[other] for other in panel if other != author]))
    rows.sort(key=lambda row: row[0])
    return pl.DataFrame(
        {
            "author_id": pl.Series([persona_ids[author] for author, _, _ in rows], dtype=pl.String),
            "prompt_id": pl.Series([prompt_id for _, prompt_id, _ in rows], dtype=pl.String),
            "strangers": pl.Series([others for _, _, others in rows], dtype=pl.List(pl.String)),
        }
    )
