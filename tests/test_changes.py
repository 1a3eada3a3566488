"""What changed between two reports: interval of a change, verdict over many of them, what cannot be compared."""

from __future__ import annotations

import numpy as np
import pytest

from cam.changes import compare, compare_periods, estimate_of
from cam.errors import DataError
from cam.estimate import Estimate, difference, proportion
from cam.key_figures import rows


def file(*estimates: Estimate, as_of: str = "2026-06-30", client: str = "acme"):
    return rows(estimates, client=client, as_of=as_of, study="02_lifecycle")


def changed(before: Estimate, after: Estimate):
    (found,) = compare(file(before, as_of="2025-12-31"), file(after)).changes
    return found


# --- correct ------------------------------------------------------------------------------------


def test_the_interval_of_two_shares_is_newcombe_s():
    # Newcombe (1998), table II (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    one, other = proportion("rate", 56, 70), proportion("rate", 48, 80)
    found = changed(other, one).change
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    wanted = difference("rate", one, other)
    assert [100 * found.low, 100 * found.high] == pytest.approx([wanted.low, wanted.high], abs=1e-7)


def test_periods_are_compared_as_reports_are_and_judged_together():
    one, other = proportion("rate", 500, 1000), proportion("rate", 552, 1000)
    assert compare_periods([(one, other)])[0].verdict == "risen"
    alone, told = compare_periods([(one, other)])[0].change, changed(one, other).change
    assert [alone.low, alone.high] == pytest.approx([told.low, told.high], abs=1e-7)
    more = [(one, proportion("rate", 510, 1000))] * 4
    assert compare_periods([(one, other), *more])[0].verdict == "not clear"
    total = Estimate("revenue", 5.0, "USD")
    assert [each.verdict for each in compare_periods([(total, Estimate("revenue", 7.0, "USD"))])] == [
        "counted"
    ]


def test_a_rise_beyond_chance_is_one_and_a_smaller_one_is_not():
    base = proportion("rate", 500, 1000)
    assert changed(base, proportion("rate", 570, 1000)).verdict == "risen"
    assert changed(base, proportion("rate", 430, 1000)).verdict == "fallen"
    assert changed(base, proportion("rate", 520, 1000)).verdict == "not clear"


def test_a_count_is_what_it_is():
    found = changed(Estimate("n_customers", 100, "count"), Estimate("n_customers", 120, "count"))
    assert (found.verdict, found.change.value, found.change.low) == ("counted", 20, None)
    assert changed(Estimate("n", 5, "count"), Estimate("n", 5, "count")).verdict == "same"


# --- consistent ---------------------------------------------------------------------------------


def test_turned_round_every_change_has_the_other_sign():
    one = [proportion("rate", 40, 90), Estimate("nps", 20, "points", 90, 10, 31), Estimate("n", 90, "count")]
    other = [
        proportion("rate", 70, 95),
        Estimate("nps", 28, "points", 95, 17, 38),
        Estimate("n", 95, "count"),
    ]
    there = compare(file(*one), file(*other)).changes
    back = compare(file(*other), file(*one)).changes
    for ahead, behind in zip(there, back, strict=True):
        assert ahead.change.value == -behind.change.value
        if ahead.change.low is not None:
            assert ahead.change.low == pytest.approx(-behind.change.high)


def test_figures_that_one_file_lacks_are_listed_and_none_is_lost():
    before = file(Estimate("a", 1, "count"), Estimate("b", 1, "USD"))
    after = file(Estimate("b", 1, "EUR"), Estimate("c", 1, "count"))
    found = compare(before, after)
    assert found.changes == ()
    assert [row["figure"] for row in found.only_before] == ["a", "b"]  # b is in another currency now
    assert [row["figure"] for row in found.only_after] == ["b", "c"]


def test_headlines_come_first():
    figures = [
        Estimate("cac", 10, "USD", 5, 8, 12, {"channel": "all"}),
        Estimate("cac", 10, "USD", 5, 8, 12, {"channel": "ads"}),
        Estimate("nps", 10, "points", 5, 8, 12),
    ]
    found = compare(file(*figures), file(*figures)).changes
    assert [(change.segment, change.is_headline) for change in found] == [
        ("channel=all", True),
        ("", True),
        ("channel=ads", False),
    ]


def test_a_row_comes_back_as_the_estimate_it_was():
    nps = Estimate("nps", 30.5, "points", 400, 24.25, 36.75, {"wave": "2026=1", "segment": "new"})
    assert estimate_of(file(nps)[0]) == nps


# --- refuses ------------------------------------------------------------------------------------


def test_two_clients_and_empty_files_are_refused():
    one = file(Estimate("n", 1, "count"))
    with pytest.raises(DataError, match="of two clients, acme and other"):
        compare(one, file(Estimate("n", 1, "count"), client="other"))
    with pytest.raises(DataError, match="holds no figure"):
        compare([], one)


def test_a_number_that_no_report_writes_is_refused():
    row = file(Estimate("n", 1, "count"))[0] | {"value": "nan"}
    with pytest.raises(DataError, match=r"n \[\] cannot be read"):
        estimate_of(row)


# --- honest -------------------------------------------------------------------------------------


def test_where_nothing_changed_hardly_any_pair_of_reports_claims_a_change():
    # 40 headlines each from two samples of one truth: any claim is false. 1,000 pairs; at most 5 % may hold one, with
    # 3 binomial standard errors (0.7 points each) of room above.
    rng = np.random.default_rng(11)
    false = 0
    for _ in range(1_000):
        counts = rng.binomial(400, 0.4, size=(2, 40))
        before, after = (
            file(*(proportion(f"f{index:02}", int(k), 400) for index, k in enumerate(side)))
            for side in counts
        )
        false += any(change.verdict in {"risen", "fallen"} for change in compare(before, after).changes)
    assert false / 1_000 <= 0.05 + 3 * 0.007


def test_the_interval_of_a_change_holds_the_truth():
    # Two independent samples, 300 and 500, of shares 0.2 and 0.3: 2,000 pairs; 95 % within 3 standard errors (0.5).
    rng = np.random.default_rng(12)
    held = 0
    for k, m in zip(rng.binomial(300, 0.2, 2_000), rng.binomial(500, 0.3, 2_000), strict=True):
        found = changed(proportion("f", int(k), 300), proportion("f", int(m), 500)).change
        held += found.low <= 0.1 <= found.high
    assert abs(held / 2_000 - 0.95) < 3 * 0.005
