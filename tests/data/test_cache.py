"""The cache keeps the latest tables; what another process removes while it looks is no fault."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cam.data.cache import KEPT, forget_old


@pytest.fixture
def home(tmp_path):
    """A client's folder: five prepared tables of different age, work of two days ago and of now."""
    for age in range(KEPT + 2):
        (tmp_path / f"made{age}").mkdir()
        os.utime(tmp_path / f"made{age}", (1e9, 1e9 - age))
    (tmp_path / ".work-1-old").mkdir()
    os.utime(tmp_path / ".work-1-old", (1e9, 1e9))
    (tmp_path / ".work-2-now").mkdir()
    return tmp_path


def left(home: Path) -> list[str]:
    return sorted(path.name for path in home.iterdir())


def test_the_latest_stay_and_old_work_goes(home):
    forget_old(home, home / ".work-2-now")
    assert left(home) == [".work-2-now", *(f"made{age}" for age in range(KEPT))]


def test_what_another_process_removes_meanwhile_is_no_fault(home, monkeypatch):
    """A folder is listed, and gone when it is looked at."""
    stat = Path.stat

    def gone(path, **how):
        if path.name in {".work-1-old", "made1"}:
            raise FileNotFoundError(path)
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", gone)
    forget_old(home, home / ".work-2-now")
    monkeypatch.undo()
    assert left(home) == [".work-1-old", ".work-2-now", "made0", "made1", "made2", "made3"]
