"""CodeSystem/$lookup: what a code means. https://hl7.org/fhir/R4/codesystem-operation-lookup.html."""

from __future__ import annotations

from typing import Any, Final

from fhirserver.errors import NotFound
from fhirserver.issues import Text
from fhirserver.operations.inputs import Inputs, answer, missing, out
from fhirserver.terminology import CodeState, Designation, Terminology
from fhirserver.terminology.codesystem import CodeSystem
from fhirserver.terminology.computed import Grammar
from fhirserver.terminology.table import ABSTRACT, INACTIVE

PARAMETERS: Final = frozenset({"code", "system", "version", "coding", "displayLanguage", "property"})


def lookup(terminology: Terminology, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return name, version, display, designations and properties of a code, as Parameters.

    Raises:
        BadRequest: neither `code` with `system`, nor `coding`.
        NotFound: the code system is not loaded (in that version), or does not have the code.
    """
    inputs = Inputs(parameters, PARAMETERS)
    inputs.require_one_way("code", "coding")
    coding = inputs.coding("coding")
    if coding is None:
        if "code" not in inputs:
            raise missing("code", "coding")
        coding = {"system": inputs.required("system"), "code": inputs.required("code")}
    version = inputs.text("version") or coding.get("version") or ""
    source = require_system(terminology, coding["system"], version)
    status = terminology.status(source, coding["code"])
    if status.state in (CodeState.UNKNOWN, CodeState.UNVERIFIABLE):
        assert status.reason is not None
        raise NotFound(status.reason, code="not-found")
    if isinstance(source, Grammar):
        return answer(out("name", source.url), out("display", status.display or status.code))
    language = inputs.text("displayLanguage") or ""
    wanted = set(inputs.texts("property"))
    names = [name for name in status.designations[1:] if _wanted_language(name, wanted)]
    described = not wanted or "designation" in wanted or any(one.startswith("lang.") for one in wanted)
    return answer(
        out("name", source.name),
        out("version", source.version or None),
        out("display", status.name(language) or status.code),
        *(designation(name) for name in names if described),
        *_properties(source, status.code, wanted),
    )


def require_system(terminology: Terminology, url: str, version: str = "") -> CodeSystem | Grammar:
    """Return a code system that is loaded, of that version where one is asked for.

    Raises:
        NotFound: it is not.
    """
    source = terminology.system(url, version)
    if source is None or (isinstance(source, CodeSystem) and source.content == "not-present"):
        raise NotFound(
            Text(
                f"Le système de codes {url} n'est pas chargé sur ce serveur.",
                f"The code system {url} is not loaded on this server.",
            )
        )
    if version and isinstance(source, CodeSystem) and source.version not in ("", version):
        raise NotFound(
            Text(
                f"La version {version} de {url} n'est pas chargée ; le serveur a la {source.version}.",
                f"Version {version} of {url} is not loaded; the server has {source.version}.",
            )
        )
    return source


def designation(name: Designation) -> dict[str, Any] | None:
    """Return a designation as a parameter."""
    return out(
        "designation",
        [out("language", name.language or None, "Code"), out("use", name.use), out("value", name.value)],
    )


def _wanted_language(name: Designation, wanted: set[str]) -> bool:
    languages = {one.removeprefix("lang.") for one in wanted if one.startswith("lang.")}
    return not languages or name.language in languages or name.language.partition("-")[0] in languages


def _properties(source: CodeSystem, code: str, wanted: set[str]) -> list[dict[str, Any] | None]:
    table = source.table
    position = table.find(code)
    assert position is not None
    record = table.record(position)
    found: list[tuple[str, Any, str]] = []
    if record.get("definition"):
        found.append(("definition", record["definition"], ""))
    found += [("parent", table.code(parent), "Code") for parent in table.parents(position)]
    found += [("child", table.code(child), "Code") for child in table.children(position)]
    flags = table.flags(position)
    found.append(("inactive", bool(flags & INACTIVE), ""))
    found.append(("abstract", bool(flags & ABSTRACT), ""))
    for property_ in record.get("property") or ():
        name = property_.get("code")
        if name in ("parent", "child", "inactive", "abstract"):
            continue
        found += [(name, value, key[len("value") :]) for key, value in property_.items() if key.startswith("value")]
    return [
        out("property", [out("code", name, "Code"), out("value", value, kind)])
        for name, value, kind in found
        if not wanted or name in wanted
    ]
