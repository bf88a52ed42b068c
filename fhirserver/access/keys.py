"""Public keys that sign access tokens, and the one algorithm that each of them allows.

The algorithm comes from the key, never from the token, so that no token can choose `none` or have a public key
taken as an HMAC secret (RFC 8725, sections 3.1 and 3.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey

_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_SMALLEST_RSA = 2048


class KeyFileError(ValueError):
    """A key file that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: its id, and the algorithms that may be verified with it."""

    id: str | None
    public: PublicKey
    algorithms: tuple[str, ...]


def load(paths: Iterable[Path]) -> tuple[Key, ...]:
    """Read PEM public keys, PEM certificates, JWK and JWKS files.

    Raises:
        KeyFileError: unreadable, symmetric, or too weak.
    """
    keys: list[Key] = []
    for path in paths:
        try:
            data = path.read_bytes()
            keys += _from_json(data) if data.lstrip()[:1] == b"{" else [_from_pem(data)]
        except (OSError, ValueError, KeyError, UnsupportedAlgorithm, jwt.PyJWTError) as error:
            raise KeyFileError(f"{path}: {error}") from error
    return tuple(keys)


def _from_json(data: bytes) -> list[Key]:
    document = json.loads(data)
    found = []
    for item in document.get("keys", [document]):
        if item.get("use", "sig") != "sig":
            continue
        if item.get("kty") not in ("RSA", "EC", "OKP"):
            raise ValueError(f"key type {item.get('kty')!r} is not a public key")
        key: Any = jwt.PyJWK(item).key
        public = key.public_key() if hasattr(key, "private_bytes") else key
        found.append(Key(item.get("kid"), public, _algorithms(public)))
    if not found:
        raise ValueError("no signing key in it")
    return found


def _from_pem(data: bytes) -> Key:
    if b"BEGIN CERTIFICATE" in data:
        public: Any = load_pem_x509_certificate(data).public_key()
    else:
        public = load_pem_public_key(data)
    return Key(None, public, _algorithms(public))


def _algorithms(public: object) -> tuple[str, ...]:
    if isinstance(public, rsa.RSAPublicKey):
        if public.key_size < _SMALLEST_RSA:
            raise ValueError(f"an RSA key of {public.key_size} bits is too weak")
        return ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return (_CURVES[public.curve.name],)
    if isinstance(public, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return ("EdDSA",)
    raise ValueError("expected an RSA, P-256, P-384, P-521 or Ed25519 public key")
