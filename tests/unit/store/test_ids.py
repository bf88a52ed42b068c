from __future__ import annotations

import re

import pytest

from fhirserver.store.kept import ids


def test_an_id_made_here_is_a_fhir_id_and_unlike_any_other() -> None:
    made = {ids.new_id("184127645108946") for _ in range(10_000)}
    assert len(made) == 10_000
    assert all(re.fullmatch(r"[A-Za-z0-9.\-]{1,64}", one) for one in made)


def test_ids_of_one_patient_share_a_bucket_that_the_id_alone_tells() -> None:
    first, second = ids.new_id("184127645108946"), ids.new_id("184127645108946")
    assert ids.bucket(first) == ids.bucket(second) == first[:3]
    assert ids.bucket(ids.id_beside(first)) == ids.bucket(first)


def test_buckets_of_patients_spread_evenly() -> None:
    buckets = {ids.bucket(ids.new_id(f"1841276451{number:05d}")) for number in range(10_000)}
    # of 10,000 balls in 32,768 urns, about 8,600 urns hold one at least
    assert 8_300 < len(buckets) < 8_900


@pytest.mark.parametrize("identity", ["1", "example", "abc-0123456789abcdefghij", "ABC-0123456789abcdefghj", "x" * 64])
def test_a_clients_own_id_has_the_bucket_of_its_hash(identity: str) -> None:
    assert re.fullmatch("[0-9a-hjkmnp-tv-z]{3}", ids.bucket(identity))
    assert ids.bucket(identity) == ids.bucket(identity)
    assert ids.key("Patient", identity) == f"{ids.bucket(identity)}/Patient/{identity}"


def test_an_id_beside_a_clients_own_id_lies_in_its_bucket() -> None:
    assert ids.bucket(ids.id_beside("example")) == ids.bucket("example")


def test_keys_of_versions_sort_by_number_and_between_the_keys_of_their_resource_and_the_next() -> None:
    versions = [ids.version_key("Patient", "a", number) for number in (1, 2, 10, 11, 100)]
    assert versions == sorted(versions)
    for neighbour in ("a-", "a.", "a1", "aA", "aa"):
        both = sorted([ids.key("Patient", "a"), f"{ids.bucket('a')}/Patient/{neighbour}", versions[0]])
        assert both.index(versions[0]) == both.index(ids.key("Patient", "a")) + 1
