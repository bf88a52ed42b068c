"""Receipts: what was delivered, signed by the server (JWS, RFC 7515), verifiable with the keys that it publishes.

`GET /.well-known/jwks.json` (RFC 7517) needs no token. The key is the installation's own, `receipt-key.pem` in its
state folder; the machines of one service share it. Former keys (`receipt-key-*.pem` beside it) sign nothing any more
and stay published: a receipt is kept longer than the key that signed it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fhirserver.access import signing

TYPE: Final = "prescription-receipt+jwt"


def signing_key(state: Path) -> ec.EllipticCurvePrivateKey:
    """Return the installation's key for receipts; raises ValueError as `signing.signing_key`."""
    return signing.signing_key(state / "receipt-key.pem")


def former_keys(state: Path) -> list[ec.EllipticCurvePublicKey]:
    """Return the keys that signed receipts before.

    Raises:
        ValueError: a file that holds no key of this kind; the text names it.
    """
    return [signing.public_key(path) for path in sorted(state.glob("receipt-key-*.pem"))]


def sign(key: ec.EllipticCurvePrivateKey, content: Mapping[str, Any]) -> str:
    """Return a receipt as a compact JWS."""
    return jwt.encode(dict(content), key, algorithm="ES256", headers={"kid": key_id(key.public_key()), "typ": TYPE})


def key_id(key: ec.EllipticCurvePublicKey) -> str:
    """Return the id of a key: a digest of it."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]


def published(state: Path) -> dict[str, Any]:
    """Return the JSON Web Key Set that the server publishes: the key that signs, then former ones.

    Raises:
        ValueError: a key file that cannot be used.
    """
    keys = {key_id(key): key for key in (signing_key(state).public_key(), *former_keys(state))}
    return {"keys": [_told(identity, key) for identity, key in keys.items()]}


def _told(identity: str, key: ec.EllipticCurvePublicKey) -> dict[str, Any]:
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
    return {**jwk, "kid": identity, "use": "sig", "alg": "ES256"}
