"""What a judging study may say, checked whole before anything is made.

Either options of the command line or a TOML file with one table, `[judging]`; a key that does not exist is an
error that names its neighbours.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from populace.errors import StudyError

__all__ = ["PRESETS", "Settings", "load_settings", "make_settings"]

PRESETS: dict[str, dict[str, Any]] = {
    "persona": {"people": 20, "raters": 4, "questions": 10, "ties": False, "unsure": False},
}
"""Designs by name. `persona` is that of the PERSONA paper's human study: 20 personas, 4 raters each, ten
questions each, a forced choice with reasons; one persona a rater."""

_FILES = ("pairs", "study", "personas", "survey", "consent", "instructions")


class Settings(BaseModel):
    """A judging study. Paths start from the settings file, or the current folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(default="Judging answers", min_length=1, max_length=120)
    """What raters see as its name."""
    lang: str = Field(default="en", pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    """Language of the researcher's texts, as BCP 47 writes it. The page's own words are English."""
    seed: int = Field(default=0, ge=0)
    """Of orders, sequences and of who takes part."""

    pairs: Path | None = None
    """Pairs of answers: a Parquet table of the bench or of a study."""
    study: Path | None = None
    """A finished study: its pairs, personas and the judge's verdicts."""
    personas: Path | None = None
    """Who the personas are: a Parquet table of personas, or of `persona_id` and `text`."""
    survey: Path | None = None
    """Items that raters answer as themselves (TOML, CSV, JSONL, Parquet)."""
    machines: tuple[Path, ...] = ()
    """Verdicts of models on the same pairs, to compare people with."""
    template: Literal["story", "profile"] = "story"
    """How a persona is described to raters."""

    preset: Literal["persona"] | None = None
    """Sets what is left out of the design."""
    people: int | None = Field(default=None, ge=1, le=100_000)
    """Personas that take part; all that have pairs where left out."""
    raters: int | None = Field(default=None, ge=1, le=100_000)
    """Raters of each persona (3 where left out), or of the survey where there are no pairs (100)."""
    questions: int | None = Field(default=None, ge=1, le=1000)
    """Pairs of each persona; as many as there are, at most 10, where left out."""
    checks: int = Field(default=2, ge=0, le=20)
    """Attention checks of each rater."""
    ties: bool = True
    """Offer `no preference`."""
    unsure: bool = True
    """Offer `I cannot tell`, and `I would rather not say` in the survey."""
    reasons: Literal["off", "optional", "required"] = "optional"
    """Whether raters are asked why."""
    idle_minutes: float = Field(default=60, gt=0, le=100_000)
    """After so long without a sign of life a place may be given to somebody else."""

    consent: Path | None = None
    """The researcher's own consent text (Markdown)."""
    instructions: Path | None = None
    """The researcher's own instructions (Markdown)."""
    contact: str = Field(default="", max_length=200)
    """Whom raters can ask."""
    completion_url: str | None = None
    """Where raters go at the end, such as a panel's completion address."""
    completion_code: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{1,64}$")
    """Code shown at the end."""
    require_id: bool = False
    """Let in only who comes with a panel's id in the link (`PROLIFIC_PID`)."""
    keep_ids: bool = False
    """Store the panel's ids as they are. Otherwise only keyed hashes of them."""

    @field_validator("completion_url")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in ("https", "http") or not parts.hostname:
                raise ValueError("this is no address; write https://...")
        return value

    @model_validator(mode="after")
    def _has_something(self) -> Self:
        if self.pairs and self.study:
            raise ValueError("give pairs or a study, not both")
        if not (self.pairs or self.study or self.survey):
            raise ValueError("there is nothing to judge: give pairs, a study or a survey")
        return self

    @property
    def judges_pairs(self) -> bool:
        """Whether raters judge pairs at all."""
        return self.pairs is not None or self.study is not None

    @property
    def raters_each(self) -> int:
        """Seats of each persona, or of the survey."""
        return self.raters or (3 if self.judges_pairs else 100)


def load_settings(path: Path, **options: Any) -> Settings:
    """Read a settings file; options go before what it says.

    Raises
    ------
    StudyError
        If it cannot be read or says what does not exist.
    """
    try:
        with path.open("rb") as handle:
            read = tomllib.load(handle)
    except OSError as error:
        raise StudyError(f"it cannot be read ({error.strerror})", file=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"it is no TOML ({error})", file=path) from error
    table = read.get("judging")
    if not isinstance(table, dict) or len(read) > 1:
        raise StudyError("a judging study has one table, [judging]", file=path)
    return make_settings(table | options, base=path.parent, file=path)


def make_settings(values: dict[str, Any], *, base: Path | None = None, file: Path | None = None) -> Settings:
    """Check settings; the preset fills what is left out, paths are made to start from `base`.

    Raises
    ------
    StudyError
        If a key does not exist or a value is out of range.

    Examples
    --------
    >>> made = make_settings({"pairs": "pairs.parquet", "preset": "persona", "raters": 5})
    >>> made.people, made.raters_each, made.questions, made.ties
    (20, 5, 10, False)
    """
    given = {key: value for key, value in values.items() if value is not None}
    given = PRESETS.get(str(given.get("preset")), {}) | given
    for name in _FILES:
        if name in given:
            given[name] = (base or Path()) / Path(str(given[name])).expanduser()
    if "machines" in given:
        named = given["machines"] if isinstance(given["machines"], (list, tuple)) else [given["machines"]]
        if not all(isinstance(each, (str, Path)) for each in named):
            raise StudyError("this names no file", file=file, column="machines", fix="give a list of files")
        given["machines"] = tuple((base or Path()) / Path(each) for each in named)
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _told(error, file) from error


def _told(error: ValidationError, file: Path | None) -> StudyError:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"]) or None
    if first["type"] == "extra_forbidden" and name:
        near = difflib.get_close_matches(name, Settings.model_fields, n=3)
        fix = f"did you mean {' or '.join(near)}?" if near else f"use {', '.join(Settings.model_fields)}"
        return StudyError("there is no such setting", file=file, column=name, fix=fix)
    return StudyError(re.sub(r"^Value error, ", "", first["msg"]), file=file, column=name)
