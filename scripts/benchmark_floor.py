"""The floor that the server is measured against: bare Flask routes on the same WSGI server, the same MongoDB.

One durable insert of the bytes; one find; one find and one durable audit insert; the find of a search on a base of the
server, and one durable audit insert. No FHIR, no token, no validation.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from bson import ObjectId, json_util
from flask import Flask, Response, request
from pymongo import MongoClient
from pymongo.write_concern import WriteConcern


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

    @app.post("/transaction")
    def transaction() -> tuple[str, int]:
        """Insert what one push of a prescription inserts, each part as one document, in one durable transaction."""
        parts = [part.encode() for part in request.get_data(as_text=True).split("\n")]
        client = database.client
        with client.start_session() as session, session.start_transaction(write_concern=database.write_concern):
            bodies.insert_many([{"_id": str(ObjectId()), "body": part} for part in parts[2:]], session=session)
            audit.insert_many([{"_id": ObjectId(), "body": part} for part in parts[:2]], session=session)
        return "", 201

    finds = json_util.loads(Path(os.environ["FLOOR_FINDS"]).read_text()) if "FLOOR_FINDS" in os.environ else {}
    searched = database.client[os.environ.get("FLOOR_DATABASE", "floor")]["resources"]

    @app.get("/search/<name>/<int:number>")
    def search(name: str, number: int) -> Response:
        condition, sort, limit, hint = finds[name][number]
        found = searched.find(condition, {"_id": 0, "body": 1}, sort=sort, limit=limit, hint=hint)
        body = b"[" + b",".join(each["body"] for each in found) + b"]"
        audit.insert_one({"action": "search", "id": name, "when": datetime.now(UTC), "who": "bench"})
        return Response(body, content_type="application/fhir+json")

    return app
