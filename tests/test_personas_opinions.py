"""Religion, ideology, party and the Big Five: the models' arithmetic, and what is known about Americans."""

from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.personas import BIG_FIVE, attribute, build
from populace.personas.evidence import RACE_ETHNICITY, evidence
from populace.personas.frames import complete
from populace.personas.schema import TRAIT_LEVELS
from populace.personas.traits import SHARES, draw_traits, trait_model
from populace.personas.views import Term, ViewModel, ViewNode, indicators, view_model
from populace.population import build as build_population

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


# --- arithmetic -------------------------------------------------------------------------------------


def test_evidence_by_hand():
    people = complete(
        pl.DataFrame(
            {
                "age": [17, 18, 29, 30, 75, None],
                "race": [
                    "White alone",
                    "Asian alone",
                    "Alaska Native alone",
                    "Two or More Races",
                    None,
                    "White alone",
                ],
                "hispanic_origin": ["Not Hispanic", "Cuban", "Not Hispanic", "Not Hispanic", "Mexican", None],
                "education": [
                    "Grade 9",
                    "GED",
                    "College, under 1 year",
                    "Bachelor's degree",
                    "Doctorate",
                    None,
                ],
                "state": ["Maine", "Ohio", "Texas", "Hawaii", "Puerto Rico", None],
                "citizenship": [
                    "Born in the United States",
                    "Not a citizen",
                    "Naturalized citizen",
                    None,
                    None,
                    None,
                ],
            }
        )
    )
    found = evidence(people)
    assert found["age_group"].to_list() == [None, 0, 0, 1, 4, None]
    names = [None if code is None else RACE_ETHNICITY[code] for code in found["race_ethnicity"]]
    assert names == ["White", "Hispanic", "Other", "Other", "Hispanic", None]
    # College without a degree: the GSS asks for degrees, the bfi data for schooling.
    assert found["degree"].to_list() == [0, 1, 1, 3, 4, None]
    assert found["schooling"].to_list() == [0, 1, 2, 3, 4, None]
    assert found["region"].to_list() == [0, 1, 2, 3, None, None]
    assert found["foreign_born"].to_list() == [0, 1, 1, None, None, None]


def test_distribution_by_hand():
    # Half the survey is in group 1. Effects of log 3 on the second value for group 1, none for group 0:
    # the logit is log 3 * (1 - 1/2) = log sqrt(3) in group 1 and -log sqrt(3) in group 0. The odds of the
    # second value are sqrt(3) and 1 / sqrt(3); of somebody of unknown group, 1.
    node = ViewNode("x", [Term(["g"], [[1]])], [0.5], [0.0, 0.0], [[0.0, np.log(3)]])
    shares = node.distribution(pl.DataFrame({"g": [1, 0, None]}))
    odds = shares[:, 1] / shares[:, 0]
    assert odds == pytest.approx([3**0.5, 3**-0.5, 1.0])
    assert shares.sum(axis=1) == pytest.approx([1.0, 1.0, 1.0])


def naive_shares(node: ViewNode, person: dict[str, int | None]) -> np.ndarray:
    """Twin of `ViewNode.distribution`: one person, one cell at a time."""
    logits = np.array(node.intercept)
    cells = [(term, cell) for term in node.terms for cell in term.cells]
    for (term, cell), centre, effect in zip(cells, node.centre, node.effects, strict=True):
        codes = [person[name] for name in term.columns]
        mark = centre if None in codes else float(codes == cell)
        logits = logits + (mark - centre) * np.array(effect)
    return np.exp(logits) / np.exp(logits).sum()


def code(size: int) -> st.SearchStrategy[int | None]:
    return st.one_of(st.none(), st.integers(0, size - 1))


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            **{"race_ethnicity": code(5), "foreign_born": code(2), "age_group": code(5), "region": code(4)},
            **{"sex": code(2), "degree": code(5), "religion": code(9), "ideology": code(5)},
        }
    )
)
def test_distribution_equals_its_naive_twin(person):
    frame = pl.DataFrame([person], schema=dict.fromkeys(person, pl.Int64))
    for node in view_model().nodes:
        shares = node.distribution(frame)[0]
        assert shares == pytest.approx(naive_shares(node, person))
        assert (shares > 0).all()


def test_draws_have_the_shares_of_the_distribution():
    node = ViewNode("x", [Term(["g"], [[0]])], [0.0], [0.2, -0.5, 0.0], [[1.0, 0.0, -1.0]])
    people = pl.DataFrame({"g": [0, None] * 30_000})
    drawn = ViewModel({}, [node]).draw(people, np.random.default_rng(3))
    expected = node.distribution(pl.DataFrame({"g": [0, None]}))
    for at in (0, 1):
        counts = np.bincount(drawn["x"].to_numpy()[at::2], minlength=3) / 30_000
        # Standard error of a share at most 0.5 / sqrt(30000) = 0.0029.
        assert counts == pytest.approx(expected[at], abs=0.0116)


def test_indicators_leave_rare_combinations_without_an_effect():
    terms = [Term(["a", "b"], [[0, 0], [1, 1]])]
    people = pl.DataFrame({"a": [0, 0, 1, None], "b": [0, 1, 1, 1]})
    assert indicators(people, terms).tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]


def test_models_name_their_sources_and_values():
    model, traits = view_model(), trait_model()
    for info in (model.info, msgspec.to_builtins(traits)):
        assert all(info[key] for key in ("source", "citation", "licence", "records", "script"))
    columns = {"religion": "religion", "ideology": "ideology", "party": "political_views"}
    assert [node.name for node in model.nodes] == list(columns)
    for node in model.nodes:
        assert len(node.intercept) == len(attribute(columns[node.name]).values)
        assert len(node.effects) == len(node.centre) == sum(len(term.cells) for term in node.terms)
    assert traits.traits == list(BIG_FIVE)


# --- personas ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def adults() -> pl.DataFrame:
    return build(build_population("us-2024", size=30_000, seed=5, adults=True), seed=5).frame


def share(frame: pl.DataFrame, column: str, *values: str, **given: object) -> float:
    return float(frame.filter(**given)[column].is_in(values).mean())


def test_survey_margins(adults):
    # GSS 2021-2024, weighted: Protestant 39.6 %, Catholic 22.1 %, none 27.6 %; moderate 36.8 %, the two
    # liberal answers 29.3 %. GSS panel 2016-2018, weighted alike: Democrat 31.4 %, Independent 42.7 %.
    assert share(adults, "religion", "Protestant") == pytest.approx(0.396, abs=0.02)
    assert share(adults, "religion", "Catholic") == pytest.approx(0.221, abs=0.02)
    assert share(adults, "religion", "Unaffiliated") == pytest.approx(0.276, abs=0.02)
    assert share(adults, "ideology", "Moderate") == pytest.approx(0.368, abs=0.02)
    assert share(adults, "ideology", "Very liberal", "Liberal") == pytest.approx(0.293, abs=0.02)
    assert share(adults, "political_views", "Democrat") == pytest.approx(0.314, abs=0.03)
    assert share(adults, "political_views", "Independent") == pytest.approx(0.427, abs=0.03)
    for column in ("religion", "ideology", "political_views"):
        assert set(adults[column].unique()) == set(attribute(column).values)


def test_race_and_party(adults):
    black = adults.filter(race="Black or African American alone", hispanic_origin="Not Hispanic")
    white = adults.filter(race="White alone", hispanic_origin="Not Hispanic")
    assert share(black, "political_views", "Democrat") > 0.5
    assert share(black, "political_views", "Republican") < 0.12
    assert share(white, "political_views", "Republican") > 0.25


def test_religion_follows_age_region_and_origin(adults):
    hispanic = adults.filter(pl.col("hispanic_origin") != "Not Hispanic")
    rest = adults.filter(hispanic_origin="Not Hispanic")
    assert share(hispanic, "religion", "Catholic") > 0.4
    assert share(rest, "religion", "Catholic") < 0.25
    old, young = adults.filter(pl.col("age") >= 65), adults.filter(pl.col("age") < 30)
    assert share(old, "religion", "Protestant") > share(young, "religion", "Protestant") + 0.15
    assert share(young, "religion", "Unaffiliated") > share(old, "religion", "Unaffiliated") + 0.15
    south, northeast = (adults.filter(pl.col("state").is_in(names)) for names in (SOUTH, NORTHEAST))
    assert share(south, "religion", "Protestant") > share(northeast, "religion", "Protestant") + 0.15
    assert share(northeast, "religion", "Catholic") > share(south, "religion", "Catholic")
    asian = adults.filter(race="Asian alone")
    assert share(asian, "religion", "Hindu", "Buddhist") > 10 * share(
        adults.filter(race="White alone"), "religion", "Hindu", "Buddhist"
    )


SOUTH = ("Alabama", "Georgia", "Kentucky", "Mississippi", "North Carolina", "South Carolina", "Tennessee")
NORTHEAST = ("Connecticut", "Massachusetts", "New Jersey", "New York", "Pennsylvania", "Rhode Island")


def test_ideology_goes_with_party_and_religion(adults):
    rank = {name: at for at, name in enumerate(attribute("ideology").values)}
    partisans = adults.filter(pl.col("political_views").is_in(["Democrat", "Republican"]))
    ideology = partisans["ideology"].replace_strict(rank, return_dtype=pl.Int64).to_numpy()
    republican = (partisans["political_views"] == "Republican").to_numpy()
    assert np.corrcoef(ideology, republican)[0, 1] > 0.5
    assert share(
        adults, "ideology", "Conservative", "Very conservative", religion="Protestant"
    ) > 0.1 + share(adults, "ideology", "Conservative", "Very conservative", religion="Unaffiliated")


def test_traits_have_their_shares_and_correlations(adults):
    levels = {name: at for at, name in enumerate(TRAIT_LEVELS)}
    codes = np.column_stack([adults[t].replace_strict(levels, return_dtype=pl.Int64) for t in BIG_FIVE])
    for column in codes.T:
        # 30,000 draws from tables fitted to the census: standard error at most 0.003, plus the fit.
        assert np.bincount(column, minlength=5) / len(column) == pytest.approx(SHARES, abs=0.015)
    correlation = np.corrcoef(codes.T)
    # bfi: extraversion and agreeableness 0.46, conscientiousness and neuroticism -0.23; cut in five, less.
    assert correlation[2, 3] == pytest.approx(0.43, abs=0.06)
    assert correlation[1, 4] == pytest.approx(-0.22, abs=0.06)
    women = (adults["sex"] == "Female").to_numpy()
    for trait in ("agreeableness", "neuroticism"):
        at = BIG_FIVE.index(trait)
        assert codes[women, at].mean() > codes[~women, at].mean() + 0.15


def test_minors_and_the_unknown_have_no_traits():
    known = pl.DataFrame({"sex": [0, 0, None, 1], "schooling": [1, 1, 1, None]})
    drawn = draw_traits(known, pl.Series([17, 18, 40, 40]), np.random.default_rng(0))
    assert drawn["openness"].is_not_null().to_list() == [False, True, False, False]


@pytest.mark.skipif(not DATA.exists(), reason="the survey data are not on this machine")
def test_an_independent_survey_agrees_on_party_given_ideology(adults):
    """ANES 2022 pilot, never used in fitting: who is a Democrat or a Republican at each ideology."""
    anes = pl.read_parquet(DATA / "anes_pilot_2022" / "anes_pilot_2022.parquet")
    anes = anes.filter(pl.col("pid3").is_in([1, 2]), pl.col("ideo5").is_between(1, 5))
    weight = pl.col("weight").cast(pl.Float64, strict=False)
    for at, name in enumerate(attribute("ideology").values, start=1):
        theirs = anes.filter(ideo5=at).select(((pl.col("pid3") == 2) * weight).sum() / weight.sum()).item()
        ours = adults.filter(pl.col("political_views").is_in(["Democrat", "Republican"]), ideology=name)
        republican = (ours["political_views"] == "Republican").mean()
        # Republicans among partisans. The pilot is an opt-in panel, which sorts more sharply than the GSS.
        assert republican == pytest.approx(theirs, abs=0.2), name
