"""Who executes what: kinds of execution, and the professions (TRE_G15) that each is open to.

Medicines: Code de la santé publique L4211-1 (pharmacists); biology: L6213-1; the others: their professions' own lists.
A line of one kind becomes part of one Task; a Task may be open to several professions.
"""

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


DOCTOR, PHARMACIST, DENTIST, MIDWIFE, NURSE = "10", "21", "40", "50", "60"

EXECUTORS: Final[dict[Kind, frozenset[str]]] = {
    Kind.PHARMACY: frozenset({PHARMACIST}),
    Kind.LABORATORY: frozenset({DOCTOR, PHARMACIST, "86"}),
    Kind.IMAGING: frozenset({DOCTOR, "98"}),
    Kind.NURSING: frozenset({NURSE, "69"}),
    Kind.PHYSIOTHERAPY: frozenset({"70"}),
    Kind.PODIATRY: frozenset({"80"}),
    Kind.SPEECH_THERAPY: frozenset({"91"}),
    Kind.ORTHOPTICS: frozenset({"92"}),
    Kind.OPTICS: frozenset({"28"}),
    Kind.HEARING_AID: frozenset({"26"}),
    Kind.ORTHOSIS: frozenset({PHARMACIST, "81", "82", "83", "84", "85"}),
    Kind.DEVICE_SUPPLY: frozenset({PHARMACIST, "28", "26", "81", "82", "83", "84", "85"}),
    Kind.MEDICAL_ACT: frozenset({DOCTOR, DENTIST, MIDWIFE}),
}

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


def may_execute(profession: str | None, kind: Kind) -> bool:
    """Whether a profession (code of TRE_G15) may execute lines of this kind."""
    return profession in EXECUTORS[kind]
