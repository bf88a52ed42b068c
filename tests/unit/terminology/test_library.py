"""Loading nomenclatures: CSV in its many forms, NDJSON, FHIR."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhirserver.errors import Unreadable
from fhirserver.terminology import CodeState, Terminology
from fhirserver.terminology.commands import terminology as command
from fhirserver.terminology.library import Library
from fhirserver.terminology.loading import Columns
from fhirserver.terminology.table import CodeTable

CIS = "http://test.example/cis"


def load(tmp_path: Path, name: str, content: str | bytes, columns: Columns | None = None, **meta: Any) -> Library:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    library = Library(tmp_path / "library")
    library.load(path, meta, columns)
    return library


def test_a_csv_with_a_header_brings_names_properties_and_closed_codes(tmp_path: Path, core: Any) -> None:
    text = "code;display;status;display@en;dose\n1;Comprimé;actif;Tablet;5 mg\n2;Gélule;supprimé;;\n"
    terminology = Terminology(core, load(tmp_path, "a.csv", text, url=CIS).systems())
    status = terminology.code(CIS, "1")
    assert (status.state, status.display, status.name("en")) == (CodeState.KNOWN, "Comprimé", "Tablet")
    assert terminology.code(CIS, "2").state is CodeState.INACTIVE
    assert terminology.code(CIS, "3").state is CodeState.UNKNOWN


def test_a_file_without_header_in_windows_encoding_is_read_by_column_numbers(tmp_path: Path, core: Any) -> None:
    text = "60002283\tANASTROZOLE 1 mg, comprimé\tAutorisation active\n".encode("cp1252")
    library = load(tmp_path, "CIS_bdpm.txt", text, Columns(code="1", display="2", status="3"), url=CIS)
    assert Terminology(core, library.systems()).code(CIS, "60002283").display == "ANASTROZOLE 1 mg, comprimé"


def test_a_code_past_its_end_date_is_inactive_in_each_way_to_write_dates(tmp_path: Path, core: Any) -> None:
    text = "code,end\na,2001-01-31\nb,20010131\nc,31/01/2001\nd,2999-01-01\ne,\n"
    terminology = Terminology(core, load(tmp_path, "a.csv", text, url=CIS).systems())
    assert [terminology.code(CIS, code).state.value for code in "abcde"] == ["inactive"] * 3 + ["known"] * 2


def test_parents_in_a_csv_make_a_hierarchy(tmp_path: Path) -> None:
    (system,) = load(tmp_path, "a.csv", "code,parent\na,\nb,a\nc,a|b\n", url=CIS).systems()
    assert system.table.descendants(0) == {1, 2}


def test_a_missing_column_or_code_is_refused_naming_the_line(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="line 1"):
        load(tmp_path, "a.csv", "id,name\n1,x\n", url=CIS)
    with pytest.raises(Unreadable, match="line 3"):
        load(tmp_path, "a.csv", "code,display\n1,x\n,y\n", url=CIS)


def test_a_table_without_the_url_of_its_code_system_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="--system"):
        load(tmp_path, "a.csv", "code,display\na,A\n")


def test_ndjson_of_concepts_is_read_and_a_bad_line_named(tmp_path: Path, core: Any) -> None:
    lines = [{"code": "a", "display": "A"}, {"code": "b", "parent": "a", "designation": [{"value": "Bé"}]}]
    text = "\n".join(map(json.dumps, lines))
    library = load(tmp_path, "a.ndjson", text, url=CIS)
    assert Terminology(core, library.systems()).code(CIS, "b").accepts("bé")
    with pytest.raises(Unreadable, match="line 2"):
        load(tmp_path, "b.ndjson", '{"code": "a"}\n{"code"\n', url=CIS)
    with pytest.raises(Unreadable, match="line 1"):
        load(tmp_path, "b.ndjson", '{"display": "a"}\n', url=CIS)


def test_fhir_resources_are_loaded_from_a_bundle_and_replace_what_was_there(tmp_path: Path, core: Any) -> None:
    def bundle(display: str) -> str:
        system = {
            "resourceType": "CodeSystem",
            "url": CIS,
            "content": "complete",
            "concept": [{"code": "a", "display": display}],
        }
        value_set = {"resourceType": "ValueSet", "url": f"{CIS}-vs", "compose": {"include": [{"system": CIS}]}}
        return json.dumps({"resourceType": "Bundle", "entry": [{"resource": system}, {"resource": value_set}]})

    load(tmp_path, "a.json", bundle("Old"))
    library = load(tmp_path, "a.json", bundle("New"))
    terminology = Terminology(core, library.systems(), value_sets=library.resources())
    assert terminology.code(CIS, "a").display == "New"
    assert terminology.member(f"{CIS}-vs", None, "a").verdict.value == "in"
    assert sorted(one.kind for one in library.contents()) == ["CodeSystem", "ValueSet"]


def test_a_json_file_without_terminology_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        load(tmp_path, "a.json", '{"resourceType": "Patient"}')


def test_tens_of_thousands_of_codes_take_a_few_megabytes(tmp_path: Path) -> None:
    rows = "".join(f"{34009_0000_0000 + n},Spécialité {n} 500 mg comprimé boîte de 30\n" for n in range(50_000))
    library = load(tmp_path, "cip.csv", "code,display\n" + rows, url=CIS)
    (system,) = library.systems()
    assert len(system.table) == 50_000
    assert system.table.size < 8_000_000
    assert system.status("3400900000042").display == "Spécialité 42 500 mg comprimé boîte de 30"
    assert system.table.find("3400899999999") is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    library = load(tmp_path, "a.csv", "code\na\n", url=CIS)
    (path,) = library.folder.glob("*.codes")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with pytest.raises(ValueError, match=path.name):
        library.systems()
    with pytest.raises(ValueError, match="not a code table"):
        CodeTable(b"something else entirely, and longer than the header")


def test_the_command_loads_lists_and_refuses_without_a_stack_trace(tmp_path: Path) -> None:
    path, folder = tmp_path / "a.csv", str(tmp_path / "kept")
    path.write_text("code,display\na,A\n")
    run = CliRunner()
    loaded = run.invoke(command, ["load", str(path), "--system", CIS, "--version", "2026", "--folder", folder])
    assert loaded.exit_code == 0, loaded.output
    assert f"{CIS}|2026" in run.invoke(command, ["list", "--folder", folder]).output
    refused = run.invoke(command, ["load", str(path), "--system", CIS, "--code", "id", "--folder", folder])
    assert refused.exit_code == 1
    assert 'no column "id"' in refused.output
