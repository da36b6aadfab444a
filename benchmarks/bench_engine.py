"""What one live call costs the client: ours beside its peers, all asking one loopback server over HTTP.

    python benchmarks/bench_engine.py [--peers DIR] [--json FILE]

Without `--peers` ours alone is measured. With it, each peer is installed from PyPI into an environment of its
own below DIR (made where missing; about 3 GB and 10 minutes) and measured in the same run by its driver in
`benchmarks/peers`, which says with which settings.

Every figure comes from processes that do nothing else, one a run, against a fresh server with a fixed
latency. Processor time (user and system, of the process and of those it waited for) and peak memory are the
kernel's, taken when the process ends. A cost a call is the difference between a run of many calls and one of
few, so that start-up is no part of it; it is given beside, and below 0 where a call costs more the more calls
there are. Calls a second come from the same difference, and share the cores with the server. `s` is the
server's latency in seconds, `in flight` what it saw at once: ours starts low and finds out what it bears.
"""

# The standard library only: a child's peak memory starts at that of the process it was forked from, so
# this one must stay small.
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from peers.environments import PEERS, Peer, interpreter
from serving import server

HERE = Path(__file__).parent
CONCURRENCY, CONCURRENCY_HIGH = 500, 1000
LATENCY_HIGH = 1.0
"""Seconds at the high concurrency: a faster server would not let one core keep 1,000 calls in flight."""
CPU_BUDGET, MEMORY_BUDGET = 0.5, 100
BEST_PEER_AIM, INSPECT_AIM = 4, 20
LIMIT_SECONDS = 900


@dataclass(frozen=True)
class Run:
    """One process that made `calls` calls."""

    calls: int
    cpu_seconds: float
    wall_seconds: float
    rss_mb: float
    in_flight: int
    """Most calls that the server saw at once."""
    served: int
    """Calls that the server answered: more than `calls` where the client asked again or tested first."""
    server_cpu_seconds: float


@dataclass(frozen=True)
class Row:
    """One line of the table; figures are medians over the repeats."""

    client: str
    version: str
    concurrency: int
    latency: float
    few: int
    many: int
    cpu_ms: float | None = None
    calls_per_second: float | None = None
    rss_mb: float | None = None
    start_cpu_seconds: float | None = None
    in_flight: int | None = None
    served: int | None = None
    server_cpu_us: float | None = None
    reason: str = ""
    """Why there are no figures."""


def measure(
    python: str | Path, driver: str, calls: int, concurrency: int, latency: float, *extra: str
) -> Run:
    """Run a driver once in a process of its own.

    Raises
    ------
    RuntimeError
        It failed or took too long; the message is the last line it wrote.
    """
    with server(latency) as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        command = [python, HERE / "peers" / driver, "--url", url, "--calls", str(calls)]
        command += ["--concurrency", str(concurrency), "--folder", folder / "work", *extra]
        # A home of its own keeps caches of an earlier run, and settings of the user, out of the figures.
        environment = {"PATH": os.environ["PATH"], "HOME": name, "LANG": "C.UTF-8", "TERM": "dumb"}
        start = time.monotonic()
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=name, env=environment)
        used = wait(process, start + LIMIT_SECONDS)
        wall = time.monotonic() - start
        if process.returncode:
            lines = (folder / "output").read_text(errors="replace").strip().splitlines()
            raise RuntimeError(lines[-1][:200] if lines else f"exit code {process.returncode}")
        with urllib.request.urlopen(url.removesuffix("/v1") + "/stats") as reply:
            seen = json.load(reply)
    return Run(
        calls=calls,
        cpu_seconds=used.ru_utime + used.ru_stime,
        wall_seconds=wall,
        rss_mb=used.ru_maxrss / 1024,
        in_flight=seen["most_in_flight"],
        served=seen["calls"],
        server_cpu_seconds=seen["cpu_seconds"],
    )


def wait(process: subprocess.Popen[bytes], until: float) -> resource.struct_rusage:
    """Wait for the process and give what the kernel counted for it."""
    late = False
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            if late:
                raise RuntimeError(f"not done after {LIMIT_SECONDS} s")
            return used
        if not late and time.monotonic() > until:
            late = True
            process.kill()
        time.sleep(0.005)


def compare(row: Row, python: str | Path, driver: str, repeats: int, *extra: str) -> Row:
    """Fill in the figures of a row from pairs of runs, one of few calls and one of many."""
    pairs = []
    for _ in range(repeats):
        try:
            pairs.append(
                [
                    measure(python, driver, calls, row.concurrency, row.latency, *extra)
                    for calls in (row.few, row.many)
                ]
            )
        except RuntimeError as error:
            return replace(row, reason=str(error))
    span = row.many - row.few
    cpu = [(many.cpu_seconds - few.cpu_seconds) / span for few, many in pairs]
    wall = statistics.median(many.wall_seconds - few.wall_seconds for few, many in pairs)
    served = [(many.server_cpu_seconds - few.server_cpu_seconds) / span for few, many in pairs]
    start = [few.cpu_seconds - row.few * a_call for (few, _), a_call in zip(pairs, cpu, strict=True)]
    return replace(
        row,
        cpu_ms=statistics.median(cpu) * 1e3,
        calls_per_second=span / wall,
        rss_mb=statistics.median(many.rss_mb for _, many in pairs),
        start_cpu_seconds=statistics.median(start),
        in_flight=max(many.in_flight for _, many in pairs),
        served=max(many.served for _, many in pairs),
        server_cpu_us=statistics.median(served) * 1e6,
    )


def our_rows(options: argparse.Namespace) -> Iterator[Row]:
    few, many = options.calls // 10, options.calls
    ours, release, driver = sys.executable, version(sys.executable, "populace"), "ask_populace.py"
    usual = Row("populace", release, CONCURRENCY, options.latency, few, many)
    yield compare(usual, ours, driver, options.repeats)
    high = replace(usual, concurrency=CONCURRENCY_HIGH, latency=LATENCY_HIGH)
    yield compare(high, ours, driver, options.repeats)
    if options.long:
        yield compare(replace(usual, client="populace, long run", many=options.long), ours, driver, 1)


def peer_row(peer: Peer, options: argparse.Namespace) -> Row:
    package = peer.requirements[0].partition("==")
    many = options.peer_calls
    row = Row(peer.title, package[2], CONCURRENCY, options.latency, many // 4, many)
    try:
        python = interpreter(peer, options.peers.resolve())
    except RuntimeError as error:
        return replace(row, reason=str(error))
    return compare(row, python, peer.driver, options.repeats, *(["--fast"] if peer.fast else []))


def version(python: str | Path, package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


HEADER = (
    f"{'client':26} {'version':>9} {'C':>5} {'s':>4} {'N':>13} {'CPU-ms/call':>11} {'x ours':>6} "
    f"{'calls/s':>7} {'RSS MB':>7} {'start CPU-s':>11} {'in flight':>9} {'served':>7}"
)


def line(row: Row, ours: Row) -> str:
    span = f"{row.few:,}-{row.many:,}"
    start = f"{row.client:26} {row.version:>9} {row.concurrency:5} {row.latency:4g} {span:>13}"
    if row.cpu_ms is None:
        return f"{start} no figures: {row.reason}"
    ratio = f"{row.cpu_ms / ours.cpu_ms:6.1f}" if ours.cpu_ms else "     -"
    return (
        f"{start} {row.cpu_ms:11.3f} {ratio} {row.calls_per_second:7,.0f} {row.rss_mb:7.1f} "
        f"{row.start_cpu_seconds:11.2f} {row.in_flight:9,} {row.served:7,}"
    )


def verdicts(ours: list[Row], rivals: list[Row]) -> Iterator[str]:
    """Hold the figures to the budgets and the aims."""
    usual, high, *long = ours
    if usual.cpu_ms is not None:
        yield verdict(f"CPU-ms a call at C={usual.concurrency}", usual.cpu_ms, CPU_BUDGET)
    if high.rss_mb is not None:
        yield verdict(f"peak RSS in MB at C={high.concurrency}", high.rss_mb, MEMORY_BUDGET)
    if long and long[0].rss_mb is not None and usual.rss_mb is not None:
        growth = long[0].rss_mb - usual.rss_mb
        extra = long[0].many - usual.many
        yield (
            f"memory from {usual.many:,} to {long[0].many:,} calls: {growth:+.1f} MB, "
            f"{growth * 2**20 / extra:.0f} bytes a call (aim: flat but for the journal's index)"
        )
    measured = [row for row in rivals if row.cpu_ms is not None]
    if usual.cpu_ms and measured:
        best = min(measured, key=lambda row: row.cpu_ms or 0)
        yield aim(f"the best peer ({best.client})", best, usual, BEST_PEER_AIM)
        for row in measured:
            if row.client.startswith("Inspect"):
                yield aim(row.client, row, usual, INSPECT_AIM)


def verdict(what: str, value: float, budget: float) -> str:
    return f"{what}: {value:.3f} (budget {budget:g}): {'held' if value <= budget else 'NOT HELD'}"


def aim(what: str, row: Row, ours: Row, times: int) -> str:
    ratio = (row.cpu_ms or 0) / (ours.cpu_ms or 1)
    outcome = "met" if ratio >= times else "NOT MET"
    return f"{what} takes {ratio:.1f} times our CPU a call (aim {times}): {outcome}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--peers", type=Path, metavar="DIR", help="measure the peers installed below DIR too")
    parser.add_argument("--only", metavar="WORD", default="", help="only peers whose title holds WORD")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here as well")
    parser.add_argument("--calls", type=int, default=20_000, help="our calls in the run of many")
    parser.add_argument("--peer-calls", type=int, default=3_000, help="a peer's calls in the run of many")
    parser.add_argument("--long", type=int, default=317_200, help="calls of the long run; 0 leaves it out")
    parser.add_argument("--latency", type=float, default=0.2, help="the server's, in seconds")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs a row; the long run has one")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    today = datetime.datetime.now(tz=datetime.UTC).date()
    print(f"{today}, {machine}, load {os.getloadavg()[0]:.1f}")
    print(HEADER, flush=True)
    ours: list[Row] = []
    for row in our_rows(options):
        ours.append(row)
        print(line(row, ours[0]), flush=True)
    rows, rivals = list(ours), []
    for peer in PEERS if options.peers else ():
        if options.only.lower() in peer.title.lower():
            row = peer_row(peer, options)
            rows.append(row)
            rivals += [row] if peer.rival else []
            print(line(row, ours[0]), flush=True)
    print(*verdicts(ours, rivals), sep="\n")
    if not options.peers:
        print(
            "peers: python benchmarks/bench_engine.py --peers DIR installs them below DIR and measures them"
        )
    if options.json:
        report = {"date": str(today), "machine": machine, "load": os.getloadavg()[0]}
        options.json.write_text(json.dumps(report | {"rows": [asdict(row) for row in rows]}, indent=1))


if __name__ == "__main__":
    main()
