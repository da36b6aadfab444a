"""How true drawn people are: the open generative model beside the file it was learned from, and its peers.

    python benchmarks/bench_fidelity.py [FOLDER] [--quick] [--peers DIR] [--only PART,...] [--write FILE]

FOLDER is the whole 2024 ACS 1-year PUMS, person and household files. Every part prints Markdown; `--write`
also puts it into a file between the marks `<!-- PART -->` and `<!-- /PART -->` of each part. `--peers`
installs published synthesizers below DIR (about 8 GB) and measures them; their draws are kept there.
`--quick` draws fewer people. The parts:

- `speed`: reading, fitting, drawing, memory, size, what is suppressed;
- `fidelity`: one-, two- and three-way margins of drawn people beside honest sampling;
- `states`: the same for each state by itself;
- `discriminator`: gradient boosting told real from drawn;
- `privacy`: nearest records in the half trained on and the half held out;
- `baselines`: other ways to people, measured alike;
- `sources`: the same pipeline on other files.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import itertools
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from fidelity import baselines, stages
from fidelity.coding import COMPARED, coded, released_states, sample
from fidelity.discriminator import Setting, Told, columns_of, tell
from fidelity.margins import Distance, Side, distances, summary, triples
from fidelity.sources import SOURCES, measure

from populace.population import build
from populace.population.codebook import load_codebook
from populace.population.columns import ORDER
from populace.population.comparison import compare
from populace.population.generative import GenerativeModel
from populace.population.privacy import nearest_records
from populace.population.pums import read_pums
from populace.population.us2024 import source

FIT_BUDGET, DRAW_BUDGET = 180, 200_000
ONE_WAY, TWO_WAY, AUC = 0.01, 0.03, 0.60


class Bench:
    """What the parts share: the file, people drawn, and how much of everything."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.folder: Path = options.folder
        self.peers: Path | None = options.peers
        self.quick: bool = options.quick
        self.size = 100_000 if self.quick else 1_000_000

    @functools.cached_property
    def people(self) -> pl.DataFrame:
        """The file."""
        return read_pums(self.folder)[0]

    @functools.cached_property
    def drawn(self) -> pl.DataFrame:
        """People drawn from the embedded model."""
        return build("us-2024", size=self.size, seed=2024).frame


def speed(bench: Bench) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, report = folder / "model.parquet", folder / "report.json"
        fit = stages.run("fit", bench.folder, model, report=report)
        draw = stages.run("draw", model, folder / "drawn.parquet", "1000000", "1", report=report)
        same = pl.read_parquet(model).equals(pl.read_parquet(source.MODEL_FILE))
    yield "| figure | measured | budget |"
    yield "|---|---|---|"
    what = f"reading {fit['records']:,.0f} people and their households"
    yield f"| {what} | {fit['read']:.1f} s, {fit['read_gb']:.1f} GB | |"
    yield f"| fitting | {fit['fit']:.0f} s | {FIT_BUDGET} s: {held(fit['fit'] <= FIT_BUDGET)} |"
    yield f"| peak memory of reading and fitting | {fit['fit_gb']:.1f} GB | |"
    yield f"| the model as a file | {fit['bytes'] / 1e6:.2f} MB | |"
    yield f"| loading it | {draw['load']:.2f} s | |"
    yield (
        f"| drawing 1,000,000 people, tables completed on the way | {draw['per_second']:,.0f} a second "
        f"| {DRAW_BUDGET:,}: {held(draw['per_second'] >= DRAW_BUDGET)} |"
    )
    yield f"| drawing 1,000,000 more | {draw['per_second_again']:,.0f} a second | |"
    yield f"| peak memory of drawing 1,000,000 | {draw['gb']:.1f} GB | |"
    yield ""
    yield f"The fresh fit and the embedded model are {'equal' if same else 'NOT EQUAL'}, cell for cell."
    yield ""
    yield from suppression(GenerativeModel.load(source.MODEL_FILE))


def suppression(model: GenerativeModel) -> Iterator[str]:
    """Say what the trees tell, and what not."""
    cells = leaves = 0
    shares: list[tuple[str, float]] = []
    never: dict[str, int] = {}
    for step in model.steps:
        leaf = step.structure.feature < 0
        told = step.cells.weight[leaf[step.cells.node]].sum()
        rest = step.cells.remainder[leaf].sum()
        cells, leaves = cells + len(step.cells.value), leaves + int(leaf.sum())
        shares.append((step.variable, float(rest / (told + rest))))
        # The first value stands for null, which many variables never are.
        seen = len(set(step.cells.value.tolist()) - {0})
        never[step.variable] = step.size - 1 - seen
    worst = sorted(shares, key=lambda pair: -pair[1])[:3]
    lost = {name: number for name, number in never.items() if number}
    yield (
        f"{len(model.steps)} trees with {leaves:,} leaves and {cells:,} told counts, each of "
        f"{model.min_records} records or more. Of the weight, {np.mean([share for _, share in shares]):.1%} "
        f"(mean over the trees) is not told at its leaf but spread like the remainder of the node above; "
        "most for "
        + ", ".join(f"{name} ({share:.1%})" for name, share in worst)
        + ". Values never drawn, since fewer records of them exist: "
        + (", ".join(f"{number} of {name}" for name, number in lost.items()) or "none")
        + "."
    )


def fidelity(bench: Bench) -> Iterator[str]:
    check(bench)
    number = 300 if bench.quick else 0
    chosen = triples(COMPARED, 300 if bench.quick else 1000)
    yield (
        "| margins | number | mean | median | 95 % | largest | sampling, mean | sampling, 95 % | at most "
        f"{ONE_WAY} (one-way), {TWO_WAY} (others) |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    worst: list[str] = []
    old = pl.col("AGEP") >= 18
    for group, kept in (("everyone", pl.lit(True)), ("adults", old), ("minors", ~old)):
        file, drawn = bench.people.filter(kept), bench.drawn.filter(kept)
        right = Side(coded(file, complete=False), file["PWGTP"].to_numpy())
        left = Side(coded(drawn, complete=True))
        names = list(right.columns)
        three = triples(COMPARED, number) if group == "everyone" else chosen
        for ways, margins in (
            ("one-way", [(name,) for name in names]),
            ("two-way", list(itertools.combinations(COMPARED, 2))),
            ("three-way", three),
        ):
            found = distances(left, right, margins)
            s = summary(found, ONE_WAY if ways == "one-way" else TWO_WAY)
            yield (
                f"| {ways}, {group} | {s.margins:,} | {s.mean:.4f} | {s.median:.4f} | {s.p95:.4f} "
                f"| {s.largest:.4f} | {s.noise_mean:.4f} | {s.noise_p95:.4f} | {s.within:.1%} |"
            )
            if group != "minors":
                worst.append(f"{ways}, {group}: {furthest(found)}")
    yield ""
    yield "The margins furthest off (sampling in parentheses):"
    yield ""
    yield from (f"- {line}" for line in worst)


def check(bench: Bench) -> None:
    """Hold the formulas here to those of the package, on one state."""
    file, drawn = (frame.filter(pl.col("STATE") == 50) for frame in (bench.people, bench.drawn))
    theirs = compare(drawn.with_columns(weight=pl.lit(1.0)), file.rename({"PWGTP": "weight"}))
    left, right = (
        Side(coded(drawn, complete=True)),
        Side(coded(file, complete=False), file["PWGTP"].to_numpy()),
    )
    known = {frozenset(one.variables): one for one in theirs.margins}
    for one in distances(left, right, list(itertools.combinations(COMPARED, 2))):
        other = known.get(frozenset(one.variables))
        if other is not None:
            np.testing.assert_allclose((one.tv, one.noise), (other.total_variation, other.noise), atol=1e-12)


def furthest(found: list[Distance], number: int = 4) -> str:
    worst = sorted(found, key=lambda one: -one.tv)[:number]
    return ", ".join(f"{' × '.join(one.variables)} {one.tv:.4f} ({one.noise:.4f})" for one in worst)


def states(bench: Bench) -> Iterator[str]:
    size = 20_000 if bench.quick else 100_000
    whole = coded(bench.people, complete=False).with_columns(bench.people["PWGTP"])
    rows = []
    labels = load_codebook("acs_pums").variables["STATE"].labels
    for (state,), file in sorted(whole.group_by("STATE", maintain_order=True)):
        names = [n for n in COMPARED if n != "STATE" and file[n].null_count() < file.height]
        drawn = source.model().draw(size, seed=7, where={"STATE": [state]})
        weight = file["PWGTP"].to_numpy().astype(float)
        left, right = Side(coded(drawn, complete=True).select(names)), Side(file.select(names), weight)
        found = summary(distances(left, right, list(itertools.combinations(names, 2))))
        # The file is a sample itself: so far would it be from the state it stands for.
        own = found.noise_mean * (size / (weight.sum() ** 2 / (weight**2).sum())) ** 0.5
        rows.append((labels[state], file.height, found, own))
    rows.sort(key=lambda row: -row[2].median)
    yield (
        f"{size:,} people drawn for each of {len(rows)} states, every pair of attributes. The last column is "
        "how far the state's own records, a sample too, would be on average from the people they stand for."
    )
    yield ""
    yield "| state | records | two-way median | mean | 95 % | largest | sampling, mean | records' own, mean |"
    yield "|---|---|---|---|---|---|---|---|"
    for title, records, s, own in rows[:5]:
        yield state_line(title, f"{records:,}", s, own)
    medians = [row[2] for row in rows]
    middle = rows[len(rows) // 2]
    yield state_line(f"{middle[0]} (the middle one)", f"{middle[1]:,}", middle[2], middle[3])
    yield state_line(f"{rows[-1][0]} (the best)", f"{rows[-1][1]:,}", rows[-1][2], rows[-1][3])
    yield ""
    yield (
        f"Median over the states: two-way median {np.median([s.median for s in medians]):.4f}, "
        f"mean {np.median([s.mean for s in medians]):.4f}, 95 % {np.median([s.p95 for s in medians]):.4f} "
        f"(records' own, mean: {np.median([row[3] for row in rows]):.4f})."
    )


def state_line(title: str, records: str, s, own: float) -> str:
    return (
        f"| {title} | {records} | {s.median:.4f} | {s.mean:.4f} | {s.p95:.4f} | {s.largest:.4f} "
        f"| {s.noise_mean:.4f} | {own:.4f} |"
    )


def discriminator(bench: Bench) -> Iterator[str]:
    usual = Setting(30_000 if bench.quick else 150_000, 300, 31)
    strong = Setting(60_000 if bench.quick else 450_000, 1500, 63, rate=0.05)
    # Two parts of the file without a record in common: what is drawn is held to the first.
    part = np.random.default_rng(5).random(bench.people.height) < 0.5
    files = [bench.people.filter(part), bench.people.filter(~part)]
    yield "| told apart | rows of each kind | trees | AUC on held-out rows (95 %) | |"
    yield "|---|---|---|---|---|"
    told: Told | None = None
    for title, setting in (("", usual), (", stronger", strong)):
        real = [columns_of(sample(file, setting.rows, 3), complete=False) for file in files]
        drawn = columns_of(bench.drawn[: setting.rows], complete=True)
        for what, other in (("real from drawn", drawn), ("real from real", real[1])):
            found = tell(real[0], other, setting, 0, uses=20_000 if other is drawn else 0)
            told = found if other is drawn else told
            budget = f"budget {AUC}: {held(found.auc.value <= AUC)}" if other is drawn else ""
            yield (
                f"| {what}{title} | {setting.rows:,} | {found.trees} of {setting.trees:,} "
                f"| {interval(found.auc)} | {budget} |"
            )
    assert told
    yield ""
    yield (
        "What the stronger one uses (fall of the AUC when a column is permuted): "
        + ", ".join(f"{name} {fall:.3f}" for name, fall in told.uses[:8])
        + "."
    )


def privacy(bench: Bench) -> Iterator[str]:
    number, records = (300, 100_000) if bench.quick else (3000, 10**9)
    people = bench.people if not bench.quick else bench.people[::8]
    household = people["person_id"].str.replace(r"-\d+$", "")
    half = household.hash(seed=1) % 2 == 0
    parts = [people.filter(half), people.filter(~half)]
    model = GenerativeModel.fit(
        parts[0],
        [name for name in ORDER if name in people.columns],
        weight="PWGTP",
        book=load_codebook("acs_pums"),
        released_by="STATE",
    )
    drawn = released_states(model.draw(2 * number, seed=9))[:number]
    copies = released_states(sample(parts[0], 2 * number, 9))[:number]
    files = [released_states(part)[:records] for part in parts]
    exact = [name for name in ORDER if name in drawn.columns]
    yield (
        f"Learned from {parts[0].height:,} records, a random half of the households; {number:,} people drawn "
        "(of states that release everything), each beside the nearest record of either half."
    )
    yield ""
    yield (
        "| attributes | people | records of each half | nearer to the half trained on (0.5 = no memory) "
        "| identical to one trained on | to one held out | differ in, trained on | held out |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for title, who, code in (
        ("coarse: personas' detail", drawn, detail),
        ("fine: single ages, dollars, all codes", drawn, lambda frame: frame.select(exact)),
        ("fine; real people of the half trained on", copies, lambda frame: frame.select(exact)),
    ):
        found = nearest_records(code(who), code(files[0]), code(files[1]))
        yield (
            f"| {title} | {who.height:,} | {found.records:,} | {interval(found.nearer_training)} "
            f"| {interval(found.identical_training, 4)} | {interval(found.identical_holdout, 4)} "
            f"| {found.distance_training.value:.2f} | {found.distance_holdout.value:.2f} |"
        )


def detail(people: pl.DataFrame) -> pl.DataFrame:
    return coded(people, complete=True).select(COMPARED)


def other_ways(bench: Bench) -> Iterator[str]:
    size, number = (20_000, 50) if bench.quick else (100_000, 200)
    yield (
        "| people from | learned from | fit, CPU | drawn a CPU second | one-way, largest | two-way, 95 % "
        "| three-way, median | AUC | equal to one of the 30,000 | to one of 30,000 others |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in baselines.rows(bench.people, bench.drawn, size, number, bench.peers):
        if row.auc is None:
            yield f"| {row.title} | {row.learned} | {row.reason} | | | | | | | |"
            continue
        fit = "" if row.fit is None else f"{row.fit:.0f} s"
        rate = "" if row.per_second is None else f"{row.per_second:,.0f}"
        yield (
            f"| {row.title} | {row.learned} | {fit} | {rate} | {row.one_way:.4f} | {row.two_way:.4f} "
            f"| {row.three_way:.4f} | {interval(row.auc)} | {row.copies:.2%} | {row.others:.2%} |"
        )


def sources(bench: Bench) -> Iterator[str]:
    size = 20_000 if bench.quick else 100_000
    yield (
        "| file | records | columns | fit | one-way, largest | two-way, mean | 95 % | sampling, mean "
        "| the file's own sampling, mean |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in SOURCES:
        found = measure(bench.folder.parent, one, size)
        yield (
            f"| {one.title} | {found.records:,} | {found.columns} | {found.fit:.1f} s "
            f"| {found.one_way.largest:.4f} | {found.two_way.mean:.4f} | {found.two_way.p95:.4f} "
            f"| {found.two_way.noise_mean:.4f} | {found.file_noise:.4f} |"
        )


PARTS = {
    "speed": speed,
    "fidelity": fidelity,
    "states": states,
    "discriminator": discriminator,
    "privacy": privacy,
    "baselines": other_ways,
    "sources": sources,
}


def held(yes: bool) -> str:
    return "held" if yes else "NOT HELD"


def interval(estimate, digits: int = 3) -> str:
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def write(file: Path, part: str, text: str) -> None:
    """Put a part's text between its marks."""
    whole = file.read_text(encoding="utf-8")
    marks = rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)"
    if not re.search(marks, whole, flags=re.DOTALL):
        sys.exit(f"{file} has no marks <!-- {part} --> and <!-- /{part} -->")
    put = re.sub(marks, lambda found: f"{found[1]}{text}\n{found[2]}", whole, flags=re.DOTALL)
    file.write_text(put, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", default="../shared/data/acs_pums_2024", type=Path)
    parser.add_argument("--quick", action="store_true", help="draw fewer people")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="measure synthesizers installed below DIR")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,...", help="parts to run")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put every part between its marks there")
    options = parser.parse_args()
    chosen = options.only.split(",")
    if strange := sorted(set(chosen) - set(PARTS)):
        parser.error(f"there is no part {strange[0]}; there are {', '.join(PARTS)}")
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    bench = Bench(options)
    for part in chosen:
        start, load = time.monotonic(), os.getloadavg()[0]
        lines = []
        for line in PARTS[part](bench):
            lines.append(line)
            print(line, flush=True)
        day = datetime.datetime.now(tz=datetime.UTC).date()
        seconds = time.monotonic() - start
        lines += ["", f"*{day}, {machine}, load {load:.1f} at the start, {seconds:.0f} s.*"]
        print(*lines[-2:], "", sep="\n", flush=True)
        if options.write:
            write(options.write, part, "\n".join(lines))


if __name__ == "__main__":
    main()
