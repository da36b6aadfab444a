"""Reading microdata: seconds and peak memory for national files, beside plain readers of the same columns.

    python benchmarks/bench_reading.py [--data ../shared/data/acs_pums_2024] [--megabytes 300] [--big]

Each reading runs in a process of its own. The CSV is generated: all columns of a PUMS person file (287, with
80 replicate weights), values of the right widths, about 830 bytes a person; the zip holds the same file.
`--big` makes it 2 GB. Ours finds persons, checks every row, code, weight and serial number and names people;
the peers only parse the columns.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np

CODES = {"SPORDER": 4, "AGEP": 95, "SEX": 2, "RAC1P": 9, "HISP": 24, "CIT": 5, "NATIVITY": 2, "LANX": 2}
CODES |= {"ENG": 4, "SCHL": 24, "MAR": 5, "FER": 2, "ESR": 6, "COW": 9, "HICOV": 2, "DIS": 2, "DEAR": 2}
CODES |= {"DEYE": 2, "DREM": 2, "DPHY": 2, "MIL": 4, "PINCP": 90_000, "PWGTP": 200}
FIXED = {"STATE": "50", "ADJINC": "1019518", "INDP": "7860", "OCCP": "2310", "ANC1P": "050", "POBP": "050"}
COLUMNS = ["SERIALNO", *CODES, *FIXED]
REPLICATES = [f"PWGTP{number}" for number in range(1, 81)]
OTHERS = [f"F{number:03d}P" for number in range(287 - len(COLUMNS) - len(REPLICATES))]
ROWS = 20_000


def piece(rng: np.random.Generator, first: int) -> bytes:
    """Make rows of a person file: the serial numbers go on, the rest repeats from piece to piece."""
    numbers = {name: rng.integers(1, top + 1, ROWS).astype(str) for name, top in CODES.items()}
    numbers["SPORDER"] = np.full(ROWS, "1")
    weights = rng.integers(0, 400, (ROWS, len(REPLICATES))).astype(str)
    others = rng.integers(0, 10, (ROWS, len(OTHERS))).astype(str)
    blank = rng.random((ROWS, len(OTHERS))) < 0.4
    others[blank] = ""
    fixed = ",".join(FIXED.values())
    codes = list(numbers.values())
    lines = []
    for row in range(ROWS):
        parts = (*(column[row] for column in codes), fixed, *weights[row], *others[row])
        lines.append(f"2024HU{first + row:07d},{','.join(parts)}")
    return ("\n".join(lines) + "\n").encode()


def generate(folder: Path, megabytes: int) -> tuple[Path, Path]:
    """Write the CSV, and a zip of it, a piece at a time."""
    table, archive_path = folder / "psam_p50.csv", folder / "csv_pvt.zip"
    sample = piece(np.random.default_rng(0), 0)
    rows = [line.split(b",", 1)[1] for line in sample.splitlines()]
    first = 0
    with (
        table.open("wb") as sink,
        zipfile.ZipFile(archive_path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("psam_p50.csv", "w", force_zip64=True) as packed,
    ):
        head = (",".join([*COLUMNS, *REPLICATES, *OTHERS]) + "\n").encode()
        sink.write(head)
        packed.write(head)
        while sink.tell() < megabytes * 1_000_000:
            block = b"".join(b"2024HU%07d,%s\n" % (first + n, row) for n, row in enumerate(rows))
            sink.write(block)
            packed.write(block)
            first += ROWS
    return table, archive_path


def read_ours(path: str) -> int:
    from populace.population.pums import read_pums

    return read_pums(path)[0].height


def read_polars(path: str) -> int:
    import polars as pl

    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            return pl.read_csv(archive.read("psam_p50.csv"), columns=COLUMNS, infer_schema=False).height
    return pl.read_csv(path, columns=COLUMNS, infer_schema=False).height


def read_pandas(path: str) -> int:
    import pandas as pd

    return len(pd.read_csv(path, usecols=COLUMNS, dtype={"SERIALNO": str}))


READERS = {"populace": read_ours, "polars": read_polars, "pandas": read_pandas}


def measure(reader: str, path: Path) -> dict[str, float]:
    """Read in a child process."""
    words = [sys.executable, __file__, "--child", reader, str(path)]
    found = subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ})
    if found.returncode:
        raise SystemExit(found.stderr)
    return json.loads(found.stdout.splitlines()[-1])


def child(reader: str, path: str) -> None:
    start = time.perf_counter()
    people = READERS[reader](path)
    seconds = time.perf_counter() - start
    spent = resource.getrusage(resource.RUSAGE_SELF)
    found = {"people": people, "seconds": seconds, "cpu": spent.ru_utime + spent.ru_stime}
    print(json.dumps(found | {"gigabytes": peak_memory()}))


def peak_memory() -> float:
    """Peak of this process in GB; what the system calls its maximum may be the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/acs_pums_2024"))
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--big", action="store_true", help="2 GB")
    parser.add_argument("--child", nargs=2)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    rows = []
    if arguments.data.is_dir():
        rows.append(
            (
                "national Parquet, persons joined to households",
                "populace",
                measure("populace", arguments.data),
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        for path in generate(Path(folder), 2000 if arguments.big else arguments.megabytes):
            size = f"{path.suffix[1:]} of {path.stat().st_size / 1e6:,.0f} MB"
            rows += [(size, reader, measure(reader, path)) for reader in READERS]
    for what, reader, found in rows:
        line = (
            f"{found['people']:>9,.0f} people {found['seconds']:7.2f} s ({found['cpu']:.2f} s of processor)"
        )
        line += f" {found['gigabytes']:6.2f} GB"
        print(f"{what:<48} {reader:<9} {line}")


if __name__ == "__main__":
    main()
