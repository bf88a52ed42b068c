"""Secrets of one installation: made at first use, in files that only their owner reads."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

_LENGTH: Final = 32


def made_secret(path: Path) -> bytes:
    """Return 32 random bytes that stay the same.

    Raises:
        ValueError: the file holds fewer, with which anybody could guess it.
    """
    secret = kept(path, lambda: secrets.token_bytes(_LENGTH))
    if len(secret) < _LENGTH:
        raise ValueError(f"{path}: {_LENGTH} bytes are expected; remove it, and others are made")
    return secret


def kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return a file's content, making it first where it is missing.

    Several processes may come here at once: the first link wins, and all return what it wrote.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    return path.read_bytes()
