"""A study of PERSONA's size, killed twice on the way, against a loopback server that costs next to nothing.

    python benchmarks/bench_study.py [--personas 1586] [--pairs 200] [--whole] [--folder DIR]

1,586 personas and 200 pairs each are 317,200 pairs and 1.9 million calls: an answer to each of 400 prompts, a
critique and a revision a pair, and the judging in both orders by the author and by nobody. The process is
killed with SIGKILL when the journal holds a third of the calls, and again at two thirds; the third run ends
the study and writes every table; the fourth finds nothing to ask and writes them again.

Printed of each process: calls journalled, seconds, processor time (user and system) a call, and peak memory,
as the kernel counted them. Then the checks: no call is missing and none stands twice in the journal, every
pair is whole and judged, and how many calls the kills cost (answered by the server and never journalled).
`--whole` also runs the study in another folder without a kill and compares the bytes of every table, which at
full size takes as long again.
"""

# The standard library only: a child's peak memory starts at that of the process it was forked from, so this
# one must stay small; the tables are read in a process of its own.
from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from serving import server

HERE = Path(__file__).parent
TABLES = ("people", "personas", "prompts", "pairs", "judgements", "estimates", "calls")
STUDY = """
name = "persona-size"
seed = 1
population = {{ size = {population} }}
personas = {{ size = {personas} }}
prompts = {{ size = {prompts}, min_controversy = 0 }}
feedback = {{ pairs_per_persona = {pairs}, strangers = 0, ways = ["choice"] }}
model = {{ provider = "openai", name = "writer", base_url = "{url}", concurrency = {concurrency} }}
judge = {{ provider = "openai", name = "judge", base_url = "{url}", concurrency = {concurrency} }}
"""
CHECK = """
import json, sys
from pathlib import Path
import polars as pl

folder = Path(sys.argv[1])
calls = pl.scan_parquet(folder / "calls.parquet")
rows, keys, failed = calls.select(
    pl.len(), pl.col("key").n_unique().alias("keys"), (pl.col("kind") == "failure").sum().alias("failed")
).collect().row(0)
judged = pl.scan_parquet(folder / "judgements.parquet").select(pl.len(), pl.col("p").null_count()).collect()
pairs = pl.scan_parquet(folder / "pairs.parquet").select("author_id", "prompt_id").collect()
print(json.dumps({
    "rows of calls.parquet": rows, "distinct keys": keys, "failures": failed,
    "pairs": pairs.height, "distinct pairs": pairs.unique().height,
    "judgements": judged.row(0)[0], "judgements without an answer": judged.row(0)[1],
}))
"""


class Counter:
    """Counts the lines that a run adds to its journal, reading each byte once."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self.lines = path, 0, 0

    def look(self) -> int:
        """Read what was added and return the lines so far."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._read)
                while block := file.read(1 << 20):
                    self._read += len(block)
                    self.lines += block.count(b"\n")
        return self.lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--personas", type=int, default=1586)
    parser.add_argument("--pairs", type=int, default=200, help="pairs a persona")
    parser.add_argument("--concurrency", type=int, default=500)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds until the server answers")
    parser.add_argument("--folder", type=Path, help="kept; without it, a temporary one")
    parser.add_argument("--whole", action="store_true", help="compare with a run that was never stopped")
    arguments = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{datetime.datetime.now(tz=datetime.UTC).date()}, {machine}")
    with tempfile.TemporaryDirectory() as temporary, server(arguments.latency) as url:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        study = folder / "study.toml"
        prompts = max(arguments.pairs, 400 if arguments.personas > 400 else 50)
        settings = {"personas": arguments.personas, "pairs": arguments.pairs, "prompts": prompts}
        population = 3 * arguments.personas + 100
        study.write_text(
            STUDY.format(**settings, population=population, url=url, concurrency=arguments.concurrency)
        )
        pairs = arguments.personas * arguments.pairs
        calls = prompts + 2 * pairs + 4 * pairs
        print(f"{pairs:,} pairs, {calls:,} calls, at most {arguments.concurrency} in flight", flush=True)
        run_killed(study, folder / "killed", calls)
        sound = check(folder / "killed", stats(url)["calls"], pairs, calls)
        if arguments.whole:
            print(f"{'phase':24}{'calls':>11}{'seconds':>9}{'CPU-ms/call':>13}{'peak MB':>9}")
            phase("never stopped", study, folder / "whole", Counter(log(folder / "whole")), None)
            for name in TABLES:
                one, other = (digest(folder / which / f"{name}.parquet") for which in ("killed", "whole"))
                print(f"{name:12} {'same bytes' if one == other else 'DIFFERENT'}")
                sound = sound and one == other
    if not sound:
        raise SystemExit("these are not the figures of a whole study")


def run_killed(study: Path, folder: Path, calls: int) -> None:
    """Run the study, killed at one third and at two thirds."""
    counter = Counter(log(folder))
    print(f"{'phase':24}{'calls':>11}{'seconds':>9}{'CPU-ms/call':>13}{'peak MB':>9}")
    phase("killed at 1/3", study, folder, counter, calls // 3)
    phase("killed at 2/3", study, folder, counter, 2 * calls // 3)
    phase("to the end", study, folder, counter, None)
    lines = counter.lines
    phase("again, nothing to ask", study, folder, counter, None)
    if counter.lines != lines:
        raise SystemExit(f"the run that had nothing to ask journalled {counter.lines - lines} lines")


def phase(name: str, study: Path, folder: Path, counter: Counter, kill_at: int | None) -> None:
    """Run one process to its end, or until the journal holds `kill_at` lines, and print what it took."""
    before, start = counter.look(), time.monotonic()
    command = [sys.executable, "-m", "populace", "study", "run", str(study), "--folder", str(folder)]
    with (study.parent / "output").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    killed = False
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if counter.look() >= (kill_at or sys.maxsize) and not killed:
            process.send_signal(signal.SIGKILL)
            killed = True
        time.sleep(0.05)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds, calls = time.monotonic() - start, counter.look() - before
    if process.returncode != (-signal.SIGKILL if kill_at else 0):
        lines = (study.parent / "output").read_text(errors="replace").splitlines()
        raise SystemExit(f"{name}: exit code {process.returncode}: {lines[-1] if lines else ''}")
    cpu = used.ru_utime + used.ru_stime
    each = f"{cpu / calls * 1000:13.3f}" if calls else f"{cpu:9.0f} s  "
    print(f"{name:24}{calls:11,}{seconds:9.0f}{each}{used.ru_maxrss / 1024:9.0f}", flush=True)


def check(folder: Path, served: int, pairs: int, calls: int) -> bool:
    """Print what the final tables and the journal hold, and what the kills cost; say whether all is there."""
    done = subprocess.run([sys.executable, "-c", CHECK, str(folder)], capture_output=True, check=True)
    counts: dict[str, int] = json.loads(done.stdout)
    for name, count in counts.items():
        print(f"{name:30}{count:12,}")
    with log(folder).open("rb") as lines:
        journalled = sum(b'"result":{"kind":"note"' not in line for line in lines)
    print(f"{'calls in the journal':30}{journalled:12,}")
    print(f"{'answered by the server':30}{served:12,}, of which the kills cost {served - journalled:,}")
    rows = counts["rows of calls.parquet"]
    return (
        rows == counts["distinct keys"] == journalled == calls
        and counts["pairs"] == counts["distinct pairs"] == pairs
        and counts["failures"] == counts["judgements without an answer"] == 0
    )


def stats(url: str) -> dict[str, int]:
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as reply:
        return json.load(reply)


def log(folder: Path) -> Path:
    return folder / "journal" / "journal.log"


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


if __name__ == "__main__":
    main()
