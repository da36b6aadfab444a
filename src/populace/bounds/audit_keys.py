"""Keys of an audit's hashes: one for each person, destroyed when the person is forgotten.

A key is a file of 32 random bytes, named by a hash of the person that is itself keyed by the store's own key
(`own`), so that neither names of files nor the chain say who is there. A key is overwritten before it is
removed. A file system or a drive that keeps old blocks, a snapshot or a backup may hold it all the same:
keep `keys/` out of backups, or let them end.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path

from populace.atomic import fsync_directory
from populace.errors import DataError

__all__ = ["Keys"]

_SIZE = 32
_HELD = 4096
"""Keys kept in memory."""


class Keys:
    """The keys in a folder. Who calls holds the audit's lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = b""
        self._held: dict[Path, bytes] = {}

    def subject(self, name: str) -> str:
        """Give the number by which the chain knows a person; a new one for whom there is no key."""
        return _hashed(self._key(self._place(name), make=True), "subject")

    def known(self, name: str) -> str | None:
        """Give the number of a person for whom there is a key."""
        if not (self.folder / "own").exists():
            return None
        place = self._place(name)
        return _hashed(self._key(place), "subject") if place.exists() else None

    def text(self, name: str | None, text: str) -> str:
        """Hash a text by the key of whom it is about, else by the store's own."""
        place = self.folder / "own" if name is None else self._place(name)
        return _hashed(self._key(place, make=True), "text", text)

    def destroy(self, name: str) -> bool:
        """Destroy a person's key; say whether there was one."""
        if not (self.folder / "own").exists():
            return False
        place = self._place(name)
        self._held.pop(place, None)
        if not place.exists():
            return False
        with place.open("rb+") as handle:
            handle.write(bytes(_SIZE))
            os.fsync(handle.fileno())
        place.unlink()
        fsync_directory(self.folder)
        return True

    def _place(self, name: str) -> Path:
        if not self._own:
            self._own = self._key(self.folder / "own", make=True)
        return self.folder / _hashed(self._own, "file", name)

    def _key(self, place: Path, *, make: bool = False) -> bytes:
        # Another process may have destroyed it: what is held counts while the file is there.
        if place.exists():
            held = self._held.get(place)
            return held if held else self._keep(place, self._read(place))
        self._held.pop(place, None)
        if not make:
            raise DataError("this key is gone", file=place)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = secrets.token_bytes(_SIZE)
        # Beside, then by name: a killed process leaves no half a key.
        beside = place.with_name(f".{place.name}.new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, key)
            os.fsync(handle)
        finally:
            os.close(handle)
        beside.replace(place)
        fsync_directory(self.folder)
        return self._keep(place, key)

    def _read(self, place: Path) -> bytes:
        key = place.read_bytes()
        if len(key) != _SIZE or not any(key):
            # It was overwritten, and a kill came before it was removed.
            place.unlink()
            return self._key(place, make=True)
        return key

    def _keep(self, place: Path, key: bytes) -> bytes:
        if len(self._held) >= _HELD:
            self._held.clear()
        self._held[place] = key
        return key


def _hashed(key: bytes, what: str, text: str = "") -> str:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), key=key, person=what.encode(), digest_size=16
    ).hexdigest()
