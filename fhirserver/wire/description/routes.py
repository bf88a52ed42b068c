"""The routes of FHIR as the description tells them: what each does, takes and answers.

Statuses: docs/rest.md. Whatever a route answers is listed there: a test sends requests and finds no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SYSTEM: Final = "Whole system"
TYPE: Final = "Types"
INSTANCE: Final = "Resources"
OPERATIONS: Final = "Operations"
LATER: Final = "Answered later"
SERVER: Final = "Server"
TAGS: Final = (
    (SYSTEM, "Capabilities, batch and transaction, search and history of everything."),
    (TYPE, "Create, search, and what is done to that which criteria select."),
    (INSTANCE, "Read, update, patch, delete one resource; its history."),
    (OPERATIONS, "FHIR operations: terminology, validation, the ordonnance numérique, the DMP."),
    (LATER, "State, result and withdrawal of requests sent with `Prefer: respond-async`."),
    (SERVER, "For operators and their tools."),
)

_READING: Final = (200, 400, 401, 403, 404, 405, 406, 429, 503)
_SEARCHING: Final = (*_READING, 202, 414)
_WRITING: Final = (200, 400, 401, 403, 404, 405, 406, 408, 409, 411, 412, 413, 415, 422, 429, 503)
CREATING: Final = (*_WRITING, 201)
INVOKED: Final = (*_WRITING, 201, 202, 204, 410, 423, 501)


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one address.

    Attributes:
        path: below the FHIR base, `{type}`, `{id}`, `{version}`, `{request}` standing for what varies.
        name: its operationId, which also names its examples.
        headers: request headers beyond Accept.
        query: query parameters by name, with an example value each.
        body: what the body is: a `resource`, a `patch`, a `form`, or none.
        statuses: what it may answer.
        shown: kind of its answer: a resource type, `resource` for any, `manifest`, or empty for none.
    """

    path: str
    method: str
    name: str
    tag: str
    summary: str
    statuses: tuple[int, ...]
    headers: tuple[str, ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    body: str = ""
    shown: str = "resource"


_PAGED: Final = (("_count", "5"),)
_BY_IDENTIFIER: Final = (("identifier", "urn:oid:1.2.250.1.999.42.9|EXEMPLE-1"),)
_SEARCHED: Final = (("_id", "exemple"), ("_lastUpdated", "ge2020-01-01"), *_PAGED, ("_sort", "-_lastUpdated"))
_HISTORY: Final = (("_since", "2020-01-01T00:00:00Z"), *_PAGED)

ROUTES: Final[tuple[Route, ...]] = (
    Route("/metadata", "get", "capabilities", SYSTEM, "What the server does, and its terminology.",
          (200, 304, 400, 405, 406), query=(("mode", "full"),), shown="CapabilityStatement"),
    Route("", "post", "transaction", SYSTEM, "Perform a transaction (all or nothing) or a batch.",
          (*_WRITING, 202, 410, 423, 501), ("Prefer",), body="resource", shown="Bundle"),
    Route("/{type}", "post", "create", TYPE, "Store a new resource; If-None-Exist makes it conditional.",
          CREATING, ("If-None-Exist", "Prefer"), body="resource"),
    Route("/{type}/{id}", "put", "update", INSTANCE, "Store the next version of a resource, or its first.",
          CREATING, ("If-Match", "If-None-Match", "Prefer"), body="resource"),
    Route("/{type}/{id}", "patch", "patch", INSTANCE, "Change a resource by one of four kinds of patch.",
          (*_WRITING, 410), ("If-Match", "Prefer"), body="patch"),
    Route("/{type}/{id}", "get", "read", INSTANCE, "The current version of a resource.",
          (*_READING, 304, 410, 416), ("If-None-Match", "If-Modified-Since")),
    Route("/{type}/{id}/_history", "get", "history-instance", INSTANCE, "The versions of a resource, newest first.",
          _READING, query=_HISTORY, shown="Bundle"),
    Route("/{type}/{id}/_history/{version}", "get", "vread", INSTANCE, "One version of a resource.",
          (*_READING, 304, 410, 416), ("If-None-Match",)),
    Route("/{type}", "get", "search-type", TYPE, "Search a type; all its parameters are in the CapabilityStatement.",
          _SEARCHING, ("Prefer",), _SEARCHED, shown="Bundle"),
    Route("/{type}/_search", "post", "search-form", TYPE, "Search a type by a form, out of addresses and logs.",
          (*_SEARCHING, 408, 411, 413, 415), ("Prefer",), body="form", shown="Bundle"),
    Route("/{type}/_history", "get", "history-type", TYPE, "The versions of all resources of a type.",
          _READING, query=_HISTORY, shown="Bundle"),
    Route("/{type}", "put", "conditional-update", TYPE, "Update what the criteria select, or create it.",
          CREATING, ("If-Match", "Prefer"), _BY_IDENTIFIER, body="resource"),
    Route("/{type}", "patch", "conditional-patch", TYPE, "Patch what the criteria select.",
          (*_WRITING, 410), ("If-Match", "Prefer"), _BY_IDENTIFIER, body="patch"),
    Route("", "get", "search-system", SYSTEM, "Search all types, or those of `_type`.",
          _SEARCHING, ("Prefer",), (("_type", "Patient"), *_PAGED), shown="Bundle"),
    Route("/_search", "post", "search-system-form", SYSTEM, "The same by a form.",
          (*_SEARCHING, 408, 411, 413, 415), ("Prefer",), body="form", shown="Bundle"),
    Route("/_history", "get", "history-system", SYSTEM, "The versions of all resources.",
          _READING, query=_HISTORY, shown="Bundle"),
)  # fmt: skip
LAST: Final[tuple[Route, ...]] = (
    Route("/{type}/{id}", "delete", "delete", INSTANCE, "Delete a resource; its history stays.",
          (*_WRITING, 204), ("If-Match",), shown=""),
    Route("/{type}", "delete", "conditional-delete", TYPE, "Delete what the criteria select.",
          (*_WRITING, 204), ("If-Match",), _BY_IDENTIFIER, shown=""),
    Route("/_async/{request}", "get", "async-state", LATER, "How far it is, then where its result is.",
          (*_READING, 202, 408, 409, 410, 412, 413, 415, 422, 423, 500), shown="manifest"),
    Route("/_async/{request}/result", "get", "async-result", LATER, "What the request is answered.",
          (*_READING, 408, 409, 410, 412, 413, 415, 422, 423, 500)),
    Route("/_async/{request}", "delete", "async-withdrawal", LATER, "Withdraw a request, or forget its answer.",
          (202, 400, 401, 403, 404, 405, 406, 429, 503), shown=""),
)  # fmt: skip
"""Told after the operations: what deletes comes after what uses it."""
