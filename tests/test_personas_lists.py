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
from populace.personas.jobs import draw_job, group_of_occupation, job_parts
from populace.personas.lists import (
    FLAGS,
    MIN_AGE,
    OPPOSED,
    Entry,
    clash,
    draw_text,
    draw_texts,
    entries,
    flagged,
    pool,
)
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
    assert counts.min() >= 20
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
    # The first of several lists is that list alone; whatever is drawn after it fits it.
    generators = {name: np.random.default_rng(place) for place, name in enumerate(WRITTEN)}
    drawn = draw_texts(frame, generators)
    assert [series.name for series in drawn] == list(WRITTEN)
    assert drawn[0].equals(draw_text(frame, WRITTEN[0], np.random.default_rng(0)))
    part = draw_texts(
        frame.head(100), {name: np.random.default_rng(place) for place, name in enumerate(WRITTEN)}
    )
    for whole, few in zip(drawn, part, strict=True):
        assert whole.head(100).to_list() == few.to_list()


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
            assert group_of_occupation(book.labels[code]) == group
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


def test_texts_of_one_person_do_not_contradict_each_other():
    """Everyone keeps a text of every list, and no two of them clash."""
    frame = random_people(30_000, 18, seed=4)
    generators = {name: np.random.default_rng(place) for place, name in enumerate(WRITTEN)}
    drawn = pl.DataFrame(draw_texts(frame, generators))
    assert drawn.null_count().sum_horizontal().item() == 0
    by_text = {name: {entry.text: entry for entry in entries(name)} for name in WRITTEN}
    for one, other in itertools.combinations(WRITTEN, 2):
        pairs = drawn.select(one, other).unique()
        assert pairs.height > 1000
        for mine, theirs in pairs.iter_rows():
            assert not clash(by_text[one][mine], by_text[other][theirs]), (mine, theirs)


READ_BY_SOMEBODY = [
    ("arriving ten minutes early to everything", "arriving out of breath with an apology ready"),
    ("a hands-on life, more at ease with tools than screens", "playing mobile puzzle games"),
    ("a newly settled life, still learning the streets", "having coffee with the same three friends"),
    ("sleeping through any alarm", "a life of early mornings and early nights"),
    (
        "a city-minded life of buses, parks, and corner stores",
        "drumming on the steering wheel at red lights",
    ),
]


def entry_of(text):
    return next(entry for name in WRITTEN for entry in entries(name) if entry.text == text)


@pytest.mark.parametrize(("one", "other"), READ_BY_SOMEBODY)
def test_pairs_that_a_reader_found_clash(one, other):
    assert clash(entry_of(one), entry_of(other)) and clash(entry_of(other), entry_of(one))


def test_what_entries_say_has_an_opposite():
    known = {word for pair in OPPOSED for word in pair}
    said = {word for name in WRITTEN for entry in entries(name) for word in entry.says}
    assert said == known
    assert not clash(Entry("a", says=("early",)), Entry("b", says=("early",)))
    assert not clash(Entry("a", avoid=("low_openness",)), Entry("b", avoid=("low_openness",)))


def test_a_text_that_a_person_has_rules_out_its_opposite():
    late = "arriving out of breath with an apology ready"
    free = people(age=[40] * 3000)
    bound = free.with_columns(mannerisms=pl.lit(late))
    quirks = [
        set(draw_texts(frame, {"defining_quirks": np.random.default_rng(1)})[0]) for frame in (free, bound)
    ]
    early = "arriving ten minutes early to everything"
    assert early in quirks[0] and early not in quirks[1]
    # A text of no list rules out nothing.
    own = free.with_columns(mannerisms=pl.lit("whittling"))
    assert set(draw_texts(own, {"defining_quirks": np.random.default_rng(1)})[0]) == quirks[0]


def fits(text, **person):
    frame = people(**{name: [value] for name, value in {"age": 40, **person}.items()})
    name = next(name for name in WRITTEN if any(entry.text == text for entry in entries(name)))
    place = [entry.text for entry in entries(name)].index(text)
    ready = pool(name)
    flags = np.tile(flagged(frame, ready.flags), (2000, 1))
    drawn = ready.draw(np.repeat(frame["age"].to_numpy(), 2000), flags, np.arange(2000) / 2000)
    return place in drawn


TAGGED = [
    ("doing crossword puzzles", {"ability_to_speak_english": "Not at all"}, {}),
    ('saying "here\'s the thing" before every opinion', {"ability_to_speak_english": "Not well"}, {}),
    ("spotting every typo on a restaurant menu", {"ability_to_speak_english": "Not well"}, {}),
    ("going to trivia nights", {"ability_to_speak_english": "Not well"},
     {"ability_to_speak_english": "Well"}),
    ("volunteering as a poll worker", {"citizenship": "Not a citizen"},
     {"citizenship": "Naturalized citizen"}),
    ("volunteering as a poll worker", {"vision_difficulty": "Yes"}, {"vision_difficulty": "No"}),
    ("reading history books", {"education": "No schooling"}, {"education": "GED"}),
    ("tutoring beginning readers", {"education": "Grade 3"}, {"education": "Grade 5"}),
    ("squinting at phone screens", {"vision_difficulty": "Yes", "age": 60}, {"age": 60}),
    ("humming softly while working", {"hearing_difficulty": "Yes"}, {"hearing_difficulty": "No"}),
    ("whistling under the breath while waiting", {"hearing_difficulty": "Yes"}, {}),
    ("a generous life, first to help a neighbor", {"benevolence": "Low"}, {"benevolence": "Average"}),
    ("a cautious life that avoids risk", {"security": "Low"}, {"security": "High"}),
    ("a party-hosting life", {"hedonism": "Low", "household_type": "Married couple household"},
     {"household_type": "Married couple household"}),
    ("an eventful life with little sleep", {"stimulation": "Extremely Low"}, {}),
    ("a hands-on life, more at ease with tools than screens",
     {"employment_status": EMPLOYED[0], "occupation_category": "Graphic Designers"},
     {"employment_status": EMPLOYED[0], "occupation_category": "Machinists"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "no", "yes"), TAGGED)
def test_whom_a_text_is_kept_from(text, no, yes):
    assert not fits(text, **no)
    assert fits(text, **yes)


def test_quoted_english_and_reading_are_kept_from_those_who_lack_them():
    for name in WRITTEN:
        for entry in entries(name):
            if re.search(r"\b(saying|asking) \"|\b(crossword|typo|puns)\b", entry.text):
                assert "little_english" in entry.avoid, entry.text
            if re.search(r"\b(reading (?!picture)|writing (?!songs)|bookstores|book club)", entry.text):
                assert "no_schooling" in entry.avoid, entry.text


# Never married with children of 5 to 17 at home: at 24 mostly a brother or sister. At least 17 years older
# than a child of 5 is 22, than an infant 17.
PARENTS = [
    (24, "Never married or under 15", "Related children 5 to 17 only", False),
    (25, "Never married or under 15", "Related children 5 to 17 only", True),
    (21, "Married", "Related children 5 to 17 only", False),
    (22, "Married", "Related children under 5 and 5 to 17", True),
    (16, "Never married or under 15", "Related children under 5 only", False),
    (17, "Never married or under 15", "Related children under 5 only", True),
    (None, "Married", "Related children under 5 only", False),
]


@pytest.mark.parametrize(("age", "married", "children", "expected"), PARENTS)
def test_who_is_taken_for_a_parent(age, married, children, expected):
    kind = "Female householder, no spouse or partner, with children under 18"
    frame = people(
        age=[age], marital_status=[married], household_type=[kind], family_presence_and_age=[children]
    )
    assert flagged(frame, ["parent"]).item() is expected


UNFIT = [
    ("Medical Transcriptionists", "helping people in care feel safe and comfortable"),
    ("Real Estate Brokers And Sales Agents", "keeping track of orders, prices, and returns"),
    ("Insurance Sales Agents", "answering questions, ringing up sales, and following up"),
    ("Lawyers, And Judges, Magistrates, And Other Judicial Workers", "searching titles and public records"),
    ("Librarians And Media Collections Specialists", "explaining things a second and third way"),
    ("Flight Attendants", "checking loads, equipment, and schedules"),
]


@pytest.mark.parametrize(("occupation", "duty"), UNFIT)
def test_duties_that_a_reader_found_odd_are_gone(occupation, duty):
    frame = people(age=[40] * 1000).with_columns(
        occupation_category=pl.lit(occupation), employment_status=pl.lit(EMPLOYED[0])
    )
    said = set(draw_job(frame, np.random.default_rng(0)))
    assert duty not in said and len(said) >= 3
    assert any(duty == each.text for duties in job_parts().duties.values() for each in duties)


def test_a_misspelt_tag_of_a_list_is_an_error():
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"text": "x", "avoids": ["children"]}, Entry)
