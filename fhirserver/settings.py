"""Every setting of the server, read once from the environment, documented where it is declared.

A setting's variable is `FHIRSERVER_` and the field's name in capitals, except `MONGODB_URI`, which the hosting world
spells that way. `fhirserver settings` prints the table of docs/settings.md from the declarations below.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_LAST_PORT: Final = 65_535


class SettingError(ValueError):
    """A setting that cannot be understood; the message names its variable."""


def _text(value: str) -> str:
    return value.strip()


def _boolean(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError("expected true or false")


def _natural(value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = -1
    if number < 0:
        raise ValueError("expected a whole number, 0 or more")
    return number


def _positive(value: str) -> int:
    number = _natural(value)
    if not number:
        raise ValueError("expected a whole number, 1 or more")
    return number


def _port(value: str) -> int:
    number = _natural(value)
    if number > _LAST_PORT:
        raise ValueError(f"expected a port, {_LAST_PORT} at most")
    return number


def _matching(pattern: str, expected: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        stripped = value.strip()
        if not re.fullmatch(pattern, stripped):
            raise ValueError(f"expected {expected}")
        return stripped

    return read


_ADDRESS: Final = r"https?://[^/\s?#]+(/[^\s?#]*)?"
_address = _matching(f"({_ADDRESS})?", "an address such as https://fhir.example.fr")
_name = _matching(r".+", "a name")


def _public(value: str) -> str:
    address = _address(value).rstrip("/")
    if address.endswith("/fhir"):
        raise ValueError("expected the address without /fhir at its end, which the server adds")
    return address


def _origins(value: str) -> tuple[str, ...]:
    read = _matching(r"\*|https?://[^/\s?#]+", "origins such as https://app.example.fr, without a path")
    return tuple(read(word) for word in _words(value))


def _zone(value: str) -> str:
    name = value.strip()
    try:
        ZoneInfo(name)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        raise ValueError("expected the name of a time zone, such as Europe/Paris") from None
    return name


def _words(value: str) -> tuple[str, ...]:
    return tuple(word for word in value.replace(",", " ").split() if word)


def _paths(value: str) -> tuple[Path, ...]:
    return tuple(Path(part) for part in value.split(os.pathsep) if part)


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        lowered = value.strip().lower()
        if lowered not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return lowered

    return read


def _some_of(*choices: str) -> Callable[[str], tuple[str, ...]]:
    def read(value: str) -> tuple[str, ...]:
        words = _words(value)
        if not set(words) <= set(choices):
            raise ValueError(f"expected some of {', '.join(choices)}")
        return words

    return read


def _number_prefix(value: str) -> str:
    if len(value) != 1 or value not in "0123456789ABCDEFGHJKMNPQRSTVWXYZ":
        raise ValueError("expected one character of 0-9, A-Z without I, L, O, U")
    return value


_STATE = Path(".fhirserver")
_INSTALLED = Path(__file__).resolve().parent / "profiles"
_PROFILES = _INSTALLED if _INSTALLED.is_dir() else _INSTALLED.parents[1] / "profiles"
_CACHE = Path.home() / ".cache" / "fhirserver"


def _setting(default: Any, about: str, read: Callable[[str], Any] = _text, variable: str = "") -> Any:
    return dataclasses.field(default=default, metadata={"about": about, "read": read, "variable": variable})


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may choose; every default is safe for a first start on one machine."""

    # Where the server listens, and how clients see it.
    host: str = _setting("127.0.0.1", "Address to listen on.", _name)
    port: int = _setting(8080, "Port to listen on; 0 takes a free one.", _port)
    workers: int = _setting(0, "Server processes; 0 means one for each core.", _natural)
    threads: int = _setting(4, "Threads of each process that answer requests.", _positive)
    outbox_processes: int = _setting(
        1,
        "Processes beside these that do what commits leave to be done (prints, publication, expiry); 0 where "
        "`fhirserver outbox` does it on other machines.",
        _natural,
    )
    public_url: str = _setting(
        "",
        "Address under which clients reach the server, such as `https://fhir.example.fr`; FHIR is under `/fhir` of it. "
        "Empty: taken from each request's Host header.",
        _public,
    )
    trust_proxy: bool = _setting(
        default=False,
        about="Believe `X-Forwarded-Proto`, `-Host` and `-For` (only behind a proxy that sets them).",
        read=_boolean,
    )
    cors_origins: tuple[str, ...] = _setting((), "Web origins whose pages may call the server.", _origins)

    # Where things are kept.
    mongodb_uri: str = _setting(
        "", "MongoDB replica set to use. Empty: a local mongod is started and managed.", variable="MONGODB_URI"
    )
    database: str = _setting(
        "fhirserver", "Name of the database.", _matching(r"[^\s/\\.\"$*<>:|?\0]{1,38}", "a name of MongoDB's")
    )
    state: Path = _setting(  # noqa: RUF009 - a field, not a value
        _STATE, "Folder of the local mongod's data, the keys of receipts and of the demo issuer, and caches.", Path
    )
    profiles: Path = _setting(  # noqa: RUF009 - a field, not a value
        _PROFILES, "Folder of the project's own profiles and of `packages.lock`.", Path
    )
    packages: tuple[Path, ...] = _setting(
        (), "Folders in which FHIR packages (.tgz) are looked for before the network.", _paths
    )
    registry: str = _setting(
        "https://packages.fhir.org",
        "FHIR package registry (npm layout) that is asked last; empty: none.",
        _address,
    )
    cache: Path = _setting(  # noqa: RUF009 - a field, not a value
        _CACHE, "Folder of fetched and compiled FHIR packages.", Path
    )

    # Limits.
    max_body: int = _setting(50 * 1024 * 1024, "Largest request body, in bytes.", _positive)
    body_seconds: int = _setting(
        30, "Seconds that a client may pause while it sends a body; then its connection is ended. 0: any.", _natural
    )
    rate_limit: int = _setting(0, "Requests a second that one client may make of one process; 0: no limit.", _natural)
    max_bundle_entries: int = _setting(
        10_000, "Most entries of one batch or transaction, most deletions by one set of criteria.", _positive
    )
    page_size: int = _setting(20, "Entries of a page when the client asks for no `_count`.", _positive)
    max_page_size: int = _setting(1_000, "Most entries of a page, whatever `_count` says.", _positive)
    search_seconds: int = _setting(10, "Seconds that one search may take; beyond, the answer is 503.", _positive)
    async_search_seconds: int = _setting(
        300, "The same for a search that is answered later (`Prefer: respond-async`).", _positive
    )
    async_waiting: int = _setting(100, "Requests to be answered later that one client may have waiting.", _natural)
    async_hours: int = _setting(24, "Hours for which the answer to such a request is kept.", _positive)

    # What is accepted.
    mode: Literal["sandbox", "production"] = _setting(
        "sandbox", "`production` refuses test identities (INS, demo tokens).", _one_of("sandbox", "production")
    )
    language: Literal["fr", "en"] = _setting(
        "fr", "Language of messages when Accept-Language names none of ours.", _one_of("fr", "en")
    )
    time_zone: str = _setting("Europe/Paris", "Time zone of dates that carry none.", _zone)
    types: tuple[str, ...] = _setting((), "Resource types offered. Empty: all of FHIR R4.", _words)
    validation: Literal["on", "off"] = _setting(
        "on", "`off` stores what is readable as JSON with a known resourceType (imports only).", _one_of("on", "off")
    )
    profile_policy: str = _setting(
        "", "JSON file that says which profile each type must meet; empty: the French policy; `base`: base types only."
    )
    unknown_profiles: Literal["warn", "refuse"] = _setting(
        "warn", "What a `meta.profile` that is not loaded leads to.", _one_of("warn", "refuse")
    )
    dangling_references: Literal["warn", "refuse"] = _setting(
        "warn", "What a literal reference to a resource that is not here leads to.", _one_of("warn", "refuse")
    )
    delete_referenced: Literal["refuse", "allow"] = _setting(
        "refuse", "Whether a resource that others refer to may be deleted.", _one_of("refuse", "allow")
    )
    conditional_delete: Literal["single", "multiple"] = _setting(
        "single", "Whether a conditional delete may delete several resources.", _one_of("single", "multiple")
    )
    unchanged_update: Literal["skip", "version"] = _setting(
        "skip", "Whether an update that changes nothing makes a new version.", _one_of("skip", "version")
    )

    search_packages: tuple[str, ...] = _setting(
        (),
        "Packages whose search parameters win over others of the same code on a type, the first one most. Empty: a "
        "later package over an earlier one.",
        _words,
    )

    # The ordonnance numérique.
    prescription_root: str = _setting(
        "2.25.253698822024999089816499573941028438028",
        "OID under which this server numbers prescriptions; not the national one.",
        _matching(r"[0-2](\.(0|[1-9]\d*))+", "an OID"),
    )
    prescription_prefix: str = _setting(
        "0", "First character of a prescription number: its version (one of Crockford's base 32).", _number_prefix
    )
    prescription_rules: str = _setting(
        "", "Folder of an operator's own tables (`limits.json`, `medicines.json`…); empty: those shipped."
    )
    prescription_lease: int = _setting(120, "Minutes for which `$take` holds a prescription.", _natural)
    prescription_withdrawal: int = _setting(
        1440, "Minutes in which a dispenser may take back a delivery of his own.", _natural
    )
    prescription_access_days: int = _setting(
        30, "Days for which a prescription stays visible to a professional who found it by its number.", _natural
    )
    prescription_attempts: int = _setting(
        5, "Unknown prescription numbers that a client may try in ten minutes before it is slowed down.", _natural
    )
    prescription_code_is_secured: bool = _setting(
        default=False,
        about="Whether a prescription with a code counts as secured without secured paper.",
        read=_boolean,
    )
    patient_reads_prescriptions: bool = _setting(
        default=False, about="Whether patients read their prescriptions by their own token.", read=_boolean
    )

    # The DMP: its records, and who sees what.
    dmp_creation: Literal["feeding", "identity", "never"] = _setting(
        "feeding",
        "The event that creates a patient's DMP unless he opposes it: the `feeding` of his first document, or his "
        "first qualified `identity` stored here, by an imported transaction too; `never`: only the operation `$dmp`.",
        _one_of("feeding", "identity", "never"),
    )
    dmp_clients: tuple[str, ...] = _setting(
        (), "Clients (`client_id`) that ask as DMP software, besides those whose token has a `dmp_mode`.", _words
    )
    dmp_habilitation: str = _setting(
        "", "JSON file of the habilitation matrix (profession by document type); empty: the one shipped."
    )
    dmp_masked_and_invisible: bool = _setting(
        default=False, about="Whether MASQUE_PS and INVISIBLE_PATIENT may stand together.", read=_boolean
    )

    dmp_max_document: int = _setting(5 * 1024 * 1024, "Largest document of a submission, in bytes.", _positive)
    dmp_flavours: tuple[str, ...] = _setting(
        ("pdsm", "comprehensive", "uncontained", "minimal"),
        "Submissions (ITI-65) that are accepted, by the profile of their Bundle: `pdsm`, and those of MHD: "
        "`comprehensive`, `uncontained`, `minimal`.",
        _some_of("pdsm", "comprehensive", "uncontained", "minimal"),
    )
    dmp_notify_url: str = _setting(
        "",
        "Address of the operator's gateway for messages to patients (e-mail, SMS): each notification is sent there by "
        "POST, as a Communication without anything about health, until it is taken, for most of a day. Empty: none is "
        "sent.",
        _address,
    )
    dmp_class_mismatch: Literal["warn", "refuse"] = _setting(
        "warn", "What a document's class that does not go with its type leads to.", _one_of("warn", "refuse")
    )

    # Who is believed.
    token_keys: tuple[Path, ...] = _setting(
        (), "Files of public keys (PEM, JWK or JWKS) that sign access tokens.", _paths
    )
    token_issuers: tuple[str, ...] = _setting(
        (), "Issuers (`iss`) that are believed with those keys. Empty: tokens of those keys are refused.", _words
    )
    cursor_secret: str = _setting(
        "",
        "Secret of page links, the same on all machines of one service: 32 characters at least. Empty: made in the "
        "state folder.",
        _matching(r"(.{32,})?", "32 characters at least"),
    )
    token_audience: str = _setting("fhirserver", "Audience (`aud`) that a token must name.", _name)
    demo_issuer: Literal["auto", "on", "off"] = _setting(
        "auto",
        "Whether tokens of `fhirserver token` are believed; `auto`: in the sandbox only.",
        _one_of("auto", "on", "off"),
    )

    @property
    def believes_demo_issuer(self) -> bool:
        """Whether the key that `fhirserver token` signs with is among the trusted ones."""
        return self.demo_issuer == "on" or (self.demo_issuer == "auto" and self.mode == "sandbox")


def variable(field: dataclasses.Field[Any]) -> str:
    """Return the environment variable of a setting."""
    return field.metadata["variable"] or f"FHIRSERVER_{field.name.upper()}"


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """Read all settings.

    Raises:
        SettingError: a value cannot be understood, or a variable `FHIRSERVER_…` names no setting.
    """
    given = os.environ if environment is None else environment
    fields = {variable(field): field for field in dataclasses.fields(Settings)}
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in given:
            continue
        try:
            values[field.name] = field.metadata["read"](given[name])
        except ValueError as error:
            raise SettingError(f"{name}={given[name]!r}: {error}") from None
    unknown = sorted(name for name in given if name.startswith("FHIRSERVER_") and name not in fields)
    if unknown:
        raise SettingError(f"unknown settings: {', '.join(unknown)}")
    return Settings(**values)


def environment(settings: Settings) -> dict[str, str]:
    """Return the variables that make `read` give these settings again (for worker processes)."""
    values = {}
    for field in dataclasses.fields(Settings):
        value = getattr(settings, field.name)
        if value == field.default:
            continue
        if isinstance(value, tuple):
            separator = os.pathsep if field.metadata["read"] is _paths else " "
            value = separator.join(map(str, value))
        values[variable(field)] = str(value)
    return values


def document() -> str:
    """Return docs/settings.md."""
    lines = ["# Settings", "", "Read once at start. Written by `fhirserver settings`.", ""]
    lines += ["| variable | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(Settings):
        default = field.default
        if isinstance(default, tuple):
            default = " ".join(map(str, default))
        told = str(default).replace(str(Path.home()), "~").replace(str(_PROFILES.parent), ".")
        shown = f"`{told}`" if told else "empty"
        lines.append(f"| `{variable(field)}` | {shown} | {field.metadata['about']} |")
    return "\n".join(lines) + "\n"
