"""`distributional`: does a model give each answer as often as people do?

The third kind of pluralism of the Roadmap (arXiv 2402.05070). Every question is put to the model in four ways
in one run: the likelihood of each option (`logprobs`), the distribution that it states (`verbalised`),
answers of 30 people written down in one text (`sequences`), and one person's answer again and again
(`repeated`); each with the options in order and turned round. What it says is held against what people
answered. How much worse it simulates than it describes is the knowledge-to-simulation gap of Meister et al.
(arXiv 2411.05403).

Silence gains nothing: what was not answered, or was no option, is mass that people do not have, so that a
question without an answer is as far off as one can be (total variation 1).

Options: `survey` (a table of answers, MoralChoice's CSV, a folder of Polis, saved opinions, or a survey with
its `codebook`; our own questions without gold if it is left out), `by` (an attribute: a group a value of it),
`least` (20: a question is not put to a group of which fewer people are known to have answered it; a note says
how many were left out, and why), `questions` (20), `ways` (all; or some, by commas), `simulated` (30),
`repeats` (30), `heat` (1.0, the temperature of sequences and repeats).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from populace.bench.distributions.asking import WAYS, Settings, View, read, requests_of
from populace.bench.distributions.auditing import findings_of
from populace.bench.distributions.questions import LEAST, Cell, drawn, opened
from populace.bench.distributions.scoring import scores_of, values_of
from populace.bench.options import known, listed, whole_numbers
from populace.bench.result import Finding, Score
from populace.bench.task import Ask, Bench, Counting, Play, TaskMeta
from populace.errors import StudyError
from populace.stats import Estimate

__all__ = ["Distributional"]

_OPTIONS = ("survey", "codebook", "by", "least", "questions", "ways", "simulated", "repeats", "heat")


class Distributional:
    """Total variation of a model's distributions, in each way to get them, from those of people.

    Parameters
    ----------
    cells
        Questions and what people answered, in the place of the option `survey`.
    """

    meta = TaskMeta(
        name="distributional",
        version=1,
        summary="whether a model gives each answer as often as people do, however it is asked",
        main_measure="tv",
        higher_is_better=False,
        reference="Roadmap (arXiv 2402.05070); ways and gap after Meister et al. (arXiv 2411.05403)",
        judged=False,
        own_people=True,
    )

    def __init__(self, cells: Sequence[Cell] | None = None) -> None:
        self.cells = cells

    def play(self, bench: Bench) -> Play:
        """Ask every question in every way and order."""
        settings, questions, least = _settings(bench)
        options = bench.options
        every, left_out = (self.cells, "") if self.cells is not None else opened(
            *(str(options[name]) if options.get(name) else None for name in ("survey", "codebook", "by")),
            least=least,
        )  # fmt: skip
        cells, rows = drawn(every, questions, bench.seed), []
        for way in settings.ways:
            asked = [
                (cell, order, requests_of(bench, cell, way, order, settings))
                for cell in cells
                for order in (0, 1)
            ]
            requests = [request for _, _, some in asked for request in some]
            results = iter((yield Ask(stage=f"distributions, {way}", to="target", requests=requests)))
            for cell, order, some in asked:
                view = read(cell, way, order, [next(results) for _ in some], settings)
                rows.append((*_row(cell, way, order, view), left_out))
        return pl.DataFrame(rows, schema=_SCHEMA, orient="row")

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score every way against people, beside who knows nothing, and the ways against each other."""
        return scores_of(items, counting)

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the distributions against those that know nothing, and the order of the options."""
        return findings_of(items, counting)

    def values(self, items: pl.DataFrame) -> pl.DataFrame:
        """Give what two runs are compared by: total variation of every cell in every way."""
        return values_of(items)

    def recover(self, seed: int) -> Iterator[tuple[str, float, Estimate]]:
        """Give planted distances, and what the task finds."""
        from populace.bench.distributions.planting import recovered

        yield from recovered(seed)

    def validate(self) -> None:
        """Recover planted distances; find the models that say one thing to all, go by place, or are mute."""
        from populace.bench.distributions.planting import validated

        validated()


_SCHEMA = {
    "prompt_id": pl.String, "group": pl.String, "arm": pl.String, "order": pl.Int64, "question": pl.String,
    "options": pl.List(pl.String), "p": pl.List(pl.Float64), "outcome": pl.String, "answer": pl.String,
    "draws": pl.Int64, "mass": pl.Float64, "gold": pl.List(pl.Float64), "people": pl.Float64,
    "ordinal": pl.Boolean, "source": pl.String, "left_out": pl.String,
}  # fmt: skip


def _row(cell: Cell, way: str, order: int, view: View) -> tuple[object, ...]:
    gold = list(cell.gold) if cell.gold else None
    said = None if view.p is None else list(view.p)
    return (
        cell.name, cell.group, way, order, cell.text, list(cell.options), said, view.outcome, view.said,
        view.draws, view.mass, gold, cell.people, cell.ordinal, cell.source,
    )  # fmt: skip


def _settings(bench: Bench) -> tuple[Settings, int, int]:
    """Read the task's options: how much is asked, questions, people of a question at least.

    Raises
    ------
    StudyError
        If one is unknown or means nothing.
    """
    options = bench.options
    known("distributional", options, _OPTIONS)
    numbers = {}
    for name, usual in (("questions", 20), ("least", LEAST), ("simulated", 30), ("repeats", 30)):
        found = whole_numbers(name, options.get(name, usual))
        if len(found) > 1:
            raise StudyError(f"{name} is one number, and {len(found)} are given")
        numbers[name] = found[0]
    ways = tuple(str(each) for each in listed(options.get("ways", WAYS)))
    odd = [way for way in ways if way not in WAYS]
    if odd or not ways:
        raise StudyError(
            f"there is no way {odd[0]!r}" if odd else "no way is given", fix=f"use {', '.join(WAYS)}"
        )
    if numbers["repeats"] < 2 and "repeated" in ways:
        raise StudyError("one repeat cannot be asked in both orders", fix="give repeats=2 or more")
    try:
        heat = float(options.get("heat", 1.0))
    except ValueError:
        heat = -1.0
    if not 0 < heat <= 2:
        raise StudyError(
            f"heat is {options['heat']!r}, which is no temperature above 0, to 2", fix="give 1.0"
        )
    ordered = tuple(way for way in WAYS if way in ways)
    settings = Settings(ordered, numbers["simulated"], numbers["repeats"], heat)
    return settings, numbers["questions"], numbers["least"]
