"""Study 03's model of spend: used where spend tells, refused with the reason where it does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from studies.shop import known, orders, reasons, walk, walk_once

from cam.estimate import CannotSay
from cam.measures.value.gamma_gamma import fit_gamma_gamma
from cam.studies import earnings, repeat_buying, spend

QUICK = {"n_bootstrap": 50}


def steps(study):
    histories = repeat_buying.histories(study, earnings.setting(study))
    rows = spend.spend_rows(study, histories)
    correlation, fit = spend.spend_correlation(study, rows), spend.fit_spend(study, rows)
    return histories, rows, correlation, fit, spend.show_spend(study, histories, rows, correlation, fit)


def in_plain_pandas(log: pd.DataFrame) -> pd.DataFrame:
    days = log.groupby(["customer_id", "order_date"])["revenue"].sum().reset_index()
    repeats = days[days.groupby("customer_id").cumcount() > 0]
    each = repeats.groupby("customer_id")["revenue"].agg(frequency="size", monetary_value="mean")
    return each[each["monetary_value"] > 0]


# --- correct ------------------------------------------------------------------------------------


def test_the_model_is_that_of_every_repeat_customer(client):
    found = walk_once(client)
    fit = fit_gamma_gamma(in_plain_pandas(found.log))
    for name in ("p", "q", "gamma"):
        assert known(found)[f"gamma_gamma_{name}"].value == pytest.approx(getattr(fit, name), rel=1e-4)
    assert known(found)["gamma_gamma_q"].n == len(in_plain_pandas(found.log))
    each = in_plain_pandas(found.log)
    r = np.corrcoef(each["frequency"], each["monetary_value"])[0, 1]
    assert known(found)["spend_frequency_correlation"].value == pytest.approx(r, abs=1e-9)
    page = found.shown["spend"].html
    assert (
        "Spend hardly goes with frequency" in page and "Mean spend per purchase of all customers: €" in page
    )


# --- consistent ---------------------------------------------------------------------------------


def test_customers_without_positive_spend_are_counted(client):
    log = orders()
    log.loc[log["customer_id"] % 5 == 0, "revenue"] = 0.0
    back = log[log["customer_id"] % 5 == 1].assign(revenue=lambda each: -each["revenue"] - 1)
    frame = pd.concat([log, back], ignore_index=True)
    histories, rows, *_, page = steps(client({"transactions": frame}, value=QUICK))
    people = histories.execute()
    without = int(((people["frequency"] > 0) & ~(people["monetary_value"] > 0)).sum())
    assert without > 20 and (people["monetary_value"] == 0).any()
    assert rows["n_customers"].sum() + without == (people["frequency"] > 0).sum()
    assert f"{without} customers with repeat purchases have a mean spend not above zero" in page.html


def test_spend_that_goes_with_frequency_is_warned_of(client):
    log = orders()
    often = log.groupby("customer_id")["order_date"].transform("size")
    *_, correlation, _fit, page = steps(
        client({"transactions": log.assign(revenue=log["revenue"] * often)}, value=QUICK)
    )
    assert correlation.low > 0.2
    assert "Read sums of money with care" in page.html and "the model may be used" not in page.html


# --- refuses ------------------------------------------------------------------------------------


def test_no_revenue_at_all(client):
    log = orders().assign(revenue=0.0, cost=0.0)
    study = client({"transactions": log}, value=QUICK)
    _, rows, correlation, fit, page = steps(study)
    assert rows.reason == "0 customers have a repeat purchase with revenue; a model of spend needs 30."
    assert all(isinstance(each, CannotSay) for each in (correlation, fit, page))
    found = walk(study)
    figures = known(found)
    assert "expected_purchases" in figures and "residual_clv_total" not in figures
    assert rows.reason in reasons(found.totals) and not any(
        name.startswith("gamma_gamma") for name in figures
    )


@pytest.mark.parametrize("same", ["revenue", "frequency"])
def test_what_is_the_same_for_all_cannot_be_modelled(client, same):
    log = orders()
    if same == "revenue":
        log["revenue"] = 12.5
    else:
        log = log.drop_duplicates(["customer_id", "order_date"]).groupby("customer_id").head(2)
    _, rows, *_ = steps(client({"transactions": log}, value=QUICK))
    assert (
        rows.reason == "Spend or frequency is the same for all repeat customers, so neither can be modelled."
    )


def test_a_mean_that_does_not_exist_is_refused(client):
    """Spend with a tail so heavy that its mean has no end: q below 1."""
    rng = np.random.default_rng(1)
    log = orders()
    scale = 5 / rng.gamma(0.6, size=200)
    log["revenue"] = (scale[log["customer_id"]] * rng.gamma(0.7, size=len(log))).clip(0.01, 1e9).round(2)
    _, _, _, fit, page = steps(client({"transactions": log.drop(columns="cost")}, value=QUICK))
    assert "its mean does not exist under the Gamma-Gamma" in fit.reason and isinstance(page, CannotSay)


# --- honest -------------------------------------------------------------------------------------


def test_limits_that_do_not_exist_are_no_number(client):
    from cam.estimate import Estimate

    assert spend.limits_text(Estimate("gamma_gamma_p", 4.0, "ratio", 9)) == "no limit"
    assert spend.limits_text(Estimate("gamma_gamma_p", 4.0, "ratio", 9, 1.0, 7.25)) == "1.00 to 7.25"
