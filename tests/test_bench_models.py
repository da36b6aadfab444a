"""`populace bench run` beside real models, and killed half-way: the same bytes, nothing asked twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

import msgspec
import polars as pl
import pytest
from click.testing import Result
from typer.testing import CliRunner

from llama_server import LlamaServer, cut_model, missing
from populace.bench import TASKS, Bench, Counting, TaskResult, open_task, read_items, run_task
from populace.bench.planted import planted_people, planted_prompts, planted_target
from populace.canonical import file_hash
from populace.cli import app
from populace.models import Provider
from populace.personas import Personas

ITEMS = 6
FULL = os.environ.get("POPULACE_CHAOS") == "full"
"""Whether the whole model answers and judges: minutes."""


def command(folder: Path, latency: float) -> list[str]:
    told = {"--items": 8, "--people": 4, "--seed": 4, "--set": f"latency={latency}"}
    options = [str(each) for pair in told.items() for each in pair]
    base = ["main", "--model", "scripted", "--judge", "same", "--out", str(folder)]
    return [sys.executable, "-m", "populace", "bench", "run", *base, *options]


def journalled(folder: Path) -> int:
    return sum(file.stat().st_size for file in (folder / "journal").glob("*") if file.is_file())


def test_killed_half_way_the_same_command_gives_the_same_bytes(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    subprocess.run(command(whole, 0), check=True, capture_output=True)
    half = journalled(whole) / 2

    with subprocess.Popen(command(killed, 0.15), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        while journalled(killed) < half and run.poll() is None:
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
    assert run.returncode == -signal.SIGKILL
    assert half <= journalled(killed) < 1.8 * half
    assert not (killed / "items.parquet").exists() and not (killed / "result.json").exists()

    subprocess.run(command(killed, 0), check=True, capture_output=True)
    for name in ("items.parquet", "result.json", "calls.parquet"):
        assert file_hash(killed / name) == file_hash(whole / name), name
    assert pl.read_parquet(killed / "items.parquet").height == 4 * 8


@pytest.fixture(scope="module")
def cut(tmp_path_factory) -> Path | None:
    """The packaged model with one layer of thirty: it has no words, all else is the real model's."""
    if missing():
        pytest.skip(missing())
    return None if FULL else cut_model(tmp_path_factory.mktemp("model") / "cut.gguf", 1)


def check_run(folder: Path, model: Provider, way: Literal["choice", "likelihood"]) -> None:
    """Run `main` and check what must hold of any model that judges, and where it has words, answers."""
    target = model if FULL else planted_target()
    bench = Bench(
        personas=planted_people(3),
        prompts=planted_prompts(3),
        target=target.model,
        judge=model.model,
        items=ITEMS,
        answer_tokens=8,
        way=way,
    )
    models = {"target": target, "judge": model}
    found = run_task(open_task("main"), bench, models, folder, counting=Counting(draws=100))
    assert found.failed == {} and found.judge_is_target == FULL and found.way == way
    items = pl.read_parquet(folder / "items.parquet")
    assert items.height == 4 * ITEMS and items["answer"].null_count() == 0
    rivals = items.filter(pl.col("arm") != "baseline")
    loaded = TaskResult.load(folder / "result.json")
    assert loaded.judge == model.model
    if way == "choice" and not FULL:
        # With one layer no number would be written: whatever is left on them is no verdict.
        assert set(items["critic"]) == set(rivals["choice"]) == {"refused"}
        assert not loaded.headline.estimate.defined and not loaded.passed
        return
    assert items["critic_p"].is_between(0, 1).all() and items["critic_p"].n_unique() > 4
    assert rivals["choice"].is_in(["first", "second", "tie"]).all()
    assert loaded.headline.estimate.n == ITEMS


@pytest.mark.model
@pytest.mark.parametrize("way", ["choice", "likelihood"])
def test_the_embedded_model(cut, tmp_path, way):
    pytest.importorskip("torch")
    from populace.models.embedded import Embedded

    check_run(tmp_path, Embedded(cut, threads=1), way)


@pytest.fixture(scope="module")
def server(cut):
    with LlamaServer(cut, slots=2, context=1024) as served:
        yield served


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    Personas(planted_people(6), {"removed": {}}).save(path)
    return path


OWN = {
    "agreement": ["--also-judge", "scripted", "--option", "baselines=false"],
    "diversity": ["--option", "questions=1", "--option", "repeats=2"],
    "intersectionality": ["--group", "sex"],
    "leave-one-out": ["--option", "leave_out=lifestyle"],
    "pass-at-k": ["--option", "k=1,2", "--temperature", "0.7"],
}
"""What a task cannot do without, or what keeps it small."""


def told(*arguments: object) -> Result:
    found = CliRunner().invoke(app, ["bench", *map(str, arguments)])
    assert found.exit_code == 0, found.exception
    return found


def check_command(task: str, folder: Path, people: Path, *model: object) -> TaskResult:
    """Run a task, score it again, compare it with a copy of another name, and write the page."""
    one, other = folder / "one", folder / "other"
    common = ["--items", 3, "--personas", people, "--people", 4, "--answer-tokens", 4, *OWN.get(task, [])]
    judged = open_task(task).meta.judged
    told("run", task, "--model", *model, "--out", one, *common, *(["--judge", "same"] if judged else []))
    result, items = TaskResult.load(one / "result.json"), read_items(one)
    assert result.failed == {} and result.items == items.height > 0 and result.judge_is_target == judged
    before = (one / "result.json").read_bytes()
    told("score", one)
    assert (one / "result.json").read_bytes() == before
    if result.headline.estimate.defined:
        shutil.copytree(one, other)
        msgspec.structs.replace(result, target="another").save(other / "result.json")
        compared = told("compare", one, other).output
        assert "another" in compared and "0.000 [" in compared  # the same answers
        told("leaderboard", one, other, "--out", folder / "page.html")
        assert "another" in (folder / "page.html").read_text()
    return result


OURS = [name for name in TASKS if not open_task(name).meta.own_people]
"""Tasks that take the personas they are given; the others are run by the tests of their own."""


@pytest.mark.model
@pytest.mark.parametrize("task", OURS)
def test_each_task_by_the_embedded_model(task, cut, people, tmp_path):
    pytest.importorskip("torch")
    # One thread: tests run side by side.
    settings = ["--set", "threads=1", *(["--set", f"path={cut}"] if cut else [])]
    result = check_command(task, tmp_path, people, "embedded", *settings)
    assert result.target.endswith(("/f32", "/bf16"))


@pytest.mark.model
@pytest.mark.parametrize("task", OURS)
def test_each_task_by_a_real_server(task, server, people, tmp_path):
    # With one layer there are no words to answer with, and no number among the 20 likeliest tokens.
    settings = ["--set", f"base_url={server.url}", "--set", "concurrency=2"]
    result = check_command(task, tmp_path, people, "openai:cut", *settings)
    assert result.target == "cut@unpinned/served"
    if open_task(task).meta.judged and not FULL:
        assert not result.passed and result.headline.estimate.value != 1
