"""Import direction: who may know whom (docs/architecture.md)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "fhirserver"
FLOOR = {"issues", "errors", "jsontext", "base64text", "settings"}
LAYERS = {
    "definitions": set(),
    "store": set(),
    "fhirpath": {"definitions"},
    "terminology": {"fhirpath", "definitions"},
    "validation": {"fhirpath", "terminology", "definitions"},
    "search": {"fhirpath", "terminology", "definitions", "store"},
    "access": {"store"},
    "prescription": {"fhirpath", "terminology", "definitions"},
    "dmp": {"fhirpath", "terminology", "definitions"},
}
_CONNECTING = ("interactions", "operations", "workflow", "documents", "records")
LAYERS |= {room: {*LAYERS, *_CONNECTING} for room in _CONNECTING}
LAYERS["wire"] = {*LAYERS}
LAYERS["pages"] = {*LAYERS, "wire"}
MODULES = sorted(ROOT.rglob("*.py"))


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "fhirserver"}
    return names


def _room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_rooms_below_its_own(path: Path) -> None:
    room = _room(path)
    if room not in LAYERS or path.name == "commands.py":
        return
    allowed = LAYERS[room] | FLOOR | {room}
    used = {name.split(".")[1] for name in _imports(path) if name.startswith("fhirserver.")}
    assert used - {"__version__"} <= allowed


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_edge_knows_flask_and_only_the_store_knows_mongodb(path: Path) -> None:
    roots = {name.split(".")[0] for name in _imports(path)}
    if _room(path) not in {"wire", "pages", "serving", "app.py"}:
        assert not roots & {"flask", "flask_smorest", "werkzeug"}
    mongo_side = path.parent == ROOT / "search" / "mongo"
    if _room(path) != "store" and not mongo_side:
        assert not roots & {"pymongo", "mongoengine", "bson", "gridfs"}
