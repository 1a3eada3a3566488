"""Text -> types: amounts and dates in any clothes, and every value that cannot be read found again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cam.data import Prepared
from cam.data.types import expressions as values

FAST = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
HEADER = "customer_id,order_date,revenue\n"
ENGINE = duckdb.connect()


def amount(text: str | None, decimal: str = ".") -> Decimal | None:
    query = f"SELECT {values.number('x', 'VARCHAR', decimal=decimal)} FROM (SELECT ?::VARCHAR AS x)"
    return ENGINE.execute(query, [text]).fetchone()[0]


# --- amounts -------------------------------------------------------------------------------------

PLAIN = [
    ("1234.50", "1234.5"), (" 1234.5 ", "1234.5"), ("1,234.50", "1234.5"), ("1 234.50", "1234.5"),
    ("1\u00a0234.50", "1234.5"), ("1\u202f234.50", "1234.5"), ("1'234.50", "1234.5"), ("1’234.50", "1234.5"),
    ("¥1,234.50", "1234.5"), ("￥１，２３４．５０", "1234.5"), ("1234.5元", "1234.5"), ("CNY 1,234.50", "1234.5"),
    ("1234.50 EUR", "1234.5"), ("US$1,234.50", "1234.5"), ("HK$ 1", "1"), ("€1.5", "1.5"), ("₹1.5", "1.5"), ("£0", "0"),
    ("1.2万", "12000"), ("¥1.5亿", "150000000"), ("3 万元", "30000"), (".5", "0.5"), ("5.", "5"), ("+5", "5"),
    ("1e3", "1000"), ("0.123456", "0.123456"), ("(1,234.50)", "-1234.5"), ("$(1,234.50)", "-1234.5"),
    ("($1,234.50)", "-1234.5"), ("（１２）", "-12"), ("1,234.50-", "-1234.5"), ("12 -", "-12"), ("−12", "-12"),
    ("－12", "-12"), ("-¥5", "-5"), ("¥-5", "-5"), ("- 5", "-5"), ("(1.5万)", "-15000"), ("1,234,567", "1234567"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), PLAIN)
def test_amounts(text, number):
    assert amount(text) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.234,50", "1234.5"), ("12,5", "12.5"), ("1 234,5 €", "1234.5"), ("-3", "-3"), ("(1.234,5)", "-1234.5"),
     ("1.234", "1234"), ("1.234.567", "1234567"), ("5", "5")],
)  # fmt: skip
def test_amounts_with_a_decimal_comma(text, number):
    assert amount(text, ",") == Decimal(number)


UNREADABLE = [
    *(
        "12,5",
        "1,23",
        "12,34",
        "1,2345",
        "1.234,50",
        "1.2.3",
        "5-3",
        "2024-01-05",
        "2024/01/05",
        "--5",
        "(-5)",
        "(5",
        "5)",
    ),
    *(
        "1 2",
        "12 34",
        "5e",
        "e5",
        "0x10",
        "abc",
        "12abc",
        "1.2万3",
        "万",
        "¥",
        "1e400",
        "99999999999999",
        "999999999999亿",
    ),
    *("inf", "NaN%", "10%", "½", "1/2", "٣", "- ", "+", ".", "()", "12:30", "'5", '="5"'),
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_amount_is_not_guessed(text):
    assert amount(text) is None


@pytest.mark.parametrize("text", ["1.5", "12.34", "1,234.50", "1,2,3"])
def test_a_point_is_no_decimal_sign_where_the_comma_is(text):
    assert amount(text, ",") is None


CLOTHES = st.sampled_from(
    [
        "{s}{p}",
        "¥{s}{p}",
        "{s}￥{g}",
        "{s}{g}元",
        "{s}$ {g}",
        "USD {s}{p}",
        "{s}{g} EUR",
        " {s}{g}\u00a0",
        "{s}{n}",
    ]
)


@FAST
@given(cents=st.integers(-(10**11), 10**11), clothes=CLOTHES)
def test_any_amount_in_any_clothes_reads_back(cents, clothes):
    number = Decimal(cents) / 100
    grouped = f"{abs(number):,.2f}"
    parts = {
        "s": "-" if number < 0 else "",
        "p": f"{abs(number):.2f}",
        "g": grouped,
        "n": grouped.replace(",", " "),
    }
    text = clothes.format(**parts)
    assert amount(text) == number
    assert amount(text.translate(str.maketrans("0123456789", "０１２３４５６７８９"))) == number
    swapped = text.translate(str.maketrans(".,", ",."))
    assert amount(swapped, ",") == number
    if number < 0:
        assert amount(f"({grouped})") == amount(f"{grouped}-") == amount(f"$({grouped})") == number


@FAST
@given(text=st.text(max_size=20), decimal=st.sampled_from(".,"))
def test_no_text_breaks_the_engine(text, decimal):
    assume("\0" not in text)
    found = amount(text, decimal)
    assert found is None or abs(found) < 10**12


# --- dates ---------------------------------------------------------------------------------------


def days(client, texts: list[str], **options) -> list[datetime]:
    frame = pd.DataFrame(
        {"customer_id": [f"{n:05d}" for n in range(len(texts))], "order_date": texts, "revenue": 1}
    )
    review, rows = client.orders(frame.to_csv(index=False), **options)
    days.notes = review["notes"]
    return [row[1] for row in rows]


DAY = "2024-03-25"
FORMS = [
    "2024-03-25", "2024/3/25", "2024.03.25", "2024年3月25日", "20240325", "25/03/2024", "25.3.2024", "25-03-2024",
    "25 Mar 2024", "25 March 2024", "25-Mar-2024", "25-Mar-24", "25/03/24", "25.03.24", "03/25/2024", "3/25/2024",
    "03-25-2024", "3/25/24", "Mar 25, 2024", "March 25, 2024",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_forms_of_a_day(client, text):
    assert days(client, [text]) == [datetime(2024, 3, 25)]


@pytest.mark.parametrize(
    "time",
    ["14:05", "14:05:09", "14:05:09.120", "2:05 PM", "2:05:09 PM"],
)
@pytest.mark.parametrize("day", ["2024-03-25", "2024/3/25", "25.3.2024", "3/25/2024", "2024年3月25日"])
def test_a_moment_keeps_its_hour(client, day, time):
    (found,) = days(client, [f"{day} {time}"])
    assert (found.date(), found.hour, found.minute) == (date(2024, 3, 25), 14, 5)


OFFSETS = ["2024-03-25T23:30:00+08:00", "2024-03-25T23:30:00Z", "2024-03-25 23:30:00 +0800", "2024-03-25T23:30:00.5-05",
           "2024-03-25 23:30:00 UTC"]  # fmt: skip


@pytest.mark.parametrize("text", OFFSETS)
def test_a_moment_with_an_offset_keeps_the_day_of_its_place(client, text):
    (found,) = days(client, [text])
    assert found.replace(microsecond=0) == datetime(2024, 3, 25, 23, 30)
    assert days.notes == ["order_date: the clock as it is written, without its offset from UTC"]


@pytest.mark.parametrize(
    ("text", "hour"), [("45376", 0), ("45376.5", 12), ("1711324800", 0), ("1711324800000", 0)]
)
def test_dates_as_numbers(client, text, hour):
    assert days(client, [text]) == [datetime(2024, 3, 25, hour)]
    assert days.notes == ["order_date: dates read from numbers: days of a spreadsheet, or seconds since 1970"]


@FAST
@given(
    found=st.lists(st.dates(date(1970, 1, 1), date(2068, 12, 31)), min_size=1, max_size=6),
    form=st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%Y-%m-%d", "%d.%m.%y", "%m-%d-%y", "%d-%b-%Y", "%Y%m%d"]),
)
def test_dates_in_one_order_read_back_or_are_refused_as_ambiguous(client, found, form):
    if "%y" in form:  # two digits of years far apart could be of two centuries, or days
        found = [day.replace(year=2018, month=1 + day.year % 12) for day in found if day.day <= 28]
        assume(found)
    texts = [day.strftime(form) for day in found]
    swapped = all(day.day <= 12 for day in found) and any(day.day != day.month for day in found)
    if swapped and form in {"%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%m-%d-%y"}:
        words = client.refused(lambda: days(client, texts))
        assert words.startswith(
            "transactions: column 'order_date' can be read day first or month first in every row"
        )
        assert [day.date() for day in days(client, texts, date_format=form)] == found
    else:
        assert [day.date() for day in days(client, texts)] == found


def test_all_rows_decide_not_the_first(client):
    texts = [(date(2024, 1, 1) + timedelta(n % 12)).strftime("%d/%m/%Y") for n in range(2000)] + [
        "25/01/2024"
    ]
    assert days(client, texts)[0] == datetime(2024, 1, 1)
    assert days.notes == ["order_date: dates read day first"]


def test_ambiguous_dates_name_the_column_an_example_and_the_cure(client):
    assert client.refused(lambda: days(client, ["05/06/2024", "07/07/2024"])) == (
        "transactions: column 'order_date' can be read day first or month first in every row (such as '05/06/2024').\n"
        '    Say which: data.transactions.options.date_format: "%d/%m/%Y" or "%m/%d/%Y" in params/acme.yaml.'
    )


FORM = '    If the dates have a form of their own: data.transactions.options.date_format: "%d.%m.%y".'
DROP = "    Drop them with data.transactions.options.{}: true in params/acme.yaml, or fix them at the source."


@pytest.mark.parametrize(
    "text", ["2024-02-30", "2024-13-01", "0000-00-00", "soon", "2024", "24:00", "１2", "99999", "5"]
)
def test_what_is_no_date(client, text):
    assert client.refused(lambda: days(client, ["2024-01-05", text])) == (
        f"transactions: 1 of 2 rows has an order_date that cannot be read (first rows: 2; such as {text!r}).\n"
        + DROP.format("drop_unreadable")
        + "\n"
        + FORM
    )


def test_a_date_before_1900(client):
    assert client.refused(lambda: days(client, ["2024-01-05", "1024-01-05"])) == (
        "transactions: 1 of 2 rows has an order_date outside what is possible (before 1900) "
        "(first rows: 2; such as '1024-01-05').\n" + DROP.format("drop_unreadable")
    )


def test_a_form_that_is_none(client):
    assert client.refused(lambda: days(client, ["2024-01-05"], date_format="%Q")) == (
        "transactions: data.transactions.options.date_format '%Q' is no form of a date.\n"
        '    Write it as in "%d/%m/%Y %H:%M": %d day, %m month, %Y year, %y its last two digits.'
    )


# --- ids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kept"),
    [("007", "007"), ('="007"', "007"), ("'007", "007"), ("1001.0", "1001"), (" a1\t", "a1"), ("客户\u3000", "客户"),
     ("1e5", "1e5"), ("12-34.0", "12-34.0"), ("a b", "a b")],
)  # fmt: skip
def test_ids_are_text_without_what_a_spreadsheet_wrapped_them_in(client, text, kept):
    frame = pd.DataFrame({"customer_id": [text], "order_date": [DAY], "revenue": [1]})
    assert client.orders(frame.to_csv(index=False))[1][0][0] == kept


@pytest.mark.parametrize("text", ["", " ", "-", "NULL", "nan", "None", "N/A", "无", '=""'])
def test_ids_that_say_there_is_none_are_not_one_customer(client, text):
    frame = pd.DataFrame({"customer_id": ["a", text, text], "order_date": [DAY] * 3, "revenue": [1, 1, 1]})
    data = frame.to_csv(index=False)
    assert client.refused(lambda: client.orders(data)) == (
        "transactions: 2 of 3 rows have no customer_id (first rows: 2, 3).\n"
        + DROP.format("drop_missing_ids")
    )
    assert client.orders(data, drop_missing_ids=True)[0]["dropped"] == [
        {"reason": "no customer_id", "rows": 2, "revenue": "2"}
    ]


@pytest.mark.parametrize(
    "text", ["138****0001", "Guest", "ANONYMOUS", "匿名用户", "{{7*7}}", "暂无", "零售客户"]
)
def test_masked_customers_and_guests_are_not_one_customer(client, text):
    data = HEADER + f"a,{DAY},1\n" + f"{text},{DAY},2\n" * 2
    assert client.refused(lambda: client.orders(data)) == (
        "transactions: 2 of 3 rows have a customer_id that names nobody: masked, a placeholder, a total, an unfilled "
        f"template or a guest's (first rows: 2, 3; such as {text!r}).\n" + DROP.format("drop_missing_ids")
    )
    assert client.orders(data, drop_missing_ids=True)[0]["dropped"] == [
        {"reason": "shared customer_id", "rows": 2, "revenue": "4"}
    ]


@pytest.mark.parametrize("text", ["1.93E+15", "1.9e15", "1E+17", "4E+05"])
def test_ids_rounded_by_a_spreadsheet(client, text):
    assert client.refused(lambda: client.orders(HEADER + f"{text},{DAY},1\n" * 2)) == (
        f"transactions: 2 values of 'customer_id' were rounded by a spreadsheet (such as {text}), "
        "so different ids have become one.\n    Export again with that column as text."
    )


@pytest.mark.parametrize("name", ["o.xlsx", "o.parquet"])
def test_ids_of_more_digits_than_a_number_holds(client, name, tmp_path):
    frame = pd.DataFrame({"customer_id": [1234567890123456789.0], "order_date": [DAY], "revenue": [1]})
    if name == "o.parquet":
        frame.to_parquet(tmp_path / "in")
    else:
        import xlsxwriter

        with xlsxwriter.Workbook(tmp_path / "in") as book:
            page = book.add_worksheet()
            page.write_row(0, 0, list(frame.columns))
            page.write_row(1, 0, frame.iloc[0].tolist())
    words = client.refused(lambda: client.orders((tmp_path / "in").read_bytes(), name=name))
    assert "1 values of 'customer_id' were rounded by a spreadsheet (such as 1.2345678901234" in words


# --- columns -------------------------------------------------------------------------------------


def test_missing_columns_are_answered_with_those_present(client):
    data = "CUSTOMER_ID,date,amount,revenu\na,2024-01-05,1,1\n"
    assert client.refused(lambda: client.orders(data)) == (
        "transactions: columns 'customer_id', 'order_date', 'revenue' not found. "
        "Columns present: CUSTOMER_ID, date, amount, revenu.\n"
        "    Did you mean 'CUSTOMER_ID', 'date', 'revenu'?\n"
        "    To map them: data.transactions.columns in params/acme.yaml, as canonical name: source's name."
    )
    assert client.refused(lambda: client.orders(HEADER + "a,2024-01-05,1\n", columns={"cost": "cogs"})) == (
        "transactions: column 'cogs' not found. Columns present: customer_id, order_date, revenue.\n"
        "    To map it: data.transactions.columns in params/acme.yaml, as canonical name: source's name."
    )


def test_a_table_of_other_things_is_no_table_of_orders(client, tmp_path):
    frame = pd.DataFrame({"customer_id": ["a"], "order_date": [DAY], "revenue": [date(2024, 1, 5)]})
    frame.to_parquet(tmp_path / "in")
    assert client.refused(lambda: client.orders((tmp_path / "in").read_bytes(), name="o.parquet")) == (
        "transactions: column 'revenue' holds values of type DATE, not numbers.\n"
        "    Map revenue to another column: data.transactions.columns in params/acme.yaml."
    )


@pytest.mark.parametrize("column", [[b"\x00\xff"], [[1, 2]], [{"a": 1}], [True], [timedelta(1)]])
def test_odd_types_as_attributes_pass_and_as_columns_end_in_a_sentence(client, column, tmp_path):
    frame = pd.DataFrame({"customer_id": ["a"], "order_date": [DAY], "revenue": [1], "odd": column})
    frame.to_parquet(client.folder / "o.parquet")
    odd = {"path": "o.parquet", "columns": {"customer_id": "odd", "order_date": "odd", "revenue": "odd"}}
    assert client.refused(lambda: client.prepare({"transactions": odd})).startswith("transactions: ")
    prepared = client.prepare({"transactions": {"path": "o.parquet"}, "customers": {"path": "o.parquet"}})
    assert "odd" in prepared.review["tables"]["customers"]["columns"]


@pytest.mark.parametrize(
    ("given", "kind", "read"),
    [
        (["45", "7", ""], "BIGINT", [45, 7, None]),
        (["45.0", "7.0", "NA"], "BIGINT", [45, 7, None]),  # as pandas writes whole numbers beside empty ones
        (["-1.5", " 2 ", "0"], "DECIMAL(18,6)", [-1.5, 2, 0]),
        (["01", "02", "03"], "VARCHAR", ["01", "02", "03"]),  # a code, not a number
        (["3", "4", "5+"], "VARCHAR", ["3", "4", "5+"]),
        (["1e5", "2", "7.5e-05"], "DECIMAL(18,6)", [100000, 2, 0.000075]),
        (["0.12345678901234567", "2", "3"], "DECIMAL(18,6)", [0.123457, 2, 3]),  # as pandas writes a float
        (["1e", "2", "3"], "VARCHAR", ["1e", "2", "3"]),
        (["13800138000123", "2", "3"], "VARCHAR", ["13800138000123", "2", "3"]),
        (["", "", ""], "VARCHAR", [None, None, None]),
    ],
)
def test_an_attribute_of_a_text_file_is_a_number_where_every_value_is_one(client, given, kind, read):
    client.write("o.csv", "customer_id,order_date,revenue\na,2026-01-01,1\n")
    lines = [f"{name},{value}" for name, value in zip("abc", given, strict=True)]
    client.write("c.csv", "\n".join(["customer_id,age", *lines]))
    prepared = client.prepare({"transactions": {"path": "o.csv"}, "customers": {"path": "c.csv"}})
    relation = duckdb.sql(f"SELECT age FROM '{prepared.path('customers')}' ORDER BY customer_id")
    assert str(relation.types[0]) == kind
    assert [
        row[0] if isinstance(row[0], str | None) else float(row[0]) for row in relation.fetchall()
    ] == read


def test_whole_numbers_with_gaps_in_a_parquet_file_are_whole_numbers(client):
    frame = pd.DataFrame(
        {"customer_id": list("abc"), "age": [45.0, 7.0, np.nan], "score": [0.5, np.nan, 1.0]}
    )
    frame.to_parquet(client.folder / "c.parquet")
    client.write("o.csv", "customer_id,order_date,revenue\na,2026-01-01,1\n")
    prepared = client.prepare({"transactions": {"path": "o.csv"}, "customers": {"path": "c.parquet"}})
    relation = duckdb.sql(f"SELECT age, score FROM '{prepared.path('customers')}' ORDER BY customer_id")
    assert [str(kind) for kind in relation.types] == ["BIGINT", "DECIMAL(18,6)"]
    assert [row[0] for row in relation.fetchall()] == [45, 7, None]


def test_attributes_may_have_any_name(client):
    names = [
        "_file",
        "_copy",
        "_reason",
        "_exact",
        "_refund",
        "Customer_ID",
        "kind",
        "a b",
        'q"q',
        "select",
        "年龄",
    ]
    header = ",".join(["kunde", *(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in names)])
    client.write("c.csv", header + "\na," + ",".join("x" * len(names)) + "\n")
    client.write("o.csv", HEADER + f"a,{DAY},1\n")
    source = {"path": "c.csv", "columns": {"customer_id": "kunde"}}
    prepared = client.prepare({"transactions": {"path": "o.csv"}, "customers": source})
    assert prepared.review["tables"]["customers"]["columns"] == [
        "customer_id",
        *(name for name in names if name != "Customer_ID"),
    ]
    assert prepared.review["tables"]["customers"]["columns_unused"] == ["Customer_ID"]


def test_all_faults_of_all_tables_at_once(client):
    client.write("o.csv", HEADER + f",{DAY},1\na,never,x\nb,{DAY},12,50\n".replace("12,50", '"12,50"'))
    client.write("r.csv", "response_date,nps\n2024-01-05,11\n2024-01-05,5.5\n,\n")
    tables = {"transactions": {"path": "o.csv"}, "responses": {"path": "r.csv"}}
    assert client.refused(lambda: client.prepare(tables)) == "\n".join(
        [
            "transactions: 1 of 3 rows has no customer_id (first rows: 1).",
            DROP.format("drop_missing_ids"),
            "transactions: 1 of 3 rows has an order_date that cannot be read (first rows: 2; such as 'never').",
            DROP.format("drop_unreadable"),
            FORM,
            "transactions: 2 of 3 rows have a revenue that cannot be read (first rows: 2, 3; such as 'x').",
            DROP.format("drop_unreadable"),
            "responses: 1 of 3 rows has a nps that cannot be read (first rows: 2; such as '5.5').",
            DROP.format("drop_unreadable").replace("transactions", "responses"),
            "responses: 1 of 3 rows has a nps outside 0 to 10 (first rows: 1; such as '11').",
            DROP.format("drop_unreadable").replace("transactions", "responses"),
            "    If the tool numbers the eleven answers from 1: data.responses.options.scales: {nps: [1, 11]}; "
            "if 11 is a slip, {nps: [0, 10]}.",
        ]
    )


def test_a_decimal_comma_is_recognised_and_its_cure_works(client):
    data = "customer_id;order_date;revenue\na;2024-01-05;12,50\nb;2024-01-06;1.234,00\n"
    assert client.refused(lambda: client.orders(data)) == (
        "transactions: 2 of 2 rows have a revenue that cannot be read (first rows: 1, 2; such as '12,50').\n"
        '    If the comma is a decimal sign: data.transactions.options.decimal: ",".\n'
        + DROP.format("drop_unreadable").replace("    Drop", "    If not: drop")
    )
    assert [str(row[2]) for row in client.orders(data, decimal=",")[1]] == ["12.50", "1234.00"]
    assert '\n    If the point is a decimal sign: data.transactions.options.decimal: ".".' in client.refused(
        lambda: client.orders(HEADER + "a,2024-01-05,12.5\n", decimal=",")
    )


# --- currencies ----------------------------------------------------------------------------------

CONVERT = "    Convert them to one at the source, or make one client per currency."
SET = "    Set client.currency in params/acme.yaml, or convert them at the source."


@pytest.mark.parametrize(
    ("amounts", "currency", "words"),
    [
        (["$5", "€5"], "USD", f"transactions: amounts in 2 currencies (EUR, $).\n{CONVERT}"),
        (["USD 5", "5 EUR"], "USD", f"transactions: amounts in 2 currencies (EUR, USD).\n{CONVERT}"),
        (["€5", "€6", "£5"], "EUR", f"transactions: amounts in 2 currencies (EUR, GBP).\n{CONVERT}"),
        (["€5", "€6", "£5"], "GBP", f"transactions: amounts in 2 currencies (EUR, GBP).\n{CONVERT}"),
        (["¥5", "€6"], "CNY", f"transactions: amounts in 2 currencies (EUR, ¥).\n{CONVERT}"),
        (["€5", "5"], "USD", f"transactions: amounts are in EUR, but client.currency is USD.\n{SET}"),
        (["¥5"], "USD", f"transactions: amounts are in ¥, but client.currency is USD.\n{SET}"),
    ],
)
def test_currencies_that_the_amounts_name(client, amounts, currency, words):
    data = HEADER + "".join(f"a,{DAY},{text}\n" for text in amounts)
    assert client.refused(lambda: client.orders(data, client={"currency": currency})) == words


@pytest.mark.parametrize(
    ("amounts", "currency"),
    [(["¥5", "5元", "CNY 5", "RMB5"], "CNY"), (["¥5"], "JPY"), (["$5", "US$5"], "USD"), (["$5"], "HKD")],
)  # fmt: skip
def test_signs_of_one_currency(client, amounts, currency):
    data = HEADER + "".join(f"a,{DAY},{text}\n" for text in amounts)
    assert client.orders(data, client={"currency": currency})[0]["revenue_kept"] == str(5 * len(amounts))


def test_a_column_of_currencies(client):
    data = "customer_id,order_date,revenue,currency\n" + "a,2024-01-05,1,USD\n" * 2 + "a,2024-01-05,1,EUR\n"
    assert client.refused(lambda: client.orders(data)) == (
        f"transactions: amounts in 2 currencies (USD in 2 rows, EUR in 1 rows).\n{CONVERT}"
    )
    assert client.refused(lambda: client.orders(data.replace("USD", "EUR"))) == (
        f"transactions: amounts are in EUR, but client.currency is USD.\n{SET}"
    )
    assert client.orders(data.replace("EUR", "usd"))[0]["rows_kept"] == 3
    assert (
        client.orders(data.replace("USD", "RMB").replace("EUR", "CNY"), client={"currency": "CNY"})[0][
            "rows_kept"
        ]
        == 3
    )


# --- truth values --------------------------------------------------------------------------------


def test_truth_values(client):
    yes, no = ["1", "1.0", "TRUE", "Yes", "y", "是", "已流失"], ["0", "0.0", "false", "No", "n", "否"]
    lines = [f"{index},{text}" for index, text in enumerate([*yes, *no])]
    client.write("s.csv", "customer_id,churned\n" + "\n".join(lines))
    prepared = client.prepare({"snapshot": {"path": "s.csv"}}, as_of="2024-01-05")
    found = duckdb.sql(
        f"SELECT churned FROM '{prepared.path('snapshot')}' ORDER BY customer_id::INT"
    ).fetchall()
    assert [row[0] for row in found] == [True] * len(yes) + [False] * len(no)
    client.write("s.csv", "customer_id,churned\na,maybe\n")
    assert client.refused(lambda: client.prepare({"snapshot": {"path": "s.csv"}}, as_of="2024-01-05")) == (
        "snapshot: 1 of 1 rows has a churned that cannot be read (first rows: 1; such as 'maybe').\n"
        "    Say which words mean yes (1) and which no (0), such as "
        'data.snapshot.options.words: {churned: {"maybe": 1}}.'
    )


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["left", "active", "Left "], None),
        (["流失", "在网", "流失"], None),
        (["2", "1", "2"], {"2": 1, "1": 0}),
        (["1", "", "1"], {"": 0}),
        (["gone", "here", "gone"], {"Gone": 1, "here": 0}),
    ],
)
def test_truth_values_in_words(client, column, words):
    client.write(
        "s.csv", "customer_id,churned\n" + "".join(f"c{n},{each}\n" for n, each in enumerate(column))
    )
    options = {"options": {"words": {"churned": words}}} if words else {}
    prepared = client.prepare({"snapshot": {"path": "s.csv"} | options}, as_of="2024-01-05")
    found = duckdb.sql(f"SELECT churned FROM '{prepared.path('snapshot')}' ORDER BY customer_id").fetchall()
    assert [row[0] for row in found] == [True, False, True]


def test_a_word_for_all_leavers_is_never_dropped(client):
    """To leave out what cannot be read would leave out everybody who left; a few rows of many may go."""
    table = {"snapshot": {"path": "s.csv", "options": {"drop_unreadable": True}}}
    client.write("s.csv", "customer_id,churned\na,gone\nb,0\n")
    said = client.refused(lambda: client.prepare(table, as_of="2024-01-05"))
    assert (
        'data.snapshot.options.words: {churned: {"0": 0, "gone": 1}}' in said
        and "drop_unreadable" not in said
    )
    client.write("s.csv", "customer_id,churned\na,1\nb,\nc,1\n")
    said = client.refused(lambda: client.prepare(table, as_of="2024-01-05"))
    assert 'data.snapshot.options.words: {churned: {"": 0, "1": 1}}' in said
    client.write("s.csv", "customer_id,churned\na,1\nb,0\nc,?\n")
    assert client.prepare(table, as_of="2024-01-05").review["tables"]["snapshot"]["rows_kept"] == 2
    table["snapshot"]["options"] = {"words": {"churned": {"?": 3}}}
    said = client.refused(lambda: client.prepare(table, as_of="2024-01-05"))
    assert "churned is yes (1) or no (0)" in said


# --- what the values say beside their form --------------------------------------------------------


def files(client, **texts: list[str]):
    for name, days_of_it in texts.items():
        rows = "".join(f"c{index},{day},1\n" for index, day in enumerate(days_of_it))
        client.write(f"{name}.csv", "customer_id,order_date,revenue\n" + rows)
    return client.prepare({"transactions": {"path": [f"{name}.csv" for name in texts]}})


def test_each_file_is_asked_for_its_order_of_day_and_month(client):
    notes = files(client, a=["13/01/2024"], b=["03/01/2024"], c=["05/05/2024"]).review["tables"][
        "transactions"
    ]
    assert (
        "order_date: dates of b.csv could be read month first too; read day first as those of a.csv"
        in notes["notes"]
    )
    words = client.refused(lambda: files(client, a=["13/01/2024", "25/02/2024"], b=["03/28/2024"]))
    assert words.startswith(
        "transactions: column 'order_date' of a.csv can only be read day first, that of b.csv only month first."
    )


def test_two_digits_of_a_year_in_front_are_asked_about(client):
    texts = ["24-01-02", "23-05-14", "22-11-30"]
    words = client.refused(lambda: days(client, texts))
    assert "can be read year first, in two digits, or day first, in every row (such as '24-01-02')" in words
    assert [day.year for day in days(client, texts, date_format="%y-%m-%d")] == [2024, 2023, 2022]
    # No day is 32, and the dates of one shop lie in few years.
    assert days(client, ["32-01-02", "31-05-14"]) == [datetime(2032, 1, 2), datetime(2031, 5, 14)]
    assert days(client, ["02-01-24", "14-05-23", "30-11-22"])[0] == datetime(2024, 1, 2)


@pytest.mark.parametrize(
    "texts", [["13/02/2024", "01/02/24", "05/06/68"], ["13/02/24", "14/02/24", "01/02/23", "05/06/68"]]
)
def test_two_digits_that_become_a_year_to_come_are_no_date(client, texts):
    words = client.refused(lambda: days(client, texts))
    assert f"1 of {len(texts)} rows has an order_date that cannot be read" in words
    assert "'05/06/68'" in words


def test_a_day_of_eight_digits_has_eight(client):
    words = client.refused(lambda: days(client, ["20240213", "2024111"]))
    assert "1 of 2 rows has an order_date that cannot be read (first rows: 2; such as '2024111')" in words


def test_moments_of_a_parquet_file_with_a_zone_say_whose_days_count(client):
    frame = pd.DataFrame({"customer_id": ["a"], "revenue": [1.0]})
    frame["order_date"] = pd.to_datetime(["2024-01-02T23:30:00Z"])
    frame.to_parquet(client.folder / "o.parquet")
    review = client.prepare({"transactions": {"path": "o.parquet"}}).review["tables"]["transactions"]
    assert any("moments with a time zone count on the days of UTC" in note for note in review["notes"])


@pytest.mark.parametrize(
    "text",
    [
        *("n/a", "N.A.", "(null)", "undefined", "(not set)", "[redacted]", "Guest User", "Walk-in", "GAST"),
        *("00000000-0000-0000-0000-000000000000", "138-xxxx-0001", "j…@gmail.com", "j...@gmail.com"),
    ],
)
def test_words_of_shops_for_nobody(client, text):
    rows = f"customer_id,order_date,revenue\n{text},2024-01-05,1\nguestav,2024-01-05,1\nnullan,2024-01-05,1\n"
    _, found = client.orders(rows, drop_missing_ids=True)
    assert [row[0] for row in found] == ["guestav", "nullan"]


def test_an_id_that_looks_like_none_and_has_many_rows_is_told(client):
    rows = [*["0"] * 3, *(f"c{index}" for index in range(97)), "9999"]
    text = "".join(f"{name},2024-01-{1 + index % 28:02},1\n" for index, name in enumerate(rows))
    review, _ = client.orders("customer_id,order_date,revenue\n" + text)
    told = [note for note in review["notes"] if "many people" in note]
    assert told == [
        "customer_id 0 has 3 of 101 rows and may stand for many people; "
        "options.guests says that it names nobody"
    ]


def test_a_file_whose_points_may_part_thousands_is_told(client):
    client.write("a.csv", "customer_id,order_date,revenue\na,2024-01-05,10.50\n")
    client.write("b.csv", "customer_id,order_date,revenue\nb,2024-01-05,1.234\n")
    review = client.prepare({"transactions": {"path": "*.csv"}}).review["tables"]["transactions"]
    assert any("each . in b.csv may part thousands too" in note for note in review["notes"])


# --- rounded once ----------------------------------------------------------------------------------

#: What is written, and the cent that is nearest to it; the middle of two goes away from 0.
CENTS = {
    "1000.0149999": "1000.01",
    "-1000.0149999": "-1000.01",
    "1000.015": "1000.02",
    "-1000.0150000001": "-1000.02",
    "0.00499999999999": "0.00",
    "29.989999999999998": "29.99",
    "7.1249996": "7.12",
    "100499.95": "100499.95",
}


def in_clothes(number: str, clothes: str) -> str:
    return {
        "plain": number,
        "euro": f"{number} €",
        "comma": '"' + number.replace(".", ",") + '"',
        "brackets": f"({number[1:]})" if number.startswith("-") else number,
    }[clothes]


@pytest.mark.parametrize("clothes", ["plain", "euro", "comma", "brackets"])
def test_an_amount_is_rounded_once_to_the_cent(client, clothes):
    lines = [f"c{n},2024-01-0{1 + n},{in_clothes(number, clothes)}\n" for n, number in enumerate(CENTS)]
    options = {"decimal": "," if clothes == "comma" else "."}
    _, rows = client.orders(HEADER + "".join(lines), client={"currency": "EUR"}, **options)
    assert [row[2] for row in rows] == [Decimal(cents) for cents in CENTS.values()]


def test_the_decimals_of_a_number_with_an_exponent_stay():
    assert [amount(text) for text in ("1.0049995e5", "1.0049995万")] == [
        Decimal("100499.95"),
        Decimal("10049.995"),
    ]


@pytest.mark.parametrize("kind", ["DOUBLE", "DECIMAL(24, 14)"])
def test_an_amount_of_a_typed_file_is_rounded_once_to_the_cent(client, kind):
    values = ", ".join(f"('c{n}', DATE '2024-01-01', {number}::{kind})" for n, number in enumerate(CENTS))
    path = client.folder / "o.parquet"
    duckdb.sql(f"COPY (FROM (VALUES {values}) AS t(customer_id, order_date, revenue)) TO '{path}'")
    prepared = client.prepare({"transactions": {"path": "o.parquet"}})
    found = duckdb.sql(
        f"SELECT revenue FROM '{prepared.path('transactions')}' ORDER BY customer_id"
    ).fetchall()
    assert [row[0] for row in found] == [Decimal(cents) for cents in CENTS.values()]


def test_an_amount_of_another_table_is_rounded_once_to_the_cent(client):
    client.write("o.csv", "customer_id,order_id,order_date,revenue\na,1,2024-01-01,5000\n")
    client.write("r.csv", "order_id,refund_date,refund\n1,2024-01-02,1000.0149999\n")
    client.write("o2.csv", "customer_id,order_date,price,units\na,2024-01-01,1000.0149999,1\n")
    prepared = client.prepare({"transactions": {"path": "o.csv"}, "refunds": {"path": "r.csv"}})
    assert prepared.review["tables"]["refunds"]["revenue_kept"] == "-1000.01"
    source = {"path": "o2.csv", "columns": {"revenue": "price"}, "options": {"multiply_by": "units"}}
    assert (
        client.prepare({"transactions": source}).review["tables"]["transactions"]["revenue_kept"] == "1000.01"
    )


# --- dates written in two ways ---------------------------------------------------------------------


def dated(form: str, n: int = 40) -> str:
    days = [date(2026, 1 + day % 12, 1 + day % 28) for day in range(n)]
    return HEADER + "".join(f"c{day % 5},{days[day].strftime(form)},1\n" for day in range(n))


ANEW = ", or with the year first, as in 2024-01-31."
FORMS = [
    ("%d/%m/%Y", "%m/%d/%Y", "order_date' of a.csv can only be read day first, that of b.csv only month first.\n"
     "    Export them again in one way" + ANEW),
    ("%Y-%m-%d", "%d.%m.%Y", "The dates of b.csv are written in another way than those of a.csv, and a table has one.\n"
     "    Export them again in one way, or all with the year first, as in 2024-01-31."),
    ("%d.%m.%Y", "%Y-%m-%d", "The dates of a.csv are written in another way than those of b.csv, and a table has one.\n"
     "    Export them again in one way, or all with the year first, as in 2024-01-31."),
]  # fmt: skip


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize(("one", "other", "words"), FORMS)
def test_two_files_with_their_dates_in_two_ways(client, one, other, words, drop):
    client.write("a.csv", dated(one))
    client.write("b.csv", dated(other))
    source = {"path": ["a.csv", "b.csv"], "options": {"drop_unreadable": drop}}
    told = client.refused(lambda: client.prepare({"transactions": source}))
    assert words in told
    assert "drop_unreadable" not in told and "date_format" not in told
    for cure in ([one, one], ["%Y-%m-%d", "%Y-%m-%d"]):
        for name, form in zip(["a.csv", "b.csv"], cure, strict=True):
            client.write(name, dated(form))
        review = client.prepare({"transactions": source}).review["tables"]["transactions"]
        assert (review["rows_kept"], review["first_date"]) == (80, "2026-01-01")


def test_two_files_whose_days_nobody_can_tell_from_months(client):
    client.write("a.csv", HEADER + "a,03/04/2026,1\n")
    client.write("b.csv", HEADER + "a,04/03/2026,1\n")
    told = client.refused(lambda: client.prepare({"transactions": {"path": ["a.csv", "b.csv"]}}))
    assert told.endswith(
        "If the files differ in this, export them again with the year first, as in 2024-01-31."
    )


def test_one_file_with_its_dates_in_two_ways(client):
    both = dated("%d/%m/%Y") + dated("%m/%d/%Y").removeprefix(HEADER)
    told = client.refused(lambda: client.orders(both))
    assert "can only be read day first, such as '13/01/2026', and others only month first" in told
    assert "Export them again in one way, or with the year first" in told
    told = client.refused(lambda: client.orders(both + dated("%d/%m/%Y").removeprefix(HEADER)))
    assert "dates that were read may be wrong too. Export them again in one way" in told


# --- months without a day --------------------------------------------------------------------------

ORDERS = HEADER + f"a,{DAY},1\n"


def spent(client, *months: str) -> Prepared:
    client.write("o.csv", ORDERS)
    client.write("s.csv", "date,channel,cost\n" + "".join(f"{month},Web,5\n" for month in months))
    return client.prepare({"transactions": {"path": "o.csv"}, "spend": {"path": "s.csv"}})


@pytest.mark.parametrize(
    "months",
    [
        ("2023-10", "2024-01"),
        ("2023/10", "2024/1"),
        ("10/2023", "01/2024"),
        ("10.2023", "1.2024"),
        ("Oct 2023", "Jan 2024"),
        ("October 2023", "January 2024"),
        ("Oct-2023", "Jan-2024"),
        ("2023年10月", "2024年1月"),
    ],
)
def test_what_was_spent_in_a_month_counts_on_its_first_day(client, rows_of, months):
    prepared = spent(client, *months)
    assert [row[0] for row in rows_of(prepared, "spend")] == [date(2023, 10, 1), date(2024, 1, 1)]
    told = [str(note) for note in prepared.review["tables"]["spend"]["notes"]]
    assert "date: months without a day, each read as its first day" in told
    told = client.refused(lambda: client.orders(HEADER + "".join(f"a,{month},1\n" for month in months)))
    assert "2 of 2 rows have an order_date that cannot be read" in told


@pytest.mark.parametrize("months", [("2024-01-05", "2024-02"), ("2024-02", "5/1/2024", "2024-01-05")])
def test_months_and_days_in_one_column_are_refused(client, months):
    told = client.refused(lambda: spent(client, *months))
    assert told.startswith("spend: column 'date' has months, such as '2024-02', and days, such as '")
    assert told.endswith("    Write all as months, or all as days: a month counts on its first day.")


@pytest.mark.parametrize("text", ["2024-13", "1/24", "Jan 24", "2024.1", "Foo 2024", "Total"])
def test_what_is_no_month_of_a_year_is_counted(client, text):
    told = client.refused(lambda: spent(client, "2024-01", text))
    assert f"1 of 2 rows has a date that cannot be read (first rows: 2; such as '{text}')" in told


# --- what would be wrong in silence ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "unit"),
    [("金额(万元)", ("万元", 10_000)), ("销售额_千元", ("千元", 1000)), ("金额（分）", ("分", 0.01)),
     ("金额 万", ("万", 10_000)), ("金额(百万元)", ("百万元", 1e6)), ("营收（亿）", ("亿", 1e8)),
     ("Umsatz in TEUR", ("TEUR", 1000)), ("Umsatz (T€)", ("T€", 1000)), ("amount_cents", ("cents", 0.01)),
     ("Revenue ('000)", ("'000", 1000)), ("Sales in thousands", ("thousands", 1000)), ("Umsatz Tsd", ("Tsd", 1000)),
     ("Umsatz Mio EUR", ("Mio", 1e6)), ("Umsatz Mrd.", ("Mrd", 1e9)), ("amount (minor units)", ("minor units", 0.01)),
     ("sales in millions", ("millions", 1e6)), ("Umsatz k€", ("k€", 1000)), ("amount M€", ("M€", 1e6)),
     ("Net Sales (€k)", ("€k", 1000)), ("Revenue in k", ("k", 1000)), ("$M", ("$M", 1e6)),
     ("Cost (k USD)", ("k USD", 1000)),
     ("€ in", None), ("revenue", None), ("金额", None), ("Absatzsumme", None),
     ("Amount 2000", None), ("percentage", None), ("分店金额", None), ("万达金额", None), ("Amt $", None)],
)  # fmt: skip
def test_a_column_that_names_a_unit_is_told(client, name, unit):
    data = f"customer_id,order_date,{name}\na,{DAY},1.5\n"
    review, _ = client.orders(data, columns={"revenue": name})
    wanted = [{"column": name, "unit": unit[0], "worth": unit[1], "where": "name"}] if unit else []
    assert review["units"] == wanted and review["revenue_kept"] == "1.5"
    review, _ = client.orders(data, columns={"revenue": name}, units={name: 1})
    assert review["units"] == [] and review["revenue_kept"] == "1.5"


def test_ids_that_one_file_of_several_has_without_their_zeros(client):
    client.write("a.csv", HEADER + f"007,{DAY},1\n0120,{DAY},1\n9,{DAY},1\n")
    client.write("b.csv", HEADER + f"7,{DAY},1\n120,{DAY},1\n5,{DAY},1\n")
    source = {"path": ["a.csv", "b.csv"]}

    def found(**given):
        prepared = client.prepare({"transactions": source}, **given)
        return prepared.review["tables"]["transactions"]["without_zeros"]

    assert found() == {"n": 2, "width": 4, "long": "0120", "short": "120"}
    assert found(customer_ids="hashed") == {
        "n": 2,
        "width": 4,
    }  # the report says so, and must show nobody's id
    client.write("b.csv", HEADER + f"010,{DAY},1\n")
    assert found() is None
    client.write(
        "a.csv", HEADER + f"007,{DAY},1\n7,{DAY},1\n"
    )  # both in one file, as where two were put together
    assert found() == {"n": 1, "width": 3, "long": "007", "short": "7"}
