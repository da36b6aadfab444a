"""How near a model's distributions are to people's.

The third kind of pluralism of the Roadmap (arXiv 2402.05070): p_M(y given x) = p_G(y given x) for every
question x and answer y. `score` says how far that fails, in any convention that is in print, with an
interval; `convert` and `bounds` lead from one to another; `controls` says what knowing nothing scores, and
people themselves.

>>> from populace.pluralism import distributional
>>> people, model = [[0.9, 0.1], [0.4, 0.6]], [[0.6, 0.4], [0.5, 0.5]]
>>> round(distributional.score(model, people, "tv").value, 3)
0.2
"""

from populace.pluralism.distributional.beside import side_by_side, strangers
from populace.pluralism.distributional.controls import controls, noise_floor
from populace.pluralism.distributional.conventions import CONVENTIONS, Convention, convention
from populace.pluralism.distributional.conversion import bounds, convert
from populace.pluralism.distributional.forecasts import forecast
from populace.pluralism.distributional.gap import simulation_gap
from populace.pluralism.distributional.groups import Groups
from populace.pluralism.distributional.planning import Laid
from populace.pluralism.distributional.reading import Answers, read_answers
from populace.pluralism.distributional.sampling import expected_tv, plug_in_bias
from populace.pluralism.distributional.scoring import cells, difference, score, score_groups
from populace.pluralism.distributional.table import Table, aligned

__all__ = [
    "CONVENTIONS",
    "Answers",
    "Convention",
    "Groups",
    "Laid",
    "Table",
    "aligned",
    "bounds",
    "cells",
    "controls",
    "convention",
    "convert",
    "difference",
    "expected_tv",
    "forecast",
    "noise_floor",
    "plug_in_bias",
    "read_answers",
    "score",
    "score_groups",
    "side_by_side",
    "simulation_gap",
    "strangers",
]
