"""What a start looks at first: wrong settings end it with a line that names them."""

from __future__ import annotations

import multiprocessing
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fhirserver.serving.checking import checked, doubtful
from fhirserver.serving.outbox import Companion
from fhirserver.settings import SettingError, Settings, read
from fhirserver.store import Store


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FHIRSERVER_TOKEN_KEYS", "/absent/key.pem"),
        ("FHIRSERVER_PROFILE_POLICY", "french"),
        ("FHIRSERVER_DMP_HABILITATION", "/absent/matrix.json"),
        ("FHIRSERVER_PRESCRIPTION_RULES", "/absent"),
        ("FHIRSERVER_PROFILES", "/absent"),
        ("FHIRSERVER_STATE", "/dev/null/state"),
        ("FHIRSERVER_TYPES", "Patient Foo"),
        ("FHIRSERVER_SEARCH_PACKAGES", "no.such.package"),
        ("FHIRSERVER_HOST", "nowhere.invalid"),
    ],
)
def test_what_a_setting_names_in_vain_ends_the_start_and_is_told(tmp_path: Path, name: str, value: str) -> None:
    given = {"FHIRSERVER_STATE": str(tmp_path), "FHIRSERVER_PORT": "0", name: value}
    with pytest.raises(SettingError, match=name):
        checked(read(given))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("demo-issuer.pem", b"garbage"),
        ("cursor.key", b""),
        ("terminology/a.json", b"{garbage"),
        ("terminology/a.json", b"[]"),
        ("terminology/a.codes", b"garbage"),
    ],
)
def test_a_damaged_file_of_the_state_folder_ends_the_start_and_is_named(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / "terminology").mkdir()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingError, match=f"FHIRSERVER_STATE.*{name}"):
        checked(Settings(state=tmp_path, port=0))


def test_settings_that_are_hardly_meant_are_told_each_by_its_name(tmp_path: Path) -> None:
    keys = (tmp_path / "keys.pem",)
    assert not doubtful(Settings())
    bare = doubtful(Settings(mode="production", mongodb_uri="mongodb://a"))
    assert [line.partition(":")[0] for line in bare] == ["FHIRSERVER_TOKEN_KEYS, FHIRSERVER_TOKEN_ISSUERS"]
    half = doubtful(Settings(mode="production", token_keys=keys, demo_issuer="on", validation="off"))
    assert [line.partition(":")[0] for line in half] == [
        "FHIRSERVER_TOKEN_KEYS, FHIRSERVER_TOKEN_ISSUERS",
        "FHIRSERVER_DEMO_ISSUER",
        "FHIRSERVER_VALIDATION",
        "MONGODB_URI",
    ]
    whole = Settings(mode="production", token_keys=keys, token_issuers=("https://a",), mongodb_uri="mongodb://a")
    assert not doubtful(whole)


def test_a_port_that_another_process_has_is_refused_and_a_free_one_is_found(tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, host="localhost", port=0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingError, match="Address already in use"):
            checked(replace(settings, host="127.0.0.1", port=taken.getsockname()[1]))
    found = checked(settings)
    assert found.host in ("127.0.0.1", "::1")
    assert found.port > 0


def test_an_address_that_is_none_of_mongodb_is_told_as_a_setting() -> None:
    with pytest.raises(SettingError, match="MONGODB_URI"):
        Store("http://x")


def test_the_outbox_process_is_there_before_any_other_is_forked_and_ends_with_the_server(tmp_path: Path) -> None:
    settings = Settings(mongodb_uri="mongodb://127.0.0.1:1/?directConnection=true", state=tmp_path)
    with Companion(settings):
        assert [process.name for process in multiprocessing.active_children()] == ["outbox"]
    assert not multiprocessing.active_children()
