"""Fit the model of `us-2024` to the whole 2024 ACS 1-year PUMS and write it into the package.

    python scripts/fit_us_2024.py [FOLDER]      (default ../shared/data/acs_pums_2024; about 2 minutes)

FOLDER holds the person and household files of all states. What is written holds no record: trees with
weighted counts of which none stands for fewer than 20 records, and one-way margins. How near drawn people
are to the file is measured by `benchmarks/bench_fidelity.py`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import sys
import time
from pathlib import Path

import msgspec
import polars as pl

from populace.atomic import write_atomic
from populace.canonical import file_hash
from populace.population.codebook import load_codebook
from populace.population.columns import ORDER
from populace.population.generative import GenerativeModel
from populace.population.margins import margins, unreleased_states
from populace.population.pums import read_pums
from populace.population.us2024 import source

CITATION = "2024 ACS 1-year PUMS, U.S. Census Bureau"
LICENCE = "US Government work, public domain"
SCRIPT = "scripts/fit_us_2024.py"
MIN_RECORDS = 20
STARTED = time.monotonic()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="../shared/data/acs_pums_2024", type=Path)
    people, files, _ = read_pums(parser.parse_args().folder)
    say(f"read {people.height:,} people")
    fitted = fit(people, files)
    fitted.save(source.MODEL_FILE)
    say(f"fitted {len(fitted.steps)} trees")
    say(f"{source.MODEL_FILE.name}: {source.MODEL_FILE.stat().st_size:,} bytes")
    write_atomic(source.CENSUS_FILE, msgspec.json.encode(facts(people)))
    say(f"{source.CENSUS_FILE.name}: {source.CENSUS_FILE.stat().st_size:,} bytes")


def say(text: str) -> None:
    print(f"{time.monotonic() - STARTED:6.0f} s  {text}", file=sys.stderr, flush=True)


def fit(people: pl.DataFrame, files: list[Path]) -> GenerativeModel:
    """Learn the model from people as `read_pums` gives them."""
    info = {
        "citation": CITATION,
        "licence": LICENCE,
        "vintage": "2024",
        "geography": "United States",
        "codebook": "acs_pums",
        "weight": "PWGTP",
        "adults": "",
        "people": repr(float(people["PWGTP"].sum())),
        "records": str(people.height),
        "rule": f"no count from fewer than {MIN_RECORDS} records",
        "populace": importlib.metadata.version("populace"),
        "script": SCRIPT,
        "files": " ".join(f"{path.name}:{file_hash(path)}" for path in files),
    }
    return GenerativeModel.fit(
        people,
        [name for name in ORDER if name in people.columns],
        weight="PWGTP",
        book=load_codebook("acs_pums"),
        released_by="STATE",
        min_records=MIN_RECORDS,
        info=info,
    )


def facts(people: pl.DataFrame) -> source.Census:
    """One-way margins, for everyone and for adults, and ages by sex."""
    weighted = people.rename({"PWGTP": "weight"})
    adults = weighted.filter(pl.col("AGEP") >= 18)
    return source.Census(
        citation=CITATION,
        licence=LICENCE,
        script=SCRIPT,
        records=people.height,
        people=int(weighted["weight"].sum()),
        adults=int(adults["weight"].sum()),
        unreleased=unreleased_states(people),
        margins=margin_cells(weighted, adults),
        ages=age_cells(weighted),
    )


def margin_cells(everyone: pl.DataFrame, adults: pl.DataFrame) -> list[source.MarginCell]:
    unreleased = unreleased_states(everyone)
    shares = [
        margins(people, unreleased=unreleased).filter(pl.col("people") >= MIN_RECORDS)
        for people in (everyone, adults)
    ]
    joined = shares[0].join(
        shares[1],
        on=["attribute", "label"],
        how="left",
        nulls_equal=True,
        suffix="_adults",
        maintain_order="left",
    )
    rows = joined.select("attribute", "label", "share", pl.col("share_adults").fill_null(0.0)).rows()
    return [source.MarginCell(a, label, round(e, 7), round(s, 7)) for a, label, e, s in rows]


def age_cells(people: pl.DataFrame) -> list[source.AgeCell]:
    cells = people.group_by("AGEP", "SEX").agg(pl.col("weight").sum(), pl.len()).sort("AGEP", "SEX")
    total = cells["weight"].sum()
    return [
        source.AgeCell(age, sex, round(weight / total, 7))
        for age, sex, weight, records in cells.rows()
        if records >= MIN_RECORDS
    ]


if __name__ == "__main__":
    main()
