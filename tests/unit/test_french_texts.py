"""What the server says in French is punctuated as French is, and says as much as its English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import fhirserver
from fhirserver.access.caller import Role

ROOT = Path(fhirserver.__file__).parent
NO_SPACE_BEFORE = re.compile(r"[^\s\d?!][;!?»]|«\S|[^\s»]\s?:\s*$|\w\.\.\.|[^« ]\s,|  ")
QUOTED = re.compile(r"https?:\S*|urn:\S*|\{[^{}]*\}|<[^<>]*>|`[^`]*`|\[\{.*\}\]")


def _literal(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    return None


def _texts() -> Iterator[tuple[str, str, str]]:
    for path in ROOT.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if "Text(" not in source:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Text" and len(node.args) == 2:
                french, english = map(_literal, node.args)
                if french and english:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", french, english


def test_french_has_its_spaces_and_ends_where_english_does() -> None:
    wrong = [
        (where, french)
        for where, french, english in _texts()
        if NO_SPACE_BEFORE.search(QUOTED.sub("X", french).rstrip(".")) or french.endswith(".") != english.endswith(".")
    ]
    assert wrong == []


def test_pages_name_every_role_in_the_reader_s_language() -> None:
    frame = (ROOT / "pages" / "templates" / "frame.html").read_text(encoding="utf-8")
    assert all(re.search(rf'"{role}": t\("[^"]+", "{role}"\)', frame) for role in Role)
