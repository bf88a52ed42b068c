from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fhirserver.store import Draft, HistoryPage, HistoryQuery, Store, Stored


@pytest.fixture
def filled(store: Store) -> Store:
    """Three patients with three, two and one versions, an observation; the second patient is deleted."""
    for identity, count in (("a", 3), ("b", 2), ("c", 1)):
        for _ in range(count):
            store.transact(lambda tx, i=identity: tx.update(Draft({"resourceType": "Patient"}, id=i, method="PUT")))
    store.create(Draft({"resourceType": "Observation"}, id="o"))
    store.transact(lambda tx: tx.delete("Patient", "b", {}))
    return store


def names(versions: tuple[Stored, ...] | list[Stored]) -> list[str]:
    return [f"{version.type[0]}{version.id}{version.version}" for version in versions]


def everything(store: Store, query: HistoryQuery, size: int) -> list[Stored]:
    found: list[Stored] = []
    after = None
    while True:
        page: HistoryPage = store.history(HistoryQuery(query.type, query.id, query.since, query.at, size, after))
        assert len(page.versions) <= size
        found += page.versions
        if page.next is None:
            return found
        after = page.next


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_histories_list_every_version_once_newest_first_whatever_the_page(filled: Store, size: int) -> None:
    assert names(everything(filled, HistoryQuery("Patient", "a"), size)) == ["Pa3", "Pa2", "Pa1"]
    assert names(everything(filled, HistoryQuery("Patient"), size)) == ["Pb3", "Pc1", "Pb2", "Pb1", "Pa3", "Pa2", "Pa1"]
    assert names(everything(filled, HistoryQuery(), size))[:3] == ["Pb3", "Oo1", "Pc1"]
    assert filled.history_total(HistoryQuery("Patient")) == 7
    assert filled.history_total(HistoryQuery()) == 8
    assert names(everything(filled, HistoryQuery("Patient", "never"), size)) == []


@pytest.mark.parametrize("kind", ["Patient", None])
@pytest.mark.parametrize("since", [None, datetime(2020, 1, 1, tzinfo=UTC)])
def test_versions_of_one_commit_share_a_moment_and_are_still_paged_once_each(
    store: Store, kind: str | None, since: datetime | None
) -> None:
    """The test fails at its end where a page examines those of the pages before it."""
    for _ in range(2):
        store.transact(
            lambda tx: [tx.update(Draft({"resourceType": "Patient"}, id=f"x{n}", method="PUT")) for n in range(250)]
        )
    store.transact(lambda tx: tx.update(Draft({"resourceType": "Patient"}, id="x7", method="PUT")))
    found = names(everything(store, HistoryQuery(kind, since=since), 40))
    assert len(found) == len(set(found)) == 501


def test_since_lists_versions_written_at_that_moment_or_later(filled: Store) -> None:
    third = filled.vread("Patient", "b", 1)
    assert third is not None
    found = filled.history(HistoryQuery("Patient", since=third.updated)).versions
    assert names(found) == ["Pb3", "Pc1", "Pb2", "Pb1"]
    assert names(filled.history(HistoryQuery("Patient", "b", since=third.updated)).versions) == ["Pb3", "Pb2", "Pb1"]


def test_at_lists_versions_that_were_current_in_the_period(filled: Store) -> None:
    second, third = filled.vread("Patient", "a", 2), filled.vread("Patient", "a", 3)
    assert second is not None
    assert third is not None
    query = HistoryQuery("Patient", at=(second.updated, third.updated - timedelta(milliseconds=1)))
    assert names(filled.history(query).versions) == ["Pa2"]
    query = HistoryQuery("Patient", at=(second.updated, third.updated))
    assert names(filled.history(query).versions) == ["Pa3", "Pa2"]
    now = datetime.now(UTC) + timedelta(minutes=1)
    assert names(filled.history(HistoryQuery("Patient", at=(now, now))).versions) == ["Pb3", "Pc1", "Pa3"]


def test_a_version_superseded_while_its_history_is_paged_appears_once(store: Store) -> None:
    for identity in "abcdef":
        store.create(Draft({"resourceType": "Patient"}, id=identity))
    first = store.history(HistoryQuery("Patient", count=3))
    store.transact(lambda tx: tx.update(Draft({"resourceType": "Patient"}, id="a", method="PUT")))
    store.transact(lambda tx: tx.update(Draft({"resourceType": "Patient"}, id="e", method="PUT")))
    rest = store.history(HistoryQuery("Patient", count=3, after=first.next))
    assert names([*first.versions, *rest.versions]) == ["Pf1", "Pe1", "Pd1", "Pc1", "Pb1", "Pa1"]
