"""Intersectionality: expressions mean what they say, cells are counted, shrunk and tested as by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.bench import Counting, open_task, play
from populace.bench.cells import adjusted, cell_scores, counted, differ, spread
from populace.bench.expressions import expression
from populace.bench.groups import read_groups, with_cells
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.errors import PopulaceError, StudyError
from populace.stats.shrinkage import shrunken_rates

PEOPLE = pl.DataFrame(
    {
        "persona_id": list("abcde"),
        "age": [20, 40, 70, None, 29],
        "sex": ["Female", "Male", "Female", "Female", None],
        "ideology": ["Very liberal", "Moderate", "Conservative", None, "Liberal"],
        "race": ["White alone"] * 5,
        "hispanic_origin": ["Not Hispanic"] * 5,
        "education": ["GED"] * 5,
        "political_views": ["Democrat"] * 5,
        "religion": ["Jewish"] * 5,
        "lifestyle": ["quiet, 'slow'"] * 5,
    }
)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("age < 30", [True, False, False, None, True]),
        ("age < 30 and sex == 'Female'", [True, False, False, None, None]),
        ("age >= 70 or sex == 'Male'", [False, True, True, None, None]),
        # `and` binds more tightly than `or`, `not` than both.
        ("sex == 'Male' or age < 30 and ideology == 'Liberal'", [False, True, False, None, True]),
        ("not age < 30 and sex != 'Male'", [False, False, True, None, False]),
        ("not (age < 30 or sex == 'Male')", [False, False, True, None, False]),
        ("not not age == 40", [False, True, False, None, False]),
        # Ordered labels by their place: more conservative than moderate.
        ("ideology > 'Moderate'", [False, False, True, None, False]),
        ("ideology <= 'Liberal'", [True, False, False, None, True]),
        ("ideology not in ['Moderate', \"Conservative\"]", [True, False, False, None, True]),
        ("age in [20, 29]", [True, False, False, None, True]),
        ("age < 29.5", [True, False, False, None, True]),
        ("lifestyle == 'quiet, \\'slow\\''", [True] * 5),
    ],
)
def test_expressions_mean_what_they_say(text, inside):
    assert PEOPLE.select(expression(text)).to_series().to_list() == inside


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("g: aeg < 30", "group 'g': there is no attribute 'aeg'. To mend it: write 'age'"),
        ("g: sex == 'female'", "sex has no value 'female'. To mend it: write 'Female'"),
        ("g: sex == 'Xyzzy'", "use one of Male, Female"),
        ("g: sex < 'Male'", "the values of sex have no order"),
        ("g: age == 'old'", "age is compared with 'old'. To mend it: give a number without quotes"),
        ("g: sex == 3", "give a value in quotes"),
        ("g: lifestyle < 'a'", "lifestyle is text, which has no order"),
        ("g: sex == Female", "a word in quotes, as in 'Female'"),
        ("g: age = 3", "cannot read '= 3'"),
        ("g: age < 3 sex", "expected `and`, `or` or the end, found sex"),
        ("g: (age < 3", r"expected `\)`, found the end"),
        ("g: age in 3", r"expected `\[`, found 3"),
        ("g: age", "expected a comparison after age"),
        ("g: ", "no name or no expression"),
        ("g: and", "expected an attribute, found and"),
        ("g: __import__('os')", "there is no attribute '__import__'"),
        ("g: " + "(" * 3000 + "age < 3", "nested more than 50 deep"),
        ("sex,", "a name is empty or comes twice"),
        ("sex,sexx", "there is no attribute 'sexx'. To mend it: write 'sex'"),
        ("sex,income", "income is a number, and has too many values to cross"),
        ("lifestyle", "lifestyle is free text"),
        ("coarse ideologi", "write 'coarse ideology'"),
    ],
)
def test_what_cannot_be_read_is_said(text, says):
    with pytest.raises(StudyError, match=says):
        read_groups([text])


def test_a_group_once():
    with pytest.raises(StudyError, match="given twice"):
        read_groups(["sex, age", "sex,age"])


@given(st.text(alphabet="ages<=>!()[],'\" 0123andotri", max_size=40))
@settings(deadline=None, max_examples=200)
def test_no_text_breaks_the_parser(text):
    try:
        found = expression(text)
    except PopulaceError:
        return
    assert PEOPLE.select(found).to_series().dtype == pl.Boolean


def test_cells_are_joined():
    groups = read_groups(["sex,age", "sex, coarse ideology", "old: age > 60"])
    items = pl.DataFrame({"persona_id": ["e", "a", "c", "a"]})
    found = with_cells(items, PEOPLE, groups)
    assert found["cells:sex,age"].to_list() == [
        None,
        "sex=Female, age=18-34",
        "sex=Female, age=65 and over",
        "sex=Female, age=18-34",
    ]
    assert found["cells:sex,coarse ideology"][1] == "sex=Female, coarse ideology=Liberal"
    assert found["in:old"].to_list() == [False, False, True, False]
    with pytest.raises(StudyError, match="these personas have no column 'income'"):
        with_cells(items, PEOPLE, read_groups(["poor: income < 10000"]))


def items_of(rows: Sequence[tuple[str, str | None, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["persona_id", "cells:x", "critic"], orient="row")


def test_counts_by_hand():
    rows = [("a", "x", "first"), ("a", "x", "tie"), ("b", "y", "second"), ("c", "y", "first")]
    rows += [("d", None, "first"), ("a", "x", "failed"), ("b", "y", "refused")]
    found = counted(items_of(rows), "cells:x", "critic")
    # x: one and a half of two items, in half points 3; y: one of two by two people.
    assert found.names == ["x", "y"]
    assert (found.points.tolist(), found.items.tolist(), found.people.tolist()) == ([3, 2], [2, 2], [1, 2])
    x, y = cell_scores(found, "f", Counting())
    assert (x.estimate.n, x.estimate.clusters, y.estimate.clusters) == (2, 1, 2)
    assert x.note.startswith("small cell; raw 0.750, shrunk: ") and x.arm == "f" and x.group == "x"
    assert 0.5 < x.estimate.value < 0.75  # pulled towards y


def test_cells_of_one_item_a_person_are_those_of_shrunken_rates():
    rng = np.random.default_rng(3)
    rows = [
        (f"p{n}", "abc"[n % 3], "first" if rng.random() < 0.6 else "second") for n in range(90)
    ]  # one item a person: no design effect
    found = cell_scores(counted(items_of(rows), "cells:x", "critic"), "f", Counting())
    good = [sum(v == "first" for _, c, v in rows if c == name) for name in "abc"]
    plain = shrunken_rates(good, [30, 30, 30])
    for ours, theirs in zip(found, plain.cells, strict=True):
        assert ours.estimate.value == pytest.approx(theirs.estimate.value, abs=1e-9)
        assert (ours.estimate.low, ours.estimate.n) == (pytest.approx(theirs.estimate.low, abs=1e-6), 30)


def test_what_cells_differ_by_is_no_likeness_of_rows():
    # Within a cell rows of a person are as unlike as those of two: no design effect, though cells differ.
    rows = [(f"x{n}", "x", v) for n in range(20) for v in ("first", "first", "first", "second")]
    rows += [(f"y{n}", "y", v) for n in range(20) for v in ("second", "second", "second", "first")]
    assert counted(items_of(rows), "cells:x", "critic").effect.tolist() == [1.0, 1.0]
    # Copies: four rows of a person are worth one.
    rows = [(f"x{n}", "x", ("first", "second")[n % 2]) for n in range(20) for _ in range(4)]
    assert counted(items_of(rows), "cells:x", "critic").effect.tolist() == pytest.approx([4.0])


def test_the_deal_by_hand():
    # Two cells of five; all of one satisfied, none of the other. Of 252 deals two are as extreme.
    table = pl.DataFrame({"cell": [0] * 5 + [1] * 5, "points": [2] * 5 + [0] * 5, "items": [1] * 10})
    assert differ(table, 0) == pytest.approx(2 / 252, abs=0.005)
    # The same with every persona's rows tenfold: rows of a persona are dealt together, so nothing is surer.
    assert differ(table.with_columns(pl.col("points", "items") * 10), 0) == differ(table, 0)


def test_one_cell_has_no_gap_and_no_cell_no_score():
    rows = [("a", "x", "first"), ("b", "x", "second")]
    assert spread(counted(items_of(rows), "cells:x", "critic"), "f", Counting()) == []
    none = counted(items_of([("a", None, "first")]).cast({"cells:x": pl.String}), "cells:x", "critic")
    assert cell_scores(none, "f", Counting()) == [] == spread(none, "f", Counting())


def test_p_values_of_several_families_are_adjusted():
    rows = [(f"p{n}", "xy"[n % 2], "first" if n % 2 and n > 4 else "second") for n in range(40)]
    one = spread(counted(items_of(rows), "cells:x", "critic"), "f", Counting())
    both = adjusted(one * 2, "gap")
    assert both[1].p_value == pytest.approx(min(1, 2 * (one[1].p_value or 0)))
    assert both[1].note.endswith("p by Holm over 2") and adjusted(one, "gap") == one


def test_the_task_says_what_it_cannot_do():
    bench, models = planted_bench(planted_target(), planted_judge(), people=12, prompts=6, items=24)
    task = open_task("intersectionality")
    for options, says in [
        ({"groups": 3}, "groups is 3 and must be a list"),
        ({"groups": ["old: age > 98"]}, "group 'old' has nobody in it"),
        ({"gruops": ["sex"]}, "did you mean 'groups'"),
    ]:
        with pytest.raises(StudyError, match=says):
            play(task, replace(bench, options=options), models)
    named = replace(bench, options={"groups": "women: sex == 'Female'"})
    scores = task.score(play(task, named, models), Counting(draws=100))
    told = {(score.measure, score.group): score for score in scores}
    inside, all_of_them = told["satisfied", "women"].estimate, told["satisfied", ""].estimate
    difference = told["inside_above_outside", "women"].estimate
    outside = (all_of_them.value * all_of_them.n - inside.value * inside.n) / (all_of_them.n - inside.n)
    assert difference.value == pytest.approx(inside.value - outside)
    assert told["satisfied", "women"].note == "few people"
