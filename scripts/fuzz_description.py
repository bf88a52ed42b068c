"""Have schemathesis send what the description of the API allows, and more: fuzz_description.py [cases for each route].

Beside `scripts/fuzz`, which knows FHIR: this one knows the description only. It fails on a fault of ours, and on every
status, media type or shape that /openapi.json does not tell. The tests send a sample (tests/http/test_fuzz.py).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fhirserver.store.local import LocalMongod
from tests.http.conftest import start, stop
from tests.http.describing import send

CASES: Final = "20"


def main() -> int:
    """Run schemathesis against a server of its own; return its exit status."""
    cases = sys.argv[1] if len(sys.argv) > 1 else CASES
    with tempfile.TemporaryDirectory() as folder, LocalMongod(Path(folder) / "mongodb") as mongod:
        server, process = start(Path(folder), mongod.uri, database="fuzz")
        try:
            status = send(server, "--max-examples", cases, "--phases", "examples,coverage,fuzzing")
            log = server.log.read_text()
            if "Traceback" in log:
                sys.stderr.write(log[-5000:])
                return 1
            return status
        finally:
            stop(process)


if __name__ == "__main__":
    sys.exit(main())
