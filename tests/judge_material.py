"""Material of a small judging study, and a rater who goes through it; for the tests of judging."""

from __future__ import annotations

import itertools
from pathlib import Path

import polars as pl

SURVEY = """
[[items]]
id = "trust"
question = "Can most people be trusted?"
options = ["Always", "Sometimes", "Never"]
[[items]]
id = "tech"
question = "Should programs decide about loans?"
options = ["Yes", "No"]
ordered = false
"""


def write_material(folder: Path, personas: int = 4, questions: int = 6) -> None:
    """Write pairs.parquet, personas.parquet and survey.toml; answers say which is `first`."""
    rows = [
        (f"p{p}", f"q{q}", f"Question {q} of p{p}?", f"FIRST {p} {q}", f"SECOND {p} {q}")
        for p, q in itertools.product(range(personas), range(questions))
    ]
    names = ["persona_id", "prompt_id", "prompt", "first", "second"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(folder / "pairs.parquet")
    people = {
        "persona_id": [f"p{p}" for p in range(personas)],
        "text": [f"Meet person {p} <b>& co</b>. They live." for p in range(personas)],
    }
    pl.DataFrame(people).write_parquet(folder / "personas.parquet")
    (folder / "survey.toml").write_text(SURVEY)


def options(folder: Path, **more: object) -> dict[str, object]:
    """Give options of a study of this material."""
    return {"pairs": folder / "pairs.parquet", "personas": folder / "personas.parquet", "seed": 5} | more


def placed(task, said):
    """Give the place on the page of a verdict, or of an option counted from 0."""
    names = ["first", "second"] if task.is_pair else [str(n) for n in range(len(task.options))]
    if said not in names:
        return said
    place = names.index(said)
    return str(1 + (place if task.order == "forward" else len(names) - 1 - place))


class Rater:
    """Goes through a study at the desk."""

    def __init__(self, desk, token) -> None:
        self.desk, self.token = desk, token

    def answer(self, said=None, reason="", task=None):
        """Answer what is next (or a task); passes checks unless told what to say."""
        task = task or self.desk.look(self.token).task
        if said is None:
            said = "first" if task.is_pair else "0"
            if task.kind == "survey check":
                place = next(n for n, (_, text) in enumerate(task.options) if f"“{text}”" in task.text)
                said = str(place if task.order == "forward" else len(task.options) - 1 - place)
        return self.desk.send(
            self.token, item_id=task.item_id, revision=task.revision, form=task.form,
            choice=placed(task, said), reason=reason,
        )  # fmt: skip

    def finish(self, said=None):
        """Answer everything that is left."""
        while self.desk.look(self.token).state == "task":
            assert self.answer(said).outcome == "stored"
