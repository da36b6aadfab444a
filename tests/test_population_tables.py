"""Conditional tables: suppression, back-off, structural zeros, determinism."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.population.tables import Node, Recode, TableModel


def records(counts: dict[tuple[int, int], int]) -> pl.DataFrame:
    rows = [pair for pair, n in counts.items() for _ in range(n)]
    return pl.DataFrame({"g": [g for g, _ in rows], "v": [v for _, v in rows]})


# g = 0: v2 stands for one record only; alone it may not be a remainder, so the next smallest, v1, joins it.
# g = 1: both cells stand for at least 3 records, nothing is hidden.
# g = 2: two records in all, so nothing is stored.
SMALL = records({(0, 0): 5, (0, 1): 4, (0, 2): 1, (1, 0): 3, (1, 2): 6, (2, 1): 2})


def test_hand_derived_back_off():
    model = TableModel.fit(SMALL, [Node("v", ("g",))], min_records=3)
    assert model.cells("v", 0).rows() == [(0, 8), (1, 6), (2, 7)]
    assert model.cells("v", 1).rows() == [(0, 0, 5), (1, 0, 3), (1, 2, 6)]
    # The margin holds 8 : 6 : 7 of 21. Stored further down are 8 of v0 and 6 of v2, so the rest is
    # 0 : 6 : 1. It serves the remainder of g = 0 (5 of 10 records) and all of g = 2.
    got = model.distribution("v", pl.DataFrame({"g": [0, 1, 2]}))
    expected = [[1 / 2, 6 / 14, 1 / 14], [1 / 3, 0, 2 / 3], [0, 6 / 7, 1 / 7]]
    np.testing.assert_allclose(got, expected, atol=1e-3)
    assert got[1, 1] == 0 and got[2, 0] == 0
    # An unknown or missing g could be any: the whole margin.
    got = model.distribution("v", pl.DataFrame({"g": [7, None]}))
    np.testing.assert_allclose(got, [[8 / 21, 6 / 21, 7 / 21]] * 2, atol=1e-3)


def test_weights_move_shares_and_records_decide_suppression():
    frame = SMALL.with_columns(w=pl.when(pl.col("v") == 2).then(9.0).otherwise(1.0))
    model = TableModel.fit(frame, [Node("g"), Node("v", ("g",))], weight="w", min_records=3)
    # g = 1: weights 3 and 54; the single heavy record (g = 0, v = 2) is still hidden.
    assert model.cells("v", 1).rows() == [(0, 0, 5), (1, 0, 3), (1, 2, 54)]
    np.testing.assert_allclose(
        model.distribution("v", pl.DataFrame({"g": [1]})), [[3 / 57, 0, 54 / 57]], atol=1e-3
    )


def test_rounded_weights_leave_no_sliver():
    # Weights keep 10 bits: 1,025 is stored as 1,024 three times, their sum 3,075 as 3,076. The 4 that seem
    # left of v0 are rounding; the rare g = 3 has nothing but v1, and must not be given v0.
    frame = records({(g, v): (1025, 100)[v] for g in range(3) for v in range(2)} | {(3, 1): 5})
    model = TableModel.fit(frame, [Node("v", ("g",))])
    assert model.cells("v", 0)["weight"].to_list() == [3076, 305]
    assert model.distribution("v", pl.DataFrame({"g": [3]})).tolist() == [[0, 1]]


def test_kept_parents_make_structural_zeros_exact():
    # Under 16 (adult = 0) the code 0, not applicable, is certain; it never occurs above. Region 3 is too
    # rare for a table of its own, so its people back off, but never across the age line.
    rng = np.random.default_rng(1)
    adult = rng.integers(0, 2, 2000)
    frame = pl.DataFrame(
        {
            "adult": adult,
            "region": rng.choice(4, 2000, p=[0.5, 0.3, 0.185, 0.015]),
            "status": np.where(adult == 1, rng.integers(1, 4, 2000), 0),
        }
    )
    nodes = [Node("adult"), Node("region"), Node("status", ("adult", "region"), keep=1)]
    drawn = TableModel.fit(frame, nodes).draw(20_000, rng)
    assert drawn.filter((pl.col("adult") == 0) != (pl.col("status") == 0)).is_empty()
    assert drawn.filter(pl.col("region") == 3).height > 0


def test_recode_as_parent_and_unobserved_rows():
    frame = pl.DataFrame({"age": [1, 2, 3, 4] * 10, "v": [0, 0, 1, None] * 10})
    young = Recode("young", "age", {1: 1, 2: 1, 3: 0, 4: 0})
    model = TableModel.fit(frame, [Node("age"), Node("v", ("young",))], recodes=[young], min_records=5)
    # Age 4 is never observed with a value, yet shares its table with age 3.
    got = model.distribution("v", pl.DataFrame({"age": [1, 3, 4]}))
    np.testing.assert_allclose(got, [[1, 0], [0, 1], [0, 1]])


def test_evidence_is_kept_and_only_the_rest_is_drawn():
    model = TableModel.fit(SMALL, [Node("g"), Node("v", ("g",))], min_records=3)
    evidence = pl.DataFrame({"id": ["a", "b", "c"], "g": [1, 1, 1]})
    drawn = model.draw(evidence, np.random.default_rng(0))
    assert drawn.columns == ["id", "g", "v"]
    assert drawn.drop("v").equals(evidence)
    assert set(drawn["v"]) <= {0, 2}


def test_draws_follow_the_distribution_and_the_seed():
    model = TableModel.fit(SMALL, [Node("g"), Node("v", ("g",))], min_records=3)
    drawn = model.draw(100_000, np.random.default_rng(5))
    assert drawn.equals(model.draw(100_000, np.random.default_rng(5)))
    assert not drawn.equals(model.draw(100_000, np.random.default_rng(6)))
    share = drawn.filter(pl.col("g") == 0)["v"].value_counts(normalize=True).sort("v")["proportion"]
    # About 52,600 draws of g = 0: the standard error of a share is at most 0.0022.
    np.testing.assert_allclose(share, [1 / 2, 6 / 14, 1 / 14], atol=0.012)


def test_stored_tables_come_back_the_same(tmp_path):
    young = Recode("low", "g", {0: 1, 1: 0})
    model = TableModel.fit(
        SMALL,
        [Node("g"), Node("v", ("low", "g"), keep=1)],
        recodes=[young],
        min_records=3,
        info={"source": "toy"},
    )
    model.save(tmp_path / "a.parquet")
    loaded = TableModel.load(tmp_path / "a.parquet")
    assert loaded.info == {"source": "toy"}
    assert loaded.nodes == model.nodes and loaded.recodes == model.recodes
    assert loaded.draw(500, np.random.default_rng(3)).equals(model.draw(500, np.random.default_rng(3)))
    loaded.save(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize(
    ("frame", "nodes", "options", "says"),
    [
        (SMALL, [Node("x")], {}, "column x: this column is missing"),
        (SMALL.cast(pl.Float64), [Node("g")], {}, "integer codes"),
        (SMALL.with_columns(w=-1.0), [Node("g")], {"weight": "w"}, "row 1, column w"),
        (SMALL, [Node("v", ("g",), keep=1)], {"min_records": 20}, "too few records"),
    ],
)
def test_bad_input_is_named(frame, nodes, options, says):
    with pytest.raises(DataError, match=says):
        TableModel.fit(frame, nodes, **options)


def test_missing_evidence_and_broken_files_are_named(tmp_path):
    model = TableModel.fit(SMALL, [Node("v", ("g",))], min_records=3)
    with pytest.raises(DataError, match="depends on g"):
        model.draw(5, np.random.default_rng(0))
    with pytest.raises(DataError, match="not a file of fitted tables"):
        TableModel.load(tmp_path / "none.parquet")
    SMALL.write_parquet(tmp_path / "other.parquet")
    with pytest.raises(DataError, match="not a file of fitted tables"):
        TableModel.load(tmp_path / "other.parquet")


class Naive:
    """The same tables with dictionaries, one configuration at a time and no rounding."""

    def __init__(self, frame: pl.DataFrame, parents: tuple[str, ...], name: str, least: int) -> None:
        self.parents = parents
        self.tables: list[dict[tuple, tuple[dict[int, int], int]]] = []
        for depth in range(len(parents) + 1):
            counts: dict[tuple, dict[int, int]] = {}
            for row in frame.rows(named=True):
                prefix = tuple(row[parent] for parent in parents[:depth])
                cell = counts.setdefault(prefix, {})
                cell[row[name]] = cell.get(row[name], 0) + 1
            self.tables.append({})
            for prefix, cell in counts.items():
                seen, shown = 0, {}
                for value, n in sorted(cell.items(), key=lambda item: (item[1], item[0])):
                    if n >= least and not (depth and 0 < seen < least):
                        shown[value] = n
                    seen += n
                if shown:
                    self.tables[depth][prefix] = (shown, seen - sum(shown.values()) if depth else 0)

    def whole(self, prefix: tuple) -> dict[int, float]:
        shown, remainder = self.tables[len(prefix)][prefix]
        total = sum(shown.values()) + remainder
        shorter = self.given(prefix[:-1], rare=True) if remainder else {}
        values = {*shown, *shorter}
        return {v: (shown.get(v, 0) + remainder * shorter.get(v, 0)) / total for v in values}

    def given(self, prefix: tuple, rare: bool) -> dict[int, float]:
        """Distribution for a configuration, of which `prefix` is what is known."""
        if prefix not in self.tables[len(prefix)]:
            return self.given(prefix[:-1], rare=True)
        whole = self.whole(prefix)
        if not rare:
            return whole
        shown, remainder = self.tables[len(prefix)][prefix]
        total = sum(shown.values()) + remainder
        rest = {value: p * total for value, p in whole.items()}
        for longer, (cells, _) in self.tables[len(prefix) + 1].items():
            if longer[:-1] == prefix:
                for value, n in cells.items():
                    rest[value] -= n
        rest = {value: n for value, n in rest.items() if n > whole[value] * total * 2**-9}
        return {v: n / sum(rest.values()) for v, n in rest.items()} if rest else whole


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(60, 400), least=st.integers(1, 8))
def test_equals_a_naive_twin_and_stores_no_rare_cell(seed, rows, least):
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {"a": rng.integers(0, 3, rows), "b": rng.geometric(0.5, rows), "v": rng.geometric(0.4, rows)}
    )
    nodes = [Node("a"), Node("b", ("a",)), Node("v", ("a", "b"))]
    model = TableModel.fit(frame, nodes, min_records=least)
    twin = Naive(frame, ("a", "b"), "v", least)
    evidence = frame.select("a", "b").unique(maintain_order=True)
    got = model.distribution("v", evidence)
    for row, prefix in enumerate(evidence.rows()):
        expected = twin.given(prefix, rare=False)
        np.testing.assert_allclose(
            got[row], [expected.get(v, 0.0) for v in model.categories["v"].tolist()], atol=5e-3
        )
    for node in nodes:
        for depth in range(len(node.parents) + 1):
            on = [*node.parents[:depth], node.name]
            counts = frame.group_by(on).len()
            stored = model.cells(node.name, depth).join(counts, on=on, how="left")
            assert (stored["len"].fill_null(0) >= least).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), least=st.integers(1, 30))
def test_margins_are_kept(seed, least):
    # However much is suppressed, over the people it was fitted to the model gives every value its share.
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 4, 500)
    frame = pl.DataFrame({"a": a, "b": rng.geometric(0.3, 500), "v": (a * rng.integers(0, 3, 500)) % 3})
    model = TableModel.fit(frame, [Node("v", ("a", "b"))], min_records=least)
    kept = model.cells("v", 0)
    shares = model.distribution("v", frame).mean(axis=0)[np.isin(model.categories["v"], kept["v"])]
    np.testing.assert_allclose(shares, kept["weight"] / kept["weight"].sum(), atol=6e-3)
