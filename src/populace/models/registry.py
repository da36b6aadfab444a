"""`open_model`: from one line in a study file to a provider, importing only what that provider needs."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from populace.errors import ModelError
from populace.models.protocol import Provider

__all__ = ["PROVIDERS", "open_model"]


class _Entry(NamedTuple):
    module: str
    name: str
    target: str | None
    """Parameter that takes the text after the colon."""
    extra: str | None
    """Extra of this package that brings what the module imports."""


PROVIDERS = {
    "any-llm": _Entry("populace.models.any_llm", "AnyLLM", "name", "any-llm"),
    "embedded": _Entry("populace.models.embedded", "Embedded", "path", "local"),
    "openai": _Entry("populace.models.openai", "OpenAI", "name", None),
    "replay": _Entry("populace.models.replay", "Replay", "file", None),
    "scripted": _Entry("populace.models.scripted", "Scripted", None, None),
}
"""Provider names a spec may start with."""


def open_model(spec: str | Mapping[str, Any]) -> Provider:
    """Open the model that `spec` names.

    Parameters
    ----------
    spec
        `"PROVIDER"`, `"PROVIDER:TARGET"`, or a mapping with `provider` and the provider's own settings.
        `"embedded"` is the packaged model, `"embedded:PATH"` a GGUF file or a Hugging Face folder,
        `"openai:MODEL"` any OpenAI-compatible server (`base_url`, `key_env`), `"any-llm:VENDOR:MODEL"` the
        vendors of the package any-llm-sdk, `"replay:FILE"` recorded answers, `"scripted"` the mock.

    Raises
    ------
    ModelError
        There is no such provider or setting, or a package it needs is not installed.

    Examples
    --------
    >>> open_model("scripted").model
    'scripted@1/exact'
    >>> open_model({"provider": "scripted", "model": "mock@2/exact", "latency": 0.01}).model
    'mock@2/exact'
    """
    provider, settings = _parse(spec)
    entry = PROVIDERS.get(provider)
    if entry is None:
        raise ModelError(f"there is no provider {provider!r}", fix=_instead(provider, PROVIDERS))
    if "" in settings:
        if entry.target is None:
            raise ModelError(f"{provider!r} takes nothing after a colon", fix=f"write {provider!r}")
        settings[entry.target] = settings.pop("")
    try:
        factory = getattr(importlib.import_module(entry.module), entry.name)
        _check(provider, factory, settings)
        return factory(**settings)
    except ImportError as error:
        raise missing_package(provider, error) from error


def missing_package(provider: str, error: ImportError) -> ModelError:
    """Build the error that says which package a provider lacks and how to install it."""
    extra = PROVIDERS[provider].extra
    package = f"populace[{extra}]" if extra else error.name or "populace"
    return ModelError(
        f"the {provider} provider needs the package {error.name!r}, which is not installed",
        fix=f"run: pip install '{package}'",
    )


def _parse(spec: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split a spec into provider and settings; the text after a colon is kept under the empty name."""
    settings = {"provider": spec} if isinstance(spec, str) else dict(spec)
    if "provider" not in settings:
        raise ModelError("the model has no provider", fix=f"set provider to one of {', '.join(PROVIDERS)}")
    provider, colon, target = settings.pop("provider").partition(":")
    return provider, settings | ({"": target} if colon else {})


def _instead(given: str, known: Iterable[str]) -> str:
    """Suggest the known name that `given` resembles, else all of them."""
    names = list(known)
    close = difflib.get_close_matches(given.lower(), names, 1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(names)}"


def _check(provider: str, factory: Any, settings: Mapping[str, Any]) -> None:
    """Name every setting the provider does not know or lacks, before it is built."""
    parameters = inspect.signature(factory).parameters
    unknown = [name for name in settings if name not in parameters]
    if unknown:
        raise ModelError(
            f"the {provider} provider has no setting {', '.join(map(repr, unknown))}",
            fix=_instead(unknown[0], parameters),
        )
    required = (name for name, p in parameters.items() if p.default is inspect.Parameter.empty)
    lacking = [repr(name) for name in required if name not in settings]
    if lacking:
        raise ModelError(f"the {provider} provider needs {', '.join(lacking)}", fix="add it to the spec")
