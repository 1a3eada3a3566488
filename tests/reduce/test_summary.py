"""One row per customer: equal to the peer and to plain pandas in every row, on every engine."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.errors import DataError
from cam.reduce.summary import cells, customer_summary

#: Money is summed exactly; the mean is one division of doubles, so 1e-9 is far above its rounding error.
MONEY = 1e-9


def simulate_log(seed: int, *, n_customers: int = 300, with_refunds: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = rng.geometric(0.25, n_customers)
    customer = np.repeat(np.arange(n_customers), n)
    days = rng.integers(0, 500, n.sum())
    seconds = rng.integers(0, 86_400, n.sum())
    log = pd.DataFrame(
        {
            "customer_id": [f"{number:05d}" for number in customer],
            "order_id": [f"o{number}" for number in range(n.sum())],
            "order_date": pd.Timestamp("2024-01-01")
            + pd.to_timedelta(days, "D")
            + pd.to_timedelta(seconds, "s"),
            "revenue": np.round(rng.gamma(2, 20, n.sum()), 2),
            "kind": "purchase",
        }
    )
    if with_refunds:
        back = log.sample(frac=0.1, random_state=seed).assign(kind="netted refund")
        back["revenue"] = -np.round(back["revenue"] / 2, 2)
        loose = log.sample(frac=0.05, random_state=seed + 1).assign(kind="loose refund", order_id=None)
        loose["revenue"] = -loose["revenue"]
        log = pd.concat([log, back, loose], ignore_index=True)
    return log


def in_plain_pandas(log: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """The definition, written out a second time and slowly."""
    rows = []
    end = pd.Timestamp(as_of)
    log = log.assign(day=log["order_date"].dt.normalize())
    log = log[log["day"] <= end]
    for customer, mine in log.groupby("customer_id"):
        bought = mine[mine["kind"] == "purchase"]
        if bought.empty:
            continue
        days = sorted(bought["day"].unique())
        worth = mine[mine["kind"] != "loose refund"].groupby("day")["revenue"].sum()
        repeat = [worth[day] for day in days[1:]]
        rows.append(
            {
                "customer_id": customer,
                "frequency": len(days) - 1,
                "recency": (days[-1] - days[0]).days / 7,
                "T": (end - days[0]).days / 7,
                "monetary_value": sum(repeat) / len(repeat) if repeat else np.nan,
                "days_since_last": (end - days[-1]).days,
                "n_orders": bought["order_id"].nunique(),
                "revenue": round(mine["revenue"].sum(), 2),
            }
        )
    return pd.DataFrame(rows).set_index("customer_id").sort_index()


def summarise(table, as_of: date) -> pd.DataFrame:
    frame = customer_summary(table, as_of=as_of).order_by("customer_id").execute().set_index("customer_id")
    return frame.assign(revenue=frame["revenue"].astype(float))


def assert_equal(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    assert list(ours.index) == list(theirs.index)
    for column in theirs.select_dtypes("number").columns:
        np.testing.assert_allclose(
            ours[column].astype(float), theirs[column].astype(float), rtol=0, atol=MONEY, err_msg=column
        )


@pytest.mark.parametrize("with_refunds", [False, True])
def test_equals_plain_pandas_in_every_row(place, with_refunds):
    log = simulate_log(1, with_refunds=with_refunds)
    as_of = date(2025, 3, 1)  # some orders lie after it
    assert_equal(summarise(place("log", log), as_of), in_plain_pandas(log, as_of))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equals_the_peer_in_every_row_of_a_log_without_refunds(seed):
    log = simulate_log(seed)
    as_of = date(2025, 6, 1)
    assert_equal_to_lifetimes(log, as_of)


@pytest.mark.filterwarnings("ignore")
def test_equals_the_peer_in_every_row_of_cdnow(cdnow):
    ours = assert_equal_to_lifetimes(cdnow, date(1998, 6, 30))
    assert len(ours) == 23_570


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    folder = Path(find_spec("lifetimes").submodule_search_locations[0]) / "datasets"
    log = pd.read_csv(folder / "CDNOW_master.txt", sep=r"\s+", dtype={"customer_id": str, "date": str})
    return pd.DataFrame(
        {
            "customer_id": log["customer_id"],
            "order_date": pd.to_datetime(log["date"]),
            "revenue": log["dollar_value"],
            "kind": "purchase",
        }
    )


def assert_equal_to_lifetimes(log: pd.DataFrame, as_of: date) -> pd.DataFrame:
    from lifetimes.utils import summary_data_from_transaction_data

    theirs = summary_data_from_transaction_data(
        log,
        "customer_id",
        "order_date",
        monetary_value_col="revenue",
        observation_period_end=pd.Timestamp(as_of),
        freq="D",
    ).sort_index()
    theirs[["recency", "T"]] /= 7
    # The peer writes 0 where there is no repeat purchase and so no mean.
    theirs["monetary_value"] = theirs["monetary_value"].where(theirs["frequency"] > 0)
    table = ibis.duckdb.connect().create_table("log", log)
    ours = summarise(table.mutate(revenue=table.revenue.cast("decimal(18, 2)")), as_of)
    assert_equal(ours, theirs)
    return ours


def test_cdnow_is_the_same_on_every_engine(place, cdnow):
    # The published count of customers; the sum of repeat days was the same on both engines and with the peer.
    frame = summarise(place("cdnow", cdnow), date(1998, 6, 30))
    assert len(frame) == 23_570
    assert (
        int(frame["frequency"].sum()) + 23_570 == cdnow.groupby("customer_id")["order_date"].nunique().sum()
    )
    assert round(frame["revenue"].sum(), 2) == 2_500_315.63


def test_laws(place):
    log = simulate_log(5, with_refunds=True)
    as_of = date(2025, 3, 1)
    frame = summarise(place("log", log), as_of)
    seen = log[log["order_date"].dt.date <= as_of]
    days = seen[seen["kind"] == "purchase"].assign(day=lambda x: x["order_date"].dt.date)
    # Distinct order days are first days and repeat days, and nothing else.
    assert len(days[["customer_id", "day"]].drop_duplicates()) == frame["frequency"].sum() + len(frame)
    assert ((frame["recency"] >= 0) & (frame["recency"] <= frame["T"])).all()
    assert ((frame["frequency"] == 0) == frame["monetary_value"].isna()).all()
    bought = set(days["customer_id"])
    kept = seen[seen["customer_id"].isin(bought)]
    assert round(frame["revenue"].sum(), 2) == round(kept["revenue"].sum(), 2)


def test_neither_the_order_of_rows_nor_what_comes_later_changes_anything(place):
    log = simulate_log(6)
    as_of = date(2025, 3, 1)
    expected = summarise(place("log", log), as_of)
    shuffled = log.sample(frac=1, random_state=0)
    later = log.assign(order_date=pd.Timestamp(as_of) + timedelta(days=1), revenue=999.0)
    assert_equal(summarise(place("log", shuffled), as_of), expected)
    assert_equal(summarise(place("log", pd.concat([later, log])), as_of), expected)


def test_the_last_hour_of_as_of_still_counts(place):
    log = pd.DataFrame(
        {
            "customer_id": ["a"],
            "order_date": [pd.Timestamp("2025-03-01 23:59:59")],
            "revenue": [1.0],
            "kind": ["purchase"],
        }
    )
    assert len(summarise(place("log", log), date(2025, 3, 1))) == 1


def test_several_orders_on_one_day_are_one_occasion(place):
    log = pd.DataFrame(
        {
            "customer_id": "a",
            "order_id": ["1", "2", "3", None, None],
            "order_date": pd.to_datetime(["2025-01-01 08:00", "2025-01-01 20:00"] + ["2025-01-08 10:00"] * 3),
            "revenue": [10.0, 5.0, 20.0, 1.0, 2.0],
            "kind": "purchase",
        }
    )
    row = summarise(place("log", log), date(2025, 1, 15)).loc["a"]
    assert (row["frequency"], row["n_orders"], row["monetary_value"]) == (1, 5, 23.0)


def test_a_refund_is_never_a_purchase_day(place):
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "order_date": pd.to_datetime(["2025-01-01", "2025-01-08", "2025-01-08"]),
            "revenue": [10.0, -4.0, -4.0],
            "kind": ["purchase", "loose refund", "loose refund"],
        }
    )
    frame = summarise(place("log", log), date(2025, 1, 15))
    assert list(frame.index) == ["a"]  # b never bought
    assert frame.loc["a", "frequency"] == 0
    assert frame.loc["a", "revenue"] == 6.0


def test_the_largest_amounts_and_far_days_are_summed_to_the_cent(place):
    """A customer's day has room for 999,999,999,999.99, and all days for ninety times that; floats hold each cent."""
    most = Decimal("999999999999.99")
    days = [*pd.date_range("2024-01-01", periods=88), pd.Timestamp("1900-01-01"), pd.Timestamp("2099-12-31")]
    log = pd.DataFrame({"customer_id": "a", "order_date": days, "revenue": most, "kind": "purchase"})
    rest = {
        "customer_id": ["a", "a", "a", "b", "b", "b"],
        "order_date": pd.to_datetime(
            ["1900-01-01", "2024-01-02", "2024-01-03", "2024-01-01", "2024-01-01", "2024-02-01"]
        ),
        "revenue": [
            Decimal(text)
            for text in ("-0.98", "-999999999999.98", "-999999999999.99", "0.10", "0.20", "0.30")
        ],
        "kind": ["netted refund", "loose refund", "loose refund", "purchase", "purchase", "purchase"],
    }
    rows = customer_summary(place("log", pd.concat([log, pd.DataFrame(rest)])), as_of=date(2100, 1, 1))
    frame = rows.order_by("customer_id").execute().set_index("customer_id")
    assert list(frame["revenue"]) == [88 * most - Decimal("0.97"), Decimal("0.60")]
    # The first day, with its refund, is no repeat; the loose refunds are no day's, and together more than one holds.
    assert list(frame["monetary_value"]) == [float(most), 0.3]
    assert list(frame["n_orders"]) == [90, 3] and list(frame["frequency"]) == [89, 1]


def test_a_day_whose_amounts_have_no_room_is_an_error_and_not_another_days(place):
    log = pd.DataFrame(
        {
            "customer_id": "a",
            "order_date": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-01-08"]),
            "revenue": [Decimal("999999999999.99"), Decimal("0.02"), Decimal(1)],
            "kind": "purchase",
        }
    )
    with pytest.raises(Exception, match=r"(?i)could not cast|overflow"):
        customer_summary(place("log", log), as_of=date(2025, 1, 1)).execute()


def test_a_last_day_without_room_is_refused_with_its_cure(place):
    log = simulate_log(1)
    assert len(summarise(place("log", log), date(2125, 12, 31))) == 300
    with pytest.raises(DataError, match=r"days after 2125 have no room\. .* client\.as_of"):
        customer_summary(place("log", log), as_of=date(2126, 1, 1))


def test_cells_hold_every_customer_once(place):
    log = simulate_log(7)
    summary = customer_summary(place("log", log), as_of=date(2025, 6, 1))
    counted = cells(summary).execute()
    frame = summary.execute()
    assert counted["n_customers"].sum() == len(frame)
    expected = frame.groupby(["frequency", "recency", "T"]).size()
    found = counted.set_index(["frequency", "recency", "T"])["n_customers"].sort_index()
    assert (found == expected.sort_index()).all() and len(found) == len(expected)
