"""People's own answers and verdicts, as their files give them: who is who, and what is refused where."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.bench import Bench
from populace.bench.gold import read_gold
from populace.bench.planted import planted_people, planted_prompts
from populace.bench.user_tables import attributes_in, with_ids
from populace.bench.verdict_files import read_pairs, read_people
from populace.errors import DataError


@pytest.fixture
def bench() -> Bench:
    people = planted_people(5).with_columns(pl.Series("persona_id", ["1", "2", "3", "007", "x"]))
    prompts = planted_prompts(3).with_columns(pl.Series("prompt_id", ["1", "2", "q"]))
    return Bench(personas=people, prompts=prompts, target="t", judge="j")


def written(tmp_path, kind: str, **columns: object):
    path = tmp_path / f"gold.{kind}"
    frame = pl.DataFrame(columns, strict=False)
    {"csv": frame.write_csv, "jsonl": frame.write_ndjson, "parquet": frame.write_parquet}[kind](path)
    return path


class TestPeopleByAttributes:
    def test_people_known_by_few_attributes_stay_as_many_as_they_are(self, tmp_path, bench):
        rng = np.random.default_rng(0)
        path = written(
            tmp_path,
            "csv",
            sex=rng.choice(["Male", "Female"], 200),
            ideology=rng.choice(["Liberal", "Moderate", "Conservative"], 200),
            question=["q"] * 200,
            answer=[f"answer {n}" for n in range(200)],
        )
        gold = read_gold(path, bench)
        assert gold.personas.height == gold.answers.height == 200
        assert gold.personas["persona_id"].n_unique() == 200
        assert gold.told.startswith("200 answers of 200 people; none left out (each row is taken for another")
        # The same file gives the same people.
        assert gold.personas.equals(read_gold(path, bench).personas)

    def test_a_person_id_puts_rows_together(self, tmp_path, bench):
        path = written(
            tmp_path,
            "csv",
            person_id=[7, 7, 8, 8, 9, 9],
            sex=["Male", None, "Male", "Male", None, None],
            age=[None, "40", "40", "40", None, None],
            question=["a", "b", "a", "a", "a", "b"],
            answer=["1", "2", "3", "4", "5", " "],
        )
        gold = read_gold(path, bench)
        # 7 and 8 are the same in all that is known, and two; of 9 nothing is known.
        assert gold.personas.select("person_id", "age", "sex").rows() == [
            ("7", 40, "Male"),
            ("8", 40, "Male"),
        ]
        assert gold.answers["answer"].to_list() == ["1", "2", "3"]
        assert gold.told == (
            "3 answers of 2 people; left out: 1 without a word, 1 of people of whom nothing is known, "
            "1 second answers to a question"
        )

    def test_what_contradicts_itself_is_refused(self, tmp_path, bench):
        common = {"question": ["a", "b"], "answer": ["1", "2"]}
        path = written(tmp_path, "jsonl", person_id=["p", "p"], age=[30, 31], **common)
        with pytest.raises(DataError, match="row 2, column age: 31, and 30 in an earlier row of p"):
            read_gold(path, bench)
        path = written(tmp_path, "jsonl", person_id=["p", None], age=[30, 31], **common)
        with pytest.raises(DataError, match="row 2, column person_id: nobody is named"):
            read_gold(path, bench)

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    @pytest.mark.parametrize(
        ("column", "values", "says"),
        [
            ("age", ["30", "x", "40"], "row 2, column age: 'x' is no whole number"),
            ("age", [30, 40, 200], "row 3, column age: 200 is not between 0 and 99"),
            ("age", [30.0, 40.5, None], "row 2, column age: .*40.5.* is no whole number"),
            ("sex", ["Male", "Male", "Martian"], "row 3, column sex: 'Martian' is not a value of sex"),
            ("sex", ["Male", "female", None], "row 2, column sex: .*write 'Female'"),
        ],
    )
    def test_attributes_are_checked(self, tmp_path, bench, kind, column, values, says):
        # The first row has no answer: rows are counted as the file has them.
        path = written(tmp_path, kind, **{column: values}, question=["q"] * 3, answer=[None, "b", "c"])
        with pytest.raises(DataError, match=says):
            read_gold(path, bench)


class TestIds:
    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    @pytest.mark.parametrize("ids", [[1, 2, 3], [1.0, 2.0, 3.0], ["1", "2", "3"]])
    def test_numbers_are_names(self, tmp_path, bench, kind, ids):
        if kind == "csv" and isinstance(ids[0], float):
            ids = [1, 2, 3]
        path = written(tmp_path, kind, persona_id=ids, prompt_id=[1, 1, 2], answer=["a", "b", "c"])
        gold = read_gold(path, bench)
        assert gold.answers.select("persona_id", "prompt_id").rows() == [("1", "1"), ("2", "1"), ("3", "2")]
        assert gold.by == "persona_id" and gold.told == "3 answers of 3 people; none left out"

    def test_noughts_in_front_stay(self, tmp_path, bench):
        path = written(tmp_path, "csv", persona_id=["007"], prompt_id=["q"], answer=["a"])
        assert read_gold(path, bench).personas["persona_id"].to_list() == ["007"]

    def test_other_columns_are_no_matter(self, tmp_path, bench):
        other = {"row": [9], "known": [None], "prompt": ["mine"], "weight": ["x"]}
        path = written(tmp_path, "parquet", persona_id=[1], prompt_id=["q"], answer=["a"], **other)
        assert read_gold(path, bench).answers["prompt"].to_list() == [bench.prompts["text"][2]]

    def test_who_is_unknown_is_named(self, tmp_path, bench):
        path = written(tmp_path, "csv", persona_id=[1, 9], prompt_id=[1, 1], answer=["a", "b"])
        with pytest.raises(DataError, match=r"row 2, column persona_id: '9' is unknown here.*--all-ages"):
            read_gold(path, bench)
        path = written(tmp_path, "parquet", persona_id=[1, 2], prompt_id=[1, 8], answer=["a", "b"])
        with pytest.raises(DataError, match="row 2, column prompt_id: '8' is unknown here"):
            read_gold(path, bench)

    def test_pairs_and_verdicts(self, tmp_path, bench):
        texts = {"prompt": ["q", "q", "q"], "first": ["a", "b", " "], "second": ["c", 5, "d"]}
        pairs = written(tmp_path, "parquet", persona_id=[1, 2, 3], prompt_id=[1, 2, 1], **texts)
        found = read_pairs(pairs, bench)
        assert found.select("persona_id", "prompt_id", "second").rows() == [("1", "1", "c"), ("2", "2", "5")]
        path = written(tmp_path, "parquet", persona_id=[1.0], prompt_id=[1], rater=[4], verdict=["first"])
        assert read_people(path).rows() == [("1", "1", "4", "first")]
        path = written(tmp_path, "parquet", persona_id=[1], prompt_id=[1], rater=[4], verdict=[2])
        with pytest.raises(DataError, match="row 1, column verdict: the verdict '2' is none"):
            read_people(path)

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.integers(0, 10**15) | st.none(), min_size=1, max_size=5))
    def test_whole_numbers_as_floats_are_the_same_names(self, ids):
        whole, floats = (
            with_ids(pl.DataFrame({"a": pl.Series(ids, dtype=kind)}), ["a", "b"])["a"].to_list()
            for kind in (pl.Int64, pl.Float64)
        )
        assert whole == floats == [None if each is None else str(each) for each in ids]


def test_numbers_written_as_text_and_nothing_else():
    rows = pl.DataFrame({"age": [" 30", "", None], "income": [1e5, None, float("nan")], "sex": ["Male"] * 3})
    found = attributes_in(rows, "x")
    assert found.select("age", "income", "sex").rows() == [
        (30, 100_000, "Male"),
        (None, None, "Male"),
        (None, None, "Male"),
    ]
