"""The time left: told from last time's seconds, corrected by this time's, and never where it is not known."""

from __future__ import annotations

from pathlib import Path

import pytest

from cam.report import pace
from cam.report.execute import Result
from cam.report.pace import Pace, all_left, keep_paces, read_paces

LAST = Pace((10.0, 20.0, 90.0), 100.0)


def test_a_study_at_last_times_pace_needs_what_is_left_of_it():
    assert LAST.left(0, 0, at=0.0, elapsed=0.0) == 100
    assert LAST.left(2, 3, at=20.0, elapsed=50.0) == pytest.approx(50)
    assert LAST.left(3, 3, at=90.0, elapsed=90.0) == pytest.approx(10)


def test_its_own_pace_counts_the_more_the_more_of_it_has_run():
    """Twice as slow: hardly believed after a cell, nearly after most of it."""
    assert LAST.left(1, 3, at=20.0, elapsed=20.0) == pytest.approx(90 * 30 / 20)
    assert LAST.left(3, 3, at=180.0, elapsed=180.0) == pytest.approx(10 * 190 / 100)


def test_what_is_not_known_is_not_told():
    assert LAST.left(1, 4, at=10.0, elapsed=10.0) is None  # another notebook
    assert LAST.left(2, 3, at=20.0, elapsed=101.0) is None  # longer than last time: who knows how long
    assert all_left([3.0, None], [], at_once=2) is None


def test_studies_wait_for_a_free_core():
    assert all_left([5.0, 20.0], [30.0, 10.0], at_once=2) == 35
    assert all_left([5.0, 20.0], [30.0, 10.0], at_once=4) == 30
    assert all_left([5.0], [30.0, 10.0], at_once=1) == 45
    assert all_left([], [], at_once=2) == 0


def test_only_what_ran_to_its_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "cache_folder", lambda: tmp_path)
    assert read_paces("acme") == ({}, None)
    ran = Result("01_segmentation", "done", "", 9.0, cells=(1.0, 8.0))
    keep_paces("acme", [ran, Result("05_churn", "failed", "", 2.0, cells=(1.0,))], {"report": 3.0})
    keep_paces("acme", [Result("01_segmentation", "done", "", 0.5)], {"report": 4.0})  # found in the cache
    assert read_paces("acme") == ({"01_segmentation": Pace((1.0, 8.0), 9.0)}, 4.0)
    assert read_paces("other") == ({}, None)
    (kept,) = (tmp_path / "studies" / "acme").iterdir()
    for damaged in ("", "[]", '{"studies": {"01_segmentation": []}}', '{"studies": 1, "report": "x"}'):
        kept.write_text(damaged)
        assert read_paces("acme")[0] == {}
    (tmp_path / "studies" / "file").touch()
    keep_paces("file", [ran], {"report": 3.0})  # a cache that cannot be written costs no report
