"""Figures of portfolios: regions that tile the triangle, bounds in order, what cannot be drawn."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from populace import portfolio as pf
from populace.errors import DataError
from populace.report import draw
from populace.report.figures import (
    certificate_timeline,
    figures_of,
    group_regret,
    price_curve,
    regions,
    theme,
    timeline_of,
    write_figures,
)
from populace.report.figures import demonstration_portfolio as demonstration
from populace.report.figures.regions import region_corners


def area(corners):
    flat = np.stack([corners[:, 1] + corners[:, 2] / 2, corners[:, 2] * np.sqrt(3) / 2], axis=1)
    x, y = flat.T
    return abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2


@pytest.mark.parametrize("seed", range(4))
def test_regions_tile_the_triangle(seed):
    rng = np.random.default_rng(seed)
    points = rng.dirichlet(np.ones(3), 7) ** 0.6
    parts = [region_corners(points, member) for member in range(7)]
    assert sum(area(part) for part in parts if len(part) > 2) == pytest.approx(np.sqrt(3) / 4)
    for member, part in enumerate(parts):
        if len(part) > 2:
            middle = part.mean(axis=0)
            assert int(np.argmax(points @ middle)) == member
    # Of equal members the first has the part.
    assert len(region_corners(np.ones((2, 3)), 1)) == 0 and len(region_corners(np.ones((2, 3)), 0)) == 3


def test_bounds_of_a_search_are_in_order():
    oracle = pf.Pool(np.random.default_rng(1).random((20, 8, 3))).oracle(0.1)
    found = pf.certified(oracle, traits=3, regret=0.03)
    table = timeline_of(found)
    known = table.drop_nulls("lower")
    assert known.height >= table.height - 1
    assert (known["lower"] <= known["upper"] + 1e-9).all() and (known["lower"] >= 0).all()
    assert table["upper"].is_sorted(descending=True) or table["upper"].diff().max() < 1e-6


def colours(spec, found):
    if isinstance(spec, dict):
        for value in spec.values():
            colours(value, found)
    elif isinstance(spec, list):
        for value in spec:
            colours(value, found)
    elif isinstance(spec, str) and spec.startswith("#") and len(spec) == 7:
        found.add(spec)
    return found


def test_each_is_drawn_in_the_colours_of_the_house():
    for chart in (demonstration.drawn_regions, demonstration.drawn_timeline):
        drawn = chart(340)
        assert draw.svg(drawn).startswith("<svg")
        assert colours(drawn.to_dict(validate=False), set()) <= set(theme.DARK) | {theme.PAPER}


def test_the_figures_of_a_run(tmp_path):
    result, items = demonstration.portfolio_result(), demonstration.portfolio_items()
    found = figures_of({"one": (result, items)})
    assert set(found) == {"price-curve", "certificate-timeline", "regions"}
    written = write_figures({name: found[name] for name in ("price-curve", "regions")}, tmp_path)
    assert {path.name for path in written} == {
        "price-curve.svg", "price-curve.png", "regions.svg", "regions.png",
    }  # fmt: skip
    text = (tmp_path / "price-curve.svg").read_text()
    for said in ("k-means", "random", "worst regret, over all weights", "mean regret of people"):
        assert said in text


def test_what_cannot_be_drawn():
    with pytest.raises(DataError, match="three traits"):
        regions(np.eye(2), ["a", "b"], ["x", "y"])
    with pytest.raises(DataError, match="3 members and 1 names"):
        regions(np.eye(3), ["a"], ["x", "y", "z"])
    with pytest.raises(DataError, match="0 ways"):
        price_curve(pl.DataFrame({"way": ["lower bound"], "members": [1], "regret": [0.1]}))
    with pytest.raises(DataError, match="no bound"):
        certificate_timeline(
            pl.DataFrame(schema={"calls": pl.Int64, "upper": pl.Float64, "lower": pl.Float64})
        )
    people = pf.People.of([[0.5, 0.5], [1, 0]])
    with pytest.raises(DataError, match="no groups"):
        group_regret(pf.serve(np.eye(2), [0], people, draws=100))


def test_what_is_shown_of_a_search_knows_its_free_policies() -> None:
    oracle = pf.Pool(np.random.default_rng(0).random((20, 8, 2))).oracle(0.1)
    shares = np.linspace(0, 1, 9)
    solved = [oracle(np.array([share, 1 - share])) for share in shares]
    free = [[reward - 0.1 * each.kl for reward in each.rewards] for each in solved]
    found = pf.certified(oracle, 2, 0.02, also=free)
    table = timeline_of(found)
    weights = np.stack([np.linspace(0, 1, 201), 1 - np.linspace(0, 1, 201)], axis=1)
    best = np.array([oracle(each).value for each in weights])
    for calls, lower in table.select("calls", "lower").drop_nulls().rows():
        points = [[reward - 0.1 * each.kl for reward in each.rewards] for each in found.solved[:calls]]
        gap = (best - (weights @ np.array([*points, *free]).T).max(axis=1)).max()
        assert lower <= gap + 1e-3
