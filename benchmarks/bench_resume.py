"""A study killed five times with SIGKILL and run on, beside one that was never stopped.

Usage: python benchmarks/bench_resume.py [STUDY.toml] [FOLDER]     (default: the quickstart; about 5 minutes)

Runs the study in FOLDER/whole, then in FOLDER/killed, where the process is killed once the journal holds
certain shares of the calls. Prints whether each table has the same bytes, and the calls that were paid for
against the calls of the plan. A peer without a journal would pay for every call again after each kill.
"""

from __future__ import annotations

import datetime
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

from populace.canonical import file_hash
from populace.study.study import TABLES

SHARES = (0.0, 0.08, 0.17, 0.25, 0.6)


def main() -> None:
    study = Path(sys.argv[1] if len(sys.argv) > 1 else "examples/quickstart.toml")
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "studies/resume")
    whole, killed = folder / "whole", folder / "killed"
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{datetime.datetime.now(tz=datetime.UTC).date()}, {machine}", flush=True)
    subprocess.run(command(study, whole), check=True)
    calls = lines(whole)
    lost = 0
    for share in SHARES:
        lost += kill_at(command(study, killed), killed, round(share * calls))
    subprocess.run(command(study, killed), check=True)
    for name in (*TABLES, "calls"):
        same = file_hash(whole / f"{name}.parquet") == file_hash(killed / f"{name}.parquet")
        print(f"{name:12} {'same bytes' if same else 'DIFFERENT'}")
    print(f"calls paid for: {lines(killed)}; of the plan: {calls}; without a journal: {calls + lost}")


def command(study: Path, folder: Path) -> list[str]:
    return [sys.executable, "-m", "populace", "study", "run", str(study), "--folder", str(folder)]


def lines(folder: Path) -> int:
    log = folder / "journal" / "journal.log"
    return log.read_bytes().count(b"\n") if log.exists() else 0


def kill_at(run: list[str], folder: Path, calls: int) -> int:
    """Start the run, kill it soon after the journal holds `calls` lines, and return how many it holds."""
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while lines(folder) < calls and process.poll() is None:
        time.sleep(0.02)
    time.sleep(1.0)
    if process.poll() is not None:
        raise SystemExit(f"the run ended before it could be killed at {calls} calls")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    print(f"killed at {lines(folder)} calls", flush=True)
    return lines(folder)


if __name__ == "__main__":
    main()
