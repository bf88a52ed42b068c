from __future__ import annotations

from fhirserver.prescription.executor import Executor


def test_in_a_treatment_held_by_a_structure_whoever_works_there_holds_it() -> None:
    one, other = Executor("1", "S"), Executor("2", "S")
    assert other.same(one.key, by_structure=True)
    assert not other.same(one.key, by_structure=False)
    assert not Executor("2", "T").same(one.key, by_structure=True)
