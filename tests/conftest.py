"""Fixtures of several rooms."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing of the code.
settings.register_profile("populace", deadline=None)
settings.load_profile("populace")


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C: a test run in the background, and its children, inherit a deaf one."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
