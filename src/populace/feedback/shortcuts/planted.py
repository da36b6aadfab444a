"""Planted feedback: pairs and judgements whose one fault is known, to hold the audits to it.

People have a taste: partly of their group (sex and ideology), partly their own. Answers have a quality, which
everybody likes, and a style, which tastes differ about. The honest judge's log-odds are what quality and
taste say, with a little noise and a slight lean to the first place. A cheat changes one thing:

| cheat | what it does |
|---|---|
| `longer` | the judge prefers the longer answer |
| `revision` | the judge prefers the revision |
| `first` | the judge prefers the answer shown first |
| `coin` | the judge tosses a coin each time it is asked |
| `nobody` | the judge looks at the quality alone, whoever it plays |
| `stereotype` | the judge knows the group's taste alone |
| `flatterer` | one of the answers repeats the author's description, and the author prefers it |
| `parrot` | revisions repeat the author's description; the judge is honest |
| `leak` | revisions name the author's religion and state; the judge is honest |
| `stock` | half of the revisions are one of five stock texts; the judge is honest |
"""

from __future__ import annotations

from typing import Literal, get_args

import msgspec
import numpy as np
import polars as pl

from populace.feedback.judging import verdict
from populace.personas.schema import attribute
from populace.streams import stream

__all__ = ["CHEATS", "Cheat", "Planted", "plant"]

Cheat = Literal[
    "honest",
    "longer",
    "revision",
    "first",
    "coin",
    "nobody",
    "stereotype",
    "flatterer",
    "parrot",
    "leak",
    "stock",
]
CHEATS: tuple[Cheat, ...] = get_args(Cheat)

_STYLES = 4
_GAIN = 3.0
"""Log-odds of a difference in utility of one standard deviation."""
_QUALITY, _GROUP, _TAILORED, _NOISE, _LEAN = 0.6, 0.6, 0.3, 0.5, 0.3
_SURE = 3.0
"""Log-odds of a cheat that has made up its mind."""
_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u")]
_VOCABULARY = 900

Floats = np.ndarray


class Planted(msgspec.Struct, frozen=True, eq=False):
    """The four tables that `audit_findings` reads."""

    pairs: pl.DataFrame
    judgements: pl.DataFrame
    personas: pl.DataFrame
    profiles: dict[str, str]


def plant(
    cheat: Cheat = "honest",
    *,
    people: int = 60,
    pairs_each: int = 4,
    strangers: int = 3,
    prompts: int = 80,
    strength: float = 0.95,
    seed: int = 0,
) -> Planted:
    """Make a feedback set with one fault.

    Parameters
    ----------
    strength
        Share of judgements that a cheating judge makes by its cheat; the others are honest.

    Examples
    --------
    >>> one = plant("longer", people=10, pairs_each=2, strangers=1, seed=3)
    >>> one.pairs.height, one.judgements.height, len(one.profiles)
    (20, 60, 10)
    """
    if cheat not in CHEATS:
        raise ValueError(f"there is no cheat '{cheat}'; use one of {', '.join(CHEATS)}")
    rng = stream(seed, "feedback.shortcuts.planted")
    personas = _personas(people, rng)
    profiles = {row["persona_id"]: _profile(row, rng) for row in personas.iter_rows(named=True)}
    pairs = _pairs(cheat, personas, profiles, pairs_each, prompts, rng)
    judged = _judged(cheat, pairs, personas, strangers, strength, rng)
    return Planted(pairs, judged, personas, profiles)


def _personas(people: int, rng: np.random.Generator) -> pl.DataFrame:
    drawn = {
        name: rng.choice(np.array(attribute(name).values), size=people)
        for name in ("sex", "race", "education", "ideology", "political_views", "religion", "state")
    }
    ids = [f"persona {at:05d}" for at in range(people)]
    columns = {"persona_id": ids, "age": rng.integers(18, 90, size=people), **drawn}
    return pl.DataFrame(columns).with_columns(pl.lit("Not Hispanic").alias("hispanic_origin"))


def _profile(row: dict[str, object], rng: np.random.Generator) -> str:
    habit = " ".join(_text(6, rng))
    return (
        f"You are a {row['age']}-year-old living in {row['state']}. Your religion is {row['religion']} and"
        f" your politics are {row['ideology']}. You are known for {habit}."
    )


def _text(size: int, rng: np.random.Generator) -> list[str]:
    numbers = rng.integers(_VOCABULARY, size=size).tolist()
    count = len(_SYLLABLES)
    return [
        _SYLLABLES[n % count] + _SYLLABLES[(n // count * 7 + n) % count] + "n" * (n // count % 2)
        for n in numbers
    ]


def _pairs(
    cheat: Cheat,
    personas: pl.DataFrame,
    profiles: dict[str, str],
    pairs_each: int,
    prompts: int,
    rng: np.random.Generator,
) -> pl.DataFrame:
    asked = [" ".join(_text(12, rng)) + "?" for _ in range(prompts)]
    answered = [_text(int(size), rng) for size in rng.integers(20, 60, size=prompts)]
    stock = [_text(40, rng) for _ in range(5)]
    rows = []
    order = rng.permutation(prompts)
    for at in range(personas.height * pairs_each):
        author = personas.row(at // pairs_each, named=True)
        prompt = int(order[at % prompts])
        original = answered[prompt]
        revision = original[:10] + _text(int(rng.integers(10, 50)), rng)
        original, revision = _worded(cheat, original, revision, author, profiles, stock, rng)
        rows.append(
            {
                "pair_id": f"pair {at:07d}",
                "prompt_id": f"prompt {prompt:05d}",
                "author_id": author["persona_id"],
                "prompt": asked[prompt],
                "original": " ".join(original),
                "critique": "",
                "revision": " ".join(revision),
                "original_words": len(original),
                "revision_words": len(revision),
                "original_cut": False,
                "revision_cut": False,
                "identical": False,
                "model": "planted",
            }
        )
    return pl.DataFrame(rows)


def _worded(
    cheat: Cheat,
    original: list[str],
    revision: list[str],
    author: dict[str, str],
    profiles: dict[str, str],
    stock: list[list[str]],
    rng: np.random.Generator,
) -> tuple[list[str], list[str]]:
    """Change the answers as the cheat does."""
    told = profiles[author["persona_id"]].split()
    if cheat == "parrot" or (cheat == "flatterer" and rng.random() < 0.5):
        return original, revision + told
    if cheat == "flatterer":
        return original + told, revision
    if cheat == "leak":
        return original, [*revision, "as", "a", author["religion"], "from", author["state"]]
    if cheat == "stock" and rng.random() < 0.5:
        return original, stock[int(rng.integers(len(stock)))]
    return original, revision


def _judged(
    cheat: Cheat,
    pairs: pl.DataFrame,
    personas: pl.DataFrame,
    strangers: int,
    strength: float,
    rng: np.random.Generator,
) -> pl.DataFrame:
    people, n = personas.height, pairs.height
    author = np.repeat(np.arange(people), n // people)
    # Everybody sits in a circle, each pair goes to its author and to strangers at steps drawn for it.
    steps = np.stack([rng.choice(np.arange(1, people), size=strangers, replace=False) for _ in range(n)])
    seats = np.concatenate([np.full((n, 1), -1), author[:, None], (author[:, None] + steps) % people], axis=1)
    persona, pair = seats.ravel(), np.repeat(np.arange(n), strangers + 2)
    role = np.tile(["nobody", "author", *["stranger"] * strangers], n)
    utility = _utility(cheat, persona, pair, personas, author, strength, rng)
    forward, backward = _odds(cheat, utility, pairs, pair, role, strength, rng)
    rows = pl.DataFrame(
        {
            "persona_id": pl.Series([None, *personas["persona_id"]], dtype=pl.String).gather(persona + 1),
            "role": role,
            "way": "choice",
            "p_original_first": 1 / (1 + np.exp(-forward)),
            "p_revision_first": 1 / (1 + np.exp(-backward)),
            "p": 1 / (1 + np.exp(-(forward + backward) / 2)),
            "failed": False,
        }
    )
    rows = pairs.select("pair_id", "prompt_id", "identical")[pair].hstack(rows)
    return rows.with_columns(verdict(0.01), pl.lit("planted").alias("judge")).drop("identical", "failed")


def _utility(
    cheat: Cheat,
    persona: Floats,
    pair: Floats,
    personas: pl.DataFrame,
    author: Floats,
    strength: float,
    rng: np.random.Generator,
) -> Floats:
    """Difference in utility of revision and original, before each judgement."""
    alike = personas.select(
        pl.struct("sex", pl.col("ideology").str.to_lowercase().str.split(" ").list.last()).rank("dense")
    )
    group = alike.to_series().to_numpy().astype(np.int64)
    tastes = rng.normal(size=(int(group.max()) + 1, _STYLES))[group]
    taste = _GROUP * tastes + np.sqrt(1 - _GROUP**2) * rng.normal(size=tastes.shape)
    quality = rng.normal(size=len(author))[pair]
    style = (rng.normal(size=(len(author), _STYLES)) + _TAILORED * taste[author])[pair]
    liked, expected = ((style * each[persona]).sum(axis=1) / np.sqrt(_STYLES) for each in (taste, tastes))
    utility = _QUALITY * quality + np.where(persona < 0, 0.0, liked)
    if cheat not in ("nobody", "stereotype"):
        return utility
    cheating = quality if cheat == "nobody" else expected
    # Nobody has no group: there the stereotype judges honestly.
    by_cheat = (rng.random(len(pair)) < strength) & ((persona >= 0) | (cheat == "nobody"))
    return np.where(by_cheat, cheating, utility)


def _odds(
    cheat: Cheat,
    utility: Floats,
    pairs: pl.DataFrame,
    pair: Floats,
    role: Floats,
    strength: float,
    rng: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Log-odds of the revision, with the original shown first and with the revision shown first."""
    noise = rng.normal(scale=_NOISE, size=(2, len(utility)))
    honest = _GAIN * utility - _LEAN + noise[0], _GAIN * utility + _LEAN + noise[1]
    one = np.ones(len(utility))
    if cheat == "longer":
        more = np.sign((pairs["revision_words"] - pairs["original_words"]).to_numpy())[pair]
        forward, backward = _SURE * more, _SURE * more
    elif cheat == "revision":
        forward, backward = _SURE * one, _SURE * one
    elif cheat == "first":
        forward, backward = -_SURE * one, _SURE * one
    elif cheat == "coin":
        forward, backward = _SURE * rng.choice([-1.0, 1.0], size=(2, len(utility)))
    elif cheat == "flatterer":
        told = pairs["revision"].str.contains("You are known for", literal=True).to_numpy()[pair]
        mine = role == "author"
        forward, backward = (np.where(mine, _SURE * np.where(told, 1, -1), each) for each in honest)
    else:
        return honest
    own = rng.random(len(utility)) >= strength
    return (
        np.where(own, honest[0], forward + noise[0] * 0.2),
        np.where(own, honest[1], backward + noise[1] * 0.2),
    )
