"""Vendors that do not speak OpenAI's protocol, through the package `any-llm-sdk`.

A model is named `VENDOR:MODEL`, for example `anthropic:claude-sonnet-4-5`. Where a server does speak OpenAI's
protocol, the `openai` provider costs far less processor time a call, shows what the server allows, and lets
the request body be shaped.

The vendor's own package sends the call, its retries switched off. An error is typed by the HTTP status and
words that the package kept, else by any-llm's class of it. `choose` reads the options off first-token
log-probabilities where the vendor gives them, else off the sampled text, as in `populace.models.openai`; a
request's `opening` is left out. A vendor's package that knows no `seed` or no log-probabilities is asked
without them. The package is imported when a first call is made.
"""

from __future__ import annotations

import asyncio
import difflib
import importlib.util
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from populace.canonical import content_hash
from populace.errors import ModelError
from populace.models.openai_wire import TOP_LOGPROBS, Reply, answer, call_seed, schema_format
from populace.models.protocol import Price
from populace.models.records import (
    Boundary,
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Request,
    Result,
)
from populace.models.refusals import duration, read_error, refused
from populace.models.terms import own_price, own_quota

if TYPE_CHECKING:
    from any_llm import AnyLLM as Client

__all__ = ["AnyLLM"]

_OPTIONAL = {"seed": ("seed",), "logprobs": ("logprobs", "top_logprobs"), "top_logprobs": ("top_logprobs",)}
"""Parameters that a vendor's package may not know, with those that fall with them."""
_UNKNOWN = re.compile(r"unexpected keyword argument '(\w+)'")
_BOUNDARIES: dict[str, tuple[Boundary, bool]] = {
    "RateLimitError": ("rate limit", True),
    "AuthenticationError": ("access", False),
    "InsufficientFundsError": ("access", False),
    "ModelNotFoundError": ("access", False),
    "ContentFilterError": ("content filter", False),
    "ContextLengthExceededError": ("context length", False),
    "InvalidRequestError": ("request", False),
    "UnsupportedParameterError": ("request", False),
    "GatewayTimeoutError": ("server", True),
    "UpstreamProviderError": ("server", True),
}
"""Boundary of each of any-llm's errors, where no HTTP status says more."""


class AnyLLM:
    """A model of one of any-llm's vendors.

    Parameters
    ----------
    name
        `VENDOR:MODEL`, as any-llm names them.
    revision
        What pins the model down (a date, a commit); it enters every request key.
    key_env
        Environment variable that holds the API key. None takes the vendor's usual one, and sends no key to an
        `api_base` over plain http.
    api_base
        The vendor's address, where it is not the usual one.
    timeout
        Seconds one call may take.
    logprobs
        Whether `choose` asks for log-probabilities.
    price
        Dollars per million tokens: a `Price` or a mapping with `input` and `output`; None where unknown.
    requests_per_minute, tokens_per_minute
        Limits that the user sets.

    Raises
    ------
    ModelError
        `name` names no vendor, or a limit or the price is unusable.
    """

    batch_size = 1
    caches = 1
    scores_text = False

    def __init__(
        self,
        name: str,
        *,
        revision: str = "unpinned",
        key_env: str | None = None,
        api_base: str | None = None,
        concurrency: int = 32,
        timeout: float = 120.0,
        logprobs: bool = True,
        price: Price | Mapping[str, float] | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        if importlib.util.find_spec("any_llm") is None:
            raise ImportError("No module named 'any_llm'", name="any_llm")
        self._vendor, colon, self._name = name.partition(":")
        if not colon or not self._vendor or not self._name:
            raise ModelError(f"{name!r} names no vendor", fix="write VENDOR:MODEL, as in openai:gpt-4o-mini")
        self.price = own_price(price)
        self.quota = own_quota(requests_per_minute, tokens_per_minute)
        self.concurrency = concurrency
        suffix = "" if logprobs else f"-{content_hash((logprobs,), size=4)}"
        self.model = f"{name}@{revision}/any-llm{suffix}"
        self.endpoint = f"{api_base or self._vendor} {name}"
        self._key_env = key_env
        self._api_base = api_base
        self._timeout = timeout
        self._logprobs = logprobs
        self._left_out: set[str] = set()
        self._client: Client | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Write one text for each request, all calls side by side.

        Raises
        ------
        ModelError
            There is no such vendor, its package is not installed, or the environment has no API key.
        """
        return list(await asyncio.gather(*map(self._call, requests)))

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Read the options of each request off the first token the model would write.

        Raises
        ------
        ModelError
            There is no such vendor, its package is not installed, or the environment has no API key.
        """
        return list(await asyncio.gather(*map(self._call, requests)))

    async def close(self) -> None:
        """Close the connections, where the vendor's package can."""
        client, self._client = getattr(self._client, "client", None), None
        close = getattr(client, "close", None)
        closing = close() if callable(close) else None
        if asyncio.iscoroutine(closing):
            await closing

    async def _call(self, request: Request) -> Any:
        """Send one call and sort what comes back into an answer or the boundary that failed."""
        client = self._open()
        from any_llm.exceptions import AnyLLMError
        from pydantic import ValidationError

        key = request.key
        asked = self._asked(request, key)
        try:
            async with asyncio.timeout(self._timeout):
                completion = await client.acompletion(self._name, **asked)
        except TimeoutError:
            return _failure(key, "timeout", f"no answer within {self._timeout:g} s", True)
        except ValidationError as error:
            return _failure(key, "answer", f"not a chat completion: {error}"[:300], True)
        except NotImplementedError as error:
            raise ModelError(
                f"{self._vendor} offers no chat through any-llm ({error})",
                fix="name a vendor that does, or use the openai provider with its base_url",
            ) from error
        except AnyLLMError as error:
            if self._leave_out(error, asked):
                return await self._call(request)
            return self._refused(key, error)
        return _read(request, key, completion)

    def _asked(self, request: Request, key: str) -> dict[str, Any]:
        """Give the arguments of the call."""
        asked: dict[str, Any] = {
            "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
            "seed": call_seed(key),
        }
        if isinstance(request, GenerateRequest):
            asked |= {"max_tokens": request.max_tokens, "temperature": request.temperature}
            if request.json_schema:
                asked["response_format"] = msgspec.json.decode(schema_format(request.json_schema))
        else:
            asked |= {"max_tokens": 1, "temperature": 0.0}
            if self._logprobs:
                asked |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
        return {name: value for name, value in asked.items() if name not in self._left_out}

    def _leave_out(self, error: Exception, asked: Mapping[str, Any]) -> bool:
        """Note a parameter that the vendor's package refused by itself, if the call can do without it."""
        found = _UNKNOWN.search(str(error))
        name = found[1] if found else getattr(error, "parameter_name", None)
        dropped = [each for each in _OPTIONAL.get(name or "", ()) if each in asked]
        self._left_out.update(dropped)
        return bool(dropped)

    def _refused(self, key: str, error: Any) -> Failure:
        """Type one of any-llm's errors: by what the server said, else by its class."""
        original = error.original_exception
        response = getattr(original, "response", None)
        headers = getattr(response, "headers", None)
        headers = headers if isinstance(headers, Mapping) else {}
        content = getattr(response, "content", None)
        said = read_error(self._masked(content if isinstance(content, bytes) else error.message.encode()))
        boundary, retryable = _by_class(error, original)
        if error.status_code is None or error.status_code < 300:
            pause = duration(getattr(error, "retry_after", None) or "") if retryable else None
            return _failure(key, boundary, said.words or type(original).__name__, retryable, pause)
        failure = refused(key, error.status_code, headers, said)
        if failure.boundary == "request" and boundary in ("content filter", "context length"):
            failure = msgspec.structs.replace(failure, boundary=boundary)
        return failure

    def _masked(self, content: bytes) -> bytes:
        """Give a server's words without the key, should it repeat it."""
        variable = self._key_env or getattr(self._client, "ENV_API_KEY_NAME", "")
        secret = os.environ.get(variable, "").encode()
        return content.replace(secret, b"[key]") if secret else content

    def _open(self) -> Client:
        """Give the vendor's client of the running event loop, made at the first call."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            self._client, self._loop = self._made(), loop
        return self._client

    def _made(self) -> Client:
        import any_llm
        from any_llm.exceptions import MissingApiKeyError, UnsupportedParameterError, UnsupportedProviderError

        settings: dict[str, Any] = {"api_base": self._api_base, "unified_exceptions": True}
        if self._key_env is not None:
            settings["api_key"] = os.environ.get(self._key_env)
            if not settings["api_key"]:
                raise ModelError(f"{self._vendor} needs an API key", fix=f"export {self._key_env}=...")
        elif self._api_base and not self._api_base.startswith("https://"):
            settings["api_key"] = "none"
        create = any_llm.AnyLLM.create
        try:
            try:
                return create(self._vendor, max_retries=0, **settings)
            except UnsupportedParameterError:  # A package that never retries.
                return create(self._vendor, **settings)
        except UnsupportedProviderError as error:
            known = any_llm.AnyLLM.get_supported_providers()
            close = difflib.get_close_matches(self._vendor, known, 1) or known
            raise ModelError(
                f"any-llm has no vendor {self._vendor!r}", fix=f"use {', '.join(close)}"
            ) from error
        except MissingApiKeyError as error:
            variable = error.env_var_name
            raise ModelError(f"{self._vendor} needs an API key", fix=f"export {variable}=...") from error
        except ImportError as error:
            raise ModelError(
                f"the package of {self._vendor} is not installed",
                fix=f"run: pip install 'any-llm-sdk[{self._vendor}]'",
            ) from error


def _read(request: Request, key: str, completion: object) -> Result:
    """Read a completion of any-llm, which has OpenAI's shape."""
    try:
        reply = msgspec.convert(completion, Reply, from_attributes=True)
    except msgspec.ValidationError as error:
        return _failure(key, "answer", f"not a chat completion: {error}", True)
    return answer(request, key, reply)


def _by_class(error: Exception, original: object) -> tuple[Boundary, bool]:
    found = _BOUNDARIES.get(type(error).__name__)
    if found is not None:
        return found
    kind = type(original).__name__.lower()
    if "timeout" in kind:
        return "timeout", True
    if "connect" in kind or isinstance(original, OSError):
        return "connection", True
    if isinstance(original, ValueError | TypeError | AttributeError | LookupError):
        return "answer", True  # What the package could not read.
    return "server", True


def _failure(
    key: str, boundary: Boundary, message: str, retryable: bool, retry_after: float | None = None
) -> Failure:
    return Failure(key=key, boundary=boundary, message=message, retryable=retryable, retry_after=retry_after)
