"""Juries: every rule by hand, against pref_voting, and by the axioms that it is said to have."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from oracles import oracle
from populace.errors import DataError
from populace.pluralism import jury as room
from populace.pluralism.jury import Jury, majority, welfare
from populace.pluralism.jury.kemeny import kemeny
from populace.pluralism.jury.lottery import maximal
from populace.pluralism.jury.pairwise import pairwise, pairwise_of_draws
from populace.pluralism.jury.ranked_pairs import ranked_pairs
from populace.pluralism.jury.scoring import wins_of

FEW = settings(max_examples=25, deadline=None)
CONDORCET = ("copeland", "minimax", "schulze", "ranked_pairs", "split_cycle", "kemeny")


def tables(least=1, options=(1, 6), jurors=(1, 9), whole=9):
    """Ratings from `least` up: few levels, so that ties happen."""
    shape = st.tuples(st.integers(*jurors), st.integers(*options))
    return shape.flatmap(lambda size: arrays(np.float64, size, elements=st.integers(least, whole).map(float)))


def wins(table, rule, weights=None, **told):
    return set(Jury(table, weights=weights, zero=0).winner(rule, draws=0, **told).winners)


# --- by hand ---


def test_every_welfare_rule_by_hand():
    """Columns: 9, 9, 0 (mean 6, min 0) and 4, 4, 4."""
    jury = Jury([[9, 4], [9, 4], [0, 4]], ["peak", "flat"], zero=0, scale=(0, 10))
    score = {
        name: jury.winner(name, draws=0, **told).scores["peak"]
        for name, told in {
            "utilitarian": {}, "nash": {}, "maximin": {}, "quantile": {"q": 0.5}, "cvar": {"alpha": 0.5},
            "gini": {}, "owa": {"by_rank": [3, 1, 0]}, "p_mean": {"p": 0.5}, "atkinson": {"epsilon": 0.5},
            "relative_utilitarian": {}, "approval": {"threshold": 5}, "sav": {"threshold": 4}, "borda": {},
            "plurality": {}, "copeland": {}, "minimax": {}, "schulze": {}, "split_cycle": {},
        }.items()
    }  # fmt: skip
    assert score["utilitarian"] == 6 and score["nash"] == 0 and score["maximin"] == 0
    assert score["quantile"] == 9  # two of three are at or above 9, one of three is below
    assert score["cvar"] == pytest.approx((0 / 3 + 9 / 6) / 0.5)  # the worst third at 0, a sixth at 9
    assert score["gini"] == pytest.approx((5 * 0 + 3 * 9 + 1 * 9) / 9)
    assert score["owa"] == pytest.approx(9 / 4)
    assert score["p_mean"] == score["atkinson"] == pytest.approx(4.0)  # (2/3 * 3)^2
    assert score["relative_utilitarian"] == pytest.approx(2 / 3)
    assert score["approval"] == pytest.approx(2 / 3) and score["sav"] == pytest.approx(1 / 3)
    assert score["borda"] == score["plurality"] == pytest.approx(2 / 3)
    assert score["copeland"] == 1 and score["minimax"] == 0 and score["split_cycle"] == 0
    assert score["schulze"] == pytest.approx(1 / 3)
    assert wins(jury.ballots.utilities, "leximin") == {"1"}


def test_wikipedias_schulze_example():
    """45 voters, five candidates; E wins by Schulze (Schulze 2011, example 1)."""
    ballots = ["ACBED"] * 5 + ["ADECB"] * 5 + ["BEDAC"] * 8 + ["CABED"] * 3 + ["CAEBD"] * 7
    ballots += ["CBADE"] * 2 + ["DCEBA"] * 7 + ["EBADC"] * 8
    jury = Jury(
        [[-ballot.index(name) for name in "ABCDE"] for ballot in ballots], list("ABCDE"), kind="ordinal"
    )
    assert round(jury.pairs.wins[0, 1] * 45) == 20 and round(jury.pairs.wins[1, 0] * 45) == 25
    assert jury.winner("schulze").winners == ("E",)
    paths = np.round(majority.beat_paths(jury.margins) * 45)
    assert paths[0].tolist()[1:] == [2 * 28 - 45, 2 * 28 - 45, 2 * 30 - 45, 2 * 24 - 45]


def test_condorcet_of_a_cycle_and_of_a_line():
    line = Jury([[3, 2, 1]] * 2 + [[1, 3, 2]], list("abc")).condorcet()
    assert (line.winner, line.loser, line.smith, line.cycle) == ("a", "c", ("a",), ())
    cycle = Jury([[3, 2, 1, 0], [1, 3, 2, 0], [2, 1, 3, 0]], list("abcd")).condorcet()
    assert cycle.winner is None and cycle.loser == "d"
    assert cycle.smith == cycle.schwartz == tuple("abc") and len(cycle.cycle) == 3
    alone = Jury([[1], [2]], ["a"]).condorcet()
    assert alone.winner is None and alone.smith == ("a",)


def test_ties_are_results():
    tied = Jury([[1, 2], [2, 1]], ["a", "b"], zero=0)
    for rule in (*CONDORCET, "utilitarian", "nash", "leximin", "borda", "plurality", "relative_utilitarian"):
        found = tied.winner(rule)
        assert found.winners == ("a", "b"), rule
    assert tied.winner("utilitarian").margin.value == 0
    with pytest.raises(DataError, match="tied by"):
        _ = tied.winner("schulze").only


def test_ranked_pairs_follows_every_order_of_tied_majorities():
    """a > b and b > c and c > a by the same margin: each of the three wins in some order."""
    margins = np.array([[0, 0.2, -0.2], [-0.2, 0, 0.2], [0.2, -0.2, 0]])
    assert ranked_pairs(margins) == ([0, 1, 2], True)
    bounded = ranked_pairs(np.kron(margins, np.ones((1, 1))), states=1)
    assert set(bounded.winners) == {0, 1, 2} and not bounded.exact


def test_a_meaningless_combination_is_an_error():
    ordinal = Jury([[2, 1], [1, 2]], ["a", "b"], kind="ordinal")
    for rule in ("utilitarian", "maximin", "nash", "approval", "gini"):
        with pytest.raises(DataError, match="means nothing on ordinal"):
            ordinal.winner(rule)
    graded = Jury([[2, 1], [1, 2]], kind="graded")
    assert graded.winner("quantile").winners
    with pytest.raises(DataError, match="adds up differences"):
        graded.winner("utilitarian")
    approvals = Jury([[1, 0], [1, 1]], kind="approval")
    assert approvals.winner("utilitarian").winners == approvals.winner("approval").winners == ("0",)
    with pytest.raises(DataError, match="ratios"):
        approvals.winner("nash")
    plain = Jury([[2, 1], [1, 2]])
    with pytest.raises(DataError, match="zero point, and the jury has none"):
        plain.winner("nash")
    with pytest.raises(DataError, match="below the zero point"):
        Jury([[2, 1], [-1, 2]], zero=0).winner("nash")
    with pytest.raises(DataError, match="p is 2"):
        Jury([[2, 1]], zero=0).winner("p_mean", p=2)
    with pytest.raises(DataError, match="did you mean 'schulze'"):
        plain.winner("schulz")
    with pytest.raises(DataError, match="needs 'threshold'"):
        plain.winner("approval")
    with pytest.raises(DataError, match="no setting 'q'"):
        plain.winner("borda", q=1)


@pytest.mark.parametrize(
    ("table", "told", "message"),
    [
        ([], {}, "shape"), ([1.0, 2.0], {}, "shape"), ([["a"]], {}, "no table of numbers"),
        ([[1, np.inf]], {}, "row 1, column 1"), ([[1, np.nan], [2, np.nan]], {}, "nobody rated"),
        ([[1, 2], [np.nan, np.nan]], {}, "row 2: this juror rated nothing"),
        ([[1, 2]], {"options": ["a"]}, "1 names"),
        ([[1, 2]], {"options": ["a", "a"]}, "named twice"), ([[1, 2]], {"weights": [-1]}, "below zero"),
        ([[1, 2]], {"weights": [1, 1]}, "one per juror"), ([[1, 2]], {"kind": "stars"}, "no kind"),
        ([[1, 2]], {"kind": "approval"}, "no approval"), ([[1, 7]], {"scale": (1, 5)}, "off the scale"),
        ([[1, 7]], {"kind": "ordinal", "zero": 0}, "neither a zero"),
    ],
)  # fmt: skip
def test_bad_ballots_are_named(table, told, message):
    with pytest.raises(DataError, match=message):
        Jury(table, **told)


def test_missing_ratings_are_not_low_ratings():
    nan = np.nan
    jury = Jury([[5, 4], [nan, 4], [nan, 4], [5, 1]], ["a", "b"], zero=0, scale=(0, 5))
    found = jury.winner("utilitarian")
    assert found.winners == ("a",) and found.scores == {"a": 5.0, "b": 3.25}
    assert "2 of 8 ratings missing" in found.missing and "by those who rated it" in found.missing
    assert jury.pairs.wins.tolist() == [[0, 0.5], [0, 0]]  # only two compared them
    bounds = jury.missing_sensitivity("utilitarian")
    assert bounds.low["a"] == 2.5 and bounds.high["a"] == 5 and not bounds.settled and bounds.must == ()
    assert jury.filled(0).winner("utilitarian").winners == ("b",)
    with pytest.raises(DataError, match="no bound"):
        jury.missing_sensitivity("schulze")


def test_group_shares_move_the_mean():
    jury = Jury([[1.0, 0], [1, 0], [0, 1]], ["a", "b"])
    assert jury.weighted(["x", "x", "y"], {"x": 1, "y": 1}).winner("utilitarian").winners == ("a", "b")
    with pytest.raises(DataError, match="no share"):
        jury.weighted(["x", "x", "y"], {"x": 1})
    with pytest.raises(DataError, match="nobody speaks"):
        jury.weighted(["x", "x", "x"], {"x": 1, "y": 1})


def test_strategic_counts_by_hand():
    """90 jurors give a 6 and b 5: b is 90 behind; who gives 0 and 10 moves 11 points: 9 are enough."""
    jury = Jury([[6, 5]] * 90, ["a", "b"], scale=(0, 10), zero=-1)
    found = jury.strategic_sensitivity("utilitarian")
    assert found.anybody[0].jurors == 9 and found.least == pytest.approx(0.1) and found.anybody[0].exact
    assert found.gaining[0].share is None  # nobody prefers b
    assert jury.strategic_sensitivity("nash").least is not None
    loud = Jury([[5.0, 4, 4]] * 3 + [[4.0, 5, 0]] * 2, list("abc"), scale=(0, 10)).exaggerated(1.0)
    assert loud.ballots.utilities[0].tolist() == [10, 0, 0]


def cheapest(table, weights, option, who):
    """Try every set of jurors: the least share of weight, and the least count, that let an option win."""
    best = []
    for size in range(len(who) + 1):
        for chosen in map(list, itertools.combinations(who, size)):
            moved = table.copy()
            moved[chosen] = 0
            moved[chosen, option] = 10
            means = weights @ moved
            if means[option] >= means.max() - 1e-9:
                best.append((weights[chosen].sum() / weights.sum(), size))
    return (min(share for share, _ in best), min(size for _, size in best)) if best else None


def test_strategic_shares_of_unequal_weights_are_the_least():
    light = Jury([[5.6, 5], [5, 5]], ["a", "b"], [9, 1], scale=(0, 10)).strategic_sensitivity("utilitarian")
    assert light.least == pytest.approx(0.1) and light.anybody[0].exact
    rng = np.random.default_rng(4)
    exact = 0
    for _ in range(25):
        table, weights = rng.integers(0, 11, (5, 3)).astype(float), rng.integers(1, 8, 5).astype(float)
        jury = Jury(table, weights=weights, scale=(0, 10))
        if len(jury.winner("utilitarian", draws=0).winners) > 1:
            continue
        for change in jury.strategic_sensitivity("utilitarian").anybody:
            share, jurors = cheapest(table, weights, int(change.option), range(5))
            assert change.share <= share + 1e-9 and change.jurors <= jurors
            assert change.share == pytest.approx(share) or not change.exact
            exact += change.exact
    assert exact > 10


def test_strategy_on_any_scale():
    steep = Jury([[9, 8, 7], [8, 8, 6], [9, 7, 8]], zero=0, scale=(1, 10))
    assert [each.jurors for each in steep.strategic_sensitivity("p_mean", p=-20).anybody] == [1, 1]
    tiny = Jury(np.array([[5.0, 4], [5, 4]]) * 1e-13, scale=(0, 1e-12)).strategic_sensitivity("utilitarian")
    assert tiny.least == 0.5
    assert Jury([[4e-13, 3e-13]], scale=(0, 1e-12)).missing_sensitivity("utilitarian").could == ("0",)


def test_intervals_of_the_lead():
    rng = np.random.default_rng(5)
    table = rng.normal([0.3, 0.0], 1.0, (400, 2))
    found = Jury(table).winner("utilitarian", draws=2000).margin
    standard = float((table[:, 0] - table[:, 1]).std() / 20)
    assert found.clusters == 400 and found.low < found.value < found.high
    assert (found.high - found.low) == pytest.approx(3.92 * standard, rel=0.1)
    again = Jury(table).winner("utilitarian", draws=2000).margin
    assert again == found and Jury(table).winner("schulze").margin.high > 0
    assert "no scores" in Jury(table).winner("ranked_pairs").margin.method


def test_resampling_agrees_with_the_jury_where_it_is_sure():
    jury = Jury([[3.0, 1.0, 2.0]] * 20 + [[1.0, 3.0, 2.0]] * 3, list("abc"), zero=0)
    found = jury.resample(200, rules=["utilitarian", "schulze", "ranked_pairs", "leximin"])
    assert (
        found.wins["schulze"]["a"] == found.wins["utilitarian"]["a"] == found.wins["ranked_pairs"]["a"] == 1
    )
    assert found.agreed("leximin") <= 1 and found.frame().height == 12
    assert found.medians["a"].value == pytest.approx(63 / 23, abs=0.1)
    small = jury.resample(400, size=1, rules=["utilitarian"])
    assert small.wins["utilitarian"]["a"] == pytest.approx(20 / 23, abs=0.06)


# --- the welfare profile ---


def test_a_flip_of_known_place():
    """9 and 1 against 4 and 4: the square roots sum to 4 in both, so that they are equal at p = 1/2 alone."""
    found = Jury([[9.0, 4.0], [1.0, 4.0]], ["uneven", "even"], zero=0).profile()
    assert [round(flip.at, 9) for flip in found.flips] == [0.5] and found.proved
    assert found.worst_off == ("even",) and found.mean == ("uneven",) and found.at(0) == ("even",)
    assert found.at(found.flips[0].at) == ("even", "uneven")
    assert found.frame().height == 2 * len(found.p)


def test_two_flips_between_the_same_two():
    """C changes sign twice, so that two flips are possible; both are found, and hold on a fine grid."""
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(300):
        table = rng.integers(1, 60, (4, 2)).astype(float)
        found = Jury(table, zero=0).profile()
        if len(found.flips) == 2:
            seen += 1
            _holds(table, found)
    assert seen


def _holds(table, found):
    for p in np.concatenate([-np.geomspace(1e-3, 200, 60), [0.0], np.linspace(0.001, 0.999, 40)]):
        if any(abs(p - flip.at) < 1e-6 * max(1, abs(p)) for flip in found.flips):
            continue
        values = welfare.log_power_mean(table, np.ones((1, len(table))), float(p))[0]
        best = {str(n) for n in np.flatnonzero(values >= values.max() - 1e-9)}
        assert set(found.at(float(p))) <= best, p


@given(tables(options=(1, 5), whole=30))
@FEW
def test_the_profile_is_that_of_a_grid(table):
    found = Jury(table, zero=0).profile()
    _holds(table, found)
    assert found.stretches[0].low == -np.inf and found.stretches[-1].high == 1
    assert set(found.stretches[0].winners) == set(found.worst_off)


@given(tables(least=0, options=(1, 4), whole=4))
@FEW
def test_the_profile_with_somebody_at_the_zero_point(table):
    found = Jury(table, zero=0).profile()
    for p in (-2.0, -0.3, 0.1, 0.4, 0.9):
        values = welfare.power_mean(table, np.ones((1, len(table))), p)[0]
        best = {str(n) for n in np.flatnonzero(values >= values.max() - 1e-9)}
        assert set(found.at(p)) <= best


@given(tables(options=(1, 4), whole=20), st.sampled_from([0.0, -1.0, 0.5]))
@FEW
def test_the_zero_point_moves_the_winner_where_it_is_said_to(table, p):
    found = Jury(table, zero=0).zero_sensitivity(p)
    least = table.min()
    for zero in least - np.geomspace(1e-3, 1e4, 30):
        if any(abs(zero - flip.at) < 1e-6 * max(1, abs(zero)) for flip in found.flips):
            continue
        values = welfare.power_mean(table - zero, np.ones((1, len(table))), p)[0]
        best = {str(n) for n in np.flatnonzero(values >= values.max() - 1e-9 * max(values.max(), 1))}
        held = [each.winners for each in found.stretches if each.low <= zero <= each.high]
        assert set(held[0]) <= best, zero


def test_the_zero_point_of_known_place():
    found = Jury([[10.0, 5.0], [2.0, 5.0]], ["uneven", "even"], zero=0).zero_sensitivity()
    assert (
        [round(flip.at, 9) for flip in found.flips] == [-2.5] and found.proved and found.at_zero == ("even",)
    )
    with pytest.raises(DataError, match="does not matter"):
        Jury([[1.0, 2.0]], zero=0).zero_sensitivity(1.0)


def test_options_of_one_mean_do_not_flip_at_the_mean():
    """Both have the mean 5.8, so that at p = 1 they tie, and for a very low zero point nearly."""
    jury = Jury([[9, 7]] * 3 + [[1, 4]] * 2, ["plain", "both"], zero=0)
    assert jury.profile().flips == () and jury.profile().mean == ("plain", "both")
    found = jury.zero_sensitivity()
    assert found.flips == () and not found.proved


# --- axioms ---

WELFARE = {
    "utilitarian": {}, "nash": {}, "p_mean": {"p": -1.5}, "maximin": {}, "leximin": {},
    "quantile": {"q": 0.3}, "cvar": {"alpha": 0.4}, "gini": {}, "borda": {}, "copeland": {},
    "minimax": {}, "schulze": {}, "ranked_pairs": {}, "split_cycle": {}, "kemeny": {},
    "relative_utilitarian": {},
}  # fmt: skip


@given(tables(options=(2, 5)), st.sampled_from(sorted(WELFARE)))
@settings(max_examples=60, deadline=None)
def test_pareto(table, rule):
    """What everybody likes less than another option does not win, but for ties of rules that see not all."""
    better = np.array(
        [[(table[:, a] > table[:, b]).all() for b in range(table.shape[1])] for a in range(table.shape[1])]
    )
    found = wins(table, rule, **WELFARE[rule])
    for loser in np.flatnonzero(better.any(axis=0)):
        assert str(loser) not in found


@given(tables(options=(1, 5)), st.sampled_from(sorted(WELFARE)), st.randoms(use_true_random=False))
@FEW
def test_anonymity_and_neutrality(table, rule, random):
    jurors, options = list(range(table.shape[0])), list(range(table.shape[1]))
    random.shuffle(jurors)
    random.shuffle(options)
    moved = {str(options[int(n)]) for n in wins(table[jurors][:, options], rule, **WELFARE[rule])}
    assert moved == wins(table, rule, **WELFARE[rule])


@given(tables(options=(2, 5)), st.integers(1, 5), st.sampled_from(sorted(set(WELFARE) - {"kemeny"})))
@FEW
def test_weights_count_as_jurors(table, times, rule):
    weights = np.arange(len(table)) % 3 + 1.0
    copied = np.repeat(table, weights.astype(int), axis=0)
    assert wins(table, rule, weights * times, **WELFARE[rule]) == wins(copied, rule, **WELFARE[rule])


@given(tables(options=(2, 4)), st.integers(2, 9), st.integers(0, 50))
@FEW
def test_scales_of_jurors(table, factor, shift):
    """Relative utilitarian: free of each juror's scale; Nash: of its unit; ordinal rules: of both."""
    units = np.arange(len(table))[:, None] % 3 * factor + 1.0
    assert wins(table * units + shift, "relative_utilitarian") == wins(table, "relative_utilitarian")
    assert wins(table * units, "nash") == wins(table, "nash")
    for rule in ("borda", "schulze", "minimax"):
        assert wins(table * units + shift, rule) == wins(table, rule)


@given(tables(options=(1, 1), jurors=(2, 8), whole=30), st.sampled_from([0.5, 0.0, -2.0, "gini", "leximin"]))
@FEW
def test_pigou_dalton(table, rule):
    """Half the gap, given by the best-off to the worst-off, makes welfare greater."""
    order = np.argsort(table[:, 0])
    gap = table[order[-1], 0] - table[order[0], 0]
    assume(gap > 0)
    even = table.copy()
    even[order[-1]] -= gap / 2
    even[order[0]] += gap / 2
    both = np.concatenate([table, even], axis=1)
    told = {"p": rule} if isinstance(rule, float) else {}
    assert wins(both, "p_mean" if told else rule, **told) == {"1"}


@given(tables(), st.lists(st.floats(-30, 1), min_size=2, max_size=2))
@FEW
def test_p_means_grow_with_p_and_lie_between_minimum_and_mean(table, ends):
    low, high = sorted(ends)
    jury = Jury(table, zero=0)
    one, other = (np.array(list(jury.p_mean(p).values())) for p in (low, high))
    assert (one <= other + 1e-9).all()
    assert (table.min(axis=0) - 1e-9 <= one).all() and (other <= table.mean(axis=0) + 1e-9).all()


@given(tables(options=(2, 5)), st.sampled_from(CONDORCET))
@settings(max_examples=40, deadline=None)
def test_condorcet_consistency(table, rule):
    jury = Jury(table)
    told = jury.condorcet()
    if told.winner is not None:
        assert set(jury.winner(rule).winners) == {told.winner}
        assert jury.maximal_lottery().chances == {told.winner: 1.0}
    assert set(jury.maximal_lottery().chances) <= set(told.smith)
    if rule != "minimax":  # minimax alone may choose outside the Smith set
        assert set(jury.winner(rule, draws=0).winners) <= set(told.smith)
    assert set(told.schwartz) <= set(told.smith)


@given(
    tables(options=(2, 4), jurors=(3, 9)),
    st.integers(0, 3),
    st.sampled_from(["schulze", "split_cycle", "ranked_pairs"]),
)
@settings(max_examples=40, deadline=None)
def test_independence_of_clones(table, which, rule):
    """A clone, which every juror ranks right beside its original, moves nobody else in or out."""
    which %= table.shape[1]
    # All others keep their distance: the clone is put just below, or just above, by turns.
    lift = np.where(np.arange(len(table)) % 2 == 0, 0.5, -0.5)
    ties = np.delete(table, which, axis=1) == table[:, which : which + 1]
    assume(not ties.any())
    cloned = np.concatenate([table, (table[:, which] + lift)[:, None]], axis=1)
    before, after = wins(table, rule), wins(cloned, rule)
    alike = {str(which), str(table.shape[1])}
    assert after - alike == before - alike
    assert bool(after & alike) == bool(before & alike)


@given(tables(options=(2, 5)))
@FEW
def test_borda_is_the_order_that_btl_learns(table):
    """The Borda score is the mean chance to be preferred to another option (DPL, theorem 3.1)."""
    jury = Jury(table, kind="ordinal")
    shares = jury.pairs.wins + jury.pairs.ties / 2
    direct = shares.sum(axis=1) / (table.shape[1] - 1)
    assert np.allclose(list(jury.winner("borda", draws=0).scores.values()), direct)


@given(tables(options=(1, 6)))
@settings(max_examples=40, deadline=None)
def test_no_option_beats_a_maximal_lottery(table):
    margins = Jury(table).margins
    found = maximal(margins)
    assert found.exploitability <= 1e-9 and found.chances.sum() == pytest.approx(1)
    # Population consistency: two copies of a jury have its lottery.
    assert np.allclose(maximal(Jury(np.concatenate([table, table])).margins).chances, found.chances)


@pytest.mark.parametrize("options", [5, 40, 101])
def test_maximal_lotteries_of_noise_and_of_many_ties(options):
    rng = np.random.default_rng(options)
    upper = np.triu(rng.normal(size=(options, options)), 1)
    for margins in (upper - upper.T, np.sign(upper - upper.T), np.round(upper - upper.T)):
        assert maximal(margins).exploitability <= 1e-9


def test_a_robust_lottery_gives_up_little_and_less_with_a_greater_radius():
    rng = np.random.default_rng(3)
    table = rng.normal(size=(21, 4))
    jury = Jury(table, list("abcd"))
    worth = [jury.robust_lottery(radius).exploitability for radius in (0, 0.05, 0.2, 0.5, 1)]
    assert worth[0] == pytest.approx(0, abs=1e-7) and all(a <= b + 1e-9 for a, b in itertools.pairwise(worth))
    # The worst jury of the lottery, found by hand: what is moved goes to the unit that likes it least.
    found = jury.robust_lottery(0.2)
    chances = np.array([found.chances.get(name, 0.0) for name in "abcd"])
    prefer = np.einsum("a,iab->ib", chances, np.sign(table[:, :, None] - table[:, None, :]))
    worst = 0.0
    for column in prefer.T:
        order, left = np.sort(column)[::-1], 0.2
        mass = np.full(21, 1 / 21)
        for place in range(21):
            taken = min(left, mass[place])
            mass[place] -= taken
            left -= taken
        worst = max(worst, -(float(mass @ order) + 0.2 * order[-1]))
    assert found.exploitability == pytest.approx(worst, abs=1e-6)
    groups = ["x"] * 14 + ["y"] * 7
    grouped = jury.robust_lottery(0.2, groups)
    assert 0 <= grouped.exploitability <= found.exploitability + 1e-9


# --- twins and oracles ---


@given(tables(least=0, whole=3, options=(1, 6)), st.booleans(), st.booleans())
@FEW
def test_pairs_are_those_of_a_loop(table, missing, weighted):
    if missing:
        table = np.where((np.arange(table.size).reshape(table.shape) * 7 + 3) % 5 == 0, np.nan, table)
    weights = 1 + np.arange(len(table)) * (0.37 if weighted else 0)
    found, drawn = pairwise(table, weights), pairwise_of_draws(table, weights[None])
    for a, b in itertools.product(range(table.shape[1]), repeat=2):
        expected = sum(w for w, row in zip(weights, table, strict=True) if row[a] > row[b]) / weights.sum()
        assert found.wins[a, b] == pytest.approx(expected) == pytest.approx(drawn.wins[0, a, b])
        if a != b:
            tied = sum(w for w, row in zip(weights, table, strict=True) if row[a] == row[b]) / weights.sum()
            assert found.ties[a, b] == pytest.approx(tied, abs=1e-11)


def test_many_weights_and_many_levels():
    rng = np.random.default_rng(1)
    table, weights = rng.random((70, 300)), rng.random(70)
    direct = np.einsum("i,iab->ab", weights, (table[:, :, None] > table[:, None, :]).astype(float))
    assert np.allclose(pairwise(table, weights).wins * weights.sum(), direct)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_pairs_of_many_options_without_ties(missing):
    """More options than a band of rows, and no ties: half is counted, where nothing is missing."""
    rng = np.random.default_rng(2)
    table = rng.random((20, 500))
    table[rng.random(table.shape) < missing] = np.nan
    found = pairwise(table, np.ones(20))
    direct = (table[:, :, None] > table[:, None, :]).sum(axis=0)
    assert np.allclose(found.wins * 20, direct) and not found.ties.any()


@given(tables(options=(1, 5)))
@FEW
def test_kemeny_is_the_least_of_all_rankings(table):
    margins = Jury(table).margins
    against = np.maximum(margins.T, 0)
    costs = {
        order: sum(against[a, b] for a, b in itertools.combinations(order, 2))
        for order in itertools.permutations(range(table.shape[1]))
    }
    least = min(costs.values())
    assert set(kemeny(margins)) == {order[0] for order, cost in costs.items() if cost <= least + 1e-9}


def test_kemeny_refuses_what_it_cannot_do():
    upper = np.triu(np.random.default_rng(0).normal(size=(30, 30)), 1)
    with pytest.raises(DataError, match="exact up to 16"):
        kemeny(upper - upper.T)


NAMES = {
    "copeland": "copeland", "minimax": "minimax", "schulze": "beat_path", "split_cycle": "split_cycle",
    "borda": "borda", "plurality": "plurality", "ranked_pairs": "ranked_pairs",
}  # fmt: skip


@pytest.mark.parametrize("rule", sorted(NAMES))
def test_ordinal_rules_are_those_of_pref_voting(rule):
    methods, profiles = oracle("pref_voting.voting_methods"), oracle("pref_voting.profiles")
    rng = np.random.default_rng(7)
    # Of tied majorities the library tries every order: five options are too many for it.
    for _ in range(15 if rule == "ranked_pairs" else 40):
        jurors, options = int(rng.integers(2, 9)), int(rng.integers(2, 5 if rule == "ranked_pairs" else 6))
        orders = [rng.permutation(options).tolist() for _ in range(jurors)]
        table = np.array([[-order.index(option) for option in range(options)] for order in orders])
        theirs = getattr(methods, NAMES[rule])(profiles.Profile(orders))
        assert {int(n) for n in wins(table, rule)} == set(theirs), orders


def test_utility_rules_are_those_of_pref_voting():
    methods, profiles = oracle("pref_voting.utility_methods"), oracle("pref_voting.utility_profiles")
    rng = np.random.default_rng(8)
    theirs = {
        "utilitarian": methods.sum_utilitarian, "relative_utilitarian": methods.relative_utilitarian,
        "maximin": methods.maximin, "leximin": methods.lexicographic_maximin,
    }  # fmt: skip
    for _ in range(40):
        table = rng.integers(1, 9, (5, 4)).astype(float)
        assume_rows = (table.max(axis=1) > table.min(axis=1)).all()
        given_to = profiles.UtilityProfile([dict(enumerate(row.tolist())) for row in table])
        for rule, method in theirs.items():
            if rule != "relative_utilitarian" or assume_rows:
                ours, found = {int(n) for n in wins(table, rule)}, set(method(given_to))
                # Sums of fractions that are equal differ there in their last digit.
                assert found <= ours if rule == "relative_utilitarian" else found == ours, (rule, table)


def test_smith_and_schwartz_are_those_of_pref_voting():
    methods, profiles = oracle("pref_voting.voting_methods"), oracle("pref_voting.profiles")
    rng = np.random.default_rng(9)
    for _ in range(80):
        options = int(rng.integers(2, 6))
        orders = [rng.permutation(options).tolist() for _ in range(int(rng.integers(2, 8)))]
        table = np.array([[-order.index(option) for option in range(options)] for order in orders])
        told, profile = Jury(table).condorcet(), profiles.Profile(orders)
        assert {int(n) for n in told.smith} == set(methods.top_cycle(profile))
        assert {int(n) for n in told.schwartz} == set(methods.gocha(profile))


def test_the_batched_winners_are_those_one_by_one():
    rng = np.random.default_rng(2)
    table, weights = rng.integers(1, 6, (9, 4)).astype(float), rng.integers(0, 3, (12, 9)).astype(float)
    weights[weights.sum(axis=1) == 0] = 1
    for name in sorted(set(WELFARE) - {"kemeny"}):
        rule = room.RULES[name]
        found = wins_of(table, weights, rule, WELFARE[name])
        for row, weight in zip(found, weights, strict=True):
            assert {str(n) for n in np.flatnonzero(row)} == wins(table, name, weight, **WELFARE[name]), name


# --- learned welfare, hidden context, tables ---


@pytest.mark.parametrize("p", [-3.0, 0.0, 0.6])
def test_a_judge_of_welfare_is_recovered(p):
    rng = np.random.default_rng(11)
    table, weights = rng.uniform(1, 9, (250, 3)), np.array([0.5, 0.3, 0.2])
    said = np.exp(np.log(table) @ weights) if p == 0 else (table**p @ weights) ** (1 / p)
    found = room.learn_welfare(table, said + rng.normal(0, 0.1, 250), draws=20)
    assert found.p.low - 0.1 <= p <= found.p.high + 0.1 and found.loss < found.utilitarian
    assert [round(each.value, 1) for each in found.weights] == [0.5, 0.3, 0.2]


def test_a_judge_who_chooses_is_recovered():
    rng = np.random.default_rng(12)
    one, other = rng.uniform(1, 9, (2, 1500, 2))
    apart = 2 * ((0.6 / one[:, 0] + 0.4 / one[:, 1]) ** -1 - (0.6 / other[:, 0] + 0.4 / other[:, 1]) ** -1)
    chosen = (rng.random(1500) < 1 / (1 + np.exp(-apart))).astype(float)
    found = room.learn_welfare_of_pairs(one, other, chosen, draws=15)
    assert abs(found.p.value + 1) < 0.8 and abs(found.weights[0].value - 0.6) < 0.1
    assert found.sharpness == pytest.approx(2, rel=0.3) and found.loss < found.utilitarian


def test_hidden_context_by_hand():
    """Means 1 and 3 that no chance sets apart: both jurors find the second 2 better. s^2 = 2 and 2."""
    assert room.hidden_context(Jury([[0, 2], [2, 4]])).value == pytest.approx(2 / (2 + 1))
    # Means 1 and 2, s^2 = 2 and 8; what jurors add to the difference, -2 and 2 halves: variance 0.5 too much.
    assert room.hidden_context(Jury([[0, 0], [2, 4]])).value == pytest.approx(5 / (5 + 0.25 - 0.25))
    with pytest.raises(DataError):
        room.hidden_context(Jury([[0, 1]], kind="ordinal"))


def held(one, truth, samples=60):
    """Count how often an interval of samples of a seed holds what is true of them all."""
    return sum(found.low <= truth <= found.high for found in map(one, range(samples))) / samples


@pytest.mark.parametrize(("effect", "jurors"), [(0.0, 12), (0.4, 12), (0.4, 40)])
def test_hidden_context_is_not_blurred_by_few_raters(effect, jurors):
    means = effect * np.sqrt(2) * np.array([-1, -0.5, 0, 0.5, 1])
    truth, values = 1 / (1 + means.var()), []

    def one(seed):
        table = np.random.default_rng(seed).normal(means, 1.0, (jurors, 5))
        found = room.hidden_context(Jury(table), draws=200)
        values.append(found.value)
        return found

    assert held(one, truth) >= 0.9
    assert np.mean(values) == pytest.approx(truth, abs=0.03)


@pytest.mark.parametrize("jurors", [6, 12])
def test_leads_of_few_jurors_have_intervals_that_hold(jurors):
    def one(seed):
        rng = np.random.default_rng(seed)
        return (
            Jury(np.stack([rng.normal(3, 1, jurors), np.zeros(jurors)], 1))
            .winner("utilitarian", draws=300)
            .margin
        )

    assert held(one, 3.0, 100) >= 0.89


def test_jurors_who_agree_prove_little():
    bounded = Jury([[3, 1]] * 3, scale=(1, 5)).winner("utilitarian").margin
    assert bounded.low < 0 and bounded.high > 2 and "Clopper-Pearson" in bounded.method
    free = Jury([[3, 1]] * 3).winner("utilitarian").margin
    assert np.isnan(free.low) and "every juror agrees" in free.method
    assert Jury([[3, 1]] * 3).winner("schulze").margin.low < 1


def test_jurors_without_weight_rate_nothing():
    with pytest.raises(DataError, match="column b: nobody of weight rated this option"):
        Jury([[1, np.nan], [2, 5]], ["a", "b"], [1, 0], zero=0)
    apart = Jury([[1, np.nan], [np.nan, 2]], ["a", "b"])
    with pytest.raises(DataError, match="nobody rated 'a' and another one"):
        apart.winner("borda")
    assert "borda" not in apart.rules() and apart.winner("copeland").winners == ("a", "b")
    assert Jury([[1]], ["a"]).winner("borda").winners == ("a",)


def test_small_numbers_and_numbers_of_numpy():
    tiny = Jury([[3e-14], [5e-14]], zero=0)
    assert tiny.p_mean(np.int64(1))["0"] == pytest.approx(4e-14) and tiny.winner(
        "quantile", q=np.float32(0.5)
    )
    with pytest.raises(DataError, match="p is True"):
        tiny.p_mean(True)


def test_tables_are_read_and_faults_are_named(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("question,juror,option,rating,group\nq1,1,a,3,x\nq1,1,b,,x\nq1,2,b,5,y\nq2,1,a,1,x\n")
    one, two = room.read_juries(path, scale=(1, 5))
    assert (one.name, one.jurors, one.groups) == ("q1", ("1", "2"), ("x", "y")) and two.jury.options == ("a",)
    assert np.isnan(one.jury.ballots.utilities[0, 1])
    for text, message in (
        ("juror,option,rating\n1,a,high\n", "row 1, column rating: 'high' is no number"),
        ("juror,option,rating\n1,a,1\n1,a,2\n", "row 2, column rating: 1 rated a twice"),
        ("juror,option\n1,a\n", "column rating: the table has no such column"),
        ("juror,option,rating,group\n1,a,1,x\n1,b,1,y\n", "row 2, column group: 1 has two"),
        ("juror,option,rating\n,a,1\n", "row 1, column juror: this is empty"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            room.read_juries(path)
    with pytest.raises(DataError, match="no such file"):
        room.read_juries(tmp_path / "none.csv")


def test_the_figure_says_how_many_options_it_draws():
    from populace.report.figures.welfare_profile import welfare_profile

    table = np.random.default_rng(0).uniform(1, 9, (6, 7))
    told = " ".join(welfare_profile(Jury(table, zero=0).profile()).to_dict()["title"]["subtitle"])
    assert "5 of 7 drawn" in told
    few = " ".join(welfare_profile(Jury(table[:, :3], zero=0).profile()).to_dict()["title"]["subtitle"])
    assert "drawn" not in few


def test_where_all_options_leave_somebody_with_nothing_all_tie_at_the_foot():
    jury = Jury([[0, 0, 0, 0], [10, 9, 1, 1], [1, 2, 3, 30]], zero=0)
    assert jury.profile().worst_off == ("0", "1", "2", "3") and jury.winner("leximin").winners == ("1",)


def test_what_is_left_out_is_said_and_errors_name_the_row(tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("juror,option,rating\na,x,3\na,y,1\nb,x,3\nb,y,2\na,z,\nb,z,\nc,x,\n")
    (found,) = room.read_juries(path)
    assert found.left_out == ("option z (nobody rated it)", "juror c (rated nothing)")
    with pytest.raises(DataError, match=r"ratings.csv, row 2, column rating: 1 is off the scale"):
        room.read_juries(path, scale=(2, 5))
    lists = tmp_path / "ratings.jsonl"
    lists.write_text('{"juror":"a","option":"x","rating":[1]}\n')
    with pytest.raises(DataError, match="column rating: these are no numbers but List"):
        room.read_juries(lists)


def told_of(path, text, *options):
    from typer.testing import CliRunner

    from populace.cli.pluralism import app

    path.write_text(text)
    told = CliRunner().invoke(app, ["jury", str(path), "--draws", "20", *options])
    assert told.exit_code == 0, told.output
    return told.output


def test_the_command_on_one_option_on_brackets_and_on_groups(tmp_path):
    path = tmp_path / "ratings.csv"
    alone = told_of(path, "juror,option,rating\na,x,1\n")
    assert "There is one option, x" in alone and "Nobody beats" not in alone and "1 juror, 1 option" in alone
    rows = "a,[/b]x,3,l\na,[red]x,1,l\nb,[/b]x,3,r\nb,[red]x,4,r\nc,[red]x,,r\n"
    told = told_of(path, "juror,option,rating,group\n" + rows)
    assert "[/b]x" in told and "[red]x (tied)" in told and "left out: juror c (rated nothing)" in told
    assert "Group r (1): [red]x" in told and "serves worst (mean 3): [/b]x" in told
    weighed = told_of(path, "juror,option,rating,group\n" + rows, "--share", "l=0.1", "--share", "r=0.9")
    assert "Beats every other option: [red]x" in weighed


def test_the_command_tells_winners_and_faults(tmp_path):
    from typer.testing import CliRunner

    from populace.cli.pluralism import app

    path = tmp_path / "ratings.csv"
    rows = [("ann", 9, 6), ("bo", 9, 6), ("cy", 1, 5)]
    lines = [
        f"{who},{name},{value}" for who, *values in rows for name, value in zip("xy", values, strict=True)
    ]
    path.write_text("\n".join(["juror,option,rating", *lines]))
    out = tmp_path / "winners.csv"
    told = CliRunner().invoke(app, ["jury", str(path), "--zero", "0", "--draws", "50", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "Beats every other option: x" in told.output and "y below p = " in told.output
    assert "schulze,x,1,true" in out.read_text()
    low = CliRunner().invoke(app, ["jury", str(path), "--zero", "3"])
    assert isinstance(low.exception, DataError) and "below the zero point" in str(low.exception)


CONVERSATION = Path(__file__).parents[2] / "shared" / "data" / "polis" / "15-per-hour-seattle"


@pytest.mark.skipif(not CONVERSATION.exists(), reason="the Polis conversations are not here")
def test_rules_on_a_real_conversation():
    from populace.opinions.polis import read_polis

    opinions = read_polis(CONVERSATION)
    votes = np.select(
        [opinions.answers == 0, opinions.answers == 1, opinions.answers == 2], [1.0, -1.0, 0.0], np.nan
    )
    jury = Jury(votes[:, (~np.isnan(votes)).sum(axis=0) >= 30], scale=(-1, 1))
    told = jury.condorcet()
    assert told.winner is not None and jury.maximal_lottery().chances == {told.winner: 1.0}
    assert {jury.winner(rule, draws=0).winners for rule in ("schulze", "minimax", "ranked_pairs")} == {
        (told.winner,)
    }
    bounds = jury.missing_sensitivity("utilitarian")
    assert set(jury.winner("utilitarian").winners) <= set(bounds.could) and not bounds.settled
