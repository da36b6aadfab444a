"""The design of a study applied to its personas and prompts: which prompts, and who is seated where."""

from __future__ import annotations

import polars as pl

from populace import prompts as prompt_room
from populace.errors import StudyError
from populace.feedback.design import assign_authors, assign_judges
from populace.feedback.policies import (
    HELD_OUT,
    TEST,
    TRAIN,
    assign_panels,
    assign_splits,
    slots,
    with_repeats,
)
from populace.streams import stream
from populace.study.designs import held_out
from populace.study.settings import Settings

__all__ = ["chosen", "seated"]

_OF_PROMPTS = {"train": TRAIN, "test": HELD_OUT}
"""Split of a prompt -> of the pairs on it, where a design has no splits of its own: a prompt to test on is
held out from training."""


def chosen(settings: Settings, kept: pl.DataFrame, read: int) -> tuple[pl.DataFrame, dict[str, int]]:
    """Choose prompts of those that passed the filters, and say in how many slots each stands.

    Parameters
    ----------
    kept
        Prompts that passed.
    read
        How many there were.

    Raises
    ------
    StudyError
        If there are fewer prompts than slots, and prompts may not repeat.
    """
    wanted = settings.prompts
    if settings.feedback.design != "persona":
        return _drawn(settings, kept, wanted.size, f"of {read} prompts passed the filters", "prompts.size")
    count = held_out(settings)
    parts = (("train", wanted.size - count, "prompts.size"), ("test", count, "prompts.held_out"))
    frames, places = [kept.clear()], dict[str, int]()
    for split, size, column in parts:
        some = kept.filter(pl.col("split") == split)
        told = f"prompts of the split {split!r} passed the filters, and {size} are wanted"
        frame, counted = _drawn(settings, some, size, told, column)
        frames.append(frame)
        places |= counted
    return pl.concat(frames), places


def _drawn(
    settings: Settings, kept: pl.DataFrame, size: int, told: str, column: str
) -> tuple[pl.DataFrame, dict[str, int]]:
    if kept.height < size and not (settings.prompts.repeat and kept.height):
        repeat = "" if settings.prompts.repeat else ", or set prompts.repeat = true"
        raise StudyError(
            f"only {kept.height} {told}",
            column=column,
            fix=f"lower {column} or loosen the filters{repeat}",
        )
    frame = prompt_room.sample(kept, min(size, kept.height), seed=settings.seed)
    return frame, slots(frame["prompt_id"].to_list(), size)


def seated(
    settings: Settings, people: list[str], prompts: pl.DataFrame, places: dict[str, int]
) -> pl.DataFrame:
    """Say who writes about what and who judges: `author_id, prompt_id, repeat, split, strangers`."""
    feedback, seed = settings.feedback, settings.seed
    rng = stream(seed, "study.authors")
    ids = prompts["prompt_id"].to_list()
    if feedback.design == "overlap":
        asked = [each for each in ids for _ in range(places[each])]
        authors = assign_panels(people, asked, feedback.judges_per_pair, rng)
    elif feedback.design == "persona":
        of = {
            kind: prompts.filter(pl.col("split") == split)["prompt_id"].to_list()
            for split, kind in _OF_PROMPTS.items()
        }
        pairs = {TRAIN: feedback.train_pairs, TEST: feedback.test_pairs, HELD_OUT: feedback.held_out_pairs}
        authors = assign_splits(people, of, pairs, rng)
    else:
        authors = assign_authors(people, ids, feedback.pairs_per_persona, rng)
    if "split" not in authors.columns:
        authors = authors.join(
            prompts.select("prompt_id", pl.col("split").replace_strict(_OF_PROMPTS)),
            on="prompt_id",
            how="left",
            maintain_order="left",
        )
    if "strangers" not in authors.columns:
        judges = assign_judges(
            authors["author_id"].to_list(), people, feedback.strangers, stream(seed, "study.judges")
        )
        authors = authors.with_columns(pl.Series("strangers", judges, dtype=pl.List(pl.String)))
    # An answer written for nobody is drawn anew for every pair; a first answer to revise, for every slot.
    authors = with_repeats(authors, places if feedback.pairs == "revision" else None)
    return authors.select("author_id", "prompt_id", "repeat", "split", "strangers")
