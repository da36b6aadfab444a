"""Who writes about what, and who judges whom: the seeded design of a feedback set.

PERSONA pairs row i with row i, so the effects of persona and question cannot be told apart, and no two
personas ever judge the same pair, so no disagreement can show (reference: arXiv 2407.17387, data card).
Here prompts are drawn independently of personas and spread evenly, and each pair is judged by its author
and by `strangers` other personas, everyone judging equally often.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.errors import StudyError

__all__ = ["assign_authors", "assign_judges"]


def assign_authors(
    persona_ids: list[str], prompt_ids: list[str], pairs_per_persona: int, rng: np.random.Generator
) -> pl.DataFrame:
    """Draw prompts for each persona: no prompt twice for one person, prompts used evenly over all.

    Returns
    -------
    pl.DataFrame
        Columns `author_id`, `prompt_id`; `len(persona_ids) * pairs_per_persona` rows, persona-major.

    Raises
    ------
    StudyError
        If a person would need more prompts than there are.

    Examples
    --------
    >>> authors = assign_authors(["a", "b"], ["p", "q", "r"], 2, np.random.default_rng(0))
    >>> authors.height, authors.unique().height
    (4, 4)
    """
    if pairs_per_persona > len(prompt_ids):
        raise StudyError(
            f"{pairs_per_persona} pairs a persona need as many prompts, but only {len(prompt_ids)} are left",
            fix="lower feedback.pairs_per_persona or loosen the prompt filters",
        )
    order = rng.permutation(len(prompt_ids))
    slots = np.arange(len(persona_ids) * pairs_per_persona)
    # Walking round the shuffled prompts uses each equally often and never repeats one within a person.
    drawn = order[slots % len(prompt_ids)]
    return pl.DataFrame(
        {
            "author_id": [persona_ids[i] for i in slots // pairs_per_persona],
            "prompt_id": [prompt_ids[i] for i in drawn],
        }
    )


def assign_judges(
    author_ids: list[str], persona_ids: list[str], strangers: int, rng: np.random.Generator
) -> list[list[str]]:
    """Choose, for each pair, `strangers` personas other than its author.

    The personas stand in a shuffled circle and each pair goes to the neighbours of its author, at steps
    drawn once: so everyone judges as many pairs of strangers as are judged of theirs.

    Examples
    --------
    >>> judges = assign_judges(["a", "b", "c"], ["a", "b", "c"], 1, np.random.default_rng(0))
    >>> sorted(name for chosen in judges for name in chosen)
    ['a', 'b', 'c']
    """
    n = len(persona_ids)
    if strangers >= n:
        raise StudyError(
            f"{strangers} strangers a pair need more than {n} personas",
            fix="lower feedback.strangers or raise personas.size",
        )
    circle = rng.permutation(n)
    place = {persona_ids[person]: position for position, person in enumerate(circle)}
    chosen: list[list[str]] = []
    seen: dict[str, int] = {}
    for author in author_ids:
        # A second pair of the same author goes to other neighbours, so more people meet.
        turn = seen.get(author, 0)
        seen[author] = turn + 1
        steps = [1 + (turn * strangers + k) % (n - 1) for k in range(strangers)]
        chosen.append([persona_ids[circle[(place[author] + step) % n]] for step in steps])
    return chosen
