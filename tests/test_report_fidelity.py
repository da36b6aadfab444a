"""The fidelity page: numbers that agree with the population room's, and every gap a population may have."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from populace.population import (
    Fidelity,
    Margin,
    Population,
    Provenance,
    build,
    census_fidelity,
    census_margins,
    fidelity,
)
from populace.population.comparison import compare_sides
from populace.population.sides import by_code, by_label, readable
from populace.report import Baseline, Discriminator, Privacy, fidelity_page
from populace.report import misfit_tables as misfit
from populace.report.fidelity_methods import bibtex
from populace.report.fidelity_words import far, headline
from populace.report.figures import theme
from populace.report.people_tables import census_pyramid, pyramid, weight_bars, weights
from populace.report.titles import title_of
from populace.stats import Estimate

VERMONT = Path("../shared/data/acs_pums_2024/p_50.parquet")
COUNTRY = Path("../shared/data/acs_pums_2024/persons.parquet")
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)>\x00 {{ 7 * 7 }}"

needs_vermont = pytest.mark.skipif(not VERMONT.exists(), reason="the microdata of Vermont are not here")


@pytest.fixture(scope="module")
def people() -> Population:
    return build("us-2024", size=1500, seed=3, states=[50])


@pytest.fixture(scope="module")
def vermont() -> Population:
    if not VERMONT.exists():
        pytest.skip("the microdata of Vermont are not here")
    return build(VERMONT)


@pytest.fixture(scope="module")
def against_vermont(people: Population, vermont: Population, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("page") / "fidelity.html"
    return fidelity_page(people, out, reference=vermont).read_text("utf-8")


def survey(frame: pl.DataFrame, **changes: object) -> Population:
    """Make people with labels only, as a survey has them."""
    facts = {
        "source": "a survey", "citation": "A survey", "files": (), "vintage": "", "geography": "",
        "states": None, "codebook": "own", "codebook_hash": "0", "seed": 0, "size": frame.height,
        "adults": False, "weight": "", "stands_for": float(frame.height), "licence": "CC BY 4.0",
    }  # fmt: skip
    ids = pl.Series("person_id", [str(n) for n in range(frame.height)])
    frame = frame.with_columns(ids, *([] if "weight" in frame.columns else [pl.lit(1.0).alias("weight")]))
    return Population(frame, Provenance(**(facts | changes)))  # pyright: ignore[reportArgumentType]


def page_of(population: Population, folder: Path, **options: object) -> str:
    out = fidelity_page(population, folder / "page.html", **options)  # pyright: ignore[reportArgumentType]
    return out.read_text("utf-8")


class _Page(HTMLParser):
    """Collects what a page opens, closes, loads and names."""

    void = frozenset(["meta", "link", "br", "img"])

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.hrefs: list[str] = []
        self.loads: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in self.void:
            self.open.append(tag)
        self.scripts += tag == "script"
        self.ids += [found["id"] or ""] if "id" in found else []
        self.hrefs += [found["href"] or ""] if "href" in found else []
        self.loads += [found["src"] or ""] if "src" in found else []
        assert not any(name.startswith("on") for name in found)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


# The page


def test_the_page_is_whole_and_loads_nothing(against_vermont: str) -> None:
    page = _Page(against_vermont)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.loads == []
    assert all(href.startswith(("#", "data:")) for href in page.hrefs)
    assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)
    assert page.scripts == 1
    assert not re.search(r"https?://(?!www\.w3\.org/)", against_vermont)


def test_the_policy_allows_our_script_and_no_other(against_vermont: str) -> None:
    import base64
    import hashlib

    script = re.search(r"<script>(.*?)</script>", against_vermont, re.DOTALL)
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in against_vermont
    assert "default-src 'none'" in against_vermont


def test_figures_use_only_colours_that_have_a_dark_counterpart(against_vermont: str) -> None:
    drawn = re.findall(r"<svg.*?</svg>", against_vermont, re.DOTALL)
    assert len(drawn) == 12  # six figures, each for a page and for a phone; equal weights need no histogram
    colours = set(re.findall(r'(?:fill|stroke)="(#[0-9a-f]{6})"', " ".join(drawn)))
    assert colours <= set(theme.DARK)
    assert not re.search(r'(?:fill|stroke)="(?:#[0-9a-f]{3}|black|white)"', " ".join(drawn))


def test_every_section_and_the_hover_titles_are_there(against_vermont: str) -> None:
    for part in ("methods", "one", "two", "ages", "weights", "provenance", "limits"):
        assert f'<section id="{part}">' in against_vermont
    assert "<title>citizenship × " in against_vermont or "× citizenship: " in against_vermont
    assert 'role="img" aria-label="All pairs of attributes' in against_vermont


def test_the_same_people_give_the_same_bytes(people: Population, tmp_path: Path) -> None:
    assert page_of(people, tmp_path / "a") == page_of(people, tmp_path / "b")


def test_methods_text_states_the_figures_that_fidelity_gives(
    people: Population, vermont: Population, against_vermont: str
) -> None:
    text = re.search(r'id="methods-text"[^>]*>(.*?)</div>', against_vermont, re.DOTALL)
    assert text is not None
    one, two = (fidelity(people, vermont).summary(ways) for ways in (1, 2))
    for needed in (
        "1,500 people of all ages of Vermont", "us-2024", "6,938 records", "All carry the same weight",
        f"{one['mean']:.4f}", f"{one['p95']:.4f}", f"{one['noise_mean']:.4f}", f"{two['median']:.4f}",
        f"{two['max']:.4f}", "seed 3", people.provenance.codebook_hash, "public domain",
    ):  # fmt: skip
        assert needed in text[1], needed


def test_titles_and_labels_cannot_break_out(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"sex": ["Male", "Female"] * 20, "party": [ATTACK, "none"] * 20, "age": [30, 60] * 20}
    )
    population = survey(frame, source=ATTACK, citation=ATTACK, licence=ATTACK, notes=(ATTACK,))
    other = survey(frame.with_columns(party=pl.Series([ATTACK, "none", "none", "none"] * 10)))
    text = page_of(
        population, tmp_path, reference=other, title=ATTACK,
        privacy=Privacy(compared=3, distance=ATTACK, nearest=1.0, copies=0.0, note=ATTACK),
        baselines=[Baseline(name=ATTACK, one_way={}, two_way={}, note=ATTACK)],
    )  # fmt: skip
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "\x00" not in text
    assert ">49" not in text
    assert _Page(text).scripts == 1


# What a population may lack


def test_without_microdata_the_census_margins_are_the_reference(tmp_path: Path) -> None:
    population = build("us-2024", size=800, seed=5, adults=True)
    text = page_of(population, tmp_path)
    summary = census_fidelity(population).summary(1)
    assert f"{100 * summary['mean']:.2f}" in text
    assert "Pairs were not compared" in text
    assert "adults" in text
    assert "shows as misfit" not in text


def test_people_of_a_state_beside_the_whole_country_are_warned_of(people: Population, tmp_path: Path) -> None:
    assert "of Vermont, the reference of the United States" in page_of(people, tmp_path)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"sex": ["Male"]}),
        pl.DataFrame({"sex": ["Male", "Female", None], "age": [20, None, 90]}),
        pl.DataFrame({"age": [20.5, float("nan"), 3.0]}),
        pl.DataFrame({"favourite": ["tea", "coffee"]}),
        pl.DataFrame({"score": [1, 2]}),
        pl.DataFrame({"sex": ["Male", "Female"], "weight": [0.0, 0.0]}),
        pl.DataFrame({"sex": ["Male", "Female"], "weight": [None, 2.0]}),
        pl.DataFrame({"sex": ["Male", "Female"], "weight": [float("nan"), 2.0]}),
        pl.DataFrame({"sex": [], "weight": []}, schema={"sex": pl.String, "weight": pl.Float64}),
        pl.DataFrame({"sex": [None, None]}, schema={"sex": pl.String}),
        pl.DataFrame({"race": ["White alone", "Black"], "sex": ["man", "other"], "age": ["20", "30"]}),
    ],
    ids=["one", "gaps", "nan", "unknown", "numbers", "zero", "null", "bad", "nobody", "nulls", "texts"],
)  # fmt: skip
@pytest.mark.parametrize("alone", [True, False], ids=["census", "itself"])
def test_the_page_bears_every_gap(frame: pl.DataFrame, alone: bool, tmp_path: Path) -> None:
    population = survey(frame)
    text = page_of(population, tmp_path, **({} if alone else {"reference": population}))
    page = _Page(text)
    assert page.open == []
    assert 'id="methods-text"' in text
    assert not re.search(
        r"\b(nan|None|inf)\b", re.sub(r"<(style|script|svg).*?</\1>", "", text, flags=re.DOTALL)
    )


@needs_vermont
def test_columns_of_the_census_may_be_missing_on_either_side(
    people: Population, vermont: Population, tmp_path: Path
) -> None:
    fewer = Population(people.frame.drop("SCHL", "HINCP", "SEX", "sex", "education"), people.provenance)
    text = page_of(fewer, tmp_path, reference=vermont)
    assert "These people have no age and sex" in text
    labels = Population(people.frame.select("person_id", "weight", "sex", "race", "age"), people.provenance)
    text = page_of(labels, tmp_path, reference=vermont)
    assert "On 3 pairs of attributes" in text


def test_unequal_weights_are_shown_with_what_they_cost(tmp_path: Path) -> None:
    frame = pl.DataFrame({"sex": ["Male", "Female"] * 4, "weight": [1.0] * 7 + [9.0]})
    text = page_of(survey(frame, weight="W"), tmp_path)
    # (7 + 9)² / (7 + 81) = 2.909; 8 · 88 / 256 = 2.75; one of eight is the heaviest hundredth: 9 / 16.
    assert "design effect 2.75" in text
    assert "effective sample size 3" in text
    assert "56.2" in text
    assert "Weights (W) run from 1 to 9" in text


def test_weights_too_small_to_square_are_summed_up() -> None:
    found = weights(pl.Series([1e-300, 3e-300]))
    assert (found.effective, found.design_effect, found.top) == pytest.approx((1.6, 1.25, 0.75))


def test_nobody_weighs_anything(tmp_path: Path) -> None:
    text = page_of(survey(pl.DataFrame({"sex": ["Male"], "weight": [0.0]})), tmp_path)
    assert "The weights sum to zero" in text
    assert "Nothing could be compared" in text


def test_what_else_was_measured_has_its_part(people: Population, tmp_path: Path) -> None:
    auc = Estimate(value=0.581, low=0.57, high=0.592, n=4000, clusters=4000, method="folds")
    found = Fidelity(10, 20, (Margin(("SEX",), 0.2, 0.1), Margin(("SEX", "MAR"), 0.3, 0.1)))
    text = page_of(
        people, tmp_path,
        found=Fidelity(9, 99, (*found.margins, Margin(("SEX", "MAR", "TEN"), 0.4321, 0.1234))),
        discriminator=Discriminator(auc=auc, method="gradient boosting"),
        privacy=Privacy(compared=77, distance="attributes that differ", nearest=3, copies=0.01),
        baselines=[Baseline.of("independent", found, auc=0.97)],
    )  # fmt: skip
    for needed in ("0.581", "gradient boosting", "attributes that differ", "independent", "0.970", "20.00",
                   "Three at a time", "43.21", "sex × marital status × tenure"):  # fmt: skip
        assert needed in text, needed
    assert "Other tests" not in page_of(people, tmp_path)


def test_a_failing_reference_leaves_no_page(people: Population, tmp_path: Path) -> None:
    from populace.errors import PopulaceError

    with pytest.raises(PopulaceError):
        fidelity_page(people, tmp_path / "page.html", reference=tmp_path / "nowhere")
    assert not (tmp_path / "page.html").exists()


# The numbers


@needs_vermont
def test_shares_give_the_distances_that_fidelity_gives(people: Population, vermont: Population) -> None:
    sides = by_code(people.frame, vermont.frame)
    ours = {
        name: (tv, noise) for name, _, tv, noise in misfit.distances(misfit.share_table(sides)).iter_rows()
    }
    theirs = {m.variables[0]: (m.total_variation, m.noise) for m in fidelity(people, vermont).of(1)}
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        assert ours[name] == pytest.approx(expected, abs=1e-12), name


@needs_vermont
def test_worst_cells_are_shares_of_the_microdata(people: Population, vermont: Population) -> None:
    sides = by_code(people.frame, vermont.frame)
    (label, ours, theirs), *_ = misfit.worst_cells(sides, ("SEX", "CIT"), 1)
    sex, citizenship = label.split(" × ")
    for frame, share in ((people.frame, ours), (vermont.frame, theirs)):
        here = frame.filter((pl.col("sex") == sex) & (pl.col("citizenship") == citizenship))["weight"].sum()
        assert float(here) / float(frame["weight"].sum()) == pytest.approx(share)


def test_census_shares_give_the_distances_that_census_fidelity_gives(people: Population) -> None:
    found = misfit.census_fidelity(misfit.by_census(people.frame, adults=False), len(people))
    expected = {m.variables: m.total_variation for m in census_fidelity(people).margins}
    assert {m.variables: m.total_variation for m in found.margins} == pytest.approx(expected, abs=1e-9)


def test_labels_alone_compare_with_the_census_as_codes_do(people: Population) -> None:
    names = ["sex", "race", "marital_status", "age", "education"]
    coded = misfit.by_census(people.frame, adults=False)
    labels = misfit.by_census(people.frame.select("weight", *names), adults=False)
    own = pl.col("variable").is_in(["sex", "race", "age"])  # released by every state
    both = coded.filter(own).join(labels.filter(own), on=["variable", "label"], how="full", suffix="_labels")
    assert both.height == labels.filter(own).height == coded.filter(own).height
    assert both.select((pl.col("ours") - pl.col("ours_labels")).abs().max()).item() < 1e-9
    assert set(labels["variable"]) == set(names)


def test_bands_are_those_of_the_census() -> None:
    frame = pl.DataFrame(
        {"age": [0, 4, 5, 17, 18, 74, 75, 99], "income": [-5, 0, 24_999, 25_000, 1, 1, 1, 200_000]}
    )
    bands = readable(frame)
    census = census_margins(adults=False)
    for attribute in ("age", "income"):
        assert set(bands[attribute]) <= set(census.filter(pl.col("attribute") == attribute)["label"])
    assert bands["age"].to_list() == [
        "0–4",
        "0–4",
        "5–17",
        "5–17",
        "18–24",
        "65–74",
        "75 and over",
        "75 and over",
    ]
    assert bands["income"][0] == bands["income"][2] == "$0–24,999"
    assert bands["income"][7] == "$200,000 and over"


def test_two_by_two_by_hand() -> None:
    ours = pl.DataFrame({"weight": [1.0] * 4, "sex": list("MMFF"), "works": list("ynyn")})
    theirs = pl.DataFrame({"weight": [3.0, 1.0, 1.0, 3.0], "sex": list("MMFF"), "works": list("ynyn")})
    found = compare_sides(by_label(ours, theirs))
    # Margins agree; the four cells are 1/4 each against 3/8, 1/8, 1/8, 3/8: half of four eighths is 1/4.
    assert [m.total_variation for m in found.of(1)] == [0.0, 0.0]
    (pair,) = found.of(2)
    assert pair.total_variation == 0.25
    spread = 2 * math.sqrt(2 * 3 / 8 * 5 / 8 / (math.pi * 4)) + 2 * math.sqrt(
        2 * 1 / 8 * 7 / 8 / (math.pi * 4)
    )
    assert pair.noise == pytest.approx(spread / 2)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from(["x", "y", "z"]), st.floats(0.1, 9)),
        min_size=1,
        max_size=30,
    ),
    st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"])), min_size=1, max_size=30),
)
def test_label_distances_equal_a_naive_twin(ours: list, theirs: list) -> None:
    left = pl.DataFrame(ours, schema={"p": pl.String, "q": pl.String, "weight": pl.Float64}, orient="row")
    right = pl.DataFrame(theirs, schema={"p": pl.String, "q": pl.String}, orient="row")
    right = right.with_columns(weight=pl.lit(1.0))
    for margin in compare_sides(by_label(left, right)).margins:
        sums: dict[tuple, list[float]] = {}
        for place, frame in enumerate((left, right)):
            total = frame["weight"].sum()
            for *values, weight in frame.select(*margin.variables, "weight").iter_rows():
                sums.setdefault(tuple(values), [0.0, 0.0])[place] += weight / total
        expected = sum(abs(a - b) for a, b in sums.values()) / 2
        assert margin.total_variation == pytest.approx(expected, abs=1e-12)


@pytest.mark.skipif(not COUNTRY.exists(), reason="the national microdata are not here")
@pytest.mark.parametrize("adults", [False, True])
def test_the_embedded_pyramid_is_that_of_the_microdata(adults: bool) -> None:
    file = pl.scan_parquet(COUNTRY).select("AGEP", "SEX", weight="PWGTP").collect()
    theirs = pyramid(file.filter(pl.col("AGEP") >= (18 if adults else 0)))
    assert theirs is not None
    embedded = census_pyramid(adults=adults)
    if embedded is None:
        pytest.skip("the embedded source holds no tables of age by sex")
    both = embedded.join(theirs, on=["band", "sex"], how="full", suffix="_file")
    assert both.height in (36, 30)
    assert both.select((pl.col("share") - pl.col("share_file")).abs().sum() / 2).item() < 5e-4


def test_groups_of_the_pyramid_are_the_same_by_code_and_by_label(people: Population) -> None:
    labels = people.frame.select("weight", "age", "sex", "race", "hispanic_origin")
    by_codes, by_labels = (pyramid(frame, groups=True) for frame in (people.frame, labels))
    assert by_codes is not None
    assert by_labels is not None
    assert by_codes.equals(by_labels)


@given(st.lists(st.just(0.0) | st.floats(1e-6, 1e6) | st.none(), max_size=50))
def test_weights_are_summed_up_in_any_order(values: list[float | None]) -> None:
    column = pl.Series(values, dtype=pl.Float64)
    found, backwards = weights(column), weights(column.reverse())
    assert msgspec.json.encode(found) == msgspec.json.encode(backwards)
    assert weight_bars(column)["people"].sum() in (0, len(values))
    carried = np.array([value for value in values if value])
    if found.total:
        assert found.effective == pytest.approx(carried.sum() ** 2 / (carried**2).sum())
        assert 1 - 1e-12 <= found.design_effect <= len(carried) + 1e-9
        assert found.effective * found.design_effect == pytest.approx(len(carried))


# The words


def test_beware_names_what_sampling_does_not_explain() -> None:
    margins = (
        Margin(("SEX",), 0.05, 0.01),  # five times sampling
        Margin(("MAR",), 0.05, 0.02),  # two and a half times: not for one attribute
        Margin(("CIT",), 0.009, 0.001),  # nine times, but less than one person in a hundred
        Margin(("SEX", "MAR"), 0.05, 0.02),  # two and a half times: for a pair it is
    )
    found = Fidelity(100, 1000, margins)
    assert [m.variables for m in far(found, 1)] == [("SEX",)]
    assert [m.variables for m in far(found, 2)] == [("SEX", "MAR")]


def test_the_headline_says_so_where_nothing_is_off(people: Population) -> None:
    from populace.report.fidelity_words import Reference

    found = Fidelity(100, 1000, (Margin(("SEX",), 0.01, 0.01), Margin(("MAR",), 0.0, 0.01)))
    reference = Reference(name="it", citation="", licence="", records=1, effective=None, provenance=None)
    said = headline(found, weights(people.frame["weight"]), reference)
    assert said[0].startswith(
        "On 2 attributes, 0.50\N{NO-BREAK SPACE}% of people would have to change to match it"
    )
    assert "No margin is off" in " ".join(said)
    assert "weigh the same" in said[-1]


def test_bibtex_is_balanced_and_escaped(people: Population) -> None:
    provenance = msgspec.structs.replace(people.provenance, citation="Births & 100 % {deaths}_1")
    text = bibtex(provenance)
    assert r"Births \& 100 \% \{deaths\}\_1" in text
    plain = re.sub(r"\\[{}]", "", text)
    assert plain.count("{") == plain.count("}")
    assert text.count("@") == 2


def test_every_coded_variable_has_a_readable_name(people: Population) -> None:
    from populace.population.us2024.coding import encode

    titles = [title_of(name) for name in encode(people.frame, complete=True).columns]
    assert len(titles) == len(set(titles))
    assert not [title for title in titles if title.isupper()]


def warned(text: str) -> str:
    found = re.search(r'<div class="warning" role="note">(.*?)</div>', text, re.DOTALL)
    return " ".join(found.group(1).split()) if found else ""


def test_drawn_people_are_no_microdata(people: Population, tmp_path: Path) -> None:
    other = build("us-2024", size=4000, seed=8, states=[50])
    text = page_of(people, tmp_path, reference=other)
    assert "Held against people drawn from the model us-2024: 4,000 people." in text
    assert "the microdata" not in text and "shows nothing about how near" in warned(text)
    assert "those of 4,000 people drawn from the model us-2024, no survey, by total" in text
    assert "seed</" in text and ">8<" in text  # Drawn people have a seed of their own.


def test_a_fitted_model_is_known_beside_another_model_and_beside_records(
    people: Population, vermont: Population, tmp_path: Path
) -> None:
    fitted = survey(people.frame.select("age", "sex"), from_model=True, source="vt")
    text = page_of(fitted, tmp_path, reference=people)
    assert "people drawn from the model us-2024, not a survey" in warned(text)
    assert "Drawn from the model vt, seed 0" in text and "from the model vt, which is" in text
    records = page_of(fitted, tmp_path, reference=vermont)
    assert "nothing about how near" not in records and "Held against the microdata p_50.parquet" in records
    # Of the same name, but no model: records that were sampled from.
    plain = survey(fitted.frame.drop("person_id"), source="p_50.parquet")
    assert "come from the reference itself" in warned(page_of(plain, tmp_path, reference=vermont))


def test_where_everything_comes_from_is_told_in_words(people: Population, tmp_path: Path) -> None:
    drawn = people.sample(700, seed=0)
    assert drawn.provenance.steps and drawn.provenance.notes
    text = page_of(drawn, tmp_path)
    part = text[text.index('id="provenance"') : text.index('id="limits"')]
    assert not re.search(r"\((?:'|&#39;|\d+,?\)|\))|\[\d|\{&#34;|\{\"", part)  # ('a',) (50,) () [5 {"
    assert ">Vermont<" in part and "sample: of 1,500 people standing for" in part and "seed 0" in part
    assert f"{round(drawn.provenance.stands_for):,} people<" in part
    assert f"{people.provenance.notes[0].split(' (')[0]}" in part
    bare = page_of(survey(pl.DataFrame({"sex": ["Male", "Female"]})), tmp_path)
    assert not {"steps", "notes", "states"} & set(re.findall(r"<th[^>]*>(\w+)</th>", bare.lower()))
