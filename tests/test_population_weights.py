"""Raking, trimming, design effects, and intervals from replicate weights."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.population.estimates import (
    Kind,
    Mean,
    Quantile,
    Share,
    design_effect_of,
    estimate,
    replicate_estimate,
    shares_of,
)
from populace.population.raking import rake
from populace.population.targets import as_targets, census_targets, load_margins, margins_of
from populace.population.weights import Cap, design_effect, effective_size, trim

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "acs_pums_2024"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared PUMS extract is absent")


def people(seed: int = 0, size: int = 400) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    sex = rng.integers(2, size=size)
    region = (sex + rng.integers(3, size=size)) % 3
    return pl.DataFrame(
        {
            "sex": np.array(["F", "M"])[sex],
            "region": np.array(["N", "S", "W"])[region],
            "age": rng.integers(1, 5, size=size),
            "weight": rng.gamma(2.0, size=size),
        }
    )


def naive(frame: pl.DataFrame, margins: list[pl.DataFrame], sweeps: int = 3000) -> np.ndarray:
    """Fit cell by cell, margin by margin, as the paper says."""
    weight = frame["weight"].to_numpy().copy()
    masks = []
    for margin in margins:
        for *values, target in margin.iter_rows():
            mask = np.ones(frame.height, dtype=bool)
            for name, value in zip(margin.columns[:-1], values, strict=True):
                mask &= np.array([entry == value for entry in frame[name].to_list()])
            masks.append((np.flatnonzero(mask), target))
    for _ in range(sweeps):
        before = weight.copy()
        for rows, target in masks:
            total = weight[rows].sum()
            weight[rows] *= target / total if total > 0 else 0
        if np.abs(weight - before).max() < 1e-13:
            break
    return weight


def shifted(frame: pl.DataFrame, seed: int, sets: list) -> list[pl.DataFrame]:
    """Margins of the same people under other weights: they can be met."""
    rng = np.random.default_rng([seed, 1])
    return margins_of(frame.with_columns(weight=pl.Series(rng.gamma(1.0, size=frame.height) + 0.01)), sets)


def test_two_margins_by_hand():
    # [[1, 1], [1, 1]] to rows 1 : 3 and columns 1 : 1 of 8 people is [[1, 1], [3, 3]].
    frame = pl.DataFrame({"a": ["x", "x", "y", "y"], "b": [1, 2, 1, 2], "weight": [1.0] * 4})
    found = rake(frame, {"a": {"x": 2, "y": 6}, "b": {1: 4, 2: 4}})
    np.testing.assert_allclose(found.weights, [1, 1, 3, 3], rtol=1e-12)
    assert found.converged and (found.factor_low, found.factor_high) == pytest.approx((0.5, 1.5))
    # n Σw² / (Σw)² = 4 · 20 / 64; 4 people over that.
    assert found.design_effect == pytest.approx(1.25) and found.effective_size == pytest.approx(3.2)
    row = found.cells.row(1, named=True)
    assert (row["margin"], row["category"], row["before"]) == ("a", "y", pytest.approx(4))
    # Before, a was (1/2, 1/2) against (1/4, 3/4).
    assert found.margins["distance_before"].to_list() == pytest.approx([0.25, 0])
    assert "converged in" in found.text() and "effective size 3" in found.text()


@given(seed=st.integers(0, 10_000), joint=st.booleans(), size=st.sampled_from([60, 400]))
@settings(max_examples=25, deadline=None)
def test_raking_is_the_naive_twin(seed, joint, size):
    frame = people(seed, size)
    sets = [("sex", "region"), "age"] if joint else ["sex", "region", "age"]
    margins = shifted(frame, seed, sets)
    found = rake(frame, margins)
    np.testing.assert_allclose(found.weights, naive(frame, margins), rtol=1e-6)
    # The order of margins has no say.
    np.testing.assert_allclose(rake(frame, margins[::-1]).weights, found.weights, rtol=1e-6)
    for margin in margins:
        [again] = margins_of(frame.with_columns(weight=found.weights), [margin.columns[:-1]])
        np.testing.assert_allclose(again["target"], margin["target"], rtol=1e-8)


def test_every_path_gives_the_same_weights(monkeypatch):
    # Sweeps alone, Newton's steps, people visited one by one and by joint cells.
    frame = people(3, 3000).with_columns(x=pl.col("age") // 2, y=pl.col("age") % 3, z=pl.col("age") > 2)
    margins = shifted(frame, 3, ["sex", "region", "age", ("x", "sex"), ("y", "region"), "z"])
    quick = rake(frame, margins, tolerance=1e-11)
    monkeypatch.setattr("populace.population.raking.LARGEST", 0)
    swept = rake(frame, margins, tolerance=1e-11)
    monkeypatch.setattr("populace.population.rakecells._PRODUCT", 0)
    alone = rake(frame, margins, tolerance=1e-11)
    assert quick.iterations < swept.iterations
    np.testing.assert_allclose(swept.weights, quick.weights, rtol=1e-8)
    np.testing.assert_allclose(alone.weights, quick.weights, rtol=1e-8)


def test_raked_weights_are_the_nearest():
    # Any other weights with the same margins are further from the old ones in Kullback-Leibler divergence.
    frame, rng = people(5, 60), np.random.default_rng(0)
    margins = shifted(frame, 5, ["sex", "region"])
    found, old = rake(frame, margins).weights, frame["weight"].to_numpy()
    old = old * found.sum() / old.sum()
    key = (frame["sex"] + frame["region"]).to_numpy()
    ours = (found * np.log(found / old)).sum()
    for _ in range(20):
        # Move weight between two people of one joint cell: no margin changes.
        rows = rng.choice(np.flatnonzero(key == rng.choice(key)), 2)
        other = found.copy()
        move = 0.3 * other[rows[0]] * (rows[0] != rows[1])
        other[rows[0]] -= move
        other[rows[1]] += move
        assert (other * np.log(other / old)).sum() >= ours - 1e-9


def test_shares_counts_totals_and_nulls():
    frame = pl.DataFrame({"a": ["x", "y", None], "n": [1, None, 1], "weight": [2.0, 2.0, 4.0]})
    third = pl.DataFrame({"a": ["x", "y", None], "target": [0.5, 0.25, 0.25]})
    assert rake(frame, [third]).weights.tolist() == [4, 2, 2]  # shares keep the total of 8
    assert rake(frame, [third], total=100).weights.tolist() == [50, 25, 25]
    counts = pl.DataFrame({"n": [None, 1], "target": [5.0, 15.0]})
    np.testing.assert_allclose(rake(frame, [third, counts]).weights, [10, 5, 5])  # shares follow the counts
    assert rake(frame, {"n": {1: 0.5, None: 0.5}}, weight=None).weights.tolist() == [0.75, 1.5, 0.75]


def test_the_total_is_never_that_of_shares():
    frame = pl.DataFrame({"a": ["x", "y"] * 2, "b": ["p", "p", "q", "q"], "weight": [10.0, 20, 30, 40]})
    frame = frame.with_columns(pl.col("weight") * 2)  # 200 in all
    shares = {"a": {"x": 0.5, "y": 0.5}, "b": {"p": 0.2, "q": 0.75}}
    for margins in (shares, dict(reversed(shares.items()))):
        assert rake(frame, margins, rescale=True).weights.sum() == pytest.approx(200)
        assert rake(frame, margins, rescale=True, total=7).weights.sum() == pytest.approx(7)
    assert rake(
        frame, {"a": {"x": 3, "y": 4}, **{"b": shares["b"]}}, rescale=True
    ).weights.sum() == pytest.approx(7)
    # Counts of 100 people are counts where somebody says so, or where the weights add up to as many.
    percent = {"a": {"x": 49, "y": 51}}
    assert rake(frame, percent, total=100).weights.sum() == pytest.approx(100)
    with pytest.raises(DataError, match="these look like percentages"):
        rake(frame, percent, rescale=True)
    hundred = frame.with_columns(pl.col("weight") / 2)
    assert rake(hundred, percent).weights.sum() == pytest.approx(100)
    assert rake(frame, percent, signed=True).weights.sum() == pytest.approx(100)  # a replicate of theirs
    # So are small numbers, such as the margins of weights that add up to 0.97.
    small = frame.with_columns(pl.col("weight") * 0.97 / 200)
    assert rake(small, margins_of(small, ["a", "b"])).weights.sum() == pytest.approx(0.97)


def test_categories_that_nobody_has_are_merged_on_request():
    frame = pl.DataFrame({"a": ["x", "x", "y"], "b": ["p", "q", "q"], "weight": [1.0, 1.0, 1.0]})
    margins = {"a": {"x": 0.4, "y": 0.4, "z": 0.2}}
    with pytest.raises(
        DataError, match=r"column a: z shall weigh 0\.6, but has no people at all.*missing='merge'"
    ):
        rake(frame, margins)
    found = rake(frame, margins, missing="merge")
    np.testing.assert_allclose(found.weights, [0.75, 0.75, 1.5])  # 0.4 : 0.4 of 3
    assert found.notes == ("a: nobody stands for z; their 20.000% of the target went to the others",)
    assert found.notes[0] in found.text() and found.cells["target"].to_list() == pytest.approx([1.5, 1.5, 0])
    with pytest.raises(DataError, match=r"z shall weigh 3, but has no people"):
        rake(frame, {"a": {"z": 1.0}}, missing="merge")
    with pytest.raises(DataError, match="2 people have categories without a target"):
        rake(frame, {"a": {"X": 0.5, "y": 0.5}}, missing="merge")  # a slip of the pen stays an error
    joint = pl.DataFrame(
        {"a": ["x", "x", "y", "z"], "b": ["p", "q", "q", "q"], "target": [0.2, 0.2, 0.4, 0.2]}
    )
    [b] = [pl.DataFrame({"b": ["p", "q"], "target": [0.2, 0.8]})]
    with pytest.raises(DataError, match="in the margin"):
        rake(frame, [joint, b], missing="merge")
    with pytest.raises(DataError, match="no way 'drop'"):
        rake(frame, margins, missing=cast(Any, "drop"))


def test_the_census_fits_few_people():
    from populace.population import build

    drawn = build("us-2024", size=2000, seed=1).frame.filter(pl.col("race") != "Alaska Native alone")
    with pytest.raises(DataError, match=r"Alaska Native alone shall weigh .*--merge-absent"):
        rake(drawn, "us-2024")
    found = rake(drawn, "us-2024", missing="merge")
    assert found.converged and "Alaska Native alone" in found.text()
    assert found.weights.sum() == pytest.approx(drawn["weight"].sum())


def test_weights_below_zero_are_bounded_by_their_size():
    frame = pl.DataFrame({"a": ["x", "x", "x", "y"], "weight": [4.0, -1.0, 2.0, 5.0]})
    margins = {"a": {"x": 6, "y": 4}}
    # x: 5 to 6, one factor; with a cap of 4.5 the heavy one stays there and 2 f - f = 1.5.
    np.testing.assert_allclose(rake(frame, margins, signed=True).weights, [4.8, -1.2, 2.4, 4])
    capped = rake(frame, margins, signed=True, cap=Cap("weight", 4.5)).weights
    np.testing.assert_allclose(capped, [4.5, -1.5, 3, 4], rtol=1e-7)
    # Within 0.8 to 1.3 nothing binds, and the one below 0 is raked like the others.
    bounded = rake(frame, margins, signed=True, bounds=(0.8, 1.3)).weights
    np.testing.assert_allclose(bounded, [4.8, -1.2, 2.4, 4], rtol=1e-7)


def test_an_empty_cell_of_a_replicate_is_skipped():
    frame = pl.DataFrame(
        {"a": ["x", "x", "y", "z"], "weight": [1.0] * 4, "replicate_3": [2.0, 1.0, 2.0, 0.0]}
    )
    margins = {"a": {"x": 2, "y": 1, "z": 1}}
    found = rake(frame, margins, weight="replicate_3", signed=True)
    np.testing.assert_allclose(found.weights, [16 / 9, 8 / 9, 4 / 3, 0])  # x and y share 4 as 2 : 1
    assert "nobody stands for z" in found.notes[0]
    with pytest.raises(
        DataError, match=r"z shall weigh 1, but has people who all weigh nothing \(by the weights rep"
    ):
        rake(frame, margins, weight="replicate_3", signed=True, missing="error")
    # So is one whose people weigh less than nothing in all.
    below = frame.with_columns(replicate_3=pl.Series([2.0, 1.0, 2.0, -0.5]))
    found = rake(below, margins, weight="replicate_3", signed=True)
    np.testing.assert_allclose(found.weights, [16 / 9, 8 / 9, 4 / 3, 0])


def test_a_target_of_zero_takes_weight_away():
    frame = pl.DataFrame({"a": ["x", "y", "z"], "weight": [1.0, 1.0, 0.0]})
    found = rake(frame, {"a": {"x": 2, "y": 0}})  # z weighs nothing and needs no target
    assert found.weights.tolist() == [2, 0, 0] and found.zeroed == 1 and found.converged
    assert "a target of 0 took the weight of 1 away" in found.text()


@given(seed=st.integers(0, 1000), high=st.floats(1.3, 4))
@settings(max_examples=25, deadline=None)
def test_bounds_and_caps_hold_with_the_margins(seed, high):
    frame = people(seed)
    inside = np.random.default_rng(seed).uniform(0.75, 1.25, frame.height) * frame["weight"].to_numpy()
    margins = margins_of(frame.with_columns(weight=inside), ["sex", "region", "age"])
    found = rake(frame, margins, bounds=(0.7, high))
    assert found.converged and found.factor_low >= 0.7 - 1e-9 and found.factor_high <= high + 1e-9
    free = rake(frame, margins)
    if free.factor_low >= 0.7 and free.factor_high <= high:
        np.testing.assert_allclose(found.weights, free.weights, rtol=1e-6)
    capped = rake(frame, margins, cap=Cap("quantile", 0.98))
    assert capped.converged and capped.cap is not None
    assert capped.weights.max() <= capped.cap * (1 + 1e-12) < free.weights.max()


def test_bounded_raking_by_hand():
    # One margin, cell x doubled: weights (1, 1, 3) of x to 10 with a factor of at most 2 all become double;
    # with a cap of 5 the heavy one stays at 5 and the light ones share the other 5.
    frame = pl.DataFrame({"a": ["x"] * 3 + ["y"], "weight": [1.0, 1.0, 3.0, 5.0]})
    margins = {"a": {"x": 10, "y": 5}}
    np.testing.assert_allclose(
        rake(frame, margins, cap=Cap("weight", 5)).weights, [2.5, 2.5, 5, 5], rtol=1e-8
    )


CASES = [
    ({"a": {"x": 1, "y": 3}, "b": {"p": 2, "q": 3}}, "column b: .* add up to 5, not to 4 as those of a do"),
    ({"a": {"x": 0.4, "y": 0.61}}, "column a: the shares add up to 1.01, not to 1.*rescale=True"),
    ({"a": {"x": 400, "y": 60}, "b": {"p": 500, "q": 500}}, "column b: .*1,000, not to 460"),
    ({"b": {"p": 500, "q": 500}, "a": {"x": 40, "y": 60}}, "column a: .* 100: these look like percentages"),
    ({"a": {"x": 49, "y": 51}}, r"column a: .* 100: these look like percentages.*counts, give the total 100"),
    ({"a": {"x": 0.49, "y": 0.48}}, r"column a: the shares add up to 0\.97, not to 1"),
    ({"a": {"x": 0.5, "y": 0.5}, "b": {"p": 0.5, "q": 0.45}}, r"column b: the shares add up to 0\.95"),
    ({"a": {"x": 0.5, "Y": 0.5}}, "column a: Y shall weigh .* no people at all"),
    (
        {"a": {"x": 1.0}},
        r"column a: 2 people have categories without a target, the first y \(row 3 of the people\)",
    ),
    ({"a": {"x": -1, "y": 2}}, "row 1, column a: the target -1.0 of x is no number from 0 up"),
    ({"a": {"x": float("nan"), "y": 2}}, "the target nan of x"),
    ({"a": {"x": 0, "y": 0}}, "column a: all targets are zero"),
    ({"a": {"x": "many", "y": 2}}, "column a: broken margin"),
    ({"a": {}}, "column a: this margin has no cells"),
    ({"A": {"x": 1}}, "column A: the people have no such column. To mend it: did you mean a"),
    ({"n": {1: 0.5, "two": 0.5}}, "column n: "),
    ({}, "there is no margin"),
]


@pytest.mark.parametrize(("margins", "says"), CASES)
def test_bad_margins_are_named(margins, says):
    frame = pl.DataFrame(
        {"a": ["x", "x", "y", "y"], "b": ["p", "q"] * 2, "n": [1, 2, 1, 2], "weight": [1.0, 1, 1, 1]}
    )
    with pytest.raises(DataError, match=says):
        rake(frame, margins)


def test_columns_of_any_kind():
    frame = pl.DataFrame(
        {
            "truth": [True, False, None, True],
            "number": [0.5, 1.5, None, 0.5],
            "list": pl.Series(["x", "y", None, "x"], dtype=pl.Categorical),
            "enum": pl.Series(["x", "y", None, "x"], dtype=pl.Enum(["z", "y", "x"])),
            "code": [1, 10**12, None, 1],
            "weight": [1.0] * 4,
        }
    )
    for name, first, second in (
        ("truth", True, False), ("truth", "true", "False"), ("number", 0.5, 1.5), ("list", "x", "y"),
        ("enum", "x", "y"), ("code", 1, 10**12), ("code", "1", str(10**12)),
    ):  # fmt: skip
        found = rake(frame, {name: {first: 0.5, second: 0.3, None: 0.2}})
        np.testing.assert_allclose(found.weights, [1, 1.2, 0.8, 1], err_msg=name)
    for margins, says in (
        ({"truth": {"yes": 1}}, "row 1, column truth: 'yes' is no value of a column of Boolean"),
        ({"code": {"1": 0.5, "x": 0.5}}, "row 2, column code: 'x' is no value of a column of Int64"),
        (5, "these are no margins"),
        ([3], "these are no margins"),
        ({"truth": 3}, "column truth: a margin maps categories to targets"),
    ):
        with pytest.raises(DataError, match=says):
            rake(frame, cast(Any, margins))


def test_contradictions_are_found_before_or_after():
    frame = pl.DataFrame(
        {"a": ["x", "x", "y", "y"], "b": ["p", "q", "p", "q"], "weight": [1.0] * 4, "c": ["m", "m", "m", "w"]}
    )
    joint = pl.DataFrame({"a": ["x", "x", "y", "y"], "b": ["p", "q"] * 2, "target": [0.1, 0.3, 0.3, 0.3]})
    one = pl.DataFrame({"a": ["x", "y"], "target": [0.5, 0.5]})
    with pytest.raises(DataError, match=r"column a: x has 2 here, but 1.6 in the margin a × b"):
        rake(frame, [one, joint])
    with pytest.raises(DataError, match="column a: this margin is given twice"):
        rake(frame, [one, one])
    with pytest.raises(DataError, match="row 2, column a: x has two targets"):
        rake(frame, [pl.DataFrame({"a": ["x", "x"], "target": [0.5, 0.5]})])
    # All of x are m, but m shall weigh less than x.
    with pytest.raises(DataError, match=r"x shall weigh 2.8, but all its people are in the categories m of"):
        rake(frame, {"a": {"x": 0.7, "y": 0.3}, "c": {"m": 0.6, "w": 0.4}})
    loose = rake(frame, {"a": {"x": 0.7, "y": 0.3}, "c": {"m": 0.6, "w": 0.4}}, strict=False)
    assert not loose.converged and "did NOT converge" in loose.text()
    with pytest.raises(DataError, match="within the bounds at most 2"):
        rake(frame, {"a": {"x": 0.7, "y": 0.3}}, bounds=(0.5, 1.2))
    with pytest.raises(DataError, match="bounds 2 to 3 leave no room"):
        rake(frame, {"a": {"x": 0.7, "y": 0.3}}, bounds=(2, 3))


def test_what_no_pair_of_margins_shows_is_found_by_not_converging():
    # a, b, c are 0 or 1 and no record has an odd sum; each pair of margins can be met, all three cannot.
    rows = [row for row in itertools.product([0, 1], repeat=3) if sum(row) % 2 == 0]
    frame = pl.DataFrame(rows, schema=["a", "b", "c"], orient="row").with_columns(weight=1.0)
    margins = {name: {0: 0.1, 1: 0.9} for name in "abc"}
    with pytest.raises(DataError, match=r"raking did not converge in \d+ sweeps; the worst cells are"):
        rake(frame, margins, max_iterations=200)


@pytest.mark.parametrize(
    ("weight", "says"),
    [
        ([1.0, -2.0], "row 2, column weight: the weight -2 is below zero"),
        ([0.0, 0.0], "column weight: all weights are zero"),
        ([1.0, None], "row 2, column weight: the weight is missing"),
        ([1.0, float("inf")], "row 2, column weight"),
        (["1", "2"], "column weight: weights are not numbers"),
    ],
)
def test_bad_weights_are_named(weight, says):
    frame = pl.DataFrame({"a": ["x", "y"], "weight": weight})
    with pytest.raises(DataError, match=says):
        rake(frame, {"a": {"x": 1, "y": 1}})


def test_margins_from_files(tmp_path):
    (tmp_path / "m.csv").write_text("sex,region,target\nF,,0.5\nM,,0.5\n,N,0.2\n,S,0.3\n,(none),0.5\n")
    (tmp_path / "m.toml").write_text(
        '[[margin]]\ncolumns = ["sex"]\ncells = [["F", 0.5], ["M", 0.5]]\n'
        '[[margin]]\ncolumns = ["region"]\ncells = [["N", 0.2], ["S", 0.3], ["(none)", 0.5]]\n'
    )
    sheet, book = load_margins(tmp_path / "m.csv"), load_margins(tmp_path / "m.toml")
    assert [m.columns for m in sheet] == [["sex", "target"], ["region", "target"]]
    assert [m.rows() for m in sheet] == [m.rows() for m in book]
    assert sheet[1].rows()[2] == (None, 0.5)
    frame = pl.DataFrame({"sex": ["F", "M", "F"], "region": ["N", "S", None], "weight": [1.0, 1.0, 1.0]})
    with pytest.raises(DataError, match=r"M shall weigh 1.5, but all its people are in the categories S"):
        rake(frame, tmp_path / "m.csv")
    assert as_targets(sheet)[0].hash == as_targets(book)[0].hash != as_targets(sheet)[1].hash
    # Codes written in a file are read as the people have them.
    (tmp_path / "n.csv").write_text("SEX,target\n1,3\n2,1\n")
    assert rake(pl.DataFrame({"SEX": [2, 1], "weight": [1, 1]}), tmp_path / "n.csv").weights.tolist() == [
        1,
        3,
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "sex,a,target\nF,,0.5\n,z,1\nM,,0.5\n",
            r"m\.csv, row 2, column a: z shall weigh .* no people at all",
        ),
        ("sex,a,target\nF,,0.5\n,x,1\nG,,0.5\n", r"m\.csv, row 3, column sex: G shall weigh"),
        ("sex,a,target\nF,,1\n,x,1\n", r"m\.csv, column sex: 1 person has .* first M \(row 2 of the people"),
        (
            "n,a,target\n1,,1\n,x,1\ntwo,,1\n",
            r"m\.csv, row 3, column n: 'two' is no value of a column of Int64",
        ),
        ("sex,target\nF,0.5\nM,0.4\n", r"m\.csv, column sex: the shares add up to 0\.9"),
        ("sex,a,target\nF,,2\nM,,2\n,x,3\n,y,2\n", r"m\.csv, column a: the targets add up to 5, not to 4"),
    ],
)
def test_margin_files_that_do_not_fit_are_named(tmp_path, text, says):
    frame = pl.DataFrame({"sex": ["F", "M"], "a": ["x", "x"], "n": [1, 2], "weight": [1.0, 1.0]})
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(DataError, match=says):
        rake(frame, tmp_path / "m.csv")
    # The targets may be read first.
    with pytest.raises(DataError, match=says):
        rake(frame, as_targets(tmp_path / "m.csv"))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.csv", "sex,a,target\nF,,1\n,x,1\nM,,1\n,y,-1\n", "m.csv, row 4, column a: the target -1.0 of y"),
        ("m.csv", "a,target\nx,1\ny,1\nz,1\ny,1\n", "m.csv, row 4, column a: y has two targets"),
        ("m.csv", "a,target\nx,0\n", "m.csv, column a: all targets are zero"),
        ("m.toml", "margin=[1,2]", "m.toml: margin 1 needs `columns` and `cells`"),
        ("m.toml", "[[margin]]\ncolumns=[1]\ncells=[[1, 2]]", "m.toml: margin 1: .* 1 is none"),
        (
            "m.toml",
            '[[margin]]\ncolumns=["a","a"]\ncells=[[1, 1, 2]]',
            "m.toml: margin 1: .* 'a' is .* twice",
        ),
        ("m.toml", '[[margin]]\ncolumns=["target"]\ncells=[[1, 2]]', "m.toml: margin 1: .* 'target' is"),
        ("m.toml", '[[margin]]\ncolumns=["a"]\ncells=[[["x"], 2]]', r"m.toml, row 1: .* not \[\['x'\], 2\]"),
        ("m.csv", "sex,target\nF,lots\n", "m.csv, row 1, column target: 'lots' is not a number"),
        ("m.csv", "sex,region,target\nF,,1\n,,2\n", "m.csv, row 2: this target belongs to no category"),
        ("m.csv", "sex\nF\n", "m.csv: margins need a column `target`"),
        ("m.csv", "", "m.csv: "),
        ("m.toml", "margin = 3", "m.toml: the file has no"),
        ("m.toml", "[[margin]", "m.toml: not TOML"),
        (
            "m.toml",
            '[[margin]]\ncolumns=["a"]\ncells=[["x"]]',
            "m.toml, row 1: margin 1: a cell is 1 categories",
        ),
        ("m.txt", "", "cannot read margins from .txt files"),
    ],
)
def test_bad_margin_files_are_named(tmp_path, name, text, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=says):
        load_margins(tmp_path / name)


def test_census_margins_can_be_raked_to():
    from populace.population import build

    drawn = build("us-2024", size=20_000, seed=1).frame
    found = rake(drawn, "us-2024")
    assert found.converged and found.design_effect < 1.2
    older = build("us-2024", size=20_000, seed=1, adults=True)
    raked, report = older.rake("us-2024")
    # The census of everybody has children, whom no adult can stand for.
    assert "5–17" not in report.cells["category"] and raked.provenance.steps[0].settings["converged"]
    adults = census_targets(adults=True, attributes=["sex", "age_band", "employment_status"])
    assert [frame.columns[0] for frame in adults] == ["sex", "age_band", "employment_status"]
    with pytest.raises(DataError, match=r"the census margins have no age.*did you mean age_band"):
        census_targets(attributes=["age"])


def test_design_effect_by_hand():
    assert design_effect([5, 5, 5]) == pytest.approx(1) and effective_size([5, 5, 5]) == pytest.approx(3)
    # People who weigh nothing are not there.
    assert effective_size([1, 1, 0]) == pytest.approx(2)
    assert design_effect([1e-300, 1e300]) == pytest.approx(2)


@given(
    weights=st.lists(st.just(0.0) | st.floats(1e-6, 100), min_size=1, max_size=40).filter(
        lambda w: sum(w) > 1e-3
    ),
    times=st.floats(0.5, 5),
)
def test_trimmed_weights_keep_their_sum(weights, times):
    array = np.array(weights)
    mean = array.sum() / np.count_nonzero(array)
    cap = Cap("weight", mean * times)
    if times < 1 - 1e-9 and array.max() > mean * times:
        with pytest.raises(DataError, match="cannot add up to"):
            trim(array, cap)
        return
    if times < 1:
        return
    cut = trim(array, cap)
    assert cut.sum() == pytest.approx(array.sum()) and cut.max() <= mean * times
    below = (cut < mean * times * (1 - 1e-9)) & (array > 0)
    if below.any():
        # All that are not cut share one factor.
        ratio = cut[below] / array[below]
        assert ratio.max() == pytest.approx(ratio.min())


def test_trimming_without_redistribution_loses_the_excess():
    assert trim([1, 2, 9], Cap("median", 2), redistribute=False).tolist() == [1, 2, 4]
    assert trim([1, 2, 3], Cap("weight", 5)).tolist() == [1, 2, 3]
    with pytest.raises(DataError, match="cannot cap weights at -1"):
        trim([1, 2], Cap("weight", -1))
    with pytest.raises(DataError, match="no cap at quantile 2"):
        trim([1, 2], Cap("quantile", 2))


@needs_data
def test_a_state_raked_to_another():
    from populace.population import build

    wyoming, vermont = (build(DATA / f"p_{state}.parquet") for state in (56, 50))
    # One man of the Wyoming file is in the armed forces but not at work; nobody of Vermont's is.
    with pytest.raises(
        DataError, match="1 person has a category without a target, the first Armed forces, n"
    ):
        rake(wyoming.frame, margins_of(vermont.frame, ["employment_status"]))
    sets = ["sex", ("sex", "age_band"), "marital_status", "disability", "citizenship"]
    found = rake(wyoming.frame, margins_of(vermont.frame, sets))
    assert found.weights.sum() == pytest.approx(648_493)
    # Vermonters are older: raked Wyoming has their age, to the person.
    share = (pl.Series(found.weights) * (wyoming.frame["age"] >= 65)).sum()
    assert share == pytest.approx((vermont.frame["weight"] * (vermont.frame["age"] >= 65)).sum(), rel=1e-8)
    assert 1 < found.design_effect < 3 and found.factor_low > 0.1


def replicated() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person_id": ["2024HU1-01", "2024HU1-02", "2024HU2-01", "2024HU3-01"],
            "sex": ["F", "M", "F", "M"],
            "income": [10.0, 20.0, 30.0, None],
            "weight": [1.0, 1.0, 1.0, 1.0],
            "replicate_1": [2.0, 1.0, 0.0, 1.0],
            "replicate_2": [0.0, 1.0, 2.0, 1.0],
            "replicate_10": [3.0, 0.0, 3.0, -2.0],
        }
    )


def standard_error(found) -> float:
    return (found.high - found.value) / 1.959963984540054


def test_replicate_variances_by_hand():
    frame = replicated()
    # Women: 2/4 in all; 2/4, 2/4 and 6/4 of the replicates. Σ (θᵣ − θ)² = 1.
    share = Share("sex", "F")
    kinds: tuple[tuple[Kind, float], ...] = (
        ("sdr", 4 / 3),
        ("brr", 1 / 3),
        ("jackknife", 2 / 3),
        ("bootstrap", 1 / 3),
    )
    for kind, scale in kinds:
        found = replicate_estimate(frame, share, kind=kind)
        assert found.value == 0.5 and standard_error(found) == pytest.approx(scale**0.5)
        assert found.clusters == 3 and "3 replicates" in found.method
    assert standard_error(replicate_estimate(frame, share, kind="brr", fay=0.5)) == pytest.approx(
        (4 / 3) ** 0.5
    )
    # A share's interval ends at 0 and 1.
    assert (estimate(frame, share).low, estimate(frame, share).high) == (0, 1)
    # Mean income 20 of the three who have one; replicates 40/3, 80/3, 20: Σ = 2 · (20/3)².
    found = estimate(frame.drop("replicate_10"), Mean("income"))
    assert standard_error(found) == pytest.approx((4 / 2 * 2 * (20 / 3) ** 2) ** 0.5)
    assert "successive difference replication" in found.method
    with pytest.raises(DataError, match="column replicate_1: there are no replicate weights"):
        replicate_estimate(frame.drop("^replicate_.*$"), share)
    with pytest.raises(DataError, match="row 2, column replicate_2: a replicate weight is missing"):
        holed = frame.with_columns(replicate_2=pl.Series([1.0, None, 1.0, 1.0]))
        replicate_estimate(holed, share)
    with pytest.raises(DataError, match="there are no replicates sdd"):
        replicate_estimate(frame, share, kind=cast(Any, "sdd"))


def test_linearised_variances_by_hand():
    # Households 1 (F, M), 2 (F), 3 (M); p = 1/2. Residuals by household: (0.5 - 0.5)/4, 0.5/4, -0.5/4.
    frame = replicated().drop("^replicate_.*$")
    found = estimate(frame, Share("sex", "F"), level=0.5)
    # Variance 3/2 · 2 · (1/8)².
    assert found.clusters == 3 and found.method == "linearised, by household"
    assert (found.high - 0.5) / 0.674489750196 == pytest.approx((3 / 2 * 2 / 64) ** 0.5)
    alone = estimate(frame.drop("person_id"), Share("sex", "F"), level=0.5)
    # By person: 4/3 · 4 · (0.5/4)².
    assert (alone.high - 0.5) / 0.674489750196 == pytest.approx((4 / 3 * 4 / 64) ** 0.5)
    # Nobody is X: not certain, 1 - 0.025^(1/4).
    assert estimate(frame, Share("sex", "X")).high == pytest.approx(1 - 0.025**0.25)


def test_shares_means_and_quantiles_cover_what_is_true():
    # 2,000 people in households of two who resemble one another: 95 % intervals hold about 95 % of the time.
    rng, hits = np.random.default_rng(0), np.zeros(3)
    for _ in range(200):
        home = rng.normal(size=200)
        value = np.repeat(home, 2) + 0.5 * rng.normal(size=400)
        frame = pl.DataFrame(
            {
                "household_id": np.repeat(np.arange(200), 2).astype(str),
                "x": value,
                "up": value > 0.5,
                "weight": rng.gamma(4.0, size=400),
            }
        )
        truth = (0.0, 1 - 0.6726396, 0.0)  # P(N(0, 1.25) > 0.5) = 1 - Φ(0.4472)
        figures = (Mean("x"), Share("up", True), Quantile("x", 0.5))
        for place, (figure, true) in enumerate(zip(figures, truth, strict=True)):
            found = estimate(frame, figure)
            hits[place] += found.low <= true <= found.high
    # Standard error of 200 trials at 0.95: 0.015.
    assert (hits / 200 > 0.89).all() and (hits / 200 < 0.995).all()


def test_design_effect_of_a_figure():
    rng = np.random.default_rng(1)
    frame = pl.DataFrame({"x": rng.normal(size=4000), "weight": rng.gamma(1.0, size=4000)})
    # Weights that have nothing to do with x: Kish's effect (2 for exponential weights) is that of the mean.
    assert design_effect_of(frame, Mean("x")) == pytest.approx(design_effect(frame["weight"]), rel=0.12)


def test_shares_by_group():
    frame = replicated().with_columns(pl.lit("x").alias("g"))
    table = shares_of(frame, "sex", by="g")
    assert table.columns == ["g", "value", "share", "low", "high", "people", "method"]
    assert table["share"].to_list() == [0.5, 0.5] and table["people"].to_list() == [2, 2]
    assert table["method"][0].startswith("successive difference replication, 3")


@needs_data
def test_the_census_share_of_a_state_has_an_interval():
    from populace.population import build

    table = shares_of(build(DATA / "p_50.parquet").frame, "sex")
    female = table.row(by_predicate=pl.col("value") == "Female", named=True)
    assert 0.49 < female["low"] < 0.505 < female["high"] < 0.53
    assert female["method"] == "linearised, by household"
