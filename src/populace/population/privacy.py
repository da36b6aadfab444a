"""Are drawn people copies of those a model was learned from? Nearest records, in training and held out.

The records are split by household; one part trains the model, the other is held out. If the model remembers
records, drawn people are nearer to the training part than to the held-out part. If it learned what both have
in common, neither is nearer more often than the other: the share is one half.

This finds copying on average. It is no guarantee of privacy: a record that is told in a thousand draws once
would not show, and it says nothing about what one who knows most of a person can infer. (Compare the
"distance to closest record share", for example Platzer and Reutterer, 2021, doi:10.3389/fdata.2021.679939.)
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.stats import Estimate, mean, proportion
from populace.streams import stream

__all__ = ["NearestRecords", "nearest_distances", "nearest_records"]

# Records compared at a time: their counts of differences stay in the processor's cache.
_BLOCK = 1 << 16
_MOST_ATTRIBUTES = 255


class NearestRecords(msgspec.Struct, frozen=True, kw_only=True):
    """Drawn people beside the records trained on and as many that were not."""

    attributes: tuple[str, ...]
    """Columns compared."""
    records: int
    """Records in each of the two parts."""
    nearer_training: Estimate
    """Share of drawn people whose nearest record is in the training part; a tie counts one half."""
    identical_training: Estimate
    """Share of drawn people who equal a training record in every attribute."""
    identical_holdout: Estimate
    """Share of drawn people who equal a held-out record in every attribute."""
    distance_training: Estimate
    """Attributes in which a drawn person differs from the nearest training record, on average."""
    distance_holdout: Estimate
    """The same for the nearest held-out record."""

    @property
    def remembers(self) -> bool:
        """Whether drawn people are nearer to the training part than chance explains."""
        return self.nearer_training.low > 0.5


def nearest_records(
    drawn: pl.DataFrame,
    training: pl.DataFrame,
    holdout: pl.DataFrame,
    *,
    attributes: Sequence[str] | None = None,
    seed: int = 0,
) -> NearestRecords:
    """Compare drawn people with their nearest records in two parts of the same file.

    Parameters
    ----------
    drawn
        People drawn from a model of the training part. Time goes with their number times that of the
        records: a few thousand are enough.
    training
        Records that the model was learned from.
    holdout
        Records of the same kind that it was not. The larger of the two parts is cut, at random, to the
        size of the smaller.
    attributes
        Columns to compare; by default those of `drawn`. Null equals null.
    seed
        Of the random generator that cuts the larger part, and of the bootstrap.

    Raises
    ------
    DataError
        If a frame is empty or lacks a column, or there is nothing to compare.

    Examples
    --------
    Copies of the first part:

    >>> part = pl.DataFrame({"age": [1, 2, 3, 4], "sex": ["f", "f", "m", "m"]})
    >>> other = pl.DataFrame({"age": [5, 6, 7, 8], "sex": ["f", "f", "m", "m"]})
    >>> found = nearest_records(part, part, other)
    >>> found.nearer_training.value, found.identical_holdout.value, found.distance_holdout.value
    (1.0, 0.0, 1.0)
    """
    names = tuple(drawn.columns if attributes is None else attributes)
    frames = {"drawn": drawn, "training": training, "holdout": holdout}
    for part, frame in frames.items():
        if frame.is_empty():
            raise DataError(f"the {part} people are none", fix="give at least one")
        if absent := next((name for name in names if name not in frame.columns), None):
            raise DataError(f"the {part} people lack this column", column=absent, fix="leave it out")
    if not 0 < len(names) <= _MOST_ATTRIBUTES:
        raise DataError(f"cannot compare {len(names)} attributes", fix=f"give 1 to {_MOST_ATTRIBUTES}")
    rng = stream(seed, "population.privacy")
    size = min(training.height, holdout.height)
    people, known, other = _coded([frame.select(names) for frame in frames.values()])
    near = nearest_distances(people, known[:, _some(known.shape[1], size, rng)])
    far = nearest_distances(people, other[:, _some(other.shape[1], size, rng)])
    return NearestRecords(
        attributes=names,
        records=size,
        nearer_training=mean((near < far) + 0.5 * (near == far), seed=seed),
        identical_training=proportion(near == 0, seed=seed),
        identical_holdout=proportion(far == 0, seed=seed),
        distance_training=mean(near, seed=seed),
        distance_holdout=mean(far, seed=seed),
    )


def nearest_distances(
    people: npt.NDArray[np.integer], records: npt.NDArray[np.integer]
) -> npt.NDArray[np.int64]:
    """Count the attributes in which each person differs from the nearest record (Hamming distance).

    Parameters
    ----------
    people
        (attributes, people) codes.
    records
        (attributes, records) codes.

    Returns
    -------
    numpy.ndarray
        (people,) numbers from 0 to the number of attributes, of 255 at most.

    Examples
    --------
    >>> nearest_distances(np.array([[1, 9], [2, 9]]), np.array([[1, 1], [2, 3]])).tolist()
    [0, 2]
    """
    nearest = np.full(people.shape[1], len(people), dtype=np.int64)
    for first in range(0, records.shape[1], _BLOCK):
        block = np.ascontiguousarray(records[:, first : first + _BLOCK])
        differs = np.empty(block.shape[1], dtype=np.bool_)
        count = np.empty(block.shape[1], dtype=np.uint8)
        for number in np.flatnonzero(nearest):
            count[:] = 0
            for row, value in zip(block, people[:, number], strict=True):
                np.add(count, np.not_equal(row, value, out=differs), out=count)
            nearest[number] = min(nearest[number], int(count.min()))
    return nearest


def _some(records: int, size: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Choose so many of the records at random; all of them, in their order, where there are no more."""
    return np.arange(records) if records == size else np.sort(rng.permutation(records)[:size])


def _coded(frames: Sequence[pl.DataFrame]) -> list[npt.NDArray[np.integer]]:
    """Number the values of every column, the same in all frames; the narrowest type that holds them."""
    ends = np.cumsum([frame.height for frame in frames])[:-1]
    columns = []
    for name in frames[0].columns:
        # Drawn numbers may be wider than those of the file.
        values = pl.concat([frame.select(name) for frame in frames], how="vertical_relaxed")[name]
        columns.append(values.rank("dense").fill_null(0).to_numpy())
    codes = np.array(columns)
    width = np.min_scalar_type(int(codes.max(initial=0)))
    return np.split(codes.astype(width), ends, axis=1)
