"""What `fhirserver serve` takes, `settings --in-force` shows, and `outbox` tells of tasks that were set aside."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from fhirserver.serving.commands import outbox, serve, settings
from fhirserver.store import Store, Task
from fhirserver.store.local import LocalMongod

GIVEN = {
    "MONGODB_URI": "mongodb://user:hush@a,b/",
    "FHIRSERVER_CURSOR_SECRET": 8 * "hush",
    "FHIRSERVER_DMP_NOTIFY_URL": "https://gateway:hush@example.fr/",
    "FHIRSERVER_PORT": "9",
}


def test_settings_in_force_are_printed_without_their_secrets() -> None:
    told = CliRunner().invoke(settings, ["--in-force"], env=GIVEN).output
    assert "FHIRSERVER_PORT=9" in told
    assert "FHIRSERVER_CURSOR_SECRET=…" in told
    assert "hush" not in told


@pytest.mark.parametrize(("option", "value"), [("port", "99999"), ("workers", "-3"), ("host", "")])
def test_options_of_serve_are_held_to_what_their_settings_allow(option: str, value: str) -> None:
    ran = CliRunner().invoke(serve, [f"--{option}", value])
    assert ran.exit_code == 1
    assert f"FHIRSERVER_{option.upper()}" in ran.output


def test_tasks_that_were_set_aside_are_shown_without_their_patient_and_tried_again(
    mongod: LocalMongod, store: Store
) -> None:
    store.transact(lambda tx: tx.enqueue(Task("prescription-print", {"task": "of a patient"})))
    lease = store.outbox.take(["prescription-print"])
    assert lease is not None
    aside = {"$set": {"state": "failed", "error": "no printer"}}
    store.database["outbox"].update_one({"_id": lease.id}, aside)
    given = {"MONGODB_URI": mongod.uri, "FHIRSERVER_DATABASE": store.database.name}
    told = CliRunner().invoke(outbox, ["--failed"], env=given).output
    assert [(task["kind"], task["error"]) for task in map(json.loads, told.splitlines())] == [
        ("prescription-print", "no printer")
    ]
    assert "of a patient" not in told
    assert CliRunner().invoke(outbox, ["--again"], env=given).output == "1 tasks will be tried again\n"
    assert store.outbox.take(["prescription-print"]) is not None
    assert not store.outbox.failed()
