"""The written lists: enough of them, tags that mean something, draws that fit and are even."""

import itertools
import re

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.personas.frames import complete
from populace.personas.jobs import draw_job, job_parts
from populace.personas.lists import FLAGS, MIN_AGE, Entry, draw_text, draw_texts, entries, flagged, pool
from populace.personas.schema import ATTRIBUTES, EMPLOYED, WRITTEN, attribute
from populace.population.codebook import load_codebook

LEAST = {
    "defining_quirks": 150,
    "mannerisms": 150,
    "personal_time": 200,
    "lifestyle": 120,
    "core_values": 80,
}
FROM = dict.fromkeys(WRITTEN, MIN_AGE) | {"core_values": 13}
"""Youngest age that each list speaks of."""
SMALL = {"the", "a", "an", "and", "of", "to", "in", "with", "at", "for", "on"}


@pytest.mark.parametrize("name", WRITTEN)
def test_lists_are_long_distinct_and_well_tagged(name):
    pool = entries(name)
    texts = [entry.text for entry in pool]
    assert len(set(texts)) == len(texts) >= LEAST[name]
    for entry in pool:
        assert set(entry.needs) | set(entry.avoid) <= set(FLAGS), entry.text
        assert MIN_AGE <= entry.min_age <= entry.max_age <= 99
        assert not set(entry.needs) & set(entry.avoid), entry.text
        assert len(entry.text.split()) <= 12, entry.text
        # A text continues a sentence.
        assert entry.text == entry.text.strip()
        assert entry.text[-1] not in ".!?"
        assert entry.text[0].islower()


@pytest.mark.parametrize("name", WRITTEN)
def test_no_two_entries_say_nearly_the_same(name):
    words = [
        (entry.text, set(re.findall(r"\w+", entry.text.lower())) - SMALL)
        if name != "lifestyle"
        else (entry.text, set(re.findall(r"\w+", entry.text.lower())) - SMALL - {"life"})
        for entry in entries(name)
    ]
    for (one, mine), (other, theirs) in itertools.combinations(words, 2):
        assert len(mine & theirs) / len(mine | theirs) <= 0.5, (one, other)


def test_sight_hearing_and_movement_are_not_asked_of_those_who_lack_them():
    asked = {
        "vision_difficulty": r"\b(reading|driving|watching|painting|sketching|birdwatching|photographs)\b",
        "hearing_difficulty": r"\b(listening to|playing (the )?(guitar|piano|drums|violin)|singing in)\b",
        "disability": r"\b(running local|marathon|skateboard|skiing|climbing|hiking|stairs two)",
    }
    for name in WRITTEN:
        for entry in entries(name):
            for flag, pattern in asked.items():
                if re.search(pattern, entry.text) and flag not in entry.needs:
                    assert flag in entry.avoid, entry.text


def random_people(n, low, seed=0):
    """People whose every attribute is drawn on its own: stranger than anyone in the census."""
    rng = np.random.default_rng(seed)
    columns = {"age": rng.integers(low, 100, n), "income": rng.integers(-10_000, 400_000, n)}
    for each in ATTRIBUTES:
        if each.values:
            labels = pl.Series([*each.values, None], dtype=pl.String)
            columns[each.name] = labels.gather(rng.integers(0, len(labels), n))
    return people(**columns)


@pytest.mark.parametrize("name", WRITTEN)
def test_however_odd_an_adult_is_there_is_a_choice(name):
    frame = random_people(20_000, 18)
    counts = pool(name).fitting(frame["age"].to_numpy(), flagged(frame, pool(name).flags))
    assert counts.min() >= 25
    assert np.median(counts) >= 50


def test_fitting_counts_and_draws_agree_with_a_naive_twin():
    frame = random_people(300, 0, seed=1)
    for name in WRITTEN:
        has = frame.select(flag.fill_null(False).alias(flag_name) for flag_name, flag in FLAGS.items())
        uniform = np.random.default_rng(5).random(frame.height)
        drawn = draw_text(frame, name, np.random.default_rng(5)).to_list()
        rows = zip(frame["age"], has.iter_rows(named=True), uniform, drawn, strict=True)
        for age, flags, number, text in rows:
            fitting = [
                entry.text
                for entry in entries(name)
                if entry.min_age <= age <= entry.max_age
                and all(flags[flag] for flag in entry.needs)
                and not any(flags[flag] for flag in entry.avoid)
            ]
            assert text == (fitting[int(number * len(fitting))] if fitting else None)


def test_the_same_seed_gives_the_same_texts_however_many_people_there_are():
    frame = random_people(70_000, 6, seed=2)  # more than a chunk
    whole = draw_text(frame, "mannerisms", np.random.default_rng(3))
    assert (
        whole.head(100).to_list()
        == draw_text(frame.head(100), "mannerisms", np.random.default_rng(3)).to_list()
    )
    # Lists drawn together are the lists drawn apart.
    generators = {name: np.random.default_rng(place) for place, name in enumerate(WRITTEN)}
    for place, series in enumerate(draw_texts(frame, generators)):
        alone = draw_text(frame, WRITTEN[place], np.random.default_rng(place))
        assert series.name == WRITTEN[place]
        assert series.equals(alone)


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


def test_everyone_of_an_age_for_it_gets_every_text():
    frame = people(age=list(range(100)) * 2, vision_difficulty=["Yes"] * 100 + [None] * 100)
    for name in WRITTEN:
        nulls = frame["age"].filter(draw_text(frame, name, np.random.default_rng(0)).is_null())
        assert set(nulls) == set(range(FROM[name]))
    assert draw_text(people(age=[None]), "lifestyle", np.random.default_rng(0)).to_list() == [None]


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
    assert set(parts.duties) == {group.code for group in book["OCCP"].groups} - {"UNE"}
    assert set(parts.industries) == {group.code for group in book["INDP"].groups} - {"UNE"}
    never = "Never worked or not in 5 years"
    assert {*parts.employers, never} == set(attribute("class_of_worker").values)
    for group, duties in parts.duties.items():
        texts = [duty.text for duty in duties]
        assert len(set(texts)) == len(texts) >= 5
        # Whoever is 16 and of whatever class of worker has a choice, also in an occupation that nobody names.
        assert sum(not duty.codes and duty.min_age <= 16 and not duty.needs for duty in duties) >= 3, group
        ours = next(each for each in book["OCCP"].groups if each.code == group)
        for duty in duties:
            assert all(ours.first <= first <= last <= ours.last for first, last in duty.codes), duty.text
            assert all(any(a <= code <= b for code in book["OCCP"].labels) for a, b in duty.codes), duty.text


def workers(**values):
    """Everyone of 16 and 40 years, in every occupation group and class of worker."""
    groups = [
        group.label for group in load_codebook("acs_pums").variables["OCCP"].groups if group.code != "UNE"
    ]
    rows = itertools.product((16, 40), groups, [*job_parts().employers, None])
    columns = list(zip(*rows, strict=True))
    frame = people(age=columns[0], occupation_category=columns[1], class_of_worker=columns[2])
    constant = {"employment_status": EMPLOYED[0], **values}
    return frame.with_columns(pl.lit(value).alias(name) for name, value in constant.items())


def test_whoever_works_has_a_duty_that_fits_age_and_class():
    frame = workers()
    fitting = {duty.text: duty for duties in job_parts().duties.values() for duty in duties}
    for seed in range(20):
        jobs = draw_job(frame, np.random.default_rng(seed))
        assert jobs.null_count() == 0
        for text, age, place in zip(jobs, frame["age"], frame["class_of_worker"], strict=True):
            duty = next(each for each in fitting.values() if text.startswith(each.text))
            assert duty.min_age <= age
            own = (place or "").startswith("Self-employed")
            public = (place or "").endswith("government")
            assert ("self_employed" not in duty.needs or own) and not ("self_employed" in duty.avoid and own)
            assert ("government" not in duty.needs or public) and not ("government" in duty.avoid and public)


def test_a_detailed_occupation_gets_only_duties_that_fit_it():
    book = load_codebook("acs_pums").variables["OCCP"]
    codes = {label: code for code, label in book.labels.items() if code != 9920}
    frame = people(
        age=[45] * len(codes), occupation_category=list(codes), employment_status=[EMPLOYED[0]] * len(codes)
    )
    duties = {duty.text: (group, duty) for group, some in job_parts().duties.items() for duty in some}
    for seed in range(5):
        for text, code in zip(draw_job(frame, np.random.default_rng(seed)), codes.values(), strict=True):
            group, duty = duties[text]
            assert book.group_of(code).code == group
            assert duty.fits(code)
    # Nurses are told of in their own words too, and never in a dentist's.
    nurses = people(age=[45] * 300, occupation_category=["Registered Nurses"] * 300)
    nurses = nurses.with_columns(pl.lit(EMPLOYED[0]).alias("employment_status"))
    said = set(draw_job(nurses, np.random.default_rng(0)))
    assert len(said) >= 6
    assert "cleaning teeth and teaching people to care for them" not in said


def test_only_the_employed_have_a_job():
    statuses = [*attribute("employment_status").values, None]
    frame = people(employment_status=statuses, occupation_category=["Legal occupations"] * len(statuses))
    jobs = draw_job(frame, np.random.default_rng(0))
    assert [text is not None for text in jobs] == [status in EMPLOYED for status in statuses]
    # Neither class of worker nor industry is known: the duty stands alone.
    assert jobs[0] in {duty.text for duty in job_parts().duties["LGL"]}


def test_a_job_is_duty_employer_and_industry():
    frame = people(
        age=[50],
        employment_status=[EMPLOYED[0]],
        occupation_category=["Sales occupations"],
        class_of_worker=["Self-employed, unincorporated"],
        industry_category=["Retail trade"],
    )
    duty = draw_job(frame, np.random.default_rng(0))[0].removesuffix(", self-employed in retail")
    assert duty in {each.text for each in job_parts().duties["SAL"]}


def test_a_misspelt_tag_of_a_list_is_an_error():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"text": "x", "avoids": ["children"]}, Entry)
