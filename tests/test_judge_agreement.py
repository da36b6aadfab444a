"""Agreement of people and models: hand-derived, against naive twins, and on planted raters."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sqlalchemy", reason="the extra serve is not installed")

from populace.serve.judging.agreement import agreement
from populace.serve.judging.agreement_page import headline
from populace.streams import stream

NAMES = {"f": "first", "s": "second", "t": "tie", "?": None}


def said(columns, per_persona=None):
    """Verdicts from a text a rater, a sign an item; `.` was not asked."""
    rows = []
    for rater, text in columns.items():
        for item, sign in enumerate(text):
            if sign != ".":
                persona = f"p{item // per_persona}" if per_persona else f"p{item}"
                rows.append((persona, f"q{item}", rater, NAMES[sign]))
    names = ["persona_id", "prompt_id", "rater", "verdict"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def model(text, name="m", per_persona=None):
    table = said({name: text}, per_persona).drop_nulls("verdict").filter(pl.col("verdict") != "tie")
    return table.rename({"rater": "machine"})


def test_by_hand():
    # Items: fff, ffs, fss, sst. Pairs of raters: 3 alike; 1 of 3; 1 of 3; 1 of 1: 6 of 10 agree.
    # First is said by 3 + 2 + 1 + 0 of the ratings, each weighed by its partners:
    # both first 3 + 1 + 0 + 0 = 4, one of each 0 + 2 + 2 + 0 = 4, both second 0 + 0 + 1 + 1 = 2.
    # Summed table, both directions halved: [[4, 2], [2, 2]], so chance = 0.6^2 + 0.4^2 = 0.52.
    found = agreement(said({"x": "fffs", "y": "ffss", "z": "fsst"}), draws=50)
    assert found.find("share").estimate.value == pytest.approx(0.6)
    assert found.find("kappa").estimate.value == pytest.approx((0.6 - 0.52) / 0.48)
    assert (found.pairs, found.raters, found.verdicts, found.undecided) == (4, 3, 12, 1)
    # One against most of the others. fff: each first, others first: 3 of [f, f]. ffs: each f has others f and
    # s, a tie; s has others ff: 1 of [s, f]. fss: f has ss: 1 of [f, s]. ss: each has one other: 2 of [s, s].
    others = found.find("kappa_others").estimate
    assert others.n == 7
    chance = (4 / 7) * (4 / 7) + (3 / 7) * (3 / 7)
    assert others.value == pytest.approx((5 / 7 - chance) / (1 - chance))
    # 3 of 4 of three raters: all three; of sst two of three do not do. Three of four items are dropped.
    assert found.find("dropped").estimate.value == pytest.approx(0.75)


def test_three_of_four():
    found = agreement(said({"a": "fffs", "b": "fffs", "c": "ffst", "d": "fsss"}), model("fffs"), draws=50)
    # ffff, fffs: first; ffss: none; ssts: three of four say second, though one sees no difference.
    assert found.find("dropped").estimate.value == pytest.approx(0.25)
    majority = found.find("kappa_majority", "m").estimate
    assert (majority.n, majority.value) == (3, 1.0)


def test_alpha_with_a_model_is_alpha_of_one_more_rater():
    people = {"a": "ffsfs", "b": "fsssf", "c": "ft?ss"}
    beside = agreement(said(people), model("fsfss"), draws=20).find("alpha_with", "m").estimate
    assert beside.value == agreement(said({**people, "m": "fsfss"}), draws=20).find("alpha").estimate.value


def naive_others(frame, machine):
    """Every rater, and the model in their place, against most of the other decided raters, in loops."""
    cells = {"people": np.zeros((2, 2)), "model": np.zeros((2, 2))}
    number = {"first": 0, "second": 1}
    told = {
        (p, q): number[v]
        for p, q, _, v in machine.select("persona_id", "prompt_id", "machine", "verdict").rows()
    }
    for (p, q), rows in frame.group_by("persona_id", "prompt_id"):
        votes = [number[v] for v in rows["verdict"] if v in number]
        for place, own in enumerate(votes):
            rest = votes[:place] + votes[place + 1 :]
            first = rest.count(0) - rest.count(1)
            if first == 0 or (p, q) not in told:
                continue
            most = 0 if first > 0 else 1
            cells["people"][own, most] += 1
            cells["model"][told[p, q], most] += 1
    return cells


def kappa(table):
    n = table.sum()
    chance = (table.sum(0) * table.sum(1)).sum() / n**2
    return (np.trace(table) / n - chance) / (1 - chance)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_equals_the_loops(data):
    items = data.draw(st.integers(2, 8))
    text = st.text("fst?.", min_size=items, max_size=items)
    frame = said({name: data.draw(text) for name in "abcd"}, 2)
    machine = model(data.draw(text), per_persona=2)
    if frame.is_empty() or machine.is_empty():
        return
    found = agreement(frame, machine, draws=20)
    cells = naive_others(frame, machine)
    for measure, who in (("kappa_others", "model"), ("people_there", "people")):
        got = found.find(measure, "m").estimate
        assert got.n == cells[who].sum()
        if got.n and got.defined:
            assert got.value == pytest.approx(kappa(cells[who]))
    agree, total, number = 0, 0, {"first", "second"}
    for _, rows in frame.group_by("persona_id", "prompt_id"):
        votes = [v for v in rows["verdict"] if v in number]
        for a, b in itertools.combinations(votes, 2):
            agree, total = agree + (a == b), total + 1
    share = found.find("share").estimate
    assert share.n == total
    if total:
        assert share.value == pytest.approx(agree / total)


def planted(rng, personas, questions, errors, model_error):
    """Raters of one persona each, who err with known chances about a truth; a model with its own."""
    rows, told = [], []
    truth = rng.random((personas, questions)) < 0.5
    for p, q in itertools.product(range(personas), range(questions)):
        for r, error in enumerate(errors):
            first = truth[p, q] ^ (rng.random() < error)
            rows.append((f"p{p}", f"q{q}", f"r{p}-{r}", "first" if first else "second"))
        told.append(
            (f"p{p}", f"q{q}", "m", "first" if truth[p, q] ^ (rng.random() < model_error) else "second")
        )
    names = ["persona_id", "prompt_id", "rater", "verdict"]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame, pl.DataFrame(told, schema=[*names[:2], "machine", "verdict"], orient="row"), truth


def test_planted_errors_come_back():
    """Two raters with error e agree with kappa (1-2e)^2; a model with error m and each at (1-2e)(1-2m)."""
    rng = stream(4, "tests.judging")
    frame, machine, truth = planted(rng, 60, 10, (0.2,) * 4, 0.1)
    found = agreement(frame, machine, draws=400)
    for measure, who, value in (
        ("kappa", "people", 0.6**2),
        ("alpha", "people", 0.6**2),
        ("kappa_each", "m", 0.6 * 0.8),
    ):
        estimate = found.find(measure, who).estimate
        assert estimate.low < value < estimate.high
        assert estimate.clusters == 60
    # Most of three others is wrong with 0.2^3 + 3 * 0.2^2 * 0.8 = 0.104: kappa (1 - 0.208) (1 - 2 error).
    ceiling, place = found.find("kappa_others").estimate, found.find("kappa_others", "m").estimate
    assert ceiling.low < 0.792 * 0.6 < ceiling.high
    assert place.low < 0.792 * 0.8 < place.high
    less = found.find("kappa_less_people", "m").estimate
    assert less.low < 0.792 * 0.2 < less.high
    assert less.low > 0
    assert "agrees with them better than a person does" in headline(found)
    # Of ten verdicts each, the model of raters finds the common accuracy, and the truth better than one.
    assert found.model.accuracy.mean() == pytest.approx(0.8, abs=0.03)
    labels = found.model.truth()
    items = frame.select("persona_id", "prompt_id").unique().sort("persona_id", "prompt_id")
    right = [
        (label == 0) == truth[int(p[1:]), int(q[1:])]
        for label, (p, q) in zip(labels, items.iter_rows(), strict=True)
    ]
    assert np.mean(right) > 0.85


def test_a_model_no_better_than_a_coin_is_below_people():
    frame, machine, _ = planted(stream(6, "tests.judging"), 40, 10, (0.1,) * 3, 0.5)
    found = agreement(frame, machine, draws=300)
    assert found.find("kappa_less_people", "m").estimate.high < 0
    assert "agrees with them less than a person does" in headline(found)


def test_failed_raters_are_left_out_and_counted():
    frame = said({"a": "ffss", "b": "ffss", "c": "ssff"}, 2)
    marked = frame.with_columns(
        attention=pl.when(pl.col("rater") == "c").then(pl.lit("failed")).otherwise(pl.lit("passed"))
    )
    kept, left = agreement(marked, keep_failed=True, draws=20), agreement(marked, draws=20)
    assert (kept.left_out, left.left_out) == (0, 1)
    assert left.find("share").estimate.value == 1.0
    assert kept.find("share").estimate.value == pytest.approx(1 / 3)


def test_one_rater_or_nothing_decided_is_undefined_not_an_error():
    for columns in ({"a": "ffs"}, {"a": "t?t", "b": "t?t"}, {"a": "f.", "b": ".s"}):
        found = agreement(said(columns), model("ff"), draws=20)
        assert math.isnan(found.find("share").estimate.value)
        assert headline(found).startswith("Too few verdicts yet")


def test_the_order_of_rows_changes_nothing():
    frame, machine, _ = planted(stream(9, "tests.judging"), 6, 4, (0.2,) * 3, 0.3)
    one = agreement(frame, machine, draws=100)
    other = agreement(frame.sample(fraction=1, shuffle=True, seed=1), machine.reverse(), draws=100)
    assert [m.estimate for m in one.measures] == [m.estimate for m in other.measures]


def test_the_export_feeds_the_bench(tmp_path):
    """People judge planted pairs at the desk; `agreement` of the bench reads what they said."""
    from dataclasses import replace

    from judge_material import Rater
    from populace.bench import Counting, open_task, play
    from populace.bench.planted import LETTERS, planted_bench, planted_judge, planted_people, planted_target
    from populace.bench.tasks.agreement import raters
    from populace.serve.judging import results
    from populace.serve.judging.desk import Desk
    from populace.serve.judging.opening import open_study
    from populace.serve.judging.settings import make_settings

    people = planted_people(8, seed=0)
    rows = []
    for who, life in people.select("persona_id", "lifestyle").iter_rows():
        right = life[life.index("taste ") + 6]
        wrong = LETTERS[(LETTERS.index(right) + 1) % 4]
        for n in range(4):
            both = [f"[{right}] so {n}", f"[{wrong}] so {n}"]
            rows.append((who, f"q{n}", f"Why {n}?", *(both if n % 2 else both[::-1])))
    names = ["persona_id", "prompt_id", "prompt", "first", "second"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(tmp_path / "pairs.parquet")
    told = people.select("persona_id", pl.col("lifestyle").alias("text"))
    told.write_parquet(tmp_path / "personas.parquet")
    files = {"pairs": tmp_path / "pairs.parquet", "personas": tmp_path / "personas.parquet"}
    opened = open_study(str(tmp_path / "j.sqlite"), make_settings(files | {"raters": 3, "checks": 1}))
    desk = Desk(opened.store, opened.settings, opened.keys)
    for _ in range(24):
        rater = Rater(desk, opened.keys.new_token())
        assert desk.agree(rater.token)
        while (view := desk.look(rater.token)).state == "task":
            taste = view.persona[view.persona.index("taste ") + 6]
            fits = [place for place, text in view.task.options if text.startswith(f"[{taste}]")]
            rater.answer(fits[0] if fits else "first", task=view.task)
    for name in ("verdicts", "pairs"):
        (tmp_path / f"out-{name}.parquet").write_bytes(results.write_table(opened, name, "parquet"))
    opened.store.close()
    bench, models = planted_bench(planted_target(), planted_judge(0.0, seed=1), people=8, prompts=4, items=4)
    given = {"pairs": str(tmp_path / "out-pairs.parquet"), "people": str(tmp_path / "out-verdicts.parquet")}
    task = open_task("agreement")
    items = play(task, replace(bench, options=given), models)
    assert (items.height, raters(items)[-1]) == (32, "people")
    assert set(items["people"].list.len()) == {3}
    scores = {(score.measure, score.arm): score for score in task.score(items, Counting(draws=50))}
    assert scores["alpha", "people"].estimate.value == 1.0
    judge = next(score for (measure, arm), score in scores.items() if measure == "kappa" and "people" in arm)
    assert judge.estimate.value == 1.0
    # The models' verdicts of that run stand on our agreement page.
    items.write_parquet(tmp_path / "items.parquet")
    from populace.serve.judging.machines import read_machines

    found = agreement(pl.read_parquet(given["people"]), read_machines(tmp_path / "items.parquet"), draws=50)
    (machine,) = found.machines
    assert found.find("kappa_each", machine).estimate.value == 1.0
