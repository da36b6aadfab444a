"""Slates and axioms by hand, against brute force and abcvoting, and on real conversations."""

from __future__ import annotations

import time
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from oracles import oracle
from populace.errors import DataError
from populace.pluralism import slate
from populace.pluralism.jury import Jury
from populace.pluralism.slate.ballots import ballots_of
from populace.pluralism.slate.levels import worst_of

POLIS = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "polis"
VOTES = arrays.arrays(
    float, st.tuples(st.integers(4, 8), st.integers(4, 6)), elements=st.sampled_from([0, 1])
).filter(lambda votes: votes.any())
APPROVAL_RULES = ("cc", "pav", "mes", "phragmen", "monroe", "av", "sav")


def profile_of(votes):
    preferences = oracle("abcvoting.preferences")
    profile = preferences.Profile(votes.shape[1])
    profile.add_voters([set(np.flatnonzero(row)) for row in votes])
    return profile


def holds(votes, members, axiom, **more):
    return slate.check(votes, members, axiom, **more).holds


# Rules.

ORACLES = {
    "cc": "seqcc",
    "pav": "seqpav",
    "mes": "equal-shares",
    "phragmen": "seqphragmen",
    "av": "av",
    "sav": "sav",
}


@pytest.mark.parametrize("rule", sorted(ORACLES))
@settings(max_examples=25)
@given(votes=VOTES, size=st.integers(1, 3))
def test_steps_are_those_of_abcvoting(rule, votes, size):
    """Ours is among all the committees that theirs may end in."""
    rules = oracle("abcvoting.abcrules")
    theirs = rules.compute(ORACLES[rule], profile_of(votes), size, resolute=False)
    found = slate.choose(votes, size, rule)
    assert frozenset(found.members) in {frozenset(committee) for committee in theirs}
    assert not found.ties or len(theirs) >= 1
    if len(theirs) > 1:
        assert found.ties


@pytest.mark.parametrize("rule", ["cc", "pav", "monroe"])
@settings(max_examples=12)
@given(votes=VOTES, size=st.integers(1, 3))
def test_best_slates_are_those_of_brute_force(rule, votes, size):
    rules = oracle("abcvoting.abcrules")
    theirs = rules.compute(rule, profile_of(votes), size, resolute=False, algorithm="brute-force")
    found = slate.choose(votes, size, rule, method="exact")
    assert frozenset(found.members) in {frozenset(committee) for committee in theirs}
    others = {frozenset(tie.options) for tie in found.ties}
    assert others | {frozenset(found.members)} == {frozenset(committee) for committee in theirs}
    assert sorted(found.members) == min(
        sorted(committee) for committee in theirs
    ) and found.gap == pytest.approx(0, abs=1e-6)
    assert slate.choose(votes, size, rule).score <= found.score + 1e-9


@settings(max_examples=12)
@given(
    arrays.arrays(float, st.tuples(st.integers(3, 6), st.integers(3, 5)), elements=st.integers(0, 4)),
    st.integers(1, 3),
)
def test_best_cardinal_slates(utilities, size):
    every = list(combinations(range(utilities.shape[1]), size))
    best = max(utilities[:, list(members)].max(axis=1).sum() for members in every)
    assert slate.choose(utilities, size, "cc", method="exact").score == pytest.approx(best)
    parts = sorted(len(part) for part in np.array_split(np.arange(len(utilities)), size))

    def monroe(members):
        ways = (
            way
            for way in product(range(size), repeat=len(utilities))
            if sorted(np.bincount(way, minlength=size)) == parts
        )
        return max(sum(utilities[i, members[w]] for i, w in enumerate(way)) for way in ways)

    found = slate.choose(utilities, size, "monroe", method="exact")
    assert found.score == pytest.approx(max(monroe(members) for members in every))
    assert sorted(np.bincount(found.assignment, minlength=size)) == parts


def test_equal_shares_with_utilities_by_hand():
    """Four people hold 1 each, an option costs 2. a costs r with 10r + 10r = 2, so .1; b needs 3r x 3 = 2.

    After a, persons 0 and 1 have 0 left; b then has 2 supporters with 1 each: r = 1/3.
    """
    utilities = np.array([[10.0, 0, 0], [10, 3, 0], [0, 3, 1], [0, 3, 1]])
    found = slate.choose(utilities, 2, "mes")
    assert found.members == (0, 1) and not found.ties
    # Without c, whose supporters have spent all they had, a third option has nobody to pay for it.
    third = slate.choose([[1, 0], [1, 0], [0, 0], [0, 0]], 2, "mes", complete=False)
    assert third.members == (0,) and "only 1 of 2 options could be paid for" in third.notes
    with pytest.raises(DataError, match="a utility is below 0"):
        slate.choose([[-1.0, 2]], 1, "mes")


def test_phragmen_by_hand():
    """a at 1/3, by three; b at (1 + 1/3) / 2 = 2/3, one of its two having paid; c, alone, at 1."""
    votes = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
    assert slate.choose(votes, 3, "phragmen").members == (0, 1, 2)


def test_weights_are_copies_of_people():
    votes = np.array([[1.0, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0], [1, 1, 0, 0]])
    weights = [3, 1, 2, 1]
    jury = Jury(votes, weights=weights, kind="approval")
    copies = np.repeat(votes, weights, axis=0)
    for rule in ("cc", "pav", "mes", "phragmen", "av", "sav"):
        assert slate.choose(jury, 2, rule).members == slate.choose(copies, 2, rule).members
    for members in combinations(range(4), 2):
        for axiom in ("JR", "PJR", "EJR", "EJR+", "FJR", "core", "priceability"):
            assert holds(jury, members, axiom) == holds(copies, members, axiom)
    with pytest.raises(DataError, match="one by one"):
        slate.choose(jury, 2, "monroe")


def test_missing_is_no_support_and_a_threshold_is_asked_for():
    votes = np.array([[1, -1, np.nan], [1, 0, np.nan], [np.nan, 1, -1]])
    with pytest.raises(DataError, match="nothing says which of them is an approval"):
        slate.choose(votes, 2, "pav")
    found = slate.choose(votes, 2, "pav", threshold=1)
    assert found.members == (0, 1) and "33% of ratings are missing, and count as no approval" in found.notes
    assert "count as the lowest" in slate.choose(votes, 2, "cc").notes[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: slate.choose([[1, 0]], 3), "a slate of 3 cannot be chosen from 2"),
        (lambda: slate.choose([[1, 0]], 1, "irv"), "is no rule for slates"),
        (lambda: slate.choose([[1, 0]], 1, "mes", method="exact"), "is a procedure"),
        (lambda: slate.choose([[np.nan, np.nan]], 1), "nobody rated anything"),
        (lambda: slate.choose([1, 0], 1), r"shape \(2,\)"),
        (lambda: slate.check([[1, 0]], [0, 0]), "none of them twice"),
        (lambda: slate.check([[1, 0]], ["z"]), "'z' is no option"),
        (lambda: slate.check([[1, 0]], [0], "fair"), "is no axiom"),
        (lambda: slate.check([[1, 0]], [0], "cBJR"), "what each option costs"),
        (lambda: slate.check([[1, 0]], [0], quota=0), "gives everybody everything"),
        (lambda: slate.check([[1, 0]], [0], quota=np.nan), "a quota of nan"),
        (lambda: slate.choose([[1, 0]], 2, "bjr"), "1 people cannot be shared out"),
    ],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(DataError, match=message):
        call()


# Axioms.

CHECKS = {"JR": "jr", "PJR": "pjr", "EJR": "ejr", "EJR+": "ejr+", "FJR": "fjr", "core": "core"}


@settings(max_examples=40)
@given(votes=VOTES, data=st.data())
def test_checks_are_those_of_abcvoting(votes, data):
    properties = oracle("abcvoting.properties")
    size = data.draw(st.integers(1, 3))
    members = data.draw(st.sampled_from(list(combinations(range(votes.shape[1]), size))))
    profile = profile_of(votes)
    for axiom, theirs in CHECKS.items():
        more = {} if theirs in ("jr", "ejr+") else {"algorithm": "brute-force"}
        assert holds(votes, members, axiom) == properties.check(theirs, profile, members, **more), axiom


@settings(max_examples=30)
@given(votes=VOTES, data=st.data())
def test_axioms_imply_each_other_and_witnesses_are_true(votes, data):
    size = data.draw(st.integers(1, 4))
    members = data.draw(st.sampled_from(list(combinations(range(votes.shape[1]), size))))
    found = {axiom: slate.check(votes, members, axiom) for axiom in slate.AXIOMS[:7]}
    chain = ["EJR+ EJR", "EJR PJR", "PJR JR", "FJR EJR", "core FJR", "priceability PJR"]
    for strong, weak in map(str.split, chain):
        assert not (found[strong].holds and not found[weak].holds), (strong, weak)
    held = votes[:, list(members)].sum(axis=1)
    for axiom in ("JR", "EJR", "EJR+", "FJR", "core"):
        witness = found[axiom].witness
        assert (witness is None) == bool(found[axiom].holds)
        if witness is None:
            continue
        people, options = list(witness.people), list(witness.options)
        share = votes[np.ix_(people, options)].sum(axis=1)
        assert len(people) == witness.weight >= witness.deserve - 1e-9
        if axiom == "core":
            assert (share > held[people]).all()
        else:
            assert (held[people] < witness.level).all()
            assert (share >= (witness.level if axiom == "FJR" else len(options))).all()


@settings(max_examples=20)
@given(votes=VOTES, size=st.integers(1, 4))
def test_rules_satisfy_what_they_promise(votes, size):
    best = slate.choose(votes, size, "pav", method="exact")
    shares = slate.choose(votes, size, "mes")
    loads = slate.choose(votes, size, "phragmen")
    assert holds(votes, best, "EJR+") and holds(votes, shares, "EJR+") and holds(votes, loads, "PJR")
    assert holds(votes, slate.choose(votes, size, "cc", method="exact"), "JR")
    assert holds(votes, loads, "priceability") or votes.any(axis=0).sum() < size


def test_a_slate_for_the_majority_alone():
    """Six like a, b, c, four like d. Two of a, b: the four are 40 %, a half would be 50 %: JR holds.

    With three seats a third is enough: the four deserve d, and a, b, c is no fair slate.
    """
    votes = np.array([[1, 1, 1, 0]] * 6 + [[0, 0, 0, 1]] * 4)
    assert holds(votes, [0, 1], "core") and not holds(votes, [0, 1, 2], "JR")
    witness = slate.check(votes, [0, 1, 2], "JR").witness
    assert witness.people == (6, 7, 8, 9) and witness.names == ("3",) and witness.weight == 4
    assert witness.deserve == pytest.approx(10 / 3) and witness.level == 1
    for axiom in slate.AXIOMS[:7]:
        assert holds(votes, [0, 1, 3], axiom), axiom
        assert not holds(votes, [0, 1, 2], axiom), axiom


def test_a_check_is_no_yes_or_no():
    with pytest.raises(TypeError, match="may be undecided"):
        bool(slate.check([[1, 0]], [0]))


def test_an_open_answer_says_what_was_searched():
    rng = np.random.default_rng(1)
    votes = (rng.random((60, 30)) < 0.7).astype(float)
    hard = np.column_stack([votes, np.zeros((60, 4))])
    found = slate.check(hard, [30, 31, 32, 33], "PJR", steps=1)
    assert found.holds is False or "not all tried" in found.searched
    open_answer = slate.check(votes, [0, 1, 2, 3], "core", seconds=1e-3)
    assert open_answer.holds is not False or open_answer.witness is not None


# Balanced representation.


def brute_bjr(utilities, members):
    """The definition: some balanced assignment without a violation, over all of them."""
    people, size = len(utilities), len(members)
    parts = sorted(len(part) for part in np.array_split(np.arange(people), size))
    for way in product(range(size), repeat=people):
        if sorted(np.bincount(way, minlength=size)) != parts:
            continue
        held = utilities[np.arange(people), np.array(members)[list(way)]]
        worst = max(
            ((utilities[:, a] >= t) & (held < t)).sum()
            for a in range(utilities.shape[1])
            for t in np.unique(utilities)
        )
        if worst < people / size:
            return True
    return False


@settings(max_examples=25)
@given(
    arrays.arrays(float, st.tuples(st.integers(3, 6), st.integers(3, 5)), elements=st.integers(0, 3)),
    st.data(),
)
def test_balanced_representation_is_that_of_the_definition(utilities, data):
    size = data.draw(st.integers(1, 3))
    members = data.draw(st.sampled_from(list(combinations(range(utilities.shape[1]), size))))
    found = slate.check(utilities, members, "BJR")
    assert found.holds == brute_bjr(utilities, list(members))
    assert (found.witness is None) == found.holds
    chosen = slate.choose(utilities, size, "bjr")
    again = slate.check(utilities, chosen, "BJR")
    # A slate holds an option once: more than n / k who want that one may be left out, and nobody else.
    own = worst_of(
        ballots_of(utilities), chosen.members, chosen.assignment, np.full(9, len(utilities) / size)
    )
    assert own is None or own.options[0] in chosen.members
    assert again.holds or own is not None
    costs = slate.check(utilities, members, "cBJR", costs=np.ones(utilities.shape[1]), budget=size)
    # Without the lower bound on parts more assignments are allowed, and none is lost.
    assert costs.holds or not found.holds


def test_balanced_representation_by_hand():
    """Four people, two seats. a serves persons 0 and 1, b persons 2 and 3, c nobody well."""
    utilities = np.array([[5, 0, 1], [5, 0, 1], [0, 4, 1], [0, 4, 1]])
    assert slate.choose(utilities, 2, "bjr").members == (0, 1)
    assert slate.choose(utilities, 2, "bjr").assignment.tolist() == [0, 0, 1, 1]
    bad = slate.check(utilities, [0, 2], "BJR")
    assert not bad.holds and bad.witness.options == (1,) and bad.witness.people == (2, 3)
    assert bad.witness.level == 4
    # b costs the whole budget: two people do not deserve it.
    dear = slate.check(utilities, [0, 2], "cBJR", costs=[1, 2, 1], budget=2)
    assert dear.holds


# How many are represented.


def test_represented_by_hand():
    votes = np.array([[1, np.nan, -1], [np.nan, np.nan, 1], [-1, np.nan, np.nan], [1, 1, np.nan]])
    assert slate.represented(votes, [0], threshold=1).value == 0.5
    rated = slate.represented(votes, [0], threshold=1, among="rated")
    assert rated.value == pytest.approx(2 / 3) and rated.n == 3
    every = slate.represented(np.ones((30, 1)), [0])
    assert every.value == every.high == 1 and every.low < 0.95 and "Clopper-Pearson" in every.method


def test_a_slate_flatters_those_it_was_chosen_for():
    rng = np.random.default_rng(0)
    votes = (rng.random((60, 200)) < 0.05).astype(float)
    own = slate.represented(votes, slate.choose(votes, 5, "cc"))
    others = slate.held_out(votes, 5, "cc")
    assert others.value < own.value and others.low < 1 - (0.95**5) < others.high
    assert others == slate.held_out(votes, 5, "cc")
    with pytest.raises(DataError, match="make no 1 folds"):
        slate.held_out(votes, 5, folds=1)


# Size and real conversations.


def test_a_large_jury_is_served_at_once():
    rng = np.random.default_rng(0)
    votes = (rng.random((2000, 900)) < 0.12).astype(float)
    started = time.process_time()
    for rule in ("cc", "pav", "mes", "phragmen", "monroe", "bjr"):
        found = slate.choose(votes, 5, rule)
        assert len(set(found.members)) == 5
        assert slate.check(votes, found, "JR").holds and slate.check(votes, found, "EJR+").holds
    # Of the processor: others may be busy on this machine.
    assert time.process_time() - started < 10


def test_slates_of_a_real_conversation():
    if not (POLIS / "bg2050-volunteers").is_dir():
        pytest.skip("the Polis conversations are not here")
    from populace.pluralism import bridging

    talk = bridging.read_conversation(POLIS / "bg2050-volunteers")
    for rule in ("pav", "mes", "phragmen"):
        found = slate.choose(talk.votes, 5, rule, threshold=1)
        for axiom in ("JR", "PJR", "EJR", "EJR+"):
            assert slate.check(talk.votes, found, axiom, threshold=1).holds
        assert slate.represented(talk.votes, found, threshold=1).value > 0.6


def test_statements_equally_good_for_their_last_supporter():
    """Three people a part, nobody has three supporters: more supporters decide, not the first column."""
    votes = np.zeros((6, 4))
    votes[:2, 2], votes[2:4, 3] = 1, 1
    found = slate.choose(votes, 2, "bjr")
    assert found.members == (2, 3) and found.ties[0].options == (2, 3)


# What a number must not hide.


def test_rankings_and_grades_are_not_summed():
    """The reverse of what `Jury` refuses: a sum of ranks is no utility."""
    table = [[3, 2, 1], [1, 3, 2], [1, 2, 3]]
    rankings, grades = Jury(table, kind="ordinal"), Jury(table, kind="graded")
    for rule in slate.RULES:
        for threshold in (None, 2):
            with pytest.raises(DataError, match="a ranking says neither"):
                slate.choose(rankings, 2, rule, threshold=threshold)
    with pytest.raises(DataError, match="a ranking says neither"):
        slate.check(rankings, [0, 1], "BJR")
    for rule in ("cc", "mes", "monroe", "pav"):
        with pytest.raises(DataError, match="grades have an order, and no sums"):
            slate.choose(grades, 2, rule)
        assert (
            slate.choose(grades, 2, rule, threshold=3).members
            == slate.choose(table, 2, rule, threshold=3).members
        )
    chosen = slate.choose(grades, 2, "bjr")
    assert slate.check(grades, chosen, "BJR").holds is not None


def test_an_option_without_supporters_has_no_price():
    votes = [[1, 0, 0]] * 4
    assert not holds(votes, [1], "priceability") and not holds(votes, [0, 1], "priceability")
    assert holds(votes, [0], "priceability")
    # Two of three pay .5 each for a; the third has .5 as well, and may keep it: b costs 1.
    assert holds([[1, 0], [1, 0], [0, 1]], [0], "priceability")
    # Were a shared by one only, who pays 1 alone, each of the others has 1 too and two of them share b.
    assert not holds([[1, 0], [0, 1], [0, 1]], [0], "priceability")


def test_balance_needs_people_who_weigh_the_same():
    jury = Jury([[5, 0], [0, 4], [0, 4]], weights=[2, 1, 1])
    for axiom, more in (("BJR", {}), ("cBJR", {"costs": [1, 1], "budget": 1})):
        with pytest.raises(DataError, match=f"`{axiom}` gives people to options one by one"):
            slate.check(jury, [0], axiom, **more)
    twice = Jury([[5, 0], [0, 4], [0, 4]], weights=[2, 2, 2])
    assert holds(twice, [0], "BJR") == holds([[5, 0], [0, 4], [0, 4]], [0], "BJR")


def test_all_slates_as_good_are_listed_and_the_first_is_taken():
    votes = np.array([[1, 1, 1, 0]] * 6 + [[0, 0, 0, 1]] * 4)
    found = slate.choose(votes, 2, "cc", method="exact")
    assert found.members == (0, 3) and [tie.options for tie in found.ties] == [(1, 3), (2, 3)]
    assert "all others are listed" in found.notes[0]
    pairs = slate.choose(np.eye(4), 2, "cc", method="exact")
    assert pairs.members == (0, 1) and len(pairs.ties) == 5
    many = slate.choose(np.eye(9), 4, "cc", method="exact")
    assert len(many.ties) == 20 and "there may be more" in many.notes[0]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -1], "row 2: a weight is -1"),
        ([np.nan, 1], "row 1: a weight is nan"),
        ([0, 0], "all weights are 0"),
    ],
)
def test_weights_that_are_none(weights, message):
    class Held:
        utilities = np.eye(2)

    held = Held()
    held.weights = weights
    with pytest.raises(DataError, match=message):
        slate.choose(held, 1)


def test_limits_limit():
    """Sets of a slate's options are steps of a search for PJR; all programmes share their seconds."""
    started = time.process_time()
    rng = np.random.default_rng(14)
    votes = (rng.random((40, 22)) < 0.25).astype(float)
    assert not holds(votes, range(18), "EJR+")
    asked = slate.check(votes, range(18), "PJR", steps=1000)
    assert asked.holds is None and "not all tried" in asked.searched
    assert time.process_time() - started < 1
    utilities = rng.random((300, 40))
    started = time.monotonic()
    slate.check(utilities, list(range(12)), "BJR", seconds=0.5)
    assert time.monotonic() - started < 5


def test_words_that_mean_nothing():
    with pytest.raises(DataError, match="`method` is 'exakt'"):
        slate.choose([[1, 0]], 1, method="exakt")
    for call in (slate.represented, slate.held_out):
        with pytest.raises(DataError, match="`among` is 'all'"):
            call(np.eye(3), [0] if call is slate.represented else 1, among="all")
