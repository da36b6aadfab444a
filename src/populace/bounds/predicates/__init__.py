"""Predicates judge a text for one hazard: rules, patterns, small models, a judge, adapters; lazy, cached."""

from populace.bounds.predicates.verdict import NONE, Predicate, Verdict

__all__ = ["NONE", "Predicate", "Verdict"]
