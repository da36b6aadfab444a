"""Tokens a second of the embedded model, beside transformers on the same weights and the same work.

The work is that of a study: four personas of about 170 tokens, twelve questions each. `write` continues
every prompt by up to 32 tokens; `choose` scores two one-token options. The peer is transformers' own model
class with its `generate`, left-padded, and with one padded forward pass for the options.

    python benchmarks/bench_embedded.py [--precision bf16] [--no-peer]

The two sides of one run share whatever else the machine is doing, so the ratio is the number to read.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import time
from collections.abc import Callable

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from populace.models import ChooseRequest, GenerateRequest, Message
from populace.models.embedded import Embedded

PERSONAS = [
    f"You are {name}. " + f"You care about {care}, and you have thought about it for many years. " * 11
    for name, care in (
        ("a nurse of 34 in Ohio", "your two children"),
        ("a retired engineer in Texas", "low taxes"),
        ("a student in Oregon", "the climate"),
        ("a farmer of 61 in Iowa", "your church"),
    )
]
TOPICS = (
    *("taxes", "guns", "schools", "borders", "prisons", "pensions"),
    *("churches", "phones", "farms", "cars", "housing", "meat"),
)
QUESTIONS = [f"What do you think that the government should do about {topic}?" for topic in TOPICS]
NEW_TOKENS = 32


def conversations() -> list[tuple[Message, ...]]:
    return [(Message("system", p), Message("user", q)) for p in PERSONAS for q in QUESTIONS]


def timed(work: Callable[[], int], repeats: int) -> float:
    """Tokens a second, best of `repeats`."""
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        best = max(best, work() / (time.perf_counter() - start))
    return best


def ours(precision: str, repeats: int) -> dict[str, float]:
    start = time.perf_counter()
    model = Embedded(precision=precision)
    writes = [GenerateRequest(model=model.model, messages=m, max_tokens=NEW_TOKENS) for m in conversations()]
    picks = [
        ChooseRequest(model=model.model, messages=m, options=(" Yes", " No"), opening="I say")
        for m in conversations()
    ]
    shared: list[int] = []

    def write() -> int:
        return sum(r.usage.completion_tokens for r in asyncio.run(model.generate(writes)))

    def choose() -> int:
        results = asyncio.run(model.choose(picks))
        shared.append(sum(r.usage.cached_tokens for r in results))
        return sum(r.usage.prompt_tokens - sum(r.tokens) for r in results)

    asyncio.run(model.choose(picks[:1]))
    load = time.perf_counter() - start
    figures = {"load s": load, "write tok/s": timed(write, repeats), "choose tok/s": timed(choose, repeats)}
    print(f"{model.model}, {model.threads} threads; of the tokens of choose {shared[-1]} were shared")
    asyncio.run(model.close())
    return figures


def peer(precision: str, repeats: int) -> dict[str, float]:
    import torch

    start = time.perf_counter()
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging
    from transformers.utils.logging import disable_progress_bar

    from populace.models.embedded.provider import packaged_model

    logging.set_verbosity_error()
    disable_progress_bar()
    place = {"pretrained_model_name_or_path": packaged_model().parent, "gguf_file": packaged_model().name}
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(**place, padding_side="left")
    # Asked for bfloat16 at once, transformers keeps the file's packed weights, which is far slower.
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32).to(dtype).eval()
    turns = [[{"role": m.role, "content": m.content} for m in messages] for messages in conversations()]
    texts = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    batch = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    load = time.perf_counter() - start

    def write() -> int:
        with torch.inference_mode():
            out = model.generate(**batch, max_new_tokens=NEW_TOKENS, do_sample=False)
        new = out[:, batch.input_ids.shape[1] :]
        return int((new != tokenizer.pad_token_id).sum())

    def choose() -> int:
        with torch.inference_mode():
            for part in range(0, len(texts), 16):
                rows = {name: tensor[part : part + 16] for name, tensor in batch.items()}
                model(**rows, logits_to_keep=1).logits.log_softmax(-1)
        return int(batch.attention_mask.sum())

    return {"load s": load, "write tok/s": timed(write, repeats), "choose tok/s": timed(choose, repeats)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--precision", default="bf16", choices=("bf16", "f32"))
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    mine = ours(options.precision, options.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"ours: peak memory {peak:.2f} GB, " + ", ".join(f"{n} {v:.1f}" for n, v in mine.items()), flush=True
    )
    other = {} if options.no_peer else peer(options.precision, options.repeats)
    print(f"{'':14}{'ours':>10}{'transformers':>14}{'ratio':>8}")
    for name, value in mine.items():
        beside = f"{other[name]:14.1f}{value / other[name]:8.2f}" if other else ""
        print(f"{name:14}{value:10.1f}{beside}")


if __name__ == "__main__":
    main()
