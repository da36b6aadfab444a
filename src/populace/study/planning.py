"""`study plan`: what a run would ask, spend and take, before anything is spent.

Calls follow from the design by arithmetic. Tokens are measured on real requests: all of a small study, a
seeded sample of whole personas of a large one, with a word in place of each answer that is not written yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import polars as pl

from populace.feedback.judging import Judgements
from populace.feedback.pairs import Writing
from populace.feedback.sampling import AnswerPairs
from populace.feedback.templating import render
from populace.models.records import Completion, Request
from populace.run import (
    Journal,
    PlanSummary,
    Sample,
    Stage,
    StageEstimate,
    Throughput,
    note_estimates,
    summarise,
)
from populace.run.summary import HEADER, cells, total
from populace.study.prepare import Prepared
from populace.study.stages import pair_stages

if TYPE_CHECKING:
    from rich.table import Table

    from populace.feedback.judging import Judging
    from populace.models import Provider

__all__ = ["StudyPlan", "keep_estimates", "plan"]

_PERSONAS, _EACH = 64, 32
"""Personas of a sample, and the most pairs of one."""
_NOT_YET = ("A", "B")
"""Stand for two answers that are not written yet; their tokens are counted apart."""


class StudyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a study: the writer's stages and the judge's, and those of another writer between them."""

    writing: PlanSummary
    judging: PlanSummary
    judged: str
    """How the judge judges."""
    design: str
    """Who writes about what, and who judges it."""
    other: PlanSummary | None = None
    """Of the second model of cross-model pairs."""

    @property
    def summaries(self) -> tuple[PlanSummary, ...]:
        """The plans of the models, in the order in which they are asked."""
        return tuple(each for each in (self.writing, self.other, self.judging) if each)

    @property
    def calls(self) -> int:
        """Calls in all, done ones included."""
        return sum(each.total.calls for each in self.summaries)

    def table(self) -> Table:
        """Return the plan as a table for the terminal."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        stages = [stage for each in self.summaries for stage in each.stages]
        other = f", other writer {self.other.model}" if self.other else ""
        # As text: in markup, what stands in brackets would be a style.
        table = Table(
            title=Text(f"writer {self.writing.model}{other}, judge {self.judging.model}"),
            title_justify="left",
            box=box.SIMPLE_HEAD,
            padding=(0, 1, 0, 0),
            caption=Text("\n".join(self.notes())),
            caption_justify="left",
        )
        for position, name in enumerate(HEADER):
            table.add_column(name, justify="left" if position == 0 else "right")
        for stage in stages:
            table.add_row(*cells(stage))
        table.add_section()
        table.add_row(*cells(total(stages)))
        return table

    def notes(self) -> list[str]:
        """Say what the figures rest on: the design, prices and their source, how tokens were counted."""
        found = [self.design, f"judged by {self.judged}"]
        for summary in {each.model: each for each in self.summaries}.values():
            unknown = "unknown: give it with the model (price = {...}), or install populace[prices]"
            found.append(f"price of {summary.model}: {summary.price or unknown}")
        ways = dict.fromkeys(each.tokens_by for each in self.summaries)
        found.append(f"tokens by {' and '.join(ways)}, with what a chat template adds")
        stages = [stage for each in self.summaries for stage in each.stages]
        sampled = [f"{s.name} {s.measured:,} of {s.left:,}" for s in stages if s.measured < s.left]
        if failed := sum(stage.failed for stage in stages):
            found.append(f"{failed:,} calls failed by their own fault: asked again only with --retry-errors")
        if sampled:
            found.append(f"tokens measured on a sample: {', '.join(sampled)}")
        found.append(
            "low: shared beginnings cached, nothing written; high: nothing cached, all that may be written"
        )
        return found


def plan(
    prepared: Prepared,
    writing: Writing,
    judging: Judging,
    models: tuple[Provider, Provider],
    journal: Journal | None,
    other: Provider | None = None,
) -> StudyPlan:
    """Expand what is known and estimate what depends on answers not yet given."""
    writer, judge = models
    some = _Some(prepared, writing, judging, other)
    written = summarise(some.written(), writer, journal, throughput=_throughput(writer))
    second = None
    if other is not None:
        second = summarise(some.others(), other, journal, throughput=_throughput(other))
    judged = summarise(
        [StageEstimate(name="judgements", parts=some.judging())],
        judge,
        journal,
        throughput=_throughput(judge),
    )
    ways = " and ".join(judging.ways)
    if "likelihood" not in judging.ways and not judge.scores_text:
        ways += f" alone: {judge.model} cannot score a given text, as likelihood needs"
    return StudyPlan(writing=written, judging=judged, judged=ways, other=second, design=_design(prepared))


def _design(prepared: Prepared) -> str:
    """Say how many personas, prompts and pairs there are, and who judges each."""
    prompts, slots = prepared.prompts.height, sum(prepared.slots.values())
    seats = prepared.authors["strangers"].list.len()
    others = int(seats.max() or 0)  # pyright: ignore[reportArgumentType]
    stand = f" in {slots:,} slots" if slots > prompts else ""
    if prepared.written != "revision":
        judges = f"{others + 1} personas"
    else:
        judges = "its author" + (f" and {others} stranger{'s' * (others > 1)}" if others else "")
    return (
        f"{len(prepared.profiles):,} personas, {prompts:,} prompts{stand}, "
        f"{prepared.authors.height:,} pairs, each judged by {judges}, and by nobody"
    )


def keep_estimates(study_plan: StudyPlan, journal: Journal) -> None:
    """Keep what a run is expected to take, for its manifest; to be called before the first stage."""
    for summary in study_plan.summaries:
        note_estimates(journal, summary)


class _Some:
    """Requests of a seeded sample of personas; all requests, where they are few."""

    def __init__(
        self, prepared: Prepared, writing: Writing, judging: Judging, other: Provider | None
    ) -> None:
        self._prepared, self._writing, self._judging = prepared, writing, judging
        people = prepared.authors["author_id"].unique(maintain_order=True)
        # Any fixed seed will do: what is drawn here reaches no request.
        drawn = np.random.default_rng(0).permutation(people.len())[:_PERSONAS]
        self._people = people[np.sort(drawn)].to_list()
        some = self._block(prepared.authors, "author_id")
        self._pairs = pair_stages(prepared, some, _not_yet, writing, other)

    def written(self) -> list[Stage | StageEstimate]:
        """Return the stages of the writer."""
        each, pairs, writing = self._pairs, self._prepared.authors.height, self._writing
        if isinstance(each, AnswerPairs):
            # All that is asked is known, but 634,400 requests are expanded only once, when they are asked.
            calls = pairs * each.calls // max(each.height, 1)
            return [StageEstimate(name="answers", parts=(Sample(calls=calls, requests=each.answers),))]
        # The critique is asked about the answer; the revision, about both.
        critiques = Sample(calls=pairs, requests=each.critiques, written=writing.answer_tokens)
        both = writing.answer_tokens + writing.critique_tokens
        revisions = Sample(calls=pairs, requests=each.revisions, written=both)
        return [
            Stage(name="answers", requests=each.answers),
            StageEstimate(name="critiques", parts=(critiques,)),
            StageEstimate(name="revisions", parts=(revisions,)),
        ]

    def others(self) -> list[Stage | StageEstimate]:
        """Return the stage of the second model of cross-model pairs."""
        assert isinstance(self._pairs, AnswerPairs)
        sample = Sample(calls=self._prepared.authors.height, requests=self._pairs.others)
        return [StageEstimate(name="others", parts=(sample,))]

    def judging(self) -> tuple[Sample, Sample]:
        """What judging takes: nobody's questions about every pair, and those put to the personas."""
        pairs = self._prepared.authors.height
        seats = pairs + int(self._prepared.authors["strangers"].list.len().sum())
        asked = len(self._judging.questions)
        # Choosing shows both answers; scoring reads both.
        written = 2 * self._writing.answer_tokens
        return (
            Sample(calls=pairs * asked, requests=lambda: self._asked(nobody=True), written=written),
            Sample(calls=seats * asked, requests=lambda: self._asked(nobody=False), written=written),
        )

    def _asked(self, *, nobody: bool) -> Iterator[Request]:
        """Questions to these personas, or those to nobody about the pairs they wrote."""
        authors = self._prepared.authors
        seats = authors.select("prompt_id", pl.concat_list("author_id", "strangers").alias("author_id"))
        rows = authors.drop("strangers") if nobody else seats.explode("author_id")
        texts = self._prepared.prompts.select("prompt_id", pl.col("text").alias("prompt"))
        pairs = (
            self._block(rows, "author_id")
            .join(texts, on="prompt_id", maintain_order="left")
            .with_columns(
                pl.lit("").alias("pair_id"),
                pl.lit(_NOT_YET[0]).alias("original"),
                pl.lit(_NOT_YET[1]).alias("revision"),
                pl.lit([], dtype=pl.List(pl.String)).alias("strangers"),
            )
        )
        untold = render("nobody")
        for request in Judgements(pairs, self._prepared.profiles, _not_yet, self._judging).expand():
            if (request.messages[0].content == untold) == nobody:
                yield request

    def _block(self, rows: pl.DataFrame, column: str) -> pl.DataFrame:
        """Take the first rows of each of these personas; all rows, where they are few."""
        if rows.height <= _PERSONAS * _EACH:
            return rows
        kept = rows.filter(pl.col(column).is_in(self._people))
        return kept.filter(pl.int_range(pl.len()).over(column) < _EACH)


def _not_yet(key: str) -> Completion:
    return Completion(key=key, text=_NOT_YET[0])


def _throughput(provider: Provider) -> Throughput | None:
    """Speed of a model on this machine; None for a server, whose speed is its own business."""
    speed: tuple[float, float] | None = getattr(provider, "tokens_per_second", None)
    return speed and Throughput(prompt_tokens_per_second=speed[0], completion_tokens_per_second=speed[1])
