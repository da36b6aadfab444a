"""Which option a sampled token stands for, where a server shows tokens and not likelihoods of texts.

Whitespace and opening marks (quotes, brackets, asterisks) before a token or an option are set aside. A
token counts for an option where the option begins with it (`Ye` for `Yes`), or where it begins with the
option and goes on with something that is no letter or digit (`A.` for `A`). Case matters: `a` may be
an article. A token that fits several options counts for none, so options should differ in their first
characters, as `A` and `B` do.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

__all__ = ["match_alternatives", "match_text"]

_OPENING_MARKS = " \t\r\n\"'`*_([{<#“‘"


def match_text(text: str, options: Sequence[str]) -> int | None:
    """Index of the one option that `text` stands for, None where it fits none or several.

    Examples
    --------
    >>> match_text("**B**, because", ("A", "B"))
    1
    >>> match_text("Neither", ("A", "B")) is None
    True
    """
    bare = text.lstrip(_OPENING_MARKS)
    fitting = [i for i, option in enumerate(options) if _fits(bare, option.lstrip(_OPENING_MARKS))]
    return fitting[0] if len(fitting) == 1 else None


def match_alternatives(
    alternatives: Iterable[tuple[str, float]], options: Sequence[str]
) -> tuple[float | None, ...]:
    """Log-likelihood of each option: the sum over the first tokens that stand for it, None for no token.

    Parameters
    ----------
    alternatives
        Tokens with their natural log-probabilities.

    Examples
    --------
    >>> from math import log
    >>> found = match_alternatives([("A", log(0.5)), (" A", log(0.1)), ("I", log(0.3))], ("A", "B"))
    >>> round(found[0], 4) == round(log(0.6), 4), found[1]
    (True, None)
    """
    sums = [0.0] * len(options)
    for token, logprob in alternatives:
        option = match_text(token, options)
        if option is not None:
            sums[option] += math.exp(logprob)
    return tuple(math.log(total) if total > 0 else None for total in sums)


def _fits(token: str, option: str) -> bool:
    if not token or not option:
        return False
    if option.startswith(token):
        return True
    return token.startswith(option) and not token[len(option)].isalnum()
