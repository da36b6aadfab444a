"""Gold pairs of `comparison` as tasks of lm-evaluation-harness: rows of JSON, and a YAML file each.

The harness asks a model for the likelihood of given texts and has no second model that judges, so that only
what people answered themselves fits it (`populace.bench.gold`). Two tasks come of it, of output type
`multiple_choice`:

- `populace_whose`: two descriptions, a question, one answer: whose is it? Every item is there twice, with
  the people in either order, as `populace bench run comparison` asks it; `acc` is the mean of both, chance
  one half.
- `populace_own`: one description, a question, two answers: which is this person's? By likelihood of the
  answers as they stand (`acc`), and by character (`acc_norm`).

What is asked is taken from the task's own procedure. The harness's standard error takes every row for one of
its own; ours is of people, so its intervals are too narrow. Fields are those of the harness's task guide
(https://github.com/EleutherAI/lm-evaluation-harness, docs/task_guide.md), versions 0.4 and later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from populace.atomic import write_atomic
from populace.bench.couples import answered
from populace.bench.gold import read_gold
from populace.bench.task import Bench
from populace.bench.tasks import open_task
from populace.errors import DataError, StudyError
from populace.models.records import ChooseRequest, Request

__all__ = ["Exported", "export_lm_eval"]

_OPENING_DELIMITER = " "
_IDS = ("item_id", "pair", "persona_id", "other_id", "prompt_id", "group")


class Exported(NamedTuple):
    """What was written."""

    items: int
    """Answers of people: rows of `populace_own`, half the rows of `populace_whose`."""
    people: int
    files: tuple[Path, ...]


def export_lm_eval(bench: Bench, folder: str | Path) -> Exported:
    """Write `populace_whose` and `populace_own`, a `.jsonl` and a `.yaml` each.

    Parameters
    ----------
    bench
        With the option `gold`; its models are not asked.
    folder
        Made if missing. The YAML names the rows by their full path, as the harness reads them from there.

    Raises
    ------
    StudyError
        If there is no `gold`.
    DataError
        If it cannot be read, or the folder is a file.
    """
    path = bench.options.get("gold")
    if not path:
        raise StudyError("only what people answered goes to the harness", fix="give the option gold")
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise DataError("this is a file, and the tasks are a folder", file=place, fix="give another --out")
    gold = read_gold(path, bench)
    items = answered(replace(bench, personas=gold.personas), gold)
    place.mkdir(parents=True, exist_ok=True)
    version = open_task("comparison").meta.version
    files = []
    for name, (rows, told) in {
        "populace_whose": _whose(bench, items),
        "populace_own": _own(bench, items),
    }.items():
        data, task = (place / f"{name}.{kind}" for kind in ("jsonl", "yaml"))
        write_atomic(data, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
        config = {
            "task": name,
            "tag": "populace",
            "dataset_path": "json",
            "dataset_kwargs": {"data_files": {"test": str(data.resolve())}},
            "test_split": "test",
            "output_type": "multiple_choice",
            "num_fewshot": 0,
            "doc_to_text": "{{context}}",
            "doc_to_choice": "choices",
            "doc_to_target": "label",
            **told,
            "metadata": {"version": version},
        }
        write_atomic(task, _yaml(config).encode())
        files += [data, task]
    return Exported(items.height, len({*items["persona_id"], *items["other_id"]}), tuple(files))


def _asked(bench: Bench, way: Any) -> list[ChooseRequest]:
    """Give what `comparison` asks first where people answered: whose each answer is, two requests an item."""
    ask = next(open_task("comparison").play(replace(bench, way=way, judge="lm-eval")))
    return [_choosing(request) for request in ask.requests]


def _choosing(request: Request | None) -> ChooseRequest:
    if not isinstance(request, ChooseRequest):
        raise TypeError(f"comparison asks {request!r} first")
    return request


def _whose(bench: Bench, items: pl.DataFrame) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    asked = _asked(bench, "choice")
    rows = [
        ids
        | {
            "order": ("owner first", "owner second")[turned],
            "context": request.messages[-1].content,
            "choices": [option.strip() for option in request.options],
            "label": turned,
        }
        for ids, both in zip(_ids(items), zip(asked[::2], asked[1::2], strict=True), strict=True)
        for turned, request in enumerate(both)
    ]
    first = asked[0]
    return rows, {
        "description": first.messages[0].content + "\n\n",
        "gen_prefix": first.opening,
        "target_delimiter": _OPENING_DELIMITER,
        "metric_list": _metrics("acc"),
    }


def _own(bench: Bench, items: pl.DataFrame) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    # Of each two requests the first is as the owner: both answers, its own before the other's.
    asked = _asked(bench, "likelihood")[::2]
    rows = []
    for number, (ids, request) in enumerate(zip(_ids(items), asked, strict=True)):
        turned = number // 2 % 2
        role, question = (message.content for message in request.messages)
        rows.append(
            ids
            | {
                "context": f"{role}\n\n{question}",
                "choices": list(request.options[::-1] if turned else request.options),
                "label": turned,
            }
        )
    return rows, {"target_delimiter": "\n\n", "metric_list": _metrics("acc", "acc_norm")}


def _ids(items: pl.DataFrame) -> Iterator[dict[str, Any]]:
    return items.select(_IDS).iter_rows(named=True)


def _metrics(*names: str) -> list[dict[str, Any]]:
    return [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in names]


def _yaml(config: Mapping[str, Any]) -> str:
    r"""Write YAML, each value as JSON, which YAML has in it.

    Examples
    --------
    >>> print(_yaml({"task": "a", "num_fewshot": 0, "description": "one\ntwo"}), end="")
    task: "a"
    num_fewshot: 0
    description: "one\ntwo"
    """
    return "".join(f"{name}: {json.dumps(value, ensure_ascii=True)}\n" for name, value in config.items())
