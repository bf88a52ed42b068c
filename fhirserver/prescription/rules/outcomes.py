"""What becomes of a line at one delivery: the outcomes, and what each asks for.

Sources: Code de la santé publique L5125-23 (substitution), L5125-23-2 (biosimilars), R5132-3 and following.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """How a line was executed; codes of `urn:fhirserver:CodeSystem:delivery-outcome`."""

    AS_IS = "as-is"
    GENERIC = "generic"
    HYBRID = "hybrid"
    BIOSIMILAR = "biosimilar"
    SHORTAGE = "shortage-replacement"
    CHANGED_DOSAGE = "changed-dosage"
    STAGED = "staged"
    NOT_DELIVERED = "not-delivered"


class NotDelivered(StrEnum):
    """Why a line was not delivered; codes of `urn:fhirserver:CodeSystem:not-delivered-reason`."""

    PATIENT_REFUSAL = "patient-refusal"
    PATIENT_HAS_IT = "patient-has-it"
    OUT_OF_STOCK = "out-of-stock"
    SHORTAGE = "shortage"
    CONTRAINDICATION = "contraindication"
    INTERACTION = "interaction"
    DOSAGE_IN_DOUBT = "dosage-in-doubt"
    SUSPECTED_FORGERY = "suspected-forgery"
    PRESCRIBER_DECISION = "prescriber-decision"
    LATE_PRESENTATION = "late-presentation"
    OTHER = "other"


SUBSTITUTIONS: Final = frozenset({Outcome.GENERIC, Outcome.HYBRID, Outcome.BIOSIMILAR})
LABELS: Final[dict[Outcome, tuple[str, str]]] = {
    Outcome.AS_IS: ("délivré tel quel", "delivered as is"),
    Outcome.GENERIC: ("remplacé par un générique", "replaced by a generic"),
    Outcome.HYBRID: ("remplacé par un hybride", "replaced by a hybrid"),
    Outcome.BIOSIMILAR: ("remplacé par un biosimilaire", "replaced by a biosimilar"),
    Outcome.SHORTAGE: ("remplacé pour rupture", "replaced because of a shortage"),
    Outcome.CHANGED_DOSAGE: ("délivré à un dosage modifié", "delivered in a changed dosage"),
    Outcome.STAGED: ("délivré en partie", "delivered in part"),
    Outcome.NOT_DELIVERED: ("non délivré", "not delivered"),
}
"""French and English name of each outcome."""
REASON_LABELS: Final[dict[NotDelivered, tuple[str, str]]] = {
    NotDelivered.PATIENT_REFUSAL: ("refus du patient", "refused by the patient"),
    NotDelivered.PATIENT_HAS_IT: ("le patient en dispose déjà", "the patient has it already"),
    NotDelivered.OUT_OF_STOCK: ("manque en stock", "out of stock"),
    NotDelivered.SHORTAGE: ("rupture d'approvisionnement", "supply shortage"),
    NotDelivered.CONTRAINDICATION: ("contre-indication", "contra-indication"),
    NotDelivered.INTERACTION: ("interaction médicamenteuse", "interaction"),
    NotDelivered.DOSAGE_IN_DOUBT: ("doute sur la posologie", "posology in doubt"),
    NotDelivered.SUSPECTED_FORGERY: ("suspicion de fausse ordonnance", "suspected forgery"),
    NotDelivered.PRESCRIBER_DECISION: ("décision du prescripteur", "the prescriber's decision"),
    NotDelivered.LATE_PRESENTATION: ("présentation tardive", "presented too late"),
    NotDelivered.OTHER: ("autre motif, précisé", "another reason, stated"),
}
"""French and English name of each reason."""
