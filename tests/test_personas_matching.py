"""Statistical matching: distances by hand, the hot deck's promises, bad input, and a real survey."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.personas.gower import coordinates, distances
from populace.personas.matching import match
from populace.personas.schema import attribute

IDEOLOGY = attribute("ideology").values
PARTY = attribute("political_views").values
ON = ("age_group", "sex", "religion", "ideology", "political_views")
DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def crowd(size: int, seed: int) -> pl.DataFrame:
    """Made-up people with readings, beliefs, a weight and two answers; one in ten values unknown."""
    rng = np.random.default_rng(seed)

    def some(values) -> pl.Series:
        column = pl.Series(values).gather(rng.integers(0, len(values), size))
        return pl.select(pl.when(pl.Series(rng.random(size) < 0.9)).then(column)).to_series()

    return pl.DataFrame(
        {
            "age": some([20, 35, 50, 65, 80]),
            "sex": some(["Male", "Female"]),
            "religion": some(attribute("religion").values),
            "ideology": some(IDEOLOGY),
            "political_views": some(PARTY),
            "weight": rng.uniform(0.5, 2, size),
            "tax": some(["up", "down", "same"]),
            "trust": some([1, 2, 3]),
        }
    )


# --- distance ---------------------------------------------------------------------------------------

WEIGHTS = {"age_group": 1.0, "sex": 2.0, "ideology": 1.0}


def test_gower_by_hand():
    # Age groups 0 and 3 of five: 3/4. Sex differs, weight 2. Ideology 1 and 2 of five: 1/4.
    # (0.75 + 2 + 0.25) / 4 = 0.75; without sex (unknown): (0.75 + 0.25) / 2 = 0.5; nothing known: none.
    ours = pl.DataFrame({"age_group": [0, 0, None], "sex": [0, None, None], "ideology": [1, 1, None]})
    theirs = pl.DataFrame({"age_group": [3], "sex": [1], "ideology": [2]})
    ours = ours.cast(pl.Int64)
    found = distances(coordinates(ours, WEIGHTS), coordinates(theirs, WEIGHTS), np.arange(3), np.arange(1))
    assert found[:, 0].tolist() == [0.75, 0.5, np.inf]


def naive_gower(one, other) -> float:
    apart = known = 0.0
    for (name, weight), a, b in zip(WEIGHTS.items(), one, other, strict=True):
        if a is None or b is None:
            continue
        known += weight
        apart += weight * (float(a != b) if name == "sex" else abs(a - b) / 4)
    return apart / known if known else np.inf


SOMEBODY = st.tuples(*(st.one_of(st.none(), st.integers(0, top)) for top in (4, 1, 4)))


@settings(max_examples=80, deadline=None)
@given(st.lists(SOMEBODY, min_size=1, max_size=6), st.lists(SOMEBODY, min_size=1, max_size=6))
def test_gower_equals_its_naive_twin(people, donors):
    schema = dict.fromkeys(WEIGHTS, pl.Int64)
    ours, theirs = (
        coordinates(pl.DataFrame(rows, schema, orient="row"), WEIGHTS) for rows in (people, donors)
    )
    found = distances(ours, theirs, np.arange(len(people)), np.arange(len(donors)))
    expected = [[naive_gower(one, other) for other in donors] for one in people]
    assert found == pytest.approx(np.array(expected), rel=1e-6)


# --- the hot deck -----------------------------------------------------------------------------------


def test_a_donors_answers_come_whole():
    people, donors = crowd(3_000, 1), crowd(400, 2)
    frame = match(people, donors, seed=1, on=ON).frame
    assert frame.columns == ["donor_id", "distance", "tax", "trust"] and frame.height == people.height
    rows = frame["donor_id"].cast(pl.Int64) - 1
    assert donors.select("tax", "trust")[rows].equals(frame.select("tax", "trust"))


def test_same_seed_same_people_another_seed_others():
    people, donors = crowd(500, 1), crowd(200, 2)
    one, two, three = (match(people, donors, seed=seed, on=ON) for seed in (1, 1, 2))
    assert one.frame.equals(two.frame) and one.report == two.report
    assert not one.frame.equals(three.frame)


def test_candidates_are_the_nearest_that_agree():
    # Twin: for every person the k-th smallest distance among donors with the fewest clashes, one by one.
    people, donors, k = crowd(150, 3), crowd(60, 4), 3
    found = match(people, donors, seed=5, on=("age_group", "sex"), exact=("ideology",), k=k, reuse=None)
    relaxed = 0
    for person, got in zip(people.rows(named=True), found.frame.rows(named=True), strict=True):
        clash = [
            person["ideology"] is not None and person["ideology"] != donor["ideology"]
            for donor in donors.rows(named=True)
        ]
        relaxed += all(clash)
        allowed = [at for at, bad in enumerate(clash) if bad == min(clash)]
        gaps = {}
        for at in allowed:
            donor, apart, known = donors.row(at, named=True), 0.0, 0
            if person["sex"] and donor["sex"]:
                known, apart = known + 1, apart + (person["sex"] != donor["sex"])
            if person["age"] and donor["age"]:
                known, apart = known + 1, apart + abs(person["age"] - donor["age"]) / 60
            gaps[at] = apart / known if known else np.inf
        reach = sorted(gaps.values())[min(k, len(gaps)) - 1]
        at = int(got["donor_id"]) - 1
        assert at in gaps and gaps[at] <= reach + 1e-6
        assert got["distance"] == (pytest.approx(gaps[at]) if np.isfinite(gaps[at]) else None)
    assert found.report["relaxed"] == relaxed


def test_donors_are_drawn_by_weight():
    # Four donors alike but for weights 1, 2, 3 and 0: shares 1/6, 1/3, 1/2 and none. Ties are all kept.
    donors = pl.DataFrame({"sex": ["Male"] * 4, "weight": [1.0, 2.0, 3.0, 0.0], "x": list("abcd")})
    people = pl.DataFrame({"sex": ["Male"] * 30_000})
    drawn = match(people, donors, seed=1, on=("sex",), exact=(), k=1, reuse=None).frame["x"]
    for answer, share in {"a": 1 / 6, "b": 1 / 3, "c": 1 / 2, "d": 0}.items():
        assert (drawn == answer).mean() == pytest.approx(share, abs=0.012)


def test_reuse_is_limited_and_reported():
    # 100 men, 10 donors, one of them with nearly all the weight. Twice the average, 20, is the most.
    donors = pl.DataFrame({"sex": ["Male"] * 10, "weight": [1e6] + [1.0] * 9, "x": range(10)})
    people = pl.DataFrame({"sex": ["Male"] * 100})
    settings_ = {"seed": 1, "on": ("sex",), "exact": (), "k": 1}
    free = match(people, donors, **settings_, reuse=None)
    assert free.report["reuse"]["most"] > 95 and free.report["reuse"]["limit"] is None
    held = match(people, donors, **settings_, reuse=2)
    assert held.report["reuse"]["most"] == 20 and held.report["reuse"]["over"] == 0
    # One donor only: nobody else to turn to; 90 of 100 are over a limit of 10 x 100 / 100 donors.
    lone = pl.DataFrame({"sex": ["Male"] + ["Female"] * 99, "x": range(100)})
    stuck = match(people, lone, seed=1, on=("sex",), exact=("sex",), k=1, reuse=10)
    assert stuck.report["reuse"]["over"] == 90 and stuck.report["donors_used"] == 1


def test_the_report_by_hand():
    donors = pl.DataFrame(
        {"sex": ["Male", "Female"], "age": [20, 20], "weight": [3.0, 1.0], "x": ["yes", None], "y": [1, 2]}
    )
    people = pl.DataFrame({"sex": ["Male", "Female", None], "age": [20, 35, 20], "weight": [1.0, 1.0, 2.0]})
    found = match(people, donors, seed=3, on=("age_group",), exact=("sex",), k=1, reuse=None)
    men = (found.frame["y"] == 1).to_list()
    assert men[:2] == [True, False]
    report = found.report
    assert report["agreement"] == {"age_group": 0.75, "sex": 1.0}  # the third person's sex is unknown
    assert report["mean_distance"] == pytest.approx((0 + 0.25 + 0) / 4)
    mass = 1.0 + 2.0 * men[2]
    assert report["items"]["x"]["missing"] == pytest.approx(1 - mass / 4)
    assert report["items"]["y"]["tv"] == pytest.approx(abs(mass / 4 - 3 / 4))
    assert report["items"]["x"]["tv_by_ideology"] is None


def test_survey_readings_stand_in_for_attributes():
    # A survey that publishes only the region: its codes are taken as they are.
    donors = pl.DataFrame({"region": [0, 3], "x": ["east", "west"]})
    people = pl.DataFrame({"state": ["Hawaii", "Maine"]})
    assert match(people, donors, seed=0, on=("region",), exact=(), k=1).frame["x"].to_list() == [
        "west",
        "east",
    ]


def test_nobody_to_match():
    people = pl.DataFrame(schema={"sex": pl.String})
    found = match(people, crowd(10, 1), seed=0, on=("sex",), exact=())
    assert found.frame.height == 0 and found.report["mean_distance"] is None


DONORS = pl.DataFrame({"sex": ["Male", "Female"], "weight": [1.0, 1.0], "x": [1, 2]})
PEOPLE = pl.DataFrame({"sex": ["Male"]})


@pytest.mark.parametrize(
    ("donors", "wanted", "says"),
    [
        (DONORS.head(0), {}, "no donors"),
        (DONORS, {"items": ["z"]}, "no such item"),
        (DONORS, {"items": ["sex"]}, "called as an attribute"),
        (DONORS.with_columns(weight=pl.Series([1.0, -1.0])), {}, "row 2.*not a weight"),
        (DONORS.with_columns(weight=pl.Series([1.0, None])), {}, "row 2.*not a weight"),
        (DONORS.with_columns(weight=0.0), {}, "all weights are zero"),
        (DONORS.with_columns(person_id=pl.lit("a")), {}, "two donors"),
        (DONORS.with_columns(person_id=pl.Series(["a", None])), {}, "without an id"),
        (DONORS.with_columns(sex=pl.lit(None, dtype=pl.String)), {}, "none of the donors"),
        (DONORS, {"on": ("age",)}, "age_group"),
        (DONORS, {"on": ("sx",)}, "no attribute 'sx'"),
        (DONORS, {"on": {"sex": -1.0}}, "no weight of a variable"),
        (DONORS, {"on": (), "exact": ()}, "nothing to match on"),
        (DONORS, {"k": 0}, "cannot draw from 0"),
        (DONORS, {"reuse": 0.5}, "reuse of 0.5"),
        (DONORS.select("x"), {}, "no attribute of a persona"),
    ],
)
def test_bad_input(donors, wanted, says):
    with pytest.raises(DataError, match=says):
        match(PEOPLE, donors, **{"seed": 0, "on": ("sex",), "exact": (), **wanted})


# --- a real survey ----------------------------------------------------------------------------------

ANES_PARTY = {1: "Democrat", 2: "Republican", 3: "Independent", 4: "Other"}


@pytest.mark.skipif(not DATA.exists(), reason="the survey data are not on this machine")
def test_held_out_respondents_get_answers_like_their_own():
    """ANES 2022 pilot, split in two: presidential approval and feelings go with party, and so do donors."""
    anes = pl.read_parquet(DATA / "anes_pilot_2022" / "anes_pilot_2022.parquet")
    members = anes.select(
        age=2022 - pl.col("birthyr_dropdown").cast(pl.Int64, strict=False),
        sex=pl.col("gender").replace_strict({1: "Male", 2: "Female"}, default=None),
        ideology=pl.col("ideo5").replace_strict(dict(enumerate(IDEOLOGY, 1)), default=None),
        political_views=pl.col("pid3").replace_strict(ANES_PARTY, default=None),
        weight=pl.col("weight").cast(pl.Float64, strict=False).fill_null(0.0),
        approval=pl.col("apppres"),
        gun=pl.col("gunown"),
    )
    first = pl.Series(np.random.default_rng(0).random(members.height) < 0.5)
    donors, people = members.filter(first & (members["weight"] > 0)), members.filter(~first)
    found = match(people, donors, seed=1, on=("age_group", "sex"), reuse=None)
    assert found.report["relaxed"] < 5
    assert found.report["agreement"]["political_views"] > 0.99

    def agree(answers: pl.Series) -> float:
        return (answers == people["approval"]).to_numpy().mean()

    random = donors["approval"].sample(people.height, with_replacement=True, seed=1)
    # 800 people: standard error 0.018 a share.
    assert agree(found.frame["approval"]) > agree(random) + 0.08
    assert found.report["items"]["approval"]["tv_by_ideology"] < 0.1


# --- ages -------------------------------------------------------------------------------------------


def test_nobody_under_age_gets_the_answers_of_adults():
    donors = pl.DataFrame({"age": [25, 70], "sex": ["Male", "Female"], "tax": ["up", "down"]})
    people = pl.DataFrame({"age": [9, 40, 17, None, 18], "sex": ["Male", "Female", "Male", "Male", "Male"]})
    made = match(people, donors, seed=1, on=("age_group", "sex"), exact=("sex",), k=1, reuse=None)
    assert made.frame["tax"].to_list() == [None, "down", None, "up", "up"]
    assert made.frame["donor_id"].to_list() == [None, "2", None, "1", "1"]
    assert made.frame["distance"].is_null().to_list()[:3] == [True, False, True]
    assert [made.report[name] for name in ("people", "too_young", "youngest")] == [5, 2, 18]
    # They count in nothing else: the rest is matched as if the young were not there.
    rest = match(
        people.filter(pl.col("age").fill_null(99) >= 18),
        donors, seed=1, on=("age_group", "sex"), exact=("sex",), k=1, reuse=None,
    )  # fmt: skip
    assert rest.frame.equals(made.frame.filter(pl.col("donor_id").is_not_null()))
    assert rest.report["agreement"] == made.report["agreement"]
    assert rest.report["too_young"] == 0


def test_a_survey_of_minors_answers_for_minors():
    donors = pl.DataFrame({"age": [15, 70], "sex": ["Male", "Female"], "tax": ["up", "down"]})
    people = pl.DataFrame({"age": [14, 15, 17], "sex": ["Male"] * 3})
    made = match(people, donors, seed=1, on=("sex",), exact=(), k=1, reuse=None)
    assert made.frame["tax"].to_list() == [None, "up", "up"]
    assert made.report["youngest"] == 15


def test_only_children():
    donors = pl.DataFrame({"sex": ["Male", "Female"], "tax": ["up", "down"]})
    people = pl.DataFrame({"age": [9, 10], "sex": ["Male"] * 2})
    made = match(people, donors, seed=1, on=("sex",), exact=(), k=1, reuse=None)
    assert made.frame.height == 2 and made.frame["tax"].null_count() == 2
    assert made.report["too_young"] == 2
    with pytest.raises(DataError, match="is no seed"):
        match(people, donors, seed=-1, on=("sex",), exact=())
