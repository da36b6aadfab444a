"""Similarity to reference texts, by embeddings that the caller makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.traits.scorer import FunctionScorer

__all__ = ["similarity"]


def similarity(
    references: Sequence[str],
    embed: Callable[[Sequence[str]], npt.ArrayLike],
    *,
    name: str = "similarity",
    to: Literal["nearest", "mean"] = "nearest",
) -> FunctionScorer:
    """Score how like some texts are to references: the cosine of their embeddings.

    Parameters
    ----------
    references
        Texts that show what is wanted, at least one; embedded once, at the first use.
    embed
        Gives embeddings, shape (texts, dimensions), such as `populace.authoring.embedding.embed` (English).
    to
        The `nearest` reference, or the `mean` over all of them.

    Raises
    ------
    DataError
        If there is no reference, or an embedding is not finite or 0.

    Examples
    --------
    >>> def letters(texts):
    ...     return [[text.count("a"), text.count("b")] for text in texts]
    >>> similarity(["aa"], letters).score(["a", "ab", "b"]).round(3).tolist()
    [1.0, 0.707, 0.0]
    """
    if isinstance(references, str) or not len(references):
        raise DataError("similarity needs texts to compare with", fix="give a list of references")
    kept: list[np.ndarray] = []

    def measure(texts: list[str], prompts: list[str] | None) -> np.ndarray:
        if not kept:
            kept.append(_unit(embed(list(references)), len(references), name))
        cosines = _unit(embed(texts), len(texts), name) @ kept[0].T
        return np.clip(cosines.max(axis=1) if to == "nearest" else cosines.mean(axis=1), -1.0, 1.0)

    return FunctionScorer(name, measure, -1.0, 1.0, "more like the references")


def _unit(vectors: npt.ArrayLike, count: int, name: str) -> np.ndarray:
    """Bring embeddings to unit length."""
    found = np.asarray(vectors, dtype=np.float64)
    if found.ndim != 2 or len(found) != count:
        raise DataError(f"embeddings of {count} texts have the shape {found.shape}", column=name)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    bad = ~np.isfinite(lengths[:, 0]) | (lengths[:, 0] == 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0]) + 1
        raise DataError("an embedding is 0 or not finite", row=row, column=name)
    return found / lengths
