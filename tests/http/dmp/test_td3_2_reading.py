"""TD3.2 (read a document, ITI-68): by an absolute url, a relative one, as a FHIR document; several at once."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.http.conftest import Client
from tests.http.dmp.conftest import PDF, Record, ids, part, put_content, sha1
from tests.unit.dmp.cda import cda

Submit = Callable[..., dict[str, Any]]


def test_td3_2_accept_decides_between_the_content_and_the_resource(
    hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    content = PDF + b"\n% td3.2"
    made = ids(hospital.post("", submit(record, content)))
    url = doctor.get(f"DocumentReference/{made['DocumentReference']}").json()["content"][0]["attachment"]["url"]
    native = doctor.get(url, Accept="application/pdf")
    assert (native.content, native.headers["Content-Type"]) == (content, "application/pdf")
    # without a preference, the document as it is
    assert doctor.get(url).content == content
    resource = doctor.get(url, Accept="application/fhir+json").json()
    assert (resource["resourceType"], base64.b64decode(resource["data"])) == ("Binary", content)
    absolute = doctor.get(f"{doctor.base}/{url}", Accept="application/pdf")
    assert sha1(absolute.content) == sha1(content)


def test_td3_2_a_batch_reads_several_documents(
    hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    contents = [PDF + f"\n% batch {number}".encode() for number in range(3)]
    urls = [f"Binary/{ids(hospital.post('', submit(record, content)))['Binary']}" for content in contents]
    batch = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": url}} for url in [*urls, "Binary/nowhere"]],
    }
    answer = doctor.post("", batch).json()["entry"]
    assert [entry["response"]["status"][:3] for entry in answer] == ["200", "200", "200", "404"]
    assert [base64.b64decode(entry["resource"]["data"]) for entry in answer[:3]] == contents


def test_td3_2_a_cda_of_level_3_leaves_as_it_came(
    hospital: Client, doctor: Client, record: Record, submit: Submit
) -> None:
    bundle = submit(record)
    document = part(bundle, "DocumentReference")
    number = document["masterIdentifier"]["value"].removeprefix("urn:oid:")
    content = cda(root=number, ins=record.ins)
    put_content(bundle, content, "text/xml")
    document["content"][0]["format"]["code"] = "urn:ihe:iti:xds-sd:pdf:2008"
    document["content"][0]["attachment"]["creation"] = "2026-03-02T09:15:00+01:00"
    document["context"]["period"] = {"start": "2026-03-02T08:30:00+01:00", "end": "2026-03-02T09:00:00+01:00"}
    answer = hospital.post("", bundle)
    assert answer.status_code == 200, answer.text
    read = doctor.get(f"Binary/{ids(answer)['Binary']}", Accept="text/xml")
    assert read.content == content
    # what a browser would run does not run on this server's address
    assert read.headers["Content-Disposition"].startswith("attachment")
