"""The habilitation matrix: complete, sourced or assumed, replaceable."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhirserver.dmp.commands import dmp
from fhirserver.dmp.habilitation import HabilitationError, load


def shipped() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(resources.files("fhirserver.dmp").joinpath("habilitation.json").read_text())
    return content


def test_the_matrix_has_19_professions_87_types_and_11_categories() -> None:
    matrix = load()
    assert len(matrix.professions) == 19
    assert len(matrix.categories) == 87
    assert len(set(matrix.categories.values())) == 11


def test_doctors_read_everything_but_the_residence_certificate() -> None:
    matrix = load()
    assert set(matrix.categories) - matrix.types("10") == {"ATTEST-RESID"}


@pytest.mark.parametrize(
    ("profession", "closed"),
    [
        ("40", {"80788-3", "75496-0", "83981-1", "83901-9", "68599-0"}),
        ("60", {"75496-0", "68599-0", "83901-9", "59283-2", "CERT_DECL", "89601-9"}),
        ("80", {"15508-5"}),
    ],
)
def test_what_is_reported_as_closed_to_a_profession_is_closed_and_no_assumption(
    profession: str, closed: set[str]
) -> None:
    matrix = load()
    assert not closed & matrix.types(profession)
    assumed = {cell.type for cell in matrix.assumptions() if cell.profession == profession}
    assert assumed == set(matrix.categories) - closed


def test_what_the_matrix_does_not_list_is_not_read() -> None:
    matrix = load()
    assert not matrix.grants("10", "no-such-type")
    assert not matrix.grants("10", None)
    assert not matrix.grants(None, "11488-4")
    assert not matrix.grants("99", "11488-4")


def test_a_psychiatric_nurse_reads_what_a_nurse_reads() -> None:
    assert load().types("69") == load().types("60") != frozenset()


def _write(folder: Path, content: Any) -> Path:
    path = folder / "matrix.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_an_operator_replaces_the_matrix(tmp_path: Path) -> None:
    content = {
        "professions": [{"code": "21", "name": "Pharmacien"}],
        "categories": {"42": "Prescription"},
        "types": [{"type": "57833-6", "category": "42", "name": "x", "cells": "+"}],
    }
    matrix = load(_write(tmp_path, content))
    assert matrix.types("21") == {"57833-6"}
    assert matrix.types("10") == frozenset()
    assert list(matrix.assumptions()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"types": []}, "types"),
        ({"professions": [{"code": "10"}]}, "name"),
        ({"unknown": 1}, "unknown"),
        ({"types": [{"type": "a", "category": "10", "name": "x", "cells": "+ +"}]}, "2 cells for 19"),
        ({"types": [{"type": "a", "category": "77", "name": "x", "cells": " ".join("+" * 19)}]}, "category 77"),
        ({"types": [{"type": "a", "category": "10", "name": "x", "cells": " ".join("+" * 19)}] * 2}, "twice"),
        ({"same": {"69": "no"}}, "unknown professions no"),
        ({"types": [{"type": "a", "category": "10", "name": "x", "cells": "maybe"}]}, "cells"),
    ],
)
def test_a_matrix_with_a_hole_is_refused_with_its_place(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(HabilitationError, match=told):
        load(_write(tmp_path, {**shipped(), **change}))


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_what_is_no_matrix_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "matrix.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(HabilitationError):
        load(path)


def test_the_command_lists_each_assumed_cell_once() -> None:
    output = CliRunner().invoke(dmp, ["assumptions"]).output
    cells = [line for line in output.splitlines() if not line.startswith("#")]
    assert len(cells) == len(set(cells)) == len(list(load().assumptions()))
    assert any(line.startswith("60 Infirmier: reads 11488-4") for line in cells)
    assert any(line.startswith("21 Pharmacien: does not read") for line in cells)


def test_the_command_takes_each_profession_that_reads_and_no_other() -> None:
    def cells(code: str) -> list[str]:
        output = CliRunner().invoke(dmp, ["assumptions", "--profession", code]).output
        return [line for line in output.splitlines() if not line.startswith("#")]

    assert cells("69") == cells("60") != []
    refused = CliRunner().invoke(dmp, ["assumptions", "--profession", "99"])
    assert refused.exit_code == 1
    assert "99" in refused.output


def test_the_command_tells_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    result = CliRunner().invoke(dmp, ["assumptions", "--file", str(tmp_path / "absent.json")])
    assert result.exit_code == 1
    assert "absent.json" in result.output
