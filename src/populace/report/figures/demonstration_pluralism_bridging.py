"""Votes to try the map of opinions on: two made-up camps of a made-up town. Nobody was asked anything."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.streams import stream

__all__ = ["STATEMENTS", "opinion_map_chart", "town_votes"]

_SHARES = {
    "Close the high street to cars on Saturdays.": (0.85, 0.20),
    "Cycle lanes are worth the parking they cost.": (0.80, 0.15),
    "Drivers pay enough already.": (0.15, 0.80),
    "Parking in the centre should be free.": (0.20, 0.75),
    "The town should build upwards, not outwards.": (0.70, 0.30),
    "New houses belong at the edge of town.": (0.25, 0.65),
    "Buses should run until midnight.": (0.85, 0.75),
    "Pavements should be cleared of snow first.": (0.90, 0.85),
    "The library must stay open on Sundays.": (0.80, 0.70),
    "Roadworks should be announced a month before.": (0.85, 0.90),
    "The market should move to the car park.": (0.30, 0.35),
    "Fireworks should be left to the town.": (0.55, 0.45),
}
"""Statement -> share of each camp that agrees."""
STATEMENTS = tuple(_SHARES)
_CAMPS = (150, 90)
_SEEN = 0.75


@functools.cache
def town_votes() -> npt.NDArray[np.float64]:
    """Draw the votes of 240 people on twelve statements, of which each saw three in four."""
    rng = stream(0, "demonstration.bridging")
    camp = np.repeat([0, 1], _CAMPS)
    agree = np.array(list(_SHARES.values())).T[camp]
    drawn = rng.random(agree.shape)
    votes = np.where(drawn < agree, 1.0, np.where(drawn < agree + 0.1 * (1 - agree), 0.0, -1.0))
    votes[rng.random(votes.shape) > _SEEN] = np.nan
    return votes


def opinion_map_chart(width: int = 680) -> Any:
    """Draw the map of the town."""
    from populace.pluralism import bridging
    from populace.report.figures.opinion_map import opinion_map

    votes = town_votes()
    found = bridging.opinion_map(votes, resamples=50, nulls=50)
    return opinion_map(found, votes, STATEMENTS, width, consensus=5)
