"""The floor that the server is measured against: bare Flask routes on the same WSGI server, the same MongoDB.

One durable insert of the bytes; one find; one find and one durable audit insert; the find of a search on a base of the
server, and one durable audit insert; the transaction of one push of a prescription, and its writes alone; the find of
one by its number. No FHIR, no token, no validation.
"""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
from bson import ObjectId, json_util
from flask import Flask, Response, request
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from fhirserver.store.profile import profiled

PUSHES = 300
"""Writes whose documents differ in more than their keys."""
_MEMORY = 50_000_000
"""Bytes that these may take."""


def application() -> Flask:
    """Return the application; called once in each process."""
    app = Flask("floor")
    database = MongoClient(os.environ["MONGODB_URI"], tz_aware=True).get_database(
        "floor", write_concern=WriteConcern("majority", j=True)
    )
    bodies, audit = database["bodies"], database["audit"]

    @app.post("/insert")
    def insert() -> tuple[str, int]:
        made = bodies.insert_one({"_id": str(ObjectId()), "body": request.get_data()})
        return made.inserted_id, 201

    @app.get("/find/<identity>")
    def find(identity: str) -> Response:
        found = bodies.find_one({"_id": identity})
        assert found is not None
        return Response(found["body"], content_type="application/fhir+json")

    @app.get("/find-audit/<identity>")
    def find_and_record(identity: str) -> Response:
        found = bodies.find_one({"_id": identity})
        assert found is not None
        audit.insert_one({"action": "read", "id": identity, "when": datetime.now(UTC), "who": "bench"})
        return Response(found["body"], content_type="application/fhir+json")

    finds = json_util.loads(Path(os.environ["FLOOR_FINDS"]).read_text()) if "FLOOR_FINDS" in os.environ else {}
    searched = database.client[os.environ.get("FLOOR_DATABASE", "floor")]["resources"]

    @app.get("/search/<name>/<int:number>")
    def search(name: str, number: int) -> Response:
        condition, sort, limit, hint = finds[name][number]
        found = searched.find(condition, {"_id": 0, "body": 1}, sort=sort, limit=limit, hint=hint)
        body = b"[" + b",".join(each["body"] for each in found) + b"]"
        audit.insert_one({"action": "search", "id": name, "when": datetime.now(UTC), "who": "bench"})
        return Response(body, content_type="application/fhir+json")

    if "FLOOR_PUSH" in os.environ:
        prescriptions(app, database.client, bson.decode(Path(os.environ["FLOOR_PUSH"]).read_bytes()))
    if "FLOOR_SUBMISSION" in os.environ:
        submission = bson.decode(Path(os.environ["FLOOR_SUBMISSION"]).read_bytes())
        transaction(app, "/submission", database.client, submission)
    return app


def transaction(app: Flask, route: str, client: MongoClient[dict[str, Any]], kept: Mapping[str, Any]) -> None:
    """Add a route that takes a body, and in one durable transaction finds and inserts documents.

    Args:
        app: where to add it.
        route: its path.
        client: of MongoDB.
        kept: `reads`: the arguments of each find, and its collection ("of"), in the server's own database; `documents`:
            what is inserted, by collection, each time under other ids; `answer`: what the route answers.
    """
    durable = WriteConcern("majority", j=True)
    server = client[os.environ["FLOOR_DATABASE"]]
    written = client.get_database(f"{server.name}-floor", write_concern=durable)
    several = range(min(PUSHES, _MEMORY // len(bson.encode(kept["documents"])) + 1))
    differing = itertools.cycle([another(kept["documents"]) for _ in several])

    @app.post(route, endpoint=route)
    def run() -> Response:
        request.get_data()
        fresh = str(ObjectId())
        with (
            client.start_session() as session,
            session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=durable),
        ):
            for each in kept["reads"]:
                options = {name: value for name, value in each.items() if name != "of"}
                list(server[each["of"]].find(**options, session=session))
            for collection, documents in next(differing).items():
                if documents:
                    new = [{**document, "_id": f"{document['_id']}-{fresh}"} for document in documents]
                    written[collection].insert_many(new, ordered=False, session=session)
        return Response(kept["answer"], content_type="application/fhir+json")


def reads(database: Database[dict[str, Any]], send: Callable[[], object]) -> list[dict[str, Any]]:
    """Return what the transaction of a request finds, as `transaction` takes it.

    Args:
        database: of the server.
        send: sends the request.
    """
    with profiled(database):
        send()
    noted = database["system.profile"].find({"op": "query", "command.autocommit": False}).sort("ts", 1)
    kept = ("filter", "projection", "sort", "limit", "hint")
    found = []
    for each in noted:
        command = each["command"]
        found.append({"of": command["find"], **{name: command[name] for name in kept if name in command}})
    return found


def another(documents: Mapping[str, list[dict[str, Any]]]) -> Mapping[str, list[dict[str, Any]]]:
    """Return the same documents under other ids, and so with other index values, of the same length."""
    data = bson.encode(documents)
    for name in {document["i"] for document in documents["resources"]}:
        data = data.replace(name.encode(), f"{name[:11]}{secrets.token_hex(6)}".encode())
    return bson.decode(data)


def prescriptions(app: Flask, client: MongoClient[dict[str, Any]], kept: Mapping[str, Any]) -> None:
    """Add the floors of a push and of a find, from what `benchmark_prescription.py` kept of real ones."""
    name = os.environ["FLOOR_DATABASE"]
    durable = WriteConcern("majority", j=True)
    written = client.get_database(f"{name}-floor", write_concern=durable)
    found, audit = client[name]["resources"], written["audit"]
    seen = {"_id": False, "s": False}

    transaction(app, "/push", client, kept["push"])
    transaction(app, "/push-writes", client, {**kept["push"], "reads": []})

    @app.post("/find-prescription")
    def find_prescription() -> Response:
        request.get_data()
        condition = {"t": {"$in": ["MedicationRequest", "ServiceRequest", "Task"]}, "s.k": kept["point"], "live": True}
        list(found.find(condition, seen, hint="search_keys"))
        audit.insert_many([{**record, "_id": ObjectId()} for record in kept["audit"]], ordered=False)
        return Response(kept["found"], content_type="application/fhir+json")
