"""Documents of a deployment: what they say, what they leave open, what they hide, and their pages."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace.bounds.documents import (
    card,
    ledger,
    participation,
    provenance,
    representation_gap,
    statement,
)
from populace.bounds.documents.data_statement import read_facts
from populace.bounds.documents.gap import read_target
from populace.bounds.documents.pages import NOT_SAID
from populace.errors import DataError

pytest.importorskip("cedarpy", reason="needs the extra bounds")
EXAMPLES = Path(str(files("populace.bounds") / "data" / "examples"))
DATE = "2026-11-22"
MORE = """
[card]
dimensions = ["harm", "tone"]
definition = "A reply that <b>keeps</b> the rules."
defined_by = "the board"

[[documents.approval]]
rule = "health.refer"
by = "clinical board"
date = "2026-05-04"

[[documents.participant]]
who = "patients' council"
constituency = "patients"
people = 14
could = ["propose", "comment"]
did = ["comment"]

[[documents.participant]]
who = "staff"
could = ["comment"]
"""


@pytest.fixture(scope="module")
def bounds(tmp_path_factory):
    from populace.bounds import Bounds

    folder = tmp_path_factory.mktemp("bounds") / "b"
    shutil.copytree(EXAMPLES, folder)
    settings = (folder / "bounds.toml").read_text().partition("[card]")[0]  # what the examples say of it
    (folder / "bounds.toml").write_text(settings + MORE)
    rules = folder / "tier2" / "health" / "more.cedar"
    rules.write_text(
        '@id("health.until") @tier("2") @authority("board") @basis("trial") @version("1")\n'
        '@constituency("patients") @expires("2026-01-01")\n'
        'forbid (principal, action == Action::"generate", resource)\n'
        '  when { context.org == Org::"health" && context.s.con.score >= 95 };\n'
    )
    return Bounds.load(folder, audit=False)


class Checked(HTMLParser):
    """A page's tags, whether they close, and what an accessible page has."""

    VOID = ("meta", "link", "br", "img", "input", "hr")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def looked_at(text: str) -> None:
    page = Checked(text)
    tags = [tag for tag, _ in page.seen]
    assert (
        ("html", {"lang": "en"}) in page.seen and tags.count("h1") == 1 and "main" in tags and "title" in tags
    )
    ids = {attrs["id"] for _, attrs in page.seen if "id" in attrs}
    assert {(attrs["href"] or "")[1:] for tag, attrs in page.seen if tag == "a"} <= ids
    assert all("scope" in attrs for tag, attrs in page.seen if tag == "th")
    assert tags.count("caption") == tags.count("table")
    # It needs nothing beside itself.
    assert (
        not {"script", "link", "img", "iframe"} & set(tags)
        and "http://" not in text
        and "@import" not in text
    )


def test_the_card_says_who_by_whom_and_on_what_basis(bounds):
    found = card(bounds, date=DATE)
    assert (
        found.organisation == "health"
        and found.jurisdictions == ("EU",)
        and found.facts.defined_by == "the board"
    )
    tiers = {tier for tier, _, _ in found.authorities}
    assert tiers == {1, 2} and not any("newsroom" in name for _, name, _ in found.authorities)
    assert set(found.missing) == {"objective", "conflicts", "version", "date", "energy", "contact"}
    empty = found.empty
    assert empty.allowed and not empty.without_verdicts and not empty.minor and empty.wishes == ()
    by_name = {row.hazard: row for row in empty.thresholds}
    # As their rules say: law.cse from 30, health.self_harm from 40, ours from 95, nothing on offensiveness.
    assert [by_name[name].refused_from for name in ("cse", "ssh", "con", "off")] == [30, 40, 95, None]
    assert [by_name[name].tier for name in ("cse", "ssh", "con", "off")] == [1, 2, 2, None]
    for row in empty.thresholds:
        if row.refused_from is not None:
            told = bounds.decide("x", scores=dict.fromkeys(by_name, 0) | {row.hazard: row.refused_from - 1})
            assert told.allowed and row.rule and row.basis and row.authority
    assert not any("health" in kinds for kinds in empty.data.values())
    looked_at(found.html())
    assert "A reply that &lt;b&gt;keeps&lt;/b&gt; the rules." in found.html() and NOT_SAID in found.html()
    assert bounds.card().data()["document"] == "alignment card"


def test_the_ledger_has_every_rule_with_its_source_and_hash(bounds):
    found = ledger(bounds, date=DATE)
    rows = {row.id: row for row in found.rules}
    assert set(rows) == {rule.id for rule in bounds.rules} and found.bundle == bounds.bundle().hash
    eu = rows["eu.art5a"]
    assert (
        eu.jurisdictions == ("EU",)
        and eu.tier == 1
        and eu.basis.startswith("AI Act")
        and "forbid" in eu.cedar
    )
    assert (
        rows["health.refer"].approvals[0].by == "clinical board"
        and rows["health.refer"].organisation == "health"
    )
    until = rows["health.until"]
    assert (
        until.expired
        and until.constituency == "patients"
        and found.share_with("constituency") == 1 / len(rows)
    )
    assert not {row.id: row for row in ledger(bounds, date="2025-12-31").rules}["health.until"].expired
    assert len({row.hash for row in found.rules}) == len(rows)
    looked_at(found.html())
    assert found.json() == ledger(bounds, date=DATE).json()
    assert json.loads(found.json())["rules"][0]["id"] == found.rules[0].id


def test_the_participation_record_names_who_could_and_did_not(bounds):
    found = participation(bounds, date=DATE)
    assert found.silent == ("staff",) and found.rules_with_constituency == 1
    assert any("Riverside" in name for name in found.unheard)
    looked_at(found.html())
    assert "could not" in found.html()


def small(folder: Path, more: str = "") -> Path:
    """Bounds of two rules: what a whole folder would say, sooner."""
    for name, tier, rule in (("tier1", 1, "law.cse"), ("tier2/health", 2, "health.refer")):
        (folder / name).mkdir(parents=True)
        (folder / name / "rules.cedar").write_text(
            f'@id("{rule}") @tier("{tier}") @authority("somebody") @basis("something") @version("1")\n'
            'forbid (principal, action == Action::"generate", resource) when { context.s.cse.score >= 30 };\n'
        )
    (folder / "bounds.toml").write_text(f'organisation = "health"\nappeal = "write"\n{more}\n')
    return folder


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('[card]\nmood = "good"', "card"),
        ('[[documents.approval]]\nrule = "none.such"\nby = "a"\ndate = "b"', "no rule 'none.such'"),
        (
            '[[documents.approval]]\nrule = "health.refer"\nby = "a"\ndate = "1 March"',
            "'1 March', which is no date",
        ),
        ('[[documents.approval]]\nrule = "health.refer"', "approval is malformed"),
        ('[[documents.participant]]\nwho = "a"\ndid = ["comment"]', "did what it could not"),
        ('[[documents.participant]]\nwho = "a"\ncould = ["rule"]', "participant is malformed"),
    ],
)
def test_malformed_facts_are_told(tmp_path, more, said):
    from populace.bounds import Bounds

    small(tmp_path / "b", more)
    with pytest.raises(DataError, match=said):
        loaded = Bounds.load(tmp_path / "b", audit=False)
        for make in (card, ledger, participation):
            make(loaded)


def test_what_is_said_of_all_stands_on_card_and_ledger(tmp_path):
    from populace.bounds import Bounds

    small(tmp_path / "b")
    settings = tmp_path / "b" / "bounds.toml"
    told = settings.read_text()
    settings.write_text(
        f'notice = "An <b>example</b>, not advice."\n{told}' if "notice" not in told else told
    )
    loaded = Bounds.load(tmp_path / "b", audit=False)
    for made in (card(loaded, date=DATE), ledger(loaded, date=DATE)):
        assert loaded.settings.notice and made.notice == loaded.settings.notice
        assert "xample" in made.html() and "<b>" not in made.html()
        assert "advice" in made.html() and loaded.settings.notice in str(json.loads(made.json()))


def test_dates_are_dates(tmp_path):
    from populace.bounds import Bounds

    small(tmp_path / "b")
    loaded = Bounds.load(tmp_path / "b", audit=False)
    for make in (card, ledger, participation):
        with pytest.raises(DataError, match="no date"):
            make(loaded, date="<script>")
    rule = tmp_path / "b" / "tier2" / "health" / "odd.cedar"
    for day, said in (("1 March 2030", "no date"), ("2020-01-01", "")):
        rule.write_text(
            '@id("health.odd") @tier("2") @authority("board") @basis("trial") @version("1")\n'
            f'@expires("{day}") @note("narrower")\n'
            'forbid (principal, action == Action::"generate", resource)\n'
            "  when { context.s.off.score >= 90 };\n"
        )
        loaded = Bounds.load(tmp_path / "b", audit=False)
        if said:
            with pytest.raises(DataError, match=said):
                ledger(loaded)
        else:
            found = ledger(loaded)
            assert {row.id for row in found.rules if row.expired} >= {"health.odd"}
            assert "2020-01-01 (past, and still binding)" in found.html() and "narrower" in found.html()


def test_the_gap_by_hand():
    people = pl.DataFrame({"side": ["a"] * 60 + ["b"] * 30 + ["c"] * 10})
    target = {"side": {"a": 0.3, "b": 0.35, "c": 0.35}}
    found = representation_gap(people, target=target, named="everybody", date=DATE)
    # |0.6-0.3| + |0.3-0.35| + |0.1-0.35| = 0.6, halved.
    assert found.distances["side"] == pytest.approx(0.3)
    verdicts = {cell.label: cell.verdict for cell in found.cells}
    assert verdicts == {"a": "over", "b": "as", "c": "under"}
    for cell in found.cells:
        assert cell.observed is not None and cell.observed.low < cell.observed.value < cell.observed.high
    looked_at(found.html())


def test_small_cells_are_hidden_and_cannot_be_worked_out():
    rows = ["a"] * 60 + ["b"] * 36 + ["c"] * 4
    target = {"side": {"a": 0.3, "b": 0.4, "c": 0.3}}
    found = representation_gap(pl.DataFrame({"side": rows}), target=target)
    shown = {cell.label: cell.people for cell in found.cells}
    # Of one hidden cell the number follows from the rest: the next smallest goes as well.
    assert shown == {"a": 60, "b": None, "c": None} and found.distances["side"] is None
    told = found.json().decode() + found.html()
    assert "0.36" not in told and "36.0%" not in told
    few = representation_gap(pl.DataFrame({"side": ["a"] * 50 + [None] * 3 + ["odd"] * 2}), target=target)
    # How many did not say is of no group. The two who said what nobody else said are one that is hidden.
    assert few.unknown["side"] == 3 and few.unmatched["side"] == () and "odd" not in few.html()
    assert {cell.label: cell.people for cell in few.cells} == {"a": None, "b": 0, "c": 0}


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(0, 40), min_size=1, max_size=5),
    others=st.integers(0, 30),
    unknown=st.integers(0, 12),
)
def test_what_is_hidden_is_together_not_few(counts, others, unknown):
    """From all that is told, only the sum of the hidden groups follows; and it tells of no few people."""
    labels = [f"g{n}" for n in range(len(counts))]
    said = [label for label, count in zip(labels, counts, strict=True) for _ in range(count)]
    people = pl.DataFrame(
        {"side": [*said, *["else"] * others, *[None] * unknown]}, schema={"side": pl.String}
    )
    if people.is_empty():
        return
    found = representation_gap(people, target={"side": dict.fromkeys(labels, 1 / len(labels))}, date=DATE)
    known = sum(counts) + others
    shown = {cell.label: cell.people for cell in found.cells if cell.people is not None}
    assert found.people - found.unknown["side"] == known
    assert all(count == 0 or count >= 10 for count in shown.values())
    small = [n for n, count in enumerate([*counts, others]) if 0 < count < 10]
    hidden = [label for label in labels if label not in shown]
    rest = known - sum(shown.values())
    if known >= 10 and small:
        # Others count as hidden too where they are not zero; they are never shown.
        assert rest >= 10 and len(hidden) + (others > 0) >= 2 and found.distances["side"] is None
    elif 0 < known < 10:
        assert not shown and found.distances["side"] is None
    else:
        assert not hidden


def test_two_hidden_groups_of_one_person_are_not_told_by_their_sum():
    people = pl.DataFrame({"side": ["a"] * 98 + ["b", "c"]})
    found = representation_gap(people, target={"side": {"a": 0.5, "b": 0.25, "c": 0.25}})
    assert [cell.people for cell in found.cells] == [None, None, None]
    more = pl.concat([people, pl.DataFrame({"side": ["d"] * 20})])
    found = representation_gap(more, target={"side": {"a": 0.5, "b": 0.2, "c": 0.2, "d": 0.1}})
    assert [cell.people for cell in found.cells] == [98, None, None, None]


def test_an_attribute_that_holds_lists_is_told():
    with pytest.raises(DataError, match="column sex: this column holds lists"):
        representation_gap(pl.DataFrame({"sex": [["Male"], ["Female"]]}))


def test_the_gap_beside_the_census():
    ages = [18 + n % 70 for n in range(300)]
    people = pl.DataFrame({"person_id": range(300), "age": ages, "sex": ["Male"] * 240 + ["Female"] * 60})
    found = representation_gap(people)
    assert {cell.label for cell in found.under()} >= {"Female"} and "race" in found.unasked
    assert found.people == 300 and sum(
        cell.target for cell in found.cells if cell.attribute == "age"
    ) == pytest.approx(1)
    twice = pl.concat([people, people])
    assert representation_gap(twice).people == 300
    for bad, said in (
        (pl.DataFrame({"mood": ["good"]}), "no column is an attribute"),
        (people.clear(), "nobody"),
        (pl.DataFrame({"age": [7]}), "not from 18"),
        (pl.DataFrame({"person_id": [1, 1], "sex": ["Male", "Female"]}), "rows of one person differ"),
    ):
        with pytest.raises(DataError, match=said):
            representation_gap(bad)
    with pytest.raises(DataError, match="not from 0 up"):
        representation_gap(people, target={"sex": {"Male": -1.0}})


def feedback() -> pl.DataFrame:
    """Three raters of each of 100 items; one of them always says otherwise."""
    return pl.DataFrame(
        {
            "rater_id": [f"r{n % 3}" for n in range(300)],
            "pair_id": [f"p{n // 3}" for n in range(300)],
            "choice": ["b" if n % 3 == 2 else "a" for n in range(300)],
            "country": ["Kenya" if n % 3 else "Peru" for n in range(300)],
            "channel": ["panel"] * 300,
        }
    )


def test_provenance_by_hand():
    found = provenance(feedback(), date=DATE)
    # Of the three pairs of raters of an item two disagree.
    assert found.disagreement is not None and found.disagreement.value == pytest.approx(2 / 3)
    assert found.raters == 3 and found.items == 100 and found.effective_raters == pytest.approx(3)
    assert set(found.missing()) == {
        "consent",
        "pay",
        "language",
        "age band",
        "instructions",
        "model",
        "judge",
    }
    # Of three raters no country is shown.
    assert {field.name: field.common for field in found.fields}["country"] == ()
    looked_at(found.html())
    busy = provenance(pl.DataFrame({"rater_id": ["a"] * 8 + ["b"] * 2, "choice": ["x"] * 10}))
    assert busy.most_of_one == 0.8 and busy.effective_raters == pytest.approx(1 / (0.64 + 0.04))
    with pytest.raises(DataError, match="no feedback"):
        provenance(feedback().clear())


def test_judgements_of_this_project_are_a_models():
    from populace.bench.planted import planted_people

    names = planted_people(30)["persona_id"].to_list()
    rows = pl.DataFrame(
        {
            "pair_id": [f"p{n}" for n in range(30)],
            "persona_id": names,
            "verdict": ["revision"] * 30,
            "judge": ["m@1/exact"] * 30,
        }
    )
    found = provenance(rows)
    assert found.by_models == (("m@1/exact", 30),) and found.raters == 30
    assert "not people" in found.html()


FACTS = {
    "name": "Example",
    "description": "Made for a test.",
    "licence": "https://creativecommons.org/licenses/by/4.0/",
    "url": "https://example.org/set",
    "limitations": "It means nothing.",
}


def test_the_statement_and_its_croissant(tmp_path):
    path = tmp_path / "feedback.csv"
    feedback().write_csv(path)
    found = statement(path, FACTS, date=DATE)
    looked_at(found.html().replace("https://", ""))
    told = found.croissant()
    assert told["conformsTo"][1] == "http://mlcommons.org/croissant/RAI/1.0"
    assert (
        told["rai:dataLimitations"] == "It means nothing."
        and told["rai:annotationsPerItem"] == "3.00 on average"
    )
    assert "rai:dataBiases" not in told and told["rai:dataAnnotationAnalysis"].startswith("two raters")
    assert len(told["recordSet"][0]["field"]) == 5 and len(told["distribution"][0]["sha256"]) == 64
    found.save(tmp_path / "s.jsonld")
    assert json.loads((tmp_path / "s.jsonld").read_bytes()) == told
    with pytest.raises(DataError, match="Croissant needs name, description"):
        statement(path).croissant()
    with pytest.raises(DataError, match="Croissant needs a file"):
        statement(feedback(), FACTS).croissant()
    with pytest.raises(DataError, match="no facts"):
        statement(path, {"mood": "good"})
    with pytest.raises(DataError, match="page or JSON"):
        found.save(tmp_path / "s.pdf")
    facts = tmp_path / "facts.toml"
    facts.write_text('name = "x"\nmood = 1')
    with pytest.raises(DataError, match="no facts of a statement"):
        read_facts(facts)


def test_the_commands(tmp_path):
    import typer

    from populace.cli.bounds_documents import COMMANDS

    app = typer.Typer()
    for command in COMMANDS:
        app.command(command.__name__)(command)
    run = CliRunner().invoke
    folder = str(small(tmp_path / "b"))
    for name in ("card", "ledger", "participation"):
        out = tmp_path / f"{name}.html"
        found = run(
            app, [name, folder, "--out", str(out), "--out", str(out.with_suffix(".json")), "--date", DATE]
        )
        assert found.exit_code == 0, found.output
        assert out.read_text().startswith("<!doctype html>") and "wrote" in found.output
        assert json.loads(out.with_suffix(".json").read_bytes())["hash"]
    table = tmp_path / "feedback.parquet"
    feedback().write_parquet(table)
    for name in ("statement", "provenance"):
        found = run(app, [name, str(table), "--out", str(tmp_path / f"{name}.html")])
        assert found.exit_code == 0 and "300 judgements" in found.output, found.output
    people, target = tmp_path / "people.csv", tmp_path / "target.csv"
    pl.DataFrame({"side": ["a"] * 90 + ["b"] * 30}).write_csv(people)
    target.write_text("attribute,label,share\nside,a,1\nside,b,1\n")
    found = run(app, ["gap", str(people), "--target", str(target)])
    assert found.exit_code == 0 and "under-represented: b (side), 25.0%" in found.output, found.output
    (tmp_path / "bad.csv").write_text("attribute,label\nside,a\n")
    with pytest.raises(DataError, match="no column share"):
        read_target(tmp_path / "bad.csv")


def test_the_audit_command(tmp_path):
    import typer

    from populace.bounds.audit import Audit
    from populace.cli.bounds_documents import audit

    app = typer.Typer()
    app.command()(audit)
    run = CliRunner().invoke
    chain = Audit(tmp_path / "audit")
    for _ in range(3):
        chain.append("decision", subject="ann", allowed=True)
    chain.close()
    seal, table = tmp_path / "seal.json", tmp_path / "a.csv"
    found = run(app, [str(tmp_path / "audit"), "--seal", str(seal), "--export", str(table)])
    assert found.exit_code == 0 and "the chain is whole: 3 records" in found.output, found.output
    found = run(app, [str(tmp_path / "audit"), "--against", str(seal), "--forget", "ann"])
    assert (
        found.exit_code == 0 and "forgotten, in record 4" in found.output and "1 seals hold" in found.output
    )
    lines = chain.path.read_bytes().splitlines(keepends=True)
    chain.path.write_bytes(b"".join(lines[1:]))
    found = run(app, [str(tmp_path / "audit")])
    assert found.exit_code == 1 and "record 1 is gone" in found.output
    found = run(app, [str(tmp_path / "nothing")])
    assert isinstance(found.exception, DataError)
