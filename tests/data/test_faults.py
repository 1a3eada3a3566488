"""Faults of a table: the cure that is told is one."""

from __future__ import annotations

import pytest

HEADER = "customer_id,order_date,revenue\n"


def orders(ids: list[str]) -> str:
    return "customer_id,order_date,revenue\n" + "".join(f"{who},2024-01-05,1\n" for who in ids)


@pytest.mark.parametrize(
    ("masked", "cure"), [("138****0001", "ids that are not masked"), ("", "their customer_id")]
)
@pytest.mark.parametrize(("n", "left"), [(0, "none"), (2, "no more than 2 of 20")])
def test_rows_are_not_to_be_dropped_where_hardly_any_would_be_left(client, masked, cure, n, left) -> None:
    ids = [f"c{k}" for k in range(n)] + [masked] * (20 - n)
    text = client.refused(lambda: client.orders(orders(ids)))
    assert "drop_missing_ids" not in text
    assert text.endswith(
        f"    To drop them would leave {left}. Export them with {cure}, or map another column that says it:\n"
        "    data.transactions.columns.customer_id in params/acme.yaml."
    )


def test_rows_may_be_dropped_where_enough_are_left(client) -> None:
    ids = [f"c{k}" for k in range(3)] + [""] * 17
    assert "drop_missing_ids: true" in client.refused(lambda: client.orders(orders(ids)))


@pytest.mark.parametrize(
    ("revenue", "is_told"), [("4898911679901", True), ("999999999999", None), ("much", False)]
)
def test_an_amount_without_room_is_told_its_limit(client, revenue, is_told) -> None:
    text = f"customer_id,order_date,revenue\nc1,2024-01-05,{revenue}\nc2,2024-01-05,1\n"
    if is_told is None:
        client.orders(text)
    else:
        told = client.refused(lambda: client.orders(text))
        assert ("Numbers of 1,000,000,000,000 and more have no room" in told) is is_told
        # To drop them would leave out the largest: that stands second.
        assert told.split("\n")[1].startswith("    Numbers of 1,000,000,000,000") is is_told


@pytest.mark.parametrize("mark", ["", "$"])
def test_a_price_times_a_quantity_without_room_is_told_the_limit(client, mark) -> None:
    text = f"customer_id,order_date,revenue,n\nc1,2024-01-05,{mark}1000000,1000000\nc2,2024-01-05,1,1\n"
    told = client.refused(lambda: client.orders(text, multiply_by="n"))
    assert (
        f"1 row has a product of 'revenue' and 'n' that is too large, such as '{mark}1000000 x 1000000'"
        in told
    )
    assert "Numbers of 1,000,000,000,000 and more have no room" in told


@pytest.mark.parametrize(
    ("days", "n", "each", "told"),
    [
        (
            1,
            2,
            "600000000000",
            "'c1' on 2024-01-01 come to 1,200,000,000,000, refunds added and not subtracted. 1,000,000,000,000 and",
        ),
        (1, 2, "499999999999.99", None),
        (
            100,
            1,
            "900000000000",
            "'c1' come to 90,000,000,000,000, refunds added and not subtracted. 90,000,000,000,000 and",
        ),
        (99, 1, "900000000000", None),
    ],
)
def test_a_customer_whose_amounts_cannot_be_summed_to_the_cent_is_named(client, days, n, each, told) -> None:
    """Before any study: the engine's own words are of a column that no reader has."""
    dates = [f"2024-{1 + k // 28:02d}-{1 + k % 28:02d}" for k in range(days)]
    text = HEADER + "".join(f"c1,{day},{each}\nc2,{day},{each}\n" for day in dates for _ in range(n))
    if told:
        said = client.refused(lambda: client.orders(text))
        assert told in said and "thousands or millions" in said
        assert "options.guests" in said and "drop_missing_ids: true" in said and "params/acme.yaml" in said
        assert "options.units" not in said
        # What it tells is a cure.
        text += "c3,2024-01-05,1\n"
        review, _ = client.orders(text, guests=["c1", "c2"], drop_missing_ids=True)
        assert review["rows_kept"] == 1
    else:
        client.orders(text)


@pytest.mark.parametrize("mark", ["", "$"])
def test_products_of_large_amounts_are_exact(client, mark) -> None:
    """The engine's own product of two numbers of six decimals has no room from a million on."""
    text = f"customer_id,order_id,order_date,revenue,n\nc1,a,2024-01-05,{mark}500000.25,30000\n"
    review, _ = client.orders(text + f"c1,b,2024-01-05,{mark}7,1\n", multiply_by="n")
    assert review["revenue_kept"] == "15000007507"
    head = "customer_id,order_id,order_date,revenue,price,n\n"
    lines = [f"c1,a,2024-01-05,{mark}450000000000.03,{price},2000" for price in (150_000_000, 75_000_000)]
    _, rows = client.orders(head + "\n".join(lines), revenue_per="order", line_value=["price", "n"])
    assert sorted(str(row[2]) for row in rows) == ["150000000000.01", "300000000000.02"]


def test_words_in_most_cells_of_an_amount_are_named_before_rows_are_dropped(client) -> None:
    """To drop them would leave out the orders that nobody has asked to pay back."""
    back = ["无退款申请"] * 17 + ["5.00", "x", ""]
    text = "customer_id,order_date,revenue,back\n"
    text += "".join(f"c{k},2024-01-05,10,{said}\n" for k, said in enumerate(back))
    told = client.refused(lambda: client.orders(text, refund_column="back", blanks=["?"]))
    assert told.split("\n")[1:] == [
        "    If '无退款申请' says that there is none: data.transactions.options.blanks: "
        '["?", "无退款申请"] in params/acme.yaml.',
        "    If not: drop them with data.transactions.options.drop_unreadable: true in params/acme.yaml, "
        "or fix them at the source.",
    ]
    # What is left is no word that most have; and an order without revenue is not cured by a blank.
    rest = client.refused(lambda: client.orders(text, refund_column="back", blanks=["无退款申请"]))
    assert "1 of 20 rows has" in rest and "blanks" not in rest
    review, rows = client.orders(text, refund_column="back", blanks=["无退款申请", "X"])
    assert (len(rows), review["revenue_kept"]) == (20, "195")
    assert "blanks" not in client.refused(
        lambda: client.orders(orders(["a", "b"]).replace(",1\n", ",free\n"))
    )


@pytest.mark.parametrize("name", ["合计", "合 计：", "Total", "grand total", "Summe", "Sub-Total:", "小计"])
def test_a_row_of_sums_is_no_customer(client, name) -> None:
    data = HEADER + "".join(f"c{n},2024-01-0{1 + n},5\n" for n in range(5))
    told = client.refused(lambda: client.orders(data + f"{name},2024-01-31,25\n"))
    assert "1 of 6 rows has a customer_id that names nobody: masked, a placeholder, a total," in told
    masked = f"{name},2024-01-31,25\nguest,2024-01-31,2\n"
    review, rows = client.orders(data + masked, drop_missing_ids=True)
    assert (len(rows), review["revenue_kept"]) == (5, "25")
    assert review["dropped"] == [
        {"reason": "row of sums", "rows": 1, "revenue": "25"},
        {"reason": "shared customer_id", "rows": 1, "revenue": "2"},
    ]


def test_a_customer_with_such_a_word_in_its_name_is_one(client) -> None:
    data = HEADER + "".join(f"{name},2024-01-01,5\n" for name in ("Total Wines", "合计科技", "Summer"))
    assert len(client.orders(data)[1]) == 3


@pytest.mark.parametrize("name", ["总计", "Total"])
def test_a_total_of_channels_is_no_channel(client, name) -> None:
    client.write("o.csv", HEADER + "a,2024-12-01,5\n")
    costs = "".join(f"2024-0{month}-01,search,3\n2024-0{month}-01,social,4\n" for month in (1, 2, 3))
    totals = "".join(f"2024-0{month}-01,{name},7\n" for month in (1, 2, 3))
    tables = {"transactions": {"path": "o.csv"}, "spend": {"path": "s.csv"}}
    client.write("s.csv", "date,channel,cost\n" + costs + totals)
    assert client.refused(lambda: client.prepare(tables)) == (
        f"spend: 3 of 9 rows have the channel '{name}' beside other channels of the same date (first rows: 7, 8, 9).\n"
        "    Such rows would count everything twice. Leave rows of sums out at the source."
    )
    for others in (
        "",
        costs.replace(",3", ",30"),
    ):  # nobody has parted the costs; or Total is a channel of its own
        client.write("s.csv", "date,channel,cost\n" + others + totals)
        kept = client.prepare(tables).review["tables"]["spend"]["rows_kept"]
        assert kept == 3 + others.count("\n")


@pytest.mark.parametrize("options", [{}, {"revenue_per": "line"}])
@pytest.mark.parametrize("name", ["小计", "Total"])
def test_a_sum_of_what_a_customer_bought_is_no_product(client, name, options) -> None:
    header = "customer_id,order_id,order_date,product,revenue\n"
    bought = [f"c{n},O{n},2024-01-{1 + n % 28:02d}" for n in range(40)]
    data = "".join(f"{one},tea,5.25\n{one},cup,6\n{one},{name},11.25\n" for one in bought)
    columns = {"customer_id": "customer_id"}
    assert client.refused(lambda: client.orders(header + data, columns=columns, **options)) == (
        f"transactions: 40 of 120 rows have the product '{name}' beside other rows of the same customer and day, "
        "and their sum (first rows: 3, 6, 9).\n"
        "    Such rows would count everything twice. Leave rows of sums out at the source."
    )
    brand = data.replace("11.25", "9.99")  # a brand of that name
    assert client.orders(header + brand, columns=columns, **options)[0]["rows_kept"] == 120


@pytest.mark.parametrize("name", ["{} Total", "{}小计", "{} - Summe:", "Total {}", "{} Ergebnis"])
@pytest.mark.parametrize(
    "spoilt", ["", " "]
)  # blanks that are taken off: then no customers were told apart yet
def test_a_customer_with_a_name_of_sums_and_the_sum_of_another_is_no_customer(client, name, spoilt) -> None:
    ids = [f"C{k}" for k in range(30)]
    rows = "".join(f"{who},2024-01-0{day},{day}.25,x{spoilt}\n" for who in ids for day in (1, 2, 3))
    sums = "".join(f"{name.format(who)},2024-01-31,6.75,x\n" for who in ids)
    header = "customer_id,order_date,revenue,product\n"
    assert client.refused(lambda: client.orders(header + rows + sums)) == (
        "transactions: 30 of 120 rows have a customer_id that is another one with a name of sums, such as "
        f"'{name.format('C0')}', and the sum of that customer's rows (first rows: 91, 92, 93).\n"
        "    Such rows would count the customers and all they bought twice. Leave rows of sums out at the source."
    )
    # Customers of such names who bought other things are some.
    review, _ = client.orders(header + rows + sums.replace("6.75", "6.50"))
    assert review["rows_kept"] == 120


def test_many_rows_are_asked_for_names_of_sums_by_their_last_sign(client, monkeypatch) -> None:
    monkeypatch.setattr("cam.data.faults._MANY_ROWS", 3)
    rows = "".join(f"C{k},2024-01-01,5,x \nC{k} Total,2024-01-31,5,x\n" for k in range(9))
    header = "customer_id,order_date,revenue,product\n"
    assert "9 of 18 rows have a customer_id that is" in client.refused(lambda: client.orders(header + rows))


def test_the_cure_for_a_few_customers_that_are_sums_is_one(client) -> None:
    data = orders(["a", "a", "b"]) + "a Total,2024-01-31,2\n"
    told = client.refused(lambda: client.orders(data))
    assert "1 of 4 rows has a customer_id that is another one with a name of sums, such as 'a Total'," in told
    assert told.endswith(
        'or with data.transactions.options.guests: ["a Total"] and data.transactions.options.drop_missing_ids: true '
        "in params/acme.yaml."
    )
    review, _ = client.orders(data, guests=["a Total"], drop_missing_ids=True)
    assert (review["rows_kept"], review["revenue_kept"]) == (3, "3")
    # Where ids are not to be shown, none is.
    hidden = client.refused(lambda: client.orders(data, client={"customer_ids": "hashed"}))
    assert "a Total" not in hidden and "(first rows: 4)" in hidden


def test_a_word_for_no_end_is_named_before_contracts_are_dropped(client) -> None:
    rows = "".join(f"c{n},2023-01-{1 + n % 28:02d},{'至今' if n % 2 else '2023-12-31'}\n" for n in range(40))
    client.write("k.csv", "customer_id,start_date,end_date\n" + rows)
    told = client.refused(lambda: client.prepare({"contracts": {"path": "k.csv"}}))
    assert "    If '至今' says that there is none: data.contracts.options.blanks: [\"至今\"]" in told
    assert "    If not: drop them with" in told
    source = {"path": "k.csv", "options": {"blanks": ["至今"]}}
    made = client.prepare({"contracts": source})
    assert made.review["tables"]["contracts"]["rows_kept"] == 40
