"""What a benchmark task is, and what a run gives it.

A task says what is asked and what is scored. Its procedure is a generator that reads as the paper would tell
it: it yields an `Ask`, gets back one result for each request, and in the end returns the table of items. Who
answers, in which order, with which retries, and what was answered before, are not its business
(`populace.bench.runner`). Scores follow from the table of items alone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
import polars as pl

from populace.bench.result import Finding, Score
from populace.models.records import Request, Result
from populace.personas import Persona, render

__all__ = ["Ask", "Bench", "Counting", "Described", "Play", "Role", "Task", "TaskMeta"]

Role: TypeAlias = str
"""`target`, `judge`, and the names of further judges (`Bench.also`): keys of the models of a run."""


class TaskMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What a task is about, for people and for the record of a run."""

    name: str
    version: int
    """Raised when things are asked or scored otherwise; runs of two versions are not compared."""
    summary: str
    main_measure: str
    higher_is_better: bool = True
    reference: str
    """Paper and section that the task is from."""
    judged: bool = True
    """Whether a judge is asked; some tasks need none."""
    unjudged: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict[str, tuple[str, ...]])
    """Options with which a judged task asks no judge -> the values of each that say so; none: any value."""
    judged_with: tuple[str, ...] = ()
    """Options of a task that is not judged with any of which a judge is asked after all."""
    people_with: tuple[str, ...] = ()
    """Options with which people take part, in a task in which otherwise nobody does."""
    several_judges: bool = False
    """Whether further judges may be asked (`Bench.also`)."""
    own_people: bool = False
    """Whether people and questions come with the task's options, and not from those of the bench."""
    withheld: bool = False
    """Whether prompts and replies may do harm: replies are then read at once and never written down
    (`populace.bench.withholding`)."""
    needs: str = ""
    """Options without which it cannot run, as a command line has them."""
    answered_by: tuple[str, ...] = ()
    """Options that bring the answers with them: with one of these, no target is asked."""

    def asks_target(self, options: Mapping[str, Any]) -> bool:
        """Say whether a model under test is asked, or answers are given."""
        return not any(options.get(name) for name in self.answered_by)

    def asks_judge(self, options: Mapping[str, Any]) -> bool:
        """Say whether a judge is asked.

        Examples
        --------
        >>> meta = TaskMeta(name="a", version=1, summary="", main_measure="b", reference="",
        ...     unjudged={"matcher": ("embedding",)})
        >>> meta.asks_judge({}), meta.asks_judge({"matcher": "embedding"})
        (True, False)
        >>> meta = TaskMeta(name="a", version=1, summary="", main_measure="b", reference="",
        ...     judged=False, judged_with=("aims",))
        >>> meta.asks_judge({}), meta.asks_judge({"aims": "warmth"})
        (False, True)
        """
        judged = self.judged or any(options.get(name) for name in self.judged_with)
        return judged and not any(
            options.get(name) and (not values or str(options[name]) in values)
            for name, values in self.unjudged.items()
        )

    def has_people(self, options: Mapping[str, Any]) -> bool:
        """Say whether people of the bench take part: who ask, who are written to, or whom the judge plays.

        Examples
        --------
        >>> meta = TaskMeta(name="a", version=1, summary="", main_measure="b", reference="",
        ...     people_with=("groups",))
        >>> meta.has_people({}), meta.has_people({"groups": ["young: age < 30"]})
        (False, True)
        """
        if self.own_people or not (self.asks_target(options) or self.asks_judge(options)):
            return False
        return not self.people_with or any(options.get(name) for name in self.people_with)


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of a task: requests to one model, of which none needs the answer of another.

    A request that cannot be made, since an earlier answer failed, is None; so is its result.
    """

    stage: str
    to: Role
    requests: Sequence[Request | None]


Play: TypeAlias = Generator[Ask, list[Result | None], pl.DataFrame]
"""A task's procedure: yields stages, is sent one result for each request, and returns the items."""


class Counting(msgspec.Struct, frozen=True, kw_only=True):
    """How sure the scores are made: as every function of `populace.stats` takes it."""

    draws: int = 2000
    level: float = 0.95
    seed: int = 0

    def settings(self) -> dict[str, Any]:
        """Give the keyword arguments of an estimate."""
        return {"draws": self.draws, "level": self.level, "seed": self.seed}


class Described(str):
    """A person in words: itself for whoever reads about the person, and `role` for whoever plays the person.

    A model that is to answer a person must not be told that it is the person, and a model that is to be
    the person must.

    Examples
    --------
    >>> her = Described("She lives in Ohio.", "You live in Ohio.")
    >>> f"Of the person: {her}", her.role
    ('Of the person: She lives in Ohio.', 'You live in Ohio.')
    """

    __slots__ = ("role",)
    role: str

    def __new__(cls, text: str, role: str | None = None) -> Described:
        """Make one; alike for both if there is no `role`."""
        made = super().__new__(cls, text)
        made.role = text if role is None else role
        return made


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a run gives a task."""

    personas: pl.DataFrame
    """The people, a row each, as `Personas.frame` has them."""
    prompts: pl.DataFrame
    """The questions: `prompt_id`, `text`, `topic` and the other columns of `populace.prompts`."""
    target: str
    """Identity of the model under test, as it enters request keys; empty where answers are given."""
    judge: str
    """Identity of the judge."""
    also: Mapping[Role, str] = field(default_factory=dict)
    """Further judges: their role -> identity. Only tasks with several judges ask them."""
    way: Literal["choice", "likelihood"] = "choice"
    """How the judge is asked: for the number of an option in both orders, or by likelihood contrast."""
    items: int = 300
    """Persona and question pairs of the task."""
    answer_tokens: int = 256
    temperature: float = 0.0
    tie_margin: float = 0.01
    """A judge's probability within this of one half is a tie."""
    seed: int = 0
    template: str = "profile"
    """How personas are described. `profile` speaks to the person: it is for the judge, who plays that person;
    whoever reads about the person, as the target does, is given the same as a `story`, in the third person.
    Any other template is for both as it stands."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the task's own."""

    def profiles(self, *, leave_out: Sequence[str] = ()) -> dict[str, Described]:
        """Describe everybody, by `persona_id`; without some attributes, if they are named."""
        read = "story" if self.template == "profile" else self.template
        found = {}
        for row in self.personas.iter_rows(named=True):
            one = Persona.from_row(row)
            role = render(one, template=self.template, leave_out=leave_out)
            text = role if read == self.template else render(one, template=read, leave_out=leave_out)
            found[row["persona_id"]] = Described(text, role)
        return found


class Task(Protocol):
    """A benchmark."""

    meta: TaskMeta

    def play(self, bench: Bench) -> Play:
        """Ask stage by stage, and return the items."""
        ...

    def score(self, items: pl.DataFrame, counting: Counting) -> list[Score]:
        """Score the items; the first score of the main measure is the task's headline."""
        ...

    def audit(self, items: pl.DataFrame, counting: Counting) -> list[Finding]:
        """Hold the scores against the shortcuts that would explain them away."""
        ...

    def validate(self) -> None:
        """Prove on planted people that right answers score as they should, and cheats are found.

        Raises
        ------
        AssertionError
            If they do not.
        """
        ...
