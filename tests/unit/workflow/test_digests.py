"""What tells the content of a push from another's."""

from __future__ import annotations

from typing import Any

from fhirserver.interactions.bundles import entries
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.workflow.digests import Digests, digests


def _told(*resources: tuple[str, dict[str, Any]]) -> Digests:
    listed = [
        {"fullUrl": url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        for url, resource in resources
    ]
    read = entries.read({"resourceType": "Bundle", "type": "transaction", "entry": listed}, "http://localhost/fhir", 99)
    return digests([entry for entry in read if isinstance(entry, Entry)])


def _patient(family: str = "DURAND") -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": family}]}


def _line(patient: str, text: str = "A") -> dict[str, Any]:
    return {"resourceType": "ServiceRequest", "subject": {"reference": patient}, "code": {"text": text}}


def test_neither_the_order_of_entries_nor_the_urns_that_name_them_tell_pushes_apart() -> None:
    first = _told(("urn:uuid:p", _patient()), ("urn:uuid:a", _line("urn:uuid:p")), ("urn:uuid:b", _line("x", "B")))
    again = _told(("urn:uuid:3", _line("x", "B")), ("urn:uuid:1", _patient()), ("urn:uuid:2", _line("urn:uuid:1")))
    assert again.whole == first.whole
    assert [again.entries[at] for at in (1, 2, 0)] == list(first.entries)
    assert len(set(first.entries)) == 3


def test_what_an_entry_holds_or_refers_to_tells_pushes_apart() -> None:
    pushed = _told(("urn:uuid:p", _patient()), ("urn:uuid:q", _patient("B")), ("urn:uuid:a", _line("urn:uuid:p")))
    others = [
        _told(("urn:uuid:p", _patient()), ("urn:uuid:q", _patient("B")), ("urn:uuid:a", _line("urn:uuid:q"))),
        _told(("urn:uuid:p", _patient()), ("urn:uuid:q", _patient("C")), ("urn:uuid:a", _line("urn:uuid:p"))),
        _told(("urn:uuid:p", _patient()), ("urn:uuid:q", _patient("B")), ("urn:uuid:a", _line("urn:uuid:p", "B"))),
        _told(("urn:uuid:p", _patient()), ("urn:uuid:a", _line("urn:uuid:p"))),
    ]
    assert len({pushed.whole, *(each.whole for each in others)}) == 5


def test_two_lines_of_one_of_two_equal_patients_are_not_one_line_of_each() -> None:
    patients = (("urn:uuid:p", _patient()), ("urn:uuid:q", _patient()))
    both = _told(*patients, ("urn:uuid:a", _line("urn:uuid:p")), ("urn:uuid:b", _line("urn:uuid:p")))
    each = _told(*patients, ("urn:uuid:a", _line("urn:uuid:p")), ("urn:uuid:b", _line("urn:uuid:q")))
    assert both.whole != each.whole


def test_what_refers_to_nothing_beside_it_is_known_again_alone() -> None:
    (alone,) = _told(("urn:uuid:1", _line("Patient/1"))).entries
    beside = _told(("urn:uuid:p", _patient()), ("urn:uuid:a", _line("urn:uuid:p")), ("urn:uuid:b", _line("Patient/1")))
    assert beside.entries[2] == alone
