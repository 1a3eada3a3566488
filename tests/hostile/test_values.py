"""Values that no clock, till or calendar has written, and odd tables: refused with their row, or read right."""

from __future__ import annotations

from typing import Any

import pytest
from hostile.room import GOOD, HEADER, Room, ends, source


def row(customer: str = "c", day: str = "2024-04-01", revenue: str = "5.00") -> str:
    return GOOD + f"{customer},{day},{revenue}\n"


CURE = r"source|date_format|drop_|as_of|columns|Export"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(row(revenue="1e308"), ("revenue", "rows: 4", "1e308"), id="an amount of 1e308"),
        pytest.param(row(revenue="1e9999"), ("revenue", "rows: 4"), id="an amount of 1e9999"),
        pytest.param(row(revenue="9" * 19), ("revenue", "rows: 4"), id="an amount of 19 digits"),
        pytest.param(row(revenue="9" * 40), ("revenue", "rows: 4"), id="an amount of 40 digits"),
        pytest.param(row(revenue="9" * 5000), ("revenue", "rows: 4"), id="an amount of 5,000 digits"),
        pytest.param(row(revenue="Infinity"), ("revenue", "rows: 4", "Infinity"), id="an endless amount"),
        pytest.param(row(revenue="-inf"), ("revenue", "rows: 4"), id="an endless debt"),
        pytest.param(row(revenue="NaN"), ("revenue", "rows: 4"), id="no number"),
        pytest.param(row(revenue="0x1F"), ("revenue", "rows: 4"), id="a number of a programmer"),
        pytest.param(row(revenue="twelve"), ("revenue", "rows: 4", "twelve"), id="a number in words"),
        pytest.param(row(revenue="=SUM(A1:A3)"), ("revenue", "rows: 4", "=SUM"), id="a formula as an amount"),
        pytest.param(row(revenue="#REF!"), ("revenue", "rows: 4", "#REF!"), id="an error as an amount"),
        pytest.param(row(revenue="--5"), ("revenue", "rows: 4"), id="two signs"),
        pytest.param(row(revenue="5.00.00"), ("revenue", "rows: 4"), id="two points"),
        pytest.param(
            row(revenue="$5") + "d,2024-04-01,€5\n",
            ("€|EUR|currenc", "columns|currency"),
            id="two currencies",
        ),
        pytest.param(row(day="0202-04-01"), ("order_date", "rows: 4", "0202"), id="the year 0202"),
        pytest.param(row(day="0001-01-01"), ("order_date", "rows: 4"), id="the year 1"),
        pytest.param(row(day="2024-02-31"), ("order_date", "rows: 4", "2024-02-31"), id="31 February"),
        pytest.param(row(day="2023-02-29"), ("order_date", "rows: 4"), id="29 February of no leap year"),
        pytest.param(row(day="2024-13-01"), ("order_date", "rows: 4"), id="month 13"),
        pytest.param(row(day="0000-00-00"), ("order_date", "rows: 4"), id="the zero date of MySQL"),
        pytest.param(row(day="10000-01-01"), ("order_date", "rows: 4"), id="the year 10000"),
        pytest.param(row(day="290000-01-01 00:00"), ("order_date", "rows: 4"), id="the year 290000"),
        pytest.param(row(day="infinity"), ("order_date", "rows: 4"), id="the end of days"),
        pytest.param(row(day="now"), ("order_date", "rows: 4"), id="now"),
        pytest.param(row(day="2024-04-01T25:61:61"), ("order_date", "rows: 4"), id="hour 25"),
        pytest.param(row(day="yesterday"), ("order_date", "rows: 4"), id="yesterday"),
        pytest.param(
            row(customer="1.93E+15"), ("customer_id", "rounded", "as text"), id="an id in powers of ten"
        ),
        pytest.param(row(customer=""), ("customer_id", "rows: 4"), id="no customer"),
        pytest.param(row(customer="#REF!"), ("customer_id", "rows: 4"), id="an error as a customer"),
        pytest.param(row(customer="138****0001"), ("customer_id", "rows: 4"), id="a masked customer"),
        pytest.param(
            row(customer="\u200b\ufeff"), ("customer_id", "rows: 4"), id="a customer of invisible signs"
        ),
        pytest.param(
            HEADER + "a,03/04/2024,1\nb,05/06/2024,2\n", ("order_date", "date_format"), id="days or months"
        ),
        *(
            pytest.param(row(customer=sign), ("customer_id", "rows: 4"), id=f"a customer {sign!r}")
            for sign in (
                "－",
                "——",
                "／",
                "ＮＵＬＬ",
                "ｎｕｌｌ",
                "Ｎ／Ａ",
                "ｇｕｅｓｔ",
                "１３８＊＊＊＊０００１",
            )
        ),
        *(
            pytest.param(row(customer=sign), ("customer_id", "rows: 4"), id=f"a customer of {sign!a}")
            for sign in ("\u2003", "\u2002\u2009", "\x0c", "\u200e", "\u2028", "\x85")
        ),
        pytest.param(
            row(customer="１．９３Ｅ＋１５"),
            ("customer_id", "rounded", "as text"),
            id="a wide id in powers of ten",
        ),
        pytest.param(
            HEADER.replace("\n", ",_CAM_why\n") + "a,2024-01-05,10.00,x\n",
            ("_CAM_why", "Rename"),
            id="our names",
        ),
    ],
)
def test_values_that_are_refused(room: Room, text: str, words: tuple[str, ...]) -> None:
    ends(room, source(room.write(text)), 3, "transactions", *words, CURE)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(row(revenue="-0.00"), (r"35\.50?",), id="minus zero"),
        pytest.param(row(revenue="1_000"), ("1,?035.50",), id="a number of a programmer with a gap"),
        pytest.param(row(revenue="-5"), (r"30\.50?",), id="a debt"),
        pytest.param(row(revenue="９９．５０"), (r"\b135\b",), id="full-width digits"),
        pytest.param(row(day="9999-12-31"), ("9999", "alone|after|future|last day"), id="the year 9999"),
        pytest.param(row(day="2999-01-01"), ("2999", "alone|after|future|last day"), id="the far future"),
        pytest.param(row(day="1970-01-01"), ("1970-01-01|4 ",), id="the first day of computers"),
        pytest.param(row(customer='"=""00123"""'), (r"\b4\b",), id="an id in a formula"),
        pytest.param(row(customer="c" * 100_000), (r"\b4\b",), id="an id of 100,000 signs"),
        pytest.param(HEADER + "a,2024-01-05,1\n", (r"\b1\b",), id="one row"),
        pytest.param(HEADER + "a,2024-01-05,1\n" * 5000, ("copies|duplicate",), id="one row 5,000 times"),
        pytest.param(
            HEADER + "".join(f"a,2024-0{n},1\n" for n in ("1-05", "2-05")), (r"\b2\b",), id="one customer"
        ),
        pytest.param(HEADER + "a,2024-01-05,0\nb,2024-01-06,0\n", (r"\b2\b",), id="all for nothing"),
        pytest.param(HEADER + "a,2024-01-05,-1\nb,2024-01-06,-2\n", (r"\b2\b",), id="all refunds"),
        pytest.param(
            HEADER + "a,2024-01-05,-1\na,2024-01-06,1\n", (r"\b2\b",), id="a refund before its purchase"
        ),
    ],
)
def test_values_that_are_read(room: Room, text: str, words: tuple[str, ...]) -> None:
    ends(room, source(room.write(text)), 0, *words)


@pytest.mark.parametrize("zero", ["0", "-1", "99999999999999999"])
def test_moments_counted_from_1970(room: Room, zero: str) -> None:
    text = HEADER + f"a,{zero},1\nb,{zero},1\n"
    ends(room, source(room.write(text)), 3, "order_date", "rows: 1", CURE)


def test_two_currencies_in_a_column(room: Room) -> None:
    text = "customer_id,order_date,revenue,currency\na,2024-01-05,1,USD\nb,2024-01-06,1,CNY\n"
    ends(room, source(room.write(text)), 3, "currency", "CNY", "USD", "data|currency")


def test_drop_unreadable_drops_and_counts(room: Room) -> None:
    text = row(revenue="1e308") + "d,0202-01-01,1\ne,2024-02-31,1\n"
    ends(room, source(room.write(text), drop_unreadable=True), 0, r"\b6\b.*\b3\b.*\b3\b")


def test_nothing_left_when_all_is_dropped(room: Room) -> None:
    text = HEADER + "a,0202-01-01,1\nb,2024-02-31,1\n"
    ends(room, source(room.write(text), drop_unreadable=True), 3, "all 2 rows|no date", "as_of|source")


@pytest.mark.slow
def test_a_million_customers_of_one_order(room: Room) -> None:
    text = HEADER + "".join(f"c{n},2024-0{1 + n % 9}-05,{n % 97}\n" for n in range(1_000_000))
    ends(room, source(room.write(text)), 0, "1,?000,?000")


ODD: dict[str, str] = {
    "one customer": "".join(f"a,2024-0{n}-05,{n}\n" for n in range(1, 9)),
    "one day": "".join(f"c{n},2024-01-05,{n}\n" for n in range(200)),
    "all for nothing": "".join(f"c{n % 40},2024-0{1 + n % 9}-05,0\n" for n in range(200)),
    "all refunds": "".join(f"c{n % 40},2024-0{1 + n % 9}-05,-{n + 1}\n" for n in range(200)),
    "refunds first": "".join(
        f"c{n % 40},2024-0{1 + n // 100}-05,{-5 if n < 100 else 9}\n" for n in range(200)
    ),
    "one amount is all": "".join(f"c{n % 40},2024-0{1 + n % 9}-05,1\n" for n in range(200))
    + "w,2024-05-05,99999999999\n",
    "one row": "a,2024-01-05,1\n",
    "commands and formulas": "".join(
        f"{name},2024-0{n}-05,{n}\n"
        for name in ("=cmd|' /C calc'!A0", "'; DROP TABLE x; --", "👩‍👧")
        for n in range(1, 9)
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_reports_of_odd_tables(room: Room, name: str) -> None:
    path = room.params(source(room.write(HEADER + ODD[name])))
    outcome = room.cam("report", path, "--study", "01_segmentation", "--out", room.folder / "out", limit=90)
    assert outcome.code == 0, outcome.told
    page = (room.folder / "out" / "acme" / "01_segmentation.html").read_text()
    assert "Traceback" not in page
    for word in (">nan<", ">NaN<", ">inf<", ">None<", " nan ", "−inf"):
        assert word not in page, word


def test_no_room_for_anything(room: Room) -> None:
    sections: dict[str, Any] = source(room.write(GOOD), names=["a", "b"])
    ends(room, sections, 3, "orders.csv", "3 columns", r"options\.names gives 2")
