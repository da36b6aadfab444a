"""PUMS of every vintage, 1- and 5-year: what changes, what is a mistake, and files read in blocks."""

from __future__ import annotations

import csv
import io
import time
import tracemalloc
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace import population
from populace.errors import CodebookError, DataError
from populace.population.codebook import load_codebook
from populace.population.pums import read_pums
from populace.population.reading import read_tables

BOOK = load_codebook("acs_pums")


def write(folder: Path, people: list[dict], homes: list[dict] | None = None, name: str = "50") -> Path:
    pl.DataFrame(people).write_csv(folder / f"psam_p{name}.csv")
    if homes is not None:
        pl.DataFrame(homes).write_csv(folder / f"psam_h{name}.csv")
    return folder / f"psam_p{name}.csv"


def person(serial: str, place: int = 1, **more) -> dict:
    state = {"STATE": 50} if "ST" not in more else {}
    return {"SERIALNO": serial, "SPORDER": place, **state, "PWGTP": 10, "AGEP": 40, **more}


# Every vintage, with the columns and a serial number as its file has them.
VINTAGES = [
    (2018, 1, ["2018HU0000001"], "ST", "TYPE", 4690, "Automotive Parts, Accessories, And Tire Stores"),
    (2019, 1, ["2019GQ0000001"], "ST", "TYPE", 6470, "Newspaper Publishers"),
    (2020, 1, ["2020HU0000001"], "ST", "TYPEHUGQ", 5593, "Electronic Shopping And Mail-Order Houses"),
    (2021, 1, ["2021HU0000001"], "ST", "TYPEHUGQ", 4972, "Convenience Stores"),
    (2022, 1, ["2022HU0000001"], "ST", "TYPEHUGQ", 5790, "Not Specified Retail Trade"),
    (
        2023,
        1,
        ["2023HU0000001"],
        "STATE",
        "TYPEHUGQ",
        4691,
        "Automotive Parts, Accessories, And Tire Retailers",
    ),
    (2024, 1, ["2024HU0000001"], "STATE", "TYPEHUGQ", 6471, "Newspaper Publishers"),
    (
        2018,
        5,
        ["2014000000012", "2017000000031", "2018HU0000001"],
        "ST",
        "TYPE",
        4680,
        "Other Motor Vehicle Dealers",
    ),
    (2022, 5, ["2018HU0000001", "2022HU0000001"], "ST", "TYPEHUGQ", 4680, "Other Motor Vehicle Dealers"),
    (2023, 5, ["2019HU0000001", "2023HU0000001"], "STATE", "TYPEHUGQ", 4680, "Other Motor Vehicle Dealers"),
]


@pytest.mark.parametrize(("year", "span", "serials", "state", "kind", "code", "label"), VINTAGES)
def test_every_vintage_is_read_with_its_own_labels(tmp_path, year, span, serials, state, kind, code, label):
    people = [person(serial, **{state: 50, "INDP": code}) for serial in serials]
    homes = [{"SERIALNO": serial, "WGTP": 1, kind: 1, "HHT": 1, "HINCP": 5} for serial in serials]
    source = write(tmp_path, people, homes)
    made = population.build(source)
    assert made.provenance.vintage == (str(year) if span == 1 else f"{year - 4}-{year}")
    assert set(made.frame["industry_category"]) == {label}
    assert made.frame["state"].unique().to_list() == ["Vermont"]
    assert any("experimental" in note for note in made.provenance.notes) == ((year, span) == (2020, 1))
    # The year may be given; another one is a mistake.
    assert population.build(source, year=year).frame.equals(made.frame)
    with pytest.raises(DataError, match=r"psam_p50\.csv, column SERIALNO: wrong vintage"):
        population.build(source, year=year + 1)


def test_codes_of_another_vintage_take_the_label_of_their_group():
    # 4690 was split up in 2023: what is known of it is retail trade.
    assert BOOK.at(2024).variables["INDP"].label_of(4690) == "Retail trade"
    assert BOOK.at(2019).variables["INDP"].label_of(4690) == "Automotive Parts, Accessories, And Tire Stores"


def test_suppressed_and_old_codes_hold_in_their_years_only(tmp_path):
    source = write(
        tmp_path, [person("2018HU0000001", ANC1P=0, POBP=456), person("2018HU0000002", ANC1P=936, POBP=50)]
    )
    made = population.build(source)
    assert made.frame["ancestry"].to_list() == [None, "Acadian"]
    assert made.frame["place_of_birth"].to_list() == ["Tunisia", "Vermont"]
    source = write(tmp_path, [person("2024HU0000001", ANC1P=936)])
    with pytest.raises(CodebookError, match=r"row 1, column ANC1P: the codebook acs_pums has no code 936"):
        population.build(source)


def test_incomes_of_a_5_year_file_are_brought_to_one_year(tmp_path):
    # The factors of 2014 and 2018 in the 2014-2018 file: 1.070673 and 1.013097.
    people = [
        person("2014000000012", PINCP=1000, ADJINC=1070673, PWGTP=1),
        person("2018HU0000001", PINCP=1000, ADJINC=1013097, PWGTP=1),
    ]
    frame, *_ = read_pums(write(tmp_path, people))
    assert frame["PINCP"].to_list() == [1071, 1013]


@pytest.mark.parametrize(
    ("people", "says"),
    [
        ([person("2016HU0000001")], "wrong vintage: the codebook acs_pums describes 2018 to 2024"),
        ([person("2016HU0000001"), person("2024HU0000001")], "serial numbers of 2016 and 2024"),
        (
            [person("2024HU0000001"), person("2024HU0000002"), person("2024HU0000001")],
            r"psam_p50\.csv, row 3, column SERIALNO: person 1 of household 2024HU0000001 is there twice",
        ),
        (
            [person("2024HU0000001", PWGTP=0), person("2024HU0000002", PWGTP=0)],
            r"column PWGTP: all weights are zero\. To mend it: .*correct the weights",
        ),
        ([person("2024HU0000001", INDP=4)], "row 1, column INDP: the codebook acs_pums has no code 4"),
    ],
)
def test_mistakes_in_files_are_named(tmp_path, people, says):
    with pytest.raises((DataError, CodebookError), match=says):
        read_pums(write(tmp_path, people))


def test_releases_are_not_mixed(tmp_path):
    write(tmp_path, [person("2024HU0000001")], name="50")
    write(tmp_path, [person("2023HU0000001")], name="51")
    with pytest.raises(
        DataError, match=r"psam_p51\.csv: wrong vintage: this file is of 2023, psam_p50\.csv of 2024"
    ):
        read_pums(tmp_path)
    write(tmp_path, [person("2024HU0000001")], [{"SERIALNO": "2023HU0000001", "WGTP": 1}], name="51")
    with pytest.raises(
        DataError, match=r"psam_h51\.csv, column SERIALNO: wrong vintage: .* of 2023, not of 2024"
    ):
        read_pums(tmp_path / "psam_p51.csv")


def test_a_household_twice_is_found_by_its_row(tmp_path):
    homes = [{"SERIALNO": f"2024HU000000{n}", "WGTP": 1} for n in (1, 2, 1)]
    with pytest.raises(DataError, match=r"psam_h50\.csv, row 3, column SERIALNO: two households"):
        read_pums(write(tmp_path, [person("2024HU0000001")], homes))


def test_replicate_weights_are_carried(tmp_path):
    weights = {f"PWGTP{n}": n - 40 for n in range(1, 81)}  # they may be negative
    source = write(tmp_path, [person("2024HU0000001", **weights), person("2024HU0000002", **weights)])
    made = population.build(source, replicates=True)
    assert made.frame.select(f"replicate_{n}" for n in (1, 40, 80)).row(1) == (-39, 0, 40)
    assert sum(name.startswith("replicate_") for name in made.frame.columns) == 80
    assert not any(name.startswith("replicate_") for name in population.build(source).frame.columns)
    with pytest.raises(DataError, match="replicate weights describe everybody"):
        population.build(source, size=2, replicates=True)
    del weights["PWGTP80"]
    source = write(tmp_path, [person("2024HU0000001", **weights)])
    with pytest.raises(DataError, match="column PWGTP80: this replicate weight is missing"):
        population.build(source, replicates=True)


# Files in blocks.


def texts(rows: list[list[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


cell = st.text(alphabet='ab1,"\n ', max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(cell, min_size=3, max_size=3), min_size=1, max_size=30),
    block=st.integers(1, 40),
    kind=st.sampled_from(["csv", "zip"]),
)
def test_any_table_is_read_alike_in_any_blocks(tmp_path_factory, rows, block, kind):
    # A row of blanks only is no row to a CSV reader; a marker keeps every row one.
    rows = [["r", *row[1:]] for row in rows]
    path = tmp_path_factory.mktemp("t") / f"t.{kind}"
    text = texts([["x", "y", "z"], *rows])
    if kind == "csv":
        path.write_text(text)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("t.csv", text)
    ((_, table),) = read_tables(path, ["x", "y", "z"], as_text=True, block=block)
    assert [[value or "" for value in row] for row in table.rows()] == rows


@pytest.mark.parametrize("block", [64, 1 << 20])
@pytest.mark.parametrize("row", [2, 777, 1000])
@pytest.mark.parametrize(
    ("broken", "says"), [("7,8", "2 fields"), ("7,8,9,9", "4 fields"), ("7,x,9", "'x' is not")]
)
def test_the_broken_row_is_named_in_any_block(tmp_path, block, row, broken, says):
    lines = ["1,2,3"] * 1000
    lines[row - 1] = broken
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["A,B,C", *lines]) + "\n")
    with pytest.raises(DataError, match=rf"t\.csv, row {row}\b.*{says}"):
        read_tables(path, ["A", "B", "C"], block=block)


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_the_row_of_a_stray_quote_is_named_soon(tmp_path, block):
    # Once the quote was counted anew at every line end: a megabyte took half a minute.
    path = tmp_path / "t.csv"
    lines = ['1,"2\n""2""",3', *["1,2,3"] * 98, '1,2,5" pipe', *["1,2,3"] * (200_000 if block > 64 else 200)]
    path.write_text("\n".join(["A,B,C", *lines, '1,"2",3', ""]))
    began = time.perf_counter()
    with pytest.raises(DataError, match=r"t\.csv, row 100: a row has no end: a quote is open"):
        read_tables(path, ["A", "B", "C"], as_text=True, block=block)
    assert time.perf_counter() - began < 5
    # Two of them close one another.
    path.write_text('A,B,C\n1,2,3\n1,2,5" pipe\n1,2,3\n1,2,6" pipe\n')
    with pytest.raises(DataError, match=r"t\.csv, row 2: a quote inside of a value"):
        read_tables(path, ["A", "B", "C"], as_text=True, block=block)
    # One that opens a value is named as well.
    path.write_text('A,B,C\n1,2,"x ""y"""\n1,"2,3\n4,5,6\n')
    with pytest.raises(DataError, match=r"t\.csv, row 2: a row has no end: a quote is open"):
        read_tables(path, ["A", "B", "C"], as_text=True, block=block)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_numbers_of_more_than_32_bits_are_named(tmp_path, kind):
    table, path = pl.DataFrame({"A": [1, 3_000_000_000], "B": [1, 2]}), tmp_path / f"t.{kind}"
    table.write_csv(path) if kind == "csv" else table.write_parquet(path)
    with pytest.raises(DataError, match=rf"t\.{kind}, row 2, column A: '3000000000' is too large a number"):
        read_tables(path, ["A", "B"])


def test_a_short_row_does_not_hide_behind_a_long_one(tmp_path):
    # The separators add up; the reader looks at each row all the same.
    path = tmp_path / "t.csv"
    path.write_text("A,B,C\n1,2,3\n1,2\n1,2,3,4\n")
    with pytest.raises(DataError, match="row 2: broken row: 2 fields"):
        read_tables(path, ["A", "B", "C"])


def test_windows_line_ends_and_a_missing_last_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfA,B\r\n1,2\r\n3,04")
    ((_, table),) = read_tables(path, ["A", "B"])
    assert table.rows() == [(1, 2), (3, 4)]


def test_a_file_without_rows_ends_is_no_table(tmp_path, monkeypatch):
    monkeypatch.setattr("populace.population.reading._LONGEST", 1000)
    path = tmp_path / "t.csv"
    path.write_text("A,B\n1,2\n" + 'x"' + "y" * 5000)
    with pytest.raises(DataError, match="a row has no end"):
        read_tables(path, ["A", "B"], block=100)


def test_a_zip_is_streamed_in_bounded_memory(tmp_path):
    path = tmp_path / "t.zip"
    line = b"1,2," + b",".join([b"12345"] * 80) + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("t.csv", "w") as sink:
        sink.write(b"A,B," + b",".join(b"W%d" % n for n in range(80)) + b"\n")
        for _ in range(60):
            sink.write(line * 1000)
    tracemalloc.start()
    ((_, table),) = read_tables(path, ["A", "B"], block=1 << 18)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert table.height == 60_000 and table["B"].sum() == 120_000
    # 29 MB of text went through; Python held a few blocks of a quarter of a megabyte.
    assert peak < 4e6


def test_a_cut_zip_member_is_noticed(tmp_path):
    path = tmp_path / "csv_pvt.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("psam_p50.csv", "SERIALNO,PWGTP\n" + "2024HU0000001,1\n" * 500)
    data = bytearray(path.read_bytes())
    data[900:930] = b"9" * 30  # stored without compression: only the checksum can tell
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged"):
        read_tables(path, ["PWGTP"])


def test_two_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("ST,STATE,PWGTP\n50,50,1\n")
    with pytest.raises(DataError, match="column STATE: two columns have this name"):
        read_tables(path, ["STATE"], aliases={"ST": "STATE"})
