"""What several command groups read alike: lists of names, `column=value:number`, caps, models, budgets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from populace.models import Provider
    from populace.population import Cap, Population
    from populace.run import Budget

__all__ = [
    "Model",
    "Settings",
    "budget_of",
    "check_written",
    "open_provider",
    "people_or_source",
    "read_bounds",
    "read_cap",
    "read_cells",
    "split_names",
]

Model = Annotated[
    str,
    typer.Option(
        help="As in a study file: `openai:NAME`, `embedded`, `any-llm:VENDOR:NAME`, `replay:FILE`; or a "
        "study file, whose model is taken.",
        metavar="MODEL",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A setting of the model, such as base_url=http://localhost:8000/v1; may be repeated.",
        metavar="NAME=VALUE",
    ),
]


def split_names(given: Iterable[str] | None) -> list[str]:
    """Read names given one an option, or several with commas.

    Examples
    --------
    >>> split_names(["age, sex", "race"]), split_names(None)
    (['age', 'sex', 'race'], [])
    """
    return [name.strip() for text in given or () for name in text.split(",") if name.strip()]


def check_written(out: Path, *read: Path) -> None:
    """Refuse to write over a file that is read.

    Raises
    ------
    DataError
        If `out` is one of them.
    """
    from populace.errors import DataError

    if any(out.resolve() == other.resolve() for other in read):
        raise DataError("the file to write is the file to read", file=out, fix="give another --out")


def read_cells(option: str, given: Sequence[str] | None) -> dict[str, dict[str, float]] | None:
    """Read `column=value:number`; None where nothing is given.

    Raises
    ------
    DataError
        If the form is another, or a value is named twice.

    Examples
    --------
    >>> read_cells("--boost", ["race=Asian alone:3", "race=White alone:0.5"])
    {'race': {'Asian alone': 3.0, 'White alone': 0.5}}
    """
    from populace.errors import DataError

    cells: dict[str, dict[str, float]] = {}
    for text in given or ():
        column, _, rest = text.partition("=")
        value, _, number = rest.rpartition(":")
        try:
            amount = float(number)
        except ValueError:
            amount = None
        if amount is None or not (column.strip() and value.strip()):
            raise DataError(
                f"{option}: {text!r} is not COLUMN=VALUE:NUMBER", fix="write 'race=Asian alone:3'"
            )
        values = cells.setdefault(column.strip(), {})
        if value.strip() in values:
            raise DataError(f"{option}: {column} = {value} is given twice", fix="give it once")
        values[value.strip()] = amount
    return cells or None


def read_cap(text: str | None) -> Cap | None:
    """Read a cap: `median:5`, `quantile:0.99` or `weight:20000`.

    Raises
    ------
    DataError
        If the form is another.

    Examples
    --------
    >>> read_cap("median:5"), read_cap(None)
    (Cap(kind='median', value=5.0), None)
    """
    if text is None:
        return None
    from populace.errors import DataError
    from populace.population import Cap

    kind, _, number = text.partition(":")
    if kind in ("median", "quantile", "weight"):
        try:
            return Cap(kind, float(number))
        except ValueError:
            pass
    raise DataError(
        f"--cap: {text!r} is no cap", fix="write median:5 (times the median), quantile:0.99 or weight:20000"
    )


def read_bounds(text: str | None) -> tuple[float, float] | None:
    """Read the least and the largest factor of a weight, `0.3:3`.

    Raises
    ------
    DataError
        If the form is another.

    Examples
    --------
    >>> read_bounds("0.3:3")
    (0.3, 3.0)
    """
    if text is None:
        return None
    low, _, high = text.partition(":")
    try:
        return float(low), float(high)
    except ValueError:
        from populace.errors import DataError

        raise DataError(f"--bounds: {text!r} is not LOW:HIGH", fix="write 0.3:3") from None


def open_provider(model: str, settings: Sequence[str] | None) -> Provider:
    """Open a model named on the command line, its price looked up where it has none.

    Raises
    ------
    ModelError, StudyError, DataError
        If there is no such model or setting, or the study file is broken.
    """
    from populace.models import open_model
    from populace.run import settle_price

    spec: dict[str, Any]
    if model.endswith(".toml"):
        from populace.study.settings import load_settings

        named = load_settings(Path(model)).model.spec()
        spec = {"provider": named} if isinstance(named, str) else dict(named)
    else:
        spec = {"provider": model}
    provider = open_model(spec | dict(_setting(text) for text in settings or ()))
    settle_price(provider)
    return provider


def _setting(text: str) -> tuple[str, Any]:
    """Read a setting as TOML would, a bare text as text."""
    import tomllib

    name, sign, value = text.partition("=")
    if not (sign and name.strip()):
        from populace.errors import DataError

        raise DataError(f"--set: {text!r} is not NAME=VALUE", fix="write base_url=http://localhost:8000/v1")
    try:
        return name.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name.strip(), value


def budget_of(text: str | None) -> Budget | None:
    """Read `--budget`: dollars (`$25`) or tokens (`2e6 tokens`).

    Raises
    ------
    StudyError
        If it is neither.
    """
    if text is None:
        return None
    from populace.run import Budget
    from populace.study.settings import read_budget

    return Budget(**read_budget(text).model_dump())


def people_or_source(path: str | Path) -> Population | None:
    """Load people that `population build` made; None if the file is something else."""
    import polars as pl

    from populace.population import Population

    file = Path(path)
    if file.suffix.lower() != ".parquet" or not file.is_file():
        return None
    try:
        if "populace.population" not in pl.read_parquet_metadata(file):
            return None
    except (pl.exceptions.PolarsError, OSError):
        return None
    return Population.load(file)
