"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp's server, routers, OpenAI.

One call is one POST to `{base_url}/chat/completions`, not streamed, over one session that keeps its
connections alive. An error of any kind comes back as a `Failure` attributed to its boundary; nothing is
retried here. The API key is read from the environment and kept nowhere but in the session's headers.

`choose` asks for one token with the 20 likeliest alternatives and reads the options off them
(`populace.models.matching` has the rule). Where the server gives no log-probabilities, the sampled text is
matched instead: log-likelihood 0 for the option it stands for, None for the others, `exact=False`. Where
nothing matches, all are None and the text is kept, so that a refusal can be read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from populace.canonical import content_hash
from populace.errors import ModelError
from populace.models.matching import match_alternatives, match_text
from populace.models.openai_wire import Body, Reply, schema_format, server_message
from populace.models.protocol import Price, Quota
from populace.models.records import (
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Message,
    Request,
    Result,
)

if TYPE_CHECKING:
    import aiohttp

__all__ = ["OpenAI"]

_TOP_LOGPROBS = 20


class OpenAI:
    """A model behind an OpenAI-compatible URL.

    Parameters
    ----------
    name
        The model's name as the server knows it.
    base_url
        URL up to and including `/v1`.
    key_env
        Environment variable that holds the API key. None sends `OPENAI_API_KEY` to an https address and no
        key over plain http, where it could be read on the way.
    revision
        What pins the model down (a date, a commit); it enters every request key.
    timeout
        Seconds one call may take.
    logprobs
        Whether `choose` asks for log-probabilities; some servers refuse the question.
    prefill
        Whether the server can go on from a turn that has begun (vLLM, SGLang). Without it a request's
        `opening` is left out.
    extra_body
        Further fields of the request body, for example `{"chat_template_kwargs": {...}}`.
    price
        Dollars per million tokens: a `Price` or a mapping with `input` and `output`; None where unknown.

    Examples
    --------
    >>> OpenAI("llama-3.1-8b", base_url="http://localhost:8000/v1", revision="0e9e39f").model
    'llama-3.1-8b@0e9e39f/served'
    """

    batch_size = 1
    scores_text = False

    def __init__(
        self,
        name: str,
        *,
        base_url: str = "https://api.openai.com/v1",
        key_env: str | None = None,
        revision: str = "unpinned",
        concurrency: int = 32,
        timeout: float = 120.0,
        logprobs: bool = True,
        prefill: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        price: Price | Mapping[str, float] | None = None,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ModelError(f"{base_url!r} is not an http address", fix="write it as http://HOST:PORT/v1")
        self.price = _price(price)
        self.concurrency = concurrency
        # What changes answers enters the identity; URL, timeout and concurrency do not.
        shaping = (logprobs, prefill, extra_body or {})
        suffix = "" if shaping == (True, False, {}) else f"-{content_hash(shaping, size=4)}"
        self.model = f"{name}@{revision}/served{suffix}"
        self._name = name
        self._url = base_url.rstrip("/") + "/chat/completions"
        self.endpoint = f"{self._url} {name}"
        self.quota: Quota | None = None
        self._key_env = key_env
        self._timeout = timeout
        self._logprobs = logprobs
        self._prefill = prefill
        self._extra = b"," + msgspec.json.encode(extra_body)[1:] if extra_body else b"}"
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Reply)
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Write one text for each request, all calls side by side.

        Raises
        ------
        ModelError
            The address needs an API key and the environment has none.
        """
        return list(await asyncio.gather(*map(self._call, requests)))

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Read the options of each request off the first token the model would write.

        Raises
        ------
        ModelError
            The address needs an API key and the environment has none.
        """
        return list(await asyncio.gather(*map(self._call, requests)))

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def encode(self, request: Request) -> bytes:
        """Give the JSON body of the call that asks `request`, as it is posted or put into a batch file.

        Raises
        ------
        ModelError
            The request's `json_schema` is not JSON.
        """
        return self._body(request, request.key)

    def decode(self, request: Request, status: int, headers: Mapping[str, str], content: bytes) -> Result:
        """Read a response to the call that asked `request`: an answer, or the boundary that failed.

        Parameters
        ----------
        status
            HTTP status.
        headers
            Names in lower case, or a mapping that does not mind the case; empty where there are none.
        content
            The body of the response.
        """
        return self._result(request, request.key, status, headers, content)

    def _body(self, request: Request, key: str) -> bytes:
        if isinstance(request, GenerateRequest):
            body = Body(self._name, request.messages, request.max_tokens, request.temperature, _seed(key))
            if request.json_schema:
                body.response_format = schema_format(request.json_schema)
        else:
            body = Body(self._name, request.messages, 1, 0.0, _seed(key))
            if self._logprobs:
                body.logprobs, body.top_logprobs = True, _TOP_LOGPROBS
            if self._prefill and request.opening:
                body.messages = (*request.messages, Message("assistant", request.opening))
                body.add_generation_prompt, body.continue_final_message = False, True
        return self._encoder.encode(body)[:-1] + self._extra

    def _result(
        self, request: Request, key: str, status: int, headers: Mapping[str, str], content: bytes
    ) -> Result:
        if status != 200:
            return self._refused(key, status, headers, content)
        try:
            reply = self._decoder.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            text = f"not a chat completion ({error}): {self._said(content)}"
            return _failure(key, "answer", text, retryable=True)
        if not reply.choices:
            return _failure(key, "answer", "the reply holds no choice", retryable=True)
        answer = reply.choices[0]
        if isinstance(request, GenerateRequest):
            return Completion(key=key, text=answer.text, finish=answer.finish, usage=reply.tokens)
        return _choice(key, request.options, reply)

    async def _call(self, request: Request) -> Any:
        """Send one call and sort what comes back into an answer or the boundary that failed."""
        import aiohttp

        key = request.key
        try:
            async with self._open().post(self._url, data=self._body(request, key)) as response:
                content = await response.read()
        except TimeoutError:
            return _failure(key, "timeout", f"no answer within {self._timeout:g} s", retryable=True)
        except aiohttp.InvalidURL as error:
            raise ModelError(f"{self._url!r} is not an address", fix="mend base_url") from error
        except (aiohttp.ClientError, OSError) as error:
            return _failure(key, "connection", f"{type(error).__name__}: {error}", retryable=True)
        return self._result(request, key, response.status, response.headers, content)

    def _refused(self, key: str, status: int, headers: Mapping[str, str], content: bytes) -> Failure:
        text = f"HTTP {status}: {self._said(content)}"
        if status == 429:
            wait = headers.get("Retry-After") or headers.get("retry-after")
            text += f" (Retry-After: {wait})" if wait else ""
            return _failure(key, "rate limit", text, retryable="insufficient_quota" not in text)
        if status == 408:
            return _failure(key, "timeout", text, retryable=True)
        if status >= 500:
            return _failure(key, "server", text, retryable=True)
        return _failure(key, "request", text, retryable=False)

    def _said(self, content: bytes) -> str:
        """Give the server's message, without the key should it repeat it."""
        secret = os.environ.get(self._key_env or "OPENAI_API_KEY", "").encode()
        return server_message(content.replace(secret, b"[key]") if secret else content)

    def _open(self) -> aiohttp.ClientSession:
        """Give the session of the running event loop, made at the first call."""
        import aiohttp

        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.concurrency),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"Content-Type": "application/json"} | self._authorization(),
            )
        return self._session

    def _authorization(self) -> dict[str, str]:
        if self._key_env is None and not self._url.startswith("https://"):
            return {}
        variable = self._key_env or "OPENAI_API_KEY"
        secret = os.environ.get(variable)
        if not secret:
            raise ModelError(f"{self._url} needs an API key", fix=f"export {variable}=...")
        return {"Authorization": f"Bearer {secret}"}


def _choice(key: str, options: Sequence[str], reply: Reply) -> Choice:
    answer = reply.choices[0]
    positions = (answer.logprobs.content if answer.logprobs else None) or []
    if positions and positions[0].top_logprobs:
        alternatives = [(item.token, item.logprob) for item in positions[0].top_logprobs]
        found, exact = match_alternatives(alternatives, options), True
    else:
        picked = match_text(answer.text, options)
        found, exact = tuple(0.0 if i == picked else None for i in range(len(options))), False
    return Choice(
        key=key,
        log_likelihoods=found,
        tokens=(1,) * len(options),
        exact=exact,
        text=answer.text,
        usage=reply.tokens,
    )


def _failure(key: str, boundary: Any, message: str, *, retryable: bool) -> Failure:
    return Failure(key=key, boundary=boundary, message=message, retryable=retryable)


def _seed(key: str) -> int:
    """Seed of a call: the same request always gets the same, another sample of it another."""
    return int(key[:8], 16) >> 1


def _price(price: Price | Mapping[str, float] | None) -> Price | None:
    try:
        return None if price is None else msgspec.convert(price, Price)
    except msgspec.ValidationError as error:
        raise ModelError(f"the price is unusable: {error}", fix="give input and output in dollars") from error
