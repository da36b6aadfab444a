"""Keys of the requests of a plan, kept by their place in it.

The key of a request is a hash of all its text. A table that is read back from a plan's answers needs the
keys again; 16 bytes a request are cheaper to keep than the text is to build a second time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["Keys"]

_SIZE = 16
_NONE = bytes(_SIZE)


class Keys:
    """A fixed number of places, each holding a key (32 hex digits) or nothing.

    Examples
    --------
    >>> keys = Keys(2)
    >>> keys[1] = "0b" * 16
    >>> keys[0], keys[1]
    (None, '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b')
    >>> list(keys) == [keys[1]], keys.whole
    (True, False)
    """

    def __init__(self, places: int) -> None:
        self._bytes = bytearray(_SIZE * places)

    def __getitem__(self, place: int) -> str | None:
        """Return the key kept at `place`, None where there is none."""
        found = self._bytes[_SIZE * place : _SIZE * (place + 1)]
        return None if found == _NONE else found.hex()

    @property
    def whole(self) -> bool:
        """Whether every place holds a key."""
        halves = np.frombuffer(self._bytes, dtype=np.uint64).reshape(-1, 2)
        return bool(halves.any(axis=1).all())

    def __iter__(self) -> Iterator[str]:
        """Yield the keys that are kept, by place."""
        for place in range(len(self._bytes) // _SIZE):
            if key := self[place]:
                yield key

    def __setitem__(self, place: int, key: str) -> None:
        """Keep `key` at `place`."""
        self._bytes[_SIZE * place : _SIZE * (place + 1)] = bytes.fromhex(key)
