"""Responses of models, sampled through the engine: journalled, and never paid for twice.

A candidate is whoever writes: a model as it is, the same model under a system prompt, an adapter that a
server offers under a name of its own. Each has its responses to every prompt; a sampling that was stopped
goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.canonical import content_hash
from populace.errors import DataError, ModelError
from populace.models import Completion, GenerateRequest, Message, Provider
from populace.run import Journal, run

__all__ = ["Sampled", "Sampling", "as_prompts", "sample"]

_SCHEMA = {
    "prompt_id": pl.String,
    "prompt": pl.String,
    "candidate": pl.String,
    "response_id": pl.String,
    "response": pl.String,
    "cut": pl.Boolean,
    "model": pl.String,
}


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How responses are drawn.

    Examples
    --------
    >>> Sampling(n=4, max_tokens=100).temperature
    1.0
    """

    n: int = 8
    """Responses a prompt and candidate."""
    temperature: float = 1.0
    max_tokens: int = 256
    seed: int = 0
    variants: Mapping[str, str] = msgspec.field(default_factory=lambda: {"": ""})
    """Name of a candidate to its system prompt; empty: the model as it is."""

    def __post_init__(self) -> None:
        """Refuse what draws nothing."""
        if self.n < 1 or self.max_tokens < 1 or not self.variants:
            raise ValueError("n and max_tokens must be at least 1, and there must be a variant")
        if self.n > 1 and not self.temperature > 0:
            raise ValueError("several responses at temperature 0 are one: give a temperature above 0")

    def request(self, model: str, prompt: str, system: str, place: int) -> GenerateRequest:
        """Ask for one response."""
        said = (Message("system", system),) if system else ()
        return GenerateRequest(
            model=model,
            messages=(*said, Message("user", prompt)),
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            sample=place,
            seed=self.seed,
        )


class Sampled(msgspec.Struct, frozen=True):
    """Responses, and what is missing."""

    frame: pl.DataFrame
    """`prompt_id, prompt, candidate, response_id, response, cut, model`, a row a response."""
    failed: int
    """Calls that gave no response."""
    empty: int
    """Responses without a word; they are in the table and have no scores."""
    asked: int
    """Calls that this session made, of all."""


def as_prompts(prompts: pl.DataFrame | Iterable[str]) -> pl.DataFrame:
    """Give prompts as `prompt_id, prompt`, each text once.

    Parameters
    ----------
    prompts
        Texts, or a table with `text` or `prompt`, and perhaps `prompt_id`.

    Raises
    ------
    DataError
        If there is none, or one is empty.

    Examples
    --------
    >>> as_prompts(["Why?", "How?", "Why?"])["prompt"].to_list()
    ['Why?', 'How?']
    """
    table = prompts if isinstance(prompts, pl.DataFrame) else pl.DataFrame({"text": list(prompts)})
    name = next((each for each in ("text", "prompt") if each in table.columns), None)
    if name is None:
        raise DataError("there is no column 'text' or 'prompt'", fix="name the column of the prompts")
    empty = table[name].cast(pl.String).str.strip_chars().fill_null("") == ""
    if empty.any():
        raise DataError("a prompt is empty", row=int(empty.arg_max() or 0) + 1, column=name)
    if not table.height:
        raise DataError("there is no prompt")
    found = table.unique(subset=name, keep="first", maintain_order=True)
    texts = found[name].to_list()
    if "prompt_id" in found.columns:
        ids = found["prompt_id"].cast(pl.String)
    else:
        ids = pl.Series([content_hash(text, size=8) for text in texts])
    if ids.is_null().any() or ids.is_duplicated().any():
        raise DataError("two prompts have one id, or one has none", column="prompt_id")
    return pl.DataFrame({"prompt_id": ids, "prompt": texts})


def sample(
    prompts: pl.DataFrame | Iterable[str],
    provider: Provider,
    folder: str | Path,
    sampling: Sampling | None = None,
    **settings: Any,
) -> Sampled:
    """Draw responses to every prompt by every variant of a model.

    Parameters
    ----------
    prompts
        As `as_prompts` takes them.
    folder
        Holds the journal: the same command goes on where it stopped, and pays for nothing twice.
    sampling
        How they are drawn.
    **settings
        Of the engine: `progress`, `budget`, `retry_errors`.

    Raises
    ------
    DataError
        If there is no prompt.
    ModelError
        If the model cannot be reached, or answered nothing at all.

    Examples
    --------
    >>> import tempfile
    >>> from populace.models.scripted import Scripted
    >>> found = sample(["Why?"], Scripted(), tempfile.mkdtemp(), Sampling(n=3))
    >>> found.frame.height, found.failed, found.asked
    (3, 0, 3)
    """
    how, table = sampling or Sampling(), as_prompts(prompts)
    with Journal(Path(folder) / "journal") as journal:
        plan = (request for request, _ in _requests(table, provider.model, how))
        stats = run(plan, provider, journal, stage="sample", **settings)
        rows, failed = _rows(table, provider.model, how, journal.get)
    if not rows:
        raise ModelError(f"{provider.model} gave no response to any prompt", fix="see the journal's failures")
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    empty = int((frame["response"].str.strip_chars() == "").sum())
    return Sampled(frame, failed, empty, stats.answered)


def _requests(
    table: pl.DataFrame, model: str, how: Sampling
) -> Iterator[tuple[GenerateRequest, tuple[str, str, str, str]]]:
    """Yield requests and what their responses are: those that begin alike stand together."""
    for candidate, system in how.variants.items():
        for name, text in table.iter_rows():
            for place in range(how.n):
                who = candidate or model
                yield how.request(model, text, system, place), (name, text, who, f"{who}/{place}")


def _rows(
    table: pl.DataFrame, model: str, how: Sampling, lookup: Callable[[str], Any]
) -> tuple[list[tuple[Any, ...]], int]:
    rows, failed = [], 0
    for request, (name, text, candidate, place) in _requests(table, model, how):
        result = lookup(request.key)
        if isinstance(result, Completion):  # a refusal is a response like any other
            rows.append((name, text, candidate, place, result.text, result.finish == "length", model))
        else:
            failed += 1
    return rows, failed
