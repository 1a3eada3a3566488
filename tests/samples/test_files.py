"""A sample's files: whole, the same bytes, and left alone once they are there."""

from __future__ import annotations

import pandas as pd

from cam.samples.files import write_files

TABLES = {
    "orders.csv": pd.DataFrame({"revenue": [0.5, 20]}),
    "truth/rates.csv": pd.DataFrame({"rate": [0.25]}),
}


def test_files_that_are_there_already_stay_as_they_are_for_who_reads_them(tmp_path):
    # Two processes that make a sample at once: the second must not change what a third has begun to read.
    write_files(TABLES, tmp_path / "shop")
    before = {name: (tmp_path / "shop" / name).stat() for name in TABLES}
    write_files(TABLES, tmp_path / "shop")
    after = {name: (tmp_path / "shop" / name).stat() for name in TABLES}
    assert {name: (one.st_ino, one.st_mtime_ns) for name, one in after.items()} == {
        name: (one.st_ino, one.st_mtime_ns) for name, one in before.items()
    }


def test_a_file_that_is_missing_or_another_is_written(tmp_path):
    write_files(TABLES, tmp_path / "whole")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "orders.csv").write_text("revenue\n0.50\n99.00\n")
    (broken / "notes.txt").write_text("mine")
    write_files(TABLES, broken)
    for name in TABLES:
        assert (broken / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert (broken / "notes.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "whole"]
