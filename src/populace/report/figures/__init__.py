"""The figures of a report, one function a figure: frames in, a themed Altair chart out.

`width` is the width of the whole figure in pixels: 680 suits a page, 340 a phone. `draw.svg` and
`draw.png` turn a chart into bytes without a browser and without a network.
"""

from populace.report.figures.counts import lengths, prompts, splits
from populace.report.figures.forest import (
    AGREEMENT,
    DISAGREEMENT,
    POSITION,
    agreement,
    agreement_by_group,
    disagreement,
    position,
    preference,
)
from populace.report.figures.people import population

__all__ = [
    "AGREEMENT",
    "DISAGREEMENT",
    "POSITION",
    "agreement",
    "agreement_by_group",
    "disagreement",
    "lengths",
    "population",
    "position",
    "preference",
    "prompts",
    "splits",
]
