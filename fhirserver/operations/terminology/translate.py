"""ConceptMap/$translate: a code in the terms of another system.

https://hl7.org/fhir/R4/conceptmap-operation-translate.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from fhirserver.errors import NotFound
from fhirserver.issues import Language, Text
from fhirserver.operations.inputs import Inputs, answer, missing, out
from fhirserver.terminology import Terminology

PARAMETERS: Final = frozenset(
    {
        "url",
        "conceptMap",
        "conceptMapVersion",
        "code",
        "system",
        "version",
        "source",
        "coding",
        "codeableConcept",
        "target",
        "targetsystem",
        "dependency",
        "reverse",
    }
)
MAX_OTHER_MAPS: Final = 5
"""Concept maps that refer to one another for what they do not map are followed so far."""

_NO_MATCH: Final = frozenset({"unmatched", "disjoint"})
_REVERSED: Final = {"wider": "narrower", "narrower": "wider", "subsumes": "specializes", "specializes": "subsumes"}


class Match(NamedTuple):
    """One translation: Coding, its relation to the source, the map it comes from, and what else it brings."""

    coding: dict[str, Any]
    equivalence: str
    source: str
    products: tuple[dict[str, Any], ...] = ()


class Wish(NamedTuple):
    """What is asked for beside the code."""

    reverse: bool
    target_system: str | None
    depends_on: frozenset[tuple[str, str]]


def translate(
    terminology: Terminology,
    parameters: dict[str, Any],
    *,
    concept_map: dict[str, Any] | None = None,
    language: Language = "fr",
) -> dict[str, Any]:
    """Return Parameters with `result`, `message` and one `match` for each translation.

    Args:
        terminology: where concept maps are found.
        parameters: of the call.
        concept_map: when asked of an instance.
        language: of the message.

    Raises:
        BadRequest: no code, or nothing to choose a concept map by.
        NotFound: no such concept map is loaded.
    """
    inputs = Inputs(parameters, PARAMETERS)
    codings = _codings(inputs)
    depends_on = frozenset(
        (str(one.get("element")), str(value.get("code") if isinstance(value, dict) else value))
        for one in inputs.parts("dependency")
        for value in _concept_values(one.get("concept"))
    )
    wish = Wish(inputs.flag("reverse"), inputs.text("targetsystem"), depends_on)
    maps = [concept_map] if concept_map else _maps(terminology, inputs, wish)
    found: dict[tuple[Any, ...], Match] = {}
    for coding in codings:
        for one in maps:
            for match in _matches(terminology, one, coding, wish):
                found.setdefault((match.coding.get("system"), match.coding.get("code"), match.equivalence), match)
    result = any(match.equivalence not in _NO_MATCH for match in found.values())
    said = None if result else _say_nothing(codings).say(language)
    return answer(out("result", result), out("message", said), *map(_written, found.values()))


def _concept_values(value: Any) -> list[Any]:
    codings = value.get("coding") if isinstance(value, dict) else None
    return codings if isinstance(codings, list) else [value]


def _codings(inputs: Inputs) -> list[dict[str, Any]]:
    inputs.require_one_way("code", "coding", "codeableConcept")
    code, coding, concept = inputs.text("code"), inputs.coding("coding"), inputs.concept("codeableConcept")
    if code is not None:
        return [{"system": inputs.required("system"), "code": code}]
    if coding is not None:
        return [coding]
    if concept:
        return concept
    raise missing("code", "coding", "codeableConcept")


def _maps(terminology: Terminology, inputs: Inputs, wish: Wish) -> list[dict[str, Any]]:
    """Return the concept maps that the call names, or that lead from its source to its target."""
    posted = inputs.resource("conceptMap", "ConceptMap")
    if posted:
        return [posted]
    url = inputs.text("url")
    if url is not None:
        version = inputs.text("conceptMapVersion") or url.partition("|")[2]
        found = terminology.resource("ConceptMap", url)
        if found is None or (version and found.get("version") != version):
            raise NotFound(
                Text(
                    f"La table de correspondance {url} n'est pas chargée sur ce serveur.",
                    f"The concept map {url} is not loaded on this server.",
                )
            )
        return [found]
    source, target = inputs.text("source"), inputs.text("target")
    if not (source or target or wish.target_system):
        raise missing("url", "conceptMap", "target", "targetsystem")
    return [
        one
        for one in terminology.all("ConceptMap")
        if _is_end(one, "source", source) and _is_end(one, "target", target)
    ]


def _is_end(concept_map: dict[str, Any], end: str, canonical: str | None) -> bool:
    """Whether a map starts from (or leads to) a value set; always where none is asked for."""
    stated = concept_map.get(f"{end}Canonical") or concept_map.get(f"{end}Uri") or ""
    return canonical is None or stated.partition("|")[0] == canonical.partition("|")[0]


def _matches(
    terminology: Terminology, concept_map: dict[str, Any], coding: dict[str, Any], wish: Wish, depth: int = 0
) -> Iterator[Match]:
    origin = concept_map.get("url") or concept_map.get("id") or ""
    here, there = ("target", "source") if wish.reverse else ("source", "target")
    for group in concept_map.get("group") or ():
        if group.get(here) != coding.get("system"):
            continue
        if wish.target_system and group.get(there) != wish.target_system:
            continue
        found = list(_in_group(group, coding["code"], wish, origin))
        yield from found
        unmapped = group.get("unmapped")
        if unmapped and not found and not wish.reverse:
            yield from _unmapped(terminology, group, coding, wish, depth)


def _in_group(group: dict[str, Any], code: str, wish: Wish, origin: str) -> Iterator[Match]:
    for element in group.get("element") or ():
        if not wish.reverse and element.get("code") != code:
            continue
        for target in element.get("target") or ():
            equivalence = target.get("equivalence") or "relatedto"
            needed = {(one.get("property"), one.get("value")) for one in target.get("dependsOn") or ()}
            if not needed <= wish.depends_on:
                continue
            if not wish.reverse:
                products = tuple(target.get("product") or ())
                yield Match(_coding(group.get("target"), target), equivalence, origin, products)
            elif target.get("code") == code:
                yield Match(_coding(group.get("source"), element), _REVERSED.get(equivalence, equivalence), origin)


def _coding(system: str | None, concept: dict[str, Any]) -> dict[str, Any]:
    coding = {"system": system, "code": concept.get("code"), "display": concept.get("display")}
    return {key: value for key, value in coding.items() if value}


def _unmapped(
    terminology: Terminology, group: dict[str, Any], coding: dict[str, Any], wish: Wish, depth: int
) -> Iterator[Match]:
    rule = group["unmapped"]
    mode, target = rule.get("mode"), group.get("target")
    if mode == "provided":
        yield Match(_coding(target, coding), "equal", "")
    elif mode == "fixed":
        yield Match(_coding(target, rule), "relatedto", "")
    elif mode == "other-map" and depth < MAX_OTHER_MAPS:
        other = terminology.resource("ConceptMap", rule.get("url") or "")
        if other:
            yield from _matches(terminology, other, coding, wish, depth + 1)


def _written(match: Match) -> dict[str, Any] | None:
    products = [
        out(
            "product",
            [
                out("element", product.get("property"), "Uri"),
                out("concept", _coding(product.get("system"), {**product, "code": product.get("value")})),
            ],
        )
        for product in match.products
    ]
    return out(
        "match",
        [
            out("equivalence", match.equivalence, "Code"),
            out("concept", match.coding or None),
            *products,
            out("source", match.source or None, "Uri"),
        ],
    )


def _say_nothing(codings: list[dict[str, Any]]) -> Text:
    asked = ", ".join(f"{one.get('system')}|{one['code']}" for one in codings)
    return Text(f"Aucune correspondance pour {asked}.", f"No translation for {asked}.")
