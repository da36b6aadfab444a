"""`populace portfolio sample` and `score`: the pool of a plan, from prompts and a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.options import Model, Settings, budget_of, check_written, open_provider, split_names
from populace.cli.portfolio_options import Seed, texts_of

if TYPE_CHECKING:
    import polars as pl

__all__ = ["sample", "score"]

Folder = Annotated[
    Path | None,
    typer.Option(help="Holds the journal; OUT without its suffix if left out.", metavar="FOLDER"),
]
BudgetText = Annotated[
    str | None, typer.Option(help="The most that calls may cost: $25, or '2e6 tokens'.", metavar="BUDGET")
]
RetryErrors = Annotated[
    bool, typer.Option("--retry-errors", help="Ask again what failed for a reason of its own.")
]


def sample(
    prompts: Annotated[
        str,
        typer.Argument(
            metavar="PROMPTS", help="CSV, JSONL or Parquet with `prompt` or `text`; or `builtin`."
        ),
    ],
    model: Model,
    out: Annotated[Path, typer.Option(help="Table of responses.", metavar="RESPONSES.parquet")],
    settings: Settings = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Responses a prompt and candidate.")] = 8,
    first: Annotated[int | None, typer.Option(min=1, help="Only so many prompts, from the first.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of a response.")] = 256,
    temperature: Annotated[float, typer.Option(min=0.0, help="Of the sampling.")] = 1.0,
    variants: Annotated[
        Path | None,
        typer.Option(
            help="TOML of candidates, a name and a system prompt each (tact = 'Be tactful.'); an empty "
            "prompt is the model as it is.",
            metavar="VARIANTS.toml",
        ),
    ] = None,
    seed: Seed = 0,
    folder: Folder = None,
    budget: BudgetText = None,
    retry_errors: RetryErrors = False,
) -> None:
    """Sample responses of a model, or of its variants. The same command goes on where it stopped."""
    from populace.errors import StudyError
    from populace.portfolio import sampling
    from populace.run import ProgressLine

    _parquet(out)
    if n > 1 and not temperature > 0:
        what = "several responses at temperature 0 are one"
        raise StudyError(what, fix="give a --temperature above 0, or -n 1")
    how = sampling.Sampling(
        n=n, temperature=temperature, max_tokens=max_tokens, seed=seed, variants=_variants(variants)
    )
    texts = _prompts(prompts, first)
    provider = open_provider(model, settings)
    with ProgressLine() as progress:
        found = sampling.sample(
            texts,
            provider,
            folder or out.with_suffix(""),
            how,
            progress=progress,
            budget=budget_of(budget),
            retry_errors=retry_errors,
        )
    _write(found.frame, out)
    many = found.frame["prompt_id"].n_unique()
    typer.echo(f"{out}: {found.frame.height:,} responses to {many:,} prompts, {found.asked:,} of them now")
    cut = int(found.frame["cut"].sum())
    for count, what in ((found.failed, "calls failed"), (found.empty, "are empty"), (cut, "were cut")):
        if count:
            typer.echo(f"  {count:,} {what}")


def score(
    responses: Annotated[Path, typer.Argument(metavar="RESPONSES.parquet", help="As `sample` writes it.")],
    out: Annotated[Path, typer.Option(help="Table of rewards.", metavar="REWARDS.parquet")],
    traits: Annotated[
        list[str] | None,
        typer.Option(
            "--traits",
            help="brevity, readability, sentiment, politeness, offensiveness; a minus before a name turns it "
            "round. With commas, or repeated.",
            metavar="NAMES",
        ),
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="A model that rates traits of --statements.", metavar="MODEL")
    ] = None,
    statements: Annotated[
        Path | None,
        typer.Option(
            help="TOML of traits for the judge, a name and a statement each: tact = 'It is tactful.'",
            metavar="STATEMENTS.toml",
        ),
    ] = None,
    settings: Settings = None,
    itself: Annotated[
        bool, typer.Option("--judge-itself", help="The judge may be the model that wrote.")
    ] = False,
    folder: Folder = None,
    budget: BudgetText = None,
    retry_errors: RetryErrors = False,
) -> None:
    """Score responses by rules, small models and a judge. The same command goes on where it stopped."""
    from populace.errors import StudyError
    from populace.portfolio.judging import judge_responses
    from populace.portfolio.rewards import Rewards, score_responses
    from populace.portfolio.score_tables import read_table
    from populace.run import ProgressLine
    from populace.traits import scorer

    _parquet(out)
    check_written(out, responses)
    names = split_names(traits)
    if (judge is None) != (statements is None):
        raise StudyError(
            "a judge needs statements, and statements a judge", fix="give --judge and --statements"
        )
    if len(set(names)) < len(names):
        raise StudyError("a trait is named twice", fix="name each once in --traits")
    if not names and judge is None:
        raise StudyError("there is nothing to score by", fix="give --traits, or --judge and --statements")
    frame, known, first = read_table(responses), {}, ()
    if judge is not None and statements is not None:
        provider = open_provider(judge, settings)
        with ProgressLine() as progress:
            judged = judge_responses(
                frame,
                texts_of(statements),
                provider,
                folder or out.with_suffix(""),
                itself=itself,
                progress=progress,
                budget=budget_of(budget),
                retry_errors=retry_errors,
            )
        frame, known, first = judged.rewards.frame, judged.rewards.ranges, judged.rewards.traits
        for name, apart in judged.swayed.items():
            typer.echo(f"{name}: the two ways of asking are {apart:.2f} apart on average, of 1")
        if judged.refused:
            typer.echo(f"{judged.refused:,} ratings failed or named no number")
    scored = score_responses(frame, [scorer(name) for name in names], keep=first)
    rewards = Rewards(scored.frame, scored.traits, {**known, **scored.ranges})
    rewards.save(out)
    typer.echo(f"{out}: {frame.height:,} responses, {len(rewards.traits)} traits")
    for name in rewards.traits:
        column = rewards.frame[name]
        missing = f", {column.null_count():,} without a score" if column.null_count() else ""
        low, middle, high = (column.quantile(q) or 0.0 for q in (0.1, 0.5, 0.9))
        typer.echo(f"  {name}: median {middle:.3f}, 10% below {low:.3f}, 10% above {high:.3f}{missing}")


def _prompts(source: str, first: int | None) -> pl.DataFrame:
    if source == "builtin":
        from populace.prompts import load

        table = load("builtin")
    else:
        from populace.portfolio.score_tables import read_table

        table = read_table(source)
    return table if first is None else table.head(first)


def _variants(path: Path | None) -> dict[str, str]:
    return {"": ""} if path is None else texts_of(path)


def _parquet(out: Path) -> None:
    from populace.errors import StudyError

    if out.suffix != ".parquet":
        raise StudyError("tables of texts are kept as Parquet", file=out, fix="name the file .parquet")


def _write(frame: pl.DataFrame, out: Path) -> None:
    from populace.atomic import atomic_path

    with atomic_path(out) as beside:
        frame.write_parquet(beside, compression="zstd")
