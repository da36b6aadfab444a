"""Read an audit's chain and say what does not hold.

Anybody can do the same without this package: each line is canonical JSON (RFC 8785), its `hash` is the
SHA-256 of the canonical record without `hash`, its `prev` that of the line before, its `n` one more.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from populace.bounds.audit_entry import Entry
from populace.errors import DataError

__all__ = ["START", "Problem", "Reading", "Seal", "Verified"]

START = "0" * 64
"""What the first record has for the hash of the one before."""
_OWN = re.compile(rb'("event":"[a-z]+",)"hash":"[0-9a-f]{64}",')
"""Where a record's own hash stands among the names in order."""
_HEADS = {
    "other": "the head named another record than the chain had: the chain was written anew",
    "gone": "the head was gone or not to be read: whether records were gone with it cannot be told",
}
_SHOWN = 100
"""Problems that are listed; the rest are counted."""


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """A record by number and hash: kept elsewhere, it shows whether the chain up to it is the same."""

    n: int
    hash: str

    def written(self) -> bytes:
        """Give it as a line whose length is always the same, so that it can be written in place."""
        return b'{"hash":"%b","n":"%016d"}\n' % (self.hash.encode(), self.n)

    @classmethod
    def read(cls, line: bytes) -> Seal | None:
        """Read such a line, or one as JSON; None where it is neither."""
        try:
            told = msgspec.json.decode(line)
            found = cls(n=int(told["n"]), hash=str(told["hash"]))
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError):
            return None
        return found if found.n >= 0 else None

    @classmethod
    def load(cls, path: str | Path) -> Seal:
        """Read a seal from a file.

        Raises
        ------
        DataError
            If it holds none.
        """
        try:
            found = cls.read(Path(path).read_bytes())
        except OSError as error:
            raise DataError(f"the seal cannot be read ({error.strerror})", file=path) from error
        if found is None:
            raise DataError(
                "this is no seal", file=path, fix="a seal is made by `populace bounds audit --seal`"
            )
        return found


class Problem(msgspec.Struct, frozen=True):
    """What does not hold."""

    line: int
    """Of the chain, from 1; 0 where it is about the whole."""
    what: str


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What a reading of the whole chain found. It is true where nothing is wrong."""

    records: int
    last: Seal
    problems: tuple[Problem, ...] = ()
    more: int = 0
    """Problems beside those listed."""
    torn: int = 0
    """Bytes of an unfinished last line, left by a process that was killed; no record of it was promised."""
    seals: int = 0
    """Seals that hold. Without one, that the whole folder was rewritten could not be seen."""

    def __bool__(self) -> bool:
        return not self.problems

    def __str__(self) -> str:
        told = [f"{self.records} records, the last {self.last.hash[:16]}"]
        told.append(f"{self.seals} seals hold" if self.seals else "no seal was held against it")
        if self.torn:
            told.append(f"{self.torn} bytes of an unfinished line at its end")
        lines = [f"line {each.line}: {each.what}" if each.line else each.what for each in self.problems]
        lines += [f"and {self.more} more"] if self.more else []
        state = "the chain is whole" if self else "the chain is damaged"
        return "\n".join([f"{state}: {'; '.join(told)}", *lines])


class _Record(Entry, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A record, and nothing else in its line."""


class Reading:
    """One reading of a chain."""

    def __init__(self, chain: Path, head: Path, seals: tuple[Seal, ...]) -> None:
        self._chain, self._head, self._seals = chain, head, seals
        self._problems: list[Problem] = []
        self._count = 0

    def verified(self) -> Verified:
        """Read all of it."""
        named = Seal.read(self._head.read_bytes()) if self._head.exists() else None
        watched = {seal.n for seal in (*self._seals, *([named] if named else []))}
        found: dict[int, str] = {}
        last, lines, torn = Seal(n=0, hash=START), 0, 0
        decoder = msgspec.json.Decoder(_Record)
        if self._chain.exists():
            with self._chain.open("rb") as source:
                for number, line in enumerate(source, 1):
                    if not line.endswith(b"\n"):
                        torn = len(line)
                        break
                    lines = number
                    last = self._line(number, line, last, decoder)
                    if last.n in watched:
                        found[last.n] = last.hash
        if named is None and lines:
            self._add(0, "its head cannot be read: whether the end is gone cannot be told")
        elif named is not None:
            self._hold(named, found, last, "its head")
        before = self._count
        for seal in self._seals:
            self._hold(seal, found, last, "a seal")
        return Verified(
            records=lines,
            last=last,
            problems=tuple(self._problems),
            more=self._count - len(self._problems),
            torn=torn,
            seals=len(self._seals) - (self._count - before),
        )

    def _line(self, number: int, line: bytes, before: Seal, decoder: msgspec.json.Decoder[_Record]) -> Seal:
        try:
            links = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._add(number, "this is no record")
            return Seal(n=before.n + 1, hash="")
        bare, taken = _OWN.subn(rb"\1", line[:-1])
        if taken != 1 or hashlib.sha256(bare).hexdigest() != links.hash:
            self._add(number, f"record {links.n} was changed")
        if links.n != before.n + 1:
            self._add(number, _order(links.n, before.n))
        elif before.hash and links.prev != before.hash:
            self._add(number, f"record {links.n} does not follow the one before it")
        if links.lost:
            self._add(
                number,
                f"before record {links.n}, {links.lost} records were gone: cut off, or lost with the power",
            )
        if links.head:
            self._add(number, f"before record {links.n}, {_HEADS.get(links.head, 'the head was wrong')}")
        return Seal(n=links.n, hash=links.hash)

    def _hold(self, seal: Seal, found: dict[int, str], last: Seal, what: str) -> None:
        if seal.n == 0:
            return
        if seal.n not in found:
            told = f"it ends at record {last.n}" if last.n < seal.n else "there is no such record"
            self._add(0, f"{what} names record {seal.n}, and {told}: records are gone")
        elif found[seal.n] != seal.hash:
            self._add(0, f"{what} names another record {seal.n}: the chain was written anew")

    def _add(self, line: int, what: str) -> None:
        self._count += 1
        if len(self._problems) < _SHOWN:
            self._problems.append(Problem(line, what))


def _order(n: int, before: int) -> str:
    if n <= before:
        return f"record {n} follows record {before}: out of order, or written twice"
    gone = f"record {before + 1} is" if n == before + 2 else f"records {before + 1} to {n - 1} are"
    return f"{gone} gone before record {n}"
