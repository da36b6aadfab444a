"""Critique-and-revise pairs (Direct Principle Feedback, as in PERSONA, arXiv 2407.17387, section 4).

Three stages, each a list of requests built from the results before it:

1. `answers`: the model answers the prompt knowing nobody: the pair's `original`.
2. `critiques`: the model, in the role of the author persona, says what the answer misses.
3. `revisions`: in the same role it writes the answer it would rather have had: the pair's `revision`.

The paper orders revisions to be shorter, so length alone gives the label away; here no length is asked
for, and the audit reports what the length rule would score. Nor is the revision *assumed* to be
preferred: that is judged (`feedback.judging`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import polars as pl

from populace.canonical import content_hash
from populace.feedback.templating import render
from populace.models.records import Completion, GenerateRequest, Message, Result

__all__ = ["Writing", "answer_requests", "assemble", "critique_requests", "revision_requests"]

Lookup = Callable[[str], Result | None]
"""How a finished request's result is found: `journal.get`."""

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
}


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """How pairs are written: the settings that enter every request's key."""

    model: str
    answer_tokens: int = 64
    critique_tokens: int = 48
    temperature: float = 0.0
    seed: int = 0

    def request(self, system: str, user: str, max_tokens: int) -> GenerateRequest:
        """Build one writing request."""
        return GenerateRequest(
            model=self.model,
            messages=(Message("system", system), Message("user", user)),
            max_tokens=max_tokens,
            temperature=self.temperature,
            seed=self.seed,
        )


def answer_requests(prompts: Mapping[str, str], writing: Writing) -> dict[str, GenerateRequest]:
    """Ask for one answer a prompt, from nobody in particular; keyed by `prompt_id`."""
    system = render("answer")
    return {pid: writing.request(system, text, writing.answer_tokens) for pid, text in prompts.items()}


def critique_requests(
    authors: pl.DataFrame,
    prompts: Mapping[str, str],
    profiles: Mapping[str, str],
    lookup: Lookup,
    writing: Writing,
) -> dict[tuple[str, str], GenerateRequest]:
    """Ask each author for a critique of the answer to each of their prompts; keyed by (author, prompt).

    A prompt whose answer failed is left out: its pairs are incomplete, and counted as such.
    """
    answers = answer_requests(prompts, writing)
    requests: dict[tuple[str, str], GenerateRequest] = {}
    for author, prompt in authors.select("author_id", "prompt_id").iter_rows():
        answer = _text(lookup, answers[prompt])
        if answer:
            user = render("critique", {"prompt": prompts[prompt], "answer": answer})
            system = render("persona", {"profile": profiles[author]})
            requests[author, prompt] = writing.request(system, user, writing.critique_tokens)
    return requests


def revision_requests(
    authors: pl.DataFrame,
    prompts: Mapping[str, str],
    profiles: Mapping[str, str],
    lookup: Lookup,
    writing: Writing,
) -> dict[tuple[str, str], GenerateRequest]:
    """Ask each author for the answer they would rather have had; keyed by (author, prompt)."""
    answers = answer_requests(prompts, writing)
    requests: dict[tuple[str, str], GenerateRequest] = {}
    for (author, prompt), request in critique_requests(authors, prompts, profiles, lookup, writing).items():
        critique = _text(lookup, request)
        if critique:
            values = {
                "prompt": prompts[prompt],
                "answer": _text(lookup, answers[prompt]) or "",
                "critique": critique,
            }
            system = render("persona", {"profile": profiles[author]})
            requests[author, prompt] = writing.request(
                system, render("revise", values), writing.answer_tokens
            )
    return requests


def assemble(
    authors: pl.DataFrame,
    prompts: Mapping[str, str],
    profiles: Mapping[str, str],
    lookup: Lookup,
    writing: Writing,
) -> pl.DataFrame:
    """Put finished stages together into the pairs table (see `docs/design/main-job.md`).

    Pairs with a failed, refused or empty stage are left out; `authors.height - pairs.height` counts them.
    """
    answers = answer_requests(prompts, writing)
    critiques = critique_requests(authors, prompts, profiles, lookup, writing)
    rows: list[dict[str, object]] = []
    for (author, prompt), request in revision_requests(authors, prompts, profiles, lookup, writing).items():
        original = _text(lookup, answers[prompt])
        revision = _text(lookup, request)
        if not (original and revision):
            continue
        rows.append(
            {
                "pair_id": content_hash([prompt, author, writing.model, original, revision]),
                "prompt_id": prompt,
                "author_id": author,
                "prompt": prompts[prompt],
                "original": original,
                "critique": _text(lookup, critiques[author, prompt]),
                "revision": revision,
                "original_words": len(original.split()),
                "revision_words": len(revision.split()),
                "original_cut": _cut(lookup, answers[prompt]),
                "revision_cut": _cut(lookup, request),
                "identical": original == revision,
                "model": writing.model,
            }
        )
    return pl.DataFrame(rows, schema=PAIR_SCHEMA)


def _text(lookup: Lookup, request: GenerateRequest) -> str | None:
    result = lookup(request.key)
    if not isinstance(result, Completion) or result.finish == "refusal":
        return None
    return result.text.strip() or None


def _cut(lookup: Lookup, request: GenerateRequest) -> bool:
    """Whether the model was stopped by `max_tokens` and not by itself."""
    result = lookup(request.key)
    return isinstance(result, Completion) and result.finish == "length"
