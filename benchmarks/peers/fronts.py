"""Fronts of MO-Gymnasium, as JSON: name -> rows of returns.

    python fronts.py

Deep sea treasure has its treasures and the discounted steps to them; the fruit tree its leaves at three
depths; minecart the vertices of its convex coverage set.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys

import numpy as np


def fronts() -> dict[str, np.ndarray]:
    deep = importlib.import_module("mo_gymnasium.envs.deep_sea_treasure.deep_sea_treasure")
    tree = importlib.import_module("mo_gymnasium.envs.fruit_tree.fruit_tree")
    cart = importlib.import_module("mo_gymnasium.envs.minecart.minecart")
    found = {
        "deep sea, convex": deep.CONVEX_FRONT,
        "deep sea, concave": deep.CONCAVE_FRONT,
        **{f"fruit tree, depth {depth}": tree.FRUITS[str(depth)] for depth in (5, 6, 7)},
        "minecart": cart.Minecart().convex_coverage_set(0.99),
    }
    return {name: np.array([np.asarray(row) for row in rows], dtype=float) for name, rows in found.items()}


def main() -> None:
    with contextlib.redirect_stdout(sys.stderr):
        told = {name: rows.tolist() for name, rows in fronts().items()}
    print(json.dumps(told))


main()
