"""The operator's gateway of messages to patients: takes each message at the second try."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fhirserver import jsontext


@dataclass
class Gateway:
    """What came: each try by its Idempotency-Key, and the messages that were taken."""

    url: str = ""
    tries: list[str] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)

    def about(self, ins: str) -> list[dict[str, Any]]:
        """Return the messages to a patient."""
        found = [*self.taken.values()]
        return [each for each in found if each["subject"]["identifier"]["value"] == ins]


@contextmanager
def opened() -> Iterator[Gateway]:
    """Listen on a free port until the end."""
    gateway = Gateway()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            name = self.headers["Idempotency-Key"]
            message = jsontext.read(self.rfile.read(int(self.headers["Content-Length"])))
            again = name in gateway.tries
            gateway.tries.append(name)
            if again:
                gateway.taken[name] = message
            self.send_response(204 if again else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        gateway.url = f"http://127.0.0.1:{server.server_address[1]}/messages"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield gateway
        server.shutdown()
        thread.join()
