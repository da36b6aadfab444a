"""The memory's surface: its commands, work that was killed, what a deletion reaches, who is read for what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typer.testing import CliRunner

from populace.cli.memory import app
from populace.errors import DataError, ModelError
from populace.memory import Consent, Item, PersonaDB
from populace.memory.auditing import audit_table
from populace.memory.calls import asked, calls_folder
from populace.models.records import Failure, GenerateRequest, Message
from populace.models.scripted import Scripted

pytest_plugins = ["memory_fixtures"]

OPTIONS = ("Yes", "No")
TOPICS = ("guns", "taxes", "schools", "trees", "trains", "borders")


def answers(side: int, topics: tuple[str, ...] = TOPICS) -> list[Item]:
    return [Item(text=f"More {topic}?", response=OPTIONS[side], options=OPTIONS) for topic in topics]


def answer(*statements: tuple[str, str, str]) -> str:
    names = ("field", "about", "says")
    return json.dumps({"statements": [dict(zip(names, each, strict=True)) for each in statements]})


def holds(folder: Path, needle: bytes) -> list[str]:
    """Name the files that hold bytes."""
    return [path.name for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes()]


# Commands


def run(*words: object, code: int = 0) -> str:
    shown = CliRunner().invoke(app, [str(word) for word in words])
    assert shown.exit_code == code, shown.output
    return shown.stdout


def told(*words: object) -> dict:
    return json.loads(run(*words, "--json"))


def test_a_life_by_commands_that_a_machine_reads(tmp_path):
    store, rows = tmp_path / "people.db", tmp_path / "rows.jsonl"
    with rows.open("w") as file:
        for n in range(50):
            for each in answers(n % 2, TOPICS if n else TOPICS[:3]):
                options = list(each.options)
                row = {"person_id": f"p{n}", "text": each.text, "response": each.response, "options": options}
                file.write(json.dumps(row) + "\n")
        file.write(json.dumps({"person_id": "p0", "text": "You?", "response": "I work as a nurse."}) + "\n")
    assert told("add", store, rows)["new"] == 49 * 6 + 4
    run("describe", store, "p0", "age=36", "region=north")
    assert told("distill", store)["statements"] == 1
    assert told("distill", store)["people"] == 0
    assert told("induce", store)["statements"] == 0
    assert "places made" in run("place", store)
    choices = told("choose", store)
    assert [each["items"] for each in choices] == [3, 10, 40]
    assert told("choose", store) == choices
    found = told("retrieve", store, "p0", "More guns?", "--share", "0.5", "--neighbours", "5")
    layers = {hit["layer"] for hit in found["hits"]}
    assert layers == {"attribute", "distilled", "history"} and found["tokens"] <= 400
    assert "profession: nurse" in run("retrieve", store, "p0", "More guns?")
    said = told("predict", store, "p0", "More trains?", "--same-question")
    assert said["options"] == ["Yes", "No"] and said["probabilities"][0] > 0.8 and said["known"] == 3
    assert said["calibration"]["accuracy"]["value"] > 0.9
    assert "anybody" in run("predict", store, "-", "More trains?", "--attribute", "age=36")
    counted = told("count", store, "p0", "More guns?", "--option", "Yes", "--option", "No", "--epsilon", "1")
    assert counted["neighbours"] == 49 and set(counted["counts"]) == {"Yes", "No"}
    assert told("explain", store, "p0")["person_id"] == "p0"
    actions = {line["action"] for line in told("audit", store, "--last", "1000")}
    assert {"retrieve", "fit", "count 1"} <= actions
    assert told("forget", store, "p0", "--yes")["overwritten"] is True
    assert told("check", store) == {"wrong": [], "people": 49}
    assert holds(tmp_path, b"nurse") == ["rows.jsonl"]


def test_what_is_wrong_is_said_by_commands(tmp_path):
    store, rows = tmp_path / "people.db", tmp_path / "rows.jsonl"
    rows.write_text('{"person_id": "ada", "text": "Tea?", "response": "Yes"}\n')
    run("add", store, rows)
    runner = CliRunner()

    def fails(*words: object) -> Exception:
        found = runner.invoke(app, [str(word) for word in words])
        assert found.exit_code == 1 and isinstance(found.exception, (DataError, ModelError)), found.output
        return found.exception

    assert "nobody" in str(fails("predict", store, "bob", "Tea?", "--option", "Yes", "--option", "No"))
    assert "NAME=VALUE" in str(fails("describe", store, "ada", "age"))
    assert "no number" in str(fails("retrieve", store, "ada", "Tea?", "--share", "many"))
    assert "nobody" in str(fails("distill", store, "--person", "bob"))
    assert "own words" in str(fails("predict", store, "ada", "Tea?"))
    assert "cannot be read" in str(fails("read", tmp_path / "absent.json"))
    fails("distill", store, "--model", "absent")
    assert "no memory here" in str(fails("explain", tmp_path / "none.db", "ada"))


# Work that was killed, and what it leaves


CHILD = """
import os, signal, sys
from populace.memory import PersonaDB
from populace.models.scripted import Scripted
done = 0
def text(request):
    global done
    done += 1
    if done > 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return ANSWER
with PersonaDB.open(sys.argv[1], actor="child") as db:
    db.distill(Scripted(text=text, concurrency=1), batch=1)
"""


@pytest.fixture
def killed(tmp_path):
    """A store of 12 people with one item each, of whom a killed process asked a model about eight."""
    where = tmp_path / "people.db"
    with PersonaDB.open(where) as db:
        for n in range(12):
            db.add(f"p{n}", Item(text="Who are you?", response=f"A number {n}."))
    script = CHILD.replace("ANSWER", repr(answer(("notes", "", "secretive"))))
    child = subprocess.run([sys.executable, "-c", script, str(where)], capture_output=True, check=False)
    assert child.returncode == -signal.SIGKILL, child.stderr
    return where


def test_a_killed_distillation_goes_on_where_it_stopped(killed):
    again = []
    with PersonaDB.open(killed) as db:
        folder = calls_folder(db.store)
        assert folder.stat().st_mode & 0o077 == 0 and holds(folder, b"secretive")
        model = Scripted(text=lambda request: again.append(request) or answer(("notes", "", "secretive")))
        done = db.distill(model, batch=1)
        assert (done.people, done.statements, done.failed) == (12, 12, 0)
        assert len(again) == 4
        assert not folder.exists() and db.check() == []


def test_a_deletion_reaches_what_a_killed_process_left_of_a_model(killed, tmp_path):
    with PersonaDB.open(killed) as db:
        assert holds(calls_folder(db.store), b"secretive")
        assert db.forget("p0").overwritten
        assert not calls_folder(db.store).exists()
        assert not holds(tmp_path, b"secretive")


def test_calls_in_use_are_said_and_go_later(tmp_path):
    where = tmp_path / "people.db"
    request = GenerateRequest(model="scripted@1/exact", messages=(Message("user", "Who?"),), max_tokens=9)
    with PersonaDB.open(where) as db:
        db.add("ada", Item(response="I am a nurse."))
        db.add("bob", Item(response="I am a farmer."))

        def forgetting(_: GenerateRequest) -> str:
            assert not db.forget("bob", patience=0.0).overwritten
            return "A nurse."

        with asked(db.store, "test", [request], Scripted(text=forgetting), stage="test") as results:
            assert [each.text for each in results if not isinstance(each, Failure)] == ["A nurse."]
            assert calls_folder(db.store).exists()
        assert not calls_folder(db.store).exists()
        with pytest.raises(RuntimeError), asked(db.store, "test", [request], Scripted(), stage="test"):
            raise RuntimeError("the caller fails")
        assert calls_folder(db.store).exists()
    with PersonaDB.open(where) as db:  # the deletion still owed its bytes: opening pays
        assert not calls_folder(db.store).exists()


def test_a_folder_of_calls_that_others_may_read_is_refused(tmp_path):
    with PersonaDB.open(tmp_path / "people.db") as db:
        db.add("ada", Item(response="I am a nurse."))
        calls_folder(db.store).mkdir()
        calls_folder(db.store).chmod(0o755)
        with pytest.raises(DataError, match="others may read"):
            db.distill(Scripted())


def test_each_person_a_model_is_told_of_has_a_line(db):
    db.add("ada", [Item(response="I am a nurse."), Item(response="I own a boat.")])
    db.add("bob", Item(response="I am a farmer."), consent="billing")
    db.distill(Scripted(text=answer()))
    lines = audit_table(db.store).filter(action="distill by model")
    assert lines.select("of", "items", "purpose", "actor").rows() == [("ada", 2, "research", "tester")]


# Nothing derived survives its sources


class Lives(RuleBasedStateMachine):
    """People whose items come and go; every word of them is a name of its own."""

    @initialize(folder=st.just(None))
    def begin(self, folder):
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.db = PersonaDB.open(Path(self.folder.name) / "people.db", least_people=2)
        self.here: dict[str, dict[int, str]] = {}
        self.gone: list[str] = []
        self.number = 0
        self.model = Scripted(
            text=lambda request: answer(("notes", "", request.messages[0].content[-400:].replace("\n", " ")))
        )

    def items(self):
        return [(who, item) for who, mine in self.here.items() for item in mine]

    @rule(who=st.sampled_from(["ada", "bob", "eve"]), kind=st.integers(0, 2))
    def add(self, who, kind):
        self.number += 1
        word = f"zq{self.number}x"
        item = Item(response=f"I own a {word} of mine.")
        if kind:
            item = Item(text=f"More {word}?", response=OPTIONS[kind - 1], options=OPTIONS, topic="things")
        added = self.db.add(who, item)
        self.here.setdefault(who, {})[added.ids[0]] = word

    @rule(by_model=st.booleans())
    def distill(self, by_model):
        self.db.distill(self.model if by_model else None, batch=2)

    @rule(by_model=st.booleans())
    def induce(self, by_model):
        self.db.induce(self.model if by_model else None, batch=2)

    @precondition(lambda self: self.items())
    @rule(data=st.data())
    def retrieve(self, data):
        who, _ = data.draw(st.sampled_from(self.items()))
        self.db.retrieve(who, "More things?", share=0.5, neighbours=2)

    @precondition(lambda self: self.items())
    @rule(data=st.data())
    def forget_item(self, data):
        who, item = data.draw(st.sampled_from(self.items()))
        self.db.forget(who, [item])
        self.gone.append(self.here[who].pop(item))

    @precondition(lambda self: self.items())
    @rule(data=st.data())
    def forget_person(self, data):
        who, _ = data.draw(st.sampled_from(self.items()))
        self.db.forget(who)
        self.gone += self.here.pop(who).values()

    @precondition(lambda self: self.items())
    @rule(data=st.data())
    def take_consent_back(self, data):
        who, item = data.draw(st.sampled_from(self.items()))
        self.db.allow(who, Consent(("billing",)), [item])
        for each in self.db.statements(who, past=True):
            assert item not in each.items

    @invariant()
    def sources_are_here(self):
        for who, mine in self.here.items():
            for each in self.db.statements(who, past=True):
                assert each.items and set(each.items) <= set(mine)

    @invariant()
    def nothing_of_what_is_gone_is_left(self):
        files = [path.read_bytes() for path in Path(self.folder.name).rglob("*") if path.is_file()]
        for word in self.gone:
            assert not any(word.encode() in data for data in files), word

    def teardown(self):
        if hasattr(self, "db"):
            assert self.db.check() == []
            self.db.close()
            self.folder.cleanup()


Lives.TestCase.settings = settings(
    max_examples=200 if os.environ.get("POPULACE_CHAOS") == "full" else 8,
    stateful_step_count=12,
    deadline=None,
)
TestLives = Lives.TestCase


# Consent, at each use


def test_consent_holds_where_is_distilled_retrieved_and_predicted(tmp_path):
    asked_of = []
    model = Scripted(text=lambda request: asked_of.append(request.messages[0].content) or answer())
    with PersonaDB.open(tmp_path / "people.db") as db:
        for n in range(40):
            db.add(f"p{n}", answers(n % 2))
            db.describe(f"p{n}", {"region": ("north", "south")[n % 2]})
        db.add("ada", answers(1, TOPICS[:2]))
        db.add("ada", Item(text="More schools?", response="Yes", options=OPTIONS), consent="billing")
        db.describe("ada", {"region": "north"}, consent="billing")
        db.distill(model, people=["ada"])
        assert len(asked_of) == 1 and "guns" in asked_of[0] and "schools" not in asked_of[0]
        assert "schools" not in db.retrieve("ada", "More schools?").text
        found = db.predict("ada", "More trains?", same_question=True)
        assert found.known == 2 and found.attributes == ()
        assert not any("schools" in each.text for each in found.evidence)
        for n in range(40):  # nobody lets others' predictions use what they said
            db.allow(f"p{n}", Consent(("research",), share=False))
        assert db.predict("ada", "More trains?", OPTIONS).abstained
        with pytest.raises(DataError, match="own words"):  # nor are their options told
            db.predict("ada", "More trains?")


# A server that searches vectors


@pytest.mark.slow
def test_a_server_finds_nearly_whom_an_exact_search_finds(postgres, monkeypatch):
    import numpy as np

    from populace.memory import pgvector
    from populace.memory import tables as t
    from populace.memory.vectors import packed
    from populace.memory.words import delete_blobs, put_blobs
    from populace.streams import stream

    postgres.psql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;")
    monkeypatch.setattr(pgvector, "INDEXED", 500)
    rng = stream(0, "test.vectors")
    count = 1_500
    middles = rng.standard_normal((30, 512))
    points = (middles[rng.integers(0, 30, count)] + rng.standard_normal((count, 512))).astype(np.float32)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    kind = "by test hashed-0 00000000"
    with PersonaDB.open(postgres.get_uri()) as db:
        with db.store.write() as writing:
            if not pgvector.has_vectors(db.store, writing):
                pytest.skip("this server has no pgvector")
            blobs = put_blobs(writing, packed(points))
            rows = [(n + 1, kind, 0, blob, 1.0) for n, blob in enumerate(blobs)]
            writing.insert(t.caches, ("person", "kind", "text", "blob", "made"), rows)
            assert pgvector.fill(writing, kind, range(1, count + 1)) == count
            assert pgvector.fill(writing, kind, range(1, count + 1)) == 0
        assert pgvector.index(db.store, kind)
        found = []
        with db.store.write() as writing:
            plan = writing.fetch(
                f"EXPLAIN SELECT person FROM memory_vectors WHERE kind = '{kind}' "
                "ORDER BY point <=> ?::vector LIMIT 20",
                [pgvector._written(points[0])],
            )
            assert "Index Scan using memory_vectors_" in plan[1][0], plan
            for query in points[:40]:
                near = pgvector.near(writing, kind, query, 20)
                exact = np.argsort(-(points @ query), kind="stable")[:20] + 1
                found.append(len(set(near.tolist()) & set(exact.tolist())) / 20)
            assert pgvector.near(writing, "another kind", points[0], 5) is None
        assert np.mean(found) > 0.95
        with db.store.write() as writing:
            delete_blobs(writing, blobs[:10])
            left = writing.fetch("SELECT count(*) FROM memory_vectors")[0][0]
        assert left == count - 10
