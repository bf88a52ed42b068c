"""Reading the Parameters of an operation, and writing the Parameters of its answer.

See https://hl7.org/fhir/R4/parameters.html. Values of a GET's query arrive as strings, and are understood as such.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.issues import Text


class Inputs:
    """The parameters of one call, each read as what it must be."""

    def __init__(self, parameters: Mapping[str, Any], allowed: Collection[str]) -> None:
        """Take a Parameters resource.

        Raises:
            BadRequest: a parameter has no name, or one that the operation does not have.
        """
        self._given: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        listed = parameters.get("parameter") or ()
        for at, parameter in enumerate(listed if isinstance(listed, list) else ()):
            name = parameter.get("name") if isinstance(parameter, dict) else None
            if not isinstance(name, str) or name not in allowed:
                raise BadRequest(
                    Text(
                        f"Paramètre « {name} » inconnu ici ; paramètres possibles : {', '.join(sorted(allowed))}.",
                        f'Parameter "{name}" is unknown here; possible parameters: {", ".join(sorted(allowed))}.',
                    ),
                    code="not-supported",
                    expression=f"Parameters.parameter[{at}]",
                )
            self._given.setdefault(name, []).append((at, parameter))

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def require_one_way(self, *names: str) -> None:
        """Require that a code is given in one way only.

        Raises:
            BadRequest: two of these parameters are there, of which one would be passed over.
        """
        given = [name for name in names if name in self._given]
        if len(given) > 1:
            fr, en = " et ".join(f"« {name} »" for name in given), " and ".join(f'"{name}"' for name in given)
            raise BadRequest(
                Text(f"Donnez un seul de {fr}.", f"Give only one of {en}."),
                code="invalid",
                expression=f"Parameters.parameter[{self._given[given[1]][0][0]}]",
            )

    def text(self, name: str) -> str | None:
        """Return a string, code or uri; None where it is not given."""
        found = self.texts(name)
        if len(found) > 1:
            raise self._wrong(name, "une seule valeur", "one value")
        return found[0] if found else None

    def texts(self, name: str) -> list[str]:
        """Return every value of a repeating string, code or uri."""
        values = []
        for _, parameter in self._given.get(name, ()):
            value = _value(parameter)
            if not isinstance(value, str) or not value:
                raise self._wrong(name, "un texte non vide", "a text that is not empty")
            values.append(value)
        return values

    def required(self, name: str) -> str:
        """Return a string that must be given."""
        value = self.text(name)
        if value is None:
            raise missing(name)
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        value = self._one(name)
        if value is None:
            return default
        if value in (True, "true"):
            return True
        if value in (False, "false"):
            return False
        raise self._wrong(name, "true ou false", "true or false")

    def number(self, name: str) -> int | None:
        """Return an integer of 0 or more; None where it is not given."""
        value = self._one(name)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        raise self._wrong(name, "un entier positif ou nul", "an integer of 0 or more")

    def coding(self, name: str) -> dict[str, Any] | None:
        """Return a Coding with a code; None where it is not given."""
        value = self._one(name)
        if value is None:
            return None
        if not isinstance(value, dict) or not _is_coding(value):
            raise self._wrong(name, "un Coding avec un code", "a Coding with a code")
        if not value.get("system"):
            raise self._wrong(name, "un Coding avec un system", "a Coding with a system")
        return value

    def concept(self, name: str) -> list[dict[str, Any]] | None:
        """Return the codings of a CodeableConcept; None where it is not given."""
        value = self._one(name)
        if value is None:
            return None
        codings = value.get("coding") if isinstance(value, dict) else None
        if not isinstance(codings, list) or not all(map(_is_coding, codings)):
            raise self._wrong(name, "un CodeableConcept avec des codes", "a CodeableConcept with codes")
        return codings

    def resource(self, name: str, kind: str) -> dict[str, Any] | None:
        """Return a resource of that type; None where it is not given."""
        found = self._given.get(name)
        if not found:
            return None
        resource = found[0][1].get("resource")
        if not isinstance(resource, dict) or resource.get("resourceType") != kind:
            raise self._wrong(name, f"une ressource {kind}", f"a {kind} resource")
        return resource

    def parts(self, name: str) -> list[dict[str, Any]]:
        """Return, for each repetition of a parameter made of parts, its values by name of the part."""
        groups = []
        for _, parameter in self._given.get(name, ()):
            parts = parameter.get("part")
            if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
                raise self._wrong(name, "un paramètre composé (part)", "a parameter made of parts")
            groups.append({part["name"]: _value(part) for part in parts if "name" in part})
        return groups

    def _one(self, name: str) -> Any:
        found = self._given.get(name, [])
        if len(found) > 1:
            raise self._wrong(name, "une seule valeur", "one value")
        if not found:
            return None
        value = _value(found[0][1])
        if value is None:
            raise self._wrong(name, "une valeur", "a value")
        return value

    def _wrong(self, name: str, fr: str, en: str) -> BadRequest:
        at = self._given[name][0][0]
        return BadRequest(
            Text(f"Paramètre « {name} » : il faut {fr}.", f'Parameter "{name}": {en} is expected.'),
            code="value",
            expression=f"Parameters.parameter[{at}]",
        )


def missing(*names: str) -> BadRequest:
    """Return the failure of a call that lacks one of these parameters."""
    fr, en = " ou ".join(f"« {name} »" for name in names), " or ".join(f'"{name}"' for name in names)
    return BadRequest(
        Text(f"Il manque le paramètre {fr}.", f"The parameter {en} is missing."),
        code="required",
        expression="Parameters",
    )


def _value(parameter: Mapping[str, Any]) -> Any:
    return next((value for key, value in parameter.items() if key.startswith("value")), None)


def answer(*parameters: dict[str, Any] | None) -> dict[str, Any]:
    """Return a Parameters resource of these, without those that are None."""
    return {"resourceType": "Parameters", "parameter": [one for one in parameters if one is not None]}


def out(name: str, value: Any, kind: str = "") -> dict[str, Any] | None:
    """Return one parameter: None for no value; a list becomes its parts.

    Args:
        name: of the parameter.
        value: a value, or a list of parameters (some perhaps None).
        kind: the FHIR type, such as `Code`, where it does not follow from the value.
    """
    if value is None:
        return None
    if isinstance(value, list):
        return {"name": name, "part": [part for part in value if part is not None]}
    return {"name": name, f"value{kind or _kind(value)}": value}


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "Boolean"
    if isinstance(value, int):
        return "Integer"
    if isinstance(value, Decimal):
        return "Decimal"
    if isinstance(value, dict):
        return "Coding"
    return "String"


def _is_coding(value: Any) -> bool:
    """Return whether a value is a Coding with a code; its system may be missing."""
    if not isinstance(value, dict) or not value.get("code"):
        return False
    return all(isinstance(value.get(name, ""), str) for name in ("system", "version", "code", "display"))
