"""Random streams: one seed for a whole study, and a stream of its own for every purpose.

Two parts that open a generator on the same seed draw the same numbers: whoever got a high number for their
race would also get one for their party. So nothing draws from a user's seed itself. It names its purpose, and
streams of different purposes are independent.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

__all__ = ["stream"]


def stream(seed: int, purpose: str, *keys: int) -> np.random.Generator:
    """Open the stream of a purpose.

    Parameters
    ----------
    seed
        The user's, from 0 up.
    purpose
        What is drawn, as the module that draws is named: `personas.enrich`.
    keys
        Numbers that tell the streams of one purpose apart.

    Examples
    --------
    >>> first, again, other = (stream(1, name).random() for name in ("a.b", "a.b", "a.c"))
    >>> first == again, first == other
    (True, False)
    """
    import numpy as np

    name = int.from_bytes(hashlib.blake2b(purpose.encode(), digest_size=8).digest())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(name, *keys)))
