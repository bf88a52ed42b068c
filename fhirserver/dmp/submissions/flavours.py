"""The flavours of a submission: which profiles its Bundle names, and which its resources must meet then."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

from fhirserver.dmp.names import MHD, PDSM


class Flavour(StrEnum):
    """How complete the metadata of a submission are, from the French rules to the fewest."""

    PDSM = "pdsm"
    COMPREHENSIVE = "comprehensive"
    UNCONTAINED = "uncontained"
    MINIMAL = "minimal"


class Profiles(NamedTuple):
    """Canonical urls of the profiles of one flavour."""

    bundle: str
    submission_set: str
    folder: str
    document: str


def _mhd(name: str, folder: str) -> Profiles:
    base = f"{MHD}/StructureDefinition/IHE.MHD."
    return Profiles(
        f"{base}{name}.ProvideBundle",
        f"{base}{name}.SubmissionSet",
        f"{base}{folder}.Folder",
        f"{base}{name}.DocumentReference",
    )


PROFILES: Final[dict[Flavour, Profiles]] = {
    Flavour.PDSM: Profiles(
        f"{PDSM}/pdsm-comprehensive-provide-document-bundle",
        f"{PDSM}/pdsm-submissionset-comprehensive",
        f"{PDSM}/pdsm-folder-comprehensive",
        f"{PDSM}/pdsm-comprehensive-document-reference",
    ),
    Flavour.COMPREHENSIVE: _mhd("Comprehensive", "Comprehensive"),
    Flavour.UNCONTAINED: _mhd("UnContained.Comprehensive", "Comprehensive"),
    Flavour.MINIMAL: _mhd("Minimal", "Minimal"),
}
BY_PROFILE: Final[dict[str, Flavour]] = {profiles.bundle: flavour for flavour, profiles in PROFILES.items()}
