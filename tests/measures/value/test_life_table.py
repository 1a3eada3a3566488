"""How long contracts lasted: counts, and survival without a model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.value.life_table import life_table, observed_survival


def contracts(seed=1, n=400):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"duration": rng.integers(1, 12, n), "event_observed": rng.random(n) < 0.6})


def test_survival_and_its_error_are_those_of_statsmodels():
    from statsmodels.duration.survfunc import SurvfuncRight

    table = contracts()
    known = SurvfuncRight(table["duration"], table["event_observed"])
    found = observed_survival(table).set_index("period").loc[known.surv_times]
    survival, error = known.surv_prob, known.surv_prob_se
    assert found["survival"].to_numpy() == pytest.approx(survival, rel=1e-12)
    # Greenwood's error on the scale of ln(-ln S).
    half = 1.959964 * error / (survival * -np.log(survival))
    assert found["survival_low"].to_numpy() == pytest.approx(survival ** np.exp(half), rel=1e-6)
    assert found["survival_high"].to_numpy() == pytest.approx(survival ** np.exp(-half), rel=1e-6)


def test_counts_by_hand():
    table = contracts()
    found = life_table(table)
    for row in found.itertuples():
        assert row.n_at_risk == (table["duration"] >= row.period).sum()
        assert row.n_churned == ((table["duration"] == row.period) & table["event_observed"]).sum()
    cells = table.value_counts().reset_index(name="n_customers")
    pd.testing.assert_frame_equal(life_table(cells), found)


def test_nobody_or_everybody_left_has_limits_too():
    none = observed_survival(pd.DataFrame({"duration": [2] * 50, "event_observed": False})).iloc[-1]
    assert none["survival"] == 1 and 0.9 < none["survival_low"] < 1 and none["survival_high"] == 1
    everybody = observed_survival(pd.DataFrame({"duration": [1] * 50, "event_observed": True})).iloc[0]
    assert everybody["survival"] == 0 == everybody["survival_low"] and 0 < everybody["survival_high"] < 0.1


def test_contracts_in_their_first_period_are_not_at_risk():
    assert life_table(pd.DataFrame({"duration": [0, 0], "event_observed": False})).empty


@pytest.mark.parametrize("duration, ended", [(0, True), (-1, False), (1.5, False), (np.nan, False)])
def test_what_is_no_contract_is_named(duration, ended):
    table = pd.DataFrame({"duration": [1, duration], "event_observed": [True, ended]})
    with pytest.raises(
        ValueError, match=r"row 1 is no contract: .* at least 1 for a contract that has ended"
    ):
        life_table(table)
    with pytest.raises(ValueError, match="there are no contracts"):
        life_table(table.iloc[:0])
