"""Critique-and-revise pairs (Direct Principle Feedback, as in PERSONA, arXiv 2407.17387, section 4).

Three stages, each expanded from the answers to the one before it:

1. `answers`: the model answers the prompt knowing nobody: the pair's `original`.
2. `critiques`: the model, in the role of the author persona, says what the answer misses.
3. `revisions`: in the same role it writes the answer it would rather have had: the pair's `revision`.

The paper orders revisions to be shorter, so length alone gives the label away; here no length is asked
for, and the audit reports what the length rule would score. Nor is the revision *assumed* to be
preferred: that is judged (`feedback.judging`).

Pairs that were written for nobody (two samples of one model, the answers of two) are `feedback.sampling`'s;
the table is the same (`PAIR_SCHEMA`), and its `origin` columns say what each answer is.

Stages are generators: of 317,200 requests one exists at a time. They go author by author, because a
persona's description at the head of consecutive requests is what prefix caches reward.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec
import polars as pl

from populace.canonical import content_hash
from populace.feedback.keys import Keys
from populace.feedback.templating import render
from populace.models.records import Completion, GenerateRequest, Message, Result

__all__ = ["ANSWER", "PAIR_SCHEMA", "REVISION", "Lookup", "Pairs", "Writing", "placed", "written"]

Lookup = Callable[[str], Result | None]
"""How a finished request's result is found: `journal.get`."""

ANSWER, REVISION = "answer", "revision"
"""What an answer of a pair is: written to the prompt alone, or revised in the role of the author."""

PAIR_SCHEMA = {
    "pair_id": pl.String,
    "prompt_id": pl.String,
    "author_id": pl.String,
    "prompt": pl.String,
    "original": pl.String,
    "critique": pl.String,
    "revision": pl.String,
    "original_words": pl.Int64,
    "revision_words": pl.Int64,
    "original_cut": pl.Boolean,
    "revision_cut": pl.Boolean,
    "identical": pl.Boolean,
    "model": pl.String,
    "split": pl.String,
    "original_origin": pl.String,
    "revision_origin": pl.String,
    "revision_model": pl.String,
}
"""Columns of the pairs table. Where no answer is a revision, `original` and `revision` are just the first and
the second, `author_id` is the persona for whom the prompt was drawn, and `critique` is null."""
_SHARED = ("prompt_id", "prompt", "original", "original_words", "original_cut")
_ROWS = {
    "row": pl.Int64,
    "draft": pl.Int64,
    "pair_id": pl.String,
    "critique": pl.String,
    "revision": pl.String,
    "revision_words": pl.Int64,
    "revision_cut": pl.Boolean,
}
"""What differs from pair to pair; the rest is gathered from the authors and the drafts."""
_CHUNK = 20_000
"""Rows held as Python objects while the table is put together."""


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How pairs are written: the settings that enter every request's key."""

    model: str
    answer_tokens: int = 64
    critique_tokens: int = 48
    temperature: float = 0.0
    seed: int = 0

    def request(self, system: Message, user: Message, max_tokens: int, sample: int = 0) -> GenerateRequest:
        """Build one writing request; `sample` tells independent repeats of it apart."""
        return GenerateRequest(
            model=self.model,
            messages=(system, user),
            max_tokens=max_tokens,
            temperature=self.temperature,
            seed=self.seed,
            sample=sample,
        )


def placed(authors: pl.DataFrame) -> pl.DataFrame:
    """Return `author_id, prompt_id, repeat, split`; 0 and null where the last two are not given.

    Examples
    --------
    >>> placed(pl.DataFrame({"author_id": ["ann"], "prompt_id": ["p"]})).row(0)
    ('ann', 'p', 0, None)
    """
    given = {"repeat": pl.lit(0, dtype=pl.Int64), "split": pl.lit(None, dtype=pl.String)}
    missing = [value.alias(name) for name, value in given.items() if name not in authors.columns]
    return authors.with_columns(missing).select("author_id", "prompt_id", "repeat", "split")


class _Draft(NamedTuple):
    """The answer to one prompt in one of its slots, on which all the authors there comment."""

    place: int
    prompt_id: str
    prompt: str
    text: str
    cut: bool
    critique: Message
    """The request for a comment: the same words to every author."""


class _Task(NamedTuple):
    """One author before one draft."""

    row: int
    author_id: str
    role: Message
    draft: _Draft


class Pairs:
    """The writing stages of a feedback set, and the table that comes out.

    Parameters
    ----------
    authors
        Columns `author_id` and `prompt_id`: who writes about what, author by author. `repeat` says in
        which slot of its prompt a row stands (0 where left out), `split` what the pair is for.
    prompts, profiles
        Text of each prompt by `prompt_id`; description of each author by `persona_id`.
    lookup
        Finds the result of a finished request. A stage reads the answers of the stages before it as it
        is expanded, and leaves out a pair whose earlier answer failed, was refused or is empty.
    slots
        Slots of each prompt, one where it is not named. Each has a first answer of its own, sampled apart.

    Examples
    --------
    >>> authors = pl.DataFrame({"author_id": ["ann"], "prompt_id": ["p"]})
    >>> found = {}
    >>> pairs = Pairs(authors, {"p": "Why?"}, {"ann": "I am Ann."}, found.get, Writing(model="m"))
    >>> for text, stage in (("No.", pairs.answers), ("Rude.", pairs.critiques), ("Sorry.", pairs.revisions)):
    ...     found |= {ask.key: Completion(key=ask.key, text=text) for ask in stage()}
    >>> pairs.table().select("original", "critique", "revision").row(0)
    ('No.', 'Rude.', 'Sorry.')
    """

    def __init__(
        self,
        authors: pl.DataFrame,
        prompts: Mapping[str, str],
        profiles: Mapping[str, str],
        lookup: Lookup,
        writing: Writing,
        slots: Mapping[str, int] | None = None,
    ) -> None:
        self._authors = placed(authors)
        self._slots = slots or {}
        self._prompts, self._profiles = prompts, profiles
        self._lookup, self._writing = lookup, writing
        self._critiques, self._revisions = Keys(authors.height), Keys(authors.height)

    def answers(self) -> Iterator[GenerateRequest]:
        """Ask for one answer a prompt and slot, from nobody in particular."""
        system = Message("system", render("answer"))
        for prompt_id, text in self._prompts.items():
            user = Message("user", text)
            for repeat in range(self._slots.get(prompt_id, 1)):
                yield self._writing.request(system, user, self._writing.answer_tokens, repeat)

    def critiques(self) -> Iterator[GenerateRequest]:
        """Ask each author for a critique of the answer to each of their prompts."""
        for task in self._tasks(self._drafts()):
            request = self._critique(task)
            self._critiques[task.row] = request.key
            yield request

    def revisions(self) -> Iterator[GenerateRequest]:
        """Ask each author for the answer they would rather have had."""
        for task in self._tasks(self._drafts()):
            if critique := self._criticised(task):
                request = self._revision(task, critique)
                self._revisions[task.row] = request.key
                yield request

    def table(self) -> pl.DataFrame:
        """Put the finished stages together into the pairs table (see `docs/design/main-job.md`)."""
        drafts = self._drafts()
        frames, rows = [pl.DataFrame(schema=_ROWS)], []
        for task in self._tasks(drafts):
            if row := self._row(task):
                rows.append(row)
            if len(rows) == _CHUNK:
                frames.append(pl.DataFrame(rows, schema=_ROWS, orient="row"))
                rows.clear()
        frames.append(pl.DataFrame(rows, schema=_ROWS, orient="row"))
        return self._complete(pl.concat(frames), list(drafts.values()))

    def _row(self, task: _Task) -> tuple[object, ...] | None:
        """What a finished pair has of its own; None for one that is not."""
        critique = self._criticised(task)
        revised = critique and self._written(self._revisions[task.row] or self._revision(task, critique).key)
        if not revised:
            return None
        draft, text = task.draft, revised.text.strip()
        pair_id = content_hash([draft.prompt_id, task.author_id, self._writing.model, draft.text, text])
        words, cut = len(text.split()), revised.finish == "length"
        return task.row, draft.place, pair_id, critique, text, words, cut

    def _complete(self, rows: pl.DataFrame, drafts: list[_Draft]) -> pl.DataFrame:
        """Add what pairs share, by reference: one prompt and its answer stand in memory once."""
        shared = pl.DataFrame(
            {
                "prompt_id": [draft.prompt_id for draft in drafts],
                "prompt": [draft.prompt for draft in drafts],
                "original": [draft.text for draft in drafts],
                "original_words": [len(draft.text.split()) for draft in drafts],
                "original_cut": [draft.cut for draft in drafts],
            },
            schema={name: PAIR_SCHEMA[name] for name in _SHARED},
        )
        gathered = rows.hstack(shared[rows["draft"]]).with_columns(
            self._authors["author_id"].gather(rows["row"]),
            self._authors["split"].gather(rows["row"]),
            (pl.col("original") == pl.col("revision")).alias("identical"),
            pl.lit(self._writing.model).alias("model"),
            pl.lit(ANSWER).alias("original_origin"),
            pl.lit(REVISION).alias("revision_origin"),
            pl.lit(self._writing.model).alias("revision_model"),
        )
        return gathered.select(*PAIR_SCHEMA)

    def _drafts(self) -> dict[tuple[str, int], _Draft]:
        """The prompts that were answered, by `prompt_id` and slot, in their order."""
        drafts: dict[tuple[str, int], _Draft] = {}
        places = (
            (prompt_id, repeat)
            for prompt_id in self._prompts
            for repeat in range(self._slots.get(prompt_id, 1))
        )
        for (prompt_id, repeat), request in zip(places, self.answers(), strict=True):
            if answer := self._written(request.key):
                prompt, text = self._prompts[prompt_id], answer.text.strip()
                user = Message("user", render("critique", {"prompt": prompt, "answer": text}))
                cut = answer.finish == "length"
                drafts[prompt_id, repeat] = _Draft(len(drafts), prompt_id, prompt, text, cut, user)
        return drafts

    def _tasks(self, drafts: Mapping[tuple[str, int], _Draft]) -> Iterator[_Task]:
        """Yield each pair whose prompt was answered."""
        author, role = None, Message("system", "")
        rows = self._authors.select("author_id", "prompt_id", "repeat").iter_rows()
        for row, (author_id, prompt_id, repeat) in enumerate(rows):
            if author_id != author:
                author = author_id
                role = Message("system", render("persona", {"profile": self._profiles[author_id]}))
            if draft := drafts.get((prompt_id, repeat)):
                yield _Task(row, author_id, role, draft)

    def _critique(self, task: _Task) -> GenerateRequest:
        return self._writing.request(task.role, task.draft.critique, self._writing.critique_tokens)

    def _revision(self, task: _Task, critique: str) -> GenerateRequest:
        values = {"prompt": task.draft.prompt, "answer": task.draft.text, "critique": critique}
        user = Message("user", render("revise", values))
        return self._writing.request(task.role, user, self._writing.answer_tokens)

    def _criticised(self, task: _Task) -> str | None:
        """The critique of one pair, None where there is none to be had."""
        found = self._written(self._critiques[task.row] or self._critique(task).key)
        return found and found.text.strip()

    def _written(self, key: str) -> Completion | None:
        return written(self._lookup, key)


def written(lookup: Lookup, key: str) -> Completion | None:
    """Find the completion of a request; None where it failed, was refused or is empty."""
    result = lookup(key)
    if not isinstance(result, Completion) or result.finish == "refusal" or not result.text.strip():
        return None
    return result
