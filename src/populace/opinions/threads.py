"""One thread for many small systems of equations.

A linear algebra library starts its threads for a matrix of 200 rows already. Where other work keeps the cores
busy they wait for each other: on a machine with two cores and eight other jobs a factorisation took 158 ms
instead of 1.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator

from threadpoolctl import threadpool_limits

__all__ = ["one_thread"]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Hold numpy's and scipy's linear algebra to one thread.

    Examples
    --------
    >>> with one_thread():
    ...     pass
    """
    # What is loaded later would not be held.
    importlib.import_module("scipy.linalg")
    with threadpool_limits(limits=1):
        yield
