"""Where an extension may stand: the contexts of its definition, and the rules it puts on what holds it.

https://hl7.org/fhir/R4/defining-extensions.html#context. Only what is surely not allowed is refused: a context that
names no element, or cannot be evaluated, is a fault of the guide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath import EvaluationError, ExpressionError
from fhirserver.validation.run import Path, Run
from fhirserver.validation.texts import rules as texts

if TYPE_CHECKING:
    from fhirserver.issues import Severity
    from fhirserver.validation.kit import Kit, Profile

_R4: Final = "http://hl7.org/fhir/StructureDefinition/"


def judge_context(profile: Profile, owner: dict[str, Any], path: Path, run: Run) -> None:
    """Judge the place of an extension by its definition.

    Args:
        profile: the extension's definition.
        owner: the object that holds the extension.
        path: of the extension.
        run: under way.
    """
    # R4 gives many of its own extensions a narrower context than it uses itself; later versions widened them
    severity: Severity = "warning" if profile.url.startswith(_R4) else "error"
    if not _fits(run.kit, profile, owner, path, run):
        places = [one.get("expression", "?") for one in profile.structure.get("context", ())]
        run.add(severity, "extension", path, "extension-context", texts.extension_not_here(profile.url, places))
    for rule in profile.structure.get("contextInvariant", ()):
        if run.invariants and not _holds(rule, owner, path, run):
            run.add(severity, "extension", path, "extension-context", texts.extension_rule(profile.url, rule))


def _fits(kit: Kit, profile: Profile, owner: dict[str, Any], path: Path, run: Run) -> bool:
    contexts = profile.structure.get("context", ())
    named = [one.get("expression", "") for one in contexts if one.get("type") not in ("fhirpath", "extension")]
    around = [one.get("expression", "") for one in contexts if one.get("type") == "extension"]
    found = [one.get("expression", "") for one in contexts if one.get("type") == "fhirpath"]
    if not contexts or (named and _named(kit, profile, named, path, run)):
        return True
    return _inside(around, owner) or any(_finds(expression, owner, run) for expression in found)


def _inside(urls: list[str], owner: dict[str, Any]) -> bool:
    """Return whether an extension that the definition names by its url is what holds the extension."""
    own = owner.get("url")
    if not urls or type(own) is not str:
        return False
    # the parts of a complex extension have names in place of urls: which extension they belong to is not looked up
    return ":" not in own or own in {one.partition("|")[0].partition("#")[0] for one in urls}


def _named(kit: Kit, profile: Profile, expressions: list[str], path: Path, run: Run) -> bool:
    """Return whether an element, type or extension that the definition names is what holds the extension."""
    names = _names(path)
    resource = run.scope.resource.get("resourceType")
    key = (profile.url, str(resource), names)
    known = kit.fits.get(key)
    if known is None:
        holders = kit.holders(names, resource if isinstance(resource, str) else "")
        known = not holders or any(one in holders or not kit.names_element(one) for one in expressions)
        kit.fits[key] = known
    return known


def _finds(expression: str, owner: dict[str, Any], run: Run) -> bool:
    """Return whether an expression, evaluated on the resource, finds what holds the extension."""
    if not run.invariants:
        return True
    try:
        found = run.kit.engine.compile(expression).evaluate(run.scope.resource, run.environment())
    except (ExpressionError, EvaluationError):
        return True
    return any(owner is getattr(one, "value", None) or owner is getattr(one, "sibling", None) for one in found)


def _holds(rule: str, owner: dict[str, Any], path: Path, run: Run) -> bool:
    """Return whether a rule of the definition is true of what holds the extension."""
    try:
        test = run.kit.engine.compile(rule, ".".join((str(run.scope.resource.get("resourceType")), *_names(path)))).test
        return bool(test(owner, run.environment()))
    except (ExpressionError, EvaluationError):
        return True


def _names(path: Path) -> tuple[str, ...]:
    """Return the names from the nearest resource down to the holder of the extension, without types and indices."""
    names: list[str] = []
    step: Path | None = path[0]
    while step is not None:
        above, name, _ = step
        if name in ("resource", "contained") or above is None:
            break
        names.append(name.partition(".")[0])
        step = above
    names.reverse()
    return tuple(names)
