"""Documents of a deployment: who it is aligned to, by whom, on what basis, from whose feedback.

Each is a record that is saved as JSON (`.json`) or as a page for people (`.html`); both say the same. What
nobody said stands there as *not said*: no document leaves with an invented word in it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from populace.bounds.documents.alignment_card import Card, card
    from populace.bounds.documents.data_statement import Statement, statement
    from populace.bounds.documents.definitions import Ledger, ledger
    from populace.bounds.documents.gap import Gap, representation_gap
    from populace.bounds.documents.participating import Participation, participation
    from populace.bounds.documents.raters import Provenance, provenance

__all__ = [
    "Card",
    "Gap",
    "Ledger",
    "Participation",
    "Provenance",
    "Statement",
    "card",
    "ledger",
    "participation",
    "provenance",
    "representation_gap",
    "statement",
]

# No module has the name of its function: it would hide it.
_WHERE = {
    "Card": "alignment_card",
    "card": "alignment_card",
    "Gap": "gap",
    "representation_gap": "gap",
    "Ledger": "definitions",
    "ledger": "definitions",
    "Participation": "participating",
    "participation": "participating",
    "Provenance": "raters",
    "provenance": "raters",
    "Statement": "data_statement",
    "statement": "data_statement",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
