"""Draw the pictures of `docs/pluralism.md`, from numbers made up for the purpose.

    python scripts/draw_pluralism.py

The numbers stand in `populace.report.figures.demonstration_pluralism_*`. Nothing here is a finding about a
model or about people. The same versions give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from draw_gallery import SCALE, small

from populace.atomic import write_atomic
from populace.report import draw, figures
from populace.report.figures import demonstration_pluralism_bridging as bridging
from populace.report.figures import demonstration_pluralism_distributional as distributional
from populace.report.figures import demonstration_pluralism_front as fronts
from populace.report.figures import demonstration_pluralism_jury as juries
from populace.report.figures import demonstration_pluralism_overton as overton
from populace.report.figures import demonstration_pluralism_steerable as steerable

FOLDER = Path(__file__).parent.parent / "docs" / "images" / "pluralism"
WIDTH = 620


def charts() -> dict[str, Callable[..., Any]]:
    """Name -> a function of `width`."""
    return {
        "overton": partial(figures.overton, overton.overton_result()),
        "steering": steerable.steering_chart,
        "distributional": distributional.drawn,
        "front": fronts.drawn_front,
        "trade-off": fronts.drawn_run,
        "welfare-profile": partial(figures.welfare_profile, juries.jury().profile()),
        "opinion-map": bridging.opinion_map_chart,
        "radar": steerable.radar_chart,
    }


def main() -> None:
    """Draw what is named on the command line, or everything."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, chart in charts().items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        picture = small(draw.png(chart(width=WIDTH), scale=SCALE))
        write_atomic(FOLDER / f"{name}.png", picture)
        print(f"{name}: {len(picture):,} bytes")


if __name__ == "__main__":
    main()
