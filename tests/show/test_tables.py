"""Tables for the page: escaped, aligned, with units and intervals, and honest about what they leave out."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.language import use
from cam.show.tables import Col, sheet_table, show_pairs, show_table

FRAME = pd.DataFrame({"name": ["<b>&", "x"], "share": [0.25, None], "low": [0.1, None], "high": [0.4, None]})
COLUMNS = [Col("name", "Name"), Col("share", "Share", "share", "low", "high")]


def test_value_unit_and_interval():
    html = show_table(FRAME, COLUMNS, caption="Who").html
    assert '<span class="unit">%</span>' in html
    assert '25.0 <span class="ci">10.0–40.0</span>' in html
    assert "<b>" not in html and "&lt;b&gt;&amp;" in html
    assert '<td class="num na">–</td>' in html  # missing is shown as missing, never as NaN
    assert "nan" not in html.lower()


def test_a_cell_where_nothing_belongs_stays_blank():
    columns = [Col("name", "Name"), Col("share", "Share", "share", may_be_empty=True)]
    assert '<td class="num na"></td>' in show_table(FRAME, columns, caption="Who").html


@pytest.mark.parametrize(("low", "high"), [(2.0, None), (None, 9.0)])
def test_an_interval_with_one_end_is_none(low, high):
    frame = pd.DataFrame({"name": ["New"], "months": [4.0], "low": [low], "high": [high]}).astype(
        {"low": float, "high": float}
    )
    html = show_table(
        frame, [Col("name", "Stage"), Col("months", "Stay", "months", "low", "high")], caption="Who"
    ).html
    assert '<td class="num">4</td>' in html and "nan" not in html.lower()


def test_a_table_that_sorts_says_that_it_reaches_the_rows_shown_alone():
    frame = pd.DataFrame({"name": [f"c{n}" for n in range(30)], "n": range(30)})
    html = show_table(frame, [Col("name", "Name"), Col("n", "n", "count")], caption="C").html
    assert "The first 15 of 30 rows; sorting and searching reach these alone." in html
    assert "reach these" not in show_table(frame.head(15), [Col("name", "Name")], caption="C").html


def test_rows_that_are_left_out_are_said():
    frame = pd.DataFrame({"name": [str(i) for i in range(30)]})
    html = show_table(frame, [Col("name", "Name")], caption="Who").html
    assert "The first 15 of 30 rows; " in html and html.count("<tr>") == 16


def test_passes_on_what_cannot_be_said():
    said = CannotSay("No orders.")
    assert show_table(said, COLUMNS, caption="Who") is said


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(KeyError):
        show_table(FRAME, [Col("other", "Other")], caption="Who")


def test_pairs_are_escaped():
    assert "&lt;script&gt;" in show_pairs({"Client": "<script>"}, caption="From").html


def test_a_table_for_the_workbook_has_limits_beside_and_no_empty_column():
    frame = pd.DataFrame({"a": ["x"], "b": [1.5], "low": [1.0], "high": [2.0], "none": [float("nan")]})
    table = sheet_table(
        frame, [Col("a", "A"), Col("b", "B", "CNY", "low", "high"), Col("none", "C", "share")]
    )
    assert table.to_dict("records") == [{"A": "x", "B": 1.5, "B: lower limit": 1.0, "B: upper limit": 2.0}]
    assert table.attrs["units"] == dict.fromkeys(["B", "B: lower limit", "B: upper limit"], "CNY")


def test_long_tables_can_be_sorted_unless_their_order_means_something():
    frame = pd.DataFrame({"name": [*"abcdefgh", "Together"], "share": 0.25, "low": 0.2, "high": 0.3})
    html = show_table(frame, [Col("name", "Name", whole="Together"), COLUMNS[1]], caption="Who").html
    assert '<table class="cam sortable">' in html and 'data-sort="0.25"' in html
    assert html.count('<tr class="total">') == 1 and '<tr class="total"><th scope="row">Together' in html
    short, months, groups = (
        frame.head(8),
        COLUMNS[0],
        frame.assign(name=["a", "", "", "b", "", "", "c", "", ""]),
    )
    for table, first in ((short, months), (frame, Col("name", "Name", ordered=True)), (groups, months)):
        html = show_table(table, [first, COLUMNS[1]], caption="Who").html
        assert '<table class="cam">' in html and "data-sort" not in html


def test_a_row_may_have_a_unit_of_its_own():
    frame = pd.DataFrame({"name": ["a", "b"], "value": [0.25, 1201.0], "unit": ["share", "USD"]})
    html = show_table(
        frame, [Col("name", "Name"), Col("value", "Value", unit_column="unit")], caption="Who"
    ).html
    assert '<td class="num">25.0\u00a0%</td>' in html and '<td class="num">$1,201</td>' in html


def test_words_of_the_other_language_are_marked():
    frame = pd.DataFrame({"name": ["很好", "good", "质量, quality, described"]})
    columns = [Col("name", "Name")]
    assert show_table(frame, columns, caption="Who").html.count("lang=") == 1
    use("zh")
    try:
        html = show_table(
            pd.DataFrame({"name": ["很好", "app", "it broke twice"]}), columns, caption="Who"
        ).html
    finally:
        use("en")
    assert html.count("lang=") == 1 and '<th scope="row" lang="en">it broke twice' in html
