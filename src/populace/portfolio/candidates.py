"""Candidates: what one has to choose among, with a row of scores each.

Models of a leaderboard, prompted variants of one model, adapters, soups that were evaluated: all are rows of
a table. Public leaderboards are read from the user's own copy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.portfolio.rewards import Rewards
from populace.portfolio.scaling import Range, Scale, scale_of
from populace.portfolio.score_tables import read_table, scores_of, traits_in

__all__ = [
    "Candidates",
    "candidates_of",
    "measured",
    "read_alpaca_eval",
    "read_candidates",
    "read_wildbench",
]

_NAMES = ("candidate", "model", "name", "")
_HACKS = ("NullModel",)
"""Entries of AlpacaEval that answer no question: they show what its judge can be made to say."""


@dataclass(frozen=True)
class Candidates:
    """Candidates and their scores.

    Parameters
    ----------
    names
        In the order of the rows.
    scores
        Shape (candidates, traits), as they were scored.
    traits
        Names, in the order of the weights.
    ranges
        Of traits whose range is known.
    left_out
        Candidates of the source that are not here, and why.
    prompts
        Over how many the scores are means; 0 where that is not known.
    less
        Traits of which less is better, unless it is said otherwise.
    extremes
        Trait to the least and greatest score of a single response, where that is known.

    Examples
    --------
    >>> found = Candidates(("a", "b", "c"), [[9, 100], [6, 50], [3, 40]], ("wit", "length"), less=("length",))
    >>> found.rewards(found.scale(stated={"wit": (0, 10), "length": (0, 100)})).round(6).tolist()
    [[0.9, 0.0], [0.6, 0.5], [0.3, 0.6]]
    >>> found.rows(["c", "a"])
    [2, 0]
    """

    names: tuple[str, ...]
    scores: np.ndarray
    traits: tuple[str, ...]
    ranges: Mapping[str, Range] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    prompts: int = 0
    less: tuple[str, ...] = ()
    extremes: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a table that does not fit."""
        table = np.asarray(self.scores, dtype=np.float64)
        if table.shape != (len(self.names), len(self.traits)) or not len(self.names):
            raise DataError(f"scores of {len(self.names)} candidates have the shape {table.shape}")
        if len(set(self.names)) < len(self.names):
            raise DataError("two candidates have one name")
        object.__setattr__(self, "scores", table)

    def scale(
        self, stated: Mapping[str, tuple[float, float]] | None = None, less: Iterable[str] = ()
    ) -> Scale:
        """Settle the ranges; see `scaling.scale_of`."""
        turned = {*self.less, *less}
        return scale_of(self.traits, self.scores, known=self.ranges.values(), stated=stated, less=turned)

    def rewards(self, scale: Scale) -> np.ndarray:
        """Give the scores on a scale, shape (candidates, traits), larger is better."""
        return scale.apply(self.scores)

    def rows(self, names: Iterable[str]) -> list[int]:
        """Give the rows of candidates.

        Raises
        ------
        DataError
            If there is none of a name; the nearest is told.
        """
        from difflib import get_close_matches

        places = {name: place for place, name in enumerate(self.names)}
        found = []
        for name in names:
            if name not in places:
                near = get_close_matches(name, self.names, 1, 0.4)
                fix = f"did you mean {near[0]}" if near else f"use one of {', '.join(self.names[:5])}, ..."
                raise DataError(f"there is no candidate {name!r}", fix=fix)
            found.append(places[name])
        return found

    def slack(self, scale: Scale, confidence: float = 0.95) -> float:
        """Give what other prompts may add to an additive regret on a scale: twice Hoeffding's deviation.

        For means over prompts drawn independently, of candidates that were there before, each prompt's score
        from 0 to 1 on the scale. NaN where that is not known: the number of prompts is missing, a range is
        that of these candidates, or a response lies beyond its range.
        """
        inside = all(
            each.low <= self.extremes[each.trait][0] and self.extremes[each.trait][1] <= each.high
            for each in scale.ranges
            if each.trait in self.extremes
        )
        if not self.prompts or scale.of_pool or not inside or len(self.extremes) < len(self.traits):
            return math.nan
        events = 2 * len(self.names) * len(self.traits)
        return 2 * math.sqrt(math.log(events / (1 - confidence)) / (2 * self.prompts))


def read_candidates(
    path: str | Path, traits: Sequence[str] | None = None, *, name: str | None = None
) -> Candidates:
    """Read a table of candidates: CSV, Parquet or JSON lines, a column a trait or a row a score.

    Parameters
    ----------
    traits
        Columns to read; all that hold numbers if left out.
    name
        Column that names the candidates; by default `candidate`, `model`, `name`, or a first one without a
        name.

    Raises
    ------
    DataError
        With row and column: a score that is no number, a candidate that stands twice.
    """
    try:
        return candidates_of(read_table(path), traits, name=name)
    except DataError as error:
        raise DataError(error.what, file=path, row=error.row, column=error.column, fix=error.fix) from error


def candidates_of(
    table: pl.DataFrame, traits: Sequence[str] | None = None, *, name: str | None = None
) -> Candidates:
    """Do the same of a table in memory; a candidate that lacks a score is left out, and told."""
    key = name or next((each for each in _NAMES if each in table.columns), None)
    if key is None or key not in table.columns:
        told = ", ".join(table.columns)
        raise DataError(f"no column names the candidates among {told}", fix="say which: name=")
    found = scores_of(table, [key], traits)
    if traits is None:
        long = {"trait", "score"} <= set(table.columns)
        traits = table["trait"].unique(maintain_order=True).to_list() if long else traits_in(table, [key])
    whole = pl.all_horizontal(pl.col(each).is_not_null() for each in traits)
    lost = found.filter(~whole)[key].cast(pl.String).to_list()
    kept = found.filter(whole)
    if kept.is_empty():
        raise DataError("no candidate has all its scores", fix="leave out the trait that is missing")
    return Candidates(
        tuple(kept[key].cast(pl.String)),
        kept.select(traits).to_numpy(),
        tuple(traits),
        left_out=dict.fromkeys(lost, "a score is missing"),
    )


class _WildBench(msgspec.Struct):
    task_categorized_scores: dict[str, float]
    avg_len: float | None = None
    total: int = 0


_WILDBENCH = ("WB-Score of a task category, rescaled", -8.0, 10.0)
"""(score - 5) x 2 for scores from 1 to 10, as the file's own `score` and `adjusted_score` show."""


def read_wildbench(path: str | Path) -> Candidates:
    """Read WildBench's leaderboard (`score.json` of its repository): task categories, and length, less of it.

    Raises
    ------
    DataError
        If the file is no such leaderboard.
    """
    try:
        table = msgspec.json.decode(Path(path).read_bytes(), type=dict[str, _WildBench])
    except OSError as error:
        raise DataError("there is no such file", file=path, fix="give WildBench's score.json") from error
    except msgspec.MsgspecError as error:
        raise DataError(f"this is no leaderboard of WildBench ({error})", file=path) from error
    tasks = list(dict.fromkeys(task for each in table.values() for task in each.task_categorized_scores))
    rows, names, lost = [], [], {}
    for name, each in table.items():
        row = [each.task_categorized_scores.get(task) for task in tasks]
        if None in row or not each.avg_len:
            lost[name] = "a score is missing"
            continue
        names.append(name)
        rows.append([*row, each.avg_len])
    larger, low, high = _WILDBENCH
    return Candidates(
        tuple(names),
        np.array(rows, dtype=np.float64),
        (*tasks, "length"),
        {task: Range(trait=task, low=low, high=high, source="definition", larger=larger) for task in tasks},
        lost,
        less=("length",),
    )


def read_alpaca_eval(path: str | Path) -> Candidates:
    """Read AlpacaEval's leaderboard, a CSV of the package `alpaca-eval`: win rates, and length, less of it.

    What answers no question (NullModel) is left out. The data are CC BY-NC 4.0, as its README states.

    Raises
    ------
    DataError
        If the file is no such leaderboard.
    """
    wanted = ("win_rate", "length_controlled_winrate", "avg_length")
    found = read_candidates(path, wanted, name=None)
    there = [place for place, name in enumerate(found.names) if name not in _HACKS]
    hacks = {name: "it answers no question" for name in found.names if name in _HACKS}
    percent = {
        name: Range(trait=name, low=0.0, high=100.0, source="definition", larger="wins more often, in %")
        for name in wanted[:2]
    }
    return Candidates(
        tuple(found.names[place] for place in there),
        found.scores[there],
        wanted,
        percent,
        {**found.left_out, **hacks},
        less=("avg_length",),
    )


def measured(rewards: Rewards, by: str = "candidate") -> Candidates:
    """Make candidates of scored responses: the mean over prompts of each one's mean response.

    Prompts that not all of them have answered are left out for all, so that nobody is better for easier
    prompts.

    Raises
    ------
    DataError
        If the table does not say who wrote, or no prompt was answered by all.

    Examples
    --------
    >>> frame = pl.DataFrame({"prompt_id": ["p", "p", "q", "q"], "response_id": ["0", "1", "0", "1"],
    ...     "candidate": ["a", "b", "a", "b"], "wit": [1.0, 0.0, 0.5, 0.0], "tact": [0.0, 1.0, 0.0, 0.5]})
    >>> found = measured(Rewards(frame, ("wit", "tact")))
    >>> found.names, found.scores.tolist(), found.prompts
    (('a', 'b'), [[0.75, 0.0], [0.0, 0.75]], 2)
    """
    if by not in rewards.frame.columns:
        raise DataError(f"there is no column {by!r} that says who wrote", fix="sample several candidates")
    means = rewards.whole.group_by(by, "prompt_id", maintain_order=True).agg(
        pl.col(name).mean() for name in rewards.traits
    )
    names = means[by].unique(maintain_order=True).to_list()
    common = means.filter(pl.len().over("prompt_id") == len(names))
    if common.is_empty():
        raise DataError("no prompt was answered by all candidates", column="prompt_id")
    table = common.group_by(by, maintain_order=True).agg(pl.col(name).mean() for name in rewards.traits)
    return Candidates(
        tuple(table[by].cast(pl.String)),
        table.select(rewards.traits).to_numpy(),
        rewards.traits,
        rewards.ranges,
        prompts=common["prompt_id"].n_unique(),
        extremes={
            name: (float(rewards.whole[name].min()), float(rewards.whole[name].max()))  # type: ignore[arg-type]
            for name in rewards.traits
        },
    )
