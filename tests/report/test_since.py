"""Which report a new one is compared with: what the user names, else the last of an earlier day."""

from __future__ import annotations

from datetime import date

import pytest

from cam import key_figures
from cam.errors import ParamsError
from cam.estimate import Estimate
from cam.report.since import EARLIER, earlier_figures, read_figures


def report(folder, name: str, *, as_of: str, value: float):
    folder.mkdir(exist_ok=True)
    made = key_figures.rows([Estimate("n", value, "count")], client="acme", as_of=as_of, study="s")
    key_figures.write(folder / name, made)
    return made


def test_the_report_in_place_counts_where_it_ends_on_an_earlier_day(tmp_path):
    march = report(tmp_path, "key_figures.csv", as_of="2026-03-31", value=1)
    assert earlier_figures(tmp_path, (), as_of=date(2026, 6, 30)) == march


def test_a_run_that_is_repeated_compares_with_the_same_report(tmp_path):
    march = report(tmp_path, EARLIER, as_of="2026-03-31", value=1)
    report(tmp_path, "key_figures.csv", as_of="2026-06-30", value=2)
    assert earlier_figures(tmp_path, (), as_of=date(2026, 6, 30)) == march


def test_what_the_user_names_goes_first(tmp_path):
    report(tmp_path, "key_figures.csv", as_of="2026-03-31", value=1)
    asked = report(tmp_path / "other", "key_figures.csv", as_of="2025-03-31", value=3)
    assert earlier_figures(tmp_path, asked, as_of=date(2026, 6, 30)) == asked


def test_without_an_earlier_report_there_is_nothing_to_compare(tmp_path):
    assert earlier_figures(tmp_path / "none", (), as_of=date(2026, 6, 30)) == []
    report(tmp_path, "key_figures.csv", as_of="2026-07-31", value=1)  # a later one is not earlier
    assert earlier_figures(tmp_path, (), as_of=date(2026, 6, 30)) == []


def test_figures_are_found_by_file_folder_and_client(tmp_path):
    made = report(tmp_path / "acme", "key_figures.csv", as_of="2026-03-31", value=1)
    for where in (tmp_path / "acme/key_figures.csv", tmp_path / "acme", "acme"):
        assert read_figures(where, reports=tmp_path) == made


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b"client,as_of\n\x00"])
def test_what_is_no_key_figures_is_refused(tmp_path, content):
    (tmp_path / "key_figures.csv").write_bytes(content)
    with pytest.raises(ParamsError, match=r"key_figures.csv: (no key figures|cannot be read)"):
        read_figures(tmp_path, reports=tmp_path)
    with pytest.raises(ParamsError, match="no key figures there"):
        read_figures("nobody", reports=tmp_path)
