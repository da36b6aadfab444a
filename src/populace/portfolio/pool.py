r"""Plan before training: the closed-form optimum on sampled and scored responses.

For prompts x with sampled responses y, scores r(x, y) and a reference p over them, the policy that maximises
:math:`w \cdot E r - \beta E_x KL(\pi \| p)` is :math:`\pi_w(y|x) = p_x(y) e^{w \cdot r / \beta} / Z_x`, its
value :math:`V(w) = \beta\, \mathrm{mean}_x \ln Z_x`, its rewards :math:`\nabla V(w)`. Exact for policies *on
this pool*. Of the real policy class it is a plan: V is biased downwards (Jensen), and poor where few
responses carry the weight, which the effective sample size says.

Best-of-n is the limit :math:`\beta \to 0`; soft best-of-n the same tilt at a temperature of the pool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from populace.canonical import content_hash
from populace.errors import DataError

__all__ = ["Oracle", "Pool", "Solved"]


class Solved(msgspec.Struct, frozen=True, kw_only=True):
    """What an oracle gives for weights: a policy, as far as a portfolio needs to know it."""

    rewards: tuple[float, ...]
    """Shape (traits,), expected."""
    kl: float
    """From the reference, in nats a prompt, at least 0."""
    value: float
    """w . rewards - beta kl."""


Oracle = Callable[[np.ndarray], Solved]
"""Maps weights, shape (traits,), to the best policy for them."""


@dataclass(frozen=True)
class Pool:
    """Prompts, sampled responses, and their scores.

    Parameters
    ----------
    rewards
        Shape (prompts, responses, traits), NaN where there is no response: all traits of it, or none.
    reference
        Shape (prompts, responses), probabilities of the reference policy over the responses sampled,
        normalised here; None where they were sampled from the reference, so that each counts alike.

    Raises
    ------
    DataError
        If shapes do not fit, a score is infinite, a response lacks some of its scores, a prompt has no
        response, or a probability is negative.

    Examples
    --------
    >>> pool = Pool(np.array([[[1.0, 0.0], [0.0, 1.0]]]))
    >>> found = pool.oracle(beta=1.0)(np.array([0.5, 0.5]))
    >>> found.rewards, found.kl, found.value
    ((0.5, 0.5), 0.0, 0.5)
    """

    rewards: Any
    reference: npt.ArrayLike | None = None

    def __post_init__(self) -> None:
        """Check, and keep what every call needs: missing responses have the probability 0."""
        scores = np.array(self.rewards, dtype=np.float64)
        if scores.ndim != 3 or not scores.size or scores.shape[2] < 2:
            raise DataError(
                f"rewards have the shape {scores.shape}",
                fix="give (prompts, responses, traits), two traits or more",
            )
        absent = np.isnan(scores)
        missing: np.ndarray = np.asarray(absent.all(axis=2))
        for bad, what in (
            (np.isinf(scores).any(axis=2), "a score is infinite"),
            (absent.any(axis=2) & ~missing, "a response has some of its scores only"),
        ):
            if bad.any():
                prompt, response = (int(place) for place in np.argwhere(bad)[0])
                raise DataError(what, row=prompt + 1, column=f"response {response + 1}")
        if missing.all(axis=1).any():
            raise DataError("a prompt has no response", row=int(np.flatnonzero(missing.all(axis=1))[0]) + 1)
        log_reference = _log_reference(self.reference, missing)
        scores[missing] = 0.0
        object.__setattr__(self, "rewards", np.ascontiguousarray(scores))
        object.__setattr__(self, "_log_reference", log_reference)

    @property
    def traits(self) -> int:
        """Number of traits."""
        return self.rewards.shape[2]

    @property
    def there(self) -> np.ndarray:
        """Which responses there are, to which the reference gives any probability: (prompts, responses)."""
        return np.isfinite(self._log_reference)

    def policy(self, weights: npt.ArrayLike, beta: float) -> np.ndarray:
        """Give the best policy on the pool, shape (prompts, responses), each row summing to 1.

        Parameters
        ----------
        weights
            Shape (traits,).
        beta
            Price of a nat of KL; 0: the best response of each prompt, ties shared alike.

        Raises
        ------
        ValueError
            If `beta` is negative.
        """
        if not beta >= 0:
            raise ValueError(f"beta is {beta} and must be at least 0")
        return self._tilted(np.asarray(weights, dtype=np.float64), beta)[0]

    def oracle(self, beta: float = 0.1) -> Oracle:
        """Give the oracle of exact optima.

        Raises
        ------
        ValueError
            If `beta` is negative.
        """
        if not beta >= 0:
            raise ValueError(f"beta is {beta} and must be at least 0")

        def solve(weights: np.ndarray) -> Solved:
            shares, logs = self._tilted(np.asarray(weights, dtype=np.float64), beta)
            rewards = self.expected(shares)
            if logs is None:  # best of n: what it costs is not priced
                return Solved(rewards=tuple(rewards.tolist()), kl=0.0, value=float(rewards @ weights))
            value = beta * float(logs.mean())
            # Below 0 by rounding only.
            kl = max(0.0, (float(rewards @ weights) - value) / beta)
            return Solved(rewards=tuple(rewards.tolist()), kl=kl, value=value)

        # For journals: answers of another pool, or at another price, are another oracle's.
        setattr(solve, "fingerprint", lambda: self._fingerprint(beta))  # noqa: B010
        return solve

    def _fingerprint(self, beta: float) -> str:
        parts = [array.tobytes().hex() for array in (self.rewards, self._log_reference)]
        return content_hash([*map(content_hash, parts), list(self.rewards.shape), beta])

    def expected(self, policy: np.ndarray) -> np.ndarray:
        """Give the mean rewards of a policy on the pool, shape (traits,)."""
        return np.tensordot(policy, self.rewards, axes=([0, 1], [0, 1])) / len(policy)

    def kl(self, policy: np.ndarray) -> float:
        """Give the mean KL of a policy from the reference, in nats a prompt."""
        logs = np.log(policy, out=np.zeros_like(policy), where=policy > 0)
        inside = np.where(policy > 0, policy * (logs - np.where(policy > 0, self._log_reference, 0)), 0)
        # Below 0 by rounding only, and as much above it.
        found = float(inside.sum(axis=1).mean())
        return found if found > 1e-15 else 0.0

    def effective_sample_size(self, weights: npt.ArrayLike, beta: float) -> np.ndarray:
        """Give 1 / sum of squared probabilities, shape (prompts,): how many responses carry the policy."""
        return 1 / np.square(self.policy(weights, beta)).sum(axis=1)

    def best_of(self, weights: npt.ArrayLike, n: int) -> np.ndarray:
        """Give the policy that draws n responses from the reference and takes the best, in closed form.

        Of responses sorted by w . r, the best of n is at most the k-th with the probability F_k^n, for F the
        reference's share of responses no better (Beirami et al. 2024, arXiv 2401.01879); ties share alike.

        Raises
        ------
        ValueError
            If n is below 1.
        """
        if n < 1:
            raise ValueError(f"n is {n} and must be at least 1")
        values = self.rewards @ np.asarray(weights, dtype=np.float64)
        shares = np.exp(self._log_reference)
        values = np.where(shares > 0, values, -np.inf)
        order = np.argsort(values, axis=1, kind="stable")
        sorted_values = np.take_along_axis(values, order, axis=1)
        sorted_shares = np.take_along_axis(shares, order, axis=1)
        upper = np.minimum(np.cumsum(sorted_shares, axis=1), 1.0)
        found = np.empty_like(shares)
        for prompt, (row, part, reach) in enumerate(zip(sorted_values, sorted_shares, upper, strict=True)):
            # Equal values are one step of F, shared by their probability.
            _, step, sizes = np.unique(row, return_inverse=True, return_counts=True)
            ends = reach[np.cumsum(sizes) - 1]
            mass = np.diff(np.r_[0.0, ends**n])
            within = np.bincount(step, weights=part)
            found[prompt, order[prompt]] = np.divide(
                mass[step] * part, within[step], out=np.zeros(len(part)), where=part > 0
            )
        return found / found.sum(axis=1, keepdims=True)

    def _tilted(self, weights: np.ndarray, beta: float) -> tuple[np.ndarray, np.ndarray | None]:
        """Give the policy and the log of its normaliser over each prompt."""
        if weights.shape != (self.traits,):
            raise DataError(f"weights have the shape {weights.shape}, and there are {self.traits} traits")
        values = self.rewards @ weights
        if beta == 0:
            values = np.where(np.isneginf(self._log_reference), -np.inf, values)
            best = values >= values.max(axis=1, keepdims=True)
            return best / best.sum(axis=1, keepdims=True), None
        odds = values / beta
        odds += self._log_reference
        top = odds.max(axis=1, keepdims=True)
        np.subtract(odds, top, out=odds)
        np.exp(odds, out=odds)
        total = odds.sum(axis=1, keepdims=True)
        odds /= total
        return odds, (np.log(total) + top)[:, 0]

    _log_reference: np.ndarray = None  # type: ignore[assignment]


def _log_reference(reference: npt.ArrayLike | None, missing: np.ndarray) -> np.ndarray:
    """Give log probabilities, -inf where there is no response."""
    shares = np.ones(missing.shape) if reference is None else np.array(reference, dtype=np.float64)
    if shares.shape != missing.shape:
        raise DataError(f"the reference has the shape {shares.shape}, and responses {missing.shape}")
    shares = np.where(missing, 0.0, shares)
    if not np.isfinite(shares).all() or (shares < 0).any():
        raise DataError("a probability of the reference is negative, missing or infinite")
    total = shares.sum(axis=1, keepdims=True)
    if (total <= 0).any():
        row = int(np.flatnonzero(total[:, 0] <= 0)[0])
        raise DataError("the reference gives a prompt's responses no probability", row=row + 1)
    with np.errstate(divide="ignore"):
        return np.log(shares / total)
