"""Other ways to people, measured alike: independent columns, a bootstrap, and published synthesizers.

All are compared at the detail of `COMPARED` (single ages beside), on the states that release everything,
with as many drawn people each. The synthesizers and our model learn from the same sample of the file.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
from peers.environments import Peer, interpreter

from fidelity.coding import COMPARED, coded, released_states, sample
from fidelity.discriminator import Setting, tell
from fidelity.margins import Side, distances, summary, triples
from populace.canonical import file_hash
from populace.population.generative import GenerativeModel
from populace.stats import Estimate

__all__ = ["Row", "rows"]

COLUMNS = ("STATE", "AGEP", *(name for name in COMPARED if name not in ("STATE", "AGE5")))
NUMBERS = ("AGEP", "NP")
LEARNED = 30_000
BOX = 600
"""Processor seconds that a peer may take to fit and draw (the driver holds itself to it)."""
LATE = 3600
"""Seconds after which it is ended anyway."""
_PARQUET = "pyarrow==26.0.1"
_SDV = ("sdv==2.0.0", _PARQUET)
METHODS = {
    "copula": Peer("SDV Gaussian copula", "sdv", _SDV, "synthesize.py"),
    "ctgan": Peer("SDV CTGAN, 10 epochs", "sdv", _SDV, "synthesize.py"),
    "tvae": Peer("SDV TVAE, 30 epochs", "sdv", _SDV, "synthesize.py"),
    "tree": Peer("pgmpy, Chow-Liu tree", "pgmpy", ("pgmpy==1.1.2", _PARQUET), "synthesize.py"),
    "arf": Peer("adversarial random forest", "arf", ("arfpy==0.1.1", "numpy<2.4", _PARQUET), "synthesize.py"),
    "bayes": Peer(
        "DataSynthesizer, Bayesian network",
        "datasynthesizer",
        ("DataSynthesizer==0.1.13", _PARQUET),
        "synthesize.py",
    ),
}


@dataclass(frozen=True)
class Row:
    """One way to people."""

    title: str
    learned: str
    fit: float | None = None
    """Processor seconds."""
    per_second: float | None = None
    """Drawn in a second of processor time."""
    one_way: float | None = None
    """Largest total variation."""
    two_way: float | None = None
    """95th percentile."""
    three_way: float | None = None
    """Median."""
    auc: Estimate | None = None
    copies: float | None = None
    """Share of the drawn who equal one of the records learned from (or of a sample of the file)."""
    others: float | None = None
    """Share of the drawn who equal one of as many other records."""
    reason: str = ""


class Judge:
    """Measures tables of drawn people against the file."""

    def __init__(self, people: pl.DataFrame, size: int, number: int) -> None:
        self.size = size
        whole = coded(people, complete=True)
        self.side = Side(whole.select("AGEP", *COMPARED), people["PWGTP"].to_numpy())
        self.real = self._detail(sample(people, size, 11))
        self.known, self.other = (self._detail(sample(people, LEARNED, seed)) for seed in (1, 12))
        self.pairs = list(itertools.combinations(COMPARED, 2))
        self.triples = triples(COMPARED, number)

    @staticmethod
    def _detail(people: pl.DataFrame) -> pl.DataFrame:
        return coded(people, complete=True).select(COLUMNS)

    def measure(self, row: Row, drawn: pl.DataFrame) -> Row:
        drawn = drawn[: self.size].select(COLUMNS).fill_null(0)
        side = Side(drawn.with_columns(AGE5=pl.col("AGEP") // 5).select("AGEP", *COMPARED))
        found = [
            summary(distances(side, self.side, names))
            for names in ([(name,) for name in ("AGEP", *COMPARED)], self.pairs, self.triples)
        ]
        told = tell(self.real.cast(pl.Float32), drawn.cast(pl.Float32), Setting(self.size, 300, 31), 0)
        shares = [_identical(drawn, part) for part in (self.known, self.other)]
        return replace(
            row,
            one_way=found[0].largest,
            two_way=found[1].p95,
            three_way=found[2].median,
            auc=told.auc,
            copies=shares[0],
            others=shares[1],
        )


def _identical(drawn: pl.DataFrame, records: pl.DataFrame) -> float:
    both = drawn.cast(pl.Int32).join(records.cast(pl.Int32).unique(), on=COLUMNS, how="semi")
    return both.height / drawn.height


def rows(people: pl.DataFrame, ours: pl.DataFrame, size: int, number: int, peers: Path | None):
    """Yield the rows of the table, one after the other.

    Parameters
    ----------
    people
        The file.
    ours
        People drawn from the embedded model.
    size
        Drawn people compared, the same number for every row.
    number
        Triples compared.
    peers
        Folder of the peers' environments and draws; None leaves them out.
    """
    file = released_states(people)
    judge = Judge(file, size, number)
    drawn = coded(released_states(ours), complete=True)
    yield judge.measure(Row("populace, us-2024", "whole file"), drawn)
    train = judge.known.with_columns(pl.exclude(NUMBERS).cast(pl.String))
    yield judge.measure(*_ours(train, size))
    yield judge.measure(Row("honest sample of the file", "whole file"), judge._detail(sample(file, size, 13)))
    yield judge.measure(Row("bootstrap", "30,000"), judge.known.sample(size, with_replacement=True, seed=1))
    yield judge.measure(Row("independent columns", "whole file"), _independent(file, size))
    if peers:
        for method, peer in METHODS.items():
            row, drawn = _peer(method, peer, train, size, peers)
            yield row if drawn is None else judge.measure(row, drawn)


def _ours(train: pl.DataFrame, size: int) -> tuple[Row, pl.DataFrame]:
    start = time.process_time()
    model = GenerativeModel.fit(train, list(COLUMNS))
    fitted = time.process_time()
    drawn = model.draw(size, seed=1)
    row = Row("populace", "30,000", fitted - start, size / (time.process_time() - fitted))
    return row, drawn.with_columns(pl.exclude(NUMBERS).cast(pl.Int32))


def _independent(file: pl.DataFrame, size: int) -> pl.DataFrame:
    whole = coded(file, complete=True).select(COLUMNS).with_columns(file["PWGTP"])
    drawn = {name: sample(whole, size, seed)[name] for seed, name in enumerate(COLUMNS, start=100)}
    return pl.DataFrame(drawn)


def _peer(
    method: str, peer: Peer, train: pl.DataFrame, size: int, folder: Path
) -> tuple[Row, pl.DataFrame | None]:
    """Draw from a peer, once for the same training table: its draws are kept in the folder."""
    home = folder / "draws"
    home.mkdir(parents=True, exist_ok=True)
    table, target, report = home / "train.parquet", home / f"{method}.parquet", home / f"{method}.json"
    train.write_parquet(table)
    key = f"{file_hash(table)} {size} {' '.join(peer.requirements)}"
    row = Row(f"{peer.title} ({peer.requirements[0].replace('==', ' ')})", f"{train.height:,}")
    known = json.loads(report.read_text()) if report.exists() else {}
    if known.get("key") != key:
        target.unlink(missing_ok=True)
        report.unlink(missing_ok=True)
        known = {"key": key} | _run(method, peer, table, size, target, report, folder)
        report.write_text(json.dumps(known))
    if "reason" in known:
        return replace(row, reason=known["reason"]), None
    row = replace(row, fit=known["fit"], per_second=size / known["draw"])
    return row, pl.read_parquet(target).with_columns(pl.all().cast(pl.Int32))


def _run(
    method: str, peer: Peer, table: Path, size: int, target: Path, report: Path, folder: Path
) -> dict[str, float | str]:
    try:
        python = interpreter(peer, folder.resolve())
    except RuntimeError as error:
        return {"reason": str(error)}
    driver = Path(__file__).parents[1] / "peers" / peer.driver
    command = [python, "-W", "ignore", driver, method, table, str(size), target, report]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LATE, check=False)
    except subprocess.TimeoutExpired:
        return {"reason": f"not done after {LATE} s"}
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return {"reason": f"not done after {BOX} s of processor time"}
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"reason": lines[-1][:200] if lines else f"exit code {done.returncode}"}
    return json.loads(report.read_text())
