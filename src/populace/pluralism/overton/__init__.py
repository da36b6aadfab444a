"""Whether one answer presents what people reasonably hold.

A window is a question with the views on it (`Window`), written down by somebody or found among people who
voted (`window_from_groups`). What an answer covers of it is read off ratings of people (`coverage`), or off
scores of its sentences against each view (`coverage_from_matches`), always with precision, a noise floor and
a ceiling beside it.
"""

from populace.pluralism.overton.balance import false_balance, misallotment, room
from populace.pluralism.overton.conventions import ModularScore, modular_pluralism, op_grpo
from populace.pluralism.overton.effects import adjusted
from populace.pluralism.overton.floor import calibrate, elsewhere, noise_floor
from populace.pluralism.overton.groups import representativeness, window_from_groups
from populace.pluralism.overton.matches import MatchedCoverage, above, coverage_from_matches, f_score
from populace.pluralism.overton.ratings import ModelCoverage, RatedCoverage, coverage
from populace.pluralism.overton.reliability import Agreement, SplitHalf, agreement, split_half
from populace.pluralism.overton.rules import RULES, Matches, Rule, matched
from populace.pluralism.overton.windows import Perspective, Window, window

__all__ = [
    "RULES",
    "Agreement",
    "MatchedCoverage",
    "Matches",
    "ModelCoverage",
    "ModularScore",
    "Perspective",
    "RatedCoverage",
    "Rule",
    "SplitHalf",
    "Window",
    "above",
    "adjusted",
    "agreement",
    "calibrate",
    "coverage",
    "coverage_from_matches",
    "elsewhere",
    "f_score",
    "false_balance",
    "matched",
    "misallotment",
    "modular_pluralism",
    "noise_floor",
    "op_grpo",
    "representativeness",
    "room",
    "split_half",
    "window",
    "window_from_groups",
]
