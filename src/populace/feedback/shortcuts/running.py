"""All audits of a feedback set: `audit_findings`.

Audits of verdicts are made for each judge; those of texts (leakage, parroting, near duplicates) once. A
cheat of one kind makes other audits fail as well: a judge that looks at lengths ignores the persona too. Such
failures stand, and name the audit that implies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.feedback.shortcuts.answers import Answers, Vocabulary, read_answers
from populace.feedback.shortcuts.consistency import self_consistency
from populace.feedback.shortcuts.demographic import same_demographic_stranger
from populace.feedback.shortcuts.duplicates import near_duplicates
from populace.feedback.shortcuts.finding import Finding, Limits
from populace.feedback.shortcuts.leakage import attribute_leakage, named_values
from populace.feedback.shortcuts.length import length_only
from populace.feedback.shortcuts.nobody import no_persona
from populace.feedback.shortcuts.parroting import attribute_parroting, described, parroting_only
from populace.feedback.shortcuts.planted import Planted
from populace.feedback.shortcuts.position import position_only
from populace.feedback.shortcuts.shuffled import shuffled_persona
from populace.feedback.shortcuts.source import source_only
from populace.feedback.shortcuts.verdicts import Draws, Ints, Seats, read
from populace.feedback.verdicts import main_way, ways_of
from populace.feedback.wording import Wording, wording

__all__ = ["AUDITS", "IMPLIES", "audit_findings", "seated"]

_PERSONA = ("no-persona", "shuffled-persona", "same-demographic-stranger")
IMPLIES = {
    "length-only": _PERSONA,
    "source-only": _PERSONA,
    "position-only": ("self-consistency",),
    "no-persona": _PERSONA[1:],
    "shuffled-persona": _PERSONA[2:],
    "parroting-only": ("attribute-parroting", "attribute-leakage"),
    "attribute-parroting": ("attribute-leakage",),
}
"""Audit -> audits that fail with it: what knows no persona, or contradicts itself, or repeats values."""

_VERDICTS = (
    *("length-only", "source-only", "position-only", *_PERSONA),
    *("parroting-only", "self-consistency"),
)
_TEXTS = ("attribute-leakage", "attribute-parroting", "near-duplicates")
AUDITS = (*_VERDICTS, *_TEXTS)
"""Names of the audits in their order."""

_NEEDED = {
    "pairs": (
        *("pair_id", "author_id", "prompt", "original", "revision"),
        *("original_words", "revision_words", "identical"),
    ),
    "judgements": ("pair_id", "persona_id", "way", "p_original_first", "p_revision_first"),
    "personas": ("persona_id",),
}


def audit_findings(
    pairs: pl.DataFrame,
    judgements: pl.DataFrame,
    personas: pl.DataFrame,
    profiles: Mapping[str, str],
    *,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    limits: Limits | None = None,
    way: str | None = None,
    shared: Sequence[str] | None = None,
) -> list[Finding]:
    """Run every audit.

    Parameters
    ----------
    pairs, judgements, personas
        Tables as in `docs/design/main-job.md`. Several judges may stand in one table (column `judge`), and
        one may have judged a pair more than once. A pair may have no author (null).
    profiles
        Description of each persona by `persona_id`, as the judge was given it.
    draws, level, seed
        Of the cluster bootstrap.
    limits
        What the audits must stay below.
    way
        Way of judging that labels the pairs; if left out, the first of `verdicts.ways_of`.
    shared
        Groups (`populace.feedback.groups`) that strangers of one kind share; sex and ideology if left out.

    Returns
    -------
    list of Finding
        Judge by judge, then of the texts.

    Raises
    ------
    DataError
        If a column is missing, an id is unknown or double, or there is no judgement in that way.

    Examples
    --------
    >>> from populace.feedback.shortcuts import failed, plant
    >>> one = plant("longer", seed=1)
    >>> found = audit_findings(one.pairs, one.judgements, one.personas, one.profiles, draws=300)
    >>> [each.name for each in failed(found) if not each.implied_by]
    ['length-only']
    """
    _check(pairs=pairs, judgements=judgements, personas=personas)
    settings, limits = Draws(draws=draws, level=level, seed=seed), limits or Limits()
    way = way or main_way(judgements)
    if "judge" not in judgements.columns:
        judgements = judgements.with_columns(pl.lit(None, dtype=pl.String).alias("judge"))
    answers, authors = read_answers(pairs), _authors(pairs, personas)
    vocabulary = described(personas, profiles)
    texts = list(_of_texts(answers, authors, personas, vocabulary, settings, limits))
    findings: list[Finding] = []
    for judge in judgements["judge"].unique(maintain_order=True):
        theirs = judgements.filter(pl.col("judge").eq_missing(judge))
        if theirs.filter(way=way).is_empty():
            raise DataError(f"{judge or 'the judge'} judged nothing by {way}", fix="name another way")
        found = _of_verdicts(
            theirs, way, (pairs, personas, vocabulary), (answers, authors), settings, limits, shared
        )
        findings += [msgspec.structs.replace(one, judge=judge) for one in found]
    return _implied([_worded(one, wording(pairs)) for one in (*findings, *texts)])


def seated(one: Planted) -> tuple[Seats, Seats]:
    """Read a planted set: the personas' verdicts, and nobody's."""
    return _seats(one.pairs, one.judgements, one.personas["persona_id"], "choice")


def _seats(
    pairs: pl.DataFrame, judged: pl.DataFrame, persona_ids: pl.Series, way: str
) -> tuple[Seats, Seats]:
    """The personas' seats and nobody's, of one judge in one way."""
    rows = judged.filter(way=way)
    personas, nobody = (
        read(pairs, part, persona_ids, ordered=way != "likelihood")
        for part in (
            rows.filter(pl.col("persona_id").is_not_null()),
            rows.filter(pl.col("persona_id").is_null()),
        )
    )
    return personas, nobody


def _of_verdicts(
    judged: pl.DataFrame,
    way: str,
    people: tuple[pl.DataFrame, pl.DataFrame, Vocabulary],
    texts: tuple[Answers, Ints],
    settings: Draws,
    limits: Limits,
    shared: Sequence[str] | None,
) -> Iterator[Finding]:
    pairs, personas, vocabulary = people
    answers, authors = texts
    ids = personas["persona_id"]
    seats, nobody = _seats(pairs, judged, ids, way)
    others = {other: _seats(pairs, judged, ids, other)[0] for other in ways_of(judged) if other != way}
    yield length_only(pairs, seats, settings, limits.rule)
    yield source_only(seats, settings, limits.rule)
    yield position_only(seats, settings, limits.rule)
    yield no_persona(seats, nobody, settings, limits.reader)
    yield shuffled_persona(seats, settings, limits.reader)
    yield same_demographic_stranger(personas, seats, settings, limits.reader, shared=shared)
    yield parroting_only(answers, seats, authors, vocabulary, settings, limits.rule)
    yield self_consistency(seats, settings, limits.noise, others=others)


def _of_texts(
    answers: Answers,
    authors: Ints,
    personas: pl.DataFrame,
    vocabulary: Vocabulary,
    settings: Draws,
    limits: Limits,
) -> Iterator[Finding]:
    people = personas.height
    yield attribute_leakage(answers, authors, named_values(personas), people, settings, limits.text)
    yield attribute_parroting(answers, authors, vocabulary, people, settings, limits.text)
    # A pair without an author is of its prompt's cluster.
    clusters = np.where(authors >= 0, authors, people + answers.rows["prompt"])
    yield near_duplicates(answers, clusters, settings, limits.text)


def _worded(one: Finding, words: Wording) -> Finding:
    """Say what a shortcut is where no answer is a revision, and nobody an author."""
    owner = "the persona whom the prompt was drawn for"
    said = {
        "source-only": f"always {words.second} (or always {words.first})",
        "parroting-only": f"the answer that repeats more of the description of {owner}",
        "attribute-leakage": f"second answers name values of the attributes of {owner}",
        "attribute-parroting": f"second answers repeat runs of words of the description of {owner}",
    }
    if words.revised or one.name not in said:
        return one
    return msgspec.structs.replace(one, what=said[one.name])


def _authors(pairs: pl.DataFrame, personas: pl.DataFrame) -> Ints:
    """Row of each pair's author in the personas table; -1 where it has none."""
    places = personas.select(pl.col("persona_id").alias("author_id"), pl.int_range(pl.len()).alias("at"))
    at = pairs.select("author_id").join(places, on="author_id", how="left", maintain_order="left")
    lost = at.filter(pl.col("author_id").is_not_null() & pl.col("at").is_null())
    if lost.height:
        what = f"{lost['author_id'].n_unique()} authors are no personas, the first {lost['author_id'][0]}"
        raise DataError(what, column="author_id", fix="give the tables of the same run")
    return at["at"].fill_null(-1).to_numpy().astype(np.int64)


def _implied(findings: list[Finding]) -> list[Finding]:
    """Say of each failure which other failure of the same judge makes it one."""
    done: list[Finding] = []
    for one in findings:
        roots = [
            other.name
            for other in findings
            if other.passed is False
            and one.name in IMPLIES.get(other.name, ())
            and (one.judge is None or other.judge == one.judge)
        ]
        # An audit of texts is implied by whichever judge.
        implied = tuple(dict.fromkeys(roots)) if one.passed is False else ()
        done.append(msgspec.structs.replace(one, implied_by=implied))
    return done


def _check(**tables: pl.DataFrame) -> None:
    for name, table in tables.items():
        for column in _NEEDED[name]:
            if column not in table.columns:
                raise DataError(f"the table of {name} lacks this column", column=column)
    for name, column in (("pairs", "pair_id"), ("personas", "persona_id")):
        double = tables[name].filter(pl.col(column).is_duplicated())
        if double.height:
            raise DataError(f"{double[column][0]} stands twice in {name}", column=column)
    if tables["pairs"].is_empty():
        raise DataError("there are no pairs", fix="write pairs first")
