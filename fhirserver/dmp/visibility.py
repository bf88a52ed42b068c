"""Who sees which document of a record: one pure function, which refuses unless a rule shows.

Sources: arrêté of 26 October 2023 (care team, consent, blocked professionals, habilitation by type), DMP homologation
(emergency and regulation access, EX_0.1-1100 on a minor's secret), NOS TRE_A07 (labels), PSDm4DMP (masked documents).
docs/dmp-access.md tells the same in words; tests/unit/dmp/visibility.json holds the table it is tested against.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from fhirserver.dmp import labels as label
from fhirserver.issues import Text

DELETED: Final = "entered-in-error"


class Part(StrEnum):
    """In which part somebody reads."""

    PROFESSIONAL = "professional"
    SOCIAL = "social"
    STRUCTURE = "structure"
    PATIENT = "patient"
    REPRESENTATIVE = "representative"
    NOBODY = "nobody"


class Mode(StrEnum):
    """How a professional came to the record."""

    NORMAL = "normal"
    EMERGENCY = "emergency"
    REGULATION = "regulation"


class State(StrEnum):
    """A record's state."""

    ABSENT = "absent"
    ACTIVE = "active"
    CLOSED = "closed"


class Habilitations(Protocol):
    """The matrix of professions and document types."""

    def grants(self, profession: str | None, document_type: str | None) -> bool:
        """Tell whether a profession may read a type."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, and what binds him to the record.

    Attributes:
        part: in which he reads.
        profession: code of TRE_G15.
        mode: how he came.
        secret: whether this is a minor's secret connection.
        treating: whether he is the patient's treating doctor.
        authorised: whether he belongs to the care team today, or has the patient's consent for this consultation.
        blocked: whether the patient has blocked him.
        represents: whether he is one of the patient's legal representatives.
    """

    part: Part
    profession: str | None = None
    mode: Mode = Mode.NORMAL
    secret: bool = False
    treating: bool = False
    authorised: bool = False
    blocked: bool = False
    represents: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """What of a document decides.

    Attributes:
        labels: visibility labels of TRE_A07.
        status: of the DocumentReference.
        type: its type code.
        archived: whether it is archived: which hides it from nobody, since archiving only sorts.
        own: whether the reader is among its authors.
    """

    labels: frozenset[str]
    status: str
    type: str | None
    archived: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """What the patient decided about the record.

    Attributes:
        state: of the record.
        reading, emergency, regulation: whether he opposes reading, emergency access, access by a regulation centre.
    """

    state: State
    reading: bool = False
    emergency: bool = False
    regulation: bool = False


class Decision(NamedTuple):
    """Whether a document is visible, and the key of the rule that says so."""

    visible: bool
    reason: str


REASONS: Final = {
    "no-record": Text("ce patient n'a pas de DMP", "this patient has no DMP"),
    "closed": Text("le DMP est fermé", "the DMP is closed"),
    "nobody": Text("le jeton ne dit pas qui lit", "the token does not say who reads"),
    "not-represented": Text("n'est pas représentant légal du patient", "is no legal representative of the patient"),
    "blocked": Text("le patient a bloqué ce professionnel", "the patient has blocked this professional"),
    "opposed": Text("le patient s'oppose à cette consultation", "the patient opposes this access"),
    "unauthorised": Text(
        "ni équipe de soins, ni consentement pour cette consultation",
        "neither care team, nor consent for this consultation",
    ),
    "deleted": Text("le document est supprimé", "the document is deleted"),
    "secret": Text(
        "la connexion secrète ne montre que les documents du secret du mineur",
        "a secret connection shows nothing but the documents of the minor's secret",
    ),
    "profession": Text("la profession ne lit pas ce type de document", "the profession does not read this type"),
    "masked": Text("le document est masqué aux professionnels", "the document is masked to professionals"),
    "invisible": Text("le document n'est pas visible du patient", "the document is not visible to the patient"),
    "representatives": Text(
        "le document n'est pas visible des représentants légaux",
        "the document is not visible to legal representatives",
    ),
    "author": Text("auteur du document", "author of the document"),
    "treating": Text("médecin traitant", "treating doctor"),
    "authorised": Text("équipe de soins ou consentement", "care team or consent"),
    "emergency": Text("bris de glace", "emergency access"),
    "regulation": Text("régulation (centre 15)", "regulation centre"),
    "patient": Text("le patient lui-même", "the patient himself"),
    "representative": Text("représentant légal", "legal representative"),
}
"""What each reason means."""


def decide(  # noqa: PLR0911 - one return for each rule
    reader: Reader, document: Document, standing: Standing, matrix: Habilitations
) -> Decision:
    """Decide whether a reader sees a document."""
    entry = enter(reader, standing)
    if reader.part is Part.PATIENT or reader.part is Part.REPRESENTATIVE:
        return _by_patient(entry, reader, document)
    if document.own and entry.reason in _OWN_OPEN and not (reader.secret and not _is_secret(document)):
        return Decision(visible=True, reason="author")
    if not entry.visible:
        return entry
    if document.status == DELETED:
        return Decision(visible=False, reason="deleted")
    if reader.secret and not _is_secret(document):
        return Decision(visible=False, reason="secret")
    if not matrix.grants(reader.profession, document.type):
        return Decision(visible=False, reason="profession")
    masks = {label.HIDDEN_FROM_PROFESSIONALS}
    if reader.part is Part.SOCIAL:
        masks.add(label.HIDDEN_FROM_SOCIAL_WORKERS)
    if document.labels & masks and not (reader.treating and reader.part is Part.PROFESSIONAL):
        return Decision(visible=False, reason="masked")
    return entry


def enter(reader: Reader, standing: Standing) -> Decision:  # noqa: C901, PLR0911, PLR0912 - one return for each rule
    """Decide whether a reader may open the record at all, whatever the document."""
    match standing.state:
        case State.ABSENT:
            return Decision(visible=False, reason="no-record")
        case State.CLOSED:
            return Decision(visible=False, reason="closed")
        case State.ACTIVE:
            pass
    match reader.part:
        case Part.NOBODY:
            return Decision(visible=False, reason="nobody")
        case Part.PATIENT:
            return Decision(visible=True, reason="patient")
        case Part.REPRESENTATIVE:
            if reader.represents:
                return Decision(visible=True, reason="representative")
            return Decision(visible=False, reason="not-represented")
        case Part.PROFESSIONAL | Part.SOCIAL | Part.STRUCTURE:
            pass
    if reader.blocked:
        return Decision(visible=False, reason="blocked")
    if not standing.reading and reader.authorised and reader.part is not Part.STRUCTURE:
        return Decision(visible=True, reason="authorised")
    if reader.part is not Part.PROFESSIONAL:
        return Decision(visible=False, reason="opposed" if standing.reading else "unauthorised")
    if not standing.reading and reader.treating:
        return Decision(visible=True, reason="treating")
    if reader.mode is Mode.NORMAL:
        return Decision(visible=False, reason="opposed" if standing.reading else "unauthorised")
    refused = standing.emergency if reader.mode is Mode.EMERGENCY else standing.regulation
    return Decision(visible=not refused, reason="opposed" if refused else reader.mode.value)


_OWN_OPEN: Final = frozenset({"treating", "authorised", "emergency", "regulation", "unauthorised"})
"""How the record may answer an author: his own documents need no authorisation, but an active record, no block, and
no opposition."""


def _by_patient(entry: Decision, reader: Reader, document: Document) -> Decision:
    if not entry.visible:
        return entry
    if document.status == DELETED:
        return Decision(visible=False, reason="deleted")
    if label.HIDDEN_FROM_PATIENT in document.labels:
        return Decision(visible=False, reason="invisible")
    third = {label.HIDDEN_FROM_REPRESENTATIVES, label.HIDDEN_FROM_THIRD_PERSONS}
    if reader.part is Part.REPRESENTATIVE and document.labels & third:
        return Decision(visible=False, reason="representatives")
    return entry


def _is_secret(document: Document) -> bool:
    return label.HIDDEN_FROM_REPRESENTATIVES in document.labels
