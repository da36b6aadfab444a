"""The terms of a served model: what it costs, what it allows a minute as the user or its answers say.

OpenAI's header names are understood (`x-ratelimit-limit-requests`, `-remaining-requests`, `-reset-requests`,
and the same for `tokens`), which Azure, Groq and LiteLLM also send, and Cerebras' (`-tokens-minute`,
`-requests-day`). A limit whose reset lies more than a minute ahead is not one a minute (Groq counts requests
a day under the plain name): it is left to the server to enforce.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from populace.errors import ModelError
from populace.models.protocol import Price, Quota
from populace.models.refusals import duration

__all__ = ["own_price", "own_quota", "stated_quota"]


def own_price(price: Price | Mapping[str, float] | None) -> Price | None:
    """Give the price that the user set, None for none.

    Raises
    ------
    ModelError
        It is not dollars for input and for output.
    """
    try:
        return None if price is None else msgspec.convert(price, Price)
    except msgspec.ValidationError as error:
        raise ModelError(f"the price is unusable: {error}", fix="give input and output in dollars") from error


def own_quota(requests: float | None, tokens: float | None) -> Quota | None:
    """Give the limits a minute that the user set, None for none.

    Raises
    ------
    ModelError
        A limit is not above 0.
    """
    for name, value in (("requests_per_minute", requests), ("tokens_per_minute", tokens)):
        if value is not None and not 0 < value < math.inf:
            raise ModelError(f"{name} is {value!r}", fix="give a number above 0, or leave it out")
    if requests is None and tokens is None:
        return None
    return Quota(requests=requests, tokens=tokens)


def stated_quota(headers: Mapping[str, str], own: Quota | None) -> Quota | None:
    """Read what a response says is allowed; None where it says nothing.

    Parameters
    ----------
    headers
        Names in lower case, or a mapping that does not mind the case.
    own
        The user's limits, which headers may narrow and never widen.

    Examples
    --------
    >>> headers = {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499"}
    >>> quota = stated_quota(headers, Quota(requests=60))
    >>> quota.requests, quota.requests_left, quota.tokens
    (60, 499.0, None)
    """
    get = headers.get
    names = (
        "requests" if get("x-ratelimit-limit-requests") else "requests-day",
        "tokens" if get("x-ratelimit-limit-tokens") else "tokens-minute",
    )
    if not any(get(f"x-ratelimit-limit-{name}") for name in names):
        return None
    (requests, requests_left), (tokens, tokens_left) = (_limit(headers, name) for name in names)
    return Quota(
        requests=_narrower(requests, own.requests if own else None),
        tokens=_narrower(tokens, own.tokens if own else None),
        requests_left=requests_left,
        tokens_left=tokens_left,
    )


def _limit(headers: Mapping[str, str], name: str) -> tuple[float | None, float | None]:
    """Give one limit a minute and what is left of it."""
    limit = _amount(headers.get(f"x-ratelimit-limit-{name}"))
    if not limit:  # Azure says -1 or 0 where there is none.
        return None, None
    left = _amount(headers.get(f"x-ratelimit-remaining-{name}"))
    reset = duration(headers.get(f"x-ratelimit-reset-{name}") or "")
    longer = name.endswith("-day") or (reset is not None and reset > 61)
    return (None if longer else limit), left


def _amount(text: str | None) -> float | None:
    try:
        amount = float(text) if text else -1.0
    except ValueError:
        return None
    return amount if amount >= 0 else None


def _narrower(one: float | None, other: float | None) -> float | None:
    given = [value for value in (one, other) if value is not None]
    return min(given, default=None)
