"""The claim: five texts and a job description for 1,000,000 people in at most 12 s and 1.5 GB.

    python benchmarks/bench_texts.py [PEOPLE]

The people are made of independent attributes, so that no two are alike: the hardest case for the draw. The
peer is the way it was done before: a matrix of people by entries, one expression an entry.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
import polars as pl

from populace.personas.frames import complete
from populace.personas.jobs import draw_job
from populace.personas.lists import FLAGS, draw_texts, entries
from populace.personas.schema import ATTRIBUTES, WRITTEN
from populace.population.codebook import load_codebook


def people(count: int) -> pl.DataFrame:
    """Make people whose attributes are drawn one by one."""
    rng = np.random.default_rng(0)
    book = load_codebook("acs_pums").variables
    columns = {"age": rng.integers(0, 100, count), "income": rng.integers(-10_000, 300_000, count)}
    lists = {each.name: list(each.values) for each in ATTRIBUTES if each.values}
    lists["occupation_category"] = list(book["OCCP"].labels.values())
    lists["industry_category"] = [group.label for group in book["INDP"].groups]
    for name, labels in lists.items():
        columns[name] = pl.Series(labels).gather(rng.integers(0, len(labels), count))
    return complete(pl.DataFrame(columns))


def naive(frame: pl.DataFrame, attribute: str, rng: np.random.Generator) -> pl.Series:
    """Draw through a matrix of people by entries."""
    flags = frame.select("age", *(flag.fill_null(False).alias(name) for name, flag in FLAGS.items()))
    pool = entries(attribute)
    columns = [
        flags.select(
            pl.all_horizontal(
                pl.col("age").is_between(one.min_age, one.max_age),
                *(pl.col(name) for name in one.needs),
                *(~pl.col(name) for name in one.avoid),
            )
        )
        .to_series()
        .to_numpy()
        for one in pool
    ]
    fits = np.column_stack(columns)
    counts = fits.sum(axis=1)
    rank = np.minimum((rng.random(frame.height) * counts).astype(np.int64), counts - 1)
    chosen = (fits.cumsum(axis=1, dtype=np.int16) > rank[:, None]).argmax(axis=1)
    texts = pl.Series([one.text for one in pool]).gather(chosen)
    return pl.select(pl.when(pl.Series(counts > 0)).then(texts)).to_series().alias(attribute)


def main() -> None:
    """Print both times, their ratio, and the memory that the draw took beyond the people."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    frame = people(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    drawn = draw_texts(frame, {name: np.random.default_rng(i) for i, name in enumerate(WRITTEN)})
    draw_job(frame, np.random.default_rng(9))
    ours = time.perf_counter() - start
    taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    print(
        f"{count:,} people, {len(WRITTEN)} texts and a job: {ours:.1f} s, {taken:.2f} GiB beyond the people"
    )
    some = frame.head(count // 10)
    start = time.perf_counter()
    peers = [naive(some, name, np.random.default_rng(i)) for i, name in enumerate(WRITTEN)]
    peer = 10 * (time.perf_counter() - start)
    same = all(one.head(some.height).equals(two) for one, two in zip(drawn, peers, strict=True))
    print(f"matrix of people by entries, texts alone: {peer:.1f} s (from a tenth), same texts: {same}")
    print(f"ratio: {peer / ours:.1f}")


if __name__ == "__main__":
    main()
