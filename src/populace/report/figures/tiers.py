"""From which score of each hazard a reply is refused, and by which tier: what each lower tier takes off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bounds import Bounds

__all__ = ["tiers"]

_NAMES = {1: "tier 1, law", 2: "tier 2, the organisation", 3: "tier 3, the user"}
_SHADES = (theme.WITHIN, theme.MORE[0], theme.MORE[1], theme.MORE[2])


def tiers(bounds: Bounds, user: str, width: int = 680, *, context: Mapping[str, Any] | None = None) -> Any:
    """Draw, for each hazard alone, the scores that a user's replies may have and what refuses the others.

    Every score from 0 to 100 of every hazard is decided; all other hazards are at 0.

    Parameters
    ----------
    bounds, user
        Whose policies.
    width
        Of the whole figure, in pixels.
    context
        Of the request, as for `Bounds.decide`.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from populace.bounds import Bounds
    >>> shipped = Bounds.load(files("populace.bounds") / "data/examples", audit=False)
    >>> tiers(shipped, "ana").to_dict()["title"]["text"]
    ['What remains for a reply to ana']
    """
    import altair as alt

    table = _spans(bounds, user, context)
    names = ["allowed", *(_NAMES[tier] for tier in (3, 2, 1))]
    y, height = theme.rows(table["hazard"].unique(maintain_order=True).to_list(), width)
    chart = (
        alt.Chart(table)
        .mark_bar(stroke=theme.PAPER, strokeWidth=1)
        .encode(
            x=alt.X("low:Q", title="score of this hazard alone").scale(domain=[0, 101], nice=False),
            x2="high:Q",
            y=y,
            color=alt.Color("by:N", title=None, sort=names)
            .scale(domain=names, range=list(_SHADES))
            .legend(orient="top", columns=2 if width < 640 else 4),
        )
        .properties(
            width=max(120, width - theme.label_room(width) - 30),
            height=alt.Step(height),  # pyright: ignore[reportArgumentType]
        )
    )
    laws = " and ".join(table["laws"][0]) or "no jurisdiction"
    where = f"At {table['organisation'][0]}, under {laws}"
    lines = [f"{where}: of several that refuse, the highest tier is named. All other hazards are at 0."]
    return parts.titled(chart, f"What remains for a reply to {user}", lines, width)


def _spans(bounds: Bounds, user: str, context: Mapping[str, Any] | None) -> pl.DataFrame:
    titles = bounds.settings.titles()
    clean = dict.fromkeys(titles, 0)
    place_of = {name: place for place, name in enumerate(titles)}
    rows: list[dict[str, Any]] = []
    for name, title in titles.items():
        start, last, told = 0, "", bounds.decide(user, scores=clean, context=context)
        for score in range(102):
            if score < 101:
                told = bounds.decide(user, scores=clean | {name: score}, context=context)
            by = "" if score == 101 else "allowed" if told.allowed else _NAMES[told.tier or 1]
            if by != last and last:
                place = {"organisation": told.organisation, "laws": list(told.laws)}
                rows.append(
                    {"row": place_of[name], "hazard": title, "low": start, "high": score, "by": last, **place}
                )
                start = score
            last = by
    return pl.DataFrame(rows)
