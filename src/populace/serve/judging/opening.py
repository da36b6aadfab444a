"""Begin a study in a store, or open one that stands there."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from populace.errors import DataError
from populace.serve.judging.keys import Keys
from populace.serve.judging.settings import Settings
from populace.serve.judging.store import Store, Texts, keys_beside

__all__ = ["Opened", "open_study"]

_LONGEST = 200_000


class Opened(NamedTuple):
    """A study that can be served."""

    store: Store
    keys: Keys
    settings: Settings
    texts: Texts
    begun: bool
    """Whether it was begun just now."""
    identical: int
    """Pairs left out because both answers were the same; 0 for a study that stood there."""


def open_study(
    where: str, settings: Settings | None = None, *, keys: Path | None = None, keys_needed: bool = True
) -> Opened:
    """Open the study of a store; with settings, begin it there, or check that it is the same.

    Parameters
    ----------
    where
        A SQLite file, or `postgresql://...`.
    settings
        None opens what stands there.
    keys
        File of keys; beside the store where left out.
    keys_needed
        False: where the file is gone, open the study for reading all the same.

    Raises
    ------
    DataError, StudyError
        If files are broken, another study stands there, or its keys are missing or others.
    """
    path = keys or keys_beside(where)
    if settings is None:
        store = Store.open(where)
        known, texts = store.settings()
        if not keys_needed and not path.exists():
            return Opened(store, Keys.none(), known, texts, False, 0)
        found = Keys.open(path, create=False)
        store.know_keys(found.mark, anew=False)
        return Opened(store, found, known, texts, False, 0)
    from populace.serve.judging.material import read_material
    from populace.serve.judging.plan import make_plan

    texts = Texts(_text(settings.consent), _text(settings.instructions))
    material = read_material(settings)
    plan = make_plan(settings, material)
    store = Store.open(where, create=True)
    # A study whose keys were lost may be given others as long as nobody has a link.
    anew = not path.exists()
    made = Keys.open(path, create=not store.has_raters())
    begun = store.begin_study(settings, texts, material, plan, made.mark)
    store.know_keys(made.mark, anew=anew)
    return Opened(store, made, *store.settings(), begun, material.identical)


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("this text cannot be read as UTF-8", file=path) from error
    if not text or len(text) > _LONGEST:
        raise DataError("this text is empty or far too long", file=path)
    return text
