"""`grounded`: models of known quality come back as what they are, whatever is told, killed or wrong."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench import Counting, TaskResult, open_task, run_task
from populace.bench.grounding.asking import Told, read_view, survey_requests
from populace.bench.grounding.cells import read_grounds
from populace.bench.grounding.planting import planted_bench, planted_model, planted_survey
from populace.bench.grounding.predicting import PANEL
from populace.bench.grounding.respondents import planned
from populace.bench.runner import play
from populace.bench.tasks.grounded import Grounded
from populace.cli import app
from populace.errors import DataError, StudyError
from populace.models.records import Choice, Failure
from populace.models.scripted import Scripted
from populace.opinions import NONE, Item, Opinions, read_opinions
from populace.opinions.ceiling import carry_over

COUNTING = Counting(draws=200)
SAMPLE = planted_survey(3, items=24, people=150)
DATA = Path(__file__).parents[2] / "shared" / "data"


def bench(target: Scripted, **options: object):
    made = planted_bench(target, people=20, asked=4)
    return replace(made, options={**made.options, **options})


def items_of(target: Scripted, opinions: Opinions = SAMPLE.opinions, **options: object) -> pl.DataFrame:
    return play(Grounded(opinions), bench(target, **options), {"target": target})


@pytest.fixture(scope="module")
def items() -> pl.DataFrame:
    return items_of(planted_model(SAMPLE, 0.8))


def scores(items: pl.DataFrame) -> dict[tuple[str, str], float]:
    found = Grounded().score(items, COUNTING)
    return {(score.measure, score.arm): score.estimate.value for score in found if not score.group}


def test_scores_by_hand(items):
    """Accuracy and log score of every arm are the weighted means that polars gives."""
    found = scores(items)
    hit = Grounded().values(items).with_columns(weight=items.filter(kind="model")["weight"])
    for arm in ("nobody", "political + 3", "stranger"):
        rows = items.filter(arm=arm)
        by_hand = np.average(hit.filter(arm=arm)["value"], weights=rows["weight"])
        assert found["accuracy", arm] == pytest.approx(by_hand)
        logs = [math.log(p[truth]) for p, truth in zip(rows["p"], rows["truth"], strict=True)]
        assert found["log score", arm] == pytest.approx(np.average(logs, weights=rows["weight"]))
    twice = items.filter(arm="same again")
    same = np.average(twice["truth"] == twice["retest"], weights=twice["weight"])
    assert found["accuracy", "same again"] == pytest.approx(same)
    best = max(found["accuracy", "uniform"], found["accuracy", "population"])
    share = (found["accuracy", "political + 3"] - best) / (same - best)
    assert found["share of the range, accuracy", "political + 3"] == pytest.approx(share, abs=0.1)


def test_what_the_model_said_is_what_is_scored(items):
    """By choice, in both orders, the planted distribution comes back unchanged."""
    table = SAMPLE.model(0.8)
    people = {who: place for place, who in enumerate(SAMPLE.opinions.people["person_id"])}
    for row in items.filter(arm="political").head(20).iter_rows(named=True):
        item = SAMPLE.opinions.place(row["prompt_id"])
        start = SAMPLE.opinions.starts[item]
        planted = table[people[row["persona_id"]], start : start + row["options"]]
        assert row["p"] == pytest.approx(planted.tolist())
        assert row["truth"] == SAMPLE.opinions.answers[people[row["persona_id"]], item]
        assert row["between_orders"] == pytest.approx(0.0, abs=1e-9)


def test_every_arm_has_the_same_cells_and_a_distribution(items):
    keys = [
        rows.select("persona_id", "prompt_id").rows()
        for rows in items.partition_by("arm", maintain_order=True)
    ]
    assert all(each == keys[0] for each in keys) and len(keys[0]) == 20 * 4
    assert set(items["kind"]) == {"model", "baseline", "ceiling"}
    p = items.drop_nulls("p")
    assert np.allclose(p["p"].list.sum(), 1) and (p["p"].list.len() == p["options"]).all()


@pytest.mark.parametrize(("quality", "low", "high"), [(1.0, 0.6, 1.2), (0.0, -2.0, 0.1)])
def test_a_good_model_attains_much_and_a_bad_one_nothing(quality, low, high):
    found = scores(items_of(planted_model(SAMPLE, quality)))
    assert low < found["share of the range, log score", "political + 3"] < high


def test_nobody_is_asked_once_and_strangers_are_others():
    target = planted_model(SAMPLE, 1.0)
    made = bench(target)
    plan = planned(made, SAMPLE.opinions)
    told = plan.told(made)
    assert list(told) == ["nobody", "demographics", "political", "political + 3", "stranger"]
    assert {one.profile for one in told["nobody"]} == {""}
    assert not any("Democrat" in one.profile or "Republican" in one.profile for one in told["demographics"])
    assert any("Democrat" in one.profile for one in told["political"])
    own = [one.profile for one in told["political + 3"]]
    other = [one.profile for one in told["stranger"]]
    assert sorted(own) == sorted(other) and all(a != b for a, b in zip(own, other, strict=True))
    # Neither they nor strangers are told the answer to what is asked.
    for arm in ("political + 3", "stranger"):
        for person, one in enumerate(told[arm]):
            asked = {
                SAMPLE.opinions.items[place].question for place in np.flatnonzero(plan.split.asked[person])
            }
            assert len(one.known) == 3 and not asked & {question for question, _ in one.known}
    steps = Grounded(SAMPLE.opinions).play(made)
    first = next(steps)
    assert first.stage == "answers, nobody"
    assert len(first.requests) == 2 * plan.cells["item"].n_unique()


def twinned(*, attribute: bool) -> Opinions:
    """Plant a twin: the last item is the first, turned round; or it is told by the party."""
    opinions = SAMPLE.opinions
    source = opinions.people["political_views"].rank("dense").to_numpy().astype(np.int16) - 1
    first = opinions.items[0]
    if not attribute:
        codes = opinions.answers[:, 0]
        source = np.where(codes == NONE, NONE, first.size - 1 - codes).astype(np.int16)
    size = int(source.max()) + 1
    item = Item(name="twin", question="Question 0?", options=tuple(f"option {n}" for n in range(size)))
    answers = np.concatenate([opinions.answers, source[:, None]], axis=1)
    return Opinions(opinions.people, (*opinions.items, item), answers)


def test_twins_never_tell_unless_leaks_are_wanted():
    opinions = twinned(attribute=False)
    made = bench(planted_model(SAMPLE, 1.0), asked=6, known=12)
    pair = [0, len(opinions.items) - 1]

    def told(leaks: bool) -> int:
        plan = planned(replace(made, options={**made.options, "leaks": leaks}), opinions)
        known = plan.split.known(opinions, 12, hide=plan.hidden)
        return int(sum((plan.split.asked[:, a] & (known[:, b] != NONE)).sum() for a, b in (pair, pair[::-1])))

    assert told(leaks=False) == 0 < told(leaks=True)


def test_what_an_attribute_tells_is_neither_asked_nor_told():
    opinions = twinned(attribute=True)
    made = bench(planted_model(SAMPLE, 1.0), asked=6, known=12)
    for leaks in (False, True):
        plan = planned(replace(made, options={**made.options, "leaks": leaks}), opinions)
        assert plan.open[-1] == leaks and plan.split.asked[:, -1].any() == leaks


def test_refusals_count_as_every_option_alike_and_failures_as_nothing(items):
    honest = planted_model(SAMPLE, 1.0)
    mute, gone = items["prompt_id"].unique().sort()[:2]

    def asks(request, name: str) -> bool:
        return f"Question {name[1:]}?" in request.messages[-1].content

    def broken(request):
        if "number" in request.messages[0].content and asks(request, mute):
            return [0.0] * len(request.options)
        if asks(request, gone):
            return Failure(key=request.key, boundary="server", message="no", retryable=False)
        return honest._choice(request)

    made = items_of(Scripted(choice=broken))
    outcome = made.filter(arm="political").group_by("prompt_id").agg(pl.col("outcome").unique())
    by_item = {name: set(each) for name, each in outcome.iter_rows()}
    assert by_item[mute] == {"refused"} and by_item[gone] == {"failed"}
    grounds = read_grounds(made)
    assert grounds.cells[:, grounds.opinions.place(mute)].any()
    assert not grounds.cells[:, grounds.opinions.place(gone)].any()
    found = scores(made)
    assert found["answers_refused", "political"] > 0 and found["answers_failed", "political"] > 0
    rows = made.filter((pl.col("arm") == "political") & (pl.col("outcome") != "failed"))
    logs = [
        math.log(1 / size if p is None else p[truth])
        for p, truth, size in rows.select("p", "truth", "options").iter_rows()
    ]
    assert found["log score", "political"] == pytest.approx(np.average(logs, weights=rows["weight"]))


def test_all_calls_fail():
    fails = Scripted(
        choice=lambda request: Failure(key=request.key, boundary="server", message="no", retryable=False)
    )
    made = items_of(fails)
    first, *_ = Grounded().score(made, COUNTING)
    assert first.measure == "accuracy" and not first.estimate.defined
    (left,) = Grounded().audit(made, COUNTING)
    assert left.name == "unanswered" and not left.passed and left.shortcut.value == 1


def test_only_some_designs_fail():
    honest = planted_model(SAMPLE, 1.0)
    nobody = Scripted(
        choice=lambda request: (
            honest._choice(request)
            if "number" in request.messages[0].content
            else Failure(key=request.key, boundary="server", message="no", retryable=False)
        )
    )
    found = scores(items_of(nobody))
    assert ("accuracy", "nobody") not in found and found["accuracy", "political + 3"] > 0.5


def test_the_place_of_an_option_cancels():
    item = Item(name="q", question="Q?", options=("a", "b", "c"))
    made = bench(Scripted())
    one, other = survey_requests(made, item, "Q?", Told())
    assert "1: a\n2: b\n3: c" in one.messages[-1].content and "1: c\n2: b\n3: a" in other.messages[-1].content
    logs = np.log([0.5, 0.3, 0.2])
    view = read_view([Choice(key="x", log_likelihoods=tuple(logs), tokens=(1, 1, 1))] * 2)
    # 0.5 * 0.2, 0.3 * 0.3, 0.2 * 0.5 under the root: sqrt(.1), .3, sqrt(.1).
    root = math.sqrt(0.1)
    assert view.p == pytest.approx((root / (2 * root + 0.3), 0.3 / (2 * root + 0.3), root / (2 * root + 0.3)))
    assert view.spread == pytest.approx(0.3)


def test_likelihood_takes_the_question_put_to_nobody_off():
    told = Choice(key="x", log_likelihoods=(-3.0, -8.0), tokens=(2, 4))
    bare = Choice(key="y", log_likelihoods=(-4.0, -8.0), tokens=(2, 4))
    odds = read_view([told], [bare]).p
    assert odds is not None and math.log(odds[0] / odds[1]) == pytest.approx(1.0)
    alone = read_view([told]).p
    assert alone is not None and math.log(alone[0] / alone[1]) == pytest.approx(-1.5 + 2.0)


def test_wordings_are_averaged():
    items = tuple(
        Item(
            name=item.name,
            question=item.question,
            options=item.options,
            ordinal=item.ordinal,
            wordings=(f"Again: {item.question}",),
        )
        for item in SAMPLE.opinions.items
    )
    honest = planted_model(SAMPLE, 1.0)

    def flat_again(request):
        if "Again" in request.messages[-1].content:
            return [1.0] * len(request.options)
        return honest._choice(request)

    made = items_of(Scripted(choice=flat_again), replace(SAMPLE.opinions, items=items), wordings=2)
    plain = items_of(honest)
    keys = ["persona_id", "prompt_id", "arm"]
    both = made.join(plain.select(*keys, plain="p"), on=keys).filter(arm="political")
    for p, before, size in both.select("p", "plain", "options").iter_rows():
        assert p == pytest.approx([(each + 1 / size) / 2 for each in before])
    assert (both["between_wordings"] > 0).all()


def test_people_without_attributes():
    bare = replace(SAMPLE.opinions, people=SAMPLE.opinions.people.select("person_id", "weight"))
    made = items_of(Scripted(), bare, known="3,10")
    models = made.filter(kind="model")["arm"].unique(maintain_order=True).to_list()
    assert models == ["nobody", "3", "10", "stranger"]
    with pytest.raises(StudyError, match="nothing to tell"):
        items_of(Scripted(), bare, known=0)


def test_without_a_second_interview_the_ceiling_is_carried_over():
    once = replace(SAMPLE.opinions, retest=None)
    target = planted_model(SAMPLE, 0.9)
    made = items_of(target, once, respondents=60)
    assert made["retest"].null_count() == made.height
    task = Grounded()
    found = {(score.measure, score.arm): score for score in task.score(made, COUNTING) if not score.group}
    kept = found["accuracy", "carried over"]
    assert f"carried over from {PANEL.items} items" in kept.note and 0.5 < kept.estimate.value < 0.95
    share = found["share of the range, accuracy", "political + 3"]
    assert share.estimate.defined and "carried over" in share.note
    assert ("share of the range, log score", "political + 3") not in found
    # The shares of the items come from the training respondents: as the line itself would have them.
    plan = planned(bench(target, respondents=60), once)
    names = sorted(made["prompt_id"].unique())
    train = once.take(plan.split.train).only(names)
    weights = np.array([made.filter(arm="nobody", prompt_id=name)["weight"].sum() for name in names])
    assert kept.estimate.value == pytest.approx(PANEL.mean(train, weights).value, abs=0.02)


def test_killed_and_resumed(tmp_path, items):
    target = planted_model(SAMPLE, 0.8)
    calls = 0

    def dies(request):
        nonlocal calls
        calls += 1
        if calls > 500:
            raise KeyboardInterrupt
        return target._choice(request)

    task = Grounded(SAMPLE.opinions)
    with pytest.raises(KeyboardInterrupt):
        run_task(task, bench(target), {"target": Scripted(choice=dies, model=target.model)}, tmp_path / "a")
    asked = 0

    def counts(request):
        nonlocal asked
        asked += 1
        return target._choice(request)

    again = Scripted(choice=counts, model=target.model)
    found = run_task(task, bench(target), {"target": again}, tmp_path / "a", counting=COUNTING)
    whole = run_task(task, bench(target), {"target": target}, tmp_path / "b", counting=COUNTING)
    assert (tmp_path / "a" / "result.json").read_bytes() == (tmp_path / "b" / "result.json").read_bytes()
    assert pl.read_parquet(tmp_path / "a" / "items.parquet").equals(items)
    assert found.headline == whole.headline and found.headline.arm == "political + 3"
    total = 2 * items.filter(kind="model", arm="political").height * 4 + 2 * items["prompt_id"].n_unique()
    assert 0 < asked <= total - 500 + 64
    with pytest.raises(StudyError, match="another --out"):
        run_task(task, bench(target, known=5), {"target": target}, tmp_path / "a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"respondents": 1}, "no stranger"),
        ({"respondents": "many"}, "no whole number"),
        ({"asked": "1,2"}, "one number"),
        ({"knwon": 3}, "did you mean 'known'"),
        ({"statistics": "magic"}, "own group"),
        ({"leaks": "perhaps"}, "neither on nor off"),
        ({"questions": 99}, "questions are wanted"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(StudyError, match=message):
        planned(bench(Scripted(), **options), SAMPLE.opinions)


def test_too_few_people_and_no_wording():
    with pytest.raises(DataError, match="respondents cannot be tested"):
        planned(bench(Scripted(), respondents=1000), SAMPLE.opinions)
    mute = tuple(Item(name=item.name, options=item.options) for item in SAMPLE.opinions.items)
    with pytest.raises(DataError, match="no item can be asked"):
        planned(bench(Scripted()), replace(SAMPLE.opinions, items=mute))


def test_no_survey_no_codebook_no_file(tmp_path):
    for options, message in (
        ({}, "needs a survey"),
        ({"survey": tmp_path / "x.csv"}, "how the survey is to be read"),
    ):
        with pytest.raises(StudyError, match=message):
            planned(bench(Scripted(), **options))
    with pytest.raises(DataError, match=r"x\.csv"):
        planned(bench(Scripted(), survey=tmp_path / "x.csv", codebook="gss"))
    with pytest.raises(StudyError, match="Polis has no codebook"):
        planned(bench(Scripted(), survey=tmp_path, codebook="gss"))


@pytest.mark.parametrize("cheat", ["deaf", "first", "mute"])
def test_a_cheat_fails_and_honesty_passes(cheat):
    sample = planted_survey(5, items=24, people=160)
    name = {"deaf": "as a stranger", "first": "order of options", "mute": "unanswered"}[cheat]
    for told in (cheat, ""):
        target = planted_model(sample, 1.0, cheat=told)
        made = play(Grounded(sample.opinions), planted_bench(target, people=60), {"target": target})
        failed = {finding.name for finding in Grounded().audit(made, COUNTING) if not finding.passed}
        assert (name in failed) == bool(told), failed


def polis(folder: Path) -> Path:
    """Write a conversation of 60 people on 25 statements, of two camps."""
    folder.mkdir()
    rows = ["participant," + ",".join(map(str, range(25)))]
    rng = np.random.default_rng(0)
    for person in range(60):
        lean = 1 if person % 2 else -1
        votes = np.where(rng.random(25) < 0.85, lean, -lean) * np.where(np.arange(25) % 2, 1, -1)
        rows.append(f"{person}," + ",".join(map(str, votes)))
    (folder / "participants-votes.csv").write_text("\n".join(rows) + "\n")
    statements = "\n".join(f"{n},1,Statement {n}" for n in range(25))
    (folder / "comments.csv").write_text(f"comment-id,moderated,comment-body\n{statements}\n")
    return folder


def test_the_command_on_a_conversation(tmp_path, monkeypatch):
    from populace.personas import presets

    def loaded(name: str) -> None:
        raise AssertionError("the preset's people are not needed")

    monkeypatch.setattr(presets, "preset", loaded)
    folder, out = polis(tmp_path / "talk"), tmp_path / "run"
    command = ["bench", "run", "grounded", "--model", "scripted", "--out", out]
    command += ["--option", f"survey={folder}", "--option", "respondents=12", "--option", "known=3"]
    command += ["--option", "statistics=completion", "--option", "asked=4"]
    found = CliRunner().invoke(app, [*map(str, command)], env={"COLUMNS": "80"})
    assert found.exit_code == 0, found.exception
    for row in ("uniform", "population", "completion", "nobody", "stranger", "3 own answers", "carried over"):
        assert row in found.stdout
    assert max(map(len, found.stdout.splitlines()[:-1])) <= 80  # the last names the folder
    result = TaskResult.load(out / "result.json")
    assert set(result.settings["files"]) == {"survey"}
    before = (out / "result.json").read_bytes()
    assert CliRunner().invoke(app, ["bench", "score", str(out)]).exit_code == 0
    assert (out / "result.json").read_bytes() == before
    # Another vote makes another run of it.
    votes = folder / "participants-votes.csv"
    votes.write_text(votes.read_text().replace("\n0,1", "\n0,-1", 1).replace("\n1,1", "\n1,-1", 1))
    assert isinstance(CliRunner().invoke(app, [*map(str, command)]).exception, StudyError)


def test_two_runs_are_compared(tmp_path):
    for quality in (0.9, 0.1):
        target = planted_model(SAMPLE, quality)
        run_task(Grounded(SAMPLE.opinions), bench(target), {"target": target}, tmp_path / str(quality))
    found = CliRunner().invoke(app, ["bench", "compare", *(str(tmp_path / q) for q in ("0.9", "0.1"))])
    assert found.exit_code == 0, found.exception
    assert "planted-0.9" in found.output


def test_under_inspect(items):
    """What Inspect keeps in its log, as JSON, is scored alike; and a part needs no personas."""
    from populace.bench.inspect_play import parts, read_rows, rows_of, write_part

    written = msgspec.json.decode(msgspec.json.encode(rows_of(items, {"item_id": None})))
    again = read_rows([written]).sort("item_id", maintain_order=True)
    assert scores(again) == pytest.approx(scores(items), nan_ok=True)
    made = bench(planted_model(SAMPLE, 0.8))
    (part,) = parts(Grounded(SAMPLE.opinions), made)
    kept = msgspec.json.decode(msgspec.json.encode(write_part(Grounded(SAMPLE.opinions), part, 0)))
    assert kept["personas"] == kept["prompts"] == []


def test_figures(items):
    pytest.importorskip("altair")
    from populace.bench.runner import summed
    from populace.report.figures.grounded import grounded, reliability

    made = summed(Grounded(SAMPLE.opinions), bench(planted_model(SAMPLE, 0.8)), items, COUNTING, {})
    spec = grounded(made).to_dict()
    found = {(score.measure, score.arm): score.estimate.value for score in made.scores if not score.group}
    rows = {row["label"]: row for layer in spec["datasets"].values() for row in layer if "label" in row}
    assert {"uniform", "statistics: own group", "model: political + 3", "the person: said again"} <= set(rows)
    assert rows["model: political + 3"]["value"] == pytest.approx(found["accuracy", "political + 3"])
    # Of the truth itself one half of what is said to be one half is true.
    truth = items_of(planted_model(SAMPLE, 1.0), respondents=100, asked=8)
    drawn = [row for data in reliability(truth, ["political"]).to_dict()["datasets"].values() for row in data]
    bins = [row for row in drawn if "low" in row]
    assert len(bins) >= 8 and all(abs(row["value"] - row["said"]) < 0.25 for row in bins)
    assert sum(row["low"] <= row["said"] <= row["high"] for row in bins) >= len(bins) - 1
    with pytest.raises(DataError, match="no arm"):
        reliability(items, ["somebody"])
    with pytest.raises(DataError, match="of the task grounded"):
        grounded(replace_task(made))


def replace_task(result: TaskResult) -> TaskResult:
    return msgspec.structs.replace(result, task="main")


def test_the_line_is_that_of_the_panel():
    path = DATA / "gss" / "gss_panel20.rda"
    if not path.exists():
        pytest.skip("the panel of the General Social Survey is not here")
    opinions = read_opinions(path, "gss", later=True)
    told = set(opinions.people.columns)
    names = [item.name for item in opinions.items if item.question and not told & set(item.same_as)]
    line = carry_over(opinions.only(names))
    assert np.allclose(line.coefficients, PANEL.coefficients, atol=0.01)
    assert line.spread == pytest.approx(PANEL.spread, abs=0.005) and abs(line.items - PANEL.items) <= 2


def test_the_task_is_there():
    task = open_task("grounded")
    assert task.meta.main_measure == "accuracy" and not task.meta.judged
