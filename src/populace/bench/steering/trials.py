"""The tests of a run, a row each: an attribute's question, what would be right, and what everybody says.

Whoever gives a distribution is held against the same gold. Where the model gave no answer its accuracy is 0
when steered, so that silence gains nothing, and its distribution is even; as something to be beaten (not
steered, steered to another) silence is worth a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

__all__ = ["BASES", "Trials", "hit", "read_trials"]

BASES = ("not steered", "another", "other groups", "uniform", "name rule")
"""What the steered model is held against."""
_EVEN = 1e-9


@dataclass(frozen=True)
class Trials:
    """Tests and answers.

    Attributes
    ----------
    gold
        A row a test: `persona_id`, `prompt_id`, `kind`, `options`, `p`, `people`, `again`, `apart`, `named`.
    answers
        (steer or None, question, context) -> distribution, or None where there is no answer.
    contexts
        Ways of steering, the headline's first.
    """

    gold: pl.DataFrame
    answers: Mapping[tuple[str | None, str, str], np.ndarray | None]
    contexts: tuple[str, ...]

    @cached_property
    def truths(self) -> list[np.ndarray]:
        """Distribution that is right, a test each."""
        return [np.array(p) for p in self.gold["p"].to_list()]

    @cached_property
    def steers(self) -> dict[str, list[str]]:
        """Kind -> its attributes, in their order."""
        found: dict[str, list[str]] = {}
        for name, kind in self.gold.select("persona_id", "kind").unique(maintain_order=True).iter_rows():
            found.setdefault(kind, []).append(name)
        return found

    @cached_property
    def graded(self) -> bool:
        """Whether right answers are distributions, as of groups, and not single options."""
        return any(0 < share < 1 for p in self.truths for share in p)

    def said(self, context: str | None = None) -> list[np.ndarray | None]:
        """Give what the model says when it is steered to each test's attribute."""
        way = self.contexts[0] if context is None else context
        rows = self.gold.select("persona_id", "prompt_id").iter_rows()
        return [self.answers.get((who, what, way)) for who, what in rows]

    def others(self, who: str, kind: str) -> list[str]:
        """List the attributes of the same kind."""
        return [name for name in self.steers[kind] if name != who]

    def base(self, arm: str) -> list[list[np.ndarray]]:
        """Give what something to be beaten says at each test: a distribution, or several to average."""
        found: list[list[np.ndarray]] = []
        right = {(row["persona_id"], row["prompt_id"]): row["p"] for row in self.gold.iter_rows(named=True)}
        for row in self.gold.iter_rows(named=True):
            who, what, even = row["persona_id"], row["prompt_id"], _even(len(row["options"]))
            if arm == "not steered":
                told = [self.answers.get((None, what, ""))]
            elif arm == "another":
                told = [self.answers.get((o, what, self.contexts[0])) for o in self.others(who, row["kind"])]
            elif arm == "other groups":
                ps = [right[o, what] for o in self.others(who, row["kind"]) if (o, what) in right]
                told = [np.mean(ps, axis=0)] if ps else []
            elif arm == "name rule":
                told = [np.array(row["named"])]
            else:
                told = []
            found.append([even if each is None else each for each in told] or [even])
        return found

    def hits(self, context: str | None = None) -> np.ndarray:
        """Say how far each test is passed when steered: 0 without an answer."""
        pairs = zip(self.said(context), self.truths, strict=True)
        return np.array([0.0 if p is None else hit(p, truth) for p, truth in pairs])

    def base_hits(self, arm: str) -> np.ndarray:
        """Say how far each test is passed by something to be beaten."""
        pairs = zip(self.base(arm), self.truths, strict=True)
        return np.array([np.mean([hit(p, truth) for p in ps]) for ps, truth in pairs])

    def apart(self, context: str | None = None) -> np.ndarray:
        """Give the total variation from what is right, when steered; of an even guess without an answer."""
        pairs = zip(self.said(context), self.truths, strict=True)
        return np.array([_tv(_even(len(q)) if p is None else p, q) for p, q in pairs])

    def base_apart(self, arm: str) -> np.ndarray:
        """Give the total variation of something to be beaten."""
        pairs = zip(self.base(arm), self.truths, strict=True)
        return np.array([np.mean([_tv(p, truth) for p in ps]) for ps, truth in pairs])

    def matrix(self, kind: str) -> np.ndarray:
        """Give the accuracy of the model steered to p on the tests of q, shape (p, q)."""
        names = self.steers[kind]
        cells = self.cells(kind)
        return np.array([[np.mean(cells[steer, tested]) for tested in names] for steer in names])

    def cells(self, kind: str) -> dict[tuple[str, str], list[float]]:
        """Give what the matrix is the mean of: (steered to p, test of q) -> a number a question."""
        names = self.steers[kind]
        found: dict[tuple[str, str], list[float]] = {}
        rows = self.gold.filter(kind=kind)
        for tested in names:
            own = rows.filter(persona_id=tested)
            pairs = list(zip(own["prompt_id"], [np.array(p) for p in own["p"].to_list()], strict=True))
            for steer in names:
                told = [(self.answers.get((steer, what, self.contexts[0])), truth) for what, truth in pairs]
                found[steer, tested] = [0.0 if p is None else hit(p, truth) for p, truth in told]
        return found


def read_trials(items: pl.DataFrame) -> Trials:
    """Read the tests from the items of a run."""
    rows = items.filter(arm="model").select("steer", "prompt_id", "context", "p")
    answers = {
        (steer, what, context): None if p is None else np.array(p)
        for steer, what, context, p in rows.iter_rows()
    }
    contexts = rows.filter(pl.col("context") != "")["context"].unique(maintain_order=True).to_list()
    return Trials(items.filter(arm="gold"), answers, tuple(contexts) or ("portray",))


def hit(p: np.ndarray, truth: np.ndarray) -> float:
    """Say whether the likeliest option is the commonest; of several likeliest, the share that is.

    Examples
    --------
    >>> hit(np.array([0.5, 0.5, 0.0]), np.array([0.6, 0.3, 0.1]))
    0.5
    """
    best, right = p >= p.max() - _EVEN, truth >= truth.max() - _EVEN
    return float((best & right).sum() / best.sum())


def _even(size: int) -> np.ndarray:
    return np.full(size, 1 / size)


def _tv(p: np.ndarray, q: np.ndarray) -> float:
    return float(np.abs(p - q).sum() / 2)
