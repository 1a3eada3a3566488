"""A canonical table in any clothes is read back equal: encodings, delimiters, quotes, ids, money, dates, blanks.

Hypothesis draws the table first and then what each export might do to it. Nothing is drawn that two readers could
read in two ways: where clothes alone leave a doubt, the evidence (a day above 12) or the option that settles it is
drawn with them. Real ambiguities are refused elsewhere, by tests of their own.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cam.data import prepare
from cam.params import params_from_sections

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
#: To make an example smaller takes minutes here, and none has more than a few rows.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
FAST = settings(max_examples=15, deadline=None, suppress_health_check=QUIET, phases=PHASES)
DEEP = settings(FAST, max_examples=400)

# --- what is written -------------------------------------------------------------------------------

#: Common signs, those that a delimited file must quote, signs of four bytes, and one that is two words to Unicode.
SIGNS = "abcXYZ 059.,;|\t\n\"'=()-—%#@/\\:?!äéñß京东订单客户满意度很好。，（）￥🙂"
PROSE = st.text(SIGNS, min_size=1, max_size=14).map(lambda text: text.strip(" \t\n")).filter(bool)
#: An id as systems make them: digits that may begin with 0 or be too long for a float, codes, names.
PLAIN_IDS = st.one_of(
    st.integers(0, 99_999).map(lambda n: f"{n:05d}"),
    st.integers(10**17, 10**19 - 1).map(str),
    st.from_regex(r"[A-Z]{1,3}-[0-9]{1,6}", fullmatch=True),
    st.text("京东订单客户张三", min_size=2, max_size=5),
)
MONEY = st.integers(-5_000_000_00, 5_000_000_00).map(lambda cents: Decimal(cents).scaleb(-2))
DAYS = st.dates(date(2002, 1, 1), date(2035, 12, 31))
MOMENTS = st.builds(
    lambda day, second: datetime(day.year, day.month, day.day) + timedelta(seconds=second),
    DAYS,
    st.integers(0, 86_399),
)

# --- clothes of one value --------------------------------------------------------------------------

BLANKS = ["", " ", "-", "--", "—", "NA", "N/A", "#N/A", "NULL", "null", "None", "nan", "空", "无", "\u3000"]
FULL = str.maketrans("0123456789.,-()", "０１２３４５６７８９．，－（）")


def id_clothes(text: str, draw: Any) -> str:
    forms = [text, text, f'="{text}"', f"'{text}", f"{text}\t", f" {text}\u3000", f"\u00a0{text}"]
    if text.isdigit():
        forms.append(f"{text}.0")
    return draw(st.sampled_from(forms))


def grouped(whole: str, sign: str) -> str:
    return f"{int(whole):,}".replace(",", sign)


def money_clothes(amount: Decimal, decimal: str, draw: Any) -> str:
    """An amount with its thousands, sign, currency and width as some export writes them; always with its cents."""
    whole, cents = f"{abs(amount):.2f}".split(".")
    point, groups = (
        (".", [",", " ", "'", "\u00a0", "\u202f", "’", ""]) if decimal == "." else (",", [".", " ", ""])
    )
    digits = f"{grouped(whole, draw(st.sampled_from(groups)))}{point}{cents}"
    if draw(st.integers(0, 7)) == 0:  # in tens of thousands
        digits = f"{abs(amount) / 10_000:.6f}".replace(".", point) + draw(st.sampled_from(["万", " 万"]))
        digits += draw(st.sampled_from(["", "元"]))
    else:
        before, after = draw(
            st.sampled_from(
                [
                    ("", ""),
                    ("", ""),
                    ("¥", ""),
                    ("￥", ""),
                    ("CNY ", ""),
                    ("", "元"),
                    ("", " CNY"),
                    ("RMB", ""),
                ]
            )
        )
        digits = f"{before}{digits}{after}"
    if amount < 0:
        around = ["-{}", "({})", "−{}"]
        # Blanks and a sign at the end stand beside digits; beside a currency nobody writes them.
        around += ["{}-", "{} -"] if digits[-1].isdigit() else []
        around += ["- {}", "( {} )"] if digits[0].isdigit() and digits[-1].isdigit() else []
        digits = draw(st.sampled_from(around)).format(digits)
    if draw(st.integers(0, 4)) == 0:
        digits = digits.translate(FULL)
    return draw(st.sampled_from(["{}", "{}", " {} ", "{}\t"])).format(digits)


#: Ways to write a day, by the order of the parts, each a template and whether its parts lead with 0.
DAY_FORMS = {
    "year first": ["{y}-{m:02}-{d:02}", "{y}/{m}/{d}", "{y}/{m:02}/{d:02}", "{y}.{m:02}.{d:02}", "{y}年{m}月{d}日",
                   "{y}{m:02}{d:02}"],
    "day first": ["{d:02}/{m:02}/{y}", "{d}.{m}.{y}", "{d}-{m}-{y}", "{d}/{m}/{yy:02}", "{d:02}.{m:02}.{yy:02}",
                  "{d} {b} {y}", "{d:02}-{b}-{yy:02}"],
    "month first": ["{m:02}/{d:02}/{y}", "{m}-{d}-{y}", "{m}/{d}/{yy:02}", "{b} {d}, {y}"],
}  # fmt: skip
TIME_FORMS = [
    " {H:02}:{M:02}:{S:02}",
    "T{H:02}:{M:02}:{S:02}",
    " {H}:{M:02}:{S:02}",
    " {I}:{M:02}:{S:02} {p}",
]
OFFSETS = ["Z", " +0800", "+08:00", " -0500", " UTC"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def filled_in(form: str, moment: datetime) -> str:
    return form.format(
        y=moment.year, yy=moment.year % 100, m=moment.month, d=moment.day, b=MONTHS[moment.month - 1],
        H=moment.hour, M=moment.minute, S=moment.second, I=(moment.hour - 1) % 12 + 1,
        p="AM" if moment.hour < 12 else "PM", half="上午" if moment.hour < 12 else "下午",
    )  # fmt: skip


def dates_clothes(moments: list[datetime | None], draw: Any, *, timed: bool) -> list[str]:
    """One column of dates: one order of the parts, one or two ways to write it, or numbers; blanks in between."""
    kind = draw(st.sampled_from(["parts", "parts", "parts", "half", "offset", "serial", "epoch"]))
    if kind in {"serial", "epoch"}:
        zero = datetime(1899, 12, 30) if kind == "serial" else datetime(1970, 1, 1)
        unit = 86_400 if kind == "serial" else draw(st.sampled_from([1, Decimal("0.001")]))
        seconds = [None if m is None else int((m - zero).total_seconds()) for m in moments]
        # A spreadsheet keeps a moment as a fraction of a day; ten decimals are enough for a second.
        texts = [None if s is None else f"{Decimal(s) / unit:.10f}".rstrip("0").rstrip(".") for s in seconds]
        return [draw(st.sampled_from(BLANKS)) if text is None else text for text in texts]
    order = draw(st.sampled_from(sorted(DAY_FORMS)))
    years = {moment.year for moment in moments if moment is not None}
    # Years in two digits are believed where they lie close together; far apart they may be asked about.
    close = not years or max(years) - min(years) <= 1
    known = [form for form in DAY_FORMS[order] if close or "{yy" not in form]
    forms = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2))
    times = draw(st.lists(st.sampled_from(TIME_FORMS), min_size=1, max_size=2)) if timed else [""]
    if timed and kind == "half":
        forms, times = ["{y}/{m}/{d}"], [" {half} {I}:{M:02}:{S:02}"]
    if timed and kind == "offset":
        times = [time + draw(st.sampled_from(OFFSETS)) for time in times]
    made = []
    for moment in moments:
        if moment is None:
            made.append(draw(st.sampled_from(BLANKS)))
        else:
            form = draw(st.sampled_from(forms)) + draw(st.sampled_from(times))
            made.append(draw(st.sampled_from(["{}", "{}", " {}\t"])).format(filled_in(form, moment)))
    return made


# --- clothes of a table ----------------------------------------------------------------------------


@dataclass
class Dressed:
    """A table as an export: its columns by canonical name, and what the parameter file must say of it."""

    table: str
    columns: dict[str, list[str]]
    rows: list[tuple[Any, ...]]
    names: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    money: Decimal | None = None


def evidence(days: list[date]) -> list[date]:
    """The same days; the first one after the 12th, so that day and month cannot be exchanged."""
    return [days[0].replace(day=12 + days[0].day % 16 + 1), *days[1:]]


@st.composite
def transactions(draw) -> Dressed:
    n = draw(st.integers(1, 8))
    timed = draw(st.booleans())
    days = evidence(draw(st.lists(DAYS, min_size=n, max_size=n)))
    seconds = draw(st.lists(st.integers(0, 86_399), min_size=n, max_size=n)) if timed else [0] * n
    moments = [
        datetime(d.year, d.month, d.day) + timedelta(seconds=s) for d, s in zip(days, seconds, strict=True)
    ]
    who = draw(st.lists(PLAIN_IDS, min_size=n, max_size=n))
    orders = draw(st.lists(PLAIN_IDS, min_size=n, max_size=n, unique=True))
    revenue = draw(st.lists(MONEY, min_size=n, max_size=n))
    discount = draw(st.lists(st.none() | MONEY.map(abs), min_size=n, max_size=n))
    channel = draw(st.lists(st.none() | PROSE, min_size=n, max_size=n))
    decimal = draw(st.sampled_from([".", ".", ","]))
    return Dressed(
        "transactions",
        {
            "customer_id": [id_clothes(text, draw) for text in who],
            "order_id": [id_clothes(text, draw) for text in orders],
            "order_date": dates_clothes(moments, draw, timed=timed),
            "revenue": [money_clothes(amount, decimal, draw) for amount in revenue],
            "discount": [
                draw(st.sampled_from(BLANKS)) if amount is None else money_clothes(amount, decimal, draw)
                for amount in discount
            ],
            "channel": [text or "" for text in channel],
        },
        list(zip(who, orders, moments, revenue, discount, channel, strict=True)),
        ("customer_id", "order_id", "order_date", "revenue", "discount", "channel"),
        {"decimal": ","} if decimal == "," else {},
        sum(revenue, Decimal(0)),
    )


CSAT = ["非常不满意", "不满意", "一般", "满意", "非常满意"]


@st.composite
def responses(draw) -> Dressed:
    n = draw(st.integers(1, 8))
    first, *days = evidence(draw(st.lists(DAYS, min_size=n, max_size=n)))
    # One answered; the others may have been invited and said nothing.
    answered = [first, *(day if draw(st.integers(0, 3)) else None for day in days)]
    who = draw(st.lists(st.none() | PLAIN_IDS, min_size=n, max_size=n))
    nps = draw(st.lists(st.none() | st.integers(0, 10), min_size=n, max_size=n))
    csat = draw(st.lists(st.none() | st.integers(1, 5), min_size=n, max_size=n))
    comment = draw(st.lists(st.none() | PROSE, min_size=n, max_size=n))
    # A row of nothing is no answer, but the end of a spreadsheet.
    for row, answer in enumerate(zip(who, answered, nps, csat, comment, strict=True)):
        who[row] = "00017" if set(answer) == {None} else who[row]
    moments = [None if day is None else datetime(day.year, day.month, day.day) for day in answered]
    empty = st.sampled_from([*BLANKS, "(跳过)"])
    return Dressed(
        "responses",
        {
            "customer_id": [draw(empty) if text is None else id_clothes(text, draw) for text in who],
            "response_date": dates_clothes(moments, draw, timed=False),
            "nps": [
                draw(empty) if score is None else draw(st.sampled_from(["{}", "{}.0", "{}分", " {} "])).format(score)
                for score in nps
            ],
            "csat": [
                draw(empty) if score is None else draw(st.sampled_from([str(score), CSAT[score - 1]]))
                for score in csat
            ],
            "comment": [text or draw(st.sampled_from(["", "(跳过)"])) for text in comment],
        },
        list(zip(who, answered, nps, csat, comment, strict=True)),
        ("customer_id", "response_date", "nps", "csat", "comment"),
    )  # fmt: skip


@st.composite
def customers(draw) -> Dressed:
    n = draw(st.integers(1, 8))
    who = draw(st.lists(PLAIN_IDS, min_size=n, max_size=n, unique=True))
    days = evidence(draw(st.lists(DAYS, min_size=n, max_size=n)))
    wallet = draw(st.lists(st.none() | MONEY.map(abs), min_size=n, max_size=n))
    tier = draw(
        st.lists(st.none() | st.sampled_from(["gold", "银卡", "a, b", '5" pipe']), min_size=n, max_size=n)
    )
    visits = draw(st.lists(st.integers(0, 10**9), min_size=n, max_size=n))
    moments = [datetime(day.year, day.month, day.day) for day in days]
    return Dressed(
        "customers",
        {
            "customer_id": [id_clothes(text, draw) for text in who],
            "acquired_date": dates_clothes(moments, draw, timed=False),
            "wallet": [
                draw(st.sampled_from(BLANKS)) if amount is None else money_clothes(amount, ".", draw)
                for amount in wallet
            ],
            "tier": [text or "" for text in tier],
            "visits": [draw(st.sampled_from(["{}", "{}.0", " {}"])).format(number) for number in visits],
        },
        list(zip(who, days, wallet, tier, visits, strict=True)),
        ("customer_id", "acquired_date", "wallet", "tier", "visits"),
    )


# --- the file --------------------------------------------------------------------------------------

#: What a source may call a canonical column; the parameter file says it with signs of another width.
ALIASES = {
    "customer_id": "客户编号（会员）",
    "revenue": "金额(元)",
    "order_date": "下单 时间",
    "wallet": "年 消费",
}
#: Name, bytes or the lines of a workbook, columns and options of the parameter file, blank rows.
Written = tuple[str, bytes | list[list[str]], dict[str, str], dict[str, Any], int]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "gb18030"]


def quoted(cell: str, delimiter: str, *, always: bool, raw_ids: bool) -> str:
    """One cell; systems write ="0017" with bare quotes, others double them."""
    if raw_ids and cell.startswith('="') and cell.endswith('"') and delimiter not in cell:
        return cell
    if always or any(sign in cell for sign in (delimiter, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@st.composite
def files(draw, dressed: Dressed) -> Written:
    """The name and content of a file, the columns and options that it needs, and its blank rows (-1: not counted)."""
    columns = dict(dressed.columns)
    n = len(dressed.rows)
    for extra in draw(st.lists(st.sampled_from(["备注", "Note", "x1"]), max_size=2, unique=True)):
        if dressed.table == "transactions":  # other tables keep what they do not know
            columns[extra] = draw(st.lists(st.just("") | PROSE, min_size=n, max_size=n))
    names = draw(st.permutations(list(columns)))
    called = {name: ALIASES[name] for name in names if name in ALIASES and draw(st.booleans())}
    header = [called.get(name, name) for name in names]
    wide = str.maketrans("（）() ", "()（）\u3000")
    mapping = {name: (said.translate(wide) if draw(st.booleans()) else said) for name, said in called.items()}
    rows = [[columns[name][row] for name in names] for row in range(n)]
    # Rows of nothing, as the end of a spreadsheet; a place among the others, but never first.
    n_blank = draw(st.integers(0, 2))
    for _ in range(n_blank):
        rows.insert(draw(st.integers(1, len(rows))), [draw(st.sampled_from(["", " "])) for _ in names])
    options = dict(dressed.options)
    if draw(st.integers(0, 6)) == 0:
        return "t.xlsx", [header, *rows], mapping, options, -1
    delimiter = draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    always, raw_ids = draw(st.booleans()), draw(st.booleans())
    end = draw(st.sampled_from(["\n", "\r\n", "\r", "mixed"]))
    text = ""
    for number, line in enumerate([header, *rows]):
        text += delimiter.join(quoted(c, delimiter, always=always, raw_ids=raw_ids) for c in line)
        text += ["\n", "\r\n"][number % 2] if end == "mixed" else end
    text += draw(st.sampled_from(["", "\n", "\n\n"])) if end != "\r" else ""
    encoding = draw(st.sampled_from(ENCODINGS))
    content = text.encode(encoding)
    if encoding == "utf-16-be":
        content = b"\xfe\xff" + content
    if encoding == "gb18030" and not settles_itself(content):
        options["encoding"] = "gb18030"
    return "t.csv", content, mapping, options, n_blank


def settles_itself(content: bytes) -> bool:
    """Whether no line of other signs than ASCII is UTF-8 too, as 联通 in GBK is, nor has pairs as Latin-1 has."""
    others = [line for line in content.replace(b"\r", b"\n").split(b"\n") if not line.isascii()]
    if any(decodes(line) for line in others):
        return False
    text = content.decode("gb18030")
    two = [sign.encode("gb18030") for sign in text if not sign.isascii()]
    return all(len(sign) != 2 or sign[1] >= 0x80 for sign in two)


def decodes(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def workbook(lines: list[list[str]]) -> bytes:
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True}) as book:
        page = book.add_worksheet()
        for row, line in enumerate(lines):
            for column, cell in enumerate(line):
                if cell:
                    page.write_string(row, column, cell)
    return stream.getvalue()


# --- the law ---------------------------------------------------------------------------------------


def read_back(dressed: Dressed, written: Written) -> None:
    name, content, mapping, options, n_blank = written
    source = {"path": name, "columns": mapping, "options": options}
    sections = {
        "client": {"id": "acme", "currency": "CNY", "as_of": "2035-12-31"},
        "data": {dressed.table: source},
    }
    if dressed.table == "customers":
        sections["data"]["transactions"] = {"path": "bought.csv"}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / name).write_bytes(content if isinstance(content, bytes) else workbook(content))
        (folder / "bought.csv").write_text("customer_id,order_date,revenue\nnobody-1,2024-01-31,1\n")
        made = prepare(
            params_from_sections(sections), root=folder, cache=folder / "cache", place="params/acme.yaml"
        )
        listed = ", ".join(dressed.names)
        found = duckdb.sql(f"SELECT {listed} FROM '{made.path(dressed.table)}'").fetchall()
    key = [tuple(map(repr, row)) for row in dressed.rows]
    assert sorted(tuple(map(repr, row)) for row in found) == sorted(key)
    review = made.review["tables"][dressed.table]
    dropped = {part["reason"]: part["rows"] for part in review["dropped"]}
    assert review["rows_in"] == review["rows_kept"] + sum(dropped.values())
    assert review["rows_kept"] == len(dressed.rows)
    assert set(dropped) <= {"blank row"}
    if n_blank >= 0:  # a workbook has no such rows
        assert dropped.get("blank row", 0) == n_blank
    if dressed.money is not None:
        assert Decimal(review["revenue_in"]) == Decimal(review["revenue_kept"]) == dressed.money
        assert Decimal(review["rounding"]) == 0


TABLES = {"transactions": transactions, "responses": responses, "customers": customers}


@pytest.mark.parametrize("table", TABLES)
@FAST
@given(data=st.data())
def test_a_table_in_any_clothes_is_read_back_equal(table, data):
    dressed = data.draw(TABLES[table]())
    read_back(dressed, data.draw(files(dressed)))


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES)
@DEEP
@given(data=st.data())
def test_a_table_in_any_clothes_is_read_back_equal_deep(table, data):
    dressed = data.draw(TABLES[table]())
    read_back(dressed, data.draw(files(dressed)))


@pytest.mark.parametrize("text", ["¥1,234.50\t", "1,234.50\t", "1234.50元\t", "0.123450万\t", "(1,234.50)\t"])
def test_an_amount_with_a_tab_behind_it(text):
    amount = Decimal("-1234.50" if text.startswith("(") else "1234.50")
    columns = {"customer_id": ["a"], "order_date": ["2024-01-31"], "revenue": [text]}
    rows = [("a", datetime(2024, 1, 31), amount)]
    dressed = Dressed("transactions", columns, rows, tuple(columns), money=amount)
    read_back(dressed, ("t.xlsx", [list(columns), ["a", "2024-01-31", text]], {}, {}, -1))
