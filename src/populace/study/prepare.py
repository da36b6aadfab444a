"""What a study knows before any model is asked: people, personas, prompts and who writes about what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from populace import personas as persona_room
from populace import population as population_room
from populace import prompts as prompt_room
from populace.errors import StudyError
from populace.personas import Persona, Personas
from populace.personas.presets import preset
from populace.population import Population
from populace.prompts import FilterReport
from populace.streams import stream
from populace.study.designs import check
from populace.study.seating import chosen, seated
from populace.study.settings import Settings

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """The tables a study starts from; made again, byte for byte, from the study file alone."""

    population: Population
    passed: Personas
    """Everyone who passed the consistency rules, and what each rule removed."""
    participants: pl.DataFrame
    """The personas who take part."""
    profiles: dict[str, str]
    """`persona_id` -> description put before the model, in the order of `participants`."""
    prompts: pl.DataFrame
    prompt_filters: FilterReport
    authors: pl.DataFrame
    """Who writes about what, author by author: `author_id`, `prompt_id`, `repeat` (in which slot the prompt
    stands), `split` (what the pair is for), and `strangers`, the list of who else judges that pair. A pair
    that fails moves nobody else's seat."""
    slots: dict[str, int]
    """`prompt_id` -> slots in which it stands; one each where there are as many prompts as slots."""
    written: Literal["revision", "on-policy", "cross-model"] = "revision"
    """How pairs are made."""

    @property
    def prompt_texts(self) -> dict[str, str]:
        """`prompt_id` -> text."""
        return dict(self.prompts.select("prompt_id", "text").iter_rows())

    @property
    def asked(self) -> pl.DataFrame:
        """What each persona is to judge, finished or not: `persona_id, prompt_id, prompt, split`."""
        seats = self.authors.select(
            pl.concat_list("author_id", "strangers").alias("persona_id"), "prompt_id", "split"
        ).explode("persona_id")
        texts = self.prompts.select("prompt_id", pl.col("text").alias("prompt"))
        return seats.join(texts, on="prompt_id", how="left", maintain_order="left").select(
            "persona_id", "prompt_id", "prompt", "split"
        )


def prepare(settings: Settings, base: Path) -> Prepared:
    """Draw people, build personas, choose prompts. `base` is the folder that relative paths start from.

    Raises
    ------
    StudyError
        If too few people or prompts are left.
    DataError
        If a source is missing or broken.
    """
    check(settings)
    population, passed = _people(settings, base)
    participants = _participants(passed.frame, settings)
    prompts, slots, filters = _prompts(settings, base)
    return Prepared(
        population=population,
        passed=passed,
        participants=participants,
        profiles=_profiles(participants),
        prompts=prompts,
        prompt_filters=filters,
        authors=seated(settings, participants["persona_id"].to_list(), prompts, slots),
        slots=slots,
        written=settings.feedback.pairs,
    )


def _people(settings: Settings, base: Path) -> tuple[Population, Personas]:
    """Draw people and make personas of them, those of a preset from its own people."""
    adults = not settings.personas.minors
    if settings.personas.preset is not None:
        made = preset(settings.personas.preset, settings.seed)
        population = population_room.build(size=made.provenance["people"], seed=settings.seed)
        if adults:
            made = Personas(made.frame.filter(pl.col("age") >= 18), made.provenance)
        return population, made
    population = population_room.build(
        _source(settings.population.source, base, "us-2024"),
        size=settings.population.size,
        seed=settings.seed,
        adults=adults,
    )
    return population, persona_room.build(population, seed=settings.seed, adults=adults)


def _source(source: str, base: Path, builtin: str) -> str:
    return source if source == builtin else str(base / source)


def _participants(passed: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    distinct = passed.unique("persona_id", keep="first", maintain_order=True)
    wanted = settings.personas.size
    if distinct.height < wanted:
        preset = settings.personas.preset
        raise StudyError(
            f"only {distinct.height} personas of {preset} are adults"
            if preset
            else f"only {distinct.height} of {settings.population.size} people passed the rules",
            column="personas.size",
            fix="lower it, or leave out minors" if preset else f"raise population.size well above {wanted}",
        )
    rows = stream(settings.seed, "study.participants").choice(distinct.height, size=wanted, replace=False)
    return distinct[np.sort(rows).tolist()]


def _prompts(settings: Settings, base: Path) -> tuple[pl.DataFrame, dict[str, int], FilterReport]:
    wanted = settings.prompts
    table = prompt_room.load(_source(wanted.source, base, "builtin"))
    if wanted.split is not None:
        table = table.filter(pl.col("split") == wanted.split)
    kept, report = prompt_room.filter(
        table,
        question=wanted.question,
        min_words=wanted.min_words,
        min_controversy=wanted.min_controversy,
    )
    return *chosen(settings, kept, table.height), report


def _profiles(participants: pl.DataFrame) -> dict[str, str]:
    personas = [Persona.from_row(row) for row in participants.iter_rows(named=True)]
    return {persona.persona_id: persona_room.render(persona, template="profile") for persona in personas}
