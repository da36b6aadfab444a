"""The model check: judges that know, guess, always agree, prefer a letter, refuse."""

import polars as pl
import pytest

from populace.authoring import PAPER_REMOVED, check
from populace.errors import DataError
from populace.models import Choice
from populace.models.scripted import Scripted
from populace.personas import build
from populace.population import build as draw


@pytest.fixture(scope="module")
def personas():
    return build(draw("us-2024", size=60, seed=3, adults=True), seed=4)


def judging(inconsistent):
    """A judge that gives the probability of a contradiction, wherever that answer stands."""

    def choice(request):
        p = inconsistent(request)
        return (1 - p, p) if "B: It contradicts" in request.messages[1].content else (p, 1 - p)

    return Scripted(choice=choice)


def test_a_judge_that_knows_has_all_hits_and_no_false_alarm(personas, tmp_path):
    plain = check(personas, judging(lambda request: 0.1), tmp_path / "plain")
    texts = []
    check(
        personas,
        judging(lambda request: texts.append(request.messages[1].content) or 0.1),
        tmp_path / "texts",
    )
    # The personas given come first, each in both orders; what follows is shuffled.
    known = {text.split("\n\nIs this")[0] for text in texts[: 2 * len(personas)]}
    wise = check(
        personas,
        judging(lambda request: 0.1 if request.messages[1].content.split("\n\nIs this")[0] in known else 0.9),
        tmp_path / "wise",
    )
    assert plain.removed.value == plain.hits.value == 0
    assert wise.removed.value == 0
    assert wise.hits.value == wise.certain_hits.value == 1
    # Nothing is certain after so few: the intervals say so.
    assert wise.removed.high > 0.01
    assert wise.certain_hits.n == wise.verdicts.filter(pl.col("shuffled") & pl.col("breaks_rules")).height > 0


def test_a_shuffled_persona_has_the_other_half_of_somebody_else(personas, tmp_path):
    texts = []
    check(personas, judging(lambda request: texts.append(request.messages[1].content) or 0.1), tmp_path)
    assert len(texts) == 4 * len(personas)
    assert len(set(texts)) == len(texts)


def test_our_rules_find_nothing_in_the_given_and_much_in_the_shuffled(personas, tmp_path):
    verdicts = check(personas, judging(lambda request: 0.1), tmp_path).verdicts
    assert not verdicts.filter(~pl.col("shuffled"))["breaks_rules"].any()
    assert verdicts.filter(pl.col("shuffled"))["breaks_rules"].mean() > 0.1


def test_a_judge_that_prefers_a_letter_says_nothing(personas, tmp_path):
    found = check(personas, Scripted(choice=lambda request: (0.9, 0.1)), tmp_path)
    assert set(found.verdicts["verdict"]) == {"tie"}
    assert found.verdicts["p"].to_list() == pytest.approx([0.5] * 2 * len(personas))
    assert found.removed.value == 0


def test_refusals_are_kept_and_leave_the_shares(personas, tmp_path):
    def choice(request):
        if "Is this" in request.messages[1].content and request.key[0] in "01234567":
            return Choice(key=request.key, log_likelihoods=(None, None), tokens=(1, 1))
        return (0.9, 0.1) if "A: It is c" in request.messages[1].content else (0.1, 0.9)

    found = check(personas, Scripted(choice=choice), tmp_path)
    refused = found.verdicts.filter(~pl.col("shuffled") & (pl.col("verdict") == "refused")).height
    assert 0 < refused < len(personas)
    assert found.undecided.value == pytest.approx(refused / len(personas))
    assert found.removed.n == len(personas) - refused


def test_nothing_is_removed_unless_asked(personas, tmp_path):
    harsh = check(personas, judging(lambda request: 0.9), tmp_path / "all")
    assert harsh.removed.value == 1
    assert len(personas) == 60
    some = check(
        personas, judging(lambda request: 0.9 if "Female" in str(request) else 0.1), tmp_path / "some"
    )
    kept = some.kept(personas)
    wrong = some.verdicts.filter(~pl.col("shuffled") & (pl.col("verdict") == "inconsistent")).height
    assert len(kept) == 60 - wrong
    note = kept.provenance["model_check"]
    assert (note["removed"], note["asked"]) == (wrong, 60)


def test_the_report_names_the_paper_and_our_rules(personas, tmp_path):
    found = check(personas, judging(lambda request: 0.9), tmp_path)
    text = "\n".join(found.lines())
    assert PAPER_REMOVED == 0.085
    assert "8.5 %" in text
    assert "our rules removed 0.00 %" in text
    assert "(n=60)" in text


def test_a_sample_and_a_second_run_cost_what_they_should(personas, tmp_path):
    judge = judging(lambda request: 0.1)
    assert check(personas, judge, tmp_path, sample=10).verdicts.height == 20
    assert sum(judge.asked.values()) == 40
    again = judging(lambda request: pytest.fail("asked again"))
    assert check(personas, again, tmp_path, sample=10).verdicts.height == 20
    assert pl.read_parquet(tmp_path / "verdicts.parquet").height == 20


def test_one_persona_cannot_be_shuffled(tmp_path):
    one = build(pl.DataFrame({"age": [30], "state": ["Ohio"]}), seed=1)
    with pytest.raises(DataError, match="too few to shuffle"):
        check(one, Scripted(), tmp_path)
