"""Import of the public PERSONA release: our pairs, personas and prompts, and an account of what did not fit.

The release (`SynthLabsAI/PERSONA`, gated: give the files that you downloaded) has a row a pair: `persona` (a
text), `instruction`, `original` (the answer of nobody), `data` (the rewrite), `critique`, `question type`
(train or test). It has no ids: a persona is its text, on 200 rows one after the other.

The files are read twice, some thousand rows at a time: first for who and what there is, then for the pairs.
Memory holds the different persona texts, the different instructions and 16 bytes a pair, so it grows with
what the release is, not with how long its answers are.

A pair's `split` is that of `feedback.policies`: `train`; `test`, its question training elsewhere; `held_out`,
its question training nowhere. The release writes test for the last two.

**No row of the release was judged.** The paper calls the rewrite `chosen` because it is the rewrite. So no
table of judgements comes out: the pairs are to be judged, by `populace` or by people.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.canonical import content_hash
from populace.errors import DataError
from populace.feedback.pairs import ANSWER, PAIR_SCHEMA, REVISION
from populace.feedback.release_files import Batch, Shard, batches, open_release
from populace.feedback.release_people import BLOCK, Blocks, Run, blocks, import_texts
from populace.feedback.release_report import Counter, ReleaseReport
from populace.feedback.whole import sink_parquet, whole_folder
from populace.personas import Personas
from populace.prompts import SCHEMA as PROMPT_SCHEMA
from populace.prompts.records import clean

__all__ = ["import_release"]

MODEL = "GPT-4 (the paper; version not stated)"
LICENCE = "CC-BY-NC-SA-4.0"
SOURCE = "SynthLabsAI/PERSONA"
NOTHING = frozenset({"", "nan", "none", "null", "n/a", "<na>"})
"""Texts, in lower case, that stand for no text."""
_FIRST_PASS = ("persona", "instruction", "question type")
_PASS = ("persona", "instruction", "original", "data", "critique", "question type")


class _Known(msgspec.Struct):
    """What the first pass finds."""

    rows: int = 0
    texts: dict[str, int] = msgspec.field(default_factory=dict)
    """Persona text -> its number."""
    first: list[int] = msgspec.field(default_factory=list)
    """First row of each text."""
    runs: list[Run] = msgspec.field(default_factory=list)
    raw: dict[str, str] = msgspec.field(default_factory=dict)
    """Instruction as written -> cleaned."""
    prompts: dict[str, str] = msgspec.field(default_factory=dict)
    """Cleaned instruction -> `prompt_id`."""
    trained: set[str] = msgspec.field(default_factory=set)
    """Cleaned instructions of training rows."""
    tested: set[str] = msgspec.field(default_factory=set)
    """Cleaned instructions of test rows."""


def import_release(path: str | Path, out: str | Path) -> ReleaseReport:
    """Read the release into a folder: `pairs`, `personas` and `prompts.parquet`, two reports as JSON.

    Parameters
    ----------
    path
        `.parquet`, `.csv` or `.jsonl`, or a folder of shards of one kind, read in the order of their names.
    out
        Folder to write, whole or not at all.

    Returns
    -------
    ReleaseReport
        What was read, what was left out and what is odd; `report.personas` is the account of every persona
        value that was read otherwise than written.

    Raises
    ------
    DataError
        If a file is missing, broken, of another kind or without a needed column, or no row is a pair.
    """
    source, shards = Path(path), open_release(path)
    out = Path(out)
    if out.resolve() == source.resolve():
        raise DataError("the release would be written over", file=out, fix="give another folder")
    known = _first_pass(shards)
    if not known.texts:
        raise DataError("no row has a persona", file=source, column="persona")
    hashes = [(shard.path.name, shard.hash()) for shard in shards]
    hash_ = hashes[0][1] if source.is_file() else content_hash(hashes)
    people, account, ids = import_texts(list(known.texts), known.first, source, hash_)
    counter = Counter()
    with whole_folder(out) as beside:
        frames = _pairs(shards, known, ids, counter)
        sink_parquet(beside / "pairs.parquet", frames, PAIR_SCHEMA)
        if not counter.pairs:
            raise DataError(
                "no row holds two answers", file=source, fix="check the columns original and data"
            )
        people.save(beside / "personas.parquet")
        _prompts(known).write_parquet(beside / "prompts.parquet", compression="zstd")
        fitted = blocks(known.runs)
        report = counter.report(
            source.name,
            tuple(hashes),
            known.rows,
            account,
            personas=len(people),
            texts=len(known.texts),
            prompts=len(known.prompts),
            fitted=_fitted(fitted, known, people),
        )
        report.save(beside / "report.json")
        account.save(beside / "personas_report.json")
    return report


def _first_pass(shards: list[Shard]) -> _Known:
    known = _Known()
    for batch in batches(shards, _FIRST_PASS):
        _personas(known, batch)
        columns = batch.frame.select("instruction", "question type").unique(maintain_order=True)
        for raw, split in columns.iter_rows():
            if _nothing(raw):
                continue
            text = known.raw.setdefault(raw, clean(raw))
            known.prompts.setdefault(text, "")
            if kind := _split(split):
                (known.trained if kind == "train" else known.tested).add(text)
        known.rows += batch.frame.height
    known.prompts = {text: content_hash(text) for text in known.prompts}
    return known


def _personas(known: _Known, batch: Batch) -> None:
    row = batch.row
    for run in batch.frame["persona"].rle().to_list():
        text, length = run["value"], run["len"]
        if not _nothing(text):
            if text not in known.texts:
                known.texts[text] = len(known.texts)
                known.first.append(row)
            number = known.texts[text]
            last = known.runs[-1] if known.runs else None
            # A run goes on over the end of a batch or a shard.
            if last and last.text == number and last.row + last.rows == row:
                known.runs[-1] = last._replace(rows=last.rows + length)
            else:
                known.runs.append(Run(number, row, length))
        row += length


def _pairs(shards: list[Shard], known: _Known, ids: list[str], counter: Counter) -> Iterator[pl.DataFrame]:
    authors = dict(zip(known.texts, ids, strict=True))
    for batch in batches(shards, _PASS):
        rows = []
        for place, row in enumerate(batch.frame.iter_rows()):
            made = _pair(row, known, authors, counter, batch.row + place)
            if made:
                rows.append(made)
        yield pl.DataFrame(rows, schema=PAIR_SCHEMA)


def _pair(
    row: tuple[str | None, ...], known: _Known, authors: dict[str, str], counter: Counter, number: int
) -> dict[str, Any] | None:
    """One row of the release as a pair; None where it is none, which is counted."""
    persona, instruction, original, revision, critique, question_type = row
    for column, text in zip(_PASS[:5], row, strict=False):
        counter.text(column, text, number, nan=text is not None and _nothing(text) and bool(text.strip()))
    if persona is None or instruction is None or original is None or revision is None:
        return counter.left()
    if any(_nothing(text) for text in (persona, instruction, original, revision)):
        return counter.left()
    author, prompt = authors[persona], known.raw[instruction]
    prompt_id, original, revision = known.prompts[prompt], original.strip(), revision.strip()
    pair_id = content_hash([prompt_id, author, MODEL, original, revision])
    if not counter.new(pair_id, number):
        return None
    split = _split(question_type)
    if split == "test" and prompt not in known.trained:
        split = "held_out"
    words = len(original.split()), len(revision.split())
    same = original == revision
    counter.pair(author, prompt_id, prompt, number, (split, same, words))
    return {
        "pair_id": pair_id,
        "prompt_id": prompt_id,
        "author_id": author,
        "prompt": prompt,
        "original": original,
        "critique": None if critique is None or _nothing(critique) else critique.strip(),
        "revision": revision,
        "original_words": words[0],
        "revision_words": words[1],
        # The release does not say whether an answer was cut short.
        "original_cut": None,
        "revision_cut": None,
        "identical": same,
        "model": MODEL,
        "split": split,
        "original_origin": ANSWER,
        "revision_origin": REVISION,
        "revision_model": MODEL,
    }


def _prompts(known: _Known) -> pl.DataFrame:
    def split(text: str) -> str | None:
        # Where no row of a question says what it is for, nothing is claimed.
        return "train" if text in known.trained else "test" if text in known.tested else None

    rows = [(key, text, None, None, SOURCE, LICENCE, split(text)) for text, key in known.prompts.items()]
    return pl.DataFrame(rows, schema=PROMPT_SCHEMA, orient="row")


def _fitted(fitted: Blocks, known: _Known, people: Personas) -> dict[str, tuple[str, list[int]]]:
    """Oddities of the blocks: name -> what it is, and the rows."""
    merged = len(known.texts) - len(people)
    found = {
        "uneven-blocks": (
            f"runs of a persona's rows that fit no block of {BLOCK}",
            [run.row for run in fitted.uneven],
        ),
        "persona-changes-in-block": (
            f"the persona's text changes within {BLOCK} rows; each text is read as a persona",
            [run.row for run in fitted.changing],
        ),
        "persona-returns": (
            "a persona's text comes again after another's",
            [run.row for run in fitted.returning],
        ),
    }
    if merged:
        found["read-alike"] = (
            f"{merged} persona texts are read like an earlier one: one persona",
            [known.first[0]] * merged,
        )
    return found


def _nothing(text: str | None) -> bool:
    return text is None or text.strip().lower() in NOTHING


def _split(question_type: str | None) -> str | None:
    """Train or test; None where the release says neither."""
    said = (question_type or "").strip().lower()
    return said if said in ("train", "test") else None
