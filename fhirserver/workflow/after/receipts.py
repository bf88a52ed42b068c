"""Receipts: what was delivered, signed by the server (JWS, RFC 7515), verifiable with the keys that it publishes.

`GET /.well-known/jwks.json` (RFC 7517) needs no token. The key is the installation's own, in its state folder; the
machines of one service share it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from fhirserver.access.secrets import kept

TYPE: Final = "prescription-receipt+jwt"
_WRITTEN: Final = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signing_key(state: Path) -> ec.EllipticCurvePrivateKey:
    """Return the installation's key for receipts, made at first use in a file that only its owner reads."""
    path = state / "receipt-key.pem"
    data = kept(path, lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(*_WRITTEN))
    key = load_pem_private_key(data, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic curve key")
    return key


def sign(key: ec.EllipticCurvePrivateKey, content: Mapping[str, Any]) -> str:
    """Return a receipt as a compact JWS."""
    return jwt.encode(dict(content), key, algorithm="ES256", headers={"kid": key_id(key), "typ": TYPE})


def key_id(key: ec.EllipticCurvePrivateKey) -> str:
    """Return the id of a key: a digest of the public part."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()[:16]


def published(key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    """Return the JSON Web Key Set that the server publishes."""
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    return {"keys": [{**jwk, "kid": key_id(key), "use": "sig", "alg": "ES256"}]}
