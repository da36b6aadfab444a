"""The study file: what it may say, checked whole before anything is drawn or asked.

One TOML file describes one study. Every key is optional but `name`; a key that does not exist is an error
that names its neighbours, so that a typo never runs a study other than the one meant.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from populace.errors import StudyError
from populace.study.designs import check, filled

_BARE = re.compile(r"[1-9][\d,]*(\.\d+)?")
"""An amount without its unit."""

__all__ = ["BudgetSettings", "Settings", "load_settings", "read_budget"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PopulationSettings(_Section):
    """Where people come from."""

    source: str = "us-2024"
    """`us-2024` (embedded census model), or a file or folder of ACS PUMS microdata."""
    size: int = Field(default=2000, ge=2, le=5_000_000)
    """People drawn; the report compares them with the census."""


class PersonaSettings(_Section):
    """Which of them take part."""

    size: int = Field(default=48, ge=2)
    """Personas in the study, drawn from the people who pass the consistency rules. Of a preset: all of it
    where left out, else a draw from it."""
    minors: bool = False
    """Whether people under 18 may take part; a preset has them unless this says false."""
    preset: Literal["persona-1586"] | None = None
    """A set of personas by name, made from its own people with the study's seed (`populace.personas`)."""


class PromptSettings(_Section):
    """What they are asked."""

    source: str = "builtin"
    """`builtin`, or a file: PRISM's `conversations.jsonl`, CSV, JSONL, Parquet."""
    size: int = Field(default=48, ge=1)
    """Prompts, spread evenly over topics. With `repeat`, slots for prompts."""
    repeat: bool = False
    """Let a prompt stand in several slots where there are fewer prompts than `size`; each slot has a first
    answer of its own. The report says how many different prompts there are."""
    held_out: int | None = Field(default=None, ge=0)
    """Of `size`, those on which no pair to train on may be (design `persona`); left out, PERSONA's share."""
    split: Literal["train", "test"] | None = None
    """Only this split; both where left out."""
    min_words: int = Field(default=5, ge=0)
    question: bool = True
    """Keep only texts with a question mark, as PERSONA does."""
    min_controversy: int | None = Field(default=1, ge=0, le=3)
    """Keep prompts of at least this grade (0 none to 3 divisive)."""


class ModelSettings(BaseModel):
    """A model: its provider, and that provider's own settings."""

    model_config = ConfigDict(extra="allow", frozen=True)

    provider: str = "embedded"

    def spec(self) -> str | dict[str, Any]:
        """Return the form that `populace.models.open_model` takes."""
        extra = dict(self.model_extra or {})
        return {"provider": self.provider, **extra} if extra else self.provider


class JudgeSettings(ModelSettings):
    """The judge, which is not the model under test unless the study says so."""

    same_as_model: bool = False
    """Let the model judge its own writing. The report says so wherever a score stands."""


class FeedbackSettings(_Section):
    """How pairs are written and judged."""

    pairs: Literal["revision", "on-policy", "cross-model"] = "revision"
    """`revision`: an answer, and what became of it in the role of an author (critique and revise).
    `on-policy`: two samples of the model. `cross-model`: its answer and that of the model under [other]. No
    persona is shown to who writes the last two, so nobody is their author."""
    design: Literal["even", "overlap", "persona"] = "even"
    """`even`: each persona has `pairs_per_persona`, judged by its author and `strangers`. `overlap`: one pair
    a prompt, judged by `judges_per_pair`. `persona`: PERSONA's, each persona having `train_pairs`,
    `test_pairs` on prompts that others train on, and `held_out_pairs` on prompts that nobody trains on."""
    pairs_per_persona: int = Field(default=1, ge=1)
    strangers: int = Field(default=2, ge=0)
    """Personas besides the author who judge each pair, so that disagreement can show; none by default in
    the design `persona`."""
    judges_per_pair: int = Field(default=8, ge=1)
    """The author among them, where the pair has one."""
    train_pairs: int = Field(default=100, ge=0)
    test_pairs: int = Field(default=50, ge=0)
    held_out_pairs: int = Field(default=50, ge=0)
    ways: tuple[Literal["choice", "likelihood", "samples"], ...] | None = Field(default=None, min_length=1)
    """Left out: by choice, and by likelihood too where the judge can score a given text. `samples` is for a
    judge without log-probabilities, which writes its verdict several times."""
    judge_samples: int = Field(default=8, ge=1, le=1000)
    """Written verdicts in each order of the answers (way `samples`)."""
    judge_temperature: float = Field(default=1.0, gt=0.0, le=2.0)
    """Of written verdicts."""
    judge_tokens: int = Field(default=8, ge=1)
    """Most tokens of a written verdict."""
    answer_tokens: int = Field(default=64, ge=1)
    critique_tokens: int = Field(default=48, ge=1)
    temperature: float = Field(default=0.7, ge=0.0, le=2.0)
    """Of writing; each request samples from a stream seeded by its own key."""
    tie_margin: float = Field(default=0.01, ge=0.0, lt=0.5)
    """A judge's probability within this of one half is a tie."""

    @field_validator("ways")
    @classmethod
    def _distinct(cls, ways: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if ways is not None and len(set(ways)) < len(ways):
            raise ValueError("a way of judging is named twice")
        return ways


class ReportSettings(_Section):
    """How sure the numbers are."""

    draws: int = Field(default=2000, ge=100, le=100_000)
    """Of what is drawn again: texts by author, verdicts shuffled over pairs (500 at most)."""
    level: float = Field(default=0.95, gt=0.5, lt=1.0)


class BudgetSettings(_Section):
    """Hard limits: admission stops when one is reached."""

    dollars: float | None = Field(default=None, gt=0)
    tokens: int | None = Field(default=None, gt=0)


class Settings(_Section):
    """One study, as its file says."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$")
    seed: int = Field(default=0, ge=0, lt=2**63)
    population: PopulationSettings = PopulationSettings()
    personas: PersonaSettings = PersonaSettings()
    prompts: PromptSettings = PromptSettings()
    model: ModelSettings = ModelSettings()
    judge: JudgeSettings = JudgeSettings()
    other: ModelSettings | None = None
    """The second model of `cross-model` pairs."""
    feedback: FeedbackSettings = FeedbackSettings()
    report: ReportSettings = ReportSettings()
    budget: BudgetSettings = BudgetSettings()

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, data: Any) -> Any:
        """Fill in what follows from a preset or a design, so that settings say what is meant."""
        return filled(data)

    @property
    def wanted_pairs(self) -> int:
        """Pairs that the design asks for."""
        if self.feedback.design == "overlap":
            return self.prompts.size
        return self.personas.size * self.feedback.pairs_per_persona


def read_budget(text: str) -> BudgetSettings:
    """Read a budget as the command line takes it: dollars (`$25`) or tokens (`2e6 tokens`).

    Raises
    ------
    StudyError
        If it is neither, or not above zero.

    Examples
    --------
    >>> read_budget("$25"), read_budget("2e6 tokens")
    (BudgetSettings(dollars=25.0, tokens=None), BudgetSettings(dollars=None, tokens=2000000))
    """
    words = text.strip()
    amount = words.removeprefix("$") if words.startswith("$") else words.removesuffix("tokens")
    try:
        number = float(amount.replace(",", "")) if amount != words else math.nan
    except ValueError:
        number = math.nan
    tokens = not words.startswith("$")
    if not (1 if tokens else 0) <= number < math.inf or number == 0:
        raise StudyError(
            f"--budget: {text!r} is no budget",
            fix=f"write '${words if _BARE.fullmatch(words) else 25}' for dollars or '2e6 tokens' for tokens",
        )
    return BudgetSettings(tokens=int(number)) if tokens else BudgetSettings(dollars=number)


def load_settings(path: Path) -> Settings:
    """Read and check a study file.

    Raises
    ------
    StudyError
        If the file is missing, is not TOML, or says something a study cannot have; the message names
        the key, and for a misspelt key the nearest one that exists.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise StudyError("there is no such study file", file=path, fix="check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            f"the study file cannot be read ({error})", file=path, fix="check the file"
        ) from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"this is not valid TOML: {error}", file=path, fix="mend that line") from None
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        raise _study_error(error, path) from None
    check(settings, path)
    return settings


def _study_error(error: ValidationError, path: Path) -> StudyError:
    """Turn pydantic's first complaint into ours: the key's full name, what was wrong, what to write."""
    first = error.errors()[0]
    names = [str(part) for part in first["loc"]]
    key = ".".join(names)
    if first["type"] == "extra_forbidden":
        known = _fields(names[:-1])
        near = difflib.get_close_matches(names[-1], known, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(known)}"
        return StudyError("there is no such setting", file=path, column=key, fix=fix)
    if first["type"] == "missing":
        return StudyError("a setting is missing", file=path, column=key, fix=f'add {names[-1]} = "..."')
    found = f" (found {first['input']!r})"
    said, fix = first["msg"].removeprefix("Value error, "), "correct this setting"
    if first["type"] == "literal_error":
        choices = re.findall(r"'([^']+)'", str(first.get("ctx", {}).get("expected")))
        near = difflib.get_close_matches(str(first["input"]), choices, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(choices)}"
    if first["type"] == "string_pattern_mismatch":
        said = "a name is letters, digits, spaces and . _ -, a letter or digit first: it names a folder"
    return StudyError(f"{said}{found}", file=path, column=key, fix=fix)


def _fields(section: list[str]) -> list[str]:
    model: Any = Settings
    for name in section:
        model = model.model_fields[name].annotation
    return list(model.model_fields)
