"""What every function of this room does to its input: check it, code its labels, divide safely."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from populace.errors import DataError

__all__ = [
    "Bools",
    "Floats",
    "Ints",
    "Labels",
    "as_labels",
    "codes",
    "codes_of_clusters",
    "divide",
    "square",
    "vector",
]

Bools: TypeAlias = npt.NDArray[np.bool_]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Labels: TypeAlias = npt.NDArray[Any]


def vector(name: str, values: npt.ArrayLike, length: int | None = None) -> Floats:
    """Return `values` as a flat array of floats (None becomes nan), or raise `DataError`."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` is not numeric ({error})") from error
    _check_shape(name, array, length)
    if np.isinf(array).any():
        raise DataError(f"`{name}` holds an infinite number")
    return array


def divide(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> Floats:
    """Divide elementwise; nan, without a warning, where the denominator is zero."""
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0)


def square(table: npt.ArrayLike) -> Floats:
    """Return tables of counts as floats, shape (..., categories, categories)."""
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim < 2 or counts.shape[-1] != counts.shape[-2]:
        raise DataError(f"a table of counts must be square, not of shape {counts.shape}")
    return counts


def as_labels(name: str, values: Any, length: int | None = None, ndim: int = 1) -> Labels:
    """Return labels (numbers, text, None) as an array of `ndim` dimensions."""
    array = np.asarray(values)
    if array.dtype.kind in "US" and not isinstance(values, np.ndarray):
        # Beside text, numpy would turn a nan into the text "nan".
        array = np.asarray(values, dtype=object)
    _check_shape(name, array, length, ndim)
    return array


def codes(
    *arrays: Labels, categories: Sequence[Any] | None, ordered: bool = False
) -> tuple[list[Ints], list[Any]]:
    """Replace labels by their place among the categories, and a missing label by -1.

    Missing are None, nan and, in arrays of integers, -1 unless `categories` names it as a label.
    Without `categories` the labels found are used, sorted; text has no order of its own, so where
    the order matters (`ordered`) they must be named.
    """
    minus_one = categories is None or -1 not in categories
    present = [~_is_missing(array, minus_one=minus_one) for array in arrays]
    parts = [_distinct(array[where]) for array, where in zip(arrays, present, strict=True)]
    if categories is None:
        categories = _sorted(label for distinct, _ in parts for label in distinct)
        if ordered and any(isinstance(label, str) for label in categories):
            raise DataError("text labels have no order of their own", fix="name them all in `categories`")
        if any(array.dtype.kind == "i" and array.size and array.min() < -1 for array in arrays):
            raise DataError("labels below -1: is -1 missing or a label?", fix="name them all in `categories`")
    index = {label: code for code, label in enumerate(categories)}
    if len(index) != len(categories):
        raise DataError("`categories` names a label twice")
    coded = [np.full(array.shape, -1, dtype=np.int64) for array in arrays]
    for code, where, (distinct, place) in zip(coded, present, parts, strict=True):
        unknown = [label for label in distinct if label not in index]
        if unknown:
            raise DataError(f"label {unknown[0]!r} is not among {list(categories)!r}")
        code[where] = np.array([index[label] for label in distinct], dtype=np.int64)[place]
    return coded, list(categories)


def codes_of_clusters(clusters: npt.ArrayLike | None, keep: Bools) -> tuple[Ints, list[Any]]:
    """Code the clusters of the rows kept; without clusters every row is one of its own.

    Codes follow the sorted labels, so that a result does not depend on the order of the rows. A
    cluster none of whose rows is kept is not there at all.
    """
    if clusters is None:
        rows = np.flatnonzero(keep)
        return np.arange(len(rows)), rows.tolist()
    array = as_labels("clusters", clusters, len(keep))
    if _is_missing(array, minus_one=False).any():
        raise DataError("`clusters` has missing entries", fix="leave those rows out")
    distinct, place = _distinct(array[keep])
    labels = _sorted(distinct)
    index = {label: code for code, label in enumerate(labels)}
    return np.array([index[label] for label in distinct], dtype=np.int64)[place], labels


def _distinct(labels: Labels) -> tuple[list[Any], Ints]:
    """Return the distinct labels of a flat array, and for each entry which of them it is."""
    if labels.dtype.kind not in "biuf":  # a dictionary beats sorting text
        entries = labels.tolist()
        index = {label: code for code, label in enumerate(dict.fromkeys(entries))}
        return list(index), np.array([index[label] for label in entries], dtype=np.int64)
    if labels.dtype.kind in "bi" and labels.size:
        shifted = labels.astype(np.int64)
        low, high = int(shifted.min()), int(shifted.max())
        if high - low <= labels.size:  # counting beats sorting integers
            shifted -= low
            used = np.bincount(shifted) > 0
            distinct = (np.flatnonzero(used) + low).astype(labels.dtype)
            return distinct.tolist(), (np.cumsum(used) - 1)[shifted]
    distinct, place = np.unique(labels, return_inverse=True)
    return distinct.tolist(), place


def _is_missing(array: Labels, *, minus_one: bool) -> Bools:
    if array.dtype.kind == "f":
        return np.isnan(array)
    if array.dtype.kind == "O":
        absent = [label is None or label != label for label in array.ravel().tolist()]  # noqa: PLR0124
        return np.array(absent, dtype=np.bool_).reshape(array.shape)
    if array.dtype.kind == "i" and minus_one:
        return array == -1
    return np.zeros(array.shape, dtype=np.bool_)


def _sorted(labels: Iterable[Any]) -> list[Any]:
    try:
        return sorted(set(labels))
    except TypeError as error:
        raise DataError(f"labels of several kinds ({error})", fix="use one kind of label") from error


def _check_shape(name: str, array: Labels, length: int | None, ndim: int = 1) -> None:
    if array.ndim != ndim:
        raise DataError(f"`{name}` has {array.ndim} dimensions and needs {ndim}")
    if length is not None and len(array) != length:
        raise DataError(f"`{name}` has {len(array)} entries and needs {length}", fix="pass one per row")
