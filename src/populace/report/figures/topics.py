"""Where questions lie on a map of their words or meanings, a small map a topic.

Two dozen topics cannot be told by colour, nor by shape. So every topic has a map of its own, on which all
questions are pale and its own dark; the eye compares places, and a grey print loses nothing.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from populace import stats
from populace.errors import DataError
from populace.report.figures import parts, theme

__all__ = ["topic_map", "word_vectors"]

_NEIGHBOURS = 5
_WORD = re.compile(r"[^\W\d_]{3,}")
_MOST = 24


def word_vectors(texts: list[str]) -> npt.NDArray[np.float64]:
    """Weigh the words of texts by tf-idf: counts times ln((1 + n) / (1 + texts with it)) + 1, at unit length.

    Words of fewer than three letters, and those of one text alone, are left out.

    Examples
    --------
    >>> vectors = word_vectors(["the tax law", "the tax rate", "the rain"])
    >>> vectors.shape, bool(vectors[0] @ vectors[1] > vectors[0] @ vectors[2])
    ((3, 2), True)
    """
    said = [_WORD.findall(text.lower()) for text in texts]
    spread: dict[str, int] = {}
    for words in said:
        for word in set(words):
            spread[word] = spread.get(word, 0) + 1
    place = {word: n for n, word in enumerate(sorted(word for word, count in spread.items() if count > 1))}
    counts = np.zeros((len(texts), len(place)))
    for row, words in enumerate(said):
        for word in words:
            if word in place:
                counts[row, place[word]] += 1
    rarity = np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0))) + 1
    weighed = counts * rarity
    length = np.linalg.norm(weighed, axis=1, keepdims=True)
    return weighed / np.where(length > 0, length, 1.0)


def topic_map(
    prompts: pl.DataFrame, vectors: npt.ArrayLike | None = None, width: int = 680, *, words: bool = False
) -> Any:
    """Draw every question on the plane of the two directions in which topics differ most, a map a topic.

    It stands for PERSONA's figure of topic clusters (arXiv 2407.17387), whose topics are told by colour. What
    that does not show: how far topics are clusters at all. A line below the title says of how many questions
    the five nearest, in all dimensions, share the topic, and of how many they would by chance.

    Parameters
    ----------
    prompts
        `text` and `topic`; questions without a topic are left out.
    vectors
        Of the texts, shape (prompts, dimensions), such as an embedding's; None takes the packaged MiniLM
        where it is installed, else `word_vectors`.
    width
        Of the whole figure, in pixels.
    words
        Whether to take `word_vectors` in any case.

    Raises
    ------
    DataError
        If fewer than two topics are named, or `vectors` are not one a prompt.

    Examples
    --------
    >>> from populace.prompts import load
    >>> chart = topic_map(load("builtin").head(60), words=True)
    >>> chart.to_dict()["title"]["text"]
    ['Questions by topic']
    """
    import altair as alt

    table = prompts.select("text", "topic", row=pl.int_range(pl.len())).drop_nulls("topic")
    if table["topic"].n_unique() < 2:
        raise DataError("a map of topics needs two topics", column="topic")
    if vectors is None:
        space, how = _space(table["text"].to_list(), words)
    else:
        given = np.asarray(vectors, dtype=np.float64)
        if given.ndim != 2 or len(given) != prompts.height:
            raise DataError(f"{prompts.height:,} prompts have vectors of shape {given.shape}")
        space, how = given[table["row"].to_numpy()], "vectors given"
    place = _plane(space, table["topic"].to_numpy())
    table = table.with_columns(x=pl.Series(place[:, 0]), y=pl.Series(place[:, 1]))
    topics = (
        table["topic"].value_counts().sort(["count", "topic"], descending=[True, False])["topic"].to_list()
    )
    columns = max(2, width // 112)
    panel = (width - 12 * columns) // columns
    tallest = max(len(_head(topic, panel)) for topic in topics[:_MOST])
    panels = [_panel(table, topic, panel, tallest) for topic in topics[:_MOST]]
    lines = [_neighbours(space, table["topic"].to_numpy())]
    lines.append(
        f"{table.height:,} questions; place by {how}, the two directions in which topics differ most"
    )
    if len(topics) > _MOST:
        lines.append(f"The {_MOST} largest of {len(topics)} topics")
    return parts.titled(alt.concat(*panels, columns=columns, spacing=10), "Questions by topic", lines, width)


def _space(texts: list[str], words: bool) -> tuple[npt.NDArray[np.float64], str]:
    if not words:
        from populace.authoring import embedding

        if embedding.available():
            return embedding.embed(texts), "meaning (MiniLM)"
    return word_vectors(texts), "words (tf-idf)"


def _plane(space: npt.NDArray[np.float64], topics: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Project on the first two directions of the means of topics: spread within topics stays small."""
    labels, code = np.unique(topics, return_inverse=True)
    means = np.stack([space[code == n].mean(axis=0) for n in range(len(labels))])
    _, _, directions = np.linalg.svd(means - means.mean(axis=0), full_matrices=False)
    found = (space - space.mean(axis=0)) @ directions[:2].T
    if found.shape[1] < 2:
        found = np.pad(found, ((0, 0), (0, 1)))
    # A direction has no sign of its own: the longest arm points right, and up.
    signs = np.sign(found[np.abs(found).argmax(axis=0), [0, 1]])
    return found * np.where(signs == 0, 1.0, signs)


def _neighbours(space: npt.NDArray[np.float64], topics: npt.NDArray[Any]) -> str:
    """Say how many of the nearest questions share the topic, and how many would by chance."""
    length = np.linalg.norm(space, axis=1, keepdims=True)
    alike = (space / np.where(length > 0, length, 1.0)) @ (space / np.where(length > 0, length, 1.0)).T
    np.fill_diagonal(alike, -np.inf)
    nearest = np.argsort(-alike, axis=1, kind="stable")[:, : min(_NEIGHBOURS, len(topics) - 1)]
    shares = (topics[nearest] == topics[:, None]).mean(axis=1)
    found = stats.mean(shares, topics, draws=1000)
    counts = np.unique(topics, return_counts=True)[1]
    chance = float((counts * (counts - 1)).sum() / (len(topics) * (len(topics) - 1)))
    ends = f"{100 * found.low:.0f} to {100 * found.high:.0f} %, interval over topics"
    return (
        f"Of the {nearest.shape[1]} nearest questions {100 * found.value:.0f} % share the topic ({ends}); "
        f"by chance {100 * chance:.1f} %"
    )


def _head(topic: str, width: int) -> list[str]:
    return textwrap.wrap(topic, max(10, width // 6), break_on_hyphens=False)


def _panel(table: pl.DataFrame, topic: str, width: int, lines: int) -> Any:
    import altair as alt

    # The same frame in every panel; only what is dark differs.
    ends = [(float(table[name].min() or 0.0), float(table[name].max() or 0.0)) for name in ("x", "y")]  # type: ignore[arg-type]
    x, y = (
        alt.X("x:Q", axis=None, scale=alt.Scale(domain=list(ends[0]), nice=False, padding=3)),
        alt.Y("y:Q", axis=None, scale=alt.Scale(domain=list(ends[1]), nice=False, padding=3)),
    )
    rest, own = (
        table.filter(keep).select("x", "y") for keep in (pl.col("topic") != topic, pl.col("topic") == topic)
    )
    head = _head(topic, width)
    title = alt.TitleParams(text=head + [""] * (lines - len(head)), fontSize=11, offset=2)
    return alt.layer(
        alt.Chart(rest).mark_circle(size=5, color=theme.SEQUENCE["not graded"], opacity=1).encode(x=x, y=y),
        alt.Chart(own).mark_circle(size=24, color=theme.SEQUENCE["divisive"], opacity=1).encode(x=x, y=y),
        view=alt.ViewConfig(stroke=theme.GRID),
    ).properties(width=width, height=round(0.8 * width), title=title)
