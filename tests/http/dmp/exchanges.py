"""The pages of docs/exchanges: real exchanges over HTTP, with what differs from one run to the next made the same.

`pytest tests/http/dmp/test_exchanges.py --write-exchanges` writes them; without the option, a page that is out of date
fails its test.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests

from fhirserver import jsontext
from fhirserver.demo import people
from tests.http.conftest import FHIR, Client
from tests.http.dmp.conftest import Record

FOLDER: Final = Path(__file__).parents[3] / "docs" / "exchanges"
_SHOWN: Final = ("Location", "ETag")
_SENT: Final = ("Content-Type", "Accept", "Prefer", "If-Match")
_LONGEST: Final = 60
_SHORT: Final = 400
"""Characters up to which a body is shown each time."""
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_HASH: Final = re.compile(r'"hash": "[^"]+"')
_CHANGING: Final = re.compile(
    r"(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|2\.25\.(?P<oid>\d{20,})"
    r"|(?P<made>(?:dmp|notice)-[0-9a-f]{40})|(?P<id>\b[0-9a-z]{3}-1[0-9a-z]{15,}\b)"
)


class Page:
    """One page: its exchanges, each with a caption.

    Args:
        name: of the transaction, and of the file.
        title: what it does.
        about: a paragraph for editors.
        record: the patient, whose INS differs from run to run.
    """

    def __init__(self, name: str, title: str, about: str, record: Record) -> None:
        self.name = name
        self._lines = [f"# {name}: {title}", "", about, ""]
        self._lines += ["Made from the test of this name in `tests/http/dmp/test_exchanges.py`."]
        self._record = record
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def exchange(  # noqa: PLR0913, PLR0917 - what is sent
        self, caption: str, client: Client, who: str, method: str, path: str, body: Any = None, **headers: str
    ) -> requests.Response:
        """Send a request, and write it down with its answer.

        Args:
            caption: what this exchange shows.
            client: that sends it.
            who: whose token it is, in words.
            method: of HTTP.
            path: below the base.
            body: a resource, or bytes.
        """
        answer = client.send(method, path, body, **headers)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            sent.setdefault("Content-Type", FHIR)
        lines = [f"## {caption}", "", "```http", f"{method} [base]{f'/{path}' if path else ''}"]
        lines.append(f"Authorization: Bearer [{who}]")
        lines += [f"{name}: {sent[name]}" for name in _SENT if name in sent]
        if body is not None:
            lines += ["", self._once(_written(body) if isinstance(body, dict) else body.decode(), caption)]
        lines += ["```", "", "```http", f"HTTP/1.1 {answer.status_code} {answer.reason}"]
        lines += [f"Content-Type: {answer.headers['Content-Type']}"] if "Content-Type" in answer.headers else []
        lines += [f"{name}: {answer.headers[name]}" for name in _SHOWN if name in answer.headers]
        lines += ["", self._once(_told(answer), caption), "```"]
        self._lines += ["", *(self._stable(line, client.base) for line in "\n".join(lines).splitlines())]
        return answer

    def finish(self, *, write: bool) -> None:
        """Write the page, or hold it against the one that stands in the docs."""
        text = "\n".join(self._lines).rstrip() + "\n"
        path = FOLDER / f"{self.name}.md"
        if write:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{path.name} is missing: run this test with --write-exchanges"
        assert path.read_text() == text, f"{path.name} is out of date: run this test with --write-exchanges"

    def _once(self, text: str, caption: str) -> str:
        """Return a body, or where it stands already."""
        first = self._bodies.setdefault(text, caption)
        return text if first == caption or len(text) < _SHORT else f"[as in: {first}]"

    def _stable(self, line: str, base: str) -> str:
        """Return a line in which nothing changes from run to run."""
        line = line.replace(base, "[base]").replace(self._record.ins, people.PATIENT_INS)
        line = _HASH.sub('"hash": "[SHA-1 of the document, base64]"', line)
        line = _MOMENT.sub("2026-03-02T09:15:00Z", line)
        line = line.replace(datetime.now(UTC).date().isoformat(), "2026-03-02")
        return _CHANGING.sub(self._name, line)

    def _name(self, found: re.Match[str]) -> str:
        """Return a name for something that changes: the same one for the same thing, in the order of appearance."""
        text = found[0]
        if text not in self._names:
            kind = str(found.lastgroup)
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[text] = {
                "uuid": f"00000000-0000-4000-8000-{number:012d}",
                "oid": f"2.25.{number}",
                "made": f"{text.partition('-')[0]}-{number}",
                "id": f"id-{number}",
            }[kind]
        return self._names[text]


def _told(answer: requests.Response) -> str:
    if "json" not in answer.headers.get("Content-Type", ""):
        return f"[{len(answer.content)} bytes]" if answer.content else ""
    told = jsontext.read(answer.content)
    if told["resourceType"] == "OperationOutcome":
        # what is told beside the faults changes with the validation
        told["issue"] = [issue for issue in told["issue"] if issue["severity"] in ("error", "fatal")]
    return _written(told)


def _written(resource: dict[str, Any]) -> str:
    return jsontext.write(_shortened(resource), pretty=True).decode()


def _shortened(value: Any) -> Any:
    """Return a value whose base64 is cut."""
    if isinstance(value, list):
        return [_shortened(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: f"{each[:_LONGEST]}…" if name == "data" and len(str(each)) > _LONGEST else _shortened(each)
        for name, each in value.items()
    }
