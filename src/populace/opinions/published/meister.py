"""The results that Meister et al. released (arXiv 2411.05403), scored again.

Their folder `results` holds DATA/OUTPUT/MODEL/TASK/.../GROUP.json, an object of questions with the model's
shares by letter (`avg_actual_results`) and people's (`expected_results`). A leaderboard row is the mean of
half the sum of absolute differences over questions, groups and the two steered tasks, data sets alike; its
error is half the width of a 95 % interval over 1,000 resamples of those rows.

The released code does not divide the model's shares by their sum. Where an answer could not be parsed they
are all 0, and the question counts 0.5. `total_variations` gives that figure (`as released`), and the one
without these rows and with shares that add up to 1 (`parsed`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.published.opinion_qa import MEISTER_GROUPS
from populace.opinions.published.parsing import read_object
from populace.stats.bootstrap import bootstrap_replicates, estimate_from_replicates
from populace.stats.estimate import Estimate
from populace.streams import stream

__all__ = ["HANDLINGS", "Rows", "gaps", "read_meister", "total_variations"]

DATA = ("opinionqa", "nytimes", "globalvalues")
TASKS = ("task1", "task3_easy_hard")
"""Steered by a persona and by examples: what the leaderboard averages."""
HANDLINGS = ("as released", "parsed")
_DRAWS = 1000
_GROUPS = {name for names in MEISTER_GROUPS.values() for name in names} | {"0", "1", "2"}


@dataclass(frozen=True)
class Rows:
    """Distances of all questions of all files.

    Attributes
    ----------
    frame
        `data, output, model, task, group, question`, `as released` and `parsed` (null where the answer could
        not be parsed), and the same of `uniform`.
    notes
        What was left out, and what was not parsed.
    """

    frame: pl.DataFrame
    notes: tuple[str, ...]


def read_meister(folder: str | Path, *, tasks: Sequence[str] = TASKS) -> Rows:
    """Read the folder `results`.

    Parameters
    ----------
    folder
        With `opinionqa`, `nytimes`, `globalvalues` in it, or some of them.
    tasks
        Folders of tasks.

    Raises
    ------
    DataError
        If there are no such files, or one is laid out otherwise.
    """
    root = Path(folder)
    rows: list[tuple[str | float | None, ...]] = []
    skipped: set[str] = set()
    for data in DATA:
        for file in sorted((root / data).glob("*/*/*/**/*.json")):
            output, model, task = file.relative_to(root / data).parts[:3]
            if task not in tasks:
                continue
            if file.stem not in _GROUPS:
                skipped.add(f"{data}/{file.stem}")
                continue
            rows += [(data, output, model, task, file.stem, *row) for row in _of_file(file)]
    if not rows:
        fix = "give the folder that holds opinionqa/OUTPUT/MODEL/TASK/.../GROUP.json"
        raise DataError("the folder holds no results of these tasks", file=root, fix=fix)
    names = ("data", "output", "model", "task", "group", "question")
    schema = {**dict.fromkeys(names, pl.String), **dict.fromkeys((*HANDLINGS, "uniform"), pl.Float64)}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    notes = []
    broken = frame.filter(pl.col("as released").is_null()).height
    if broken:
        notes.append(f"{broken:,} rows whose shares do not fit their options, left out everywhere")
        frame = frame.drop_nulls("as released")
    unread = frame.filter(pl.col("parsed").is_null())
    if unread.height:
        each = (
            unread.group_by("model", "output")
            .len()
            .sort("len", "model", "output", descending=[True, False, False])
        )
        worst = ", ".join(f"{model} {output} {count:,}" for model, output, count in each.head(3).iter_rows())
        notes.append(
            f"{unread.height:,} of {frame.height:,} answers could not be parsed and count 0.5 as released, "
            f"most of {worst}"
        )
    if skipped:
        notes.append(f"groups that the leaderboard does not average, left out: {', '.join(sorted(skipped))}")
    lacking = [data for data in DATA if data not in frame["data"].unique()]
    if lacking:
        notes.append(f"no results of {', '.join(lacking)}: means are over the other data sets")
    return Rows(frame, tuple(notes))


def _of_file(file: Path) -> list[tuple[str, float | None, float | None, float | None]]:
    found = []
    for question, entry in read_object(file).items():
        if not isinstance(entry, dict) or not {"avg_actual_results", "expected_results"} <= entry.keys():
            what = "a question lacks avg_actual_results or expected_results"
            raise DataError(what, file=file, column=question[:80])
        model, people = (
            _numbers(entry[name], file, question) for name in ("avg_actual_results", "expected_results")
        )
        if not model.size:
            continue
        fits = entry["avg_actual_results"].keys() == entry["expected_results"].keys()
        if not fits or people.sum() <= 0:
            found.append((question, None, None, None))
            continue
        released = float(np.abs(model - people).sum() / 2)
        parsed = (
            float(np.abs(model / model.sum() - people / people.sum()).sum() / 2) if model.sum() > 0 else None
        )
        even = float(np.abs(1 / people.size - people).sum() / 2)
        found.append((question, released, parsed, even))
    return found


def _numbers(entry: object, file: Path, question: str) -> np.ndarray:
    try:
        # By the letter, whatever their order in the file.
        found = np.array(
            [float(entry[key]) for key in sorted(entry)] if isinstance(entry, dict) else [np.nan]
        )  # type: ignore[arg-type]
    except (TypeError, ValueError):
        found = np.array([np.nan])
    if not (np.isfinite(found) & (found >= 0)).all():
        raise DataError("shares are no numbers from 0 up", file=file, column=question[:80])
    return found


def total_variations(rows: Rows, *, draws: int = _DRAWS, seed: int = 0, level: float = 0.95) -> pl.DataFrame:
    """Score each model and output as the leaderboard does.

    Returns
    -------
    A row a model, output and handling (`as released`, `parsed`), and a `uniform` control: `half_width` (the
    paper's error; the released code prints the mean of the resamples, which differs from the value by chance
    only), `data` sets, and the fields of `Estimate`.
    """
    found = []
    frame = rows.frame
    first = frame.unique(["data", "task", "group", "question"], keep="first", maintain_order=True)
    parts = [
        ("uniform", "control", handling, first.rename({"uniform": "value"})) for handling in HANDLINGS[:1]
    ]
    for (model, output), part in frame.sort("model", "output", maintain_order=True).group_by(
        "model", "output", maintain_order=True
    ):
        parts += [
            (str(model), str(output), handling, part.rename({handling: "value"}).drop_nulls("value"))
            for handling in HANDLINGS
        ]
    for model, output, handling, part in parts:
        estimate = _over_sets([part["value"].to_numpy()[(part["data"] == data).to_numpy()] for data in DATA],
                              draws, seed, level)  # fmt: skip
        found.append(
            {
                "model": model,
                "output": output,
                "handling": handling,
                "half_width": (estimate.high - estimate.low) / 2,
                "data": part["data"].n_unique(),
                **{name: getattr(estimate, name) for name in _FIELDS},
            }
        )
    return pl.DataFrame(found)


_FIELDS = ("value", "low", "high", "level", "n", "clusters", "method", "seed")


def _over_sets(sets: Sequence[np.ndarray], draws: int, seed: int, level: float) -> Estimate:
    """Average sets alike, resampling the rows of each, as the paper does."""
    sets = [values for values in sets if values.size]
    if not sets:
        nothing = np.zeros(0)
        return estimate_from_replicates(np.nan, nothing, n=0, clusters=0, draws=draws, seed=seed, level=level,
                                        unit="row")  # fmt: skip
    drawn = [
        bootstrap_replicates(values[:, None], lambda total, size=values.size: total[:, 0] / size, draws=draws,
                             seed=seed + number)
        for number, values in enumerate(sets)
    ]  # fmt: skip
    size = sum(values.size for values in sets)
    return estimate_from_replicates(
        float(np.mean([values.mean() for values in sets])), np.mean(drawn, axis=0), n=size, clusters=size,
        draws=draws, seed=seed, level=level, unit="row",
    )  # fmt: skip


def gaps(
    rows: Rows,
    *,
    simulated: str = "sequence",
    described: str = "express_distribution",
    draws: int = _DRAWS,
    seed: int = 0,
    level: float = 0.95,
) -> pl.DataFrame:
    """Measure how much worse models simulate a distribution than they describe it: TV(Seq) / TV(V) - 1.

    The released code gives no interval. Here rows (question, group, task) are resampled with both outputs
    together, within data sets.

    Parameters
    ----------
    rows
        Of `read_meister`.
    simulated, described
        Folders of outputs: 30 draws written as a sequence, and shares written as numbers.
    draws, seed, level
        Of the resamples.

    Returns
    -------
    A row a model that has both, and handling: `model`, `handling` and the fields of `Estimate`.
    """
    found = []
    key = ["data", "task", "group", "question"]
    for (model,), part in rows.frame.sort("model", maintain_order=True).group_by(
        "model", maintain_order=True
    ):
        sides = [part.filter(pl.col("output") == name).unique(key, maintain_order=True)
                 for name in (simulated, described)]  # fmt: skip
        if any(side.is_empty() for side in sides):
            continue
        both = sides[0].join(
            sides[1], on=key, how="full", coalesce=True, suffix=" (V)", maintain_order="left_right"
        )
        for handling in HANDLINGS:
            columns = [both[name].to_numpy().astype(np.float64) for name in (handling, f"{handling} (V)")]
            estimate = _gap(both["data"].to_numpy(), np.stack(columns, axis=1), draws, seed, level)
            found.append(
                {
                    "model": str(model),
                    "handling": handling,
                    **{name: getattr(estimate, name) for name in _FIELDS},
                }
            )
    schema = {"model": pl.String, "handling": pl.String} if not found else None
    return pl.DataFrame(found, schema=schema)


def _gap(data: np.ndarray, values: np.ndarray, draws: int, seed: int, level: float) -> Estimate:
    """Estimate the ratio of two means over data sets, less 1; shape (rows, 2), nan where missing."""
    tops, means = [], []
    for number, name in enumerate(DATA):
        some = values[data == name]
        if np.isnan(some).all(axis=0).any():
            continue
        sums = np.stack([np.nan_to_num(some), ~np.isnan(some)], axis=-1).astype(np.float64)
        drawn_seed = int(stream(seed, "opinions.published.gap", number).integers(2**31))
        means.append(sums[..., 0].sum(axis=0) / sums[..., 1].sum(axis=0))
        tops.append(bootstrap_replicates(sums, _ratios, draws=draws, seed=drawn_seed))
    if not means:
        value, drawn = np.nan, np.full(draws, np.nan)
    else:
        mean, replicates = np.mean(means, axis=0), np.mean(tops, axis=0)
        value, drawn = float(mean[0] / mean[1] - 1), replicates[:, 0] / replicates[:, 1] - 1
    return estimate_from_replicates(
        value, drawn, n=len(values), clusters=len(values), draws=draws, seed=seed, level=level, unit="row"
    )


def _ratios(total: np.ndarray) -> np.ndarray:
    return np.divide(
        total[..., 0], total[..., 1], out=np.full(total.shape[:-1], np.nan), where=total[..., 1] > 0
    )
