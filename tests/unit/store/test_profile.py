from __future__ import annotations

import pytest

from fhirserver.store import Draft, Store
from fhirserver.store.profile import wasteful


@pytest.mark.wasteful("shows that the watch sees it")
def test_a_query_that_scans_or_examines_much_for_little_is_reported(store: Store) -> None:
    store.transact(lambda tx: [tx.create(Draft({"resourceType": "Basic"}, index={"n": n})) for n in range(200)])
    store.find({"t": "Basic", "live": True})
    assert wasteful(store.database) == []
    store.find({"s.n": 3})
    store.find({"t": "Basic", "live": True, "s.n": 3})
    faults = wasteful(store.database)
    assert len(faults) == 2
    assert any("scans the collection" in fault for fault in faults)
    assert any("examines 200 for 1 results" in fault for fault in faults)
