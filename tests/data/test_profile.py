"""The profile of prepared tables: what it counts is what stands there, and it says what it only estimates."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import cam.data.profile as module
from cam.data import Prepared, prepare
from cam.data.people.joins import write_unmatched
from cam.data.profile import Profile, profile
from cam.params import params_from_sections


def prepared(tmp_path: Path, **tables: str) -> Prepared:
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    data = {name: {"path": f"{name}.csv"} for name in tables}
    params = params_from_sections({"client": {"id": "small"}, "data": data})
    return prepare(params, root=tmp_path, cache=tmp_path / "cache", place="params/small.yaml")


def orders(rows: list[tuple[Any, ...]], columns: str = "customer_id,order_date,revenue") -> str:
    return columns + "\n" + "\n".join(",".join(str(value) for value in row) for row in rows) + "\n"


def usual(n: int = 200) -> list[tuple[Any, ...]]:
    """Orders of 8 to 14, one a day."""
    first = date(2024, 1, 1).toordinal()
    return [(f"c{k % 20:02}", date.fromordinal(first + k), 8 + k % 7) for k in range(n)]


# --- correct --------------------------------------------------------------------------------------


def test_columns(tmp_path: Path) -> None:
    made = prepared(
        tmp_path,
        transactions=orders(
            [
                ("a", "2024-01-01 10:00:00", 10, "web"),
                ("b", "2024-02-03 00:00:00", 20.5, ""),
                ("a", "2024-02-04 00:00:00", 0, "web"),
            ],
            "customer_id,order_date,revenue,channel",
        ),
    )
    table = profile(made).tables["transactions"]
    assert table.n_rows == 3 and table.period == (date(2024, 1, 1), date(2024, 2, 4))
    found = {column.name: column for column in table.columns}
    assert list(found) == ["customer_id", "order_date", "revenue", "channel"]
    assert (found["channel"].n_missing, found["channel"].n_distinct) == (1, 1)
    assert (found["customer_id"].kind, found["customer_id"].n_distinct) == ("text", 2)
    assert (found["revenue"].low, found["revenue"].high) == (0, Decimal("20.50"))
    assert table.days and table.days.has_hours
    assert table.days.months == ((date(2024, 1, 1), 1), (date(2024, 2, 1), 2))
    assert (table.days.n_days, table.days.n_without) == (35, 32)
    assert table.days.gap == (date(2024, 1, 1), date(2024, 2, 3))


def test_an_amount_out_of_line_is_found_with_its_row(tmp_path: Path) -> None:
    rows = [*usual(), ("c03", "2024-05-05", 99999.99), ("c04", "2024-05-06", 0.01)]
    (money,) = profile(prepared(tmp_path, transactions=orders(rows))).tables["transactions"].money
    assert (money.n_high, money.n_low) == (1, 1)
    assert money.total_high == Decimal("99999.99")
    (largest,) = money.largest
    assert largest.value == Decimal("99999.99") and largest.where["customer_id"] == "c03"
    assert money.limits and money.limits[0] < 8 and 14 < money.limits[1] < 99999
    assert money.quantiles and money.quantiles[1] == pytest.approx(11, rel=0.02)  # bins of 2 %


def test_the_rule_is_the_one_that_is_stated(tmp_path: Path) -> None:
    """Median and median absolute deviation of the logarithms, 5 times 1.4826; bins of 2 % widen it by two bins."""
    import numpy as np

    amounts = np.round(np.exp(np.random.default_rng(4).normal(3, 0.6, 4000)), 2)
    rows = [(f"c{k}", date.fromordinal(738_000 + k % 300), amount) for k, amount in enumerate(amounts)]
    (money,) = profile(prepared(tmp_path, transactions=orders(rows))).tables["transactions"].money
    logs = np.log(amounts)
    spread = 1.4826 * np.median(np.abs(logs - np.median(logs)))
    assert money.limits is not None
    assert np.log(money.limits) == pytest.approx(np.median(logs) + np.array([-5, 5]) * spread, abs=0.2)


def test_one_price_for_most_says_nothing_of_outliers(tmp_path: Path) -> None:
    rows = [("a", f"2024-01-{k:02}", 9.99) for k in range(1, 20)] + [("b", "2024-01-20", 500)]
    (money,) = profile(prepared(tmp_path, transactions=orders(rows))).tables["transactions"].money
    assert money.limits is None and money.n_high == 0 and money.largest == ()


def test_one_id_for_many(tmp_path: Path) -> None:
    rows = [*usual(), *(("till", "2024-03-03", 10 + k) for k in range(12))]
    crowd = profile(prepared(tmp_path, transactions=orders(rows))).tables["transactions"].crowd
    assert crowd is not None and crowd.largest == "till"
    assert crowd.share == pytest.approx(186 / (186 + sum(row[2] for row in usual())))
    assert (crowd.n_busy, crowd.busiest) == (1, ("till", date(2024, 3, 3), 12))


def test_lines_of_one_order_are_one_order_of_the_day(tmp_path: Path) -> None:
    rows = [("a", "2024-03-03", 10 + k, "o1") for k in range(30)] + [("b", "2024-03-04", 5, "o2")]
    made = prepared(tmp_path, transactions=orders(rows, "customer_id,order_date,revenue,order_id"))
    crowd = profile(made).tables["transactions"].crowd
    assert crowd is not None and crowd.busiest is None


def test_ids_that_do_not_join_are_listed(tmp_path: Path) -> None:
    tickets = "ticket_id,opened,customer_id\n1,2024-01-01,c01\n2,2024-01-02,zz\n3,2024-01-03,=1+1\n4,2024-01-03,zz\n"
    made = prepared(tmp_path, transactions=orders(usual()), tickets=tickets)
    (join,) = profile(made).joins
    assert (join.table, join.base, join.n_ids, join.n_matched, join.n_base) == (
        "tickets",
        "transactions",
        3,
        1,
        20,
    )
    assert join.unmatched == ("=1+1", "zz")
    assert write_unmatched(made, tmp_path / "open.csv") == 2
    # A spreadsheet must not run an id; the quote goes again where ids are read.
    assert (tmp_path / "open.csv").read_text().splitlines() == [
        "table,customer_id",
        "tickets,'=1+1",
        "tickets,zz",
    ]


def test_nothing_is_written_where_all_join(tmp_path: Path) -> None:
    made = prepared(
        tmp_path, transactions=orders(usual()), tickets="ticket_id,opened,customer_id\n1,2024-01-01,c01\n"
    )
    assert write_unmatched(made, tmp_path / "open.csv") == 0
    assert not (tmp_path / "open.csv").exists()


# --- consistent -----------------------------------------------------------------------------------


def facts(found: Profile) -> tuple[Any, ...]:
    table = found.tables["transactions"]
    return table.n_rows, table.money, table.days, table.period, [column.n_missing for column in table.columns]


def test_large_tables_say_the_same_but_for_what_they_say_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [*usual(), *(("till", "2024-03-03", 10 + k) for k in range(12))]
    made = prepared(tmp_path, transactions=orders(rows))
    small = profile(made)
    monkeypatch.setattr(module, "COUNTED", 10)
    large = profile(made)
    assert facts(small) == facts(large)
    crowd, same = large.tables["transactions"].crowd, small.tables["transactions"].crowd
    assert crowd is not None and same is not None
    assert (crowd.largest, crowd.share, crowd.busiest) == (same.largest, same.share, same.busiest)


def test_of_a_large_table_without_a_large_customer_no_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = date(2024, 1, 1).toordinal()
    rows = [(f"c{k}", date.fromordinal(first + k % 90), 10 + k % 5) for k in range(900)]
    made = prepared(tmp_path, transactions=orders(rows))
    monkeypatch.setattr(module, "COUNTED", 10)
    crowd = profile(made).tables["transactions"].crowd
    assert (
        crowd is not None
        and crowd.largest is None
        and crowd.share == module.LARGE_PART
        and crowd.n_busy is None
    )


def test_refunds_alone_have_no_days(tmp_path: Path) -> None:
    made = prepared(tmp_path, transactions=orders([("a", "2024-01-01", -5), ("b", "2024-01-02", -6)]))
    table = profile(made).tables["transactions"]
    assert table.days is None and table.crowd is None and table.money[0].n_positive == 0


# --- quick ----------------------------------------------------------------------------------------
