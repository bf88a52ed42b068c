"""What published search parameters miss, and other names under which guides use them.

`relationship` of DocumentReference is published with the expressions of its two parts exchanged. `List.authorOrg` of
PDSm looks at `List.extension`, while its profile has the extension on `List.source`: both are indexed.
"""

from __future__ import annotations

from typing import Any, Final

PARAMETERS: Final[tuple[dict[str, Any], ...]] = (
    {
        "resourceType": "SearchParameter",
        "url": "http://hl7.org/fhir/SearchParameter/DocumentReference-relationship",
        "name": "relationship",
        "status": "active",
        "description": "Target and kind of a relation to another document.",
        "code": "relationship",
        "base": ["DocumentReference"],
        "type": "composite",
        "expression": "DocumentReference.relatesTo",
        "component": [
            {"definition": "http://hl7.org/fhir/SearchParameter/DocumentReference-relatesto", "expression": "target"},
            {"definition": "http://hl7.org/fhir/SearchParameter/DocumentReference-relation", "expression": "code"},
        ],
    },
    {
        "resourceType": "SearchParameter",
        "url": "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-List-authorOrg",
        "name": "PDSmListAuthorOrg",
        "status": "active",
        "description": "Organisation of the author of a submission set or folder.",
        "code": "authorOrg",
        "base": ["List"],
        "type": "reference",
        "target": ["Organization"],
        "expression": (
            "List.extension('https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-authorOrg').value | "
            "List.source.extension('https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-authorOrg').value"
        ),
    },
)
"""Stand in place of the packages' parameters of the same url."""

ALIASES: Final[dict[tuple[str, str], str]] = {
    ("DocumentReference", "PDSm_isArchived"): "isArchived",
    ("List", "PDSm_isArchived"): "isArchived",
    ("DocumentReference", "PDSm_period-start"): "period-start",
    ("DocumentReference", "PDSm_period-end"): "period-end",
    ("DocumentReference", "PDSm_DocumentReference_period-start"): "period-start",
    ("DocumentReference", "PDSm_DocumentReference_period-end"): "period-end",
    ("List", "DesignationType"): "designationType",
    ("List", "SourceId"): "sourceId",
    ("List", "PatientAsSource"): "source",
    ("List", "PractitionerRoleAsSource"): "source",
    ("List", "PDSm_List_PatientAsSource"): "source",
    ("List", "PDSm_List_PractitionerRoleAsSource"): "source",
    ("List", "PDSm_authorOrg"): "authorOrg",
}
"""Names in text and CapabilityStatements of PDSm, MHD and PDSm4DMP for parameters whose SearchParameter has another
code."""

ABSENT_IS_FALSE: Final = frozenset({"https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter/PDSm-isArchived"})
"""Boolean parameters for which `false` also finds resources that do not say."""
