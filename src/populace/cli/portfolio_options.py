"""What commands of `populace portfolio` read and print alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["AsJson", "Less", "Ranges", "Seed", "ranges_of", "tell_json", "texts_of"]

Less = Annotated[
    list[str] | None,
    typer.Option("--less", help="Traits of which less is better; with commas, or repeated.", metavar="NAMES"),
]
Ranges = Annotated[
    list[str] | None,
    typer.Option(
        "--range",
        help="Least and greatest score there can be of a trait, wit=1:5; repeated. Without it the least and "
        "greatest of the table are taken, and weights hold for this table only.",
        metavar="TRAIT=LOW:HIGH",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Seed = Annotated[int, typer.Option(min=0, help="Of what is drawn.")]


def ranges_of(given: Sequence[str] | None) -> dict[str, tuple[float, float]]:
    """Read ranges.

    Raises
    ------
    StudyError
        If one is not of the form TRAIT=LOW:HIGH.

    Examples
    --------
    >>> ranges_of(["wit=1:5"])
    {'wit': (1.0, 5.0)}
    """
    from populace.errors import StudyError

    found = {}
    for text in given or ():
        name, _, ends = text.rpartition("=")
        low, _, high = ends.partition(":")
        try:
            found[name.strip()] = (float(low), float(high))
        except ValueError:
            raise StudyError(f"--range: {text!r} is not TRAIT=LOW:HIGH", fix="write wit=1:5") from None
    return found


def tell_json(told: Mapping[str, Any]) -> None:
    """Print a record as JSON."""
    import msgspec

    typer.echo(msgspec.json.format(msgspec.json.encode(told), indent=1).decode())


def texts_of(path: Path) -> dict[str, str]:
    """Read names and texts of a TOML file."""
    import tomllib

    from populace.errors import StudyError

    if not path.is_file():
        raise StudyError(
            "there is no such file", file=path, fix="write one line a name: tact = 'It is tactful.'"
        )
    try:
        found = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"this is no TOML ({error})", file=path) from error
    bad = [name for name, text in found.items() if not isinstance(text, str)]
    if bad or not found:
        what = f"{bad[0]} is no text" if bad else "there is no name in it"
        raise StudyError(what, file=path, fix="write one line a name: tact = 'It is tactful.'")
    return found
