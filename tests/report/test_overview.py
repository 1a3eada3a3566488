"""What the overview says first: ranked findings, lists to act on, what is missing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from cam.estimate import Estimate
from cam.report import overview
from cam.report.overview import Said, announced, most_valuable, order_text, said, wanted


def money(value: float, figure: str = "value_at_stake") -> Estimate:
    return Estimate(figure, value, "EUR", 3, value - 5, value + 5)


def left(*findings: tuple[str, Estimate | None, bool]) -> dict[str, Any]:
    return {
        "findings": [text for text, _stake, _moved in findings],
        "stakes": [
            {"estimate": asdict(stake), "can_be_moved": moved} if stake else None
            for _text, stake, moved in findings
        ],
        "cannot_say": [],
    }


# --- correct --------------------------------------------------------------------------------------


def test_what_a_decision_changes_goes_before_what_comes_anyway_and_each_by_size() -> None:
    told = [
        *said("01_segmentation", left(("held", money(900), False), ("plain", None, False))),
        *said("02_lifecycle", left(("first", None, False), ("second", None, False))),
        *said("03_clv_cac", left(("lost", money(20, "lost_on_customers"), True))),
        *said(
            "05_churn", left(("small", money(10, "retention_gain"), True), ("more held", money(950), False))
        ),
    ]
    chosen = most_valuable(told)
    assert [one.text for one in chosen] == ["lost", "small", "more held", "held", "first"]
    assert (chosen[0].label, chosen[0].href, chosen[0].amount) == (
        "Value and cost",
        "03_clv_cac.html",
        "€20.00",
    )
    assert chosen[0].interval == "€15.00 to €25.00" and chosen[0].what.startswith("Lost on customers")
    assert "margin or cost, never by revenue" in order_text(chosen)


def test_no_more_than_a_reader_takes_in() -> None:
    told = [Said("01", f"{value}", money(value)) for value in range(1, 10)] + [Said("02", "without")]
    assert [one.text for one in most_valuable(told)] == ["9", "8", "7", "6", "5", "4"]


def test_without_money_each_study_says_its_first() -> None:
    told = [*said("01", {"findings": ["a", "b"]}), *said("02", {"findings": ["c"]})]
    assert [one.text for one in most_valuable(told)] == ["a", "c"]
    assert order_text(most_valuable(told)).startswith("No sum of money")
    assert most_valuable([]) == []


def a_list(**more: Any) -> dict[str, Any]:
    line = {"what": "Protect.", "whom": "Stars", "n": 12, "stake": asdict(money(90))}
    about = {
        "about": "What to do.", "n": 1234, "stake": asdict(money(100)), "stake_text": "margin", "lines": [line],
        "caption": "Whom to call & why",
    }  # fmt: skip
    return {"title": "Actions", "columns": [], "rows": [], "about": about | more}


PAGE = """<h2 id="first">First</h2><h3 id="whom">Whom to <em>call</em>?</h3>
<table><caption>Whom to call &amp; why<small>n</small></caption></table><h2 id="later">Later</h2>"""


def test_a_list_says_its_size_its_sum_what_to_do_and_where_it_is() -> None:
    (one,) = announced("05_churn", [a_list(), {"title": "Plain", "columns": [], "rows": []}], PAGE)
    assert (one.title, one.size, one.amount, one.interval) == (
        "Actions", "1,234 customers", "€100.00", "€95.00 to €105.00"
    )  # fmt: skip
    assert one.lines == (("Protect.", "Stars: 12 customers, €90.00 (€85.00 to €95.00) at stake"),)
    assert (one.href, one.section) == ("05_churn.html#whom", "Whom to call?")
    assert one.where == "sheet Actions of workbook.xlsx"


def test_a_note_takes_the_place_of_the_stake() -> None:
    line = {"what": "Release.", "whom": "Few", "n": 1, "stake": asdict(money(90)), "note": "They cost €5.00."}
    (one,) = announced("05_churn", [a_list(lines=[line])], PAGE)
    assert one.lines == (("Release.", "Few: 1 customer. They cost €5.00."),)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("It takes 90 days (churn.gap_days and churn.horizon_days).", "It takes 90 days."),
        ("需要90天（churn.gap_days和churn.horizon_days）。", "需要90天。"),
        ("Of 5 (3 to 7, n = 9) customers (see 3.5).", "Of 5 (3 to 7, n = 9) customers (see 3.5)."),
    ],
)
def test_names_of_parameters_are_not_for_the_overview(text: str, shown: str) -> None:
    assert [one.text for one in said("05_churn", {"findings": [text]})] == [shown]


def test_a_list_of_which_no_sum_is_known() -> None:
    lines = [
        {"what": "Write.", "whom": "New", "n": 3, "stake": None},
        {"what": "Ask.", "whom": "Stars", "n": 1, "stake": None},
        {"what": "Wait.", "whom": "", "n": None, "stake": None},
    ]
    (one,) = announced("05_churn", [a_list(stake=None, lines=lines, caption="Elsewhere")], PAGE)
    assert (one.amount, one.interval, one.what) == ("", "", "")
    assert one.lines == (("Write.", "New: 3 customers"), ("Ask.", "Stars: 1 customer"), ("Wait.", ""))
    assert (one.href, one.section) == ("05_churn.html", "Churn")


# --- honest ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_partly", [True, False])
def test_a_silent_study_names_what_it_would_say_and_what_that_needs(is_partly: bool) -> None:
    missing = {
        "parts": ["scores", "drivers"],
        "is_partly": is_partly,
        "reason": "No answers.",
        "cure": "Add them.",
    }
    (told,) = wanted({"findings": [], "cannot_say": ["Why."], "missing": [missing]})
    assert told == (
        "scores, drivers (in part):" if is_partly else "scores, drivers:",
        "No answers. Add them.",
    )
    assert wanted({"findings": [], "cannot_say": ["Why."], "missing": []}) == [("", "Why.")]


def test_every_sum_that_ranks_has_a_name() -> None:
    from cam.language.sentences import NAMES

    assert {
        "lost_on_customers",
        "overpaid",
        "barren_spend",
        "retention_gain",
        "value_at_stake",
    } <= NAMES.keys()
    assert overview.MOST_FINDINGS == 6
