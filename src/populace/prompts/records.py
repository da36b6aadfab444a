"""What a prompt is, and the table of prompts that every other room reads.

A prompt is named by its text: `prompt_id` is the content hash of the text, and the split is decided by
the text alone. Adding, removing or reordering prompts therefore never renames one and never moves one
from train to test.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
import polars as pl

from populace.canonical import content_hash

__all__ = ["GRADES", "SCHEMA", "TEST_SHARE", "Grade", "Prompt", "Split", "clean", "split_of", "to_frame"]

GRADES = ("none", "mild", "contested", "divisive")
"""Names of the controversy grades 0 to 3."""

Grade = Annotated[int, msgspec.Meta(ge=0, le=3)]
Split = Literal["train", "test"]

SCHEMA = pl.Schema(
    {
        "prompt_id": pl.String,
        "text": pl.String,
        "topic": pl.String,
        "controversy": pl.Int64,
        "source": pl.String,
        "licence": pl.String,
        "split": pl.String,
    }
)
"""Columns of a table of prompts (`prompts.parquet`), in order."""

TEST_SHARE = 868 / 3868
"""Expected share of test prompts: PERSONA holds 868 of its 3,868 out (arXiv:2407.17387, section 3)."""

# The first number under which each topic of the built-in set, as first published, has 2 to 6 test
# questions. Changing it would move prompts between the splits, so it is fixed for good.
_SALT = "split 39"


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One question that a person may ask.

    Examples
    --------
    >>> Prompt(text="Is a lie ever kind?", controversy=1, source="mine", split="train").prompt_id
    '23352f27445340d9bc6f8b915b10bdf5'
    """

    text: str
    """The question itself, cleaned by `clean`."""
    topic: str | None = None
    """What it is about; None = not known."""
    controversy: Grade | None = None
    """0 none, 1 mild, 2 contested, 3 divisive; None = not graded."""
    source: str
    """Where it comes from: `populace`, `PRISM`, or the name of a file."""
    licence: str | None = None
    """Licence of the text; None = not known."""
    split: Split
    """`train` or `test`: as its source says, else `split_of` its text."""

    @property
    def prompt_id(self) -> str:
        """Content hash (32 hex digits) of the text alone."""
        return content_hash(self.text)


def clean(text: str) -> str:
    r"""Bring a text to the form in which it is hashed: NFC, no white space at either end.

    Examples
    --------
    >>> clean("  Cafe\u0301 or tea? ")
    'Café or tea?'
    """
    return unicodedata.normalize("NFC", text).strip()


def split_of(text: str) -> Split:
    """Assign a text to train (77.6 % of texts) or test (22.4 %) by its hash, whatever stands beside it.

    Examples
    --------
    >>> split_of("Is it rude to ask someone with an accent where they are from?")
    'train'
    """
    draw = int(content_hash([_SALT, text], size=8), 16) / 2**64
    return "test" if draw < TEST_SHARE else "train"


def to_frame(prompts: Iterable[Prompt]) -> pl.DataFrame:
    """Lay prompts out as a table with the columns of `SCHEMA`, the first of each text only.

    Examples
    --------
    >>> same = Prompt(text="Is a lie ever kind?", source="mine", split="train")
    >>> to_frame([same, same]).shape
    (1, 7)
    """
    distinct: dict[str, Prompt] = {}
    for prompt in prompts:
        distinct.setdefault(prompt.prompt_id, prompt)
    rows = [
        (key, p.text, p.topic, p.controversy, p.source, p.licence, p.split) for key, p in distinct.items()
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")
