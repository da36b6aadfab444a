"""The preset persona-1586."""

import hashlib
import json
import os
import re
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from populace.cli.personas import app
from populace.errors import DataError
from populace.personas import COLUMNS, RULES, build, load
from populace.personas.presets import persona_1586, preset, readme
from populace.personas.schema import attribute

RUN = CliRunner(env={"COLUMNS": "160"})


@pytest.fixture(scope="module")
def made():
    return persona_1586()


def test_it_is_what_the_paper_has(made):
    frame = made.frame
    assert frame.height == frame["persona_id"].n_unique() == 1586
    assert frame.columns == ["persona_id", "person_id", "weight", *COLUMNS, "split"]
    assert dict(frame["split"].value_counts().rows()) == {"train": 1000, "test": 586}
    # 18.5 % of the public 1,000 are minors; 21.5 % of the people of 2024 are (73 of 340 million). Three
    # standard deviations of a share of 1,586 are 3.1 points.
    assert (frame["age"] < 18).mean() == pytest.approx(0.215, abs=0.031)
    assert frame["weight"].sum() == pytest.approx(340_110_990, rel=1e-4)
    # Adults have the 33 attributes, but for what the source does not release and what does not apply.
    adults = frame.filter(pl.col("age") >= 18)
    for name in ("religion", "ideology", "political_views", "openness", "defining_quirks", "lifestyle"):
        assert adults[name].null_count() == 0


def test_nobody_in_it_breaks_a_hard_rule(made):
    hard = [each.expression.alias(name) for name, each in RULES.items() if each.kind == "hard"]
    assert made.frame.select(hard).sum_horizontal().sum() == 0


def test_the_split_is_the_hash_with_the_seed(made):
    def digest(persona_id):
        # Canonical JSON of [name, seed, id] by hand.
        text = json.dumps(["persona-1586", 0, persona_id], separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    ranked = sorted(made.frame["persona_id"], key=digest)
    train = set(made.frame.filter(pl.col("split") == "train")["persona_id"])
    assert train == set(ranked[:1000])


def test_another_seed_makes_others(made):
    other = persona_1586(seed=1)
    assert len(other) == 1586
    assert set(other.frame["persona_id"]).isdisjoint(made.frame["persona_id"])


CHILD = "import sys; from populace.personas.presets import persona_1586; persona_1586(3).save(sys.argv[1])"


def test_bytes_are_the_same_in_every_process(tmp_path):
    for number, threads in (("1", "1"), ("77", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": number, "POLARS_MAX_THREADS": threads}
        target = str(tmp_path / f"{number}.parquet")
        subprocess.run([sys.executable, "-c", CHILD, target], check=True, env=environment)
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "77.parquet").read_bytes()


def test_it_comes_back_with_its_split_and_says_where_it_differs(made, tmp_path):
    made.save(tmp_path / "p.parquet")
    again = load(tmp_path / "p.parquet")
    assert again.frame.equals(made.frame)
    text = readme(again)
    assert "1,000 train, 586 test" in text and "8.5 %" in text and "568" in text
    assert "removed by the rules" in text


def test_command_line(tmp_path, made):
    done = RUN.invoke(app, ["preset", "persona-1586", "--out", str(tmp_path / "set")])
    assert done.exit_code == 0, done.output
    assert "1,586 personas, 1,000 train, 586 test" in done.output
    assert load(tmp_path / "set" / "personas.parquet").frame.equals(made.frame)
    assert (tmp_path / "set" / "README.md").read_text().startswith("# persona-1586")
    done = RUN.invoke(app, ["preset", "persona-1586", "--out", str(tmp_path / "alone.parquet")])
    assert done.exit_code == 0 and sorted(path.name for path in tmp_path.iterdir()) == [
        "alone.parquet",
        "set",
    ]


def test_unknown_presets_and_other_personas():
    with pytest.raises(DataError, match=r"no preset 'persona-1600'.*persona-1586"):
        preset("persona-1600")
    with pytest.raises(DataError, match="not made by a preset"):
        readme(build(pl.DataFrame({"age": [30]}), seed=0))


def test_nobody_in_it_does_learned_work_with_little_schooling(made):
    few = attribute("education").values[: attribute("education").values.index("Regular high school diploma")]
    learned = ["Registered Nurses", "Dental Hygienists", "Special Education Teachers",
               "Aircraft Pilots And Flight Engineers"]  # fmt: skip
    working = made.frame.filter(pl.col("employment_status").str.starts_with("Civilian employed"))
    odd = working.filter(pl.col("occupation_category").is_in(learned) & pl.col("education").is_in(few))
    assert odd.height == 0
    names = [name for name in RULES if re.search(r"-without-(college|diploma)$", name)]
    names.remove("forces-without-diploma")
    assert made.frame.select(RULES[name].expression.alias(name) for name in names).sum_horizontal().sum() == 0
    # Some were drawn, and are counted.
    left_out = made.provenance["preset"]["left_out"]
    assert set(left_out) <= set(names) and all(count > 0 for count in left_out.values())
    assert "little" in readme(made)
    with pytest.raises(DataError, match="is no seed"):
        persona_1586(-1)
