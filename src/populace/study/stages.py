"""The stages of a study, each expanded from the answers to those before it, and what comes out.

Whoever asks the models (`populace.run`, its Ray engine, batch files) takes the stages one by one, and asks
for the next when the answers of the last are in the journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, NamedTuple

import msgspec
import polars as pl

from populace.errors import StudyError
from populace.feedback.judging import Judgements, Judging
from populace.feedback.pairs import Lookup, Pairs, Writing
from populace.feedback.sampling import AnswerPairs
from populace.models import Provider
from populace.models.records import Request
from populace.run import Journal
from populace.study.prepare import Prepared

__all__ = ["Part", "Stages", "StudyStage", "pair_stages"]


class Part(NamedTuple):
    """Requests of a stage that are spread over workers in the same way."""

    requests: Callable[[], Iterator[Request]]
    """Expands the requests one at a time, in the same order at every call."""
    calls: int
    """How many there are; a pair whose earlier answer failed makes it fewer."""
    affinity: Literal["key", "prefix"]
    """What keeps requests together: `prefix` where those of one persona begin alike, so that a server
    computes its description once; `key` where all begin alike, and one worker would get them all."""


@dataclass(frozen=True, kw_only=True)
class StudyStage:
    """One stage: requests to one model that need no answer of one another."""

    name: str
    provider: Provider
    parts: tuple[Part, ...]

    @property
    def calls(self) -> int:
        """Count the requests of all parts."""
        return sum(part.calls for part in self.parts)

    def requests(self) -> Iterator[Request]:
        """Expand the requests of all parts, one at a time."""
        return chain.from_iterable(part.requests() for part in self.parts)


class Stages:
    """Iterate over the stages; when the last is answered, `pairs` and `judgements` are the tables.

    Parameters
    ----------
    models
        Writer and judge.
    settings
        How pairs are written and how they are judged.
    journal
        Holds the answers, and is read as the stages are expanded.
    other
        The model that writes the second answers of cross-model pairs.
    """

    def __init__(
        self,
        prepared: Prepared,
        models: tuple[Provider, Provider],
        settings: tuple[Writing, Judging],
        journal: Journal,
        other: Provider | None = None,
    ) -> None:
        self._prepared, self._journal = prepared, journal
        self._writer, self._judge = models
        self._other = other
        writing, self._judging = settings
        self._pairs = pair_stages(prepared, prepared.authors, journal.get, writing, other)

    def __iter__(self) -> Iterator[StudyStage]:
        """Yield each stage; take the next only when the answers of the last can be looked up.

        Raises
        ------
        StudyError
            If no pair was finished, so that there is nothing to judge.
        """
        yield from self._written()
        judged = self._judged
        each = len(self._judging.questions)
        nobody = Part(judged.untold, self.pairs.height * each, "key")
        parts = nobody, Part(judged.told, judged.calls - nobody.calls, "prefix")
        if self._judge.batch_size > 1:
            # Groups are cut from the whole plan, also where one holds the last of nobody's calls.
            parts = (Part(judged.requests, judged.calls, "prefix"),)
        yield StudyStage(name="judgements", provider=self._judge, parts=parts)

    def _written(self) -> Iterator[StudyStage]:
        """Yield the stages that write pairs."""
        pairs, writer, made = self._prepared.authors.height, self._writer, self._pairs
        if isinstance(made, AnswerPairs):
            answers = Part(made.answers, made.calls, "key")
            yield StudyStage(name="answers", provider=writer, parts=(answers,))
            if self._other is not None:
                others = Part(made.others, pairs, "key")
                yield StudyStage(name="others", provider=self._other, parts=(others,))
            return
        answers = Part(made.answers, sum(self._prepared.slots.values()), "key")
        yield StudyStage(name="answers", provider=writer, parts=(answers,))
        critiques = Part(made.critiques, pairs, "prefix")
        yield StudyStage(name="critiques", provider=writer, parts=(critiques,))
        revisions = Part(made.revisions, pairs, "prefix")
        yield StudyStage(name="revisions", provider=writer, parts=(revisions,))

    @cached_property
    def pairs(self) -> pl.DataFrame:
        """The pairs table."""
        pairs = self._pairs.table()
        if pairs.is_empty():
            raise StudyError(
                "no pair was finished: every answer, critique or revision failed or was empty",
                file=self._journal.path,
                fix="see the failures in the journal, mend the model, and run the same command again",
            )
        return pairs

    @property
    def judgements(self) -> pl.DataFrame:
        """The judgements table."""
        return self._judged.table()

    @cached_property
    def _judged(self) -> Judgements:
        seated = self.pairs.join(
            self._prepared.authors, on=["author_id", "prompt_id"], how="left", maintain_order="left"
        )
        return Judgements(seated, self._prepared.profiles, self._journal.get, self._judging)


def pair_stages(
    prepared: Prepared, authors: pl.DataFrame, lookup: Lookup, writing: Writing, other: Provider | None
) -> Pairs | AnswerPairs:
    """Return what writes the pairs of a study, of all of its `authors` or some of them."""
    texts = prepared.prompt_texts
    if prepared.written == "revision":
        return Pairs(authors, texts, prepared.profiles, lookup, writing, prepared.slots)
    second = None if other is None else msgspec.structs.replace(writing, model=other.model)
    return AnswerPairs(authors, texts, lookup, writing, second)
