"""How portfolios of candidates are told: as text, as JSON, with the scale beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.portfolio_options import tell_json

if TYPE_CHECKING:
    from populace.portfolio.candidates import Candidates
    from populace.portfolio.records import Portfolio
    from populace.portfolio.scaling import Scale

__all__ = [
    "Figure",
    "check_figure",
    "draw_members",
    "scale_told",
    "tell_portfolio",
    "tell_record",
    "tell_scale",
    "tell_slack",
    "write_chart",
]


Figure = Annotated[
    Path | None,
    typer.Option(help="Also draw who serves whom; of three traits.", metavar="REGIONS.svg|.png"),
]


def check_figure(figure: Path | None, traits: int | None = None) -> None:
    """Refuse a figure that cannot be drawn, before anything is computed.

    Raises
    ------
    DataError
        If it is no SVG or PNG, or there are not three traits.
    """
    from populace.errors import DataError

    if figure is not None and figure.suffix not in (".svg", ".png"):
        fix = "end the name in one of these"
        raise DataError("a figure is written as .svg or .png", file=figure, fix=fix)
    if figure is not None and traits not in (None, 3):
        raise DataError(f"a triangle has three corners, and there are {traits} traits", file=figure,
                        fix="choose three by --traits, or leave --figure out")  # fmt: skip


def draw_members(figure: Path | None, rows: Sequence[int], found: Candidates, scale: Scale) -> None:
    """Draw who serves whom, where a figure is asked for."""
    if figure is None:
        return
    from populace.report.figures.regions import regions

    names = [found.names[row] for row in rows]
    write_chart(regions(found.rewards(scale)[list(rows)], names, found.traits), figure)


def write_chart(chart: Any, out: Path) -> None:
    """Write a chart as SVG or PNG, by the name."""
    from populace.atomic import write_atomic
    from populace.report import draw

    write_atomic(out, draw.svg(chart).encode() if out.suffix == ".svg" else draw.png(chart))


def tell_portfolio(
    portfolio: Portfolio, found: Candidates, scale: Scale, as_json: bool, out: Path | None
) -> None:
    """Tell a portfolio, as text or JSON."""
    from populace.portfolio.records import upward

    names = [found.names[row] for row in portfolio.members]
    certificate = portfolio.certificate
    told = scale_told(found, scale) | {
        "members": names,
        "regret": certificate.value,
        "kind": certificate.kind,
        "objective": portfolio.objective,
        "value": portfolio.value,
        "lower_bound": portfolio.lower_bound,
        "optimal": portfolio.optimal,
        "method": portfolio.method,
    }
    if tell_record(told, as_json, out):
        return
    tell_scale(found, scale)
    typer.echo(f"{len(names):,} of {len(found.names):,} candidates: {', '.join(names)}")
    typer.echo(f"No weights lose more than {upward(certificate.value)} ({certificate.kind} regret)")
    proved = "proved best" if portfolio.optimal else f"at least {portfolio.lower_bound:g} is proved"
    what = {"size": "size", "worst": "worst regret", "average": "average regret"}[portfolio.objective]
    typer.echo(f"{what} {portfolio.value:g}, {proved} ({portfolio.method})")
    tell_slack(found, scale, certificate.kind)


def tell_record(told: Mapping[str, Any], as_json: bool, out: Path | None) -> bool:
    """Write and print a record, where that is asked for; say whether it was printed."""
    if out is not None:
        import msgspec

        from populace.atomic import write_atomic

        write_atomic(out, msgspec.json.format(msgspec.json.encode(told), indent=1) + b"\n")
    if as_json:
        tell_json(told)
    return as_json


def scale_told(found: Candidates, scale: Scale) -> dict[str, Any]:
    """Give what a record says of the candidates and their scale."""
    return {
        "scale": scale.ranges,
        "warnings": scale.warnings(),
        "left_out": dict(found.left_out),
        "prompts": found.prompts or None,
    }


def tell_scale(found: Candidates, scale: Scale) -> None:
    """Print what a weight means, and what was left out."""
    for each in scale.ranges:
        typer.echo(f"  {each}")
    for warning in scale.warnings():
        typer.echo(f"Warning: {warning}")
    if found.left_out:
        names = [f"{name} ({why})" for name, why in list(found.left_out.items())[:5]]
        more = f" and {len(found.left_out) - 5:,} more" if len(found.left_out) > 5 else ""
        typer.echo(f"Left out: {', '.join(names)}{more}")


def tell_slack(found: Candidates, scale: Scale, kind: str) -> None:
    """Print what other prompts may add to a difference, where that is known."""
    from populace.portfolio.records import upward

    slack = found.slack(scale)
    if kind == "additive" and not math.isnan(slack):
        typer.echo(f"On other prompts like these {found.prompts:,}, at 95%: up to {upward(slack)} more")
