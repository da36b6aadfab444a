"""Nearest records: distances by hand and beside a naive twin, memory found and not found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from populace import population
from populace.errors import DataError
from populace.population import privacy
from populace.population.fitted import draw_from
from populace.population.privacy import nearest_distances, nearest_records


def frame(rows: list[tuple]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["a", "b", "c"], orient="row")


def test_distances_derived_by_hand():
    drawn = frame([(1, "x", None), (2, "y", 5), (9, "z", 9), (1, "x", 7)])
    training = frame([(1, "x", None), (2, "x", 4)])
    holdout = frame([(1, "x", 7), (2, "y", 4)])
    found = nearest_records(drawn, training, holdout)
    # Training: (1, x, null) is a copy, 0; (2, y, 5) shares only a with the second, 2; nothing shared, 3;
    # (1, x, 7) differs from the first by c, 1. Held out: 1; 1; 3; 0.
    assert found.distance_training.value == (0 + 2 + 3 + 1) / 4
    assert found.distance_holdout.value == (1 + 1 + 3 + 0) / 4
    # Nearer to training: yes, no, tie, no.
    assert found.nearer_training.value == (1 + 0 + 0.5 + 0) / 4
    assert found.identical_training.value == found.identical_holdout.value == 0.25
    assert (found.attributes, found.records) == (("a", "b", "c"), 2)


codes = st.integers(0, 3)


@given(
    st.lists(st.tuples(codes, codes, codes), min_size=1, max_size=8),
    st.lists(st.tuples(codes, codes, codes), min_size=1, max_size=12),
    st.sampled_from([1, 2, 5, 1 << 16]),
)
def test_distances_equal_a_naive_twin(people, records, block):
    naive = [min(sum(x != y for x, y in zip(p, r, strict=True)) for r in records) for p in people]
    before, privacy._BLOCK = privacy._BLOCK, block
    try:
        assert nearest_distances(np.array(people).T, np.array(records).T).tolist() == naive
    finally:
        privacy._BLOCK = before


@given(st.lists(st.tuples(codes, codes, codes), min_size=4, max_size=30), st.randoms())
def test_the_order_of_records_does_not_matter(rows, random):
    half = len(rows) // 2
    training, holdout = rows[:half], rows[half : 2 * half]
    first = nearest_records(frame(rows), frame(training), frame(holdout))
    random.shuffle(training)
    random.shuffle(holdout)
    assert nearest_records(frame(rows), frame(training), frame(holdout)) == first


def test_parts_are_compared_at_equal_sizes():
    rng = np.random.default_rng(3)
    drawn, training, holdout = (
        pl.DataFrame(rng.integers(0, 4, size=(size, 6)), schema=list("abcdef")) for size in (500, 4000, 300)
    )
    found = nearest_records(drawn, training, holdout)
    # The larger part would be nearer by its number alone.
    assert found.records == 300
    assert found.nearer_training.low < 0.5 < found.nearer_training.high
    assert not found.remembers


def test_copies_are_found():
    rng = np.random.default_rng(4)
    training, holdout = (pl.DataFrame(rng.integers(0, 9, size=(400, 6)), schema=list("abcdef")) for _ in "ab")
    found = nearest_records(training[:100], training, holdout)
    assert found.remembers
    assert found.identical_training.value == 1.0
    assert found.identical_holdout.high < 0.05
    # Every tenth a copy, the others new: seen too.
    mixed = pl.concat([training[:60], pl.DataFrame(rng.integers(0, 9, size=(540, 6)), schema=list("abcdef"))])
    assert nearest_records(mixed, training, holdout).remembers


def test_a_model_does_not_remember_its_training_part():
    people = population.build("us-2024", size=12_000, seed=5, states=[50])
    parts = [population.Population(people.frame[i::2], people.provenance) for i in (0, 1)]
    drawn = draw_from(population.fit(parts[0]), "mine", size=1_500, seed=6).frame
    names = ["AGEP", "SEX", "SCHL", "MAR", "ESR", "OCCP", "INDP", "HHT", "NP", "TEN", "PINCP", "HINCP"]
    found = nearest_records(drawn, parts[0].frame, parts[1].frame, attributes=names)
    assert 0.45 < found.nearer_training.value < 0.55


@pytest.mark.parametrize(
    ("training", "attributes", "match"),
    [
        (frame([]), None, "training people are none"),
        (frame([(1, "x", 2)]).drop("b"), None, "lack this column"),
        (frame([(1, "x", 2)]), ["a", "d"], "lack this column"),
        (frame([(1, "x", 2)]), [], "cannot compare 0 attributes"),
    ],
)
def test_bad_input(training, attributes, match):
    drawn = frame([(1, "x", 2)])
    with pytest.raises(DataError, match=match):
        nearest_records(drawn, training, drawn, attributes=attributes)
