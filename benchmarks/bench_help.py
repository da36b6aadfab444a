"""How long `populace --help` takes (budget: 0.3 s), beside a bare interpreter and beside importing the core.

Usage: python benchmarks/bench_help.py [RUNS]
"""

from __future__ import annotations

import datetime
import os
import platform
import statistics
import subprocess
import sys
import time

BUDGET = 0.3
COMMANDS = {
    "populace --help": ["-m", "populace", "--help"],
    "python -c pass": ["-c", "pass"],
    "import of the core's dependencies": ["-c", "import aiohttp, jinja2, msgspec, numpy, polars, pydantic"],
}


def seconds(arguments: list[str], runs: int) -> float:
    """Median wall time of a whole process."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    print(f"{datetime.datetime.now(tz=datetime.UTC).date()}, {machine}")
    found = {name: seconds(arguments, runs) for name, arguments in COMMANDS.items()}
    ours = found["populace --help"]
    for name, value in found.items():
        print(f"{name:36} {value:6.3f} s   {ours / value:5.2f} x")
    print(f"budget {BUDGET} s: {'met' if ours <= BUDGET else 'missed'}")


if __name__ == "__main__":
    main()
