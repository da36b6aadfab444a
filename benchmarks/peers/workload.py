"""What every client is asked to do: the same N chat calls of the same server, C of them in flight.

The standard library only, because each driver runs in its own peer's environment. A driver is called as

    PYTHON benchmarks/peers/ask_NAME.py --url http://127.0.0.1:PORT/v1 --calls N --concurrency C --folder DIR

and asks nothing but these questions, as the tool's documentation recommends where throughput matters; its
docstring names the settings. It may write to DIR only, and leaves with `done(answers)`, which is how the
benchmark knows that every call was answered.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

SYSTEM = "You are a nurse of 34 in Ohio. " * 20
MAX_TOKENS = 64


def question(number: int) -> str:
    """The user's turn of one call; no two are equal, so that no cache can answer."""
    return f"Question {number}: should taxes on the largest farms of the state rise?"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--calls", type=int, required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--folder", required=True, help="an empty folder to write to")
    parser.add_argument("--fast", action="store_true", help="the tool's fastest documented settings")
    return parser.parse_args()


def done(answers: Sequence[str | None], expected: int) -> None:
    """Leave with an error unless every call has an answer."""
    answered = sum(bool(answer) for answer in answers)
    if answered != expected:
        sys.exit(f"{answered} of {expected} calls were answered")
