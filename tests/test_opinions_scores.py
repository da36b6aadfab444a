"""Scores of single answers: by hand, against naive twins, scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import accuracy_score, log_loss

from populace.errors import DataError
from populace.opinions import Item, Opinions, Split, split
from populace.opinions.cells import Cells, cells_of, common_cells, scored
from populace.opinions.intervals import around
from populace.opinions.measures import MEASURES, weighted_ranks
from populace.opinions.planted import plant_world
from populace.opinions.scores import individual_scores

NAN = float("nan")


def tiny() -> tuple[Opinions, Split]:
    """Three people, of whom two are tested, and two items: `a` of two options, `b` ordinal of three."""
    items = (Item(name="a", options=("Yes", "No")), Item(name="b", options=("1", "2", "3"), ordinal=True))
    people = pl.DataFrame({"person_id": ["x", "y", "z"], "weight": [1.0, 3.0, 1.0]})
    answers = np.array([[0, 2], [1, 0], [0, 0]], dtype=np.int16)
    asked = np.ones((2, 2), dtype=bool)
    return Opinions(people, items, answers), Split(np.array([2]), np.array([0, 1]), asked, asked * 0 - 1)


def study(seed: int, items: int = 12, people: int = 80) -> tuple[Opinions, Split, dict[str, np.ndarray]]:
    """Plant people, and a better and a worse model."""
    sample = plant_world(items, seed=seed).people(people, seed=seed)
    parts = split(sample.opinions, test=people // 2, asked=0.5, seed=seed)
    tables = {"good": sample.model(0.8)[parts.test], "poor": sample.model(0.2)[parts.test]}
    return sample.opinions, parts, tables


def found(frame: pl.DataFrame, predictor: str, measure: str, against: str | None = None) -> dict:
    rows = frame.filter(
        (pl.col("predictor") == predictor)
        & (pl.col("measure") == measure)
        & pl.col("against").eq_missing(pl.lit(against))
    )
    assert rows.height == 1
    return rows.row(0, named=True)


def test_by_hand() -> None:
    opinions, parts = tiny()
    table = np.array([[0.8, 0.2, 0.2, 0.3, 0.5], [0.6, 0.4, 0.5, 0.3, 0.2]])
    frame = individual_scores(opinions, parts, {"one": table}, draws=50)
    # x is right twice with weight 1, y once of twice with weight 3: (2 + 3) / 8
    assert found(frame, "one", "accuracy")["value"] == pytest.approx(5 / 8)
    logs = (np.log(0.8) + np.log(0.5) + 3 * np.log(0.4) + 3 * np.log(0.5)) / 8
    assert found(frame, "one", "log score")["value"] == pytest.approx(logs)
    # a: 2 * 0.2^2 and 2 * 0.6^2; b: 0.04 + 0.09 + 0.25 and 0.25 + 0.09 + 0.04
    brier = (0.08 + 0.38 + 3 * 0.72 + 3 * 0.38) / 8
    assert found(frame, "one", "Brier score")["value"] == pytest.approx(brier)
    # b only: cumulative 0.2, 0.5 against 0, 0, and 0.5, 0.8 against 1, 1
    ranked = ((0.04 + 0.25) / 2 + 3 * (0.25 + 0.04) / 2) / 4
    assert found(frame, "one", "ranked probability score")["value"] == pytest.approx(ranked)
    # sure of 0.8 (right), 0.5 (right; with 3 * 0.5 right, one bin: 4 * -0.5), 0.6 (wrong, weight 3)
    assert found(frame, "one", "calibration error")["value"] == pytest.approx((0.2 + 2.0 + 1.8) / 8)
    # x is predicted above y on b, and lies above
    assert found(frame, "one", "rank correlation")["value"] == pytest.approx(1.0)
    assert found(frame, "one", "accuracy")["n"] == 4
    assert found(frame, "one", "rank correlation")["n"] == 2


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=10)
def test_naive_twin(seed: int) -> None:
    opinions, parts, tables = study(seed)
    frame = individual_scores(opinions, parts, tables, against=("poor",), draws=10)
    for name, table in tables.items():
        right = total = logs = 0.0
        for row, person in enumerate(parts.test):
            for item in np.flatnonzero(parts.asked[row]):
                start, end = opinions.starts[item], opinions.starts[item + 1]
                p, y, w = table[row, start:end], opinions.answers[person, item], opinions.weights[person]
                right += w * (p.argmax() == y)
                logs += w * np.log(p[y])
                total += w
        assert found(frame, name, "accuracy")["value"] == pytest.approx(right / total)
        assert found(frame, name, "log score")["value"] == pytest.approx(logs / total)
    both = [found(frame, name, "accuracy")["value"] for name in ("good", "poor")]
    beside = found(frame, "good", "accuracy", "poor")
    assert beside["value"] == pytest.approx(both[0] - both[1])
    assert beside["baseline"] == pytest.approx(both[1])


def test_scikit_learn_and_scipy_agree_without_weights() -> None:
    items = (Item(name="b", options=("1", "2", "3", "4"), ordinal=True),)
    people = pl.DataFrame({"person_id": [str(i) for i in range(200)], "weight": [2.0] * 200})
    rng = np.random.default_rng(3)
    table = rng.dirichlet(np.ones(4), size=200)
    truth = np.array([rng.choice(4, p=p) for p in table])
    opinions = Opinions(people, items, truth[:, None].astype(np.int16))
    parts = Split(np.array([]), np.arange(200), np.ones((200, 1), dtype=bool), np.full((200, 1), -1))
    frame = individual_scores(opinions, parts, {"one": table}, draws=10)
    assert found(frame, "one", "accuracy")["value"] == pytest.approx(
        accuracy_score(truth, table.argmax(axis=1))
    )
    assert found(frame, "one", "log score")["value"] == pytest.approx(
        -log_loss(truth, table, labels=range(4))
    )
    # Nobody is learned from, so places are those among all 200, with one answer spread over the options.
    shares = (np.bincount(truth, minlength=4) + 0.25) / 201
    places = np.cumsum(shares) - shares / 2
    expected = pearsonr(table @ places, places[truth]).statistic
    assert found(frame, "one", "rank correlation")["value"] == pytest.approx(expected)
    certain = np.eye(4)[truth]
    alone = individual_scores(opinions, parts, {"one": certain}, draws=10, measures=("rank correlation",))
    assert alone["value"][0] == pytest.approx(1.0)


def test_rank_correlation_does_not_depend_on_how_many_are_asked_an_item() -> None:
    """The same people and predictions, asked two an item or all of them one item: ranks of two gave 0.43."""
    rng = np.random.default_rng(4)
    pairs = 3000
    lean = rng.normal(size=(pairs, 2))
    truth = np.clip(np.round(lean + rng.normal(size=lean.shape) + 2), 0, 4).astype(np.int64)
    places = np.clip(np.round(lean + 2), 0, 4).astype(np.int64)
    shares = np.bincount(truth.ravel(), minlength=5) / truth.size
    ridits = np.broadcast_to(np.cumsum(shares) - shares / 2, (2 * pairs, 5))
    p = np.eye(5)[places.ravel()]
    found_in = []
    for columns in (np.repeat(np.arange(pairs), 2), np.zeros(2 * pairs, dtype=np.int64)):
        ones = np.ones(2 * pairs)
        people = np.arange(2 * pairs)
        cells = Cells(people, columns, truth.ravel(), ones, 5 * ones.astype(int), ones > 0, ridits)
        kind = MEASURES["rank correlation"]
        found_in.append(kind.value(kind.rows(p, cells).sum(axis=0)[None])[0])
    assert found_in[0] == pytest.approx(found_in[1], abs=0.02)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=30))
@settings(deadline=None, max_examples=60)
def test_weighted_ranks_are_ranks_of_copies(rows: list[tuple[int, int, int]]) -> None:
    """A weight of 3 ranks as three people who are alike."""
    values, groups, weights = (np.array(part) for part in zip(*rows, strict=True))
    copies = np.repeat(np.arange(len(rows)), weights)
    ranks = weighted_ranks(values.astype(float), groups, weights.astype(float))
    spread = weighted_ranks(values[copies].astype(float), groups[copies], np.ones(len(copies)))
    assert spread == pytest.approx(ranks[copies], abs=1e-8)
    for group in np.unique(groups):
        assert np.average(ranks[groups == group], weights=weights[groups == group]) == pytest.approx(
            0, abs=1e-8
        )


def test_who_tells_nobody_apart_has_no_rank_correlation() -> None:
    opinions, parts, tables = study(1)
    row = np.repeat(1 / opinions.sizes, opinions.sizes)
    tables["same"] = np.broadcast_to(row, tables["good"].shape)
    frame = individual_scores(opinions, parts, tables, measures=("rank correlation",), against=("same",))
    assert np.isnan(found(frame, "same", "rank correlation")["value"])
    assert np.isnan(found(frame, "good", "rank correlation", "same")["low"])
    assert found(frame, "good", "rank correlation")["low"] > 0


@pytest.mark.parametrize("measure", list(MEASURES))
def test_influence_is_the_slope(measure: str) -> None:
    """Weigh one cell a little more: the score moves by its influence."""
    opinions, parts, tables = study(2)
    of = scored(opinions, parts, tables)
    kind = MEASURES[measure]
    rows = kind.rows(of.padded["good"], of.cells)
    influence = kind.influence(rows)
    total = rows.sum(axis=0)
    step = 1e-6
    slopes = [(kind.value((total + step * row)[None])[0] - kind.value(total[None])[0]) / step for row in rows]
    assert influence == pytest.approx(np.array(slopes), abs=1e-5)
    assert influence.sum() == pytest.approx(0, abs=1e-9)


def test_few_items_are_a_sample_too() -> None:
    opinions, parts, tables = study(3, items=20, people=300)
    few = individual_scores(opinions, parts, tables, measures=("accuracy",))
    assert "respondents x items, two-way clusters (150 x 20)" in few["method"][0]
    opinions, parts, tables = study(3, items=110, people=60)
    many = individual_scores(opinions, parts, tables, measures=("accuracy", "calibration error"), draws=100)
    assert many["method"][0] == "respondent bootstrap, percentile, 100 draws"
    assert found(many, "good", "calibration error")["method"].startswith("respondent bootstrap, spread")
    assert few["seed"].null_count() == few.height
    assert many["seed"].to_list() == [0] * many.height


@pytest.mark.parametrize("items", [20, 110])
def test_paired_differences_are_narrower_than_unpaired(items: int) -> None:
    opinions, parts, tables = study(4, items=items, people=200)
    tables["nearly"] = 0.98 * tables["good"] + 0.02 * tables["poor"]
    frame = individual_scores(opinions, parts, tables, against=("good",), measures=("log score",), draws=400)
    alone, beside = found(frame, "nearly", "log score"), found(frame, "nearly", "log score", "good")
    assert beside["high"] - beside["low"] < (alone["high"] - alone["low"]) / 5


def test_same_seed_same_bytes() -> None:
    opinions, parts, tables = study(5, items=110, people=60)
    first, again, other = (
        individual_scores(opinions, parts, tables, draws=200, seed=seed) for seed in (7, 7, 8)
    )
    assert first.equals(again, null_equal=True)
    assert first["low"].to_list() != other["low"].to_list()


def test_all_tables_are_scored_on_the_same_cells() -> None:
    opinions, parts, tables = study(6)
    model = tables["good"].copy()
    model[:10] = NAN
    mask = common_cells(opinions, parts, {**tables, "model": model})
    assert mask.sum() == parts.asked[10:].sum()
    frame = individual_scores(opinions, parts, {**tables, "model": model}, draws=10)
    assert frame["n"].max() == mask.sum()
    assert found(frame, "model", "accuracy")["value"] == found(frame, "good", "accuracy")["value"]


def test_refusals_are_counted_and_scored_as_they_say() -> None:
    opinions, parts, tables = study(7)
    silent = tables["good"].copy()
    row = int(np.flatnonzero(parts.asked.any(axis=1))[0])
    item = int(np.flatnonzero(parts.asked[row])[0])
    start, end = opinions.starts[item], opinions.starts[item + 1]
    silent[row, start:end] = NAN
    both = {"good": tables["good"], "silent": silent}
    with pytest.raises(DataError, match="silent has no prediction for 1 of"):
        individual_scores(opinions, parts, both, cells=parts.asked)
    kept = individual_scores(opinions, parts, both, cells=parts.asked, refusals="uniform")
    flat = tables["good"].copy()
    flat[row, start:end] = 1 / (end - start)
    expected = individual_scores(opinions, parts, {"flat": flat})
    for measure in MEASURES:
        assert found(kept, "silent", measure)["value"] == found(expected, "flat", measure)["value"]
    assert found(kept, "silent", "accuracy")["refused"] == 1
    assert found(kept, "good", "accuracy")["refused"] == 0
    assert found(kept, "good", "accuracy")["n"] == parts.asked.sum()
    left = individual_scores(opinions, parts, both, cells=parts.asked, refusals="leave out")
    assert found(left, "good", "accuracy")["n"] == parts.asked.sum() - 1
    assert found(left, "good", "accuracy")["value"] == found(left, "silent", "accuracy")["value"]


def test_bad_input_is_named() -> None:
    opinions, parts, tables = study(8)
    with pytest.raises(DataError, match="the table short has the shape"):
        individual_scores(opinions, parts, {"short": tables["good"][:, :-1]})
    with pytest.raises(DataError, match="nobody is no table or measure"):
        individual_scores(opinions, parts, tables, against=("nobody",))
    with pytest.raises(DataError, match="predicts nothing that was asked"):
        individual_scores(opinions, parts, {"blank": np.full_like(tables["good"], NAN)})
    with pytest.raises(DataError, match="cells are to be scored that were not asked"):
        individual_scores(opinions, parts, tables, cells=np.ones_like(parts.asked))
    with pytest.raises(DataError, match="no cell is to be scored"):
        individual_scores(opinions, parts, tables, cells=np.zeros_like(parts.asked))
    broken = tables["good"].copy()
    row, item = np.argwhere(parts.asked)[0]
    broken[row, opinions.starts[item]] += 0.1
    with pytest.raises(
        DataError, match=f"row {row + 1}, column q{item}: the table broken has no distribution"
    ):
        individual_scores(opinions, parts, {"broken": broken})
    with pytest.raises(ValueError, match="refusals is 'drop'"):
        scored(opinions, parts, tables, refusals="drop")  # pyright: ignore[reportArgumentType]


def test_two_tables_without_common_cells() -> None:
    opinions, parts, tables = study(9)
    first, second = tables["good"].copy(), tables["good"].copy()
    first[:20], second[20:] = NAN, NAN
    with pytest.raises(DataError, match="no cell is predicted by all of first, second"):
        individual_scores(opinions, parts, {"first": first, "second": second})


def test_no_ordinal_items_no_ordinal_scores() -> None:
    opinions, parts, tables = study(10)
    bare = Opinions(
        opinions.people,
        tuple(Item(name=item.name, options=item.options) for item in opinions.items),
        opinions.answers,
    )
    frame = individual_scores(bare, parts, tables, draws=10)
    for measure in ("ranked probability score", "rank correlation"):
        row = found(frame, "good", measure)
        assert np.isnan(row["value"])
        assert row["n"] == 0


def test_identical_tables_differ_by_nothing_but_not_for_certain() -> None:
    opinions, parts, tables = study(11, items=110, people=60)
    tables["twin"] = tables["good"].copy()
    frame = individual_scores(opinions, parts, tables, against=("good",), measures=("accuracy",), draws=100)
    row = found(frame, "twin", "accuracy", "good")
    assert row["value"] == 0
    assert row["low"] < 0 < row["high"]


def test_weight_zero_says_nothing() -> None:
    opinions, parts, tables = study(12)
    people = opinions.people.with_columns(
        weight=pl.when(pl.col("person_id") == opinions.people["person_id"][int(parts.test[0])])
        .then(0.0)
        .otherwise(pl.col("weight"))
    )
    without = Opinions(people, opinions.items, opinions.answers)
    rest = parts.asked.copy()
    rest[0] = False
    for measure in MEASURES:
        given = individual_scores(without, parts, tables, measures=(measure,))["value"]
        expected = individual_scores(opinions, parts, tables, measures=(measure,), cells=rest)["value"]
        assert given.to_list() == pytest.approx(expected.to_list())


def test_around_is_cut_and_counts_what_is_undefined() -> None:
    drawn = np.array([0.1, 0.3, NAN, 0.2])
    made = around(0.05, drawn, n=4, clusters=40, draws=4, seed=0, level=0.95, unit="x", within=(0.0, 1.0))
    assert made.low == 0.0
    assert made.high == pytest.approx(0.05 + 2.0227 * 0.1, abs=1e-4)
    assert "1 undefined left out" in made.method


def test_cells_carry_what_they_are() -> None:
    opinions, parts = tiny()
    cells = cells_of(opinions, parts)
    assert cells.rows.tolist() == [0, 0, 1, 1]
    assert cells.columns.tolist() == [0, 1, 0, 1]
    assert cells.truth.tolist() == [0, 2, 1, 0]
    assert cells.weights.tolist() == [1, 1, 3, 3]
    assert cells.ordinal.tolist() == [False, True, False, True]
