"""A study through batch files: by its commands, each a process of its own, the service restarted between."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import msgspec
import polars as pl
import pytest
from typer.testing import CliRunner

from batch_server import Handle, batch_server
from populace.canonical import file_hash
from populace.cli import app
from populace.errors import ModelError, StudyError
from populace.models.openai import OpenAI
from populace.models.records import ChooseRequest, Message
from populace.run import Journal, run
from populace.run.batch import submissions, submit
from populace.study import Study
from populace.study.batches import batch_status, cancel_batches, collect_batches, submit_batch
from populace.study.prepare import prepare

STUDY = """
name = "s"
population = {{ size = 40 }}
personas = {{ size = 4 }}
prompts = {{ size = 4 }}
report = {{ draws = 100 }}
model = {{ provider = "openai", name = "m", base_url = "{url}", price = {{ input = 1.0, output = 10.0 }} }}
judge = {{ provider = "openai", name = "judge", base_url = "{url}" }}
feedback = {{ ways = ["choice"] }}
"""
STAGES = ("answers", "critiques", "revisions", "judgements")


@contextmanager
def service_process(folder: Path):
    """A server in a process of its own, which SIGKILL ends; started again, it goes on at the same port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started: list[subprocess.Popen[str]] = []

    def restart() -> None:
        stop()
        command = [sys.executable, str(Path(__file__).with_name("batch_server.py")), str(folder), str(port)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout
        assert started[-1].stdout.readline() == "ready\n"

    def stop() -> None:
        while started:
            with started.pop() as process:
                process.kill()

    restart()
    try:
        yield Handle(folder, port), restart
    finally:
        stop()


def apart(folder: Path, *words: str) -> str:
    """Run a command in a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "populace", *words, str(folder / "study.toml"), "--folder", str(folder / "f")],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def here(folder: Path, *words: str) -> str:
    """Run a command in this process, which takes a tenth of the time."""
    done = CliRunner().invoke(app, [*words, str(folder / "study.toml"), "--folder", str(folder / "f")])
    assert done.exit_code == 0, done.exception
    return done.stdout


def test_a_study_by_its_commands(tmp_path):
    with service_process(tmp_path / "service") as (service, restart):
        (tmp_path / "study.toml").write_text(STUDY.format(url=service.url))
        service.set(seconds=3600)
        for stage in STAGES:
            populace = apart if stage in STAGES[:2] else here
            said = populace(tmp_path, "batch", "submit")
            assert f"stage {stage}: " in said
            restart()
            if stage == "answers":
                assert "0/4" in apart(tmp_path, "batch", "status")
                assert "4 calls are in open batches" in here(tmp_path, "batch", "collect")
                assert "4 calls are in open batches" in here(tmp_path, "batch", "submit")
            service.later(3600)
            said = populace(tmp_path, "batch", "collect")
        assert "all calls are answered" in said
        assert "all calls are answered" in here(tmp_path, "batch", "submit")
        here(tmp_path, "study", "run")
        assert service.state["live"] == 0
        # The same study live, beside it.
        (tmp_path / "live").mkdir()
        (tmp_path / "live" / "study.toml").write_text(STUDY.format(url=service.url))
        here(tmp_path / "live", "study", "run")
        assert service.state["live"] == sum(map(len, service.sent()))
    for table in ("calls", "pairs", "judgements"):
        both = (tmp_path / "f", tmp_path / "live" / "f")
        assert len({file_hash(folder / f"{table}.parquet") for folder in both}) == 1


@pytest.fixture
def service(tmp_path):
    with batch_server(tmp_path / "service") as handle:
        yield handle


class TestStudy:
    def load(self, tmp_path, url="http://127.0.0.1:1/v1", **replaced):
        text = STUDY.format(url=url)
        for name, value in replaced.items():
            text = "\n".join(
                f"{name} = {value}" if line.startswith(f"{name} =") else line for line in text.splitlines()
            )
        (tmp_path / "study.toml").write_text(text)
        return Study.load(tmp_path / "study.toml", tmp_path / "f")

    def test_a_model_that_takes_no_batches(self, tmp_path):
        study = self.load(tmp_path, model='{ provider = "scripted" }')
        with pytest.raises(StudyError, match="stage answers asks scripted@1/exact, which"):
            submit_batch(study)
        study = self.load(
            tmp_path,
            model='{ provider = "scripted" }',
            judge='{ provider = "scripted", model = "j@1/exact" }',
        )
        with pytest.raises(StudyError, match="no model of this study takes batch files"):
            batch_status(study)

    def test_the_second_model_of_cross_model_pairs_goes_in_batches_too(self, service, tmp_path):
        kind = '{ ways = ["choice"], pairs = "cross-model", strangers = 0 }'
        other = f'other = {{ provider = "openai", name = "o", base_url = "{service.url}" }}'
        text = STUDY.format(url=service.url).replace('{ ways = ["choice"] }', f"{kind}\n{other}")
        (tmp_path / "study.toml").write_text(text)
        study = Study.load(tmp_path / "study.toml", tmp_path / "f")
        service.set(seconds=3600)
        stages = []
        while (sent := submit_batch(study)).next:
            stages.append((sent.next.stage, sent.next.free))
            service.later(3600)
            collect_batches(study)
        # 4 pairs: an answer of each model, then nobody and one persona in both orders.
        assert stages == [("answers", 4), ("others", 4), ("judgements", 16)]
        study.run(progress=False)
        assert service.state["live"] == 0
        assert study.table("pairs").height == 4

    def test_nothing_submitted(self, tmp_path):
        with pytest.raises(StudyError, match="nothing was submitted here"):
            collect_batches(self.load(tmp_path))
        assert not (tmp_path / "f").exists()

    def test_a_writer_that_is_not_a_server_runs_live_and_the_judge_in_batches(self, service, tmp_path):
        study = self.load(tmp_path, service.url, model='{ provider = "scripted" }')
        models, prepared = study.models(), prepare(study.settings, study.base)
        with Journal(study.folder / "journal") as journal:
            for stage in study.stages(prepared, *models, journal):
                if stage.name != "judgements":
                    run(stage.requests(), stage.provider, journal, stage=stage.name)
                    continue
        sent = submit_batch(study)
        assert sent.next and sent.submitted
        assert (sent.next.stage, sent.next.pending) == ("judgements", 0)
        assert sent.next.free == sum(known.size.requests for known in sent.submitted.submissions)
        # Its batches are the study's only as long as the study names their model.
        other = STUDY.format(url=service.url).replace('name = "judge"', 'name = "other"')
        (tmp_path / "study.toml").write_text(other)
        gathered = collect_batches(Study.load(tmp_path / "study.toml", tmp_path / "f"))
        assert [known.model for known in gathered.strange] == ["judge@unpinned/served"]

    def test_a_live_run_waits_for_a_batch_whose_id_was_lost(self, service, tmp_path):
        study = self.load(tmp_path, service.url)
        submit_batch(study)
        with Journal(study.folder / "journal") as journal:
            (known,) = submissions(journal)
            lost = msgspec.structs.replace(known, batch=None, state="intended")
            journal.note(f"batch/{known.intent}", lost)
        with pytest.raises(StudyError, match=r"1 may not have been created: populace batch status"):
            study.run(progress=False)
        assert [known.batch for known in batch_status(study)] == ["batch_0000"]
        service.later(60)
        collect_batches(study)
        study.run(progress=False)
        assert service.state["live"] + 4 == pl.read_parquet(study.folder / "calls.parquet").height

    def test_a_live_run_does_not_wait_for_what_cannot_concern_it(self, service, tmp_path):
        study = self.load(tmp_path, service.url)
        submit_batch(study)
        with Journal(study.folder / "journal") as journal:
            (known,) = submissions(journal)
            other = msgspec.structs.replace(known, model="m@old/served")
            unsent = msgspec.structs.replace(known, intent="x", batch=None, tried=None, state="intended")
            for each in (other, unsent):
                journal.note(f"batch/{each.intent}", each)
        study.run(progress=False)
        assert study.table("pairs").height == 4

    def test_calls_under_way_are_counted_by_key(self, service, tmp_path):
        """A batch of the same stage and model, and of calls that the plan does not hold."""
        study = self.load(tmp_path, service.url)
        submit_batch(study)
        (tmp_path / "study.toml").write_text(STUDY.format(url=service.url) + "\nseed = 7\n")
        gathered = collect_batches(Study.load(tmp_path / "study.toml", tmp_path / "f"))
        assert gathered.next
        assert (gathered.next.left, gathered.next.pending) == (4, 0)

    def test_a_missing_file_of_one_model_does_not_keep_the_other_from_being_read(self, service, tmp_path):
        study = self.load(tmp_path, service.url)
        submit_batch(study)
        judge = study.models()[1]
        assert isinstance(judge, OpenAI)
        asks = [ChooseRequest(model=judge.model, messages=(Message("user", "?"),), options=("A", "B"))]
        with Journal(study.folder / "journal") as journal:
            asyncio.run(submit(asks, judge, journal, stage="judgements"))
        service.later(60)
        batch_status(study)
        (service.folder / "files" / "batch_0000-output").unlink()
        with pytest.raises(ModelError, match="batch_0000"):
            collect_batches(study)
        with Journal(study.folder / "journal") as journal:
            assert asks[0].key in journal

    def test_the_service_may_say_what_looks_like_markup(self, service, tmp_path):
        study = self.load(tmp_path, service.url)
        submit_batch(study)
        said = "The URL [/v1/x] is not supported."
        with Journal(study.folder / "journal") as journal:
            (known,) = submissions(journal)
            journal.note(
                f"batch/{known.intent}", msgspec.structs.replace(known, state="failed", message=said)
            )
        assert "[/v1/x]" in here(tmp_path, "batch", "status")

    def test_what_the_commands_say(self, service, tmp_path):
        self.load(tmp_path, service.url)
        said = here(tmp_path, "batch", "submit")
        assert "stage answers: 4 calls sent in 1 batch\n" in said
        # 4 calls cost less than a cent, and more than nothing.
        (most,) = re.findall(r"at most \$([\d.]+)", said)
        assert 0 < float(most) < 0.1
        said = here(tmp_path, "batch", "submit")
        assert "sent in" not in said
        service.later(60)
        said = here(tmp_path, "batch", "collect")
        assert "m@unpinned/served: 4 answers" in said
        assert "judge" not in said

    def test_what_was_never_sent_is_said_once(self, service, tmp_path):
        service.set(down={"POST /v1/batches": [1, 404, {}]})
        study = self.load(tmp_path, service.url)
        with pytest.raises(ModelError, match="takes no batches"):
            submit_batch(study)
        with Journal(study.folder / "journal") as journal:
            (known,) = submissions(journal)
            journal.note(
                f"batch/{known.intent}", msgspec.structs.replace(known, state="intended", tried=None)
            )
        said = here(tmp_path, "batch", "collect")
        assert f"{known.intent} unsent was never sent; submit again\n" in said
        assert "4 calls are left" in said
        assert "was never sent" not in here(tmp_path, "batch", "collect")

    def test_sent_calls_are_counted_by_their_own_stage(self, service, tmp_path):
        """A batch of answers, found again when critiques are submitted."""
        study = self.load(tmp_path, service.url)
        submit_batch(study)
        models, prepared = study.models(), prepare(study.settings, study.base)
        with Journal(study.folder / "journal") as journal:
            (known,) = submissions(journal)
            journal.note(f"batch/{known.intent}", msgspec.structs.replace(known, batch=None))
            stage = next(iter(study.stages(prepared, *models, journal)))
            run(stage.requests(), stage.provider, journal, stage=stage.name)
        said = here(tmp_path, "batch", "submit")
        assert "stage answers: 4 calls sent in 1 batch\n" in said
        assert "stage critiques: 4 calls sent in 1 batch\n" in said

    def test_a_full_queue_says_what_waits_alone(self, service, tmp_path):
        service.set(enqueued_tokens=1, refuse="create")
        self.load(tmp_path, service.url)
        said = here(tmp_path, "batch", "submit")
        assert "4 calls wait" in said
        assert "0 calls" not in said

    def test_a_live_run_does_not_pay_for_open_batches_again(self, service, tmp_path):
        study = self.load(tmp_path, service.url)
        service.set(seconds=3600)
        submit_batch(study)
        with pytest.raises(StudyError, match=r"4 calls are in 1 open batch,.*batch cancel"):
            study.run(progress=False)
        assert [known.state for known in cancel_batches(study)] == ["cancelling"]
        service.later(60)
        collect_batches(study)
        study.run(progress=False)
        assert study.table("pairs").height == 4
