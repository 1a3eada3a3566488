"""Refunds: subtracted once, from their order where it is known, and never a purchase day."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HEADER = "customer_id,order_date,revenue,order_id\n"


def kinds(rows) -> list[tuple[str, str, str]]:
    """(day, revenue, kind) of each row, sorted."""
    return sorted((str(row[1].date()), str(row[2]), row[-1]) for row in rows)


def test_a_refund_with_its_orders_number_is_netted_to_the_day_of_purchase(client):
    review, rows = client.orders(HEADER + "a,2024-01-05,50,1\na,2024-02-09,-20,1\n")
    assert kinds(rows) == [("2024-01-05", "-20.00", "netted refund"), ("2024-01-05", "50.00", "purchase")]
    assert review["refunds_netted"] == {"rows": 1, "revenue": "-20"}
    assert review["refunds_loose"] == {"rows": 0, "revenue": "0"}
    assert (review["n_orders"], review["revenue_kept"], review["last_date"]) == (1, "30", "2024-01-05")


@pytest.mark.parametrize(
    "refund",
    ["a,2024-02-09,-20,2\n", "a,2024-02-09,-20,\n", "b,2024-02-09,-20,1\n"],
    ids=["other", "none", "customer"],
)
def test_a_refund_that_matches_no_order_is_a_series_of_its_own(client, refund):
    review, rows = client.orders(HEADER + "a,2024-01-05,50,1\n" + refund)
    assert kinds(rows) == [("2024-01-05", "50.00", "purchase"), ("2024-02-09", "-20.00", "loose refund")]
    assert review["refunds_loose"] == {"rows": 1, "revenue": "-20"}
    assert (review["n_orders"], review["revenue_kept"]) == (1, "30")


def test_without_order_numbers_one_row_is_one_order(client):
    review, rows = client.orders(
        "customer_id,order_date,revenue\na,2024-01-05,50\na,2024-01-05,50\na,2024-01-06,-20\n"
    )
    assert [kind for *_, kind in kinds(rows)] == ["purchase", "purchase", "loose refund"]
    assert (review["n_orders"], review["exact_copies"]) == (2, 1)


def test_a_refund_in_a_column_is_subtracted_whatever_its_sign(client):
    header = "customer_id,order_date,revenue,order_id,back\n"
    data = header + "a,2024-01-05,50,1,20\na,2024-01-06,50,2,-20\na,2024-01-07,50,3,\n"
    review, rows = client.orders(data, refund_column="back")
    assert [revenue for _, revenue, _ in kinds(rows)] == ["30.00", "30.00", "50.00"]
    assert (review["revenue_in"], review["revenue_kept"], review["refunded_in_column"]) == (
        "150",
        "110",
        "40",
    )
    assert client.orders(data.replace(",order_id", ",x"), refund_column="back")[0]["revenue_kept"] == "110"


def test_an_order_that_was_wholly_refunded_is_no_row_of_value_zero(client):
    review, _ = client.orders(
        "customer_id,order_date,revenue,back\na,2024-01-05,50,50\na,2024-01-05,0,\n", refund_column="back"
    )
    assert (review["zero_value_rows"], review["revenue_kept"]) == (1, "0")


CURE = "    Leave data.transactions.options.refund_column out, or remove the negative rows at the source."


def test_both_ways_at_once_would_subtract_twice(client):
    header = "customer_id,order_date,revenue,order_id,back\n"
    data = header + "a,2024-01-05,50,A1,20\na,2024-02-09,-20,A1,\n"
    assert client.refused(lambda: client.orders(data, refund_column="back")) == (
        f"transactions: 1 orders are refunded twice, as a negative row and in 'back' (first: A1).\n{CURE}"
    )
    data = header + "a,2024-01-05,50,A1,\na,2024-02-09,-20,,20\n"
    assert client.refused(lambda: client.orders(data, refund_column="back")) == (
        f"transactions: 1 rows are refunds twice, as a negative row and in 'back'.\n{CURE}"
    )
    loose = "customer_id,order_date,revenue,back\na,2024-01-05,50,\na,2024-02-09,-20,20\n"
    assert "1 rows are refunds twice" in client.refused(lambda: client.orders(loose, refund_column="back"))


def test_the_column_must_be_there_and_transactions_only(client):
    data = HEADER + "a,2024-01-05,50,1\n"
    assert client.refused(lambda: client.orders(data, refund_column="revenu")) == (
        "transactions: column 'revenu' not found. Columns present: customer_id, order_date, revenue, order_id.\n"
        "    Did you mean 'revenue'? data.transactions.options.refund_column in params/acme.yaml names it."
    )
    source = {"path": "orders.csv", "columns": {"end_date": "order_date", "start_date": "order_date"}}
    source["options"] = {"refund_column": "revenue"}
    assert client.refused(lambda: client.prepare({"contracts": source})) == (
        "contracts: only transactions can have a refund_column.\n"
        "    Take data.contracts.options.refund_column out of params/acme.yaml."
    )


def test_an_order_on_several_days_counts_on_its_first(client):
    review, rows = client.orders(
        HEADER + "a,2024-01-07,5,1\na,2024-01-05 10:00,5,1\na,2024-01-05 23:00,5,2\na,2024-01-05,5,2\n"
    )
    assert {day for day, *_ in kinds(rows)} == {"2024-01-05"}
    assert (review["orders_on_several_days"], review["n_orders"]) == (1, 2)


def test_an_order_number_that_two_customers_use_is_two_orders(client):
    review, rows = client.orders(HEADER + "a,2024-01-05,5,1\nb,2024-01-09,7,1\nb,2024-01-10,-7,1\n")
    assert kinds(rows)[1:] == [("2024-01-09", "-7.00", "netted refund"), ("2024-01-09", "7.00", "purchase")]
    assert review["n_orders"] == 2
    assert review["notes"] == [
        "1 orders carry an id that another customer uses too; each counts as an order of its own"
    ]


def test_an_order_refunded_beyond_its_value_is_counted(client):
    assert client.orders(HEADER + "a,2024-01-05,5,1\na,2024-01-06,-9,1\n")[0]["orders_below_zero"] == 1
    column = "customer_id,order_date,revenue,back\na,2024-01-05,5,9\n"
    assert client.orders(column, refund_column="back")[0]["orders_below_zero"] == 1


def test_a_refund_after_as_of_does_not_count(client):
    data = HEADER + "a,2024-01-05,50,1\na,2024-02-09,-20,1\na,2024-02-10,-5,\n"
    review, rows = client.orders(data, client={"as_of": "2024-01-31"})
    assert kinds(rows) == [("2024-01-05", "50.00", "purchase")]
    assert review["dropped"] == [{"reason": "after as_of", "rows": 2, "revenue": "-25"}]


LINES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(1, 28),
        st.integers(-5000, 5000),
        st.sampled_from(["", "1", "2", "3"]),
    ),
    min_size=1,
    max_size=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=LINES)
def test_money_is_conserved_and_refunds_stand_on_no_day_of_their_own_order(client, lines):
    data = HEADER + "".join(
        f"{who},2024-01-{day:02d},{cents / 100},{order}\n" for who, day, cents, order in lines
    )
    review, rows = client.orders(data)
    assert sum(row[2] for row in rows) == sum(Decimal(cents) for _, _, cents, _ in lines) / 100
    assert Decimal(review["revenue_kept"]) == sum(row[2] for row in rows)
    bought = {(row[0], row[3]): row[1] for row in rows if row[-1] == "purchase" and row[3]}
    for who, day, revenue, order, kind in rows:
        assert (revenue < 0) == (kind != "purchase")
        assert (kind == "netted refund") == (revenue < 0 and (who, order) in bought)
        if kind != "loose refund" and order:
            assert day == bought[who, order]
    assert client.orders(HEADER + "".join(reversed(data.splitlines(keepends=True)[1:])))[1] == rows
