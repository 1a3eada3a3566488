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


def test_figures_of_another_client_and_what_is_no_number_are_refused_with_the_files_name(tmp_path):
    made = report(tmp_path / "acme", "key_figures.csv", as_of="2026-03-31", value=1)
    place = tmp_path / "acme" / "key_figures.csv"
    assert read_figures(place, reports=tmp_path, client="acme") == made
    with pytest.raises(ParamsError) as caught:
        read_figures("acme", reports=tmp_path, client="other")
    assert (
        str(caught.value) == f"{place}: key figures of acme, not of other. Name an earlier report of other."
    )
    for column in ("value", "low", "high", "n"):
        for text in ("soon", "nan", "inf"):
            key_figures.write(place, [made[0] | {"low": "0", "high": "2", column: text}])
            with pytest.raises(
                ParamsError, match=r"acme/key_figures\.csv: key figures: n \[\] cannot be read"
            ):
                read_figures("acme", reports=tmp_path)


def test_a_spreadsheets_byte_order_mark_is_read(tmp_path):
    made = report(tmp_path, "key_figures.csv", as_of="2026-03-31", value=1)
    place = tmp_path / "key_figures.csv"
    place.write_bytes(b"\xef\xbb\xbf" + place.read_bytes().replace(b"\n", b"\r\n"))
    assert read_figures(place, reports=tmp_path, client="acme") == made


def test_a_row_that_is_too_long_is_refused(tmp_path):
    report(tmp_path, "key_figures.csv", as_of="2026-03-31", value=1)
    with (tmp_path / "key_figures.csv").open("a") as stream:
        stream.write("acme,2026-03-31,s,m,,1,,,,count,more\n")
    with pytest.raises(ParamsError, match=r"key_figures.csv: no key figures"):
        read_figures(tmp_path, reports=tmp_path)
