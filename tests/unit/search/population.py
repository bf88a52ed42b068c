"""Resources and queries made at random, rich in what is hard: partial dates, zones, units, accents, escapes."""

from __future__ import annotations

from random import Random
from typing import Any

BASE = "https://fhir.example.fr/fhir/"
SNOMED, LOINC, LOCAL = "http://snomed.info/sct", "http://loinc.org", "urn:local"
CODES = ["123", "A", "a", "a,b", "x|y", "c$d", "e\\f", "18", "1"]
SYSTEMS = [SNOMED, LOINC, LOCAL, None]
WORDS = [
    "Durand",
    "DURAND",
    "durand-lévy",
    "Éléonore",
    "Eleonore",
    "Müller",
    "O'Neil",
    "O’Neil",
    "œuvre",
    "de La Tour",
    "a_b",
    "50%",
    "x*y",
    "Ångström",
    "  deux  mots ",
]
DATES = [
    "1980",
    "1980-04",
    "1980-04-05",
    "2023-12-31",
    "2024",
    "2024-02",
    "2024-02-29",
    "2024-03-31",
    "2024-10-27",
    "2025-01-01",
    "2000-01-01",
]
MOMENTS = [
    "2024-03-31T02:30:00+01:00", "2024-03-31T03:30:00+02:00", "2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00",
    "2023-12-31T23:59:59Z", "2024-01-01T00:30:00+01:00", "2023-12-31T23:30:00Z", "2024-02-29T12:00:00.123+00:00",
    "2024-02-29T12:00:00Z", "1980-04-05T00:00:00+02:00", "2024-12-31T23:30:00-05:00", "2025-01-01T04:30:00Z",
    "2024-01-01T12:00:00+14:00", "2023-12-31T12:00:00-12:00",
]  # fmt: skip
ASKED_MOMENTS = ["2024-02-29T12:00", "2024-02-29T13:00:00", "2024-03-31T02:30", "2024-10-27T02:30", "2023-12-31T23:59Z",
                 "2024-02-29T12:00:00.1Z", "2024-01-01T00:00"]  # fmt: skip
"""As only queries write them: minutes, no zone, an hour that the clocks leave out or have twice."""
NUMBERS = [
    "0",
    "1",
    "5.4",
    "5.40",
    "5.35",
    "5.45",
    "100",
    "99.5",
    "100.5",
    "0.0054",
    "-3",
    "-3.5",
    "1000000",
    "5400",
    "71.5",
    "71.45",
    "71.55",
    "95",
    "105",
]
UNITS = ["g", "mg", "kg", "ug", "mL", "L", "h", "min", "d", "mg/dL", "g/L", "{tablet}", "mmol/L"]
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"]
URLS = [
    "http://a.fr/ValueSet/x",
    "http://a.fr/ValueSet/x/y",
    "http://a.fr/ValueSet/xy",
    "http://a.fr/ValueSet",
    "http://a.fr",
    "urn:oid:1.2.3",
    "urn:oid:1.2.3.4",
]


class Everything(dict[str, dict[str, dict[str, Any]]]):
    """Resources by type and id."""

    def __repr__(self) -> str:
        return "everything"


class Population:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def one(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def some(self, make: Any, most: int = 3) -> list[Any]:
        return [make() for _ in range(self.random.randrange(most + 1))]

    def coding(self) -> dict[str, Any]:
        found: dict[str, Any] = {"code": self.random.choice(CODES)}
        system = self.random.choice(SYSTEMS)
        if system:
            found["system"] = system
        if self.random.random() < 0.4:
            found["display"] = self.random.choice(WORDS).strip()
        return found

    def concept(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        codings = self.some(self.coding)
        if codings:
            found["coding"] = codings
        if not codings or self.random.random() < 0.3:
            found["text"] = self.random.choice(WORDS).strip()
        return found

    def identifier(self) -> dict[str, Any]:
        found: dict[str, Any] = {"value": self.random.choice(CODES)}
        system = self.random.choice(SYSTEMS)
        if system:
            found["system"] = system
        if self.random.random() < 0.4:
            found["type"] = {
                "coding": [{"system": LOCAL, "code": self.one("MR", "NI")}],
                "text": self.random.choice(WORDS).strip(),
            }
        return found

    def moment(self) -> str:
        return self.random.choice(DATES + MOMENTS)

    def period(self) -> dict[str, str]:
        found = {}
        if self.random.random() < 0.8:
            found["start"] = self.moment()
        end = self.moment()
        if not found or (found["start"] < end and self.random.random() < 0.6):
            found["end"] = end
        return found

    def quantity(self) -> dict[str, Any]:
        text = self.random.choice(NUMBERS)
        found: dict[str, Any] = {"value": float(text) if "." in text else int(text)}
        if self.random.random() < 0.8:
            code = self.random.choice(UNITS)
            found |= {"unit": self.one(code, "unité"), "system": "http://unitsofmeasure.org", "code": code}
        elif self.random.random() < 0.5:
            found |= {"unit": "boîte", "system": LOCAL, "code": "box"}
        if self.random.random() < 0.15:
            found["comparator"] = self.one("<", ">", "<=", ">=")
        return found

    def reference(self, *types: str) -> dict[str, Any]:
        kind, identity = self.random.choice(types), some_id(self.random)
        literal = self.one(
            f"{kind}/{identity}",
            f"{BASE}{kind}/{identity}",
            f"{kind}/{identity}/_history/2",
            f"https://other.fr/{kind}/{identity}",
        )
        found: dict[str, Any] = {"reference": literal}
        if self.random.random() < 0.2:
            found = {"identifier": self.identifier()}
        elif self.random.random() < 0.2:
            found["identifier"] = self.identifier()
        return found

    def meta(self) -> dict[str, Any]:
        return {
            "profile": self.some(lambda: self.random.choice(URLS)) or [URLS[0]],
            "tag": [self.coding()],
            "security": [self.coding()],
        }

    def patient(self) -> dict[str, Any]:
        name = {"family": self.random.choice(WORDS), "given": self.some(lambda: self.random.choice(WORDS)) or ["X"]}
        found: dict[str, Any] = {
            "resourceType": "Patient", "meta": self.meta(), "name": [name],
            "gender": self.one("male", "female", "other"), "active": self.random.random() < 0.5,
            "birthDate": self.random.choice(DATES),
            "address": [{"city": self.random.choice(WORDS), "line": [self.random.choice(WORDS)], "country": "FR"}],
            "telecom": [{"system": self.one("phone", "email"), "value": self.random.choice(CODES)}],
        }  # fmt: skip
        if identifiers := self.some(self.identifier):
            found["identifier"] = identifiers
        if self.random.random() < 0.5:
            found |= self.one(
                {"deceasedBoolean": False}, {"deceasedBoolean": True}, {"deceasedDateTime": self.moment()}
            )
        for absent in ("birthDate", "gender", "telecom", "address", "active"):
            if self.random.random() < 0.2:
                del found[absent]
        if self.random.random() < 0.6:
            found["generalPractitioner"] = [self.reference("Practitioner", "Organization")]
        return found

    def observation(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "resourceType": "Observation", "meta": self.meta(), "status": self.one("final", "amended", "preliminary"),
            "code": self.concept(), "subject": self.reference("Patient", "Group", "Device"),
        }  # fmt: skip
        found |= self.one(
            {"effectiveDateTime": self.moment()},
            {"effectivePeriod": self.period()},
            {"effectiveInstant": self.random.choice(MOMENTS)},
            {"effectiveTiming": {"event": [self.moment(), self.moment()]}},
            {},
        )
        found |= self.one(
            {"valueQuantity": self.quantity()},
            {"valueCodeableConcept": self.concept()},
            {"valueString": self.random.choice(WORDS)},
            {"valueDateTime": self.moment()},
            {},
        )
        if components := self.some(lambda: {"code": self.concept(), "valueQuantity": self.quantity()}):
            found["component"] = components
        if self.random.random() < 0.5:
            found["category"] = [self.concept()]
        if self.random.random() < 0.5:
            found["performer"] = [self.reference("Practitioner", "Patient", "Organization")]
        return found

    def value_set(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "resourceType": "ValueSet",
            "status": "active",
            "url": self.random.choice(URLS),
            "name": self.random.choice(WORDS).strip(),
        }
        found["compose"] = {"include": [{"valueSet": [self.one(URLS[0], URLS[0] + "|1", URLS[0] + "|2", URLS[1])]}]}
        found["date"] = self.random.choice(DATES)
        return found

    def risk(self) -> dict[str, Any]:
        text = self.random.choice(NUMBERS)
        return {
            "resourceType": "RiskAssessment", "status": "final", "subject": self.reference("Patient"),
            "prediction": [{"probabilityDecimal": float(text)}],
        }  # fmt: skip

    def resources(self, count: int) -> list[dict[str, Any]]:
        makers = [self.patient, self.observation, self.observation, self.value_set, self.risk]
        return [{**makers[at % len(makers)](), "id": f"r{at}"} for at in range(count)]


def some_id(random: Random) -> str:
    """The id of one of the first patients (or of something else that is not there)."""
    return f"r{5 * random.randrange(6)}"


def escaped(text: str) -> str:
    for letter in "\\,|$":
        text = text.replace(letter, "\\" + letter)
    return text


class Questions:
    """Makes queries: (parameter code, modifier, raw value)."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self._of = Population(0)
        self._of.random = random

    def value(  # noqa: PLR0911 - one return for each kind
        self, kind: str, modifier: str, targets: list[str]
    ) -> str:
        choose = self.random.choice
        match kind, modifier:
            case _, "missing":
                return choose(["true", "false"])
            case "token" | "reference", "text":
                return escaped(choose(WORDS).strip()[:4])
            case "token", "of-type":
                return f"{LOCAL}|{choose(['MR', 'NI'])}|{escaped(choose(CODES))}"
            case ("token", _) | ("reference", "identifier"):
                code, system = escaped(choose([*CODES, "male", "true", "false", "final"])), choose(SYSTEMS) or ""
                return choose([code, f"{system}|{code}", f"|{code}", f"{LOCAL}|"])
            case "string", _:
                word = choose(WORDS)
                cut = self.random.randrange(1, len(word) + 1)
                text = escaped(choose([word, word[:cut], word.upper(), word[:2]]))
                return text if text.strip(" \\") else "d"
            case "date", _:
                return choose(PREFIXES) + choose(DATES + MOMENTS + ASKED_MOMENTS)
            case "number", _:
                return choose([*PREFIXES, "ap"]) + choose([*NUMBERS, "1e2", "1e1"])
            case "quantity", _:
                number = choose([*PREFIXES, "ap"]) + choose(NUMBERS)
                unit = choose(UNITS)
                return choose(
                    [
                        number,
                        f"{number}|http://unitsofmeasure.org|{unit}",
                        f"{number}||{unit}",
                        f"{number}|{LOCAL}|box",
                        f"{number}||boîte",
                    ]
                )
            case "reference", _:
                target, identity = modifier or choose(targets), some_id(self.random)
                kept = f"{target}/{identity}"
                return choose(
                    [identity, kept, BASE + kept, f"https://other.fr/{kept}"] if not modifier else [identity, kept]
                )
            case _:
                return choose(URLS)
