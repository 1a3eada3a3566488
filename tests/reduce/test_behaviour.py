"""How customers buy, reduced inside the engine: against plain pandas, on DuckDB and on PostgreSQL."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from cam.reduce import behaviour
from cam.reduce.summary import customer_summary

AS_OF = date(2026, 6, 30)


def log(n_lines: int = 400, seed: int = 3) -> pd.DataFrame:
    """Orders of one to several lines, some without an order_id, channel or category; some refunded."""
    rng = np.random.default_rng(seed)
    order = rng.integers(0, n_lines // 2, n_lines)
    owner = rng.integers(0, 25, n_lines)[order]
    moment = pd.Timestamp("2025-01-01") + pd.to_timedelta(
        rng.integers(0, 540 * 86_400, n_lines)[order], unit="s"
    )
    lines = pd.DataFrame(
        {
            "customer_id": [f"c{number:02d}" for number in owner],
            "order_id": [f"o{number:03d}" for number in order],
            "order_date": moment,
            "revenue": rng.integers(0, 9_000, n_lines) / 100,
            "channel": rng.choice(["app", "Web", "web", "Ärzte", "zoo"], n_lines),
            "category": rng.choice(["tea", "home", None], n_lines, p=[0.5, 0.3, 0.2]),
            "kind": "purchase",
        }
    )
    lines.loc[lines.index % 17 == 0, "order_id"] = None
    # Part of some lines is paid back, on the order or as a series of its own.
    back = lines[(lines.index % 11 == 0) & lines["order_id"].notna()].assign(kind="netted refund")
    loose = lines[lines.index % 13 == 0].assign(kind="loose refund", order_id=None)
    back["revenue"], loose["revenue"] = -(back["revenue"] / 4).round(2), -(loose["revenue"] / 2).round(2)
    return pd.concat([lines, back, loose], ignore_index=True)


def whole_orders(lines: pd.DataFrame) -> pd.DataFrame:
    """The same orders in plain pandas: a key of their own for lines without one."""
    own = lines[lines["kind"] != "loose refund"].copy()
    own["key"] = own["order_id"].where(own["order_id"].notna(), own.index.astype(str))
    return own


def test_orders_are_those_of_the_summary_and_keep_all_their_revenue(place):
    lines = log()
    table = place("beh_lines", lines.drop(columns=["channel", "category"]))
    found = behaviour.orders(table, as_of=AS_OF).execute()
    people = customer_summary(table, as_of=AS_OF).execute().set_index("customer_id")
    assert found.groupby("customer_id").size().to_dict() == people["n_orders"].to_dict()
    own = whole_orders(lines)
    assert found["revenue"].sum() == Decimal(str(round(own["revenue"].sum(), 2)))
    expected = own[own["kind"] == "purchase"].groupby("key")["order_date"].min()
    assert sorted(found["hour"]) == sorted(expected.dt.hour)
    assert sorted(found["weekday"]) == sorted(expected.dt.day_of_week)
    assert sorted(found["month"]) == sorted(12 * expected.dt.year + expected.dt.month - 1)
    assert (found["is_weekend"] == (found["weekday"] >= 5)).all()


def test_midnight_is_told_from_the_first_second_after_it(place):
    lines = pd.DataFrame(
        {
            "customer_id": "a",
            "order_date": pd.to_datetime(
                ["2026-01-03 00:00:00", "2026-01-03 00:00:01", "2026-01-04 12:00:00"]
            ),
            "revenue": [1.0, 2.0, 3.0],
            "kind": "purchase",
        }
    )
    found = behaviour.orders(place("beh_midnight", lines), as_of=AS_OF).order_by("revenue").execute()
    assert found["at_midnight"].tolist() == [1, 0, 0]


def test_the_order_of_rows_and_what_comes_later_change_nothing(place):
    lines = log()
    later = lines.head(20).assign(order_date=pd.Timestamp("2026-07-01"), order_id="late")
    mixed = pd.concat([lines, later]).sample(frac=1, random_state=1)
    columns = ["customer_id", "day", "hour", "revenue"]

    def both(frame):
        table = place("beh_rows", frame.reset_index(drop=True))
        pairs = behaviour.order_levels(table, "channel", as_of=AS_OF)
        sums = behaviour.mix_sums(pairs).execute().sort_values("level", ignore_index=True)
        made = behaviour.orders(table, as_of=AS_OF).execute()[columns]
        return made.sort_values(columns, ignore_index=True), sums

    for one, other in zip(both(lines), both(mixed), strict=True):
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("n", [1, 2, 7, 400])
def test_quantiles_of_order_values_are_those_of_numpy(place, n):
    lines = log().head(n).assign(order_id=None)
    bought = place("beh_lines", lines[["revenue"]])
    (found,) = behaviour.order_value_quantiles(bought, low=0.005, high=0.9).execute().to_dict("records")
    positive = lines.loc[lines["revenue"] > 0, "revenue"]
    assert list(found.values()) == pytest.approx(list(np.quantile(positive, [0.005, 0.9])), abs=1e-9)
    (none,) = (
        behaviour.order_value_quantiles(bought.filter(bought.revenue > 1e6), low=0.1, high=0.9)
        .execute()
        .to_dict("records")
    )
    assert all(pd.isna(value) for value in none.values())


@pytest.mark.parametrize("column", ["channel", "category"])
def test_sums_of_the_mix_against_pandas(place, column):
    lines = log()
    pairs = behaviour.order_levels(place("beh_mix", lines), column, as_of=AS_OF)
    found = behaviour.mix_sums(pairs).execute().set_index("level")
    own = whole_orders(lines)
    own = own[own[column].notna() & (own["kind"] == "purchase")]
    x = own.groupby(["customer_id", column])["key"].nunique().unstack(fill_value=0)
    n = own.groupby("customer_id")["key"].nunique()
    assert found["n_orders"].to_dict() == x.sum().to_dict()
    assert found["n_customers"].to_dict() == (x > 0).sum().to_dict()
    assert found["squared"].to_dict() == (x**2).sum().to_dict()
    assert found["crossed"].to_dict() == x.mul(n, axis=0).sum().to_dict()
    assert set(found["all_orders"]) == {n.sum()} and set(found["all_squared"]) == {(n**2).sum()}
    assert set(found["all_customers"]) == {len(n)}
    named = whole_orders(lines)[lambda frame: frame[column].notna()]
    assert found["revenue"].sum() == Decimal(str(round(named["revenue"].sum(), 2)))


def test_an_order_in_two_levels_that_are_put_together_counts_once(place):
    lines = log()
    pairs = behaviour.order_levels(place("beh_rest", lines), "channel", as_of=AS_OF)
    shown = {"zoo": 1, "Ärzte": 2, "web": 3, "Web": 3, "app": 3}
    places = place("beh_shown", pd.DataFrame({"level": list(shown), "shown": list(shown.values())}))
    found = behaviour.mix_sums(behaviour.merge_levels(pairs, places=places)).execute().set_index("level")
    own = whole_orders(lines)
    x = own[own["kind"] == "purchase"].assign(level=own["channel"].map(shown))
    x = x.groupby(["customer_id", "level"])["key"].nunique().unstack(fill_value=0)
    assert found["n_orders"].to_dict() == x.sum().to_dict()
    assert found["squared"].to_dict() == (x**2).sum().to_dict()
    apart = behaviour.mix_sums(pairs).execute()
    assert found["n_orders"].sum() < apart["n_orders"].sum()
    assert set(found["all_orders"]) == set(apart["all_orders"])
    assert found["revenue"].sum() == apart["revenue"].sum()


def test_the_main_level_and_its_ties_are_the_same_on_every_engine(place):
    lines = log(120)
    pairs = behaviour.order_levels(place("beh_main", lines), "channel", as_of=AS_OF)
    # Ranked against the order of text of any collation, so that only the places can settle a tie.
    ranked = pd.DataFrame({"level": ["zoo", "Ärzte", "web", "Web", "app"], "place": [1, 2, 3, 4, 5]})
    places = place("beh_places", ranked)
    found = behaviour.main_levels(pairs, places=places).execute().set_index("customer_id")
    own = whole_orders(lines)[lambda frame: frame["kind"] == "purchase"]
    x = own.groupby(["customer_id", "channel"])["key"].nunique().reset_index(name="x")
    x["place"] = x["channel"].map(ranked.set_index("level")["place"])
    first = x.sort_values(["x", "place"], ascending=[False, True]).groupby("customer_id").first()
    n = own.groupby("customer_id")["key"].nunique()
    assert (x.groupby("customer_id")["x"].apply(lambda counts: (counts == counts.max()).sum()) > 1).any()
    assert found["main"].to_dict() == first["channel"].to_dict()
    assert found["main_share"].to_dict() == pytest.approx((first["x"] / n).to_dict())
    assert found["n_levels"].to_dict() == x.groupby("customer_id").size().to_dict()


def test_discounts_by_customer_and_by_depth(place):
    lines = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b", "c"],
            "order_id": ["1", "1", "2", "3", "4"],
            "order_date": pd.to_datetime(["2026-01-03"] * 5),
            "revenue": [8.0, 10.0, -2.0, 5.0, 0.0],
            "discount": [2.0, 0.0, 0.0, None, 0.0],
            "kind": ["purchase", "purchase", "loose refund", "purchase", "purchase"],
        }
    )
    table = place("beh_discount", lines)
    table = table.mutate(discount=table.discount.cast("decimal(18, 2)"))
    bought = behaviour.orders(table, as_of=AS_OF)
    own = behaviour.habits(bought).execute().set_index("customer_id")["discount_share"]
    assert own["a"] == pytest.approx(0.1)
    # What is not known, or was given for nothing, is no discount of zero.
    assert pd.isna(own["b"]) and pd.isna(own["c"])
    depth = behaviour.discount_depth(bought, limits=[0.0, 0.1, 0.2]).execute()
    assert depth[["customer_id", "level"]].values.tolist() == [["a", 2]]
    sums = behaviour.ratio_sums(bought, top="discount", bottom="price").execute().astype(float).iloc[0]
    assert sums.tolist() == [2, 2, 2, 20, 4, 40, 400]


def test_gaps_against_pandas(place):
    lines = log()
    bought = behaviour.orders(place("beh_gaps", lines), as_of=AS_OF)
    found = behaviour.gap_cells(bought, as_of=AS_OF, n_parts=7).execute()
    own = whole_orders(lines)[lambda frame: frame["kind"] == "purchase"]
    days = own.assign(day=own["order_date"].dt.normalize())[["customer_id", "day"]].drop_duplicates()
    days = days.sort_values(["customer_id", "day"])
    later = days.groupby("customer_id")["day"].shift(-1)
    gap = (later.fillna(pd.Timestamp(AS_OF)) - days["day"]).dt.days
    expected = pd.DataFrame({"days": gap, "is_closed": later.notna().astype(int)}).value_counts().to_dict()
    assert found.groupby(["days", "is_closed"])["n"].sum().to_dict() == expected
    # Every customer has one open gap, and stands in one part.
    is_open = found["is_closed"] == 0
    assert found.loc[is_open, "n"].sum() == own["customer_id"].nunique()
    assert set(found["part"]) == set(range(7))
    assert found.loc[is_open].groupby("part")["n"].sum().max() <= -(-25 // 7)


def test_the_week_holds_every_order(place):
    bought = behaviour.orders(place("beh_week", log()), as_of=AS_OF)
    cells = behaviour.week_cells(bought).execute()
    assert cells["n_orders"].sum() == bought.count().execute()
    assert not cells.duplicated(["weekday", "hour"]).any()


def test_a_discount_rounded_to_the_cent_stays_in_its_band(place):
    # 20 % off 33.33 and off 17.77, to the cent: 0.2001 and 0.1998 of the price.
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "revenue": [26.66, 14.22],
            "discount": [6.67, 3.55],
            "price": [33.33, 17.77],
        }
    )
    made = behaviour.discount_depth(place("cents", frame), limits=[0, 0.05, 0.1, 0.2, 0.5]).execute()
    assert made["level"].tolist() == [4, 4]
