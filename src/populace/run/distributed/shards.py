"""The shards of one task as one stream of calls, each answer going to its own shard's journal.

A small stage has a handful of calls a shard. Worked off one shard after the other, hardly anything would
be in flight; as one stream they fill the endpoint's window, and one dispatcher keeps its order, its
retries and its budget as in a local run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from populace.errors import JournalError
from populace.models.records import Failure
from populace.run.distributed.spool import read_shard, shard_name
from populace.run.journal import Journal, Record, Totals
from populace.run.journal_file import take_lock
from populace.run.order import Group

__all__ = ["Shards"]

_PATIENCE = 120.0
"""Seconds for which a worker waits for a shard's lock: a file server keeps a dead node's for about 90."""


class Shards:
    """Some shards' journals, held alone until closed; to a dispatcher they are one `Journal`.

    Parameters
    ----------
    folder
        The journal's folder, with the spool in it.
    numbers
        The shards.

    Raises
    ------
    JournalError
        As `Journal`; another process's lock is waited for first.
    """

    def __init__(self, folder: Path, numbers: Sequence[int]) -> None:
        self._folder = folder
        self._journals: dict[int, Journal] = {}
        self._owners: dict[str, Journal] = {}
        """Where the answers go of keys that were read and have none yet; no other key is for these shards
        to ask."""
        with ExitStack() as opened:
            for number in numbers:
                name = shard_name(number)
                _await_lock(folder / f"journal-{name}.lock")
                self._journals[number] = opened.enter_context(Journal(folder, shard=name))
            self._opened = opened.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def groups(self) -> Iterator[Group]:
        """Yield the groups of all shards, a shard after the other, as their journals need to know them."""
        for number, journal in self._journals.items():
            for group, own in read_shard(self._folder, number):
                self._owners.update(dict.fromkeys(own, journal))
                yield group

    def __contains__(self, key: str) -> bool:
        owner = self._owners.get(key)
        return owner is None or key in owner

    def failure(self, key: str) -> Failure | None:
        """Return the failure that stands for `key`, as `Journal` does."""
        owner = self._owners.get(key)
        return None if owner is None else owner.failure(key)

    def append(self, records: Iterable[Record]) -> None:
        """Write each record to the journal of the shard that has its key; an answer is written once."""
        parts: dict[Journal, list[Record]] = {}
        for record in records:
            # What was written before another shard's disk failed may be handed over again.
            if (owner := self._owners.get(record.result.key)) is not None:
                parts.setdefault(owner, []).append(record)
        for journal, part in parts.items():
            journal.append(part)
            for record in part:
                if not isinstance(record.result, Failure):
                    self._owners.pop(record.result.key, None)

    def sync(self) -> None:
        """Force what was appended to the disk."""
        for journal in self._journals.values():
            journal.sync()

    @property
    def totals(self) -> Mapping[str, Totals]:
        """What each stage took in each shard."""
        return {
            f"{number} {stage}": totals
            for number, journal in self._journals.items()
            for stage, totals in journal.totals.items()
        }


def _await_lock(path: Path) -> None:
    """Wait until no other process holds a shard: one that is dying, or cut off, may for a while."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            os.close(take_lock(path))
        except JournalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        except OSError:
            return  # opening the journal says what is wrong
        else:
            return
