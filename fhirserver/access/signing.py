"""Keys with which this installation signs (ES256): on the curve P-256, in files that only their owner reads."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from fhirserver.access.secrets import kept

_WRITTEN: Final = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signing_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key of a file, made at first use.

    Raises:
        ValueError: a file that holds no such key; the text names it.
    """
    key = _read(path, kept(path, lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(*_WRITTEN)))
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path}: only a private key signs")  # noqa: TRY004 - of a file, not of an argument
    return key


def public_key(path: Path) -> ec.EllipticCurvePublicKey:
    """Return what verifies with the key of a file, private or public; raises ValueError as `signing_key`."""
    key = _read(path, path.read_bytes())
    return key.public_key() if isinstance(key, ec.EllipticCurvePrivateKey) else key


def _read(path: Path, data: bytes) -> ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(data) if b"BEGIN PUBLIC KEY" in data else load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{path}: {error}") from error
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError(f"{path}: a key on the curve P-256 is expected (ES256)")
