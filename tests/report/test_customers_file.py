"""customers.parquet: everybody once, in order, with what each study says; in parts the same as at once."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.report.customers_file import write_customers

ODD = ["", " a", "A", "a", "a'b", "é", "书", "z" * 40]


@pytest.fixture
def files(tmp_path):
    """Two studies that know some of the customers, in the order of their ids, and the client's own table."""
    ids = sorted({*ODD, *(f"c{number:03d}" for number in range(60))}, key=str.encode)
    one = pd.DataFrame({"customer_id": ids[::2], "x": range(len(ids[::2]))})
    two = pd.DataFrame({"customer_id": ids[::3], "y y": [f"{text}!" for text in ids[::3]]})
    base = pd.DataFrame({"customer_id": [None, *ids, *ids[:5]], "z": 1})
    for name, table in {"one": one, "two": two, "base": base}.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    expected = pd.DataFrame({"customer_id": ids}).merge(one, how="left").merge(two, how="left")
    return tmp_path, expected


@pytest.mark.parametrize("at_once", [1, 2, 17, 67, 1000])
def test_in_parts_and_at_once_everybody_has_one_row_in_order(files, at_once):
    folder, expected = files
    scores = [folder / "one.parquet", folder / "two.parquet"]
    write_customers(scores, [folder / "base.parquet"], folder / "all.parquet", at_once=at_once)
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "all.parquet"), expected, check_dtype=False)


def test_without_scores_everybody_still_has_one_row(files):
    folder, expected = files
    write_customers([], [folder / "base.parquet"], folder / "all.parquet")
    assert pd.read_parquet(folder / "all.parquet")["customer_id"].tolist() == expected["customer_id"].tolist()


def test_without_any_score_or_customer_the_file_has_its_column(tmp_path):
    write_customers([], [], tmp_path / "all.parquet")
    found = pd.read_parquet(tmp_path / "all.parquet")
    assert list(found) == ["customer_id"] and found.empty
