"""How much of what is told is of others, and of how many: chosen by cross-validation, or nobody's.

People who answered questions with options are left out in turn, told as few of their own answers as somebody
new has (3), has soon (10), or has (40); what is told predicts the rest of their answers by votes
(`predicting.votes`). Neighbours are those by answers. Of all shares and numbers the best in log score is
taken, if it beats own items alone: the lower end of the paired interval of the difference, over people and
questions, must be above 0, at a level that is divided by the number of candidates (Bonferroni). What was
chosen rests on those people and goes with each of them, as any model does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from populace.memory.answers import checked_there, shared_answers
from populace.memory.fitted import keep_fit
from populace.streams import stream

if TYPE_CHECKING:
    import polars as pl

    from populace.memory.store import Store, Writing
    from populace.opinions import Opinions

__all__ = ["Choice", "Settled", "choose", "settled"]

KIND = "join"
SIZES = (3, 10, 40)
"""Own answers that are told: a choice for whoever has up to so many items."""
_SHARES = (0.25, 0.5)
_PEOPLE = (5, 20)
_MOST = 600
_QUESTIONS = 150
_LEAST = 40
"""People below whom nothing is chosen."""
_ASKED = 100
_DEFAULT = 5


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen for people with so many items."""

    items: int
    """Up to so many; the last choice holds for all who have more."""
    share: float
    neighbours: int
    way: str
    gain: float
    """In log score per answer, over own items alone; of the best candidate, even if it was not taken."""
    low: float | None
    high: float | None
    """Interval of the gain; None where nothing tells it."""


class Settled(msgspec.Struct, frozen=True):
    """What a retrieval uses."""

    share: float
    neighbours: int
    way: str
    notes: tuple[str, ...] = ()


def settled(
    writing: Writing,
    purpose: str,
    known: int,
    share: float | Literal["auto"],
    neighbours: int | Literal["auto"],
    way: str,
) -> Settled:
    """Settle what is `auto`, for somebody with so many items."""
    if share != "auto":
        return Settled(float(share), _DEFAULT if neighbours == "auto" else neighbours, way)
    rows = writing.fetch(
        "SELECT b.data FROM memory_models m JOIN memory_blobs b ON b.blob = m.blob "
        "WHERE m.kind = ? AND m.purpose = ? ORDER BY m.model DESC LIMIT 1",
        [KIND, purpose],
    )
    if not rows:
        note = "own items alone: no share was chosen, call choose()"
        return Settled(0.0, 0, way, (note,))
    choices = msgspec.json.decode(bytes(rows[0][0]), type=list[Choice])
    choice = next((each for each in choices if known <= each.items), choices[-1])
    if not choice.share:
        return Settled(0.0, 0, way, ("own items alone: other people's did not help",))
    return Settled(
        choice.share,
        choice.neighbours if neighbours == "auto" else neighbours,
        choice.way if way == "auto" else way,
    )


def choose(store: Store, purpose: str, *, actor: str = "", seed: int = 0) -> list[Choice]:
    """Choose share and number by cross-validation, of neighbours by answers, and keep the choice.

    Parameters
    ----------
    store
        Where people are; 600 of them at most are taken.
    purpose
        What for: only items that others may use for it count.
    actor
        Who runs it.
    seed
        Of the people taken and the answers hidden.

    Returns
    -------
    list of Choice
        For people with up to 3, up to 10, and more items.

    Raises
    ------
    DataError
        If fewer than 40 people share answers to questions with options that others answered too, or the
        answers read went meanwhile.
    """
    with store.write() as writing:
        frame = shared_answers(writing, purpose, people=_MOST, questions=_QUESTIONS, least=_LEAST, seed=seed)
    choices = _tried(frame, seed)
    with store.write() as writing:
        checked_there(writing, purpose, store.name, frame)
        people, data = frame["person"].unique().to_list(), msgspec.json.encode(choices)
        keep_fit(writing, KIND, purpose, people, data, items=len(frame), actor=actor)
    return choices


def _tried(frame: pl.DataFrame, seed: int) -> list[Choice]:
    """Hold candidates against own items alone."""
    from populace.memory.predicting import Join, read_responses
    from populace.opinions import Inputs

    opinions = read_responses(frame.drop("person", "item")).opinions
    rng = stream(seed, "memory.choosing.folds")
    part = rng.permutation(len(opinions)) % 2
    grid = [(share, people) for share in _SHARES for people in _PEOPLE]
    routes = [Join(share=0.0, seed=seed), *(Join(share=x, people=k, seed=seed) for x, k in grid)]
    logs: dict[int, list[np.ndarray]] = {size: [] for size in SIZES}
    who: dict[int, list[np.ndarray]] = {size: [] for size in SIZES}
    what: dict[int, list[np.ndarray]] = {size: [] for size in SIZES}
    for fold in range(2):
        train = opinions.take(np.flatnonzero(part != fold))
        held = np.flatnonzero(part == fold)[:_ASKED]
        for size in SIZES:
            fitted = [route.fit(train, Inputs(known=size)) for route in routes]
            cells, truth = _cells(opinions, held, size, rng)
            table = np.stack([_logs(route.predict(cells), truth) for route in fitted])
            logs[size].append(table)
            who[size].append(held[cells.rows])
            what[size].append(cells.columns)

    def whole(parts: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(parts, axis=-1)

    return [_chosen(size, whole(logs[size]), whole(who[size]), whole(what[size]), grid) for size in SIZES]


def _logs(p: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-6))


def _cells(
    opinions: Opinions, held: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[Any, np.ndarray]:
    """Hide answers of people: at most `size` are told, up to 5 of the rest asked."""
    from populace.memory.predicting import Cells
    from populace.opinions import NONE

    codes = opinions.answers[held]
    known = np.full_like(codes, NONE)
    rows, columns = [], []
    for row in range(len(held)):
        answered = rng.permutation(np.flatnonzero(codes[row] != NONE))
        asked = answered[: max(1, min(5, len(answered) - 1))]
        told = answered[len(asked) :][:size]
        known[row, told] = codes[row, told]
        rows += [row] * len(asked)
        columns += asked.tolist()
    cells = Cells(opinions.people[held.tolist()], known, np.array(rows), np.array(columns))
    return cells, codes[cells.rows, cells.columns]


def _chosen(
    size: int, logs: np.ndarray, who: np.ndarray, what: np.ndarray, grid: Sequence[tuple[float, int]]
) -> Choice:
    """Take the best candidate if it is better than own items alone."""
    from populace.stats.crossed import crossed_mean

    gains = logs[1:] - logs[0]
    best = int(np.argmax(gains.mean(axis=1)))
    found = crossed_mean(gains[best], who, what, within=None, level=1 - 0.05 / len(grid))
    share, people = grid[best]
    low, high = (float(end) if np.isfinite(end) else None for end in (found.low, found.high))
    taken = low is not None and low > 0
    return Choice(
        items=size,
        share=share if taken else 0.0,
        neighbours=people if taken else 0,
        way="answers" if taken else "",
        gain=float(found.value),
        low=low,
        high=high,
    )
