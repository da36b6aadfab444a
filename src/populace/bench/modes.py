"""The four modes of PERSONA Bench: what the target is asked in each, and how its answers are judged."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence

import msgspec
import polars as pl

from populace.bench.elicit import TEMPLATES, answer, needs_revision, prefer, questions, verdicts
from populace.bench.scoring import columns
from populace.bench.task import Ask, Bench
from populace.bench.wording import copies_in
from populace.models.records import GenerateRequest, Message, Result

__all__ = ["MODES", "judged", "kept", "request", "summary"]

MODES = ("baseline", "output_only", "chain_of_thought", "demographic_summary")
_THINK = (
    "Think first about what this person wants to know and how they see it. Then begin a new line with "
    "'Answer:' and answer the question there, in a few plain sentences."
)
_THOUGHT = 2
"""Tokens for thinking, as a multiple of those for the answer: they are there besides, so that thinking does
not use up the answer."""
_MARK = r"[*_#> \t]*(?:final )?answer[*_ \t]*:[*_]*"
_LINE = re.compile(rf"^{_MARK}", re.IGNORECASE | re.MULTILINE)
_SENTENCE = re.compile(rf"(?<=[.!?])\s{_MARK}", re.IGNORECASE)


def judged(
    bench: Bench,
    items: pl.DataFrame,
    mode: str,
    asked: Sequence[tuple[str, str]],
    answers: Sequence[str | None],
    base: Sequence[str | None],
) -> Generator[Ask, list[Result | None], pl.DataFrame]:
    """Have a mode's answers judged: by the persona, by nobody, and beside the baseline's.

    Parameters
    ----------
    asked
        Description of the persona and question of each item.
    answers, base
        What the mode and the baseline answered; None where the call failed.

    Returns
    -------
    polars.DataFrame
        The items with `arm`, `answer`, and the verdicts `critic`, `nobody` and `choice`.
    """
    rivals = [None if mode == "baseline" else text for text in answers]
    asks = {
        "critic": [
            needs_revision(bench, who, what, text) for (who, what), text in zip(asked, answers, strict=True)
        ],
        "nobody": [
            needs_revision(bench, None, what, text) for (_, what), text in zip(asked, answers, strict=True)
        ],
        "choice": [
            prefer(bench, who, what, rival, other)
            for (who, what), rival, other in zip(asked, rivals, base, strict=True)
        ],
    }
    frame = items.with_columns(
        pl.lit(mode).alias("arm"),
        pl.Series("answer", answers, dtype=pl.String),
        # A description tells itself: each is its own key.
        copies_in(answers, (who for who, _ in asked), {who: who for who, _ in asked}),
    )
    for name, wanted in asks.items():
        found = yield Ask(stage=f"{name}, {mode}", to="judge", requests=questions(wanted))
        frame = frame.with_columns(columns(name, verdicts(bench, wanted, found)))
    return frame


def summary(bench: Bench, profile: str, prompt: str) -> GenerateRequest:
    """Ask the target what about a persona matters to a question."""
    asked = TEMPLATES.render("summarise", {"profile": profile, "prompt": prompt})
    return GenerateRequest(
        model=bench.target,
        messages=(Message("user", asked),),
        max_tokens=bench.answer_tokens,
        temperature=bench.temperature,
        seed=bench.seed,
    )


def request(
    bench: Bench, mode: str, profile: str, prompt: str, summary: str | None
) -> GenerateRequest | None:
    """Ask the target in a mode; None where the summary that it rests on failed."""
    if mode == "baseline":
        return answer(bench, prompt)
    if mode == "demographic_summary":
        return answer(bench, prompt, profile=summary) if summary else None
    if mode == "chain_of_thought":
        asked = answer(bench, prompt, profile=profile, style=_THINK)
        return msgspec.structs.replace(asked, max_tokens=(1 + _THOUGHT) * bench.answer_tokens)
    return answer(bench, prompt, profile=profile)


def kept(mode: str, text: str | None) -> str | None:
    r"""Keep of a thought-out answer what follows the first line that begins with `Answer:`.

    The mark may begin a sentence where it begins no line. Without one there is no answer: a thought that was
    cut off quotes the description, and is not to be judged.

    Examples
    --------
    >>> kept("chain_of_thought", "She is old. Short, then.\n**Answer:** Yes. The answer: no.")
    'Yes. The answer: no.'
    >>> kept("chain_of_thought", "This person is a woman who likes") is None
    True
    """
    if text is None or mode != "chain_of_thought":
        return text
    mark = _LINE.search(text) or _SENTENCE.search(text)
    if mark is None:
        return None
    said = text[mark.end() :].strip()
    # Of a bold answer the end is left over.
    return (said.removesuffix("**") if said.count("**") % 2 else said).strip() or None
