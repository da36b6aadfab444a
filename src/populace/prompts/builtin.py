"""The questions written for this project, one TOML file a topic in `data/topics`.

A file names its topic, the PRISM cluster whose topic it shares, and lists its questions under their
controversy grade. How they were written and graded: docs/design/prompts.md.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

import polars as pl

from populace.prompts.records import GRADES, Prompt, split_of, to_frame

__all__ = ["builtin", "topics"]


def builtin() -> pl.DataFrame:
    """Return the built-in questions, topic by topic and grade by grade.

    Examples
    --------
    >>> table = builtin()
    >>> table.columns
    ['prompt_id', 'text', 'topic', 'controversy', 'source', 'licence', 'split']
    >>> table.height, table["topic"].n_unique()
    (400, 23)
    """
    return to_frame(
        Prompt(
            text=text,
            topic=file["topic"],
            controversy=grade,
            source="populace",
            licence="Apache-2.0",
            split=split_of(text),
        )
        for file in _files()
        for grade, name in enumerate(GRADES)
        for text in file[name]
    )


def topics() -> dict[str, int]:
    """Return the built-in topics and the PRISM cluster each answers to (-1: PRISM's outliers).

    Examples
    --------
    >>> topics()["Travel"]
    16
    """
    return {file["topic"]: file["prism_cluster"] for file in _files()}


@cache
def _files() -> list[dict]:
    folder = files("populace.prompts").joinpath("data", "topics")
    loaded = [tomllib.loads(entry.read_text(encoding="utf-8")) for entry in folder.iterdir()]
    return sorted(loaded, key=lambda file: file["topic"])
