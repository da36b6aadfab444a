"""What a finished run vouches for: tables of other runs, changed study files, labels that were audited."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from populace import Study
from populace.cli import app
from populace.errors import StudyError
from populace.feedback.export import FORMS
from populace.models import registry
from populace.models.records import Choice, ChooseRequest, Failure
from populace.models.scripted import Scripted
from populace.study import running

SETTINGS = """
name = "small"
seed = 3
population = { size = 60 }
personas = { size = 12 }
prompts = { size = 12 }
model = { provider = "scripted" }
judge = { provider = "scripted", model = "judge@1/exact" }
report = { draws = 100 }
"""


def load(folder: Path, text: str = SETTINGS, study: Path | None = None) -> Study:
    (folder / "small.toml").write_text(text)
    return Study.load(folder / "small.toml", study or folder / "study")


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Study:
    study = load(tmp_path_factory.mktemp("finished"))
    study.run(progress=False)
    return study


@pytest.fixture
def copy(done, tmp_path) -> Study:
    shutil.copytree(done.folder, tmp_path / "study")
    return load(tmp_path)


def uses(study: Study, out: Path):
    """Everything that reads several tables of a run."""
    yield study.findings
    yield study.audit_table
    yield study.preferences
    yield study.report
    for form in FORMS:
        yield lambda form=form: study.export(form, out / form)


def test_a_run_killed_between_two_tables_leaves_nothing_to_audit_or_export(copy, tmp_path, monkeypatch):
    # Shorter answers: other pairs. The run ends after pairs.parquet, as a kill there would.
    changed = load(tmp_path, SETTINGS + "feedback = { answer_tokens = 8 }\n")
    write, written = running.write_parquet, []

    def stopped(path, table):
        if path.name == "judgements.parquet":
            raise KeyboardInterrupt
        written.append(path.name)
        write(path, table)

    monkeypatch.setattr(running, "write_parquet", stopped)
    with pytest.raises(KeyboardInterrupt):
        changed.run(progress=False)
    assert written[-1] == "pairs.parquet"
    for use in uses(changed, tmp_path / "out"):
        with pytest.raises(StudyError, match="a run that did not end"):
            use()
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    changed.run(progress=False)
    assert changed.export("trl", tmp_path / "trl.jsonl").rows


def test_a_changed_study_file_is_audited_and_exported_no_more(copy, tmp_path):
    for change in (("seed = 3", "seed = 7"), ("personas = { size = 12", "personas = { size = 11")):
        changed = load(tmp_path, SETTINGS.replace(*change), copy.folder)
        for use in uses(changed, tmp_path / "out"):
            with pytest.raises(StudyError, match="changed since this run"):
                use()
    assert not (tmp_path / "out").exists()


def test_a_table_that_the_run_did_not_write_is_refused(copy, tmp_path):
    pairs = copy.folder / "pairs.parquet"
    pl.read_parquet(pairs).reverse().write_parquet(pairs)
    for use in (copy.findings, copy.report, lambda: copy.export("trl", tmp_path / "t.jsonl")):
        with pytest.raises(StudyError, match=r"pairs\.parquet.*not the one that the run wrote"):
            use()


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ("parquet", "judgements.parquet"),
        ("trl", "calls.parquet"),
        ("trl", "manifest.json"),
        ("hf", "."),
        ("argilla", "journal"),
        ("hf", "figures/hf"),
    ],
)
def test_an_export_never_goes_over_the_studys_own_files(done, form, place):
    before = {path: path.read_bytes() for path in done.folder.rglob("*") if path.is_file()}
    with pytest.raises(StudyError, match="over the study's own files"):
        done.export(form, done.folder / place)
    assert {path: path.read_bytes() for path in done.folder.rglob("*") if path.is_file()} == before
    out = done.folder / "exports" / "trl.jsonl"
    assert done.export("trl", out).rows
    shutil.rmtree(out.parent)


def test_the_audited_labels_are_the_exported_ones(done, tmp_path, monkeypatch):
    cli = CliRunner()
    place = [str(done.base / "small.toml"), "--folder", str(done.folder)]
    audited = {}
    for way in (None, "choice", "likelihood"):
        option = ["--way", way] if way else []
        said = cli.invoke(app, ["feedback", "audit", *place, *option])
        assert said.exit_code == 0
        assert f"audited: the labels by {way or 'choice'}" in said.output
        out = tmp_path / f"{way}.jsonl"
        wrote = cli.invoke(app, ["feedback", "export", *place, "--format", "trl", "--out", str(out), *option])
        assert f"labelled by {way or 'choice'}" in wrote.output
        audited[way] = done.findings(way)
    length = {way: next(one for one in found if one.name == "length-only") for way, found in audited.items()}
    assert length[None] == length["choice"] != length["likelihood"]
    # The card shows the audits of the labels that stand in its rows.
    done.export("hf", tmp_path / "hf", way="likelihood")
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "The labels are those by likelihood contrast" in card
    assert f"{length['likelihood'].tested.value:.2f} [" in card


def test_a_split_is_asked_for_on_the_command_line(done, tmp_path):
    place = [str(done.base / "small.toml"), "--folder", str(done.folder)]
    splits = done.export("parquet", tmp_path / "all.parquet").splits
    assert set(splits) == {"train", "held_out"}
    command = ["feedback", "export", *place, "--format", "trl", "--out", str(tmp_path / "t.jsonl")]
    both = CliRunner().invoke(app, command)
    assert "--split train" in both.output
    one = CliRunner().invoke(app, [*command, "--split", "train"])
    assert "--split" not in one.output
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert {row["split"] for row in rows} == {"train"}


def test_a_judge_that_refuses_everything_does_not_pass_the_gate(tmp_path, monkeypatch):
    def opened(spec):
        def refuse(request: ChooseRequest) -> Choice:
            return Choice(key=request.key, log_likelihoods=(-11.5, -14.0), tokens=(1, 1))

        judge = isinstance(spec, dict) and spec.get("model") == "judge@1/exact"
        return Scripted(choice=refuse, model="judge@1/exact") if judge else Scripted()

    monkeypatch.setattr("populace.study.study.open_model", opened)
    study = load(tmp_path, SETTINGS + 'feedback = { ways = ["choice"] }\n')
    study.run(progress=False)
    assert set(study.table("judgements")["verdict"]) == {"refused"}
    # A refusal is an answer: asking again would give the same, and the report does not advise it.
    page = study.report().read_text()
    assert "of judgements are refusals" in page
    assert "asks again what failed" not in page
    place = [str(tmp_path / "small.toml"), "--folder", str(study.folder)]
    told = CliRunner().invoke(app, ["feedback", "audit", *place, "--gate"])
    assert told.exit_code == 1
    assert "nothing was shown: the gate is shut" in told.output
    assert CliRunner().invoke(app, ["feedback", "audit", *place]).exit_code == 0


def test_pairs_that_failed_are_said_and_their_prompts_stay(tmp_path, monkeypatch):
    class Failing(Scripted):
        async def generate(self, requests):
            found = await super().generate(requests)
            return [
                Failure(key=each.key, boundary="content filter", message="", retryable=False)
                if int(each.key[-1], 16) < 4
                else each
                for each in found
            ]

    usual = registry.open_model
    monkeypatch.setattr(
        "populace.study.study.open_model",
        lambda spec: Failing() if "judge@1" not in str(spec) else usual(spec),
    )
    study = load(tmp_path)
    study.run(progress=False)
    lost = 12 - study.table("pairs").height
    assert lost > 0
    assert study.export("trl", tmp_path / "t.jsonl").left_out["pairs that were not finished"] == lost
    # Everybody's prompts: three judges a pair, no prompt twice for one person.
    assert study.export("trl-prompts", tmp_path / "p.jsonl").rows == 36
    study.export("hf", tmp_path / "hf")
    assert f"{lost} of 12 pairs were not finished" in (tmp_path / "hf" / "README.md").read_text()


def test_written_verdicts_are_drawn_with_the_studys_seed(tmp_path):
    seeds = set()
    for seed in (0, 1, 99):
        study = load(tmp_path, SETTINGS.replace("seed = 3", f"seed = {seed}"))
        judging = study.judging(Scripted(model="judge@1/exact"))
        seeds.add(judging.seed)
        assert judging.seed == study.judging(Scripted(model="judge@1/exact")).seed
    assert len(seeds) == 3
