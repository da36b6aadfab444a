"""What people answered, and how well their answers can be predicted."""

from populace.opinions.items import Item
from populace.opinions.predictor import POLITICAL, Fitted, Inputs, Predictor, inputs_of
from populace.opinions.reading import read_opinions
from populace.opinions.splits import Split, split
from populace.opinions.table import NONE, Opinions

__all__ = [
    "NONE",
    "POLITICAL",
    "Fitted",
    "Inputs",
    "Item",
    "Opinions",
    "Predictor",
    "Split",
    "inputs_of",
    "read_opinions",
    "split",
]
