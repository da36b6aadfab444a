"""Role-play judging: which of two answers would this person rather be given?

Two ways, which do not share their weaknesses:

- `choice` shows both answers and reads the likelihood of "Answer 1" against "Answer 2". It is asked in
  **both orders**; averaging the two log-odds cancels any constant preference for a position.
- `likelihood` shows neither: it asks how much likelier each answer becomes when the persona is told,

      s(a) = log p(a | persona, question) - log p(a | question),

  the pointwise mutual information of answer and persona (domain-conditional calibration, Holtzman et al.
  2021, arXiv 2104.08315, eq. 3), and prefers the answer with the larger `s`. It has no order, needs a
  provider that scores given text (`Provider.scores_text`), and works where a small model cannot use
  letters at all.

**Nobody** judges too: the same questions without a persona are the baseline that shows what the persona
adds, and the second term of the contrast.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec
import polars as pl

from populace.feedback.templating import render
from populace.models.records import Choice, ChooseRequest, Message, Result

__all__ = ["DECIDED", "WAYS", "Judging", "Panel", "judge_requests", "judgements", "verdict"]

Way = Literal["choice", "likelihood"]
WAYS: tuple[Way, ...] = ("choice", "likelihood")

DECIDED = ("revision", "original")
"""Verdicts that prefer one of the two answers."""

OPENING = "I prefer Answer"
OPTIONS = (" 1", " 2")

JUDGEMENT_SCHEMA = {
    "pair_id": pl.String,
    "prompt_id": pl.String,
    "persona_id": pl.String,
    "role": pl.String,
    "way": pl.String,
    "p_original_first": pl.Float64,
    "p_revision_first": pl.Float64,
    "p": pl.Float64,
    "verdict": pl.String,
    "judge": pl.String,
}


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """How pairs are judged: the settings that enter every request's key."""

    model: str
    ways: tuple[Way, ...] = WAYS
    tie_margin: float = 0.01
    """A probability within this of one half is a tie, and stays one."""
    seed: int = 0


class Panel(msgspec.Struct, frozen=True):
    """One pair with the people who judge it: the author first, then the strangers."""

    pair_id: str
    prompt_id: str
    prompt: str
    original: str
    revision: str
    judges: tuple[str, ...]


def judge_requests(
    panels: Sequence[Panel], profiles: Mapping[str, str], judging: Judging
) -> Iterator[ChooseRequest]:
    """Expand the judging plan lazily: nobody first, then persona by persona, both orders adjacent.

    Persona-major order is what prefix caches reward: each persona's description is computed once.
    """
    for panel in panels:
        yield from _questions(panel, None, profiles, judging)
    docket: dict[str, list[Panel]] = {persona: [] for persona in profiles}
    for panel in panels:
        for persona in panel.judges:
            docket[persona].append(panel)
    for persona, mine in docket.items():
        for panel in mine:
            yield from _questions(panel, persona, profiles, judging)


def judgements(
    panels: Sequence[Panel],
    profiles: Mapping[str, str],
    lookup: Callable[[str], Result | None],
    judging: Judging,
) -> pl.DataFrame:
    """Read finished requests into the judgements table (see `docs/design/main-job.md`)."""
    rows: list[dict[str, object]] = []
    for panel in panels:
        nobody = _answers(panel, None, profiles, lookup, judging)
        for position, persona in enumerate((None, *panel.judges)):
            answers = nobody if persona is None else _answers(panel, persona, profiles, lookup, judging)
            role = ("nobody", "author")[position] if position < 2 else "stranger"
            for way in judging.ways:
                if way == "likelihood" and persona is None:
                    continue  # the contrast of nobody with nobody is one half by construction
                orders = _choice_orders(answers) if way == "choice" else _contrast_orders(answers, nobody)
                used = answers[way] + (nobody[way] if way == "likelihood" else [])
                rows.append(_row(panel, persona, role, way, orders, judging, failed=None in used))
    return pl.DataFrame(rows, schema=JUDGEMENT_SCHEMA)


def verdict(p: float | None, tie_margin: float, *, identical: bool = False, failed: bool = False) -> str:
    """Name the outcome of one judgement.

    Examples
    --------
    >>> verdict(0.8, 0.01), verdict(0.2, 0.01), verdict(0.505, 0.01), verdict(None, 0.01)
    ('revision', 'original', 'tie', 'refused')
    """
    if p is None:
        return "failed" if failed else "refused"
    if identical or abs(p - 0.5) <= tie_margin:
        return "tie"
    return "revision" if p > 0.5 else "original"


def _questions(
    panel: Panel, persona: str | None, profiles: Mapping[str, str], judging: Judging
) -> Iterator[ChooseRequest]:
    system = render("nobody") if persona is None else render("persona", {"profile": profiles[persona]})
    for way in judging.ways:
        if way == "choice":
            for first, second in ((panel.original, panel.revision), (panel.revision, panel.original)):
                user = render("judge", {"prompt": panel.prompt, "first": first, "second": second})
                yield ChooseRequest(
                    model=judging.model,
                    messages=(Message("system", system), Message("user", user)),
                    options=OPTIONS,
                    opening=OPENING,
                    seed=judging.seed,
                )
        else:
            yield ChooseRequest(
                model=judging.model,
                messages=(Message("system", system), Message("user", panel.prompt)),
                options=(panel.original, panel.revision),
                seed=judging.seed,
            )


def _answers(
    panel: Panel,
    persona: str | None,
    profiles: Mapping[str, str],
    lookup: Callable[[str], Result | None],
    judging: Judging,
) -> dict[str, list[Choice | None]]:
    """Results by way: two for `choice` (original first, revision first), one for `likelihood`."""
    found: dict[str, list[Choice | None]] = {way: [] for way in judging.ways}
    for request in _questions(panel, persona, profiles, judging):
        result = lookup(request.key)
        way = "choice" if request.opening else "likelihood"
        found[way].append(result if isinstance(result, Choice) else None)
    return found


def _choice_orders(answers: Mapping[str, list[Choice | None]]) -> tuple[float | None, float | None]:
    """Log-odds of the revision, with the original shown first and with the revision shown first."""
    original_first, revision_first = answers["choice"]
    forward = _log_odds(original_first)
    backward = _log_odds(revision_first)
    return forward, None if backward is None else -backward


def _contrast_orders(
    answers: Mapping[str, list[Choice | None]], nobody: Mapping[str, list[Choice | None]]
) -> tuple[float | None, float | None]:
    """Log-odds of the revision by likelihood contrast; the same for both orders, as there is none."""
    told, untold = _log_odds(answers["likelihood"][0]), _log_odds(nobody["likelihood"][0])
    contrast = None if told is None or untold is None else told - untold
    return contrast, contrast


def _log_odds(choice: Choice | None) -> float | None:
    """Log-odds of the second option over the first; None where the judge gave neither."""
    if choice is None:
        return None
    first, second = choice.log_likelihoods
    if first is None and second is None:
        return None
    # An option that a provider did not list is very unlikely but not impossible: a finite stand-in keeps
    # the average over orders defined, and makes opposite one-sided answers a tie.
    floor = -20.0
    return (floor if second is None else second) - (floor if first is None else first)


def _row(
    panel: Panel,
    persona: str | None,
    role: str,
    way: str,
    orders: tuple[float | None, float | None],
    judging: Judging,
    *,
    failed: bool,
) -> dict[str, object]:
    forward, backward = orders
    p = None if forward is None or backward is None else _sigmoid((forward + backward) / 2)
    return {
        "pair_id": panel.pair_id,
        "prompt_id": panel.prompt_id,
        "persona_id": persona,
        "role": role,
        "way": way,
        "p_original_first": None if forward is None else _sigmoid(forward),
        "p_revision_first": None if backward is None else _sigmoid(backward),
        "p": p,
        "verdict": verdict(p, judging.tie_margin, identical=panel.original == panel.revision, failed=failed),
        "judge": judging.model,
    }


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))
