"""The linear support of morl-baselines on a pool of scored responses: weights in the order it asks for them.

    python linear_support.py POOL.npz BETA EPSILON MOST

`POOL.npz` holds `rewards` (prompts, responses, traits) and `reference` (prompts, responses). Printed: a JSON
list of weights. The package rounds vectors to four decimals, so it is given them on a scale of 1,000: an
advantage that its users have to know of.
"""

from __future__ import annotations

import json
import sys

import numpy as np
from morl_baselines.multi_policy.linear_support.linear_support import LinearSupport

SCALE = 1000.0


def main() -> None:
    path, beta, epsilon, most = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    pool = np.load(path)
    rewards, logs = pool["rewards"], np.log(pool["reference"])
    search = LinearSupport(num_objectives=rewards.shape[2], epsilon=epsilon * SCALE, verbose=False)
    asked: list[list[float]] = []
    while len(asked) < most:
        weights = search.next_weight(algo="ols")
        if weights is None or search.ended():
            break
        weights = np.asarray(weights, dtype=np.float64)
        odds = rewards @ weights / beta + logs
        top = odds.max(axis=1, keepdims=True)
        shares = np.exp(odds - top)
        total = shares.sum(axis=1, keepdims=True)
        value = beta * float((np.log(total) + top).mean())
        mean = np.tensordot(shares / total, rewards, axes=([0, 1], [0, 1])) / len(rewards)
        # Costs absorbed: weights . vector is the value, as a linear search has to see it.
        search.add_solution((mean + (value - mean @ weights)) * SCALE, weights)
        asked.append(weights.tolist())
    sys.stdout = sys.__stdout__
    print(json.dumps(asked))


main()
