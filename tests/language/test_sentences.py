"""Sentences: numbers come from estimates, with interval and n, in the reader's language."""

from __future__ import annotations

import pytest

from cam.estimate import Estimate
from cam.language import named, sentence
from cam.language.sentences import NAMES

RATE = Estimate("repeat_rate", 0.3, "share", 1100, 0.219, 0.396)
COUNT = Estimate("n_customers", 23570, "count", 23570)


def test_an_estimate_carries_its_interval_and_n():
    assert sentence("{rate} came back.", rate=RATE) == (
        "30.0\u00a0% (21.9\u00a0% to 39.6\u00a0%, n\u00a0=\u00a01,100) came back."
    )
    assert sentence("{rate.short} came back.", rate=RATE) == "30.0\u00a0% came back."


def test_a_count_of_all_has_neither():
    assert sentence("{all} customers.", all=COUNT) == "23,570 customers."


def test_an_interval_without_n():
    assert sentence("{x}", x=Estimate("nps", 10, "points", None, 5, 15)) == "10.0 (5.0 to 15.0)"


def test_plain_values_and_formats():
    assert sentence("{n} of {name}: {x:.1f}", n=12345, name="a {b}", x=1.25) == "12,345 of a {b}: 1.2"
    assert sentence("{n.short}", n="text") == "text"


def test_a_name_without_a_value_is_a_fault_of_the_code():
    with pytest.raises(KeyError):
        sentence("{missing}")


def test_names():
    assert named("nps") == "Net promoter score (NPS)"
    assert named("no_such_figure") == "no_such_figure"
    assert all(name and name == name.strip() for name in NAMES.values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("{n} customers", "1 customer"),
        ("{n} rows have a value of zero.", "1 row has a value of zero."),
        ("Only {n} new customers were won.", "Only 1 new customer was won."),
        ("They need 30, there are {n} tickets.", "They need 30, there is 1 ticket."),
        ("{n} of its answers", "1 of its answers"),
        ("{n} days in 3 weeks", "1 day in 3 weeks"),
    ],
)
@pytest.mark.parametrize("one", [1, "1", Estimate("n_customers", 1, "count")])
def test_one_of_something_is_no_plural(words, said, one):
    assert sentence(words, n=one) == said
    assert sentence(words, n=11) == words.replace("{n}", "11")


def test_an_estimate_of_one_with_its_interval_keeps_the_plural():
    days = Estimate("days", 1, "count", 9, 0, 3)
    assert sentence("{n} days", n=days).endswith(") days")
