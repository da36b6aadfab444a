"""Sets of personas that are made the same way every time, under a name.

`persona-1586` is as many personas as PERSONA's (Castricato et al., 2024, arXiv:2407.17387), of all ages, with
its 33 attributes and ours, split by persona into 1,000 for training and 586 for testing.
"""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from populace.canonical import content_hash
from populace.errors import DataError
from populace.personas.frames import Personas, build
from populace.personas.rules import broken_rules
from populace.personas.validation import checked_seed
from populace.population import build as build_population

__all__ = ["PRESETS", "persona_1586", "preset", "readme"]

_PERSONAS, _TRAIN = 1586, 1000
_DRAWN = 1750
"""People drawn: enough for those removed by the rules, those left out and those equal to another."""
_LEFT_OUT = (
    "law-without-college",
    "science-without-college",
    "practitioner-without-diploma",
    "teaching-without-diploma",
    "engineering-without-diploma",
    "flying-without-diploma",
)
"""Soft rules whose breakers are left out: work that takes years of study, and little schooling."""
_DIFFERENCES = (
    "The paper does not say which PUMS vintage, weights and geography it drew from. Ours are drawn from the "
    "tables of us-2024, fitted to the 2024 ACS 1-year PUMS, every state, by weight.",
    "The paper adds attributes to census fields and lets GPT-4 remove the about 8.5 % that it finds "
    "inconsistent. Here attributes are drawn given the ones before, and named rules remove what "
    "contradicts itself. Left out as well is whoever does work that takes years of study with little "
    "schooling (a nurse with eight grades): census records have a few, and in a set made to be read they "
    "mislead. Both counts are in the provenance.",
    "The paper's open-ended attributes were written by GPT-4. Here texts come from lists written for this "
    "project, and opinions from models of survey data.",
    "Minors have no ideology, party, religion or scored traits: no survey asked them. Of the paper's 1,000 "
    "public personas 815 are adults; minors among those quoted publicly have a religion and traits.",
    "Attributes are added: Hispanic origin, state, ten basic values and core values. What the 2024 extract "
    "does not release is null (ancestry, country of birth).",
    "The paper gives 1,586 personas, and in its conclusion 1,000 for training and 568 for testing, which "
    "are 1,568; 1,000 and 586 fit, and 1,000 are public. Ours are 1,000 and 586.",
)


def persona_1586(seed: int = 0) -> Personas:
    """Make 1,586 personas as in the paper, split by persona.

    Parameters
    ----------
    seed
        Of every draw. The same seed gives the same bytes on any machine.

    Returns
    -------
    Personas
        With a column `split`: `train` for the 1,000 personas whose hash with the seed is smallest, `test` for
        the others. The weights sum to the people of the United States. The provenance says under `preset`
        where we differ from the paper, and whom it leaves out (`left_out`: how many of those drawn broke each
        soft rule about learned work with little schooling).

    Examples
    --------
    >>> made = persona_1586()
    >>> len(made), made.frame["split"].value_counts(sort=True).rows()
    (1586, [('train', 1000), ('test', 586)])
    """
    seed = checked_seed(seed)
    people = build_population("us-2024", size=_DRAWN, seed=seed)
    built = build(people, seed=seed, adults=False)
    odd = broken_rules(built.frame, "soft").select(_LEFT_OUT)
    left_out = {name: count for name, count in odd.sum().row(0, named=True).items() if count}
    fitting = built.frame.filter(~odd.select(pl.any_horizontal(pl.all())).to_series())
    if fitting.height < _PERSONAS:
        what = (
            f"{fitting.height:,} different personas came of {_DRAWN:,} people, and {_PERSONAS:,} are wanted"
        )
        raise DataError(what, fix="see which rules removed them")
    frame = fitting.head(_PERSONAS)
    # fsum: exact, so the same on every machine.
    scale = people.provenance.stands_for / math.fsum(frame["weight"])
    frame = frame.with_columns(pl.col("weight") * scale, _split(frame["persona_id"], seed))
    minors = int((frame["age"] < 18).sum())
    preset: dict[str, Any] = {
        "name": "persona-1586",
        "paper": "Castricato et al. (2024), PERSONA, arXiv:2407.17387",
        "personas": _PERSONAS,
        "minors": minors,
        "left_out": left_out,
        "split": {
            "train": _TRAIN,
            "test": _PERSONAS - _TRAIN,
            "rule": "train: the personas whose BLAKE2b of [name, seed, persona_id] is smallest",
        },
        "differences": list(_DIFFERENCES),
    }
    kept = {**built.provenance, "drawn": fitting.height, "personas": _PERSONAS, "preset": preset}
    return Personas(frame, kept)


PRESETS = {"persona-1586": persona_1586}
"""Every preset by name."""


def preset(name: str, seed: int = 0) -> Personas:
    """Make a preset by its name.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    if name not in PRESETS:
        raise DataError(f"there is no preset '{name}'", fix=f"use one of {', '.join(PRESETS)}")
    return PRESETS[name](seed)


def readme(personas: Personas) -> str:
    """Describe a preset in Markdown: what it is, how it was made, where it differs from the paper.

    Raises
    ------
    DataError
        If the personas are of no preset.
    """
    made = personas.provenance.get("preset")
    if made is None:
        raise DataError("these personas were not made by a preset", fix="make them with a preset")
    from_ = personas.provenance
    split, population = made["split"], from_["population"]
    removed = {rule: count for rule, count in from_["removed"].items() if count}
    differences = "\n".join(f"- {each}" for each in made["differences"])
    return f"""# {made["name"]}

{made["personas"]:,} personas, {made["minors"]:,} of them under 18, after {made["paper"]}.

- Made by populace {from_["populace"]}, seed {from_["seed"]}: the same seed gives the same file.
- People: {population["source"]}, {population["citation"]} ({population["licence"]}).
- {from_["people"]:,} people drawn; {sum(removed.values())} removed by the rules {removed or ""};
  {from_["merged"]} equal to another; left out for learned work with little schooling
  {made["left_out"] or "nobody"}; the first {made["personas"]:,} of the {from_["drawn"]:,} left are kept.
- `split`: {split["train"]:,} train, {split["test"]:,} test. {split["rule"].capitalize()}.
- `weight` sums to the {population["stands_for"]:,.0f} people that the source stands for.
- Hash of the ids in order: `{content_hash(personas.frame["persona_id"].to_list())}`.

## Where it differs from the paper

{differences}
"""


def _split(ids: pl.Series, seed: int) -> pl.Series:
    """Which personas are for training: by hash, so that their order in the file does not matter."""
    hashes = [content_hash(["persona-1586", seed, each]) for each in ids]
    last = sorted(hashes)[_TRAIN - 1]
    return pl.Series("split", ["train" if each <= last else "test" for each in hashes])
