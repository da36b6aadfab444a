"""Files that a command writes: their names say what is in them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["parquet"]


def parquet(out: Path) -> Path:
    """Refuse a name that does not end in .parquet; for the `callback` of an option.

    Raises
    ------
    DataError
        If it ends in something else: what is written is Parquet, and a table of another kind may stand there.

    Examples
    --------
    >>> parquet(Path("people.parquet")).name
    'people.parquet'
    """
    if out.suffix.lower() != ".parquet":
        from populace.errors import DataError

        raise DataError("this file is written as Parquet", file=out, fix="end the name in .parquet")
    return out
