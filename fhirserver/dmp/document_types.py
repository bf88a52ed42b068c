"""Which class goes with each type of document: the project's own table, since no guide publishes one.

Types are those of JDV_J07, classes those of JDV_J06 (TRE_A03-ClasseDocument). Where the published exchanges use two
classes for a type, both are listed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from fhirserver.dmp.names import CLASSES, JDV_CLASSES, JDV_TYPES
from fhirserver.dmp.submissions.faults import fault, warning
from fhirserver.dmp.submissions.submission import codings
from fhirserver.issues import Issue
from fhirserver.terminology import Terminology
from fhirserver.terminology.verdicts import Verdict

_BY_CLASS: Final[dict[str, str]] = {
    # reports
    "10": "BIL_AUTO 11488-4 34112-3 11502-2 11505-5 11506-3 15507-7 15508-5 28617-9 34120-6 34749-2 34794-8 34842-5 "
    "34874-8 34875-5 34876-3 47420-5 51969-4 56445-0 59283-2 60280-5 60568-3 61357-0 67851-6 68814-3 68817-6 70004-7 "
    "75482-0 75492-9 77436-4 78513-9 78601-2 80820-4 83836-7 83901-9 85208-7 93024-8 96173-0 89233-1 97694-4 "
    "100967-9 28653-4 29274-8 96349-6 18761-7 11490-0 78341-5 83981-1 88348-8",
    # syntheses
    "11": "SYNTH 60591-5 34133-9 11490-0 18761-7 60280-5 78341-5 68599-0 74207-2 83981-1 88348-8 83963-9 57055-6 "
    "57057-2 57075-4 84067-8 89235-6 78489-2 11369-6 87273-9 101881-1 11488-4 34112-3 28653-4",
    "31": "18748-4 IMG-KOS 52040-3",
    "42": "57833-6 57832-8 57828-6 55115-0 PRESC-AAT PRESC-BIO PRESC-KINE PRESC-INF PRESC-PEDI PRESC-ORTHOPHO "
    "PRESC-ORTHOPTIE 75496-0 75468-9",
    "43": "60593-1 DISP_AUT 61357-0 75468-9",
    "44": "PROT_ALD 18776-5 77604-7 80771-9 80788-3 83869-8",
    "45": "80565-5 11369-6 87273-9",
    "52": "CERT_DECL ATTEST-RESID ATTEST-HEBGT 89601-9 86531-1 96874-3 59284-0 AUTORIS-SOINS",
    "60": "REMB ATTEST-DROITS-AM ATTEST-ASS-COMPL",
    "90": "EXPPAT_1 EXPPAT_2 EXPPAT_3 DOCPAT01 DOCPAT02 DOCPAT03 DOCPAT04 DOCPAT05 DOCPAT06 DOCPAT07 DOCPAT08 "
    "DOCPAT09 74465-6",
    "95": "51851-4 56446-8 PIECE-IDENTITE ATTEST-DROITS-AM ATTEST-ASS-COMPL ATTEST-RESID ATTEST-HEBGT FICHE-CONTACTS "
    "34895-3 EXPORT_DUI AUTORIS-SOINS 59284-0",
    "99": "FEUILLE-DE-STYLE E1762",
}


def _by_type() -> dict[str, frozenset[str]]:
    classes: dict[str, set[str]] = {}
    for each, types in _BY_CLASS.items():
        for name in types.split():
            classes.setdefault(name, set()).add(each)
    return {name: frozenset(found) for name, found in classes.items()}


CLASSES_OF_TYPE: Final[dict[str, frozenset[str]]] = _by_type()
"""Type code → the class codes that go with it. LOINC and TRE_A05 share no code."""


def check(
    document: Mapping[str, Any], path: str, terminology: Terminology, mismatch: Literal["warn", "refuse"]
) -> Iterator[Issue]:
    """Give what is wrong with a document's type and class.

    Args:
        document: a DocumentReference.
        path: its FHIRPath.
        terminology: decides on codes.
        mismatch: what a class that does not go with the type leads to.
    """
    types, classes = codings(document.get("type")), codings(document.get("category"))
    for position, coding in enumerate(classes):
        ours = coding.get("system") != CLASSES or coding.get("code") in _BY_CLASS
        if _outside(terminology, JDV_CLASSES, coding) or not ours:
            yield fault(
                f"{path}.category[0].coding[{position}]",
                "document-class",
                f"La classe {coding.get('code')} n'existe pas dans le jeu de valeurs JDV_J06 (10 compte rendu, "
                "42 prescription…).",
                f"The class {coding.get('code')} is not in the value set JDV_J06 (10 report, 42 prescription…).",
                "code-invalid",
            )
    for position, coding in enumerate(types):
        if coding.get("code") not in CLASSES_OF_TYPE and _outside(terminology, JDV_TYPES, coding):
            yield warning(
                f"{path}.type.coding[{position}]",
                "document-type",
                f"Le type {coding.get('code')} n'est pas du jeu de valeurs JDV_J07 : peu de lecteurs le comprendront.",
                f"The type {coding.get('code')} is not in the value set JDV_J07: few readers will understand it.",
                "code-invalid",
            )
    expected: set[str] = set()
    for coding in types:
        expected |= CLASSES_OF_TYPE.get(str(coding.get("code")), frozenset())
    given = {str(coding.get("code")) for coding in classes if coding.get("system") == CLASSES}
    if expected and given and not given & expected:
        make = fault if mismatch == "refuse" else warning
        type_code = next(str(coding.get("code")) for coding in types if str(coding.get("code")) in CLASSES_OF_TYPE)
        shown = ", ".join(sorted(expected))
        yield make(
            f"{path}.category",
            "class-of-type",
            f"La classe {', '.join(sorted(given))} ne va pas avec le type {type_code} ; attendue : {shown}.",
            f"The class {', '.join(sorted(given))} does not go with the type {type_code}; expected: {shown}.",
        )


def _outside(terminology: Terminology, value_set: str, coding: Mapping[str, Any]) -> bool:
    code = coding.get("code")
    if not isinstance(code, str):
        return False
    system = coding.get("system")
    verdict = terminology.member(value_set, system if isinstance(system, str) else None, code).verdict
    return verdict is Verdict.OUT
