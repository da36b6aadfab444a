"""People whose truth is known, and models that know a part of it: what `response-prediction` is proved on.

Choices are made by the planted model of `grounded`, which reads in what it is told who is meant. Of replies,
one writes polarity and intensity, or what cannot be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import polars as pl

from populace.bench.grounding.planting import check_planted, planted_model, planted_survey
from populace.bench.responding.rfpn import SIGNED, Replies
from populace.bench.result import Finding, Score
from populace.bench.task import Bench, Counting
from populace.models.records import GenerateRequest
from populace.models.scripted import Scripted
from populace.opinions import NONE, Item, Opinions
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["planted_bench", "planted_model", "planted_replies", "planted_writer", "recovered", "validated"]

_HEADLINE = re.compile(r"Headline (\d+) says")


def planted_replies(seed: int = 0, *, people: int = 80, headlines: int = 60, each: int = 14) -> Replies:
    """Draw people with a mood of their own, headlines with one of theirs, and replies in parts.

    The last quarter of a person's replies is the test part. A headline's words say its number; a person's
    mood can only be learned from the replies.
    """
    rng = stream(seed, "response-prediction.planted")
    mood, news = rng.normal(0, 1.0, people), rng.normal(0, 0.7, headlines)
    answers = np.full((people, headlines), NONE, dtype=np.int16)
    polarity, order = answers.copy(), np.full(answers.shape, -1)
    asked = np.zeros(answers.shape, dtype=bool)
    for person in range(people):
        for place, headline in enumerate(rng.permutation(headlines)[:each]):
            felt = mood[person] + news[headline] + 0.6 * rng.normal()
            raw = int(np.clip(np.rint(abs(felt)), 0, 3))
            sign = 0 if raw == 0 else int(np.sign(felt))
            answers[person, headline], polarity[person, headline] = raw * sign + 3, sign + 1
            order[person, headline], asked[person, headline] = place, place >= each - each // 4
    items = tuple(
        Item(name=f"h{n}", question=f"Headline {n} says something.", options=SIGNED, ordinal=True)
        for n in range(headlines)
    )
    frame = pl.DataFrame({"person_id": [f"user-{n}" for n in range(people)]}).with_columns(weight=pl.lit(1.0))
    return Replies(Opinions(frame, items, answers), polarity, asked, order)


def planted_writer(replies: Replies, right: float, *, seed: int = 0, unread: float = 0.0) -> Scripted:
    """Make a model that writes a person's true reply with probability `right`, else a neutral one.

    It knows the person by the replies it is told, if there are any; a share `unread` it writes as no parser
    takes it.
    """
    opinions = replies.opinions
    names = ("Negative", "Neutral", "Positive")

    def text(request: GenerateRequest) -> str:
        system, asked = request.messages[0].content, request.messages[-1].content
        headline = int(_HEADLINE.findall(asked)[0])
        rng = stream(seed, "response-prediction.writer", int(request.key[:12], 16) % 2**31)
        if rng.random() < unread:
            return "It depends."
        person = _person(replies, system)
        if person is None or rng.random() > right or not opinions.answered[person, headline]:
            return "Polarity: neutral\nIntensity: 0"
        score = int(opinions.answers[person, headline])
        sign = int(replies.polarity[person, headline])
        return f"Polarity: {names[sign]}\nIntensity: {abs(score - 3)}"

    return Scripted(text=text, model=f"writer-{right}-{unread}@{seed}/exact")


def _person(replies: Replies, system: str) -> int | None:
    """Find who gave the replies that a system message lists as the person's own."""
    told = system.partition("What the person responded to other things:")[2].partition("\n\n")[0]
    given = [
        (int(number), SIGNED.index(label))
        for number, label in re.findall(r"- Headline (\d+) says something\. (.+)", told)
    ]
    if not given:
        return None
    codes = replies.opinions.answers
    match = np.ones(len(codes), dtype=bool)
    for headline, code in given:
        match &= codes[:, headline] == code
    return int(np.flatnonzero(match)[0]) if match.any() else None


def planted_bench(
    target: Scripted, *, seed: int = 0, people: int = 60, asked: int = 5, **options: object
) -> Bench:
    """Put a bench together that asks planted people."""
    nothing = pl.DataFrame(schema={"persona_id": pl.String, "prompt_id": pl.String})
    settings = {"known": "3", "recipes": "no join", "routes": "own", "strict": False, "tokens": 600}
    return Bench(
        personas=nothing,
        prompts=nothing,
        target=target.model,
        judge="",
        seed=seed,
        options={"respondents": people, "asked": asked, **settings, **options},
    )


def found_on(
    source: Opinions | Replies, target: Scripted, counting: Counting, *, seed: int = 0, **options: object
) -> tuple[list[Score], list[Finding]]:
    """Play the task with a planted model: scores and findings."""
    from populace.bench.runner import play
    from populace.bench.tasks.response_prediction import ResponsePrediction

    task = ResponsePrediction(source)
    items = play(task, planted_bench(target, seed=seed, **options), {"target": target})  # type: ignore[arg-type]
    return task.score(items, counting), task.audit(items, counting)


def recovered(
    seed: int, *, quality: float = 0.6, counting: Counting | None = None
) -> Iterator[tuple[str, float, Estimate]]:
    """Play once: planted accuracies beside what the task finds.

    The planted accuracy is that over the cells that were drawn: people count alike.
    """
    from populace.bench.responding.planning import planned

    sample = planted_survey(seed, items=30, people=250)
    target = planted_model(sample, quality, seed=seed)
    scores, _ = found_on(sample.opinions, target, counting or Counting(seed=seed), seed=seed)
    found = {(score.measure, score.arm): score.estimate for score in scores if not score.group}
    plan = planned(planted_bench(target, seed=seed), sample.opinions)
    kept = np.array([sample.opinions.place(item.name) for item in plan.opinions.items])

    def mean(table: np.ndarray) -> float:
        cells = sample.accuracy(table)[np.ix_(plan.parts.test, kept)]
        return float(cells[plan.parts.asked].mean())

    yield "accuracy", mean(sample.model(quality, seed=seed)), found["accuracy", "lm, all"]
    agreed = sample.agreement()[np.ix_(plan.parts.test, kept)][plan.parts.asked].mean()
    yield "same again", float(agreed), found["accuracy", "same again, all"]
    average = np.broadcast_to(sample.truth.mean(axis=0), sample.truth.shape)
    yield "nobody", mean(average), found["accuracy", "lm, nobody, 0"]


def validated() -> None:
    """Recover what was planted, and find the cheats.

    Raises
    ------
    AssertionError
        If a planted value lies outside its interval, or a cheat passes the audit that is for it.
    """
    sample, counting = planted_survey(1, items=30, people=250), Counting()
    check_planted(
        recovered(0, counting=Counting(level=0.999)),
        lambda cheat: found_on(sample.opinions, planted_model(sample, 1.0, cheat=cheat), counting)[1],
    )
    replies = planted_replies(1)
    _, findings = found_on(replies, planted_writer(replies, 0.9), counting)
    assert all(finding.passed for finding in findings), findings
    _, findings = found_on(replies, planted_writer(replies, 0.9, unread=0.3), counting)
    assert "unanswered" in [finding.name for finding in findings if not finding.passed], findings
