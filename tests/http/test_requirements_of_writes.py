"""What the specification demands of writes, searches, Bundles and operations, where no other test here shows it.

The list: docs/rest-requirements.md.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.http.conftest import Client, issue
from tests.http.test_bundles import bundle, entry, observation, statuses, unique, urn
from tests.http.test_history_and_search import follow, tag
from tests.http.test_requirements import PATIENT, XML, path_of

# Writing


def test_a_created_resource_says_where_it_is_and_of_which_version(operator: Client) -> None:
    answer = operator.post("Patient", PATIENT, Prefer="return=minimal")
    assert answer.headers["Location"].endswith("/_history/1")
    assert answer.headers["ETag"] == 'W/"1"'
    assert answer.headers["Last-Modified"]
    assert "Content-Type" not in answer.headers


def test_a_write_may_ask_that_nothing_changed_since(operator: Client) -> None:
    created = operator.post("Patient", PATIENT)
    path, moment = path_of(created), created.headers["Last-Modified"]
    body = {**PATIENT, "id": path.rpartition("/")[2], "gender": "male"}
    before = "Sat, 01 Jan 2000 00:00:00 GMT"
    answers = [
        operator.put(path, body, If_Unmodified_Since=moment),
        operator.put(path, PATIENT | {"id": body["id"]}, If_Unmodified_Since=before),
        operator.delete(path, If_Unmodified_Since=before),
        operator.put(path, PATIENT | {"id": body["id"]}, If_Unmodified_Since=before, If_Match='"2"'),
        operator.delete(path, If_Unmodified_Since="whenever"),
    ]
    assert [answer.status_code for answer in answers] == [200, 412, 412, 200, 204]


def test_content_that_breaks_the_syntax_is_400_and_what_breaks_a_rule_422(operator: Client) -> None:
    assert operator.post("Patient", {**PATIENT, "foo": 1}).status_code == 400
    assert operator.post("Patient", {**PATIENT, "gender": "nonsense"}).status_code == 422
    assert operator.post("Observation", {"resourceType": "Observation"}).status_code == 422


def test_an_update_takes_no_version_or_date_from_its_body_and_keeps_the_rest_of_meta(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    meta = {"versionId": "99", "lastUpdated": "2001-01-01T00:00:00Z", "tag": [{"system": "urn:x", "code": "y"}]}
    body = operator.put(path, {**PATIENT, "id": path.rpartition("/")[2], "meta": meta}).json()
    assert body["meta"]["versionId"] == "2"
    assert body["meta"]["lastUpdated"] > "2020"
    assert body["meta"]["tag"] == meta["tag"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("wanted", ["minimal", "representation", "OperationOutcome"])
def test_prefer_holds_for_updates_and_patches(operator: Client, method: str, wanted: str) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    if method == "PUT":
        body: Any = {**PATIENT, "id": path.rpartition("/")[2], "active": False}
        answer = operator.put(path, body, Prefer=f"return={wanted}")
    else:
        merge = "application/merge-patch+json"
        answer = operator.patch(path, b'{"active":false}', Content_Type=merge, Prefer=f"return={wanted}")
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    kinds = {"minimal": None, "representation": "Patient", "OperationOutcome": "OperationOutcome"}
    assert (answer.json()["resourceType"] if answer.content else None) == kinds[wanted]


def test_an_outcome_of_what_succeeded_holds_no_errors(operator: Client) -> None:
    told = operator.post("Patient", PATIENT, Prefer="return=OperationOutcome").json()
    assert {each["severity"] for each in told["issue"]} <= {"information", "warning"}


def test_a_delete_is_204_without_content_or_200_with_the_outcome_that_was_asked_for(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    told = operator.delete(path, Prefer="return=OperationOutcome")
    assert told.status_code == 200
    assert issue(told)["severity"] == "information"
    assert told.headers["ETag"] == 'W/"2"'
    again = operator.delete(path)
    assert (again.status_code, again.content) == (204, b"")
    assert "Content-Type" not in again.headers


def test_what_is_deleted_is_not_found_by_search_and_keeps_its_history(operator: Client) -> None:
    meta = tag()
    path = path_of(operator.post("Patient", {**PATIENT, "meta": meta}))
    operator.delete(path)
    assert operator.get(f"Patient?_tag={meta['tag'][0]['code']}").json()["total"] == 0
    assert [each["request"]["method"] for each in operator.get(f"{path}/_history").json()["entry"]] == [
        "DELETE",
        "POST",
    ]


def test_a_restored_resource_is_found_again_and_goes_on_counting(operator: Client) -> None:
    meta = tag()
    path = path_of(operator.post("Patient", {**PATIENT, "meta": meta}))
    operator.delete(path)
    restored = operator.put(path, {**PATIENT, "id": path.rpartition("/")[2], "meta": meta}, If_Match='W/"2"')
    assert restored.status_code == 412  # what is deleted has no version that could match
    restored = operator.put(path, {**PATIENT, "id": path.rpartition("/")[2], "meta": meta})
    assert (restored.status_code, restored.headers["ETag"]) == (201, 'W/"3"')
    assert restored.headers["Location"] == f"{path}/_history/3"
    assert operator.get(f"Patient?_tag={meta['tag'][0]['code']}").json()["total"] == 1


def test_if_match_on_what_is_not_there_is_412(operator: Client) -> None:
    identity = unique()
    answer = operator.put(f"Patient/{identity}", {**PATIENT, "id": identity}, If_Match='W/"1"')
    assert answer.status_code == 412
    assert operator.get(f"Patient/{identity}").status_code == 404
    assert operator.delete(f"Patient/{identity}", If_Match='W/"1"').status_code == 412
    assert operator.delete(f"Patient?identifier={identity}", If_Match='W/"1"').status_code == 412


def test_a_method_named_in_a_header_or_a_parameter_is_not_another_method(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    assert operator.send("POST", path, PATIENT, X_HTTP_Method_Override="DELETE").status_code == 405
    assert operator.get(f"{path}?_method=DELETE").status_code in (200, 400)
    assert operator.get(path).status_code == 200


def test_two_resources_may_carry_one_identifier_when_nobody_asks_for_one(operator: Client) -> None:
    name = secrets.token_hex(8)
    body = {**PATIENT, "identifier": [{"system": "urn:tests", "value": name}]}
    assert [operator.post("Patient", body).status_code for _ in range(2)] == [201, 201]
    assert operator.get(f"Patient?identifier=urn:tests|{name}").json()["total"] == 2


# Conditional interactions


def test_a_conditional_patch_that_selects_several_is_412(operator: Client) -> None:
    name = secrets.token_hex(8)
    for _ in range(2):
        operator.post("Patient", {**PATIENT, "identifier": [{"system": "urn:tests", "value": name}]})
    merge = "application/merge-patch+json"
    answer = operator.patch(f"Patient?identifier=urn:tests|{name}", b'{"active":false}', Content_Type=merge)
    assert answer.status_code == 412


def test_a_conditional_update_holds_if_match(operator: Client) -> None:
    name = secrets.token_hex(8)
    body = {**PATIENT, "identifier": [{"system": "urn:tests", "value": name}]}
    query = f"Patient?identifier=urn:tests|{name}"
    assert operator.put(query, body, If_Match='W/"1"').status_code == 412
    operator.put(query, body)
    assert operator.put(query, {**body, "active": False}, If_Match='W/"7"').status_code == 412
    assert operator.put(query, {**body, "active": False}, If_Match='W/"1"').status_code == 200


def test_criteria_in_the_address_of_a_create_mean_what_they_mean_in_if_none_exist(operator: Client) -> None:
    name = secrets.token_hex(8)
    body = {**PATIENT, "identifier": [{"system": "urn:tests", "value": name}]}
    answers = [operator.post(f"Patient?identifier=urn:tests|{name}", body).status_code for _ in range(2)]
    assert answers == [201, 200]
    both = operator.post(f"Patient?identifier=urn:tests|{name}", body, If_None_Exist="identifier=urn:tests|other")
    assert both.status_code == 400


def test_the_total_goes_by_two_names(operator: Client) -> None:
    meta = tag()
    operator.post("Patient", {**PATIENT, "meta": meta})
    query = f"Patient?_tag={meta['tag'][0]['code']}"
    assert operator.get(f"{query}&_totalMethod=count").json()["total"] == 1
    assert operator.get(f"{query}&_total=accurate").json()["total"] == 1


def test_content_alone_is_not_created_on_a_condition(operator: Client) -> None:
    answer = operator.post("Binary", b"x", Content_Type="text/plain", If_None_Exist="_tag=x")
    assert answer.status_code == 400


# Searching and paging


def test_every_search_states_itself_and_its_next_pages_keep_the_count(operator: Client) -> None:
    meta = tag()
    for _ in range(5):
        operator.post("Patient", {**PATIENT, "meta": meta})
    page = operator.get(f"Patient?_tag={meta['tag'][0]['code']}&_count=2").json()
    sizes = []
    while True:
        links = {link["relation"]: link["url"] for link in page["link"]}
        assert links["self"].startswith(f"{operator.base}/Patient?")
        sizes.append(len(page["entry"]))
        if "next" not in links:
            break
        page = operator.get(links["next"]).json()
    assert sizes == [2, 2, 1]


def test_all_types_are_searched_at_the_base(operator: Client) -> None:
    meta = tag()
    operator.post("Patient", {**PATIENT, "meta": meta})
    operator.post("Basic", {"resourceType": "Basic", "code": {"text": "x"}, "meta": meta})
    query = f"_tag={meta['tag'][0]['code']}"
    assert operator.get(f"?_type=Patient,Basic&{query}").json()["total"] == 2
    assert operator.get(f"?_type=Patient&{query}").json()["total"] == 1
    form = operator.post("_search?_type=Basic", query.encode(), Content_Type="application/x-www-form-urlencoded")
    assert form.json()["total"] == 1


def test_history_comes_newest_first_with_what_happened_and_pages_by_its_count(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    for at in range(4):
        operator.put(path, {**PATIENT, "id": path.rpartition("/")[2], "active": bool(at % 2), "language": f"x-{at}"})
    operator.delete(path)
    entries = follow(operator, f"{path}/_history?_count=2")
    assert [each["response"]["etag"] for each in entries] == [f'W/"{at}"' for at in range(6, 0, -1)]
    assert all("resource" in each for each in entries if each["request"]["method"] != "DELETE")
    assert [each["request"]["method"] for each in entries] == ["DELETE", "PUT", "PUT", "PUT", "PUT", "POST"]
    assert operator.get(f"Patient/{unique()}/_history").status_code == 404


def test_at_tells_the_versions_that_were_current_then(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    first = operator.get(path).json()["meta"]["lastUpdated"]
    operator.put(path, {**PATIENT, "id": path.rpartition("/")[2], "active": False})
    second = operator.get(path).json()["meta"]["lastUpdated"]
    pages = {moment: operator.get(f"{path}/_history?_at={moment}").json() for moment in (first, second, second[:10])}
    at = {moment: [each["resource"]["meta"]["versionId"] for each in page["entry"]] for moment, page in pages.items()}
    assert at == {first: ["1"], second: ["2"], second[:10]: ["2", "1"]}
    assert "entry" not in operator.get(f"{path}/_history?_at=2001").json()


# Batch and transaction


def test_resources_of_a_transaction_may_refer_to_each_other_in_a_circle(operator: Client) -> None:
    one, other = urn(), urn()

    def linked(to: str) -> dict[str, Any]:
        return {**PATIENT, "link": [{"other": {"reference": to}, "type": "seealso"}]}

    first_entry = entry("POST", "Patient", linked(other), fullUrl=one)
    answer = operator.post("", bundle("transaction", first_entry, entry("POST", "Patient", linked(one), fullUrl=other)))
    first, second = (each["resource"] for each in answer.json()["entry"])
    assert first["link"][0]["other"]["reference"] == f"Patient/{second['id']}"
    assert second["link"][0]["other"]["reference"] == f"Patient/{first['id']}"


def test_the_order_of_its_entries_changes_nothing_in_a_transaction(operator: Client) -> None:
    for turned in (False, True):
        who, old = urn(), unique()
        operator.put(f"Basic/{old}", {"resourceType": "Basic", "id": old, "code": {"text": "x"}})
        entries = [
            entry("DELETE", f"Basic/{old}"),
            entry("POST", "Patient", PATIENT, fullUrl=who),
            entry("POST", "Observation", observation(subject={"reference": who})),
            entry("GET", f"Basic/{old}/_history"),
        ]
        answer = operator.post("", bundle("transaction", *(reversed(entries) if turned else entries)))
        assert sorted(statuses(answer)) == ["200", "201", "201", "204"]


def test_conditions_of_reading_hold_for_entries(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT)).removeprefix(f"{operator.base}/")
    answer = operator.post(
        "",
        bundle(
            "batch",
            entry("GET", path, ifNoneMatch='W/"1"'),
            entry("GET", path, ifModifiedSince="2100-01-01T00:00:00Z"),
            entry("GET", path, ifNoneMatch='W/"2"'),
            entry("PUT", path, {**PATIENT, "id": path.rpartition("/")[2]}, ifNoneMatch="*"),
        ),
    )
    assert statuses(answer) == ["304", "304", "200", "412"]
    assert all("resource" not in each for each in answer.json()["entry"][:2])


def test_entries_that_fail_in_a_batch_carry_their_outcome_and_nothing_of_the_others(operator: Client) -> None:
    answer = operator.post(
        "", bundle("batch", entry("POST", "Patient", {**PATIENT, "foo": 1}), entry("GET", "metadata"))
    )
    failed, done = answer.json()["entry"]
    assert failed["response"]["outcome"]["issue"][0]["severity"] == "error"
    assert done["response"]["status"] == "200 OK"


def test_a_reference_of_a_version_stays_one_and_what_is_elsewhere_stays_as_it_is(operator: Client) -> None:
    who = urn()
    elsewhere = "https://elsewhere.example/fhir/Patient/1"
    answer = operator.post(
        "",
        bundle(
            "transaction",
            entry("POST", "Patient", PATIENT, fullUrl=who),
            entry("POST", "Observation", observation(
                subject={"reference": f"{who}/_history/1"}, focus=[{"reference": elsewhere}]
            )),
        ),
    )  # fmt: skip
    patient, made = (each["resource"] for each in answer.json()["entry"])
    assert made["subject"]["reference"] == f"Patient/{patient['id']}/_history/1"
    assert made["focus"] == [{"reference": elsewhere}]


# Operations


def test_an_operation_that_only_reads_is_invoked_by_get_with_plain_parameters(operator: Client) -> None:
    query = "system=http://hl7.org/fhir/administrative-gender&code=male"
    by_get = operator.get(f"CodeSystem/$lookup?{query}")
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "system", "valueUri": "http://hl7.org/fhir/administrative-gender"},
            {"name": "code", "valueCode": "male"},
        ],
    }
    by_post = operator.post("CodeSystem/$lookup", parameters)
    assert by_get.status_code == by_post.status_code == 200
    assert by_get.json() == by_post.json()
    assert by_get.json()["resourceType"] == "Parameters"


def test_an_operation_that_changes_something_is_not_invoked_by_get(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    answer = operator.get(f"{path}/$meta-add")
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_a_resource_is_posted_to_an_operation_as_it_is_and_a_single_return_comes_bare(operator: Client) -> None:
    answer = operator.post("Patient/$validate", PATIENT)
    assert (answer.status_code, answer.json()["resourceType"]) == (200, "OperationOutcome")
    as_xml = operator.post("Patient/$validate", PATIENT, Accept=XML)
    assert as_xml.headers["Content-Type"].startswith(XML)
    expanded = operator.get("ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender")
    assert expanded.json()["resourceType"] == "ValueSet"


def test_an_operation_without_parameters_takes_an_empty_body(operator: Client) -> None:
    path = path_of(operator.post("Patient", PATIENT))
    assert operator.post(f"{path}/$everything", b"").status_code == 200
    assert operator.get(f"{path}/$meta").json()["parameter"][0]["name"] == "return"


def test_a_failing_operation_tells_why(operator: Client) -> None:
    answer = operator.get("ValueSet/$expand?url=urn:nothing")
    assert answer.status_code in (404, 422)
    assert issue(answer)["details"]["text"]
