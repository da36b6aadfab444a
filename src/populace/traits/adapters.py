"""Hugging Face models as scorers: reward models, cross-encoders, classifiers.

All are sequence classifiers; they differ in what they read and in which of their numbers is the score.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from populace.errors import ModelError
from populace.traits.scorer import FunctionScorer

__all__ = ["Reading", "transformer"]

Reading: TypeAlias = Literal["chat", "pair", "text"]
"""What the model is given: the `chat` of prompt and answer by the tokenizer's template (reward models), the
two as a `pair` (cross-encoders), or the `text` alone (classifiers)."""


def transformer(
    model: str | Path | Any,
    *,
    name: str,
    larger: str,
    reads: Reading = "chat",
    label: str | int | None = None,
    tokenizer: Any = None,
    squash: bool = True,
    batch: int = 16,
    max_tokens: int | None = None,
) -> FunctionScorer:
    """Make a scorer of a Hugging Face sequence classifier. Nothing is loaded before the first score.

    Parameters
    ----------
    model
        A folder or a name that `AutoModelForSequenceClassification` knows, or a model that is loaded.
    name, larger
        Of the trait, and what more of it means: the model does not say.
    reads
        What it is given.
    label
        Of several labels, the one whose probability is the score; None for a model of one number.
    tokenizer
        Where `model` is a model that is loaded.
    squash
        Whether a single number is put through the logistic function, from 0 to 1. Without it the range is
        unbounded, and a scale has to be stated where weights are used.
    batch
        Texts at once. The last bits of a score depend on its batch, so that the cut is by the order given.
    max_tokens
        Longer ones are cut, at the model's own limit by default.

    Raises
    ------
    ModelError
        When it is used: if torch or transformers is not installed, the model cannot be loaded, has several
        labels and none was named, or has no such label.

    Notes
    -----
    Which languages are read is up to the model.
    """
    loaded: list[tuple[Any, Any, int | None]] = []

    def measure(texts: list[str], prompts: list[str] | None) -> np.ndarray:
        if not loaded:
            loaded.append(_load(model, tokenizer, label, name))
        net, words, place = loaded[0]
        limit = max_tokens or min(words.model_max_length, _room(net))
        logits = _logits(net, _encoder(words, reads, limit), texts, prompts, batch)
        if place is not None:
            return _softmax(logits)[:, place]
        return 1 / (1 + np.exp(-logits[:, 0])) if squash else logits[:, 0]

    bounded = squash or label is not None
    ends = (0.0, 1.0) if bounded else (-np.inf, np.inf)
    return FunctionScorer(name, measure, *ends, larger, needs_prompts=reads != "text")


def _load(model: Any, tokenizer: Any, label: str | int | None, name: str) -> tuple[Any, Any, int | None]:
    """Load what is not loaded, and find the label."""
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise ModelError(
            f"{name} needs transformers and torch", fix="pip install transformers torch"
        ) from error
    net, words = model, tokenizer
    if isinstance(model, (str, Path)):
        try:
            net = AutoModelForSequenceClassification.from_pretrained(model)
            words = tokenizer or AutoTokenizer.from_pretrained(model)
        except (OSError, ValueError) as error:
            first = str(error).strip().splitlines()[0]
            raise ModelError(f"{name}: {model} cannot be loaded ({first})") from error
    if words is None:
        raise ModelError(f"{name}: a model that is loaded needs its tokenizer", fix="give tokenizer=")
    net.eval()
    names: dict[int, str] = net.config.id2label
    if label is None:
        if len(names) > 1:
            told = ", ".join(names.values())
            raise ModelError(f"{name}: the model has the labels {told}", fix="say which: label=")
        return net, words, None
    places = [place for place, told in names.items() if label in (place, told)]
    if not places:
        raise ModelError(
            f"{name}: there is no label {label!r}", fix=f"use one of {', '.join(names.values())}"
        )
    return net, words, int(places[0])


def _room(net: Any) -> int:
    return int(getattr(net.config, "max_position_embeddings", None) or 1 << 30)


def _encoder(words: Any, reads: Reading, limit: int) -> Callable[[list[str], list[str] | None], Any]:
    how: dict[str, Any] = {"padding": True, "truncation": True, "max_length": limit, "return_tensors": "pt"}

    def encode(texts: list[str], prompts: list[str] | None) -> Any:
        if reads == "text" or prompts is None:
            return words(texts, **how)
        if reads == "pair":
            return words(prompts, texts, **how)
        turns = [
            [{"role": "user", "content": asked}, {"role": "assistant", "content": told}]
            for asked, told in zip(prompts, texts, strict=True)
        ]
        try:
            chats = [words.apply_chat_template(turn, tokenize=False) for turn in turns]
        except ValueError as error:
            fix = "reads='pair', or a tokenizer that has one"
            raise ModelError("the tokenizer has no chat template", fix=fix) from error
        # The template writes the special tokens itself.
        return words(chats, add_special_tokens=False, **how)

    return encode


def _logits(
    net: Any,
    encode: Callable[[list[str], list[str] | None], Any],
    texts: list[str],
    prompts: list[str] | None,
    batch: int,
) -> np.ndarray:
    """Give the model's numbers, shape (texts, labels)."""
    import torch

    found = []
    with torch.inference_mode():
        for start in range(0, len(texts), batch):
            part = slice(start, start + batch)
            tokens = encode(texts[part], None if prompts is None else prompts[part])
            given = {key: value.to(net.device) for key, value in tokens.items()}
            found.append(net(**given).logits.float().cpu().numpy())
    return np.concatenate(found).astype(np.float64)


def _softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
