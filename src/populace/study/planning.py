"""`study plan`: what a run would ask, spend and take, before anything is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from populace.feedback.judging import Panel, judge_requests
from populace.feedback.pairs import Writing, answer_requests
from populace.feedback.templating import render
from populace.run import (
    CHARACTERS_PER_TOKEN,
    Journal,
    PlanSummary,
    Stage,
    StageEstimate,
    Throughput,
    summarise,
)
from populace.study.prepare import Prepared

if TYPE_CHECKING:
    from rich.table import Table

    from populace.feedback.judging import Judging
    from populace.models import Provider
    from populace.run import StageSummary

__all__ = ["StudyPlan", "plan"]


class StudyPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The plan of a study: the writer's stages and the judge's."""

    writing: PlanSummary
    judging: PlanSummary

    @property
    def calls(self) -> int:
        """Calls in all, done ones included."""
        return self.writing.total.calls + self.judging.total.calls

    def table(self) -> Table:
        """Return the plan as a table for the terminal."""
        from rich.table import Table

        header, *writing = self.writing.rows()
        judging = self.judging.rows()[1:-1]
        table = Table(
            title=f"writer {self.writing.model}, judge {self.judging.model}",
            caption=f"tokens counted by {self.writing.tokens_by}; texts that depend on answers are estimated",
        )
        for position, name in enumerate(header):
            table.add_column(name, justify="left" if position == 0 else "right")
        for row in (*writing[:-1], *judging):
            table.add_row(*row)
        table.add_section()
        table.add_row(*_total(self.writing, self.judging))
        return table


def plan(
    prepared: Prepared,
    writing: Writing,
    judging: Judging,
    models: tuple[Provider, Provider],
    journal: Journal | None,
) -> StudyPlan:
    """Expand what is known and estimate what depends on answers not yet given."""
    writer, judge = models
    texts, profiles = prepared.prompt_texts, prepared.profiles
    answer = "x" * (writing.answer_tokens * CHARACTERS_PER_TOKEN)
    critique = "x" * (writing.critique_tokens * CHARACTERS_PER_TOKEN)
    pairs = prepared.authors.height

    def expected(*parts: str) -> int:
        """Tokens of `pairs` prompts made of an average persona, an average question and these parts."""
        persona = sum(map(len, profiles.values())) / len(profiles)
        question = sum(map(len, texts.values())) / len(texts)
        return round(pairs * (persona + question + sum(map(len, parts))) / CHARACTERS_PER_TOKEN)

    frame = render("persona", {"profile": ""})
    written = summarise(
        [
            Stage(name="answers", requests=lambda: answer_requests(texts, writing).values()),
            StageEstimate(
                name="critiques",
                calls=pairs,
                prompt_tokens=expected(frame, render("critique", {"prompt": "", "answer": answer})),
                completion_tokens_max=pairs * writing.critique_tokens,
            ),
            StageEstimate(
                name="revisions",
                calls=pairs,
                prompt_tokens=expected(
                    frame, render("revise", {"prompt": "", "answer": answer, "critique": critique})
                ),
                completion_tokens_max=pairs * writing.answer_tokens,
            ),
        ],
        writer,
        journal,
        throughput=_throughput(writer),
    )
    judged = summarise(
        [_judging(prepared, judging, answer)],
        judge,
        journal,
        throughput=_throughput(judge),
    )
    return StudyPlan(writing=written, judging=judged)


def _judging(prepared: Prepared, judging: Judging, answer: str) -> StageEstimate:
    """Size the judging stage on stand-in answers of full length: the real ones are not written yet."""
    texts = prepared.prompt_texts
    seats = [
        Panel(str(row), prompt, texts[prompt], answer, answer + "y", (author, *others))
        for row, ((author, prompt), others) in enumerate(prepared.strangers.items())
    ]
    calls = characters = 0
    for request in judge_requests(seats, prepared.profiles, judging):
        calls += 1
        characters += sum(len(message.content) for message in request.messages)
        characters += sum(map(len, request.options))
    return StageEstimate(
        name="judgements",
        calls=calls,
        prompt_tokens=characters // CHARACTERS_PER_TOKEN,
        completion_tokens_max=calls,
    )


def _throughput(provider: Provider) -> Throughput | None:
    """Speed of a model on this machine; None for a server, whose speed is its own business."""
    speed: tuple[float, float] | None = getattr(provider, "tokens_per_second", None)
    return speed and Throughput(prompt_tokens_per_second=speed[0], completion_tokens_per_second=speed[1])


def _total(writing: PlanSummary, judging: PlanSummary) -> tuple[str, ...]:
    stages: tuple[StageSummary, ...] = (*writing.stages, *judging.stages)
    both = msgspec.structs.replace(writing, stages=stages)
    return both.rows()[-1]
