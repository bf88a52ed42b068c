"""How many requests a client may make: a bucket of tokens for each, in each process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from fhirserver.errors import Throttled
from fhirserver.issues import Text

_CLIENTS: Final = 10_000


class Throttle:
    """Lets a client make `rate` requests a second, with a burst of as many; a rate of 0 lets everything pass."""

    def __init__(self, rate: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, client: str) -> None:
        """Count a request; raises Throttled with Retry-After when the client has to wait."""
        if not self._rate:
            return
        now = self._clock()
        left, since = self._buckets.get(client, (float(self._rate), now))
        left = min(self._rate, left + (now - since) * self._rate)
        if left < 1:
            raise Throttled(
                Text(
                    f"Trop de requêtes : {self._rate} par seconde au plus. Réessayez dans une seconde.",
                    f"Too many requests: at most {self._rate} a second. Try again in a second.",
                ),
                headers={"Retry-After": "1"},
            )
        if len(self._buckets) >= _CLIENTS:
            self._buckets.clear()
        self._buckets[client] = (left - 1, now)
