"""Which lines are alternatives, as a RequestGroup says."""

from typing import Any

from fhirserver.prescription.alternatives import RELATIONSHIP, concerns, pairs


def action(line: str, **more: Any) -> dict[str, Any]:
    return {"id": line, "resource": {"reference": f"MedicationRequest/{line}"}, **more}


def related(code: str | None, to: str) -> dict[str, Any]:
    extension = [{"url": RELATIONSHIP, "valueCode": code}] if code else []
    return {"relatedAction": [{"actionId": to, "relationship": "concurrent", "extension": extension}]}


def both(left: str, right: str) -> set[tuple[str, str]]:
    left, right = f"MedicationRequest/{left}", f"MedicationRequest/{right}"
    return {(left, right), (right, left)}


def test_a_related_action_marked_as_the_guide_does_is_an_alternative_both_ways() -> None:
    assert pairs({"action": [action("a", **related("ALT", "b")), action("b")]}) == both("a", "b")


def test_lines_that_only_go_together_are_no_alternatives() -> None:
    assert pairs({"action": [action("a", **related(None, "b")), action("b")]}) == set()
    assert pairs({"action": [action("a", **related("ALT", "unknown")), {"title": "à jeun"}]}) == set()


def test_of_a_group_of_which_one_is_selected_all_are_alternatives() -> None:
    chosen = {"selectionBehavior": "exactly-one", "action": [action("a"), action("b")]}
    assert pairs({"action": [chosen, action("c")]}) == both("a", "b")
    assert pairs({"action": [{**chosen, "selectionBehavior": "any"}]}) == set()


def test_a_group_is_of_the_prescription_whose_identifier_or_line_it_names() -> None:
    identifier = {"system": "s", "value": "1"}
    assert concerns({"groupIdentifier": identifier}, identifier, [])
    assert concerns({"action": [{"action": [action("a")]}]}, None, ["MedicationRequest/a"])
    assert not concerns({"groupIdentifier": identifier, "action": [action("a")]}, None, ["MedicationRequest/b"])
