"""Text from models and files, made fit to print; estimates as tables print them."""

from __future__ import annotations

import math
import re

from populace.stats import Estimate

__all__ = ["estimate_text", "plain"]

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def plain(text: str) -> str:
    r"""Replace what neither HTML nor XML can hold (control characters, lone surrogates) by U+FFFD.

    Examples
    --------
    >>> plain("a\x00b")
    'a\ufffdb'
    """
    return _UNPRINTABLE.sub("\ufffd", text)


def estimate_text(estimate: Estimate) -> str:
    """Print a value with its interval, to three places; say where there is none.

    Examples
    --------
    >>> estimate_text(Estimate(value=0.5, low=0.25, high=0.75, level=0.95, n=4, clusters=2, method="made"))
    '0.500 [0.250, 0.750]'
    """
    if not estimate.defined:
        return "undefined"
    if math.isnan(estimate.low):
        return f"{estimate.value:.3f} (no interval)"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
