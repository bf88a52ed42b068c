"""The indexes by which every search finds its candidates (docs/decisions/search-index.md has the measurements)."""

from __future__ import annotations

from typing import Final

from fhirserver.store.indexes import Index

KEYS: Final = "search_keys"
COMPARTMENT_UPDATED: Final = "search_compartment_updated"
COMPARTMENT_DATE: Final = "search_compartment_date"
TYPE_UPDATED: Final = "type_updated"
"""The store's own."""

_IN_COMPARTMENTS: Final = {"partialFilterExpression": {"s.a": {"$exists": True}}}

INDEXES: Final = (
    Index(
        "resources",
        KEYS,
        (("t", 1), ("s.k", 1), ("u", 1), ("i", 1)),
        {"partialFilterExpression": {"live": True}},
    ),
    Index("resources", COMPARTMENT_UPDATED, (("s.a", 1), ("t", 1), ("u", 1), ("i", 1)), _IN_COMPARTMENTS),
    Index(
        "resources",
        COMPARTMENT_DATE,
        (("s.a", 1), ("t", 1), ("s.c", 1), ("s.d", 1), ("i", 1)),
        _IN_COMPARTMENTS,
    ),
)
"""To be made at start, beside the store's own."""
