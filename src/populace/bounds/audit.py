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

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from populace.atomic import atomic_path
from populace.bounds.audit_chain import Chain
from populace.bounds.audit_entry import Entry, Event, check, token
from populace.bounds.audit_keys import Keys
from populace.bounds.audit_reading import Reading, Seal, Verified
from populace.errors import DataError

if TYPE_CHECKING:
    from populace.bounds.decision import Decision

__all__ = ["Audit", "Entry", "Seal", "Verified"]


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
        self._chain = Chain(Path(folder), sync_records, sync_seconds)
        self._keys = Keys(self._chain.folder / "keys")

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._chain.folder

    @property
    def path(self) -> Path:
        """The file of the chain."""
        return self._chain.path

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
            If the event or a field is unknown, or a field holds what is no id; if the last line of the chain
            is no record; if the disk is full or the folder may not be written.
        """
        check(event, fields)
        with self._chain.alone():
            self._chain.follow()
            told = dict(fields)
            if subject is not None:
                told["subject"] = self._keys.subject(subject)
            if text is not None:
                told["text"] = self._keys.text(subject, text)
            return self._chain.write(event, told)

    def decision(self, decision: Decision, *, text: str | None = None, action: str = "") -> Entry:
        """Write a decision down: who, of what text, which rules; no word of either."""
        return self.append(
            "decision",
            subject=str(decision.user) or None,
            text=text,
            # Whoever asks for an action that there is not can write a text there.
            action=told if token(told := str(action or decision.action)) else "unknown",
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
        with self._chain.alone():
            self._chain.follow()
            if not self._keys.destroy(subject):
                return None
            entry = self._chain.write("forget", {})
            self._chain.sync()
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
        with self._chain.alone(make=False):
            return Reading(self.path, self._chain.head_path, given).verified()

    def seal(self) -> Seal:
        """Give number and hash of the last record, to be kept where a hand on this folder does not reach."""
        with self._chain.alone(make=False):
            return self._chain.last()

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
        self._chain.close()
