"""Have schemathesis send what the description of the API allows, and more: fuzz_description.py [cases for each route].

Beside `scripts/fuzz`, which knows FHIR: this one knows the description only. It fails on a fault of ours, and on every
status, media type or shape that /openapi.json does not tell.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fhirserver.store.local import LocalMongod
from fhirserver.wire.description.examples import BODIES
from tests.http.conftest import Client, start, stop

CASES: Final = "20"
CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
)


def main() -> int:
    """Run schemathesis against a server of its own; return its exit status."""
    cases = sys.argv[1] if len(sys.argv) > 1 else CASES
    program = Path(sys.executable).with_name("schemathesis")
    with tempfile.TemporaryDirectory() as folder, LocalMongod(Path(folder) / "mongodb") as mongod:
        server, process = start(Path(folder), mongod.uri, database="fuzz")
        try:
            stored = BODIES["transaction"]["application/fhir+json"]["transaction"]
            Client(server, server.token("operator")).post("", stored)
            command = [
                program,
                "run",
                f"{server.root}/openapi.json",
                "--max-examples",
                cases,
                "--checks",
                ",".join(CHECKS),
            ]
            command += [
                "--header",
                f"Authorization: Bearer {server.token('operator')}",
                "--phases",
                "examples,coverage,fuzzing",
            ]
            # the operation that makes all index values anew is for one at a time
            command += ["--exclude-path", "/fhir/$reindex", "--continue-on-failure", "--request-timeout", "60"]
            status = subprocess.run(command, check=False).returncode  # noqa: S603 - our own command
            log = server.log.read_text()
            if "Traceback" in log:
                sys.stderr.write(log[-5000:])
                return 1
            return status
        finally:
            stop(process)


if __name__ == "__main__":
    sys.exit(main())
