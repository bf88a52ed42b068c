"""The project's own statement of the French profiles accepts and rejects what the official packages do.

Compared with the official packages, wherever they lie in `../shared/packages` beside the checkout.
"""

from __future__ import annotations

import functools
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhirserver import jsontext
from fhirserver.definitions import Definitions, development
from fhirserver.fhirpath import Engine
from fhirserver.terminology import Terminology
from fhirserver.validation import Validator

ROOT = Path(__file__).parents[2]
PROFILES = ROOT / "profiles"
SHARED = ROOT.parent / "shared" / "packages"
VERDICTS = ROOT.parent / "shared" / "oracle" / "french.jsonl"
OFFICIAL = (
    "hl7.fhir.fr.core-2.1.0.tgz",
    "ihe.iti.mhd-4.2.3.tgz",
    "ans.fr.terminologies.extract-1.10.0.tgz",
    "ans.fhir.fr.annuaire-1.1.0.tgz",
    "ans.fhir.fr.pdsm-3.1.1.tgz",
    "ans.fhir.fr.eprescription-1.1.0-ballot.tgz",
)
KINDS = ("StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter")
PROSE = frozenset(
    [
        "short",
        "definition",
        "description",
        "comment",
        "requirements",
        "purpose",
        "title",
        "human",
        "meaningWhenMissing",
        "orderMeaning",
        "usage",
        "copyright",
        "isModifierReason",
        "label",
    ]
)
VALUES = ("fixed", "pattern", "minValue", "maxValue", "defaultValue")
FLAGS = ("mustSupport", "isModifier", "isSummary")
PLAIN = ("path", "sliceName", "min", "max", "contentReference", "maxLength", "representation", "condition")
Json = dict[str, Any]


@functools.cache
def official() -> dict[tuple[str, str], Json]:
    if not SHARED.is_dir():
        pytest.skip("the official packages are not here (../shared/packages)")
    found: dict[tuple[str, str], Json] = {}
    for name in OFFICIAL:
        with tarfile.open(SHARED / name) as archive:
            for entry in archive:
                kind, _, rest = entry.name.removeprefix("package/").partition("-")
                if kind in KINDS and rest.endswith(".json"):
                    stream = archive.extractfile(entry)
                    assert stream
                    definition = json.loads(stream.read())
                    found[kind, definition["url"]] = definition
    return found


@functools.cache
def own() -> dict[tuple[str, str], Json]:
    found = {}
    for path in sorted(PROFILES.glob("*/*.json")):
        definition = json.loads(path.read_text(encoding="utf-8"))
        found[definition["resourceType"], definition["url"]] = definition
    return found


def restated(kind: str) -> list[tuple[Json, Json]]:
    """Pair each of our definitions of a kind with the official one of the same url."""
    theirs = official()
    pairs = [(definition, theirs[key]) for key, definition in own().items() if key[0] == kind and key in theirs]
    assert pairs
    return pairs


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


@pytest.fixture(scope="module")
def restatement() -> Definitions:
    return development(PROFILES)


@pytest.fixture(scope="module")
def originals() -> Definitions:
    official()
    return development(*(SHARED / name for name in OFFICIAL))


@pytest.fixture(scope="module")
def originals_made_here(tmp_path_factory: pytest.TempPathFactory) -> Definitions:
    """Return the official profiles with the snapshots that the server's own generator makes of their differentials."""
    folder = tmp_path_factory.mktemp("differentials")
    manifest = {"name": "official.differentials", "version": "1", "dependencies": {"hl7.fhir.r4.core": "4.0.1"}}
    (folder / "package.json").write_text(json.dumps(manifest))
    for number, ((kind, _), definition) in enumerate(official().items()):
        if kind == "StructureDefinition" and definition["kind"] != "logical":
            plain = {key: value for key, value in definition.items() if key not in ("snapshot", "text")}
            (folder / f"{number}.json").write_text(json.dumps(plain))
    return development(folder)


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


def concepts(system: Json) -> Iterator[tuple[Any, ...]]:
    def walk(items: list[Json], parent: str | None) -> Iterator[tuple[Any, ...]]:
        for item in items:
            names = {d["value"] for d in item.get("designation", [])} | {item.get("display")}
            kept = ("status", "notSelectable", "deprecated", "deprecationDate", "dateFin", "subsumedBy")
            properties = [
                (p["code"], next(str(v) for k, v in p.items() if k.startswith("value")))
                for p in item.get("property", [])
                if p["code"] in kept
            ]
            yield item["code"], item.get("display"), parent, frozenset(names), tuple(properties)
            yield from walk(item.get("concept", []), item["code"])

    yield from walk(system.get("concept", []), None)


def test_each_restated_code_system_has_the_concepts_of_the_official_one() -> None:
    keys = ("version", "content", "caseSensitive", "hierarchyMeaning", "valueSet")
    wrong = [
        mine["id"]
        for mine, other in restated("CodeSystem")
        if list(concepts(mine)) != list(concepts(other)) or any(mine.get(k) != other.get(k) for k in keys)
    ]
    assert wrong == []


def expansion(value_set: Json, definitions: Definitions) -> list[tuple[Any, ...]]:
    """Return system, code and display of what a value set holds; a filter stands for itself."""
    found: list[tuple[Any, ...]] = []
    for part in ("include", "exclude"):
        for include in value_set["compose"].get(part, []):
            place = (part, include.get("system"), include.get("version"))
            found += [(*place, "value set", url) for url in include.get("valueSet", [])]
            found += [(*place, "filter", json.dumps(f, sort_keys=True)) for f in include.get("filter", [])]
            found += [(*place, c["code"], c.get("display")) for c in include.get("concept", [])]
            if "system" in include and not include.keys() & {"filter", "concept"}:
                system = definitions.find("CodeSystem", include["system"])
                found += [(*place, "all", None), *((*place, c[0], c[1]) for c in concepts(system or {}))]
    return found


def test_each_restated_value_set_expands_to_the_codes_of_the_official_one(
    restatement: Definitions, originals: Definitions
) -> None:
    wrong = [
        mine["id"]
        for mine, other in restated("ValueSet")
        if mine["version"] != other["version"] or expansion(mine, restatement) != expansion(other, originals)
    ]
    assert wrong == []


def test_each_restated_search_parameter_finds_what_the_official_one_finds() -> None:
    keys = [
        "version",
        "code",
        "base",
        "type",
        "expression",
        "target",
        "multipleOr",
        "multipleAnd",
        "comparator",
        "modifier",
        "chain",
        "component",
        "derivedFrom",
        "xpathUsage",
        "status",
    ]
    wrong = [
        (mine["id"], key)
        for mine, other in restated("SearchParameter")
        for key in keys
        if mine.get(key) != other.get(key)
    ]
    assert wrong == []
    assert len(restated("SearchParameter")) == 9


def test_what_the_profiles_bind_strictly_is_stated_wherever_the_official_packages_have_it() -> None:
    theirs = official()
    missing = set()
    for (kind, _), definition in own().items():
        if kind == "StructureDefinition":
            for element in definition["differential"]["element"]:
                binding = element.get("binding", {})
                url = binding.get("valueSet", "").partition("|")[0]
                strict = binding.get("strength") in ("required", "extensible")
                if strict and ("ValueSet", url) in theirs and ("ValueSet", url) not in own():
                    missing.add(url)
    assert missing == set()


def wording(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key in PROSE and isinstance(item, str):
                yield item
            elif key not in ("snapshot", "text"):
                yield from wording(item)
    elif isinstance(value, list):
        for item in value:
            yield from wording(item)


def words(text: str) -> str:
    return " " + " ".join(re.findall(r"\w+", text.casefold())) + " "


def test_no_sentence_of_the_official_texts_stands_in_the_restatement() -> None:
    sentences = {
        normal
        for definition in official().values()
        for text in wording(definition)
        for sentence in re.split(r"[.;:|\n]", text)
        if len((normal := words(sentence)).split()) >= 6
    }
    assert len(sentences) > 500
    mine = {words(text) for definition in own().values() for text in wording(definition)}
    whole = "\n".join(mine)
    assert [sentence for sentence in sentences if sentence in whole] == []


def test_the_validator_refuses_the_same_elements_with_the_restatement_as_with_the_official_packages(
    restatement: Definitions, originals: Definitions
) -> None:
    if not VERDICTS.is_file():
        pytest.skip("recorded cases are not here (../shared/oracle)")
    judges = [Validator(it, Terminology(it), Engine(it)) for it in (restatement, originals)]
    different = []
    for line in VERDICTS.read_bytes().splitlines():
        case = jsontext.read(line)
        profiles = [case["profile"]] if case.get("profile") else []
        mine, other = (
            {(it.code, it.expression) for it in judge.validate(case["resource"], profiles) if it.severity != "warning"}
            for judge in judges
        )
        if mine != other:
            different.append((case["id"], mine ^ other))
    assert different == []
