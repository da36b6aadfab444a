"""Where people come from: what was built, and every step that was taken since."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from populace.errors import DataError

__all__ = ["Provenance", "SourceFile", "Step"]


class SourceFile(msgspec.Struct, frozen=True):
    """A file that was read."""

    name: str
    hash: str
    """BLAKE2b of its bytes."""


class Step(msgspec.Struct, frozen=True):
    """Something done to the people after they were built."""

    kind: Literal["sample", "rake", "trim"]
    settings: dict[str, Any]
    """Everything needed to do it again; margins by name and hash."""
    people: int
    """How many there were before."""
    weight: float
    """What their weights added up to before."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to make a population again: what was built, and what was done to it then."""

    source: str
    """`us-2024`, or the name of the file or folder read."""
    citation: str
    files: tuple[SourceFile, ...]
    vintage: str
    """Survey year; empty where the files do not say."""
    geography: str
    states: tuple[int, ...] | None
    """FIPS codes that the people were cut to; None for all that the source has."""
    codebook: str
    codebook_hash: str
    seed: int
    """Of the build; every later draw has its own, in its step."""
    size: int
    """People there are now."""
    adults: bool
    """Whether people under 18 were left out."""
    weight: str
    """Column of the source that weights the people."""
    stands_for: float
    """People of the geography that the population stands for: the sum of its weights."""
    licence: str
    notes: tuple[str, ...] = ()
    from_model: bool = False
    """Whether these are people drawn from a generative model, and no records."""
    drawn: bool = False
    """Whether `build` drew people one by one from the files, instead of keeping everybody."""
    steps: tuple[Step, ...] = ()
    """Samples, raking and trimming, in order."""

    def then(self, step: Step, *, size: int, stands_for: float) -> Provenance:
        """Add a step."""
        steps = (*self.steps, step)
        return msgspec.structs.replace(self, steps=steps, size=size, stands_for=stands_for)

    def require_whole_households(self) -> None:
        """Refuse people who were drawn one by one: of their households, members are missing.

        Raises
        ------
        DataError
            If they were drawn so by `build` or by a sample since.
        """
        samples = [step for step in self.steps if step.kind == "sample"]
        if self.drawn or not all(step.settings.get("households") for step in samples):
            raise DataError(
                "people were drawn one by one, so their households are not whole",
                fix="draw households from the file read whole (`build` without a size), before other samples",
            )

    def record(self) -> dict[str, Any]:
        """Give what is written beside the people; what was not done is not spoken of."""
        said = msgspec.to_builtins(self)
        for name in ("from_model", "drawn", "steps"):
            if not said[name]:
                del said[name]
        return said
