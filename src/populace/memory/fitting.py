"""Routes fitted on what others share, held in this process as long as nobody who is in them is gone.

That they were fitted, and on whom, stands in the store: where one of these people goes, or a consent changes,
the line goes, and what is held is fitted anew before it is used again; so it is when a tenth more items were
added than there had been. Routes are weighed for people of whom
as little is known as of the person asked about: nothing, up to 3 answers, up to 10, or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

from populace.memory.answers import Shared, checked_there, shared_answers, shared_attributes
from populace.memory.fitted import keep_fit

if TYPE_CHECKING:
    from populace.memory.predicting import ResponsePredictor
    from populace.memory.store import Store, Writing

__all__ = ["SIZES", "Fitting", "fitted", "model_held", "size_of"]

SIZES = (0, 3, 10)
"""Own answers for which routes are weighed apart; of more, for all that are known."""
_PEOPLE, _QUESTIONS, _LEAST = 5_000, 500, 20
_GROWN = 1.1
"""So many times the items are others: then routes are fitted anew."""


class _Held(NamedTuple):
    model: int
    """Its number in the store."""
    items: int
    """Number of the last item when it was fitted."""
    routes: ResponsePredictor


_HELD: WeakKeyDictionary[Store, dict[str, _Held]] = WeakKeyDictionary()
"""Store -> kind and purpose -> what is held."""


class Fitting(NamedTuple):
    """What routes are fitted for."""

    purpose: str
    actor: str = ""
    known: int | None = None
    same_question: bool = False
    words: bool = False
    seed: int = 0

    @property
    def kind(self) -> str:
        """Name it in the store."""
        known = "all" if self.known is None else str(self.known)
        parts = ["same"] * self.same_question + ["words"] * self.words
        return " ".join(["routes", known, *parts, f"seed {self.seed}"])


def size_of(known: int) -> int | None:
    """Say for how many known answers routes are weighed for somebody with so many.

    Examples
    --------
    >>> [size_of(known) for known in (0, 1, 4, 11)]
    [0, 3, 10, None]
    """
    return next((size for size in SIZES if known <= size), None)


def fitted(store: Store, how: Fitting) -> ResponsePredictor:
    """Give the routes held, where nobody they were fitted on is gone; else fit them.

    Raises
    ------
    TooFewError
        If fewer than 20 people share answers.
    DataError
        If something that was read went meanwhile.
    """
    from populace.memory.predicting import ResponsePredictor

    held = _HELD.setdefault(store, {})
    key = f"{how.kind} {how.purpose}"
    known = held.get(key)
    if known is not None:
        with store.read() as connection:
            there = f"SELECT last_item FROM memory_settings, memory_models WHERE model = {known.model}"
            last = connection.exec_driver_sql(there).scalar()
        if last is not None and last <= _GROWN * known.items:
            return known.routes
        del held[key]
    with store.write() as writing:
        shared, least = _read(writing, how), writing.least_people
        (last,) = writing.fetch("SELECT last_item FROM memory_settings")[0]
    predictor = ResponsePredictor.fit(
        shared.answers.drop("person", "item"),
        shared.attributes if shared.attributes.width > 1 else None,
        same_question=how.same_question,
        known=how.known,
        least=least,
        seed=how.seed,
    )
    with store.write() as writing:
        checked_there(writing, how.purpose, store.name, shared.answers, shared.attributes)
        people = shared.answers["person"].unique().to_list()
        # Only that it was fitted is kept: the routes themselves stay in this process.
        items = shared.answers.height
        model = keep_fit(writing, how.kind, how.purpose, people, b"\0", items=items, actor=how.actor)
    held[key] = _Held(model, last, predictor)
    return predictor


def model_held(store: Store, how: Fitting) -> int:
    """Give the number in the store of the routes that `fitted` gave last."""
    return _HELD[store][f"{how.kind} {how.purpose}"].model


def _read(writing: Writing, how: Fitting) -> Shared:
    answers = shared_answers(
        writing,
        how.purpose,
        people=_PEOPLE,
        questions=_QUESTIONS,
        least=max(_LEAST, writing.least_people),
        seed=how.seed,
        words=how.words,
    )
    people = answers["person"].unique().to_list()
    return Shared(answers, shared_attributes(writing, how.purpose, people))
