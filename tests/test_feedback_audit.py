"""The audit: every expected number is derived by hand in the comment beside it."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace import stats
from populace.feedback.audit import audit
from populace.feedback.groups import with_groups
from populace.feedback.policies import assign_panels
from populace.feedback.scores.common import CLUSTER, Settings, ac1, kappa, mean
from populace.feedback.scores.disagreement import _measured, _splits
from populace.personas import attribute

PERSONAS = pl.DataFrame(
    {
        "persona_id": ["ann", "bob", "cy"],
        "age": [30, 70, 40],
        "sex": ["Female", "Male", "Male"],
        "race": ["White alone"] * 3,
        "hispanic_origin": ["Not Hispanic"] * 3,
        "education": [None, None, None],
        "ideology": ["Liberal", "Conservative", None],
        "political_views": ["Democrat", "Republican", "Other"],
        "religion": [None, None, None],
    },
    schema_overrides={"education": pl.String, "religion": pl.String},
)


def pairs(words):
    """One pair an author; `words` gives (original, revision) lengths."""
    authors = ["ann", "bob", "cy"][: len(words)]
    return pl.DataFrame(
        {
            "pair_id": [f"pair of {a}" for a in authors],
            "author_id": authors,
            "original_words": [w[0] for w in words],
            "revision_words": [w[1] for w in words],
            "original_cut": [False] * len(words),
            "revision_cut": [False] * len(words),
            "identical": [False] * len(words),
        }
    )


def judgement(author, persona, verdict, way="choice", orders=None):
    p = {"revision": 0.9, "original": 0.1, "tie": 0.5, "refused": None}[verdict]
    first, second = orders or (p, p)
    role = "nobody" if persona is None else "author" if persona == author else "stranger"
    return {
        "pair_id": f"pair of {author}",
        "prompt_id": "p",
        "persona_id": persona,
        "role": role,
        "way": way,
        "p_original_first": first,
        "p_revision_first": second,
        "p": p,
        "verdict": verdict,
        "judge": "j",
    }


JUDGEMENTS = pl.DataFrame(
    [
        judgement("ann", None, "revision"),
        judgement("ann", "ann", "revision"),
        judgement("ann", "bob", "original"),
        judgement("bob", None, "revision", orders=(0.9, 0.2)),
        judgement("bob", "bob", "original", orders=(0.1, 0.8)),
        judgement("bob", "cy", "original"),
        judgement("cy", None, "original"),
        judgement("cy", "cy", "tie", orders=(0.9, 0.1)),
        judgement("cy", "ann", "refused"),
    ]
)
PAIRS = pairs([(10, 8), (10, 8), (10, 12)])


def run(judgements=JUDGEMENTS, table=PAIRS):
    found = audit(table, judgements, PERSONAS, draws=200, seed=1)
    return {
        (row["measure"], row["arm"], row["attribute"], row["group"]): row
        for row in found.iter_rows(named=True)
    }


def overall(found, measure, arm):
    return found[measure, arm, None, None]["value"]


def test_preference_and_its_shortcuts():
    found = run()
    # Authors: 1, 0 and a tie of one half: 1.5 / 3. Strangers: 0, 0, and a refusal left out: 0 / 2.
    assert overall(found, "prefers_revision", "author choice") == 0.5
    assert overall(found, "prefers_revision", "stranger choice") == 0.0
    assert found["prefers_revision", "stranger choice", None, None]["n"] == 2
    # Nobody: 1, 1, 0. The shorter answer is the revision in two of three pairs.
    assert overall(found, "prefers_revision", "nobody choice") == pytest.approx(2 / 3)
    assert overall(found, "prefers_revision", "length rule") == pytest.approx(2 / 3)
    always = found["prefers_revision", "always the revision", None, None]
    assert (always["value"], always["low"], always["high"]) == (1.0, 1.0, 1.0)
    # Paired with nobody: 1 - 1, 0 - 1, 0.5 - 0 = -0.5 over three pairs.
    assert overall(found, "prefers_revision_above", "nobody choice") == pytest.approx(-0.5 / 3)


def test_agreement_with_the_author_is_over_decided_pairs():
    found = run()
    # Decided authors: Ann revision, Bob original. The length rule says revision twice: 1 of 2 right;
    # it never varies, so kappa = (1/2 - 1/2) / (1 - 1/2) = 0.
    assert overall(found, "agreement_with_author", "length rule") == 0.5
    assert overall(found, "kappa_with_author", "length rule") == 0.0
    # Strangers on those pairs: original, original: 1 of 2. Nobody: revision, revision: 1 of 2.
    assert overall(found, "agreement_with_author", "stranger choice") == 0.5
    assert overall(found, "agreement_with_author", "nobody choice") == 0.5


def test_orders_and_position():
    found = run()
    # Five persona judgements with both orders (the refusal has none): (R,R), (O,O), (O,R), (O,O), (R,O).
    # Three of five agree: p_o = 0.6. Forward R: 2/5; backward R: 2/5; p_e = 4/25 + 9/25 = 0.52.
    # kappa = (0.6 - 0.52) / 0.48 = 1/6.
    assert overall(found, "kappa_orders", "choice") == pytest.approx(1 / 6)
    # AC1: pi = (2/5 + 2/5) / 2 = 0.4, p_e = 2 * 0.4 * 0.6 = 0.48; (0.6 - 0.48) / 0.52 = 3/13.
    assert overall(found, "ac1_orders", "choice") == pytest.approx(3 / 13)
    assert overall(found, "position_flip", "choice") == pytest.approx(2 / 5)
    # First shown preferred, over ten askings: forward O in 3 of 5, backward R in 2 of 5: 5 / 10.
    assert overall(found, "first_shown_preferred", "choice") == pytest.approx(0.5)
    # Nobody: (R,R), (R,O), (O,O): one flip of three.
    assert overall(found, "position_flip", "nobody choice") == pytest.approx(1 / 3)


def test_conflict_and_the_ceiling_of_one_model():
    found = run()
    # Pairs with two decided personas: Ann's (R, O) conflicts, Bob's (O, O) does not: 1 of 2 couples;
    # one model pleases 1 + 2 of 4 verdicts.
    assert overall(found, "conflict_rate", "choice") == 0.5
    assert overall(found, "single_model_ceiling", "choice") == 0.75
    # Shuffled: verdicts R, O, O, O over two pairs of two always put R beside an O: 1 conflict of 2.
    shuffled = found["conflict_rate", "choice, verdicts shuffled over pairs", None, None]
    assert shuffled["value"] == shuffled["low"] == shuffled["high"] == 0.5


def test_bookkeeping_and_groups():
    found = run()
    assert overall(found, "ties", "choice") == pytest.approx(1 / 6)
    assert overall(found, "refusals", "choice") == pytest.approx(1 / 6)
    assert overall(found, "revision_shorter", "pairs") == pytest.approx(2 / 3)
    # Women: Ann alone, who prefers her revision; one person gives no interval.
    ann = found["prefers_revision", "author choice", "sex", "Female"]
    assert (ann["value"], ann["clusters"]) == (1.0, 1)
    assert math.isnan(ann["low"])
    # Missing values make no group.
    assert not [key for key in found if key[2] == "religion"]


def test_two_ways_of_judging():
    extra = pl.DataFrame(
        [
            judgement("ann", "ann", "revision", "likelihood"),
            judgement("ann", "bob", "revision", "likelihood"),
            judgement("bob", "bob", "original", "likelihood"),
            judgement("bob", "cy", "original", "likelihood"),
        ]
    )
    found = run(pl.concat([JUDGEMENTS, extra]))
    # Choice: R, O, O, O; likelihood: R, R, O, O. p_o = 3/4; p_e = 1/4 * 1/2 + 3/4 * 1/2 = 1/2; kappa 1/2.
    assert overall(found, "kappa_ways", "choice and likelihood") == pytest.approx(0.5)
    assert overall(found, "prefers_revision", "author likelihood") == 0.5


def test_the_same_seed_gives_the_same_table():
    first, second = (audit(PAIRS, JUDGEMENTS, PERSONAS, draws=300, seed=5) for _ in range(2))
    assert first.equals(second, null_equal=True)


def test_nothing_decided_is_undefined_and_not_an_error():
    silent = pl.DataFrame(
        [judgement("ann", p, "refused") for p in (None, "ann", "bob")], infer_schema_length=None
    )
    silent = silent.with_columns(pl.col("p", "p_original_first", "p_revision_first").cast(pl.Float64))
    found = run(silent, PAIRS.head(1))
    assert math.isnan(overall(found, "prefers_revision", "author choice"))
    assert overall(found, "refusals", "choice") == 1.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["ann", "bob", "cy"]), st.booleans()), min_size=2, max_size=12))
def test_conflict_rate_equals_counting_couples_one_by_one(votes):
    rows = [
        judgement(author, persona, "revision" if vote else "original")
        for author, vote in votes
        for persona in ("ann", "bob")
    ]
    rows = list({(r["pair_id"], r["persona_id"]): r for r in rows}.values())
    rows[0]["verdict"] = "original"
    table = pl.DataFrame(rows)
    couples = conflicts = 0
    for _, group in table.group_by("pair_id"):
        a, b = group["verdict"].to_list()
        couples += 1
        conflicts += a != b
    found = run(table)
    assert overall(found, "conflict_rate", "choice") == pytest.approx(conflicts / couples)


def test_groups_are_read_from_the_labels_that_personas_carry():
    # Every literal label in the groups must be one the schema allows: a typo would empty a group.
    assert "White alone" in attribute("race").values
    assert "Black or African American alone" in attribute("race").values
    assert "Asian alone" in attribute("race").values
    assert "Not Hispanic" in attribute("hispanic_origin").values
    assert {v.split(" ")[-1].lower() for v in attribute("ideology").values} == {
        "liberal",
        "moderate",
        "conservative",
    }
    labels = attribute("education").values
    people = PERSONAS.head(1).drop("education").join(pl.DataFrame({"education": labels}), how="cross")
    grouped = with_groups(people)["education"].to_list()
    assert grouped.count("Bachelor's or more") == 4
    assert grouped.count("Some college") == 3
    assert grouped.count("High school or less") == len(labels) - 7


def test_what_no_draw_changes_is_bounded_or_has_no_interval():
    rows = [
        judgement(author, persona, "revision", orders=(0.9, 0.2))
        for author in ("ann", "bob", "cy")
        for persona in ("ann", "bob", "cy")
    ]
    found = run(pl.DataFrame(rows))
    # All nine verdicts flip: of three authors, the exact 95 % lower bound is 0.025 ** (1 / 3) = 0.2924.
    flip = found["position_flip", "choice", None, None]
    assert (flip["value"], flip["high"]) == (1.0, 1.0)
    assert flip["low"] == pytest.approx(0.025 ** (1 / 3), abs=1e-6)
    # AC1 is -1 whatever is drawn, which is no proof of -1.
    ac1 = found["ac1_orders", "choice", None, None]
    assert ac1["value"] == -1.0
    assert math.isnan(ac1["low"])
    # Nobody disagrees: at most 1 - 0.2924 of the pairs hide a conflict, and half of that a lost verdict.
    conflict, ceiling = (found[m, "choice", None, None] for m in ("conflict_rate", "single_model_ceiling"))
    assert conflict["high"] == pytest.approx(1 - 0.025 ** (1 / 3), abs=1e-6)
    assert ceiling["low"] == pytest.approx(1 - (1 - 0.025 ** (1 / 3)) / 2, abs=1e-6)


def test_identical_answers_say_nothing_about_the_order():
    same = PAIRS.with_columns(identical=pl.col("author_id") == "bob")
    # Without Bob's pair: (R,R), (O,O), (R,O) remain of the five, one flip of three.
    assert overall(run(table=same), "position_flip", "choice") == pytest.approx(1 / 3)


def written_for_nobody(words, models=("m", "m")):
    """Pairs of two answers that nobody wrote for anybody."""
    return pairs(words).with_columns(
        pl.lit("answer").alias("revision_origin"),
        pl.lit(models[0]).alias("model"),
        pl.lit(models[1]).alias("revision_model"),
    )


def test_answers_written_for_nobody_have_no_author_and_no_revision():
    rows = [{**judgement(a, p, v), "role": "stranger" if p else "nobody"} for a, p, v in (
        *(("ann", None, "revision"), ("ann", "ann", "revision"), ("ann", "bob", "original")),
        *(("bob", None, "revision"), ("bob", "bob", "original"), ("bob", "cy", "original")),
    )]  # fmt: skip
    found = run(pl.DataFrame(rows), written_for_nobody([(10, 8), (10, 12)]))
    names = {name for key in found for name in key[:2] if name}
    assert not [name for name in names if "revision" in name or "author" in name or "stranger" in name]
    # Four personas' verdicts: 1, 0, 0, 0. Nobody: 1, 1. Of the pairs, Ann's second answer is the shorter.
    assert overall(found, "prefers_second", "persona choice") == 0.25
    assert overall(found, "prefers_second", "nobody choice") == 1.0
    assert overall(found, "prefers_second", "length rule") == 0.5
    assert overall(found, "prefers_second", "always the second") == 1.0
    # Verdict by verdict less nobody's: 0, -1, -1, -1; nobody says the same in one of four.
    assert overall(found, "prefers_second_above", "nobody choice") == -0.75
    assert overall(found, "agreement_with_persona", "nobody choice") == 0.25
    assert overall(found, "second_shorter", "pairs") == 0.5
    assert overall(found, "prefers_second", "persona choice") == 0.25


def test_pairs_without_an_author_are_of_their_prompts():
    rows = [{**judgement(a, p, v), "role": "stranger"} for a, p, v in (
        *(("ann", "ann", "revision"), ("ann", "bob", "original")),
        *(("bob", "bob", "original"), ("bob", "cy", "original")),
    )]  # fmt: skip
    table = written_for_nobody([(10, 8), (10, 12)]).with_columns(
        pl.lit(None, dtype=pl.String).alias("author_id"), prompt_id=pl.Series(["p", "q"])
    )
    found = run(pl.DataFrame(rows), table)["prefers_second", "persona choice", None, None]
    assert found["value"] == 0.25
    assert found["method"].startswith("two-way clusters (3 x 2)")


def samples(author, persona, first, second):
    """A judgement by written verdicts: the share for the revision in each order."""
    p = (first + second) / 2
    said = "tie" if p == 0.5 else "revision" if p > 0.5 else "original"
    return {**judgement(author, persona, said, "samples", (first, second)), "p": p}


def test_written_verdicts_alone_are_scored_like_choices():
    table = pl.DataFrame(
        [
            *(samples("ann", None, 1.0, 1.0), samples("bob", None, 0.25, 0.0), samples("cy", None, 1.0, 0.0)),
            *(samples("ann", "ann", 1.0, 0.75), samples("bob", "bob", 0.75, 1.0)),
            *(
                samples("cy", "cy", 0.25, 0.0),
                samples("ann", "bob", 0.5, 0.75),
                samples("cy", "bob", 1.0, 0.25),
            ),
        ]
    )
    found = run(table)
    # Authors: revision, revision, original. Strangers: both revision (0.625 each).
    assert overall(found, "prefers_revision", "author samples") == pytest.approx(2 / 3)
    assert overall(found, "prefers_revision", "stranger samples") == 1.0
    # Nobody: 1, 0, and a tie of a half.
    assert overall(found, "prefers_revision", "nobody samples") == 0.5
    # Paired with nobody: 1 - 1, 1 - 0, 0 - 0.5.
    assert overall(found, "prefers_revision_above", "nobody samples") == pytest.approx(0.5 / 3)
    # Bob before Ann's pair is split evenly in one order, which says nothing of it: one flip of four others.
    flips = found["position_flip", "samples", None, None]
    assert (flips["value"], flips["n"]) == (0.25, 4)
    # Kappa of the orders: (R,R), (R,R), (O,O), (R,O): p_o 3/4, p_e = 3/4 * 1/2 + 1/4 * 1/2 = 1/2.
    assert overall(found, "kappa_orders", "samples") == pytest.approx(0.5)
    # Two people decided on Ann's pair (R, R) and on Cy's (O, R).
    assert overall(found, "conflict_rate", "samples") == 0.5
    assert overall(found, "ties", "samples") == 0.0
    assert found["prefers_revision", "author samples", "sex", "Female"]["value"] == 1.0


def test_every_two_ways_are_compared_and_choice_labels_the_pairs():
    rows = [
        judgement(who, who, said, way)
        for way, verdicts in (
            ("likelihood", ("revision", "revision", "original")),
            ("samples", ("revision", "original", "original")),
            ("choice", ("original", "original", "original")),
        )
        for who, said in zip(("ann", "bob", "cy"), verdicts, strict=True)
    ]
    found = run(pl.DataFrame(rows))
    arms = {key[1] for key in found if key[0] == "kappa_ways" and key[2] is None}
    assert arms == {"choice and samples", "choice and likelihood", "samples and likelihood"}
    # Samples against likelihood: agree in 2 of 3; p_e = 1/3 * 2/3 + 2/3 * 1/3 = 4/9; (6/9 - 4/9) / (5/9).
    assert overall(found, "kappa_ways", "samples and likelihood") == pytest.approx(0.4)
    assert overall(found, "prefers_revision_above", "author samples") == pytest.approx(-1 / 3)
    assert ("prefers_revision_above", "author choice", None, None) not in found


@pytest.mark.parametrize(
    ("original", "revision", "value", "n"),
    [
        ([None, None, None], [None, None, None], None, 0),
        ([True, False, None], [None, None, None], 0.5, 2),
        ([None, False, False], [True, None, False], 0.5, 2),
    ],
)
def test_what_is_not_known_of_cuts_is_not_claimed(original, revision, value, n):
    # Unknown beside "cut" is cut, beside "not cut" unknown, except where the whole column is.
    cut = PAIRS.with_columns(
        pl.Series("original_cut", original, dtype=pl.Boolean),
        pl.Series("revision_cut", revision, dtype=pl.Boolean),
    )
    row = run(table=cut).get(("cut_short", "pairs", None, None))
    assert (row and (row["value"], row["n"])) == (None if value is None else (value, n))
    without = run(table=PAIRS.drop("original_cut", "revision_cut"))
    assert ("cut_short", "pairs", None, None) not in without


def test_where_every_couple_disagrees_the_conflict_rate_is_bounded():
    rows = [
        judgement(a, p, v)
        for a in ("ann", "bob", "cy")
        for p, v in (("ann", "revision"), ("bob", "original"))
    ]
    row = run(pl.DataFrame(rows))["conflict_rate", "choice", None, None]
    # Two people judged all pairs; as two trials without a miss they bound the share at 0.025 ** (1 / 2).
    assert (row["value"], row["high"]) == (1.0, 1.0)
    assert row["low"] == pytest.approx(0.025 ** (1 / 2), abs=1e-6)


def overlapping(rng, people=24, count=120, judges=8):
    """Verdicts of people with a taste of their own, each of whom judges many authors' pairs."""
    ids = [f"p{i:02}" for i in range(people)]
    dealt = assign_panels(ids, [f"q{i}" for i in range(count)], judges, rng)
    dealt = dealt.with_columns(pl.int_range(pl.len()).alias("pair_id"))
    votes = dealt.select(
        "pair_id", "author_id", persona_id=pl.concat_list("author_id", "strangers"), prompt="pair_id"
    ).explode("persona_id")
    code = {"author_id": "author_id", "judge": "persona_id"}
    votes = votes.with_columns(
        pl.col(old).str.slice(1).cast(pl.Int64).alias(new) for new, old in code.items()
    )
    taste = rng.beta(1.5, 1.5, people)
    said = rng.random(len(votes)) < taste[votes["judge"].to_numpy()]
    return votes.with_columns(revised=pl.Series(said), score=pl.Series(said.astype(float)))


def test_where_people_judge_many_pairs_intervals_hold_what_they_say():
    # Everybody's taste is drawn with a mean of one half: the number is about people, and 24 of them were
    # drawn. Clustered by author alone, 37 % of such intervals held it.
    settings = Settings(draws=1, level=0.95, seed=0)
    found = [mean(overlapping(np.random.default_rng(each)), "score", settings) for each in range(200)]
    held = np.mean([each.low <= 0.5 <= each.high for each in found])
    assert held >= 0.93  # measured: 0.95


def test_the_ceiling_knows_that_its_judges_are_a_draw():
    settings = Settings(draws=1, level=0.95, seed=0)
    rows = []
    for each in range(150):
        panels = overlapping(np.random.default_rng(each))
        rows.append([_measured(name, s, panels, settings) for name, s in _splits(panels).items()])
    for found in zip(*rows, strict=True):
        truth = np.mean([each.value for each in found])
        assert np.mean([each.low <= truth <= each.high for each in found]) >= 0.93


def test_a_difference_that_is_nought_in_every_pair_is_bounded_on_both_sides():
    rows = [judgement(who, persona, "revision") for who in ("ann", "bob", "cy") for persona in (None, who)]
    found = run(pl.DataFrame(rows))["prefers_revision_above", "nobody choice", None, None]
    # Three authors without a difference: 1 - 0.025 ** (1 / 3) of them may differ, either way, by at most 1.
    most = 1 - 0.025 ** (1 / 3)
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.0, -most, most))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 4)), min_size=2, max_size=40))
def test_kappa_and_ac1_are_those_of_the_formulas(votes):
    rows = pl.DataFrame(votes, schema=["a", "b", CLUSTER], orient="row").with_columns(prompt=pl.col(CLUSTER))
    plain = Settings(draws=1, level=0.95, seed=0)
    one, other = (rows[name].to_numpy() for name in "ab")
    for ours, theirs in (
        (kappa, stats.cohen_kappa(one, other, draws=1)),
        (ac1, stats.gwet_ac1(one, other, categories=(False, True), draws=1)),
    ):
        found = ours(rows, "ab", plain)
        assert found.value == pytest.approx(theirs.value, nan_ok=True)
