"""Extensions: judged by the slices of the profile and by their own definitions.

https://hl7.org/fhir/R4/extensibility.html. An extension that nobody here has defined is kept, with a warning; an
unknown modifier extension is refused, since it may turn the meaning of its element around.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fhirserver.validation.discriminators import extension_url
from fhirserver.validation.formats import is_absolute, json_type
from fhirserver.validation.properties import Bounds
from fhirserver.validation.run import Check, Path, Rule, Run
from fhirserver.validation.texts import rules as texts
from fhirserver.validation.texts import structure as structure_texts

if TYPE_CHECKING:
    from fhirserver.validation.compile import Compiler
    from fhirserver.validation.kit import Kit, Profile
    from fhirserver.validation.tree import Element

_CROSS_VERSION: Final = re.compile(r"http://hl7\.org/fhir/([0-9]+\.[0-9]+)/StructureDefinition/extension-.+")
_VERSIONS: Final = frozenset({"1.0", "3.0", "4.0", "4.3", "5.0"})


def extension_rule(compiler: Compiler, holder: Element, *, modifier: bool, owner: str) -> Rule:
    """Return the rule of an `extension` or `modifierExtension` property.

    Args:
        compiler: of the profile at hand.
        holder: the element definition of the property, with its slices.
        modifier: whether it is `modifierExtension`.
        owner: FHIR type of the object that holds it.
    """
    kit = compiler.kit
    name = "modifierExtension" if modifier else "extension"
    sliced: dict[str, tuple[Check, Bounds]] = {}
    for piece in holder.slices:
        url = extension_url(kit, piece)
        if url is None:
            continue
        most = None if piece.most == "*" else int(piece.most)
        bounds = Bounds(f"{name}:{piece.slice}", piece.least, most, piece.origin)
        sliced[url] = (compiler.value(piece, (piece.types or [{"code": "Extension"}])[0]), bounds)
    needed = tuple(url for url, (_, bounds) in sliced.items() if bounds.least)
    plain = kit.later("Extension")
    closed = (holder.definition.get("slicing") or {}).get("rules") == "closed"
    inside = owner == "Extension"
    outer = holder.profile

    def rule(value: Any, _owner: dict[str, Any], path: Path, run: Run) -> None:
        if type(value) is not list:
            run.error("structure", (path, name, -1), "json-array", structure_texts.array_wanted(json_type(value)))
            return
        if not value:
            run.error("structure", (path, name, -1), "json-empty-array", structure_texts.empty_array())
            return
        counts: dict[str, int] = {}
        index = 0
        for item in value:
            at = (path, name, index)
            index += 1
            url = item.get("url") if type(item) is dict else None
            if type(url) is not str:
                plain(item, at, run)
                continue
            known = sliced.get(url)
            if known is not None:
                counts[url] = counts.get(url, 0) + 1
                known[0](item, at, run)
                _judge_place(kit, url, at, run, modifier=modifier)
            elif inside and not is_absolute(url):
                plain(item, at, run)
                if sliced and outer != "http://hl7.org/fhir/StructureDefinition/Extension":
                    run.error(
                        "extension", at, "extension-part", texts.extension_inner_unknown(url, outer, list(sliced))
                    )
            else:
                _judge(kit, item, url, at, run, plain, modifier=modifier)
                if closed:
                    run.error("extension", at, "slice-closed", structure_texts.no_slice(url, [], holder.origin))
        for url, found in counts.items():
            sliced[url][1].judge(found, (path, name, -1), run)
        for url in needed:
            if url not in counts:
                sliced[url][1].judge(0, (path, name, -1), run)

    return rule


def missing_extensions(compiler: Compiler, holder: Element) -> Check | None:
    """Return the check of an object that has no extension at all, where its profile asks for some."""
    kit = compiler.kit
    needed = [
        Bounds(f"{holder.name}:{piece.slice}", piece.least, None, piece.origin)
        for piece in holder.slices
        if piece.least and extension_url(kit, piece)
    ]
    if not needed:
        return None
    name = holder.name

    def check(value: Any, path: Path, run: Run) -> None:
        if name not in value:
            for bounds in needed:
                bounds.judge(0, (path, name, -1), run)

    return check


def _judge(kit: Kit, item: dict[str, Any], url: str, path: Path, run: Run, plain: Check, *, modifier: bool) -> None:
    """Judge an extension that the profile does not speak of."""
    if not is_absolute(url):
        plain(item, path, run)
        if url and not url.isspace():
            run.error("extension", path, "extension-url", texts.extension_url_relative(url))
        return
    profile = kit.profile(url)
    if profile is None or profile.type != "Extension":
        plain(item, path, run)
        _judge_unknown(url, path, run, modifier=modifier)
        return
    profile.check(item, path, run)
    _judge_place(kit, url, path, run, modifier=modifier)


def _judge_unknown(url: str, path: Path, run: Run, *, modifier: bool) -> None:
    cross = _CROSS_VERSION.fullmatch(url)
    if cross and cross[1] not in _VERSIONS:
        run.error("extension", path, "extension-version", texts.extension_cross_version_wrong(url))
    elif modifier:
        run.error("extension", path, "modifier-unknown", texts.modifier_unknown(url))
    elif cross:
        run.warn("extension", path, "extension-unknown", texts.extension_cross_version(url))
    else:
        run.warn("extension", path, "extension-unknown", texts.extension_unknown(url))


def _judge_place(kit: Kit, url: str, path: Path, run: Run, *, modifier: bool) -> None:
    """Judge whether a defined extension may stand where it does."""
    profile = kit.profile(url)
    if profile is None:
        _judge_unknown(url, path, run, modifier=modifier)
        return
    is_modifier = bool(profile.root.definition.get("isModifier"))
    if is_modifier != modifier:
        run.error("extension", path, "modifier-place", texts.modifier_misplaced(url, is_modifier=is_modifier))
    if not _fits(kit, profile, path, run):
        places = [one.get("expression", "?") for one in profile.structure.get("context", ())]
        run.error("extension", path, "extension-context", texts.extension_not_here(url, places))


def _fits(kit: Kit, profile: Profile, path: Path, run: Run) -> bool:
    """Return whether an extension's definition allows it at a path; only what is surely not allowed is refused."""
    contexts = profile.structure.get("context", ())
    expressions = [one.get("expression", "") for one in contexts if one.get("type") in ("element", "extension")]
    if not expressions or len(expressions) < len(contexts):
        return True  # contexts by FHIRPath are not judged
    names = _names(path)
    known = kit.fits.get((profile.url, names))
    if known is None:
        resource = run.scope.resource.get("resourceType")
        holders = kit.holders(names, resource if isinstance(resource, str) else "")
        known = not holders or any(expression.partition("#")[2] or expression in holders for expression in expressions)
        kit.fits[profile.url, names] = known
    return known


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
