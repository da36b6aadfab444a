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


class Keys:
    """The keys in a folder. Who calls holds the audit's lock, but for `known`.

    A key is read each time that it is used: held in memory, one that another process destroyed would go on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def subject(self, name: str) -> str:
        """Give the number by which the chain knows a person; a new one for whom there is no key."""
        return _hashed(self._key(self._place(name)), "subject")

    def known(self, name: str) -> str | None:
        """Give the number of a person for whom there is a key."""
        own = _read(self.folder / "own")
        key = own and _read(self.folder / _hashed(own, "file", name))
        return _hashed(key, "subject") if key else None

    def text(self, name: str | None, text: str) -> str:
        """Hash a text by the key of whom it is about, else by the store's own."""
        place = self.folder / "own" if name is None else self._place(name)
        return _hashed(self._key(place), "text", text)

    def destroy(self, name: str) -> bool:
        """Destroy a person's key; say whether there was one."""
        own = _read(self.folder / "own")
        if own is None:
            return False
        place = self.folder / _hashed(own, "file", name)
        if not place.exists():
            return False
        with place.open("rb+") as handle:
            handle.write(bytes(_SIZE))
            os.fsync(handle.fileno())
        place.unlink()
        fsync_directory(self.folder)
        return True

    def _place(self, name: str) -> Path:
        return self.folder / _hashed(self._key(self.folder / "own"), "file", name)

    def _key(self, place: Path) -> bytes:
        # One that was overwritten, and not removed before a kill, is none.
        found = _read(place)
        if found is not None:
            return found
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
        return key


def _read(place: Path) -> bytes | None:
    """Read a key; None where there is none, or where it was overwritten."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        fix = "check the folder's permissions"
        raise DataError(
            f"a key of the audit cannot be read ({error.strerror})", file=place.parent, fix=fix
        ) from error
    try:
        key = os.read(handle, _SIZE + 1)
    finally:
        os.close(handle)
    return key if len(key) == _SIZE and any(key) else None


def _hashed(key: bytes, what: str, text: str = "") -> str:
    return hashlib.blake2b(
        text.encode("utf-8", "surrogatepass"), key=key, person=what.encode(), digest_size=16
    ).hexdigest()
