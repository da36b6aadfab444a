"""What a text is like: brevity, readability, sentiment, politeness, offensiveness; by rules, by small models.

A scorer says what it measures, in which range, and what more of it means; `scorers()` has those that need no
language model, `adapters` makes one of a function or of a Hugging Face model. All but brevity read English:
of a text in another script they say nothing (NaN), of one in another language with Latin letters they say
nothing that can be trusted. An empty text is NaN everywhere: what was not said is neither brief nor polite.
"""

from populace.traits.adapters import transformer
from populace.traits.brevity import brevity
from populace.traits.scorer import FunctionScorer, Scorer, reverse
from populace.traits.shelf import scorer, scorers
from populace.traits.similarity import similarity

__all__ = ["FunctionScorer", "Scorer", "brevity", "reverse", "scorer", "scorers", "similarity", "transformer"]
