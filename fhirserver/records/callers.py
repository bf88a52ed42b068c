"""A caller as the DMP sees him: in which part he reads, under which names, how he came."""

from __future__ import annotations

from fhirserver.access.caller import Caller, Role
from fhirserver.dmp.habilitation import Habilitation
from fhirserver.dmp.visibility import Mode, Part
from fhirserver.settings import Settings


def is_exempt(caller: Caller) -> bool:
    """Tell whether nothing of the DMP is hidden from a caller: the operator, who runs the base and is no reader."""
    return caller.role is Role.OPERATOR


def is_client(caller: Caller, settings: Settings) -> bool:
    """Tell a DMP client from others: by its token's `dmp_mode`, or by its name among the setting's."""
    return caller.dmp_mode is not None or caller.client in settings.dmp_clients


def part(caller: Caller, matrix: Habilitation) -> Part:
    """Return the part in which a caller reads."""
    if caller.role is Role.PATIENT:
        return Part.REPRESENTATIVE if caller.representative else Part.PATIENT
    if caller.rpps and caller.profession:
        return Part.SOCIAL if caller.profession in matrix.social else Part.PROFESSIONAL
    if caller.structure:
        return Part.STRUCTURE
    return Part.NOBODY


def signs(caller: Caller) -> tuple[str, ...]:
    """Return the names under which a caller is an author: a professional is himself, not all of his structure."""
    if caller.role is Role.PATIENT:
        return (f"ins:{caller.ins.value}",) if caller.ins and not caller.representative else ()
    if caller.rpps:
        return (f"rpps:{caller.rpps}",)
    return (f"structure:{caller.structure}",) if caller.structure else ()


def names(caller: Caller) -> tuple[str, ...]:
    """Return the names under which a record may know a caller, his own first, then his structure's."""
    if caller.role is Role.PATIENT:
        return (f"ins:{caller.representative}",) if caller.representative else signs(caller)
    own = signs(caller)
    structure = (f"structure:{caller.structure}",) if caller.structure else ()
    return (*own, *(name for name in structure if name not in own))


def mode(caller: Caller) -> Mode:
    """Return how a caller came."""
    return Mode(caller.dmp_mode) if caller.dmp_mode else Mode.NORMAL


def key(caller: Caller) -> str | None:
    """Return the one record that a patient's token opens; None for other callers."""
    if caller.role is not Role.PATIENT or caller.ins is None:
        return None
    return f"{caller.ins.system}|{caller.ins.value}"
