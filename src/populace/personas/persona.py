"""`Persona`: one person as a frozen record whose name is what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from populace.canonical import content_hash
from populace.personas.schema import BIG_FIVE, COLUMNS

__all__ = ["Persona"]


class Persona(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person. Missing is None; every field but the last two is an attribute of the schema.

    Examples
    --------
    >>> one = Persona(age=41, sex="Female", person_id="p1")
    >>> one.attributes()
    {'age': 41, 'sex': 'Female'}
    >>> one.persona_id == Persona(age=41, sex="Female", person_id="p2", weight=7.0).persona_id
    True
    """

    age: int | None = None
    sex: str | None = None
    race: str | None = None
    hispanic_origin: str | None = None
    state: str | None = None
    ancestry: str | None = None
    household_language: str | None = None
    education: str | None = None
    employment_status: str | None = None
    class_of_worker: str | None = None
    industry_category: str | None = None
    occupation_category: str | None = None
    detailed_job_description: str | None = None
    income: int | None = None
    marital_status: str | None = None
    household_type: str | None = None
    family_presence_and_age: str | None = None
    place_of_birth: str | None = None
    citizenship: str | None = None
    veteran_status: str | None = None
    disability: str | None = None
    health_insurance: str | None = None
    openness: str | None = None
    conscientiousness: str | None = None
    extraversion: str | None = None
    agreeableness: str | None = None
    neuroticism: str | None = None
    defining_quirks: str | None = None
    mannerisms: str | None = None
    personal_time: str | None = None
    lifestyle: str | None = None
    ideology: str | None = None
    political_views: str | None = None
    religion: str | None = None
    cognitive_difficulty: str | None = None
    ability_to_speak_english: str | None = None
    vision_difficulty: str | None = None
    fertility: str | None = None
    hearing_difficulty: str | None = None
    self_direction: str | None = None
    stimulation: str | None = None
    hedonism: str | None = None
    achievement: str | None = None
    power: str | None = None
    security: str | None = None
    conformity: str | None = None
    tradition: str | None = None
    benevolence: str | None = None
    universalism: str | None = None
    core_values: str | None = None
    person_id: str | None = None
    """Person of the population it was built from; outside the hash."""
    weight: float = 1.0
    """How many people of the population it stands for; outside the hash."""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Persona:
        """Make a persona from a row of a personas frame; columns that are no field are passed over."""
        return cls(**{name: row[name] for name in cls.__struct_fields__ if row.get(name) is not None})

    def attributes(self) -> dict[str, int | str]:
        """Give the attributes that are not missing, in the schema's order."""
        return {name: value for name in COLUMNS if (value := getattr(self, name)) is not None}

    @property
    def persona_id(self) -> str:
        """BLAKE2b (32 hex digits) of the canonical bytes of the attributes that are not missing."""
        return content_hash(self.attributes())

    @property
    def big_five_scores(self) -> str | None:
        """The five traits on one line, as the public PERSONA release writes them; None if none is known."""
        known = [
            f"{name.title()}: {level}" for name in BIG_FIVE if (level := getattr(self, name)) is not None
        ]
        return ", ".join(known) or None
