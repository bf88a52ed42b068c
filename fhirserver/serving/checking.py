"""What a start looks at first, so that a wrong setting ends it with one line instead of the failures of processes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from fhirserver import app
from fhirserver.access import issuer
from fhirserver.access.secrets import made_secret
from fhirserver.definitions.loaded import Definitions
from fhirserver.definitions.packages import PackageError
from fhirserver.definitions.pinned.inforce import in_force
from fhirserver.definitions.pinned.lock import LockError, pinned
from fhirserver.dmp import habilitation
from fhirserver.prescription.rules import tables
from fhirserver.settings import SettingError, Settings
from fhirserver.terminology.library import Library
from fhirserver.validation.policy import Policy
from fhirserver.workflow.after import receipts

T = TypeVar("T")


def checked(settings: Settings) -> Settings:
    """Return the settings with the numbers of host and port, once all that they name was found and understood.

    Raises:
        SettingError: a file or folder is not there or not of use, a name is unknown, the address cannot be taken.
    """
    _usable("FHIRSERVER_TOKEN_KEYS", lambda: app.verifier(replace(settings, demo_issuer="off")))
    _usable("FHIRSERVER_PROFILE_POLICY", lambda: Policy.read(settings.profile_policy))
    _usable("FHIRSERVER_DMP_HABILITATION", lambda: habilitation.load(settings.dmp_habilitation))
    if settings.prescription_rules:
        folder = settings.prescription_rules
        _usable("FHIRSERVER_PRESCRIPTION_RULES", lambda: tables.load(_folder(folder)))
    _usable("FHIRSERVER_PROFILES", lambda: _folder(settings.profiles))
    _usable("FHIRSERVER_STATE", lambda: settings.state.mkdir(parents=True, exist_ok=True))
    _usable("FHIRSERVER_STATE", lambda: _kept(settings))
    _names(settings, _usable("FHIRSERVER_PACKAGES, FHIRSERVER_PROFILES", lambda: in_force(settings)))
    host, port = _usable("FHIRSERVER_HOST, FHIRSERVER_PORT", lambda: _address(settings.host, settings.port))
    return replace(settings, host=host, port=port)


def doubtful(settings: Settings) -> list[str]:
    """Return what an operator of these settings hardly means, a line each."""
    production = settings.mode == "production"
    keys = "FHIRSERVER_TOKEN_KEYS, FHIRSERVER_TOKEN_ISSUERS"
    found = {
        f"{keys}: neither is set: no token is believed": not (
            settings.token_keys or settings.token_issuers or settings.believes_demo_issuer
        ),
        f"{keys}: one is nothing without the other: no token of your issuers is believed": bool(settings.token_keys)
        != bool(settings.token_issuers),
        "FHIRSERVER_DEMO_ISSUER: in production, whoever reads FHIRSERVER_STATE can be anybody": production
        and settings.believes_demo_issuer,
        "FHIRSERVER_VALIDATION: in production, what is stored is not validated": production
        and settings.validation == "off",
        "MONGODB_URI: in production, a local mongod keeps one copy only": production and not settings.mongodb_uri,
    }
    return [line for line, holds in found.items() if holds]


def _kept(settings: Settings) -> None:
    """Look at what the state folder keeps."""
    receipts.published(settings.state)
    if settings.believes_demo_issuer:
        issuer.private_key(settings.state)
    if not settings.cursor_secret:
        made_secret(settings.state / "cursor.key")
    library = Library(settings.state / "terminology")
    library.systems()
    library.resources()


def _usable(variable: str, look: Callable[[], T]) -> T:
    try:
        return look()
    except (OSError, ValueError, PackageError, LockError) as error:
        raise SettingError(f"{variable}: {error}") from error


def _folder(place: Path | str) -> Path:
    if not Path(place).is_dir():
        raise SettingError(f"no such folder: {place}")
    return Path(place)


def _names(settings: Settings, definitions: Definitions) -> None:
    unknown = set(settings.types) - definitions.resource_types
    if unknown:
        raise SettingError(f"FHIRSERVER_TYPES: not resource types of FHIR R4: {', '.join(sorted(unknown))}")
    pins = {pin.id.name for pin in pinned(settings.profiles, settings.packages)}
    strange = set(settings.search_packages) - pins - {package.name for package in definitions.packages}
    if strange:
        raise SettingError(f"FHIRSERVER_SEARCH_PACKAGES: neither in force nor pinned: {', '.join(sorted(strange))}")


def _address(host: str, port: int) -> tuple[str, int]:
    """Return address and port in numbers; nobody else listens there."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise SettingError(f"{host}:{port}: {error.strerror}") from error
        return str(address[0]), int(probe.getsockname()[1])
