"""The taxonomy: 19 items whose every name exists; a deployment walked through it, and what is unanswered."""

from __future__ import annotations

import csv
import datetime
import io
import json
from importlib import import_module, resources
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from populace.bounds import taxonomy
from populace.bounds.assessing import Answer, Answers, assess, read_answers, write_answers, write_register
from populace.bounds.hazards import hazard, hazards
from populace.cli.bounds_assess import assess as command
from populace.errors import DataError

EXAMPLES = Path(str(resources.files("populace.bounds") / "data" / "examples"))
NIST = {  # the 12 risks of NIST AI 600-1, as ai-atlas-nexus' ibm2nistgenai.tsv labels them
    "CBRN Information or Capabilities",
    "Confabulation",
    "Dangerous, Violent, or Hateful Content",
    "Data Privacy",
    "Environmental Impacts",
    "Harmful Bias and Homogenization",
    "Human-AI Configuration",
    "Information Integrity",
    "Information Security",
    "Intellectual Property",
    "Obscene, Degrading, and/or Abusive Content",
    "Value Chain and Component Integration",
}


def resolve(name):
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"there is no {name}")


def test_there_are_nineteen_items():
    ids = list(taxonomy.items())
    assert ids == [
        *(f"I.B.{n}" for n in range(1, 5)),
        *(f"I.R.{n}" for n in range(1, 7)),
        *(f"S.B.{n}" for n in range(1, 5)),
        *(f"S.R.{n}" for n in range(1, 6)),
    ]
    sides = [each.side for each in taxonomy.items().values()]
    assert (sides.count("benefit"), sides.count("risk")) == (8, 11)
    assert "paraphrase" in taxonomy.source().note
    # Those of which no fragment was found say so.
    assert [each.id for each in taxonomy.items().values() if each.seen == "recalled"] == ["I.R.2", "I.R.5"]
    with pytest.raises(DataError, match="no item"):
        taxonomy.item("I.R.7")


@pytest.mark.parametrize("item", taxonomy.items().values(), ids=lambda item: item.id)
def test_every_name_of_an_item_exists(item):
    pytest.importorskip("cedarpy", reason="the extra bounds is not installed")
    pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
    from populace.bounds.policy.folder import read_folder

    folder = read_folder(EXAMPLES)
    known = {"rule": {rule.id for rule in folder.rules}, "duty": folder.duties, "wish": folder.choices}
    for name in (*item.controls, *item.measures):
        kind, colon, of = name.partition(":")
        assert of in known[kind] if colon else resolve(name) is not None, name
    assert all(hazard(name).name == name for name in item.hazards)
    assert set(item.nist) <= NIST
    assert bool(item.nist_basis) == bool(item.nist or item.nist_note)
    # What has no measure says what would have to be measured.
    assert item.measures or item.unmeasured
    assert item.side == "risk" or item.inverse or item.id.startswith("S.B")


def test_hazards_are_those_of_ailuminate_and_ours():
    told = list(hazards().values())
    assert [each.name for each in told][15:] == ["off", "man", "ant", "con"]
    assert all(each.source == "AILuminate v1.0" and each.llama_guard for each in told[:15])
    assert {each.llama_guard for each in told[:15]} == {f"S{n}" for n in range(1, 14)}
    names = [name for each in told for name in (each.name, *each.aliases)]
    assert len(names) == len(set(names))


def test_a_register_says_what_nobody_answered():
    given = Answers(
        "Homework help",
        items={
            "I.R.6": Answer(applies=True, likelihood=4, impact=4, controls=("rule:eu.gdpr7_3",), owner="DPO"),
            "I.R.2": Answer(applies=True, likelihood=2, impact=2),
            "I.R.4": Answer(applies=True, controls=("x",), owner="me"),
            "S.R.3": Answer(
                applies=True, likelihood=5, impact=5, controls=("x",), owner="me", evidence="test"
            ),
            "S.R.4": Answer(applies=False, why="nothing is automated"),
            "S.R.5": Answer(applies=False),
            "I.B.1": Answer(applies=True),
            "I.B.2": Answer(applies=True, evidence="trial"),
        },
    )
    register = assess(given, today=datetime.date(2026, 11, 22))
    rows = {row.id: row for row in register.rows}
    told = {name: (rows[name].status, rows[name].level) for name in given.items}
    assert told == {
        "I.R.6": ("unproven", "very high"),  # 16
        "I.R.2": ("open", "low"),  # 4
        "I.R.4": ("incomplete", ""),
        "S.R.3": ("held", "very high"),  # 25
        "S.R.4": ("does not apply", ""),
        "S.R.5": ("unanswered", ""),  # it says no, and not why
        "I.B.1": ("claimed", ""),
        "I.B.2": ("shown", ""),
    }
    assert len(register.unanswered) == 19 - 7
    assert "rule:eu.gdpr7_3" not in rows["I.R.6"].suggested
    assert "rule:health.care_only" in rows["I.R.6"].suggested


def test_answers_and_register_survive_hostile_words(tmp_path):
    words = 'a "quoted" \\ <script>alert(1)</script>\n=1+1 \u202e\u007f'
    answer = Answer(
        applies=True,
        likelihood=1,
        impact=5,
        controls=(words, "b"),
        owner="=cmd()",
        review=datetime.date(2027, 5, 1),
    )
    given = Answers(words, about=words, items={"I.R.6": answer})
    write_answers(tmp_path / "a.toml", given)
    assert read_answers(tmp_path / "a.toml") == given
    files = write_register(tmp_path / "out", assess(given))
    assert [file.name for file in files] == ["register.html", "register.csv", "register.json"]
    page = files[0].read_text("utf-8")
    assert "<script" not in page and "\u202e" not in page and "http" not in page.split("</style>")[1]
    assert "18 of 19 items are unanswered" in page
    rows = list(csv.DictReader(io.StringIO(files[1].read_text("utf-8-sig"))))
    assert len(rows) == 19
    owners = {row["id"]: row["owner"] for row in rows}
    assert owners["I.R.6"] == "'=cmd()"
    assert len(json.loads(files[2].read_bytes())["rows"]) == 19


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("deployment = 3", "row 1: Expected"),
        ('deployment = "x"\n[items."I.R.9"]\napplies = true', "no item"),
        ('deployment = "x"\n[items."I.R.1"]\nlikelihood = 6', "not from 1 to 5"),
        ('deployment = "x"\n[items."I.R.1"]\nlikely = 6', "likely"),
        ("deployment = ", "row 1"),
    ],
)
def test_bad_answers_are_told_with_their_place(tmp_path, text, what):
    file = tmp_path / "a.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(DataError, match=what) as told:
        read_answers(file)
    assert "a.toml" in str(told.value)


def test_the_command_asks_and_goes_on_where_it_stopped(tmp_path):
    app = typer.Typer()
    app.command()(command)
    runner, file = CliRunner(), tmp_path / "demo.toml"
    first = runner.invoke(app, [str(file)])
    assert first.exit_code == 0 and "19 items" in first.output
    assert read_answers(file) == Answers("demo")
    # The input ends in the middle, as by Ctrl-C: I.B.1 yes, I.B.2 later, I.B.3 no, then nothing.
    runner.invoke(app, [str(file), "--ask"], input="y\na trial\n\nn\nno editor\n")
    kept = read_answers(file).items
    assert set(kept) == {"I.B.1", "I.B.3"}
    # It asks of what is unanswered alone, and a number that is none again.
    went_on = runner.invoke(
        app, [str(file), "--ask"], input="\n\ny\n9\n2\n3\nwish:brief, mine\n\nme\n" + "\n" * 20
    )
    assert "I.B.1" not in went_on.output.split("I.B.2")[0]
    assert read_answers(file).items["I.R.1"] == Answer(
        applies=True, likelihood=2, impact=3, controls=("wish:brief", "mine"), owner="me"
    )
    assert went_on.exit_code == 0 and "unanswered: 16 of 19" in went_on.output
    assert (tmp_path / "demo-register" / "register.html").is_file()
    strict = runner.invoke(app, [str(file), "--strict"])
    assert strict.exit_code == 1
