"""An identifier of what many resources have in common does not drive a search that names a patient."""

from __future__ import annotations

from fhirserver.search import INDEXES, Indexer, Registry, Rules, Searcher
from fhirserver.store import Draft, Store

SOURCE_ID = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourceId"


def test_the_submission_sets_of_a_patient_are_found_by_the_patient_not_by_the_source_of_all(
    store: Store, registry: Registry, indexer: Indexer, rules: Rules
) -> None:
    store.prepare(INDEXES)
    for number in range(150):  # more than a query may examine for nothing
        resource = {
            "resourceType": "List",
            "status": "current",
            "mode": "working",
            "subject": {"reference": f"Patient/{number}"},
            "extension": [{"url": SOURCE_ID, "valueIdentifier": {"value": "urn:oid:1.2.3"}}],
        }
        store.create(Draft(resource, index=indexer.extract(resource)))
    found = Searcher(store, registry, rules).ids("List", [("patient", "Patient/7"), ("sourceId", "urn:oid:1.2.3")])
    assert len(found) == 1
