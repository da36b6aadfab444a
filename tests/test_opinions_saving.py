"""Opinions written and read again: nothing lost, same bytes, broken files named."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.opinions import Item, Opinions
from populace.opinions.saving import is_saved, load, save


@st.composite
def tables(draw):
    sizes = draw(st.lists(st.sampled_from([2, 3, 7, 200]), min_size=1, max_size=4))
    people = draw(st.integers(1, 5))
    items = tuple(
        Item(
            name=draw(st.sampled_from(["q", "answer.", "a b", "É"])) + str(place),
            question=draw(st.sampled_from(["", 'Say "yes"?\n'])),
            options=tuple(f"{option}." for option in range(size)),
            ordinal=draw(st.booleans()),
            wordings=("other",) if draw(st.booleans()) else (),
            same_as=("sex",) if draw(st.booleans()) else (),
        )
        for place, size in enumerate(sizes)
    )
    codes = st.tuples(*(st.integers(-1, size - 1) for size in sizes))
    rows = [np.array(draw(st.lists(codes, min_size=people, max_size=people)), np.int16) for _ in range(2)]
    frame = pl.DataFrame(
        {
            "person_id": [f"p{row}" for row in range(people)],
            "weight": draw(st.lists(st.floats(0, 10), min_size=people, max_size=people)),
            "age": pl.Series(
                draw(st.lists(st.none() | st.integers(18, 99), min_size=people, max_size=people)),
                dtype=pl.Int64,
            ),
        }
    )
    return Opinions(
        frame, items, rows[0], rows[1] if draw(st.booleans()) else None, "cited", "free", notes=("one", "é")
    )


@settings(deadline=None, max_examples=40)
@given(tables())
def test_nothing_is_lost(tmp_path_factory, opinions):
    path = tmp_path_factory.mktemp("saved") / "o.parquet"
    save(opinions, path)
    again = load(path)
    assert again.people.equals(opinions.people) and again.people.schema == opinions.people.schema
    assert again.items == opinions.items and np.array_equal(again.answers, opinions.answers)
    assert (again.retest is None) == (opinions.retest is None)
    assert opinions.retest is None or np.array_equal(again.retest, opinions.retest)
    assert (again.citation, again.licence, again.notes) == ("cited", "free", ("one", "é"))
    # Put together from pieces, they are the same opinions: same bytes.
    first = path.read_bytes()
    pieces = pl.concat([opinions.people[:1], opinions.people[1:]], rechunk=False)
    save(Opinions(pieces, *_rest(again)), path)
    assert path.read_bytes() == first


def _rest(opinions):
    return (
        opinions.items,
        opinions.answers,
        opinions.retest,
        opinions.citation,
        opinions.licence,
        opinions.notes,
    )


def small() -> Opinions:
    people = pl.DataFrame({"person_id": ["a", "b"], "weight": [1.0, 1.0]})
    items = (Item(name="x", options=("Yes", "No")), Item(name="y", options=("1", "2", "3")))
    return Opinions(people, items, np.array([[0, 2], [1, -1]], np.int16))


def test_an_item_that_was_not_asked_again_needs_no_column(tmp_path):
    path = tmp_path / "o.parquet"
    save(Opinions(small().people, small().items, small().answers, small().answers), path)
    metadata = {"populace.opinions": pl.read_parquet_metadata(path)["populace.opinions"]}
    pl.read_parquet(path).drop("retest.y").write_parquet(path, metadata=metadata)
    assert load(path).retest.tolist() == [[0, -1], [1, -1]]


def test_broken_files(tmp_path):
    path = tmp_path / "o.parquet"
    with pytest.raises(DataError, match=r"no such file\. To mend it: make it with `populace opinions build`"):
        load(path)
    path.write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="this is no file of opinions"):
        load(path)
    assert not is_saved(path) and not is_saved(tmp_path / "absent.parquet")
    small().people.write_parquet(path)
    with pytest.raises(DataError, match="this is no file of opinions"):
        load(path)
    assert not is_saved(path)
    save(small(), path)
    assert is_saved(path)
    frame, about = pl.read_parquet(path), pl.read_parquet_metadata(path)["populace.opinions"]
    for wrong, message in (
        (frame.with_columns(pl.Series("answer.x", [0, 2])), r"row 2, column x: 2 is no option of x"),
        (frame.with_columns(pl.Series("answer.x", ["0", "1"])), r"column answer\.x: holds String"),
        (frame.drop("answer.y"), r"column answer\.y: this column is missing"),
        (frame.with_columns(weight=pl.lit(-1.0)), r"column weight: a weight is missing, endless or below"),
    ):
        wrong.write_parquet(path, metadata={"populace.opinions": about})
        with pytest.raises(DataError, match=message):
            load(path)
    clash = small().people.with_columns(pl.lit(1).alias("answer.x"))
    with pytest.raises(DataError, match=r"column answer\.x: an attribute has the name of answers"):
        save(Opinions(clash, small().items, small().answers), path)


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "o.parquet"
    save(small(), path)
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(DataError, match="the disk is full"):
        save(small().take([0]), path)
    assert path.read_bytes() == before and [child.name for child in tmp_path.iterdir()] == ["o.parquet"]


def written(tmp_path, change=lambda frame: frame, **about):
    """Save two people, change the table or what the metadata say, and write them again."""
    import json

    path = tmp_path / "o.parquet"
    items = (Item(name="a", options=("Yes", "No")),)
    people = pl.DataFrame({"person_id": ["x", "y"], "weight": [1.0, 2.0]})
    save(Opinions(people, items, np.array([[0], [1]], dtype=np.int16)), path)
    key = "populace.opinions"
    said = json.loads(pl.read_parquet_metadata(path)[key]) | about
    change(pl.read_parquet(path)).write_parquet(path, metadata={key: json.dumps(said)})
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (pl.lit(70000).alias("answer.a"), "70000 is no option"),
        (pl.lit("heavy").alias("weight"), "weights are String"),
        (pl.int_range(2).alias("person_id"), "ids are Int64"),
        (pl.Series("person_id", [None, "y"]), "an id is missing"),
    ],
)
def test_bad_columns_are_named(tmp_path, change, message):
    path = written(tmp_path, lambda frame: frame.with_columns(change))
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(caught.value.file) == str(path) and caught.value.column


@pytest.mark.parametrize(("about", "message"), [({"format": 2}, "format 2"), ({"items": []}, "no items")])
def test_other_formats_and_no_items_are_refused(tmp_path, about, message):
    with pytest.raises(DataError, match=message):
        load(written(tmp_path, **about))


def test_a_number_that_is_none_is_missing():
    from populace.opinions.features import encoder
    from populace.opinions.groups import groups_of

    items = (Item(name="a", options=("Yes", "No")),)
    ages = [float("nan"), *map(float, range(20, 40))]
    people = pl.DataFrame({"person_id": [str(i) for i in range(21)], "age": ages, "weight": [1.0] * 21})
    opinions = Opinions(people, items, np.zeros((21, 1), dtype=np.int16))
    assert opinions.people["age"].null_count() == 1
    assert encoder(opinions.people, ("age",)).names[-2:] == ["age=4", "age=missing"]
    assert groups_of(opinions.people, "age")[0] is None
