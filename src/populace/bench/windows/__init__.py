"""Windows of questions, and what says whether a sentence expresses a view: for the task `overton`."""

from populace.bench.windows.builtin import builtin_windows
from populace.bench.windows.polis import polis_window
from populace.bench.windows.reading import read_windows

__all__ = ["builtin_windows", "polis_window", "read_windows"]
