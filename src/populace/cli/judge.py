"""`populace judge`: people judge in the browser; export, agreement, and how many items a study needs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from populace.serve.judging.opening import Opened

app = typer.Typer(no_args_is_help=True, help="Have people judge in the browser, and measure agreement.")

StoreText = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        help="Where the study is: a SQLite file, or postgresql://...",
        envvar="POPULACE_JUDGING",
    ),
]
KeysFile = Annotated[
    Path | None, typer.Option("--keys", help="The study's keys; beside the store if left out.")
]
Machines = Annotated[
    list[Path] | None,
    typer.Option("--judges", help="Verdicts of models on the same pairs: items of a run of agreement."),
]


class Preset(StrEnum):
    """Designs by name."""

    persona = "persona"


class Reasons(StrEnum):
    """Whether raters are asked why."""

    off = "off"
    optional = "optional"
    required = "required"


class What(StrEnum):
    """Tables that can be exported."""

    verdicts = "verdicts"
    survey = "survey"
    raters = "raters"
    pairs = "pairs"


_SOURCES = (
    "Pairs (Parquet), a survey (TOML, CSV, JSONL, Parquet), a finished study (STUDY.toml) or settings (TOML "
    "with [judging]). None goes on with the study in the store."
)


@app.command()
def serve(
    sources: Annotated[list[Path] | None, typer.Argument(metavar="[FILES]...", help=_SOURCES)] = None,
    store: Annotated[
        str, typer.Option(help="SQLite file, or postgresql://...", envvar="POPULACE_JUDGING")
    ] = "judging.sqlite",
    keys: KeysFile = None,
    preset: Annotated[
        Preset | None, typer.Option(help="persona: 20 personas, 4 raters each, 10 questions each.")
    ] = None,
    personas: Annotated[Path | None, typer.Option(help="Who the personas are (Parquet).")] = None,
    judges: Machines = None,
    people: Annotated[int | None, typer.Option(help="Personas that take part.")] = None,
    raters: Annotated[
        int | None, typer.Option(help="Raters of each persona (3), or of a survey (100).")
    ] = None,
    questions: Annotated[
        int | None, typer.Option(help="Pairs of each persona; at most 10 if left out.")
    ] = None,
    checks: Annotated[int | None, typer.Option(help="Attention checks of each rater (2).")] = None,
    reasons: Annotated[Reasons | None, typer.Option(help="Ask why (optional).")] = None,
    ties: Annotated[bool | None, typer.Option("--ties/--no-ties", help="Offer `no preference`.")] = None,
    unsure: Annotated[
        bool | None, typer.Option("--unsure/--no-unsure", help="Offer `I cannot tell`.")
    ] = None,
    consent: Annotated[Path | None, typer.Option(help="Your consent text (Markdown).")] = None,
    instructions: Annotated[Path | None, typer.Option(help="Your instructions (Markdown).")] = None,
    title: Annotated[str | None, typer.Option(help="Name that raters see.")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom raters can ask.")] = None,
    completion_url: Annotated[str | None, typer.Option(help="Where raters go at the end.")] = None,
    completion_code: Annotated[str | None, typer.Option(help="Code that raters see at the end.")] = None,
    require_id: Annotated[
        bool | None, typer.Option("--require-id", help="Only with PROLIFIC_PID in the link.")
    ] = None,
    keep_ids: Annotated[
        bool | None, typer.Option("--keep-ids", help="Store a panel's ids as they are, not hashed.")
    ] = None,
    idle_minutes: Annotated[
        float | None, typer.Option(help="When an idle place may be given away (60).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything drawn (0).")] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at; 0 takes a free one.")] = 8020,
    root_path: Annotated[str, typer.Option(help="Path under which a proxy shows the pages.")] = "",
) -> None:
    """Serve a judging study to the browsers of raters, or go on with one."""
    given = {
        "preset": preset, "personas": personas, "people": people, "raters": raters, "questions": questions,
        "checks": checks, "reasons": reasons, "ties": ties, "unsure": unsure, "consent": consent,
        "instructions": instructions, "title": title, "contact": contact, "completion_url": completion_url,
        "completion_code": completion_code, "require_id": require_id, "keep_ids": keep_ids,
        "idle_minutes": idle_minutes, "seed": seed, "machines": judges,
    }  # fmt: skip
    _needed()
    from populace.errors import StudyError
    from populace.serve.judging.opening import open_study

    options = {name: _absolute(value) for name, value in given.items() if value is not None}
    if not sources and options:
        raise StudyError("without files a study goes on as it is", fix="name its files too, or no options")
    opened = open_study(store, _settings(sources, options) if sources else None, keys=keys)
    _serve(opened, host, port, root_path.rstrip("/"))


@app.command()
def export(
    store: StoreText,
    out: Annotated[Path, typer.Option(help="File to write: .parquet, .csv or .jsonl.")],
    table: Annotated[What, typer.Option(help="verdicts and pairs feed the bench.")] = What.verdicts,
    attentive: Annotated[bool, typer.Option("--attentive", help="Leave out who failed a check.")] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Leave out who did not get to the end.")
    ] = False,
    keys: KeysFile = None,
) -> None:
    """Write what people said, while the study goes on or after it."""
    import polars as pl

    from populace.atomic import write_atomic
    from populace.errors import DataError

    opened = _open(store, keys)
    from populace.serve.judging.results import FILES, KINDS, encode

    form = out.suffix.lstrip(".").lower()
    if form not in KINDS:
        raise DataError(f"{form or 'no suffix'} is no form of table", file=out, fix=f"use {', '.join(KINDS)}")
    found = FILES[table.value](opened)
    rows = found.height
    if attentive and "attention" in found.columns:
        found = found.filter(pl.col("attention").is_null() | (pl.col("attention") != "failed"))
    if complete and "complete" in found.columns:
        found = found.filter("complete")
    write_atomic(out, encode(found, form))
    left = f" ({rows - found.height:,} left out)" if found.height < rows else ""
    typer.echo(f"{out}: {found.height:,} rows{left}")


@app.command()
def agreement(
    store: Annotated[
        str, typer.Argument(metavar="STORE", help="A store, or a Parquet file of exported verdicts.")
    ],
    judges: Machines = None,
    keep_failed: Annotated[
        bool, typer.Option("--keep-failed", help="Count raters who failed a check too.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Also write all measures (JSON).")] = None,
    draws: Annotated[int, typer.Option(help="Bootstrap draws.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    level: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    keys: KeysFile = None,
) -> None:
    """Print how far people agree with each other, and models with people."""
    import polars as pl
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from populace.atomic import write_atomic

    _needed()
    from populace.serve.judging import agreement as measuring
    from populace.serve.judging.agreement_page import headline
    from populace.serve.judging.material import read_machines

    if store.endswith(".parquet"):
        verdicts, frames = pl.read_parquet(store), []
    else:
        from populace.serve.judging.results import machines
        from populace.serve.judging.results import verdicts as told

        opened = _open(store, keys)
        verdicts, frames = told(opened), [machines(opened)]
    frames += [read_machines(path) for path in judges or ()]
    said = pl.concat(frames) if frames else None
    found = measuring.agreement(verdicts, said, keep_failed=keep_failed, draws=draws, seed=seed, level=level)
    shown = Table("who", "measure", "estimate", "what it is")
    for each in found.measures:
        row = (each.who, each.measure.replace("_", " "), str(each.estimate), each.note)
        shown.add_row(*map(escape, row))
    console = Console()
    console.print(headline(found), highlight=False, markup=False)
    console.print(shown)
    if found.left_out:
        console.print(f"{found.left_out:,} raters who failed a check are left out; --keep-failed counts them")
    if out:
        import msgspec

        write_atomic(out, msgspec.json.format(msgspec.json.encode(found.measures)))


@app.command()
def power(
    kappa: Annotated[float, typer.Option(help="Agreement of two raters that you expect.")] = 0.6,
    against: Annotated[float, typer.Option(help="Smaller kappa it must be told from.")] = 0.4,
    width: Annotated[
        float | None, typer.Option(help="Plan for an interval this wide either way instead.")
    ] = None,
    questions: Annotated[int, typer.Option(help="Questions of each persona.")] = 10,
    raters: Annotated[list[int] | None, typer.Option(help="Raters of each persona; 2, 3, 4, 5.")] = None,
    prevalence: Annotated[float, typer.Option(help="Share that chooses the first answer.")] = 0.5,
    icc: Annotated[float, typer.Option(help="Likeness of questions of one persona; 0 for none.")] = 0.05,
    power: Annotated[float, typer.Option(help="Chance of finding it.")] = 0.8,
    level: Annotated[float, typer.Option(help="Level of the interval.")] = 0.95,
) -> None:
    """Say how many personas, items and people a study needs, before anybody is asked."""
    from rich.console import Console
    from rich.table import Table

    from populace.errors import StudyError
    from populace.stats.study_size import personas_for_kappa

    shown = Table("raters a pair", "personas", "pairs", "people", "judgements", "half interval", "power")
    for count in raters or (2, 3, 4, 5):
        try:
            size = personas_for_kappa(
                kappa, questions=questions, raters=count, against=None if width else against, width=width,
                prevalence=prevalence, icc=icc, power=power, level=level,
            )  # fmt: skip
        except ValueError as error:
            raise StudyError(str(error)) from error
        found = "" if width else f"{size.power:.0%}"
        numbers = (size.raters, size.personas, size.items, size.people, size.judgements)
        shown.add_row(*(f"{n:,}" for n in numbers), f"±{size.width:.3f}", found)
    aim = f"within {width:g}" if width else f"told from {against:g} with power {power:.0%}"
    console = Console()
    console.print(
        f"Kappa {kappa:g}, {aim}, {level:.0%} intervals, {questions} questions a persona, ICC {icc:g}:"
    )
    console.print(shown)
    console.print(
        "People: one persona each. Fewer than 20 personas make too narrow intervals, whatever the power.",
        highlight=False,
    )


@app.command()
def forget(
    store: StoreText,
    rater: Annotated[
        str, typer.Argument(help="Name of the rater in exports, their link, or their panel id.")
    ],
    keys: KeysFile = None,
) -> None:
    """Delete everything about a rater, for real; their place is free again. The server may run."""
    from populace.errors import DataError

    opened = _open(store, keys)
    from populace.serve.judging.desk import Desk

    token = rater.rstrip("/").rsplit("/", 1)[-1]
    tried = [rater, opened.keys.rater(token), opened.keys.rater(opened.keys.token_of(rater))]
    desk = Desk(opened.store, opened.settings, opened.keys)
    gone = [desk.forget(name) for name in dict.fromkeys(tried)]
    if not any(gone):
        raise DataError("nobody of this name, link or id is in the study", file=opened.store.name)
    typer.echo("forgotten: every answer, and that they took part. Files exported before still hold them.")


def _open(store: str, keys: Path | None) -> Opened:
    _needed()
    from populace.serve.judging.opening import open_study

    return open_study(store, keys=keys)


def _needed() -> None:
    """Raise an error that says what to install, where a package is missing."""
    from importlib.util import find_spec

    from populace.errors import PopulaceError

    for package in ("sqlalchemy", "starlette", "uvicorn"):
        if find_spec(package) is None:
            raise PopulaceError(f"judging needs the package {package}", fix="pip install 'populace[serve]'")


def _absolute(value: Any) -> Any:
    """Let paths of the command line start here, not at the settings file."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, list):
        return [str(Path(each).absolute()) for each in value]
    return str(value.absolute()) if isinstance(value, Path) else value


def _settings(sources: list[Path], options: dict[str, Any]) -> Any:
    """Bring files and options together."""
    from populace.errors import StudyError
    from populace.serve.judging.material import source_kind
    from populace.serve.judging.settings import load_settings, make_settings

    named: dict[str, Path] = {}
    for source in sources:
        kind = source_kind(source)
        if kind == "store":
            raise StudyError("this is a store", file=source, fix=f"go on with it: --store {source}")
        if kind in named:
            raise StudyError(f"there are two files of {kind}", file=source, fix="give one")
        named[kind] = source
    file = named.pop("settings", None)
    options |= {kind: str(path.absolute()) for kind, path in named.items()}
    return load_settings(file, **options) if file else make_settings(options)


def _serve(opened: Opened, host: str, port: int, root: str) -> None:
    import socket

    import uvicorn

    from populace.errors import PopulaceError
    from populace.serve.judging.app import make_app

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise PopulaceError(
            f"port {port} of {host} cannot be used ({error.strerror})", fix="name another --port"
        ) from error
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1") else host
    base = f"http://{shown}:{listening.getsockname()[1]}{root}"
    _tell(opened, base)
    config = uvicorn.Config(
        make_app(opened, root=root), log_level="warning", access_log=False, server_header=False,
        lifespan="off", limit_concurrency=1000, timeout_graceful_shutdown=5, timeout_keep_alive=30,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def _tell(opened: Opened, base: str) -> None:
    """Say where everything is."""
    from populace.serve.judging.results import progress

    now = progress(opened)
    what = "begun" if opened.begun else "going on"
    typer.echo(f"{what}: {opened.store.name}, {now['done']} of {now['seats']} places finished")
    if opened.identical:
        typer.echo(f"{opened.identical:,} pairs of the same two answers are left out")
    if not opened.texts.consent:
        typer.echo("consent: the built-in text; a study with people needs your own (--consent FILE.md)")
    names = ("PROLIFIC_PID", "STUDY_ID", "SESSION_ID")
    query = "&".join(f"{name}={{{{%{name}%}}}}" for name in names)
    typer.echo(f"raters:     {base}/\nProlific:   {base}/?{query}")
    typer.echo(f"researcher: {base}/admin/{opened.keys.admin}  (secret)")
