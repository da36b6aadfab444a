"""Measure how often each consistency rule fires, print the table and write it into the package.

Usage: python scripts/check_rules.py [FOLDER] [--size N] [--seed N] [--check]

FOLDER holds the person and household files of the 2024 ACS 1-year PUMS (default
../shared/data/acs_pums_2024); about two minutes on two cores. Per rule and in all:

- `real`: the weighted share of real people, over the states whose files carry what the rule reads
  (California's and Texas's lack most columns), and the number of records;
- `drawn`: the share of people drawn from `us-2024`;
- `personas`: the share of personas made of them, before anyone is removed;
- `shuffled`: the share once every attribute of those personas is permuted by itself;
- `joined blindly` (in all only): the share once only what no census asks is permuted, that is how often
  traits, opinions and texts would clash with a real person if they were drawn without regard to them.

With --check nothing is written: the exit status says whether the stored rates of real people are the same.
A hard rule that meets more than 0.5 % of real people, or a soft one that meets more than 2 %, is an error.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from populace.atomic import write_atomic
from populace.canonical import file_hash
from populace.personas.enrich import enrich
from populace.personas.frames import complete
from populace.personas.rules import RULES, broken_rules, measurement, shuffled
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, WRITTEN
from populace.population import build

TARGET = Path(__file__).resolve().parents[1] / "src/populace/personas/data/rule_rates.json"
HARD_LIMIT, SOFT_LIMIT = 0.005, 0.02
PAPER = 0.085
# States are read a few at a time to bound memory; California and Texas apart, since their columns differ.
CHUNKS = (
    [6, 48],
    [12, 36],
    [42, 17, 39, 13, 37],
    list(range(1, 18)),
    list(range(18, 32)),
    list(range(32, 57)),
)
SMALL = (50, 11, 56)
DIGITS = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="../shared/data/acs_pums_2024", type=Path)
    parser.add_argument("--size", type=int, default=200_000, help="people to draw")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--check", action="store_true", help="compare with what is stored; write nothing")
    options = parser.parse_args()
    real = measure_real(options.folder)
    if options.check:
        stored = measurement()
        wrong = [n for n in RULES if stored["rules"][n]["real"] != real["rules"][n]["real"]]
        print(f"{len(RULES) - len(wrong)} of {len(RULES)} stored rates are the measured ones")
        return report_wrong(wrong)
    made = measure_drawn(options.size, options.seed)
    rules = {name: real["rules"][name] | made["rules"][name] for name in RULES}
    totals = {name: real["totals"].get(name, {}) | made["totals"][name] for name in made["totals"]}
    result = {
        "source": "2024 ACS 1-year PUMS, U.S. Census Bureau (public domain)",
        "script": "scripts/check_rules.py",
        "date": datetime.date.today().isoformat(),
        "files": real["files"],
        "records": real["records"],
        "size": options.size,
        "seed": options.seed,
        "totals": totals,
        "small": {"states": list(SMALL), "records": count_small(options.folder)},
        "rules": rules,
    }
    show(result)
    write_atomic(TARGET, msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return report_wrong([name for name in RULES if too_often(name, rules[name]["real"])])


def report_wrong(names: list[str]) -> int:
    for name in names:
        print(f"wrong: {name}", file=sys.stderr)
    return 1 if names else 0


def too_often(name: str, real: float | None) -> bool:
    return (real or 0) > (HARD_LIMIT if RULES[name].kind == "hard" else SOFT_LIMIT)


def measure_real(folder: Path) -> dict[str, Any]:
    weight, base, records = (dict.fromkeys(RULES, 0.0) for _ in range(3))
    sums = dict.fromkeys(("hard", "soft"), 0.0)
    whole = people = 0.0
    seen: set[int] = set()
    for chunk in CHUNKS:
        states = [code for code in chunk if code not in seen]
        seen |= set(states)
        frame = complete(build(folder, states=[s for s in states if s in STATES]).frame)
        people += frame.height
        readable = {name for name in frame.columns if frame[name].null_count() < frame.height}
        broken, w = broken_rules(frame), frame["weight"]
        full = "employment_status" in readable
        whole += float(w.sum()) if full else 0.0
        for name, each in RULES.items():
            if readable.issuperset(each.attributes):
                base[name] += float(w.sum())
                weight[name] += float(w.filter(broken[name]).sum())
                records[name] += int(broken[name].sum())
        for kind in sums:
            if full:
                names = [name for name in RULES if RULES[name].kind == kind]
                sums[kind] += float(w.filter(broken.select(pl.any_horizontal(names)).to_series()).sum())
        print(f"read {people:,.0f} people", file=sys.stderr)
    rules = {
        name: {
            "real": round(weight[name] / base[name], DIGITS) if base[name] else None,
            "records": int(records[name]),
        }
        for name in RULES
    }
    files = {path.name: file_hash(path) for path in sorted(folder.glob("[ph]*s.parquet"))}
    totals = {kind: {"real": round(total / whole, DIGITS)} for kind, total in sums.items()}
    return {"rules": rules, "totals": totals, "records": int(people), "files": files}


ENRICHED = (
    *("detailed_job_description", "ideology", "political_views", "religion"),
    *(*BIG_FIVE, *BASIC_VALUES, *WRITTEN),
)
"""Attributes that no census asks."""
STATES = {*range(1, 57)} - {3, 7, 14, 43, 52}
"""FIPS codes of the fifty states and the District of Columbia."""


def count_small(folder: Path) -> dict[str, int]:
    """Hits in three small states, which a test can read quickly."""
    broken = broken_rules(complete(build(folder, states=list(SMALL)).frame))
    return {name: int(broken[name].sum()) for name in RULES}


def measure_drawn(size: int, seed: int) -> dict[str, Any]:
    people = complete(build("us-2024", size=size, seed=seed).frame)
    personas = enrich(people, seed)
    frames = {
        "drawn": people,
        "personas": personas,
        "shuffled": shuffled(personas, np.random.default_rng(seed)),
    }
    grown = personas.filter(pl.col("age") >= 18)
    rng = np.random.default_rng
    adults = {
        "personas": grown,
        "shuffled": shuffled(grown, rng(seed)),
        "joined blindly": shuffled(grown, rng(seed), ENRICHED),
    }
    shares = {way: broken_rules(frame) for way, frame in frames.items()}
    names = {kind: [n for n in RULES if RULES[n].kind == kind] for kind in ("hard", "soft")}
    groups = {**names, "hard, census attributes only": [n for n in RULES if RULES[n].group == "census"]}
    totals = {
        group: {way: share(broken, members) for way, broken in shares.items()}
        for group, members in groups.items()
    }
    for group, members in groups.items():
        for way, frame in adults.items():
            totals[group][f"{way}, adults"] = share(broken_rules(frame), members)
    rules = {
        name: {way: round(float(broken[name].mean()), DIGITS) for way, broken in shares.items()}
        for name in RULES
    }
    return {"rules": rules, "totals": totals}


def share(broken: pl.DataFrame, names: list[str]) -> float:
    return round(float(broken.select(pl.any_horizontal(names).mean()).item()), DIGITS)


def show(result: dict[str, Any]) -> None:
    print(f"{'rule':38} {'kind':5} {'records':>8} {'real':>9} {'drawn':>9} {'personas':>9} {'shuffled':>9}")
    for name, each in result["rules"].items():
        real = "unread" if each["real"] is None else f"{each['real']:.4%}"
        cells = " ".join(f"{each[way]:9.4%}" for way in ("drawn", "personas", "shuffled"))
        print(f"{name:38} {RULES[name].kind:5} {each['records']:8,} {real:>9} {cells}")
    for group, ways in result["totals"].items():
        print(f"any rule, {group}: " + "; ".join(f"{way} {value:.3%}" for way, value in ways.items()))
    print(f"PERSONA's filter removed about {PAPER:.1%}")


if __name__ == "__main__":
    sys.exit(main())
