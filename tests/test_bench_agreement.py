"""Agreement: kappa of planted judges as derived by hand, people's verdicts joined, and what is wrong said."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace import stats
from populace.bench import Counting, open_task, play
from populace.bench.kappas import _measured, pairs_apart, pairs_of_raters, smallest_told
from populace.bench.planted import LETTERS, planted_bench, planted_judge, planted_people, planted_target
from populace.bench.tasks.agreement import matrices, raters
from populace.bench.verdict_files import read_people, with_people
from populace.errors import DataError, StudyError

PEOPLE, EACH = 100, 8
FAST = Counting(draws=400)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Make pairs of which exactly one answer serves the persona: in half of them the first."""
    people = planted_people(PEOPLE, seed=0)
    rows = []
    for place, (who, life) in enumerate(people.select("persona_id", "lifestyle").iter_rows()):
        found = re.search(r"taste (\w)", life)
        assert found is not None
        right = found[1]
        wrong = LETTERS[(LETTERS.index(right) + 1) % 4]
        for n in range(EACH):
            both = [f"[{right}] so, {place} {n}", f"[{wrong}] so, {place} {n}"]
            rows.append((who, f"q{n:04}", f"Why {n}?", *(both if n % 2 else both[::-1])))
    names = ["persona_id", "prompt_id", "prompt", "first", "second"]
    path = tmp_path_factory.mktemp("pairs") / "pairs.parquet"
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(path)
    return path


def bench_of(one, two, **options):
    bench, models = planted_bench(planted_target(), one, people=PEOPLE, prompts=EACH, items=10)
    also = {} if two is None else {"judge 2": two.model}
    return replace(bench, also=also, options=options), {**models, "judge 2": two}


@pytest.fixture(scope="module")
def items(pairs):
    task = open_task("agreement")
    return play(task, *bench_of(planted_judge(0.1, seed=1), planted_judge(0.2, seed=2), pairs=str(pairs)))


def test_kappa_of_planted_judges(items):
    # Half of the pairs want the first. Judges who err with e and f agree with (1-e)(1-f) + ef = 0.74, and
    # choose the first half of the time: chance 1/2, kappa and AC1 (1 - 2e)(1 - 2f) = 0.8 * 0.6 = 0.48.
    (found,) = matrices(items, FAST).pairs
    for estimate, planted in ((found.percent, 0.74), (found.kappa, 0.48), (found.gwet, 0.48)):
        assert estimate.low < planted < estimate.high and estimate.high - estimate.low < 0.2
        assert (estimate.n, estimate.clusters) == (PEOPLE * EACH, PEOPLE)
    one, two = (items["by:" + rater] for rater in raters(items))
    for ours, theirs in ((found.kappa, stats.cohen_kappa), (found.gwet, stats.gwet_ac1)):
        other = theirs(one, two, items["persona_id"], categories=["first", "second"], **FAST.settings())
        assert ours.value == pytest.approx(other.value) and ours.n == other.n
        # Questions, of which there are eight, add little but the t of seven degrees.
        assert 0.9 < (ours.high - ours.low) / (other.high - other.low) < 1.6


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2), *[st.sampled_from([0.0, 1.0, math.nan])] * 3), min_size=1))
def test_groups_apart_are_scored_as_one_by_one(rows):
    said = np.array([row[1:] for row in rows])
    code = np.array([row[0] for row in rows])
    labels = sorted(set(code.tolist()))
    place = np.searchsorted(labels, code)
    names = ["x", "y", "z"]
    found = pairs_apart(said, names, place, labels, level=0.9)
    naive = []
    for at, label in enumerate(labels):
        own = said[place == at]
        naive += pairs_of_raters(own, names, np.arange(len(own)), None, level=0.9, group=label)
    for ours, theirs in zip(found, naive, strict=True):
        assert (ours.a, ours.b, ours.group) == (theirs.a, theirs.b, theirs.group)
        assert ours.prevalence == pytest.approx(theirs.prevalence, nan_ok=True)
        for name in ("kappa", "gwet", "percent"):
            one, two = getattr(ours, name), getattr(theirs, name)
            assert (one.n, one.defined) == (two.n, two.defined)
            for end in ("value", "low", "high"):
                assert getattr(one, end) == pytest.approx(getattr(two, end), nan_ok=True, abs=1e-9), name


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), min_size=2))
def test_values_and_influences_of_kappa_and_ac1(rows):
    one, two = zip(*rows, strict=True)
    said = np.array([[each == "a" for each in row] for row in rows], dtype=float)
    (found,) = pairs_of_raters(said, ["x", "y"], np.arange(len(rows)), None, level=0.95)
    for ours, theirs in ((found.kappa, stats.cohen_kappa), (found.gwet, stats.gwet_ac1)):
        other = theirs(one, two, categories=["a", "b"], draws=1).value
        assert ours.value == pytest.approx(other, nan_ok=True)
    # What a row moves the measure by is its slope: add a thousandth of a row of each cell that is there.
    counts = np.array(
        [[((said[:, 0] == a) & (said[:, 1] == b)).sum() for a in (1, 0) for b in (1, 0)]], float
    )
    base = _measured(counts)
    for cell in np.flatnonzero(counts[0]):
        more = counts.copy()
        more[0, cell] += 1e-6
        for name, each in _measured(more).items():
            slope = (each.value[0] - base[name].value[0]) / 1e-6 * counts.sum()
            assert slope == pytest.approx(base[name].moved[0, cell], abs=1e-3, nan_ok=True)


def test_intervals_hold_where_persons_and_questions_differ():
    """Persons and questions on which judges agree more: 95 % hold the kappa of all that might be drawn."""
    rng, held = np.random.default_rng(2), 0
    persons, questions = (grid.ravel() for grid in np.meshgrid(np.arange(30), np.arange(30)))
    for _ in range(200):
        ease = (0.15 * rng.choice([-1, 1], 30))[persons] + (0.15 * rng.choice([-1, 1], 30))[questions]
        truth = rng.random(900) < 0.5
        # Each errs with 0.35 less the ease, so by parts: agreement is 1 - 2 e (1 - e), e from 0.05 to 0.65.
        said = np.stack([truth ^ (rng.random(900) < 0.35 - ease) for _ in range(2)], axis=1).astype(float)
        (found,) = pairs_of_raters(said, ["x", "y"], persons, questions, level=0.95)
        errors = np.array([0.05, 0.35, 0.35, 0.65])
        # Half want the first whatever the ease: chance is one half.
        planted = 2 * (1 - 2 * errors * (1 - errors)).mean() - 1
        held += found.kappa.low <= planted <= found.kappa.high
    assert held >= 180, held


def test_scores(items):
    scores = open_task("agreement").score(items, FAST)
    assert (
        scores[0].measure == "kappa"
        and "smallest kappa told from 0 with power 80 %, simulated: 0." in scores[0].note
    )
    told = {(score.measure, score.group): score for score in scores}
    women, men = (told["kappa", f"sex = {sex}"].estimate for sex in ("Female", "Male"))
    assert women.n + men.n == PEOPLE * EACH and women.clusters + men.clusters == PEOPLE
    own = told["kappa_of_personas", ""]
    each = matrices(items, FAST, by="persona_id")
    kappas = [pair.kappa.value for pair in each.pairs if pair.kappa.defined]
    assert own.estimate.value == pytest.approx(sum(kappas) / len(kappas))
    assert own.note == f"defined for {len(kappas)} of {PEOPLE} personas, {EACH} items each"


def test_people(pairs, items, tmp_path):
    # Three people a pair: two say what the persona wants, one the reverse, except on q0000, where two tie.
    truth = items.select("persona_id", "prompt_id").with_columns(
        right=pl.when(pl.col("prompt_id").str.slice(-1).cast(pl.Int64) % 2 == 1)
        .then(pl.lit("first"))
        .otherwise(pl.lit("second"))
    )
    other = pl.when(pl.col("right") == "first").then(pl.lit("second")).otherwise(pl.lit("first"))
    said = [truth.with_columns(rater=pl.lit(name), verdict=pl.col("right")) for name in ("ann", "bo")]
    said.append(truth.with_columns(rater=pl.lit("cy"), verdict=other))
    table = pl.concat(said).filter((pl.col("prompt_id") != "q0000") | (pl.col("rater") != "bo"))
    table.drop("right").write_parquet(tmp_path / "people.parquet")
    task = open_task("agreement")
    options = {"pairs": str(pairs), "people": str(tmp_path / "people.parquet")}
    found = play(task, *bench_of(planted_judge(0.1, seed=1), None, **options))
    assert raters(found) == [planted_judge(0.1, seed=1).model, "people"]
    assert (found.filter(prompt_id="q0000")["by:people"] == "tie").all()
    rest = found.filter(pl.col("prompt_id") != "q0000").join(truth, on=["persona_id", "prompt_id"])
    assert (rest["by:people"] == rest["right"]).all()
    # Against people who are right, kappa is 1 - 2e, but for the prevalence: 4 of 7 pairs want the first.
    # Agreement is 0.9, the first chosen with (4 * 0.9 + 3 * 0.1) / 7 = 0.5571 and 4/7; chance 0.5082.
    (pair,) = matrices(found, FAST).pairs
    assert pair.kappa.n == PEOPLE * (EACH - 1)
    assert pair.kappa.low < (0.9 - 0.5082) / (1 - 0.5082) < pair.kappa.high
    # Of a pair's three pairs of people one agrees; those of q0000 (one pair of people) never do.
    alpha = next(score for score in task.score(found, FAST) if score.measure == "alpha").estimate
    # Krippendorff: weights of pairs of values 1/(m-1); disagreement 100 * 2 + 700 * 3 * (2/3) = 1600 of 2300
    # values. By chance 2 * n1 * n2 / (n - 1): n1 = 100 + 4 * 200 + 3 * 100 = 1200, n2 = 1100, n = 2300.
    assert alpha.value == pytest.approx(1 - 1600 * 2299 / (2 * 1200 * 1100))


def test_audits(pairs):
    task = open_task("agreement")
    biased = play(
        task, *bench_of(planted_judge(0.1, seed=1), planted_judge(cheat="first", seed=2), pairs=str(pairs))
    )
    failed = [finding.name for finding in task.audit(biased, FAST) if not finding.passed]
    assert failed == [f"position rule, {planted_judge(cheat='first', seed=2).model}"]
    # The judge of position is tied on every pair: nothing is decided by both, and kappa is not defined.
    assert not matrices(biased, FAST).pairs[0].kappa.defined
    assert not task.score(biased, FAST)[0].estimate.defined


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"verdict": ["frist"]}, "row 1, column verdict: the verdict 'frist' is none"),
        ({"verdict": ["first", "tie"]}, "persona_id a, prompt_id q, rater r comes twice"),
        ({"rater": None}, "column rater: a column is missing"),
    ],
)
def test_verdicts_that_cannot_be_read(tmp_path, change, says):
    size = len(change.get("verdict") or ["first"])
    rows = {"persona_id": ["a"] * size, "prompt_id": ["q"] * size, "rater": ["r"] * size}
    rows |= {"verdict": ["first"] * size} | change
    path = tmp_path / "p.parquet"
    pl.DataFrame({name: values for name, values in rows.items() if values is not None}).write_parquet(path)
    with pytest.raises(DataError, match=says):
        read_people(path)


def test_verdicts_about_nothing():
    items = pl.DataFrame({"persona_id": ["a"], "prompt_id": ["q"]})
    people = pl.DataFrame({"persona_id": ["b"], "prompt_id": ["q"], "rater": ["r"], "verdict": ["tie"]})
    with pytest.raises(DataError, match="none of these verdicts is about a pair of this run"):
        with_people(items, people, file="p.parquet")


def test_what_the_task_refuses(pairs, tmp_path):
    task, judge = open_task("agreement"), planted_judge(0.1, seed=1)
    for two, options, says in [
        (None, {}, "agreement needs a second judge, or people"),
        (judge, {}, "is a judge twice, and would agree with itself"),
        (planted_judge(seed=2), {"people": "p.parquet"}, "people judged pairs that exist already"),
        (planted_judge(seed=2), {"pair": "p.parquet"}, "did you mean 'pairs'"),
    ]:
        with pytest.raises(StudyError, match=says):
            play(task, *bench_of(judge, two, **options))
    strange = tmp_path / "strange.parquet"
    pl.read_parquet(pairs).with_columns(persona_id=pl.lit("x")).unique("prompt_id").write_parquet(strange)
    for path, says in [
        (strange, "8 pairs are of personas who take no part"),
        (tmp_path / "no", "no Parquet"),
    ]:
        with pytest.raises(DataError, match=says):
            play(task, *bench_of(judge, planted_judge(seed=2), pairs=str(path)))


@pytest.mark.parametrize(("rows", "prevalence"), [(300, 0.5), (300, 0.9), (300, 0.95), (600, 0.95)])
def test_the_power_note_promises_what_the_interval_holds(rows, prevalence):
    smallest = smallest_told(rows, prevalence, degrees=rows - 1)
    rng, hits = np.random.default_rng(5), 0
    for _ in range(300):
        same = rng.random(rows) < smallest
        one = rng.random(rows) < prevalence
        other = np.where(same, one, rng.random(rows) < prevalence)
        said = np.stack([one, other], axis=1).astype(np.float64)
        (pair,) = pairs_of_raters(said, ["x", "y"], np.arange(rows), None, level=0.95)
        hits += pair.kappa.low > 0
    assert hits / 300 == pytest.approx(0.8, abs=0.07)


def test_of_next_to_no_verdicts_of_one_kind_nothing_is_promised():
    # Of 40 rows 0.4 are of the rare kind: two of three samples have none, and kappa is undefined.
    assert np.isnan(smallest_told(40, 0.99, degrees=39))
