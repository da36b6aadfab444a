"""The written lists: enough of them, tags that mean something, draws that fit and are even."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.personas.frames import complete
from populace.personas.jobs import draw_job, job_parts
from populace.personas.lists import FLAGS, MIN_AGE, draw_text, entries
from populace.personas.schema import EMPLOYED, WRITTEN, attribute
from populace.population.codebook import load_codebook

LEAST = {"defining_quirks": 60, "mannerisms": 60, "personal_time": 80, "lifestyle": 50}


@pytest.mark.parametrize("name", WRITTEN)
def test_lists_are_long_distinct_and_well_tagged(name):
    pool = entries(name)
    texts = [entry.text for entry in pool]
    assert len(set(texts)) == len(texts) >= LEAST[name]
    for entry in pool:
        assert set(entry.needs) | set(entry.avoid) <= set(FLAGS), entry.text
        assert MIN_AGE <= entry.min_age <= entry.max_age <= 99
        # A text continues a sentence.
        assert entry.text == entry.text.strip()
        assert entry.text[-1] not in ".!?"
        assert entry.text[0].islower()


def test_no_text_speaks_of_race_origin_or_sex():
    banned = re.compile(
        r"\b(he|she|his|her|him|man|woman|men|women|guy|lady|black|white|asian|latin\w*|hispanic|"
        r"mexican|african|native|immigrant|ethnic)\b"
    )
    for name in WRITTEN:
        for entry in entries(name):
            assert not banned.search(entry.text), entry.text
    assert not {"sex", "race", "hispanic"} & set(FLAGS)


def people(**values):
    return complete(pl.DataFrame(values))


@settings(max_examples=40, deadline=None)
@given(
    age=st.integers(0, 99),
    religion=st.sampled_from([None, *attribute("religion").values]),
    status=st.sampled_from([None, *attribute("employment_status").values]),
    vision=st.sampled_from([None, "Yes", "No"]),
    level=st.sampled_from([None, *attribute("extraversion").values]),
    income=st.one_of(st.none(), st.integers(-1000, 300_000)),
    seed=st.integers(0, 2**32),
)
def test_drawn_text_fits_by_a_naive_reading(age, religion, status, vision, level, income, seed):
    frame = people(
        age=[age],
        religion=[religion],
        employment_status=[status],
        vision_difficulty=[vision],
        extraversion=[level],
        income=[income],
    )
    flags = {name: bool(frame.select(flag.fill_null(False)).item()) for name, flag in FLAGS.items()}
    for name in WRITTEN:
        fitting = [
            entry.text
            for entry in entries(name)
            if entry.min_age <= age <= entry.max_age
            and all(flags[flag] for flag in entry.needs)
            and not any(flags[flag] for flag in entry.avoid)
        ]
        drawn = draw_text(frame, name, np.random.default_rng(seed))[0]
        assert (drawn is None and not fitting) or drawn in fitting


def test_everyone_from_six_gets_every_text():
    frame = people(age=list(range(100)) * 2, vision_difficulty=["Yes"] * 100 + [None] * 100)
    for name in WRITTEN:
        nulls = frame["age"].filter(draw_text(frame, name, np.random.default_rng(0)).is_null())
        assert set(nulls) == set(range(MIN_AGE))


def test_fitting_texts_are_equally_likely():
    frame = people(age=[8] * 20_000)
    counts = draw_text(frame, "defining_quirks", np.random.default_rng(0)).value_counts()["count"]
    share = counts / 20_000
    # A share of 1/k with k texts has a standard error of sqrt((1 - 1/k) / k / 20000); none is 5 of them off.
    k = len(share)
    assert k >= 15
    assert (share - 1 / k).abs().max() < 5 * np.sqrt((1 - 1 / k) / k / 20_000)


def test_children_and_partners_are_mentioned_only_where_there_are_any():
    frame = people(age=[35] * 4000, household_type=["Male householder living alone"] * 4000)
    for name in WRITTEN:
        texts = draw_text(frame, name, np.random.default_rng(1)).to_list()
        assert not any(re.search(r"\b(kids|children|partner|family-first)\b", text) for text in texts)


def test_flags_read_the_household():
    married = "Married couple household"
    frame = people(
        household_type=[married, "Nonfamily household: male householder not living alone", None],
        marital_status=["Married", "Divorced", "Married"],
        family_presence_and_age=["Related children under 5 and 5 to 17", None, "No related children"],
    )
    flags = frame.select(flag.fill_null(False).alias(name) for name, flag in FLAGS.items())
    assert flags["alone"].to_list() == [False, False, False]
    assert flags["partner"].to_list() == [True, False, True]
    assert flags["children"].to_list() == [True, False, False]
    assert flags["young_children"].to_list() == [True, False, False]


def test_job_parts_cover_every_group_and_class():
    book, parts = load_codebook("acs_pums").variables, job_parts()
    assert set(parts["duties"]) == {group.code for group in book["OCCP"].groups} - {"UNE"}
    assert set(parts["industries"]) == {group.code for group in book["INDP"].groups} - {"UNE"}
    never = "Never worked or not in 5 years"
    assert {*parts["employers"], never} == set(attribute("class_of_worker").values)


def test_only_the_employed_have_a_job():
    statuses = [*attribute("employment_status").values, None]
    frame = people(employment_status=statuses, occupation_category=["Legal occupations"] * len(statuses))
    jobs = draw_job(frame, np.random.default_rng(0))
    assert [text is not None for text in jobs] == [status in EMPLOYED for status in statuses]
    # Neither class of worker nor industry is known: the duty stands alone.
    assert jobs[0] in job_parts()["duties"]["LGL"]


def test_a_job_is_duty_employer_and_industry():
    frame = people(
        employment_status=[EMPLOYED[0]],
        occupation_category=["Sales occupations"],
        class_of_worker=["Self-employed, unincorporated"],
        industry_category=["Retail trade"],
    )
    duty = draw_job(frame, np.random.default_rng(0))[0].removesuffix(", self-employed in retail")
    assert duty in job_parts()["duties"]["SAL"]
