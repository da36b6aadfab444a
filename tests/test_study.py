"""The whole job on a scripted model: same bytes again, killed anywhere, wrong settings, the command line."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from populace import Study
from populace.canonical import file_hash
from populace.cli import app
from populace.cli.study import _tell_failures
from populace.errors import BudgetError, StudyError
from populace.feedback.export import FORMS
from populace.models import registry
from populace.models.records import Failure
from populace.models.scripted import Scripted
from populace.run import ProgressLine, RunStats
from populace.study.asking import _both
from populace.study.settings import read_budget
from populace.study.study import TABLES

SETTINGS = """
name = "tiny"
seed = 3

[population]
size = 60

[personas]
size = 6

[prompts]
size = 6

[model]
provider = "scripted"

[judge]
provider = "scripted"
model = "judge@1/exact"

[report]
draws = 100
"""
DERIVED = [f"{name}.parquet" for name in (*TABLES, "calls")]


def write(folder: Path, text: str = SETTINGS) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


def hashes(folder: Path) -> dict[str, str]:
    return {name: file_hash(folder / name) for name in DERIVED}


def populace(*arguments: object, **options):
    command = [sys.executable, "-m", "populace", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Study:
    folder = tmp_path_factory.mktemp("finished")
    study = Study.load(write(folder), folder / "study")
    study.run(progress=False)
    return study


def test_every_table_is_there_and_fits_together(finished):
    people, personas, prompts, pairs, judgements, estimates = (finished.table(name) for name in TABLES)
    assert people.height == 60
    assert personas.height == prompts.height == pairs.height == 6
    assert set(pairs["author_id"]) == set(personas["persona_id"])
    # Each pair: nobody by choice, and three people by choice and by likelihood.
    assert judgements.height == 6 * (1 + 3 * 2)
    # The scripted judge draws its likelihoods; where both numbers are unlikely it has refused.
    assert judgements["verdict"].is_in(["revision", "original", "tie", "refused"]).all()
    assert ((judgements["verdict"] == "refused") <= (judgements["mass"].fill_null(1.0) < 0.1)).all()
    assert {"prefers_revision", "kappa_orders", "kappa_ways", "conflict_rate"} <= set(estimates["measure"])
    calls = pl.read_parquet(finished.folder / "calls.parquet")
    # Six answers, critiques and revisions; four judges a pair, three questions each.
    assert dict(calls["stage"].value_counts().iter_rows()) == {
        "answers": 6,
        "critiques": 6,
        "revisions": 6,
        "judgements": 6 * 4 * 3,
    }


def test_running_again_asks_nothing_and_gives_the_same_bytes(finished):
    before, journal = hashes(finished.folder), (finished.folder / "journal" / "journal.log").read_bytes()
    finished.run(progress=False)
    assert hashes(finished.folder) == before
    assert (finished.folder / "journal" / "journal.log").read_bytes() == journal


def test_another_folder_gives_the_same_bytes(finished, tmp_path):
    study = Study.load(write(tmp_path), tmp_path / "elsewhere")
    study.run(progress=False)
    assert hashes(study.folder) == hashes(finished.folder)


@pytest.mark.parametrize("calls", [1, 7, 15, 30, 70])
def test_killed_after_so_many_calls_it_goes_on_to_the_same_bytes(finished, tmp_path, calls):
    # A slow model, killed with SIGKILL once the journal holds `calls` lines; the second run is not slowed.
    slow = SETTINGS.replace('provider = "scripted"', 'provider = "scripted"\nlatency = 0.05')
    path = write(tmp_path, slow)
    folder = tmp_path / "study"
    log = folder / "journal" / "journal.log"
    process = subprocess.Popen(
        [sys.executable, "-m", "populace", "study", "run", str(path), "--folder", str(folder)],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not (log.exists() and log.read_bytes().count(b"\n") >= calls) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert process.poll() is None, "it ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = log.read_bytes()
    study = Study.load(write(tmp_path), folder)
    study.run(progress=False)
    assert hashes(folder) == hashes(finished.folder)
    whole = kept[: kept.rfind(b"\n") + 1]
    assert log.read_bytes().startswith(whole), "what was paid for before the kill is kept"


def test_plan_says_what_is_left_and_writes_nothing(finished, tmp_path):
    study = Study.load(write(tmp_path), tmp_path / "study")
    fresh = study.plan()
    assert fresh.calls == 6 * 3 + 6 * 4 * 3
    assert fresh.writing.total.done == 0
    assert not study.folder.exists()
    done = finished.plan()
    assert done.writing.total.done + done.judging.total.done == done.calls
    assert done.writing.total.left == 0


def test_the_report_shows_every_table(finished):
    page = finished.report()
    text = page.read_text()
    assert "tiny" in text
    assert finished.table("prompts")["topic"][0].split(" ")[0] in text
    assert list((finished.folder / "figures").glob("*.svg"))
    assert list((finished.folder / "figures").glob("*.png"))


def test_a_changed_study_file_is_not_reported_under_the_old_run(finished, tmp_path):
    changed = Study.load(write(tmp_path, SETTINGS.replace("seed = 3", "seed = 4")), finished.folder)
    with pytest.raises(StudyError, match="changed since this run"):
        changed.report()


@pytest.mark.parametrize("form", list(FORMS))
def test_exports(finished, tmp_path, form):
    out = tmp_path / "out"
    assert finished.export(form, out).rows > 0 and out.exists()
    assert finished.preferences().height == 18
    if form == "hf":
        assert "prefers_revision" in (out / "README.md").read_text()
    if form == "parquet":
        assert set(pl.read_parquet(out)["split"]) <= {"train", "held_out"}


def test_an_export_that_does_not_exist(finished, tmp_path):
    with pytest.raises(StudyError, match="there is no export 'xml'"):
        finished.export("xml", tmp_path / "out")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seed = 3", "sead = 3"), "column sead: there is no such setting.*did you mean 'seed'"),
        (("[population]\nsize", "[population]\nsise"), r"population\.sise.*did you mean 'size'"),
        (("size = 60", "size = -1"), r"population\.size"),
        (("size = 60", 'size = "many"'), r"population\.size.*many"),
        (("seed = 3", "seed = "), "not valid TOML"),
        (('name = "tiny"', ""), r'column name: a setting is missing.*add name = "\.\.\."'),
        (('name = "tiny"', 'name = "../up"'), "column name"),
        (('model = "judge@1/exact"', ""), "the judge would be the model under test"),
        (("[personas]\nsize = 6", "[personas]\nsize = 59000"), r"personas\.size"),
        (("[prompts]\nsize = 6", "[prompts]\nsize = 6000"), r"prompts\.size"),
        (("[population]\n", '[population]\nsource = "nowhere"\n'), "nowhere"),
        (("[prompts]\n", '[prompts]\nsource = "nowhere.csv"\n'), r"nowhere\.csv"),
        (('[model]\nprovider = "scripted"', '[model]\nprovider = "scriptid"'), "no provider 'scriptid'"),
        (("[report]", "[feedback]\nstrangers = 6\n\n[report]"), r"feedback\.strangers"),
    ],
)
def test_a_wrong_study_file_ends_in_one_line_and_exit_code_2(tmp_path, change, message):
    path = write(tmp_path, SETTINGS.replace(*change))
    done = populace("study", "run", path, "--folder", tmp_path / "study", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert re.search(message, done.stderr), done.stderr
    assert not (tmp_path / "study" / "people.parquet").exists()


def test_a_missing_study_file_and_an_unfinished_study_are_errors(tmp_path):
    assert "no such study file" in populace("study", "run", tmp_path / "none.toml").stderr
    done = populace("study", "report", write(tmp_path), "--folder", tmp_path / "study")
    assert done.returncode == 2
    assert "no finished run" in done.stderr


def test_an_unreachable_model_is_one_clear_error(tmp_path):
    text = SETTINGS.replace(
        '[model]\nprovider = "scripted"',
        '[model]\nprovider = "openai"\nname = "m"\nbase_url = "http://127.0.0.1:9/v1"',
    )
    text += '\n[feedback]\nways = ["choice"]\n'
    done = populace("study", "run", write(tmp_path, text), "--folder", tmp_path / "study")
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr.splitlines()[-1]


def test_help_answers_quickly():
    def once() -> float:
        start = time.perf_counter()
        assert populace("--help").returncode == 0
        return time.perf_counter() - start

    # The budget is 0.3 s on an idle machine; a busy one gets three tries and some room.
    assert min(once() for _ in range(3)) < 0.6


@pytest.mark.parametrize(
    ("ways", "message"), [('["choice", "choice"]', "named twice"), ("[]", r"feedback\.ways")]
)
def test_ways_of_judging_are_checked(tmp_path, ways, message):
    with pytest.raises(StudyError, match=message):
        Study.load(write(tmp_path, SETTINGS + f"\n[feedback]\nways = {ways}\n"))


def test_a_folder_that_is_a_file_and_a_damaged_table_are_errors(finished, tmp_path):
    path = write(tmp_path)
    done = populace("study", "run", path, "--folder", path)
    assert done.returncode == 2
    assert "folder cannot be made" in done.stderr
    study = Study.load(path, tmp_path / "copy")
    study.folder.mkdir()
    (study.folder / "pairs.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(StudyError, match="damaged"):
        study.table("pairs")


def test_a_writer_that_refuses_makes_no_pair(tmp_path):
    from populace.feedback.pairs import Pairs, Writing
    from populace.models.records import Completion

    authors = pl.DataFrame({"author_id": ["ann"], "prompt_id": ["p"]})
    found: dict[str, Completion] = {}
    pairs = Pairs(authors, {"p": "Why?"}, {"ann": "Ann."}, found.get, Writing(model="m"))
    (request,) = pairs.answers()
    found[request.key] = Completion(key=request.key, text="I am sorry, I cannot.", finish="refusal")
    assert list(pairs.critiques()) == []
    assert pairs.table().is_empty()


def test_people_from_a_file_are_compared_with_that_file_and_named_by_it(tmp_path):
    data = Path(__file__).resolve().parents[2] / "shared" / "data" / "acs_pums_2024" / "p_50.parquet"
    if not data.exists():
        pytest.skip("the Vermont microdata are not beside the project")
    text = SETTINGS.replace("[population]\nsize = 60", f'[population]\nsource = "{data}"\nsize = 400')
    study = Study.load(write(tmp_path, text), tmp_path / "study")
    study.run(progress=False)
    page = study.report().read_text()
    assert "No attribute lies further from the census than three times what chance gives" in page
    study.export("hf", tmp_path / "hf")
    card = (tmp_path / "hf" / "README.md").read_text()
    assert "No row describes a real person" not in card
    assert str(data.parent) not in card
    assert "person_id" not in pl.read_parquet(tmp_path / "hf" / "personas" / "*.parquet").columns


def test_what_has_no_interval_is_not_printed_as_a_number(finished):
    for text in (populace_card(finished), audit_text(finished)):
        assert "nan" not in text.lower()
        assert "none" in text


def populace_card(study) -> str:
    from populace.study.reporting import card_facts

    return card_facts(study)["scores"]


def audit_text(study) -> str:
    from rich.console import Console

    console = Console(width=160, record=True, file=io.StringIO())
    console.print(study.audit_table())
    return console.export_text()


@pytest.mark.parametrize(
    "text",
    ["25", "$", "$-3", "0 tokens", "$nan", "$inf", "many tokens", "0.5 tokens", "", "2e6 token", "€25"],
)
def test_a_budget_that_is_none_is_refused(text):
    with pytest.raises(StudyError, match=r"--budget: .* is no budget.*2e6 tokens"):
        read_budget(text)


def test_a_wrong_budget_or_an_address_without_ray_ends_before_anything_is_made(tmp_path):
    for option, value in (("--budget", "25"), ("--ray-address", "auto")):
        done = populace("study", "run", write(tmp_path), "--folder", tmp_path / "study", option, value)
        assert done.returncode == 2
        assert option in done.stderr
        assert not (tmp_path / "study").exists()


def test_a_budget_of_the_command_line_goes_before_the_files(finished, tmp_path):
    # The first answer takes more than 10 tokens; the file's budget alone would let the study end.
    path = write(tmp_path, SETTINGS + "\n[budget]\ntokens = 100_000_000\n")
    done = populace("study", "run", path, "--folder", tmp_path / "study", "--budget", "10 tokens")
    assert done.returncode == 2
    assert "tokens" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "study" / "pairs.parquet").exists()
    free = populace("study", "run", path, "--folder", tmp_path / "study", "--budget", "$1")
    assert "price of scripted@1/exact is unknown" in free.stderr
    assert populace("study", "run", path, "--folder", tmp_path / "study").returncode == 0
    assert hashes(tmp_path / "study") == hashes(finished.folder)


class Faulty(Scripted):
    """Refuses to revise for the first two authors, until mended."""

    broken = True

    def __init__(self) -> None:
        refused: set[str] = set()

        def fail(request, before):
            if "happier" not in request.messages[1].content or not Faulty.broken or len(refused) == 2:
                return None
            refused.add(request.key)
            return Failure(key=request.key, boundary="content filter", message="no", retryable=False)

        super().__init__(fail=fail)


def test_what_failed_for_good_is_counted_left_out_and_asked_again_on_request(tmp_path, monkeypatch, finished):
    # Two of six revisions are filtered: four pairs are left, each judged as before.
    faulty = registry.PROVIDERS["scripted"]._replace(module=__name__, name="Faulty")
    monkeypatch.setitem(registry.PROVIDERS, "faulty", faulty)
    monkeypatch.setattr(Faulty, "broken", True)
    path = write(tmp_path, SETTINGS.replace('provider = "scripted"', 'provider = "faulty"', 1))
    folder = tmp_path / "study"
    result = CliRunner().invoke(app, ["study", "run", str(path), "--folder", str(folder)])
    assert result.exit_code == 0, result.output
    told = "2 calls failed by their own fault (2 content filter): asked again only with --retry-errors"
    assert told in result.stderr
    assert "may pass" not in result.stderr
    assert "4 of 6 pairs finished" in result.stderr
    # Judging was planned for six pairs at most, and each stage ends whole all the same.
    assert [re.sub(r"\),.*", "", line) for line in result.stderr.splitlines()[:4]] == [
        *("answers: 6/6 (100 %", "critiques: 6/6 (100 %", "revisions: 6/6 (100 %", "judgements: 48/48 (100 %")
    ]
    study = Study.load(path, folder)
    assert study.table("pairs").height == 4
    assert study.table("judgements").height == 4 * (1 + 3 * 2)
    # Mended: a plain run asks neither of them, since what the filter refuses it would refuse again.
    monkeypatch.setattr(Faulty, "broken", False)
    assert study.run(progress=False) == {"content filter": 2}
    # The settings of another study, in the same folder: what failed before is none of its calls.
    other = write(tmp_path, path.read_text().replace("seed = 3", "seed = 4"))
    assert Study.load(other, folder).run(progress=False) == {}
    assert study.run(progress=False, retry_errors=True) == {}
    # All but calls.parquet, which lists the other study's calls as well.
    assert [hashes(folder)[f"{name}.parquet"] for name in TABLES] == [
        hashes(finished.folder)[f"{name}.parquet"] for name in TABLES
    ]


def test_what_may_pass_is_told_apart(capsys):
    _tell_failures({"content filter": 2, "request": 1, "timeout": 1})
    assert capsys.readouterr().err.splitlines() == [
        "1 call failed and may pass (1 timeout): the same command asks again",
        "3 calls failed by their own fault (2 content filter, 1 request): "
        "asked again only with --retry-errors",
    ]


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "ignored"), [("INT", ""), ("TERM", ""), ("TERM", "trap '' INT; ")])
def test_interrupted_it_says_how_to_go_on(tmp_path, number, ignored):
    path = write(tmp_path, SETTINGS.replace('provider = "scripted"', 'provider = "scripted"\nlatency = 0.3'))
    log = tmp_path / "study" / "journal" / "journal.log"
    run = f"{ignored}exec {sys.executable} -m populace study run {path} --folder {tmp_path / 'study'}"
    with subprocess.Popen(["sh", "-c", run], stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not (log.exists() and b'"stage":"answers"' in log.read_bytes()):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.Signals[f"SIG{number}"])
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert told.splitlines()[-1] == "stopped; run the same command again to go on where it left off"
    assert "Traceback" not in told


def test_a_stage_in_two_parts_is_summed():
    first = RunStats(
        stage="s", answered=3, reused=1, failed=1, errors={"timeout": 1}, seconds=2.0, dollars=0.5
    )
    second = RunStats(
        stage="s", answered=4, failed=2, errors={"timeout": 1, "request": 1}, in_flight=5, dollars=0.25
    )
    both = _both(first, second)
    assert (both.answered, both.reused, both.failed, both.seen, both.in_flight) == (7, 1, 3, 11, 5)
    assert (both.errors, both.seconds, both.dollars) == ({"timeout": 2, "request": 1}, 2.0, 0.75)
    unpriced = RunStats(stage="s", dollars=None)
    assert _both(first, unpriced).dollars is None is _both(unpriced, first).dollars


def test_a_stage_ends_at_what_was_asked_unless_it_was_stopped():
    def last(*errors: Exception) -> str:
        stream = io.StringIO()
        with suppress(BudgetError), ProgressLine(10, stream=stream, every=0) as line:
            line(RunStats(stage="s", answered=4, seconds=1))
            for error in errors:
                raise error
        return stream.getvalue().splitlines()[-1]

    assert last() == "s: 4/4 (100 %), 4.0/s, 0 tokens, $0.000"
    assert last(BudgetError("spent")).startswith("s: 4/10 (40 %), 4.0/s, 1.5 s left")


def test_a_judge_without_a_price_ends_a_dollar_budget_before_anything_is_asked(tmp_path):
    served = 'provider = "openai"\nname = "{}"\nbase_url = "http://127.0.0.1:9/v1"\n'
    priced = "[model]\n" + served.format("w") + "price = { input = 1, output = 1 }\n"
    models = f"{priced}\n[judge]\n{served.format('j')}\n[report]"
    text = re.sub(r"\[model\].*\[report\]", lambda _: models, SETTINGS, flags=re.DOTALL)
    study = Study.load(write(tmp_path, text), tmp_path / "study")
    with pytest.raises(BudgetError, match="price of j@unpinned/served is unknown"):
        study.run(progress=False, budget=read_budget("$5"))
    assert not study.folder.exists()


def test_a_folder_in_a_tables_place_is_found_before_anything_is_asked(tmp_path):
    study = Study.load(write(tmp_path), tmp_path / "study")
    (study.folder / "calls.parquet").mkdir(parents=True)
    with pytest.raises(StudyError, match=r"calls\.parquet: a folder is where"):
        study.run(progress=False)
    assert not (study.folder / "journal").exists()


def test_a_judge_that_cannot_score_judges_by_choice_unless_told_otherwise(tmp_path):
    served = '[judge]\nprovider = "openai"\nname = "j"\nbase_url = "http://127.0.0.1:9/v1"\n\n[report]'
    text = re.sub(r"\[judge\].*\[report\]", lambda _: served, SETTINGS, flags=re.DOTALL)
    plan = Study.load(write(tmp_path, text), tmp_path / "study").plan()
    assert "judged by choice alone: j@unpinned/served cannot score a given text" in " ".join(plan.notes())
    assert plan.judging.total.calls == 6 * 4 * 2
    text += '\n[feedback]\nways = ["choice", "likelihood"]\n'
    with pytest.raises(StudyError, match="cannot judge by likelihood"):
        Study.load(write(tmp_path, text), tmp_path / "study").plan()


def test_a_budget_without_its_unit_is_told_the_unit():
    with pytest.raises(StudyError, match=r"write '\$1,200' for dollars"):
        read_budget("1,200")


@pytest.mark.slow
def test_through_ray_it_gives_the_same_bytes(finished, tmp_path):
    pytest.importorskip("ray")
    done = populace("study", "run", write(tmp_path), "--folder", tmp_path / "study", "--engine", "ray")
    assert done.returncode == 0, done.stderr
    assert hashes(tmp_path / "study") == hashes(finished.folder)
    # Judging goes in two parts, nobody's and the personas': one line, of all 72 calls.
    judging = [line for line in done.stderr.splitlines() if line.startswith("judgements")]
    assert judging[-1].startswith("judgements: 72/72 (100 %)")
    assert all("/72 (" in line for line in judging)
    assert sum("100 %" in line for line in judging) == 1


def test_parts_of_a_stage_are_its_requests_and_no_part_puts_all_on_one_worker(finished):
    from populace.run import Journal
    from populace.run.distributed.spool import shard_of
    from populace.study.prepare import prepare

    prepared = prepare(finished.settings, finished.base)
    with Journal(finished.folder / "journal") as journal:
        for stage in finished.stages(prepared, *finished.models(), journal):
            plan = list(stage.requests())
            assert [r.key for part in stage.parts for r in part.requests()] == [r.key for r in plan]
            assert len(plan) == stage.calls
            for part in stage.parts:
                asked = list(part.requests())
                assert len(asked) == part.calls
                shards = {shard_of({r.key: r}, 10**9, part.affinity) for r in asked}
                # Six answers, or six personas, or six pairs before nobody.
                assert len(shards) >= 6
