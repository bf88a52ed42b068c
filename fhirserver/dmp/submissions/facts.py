"""What the checks of a submission must know and cannot read from it: gathered once, by whoever can look it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from fhirserver.dmp.submissions.flavours import Flavour


class Known(NamedTuple):
    """A resource that a reference leads to.

    Attributes:
        identity: type and id, or the fullUrl of an entry of the same Bundle.
        sender: who fed it, as the audit of its first version has it.
        authors: resources that its author references outside of itself lead to, by reference.
    """

    identity: str
    resource: Mapping[str, Any]
    sender: Mapping[str, Any] = {}
    authors: Mapping[str, Mapping[str, Any]] = {}


Found = Mapping[str, Sequence[Known]]
"""By the text of a reference: what it selects, two at most being told."""


class Sender(NamedTuple):
    """Who feeds the record.

    Attributes:
        everything: an operator, who acts for whom he names.
        ins: of a patient who feeds his own record.
    """

    rpps: str | None = None
    structure: str | None = None
    everything: bool = False
    ins: str | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator may choose.

    Attributes:
        most: largest document, in bytes.
        flavours: the flavours of MHD and PDSm that are accepted.
        class_mismatch: what a class that does not go with its type leads to.
        test_identities: whether INS for tests are accepted.
        masked_and_invisible: whether MASQUE_PS and INVISIBLE_PATIENT may stand together.
    """

    most: int = 5 * 1024 * 1024
    flavours: frozenset[Flavour] = frozenset(Flavour)
    class_mismatch: Literal["warn", "refuse"] = "warn"
    test_identities: bool = True
    masked_and_invisible: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of whom and what a submission names.

    Attributes:
        patients: by the reference of a subject or source patient.
        targets: documents, by the reference of a relation or the url of a PATCH entry.
        used: uniqueIds that documents bear or once bore.
        today: the day of the submission.
    """

    patients: Found = field(default_factory=dict)
    targets: Found = field(default_factory=dict)
    used: frozenset[str] = frozenset()
    sender: Sender = field(default_factory=Sender)
    rules: Rules = field(default_factory=Rules)
    today: date | None = None
