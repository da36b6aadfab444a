"""Four surveys, one model: how well it plays real people, beside statistics and the people themselves.

    python benchmarks/bench_grounded.py DATA --out FOLDER [--model embedded] [--way choice] [--survey gss]

`DATA` holds the files under the names of `SURVEYS`. Each run is that of `populace bench run grounded` with
its usual settings: it goes on where it stopped, and prints its table. At the end stand the tables of all as
Markdown, with the seconds of the processor that this call took.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# On a busy machine threads of the linear algebra wait for each other longer than they work.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import polars as pl

from populace.bench import Bench, TaskResult, run_task
from populace.bench.grounding.listing import rows_of
from populace.bench.tasks.grounded import Grounded
from populace.cli.bench_tables import show_result
from populace.cli.options import open_provider

SURVEYS: dict[str, dict[str, Any]] = {
    "anes": {"survey": "anes_pilot_2022/anes_pilot_2022.parquet", "codebook": "anes_pilot_2022"},
    "nonvoters": {"survey": "fivethirtyeight/nonvoters_data.csv", "codebook": "fivethirtyeight_nonvoters"},
    "bowling-green": {"survey": "polis/american-assembly.bowling-green"},
    "gss": {"survey": "gss/gss_panel20.rda", "codebook": "gss", "later": True},
}
"""Name -> options of the task."""
MEASURES = ("accuracy", "log score", "Brier score", "share of the range, accuracy")


def main() -> None:
    """Run what was asked for."""
    given = _arguments()
    nobody = pl.DataFrame(schema={"persona_id": pl.String, "prompt_id": pl.String})
    found, taken = {}, {}
    for name in given.survey:
        options = SURVEYS[name] | {"survey": str(given.data / SURVEYS[name]["survey"])}
        if given.respondents:
            options["respondents"] = given.respondents
        model = open_provider(given.model, [])
        bench = Bench(
            personas=nobody, prompts=nobody, target=model.model, judge="", way=given.way, options=options
        )
        before = time.process_time()
        out = given.out / f"{name}-{given.way}"
        found[name] = run_task(Grounded(), bench, {"target": model}, out, progress=True)
        taken[name] = time.process_time() - before
        show_result(found[name])
    print("\n".join(_markdown(found, taken)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--way", choices=("choice", "likelihood"), default="likelihood")
    parser.add_argument("--survey", choices=SURVEYS, nargs="+", default=list(SURVEYS))
    parser.add_argument("--respondents", type=int)
    return parser.parse_args()


def _markdown(results: dict[str, TaskResult], taken: dict[str, float]) -> Iterator[str]:
    """Write the tables: a survey after the other, an arm a row."""
    for name, result in results.items():
        scores = {(each.measure, each.arm): each.estimate for each in result.scores if not each.group}
        one = result.headline.estimate
        who = f"{result.target.partition('@')[0]} by {result.way}"
        many = f"{one.n} answers of {one.clusters} people"
        yield f"\n**{name}**, {who}: {many}; {taken[name]:.0f} s of the processor in this call.\n"
        yield "| told | who predicts | accuracy | log score | Brier score | share of the range |"
        yield "|---|---|---|---|---|---|"
        for row in rows_of(result):
            cells = [scores.get((measure, row.arm)) for measure in MEASURES]
            told = [
                "" if e is None or not e.defined else f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"
                for e in cells
            ]
            yield f"| {row.section} | {row.label} | {' | '.join(told)} |"
        yield ""
        for finding in result.findings:
            yield f"- {finding.name}: {'passed' if finding.passed else 'failed'}"


if __name__ == "__main__":
    main()
