"""The demonstration's ordonnances carry every flag and mention that the mapping has, and no rule refuses them."""

from datetime import UTC, datetime

from fhirserver.demo import mentions, people
from fhirserver.prescription import checking, elements, facts, lines
from fhirserver.prescription.elements import Flag

NOW = datetime(2026, 6, 15, 9, tzinfo=UTC)
SAID = {
    "accompaniment-form", "execution-setting", "in-words", "line-quantity", "line-renewals", "prior-approval",
    "replaced-prescriber", "scheduled-surgery",
}  # fmt: skip


def test_together_they_use_every_flag_and_every_mention_of_the_mapping() -> None:
    found = [line for _, bundle in mentions.ordonnances(people.PRESCRIBER_RPPS, NOW) for line in lines.read_all(bundle)]
    assert {flag for line in found for flag in line.flags} == set(Flag)
    urls = {extension["url"] for line in found for extension in line.resource.get("extension", ())}
    assert {elements.url(name) for name in SAID} <= urls
    assert any(line.substitution_forbidden for line in found)
    assert any(line.resource.get("supportingInformation") for line in found)
    assert any("performer" in line.resource.get("dispenseRequest", {}) for line in found)
    assert any(line.validity[1] for line in found)


def test_no_rule_refuses_them() -> None:
    for name, bundle in mentions.ordonnances(people.PRESCRIBER_RPPS, NOW):
        contents = [entry["resource"] for entry in bundle["entry"]]
        near = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
        read = lines.read_all(bundle, resolve=near.get)
        measured = [each for each in contents if each["resourceType"] == "Observation"]
        known = facts.Facts(
            NOW.date(),
            facts.patient_facts(contents[0], measured),
            facts.prescriber_facts(contents[1], profession="10"),
        )
        assert (name, checking.refusals(read, known)) == (name, [])
