"""Verdicts of models on the pairs that people judge, and the files that any material comes in."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from populace.errors import DataError

__all__ = ["MACHINE", "join_machines", "judged", "read_machines", "read_table"]

MACHINE = ("persona_id", "prompt_id", "machine", "verdict")


def read_machines(path: Path) -> pl.DataFrame:
    """Read models' verdicts: items of a run of `agreement`, a study's judgements, or a table of `MACHINE`.

    Undecided ones are left out.

    Raises
    ------
    DataError
        If the file is none of these.
    """
    table = read_table(path)
    if set(MACHINE) <= set(table.columns):
        found = table.select(pl.col(MACHINE).cast(pl.String))
    elif {"persona_id", "prompt_id", "verdict", "judge"} <= set(table.columns):
        return judged(table)
    else:
        names = [n for n in table.columns if n.startswith("by:") and f"{n}_p" in table.columns]
        if not names or not {"persona_id", "prompt_id"} <= set(table.columns):
            raise DataError(
                "these are no verdicts of models",
                file=path,
                fix=f"give the items of a run of agreement, or {', '.join(MACHINE)}",
            )
        found = table.unpivot(
            names, index=["persona_id", "prompt_id"], variable_name="machine", value_name="verdict"
        ).with_columns(pl.col("machine").str.strip_prefix("by:"))
    found = found.select(pl.col(MACHINE).cast(pl.String)).drop_nulls()
    return found.filter(pl.col("verdict").is_in(["first", "second"]))


def judged(table: pl.DataFrame) -> pl.DataFrame:
    """Bring a study's judgements into the bench's words."""
    said = pl.col("verdict").replace_strict(
        {"revision": "first", "original": "second", "first": "first", "second": "second"},
        default=None,
        return_dtype=pl.String,
    )
    way = pl.col("way") if "way" in table.columns else pl.lit("")
    machine = (
        pl.when(way != "")
        .then(pl.concat_str("judge", pl.lit(", "), way))
        .otherwise(pl.col("judge").cast(pl.String))
    )
    if "role" in table.columns:  # strangers judge pairs that were made for others, of the same prompts too
        table = table.filter(pl.col("role") == "author")
    ids = pl.col("persona_id", "prompt_id").cast(pl.String)
    return table.select(ids, machine.alias("machine"), said.alias("verdict")).drop_nulls()


def join_machines(known: list[pl.DataFrame], given: list[pl.DataFrame]) -> tuple[pl.DataFrame, list[str]]:
    """Put verdicts of models together; a model that comes again in `given` counts as it is there.

    Returns
    -------
    tuple
        The verdicts, and the models of `known` whose verdicts were put aside.

    Raises
    ------
    DataError
        If a model says two different things of a pair.

    Examples
    --------
    >>> row = {"persona_id": "p", "prompt_id": "q", "machine": "m"}
    >>> old, new = (pl.DataFrame([row | {"verdict": said}]) for said in ("first", "second"))
    >>> table, replaced = join_machines([old], [new])
    >>> table["verdict"].to_list(), replaced
    (['second'], ['m'])
    """
    nothing = pl.DataFrame(schema=dict.fromkeys(MACHINE, pl.String))
    before, after = (pl.concat([nothing, *frames]).unique(maintain_order=True) for frames in (known, given))
    names = set(after["machine"])
    replaced = sorted(names & set(before["machine"]))
    joined = pl.concat([before.filter(~pl.col("machine").is_in(replaced)), after])
    twice = joined.filter(joined.select(MACHINE[:3]).is_duplicated())
    if twice.height:
        row = twice.row(0, named=True)
        raise DataError(
            f"{row['machine']} says two things of the pair of persona {row['persona_id']}, prompt "
            f"{row['prompt_id']}",
            fix="give one file of each model, or other names to its runs",
        )
    return joined, replaced


def read_table(path: Path) -> pl.DataFrame:
    """Read a table by its suffix: CSV, JSON lines, else Parquet.

    Raises
    ------
    DataError
        If it is missing or not of that form.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".csv":
            return pl.read_csv(path, infer_schema_length=10_000)
        if suffix in (".jsonl", ".ndjson"):
            return pl.read_ndjson(path, infer_schema_length=10_000)
        return pl.read_parquet(path)
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError("this file cannot be read as Parquet, CSV or JSON lines", file=path) from error
