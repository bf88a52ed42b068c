"""All that the CapabilityStatement of a live server declares is called: types, parameters, operations, formats."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import Client
from tests.http.smallest import Smallest

GROUPS = 6
VALUES = {
    "token": "mot", "string": "mot", "date": "2026-01-02", "reference": "Patient/1", "number": "1", "quantity": "1",
    "uri": "http://example.org/mot", "special": "48.8|2.3|1|km",
}  # fmt: skip
PATCHES: dict[str, Callable[[str], Any]] = {
    "application/json-patch+json": lambda kind: [{"op": "add", "path": "/language", "value": "fr"}],
    "application/merge-patch+json": lambda kind: {"language": "fr"},
    "application/json": lambda kind: [{"op": "add", "path": "/language", "value": "fr"}],
    "application/xml-patch+xml": lambda kind: (
        f'<diff xmlns:f="http://hl7.org/fhir"><add sel="f:{kind}" pos="prepend"><language xmlns="http://hl7.org/fhir" '
        'value="fr"/></add></diff>'
    ).encode(),
    "application/fhir+json": lambda kind: {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "add"},
                    {"name": "path", "valueString": kind},
                    {"name": "name", "valueString": "language"},
                    {"name": "value", "valueCode": "fr"},
                ],
            }
        ],
    },
    "application/fhir+xml": lambda kind: (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
        '<part><name value="type"/><valueCode value="add"/></part>'
        f'<part><name value="path"/><valueString value="{kind}"/></part>'
        '<part><name value="name"/><valueString value="language"/></part>'
        '<part><name value="value"/><valueCode value="fr"/></part></parameter></Parameters>'
    ).encode(),
}


OTHERWISE = {"List": ["PDSm_List_PatientAsSource", "PDSm_List_PractitionerRoleAsSource"]}
"""Names of people behind a reference: asked for by a chain (docs/dmp.md), which needs no parameter of its own."""


@pytest.fixture(scope="session")
def smallest() -> Smallest:
    return Smallest()


@pytest.fixture(scope="session")
def statement(as_role: Callable[[str], Client]) -> dict[str, Any]:
    read: dict[str, Any] = as_role("operator").get("metadata").json()
    return read


def resources(statement: dict[str, Any], group: int) -> list[dict[str, Any]]:
    declared: list[dict[str, Any]] = statement["rest"][0]["resource"]
    assert len(declared) >= 140
    return declared[group::GROUPS]


class Life:
    """One resource of a type, on which the interactions of instances are called."""

    def __init__(self, client: Client, kind: str, resource: dict[str, Any]) -> None:
        self.client, self.kind, self.resource = client, kind, resource
        self.path = ""

    def create(self) -> int:
        answer = self.client.post(self.kind, self.resource)
        assert answer.status_code == 201, answer.text
        self.path = answer.headers["Location"].split("/fhir/")[1].split("/_history")[0]
        self.resource["id"] = self.path.split("/")[1]
        return answer.status_code

    def call(self, interaction: str) -> int:
        calls: dict[str, Callable[[], int]] = {
            "read": lambda: self.client.get(self.path).status_code,
            "vread": lambda: self.client.get(f"{self.path}/_history/1").status_code,
            "update": lambda: self.client.put(self.path, {**self.resource, "language": "en"}).status_code,
            "patch": lambda: (
                self.client.patch(self.path, {"language": "fr"}, Content_Type="application/json").status_code
            ),
            "history-instance": lambda: self.client.get(f"{self.path}/_history").status_code,
            "history-type": lambda: self.client.get(f"{self.kind}/_history?_count=1").status_code,
            "search-type": lambda: self.client.get(f"{self.kind}?_id={self.resource['id']}").status_code,
            "delete": lambda: self.client.delete(self.path).status_code,
        }
        return calls[interaction]()


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_interaction_of_every_type_is_there(
    operator: Client, statement: dict[str, Any], smallest: Smallest, group: int
) -> None:
    for declared in resources(statement, group):
        kind = declared["type"]
        life = Life(operator, kind, smallest.of(kind))
        interactions = [each["code"] for each in declared["interaction"]]
        assert "create" in interactions
        life.create()
        for interaction in sorted(set(interactions) - {"create", "delete"}):
            assert life.call(interaction) == 200, (kind, interaction)
        if declared["conditionalRead"] == "full-support":
            etag = operator.get(life.path).headers["ETag"]
            assert operator.get(life.path, If_None_Match=etag).status_code == 304, kind
        criteria = f"_id={life.resource['id']}"
        if declared["conditionalCreate"]:
            assert operator.post(kind, life.resource, If_None_Exist=criteria).status_code == 200, kind
        if declared["conditionalUpdate"]:
            assert operator.put(f"{kind}?{criteria}", life.resource).status_code == 200, kind
        if "delete" in interactions:
            assert life.call("delete") in (200, 204), kind
        if declared["conditionalDelete"] != "not-supported":
            assert operator.delete(f"{kind}?{criteria}").status_code in (200, 204), kind


@pytest.mark.wasteful("includes look through all that other tests wrote of the same people")
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_search_parameter_and_include_of_every_type_is_there(
    operator: Client, statement: dict[str, Any], smallest: Smallest, group: int
) -> None:
    asked = [
        (declared["type"], f"{declared['type']}?{query}&_count=1&_total=none")
        for declared in resources(statement, group)
        for query in (
            *(f"{each['name']}={value_of(each, smallest)}" for each in declared["searchParam"]),
            *(f"_include={each}" for each in declared.get("searchInclude", ())),
            *included_back(declared.get("searchRevInclude", [])),
        )
    ]
    for start in range(0, len(asked), 200):
        part = asked[start : start + 200]
        batch = {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [{"request": {"method": "GET", "url": url}} for _, url in part],
        }
        answers = operator.post("", batch).json()["entry"]
        refused = [
            (url, answer["response"].get("outcome", {}).get("issue"))
            for (_, url), answer in zip(part, answers, strict=True)
            if answer["response"]["status"] != "200 OK"
        ]
        assert refused == []


def included_back(declared: list[str]) -> Iterator[str]:
    """Yield queries that name all of them, each as many as a search takes."""
    for start in range(0, len(declared), 50):
        yield "&".join(f"_revinclude={each}" for each in declared[start : start + 50])


def value_of(parameter: dict[str, Any], smallest: Smallest) -> str:
    if parameter["type"] == "composite":
        return "$".join(VALUES[kind] for kind in smallest.components(parameter["definition"]))
    return VALUES[parameter["type"]]


def test_every_interaction_of_the_system_is_there(operator: Client, statement: dict[str, Any]) -> None:
    entry = {"request": {"method": "GET", "url": "Patient?_count=1"}}

    def post(kind: str) -> int:
        return operator.post("", {"resourceType": "Bundle", "type": kind, "entry": [entry]}).status_code

    calls: dict[str, Callable[[], int]] = {
        "transaction": lambda: post("transaction"),
        "batch": lambda: post("batch"),
        "history-system": lambda: operator.get("_history?_count=1").status_code,
        "search-system": lambda: operator.get("?_type=Patient&_count=1").status_code,
    }
    declared = [each["code"] for each in statement["rest"][0]["interaction"]]
    assert declared
    assert {name: calls[name]() for name in declared} == dict.fromkeys(declared, 200)


def test_every_operation_is_there_and_has_a_definition(operator: Client, statement: dict[str, Any]) -> None:
    rest = statement["rest"][0]
    levels = [("", rest["operation"])] + [(each["type"], each.get("operation", [])) for each in rest["resource"]]
    assert sum(len(operations) for _, operations in levels) > 100
    for kind, operations in levels:
        for each in operations:
            assert each["definition"].startswith(("http", "urn:fhirserver:"))
            name = each["name"]
            paths = [f"{kind}/${name}".lstrip("/"), *([f"{kind}/nobody/${name}"] if kind else [])]
            answers = [operator.post(path, {"resourceType": "Parameters"}) for path in paths]
            rules = [rule_of(answer) for answer in answers]
            assert all(answer.status_code < 500 for answer in answers), (paths, rules)
            assert any(rule not in ("unknown-operation", "unknown-route", "method") for rule in rules), (paths, rules)


def test_each_operation_of_the_project_has_a_definition_that_says_where_it_is_invoked(
    statement: dict[str, Any],
) -> None:
    rest = statement["rest"][0]
    levels = [("", rest["operation"])] + [(each["type"], each.get("operation", [])) for each in rest["resource"]]
    invoked: dict[str, set[str]] = {}
    for kind, operations in levels:
        for each in operations:
            if each["definition"].startswith("urn:fhirserver:"):
                invoked.setdefault(each["definition"], set()).add(kind)
    folder = Path(__file__).parents[2] / "profiles" / "OperationDefinition"
    kept = {each["url"]: each for each in (json.loads(path.read_text()) for path in folder.glob("*.json"))}
    assert set(kept) == set(invoked)
    every = {each["type"] for each in rest["resource"]}
    for url, kinds in invoked.items():
        stated = kept[url].get("resource", [])
        assert kept[url]["system"] is ("" in kinds), url
        assert (every if stated == ["Resource"] else set(stated)) == kinds - {""}, url


def rule_of(answer: Any) -> str:
    if answer.status_code < 400:
        return ""
    coding = answer.json()["issue"][0]["details"].get("coding", [{}])
    return str(coding[0].get("code", ""))


def test_every_format_is_read_and_written(operator: Client, statement: dict[str, Any]) -> None:
    created = operator.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}}).json()
    for name in statement["format"]:
        media = name if "/" in name else f"application/fhir+{name}"
        for answer in (
            operator.get(f"Basic/{created['id']}", Accept=media),
            operator.get(f"Basic/{created['id']}?_format={name}"),
        ):
            assert answer.status_code == 200
            assert answer.headers["Content-Type"].startswith(media), name
            assert operator.post("Basic", answer.content, Content_Type=media).status_code == 201


def test_every_patch_format_changes_a_resource(operator: Client, statement: dict[str, Any]) -> None:
    assert statement["patchFormat"]
    for media in statement["patchFormat"]:
        created = operator.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}}).json()
        body = PATCHES[media]("Basic")
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = operator.patch(f"Basic/{created['id']}", data, Content_Type=media)
        assert answer.status_code == 200, (media, answer.text)
        assert answer.json()["language"] == "fr", media


def test_the_statement_meets_its_own_definition(operator: Client) -> None:
    for mode in ("full", "normative", "terminology"):
        statement = operator.get(f"metadata?mode={mode}").json()
        checked = operator.post(f"{statement['resourceType']}/$validate", statement).json()
        faults = [issue for issue in checked["issue"] if issue["severity"] in ("error", "fatal")]
        assert faults == [], mode
        assert statement["name"] == "Fhirserver", "cpb-0, tcp-0: a name for machines"


def test_the_terminology_of_the_statement_can_be_asked(operator: Client) -> None:
    statement = operator.get("metadata?mode=terminology").json()
    assert statement["resourceType"] == "TerminologyCapabilities"
    systems = {each["uri"]: each for each in statement["codeSystem"]}
    assert "http://unitsofmeasure.org" in systems
    gender = systems["http://hl7.org/fhir/administrative-gender"]
    (version,) = gender["version"]
    assert version["isDefault"] is True
    found = operator.get(f"CodeSystem/$lookup?system={gender['uri']}&code=female&version={version['code']}")
    assert found.status_code == 200
    assert operator.get("metadata?mode=terminology", Accept="application/fhir+xml").status_code == 200


def test_the_normative_statement_has_no_element_on_trial(operator: Client, statement: dict[str, Any]) -> None:
    normative = operator.get("metadata?mode=normative").json()
    resource = normative["rest"][0]["resource"][0]
    assert "security" in statement["rest"][0]
    assert "security" not in normative["rest"][0]
    assert {"type", "interaction", "searchParam"} <= set(resource)
    assert not {"versioning", "conditionalUpdate", "searchInclude", "readHistory"} & set(resource)
    assert operator.get("metadata?mode=full").json()["rest"] == statement["rest"]


def test_it_declares_who_may_be_included_because_it_refers_to_a_type(statement: dict[str, Any]) -> None:
    declared = {each["type"]: each["searchRevInclude"] for each in statement["rest"][0]["resource"]}
    assert {"Provenance:target", "MedicationRequest:patient", "Observation:subject"} <= set(declared["Patient"])
    assert "MedicationRequest:patient" not in declared["Practitioner"]


def test_an_unknown_mode_is_refused(operator: Client) -> None:
    for mode in ("nonsense", "", "Full"):
        assert operator.get(f"metadata?mode={mode}").status_code == 400, mode


def test_it_declares_what_the_document_sharing_manager_must_have(statement: dict[str, Any], shared: Path) -> None:
    (canonical,) = statement["instantiates"]
    (package,) = (shared / "packages").glob("ans.fhir.fr.pdsm-*.tgz")
    with tarfile.open(package) as content:
        members = [one for one in content if Path(one.name).name.startswith("CapabilityStatement-")]
        found = [json.loads(content.extractfile(one).read()) for one in members]  # type: ignore[union-attr] # files
    (manager,) = [each for each in found if each["url"] == canonical]
    ours = {each["type"]: each for each in statement["rest"][0]["resource"]}
    for wanted in manager["rest"][0]["resource"]:
        own = ours[wanted["type"]]
        offered = {each["code"] for each in own["interaction"]}
        assert {each["code"] for each in wanted["interaction"]} <= offered
        named = {each["name"] for each in own["searchParam"]}
        defined = {last_of(each["definition"]) for each in own["searchParam"]}
        missing = [
            each["name"]
            for each in wanted.get("searchParam", ())
            if each["name"] not in named and last_of(each["definition"]) not in defined
        ]
        assert sorted(missing) == OTHERWISE.get(wanted["type"], []), wanted["type"]


def last_of(definition: str) -> str:
    return definition.rsplit("/", 1)[-1]
