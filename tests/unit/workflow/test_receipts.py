"""Receipts are verified with what the server publishes, also once its key was changed."""

from __future__ import annotations

from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fhirserver.workflow.after import receipts


def _verified(receipt: str, state: Path) -> object:
    keys = jwt.PyJWKSet.from_dict(receipts.published(state))
    key = keys[jwt.get_unverified_header(receipt)["kid"]]
    return jwt.decode(receipt, key.key, algorithms=["ES256"])["sub"]


@pytest.mark.parametrize("public", [False, True])
def test_a_receipt_is_verified_after_its_key_was_changed(tmp_path: Path, *, public: bool) -> None:
    first = receipts.signing_key(tmp_path)
    before = receipts.sign(first, {"sub": "before"})
    former = (tmp_path / "receipt-key.pem").rename(tmp_path / "receipt-key-2026.pem")
    if public:
        former.write_bytes(first.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    after = receipts.sign(receipts.signing_key(tmp_path), {"sub": "after"})
    assert [_verified(each, tmp_path) for each in (before, after)] == ["before", "after"]
    assert receipts.published(tmp_path)["keys"][0]["kid"] == jwt.get_unverified_header(after)["kid"]
    assert all("d" not in key for key in receipts.published(tmp_path)["keys"])


def test_a_former_key_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "receipt-key-old.pem").write_text("-----BEGIN PUBLIC KEY-----\n")
    with pytest.raises(ValueError, match=r"receipt-key-old\.pem"):
        receipts.published(tmp_path)
