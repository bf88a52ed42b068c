"""The address that links carry."""

from typing import Any

import pytest

from fhirserver.access.tokens import Verifier
from fhirserver.settings import Settings
from fhirserver.wire.formats import Formats
from fhirserver.wire.gateway import Gateway

BEHIND = {
    "wsgi.url_scheme": "http",
    "HTTP_HOST": "inside:8080",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "fhir.example.fr, inner",
}


@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, "http://inside:8080/fhir"),
        ({"trust_proxy": True}, "https://fhir.example.fr/fhir"),
        ({"public_url": "https://public.example.fr/"}, "https://public.example.fr/fhir"),
        ({"public_url": "https://public.example.fr", "trust_proxy": True}, "https://public.example.fr/fhir"),
    ],
)
def test_forwarded_headers_are_believed_only_where_the_setting_trusts_the_proxy(
    settings: dict[str, Any], base: str
) -> None:
    router: Any = None
    gateway = Gateway(Settings(**settings), Formats(), Verifier((), "x"), router, lambda _: None, lambda: False)
    assert gateway.base(BEHIND) == base
