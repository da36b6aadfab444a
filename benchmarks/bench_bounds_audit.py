"""What a record of an audit costs: forced to the disk as often as by default, each, or never; and read again.

    python benchmarks/bench_bounds_audit.py [--records 20000] [--folder DIR]

Prints the median and the 99th percentile of an append, and records verified in a second. The disk decides
what a forced record costs: give a folder of the disk that matters.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from populace.bounds.audit import Audit

POLICIES = {
    "by default (each 64th, or after 1 s)": (64, 1.0),
    "each forced": (1, 1.0),
    "never forced": (1 << 60, 1e9),
}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    for name, policy in POLICIES.items():
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            audit = Audit(folder, sync_records=policy[0], sync_seconds=policy[1])
            measured(name, audit, given.records // 10 if policy[0] == 1 else given.records)


def measured(name: str, audit: Audit, records: int) -> None:
    """Append records of 100 people and verify them."""
    taken = np.empty(records)
    for n in range(records):
        start = time.perf_counter()
        audit.append(
            "decision",
            subject=f"user {n % 100}",
            text=f"What do you think of matter {n}?",
            action="generate",
            allowed=n % 10 > 0,
            tier=None if n % 10 else 1,
            rule="" if n % 10 else "t1.cse",
            rules=() if n % 10 else ("t1.cse", "t2.tutor.offensive"),
            bundle="ab" * 16,
        )
        taken[n] = time.perf_counter() - start
    audit.close()
    start = time.perf_counter()
    assert audit.verify()
    reading = time.perf_counter() - start
    median, high = np.quantile(taken, [0.5, 0.99]) * 1e6
    size = audit.path.stat().st_size / records
    print(
        f"audit, {name}: {records} records of {size:.0f} bytes, an append {median:.0f} us median, "
        f"{high:.0f} us p99, {records / taken.sum():,.0f} a second; "
        f"verified at {records / reading:,.0f} a second"
    )


if __name__ == "__main__":
    main()
