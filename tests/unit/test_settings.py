"""Settings: read once, documented, told to worker processes."""

from pathlib import Path

import pytest

from fhirserver import settings

ROOT = Path(__file__).parents[2]


def test_the_documentation_of_the_settings_is_the_declarations_own() -> None:
    assert (ROOT / "docs" / "settings.md").read_text() == settings.document()


def test_a_setting_comes_from_its_variable_and_goes_on_to_worker_processes() -> None:
    given = {
        "FHIRSERVER_PORT": "9",
        "FHIRSERVER_TYPES": "Patient, Observation",
        "FHIRSERVER_TRUST_PROXY": "yes",
        "MONGODB_URI": "mongodb://x",
        "FHIRSERVER_TOKEN_KEYS": "/a:/b",
    }
    read = settings.read(given)
    assert (read.port, read.types, read.trust_proxy) == (9, ("Patient", "Observation"), True)
    assert read.token_keys == (Path("/a"), Path("/b"))
    assert settings.read(settings.environment(read)) == read


@pytest.mark.parametrize(
    "given",
    [
        {"FHIRSERVER_PORT": "many"},
        {"FHIRSERVER_PORT": "-1"},
        {"FHIRSERVER_TRUST_PROXY": "perhaps"},
        {"FHIRSERVER_MODE": "test"},
        {"FHIRSERVER_NONSENSE": "1"},
        {"FHIRSERVER_PORT": "70000"},
        {"FHIRSERVER_HOST": ""},
        {"FHIRSERVER_CURSOR_SECRET": "hush"},
        {"FHIRSERVER_THREADS": "0"},
        {"FHIRSERVER_PAGE_SIZE": "0"},
        {"FHIRSERVER_SEARCH_SECONDS": "0"},
        {"FHIRSERVER_MAX_BODY": "50MB"},
        {"FHIRSERVER_PUBLIC_URL": "fhir.example.fr"},
        {"FHIRSERVER_PUBLIC_URL": "https://fhir.example.fr/fhir/"},
        {"FHIRSERVER_CORS_ORIGINS": "https://app.example.fr/page"},
        {"FHIRSERVER_DATABASE": "a.b"},
        {"FHIRSERVER_DATABASE": ""},
        {"FHIRSERVER_TIME_ZONE": "Mars/Olympus"},
        {"FHIRSERVER_TIME_ZONE": ""},
        {"FHIRSERVER_REGISTRY": "packages.fhir.org"},
        {"FHIRSERVER_PRESCRIPTION_ROOT": "urn:oid:1.2.3"},
        {"FHIRSERVER_DMP_NOTIFY_URL": "gateway"},
        {"FHIRSERVER_TOKEN_AUDIENCE": " "},
    ],
)
def test_a_setting_that_cannot_be_understood_stops_the_start_and_is_named(given: dict[str, str]) -> None:
    with pytest.raises(settings.SettingError, match=next(iter(given))):
        settings.read(given)


def test_what_is_expected_of_a_number_is_told_plainly() -> None:
    with pytest.raises(settings.SettingError) as told:
        settings.read({"FHIRSERVER_PORT": "tcp://10.0.0.1:8080"})
    assert str(told.value) == "FHIRSERVER_PORT='tcp://10.0.0.1:8080': expected a whole number, 0 or more"


def test_the_demo_issuer_is_believed_in_the_sandbox_only() -> None:
    assert settings.Settings().believes_demo_issuer
    assert not settings.Settings(mode="production").believes_demo_issuer
    assert settings.Settings(mode="production", demo_issuer="on").believes_demo_issuer
