"""Canonical bytes and content hashes: the one way this project names a thing by what it is."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

__all__ = ["canonical_bytes", "content_hash", "file_hash"]

_encoder = msgspec.json.Encoder(order="sorted")


def canonical_bytes(value: Any) -> bytes:
    r"""Encode `value` as JSON with sorted keys: equal values give equal bytes on every machine.

    Examples
    --------
    >>> canonical_bytes({"b": 1, "a": [None, "é"]})
    b'{"a":[null,"\xc3\xa9"],"b":1}'
    """
    return _encoder.encode(value)


def content_hash(value: Any, size: int = 16) -> str:
    """Hash the canonical bytes of `value` with BLAKE2b; `size` is in bytes, the result in hex.

    Examples
    --------
    >>> content_hash({"a": 1}) == content_hash({"a": 1})
    True
    >>> len(content_hash("x", size=8))
    16
    """
    return hashlib.blake2b(canonical_bytes(value), digest_size=size).hexdigest()


def file_hash(path: Any) -> str:
    """Hash a file's bytes with BLAKE2b (32 hex digits), reading it in blocks."""
    with open(path, "rb") as handle:  # noqa: PTH123 (a path or anything open() takes)
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
