"""What respondents answered, as rows of sentences: the gold of tasks that ask whose an answer is.

Pairs of respondents who gave the same answer are no test: here they are counted, and `comparison` leaves them
out. Answers that an attribute tells (party, ideology) are left out, or the description would hold the answer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.items import Item
from populace.opinions.table import NONE, Opinions
from populace.streams import stream

__all__ = ["GoldRows", "gold_rows"]


class GoldRows(NamedTuple):
    """Answers of respondents, and how many pairs of them differ."""

    rows: pl.DataFrame
    """`person_id`, attributes, `question`, `answer`: a row an answer."""
    people: int
    questions: int
    differ: int
    """Pairs of respondents with different answers to the same question."""
    same: int
    """Pairs with the same answer: no test."""

    @property
    def told(self) -> str:
        """Say what there is."""
        pairs = self.differ + self.same
        return (
            f"{self.rows.height:,} answers of {self.people:,} people to {self.questions:,} questions; of "
            f"{pairs:,} pairs of people who answered the same question {self.differ:,} differ, and "
            f"{self.same:,} with the same answer are no test"
        )


def gold_rows(
    opinions: Opinions,
    *,
    people: int | None = 200,
    questions: int | None = None,
    repeated: bool = False,
    seed: int = 0,
) -> GoldRows:
    """Write out what respondents answered.

    Parameters
    ----------
    opinions
        What people answered; its items with a question are used.
    people
        Respondents to draw, each as likely, of those of whom an attribute is known and who answered; None for
        all. Pairs grow with the square.
    questions
        Questions to draw; None for all.
    repeated
        Take only answers that the person gave at both interviews.
    seed
        Of the draws.

    Raises
    ------
    DataError
        If no attribute of the people is known, nobody answered a question in words, fewer people or questions
        are there than wanted, or all answered alike.

    Examples
    --------
    >>> items = (Item(name="grass", question="Legal?", options=("Yes", "No")),)
    >>> people = pl.DataFrame({"person_id": ["a", "b", "c"], "sex": ["Male", "Female", "Male"]})
    >>> people = people.with_columns(weight=pl.lit(1.0))
    >>> found = gold_rows(Opinions(people, items, np.array([[0], [1], [1]])), people=None)
    >>> found.rows.rows()[0], found.differ, found.same
    (('a', 'Male', 'Legal?', 'Yes.'), 2, 1)
    """
    codes, places = _told(opinions, repeated=repeated)
    attributes = _attributes(opinions.people)
    known = opinions.people.select(pl.any_horizontal(pl.col(attributes).is_not_null())).to_series().to_numpy()
    able = np.flatnonzero(known & (codes[:, places] != NONE).any(axis=1))
    who = _drawn(able, people, "people", stream(seed, "opinions.gold.people"))
    asked = [place for place in places if (codes[who, place] != NONE).any()]
    asked = _drawn(np.array(asked, dtype=np.int64), questions, "questions", stream(seed, "opinions.gold"))
    table = codes[np.ix_(who, asked)]
    differ, same = _pairs(table)
    if not differ:
        raise DataError("no two people answered a question differently", fix="take more people or questions")
    person, item = np.nonzero(table != NONE)
    chosen = [opinions.items[place] for place in asked]
    rows = (
        opinions.people[who]
        .select("person_id", *attributes)[person]
        .with_columns(
            pl.Series("question", [chosen[column].question for column in item], dtype=pl.String),
            pl.Series(
                "answer", [sentence(chosen[c], table[r, c]) for r, c in zip(person, item, strict=True)]
            ),
        )
    )
    return GoldRows(rows, len(np.unique(person)), len(np.unique(item)), differ, same)


def sentence(item: Item, code: int) -> str:
    """Write an option as what a person says.

    Examples
    --------
    >>> item = Item(name="x", question="?", options=("too little", "Yes", "I'm not sure."))
    >>> [sentence(item, code) for code in range(3)]
    ['Too little.', 'Yes.', "I'm not sure."]
    """
    option = item.options[code].strip()
    option = option[:1].upper() + option[1:]
    return option if option.endswith((".", "!", "?", "。")) else f"{option}."


def _told(opinions: Opinions, *, repeated: bool) -> tuple[np.ndarray, list[int]]:
    """Give the answers that count, shape (N, M), and the items that have a question and tell no attribute."""
    codes = opinions.answers
    if repeated:
        if opinions.retest is None:
            raise DataError("nobody was asked twice in this survey", fix="leave out `repeated`")
        codes = np.where(codes == opinions.retest, codes, NONE)
    places = [
        place
        for place, item in enumerate(opinions.items)
        if item.question and not set(item.same_as) & set(opinions.people.columns)
    ]
    if not places:
        raise DataError("no item has a question", fix="use a codebook with items")
    return codes, places


def _attributes(people: pl.DataFrame) -> list[str]:
    names = [name for name in people.columns if name not in ("person_id", "weight")]
    if not names:
        raise DataError(
            "nothing is known of these people but their answers", fix="use a survey with attributes of people"
        )
    return names


def _drawn(those: np.ndarray, count: int | None, what: str, rng: np.random.Generator) -> np.ndarray:
    """Draw some, in the order in which they stand."""
    if not those.size or (count is not None and those.size < count):
        raise DataError(
            f"{count or 'some'} {what} are wanted, and {those.size} can be used", fix="ask for fewer"
        )
    return those if count is None else np.sort(rng.choice(those, count, replace=False))


def _pairs(table: np.ndarray) -> tuple[int, int]:
    """Count pairs of people who answered the same question: with different answers, and with the same."""
    differ = same = 0
    for column in table.T:
        counts = np.unique(column[column != NONE], return_counts=True)[1].astype(np.int64)
        alike = int((counts * (counts - 1) // 2).sum())
        everybody = int(counts.sum())
        same += alike
        differ += everybody * (everybody - 1) // 2 - alike
    return differ, same
