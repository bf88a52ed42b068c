"""What a canonical url means."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from fhirserver.definitions import Definitions, PackageError, PackageId, load, split_canonical
from fhirserver.definitions.canonical import version_key
from fhirserver.jsontext import Number

URL = "http://example.org/ValueSet/v"


def value_set(version: str, title: str = "") -> dict[str, Any]:
    return {"resourceType": "ValueSet", "id": "v", "url": URL, "version": version, "title": title, "status": "active"}


@pytest.fixture
def loaded(tmp_path: Path, write_package: Callable[..., Path]) -> Callable[..., Definitions]:
    def make(*packages: Path) -> Definitions:
        return load(packages, tmp_path / "cache")

    return make


def test_r4_core_is_there_with_its_types(core: Definitions) -> None:
    assert core.packages == (PackageId("hl7.fhir.r4.core", "4.0.1"),)
    assert len(core.resource_types) == 146
    assert {"Patient", "Binary", "Parameters"} < core.resource_types
    assert not {"Resource", "DomainResource", "Quantity"} & core.resource_types
    patient = core.structure("Patient")
    assert patient is not None
    assert patient["url"] == "http://hl7.org/fhir/StructureDefinition/Patient"
    assert core.structure("http://hl7.org/fhir/StructureDefinition/Patient|4.0.1") is patient
    assert sum(1 for _ in core.all("SearchParameter")) == 1400


def test_what_is_not_there_is_none(core: Definitions) -> None:
    assert core.structure("Nothing") is None
    assert core.find("ValueSet", "http://hl7.org/fhir/StructureDefinition/Patient") is None
    assert core.find("ValueSet", "") is None
    assert core.source("http://example.org/nothing") is None


def test_every_definition_that_can_have_a_snapshot_has_one(core: Definitions) -> None:
    without = [one["id"] for one in core.all("StructureDefinition") if "snapshot" not in one]
    assert without == []
    assert core.reports == ()


def test_a_version_may_be_whole_or_partial(core: Definitions) -> None:
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert core.find("ValueSet", f"{url}|4.0.1") == core.find("ValueSet", url)
    assert core.find("ValueSet", f"{url}|4.0") == core.find("ValueSet", url)
    assert core.find("ValueSet", f"{url}|4") == core.find("ValueSet", url)
    assert core.find("ValueSet", f"{url}|4.0.2") is None
    assert core.find("ValueSet", f"{url}|4.0.11") is None
    assert core.versions("ValueSet", url) == ("4.0.1",)


def test_an_unknown_version_of_a_known_url_can_be_stood_in_for(core: Definitions) -> None:
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    found = core.find("ValueSet", url)
    assert core.nearest("ValueSet", f"{url}|4.0") == (found, True)
    assert core.nearest("ValueSet", f"{url}|9.9") == (found, False)
    assert core.nearest("ValueSet", "http://example.org/nothing|1") is None


def test_the_latest_version_wins_whatever_the_order_of_packages(
    loaded: Callable[..., Definitions], write_package: Callable[..., Path]
) -> None:
    old = write_package("a", "1.9.0", value_set("1.9.0"))
    new = write_package("a", "1.10.0", value_set("1.10.0"))
    for order in ((old, new), (new, old)):
        definitions = loaded(*order)
        found = definitions.find("ValueSet", URL)
        assert found is not None
        assert found["version"] == "1.10.0"
        assert definitions.versions("ValueSet", URL) == ("1.10.0", "1.9.0")
        older = definitions.find("ValueSet", f"{URL}|1.9")
        assert older is not None
        assert older["version"] == "1.9.0"


def test_of_equal_versions_the_first_package_wins(
    loaded: Callable[..., Definitions], write_package: Callable[..., Path]
) -> None:
    first = write_package("a", "1.0.0", value_set("1", "first"))
    second = write_package("b", "1.0.0", value_set("1", "second"))
    found = loaded(first, second).find("ValueSet", URL)
    assert found is not None
    assert found["title"] == "first"
    assert loaded(second, first).source(URL) == PackageId("b", "1.0.0")


def test_a_package_that_restates_others_gives_way_to_them(
    loaded: Callable[..., Definitions], write_package: Callable[..., Path]
) -> None:
    ours = write_package("ours", "1.0.0", value_set("9", "restated"), restates=True)
    official = write_package("official", "1.0.0", value_set("1", "official"))
    found = loaded(ours, official).find("ValueSet", URL)
    assert found is not None
    assert found["title"] == "official"


def test_decimals_keep_their_digits(loaded: Callable[..., Definitions], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "n", "version": "1.0.0"}')
    (folder / "x.json").write_text('{"resourceType": "ValueSet", "url": "http://x", "x": 1.50}')
    found = loaded(folder).find("ValueSet", "http://x")
    assert found is not None
    assert found["x"] == Number("1.50")
    assert found["x"].text == "1.50"


def test_the_fingerprint_follows_content_and_order(
    loaded: Callable[..., Definitions], write_package: Callable[..., Path]
) -> None:
    one, two = write_package("a", "1.0.0", value_set("1")), write_package("b", "1.0.0")
    assert loaded(one, two).fingerprint == loaded(one, two).fingerprint
    prints = {loaded(one, two).fingerprint, loaded(two, one).fingerprint, loaded(one).fingerprint}
    assert len(prints) == 3


def test_a_file_that_is_not_json_is_reported_and_the_rest_loads(
    loaded: Callable[..., Definitions], tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "package.json").write_text('{"name": "n", "version": "1.0.0"}')
    (folder / "broken.json").write_text("{")
    (folder / "good.json").write_text('{"resourceType": "ValueSet", "url": "http://x"}')
    definitions = loaded(folder)
    assert definitions.find("ValueSet", "http://x") is not None
    (report,) = definitions.reports
    assert (report.package, report.definition, report.fatal) == ("n#1.0.0", "broken.json", True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"no archive", "not a gzip file"), (b"", "")],
)
def test_a_package_that_cannot_be_read_is_named(
    loaded: Callable[..., Definitions], tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "bad.tgz"
    path.write_bytes(content)
    with pytest.raises(PackageError, match=f"bad.tgz: .*{reason}"):
        loaded(path)


def test_a_missing_package_is_named(loaded: Callable[..., Definitions], tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"nowhere\.tgz"):
        loaded(tmp_path / "nowhere.tgz")


def test_a_compiled_file_that_was_cut_short_is_made_again(
    loaded: Callable[..., Definitions], write_package: Callable[..., Path], tmp_path: Path
) -> None:
    package = write_package("a", "1.0.0", value_set("1"))
    loaded(package)
    (compiled,) = (tmp_path / "cache").glob("definitions-*.bin")
    for broken in (compiled.read_bytes()[:60], compiled.read_bytes()[:-1], b"something else", b""):
        compiled.write_bytes(broken)
        assert loaded(package).find("ValueSet", URL) is not None


def test_many_threads_may_read_at_once(core: Definitions) -> None:
    urls = [entry.url for entry in core.entries("StructureDefinition")][:400]

    def read(url: str) -> bool:
        structure = core.structure(url)
        return structure is not None and structure["url"] == url

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, urls * 3))


def _load(places: tuple[str, str]) -> str:
    package, cache = places
    definitions = load([Path(package)], Path(cache))
    assert definitions.find("ValueSet", URL) is not None
    return definitions.fingerprint


def test_many_processes_may_compile_at_once(write_package: Callable[..., Path], tmp_path: Path) -> None:
    package = str(write_package("a", "1.0.0", value_set("1")))
    cache = tmp_path / "cache"
    with ProcessPoolExecutor(4, mp_context=get_context("spawn")) as pool:
        prints = list(pool.map(_load, [(package, str(cache))] * 8))
    assert len(set(prints)) == 1
    assert [path.name for path in cache.iterdir()] == [f"definitions-{prints[0]}.bin"]


def test_a_canonical_splits_into_url_and_version() -> None:
    assert split_canonical("http://x|1.0") == ("http://x", "1.0")
    assert split_canonical("http://x#part|1.0") == ("http://x", "1.0")
    assert split_canonical("http://x") == ("http://x", "")


def test_versions_sort_as_people_read_them() -> None:
    versions = ["1.0.0", "1.0.0-ballot", "1.10.0", "1.9.0", "2.0.0-rc2", "2.0.0", "2018-08-12", "2018-11-01"]
    expected = ["1.0.0-ballot", "1.0.0", "1.9.0", "1.10.0", "2.0.0-rc2", "2.0.0", "2018-08-12", "2018-11-01"]
    assert sorted(versions, key=version_key) == expected
