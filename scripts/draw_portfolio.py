"""Draw the pictures of `docs/portfolio.md` and `docs/bounds.md`, from what was made up for the purpose.

    python scripts/draw_portfolio.py

The numbers stand in `populace.report.figures.demonstration_portfolio` and `demonstration_bounds`, the
policies are the shipped examples. Nothing here is a finding about a model or about people. The picture of a
user's form is a browser's: `populace bounds form`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from draw_gallery import SCALE, small

from populace.atomic import write_atomic
from populace.bounds import Bounds
from populace.report import draw, figures
from populace.report.figures import demonstration_portfolio as made
from populace.report.figures.demonstration_bounds import bounds_result

FOLDER = Path(__file__).parent.parent / "docs" / "images"
WIDTH = 620


def charts() -> dict[str, Callable[..., Any]]:
    """Path -> a function of `width`."""
    shipped = Bounds.load(Path(str(files("populace.bounds") / "data/examples")), audit=False)
    return {
        "portfolio/price-curve": made.drawn_curve,
        "portfolio/regions": made.drawn_regions,
        "portfolio/groups": made.drawn_groups,
        "portfolio/timeline": made.drawn_timeline,
        "bounds/tiers": partial(figures.tiers, shipped, "ana"),
        "bounds/safety": partial(figures.safety, bounds_result()),
    }


def main() -> None:
    """Draw what is named on the command line, or everything."""
    for name, chart in charts().items():
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        path = FOLDER / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = small(draw.png(chart(width=WIDTH), scale=SCALE))
        write_atomic(path, picture)
        print(f"{name}: {len(picture):,} bytes")


if __name__ == "__main__":
    main()
