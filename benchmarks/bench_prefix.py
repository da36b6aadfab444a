"""What the order of calls saves: prompt tokens a real server computes, over those of the prefix tree.

A study's judging plan (24 personas, 12 pairs each and nobody before each pair, both orders of the answers)
goes through our engine and the `openai` provider to llama.cpp's server. The server's own counter says how
many prompt tokens it computed; the yardstick are the tokens of the prefix tree of all prompts, as the server
cuts them. 1.00 is a cache that forgets nothing. Orders:

- plan: persona by persona, both orders adjacent, as the study expands it;
- streams: the same, with as many personas under way as the server has slots (`populace.run.order`);
- prompt: pair by pair, all its judges together;
- random.

Counts do not depend on the weights, so they are taken with the packaged model's first layer alone; the time
is taken with the whole model on a smaller plan. The answers judged are words drawn from the prompts, of the
length that models write.

    python benchmarks/bench_prefix.py
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from populace.feedback.judging import Judgements, Judging
from populace.models import ChooseRequest, open_model
from populace.models.openai import OpenAI
from populace.run import Journal, execute
from populace.run.order import unique_tokens
from populace.study.prepare import prepare
from populace.study.settings import Settings

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from llama_server import LlamaServer, cut_model, missing

SLOTS = 4
SERVERS: dict[str, tuple[int, dict[str, Any]]] = {
    "1 slot": (1, {"cache_ram_mib": 0}),
    "4 slots": (SLOTS, {"cache_ram_mib": 0}),
    "4, defaults": (SLOTS, {"kv_unified": True, "n_ctx": 8192}),
}
"""Slots and settings. The last is what `llama-server` does unasked: one memory for all slots, and 8 GiB
beside it that hold every prompt of this plan and a vanishing part of a large study's."""


class Asked(NamedTuple):
    """What a server did for one plan."""

    computed: int
    seconds: float


def judging_plan(people: int, pairs_each: int, model: str) -> list[ChooseRequest]:
    """The judging plan of a study; each pair has its author and two strangers."""
    prepared = prepare(
        Settings.model_validate(
            {
                "name": "prefix",
                "seed": 1,
                "population": {"size": 1000},
                "personas": {"size": people},
                "prompts": {"size": 36},
                "feedback": {"pairs_per_persona": pairs_each // 3, "strangers": 2},
            }
        ),
        Path(),
    )
    draws = np.random.default_rng(0)
    texts = prepared.prompt_texts
    words = " ".join(texts.values()).split()
    pairs = prepared.authors.with_row_index("pair_id").with_columns(
        pl.col("pair_id").cast(pl.String),
        pl.col("prompt_id").replace_strict(texts).alias("prompt"),
        *(
            pl.Series(
                name,
                [
                    " ".join(draws.choice(words, draws.integers(35, 60)))
                    for _ in prepared.authors["author_id"]
                ],
            )
            for name in ("original", "revision")
        ),
    )
    return list(
        Judgements(pairs, prepared.profiles, {}.get, Judging(model=model, ways=("choice",))).requests()
    )


def orders(plan: list[ChooseRequest]) -> dict[str, list[ChooseRequest]]:
    """The plan in each order; the two orders of a pair stand together but in the random one."""
    both = [plan[i : i + 2] for i in range(0, len(plan), 2)]
    by_pair = sorted(both, key=lambda two: two[0].messages[-1].content)
    shuffled = np.random.default_rng(1).permutation(len(plan))
    return {
        "plan": plan,
        "streams": plan,
        "prompt": [ask for two in by_pair for ask in two],
        "random": [plan[i] for i in shuffled],
    }


def ask(server: LlamaServer, plan: list[ChooseRequest], slots: int, *, streams: bool) -> Asked:
    """Ask the whole plan with as many calls in flight as there are slots."""
    known = {"slots": slots} if streams else {"concurrency": slots}
    provider = OpenAI("smollm2", base_url=server.url, **known)
    before, start = server.computed_tokens(), time.monotonic()

    async def whole() -> tuple[int, int]:
        with tempfile.TemporaryDirectory() as folder, Journal(folder) as journal:
            try:
                stats = await execute(plan, provider, journal, stage="judge")
            finally:
                await provider.close()
        return stats.failed, stats.prompt_tokens - stats.cached_tokens

    failed, told = asyncio.run(whole())
    seconds, computed = time.monotonic() - start, server.computed_tokens() - before
    if failed or told != computed:
        raise SystemExit(
            f"{failed} calls failed; answers tell of {told} computed tokens, the server of {computed}"
        )
    return Asked(computed, seconds)


def tokens_of(server: LlamaServer, plan: list[ChooseRequest]) -> list[list[int]]:
    """Tokens of each prompt as the server cuts them."""
    return [server.tokens([{"role": m.role, "content": m.content} for m in ask.messages]) for ask in plan]


def embedded_ratio(model: Path, people: int, pairs_each: int) -> float:
    """What our own decoder computes of the same plan, over the prefix tree of what it reads."""
    provider: Any = open_model({"provider": "embedded", "path": str(model), "precision": "f32"})
    plan = judging_plan(people, pairs_each, provider.model)

    async def whole() -> int:
        with tempfile.TemporaryDirectory() as folder, Journal(folder) as journal:
            stats = await execute(plan, provider, journal, stage="judge")
            options = sum(sum(journal.get(ask.key).tokens) for ask in plan)  # type: ignore[union-attr]
        chat = provider._load().chat
        fewest = unique_tokens(chat.context(ask.messages, ask.opening) for ask in plan)
        await provider.close()
        return (stats.prompt_tokens - options - stats.cached_tokens) / fewest

    return asyncio.run(whole())


def count(model: Path, people: int, pairs_each: int) -> None:
    plan = judging_plan(people, pairs_each, OpenAI("smollm2", base_url="http://127.0.0.1").model)
    with LlamaServer(model) as server:
        tokens = tokens_of(server, plan)
    fewest = unique_tokens(tokens)
    print(
        f"{people} personas x {pairs_each} pairs: {len(plan)} calls, {sum(map(len, tokens))} prompt tokens,"
    )
    print(f"{fewest} in the prefix tree. Computed, over the prefix tree:")
    print("order   " + "".join(f"{name:>13}" for name in SERVERS))
    for name, ordered in orders(plan).items():
        cells = []
        for slots, settings in SERVERS.values():
            with LlamaServer(model, slots=slots, settings=settings) as server:
                cells.append(ask(server, ordered, slots, streams=name == "streams").computed / fewest)
        print(f"{name:8}" + "".join(f"{cell:13.3f}" for cell in cells), flush=True)
    print(f"the embedded provider, in the order of the plan: {embedded_ratio(model, people, pairs_each):.3f}")


def clock(people: int, pairs_each: int) -> None:
    plan = judging_plan(people, pairs_each, OpenAI("smollm2", base_url="http://127.0.0.1").model)
    slots, settings = SERVERS["4 slots"]
    print(f"\nwhole model, {people} personas x {pairs_each} pairs, {len(plan)} calls, 4 slots:")
    print("order    ratio   wall s   tokens/s   time saved")
    slowest = None
    for name in ("random", "plan", "streams"):
        with LlamaServer(slots=slots, settings=settings) as server:
            fewest = unique_tokens(tokens_of(server, plan))
            asked = ask(server, orders(plan)[name], slots, streams=name == "streams")
        slowest = slowest or asked.seconds
        print(
            f"{name:8}{asked.computed / fewest:6.3f}{asked.seconds:9.1f}"
            f"{asked.computed / asked.seconds:11.0f}{1 - asked.seconds / slowest:13.0%}",
            flush=True,
        )


def main() -> None:
    if reason := missing():
        raise SystemExit(f"skipped: {reason}")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        count(cut_model(Path(folder) / "one-layer.gguf", 1), people=24, pairs_each=12)
    clock(people=4, pairs_each=3)
    print(f"\nin all {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
