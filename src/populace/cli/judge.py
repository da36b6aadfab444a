"""`populace judge`: people judge in the browser; what they said, agreement, how many items a study needs."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.judge_results import KeysFile, Machines, agreement, check_packages, export, forget, power

if TYPE_CHECKING:
    from populace.serve.judging.opening import Opened

app = typer.Typer(no_args_is_help=True, help="Have people judge in the browser, and measure agreement.")


class Preset(StrEnum):
    """Designs by name."""

    persona = "persona"


class Reasons(StrEnum):
    """Whether raters are asked why."""

    off = "off"
    optional = "optional"
    required = "required"


_SOURCES = (
    "Pairs (Parquet), a survey (TOML, CSV, JSONL, Parquet), a finished study (STUDY.toml) or settings (TOML "
    "with a table judging). None goes on with the study in the store."
)


@app.command()
def serve(
    sources: Annotated[list[Path] | None, typer.Argument(metavar="FILES", help=_SOURCES)] = None,
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
    port: Annotated[
        int, typer.Option(help="Port to listen at; 0 takes a free one.", min=0, max=65_535)
    ] = 8020,
    root_path: Annotated[str, typer.Option(help="Path under which a proxy shows the pages.")] = "",
    public_url: Annotated[
        str | None, typer.Option(help="Address of the proxy, https://..., for what is printed.")
    ] = None,
) -> None:
    """Serve a judging study to the browsers of raters, or go on with one."""
    given = {
        "preset": preset, "personas": personas, "people": people, "raters": raters, "questions": questions,
        "checks": checks, "reasons": reasons, "ties": ties, "unsure": unsure, "consent": consent,
        "instructions": instructions, "title": title, "contact": contact, "completion_url": completion_url,
        "completion_code": completion_code, "require_id": require_id, "keep_ids": keep_ids,
        "idle_minutes": idle_minutes, "seed": seed, "machines": judges,
    }  # fmt: skip
    check_packages()
    from populace.errors import StudyError
    from populace.serve.judging.opening import open_study

    options = {name: _absolute(value) for name, value in given.items() if value is not None}
    if public_url is not None and not re.fullmatch(r"https?://[^\s?#/]+[^\s?#]*", public_url):
        raise StudyError(f"{public_url} is no address", fix="write --public-url https://...")
    if not sources and options:
        raise StudyError("without files a study goes on as it is", fix="name its files too, or no options")
    opened = open_study(store, _settings(sources, options) if sources else None, keys=keys)
    _serve(opened, host, port, root_path.strip("/"), public_url)


for command in (power, export, agreement, forget):
    app.command()(command)


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


def _serve(opened: Opened, host: str, port: int, root: str, public: str | None) -> None:
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
    root = f"/{root}" if root else ""
    here = f"http://{shown}:{listening.getsockname()[1]}"
    _tell(opened, (public or here).rstrip("/").removesuffix(root) + root, local=public is None)
    config = uvicorn.Config(
        make_app(opened, root=root), log_level="warning", access_log=False, server_header=False,
        lifespan="off", limit_concurrency=1000, timeout_graceful_shutdown=5, timeout_keep_alive=30,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def _tell(opened: Opened, base: str, *, local: bool) -> None:
    """Say where everything is; `local`: at addresses of this machine."""
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
    if local:
        typer.echo("others reach these only at your proxy's address: name it with --public-url")
