"""The generative model: splits, what leaves hold, what is never drawn, and what a file of it keeps."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace import population
from populace.errors import DataError
from populace.population.codebook import load_codebook
from populace.population.fitted import draw_from, fit, is_model
from populace.population.generative import GenerativeModel
from populace.population.generative.cells import complete, tell
from populace.population.generative.growth import Feature, grow
from populace.population.generative.kinship import kin
from populace.population.generative.steps import Step
from populace.population.generative.structure import NOMINAL, Structure

# A root that splits on feature 0 (left: position 0), whose right child splits on feature 1.
STRUCTURE = Structure(
    np.array([0, -1, 1, -1, -1]),
    np.array([0, -1, NOMINAL, -1, -1]),
    np.array([0, 0, 0b100, 0, 0], np.uint64),
    1,
)


def pearson(target: np.ndarray, side: np.ndarray) -> float:
    """Pearson's statistic of the table target by side."""
    table = np.array([np.bincount(target[s], minlength=3)[1:] for s in (side, ~side)], dtype=float)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float((np.divide((table - expected) ** 2, expected, where=expected > 0, out=0 * table)).sum())


class TestStructure:
    def test_way_to_the_leaf(self):
        features = np.array([[0, 1, 1, 5], [2, 2, 1, 0]], dtype=np.uint8)
        assert STRUCTURE.leaves(features, np.zeros(4, dtype=int)).tolist() == [1, 4, 3, 3]
        assert STRUCTURE.parent.tolist() == [-1, 0, 0, 2, 2]
        assert [at.tolist() for at in STRUCTURE.depths] == [[0], [1, 2], [3, 4]]

    def test_nobody_has_no_leaf(self):
        assert len(STRUCTURE.leaves(np.zeros((2, 0), dtype=np.uint8), np.zeros(0, dtype=int))) == 0


class TestGrowth:
    @given(seed=st.integers(0, 10_000), values=st.integers(2, 5), ordered=st.booleans())
    @settings(max_examples=40, deadline=None)
    def test_the_first_split_of_two_values_is_the_best_there_is(self, seed, values, ordered):
        # With two values of the target, the best set of a nominal feature is contiguous in its shares
        # (Breiman et al., 1984, theorem 4.5), so that the search must find what brute force finds.
        rng = np.random.default_rng(seed)
        codes = rng.integers(0, values, 400).astype(np.uint8)
        target = 1 + (rng.random(400) < rng.random(values)[codes]).astype(int)
        tree = grow([Feature(codes, values, ordered)], target, 3, np.ones(400), min_records=20, penalty=0.0)
        sets = [set(range(k)) for k in range(1, values)]
        if not ordered:
            sets = [set(s) for k in range(1, values) for s in itertools.combinations(range(values), k)]
        sides = [np.isin(codes, list(left)) for left in sets]
        scores = [pearson(target, side) for side in sides if side.sum() >= 20 and (~side).sum() >= 20]
        if len(tree.feature) == 1:
            assert max(scores, default=0.0) == pytest.approx(0, abs=1e-9)
            return
        right = codes > tree.cut[0] if ordered else (tree.mask[0] >> codes.astype(np.uint64)) & np.uint64(1)
        assert pearson(target, right.astype(bool)) == pytest.approx(max(scores))

    def test_chance_is_not_split_on(self):
        rng = np.random.default_rng(0)
        codes, target = rng.integers(0, 4, 5000).astype(np.uint8), rng.integers(1, 3, 5000)
        assert len(grow([Feature(codes, 4, False)], target, 3, np.ones(5000), penalty=6.0).feature) == 1

    def test_whether_a_question_applies_comes_first(self):
        # Sex tells the answers apart far better than age does, but under 16 nobody was asked.
        rng = np.random.default_rng(0)
        age, sex = rng.integers(0, 60, 6000).astype(np.uint8), rng.integers(0, 2, 6000).astype(np.uint8)
        target = np.where(age < 16, 0, 1 + (rng.random(6000) < np.where(sex == 1, 0.99, 0.01)))
        tree = grow([Feature(sex, 2, False), Feature(age, 60, True)], target, 3, np.ones(6000))
        assert tree.feature[0] == 1 and tree.cut[0] == 15

    def test_roots_keep_apart(self):
        start = np.repeat([0, 1], 50)
        tree = grow([], start, 2, np.ones(100), start=start, roots=2)
        assert tree.roots == 2 and tree.leaves(np.zeros((0, 100)), start).tolist() == start.tolist()

    def test_where_everybody_answers_the_same_goes_first(self):
        # Of 40 children all are unmarried (1); the region tells more about all the others.
        rng = np.random.default_rng(1)
        age = np.repeat([0, 1], [40, 360]).astype(np.uint8)
        region = rng.integers(0, 2, 400).astype(np.uint8)
        status = np.where(age == 0, 1, np.where(region == 1, 2, 1 + rng.integers(0, 2, 400)))
        tree = grow(
            [Feature(region, 2, False), Feature(age, 2, True)], status, 3, np.ones(400), min_records=20
        )
        assert (tree.feature[0], tree.cut[0]) == (1, 0)


class TestKin:
    @given(
        st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=7),
        st.integers(1, 7),
    )
    @settings(deadline=None)
    def test_each_time_the_two_that_lose_least(self, rows, most):
        """A naive twin: sets of codes, all pairs tried, information in nats by its definition."""

        def entropy(counts: np.ndarray) -> float:
            share = counts[counts > 0] / counts.sum()
            return float(-(share * np.log(share)).sum() * counts.sum())

        counts = np.array(rows, dtype=float)
        sets = [[code] for code in np.flatnonzero(counts.sum(axis=1))]
        lost = 0.0
        while len(sets) > most:
            tables = [counts[codes].sum(axis=0) for codes in sets]
            costs = {
                (a, b): entropy(tables[a] + tables[b]) - entropy(tables[a]) - entropy(tables[b])
                for a, b in itertools.combinations(range(len(sets)), 2)
            }
            a, b = min(costs, key=lambda pair: costs[pair])
            lost += costs[a, b]
            sets[a] += sets.pop(b)
        found = kin(counts, most)
        assert len(set(found[counts.sum(axis=1) > 0])) == len(sets)
        ours = [counts[found == each].sum(axis=0) for each in set(found)]
        before = sum(entropy(row) for row in counts if row.sum())
        # Ties may be broken otherwise here and there, and then lead elsewhere: what is lost is compared.
        if len(sets) >= len(counts) - 1:
            assert sum(entropy(row) for row in ours if row.sum()) - before == pytest.approx(lost, abs=1e-9)

    def test_who_sells_insurance_works_for_an_insurer(self):
        """The census model: at most one in twenty real agents works outside finance (2 % do)."""
        people = population.build("us-2024", size=100_000, seed=3).frame
        industry = load_codebook("acs_pums").variables["INDP"]
        finance = next(group for group in industry.groups if group.label.startswith("Finance"))
        agents = people.filter(pl.col("OCCP") == 4810)["INDP"].drop_nulls()
        assert len(agents) > 100
        assert agents.is_between(finance.first, finance.last).mean() > 0.9


class TestCells:
    def tell(self, counts, least=20):
        """Cells of `STRUCTURE` from records: counts[leaf][value]."""
        leaf = np.concatenate([np.full(sum(row), node) for node, row in zip((1, 3, 4), counts, strict=True)])
        value = np.concatenate([np.repeat(np.arange(len(row)), row) for row in counts])
        return tell(STRUCTURE, leaf, value, len(counts[0]), np.ones(len(leaf)), least)

    def test_by_hand(self):
        # Value 3 is rare in leaves 3 and 4 (15 + 10 records): their parent, node 2, tells it. Leaf 1 has 30.
        cells = self.tell([[0, 100, 0, 30], [0, 60, 40, 15], [0, 30, 70, 10]])
        told = {(n, v): w for n, v, w in zip(cells.node, cells.value, cells.weight, strict=True)}
        assert told == {(1, 1): 100, (1, 3): 30, (3, 1): 60, (3, 2): 40, (4, 1): 30, (4, 2): 70, (2, 3): 25}
        # 25 of 225 records are rare; neither leaf says how many of its own are.
        np.testing.assert_allclose(cells.remainder, [0, 0, 0, 115 / 9, 110 / 9], rtol=1e-3)
        shares = complete(STRUCTURE, cells, 4)
        np.testing.assert_allclose(shares[1], [0, 100 / 130, 0, 30 / 130], rtol=1e-3)
        assert shares[3][3] == pytest.approx((115 / 9) / (100 + 115 / 9), rel=1e-3)

    def test_what_too_few_have_is_never_drawn(self):
        cells = self.tell([[0, 100, 3, 0], [0, 60, 4, 0], [0, 30, 5, 0]])
        assert not complete(STRUCTURE, cells, 4)[:, 2].any()

    def test_a_question_that_applies_is_answered(self):
        # Nodes above tell nulls (15 of leaf 4, 10 of leaf 1); leaf 3 has none, and rare answers of its own.
        cells = self.tell([[10, 100, 3, 3], [0, 60, 15, 12], [15, 30, 14, 12]])
        shares = complete(STRUCTURE, cells, 4)
        assert shares[3][0] == 0 and shares[4][0] > 0

    @given(
        counts=st.lists(st.lists(st.integers(0, 60), min_size=4, max_size=4), min_size=3, max_size=3).filter(
            lambda rows: all(sum(row) >= 20 for row in rows)
        )
    )
    @settings(max_examples=200, deadline=None)
    def test_nothing_stored_stands_for_too_few(self, counts):
        cells = self.tell(counts)
        records = {1: counts[0], 3: counts[1], 4: counts[2]}
        records[2] = [a + b for a, b in zip(counts[1], counts[2], strict=True)]
        records[0] = [a + b for a, b in zip(counts[0], records[2], strict=True)]
        for node, value, weight in zip(cells.node, cells.value, cells.weight, strict=True):
            assert weight >= 19.9 and records[node][value] >= weight - 0.1
        shares = complete(STRUCTURE, cells, 4)
        leaves = shares[[1, 3, 4]].sum(axis=1)
        assert np.all(np.isclose(leaves, 1) | np.isclose(leaves, 0))

    @given(seed=st.integers(0, 1000))
    @settings(max_examples=30, deadline=None)
    def test_what_is_drawn_in_total_is_what_was_counted(self, seed):
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(2000, rng.dirichlet(np.ones(4) * 0.7), 3)
        counts[:, 0] = 0
        shares = complete(STRUCTURE, self.tell(counts.tolist()), 4)[[1, 3, 4]]
        drawn = (shares * counts.sum(axis=1)[:, None]).sum(axis=0)
        total = counts.sum(axis=0)
        # All but the values that fewer than 20 have, in all.
        np.testing.assert_allclose(drawn, total, atol=20 + 0.002 * total.sum())


def survey(size: int = 3000) -> pl.DataFrame:
    rng = np.random.default_rng(3)
    age = rng.integers(18, 90, size)
    alone = rng.random(size) < 0.4
    household = np.where(
        rng.random(size) < 0.3, rng.integers(1, 90, size) * 1000, rng.integers(1, 9000, size) * 10
    )
    own = np.where(alone, household, np.round(household * rng.random(size), -2))
    return pl.DataFrame(
        {
            "state": rng.choice(["Ohio", "Utah", "Iowa"], size),
            "age": age,
            "alone": np.where(alone, "yes", "no"),
            "retired": np.where(age < 62, None, np.where(rng.random(size) < 0.8, "yes", "no")),
            "household": household,
            "own": own.astype(int),
            "weight": rng.uniform(0.5, 2, size),
        }
    ).with_columns(retired=pl.when(pl.col("state") == "Iowa").then(None).otherwise(pl.col("retired")))


@pytest.fixture(scope="module")
def model() -> GenerativeModel:
    frame = survey()
    names = [name for name in frame.columns if name != "weight"]
    return GenerativeModel.fit(frame, names, weight="weight", released_by="state")


class TestModel:
    def test_columns_and_kinds(self, model):
        kinds = {variable.name: variable.kind for variable in model.variables}
        assert kinds == {
            "state": "nominal",
            "age": "ordered",
            "alone": "nominal",
            "household": "amount",
            "own": "amount",
            "retired": "nominal",
        }
        # What Iowa does not release is drawn last, for people of Iowa too.
        assert model.unreleased == {"retired": ["Iowa"]}
        iowa = model.draw(4000, seed=1).filter(pl.col("state") == "Iowa", pl.col("age") >= 62)
        assert iowa["retired"].null_count() == 0 and 0.7 < (iowa["retired"] == "yes").mean() < 0.9

    def test_structural_zeros_are_exact(self, model):
        drawn = model.draw(20_000, seed=2)
        assert drawn["retired"].is_null().equals(drawn["age"] < 62)

    def test_amounts_that_equal_another_do(self, model):
        drawn = model.draw(20_000, seed=2)
        same = drawn.group_by("alone").agg((pl.col("own") == pl.col("household")).mean()).sort("alone")
        assert same["own"].to_list()[1] > 0.97 and same["own"].to_list()[0] < 0.05

    def test_amounts_are_as_round_as_in_the_survey(self, model):
        real, drawn = survey()["household"], model.draw(20_000, seed=4)["household"]
        assert (drawn % 10 == 0).all()
        assert (drawn % 1000 == 0).mean() == pytest.approx((real % 1000 == 0).mean(), abs=0.03)
        assert drawn.min() >= real.min() and drawn.max() <= real.max()

    def test_same_seed_same_people_whatever_the_threads(self, model, monkeypatch):
        wide = model.draw(70_000, seed=5)
        monkeypatch.setattr("os.cpu_count", lambda: 1)
        assert wide.equals(model.draw(70_000, seed=5))
        assert not wide.equals(model.draw(70_000, seed=6))

    def test_leading_variables_are_spread_evenly(self, model):
        counts = model.draw(3000, seed=7)["state"].value_counts()
        share = survey().group_by("state").agg(pl.col("weight").sum())
        both = counts.join(share, on="state").with_columns(
            expected=3000 * pl.col("weight") / share["weight"].sum()
        )
        assert (both["count"] - both["expected"]).abs().max() < 3

    def test_where(self, model):
        drawn = model.draw(500, seed=1, where={"state": ["Utah"], "age": range(70, 80)})
        assert set(drawn["state"]) == {"Utah"} and drawn["age"].is_between(70, 79).all()
        assert model.share({"state": ["Utah"]}) == pytest.approx(
            survey().filter(pl.col("state") == "Utah")["weight"].sum() / survey()["weight"].sum(), rel=0.01
        )
        with pytest.raises(DataError, match="column alone: people can be chosen by the first two"):
            model.draw(5, seed=1, where={"alone": ["yes"]})
        with pytest.raises(DataError, match="holds nobody like that"):
            model.draw(5, seed=1, where={"state": ["Texas"]})

    def test_a_file_keeps_everything(self, model, tmp_path):
        model.save(tmp_path / "a.parquet")
        again = GenerativeModel.load(tmp_path / "a.parquet")
        again.save(tmp_path / "b.parquet")
        assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
        assert again.draw(500, seed=3).equals(model.draw(500, seed=3))
        assert is_model(tmp_path / "a.parquet") and not is_model(tmp_path)

    def test_nothing_stored_is_a_single_persons(self, model):
        for step in model.steps:
            assert isinstance(step, Step)
            # Weights are at most 2 and at least a half, so 20 records weigh 10 or more.
            assert (step.cells.weight >= 9.9).all()
        real = survey()["household"].value_counts()
        often = set(real.filter(pl.col("count") >= 20)["household"].to_list())
        household = next(v for v in model.variables if v.name == "household")
        told = {amount for bracket in household.amounts.inside for amount in bracket.told}
        assert told <= often

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            (lambda f: f.head(30), "30 records are too few"),
            (lambda f: f.with_columns(weight=pl.lit(-1.0)), "row 1, column weight: -1.0 is not a weight"),
            (lambda f: f.with_columns(weight=pl.lit(0.0)), "0 records are too few"),
            (lambda f: f.drop("age"), "column age: this column is missing"),
            (lambda f: f.with_columns(age=pl.date(2020, 1, 1)), "cannot model Date"),
        ],
    )
    def test_bad_input(self, change, says):
        with pytest.raises(DataError, match=says):
            GenerativeModel.fit(change(survey()), ["state", "age", "alone"], weight="weight")

    def test_numbers_that_few_people_share_are_drawn_as_amounts(self):
        # 60 scores of 10 people each: none may be told by itself, and yet their distribution is kept.
        frame = pl.DataFrame({"side": ["a", "b"] * 300, "score": [n % 60 for n in range(600)]})
        model = GenerativeModel.fit(frame, ["side", "score"], min_records=20)
        assert [variable.kind for variable in model.variables] == ["nominal", "amount"]
        scores = model.draw(20_000, seed=1)["score"]
        assert scores.mean() == pytest.approx(29.5, abs=2) and scores.std() == pytest.approx(17.3, abs=2)
        assert scores.min() >= 0 and scores.max() <= 59

    def test_what_no_value_of_can_be_told_is_left_out(self):
        frame = survey().with_columns(name=pl.int_range(pl.len()).cast(pl.String))
        model = GenerativeModel.fit(frame, ["state", "age", "name"], weight="weight")
        assert [variable.name for variable in model.variables] == ["state", "age"]
        with pytest.raises(DataError, match="column name: no value was given by 20 people"):
            GenerativeModel.fit(frame, ["name", "state"], weight="weight")

    def test_no_model(self, tmp_path):
        (tmp_path / "x.parquet").write_text("people")
        with pytest.raises(DataError, match="not a generative model"):
            GenerativeModel.load(tmp_path / "x.parquet")


class TestPopulations:
    def test_of_census_people(self):
        people = population.build("us-2024", size=6000, seed=1, states=[50, 56])
        model = fit(people)
        drawn = draw_from(model, "two states", size=2000, seed=1, adults=True, states=[56])
        frame, from_ = drawn.frame, drawn.provenance
        assert set(frame["state"]) == {"Wyoming"} and frame["age"].min() >= 18
        assert frame.columns == people.frame.columns
        expected = people.frame.filter(pl.col("STATE") == 56, pl.col("AGEP") >= 18)["weight"].sum()
        assert frame["weight"].sum() == pytest.approx(from_.stands_for)
        # Ages by state are learned from 6,000 people.
        assert from_.stands_for == pytest.approx(expected, rel=0.06)
        assert (from_.geography, from_.codebook, from_.vintage) == ("Wyoming", "acs_pums", "2024")
        groups = load_codebook("acs_pums").variables["OCCP"]
        assert all(groups.label_of(code) for code in frame["OCCP"].drop_nulls().unique())

    def test_through_a_file(self, tmp_path):
        model = fit(population.build("us-2024", size=3000, seed=1, states=[50]))
        model.save(tmp_path / "vermont.parquet")
        people = population.build(tmp_path / "vermont.parquet", size=50, seed=2)
        assert people.provenance.source == "vermont" and people.frame["person_id"][0] == "vermont-2-00"
        with pytest.raises(DataError, match="vermont is drawn from a model: it needs a size"):
            population.build(tmp_path / "vermont.parquet")
        with pytest.raises(DataError, match="vermont has no state 6"):
            population.build(tmp_path / "vermont.parquet", size=5, states=[6])

    def test_of_a_survey(self):
        made = population.build("us-2024", size=1, seed=0).provenance
        frame = survey().with_columns(
            person_id=pl.int_range(pl.len()).cast(pl.String), empty=pl.lit(None, pl.String)
        )
        people = population.Population(frame, type(made)(**{**vars_of(made), "codebook": "mine"}))
        model = fit(people)
        # Who people are comes first; a column without any value is passed over.
        assert [variable.name for variable in model.variables][:2] == ["state", "age"]
        assert "empty" not in {variable.name for variable in model.variables}
        drawn = draw_from(model, "mine", size=200, seed=0, adults=True, states=[49])
        assert set(drawn.frame["state"]) == {"Utah"}


def vars_of(provenance) -> dict:
    return {name: getattr(provenance, name) for name in provenance.__struct_fields__}
