"""`populace portfolio plan`, `export`, `serving` and `answer`: from a pool to served answers."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.options import Model, Settings, open_provider, split_names
from populace.cli.portfolio_options import AsJson, Less, Ranges, Seed, ranges_of, tell_json, texts_of
from populace.cli.portfolio_telling import check_figure, write_chart

if TYPE_CHECKING:
    from populace.portfolio.plans import Plan
    from populace.portfolio.rewards import Rewards

__all__ = ["answer", "export", "plan", "serving"]


class Form(StrEnum):
    """What is exported."""

    dpo = "dpo"
    kto = "kto"
    soup = "soup"


class Pairs(StrEnum):
    """Which pairs of a prompt's responses are exported."""

    extremes = "extremes"
    all = "all"


def plan(
    rewards: Annotated[
        Path,
        typer.Argument(
            metavar="REWARDS",
            help="As `score` writes it; or CSV, JSONL or Parquet with prompt_id, response_id and a column "
            "a trait.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The plan.", metavar="PLAN.json")],
    traits: Annotated[
        list[str] | None,
        typer.Option("--traits", help="Only these; with commas, or repeated.", metavar="NAMES"),
    ] = None,
    less: Less = None,
    ranges: Ranges = None,
    beta: Annotated[float, typer.Option(min=0.0, help="Price of a nat of KL, in reward.")] = 0.1,
    regret: Annotated[float, typer.Option(min=1e-6, help="That no weights shall exceed.")] = 0.02,
    held: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share of prompts held out.")] = 0.3,
    betas: Annotated[
        list[float] | None,
        typer.Option("--also-beta", min=0.0, help="Tell the worth at this price too; repeated."),
    ] = None,
    confidence: Annotated[
        float,
        typer.Option(min=0.5, max=0.9999, help="Of the certificate for prompts like the held-out ones."),
    ] = 0.95,
    max_calls: Annotated[int, typer.Option(min=2, help="Most weights that are solved.")] = 400,
    seed: Seed = 0,
    figure: Annotated[
        Path | None,
        typer.Option(help="Also draw what each further member is worth.", metavar="CURVE.svg|.png"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plan which models to train, before anything is trained."""
    from populace.canonical import file_hash
    from populace.errors import DataError
    from populace.portfolio.planning import plan as make

    check_figure(figure)
    table = _rewards(rewards, split_names(traits))
    noted = {"rewards": rewards.name, "rewards' hash": file_hash(rewards)}
    if "model" in table.frame.columns:
        noted["model"] = ", ".join(str(name) for name in table.frame["model"].unique(maintain_order=True))
    try:
        found = make(
            table,
            scale=table.scale(ranges_of(ranges), split_names(less)),
            beta=beta,
            regret=regret,
            held=held,
            betas=betas or (),
            confidence=confidence,
            max_calls=max_calls,
            seed=seed,
            provenance=noted,
        )
    except DataError as error:
        raise DataError(
            error.what, file=rewards, row=error.row, column=error.column, fix=error.fix
        ) from error
    found.save(out)
    if figure is not None:
        _draw(found, figure)
    if as_json:
        typer.echo(out.read_text())
        return
    for line in found.lines():
        typer.echo(line)
    typer.echo(f"{out}: the plan")


def export(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json")],
    rewards: Annotated[
        Path, typer.Argument(metavar="REWARDS", help="The table that the plan was made from.")
    ],
    out: Annotated[Path, typer.Option(help="A folder a member, and a card.", metavar="FOLDER")],
    forms: Annotated[list[Form] | None, typer.Option("--form", help="All if left out; repeated.")] = None,
    margin: Annotated[float, typer.Option(min=0.0, help="Least of a pair, on the scale from 0 to 1.")] = 0.0,
    pairs: Annotated[Pairs, typer.Option(help="The extremes of a prompt, or all pairs.")] = Pairs.extremes,
) -> None:
    """Write what training the members takes: DPO and KTO sets in TRL's form, coefficients of soups."""
    from populace.portfolio.exporting import export as write
    from populace.portfolio.plans import load_plan

    loaded = load_plan(plan)
    kinds: Any = [each.value for each in forms or list(Form)]
    table = _rewards(rewards, loaded.traits)
    found = write(loaded, table, out, kinds, least=margin, pairs=pairs.value)
    for name, count in found.files.items():
        empty = found.left_out.get(name, 0)
        typer.echo(f"{out / name}: {count:,} rows" + (f", {empty:,} prompts without one" if empty else ""))
    typer.echo(f"{out / 'README.md'}: the card; {len(loaded.kept):,} held-out prompts are in no file")


def serving(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json")],
    out: Annotated[Path, typer.Option(help="What a gateway reads.", metavar="SERVING.json")],
    best_of: Annotated[
        int, typer.Option(min=1, help="Samples a request, of members that are not trained.")
    ] = 4,
    models: Annotated[
        list[str] | None,
        typer.Option("--trained", help="The model that was trained for a member; repeated.",
                     metavar="MEMBER=MODEL"),
    ] = None,
    systems: Annotated[
        Path | None,
        typer.Option(help="TOML of system prompts by member.", metavar="SYSTEMS.toml"),
    ] = None,
) -> None:  # fmt: skip
    """Write who serves which weights, and how: best of n, under a system prompt, or trained."""
    from populace.portfolio.plans import load_plan
    from populace.portfolio.serving import serving_of

    found = serving_of(
        load_plan(plan),
        best_of=best_of,
        models=dict(_assigned(text) for text in models or ()),
        systems=texts_of(systems) if systems else None,
    )
    found.save(out)
    for each in found.members:
        how = f"model {each.model}" if each.model else f"best of {each.best_of}"
        typer.echo(f"  {each.name}: {how}{', under a system prompt' if each.system else ''}")
    typer.echo(f"{out}: {len(found.members)} members")


def answer(
    serving: Annotated[Path, typer.Argument(metavar="SERVING.json")],
    prompt: Annotated[str, typer.Argument(metavar="PROMPT")],
    weights: Annotated[
        list[str],
        typer.Option(
            "--weight", help="A user's weight on a trait; repeated, the rest 0.", metavar="TRAIT=NUMBER"
        ),
    ],
    model: Model,
    settings: Settings = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of the answer.")] = 256,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Answer a user with the member that serves their weights: by the model trained for it, or by MODEL."""
    import asyncio

    from populace.errors import ModelError
    from populace.models import Failure, GenerateRequest, Message
    from populace.portfolio.serving import BestOf, load_serving
    from populace.traits import scorer

    found = load_serving(serving)
    member = found.route(_weights(weights, found.scale.traits))
    # Settings are those of --model; a trained model is another.
    provider = open_provider(member.model, None) if member.model else open_provider(model, settings)
    served = BestOf(provider, member, found.scale, [scorer(name) for name in found.scale.traits])
    request = GenerateRequest(
        model=served.model,
        messages=(Message("user", prompt),),
        max_tokens=max_tokens,
        temperature=1.0,
        seed=seed,
    )

    async def ask() -> Any:
        try:
            return (await served.generate([request]))[0]
        finally:
            await served.close()

    result = asyncio.run(ask())
    if isinstance(result, Failure):
        raise ModelError(f"{provider.model} did not answer: {result.message}")
    if as_json:
        tell_json(
            {
                "member": member.name,
                "model": provider.model,
                "weights": member.weights,
                "text": result.text,
                "usage": result.usage,
            }
        )
        return
    typer.echo(f"[{member.name}, {provider.model}, best of {member.best_of}]", err=True)
    typer.echo(result.text)


def _draw(found: Plan, out: Path) -> None:
    """Draw the price curve of a plan, with the bound beside."""
    import polars as pl

    from populace.report import html
    from populace.report.figures.price_curve import BOUND, price_curve

    html.require_drawing()
    rows = [(way, step.size, regret) for step in found.curve for way, regret in
            (("planned", step.regret), (BOUND, step.lower_bound))]  # fmt: skip
    table = pl.DataFrame(rows, schema=["way", "members", "regret"], orient="row")
    prompts = f"{len(found.planned):,} prompts, {found.responses} responses each, beta {found.beta:g}"
    bound = f"Shaded: no so many of the {found.solved:,} policies that were solved do better, proved"
    chart = price_curve(table, lines=[prompts], axis="worst regret, over all weights", bound=bound)
    write_chart(chart, out)


def _rewards(path: Path, traits: Any) -> Rewards:
    from populace.portfolio.rewards import read_rewards

    return read_rewards(path, list(traits) or None)


def _weights(given: list[str], traits: tuple[str, ...]) -> list[float]:
    """Read a user's weights, in the order of the traits."""
    from populace.errors import StudyError

    found = dict.fromkeys(traits, 0.0)
    for text in given:
        name, value = _assigned(text)
        if name not in found:
            raise StudyError(f"there is no trait {name!r}", fix=f"use one of {', '.join(traits)}")
        try:
            found[name] = float(value)
        except ValueError:
            raise StudyError(f"--weight: {value!r} is no number", fix=f"write {traits[0]}=0.5") from None
    total = sum(found.values())
    if not (math.isfinite(total) and total > 0) or min(found.values()) < 0:
        raise StudyError(
            "weights must be finite, at least 0, and not all 0", fix=f"write --weight {traits[0]}=1"
        )
    return [value / total for value in found.values()]


def _assigned(text: str) -> tuple[str, str]:
    from populace.errors import StudyError

    name, sign, value = text.rpartition("=")
    if not (sign and name.strip() and value.strip()):
        raise StudyError(f"{text!r} is not NAME=VALUE", fix="write member-1=my-model")
    return name.strip(), value.strip()
