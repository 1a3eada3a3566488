"""Rows as systems export them: each with its own facts, its state, and its part of the order's money, once."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cam.data.types.expressions import nobody

ORDERS = "customer_id,order_date,revenue,order_id\n"
SHOPIFY = """Name,Email,Financial Status,Paid at,Currency,Total,Refunded Amount,Created at,\
Lineitem quantity,Lineitem name,Lineitem price,Phone
#1001,ann@x.com,paid,2024-01-07 10:00:00 -0500,USD,100.00,0.00,2024-01-05 09:59:00 -0500,1,Cup,33.33,
#1001,ann@x.com,,,,,,2024-01-05 09:59:00 -0500,2,Pot,33.33,
#1002,,refunded,2024-02-05 10:00:00 -0500,USD,50.00,50.00,2024-02-05 09:59:00 -0500,1,Cup,50.00,555
#1003,bob@x.com,voided,,USD,70.00,0.00,2024-02-06 09:59:00 -0500,1,Cup,30.00,
#1003,bob@x.com,,,,,,2024-02-06 09:59:00 -0500,1,Pot,40.00,
#1004,bob@x.com,paid,2024-03-05 22:00:00 -0500,USD,10.00,4.00,2024-03-05 09:59:00 -0500,1,Cup,0.00,
#1004,bob@x.com,,,,,,2024-03-05 09:59:00 -0500,1,Pot,,
"""
SHOPIFY_COLUMNS = {
    "customer_id": ["Email", "Phone"],
    "order_id": "Name",
    "order_date": ["Paid at", "Created at"],
    "revenue": "Total",
    "product": "Lineitem name",
    "currency": "Currency",
}
STATES = {"column": "Financial Status", "keep": ["PAID "], "drop": ["voided"], "refunded": ["ｒefunded"]}
SHOP = {
    "states": STATES,
    "revenue_per": "order",
    "refund_column": "Refunded Amount",
    "columns": SHOPIFY_COLUMNS,
}
USD = {"currency": "USD"}


def days(rows) -> list[tuple[str, str, str]]:
    """(customer, day, revenue) of each row."""
    return [(row[0], str(row[1].date()), str(row[2])) for row in rows]


def balanced(review) -> bool:
    dropped = sum((Decimal(part["revenue"]) for part in review["dropped"]), Decimal(0))
    kept = (
        Decimal(review["revenue_kept"]) + Decimal(review["refunded_in_column"]) - Decimal(review["rounding"])
    )
    n = review["rows_kept"] + sum(part["rows"] for part in review["dropped"])
    return kept + dropped == Decimal(review["revenue_in"]) and n == review["rows_in"]


# --- whole layouts --------------------------------------------------------------------------------


def test_shopify_shares_an_order_out_over_its_lines(client):
    worth = ["Lineitem price", "Lineitem quantity"]
    review, rows = client.orders(SHOPIFY, client=USD, line_value=worth, **SHOP)
    assert days(rows) == [
        ("555", "2024-02-05", "0.00"),
        (
            "ann@x.com",
            "2024-01-07",
            "33.33",
        ),  # paid on that day; the second line has no day of payment of its own
        ("ann@x.com", "2024-01-07", "66.67"),
        ("bob@x.com", "2024-03-05", "0.00"),
        ("bob@x.com", "2024-03-05", "6.00"),
    ]
    assert balanced(review)
    assert (review["revenue_in"], review["revenue_kept"], review["refunded_in_column"]) == (
        "230",
        "106",
        "54",
    )
    assert review["dropped"] == [{"reason": "Financial Status: voided", "rows": 2, "revenue": "70"}]
    assert "1 orders have lines of no known worth; the first line has all of their revenue" in review["notes"]


@pytest.mark.parametrize("spelling", ["Ann@X.com", "ａnn@x.com"])
def test_an_order_whose_lines_spell_its_customer_otherwise_is_one(client, spelling):
    other = SHOPIFY.replace("#1001,ann@x.com,,", f"#1001,{spelling},,")
    options = SHOP | {"line_value": ["Lineitem price", "Lineitem quantity"], "drop_missing_ids": True}
    _, rows = client.orders(other, client=USD, **options)
    assert other != SHOPIFY and rows == client.orders(SHOPIFY, client=USD, **options)[1]


def test_shopify_without_worth_leaves_one_line_for_an_order(client):
    review, rows = client.orders(SHOPIFY, client=USD, **SHOP)
    assert [(row[2], row[4]) for row in rows] == [
        (Decimal("0.00"), "Cup"),
        (Decimal("100.00"), None),  # of a cup and a pot
        (Decimal("6.00"), None),
    ]
    assert {"reason": "further line of an order", "rows": 3, "revenue": "0"} in review["dropped"]
    assert balanced(review)


JD = """订单号,商品名称,订购数量,下单时间,京东价,应付金额,订单状态,下单帐号
1,杯,1,2024-01-05 10:00:00,30.00,70.01,完成,u1
1,壶,2,2024-01-05 10:00:00,20.00,70.01,完成,u1
2,杯,1,2024-01-06 10:00:00,30.00,30.00,(删除),u2
3,杯,1,2024-01-06 10:00:00,¥30.00,¥60.10,完成,u2
3,杯,1,2024-01-06 10:00:00,¥30.00,¥60.10,完成,u2
"""
JD_COLUMNS = {
    "customer_id": "下单帐号",
    "order_id": "订单号",
    "order_date": "下单时间",
    "revenue": "应付金额",
}
JD_STATES = {"column": "订单状态", "keep": ["完成"], "drop": ["（删除）"]}


@pytest.mark.parametrize("copies", [False, True])
def test_jd_counts_repeated_totals_once(client, copies):
    review, rows = client.orders(
        JD,
        columns=JD_COLUMNS,
        client={"currency": "CNY"},
        states=JD_STATES,
        revenue_per="order",
        line_value=["京东价", "订购数量"],
        drop_duplicates=copies,
    )
    assert sum(row[2] for row in rows) == Decimal("130.11")
    assert (review["revenue_in"], review["n_orders"]) == ("160.11", 2)
    assert balanced(review)
    assert [str(row[2]) for row in rows if row[0] == "u1"] == ["30.00", "40.01"]
    assert len(rows) == 4 - copies
    more = "70.01" if copies else "130.11"
    assert any(f"without {more} that the repeats would have added" in note for note in review["notes"])


def test_online_retail_prices_times_units_and_c_invoices(client):
    data = (
        "InvoiceNo,Quantity,InvoiceDate,UnitPrice,CustomerID\n536365,6,12/13/2010 8:26,2.55,17850\n"
        "C536379,-1,12/1/2010 9:41,27.5,14527\nC536380,1,12/1/2010 9:41,27.5,4527\n536366,x,12/1/2010 8:26,2.55,1\n"
    )
    columns = {
        "order_id": "InvoiceNo",
        "customer_id": "CustomerID",
        "revenue": "UnitPrice",
        "order_date": "InvoiceDate",
    }
    review, rows = client.orders(
        data, columns=columns, multiply_by="Quantity", refund_prefix="C", id_width=5, drop_unreadable=True
    )
    assert days(rows) == [
        ("04527", "2010-12-01", "-27.50"),
        ("14527", "2010-12-01", "-27.50"),
        ("17850", "2010-12-13", "15.30"),
    ]
    assert review["dropped"] == [{"reason": "unreadable revenue", "rows": 1, "revenue": "0"}]
    assert (
        "order_id begins with C in 2 rows, which are refunds; 1 of them had no minus sign" in review["notes"]
    )
    assert "customer_id was filled up with leading zeros to 5 digits in 2 rows" in review["notes"]


# --- laws -----------------------------------------------------------------------------------------

ORDER = st.tuples(
    st.integers(-300000, 300000),  # thousandths
    st.lists(st.tuples(st.integers(-1, 9), st.sampled_from("xyz")), min_size=1, max_size=5),
    st.booleans(),  # repeated on each line, or on the first alone
    st.sampled_from(["paid", "void", "back"]),
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=st.lists(ORDER, min_size=1, max_size=6), shares=st.booleans(), order=st.randoms())
def test_an_orders_money_is_shared_out_to_the_cent_and_nothing_else_is_lost(client, orders, shares, order):
    lines = []
    for number, (amount, articles, repeats, state) in enumerate(orders):
        money, blank = f"{amount / 1000:.3f}0", ("", "")
        for index, (worth, product) in enumerate(articles):
            own = (money, state) if repeats or index == 0 else blank
            customer = "c" if repeats or index == 0 else ""
            lines.append(f"{customer},2024-01-05,{own[0]},o{number},{worth},{product},{own[1]}\n")
    lines.append("z,2024-01-05,1.00,z,1,z,paid\n")
    header = "customer_id,order_date,revenue,order_id,worth,product,state\n"
    options = {
        "revenue_per": "order",
        "states": {"column": "state", "keep": ["paid"], "drop": ["void"], "refunded": ["back"]},
        **({"line_value": ["worth"]} if shares else {}),
    }
    review, rows = client.orders(header + "".join(lines), **options)
    assert balanced(review)
    assert Decimal(review["revenue_in"]) == sum((Decimal(row[0]) for row in orders), Decimal(1000)) / 1000
    for number, (amount, _, _, state) in enumerate(orders):
        own = [row[2] for row in rows if row[3] == f"o{number}"]
        if state == "paid":
            # Half a cent for what is smaller than one, on the one line that has it.
            assert abs(sum(own) - Decimal(amount) / 1000) <= Decimal("0.005")
            assert all(part * amount >= 0 for part in own)
        elif state == "void":
            assert own == []
    if all(repeats for *_, repeats, _ in orders):
        order.shuffle(lines)
        again, shuffled = client.orders(header + "".join(lines), **options)
        assert shuffled == rows
        assert again["revenue_kept"] == review["revenue_kept"]


# --- single rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("张*", True),
        ("t**1", True),
        ("138****0001", True),
        ("***", True),
        ("xxx", True),
        ("#", True),
        ("138xxxx0001", True),
        ("*A12345*", False),
        ("{{customer.id}}", True),
        ("${id}", True),
        ("{3F2504E0-4F89}", False),
        ("maxx", False),
        ("x", False),
        ("#1001", False),
        ("0", False),
    ],
)
def test_masks_name_nobody(value, masked):
    given = f"'{value}'"
    assert duckdb.sql(f"SELECT {nobody(given)}").fetchone() == (masked,)
    assert duckdb.sql(f"SELECT {nobody(given, [value.upper()])}").fetchone() == (True,)


def test_guests_are_never_one_customer_and_optional_ones_are_blank(client):
    data = ORDERS + "0,2024-01-05,1.00,1\nb,2024-01-06,2.00,2\n"
    assert (
        "has a customer_id that names nobody: masked, a placeholder, a total, an unfilled"
        in client.refused(lambda: client.orders(data, guests=["0"]))
    )
    client.write("t.csv", "ticket_id,opened,customer_id\n1,2024-01-05,匿名\n2,2024-01-05,0\n3,2024-01-05,b\n")
    client.write("o.csv", data)
    tables = {
        "transactions": {"path": "o.csv"},
        "tickets": {"path": "t.csv", "options": {"guests": ["0"]}},
    }
    prepared = client.prepare(tables)
    assert prepared.review["match"] == [{"table": "tickets", "base": "transactions", "ids": 1, "matched": 1}]
    assert prepared.review["tables"]["tickets"]["notes"][0] == (
        "customer_id names nobody in 2 rows (masked, or a guest); they count without a customer"
    )


def test_of_several_names_each_must_be_there_and_the_first_filled_counts(client):
    data = "mail,phone,order_date,revenue\na***@x,1,2024-01-05,1.00\nguest,,2024-01-05,2.00\nb@x,3,2024-01-05,3.00\n"
    columns = {"customer_id": ["mail", "phone"]}
    review, rows = client.orders(data, columns=columns, drop_missing_ids=True)
    assert [row[0] for row in rows] == ["1", "b@x"]
    assert review["dropped"] == [{"reason": "shared customer_id", "rows": 1, "revenue": "2"}]
    assert review["notes"][0] == (
        "customer_id is the first filled of several columns, in rows: mail 1, phone 1; in none: 1"
    )
    assert client.refused(lambda: client.orders(data, columns={"customer_id": ["mail", "fone"]})) == (
        "transactions: column 'fone' not found. Columns present: mail, phone, order_date, revenue.\n"
        "    Of several names each must be there: data.transactions.columns in params/acme.yaml."
    )


def test_a_state_that_nothing_is_said_of_stops_the_run(client):
    data = "customer_id,order_date,revenue,s\na,2024-01-05,1.00,ＯＫ\na,2024-01-06,2.00,Pendng\n"
    data += "a,2024-01-07,4.00,\n,,,\n"
    states = {"column": "s", "keep": ["ok"], "drop": ["pending"]}
    assert client.refused(lambda: client.orders(data, states=states)) == (
        "transactions: column 's' has 2 states that nothing is said of: 'Pendng' in 1 rows, '' in 1 rows. "
        "('pending' is named.)\n"
        "    Name each in data.transactions.options.states in params/acme.yaml, under keep, drop or refunded. "
        'A blank one is written as "".'
    )
    review, _ = client.orders(data, states={**states, "drop": ["pendng", ""]})
    assert review["dropped"] == [
        {"reason": "blank row", "rows": 1, "revenue": "0"},
        {"reason": "s: (blank)", "rows": 1, "revenue": "4"},
        {"reason": "s: Pendng", "rows": 1, "revenue": "2"},
    ]
    assert "state 'ok' is in two lists, keep and drop" in client.refused(
        lambda: client.orders(data, states={**states, "drop": ["ok"]})
    )


def test_lines_that_differ_are_not_the_orders(client):
    data = ORDERS + "a,2024-01-05,5.00,o1\na,2024-01-05,7.00,o1\n"
    assert client.refused(lambda: client.orders(data, revenue_per="order")) == (
        "transactions: lines of 1 orders have different amounts in 'revenue' (first: o1: 5.00 and 7.00), so they are "
        "not the order's.\n"
        "    If they are those of the lines: data.transactions.options.revenue_per: line in params/acme.yaml. If two "
        "orders share an id, map order_id to another column."
    )
    assert "Set data.transactions.options.revenue_per: order" in client.refused(
        lambda: client.orders(data, line_value=["revenue"])
    )


# --- whatever the order of the rows ---------------------------------------------------------------

OF_ORDERS = "customer_id,order_date,revenue,order_id,product,w\n"


@pytest.mark.parametrize("options", [{}, {"line_value": ["w"]}], ids=["one line", "shared"])
@pytest.mark.parametrize(
    "lines",
    [
        ["a,9/1/2024,100,1,q,1", "a,31/12/2023,100,1,p,1"],
        ["a,2024-01-09,100,1,q,0", "a,2024-01-01,,1,p,0", "a,2024-01-09,100,1,a,0"],
        ["c,2024-01-03,70,2,r,1", ",2024-01-04,70,2,s,2", "c,,70,2,,2"],
        ["a,2024-01-01,100,1,p,1", "b,2024-01-03,70,1,r,1", "a,,,1,q,3", "b,,70,1,z,2"],
    ],
    ids=["day first", "no worth", "blanks", "shared id"],
)
def test_the_order_of_rows_changes_no_figure_of_an_order(client, lines, options):
    read = [
        client.orders(OF_ORDERS + "\n".join(some) + "\n", revenue_per="order", **options)
        for some in (lines, lines[::-1])
    ]
    assert read[0][1] == read[1][1]
    assert {**read[0][0], "dropped": None, "notes": None} | {"notes_in_parts": None} == {
        **read[1][0],
        "dropped": None,
        "notes": None,
    } | {"notes_in_parts": None}


def test_an_order_has_the_first_of_its_days_by_the_calendar(client):
    data = OF_ORDERS + "a,9/1/2024,100,1,q,1\na,31/12/2023,100,1,p,1\na,31/12/2023,5,2,p,1\n"
    review, rows = client.orders(data, revenue_per="order")
    assert days(rows) == [("a", "2023-12-31", "5.00"), ("a", "2023-12-31", "100.00")]
    assert "1 orders have lines on several days; each counts on the first" in review["notes"]


def test_a_line_of_an_order_that_two_customers_share_is_nobodys(client):
    data = OF_ORDERS + "a,2024-01-01,100,1,p,1\n,2024-01-01,100,1,q,1\nb,2024-01-03,70,1,r,1\n"
    for some in (data, OF_ORDERS + "".join(reversed(data.splitlines(keepends=True)[1:]))):
        review, rows = client.orders(some, revenue_per="order", drop_missing_ids=True)
        assert days(rows) == [("a", "2024-01-01", "100.00"), ("b", "2024-01-03", "70.00")]
        assert review["dropped"] == [{"reason": "no customer_id", "rows": 1, "revenue": "100"}]


# --- two readings ---------------------------------------------------------------------------------


@pytest.mark.parametrize("amounts", [["4.098", "12.500", "7"], ["¥1.250"], ["1.234.567", "2.000"]])
def test_points_that_may_part_thousands_are_asked_about(client, amounts):
    data = ORDERS + "".join(f"a,2024-01-05,{amount},{n}\n" for n, amount in enumerate(amounts))
    words = client.refused(lambda: client.orders(data, client={"currency": "CNY"}))
    assert 'Say which sign is the decimal one: data.transactions.options.decimal: "," or "."' in words
    if amounts[0] == "4.098":
        revenue = {sign: client.orders(data, decimal=sign)[0]["revenue_kept"] for sign in (".", ",")}
        assert revenue == {".": "23.6", ",": "16605"}


@pytest.mark.parametrize(
    "amounts", ["4.098 12.50", "4.098 0.125", "4.098 1,234.500", "4.098 1.2345", "4 1,234"]
)
def test_one_clear_amount_settles_the_decimal_sign(client, amounts):
    lines = [f'a,2024-01-05,"{amount}",{n}\n' for n, amount in enumerate(amounts.split())]
    assert client.orders(ORDERS + "".join(lines))[0]["rows_kept"] == 2


def test_another_column_of_dates_says_which_comes_first(client):
    data = ORDERS.replace("\n", ",shipped\n") + "a,04/05/2024,5.00,1,{}\na,06/05/2024,5.00,2,07/05/2024\n"
    review, rows = client.orders(data.format("25/05/2024"))
    assert [str(row[1].date()) for row in rows] == ["2024-05-04", "2024-05-06"]
    assert review["notes"] == ["order_date: dates read day first, as those of shipped can only be read"]
    for other in ("05/05/2024", "2024-05-25", "25.05.2024"):
        assert "can be read day first or month first in every row" in client.refused(
            lambda other=other: client.orders(data.format(other))
        )


def test_days_are_those_of_the_zone_that_is_asked_for(client):
    data = ORDERS + "a,2024-01-05 20:00:00 {},5.00,1\na,2024-07-05 03:30:00 {},5.00,2\n"

    def read(text, **options):
        review, rows = client.orders(text, **options)
        return [str(row[1]) for row in rows], review["notes"]

    at, told = read(data.format("-0500", "Z"), time_zone="Asia/Shanghai")
    assert at == ["2024-01-06 09:00:00", "2024-07-05 11:30:00"]
    assert told == ["order_date: moments count on the days of Asia/Shanghai"]
    plain = data.replace(" {}", "")
    at, _ = read(plain, time_zone="America/New_York", times_in="UTC")
    assert at == ["2024-01-05 15:00:00", "2024-07-04 23:30:00"]  # winter and summer
    at, told = read(plain, time_zone="Asia/Shanghai")
    assert at == ["2024-01-05 20:00:00", "2024-07-05 03:30:00"]
    assert "2 moments have no offset of their own" in told[-1]
    assert read(plain, times_in="UTC")[1] == [
        "order_date: days are those of UTC; options.time_zone counts those of another place"
    ]
    assert read(data.format("-0500", "Z"))[0] == ["2024-01-05 20:00:00", "2024-07-05 03:30:00"]
    # A day without a clock is that day everywhere.
    day = ORDERS + "a,2024-01-05T00:00:00.000Z,5.00,1\n"
    assert read(day, time_zone="America/New_York")[0] == ["2024-01-05 00:00:00"]
    assert "name their zone 'CST'" in client.refused(
        lambda: read(data.format("CST", "CST"), time_zone="Asia/Shanghai")
    )
    epoch = ORDERS + "a,1704484800,5.00,1\n"
    assert read(epoch, time_zone="Asia/Shanghai")[0] == ["2024-01-06 04:00:00"]


def test_moments_of_parquet_keep_their_zone(client):
    path = client.folder / "o.parquet"
    duckdb.sql(
        "COPY (SELECT 'a' AS customer_id, TIMESTAMPTZ '2024-01-05 20:00:00+00' AS order_date, 5.00 AS revenue) "
        f"TO '{path}' (FORMAT parquet)"
    )
    source = {"path": "o.parquet", "options": {"time_zone": "Asia/Shanghai"}}
    prepared = client.prepare({"transactions": source})
    assert prepared.review["tables"]["transactions"]["first_date"] == "2024-01-06"


# --- the foot of a file ---------------------------------------------------------------------------


def test_lines_below_the_last_row_are_left_out(client):
    data = ORDERS + "a,2024-01-05,5.00,1\na,2024-01-06,5.00,2\n\nSales report\nby Ann\n"
    assert "Those below the last row: data.transactions.options.skip_last_rows." in client.refused(
        lambda: client.orders(data)
    )
    for text in (data, data.removesuffix("\n"), data.replace("\n", "\r\n"), "\ufeff" + data):
        assert client.orders(text, skip_last_rows=3)[0]["rows_in"] == 2
    long = ORDERS + "a,2024-01-05,5.00,1\n" + "odd\n" + "a,2024-01-05,5.00,1\n" * 20
    assert "skip_last_rows" not in client.refused(lambda: client.orders(long))


def test_what_is_left_out_below_is_told_and_never_a_row(client):
    rows = ORDERS + "a,2024-01-05,5.00,1\nb,2024-01-06,236.39,2\n"
    review, *_ = client.orders(rows + "Summe,2024-01-06,241.39,\n", skip_last_rows=1)
    assert review["rows_in"] == 2
    assert "orders.csv: 1 line(s) below the last row left out, first Summe 2024-01-06 241.39" in str(
        review["notes"]
    )
    said = client.refused(lambda: client.orders(rows, skip_last_rows=1))
    assert "is a row like those above: 'b 2024-01-06 236.39 2'" in said
    assert "where only some have such lines" in said


@pytest.mark.parametrize("other", ['Summe,2024-01-02,"3.734,00",', "b,2024-01-02,n.a.,", ".,.,.,."])
def test_what_is_no_amount_settles_no_decimal_sign(client, other):
    data = ORDERS + "a,2024-01-01,1.234,1\nb,2024-01-02,2.500,2\n"
    words = client.refused(lambda: client.orders(data + other + "\n", drop_unreadable=True))
    assert "has 2 values with a point, each with three digits behind it (such as '1.234')" in words
    assert ("and '3.734,00' has a decimal comma" in words) == ("3.734,00" in other)


@pytest.mark.parametrize(
    ("header", "columns", "options", "asked"),
    [
        ("x,net", {"revenue": ["x", "net"]}, {}, "net"),
        ("revenue,kg", {}, {"multiply_by": "kg"}, "kg"),
        ("revenue,back", {}, {"refund_column": "back"}, "back"),
    ],
)
def test_every_column_that_amounts_are_read_from_is_asked_about(client, header, columns, options, asked):
    data = f"customer_id,order_date,{header}\na,2024-01-01,10,1.234\nb,2024-01-02,,2.500\n"
    words = client.refused(lambda: client.orders(data, columns=columns, drop_unreadable=True, **options))
    assert f"column '{asked}' has 2 values with a point" in words


def test_a_comma_before_three_digits_parts_thousands_only_where_it_may(client):
    header = "customer_id,order_date,revenue\n"
    data = header + 'a,2024-01-01,"1,459"\nb,2024-01-02,"2,100"\nb,2024-01-03,7\n'
    review, _ = client.orders(data)
    assert review["revenue_kept"] == "3566"
    assert review["notes"] == [
        "revenue: the comma in 2 values is read as parting thousands, 1,459 as 1459; options.decimal says otherwise"
    ]
    assert client.orders(data, decimal=",")[0]["revenue_kept"] == "10.56"
    assert client.orders(data + 'c,2024-01-03,"1,000,000"\n')[0]["notes"] == []
    # Where semicolons part the columns, or another value has a decimal comma, it may well be one.
    by_semicolon = (
        data.replace(",2024", ";2024")
        .replace('"', "")
        .replace("customer_id,order_date,", "customer_id;order_date;")
    )
    for day in "123":
        by_semicolon = by_semicolon.replace(f"0{day},", f"0{day};")
    assert "has 2 values with a comma" in client.refused(lambda: client.orders(by_semicolon))
    words = client.refused(lambda: client.orders(data + 'c,2024-01-03,"0,389"\n', drop_unreadable=True))
    assert "(such as '1,459'), and '0,389' has a decimal comma: thousands, or decimals?" in words
    assert 'If the comma is a decimal sign: data.transactions.options.decimal: ","' in client.refused(
        lambda: client.orders(header + 'c,2024-01-03,"0,389"\n')
    )


def test_where_every_amount_has_a_comma_before_three_digits_it_may_be_a_decimal_one(client):
    data = 'customer_id,order_date,revenue\na,2024-01-01,"30,024"\nb,2024-01-02,"1,422"\nb,2024-01-03,\n'
    told = client.refused(lambda: client.orders(data, drop_unreadable=True))
    assert (
        "has 2 values with a comma, each with three digits behind it (such as '1,422'): thousands, or" in told
    )
    for sign, kept in ((",", "31.44"), (".", "31446")):
        assert client.orders(data, decimal=sign, drop_unreadable=True)[0]["revenue_kept"] == kept
    # One of less than a thousand shows what the commas are; nothing says nothing.
    assert client.orders(data + "c,2024-01-04,950\n", drop_unreadable=True)[0]["revenue_kept"] == "32396"
    client.refused(lambda: client.orders(data + "c,2024-01-04,0\n", drop_unreadable=True))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_unit_above_or_below_the_header_is_noticed_until_it_is_settled(client, kind):
    header = ["customer_id", "order_date", "revenue"]
    rows = [["a", "2024-01-01", "1.5"], ["b", "2024-01-02", "7"]]

    def reviewed(lines: list[list[str]], **options: object) -> dict:
        if kind == "csv":
            client.write("o.csv", "\n".join(",".join(line) for line in lines) + "\n")
        else:
            with xlsxwriter.Workbook(str(client.folder / "o.xlsx")) as book:
                sheet = book.add_worksheet()
                for number, line in enumerate(lines):
                    sheet.write_row(number, 0, line)
        source = {
            "path": f"o.{kind}",
            "options": {"drop_unreadable": True, "drop_missing_ids": True} | options,
        }
        return client.prepare({"transactions": source}, currency="CNY").review["tables"]["transactions"]

    above = [["销售明细（单位：万元）", "", ""], header, *rows]
    below = [header, ["", "", "（万元）"], *rows]
    for lines, where, skipped in ((above, "above", {"skip_rows": 1}), (below, "below", {})):
        (said,) = reviewed(lines, **skipped)["units"]
        assert said == {"column": "revenue", "unit": "万元", "worth": 10_000, "where": where}
        settled = reviewed(lines, **skipped, units={"revenue": 10_000})
        assert not settled["units"] and settled["revenue_kept"] == "85000"
    assert not reviewed([header, *rows])["units"]


def test_a_negative_number_at_a_negative_price_is_no_purchase(client):
    data = "customer_id,order_date,revenue,n\na,2024-01-01,-5,-2\na,2024-01-01,5,3\n"
    review, rows = client.orders(data, multiply_by="n")
    assert sorted((str(row[2]), row[-1]) for row in rows) == [
        ("-10.00", "loose refund"),
        ("15.00", "purchase"),
    ]
    assert (
        "revenue and n are both below 0 in 1 rows; these count as refunds, not as purchases"
        in review["notes"]
    )


# --- amounts in thousands, or in hundredths -------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "given", "meant"),
    [
        (10_000, "1.234567", "12345.67"),
        (10_000, "0.0049", "49.00"),
        (10_000, "￥2 000.5", "20005000.00"),
        (10_000, "(3.2)", "-32000.00"),
        (10_000, "1.2349995", "12350.00"),  # 12,349.995: half a cent, rounded once
        (10_000, "1.23499949", "12349.99"),
        (0.01, "1999", "19.99"),
        (0.01, "199.5", "2.00"),
        (1_000_000, "1.23456789", "1234567.89"),
        (1_000_000_000, "0.00123456789", "1234567.89"),
        (1000, "1,234.5", "1234500.00"),
    ],
)
def test_an_amount_is_multiplied_by_its_unit_to_the_cent(client, unit, given, meant):
    data = f'customer_id,order_date,revenue\na,2024-01-01,"{given}"\nb,2024-01-02,1\n'
    review, rows = client.orders(data, units={"revenue": unit}, client={"currency": "CNY"})
    assert str(rows[0][2]) == meant and balanced(review)
    shown = f"{unit:,.10g}"
    assert f"revenue: amounts are multiplied by {shown}" in review["notes"]


@pytest.mark.parametrize("kind", ["DOUBLE", "DECIMAL(12,4)", "BIGINT", "VARCHAR"])
def test_a_unit_multiplies_numbers_of_every_type(client, kind):
    duckdb.sql(
        f"COPY (SELECT 'a' AS customer_id, DATE '2024-01-01' AS order_date, CAST(CAST(n AS DECIMAL(12,4)) AS {kind}) "
        f"AS revenue FROM (VALUES (3.0), (12.0)) AS t(n)) TO '{client.folder}/orders.parquet' (FORMAT parquet)"
    )
    made = client.prepare(
        {"transactions": {"path": "orders.parquet", "options": {"units": {"revenue": 1000}}}}
    )
    found = duckdb.sql(f"SELECT revenue FROM '{made.path('transactions')}' ORDER BY 1").fetchall()
    assert [str(revenue) for (revenue,) in found] == ["3000.00", "12000.00"]
    assert balanced(made.review["tables"]["transactions"])


def test_a_unit_of_more_decimals_than_are_kept_is_refused(client):
    data = "customer_id,order_date,revenue\na,2024-01-01,10\n"
    told = client.refused(lambda: client.orders(data, units={"revenue": 7.1234}))
    assert "options.units says 7.1234 for 'revenue': give at most three decimals" in told


def test_a_unit_multiplies_what_was_paid_back_and_the_price_of_one(client):
    data = "customer_id,order_date,price,n,back\na,2024-01-01,1.5,3,0.5\n"
    given = {"columns": {"revenue": "price"}, "multiply_by": "n", "refund_column": "back"}
    for units, meant in (
        ({"price": 100, "back": 100}, "400.00"),
        ({"price": 100}, "449.50"),
        ({"back": 2}, "3.50"),
    ):
        review, rows = client.orders(data, units=units, **given)
        assert [str(row[2]) for row in rows] == [meant] and balanced(review)


def test_what_a_unit_makes_too_large_or_cannot_read_is_found(client):
    header = "customer_id,order_date,revenue\n"
    told = client.refused(
        lambda: client.orders(header + "a,2024-01-01,900000000000\n", units={"revenue": 10_000})
    )
    assert (
        "1 of 1 rows has a revenue that cannot be read (first rows: 1; such as '900000000000 x 10000')"
        in told
    )
    told = client.refused(
        lambda: client.orders(header + "a,2024-01-01,1\nb,2024-01-01,x1\n", units={"revenue": 10_000})
    )
    assert "1 of 2 rows has a revenue that cannot be read (first rows: 2; such as 'x1')" in told
    duckdb.sql(
        f"COPY (SELECT 'a' AS customer_id, DATE '2024-01-01' AS order_date, 9e11 AS revenue) "
        f"TO '{client.folder}/large.parquet' (FORMAT parquet)"
    )
    source = {"path": "large.parquet", "options": {"units": {"revenue": 10_000}}}
    assert "revenue that cannot be read" in client.refused(lambda: client.prepare({"transactions": source}))


def test_a_unit_is_refused_where_amounts_say_their_own_or_there_are_none(client):
    data = "customer_id,order_date,revenue\na,2024-01-01,1.2万\nb,2024-01-02,5\n"
    told = client.refused(lambda: client.orders(data, units={"revenue": 10_000}))
    assert "column 'revenue' has 1 amounts with a unit of their own, such as '1.2万'" in told
    client.write("orders.csv", "customer_id,order_date,revenue\na,2024-01-01,5\n")
    client.write("answers.csv", "customer_id,response_date,nps\na,2024-01-01,9\n")
    tables = {
        "transactions": {"path": "orders.csv"},
        "responses": {"path": "answers.csv", "options": {"units": {"nps": 100}}},
    }
    told = client.refused(lambda: client.prepare(tables))
    assert "responses: options.units names 'nps', and no amount is read from it" in told


def test_amounts_in_two_units_are_multiplied_each_by_its_own_before_the_first_filled_is_taken(client):
    data = "customer_id,order_date,net (T€),gross\na,2024-01-01,1.5,\nb,2024-01-02,,700\n"
    source = {"columns": {"revenue": ["net (T€)", "gross"]}}
    review, rows = client.orders(data, units={"net (T€)": 1000}, **source)
    assert [str(row[2]) for row in rows] == ["1500.00", "700.00"] and balanced(review) and not review["units"]
    assert [each["column"] for each in client.orders(data, **source)[0]["units"]] == ["net (T€)"]


def test_ids_are_filled_up_where_they_are_hashed_too(client):
    client.write("orders.csv", "customer_id,order_date,revenue\n007,2024-01-01,5\n7,2024-01-02,6\n")
    client.write("crm.csv", "customer_id,acquired_date\n7,2023-01-01\n")
    width = {"options": {"id_width": 3}}
    tables = {"transactions": {"path": "orders.csv", **width}, "customers": {"path": "crm.csv", **width}}
    prepared = client.prepare(tables, customer_ids="hashed")
    assert prepared.review["tables"]["transactions"]["n_customers"] == 1
    assert prepared.review["match"][0]["matched"] == 1


def test_a_line_that_is_left_out_is_not_quoted_where_ids_are_hashed(client):
    data = "customer_id,order_date,revenue\na,2024-01-01,5\nSubtotal Zebra17,,5\n"
    client.write("orders.csv", data)
    tables = {"transactions": {"path": "orders.csv", "options": {"skip_last_rows": 1}}}
    for hashed, n in (("plain", 1), ("hashed", 0)):
        notes = client.prepare(tables, customer_ids=hashed).review["tables"]["transactions"]["notes"]
        assert sum("left out" in note for note in notes) == 1
        assert sum("Zebra17" in note for note in notes) == n
