"""Who asks: what a verified token says about a client and the person or structure behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from fhirserver.access.scopes import Scope


class Role(StrEnum):
    """The part that a caller plays; the matrix of `access/matrix.py` says what each may do."""

    OPERATOR = "operator"
    PRESCRIBER = "prescriber"
    PHARMACIST = "pharmacist"
    CAREGIVER = "caregiver"
    LABORATORY = "laboratory"
    HOSPITAL = "hospital"
    PATIENT = "patient"


ROLE_OF_PROFESSION: dict[str, Role] = {
    "10": Role.PRESCRIBER,
    "40": Role.PRESCRIBER,
    "50": Role.PRESCRIBER,
    "21": Role.PHARMACIST,
    "26": Role.CAREGIVER,
    "28": Role.CAREGIVER,
    "31": Role.CAREGIVER,
    "35": Role.CAREGIVER,
    "60": Role.CAREGIVER,
    "69": Role.CAREGIVER,
    "70": Role.CAREGIVER,
    "80": Role.CAREGIVER,
    "81": Role.CAREGIVER,
    "82": Role.CAREGIVER,
    "83": Role.CAREGIVER,
    "84": Role.CAREGIVER,
    "85": Role.CAREGIVER,
    "91": Role.CAREGIVER,
    "92": Role.CAREGIVER,
    "93": Role.CAREGIVER,
    "94": Role.CAREGIVER,
    "95": Role.CAREGIVER,
    "96": Role.CAREGIVER,
    "98": Role.CAREGIVER,
    "86": Role.LABORATORY,
}
"""Professions (TRE_G15) that have a part here; a token of another profession opens nothing."""


class Ins(NamedTuple):
    """A patient's national health identity: identifier system (an OID as uri) and value."""

    system: str
    value: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A client, and for whom it asks.

    Attributes:
        subject: the token's subject.
        client: the software that asks (`client_id`, else the subject).
        issuer: who vouches for all this.
        role: decides, with the scopes, what is allowed.
        scopes: SMART scopes; what they do not name is not allowed.
        profession: code of TRE_G15.
        rpps: the professional's national id, 11 digits.
        structure: identifier of the organisation ("1" + FINESS, "3" + SIRET).
        ins: the patient who asks for himself.
        name: for display only.
        purpose: why (v3-PurposeOfUse code, such as TREAT).
        dmp_mode: how a DMP client came to records: `normal`, `emergency`, `regulation`; None: it is no DMP client by
            its token.
        secret: whether this is a minor's secret connection.
        representative: INS of the legal representative who asks for the patient of `ins`.
    """

    subject: str
    client: str
    issuer: str
    role: Role
    scopes: tuple[Scope, ...]
    profession: str | None = None
    rpps: str | None = None
    structure: str | None = None
    ins: Ins | None = None
    name: str | None = None
    purpose: str = "TREAT"
    dmp_mode: str | None = None
    secret: bool = False
    representative: str | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is hidden from the caller: an operator with a scope on all types."""
        return self.role is Role.OPERATOR and any(
            scope.type == "*" and "r" in scope.letters and "s" in scope.letters for scope in self.scopes
        )

    def who(self) -> dict[str, str]:
        """Return what an audit record says about the caller."""
        given = {
            "subject": self.subject,
            "client": self.client,
            "role": self.role.value,
            "profession": self.profession,
            "rpps": self.rpps,
            "structure": self.structure,
            "ins": self.ins.value if self.ins else None,
            "name": self.name,
            "mode": self.dmp_mode,
            "secret": "yes" if self.secret else None,
            "representative": self.representative,
        }
        return {key: value for key, value in given.items() if value}
