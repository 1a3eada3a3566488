"""The whale curve: correct, consistent, refusing, honest."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.profitability import concentration, top_share
from cam.measures.value.whale import is_worth_dividing, unprofitable_share, whale_peak

#: Of 1,000 intervals that hold the truth 95 % of the time: 0.95 -+ 3 standard errors.
COVERED = (0.929, 0.971)


def groups(values, n_groups=100):
    """As ranked_groups, cut at zero."""
    ordered = np.sort(np.asarray(values, float))[::-1]
    frame = pd.DataFrame({"place": np.arange(len(ordered)) * n_groups // len(ordered), "value": ordered})
    frame["below"] = frame["value"] < 0
    frame["squared"] = frame["value"] ** 2
    by = frame.groupby(["place", "below"])
    return pd.DataFrame(
        {
            "n_customers": by.size(),
            "total": by["value"].sum(),
            "squared": by["squared"].sum(),
            "lowest": by["value"].min(),
        }
    ).reset_index(drop=True)


def profits(rng, n, *, cost=10.0):
    return rng.gamma(0.7, 100, n) - cost


# --- correct ------------------------------------------------------------------------------------


def test_the_peak_is_what_the_profitable_earn():
    values = profits(np.random.default_rng(1), 2000, cost=30)
    peak = whale_peak(groups(values))
    assert peak.value == pytest.approx(values[values > 0].sum() / values.sum(), rel=1e-12)
    losing = unprofitable_share(groups(values))
    assert losing.value == (values < 0).mean() and losing.n == 2000


def test_the_error_of_the_peak_is_that_of_its_jackknife():
    values = profits(np.random.default_rng(2), 3000, cost=30)
    lost = np.where(values < 0, -values, 0)
    without = (lost.sum() - lost) / (values.sum() - values)
    jackknife = math.sqrt(2999 / 3000 * ((without - without.mean()) ** 2).sum())
    peak = whale_peak(groups(values))
    from scipy.stats import t

    relative = math.log((peak.high - 1) / (peak.value - 1)) / t.ppf(0.975, (values < 0).sum() - 1)
    # The jackknife and the linearised ratio differ by terms of the order 1/n.
    assert relative * (peak.value - 1) == pytest.approx(jackknife, rel=0.01)


# --- consistent ---------------------------------------------------------------------------------


def test_the_curve_peaks_where_customers_turn_unprofitable():
    made = groups(profits(np.random.default_rng(3), 1234, cost=30))
    curve = concentration(made)
    top = curve.loc[curve["share"].idxmax()]
    assert top["share"] == pytest.approx(whale_peak(made).value, rel=1e-12)
    assert top["customer_share"] == pytest.approx(1 - unprofitable_share(made).value, rel=1e-12)
    # The curve's band stands on another cut (the lowest profit above zero), so it is near the peak's, not equal.
    assert top["high"] - top["share"] == pytest.approx(
        whale_peak(made).high - whale_peak(made).value, rel=0.2
    )
    assert top_share(curve, figure="top_fifth_profit_share").figure == "top_fifth_profit_share"


def test_money_in_another_unit_changes_no_peak():
    values = profits(np.random.default_rng(4), 500, cost=30)
    one, hundred = whale_peak(groups(values)), whale_peak(groups(100 * values))
    assert (one.low, one.value, one.high) == pytest.approx(
        (hundred.low, hundred.value, hundred.high), rel=1e-10
    )


def test_a_profit_of_nothing_is_no_loss():
    assert unprofitable_share(groups([0.0] * 50 + [3.0] * 50)).value == 0


# --- refuses ------------------------------------------------------------------------------------


def test_refuses_what_has_no_share():
    around_zero = np.r_[np.full(100, 10.0), np.full(99, -10.0)]
    assert not is_worth_dividing(groups(around_zero)) and not is_worth_dividing(groups([5.0], 1))
    with pytest.raises(ValueError, match="above zero by more than chance"):
        whale_peak(groups(around_zero))
    with pytest.raises(ValueError, match="5 unprofitable customers or more; got 2"):
        whale_peak(groups(np.r_[np.full(198, 10.0), -1.0, -2.0]))


# --- honest -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("n", "cost"), [(500, 3.0), (500, 30.0), (5000, 10.0)])
def test_the_peak_is_covered_as_promised(n, cost):
    big = profits(np.random.default_rng(5), 20_000_000, cost=cost)
    truth = big[big > 0].sum() / big.sum()
    rng = np.random.default_rng(6)
    found = [whale_peak(groups(profits(rng, n, cost=cost))) for _ in range(1000)]
    assert COVERED[0] <= np.mean([one.low <= truth <= one.high for one in found]) <= COVERED[1]
    # Neither end takes more than its part: 2.5 %, and 3 standard errors.
    assert np.mean([truth < one.low for one in found]) < 0.025 + 0.015 + 0.005
    assert np.mean([truth > one.high for one in found]) < 0.025 + 0.015


@pytest.mark.slow
def test_few_losers_are_covered_at_least_as_promised():
    big = profits(np.random.default_rng(7), 20_000_000, cost=1.0)
    truth = big[big > 0].sum() / big.sum()
    rng = np.random.default_rng(8)
    covered = []
    while len(covered) < 1000:
        made = groups(profits(rng, 250, cost=1.0))
        if unprofitable_share(made).value * 250 >= 5:
            one = whale_peak(made)
            covered.append(one.low <= truth <= one.high)
    assert np.mean(covered) >= COVERED[0]


@pytest.mark.slow
def test_the_top_fifth_of_profit_is_covered_as_promised():
    big = np.sort(profits(np.random.default_rng(9), 20_000_000, cost=30))
    truth = big[-4_000_000:].sum() / big.sum()
    rng = np.random.default_rng(10)
    found = [top_share(concentration(groups(profits(rng, 1000, cost=30)))) for _ in range(1000)]
    assert COVERED[0] <= np.mean([one.low <= truth <= one.high for one in found]) <= COVERED[1]
