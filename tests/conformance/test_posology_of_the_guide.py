"""The 114 dosages of the eprescription package read as French sentences written by hand."""

import json
import tarfile
from decimal import Decimal
from pathlib import Path

import pytest

from fhirserver.prescription.french.posology import sentence

PACKAGE = Path(__file__).parents[2].parent / "shared" / "packages" / "ans.fhir.fr.eprescription-1.1.0-ballot.tgz"
SENTENCES = json.loads((Path(__file__).parent / "data" / "posology.json").read_text(encoding="utf-8"))


def _dosages() -> dict[str, dict]:
    found = {}
    with tarfile.open(PACKAGE) as package:
        for member in package:
            if not member.name.startswith("package/example/") or not member.name.endswith(".json"):
                continue
            content = json.load(package.extractfile(member), parse_float=Decimal)
            entries = content.get("entry", []) if content["resourceType"] == "Bundle" else [{"resource": content}]
            for entry in entries:
                resource = entry["resource"]
                if resource["resourceType"] != "MedicationRequest":
                    continue
                for position, dosage in enumerate(resource.get("dosageInstruction", [])):
                    dosage.pop("additionalInstruction", None)  # the sender's own words follow as they are
                    found[f"{resource['id'].removeprefix('medicationrequest-')}#{position}"] = dosage
    return found


@pytest.mark.skipif(not PACKAGE.exists(), reason="the eprescription package is not beside the project")
def test_each_dosage_of_the_guide_reads_as_the_sentence_written_by_hand() -> None:
    written = {key: sentence(dosage) for key, dosage in _dosages().items()}
    assert len(written) == 114
    assert written == SENTENCES
