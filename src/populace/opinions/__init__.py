"""What people answered, and how well their answers can be predicted."""

from populace.opinions.attainable import Attained, attained
from populace.opinions.calibration import Calibrated, reliability_table
from populace.opinions.ceiling import CarriedOver, Retest, carry_over, repeated
from populace.opinions.gaps import subgroup_gaps
from populace.opinions.groups import group_scores
from populace.opinions.items import Item
from populace.opinions.planted import World, plant_world
from populace.opinions.polis import read_polis
from populace.opinions.predictor import POLITICAL, Fitted, Inputs, Predictor, inputs_of
from populace.opinions.reading import read_opinions
from populace.opinions.saving import load, save
from populace.opinions.scores import individual_scores
from populace.opinions.splits import Split, split
from populace.opinions.table import NONE, Opinions
from populace.opinions.twins import curated, hidden_twins, twins

__all__ = [
    "NONE",
    "POLITICAL",
    "Attained",
    "Calibrated",
    "CarriedOver",
    "Fitted",
    "Inputs",
    "Item",
    "Opinions",
    "Predictor",
    "Retest",
    "Split",
    "World",
    "attained",
    "carry_over",
    "curated",
    "group_scores",
    "hidden_twins",
    "individual_scores",
    "inputs_of",
    "load",
    "plant_world",
    "read_opinions",
    "read_polis",
    "reliability_table",
    "repeated",
    "save",
    "split",
    "subgroup_gaps",
    "twins",
]
