"""Value sets and code systems: is this code in, what does it mean, what does it expand to."""

from fhirserver.terminology.service import Terminology
from fhirserver.terminology.verdicts import (
    CodeState,
    CodeStatus,
    Designation,
    Membership,
    Verdict,
)

__all__ = ["CodeState", "CodeStatus", "Designation", "Membership", "Terminology", "Verdict"]
