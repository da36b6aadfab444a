"""Rewards of portfolios: tables of scores, ranges, correlations, sampling, a judge of traits."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from populace import traits
from populace.errors import DataError, ModelError
from populace.models import Failure
from populace.models.scripted import Scripted
from populace.portfolio.candidates import (
    Candidates,
    measured,
    read_alpaca_eval,
    read_candidates,
    read_wildbench,
)
from populace.portfolio.correlating import correlations
from populace.portfolio.judging import judge_responses
from populace.portfolio.rewards import Rewards, read_rewards, score_responses
from populace.portfolio.sampling import Sampling, as_prompts, sample
from populace.portfolio.scaling import Range, Scale, scale_of
from populace.run import Journal

WIDE = """prompt_id,response_id,topic,wit,tact
p,0,a,1.5,0
p,1,a,NA,1
q,0,b,2,0.5
"""
LONG = """prompt_id,response_id,trait,score
p,0,wit,1.5
p,0,tact,0
p,1,tact,1
q,0,wit,2
q,0,tact,0.5
"""


def written(folder: Path, text: str, name: str = "scores.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_every_form_of_a_table_is_read_alike(tmp_path: Path) -> None:
    wide = read_rewards(written(tmp_path, WIDE))
    assert wide.traits == ("wit", "tact"), "a column without a number is no trait"
    assert wide.frame["wit"].to_list() == [1.5, None, 2.0]
    assert wide.partial == 1 and wide.prompts == ["p", "q"]
    long = read_rewards(written(tmp_path, LONG, "long.csv"))
    assert long.traits == wide.traits
    assert sorted(long.frame.select("prompt_id", "response_id", "wit", "tact").rows()) == sorted(
        wide.frame.select("prompt_id", "response_id", "wit", "tact").rows()
    )
    for name, write in (("t.parquet", "write_parquet"), ("t.jsonl", "write_ndjson")):
        getattr(wide.frame, write)(tmp_path / name)
        again = read_rewards(tmp_path / name)
        assert again.frame["wit"].to_list() == [1.5, None, 2.0] and again.traits == wide.traits
    only = read_rewards(written(tmp_path, WIDE), ["tact", "wit"])
    assert only.traits == ("tact", "wit")


def test_prompts_and_responses_without_ids_are_named(tmp_path: Path) -> None:
    text = "prompt,response,wit,tact\nWhy?,No.,1,0\nWhy?,Yes.,0,1\nHow?,So.,1,1\n"
    found = read_rewards(written(tmp_path, text))
    assert found.frame["response_id"].to_list() == ["1", "2", "1"]
    assert found.frame["prompt_id"].n_unique() == 2
    again = as_prompts(["Why?"])
    assert again["prompt_id"][0] == found.frame["prompt_id"][0], "one text has one id wherever it is read"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt_id,wit,tact\np,1,x\n", "row 1, column tact: 'x' is no number"),
        ("prompt_id,wit,tact\np,1,2\nq,inf,1\n", "row 2, column wit: a score is infinite"),
        ("prompt_id,response_id,wit,tact\np,0,1,2\np,0,1,2\n", "row 2, .*this is scored twice"),
        ("prompt_id,response_id,trait,score\np,0,wit,1\np,0,wit,2\n", "row 2: this is scored twice for one"),
        ("prompt_id,trait,score\np,wit,1\n", "column response_id: a row a score needs"),
        ("id,wit,tact\np,1,2\n", "there is no column 'prompt_id' or 'prompt'"),
        (
            "prompt_id,response_id,wit,tact\n ,0,1,2\n",
            "row 1, column prompt_id: what was scored is not named",
        ),
        ("prompt_id,wit\np,1\n", "with one trait there is nothing to weigh"),
        ("prompt_id,topic\np,a\n", "no column holds numbers"),
        ("prompt_id,wit,tact\n", "the table has no row"),
    ],
)
def test_what_is_broken_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    text = text.replace(",x\n", ",x\n" + "p,1,1\n" if "response_id" not in text else ",x\n")
    with pytest.raises(DataError, match=message) as caught:
        read_rewards(written(tmp_path, text))
    assert caught.value.file


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, message in (("a.txt", "from .txt"), ("a.csv", "no such file")):
        with pytest.raises(DataError, match=message):
            read_rewards(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read"):
        read_rewards(written(tmp_path, "no parquet", "a.parquet"))
    with pytest.raises(DataError, match="no column 'wisdom'"):
        read_rewards(written(tmp_path, WIDE), ["wit", "wisdom"])


def test_ranges_by_definition_as_stated_and_of_the_pool() -> None:
    scores = [[0.2, 3.0, 7.0], [0.8, 5.0, 9.0]]
    known = [Range(trait="brevity", low=0.0, high=1.0, source="definition")]
    scale = scale_of(
        ("brevity", "tact", "length"), scores, known=known, stated={"tact": (1, 5)}, less=["length"]
    )
    assert [each.source for each in scale.ranges] == ["definition", "stated", "pool"]
    # tact: (3 - 1) / 4; length: 7 is the least, and less is better.
    np.testing.assert_allclose(scale.apply(scores), [[0.2, 0.5, 1.0], [0.8, 1.0, 0.0]])
    assert (
        len(scale.warnings()) == 1 and "length" in scale.warnings()[0] and "tact" not in scale.warnings()[0]
    )
    assert np.isnan(scale.apply([[np.nan, 3, 7]])[0, 0])
    with pytest.raises(DataError, match="row 2, column tact: the score 6 is beyond 1 to 5"):
        scale.apply([[0.5, 3, 7], [0.5, 6, 7]])


def test_a_range_or_trait_that_is_none_is_refused() -> None:
    scores = [[1.0, 2.0], [1.0, 3.0]]
    with pytest.raises(DataError, match="column wit: every score is 1, so its weight chooses nothing"):
        scale_of(("wit", "tact"), scores)
    with pytest.raises(DataError, match="column wit: nothing has a score"):
        scale_of(("wit", "tact"), [[np.nan, 2.0], [np.nan, 3.0]])
    with pytest.raises(DataError, match="no trait 'length'"):
        scale_of(("wit", "tact"), [[0, 2], [1, 3]], less=["length"])
    with pytest.raises(DataError, match="column tact: 5 to 1 is no range"):
        scale_of(("wit", "tact"), [[0, 2], [1, 3]], stated={"tact": (5, 1)})


def test_a_trait_that_never_differs_within_a_prompt_is_refused() -> None:
    frame = pl.DataFrame(
        {"prompt_id": ["p", "p", "q", "q"], "response_id": list("0101"), "wit": [0.0, 0.0, 1.0, 1.0],
         "tact": [0.0, 1.0, 0.0, 1.0]}
    )  # fmt: skip
    with pytest.raises(DataError, match="column wit: no prompt has two responses that differ"):
        Rewards(frame, ("wit", "tact")).scale()


def test_ranges_go_with_the_file(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"prompt_id": ["p", "p"], "prompt": ["Why?"] * 2, "response_id": ["0", "1"],
         "response": ["Thanks, that is so.", "No"], "other": [1.0, 2.0]}
    )  # fmt: skip
    names = ["brevity", "-politeness"]
    scored = score_responses(frame, [traits.scorer(name) for name in names], keep=["other"])
    assert scored.traits == ("other", *names)
    scored.save(tmp_path / "r.parquet")
    again = read_rewards(tmp_path / "r.parquet")
    assert again.traits == scored.traits and again.ranges == scored.ranges
    assert [each.source for each in again.scale().ranges] == ["pool", "definition", "definition"]
    with pytest.raises(DataError, match=r"\.parquet"):
        scored.save(tmp_path / "r.csv")


def test_an_empty_response_is_no_response_of_the_pool() -> None:
    frame = pl.DataFrame(
        {"prompt_id": ["p"] * 3, "prompt": ["Why?"] * 3, "response_id": list("012"),
         "response": ["It is so, thanks.", "", "No."]}
    )  # fmt: skip
    found = score_responses(frame, [traits.scorer("brevity"), traits.scorer("politeness")])
    rows = found.rows(found.scale())
    assert found.partial == 1 and rows.rewards.shape == (1, 2, 2) and rows.places.tolist() == [[0, 2]]


def test_rows_stand_where_their_prompts_do() -> None:
    frame = pl.DataFrame(
        {"prompt_id": list("qpqpq"), "response_id": list("00112"), "wit": [0.1, 0.2, 0.3, 0.4, 0.5],
         "tact": [0.5, 0.4, 0.3, 0.2, 0.1]}
    )  # fmt: skip
    found = Rewards(frame, ("wit", "tact"))
    scale = found.scale(stated={"wit": (0, 1), "tact": (0, 1)})
    rows = found.rows(scale, ["p", "q"])
    np.testing.assert_allclose(rows.rewards[:, :, 0], [[0.2, 0.4, np.nan], [0.1, 0.3, 0.5]])
    assert rows.places.tolist() == [[1, 3, -1], [0, 2, 4]]


def test_correlation_is_within_prompts() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(40, 6, 2))
    table = noise + 10 * rng.normal(size=(40, 1, 1))  # between prompts the two go together
    table[3, 4:] = np.nan
    found = correlations(table, ("wit", "tact"))[0].correlation
    centred = [row - row.mean(axis=0) for row in (each[~np.isnan(each[:, 0])] for each in table)]
    flat = np.concatenate(centred)
    by_hand = (flat[:, 0] @ flat[:, 1]) / np.sqrt((flat[:, 0] @ flat[:, 0]) * (flat[:, 1] @ flat[:, 1]))
    assert found.value == pytest.approx(by_hand)
    assert found.low < 0 < found.high and found.clusters == 40 and found.n == 238


def test_sampling_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    asked: list[int] = []

    def write(request):
        asked.append(request.sample)
        if len(asked) == 7:
            raise KeyboardInterrupt
        return f"{request.messages[-1].content} {request.sample}"

    how = Sampling(n=4, variants={"plain": "", "kind": "Be kind."})
    prompts = ["Why?", "How?"]
    with pytest.raises(KeyboardInterrupt):
        sample(prompts, Scripted(text=write, concurrency=1), tmp_path, how)
    found = sample(prompts, Scripted(text=write, concurrency=1), tmp_path, how)
    assert len(asked) == 17, "16 responses, and the one that was lost"
    assert found.asked == 10 and found.failed == 0
    assert found.frame.height == 16 and found.frame["candidate"].unique().sort().to_list() == [
        "kind",
        "plain",
    ]
    assert found.frame["response_id"].n_unique() == 8
    whole = sample(
        prompts, Scripted(text=lambda r: f"{r.messages[-1].content} {r.sample}"), tmp_path / "b", how
    )
    assert whole.frame.equals(found.frame), "as if it had never been stopped"
    again = sample(prompts, Scripted(text=write, concurrency=1), tmp_path, how)
    assert again.asked == 0 and again.frame.equals(found.frame)


def test_calls_that_fail_are_counted(tmp_path: Path) -> None:
    def fail(request, tried):
        if request.sample:
            return None
        return Failure(key=request.key, boundary="content filter", message="no", retryable=False)

    found = sample(["Why?"], Scripted(fail=fail), tmp_path, Sampling(n=3))
    assert (found.frame.height, found.failed) == (2, 1)
    with pytest.raises(ModelError, match="no response to any prompt"):
        sample(["Why?"], Scripted(fail=fail), tmp_path / "b", Sampling(n=1))


def test_sampling_refuses_what_draws_nothing() -> None:
    with pytest.raises(ValueError, match="temperature 0 are one"):
        Sampling(n=2, temperature=0)
    for prompts, message in (([], "no prompt"), (["a", " "], "row 2, column text: a prompt is empty")):
        with pytest.raises(DataError, match=message):
            as_prompts(prompts)
    with pytest.raises(DataError, match="two prompts have one id"):
        as_prompts(pl.DataFrame({"prompt_id": [1, 1], "prompt": ["a", "b"]}))


RESPONSES = pl.DataFrame(
    {"prompt_id": ["p"] * 4, "prompt": ["Why?"] * 4, "response_id": list("0123"),
     "response": ["bad", "middling", "good", ""], "model": ["m"] * 4}
)  # fmt: skip
STATEMENTS = {"help": "It helps.", "tact": "It is tactful."}


def judge_by(mean: Callable[[str], float]) -> Scripted:
    """A judge that knows how the scale is meant."""

    def rate(request):
        said = request.messages[0].content
        value = next(mean(word) for word in ("bad", "middling", "good") if f"Answer: {word}" in said)
        turned = "1 means completely" in said
        spread = np.array([1 - value, 0, 0, 0, value]) + 1e-12
        return tuple((spread[::-1] if turned else spread) * 0.9)

    return Scripted(choice=rate, model="judge@1")


def test_a_judge_that_reads_recovers_what_is_there(tmp_path: Path) -> None:
    truth = {"bad": 0.1, "middling": 0.5, "good": 0.9}
    found = judge_responses(RESPONSES, STATEMENTS, judge_by(truth.__getitem__), tmp_path)
    np.testing.assert_allclose(found.rewards.frame["help"].to_list()[:3], [0.1, 0.5, 0.9], atol=1e-9)
    assert found.rewards.frame["help"][3] is None, "an empty response is not asked about"
    assert found.refused == 0 and found.swayed["help"] == pytest.approx(0, abs=1e-9)
    assert found.rewards.ranges["tact"].larger == "It is tactful."
    with Journal(tmp_path / "journal") as journal:
        assert len(list(journal)) == 3 * 2 * 2
    again = judge_responses(RESPONSES, STATEMENTS, Scripted(choice=[], model="judge@1"), tmp_path)
    assert again.rewards.frame.equals(found.rewards.frame), "nothing is asked twice"


def test_a_judge_fond_of_a_number_says_nothing(tmp_path: Path) -> None:
    fond = Scripted(choice=lambda request: (0.05, 0.05, 0.1, 0.2, 0.6), model="judge@1")
    found = judge_responses(RESPONSES, STATEMENTS, fond, tmp_path / "a")
    np.testing.assert_allclose(found.rewards.frame["help"].to_list()[:3], 0.5)
    # One way: (0 x .05 + .25 x .05 + .5 x .1 + .75 x .2 + 1 x .6) = .8125, the other 1 - .8125.
    assert found.swayed["help"] == pytest.approx(2 * 0.8125 - 1)
    one = judge_responses(RESPONSES, STATEMENTS, fond, tmp_path / "b", both=False)
    np.testing.assert_allclose(one.rewards.frame["help"].to_list()[:3], 0.8125)


def test_a_judge_that_refuses_gives_no_score(tmp_path: Path) -> None:
    def rate(request):
        return (1e-4,) * 5 if "bad" in request.messages[0].content else (0.1, 0.2, 0.3, 0.2, 0.1)

    found = judge_responses(RESPONSES, STATEMENTS, Scripted(choice=rate, model="judge@1"), tmp_path)
    assert found.rewards.frame["help"][0] is None and found.refused == 4
    assert found.rewards.partial == 2
    with pytest.raises(ModelError, match="gave no rating"):
        judge_responses(RESPONSES, STATEMENTS, Scripted(choice=lambda _: (1e-4,) * 5), tmp_path / "b")


def test_a_model_does_not_judge_itself_unless_it_is_asked_to(tmp_path: Path) -> None:
    itself = Scripted(model="m")
    with pytest.raises(ModelError, match="m wrote responses that it is to judge"):
        judge_responses(RESPONSES, STATEMENTS, itself, tmp_path)
    assert judge_responses(RESPONSES, STATEMENTS, itself, tmp_path, itself=True).rewards.frame.height == 4
    with pytest.raises(DataError, match="column response: the table has a column"):
        judge_responses(RESPONSES, {"response": "x"}, Scripted(), tmp_path)


def test_candidates_of_a_table_and_what_is_left_out(tmp_path: Path) -> None:
    text = "model,wit,length\na,9,100\nb,,50\nc,3,40\n"
    found = read_candidates(written(tmp_path, text))
    assert found.names == ("a", "c") and dict(found.left_out) == {"b": "a score is missing"}
    scale = found.scale(stated={"wit": (0, 10), "length": (0, 100)}, less=["length"])
    np.testing.assert_allclose(found.rewards(scale), [[0.9, 0.0], [0.3, 0.6]])
    with pytest.raises(DataError, match=re.escape("there is no candidate 'aa'. To mend it: did you mean a")):
        found.rows(["aa"])
    with pytest.raises(DataError, match="row 2, column model: this is scored twice"):
        read_candidates(written(tmp_path, "model,wit,tact\na,1,2\na,2,1\n"))
    with pytest.raises(DataError, match="no column names the candidates"):
        read_candidates(written(tmp_path, "who,wit,tact\na,1,2\n"))
    assert read_candidates(written(tmp_path, "who,wit,tact\na,1,2\n"), name="who").names == ("a",)


def test_candidates_measured_on_prompts_that_all_have_answered() -> None:
    frame = pl.DataFrame(
        {"prompt_id": list("ppqqr"), "response_id": list("01010"), "candidate": list("ababa"),
         "wit": [1.0, 0.0, 0.5, 0.25, 0.0], "tact": [0.0, 1.0, 0.0, 0.5, 1.0]}
    )  # fmt: skip
    found = measured(Rewards(frame, ("wit", "tact")))
    assert found.prompts == 2, "r was answered by one alone"
    np.testing.assert_allclose(found.scores, [[0.75, 0.0], [0.125, 0.75]])
    # 2 t with t = sqrt(ln(2 x 2 x 2 / 0.05) / (2 x 2))
    whole = found.scale(stated={"wit": (0, 1), "tact": (0, 1)})
    assert found.slack(whole, 0.95) == pytest.approx(2 * np.sqrt(np.log(160) / 4))
    # Of ranges that are of the means, or that a response lies beyond, nothing is known of other prompts.
    assert np.isnan(found.slack(found.scale(), 0.95))
    assert np.isnan(found.slack(found.scale(stated={"wit": (0, 0.75), "tact": (0, 1)}), 0.95))


def test_wildbench_as_it_is_published() -> None:
    file = Path(__file__).parents[2] / "shared" / "data" / "wildbench" / "score.json"
    if not file.is_file():
        pytest.skip("WildBench's leaderboard is not there")
    found = read_wildbench(file)
    assert len(found.names) == 61 and len(found.traits) == 6 and found.less == ("length",)
    scale = found.scale()
    rewards = found.rewards(scale)
    longest = int(np.argmax(found.scores[:, -1]))
    assert rewards[longest, -1] == 0.0
    assert [each.source for each in scale.ranges] == ["definition"] * 5 + ["pool"]


def test_alpaca_eval_without_what_hacks_its_judge(tmp_path: Path) -> None:
    text = (
        ",win_rate,standard_error,avg_length,length_controlled_winrate\n"
        "NullModel,76.9,0.9,872,86.4\nA,50.0,1.0,2000,45.0\nB,20.0,1.0,1000,30.0\n"
    )
    found = read_alpaca_eval(written(tmp_path, text))
    assert found.names == ("A", "B") and "NullModel" in found.left_out
    np.testing.assert_allclose(found.rewards(found.scale()), [[0.5, 0.45, 0.0], [0.2, 0.3, 1.0]])
    with pytest.raises(DataError, match="no leaderboard of WildBench"):
        read_wildbench(written(tmp_path, text))


def test_a_table_of_candidates_that_does_not_fit() -> None:
    with pytest.raises(DataError, match="have the shape"):
        Candidates(("a",), np.zeros((2, 2)), ("x", "y"))
    with pytest.raises(DataError, match="one name"):
        Candidates(("a", "a"), np.zeros((2, 2)), ("x", "y"))
    assert Scale(()).traits == ()
