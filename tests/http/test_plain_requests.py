"""What is answered without Flask's routing and hooks is answered as Flask would."""

from __future__ import annotations

import pytest

from tests.http.conftest import Client

PATHS = [
    "metadata", "Patient/nobody", "Patient/nobody/", "Patient?_count=1&_elements=id", "Patient//nobody", "Unknown/1",
    "Patient/%C3%A9", "Patient/a%20b", "Patient/a%2Fb", "%24x", "$unknown", "Patient/1/_history/1", ".", "a/../b",
]  # fmt: skip
CHANGING = {"date", "x-request-id", "etag", "last-modified"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE", "TRACE"])
def test_flask_and_the_short_way_answer_alike(operator: Client, method: str, path: str) -> None:
    found = []
    for more in ({}, {"Cookie": "elsewhere=1"}):  # a cookie is Flask's to look at
        answer = operator.send(method, path, b"{}" if method == "POST" else None, **more)
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in CHANGING}
        content = b"" if path == "metadata" or answer.status_code == 200 else answer.content
        found.append((answer.status_code, headers, content))
    assert found[0] == found[1]
