"""What a model costs: the price given with it first, else what `genai-prices` knows of its vendor.

`genai-prices` is optional (`pip install 'populace[prices]'`) and read offline. A model is looked up by the
address it is asked at and the name it is asked for, never by its name alone: the same weights on a server of
one's own cost what that server costs, which only its owner knows. So an address on this machine or in a
private network has no price unless one is given, and what is not known is None, never 0.

A price can be a range. Some vendors charge more for long prompts, at some hours of the day, or for writing a
prompt to their cache; the high end takes all of these, the low end none.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import metadata, util
from typing import Any
from urllib.parse import urlsplit

import msgspec

from populace.models.protocol import Price, Provider

__all__ = ["Priced", "price_of", "settle_price"]

PACKAGE = "genai-prices"
GIVEN = "given with the model"
_SERVICE = {False: {}, True: {"processing": "batch"}}
_HALF_HOURS = [timedelta(minutes=30 * i) for i in range(48)]
_CACHES_FROM = 1024
"""Tokens of the shortest prompt that OpenAI caches."""
_VENDORS = {
    "azureopenai": "azure",
    "bedrock": "aws",
    "gemini": "google",
    "moonshot": "moonshotai",
    "vertexai": "google",
    "xai": "x-ai",
}
"""any-llm's names of vendors, where the data have another."""
_CHARGES_CACHE_WRITES = frozenset({"openai"})
"""Vendors that write prompts to their cache unasked and may charge for it."""


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A model's price, as a range, with where it is from."""

    low: Price
    high: Price
    source: str
    """`given with the model`, or the package, its version, and the vendor's model it was taken for."""
    looked_up: str = ""
    """Day of the look-up; empty for a price that was given."""
    newest_change: str = ""
    """Day of the newest change of any price that the looked-up data know of: how old they are."""

    def __str__(self) -> str:
        """Say the price and where it is from.

        Examples
        --------
        >>> print(Priced(low=Price(input=1, output=4), high=Price(input=2, output=4), source=GIVEN))
        $1 to $2 in, $4 out a million tokens (given with the model)
        """
        ends = [(self.low.input, self.high.input, "in")]
        if self.high.cached_input is not None:
            ends.append((self.low.cached_input or 0.0, self.high.cached_input, "in if cached"))
        ends.append((self.low.output, self.high.output, "out"))
        rates = [f"${a:g} {name}" if a == b else f"${a:g} to ${b:g} {name}" for a, b, name in ends]
        age = f", newest change {self.newest_change}" if self.newest_change else ""
        return f"{', '.join(rates)} a million tokens ({self.source}{age})"


def price_of(provider: Provider, *, prompt_tokens: int = 0, batch: bool = False) -> Priced | None:
    """Find what a model costs; None where it is not known.

    Parameters
    ----------
    prompt_tokens
        Tokens of the longest prompt: some vendors charge all tokens of a long one more.
    batch
        Whether the calls go through the vendor's batch service, for a looked-up price.

    Examples
    --------
    >>> from populace.models.scripted import Scripted
    >>> price_of(Scripted(price=Price(input=1.0, output=2.0))).high.output
    2.0
    >>> price_of(Scripted(price=None)) is None
    True
    """
    given = provider.price
    if given is not None and not given.source.startswith(PACKAGE):
        return Priced(low=given, high=given, source=given.source or GIVEN)
    where, _, name = provider.endpoint.partition(" ")
    if not name or ("://" in where and not _public(where)) or util.find_spec("genai_prices") is None:
        return None
    return _look_up(where, name, datetime.now(UTC).date(), prompt_tokens, batch)


def settle_price(provider: Provider, *, batch: bool = False) -> Priced | None:
    """Give a provider without a price the looked-up one, so that its calls are counted in dollars.

    It is the high end, for prompts of ordinary length: a budget must not be passed unseen.
    """
    priced = price_of(provider, batch=batch)
    if priced is not None:
        provider.price = priced.high
    return priced


def _public(url: str) -> bool:
    """Whether an address is one that a vendor's could be: a full name, and no number."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host and not host.endswith((".local", ".localhost", ".internal", ".lan", ".test"))
    return False


@cache
def _look_up(where: str, name: str, day: date, prompt_tokens: int, batch: bool) -> Priced | None:
    """Take the vendor's price from the package's own data, which are a part of it."""
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    if "://" in where:
        found = (each for each in snapshot.providers if _at(each.api_pattern, where))
    else:
        # any-llm's name of a vendor, which also stands before the model's.
        name = name.removeprefix(f"{where}:")
        found = (each for each in snapshot.providers if each.id == _VENDORS.get(where, where))
    vendor = next(found, None)
    model = vendor and vendor.find_model(name.lower(), all_providers=snapshot.providers)
    if vendor is None or model is None:
        return None
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    source = f"{PACKAGE} {metadata.version(PACKAGE)}: {vendor.id} {model.id}" + (", batch" if batch else "")
    prices = [
        _price(model.get_prices(midnight + time, _SERVICE[batch]).__dict__, tokens, vendor.id, source)
        for time in _HALF_HOURS
        for tokens in {0, prompt_tokens}
    ]
    known = [price for price in prices if price is not None]
    if len(known) < len(prices):
        return None
    return Priced(
        low=_end(min, known),
        high=_end(max, known),
        source=source,
        looked_up=day.isoformat(),
        newest_change=_newest_change(snapshot.providers, day),
    )


def _at(pattern: str, url: str) -> bool:
    """Whether the vendor's pattern covers the address up to the end of a part of it."""
    found = re.match(pattern, url)
    # The patterns are open-ended: api.vendor.com would cover api.vendor.com.proxy.example.
    return found is not None and (url[found.end() - 1] in "./" or url[found.end() :][:1] in ("", "/", ":"))


def _price(rates: Mapping[str, Any], prompt_tokens: int, vendor: str, source: str) -> Price | None:
    """Read one price; None where tokens are not all that is charged."""
    if rates.get("requests_kcount") is not None:
        return None
    names = ("input_mtok", "output_mtok", "output_reasoning_mtok", "cache_read_mtok", "cache_write_mtok")
    given, output, reasoning, cached, written = (_rate(rates.get(name), prompt_tokens) for name in names)
    if given is None or output is None:
        return None
    if written and prompt_tokens >= _CACHES_FROM and vendor in _CHARGES_CACHE_WRITES:
        given = max(given, written)
    return Price(input=given, output=max(output, reasoning or 0.0), cached_input=cached, source=source)


def _rate(value: Any, prompt_tokens: int) -> float | None:
    """Dollars a million, of the tier that a prompt of this length is in."""
    if value is None or not hasattr(value, "tiers"):
        return None if value is None else float(value)
    reached = [tier.price for tier in value.tiers if prompt_tokens > tier.start]
    return float(reached[-1] if reached else value.base)


def _end(choose: Any, prices: list[Price]) -> Price:
    """Take the lowest or the highest of each rate."""
    cached = [price.input if price.cached_input is None else price.cached_input for price in prices]
    return Price(
        input=choose(price.input for price in prices),
        output=choose(price.output for price in prices),
        cached_input=None if all(price.cached_input is None for price in prices) else choose(cached),
        source=prices[0].source,
    )


def _newest_change(vendors: Iterable[Any], day: date) -> str:
    """Day from which the newest price in force holds: no release date is in the data."""
    starts = [
        price.constraint.start_date
        for vendor in vendors
        for model in vendor.models
        if isinstance(model.prices, list)
        for price in model.prices
        if hasattr(price.constraint, "start_date")
    ]
    return max((start for start in starts if start <= day), default=day).isoformat()
