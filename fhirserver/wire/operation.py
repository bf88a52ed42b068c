"""What operators and their tools look at: alive, ready, counted."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable

from flask import Response, request

from fhirserver.errors import Failure


class Monitor:
    """Answers `/health`, `/ready` and `/metrics`; counts are those of the answering process."""

    def __init__(self, ping: Callable[[], None]) -> None:
        self._ping = ping
        self._counts: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()

    def health(self) -> dict[str, str]:
        """Say that the process answers."""
        return {"status": "ok"}

    def ready(self) -> tuple[dict[str, str], int]:
        """Say whether the store answers."""
        try:
            self._ping()
        except Failure as failure:
            return {"status": "unavailable", "reason": failure.issues[0].text.en}, 503
        return {"status": "ok"}, 200

    def count(self, response: Response) -> None:
        """Count an answer."""
        with self._lock:
            self._counts[request.method, response.status_code] += 1

    def metrics(self) -> Response:
        """Write the counts in Prometheus' text format."""
        with self._lock:
            counts = sorted(self._counts.items())
        process = os.getpid()
        lines = [
            "# HELP fhirserver_requests_total Requests answered, by method, status and server process.",
            "# TYPE fhirserver_requests_total counter",
        ]
        lines += [
            f'fhirserver_requests_total{{method="{method}",status="{status}",process="{process}"}} {count}'
            for (method, status), count in counts
        ]
        return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4")
