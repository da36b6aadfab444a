"""Judging: both orders, likelihood contrast, ties and refusals; expected numbers derived by hand."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.feedback.judging import Judgements, Judging
from populace.feedback.verdicts import read_verdict
from populace.models.records import Choice, ChooseRequest, Completion, Failure


def pair(
    pair_id="pair", prompt_id="prompt", original="Original.", revision="Revision.", judges=("ann", "bob")
):
    """One row of what is judged; the first of `judges` wrote the pair."""
    return {
        **{"pair_id": pair_id, "prompt_id": prompt_id, "prompt": f"Why {prompt_id}?"},
        **{"original": original, "revision": revision},
        **{"author_id": judges[0], "strangers": list(judges[1:])},
    }


def frame(*pairs):
    return pl.DataFrame(pairs, schema_overrides={"strangers": pl.List(pl.String)})


PAIR = frame(pair())
PROFILES = {"ann": "I am Ann.", "bob": "I am Bob.", "cy": "I judge nothing."}
JUDGING = Judging(model="judge")


def answer(requests, log_likelihoods):
    """Results by key: `log_likelihoods(request)` gives the two options' log-likelihoods."""
    results = {r.key: Choice(key=r.key, log_likelihoods=log_likelihoods(r), tokens=(1, 1)) for r in requests}
    return results.get


def requests(pairs=PAIR, judging=JUDGING):
    return list(Judgements(pairs, PROFILES, {}.get, judging).requests())


def judgements(lookup, pairs=PAIR, judging=JUDGING):
    return Judgements(pairs, PROFILES, lookup, judging).table()


def test_the_plan_is_persona_major_with_both_orders_adjacent():
    plan = requests()
    # nobody, ann, bob; each asks choice twice and likelihood once. Cy judges nothing.
    assert len(plan) == 9
    systems = [r.messages[0].content for r in plan]
    assert [("Ann" in s, "Bob" in s) for s in systems] == (
        [(False, False)] * 3 + [(True, False)] * 3 + [(False, True)] * 3
    )
    first, second, likelihood = plan[3:6]
    assert first.messages[1].content.index("Original.") < first.messages[1].content.index("Revision.")
    assert second.messages[1].content.index("Revision.") < second.messages[1].content.index("Original.")
    assert likelihood.options == ("Original.", "Revision.")
    assert likelihood.messages[1].content == "Why prompt?"
    assert len({r.key for r in plan}) == 9


def test_a_judge_that_always_says_one_is_a_tie_and_flips():
    # "Answer 1" has log-likelihood -1, "Answer 2" -3 in either order: pure position bias.
    # Original first: log-odds of the revision = -3 - -1 = -2. Revision first: it is option 1, so +2.
    # The mean is 0: p = 1/2, a tie; the two orders say sigmoid(-2) = 0.1192 and sigmoid(2) = 0.8808.
    table = judgements(answer(requests(), lambda _: (-1.0, -3.0)))
    ann = table.filter(persona_id="ann", way="choice").row(0, named=True)
    assert ann["p_original_first"] == pytest.approx(0.119203, abs=1e-6)
    assert ann["p_revision_first"] == pytest.approx(0.880797, abs=1e-6)
    assert ann["p"] == 0.5
    assert ann["verdict"] == "tie"


def test_traces_on_the_numbers_are_a_refusal_and_the_mass_is_kept():
    # A judge that writes "I'm sorry": 1 and 2 have 1e-5 and 1e-6, which is odds of 12 to 1, and no answer.
    refusing = judgements(answer(requests(), lambda r: (-11.5, -14.0) if r.opening else (-50.0, -60.0)))
    choice = refusing.filter(way="choice")
    assert set(choice["verdict"]) == {"refused"}
    assert choice["mass"].to_list() == pytest.approx([math.exp(-11.5) + math.exp(-14)] * 3)
    # Texts are improbable as a whole; by likelihood no mass is asked for, and none is said.
    assert refusing.filter(way="likelihood")["verdict"].to_list() == ["tie", "tie"]
    assert refusing.filter(way="likelihood")["mass"].null_count() == 2
    # Just above the limit the ratio counts: 0.06 and 0.05.
    said = judgements(answer(requests(), lambda _: (math.log(0.06), math.log(0.05))))
    assert said.filter(way="choice")["mass"].to_list() == pytest.approx([0.11] * 3)
    assert "refused" not in said["verdict"].to_list()


def test_refused_in_one_order_is_refused():
    def one_sided(request):
        return (-1.0, -2.0) if not revision_first(request) else (-9.0, -8.0)

    judging = Judging(model="judge", ways=("choice",))
    table = judgements(answer(requests(judging=judging), one_sided), judging=judging)
    assert set(table["verdict"]) == {"refused"}
    assert table["mass"].to_list() == pytest.approx([math.exp(-9) + math.exp(-8)] * 3)


def test_averaging_orders_keeps_the_preference_and_cancels_the_position():
    # Position adds 2 to the log-odds of the first answer; the preference for the revision is worth 1.
    def likes_the_revision(request):
        revision_is_first = request.messages[1].content.find("Revision.") < request.messages[1].content.find(
            "Original."
        )
        return (2.0 + 1.0, 0.0) if revision_is_first else (2.0, 1.0)

    judging = Judging(model="judge", ways=("choice",))
    table = judgements(answer(requests(judging=judging), likes_the_revision), judging=judging)
    # Log-odds of the revision: 1 - 2 = -1 and 3 - 0 = 3; mean 1; sigmoid(1) = 0.731059.
    assert table["p"].to_list() == pytest.approx([0.731059] * 3, abs=1e-6)
    assert set(table["verdict"]) == {"revision"}


def test_likelihood_contrast_takes_off_what_nobody_would_say():
    # Ann makes the original 3 nats likelier and the revision 1 nat likelier than nobody does:
    # log-odds = (r_ann - o_ann) - (r_none - o_none) = (-19 - -17) - (-20 - -20) = -2.
    def likelihoods(request):
        if request.opening:
            return (-1.0, -1.0)
        return (-17.0, -19.0) if "Ann" in request.messages[0].content else (-20.0, -20.0)

    table = judgements(answer(requests(), likelihoods))
    ann = table.filter(persona_id="ann", way="likelihood").row(0, named=True)
    bob = table.filter(persona_id="bob", way="likelihood").row(0, named=True)
    assert ann["p"] == pytest.approx(1 / (1 + math.exp(2)))
    assert ann["verdict"] == "original"
    assert bob["p"] == 0.5
    assert bob["verdict"] == "tie"
    # Nobody contrasted with nobody is one half by construction: no such row.
    assert table.filter(way="likelihood")["role"].to_list() == ["author", "stranger"]


def test_refusals_and_failures_are_kept_and_never_counted_as_a_preference():
    plan = requests()
    found = {r.key: Choice(key=r.key, log_likelihoods=(None, None), tokens=(1, 1)) for r in plan}
    table = judgements(found.get)
    assert set(table["verdict"]) == {"refused"}
    assert table["p"].null_count() == table.height
    lost = judgements(lambda _: None)
    assert set(lost["verdict"]) == {"failed"}
    wrong_kind = judgements(lambda key: Completion(key=key, text="Answer 1"))
    assert set(wrong_kind["verdict"]) == {"failed"}


def test_an_option_that_was_not_offered_is_very_unlikely_but_finite():
    # Only "Answer 2" was sampled, in both orders: the floor of 20 nats makes it +20 and -20, a tie.
    table = judgements(answer(requests(), lambda _: (None, 0.0)))
    ann = table.filter(persona_id="ann", way="choice").row(0, named=True)
    assert ann["p_original_first"] > 0.999
    assert ann["p_revision_first"] < 0.001
    assert ann["verdict"] == "tie"


def test_identical_answers_are_a_tie_whatever_the_judge_says():
    same = frame(pair(original="Same.", revision="Same.", judges=("ann",)))
    table = judgements(answer(requests(same), lambda _: (-9.0, -1.0)), same)
    assert set(table["verdict"]) == {"tie"}


def test_nobody_goes_prompt_by_prompt_and_personas_one_after_the_other():
    # Two pairs on p, one on q between them; ann wrote the first and third, bob the second, each judges all.
    pairs = frame(
        pair("1", "p", revision="R1."),
        pair("2", "q", revision="R2.", judges=("bob", "ann")),
        pair("3", "p", revision="R3."),
    )
    plan = requests(pairs, Judging(model="judge", ways=("likelihood",)))
    who = [next((name for name in ("Ann", "Bob") if name in r.messages[0].content), None) for r in plan]
    asked = [(name, r.messages[1].content, r.options[1]) for name, r in zip(who, plan, strict=True)]
    first, second, third = ("Why p?", "R1."), ("Why q?", "R2."), ("Why p?", "R3.")
    assert asked == [
        *((None, *question) for question in (first, third, second)),
        *(("Ann", *question) for question in (first, second, third)),
        *(("Bob", *question) for question in (first, second, third)),
    ]


def test_rows_stand_pair_by_pair_nobody_first_then_the_author():
    pairs = frame(pair("1"), pair("2", judges=("bob", "ann")))
    table = judgements(lambda _: None, pairs)
    assert table.select("pair_id", "persona_id", "role", "way").rows() == [
        (pair_id, persona, role, way)
        for pair_id, author, stranger in (("1", "ann", "bob"), ("2", "bob", "ann"))
        for persona, role in ((None, "nobody"), (author, "author"), (stranger, "stranger"))
        for way in ("choice", "likelihood")
        if not (persona is None and way == "likelihood")
    ]


WRITTEN = Judging(model="judge", ways=("samples",), samples=4, temperature=0.8, tokens=6)


def written(texts, judging=WRITTEN, pairs=PAIR):
    """The table where the judge writes `texts(request)`, and None is a call without an answer."""
    found = {}
    for request in requests(pairs, judging):
        if (text := texts(request)) is not None:
            found[request.key] = Completion(key=request.key, text=text)
    return judgements(found.get, pairs, judging)


def revision_first(request):
    text = request.messages[1].content
    return text.index("Revision.") < text.index("Original.")


def test_written_verdicts_are_asked_order_by_order_in_samples_of_their_own():
    plan = requests(judging=WRITTEN)
    # nobody, ann and bob; two orders of four samples each.
    assert len(plan) == 3 * 8 == Judgements(PAIR, PROFILES, {}.get, WRITTEN).calls
    assert [revision_first(r) for r in plan[:8]] == [False] * 4 + [True] * 4
    assert [r.sample for r in plan[:8]] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert {(r.max_tokens, r.temperature, r.model) for r in plan} == {(6, 0.8, "judge")}
    assert len({r.key for r in plan}) == 24
    # The very question of the way by choice.
    chosen = requests(judging=Judging(model="judge", ways=("choice",)))
    assert {r.messages for r in plan} == {r.messages for r in chosen}


def test_shares_of_written_verdicts_by_hand():
    # Original first: 2, 2, 2, 1 -> 3/4 for the revision. Revision first: 1, both, 2, 2 -> the revision has
    # 1 + 1/2 of 4 = 3/8. The mean of the orders is 9/16.
    def texts(request):
        if revision_first(request):
            return ("1", "Both are fine.", "2", "Answer 2")[request.sample]
        return ("2", "2", "**2**", "1.")[request.sample]

    table = written(texts)
    assert table["role"].to_list() == ["nobody", "author", "stranger"]
    for row in table.iter_rows(named=True):
        assert (row["p_original_first"], row["p_revision_first"], row["p"]) == (0.75, 0.375, 0.5625)
        assert (row["verdict"], row["votes"], row["way"]) == ("revision", 8, "samples")


def test_a_judge_of_positions_ties_and_what_is_unreadable_is_left_out_and_counted():
    always_first = written(lambda request: "1")
    assert always_first.select("p_original_first", "p_revision_first", "p", "verdict").row(1) == (
        *(0.0, 1.0, 0.5),
        "tie",
    )
    # Two of four verdicts in each order can be read: the share is of those.
    half = written(lambda r: "Sorry." if r.sample < 2 else ("1" if revision_first(r) else "2"))
    assert half.select("p", "verdict", "votes").row(1) == (1.0, "revision", 4)


def test_an_order_without_a_verdict_is_a_refusal_and_an_order_without_an_answer_a_failure():
    one_sided = written(lambda r: "I cannot." if revision_first(r) else "2")
    assert one_sided.select("p_original_first", "p_revision_first", "p", "verdict", "votes").row(0) == (
        *(1.0, None, None),
        *("refused", 4),
    )
    lost = written(lambda r: None if revision_first(r) else "2")
    assert set(lost["verdict"]) == {"failed"}
    # One call of eight is lost: the others say what they say.
    nearly = written(lambda r: None if (r.sample, revision_first(r)) == (0, True) else "2")
    assert nearly.select("p", "verdict", "votes").row(0) == (0.5, "tie", 7)


def test_written_verdicts_beside_choice_leave_it_as_it_was():
    alone = Judging(model="judge", ways=("choice",))
    both = Judging(model="judge", ways=("samples", "choice"), samples=2)
    found = {}
    for request in requests(judging=both):
        found[request.key] = (
            Choice(key=request.key, log_likelihoods=(-1.0, -2.0 - len(found) % 3), tokens=(1, 1))
            if isinstance(request, ChooseRequest)
            else Completion(key=request.key, text="2")
        )
    table = judgements(found.get, judging=both)
    assert table.filter(way="choice").equals(judgements(found.get, judging=alone))
    assert table["way"].to_list() == ["samples", "choice"] * 3


def test_nobody_is_the_author_of_two_samples():
    pairs = PAIR.with_columns(pl.lit("answer").alias("revision_origin"))
    assert judgements(lambda _: None, pairs)["role"].unique().sort().to_list() == ["nobody", "stranger"]
    revised = PAIR.with_columns(pl.lit("revision").alias("revision_origin"))
    assert judgements(lambda _: None, revised).equals(judgements(lambda _: None))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        *((text, 0.0) for text in ("1", " 1\n", "1.", "Answer 1", "I'd pick answer 1.", '"1"', "Answer: 1")),
        *(
            (text, 1.0)
            for text in ("2", "**2**", "Number 2", "I prefer the answer 2", "2, since both are long")
        ),
        *(
            (text, 1.0)
            for text in ("My answer is 2", "I would pick 2", "Answer 2 is better.", "2 over the other")
        ),
        # What is rejected is not preferred.
        *(
            (text, None)
            for text in (
                "Answer 1 is worse",
                "Definitely not 1.",
                "I would not choose 1",
                "I wouldn't pick 1",
            )
        ),
        *((text, None) for text in ("Not 2", "Answer 2 is terrible.", "1 is not better", "Never 2!")),
        *(
            (text, None)
            for text in ("I cannot pick; 1 person", "I can’t choose either", "They are not the same")
        ),
        # Numbers that count something else.
        *((text, None) for text in ("$1,000", "1,000", "1 person", "2 of them", "1st", "1/2", "21", "-1.5")),
        ("Answer 1 and the other are equal", 0.5),
        *((text, 0.5) for text in ("Both", "Neither.", "They are equal", "It is a tie", "the same")),
        *(
            (text, None)
            for text in ("", "12", "1.5 stars", "1 or 2", "Answer 1 beats answer 2", "As an AI", "A")
        ),
    ],
)
def test_what_counts_as_a_written_verdict(text, read):
    assert read_verdict(text) == read


PEOPLE = ["ann", "bob", "cy"]
LIKELIHOOD = st.one_of(st.none(), st.floats(-30, 0), st.floats(-3, -0.7))
RESULT = st.one_of(st.none(), st.just("failure"), st.tuples(LIKELIHOOD, LIKELIHOOD))


def naive(pairs, found, judging):
    """The table row by row, each judgement on its own: the twin of the vectorised one."""

    def odds(result, labels=False):
        if not isinstance(result, Choice) or result.log_likelihoods == (None, None):
            return None
        listed = [value for value in result.log_likelihoods if value is not None]
        if labels and sum(map(math.exp, listed)) < 0.1:
            return None
        floor = min(-20.0, min(listed) - 1)
        first, second = (floor if value is None else value for value in result.log_likelihoods)
        return second - first

    def mass(result):
        return min(1.0, sum(math.exp(value) for value in result.log_likelihoods if value is not None))

    def asked(row, persona):
        one = frame({**row, "author_id": persona or "ann", "strangers": []})
        plan = list(Judgements(one, PROFILES, {}.get, judging).requests())
        each = len(plan) // 2
        return [found.get(request.key) for request in plan[each * (persona is not None) :][:each]]

    def sigmoid(x):
        return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))

    for row in pairs.iter_rows(named=True):
        for place, persona in enumerate((None, row["author_id"], *row["strangers"])):
            for way in judging.ways:
                if persona is None and way == "likelihood":
                    continue
                at = 0 if way == judging.ways[0] else 2 if way == "likelihood" else 1
                if way == "choice":
                    used = asked(row, persona)[at : at + 2]
                    forward, backward = odds(used[0], True), odds(used[1], True)
                    backward = None if backward is None else -backward
                else:
                    used = [asked(row, persona)[at], asked(row, None)[at]]
                    told, untold = odds(used[0]), odds(used[1])
                    forward = backward = None if told is None or untold is None else told - untold
                p = None if forward is None or backward is None else sigmoid((forward + backward) / 2)
                if p is None:
                    verdict = "refused" if all(isinstance(result, Choice) for result in used) else "failed"
                elif row["original"] == row["revision"] or abs(p - 0.5) <= judging.tie_margin:
                    verdict = "tie"
                else:
                    verdict = "revision" if p > 0.5 else "original"
                role = ("nobody", "author")[place] if place < 2 else "stranger"
                values = (None if odds is None else sigmoid(odds) for odds in (forward, backward))
                yield (
                    row["pair_id"],
                    row["prompt_id"],
                    persona,
                    role,
                    way,
                    *values,
                    p,
                    verdict,
                    judging.model,
                    None,
                    pytest.approx(min(map(mass, used)))
                    if way == "choice" and all(isinstance(result, Choice) for result in used)
                    else None,
                )


@settings(deadline=None)
@given(st.data())
def test_the_table_is_that_of_a_naive_twin(data):
    pairs = frame(
        *(
            pair(str(number), prompt, f"O{number % 2}", f"O{revision}", tuple(judges))
            for number, (prompt, revision, judges) in enumerate(
                data.draw(
                    st.lists(
                        st.tuples(
                            st.sampled_from("pq"),
                            st.integers(0, 3),
                            st.permutations(PEOPLE).flatmap(lambda p: st.sampled_from([p[:1], p[:2], p])),
                        ),
                        min_size=1,
                        max_size=4,
                    )
                )
            )
        )
    )
    ways = data.draw(
        st.sampled_from([("choice",), ("likelihood",), ("choice", "likelihood"), ("likelihood", "choice")])
    )
    judging = Judging(model="judge", ways=ways)
    found: dict[str, Choice | Failure] = {}
    judged = Judgements(pairs, PROFILES, found.get, judging)
    plan: list[ChooseRequest] = list(judged.requests())
    assert len(plan) == judged.calls
    for key in dict.fromkeys(request.key for request in plan):
        drawn = data.draw(RESULT)
        if drawn == "failure":
            found[key] = Failure(key=key, boundary="server", message="", retryable=True)
        elif drawn:
            found[key] = Choice(key=key, log_likelihoods=drawn, tokens=(1, 1))
    table = judged.table()
    assert table.rows() == list(naive(pairs, found, judging))
    # Read back without the keys kept while the plan was expanded, it is the same.
    assert Judgements(pairs, PROFILES, found.get, judging).table().equals(table)
