"""Study 01's look at how customers buy: small shops with known habits, and what cannot be said of them."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.show.tables import ShownTable
from cam.studies import behaviour, buying_times, segmentation


def shop(n: int = 40, *, hours: bool = True, **columns) -> pd.DataFrame:
    """Customers who buy every other Saturday for a year at nine, tea by app; every second one once more, at night."""
    rows = []
    for customer in range(n):
        for visit in range(1 + customer % 12):
            day = pd.Timestamp("2026-06-27") - pd.Timedelta(days=14 * visit)
            rows.append(
                (f"c{customer:02d}", f"{customer}-{visit}", day, 10.0, "app", "tea", 2.5 * (visit % 2))
            )
        if customer % 2:
            rows.append(
                (f"c{customer:02d}", f"{customer}-x", pd.Timestamp("2025-01-01"), 30.0, "web", "home", 0.0)
            )
    names = ["customer_id", "order_id", "order_date", "revenue", "channel", "category", "discount"]
    frame = pd.DataFrame(rows, columns=names)
    if hours:
        early = frame["channel"] == "app"
        frame["order_date"] += pd.to_timedelta(early.map({True: 9, False: 23}), unit="h")
    return frame.assign(**columns)


def walk(study):
    bought = behaviour.orders(study)
    table = behaviour.mix(study, bought)
    found = buying_times.gaps(study, bought)
    curve = buying_times.gap_curve(study, found)
    return bought, table, found, curve


def figures_of(study) -> dict[tuple[str, ...], Estimate]:
    bought, table, _, curve = walk(study)
    return {
        (each.figure, *each.segment.values()): each
        for each in behaviour.key_figures(study, bought, table, curve)
        if isinstance(each, Estimate)
    }


def columns_of(study) -> pd.DataFrame:
    made = behaviour.customer_columns(study, segmentation.summarise(study))
    return made.execute().set_index("customer_id").sort_index()


def test_known_habits_come_back(client):
    log = shop()
    study = client({"transactions": log})
    own = columns_of(study)
    assert study.engine.table("customer_behaviour").count().execute() == 40
    # c01: two Saturdays by app with a discount on one of them, and once by web on a Wednesday night.
    one = own.loc["c01"]
    assert one["mean_order_value"] == pytest.approx(50 / 3)
    assert one["interpurchase_days"] == pytest.approx(542 / 2)
    assert (one["main_channel"], one["n_channels"]) == ("app", 2)
    assert one["main_channel_share"] == pytest.approx(2 / 3)
    assert (one["main_category"], one["n_categories"]) == ("tea", 2)
    assert (one["usual_weekday"], one["usual_part_of_day"], one["usual_season"]) == (
        "saturday",
        "morning",
        "Q2",
    )
    assert one["weekend_share"] == pytest.approx(2 / 3)
    assert one["discount_share"] == pytest.approx(2.5 / 52.5)
    # c00 bought once: there is no time between.
    assert pd.isna(own.loc["c00", "interpurchase_days"]) and own.loc["c00", "n_channels"] == 1
    assert own.drop(columns=["interpurchase_days"]).notna().all(axis=None)


def test_shares_hold_every_order_and_add_up(client):
    log = shop()
    study = client({"transactions": log})
    known = figures_of(study)
    n = len(log)
    app = (log["channel"] == "app").sum()
    assert known["channel_share", "app"].value == pytest.approx(app / n)
    assert known["channel_share", "app"].value + known["channel_share", "web"].value == pytest.approx(1)
    assert known["weekend_share",].value == pytest.approx(app / n)
    assert known["discounted_order_share",].value == pytest.approx((log["discount"] > 0).mean())
    price = log["discount"].sum() + log["revenue"].sum()
    assert known["discount_share",].value == pytest.approx(log["discount"].sum() / price)
    assert known["mean_categories",].value == pytest.approx(1.5)
    assert known["median_interpurchase_days",].value == 14
    for each in known.values():
        assert each.low is not None and each.low <= each.value <= each.high, each


def test_tables_and_findings_are_fit_for_a_reader(client):
    study = client({"transactions": shop()})
    bought, table, found, curve = walk(study)
    week = buying_times.week_shares(study, bought)
    for shown in (
        behaviour.show_mix(study, table),
        buying_times.show_week(study, week, bought),
        buying_times.show_gaps(study, curve, found),
    ):
        assert isinstance(shown, ShownTable) and "nan" not in shown.html.lower()
    assert week.loc[week["section"] == "part", "n_orders"].sum() == bought.count().execute()
    found_words = behaviour.findings(study, bought, table, curve)
    assert 2 <= len(found_words) <= 3
    assert all("n\xa0=\xa0" in words for words in found_words)
    bins = behaviour.values(study, bought)
    assert bins["share"].sum() == pytest.approx(1)
    assert bins["revenue"].astype(float).sum() == pytest.approx(shop()["revenue"].sum())


def test_without_hours_the_weekday_is_still_known(client):
    study = client({"transactions": shop(hours=False)})
    bought = behaviour.orders(study)
    said = buying_times.week(study, bought)
    assert isinstance(said, CannotSay) and said.reason.startswith("All orders stand at midnight")
    table = buying_times.week_shares(study, bought)
    assert set(table["section"]) == {"weekday"}
    assert "All orders stand at midnight" in buying_times.show_week(study, table, bought).html
    own = columns_of(study)
    assert "usual_part_of_day" not in own.columns and own.loc["c00", "usual_weekday"] == "saturday"


def test_an_hour_that_is_partly_unknown_is_left_out_and_counted(client):
    log = shop()
    lost = log.index % 4 == 0
    log.loc[lost, "order_date"] = log.loc[lost, "order_date"].dt.normalize()
    study = client({"transactions": log})
    bought = behaviour.orders(study)
    assert buying_times.week(study, bought)["n_orders"].sum() == len(log) - lost.sum()
    shown = buying_times.show_week(study, buying_times.week_shares(study, bought), bought)
    assert f"{lost.sum()} orders stand at exactly midnight" in shown.html
    # A customer of whom no hour is known has no usual part of the day, but is still there.
    own = columns_of(study)
    assert len(own) == 40 and own["usual_part_of_day"].isna().any()
    most = log.assign(
        order_date=log["order_date"].where(log.index % 4 == 1, log["order_date"].dt.normalize())
    )
    said = buying_times.week(study, behaviour.orders(client({"transactions": most})))
    assert isinstance(said, CannotSay) and "knows the hour of too few" in said.reason


def test_columns_that_are_not_there_are_not_guessed(client):
    log = shop().drop(columns=["channel", "category", "discount", "order_id"])
    study = client({"transactions": log})
    bought, table, _, curve = walk(study)
    assert isinstance(table, CannotSay) and "no channel, no category and no discount" in table.reason
    own = columns_of(study)
    assert not {"main_channel", "main_category", "discount_share"} & set(own.columns)
    known = figures_of(study)
    assert set(known) == {("weekend_share",), ("median_interpurchase_days",)}
    # What has no mix is said where the mix would stand, not among the findings.
    assert not any(isinstance(each, CannotSay) for each in behaviour.findings(study, bought, table, curve))


def test_many_levels_are_ten_and_the_rest_and_too_many_are_none(client, monkeypatch):
    log = shop()
    log["channel"] = [f"store {number % 25:02d}" for number in range(len(log))]
    study = client({"transactions": log})
    bought, table, _, _ = walk(study)
    channels = table[table["section"] == "channel"]
    assert len(channels) == 11 and channels["is_rest"].tolist() == [False] * 10 + [True]
    assert channels["share"].sum() == pytest.approx(1)
    assert "25 channels in all" in behaviour.show_mix(study, table).html
    assert len([name for name in figures_of(study) if name[0] == "channel_share"]) == 10
    # No channel has a fifth of the orders, so none is pointed at.
    assert not any("channel" in words for words in behaviour.findings(study, bought, table, CannotSay("")) if
                   isinstance(words, str))  # fmt: skip
    monkeypatch.setattr(behaviour, "MAX_LEVELS", 20)
    many = client({"transactions": log})
    assert "main_channel" not in columns_of(many).columns
    shown = behaviour.show_mix(many, behaviour.mix(many, behaviour.orders(many)))
    assert "has 25 different values: these are ids, no groups." in shown.html


def test_a_product_without_category_is_no_category(client):
    log = shop()
    log.loc[log["category"] == "home", "category"] = None
    study = client({"transactions": log})
    _, table, _, _ = walk(study)
    assert table.loc[table["section"] == "category", "level"].tolist() == ["tea"]
    assert (
        "20 orders have no category and are left out of its shares." in behaviour.show_mix(study, table).html
    )
    assert set(columns_of(study)["n_categories"].dropna()) == {1}


def test_discounts_written_below_zero_are_refused(client):
    log = shop()
    log["discount"] = -log["discount"]
    study = client({"transactions": log})
    bought, table, _, curve = walk(study)
    assert "discount" not in set(table["section"])
    said = [each for each in behaviour.findings(study, bought, table, curve) if isinstance(each, CannotSay)]
    assert [each.reason for each in said] == ["The discounts add up to less than zero."]
    assert "discount_share" not in columns_of(study).columns


def test_a_refund_is_no_purchase(client):
    log = shop()
    back = log.head(30).assign(revenue=-5.0, order_id=[f"r{number}" for number in range(30)])
    back["order_date"] = pd.Timestamp("2026-06-30 12:00")
    plain, refunded = client({"transactions": log}), client({"transactions": pd.concat([log, back])})
    one, other = columns_of(plain), columns_of(refunded)
    pd.testing.assert_frame_equal(
        one.drop(columns="mean_order_value"), other.drop(columns="mean_order_value")
    )
    # Money paid back is missing from what an order has brought.
    assert (other["mean_order_value"] <= one["mean_order_value"]).all()
    assert (other["mean_order_value"] < one["mean_order_value"]).any()
    assert walk(plain)[3].equals(walk(refunded)[3])


def test_a_short_history_knows_no_season(client):
    log = shop()
    short = log[log["order_date"] > "2026-01-15"]
    study = client({"transactions": short})
    assert "usual_season" not in columns_of(study).columns
    bought = behaviour.orders(study)
    assert "cannot be told apart" in buying_times.season_note(study, bought)
    few = client({"transactions": log[log["order_date"] > "2026-06-01"]})
    assert isinstance(buying_times.months(few, behaviour.orders(few)), CannotSay)
    # A year and a half is enough for quarters, not for telling season from growth.
    long = client({"transactions": log})
    assert "cannot be told apart" in buying_times.season_note(long, behaviour.orders(long))


def test_nobody_who_came_back_has_no_time_between(client):
    log = shop().drop_duplicates("customer_id")
    study = client({"transactions": log})
    bought, table, found, curve = walk(study)
    assert isinstance(found, CannotSay) and "Only 0 customers have bought on two days or more" in found.reason
    assert curve is found
    assert found in behaviour.findings(study, bought, table, curve)
    assert columns_of(study)["interpurchase_days"].isna().all()


def test_one_customer_and_one_order(client):
    study = client({"transactions": shop().head(1)})
    own = columns_of(study)
    assert len(own) == 1 and own["main_channel_share"].tolist() == [1.0]
    bought, table, _, curve = walk(study)
    for each in behaviour.key_figures(study, bought, table, curve):
        if isinstance(each, Estimate) and each.figure.endswith("_share") and each.low is not None:
            assert each.high - each.low > 0.5, (
                each
            )  # one customer says next to nothing, and the interval says so


def test_without_transactions_it_says_what_it_needs(client):
    contracts = pd.DataFrame({"customer_id": ["a"], "start_date": ["2026-01-01"], "end_date": [None]})
    study = client({"contracts": contracts})
    bought = behaviour.orders(study)
    assert isinstance(bought, CannotSay) and "needs the table transactions" in bought.reason
    assert behaviour.customer_columns(study, segmentation.summarise(study)) == bought
    assert behaviour.mix(study, bought) == bought
    assert behaviour.findings(study, bought, bought, bought) == [bought]
