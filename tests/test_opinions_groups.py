"""Predicted distributions of groups and of the population, and gaps between groups."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2, wasserstein_distance

from populace.errors import DataError
from populace.opinions import Item, Opinions, Split, split
from populace.opinions.distances import DISTANCES
from populace.opinions.gaps import spread_of_means, subgroup_gaps
from populace.opinions.groups import MEAN, group_scores, groups_of
from populace.opinions.planted import plant_world

NAN = float("nan")


def everybody(opinions: Opinions) -> Split:
    """Test all of them on everything."""
    shape = opinions.answers.shape
    return Split(np.array([]), np.arange(shape[0]), opinions.answered, np.full(shape, -1))


def found(
    frame: pl.DataFrame, measure: str, predictor: str, group: str | None = None, against: str | None = None
):
    rows = frame.filter(
        (pl.col("measure") == measure)
        & (pl.col("predictor") == predictor)
        & pl.col("group").eq_missing(pl.lit(group))
        & pl.col("against").eq_missing(pl.lit(against))
    )
    assert rows.height == 1
    return rows.row(0, named=True)


def pair() -> tuple[Opinions, dict[str, np.ndarray]]:
    """Two people of weights 1 and 3, one ordinal item: answers 1 and 3."""
    items = (Item(name="a", options=("1", "2", "3"), ordinal=True),)
    people = pl.DataFrame({"person_id": ["x", "y"], "weight": [1.0, 3.0], "sex": ["F", "M"]})
    return Opinions(people, items, np.array([[0], [2]], dtype=np.int16)), {
        "one": np.array([[0.5, 0.5, 0.0], [0.1, 0.1, 0.8]])
    }


def test_by_hand() -> None:
    opinions, tables = pair()
    frame = group_scores(opinions, everybody(opinions), tables, by=("sex",), least=1, draws=20)
    # Predicted (0.5 + 0.3, 0.5 + 0.3, 2.4) / 4 = 0.2, 0.2, 0.6; answered 0.25, 0, 0.75.
    assert found(frame, "total variation", "one")["raw"] == pytest.approx(0.2)
    # Cumulative 0.2, 0.4 against 0.25, 0.25: 0.05 + 0.15, over 2.
    assert found(frame, "1 - W1 / (N - 1)", "one")["raw"] == pytest.approx(0.9)
    expected = jensenshannon([0.2, 0.2, 0.6], [0.25, 0, 0.75], base=2)
    assert found(frame, "Jensen-Shannon distance", "one")["raw"] == pytest.approx(expected)
    assert found(frame, "total variation", "one", "F")["raw"] == pytest.approx(0.5)
    assert found(frame, "total variation", "one", "M")["raw"] == pytest.approx(0.2)
    row = found(frame, "total variation", "one", "M")
    assert (row["attribute"], row["n"], row["clusters"]) == ("sex", 1, 1)
    assert math.isnan(row["low"])
    assert row["method"] == "no interval: only one respondent"


@given(st.integers(0, 500))
@settings(deadline=None, max_examples=8)
def test_naive_twin(seed: int) -> None:
    sample = plant_world(6, seed=seed).people(40, seed=seed)
    opinions, parts = sample.opinions, split(sample.opinions, test=30, asked=0.6, seed=seed)
    table = sample.model(0.5)[parts.test]
    frame = group_scores(opinions, parts, {"one": table}, by=("sex",), least=3, draws=3, halves=1)
    sex = opinions.people["sex"].to_numpy()[parts.test]
    for group in (None, "Female", "Male"):
        parts_of = {measure: [] for measure in DISTANCES}
        for item, question in enumerate(opinions.items):
            rows = np.flatnonzero(parts.asked[:, item] & ((sex == group) | (group is None)))
            if rows.size < 3:
                continue
            cut = slice(opinions.starts[item], opinions.starts[item + 1])
            weights = opinions.weights[parts.test[rows]]
            said = np.average(table[rows, cut], axis=0, weights=weights)
            codes = opinions.answers[parts.test[rows], item]
            true = np.bincount(codes, weights=weights, minlength=question.size) / weights.sum()
            places = np.arange(question.size)
            parts_of["Jensen-Shannon distance"].append(jensenshannon(said, true, base=2))
            parts_of["total variation"].append(np.abs(said - true).sum() / 2)
            if question.ordinal:
                apart = wasserstein_distance(places, places, said, true)
                parts_of["1 - W1 / (N - 1)"].append(1 - apart / (question.size - 1))
        for measure, values in parts_of.items():
            row = found(frame, measure, "one", group)
            assert row["n"] == len(values)
            assert row["raw"] == pytest.approx(np.mean(values) if values else NAN, nan_ok=True)


def test_the_truth_is_as_far_as_sampling_leaves_it() -> None:
    world = plant_world(30, seed=3)
    crowd = world.people(4000, seed=9, missing=0.0)
    row = crowd.opinions.shares()
    ratios = []
    for seed in range(6):
        opinions = world.people(150, seed=seed, missing=0.0).opinions
        table = {"truth": np.broadcast_to(row, (150, row.size))}
        frame = group_scores(opinions, everybody(opinions), table, draws=2)
        for measure in DISTANCES[:2]:
            line = found(frame, measure, "truth")
            ratios.append(line["raw"] / line["sampling"])
        near = found(frame, DISTANCES[2], "truth")
        ratios.append((1 - near["raw"]) / (1 - near["sampling"]))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.06)


def test_interval_is_as_wide_as_samples_differ() -> None:
    world = plant_world(20, seed=4)
    values, widths = [], []
    for seed in range(40):
        sample = world.people(120, seed=seed)
        opinions = sample.opinions
        flat = np.repeat(1 / opinions.sizes, opinions.sizes)
        table = {"flat": np.broadcast_to(flat, (120, flat.size))}
        line = found(group_scores(opinions, everybody(opinions), table, draws=80), "total variation", "flat")
        values.append(line["value"])
        widths.append((line["high"] - line["low"]) / (2 * 1.98))
    assert np.mean(widths) == pytest.approx(np.std(values, ddof=1), rel=0.35)


def test_intervals_hold_the_true_distance() -> None:
    """What is predicted is fixed, so how far it is from the truth is known; an item has 38 answers."""
    options, count = tuple("abcde"), 24
    rng = np.random.default_rng(1)
    items = tuple(Item(name=f"q{place}", options=options, ordinal=True) for place in range(count))
    truth, other = (rng.dirichlet(np.full(5, 3.0), size=count) for _ in range(2))
    near, far = (np.abs(mix * (other - truth)).sum(axis=1).mean() / 2 for mix in (0.15, 0.5))
    planted = {("true", None): 0.0, ("far", None): far, ("far", "true"): far, ("near", "true"): near}
    held, mean, raw = dict.fromkeys(planted, 0), dict.fromkeys(planted, 0.0), 0.0
    for _ in range(40):
        luck = rng.random((38, count, 1))
        answers = (luck > np.cumsum(truth, axis=1)[:, :-1]).sum(axis=2).astype(np.int16)
        people = pl.DataFrame({"person_id": [str(i) for i in range(38)]}).with_columns(weight=pl.lit(1.0))
        opinions = Opinions(people, items, answers)
        rows = {"true": truth, "far": truth + 0.5 * (other - truth), "near": truth + 0.15 * (other - truth)}
        tables = {name: np.broadcast_to(row.ravel(), (38, row.size)) for name, row in rows.items()}
        frame = group_scores(opinions, everybody(opinions), tables, against=("true",), draws=60)
        for (name, against), wanted in planted.items():
            row = found(frame, "total variation", name, None, against)
            held[name, against] += row["low"] <= wanted <= row["high"]
            mean[name, against] += row["value"] / 40
        raw += found(frame, "total variation", "true")["raw"] / 40
    assert min(held.values()) >= 34
    assert mean["far", None] == pytest.approx(far, abs=0.02)
    assert raw > 0.1
    assert mean["true", None] < raw / 3


def test_differences_are_paired() -> None:
    sample = plant_world(20, seed=5).people(150, seed=1)
    tables = {"good": sample.model(0.2), "nearly": 0.95 * sample.model(0.2) + 0.05 * sample.model(0.0)}
    frame = group_scores(sample.opinions, everybody(sample.opinions), tables, against=("good",))
    alone, beside = (found(frame, "total variation", "nearly", None, base) for base in (None, "good"))
    good = found(frame, "total variation", "good")
    assert beside["value"] == pytest.approx(alone["value"] - good["value"])
    assert beside["high"] - beside["low"] < (alone["high"] - alone["low"]) / 2


def test_same_seed_same_bytes() -> None:
    sample = plant_world(10, seed=5).people(60, seed=1)
    ask = everybody(sample.opinions)
    frames = [
        group_scores(sample.opinions, ask, {"one": sample.model(0.5)}, by=("sex", "age"), seed=seed)
        for seed in (3, 3, 4)
    ]
    assert frames[0].equals(frames[1], null_equal=True)
    assert frames[0]["low"].to_list() != frames[2]["low"].to_list()


def test_groups_too_small_are_there_and_undefined() -> None:
    opinions, tables = pair()
    frame = group_scores(opinions, everybody(opinions), tables, by=("sex",), least=2, draws=5)
    assert found(frame, "total variation", "one")["n"] == 1
    assert math.isnan(found(frame, "total variation", "one", "F")["value"])
    assert found(frame, "total variation", "one", "F")["n"] == 0


def test_mean_of_groups_is_weighted_and_surer_than_each() -> None:
    sample = plant_world(15, seed=7).people(240, seed=1)
    ask = everybody(sample.opinions)
    tables = {"one": sample.model(0.5), "flat": sample.model(0.0)}
    frame = group_scores(sample.opinions, ask, tables, by=("sex",), against=("flat",), draws=300)
    weights = [
        sample.opinions.people.filter(sex=sex)["weight"].to_numpy() @ np.ones(0 + count)
        for sex, count in sample.opinions.people.group_by("sex").len().sort("sex").iter_rows()
    ]
    for against in (None, "flat"):
        parts = [found(frame, "total variation", "one", sex, against) for sex in ("Female", "Male")]
        whole = found(frame, "total variation", "one", MEAN, against)
        # Everybody has about the same share of items, so cells are weighted nearly as people are.
        expected = np.average([part["raw"] for part in parts], weights=weights)
        assert whole["raw"] == pytest.approx(expected, abs=2e-4)
        assert whole["high"] - whole["low"] < min(part["high"] - part["low"] for part in parts)
        assert whole["clusters"] == 240
        assert whole["n"] == 30


def test_numbers_become_bands() -> None:
    rng = np.random.default_rng(0)
    ages = rng.integers(18, 90, size=400)
    bands = groups_of(pl.DataFrame({"age": ages}), "age")
    counts = bands.value_counts()["count"].to_numpy()
    assert counts.size == 4
    assert counts.min() > 80
    for age, band in zip(ages, bands, strict=True):
        low, high = (int(part) for part in band.split(" to "))
        assert low <= age <= high
    shares = groups_of(pl.DataFrame({"x": rng.random(100)}), "x")
    assert shares.n_unique() == 4
    with pytest.raises(DataError, match="people have no attribute height"):
        groups_of(pl.DataFrame({"age": ages}), "height")


def test_unknown_tables_are_said() -> None:
    opinions, tables = pair()
    with pytest.raises(DataError, match="no table is named nobody"):
        group_scores(opinions, everybody(opinions), tables, against=("nobody",))


# --- gaps -------------------------------------------------------------------------------------------------


def test_spread_with_even_errors_is_that_of_the_means_less_the_errors() -> None:
    values = np.array([0.5, 0.6, 0.7, 0.8])
    made = spread_of_means(values, np.full(4, 0.05))
    variance = values.var(ddof=1) - 0.05**2
    assert made.spread.value == pytest.approx(math.sqrt(variance))
    assert made.mean == pytest.approx(0.65)
    own = variance / (variance + 0.05**2)
    assert made.shrunken == pytest.approx(0.65 + own * (values - 0.65))
    assert made.q == pytest.approx(3 * values.var(ddof=1) / 0.05**2)
    assert made.p_value == pytest.approx(chi2.sf(made.q, 3))
    # With errors alike the interval of the variance is that of chi-square.
    for end, share in ((made.spread.low, 0.975), (made.spread.high, 0.025)):
        expected = 3 * values.var(ddof=1) / chi2.ppf(share, 3) - 0.05**2
        assert end**2 == pytest.approx(max(expected, 0.0))


def test_means_nearer_than_chance_have_no_spread() -> None:
    made = spread_of_means(np.array([0.50, 0.51, 0.50]), np.array([0.1, 0.2, 0.1]))
    assert made.spread.value == made.spread.low == made.spread.high == 0.0
    assert len(set(made.shrunken)) == 1


def test_spread_is_held() -> None:
    rng = np.random.default_rng(1)
    held, values = 0, []
    for _ in range(300):
        errors = rng.uniform(0.03, 0.12, size=8)
        made = spread_of_means(rng.normal(0.6, 0.1, size=8) + errors * rng.normal(size=8), errors)
        held += made.spread.low <= 0.1 <= made.spread.high
        values.append(made.spread.value**2)
    assert 0.91 <= held / 300 <= 0.985
    assert np.mean(values) == pytest.approx(0.01, rel=0.15)


def test_one_group_and_bad_errors() -> None:
    made = spread_of_means(np.array([0.4]), np.array([0.1]))
    assert not made.spread.defined
    assert made.shrunken == (0.4,)
    with pytest.raises(DataError, match="errors above zero"):
        spread_of_means(np.array([0.4, 0.5]), np.array([0.1, 0.0]))


def test_gaps_by_hand() -> None:
    items = (Item(name="a", options=("Yes", "No")),)
    people = pl.DataFrame(
        {
            "person_id": [str(i) for i in range(45)],
            "weight": [1.0] * 45,
            "sex": ["F"] * 20 + ["M"] * 20 + ["X"] * 5,
        }
    )
    noes = [i % 4 == 0 for i in range(20)] + [i % 2 == 0 for i in range(20)] + [True] * 4 + [False]
    opinions = Opinions(people, items, np.array(noes, dtype=np.int16)[:, None])
    table = {"yes": np.broadcast_to([0.9, 0.1], (45, 2))}
    frame = subgroup_gaps(opinions, everybody(opinions), table, ("sex",))
    assert frame["group"].to_list() == ["F", "M", "X"]
    assert frame["value"].to_list() == pytest.approx([0.75, 0.5, 0.2])
    assert frame["people"].to_list() == [20, 20, 5]
    # Over n - 1, then over n - 3: chance alone makes means differ more in units of estimated errors.
    errors = np.array([math.sqrt(p * (1 - p) / 19 * 19 / 17) for p in (0.75, 0.5)])
    made = spread_of_means(np.array([0.75, 0.5]), errors)
    assert frame["spread"].to_list() == pytest.approx([made.spread.value] * 3)
    assert frame["gap"].to_list() == pytest.approx([p - made.mean for p in (0.75, 0.5, 0.2)])
    assert frame["shrunken"].to_list() == pytest.approx([*made.shrunken, None])
    assert frame["low"][0] < 0.75 < frame["high"][0]


def test_no_gap_where_all_are_predicted_alike() -> None:
    world = plant_world(20, seed=6)
    low = []
    for seed in range(15):
        sample = world.people(200, seed=seed)
        frame = subgroup_gaps(
            sample.opinions, everybody(sample.opinions), {"one": sample.model(0.5)}, ("sex",)
        )
        low.append(frame["spread_low"][0] == 0)
    assert sum(low) >= 12


def test_small_groups_are_not_told_apart_too_often() -> None:
    """Five groups of twelve, predicted alike: without the widening 10 % have p < 0.05."""
    rng = np.random.default_rng(5)
    items = tuple(Item(name=f"q{place}", options=("Yes", "No")) for place in range(20))
    people = pl.DataFrame({"person_id": [str(i) for i in range(60)], "sex": list("abcde") * 12})
    people = people.with_columns(weight=pl.lit(1.0))
    table = {"yes": np.broadcast_to([0.9, 0.1] * 20, (60, 40))}
    told = 0
    for _ in range(300):
        opinions = Opinions(people, items, (rng.random((60, 20)) < 0.4).astype(np.int16))
        told += subgroup_gaps(opinions, everybody(opinions), table, ("sex",))["p_value"][0] < 0.05
    assert told <= 26


def test_gaps_refuse_what_is_no_mean() -> None:
    opinions, tables = pair()
    with pytest.raises(DataError, match="'calibration error' is no mean over cells"):
        subgroup_gaps(opinions, everybody(opinions), tables, ("sex",), measure="calibration error")
