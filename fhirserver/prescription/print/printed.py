"""What a printed ordonnance shows, independent of its layout.

Required mentions: Code de la santé publique R5132-3 (prescriber, patient, medicines), R163-1-1 and the bizone form of
the Code de la sécurité sociale (long-term illness, ALD).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrintedPrescriber:
    """Who prescribes: every mention that identifies him, ready to print."""

    name: str
    quality: str
    identifiers: tuple[str, ...]
    address: tuple[str, ...] = ()
    telecoms: tuple[str, ...] = ()
    replaced: str | None = None
    """Whom a locum replaces."""


@dataclass(frozen=True, slots=True)
class PrintedPatient:
    """For whom: names, sex and birth date; weight and height where a rule asks for them."""

    name: str
    sex: str
    birth_date: str
    ins: str | None = None
    measures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PrintedLine:
    """One line: what, how, for how long, and its mentions.

    Attributes:
        title: denomination of the medicine, act or device.
        sentences: the posology, a sentence each (`posology.sentences`).
        mentions: renewals, quantity, "non substituable", work accident and so on, ready to print.
        long_term_illness: whether it belongs into the upper zone of the bizone form.
    """

    title: str
    sentences: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    long_term_illness: bool = False


@dataclass(frozen=True, slots=True)
class PrintedPrescription:
    """One ordonnance as it is handed to the patient.

    Attributes:
        number: of 18 characters; printed as a code and in clear.
        date: of drafting, as French prints it.
        bizone: whether the form has the two zones of a long-term illness.
        secured: whether "papier sécurisé" is asked for.
        mentions: mentions of the whole, such as the patient's opposition.
    """

    number: str
    date: str
    prescriber: PrintedPrescriber
    patient: PrintedPatient
    lines: tuple[PrintedLine, ...]
    bizone: bool = False
    secured: bool = False
    mentions: tuple[str, ...] = ()
