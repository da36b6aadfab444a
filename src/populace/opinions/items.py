"""A question of a survey and its options."""

from __future__ import annotations

import msgspec

from populace.errors import DataError

__all__ = ["Item"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One question with a closed list of answers.

    Examples
    --------
    >>> item = Item(name="grass", question="Should marijuana be legal?", options=("Legal", "Not legal"))
    >>> item.size, item.ordinal
    (2, False)
    """

    name: str
    question: str = ""
    """As it was asked; empty where the file does not say: then no model is asked it."""
    options: tuple[str, ...]
    """In the order of the survey."""
    ordinal: bool = False
    """Whether the order of the options means something."""
    wordings: tuple[str, ...] = ()
    """The same question in other words."""
    same_as: tuple[str, ...] = ()
    """Attributes of people that are read from the answer to it: who is told them is told the answer."""
    twins: tuple[str, ...] = ()
    """Other items that say nearly the same, whatever the data show."""

    def __post_init__(self) -> None:
        """Refuse what is no question.

        Raises
        ------
        DataError
            If there are fewer than two options, or one stands there twice.
        """
        if len(self.options) < 2 or len(set(self.options)) < len(self.options):
            raise DataError(
                f"the item {self.name} needs at least two options, all different; it has "
                f"{', '.join(map(repr, self.options)) or 'none'}",
                fix="correct the codebook",
            )

    @property
    def size(self) -> int:
        """Number of options."""
        return len(self.options)
