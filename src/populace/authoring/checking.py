"""Whether a persona hangs together, asked of a model: optional, beside the rules, and measured itself.

PERSONA let GPT-4 judge and dropped about 8.5 % (arXiv:2407.17387), without saying how often the judge was
right. Here the judge sees every persona and, as known-bad ones, personas whose halves are of two people: who
they are and what they do is of one, home, money, origin and health of another. Its false-alarm rate is the
share it would remove of people who are real joint draws and pass our rules; its hit rate the share of the
shuffled. Not every shuffled persona contradicts itself, so the hit rate among those that break a hard rule
of ours is told beside it: a judge that cannot see even these is no judge.

Each persona is asked about in both orders of the options, and the two log-odds are averaged. Nothing is
removed unless `Checked.kept` is called.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.authoring.templating import prompts_hash, render_prompt
from populace.errors import DataError
from populace.models import Choice, ChooseRequest, Message, Provider
from populace.models.choice import LEAST_MASS, floored, options_mass
from populace.personas import Persona, Personas, render
from populace.personas.rules import broken_rules
from populace.personas.schema import COLUMNS
from populace.run import Budget, Journal, RunStats, execute
from populace.stats import Estimate, proportion
from populace.streams import stream

__all__ = ["OTHER_HALF", "PAPER_REMOVED", "Checked", "check"]

PAPER_REMOVED = 0.085
"""Share that PERSONA's filter removed, as its paper says."""

OTHER_HALF = (
    *(
        "income",
        "marital_status",
        "household_type",
        "family_presence_and_age",
        "place_of_birth",
        "citizenship",
    ),
    *("household_language", "ability_to_speak_english", "veteran_status", "disability", "health_insurance"),
    *("cognitive_difficulty", "vision_difficulty", "hearing_difficulty", "fertility"),
)
"""Attributes that a shuffled persona has of another person."""

_ANSWERS = ("It is consistent.", "It contradicts itself.")
_OPTIONS, _OPENING = (" A", " B"), "Answer:"
_TIE = 0.01
"""A probability within this of one half is a tie, and removes nobody."""
_TEMPLATES = ("check_system", "check_user")


class Checked(msgspec.Struct, frozen=True, eq=False):
    """What a judge said of personas, and how far it can be trusted."""

    verdicts: pl.DataFrame
    """`persona_id, shuffled, breaks_rules, p` (that it contradicts itself), `verdict`: `consistent`,
    `inconsistent`, `tie`, `refused` or `failed`."""
    removed: Estimate
    """Share of the personas given that the judge would remove, of those it decided or tied. All of them
    passed our rules, so it is the judge's false-alarm rate."""
    hits: Estimate
    """Share of the shuffled personas that it would remove."""
    certain_hits: Estimate
    """The same, among the shuffled personas that break a hard rule of ours."""
    undecided: Estimate
    """Share of questions about the personas given that ended in a refusal or a failure."""
    removed_by_rules: float | None
    """Share that our rules removed when the personas were built; None where their provenance does not say."""
    stats: RunStats
    provenance: dict[str, Any]

    def kept(self, personas: Personas) -> Personas:
        """Leave out the personas that the judge finds inconsistent, and say so in the provenance."""
        wrong = self.verdicts.filter(~pl.col("shuffled") & (pl.col("verdict") == "inconsistent"))
        frame = personas.frame.filter(~pl.col("persona_id").is_in(wrong["persona_id"].to_list()))
        note = {**self.provenance, "removed": personas.frame.height - frame.height}
        return Personas(frame, {**personas.provenance, "model_check": note})

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        rules = "unknown" if self.removed_by_rules is None else f"{100 * self.removed_by_rules:.2f} %"
        return [
            f"the judge would remove {_percent(self.removed)} of the personas",
            f"our rules removed {rules}; PERSONA's filter removed about {100 * PAPER_REMOVED:.1f} %",
            f"of shuffled personas it would remove {_percent(self.hits)}",
            f"of shuffled personas that break a rule of ours, {_percent(self.certain_hits)}",
            f"refused or failed: {_percent(self.undecided)}",
        ]


def check(
    personas: Personas,
    judge: Provider,
    folder: str | Path,
    *,
    seed: int = 0,
    sample: int | None = None,
    budget: Budget | None = None,
    **settings: Any,
) -> Checked:
    """Ask a judge whether personas are consistent, and whether it notices shuffled ones.

    Parameters
    ----------
    personas
        At least 2.
    judge
        The model; it is closed at the end.
    folder
        Holds the journal; `verdicts.parquet` is written beside it.
    seed
        Of the sample, the shuffling and the requests.
    sample
        Personas to ask about; None asks about all.
    budget
        The most that the journal's calls may cost.
    **settings
        Others of `populace.run.execute`.

    Raises
    ------
    DataError
        If there are fewer than 2 personas.
    BudgetError, ModelError, JournalError
        As `populace.run.execute`.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.scripted import Scripted
    >>> from populace.personas import build
    >>> people = build(pl.DataFrame({"age": [30, 60], "state": ["Ohio", "Utah"]}), seed=1)
    >>> def content(ask):
    ...     return (0.9, 0.1) if "A: It is c" in ask.messages[1].content else (0.1, 0.9)
    >>> check(people, Scripted(choice=content), tempfile.mkdtemp()).verdicts["verdict"].to_list()
    ['consistent', 'consistent', 'consistent', 'consistent']
    """
    if len(personas) < 2:
        raise DataError(f"{len(personas)} personas are too few to shuffle", fix="give at least 2")
    chosen_rng, shuffle_rng = (stream(seed, "authoring.checking", number) for number in range(2))
    frame = personas.frame
    if sample is not None and sample < len(personas):
        frame = frame[np.sort(chosen_rng.choice(len(personas), size=max(sample, 2), replace=False)).tolist()]
    people = pl.concat([frame, _shuffled(frame, shuffle_rng)])
    texts = [render(Persona.from_row(row), "story") for row in people.iter_rows(named=True)]
    with Journal(Path(folder) / "journal") as journal:
        stats = asyncio.run(_ask(texts, judge, journal, seed, budget, settings))
        found = [_verdict(pair, journal) for pair in _pairs(texts, judge.model, seed)]
    rules = broken_rules(people.select(*COLUMNS), "hard")
    verdicts = pl.DataFrame(
        {
            "persona_id": people["persona_id"],
            "shuffled": [False] * frame.height + [True] * frame.height,
            "breaks_rules": rules.select(pl.any_horizontal(pl.all())).to_series(),
            "p": pl.Series([p for p, _ in found], dtype=pl.Float64),
            "verdict": [verdict for _, verdict in found],
        }
    )
    with atomic_path(Path(folder) / "verdicts.parquet") as temporary:
        verdicts.write_parquet(temporary)
    note = {"judge": judge.model, "prompt": prompts_hash(*_TEMPLATES), "seed": seed, "asked": frame.height}
    return _summed(verdicts, personas, stats, note, seed)


async def _ask(
    texts: list[str],
    judge: Provider,
    journal: Journal,
    seed: int,
    budget: Budget | None,
    settings: dict[str, Any],
) -> RunStats:
    requests = (request for pair in _pairs(texts, judge.model, seed) for request in pair)
    try:
        return await execute(requests, judge, journal, stage="check", budget=budget, **settings)
    finally:
        await judge.close()


def _pairs(texts: list[str], model: str, seed: int) -> Iterator[tuple[ChooseRequest, ChooseRequest]]:
    """Yield each persona's question in both orders of the answers."""
    system = Message("system", render_prompt("check_system"))
    for text in texts:
        one, two = (
            ChooseRequest(
                model=model,
                messages=(
                    system,
                    Message("user", render_prompt("check_user", profile=text, first=first, second=second)),
                ),
                options=_OPTIONS,
                opening=_OPENING,
                seed=seed,
            )
            for first, second in (_ANSWERS, _ANSWERS[::-1])
        )
        yield one, two


def _verdict(pair: tuple[ChooseRequest, ChooseRequest], journal: Journal) -> tuple[float | None, str]:
    """Probability that the persona contradicts itself, and what follows."""
    odds = []
    for turned, request in enumerate(pair):
        result = journal.get(request.key)
        if not isinstance(result, Choice):
            return None, "failed"
        logs = floored(result)
        if logs is None or options_mass(result) < LEAST_MASS:
            return None, "refused"
        log_odds = logs[1] - logs[0]
        odds.append(-log_odds if turned else log_odds)
    mean = (odds[0] + odds[1]) / 2
    p = 1 / (1 + math.exp(-mean)) if mean >= 0 else math.exp(mean) / (1 + math.exp(mean))
    return p, "tie" if abs(p - 0.5) <= _TIE else "inconsistent" if p > 0.5 else "consistent"


def _shuffled(frame: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Give everyone the other half of somebody else: a cycle through all, so that nobody keeps their own."""
    order = rng.permutation(frame.height)
    other = np.empty(frame.height, dtype=np.int64)
    other[order] = np.roll(order, 1)
    return frame.with_columns(frame[name].gather(other) for name in OTHER_HALF)


def _summed(
    verdicts: pl.DataFrame, personas: Personas, stats: RunStats, note: dict[str, Any], seed: int
) -> Checked:
    decided = pl.col("verdict").is_in(["consistent", "inconsistent", "tie"])
    given, shuffled = verdicts.filter(~pl.col("shuffled")), verdicts.filter("shuffled")

    def share(rows: pl.DataFrame) -> Estimate:
        wrong = (rows.filter(decided)["verdict"] == "inconsistent").cast(pl.Float64)
        return proportion(wrong.to_numpy(), seed=seed)

    told = personas.provenance
    considered = told.get("people", 0) - told.get("minors_left_out", 0)
    removed = told.get("removed")
    return Checked(
        verdicts=verdicts,
        removed=share(given),
        hits=share(shuffled),
        certain_hits=share(shuffled.filter("breaks_rules")),
        undecided=proportion(
            given["verdict"].is_in(["refused", "failed"]).cast(pl.Float64).to_numpy(), seed=seed
        ),
        removed_by_rules=sum(removed.values()) / considered if removed is not None and considered else None,
        stats=stats,
        provenance=note,
    )


def _percent(share: Estimate) -> str:
    if not share.defined:
        return f"undefined (n={share.n})"
    return f"{100 * share.value:.1f} % [{100 * share.low:.1f}, {100 * share.high:.1f}] (n={share.n})"
