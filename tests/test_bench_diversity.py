"""Spread: distances of words, within and between groups, collapse, and the task itself."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.bench import Counting, open_task, run_task
from populace.bench.crowd import group_of
from populace.bench.planted import planted_bench, planted_judge
from populace.bench.planted_words import planted_crowd, planted_deaf
from populace.bench.runner import play
from populace.bench.spread import Pairs, evenness, permuted, relative, spread_of, told_by
from populace.bench.wording import (
    ALIKE,
    clusters_of,
    copied,
    near_duplicates,
    shingle_distances,
    word_distances,
)
from populace.errors import StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted
from populace.personas.diversity import words
from populace.streams import stream

COUNTING = Counting(draws=200)
TEXT = st.lists(st.sampled_from(["cats", "dogs", "like", "I", "?"]), max_size=6).map(" ".join)


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXT, min_size=1, max_size=5))
def test_shingles_are_jaccards_of_sets(texts):
    found = shingle_distances(texts)
    for i, one in enumerate(texts):
        for j, other in enumerate(texts):
            sets = []
            for tokens in (words(one), words(other)):
                sets.append({*pairwise(tokens)} or {(token,) for token in tokens})
            union = len(sets[0] | sets[1])
            assert near_duplicates(one, other) == (found[i, j] <= ALIKE)
            assert found[i, j] == pytest.approx(1 - len(sets[0] & sets[1]) / union if union else 0)
    again = word_distances(texts)
    assert np.allclose(again, again.T) and np.allclose(np.diag(again), 0) and (again <= 1).all()


def test_tf_idf_by_hand():
    # Three texts; `cats` in one, `I` in all: weights ln(4/2) + 1 and ln(4/4) + 1 = 1.
    found = word_distances(["I cats", "I dogs", "I"])
    rare = math.log(2) + 1
    assert found[0, 1] == pytest.approx(1 - 1 / (1 + rare**2))
    assert found[0, 2] == pytest.approx(1 - 1 / math.sqrt(1 + rare**2))
    assert word_distances(["?", "!", "a"]).tolist() == [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    assert math.isnan(copied("two words", "two words")) and copied("a b c", "x a b c") == 1


def test_near_duplicates_are_linked():
    apart = np.array([[0, 0.2, 0.9], [0.2, 0, 0.2], [0.9, 0.2, 0]])
    assert clusters_of(apart).tolist() == [0, 0, 0] and clusters_of(apart, 0.1).tolist() == [0, 1, 2]


def four(*values: float) -> Pairs:
    """Pairs ab, ac, ad, bc, bd, cd of four people."""
    one, other = np.triu_indices(4, 1)
    return Pairs(one, other, {"words": np.array(values)})


def test_groups_by_hand():
    # ab and cd are within, at 0.2 and 0.4; the others between, at 0.6: 1 - 0.3 / 0.6.
    pairs, group = four(0.2, 0.6, 0.6, 0.6, 0.6, 0.4), np.array([0, 0, 1, 1])
    assert told_by(pairs, group, "words", 0.95).value == pytest.approx(0.5)
    # Of d nothing is known: ab within, ac and bc between.
    assert told_by(pairs, np.array([0, 0, 1, -1]), "words", 0.95).value == pytest.approx(1 - 0.2 / 0.6)
    assert not told_by(pairs, np.zeros(4, int), "words", 0.95).defined
    assert relative(pairs, four(*[0.6] * 6), "words", 0.95, group).value == pytest.approx(0.5)
    assert relative(pairs, four(*[0.5] * 6), "words", 0.95).value == pytest.approx(1.0)
    assert not relative(pairs, four(*[0.0] * 6), "words", 0.95).defined
    # Three ways to make two pairs of four people; theirs is the best: one in three by chance.
    shuffled, p_value = permuted(pairs, group, "words", seed=0, level=0.95)
    assert p_value == pytest.approx(1 / 3, abs=0.06)
    assert shuffled.value == pytest.approx((0.5 + 2 * (1 - 0.6 / 0.45)) / 3, abs=0.06)
    assert math.isnan(permuted(pairs, np.zeros(4, int), "words", seed=0, level=0.95)[1])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_shuffles_are_counted_as_one_by_one(data):
    size = data.draw(st.integers(3, 6))
    person = st.integers(0, size - 1)
    rows = st.tuples(person, person, st.floats(0.01, 1)).filter(lambda row: row[0] != row[1])
    some = data.draw(st.one_of(st.just([]), st.lists(rows, min_size=2, max_size=12)))
    # All pairs once, and some more: as often as each other, or not.
    one, other = np.triu_indices(size, 1)
    first, second = (
        np.concatenate([a, [row[k] for row in some]]).astype(int) for k, a in enumerate((one, other))
    )
    apart = np.concatenate([np.linspace(0.1, 0.9, len(one)), [row[2] for row in some]])
    pairs = Pairs(first, second, {"words": apart})
    group = np.array(data.draw(st.lists(st.integers(-1, 2), min_size=size, max_size=size)))
    found, p_value = permuted(pairs, group, "words", seed=3, level=0.95, draws=40)
    in_one = np.flatnonzero(group >= 0)
    rng, naive = stream(3, "bench.spread"), []
    for _ in range(40):
        dealt = np.full(size, -1)
        dealt[in_one] = rng.permutation(group[in_one])
        naive.append(told_by(pairs, dealt, "words", 0.95).value)
    observed, known = told_by(pairs, group, "words", 0.95).value, np.array(naive)[~np.isnan(naive)]
    if math.isnan(observed) or not len(known):
        assert math.isnan(p_value)
        return
    assert found.value == pytest.approx(known.mean())
    assert p_value == pytest.approx((1 + (known >= observed - 1e-12).sum()) / (1 + len(known)))


def test_labels_that_tell_nothing_are_rarely_found():
    rng, found = np.random.default_rng(0), []
    one, other = np.triu_indices(24, 1)
    for seed in range(60):
        place = rng.normal(size=(24, 3))
        pairs = Pairs(one, other, {"words": np.linalg.norm(place[one] - place[other], axis=1)})
        found.append(permuted(pairs, rng.integers(0, 3, 24), "words", seed=seed, level=0.95, draws=99)[1])
    # Uniform: of 60, 6 below a tenth, give or take 2.3.
    assert sum(p <= 0.1 for p in found) <= 14 and 0.35 < np.mean(found) < 0.65


def test_evenness_by_hand():
    same, all_differ = [np.zeros(4, int)], [np.arange(4)]
    who = [np.arange(4)]
    assert evenness(same, who, 0.95).value == 0 and evenness(all_differ, who, 0.95).value == 1
    # Shares 3/4 and 1/4: 0.811 bits of 2; with the other question, the mean.
    half = evenness([np.array([0, 0, 0, 1]), np.arange(4)], who * 2, 0.95)
    assert half.value == pytest.approx((0.8112781 / 2 + 1) / 2) and half.low < half.value < half.high


def test_the_planted_group_and_nothing_else_tells():
    bench, models = planted_bench(planted_crowd(1.0), planted_judge(), people=45, items=90)
    task = open_task("diversity")
    items = play(
        task, replace(bench, options={"questions": "2", "repeats": 6, "by": "ideology,age,sex"}), models
    )
    # Temperature 0: nobody is asked twice.
    assert items["arm"].value_counts().sort("arm").rows() == [("nobody", 12), ("persona", 90)]
    scores = {(each.measure, each.arm): each for each in task.score(items, COUNTING)}
    told = scores["told_by_group, shingles", "persona, ideology"]
    assert told.p_value is not None and told.p_value < 0.01
    # By hand: 9 of 29 runs of two are common within; nobody's share none, so W / N is 20 / 29.
    assert told.estimate.value == pytest.approx(9 / 29, abs=0.01)
    within = scores["within_to_nobody, shingles", "persona, ideology"].estimate
    assert within.value == pytest.approx(20 / 29, abs=0.01)
    assert scores["told_by_shuffled, shingles", "persona, ideology"].estimate.value == pytest.approx(
        0, abs=0.02
    )
    assert abs(scores["told_by_group, shingles", "persona, age"].estimate.value) < 0.03
    assert scores["swap_sensitivity", "persona"].estimate.value == 1
    assert scores["evenness", "persona"].estimate.value == pytest.approx(1)
    assert scores["near_duplicates", "persona"].estimate.value == 0
    found = task.values(items)  # pyright: ignore[reportAttributeAccessIssue]
    assert found.height == 2 * 45 * 44 // 2 and found["value"].unique().to_list() == [1.0]
    ages = dict(bench.personas.select("persona_id", "age").iter_rows())
    assert all(
        band is None or (ages[who] >= 65) == (band == "65 and over")
        for who, band in items.select("persona_id", "by_age").iter_rows()
    )


def test_ages_are_bands_and_amounts_quarters():
    people = pl.DataFrame({"age": [17, 18, 64, 65, None], "income": [10, 20, 30, 40, None]})
    found = people.select(group_of("age"), group_of("income"))
    assert found["by_age"].to_list() == ["0 to 17", "18 to 29", "45 to 64", "65 and over", None]
    assert found["by_income"].to_list() == ["quarter 1", "quarter 2", "quarter 3", "quarter 4", None]


def test_one_answer_for_all_collapses(tmp_path):
    bench, models = planted_bench(planted_deaf(), planted_judge(), people=20, items=40)
    bench = replace(bench, options={"questions": 2, "repeats": 5}, temperature=0.5)
    result = run_task(open_task("diversity"), bench, models, tmp_path, counting=COUNTING)
    scores = {(each.measure, each.arm): each.estimate for each in result.scores}
    assert result.headline.arm == "persona" and result.headline.estimate.value == 0
    # All ten disjoint pairs of a question's 20 people agree: the bound is that of ten trials.
    assert result.headline.estimate.high == pytest.approx(1 - 0.025**0.1)
    assert scores["near_duplicates", "persona"].value == 1 and scores["evenness", "persona"].value == 0
    assert not scores["told_by_group, words", "persona, ideology"].defined
    assert [each.name for each in result.findings if not each.passed] == ["one answer for all"]


def test_people_stand_beside_the_model(tmp_path):
    bench, models = planted_bench(planted_crowd(0.0), planted_judge(), people=30, items=60)
    said = {"Liberal": "tax the rich and help the poor", "Moderate": "leave it as it is"}
    rows = bench.personas.select(
        "persona_id",
        pl.lit("What of taxes?").alias("question"),
        pl.col("ideology").replace_strict(said, default="cut every tax there is").alias("answer"),
    )
    rows.write_parquet(tmp_path / "gold.parquet")
    bench = replace(bench, options={"gold": str(tmp_path / "gold.parquet"), "repeats": 4})
    task = open_task("diversity")
    items = play(task, bench, models)
    assert set(items["arm"]) == {"persona", "nobody", "people"} and items["prompt_id"].n_unique() == 1
    scores = {(each.measure, each.arm): each for each in task.score(items, COUNTING)}
    people = scores["told_by_group, words", "people, ideology"]
    assert people.estimate.value == pytest.approx(1) and (people.p_value or 1) < 0.05
    assert abs(scores["told_by_group, words", "persona, ideology"].estimate.value) < 0.05


def test_embeddings_are_used_where_given():
    rows = {"persona_id": ["a", "b"], "prompt_id": ["q", "q"], "arm": ["persona"] * 2, "answer": ["x", "y"]}
    items = pl.DataFrame(rows | {"embedding": [[1.0, 0.0], [1.0, 1.0]]})
    assert spread_of(items).arms["persona"].apart["meaning"].tolist() == [pytest.approx(1 - 0.5**0.5)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"question": 2}, "did you mean 'questions'"),
        ({"repeats": 1}, "repeats of at least 2"),
        ({"questions": "2,3"}, "more than one number"),
        ({"questions": 30}, "fewer questions"),
        ({"repeat_temperature": "hot"}, "which is no number"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, says):
    bench, models = planted_bench(planted_deaf(), planted_judge(), items=60)
    with pytest.raises(StudyError, match=says):
        play(open_task("diversity"), replace(bench, options=options), models)


def test_answers_that_failed_are_counted(tmp_path):
    target = Scripted(
        text=lambda request: Failure(key=request.key, boundary="server", message="no", retryable=False)
    )
    bench, models = planted_bench(target, planted_judge(), people=5, items=15)
    result = run_task(open_task("diversity"), bench, models, tmp_path, counting=COUNTING)
    assert next(each for each in result.scores if each.measure == "answer_failed").estimate.value == 1
    assert result.headline.estimate.value == 0.0 and not result.passed
