"""A portfolio, end to end: sample, score, plan, export, serve, on a model that runs on this machine.

    python examples/portfolio.py portfolio-example

Responses are drawn from SmolLM2-135M (the `local` extra; no key, no network), scored for readability,
sentiment and politeness (the `traits` extra), and a portfolio is planned: the fewest policies that serve
every weighting of the three. It writes training sets for TRL and a configuration for a gateway, then serves
two users with the best of eight samples for their weights, on prompts that the plan never saw.

Stopped half-way, the same command goes on where it was: every response is in the journal, and none is drawn
twice. About five minutes on two cores; `--prompts 12` takes one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from populace import traits
from populace.models import GenerateRequest, Message, open_model
from populace.portfolio.exporting import export
from populace.portfolio.planning import plan
from populace.portfolio.rewards import score_responses
from populace.portfolio.sampling import Sampling, as_prompts, sample
from populace.portfolio.serving import BestOf, Member, Serving, serving_of
from populace.prompts import load
from populace.run import Journal, ProgressLine, run

TRAITS = [traits.scorer(name) for name in ("readability", "sentiment", "politeness")]
USERS = {"wants it simple": (1.0, 0.0, 0.0), "wants it warm": (0.0, 0.6, 0.4)}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="A portfolio, end to end.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--prompts", type=int, default=40)
    given = parser.parse_args()
    prompts = as_prompts(load("builtin").head(given.prompts))

    how = Sampling(n=8, max_tokens=80)
    with ProgressLine() as progress:
        drawn = sample(prompts, open_model("embedded"), given.folder / "samples", how, progress=progress)
    print(f"{drawn.frame.height} responses, {drawn.asked} of them drawn now")

    rewards = score_responses(drawn.frame, TRAITS)
    rewards.save(given.folder / "rewards.parquet")
    made = plan(rewards, beta=0.1, regret=0.03)
    made.save(given.folder / "plan.json")
    print(*made.lines(), sep="\n")

    files = export(made, rewards, given.folder / "sets").files
    print(f"Training sets: {', '.join(f'{name} ({count})' for name, count in files.items())}")
    serving = serving_of(made, best_of=8)
    serving.save(given.folder / "serving.json")

    texts = dict(prompts.iter_rows())
    unseen = [texts[name] for name in made.kept]
    print(f"Served on {len(unseen)} prompts that the plan never saw, mean of each trait on the scale:")
    plain = Member(name="one sample", weights=(1 / 3,) * 3, point=(0.0,) * 3)
    rows = [("anybody, one sample", plain), *((user, serving.route(w)) for user, w in USERS.items())]
    for user, member in rows:
        means = serve(serving, member, unseen, given.folder / "served")
        told = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(made.traits, means, strict=True))
        print(f"  {user} ({member.name}): {told}")


def serve(serving: Serving, member: Member, prompts: list[str], folder: Path) -> np.ndarray:
    """Answer prompts by a member, and score what it says."""
    model = BestOf(open_model("embedded"), member, serving.scale, TRAITS)
    requests = [
        GenerateRequest(
            model=model.model, messages=(Message("user", text),), max_tokens=80, temperature=1.0, seed=1
        )
        for text in prompts
    ]
    with Journal(folder) as journal:
        run(requests, model, journal, stage="serve")
        answers = [result.text for each in requests if (result := journal.get(each.key)) is not None]
    scores = np.stack([scorer.score(answers) for scorer in TRAITS], axis=1)
    return np.nanmean(serving.scale.apply(scores), axis=0)


if __name__ == "__main__":
    main()
