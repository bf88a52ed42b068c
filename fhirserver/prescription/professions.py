"""Kinds of execution; the professions (TRE_G15) that each is open to are data (`rules/data/executors.json`)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SYSTEM: Final = "https://mos.esante.gouv.fr/NOS/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"


class Kind(StrEnum):
    """One kind of execution; each kind among a prescription's lines makes one Task."""

    PHARMACY = "pharmacy"
    LABORATORY = "laboratory"
    IMAGING = "imaging"
    NURSING = "nursing"
    PHYSIOTHERAPY = "physiotherapy"
    PODIATRY = "podiatry"
    SPEECH_THERAPY = "speech-therapy"
    ORTHOPTICS = "orthoptics"
    OPTICS = "optics"
    HEARING_AID = "hearing-aid"
    ORTHOSIS = "orthosis"
    DEVICE_SUPPLY = "device-supply"
    MEDICAL_ACT = "medical-act"


HELD_FOR_THE_WHOLE_TREATMENT: Final = frozenset(
    {Kind.NURSING, Kind.PHYSIOTHERAPY, Kind.SPEECH_THERAPY, Kind.ORTHOPTICS, Kind.PODIATRY}
)
"""Kinds whose Task is held by a structure until the treatment ends, not for one delivery."""

LABELS: Final[dict[Kind, tuple[str, str]]] = {
    Kind.PHARMACY: ("pharmacie", "pharmacy"),
    Kind.LABORATORY: ("biologie médicale", "laboratory"),
    Kind.IMAGING: ("imagerie", "imaging"),
    Kind.NURSING: ("soins infirmiers", "nursing"),
    Kind.PHYSIOTHERAPY: ("kinésithérapie", "physiotherapy"),
    Kind.PODIATRY: ("pédicurie-podologie", "podiatry"),
    Kind.SPEECH_THERAPY: ("orthophonie", "speech therapy"),
    Kind.ORTHOPTICS: ("orthoptie", "orthoptics"),
    Kind.OPTICS: ("optique-lunetterie", "optics"),
    Kind.HEARING_AID: ("audioprothèse", "hearing aids"),
    Kind.ORTHOSIS: ("appareillage", "orthoses and prostheses"),
    Kind.DEVICE_SUPPLY: ("dispositifs médicaux", "device supply"),
    Kind.MEDICAL_ACT: ("actes médicaux", "medical acts"),
}
"""French and English name of each kind."""
