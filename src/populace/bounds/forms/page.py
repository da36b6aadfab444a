"""The form as one static page: works by keyboard and without a network, and writes the TOML of tier 3."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec

from populace.bounds.forms.facts import Facts, facts
from populace.bounds.pages import page
from populace.bounds.policy.forms import Form

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["form_page"]

OWN_WISHES = 3
"""Fields for wishes in own words, at the least."""
OWN_LENGTH = 300


def form_page(bounds: Bounds, form: Form | None = None, *, organisation: str | None = None) -> str:
    """Make the page of a person's form.

    Parameters
    ----------
    bounds
        The rules that bind them: what these rule out stands on the page, with the rule, and cannot be chosen.
    form
        What they chose before.
    organisation
        Whose rules bind; the deployment's own by default.

    Raises
    ------
    DataError
        If the form names what there is not.

    Examples
    --------
    >>> from importlib.resources import files
    >>> from populace.bounds import Bounds
    >>> shown = form_page(Bounds.load(files("populace.bounds") / "data" / "examples", audit=False))
    >>> "Slang is welcome" in shown, "https://" in shown
    (True, False)
    """
    from markupsafe import Markup

    known = facts(bounds, form, organisation=organisation)
    script = resources.files("populace.bounds").joinpath("templates", "form.js").read_text("utf-8")
    own = [(each.id, each.text) for each in known.form.own]
    fresh = (f"w{place}" for place in range(1, 1000) if f"w{place}" not in dict(own))
    own += [(next(fresh), "") for _ in range(OWN_WISHES - len(own))]
    return page(
        "form",
        facts=known,
        own=own,
        longest=max(OWN_LENGTH, *(len(text) for _, text in own)),
        kept=Markup(_json(_kept(known))),
        script=Markup(script),
    )


def _kept(known: Facts) -> dict[str, Any]:
    """Give what the page writes back as it was: choices without a field, or that a rule bars for now."""
    given = known.form
    options = [option for group in known.groups for pair in group.pairs for option in pair]
    options += [option for group in known.groups for option in group.singles]
    shown = {option.id for option in options if option.barred is None}
    levels = {level.id for level in known.levels if level.levels}
    # What was agreed to and a rule bars for now stays agreed to, unused.
    held = {box.id for box in (*known.kinds, known.share, known.train) if box.barred and box.chosen}
    boxes = {box.id for box in (*known.kinds, known.share, known.train)} - held
    if not held & {kind.id for kind in known.kinds}:
        boxes.add("memory")
    return {
        "wishes": [each for each in given.wishes if each not in shown],
        "paused": list(given.paused),
        "own": [each.id for each in given.own],
        "strict": {name: level for name, level in given.strict.items() if name not in levels},
        "consents": [each for each in given.consents or () if each not in boxes],
        "purposes": list(known.purposes),
        "held": sorted(held),
        # Of what others may have, the page asks for everything at once: kinds that were left out stay out.
        "never": {
            action: [kind for kind in given.never.get(action, ()) if kind != "*"]
            for action in ("share", "train")
        },
        # Kinds of data without a field are never ticked.
        "unnamed": list(known.unnamed),
    }


def _json(value: Any) -> str:
    """Write JSON that no element of a page can end."""
    text = msgspec.json.encode(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
