"""Which way predicts: a route, a model, or both; and what is said where the model says nothing.

`model` asks the model, `blend` mixes it with the best route by the weights that `weigh` found (half and half
where it was not asked), `auto` takes what was measured to be best: the mixture where it beats the best route
for sure, the model where no route beats the population for sure and the model does, else the route, and then
no model is called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from populace.errors import DataError
from populace.memory.answers import TooFewError
from populace.memory.asking_models import opened
from populace.memory.fitting import size_of
from populace.memory.foretelling import Asked, foretell, known_answers, nothing_known
from populace.memory.modelling import Read, read_by_model
from populace.memory.weighing import Weighed, weighed_before

if TYPE_CHECKING:
    from populace.memory.predicting import Prediction
    from populace.memory.predicting.prediction import Method
    from populace.memory.store import Store
    from populace.models.protocol import Provider

__all__ = ["decide"]


def decide(
    store: Store,
    asked: Asked,
    *,
    purpose: str,
    actor: str = "",
    method: Method = "auto",
    model: Provider | str | None = None,
    tokens: int = 400,
    same_question: bool = False,
    words: bool = False,
    evidence: int = 5,
    seed: int = 0,
    **settings: Any,
) -> Prediction:
    """Predict one answer; see `PersonaDB.predict`.

    Raises
    ------
    DataError
        If a model is asked for and none is named, or as `foretell` and `read_by_model`.
    ModelError
        If the model cannot be reached.
    """
    told: dict[str, Any] = {"purpose": purpose, "actor": actor, "same_question": same_question}
    told |= {"words": words, "seed": seed}
    if model is None or method not in ("auto", "model", "blend"):
        if method == "model":
            raise DataError("no model is named", column="model", fix="give a provider, or a name: embedded")
        return foretell(store, asked, method=method, evidence=evidence, **told)
    provider, size = opened(model), size_of(known_answers(asked, words=words))
    before = weighed_before(store, provider.model, size, tokens, purpose=purpose, same_question=same_question)
    base = _route(store, asked, before if method == "blend" else None, evidence, told)
    way = _best(base, before) if method == "auto" else method
    if way == "auto":
        why = "it was not weighed: call weigh()" if before is None else "it adds nothing for sure"
        return msgspec.structs.replace(base, notes=(*base.notes, f"the model was not asked: {why}"))
    asked = asked._replace(query=replace(asked.query, options=base.options))
    read = read_by_model(store, asked, provider, tokens=tokens, **told, **settings)
    return _joined(base, read, provider.model, way, before)


def _route(
    store: Store, asked: Asked, before: Weighed | None, evidence: int, told: dict[str, Any]
) -> Prediction:
    """Predict by the route that was weighed beside the model, else by the best, if there is one."""
    method: Any = "auto" if before is None else before.route
    try:
        return foretell(store, asked, method=method, evidence=evidence, **told)
    except TooFewError as few:
        if not asked.query.options:
            raise
        return nothing_known(asked, told["same_question"], f"{few.what}: every option alike")


def _best(base: Prediction, before: Weighed | None) -> Literal["auto", "model", "blend"]:
    """Take what was measured to be best; `auto` is the route."""
    if before is None:
        return "auto"
    if base.abstained:
        return "model" if before.alone.gain.low > 0 else "auto"
    return "blend" if before.blend.gain.low > 0 else "auto"


def _joined(base: Prediction, read: Read, model: str, way: str, before: Weighed | None) -> Prediction:
    """Put the model's answer beside the route's, or say that there is none."""
    notes = (*base.notes, *read.notes)
    told: dict[str, Any] = {"hits": read.hits, "model": model, "tokens": read.tokens}
    if read.p is None:
        return msgspec.structs.replace(
            base, notes=(*notes, "the model gave no answer that can be read"), **told
        )
    p = read.p if before is None else before.temper(read.p)
    if way == "model":
        measured = None if before is None else before.alone
        why = "the model, as sure as it was right for people left out"
        if before is None:
            why = "the model as it is: it was not weighed, call weigh()"
    else:
        route = np.array(base.probabilities)
        p = (p + route) / 2 if before is None else before.mix(p, route)
        measured = None if before is None else before.blend
        why = f"the model and {base.method}, half and half: it was not weighed, call weigh()"
        if before is not None:
            share = f"{before.weights[0]:.2f} of the model"
            why = f"the model and {base.method}, mixed as was best for people left out: {share}"
    return msgspec.structs.replace(
        base,
        probabilities=tuple(p.tolist()),
        method="model" if way == "model" else "blend with model",
        abstained=False,
        why=why,
        calibration=measured,
        notes=notes,
        **told,
    )
