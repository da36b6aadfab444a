"""The card of a dataset folder: a YAML header as the Hugging Face hub reads it, then the text.

What a card says comes from three places: the caller's facts (who the people are, who judged), the table
itself (verdicts counted, columns and their types), and what is true of every set this project makes (how to
cite it, what it cannot show). A fact that the template names and nobody gave is an error: no card leaves
with a hole in it.
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import polars as pl

from populace.errors import DataError
from populace.feedback.templating import templates_hash
from populace.feedback.wording import wording

__all__ = ["CITATION", "FACTS", "LIMITATIONS", "audits_table", "dataset_card"]

FACTS = {
    "licence_id": "identifier of the licence as the hub spells it: apache-2.0, cc-by-nc-sa-4.0, other",
    "title": "name of the data set",
    "people": "where the personas come from, how many, which seed",
    "questions": "how many prompts, from where, under which licence",
    "writer": "the model that wrote the answers",
    "judge": "who judged what, in which way, by which model",
    "trust": "what the scores can and cannot show",
    "scores": "the audits as a Markdown table: `audits_table(estimates)`",
    "privacy": "whether a row describes anybody",
    "sources": "every source with its licence, a Markdown list",
}
"""What the caller says; a few more, which `dataset_card` names, have defaults."""

_PAIRS = (
    "Each answer was written without a persona, criticised in the role of an author persona, and rewritten "
    "in that role."
)

LIMITATIONS = """\
- Every judgement is a language model playing a person. It says how that model behaves, not what people want.
- Role-played judges flatten groups: people within a group differ more than the personas' verdicts do.
- One or two models write all answers, so their style stands in every one.
- A verdict is of two answers; both may be poor.
- Do not use the set to predict, profile or stand in for real people or groups.\
"""

CITATION = """\
```bibtex
@article{castricato2024persona,
  title   = {PERSONA: A Reproducible Testbed for Pluralistic Alignment},
  author  = {Castricato, Louis and Lile, Nathan and Rafailov, Rafael and
             Fr{\\"a}nken, Jan-Philipp and Finn, Chelsea},
  journal = {arXiv preprint arXiv:2407.17387},
  year    = {2024}
}
```

The design follows that paper; the people, the judging and the audits are those of populace (see above for
where they differ), and the sources above want their own citations.\
"""

_NAMES = {
    pl.String: "text",
    pl.Int64: "whole number",
    pl.Float64: "number",
    pl.Boolean: "true or false",
}
_MEANINGS = {
    "persona_id": "content hash of the persona; joins to the `personas` configuration",
    "prompt_id": "content hash of the question",
    "pair_id": "content hash of the pair of answers",
    "prompt": "the question",
    "chosen": "the answer that the persona prefers; null without a preference",
    "rejected": "the other answer; null without a preference",
    "verdict": "revision or original: which is preferred; tie, refused, failed: none",
    "probability": "that the persona prefers `chosen`; on a tie of the revision; null if refused or failed",
    "margin": "log-odds of the same; 0 without a preference",
    "p_original_first": "probability of the revision, the original shown first",
    "p_revision_first": "probability of the revision, the revision shown first",
    "role": "author: the revision was written in this persona's role; stranger: in another's",
    "way": "how it was judged",
    "judge": "the judging model",
    "model": "the writing model",
    "original": "the answer written without a persona",
    "revision": "the answer rewritten in the author's role, or the second answer of another design",
    "original_origin": "how the first answer came about",
    "revision_origin": "how the second answer came about",
    "revision_model": "the model that wrote the second answer",
    "votes": "written verdicts that the probability rests on, where the judge wrote them",
    "persona_split": "what the persona is for: test personas are seen in no training",
    "mass": "probability, by choice, that the judge names either answer at all; below 0.1 it refused",
}
_MEANINGS_ELSE = {
    "verdict": "original: the first answer is preferred, revision: the second; tie, refused, failed: none",
    "probability": "that the persona prefers `chosen`; on a tie of the second; null if refused or failed",
    "p_original_first": "probability of the second answer, shown second",
    "p_revision_first": "probability of the second answer, shown first",
    "role": "stranger: the answers were written for nobody, so no persona is their author",
    "model": "the model that wrote the first answer",
    "original": "the first answer",
    "revision": "the second answer (no revision; the column has its name from other designs)",
}
"""Of pairs in which no answer is a revision."""
_NO_AUDITS = "The shortcuts of this set were not audited."


def dataset_card(
    sizes: Sequence[tuple[str, int]], facts: Mapping[str, str], table: pl.DataFrame | None = None
) -> str:
    """Fill the card.

    Parameters
    ----------
    sizes
        Name and rows of each split.
    facts
        `FACTS`, and where wanted `language` (a code, `en` if left out), `pairs` (how they came about),
        `audits` (of shortcuts: `feedback.shortcuts.findings_markdown`), `provenance`, `limitations`,
        `citation`.
    table
        The rows, of which verdicts and columns are described; left out of the card where not given.

    Raises
    ------
    DataError
        If a fact is missing or empty.

    Examples
    --------
    >>> facts = dict.fromkeys(FACTS, "x")
    >>> dataset_card([("train", 2)], facts).splitlines()[:4]
    ['---', 'language:', '- en', 'license: x']
    """
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    for name, meaning in FACTS.items():
        if not facts.get(name, "").strip():
            raise DataError("the card wants this fact", column=name, fix=f"say: {meaning}")
    source = resources.files("populace.feedback").joinpath("templates", "card.md.txt").read_text("utf-8")
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters["quoted"] = _quoted
    rows = sum(count for _, count in sizes)
    bounds = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    category = next((name for bound, name in bounds if rows < bound), "1M<n<10M")
    given = {
        "language": "en",
        "pairs": _PAIRS,
        "audits": _NO_AUDITS,
        "limitations": LIMITATIONS,
        "citation": CITATION,
        "provenance": _provenance(),
    }
    return environment.from_string(source).render(
        sizes=sizes, rows=rows, category=category, **given | dict(facts), **_described(table)
    )


def audits_table(estimates: pl.DataFrame) -> str:
    """Lay every overall estimate out as a Markdown table, with its interval and what it rests on.

    Parameters
    ----------
    estimates
        The estimates table, as `feedback.audit.audit` gives it.

    Examples
    --------
    >>> row = {"measure": "ties", "arm": "choice", "attribute": None, "value": 0.125, "low": 0.1, "high": 0.2,
    ...     "level": 0.95, "n": 1200, "clusters": 48, "method": "cluster bootstrap"}
    >>> print(audits_table(pl.DataFrame([row], schema_overrides={"attribute": pl.String})).splitlines()[-1])
    | ties | choice | 0.125 | 0.100 to 0.200 (95 %) | 1,200 | 48 | cluster bootstrap |
    """
    lines = ["| measure | arm | value | interval | n | clusters | method |", "|---|---|--:|---|--:|--:|---|"]
    for row in estimates.filter(pl.col("attribute").is_null()).iter_rows(named=True):
        value, low, high = row["value"], row["low"], row["high"]
        known = not math.isnan(low)
        cells = (
            *(row["measure"], row["arm"], "not defined" if math.isnan(value) else f"{value:.3f}"),
            f"{low:.3f} to {high:.3f} ({row['level'] * 100:g} %)" if known else "none",
            *(f"{row['n']:,}", f"{row['clusters']:,}", row["method"]),
        )
        lines.append(f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    r"""Write a text as YAML in double quotes. JSON will not do: YAML knows no pairs of surrogates.

    Examples
    --------
    >>> print(_quoted('a "b"\n'))
    "a \"b\"\U0000000a"
    """
    escaped = {'"': '\\"', "\\": "\\\\"}
    written = (escaped.get(c, c if c.isprintable() else f"\\U{ord(c):08x}") for c in text)
    return '"' + "".join(written) + '"'


def _provenance() -> str:
    version = importlib.metadata.version("populace")
    return f"populace {version}; the words that models were given have the hash `{templates_hash()}`."


def _described(table: pl.DataFrame | None) -> dict[str, Any]:
    if table is None:
        return {"verdicts": [], "columns": []}
    counted = table["verdict"].value_counts().sort("count", "verdict", descending=[True, False])
    meanings = _MEANINGS if wording(table).revised else _MEANINGS | _MEANINGS_ELSE
    columns = [
        (name, _NAMES.get(type(kind), str(kind)), meanings.get(name, ""))
        for name, kind in table.schema.items()
    ]
    return {"verdicts": list(counted.iter_rows()), "columns": columns}
