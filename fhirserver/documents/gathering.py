"""What the checks of a submission must know, looked up on the view of the commit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from fhirserver import jsontext
from fhirserver.access.decide import decide
from fhirserver.dmp import authors
from fhirserver.dmp.identity import national
from fhirserver.dmp.records import resource as records
from fhirserver.dmp.submissions.facts import Facts, Known, Rules, Sender
from fhirserver.dmp.submissions.flavours import Flavour
from fhirserver.dmp.submissions.submission import unique_id
from fhirserver.errors import BadRequest
from fhirserver.interactions.bundles import linking
from fhirserver.interactions.exchange import Request, query_pairs
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import selecting, visibility
from fhirserver.interactions.shown.selecting import identities
from fhirserver.interactions.writes.references import literals, local
from fhirserver.settings import Settings
from fhirserver.store import Stored, Transaction

_CONDITIONAL: Final = re.compile(r"([A-Z][A-Za-z]+)\?(.+)", re.DOTALL)
_MOST_AUTHORS: Final = 20
_MOST_AHEAD: Final = 200


def rules(settings: Settings) -> Rules:
    """Return what the operator chose."""
    return Rules(
        settings.dmp_max_document,
        frozenset(Flavour(name) for name in settings.dmp_flavours),
        settings.dmp_class_mismatch,
        settings.mode == "sandbox",
        settings.dmp_masked_and_invisible,
    )


class Gathering:
    """Looks up what references lead to, for one attempt at a commit."""

    def __init__(self, services: Services, request: Request, transaction: Transaction) -> None:
        self._services = services
        self._request = request
        self._transaction = transaction

    def ahead(self, resources: Iterable[Mapping[str, Any]], names: Iterable[str]) -> None:
        """Read at once what the checks of some resources will look up one by one: it costs a round trip each."""
        places: set[tuple[str, str]] = set()
        conditional: list[str] = []
        for resource in resources:
            for _, text in literals(resource, ""):
                target = local(text, self._request.base)
                if target is not None and target[0] in self._services.types:
                    places.add(target)
                elif "?" in text:
                    conditional.append(text)
            contained = resource.get("contained")
            for item in contained if isinstance(contained, list) else ():
                if isinstance(item, dict) and item.get("resourceType") == "Patient":
                    places.update((records.KIND, records.identity("|".join(ins))) for ins in national(item))
        wanted = [*linking.selections(conditional), *(("DocumentReference", _bearing(name)) for name in names)]
        selecting.ahead(self._services, self._request, self._transaction, wanted, sorted(places)[:_MOST_AHEAD])

    def facts(self, patients: Iterable[str], targets: Iterable[str], names: Iterable[str]) -> Facts:
        """Look up all of it.

        Args:
            patients: references of subjects.
            targets: references of related documents, and urls of PATCH entries.
            names: uniqueIds.
        """
        caller = self._request.caller
        return Facts(
            {text: self._patients(text) for text in patients},
            {text: self._documents(text) for text in targets},
            frozenset(name for name in names if self._used(name)),
            Sender(
                caller.rpps,
                caller.structure,
                caller.everything,
                caller.ins.value if caller.ins and not caller.representative else None,
            ),
            rules(self._services.settings),
            datetime.now(UTC).date(),
        )

    def resource(self, reference: str) -> Mapping[str, Any] | None:
        """Return what a literal reference to this server leads to."""
        target = local(reference, self._request.base)
        if target is None or target[0] not in self._services.types:
            return None
        stored = self._transaction.read(*target)
        return None if stored is None or stored.deleted else _read(stored)

    def people(self, document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """Return the authors and structures that a document's references outside of itself lead to."""
        waiting, found = authors.outside(document), dict[str, Mapping[str, Any]]()
        for item in document.get("contained", []):
            waiting += _referred(item)
        while waiting and len(found) < _MOST_AUTHORS:
            text = waiting.pop()
            resource = None if text in found else self.resource(text)
            if resource is not None:
                found[text] = resource
                waiting += _referred(resource)
        return found

    def _patients(self, text: str) -> list[Known]:
        grant = decide(self._request.caller, "r", "Patient")
        return [
            Known(f"Patient/{stored.id}", _read(stored))
            for stored in self._select(text, "Patient")
            if visibility.sees(self._services, self._request, grant, stored)
        ]

    def _documents(self, text: str) -> list[Known]:
        known = []
        for stored in self._select(text, "DocumentReference"):
            if not self._services.guards.shows(self._services, self._request, stored):
                continue
            resource = _read(stored)
            name = f"DocumentReference/{stored.id}"
            known.append(Known(name, resource, self._first_sender(stored), self.people(resource)))
        return known

    def _first_sender(self, stored: Stored) -> Mapping[str, Any]:
        first = stored if stored.version == 1 else self._services.store.vread(stored.type, stored.id, 1)
        return cast("Mapping[str, Any]", first.origin.get("who", {})) if first is not None else {}

    def _select(self, text: str, kind: str) -> list[Stored]:
        """Return the resources that a literal or conditional reference selects, two at most."""
        match = _CONDITIONAL.fullmatch(text.removeprefix(f"{self._request.base}/"))
        if match is None:
            target = local(text, self._request.base)
            ids = [target[1]] if target is not None and target[0] == kind else []
        elif match[1] == kind:
            try:
                ids = identities(self._services, kind, query_pairs(match[2]), 2, self._transaction, self._request)
            except BadRequest:
                ids = []
        else:
            ids = []
        found = [self._transaction.read(kind, identity) for identity in ids]
        return [stored for stored in found if stored is not None and not stored.deleted]

    def _used(self, name: str) -> bool:
        """Tell whether a document bears a uniqueId now; what was claimed is known from the claims."""
        ids = identities(self._services, "DocumentReference", _bearing(name), 5, self._transaction)
        found = [self._transaction.read("DocumentReference", identity) for identity in ids]
        return any(stored is not None and unique_id(_read(stored)) == name for stored in found)


def _bearing(name: str) -> tuple[tuple[str, str], ...]:
    """Return the criteria of documents that bear a uniqueId, or another identifier that is the same."""
    system, _, value = name.partition("|")
    return (("identifier", "|".join(re.sub(r"([\\,$|])", r"\\\1", part) for part in (system, value))),)


def _referred(resource: Any) -> list[str]:
    if not isinstance(resource, dict):
        return []
    texts = (
        (resource.get(element) or {}).get("reference")
        for element in ("practitioner", "organization")
        if isinstance(resource.get(element), dict)
    )
    return [text for text in texts if isinstance(text, str) and not text.startswith("#")]


def _read(stored: Stored) -> dict[str, Any]:
    resource: dict[str, Any] = jsontext.read(stored.body)
    return resource
