"""The audit: an append-only chain of what was decided, by hashes and rule ids, without texts and names.

A folder holds `chain.jsonl`, `head.json` and `keys/`. A line is one record in canonical JSON (RFC 8785), with
the hash of the line before (`prev`) and its own (`hash`: SHA-256 of the canonical record without it), so that
an edit, a deletion, an insertion or another order is seen by whoever reads the chain.

People and texts stand there as keyed hashes (BLAKE2b), a key for each person. `forget` destroys the key: what
the chain holds of the person is then a number that nobody can tie to anybody, and the chain is as whole as
before.

What a chain cannot show by itself is that its end is gone. `head.json` names the last record, so that a file
that was cut (a bad copy, a full disk, a careless hand) is seen. Who may write to the folder can rewrite both;
that is seen by a `seal` alone: number and hash of a record, kept where that hand does not reach, and given to
`verify`. What was cut after the last seal, by a hand that also mended `head.json`, cannot be seen by anybody.

A record is in the file when `append` returns, so that a killed process loses none; it is forced to the disk
with every `sync_records`th, or when the oldest has waited `sync_seconds` at the next append, so that a power
cut loses at most those. `sync_records=1` forces each. Processes may write at once: each append holds a lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from populace.atomic import atomic_path, fsync_directory
from populace.bounds.audit_keys import Keys
from populace.bounds.audit_reading import START, Reading, Seal, Verified
from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.decision import Decision

__all__ = ["Audit", "Entry", "Seal", "Verified"]

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,119}")
_TAIL = 1 << 16
"""Bytes read at the end of the chain to find its last line; a record is far shorter."""
Event = Literal["decision", "load", "change", "consent", "forget", "mended"]


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record of the chain. No field can hold a text: all words are ids without spaces."""

    n: int
    """Its number, from 1."""
    at: str
    """When, in UTC."""
    event: Event
    prev: str
    """Hash of the record before; zeros before the first."""
    hash: str = ""
    subject: str = ""
    """Whom it is about: a keyed hash. Empty where it is about nobody."""
    text: str = ""
    """Of what text: a keyed hash; equal for equal texts of one subject."""
    action: str = ""
    allowed: bool | None = None
    tier: int | None = None
    """Of the rule that decided."""
    rule: str = ""
    rules: tuple[str, ...] = ()
    """Ids of all rules that forbade it."""
    duties: tuple[str, ...] = ()
    """Ids of the duties that stay required."""
    needed: tuple[str, ...] = ()
    """Verdicts that were lacking."""
    errors: int = 0
    """How many rules could not be evaluated."""
    bundle: str = ""
    """Hash of the policies."""
    bytes_cut: int = 0
    """Of `mended`: bytes of an unfinished line that a killed process left, which were removed."""
    lost: int = 0
    """Of `mended`: records that the head named and the chain no longer had. `verify` never forgets them."""


class Audit:
    """Open (or start) the audit in a folder.

    Parameters
    ----------
    folder
        Made with the first record.
    sync_records, sync_seconds
        When records are forced to the disk: see the module.

    Examples
    --------
    >>> import tempfile
    >>> audit = Audit(tempfile.mkdtemp())
    >>> first = audit.append("decision", subject="ann", text="Tell me a joke.", allowed=True)
    >>> second = audit.append("decision", subject="ann", allowed=False, tier=1, rule="t1.cse")
    >>> first.n, second.prev == first.hash, first.subject == second.subject, "ann" in str(first)
    (1, True, True, False)
    >>> bool(audit.verify()), audit.verify().records
    (True, 2)
    >>> _ = audit.forget("ann")
    >>> audit.of("ann"), bool(audit.verify())
    ([], True)
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, sync_records: int = 64, sync_seconds: float = 1.0
    ) -> None:
        self.folder = Path(folder)
        self.path = self.folder / "chain.jsonl"
        self._head_path = self.folder / "head.json"
        self._keys = Keys(self.folder / "keys")
        self._sync_records, self._sync_seconds = sync_records, sync_seconds
        self._unsynced, self._oldest = 0, 0.0
        self._turn = threading.Lock()
        self._chain = self._head = self._lock = -1
        self._process = 0
        self._end, self._n, self._hash = -1, 0, START

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self,
        event: Event,
        *,
        subject: str | None = None,
        text: str | None = None,
        **fields: Any,
    ) -> Entry:
        """Write one record down.

        Parameters
        ----------
        subject
            Whom it is about, by name or id: only a keyed hash of it is kept.
        text
            What it is about: only a keyed hash of it is kept.
        fields
            Other fields of `Entry`.

        Raises
        ------
        DataError
            If a field is unknown or holds what is no id; if the last line of the chain is no record; if the
            disk is full or the folder may not be written.
        """
        _check(fields)
        with self._alone():
            self._follow()
            told = dict(fields)
            if subject is not None:
                told["subject"] = self._keys.subject(subject)
            if text is not None:
                told["text"] = self._keys.text(subject, text)
            return self._write(event, told)

    def decision(self, decision: Decision, *, text: str | None = None, action: str = "") -> Entry:
        """Write a decision down: who, of what text, which rules; no word of either."""
        return self.append(
            "decision",
            subject=decision.user or None,
            text=text,
            action=action or decision.action,
            allowed=decision.allowed,
            tier=decision.tier,
            rule=decision.rule or "",
            rules=tuple(decision.rules),
            duties=tuple(decision.requirements),
            needed=tuple(decision.needed),
            errors=len(decision.errors),
            bundle=decision.bundle,
        )

    def forget(self, subject: str) -> Entry | None:
        """Destroy the key of a person's hashes, and write down that somebody was forgotten.

        The record of it names nobody. None where nothing was known of the person.
        """
        with self._alone():
            self._follow()
            if not self._keys.destroy(subject):
                return None
            entry = self._write("forget", {})
            self._sync()
            return entry

    def of(self, subject: str) -> list[Entry]:
        """Give the records about a person: what an access request asks for. Empty once forgotten."""
        known = self._keys.known(subject)
        return [] if known is None else [entry for entry in self if entry.subject == known]

    def __iter__(self) -> Iterator[Entry]:
        """Yield the records in order. They are read as they stand: `verify` says whether they are whole."""
        decoder = msgspec.json.Decoder(Entry)
        if self.path.exists():
            with self.path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.endswith(b"\n"):
                        try:
                            yield decoder.decode(line)
                        except (msgspec.DecodeError, UnicodeDecodeError) as error:
                            fix = "run `populace bounds audit` to see all that is damaged"
                            raise DataError(
                                "this is no record", file=self.path, row=number, fix=fix
                            ) from error

    def verify(self, seals: Sequence[Seal] | Seal = ()) -> Verified:
        """Read the whole chain and say what does not hold: see the module for what can be seen.

        Parameters
        ----------
        seals
            Seals made earlier and kept elsewhere.
        """
        given = (seals,) if isinstance(seals, Seal) else tuple(seals)
        # A writer between chain and head would look like a cut chain.
        with self._alone(make=False):
            return Reading(self.path, self._head_path, given).verified()

    def seal(self) -> Seal:
        """Give number and hash of the last record, to be kept where a hand on this folder does not reach."""
        with self._alone(make=False):
            if self.path.exists():
                self._follow()
                self._sync()
            return Seal(n=self._n, hash=self._hash)

    def export(self, path: str | os.PathLike[str]) -> int:
        """Write the records as a table (`.parquet`, `.csv`) or as they are (`.jsonl`); give how many.

        Raises
        ------
        DataError
            If the ending is another.
        """
        place, count = Path(path), 0
        if place.suffix == ".jsonl":
            with atomic_path(place) as beside, beside.open("wb") as out:
                for line in self.path.open("rb") if self.path.exists() else ():
                    if line.endswith(b"\n"):
                        out.write(line)
                        count += 1
            return count
        if place.suffix not in (".parquet", ".csv"):
            raise DataError("cannot write this kind of table", file=place, fix="use .parquet, .csv or .jsonl")
        frame = self.frame()
        lists = [name for name, kind in frame.schema.items() if kind.is_nested()]
        with atomic_path(place) as beside:
            if place.suffix == ".csv":
                frame.with_columns(frame[name].list.join(" ") for name in lists).write_csv(beside)
            else:
                frame.write_parquet(beside)
        return frame.height

    def frame(self) -> Any:
        """Give the records as a Polars frame, a row each."""
        import polars as pl

        kinds: dict[str, Any] = dict.fromkeys(Entry.__struct_fields__, pl.String)
        kinds |= dict.fromkeys(("n", "tier", "errors", "bytes_cut", "lost"), pl.Int64)
        kinds |= dict.fromkeys(("rules", "duties", "needed"), pl.List(pl.String)) | {"allowed": pl.Boolean}
        rows = [[getattr(entry, name) for name in kinds] for entry in self]
        return pl.DataFrame(rows, schema=kinds, orient="row")

    def close(self) -> None:
        """Force what was written to the disk, and close the files."""
        with self._turn:
            self._sync()
            self._drop()

    @contextmanager
    def _alone(self, *, make: bool = True) -> Iterator[None]:
        """Hold the audit against threads and processes."""
        with self._turn:
            if self._process != os.getpid():
                # A child has the handles, and with them the lock, of its parent.
                self._drop()
                self._process = os.getpid()
            if not make and not self.path.exists():
                yield
                return
            self._open()
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _open(self) -> None:
        if self._chain >= 0:
            return
        try:
            new = not self.path.exists()
            self.folder.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._lock = os.open(self.folder / "chain.lock", flags, 0o600)
            self._chain = os.open(self.path, flags, 0o600)
            self._head = os.open(self._head_path, flags, 0o600)
            if new:
                fsync_directory(self.folder)
        except OSError as error:
            self._drop()
            raise DataError(
                f"the audit cannot be opened ({error.strerror})",
                file=self.path,
                fix="check the folder's permissions",
            ) from error
        self._end = -1

    def _drop(self) -> None:
        for handle in (self._chain, self._head, self._lock):
            if handle >= 0:
                with suppress(OSError):
                    os.close(handle)
        self._chain = self._head = self._lock = -1
        self._end = -1

    def _follow(self) -> None:
        """Learn the last record, where another process has written since; remove a torn line."""
        size = os.fstat(self._chain).st_size
        if size == self._end:
            return
        start = max(size - _TAIL, 0)
        tail = os.pread(self._chain, size - start, start)
        whole = tail.rfind(b"\n") + 1
        torn = len(tail) - whole
        lines = tail[:whole].splitlines()
        self._n, self._hash = 0, START
        if lines:
            try:
                last = msgspec.json.decode(lines[-1], type=Entry)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise self._broken("its last line is no record") from error
            self._n, self._hash = last.n, last.hash
        elif torn and start:
            raise self._broken("its end is no record")
        named = Seal.read(os.pread(self._head, 256, 0))
        lost = max(named.n - self._n, 0) if named is not None else 0
        self._end = size - torn
        if torn:
            os.ftruncate(self._chain, self._end)
        if torn or lost:
            # Going on in silence would hide it, and stopping would leave decisions unwritten.
            self._write("mended", {"bytes_cut": torn, "lost": lost})

    def _write(self, event: Event, fields: dict[str, Any]) -> Entry:
        import rfc8785

        at = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        bare = Entry(n=self._n + 1, at=at, event=event, prev=self._hash, **fields)
        told: dict[str, Any] = msgspec.to_builtins(bare)
        told["hash"] = hashlib.sha256(rfc8785.dumps(told)).hexdigest()
        line = rfc8785.dumps(told) + b"\n"
        try:
            written = os.pwrite(self._chain, line, self._end)
            if written < len(line):
                raise OSError("the disk is full")
            os.pwrite(self._head, Seal(n=bare.n, hash=told["hash"]).written(), 0)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._chain, self._end)
            self._end = -1
            raise DataError(
                f"a record could not be written ({error.strerror or error})",
                file=self.path,
                fix="free some space",
            ) from error
        self._end += len(line)
        self._n, self._hash = bare.n, told["hash"]
        now = time.monotonic()
        if not self._unsynced:
            self._oldest = now
        self._unsynced += 1
        if self._unsynced >= self._sync_records or now - self._oldest >= self._sync_seconds:
            self._sync()
        return msgspec.structs.replace(bare, hash=told["hash"])

    def _sync(self) -> None:
        if self._unsynced and self._chain >= 0:
            os.fsync(self._chain)
            os.fsync(self._head)
        self._unsynced = 0

    def _broken(self, what: str) -> DataError:
        fix = "keep the folder, look at it with `populace bounds audit`, and give another for new records"
        return DataError(f"the audit's chain is damaged: {what}", file=self.path, fix=fix)


def _check(fields: dict[str, Any]) -> None:
    """Refuse what could be a text: every word is an id."""
    for name, value in fields.items():
        if name not in Entry.__struct_fields__ or name in (
            "n",
            "at",
            "event",
            "prev",
            "hash",
            "subject",
            "text",
        ):
            raise DataError(f"a record has no field {name!r} of the caller's", fix="use a field of Entry")
        for each in value if isinstance(value, tuple | list) else (value,):
            if isinstance(each, str) and each and not _TOKEN.fullmatch(each):
                raise DataError(
                    f"{name} holds what is no id", fix="an audit holds ids and hashes, never texts"
                )
