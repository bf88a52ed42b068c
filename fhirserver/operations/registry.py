"""The operations in force: found by name and level, declared in the CapabilityStatement from here.

https://hl7.org/fhir/R4/operations.html. An operation is a module with an `OPERATION`; app.py registers them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fhirserver.errors import BadRequest, MethodNotAllowed, NotFound
from fhirserver.issues import Text

if TYPE_CHECKING:
    from fhirserver.interactions.exchange import Answer, Request
    from fhirserver.interactions.services import Services

OF_THE_ANSWER: Final = ("_format", "_pretty")


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation.

    Attributes:
        kind: the resource type in the address; None on system level.
        identity: the id in the address; None on system and type level.
    """

    services: Services
    request: Request
    kind: str | None
    identity: str | None

    def parameters(self, offered: Collection[str] | None = None) -> dict[str, list[Any]]:
        """Return the input by parameter name: from the query, and for a POST from a Parameters body as well.

        A body that is no Parameters is the one resource that the operation takes, named `resource`. Beside a body,
        `_format` and `_pretty` in the query are about the answer, not for the operation.

        Args:
            offered: names that the operation has; None: it looks for itself.

        Raises:
            BadRequest: `Parameters.parameter` is no list, or one of them is not offered.
        """
        given = self._given()
        if offered is None:
            return given
        for name in given:
            if name not in (*offered, *OF_THE_ANSWER):
                told = ", ".join(offered)
                raise BadRequest(
                    Text(
                        f"Paramètre « {name[:40]} » inconnu de cette opération ; offerts : {told or 'aucun'}.",
                        f'Parameter "{name[:40]}" is unknown to this operation; offered: {told or "none"}.',
                    ),
                    expression=f"http.{name[:40]}" if self.request.method == "GET" else "Parameters.parameter",
                    rule="parameter",
                )
        return given

    def _given(self) -> dict[str, list[Any]]:
        content = self.request.content
        bodiless = self.request.method == "GET" or (content is not None and not content.read())
        found: dict[str, list[Any]] = {}
        for name, value in self.request.pairs():
            if bodiless or name not in OF_THE_ANSWER:
                found.setdefault(name, []).append(value)
        if bodiless:
            return found
        body = self.request.parse()
        if body.get("resourceType") != "Parameters":
            found.setdefault("resource", []).append(body)
            return found
        listed = body.get("parameter", [])
        if not isinstance(listed, list):
            raise BadRequest(
                Text("Parameters.parameter doit être une liste.", "Parameters.parameter must be an array."),
                expression="Parameters.parameter",
                rule="parameter",
            )
        for part in listed:
            if isinstance(part, dict) and isinstance(part.get("name"), str):
                values = (item for key, item in part.items() if key.startswith(("value", "resource", "part")))
                found.setdefault(part["name"], []).append(next(values, None))
        return found


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    Attributes:
        name: without the dollar sign.
        run: performs it; decides on access by itself.
        definition: canonical url of its OperationDefinition.
        system, types, instances: the levels; `types` and `instances` list resource types, `("*",)` means all.
        reads: whether GET may invoke it (it changes nothing).
        later: whether it may be answered later (`Prefer: respond-async`): it reads much.
    """

    name: str
    run: Callable[[Call], Answer]
    definition: str
    system: bool = False
    types: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()
    reads: bool = True
    later: bool = False

    def offered(self, kind: str | None, identity: str | None) -> bool:
        """Tell whether it may be invoked there."""
        if kind is None:
            return self.system
        levels = self.types if identity is None else self.instances
        return "*" in levels or kind in levels


@dataclass(slots=True)
class Operations:
    """All operations in force."""

    all: tuple[Operation, ...] = ()
    _by_name: dict[str, list[Operation]] = field(default_factory=dict)

    def __init__(self, operations: Iterable[Operation] = ()) -> None:
        self.all = tuple(operations)
        self._by_name = {}
        for operation in self.all:
            self._by_name.setdefault(operation.name, []).append(operation)

    def invoke(self, services: Services, request: Request, name: str, kind: str | None, identity: str | None) -> Answer:
        """Invoke an operation.

        Raises:
            NotFound: there is none of that name on that level.
            MethodNotAllowed: GET on one that changes something, or a method other than GET and POST.
        """
        for operation in self._by_name.get(name, ()):
            if not operation.offered(kind, identity):
                continue
            allowed = ("GET", "POST") if operation.reads else ("POST",)
            if request.method not in allowed:
                shown = ", ".join(allowed)
                raise MethodNotAllowed(
                    Text(f"${name} s'appelle par {shown}.", f"${name} is invoked by {shown}."),
                    headers={"Allow": f"{shown}, HEAD" if operation.reads else shown},
                    rule="method",
                )
            return operation.run(Call(services, request, kind, identity))
        where = "/".join(part for part in (kind, identity and "[id]") if part)
        raise NotFound(
            Text(
                f"L'opération ${name[:64]} n'est pas offerte ici ({where or 'système'}).",
                f"The operation ${name[:64]} is not offered here ({where or 'system'}).",
            ),
            code="not-supported",
            rule="unknown-operation",
        )
