"""Reading PUMS files: the official layouts, what is derived, and every kind of bad input."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import polars as pl
import pytest

from populace.errors import CodebookError, DataError
from populace.population.codebook import load_codebook
from populace.population.files import find_files
from populace.population.pums import read_pums
from populace.population.reading import read_tables

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "acs_pums_2024"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared PUMS extract is absent")

PERSONS = """RT,SERIALNO,SPORDER,ST,ADJINC,PWGTP,AGEP,SEX,SCHL,OCCP,PINCP,CIT,POBP
P,2019HU0000001,1,50,1010145,12,45,1,21,0800,50000,1,050
P,2019HU0000001,2,50,1010145,15,44,2,22,2310,-100,4,110
P,2019HU0000001,3,50,1010145,11,3,2,01,,,1,050
P,2019GQ0000002,1,50,1010145,20,70,1,16,,0,1,006
"""
HOUSEHOLDS = """RT,SERIALNO,ST,ADJINC,WGTP,NP,TYPE,HHT,HINCP
H,2019HU0000001,50,1010145,12,3,1,1,49900
H,2019GQ0000002,50,1010145,0,1,3,,
H,2019HU0000009,50,1010145,9,0,1,,
"""


def zipped(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ACS2019_PUMS_README.pdf", "not data")
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return path


@pytest.fixture
def release(tmp_path: Path) -> Path:
    zipped(tmp_path / "csv_pvt.zip", psam_p50=PERSONS)
    zipped(tmp_path / "csv_hvt.zip", psam_h50=HOUSEHOLDS)
    return tmp_path


def test_official_zips_are_joined(release):
    people, files, notes = read_pums(release)
    assert [path.name for path in files] == ["csv_pvt.zip", "csv_hvt.zip"]
    assert people["person_id"].to_list()[0] == "2019HU0000001-01"
    # ST is STATE's older name; ADJINC 1.010145 turns 50,000 into 50,507.25 and 49,900 into 50,406.2.
    assert people["STATE"].to_list() == [50] * 4
    assert people["PINCP"].to_list() == [50507, -101, None, 0]
    assert people["HINCP"].to_list() == [50406, 50406, 50406, None]
    # A child of 3 and no older one in a family household: code 1. Group quarters have none.
    assert people["FPARC"].to_list() == [1, 1, 1, None]
    assert any("FPARC" in note for note in notes)


def test_children_are_counted_without_the_householder(tmp_path):
    # Household 1: a married householder of 17 and a spouse of 19, no child. 2: children of 4 and 5.
    # 3: a child of 17 only. 4: the same ages, but no family.
    rows = [(1, 17), (1, 19), (2, 30), (2, 4), (2, 5), (3, 40), (3, 17), (4, 40), (4, 17)]
    order = [1, 2, 1, 2, 3, 1, 2, 1, 2]
    persons = {
        "SERIALNO": [f"2019HU{h}" for h, _ in rows],
        "SPORDER": order,
        "AGEP": [age for _, age in rows],
    }
    pl.DataFrame(persons).with_columns(STATE=50, PWGTP=1).write_csv(tmp_path / "psam_p50.csv")
    homes = pl.DataFrame({"SERIALNO": [f"2019HU{h}" for h in (1, 2, 3, 4)], "HHT": [1, 1, 3, 5]})
    homes.with_columns(WGTP=1).write_csv(tmp_path / "psam_h50.csv")
    people, *_ = read_pums(tmp_path)
    assert people["FPARC"].to_list() == [4, 4, 3, 3, 3, 2, 2, None, None]


def test_old_serial_numbers_join_whatever_their_zeros(tmp_path):
    (tmp_path / "psam_p50.csv").write_text("SERIALNO,SPORDER,ST,PWGTP,AGEP,ANC1P\n0000123,1,50,2,40,999\n")
    (tmp_path / "psam_h50.csv").write_text("SERIALNO,WGTP,HINCP\n123,2,7000\n")
    people, *_ = read_pums(tmp_path)
    assert people["HINCP"].to_list() == [7000]
    # Ancestry 999 is "not reported": a code of the file, and no label.
    assert load_codebook("acs_pums").labels(people)["ancestry"].to_list() == [None]


def test_labels_follow_the_codebook(release):
    people, *_ = read_pums(release)
    labels = load_codebook("acs_pums").labels(people)
    assert labels["occupation_category"].to_list() == [
        "Accountants And Auditors",
        "Elementary And Middle School Teachers",
        None,
        None,
    ]
    assert labels["place_of_birth"].to_list() == ["Vermont", "Germany", "Vermont", "California"]
    assert labels["household_type"].to_list() == ["Married couple household"] * 3 + [None]
    assert labels["income"].dtype == pl.Int64
    # Columns the file lacks are null, never guessed.
    assert labels["race"].null_count() == labels["veteran_status"].null_count() == 4


def test_layouts_give_the_same_people(release, tmp_path):
    expected, *_ = read_pums(release / "csv_pvt.zip")
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "psam_p50.csv").write_text(PERSONS.replace("AGEP", "agep"))
    (plain / "psam_h50.csv").write_text(HOUSEHOLDS)
    assert read_pums(plain)[0].equals(expected)
    split = PERSONS.splitlines(keepends=True)
    national = tmp_path / "national"
    national.mkdir()
    zipped(national / "csv_pus.zip", psam_pusa="".join(split[:3]), psam_pusb=split[0] + "".join(split[3:]))
    zipped(national / "csv_hus.zip", psam_husa=HOUSEHOLDS)
    zipped(national / "csv_pvt.zip", psam_p50=PERSONS)
    assert read_pums(national)[0].equals(expected)
    columns = pl.read_csv(io.StringIO(PERSONS))
    columns.write_parquet(plain / "p_50.parquet")
    assert read_pums(plain / "p_50.parquet")[0]["AGEP"].to_list() == [45, 44, 3, 70]


def test_states_are_cut(release):
    with pytest.raises(DataError, match="no people in these states"):
        read_pums(release, states=[6])


def broken(old: str, new: str) -> str:
    assert old in PERSONS
    return PERSONS.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (broken("1010145,15", "1010145,-15"), "row 2, column PWGTP: the weight -15 is below zero"),
        (broken("1010145,15", "1010145,many"), "row 2, column PWGTP: 'many' is not a whole number"),
        (broken("1010145,15", "1010145,"), "row 2, column PWGTP: the weight is missing"),
        (broken("1010145,15,44", "1010145,15,"), "row 2, column AGEP: the age is missing"),
        (broken("2019HU0000001,2", ",2"), "row 2, column SERIALNO: a person has no id"),
        (broken("2019HU0000001,2", "2019HU0000001,"), "row 2, column SPORDER: a person has no id"),
        (broken("-100,4,110", "-100,4,110,7"), "row 2: broken row: 14 fields"),
        (broken("-100,4,110", "-100,4"), "row 2: broken row: 12 fields"),
        (
            broken("1010145,11,3,2", "1010145,11,3,5"),
            "row 3, column SEX: the codebook acs_pums has no code 5",
        ),
        (broken("1010145,11,3,", "1010145,11,131,"), "row 3, column AGEP: .* no code 131"),
        (PERSONS.splitlines()[0] + "\n", "the file has no rows"),
        ("", "the file is empty"),
        (broken("AGEP", "YEARS"), "column AGEP: this column is missing"),
        ("name,age\nx,3\n", "these are not PUMS person records"),
        (broken("PWGTP", "WGTP"), "these are not PUMS person records"),
    ],
)
def test_bad_rows_are_named(tmp_path, text, says):
    path = tmp_path / "psam_p50.csv"
    path.write_text(text)
    with pytest.raises((DataError, CodebookError), match=says) as caught:
        read_pums(path)
    assert str(path) in str(caught.value)


def test_row_numbers_hold_inside_zips(tmp_path):
    path = zipped(tmp_path / "csv_pvt.zip", psam_p50=broken("1010145,15", "1010145,-15"))
    with pytest.raises(DataError, match=r"csv_pvt\.zip, row 2, column PWGTP"):
        read_pums(path)


def test_rows_are_counted_within_the_member_of_a_zip(tmp_path):
    parts = {"psam_pusa": PERSONS, "psam_pusb": broken("1010145,15", "1010145,-15")}
    with pytest.raises(DataError, match=r"csv_pus\.zip/psam_pusb\.csv, row 2, column PWGTP"):
        read_pums(zipped(tmp_path / "csv_pus.zip", **parts))


def test_a_person_twice_is_named_by_the_row_of_the_zips_member(tmp_path):
    other = PERSONS.replace("U0000001", "U0000008").replace("Q0000002", "Q0000009")
    parts = {"psam_pusa": PERSONS, "psam_pusb": other.replace("GQ0000009,1", "HU0000001,1")}
    with pytest.raises(
        DataError, match=r"psam_pusb\.csv, row 4, .*person 1 of .*2019HU0000001 is there twice"
    ):
        read_pums(zipped(tmp_path / "csv_pus.zip", **parts))


def test_people_without_serial_numbers_are_named_by_their_row(tmp_path):
    people = pl.DataFrame({"STATE": [50] * 12, "PWGTP": 1, "AGEP": 40, "SPORDER": [1, 2] * 6})
    people.write_csv(tmp_path / "psam_p50.csv")
    ids = read_pums(tmp_path / "psam_p50.csv")[0]["person_id"].to_list()
    assert ids == [f"row-{n:02}" for n in range(1, 13)]
    # Without places, the members of a household are counted.
    serials = [f"2024HU{n}" for n in (1, 1, 2)]
    people[:3].drop("SPORDER").with_columns(SERIALNO=pl.Series(serials)).write_csv(tmp_path / "psam_p44.csv")
    ids = read_pums(tmp_path / "psam_p44.csv")[0]["person_id"].to_list()
    assert ids == ["2024HU1-01", "2024HU1-02", "2024HU2-01"]
    with pytest.raises(DataError, match=r"this file is of an unknown year, psam_p44\.csv of 2024"):
        read_pums(tmp_path)
    both = read_pums(tmp_path, year=2024)[0]["person_id"]
    assert both.null_count() == 0 and both.n_unique() == 15


def test_a_state_without_households_keeps_its_people(release):
    (release / "psam_p44.csv").write_text(PERSONS.replace(",50,1010145", ",44,1010145"))
    people, files, notes = read_pums(release)
    assert len(files) == 3 and people.height == 8
    assert people.filter(pl.col("STATE") == 44)["HINCP"].null_count() == 4
    assert any("psam_p44.csv has no household file" in note for note in notes)


def test_unreadable_files_are_named(release, tmp_path):
    whole = (release / "csv_pvt.zip").read_bytes()
    cut = tmp_path / "cut.zip"
    for size in (len(whole) // 2, 40):
        cut.write_bytes(whole[:size])
        with pytest.raises(DataError, match="the zip is damaged or cut short"):
            read_pums(cut)
    with pytest.raises(DataError, match="the zip holds no CSV"):
        read_pums(zipped(tmp_path / "none.zip"))
    with pytest.raises(DataError, match="no such file or folder"):
        read_pums(tmp_path / "absent")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no file with PUMS person records"):
        read_pums(empty)
    with pytest.raises(DataError, match=r"cannot read \.xlsx"):
        (tmp_path / "p.xlsx").write_bytes(b"x")
        read_pums(tmp_path / "p.xlsx")
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match="broken file"):
        read_pums(tmp_path / "p.parquet")


def test_wrong_households_are_named(tmp_path):
    (tmp_path / "psam_p50.csv").write_text(PERSONS)
    (tmp_path / "psam_h50.csv").write_text(HOUSEHOLDS.replace("2019HU0000001", "2019HU0000007"))
    with pytest.raises(DataError, match=r"psam_p50\.csv, row 1, .* of this person is not in psam_h50"):
        read_pums(tmp_path)
    # The row is that of the file, whatever people were left out.
    (tmp_path / "psam_p50.csv").write_text(PERSONS.replace("GQ0000002,1,50", "GQ0000003,1,44"))
    (tmp_path / "psam_h50.csv").write_text(HOUSEHOLDS)
    with pytest.raises(DataError, match=r"psam_p50\.csv, row 4, .*household 2019GQ0000003 of this person"):
        read_pums(tmp_path, states=[44])
    (tmp_path / "psam_p50.csv").write_text(PERSONS)
    (tmp_path / "psam_h50.csv").write_text(HOUSEHOLDS.replace("2019HU0000009", "2019HU0000001"))
    with pytest.raises(DataError, match="two households have this serial number"):
        read_pums(tmp_path)


def test_a_damaged_member_is_noticed(tmp_path):
    path = zipped(tmp_path / "csv_pvt.zip", psam_p50=PERSONS * 50)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        read_pums(path)


def test_codebook_mistakes_are_named(tmp_path):
    with pytest.raises(CodebookError, match="there is no such codebook"):
        load_codebook("acs_pmus")
    bad = tmp_path / "bad.toml"
    bad.write_text("name = ")
    with pytest.raises(CodebookError, match="malformed codebook"):
        load_codebook(bad)
    bad2 = tmp_path / "bad2.toml"
    bad2.write_text('name = "x"\n[attributes]\nage = ["AGE"]\n')
    with pytest.raises(CodebookError, match="malformed codebook"):
        load_codebook(bad2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("variables = []", r"bad\.toml: malformed codebook .*variables"),
        ("variables = { AGE = 3 }", r"bad\.toml: malformed codebook .*variables"),
        ("vintages = { first = 3 }\nvariables = {}", r"bad\.toml: malformed codebook .*vintages"),
        ("vintages = [3]\nvariables = {}", r"bad\.toml: malformed codebook .*vintages"),
        (
            '[variables.AGE]\nlabels_file = "nope.csv"',
            r"bad\.toml, column AGE: the list nope\.csv beside .* cannot",
        ),
        ("[variables.AGE]\nlabels_file = 3", r"bad\.toml, column AGE: 3 is no name of a file"),
        ('[variables.AGE]\nlabels_file = "list.csv"', "column AGE: the list list.csv has no column label"),
        ('[variables.AGE]\ngroups_file = "list.csv"', "column AGE: the list list.csv has no column first"),
    ],
)
def test_lists_and_tables_of_a_codebook_are_checked(tmp_path, text, says):
    (tmp_path / "list.csv").write_text("code,name\n1,x\n")
    head = 'name = "x"\ntitle = "x"\nlicence = "x"\nattributes = { age = ["AGE"] }\n'
    (tmp_path / "bad.toml").write_text(head + text)
    with pytest.raises(CodebookError, match=says):
        load_codebook(tmp_path / "bad.toml")


def test_every_long_list_is_grouped():
    book = load_codebook("acs_pums")
    for name in ("OCCP", "INDP"):
        variable = book.variables[name]
        assert all(variable.group_of(code) for code in variable.labels)
        assert variable.label_of(9920) == variable.groups[-1].label
        starts = [group.first for group in variable.groups]
        assert starts == sorted(starts)
    assert book.variables["OCCP"].group_of(2001).code == "CMS"
    assert book.variables["INDP"].group_of(8370).code == "SCA"


@needs_data
def test_vermont_as_released():
    people, files, _ = read_pums(DATA / "p_50.parquet")
    assert [path.name for path in files] == ["p_50.parquet", "h_50.parquet"]
    assert people.height == 6938
    assert people["PWGTP"].sum() == 648_493
    labels = load_codebook("acs_pums").labels(people)
    assert labels["state"].unique().to_list() == ["Vermont"]
    # In group quarters there is no household, hence no household income or type.
    quarters = people["TYPEHUGQ"] != 1
    assert labels.filter(quarters)["income"].null_count() == quarters.sum()
    # Employment status is asked from 16 on, and then of everybody.
    assert labels["employment_status"].is_null().equals(people["AGEP"] < 16)
    # Every occupation and industry that occurs has a label of its own.
    for name, column in (("OCCP", "occupation_category"), ("INDP", "industry_category")):
        assert labels.filter(people[name].is_not_null())[column].null_count() == 0


@needs_data
def test_states_without_household_file():
    people, _, notes = read_pums(DATA / "p_56.parquet")
    assert people.height == 6199 and "HINCP" not in people.columns
    assert notes == ["p_56.parquet has no household file: household columns are missing"]


@needs_data
def test_the_country_is_preferred_to_its_states():
    ((persons, households),) = find_files(DATA)
    assert (persons.name, households and households.name) == ("persons.parquet", "households.parquet")
    ((_, codes),) = read_tables(DATA / "persons.parquet", ["OCCP", "INDP"])
    book = load_codebook("acs_pums")
    for name in codes.columns:
        seen = codes[name].drop_nulls().unique().to_list()
        assert [code for code in seen if code not in book.variables[name].labels] in ([], [9920])
