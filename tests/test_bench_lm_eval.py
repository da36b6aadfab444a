"""Gold pairs for lm-evaluation-harness: what is asked is what the bench asks, the answer is whose it is."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.bench import Bench, open_task
from populace.bench.lm_eval import export_lm_eval
from populace.bench.planted import planted_people, planted_prompts
from populace.cli import app
from populace.errors import DataError, StudyError


@pytest.fixture
def bench(tmp_path) -> Bench:
    """Eight people of whom each said something of their own about one of two questions."""
    people, prompts = planted_people(8), planted_prompts(2)
    rows = [
        {
            "persona_id": who,
            "prompt_id": prompts["prompt_id"][n % 2],
            "answer": f"What {who[:6]} says: {{{{ nothing }}}}.",
        }
        for n, who in enumerate(people["persona_id"])
    ]
    pl.DataFrame(rows).write_ndjson(tmp_path / "gold.jsonl")
    options = {"gold": str(tmp_path / "gold.jsonl")}
    return Bench(personas=people, prompts=prompts, target="", judge="", items=6, options=options)


def read(folder: Path, name: str) -> tuple[list[dict], dict]:
    rows = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    told = dict(line.split(": ", 1) for line in (folder / f"{name}.yaml").read_text().splitlines())
    return rows, {key: json.loads(value) for key, value in told.items()}


def test_whose_is_what_the_bench_asks(bench, tmp_path):
    found = export_lm_eval(bench, tmp_path / "out")
    rows, told = read(tmp_path / "out", "populace_whose")
    # Six pairs are twelve answers, each shown in both orders.
    assert (found.items, len(rows)) == (12, 24)
    asked = next(open_task("comparison").play(replace(bench, judge="any"))).requests
    for row, request in zip(rows, asked, strict=True):
        assert row["context"] == request.messages[1].content
        assert told["description"] == request.messages[0].content + "\n\n"
        # The harness puts prefix, delimiter and choice together to what the bench has as opening and option.
        given = [told["gen_prefix"] + told["target_delimiter"] + each for each in row["choices"]]
        assert given == [request.opening + option for option in request.options]
    stories = replace(bench, template="story").profiles()
    for row in rows:
        first, second = (
            row["context"].split("Person 1:\n")[1].split("\n\nQuestion")[0].split("\n\nPerson 2:\n")
        )
        owner = stories[row["persona_id"]]
        assert (first, second)[row["label"]] == owner and row["persona_id"][:6] in row["context"]
    assert [row["label"] for row in rows] == [0, 1] * 12


def test_own_is_the_answer_of_the_person(bench, tmp_path):
    export_lm_eval(bench, tmp_path)
    rows, told = read(tmp_path, "populace_own")
    profiles = bench.profiles()
    for row in rows:
        assert row["persona_id"][:6] in row["choices"][row["label"]]
        assert row["other_id"][:6] in row["choices"][1 - row["label"]]
        assert profiles[row["persona_id"]].role in row["context"]
    assert {row["label"] for row in rows} == {0, 1}
    assert [each["metric"] for each in told["metric_list"]] == ["acc", "acc_norm"]
    assert told["dataset_kwargs"]["data_files"]["test"] == str((tmp_path / "populace_own.jsonl").resolve())


def test_the_same_bytes_and_what_is_refused(bench, tmp_path):
    one, two = (export_lm_eval(bench, tmp_path / "out").files for _ in range(2))
    assert one == two and len(one) == 4
    before = [path.read_bytes() for path in one]
    export_lm_eval(bench, tmp_path / "out")
    assert [path.read_bytes() for path in one] == before
    with pytest.raises(StudyError, match="only what people answered"):
        export_lm_eval(replace(bench, options={}), tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(DataError, match="this is a file"):
        export_lm_eval(bench, tmp_path / "gold.jsonl")
    missing = CliRunner().invoke(app, ["bench", "export-lm-eval", "no.csv", "--out", str(tmp_path / "none")])
    assert "no such file of answers" in str(missing.exception) and not (tmp_path / "none").exists()


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="lm-eval is not installed")
def test_the_harness_runs_them(bench, tmp_path):
    export_lm_eval(bench, tmp_path / "out")
    command = [sys.executable, "-m", "lm_eval", "run", "--model", "dummy", "--tasks", "populace"]
    command += ["--include_path", str(tmp_path / "out")]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache")}
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=offline)
    assert "populace_whose" in told.stdout and "populace_own" in told.stdout
