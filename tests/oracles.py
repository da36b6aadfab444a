"""Open pref_voting and abcvoting without the solvers that no rule of theirs used here needs.

Both import commercial or large solvers at their top. They are installed without dependencies, and what is
absent is put in their place as an empty module, so that a rule that did need it would fail loudly.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from unittest.mock import MagicMock

_SOLVERS = (
    "gurobipy",
    "ortools",
    "ortools.linear_solver",
    "ortools.linear_solver.pywraplp",
    "ortools.sat",
    "ortools.sat.python",
    "ortools.sat.python.cp_model",
    "pulp",
    "pulp.apis",
    "pulp.apis.coin_api",
    "preflibtools",
    "preflibtools.instances",
    "prefsampling",
    "prefsampling.ordinal",
    "prefsampling.approval",
    "seaborn",
    "pathos",
    "random2",
)


def oracle(name: str) -> ModuleType:
    """Import a module of pref_voting or abcvoting, or skip the test with a reason."""
    import pytest

    package = name.partition(".")[0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package}, an oracle of tests, is not installed")
    absent = {root for root in {each.partition(".")[0] for each in _SOLVERS} if root not in sys.modules}
    absent = {root for root in absent if importlib.util.find_spec(root) is None}
    for solver in _SOLVERS:
        if solver.partition(".")[0] in absent:
            sys.modules[solver] = MagicMock(name=solver)
    return importlib.import_module(name)
