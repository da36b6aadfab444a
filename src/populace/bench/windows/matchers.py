"""Models that score a sentence against a perspective without being asked: embeddings, and NLI.

A matcher takes pairs of texts and sentences and gives a number a pair, higher where they are nearer.

- `Embedding`: cosines of the packaged MiniLM (`populace.authoring.embedding`). It knows what two texts are
  about better than whether they agree: "ban it" and "do not ban it" are near. Read it beside the noise floor.
- `Nli`: P(entailment) with the perspective as premise and the sentence as hypothesis, as Modular Pluralism
  asks it, by any sequence classifier of transformers that was trained on natural language inference. Such
  a model must be there: a folder, or a name that is in the local cache or can be downloaded.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from populace.errors import ModelError

__all__ = ["Embedding", "Matcher", "Nli"]

Floats = npt.NDArray[np.float64]
Pair = tuple[Sequence[str], Sequence[str]]
_BATCH = 32


class Matcher(Protocol):
    """What scores sentences."""

    name: str
    threshold: float
    """What is a match if nothing else is said."""

    def scores(self, pairs: Sequence[Pair]) -> list[Floats]:
        """Score the sentences of each pair against its texts, shape (texts, sentences)."""
        ...


class Embedding:
    """Cosines of sentence embeddings.

    The threshold is that of OP-GRPO's second evaluator, for another encoder; `threshold=floor` sets one by
    what this one finds in other questions' windows.
    """

    name = "embedding"
    threshold = 0.70

    def scores(self, pairs: Sequence[Pair]) -> list[Floats]:
        """Embed every text once."""
        from populace.authoring.embedding import embed

        texts = list(dict.fromkeys(text for pair in pairs for side in pair for text in side))
        place = {text: at for at, text in enumerate(texts)}
        vectors = embed(texts)
        found: list[Floats] = []
        for views, said in pairs:
            one, other = ([place[text] for text in side] for side in (views, said))
            found.append(np.round(vectors[one] @ vectors[other].T, 6))
        return found


class Nli:
    """A cross-encoder for natural language inference.

    Parameters
    ----------
    model
        A folder with a model that transformers can load, or its name.

    Raises
    ------
    ModelError
        If transformers or the model is missing, or no label of it is entailment.
    """

    threshold = 0.5

    def __init__(self, model: str) -> None:
        self.name = f"nli {model}"
        lacking = [name for name in ("transformers", "torch") if not importlib.util.find_spec(name)]
        if lacking:
            raise ModelError(
                f"an NLI matcher needs {' and '.join(lacking)}, which is not installed",
                fix="pip install transformers torch, or take matcher=embedding or matcher=judge",
            )
        self._tokenizer, self._model = _loaded(model)
        labels = {int(at): str(label).lower() for at, label in self._model.config.id2label.items()}
        entails = [at for at, label in labels.items() if label.startswith("entail") or label == "implication"]
        if len(entails) != 1:
            raise ModelError(
                f"{model} has the labels {list(labels.values())}, none of them, or several, entailment",
                fix="give a model for natural language inference, with a label `entailment` in its config",
            )
        self._entails = entails[0]

    def scores(self, pairs: Sequence[Pair]) -> list[Floats]:
        """Ask each pair once, the perspective as premise."""
        asked = list(dict.fromkeys((view, each) for views, said in pairs for view in views for each in said))
        known = dict(zip(asked, self._probabilities(asked), strict=True))
        return [
            np.array([[known[view, each] for each in said] for view in views]).reshape(len(views), len(said))
            for views, said in pairs
        ]

    def _probabilities(self, asked: Sequence[tuple[str, str]]) -> list[float]:
        import torch

        # Texts of one length together: less of a batch is padding.
        order = sorted(range(len(asked)), key=lambda at: len(asked[at][0]) + len(asked[at][1]))
        found = [0.0] * len(asked)
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                part = order[start : start + _BATCH]
                tokens = self._tokenizer(
                    [asked[at][0] for at in part],
                    [asked[at][1] for at in part],
                    padding=True,
                    truncation=True,
                    return_tensors="pt",
                )
                told = self._model(**tokens).logits.double().softmax(dim=-1)[:, self._entails]
                for at, value in zip(part, told.tolist(), strict=True):
                    found[at] = round(value, 6)
        return found


def _loaded(model: str) -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        return tokenizer, AutoModelForSequenceClassification.from_pretrained(model).eval()
    except (OSError, ValueError, KeyError, ImportError) as error:
        what = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise ModelError(
            f"the NLI model {model} cannot be loaded ({what})",
            fix="give a folder that holds its config, weights and tokenizer, or a name that can be reached",
        ) from error
