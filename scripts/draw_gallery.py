"""Draw the gallery of `docs/figures.md`: one small picture a figure, from numbers made up for the purpose.

    python scripts/draw_gallery.py

Verdicts are draws with rates that stand in `populace.report.figures.demonstration`; people are drawn from the
packaged census model; questions are the packaged ones, placed by their words. Nothing here is a finding about
a model. The same versions give the same bytes.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace import population, prompts
from populace.atomic import write_atomic
from populace.report import draw, figures
from populace.report.figures import demonstration as made

FOLDER = Path(__file__).parent.parent / "docs" / "images" / "figures"
WIDTH, SCALE = 560, 1.25
LIMIT, COLOURS = 60_000, 96
MAGIC = b"\x89PNG\r\n\x1a\n"
# Made up, as are the names: the rules that there are stand in `populace.personas`.
REMOVED = {
    "child with a spouse": 44, "income without work": 33, "retired and at work": 21, "parent too young": 12,
    "veteran too young": 7, "degree too early": 4,
}  # fmt: skip
SHOWN = ["age", "race", "sex", "household_language"]


def charts() -> dict[str, Callable[..., Any]]:
    """Name -> a function of `width`."""
    models = made.models()
    items, agreed = made.agreement_items(), made.agreement_result()
    steps = figures.construction_steps(
        source="Model of the American Community Survey 2024, packaged", records=None, drawn=1707,
        removed=REMOVED, kept=1707 - sum(REMOVED.values()), attributes=36,
    )  # fmt: skip
    return {
        "construction": partial(figures.construction, steps),
        "demographics": partial(figures.demographics, *drawn()),
        "population-histograms": partial(figures.population_histograms, *made.population()),
        "topic-map": partial(figures.topic_map, prompts.load("builtin"), words=True),
        "feedback-flow": partial(figures.feedback_flow, *made.feedback()),
        "kappa-by-persona": partial(figures.kappa_by_persona, items, "judge A", "judge C"),
        "kappa-histogram": partial(figures.kappa_histogram, items, "judge A", "judge C"),
        "kappa-by-group": partial(figures.kappa_by_group, agreed),
        "kappa-matrix": partial(figures.kappa_matrix, agreed),
        "human-agreement": partial(figures.human_agreement, agreed),
        "modes": partial(figures.modes, [made.main_result(name) for name in models]),
        "direct-against-thought": partial(
            figures.direct_against_thought, {name: made.main_items(name) for name in models}
        ),
        "phrases": partial(figures.phrase_frequency, made.phrases_result()),
        "pass-at-k": partial(
            figures.pass_at_k, [made.passk_result(name) for name in ("model small", "model large")]
        ),
        "leave-one-out": partial(figures.leave_one_out, made.leave_one_out_result()),
        "cells": partial(figures.cells, made.cells_result()),
        "leaderboard": partial(figures.leaderboard, made.board()),
    }


def drawn() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw a thousand people from the packaged model, and give the census beside them."""
    people = population.as_in_census(population.build(size=1000, seed=7).frame)
    known = population.census_margins(adults=False).drop_nulls("label").rename({"label": "value"})
    share = pl.col("share") / pl.col("share").sum().over("attribute")
    census = known.select("attribute", "value", share.alias("share"))
    parts = [census.filter(attribute=name) for name in SHOWN]
    return people, pl.concat(
        [
            part.sort(pl.col("value").str.extract(r"(\d+)").cast(pl.Int64))
            if name == "age"
            else part.sort("share", descending=True)
            for name, part in zip(SHOWN, parts, strict=True)
        ]
    )


def small(picture: bytes) -> bytes:
    """Write a PNG of eight-bit RGBA anew with a palette of its most frequent colours: far fewer bytes."""
    pixels = _pixels(picture)
    alpha = pixels[..., 3:].astype(float) / 255
    colours = np.round(pixels[..., :3] * alpha + 255 * (1 - alpha)).astype(np.int64)
    packed = (colours[..., 0] << 16) + (colours[..., 1] << 8) + colours[..., 2]
    found, place, counts = np.unique(packed, return_inverse=True, return_counts=True)
    kept = np.argsort(-counts, kind="stable")[:COLOURS]
    palette = np.stack([found[kept] >> shift & 255 for shift in (16, 8, 0)], axis=1)
    all_colours = np.stack([found >> shift & 255 for shift in (16, 8, 0)], axis=1)
    nearest = ((all_colours[:, None] - palette[None]) ** 2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    rows = nearest[place.reshape(packed.shape)]
    lines = np.pad(rows, ((0, 0), (1, 0)))  # No filter: repeated rows compress best as they are.
    height, width = rows.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", header), (b"PLTE", palette.astype(np.uint8).tobytes()),
             (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))  # fmt: skip
    chunks = (struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
              for kind, data in parts)  # fmt: skip
    return MAGIC + b"".join(chunks)


def _pixels(picture: bytes) -> np.ndarray:
    """Read a PNG of eight-bit RGBA, not interlaced: shape (height, width, 4)."""
    at, data, header = len(MAGIC), b"", b""
    while at < len(picture):
        size, kind = struct.unpack(">I4s", picture[at : at + 8])
        body = picture[at + 8 : at + 8 + size]
        header, data = (body, data) if kind == b"IHDR" else (header, data + body * (kind == b"IDAT"))
        at += size + 12
    width, height, depth, kind, *_, interlaced = struct.unpack(">IIBBBBB", header)
    if (depth, kind, interlaced) != (8, 6, 0):
        raise SystemExit(f"not a PNG of eight-bit RGBA: {depth} bits, kind {kind}, interlaced {interlaced}")
    lines = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + 4 * width)
    rows, above = [], np.zeros((width, 4), np.uint8)
    for line in lines:
        above = _unfiltered(int(line[0]), line[1:].reshape(width, 4), above)
        rows.append(above)
    return np.stack(rows)


def _unfiltered(kind: int, line: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Undo the filter of a row (PNG, ISO/IEC 15948, clause 9)."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line, axis=0, dtype=np.uint64).astype(np.uint8)
    if kind == 2:
        return line + above
    row, up, left, corner = line.tolist(), above.tolist(), [0] * 4, [0] * 4
    for place, (pixel, over) in enumerate(zip(row, up, strict=True)):
        if kind == 3:
            now = [(p + (a + b) // 2) & 255 for p, a, b in zip(pixel, left, over, strict=True)]
        else:
            now = [(p + _paeth(a, b, c)) & 255 for p, a, b, c in zip(pixel, left, over, corner, strict=True)]
        row[place], left, corner = now, now, over
    return np.array(row, np.uint8)


def _paeth(a: int, b: int, c: int) -> int:
    far = abs(b - c), abs(a - c), abs(a + b - 2 * c)
    return a if far[0] <= far[1] and far[0] <= far[2] else b if far[1] <= far[2] else c


def main() -> int:
    too_large = 0
    for name, chart in charts().items():
        picture = small(draw.png(chart(width=WIDTH), scale=SCALE))
        write_atomic(FOLDER / f"{name}.png", picture)
        too_large += len(picture) >= LIMIT
        print(f"{name}.png {len(picture):,}")
    return int(too_large > 0)


if __name__ == "__main__":
    sys.exit(main())
