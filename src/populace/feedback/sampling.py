"""Pairs of answers that were written for nobody: on-policy, and across models.

- *On-policy*: two samples of one model on one prompt. What a persona then prefers can train that very model,
  and no wording gives away which answer is "the rewrite", as it does in critique-and-revise pairs.
- *Cross-model*: the answers of two models, which may differ more than two samples of one.

PERSONA rejected on-policy ranking for poor role play and the homogeneous samples of open models (arXiv
2407.17387). Both can be seen here and need not be assumed: the audit counts identical answers, and judges the
judge.

No persona is shown to the writer, so no answer is anybody's. The two stand in the table as `original` and
`revision`, the first and the second; their `origin` is `answer`, and which of them was drawn first means
nothing. Every row has draws of its own: two personas with one prompt are given different answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np
import polars as pl

from populace.canonical import content_hash
from populace.errors import DataError
from populace.feedback.keys import Keys
from populace.feedback.pairs import ANSWER, PAIR_SCHEMA, Lookup, Writing, placed, written
from populace.feedback.templating import render
from populace.models.records import GenerateRequest, Message

__all__ = ["AnswerPairs"]

_OWN = (
    *("row", "pair_id", "original", "revision"),
    *("original_words", "revision_words", "original_cut", "revision_cut"),
)
_TYPES = {"row": pl.Int64, **{name: PAIR_SCHEMA[name] for name in _OWN[1:]}}
_CHUNK = 20_000
"""Rows held as Python objects while the table is put together."""


class AnswerPairs:
    """The writing stages of pairs that were written for nobody, and the table that comes out.

    Parameters
    ----------
    authors
        Columns `author_id` (the persona for whom the prompt was drawn, who writes nothing), `prompt_id`, and
        `repeat`: different for every row of one prompt. `split` says what the pair is for.
    prompts
        Text of each prompt by `prompt_id`.
    lookup
        Finds the result of a finished request.
    writing
        How the first answer is written, and the second too where there is no `other`.
    other
        How the second answer is written by another model.

    Raises
    ------
    DataError
        If two rows would be given the same answers, or both answers would be one.

    Examples
    --------
    >>> from populace.models.records import Completion
    >>> authors = pl.DataFrame({"author_id": ["ann"], "prompt_id": ["p"]})
    >>> found = {}
    >>> pairs = AnswerPairs(authors, {"p": "Why?"}, found.get, Writing(model="m", temperature=1.0))
    >>> for place, ask in enumerate(pairs.answers()):
    ...     found[ask.key] = Completion(key=ask.key, text=("No.", "Yes.")[place])
    >>> pairs.table().select("original", "revision", "revision_origin").row(0)
    ('No.', 'Yes.', 'answer')
    """

    def __init__(
        self,
        authors: pl.DataFrame,
        prompts: Mapping[str, str],
        lookup: Lookup,
        writing: Writing,
        other: Writing | None = None,
    ) -> None:
        self._authors = placed(authors)
        self._prompts, self._lookup = prompts, lookup
        self._writing, self._other = writing, other
        if self._authors.select("prompt_id", "repeat").is_duplicated().any():
            raise DataError("two pairs would share their answers", column="repeat", fix="number the rows")
        if other is None and writing.temperature == 0:
            raise DataError(
                "two samples at temperature 0 are one answer", column="temperature", fix="give one above 0"
            )
        if other is not None and other.model == writing.model:
            raise DataError(f"{writing.model} is no other model", column="other", fix="name another model")
        self._first, self._second = Keys(authors.height), Keys(authors.height)

    @property
    def height(self) -> int:
        """Pairs."""
        return self._authors.height

    @property
    def calls(self) -> int:
        """Calls of the first model."""
        return self.height * (2 if self._other is None else 1)

    def answers(self) -> Iterator[GenerateRequest]:
        """Ask the first model: two answers a row, or one where another model writes the second."""
        for row, user, repeat in self._rows():
            if self._other is not None:
                yield self._asked(self._first, row, self._writing, user, repeat)
            else:
                yield self._asked(self._first, row, self._writing, user, 2 * repeat)
                yield self._asked(self._second, row, self._writing, user, 2 * repeat + 1)

    def others(self) -> Iterator[GenerateRequest]:
        """Ask the other model for one answer a row; nothing where there is none."""
        if self._other is not None:
            for row, user, repeat in self._rows():
                yield self._asked(self._second, row, self._other, user, repeat)

    def table(self) -> pl.DataFrame:
        """Put the finished stages together into the pairs table; a pair that lacks an answer is left out."""
        if not (self._first.whole and self._second.whole):
            for _ in chain(self.answers(), self.others()):
                pass  # expanded for its keys
        frames, rows = [pl.DataFrame(schema=_TYPES)], []
        for place in range(self._authors.height):
            if row := self._row(place):
                rows.append(row)
            if len(rows) == _CHUNK:
                frames.append(pl.DataFrame(rows, schema=_TYPES, orient="row"))
                rows.clear()
        frames.append(pl.DataFrame(rows, schema=_TYPES, orient="row"))
        return self._complete(pl.concat(frames))

    def _asked(self, keys: Keys, row: int, writing: Writing, user: Message, sample: int) -> GenerateRequest:
        request = writing.request(self._system, user, writing.answer_tokens, sample)
        keys[row] = request.key
        return request

    @property
    def _system(self) -> Message:
        return Message("system", render("answer"))

    def _rows(self) -> Iterator[tuple[int, Message, int]]:
        """Yield place, prompt and repeat of each row, prompt by prompt: what begins alike stands together."""
        names = list(self._prompts)
        told = self._authors["prompt_id"].replace_strict(names, range(len(names)), return_dtype=pl.Int64)
        codes, repeats = told.to_numpy(), self._authors["repeat"].to_numpy()
        last, user = -1, Message("user", "")
        for row in np.lexsort((repeats, codes)).tolist():
            if (code := codes[row]) != last:
                last, user = code, Message("user", self._prompts[names[code]])
            yield row, user, int(repeats[row])

    def _row(self, place: int) -> tuple[object, ...] | None:
        """What a finished pair has of its own; None for one that is not."""
        first, second = self._first[place], self._second[place]
        if first is None or second is None:
            return None
        answers = [answer for key in (first, second) if (answer := written(self._lookup, key))]
        if len(answers) < 2:
            return None
        texts = [answer.text.strip() for answer in answers]
        author_id, prompt_id = self._authors.row(place)[:2]
        models = [self._writing.model] if self._other is None else [self._writing.model, self._other.model]
        pair_id = content_hash([prompt_id, author_id, *models, *texts])
        words = (len(text.split()) for text in texts)
        return place, pair_id, *texts, *words, *(answer.finish == "length" for answer in answers)

    def _complete(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Add what follows from the place of a row and from its texts."""
        given = self._authors[rows["row"]]
        texts = given["prompt_id"].replace_strict(
            list(self._prompts), list(self._prompts.values()), return_dtype=pl.String
        )
        second = self._writing.model if self._other is None else self._other.model
        return (
            rows.hstack(given.select("author_id", "prompt_id", "split"))
            .with_columns(
                texts.alias("prompt"),
                pl.lit(None, dtype=pl.String).alias("critique"),
                (pl.col("original") == pl.col("revision")).alias("identical"),
                pl.lit(self._writing.model).alias("model"),
                pl.lit(second).alias("revision_model"),
                pl.lit(ANSWER).alias("original_origin"),
                pl.lit(ANSWER).alias("revision_origin"),
            )
            .select(*PAIR_SCHEMA)
        )
