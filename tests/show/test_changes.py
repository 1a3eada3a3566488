"""What changed, in words: the surest first, shares in points, the client's text escaped, limits that moved said."""

from __future__ import annotations

from cam.changes import compare
from cam.estimate import Estimate, proportion
from cam.key_figures import rows
from cam.language import use
from cam.show.changes import change_lines, change_note, change_table, gap_text, show_changes
from cam.show.lines import display_width, text_lines


def file(*estimates: Estimate, as_of: str = "2026-06-30"):
    return rows(estimates, client="acme", as_of=as_of, study="02_lifecycle")


def comparison(before: list[Estimate], after: list[Estimate]):
    return compare(file(*before, as_of="2025-12-31"), file(*after))


THEN = [
    proportion("repeat_rate", 500, 1000),
    proportion("churn_rate", 500, 1000),
    Estimate("n_customers", 1000, "count", 1000),
    proportion("rfm_segment_share", 100, 1000, segment={"segment": "<b>loyal</b>"}),
]
NOW = [
    proportion("repeat_rate", 510, 1000),
    proportion("churn_rate", 300, 1000),
    Estimate("n_customers", 1200, "count", 1200),
    proportion("rfm_segment_share", 300, 1000, segment={"segment": "<b>loyal</b>"}),
]


def test_the_surest_changes_come_first_and_headlines_before_parts():
    table = change_table(comparison(THEN, NOW))
    assert table["figure"].tolist() == [
        "Churn rate",
        "Customers",
        "Repeat rate",
        "Share of customers by RFM segment (<b>loyal</b>)",
    ]
    assert table["verdict"].tolist() == ["fallen", "as counted", "no clear change", "risen"]


def test_a_change_of_shares_is_one_of_points_with_its_sign():
    found = comparison(THEN, NOW).changes
    gaps = {change.after.figure: gap_text(change.change, interval=True) for change in found}
    assert gaps["churn_rate"] == "−20.0 percentage points (−24.1 to −15.8)"  # Wilson .469-.531 and .272-.329
    assert gaps["n_customers"] == "+200"
    assert change_note(found[0]) == "▼ −20.0 percentage points since last time"


def test_the_page_escapes_and_counts_what_is_not_clear():
    shown = show_changes(comparison(THEN, NOW), study="02_lifecycle").html
    assert "&lt;b&gt;loyal" in shown and "<b>loyal" not in shown
    assert "1 more figure moved by no more than chance may" in shown
    assert "Repeat rate" not in shown


def test_where_nothing_changed_the_page_says_so():
    assert show_changes(comparison(THEN, THEN)).startswith("Nothing changed by more than chance.")


def test_limits_that_moved_are_named():
    then, now = (Estimate("lost_months", months, "months") for months in (6, 9))
    assert (
        "Months of silence that make lost"
        in show_changes(comparison([then], [now]), study="02_lifecycle").html
    )
    said = show_changes(comparison([then, *THEN], [then, *NOW]), study="02_lifecycle").html
    assert "Limits taken from the data moved" not in said


def test_in_chinese_the_columns_still_stand_under_each_other():
    use("zh")
    try:
        lines = change_lines(comparison(THEN, NOW), parts=True, label=str)
    finally:
        use("en")
    header = next(index for index, line in enumerate(lines) if set(line) <= {"-", " "} and line)
    starts = [
        index for index, sign in enumerate(lines[header]) if sign == "-" and lines[header][index - 1] == " "
    ]
    for line in lines[header + 1 : header + 5]:
        for start in starts:  # the sign before each column is a blank, wherever the wide signs end
            before = ""
            for sign in line:
                if display_width(before + sign) >= start:
                    break
                before += sign
            assert display_width(before) == start - 1 and before.endswith(" "), line


def test_a_text_that_is_too_long_is_cut_with_a_sign():
    assert text_lines([["客" * 40]], header=["a"], widest=11)[2] == "客客客客客…"


def test_a_terminal_shows_the_name_that_scripts_know_beside_the_words():
    lines = change_lines(comparison(THEN, NOW), parts=False, label=str)
    assert any(line.startswith("Churn rate [churn_rate]") for line in lines)
    assert not any("[bg_nbd_r]" in line for line in lines)


def test_amounts_in_two_currencies_are_not_compared_and_it_is_said():
    then = [Estimate("clv", 100, "USD", 9, 90, 110), Estimate("revenue", 900, "USD"), THEN[0]]
    now = [Estimate("clv", 700, "CNY", 9, 630, 770), Estimate("revenue", 6300, "CNY"), THEN[0]]
    lines = change_lines(comparison(then, now), parts=True, label=str)
    assert "The earlier report is in USD, the later in CNY: 2 amounts are not compared." in lines
    assert not any(line.startswith("Only in") for line in lines)
    assert not any(
        "currencies" in line or "USD" in line
        for line in change_lines(comparison(THEN, NOW), parts=True, label=str)
    )


def test_the_same_last_day_is_no_time_in_which_customers_changed():
    said = change_lines(compare(file(*THEN), file(*NOW)), parts=False, label=str)
    assert said[0].startswith("Both end on 30 Jun 2026: ") and "parameters" in said[0]
