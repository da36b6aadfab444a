"""Surveys: codebooks that fit, codebooks that do not, every file format, and the real files."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest

from populace import population
from populace.errors import CodebookError, DataError
from populace.personas.schema import attribute
from populace.personas.validation import validate
from populace.population.codebook import codebooks, load_codebook
from populace.population.formats import open_table
from populace.population.shares import survey_shares

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def needs(folder: str):
    return pytest.mark.skipif(not (SHARED / folder).exists(), reason=f"shared {folder} is absent")


BOOK = """
name = "mine"
title = "A survey of mine"
licence = "CC0"
vintage = "2020"
weight = "w"
person_id = ["id"]
missing_below = 0
missing_texts = ["n/a"]

[attributes]
age = ["born"]
sex = ["sex"]
income = ["income"]
education = ["school"]

[variables.born]
born = true
range = [0, 99]

[variables.sex]
labels = { 1 = "Male", 2 = "Female" }
texts = { man = "Male", woman = "Female" }

[variables.income]
bands = { low = [0, 9], high = [10, 99] }

[variables.school]
cases = [
  { when = { years = { max = 11 } }, label = "Grade 11" },
  { when = { years = { min = 12 }, degree = ["yes"] }, label = "Bachelor's degree" },
]

[items.tax]
question = "Should taxes rise?"
labels = { 1 = "Yes", 2 = "No" }
"""
ROWS = """id,w,born,sex,income,years,degree,tax
a,1.5,1980,1,low,9,no,1
b,0.5,1950,woman,HIGH,16,yes,2
c,2,2000,2.0,n/a,14,no,-8
d,1,,n/a,,,,
"""


@pytest.fixture
def book(tmp_path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(BOOK)
    return path


def survey(folder: Path, text: str = ROWS, name: str = "s.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_codebook_of_ones_own(tmp_path, book):
    made = population.build(survey(tmp_path), codebook=book)
    frame = made.frame
    assert frame.columns == ["person_id", "weight", "age", "sex", "income", "education", "item_tax"]
    assert frame["person_id"].to_list() == ["mine-a", "mine-b", "mine-c", "mine-d"]
    assert frame["weight"].to_list() == [1.5, 0.5, 2.0, 1.0]
    # 2020 - 1980, 2020 - 1950, 2020 - 2000.
    assert frame["age"].to_list() == [40, 70, 20, None]
    # Numbers, words and 2.0 are one code each; blanks and n/a say nothing.
    assert frame["sex"].to_list() == ["Male", "Female", "Female", None]
    assert 0 <= frame["income"][0] <= 9 and 10 <= frame["income"][1] <= 99 and frame["income"][2] is None
    # Who studied 14 years without a degree fits no case.
    assert frame["education"].to_list() == ["Grade 11", "Bachelor's degree", None, None]
    assert frame["item_tax"].to_list() == ["Yes", "No", None, None]
    about = made.provenance
    assert (about.codebook, about.vintage, about.licence, about.citation, about.weight, about.stands_for) == (
        "mine",
        "2020",
        "CC0",
        "A survey of mine",
        "w",
        5.0,
    )
    assert about.codebook_hash == load_codebook(book).hash
    assert "drawn inside the bands of the survey, each value as likely: income" in about.notes
    made.save(tmp_path / "people.parquet")
    assert population.Population.load(tmp_path / "people.parquet").frame.equals(frame)


def test_draws_inside_bands_follow_the_seed_and_the_row_only(tmp_path, book):
    many = ROWS.splitlines()[0] + "\n" + "".join(f"{n},1,1980,1,high,9,no,1\n" for n in range(2000))
    source = survey(tmp_path, many)
    first = population.build(source, codebook=book, seed=1).frame["income"]
    assert first.equals(population.build(source, codebook=book, seed=1).frame["income"])
    assert not first.equals(population.build(source, codebook=book, seed=2).frame["income"])
    # Each of the 90 values is as likely: mean 54.5, standard error 26 / sqrt(2000) = 0.58.
    assert first.min() == 10 and first.max() == 99 and abs(first.mean() - 54.5) < 2.5
    # A person more at the end moves nobody.
    longer = population.build(survey(tmp_path, many + "x,1,1980,1,high,9,no,1\n"), codebook=book, seed=1)
    assert longer.frame["income"][:2000].equals(first)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("a,1.5,1980,1,", "a,1.5,1980,3,", r"s\.csv, row 1, column sex: the codebook mine has no code '3'"),
        ("woman", "womam", "row 2, column sex: the codebook mine has no code 'womam'.*write 'woman'"),
        ("HIGH", "middle", "row 2, column income: the codebook mine has no code 'middle'"),
        ("born,", "birth,", "column born: the codebook mine does not fit: this column is missing"),
        ("tax", "axt", None),
        ("1980", "nineteen", "row 1, column born: 'nineteen' is no number"),
        ("1980", "1880", "row 1, column born: 140 is not from 0 to 99"),
        ("c,2,2000", "c,-2,2000", r"row 3, column w: the weight -2\.0 is below zero"),
        ("c,2,2000", "c,,2000", "row 3, column w: the weight is missing"),
        ("c,2,2000", "c,many,2000", "row 3, column w: 'many' is no number"),
        ("c,2,2000", "c,inf,2000", "row 3, column w: the weight 'inf' is no number from 0 up"),
        ("c,2,2000", "c,nan,2000", "row 3, column w: the weight 'nan' is no number from 0 up"),
        ("1980", "nan", "row 1, column born: 'nan' is no number"),
        ("1980", "-inf", "row 1, column born: '-inf' is no number"),
        ("1980", "1e30", "row 1, column born: '1e30' is too large a number"),
        ("c,2,2000", "a,2,2000", "row 3, column id: person 'mine-a' is there twice"),
        ("id,w,", "id,v,", "column w: the column of weights is missing"),
        ("b,0.5", "b,0.5,7", "row 2: broken row: 9 fields"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, book, old, new, says):
    assert old in ROWS
    source = survey(tmp_path, ROWS.replace(old, new, 1))
    if says is None:
        # A question that the file lacks is not carried along; the people are read all the same.
        assert "item_tax" not in population.build(source, codebook=book).frame.columns
        return
    with pytest.raises((CodebookError, DataError), match=says):
        population.build(source, codebook=book)
    assert not list(tmp_path.glob("*.parquet"))


def test_weights_of_zero_and_none_at_all(tmp_path, book):
    zero = ROWS.replace("1.5", "0").replace("0.5", "0").replace("c,2,", "c,0,").replace("d,1,", "d,0,")
    with pytest.raises(DataError, match="column w: all weights are zero"):
        population.build(survey(tmp_path, zero), codebook=book)
    book.with_name("plain.toml").write_text(BOOK.replace('weight = "w"', ""))
    made = population.build(survey(tmp_path), codebook=book.with_name("plain.toml"))
    assert made.frame["weight"].to_list() == [1.0] * 4
    assert any("everybody counts 1" in note for note in made.provenance.notes)


def test_years_adults_states(tmp_path, book):
    source = survey(tmp_path, ROWS.replace("2000", "2010"))
    assert population.build(source, codebook=book, adults=True).frame["age"].to_list() == [40, 70]
    with pytest.raises(CodebookError, match="wrong vintage: the codebook mine is of 2020, not of 2021"):
        population.build(source, codebook=book, year=2021)
    with pytest.raises(DataError, match="the survey does not know states"):
        population.build(source, codebook=book, states=[50])
    with pytest.raises(DataError, match="names no replicate weights"):
        population.build(source, codebook=book, replicates=True)
    several = book.with_name("years.toml")
    several.write_text(BOOK.replace('vintage = "2020"', 'year = "wave"'))
    lines = ROWS.splitlines()
    waves = "\n".join([lines[0] + ",wave", *(f"{line},{2018 + n % 2}" for n, line in enumerate(lines[1:]))])
    source = survey(tmp_path, waves)
    with pytest.raises(DataError, match="column wave: the file holds 2 surveys, of 2018 to 2019"):
        population.build(source, codebook=several)
    made = population.build(source, codebook=several, year=2019)
    assert made.frame["person_id"].to_list() == ["mine-b", "mine-d"] and made.frame["age"][0] == 2019 - 1950
    assert made.provenance.vintage == "2019"
    with pytest.raises(DataError, match="no survey of 2017 in the file"):
        population.build(source, codebook=several, year=2017)


def test_rows_are_counted_in_the_file_after_a_year_was_taken(tmp_path, book):
    several = book.with_name("years.toml")
    several.write_text(BOOK.replace('vintage = "2020"', 'year = "wave"'))
    lines = ROWS.replace("c,2,2000,2.0", "c,2,2000,7").splitlines()
    waves = "\n".join(
        [lines[0] + ",wave", *(f"{line},{2018 + (n >= 2)}" for n, line in enumerate(lines[1:]))]
    )
    with pytest.raises(CodebookError, match="row 3, column sex: the codebook mine has no code '7'"):
        population.build(survey(tmp_path, waves), codebook=several, year=2019)


def test_every_format_gives_the_same_people(tmp_path, book):
    pyreadstat = pytest.importorskip("pyreadstat")
    pytest.importorskip("pandas")
    expected = population.build(survey(tmp_path), codebook=book).frame
    table = pl.read_csv(survey(tmp_path))
    table.write_csv(tmp_path / "s.tsv", separator="\t")
    table.write_parquet(tmp_path / "s.parquet")
    table.write_ndjson(tmp_path / "s.jsonl")
    for name in ("s.csv", "s.tsv", "s.parquet", "s.jsonl"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.write(tmp_path / name, name)
    pandas = table.to_pandas()
    pyreadstat.write_dta(pandas, str(tmp_path / "s.dta"))
    pyreadstat.write_sav(pandas, str(tmp_path / "s.sav"))
    for path in sorted(tmp_path.iterdir()):
        if path.suffix != ".toml":
            assert population.build(path, codebook=book).frame.equals(expected), path.name


def test_files_that_cannot_be_read(tmp_path, book, monkeypatch):
    with pytest.raises(DataError, match="no such file"):
        population.build(tmp_path / "absent.csv", codebook=book)
    with pytest.raises(DataError, match="this is a folder"):
        population.build(tmp_path, codebook=book)
    survey(tmp_path, name="s.xlsx")
    with pytest.raises(DataError, match=r"cannot read \.xlsx files"):
        population.build(tmp_path / "s.xlsx", codebook=book)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", ROWS)
        archive.writestr("b.csv", ROWS)
    with pytest.raises(DataError, match=r"the zip holds 2 tables \(a\.csv, b\.csv\)"):
        population.build(tmp_path / "two.zip", codebook=book)
    for name in ("s.rda", "s.dta", "s.sav", "s.parquet", "s.zip", "s.jsonl"):
        survey(tmp_path, "neither this nor that", name)
        with pytest.raises(DataError, match=r"broken|damaged"):
            open_table(tmp_path / name)
    monkeypatch.setitem(sys.modules, "rdata", None)
    with pytest.raises(
        DataError, match=r"needs the package rdata\. To mend it: pip install 'populace\[surveys\]'"
    ):
        open_table(tmp_path / "s.rda")


def test_without_a_codebook_the_known_ones_are_listed(tmp_path):
    with pytest.raises(DataError, match=r"name the codebook of the survey .*anes_pilot_2022.*prism"):
        population.build(survey(tmp_path))
    with pytest.raises(CodebookError, match=r"there is no such codebook.*anes_pilot_2022"):
        population.build(survey(tmp_path), codebook="anes")


def test_a_typing_mistake_in_a_codebook_is_named(tmp_path, book):
    book.write_text(BOOK.replace("weight =", "weigth ="))
    with pytest.raises(CodebookError, match=r"mine\.toml: malformed codebook .*weigth"):
        population.build(survey(tmp_path), codebook=book)


def test_the_codebook_of_the_documentation_works(tmp_path):
    note = (Path(__file__).resolve().parents[1] / "docs" / "design" / "sources.md").read_text()
    (tmp_path / "poll.toml").write_text(note.split("```toml")[1].split("```")[0])
    rows = "id,birth_year,gender,bracket,w,tax\n7,1990,f,low,2,1\n8,1950,1,n/a,1,2\n"
    frame = population.build(survey(tmp_path, rows), codebook=tmp_path / "poll.toml").frame
    assert frame.select("person_id", "age", "sex", "item_tax").rows() == [
        ("poll-7", 34, "Female", "Yes"),
        ("poll-8", 74, "Male", "No"),
    ]


def test_codebooks_that_say_too_little_are_named(tmp_path, book):
    book.write_text(BOOK.replace('labels = { 1 = "Male", 2 = "Female" }', "").replace("texts = { man", "#"))
    with pytest.raises(CodebookError, match=r"mine\.toml, column sex: nothing says what the values mean"):
        load_codebook(book)
    place = """
[variables.place]
pattern = '^US-(\\d\\d)$'
labels = { 50 = "Vermont" }
"""
    book.write_text(BOOK.replace("[attributes]", '[attributes]\nstate = ["place"]') + place)
    lines = ROWS.splitlines()
    rows = "\n".join([lines[0] + ",place", lines[1] + ",US-50", lines[2] + ",Utah"])
    with pytest.raises(DataError, match="row 2, column place: 'Utah' has no code in it"):
        population.build(survey(tmp_path, rows), codebook=book)
    rows = rows.replace("Utah", "US-50")
    assert population.build(survey(tmp_path, rows), codebook=book).frame["state"].to_list() == ["Vermont"] * 2
    book.write_text(book.read_text().replace("^US-(", "^US-(("))
    with pytest.raises(CodebookError, match=r"column place: .* is no regular expression with a group"):
        population.build(survey(tmp_path, rows), codebook=book)


def labels_of(variable) -> set[str]:
    cases = [label for case in variable.cases for label in (case.label, *case.choices) if label]
    options = [label for labels in variable.choices.values() for label in labels]
    return {*variable.labels.values(), *variable.texts.values(), *cases, *options}


@pytest.mark.parametrize("name", codebooks())
def test_codebooks_speak_the_schema(name):
    """Every label a codebook gives an attribute is one of that attribute's values."""
    book = load_codebook(name)
    assert book.title and book.licence
    for column, readings in book.attributes.items():
        values = attribute(column).values
        for reading in readings:
            variable = book.variables[reading]
            assert variable.is_number == (attribute(column).kind in ("integer", "dollars")), column
            if values:
                assert labels_of(variable) <= set(values), (name, reading)
    for item, variable in book.items.items():
        assert variable.question, (name, item)


# PRISM's survey in the layout of its release; no row of it is at hand, these are made up.
PRISM = [
    {
        "user_id": "user0",
        "age": "25-34 years old",
        "gender": "Female",
        "employment_status": "Working full-time",
        "education": "University Bachelors Degree",
        "marital_status": "Never been married",
        "english_proficiency": "Native speaker",
        "religion": {
            "self_described": "none",
            "categorised": "No affiliation",
            "simplified": "No Affiliation",
        },
        "ethnicity": {"self_described": "white", "categorised": "White", "simplified": "White"},
        "location": {"birth_country": "United Kingdom", "reside_country": "United Kingdom"},
        "lm_familiarity": "Somewhat familiar",
        "lm_frequency_use": "Once per month",
        "self_description": "I value honesty.",
        "system_string": "Be brief.",
        "stated_prefs": {"values": 54, "creativity": 73, "fluency": 86, "factuality": 88}
        | {"diversity": 49, "safety": 41, "personalisation": 50, "helpfulness": 71, "other": None},
        "lm_usecases": {"research": 1},
        "included_in_US_REP": False,
    },
    {
        "user_id": "user1",
        "age": "65+ years old",
        "gender": "Non-binary / third gender",
        "employment_status": "Prefer not to say",
        "education": "Some Secondary",
        "marital_status": "Divorced / Separated",
        "english_proficiency": "Fluent",
        "religion": {"self_described": "x", "categorised": "Christian", "simplified": "Christian"},
        "ethnicity": {"self_described": "x", "categorised": "Hispanic", "simplified": "Hispanic"},
        "location": {"birth_country": "Mexico", "reside_country": "United States"},
        "lm_familiarity": "Not familiar at all",
        "lm_frequency_use": None,
        "self_description": "Family.",
        "system_string": "Be kind.",
        "stated_prefs": {"values": 0, "creativity": 100, "fluency": 1, "factuality": 2}
        | {"diversity": 3, "safety": 4, "personalisation": 5, "helpfulness": 6, "other": 7},
        "lm_usecases": {"research": 0},
        "included_in_US_REP": True,
    },
]


def test_prism_as_released(tmp_path):
    path = tmp_path / "survey.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in PRISM))
    made = population.build(path, codebook="prism")
    one, two = made.frame.to_dicts()
    assert one["person_id"] == "prism-user0" and one["weight"] == 1.0
    assert 25 <= one["age"] <= 34 and 65 <= two["age"] <= 85
    assert (one["race"], one["hispanic_origin"]) == ("White alone", None)
    assert (two["race"], two["hispanic_origin"]) == (None, "All other Spanish/Hispanic/Latino")
    assert (one["religion"], two["religion"]) == ("Unaffiliated", "Other Christian")
    assert (one["sex"], two["sex"], two["item_gender"]) == ("Female", None, "Non-binary / third gender")
    assert (two["employment_status"], two["ability_to_speak_english"]) == (None, "Very well")
    assert two["item_reside_country"] == "United States" and one["item_important_safety"] == 41
    assert "the survey has no weights: everybody counts 1" in made.provenance.notes
    bad = [{**PRISM[0], "religion": {"simplified": "Jedi"}}]
    path.write_text("\n".join(json.dumps(row) for row in bad))
    with pytest.raises(CodebookError, match=r"row 1, column religion\.simplified: .* no code 'Jedi'"):
        population.build(path, codebook="prism")


def persona_columns(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        name for name in frame.columns if not name.startswith(("item_", "person_id", "weight"))
    )


@needs("anes_pilot_2022")
def test_anes_pilot():
    source = SHARED / "anes_pilot_2022" / "anes_pilot_2022.parquet"
    made = population.build(source, codebook="anes_pilot_2022")
    raw = pl.read_parquet(source).filter(pl.col("weight").str.strip_chars() != "")
    assert len(made) == raw.height == 1500
    assert made.frame["age"].to_list() == (2022 - raw["birthyr_dropdown"]).to_list()
    assert (made.frame["ideology"] == "Very liberal").sum() == (raw["ideo5"] == 1).sum()
    # Two variables on the same party, asked apart, agree: strong Democrats are Democrats.
    strong = made.frame.filter(item_pid_x="Strong Democrat").drop_nulls("political_views")
    assert (strong["political_views"] == "Democrat").mean() > 0.9
    validate(persona_columns(made.frame))
    vermont = population.build(source, codebook="anes_pilot_2022", states=[6])
    assert vermont.frame["state"].unique().to_list() == ["California"]
    assert vermont.provenance.geography == "California"


@needs("gss")
def test_gss_extract_and_panel():
    pytest.importorskip("rdata")
    made = population.build(SHARED / "gss" / "gss_sub.rda", codebook="gss", year=2024)
    assert len(made) == 3309 and made.provenance.vintage == "2024" and made.provenance.weight == "wtssps"
    # GSS 2024, unweighted: code 4 (none) of RELIG.
    assert (made.frame["religion"] == "Unaffiliated").sum() == 876
    assert any(note.startswith("not in this file: ") and "income" in note for note in made.provenance.notes)
    validate(persona_columns(made.frame))
    with pytest.raises(DataError, match="column year: the file holds 35 surveys, of 1972 to 2024"):
        population.build(SHARED / "gss" / "gss_sub.rda", codebook="gss")
    panel = population.build(SHARED / "gss" / "gss_panel20.rda", codebook="gss")
    frame = panel.frame
    assert len(panel) == 5215 and panel.provenance.vintage == "2016, 2018"
    validate(persona_columns(frame))
    # The same people asked again give the same answer mostly, and not always.
    both = frame.drop_nulls(["item_cappun", "item_cappun_retest"])
    assert 0.75 < (both["item_cappun"] == both["item_cappun_retest"]).mean() < 0.95
    # Each wave's weights add up to its respondents.
    assert abs(frame["weight"].sum() - 5215) < 1


GSS = """YEAR,ID,AGE,SEX,DEGREE,EDUC,RELIG,POLVIEWS,PARTYID,HISPANIC,CAPPUN,WTSSNRPS
2022,1,89,2,0,9,1,4,0,1,1,1.1
2022,2,34,1,4,20,4,8,7,47,-100,0.7
2022,3,-99,1,1,14,-98,-99,9,-100,2,1.2
"""


@pytest.mark.parametrize("kind", ["csv", "dta", "sav"])
def test_gss_extracts_with_the_codes_of_any_program(tmp_path, kind):
    path = survey(tmp_path, GSS, "gss.csv")
    if kind != "csv":
        pyreadstat = pytest.importorskip("pyreadstat")
        path = tmp_path / f"gss.{kind}"
        write = {"dta": pyreadstat.write_dta, "sav": pyreadstat.write_sav}[kind]
        write(pl.read_csv(tmp_path / "gss.csv").to_pandas(), str(path))
    made = population.build(path, codebook="gss")
    frame = made.frame
    assert frame["person_id"].to_list() == ["gss-2022-1", "gss-2022-2", "gss-2022-3"]
    assert made.provenance.vintage == "2022" and made.provenance.weight == "wtssnrps"
    assert frame["age"].to_list() == [89, 34, None]
    assert frame["education"].to_list() == [
        "Grade 9",
        "Master's degree",
        "College, 1 or more years, no degree",
    ]
    assert frame["religion"].to_list() == ["Protestant", "Unaffiliated", None]
    # 8 and 9 are *don't know* and *no answer*, -100 *inapplicable*; 0 is a party, strong Democrat.
    assert frame["ideology"].to_list() == ["Moderate", None, None]
    assert frame["political_views"].to_list() == ["Democrat", "Other", None]
    assert frame["hispanic_origin"].to_list() == ["Not Hispanic", "All other Spanish/Hispanic/Latino", None]
    assert frame["item_cappun"].to_list() == ["Favor", None, "Oppose"]
    validate(persona_columns(frame))


@needs("nist_acs")
@pytest.mark.parametrize("year", [2018, 2019])
def test_nist_excerpts(year):
    made = population.build(SHARED / "nist_acs" / f"national{year}.csv", codebook="nist_acs")
    frame = made.frame
    validate(persona_columns(frame))
    # The excerpts do not say their year.
    given = population.build(SHARED / "nist_acs" / f"national{year}.csv", codebook="nist_acs", year=2019)
    said = "the year 2019 is as given, not checked: the file does not say its year"
    assert said in given.provenance.notes and said not in made.provenance.notes
    assert given.provenance.vintage == "2019"
    # Under 15 nobody was asked; over 2 everybody has some schooling, even if none.
    assert set(frame.filter(pl.col("age") < 15)["marital_status"]) == {"Never married or under 15"}
    assert frame["education"].is_null().equals(frame["age"] < 3)
    assert frame.filter(pl.col("age") == 8)["education"].is_in(["Grade 9", "Grade 8"]).sum() == 0
    assert "Book Stores And News Dealers" in set(frame["industry_category"])  # a code of these years only


@needs("fivethirtyeight")
def test_fivethirtyeight():
    made = population.build(
        SHARED / "fivethirtyeight" / "nonvoters_data.csv", codebook="fivethirtyeight_nonvoters"
    )
    validate(persona_columns(made.frame))
    assert (made.frame["political_views"] == "Republican").sum() == 1592
    assert made.frame["item_good_american_voting"].value_counts().height == 5  # four answers, and none


def test_shares_of_answers():
    people = pl.DataFrame(
        {"weight": [1.0, 3.0, 4.0], "sex": ["Male", "Female", None], "said": ["a", "b", "c"]}
    )
    table = survey_shares(people)
    assert table.filter(attribute="sex").rows() == [("sex", "Female", 0.75, 0.5), ("sex", "Male", 0.25, 0.5)]
    words = pl.DataFrame({"weight": [1.0] * 40, "said": [str(n) for n in range(40)]})
    assert survey_shares(words).is_empty()
