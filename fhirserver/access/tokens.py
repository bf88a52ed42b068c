"""Bearer tokens (RFC 6750): signed JWTs become callers.

A verified token is remembered by its digest until it expires, so that a signature is checked once in each process.
Claims: `iss`, `sub`, `aud`, `exp` (all required), `nbf`, `client_id`, `scope`, and those of docs/access.md
(`role`, `profession`, `rpps`, `structure`, `ins`, `name`, `purpose`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import jwt

from fhirserver.access import scopes
from fhirserver.access.caller import ROLE_OF_PROFESSION, Caller, Ins, Role
from fhirserver.access.keys import Key
from fhirserver.errors import Unauthenticated
from fhirserver.issues import Text

MAX_TOKEN: Final = 8192
"""Characters of a token beyond which it is not even looked at."""
_LEEWAY: Final = 30
_REMEMBERED: Final = 4096
_ROLES: Final = {role.value: role for role in Role}
_TEXTS: Final = ("role", "profession", "rpps", "structure", "representative", "dmp_mode")
"""Claims that say who asks, and as whom."""
_MODES: Final = ("normal", "emergency", "regulation")
_SYSTEM: Final = re.compile(r"[\w.:/-]{1,200}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9A-Z]{1,64}", re.ASCII)
"""An INS is looked for as it stands in the token: no sign in it may mean anything in a search."""
_EMERGENCIES: Final = ("BTG", "ETREAT")
"""Purposes of use (v3-ActReason) that break the glass."""


class Trust(NamedTuple):
    """Keys, and the issuers that are believed when they sign."""

    keys: Sequence[Key]
    issuers: Collection[str]


class Verifier:
    """Turns an Authorization header into a caller."""

    def __init__(self, trusts: Sequence[Trust], audience: str, clock: Callable[[], float] = time.time) -> None:
        self._trusts = trusts
        self._audience = audience
        self._clock = clock
        self._remembered: dict[bytes, tuple[float, Caller]] = {}

    def caller(self, authorization: str | None) -> Caller:
        """Return who presents `Authorization: Bearer …`.

        Raises:
            Unauthenticated: no token, or one that is malformed, expired, of an unknown issuer, wrongly signed.
        """
        if not authorization:
            raise _refusal("Jeton d'accès absent.", "No access token was sent.", None)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _refusal("Seul le schéma Bearer est accepté.", "Only the Bearer scheme is accepted.", None)
        return self.verify(token.strip())

    def verify(self, token: str) -> Caller:
        """Return who a token stands for; raises Unauthenticated."""
        digest = sha256(token.encode("utf-8", "replace")).digest()
        known = self._remembered.get(digest)
        if known is not None and known[0] > self._clock():
            return known[1]
        claims = self._claims(token)
        try:
            caller, until = _caller(claims), float(claims["exp"])
            "".join(caller.who().values()).encode()
        except (OverflowError, UnicodeEncodeError):
            raise _refusal("Une revendication du jeton est illisible.", "A claim of the token is unreadable.") from None
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[digest] = (until, caller)
        return caller

    def _claims(self, token: str) -> Mapping[str, Any]:
        if len(token) > MAX_TOKEN:
            raise _refusal("Jeton trop long.", "The token is too long.")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError):
            raise _refusal("Le jeton n'est pas un JWT lisible.", "The token is not a readable JWT.") from None
        expired = None
        for trust in self._trusts:
            for key in trust.keys:
                if header.get("alg") not in key.algorithms or (key.id and header.get("kid", key.id) != key.id):
                    continue
                try:
                    return self._decode(token, key, header["alg"], trust.issuers)
                except jwt.ExpiredSignatureError:
                    expired = _refusal("Le jeton a expiré.", "The token has expired.")
                except jwt.InvalidSignatureError:
                    continue
                except (jwt.PyJWTError, ValueError) as error:
                    said = _fault(error)
                    expired = _refusal(f"Jeton refusé : {said.fr}.", f"Token refused: {said.en}.")
        raise expired or _refusal(
            "La signature du jeton n'est d'aucune clé connue.", "The token's signature is of no known key."
        )

    def _decode(self, token: str, key: Key, algorithm: str, issuers: Collection[str]) -> Mapping[str, Any]:
        claims: dict[str, Any] = jwt.decode(
            token,
            key=key.public,
            algorithms=[algorithm],
            audience=self._audience,
            issuer=list(issuers),
            leeway=_LEEWAY,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        return claims


def _fault(error: Exception) -> Text:
    """Return what is wrong with the claims of a token that is rightly signed."""
    match error:
        case jwt.InvalidAudienceError():
            return Text("il n'est pas pour ce serveur (aud)", "it is not for this server (aud)")
        case jwt.InvalidIssuerError():
            return Text("son émetteur (iss) n'est pas reconnu ici", "its issuer (iss) is not believed here")
        case jwt.MissingRequiredClaimError():
            return Text(f"la revendication « {error.claim} » manque", f'the claim "{error.claim}" is missing')
        case jwt.ImmatureSignatureError():
            return Text("il n'est pas encore valable (nbf, iat)", "it does not hold yet (nbf, iat)")
    return Text(str(error), str(error))


def _caller(claims: Mapping[str, Any]) -> Caller:
    _require_texts(claims)
    profession = _string(claims, "profession")
    named = _string(claims, "role")
    role = _ROLES.get(named or "") or ROLE_OF_PROFESSION.get(profession or "")
    ins = claims.get("ins")
    if named and named not in _ROLES:
        raise _refusal(
            f"Le rôle « {named[:40]} » du jeton n'est pas connu (revendication « role »).",
            f'The role "{named[:40]}" of the token is not known (claim "role").',
        )
    if role is None:
        raise _refusal(
            "Le jeton ne dit ni rôle ni profession connus (revendications « role », « profession »).",
            'The token names no known role or profession (claims "role", "profession").',
        )
    if role is Role.PATIENT and not (
        isinstance(ins, Mapping)
        and _SYSTEM.fullmatch(str(ins.get("system", "")))
        and _NUMBER.fullmatch(str(ins.get("value", "")))
    ):
        raise _refusal(
            "Un jeton de patient porte son INS : système et numéro.",
            "A patient's token carries the INS: system and number.",
        )
    return Caller(
        subject=str(claims["sub"]),
        client=_string(claims, "client_id") or str(claims["sub"]),
        issuer=str(claims["iss"]),
        role=role,
        scopes=scopes.read(_string(claims, "scope") or ""),
        profession=profession,
        rpps=_string(claims, "rpps"),
        structure=_string(claims, "structure"),
        ins=Ins(str(ins["system"]), str(ins["value"])) if isinstance(ins, Mapping) else None,
        name=_string(claims, "name"),
        purpose=_string(claims, "purpose") or "TREAT",
        dmp_mode=_mode(claims),
        secret=claims.get("secret_connection") in (True, "true"),
        representative=_string(claims, "representative"),
    )


def _mode(claims: Mapping[str, Any]) -> str | None:
    """Return how a DMP client came to records: by `dmp_mode`, by Pro Santé Connect's claims, or by purpose of use.

    Raises:
        Unauthenticated: `dmp_mode` is none that is known.
    """
    named = _string(claims, "dmp_mode")
    if named is not None:
        if named not in _MODES:
            shown = ", ".join(_MODES)
            raise _refusal(f"dmp_mode inconnu ; connus : {shown}.", f"Unknown dmp_mode; known: {shown}.")
        return named
    if claims.get("Acces_Regulation_Medicale") in (True, "true"):
        return "regulation"
    if _string(claims, "Mode_Acces_Raison") or _string(claims, "purpose") in _EMERGENCIES:
        return "emergency"
    return None


def _require_texts(claims: Mapping[str, Any]) -> None:
    """Refuse a token one of whose claims is no text: to overlook it would give more than the issuer meant to.

    A representative whose number is not read would be the patient himself, a secret connection one that is told of.
    """
    wrong = [name for name in _TEXTS if claims.get(name) is not None and not isinstance(claims[name], str)]
    if not claims["sub"]:
        wrong.append("sub")
    if claims.get("secret_connection") not in (None, True, False, "true", "false"):
        wrong.append("secret_connection")
    if wrong:
        raise _refusal(
            f"Revendication illisible : {', '.join(wrong)} (un texte est attendu ; secret_connection : true ou false).",
            f"Unreadable claim: {', '.join(wrong)} (a text is expected; secret_connection: true or false).",
        )


def _string(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None


def _refusal(fr: str, en: str, error: str | None = "invalid_token") -> Unauthenticated:
    """RFC 6750, section 3: a request without a token gets no error code."""
    challenge = 'Bearer realm="fhirserver"' + (f', error="{error}"' if error else "")
    return Unauthenticated(Text(fr, en), headers={"WWW-Authenticate": challenge})
