"""Which interaction a method and a path ask for (https://hl7.org/fhir/R4/http.html#summary)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.errors import BadRequest, Failure, Forbidden, Gone, MethodNotAllowed, NotFound
from fhirserver.interactions import create, delete, history, patch, read, search, transaction, update, vread
from fhirserver.interactions.bundles import bundle
from fhirserver.interactions.bundles.entries import Entry
from fhirserver.interactions.exchange import Answer, Request
from fhirserver.interactions.later import accepting, answering
from fhirserver.interactions.services import Services
from fhirserver.interactions.shown import binary, subset
from fhirserver.interactions.shown.selecting import beside_an_id
from fhirserver.interactions.writes import conditional
from fhirserver.issues import Text

ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""https://hl7.org/fhir/R4/datatypes.html#id."""

_WRITES: Final = ("PUT", "PATCH", "DELETE")

Handler = Callable[[], Answer]


class Router:
    """Performs requests; entries of a batch come back to it one by one."""

    def __init__(self, services: Services) -> None:
        self._services = services
        services.router = self

    def perform(self, request: Request) -> Answer:
        """Perform one interaction.

        Raises:
            Failure: it is refused; a refusal of access is recorded.
        """
        try:
            if accepting.takes(self._services, request):
                return accepting.accept(self._services, request)
            return binary.returned(self._services, request, self._route(request))
        except (Forbidden, NotFound, Gone) as failure:
            kind = request.path[0] if request.path else None
            identity = request.path[1] if len(request.path) > 1 else None
            # what is hidden and what is not there leave the same record: neither the answer nor its time tells which
            if isinstance(failure, Forbidden) or (kind in self._services.types and identity is not None):
                request.record("refused", kind, identity, method=request.method, rule=failure.issues[0].rule)
            raise

    def concerns(self, request: Request, resource: dict[str, Any]) -> bool:
        """Tell whether a create or update that came alone is for a guard to plan."""
        alone = Entry(0, request.method, request.path, request.query, resource, None, {})
        return bool(self._services.guards.concerned(request, [alone]))

    def push(self, request: Request, resource: dict[str, Any]) -> Answer:
        """Perform a create or update that came alone as a transaction of one entry."""
        return transaction.alone(self._services, request, resource)

    def capabilities(self, base: str, parameters: Sequence[tuple[str, str]]) -> Answer:
        """Answer `GET metadata`, the one interaction that needs no caller."""
        answer = self._services.capabilities.answer(base, dict(parameters).get("mode", "full"))
        cut = subset.choose(self._services.definitions, parameters)
        if cut is not None and answer.json is not None:
            answer.json = jsontext.write(cut(jsontext.read(answer.json)))
        return answer

    def _route(self, request: Request) -> Answer:  # noqa: PLR0911 - one return for each form of address
        path, services = request.path, self._services
        if not path:
            return _by_method(
                request.method,
                POST=lambda: bundle.perform(services, request),
                GET=lambda: search.everywhere(services, request),
            )
        first = path[0]
        if first[:1].isupper():
            if first not in services.types:
                raise _unknown_type(first)
            return self._of_type(request, first, path[1:])
        if len(path) == 1:
            if first == "metadata":
                return _by_method(request.method, GET=lambda: self.capabilities(request.base, request.pairs()))
            if first == "_history":
                return _by_method(request.method, GET=lambda: history.of_system(services, request))
            if first == "_search":
                return _by_method(request.method, POST=lambda: search.everywhere_by_form(services, request))
            if first.startswith("$"):
                return services.operations.invoke(services, request, first[1:], None, None)
        if first == accepting.PLACE and request.unit is None:
            return self._of_later(request, path[1:])
        raise _unknown_route(path)

    def _of_type(self, request: Request, kind: str, rest: tuple[str, ...]) -> Answer:  # noqa: PLR0911 - one return for each form of address
        services = self._services
        if not rest:
            return _by_method(
                request.method,
                GET=lambda: search.of_type(services, request, kind),
                POST=lambda: create.create(services, request, kind),
                PUT=lambda: conditional.update(services, request, kind),
                PATCH=lambda: conditional.patch(services, request, kind),
                DELETE=lambda: conditional.delete(services, request, kind),
            )
        second = rest[0]
        if len(rest) == 1:
            if second == "_history":
                return _by_method(request.method, GET=lambda: history.of_type(services, request, kind))
            if second == "_search":
                return _by_method(request.method, POST=lambda: search.by_form(services, request, kind))
            if second.startswith("$"):
                return services.operations.invoke(services, request, second[1:], kind, None)
        if not ID.fullmatch(second):
            raise _malformed_id(second) if request.method == "PUT" else _unknown_route(request.path)
        if len(rest) == 1:
            if request.method == "GET":
                return read.read(services, request, kind, second)
            if request.query and request.method in _WRITES and (stray := beside_an_id(request.query)):
                raise BadRequest(stray, rule="criteria")
            return _by_method(
                request.method,
                GET=lambda: read.read(services, request, kind, second),
                PUT=lambda: update.update(services, request, kind, second),
                PATCH=lambda: patch.patch(services, request, kind, second),
                DELETE=lambda: delete.delete(services, request, kind, second),
            )
        return self._of_instance(request, kind, second, rest[1:])

    def _of_later(self, request: Request, rest: tuple[str, ...]) -> Answer:
        """Answer for a request that is answered later: its state, its result, its withdrawal."""
        if len(rest) == 1:
            return _by_method(
                request.method,
                GET=lambda: answering.state(self._services, request, rest[0]),
                DELETE=lambda: answering.withdraw(request, rest[0]),
            )
        if rest[1:] == (answering.RESULT,):
            return _by_method(request.method, GET=lambda: answering.result(self._services, request, rest[0]))
        raise _unknown_route(request.path)

    def _of_instance(self, request: Request, kind: str, identity: str, rest: tuple[str, ...]) -> Answer:
        services, third = self._services, rest[0]
        if third == "_history" and len(rest) == 1:
            return _by_method(request.method, GET=lambda: history.of_instance(services, request, kind, identity))
        if third == "_history" and len(rest) == 2:  # noqa: PLR2004 - _history/version
            return _by_method(request.method, GET=lambda: vread.vread(services, request, kind, identity, rest[1]))
        if third.startswith("$") and len(rest) == 1:
            return services.operations.invoke(services, request, third[1:], kind, identity)
        if third == "*" or third in services.types:
            if len(rest) == 1:
                return _by_method(
                    request.method, GET=lambda: search.compartment(services, request, kind, identity, third)
                )
            if rest[1:] == ("_search",):
                return _by_method(
                    request.method,
                    POST=lambda: search.compartment_by_form(services, request, kind, identity, third),
                )
        raise _unknown_route(request.path)


def _by_method(method: str, **handlers: Handler) -> Answer:
    handler = handlers.get(method)
    if handler is None:
        allowed = ", ".join([*handlers, "HEAD"] if "GET" in handlers else handlers)
        raise MethodNotAllowed(
            Text(
                f"{method[:20]} n'est pas offert sur cette adresse ; offerts : {allowed}.",
                f"{method[:20]} is not offered on this address; offered: {allowed}.",
            ),
            headers={"Allow": allowed},
            rule="method",
        )
    return handler()


def _malformed_id(identity: str) -> BadRequest:
    return BadRequest(
        Text(
            f"« {identity[:80]} » n'est pas un id FHIR : 1 à 64 lettres, chiffres, tirets ou points.",
            f'"{identity[:80]}" is no FHIR id: 1 to 64 letters, digits, hyphens or dots.',
        ),
        code="value",
        rule="id",
    )


def _unknown_type(name: str) -> NotFound:
    return NotFound(
        Text(
            f"« {name[:64]} » n'est pas un type de ressource offert par ce serveur (voir metadata).",
            f'"{name[:64]}" is no resource type that this server offers (see metadata).',
        ),
        code="not-supported",
        rule="unknown-type",
    )


def _unknown_route(path: Sequence[Any]) -> Failure:
    shown = "/".join(path)[:100]
    return NotFound(
        Text(
            f"Aucune interaction FHIR à l'adresse « {shown} ».",
            f'No FHIR interaction at the address "{shown}".',
        ),
        rule="unknown-route",
    )
