"""`populace memory retrieve|predict|weigh|count`: what may be told of somebody, and what they will answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.memory_options import (
    AsJson,
    Person,
    Purpose,
    Seed,
    Where,
    opened,
    pairs_of,
    progressing,
    tabled,
    tell_json,
)
from populace.cli.options import Model, Settings, open_provider

if TYPE_CHECKING:
    from populace.memory.predicting import Prediction

__all__ = ["count", "predict", "retrieve", "weigh"]

_Query = Annotated[str, typer.Argument(metavar="QUESTION", help="What is asked.")]
_Tokens = Annotated[int, typer.Option(min=1, help="Budget of all that is told, the profile included.")]
_Same = Annotated[
    bool, typer.Option("--same-question", help="Others' answers to this very question may be used.")
]
_Options = Annotated[
    list[str] | None,
    typer.Option("--option", help="An answer to choose from; given once each.", metavar="TEXT"),
]
_Auto = typer.Option(help="A number, or auto: as `choose` found, own items without.", metavar="NUMBER")


def retrieve(
    store: Where,
    person: Person,
    query: _Query,
    tokens: _Tokens = 400,
    share: Annotated[str, _Auto] = "auto",
    neighbours: Annotated[str, _Auto] = "auto",
    way: Annotated[str, typer.Option(help="answers, cache, demographics, learned or auto.")] = "auto",
    same_question: _Same = False,
    paper: Annotated[
        bool, typer.Option("--paper", help="The paper's: 40 items, a quarter of 3 neighbours by cache.")
    ] = False,
    purpose: Purpose = "research",
    as_json: AsJson = False,
) -> None:
    """Gather what may be told of a person when something is asked, each with where it is from."""
    from populace.memory.retrieving import PAPER

    settings: dict[str, Any] = {"share": _number(share, float), "neighbours": _number(neighbours, int)}
    settings |= {"way": way, **(PAPER if paper else {})}
    with opened(store, purpose=purpose) as db:
        found = db.retrieve(person, query, tokens, same_question=same_question, **settings)
    if as_json:
        tell_json(found)
        return
    rows = [
        (hit.whose, hit.layer, f"{hit.score:.2f}", hit.tokens, ", ".join(map(str, hit.items)), hit.text)
        for hit in found
    ]
    tabled(("whose", "layer", "score", "tokens", "items", "text"), rows)
    typer.echo(f"{found.tokens} of {found.budget} tokens; {found.left} did not fit")
    for note in found.notes:
        typer.echo(note)


def predict(
    store: Where,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Id of a person; - for nobody in it.")],
    question: _Query,
    option: _Options = None,
    ordinal: Annotated[bool, typer.Option("--ordinal", help="The options have an order.")] = False,
    method: Annotated[
        str, typer.Option(help="auto, mode, own, join, collaborative, blend, or model.")
    ] = "auto",
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="What the person is; may be given again.", metavar="NAME=VALUE"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="For model, blend and auto: `embedded`, `openai:NAME`, ...", metavar="MODEL"),
    ] = None,
    settings: Settings = None,
    tokens: _Tokens = 400,
    same_question: _Same = False,
    words: Annotated[
        bool, typer.Option("--words", help="Others' own words may be candidates, where there are no options.")
    ] = False,
    seed: Seed = 0,
    purpose: Purpose = "research",
    as_json: AsJson = False,
) -> None:
    """Predict what a person will answer: probabilities, why, and what it rests on."""
    told: dict[str, Any] = {"ordinal": ordinal, "tokens": tokens, "same_question": same_question}
    told |= {"words": words, "seed": seed, "method": method}
    told["attributes"] = pairs_of("--attribute", attribute)
    told["model"] = None if model is None else open_provider(model, settings)
    with opened(store, purpose=purpose) as db:
        found = db.predict(None if person == "-" else person, question, option, **told)
    if as_json:
        tell_json(found)
    else:
        _show(found)


def _show(found: Prediction) -> None:
    """Say a prediction in words."""
    shares = zip(found.options, found.probabilities, found.population, strict=True)
    rows = [(option, f"{p:.3f}", f"{q:.3f}") for option, p, q in shares]
    tabled(("answer", "this person", "anybody"), rows)
    typer.echo(f"by {found.method}, from {found.known} own answers; {found.why}")
    if found.expected is not None:
        typer.echo(f"mean place {found.expected:.2f} of {len(found.options)}, middle: {found.middle}")
    if found.calibration is not None:
        told = found.calibration
        typer.echo(f"for people left out it was right in {told.accuracy}")
        typer.echo(f"and as sure as it was right but for {told.error}")
    for each in found.evidence:
        typer.echo(f"  {each.contribution:+.2f}  {each.text} -> {each.response}")
    if found.model:
        typer.echo(f"{found.model} was told {len(found.hits)} lines, {found.tokens} tokens")
    for note in found.notes:
        typer.echo(note)


def weigh(
    store: Where,
    model: Model,
    settings: Settings = None,
    known: Annotated[int, typer.Option(help="Own answers it is told: 0, 3, 10; -1 for all.")] = 10,
    cells: Annotated[int, typer.Option(min=20, help="Answers it is asked for, each twice.")] = 100,
    tokens: _Tokens = 400,
    same_question: _Same = False,
    seed: Seed = 0,
    purpose: Purpose = "research",
    as_json: AsJson = False,
) -> None:
    """Measure what a model is worth in `predict` on people left out. The same command goes on."""
    provider = open_provider(model, settings)
    told: dict[str, Any] = {"known": None if known < 0 else known, "cells": cells, "tokens": tokens}
    with opened(store, purpose=purpose) as db, progressing("calls") as progress:
        found = db.weigh(provider, same_question=same_question, seed=seed, progress=progress, **told)
    if as_json:
        tell_json(found)
        return
    rows = [(each.route, each.accuracy, each.gain, each.error) for each in (found.alone, found.blend)]
    tabled(
        ("way", "right", f"log score over the population's; of the blend over {found.route}", "error"), rows
    )
    typer.echo(
        f"{found.answered} of {found.asked} answers could be read; "
        f"in the blend the model counts {found.weights[0]:.2f}"
    )


def count(
    store: Where,
    person: Person,
    question: _Query,
    option: Annotated[list[str], typer.Option("--option", help="An answer.", metavar="TEXT")],
    epsilon: Annotated[float, typer.Option(help="Of each neighbour's privacy, what is spent.")],
    neighbours: Annotated[int, typer.Option(min=1, help="People who are asked.")] = 50,
    way: Annotated[str, typer.Option(help="answers, cache, demographics or learned.")] = "answers",
    most: Annotated[float, typer.Option(help="What all counts may spend of a person.")] = 5.0,
    purpose: Purpose = "research",
    as_json: AsJson = False,
) -> None:
    """Count how people like a person answered, with noise that hides each answer."""
    settings: dict[str, Any] = {"neighbours": neighbours, "way": way, "most": most}
    with opened(store, purpose=purpose) as db:
        found = db.count(person, question, option, epsilon=epsilon, **settings)
    if as_json:
        tell_json(found)
        return
    if not found.neighbours:
        typer.echo("nothing was counted: too few people alike have any of their privacy left to spend")
        return
    tabled(("answer", "count"), found.counts.items())
    typer.echo(f"of {found.neighbours} people; the noise of each count deviates by {found.deviation:.1f}")


def _number(text: str, kind: Any) -> Any:
    """Read a number, or auto."""
    from populace.errors import DataError

    if text == "auto":
        return text
    try:
        return kind(text)
    except ValueError as error:
        raise DataError(f"{text!r} is no number", fix="give a number, or auto") from error
