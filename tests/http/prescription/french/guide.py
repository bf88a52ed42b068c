"""The 89 example requests of the eprescription guide, as an editor would push them: whole, linked and without faults.

As published they sit in searchset Bundles without fullUrl, refer to each other as if contained (`#id`), cite patients
and practitioners that are not there, and hold a few faults; each is mended here.
"""

from __future__ import annotations

import tarfile
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from fhirserver import jsontext
from fhirserver.demo import people
from fhirserver.prescription import lines

PACKAGE: Final = Path(__file__).parents[4].parent / "shared" / "packages" / "ans.fhir.fr.eprescription-1.1.0-ballot.tgz"
Json = dict[str, Any]
_PLACEHOLDER: Final = "http://BogusSystemMedicabase.com"
_GUIDE: Final = "https://interop.esante.gouv.fr/ig/fhir/eprescription/StructureDefinition/"
_SNOMED: Final = "http://snomed.info/sct"
_SMS: Final = "http://data.esante.gouv.fr/ansm/medicament/codeSMS"
_COMMUNES: Final = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
_INS: Final = "urn:oid:1.2.250.1.213.1.4.8"
_DISCHARGE: Final = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category", "code": "discharge"}]
}
_TEN_DAYS: Final = {"value": 10, "unit": "jour", "system": "http://unitsofmeasure.org", "code": "d"}
_WORDS: Final = ("strength", "dose", "intakes", "posology", "duration")


def examples() -> Iterator[tuple[str, list[Json]]]:
    """Yield name and resources of each example that holds requests."""
    with tarfile.open(PACKAGE) as package:
        for member in sorted(package, key=lambda each: each.name):
            if member.name.startswith("package/example/Bundle-"):
                stream = package.extractfile(member)
                assert stream is not None
                name = Path(member.name).stem.removeprefix("Bundle-")
                yield name, [entry["resource"] for entry in jsontext.read(stream.read())["entry"]]


def requests(resources: list[Json]) -> list[Json]:
    """Return the lines of an example."""
    return [each for each in resources if each["resourceType"] == "MedicationRequest"]


def in_the_city(resources: list[Json]) -> bool:
    """Tell whether an example is of the city's profile, not of the hospital's."""
    return all(each["meta"]["profile"][0].endswith("/fr-medicationrequest") for each in requests(resources))


def transaction(name: str, resources: list[Json], now: datetime) -> Json:
    """Return an example as a transaction: what it refers to supplied, dated now, its faults mended."""
    doctor = people.practitioner(people.PRESCRIBER_RPPS, "LEFÈVRE", "Hélène")
    supplied = [_known(people.patient(), people.INS_TEST), _known(doctor, people.NATIONAL_PROFESSIONAL_ID)]
    patient, prescriber = (entry["fullUrl"] for entry in supplied)
    urls = {each["id"]: f"urn:uuid:{uuid.uuid4()}" for each in resources}
    places = {f"#{each}": url for each, url in urls.items()}
    places |= _misnamed(resources, urls)
    entries = []
    for each in resources:
        content = _mended(each, places, patient, now - _drafted(resources))
        if each["resourceType"] == "MedicationRequest":
            _complete(content, patient, prescriber, now)
            if not in_the_city(resources):
                entries += _leaving_hospital(content)
        if each["resourceType"] in ("MedicationRequest", "RequestGroup") and "groupIdentifier" in content:
            content["groupIdentifier"]["value"] += f"-{name}"
        entries.append(_entry(urls[content.pop("id")], content))
    return {"resourceType": "Bundle", "type": "transaction", "entry": [*supplied, *entries]}


def written_in_words(bundle: Json) -> Json:
    """Return a transaction whose lines say in words what the law wants in words."""
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "MedicationRequest":
            said = [{"url": part, "valueString": "selon la mention 1"} for part in _WORDS]
            words = {"url": "urn:fhirserver:StructureDefinition:in-words", "extension": said}
            entry["resource"].setdefault("extension", []).append(words)
    return bundle


def _entry(url: str, content: Json) -> Json:
    return {"fullUrl": url, "resource": content, "request": {"method": "POST", "url": content["resourceType"]}}


def _known(resource: Json, system: str) -> Json:
    entry = _entry(f"urn:uuid:{uuid.uuid4()}", resource)
    entry["request"]["ifNoneExist"] = f"identifier={system}|{resource['identifier'][0]['value']}"
    return entry


def _drafted(resources: list[Json]) -> datetime:
    return datetime.fromisoformat(requests(resources)[0]["authoredOn"])


def _references(content: Any) -> Iterator[str]:
    for each in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
        yield from _references(each)
    if isinstance(content, dict) and isinstance(content.get("reference"), str):
        yield content["reference"]


def _misnamed(resources: list[Json], urls: dict[str, str]) -> dict[str, str]:
    """Return what references mean that name no Medication or no line of the example: the one that nobody names."""
    named = {each for one in resources for each in _references(one)}
    groups = [each for each in resources if each["resourceType"] == "RequestGroup"]
    meant = {
        "Medication": [each.get("medicationReference", {}).get("reference") for each in requests(resources)],
        "MedicationRequest": [part["resource"]["reference"] for group in groups for part in group["action"]],
    }
    places = {}
    for kind, references in meant.items():
        known = {f"#{each['id']}" for each in resources if each["resourceType"] == kind}
        unknown = [each for each in references if each is not None and each not in known]
        forgotten = known - named
        places |= {each: urls[forgotten.pop()[1:]] for each in unknown}
    return places


def _mended(content: Any, places: dict[str, str], patient: str, later: timedelta) -> Any:
    """Return a copy without narrative, its links, codes, ratios and intervals mended, its periods moved to now."""
    if isinstance(content, list):
        return [_mended(each, places, patient, later) for each in content]
    if not isinstance(content, dict):
        return content
    copy = {
        name: _mended(value, places, patient, later)
        for name, value in content.items()
        if name != "text" or isinstance(value, str)
    }
    reference = copy.get("reference")
    if isinstance(reference, str):
        copy["reference"] = patient if reference.startswith("Patient/") else places.get(reference, reference)
    if copy.get("system") == _PLACEHOLDER:
        copy["system"] = _SMS
    if str(copy.get("system", "")).endswith("TRE-R13-Commune"):
        copy["system"] = _COMMUNES
    if "boundsPeriod" in copy:
        copy["boundsPeriod"] = {end: _moved(moment, later) for end, moment in copy["boundsPeriod"].items()}
    _mend_parts(copy)
    return copy


def _mend_parts(copy: Json) -> None:
    if "countMax" in copy:
        copy.setdefault("count", copy["countMax"])
    if "periodMax" in copy:
        copy.setdefault("period", copy["periodMax"])
    if "timeOfDay" in copy:
        copy.pop("when", None)
    if "numerator" in copy:
        copy.setdefault("denominator", {"value": 1})
    if copy.get("resourceType") == "Patient":
        _mend_patient(copy)
    for part in copy.get("ingredient", ()):
        if any(coding["system"] == _SNOMED for coding in part.get("itemCodeableConcept", {}).get("coding", ())):
            part["itemCodeableConcept"] = {"text": part["itemCodeableConcept"]["text"]}


def _mend_patient(patient: Json) -> None:
    patient.setdefault("gender", "male")
    family = next(name["family"] for name in patient["name"] if "family" in name)
    for name in patient["name"]:
        name.setdefault("family", family)
    for identifier in patient["identifier"]:
        if identifier["system"] == _INS:
            identifier["value"] = people.ins(identifier["value"][:13])


def _moved(moment: str, later: timedelta) -> str:
    read = datetime.fromisoformat(moment)
    return ((read if read.tzinfo else read.replace(tzinfo=lines.PARIS)) + later).isoformat(timespec="seconds")


def _complete(line: Json, patient: str, prescriber: str, now: datetime) -> None:
    """Give a line its patient and prescriber, the date of today, and an extent where it says none."""
    line["authoredOn"] = now.isoformat(timespec="seconds")
    if "reference" not in line["subject"]:
        line["subject"] = {"reference": patient}
    line["requester"] = {"reference": prescriber}
    asked = line.setdefault("dispenseRequest", {})
    asked["numberOfRepeatsAllowed"] = 0
    read = lines.read(line)
    if read.days is None and read.quantity is None:
        asked["expectedSupplyDuration"] = _TEN_DAYS


def _leaving_hospital(line: Json) -> list[Json]:
    """Have a line executed in the city; its profile takes a medicine as a Medication only."""
    line["category"] = [_DISCHARGE]
    if "medicationCodeableConcept" not in line:
        return []
    url = f"urn:uuid:{uuid.uuid4()}"
    profile = f"{_GUIDE}fr-medication-noncompound"
    medicine = {
        "resourceType": "Medication",
        "meta": {"profile": [profile]},
        "code": line.pop("medicationCodeableConcept"),
    }
    line["medicationReference"] = {"reference": url}
    return [_entry(url, medicine)]
