"""Whose answer is it: distances, pairs, intervals over pairs, gold answers, and the task itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.bench import Counting, open_task, run_task
from populace.bench.apart import apart, pairs_of
from populace.bench.dyads import dyadic_estimate, dyadic_mean, dyadic_ratio
from populace.bench.gold import read_gold
from populace.bench.planted import planted_bench, planted_people, planted_prompts
from populace.bench.planted_words import planted_guesser, planted_speaker
from populace.bench.runner import play
from populace.bench.task import Bench
from populace.errors import DataError, StudyError
from populace.models.records import Failure
from populace.models.scripted import Scripted

COUNTING = Counting(draws=200)


def test_distance_by_hand():
    people = pl.DataFrame(
        {
            "age": [20, 40, 60],
            "sex": ["Male", "Female", "Female"],
            "ideology": ["Very liberal", "Moderate", None],
            "lifestyle": ["a", "b", "c"],
        }
    )
    # Ranks 1, 2, 3 span two steps; ideology has four steps; texts do not count.
    first, second = [0, 0, 1], [1, 2, 2]
    assert apart(people, first, second).tolist() == [(0.5 + 1 + 0.5) / 3, (1 + 1) / 2, (0.5 + 0) / 2]
    assert np.isnan(apart(people.select("lifestyle"), [0], [1])).all()


def test_pairs_are_near_middle_and_far_and_use_everybody():
    people = planted_people(60)
    pairs = pairs_of(people, 90, 3)
    assert pairs["group"].value_counts(sort=True).sort("group").rows() == [
        ("far", 30),
        ("middle", 30),
        ("near", 30),
    ]
    by = pairs.group_by("group").agg(pl.col("distance").min().alias("low"), pl.col("distance").max())
    table = {group: (low, high) for group, low, high in by.iter_rows()}
    assert table["near"][1] < table["middle"][0] <= table["middle"][1] < table["far"][0]
    assert pairs["distance"].to_list() == apart(people, pairs["first"], pairs["second"]).tolist()
    ends = pl.concat([pairs["first"], pairs["second"]])
    assert ends.n_unique() == 60 and max(ends.value_counts()["count"].to_list()) <= 6
    assert pairs.equals(pairs_of(people, 90, 3)) and not pairs.equals(pairs_of(people, 90, 4))
    same = pairs.select(pl.min_horizontal("first", "second"), pl.max_horizontal("first", "second").alias("b"))
    assert same.unique().height == 90
    with pytest.raises(StudyError, match="near pairs are wanted"):
        pairs_of(people.head(5), 30, 0)
    with pytest.raises(StudyError, match="at least three"):
        pairs_of(people.head(2), 1, 0)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_dyadic_variance_is_the_naive_sum(data):
    size = data.draw(st.integers(3, 7))
    person = st.integers(0, size - 1)
    rows = data.draw(st.lists(st.tuples(person, person, st.floats(0, 1)), min_size=3, max_size=14))
    first, second, value = (np.array(each) for each in zip(*rows, strict=True))
    left = (value - value.mean()) / len(value)
    everything = own = 0.0
    for i in range(len(rows)):
        for j in range(len(rows)):
            if {first[i], second[i]} & {first[j], second[j]}:
                everything += left[i] * left[j]
    for pair in {tuple(sorted(each[:2])) for each in rows}:
        own += sum(left[i] for i in range(len(rows)) if tuple(sorted(rows[i][:2])) == pair) ** 2
    found = dyadic_estimate(float(value.mean()), left, first, second)
    people = len(set(first) | set(second))
    if people < 3:
        assert np.isnan(found.low)
        return
    from scipy.stats import t

    reach = t.ppf(0.975, people - 1) * max(everything, own) ** 0.5
    assert found.high - found.value == pytest.approx(reach, abs=1e-9)


def test_intervals_over_pairs_by_hand():
    # a-b and b-c: residuals .5 and -.5 halved by two rows; they share b, so the sum over all is zero,
    # and rows alone have 2 * .0625.
    found = dyadic_ratio([1, 0], [1, 1], ["a", "b"], ["b", "c"])
    assert found.value == 0.5 and found.high - 0.5 == pytest.approx(4.302653 * 0.125**0.5, rel=1e-6)
    # Of so few people it is held less often than it says.
    assert found.method.endswith("fewer than 30, held less often than it says")
    # Two rows of one pair are one: residuals cancel, and two pairs that agree exclude 1 - 0.025^(1/2) apart.
    both = dyadic_mean([1, 0, 1, 0], ["a", "b", "c", "d"], ["b", "a", "d", "c"])
    assert (both.low, both.high) == (pytest.approx(0.5 * 0.025**0.5), pytest.approx(1 - 0.5 * 0.025**0.5))
    nobody = dyadic_mean([np.nan], ["a"], ["b"])
    assert not nobody.defined and nobody.n == 0
    # All wrong, three pairs of which two share nobody: 1 - .025 ** (1 / 2).
    wrong = dyadic_mean([0, 0, 0], ["a", "b", "d"], ["b", "c", "e"])
    assert (wrong.low, wrong.high) == (0.0, pytest.approx(1 - 0.025**0.5))
    with pytest.raises(DataError, match="differ in number"):
        dyadic_mean([1], ["a", "b"], ["b"])


def test_the_interval_of_pairs_covers():
    """Effects of both people and of the pair, the mean known: 95 % hold it, and rows alone would not."""
    rng, hit, naive = np.random.default_rng(5), 0, 0
    first, second = np.triu_indices(40, 1)
    for _ in range(200):
        person = rng.normal(0, 1, 40)
        value = person[first] + person[second] + rng.normal(0, 1, len(first))
        found = dyadic_mean(value, first, second)
        hit += found.low <= 0 <= found.high
        naive += abs(value.mean()) <= 1.96 * value.std() / len(value) ** 0.5
    assert hit >= 180 and naive < 100


def test_a_judge_who_errs_is_recovered_and_tells_by_distance():
    bench, models = planted_bench(planted_speaker(1.0), planted_guesser(0.2), people=60, items=120)
    task = open_task("comparison")
    items = play(task, bench, models)
    assert items.height == 240 and items["arm"].unique().to_list() == ["answers"]
    one, two = items[::2], items[1::2]
    assert one["persona_id"].equals(two["other_id"], check_names=False)
    assert one["answer"].equals(two["rival"], check_names=False)
    scores = {(each.measure, each.arm): each.estimate for each in task.score(items, COUNTING)}
    right = items["whose"].replace_strict({"first": 1.0, "second": 0.0}, default=0.5).mean()
    assert scores["right", ""].value == pytest.approx(right)
    assert scores["right", "near"].n == scores["right", "far"].n == 80
    assert scores["whose_tie", ""].value == 0
    tastes = {row["persona_id"]: row["lifestyle"][16] for row in bench.personas.iter_rows(named=True)}
    unlike = items.filter(
        pl.col("persona_id").replace_strict(tastes) != pl.col("other_id").replace_strict(tastes)
    )
    for measure in ("right", "own_choice"):
        found = next(each for each in task.score(unlike, COUNTING) if each.measure == measure).estimate
        assert found.low <= 0.8 <= found.high, found


def test_the_owner_is_first_by_likelihood_too():
    # Likelihood 0.6 for what says the letter of the role's taste, 0.1 else.
    def choice(request):
        system = request.messages[0].content
        letter = system.split("a life of taste ")[1][0] if "taste" in system else "?"
        return [0.6 if f"[{letter}]" in option else 0.1 for option in request.options]

    judge = Scripted(choice=choice, model="likely@1/exact")
    bench, models = planted_bench(planted_speaker(1.0), judge, people=30, items=30)
    items = play(open_task("comparison"), replace(bench, way="likelihood"), models)
    tastes = {row["persona_id"]: row["lifestyle"][16] for row in bench.personas.iter_rows(named=True)}
    for who, other, whose, p, chosen in items.select(
        "persona_id", "other_id", "whose", "whose_p", "choice"
    ).iter_rows():
        unlike = tastes[who] != tastes[other]
        assert whose == ("first" if unlike else "tie") and chosen == ("first" if unlike else "tie")
        # The answer is six times likelier of its owner: 6 to 1.
        assert p == pytest.approx(6 / 7 if unlike else 0.5)


def test_an_answer_that_failed_is_not_asked_about(tmp_path):
    target = Scripted(
        text=lambda request: Failure(key=request.key, boundary="server", message="no", retryable=False)
    )
    bench, models = planted_bench(target, planted_guesser(), people=10, items=6)
    result = run_task(open_task("comparison"), bench, models, tmp_path, counting=COUNTING)
    assert result.headline.estimate.value == 0.0 and result.failed == {"server": 12} and not result.passed
    assert next(each for each in result.scores if each.measure == "whose_unasked").estimate.value == 1


def gold_rows(people: pl.DataFrame, prompts: pl.DataFrame) -> pl.DataFrame:
    rows = people.select("persona_id", "lifestyle").join(prompts.select("prompt_id", "text"), how="cross")
    return rows.select(
        "persona_id",
        pl.col("text").alias("question"),
        pl.format("[{}] I think so", pl.col("lifestyle").str.slice(16, 1)).alias("answer"),
    )


@pytest.mark.parametrize("by_attributes", [False, True])
def test_gold_answers_replace_generated_ones(tmp_path, by_attributes):
    target = planted_speaker(1.0)
    bench, models = planted_bench(target, planted_guesser(), people=20, items=30)
    rows = gold_rows(bench.personas, planted_prompts(2))
    path = tmp_path / "gold.parquet"
    if by_attributes:
        rows = rows.join(bench.personas.select("persona_id", "age", "sex", "lifestyle"), on="persona_id")
        rows = rows.drop("persona_id")
    rows.write_parquet(path)
    items = play(open_task("comparison"), replace(bench, options={"gold": str(path)}), models)
    assert not target.asked and items.height == 60 and items["arm"].unique().to_list() == ["people"]
    told = items.filter(pl.col("answer") != pl.col("rival"))
    assert told["whose"].unique().to_list() == ["first"] and told.height > 20
    if not by_attributes:
        own = dict(bench.personas.select("persona_id", pl.col("lifestyle").str.slice(16, 1)).iter_rows())
        assert all(
            answer[1] == own[who] and rival[1] == own[other]
            for who, other, answer, rival in items.select(
                "persona_id", "other_id", "answer", "rival"
            ).iter_rows()
        )


def test_gold_that_is_wrong_is_refused(tmp_path):
    bench = Bench(personas=planted_people(4), prompts=planted_prompts(2), target="t", judge="j")
    path = tmp_path / "gold.jsonl"
    who = bench.personas["persona_id"][0]

    def refused(says: str, *rows: dict[str, object]) -> None:
        pl.DataFrame(rows).write_ndjson(path)
        with pytest.raises(DataError, match=says):
            read_gold(path, bench)

    refused("need the columns", {"persona_id": who, "answer": "Yes."})
    refused("row 2, column persona_id: 'x' is unknown", *_two("persona_id", who, "x"))
    refused("column prompt_id: 'q9' is unknown", {"persona_id": who, "prompt_id": "q9", "answer": "Yes."})
    refused("nothing says who answered", {"question": "Why?", "answer": "Yes."})
    refused("there is no answer in it", {"persona_id": who, "question": "Why?", "answer": "  "})
    with pytest.raises(DataError, match="no such file of answers"):
        read_gold(tmp_path / "missing.parquet", bench)
    with pytest.raises(DataError, match=r"from \.txt"):
        read_gold(tmp_path / "gold.txt", bench)
    # The first of two answers by one person to one question counts.
    pl.DataFrame(_two("answer", "Yes.", "No.", persona_id=who)).write_ndjson(path)
    assert read_gold(path, bench).answers.select("answer").rows() == [("Yes.",)]


def _two(name: str, *values: object, **more: object) -> list[dict[str, object]]:
    return [{"question": "Why?", "answer": "Yes.", **more, name: value} for value in values]
