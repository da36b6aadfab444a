"""A kill at any moment leaves the store whole; several processes write at once.

`POPULACE_CHAOS=full` (`make chaos`) kills 200 times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy", reason="the extra memory is not installed")
pytest.importorskip("alembic", reason="the extra memory is not installed")

import memory_child
from memory_material import found, items, needles
from populace.memory import PersonaDB

pytest_plugins = ["memory_fixtures"]

FULL = os.environ.get("POPULACE_CHAOS") == "full"
CHILD = Path(memory_child.__file__)


def start(where, seed, turns=1_000_000):
    command = [sys.executable, str(CHILD), str(where), str(seed), str(turns)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(child, word):
    for line in child.stdout:
        if line.startswith(word):
            return
    raise AssertionError("the child ended by itself")


def is_whole(db, said):
    """Nothing is half there, and what was reported as done is done."""
    assert db.check() == []
    for name in db.people():
        sources = Counter(each.item.source for each in db.items(name))
        batches = {count for source, count in sources.items() if source.startswith("batch")}
        assert batches <= {memory_child.BATCH}, name
    people = set(db.people())
    for lines in said:
        done = [line for line in lines if line.startswith("done")]
        tried = lines[-1].split(" ", 1)[1] if lines else ""
        if done and not (lines[-1].startswith("try") and tried[-8:] == done[-1][-8:]):
            kind, name = done[-1][5:-9].strip(), done[-1][-8:]
            if kind in ("add", "batch", "describe", "derive"):
                assert name in people, done[-1]
            elif kind == "forget":
                assert name not in people, done[-1]


@pytest.mark.slow
def test_kills_at_any_moment_leave_the_store_whole(tmp_path):
    chance = random.Random(11)
    where = tmp_path / "people.db"
    for turn in range(100 if FULL else 6):
        children = [start(where, 2 * turn), start(where, 2 * turn + 1)]
        if turn % 3:  # else also while they open, and make the tables
            for child in children:
                wait_for(child, "open")
        said = []
        for child in children:
            time.sleep(chance.random() * 0.6)
            child.send_signal(signal.SIGKILL)
            said.append(child.stdout.read().splitlines())
            child.wait()
        with PersonaDB.open(where) as db:
            is_whole(db, said)
            assert db.store.setting("owed") == 0, "opening overwrites what the killed one owed"


def test_a_kill_between_deleting_and_overwriting_is_mended_by_the_next_opening(tmp_path):
    where = tmp_path / "people.db"
    with PersonaDB.open(where) as db:
        db.add("ada", items("ada"))
    code = (
        "import os, sys\n"
        "from populace.memory import forgetting\n"
        "from populace.memory.store import Store\n"
        "forgetting.overwrite = lambda *more: os._exit(9)\n"
        "forgetting.forget(Store.open(sys.argv[1]), 'ada')\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(where)], check=False)
    assert killed.returncode == 9
    assert found(tmp_path, needles("ada"))
    with PersonaDB.open(where) as db:
        assert db.people() == []
    assert found(tmp_path, needles("ada")) == []


def test_two_processes_write_at_once_and_nothing_is_lost(where, tmp_path):
    """Both begin on an empty place, so one of them makes the tables while the other waits."""
    code = (
        "import sys; from populace.memory import PersonaDB\n"
        "db = PersonaDB.open(sys.argv[1])\n"
        "for n in range(60): db.add('both', {'text': f'Q{n}', 'response': f'{sys.argv[2]} {n}'})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, where, tag]) for tag in ("one", "two")]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    with PersonaDB.open(where) as db:
        kept = db.items("both")
        assert sorted(each.item.response for each in kept) == sorted(
            f"{tag} {n}" for tag in ("one", "two") for n in range(60)
        )
        assert len({each.item_id for each in kept}) == 120
        assert db.check() == []


def test_threads_share_one_store(db):
    from concurrent.futures import ThreadPoolExecutor

    def write(n):
        return db.add(f"p{n % 3}", {"text": f"Q{n % 7}", "response": str(n)}).ids[0]

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(write, range(60)))
    assert len(set(ids)) == 60
    assert db.check() == []
