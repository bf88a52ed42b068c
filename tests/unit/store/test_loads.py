from __future__ import annotations

from fhirserver.store import Store
from fhirserver.store.loads import Journal


def test_a_load_that_was_cut_off_goes_on_in_the_database_that_it_was_of(store: Store) -> None:
    first = Journal(store, "a", again=False)
    assert not first.has(0)
    first.done(0)
    first.done(2)
    resumed = Journal(store, "a", again=False)
    assert [resumed.has(number) for number in range(3)] == [True, False, True]
    assert not Journal(store, "b", again=False).has(0)
    store.client.drop_database(store.database.name)
    assert not Journal(store, "a", again=False).has(0), "what was done is gone with its database"


def test_a_load_that_is_complete_or_begun_anew_remembers_nothing(store: Store) -> None:
    Journal(store, "a", again=False).done(0)
    assert not Journal(store, "a", again=True).has(0)
    done = Journal(store, "a", again=False)
    done.done(1)
    done.close()
    assert not Journal(store, "a", again=False).has(1)
