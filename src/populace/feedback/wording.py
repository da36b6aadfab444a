"""What the two answers of a pair are called, wherever a person reads of them.

The columns of the pairs table are `original` and `revision` in every design (`docs/design/feedback.md`), but
only critique-and-revise makes a revision, and only a revision has an author. Two samples of one model are a
first and a second answer; of two models, each answer is its model's.
"""

from __future__ import annotations

import msgspec
import polars as pl

from populace.feedback.pairs import REVISION

__all__ = ["REVISED", "Wording", "wording"]


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """Names of the two answers; as it stands, those of critique-and-revise.

    Examples
    --------
    >>> words = Wording()
    >>> words.prefers, words.always, words.judge
    ('prefers_revision', 'always the revision', 'author')
    """

    first: str = "the first answer"
    second: str = "the revision"
    revised: bool = True
    """Whether the second answer is a revision of the first, in the role of its author."""
    models: tuple[str, str] | None = None
    """The two models, where the answers are of two."""

    @property
    def noun(self) -> str:
        """The second answer in one word, as names of measures have it."""
        return "revision" if self.revised else "second"

    @property
    def judge(self) -> str:
        """Whose verdicts the scores are about: the author's, or those of the personas, none of whom wrote."""
        return "author" if self.revised else "persona"

    @property
    def prefers(self) -> str:
        """The measure of how often the second answer is preferred."""
        return f"prefers_{self.noun}"

    @property
    def always(self) -> str:
        """The arm that always takes the second answer."""
        return f"always the {self.noun}"


REVISED = Wording()
"""Of critique-and-revise."""


def wording(pairs: pl.DataFrame) -> Wording:
    """Read from the pairs table what its answers are; one without `revision_origin` is of revisions.

    Examples
    --------
    >>> two = {"revision_origin": ["answer"], "model": ["a"], "revision_model": ["b"]}
    >>> wording(pl.DataFrame(two)).second, wording(pl.DataFrame(two | {"revision_model": ["a"]})).second
    ('the answer of b', 'the second answer')
    """
    if "revision_origin" not in pairs.columns or pairs.is_empty():
        return REVISED
    if (pairs["revision_origin"] == REVISION).any():
        return REVISED
    names = [pairs[column].unique() for column in ("model", "revision_model") if column in pairs.columns]
    if len(names) == 2 and all(len(each) == 1 for each in names) and names[0][0] != names[1][0]:
        one, other = names[0][0], names[1][0]
        first, second = f"the answer of {one}", f"the answer of {other}"
        return Wording(first=first, second=second, revised=False, models=(one, other))
    return Wording(second="the second answer", revised=False)
