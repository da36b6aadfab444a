"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp's server, routers, OpenAI.

One call is one POST to `{base_url}/chat/completions`, not streamed, over connections that are
kept alive. An error of any kind comes back as a `Failure` attributed to its boundary; nothing is
retried here. The API key is read from the environment and kept nowhere but in their headers.

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
from populace.models.openai_wire import TOP_LOGPROBS, Body, Reply, answer, call_seed, schema_format
from populace.models.protocol import Price
from populace.models.records import (
    Boundary,
    Choice,
    ChooseRequest,
    Completion,
    Failure,
    GenerateRequest,
    Message,
    Request,
    Result,
)
from populace.models.refusals import Said, read_error, refused, said_by
from populace.models.terms import own_price, own_quota, stated_quota

if TYPE_CHECKING:
    from populace.models.connections import Connections

__all__ = ["OpenAI"]


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
        Whether the server can go on from a turn that has begun (vLLM, SGLang, llama.cpp). Without it a
        request's `opening` is left out.
    slots
        Slots of a llama.cpp server (`--parallel`), each of which has a prompt cache of its own. No more calls
        are in flight than there are slots, and personas are spread over them.
    extra_body
        Further fields of the request body, for example `{"chat_template_kwargs": {...}}`.
    price
        Dollars per million tokens: a `Price` or a mapping with `input` and `output`; None where unknown.
    requests_per_minute, tokens_per_minute
        Limits that the user sets. The server's own, stated in the headers of its answers, may narrow them.

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
        slots: int | None = None,
        timeout: float = 120.0,
        logprobs: bool = True,
        prefill: bool = False,
        extra_body: Mapping[str, Any] | None = None,
        price: Price | Mapping[str, float] | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        if not base_url.startswith(("http://", "https://")):
            raise ModelError(f"{base_url!r} is not an http address", fix="write it as http://HOST:PORT/v1")
        if "@" in base_url.split("/")[2]:
            raise ModelError(
                "base_url holds a user's name or password, which would be written into files",
                fix="put the secret into an environment variable and name it with key_env",
            )
        self.price = own_price(price)
        self.concurrency = concurrency if slots is None else slots
        self.caches = slots or 1
        # What changes answers enters the identity; URL, timeout and concurrency do not.
        shaping = (logprobs, prefill, extra_body or {})
        suffix = "" if shaping == (True, False, {}) else f"-{content_hash(shaping, size=4)}"
        self.model = f"{name}@{revision}/served{suffix}"
        self._name = name
        self._url = base_url.rstrip("/") + "/chat/completions"
        self.endpoint = f"{self._url} {name}"
        self._own_quota = self.quota = own_quota(requests_per_minute, tokens_per_minute)
        self._key_env = key_env
        self._timeout = timeout
        self._logprobs = logprobs
        self._prefill = prefill
        self._extra = b"," + msgspec.json.encode(extra_body)[1:] if extra_body else b"}"
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(Reply)
        self._connections: Connections | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion | Failure]:
        """Write one text for each request, all calls side by side.

        Raises
        ------
        ModelError
            The address needs an API key and the environment has none.
        """
        return await self._call_all(requests)

    async def choose(self, requests: Sequence[ChooseRequest]) -> list[Choice | Failure]:
        """Read the options of each request off the first token the model would write.

        Raises
        ------
        ModelError
            The address needs an API key and the environment has none.
        """
        return await self._call_all(requests)

    async def close(self) -> None:
        """Close the connections."""
        if self._connections is not None:
            await self._connections.close()
            self._connections = None

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
            body = Body(self._name, request.messages, request.max_tokens, request.temperature, call_seed(key))
            if request.json_schema:
                body.response_format = schema_format(request.json_schema)
        else:
            body = Body(self._name, request.messages, 1, 0.0, call_seed(key))
            if self._logprobs:
                body.logprobs, body.top_logprobs = True, TOP_LOGPROBS
            if self._prefill and request.opening:
                body.max_tokens = 2 if request.options[0].startswith(" ") else 1
                body.messages = (*request.messages, Message("assistant", request.opening))
                body.add_generation_prompt, body.continue_final_message = False, True
        return self._encoder.encode(body)[:-1] + self._extra

    def _result(
        self, request: Request, key: str, status: int, headers: Mapping[str, str], content: bytes
    ) -> Result:
        if not 200 <= status < 300:
            return refused(key, status, headers, self._error(content))
        try:
            reply = self._decoder.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            text = f"not a chat completion ({error}): {self._said(content)}"
            return Failure(key=key, boundary="answer", message=text, retryable=True)
        if reply.error is not None or not reply.choices:
            said = said_by(reply.error) if reply.error else self._error(content)
            if said.error:
                return refused(key, said.status or 500, headers, said)
        return answer(request, key, reply)

    async def _call_all(self, requests: Sequence[Request]) -> list[Any]:
        if len(requests) == 1:  # The usual case: no task of its own, which is a tenth of the call's cost.
            return [await self._call(requests[0])]
        return list(await asyncio.gather(*map(self._call, requests)))

    async def _call(self, request: Request) -> Any:
        """Send one call and sort what comes back into an answer or the boundary that failed."""
        import aiohttp

        key = request.key
        try:
            response, content = await self._open().post(self._body(request, key))
        except aiohttp.InvalidURL as error:
            raise ModelError(f"{self._url!r} is not an address", fix="mend base_url") from error
        except aiohttp.ClientConnectorCertificateError as error:
            text = f"the server's certificate is not trusted: {error.certificate_error}"
            return Failure(key=key, boundary="access", message=text, retryable=False)
        except aiohttp.ConnectionTimeoutError as error:
            return _passing(key, "connection", f"no connection: {error}")
        except TimeoutError:
            return _passing(key, "timeout", f"no answer within {self._timeout:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return _passing(key, "connection", f"{type(error).__name__}: {error}")
        headers = response.headers
        self.quota = stated_quota(headers, self._own_quota) or self.quota
        return self._result(request, key, response.status, headers, content)

    def _said(self, content: bytes) -> str:
        """Give the server's message."""
        return self._error(content).words

    def _error(self, content: bytes) -> Said:
        """Read an error body, without the key should the server repeat it."""
        secret = os.environ.get(self._key_env or "OPENAI_API_KEY", "").encode()
        return read_error(content.replace(secret, b"[key]") if secret else content)

    def _open(self) -> Connections:
        """Give the connections of the running event loop, made at the first call."""
        loop = asyncio.get_running_loop()
        if self._connections is None or self._loop is not loop:
            from populace.models.connections import Connections

            self._connections = Connections(self._url, self.concurrency, self._timeout, self._authorization())
            self._loop = loop
        return self._connections

    def _authorization(self) -> dict[str, str]:
        if self._key_env is None and not self._url.startswith("https://"):
            return {}
        variable = self._key_env or "OPENAI_API_KEY"
        secret = os.environ.get(variable)
        if not secret:
            raise ModelError(f"{self._url} needs an API key", fix=f"export {variable}=...")
        return {"Authorization": f"Bearer {secret}"}


def _passing(key: str, boundary: Boundary, message: str) -> Failure:
    return Failure(key=key, boundary=boundary, message=message, retryable=True)
