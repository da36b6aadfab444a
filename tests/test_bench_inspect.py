"""The tasks as Inspect runs them give what `populace bench run` gives; the log opens, and is scored again."""

from __future__ import annotations

import asyncio
import importlib.util
import math
from dataclasses import replace

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from populace.bench import Counting, open_task, play
from populace.bench.inspect_play import (
    APART,
    figures,
    known_of,
    parts,
    played,
    read_part,
    read_rows,
    rows_of,
    write_part,
)
from populace.bench.planted import chance, planted_bench, planted_judge, planted_target
from populace.errors import StudyError
from populace.models.records import GenerateRequest
from populace.models.scripted import Scripted
from populace.personas.presets import preset

INSPECT = importlib.util.find_spec("inspect_ai") is not None
needs_inspect = pytest.mark.skipif(not INSPECT, reason="inspect-ai is not installed (extra `inspect`)")


def by_messages() -> tuple[Scripted, Scripted]:
    """Models whose answers hang on the messages alone, so that they are the same under another name."""

    def text(request: GenerateRequest) -> str:
        return "[abcd"[1 + int(4 * chance(*(m.content for m in request.messages)))] + " is what I say"

    def choice(request) -> tuple[float, float]:
        luck = chance(*(m.content for m in request.messages))
        return luck, 1 - luck

    return Scripted(text=text, model="mockllm/target"), Scripted(choice=choice, model="mockllm/judge")


@pytest.mark.parametrize("name", sorted(APART))
def test_the_parts_of_a_bench_are_the_bench(name):
    task = open_task(name)
    made, models = planted_bench(planted_target(), planted_judge(), people=5, prompts=4, items=8)
    made = replace(made, temperature=0.7)
    whole = play(task, made, models)

    ask = asking(models)

    async def each() -> list[dict]:
        rows = []
        for number, part in enumerate(parts(task, made)):
            written = write_part(task, part, number)
            again = read_part(written, target=made.target, judge=made.judge)
            known = {}
            solved = await played(task, again, ask, known, ("target",))
            assert (solved is None) == task.meta.judged
            targets = set(known)
            items = await played(task, again, ask, known, ("target", "judge"))
            assert items is not None and (targets < set(known)) == task.meta.judged
            rows.append(rows_of(items, written))
        return rows

    together = read_rows(asyncio.run(each()))
    order = [name for name in ("arm", "item_id") if name in whole.columns]
    assert together.sort(order, maintain_order=True).equals(whole.sort(order, maintain_order=True))


@pytest.mark.parametrize(
    "options", [{}, {"groups": ["sex,ideology", "young women: age < 30 and sex == 'Female'"]}]
)
def test_groups_of_real_people_come_apart(options):
    """Of one person most attributes may be missing, and most groups are empty."""
    task = open_task("intersectionality")
    made, models = planted_bench(*by_messages(), people=5, prompts=12, items=12)
    made = replace(made, personas=preset("persona-1586").frame[::140], options=options)
    assert made.personas["ideology"].null_count() or made.personas["employment_status"].null_count()

    async def each() -> list[dict]:
        rows = []
        for number, part in enumerate(parts(task, made)):
            written = msgspec.json.decode(msgspec.json.encode(write_part(task, part, number)))
            again = read_part(written, target=made.target, judge=made.judge)
            assert again.personas.select(part.personas.columns).schema == part.personas.schema
            items = await played(task, again, asking(models), {}, ("target", "judge"))
            assert items is not None and task.score(items, Counting(draws=20))
            rows.append(rows_of(items, written))
        return rows

    together = read_rows(asyncio.run(each()))
    assert together.equals(play(task, made, models))
    nobody = replace(made, options={"groups": ["the very old: age > 98"]})
    with pytest.raises(StudyError, match="'the very old' has nobody in it"):
        next(parts(task, nobody))


def asking(models):
    async def ask(role, stage, requests):
        one = isinstance(requests[0], GenerateRequest)
        return await (models[role].generate(requests) if one else models[role].choose(requests))

    return ask


def test_figures_leave_out_what_says_nothing():
    task = open_task("main")
    made, models = planted_bench(planted_target(), planted_judge(), people=5, prompts=4, items=8)
    found = figures(task.score(play(task, made, models), Counting(draws=50)))
    assert {"satisfied.baseline", "satisfied.baseline.low", "wins.output_only.high"} <= set(found)
    assert not any("refused" in name or math.isnan(value) for name, value in found.items())
    assert known_of({}) == {}


@pytest.fixture(scope="module")
def twin():
    """What our own runner gives for the same people, questions and answers."""
    from populace.bench.inspect_tasks import _bench

    target, judge = by_messages()
    settings = {"items": 6, "seed": 3, "answer_tokens": 256, "temperature": 0.0, "template": "profile"}
    task = open_task("main")
    bench = _bench(task, 4, None, "builtin", settings | {"options": {}})
    return play(task, bench, {"target": target, "judge": judge})


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    from inspect_ai import eval as run  # pyright: ignore[reportMissingImports]
    from inspect_ai.log import read_eval_log  # pyright: ignore[reportMissingImports]

    folder = str(tmp_path_factory.mktemp("logs"))
    target, judge = mocked()
    settings = {"items": 6, "people": 4, "seed": 3}
    (log,) = run(
        "populace/main",
        model=target,
        model_roles={"judge": judge},
        task_args=settings,
        log_dir=folder,
        display="none",
    )
    assert log.status == "success", log.error
    return read_eval_log(log.location)


@needs_inspect
class TestUnderInspect:
    def test_items_and_scores_are_our_own(self, log, twin):
        rows = read_rows([s.scores["judged"].metadata["items"] for s in log.samples]).sort("arm", "item_id")
        # A probability went through its logarithm.
        assert_frame_equal(rows, twin.sort("arm", "item_id"), abs_tol=1e-12)
        ours = figures(open_task("main").score(twin, Counting(seed=3)))
        metrics = log.results.scores[0].metrics
        assert {name: each.value for name, each in metrics.items()} == pytest.approx(ours)
        assert 0 < ours["satisfied.output_only"] < 1  # not all alike

    def test_a_sample_shows_persona_judge_and_value(self, log, twin):
        sample = log.samples[0]
        assert set(sample.scores["judged"].value) == {
            *("baseline", "output_only", "chain_of_thought", "demographic_summary")
        }
        assert not sample.scores["judged"].metadata["judge_is_target"]
        assert sample.metadata["persona_id"] in twin["persona_id"]
        assert sample.input in twin["prompt"]

    def test_scored_again_by_another_judge_the_target_is_not_asked(self, log):
        from inspect_ai import score  # pyright: ignore[reportMissingImports]

        from populace.bench.inspect_tasks import judged

        always = mocked(verdict="2")[1]
        again = score(log, judged(), action="overwrite", model_roles={"judge": always}, display="none")
        metrics = again.results.scores[0].metrics
        # It says number 2 in both orders: every question is a tie.
        assert metrics["critic_tie.baseline"].value == 1.0

    def test_epochs_are_refused(self, tmp_path):
        from inspect_ai import eval as run  # pyright: ignore[reportMissingImports]

        target, judge = mocked()
        (log,) = run(
            "populace/main",
            model=target,
            model_roles={"judge": judge},
            task_args={"items": 1, "people": 2},
            epochs=2,
            log_dir=str(tmp_path),
            display="none",
        )
        assert log.status == "error" and "one epoch" in log.error.message


@needs_inspect
def test_intersectionality_runs_on_its_defaults(tmp_path):
    from inspect_ai import eval as run  # pyright: ignore[reportMissingImports]

    target, judge = mocked()
    (log,) = run(
        "populace/intersectionality",
        model=target,
        model_roles={"judge": judge},
        task_args={"items": 20, "people": 20},
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success", log.error
    assert len(log.samples) == 20 and "gap.sex,coarse ideology" in log.results.scores[0].metrics


@needs_inspect
class TestAgreement:
    def test_further_judges_are_roles(self, tmp_path):
        from inspect_ai import eval as run  # pyright: ignore[reportMissingImports]

        target, judge = mocked()
        roles = {"judge": judge, "judge_2": mocked("1", name="mockllm/second")[1]}
        settings = {"items": 4, "people": 3, "options": {"baselines": False}}
        quiet = {"log_dir": str(tmp_path), "display": "none", "task_args": settings}
        (log,) = run("populace/agreement", model=target, model_roles=roles, **quiet)
        assert log.status == "success", log.error
        told = log.samples[0].scores["judged"].metadata
        assert told["also"] == {"judge 2": "mockllm/second"}
        rows = read_rows([told["items"]])
        # One of a word says number 1 in both orders: ties.
        assert rows.height == 4 and set(rows["by:mockllm/second"]) == {"tie"}
        assert set(rows["by:mockllm/judge"]) <= {"first", "second", "tie"}
        metrics = log.results.scores[0].metrics
        assert metrics["choice_tie.mockllm/second"].value == 1.0
        (log,) = run("populace/agreement", model=target, model_roles={"judge": judge}, **quiet)
        assert log.status == "error" and "--model-role judge_2=MODEL" in log.error.message


def mocked(verdict: str | None = None, name: str = "mockllm/judge"):
    """The models of `by_messages` as Inspect's mocks; or a judge of one word, without probabilities."""
    from inspect_ai.model import (  # pyright: ignore[reportMissingImports]
        ChatCompletionChoice,
        ChatMessageAssistant,
        Logprob,
        Logprobs,
        ModelOutput,
        ModelUsage,
        TopLogprob,
        get_model,
    )

    def said(text: str, logprobs: Logprobs | None = None) -> ModelOutput:
        turn = ChatMessageAssistant(content=text)
        choice = ChatCompletionChoice(message=turn, stop_reason="stop", logprobs=logprobs)
        return ModelOutput(model="mock", choices=[choice], usage=ModelUsage(input_tokens=1, output_tokens=1))

    def text(messages, tools, tool_choice, config) -> ModelOutput:
        luck = chance(*(m.text for m in messages))
        return said("[abcd"[1 + int(4 * luck)] + " is what I say")

    def choice(messages, tools, tool_choice, config) -> ModelOutput:
        if verdict is not None:
            return said(verdict)
        assert config.logprobs and config.top_logprobs == 20
        luck = chance(*(m.text for m in messages))
        told = [
            TopLogprob(token=str(n), logprob=math.log(p)) for n, p in enumerate((luck, 1 - luck), start=1)
        ]
        return said("1", Logprobs(content=[Logprob(token="1", logprob=0.0, top_logprobs=told)]))

    return (
        get_model("mockllm/target", custom_outputs=text, memoize=False),
        get_model(name, custom_outputs=choice, memoize=False),
    )


def test_types_of_columns_survive():
    frame = pl.DataFrame(
        {"item_id": [0], "answer": [None]}, schema={"item_id": pl.Int64, "answer": pl.String}
    )
    assert read_rows([rows_of(frame, {"item_id": 7})]).to_dict(as_series=False) == {
        "item_id": [7],
        "answer": [None],
    }
