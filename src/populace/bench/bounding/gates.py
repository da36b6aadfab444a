"""Gates before the model: what a policy says of a prompt and of a user's wishes.

The policy is that of a folder of bounds (`populace.bounds`). Its verdicts come from the gold labels of the
prompts (`gold`), which tests the policy layer alone, or from the folder's own predicates (`classifiers`),
whose quality the result then holds too. The two are never mixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from populace.bounds.gold import GoldItem

if TYPE_CHECKING:
    from populace.bench.bounding.profiles import Profile

__all__ = ["NONE", "Gate", "PolicyGate", "Said"]

NONE = "no gate"
EXAMPLES = Path(str(resources.files("populace.bounds").joinpath("data", "examples")))


class Said(NamedTuple):
    """What a gate says."""

    allowed: bool
    words: tuple[str, ...] = ()
    """Wishes of the user that the model may be told."""
    tier: int | None = None
    rule: str = ""
    basis: str = ""
    lacking: bool = False
    """Whether it refused for want of a verdict."""


class Gate(Protocol):
    """Something that decides before the model is asked."""

    bundle: str
    """Hash of its policies."""

    def decide(self, item: GoldItem, profile: Profile) -> Said:
        """Decide about a prompt of a user."""
        ...


class PolicyGate:
    """A folder of bounds as a gate.

    Parameters
    ----------
    folder
        As `populace.bounds.Bounds.load` takes it; the examples of this package where it is None.
    verdicts
        Where they come from.
    profiles
        All who will ask: their wishes are forms of tier 3.
    """

    def __init__(
        self, folder: str | Path | None, verdicts: Literal["gold", "classifiers"], profiles: Sequence[Profile]
    ) -> None:
        from populace.bounds.bounds import Bounds
        from populace.bounds.policy.forms import Form, Own

        # What is decided here is a test and no service: it belongs in no audit.
        bounds = Bounds.load(folder or EXAMPLES, audit=False)
        for profile in profiles:
            own = tuple(Own(f"w{n}", text) for n, text in enumerate(profile.wishes, 1))
            bounds = bounds.with_form(Form(user=profile.id, own=own))
        self._bounds, self._gold = bounds, verdicts == "gold"
        self.bundle = bounds.bundle().hash

    def decide(self, item: GoldItem, profile: Profile) -> Said:
        """Decide about a prompt of a user."""
        scores = item.scores() if self._gold else None
        told = self._bounds.decide(user=profile.id, action="generate", text=item.text, scores=scores)
        return Said(
            told.allowed,
            tuple(wish.text for wish in told.preferences),
            told.tier,
            told.rule or "",
            told.basis or "",
            bool(told.needed),
        )
