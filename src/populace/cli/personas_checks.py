"""`populace personas rules` and `diversity`: what is measured of personas without a model."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.options import check_written, split_names
from populace.cli.written import parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

__all__ = ["PersonasFile", "check_parquet", "diversity", "names_of", "percent", "rules", "show_variety"]

PersonasFile = Annotated[
    Path, typer.Argument(metavar="PERSONAS.parquet", help="Personas made by `build`, `preset` or `import`.")
]


class KindName(StrEnum):
    """Kinds of rules."""

    hard = "hard"
    soft = "soft"


def percent(share: float | None) -> str:
    """Write a share with two significant digits, so that a rare thing is not a zero.

    Examples
    --------
    >>> percent(0.75), percent(0.0141), percent(0.00003), percent(0.0), percent(None)
    ('75 %', '1.4 %', '0.0030 %', '0 %', '-')
    """
    if share is None:
        return "-"
    for digits in range(6):
        if round(100 * share, digits) >= 10 ** (1 - digits):
            return f"{100 * share:.{digits}f} %"
    return "0 %" if not share else "< 0.0001 %"


def names_of(option: str, given: Sequence[str] | None) -> list[str]:
    """Read the names given to an option; none where it is left out.

    Raises
    ------
    DataError
        If the option is given and names nothing: whether all or none are meant, nobody can tell.

    Examples
    --------
    >>> names_of("--only", ["age, sex"]), names_of("--only", None)
    (['age', 'sex'], [])
    """
    from populace.errors import DataError

    found = split_names(given)
    if given and not found:
        raise DataError(f"{option} names nothing", fix=f"name some, or leave {option} out")
    return found


def check_parquet(out: Path, *read: Path) -> None:
    """Refuse to write Parquet over what is read, into a folder that is read, or under another ending.

    Raises
    ------
    DataError
        If `out` is such a file.
    """
    from populace.errors import DataError

    check_written(out, *read)
    parquet(out)
    if any(other.is_dir() and out.resolve().parent == other.resolve() for other in read):
        what = "the file to write would be one of the shards in the folder to read"
        raise DataError(what, file=out, fix="write it to another folder")


def rules(
    personas: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PERSONAS.parquet]", help="Count the rules that these break, too.", show_default=False
        ),
    ] = None,
    kind: Annotated[KindName | None, typer.Option(help="Only these; both if left out.")] = None,
) -> None:
    """List the consistency rules: how often real people, drawn people and personas break each.

    Hard rules cannot be broken and remove; soft ones are rare among real people and only flag.
    """
    from rich.console import Console

    from populace.personas import load
    from populace.personas.rules import RULES, broken_rules, measurement, rates

    frame = None if personas is None else load(personas).frame
    chosen = [each for each in RULES.values() if kind in (None, each.kind)]
    counts = {} if frame is None else broken_rules(frame).sum().row(0, named=True)
    rows = []
    for each in chosen:
        rate = rates()[each.name]
        shares = [rate.real, rate.drawn, *([] if frame is None else [counts[each.name] / frame.height])]
        rows.append([each.name, each.kind, *map(percent, shares), each.description])
    mine = [] if personas is None else [personas.name]
    console = Console()
    console.print(_table(["rule", "kind", "real", "drawn", *mine, "what it says"], rows))
    measured = measurement()
    console.print(
        f"{len(chosen)} rules. real: {measured['source']}, {measured['records']:,} records, by weight. "
        f"drawn: {measured['size']:,} people of us-2024 before removal. -: the microdata do not say.",
        highlight=False,
    )


def diversity(
    personas: PersonasFile,
    fields: Annotated[
        list[str] | None,
        typer.Option(help="Texts to measure; all of them if left out.", metavar="NAMES"),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Texts that people wrote, a column a field (.csv or .parquet); else the lists of populace.",
            metavar="FILE",
        ),
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Also the spread of embeddings by the packaged MiniLM.")
    ] = False,
    size: Annotated[
        int | None, typer.Option(min=2, help="Personas in a subset; half of the smaller side, at most 500.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the subsets.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Also write the table.", metavar="TABLE.csv|.parquet")
    ] = None,
) -> None:
    """Measure how varied the texts are, beside texts that people wrote, so that collapse is seen."""
    from populace import authoring
    from populace.errors import DataError
    from populace.personas import load
    from populace.personas.schema import WRITTEN

    written = tuple(names_of("--fields", fields)) or WRITTEN
    if unknown := [name for name in written if name not in WRITTEN]:
        raise DataError(f"{unknown[0]!r} is no text of a persona", fix=f"use some of {', '.join(WRITTEN)}")
    if out is not None:
        _check_table(out, personas, *([] if reference is None else [reference]))
    table = authoring.variety(
        load(personas).frame,
        written,
        reference=None if reference is None else _texts(reference, written),
        embed=authoring.embed if embed else None,
        size=size,
        seed=seed,
    )
    if table.is_empty():
        raise DataError("fewer than 4 personas have such a text", file=personas, fix="give more personas")
    if out is not None:
        _write_table(table, out)
    show_variety(table)
    if reference is None:
        typer.echo(
            "The reference is our lists, every entry once. Texts drawn from them repeat entries, so they are "
            "less varied than the lists; a model's should not be."
        )
    if out is not None:
        typer.echo(f"{out}: {table.height:,} rows")


def show_variety(table: pl.DataFrame) -> None:
    """Print what `populace.authoring.variety` found."""
    from rich.console import Console

    rows = [
        [
            row["field"],
            row["measure"],
            f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
            f"{row['reference']:.2f} ({row['reference_low']:.2f} to {row['reference_high']:.2f})",
            row["verdict"],
        ]
        for row in table.iter_rows(named=True)
    ]
    console = Console()
    console.print(_table(["field", "measure", "texts", "reference", "verdict"], rows))
    sizes = {min(table["size"]), max(table["size"])}
    console.print(
        f"On random subsets of {' to '.join(map(str, sorted(sizes)))} personas; 95 % of subsets lie in the "
        "interval.",
        highlight=False,
    )


def _texts(path: Path, names: tuple[str, ...]) -> dict[str, list[str]]:
    """Read reference texts: a column a field."""
    import polars as pl

    from populace.errors import DataError

    if not path.is_file():
        raise DataError("no such file", file=path, fix="give a CSV or Parquet file of texts")
    try:
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError("this is no table of texts", file=path, fix="give CSV or Parquet") from error
    found = {name: table[name].cast(pl.String).drop_nulls().to_list() for name in names if name in table}
    if not found:
        raise DataError("no column is named as a text of a persona", file=path, fix=f"use {', '.join(names)}")
    return found


def _check_table(out: Path, *read: Path) -> None:
    from populace.errors import DataError

    check_written(out, *read)
    if out.suffix not in (".csv", ".parquet"):
        raise DataError("a table is .csv or .parquet", file=out, fix="change the name's ending")


def _write_table(table: pl.DataFrame, out: Path) -> None:
    from populace.atomic import atomic_path

    with atomic_path(out) as temporary:
        if out.suffix == ".csv":
            table.write_csv(temporary)
        else:
            table.write_parquet(temporary)


def _table(columns: list[str], rows: list[list[str]]) -> Any:
    """Lay out a table; nothing in a cell is read as markup."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
