"""Exports of portfolios: training sets that hold what the plan says, soups, serving, best-of-n as a model."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from populace import traits
from populace.errors import DataError, ModelError
from populace.models import ChooseRequest, Failure, GenerateRequest, Message, Provider
from populace.models.scripted import Scripted
from populace.portfolio.exporting import export, preference_rows, soup, unpaired_rows
from populace.portfolio.planning import plan
from populace.portfolio.plans import Plan, load_plan
from populace.portfolio.rewards import Rewards
from populace.portfolio.scaling import Range, Scale
from populace.portfolio.serving import BestOf, Member, Serving, load_serving, serving_of
from populace.run import Journal, run

UNIT = Scale(tuple(Range(trait=name, low=0.0, high=1.0, source="stated") for name in ("wit", "tact")))


@pytest.fixture(scope="module")
def made() -> tuple[Rewards, Plan]:
    scores = np.random.default_rng(2).dirichlet([0.7, 0.7], size=20 * 5)
    rows = [(f"p{n // 5}", f"Prompt {n // 5}?", str(n % 5), f"Response {n}.") for n in range(100)]
    frame = pl.DataFrame(rows, schema=["prompt_id", "prompt", "response_id", "response"], orient="row")
    rewards = Rewards(
        frame.with_columns(pl.Series("wit", scores[:, 0]), pl.Series("tact", scores[:, 1])), ("wit", "tact")
    )
    return rewards, plan(rewards, scale=UNIT, regret=0.05, provenance={"model": "m"})


def read(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_pairs_hold_what_the_weights_prefer_and_no_held_out_prompt(
    made: tuple[Rewards, Plan], tmp_path: Path
) -> None:
    rewards, found = made
    written = export(found, rewards, tmp_path)
    values = {row["response"]: (row["wit"], row["tact"]) for row in rewards.frame.iter_rows(named=True)}
    for member in found.members:
        rows = read(tmp_path / member.name / "dpo.jsonl")
        assert len(rows) == written.files[f"{member.name}/dpo.jsonl"] == len(found.planned)
        assert {row["prompt_id"] for row in rows} == set(found.planned)
        for row in rows:
            assert [message["role"] for message in row["prompt"]] == ["user"]
            (chosen,), (rejected,) = row["chosen"], row["rejected"]
            worth = [np.dot(values[each["content"]], member.weights) for each in (chosen, rejected)]
            assert worth[0] > worth[1]
            assert row["margin"] == pytest.approx(worth[0] - worth[1])
            number = int(row["prompt_id"][1:])
            own = [
                np.dot(values[f"Response {n}."], member.weights) for n in range(5 * number, 5 * number + 5)
            ]
            assert worth[0] == pytest.approx(max(own)) and worth[1] == pytest.approx(min(own))
    for file in tmp_path.rglob("*"):
        if file.suffix in (".jsonl", ".md"):
            text = file.read_text()
            assert not any(f'"{name}"' in text or f"Prompt {name[1:]}?" in text for name in found.kept)
    card = (tmp_path / "README.md").read_text()
    assert (
        "wit: 0 to 1 (as stated)" in card and "- model: m" in card and "held out and are in no file" in card
    )


def test_single_responses_are_labelled_by_the_mean_of_their_prompt(made: tuple[Rewards, Plan]) -> None:
    rewards, found = made
    member = found.members[0]
    rows = list(unpaired_rows(found, member, rewards))
    values = {row["response"]: (row["wit"], row["tact"]) for row in rewards.frame.iter_rows(named=True)}
    for row in rows:
        number = int(row["prompt_id"][1:])
        own = [np.dot(values[f"Response {n}."], member.weights) for n in range(5 * number, 5 * number + 5)]
        worth = np.dot(values[row["completion"][0]["content"]], member.weights)
        assert row["label"] is bool(worth > np.mean(own))
        assert row["margin"] == pytest.approx(abs(worth - np.mean(own)))
    assert {row["label"] for row in rows} == {True, False}
    assert len(list(unpaired_rows(found, member, rewards, least=rows[0]["margin"] * 2.01))) < len(rows)


def test_margins_leave_out_what_is_alike(made: tuple[Rewards, Plan], tmp_path: Path) -> None:
    rewards, found = made
    member = found.members[0]
    every = list(preference_rows(found, member, rewards, pairs="all"))
    assert len(every) == 10 * len(found.planned)
    middle = float(np.median([row["margin"] for row in every]))
    wide = list(preference_rows(found, member, rewards, pairs="all", least=middle))
    assert len(wide) == len(every) / 2 and min(row["margin"] for row in wide) >= middle
    with pytest.raises(DataError, match="ask for a smaller margin"):
        export(found, rewards, tmp_path, ["dpo"], least=2.0)
    assert not list(tmp_path.rglob("*.jsonl")), "a set without a row is not written"


def test_a_failed_export_leaves_what_stood_there(made: tuple[Rewards, Plan], tmp_path: Path) -> None:
    rewards, found = made
    export(found, rewards, tmp_path, ["dpo"])
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(DataError):
        export(found, rewards, tmp_path, ["dpo"], least=2.0)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    export(found, rewards, tmp_path, ["dpo"])
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_other_rewards_than_the_plan_s_are_refused(made: tuple[Rewards, Plan], tmp_path: Path) -> None:
    rewards, found = made
    with pytest.raises(DataError, match="no column 'response'"):
        export(found, Rewards(rewards.frame.drop("response"), rewards.traits), tmp_path)
    with pytest.raises(DataError, match="the plan is of wit, tact, and the rewards of tact, wit"):
        export(found, Rewards(rewards.frame, ("tact", "wit")), tmp_path)
    some = rewards.frame.filter(pl.col("prompt_id") != found.planned[0])
    with pytest.raises(DataError, match="1 prompts of the plan have no rewards, the first p"):
        export(found, Rewards(some, rewards.traits), tmp_path)


def broken(plan: Plan, **changed: object) -> str:
    told = json.loads(msgspec.json.encode(plan))
    for name, value in changed.items():
        if name in told["members"][0]:
            told["members"][0][name] = value
        else:
            told[name] = value
    return json.dumps(told)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "../../escaped"}, "no name of a member"),
        ({"name": ".."}, "no name of a member"),
        ({"name": ""}, "no name of a member"),
        ({"name": "a/b"}, "no name of a member"),
        ({"name": "member-2"}, "two members have the name"),
        ({"members": []}, "there is no member"),
        ({"weights": [1.0]}, "another number of traits"),
        ({"weights": [-1.0, 2.0]}, "at least 0 and sum to 1"),
        ({"rewards": [0.5, 1e999]}, "no plan"),
        ({"kept": ["p0", *(f"p{n}" for n in range(20))]}, "planned with and held out"),
    ],
)
def test_a_plan_that_was_changed_is_refused_and_writes_nothing(
    made: tuple[Rewards, Plan], tmp_path: Path, changed: dict[str, object], message: str
) -> None:
    (tmp_path / "plan.json").write_text(broken(made[1], **changed).replace("Infinity", "1e999"))
    with pytest.raises(DataError, match=message):
        load_plan(tmp_path / "plan.json")


def test_no_member_s_name_leaves_the_folder_of_an_export(made: tuple[Rewards, Plan], tmp_path: Path) -> None:
    rewards, found = made
    first = msgspec.structs.replace(found.members[0], name="../escaped")
    with pytest.raises(DataError, match="no name of a member"):
        export(msgspec.structs.replace(found, members=(first,)), rewards, tmp_path / "sets")
    assert not list(tmp_path.iterdir())


def test_a_soup_mixes_one_expert_a_trait(made: tuple[Rewards, Plan]) -> None:
    _, found = made
    for member in found.members:
        mixed = soup(found, member)
        assert sum(mixed["coefficients"].values()) == pytest.approx(1)
        assert mixed["experts"] == {"wit": [1.0, 0.0], "tact": [0.0, 1.0]}


def test_the_router_of_a_configuration_is_the_best_member(made: tuple[Rewards, Plan], tmp_path: Path) -> None:
    _, found = made
    made_of = serving_of(found, best_of=4, models={"member-1": "mine"}, systems={"member-2": "Be tactful."})
    made_of.save(tmp_path / "serving.json")
    again = load_serving(tmp_path / "serving.json")
    assert again == made_of
    points = np.array([each.point for each in found.members])
    for weights in np.random.default_rng(0).dirichlet([1, 1], size=50):
        assert again.route(weights).name == found.members[int(np.argmax(points @ weights))].name
    first, second = again.members[:2]
    assert (first.model, first.best_of) == ("mine", 1) and (second.system, second.best_of) == (
        "Be tactful.",
        4,
    )
    with pytest.raises(DataError, match="no member 'member-9'"):
        serving_of(found, systems={"member-9": "x"})
    with pytest.raises(DataError, match="2 numbers of at least 0"):
        again.route([1.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "no configuration"),
        ('{"scale": [[]], "members": [], "certificate": 0}', "no configuration|there is no member"),
        ('{"scale": {"ranges": []}, "members": [], "certificate": 0}', "no configuration|there is no member"),
    ],
)
def test_a_configuration_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(DataError, match=message):
        load_serving(tmp_path / "s.json")
    with pytest.raises(DataError, match="no such configuration"):
        load_serving(tmp_path / "none.json")


SCALE = Scale(
    (
        Range(trait="brevity", low=0.0, high=1.0, source="definition"),
        Range(trait="politeness", low=-1.0, high=1.0, source="definition"),
    )
)
SCORERS = [traits.scorer("politeness"), traits.scorer("brevity")]
WRITTEN = ("Thank you for asking; it is a long story.", "No.", "", "It is so and so.")


def served(weights: tuple[float, float], n: int = 4, **settings) -> tuple[BestOf, Scripted]:
    model = Scripted(text=lambda request: WRITTEN[request.sample % 4], **settings)
    member = Member(name="m", weights=weights, point=(0.5, 0.5), best_of=n, system="Be kind.")
    return BestOf(model, member, SCALE, SCORERS), model


def ask(provider: BestOf, sample: int = 0) -> GenerateRequest:
    return GenerateRequest(
        model=provider.model,
        messages=(Message("user", "Why?"),),
        max_tokens=20,
        temperature=1.0,
        sample=sample,
    )


def test_best_of_n_gives_the_best_for_the_weights(tmp_path: Path) -> None:
    for weights, best in (((1.0, 0.0), "No."), ((0.0, 1.0), WRITTEN[0])):
        provider, _ = served(weights)
        assert isinstance(provider, Provider)
        with Journal(tmp_path / best[:2]) as journal:
            requests = [ask(provider), ask(provider, 1)]
            stats = run(requests, provider, journal, stage="serve")
            assert stats.answered == 2 and [journal.get(each.key).text for each in requests] == [best, best]
    # 4 samples each: what is drawn for one request is never drawn for another.
    provider, _ = served((1.0, 0.0))
    drawn = [provider._drawn(ask(provider, sample), place).sample for sample in (0, 1) for place in range(4)]
    assert drawn == list(range(8))
    assert provider._drawn(ask(provider), 0).messages[0] == Message("system", "Be kind.")


def test_members_do_not_read_one_another_s_answers_in_a_journal(tmp_path: Path) -> None:
    def says(request: GenerateRequest) -> str:
        return request.messages[0].content

    found = []
    with Journal(tmp_path / "journal") as journal:
        for system in ("be kind", "be rude"):
            member = Member(name=system, weights=(1.0, 0.0), point=(0.9, 0.5), system=system)
            provider = BestOf(Scripted(text=says), member, SCALE, SCORERS)
            request = ask(provider)
            run([request], provider, journal, stage="serve")
            found.append(journal.get(request.key).text)
    assert found == ["be kind", "be rude"]


def test_a_response_beyond_the_range_of_the_pool_is_served() -> None:
    ends = {"brevity": (0.8, 0.99), "politeness": (-0.2, 0.2)}
    scale = Scale(
        tuple(Range(trait=name, low=low, high=high, source="pool") for name, (low, high) in ends.items())
    )
    model = Scripted(text=lambda request: "word " * (300 if request.sample else 20))
    provider = BestOf(
        model, Member(name="m", weights=(1.0, 0.0), point=(0.9, 0.5), best_of=2), scale, SCORERS
    )
    (result,) = asyncio.run(provider.generate([ask(provider)]))
    assert result.text == "word " * 20


def test_best_of_n_counts_all_tokens_and_passes_failures_on() -> None:
    def fail(request, tried):
        if request.sample == 1:
            return None
        return Failure(key=request.key, boundary="timeout", message="late", retryable=True)

    provider, _ = served((0.0, 1.0), fail=fail)
    (result,) = asyncio.run(provider.generate([ask(provider)]))
    assert result.text == "No.", "the one that came"
    whole, inner = served((1.0, 0.0))
    (result,) = asyncio.run(whole.generate([ask(whole)]))
    alone = asyncio.run(inner.generate([whole._drawn(ask(whole), place) for place in range(4)]))
    assert result.usage.completion_tokens == sum(each.usage.completion_tokens for each in alone)
    gone, _ = served(
        (1.0, 0.0), fail=lambda r, _: Failure(key=r.key, boundary="timeout", message="late", retryable=True)
    )
    (result,) = asyncio.run(gone.generate([ask(gone)]))
    assert isinstance(result, Failure) and result.key == ask(gone).key


def test_a_served_member_chooses_as_its_model_does() -> None:
    provider, inner = served((1.0, 0.0))
    request = ChooseRequest(model=provider.model, messages=(Message("user", "A or B?"),), options=("A", "B"))
    (choice,) = asyncio.run(provider.choose([request]))
    assert choice.key == request.key
    with pytest.raises(ModelError, match="nothing scores politeness"):
        BestOf(inner, Member(name="m", weights=(1, 0), point=(0, 0)), SCALE, SCORERS[1:])
    assert provider.model != served((0.0, 1.0))[0].model, "members are told apart in every key"
    assert isinstance(Serving(scale=SCALE, members=(), certificate=0.0), Serving)
