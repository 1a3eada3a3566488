"""Refunds: subtracted once, from their order where it is known, and never a purchase day."""

from __future__ import annotations

from datetime import date
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


# --- whose revenue it is --------------------------------------------------------------------------


def repeated(n: int, *, odd: int = 0) -> str:
    """Orders of two lines with one revenue on both; *odd* of them differ."""
    lines = [f"a,2024-01-{k + 1:02d},{10 + (k < odd) * j},o{k},p{j}\n" for k in range(n) for j in (0, 1)]
    return "customer_id,order_date,revenue,order_id,product\n" + "".join(lines)


def test_one_revenue_on_all_lines_of_every_order_is_asked_about(client):
    assert client.refused(lambda: client.orders(repeated(3))) == (
        "transactions: each of the 3 orders of several lines has one revenue on all of its lines (first: o0: 2 times "
        "10.00, o1: 2 times 10.00, o2: 2 times 10.00). Is it the order's, or each line's?\n"
        "    Say which: data.transactions.options.revenue_per: order or line in params/acme.yaml. "
        "As the order's, revenue is 30.00 less."
    )
    both = {per: client.orders(repeated(3), revenue_per=per)[0]["revenue_kept"] for per in ("order", "line")}
    assert both == {"order": "30", "line": "60"}


def test_few_such_orders_or_mixed_ones_do_not_stop_the_run(client):
    assert client.orders(repeated(2))[0]["notes"] == []
    assert client.orders(repeated(4, odd=2))[0]["notes"] == []
    (note,) = client.orders(repeated(4, odd=1))[0]["notes"]
    assert note.startswith("3 of 4 orders of several lines have one revenue on all of them")
    # A few rows that stand twice in an export are another matter.
    copies = HEADER + "".join(f"a,2024-01-0{k % 9 + 1},10,o{k}\n" * (1 + (k < 4)) for k in range(41))
    assert client.orders(copies)[0]["exact_copies"] == 4


def test_a_third_of_the_orders_is_enough_for_a_word(client):
    (note,) = client.orders(repeated(9, odd=6))[0]["notes"]
    assert note.startswith("3 of 9 orders of several lines have one revenue on all of them")
    assert client.orders(repeated(10, odd=7))[0]["notes"] == []


def test_totals_on_lines_that_say_nothing_else_are_no_mere_copies(client):
    data = HEADER + "".join(f"a,2024-01-0{k + 1},10,o{k}\n" * 2 for k in range(4))
    words = client.refused(lambda: client.orders(data))
    assert "each of the 4 orders of several lines has one revenue on all of its lines" in words
    assert words.endswith(
        "As the order's, revenue is 40.00 less. If the file has its rows twice: drop_duplicates: true."
    )
    kept = [
        client.orders(data, **options)[0]["revenue_kept"]
        for options in ({"revenue_per": "order"}, {"revenue_per": "line"}, {"drop_duplicates": True})
    ]
    assert kept == ["40", "80", "40"]


def with_refund_on_each(back) -> str:
    lines = [f"a,2024-01-0{k + 1},{10 + j},o{k},{back(k, j)}\n" for k in range(4) for j in (0, 1)]
    return "customer_id,order_date,revenue,order_id,back\n" + "".join(lines)


def test_one_refund_on_all_lines_of_every_order_is_asked_about(client):
    data = with_refund_on_each(lambda k, j: 5 if k < 3 else "")
    assert client.refused(lambda: client.orders(data, refund_column="back")) == (
        "transactions: each of the 3 orders of several lines with something in 'back' has the same on all of its lines "
        "(first: o0: 2 times 5.00). Is it the order's, or each line's?\n"
        "    If it is each line's: data.transactions.options.revenue_per: line in params/acme.yaml. If it is the "
        "order's, as its revenue is: revenue_per: order; with a revenue for each line, leave it on one line at the "
        "source. As the order's, 15.00 less is paid back."
    )
    review, _ = client.orders(data, refund_column="back", revenue_per="line")
    assert review["refunded_in_column"] == "30"
    assert review["notes"] == [
        "back is the same on all lines of 3 of 3 orders of several lines, and is taken off on each; if it is the "
        "order's, revenue is 15.00 too low"
    ]
    mixed = with_refund_on_each(lambda k, j: 5 + j * (k == 0))
    (note,) = client.orders(mixed, refund_column="back")[0]["notes"]
    assert note.startswith("back is the same on all lines of 3 of 4 orders")


@pytest.mark.parametrize("back", [lambda k, j: 5 * j, lambda k, j: 10 + j, lambda k, j: 5 if k < 2 else ""])
def test_refunds_of_lines_or_of_few_orders_are_not_asked_about(client, back):
    assert client.orders(with_refund_on_each(back), refund_column="back")[0]["notes"] == []


# --- one refund, recorded twice -------------------------------------------------------------------

WITH_BACK = HEADER.replace("\n", ",back\n")


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ("a,2024-01-05,-100,1R,0\n", {}),
        ("a,2024-01-05,-100,,0\n", {}),
        ("a,2024-01-05,100,R1,0\n", {"refund_prefix": "R"}),
        ("a,2024-01-05,-100,1R,0\na,2024-01-09,-100,2R,0\na,2024-01-02,100,2,100\n", {}),
    ],
    ids=["other id", "no id", "prefix", "two"],
)
def test_a_refund_that_is_a_row_of_its_own_as_well_is_asked_about(client, rows, options):
    data = WITH_BACK + "a,2024-01-01,100,1,100\nb,2024-01-01,10,9,\n" + rows
    words = client.refused(lambda: client.orders(data, refund_column="back", **options))
    assert "in all seem to stand twice, as a negative row and in 'back' (first: of 2024-01-01)" in words
    assert "Leave data.transactions.options.refund_column out, or remove the negative rows" in words


def test_so_is_one_by_its_state_and_one_in_the_table_of_refunds(client):
    data = (
        "customer_id,order_date,revenue,s\na,2024-01-01,100,back\na,2024-01-05,-100,ok\nb,2024-01-02,50,ok\n"
    )
    states = {"column": "s", "keep": ["ok"], "refunded": ["back"]}
    words = client.refused(lambda: client.orders(data, states=states))
    assert "1 refunds of 100.00 in all seem to stand twice" in words
    assert "put it under keep" in words
    orders = HEADER + "a,2024-01-01,100,1\na,2024-03-05,-100,R1\n"
    words = client.refused(lambda: with_table(client, orders, BACK + "1,100,2024-03-01,a\n"))
    assert "as a negative row and in the table of refunds" in words
    assert "Leave data.refunds out, or remove the negative rows" in words


def test_some_that_stand_twice_are_told_with_their_money_and_others_are_not(client):
    data = WITH_BACK + "a,2024-01-01,100,1,100\nb,2024-01-01,80,2,30\na,2024-01-05,-100,R1,\n"
    (note,) = client.orders(data, refund_column="back")[0]["notes"]
    assert note.startswith(
        "1 of 2 refunds, 100.00 in all, seem to stand twice: in 'back', and as rows of their own"
    )
    for other in ("a,2024-01-05,-99,R1,\n", "b,2024-01-05,-100,R1,\n", "a,2024-03-05,-100,R1,\n"):
        alone = WITH_BACK + "a,2024-01-01,100,1,100\nb,2024-01-01,200,2,\n" + other
        assert client.orders(alone, refund_column="back")[0]["notes"] == []


# --- a table of refunds ---------------------------------------------------------------------------

BACK = "order_id,refund,refund_date,customer_id\n"


def with_table(client, orders: str, refunds: str, **options):
    client.write("orders.csv", orders)
    client.write("refunds.csv", refunds)
    sources = {"transactions": {"path": "orders.csv", "options": options}, "refunds": {"path": "refunds.csv"}}
    prepared = client.prepare(sources, as_of="2024-06-30")
    return prepared.review["tables"], prepared


def test_refunds_listed_apart_are_rows_of_their_orders(client, rows_of):
    orders = HEADER + "a,2024-01-05,50,o1\nb,2024-01-06,30,o2\nc,2024-01-07,9,s\nd,2024-01-07,9,s\n"
    refunds = BACK + "o1,20,2024-02-01,\no1,-5,2024-02-03,x\no2,31.00,,\n"
    refunds += (
        "zz,7,2024-03-01,a\nzz,8,,a\nzz,9,2024-03-01,\ns,1,2024-02-02,d\ns,2,2024-02-02,e\no1,4,2025-01-01,\n"
    )
    tables, prepared = with_table(client, orders, refunds)
    assert kinds(rows_of(prepared))[:3] == [
        ("2024-01-05", "-20.00", "netted refund"),
        ("2024-01-05", "-5.00", "netted refund"),
        ("2024-01-05", "50.00", "purchase"),
    ]
    assert ("2024-03-01", "-7.00", "loose refund") in kinds(rows_of(prepared))
    bought = tables["transactions"]
    assert (bought["rows_kept"], bought["n_orders"], bought["orders_below_zero"]) == (4, 4, 1)
    assert bought["refunds_in_table"] == {"rows": 5, "revenue": "-64"}
    assert (bought["revenue_in"], bought["revenue_kept"], bought["rounding"]) == ("98", "34", "0")
    back = tables["refunds"]
    assert back["dropped"] == [
        {"reason": "after as_of", "rows": 1, "revenue": "-4"},
        {"reason": "refund of an order_id that several customers use", "rows": 1, "revenue": "-2"},
        {"reason": "refund of an unknown order", "rows": 2, "revenue": "-17"},
    ]
    assert (back["rows_in"], back["rows_kept"], back["of_orders"]) == (9, 5, 4)
    assert (back["revenue_in"], back["revenue_kept"]) == ("-87", "-64")


def test_a_refund_of_an_order_that_does_not_count_does_not_either(client):
    orders = "customer_id,order_date,revenue,order_id,s\na,2024-01-05,50,o1,ok\nb,2024-01-06,30,o2,closed\n"
    states = {"column": "s", "keep": ["ok"], "drop": ["closed"]}
    tables, _ = with_table(client, orders, BACK + "o2,30,2024-02-01,b\no1,1,2024-02-01,a\n", states=states)
    assert tables["refunds"]["dropped"] == [
        {"reason": "refund of an order that is left out", "rows": 1, "revenue": "-30"}
    ]
    assert tables["transactions"]["revenue_kept"] == "49"


def test_refunds_in_the_table_and_in_the_orders_would_be_subtracted_twice(client):
    refund = BACK + "o1,20,2024-02-01,\n"
    orders = HEADER + "a,2024-01-05,50,o1\na,2024-02-05,-20,o1\n"
    assert (
        "1 orders are refunded twice, as a negative row and in the table of refunds (first: o1)"
        in client.refused(lambda: with_table(client, orders, refund))
    )
    orders = HEADER.replace("\n", ",back\n") + "a,2024-01-05,50,o1,20\n"
    assert "refunded twice, in 'back' and in the table of refunds" in client.refused(
        lambda: with_table(client, orders, refund, refund_column="back")
    )


def test_a_refund_after_the_last_order_still_takes_off_its_revenue(client):
    orders = "order_id,customer_id,order_date,revenue\no1,a,2024-01-10,20\no2,b,2024-01-31,30\n"
    refunds = "order_id,refund,refund_date,customer_id\no1,5,2024-03-15,\nx9,4,2024-03-15,b\n"
    client.write("o.csv", orders)
    client.write("r.csv", refunds)
    prepared = client.prepare({"transactions": {"path": "o.csv"}, "refunds": {"path": "r.csv"}})
    tables = prepared.review["tables"]
    assert prepared.as_of.isoformat() == "2024-01-31"  # customers are not silent because refunds go on
    assert tables["transactions"]["revenue_kept"] == "45"
    # Of no order, it would stand on a day that nobody has seen.
    assert tables["refunds"]["dropped"] == [{"reason": "after as_of", "rows": 1, "revenue": "-4"}]
    assert "1 refunds came after 2024-01-31" in tables["refunds"]["notes"][-1]


def test_the_end_that_the_parameters_give_holds_for_refunds_too(client):
    client.write("o.csv", "order_id,customer_id,order_date,revenue\no1,a,2024-01-10,20\no2,b,2024-01-31,30\n")
    client.write("r.csv", "order_id,refund,refund_date\no1,5,2024-03-15\no2,1,2024-01-31\n")
    sources = {"transactions": {"path": "o.csv"}, "refunds": {"path": "r.csv"}}
    review = client.prepare(sources, as_of=date(2024, 2, 1)).review["tables"]
    assert review["transactions"]["revenue_kept"] == "49"
    assert review["refunds"]["dropped"] == [{"reason": "after as_of", "rows": 1, "revenue": "-5"}]


def test_a_refund_of_an_order_without_customer_goes_with_its_order(client):
    orders = HEADER + "a,2024-01-05,50,1\n,2024-01-06,5,4\n"
    refunds = BACK + "4,5,2024-01-07,z\n"
    tables, _ = with_table(client, orders, refunds + "1,1,2024-01-07,a\n", drop_missing_ids=True)
    assert tables["refunds"]["dropped"] == [
        {"reason": "refund of an order that is left out", "rows": 1, "revenue": "-5"}
    ]
    assert tables["transactions"]["refunds_loose"]["rows"] == 0


def test_an_amount_paid_back_that_cannot_be_read_is_named_by_its_column(client):
    data = "customer_id,order_date,revenue,back\na,2024-01-05,50,none yet\nb,2024-01-06,20,\n"
    assert (
        "1 of 2 rows has an amount paid back ('back') that cannot be read (first rows: 1"
        in client.refused(lambda: client.orders(data, refund_column="back"))
    )
    review, _ = client.orders(data, refund_column="back", drop_unreadable=True)
    assert review["dropped"] == [{"reason": "unreadable refund", "rows": 1, "revenue": "50"}]
