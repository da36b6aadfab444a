"""Judging: both orders, likelihood contrast, ties and refusals; expected numbers derived by hand."""

from __future__ import annotations

import math

import pytest

from populace.feedback.judging import Judging, Panel, judge_requests, judgements
from populace.models.records import Choice, Completion

PANEL = Panel("pair", "prompt", "Why?", "Original.", "Revision.", ("ann", "bob"))
PROFILES = {"ann": "I am Ann.", "bob": "I am Bob.", "cy": "I judge nothing."}
JUDGING = Judging(model="judge")


def answer(requests, log_likelihoods):
    """Results by key: `log_likelihoods(request)` gives the two options' log-likelihoods."""
    results = {r.key: Choice(key=r.key, log_likelihoods=log_likelihoods(r), tokens=(1, 1)) for r in requests}
    return results.get


def requests(panel=PANEL, judging=JUDGING):
    return list(judge_requests([panel], PROFILES, judging))


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
    assert likelihood.messages[1].content == "Why?"
    assert len({r.key for r in plan}) == 9


def test_a_judge_that_always_says_one_is_a_tie_and_flips():
    # "Answer 1" has log-likelihood -1, "Answer 2" -3 in either order: pure position bias.
    # Original first: log-odds of the revision = -3 - -1 = -2. Revision first: it is option 1, so +2.
    # The mean is 0: p = 1/2, a tie; the two orders say sigmoid(-2) = 0.1192 and sigmoid(2) = 0.8808.
    table = judgements([PANEL], PROFILES, answer(requests(), lambda _: (-1.0, -3.0)), JUDGING)
    ann = table.filter(persona_id="ann", way="choice").row(0, named=True)
    assert ann["p_original_first"] == pytest.approx(0.119203, abs=1e-6)
    assert ann["p_revision_first"] == pytest.approx(0.880797, abs=1e-6)
    assert ann["p"] == 0.5
    assert ann["verdict"] == "tie"


def test_averaging_orders_keeps_the_preference_and_cancels_the_position():
    # Position adds 2 to the log-odds of the first answer; the preference for the revision is worth 1.
    def likes_the_revision(request):
        revision_is_first = request.messages[1].content.find("Revision.") < request.messages[1].content.find(
            "Original."
        )
        return (2.0 + 1.0, 0.0) if revision_is_first else (2.0, 1.0)

    judging = Judging(model="judge", ways=("choice",))
    table = judgements([PANEL], PROFILES, answer(requests(judging=judging), likes_the_revision), judging)
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

    table = judgements([PANEL], PROFILES, answer(requests(), likelihoods), JUDGING)
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
    table = judgements([PANEL], PROFILES, found.get, JUDGING)
    assert set(table["verdict"]) == {"refused"}
    assert table["p"].null_count() == table.height
    lost = judgements([PANEL], PROFILES, lambda _: None, JUDGING)
    assert set(lost["verdict"]) == {"failed"}
    wrong_kind = judgements([PANEL], PROFILES, lambda key: Completion(key=key, text="Answer 1"), JUDGING)
    assert set(wrong_kind["verdict"]) == {"failed"}


def test_an_option_that_was_not_offered_is_very_unlikely_but_finite():
    # Only "Answer 2" was sampled, in both orders: the floor of 20 nats makes it +20 and -20, a tie.
    table = judgements([PANEL], PROFILES, answer(requests(), lambda _: (None, 0.0)), JUDGING)
    ann = table.filter(persona_id="ann", way="choice").row(0, named=True)
    assert ann["p_original_first"] > 0.999
    assert ann["p_revision_first"] < 0.001
    assert ann["verdict"] == "tie"


def test_identical_answers_are_a_tie_whatever_the_judge_says():
    same = Panel("pair", "prompt", "Why?", "Same.", "Same.", ("ann",))
    table = judgements([same], PROFILES, answer(requests(same), lambda _: (-9.0, -1.0)), JUDGING)
    assert set(table["verdict"]) == {"tie"}
