"""Ten basic values, and what is given: kept, and taken into account by what is drawn."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.personas.enrich import enrich
from populace.personas.evidence import evidence
from populace.personas.frames import complete
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, TRAIT_LEVELS, WRITTEN, attribute
from populace.personas.traits import SHARES, draw_levels, draw_traits
from populace.personas.values import draw_values, value_model
from populace.personas.views import Term, ViewModel, ViewNode, indicators, shifts, view_model
from populace.population import build as build_population

RANK = {level: at for at, level in enumerate(TRAIT_LEVELS)}
VIEWS = ("religion", "ideology", "political_views")


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    return complete(build_population("us-2024", size=20_000, seed=3, adults=True).frame)


@pytest.fixture(scope="module")
def adults(people) -> pl.DataFrame:
    return enrich(people, seed=3)


def ranks(frame: pl.DataFrame, columns) -> np.ndarray:
    return np.column_stack([frame[name].replace_strict(RANK, return_dtype=pl.Int64) for name in columns])


# --- the model --------------------------------------------------------------------------------------


def test_the_model_names_its_sources_and_items():
    model = value_model()
    assert all(model.info[key] for key in ("source", "citation", "licence", "records", "script"))
    assert tuple(model.proxies) == BASIC_VALUES
    for proxy in model.proxies.values():
        assert len(proxy.items) >= 4 and proxy.records > 1_900
        # A proxy whose items do not hang together at all measures nothing.
        assert proxy.correlation > 0.05 and proxy.alpha > proxy.correlation
    names = [item.strip("-") for proxy in model.proxies.values() for item in proxy.items]
    assert len(names) == len(set(names)), "an item in two values makes them correlate by itself"
    cells = sum(len(term.cells) for term in model.terms)
    assert np.shape(model.effects) == (cells, 10) and np.shape(model.centre) == (cells,)
    assert np.linalg.eigvalsh(model.covariance).min() > 0


def test_shifts_by_hand():
    # Two groups of one column, half and a quarter of the survey, effects 2 and 4: their mean 2 is taken
    # off. A third group has no effect of its own, an unknown one counts as average.
    terms = [Term(["g"], [[0], [1]])]
    found = shifts(pl.DataFrame({"g": [0, 1, 2, 7, None]}), terms, [0.5, 0.25], [[2.0], [4.0]])
    assert found[:, 0].tolist() == [0.0, 2.0, -2.0, -2.0, 0.0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 10))] * 4), min_size=1, max_size=20))
def test_shifts_equal_the_product_with_the_indicators(rows):
    node = view_model().nodes[2]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(node.parents[:4], pl.Int64), orient="row")
    frame = frame.with_columns(pl.lit(None, dtype=pl.Int64).alias(name) for name in node.parents[4:])
    marks = indicators(frame, node.terms, missing=np.array(node.centre)) - node.centre
    assert shifts(frame, node.terms, node.centre, node.effects) == pytest.approx(marks @ node.effects)


def test_levels_have_their_shares_among_adults(adults):
    for column in ranks(adults, BASIC_VALUES).T:
        # 20,000 draws: standard error at most 0.0035; the cuts were made for other draws of the census.
        assert np.bincount(column, minlength=5) / len(column) == pytest.approx(SHARES, abs=0.015)


def test_values_form_the_circle(adults):
    codes = ranks(adults, BASIC_VALUES).astype(float)
    own = codes - codes.mean(axis=1, keepdims=True)
    correlation = np.corrcoef(own.T)
    steps = [np.mean([correlation[at, (at + d) % 10] for at in range(10)]) for d in range(1, 6)]
    assert steps == sorted(steps, reverse=True)
    # GSS proxies: +0.07 for neighbours, -0.27 for opposites; -1/9 would be no circle.
    assert steps[0] > 0 and steps[4] < -0.2


def test_values_go_with_beliefs(adults):
    codes = dict(zip(BASIC_VALUES, ranks(adults, BASIC_VALUES).T, strict=True))
    outlook = attribute("ideology").values
    conservative = adults["ideology"].replace_strict(dict(zip(outlook, range(5), strict=True))).to_numpy()
    # GSS panel: universalism -0.44, tradition +0.31 with POLVIEWS; five levels weaken them.
    assert np.corrcoef(conservative, codes["universalism"])[0, 1] == pytest.approx(-0.42, abs=0.06)
    assert np.corrcoef(conservative, codes["tradition"])[0, 1] == pytest.approx(0.33, abs=0.06)
    none = (adults["religion"] == "Unaffiliated").to_numpy()
    assert codes["tradition"][~none].mean() - codes["tradition"][none].mean() > 1
    old = (adults["age"] >= 60).to_numpy()
    assert codes["hedonism"][~old].mean() > codes["hedonism"][old].mean() + 0.3


def test_the_unknown_count_as_average_and_minors_have_no_values():
    columns = [*evidence(complete(pl.DataFrame({"age": [30]}))).columns, "religion", "ideology", "party"]
    nobody = pl.DataFrame({name: [None] for name in columns}, schema=dict.fromkeys(columns, pl.Int64))
    assert value_model().means(nobody)[0] == pytest.approx(value_model().intercept)
    drawn = draw_values(nobody, pl.Series([False]), np.random.default_rng(0))
    assert drawn.columns == list(BASIC_VALUES) and drawn.null_count().sum_horizontal()[0] == 10


# --- what is given ----------------------------------------------------------------------------------


def test_what_is_given_stays(people, adults):
    # Every drawn column, given to other people in another order, comes back as it was; nulls are drawn.
    drawn = [*VIEWS, *BIG_FIVE, *BASIC_VALUES, *WRITTEN]
    kept = np.random.default_rng(1).random((adults.height, len(drawn))) < 0.3
    partly = people.with_columns(
        pl.when(pl.Series(kept[:, at])).then(adults[name].reverse()).alias(name)
        for at, name in enumerate(drawn)
    )
    again = enrich(partly, seed=8)
    for name in drawn:
        assert again.filter(partly[name].is_not_null())[name].equals(partly[name].drop_nulls()), name
    assert again.select(*VIEWS, *BIG_FIVE, *BASIC_VALUES).null_count().sum_horizontal()[0] == 0
    assert enrich(adults, seed=9).equals(adults)


def test_a_given_value_moves_no_stream(people, adults):
    # One person's religion is given; nobody else changes in anything.
    given = people.with_columns(
        religion=pl.when(pl.int_range(pl.len()) == 7).then(pl.lit("Hindu")).otherwise(None)
    )
    again = enrich(given, seed=3)
    others = pl.int_range(pl.len()) != 7
    assert again.filter(others).equals(adults.filter(others))
    assert again["religion"][7] == "Hindu"


def test_the_given_is_kept_for_minors_but_nothing_is_drawn():
    child = complete(pl.DataFrame({"age": [12, 12], "religion": ["Jewish", None]}))
    grown = enrich(child, seed=1)
    assert grown["religion"].to_list() == ["Jewish", None]
    assert grown.select("ideology", *BIG_FIVE, *BASIC_VALUES).null_count().sum_horizontal()[0] == 2 * 16


def joint(model: ViewModel, person: pl.DataFrame) -> dict[tuple[int, ...], float]:
    """Probability of every combination of the nodes, one by one."""
    sizes = [len(node.intercept) for node in model.nodes]
    found = {}
    for codes in product(*(range(size) for size in sizes)):
        told = person.with_columns(
            pl.lit(code, dtype=pl.Int64).alias(node.name)
            for node, code in zip(model.nodes, codes, strict=True)
        )
        chance = 1.0
        for node, code in zip(model.nodes, codes, strict=True):
            chance *= node.distribution(told)[0, code]
        found[codes] = chance
    return found


SMALL = ViewModel(
    {},
    [
        ViewNode("a", [Term(["g"], [[1]])], [0.3], [0.1, 0.0, -0.4], [[0.5, -0.5, 0.0]]),
        ViewNode("b", [Term(["a"], [[0], [2]])], [0.4, 0.2], [0.0, 0.3], [[1.0, -1.0], [-0.7, 0.7]]),
        ViewNode(
            "c", [Term(["a", "b"], [[0, 1]]), Term(["b"], [[1]])], [0.2, 0.5], [0.2, 0.0], [[2, -2], [1, -1]]
        ),
    ],
)


@pytest.mark.parametrize("told", [{"c": 0}, {"b": 1}, {"a": 2, "c": 1}, {"b": 0, "c": 1}, {"a": 1}])
def test_opinions_are_drawn_given_later_ones_too(told):
    person = pl.DataFrame({"g": [1]})
    chances = joint(SMALL, person)
    names = [node.name for node in SMALL.nodes]
    fits = {
        codes: chance
        for codes, chance in chances.items()
        if all(codes[names.index(name)] == code for name, code in told.items())
    }
    size = 40_000
    people = pl.DataFrame({"g": [1] * size, **{name: [code] * size for name, code in told.items()}})
    drawn = SMALL.draw(people, np.random.default_rng(5)).select(names)
    counts: dict[tuple[int, ...], int] = {}
    for row in drawn.rows():
        counts[row] = counts.get(row, 0) + 1
    assert set(counts) <= set(fits)
    for codes, chance in fits.items():
        # Standard error at most 0.0025.
        assert counts.get(codes, 0) / size == pytest.approx(chance / sum(fits.values()), abs=0.01), codes


def test_levels_given_one_level_by_hand():
    # Two standard normal scores of correlation 0.8: both above 1 with probability 0.09764 (bivariate
    # normal), one above 1 with 0.15866. Given one above 1, the other is with 0.09764 / 0.15866 = 0.6154.
    size, cuts = 60_000, [[-2.0, -1.0, 0.0, 1.0]] * 2
    given = pl.DataFrame({"y": ["Extremely High"] * size}).with_columns(x=pl.lit(None, dtype=pl.String))
    means = np.zeros((size, 2))
    drawn = draw_levels(["x", "y"], means, [[1.0, 0.8], [0.8, 1.0]], cuts, np.random.default_rng(2), given)
    assert drawn["y"].null_count() == size
    # Standard error 0.002.
    assert (drawn["x"] == "Extremely High").mean() == pytest.approx(0.6154, abs=0.008)


def test_levels_given_far_out_of_reach_are_finite():
    given = pl.DataFrame(
        {"y": ["Extremely High", "Extremely Low"], "x": [None, None]}, schema_overrides={"x": pl.String}
    )
    means = np.array([[0.0, -60.0], [0.0, 60.0]])
    drawn = draw_levels(
        ["x", "y"], means, [[1.0, 0.5], [0.5, 1.0]], [[-2, -1, 1, 2]] * 2, np.random.default_rng(0), given
    )
    assert drawn["x"].to_list() == ["Extremely High", "Extremely Low"]


def test_a_given_trait_draws_its_companions_along():
    known = pl.DataFrame({"sex": [0] * 20_000, "schooling": [2] * 20_000})
    ages = pl.Series([40] * 20_000)
    given = pl.DataFrame(dict.fromkeys(BIG_FIVE, [None] * 20_000), schema=dict.fromkeys(BIG_FIVE, pl.String))
    free = draw_traits(known, ages, np.random.default_rng(0), given)
    bold = draw_traits(
        known, ages, np.random.default_rng(0), given.with_columns(extraversion=pl.lit("Extremely High"))
    )
    assert ranks(bold, ["agreeableness"]).mean() > ranks(free, ["agreeableness"]).mean() + 0.5
    assert ranks(bold, ["neuroticism"]).mean() < ranks(free, ["neuroticism"]).mean() - 0.2
    assert free.equals(draw_traits(known, ages, np.random.default_rng(0)))


def test_the_file_holds_no_small_group():
    # The script keeps cells of at least 20 records; a cell's share of the survey cannot be smaller than
    # that by weight alone, so a centre of zero would be a cell of nobody.
    file = Path(__file__).parents[1] / "src" / "populace" / "personas" / "data" / "values.json"
    assert min(json.loads(file.read_bytes())["centre"]) > 0.001
