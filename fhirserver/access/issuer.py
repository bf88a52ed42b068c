"""The demo issuer: a key of this installation, and the tokens that `fhirserver token` signs with it.

A sandbox's means to give each role a token at once; production believes the keys of its settings only.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from fhirserver.access.caller import Role
from fhirserver.access.keys import Key
from fhirserver.access.signing import signing_key

ISSUER: Final = "urn:fhirserver:demo"
LIFETIME: Final = 24 * 3600
"""Seconds; the demo promises twelve hours at least."""
TEST_INS: Final = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": "284058832102532"}

PERSONAS: Final[dict[str, dict[str, Any]]] = {
    "operator": {"role": Role.OPERATOR, "sub": "operator", "name": "Exploitant de démonstration"},
    "prescriber": {"profession": "10", "rpps": "10000421353", "name": "Dr Camille MARTIN", "structure": "1750000001"},
    "doctor": {"profession": "10", "rpps": "10000693076", "name": "Dr Louise BERNARD", "structure": "1750000019"},
    "pharmacist": {"profession": "21", "rpps": "10000582147", "name": "Hugo PETIT", "structure": "1750000027"},
    "nurse": {"profession": "60", "rpps": "10207777771", "name": "Inès ROBERT", "structure": "1750000035"},
    "hospital": {"role": Role.HOSPITAL, "structure": "1880007059", "name": "Hôpital de démonstration"},
    "laboratory": {"role": Role.LABORATORY, "structure": "1880780077", "name": "Laboratoire de démonstration"},
    "patient": {"role": Role.PATIENT, "ins": TEST_INS, "name": "Patient de démonstration"},
}
"""Claims of each demonstration role; all of them fictitious."""

SCOPES: Final = {"patient": "patient/*.rs", "operator": "system/*.cruds", "hospital": "system/*.cruds"}


def private_key(state: Path) -> ec.EllipticCurvePrivateKey:
    """Return the installation's signing key, made at first use in a file that only its owner reads.

    Raises:
        ValueError: a file that holds no such key; the text names it.
    """
    return signing_key(state / "demo-issuer.pem")


def public_key(state: Path) -> Key:
    """Return the demo issuer's public key."""
    return Key("demo", private_key(state).public_key(), ("ES256",))


def mint(state: Path, audience: str, persona: str, lifetime: int = LIFETIME, **claims: Any) -> str:
    """Return a signed token for a persona; `claims` replace or add to the persona's own."""
    now = int(time.time())
    body = {
        "iss": ISSUER,
        "sub": persona,
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + lifetime,
        "jti": secrets.token_hex(8),
        "client_id": "demo",
        "scope": SCOPES.get(persona, "user/*.cruds"),
        **PERSONAS[persona],
        **claims,
    }
    return jwt.encode(body, private_key(state), algorithm="ES256", headers={"kid": "demo"})
