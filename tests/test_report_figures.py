"""The figures of a bench: what each shows, that nothing is said by colour alone, that no text is cut."""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
import struct
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

from populace import prompts as prompt_room
from populace import stats
from populace.bench import Counting, Score, TaskResult, open_task, play, summed
from populace.bench.planted import planted_bench, planted_judge, planted_target
from populace.errors import DataError
from populace.report import draw, figures
from populace.report.figures import demonstration as made
from populace.report.figures import parts, theme
from populace.report.figures.demographics import _exact
from populace.report.figures.of_runs import figures_of, write_figures
from populace.stats import Estimate

STEPS = figures.construction_steps(
    source="a model of the census", records=None, drawn=100, removed={"too_young": 6, "b": 0}, kept=94,
    attributes=36,
)  # fmt: skip
PEOPLE = pl.DataFrame(
    {"sex": ["Male"] * 40 + ["Female"] * 60, "race": ["A very long name of a race, alone"] * 100}
)
CENSUS = pl.DataFrame(
    {
        "attribute": ["sex", "sex", "race"],
        "value": ["Female", "Male", "A very long name of a race, alone"],
        "share": [0.51, 0.49, 1.0],
    }
)


def charts():
    """Every figure, as a function of its width."""
    agreed, items = made.agreement_result(), made.agreement_items()
    return {
        "construction": partial(figures.construction, STEPS),
        "demographics": partial(figures.demographics, PEOPLE, CENSUS),
        "population_histograms": partial(figures.population_histograms, *made.population()),
        "topic_map": partial(figures.topic_map, prompt_room.load("builtin")[::3], words=True),
        "feedback_flow": partial(figures.feedback_flow, *made.feedback()),
        "kappa_by_persona": partial(figures.kappa_by_persona, items, "judge A", "judge B"),
        "kappa_histogram": partial(figures.kappa_histogram, items, "judge A", "judge B"),
        "kappa_by_group": partial(figures.kappa_by_group, agreed),
        "kappa_matrix": partial(figures.kappa_matrix, agreed),
        "human_agreement": partial(figures.human_agreement, agreed),
        "modes": partial(figures.modes, [made.main_result(name) for name in made.models()]),
        "direct_against_thought": partial(
            figures.direct_against_thought, {"large": made.main_items()}, counting=Counting(draws=50)
        ),
        "phrase_frequency": partial(figures.phrase_frequency, made.phrases_result()),
        "pass_at_k": partial(figures.pass_at_k, [made.passk_result()]),
        "leave_one_out": partial(figures.leave_one_out, made.leave_one_out_result()),
        "cells": partial(figures.cells, made.cells_result()),
        "leaderboard": partial(figures.leaderboard, made.board()),
    }


NAMES = list(charts())


@functools.cache
def built(name, width=680):
    """A figure, its specification and its SVG."""
    chart = charts()[name](width=width)
    return chart, chart.to_dict(validate=False), draw.svg(chart)


COUNTED = {"construction", "feedback_flow"}
"""Figures of counts of one finite set: nothing is estimated."""


def spec(chart):
    return chart.to_dict(validate=False)


def layers(chart):
    """List every mark of a chart, also in panels: its mark, its encoding, its rows."""
    whole = chart if isinstance(chart, dict) else spec(chart)

    def walk(part, data):
        data = part.get("data", data)
        for key in ("layer", "concat", "hconcat", "vconcat"):
            for child in part.get(key, ()):
                yield from walk(child, data)
        if "mark" in part:
            rows = whole["datasets"].get((data or {}).get("name"), [])
            yield part["mark"], part.get("encoding", {}), rows

    return list(walk(whole, None))


def marks(chart, kind):
    return [one for one in layers(chart) if one[0].get("type", one[0]) == kind]


def words(chart):
    """All text that is drawn: of the SVG."""
    return " ".join(" ".join(re.findall(r">([^<]+)<", draw.svg(chart))).split())


# What holds for all


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_exported_documented_and_in_the_gallery(name):
    chart = getattr(figures, name)
    assert name in figures.__all__
    for said in ("It stands for", "not show", "Examples"):
        assert said in " ".join(chart.__doc__.split()), (name, said)
    gallery = Path(__file__).parent.parent / "docs" / "figures.md"
    assert f"`{name}`" in gallery.read_text("utf-8")


@pytest.mark.parametrize("width", [680, 340])
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_draws_in_its_width_without_cut_text(name, width):
    _, _, document = built(name, width)
    assert "NaN" not in document and "undefined" not in document and ">null<" not in document
    found = float(re.search(r'<svg[^>]*?width="([\d.]+)"', document)[1])
    # A word at the right end of a last tick may stand out a little.
    assert found <= width * 1.06 + 12, (name, found)
    assert "…" not in document.replace("&#8230;", "…"), name


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_says_what_it_stands_on_and_uses_only_colours_of_the_theme(name):
    whole, title = json.dumps(built(name)[1], ensure_ascii=False), built(name)[1]["title"]
    said = " ".join(title["subtitle"])
    assert title["text"] and (re.search(r"\d", said) or name in COUNTED), said
    known = {colour.lower() for colour in (*theme.DARK, theme.INK, theme.PAPER, parts.SHADE)}
    assert {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{6}\b", whole)} <= known


@pytest.mark.parametrize("name", sorted(set(NAMES) - COUNTED - {"topic_map", "kappa_matrix"}))
def test_every_estimate_has_its_interval(name):
    bounded = [
        row
        for mark, encoding, rows in layers(built(name)[1])
        if mark.get("type") in ("rule", "area") and {"x2", "y2"} & encoding.keys()
        for row in rows
        if any(key.endswith("low") and row[key] is not None for key in row)
    ]
    assert bounded, name


def test_axes_have_a_title_or_are_shares_of_people():
    for name in set(NAMES) - COUNTED - {"topic_map", "kappa_matrix", "demographics"}:
        channels = [e["x"] for _, e, _ in layers(built(name)[1]) if "x" in e]
        assert any(channel.get("title") for channel in channels), name


# Grey print and colour-blind eyes

_TO_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
"""Linear RGB to cone responses, and what a deuteranope sees of them (Viénot, Brettel and Mollon 1999,
doi:10.1002/(SICI)1520-6378(199908)24:4<243::AID-COL5>3.0.CO;2-3)."""
_DEUTAN = np.array([[1, 0, 0], [0.494207, 0, 1.24827], [0, 0, 1]])


def _linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lightness(colour, *, deuteranope=False):
    """CIE L*, 0 to 100, of a colour as it is or as a deuteranope sees it."""
    rgb = _linear(colour)
    if deuteranope:
        rgb = np.clip(np.linalg.solve(_TO_LMS, _DEUTAN @ _TO_LMS @ rgb), 0, 1)
    y = float(rgb @ [0.2126, 0.7152, 0.0722])
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


def test_lightness_by_hand():
    assert lightness("#ffffff") == pytest.approx(100, abs=0.01) and lightness("#000000") == 0
    # 50 % grey: Y = ((0.5020 + 0.055) / 1.055)^2.4 = 0.2159, L* = 116 * 0.5999 - 16 = 53.59.
    assert lightness("#808080") == pytest.approx(53.59, abs=0.01)
    # A red and a green of one lightness to a deuteranope stay apart to others.
    assert abs(lightness("#808080", deuteranope=True) - 53.59) < 1


def test_series_differ_in_shape_and_shades_in_lightness():
    shapes = [look.shape for look in parts.LOOKS]
    assert len(set(shapes)) == len(shapes)
    for deuteranope in (False, True):
        seen = partial(lightness, deuteranope=deuteranope)
        # Where shades alone tell classes (cells of a matrix, which print their values too), each is darker.
        scale = [seen(colour) for colour in theme.SCALE]
        assert all(a - b > 5 for a, b in itertools.pairwise(scale)), scale
        # Marks stand out from paper, and from a shaded range.
        shade = 0.6 * seen(parts.SHADE) + 0.4 * 100
        for look in parts.LOOKS:
            assert shade - seen(look.stroke) > 30, look
        # Bars beside the dark line of a reference.
        assert seen(theme.MORE[0]) - seen(theme.INK) > 40


def test_lines_of_pass_at_k_differ_in_dashes_and_shapes():
    from populace.report.figures.passk import _LINES

    dashes, shapes = ({str(line[at]) for line in _LINES.values()} for at in (2, 3))
    assert len(dashes) == len(shapes) == len(_LINES)


@pytest.mark.parametrize(
    "name", ["modes", "direct_against_thought", "phrase_frequency", "human_agreement", "cells"]
)
def test_legends_name_shapes_not_only_colours(name):
    found = [e for _, e, _ in layers(built(name)[1]) if "shape" in e]
    assert found
    for encoding in found:
        ranges = encoding["shape"]["scale"]["range"]
        assert len(set(ranges)) == len(ranges) >= 2
        assert encoding["shape"]["scale"]["domain"] == encoding["fill"]["scale"]["domain"]


# Parts


def _score(measure, value, low, high, arm="", group="", n=100, clusters=50, note="", p=None):
    found = Estimate(value=value, low=low, high=high, n=n, clusters=clusters, method="by hand")
    return Score(measure=measure, arm=arm, group=group, estimate=found, note=note, p_value=p)


def _result(task, scores, target="model"):
    base = made.main_result("model large")
    return msgspec.structs.replace(base, task=task, scores=scores, target=target)


def test_undefined_estimates_say_so():
    chart = figures.modes(
        [_result("main", [_score("satisfied", math.nan, math.nan, math.nan, arm="baseline")])]
    )
    assert "not defined" in words(chart)


def test_few_people_are_marked_and_the_mark_is_explained():
    scores = [
        _score("kappa", 0.5, 0.2, 0.8, arm="a × b"),
        _score("ac1", 0.5, 0.2, 0.8, arm="a × b"),
        _score("kappa", 0.5, 0.2, 0.8, arm="a × b", group="sex = Male", clusters=9),
        _score("ac1", 0.5, 0.2, 0.8, arm="a × b", group="sex = Male", clusters=9),
    ]
    assert words(figures.kappa_by_group(_result("agreement", scores))).count("†") == 2
    many = [
        msgspec.structs.replace(s, estimate=msgspec.structs.replace(s.estimate, clusters=10)) for s in scores
    ]
    assert "†" not in words(figures.kappa_by_group(_result("agreement", many)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1, 1), st.floats(0, 1), st.floats(0, 1)).map(
            lambda t: (t[0], t[0] - t[1], t[0] + t[2])
        ),
        min_size=1,
    ),
    st.floats(-0.5, 0),
    st.floats(0.1, 1),
)
def test_an_axis_holds_all_values_and_ends(rows, low, high):
    table = pl.DataFrame(rows, schema=["value", "low", "high"], orient="row")
    start, end = parts.reach(table, (low, high))
    # To the thousandth that it is rounded to.
    assert (
        start <= min(low, *(row[1] for row in rows)) + 1e-3
        and end >= max(high, *(row[2] for row in rows)) - 1e-3
    )
    assert (start, end) != parts.reach(table, None) or start < end


# Tables behind figures


def test_persona_kappas_by_hand():
    # Ann: 3 of 4 alike, each says first half of the time: (0.75 - 0.5) / 0.5 = 0.5 by 2, 1, 0, ... below.
    ann = [("first", "first"), ("first", "first"), ("second", "second"), ("second", "first")]
    # a: 2 of 4 first, b: 3 of 4 first: chance 0.5 * 0.75 + 0.5 * 0.25 = 0.5; kappa (0.75 - 0.5) / 0.5 = 0.5.
    bo = [("first", "second"), ("second", "first")]  # Never alike, chance one half: -1.
    cy = [("first", "first"), ("first", "first")]  # One kind: not defined.
    rows = [("ann", *row) for row in ann] + [("bo", *row) for row in bo] + [("cy", *row) for row in cy]
    rows.append(("bo", "tie", "first"))  # Undecided: left out.
    items = pl.DataFrame(rows, schema=["persona_id", "by:x", "by:y"], orient="row")
    found = figures.persona_kappas(items, "x", "y", draws=200)
    assert found.select("persona_id", "kappa", "n").rows() == [("ann", 0.5, 4), ("bo", -1.0, 2)]
    assert found["low"][0] is not None and found["low"][0] <= 0.5 <= found["high"][0]


def test_persona_kappas_are_those_of_stats_and_the_same_twice():
    items = made.agreement_items()
    found = figures.persona_kappas(items, "judge A", "judge C", draws=100, seed=3)
    assert found.equals(figures.persona_kappas(items, "judge A", "judge C", draws=100, seed=3))
    assert not found.equals(figures.persona_kappas(items, "judge A", "judge C", draws=100, seed=4))
    for who, kappa in found.select("persona_id", "kappa").head(5).iter_rows():
        rows = items.filter(persona_id=who)
        naive = stats.cohen_kappa(rows["by:judge A"], rows["by:judge C"], draws=1).value
        assert kappa == pytest.approx(naive, abs=1e-12)


def test_the_band_of_equal_personas_holds_equal_personas_and_not_unlike_ones():
    rng = np.random.default_rng(5)
    people, each = 80, 20
    who = np.repeat(np.arange(people), each)
    truth = rng.random(who.size) < 0.5

    def share_outside(error):
        says = truth ^ (rng.random(who.size) < error[who])
        items = pl.DataFrame({"persona_id": who.astype(str), "by:a": truth, "by:b": says}).with_columns(
            pl.when(pl.col("by:a", "by:b")).then(pl.lit("first")).otherwise(pl.lit("second")).name.keep()
        )
        table = figures.persona_kappas(items, "a", "b", draws=50)
        out = (table["kappa"] < table["alike_low"]) | (table["kappa"] > table["alike_high"])
        return float(out.mean())

    assert share_outside(np.full(people, 0.2)) < 0.15
    assert share_outside(np.where(np.arange(people) % 2, 0.02, 0.45)) > 0.5


def test_histogram_counts_every_defined_kappa_once():
    items = made.agreement_items()
    bars = next(
        rows for mark, _, rows in layers(figures.kappa_histogram(items, "judge A", "judge D")) if rows
    )
    table = figures.persona_kappas(items, "judge A", "judge D", draws=10)
    assert sum(row["personas"] for row in bars) == table.height
    for row in bars:
        inside = [
            k for k in table["kappa"] if row["low"] - 1e-9 <= k < row["high"] - 1e-9 or k == row["high"] == 1
        ]
        assert len(inside) == row["personas"], row


def test_feedback_steps_by_hand():
    pairs = pl.DataFrame({"pair_id": list("abcdef"), "identical": [True, *[False] * 5]})
    rows = [
        ("a", "tie", 0.5, 0.5),  # The answers are one.
        ("b", "failed", None, None),
        ("c", "tie", 0.5, 0.5),
        ("d", "revision", 0.9, 0.2),  # Turns with the order.
        ("e", "original", 0.1, 0.2),
        ("f", "revision", 0.9, 0.8),
    ]
    judged = pl.DataFrame(
        rows, schema=["pair_id", "verdict", "p_original_first", "p_revision_first"], orient="row"
    ).with_columns(role=pl.lit("author"), way=pl.lit("choice"))
    others = judged.with_columns(role=pl.lit("stranger"), verdict=pl.lit("revision"))
    found = figures.feedback_steps(pairs, pl.concat([others, judged]))
    assert found["pairs"].to_list() == [6, 5, 4, 3, 2, 1]
    empty = figures.feedback_steps(pairs, judged.clear())
    assert empty["pairs"].to_list() == [6, 5, 0, 0, 0, 0]
    assert draw.svg(figures.feedback_flow(pairs.clear(), judged.clear()))


def test_intervals_of_shares_by_hand():
    low, high = _exact(np.array([0.9, 0.0, 1.0]), np.array([10.0, 10.0, 10.0]))
    # Clopper and Pearson for 9 of 10; 0 of 10 ends at 1 - 0.025^(1/10) = 0.3085.
    assert low.round(4).tolist() == [0.5550, 0.0, 0.6915]
    assert high.round(4).tolist() == [0.9975, 0.3085, 1.0]


def test_histograms_weigh_people_and_keep_everybody():
    people = pl.DataFrame({"age": [3, 22, 22, 99, None], "weight": [1.0, 1.0, 2.0, 4.0, 9.0]})
    bars = marks(figures.population_histograms(people, columns=["age"]), "bar")[0][2]
    share = {row["low"]: row["share"] for row in bars if row["share"]}
    assert share == {0: 0.125, 20: 0.375, 85: 0.5}
    # (1 + 1 + 2 + 4)^2 / (1 + 1 + 4 + 16) = 64 / 22.
    assert "3 effective people" in words(figures.population_histograms(people, columns=["age"]))
    with pytest.raises(DataError, match="number"):
        figures.population_histograms(people, columns=["sex"])


def test_demographics_show_the_census_and_refuse_strangers():
    rows = {row["value"]: row for row in marks(figures.demographics(PEOPLE, CENSUS), "bar")[0][2]}
    assert (rows["Female"]["drawn"], rows["Female"]["census"], rows["Female"]["n"]) == (0.6, 0.51, 100)
    assert rows["Female"]["low"] < 0.51 < rows["Female"]["high"]
    with pytest.raises(DataError, match="census"):
        figures.demographics(pl.DataFrame({"x": ["y"]}), CENSUS)


def test_word_vectors_against_scikit_learn():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    said = prompt_room.load("builtin")["text"].to_list()[:80]
    theirs = text.TfidfVectorizer(token_pattern=r"(?u)[^\W\d_]{3,}", min_df=2).fit_transform(said).toarray()
    assert np.abs(figures.word_vectors(said) - theirs).max() < 1e-12


def test_topics_that_are_clusters_are_told_from_topics_that_are_not():
    rng = np.random.default_rng(1)
    topics = [f"t{n % 4}" for n in range(80)]
    table = pl.DataFrame({"text": ["a question"] * 80, "topic": topics})
    centres = np.eye(4)[np.arange(80) % 4]
    told = words(figures.topic_map(table, centres + rng.normal(0, 0.01, (80, 4))))
    assert "100 % share the topic" in told and "by chance 24.1 %" in told  # 4 * 20 * 19 / (80 * 79)
    noise = words(figures.topic_map(table, rng.normal(size=(80, 4))))
    assert int(re.search(r"questions (\d+) % share", noise)[1]) < 40
    with pytest.raises(DataError, match="shape"):
        figures.topic_map(table, centres[:3])
    with pytest.raises(DataError, match="two topics"):
        figures.topic_map(table.head(1))


def test_the_topic_map_does_not_depend_on_the_sign_of_a_direction():
    table = pl.DataFrame({"text": ["q"] * 30, "topic": [f"t{n % 3}" for n in range(30)]})
    space = np.random.default_rng(2).normal(size=(30, 5))

    def places(vectors):
        rows = [row for _, _, rows in marks(figures.topic_map(table, vectors), "circle") for row in rows]
        return np.array([[row["x"], row["y"]] for row in rows])

    flipped = space * np.array([-1, 1, 1, -1, 1])
    assert np.abs(places(space) - places(flipped)).max() < 1e-9


def test_the_matrix_has_kappa_below_and_ac1_above():
    scores = [_score("kappa", -0.004, -0.2, 0.2, arm="a × b"), _score("ac1", 0.91, 0.9, 0.92, arm="a × b")]
    cells = {
        (row["row"], row["column"]): row
        for row in marks(figures.kappa_matrix(_result("agreement", scores)), "rect")[0][2]
    }
    assert cells[1, 0]["value"] == "0.00" and cells[0, 1]["value"] == "0.91"
    assert cells[1, 0]["interval"] == "−0.20 to 0.20" and cells[0, 1]["shade"] == 4


def test_cells_show_what_was_counted_beside_what_was_shrunk():
    chart = figures.cells(made.cells_result())
    rows = {
        (row["label"], row["series"]): row["value"] for _, _, rows in marks(chart, "point") for row in rows
    }
    for score in made.cells_result().scores:
        if score.group:
            label = score.group.replace("ideology=", "").replace("age=", "")
            label += "\N{NO-BREAK SPACE}†" * (score.estimate.clusters < parts.FEW)
            assert score.raw is not None and rows[label, "as counted"] == score.raw
            assert rows[label, "shrunk"] == score.estimate.value


def test_models_that_are_tied_are_joined_and_others_are_not():
    board = made.board()
    assert [len(group) for group in board.ranking.groups] == [2, 2, 1]
    joined = marks(figures.leaderboard(board), "line")
    assert [[row["row"] for row in rows] for _, _, rows in joined] == [[0, 1], [2, 3]]


def test_falls_are_sorted_everything_first_the_noise_floor_last():
    rows = marks(figures.leave_one_out(made.leave_one_out_result()), "point")[0][2]
    assert rows[0]["arm"] == "nobody" and rows[-1]["arm"] == "again"
    falls = [row["value"] for row in rows[1:-1]]
    assert falls == sorted(falls, reverse=True)
    assert rows[0]["p (Holm)"] is None and rows[1]["p (Holm)"]


def test_pass_at_k_leaves_out_the_second_curve_where_it_is_the_first():
    scores = [
        _score(name, v, v - 0.1, v + 0.1, arm=f"k={k}")
        for name in ("passes", "passes_judged")
        for k, v in ((1, 0.2), (2, 0.4))
    ]
    assert "its word" not in words(figures.pass_at_k([_result("pass-at-k", scores)]))
    assert "its word" in words(figures.pass_at_k([made.passk_result()]))


def test_construction_counts_what_rules_removed():
    assert STEPS[2].lost == ("6 of 100 removed (6.0 %; PERSONA: 8.5 %)", "too young: 6")
    told = words(figures.construction(STEPS))
    assert "94" in told and "6 of 100 removed" in told
    assert draw.svg(figures.construction(figures.construction_steps(
        source="", records=0, drawn=0, removed={}, kept=0, attributes=0)))  # fmt: skip


def test_the_paired_difference_is_that_of_the_items():
    items = made.main_items()
    by = {arm: items.filter(arm=arm)["critic"] == "first" for arm in ("chain_of_thought", "output_only")}
    gain = 100 * (by["chain_of_thought"].mean() - by["output_only"].mean())
    chart = figures.direct_against_thought({"large": items}, counting=Counting(draws=50))
    assert f"{gain:+.1f} [".replace("-", "−") in words(chart)


# Real results of the tasks, played with planted people


@pytest.fixture(scope="module")
def played():
    """Results of tasks as they come, each small: name -> (result, items)."""
    found = {}
    wanted = {
        "main": {},
        "leave-one-out": {"leave_out": ["sex", "lifestyle"]},
        "pass-at-k": {"k": [1, 2]},
        "intersectionality": {"groups": "sex,ideology"},
        "agreement": {},
        "phrases": {},
    }
    for name, options in wanted.items():
        bench, models = planted_bench(planted_target(), planted_judge(0.05), people=20, prompts=20, items=40)
        also = {}
        if name == "agreement":
            second = planted_judge(0.1, seed=9)
            also, models = {"judge 2": second.model}, {**models, "judge 2": second}
        bench = type(bench)(
            **{
                **bench.__dict__,
                "options": options,
                "also": also,
                "temperature": 0.7 if name == "pass-at-k" else 0.0,
            }
        )
        task = open_task(name)
        items = play(task, bench, models)
        found[name] = summed(task, bench, items, Counting(draws=50), {}), items
    return found


EXPECTED = {
    "main": ["modes", "direct-against-thought"],
    "leave-one-out": ["leave-one-out"],
    "pass-at-k": ["pass-at-k"],
    "intersectionality": ["cells-sex-ideology"],
    "agreement": ["kappa-matrix", "kappa-by-persona", "kappa-histogram", "kappa-by-group"],
    "phrases": ["phrases"],
}


@pytest.mark.parametrize("task", EXPECTED)
def test_figures_of_real_results(played, task, tmp_path):
    result, items = played[task]
    found = figures_of({"run": (result, items)})
    assert list(found) == EXPECTED[task]
    for chart in found.values():
        drawn = chart(width=680)
        rows = [
            row
            for mark, _, rows in layers(drawn)
            if mark.get("type") in ("point", "bar", "circle", "rect")
            for row in rows
        ]
        assert rows and any(
            row.get("value", row.get("kappa", row.get("personas"))) is not None for row in rows
        )
        assert draw.svg(drawn).startswith("<svg")


def test_the_command_writes_figures_and_a_leaderboard(played, tmp_path):
    import typer

    from populace.cli.bench_figures import figures as command

    result, items = played["main"]
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        msgspec.structs.replace(result, target=f"model/{name}").save(folder / "result.json")
        items.write_parquet(folder / "items.parquet")
    app = typer.Typer()
    app.command()(command)
    out = tmp_path / "out"
    ran = CliRunner().invoke(app, [str(tmp_path / "one"), str(tmp_path / "two"), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    names = {"modes", "direct-against-thought", "leaderboard"}
    assert {path.name for path in out.iterdir()} == {name + end for name in names for end in (".svg", ".png")}


def test_runs_of_two_tasks_and_tasks_without_figures_are_refused():
    one, other = made.main_result(), made.phrases_result()
    with pytest.raises(DataError, match="2 tasks"):
        figures_of({"a": (one, pl.DataFrame()), "b": (other, pl.DataFrame())})
    with pytest.raises(DataError, match="no figure"):
        figures_of({"a": (_result("diversity", []), pl.DataFrame())})


def test_names_of_files_are_safe(tmp_path):
    chart = partial(figures.construction, STEPS)
    paths = write_figures({"../model:8b/x": chart}, tmp_path / "out")
    assert all(path.parent == tmp_path / "out" for path in paths)


@pytest.mark.parametrize(
    ("chart", "task"),
    [(figures.leave_one_out, "main"), (figures.cells, "main"), (figures.kappa_matrix, "main"),
     (figures.phrase_frequency, "main"), (figures.human_agreement, "main"), (figures.kappa_by_group, "main")],
)  # fmt: skip
def test_a_result_of_another_task_is_refused(chart, task):
    with pytest.raises(DataError, match="this figure is of the task"):
        chart(made.main_result())


def test_other_refusals():
    agreed = made.agreement_result()
    with pytest.raises(DataError, match="no pair of judges 'a × z'"):
        figures.kappa_by_group(agreed, pair="a × z")
    with pytest.raises(DataError, match="no verdicts of people"):
        figures.human_agreement(
            _result(
                "agreement",
                [
                    s
                    for s in agreed.scores
                    if "people" not in s.arm and s.measure != "alpha" and "one person" not in s.arm
                ],
            )
        )
    with pytest.raises(DataError, match="no judge 'judge Z'"):
        figures.persona_kappas(made.agreement_items(), "judge Z", "judge A")
    with pytest.raises(DataError, match="no crossing"):
        figures.cells(made.cells_result(), crossing="sex,age")


def test_hostile_names_do_not_break_a_figure():
    name = "<script>alert(1)</script>\x00 \"'] + x + [\N{RIGHT-TO-LEFT OVERRIDE}"
    result = msgspec.structs.replace(made.main_result(), target=name)
    document = draw.svg(figures.modes([result]))
    assert "<script" not in document


def test_the_pictures_of_the_gallery_are_small_and_all_there():
    folder = Path(__file__).parent.parent / "docs" / "images" / "figures"
    text = (folder.parent.parent / "figures.md").read_text("utf-8")
    linked = set(re.findall(r"images/figures/([\w-]+\.png)", text))
    there = {path.name for path in folder.glob("*.png")}
    assert linked == there and len(there) == len(NAMES)
    for path in folder.glob("*.png"):
        content = path.read_bytes()
        assert len(content) < 60_000
        width, height = struct.unpack(">II", content[16:24])
        assert 300 < width <= 1000 and height < 1600, path


def test_a_result_that_was_saved_gives_the_same_bytes(tmp_path):
    result = made.leave_one_out_result()
    result.save(tmp_path / "result.json")
    again = TaskResult.load(tmp_path / "result.json")
    assert draw.svg(figures.leave_one_out(result)) == draw.svg(figures.leave_one_out(again))
