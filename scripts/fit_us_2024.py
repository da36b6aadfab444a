"""Fit the tables of `us-2024` to the whole 2024 ACS 1-year PUMS and write them into the package.

Usage: python scripts/fit_us_2024.py [FOLDER]      (default ../shared/data/acs_pums_2024; about 6 minutes)

FOLDER holds the person and household files of all states. What is written holds no record: conditional
shares in which no cell stands for fewer than 20 records, quantiles of incomes inside brackets, one-way
margins, and how far a drawn population is from the microdata.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from populace.canonical import file_hash
from populace.population.pums import read_pums
from populace.population.tables import TableModel
from populace.population.us2024 import coding

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "populace" / "population" / "us2024"
MIN_RECORDS = 20
SEARCH_RECORDS = 1_500_000
MOST_PARENTS = 6
KNOTS = 17
# Long lists of codes: parents only where nothing coarser will do.
LONG = {"HISP": (), "OCCP": ("INDP",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", default="../shared/data/acs_pums_2024", type=Path)
    arguments = parser.parse_args()
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {text}", file=sys.stderr, flush=True)

    people, files, _ = read_pums(arguments.folder)
    say(f"read {people.height:,} people")
    coded = coding.encode(people).with_columns(people["PWGTP"])
    info = {
        "source": "2024 ACS 1-year PUMS, U.S. Census Bureau",
        "licence": "US Government work, public domain",
        "vintage": "2024",
        "records": str(people.height),
        "people": str(people["PWGTP"].sum()),
        "rule": f"no cell from fewer than {MIN_RECORDS} records",
        "script": "scripts/fit_us_2024.py",
        "files": " ".join(f"{path.name}:{file_hash(path)}" for path in files),
    }
    model = TableModel.fit(
        coded, coding.CHAIN, weight="PWGTP", min_records=MIN_RECORDS, recodes=coding.RECODES, info=info
    )
    model.save(PACKAGE / "tables.parquet")
    size = (PACKAGE / "tables.parquet").stat().st_size
    say(f"stored {size:,} bytes")
    for node in coding.CHAIN:
        counts = [model.cells(node.name, d).height for d in range(node.keep, len(node.parents) + 1)]
        say(f"{node.name:6} {counts} {' '.join(node.parents)}")


if __name__ == "__main__":
    main()
