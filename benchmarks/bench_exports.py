"""Every export of 317,200 judgements: seconds and memory, each form in a process of its own.

`python benchmarks/bench_exports.py` prints, for each form, seconds of the clock and of the processor, the
most memory held, how much of that the table alone takes, and what was written.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PEOPLE, EACH, PROMPTS = 1586, 200, 3868


def made():
    import numpy as np
    import polars as pl

    from populace.feedback.export import Feedback

    rng = np.random.default_rng(0)
    words = np.array([f"w{n:x}" + "aeiou"[n % 5] * (n % 6) for n in range(4000)])
    n = PEOPLE * EACH
    ids = [f"{i:032x}" for i in range(PEOPLE)]
    texts = {
        name: pl.Series([" ".join(words[row]) for row in rng.integers(0, 4000, (n, length), dtype=np.int32)])
        for name, length in (("original", 60), ("revision", 50))
    }
    prompt = np.arange(n) % PROMPTS
    p = rng.uniform(size=n)
    decided = abs(p - 0.5) > 0.02
    table = pl.DataFrame(
        {
            "persona_id": pl.Series(ids).gather(np.arange(n) // EACH),
            "prompt_id": pl.Series([f"{i:032x}" for i in range(PROMPTS)]).gather(prompt),
            "pair_id": [f"{i:032x}" for i in range(n)],
            "prompt": pl.Series([f"What of {' '.join(words[i : i + 12])}?" for i in range(PROMPTS)]).gather(
                prompt
            ),
            **texts,
            "verdict": np.where(decided, np.where(p > 0.5, "revision", "original"), "tie"),
            "probability": p,
            "margin": np.log(p / (1 - p)),
            "judge": "m",
        }
    ).with_columns(
        chosen=pl.when(pl.col("verdict") != "tie").then(
            pl.when(pl.col("verdict") == "revision").then("revision").otherwise("original")
        ),
        rejected=pl.when(pl.col("verdict") != "tie").then(
            pl.when(pl.col("verdict") == "revision").then("original").otherwise("revision")
        ),
    )
    people = pl.DataFrame(
        {
            "persona_id": ids,
            "age": rng.integers(18, 90, PEOPLE),
            "sex": ["Female", "Male"] * 793,
            "state": ["Ohio"] * PEOPLE,
            "race": ["White alone"] * PEOPLE,
        }
    )
    profiles = {each: " ".join(words[rng.integers(0, 4000, 200)]) for each in ids}
    splits = {f"{i:032x}": "train" if i < 3000 else "test" for i in range(PROMPTS)}
    from populace.feedback.card import FACTS

    return Feedback(
        table=table, profiles=profiles, personas=people, splits=splits, facts=dict.fromkeys(FACTS, "x")
    )


def one(form: str, suffix: str) -> None:
    from populace.feedback.export import write

    feedback = made()
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory(dir=sys.argv[4] if len(sys.argv) > 4 else None) as folder:
        out = Path(folder) / f"out{suffix}"
        clock, used = time.perf_counter(), time.process_time()
        written = write(form, out, feedback)
        clock, used = time.perf_counter() - clock, time.process_time() - used
        files = [out] if out.is_file() else [p for p in out.rglob("*") if p.is_file()]
        size = sum(p.stat().st_size for p in files) / 2**20
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "form": form + suffix,
                "rows": written.rows,
                "s": round(clock, 1),
                "cpu_s": round(used, 1),
                "MB_table": round(held),
                "MB_most": round(most),
                "MB_written": round(size),
                "files": len(files),
            }
        )
    )


if __name__ == "__main__":
    if len(sys.argv) > 2:
        one(sys.argv[2], sys.argv[3])
    else:
        for form, suffix in (
            ("parquet", ".parquet"),
            ("trl", ".jsonl"),
            ("trl", ".parquet"),
            ("trl-kto", ".jsonl"),
            ("trl-kto", ".parquet"),
            ("trl-prompts", ".jsonl"),
            ("hf", ""),
            ("argilla", ""),
            ("label-studio", ""),
        ):
            subprocess.run([sys.executable, __file__, "one", form, suffix], check=True)
