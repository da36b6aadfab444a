"""The tasks as Inspect shows and runs them: `inspect eval populace/main --model openai/... -T items=50`.

Inspect (https://inspect.aisi.org.uk) finds this module by its entry point, and every task of
`populace.bench.TASKS` in it, `-` written `_`. A sample is a persona and a question; the solver asks the
model under test what `populace bench run` would ask it, the scorer asks the judge, in the role of the
persona and in both orders, and the metrics are the task's own scores, with intervals clustered by persona.

- The judge is the model of the role `judge` (`--model-role judge=openai/...`), else of `grader`, else, as
  Inspect has it, the model itself; each score's metadata says `judge_is_target`.
- Further judges, which `agreement` needs, are the roles `judge_2`, `judge_3` and so on.
- Verdicts are read off first-token log-probabilities where the provider gives them, else off the text.
  Judging by likelihood of given text is not offered: Inspect's models do not score given text.
- Answers are in the sample's store. `inspect score LOG --scorer populace/judged` judges them again.
- Adults take part, as in `populace bench run`; `-T all_ages=true` takes everybody.
- Epochs are refused: a second answer to the same request is a task's own matter, as in `pass-at-k`.

Importing this module needs the extra `inspect`; nothing else in populace imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from inspect_ai import Task as InspectTask  # pyright: ignore[reportMissingImports]
from inspect_ai import task as inspect_task  # pyright: ignore[reportMissingImports]
from inspect_ai.dataset import MemoryDataset, Sample  # pyright: ignore[reportMissingImports]
from inspect_ai.model import (  # pyright: ignore[reportMissingImports]
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelOutput,
    get_model,
    model_roles,
)
from inspect_ai.scorer import (  # pyright: ignore[reportMissingImports]
    Metric,
    SampleScore,
    Scorer,
    Target,
    metric,
    scorer,
)
from inspect_ai.scorer import Score as InspectScore  # pyright: ignore[reportMissingImports]
from inspect_ai.solver import Generate, Solver, TaskState, solver  # pyright: ignore[reportMissingImports]
from inspect_ai.util import collect  # pyright: ignore[reportMissingImports]

from populace.bench import inspect_play as parted
from populace.bench.task import Bench, Counting, Role, Task
from populace.bench.tasks import TASKS, open_task
from populace.errors import StudyError
from populace.models.matching import match_alternatives, match_text
from populace.models.openai_wire import TOP_LOGPROBS, call_seed
from populace.models.records import Choice, Completion, GenerateRequest, Message, Request, Result, Usage

__all__ = ["answered", "estimates", "judged"]

_ANSWERS = "populace:answers"
_TURNS = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
_JUDGE_TOKENS = 8
"""Enough for a blank or a mark before the number."""
_FINISH = {"stop": "stop", "max_tokens": "length", "model_length": "length", "content_filter": "refusal"}


@solver
def answered() -> Solver:
    """Ask the model under test everything that can be asked before a verdict is needed."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if state.epoch > 1:
            raise StudyError("a task of populace has one epoch", fix="leave --epochs out")
        model, known = get_model(), {}
        task = open_task(state.metadata["task"])
        part = _part(state, _models(task, model))

        async def ask(role: Role, stage: str, requests: Sequence[Request]) -> Sequence[Result]:
            outputs = await collect(*(_call(model, request) for request in requests))
            for output in outputs:
                state.output = output
                state.messages.append(
                    ChatMessageAssistant(content=output.completion, metadata={"stage": stage})
                )
            return [_result(*both) for both in zip(requests, outputs, strict=True)]

        await parted.played(task, part, ask, known, ("target",))
        state.store.set(_ANSWERS, msgspec.to_builtins(known))
        return state

    return solve


@metric
def estimates(draws: int = 2000, level: float = 0.95) -> Metric:
    """Score the items of all samples as the task does: each measure with its interval over personas."""

    def scored(scores: list[SampleScore]) -> dict[str, float]:
        told = [each for each in scores if "items" in (each.score.metadata or {})]
        if not told:
            return {}
        # All samples are of one task; they come in the order in which they ended.
        about = told[0].sample_metadata or {}
        rows = parted.read_rows([(each.score.metadata or {})["items"] for each in told])
        counting = Counting(draws=draws, level=level, seed=about["settings"]["seed"])
        task = open_task(about["task"])
        return parted.figures(task.score(rows.sort("item_id", maintain_order=True), counting))

    return scored


@scorer(metrics=[estimates()])
def judged() -> Scorer:
    """Ask the judge about what was answered; the value is the main measure, by arm."""

    async def score(state: TaskState, target: Target) -> InspectScore:
        model = get_model()
        task = open_task(state.metadata["task"])
        models = _models(task, model)
        part, judge = _part(state, models), models["judge"]
        known = parted.known_of(state.store.get(_ANSWERS, {}))
        asks, is_judged = task.meta.asks_target(part.options), task.meta.asks_judge(part.options)

        async def ask(role: Role, stage: str, requests: Sequence[Request]) -> Sequence[Result]:
            outputs = await collect(*(_call(models[role], request) for request in requests))
            return [_result(*both) for both in zip(requests, outputs, strict=True)]

        items = await parted.played(task, part, ask, known, tuple(models))
        assert items is not None  # nobody else can be asked
        main = [
            each for each in task.score(items, Counting(draws=1)) if each.measure == task.meta.main_measure
        ]
        return InspectScore(
            value={each.arm or each.measure: each.estimate.value for each in main},
            answer=state.output.completion,
            metadata={
                "judge": str(judge) if is_judged else None,
                "also": dict(part.also),
                "judge_is_target": is_judged and asks and str(judge) == str(model),
                "items": parted.rows_of(items, state.metadata),
            },
        )

    return score


def _models(task: Any, target: Model) -> dict[Role, Model]:
    """Say who is asked: the model under test, the judge, and where a task has several, the others."""
    judge = get_model(role="judge", default=get_model(role="grader", default=target))
    models: dict[Role, Model] = {"target": target, "judge": judge}
    if not task.meta.several_judges:
        return models
    while (name := f"judge_{len(models)}") in model_roles():
        models[f"judge {len(models)}"] = get_model(role=name)
    return models


def _part(state: TaskState, models: dict[Role, Model]) -> Bench:
    names = {role: str(model) for role, model in models.items()}
    target, judge = names.pop("target"), names.pop("judge")
    if (
        state.metadata["task"] == "agreement"
        and not names
        and not state.metadata["settings"]["options"].get("people")
    ):
        raise StudyError("agreement needs a second judge", fix="give --model-role judge_2=MODEL")
    return parted.read_part(state.metadata, target=target, judge=judge, also=names)


async def _call(model: Model, request: Request) -> ModelOutput:
    turns = [_turn(message) for message in request.messages]
    seed = call_seed(request.key)
    if isinstance(request, GenerateRequest):
        config = GenerateConfig(max_tokens=request.max_tokens, temperature=request.temperature, seed=seed)
    else:
        config = GenerateConfig(
            max_tokens=_JUDGE_TOKENS, temperature=0.0, logprobs=True, top_logprobs=TOP_LOGPROBS, seed=seed
        )
    return await model.generate(turns, config=config)


def _turn(message: Message) -> Any:
    return _TURNS[message.role](content=message.content)


def _result(request: Request, output: ModelOutput) -> Result:
    """Read an output as our own client reads a reply."""
    usage = Usage()
    if output.usage is not None:
        usage = Usage(prompt_tokens=output.usage.input_tokens, completion_tokens=output.usage.output_tokens)
    if isinstance(request, GenerateRequest):
        finish: Any = _FINISH.get(output.stop_reason, "other")
        return Completion(key=request.key, text=output.completion, finish=finish, usage=usage)
    logprobs = output.choices[0].logprobs if output.choices else None
    places = list(logprobs.content) if logprobs else []
    # Where the vocabulary has " 1" as two tokens, a blank one comes first.
    if len(places) > 1 and not places[0].token.strip():
        places = places[1:]
    if places and places[0].top_logprobs:
        told = [(each.token, each.logprob) for each in places[0].top_logprobs]
        found, exact = match_alternatives(told, request.options), True
    else:
        picked = match_text(output.completion, request.options)
        found, exact = tuple(0.0 if n == picked else None for n in range(len(request.options))), False
    return Choice(
        key=request.key,
        log_likelihoods=found,
        tokens=(1,) * len(request.options),
        exact=exact,
        text=output.completion,
        usage=usage,
    )


def _bench(
    task: Task,
    people: int,
    personas: str | None,
    prompts: str,
    settings: dict[str, Any],
    *,
    all_ages: bool = False,
) -> Bench:
    """Draw who takes part, as `populace bench run` does; a task of people of its own is given none."""
    if task.meta.own_people:
        return Bench(personas=pl.DataFrame(), prompts=pl.DataFrame(), target="", judge="", **settings)
    from populace import personas as persona_room
    from populace import prompts as prompt_room
    from populace.bench.people import draw_people
    from populace.personas.presets import preset

    loaded = preset("persona-1586") if personas is None else persona_room.load(Path(personas))
    return Bench(
        personas=draw_people(loaded.frame, people, settings["seed"], all_ages=all_ages).personas,
        prompts=prompt_room.load(prompts),
        target="",
        judge="",
        **settings,
    )


def _exposed(name: str) -> Callable[..., InspectTask]:
    @inspect_task(name=name.replace("-", "_"))
    def made(
        items: int = 300,
        people: int = 300,
        all_ages: bool = False,
        personas: str | None = None,
        prompts: str = "builtin",
        answer_tokens: int = 256,
        temperature: float = 0.0,
        template: str = "profile",
        seed: int = 0,
        options: dict[str, Any] | None = None,
    ) -> InspectTask:
        settings = {
            "items": items,
            "answer_tokens": answer_tokens,
            "temperature": temperature,
            "template": template,
            "seed": seed,
            "options": options or {},
        }
        task = open_task(name)
        bench = _bench(task, people, personas, prompts, settings, all_ages=all_ages)
        samples = [
            Sample(
                input=part.prompts["text"][0] if part.items == 1 else f"{part.items:,} items of {name}",
                id=number + 1,
                metadata=parted.write_part(task, part, number),
            )
            for number, part in enumerate(parted.parts(task, bench))
        ]
        return InspectTask(
            dataset=MemoryDataset(samples, name=f"populace/{name}"),
            solver=answered(),
            scorer=judged(),
            version=task.meta.version,
            metadata={"reference": task.meta.reference, "measure": task.meta.main_measure},
        )

    return made


_MADE = {name: _exposed(name) for name in TASKS}
