"""populace: a testbed and toolkit for pluralistic alignment of language models.

>>> from populace import Study
>>> Study.__name__
'Study'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Study", "__version__"]

if TYPE_CHECKING:
    from populace.study import Study


def __getattr__(name: str) -> Any:
    # Importing any room must not import the whole house: `populace --help` answers in 0.3 s.
    if name == "Study":
        from populace.study import Study

        return Study
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
