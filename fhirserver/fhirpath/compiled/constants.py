"""External constants (`%name`): https://hl7.org/fhir/R4/fhirpath.html#variables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fhirserver.fhirpath.compiled.code import Code
from fhirserver.fhirpath.environment import Environment
from fhirserver.fhirpath.errors import fails
from fhirserver.fhirpath.model import BASE, STRING

if TYPE_CHECKING:
    from fhirserver.fhirpath.compiled.compiler import Compiler
    from fhirserver.fhirpath.grammar.syntax import Constant

_SYSTEMS: Final = {
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
    "ucum": "http://unitsofmeasure.org",
}
_VALUE_SETS: Final = "http://hl7.org/fhir/ValueSet/"


def constant(compiler: Compiler, tree: Constant) -> Code:
    """Compile an external constant; one that FHIR does not define is looked up in the environment when it runs."""
    name = tree.name
    model = compiler.model
    if name in ("resource", "rootResource"):
        if name == "resource":
            return Code(lambda this, env: env.resource, single=True, type=model.resource)  # noqa: ARG005 - a closure
        return Code(lambda this, env: env.root, single=True, type=model.resource)  # noqa: ARG005 - a closure
    if name == "context":
        compiler.uses_context = True
        return Code(lambda this, env: env.context, single=True)  # noqa: ARG005 - a closure's shape
    text = _SYSTEMS.get(name)
    if name.startswith("vs-"):
        text = _VALUE_SETS + name[3:]
    elif name.startswith("ext-"):
        text = BASE + name[4:]
    if text is not None:
        return Code(lambda this, env: text, single=True, type=STRING)  # noqa: ARG005 - a closure's shape

    def given(this: Any, env: Environment) -> list[Any]:  # noqa: ARG001 - a closure's shape
        if name not in env.variables:
            raise fails(f"constante inconnue : %{name}", f"unknown constant: %{name}")
        value = env.variables[name]
        return value if isinstance(value, list) else [] if value is None else [value]

    return Code(given, single=False)
