"""`populace personas`: build, make by name, import, show; rules, variety, matching; what a model writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from populace.cli.options import check_written
from populace.cli.personas_checks import PersonasFile, check_parquet, diversity, names_of, percent, rules
from populace.cli.personas_matching import match
from populace.cli.personas_models import check, write

if TYPE_CHECKING:
    from populace.personas import Personas

app = typer.Typer(
    no_args_is_help=True, help="Personas from people: built, imported, checked, written on and shown."
)


@app.command()
def build(
    population: Annotated[Path, typer.Option(help="People made by `populace population build`.")],
    out: Annotated[Path, typer.Option(help="File to write.", metavar="PERSONAS.parquet")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
    minors: Annotated[bool, typer.Option("--minors", help="Keep people under 18.")] = False,
    soften: Annotated[
        bool,
        typer.Option(
            "--soften", help="Weight what is rare among real people down to the share it has there."
        ),
    ] = False,
) -> None:
    """Enrich people with what no census asks, and drop those who contradict themselves."""
    from populace import personas
    from populace.population import Population

    check_parquet(out, population)
    built = personas.build(Population.load(population), seed=seed, adults=not minors, soften=soften)
    built.save(out)
    typer.echo(f"{out}: {len(built):,} personas, seed {seed}")
    for line in _account(built):
        typer.echo(f"  {line}")


@app.command("import")
def import_(
    source: Annotated[str, typer.Argument(help="persona or nemotron.")],
    file: Annotated[Path, typer.Argument(help="The file, or a folder of Parquet shards.")],
    out: Annotated[Path, typer.Option(help="File to write.", metavar="PERSONAS.parquet")],
    report: Annotated[
        Path | None, typer.Option(help="Everything read otherwise than written (.json or .parquet).")
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Remove personas that break a hard rule.")] = False,
    texts: Annotated[bool, typer.Option(help="Nemotron: take the hobbies as free text.")] = True,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Nemotron: rows to draw; all if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of that draw.")] = 0,
) -> None:
    """Read the personas of the PERSONA release or of Nemotron-Personas-USA into our schema."""
    from populace.errors import DataError
    from populace.personas.imports import import_nemotron, import_persona

    if source not in ("persona", "nemotron"):
        raise DataError(f"there is no source '{source}'", fix="use persona or nemotron")
    check_parquet(out, file)
    if report:
        _check_report(report, out, file)
    if source == "persona" and sample is not None:
        raise DataError("PERSONA's thousand personas are read whole", fix="leave --sample out")
    if source == "persona":
        read, account = import_persona(file, drop=drop)
    else:
        read, account = import_nemotron(file, texts=texts, drop=drop, sample=sample, seed=seed)
    read.save(out)
    typer.echo(f"{out}: {len(read):,} personas")
    if report:
        account.save(report)
        typer.echo(f"{report}: {len(account.values):,} values")
    for line in account.text().splitlines():
        typer.echo(f"  {line}")


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="persona-1586.")],
    out: Annotated[Path, typer.Option(help="File to write, or a folder, which also gets a README.md.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of every draw.")] = 0,
) -> None:
    """Make a named set of personas, the same every time."""
    from populace.atomic import write_atomic
    from populace.personas import presets

    if not out.is_dir() and (out.is_file() or re.fullmatch(r"\.[A-Za-z]\w*", out.suffix)):
        check_parquet(out)
    made = presets.preset(name, seed)
    file = out if out.suffix == ".parquet" else out / "personas.parquet"
    made.save(file)
    if file != out:
        write_atomic(out / "README.md", presets.readme(made).encode())
    split = made.provenance["preset"]["split"]
    typer.echo(
        f"{file}: {len(made):,} personas, {split['train']:,} train, {split['test']:,} test, seed {seed}"
    )


@app.command()
def show(
    personas: PersonasFile,
    persona_id: Annotated[
        list[str] | None, typer.Option("--id", help="A persona's id or its first digits; may be repeated.")
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many to show from the top.")] = 3,
    template: Annotated[str, typer.Option(help="profile, story, interview or release.")] = "profile",
    level: Annotated[str, typer.Option(help="Reading level: plain, standard or rich.")] = "standard",
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="Attributes or groups not to tell: sex,politics.", metavar="NAMES"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Tell only these attributes or groups: age,work.", metavar="NAMES"),
    ] = None,
) -> None:
    """Print personas as a model or a reader would see them."""
    from populace.personas import load, render

    left_out, told = names_of("--leave-out", leave_out), names_of("--only", only) or None
    loaded = load(personas)
    for each in loaded.find(persona_id) if persona_id else loaded.head(n):
        text = render(each, template, level=level, leave_out=left_out, only=told)
        typer.secho(each.persona_id, bold=True)
        typer.echo(f"{text}\n")


def _check_report(report: Path, out: Path, file: Path) -> None:
    from populace.errors import DataError

    if report.suffix not in (".json", ".parquet"):
        raise DataError("a report is .json or .parquet", file=report, fix="change the name's ending")
    if report.resolve() == out.resolve():
        what = "the report would be written over the personas"
        raise DataError(what, file=report, fix="give --report another name than --out")
    if report.suffix == ".parquet":
        check_parquet(report, file)
    check_written(report, file)


def _account(built: Personas) -> list[str]:
    """What became of the people: read, left out, removed by a rule, merged; what is rare among the rest."""
    from populace.personas.rules import RULES, measurement

    from_, removed = built.provenance, sum(built.removed.values())
    considered = from_["people"] - from_["minors_left_out"]
    totals, who = measurement()["totals"], ", adults" if from_["adults"] else ""
    lines = [f"{from_['people']:,} people read"]
    if from_["minors_left_out"]:
        lines.append(f"{from_['minors_left_out']:,} under 18 or of unknown age left out")
    share, apart = percent(removed / considered), percent(totals["hard"]["shuffled" + who])
    lines.append(f"{removed:,} removed by the consistency rules ({share}; the PERSONA paper: about 8.5 %)")
    lines += [f"  {count:,} {name}" for name, count in built.removed.items() if count]
    whom = "adults" if from_["adults"] else "people"
    lines.append(f"  for scale: of {whom} of us-2024 with every attribute drawn apart, {apart} break one")
    if from_["merged"]:
        lines.append(f"{from_['merged']:,} merged with a persona of the same attributes")
    flagged = from_["flagged"]
    kept = "kept, weighted down" if from_["softened"] else "kept"
    share = percent(flagged / len(built))
    if (from_["population"] or {}).get("codebook") == "acs_pums":  # others lack what most rules read
        share += f"; of all real people {percent(totals['soft']['real'])}"
    lines.append(f"{flagged:,} flagged by the soft rules and {kept} ({share})")
    soft = [(count, name) for name, count in from_["broken"].items() if count and RULES[name].kind == "soft"]
    lines += [f"  {count:,} {name}" for count, name in sorted(soft, reverse=True)[:5]]
    return lines


app.command()(rules)
app.command()(diversity)
app.command()(match)
app.command()(write)
app.command()(check)
