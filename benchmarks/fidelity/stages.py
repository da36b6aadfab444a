"""Timed stages, each in a process of its own so that its peak memory is its own.

python benchmarks/fidelity/stages.py fit FOLDER MODEL REPORT
python benchmarks/fidelity/stages.py draw MODEL PEOPLE SIZE SEED REPORT
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["run"]


def fit(folder: str, model: str) -> dict[str, float]:
    """Read the file, learn a model from it, store it."""
    from populace.population.codebook import load_codebook
    from populace.population.columns import ORDER
    from populace.population.generative import GenerativeModel
    from populace.population.pums import read_pums

    start = time.monotonic()
    people = read_pums(folder)[0]
    read, rss_read = time.monotonic() - start, peak()
    start = time.monotonic()
    fitted = GenerativeModel.fit(
        people,
        [name for name in ORDER if name in people.columns],
        weight="PWGTP",
        book=load_codebook("acs_pums"),
        released_by="STATE",
        min_records=20,
    )
    seconds = time.monotonic() - start
    fitted.save(model)
    cpu = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    return {
        "records": people.height,
        "read": read,
        "read_gb": rss_read,
        "fit": seconds,
        "fit_gb": peak(),
        "cpu": cpu,
        "bytes": Path(model).stat().st_size,
    }


def draw(model: str, people: str, size: str, seed: str) -> dict[str, float]:
    """Load a model, draw people, store them; the second draw is timed too, when everything is completed."""
    from populace.population.generative import GenerativeModel

    start = time.monotonic()
    loaded = GenerativeModel.load(model)
    load = time.monotonic() - start
    times = []
    for _ in range(3):
        start = time.monotonic()
        drawn = loaded.draw(int(size), seed=int(seed))
        times.append(time.monotonic() - start)
    drawn.write_parquet(people)
    return {
        "load": load,
        "first": times[0],
        "again": min(times[1:]),
        "per_second": int(size) / times[0],
        "per_second_again": int(size) / min(times[1:]),
        "gb": peak(),
    }


def peak() -> float:
    """Peak resident memory of this process in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def run(stage: str, *arguments: str | Path, report: Path) -> dict[str, float]:
    """Run a stage in a process of its own and give its report."""
    command = [sys.executable, __file__, stage, *map(str, arguments), str(report)]
    subprocess.run(command, check=True)
    return json.loads(report.read_text())


if __name__ == "__main__":
    name, *given, target = sys.argv[1:]
    Path(target).write_text(json.dumps({"fit": fit, "draw": draw}[name](*given)))
