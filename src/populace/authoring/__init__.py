"""What a model writes or checks about personas: open-ended fields, and whether a persona hangs together.

Nothing demographic is ever taken from a model: only free-text fields are, and each text is checked
against the persona before it stands.
"""

from populace.authoring.checking import PAPER_REMOVED, Checked, check
from populace.authoring.claims import CHECKS, Violation, violations
from populace.authoring.embedding import embed
from populace.authoring.variety import variety
from populace.authoring.writing import FIELDS, Written, write

__all__ = [
    "CHECKS",
    "FIELDS",
    "PAPER_REMOVED",
    "Checked",
    "Violation",
    "Written",
    "check",
    "embed",
    "variety",
    "violations",
    "write",
]
