"""Pairs for people to judge: an Argilla dataset folder and a Label Studio import folder.

A record is one persona before one pair: who the person is, the question, and two answers. Every judgement
goes out, ties and refusals too, because the machine's verdict is what people are to check. Which answer
stands first is drawn by a hash of seed, persona and pair, so that nobody can learn that the second is the
revision; it is kept as `first`, out of sight of annotators, beside the machine's verdict. Argilla shows the
verdict as a suggestion only on request, since people follow what they are shown. Label Studio is given none:
its interface writes a pairwise result in one way and its checks of imported predictions want another.

Argilla's folder is what `rg.Dataset.from_disk` reads (SDK 2.8): `.argilla/settings.json`,
`.argilla/dataset.json` and `records.json`. Label Studio takes `config.xml` as the labelling interface and
each `tasks-*.json` as one import: a request may hold 250,000 tasks and 200 MB, so tasks come in files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from populace.atomic import write_atomic
from populace.canonical import canonical_bytes, content_hash
from populace.errors import DataError
from populace.feedback.forms import Written, people, profile_of
from populace.feedback.whole import whole_folder, write_array

__all__ = ["LABEL_STUDIO_CONFIG", "write_argilla", "write_label_studio"]

GUIDELINES = """\
Read who the person is. Then choose the answer that this person would rather be given, not the one that you \
prefer. If the person would have no preference, say so; if you cannot tell, say that.\
"""

_VERDICTS = {"tie": "tie", "refused": None, "failed": None}
_HIDDEN = ("persona_id", "prompt_id", "pair_id", "split", "persona_split", "judge", "verdict")
_UNSEEN = ("verdict", "first", "probability")
"""What would lead people who judge: the machine's verdict, and which answer is the first."""
_TASKS = 20_000
"""Tasks of one import file; with long personas some 100 MB."""

Row = dict[str, Any]


class _Record(NamedTuple):
    id: str
    shown: Row
    """persona, prompt, answer_1, answer_2."""
    beside: Row
    """Ids, the machine's verdict, which answer stands first, and who the person is."""
    suggested: str | None
    """1, 2, tie; None where the machine refused."""
    score: float | None
    """The machine's probability of what it suggests."""


def _records(
    table: pl.DataFrame, profiles: Mapping[str, str], personas: pl.DataFrame | None, seed: int
) -> Iterator[_Record]:
    for name in ("original", "revision"):
        if name not in table.columns:
            raise DataError("this column is missing", column=name, fix="make the table with `preferences`")
    known = people(personas)

    @cache
    def profile(persona_id: str) -> str:
        return profile_of(profiles, persona_id)

    for row in table.iter_rows(named=True):
        names = ["original", "revision"]
        key = content_hash([row["persona_id"], row["pair_id"], row["judge"]])
        if int(content_hash([seed, row["persona_id"], row["pair_id"]], size=1), 16) & 1:
            names.reverse()
        shown = {
            "persona": profile(row["persona_id"]),
            "prompt": row["prompt"],
            "answer_1": row[names[0]],
            "answer_2": row[names[1]],
        }
        beside = {name: row[name] for name in _HIDDEN if name in row}
        beside |= {"first": names[0], "probability": row["probability"]}
        verdict = row["verdict"]
        suggested = _VERDICTS[verdict] if verdict in _VERDICTS else str(1 + names.index(verdict))
        score = row["probability"] if suggested in ("1", "2") else None
        yield _Record(key, shown, beside | known.get(row["persona_id"], {}), suggested, score)


def write_argilla(
    folder: Path,
    table: pl.DataFrame,
    profiles: Mapping[str, str],
    personas: pl.DataFrame | None = None,
    *,
    seed: int = 0,
    suggest: bool = False,
    title: str = "preferences",
) -> Written:
    """Write a folder that `rg.Dataset.from_disk(folder, client=...)` reads.

    Parameters
    ----------
    folder
        Created if missing. Files of an earlier export are replaced.
    table
        Output of `feedback.export.preferences`.
    profiles, personas
        Description of each persona by `persona_id`; the personas table, for metadata.
    seed
        Of which answer stands first.
    suggest
        Show people the machine's verdict.
    title
        Name of the dataset in Argilla.
    """
    name = re.sub(r"[^a-zA-Z0-9_-]+", "-", title).strip("-_") or "preferences"
    settings = _settings(table, personas)
    dataset = {"name": name, "status": "draft", "guidelines": GUIDELINES, "allow_extra_metadata": True}
    rows = (_argilla(each, suggest) for each in _records(table, profiles, personas, seed))
    with whole_folder(folder) as beside:
        write_atomic(beside / ".argilla" / "settings.json", canonical_bytes(settings))
        write_atomic(beside / ".argilla" / "dataset.json", canonical_bytes(dataset))
        count = write_array(beside / "records.json", rows)
    return Written(count, {})


def _argilla(record: _Record, suggest: bool) -> Row:
    suggestions = {}
    if suggest and record.suggested:
        suggestions["preference"] = {
            "value": record.suggested,
            "score": record.score,
            "agent": _agent(record.beside["judge"]),
        }
    # Argilla knows no null: what is missing is absent.
    metadata = {name: value for name, value in record.beside.items() if value is not None}
    return {
        "id": record.id,
        "fields": record.shown,
        "metadata": metadata,
        "suggestions": suggestions,
        "responses": {},
        "vectors": {},
    }


def _agent(judge: str) -> str:
    """Name a model as Argilla allows: letters, digits and a few signs, at most 200."""
    return re.sub(r"[^a-zA-Z0-9\-_:./]+", "-", judge).strip("-_:./")[:200] or "model"


def _settings(table: pl.DataFrame, personas: pl.DataFrame | None) -> Row:
    titles = {"persona": "The person", "prompt": "Question", "answer_1": "Answer 1", "answer_2": "Answer 2"}
    fields = [
        {"name": name, "title": title, "required": True, "settings": {"type": "text", "use_markdown": False}}
        for name, title in titles.items()
    ]
    options = {"1": "Answer 1", "2": "Answer 2", "tie": "No preference", "unsure": "I cannot tell"}
    questions = [
        {
            "name": "preference",
            "title": "Which answer would this person rather be given?",
            "required": True,
            "settings": {
                "type": "label_selection",
                "options": [{"value": value, "text": text} for value, text in options.items()],
                "visible_options": len(options),
            },
        },
        {
            "name": "reason",
            "title": "Why?",
            "required": False,
            "settings": {"type": "text", "use_markdown": False},
        },
    ]
    return {
        "guidelines": GUIDELINES,
        "fields": fields,
        "questions": questions,
        "metadata": [*_metadata(table, personas)],
        "vectors": [],
        "allow_extra_metadata": True,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
    }


def _metadata(table: pl.DataFrame, personas: pl.DataFrame | None) -> Iterator[Row]:
    def described(name: str, kind: str, visible: bool) -> Row:
        settings = {"type": kind, "visible_for_annotators": visible}
        title = name.replace("_", " ").capitalize()
        return {"name": name, "title": title, "settings": settings, "visible_for_annotators": visible}

    for name in _HIDDEN:
        if name in table.columns:
            yield described(name, "terms", False)
    yield described("first", "terms", False)
    yield described("probability", "float", False)
    names = next(iter(people(personas).values()), {})
    for name in names:
        whole = personas is not None and personas.schema[name].is_integer()
        yield described(name, "integer" if whole else "terms", True)


LABEL_STUDIO_CONFIG = """\
<View>
  <Header value="The person" size="4"/>
  <Text name="persona" value="$persona"/>
  <Header value="Question" size="4"/>
  <Text name="prompt" value="$prompt"/>
  <Header value="Which answer would this person rather be given? Click on it." size="4"/>
  <Pairwise name="preference" toName="answer_1,answer_2"/>
  <View style="display: flex; gap: 1em;">
    <View style="flex: 1;"><Text name="answer_1" value="$answer_1"/></View>
    <View style="flex: 1;"><Text name="answer_2" value="$answer_2"/></View>
  </View>
  <Choices name="undecided" toName="prompt" choice="single-radio" showInline="true">
    <Choice value="No preference"/>
    <Choice value="I cannot tell"/>
  </Choices>
  <TextArea name="reason" toName="prompt" placeholder="Why?" rows="2" maxSubmissions="1"/>
</View>
"""
"""Labelling interface: pairwise choice (left is answer 1), and what to say without one."""


def write_label_studio(
    folder: Path,
    table: pl.DataFrame,
    profiles: Mapping[str, str],
    personas: pl.DataFrame | None = None,
    *,
    seed: int = 0,
) -> Written:
    """Write `config.xml` and numbered files of tasks.

    Parameters
    ----------
    folder
        Created if missing. Task files of an earlier export that are no longer needed are removed.
    table, profiles, personas, seed
        As for `write_argilla`.
    """
    tasks = (_task(each) for each in _records(table, profiles, personas, seed))
    files = max(1, -(-table.height // _TASKS))
    count = 0
    with whole_folder(folder, lambda name: bool(re.fullmatch(r"tasks-\d{5}-of-\d{5}\.json", name))) as beside:
        write_atomic(beside / "config.xml", LABEL_STUDIO_CONFIG.encode())
        for number in range(files):
            name = f"tasks-{number:05}-of-{files:05}.json"
            count += write_array(beside / name, islice(tasks, _TASKS))
    return Written(count, {})


def _task(record: _Record) -> Row:
    seen = {name: value for name, value in record.beside.items() if name not in _UNSEEN}
    # Each key of `data` is a column of the table that annotators see; `meta` is none.
    meta = {name: record.beside[name] for name in _UNSEEN if name in record.beside}
    return {"data": {"record_id": record.id, **record.shown, **seen}, "meta": meta}
