"""What people are asked: a built-in set, readers for others' files, PERSONA's filters, balanced draws."""

from populace.prompts.builtin import topics
from populace.prompts.controversy import score
from populace.prompts.filters import FilterReport, FilterStep, filter
from populace.prompts.records import GRADES, SCHEMA, Prompt, split_of, to_frame
from populace.prompts.sampling import sample, select
from populace.prompts.sources import load, save

__all__ = [
    "GRADES",
    "SCHEMA",
    "FilterReport",
    "FilterStep",
    "Prompt",
    "filter",
    "load",
    "sample",
    "save",
    "score",
    "select",
    "split_of",
    "to_frame",
    "topics",
]
