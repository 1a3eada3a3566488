"""Numbers as a reader of each language writes them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cam.estimate import Estimate
from cam.language import date_text, interval_text, period_text, span_text, unit_text, use, value_text


@pytest.fixture(autouse=True)
def english_afterwards():
    use("en")
    yield
    use("en")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "share", "12.3\u00a0%"),
        (-0.5, "share", "−50.0\u00a0%"),
        (-0.0001, "share", "0.0\u00a0%"),
        (23570, "count", "23,570"),
        (-1.26, "points", "−1.3"),
        (-0.04, "points", "0.0"),
        (12.34, "weeks", "12.3 weeks"),
        (1234.5, "days", "1,234 days"),
        (2.345, "ratio", "2.35"),
        (2500315.63, "USD", "$2,500,316"),
        (35.9, "CNY", "¥35.90"),
        (-35.9, "EUR", "−€35.90"),
        (-0.001, "EUR", "€0.00"),
        (999.99, "GBP", "£999.99"),
        (5, "CHF", "CHF 5.00"),
    ],
)
def test_values_in_english(value, unit, text):
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.1234, "share", "12.3%"),
        (99_999, "CNY", "¥99,999"),
        (123_456, "CNY", "¥12.3万"),
        (-123_456, "CNY", "−¥12.3万"),
        (23570, "count", "23,570"),
    ],
)
def test_values_in_chinese(value, unit, text):
    use("zh")
    assert value_text(value, unit) == text


@given(
    value=st.floats(-1e9, 1e9),
    unit=st.sampled_from(["share", "count", "points", "days", "ratio", "USD", "CHF"]),
)
def test_no_hyphen_stands_for_minus_and_zero_has_no_sign(value, unit):
    text = value_text(value, unit)
    assert "-" not in text
    assert not text.startswith("−") or any(sign in text for sign in "123456789")


@pytest.mark.parametrize("unit", ["USD", "share", "count", "points", "days", "ratio"])
def test_a_zero_has_no_sign(unit):
    assert value_text(-0.0, unit) == value_text(0.0, unit)


def test_intervals():
    assert interval_text(Estimate("a", 0.3, "share", 100, 0.219, 0.396)) == "21.9\u00a0% to 39.6\u00a0%"
    assert interval_text(Estimate("a", 5, "count", 5)) == ""


@pytest.mark.parametrize(
    ("language", "value", "low", "high", "text"),
    [
        ("zh", 120_000, 98_000, 142_000, "¥9.8万至¥14.2万"),
        ("zh", 98_000, 76_000, 120_000, "¥76,000至¥120,000"),
        ("zh", 105_340, -9_073, 333_340, "−¥0.9万至¥33.3万"),
        ("en", 1_200, 467.39, 2_100, "¥467 to ¥2,100"),
        ("en", 990, 467.39, 1_512.5, "¥467.39 to ¥1,512.50"),
    ],
)
def test_an_amount_and_its_limits_are_on_one_scale(language, value, low, high, text):
    use(language)
    assert interval_text(Estimate("clv", value, "CNY", 9, low, high)) == text


def test_units():
    assert [unit_text(unit) for unit in ("share", "CNY", "CHF", "weeks")] == ["%", "¥", "CHF", "weeks"]


def test_dates_and_periods():
    assert date_text(date(2026, 6, 3)) == "3 Jun 2026"
    assert period_text(date(1997, 1, 1), date(1998, 6, 30)) == "1 Jan 1997 to 30 Jun 1998"
    use("zh")
    assert date_text(date(2026, 6, 3)) == "2026年6月3日"


@pytest.mark.parametrize(
    ("span", "english", "chinese"),
    [
        ("2026-06", "Jun 2026", "2026年6月"),
        ("2026-Q2", "Q2 2026", "2026年Q2"),
        ("2026-01/2026-12", "Jan\u2013Dec 2026", "2026年1月至12月"),
        ("2025-10/2026-03", "Oct 2025\u2013Mar 2026", "2025年10月至2026年3月"),
        ("2026H1", "2026H1", "2026H1"),
        ("2026-13", "2026-13", "2026-13"),
        ("spring 2026-01", "spring 2026-01", "spring 2026-01"),
    ],
)
def test_spans_of_months_and_what_is_none(span, english, chinese):
    assert span_text(span) == english
    use("zh")
    assert span_text(span) == chinese


def test_one_month_is_no_months():
    assert [value_text(value, "months") for value in (1, 1.5, -1, 0, 2)] == [
        "1 month",
        "1.5 months",
        "−1 month",
        "0 months",
        "2 months",
    ]
    use("zh")
    assert value_text(1, "months") == "1个月"
