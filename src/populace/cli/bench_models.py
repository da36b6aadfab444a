"""Which models a task asks, as `populace bench run` names them, and the settings of the task's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from populace.cli.options import open_provider

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from populace.bench import Role, Task
    from populace.models import Provider

__all__ = ["models_of", "options_of"]


def models_of(
    task: Task,
    options: Mapping[str, Any],
    model: tuple[str | None, list[str] | None],
    judge: tuple[str | None, list[str] | None],
    also: Sequence[str],
) -> dict[Role, Provider]:
    """Open the models that a task asks, and say which are missing or too many."""
    from populace.errors import StudyError

    name, asked = task.meta.name, task.meta.asks_target(options)
    if model[0] is None and asked:
        raise StudyError(f"{name} needs a model under test", fix="give --model MODEL")
    if model[0] is None and model[1]:
        raise StudyError("--set is of the model under test, and there is none", fix="write --judge-set")
    if model[0] is not None and not asked:
        given = ", ".join(each for each in task.meta.answered_by if options.get(each))
        raise StudyError(
            f"{name} finds the answers in {given} and asks no model under test",
            fix="leave out --model; who judges is named by --judge",
        )
    asks_judge = task.meta.asks_judge(options)
    if judge[0] is None and asks_judge:
        itself = ", or --judge same to let the model judge itself" if asked else ""
        raise StudyError(f"{name} needs a judge", fix=f"give --judge MODEL{itself}")
    if also and not task.meta.several_judges:
        many = "one judge" if asks_judge else "no judge"
        raise StudyError(f"{name} has {many}", fix="leave out --also-judge")
    models: dict[Role, Provider] = {}
    if model[0] is not None:
        models["target"] = open_provider(model[0], model[1])
    if not asks_judge:
        if judge[0] is not None:
            typer.echo(f"note: nobody judges in {name}; --judge is not used", err=True)
        return models
    models["judge"] = _judge(models.get("target"), *judge)
    return models | {f"judge {n}": open_provider(each, judge[1]) for n, each in enumerate(also, start=2)}


def _judge(target: Provider | None, name: str | None, settings: list[str] | None) -> Provider:
    """Open the judge: another model than that under test, unless it is said to be the same."""
    from populace.errors import StudyError

    if name == "same":
        if target is None:
            raise StudyError("there is no model under test that could judge", fix="give --judge MODEL")
        if settings:
            raise StudyError("--judge same has the settings of the model", fix="leave out --judge-set")
        return target
    found = open_provider(name or "", settings)
    if target is not None and found.model == target.model:
        raise StudyError(
            f"the judge is the model under test, {found.model}",
            fix="give another --judge, or --judge same to let the model judge itself",
        )
    return found


def options_of(given: list[str] | None, groups: list[str] | None) -> dict[str, Any]:
    """Read the settings of a task: NAME=VALUE as text; a name given several times is a list."""
    from populace.errors import StudyError

    found: dict[str, Any] = {}
    for text in [*(given or ()), *(f"groups={group}" for group in groups or ())]:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise StudyError(f"--option: {text!r} is not NAME=VALUE", fix="write --option k=1,4,16")
        if name in found:
            before = found[name]
            found[name] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[name] = value
    return found
