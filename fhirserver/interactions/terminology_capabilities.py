"""`GET metadata?mode=terminology`: what the terminology operations can be asked.

https://hl7.org/fhir/R4/terminologycapabilities.html; generated from the code systems and parameters in force.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fhirserver import __version__, jsontext
from fhirserver.operations.terminology import expand
from fhirserver.terminology import Terminology


def statement(terminology: Terminology, base: str, date: datetime) -> dict[str, Any]:
    """Return the TerminologyCapabilities of the server at a base url.

    Args:
        terminology: in force.
        base: the FHIR base url.
        date: since when it holds.
    """
    from fhir.resources.R4B.terminologycapabilities import (  # noqa: PLC0415 - half a second of a start
        TerminologyCapabilities,
    )

    content: dict[str, Any] = {
        "name": "Fhirserver",
        "title": "fhirserver",
        "status": "active",
        "date": date,
        "publisher": "fhirserver",
        "kind": "instance",
        "software": {"name": "fhirserver", "version": __version__},
        "implementation": {"description": "fhirserver: ordonnance numérique, DMP", "url": base},
        "lockedDate": False,
        "codeSystem": [_system(url, versions) for url, versions in sorted(terminology.systems().items())],
        "expansion": {
            "hierarchical": False,
            "paging": True,
            "incomplete": True,
            "parameter": [{"name": name} for name in sorted(expand.PARAMETERS)],
            "textFilter": "Mots de l'affichage, sans égard à la casse ni aux accents. "
            "Words of the display, whatever their case and accents.",
        },
        "codeSearch": "explicit",
        "validateCode": {"translations": False},
        "translation": {"needsMap": True},
    }
    model = TerminologyCapabilities(**content)
    written: dict[str, Any] = jsontext.read(model.model_dump_json(exclude_none=True).encode())
    return {"resourceType": "TerminologyCapabilities", **written}


def _system(url: str, versions: tuple[str, ...]) -> dict[str, Any]:
    listed = [{"code": version, "isDefault": version == versions[0]} for version in versions]
    return {"uri": url, "version": listed or None}
