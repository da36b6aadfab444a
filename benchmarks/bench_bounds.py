"""Bounds: how long a decision takes, how long users' rules load, and whether any overlay ever widened.

    python benchmarks/bench_bounds.py [--peer PYTHON] [--users 10000] [--situations 100000] [--decisions 3000]

The policies are the examples that are shipped (laws of two jurisdictions, a health service). A decision is a
whole one: the reply, every duty and ten wishes of a user, with verdicts given (no classifier runs), a new
situation each time. Beside it: one bare call of cedarpy over the same rules, which answers for the reply
alone; cedarpy asked all of it in batches; and, with `--peer` (a Python that has regopy), the rules of replies
in Rego.

Users: forms of 2 to 6 restrictions and 5 wishes are written, then loaded, then all linked in the engine.

Overlays: random rules of tier 2 over tier 1, random forms of tier 3, random situations of all actions, each
asked of tier 1, of tiers 1 and 2, and of all three.

Times are of the wall; `cpu` is the time of this thread alone, which says more on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib.resources import as_file, files
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from bounds_rego import rego

from populace.bounds import Bounds
from populace.bounds.policy.forms import LEVELS, Form, form_toml
from populace.bounds.policy.rules import cedar, read_rules
from populace.bounds.policy.sampling import Sampled, Tiers, sample
from populace.streams import stream

LAWS = ("EU", "US")
PER_OVERLAY = 250
CHUNKS = 40


def example(root: Path) -> Path:
    """Copy the shipped examples without their forms."""
    with as_file(files("populace.bounds") / "data" / "examples") as shipped:
        shutil.copytree(shipped, root / "bounds", ignore=shutil.ignore_patterns("tier3", "audit"))
    return root / "bounds"


def timed(call: Callable[[int], object], count: int) -> tuple[list[float], list[float]]:
    walls, spent = [], []
    for place in range(count):
        start, own = time.perf_counter(), time.thread_time()
        call(place)
        walls.append((time.perf_counter() - start) * 1e3)
        spent.append((time.thread_time() - own) * 1e3)
    return walls, spent


def told(name: str, measured: tuple[list[float], list[float]]) -> float:
    """Print the times of one way, and give its median."""
    wall, own = (np.percentile(each, [50, 99]) for each in measured)
    spent = f"(cpu {own[0]:.3f}, {own[1]:.3f})"
    print(f"  {name:<40} median {wall[0]:.3f} ms  p99 {wall[1]:.3f} ms  {spent}", flush=True)
    return float(wall[0])


def decisions(folder: Path, count: int, peer: str | None) -> None:
    bounds = Bounds.load(folder, audit=False)
    wishes = tuple(bounds.wishes)[:10]
    bounds = bounds.with_form(Form("ana", wishes=wishes, strict={"off": 40, "man": 40}, paused=wishes[:1]))
    rng = stream(0, "bench.bounds.decisions")
    names = list(bounds.settings.titles())
    drawn = [
        {
            name: int(score)
            for name, score in zip(
                names, rng.integers(0, 101, len(names)) * (rng.random(len(names)) < 0.1), strict=True
            )
        }
        for _ in range(count)
    ]
    context = [
        {"minor": bool(rng.random() < 0.2), "jurisdiction": LAWS[: int(rng.integers(1, 3))]} for _ in drawn
    ]
    for place in range(50):
        bounds.decide("ana", scores=drawn[place], context=context[place])
    person = bounds.person("ana")
    size = len(bounds.bundle().rules)
    print(f"a decision: {size} rules, {len(bounds.duties)} duties, {len(wishes)} wishes, {count:,} times")
    ours = timed(lambda i: bounds.decide("ana", scores=drawn[i], context=context[i]), count)
    base = told("ours: reply, duties, wishes", ours)
    asked = [request(person, drawn[i], context[i]) for i in range(count)]
    one = timed(lambda i: bare(person, asked[i][:1], "generate"), count)
    reply = told("cedarpy, the reply alone (1 question)", one)
    print(f"  ours / that call: {base / reply:.2f} for {1 + len(bounds.duties) + len(wishes)} answers")
    every = timed(
        lambda i: [
            bare(person, [q for q in asked[i] if action in q["action"]], action)
            for action in ("generate", "omit", "apply")
        ],
        max(count // 4, 1),
    )
    told(f"cedarpy, all {len(asked[0])} questions", every)
    print(f"  that / ours: {np.median(every[0]) / base:.2f}")
    refused = sum(not bounds.decide("ana", scores=drawn[i], context=context[i]).allowed for i in range(count))
    print(f"  refused {refused:,} of {count:,}")
    if peer:
        refused = refused_by_rules(bounds, drawn, context)
        rego(peer, bounds.bundle().rules, drawn, context, base, refused, told)


def refused_by_rules(bounds: Bounds, drawn: list[dict[str, int]], context: list[dict[str, Any]]) -> int:
    """Count what tiers 1 and 2 refuse: the peer has no user."""
    return sum(
        not bounds.decide("nobody", scores=scores, context=given).allowed
        for scores, given in zip(drawn, context, strict=True)
    )


def request(person: Any, scores: dict[str, int], context: dict[str, Any]) -> list[dict[str, Any]]:
    folder = person.bundle.folder
    things = [("generate", 'Reply::"reply"'), *(("omit", f'Duty::"{name}"') for name in folder.duties)]
    things += [("apply", f'Wish::"{wish.id}"') for wish in person.wishes]
    made = []
    for action, thing in things:
        given = {
            "s": {name: {"score": scores[name]} for name in person.reads[action]},
            "law": sorted({*LAWS[:1], *context["jurisdiction"]}),
            "org": {"__entity": {"type": "Org", "id": "health"}},
            "minor": context["minor"],
            "purpose": "chat",
            "consents": [],
        }
        made.append(
            {
                "principal": f'User::"{person.key}"',
                "action": f'Action::"{action}"',
                "resource": thing,
                "context": json.dumps(given),
            }
        )
    return made


def bare(person: Any, asked: list[dict[str, Any]], action: str) -> object:
    return cedar().is_authorized_batch(asked, person.policies(action), person.entities, person.schema(action))


def users(folder: Path, count: int) -> None:
    bounds = Bounds.load(folder, audit=False)
    rng = stream(0, "bench.bounds.users")
    place = folder / "tier3"
    place.mkdir(exist_ok=True)
    wishes, hazards = list(bounds.wishes), list(bounds.settings.titles())
    for number in range(count):
        form = Form(
            f"user {number}",
            wishes=tuple(wishes[i] for i in rng.permutation(len(wishes))[:5]),
            strict={
                hazards[i]: int(rng.choice(LEVELS))
                for i in rng.permutation(len(hazards))[: rng.integers(1, 4)]
            },
            paused=tuple(wishes[i] for i in rng.permutation(len(wishes))[: rng.integers(1, 4)]),
        )
        (place / f"user {number}.toml").write_text(form_toml(form))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, own = time.perf_counter(), time.thread_time()
    bounds = Bounds.load(folder, audit=False)
    read = time.perf_counter() - start
    for user in bounds.forms:
        person = bounds.person(user)
        for action in person.links:
            person.policies(action)
    whole, spent = time.perf_counter() - start, time.thread_time() - own
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    links = (
        sum(len(held) for form in list(bounds.forms)[:1000] for held in bounds.person(form).links.values())
        / 1000
    )
    print(
        f"users' rules: {count:,} forms, {links:.1f} restrictions each: read and checked {read:.2f} s, "
        f"and all linked {whole:.2f} s (cpu {spent:.2f} s), {grown:.0f} MiB more"
    )
    shutil.rmtree(place)


def overlays(folder: Path, count: int, jobs: int) -> None:
    start, places = time.perf_counter(), range(-(-count // PER_OVERLAY))
    parts = [(folder, [place for place in places if place % CHUNKS == part], count) for part in range(CHUNKS)]
    found, made = Sampled(0), len(places)
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for done, each in enumerate(pool.map(overlaid, parts), start=1):
            found += each
            if done % 8 == 0 and found.asked < count:
                spent = time.perf_counter() - start
                print(f"  {found.asked:,} of {count:,} situations, {spent:.0f} s", flush=True)
    print(
        f"overlays: {made:,} random ones of tier 2, {-(-found.asked // 50):,} forms of tier 3, "
        f"{found.asked:,} situations: "
        f"{found.widened} widened, {found.narrowed:,} narrowed, {found.errors} errors, "
        f"{found.apart} read otherwise by the proofs ({time.perf_counter() - start:.0f} s)"
    )


def overlaid(part: tuple[Path, list[int], int]) -> Sampled:
    """Ask the situations of some overlays; each is drawn from its number alone."""
    folder, places, count = part
    bounds = Bounds.load(folder, audit=False)
    laws = tuple(rule for rule in bounds.rules if rule.tier == 1)
    known = bounds.settings
    found, first = Sampled(0), None
    for place in places:
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary) / "overlay.cedar"
            file.write_text(overlay(stream(place, "bench.bounds.overlays")))
            rules = (*laws, *read_rules(file, 2, "health"))
        held = msgspec.structs.replace(bounds.policies, rules=rules, settings=known)
        # Tier 1 alone is the same under each overlay: the words that overlays write are all listed.
        first = first or Tiers(held, "health").first
        asked = min(PER_OVERLAY, count - place * PER_OVERLAY)
        found += sample(held, "health", asked, seed=place, first=first)
    return found


def overlay(rng: np.random.Generator) -> str:
    """Write rules of random conditions."""
    rules = []
    for place in range(int(rng.integers(1, 8))):
        action, resource_ = [("generate", ""), ("omit", "duty"), ("apply", "wish"), ("store", "kind")][
            rng.integers(4)
        ]
        clause = condition(rng, resource_, 2)
        rules.append(
            f'@id("r.{place}") @tier("2") @authority("random") @basis("none") @version("1")\n'
            f'forbid (principal, action == Action::"{action}", resource) when {{ {clause} }};'
        )
    return "\n".join(rules)


def condition(rng: np.random.Generator, thing: str, depth: int) -> str:
    if depth and rng.random() < 0.6:
        inner = [condition(rng, thing, depth - 1) for _ in range(2)]
        return [f"({inner[0]} && {inner[1]})", f"({inner[0]} || {inner[1]})", f"!({inner[0]})"][
            rng.integers(3)
        ]
    atoms = [
        f"context.s.{rng.choice(['cse', 'off', 'man', 'con', 'hte', 'ssh'])}.score "
        f"{rng.choice(['>=', '>', '<', '<=', '==', '!='])} {rng.integers(0, 101)}",
        "context.minor",
        f'context.law.contains("{rng.choice(LAWS)}")',
        f'context.purpose == "{rng.choice(["chat", "memory", "care"])}"',
        "context.consents.contains(context.purpose)",
        'principal in Org::"health"',
    ]
    if thing == "wish":
        atoms.append(f'resource.topic == "{rng.choice(["slang", "humour", "brevity"])}"')
    if thing == "kind":
        atoms.append(f'resource.kind == "{rng.choice(["health", "politics", "name"])}"')
    return atoms[rng.integers(len(atoms))]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", help="a Python that has regopy")
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--situations", type=int, default=100_000)
    parser.add_argument("--decisions", type=int, default=3_000)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes of the overlays")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = example(Path(temporary))
        decisions(folder, args.decisions, args.peer)
        users(folder, args.users)
        overlays(folder, args.situations, args.jobs)


if __name__ == "__main__":
    main()
