"""``key_figures.csv``: written the same everywhere, and read back as it was written."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cam.estimate import Estimate
from cam.key_figures import COLUMNS, number_text, read, rows, segment_text, write

WHERE = {"client": "acme", "as_of": "2026-06-30", "study": "01_segmentation"}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "share", ""),
        (23570, "count", "23570"),
        (23570.0, "count", "23570"),
        (2.5, "count", "2.5"),
        (2500315.634, "USD", "2500315.63"),
        (5, "CNY", "5.00"),
        (-0.001, "CNY", "0.00"),
        (1 / 3, "share", "0.3333333333"),
        (-0.0, "points", "0"),
        (-0.0, "count", "0"),
        (1e-12, "ratio", "1e-12"),
        (123456789012.0, "days", "1.23456789e+11"),
    ],
)
def test_numbers(value, unit, text):
    assert number_text(value, unit) == text


@given(value=st.floats(-1e9, 1e9))
def test_ten_digits_are_kept(value):
    assert float(number_text(value, "ratio")) == pytest.approx(value, rel=1e-9, abs=0)
    assert not number_text(value, "EUR").startswith("-0.00")


def test_a_row_has_the_columns_of_the_contract():
    (row,) = rows([Estimate("cac", 35.9, "CNY", 120, 30.1, 41.25, {"channel": "search"})], **WHERE)
    assert tuple(row) == COLUMNS
    assert list(row.values()) == [
        *("acme", "2026-06-30", "01_segmentation", "cac", "channel=search"),
        *("35.90", "30.10", "41.25", "120", "CNY"),
    ]


def test_a_count_of_all_customers_has_no_interval():
    (row,) = rows([Estimate("n_customers", 5, "count")], **WHERE)
    assert (row["value"], row["low"], row["high"], row["n"]) == ("5", "", "", "")


def test_a_clients_own_words_cannot_break_a_segment():
    found = segment_text(Estimate("cac", 1, "CNY", segment={"channel": "a; b=c\r\nd", "age": "3"}))
    assert found == "channel=a； b=c d;age=3"
    assert [pair.split("=", 1) for pair in found.split(";")] == [["channel", "a； b=c d"], ["age", "3"]]


ESTIMATES = st.lists(
    st.builds(
        Estimate,
        figure=st.sampled_from(["nps", "cac", "revenue"]),
        value=st.floats(-1e6, 1e6),
        unit=st.sampled_from(["points", "CNY", "count", "share"]),
        n=st.none() | st.integers(0, 10**6),
        segment=st.dictionaries(
            st.sampled_from(["channel", "age"]), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
        ),
    ),
    max_size=8,
    unique_by=lambda estimate: (estimate.figure, segment_text(estimate)),
)


@given(estimates=ESTIMATES, seed=st.integers())
def test_written_and_read_back_in_one_order_whatever_the_order_given(estimates, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    made = rows(estimates, **WHERE)
    write(folder / "a.csv", made)
    assert read(folder / "a.csv") == made
    shuffled = random.Random(seed).sample(made, len(made))
    write(folder / "b.csv", shuffled)
    assert (folder / "a.csv").read_bytes() == (folder / "b.csv").read_bytes()
    assert b"\r" not in (folder / "a.csv").read_bytes()


def test_the_bytes_of_a_file(tmp_path):
    write(
        tmp_path / "k.csv",
        rows([Estimate("nps", 30, "points", 100, 14, 44, {"group": "新客, “A”"})], **WHERE),
    )
    assert (tmp_path / "k.csv").read_bytes() == (
        "client,as_of,study,figure,segment,value,low,high,n,unit\n"
        'acme,2026-06-30,01_segmentation,nps,"group=新客, “A”",30,14,44,100,points\n'
    ).encode()


def test_a_file_that_a_spreadsheet_saved(tmp_path):
    made = rows([Estimate("nps", 30, "points", 100, 14, 44)], **WHERE)
    write(tmp_path / "k.csv", made)
    (tmp_path / "k.csv").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "k.csv").read_bytes())
    assert read(tmp_path / "k.csv") == made


def test_a_figure_given_twice():
    with pytest.raises(ValueError) as caught:
        rows([Estimate("nps", 1, "points", segment={"a": "b"})] * 2, **WHERE)
    assert str(caught.value) == "key figure nps [a=b] is given twice"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "no.csv")
