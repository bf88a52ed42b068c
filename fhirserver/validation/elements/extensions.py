"""Extensions: judged by the slices of the profile and by their own definitions.

https://hl7.org/fhir/R4/extensibility.html. An extension that nobody here has defined is kept, with a warning; an
unknown modifier extension is refused, since it may turn the meaning of its element around.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fhirserver.validation.elements.contexts import judge_context
from fhirserver.validation.elements.formats import is_absolute, json_type
from fhirserver.validation.profiles.discriminators import extension_url
from fhirserver.validation.profiles.properties import Bounds
from fhirserver.validation.run import Check, Path, Rule, Run
from fhirserver.validation.texts import rules as texts
from fhirserver.validation.texts import structure as structure_texts

if TYPE_CHECKING:
    from fhirserver.validation.profiles.compiling import Compiler
    from fhirserver.validation.profiles.tree import Element

_CROSS_VERSION: Final = re.compile(r"http://hl7\.org/fhir/([0-9]+\.[0-9]+)/StructureDefinition/extension-.+")
_VERSIONS: Final = frozenset({"1.0", "3.0", "4.0", "4.3", "5.0"})
_EXTENSION: Final = "http://hl7.org/fhir/StructureDefinition/Extension"


def extension_rule(compiler: Compiler, holder: Element, *, modifier: bool, owner: str) -> Rule:
    """Return the rule of an `extension` or `modifierExtension` property.

    Args:
        compiler: of the profile at hand.
        holder: the element definition of the property, with its slices.
        modifier: whether it is `modifierExtension`.
        owner: FHIR type of the object that holds it.
    """
    return _Extensions(compiler, holder, modifier=modifier, owner=owner).judge


class _Extensions:
    """What a profile says of the extensions of one element."""

    def __init__(self, compiler: Compiler, holder: Element, *, modifier: bool, owner: str) -> None:
        self._kit = compiler.kit
        self._name = "modifierExtension" if modifier else "extension"
        self._modifier = modifier
        self._sliced: dict[str, tuple[Check, Bounds]] = {}
        for piece in holder.slices:
            url = extension_url(piece)
            if url is not None:
                most = None if piece.most == "*" else int(piece.most)
                bounds = Bounds(f"{self._name}:{piece.slice}", piece.least, most, piece.origin)
                self._sliced[url] = (compiler.value(piece, (piece.types or [{"code": "Extension"}])[0]), bounds)
        self._needed = tuple(url for url, (_, bounds) in self._sliced.items() if bounds.least)
        self._plain = compiler.kit.later("Extension")
        self._closed = (holder.definition.get("slicing") or {}).get("rules") == "closed"
        self._inside = owner == "Extension"
        self._outer = holder.profile
        self._origin = holder.origin

    def judge(self, value: Any, owner: dict[str, Any], path: Path, run: Run) -> None:
        """Judge the extensions of one object."""
        if type(value) is not list or not value:
            text = structure_texts.empty_array() if value == [] else structure_texts.array_wanted(json_type(value))
            run.error("structure", (path, self._name, -1), "json-array", text)
            return
        counts: dict[str, int] = {}
        for index, item in enumerate(value):
            at = (path, self._name, index)
            url = item.get("url") if type(item) is dict else None
            if type(url) is not str:
                self._plain(item, at, run)
            elif url in self._sliced:
                counts[url] = counts.get(url, 0) + 1
                self._sliced[url][0](item, at, run)
                if self._kit.tree(url) is None and is_absolute(url):
                    _judge_unknown(url, at, run, modifier=self._modifier)
            else:
                self._judge_other(item, url, owner, at, run)
        for url, found in counts.items():
            self._sliced[url][1].judge(found, (path, self._name, -1), run)
        for url in self._needed:
            if url not in counts:
                self._sliced[url][1].judge(0, (path, self._name, -1), run)

    def _judge_other(self, item: dict[str, Any], url: str, owner: dict[str, Any], path: Path, run: Run) -> None:
        """Judge an extension that the profile does not speak of."""
        if is_absolute(url):
            self._judge_defined(item, url, owner, path, run)
            if self._closed:
                run.error("extension", path, "slice-closed", structure_texts.no_slice(url, [], self._origin))
            return
        self._plain(item, path, run)
        if not self._inside:
            if url and not url.isspace():
                run.error("extension", path, "extension-url", texts.extension_url_relative(url))
        elif self._sliced and self._outer != _EXTENSION:
            text = texts.extension_inner_unknown(url, self._outer, list(self._sliced))
            run.error("extension", path, "extension-part", text)

    def _judge_defined(self, item: dict[str, Any], url: str, owner: dict[str, Any], path: Path, run: Run) -> None:
        """Judge an extension by its own definition."""
        profile = self._kit.profile(url)
        if profile is None or profile.type != "Extension":
            self._plain(item, path, run)
            _judge_unknown(url, path, run, modifier=self._modifier)
            return
        profile.check(item, path, run)
        is_modifier = bool(profile.root.definition.get("isModifier"))
        if is_modifier != self._modifier:
            run.error("extension", path, "modifier-place", texts.modifier_misplaced(url, is_modifier=is_modifier))
        judge_context(profile, owner, path, run)


def missing_extensions(holder: Element) -> Check | None:
    """Return the check of an object that has no extension at all, where its profile asks for some."""
    needed = [
        Bounds(f"{holder.name}:{piece.slice}", piece.least, None, piece.origin)
        for piece in holder.slices
        if piece.least and extension_url(piece)
    ]
    if not needed:
        return None
    name = holder.name

    def check(value: Any, path: Path, run: Run) -> None:
        if name not in value:
            for bounds in needed:
                bounds.judge(0, (path, name, -1), run)

    return check


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
