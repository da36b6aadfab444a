"""Groups of a survey's respondents as something to steer to, and what each group answered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from populace.bench.options import listed
from populace.bench.steering.material import Gold, Material, Steer, one_number
from populace.errors import DataError, StudyError
from populace.opinions import NONE, Opinions, load
from populace.opinions.groups import groups_of
from populace.streams import stream

__all__ = ["groups_asked", "groups_in"]

_LEAST = 50
"""Respondents of a group who must have answered a question."""
_HALVES = 50


def groups_asked(path: Path, options: Mapping[str, Any], wanted: int, seed: int) -> Material:
    """Read groups and questions from a file of opinions."""
    opinions = load(path)
    names = [str(name) for name in listed(options.get("by", "political_views"))]
    pick = str(options.get("pick", "drawn"))
    if pick not in ("drawn", "differing"):
        raise StudyError(f"pick is {pick!r}", fix="use drawn or differing")
    least = one_number(options, "least", _LEAST)
    return groups_in(opinions, names, wanted, pick=pick, least=least, seed=seed, source=path.name)


def groups_in(
    opinions: Opinions,
    by: list[str],
    wanted: int,
    *,
    pick: str = "drawn",
    least: int = _LEAST,
    seed: int = 0,
    source: str = "",
) -> Material:
    """Make steers of groups, and gold of their answers.

    Parameters
    ----------
    opinions
        What people answered.
    by
        Attributes whose values are groups; numbers become four bands.
    wanted
        Questions, drawn from those that every group answered; `pick="differing"` takes those where groups
        differ most instead, judged by every second respondent; gold is then of the others alone.
    least
        Respondents of a group that a question needs.

    Raises
    ------
    DataError
        If there is no such attribute, fewer than two groups, or no question is left.
    """
    open_to = np.array([bool(item.question) and not set(by) & set(item.same_as) for item in opinions.items])
    members: dict[str, tuple[str, np.ndarray]] = {}
    scout = np.zeros(len(opinions), dtype=bool)
    if pick == "differing":
        scout[::2] = True
    steers: list[Steer] = []
    for kind in by:
        labels = groups_of(opinions.people, kind)
        for group in labels.drop_nulls().unique().sort():
            inside = (labels == group).fill_null(value=False).to_numpy()
            counts = (opinions.answered & (inside & ~scout)[:, None]).sum(axis=0)
            if not (counts[open_to] >= least).any():
                continue
            name = f"{kind.replace('_', ' ')}: {group}"
            members[name] = (kind, inside)
            steers.append(Steer(name, kind, f"{kind.replace('_', ' ').capitalize()}: {group}."))
    for kind in by:
        count = sum(steer.kind == kind for steer in steers)
        if count < 2:  # nothing to be exchanged with, so that no audit could tell who does not listen
            fix = "name another attribute in `by`, or lower `least`"
            raise DataError(f"{count} groups have {least} respondents", column=kind, fix=fix)
    enough = open_to.copy()
    for _, inside in members.values():
        enough &= (opinions.answered & (inside & ~scout)[:, None]).sum(axis=0) >= least
    places = np.flatnonzero(enough)
    if not len(places):
        raise DataError(f"no question was answered by {least} of every group", fix="lower `least`")
    if pick == "differing":
        apart = _apart(opinions, places, [inside & scout for _, inside in members.values()])
        chosen = np.sort(places[np.argsort(-apart, kind="stable")[:wanted]])
    else:
        rng = stream(seed, "steerable.items")
        chosen = np.sort(rng.choice(places, min(wanted, len(places)), replace=False))
    gold = [
        _gold(opinions, int(place), name, inside & ~scout, seed)
        for place in chosen
        for name, (_, inside) in members.items()
    ]
    items = tuple(opinions.items[place] for place in chosen)
    return Material(tuple(steers), items, tuple(gold), source)


def _gold(opinions: Opinions, place: int, name: str, inside: np.ndarray, seed: int) -> Gold:
    """Say what a group answered, and how well one half of it tells the other."""
    codes = opinions.answers[:, place]
    rows = np.flatnonzero(inside & (codes != NONE))
    size, weights, said = opinions.items[place].size, opinions.weights[rows], codes[rows]
    p = _shares(said, weights, size)
    rng = stream(seed, "steerable.halves", place)
    again, apart = [], []
    for _ in range(_HALVES):
        half = np.zeros(len(rows), dtype=bool)
        half[rng.permutation(len(rows))[: len(rows) // 2]] = True
        one, other = (_shares(said[some], weights[some], size) for some in (half, ~half))
        again.append(float(one.argmax() == other.argmax()))
        apart.append(float(np.abs(one - other).sum()) / 4)
    kish = float(weights.sum() ** 2 / (weights**2).sum()) if weights.any() else 0.0
    item = opinions.items[place].name
    return Gold(name, item, tuple(p.tolist()), kish, float(np.mean(again)), float(np.mean(apart)))


def _shares(said: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    counts = np.bincount(said, weights, minlength=size)
    total = counts.sum()
    return counts / total if total else np.full(size, 1 / size)


def _apart(opinions: Opinions, places: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Give the variance between groups at each question."""
    found = []
    for place in places:
        codes, size = opinions.answers[:, place], opinions.items[place].size
        shares = []
        for inside in groups:
            rows = inside & (codes != NONE)
            shares.append(_shares(codes[rows], opinions.weights[rows], size))
        found.append(float(((np.array(shares) - np.mean(shares, axis=0)) ** 2).sum(axis=1).mean()))
    return np.array(found)
