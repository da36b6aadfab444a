"""What an oracle has answered so far: policies below, and what no policy can exceed above."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from populace.errors import DataError
from populace.portfolio.chords import chords
from populace.portfolio.pool import Solved

__all__ = ["Known", "read_answers"]

_LIES = 1e-9
"""Share of the range of values by which an answer may fall short by rounding."""


class _Head(msgspec.Struct, frozen=True):
    oracle: str


class _Line(msgspec.Struct, frozen=True):
    weights: tuple[float, ...]
    solved: Solved


@dataclass
class Known:
    """Weights that were asked, and the policies that came back.

    Parameters
    ----------
    traits
        Number of rewards.
    eta
        No answer is further than this from the best policy for its weights.
    noise
        No value told is further than this from the true one, for having been measured on samples; it counts
        twice, since both the bound and the policies rest on what was measured.
    also
        Shape (n, traits), values of policies that are there anyway (the base model, soups): they serve, and
        say nothing about what cannot be exceeded.
    journal
        File that each answer is appended to, and read from at the start; None keeps nothing.
    oracle
        Whose answers they are: a journal of another oracle is refused. Empty: not known, and not checked.
    """

    traits: int
    eta: float = 0.0
    also: np.ndarray | None = None
    journal: Path | None = None
    noise: float = 0.0
    oracle: str = ""
    weights: list[np.ndarray] = field(default_factory=list)
    solved: list[Solved] = field(default_factory=list)
    """In the order of `weights`."""

    def __post_init__(self) -> None:
        """Read what was answered before."""
        self._points: list[np.ndarray] = []
        if self.journal is not None:
            # Before anything is trained, and not after.
            try:
                self.journal.parent.mkdir(parents=True, exist_ok=True)
                self.journal.open("ab").close()
            except OSError as error:
                raise DataError(
                    f"no journal can be kept here ({error.strerror})", file=self.journal
                ) from error
            for weights, solved in read_answers(self.journal, self.traits, self.oracle):
                self._check(weights, solved)
                self._add(weights, solved)
            self._judge()
            if self.oracle and not self.journal.stat().st_size:
                self._append(_Head(self.oracle))

    @property
    def slack(self) -> float:
        """What every bound allows for the oracle's error and for samples."""
        return self.eta + 2 * self.noise

    @property
    def points(self) -> np.ndarray:
        """Shape (answers + also, traits), costs absorbed: w . points is what each policy is worth for w."""
        rows = self._points if self.also is None else [*self._points, *self.also]
        return np.array(rows).reshape(-1, self.traits)

    def tell(self, weights: np.ndarray, solved: Solved) -> None:
        """Note an answer, on the disk first.

        Raises
        ------
        DataError
            If it is no finite policy of these traits, its value is not that of its rewards, or it shows that
            answers fall further short than `eta`.
        """
        weights = np.asarray(weights, dtype=np.float64)
        self._check(weights, solved)
        if self.journal is not None:
            self._append(_Line(tuple(weights.tolist()), solved))
        self._add(weights, solved)
        self._judge()

    def shortfall(self) -> tuple[float, int]:
        """Give how far the worst answer is from a policy known now: the oracle errs by at least that."""
        if not self.weights:
            return 0.0, 0
        table = np.array(self.weights) @ self.points.T
        own = np.array([w @ p for w, p in zip(self.weights, self._points, strict=True)])
        short = table.max(axis=1) - own
        place = int(np.argmax(short))
        return float(short[place]), place

    @property
    def ceilings(self) -> np.ndarray:
        """Shape (answers,): nothing is worth more at the weights asked, given `eta` and `noise`."""
        return (np.array(self.weights) @ self.points.T).max(axis=1) + self.slack

    @property
    def range(self) -> float:
        """Range of what policies are worth."""
        return max(float(np.ptp(self.points)), np.finfo(float).tiny) if len(self.points) else 1.0

    def floor(self, weights: np.ndarray) -> np.ndarray:
        """Give what the policies are worth at weights (n, traits): shape (n,)."""
        return (weights @ self.points.T).max(axis=1)

    def ceiling(self, weights: np.ndarray) -> np.ndarray:
        """Bound what any policy is worth at weights (n, traits): the chord of what was asked, shape (n,)."""
        # Where a mixture misses the weights by rounding, V moves by no more than its slope allows.
        slope = 2 * float(np.abs(self.points).max()) + self.slack
        return chords(np.array(self.weights), self.ceilings, weights, slope)

    def _append(self, line: _Head | _Line) -> None:
        assert self.journal is not None
        with self.journal.open("ab") as handle:
            handle.write(msgspec.json.encode(line) + b"\n")
            handle.flush()
            os.fsync(handle.fileno())

    def _judge(self) -> None:
        """Refuse answers that what is known proves wrong."""
        short, place = self.shortfall()
        if short > self.slack + _LIES * self.range:
            told = ", ".join(f"{share:.4f}" for share in self.weights[place])
            eta = short - 2 * self.noise
            raise DataError(
                f"the oracle's answer for the weights ({told}) is {short:.3g} worse than a policy that is "
                "there already, so it is not the best one",
                file=self.journal,
                fix=f"train it further, or say eta={eta:.2g} or more: the certificate then allows for it",
            )

    def _check(self, weights: np.ndarray, solved: Solved) -> None:
        found = np.array([*solved.rewards, solved.kl, solved.value], dtype=np.float64)
        if len(solved.rewards) != self.traits or not np.isfinite(found).all():
            raise DataError(f"the oracle must give {self.traits} finite rewards, a KL and a value")
        if weights.shape != (self.traits,) or (weights < 0).any() or abs(weights.sum() - 1) > 1e-9:
            raise DataError(f"weights must be {self.traits} numbers of at least 0 that sum to 1")
        if solved.value > float(weights @ np.array(solved.rewards)) + 1e-9 * (1 + abs(solved.value)):
            raise DataError(
                "the oracle's value is above its rewards for the weights: a cost cannot be a gain"
            )
        if solved.kl < 0:
            raise DataError(f"the oracle's KL is {solved.kl:g} and cannot be below 0")

    def _add(self, weights: np.ndarray, solved: Solved) -> None:
        rewards = np.array(solved.rewards)
        self.weights.append(weights)
        self.solved.append(solved)
        self._points.append(rewards + (solved.value - float(weights @ rewards)))


def read_answers(path: Path, traits: int, oracle: str = "") -> list[tuple[np.ndarray, Solved]]:
    """Read a journal of answers; a last line that a kill cut off is dropped.

    Raises
    ------
    DataError
        If a line is broken, or of other traits, or the journal is another oracle's.
    """
    content = path.read_bytes()
    whole, _, rest = content.rpartition(b"\n")
    if rest:
        with path.open("r+b") as handle:
            handle.truncate(len(whole) + (1 if whole else 0))
    found: list[tuple[np.ndarray, Solved]] = []
    for row, line in enumerate(whole.split(b"\n") if whole else [], 1):
        if row == 1 and line.startswith(b'{"oracle"'):
            _same_oracle(line, oracle, path)
            continue
        try:
            told: Any = msgspec.json.decode(line, type=_Line)
        except msgspec.DecodeError as error:
            raise DataError(f"this line is no answer of an oracle ({error})", file=path, row=row) from error
        if len(told.weights) != traits:
            raise DataError(
                f"this answer is about {len(told.weights)} traits and not {traits}", file=path, row=row,
                fix="name another journal",
            )  # fmt: skip
        found.append((np.array(told.weights), told.solved))
    return found


def _same_oracle(line: bytes, oracle: str, path: Path) -> None:
    try:
        told = msgspec.json.decode(line, type=_Head).oracle
    except msgspec.DecodeError as error:
        raise DataError(f"this line names no oracle ({error})", file=path, row=1) from error
    if oracle and told != oracle:
        raise DataError(
            f"these are the answers of another oracle ({told}, and this is {oracle})", file=path, row=1,
            fix="name another journal: a certificate from them would not hold",
        )  # fmt: skip
