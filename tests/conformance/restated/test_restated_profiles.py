"""The restated profiles constrain as the official ones do."""

from __future__ import annotations

import re

from fhirserver.definitions import Definitions
from tests.conformance.restated.packages import (
    FLAGS,
    PLAIN,
    VALUES,
    Json,
    official,
    own,
    restated,
)


def types(element: Json, *, versions: bool = True) -> list[Json]:
    def canonical(urls: list[str]) -> list[str]:
        return urls if versions else [url.partition("|")[0] for url in urls]

    return [
        {
            key: canonical(value) if key in ("profile", "targetProfile") else value
            for key, value in type_.items()
            if key != "extension"
        }
        for type_ in element.get("type", [])
    ]


def constraints(element: Json) -> list[tuple[str, str, str | None]]:
    """Return key, severity and expression; what an element inherits from its type may come in any order."""
    return sorted((c["key"], c["severity"], c.get("expression") or "") for c in element.get("constraint", []))


def facts(element: Json, *, versions: bool = True) -> Json:
    """Return what an element constrains, without any wording."""
    found = {key: element[key] for key in PLAIN if key in element}
    found |= {key: True for key in FLAGS if element.get(key)}
    found |= {key: value for key, value in element.items() if key.startswith(VALUES)}
    found["type"] = types(element, versions=versions)
    found["constraint"] = constraints(element)
    binding = element.get("binding", {})
    value_set = binding.get("valueSet", "")
    if binding.get("strength"):
        found["binding"] = (binding["strength"], value_set if versions else value_set.partition("|")[0])
    slicing = element.get("slicing")
    if slicing:
        found["slicing"] = (slicing.get("discriminator", []), slicing.get("ordered", False), slicing["rules"])
    return found


def differences(ours: list[Json], theirs: list[Json], *, versions: bool = True) -> list[str]:
    if [e["id"] for e in ours] != [e["id"] for e in theirs]:
        one, two = {e["id"] for e in ours}, {e["id"] for e in theirs}
        return [f"elements: only ours {sorted(one - two)}, only theirs {sorted(two - one)}, or another order"]
    found = []
    for mine, other in zip(ours, theirs, strict=True):
        a, b = facts(mine, versions=versions), facts(other, versions=versions)
        found += [
            f"{mine['id']}: {key}: {a.get(key)} is not {b.get(key)}"
            for key in sorted(a.keys() | b.keys())
            if a.get(key) != b.get(key)
        ]
    return found


def test_every_profile_and_data_type_of_the_official_packages_is_restated() -> None:
    expected = {
        url for (kind, url), it in official().items() if kind == "StructureDefinition" and it["kind"] != "logical"
    }
    assert expected - {url for kind, url in own() if kind == "StructureDefinition"} == set()


VITAL_SIGNS = "fr-core-observation-"
AMENDED = {
    "fr-inpatient-medicationrequest": {"MedicationRequest.medication[x]": "slicing"},
    VITAL_SIGNS: {"Observation.effective[x]": "constraint", "Observation.component": "binding"},
}
"""What published snapshots hold beyond their differentials: a closed slicing; vital signs as later corrected."""


def amended(identity: str, element: str) -> str | None:
    """Return the key that our differential states beside the official one for an element, if any."""
    for profile, elements in AMENDED.items():
        for name, key in elements.items():
            if identity.startswith(profile) and (
                element == name or re.fullmatch(rf"{name}(:\w+)?\.value\[x\]", element)
            ):
                return key
    return None


def as_published(mine: Json, other: Json) -> list[Json]:
    """Return our differential without what it amends."""
    theirs = {element["id"] for element in other["differential"]["element"]}
    found = []
    for element in mine["differential"]["element"]:
        key = amended(mine["id"], element["id"])
        kept = {name: value for name, value in element.items() if name != key}
        if key is None or element["id"] in theirs:
            found.append(kept)
        else:
            assert kept.keys() == {"id", "path"}
    return found


def test_each_restated_differential_has_the_constraints_of_the_official_one() -> None:
    found = {}
    for mine, other in restated("StructureDefinition"):
        keys = ("version", "name", "kind", "abstract", "type", "baseDefinition", "derivation", "context")
        heads = [f"{key}: {mine.get(key)} is not {other.get(key)}" for key in keys if mine.get(key) != other.get(key)]
        wrong = heads + differences(as_published(mine, other), other["differential"]["element"])
        if wrong:
            found[mine["id"]] = wrong
    assert found == {}


IN_SNAPSHOTS = ("path", "isSummary", "condition", "representation", "defaultValueCode", "mustSupport")
"""Keys that a snapshot inherits in one way or another, and that decide nothing about a resource."""


def decisive(element: Json) -> Json:
    found = {key: value for key, value in facts(element, versions=False).items() if key not in IN_SNAPSHOTS}
    for key, value in found.items():
        if key.endswith("Canonical"):
            found[key] = value.partition("|")[0]
    return found


def test_each_restated_snapshot_decides_as_the_official_one(
    restatement: Definitions, originals: Definitions, originals_made_here: Definitions
) -> None:
    """Where the published snapshot says something else, the official differential must, as our generator reads it.

    What our generator reads otherwise than the publisher's is listed, with reasons, in
    tests/unit/definitions/snapshot_differences.json.
    """
    found = []
    for mine, _ in restated("StructureDefinition"):
        ours, published, made = (
            {
                element["id"]: decisive(element)
                for element in (place.structure(mine["url"]) or {})["snapshot"]["element"]
            }
            for place in (restatement, originals, originals_made_here)
        )
        assert list(ours) in (list(published), list(made)), mine["id"]
        for identity, element in ours.items():
            references = [place[identity] for place in (published, made) if identity in place]
            found += [
                f"{mine['id']} {identity} {key}: {element.get(key)} is not {[r.get(key) for r in references]}"
                for key in set().union(element, *references)
                if all(element.get(key) != reference.get(key) for reference in references)
                and not only_vs_1(mine["id"], identity, key)
            ]
    assert found == []


def only_vs_1(profile: str, element: str, key: str) -> bool:
    """Whether this is the corrected vs-1, stated under a key of its own: a differential cannot replace a constraint."""
    return (profile.startswith(VITAL_SIGNS), element, key) == (True, "Observation.effective[x]", "constraint")
