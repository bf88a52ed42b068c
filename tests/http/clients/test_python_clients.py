"""Clients that others publish for Python do all their work against this server, unchanged."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import pytest
from fhirclient import client as smart
from fhirclient.models.basic import Basic as BasicModel
from fhirclient.models.bundle import Bundle as BundleModel
from fhirclient.models.codeableconcept import CodeableConcept
from fhirclient.models.identifier import Identifier
from fhirclient.models.patient import Patient as PatientModel
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound

from tests.http.conftest import Server

SYSTEM = "urn:fhirserver:test:clients"


def basic(value: str, text: str) -> dict[str, Any]:
    return {"resourceType": "Basic", "identifier": [{"system": SYSTEM, "value": value}], "code": {"text": text}}


def bundle(kind: str, value: str) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [
            {
                "fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{number}",
                "resource": basic(value, str(number)),
                "request": {"method": "POST", "url": "Basic"},
            }
            for number in range(2)
        ],
    }


def test_fhirpy_does_all_its_work(server: Server) -> None:
    client = SyncFHIRClient(server.base, authorization=f"Bearer {server.token('operator')}")
    value = secrets.token_hex(8)
    resource = client.resource("Basic", **basic(value, "0"))
    resource.save()
    assert client.reference("Basic", resource.id).to_resource()["code"] == {"text": "0"}
    resource["code"] = {"text": "updated"}
    resource.save()
    resource.refresh()
    assert resource["meta"]["versionId"] == "2"
    resource.patch(code={"text": "patched"})
    assert client.get("Basic", resource.id)["code"] == {"text": "patched"}
    history = client.execute(f"Basic/{resource.id}/_history", method="get")
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["3", "2", "1"]
    for kind in ("batch", "transaction"):
        answer = client.execute("", method="post", data=bundle(kind, value))
        assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
    found = client.resources("Basic").search(identifier=f"{SYSTEM}|{value}").limit(2).fetch_all()
    assert len({item.id for item in found}) == 5
    made, created = (
        client.resources("Basic")
        .search(identifier=f"{SYSTEM}|{value}x")
        .get_or_create(client.resource("Basic", **basic(f"{value}x", "once")))
    )
    again, twice = client.resources("Basic").search(identifier=f"{SYSTEM}|{value}x").get_or_create(made)
    assert (created, twice, again.id) == (True, False, made.id)
    resource.delete()
    with pytest.raises(ResourceNotFound):
        client.get("Basic", resource.id)


def test_asynchronous_fhirpy_does_all_its_work(server: Server) -> None:
    async def work() -> None:
        client = AsyncFHIRClient(server.base, authorization=f"Bearer {server.token('operator')}")
        value = secrets.token_hex(8)
        resource = client.resource("Basic", **basic(value, "0"))
        await resource.save()
        resource["code"] = {"text": "updated"}
        await resource.save()
        await resource.patch(code={"text": "patched"})
        assert (await client.get("Basic", resource.id))["code"] == {"text": "patched"}
        history = await client.execute(f"Basic/{resource.id}/_history", method="get")
        assert history["total"] == 3
        for kind in ("batch", "transaction"):
            answer = await client.execute("", method="post", data=bundle(kind, value))
            assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
        search = client.resources("Basic").search(identifier=f"{SYSTEM}|{value}")
        assert len({item.id for item in await search.limit(2).fetch_all()}) == 5
        assert await search.count() == 5
        await resource.delete()
        with pytest.raises(ResourceNotFound):
            await client.get("Basic", resource.id)

    asyncio.run(work())


def test_the_smart_client_does_all_its_work(server: Server) -> None:
    client = smart.FHIRClient(settings={"app_id": "test", "api_base": server.base})
    remote = client.server
    remote.session.headers["Authorization"] = f"Bearer {server.token('operator')}"
    assert remote.capabilityStatement.fhirVersion == "4.0.1"
    value = secrets.token_hex(8)
    resource = BasicModel(basic(value, "0"))
    created = resource.create(remote)
    assert created["id"]
    read = BasicModel.read(created["id"], remote)
    assert read.code.text == "0"
    read.code.text = "updated"
    assert read.update(remote)["meta"]["versionId"] == "2"
    remote.session.headers["Content-Type"] = "application/json-patch+json"
    answer = remote.session.patch(
        f"{server.base}/Basic/{read.id}", data='[{"op":"replace","path":"/code/text","value":"patched"}]'
    )
    remote.session.headers.pop("Content-Type")
    assert answer.status_code == 200
    assert remote.request_json(f"Basic/{read.id}/_history")["total"] == 3
    for kind in ("batch", "transaction"):
        response = BundleModel(remote.post_json("", bundle(kind, value)).json())
        assert [entry.response.status[:3] for entry in response.entry] == ["201", "201"]
    search = BasicModel.where({"identifier": f"{SYSTEM}|{value}", "_count": "2"})
    assert len({item.id for item in search.perform_resources_iter(remote)}) == 5
    read.delete(remote)
    with pytest.raises(Exception, match=r"410|Gone|gone"):
        BasicModel.read(read.id, remote)


def test_the_smart_client_builds_its_own_models(server: Server) -> None:
    client = smart.FHIRClient(settings={"app_id": "test", "api_base": server.base})
    client.server.session.headers["Authorization"] = f"Bearer {server.token('operator')}"
    patient = PatientModel({"gender": "female", "birthDate": "1958-05-05"})
    patient.id = PatientModel(patient.create(client.server)).id
    concept, identifier = CodeableConcept({"text": "made"}), Identifier({"system": SYSTEM, "value": patient.id})
    resource = BasicModel()
    resource.code, resource.identifier = concept, [identifier]
    resource.create(client.server)
    found = BasicModel.where({"identifier": f"{SYSTEM}|{patient.id}"}).perform_resources_iter(client.server)
    assert [item.code.text for item in found] == ["made"]
