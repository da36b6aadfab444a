"""What stands before every route: methods, sizes, other sites, and the headers of every reply.

A plain ASGI wrapper. There are no cookies, so no other site can act for a rater; a POST that a browser
says comes from elsewhere is refused all the same.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["LARGEST_BODY", "POLICY", "Guard"]

LARGEST_BODY = 65_536
"""Bytes of a form: room for the longest reason in signs that take twelve bytes each when encoded."""

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # A personal link must not travel to other sites; `no-referrer` would blank the Origin of our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
}


class Guard:
    """Wraps the app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if "Cache-Control" not in headers:
                    headers["Cache-Control"] = "no-store"
            await send(message)

        refusal = _refusal(scope)
        if refusal:
            await PlainTextResponse(refusal[1], refusal[0])(scope, receive, dressed)
            return
        await self._app(scope, receive, dressed)


def _refusal(scope: dict[str, Any] | Any) -> tuple[int, str] | None:
    headers, method = Headers(scope=scope), scope["method"]
    if method not in ("GET", "HEAD", "POST"):
        return 405, "This method is not used here."
    if len(scope.get("query_string", b"")) > 4096:
        return 414, "This address is too long."
    if method != "POST":
        return None
    return _bad_post(headers)


def _bad_post(headers: Headers) -> tuple[int, str] | None:
    length = headers.get("content-length", "")
    if not length.isdigit() or int(length) > LARGEST_BODY:
        return 413, "This is too much, or does not say how much it is."
    if headers.get("content-type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        return 415, "Send a form."
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:  # browsers say it over https; a proxy that renames the host does no harm
        elsewhere = site not in ("same-origin", "none")
    else:
        elsewhere = origin is not None and urlsplit(origin).netloc != headers.get("host")
    if elsewhere:
        return 403, "This form was sent from another site."
    return None
