"""Role-play judging: which of two answers would this person rather be given?

Three ways, which do not share their weaknesses:

- `choice` shows both answers and reads the likelihood of "Answer 1" against "Answer 2". It is asked in
  **both orders**; averaging the two log-odds cancels any constant preference for a position. Where the two
  numbers are unlikely altogether the judge refuses (`feedback.verdicts`); `mass` says how likely they were.
- `likelihood` shows neither: it asks how much likelier each answer becomes when the persona is told,

      s(a) = log p(a | persona, question) - log p(a | question),

  the pointwise mutual information of answer and persona (domain-conditional calibration, Holtzman et al.
  2021, arXiv 2104.08315, eq. 3), and prefers the answer with the larger `s`. It has no order, needs a
  provider that scores given text (`Provider.scores_text`), and works where a small model cannot use
  letters at all.
- `samples` has the judge write its verdict, several times at a temperature above 0 and in **both orders**:
  for providers that give no log-probabilities. Each order's share of verdicts is a probability, and their
  mean is the judge's; `votes` says how many verdicts it rests on. What counts as one: `feedback.verdicts`.

**Nobody** judges too: the same questions without a persona are the baseline that shows what the persona
adds, and the second term of the contrast.

The plan is a generator, one request in memory at a time, in the order that prefix caches reward: nobody
first, prompt by prompt, then persona by persona; the two orders of one pair stand together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from populace.feedback.keys import Keys
from populace.feedback.pairs import REVISION, Lookup
from populace.feedback.reading import Reading, read
from populace.feedback.templating import render
from populace.feedback.verdicts import DECIDED, log_odds, mass_of, told, verdict
from populace.models.records import ChooseRequest, GenerateRequest, Message, Request

__all__ = ["DECIDED", "WAYS", "Judgements", "Judging", "verdict"]

Way = Literal["choice", "likelihood", "samples"]
WAYS: tuple[Way, ...] = ("choice", "likelihood")
"""Ways that read the likelihoods of a judge."""

OPENING = "I prefer Answer"
OPTIONS = (" 1", " 2")

_NOBODY, _AUTHOR, _STRANGER = range(3)
_ROLES = pl.Series(["nobody", "author", "stranger"])
_SLICE = 4096
"""Seats whose texts are held as Python objects at a time."""


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """How pairs are judged: the settings that enter every request's key."""

    model: str
    ways: tuple[Way, ...] = WAYS
    tie_margin: float = 0.01
    """A probability within this of one half is a tie, and stays one."""
    seed: int = 0
    """Of written verdicts; likelihoods are read, not drawn."""
    samples: int = 8
    """Written verdicts in each order, where the judge writes them."""
    temperature: float = 1.0
    """Of written verdicts."""
    tokens: int = 8
    """Most tokens of a written verdict."""

    @property
    def questions(self) -> tuple[Way, ...]:
        """What one judge is asked about one pair, by way: choice takes two calls, one an order."""
        calls = {"choice": 2, "likelihood": 1, "samples": 2 * self.samples}
        return tuple(way for way in self.ways for _ in range(calls[way]))


class Judgements:
    """The judging of a feedback set: its plan, and the table that comes out.

    Parameters
    ----------
    pairs
        Columns `pair_id, prompt_id, prompt, original, revision`, `author_id`, and `strangers`: a list of
        the other personas who judge the pair. Where `revision_origin` is given and says that the second
        answer is no revision, nobody is its author, and who stands under `author_id` judges as a stranger.
    profiles
        Description of each persona by `persona_id`; the plan follows its order.
    lookup
        Finds the result of a finished request: `journal.get`.

    Examples
    --------
    >>> from populace.models.records import Choice
    >>> pairs = pl.DataFrame({"pair_id": ["x"], "prompt_id": ["p"], "prompt": ["Why?"], "original": ["No."],
    ...     "revision": ["Yes."], "author_id": ["ann"], "strangers": [["bob"]]})
    >>> found = {}
    >>> judged = Judgements(pairs, {"ann": "I am Ann.", "bob": "I am Bob."}, found.get, Judging(model="m"))
    >>> for ask in judged.requests():
    ...     revised = ask.options.index("Yes.") if not ask.opening else "No." in ask.messages[1].content[:31]
    ...     likelihoods = (-9.0, -1.0) if revised else (-1.0, -9.0)
    ...     found[ask.key] = Choice(key=ask.key, log_likelihoods=likelihoods, tokens=(1, 1))
    >>> judged.table().select("persona_id", "way", "p", "verdict").row(1)
    ('ann', 'choice', 0.9996646498695336, 'revision')
    """

    def __init__(
        self, pairs: pl.DataFrame, profiles: Mapping[str, str], lookup: Lookup, judging: Judging
    ) -> None:
        self._pairs, self._profiles = pairs, profiles
        self._lookup, self._judging = lookup, judging
        self._names = list(profiles)
        judges = pairs.select(
            pl.int_range(pl.len()).alias("pair"), pl.concat_list("author_id", "strangers").alias("judge")
        ).explode("judge")
        codes = judges["judge"].replace_strict(self._names, range(len(self._names)), return_dtype=pl.Int64)
        pair, height = judges["pair"].to_numpy(), pairs.height
        # A seat is one judge before one pair: seat i is nobody's before pair i, then come the personas'.
        self._pair = np.concatenate([np.arange(height), pair])
        self._persona = np.concatenate([np.full(height, -1), codes.to_numpy()])
        wrote = np.ones(height, dtype=bool)
        if "revision_origin" in pairs.columns:
            wrote = (pairs["revision_origin"] == REVISION).to_numpy()
        role = np.where((np.diff(pair, prepend=-1) > 0) & wrote[pair], _AUTHOR, _STRANGER)
        self._role = np.concatenate([np.full(height, _NOBODY), role])
        self._keys = Keys(self.calls)

    @property
    def calls(self) -> int:
        """Calls that judging takes."""
        return len(self._pair) * len(self._judging.questions)

    def requests(self) -> Iterator[Request]:
        """Expand the plan, in the same order at every call, and keep its keys for `table`."""
        yield from self.untold()
        yield from self.told()

    def untold(self) -> Iterator[Request]:
        """Expand the part of the plan that goes to nobody, the first."""
        return self._kept(0, self._pairs.height)

    def told(self) -> Iterator[Request]:
        """Expand the part that goes to the personas."""
        return self._kept(self._pairs.height, len(self._pair))

    def _kept(self, start: int, end: int) -> Iterator[Request]:
        """Expand the plan from one seat to another."""
        first = start * len(self._judging.questions)
        for place, request in enumerate(self._expand(self._order()[start:end]), start=first):
            self._keys[place] = request.key
            yield request

    def expand(self) -> Iterator[Request]:
        """Expand the plan and keep nothing."""
        return self._expand(self._order())

    def _expand(self, order: np.ndarray) -> Iterator[Request]:
        texts = self._pairs.select("prompt", "original", "revision")
        last, role = None, Message("system", "")
        for start in range(0, len(order), _SLICE):
            seats = order[start : start + _SLICE]
            rows = texts[self._pair[seats]].iter_rows()
            for persona, (prompt, original, revision) in zip(
                self._persona[seats].tolist(), rows, strict=True
            ):
                if persona != last:
                    last, role = persona, self._system(persona)
                yield from self._asked(role, prompt, original, revision)

    def table(self) -> pl.DataFrame:
        """Read finished requests into the judgements table (see `docs/design/main-job.md`)."""
        ways = self._judging.ways
        answers = self._by_way()
        # Pair by pair: nobody, the author, the strangers; and each of them way by way.
        seat = np.repeat(np.argsort(self._pair, kind="stable"), len(ways))
        way = np.tile(np.arange(len(ways)), len(self._pair))
        # The contrast of nobody with nobody is one half by construction: no row.
        kept = (self._persona[seat] >= 0) | (np.array(ways) != "likelihood")[way]
        seat, way = seat[kept], way[kept]
        found = Reading(*(np.stack(part)[way, seat] for part in zip(*answers, strict=True)))
        pairs = self._pairs.select(
            "pair_id", "prompt_id", (pl.col("original") == pl.col("revision")).alias("identical")
        )
        return pl.DataFrame(
            {
                **pairs[self._pair[seat]].to_dict(),
                "persona_id": pl.Series([None, *self._names], dtype=pl.String).gather(
                    self._persona[seat] + 1
                ),
                "role": _ROLES.gather(self._role[seat]),
                "way": pl.Series(ways).gather(way),
                "p_original_first": pl.Series(found.original_first).fill_nan(None),
                "p_revision_first": pl.Series(found.revision_first).fill_nan(None),
                "p": pl.Series(found.p).fill_nan(None),
                "failed": found.failed,
                "votes": found.votes,
                "mass": pl.Series(found.mass).fill_nan(None),
            }
        ).select(
            *("pair_id", "prompt_id", "persona_id", "role", "way"),
            *("p_original_first", "p_revision_first", "p"),
            verdict(self._judging.tie_margin),
            pl.lit(self._judging.model).alias("judge"),
            pl.when(pl.col("votes") >= 0).then("votes").alias("votes"),
            "mass",
        )

    def _by_way(self) -> list[Reading]:
        """What each way found, by seat."""
        answers, lost, offered = self._answers()
        found: list[Reading] = []
        for way in self._judging.ways:
            first = self._judging.questions.index(way)
            columns = slice(first, first + self._judging.questions.count(way))
            theirs, gone, mass = (part[:, columns] for part in (answers, lost, offered))
            found.append(read(way, theirs, gone, self._pair, mass))
        return found

    def _answers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By seat and question: what was answered (nan if nothing readable), whether it failed, the mass."""
        answers, lost = np.full(self.calls, np.nan), np.ones(self.calls, dtype=bool)
        offered = np.full(self.calls, np.nan)
        ways = self._judging.questions
        keys = self._keys if self._keys.whole else (request.key for request in self.expand())
        for place, key in enumerate(keys):
            result, way = self._lookup(key), ways[place % len(ways)]
            if way == "samples":
                answers[place], lost[place] = told(result)
                continue
            answers[place], lost[place] = log_odds(result, labels=way == "choice")
            if way == "choice":
                offered[place] = mass_of(result)
        # From the order of the plan to that of the seats.
        seats = np.argsort(self._order())
        shape = len(seats), -1
        found = (each.reshape(shape)[seats] for each in (answers, lost, offered))
        return next(found), next(found), next(found)

    def _order(self) -> np.ndarray:
        """Seats in the order of the plan: nobody's by prompt, the personas' by persona."""
        height = self._pairs.height
        first = self._pairs.with_row_index().select(pl.col("index").min().over("prompt_id")).to_series()
        theirs = np.argsort(self._persona[height:], kind="stable")
        return np.concatenate([np.argsort(first.to_numpy(), kind="stable"), height + theirs])

    def _system(self, persona: int) -> Message:
        if persona < 0:
            return Message("system", render("nobody"))
        return Message("system", render("persona", {"profile": self._profiles[self._names[persona]]}))

    def _asked(self, role: Message, prompt: str, original: str, revision: str) -> Iterator[Request]:
        """Yield what one judge is asked about one pair."""
        model, seed = self._judging.model, self._judging.seed
        for way in self._judging.ways:
            if way == "likelihood":
                yield ChooseRequest(
                    model=model,
                    messages=(role, Message("user", prompt)),
                    options=(original, revision),
                )
                continue
            both = [
                (role, Message("user", render("judge", {"prompt": prompt, "first": first, "second": second})))
                for first, second in ((original, revision), (revision, original))
            ]
            if way == "choice":
                for messages in both:
                    yield ChooseRequest(model=model, messages=messages, options=OPTIONS, opening=OPENING)
            else:
                # Order by order: repeats of one text stand together.
                for messages in both:
                    for sample in range(self._judging.samples):
                        yield GenerateRequest(
                            model=model,
                            messages=messages,
                            max_tokens=self._judging.tokens,
                            temperature=self._judging.temperature,
                            sample=sample,
                            seed=seed,
                        )
