"""What a server's error means: which boundary failed, whether trying again may help, and when.

Servers agree on status codes and on little else, so the status decides and the server's own words only
narrow it: a 400 may be a prompt that is too long (OpenAI, Azure, vLLM, SGLang, llama.cpp, TGI, Anthropic and
Gemini each say it differently) or one that a content filter stopped. `access` is what holds for every call:
no right key, no credit, no such model or address. A wrong model name (404) is among them, since a run that
went on would only collect the same refusal for every row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from populace.models.records import Boundary, Failure

__all__ = ["Said", "boundary", "duration", "read_error", "refused", "retry_after", "said_by"]

_SHOWN = 300
"""Characters of a server's error message that are kept."""

_TOO_LONG = re.compile(
    r"context[ _](length|size|window)|exceed_context|maximum model length|prompt is too long"
    r"|request[ _]too[ _]large|maximum allowed length|input token count|input is too large to process"
    r"|inputs` (tokens \+|must have less)|(max_tokens|token_limit)_exceeded"
    r"|string_(too_long|above_max_length)"
)
_FILTERED = re.compile(
    r"content[ _](filter|policy|management policy|exists risk)|responsibleai|moderation|flagged"
    r"|data_inspection_failed|usage (policy|policies|guidelines)"
)
_NO_ACCESS = re.compile(
    r"insufficient_quota|billing_(hard_limit|not_active)|exceeded_current_quota|credit balance is too low"
    r"|account_deactivated|(invalid_|incorrect |invalid )api[_ ]key|api key not valid"
    r"|model_not_found|deploymentnotfound|not a valid model id"
)
_NAMED = (
    (re.compile(r"rate_?limit|too_?many_?requests"), 429),
    (re.compile(r"authentication|permission|unauthorized"), 401),
    (re.compile(r"invalid_?request|bad_?request|validation"), 400),
    (re.compile(r"not_?found"), 404),
)
_NO_ENTRY = frozenset({401, 402, 403, 404, 405, 410})
_OVERLOADED = frozenset({503, 529})
_PASSING = frozenset({409, 423, 424, 425, 498, 499})
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_SECONDS = (86400.0, 3600.0, 60.0, 1.0, 0.001)


class Said(NamedTuple):
    """What an error body says."""

    words: str
    """The server's own words, with its code, cut to what a table can hold."""
    hints: str
    """Message, codes and types in lower case, for matching."""
    status: int | None
    """The HTTP status the body names, whatever the response's own was."""
    error: bool
    """Whether the body is an error object and not just text."""


def read_error(content: bytes) -> Said:
    """Read an error body, whether in OpenAI's form, another's, or plain text.

    Examples
    --------
    >>> read_error(b'{"error": {"message": "Slow down", "code": 429}}').words
    'Slow down [429]'
    >>> read_error(b"<h1>Bad gateway</h1>").words
    '<h1>Bad gateway</h1>'
    """
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        body = None
    error = body.get("error") or body if isinstance(body, dict) else None
    if isinstance(error, str) and isinstance(body, dict):
        error = {"message": error, "type": body.get("error_type")}
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        text = " ".join(content.decode(errors="replace").split())[:_SHOWN]
        return Said(text, text.lower(), None, False)
    return said_by(error)


def said_by(error: Mapping[str, Any]) -> Said:
    """Read a parsed error object that has a message."""
    inner, more = error.get("innererror"), error.get("metadata")
    inner = inner if isinstance(inner, dict) else {}
    more = more if isinstance(more, dict) else {}
    # A router says "Provider returned error" and keeps what the provider said beside it.
    message = " ".join(str(part) for part in (error.get("message") or "", more.get("raw")) if part)
    code = error.get("code")
    names = (code, error.get("type"), inner.get("code"), more.get("error_type"))
    named = " ".join(str(name) for name in names if name).lower()
    words = " ".join(message.split())[:_SHOWN]
    hints = f"{named} {message[:1000].lower()}"
    return Said(f"{words} [{code}]" if code else words, hints, _status(code, named), True)


def refused(key: str, status: int, headers: Mapping[str, str], said: Said) -> Failure:
    """Build the failure of a call that was answered with an error.

    Parameters
    ----------
    status
        HTTP status, or the one the body names.
    headers
        Names in lower case, or a mapping that does not mind the case.

    Examples
    --------
    >>> failure = refused("00", 429, {"retry-after": "7"}, read_error(b"slow down"))
    >>> failure.boundary, failure.retryable, failure.retry_after, failure.message
    ('rate limit', True, 7.0, 'HTTP 429: slow down')
    """
    where, retryable = boundary(status, said.hints)
    return Failure(
        key=key,
        boundary=where,
        message=f"HTTP {status}: {said.words}",
        retryable=retryable,
        retry_after=retry_after(headers, limited=status == 429) if retryable else None,
    )


def boundary(status: int, hints: str) -> tuple[Boundary, bool]:
    """Give the boundary of an error and whether trying again may help.

    Parameters
    ----------
    status
        HTTP status of 300 or more.
    hints
        What the server said, in lower case.

    Examples
    --------
    >>> boundary(400, "this model's maximum context length is 4096 tokens")
    ('context length', False)
    >>> boundary(503, "loading model")
    ('overload', True)
    """
    # A 429 may name any limit; only a request above the limit itself will never pass.
    too_long = "request too large" in hints if status == 429 else _TOO_LONG.search(hints)
    own_fault = 400 <= status < 500 and status not in (401, 402, 429)
    if status == 413 or (too_long and status not in (401, 402)):
        found: tuple[Boundary, bool] = ("context length", False)
    elif own_fault and _FILTERED.search(hints):
        found = ("content filter", False)
    elif status in _NO_ENTRY or (status < 500 and _NO_ACCESS.search(hints)):
        found = ("access", False)
    elif status == 429:
        found = ("rate limit", True)
    elif status in _OVERLOADED:
        found = ("overload", True)
    elif status == 408:
        found = ("timeout", True)
    elif status in _PASSING or (status >= 500 and status != 501):
        found = ("server", True)
    else:
        found = ("request", False)
    return found


def retry_after(headers: Mapping[str, str], *, limited: bool) -> float | None:
    """Seconds that a response asks to be left alone for; None where it does not say.

    `retry-after-ms` and `Retry-After` (seconds or an HTTP date) come first. A 429 (`limited`) may say instead
    when its limits are full again: that of the limit which is used up counts, the later of two, and
    where neither says that it is used up, the earlier.

    Examples
    --------
    >>> retry_after({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "6m0s"}, limited=True)
    360.0
    """
    get = headers.get
    if (text := get("retry-after-ms")) and (ms := _number(text)) is not None:
        return ms / 1000
    if (text := get("retry-after")) and (seconds := duration(text)) is not None:
        return seconds
    if not limited:
        return None
    used_up: list[float] = []
    others: list[float] = []
    for name in ("requests", "tokens", "tokens-minute", "requests-day"):
        if (text := get(f"x-ratelimit-reset-{name}")) and (seconds := duration(text)) is not None:
            empty = _number(get(f"x-ratelimit-remaining-{name}") or "") == 0
            (used_up if empty else others).append(seconds)
    return max(used_up) if used_up else min(others, default=None)


def duration(text: str) -> float | None:
    """Seconds from now that a header means: `7`, `120ms`, `6m0s`, a date, or seconds since 1970.

    Examples
    --------
    >>> [duration(text) for text in ("7", "120ms", "6m0s", "1h0m2.5s", "soon")]
    [7.0, 0.12, 360.0, 3602.5, None]
    >>> duration("Wed, 21 Oct 2015 07:28:00 GMT")
    0.0
    """
    text = text.strip()
    if not text[-1:].isalpha() and (number := _number(text)) is not None:
        # From 1e9 on it is a moment (from 1e11 on in milliseconds).
        moment = number / 1000 if number >= 1e11 else number
        return number if number < 1e9 else max(moment - datetime.now(UTC).timestamp(), 0.0)
    found = _DURATION.fullmatch(text)
    if text and found:
        return sum(float(part) * unit for part, unit in zip(found.groups(), _SECONDS, strict=True) if part)
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except (ValueError, OverflowError):
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
    return None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 1e15 else None


def _status(code: object, named: str) -> int | None:
    """Give the HTTP status that an error object names by number or by word."""
    digits = str(code) if isinstance(code, str) or (isinstance(code, int) and 0 <= code < 1000) else ""
    if len(digits) == 3 and digits.isdecimal() and 300 <= int(digits) < 600:
        return int(digits)
    return next((status for pattern, status in _NAMED if pattern.search(named)), None)
