"""A model of language predicts an answer: told what a retrieval gives, under a budget of tokens.

The model is asked in both orders of the options, through the engine (`calls`). What it is told are hits of
`retrieve`, the always-on profile included, of neighbours never the answer to the very question unless the
caller says so, of the person's own never the earlier answer to it. Each call leaves a line in the audit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from populace.memory.auditing import note
from populace.memory.calls import asked as called
from populace.memory.predicting.briefing import Known, Recipe, briefed
from populace.memory.predicting.lm import ModelRoute
from populace.memory.retrieving import retrieve

if TYPE_CHECKING:
    from populace.memory.foretelling import Asked
    from populace.memory.hits import Hit
    from populace.memory.store import Store
    from populace.models.protocol import Provider

__all__ = ["Read", "read_by_model"]


class Read(NamedTuple):
    """What a model says of one question."""

    p: np.ndarray | None
    """Shape (options,); None where it gave no answer that can be read."""
    hits: tuple[Hit, ...]
    tokens: int
    """Of all that it was told of the person."""
    notes: tuple[str, ...]


def read_by_model(
    store: Store,
    asked: Asked,
    provider: Provider,
    *,
    purpose: str,
    actor: str = "",
    tokens: int = 400,
    same_question: bool = False,
    words: bool = False,
    seed: int = 0,
    **settings: Any,
) -> Read:
    """Ask a model what a person will answer.

    Parameters
    ----------
    tokens
        Budget of all that is told of the person, headings included.
    **settings
        Of `retrieving.retrieve`.

    Raises
    ------
    DataError
        If there is nothing to choose from, or a setting is out of range.
    ModelError
        If the model cannot be reached.
    """
    from populace.opinions import Item

    hits: Sequence[Hit] = ()
    notes: tuple[str, ...] = ()
    share = 0.0
    if asked.number is not None:
        found = retrieve(
            store,
            asked.person_id,
            asked.query.text,
            purpose=purpose,
            actor=actor,
            tokens=tokens,
            same_question=same_question,
            words=words,
            **settings,
        )
        hits = [hit for hit in found.hits if not asked.same.intersection(hit.items)]
        notes, share = found.notes, found.share
    known, recipe = _known(hits, asked), Recipe(share=share)
    route = ModelRoute(provider.model, recipe, tokens, seed=seed)
    briefing = briefed(known, recipe, tokens, route.count)
    item = Item(name=asked.query.name, question=asked.query.text, options=asked.query.options)
    requests = route.requests([known], [item])
    told = tuple(hit for hit in hits if _line(hit) in briefing.text)
    if asked.number is not None:
        counted = len({number for hit in told for number in hit.items})
        with store.write() as writing:
            note(
                writing,
                "predict by model",
                purpose,
                [(asked.number, counted)],
                actor=actor,
                reader=asked.number,
            )
    work = f"predict {asked.number} {requests[0].key}"
    with called(store, work, requests, provider, stage="predict") as results:
        p = route.read(results, [item])[0, : item.size]
    if briefing.left:
        notes = (*notes, f"{briefing.left} lines did not fit into {tokens} tokens")
    return Read(None if np.isnan(p).any() else p, told, briefing.tokens, notes)


def _known(hits: Sequence[Hit], asked: Asked) -> Known:
    """Sort hits into what a briefing tells."""
    own = [hit for hit in hits if hit.near is None]
    items = [hit for hit in own if hit.layer == "history"]
    items.sort(key=lambda hit: hit.items)
    induced = tuple(_line(hit) for hit in own if hit.layer == "induced")
    told = [f"{name}: {asked.attributes[name]}" for name in sorted(asked.given)]
    facts = [
        _line(hit)
        for hit in own
        if hit.layer == "distilled" or (hit.layer == "attribute" and hit.field not in asked.given)
    ]
    return Known(
        distilled=tuple(dict.fromkeys([*told, *facts])),
        induced=induced,
        own=tuple((_line(hit), "") for hit in items),
        near=tuple(hit.score for hit in items),
        joined=tuple((_line(hit), "") for hit in hits if hit.near is not None),
    )


def _line(hit: Hit) -> str:
    return " ".join(hit.text.split())
