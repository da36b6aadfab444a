"""Rendering of personas, beside a template that is parsed anew for each of them.

    python benchmarks/bench_render.py [--personas N] [--repeats N]

- `ours` renders every persona in a template (compiled once, in a sandbox).
- `left out` is the same with the sex and the Big Five left out, leaks closed.
- `naive` is what a script does: `jinja2.Template(source).render(...)` per persona, the sentences of the same
  reading level parsed each time, with the same words; measured on 40 of them and scaled.

Seconds for all personas, medians; the first call of each way, which compiles, is not counted. The claim is
0.5 s for the 1,586 personas of PERSONA in any template.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import time
from collections.abc import Callable

import jinja2

from populace.personas import Persona, build
from populace.personas.phrases import phrases
from populace.personas.render import LEVELS, TEMPLATES, _source, render
from populace.personas.tokens import token_lengths
from populace.personas.voices import voice
from populace.population import build as build_population

CLAIM = 0.5
NAIVE = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--personas", type=int, default=1_586)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    people = build_population("us-2024", size=options.personas * 2, seed=1, adults=True)
    personas = build(people, seed=1).head(options.personas)
    print(
        f"{len(personas):,} personas, {platform.machine()}, {os.cpu_count()} cores, "
        f"Jinja {jinja2.__version__}"
    )
    print(
        f"{'template':12} {'level':9} {'ours':>8} {'left out':>9} {'naive':>8} {'naive/ours':>11} "
        f"{'tokens':>7}"
    )
    worst = 0.0
    for template in TEMPLATES:
        for level in LEVELS if template != "release" else ("standard",):
            ours = seconds(lambda t=template, v=level: run(personas, t, v), options.repeats)
            without = seconds(lambda t=template, v=level: run(personas, t, v, True), options.repeats)
            worst = max(worst, ours, without)
            tokens = token_lengths(personas, template, level=level).median
            if template == "profile":
                peer = naive_seconds(personas, level)
                last = f"{peer:8.3f} {peer / ours:10.1f}x"
            else:
                last = f"{'':8} {'':11}"
            print(f"{template:12} {level:9} {ours:8.3f} {without:9.3f} {last} {tokens:7.0f}")
    print(
        f"slowest: {worst:.3f} s; the claim is {CLAIM} s for 1,586: {'met' if worst <= CLAIM else 'missed'}"
    )


def run(personas: list[Persona], template: str, level: str, guarded: bool = False) -> None:
    leave_out = ("sex", "big_five") if guarded else ()
    for one in personas:
        render(one, template, level=level, leave_out=leave_out)


def naive(personas: list[Persona], level: str) -> None:
    source = re.sub(r"^=== \w+$", "", _source(level), flags=re.MULTILINE)
    for one in personas:
        speak = voice(one)
        jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(source).render(
            v=speak, **phrases(one, speak, level)
        )


def naive_seconds(personas: list[Persona], level: str) -> float:
    few = personas[:NAIVE]
    return seconds(lambda: naive(few, level), 1) * len(personas) / len(few)


def seconds(work: Callable[[], None], repeats: int) -> float:
    work()
    took = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


if __name__ == "__main__":
    main()
