from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from fhirserver.access.secrets import kept
from fhirserver.cli import main


def _full(*_: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_nothing_of_a_secret_is_left_where_the_disk_is_full(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        kept(tmp_path / "a.key", _full)
    assert list(tmp_path.iterdir()) == []


def test_a_command_tells_of_a_full_disk_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHIRSERVER_STATE", str(tmp_path))
    monkeypatch.setattr(os, "fsync", _full)
    told = CliRunner().invoke(main, ["token", "--role", "doctor"])
    assert (told.exit_code, told.output.strip()) == (1, "Error: No space left on device")
