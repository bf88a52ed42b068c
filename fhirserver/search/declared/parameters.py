"""What a SearchParameter means on one resource type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from fhirserver.search.declared.expressions import Path
from fhirserver.search.values.keys import field_of

Kind = Literal["token", "string", "date", "reference", "quantity", "number", "uri", "composite", "special"]
KINDS: Final[frozenset[str]] = frozenset(get_args(Kind))


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a composite parameter.

    Attributes:
        kind: of the parameter that the part is.
        code: of that parameter, on the same resource type if it exists there.
        paths: from the composite's element to the part's values.
        targets: of a reference.
        covering: a parameter of the resource type that takes the same values from everywhere where the part does: its
            keys find the candidates; None where there is none.
    """

    kind: Kind
    code: str
    paths: tuple[Path, ...]
    targets: frozenset[str] = frozenset()
    covering: Parameter | None = None


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of one resource type.

    Attributes:
        code: its name in queries.
        kind: its type.
        url: canonical url of the SearchParameter.
        resource_type: on which it works.
        paths: where its values are.
        expression: the FHIRPath to evaluate where it is not a union of paths; empty otherwise.
        targets: resource types that it may refer to.
        components: of a composite.
        leaf_types: FHIR types of its elements.
        single: whether a resource has at most one such element.
        anchored: reference parameters: the types in whose compartments it puts the resource.
        systems: token parameters over `code` elements: the systems of the required value set.
        codes: the same: every code of that value set; empty where it is not enumerable or not required.
        description: in words.
    """

    code: str
    kind: Kind
    url: str
    resource_type: str
    paths: tuple[Path, ...] = ()
    expression: str = ""
    targets: frozenset[str] = frozenset()
    components: tuple[Component, ...] = ()
    leaf_types: frozenset[str] = frozenset()
    single: bool = False
    anchored: frozenset[str] = frozenset()
    systems: frozenset[str] = frozenset()
    codes: tuple[str, ...] = ()
    description: str = field(default="", repr=False)
    field: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", field_of(self.code))

    @property
    def coded(self) -> bool:
        """Whether its tokens are codes, which many resources share, and not identifiers."""
        return self.kind == "token" and not self.leaf_types & {"Identifier", "ContactPoint", "id", "string", "uri"}

    @property
    def canonical(self) -> bool:
        """Whether its elements are canonical urls or uris rather than references."""
        return bool(self.leaf_types) and "Reference" not in self.leaf_types


MAIN_DATES: Final = (
    "authoredon", "authored", "authored-on", "whenhandedover", "date", "recorded-date", "effective-time", "created",
    "sent", "recorded", "issued", "onset-date", "period", "start", "birthdate", "occurrence", "identified",
)  # fmt: skip
"""The parameter by whose value lists of a type are most often sorted: the first of these that the type has."""


@dataclass(frozen=True, slots=True)
class TypeParameters:
    """All parameters of one resource type.

    Attributes:
        by_code: each parameter.
        compartments: for each compartment type, the codes of the parameters that put a resource into it.
        status: code of the single-valued status parameter, kept apart for the index; None where there is none.
        main_date: code of the parameter that lists are sorted by; None where there is none.
    """

    resource_type: str
    by_code: Mapping[str, Parameter]
    compartments: Mapping[str, tuple[str, ...]]
    status: str | None
    main_date: str | None
