"""What `build` takes: which files are the census's, which options go with which source."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from populace.errors import DataError
from populace.population import GenerativeModel, build, fit
from populace.population.building import EMBEDDED
from populace.population.shares import survey_shares

PERSONS = """SERIALNO,SPORDER,STATE,PWGTP,AGEP,SEX
2024HU0000001,1,50,12,45,1
2024HU0000001,2,50,15,12,2
2024HU0000003,1,50,11,33,2
"""
MORE = """SERIALNO,SPORDER,STATE,PWGTP,AGEP,SEX
2024HU0000007,1,56,9,70,2
"""


def zipped(path: Path, **members: str | bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_dot_", "."), content)
    return path


def test_the_zip_of_the_country_is_known(tmp_path):
    # As the Census Bureau publishes it: one zip, several tables.
    file = zipped(tmp_path / "csv_pus.zip", psam_pusa_dot_csv=PERSONS, psam_pusb_dot_csv=MORE)
    people = build(file)
    assert people.provenance.codebook == "acs_pums" and people.provenance.geography == "Vermont, Wyoming"
    assert people.frame["weight"].to_list() == [12, 15, 11, 9]
    assert people.frame.equals(build(file, codebook="acs_pums").frame)


@pytest.mark.parametrize("suffix", ["tsv", "tab", "csv"])
def test_text_tables_are_known_by_their_columns(tmp_path, suffix):
    file = tmp_path / f"people.{suffix}"
    file.write_text(PERSONS if suffix == "csv" else PERSONS.replace(",", "\t"))
    assert build(file).frame["person_id"].to_list()[0] == "2024HU0000001-01"


def test_what_is_not_the_census_is_said_truly(tmp_path):
    table = tmp_path / "s.tsv"
    table.write_text("SERIALNO\tAGEP\n1\t2\n")
    with pytest.raises(DataError, match=r"it lacks PWGTP.*name the codebook of the survey .*anes_pilot_2022"):
        build(table)
    table.write_text("AGEP\tPWGTP\n1\t2\n")
    with pytest.raises(DataError, match="it lacks SERIALNO"):
        build(table)
    lines = tmp_path / "s.jsonl"
    lines.write_text('{"SERIALNO": 1, "PWGTP": 2}\n')
    with pytest.raises(DataError, match=r"a \.jsonl file is none that the Census Bureau publishes"):
        build(lines)
    # A zip of another kind of table is a survey's.
    held = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(held)
    with pytest.raises(DataError, match=r"it lacks PWGTP.*name the codebook"):
        build(zipped(tmp_path / "s.zip", s_dot_parquet=held.getvalue()))
    with pytest.raises(DataError, match="zip"):
        build(zipped(tmp_path / "n.zip", s_dot_txt="a"))


def test_a_person_without_a_state_is_named(tmp_path):
    file = tmp_path / "p.csv"
    file.write_text(PERSONS.replace("2,50,15", "2,,15"))
    with pytest.raises(DataError, match="row 2, column STATE: person 2024HU0000001-02 has no state"):
        build(file)
    with pytest.raises(DataError, match="row 2, column STATE"):
        build(file, adults=True)  # whom the cut would leave out
    assert len(build(file, states=[50])) == 2
    held = zipped(tmp_path / "p.zip", p_dot_csv=file.read_text())
    with pytest.raises(DataError, match="column STATE: person 2024HU0000001-02 has no state"):
        build(held)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("model") / "mine.parquet"
    fit(build(EMBEDDED, size=2000, seed=0)).save(path)
    assert GenerativeModel.load(path).info["vintage"] == "2024"
    return path


def test_a_model_takes_what_the_embedded_one_takes(model):
    for source in (EMBEDDED, model):
        says = "takes no codebook and has no replicate weights"
        with pytest.raises(DataError, match=says):
            build(source, size=5, codebook="acs_pums")
        with pytest.raises(DataError, match=says):
            build(source, replicates=True)
        with pytest.raises(DataError, match=r"wrong vintage: .* is of 2024, not of 2023"):
            build(source, size=5, year=2023)
        assert len(build(source, size=5, year=2024)) == 5


def test_people_drawn_from_files_are_said_to_be(tmp_path):
    (tmp_path / "p.csv").write_text(PERSONS)
    drawn, whole = build(tmp_path / "p.csv", size=7), build(tmp_path / "p.csv")
    assert drawn.provenance.drawn and not whole.provenance.drawn
    # What was not done is not written: files of everybody have the bytes that they had before.
    assert "drawn" not in whole.provenance.record() and drawn.provenance.record()["drawn"] is True


def test_bands_of_numbers():
    # A scale of 0 to 100 ends in a band that takes in its end; ages go on.
    numbers = {"item_warm": [0, 24, 74, 75, 100, None], "age": [0, 9, 10, 99, 100, None]}
    beyond = {
        "item_days": [0, 24, 25, 100, 365, None],
        "inclusion": [0.5] * 6,
        "household_id": list("aabbcc"),
    }
    table = survey_shares(pl.DataFrame({"weight": [1.0] * 6, **numbers, **beyond}))
    labels = {name: table.filter(attribute=name)["label"].to_list() for name in table["attribute"].unique()}
    assert labels == {
        "item_warm": ["0-24", "50-74", "75-100"],
        "age": ["0-9", "10-19", "90-99", "100-109"],
        "item_days": ["0-24", "25-49", "100-124", "350-374"],
    }
    assert table.filter(attribute="item_warm")["share"].to_list() == pytest.approx([0.4, 0.2, 0.4])
