"""The schema: PERSONA's attributes in order, values equal to the census codebook's, errors with a place."""

import polars as pl
import pytest

from populace.errors import DataError
from populace.personas import ATTRIBUTES, BASIC_VALUES, BIG_FIVE, COLUMNS, Persona, attribute, validate
from populace.personas.evidence import REGIONS
from populace.population.codebook import load_codebook

# docs/design/main-job.md: the columns of personas.parquet after persona_id, person_id and weight.
CONTRACT = [
    "age",
    "sex",
    "race",
    "hispanic_origin",
    "state",
    "ancestry",
    "household_language",
    "education",
    "employment_status",
    "class_of_worker",
    "industry_category",
    "occupation_category",
    "detailed_job_description",
    "income",
    "marital_status",
    "household_type",
    "family_presence_and_age",
    "place_of_birth",
    "citizenship",
    "veteran_status",
    "disability",
    "health_insurance",
    "openness",
    "conscientiousness",
    "extraversion",
    "agreeableness",
    "neuroticism",
    "defining_quirks",
    "mannerisms",
    "personal_time",
    "lifestyle",
    "ideology",
    "political_views",
    "religion",
    "cognitive_difficulty",
    "ability_to_speak_english",
    "vision_difficulty",
    "fertility",
    "hearing_difficulty",
    *BASIC_VALUES,
    "core_values",
]


def test_the_33_attributes_in_order():
    assert list(COLUMNS) == CONTRACT
    numbers = [each.number for each in ATTRIBUTES if each.number is not None]
    assert sorted(set(numbers)) == list(range(1, 34))
    assert numbers == sorted(numbers)
    added = ["hispanic_origin", "state", *BASIC_VALUES, "core_values"]
    assert [each.name for each in ATTRIBUTES if each.number is None] == added
    assert [each.name for each in ATTRIBUTES if each.number == 21] == list(BIG_FIVE)


def test_persona_has_exactly_the_attributes():
    assert list(Persona.__struct_fields__) == [*COLUMNS, "person_id", "weight"]


def test_census_values_are_those_of_the_codebook():
    book = load_codebook("acs_pums")
    for name, readings in book.attributes.items():
        allowed = attribute(name).values
        if name in ("age", "income"):
            low, high = book.variables[readings[0]].range
            assert attribute(name).low <= low
            assert attribute(name).high <= high
        elif allowed:
            labels = [label for reading in readings for label in book.variables[reading].labels.values()]
            assert sorted(labels) == sorted(allowed), name


def test_open_categories_are_only_the_long_code_lists():
    open_lists = [each.name for each in ATTRIBUTES if each.kind == "category" and not each.values]
    assert open_lists == ["ancestry", "industry_category", "occupation_category", "place_of_birth"]


def test_regions_hold_every_state_once():
    states = [state for group in REGIONS.values() for state in group]
    assert sorted(states) == sorted(set(attribute("state").values) - {"Puerto Rico"})


@pytest.mark.parametrize(
    ("column", "values", "row", "says"),
    [
        ("age", [30, None, 130], 3, "130 is not between 0 and 99"),
        ("religion", [None, "Protestent"], 2, "'Protestent' is not a value of religion"),
        ("sex", ["Male", "male"], 2, "write 'Male'"),
        ("lifestyle", ["  "], 1, "the text is empty"),
        ("income", [-200_000], 1, "-200000 is not between"),
    ],
)
def test_a_bad_value_is_named_with_its_place(column, values, row, says):
    with pytest.raises(DataError, match=says) as caught:
        validate(pl.DataFrame({column: values}), file="people.parquet")
    assert (caught.value.file, caught.value.row, caught.value.column) == ("people.parquet", row, column)


def test_a_wrong_type_is_refused():
    with pytest.raises(DataError, match="whole numbers"):
        validate(pl.DataFrame({"age": ["30"]}))
    with pytest.raises(DataError, match="text is wanted"):
        validate(pl.DataFrame({"sex": [1]}))


def test_null_is_always_allowed_and_typed():
    frame = validate(pl.DataFrame({name: [None] for name in COLUMNS}))
    assert all(frame.schema[each.name] == each.dtype for each in ATTRIBUTES)


def test_persona_id_depends_on_the_attributes_alone():
    one = Persona(age=40, sex="Male", person_id="a", weight=2.0)
    assert one.persona_id == Persona(age=40, sex="Male", person_id="b").persona_id
    assert one.persona_id != Persona(age=41, sex="Male").persona_id
    # A missing attribute is absent from the hash, so a new attribute would not rename old personas.
    assert one.attributes() == {"age": 40, "sex": "Male"}
