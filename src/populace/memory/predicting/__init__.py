"""Predictions of responses without a model of language, and what a model is told: see `predictor`, `route`.

Collaborative factors of people and questions (`collaborative`), own and joined items as votes (`votes`), both
mixed (`blending`), each held against the population on people left out (`trials`); questions that nobody
answered are borrowed from those worded alike (`borrowing`).
"""

from populace.memory.predicting.blending import Blend
from populace.memory.predicting.collaborative import Collaborative
from populace.memory.predicting.prediction import METHODS, Calibration, Evidence, Prediction
from populace.memory.predicting.predictor import ResponsePredictor
from populace.memory.predicting.responses import Query, Responses, read_responses
from populace.memory.predicting.route import Cells, FittedRoute, Route, Tabled
from populace.memory.predicting.trials import Gains, gains, tried
from populace.memory.predicting.votes import Join
from populace.memory.predicting.words import Embed, Remembering, hashed

__all__ = [
    "METHODS",
    "Blend",
    "Calibration",
    "Cells",
    "Collaborative",
    "Embed",
    "Evidence",
    "FittedRoute",
    "Gains",
    "Join",
    "Prediction",
    "Query",
    "Remembering",
    "ResponsePredictor",
    "Responses",
    "Route",
    "Tabled",
    "gains",
    "hashed",
    "read_responses",
    "tried",
]
