"""SIGKILL at random moments, then the same command again: the same bytes, and nothing asked twice.

`POPULACE_CHAOS=full` (`make chaos`) kills as often as the issue asks.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kill_sessions
from chaos_faults import PERMANENT, mix
from chaos_server import ChaosServer
from populace.canonical import file_hash
from populace.run import Journal, read_manifest

FULL = os.environ.get("POPULACE_CHAOS") == "full"
KILLS = 100 if FULL else 6

WORKER = '''
import asyncio, os, sys
from populace.canonical import content_hash
from populace.models import Completion, Failure, GenerateRequest, Message
from populace.models.scripted import Scripted
from populace.run import Journal, Retries, run, write_calls

folder, size, side_by_side, latency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
asked = os.open(folder + "/asked", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

class Slow(Scripted):
    """Answers depend on the whole batch; every key asked is written down before it is answered."""
    async def generate(self, requests):
        keys = [request.key for request in requests]
        os.write(asked, (" ".join(keys) + "\\n").encode())
        await asyncio.sleep(latency)
        texts = [content_hash([key, keys]) * 20 for key in keys]
        # A few requests always fail: rows that every session tries again.
        return [
            Failure(key=key, boundary="answer", message="refused", retryable=False) if key[0] == "0"
            else Completion(key=key, text=text) for key, text in zip(keys, texts)
        ]

model = Slow(batch_size=size, concurrency=side_by_side)
plan = [GenerateRequest(model=model.model, messages=(Message("user", f"q {i % 110}"),), max_tokens=4)
        for i in range(120)]
with Journal(folder) as journal:
    run(plan, model, journal, stage="answer")
    write_calls(journal, folder + "/calls.parquet")
'''


def command(folder: Path, *settings: float) -> list[str]:
    return [sys.executable, "-c", WORKER, str(folder), *map(str, settings)]


def asked_since(folder: Path, line: int) -> list[list[str]]:
    path = folder / "asked"
    return [text.split() for text in path.read_text().splitlines()[line:]] if path.exists() else []


def answered(folder: Path) -> set[str]:
    with Journal(folder) as journal:
        return {record.result.key for record in journal if record.result.key in journal}


@pytest.mark.parametrize(("size", "side_by_side"), [(1, 6), (4, 3)])
def test_killed_five_times_and_resumed(tmp_path, size, side_by_side):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    subprocess.run(command(whole, size, side_by_side, 0), check=True)

    rng = random.Random(size)
    sessions = 0
    for _ in range(5):
        done, lines = answered(killed), len(asked_since(killed, 0))
        more = rng.randint(1, 12 // size + 1)
        with subprocess.Popen(command(killed, size, side_by_side, 0.05)) as process:
            while len(asked_since(killed, lines)) < more and process.poll() is None:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.06))
            process.send_signal(signal.SIGKILL)
        sessions += process.returncode == -signal.SIGKILL
        # A group all of whose keys were answered is never asked again.
        assert all(not done.issuperset(group) for group in asked_since(killed, lines))
    assert sessions >= 3  # on a busy machine a session may end before it is killed
    assert 0 < len(answered(killed)) < 110
    subprocess.run(command(killed, size, side_by_side, 0), check=True)

    assert file_hash(killed / "calls.parquet") == file_hash(whole / "calls.parquet")
    # Beyond a run never stopped, only what was in flight at a kill, and what failed, was asked again.
    failing = sum(any(key[0] == "0" for key in group) for group in asked_since(whole, 0))
    extra = len(asked_since(killed, 0)) - len(asked_since(whole, 0))
    assert extra <= sessions * (side_by_side + failing)


def finish(session, *settings) -> int:
    """Run a session to its end, or to its death."""
    process = kill_sessions.start(session, *settings)
    process.join(60)
    assert process.exitcode is not None, "the session hangs"
    return process.exitcode


def test_killed_at_random_moments_against_a_server_with_faults(tmp_path):
    rng = random.Random(KILLS)
    calls = 80 * KILLS
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with ChaosServer(mix(0.01), seed=1, latency=0.02, timeout=1) as server:
        assert finish(kill_sessions.through_server, whole, server.url, calls) == 0
    with ChaosServer(mix(0.01), seed=1, latency=0.02, timeout=1) as server:
        deaths = 0
        for _ in range(KILLS):
            process = kill_sessions.start(kill_sessions.through_server, killed, server.url, calls)
            process.join(rng.uniform(0, 0.5))
            process.kill()
            process.join()
            assert process.exitcode in (0, -signal.SIGKILL)
            deaths += process.exitcode == -signal.SIGKILL
        assert deaths > 0.8 * KILLS
        assert 0 < len(answered(killed)) < 0.9 * calls
        assert finish(kill_sessions.through_server, killed, server.url, calls) == 0
        # Only what was in flight at a kill, eight calls, was answered, or refused, a second time.
        settled = sum(number for form, number in server.ledger.met.items() if form in {"", *PERMANENT})
        assert settled <= calls + 8 * deaths
    assert file_hash(killed / "calls.parquet") == file_hash(whole / "calls.parquet")
    one, other = (read_manifest(folder / "manifest.json") for folder in (whole, killed))
    assert one.tables == other.tables
    # Tokens may differ: replies that held no answer are paid for, and met at other moments.
    assert [(s.answered, s.failed) for s in one.stages.values()] == [
        (s.answered, s.failed) for s in other.stages.values()
    ]


@pytest.mark.parametrize(
    ("call", "moments"),
    [
        ("pwrite", ["before", "half", "after"]),  # the lock, and every line of the journal
        ("ftruncate", ["before", "after"]),
        ("fsync", ["before", "after"]),  # journal, table, manifest and their folder
        ("replace", ["before", "after"]),  # table and manifest come to their place
    ],
)
def test_killed_inside_every_write(tmp_path, call, moments):
    session = kill_sessions.with_deadly_call
    assert finish(session, tmp_path / "whole") == 0
    expected = file_hash(tmp_path / "whole" / "calls.parquet")
    for when in moments:
        for number in range(1, 100):
            folder = tmp_path / f"{when} {number}"
            if finish(session, folder, call, number, when) == 0:
                break
            # Whenever it died, a derived file is whole or absent.
            assert not (folder / "calls.parquet").exists() or file_hash(folder / "calls.parquet") == expected
            assert not (folder / "manifest.json").exists() or read_manifest(folder / "manifest.json")
            assert finish(session, folder) == 0
            assert file_hash(folder / "calls.parquet") == expected
            assert read_manifest(folder / "manifest.json").stages["s"].answered == 7
            assert len(answered(folder)) == 7
        # The call was met, and the last number was one too many.
        assert 1 < number < 99
