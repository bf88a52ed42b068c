"""schemathesis (https://schemathesis.readthedocs.io), which sends what /openapi.json allows and checks what it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from fhirserver.wire.description.examples import BODIES
from tests.http.conftest import Client, Server

CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
)


def send(server: Server, *arguments: str) -> int:
    """Have schemathesis try every route as an operator, on what the examples speak of; return its exit status.

    Args:
        server: of its own: anything may be written and deleted there.
        arguments: how much of what is sent, as `schemathesis run --help` tells.
    """
    token = server.token("operator")
    stored = BODIES["transaction"]["application/fhir+json"]["transaction"]
    assert Client(server, token).post("", stored).ok, "what the examples speak of is stored"
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "run", f"{server.root}/openapi.json", "--checks", ",".join(CHECKS)]
    command += ["--header", f"Authorization: Bearer {token}", "--continue-on-failure", "--request-timeout", "60"]
    # the operation that makes all index values anew is for one at a time
    command += ["--exclude-path", "/fhir/$reindex", *arguments]
    return subprocess.run(command, check=False).returncode
