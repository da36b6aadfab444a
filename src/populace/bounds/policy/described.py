"""What a loaded deployment says of itself: the parts of its folder, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from populace.bounds.decision import Wish
from populace.bounds.policy.folder import Folder
from populace.bounds.policy.forms import Form
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.settings import Choice, Duty, Settings

__all__ = ["Described"]


class Described:
    """Gives the parts of a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where it was loaded from."""
        return self._folder.root

    @property
    def settings(self) -> Settings:
        """What `bounds.toml` says."""
        return self._folder.settings

    @property
    def policies(self) -> Folder:
        """All that the folder holds, as it was read."""
        return self._folder

    @property
    def table(self) -> dict[str, Any]:
        """What `bounds.toml` says, as a table."""
        return msgspec.to_builtins(self._folder.settings)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of tiers 1 and 2, of all organisations."""
        return self._folder.rules

    @property
    def organisation(self) -> str:
        """Whose deployment it is."""
        return self._folder.settings.organisation

    @property
    def organisations(self) -> tuple[str, ...]:
        """All that have a folder in tier 2."""
        return self._folder.organisations

    @property
    def laws(self) -> tuple[str, ...]:
        """The jurisdictions that are known."""
        return self._folder.laws

    @property
    def duties(self) -> dict[str, Duty]:
        """What can be required, by id."""
        return self._folder.duties

    @property
    def wishes(self) -> dict[str, Wish]:
        """What users can choose, by id."""
        return self._folder.wishes

    @property
    def choices(self) -> dict[str, Choice]:
        """The catalogue of wishes, with what a form shows of each."""
        return self._folder.choices

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of personal data that are known."""
        return self._folder.kinds

    @property
    def purposes(self) -> tuple[str, ...]:
        """Purposes that are known."""
        return self._folder.purposes

    @property
    def forms(self) -> dict[str, Form]:
        """What users chose, by user."""
        return self._folder.forms
