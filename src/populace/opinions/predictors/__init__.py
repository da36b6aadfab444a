"""Ways to predict answers, without any model of language."""

from populace.opinions.predictors.completion import Completion
from populace.opinions.predictors.shares import Group, Population, Uniform

__all__ = ["Completion", "Group", "Population", "Uniform"]
