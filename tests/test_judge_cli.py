"""`populace judge` as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from judge_material import Rater, options, write_material
from populace.cli.judge import app
from populace.errors import DataError, StudyError

run = CliRunner().invoke


def test_power_prints_a_table_without_the_extra():
    shown = run(app, ["power", "--kappa", "0.6", "--against", "0.4", "--raters", "4"], env={"COLUMNS": "120"})
    assert shown.exit_code == 0
    assert "│ 4             │ 11       │ 110   │ 44     │ 440        │" in shown.output
    wide = run(app, ["power", "--kappa", "0.6", "--width", "0.1", "--raters", "4"], env={"COLUMNS": "120"})
    assert "│ 4             │ 19 " in wide.output
    bad = run(app, ["power", "--kappa", "0.3", "--against", "0.4"])
    assert isinstance(bad.exception, StudyError)


def test_the_command_line_starts_without_the_packages_of_the_page():
    heavy = "('sqlalchemy', 'starlette', 'polars')"
    code = f"import sys, populace.cli.judge; print([m for m in {heavy} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.fixture
def study(tmp_path):
    pytest.importorskip("sqlalchemy", reason="the extra serve is not installed")
    from populace.serve.judging.desk import Desk, Panel
    from populace.serve.judging.opening import open_study
    from populace.serve.judging.settings import make_settings

    write_material(tmp_path)
    opened = open_study(str(tmp_path / "j.sqlite"), make_settings(options(tmp_path, raters=2, questions=4)))
    desk = Desk(opened.store, opened.settings, opened.keys)
    for n in range(6):
        token = opened.keys.token_of(f"pid{n}")
        desk.agree(token, Panel(f"pid{n}"))
        if n == 0:
            Rater(desk, token).answer("first")
        else:
            Rater(desk, token).finish("second" if n == 1 else None)
    yield tmp_path, opened, desk
    opened.store.close()


def test_export_in_every_form_and_filtered(study):
    folder, _, _ = study
    store = str(folder / "j.sqlite")
    for suffix, read in (("parquet", pl.read_parquet), ("csv", pl.read_csv), ("jsonl", pl.read_ndjson)):
        out = folder / f"out.{suffix}"
        assert run(app, ["export", store, "--out", str(out)]).exit_code == 0
        assert read(out).height == 21
    shown = run(app, ["export", store, "--out", str(folder / "c.csv"), "--complete", "--attentive"])
    assert "16 rows (5 left out)" in shown.output.replace("\n", "")
    run(app, ["export", store, "--table", "pairs", "--out", str(folder / "p.parquet")])
    assert pl.read_parquet(folder / "p.parquet").columns == [
        "persona_id",
        "prompt_id",
        "prompt",
        "first",
        "second",
    ]
    bad = run(app, ["export", store, "--out", str(folder / "x.xlsx")])
    assert isinstance(bad.exception, DataError)


def test_agreement_of_a_store_and_of_its_export(study):
    folder, _, _ = study
    run(app, ["export", str(folder / "j.sqlite"), "--out", str(folder / "v.parquet")])
    outs = []
    run(app, ["export", str(folder / "j.sqlite"), "--out", str(folder / "v.csv")])
    for source in ("j.sqlite", "v.parquet", "v.csv"):
        out = folder / f"{source}.json"
        shown = run(app, ["agreement", str(folder / source), "--out", str(out), "--draws", "50"])
        assert shown.exit_code == 0, shown.exception
        outs.append(json.loads(out.read_text()))
        assert "left out" in shown.output
    assert outs[0] == outs[1] == outs[2]


@pytest.mark.parametrize("name", ["name", "link", "a page", "panel id"])
def test_forget_by_name_link_or_panel_id(study, name):
    folder, opened, desk = study
    token = opened.keys.token_of("pid2")
    link = f"http://x/judging/r/{token}"
    known = {"name": opened.keys.rater(token), "link": link, "a page": f"{link}/withdraw", "panel id": "pid2"}
    who = known[name]
    assert run(app, ["forget", str(folder / "j.sqlite"), who]).exit_code == 0
    assert not desk.knows(token)
    again = run(app, ["forget", str(folder / "j.sqlite"), who])
    assert isinstance(again.exception, DataError)


def test_serve_says_what_is_wrong_before_it_begins(study):
    folder, _, _ = study
    pairs, people = str(folder / "pairs.parquet"), str(folder / "personas.parquet")
    store = ["--store", str(folder / "new.sqlite")]
    for arguments, what in (
        ([pairs, *store], "who the personas are is not said"),
        ([pairs, "--personas", people, "--preset", "persona", *store], "0 have them"),
        (["--raters", "4", *store], "goes on as it is"),
        ([str(folder / "none.parquet"), *store], "no such file"),
        ([pairs, pairs, *store], "two files of pairs"),
        ([str(folder / "j.sqlite"), *store], "this is a store"),
        (store, "no study here"),
        ([pairs, "--public-url", "judging.example", *store], "is no address"),
    ):
        shown = run(app, ["serve", *arguments])
        assert what in str(shown.exception)
    assert not (folder / "new.sqlite").exists()


@pytest.mark.parametrize(
    ("options", "base"),
    [
        ([], "http://localhost:"),
        (["--public-url", "https://judge.example/"], "https://judge.example/"),
        (["--root-path", "judging", "--public-url", "https://x.example"], "https://x.example/judging/"),
        (
            ["--root-path", "/judging/", "--public-url", "https://x.example/judging"],
            "https://x.example/judging/",
        ),
    ],
)
def test_serve_prints_addresses_that_raters_can_reach(study, monkeypatch, options, base):
    uvicorn = pytest.importorskip("uvicorn", reason="the extra serve is not installed")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: [each.close() for each in sockets])
    folder, _, _ = study
    shown = run(app, ["serve", "--store", str(folder / "j.sqlite"), "--port", "0", *options])
    assert shown.exit_code == 0, shown.exception
    prolific = next(line for line in shown.output.splitlines() if line.startswith("Prolific"))
    assert prolific.split()[1].startswith(base)
    assert prolific.split()[1].endswith("/?" + prolific.split("?")[1])
    assert ("--public-url" in shown.output) == (not options)


def test_agreement_of_a_broken_file_says_what_is_wrong(tmp_path):
    good = {"persona_id": ["p"], "prompt_id": ["q"], "rater": ["r"], "verdict": ["first"]}
    for broken, what in (
        ({"persona_id": ["p"]}, "a column is missing"),
        (good | {"verdict": ["maybe"]}, "the verdict 'maybe' is none"),
        ({name: value * 2 for name, value in good.items()}, "judged a pair twice"),
    ):
        pl.DataFrame(broken).write_parquet(tmp_path / "v.parquet")
        shown = run(app, ["agreement", str(tmp_path / "v.parquet")])
        assert isinstance(shown.exception, DataError)
        assert what in str(shown.exception)
    (tmp_path / "v.parquet").write_text("no table")
    assert isinstance(run(app, ["agreement", str(tmp_path / "v.parquet")]).exception, DataError)
