"""What a new customer costs, pays back and costs next, on small clients of every kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.show.figures import acquisition as figures
from cam.show.tables import ShownTable
from cam.studies import acquisition, marginal, payback
from cam.studies import earnings as steps

MONTHS = pd.date_range("2025-01-01", "2026-06-01", freq="MS")
TYPES = {"media": 60.0, "creative": 10, "tools": 5, "commissions": 8, "salaries": 12, "overhead": 5}


def spend(types=TYPES, channels=("search", "fair"), seed=1):
    """Media move from month to month; the rest stays."""
    rng = np.random.default_rng(seed)
    rows = [
        {"date": month, "channel": channel, "cost_type": kind, "cost": round(factor * cost * 10, 2)}
        for month in MONTHS
        for channel in channels
        for factor in [float(np.exp(0.4 * rng.normal()))]
        for kind, cost in types.items()
    ]
    return pd.DataFrame(rows)


def people(money, seed=2, elasticity=0.8):
    """About 30 customers a month and channel, more where spend is higher; and ten unpaid."""
    rng = np.random.default_rng(seed)
    rows = []
    for (month, channel), cost in money.groupby(["date", "channel"])["cost"].sum().items():
        n = rng.poisson(30 * (cost / 1000) ** elasticity)
        rows += [(month + pd.Timedelta(days=int(day)), channel) for day in rng.integers(0, 28, n)]
    rows += [(month + pd.Timedelta(days=int(day)), "organic") for month in MONTHS for day in range(10)]
    frame = pd.DataFrame(rows, columns=["acquired_date", "acquisition_channel"])
    return frame.assign(customer_id=[f"c{i}" for i in range(len(frame))])


def orders(who, seed=3, value=20.0, months=20):
    """A first order on the day of acquisition, then one about every other month."""
    rng = np.random.default_rng(seed)
    days = [
        who["acquired_date"],
        *(who["acquired_date"] + pd.Timedelta(days=60 * k) for k in range(1, months)),
    ]
    parts = [who[["customer_id"]].assign(order_date=day) for day in days]
    frame = pd.concat(parts, ignore_index=True)
    frame = frame[frame["order_date"] <= "2026-06-30"]
    revenue = (rng.gamma(4, value / 4, len(frame)) + 1).round(2)
    return frame.assign(revenue=revenue, cost=(0.5 * revenue).round(2))


def leads(who, days=12):
    some = who[who["acquisition_channel"] != "organic"]
    created = some["acquired_date"] - pd.Timedelta(days=days)
    return pd.DataFrame(
        {
            "lead_id": [f"l{i}" for i in range(len(some))],
            "created_date": created,
            "customer_id": some["customer_id"],
        }
    )


def frames(**options):
    money = options.pop("money", None)
    money = spend() if money is None else money
    who = people(spend())
    return {"transactions": orders(who, **options), "customers": who, "spend": money, "leads": leads(who)}


def run(study):
    """All steps, as the notebook calls them; every one shows something or says why not."""
    setting = steps.setting(study)
    months = acquisition.match_months(study)
    channels = acquisition.cost_by_channel(study, months)
    variants = acquisition.variants(study, months)
    cycle = acquisition.sales_cycle(study)
    lagged = acquisition.lag_months(study, months, cycle)
    quarters, later = (acquisition.by_period(study, one, freq="Q") for one in (months, lagged))
    by_channel = acquisition.by_period(study, months, freq="Y", by_channel=True)
    sums = payback.cohort_margins(study, setting, months)
    curves = payback.payback_curves(study, sums)
    paid = payback.payback(study, curves, months)
    slopes = marginal.elasticities(study, marginal.monthly_response(study, months, cycle))
    shifted = marginal.moves(study, slopes)
    money = study.currency
    shown = {
        "variants": acquisition.show_variants(study, variants),
        "by_channel": acquisition.show_variants_by_channel(study, variants),
        "periods": acquisition.show_periods(study, quarters, later, cycle),
        "years": acquisition.show_periods_by_channel(study, by_channel),
        "trend": figures.cac_trend(quarters, lagged=later, currency=money),
        "payback": payback.show_payback(study, setting, sums, paid),
        "curves": figures.payback_curves(paid, curves=curves, currency=money),
        "marginal": marginal.show_marginal(study, slopes),
        "dots": figures.marginal_cac_by_channel(marginal.next_costs(study, slopes), currency=money),
        "moves": marginal.show_moves(study, shifted),
    }
    found = [
        *acquisition.cost_figures(study, acquisition.overall_cac(study, months), channels),
        *acquisition.cost_details(study, variants, [quarters], [later]),
        *payback.payback_figures(study, paid),
        *marginal.marginal_figures(study, slopes),
    ]
    said = [*payback.payback_findings(study, paid), *marginal.marginal_findings(study, slopes, shifted)]
    study.keep_key_figures(found)  # a figure twice in one segment is an error
    assert not any("nan" in part.html for part in shown.values() if isinstance(part, ShownTable))
    return shown, {key(one): one for one in found if isinstance(one, Estimate)}, said


def key(one):
    return (one.figure, *one.segment.values())


def words(shown):
    return (
        shown.html.replace("\xa0", " ") if isinstance(shown, ShownTable) else f"{shown.reason} {shown.cure}"
    )


# --- correct ------------------------------------------------------------------------------------


def test_variants_periods_and_lag(client):
    data = frames()
    shown, known, _ = run(client(data))
    by = data["spend"].groupby("cost_type")["cost"].sum()
    who = data["customers"]
    n_paid = (who["acquisition_channel"] != "organic").sum()
    assert known["cac", "paid", "all"].value == pytest.approx((by["media"] + by["commissions"]) / n_paid)
    blended = by[["media", "creative", "commissions"]].sum() / len(who)
    assert known["cac", "blended", "all"].value == pytest.approx(blended)
    assert known["cac", "fully_loaded", "all"].value == pytest.approx(by.sum() / len(who))
    assert known["cac", "fully_loaded", "all"].value == pytest.approx(known["cac", "all"].value)
    inside = data["spend"]["date"].between("2025-04-01", "2025-06-30")
    new = who["acquired_date"].between("2025-04-01", "2025-06-30").sum()
    spent = data["spend"].loc[inside, "cost"].sum()
    assert known["cac", "2025-Q2", "all"].value == pytest.approx(spent / new)
    # Spend dated once a month is moved on by 12 of its days.
    month = data["spend"].groupby("date")["cost"].sum()
    early, late = [pd.Timestamp(f"2025-0{m}-01") for m in (3, 4, 5)], [f"2025-0{m}-01" for m in (4, 5, 6)]
    lagged = sum(
        month[one] * 12 / one.days_in_month + month[other] * (1 - 12 / pd.Timestamp(other).days_in_month)
        for one, other in zip(early, late, strict=True)
    )
    assert known["cac", "2025-Q2", "all", "lagged"].value == pytest.approx(lagged / new)
    assert "Sales cycle: 12 days" in words(shown["periods"])


def test_daily_spend_is_lagged_day_by_day(client):
    data = frames()
    days = pd.date_range("2025-01-01", "2026-06-30")
    daily = pd.DataFrame({"date": days, "channel": "search", "cost": np.arange(len(days)) + 1.0})
    study = client(data | {"spend": daily})
    months = acquisition.match_months(study)
    lagged = acquisition.lag_months(study, months, acquisition.sales_cycle(study))
    later = acquisition.by_period(study, lagged, freq="M").set_index("period")["spend"]
    moved = daily["date"] + pd.Timedelta(days=12)
    assert later["2025-03"] == daily.loc[moved.between("2025-03-01", "2025-03-31"), "cost"].sum()
    # January 2025 lacks the spend of December, and is left out.
    assert later.index[0] == "2025-02" and later.index[-1] == "2026-06"


def test_payback_is_where_the_margin_reaches_the_cost(client):
    """No discount, a margin of half of 25 every 60 days: cost about 2,100 / 70 = 30, so at the third order."""
    data = frames(value=24.0)
    shown, known, said = run(client(data, value={"annual_discount_rate": 0.0}))
    paid = known["payback_months", "all"]
    # The third order is 120 days after the first, within 4 months of 30.4375 days.
    assert (paid.value, paid.low, paid.high) == (4.0, 4.0, 4.0)
    old = data["customers"][data["customers"]["acquired_date"] < "2025-07-01"]
    assert paid.n == len(old)  # two quarters have been seen for twelve months
    assert any(isinstance(one, str) and "has paid for itself" in one for one in said)
    assert "not on the first day" in words(shown["payback"])  # those of the last quarter


def test_the_next_customer_costs_more_than_the_average(client):
    _, known, said = run(client(frames()))
    slope = known["spend_elasticity", "search"]
    assert slope.low <= 0.8 <= slope.high
    data = frames()["spend"]
    last = data[(data["date"] >= "2025-07-01") & (data["channel"] == "search")]
    media, commission = (
        last.loc[last["cost_type"] == kind, "cost"].sum() for kind in ("media", "commissions")
    )
    cost = known["marginal_cac", "search"]
    assert cost.value == pytest.approx((media / slope.value + commission) / cost.n)
    assert any(isinstance(one, str) and "The next customer cost" in one for one in said)


def test_worth_by_channel(client):
    study = client(frames())
    channels = acquisition.cost_by_channel(study, acquisition.match_months(study))
    worth = pd.DataFrame(
        {
            "channel": ["search", "fair", "organic"],
            "clv": [90.0, 10.0, 50.0],
            "low": [80.0, 8.0, 40.0],
            "high": [100.0, 12.0, 60.0],
            "n": 500,
        }
    )
    ratios = payback.ratio_by_channel(study, worth, channels)
    # Organic customers cost nothing of their own: no ratio, and no infinity.
    assert ratios["channel"].tolist() == ["search", "fair"]
    costs = channels.set_index("channel")["cac"]
    assert ratios["ratio"].tolist() == pytest.approx([90 / costs["search"], 10 / costs["fair"]])
    total = acquisition.overall_cac(study, acquisition.match_months(study))
    new = [Estimate("clv", 60.0, "EUR", 900, 50.0, 70.0), Estimate("clv", 90.0, "EUR", 900, 80.0, 99.0)]
    whole = payback.whole_ratio(study, new, total)
    assert whole.segment == {"channel": "all"} and whole.value == pytest.approx(90 / total.value)
    assert payback.whole_ratio(study, [CannotSay("No margin.")], total).reason == "No margin."
    found = payback.ratio_figures(study, ratios.assign(channel=["search", "all"]), whole)
    assert found[0] == whole and [one.segment["channel"] for one in found] == ["all", "search"]
    found = payback.ratio_figures(study, ratios, whole)
    assert [one.figure for one in found] == ["clv_to_cac"] * 3 and all(
        one.low < one.value < one.high for one in found
    )
    losing = payback.ratio_findings(study, ratios)[0]
    assert "are worth less than they cost" in losing and losing.can_be_moved
    # What was paid beyond their worth: cost less worth, times the customers won.
    fair = channels.set_index("channel").loc["fair"]
    assert losing.stake.value == pytest.approx(fair["spend"] - 10 * fair["n_new"])
    assert losing.stake.low < losing.stake.value < losing.stake.high
    apart = payback.ratio_findings(study, ratios.assign(low=[2.0, 1.1], high=[3.0, 1.9]))
    assert apart[0].startswith("Per unit of cost")
    within = payback.ratio_findings(study, ratios.assign(low=[1.0, 0.5], high=[3.0, 2.9]))
    assert "is not told apart" in within[0]
    assert "All channels together" in payback.show_ratios(study, ratios, whole).html
    assert "All channels" not in payback.show_ratios(study, ratios, CannotSay("No margin.")).html
    assert figures.clv_to_cac_by_channel(ratios).figure.get_gid()
    nobody = payback.ratio_by_channel(study, worth.assign(channel="other"), channels)
    assert isinstance(nobody, CannotSay) and "Call channels the same" in nobody.cure


# --- refuses ------------------------------------------------------------------------------------


def test_without_cost_types_the_variants_are_not_told_apart(client):
    shown, known, _ = run(client(frames(money=spend().drop(columns="cost_type"))))
    assert "cannot be told apart" in words(shown["variants"]) and "Map cost_type" in words(shown["variants"])
    assert ("cac", "all") in known and not any(part in ("paid", "blended") for one in known for part in one)
    # All spend then stands for the spend that moves.
    assert ("spend_elasticity", "search") in known


def test_missing_cost_types_are_named_and_nothing_is_called_fully_loaded(client):
    shown, known, _ = run(client(frames(money=spend({"media": 60, "fairs": 5}))))
    assert ("cac", "fully_loaded", "all") not in known and ("cac", "paid", "all") in known
    page = words(shown["variants"])
    assert "All costs in the data (not fully loaded)" in page
    assert "creative, tools, commissions, salaries, overhead" in page
    assert "fairs" in page


def test_without_leads_nothing_is_lagged_and_the_rest_stands(client):
    data = frames()
    del data["leads"]
    shown, known, _ = run(client(data))
    assert "nothing is lagged" in words(shown["periods"]) and "value.sales_cycle_days" in words(
        shown["periods"]
    )
    assert not any("lagged" in one for one in known) and ("cac", "2025-Q2", "all") in known
    assert isinstance(shown["moves"], ShownTable)


def test_a_given_cycle_needs_no_leads_and_few_leads_are_too_few(client):
    data = frames()
    study = client(data, value={"sales_cycle_days": 40})
    assert acquisition.sales_cycle(study).value == 40 and acquisition.sales_cycle(study).low is None
    study = client(data | {"leads": data["leads"].head(29)})
    assert "29 customers are known to have been leads, 30 are needed" in acquisition.sales_cycle(study).reason
    study = client(data, value={"sales_cycle_days": 700})
    months = acquisition.match_months(study)
    assert "no whole month" in acquisition.lag_months(study, months, acquisition.sales_cycle(study)).reason


def test_spend_without_customers_and_customers_without_spend(client):
    data = frames(money=spend(channels=("radio",)))
    shown, known, said = run(client(data))
    assert not any(one[0] == "marginal_cac" for one in known)
    assert "radio: Fewer than 5 new customers a month" in words(shown["marginal"])
    assert isinstance(shown["dots"], CannotSay) and isinstance(shown["moves"], CannotSay)
    assert any(isinstance(one, CannotSay) and "fewer than two channels" in one.reason for one in said)
    # All together still have a cost, and pay back.
    assert ("cac", "all") in known and ("payback_months", "all") in known


def test_one_cohort_only(client):
    data = frames()
    kept = data["customers"][data["customers"]["acquired_date"].between("2025-04-01", "2025-06-30")]
    money = data["spend"][data["spend"]["date"].between("2025-04-01", "2025-06-30")]
    log = data["transactions"][data["transactions"]["customer_id"].isin(kept["customer_id"])]
    shown, known, said = run(client({"transactions": log, "customers": kept, "spend": money}))
    assert {one[1] for one in known if one[0] == "payback_months"} == {"2025-Q2", "all"}
    assert "3 months with spend are too few, 12 are needed" in words(shown["marginal"])
    assert any(isinstance(one, CannotSay) for one in said)


def test_a_cohort_that_has_not_paid_back_is_censored(client):
    shown, known, said = run(client(frames(value=1.0)))
    assert not any(one[0] == "payback_months" for one in known)
    assert "not within 12 months" in words(shown["payback"])
    assert any(
        isinstance(one, str) and "have not paid for themselves within 12 months" in one for one in said
    )
    assert "not paid back" in shown["curves"].figure.get_gid()


def test_no_cohort_is_old_enough(client):
    _, known, said = run(client(frames(), value={"horizon_months": 24}))
    assert ("payback_months", "all") not in known and ("payback_months", "2025-Q1") in known
    assert any(
        isinstance(one, CannotSay) and "24 months (value.horizon_months)" in one.reason for one in said
    )


def test_without_margin_or_orders_payback_says_so(client):
    data = frames()
    study = client(data | {"transactions": data["transactions"].drop(columns="cost")})
    shown, known, _ = run(study)
    assert "Margin is not known" in words(shown["payback"])
    assert not any(one[0] == "payback_months" for one in known)
    ends = pd.DataFrame(
        {"customer_id": data["customers"]["customer_id"], "start_date": data["customers"]["acquired_date"]}
    )
    contracts = ends.assign(end_date=None, monthly_fee=5.0)
    shown, _, _ = run(client({"contracts": contracts, "spend": data["spend"]}, value={"margin_rate": 0.5}))
    assert isinstance(shown["payback"], CannotSay)


def test_steady_spend_and_unseen_effects_say_so(client):
    steady = spend().assign(cost=100.0)
    shown, _, _ = run(client(frames(money=steady)))
    assert "spend moved by 0.0 % only" in words(shown["marginal"])
    noise = spend(seed=77)  # other money than that which brought them
    shown, known, _ = run(client(frames(money=noise)))
    assert "New customers did not visibly rise and fall with spend" in words(shown["marginal"])
    assert not any(one[0] == "marginal_cac" for one in known)


def test_orders_before_the_acquisition_are_left_out_and_counted(client):
    data = frames()
    first = data["customers"].head(3)["customer_id"]
    early = pd.DataFrame({"customer_id": first, "order_date": "2024-12-01", "revenue": 1e6, "cost": 0.0})
    log = pd.concat([data["transactions"], early], ignore_index=True)
    shown, known, _ = run(client(data | {"transactions": log}))
    assert "3 rows of transactions lie before their customer&#x27;s acquisition" in words(shown["payback"])
    assert known["payback_months", "all"].value == 4.0


def test_no_spend_at_all(client):
    data = frames()
    del data["spend"]
    shown, known, said = run(client(data))
    assert not known and all(isinstance(one, CannotSay) for one in said)
    assert all(isinstance(part, CannotSay) for part in shown.values())
