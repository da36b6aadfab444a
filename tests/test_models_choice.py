"""`populace.models.choice`: the mass of the options, and what stands in for one that was not listed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.models.choice import LEAST_MASS, floored, options_mass
from populace.models.records import Choice


def choice(*logs: float | None) -> Choice:
    return Choice(key="k", log_likelihoods=logs, tokens=(1,) * len(logs))


def test_the_mass_is_the_sum_of_the_offered_options() -> None:
    assert options_mass(choice(math.log(0.2), None, math.log(0.3))) == pytest.approx(0.5)
    assert options_mass(choice(None, None)) == 0.0
    assert options_mass(choice(1e-12, math.log(1e-13))) == 1.0  # rounding never gives more than certainty


def test_a_refusal_that_leaves_traces_on_the_labels_is_below_the_limit() -> None:
    assert options_mass(choice(-11.5, -14.0)) < LEAST_MASS
    assert options_mass(choice(math.log(0.06), math.log(0.05))) > LEAST_MASS


@given(st.lists(st.none() | st.floats(-1e3, 0), min_size=2, max_size=5))
@settings(deadline=None, max_examples=200)
def test_an_option_that_was_not_listed_never_wins(logs: list[float | None]) -> None:
    found = floored(choice(*logs))
    offered = [value for value in logs if value is not None]
    if not offered:
        assert found is None
        return
    assert found is not None
    for given_, value in zip(logs, found, strict=True):
        if given_ is None:
            assert value <= -20 and value < min(offered)
        else:
            assert value == given_
