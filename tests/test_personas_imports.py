"""Imports of other people's personas. No copy of these data sets is at hand: rows are made in their layouts.

The layouts and the defects are those that data cards and public quotations show: docs/design/imports.md.
"""

import json
import subprocess
import sys

import msgspec
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace.cli.personas import app
from populace.errors import DataError
from populace.personas import ATTRIBUTES, attribute, build, load, render
from populace.personas.imports import import_nemotron, import_persona, parse_persona
from populace.personas.imports.wording import number, tokens, vocabulary
from populace.population import build as build_population
from populace.population.codebook import load_codebook

ADULT = {
    "age": "54",
    "sex": "Female",
    "race": "White alone",
    "ancestry": "Irish",
    "household language": "English only",
    "education": "Associate's degree",
    "employment status": "Civilian employed, at work",
    "class of worker": "Employee of a private for-profit company or business, or of an individual, "
    "for wages, salary, or commissions",
    "industry category": "MED-Offices Of Physicians",
    "occupation category": "HLS-Medical Assistants",
    "detailed job description": "Helps physicians",
    "income": "244000.0",
    "marital status": "Married",
    "household type": "Married couple household, no children of the householder less than 18",
    "family presence and age": "No related children",
    "place of birth": "New York/NY",
    "citizenship": "Born in the United States",
    "veteran status": "Non-Veteran",
    "disability": "None",
    "health insurance": "With health insurance coverage",
    "big five scores": "Openness: Low, Conscientiousness: Extremely High, Extraversion: High, "
    "Agreeableness: Low, Neuroticism: Average",
    "defining quirks": "Paints",
    "ideology": "Conservative",
    "political views": "Republican",
    "religion": "Other Christian",
}
CHILD = {
    "age": "10",
    "sex": "Male",
    "race": "Two or More Races",
    "ancestry": "Hispanic and White",
    "education": "Grade 5",
    "employment status": "Unemployed",
    "class of worker": "Not applicable",
    "detailed job description": "Student",
    "income": "Not applicable",
    "marital status": "Never married or under 15 years old",
    "fertility": "nan",
    "big five scores": "Not Applicable",
    "ideology": "Too young to form an ideology",
    "political views": "Too young to form political views",
    "religion": "Protestant",
}
RETIRED = {
    "age": "70",
    "sex": "Male",
    "race": "white",
    "household language": "English",
    "employment status": "Not in labor force",
    "class of worker": "Retired",
    "detailed job description": "Oversees a school",
    "income": "20000-30000",
    "household type": "One-person household",
    "veteran status": "Non-veteran",
    "disability": "No disability",
    "fertility": "Has children",
    "political views": "Democratic",
    "shoe size": "44",
}


def text(fields):
    return "".join(f"{key}: {value}\n" for key, value in fields.items())


def release(people, rows=200):
    texts = [text(each) for each in people for _ in range(rows)]
    return pl.DataFrame({"persona": texts, "instruction": "Why?", "original": "a", "data": "b"})


@pytest.fixture
def imported(tmp_path):
    release([ADULT, CHILD, RETIRED]).write_parquet(tmp_path / "train.parquet")
    return import_persona(tmp_path / "train.parquet")


def value_of(report, raw, name):
    return next(each for each in report.values if (each.raw, each.attribute) == (raw, name))


def test_an_adult_of_the_release_is_read_whole(imported):
    personas, _ = imported
    one = personas.head(1)[0]
    assert one.attributes() == {
        "age": 54,
        "sex": "Female",
        "race": "White alone",
        "ancestry": "Irish",
        "household_language": "English only",
        "education": "Associate's degree",
        "employment_status": "Civilian employed, at work",
        "class_of_worker": "For-profit employee",
        "industry_category": "Offices Of Physicians",
        "occupation_category": "Medical Assistants",
        "detailed_job_description": "Helps physicians",
        "income": 244000,
        "marital_status": "Married",
        "household_type": "Married couple household, no children under 18",
        "family_presence_and_age": "No related children",
        "place_of_birth": "New York",
        "citizenship": "Born in the United States",
        "veteran_status": "Never served",
        "disability": "Without a disability",
        "health_insurance": "With health insurance",
        "openness": "Low",
        "conscientiousness": "Extremely High",
        "extraversion": "High",
        "agreeableness": "Low",
        "neuroticism": "Average",
        "defining_quirks": "Paints",
        "ideology": "Conservative",
        "political_views": "Republican",
        "religion": "Other Christian",
    }
    assert (one.person_id, one.weight) == ("persona-1", 1.0)
    assert render(one, "release")


def test_what_is_missing_is_missing(imported):
    personas, report = imported
    child = personas.head(2)[1].attributes()
    assert child == {
        "age": 10,
        "sex": "Male",
        "race": "Two or More Races",
        "education": "Grade 5",
        "employment_status": "Unemployed",
        "detailed_job_description": "Student",
        "marital_status": "Never married or under 15",
        "religion": "Protestant",
    }
    missing = {(each.attribute, each.raw) for each in report.missing}
    assert ("fertility", "nan") in missing
    assert ("big_five_scores", "Not Applicable") in missing
    assert ("ideology", "Too young to form an ideology") in missing
    # The second persona begins in row 201.
    assert value_of(report, "nan", "fertility").row == 201


def test_what_is_interpreted_or_not_understood_is_told(imported):
    personas, report = imported
    old = personas.head(3)[2].attributes()
    assert (old["income"], old["household_type"]) == (25000, "Male householder living alone")
    assert (old["race"], old["disability"]) == ("White alone", "Without a disability")
    assert old["political_views"] == "Democrat"
    assert {"class_of_worker", "fertility"}.isdisjoint(old)
    unread = {(each.attribute, each.raw, each.count, each.row) for each in report.unread}
    assert unread == {
        ("ancestry", "Hispanic and White", 1, 201),
        ("class_of_worker", "Retired", 1, 401),
        ("fertility", "Has children", 1, 401),
    }
    assert value_of(report, "20000-30000", "income").how == "reading"
    assert value_of(report, "244000.0", "income").how == "spelling"
    assert value_of(report, "MED-Offices Of Physicians", "industry_category").how == "wording"
    household = "Female householder living alone / Male householder living alone"
    assert value_of(report, "One-person household", "household_type").ours == household
    assert report.left == {"shoe size": 1}


def test_every_value_is_either_our_label_or_in_the_report(imported, tmp_path):
    personas, report = imported
    told = {(each.attribute, each.raw) for each in report.values}
    frame = personas.frame
    for place, person in enumerate((ADULT, CHILD, RETIRED)):
        for key, raw in person.items():
            name = next((each.name for each in ATTRIBUTES if each.title == key), None)
            if name is not None:
                assert str(frame[name][place]) == raw or (name, raw) in told, (key, raw)


def test_defects_of_the_release_are_named(imported):
    _, report = imported
    found = {each.name: each for each in report.defects}
    assert {name: each.count for name, each in found.items()} == {
        "literal-nan": 1,
        # Hispanic and White, Retired, Has children; white, English, One-person household, three readings of
        # veteran status (2) and disability (2).
        "census-overwritten": 10,
        "not-understood": 3,
        # White alone / white; English only / English; Non-Veteran / Non-veteran; None / No disability;
        # the first of each pair is ours in two of four.
        "several-spellings": 6,
        "employment-under-16": 1,
        "religion-under-18": 1,
        "job-without-work": 2,
    }
    assert found["employment-under-16"].row == 201
    assert "None / No disability" in found["several-spellings"].description


def test_implausible_personas_are_marked_and_removed_on_request(imported, tmp_path):
    personas, report = imported
    marks = personas.frame["implausible"].to_list()
    assert marks[0] == []
    assert "employment-under-16" in marks[1]
    assert "job-without-employment" in marks[2]
    rules = {each.name: each for each in report.rules}
    assert (rules["employment-under-16"].count, rules["employment-under-16"].row) == (1, 201)
    assert rules["employment-under-16"].share == pytest.approx(1 / 3)
    assert rules["employment-under-16"].real is not None and rules["employment-under-16"].real < 0.001
    assert personas.provenance["removed"] == {}
    kept, shorter = import_persona(tmp_path / "train.parquet", drop=True)
    assert kept.frame["person_id"].to_list() == ["persona-1"]
    assert shorter.removed == 2 and kept.provenance["removed"] == {"hard-rules": 2}


def test_the_licence_and_the_hash_travel_along(imported, tmp_path):
    personas, report = imported
    personas.save(tmp_path / "p.parquet")
    again = load(tmp_path / "p.parquet")
    assert again.frame.equals(personas.frame)
    assert again.provenance["imported"]["licence"] == "CC-BY-NC-SA-4.0"
    assert again.provenance["imported"]["hash"] == report.hash
    assert report.rows == 600 and report.file == "train.parquet"


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl", "json"])
def test_all_formats_give_the_same_personas(tmp_path, ending, imported):
    path = tmp_path / f"other.{ending}"
    frame = release([ADULT, CHILD, RETIRED])
    if ending == "parquet":
        frame.write_parquet(path)
    elif ending == "csv":
        frame.write_csv(path)
    elif ending == "jsonl":
        frame.write_ndjson(path)
    else:
        path.write_text(json.dumps(frame["persona"].to_list()))
    personas, report = import_persona(path)
    assert personas.frame.equals(imported[0].frame)
    assert report.values == imported[1].values


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_one_column_an_attribute(tmp_path, imported, ending):
    people = [ADULT, CHILD, RETIRED]
    keys = list(dict.fromkeys(key for each in people for key in each))
    frame = pl.DataFrame([[each.get(key) for each in people] for key in keys], schema=keys)
    frame = frame.with_columns(pl.Series("Unnamed: 0", ["0", "1", "2"]))
    path = tmp_path / f"personas.{ending}"
    frame.write_parquet(path) if ending == "parquet" else frame.write_csv(path)
    personas, report = import_persona(path)
    assert personas.frame.equals(imported[0].frame)
    assert report.left == {"shoe size": 1, "unnamed: 0": 3}
    assert {each.row for each in report.unread} == {2, 3}


def test_typed_columns_are_read_like_texts(tmp_path):
    frame = pl.DataFrame(
        {"Age": [30.0, None], "SEX": ["male", "Female"], "income": [81000.0, float("nan")]}
    ).with_columns(race=pl.lit("Asian alone"), religion=pl.lit("Hindu"))
    frame.write_parquet(tmp_path / "p.parquet")
    personas, _ = import_persona(tmp_path / "p.parquet")
    rows = personas.frame.select("age", "sex", "income").rows()
    assert rows == [(30, "Male", 81000), (None, "Female", None)]


def test_uneven_blocks_and_doubled_keys_are_defects(tmp_path):
    people = [ADULT, CHILD, ADULT]
    twice = text(RETIRED) + "age: 71\n"
    frame = pl.concat([release(people, rows=100), pl.DataFrame({"persona": [twice, None]})], how="diagonal")
    frame.write_parquet(tmp_path / "p.parquet")
    personas, report = import_persona(tmp_path / "p.parquet")
    assert personas.frame["age"].to_list() == [54, 10, 70]
    found = {each.name: (each.count, each.row) for each in report.defects}
    # The adult has 200 rows, but in two blocks; the child has 100 and the retired one.
    assert found["uneven-blocks"] == (3, 1)
    assert found["key-twice"] == (1, 301)
    assert found["empty-text"] == (1, 302)


@given(
    values=st.dictionaries(
        st.sampled_from(["age", "lifestyle", "religion", "big five scores"]),
        st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=12),
    )
)
def test_a_text_comes_apart_as_it_was_put_together(values):
    assert parse_persona(text(values)) == {key: [value] for key, value in values.items()}


@given(dollars=st.integers(-100_000, 9_999_999))
def test_numbers_are_read_however_they_are_written(dollars):
    income = attribute("income")
    for form in (
        f"{dollars}",
        f"{dollars}.0",
        f"{dollars:,}",
        f" ${dollars} " if dollars >= 0 else str(dollars),
    ):
        assert number(form, income).ours == dollars
    assert number(str(dollars), income).how == "same"


@pytest.mark.parametrize("bad", ["", "30000-20000", "lots", "1e6", "12 apples", "99999999999", "--3"])
def test_what_is_no_number_is_not_read(bad):
    assert number(bad, attribute("income")).ours is None


def test_our_own_labels_are_read_as_they_are():
    book = load_codebook("acs_pums").variables
    lists = {"ancestry": "ANC1P", "industry_category": "INDP", "occupation_category": "OCCP"}
    for each in ATTRIBUTES:
        labels = [*each.values, *(book[lists[each.name]].labels.values() if each.name in lists else ())]
        for source in ("persona", "nemotron"):
            for label in labels:
                reading = vocabulary(source).read_value(label, each)
                # Labels that differ in case or number alone are one label to a reader.
                assert reading.ours is not None and tokens(str(reading.ours)) == tokens(label), (
                    label,
                    reading,
                )


def test_every_table_leads_to_labels_of_ours():
    book = load_codebook("acs_pums").variables
    open_lists = {
        name: {*book[variable].labels.values(), *(group.label for group in book[variable].groups)}
        for name, variable in (("industry_category", "INDP"), ("occupation_category", "OCCP"))
    }
    for source in ("persona", "nemotron"):
        words = vocabulary(source)
        for tables in (words.same, words.read):
            for name, table in tables.items():
                allowed = set(attribute(name).values) or open_lists[name]
                for ours in table.values():
                    for value in ours.values() if isinstance(ours, dict) else (ours,):
                        assert value == "" or value in allowed, (name, value)
        for name in words.keys.values():
            assert name == "big_five_scores" or attribute(name)


NEMOTRON = {
    "uuid": ["u1", "u2", "u3", "u4", "u5"],
    "professional_persona": ["A portrait."] * 5,
    "persona": ["Another."] * 5,
    "skills_and_expertise_list": ["['Excel']"] * 5,
    "hobbies_and_interests_list": [
        "['hiking', 'playing chess']",
        "[\"bird's eye photographs\", 'tea']",
        None,
        "[]",
        "['hiking', 'playing chess']",
    ],
    "sex": ["Male", "Female", "Female", "Male", "Male"],
    "age": [40, 104, 18, 67, 17],
    "marital_status": ["married_present", "widowed", "never_married", "divorced", "widowed"],
    "education_level": ["bachelors", "less_than_9th", "high_school", "graduate", "bachelors"],
    "bachelors_field": ["arts_humanities", None, None, "stem", "stem"],
    "occupation": ["logistician", "not_in_workforce", "dragon_tamer", "software_developer", "engineer"],
    "city": ["Converse", "Troy", "Reno", "Barre", "Barre"],
    "state": ["TX", "NY", "nv", "VT", "VT"],
    "zipcode": ["78109", "12180", "89501", "05641", "05641"],
    "country": ["USA"] * 5,
}


def test_nemotron_is_read(tmp_path):
    pl.DataFrame(NEMOTRON).write_parquet(tmp_path / "train-00000-of-00001.parquet")
    personas, report = import_nemotron(tmp_path / "train-00000-of-00001.parquet")
    names = ("person_id", "age", "sex", "state", "marital_status", "education", "occupation_category")
    assert personas.frame.select(*names, "employment_status", "personal_time").rows() == [
        (
            "u1",
            40,
            "Male",
            "Texas",
            "Married",
            "Bachelor's degree",
            "Logisticians",
            None,
            "on hiking, playing chess",
        ),
        (
            "u2",
            99,
            "Female",
            "New York",
            "Widowed",
            "Grade 6",
            None,
            "Not in labor force",
            "on bird's eye photographs, tea",
        ),
        (
            "u3",
            18,
            "Female",
            "Nevada",
            "Never married or under 15",
            "Regular high school diploma",
            None,
            None,
            None,
        ),
        ("u4", 67, "Male", "Vermont", "Divorced", "Master's degree", "Software Developers", None, None),
        (
            "u5",
            17,
            "Male",
            "Vermont",
            "Widowed",
            "Bachelor's degree",
            "Other Engineers",
            None,
            "on hiking, playing chess",
        ),
    ]
    assert [(each.raw, each.row) for each in report.unread] == [("dragon_tamer", 3)]
    assert value_of(report, "bachelors", "education").how == "wording"
    assert (value_of(report, "graduate", "education").how, report.rows) == ("reading", 5)
    assert [(each.name, each.row) for each in report.defects] == [("age-over-99", 2)]
    assert set(report.left) == {
        "professional_persona",
        "persona",
        "skills_and_expertise_list",
        "bachelors_field",
        "city",
        "zipcode",
    }
    assert {"widowed-too-young", "bachelor-before-18"} <= set(personas.frame["implausible"][4])
    assert personas.provenance["imported"]["licence"] == "CC BY 4.0"


def test_nemotron_shards_are_one_file_in_the_order_of_their_names(tmp_path):
    whole = pl.DataFrame(NEMOTRON)
    folder = tmp_path / "data"
    folder.mkdir()
    whole[3:].write_parquet(folder / "train-00001-of-00002.parquet")
    whole[:3].write_parquet(folder / "train-00000-of-00002.parquet")
    whole.write_parquet(tmp_path / "whole.parquet")
    one, report = import_nemotron(folder)
    other, same = import_nemotron(tmp_path / "whole.parquet")
    assert one.frame.equals(other.frame)
    assert report.values == same.values


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_sample_reads_some_rows_and_knows_their_numbers(tmp_path, ending):
    path = tmp_path / f"n.{ending}"
    frame = pl.DataFrame(NEMOTRON)
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "jsonl":
        frame.write_ndjson(path)
    else:
        frame.write_parquet(path)
    every, _ = import_nemotron(path)
    seen = set()
    for seed in range(12):
        personas, report = import_nemotron(path, sample=2, seed=seed)
        assert len(personas) == 2 and report.rows == 5
        ours = personas.frame["person_id"]
        assert personas.frame.equals(every.frame.filter(pl.col("person_id").is_in(ours.implode())))
        assert {each.row for each in report.unread} <= {3}
        assert personas.provenance["imported"]["notes"][-1] == f"2 rows drawn with seed {seed}"
        seen |= set(ours)
    assert seen == set(NEMOTRON["uuid"])
    for wrong in (0, 6):
        with pytest.raises(DataError, match=f"cannot draw {wrong} of 5 rows"):
            import_nemotron(path, sample=wrong)


def test_people_who_read_alike_become_one_persona(tmp_path):
    twin = {name: [values[0], values[0]] for name, values in NEMOTRON.items()} | {"uuid": ["a", "b"]}
    frame = pl.DataFrame(twin).with_columns(hobbies_and_interests_list=pl.Series(["['a']", "['b']"]))
    frame.write_parquet(tmp_path / "n.parquet")
    personas, report = import_nemotron(tmp_path / "n.parquet")
    assert (len(personas), report.merged) == (2, 0)
    personas, report = import_nemotron(tmp_path / "n.parquet", texts=False)
    assert personas.frame.select("person_id", "weight").rows() == [("a", 2.0)]
    assert (report.personas, report.merged) == (1, 1)


def test_memory_grows_little_with_the_rows(tmp_path):
    """A hundred thousand rows in 450 MB: a million (measured: 1.6 GB in all) stays well below 4.5 GB."""
    rows, path = 100_000, tmp_path / "n.parquet"
    many = pl.DataFrame(NEMOTRON).select(pl.all().gather([i % 4 for i in range(rows)]))
    hobbies = pl.format("['hobby {}', 'another one {}', 'a third of some length {}']", "i", "i", "i")
    many = many.with_columns(pl.int_range(rows).alias("i")).with_columns(
        hobbies_and_interests_list=hobbies, uuid=pl.format("{}", "i")
    )
    many.drop("i").write_parquet(path)
    code = (
        "import resource, sys\n"
        "from populace.personas.imports import import_nemotron\n"
        "from populace.personas import build\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "personas, report = import_nemotron(sys.argv[1])\n"
        "print(len(personas), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    count, grown = map(int, done.stdout.split())
    assert count == rows
    assert grown * 1024 < 450e6


def test_files_that_are_something_else(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"persona": ["a quiet person"]}).write_parquet(tmp_path / "prose.parquet")
    pl.DataFrame(NEMOTRON).with_columns(country=pl.lit("Japan")).write_parquet(tmp_path / "jp.parquet")
    release([ADULT]).head(0).write_parquet(tmp_path / "empty.parquet")
    (tmp_path / "broken.parquet").write_text("hello")
    (tmp_path / "broken.jsonl").write_text('{"persona": "age: 3"}\n{"persona": \n')
    release([ADULT]).write_csv(tmp_path / "latin.csv")
    (tmp_path / "latin.csv").write_bytes((tmp_path / "latin.csv").read_bytes().replace(b"Irish", b"Caf\xe9s"))
    (tmp_path / "one.json").write_text('{"persona": "age: 3"}')
    (tmp_path / "folder").mkdir()
    for function, name, says in (
        (import_persona, "absent.parquet", "no such file"),
        (import_persona, "a.parquet", "no file of PERSONA's: its columns are a"),
        (import_persona, "prose.parquet", "no line of any persona is an attribute"),
        (import_persona, "empty.parquet", "holds no rows"),
        (import_persona, "broken.parquet", "cannot be read"),
        (import_persona, "latin.csv", "cannot be read: invalid utf-8.*UTF-8"),
        (import_persona, "broken.jsonl", "row 2: this is no JSON"),
        (import_persona, "one.json", "a list of personas is wanted"),
        (import_nemotron, "a.parquet", "column sex: this is no Nemotron-Personas-USA file"),
        (import_nemotron, "jp.parquet", "row 1, column country: the people are of 'Japan'"),
        (import_nemotron, "folder", "holds no Parquet files"),
    ):
        with pytest.raises(DataError, match=says):
            function(tmp_path / name)
    (tmp_path / "p.xlsx").write_text("")
    with pytest.raises(DataError, match="kind of file is not known"):
        import_persona(tmp_path / "p.xlsx")


def test_an_export_of_ours_comes_back(tmp_path):
    """What our own `release` template writes is read without a single value lost."""
    built = build(build_population("us-2024", size=300, seed=4), seed=4)
    texts = [render(one, "release") for one in built]
    pl.DataFrame({"persona": texts}).write_parquet(tmp_path / "p.parquet")
    personas, report = import_persona(tmp_path / "p.parquet")
    assert personas.frame["persona_id"].to_list() == built.frame["persona_id"].to_list()
    assert report.values == () and report.left == {}
    assert {each.kind for each in report.rules} <= {"soft"}


def test_command_line(tmp_path):
    runner = CliRunner(env={"COLUMNS": "200"})
    release([ADULT, CHILD, RETIRED]).write_csv(tmp_path / "p.csv")
    out, report = tmp_path / "personas.parquet", tmp_path / "report.json"
    arguments = ["import", "persona", str(tmp_path / "p.csv"), "--out", str(out), "--report", str(report)]
    done = runner.invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "600 rows, 3 personas" in done.output and "Retired" in done.output
    assert len(load(out)) == 3
    kept = msgspec.json.decode(report.read_bytes())
    assert kept["licence"] == "CC-BY-NC-SA-4.0" and any(each["raw"] == "Retired" for each in kept["values"])
    done = runner.invoke(app, [*arguments[:-1], str(tmp_path / "r.parquet"), "--drop"])
    assert done.exit_code == 0 and len(load(out)) == 1
    assert "Retired" in pl.read_parquet(tmp_path / "r.parquet")["raw"]
    wrong = runner.invoke(
        app, ["import", "hub", str(tmp_path / "p.csv"), "--out", str(tmp_path / "x.parquet")]
    )
    assert isinstance(wrong.exception, DataError) and "persona or nemotron" in str(wrong.exception)
    wrong = runner.invoke(app, [*arguments[:-1], str(tmp_path / "r.txt")])
    assert isinstance(wrong.exception, DataError)
    before = (tmp_path / "p.csv").read_bytes()
    wrong = runner.invoke(
        app, ["import", "persona", str(tmp_path / "p.csv"), "--out", str(tmp_path / "p.csv")]
    )
    assert "another --out" in str(wrong.exception) and (tmp_path / "p.csv").read_bytes() == before


def test_no_file_is_written_over_another(tmp_path):
    runner = CliRunner(env={"COLUMNS": "200"})
    shards = tmp_path / "shards"
    shards.mkdir()
    read, out = shards / "0.parquet", tmp_path / "out.parquet"
    release([ADULT]).write_parquet(read)
    before = read.read_bytes()

    def refused(*options):
        done = runner.invoke(app, ["import", "persona", *map(str, options)])
        assert isinstance(done.exception, DataError), done.output
        assert read.read_bytes() == before and sorted(tmp_path.rglob("*.*")) == [read]
        return str(done.exception)

    assert "over the personas" in refused(read, "--out", out, "--report", out)
    # The same file by another way.
    assert "over the personas" in refused(read, "--out", out, "--report", shards / ".." / "out.parquet")
    assert "file to read" in refused(read, "--out", out, "--report", read)
    assert "one of the shards" in refused(shards, "--out", shards / "1.parquet")
    assert "one of the shards" in refused(shards, "--out", out, "--report", shards / "1.parquet")


def test_what_is_left_of_scored_traits_is_told(tmp_path):
    said = [
        "Openness: Superb, Foo: Bar",
        "Openness: Low; Openness: High, ...",
        "nan",
        "Openness: Low, Conscientiousness: High, Extraversion: Low, Agreeableness: Low, Neuroticism: High",
    ]
    texts = [f"age: {30 + n}\nbig five scores: {each}" for n, each in enumerate(said)]
    pl.DataFrame({"persona": texts}).write_parquet(tmp_path / "p.parquet")
    personas, report = import_persona(tmp_path / "p.parquet")
    notes = [(each.attribute, each.raw, each.how, each.row) for each in report.values]
    assert ("openness", "Superb", "unread", 1) in notes
    assert [each for each in notes if each[0] == "big_five_scores"] == [
        ("big_five_scores", "Foo: Bar", "unread", 1),
        ("big_five_scores", "...", "missing", 2),
        ("big_five_scores", "Openness: High", "unread", 2),
        ("big_five_scores", "nan", "missing", 3),
    ]
    assert personas.frame.sort("age")["openness"].to_list() == [None, "Low", None, "Low"]


def test_words_before_the_first_key_are_a_defect(tmp_path):
    pl.DataFrame({"persona": ["age: 30", "Some person\nage: 41"]}).write_parquet(tmp_path / "p.parquet")
    _, report = import_persona(tmp_path / "p.parquet")
    assert [(each.name, each.count, each.row) for each in report.defects] == [("text-before-keys", 1, 2)]


def test_what_stands_outside_the_quotes_of_a_list_is_told(tmp_path):
    rows = pl.DataFrame(NEMOTRON)[:3]
    lists = ["['hiking', chess, None]", "['a, b', \"it's [so]\"]", "plain words, and [more]"]
    rows.with_columns(hobbies_and_interests_list=pl.Series(lists)).write_parquet(tmp_path / "n.parquet")
    personas, report = import_nemotron(tmp_path / "n.parquet")
    notes = [(each.raw, each.how, each.row) for each in report.values if each.attribute == "personal_time"]
    assert notes == [("None", "missing", 1), ("chess", "unread", 1)]
    kept = set(personas.frame["personal_time"])
    assert kept == {"on hiking", "on a, b, it's [so]", "on plain words, and [more]"}


def test_a_bad_shard_is_named(tmp_path):
    whole = pl.DataFrame(NEMOTRON)
    whole.write_parquet(tmp_path / "0.parquet")
    bad = tmp_path / "1.parquet"
    bad.write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read") as found:
        import_nemotron(tmp_path)
    assert found.value.file == str(bad)
    whole.drop("state").write_parquet(bad)
    with pytest.raises(DataError, match="column state: this shard's column is absent, the first's String"):
        import_nemotron(tmp_path)
    # The footer is whole, the data are not: only reading finds it.
    whole.write_parquet(bad, compression="uncompressed")
    data = bad.read_bytes()
    bad.write_bytes(data[:4] + b"\xff" * 300 + data[304:])
    with pytest.raises(DataError) as found:
        import_nemotron(tmp_path)
    assert found.value.file == str(bad)
