from __future__ import annotations

from fhirserver.store import Store, signing_keys


def test_a_machine_learns_which_keys_of_receipts_it_lacks(store: Store) -> None:
    assert signing_keys.missing(store, ["first"]) == []
    assert signing_keys.missing(store, ["second"]) == ["first"]
    assert signing_keys.missing(store, ["first"]) == ["second"]
    assert signing_keys.missing(store, ["second", "first"]) == []
