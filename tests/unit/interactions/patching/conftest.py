from __future__ import annotations

import pytest

from fhirserver.definitions import development
from fhirserver.fhirpath import Engine
from fhirserver.interactions.patching import Patcher
from fhirserver.wire.xml.formatting import XmlCodec


@pytest.fixture(scope="module")
def patcher() -> Patcher:
    definitions = development()
    return Patcher(Engine(definitions), XmlCodec(definitions))
