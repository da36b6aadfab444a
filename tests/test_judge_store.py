"""The store: deleting while others read, the right keys, errors that tell nobody's words, odd file names."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

pytest.importorskip("sqlalchemy", reason="the extra serve is not installed")

from sqlalchemy.exc import DBAPIError

from judge_material import Rater, options, write_material
from populace.cli.judge import app
from populace.databases import connect
from populace.errors import DataError, StudyError
from populace.serve.judging import results, store
from populace.serve.judging.desk import Desk, Panel
from populace.serve.judging.keys import Keys
from populace.serve.judging.opening import open_study
from populace.serve.judging.settings import make_settings

SECRET = "my neighbour Ottokar said so"
run = CliRunner().invoke


@pytest.fixture
def begin(tmp_path):
    made = []

    def start(name="j.sqlite", **more):
        write_material(tmp_path)
        opened = open_study(str(tmp_path / name), make_settings(options(tmp_path, **more)))
        made.append(opened.store)
        return opened, Desk(opened.store, opened.settings, opened.keys)

    yield start
    for each in made:
        each.close()


@contextmanager
def reading(path):
    """Hold a moment of the database, as a notebook or a backup does."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM judging_answers").fetchall()
    try:
        yield
    finally:
        other.close()


def with_secret(opened, desk, pid="pid7"):
    token = opened.keys.token_of(pid)
    assert desk.agree(token, Panel(pid))
    assert Rater(desk, token).answer("first", SECRET).outcome == "stored"
    return token


def copies(folder):
    """Count the secret in all files of the database."""
    return sum(path.read_bytes().count(SECRET.encode()) for path in Path(folder).glob("j.sqlite*"))


def test_forgetting_that_readers_held_up_is_finished_later(begin, tmp_path):
    opened, desk = begin()
    token = with_secret(opened, desk)
    with reading(tmp_path / "j.sqlite"):
        with pytest.raises(DataError, match="still in its files"):
            desk.forget(opened.keys.rater(token), 0.2)
        assert not desk.knows(token)
        assert copies(tmp_path) > 0
        assert opened.store.owed() == results.progress(opened)["owed"] == 1
    assert not desk.forget(opened.keys.rater(token))  # nobody of this name, but the bytes go now
    assert copies(tmp_path) == 0
    assert opened.store.owed() == 0


def test_the_command_to_forget_can_be_given_again(begin, tmp_path, monkeypatch):
    opened, desk = begin()
    token = with_secret(opened, desk)
    monkeypatch.setattr(store.Store.scrub, "__defaults__", (0.2,))
    command = ["forget", str(tmp_path / "j.sqlite"), "pid7"]
    with reading(tmp_path / "j.sqlite"):
        shown = run(app, command)
        assert "run the same command again" in str(shown.exception)
    again = run(app, command)
    assert again.exit_code == 0
    assert "overwritten now" in again.output
    assert copies(tmp_path) == 0
    assert isinstance(run(app, command).exception, DataError)
    assert not desk.knows(token)


def test_a_second_deletion_is_owed_even_if_the_first_is_overwritten_in_between(begin, monkeypatch):
    opened, desk = begin()
    one, two = with_secret(opened, desk, "one"), with_secret(opened, desk, "two")
    desk.forget(opened.keys.rater(one), overwrite=False)

    def meanwhile(engine, patience):
        desk.forget(opened.keys.rater(two), overwrite=False)
        return True

    monkeypatch.setattr(store, "scrub", meanwhile)
    assert opened.store.scrub()
    assert opened.store.owed() == 2


def test_raters_go_on_while_a_deletion_waits_for_readers(begin, tmp_path):
    opened, desk = begin()
    goes, token = with_secret(opened, desk), opened.keys.token_of("stays")
    desk.agree(token, Panel("stays"))
    slowest = 0.0

    def withdraw():
        with pytest.raises(DataError, match="still in its files"):
            desk.withdraw(goes, 3.0)

    with reading(tmp_path / "j.sqlite"):
        forgetting = threading.Thread(target=withdraw)
        forgetting.start()
        while forgetting.is_alive():
            before = time.monotonic()
            desk.look(token)
            slowest = max(slowest, time.monotonic() - before)
        forgetting.join()
    # The old way waited thirty seconds for the reader, all writers with it.
    assert slowest < 10
    assert opened.store.owed() == 1


def test_writers_wait_as_long_as_before_once_it_is_overwritten(begin):
    opened, desk = begin()
    token = with_secret(opened, desk)
    desk.withdraw(token)
    with opened.store.read() as c:
        assert c.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000


def test_a_server_that_starts_overwrites_what_is_owed(begin, tmp_path):
    pytest.importorskip("starlette", reason="the extra serve is not installed")
    from populace.serve.judging.app import make_app

    opened, desk = begin()
    token = with_secret(opened, desk)
    desk.forget(opened.keys.rater(token), overwrite=False)
    assert copies(tmp_path) > 0
    make_app(opened)
    for thread in threading.enumerate():
        if thread.name == "overwrite":
            thread.join(20)
    assert opened.store.owed() == 0
    assert copies(tmp_path) == 0


def test_an_error_of_the_database_tells_nobodys_words(begin):
    opened, desk = begin(keep_ids=True)
    with opened.store.write() as c:
        c.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON judging_answers BEGIN SELECT RAISE(FAIL, 'disk full'); END"
        )
    token = opened.keys.token_of("pid7")
    desk.agree(token, Panel("pid7"))
    with pytest.raises(DBAPIError, match="disk full") as caught:
        Rater(desk, token).answer("first", SECRET)
    assert SECRET not in str(caught.value)
    with opened.store.write() as c:
        c.exec_driver_sql(
            "CREATE TRIGGER no BEFORE INSERT ON judging_raters BEGIN SELECT RAISE(FAIL, 'full too'); END"
        )
    with pytest.raises(DBAPIError, match="full too") as caught:
        desk.agree(opened.keys.token_of("pid8"), Panel("pid8"))
    assert "pid8" not in str(caught.value)


def test_not_stored_is_never_called_stored_before(begin):
    opened, desk = begin()
    with opened.store.write() as c:
        c.exec_driver_sql(
            "CREATE TRIGGER no BEFORE INSERT ON judging_answers BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )
    token = opened.keys.new_token()
    desk.agree(token)
    with pytest.raises(DBAPIError, match="broken"):
        Rater(desk, token).answer("first")


def test_keys_of_another_study_are_refused(begin, tmp_path):
    opened, desk = begin()
    other, _ = begin("other.sqlite")
    where, others = str(tmp_path / "j.sqlite"), tmp_path / "other.sqlite.keys"
    with pytest.raises(StudyError, match="keys of another study"):
        open_study(where, keys=others)
    with pytest.raises(StudyError, match="keys of another study"):
        open_study(where, make_settings(options(tmp_path)), keys=others)
    with_secret(opened, desk)
    with pytest.raises(StudyError, match="keys of another study"):
        open_study(where, keys=others)
    assert opened.keys.mark != other.keys.mark


def test_lost_keys_are_made_anew_only_while_nobody_has_a_link(begin, tmp_path):
    begin()
    (tmp_path / "j.sqlite.keys").unlink()
    opened, desk = begin()
    open_study(str(tmp_path / "j.sqlite")).store.close()
    with_secret(opened, desk)
    (tmp_path / "j.sqlite.keys").unlink()
    with pytest.raises(DataError, match="keys of this study are missing"):
        begin()


def test_without_its_keys_a_study_can_still_be_read_and_forgotten_by_name(begin, tmp_path):
    opened, desk = begin()
    token = with_secret(opened, desk)
    (tmp_path / "j.sqlite.keys").unlink()
    where = str(tmp_path / "j.sqlite")
    assert run(app, ["export", where, "--out", str(tmp_path / "v.csv")]).exit_code == 0
    assert run(app, ["agreement", where, "--draws", "5"]).exit_code == 0
    assert isinstance(run(app, ["forget", where, "pid7"]).exception, DataError)
    assert run(app, ["forget", where, opened.keys.rater(token)]).exit_code == 0
    assert copies(tmp_path) == 0
    with pytest.raises(DataError, match="keys of this study are missing"):
        open_study(where)


def machines(path, verdict="first", name="m"):
    row = {"persona_id": "p0", "prompt_id": "q0", "machine": name, "verdict": verdict}
    pl.DataFrame([row]).write_parquet(path)
    return path


def test_other_verdicts_of_models_are_another_study(begin, tmp_path):
    begin(machines=[machines(tmp_path / "m.parquet")])
    begin(machines=[machines(tmp_path / "same.parquet")])
    with pytest.raises(StudyError, match="another study"):
        begin(machines=[machines(tmp_path / "m2.parquet", "second")])
    with pytest.raises(StudyError, match="another study"):
        begin()


def test_new_verdicts_of_a_model_replace_those_of_the_store_and_it_is_said(begin, tmp_path):
    opened, desk = begin(raters=3, machines=[machines(tmp_path / "m.parquet", "second")])
    for n in range(12):
        token = opened.keys.new_token()
        desk.agree(token)
        Rater(desk, token).finish("first" if n % 2 else None)
    where, new = str(tmp_path / "j.sqlite"), str(machines(tmp_path / "m2.parquet", "first"))
    shown = run(app, ["agreement", where, "--judges", new, "--draws", "5", "--out", str(tmp_path / "a.json")])
    assert "m: verdicts of --judges count" in shown.output
    assert any(row["who"] == "m" for row in json.loads((tmp_path / "a.json").read_text()))
    twice = str(machines(tmp_path / "m3.parquet", "second"))
    shown = run(app, ["agreement", where, "--judges", new, "--judges", twice])
    assert "m says two things" in str(shown.exception)


@pytest.mark.parametrize("name", ["q?a#b%20.sqlite", "with space.sqlite"])
def test_a_store_is_the_file_that_was_named_and_its_owners_alone(begin, tmp_path, name):
    opened, desk = begin(name)
    with_secret(opened, desk)
    assert {path.name for path in tmp_path.glob("*.sqlite*")} == {
        name + end for end in ("", "-wal", "-shm", ".keys")
    }
    for path in tmp_path.glob("*.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


@pytest.mark.parametrize("where", [":memory:", "sqlite://", "sqlite:///:memory:"])
def test_a_study_that_would_be_gone_is_refused(where):
    with pytest.raises(DataError, match="needs a file"):
        connect(where)


def test_keys_are_there_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "k"
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "no space")))
        with pytest.raises(DataError, match="no space"):
            Keys.open(path, create=True)
    assert list(tmp_path.iterdir()) == []
    made = Keys.open(path, create=True)
    assert Keys.open(path, create=True).mark == made.mark
    assert [each.name for each in tmp_path.iterdir()] == ["k"]
