"""Import of the public PERSONA release: pairs, people and questions; and what does not fit is counted."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from populace.canonical import content_hash
from populace.cli import app
from populace.errors import DataError
from populace.feedback import release_files
from populace.feedback.pairs import PAIR_SCHEMA
from populace.feedback.release import MODEL, import_release
from populace.feedback.release_people import Run, blocks, import_texts
from populace.personas import build, load, render
from populace.population import build as build_population

ANN = "age: 41\nsex: Female\nrace: White\neducation: Bachelor's degree\nveteran status: Non-Veteran"
BOB = "age: 30\nsex: Male\nrace: Asian alone\nreligion: nan\npolitical views: Democratic"
CY = "age: 66\nsex: Male\nrace: Black or African American alone\nlifestyle: calm"

TRAINED = [f"What should we do about matter {n}?" for n in range(150)]
HELD = [f"How would you settle dispute {n}?" for n in range(50)]


def person(text, start=0):
    """One persona's 200 rows, split as the paper says: 100 train, 50 test on 3,000, 50 on 868."""
    asked = [*TRAINED[start:], *TRAINED[:start]]
    questions = [*asked[:100], *asked[100:150], *HELD]
    return [
        {
            "persona": text,
            "instruction": question,
            "original": f"{question} There are many views, and each of them has some merit.",
            "data": f"{question} My view is number {place}.",
            "critique": "Too long.",
            "question type": "train" if place < 100 else "test",
        }
        for place, question in enumerate(questions)
    ]


def three():
    # Ann trains on matters 0-99, Bob on 50-149: together on all 150, so Ann's test matters train elsewhere.
    return [*person(ANN), *person(BOB, 50), *person(CY, 100)]


def written(rows, folder, kind):
    frame = pl.DataFrame(rows)
    if kind == "parquet":
        frame.write_parquet(folder / "train.parquet", row_group_size=77)
        return folder / "train.parquet"
    if kind == "csv":
        frame.write_csv(folder / "train.csv")
        return folder / "train.csv"
    if kind == "jsonl":
        frame.rename({"question type": "question_type"}).write_ndjson(folder / "train.jsonl")
        return folder / "train.jsonl"
    shards = folder / "shards"
    shards.mkdir()
    for number, start in enumerate(range(0, frame.height, 130)):  # no shard ends where a persona does
        frame.slice(start, 130).write_parquet(shards / f"train-{number:05}-of-00005.parquet")
    return shards


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "shards"])
def test_the_release_is_read_whole_from_any_form(tmp_path, kind):
    report = import_release(written(three(), tmp_path, kind), tmp_path / "out")
    pairs = pl.read_parquet(tmp_path / "out" / "pairs.parquet")
    people = load(tmp_path / "out" / "personas.parquet")
    prompts = pl.read_parquet(tmp_path / "out" / "prompts.parquet")
    assert (report.rows, report.pairs, report.personas, report.prompts) == (600, 600, 3, 200)
    assert (report.left_out, report.repeated) == (0, 0)
    assert dict(pairs.schema) == PAIR_SCHEMA
    first = pairs.row(0, named=True)
    assert first["original"] == f"{TRAINED[0]} There are many views, and each of them has some merit."
    assert first["revision"] == f"{TRAINED[0]} My view is number 0."
    assert first["prompt_id"] == content_hash(TRAINED[0])
    assert first["pair_id"] == content_hash(
        [first["prompt_id"], first["author_id"], MODEL, first["original"], first["revision"]]
    )
    # 7 words of the question and 11 of the original's; 5 of the rewrite's.
    assert (first["original_words"], first["revision_words"]) == (18, 12)
    assert first["original_cut"] is None  # unknown is not False
    # The authors are the personas, in the file's order.
    assert pairs["author_id"].unique(maintain_order=True).to_list() == people.frame["persona_id"].to_list()
    assert people.frame["age"].to_list() == [41, 30, 66]
    assert prompts["split"].value_counts().sort("split").rows() == [("test", 50), ("train", 150)]
    # 3 personas x 100 / 50 / 50.
    assert report.splits == {"train": 300, "test": 150, "held_out": 150, "unknown": 0}
    assert report.as_paper == 3
    counted = pairs["split"].value_counts().sort("split").rows()
    assert counted == [("held_out", 150), ("test", 150), ("train", 300)]
    assert [each.name for each in report.defects] == []
    assert (report.shorter, report.longer, report.length_rule) == (1.0, 0.0, 1.0)
    assert not (tmp_path / "out" / "judgements.parquet").exists()
    assert "never judged" in report.text()
    assert report.people.file in ("train.parquet", "train.csv", "train.jsonl", "shards")


def test_all_forms_give_the_same_bytes(tmp_path):
    made = []
    for kind in ("parquet", "csv", "jsonl", "shards"):
        (tmp_path / kind).mkdir()
        import_release(written(three(), tmp_path / kind, kind), tmp_path / f"{kind}-out")
        made.append((tmp_path / f"{kind}-out" / "pairs.parquet").read_bytes())
    assert made[0] == made[1] == made[2] == made[3]


def test_values_not_mapped_are_reported_with_their_row_in_the_release(tmp_path):
    report = import_release(written(three(), tmp_path, "parquet"), tmp_path / "out")
    notes = {(each.attribute, each.raw): (each.how, each.row) for each in report.people.values}
    assert notes[("religion", "nan")] == ("missing", 201)
    assert notes[("political_views", "Democratic")][1] == 201
    assert notes[("veteran_status", "Non-Veteran")] == ("reading", 1)
    saved = json.loads((tmp_path / "out" / "personas_report.json").read_text())
    assert any(each["raw"] == "nan" and each["row"] == 201 for each in saved["values"])


def test_what_does_not_fit_is_named_counted_and_kept_or_left(tmp_path):
    rows = three()
    rows[0]["data"] = "  "  # row 1: no pair
    rows[1]["original"] = "NaN"  # row 2: no pair
    rows[2]["data"] = rows[2]["original"]  # row 3: stays, identical
    rows[3]["data"] = rows[3]["original"] + " And more."  # row 4: longer
    rows[4] = dict(rows[5])  # rows 5 and 6: the same pair
    rows[6]["instruction"] = rows[7]["instruction"]  # row 8 asks what row 7 asked
    rows[8]["question type"] = "validation"  # row 9
    rows[9]["critique"] = "nan"  # row 10
    rows[10]["instruction"] = "Abortion views"  # row 11: no question, two words
    rows[11]["persona"] = None  # row 12: no pair, and it splits Ann's block
    report = import_release(written(rows, tmp_path, "parquet"), tmp_path / "out")
    found = {each.name: (each.count, each.row) for each in report.defects}
    assert found == {
        "empty-data": (1, 1),
        "nan-original": (1, 2),
        "same-answers": (1, 3),
        "rewrite-longer": (1, 4),
        "repeated-row": (1, 6),
        "question-twice": (1, 8),
        "split-unknown": (1, 9),
        "nan-critique": (1, 10),
        "no-question-mark": (1, 11),
        "under-five-words": (1, 11),
        "empty-persona": (1, 12),
        # 11 rows of Ann, 188 more after the blank: neither is 200, and the second is Ann again.
        "uneven-blocks": (2, 1),
        "persona-returns": (1, 13),
    }
    assert (report.pairs, report.left_out, report.repeated) == (596, 3, 1)
    pairs = pl.read_parquet(tmp_path / "out" / "pairs.parquet")
    assert pairs.height == 596
    assert pairs["pair_id"].n_unique() == 596
    assert pairs.filter("identical").height == 1
    assert pairs["critique"].null_count() == 1
    assert pairs.filter(pl.col("split").is_null()).height == report.splits["unknown"] == 1
    # One rewrite longer, one the same, all others shorter.
    assert report.length_rule == pytest.approx((594 + 0.5) / 596)
    assert report.as_paper == 2


def test_a_persona_that_changes_within_its_block_is_found(tmp_path):
    rows = three()
    for row in rows[350:400]:
        row["persona"] = BOB.replace("30", "31")
    report = import_release(written(rows, tmp_path, "jsonl"), tmp_path / "out")
    found = {each.name: (each.count, each.row) for each in report.defects}
    assert found == {"persona-changes-in-block": (1, 351)}
    assert report.personas == 4


def test_texts_that_read_alike_are_one_author(tmp_path):
    rows = [
        *person(ANN),
        *person(ANN.replace("Female", "female"), 50),
        *person(ANN.replace("White", "white")),
    ]
    report = import_release(written(rows, tmp_path, "parquet"), tmp_path / "out")
    pairs = pl.read_parquet(tmp_path / "out" / "pairs.parquet")
    assert (report.texts, report.personas) == (3, 1)
    assert (
        pairs["author_id"].unique().to_list()
        == load(tmp_path / "out" / "personas.parquet").frame["persona_id"].to_list()
    )
    # The third repeats all 200 pairs of the first; the second its 50 on held-out questions.
    assert report.repeated == 250


def test_every_text_gets_the_id_of_who_it_is_read_as(tmp_path):
    nobody = ["shoe size: 41", "hat: none"]  # no attribute: alike, and like nobody
    texts = [nobody[0], ANN, BOB, ANN.upper(), nobody[1], CY, BOB + " ", ANN + "\n"]
    people, _, ids = import_texts(texts, list(range(1, 9)), tmp_path, "h")
    assert ids[1] == ids[3] == ids[7]
    assert ids[0] == ids[4]
    assert ids[2] == ids[6]
    assert len(set(ids)) == len(people) == 4
    assert set(ids) == set(people.frame["persona_id"])


def test_our_own_release_template_is_read_back(tmp_path):
    ours = build(build_population("us-2024", size=12, seed=3), seed=3)
    rows = [row for n, each in enumerate(ours) for row in person(render(each, "release"), n)]
    report = import_release(written(rows, tmp_path, "shards"), tmp_path / "out")
    pairs = pl.read_parquet(tmp_path / "out" / "pairs.parquet")
    assert pairs["author_id"].unique(maintain_order=True).to_list() == ours.frame["persona_id"].to_list()
    assert report.people.unread == ()


def test_bad_files_leave_nothing(tmp_path):
    out = tmp_path / "out"
    frame = pl.DataFrame(three())
    frame.drop("data").write_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="column data: this column is missing"):
        import_release(tmp_path / "a.parquet", out)
    with pytest.raises(DataError, match="no such file"):
        import_release(tmp_path / "b.parquet", out)
    frame.write_parquet(tmp_path / "c.parquet")
    whole = (tmp_path / "c.parquet").read_bytes()
    (tmp_path / "c.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot be read"):
        import_release(tmp_path / "c.parquet", out)
    frame.write_ndjson(tmp_path / "d.jsonl")
    with (tmp_path / "d.jsonl").open("a") as lines:
        lines.write('{"persona": \n')
    with pytest.raises(DataError, match=r"d\.jsonl, row 601: this is no JSON"):
        import_release(tmp_path / "d.jsonl", out)
    frame.with_columns(original=pl.lit(" ")).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(DataError, match="no row holds two answers"):
        import_release(tmp_path / "e.parquet", out)
    (tmp_path / "f").mkdir()
    frame.write_parquet(tmp_path / "f" / "1.parquet")
    frame.write_csv(tmp_path / "f" / "2.csv")
    with pytest.raises(DataError, match="several kinds"):
        import_release(tmp_path / "f", out)
    assert not out.exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_failed_import_leaves_the_one_before(tmp_path):
    out = tmp_path / "out"
    import_release(written(three(), tmp_path, "parquet"), out)
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    pl.DataFrame(three()).with_columns(original=pl.lit(" ")).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(DataError):
        import_release(tmp_path / "e.parquet", out)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_rows_are_counted_over_batches(tmp_path, monkeypatch):
    import_release(written(three(), tmp_path, "jsonl"), tmp_path / "whole")
    monkeypatch.setattr(release_files, "_BATCH", 7)
    report = import_release(tmp_path / "train.jsonl", tmp_path / "parts")
    assert report.defects == ()
    assert (tmp_path / "whole" / "pairs.parquet").read_bytes() == (
        tmp_path / "parts" / "pairs.parquet"
    ).read_bytes()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=12))
def test_blocks_account_for_every_row(drawn):
    runs, row = [], 1
    for text, rows in drawn:
        runs.append(Run(text, row, rows))
        row += rows
    found = blocks(runs, size=4)
    # Each run of another length than 4 is uneven, or is part of a block that changes, whose first run is not
    # in the list of changes.
    short = [run for run in runs if run.rows != 4]
    assert found.whole == len(runs) - len(short)
    assert set(found.uneven).isdisjoint(found.changing)
    assert set(found.uneven) | set(found.changing) <= set(short)
    left = [run for run in short if run not in found.uneven]
    assert sum(run.rows for run in left) % 4 == 0
    assert len(left) - len(found.changing) == sum(run.rows for run in left) // 4


def test_the_command_writes_the_folder_and_says_what_it_found(tmp_path):
    file = written(three(), tmp_path, "parquet")
    result = CliRunner().invoke(
        app, ["feedback", "import", "persona", str(file), "--out", str(tmp_path / "o")]
    )
    assert result.exit_code == 0, result.output
    assert "600 pairs of 3 personas and 200 questions" in result.output
    assert "never judged" in result.output
    assert sorted(p.name for p in (tmp_path / "o").iterdir()) == [
        "pairs.parquet",
        "personas.parquet",
        "personas_report.json",
        "prompts.parquet",
        "report.json",
    ]
    wrong = CliRunner().invoke(app, ["feedback", "import", "prism", str(file), "--out", str(tmp_path / "o")])
    assert isinstance(wrong.exception, DataError)


@pytest.mark.parametrize("coded", [None, "0"])
def test_what_a_question_is_for_is_not_claimed_where_no_row_says_it(tmp_path, coded):
    rows = [{**row, "question type": coded} for row in three()]
    frame = pl.DataFrame(rows, schema_overrides={"question type": pl.String})
    (frame.drop("question type") if coded is None else frame).write_parquet(tmp_path / "noqt.parquet")
    report = import_release(tmp_path / "noqt.parquet", tmp_path / "out")
    assert pl.read_parquet(tmp_path / "out" / "prompts.parquet")["split"].null_count() == 200
    assert pl.read_parquet(tmp_path / "out" / "pairs.parquet")["split"].null_count() == 600
    assert "does not say what a row is for" in report.text()


def test_a_part_of_the_release_is_said_to_be_one(tmp_path):
    # Without Bob and Cy nobody trains on Ann's test questions: they are called held_out.
    pl.DataFrame(person(ANN)[:-10]).write_parquet(tmp_path / "part.parquet")
    report = import_release(tmp_path / "part.parquet", tmp_path / "out")
    assert (report.as_paper, report.splits["held_out"]) == (0, 90)
    assert "WARNING: no persona has the release's 100, 50 and 50" in report.text()
    pl.DataFrame(three()).write_parquet(tmp_path / "whole.parquet")
    assert "WARNING" not in import_release(tmp_path / "whole.parquet", tmp_path / "whole").text()


def test_the_hubs_own_layout_and_lines_called_json_are_read(tmp_path):
    hub = tmp_path / "hub"
    (hub / "data").mkdir(parents=True)
    (hub / "dataset_infos.json").write_text("{}")
    pl.DataFrame(three()).write_parquet(hub / "data" / "train-00000-of-00001.parquet")
    assert import_release(hub, tmp_path / "out").pairs == 600
    pl.DataFrame(three()).write_ndjson(tmp_path / "train.json")
    assert import_release(tmp_path / "train.json", tmp_path / "lines").pairs == 600
    one = {name: pl.read_parquet(tmp_path / name / "pairs.parquet") for name in ("out", "lines")}
    assert one["out"].equals(one["lines"])
    (tmp_path / "array.json").write_text(json.dumps(three()[:2], indent=1))
    with pytest.raises(DataError, match="one whole record a line"):
        import_release(tmp_path / "array.json", tmp_path / "array")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="holds no shards"):
        import_release(tmp_path / "none", tmp_path / "nothing")


def test_people_can_judge_what_was_imported(tmp_path):
    from populace.serve.judging.material import read_material
    from populace.serve.judging.settings import make_settings

    rows = written(three(), tmp_path, "parquet")
    said = CliRunner().invoke(
        app, ["feedback", "import", "persona", str(rows), "--out", str(tmp_path / "out")]
    )
    assert f"populace judge serve {tmp_path / 'out'}/pairs.parquet" in said.output.replace("\n", "")
    place = {name: str(tmp_path / "out" / f"{name}.parquet") for name in ("pairs", "personas")}
    material = read_material(make_settings(place))
    assert material.pairs.height == 600
    assert material.pairs["persona_id"].n_unique() == 3
