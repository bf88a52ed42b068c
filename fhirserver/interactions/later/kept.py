"""A request as it is kept until its work begins, and made again of what was kept; the token is no part of it."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

from fhirserver import jsontext
from fhirserver.access.caller import Caller, Ins, Role
from fhirserver.access.scopes import Scope
from fhirserver.errors import BadRequest
from fhirserver.interactions.exchange import Content, Preference, Request
from fhirserver.issues import Text


def owner(caller: Caller) -> str:
    """Return who alone may know of what a caller asked for: one subject may act for several professionals or patients.

    Nor does an answer given in an emergency, or in a secret connection, come back outside of it. Names do change.
    """
    who = {key: value for key, value in sorted(caller.who().items()) if key != "name"}
    return jsontext.write([caller.issuer, who]).decode()


def write(request: Request) -> dict[str, Any]:
    """Return what is kept of a request beside its body; values that BSON knows."""
    caller = dataclasses.asdict(request.caller)
    caller["role"] = request.caller.role.value
    caller["scopes"] = [list(scope) for scope in request.caller.scopes]
    caller["ins"] = list(request.caller.ins) if request.caller.ins else None
    return {
        "method": request.method,
        "path": list(request.path),
        "query": request.query,
        "base": request.base,
        "language": request.language,
        "lenient": request.prefer.lenient,
        "returning": request.prefer.returning,
        "media": request.content.media if request.content else "",
        "origin": dict(request.origin),
        "caller": caller,
    }


def body(request: Request) -> bytes:
    """Return the body: a form as it was sent, a resource as JSON.

    Raises:
        BadRequest, Unreadable, UnsupportedMediaType, TooLarge: it cannot be read.
    """
    if request.method != "POST":
        return b""
    if _is_form(request):
        assert request.content is not None, "a request that came alone has a body"
        return request.content.read()
    return jsontext.write(request.parse())


def having(request: Request, data: bytes) -> Request:
    """Return a request whose body is at hand."""
    media = request.content.media if request.content else ""

    def parse() -> dict[str, Any]:
        if not data:
            raise BadRequest(Text("Le corps est vide.", "The body is empty."), rule="empty-body")
        read: dict[str, Any] = jsontext.read(data)
        return read

    return dataclasses.replace(request, parse=parse, content=Content(media, lambda: data, lambda: io.BytesIO(data)))


def read(content: dict[str, Any], data: bytes) -> Request:
    """Return the request that was kept."""
    given = dict(content["caller"])
    ins = given.pop("ins")
    caller = Caller(
        **{
            **given,
            "role": Role(given["role"]),
            "scopes": tuple(Scope(*scope) for scope in given["scopes"]),
            "ins": Ins(*ins) if ins else None,
        }
    )
    made = Request(
        method=content["method"],
        path=tuple(content["path"]),
        query=content["query"],
        caller=caller,
        base=content["base"],
        parse=dict,
        language=content["language"],
        prefer=Preference(content["returning"], content["lenient"]),
        content=Content(content["media"], bytes, io.BytesIO),
        origin=content["origin"],
    )
    return having(made, data)


def _is_form(request: Request) -> bool:
    return request.path[-1:] == ("_search",)
