"""Sampling designs: exact inclusion, exact inverse weights, strata, boosts, whole households, provenance."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace import population
from populace.errors import DataError
from populace.population.allocation import largest_remainder, neyman_shares
from populace.population.designs import Design
from populace.population.ids import household_ids
from populace.population.people import Population
from populace.population.provenance import Provenance, Step
from populace.population.sampling import draw
from populace.population.weights import Cap

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "acs_pums_2024"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared PUMS extract is absent")


@pytest.fixture(scope="module")
def provenance() -> Provenance:
    return Provenance(
        source="toy",
        citation="made up",
        files=(),
        vintage="2024",
        geography="nowhere",
        states=None,
        codebook="none",
        codebook_hash="",
        seed=0,
        size=60,
        adults=False,
        weight="weight",
        stands_for=1.0,
        licence="none",
    )


def toy(seed: int = 0, size: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "person_id": [f"p{i}" for i in range(size)],
            "race": rng.choice(["a", "b", "c"], size, p=[0.7, 0.2, 0.1]),
            "sex": rng.choice(["F", "M"], size),
            "income": rng.gamma(2, size=size) * 1000,
            "weight": rng.integers(1, 9, size).astype(float),
        }
    )


DESIGNS = {
    "plain": Design(size=20),
    "replace": Design(size=20, replace=True),
    "once": Design(size=40, once=True),
    "strata": Design(size=20, strata=("sex",)),
    "equal": Design(size=20, strata=("race",), allocation="equal"),
    "neyman": Design(size=20, strata=("race", "sex"), allocation="neyman", variable="income"),
    "given": Design(size=20, strata=("sex",), allocation={"F": 15, "M": 5}),
    "boost": Design(size=20, boost={"race": {"b": 3.0, "c": 5.0}}),
    "two boosts": Design(size=20, boost={"race": {"c": 5.0}, "sex": {"F": 2.0}}),
    "shares": Design(size=20, strata=("sex",), shares={"race": {"c": 0.4}}),
    "once boosted": Design(size=30, once=True, boost={"race": {"c": 20.0}}),
}


@pytest.mark.parametrize("name", DESIGNS)
def test_every_design_is_unbiased_and_keeps_the_total(name):
    design, frame = DESIGNS[name], toy()
    weight = frame["weight"].to_numpy()
    times, estimates = np.zeros(frame.height), []
    value = (frame["income"].to_numpy() > 1500) & (frame["sex"] == "F").to_numpy()
    for seed in range(300):
        found = draw(frame, design, np.random.default_rng(seed))
        assert len(found.rows) == design.size
        # Each draw weighs w / e, and in all they weigh what everybody weighed.
        np.testing.assert_allclose(found.weights, weight[found.rows] / found.expected, rtol=1e-12)
        assert found.weights.sum() == pytest.approx(weight.sum(), rel=1e-12)
        count = np.bincount(found.rows, minlength=frame.height)
        if design.once:
            assert count.max() == 1
        times += count
        estimates.append(found.weights[value[found.rows]].sum())
    expected = draw(frame, design, np.random.default_rng(0))
    everyone = np.full(frame.height, np.nan)
    everyone[expected.rows] = expected.expected
    seen = ~np.isnan(everyone)
    # Systematic draws are at most as uncertain as independent ones: five standard errors of 300 draws.
    slack = 5 * np.sqrt(np.maximum(everyone[seen], 0.05) / 300)
    assert (np.abs(times[seen] / 300 - everyone[seen]) < slack).all()
    error = np.std(estimates) / np.sqrt(300)
    assert abs(np.mean(estimates) - weight[value].sum()) < 4 * error + 1e-9


def test_boosts_by_hand():
    # Weights: 8 of a, 2 of b. Boosted six times, b counts 12 against 8: of 5 draws 3 are b, 2 are a. A draw
    # of b then weighs 2/3, one of a 8/2.
    frame = pl.DataFrame(
        {"person_id": [str(i) for i in range(10)], "race": ["a"] * 8 + ["b"] * 2, "weight": [1.0] * 10}
    )
    found = draw(frame, Design(size=5, boost={"race": {"b": 6.0}}), np.random.default_rng(1))
    races = frame["race"][found.rows].to_list()
    assert races.count("b") == 3
    assert {(r, round(w, 9)) for r, w in zip(races, found.weights, strict=True)} == {
        ("a", 4),
        ("b", 0.666666667),
    }
    # Nobody twice: both of b are certain, and weigh 1; the a share the other 3 draws.
    sure = draw(frame, Design(size=5, once=True, boost={"race": {"b": 6.0}}), np.random.default_rng(1))
    assert sorted(sure.weights) == pytest.approx([1, 1, 8 / 3, 8 / 3, 8 / 3])


def test_certain_people_by_hand():
    # 3 of weights (6, 3, 1, 1, 1): 6 · 3/12 is certain; of the others, 3 · 2/6 = 1 is, too.
    frame = pl.DataFrame({"person_id": list("abcde"), "weight": [6.0, 3.0, 1.0, 1.0, 1.0]})
    found = draw(frame, Design(size=3, once=True), np.random.default_rng(0))
    assert set(found.rows.tolist()) >= {0, 1}
    assert sorted(found.weights.tolist()) == pytest.approx([3, 3, 6])
    assert sorted(found.expected.tolist()) == pytest.approx([1 / 3, 1, 1])
    with pytest.raises(DataError, match="there are 5 people to draw, not 6"):
        draw(frame, Design(size=6, once=True), np.random.default_rng(0))


@given(
    shares=st.lists(st.integers(0, 50), min_size=1, max_size=12).filter(any),
    size=st.integers(0, 200),
    least=st.booleans(),
)
def test_largest_remainders_add_up(shares, size, least):
    low = np.array([int(least and s > 0) for s in shares])
    if low.sum() > size:
        with pytest.raises(DataError, match="cannot hold one of each"):
            largest_remainder(shares, size, least=low)
        return
    count = largest_remainder(shares, size, least=low)
    assert count.sum() == size and (count >= low).all()
    assert all(c == 0 for c, s in zip(count, shares, strict=True) if s == 0)
    if not least:
        quota = size * np.array(shares) / sum(shares)
        assert (np.abs(count - quota) < 1 + 1e-9).all()
    # More weight is never drawn from less.
    order = np.argsort(shares, kind="stable")
    distinct = np.diff(np.array(shares)[order]) > 0
    assert (np.diff(count[order])[distinct] >= 0).all()


def test_allocations_by_hand():
    assert largest_remainder([1, 1, 1], 10).tolist() == [4, 3, 3]  # ties in order
    assert largest_remainder([8, 1, 1], 10, most=[5, 9, 9]).tolist() == [5, 3, 2]
    # Spread 1 and 3, weights 2 and 2; a missing value has no part in the spread.
    shares = neyman_shares(np.array([0.0, 2, 0, 6, np.nan]), np.ones(5), np.array([0, 0, 1, 1, 1]), 2)
    assert shares.tolist() == pytest.approx([2, 9])
    with pytest.raises(DataError, match="does not vary"):
        neyman_shares(np.ones(2), np.ones(2), np.array([0, 1]), 2)


def test_strata_have_their_sizes_and_weights(provenance):
    people = Population(toy(), provenance)
    sample = people.sample(30, seed=3, strata=["race", "sex"], allocation="equal").frame
    assert sample.group_by("race", "sex").len()["len"].to_list() == [5] * 6
    both = [
        f.group_by("race", "sex").agg(pl.col("weight").sum()).sort("race", "sex") for f in (sample, toy())
    ]
    np.testing.assert_allclose(both[0]["weight"], both[1]["weight"])
    given_ = people.sample(12, seed=3, strata=["sex"], allocation={"F": 9, "M": 3}).frame
    assert given_["sex"].value_counts().sort("sex")["count"].to_list() == [9, 3]
    # Boosted shares are exact, and weighted ones those of everybody.
    more = people.sample(40, seed=1, shares={"race": {"c": 0.25, "b": 0.25}}).frame
    assert more["race"].value_counts().sort("race")["count"].to_list() == [20, 10, 10]
    totals = [f.group_by("race").agg(pl.col("weight").sum()).sort("race")["weight"] for f in (more, toy())]
    np.testing.assert_allclose(totals[0], totals[1])


def homes(provenance: Provenance, seed: int = 0, count: int = 40) -> Population:
    rng = np.random.default_rng(seed)
    rows = [
        {"person_id": f"2024HU{h:07}-{m + 1:02}", "state": "xy"[h % 2], "NP": n, "AGEP": 5 + 30 * (m == 0),
         "weight": float(rng.integers(1, 9))}
        for h in range(count)
        for n in [int(rng.integers(1, 6))]
        for m in range(n)
    ]  # fmt: skip
    return Population(pl.DataFrame(rows), provenance)


def test_whole_households_come_with_all_their_members(provenance):
    people = homes(provenance)
    sample = people.sample(12, seed=4, households=True)
    frame = sample.frame
    assert frame["household_id"].n_unique() == 12 and frame["person_id"].is_unique().all()
    assert (frame.select(pl.len().over("household_id") == pl.col("NP")).to_series()).all()
    # Members stand together, in their order.
    assert frame["household_id"].rle().len() == 12
    assert sample.provenance.size == frame.height
    assert sample.provenance.stands_for == pytest.approx(frame["weight"].sum())


@pytest.mark.parametrize(
    "settings_", [{}, {"strata": "state"}, {"boost": {"state": {"x": 3}}}, {"once": True}]
)
def test_households_are_unbiased(provenance, settings_):
    people = homes(provenance)
    whole = float(people.frame["weight"].sum())
    young = float(people.frame.filter(pl.col("AGEP") < 18)["weight"].sum())
    totals, minors = [], []
    for seed in range(256):
        frame = people.sample(15, seed=seed, households=True, **settings_).frame
        origin = frame.with_columns(pl.col("person_id").str.slice(0, 16))
        before = origin.join(people.frame, on="person_id", maintain_order="left")["weight_right"]
        np.testing.assert_allclose(frame["weight"], before / frame["inclusion"], rtol=1e-12)
        totals.append(frame["weight"].sum())
        minors.append(frame.filter(pl.col("AGEP") < 18)["weight"].sum())
    for values, truth in ((totals, whole), (minors, young)):
        assert abs(np.mean(values) - truth) < 4 * np.std(values) / 16


def test_boosted_households_come_as_often_as_asked(provenance):
    people = homes(provenance)
    home = pl.col("person_id").str.slice(0, 13)
    mean = people.frame.group_by(home.alias("household_id")).agg(pl.col("weight").mean().alias("mean"))
    frame = people.sample(8, seed=1, households=True, boost={"state": {"x": 3}}).frame
    rate = (
        frame.join(mean, on="household_id")
        .group_by("state")
        .agg((pl.col("inclusion") / pl.col("mean")).mean())
    )
    by = dict(rate.iter_rows())
    assert by["x"] / by["y"] == pytest.approx(3)


def test_households_need_to_be_there(provenance):
    ids = pl.DataFrame({"person_id": ["us-2024-0-01", "us-2024-0-02"], "weight": [1.0, 1.0]})
    drawn = Population(ids, provenance)
    with pytest.raises(DataError, match="belongs to no household: people were drawn one by one"):
        drawn.sample(2, seed=0, households=True)
    people = homes(provenance)
    with pytest.raises(DataError, match="drawn one by one, so their households are not whole"):
        people.sample(400, seed=0).sample(5, seed=0, households=True)
    some = Population(people.frame.filter(pl.col("NP") > 1)[1:], provenance)
    with pytest.raises(DataError, match=r"row \d+, column NP: the household of .* members, of whom"):
        some.sample(5, seed=0, households=True)
    mixed = Population(people.frame.with_columns(x=pl.int_range(pl.len()) % 2), provenance)
    with pytest.raises(DataError, match=r"column x: household 2024HU\d+ belongs to two strata"):
        mixed.sample(5, seed=0, households=True, strata="x")
    # A household drawn twice is two households.
    twice = people.sample(300, seed=0, households=True).frame
    assert twice["household_id"].n_unique() == 300 and twice["person_id"].is_unique().all()
    assert household_ids(twice).equals(twice["household_id"])


BAD = [
    ({"boost": {"race": {"d": 2}}}, "column race: nobody is 'd'.*give one of a, b, c"),
    ({"boost": {"Race": {"a": 2}}}, "column Race: .*did you mean race"),
    ({"boost": {"race": {"a": 0}}}, "column race: a cannot be drawn 0.0 times as often"),
    ({"boost": {"race": {"a": 2}}, "shares": {"race": {"a": 0.2}}}, "boost and shares"),
    ({"shares": {"race": {"a": 1.0}}}, "column race: the shares add up to 1.*leave room"),
    ({"shares": {"race": {"a": 0.2, "b": 0.2, "c": 0.2}}}, r"the shares add up to 0\.6"),
    ({"allocation": "equal"}, "an allocation needs strata"),
    ({"allocation": "even", "strata": "sex"}, "no allocation 'even'"),
    ({"allocation": "neyman", "strata": "sex"}, "needs a variable"),
    ({"allocation": "neyman", "strata": "sex", "variable": "race"}, "column race: Neyman's allocation needs"),
    ({"allocation": {"F": 5}, "strata": "sex"}, "leaves out the stratum M"),
    ({"allocation": {"F": 5, "X": 5}, "strata": "sex"}, "there is no stratum X.*the strata are F; M"),
    ({"allocation": {"F": 5, "M": 4}, "strata": "sex"}, "adds up to 9, not to 10"),
    ({"allocation": {"F": 10, "M": 0}, "strata": "sex"}, "cannot draw 0 from the stratum M"),
    ({"strata": ["person_id"]}, "10 people cannot hold one of each of 60 strata"),
    ({"replace": True, "once": True}, "exclude each other"),
]


@pytest.mark.parametrize(("settings_", "says"), BAD)
def test_bad_designs_are_named(provenance, settings_, says):
    with pytest.raises(DataError, match=says):
        Population(toy(), provenance).sample(10, seed=0, **settings_)


@given(
    weights=st.lists(st.floats(0, 1e6), min_size=2, max_size=30).filter(lambda w: sum(w) > 1),
    size=st.integers(1, 60),
    boost=st.floats(0.1, 20),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=60)
def test_any_weights_and_sizes(weights, size, boost, seed):
    groups = (["u", "v"] * 15)[: len(weights)]
    frame = pl.DataFrame({"person_id": [str(i) for i in range(len(groups))], "g": groups, "weight": weights})
    if size == 1:
        return
    found = draw(frame, Design(size=size, boost={"g": {"u": boost}}), np.random.default_rng(seed))
    count = np.bincount(found.rows, minlength=frame.height)
    expected = np.zeros(frame.height)
    expected[found.rows] = found.expected
    assert count.sum() == size and found.weights.sum() == pytest.approx(sum(weights))
    assert (np.abs(count - expected)[count > 0] < 1 + 1e-6).all()
    assert not count[np.array(weights) == 0].any()


def test_the_same_seed_gives_the_same_bytes(tmp_path, provenance):
    people = Population(toy(), provenance)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        sample = people.sample(20, seed=seed, strata="sex", boost={"race": {"c": 2.0}})
        sample.rake({"sex": {"F": 0.5, "M": 0.5}})[0].save(tmp_path / f"{name}.parquet")
    a, b, c = ((tmp_path / f"{name}.parquet").read_bytes() for name in "abc")
    assert a == b != c
    # Who is drawn is fixed for good, on any machine.
    rows = draw(toy(), DESIGNS["boost"], np.random.default_rng(0)).rows
    assert rows.tolist() == FIXED


FIXED = [26, 40, 10, 14, 33, 22, 15, 53, 27, 30, 52, 7, 3, 37, 5, 45, 58, 44, 5, 49]


def test_provenance_tells_every_step(tmp_path, provenance):
    people = Population(toy(), provenance)
    sample = people.sample(20, seed=7, boost={"race": {"c": 2.0}})
    raked, found = sample.rake({"sex": {"F": 0.5, "M": 0.5}})
    cut = raked.trim(Cap("median", 2))
    cut.save(tmp_path / "p.parquet")
    loaded = Population.load(tmp_path / "p.parquet")
    assert found.converged and loaded.frame.equals(cut.frame)
    first, second, third = loaded.provenance.steps
    assert first.kind == "sample" and first.people == 60 and first.weight == toy()["weight"].sum()
    assert first.settings == {"seed": 7, "size": 20, "boost": {"race": {"c": 2.0}}}
    assert second.kind == "rake" and second.settings["margins"][0]["name"] == "sex"
    assert third == Step(
        "trim", {"cap": {"kind": "median", "value": 2}, "redistribute": True}, 20, third.weight
    )
    # The seed of the build stays, so that the chain can be made again.
    assert loaded.provenance.seed == provenance.seed and loaded.provenance.size == 20
    again = people.sample(seed=first.settings["seed"], size=20, boost=first.settings["boost"])
    assert again.frame.equals(sample.frame)


def test_old_files_still_load(tmp_path, provenance):
    old = msgspec.to_builtins(provenance)
    del old["steps"]
    toy().write_parquet(
        tmp_path / "old.parquet", metadata={"populace.population": msgspec.json.encode(old).decode()}
    )
    loaded = Population.load(tmp_path / "old.parquet")
    assert loaded.provenance == provenance and loaded.provenance.steps == ()


def test_replicate_weights_are_raked_and_trimmed_along(provenance):
    rng = np.random.default_rng(0)
    signed = rng.integers(-1, 9, 60).astype(float)
    frame = toy().with_columns(replicate_1=pl.Series(signed), replicate_2=pl.col("weight") * 2)
    margins = {"sex": {"F": 60, "M": 140}}
    raked, _ = Population(frame, provenance).rake(margins)
    for name in ("weight", "replicate_1", "replicate_2"):
        sums = raked.frame.group_by("sex").agg(pl.col(name).sum()).sort("sex")[name]
        np.testing.assert_allclose(sums, [60, 140])
    np.testing.assert_allclose(raked.frame["replicate_2"], raked.frame["weight"])
    cut = raked.trim(Cap("quantile", 0.9)).frame
    np.testing.assert_allclose(cut["replicate_2"], cut["weight"])
    # A draw has other weights: those of the survey's replicates say nothing of it.
    assert "replicate_1" not in raked.sample(10, seed=0).frame.columns


@needs_data
def test_vermont_by_households_and_boosted():
    people = population.build(DATA / "p_50.parquet")
    sample = people.sample(
        900, seed=2, households=True, strata="tenure" if "tenure" in people.frame else None
    )
    assert (sample.frame.select(pl.len().over("household_id")).to_series() <= 20).all()
    assert sample.provenance.stands_for == pytest.approx(648_493, rel=0.05)
    asian = people.sample(500, seed=3, boost={"race": {"Asian alone": 10.0}})
    share = [
        float(f.filter(race="Asian alone")["weight"].sum()) / float(f["weight"].sum())
        for f in (people.frame, asian.frame)
    ]
    assert share[0] == pytest.approx(share[1], rel=1e-9)
    assert asian.frame.filter(race="Asian alone").height > 5 * 500 * share[0]
