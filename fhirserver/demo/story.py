"""The demonstration's steps, each a real exchange over HTTP, shown as a person enjoys reading it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from fhirserver import jsontext
from fhirserver.demo import delivery, document, mentions, ordonnance, people
from fhirserver.prescription.french.posology import sentences

FHIR_JSON = "application/fhir+json"
NOTHING = {"resourceType": "Parameters"}
PRINT = Path(".demo/ordonnance.pdf")
DELIVERED = {"3400892169026": 15_000, "MV00000792": 1_120}
"""Milligrams that one delivery of each medicine brings: 5 days of paracetamol, 28 of pantoprazole."""
TIMEOUT = 30


class BrokenStoryError(RuntimeError):
    """An answer was not what the story promises; the message says which."""


@dataclass
class Client:
    """A FHIR client of one caller."""

    base: str
    token: str
    session: requests.Session = field(default_factory=requests.Session)

    def ask(self, method: str, path: str = "", body: Any = None, **headers: str) -> requests.Response:
        """Send one request; header names are written with underscores."""
        sent = {"Authorization": f"Bearer {self.token}", "Accept": FHIR_JSON}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None
        if body is not None:
            sent["Content-Type"] = FHIR_JSON
            data = jsontext.write(body)
        url = path if path.startswith("http") else f"{self.base}/{path}".rstrip("/")
        return self.session.request(method, url, data=data, headers=sent, timeout=TIMEOUT)

    def expect(self, status: int, method: str, path: str = "", body: Any = None, **headers: str) -> requests.Response:
        """Send one request; BrokenStoryError unless the answer has that status."""
        answer = self.ask(method, path, body, **headers)
        if answer.status_code != status:
            raise BrokenStoryError(
                f"{method} {path or '/'}: {answer.status_code} instead of {status}\n{answer.text[:3000]}"
            )
        return answer


class Story:
    """The demonstration: push, find, refuse, read back."""

    def __init__(self, base: str, tokens: dict[str, str], console: Console) -> None:
        self._clients = {persona: Client(base, token) for persona, token in tokens.items()}
        self._console = console
        self._now = datetime.now(UTC)
        self._step = 0

    def tell(self) -> None:
        """Run all steps; BrokenStoryError at the first that fails."""
        number = self.push_prescription()
        answer = self.read_prescription(number)
        self.deliver(answer)
        self.issue_with_every_mention()
        self.push_document()
        self.read_document()
        self.refuse_wrong_prescription()

    def push_prescription(self) -> str:
        """Push the ordonnance as an editor's software; return its number."""
        self._title("L'éditeur pousse une ordonnance : deux médicaments, une biologie (transaction)")
        bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, self._now)
        answer = self._clients["prescriber"].expect(200, "POST", "", bundle, Prefer="return=representation").json()
        table = Table("entrée", "réponse", "emplacement", box=None, header_style="bold")
        group = None
        for sent, received in zip(bundle["entry"], answer["entry"], strict=True):
            table.add_row(
                sent["resource"]["resourceType"],
                received["response"]["status"],
                received["response"].get("location", ""),
            )
            group = received.get("resource", {}).get("groupIdentifier", group)
        self._console.print(table)
        if group is None:
            raise BrokenStoryError("no line came back with its number")
        self._console.print(f"Numéro commun aux trois lignes, et code imprimé : [bold cyan]{group['value']}[/]")
        delivery.show_code(self._console, group["value"])
        return str(group["value"])

    def read_prescription(self, number: str) -> dict[str, Any]:
        """Find the lines by their number as a pharmacist, and show each as a sentence; return what was found."""
        self._title("Le pharmacien retrouve l'ordonnance par son numéro ($find-prescription)")
        pharmacist = self._clients["pharmacist"]
        shown = Table("ligne", "posologie", box=None, header_style="bold")
        asked = {"resourceType": "Parameters", "parameter": [{"name": "number", "valueString": number}]}
        answer = pharmacist.expect(200, "POST", "$find-prescription", asked).json()
        kinds = ("MedicationRequest", "ServiceRequest")
        found = [entry["resource"] for entry in answer["entry"] if entry["resource"]["resourceType"] in kinds]
        for line in found:
            what = line.get("medicationCodeableConcept", line.get("code", {}))
            title = what.get("text") or what["coding"][0].get("display", "")
            shown.add_row(title, " ".join(sentences(line.get("dosageInstruction", []))))
        self._console.print(shown)
        if len(found) != 3:  # noqa: PLR2004 - two medicines and one biology order were pushed
            raise BrokenStoryError(f"{len(found)} lines found instead of 3")
        told: dict[str, Any] = answer
        return told

    def deliver(self, found: dict[str, Any]) -> None:
        """Take the pharmacy's Task, deliver both medicines, close with a signed receipt."""
        self._title("Le pharmacien prend l'ordonnance en charge, délivre et clôt ($take, $dispense, $close)")
        pharmacist = self._clients["pharmacist"]
        resources = [entry["resource"] for entry in found["entry"]]
        task = next(
            each
            for each in resources
            if each["resourceType"] == "Task" and each["code"]["coding"][0]["code"] == "pharmacy"
        )
        size = delivery.save_print(pharmacist.ask, task, PRINT)
        self._console.print(f"  Ordonnance imprimable : {PRINT} ({size} octets)")
        task = pharmacist.expect(200, "POST", f"Task/{task['id']}/$take", NOTHING).json()
        lines = [each for each in resources if each["resourceType"] == "MedicationRequest"]
        titles = {
            f"MedicationRequest/{line['id']}": line["medicationCodeableConcept"]["coding"][0]["display"]
            for line in lines
        }
        given = [
            delivery.delivery(line, DELIVERED[line["medicationCodeableConcept"]["coding"][0]["code"]], self._now)
            for line in lines
        ]
        parameters = [{"name": "dispense", "resource": each} for each in given]
        asked = {"resourceType": "Parameters", "parameter": parameters}
        answer = pharmacist.expect(200, "POST", f"Task/{task['id']}/$dispense", asked).json()
        delivery.show_standing(self._console, answer["parameter"][0]["resource"], titles)
        closed = pharmacist.expect(200, "POST", f"Task/{task['id']}/$close", NOTHING).json()["parameter"]
        keys = pharmacist.expect(200, "GET", f"{pharmacist.base.removesuffix('/fhir')}/.well-known/jwks.json").json()
        receipt = delivery.verified(closed[1]["valueString"], keys)
        self._console.print(
            f"  Reçu signé par le serveur et vérifié : {len(receipt['deliveries'])} délivrances, état "
            f"« {closed[0]['resource']['businessStatus']['text']} »"
        )

    def issue_with_every_mention(self) -> None:
        """Issue ordonnances that carry every other mention and flag; the patient finds them, but not by number."""
        self._title(
            "Trois autres ordonnances portent toutes les mentions ($issue-prescription) ; le patient lit les siennes"
        )
        table = Table("ordonnance", "numéro", "lignes", "imprimable", box=None, header_style="bold")
        for at, (name, bundle) in enumerate(mentions.ordonnances(people.PRESCRIBER_RPPS, self._now), 2):
            answer = self._clients["prescriber"].expect(200, "POST", "$issue-prescription", bundle).json()
            told = {part["name"]: part for part in answer["parameter"]}
            place = PRINT.with_stem(f"{PRINT.stem}-{at}")
            if "pdf" in told:
                place.write_bytes(base64.b64decode(told["pdf"]["valueAttachment"]["data"]))
            lines = sum(part["name"] == "line" for part in answer["parameter"])
            shown = str(place) if "pdf" in told else "dans un instant"
            table.add_row(name, told["number"]["valueIdentifier"]["value"], str(lines), shown)
        self._console.print(table)
        found = self._clients["patient"].expect(200, "GET", "MedicationRequest?_summary=count").json()
        self._console.print(f"  La patiente lit les {found['total']} médicaments qui lui sont prescrits.")

    def push_document(self) -> None:
        """Push a consultation report as a hospital (ITI-65)."""
        self._title("L'hôpital alimente le DMP : un compte rendu PDF (ITI-65, profil PDSm)")
        hospital = self._clients["hospital"]
        structure = people.hospital()
        identifier = structure["identifier"][0]
        custodian = hospital.ask(
            "POST", "Organization", structure, If_None_Exist=f"identifier={identifier['system']}|{identifier['value']}"
        )
        if custodian.status_code not in (200, 201):
            raise BrokenStoryError(f"POST Organization: {custodian.status_code}\n{custodian.text[:3000]}")
        custodian_reference = "/".join(custodian.headers["Location"].split("/")[-4:-2])
        patient = hospital.expect(200, "GET", f"Patient?identifier={people.INS_TEST}|{people.PATIENT_INS}").json()
        reference = f"Patient/{patient['entry'][0]['resource']['id']}"
        bundle = document.bundle(people.DOCTOR_RPPS, reference, custodian_reference, self._now)
        answer = hospital.expect(200, "POST", "", bundle).json()
        for sent, received in zip(bundle["entry"], answer["entry"], strict=True):
            self._console.print(
                f"  {sent['resource']['resourceType']:18} {received['response']['status']}  "
                f"[dim]{received['response'].get('location', '')}[/]"
            )

    def read_document(self) -> None:
        """Find the document as a doctor, download it, and compare it with its stated hash."""
        self._title("Le médecin cherche les documents du patient et lit le PDF")
        doctor = self._clients["doctor"]
        found = doctor.expect(
            200,
            "GET",
            f"DocumentReference?patient.identifier={people.INS_TEST}|{people.PATIENT_INS}&status=current&_sort=-date",
        ).json()
        newest = found["entry"][0]["resource"]
        attachment = newest["content"][0]["attachment"]
        content = doctor.expect(200, "GET", attachment["url"], Accept=attachment["contentType"]).content
        digest = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
        if digest != attachment["hash"] or len(content) != attachment["size"]:
            raise BrokenStoryError("the document read back is not the one that was pushed")
        self._console.print(
            f"  [bold]{attachment['title']}[/] – {len(content)} octets, SHA-1 vérifié, "
            f"{found.get('total', len(found['entry']))} document(s) courant(s)"
        )

    def refuse_wrong_prescription(self) -> None:
        """Push a prescription with three faults; nothing of it is stored."""
        self._title("Une ordonnance fautive est refusée, avec ses raisons")
        bundle = ordonnance.bundle(people.PRESCRIBER_RPPS, self._now)
        medicine = bundle["entry"][2]["resource"]
        medicine["status"] = "actif"
        del medicine["authoredOn"]
        medicine["dosageInstruction"][0]["timing"]["repeat"]["period"] = -1
        answer = self._clients["prescriber"].expect(422, "POST", "", bundle).json()
        table = Table("gravité", "élément", "raison", box=None, header_style="bold")
        for issue in answer["issue"]:
            if issue["severity"] in ("error", "fatal"):
                where = issue.get("expression", [""])[0]
                table.add_row(f"[red]{issue['severity']}[/]", where, issue.get("details", {}).get("text", ""))
        self._console.print(table)
        self._console.print("  [green]Rien n'a été enregistré.[/]")

    def _title(self, text: str) -> None:
        self._step += 1
        self._console.print()
        self._console.print(Panel.fit(f"[bold]{self._step}. {text}[/]", border_style="cyan"))
