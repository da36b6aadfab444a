"""Text from models and files, made fit to print."""

from __future__ import annotations

import re

__all__ = ["plain"]

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    r"""Replace what neither HTML nor XML can hold (control characters, lone surrogates) by U+FFFD.

    Examples
    --------
    >>> plain("a\x00b")
    'a\ufffdb'
    """
    return _UNPRINTABLE.sub("\ufffd", text)
