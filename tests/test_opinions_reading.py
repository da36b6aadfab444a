"""Opinions read from files: bands, columns without a wording, codes that mean *not known*; real surveys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from populace.errors import CodebookError, DataError
from populace.opinions import NONE, read_opinions
from populace.population.codebook import codebooks, load_codebook

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"

BOOK = """
name = "poll"
title = "A poll"
licence = "none"
person_id = ["id"]
weight = "w"
adults_only = true
missing = [0, 8, 9]
missing_below = 0
retest_suffixes = ["_2"]
not_items = ["ord_.*", "RAND[0-9]"]

[attributes]
sex = ["gender"]

[variables.gender]
labels = { 1 = "Male", 2 = "Female" }

[items.tax]
question = "Cut taxes?"
wordings = ["Should taxes fall?"]
labels = { 1 = "Yes", 2 = "No" }

[items.warm]
column = "ft"
question = "How warm?"
wordings = ["What warmth?"]
range = [0, 100]

[items.lib]
question = "Liberal?"
labels = { 1 = "Yes", 2 = "Partly", 3 = "No" }
ordinal = true
same_as = ["sex"]
"""

ROWS = """id,w,gender,tax,tax_2,ft,lib,ord_tax,rand1,five,ten,seldom,const
1,1,1,1,2,2,1,1,1,1,1,,1
2,1,2,2,2,19,2,2,2,2,9,,1
3,1,1,8,1,20,3,1,1,8,10,,1
4,1,2,1,,100,-1,2,2,3,8,1,1
5,1,1,2,1,-7,2,1,1,-1,0,2,1
"""


@pytest.fixture
def paths(tmp_path):
    (tmp_path / "poll.toml").write_text(BOOK)
    (tmp_path / "poll.csv").write_text(ROWS)
    return tmp_path / "poll.csv", tmp_path / "poll.toml"


def codes(opinions, name):
    return opinions.answers[:, opinions.place(name)].tolist()


def test_worded_items(paths):
    opinions = read_opinions(*paths)
    assert [item.name for item in opinions.items] == ["tax", "warm", "lib"]
    tax, warm, lib = opinions.items
    assert tax.wordings == ("Should taxes fall?",) and not tax.ordinal
    # Bands of 20 from 0 to 100: 2 and 19 in the first, 20 in the second, 100 in the last.
    assert warm.ordinal and warm.options[1] == "20 to 40" and codes(opinions, "warm") == [0, 0, 1, 4, NONE]
    assert warm.wordings == ("What warmth?",)
    assert lib.ordinal and lib.same_as == ("sex",)
    assert codes(opinions, "tax") == [0, 1, NONE, 0, 1] and codes(opinions, "lib") == [0, 1, 2, NONE, 1]
    assert opinions.retest[:, 0].tolist() == [1, 1, 0, NONE, 0]


def test_later_answers_and_who_was_not_asked_again(paths):
    opinions = read_opinions(*paths, later=True)
    assert opinions.people["person_id"].to_list() == ["poll-1", "poll-2", "poll-3", "poll-5"]
    assert codes(opinions, "tax") == [1, 1, 0, 0]
    assert opinions.retest[:, 0].tolist() == [0, 1, NONE, 1]


def test_columns_without_a_wording(paths):
    opinions = read_opinions(*paths, unworded=True)
    # Orders and random numbers are no answers, whatever their capitals; `const` never varies.
    assert [item.name for item in opinions.items[3:]] == ["five", "ten", "seldom"]
    assert not any(item.question for item in opinions.items[3:])
    # The file writes 8 for *not known*: `tax` shows it. So it does in `five`, whose answers end at 3.
    assert opinions.items[3].options == ("1", "2", "3") and codes(opinions, "five") == [0, 1, NONE, 2, NONE]
    # In `ten`, where 10 is an answer, 8 and 9 are too. No worded column shows 0 as *not known*: an answer.
    assert opinions.items[4].options == ("0", "1", "8", "9", "10")


def test_all_missing_codes_where_no_worded_column_tells(tmp_path, paths):
    book = BOOK[: BOOK.index("[items.tax]")] + BOOK[BOOK.index("[items.warm]") : BOOK.index("[items.lib]")]
    paths[1].write_text(book)
    opinions = read_opinions(*paths, unworded=True)
    # 0 is below every answer and no part of a scale that goes on beyond it.
    assert opinions.items[opinions.place("ten")].options == ("1", "8", "9", "10")
    assert opinions.items[opinions.place("tax")].options == ("1", "2")


def test_the_least_share_of_answers(paths):
    names = [item.name for item in read_opinions(*paths, unworded=True, least_answered=0.5).items]
    assert "seldom" not in names and "five" in names
    names = [item.name for item in read_opinions(*paths, unworded=True, least_answered=0.9).items]
    assert names == ["tax", "warm", "lib", "ten"]


def test_what_is_wrong_is_named(paths):
    paths[1].write_text(BOOK.replace('"ord_.*"', '"ord_(.*"'))
    with pytest.raises(CodebookError, match=r"poll\.toml: malformed codebook"):
        read_opinions(*paths)
    paths[1].write_text(BOOK[: BOOK.index("[items.tax]")])
    with pytest.raises(DataError, match=r"none of the codebook's items is in the file"):
        read_opinions(*paths)


@pytest.mark.parametrize("name", codebooks())
def test_items_of_the_codebooks(name):
    """Labels differ, ordinal items have three options or more, no question or wording is there twice."""
    book = load_codebook(name)
    said = []
    for item, variable in book.items.items():
        labels = list(variable.labels.values())
        assert len(set(labels)) == len(labels), item
        if variable.ordinal:
            assert len(labels) + len(variable.texts) >= 2, item
        assert set(variable.same_as) <= set(book.attributes), item
        said += [variable.question, *variable.wordings]
    assert len(set(said)) == len(said)


def needs(path: str) -> Path:
    if not (SHARED / path).is_file():
        pytest.skip(f"{path} is not here")
    return SHARED / path


def shares(opinions, name: str, party: str) -> np.ndarray:
    who = (opinions.people["political_views"] == party).fill_null(value=False).to_numpy()
    found = opinions.answers[who, opinions.place(name)]
    return np.bincount(found[found != NONE], minlength=opinions.items[opinions.place(name)].size) / len(found)


def test_non_voters():
    path = needs("fivethirtyeight/nonvoters_data.csv")
    opinions = read_opinions(path, "fivethirtyeight_nonvoters", unworded=True)
    # Everything that is left in the file is worded.
    assert opinions.answers.shape == (5836, 72) and all(item.question for item in opinions.items)
    # What party tells of the labels: whom each supports, and which institutions each trusts more.
    for name, option, more, less in (
        ("candidate", 0, "Republican", "Democrat"),
        ("candidate", 1, "Democrat", "Republican"),
        ("trust_presidency", 0, "Republican", "Democrat"),
        ("trust_cdc", 0, "Democrat", "Republican"),
        ("trust_news", 3, "Republican", "Democrat"),
        ("trust_police", 0, "Republican", "Democrat"),
        ("systemic_racism", 0, "Democrat", "Republican"),
        ("too_feminine", 0, "Republican", "Democrat"),
        ("secure_mail", 0, "Democrat", "Republican"),
        ("good_american_god", 0, "Republican", "Democrat"),
        ("republicans_want_my_vote", 0, "Republican", "Democrat"),
        ("democrats_want_my_vote", 0, "Democrat", "Republican"),
    ):
        gap = shares(opinions, name, more)[option] - shares(opinions, name, less)[option]
        assert gap > 0.1, (name, gap)


def test_anes_pilot():
    path = needs("anes_pilot_2022/anes_pilot_2022.parquet")
    opinions = read_opinions(path, "anes_pilot_2022", unworded=True)
    assert len(opinions) == 1500
    bare = [item.name for item in opinions.items if not item.question]
    assert not [name for name in bare if name.startswith(("ord_", "RAND")) or "timing" in name]
    assert "turnout22" in bare and len(opinions.items) == 236
    for name, option, more, less in (
        ("approves_biden", 0, "Democrat", "Republican"),
        ("ideology_seven", 5, "Republican", "Democrat"),
        ("trust_climate_scientists", 4, "Republican", "Democrat"),
        ("vote_2016", 1, "Republican", "Democrat"),
        ("country_hopeful", 0, "Republican", "Democrat"),
        ("place", 0, "Democrat", "Republican"),
    ):
        gap = shares(opinions, name, more)[option] - shares(opinions, name, less)[option]
        assert gap > 0.1, (name, gap)


# Answers of the interviews of 2018, by code, in the tables by year of the survey's documentation.
GSS_2018 = {
    "fepol": (207, 1292),
    "racdif1": (713, 784),
    "tax": (829, 664, 38),
    "god": (109, 150, 298, 88, 410, 1262),
    "helppoor": (261, 220, 692, 186, 160),
    "helpnot": (231, 219, 644, 207, 190),
    "helpsick": (528, 306, 448, 129, 117),
    "helpblk": (235, 188, 507, 253, 310),
    "eqwlth": (347, 154, 272, 260, 221, 119, 166),
    "discaff": (210, 615, 679),
    "class": (211, 1020, 1019, 83),
    "reliten": (802, 101, 869, 542),  # strong, somewhat strong, not very strong, no religion
    "getahead": (1127, 239, 193),
    "pornlaw": (492, 978, 80),
    "divlaw": (648, 502, 295),
    "spanking": (340, 700, 368, 121),
    "sexeduc": (1409, 133),
    "suicide1": (976, 521),
    "colath": (1021, 505),
    "racopen": (304, 1225, 27),
    "pray": (691, 674, 215, 144, 251, 358),
    "bible": (706, 1079, 494),
    "xmarsex": (1172, 216, 133, 32),
    "letin1a": (113, 227, 646, 298, 236),
    "pillok": (443, 498, 361, 219),
    "polhitok": (942, 539),
    "natcityy": (242, 433, 344),
}


@pytest.mark.slow
def test_gss_panel_has_the_published_counts():
    path = needs("gss/gss_panel20.rda")
    pytest.importorskip("rdata")
    opinions = read_opinions(path, "gss", unworded=True)
    then = opinions.people["person_id"].str.starts_with("gss-2018").to_numpy()
    assert then.sum() == 2348
    for name, expected in GSS_2018.items():
        found = opinions.answers[then, opinions.place(name)]
        counts = np.bincount(found[found != NONE], minlength=len(expected))
        assert counts.tolist() == list(expected), name
    # Missing answers are blanks in this file: 8 and 9 of a scale of ten are answers.
    known = {item.name for item in opinions.items}
    assert not known & {"ballot", "form", "intage", "comprend", "gender1", "vpsu"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('same_as = ["tax"]', "the item lib is the same as tax, which is no attribute"),
        ('same_as = ["sex"]\ntwins = ["nobody"]', "the item lib has the twin nobody, which is no other item"),
    ],
)
def test_names_that_are_none_are_refused(tmp_path, paths, line, message):
    book = tmp_path / "odd.toml"
    book.write_text(BOOK.replace('same_as = ["sex"]', line))
    with pytest.raises(DataError, match=message):
        read_opinions(paths[0], book)


def test_twins_of_the_codebook_are_the_items(tmp_path, paths):
    book = tmp_path / "twins.toml"
    book.write_text(BOOK.replace('same_as = ["sex"]', 'twins = ["tax"]'))
    opinions = read_opinions(paths[0], book)
    assert opinions.items[opinions.place("lib")].twins == ("tax",)
    assert "news_interest" in load_codebook("anes_pilot_2022").items["follows_politics"].twins
