"""The report on disk: one HTML page that loads nothing, and its figures as SVG and PNG beside it.

Everything a model or a file supplied is escaped on its way into the page, and the page's own content
security policy forbids scripts and every outside load, so text that slipped through would still do nothing.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import polars as pl

from populace.atomic import write_atomic
from populace.feedback.shortcuts import summary
from populace.feedback.verdicts import ways_of
from populace.feedback.wording import Wording, wording
from populace.report import draw, figures, html, tables, views
from populace.report.content import ReportContent, Stage
from populace.report.headline import headline
from populace.report.measures import FEW_CLUSTERS, PAPER_PREFERS, main_arms

__all__ = ["write"]

WIDE, NARROW = 680, 330
"""Widths in pixels at which each figure is drawn: for a page, and for a phone."""

_NAMES = (
    "population", "prompts", "lengths", "preference", "agreement", "agreement_by_group", "position", "splits",
    "disagreement",
)  # fmt: skip


class _Draw(Protocol):
    def __call__(self, *, width: int) -> Any: ...


class _Figure(NamedTuple):
    name: str
    alt: str
    """What it shows, for those who do not see it; the numbers stand in the table beside it."""
    chart: _Draw


def write(folder: Path, content: ReportContent) -> Path:
    """Write `report.html` and `figures/*.svg, *.png` under `folder`, each whole or not at all.

    The same content gives the same bytes. Figures of an earlier report that this one lacks are removed.

    Returns
    -------
    The path of the page.

    Raises
    ------
    DataError
        If a census range cannot be read, or the folder cannot be written.
    PopulaceError
        If the packages that draw are not installed.
    """
    html.require_drawing()
    folder = Path(folder)
    inlined: dict[str, str] = {}
    for figure in _figures(content):
        wide = figure.chart(width=WIDE)
        document = draw.svg(wide)
        write_atomic(folder / "figures" / f"{figure.name}.svg", document.encode())
        write_atomic(folder / "figures" / f"{figure.name}.png", draw.png(wide))
        narrow = draw.svg(figure.chart(width=NARROW))
        inlined[figure.name] = draw.both_widths(figure.name, figure.alt, document, narrow)
    for stale in set(_NAMES) - inlined.keys():
        for suffix in (".svg", ".png"):
            (folder / "figures" / f"{stale}{suffix}").unlink(missing_ok=True)
    page = folder / "report.html"
    write_atomic(page, _render(content, inlined).encode())
    return page


def _figures(content: ReportContent) -> list[_Figure]:
    """List the figures that this content has something to show in."""
    estimates, words = content.estimates, wording(content.pairs)
    grouped = _grouped(estimates)
    shares = tables.population_shares(content.people, content.census).height
    judged = tables.verdict_splits(content.judgements)["pairs"].sum()
    candidates = [
        (shares, "population", "Share of each value in the census and among the people drawn, attribute by "
         "attribute.", partial(figures.population, content.people, content.census)),
        (content.prompts.height, "prompts", "Number of prompts of each topic, shaded by controversy.",
         partial(figures.prompts, content.prompts)),
        (tables.length_ratios(content.pairs).height, "lengths", "Histogram of the length of second "
         "answers as a share of the first’s words.", partial(figures.lengths, content.pairs)),
        (main_arms(estimates), "preference", f"Share of judgements that prefer {words.second}, with "
         "intervals: the judge and its baselines.",
         partial(figures.preference, estimates, words=words)),
        (views.pick(estimates, *figures.AGREEMENT), "agreement", "Agreement of the judge with itself, with "
         "intervals.", partial(figures.agreement, estimates)),
        (grouped.height, "agreement_by_group", "Agreement between the two orders of the answers, group by "
         "group, with intervals.", partial(figures.agreement_by_group, grouped)),
        (views.pick(estimates, *figures.POSITION), "position", "What the order of the answers does to "
         "verdicts, with intervals.", partial(figures.position, estimates)),
        (judged, "splits", "Number of pairs by how the personas who judged them split.",
         partial(figures.splits, content.judgements)),
        (views.pick(estimates, *figures.DISAGREEMENT), "disagreement", "Conflict rate between personas and "
         "the most verdicts one model could satisfy, with intervals.",
         partial(figures.disagreement, estimates)),
    ]  # fmt: skip
    return [_Figure(name, alt, chart) for present, name, alt, chart in candidates if present]


def _grouped(estimates: pl.DataFrame) -> pl.DataFrame:
    """Agreement between the orders by group, in the first of the ways that have orders."""
    rows = estimates.filter((pl.col("measure") == "kappa_orders") & pl.col("attribute").is_not_null())
    ways = ways_of(rows.select(pl.col("arm").alias("way")))
    return rows.filter(pl.col("arm").is_in(ways[:1]))


def _render(content: ReportContent, inlined: dict[str, str]) -> str:
    words = wording(content.pairs)
    return html.page(
        "report.html.jinja",
        content=content,
        words=words,
        figures={name: html.safe(svg) for name, svg in inlined.items()},
        headline=headline(content.estimates, words, content.findings),
        few=FEW_CLUSTERS,
        paper_prefers=f"{100 * PAPER_PREFERS:g}\N{NO-BREAK SPACE}%",
        **_view(content, words),
    )


def _view(content: ReportContent, words: Wording) -> dict[str, Any]:
    """Return every table of the page by the name its section gives it."""
    estimates = content.estimates
    shares = tables.population_shares(content.people, content.census)
    return {
        "tiles": views.tiles(estimates, words),
        "shares": shares.to_dicts(),
        "fit": views.fit(shares),
        "removal": views.removal(content),
        "topics": views.topics(content.prompts),
        "lengths": views.lengths(content.pairs, words),
        "pair": views.example_pair(content.pairs),
        "pair_rates": views.pick(estimates, f"{words.noun}_shorter", "identical_answers", words=words),
        "preference": views.pick(estimates, words.prefers, words=words),
        "agreement": views.pick(estimates, *figures.AGREEMENT),
        "agreement_groups": views.estimate_rows(_grouped(estimates)),
        "position": views.pick(estimates, *figures.POSITION, "ties", "refusals"),
        "way": next(iter(ways_of(content.judgements)), ""),
        "splits": views.splits(content.judgements),
        "disagreement": views.pick(estimates, *figures.DISAGREEMENT),
        "audit": views.audit(estimates, words),
        "shortcuts": views.shortcuts(estimates, words),
        "audits": views.audits(content.findings),
        "audit_summary": summary(content.findings),
        "cost": views.cost([Stage(*stage) for stage in content.stages]),
        "estimates": views.estimate_rows(estimates),
    }
