"""SIGKILL at random moments, then the same command again: the same bytes, and nothing asked twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from populace.canonical import file_hash
from populace.run import Journal

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
