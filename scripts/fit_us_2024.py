"""Fit the tables of `us-2024` to the whole 2024 ACS 1-year PUMS and write them into the package.

Usage: python scripts/fit_us_2024.py [FOLDER]      (default ../shared/data/acs_pums_2024; about 2 minutes)

FOLDER holds the person and household files of all states. What is written holds no record: weighted counts
of which none stands for fewer than 20 records, quantiles of incomes inside brackets, one-way margins, and
how far a drawn population is from the microdata (printed, and stored as a summary).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.atomic import write_atomic
from populace.canonical import file_hash
from populace.population.comparison import Fidelity, compare
from populace.population.margins import margins, unreleased_states
from populace.population.pums import read_pums
from populace.population.tables import TableModel
from populace.population.us2024 import coding, source

CITATION = "2024 ACS 1-year PUMS, U.S. Census Bureau"
LICENCE = "US Government work, public domain"
SCRIPT = "scripts/fit_us_2024.py"
MIN_RECORDS = 20
# Points of the quantile function inside an income bracket: each step stands for 1/16 of its people.
KNOTS = 17
# The far tail is cut where a step would stand for too few records.
LAST_QUANTILE = 0.99
DRAWN = 1_000_000
STARTED = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="../shared/data/acs_pums_2024", type=Path)
    people, files, _ = read_pums(parser.parse_args().folder)
    say(f"read {people.height:,} people")
    model = TableModel.fit(
        coding.encode(people).with_columns(people["PWGTP"]),
        coding.CHAIN,
        weight="PWGTP",
        min_records=MIN_RECORDS,
        recodes=coding.RECODES,
        info={
            "source": CITATION,
            "licence": LICENCE,
            "records": str(people.height),
            "rule": f"no cell from fewer than {MIN_RECORDS} records",
            "script": SCRIPT,
            "files": " ".join(f"{path.name}:{file_hash(path)}" for path in files),
        },
    )
    model.save(source.TABLES_FILE)
    for node in coding.CHAIN:
        counts = [model.cells(node.name, d).height for d in range(node.keep, len(node.parents) + 1)]
        say(f"{node.name:6} cells {counts} given {' '.join(node.parents)}")
    facts = source.Census(
        citation=CITATION,
        licence=LICENCE,
        script=SCRIPT,
        records=people.height,
        people=int(people["PWGTP"].sum()),
        adults=int(people.filter(pl.col("AGEP") >= 18)["PWGTP"].sum()),
        knots={name: knots(people, name) for name in ("PINCP", "HINCP")},
        unreleased=unreleased_states(people),
        margins=census_cells(people),
        fidelity={},
    )
    write(facts)
    found = {label: assess(people, adults=label == "adults") for label in ("everyone", "adults")}
    write(msgspec.structs.replace(facts, fidelity=found))
    for path in (source.TABLES_FILE, source.CENSUS_FILE):
        say(f"{path.name}: {path.stat().st_size:,} bytes")


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.0f} s  {text}", file=sys.stderr, flush=True)


def write(facts: source.Census) -> None:
    write_atomic(source.CENSUS_FILE, msgspec.json.encode(facts))
    source.census.cache_clear()
    source.tables.cache_clear()


def knots(people: pl.DataFrame, column: str) -> list[list[float]]:
    """Weighted quantiles of an income inside each bracket; rows 0 (not applicable) and 2 (none) are zero."""
    known = people.select(column, "PWGTP", coding.bracket(column).alias("bracket")).drop_nulls(column)
    rows = [[0.0] * KNOTS for _ in range(len(coding.EDGES) + 3)]
    for number in range(1, len(rows)):
        part = known.filter(pl.col("bracket") == number).sort(column)
        if number == 2:
            continue
        if part.height < MIN_RECORDS * KNOTS:
            raise SystemExit(f"bracket {number} of {column} has {part.height} records: widen it")
        share = part["PWGTP"].cum_sum().to_numpy() / part["PWGTP"].sum()
        last = LAST_QUANTILE if number == len(rows) - 1 else 1.0
        at = np.searchsorted(share, np.linspace(0, last, KNOTS)).clip(max=part.height - 1)
        rows[number] = [float(value) for value in part[column].to_numpy()[at]]
    return rows


def census_cells(people: pl.DataFrame) -> list[source.MarginCell]:
    weighted = people.rename({"PWGTP": "weight"})
    unreleased = unreleased_states(people)
    everyone = margins(weighted, unreleased=unreleased).filter(pl.col("people") >= MIN_RECORDS)
    adults = margins(weighted.filter(pl.col("AGEP") >= 18), unreleased=unreleased)
    joined = everyone.join(
        adults.filter(pl.col("people") >= MIN_RECORDS),
        on=["attribute", "label"],
        how="left",
        nulls_equal=True,
        suffix="_adults",
        maintain_order="left",
    )
    rows = joined.select("attribute", "label", "share", pl.col("share_adults").fill_null(0.0)).rows()
    return [source.MarginCell(a, label, round(e, 7), round(s, 7)) for a, label, e, s in rows]


def assess(people: pl.DataFrame, *, adults: bool) -> dict[str, float]:
    drawn, _ = source.draw_people(DRAWN, np.random.default_rng(2024), adults=adults)
    reference = people.filter(pl.col("AGEP") >= 18) if adults else people
    found = compare(drawn.with_columns(weight=pl.lit(1.0)), reference.rename({"PWGTP": "weight"}))
    report(found, "adults" if adults else "everyone")
    summaries = {f"{ways}-way {key}": value for ways in (1, 2) for key, value in found.summary(ways).items()}
    return {"size": float(DRAWN)} | {key: round(value, 5) for key, value in summaries.items()}


def report(found: Fidelity, label: str) -> None:
    for ways in (1, 2):
        say(f"{label}, {ways}-way: {found.summary(ways)}")
        for margin in found.of(ways)[:15]:
            say(f"    {' x '.join(margin.variables):18} {margin.total_variation:.4f} ({margin.noise:.4f})")


if __name__ == "__main__":
    main()
