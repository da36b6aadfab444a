"""A deployment walked through the taxonomy: answers in, a risk register out, with what is unanswered said.

Answers are a TOML file that a person can write, or that questions fill one by one; each is on disk before
the next is asked. The register joins them with what the taxonomy knows of each item. Nothing is inferred:
what nobody answered is unanswered, and a risk that "does not apply" without a reason is unanswered too.

    deployment = "Homework help for children"

    [items."I.R.6"]
    applies = true
    likelihood = 3                      # 1 rare to 5 almost certain
    impact = 4                          # 1 slight to 5 severe
    controls = ["rule:tutor.keep_little", "weekly deletion"]
    evidence = "deletion log of May"
    owner = "Data protection officer"
    review = 2027-05-01
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from populace.atomic import write_atomic
from populace.bounds.pages import page, plain
from populace.bounds.policy.tables import read_toml
from populace.bounds.taxonomy import Item, items, source
from populace.errors import DataError

__all__ = [
    "Answer",
    "Answers",
    "Register",
    "Row",
    "assess",
    "read_answers",
    "write_answers",
    "write_register",
]

_STATES = {
    "unanswered": "nobody answered",
    "does not apply": "with a reason",
    "incomplete": "likelihood or impact is lacking",
    "open": "no control in place, or nobody who answers for it",
    "held": "controls in place, an owner, and evidence that they work",
    "unproven": "controls and an owner, but no evidence",
    "claimed": "a benefit that is claimed without evidence",
    "shown": "a benefit with evidence",
}
"""What a row can be, and what that means."""
_LEVELS = ((16, "very high"), (10, "high"), (5, "medium"), (0, "low"))
"""Of likelihood times impact: a convention of this register, no standard's."""
_TEXTS = ("why", "evidence", "owner", "note")


class Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What somebody said of one item."""

    applies: bool | None = None
    why: str = ""
    """Why it does not apply."""
    likelihood: int | None = None
    impact: int | None = None
    controls: tuple[str, ...] = ()
    evidence: str = ""
    owner: str = ""
    review: datetime.date | None = None
    note: str = ""


class Answers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was said of a deployment."""

    deployment: str
    about: str = ""
    """What it is for, whom it serves, in which jurisdictions."""
    items: dict[str, Answer] = {}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the register."""

    id: str
    side: str
    scope: str
    title: str
    meaning: str
    status: str
    likelihood: int | None
    impact: int | None
    level: str
    """Of likelihood times impact; empty where one is lacking."""
    controls: tuple[str, ...]
    suggested: tuple[str, ...]
    """Controls that the taxonomy knows and that are not in place."""
    measures: tuple[str, ...]
    unmeasured: str
    evidence: str
    owner: str
    review: str
    note: str
    hazards: tuple[str, ...]
    nist: tuple[str, ...]
    air: tuple[str, ...]
    wording: str
    """How far the item's wording was checked."""


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """The risk register of a deployment."""

    deployment: str
    about: str
    made: str
    """The day."""
    source: str
    rows: tuple[Row, ...]

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Ids of what nobody answered."""
        return tuple(row.id for row in self.rows if row.status == "unanswered")

    def count(self, status: str) -> int:
        """Give the number of rows of a status."""
        return sum(row.status == status for row in self.rows)


def assess(answers: Answers, *, today: datetime.date | None = None) -> Register:
    """Make the register.

    Examples
    --------
    >>> given = Answers("Homework help", items={"I.R.6": Answer(applies=True, likelihood=3, impact=4)})
    >>> register = assess(given)
    >>> [(row.id, row.status, row.level) for row in register.rows if row.status != "unanswered"]
    [('I.R.6', 'open', 'high')]
    >>> len(register.unanswered)
    18
    """
    day = today or datetime.datetime.now(tz=datetime.UTC).date()
    rows = tuple(_row(each, answers.items.get(name, Answer())) for name, each in items().items())
    told = source()
    return Register(
        deployment=answers.deployment,
        about=answers.about,
        made=day.isoformat(),
        source=f"{told.cite}; {told.note}",
        rows=rows,
    )


def read_answers(path: str | Path) -> Answers:
    """Read answers.

    Raises
    ------
    DataError
        If the file is missing or malformed, names an item that there is not, or a number is not from 1 to 5.
    """
    file = Path(path)
    found = read_toml(file, Answers)
    for name, answer in found.items.items():
        if name not in items():
            raise DataError(f"there is no item {name!r}", file=file, fix=f"use one of {', '.join(items())}")
        for field in ("likelihood", "impact"):
            value = getattr(answer, field)
            if value is not None and not 1 <= value <= 5:
                raise DataError(f"{value} is not from 1 to 5", file=file, column=f"{name}.{field}")
    return found


def write_answers(path: str | Path, answers: Answers) -> None:
    """Write answers, whole or not at all; items that nobody answered stand as comments."""
    lines = [
        "# Answers for `populace bounds assess`.",
        "# likelihood and impact: 1 (rare, slight) to 5 (almost certain, severe).",
        f"deployment = {_text(answers.deployment)}",
        f"about = {_text(answers.about)}",
    ]
    for name, each in items().items():
        answer = answers.items.get(name)
        lines += ["", f"# {each.id}, a {each.side}: {each.title}. {each.meaning}"]
        if answer is None or answer == Answer():
            lines += [f'# [items."{name}"]', "# applies = true"]
            continue
        lines.append(f'[items."{name}"]')
        for field, value in msgspec.to_builtins(answer, builtin_types=(datetime.date,)).items():
            if value not in (None, "", ()):
                lines.append(f"{field} = {_value(value)}")
    write_atomic(path, ("\n".join(lines) + "\n").encode())


def write_register(folder: str | Path, register: Register) -> list[Path]:
    """Write `register.html`, `register.csv` and `register.json` into a folder."""
    base = Path(folder)
    counts = {status: register.count(status) for status in _STATES}
    shown = page("register", register=register, counts=counts, states=_STATES)
    files = {
        "register.html": shown.encode(),
        "register.csv": _csv(register).encode("utf-8-sig"),
        "register.json": msgspec.json.format(msgspec.json.encode(register), indent=2) + b"\n",
    }
    for name, data in files.items():
        write_atomic(base / name, data)
    return [base / name for name in files]


def _row(each: Item, answer: Answer) -> Row:
    product = (
        None if answer.likelihood is None or answer.impact is None else answer.likelihood * answer.impact
    )
    level = "" if product is None else next(name for least, name in _LEVELS if product >= least)
    lacking = tuple(name for name in each.controls if name not in answer.controls)
    return Row(
        id=each.id,
        side=each.side,
        scope=each.scope,
        title=each.title,
        meaning=each.meaning,
        status=_status(each, answer),
        likelihood=answer.likelihood,
        impact=answer.impact,
        level=level,
        controls=answer.controls,
        suggested=lacking,
        measures=each.measures,
        unmeasured=each.unmeasured,
        evidence=answer.evidence,
        owner=answer.owner,
        review="" if answer.review is None else answer.review.isoformat(),
        note=answer.why or answer.note,
        hazards=each.hazards,
        nist=each.nist,
        air=each.air,
        wording="a fragment agrees" if each.seen == "fragment" else "recalled",
    )


def _status(each: Item, answer: Answer) -> str:
    if answer.applies is None or (not answer.applies and not answer.why.strip()):
        return "unanswered"
    if not answer.applies:
        return "does not apply"
    if each.side == "benefit":
        return "shown" if answer.evidence.strip() else "claimed"
    if answer.likelihood is None or answer.impact is None:
        return "incomplete"
    if not answer.controls or not answer.owner.strip():
        return "open"
    return "held" if answer.evidence.strip() else "unproven"


def _csv(register: Register) -> str:
    """Write the rows; a cell that a spreadsheet would read as a formula gets an apostrophe."""
    out = io.StringIO()
    rows: list[Mapping[str, Any]] = [msgspec.to_builtins(row) for row in register.rows]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        cells = []
        for value in row.values():
            told = (
                "; ".join(value) if isinstance(value, list | tuple) else "" if value is None else str(value)
            )
            told = plain(told)
            cells.append(f"'{told}" if told[:1] in ("=", "+", "-", "@", "\t") else told)
        writer.writerow(cells)
    return out.getvalue()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_text, value))}]"
    return _text(value) if isinstance(value, str) else str(value)


def _text(value: str) -> str:
    """Write a TOML string: as JSON's, with the one control character that JSON leaves and TOML does not."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
