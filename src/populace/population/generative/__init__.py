"""The open generative model: structure and counts learned from weighted records, people drawn from them."""

from populace.population.generative.model import GenerativeModel

__all__ = ["GenerativeModel"]
