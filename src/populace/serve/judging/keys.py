"""The secret of a study, in a file beside its store and never in it.

A rater's link holds a token: 15 random bytes, or 15 bytes of a keyed hash of a panel's id, so that the same
person from the panel always has the same link. A rater's name in the store is a keyed hash of the
token. Who has the store alone can make no link, and cannot try out ids; without the file the hashes
can never be traced back to ids.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

from populace.errors import DataError

__all__ = ["Keys"]

_TOKEN, _SEAL = 15, 6
"""Bytes of a token's own part, and of the seal that tells ours from made-up ones."""


class Keys:
    """What only the server knows.

    Examples
    --------
    >>> keys = Keys(b"s" * 32, "admin")
    >>> token = keys.token_of("5f0c2a")
    >>> token == keys.token_of("5f0c2a"), keys.ours(token), keys.ours(token[:-1] + "x")
    (True, True, False)
    """

    def __init__(self, secret: bytes, admin: str) -> None:
        self._secret = secret
        self.admin = admin
        """Last part of the address of the researcher's page."""

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Keys:
        """Read the file of a study's keys, or make it, readable by its owner only.

        Raises
        ------
        DataError
            If it is missing and must not be made, or is damaged.
        """
        if create and not path.exists():
            made = {"secret": secrets.token_hex(32), "admin": secrets.token_urlsafe(18)}
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                _write_whole(path, json.dumps(made))
            except FileExistsError:
                pass  # another server of the same study was faster
            except OSError as error:
                raise DataError(f"the keys cannot be written ({error.strerror})", file=path) from error
        try:
            read = json.loads(path.read_text("utf-8"))
            return cls(bytes.fromhex(read["secret"]), str(read["admin"]))
        except FileNotFoundError as error:
            raise DataError(
                "the keys of this study are missing: no link that was given out would work",
                file=path,
                fix="put the file back, or name it with --keys",
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError("this is no file of keys", file=path, fix="put the right one back") from error

    @classmethod
    def none(cls) -> Keys:
        """Give keys that open nothing: for reading a study whose own were deleted."""
        return cls(secrets.token_bytes(32), secrets.token_urlsafe(18))

    @property
    def mark(self) -> str:
        """What a store keeps to know its keys by."""
        return self._mac("store", "")[:8].hex()

    def token_of(self, external: str) -> str:
        """Give the link of somebody a panel sent."""
        return self._sealed(self._mac("panel", external)[:_TOKEN])

    def new_token(self) -> str:
        """Draw the link of somebody who came without an id."""
        return self._sealed(secrets.token_bytes(_TOKEN))

    def ours(self, token: str) -> bool:
        """Whether this token was made here."""
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii"))
        except ValueError:
            return False
        return len(raw) == _TOKEN + _SEAL and hmac.compare_digest(self._sealed(raw[:_TOKEN]), token)

    def rater(self, token: str) -> str:
        """Give the name under which a token's owner is stored and exported."""
        return self._mac("rater", token)[:8].hex()

    def hidden(self, what: str, value: str) -> str:
        """Hash an id of a panel for the store."""
        return self._mac(what, value)[:8].hex()

    def form(self, rater: str, item: int, revision: int, order: str) -> str:
        """Give the id of a form: one answer, one revision of it, as it was shown."""
        return self._mac("form", f"{rater}/{item}/{revision}/{order}")[:12].hex()

    def is_admin(self, key: str) -> bool:
        """Whether this is the researcher's key."""
        return hmac.compare_digest(key.encode(), self.admin.encode())

    def _sealed(self, raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw + self._mac("seal", raw.hex())[:_SEAL]).decode()

    def _mac(self, purpose: str, text: str) -> bytes:
        return hmac.new(self._secret, f"{purpose}\0{text}".encode(), hashlib.sha256).digest()


def _write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, for its owner only; never replaces one."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)
        except FileExistsError:
            raise
        except OSError:  # no hard links in this file system
            if path.exists():
                raise FileExistsError(path) from None
            part.rename(path)
    finally:
        part.unlink(missing_ok=True)
