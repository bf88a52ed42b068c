"""Addresses that PDSm, MHD and the NOS terminologies give to what the DMP speaks of."""

from __future__ import annotations

from typing import Final

PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
MHD: Final = "https://profiles.ihe.net/ITI/MHD"
NOS: Final = "https://mos.esante.gouv.fr/NOS"

LIST_TYPES: Final = f"{MHD}/CodeSystem/MHDlistTypes"
DESIGNATION_TYPE: Final = f"{MHD}/StructureDefinition/ihe-designationType"
SOURCE_ID: Final = f"{MHD}/StructureDefinition/ihe-sourceId"
AUTHOR_ORGANIZATION: Final = f"{MHD}/StructureDefinition/ihe-authorOrg"
IS_ARCHIVED: Final = f"{PDSM}/pdsm-ext-is-archived"
SIMPLIFIED_PUBLISH: Final = f"{PDSM}/pdsm-simplified-publish"
COMPREHENSIVE_DOCUMENT: Final = f"{PDSM}/pdsm-comprehensive-document-reference"

URI: Final = "urn:ietf:rfc:3986"
"""System of identifiers whose value is a URI."""
NATIONAL_PROFESSIONAL: Final = "urn:oid:1.2.250.1.71.4.2.1"
NATIONAL_STRUCTURE: Final = "urn:oid:1.2.250.1.71.4.2.2"
RPPS: Final = "https://rpps.esante.gouv.fr"

CLASSES: Final = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
JDV_CLASSES: Final = f"{NOS}/JDV_J06-XdsClassCode-CISIS/FHIR/JDV-J06-XdsClassCode-CISIS"
JDV_TYPES: Final = f"{NOS}/JDV_J07-XdsTypeCode-CISIS/FHIR/JDV-J07-XdsTypeCode-CISIS"
JDV_FORMATS: Final = f"{NOS}/JDV_J10-XdsFormatCode-CISIS/FHIR/JDV-J10-XdsFormatCode-CISIS"
JDV_CONTENT_TYPES: Final = f"{NOS}/JDV_J03-XdsContentTypeCode-CISIS/FHIR/JDV-J03-XdsContentTypeCode-CISIS"
MIME_TYPE_SUFFICIENT: Final = "urn:ihe:iti:xds:2017:mimeTypeSufficient"
