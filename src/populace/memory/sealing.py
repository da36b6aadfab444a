"""Exports as files: JSON, under a password if one is given.

A file under a password is the line `populace-export 1`, a line of JSON with the settings of scrypt (RFC 7914)
and the nonce, then AES-256-GCM's ciphertext (NIST SP 800-38D); the two lines are authenticated with it.
"""

from __future__ import annotations

import os
import secrets
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec

from populace.errors import DataError

__all__ = ["is_sealed", "read_export", "write_export", "write_private"]

_MAGIC = b"populace-export 1\n"
_COST = {"n": 1 << 16, "r": 8, "p": 1}
"""Of scrypt: 64 MiB, about a fifth of a second."""
_MOST = 256 << 20
"""Bytes that scrypt may take for a file of somebody else's."""
_SALT, _NONCE = 16, 12


def write_export(path: str | PathLike[str], told: dict[str, Any], password: str | None = None) -> None:
    """Write an export as JSON, under a password if one is given; the file is whole or absent.

    Raises
    ------
    PopulaceError
        If there is a password and the extra `memory` is not installed.
    DataError
        If the password is empty, or the place cannot be written.
    """
    plain = msgspec.json.format(msgspec.json.encode(told), indent=2)
    write_private(path, plain if password is None else _sealed(plain, password))


def write_private(path: str | PathLike[str], data: bytes) -> None:
    """Write a file that is whole or absent, and open to its owner alone, as the store is.

    Raises
    ------
    DataError
        If the disk is full or the place may not be written.
    """
    from populace.atomic import atomic_path

    with atomic_path(path) as temporary:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)


def read_export(path: str | PathLike[str], password: str | None = None) -> dict[str, Any]:
    """Read what `write_export` wrote.

    Raises
    ------
    DataError
        If it is no export, or the password is wrong or missing.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"it cannot be read ({error.strerror})", file=path) from error
    if data.startswith(_MAGIC):
        if password is None:
            raise DataError("this export is under a password", file=path, fix="give the password")
        data = _opened(data, password, path)
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise DataError("this is no export", file=path) from error


def is_sealed(path: str | PathLike[str]) -> bool:
    """Say whether an export is under a password.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        with Path(path).open("rb") as opened:
            return opened.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise DataError(f"it cannot be read ({error.strerror})", file=path) from error


def _key(password: str, salt: bytes, cost: dict[str, int]) -> bytes:
    try:
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    except ImportError as error:
        from populace.memory.store import needs

        raise needs("memory", error) from error
    try:
        return Scrypt(salt=salt, length=32, **cost).derive(password.encode())
    except UnicodeEncodeError as error:
        raise DataError("the password is no text in UTF-8", fix="give another") from error


def _sealed(plain: bytes, password: str) -> bytes:
    if not password:
        raise DataError("the password is empty", fix="give one, or leave it out")
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    key = _key(password, salt, _COST)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    told = {"kdf": "scrypt", "cipher": "AES-256-GCM", **_COST, "salt": salt.hex(), "nonce": nonce.hex()}
    head = _MAGIC + msgspec.json.encode(told) + b"\n"
    return head + AESGCM(key).encrypt(nonce, plain, head)


def _opened(data: bytes, password: str, path: object) -> bytes:
    second = data.find(b"\n", len(_MAGIC)) + 1
    head, sealed = data[:second], data[second:]
    try:
        told = msgspec.json.decode(head[len(_MAGIC) :], type=dict[str, Any])
        cost = {name: int(told[name]) for name in _COST}
        salt, nonce = bytes.fromhex(told["salt"]), bytes.fromhex(told["nonce"])
        n, r, p = cost.values()
        fits = n > 1 and n & (n - 1) == 0 and 0 < r <= 32 and 128 * n * r <= _MOST and 0 < p <= 16
        if not fits or len(salt) != _SALT or len(nonce) != _NONCE:
            raise ValueError("settings of scrypt that no export has")
    except (KeyError, TypeError, ValueError, msgspec.DecodeError) as error:
        raise DataError("this is no export, or a damaged one", file=path) from error
    key = _key(password, salt, cost)
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(nonce, sealed, head)
    except InvalidTag as error:
        raise DataError("the password is wrong, or the file damaged", file=path) from error
