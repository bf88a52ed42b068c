"""`fhirserver settings --in-force`."""

from __future__ import annotations

from click.testing import CliRunner

from fhirserver.serving.commands import settings

GIVEN = {
    "MONGODB_URI": "mongodb://user:hush@a,b/",
    "FHIRSERVER_CURSOR_SECRET": "hush",
    "FHIRSERVER_DMP_NOTIFY_URL": "https://gateway:hush@example.fr/",
    "FHIRSERVER_PORT": "9",
}


def test_settings_in_force_are_printed_without_their_secrets() -> None:
    told = CliRunner().invoke(settings, ["--in-force"], env=GIVEN).output
    assert "FHIRSERVER_PORT=9" in told
    assert "FHIRSERVER_CURSOR_SECRET=…" in told
    assert "hush" not in told
