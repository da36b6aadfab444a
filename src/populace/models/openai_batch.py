"""OpenAI's files and batches endpoints, for the provider whose calls a batch file holds.

Files go up from the disk and come down line by line, so memory does not grow with them. Nothing is retried
here: what may pass raises `UnavailableError`, a batch that the service will not take now `QueueFullError`,
and what holds for every call another `ModelError`. Key and address are those of the provider.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from populace.errors import ModelError

if TYPE_CHECKING:
    import aiohttp

    from populace.models.openai import OpenAI

__all__ = [
    "ENDED",
    "Batch",
    "BatchService",
    "Counts",
    "Line",
    "MissingError",
    "QueueFullError",
    "UnavailableError",
    "is_queue_full",
]

ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
"""States that a batch stays in."""

_ROUTE = "/chat/completions"
_PAGE = 100
"""Batches in one page of the list: the most that the service gives."""
_BLOCK = 1 << 16
_NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_QUEUE_FULL = ("token_limit_exceeded", "enqueued token limit")


class UnavailableError(ModelError):
    """The service did not answer, or answered that something on its side failed. It may pass."""


class QueueFullError(ModelError):
    """The service takes no further batch of this size before others have ended."""


class MissingError(ModelError):
    """The service knows no such file or batch, or shows it to another key only."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of a batch, as the service counts them."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class _Problem(msgspec.Struct, frozen=True, kw_only=True):
    code: str | None = None
    message: str | None = None
    line: int | None = None


class _Problems(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Problem] | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch, as the service describes it."""

    id: str
    status: str
    """`validating`, `in_progress`, `finalizing`, `cancelling`, or one of `ENDED`."""
    created_at: float = 0.0
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    request_counts: Counts | None = None
    errors: _Problems | None = None
    metadata: dict[str, str] | None = None

    @property
    def counts(self) -> Counts:
        """Requests by what became of them; zeros until the service has counted them."""
        return self.request_counts or Counts()

    @property
    def complaint(self) -> str:
        """Why the whole batch failed, in the service's words; empty where it did not.

        Examples
        --------
        >>> told = {"code": "c", "message": "m", "line": 3}
        >>> told = {"id": "b", "status": "failed", "errors": {"data": [told]}}
        >>> msgspec.convert(told, Batch).complaint
        'line 3: m [c]'
        """
        problems = (self.errors.data if self.errors else None) or []
        if self.status == "failed" and not problems:
            return "the service gives no reason"
        shown = [
            f"line {problem.line}: {problem.message} [{problem.code}]"
            if problem.line is not None
            else f"{problem.message} [{problem.code}]"
            for problem in problems[:3]
        ]
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        return "; ".join(shown) + more


class _Page(msgspec.Struct):
    data: list[Batch]
    has_more: bool = False


class _File(msgspec.Struct):
    id: str


class _Response(msgspec.Struct, frozen=True):
    status_code: int = 0
    body: msgspec.Raw = msgspec.Raw(b"null")


class Line(msgspec.Struct, frozen=True):
    """A line of an output or error file: what became of one request."""

    custom_id: str
    response: _Response | None = None
    error: _Problem | None = None


class BatchService:
    """The files and batches of one provider's account. Use it as an async context manager.

    Parameters
    ----------
    provider
        Gives key and address, and keeps the key out of messages.

    Raises
    ------
    ModelError
        On entering, where the address needs a key and the environment has none.
    """

    def __init__(self, provider: OpenAI) -> None:
        self._provider = provider
        self._url = provider.endpoint.partition(" ")[0].removesuffix(_ROUTE)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        # A file of 200 MB takes as long as it takes; only a connection that has gone silent is given up.
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=300),
            headers=self._provider._authorization(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def upload(self, path: Path) -> str:
        """Send a batch file and return its id."""
        import aiohttp

        with path.open("rb") as handle:
            form = aiohttp.FormData()
            form.add_field("purpose", "batch")
            form.add_field("file", handle, filename=path.name, content_type="application/jsonl")
            return (await self._ask("POST", "/files", _File, data=form)).id

    async def create(self, file_id: str, *, window: str, metadata: dict[str, str]) -> Batch:
        """Start a batch on an uploaded file.

        Raises
        ------
        QueueFullError
            Too many tokens, or too many batches, are waiting already; this one was not taken.
        UnavailableError
            It is not known whether the batch was started.
        """
        body = {
            "input_file_id": file_id,
            "endpoint": "/v1" + _ROUTE,
            "completion_window": window,
            "metadata": metadata,
        }
        return await self._ask("POST", "/batches", Batch, json=body)

    async def get(self, batch_id: str) -> Batch:
        """Describe one batch."""
        return await self._ask("GET", f"/batches/{batch_id}", Batch)

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Describe every batch of the account, newest first, page by page."""
        after: dict[str, str] = {}
        while True:
            page = await self._ask("GET", "/batches", _Page, params={"limit": str(_PAGE)} | after)
            for batch in page.data:
                yield batch
            if not page.has_more or not page.data:
                return
            after = {"after": page.data[-1].id}

    async def cancel(self, batch_id: str) -> Batch:
        """Ask for a batch to be stopped; what it has answered by then is kept and paid for."""
        return await self._ask("POST", f"/batches/{batch_id}/cancel", Batch)

    async def lines(self, file_id: str) -> AsyncGenerator[bytes, None]:
        """Download a file line by line, without line ends; empty lines are left out."""
        rest = b""
        async with self._call("GET", f"/files/{file_id}/content") as response:
            async for block in response.content.iter_chunked(_BLOCK):
                *whole, rest = (rest + block).split(b"\n")
                for line in whole:
                    if line.strip():
                        yield line
        if rest.strip():
            yield rest

    async def _ask(self, method: str, path: str, form: type[Any], **content: Any) -> Any:
        """Call one endpoint and read its JSON answer."""
        async with self._call(method, path, **content) as response:
            said = await response.read()
        try:
            return msgspec.json.decode(said, type=form)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnavailableError(
                f"{self._url}{path} gave no {form.__name__.strip('_').lower()} ({error})"
            ) from error

    @asynccontextmanager
    async def _call(
        self, method: str, path: str, **content: Any
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        """Give the response to one call, or raise what its status means."""
        import aiohttp

        if self._session is None:
            raise RuntimeError("BatchService is an async context manager: use `async with`")
        try:
            async with self._session.request(method, self._url + path, **content) as response:
                if response.status >= 300:
                    raise self._refused(path, response.status, await response.read())
                yield response
        except TimeoutError as error:
            raise UnavailableError(f"{self._url}{path} has gone silent", fix=_AGAIN) from error
        except aiohttp.InvalidURL as error:
            raise ModelError(f"{self._url!r} is not an address", fix="mend base_url") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            said = f"{type(error).__name__}: {error}"
            raise UnavailableError(f"{self._url}{path} cannot be reached ({said})", fix=_AGAIN) from error

    def _refused(self, path: str, status: int, content: bytes) -> ModelError:
        """Build the error that a status and the service's words mean."""
        said = self._provider._said(content)
        kind: type[ModelError] = ModelError
        if any(code in said for code in _NO_MONEY):
            fix = "add credit to the account, then run the same command again"
        elif status in (401, 403):
            fix = "check the API key and its rights to files and batches"
        elif status == 429 or is_queue_full(said):
            kind, fix = QueueFullError, "wait until batches have ended, then run the same command again"
        elif status == 404 and path in ("/files", "/batches"):
            fix = "this server takes no batches: ask it live (populace study run)"
        elif status == 404 or "cannot find file" in said.lower():
            kind, fix = MissingError, "use the key and address of the account that submitted the batch"
        elif status == 408 or status >= 500:
            kind, fix = UnavailableError, _AGAIN
        else:
            fix = "see what the service says"
        return kind(f"{self._url}{path} answered {status}: {said}", fix=fix)


_AGAIN = "run the same command again: nothing is lost, and nothing is sent twice"


def is_queue_full(said: str) -> bool:
    """Tell whether the service's words mean that too many tokens were waiting already."""
    return any(phrase in said.lower() for phrase in _QUEUE_FULL)
