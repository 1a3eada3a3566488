"""The parameter file that `cam new` writes: always one that is accepted, with what is doubtful left as a question."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cam.data import prepare
from cam.data.engine import workspace
from cam.data.files.paths import find_files
from cam.data.notes import Note
from cam.data.proposals.draft import draft, place, refuse_name, told
from cam.data.proposals.lines import scalar, width, wrapped
from cam.data.proposals.recognise import Recognition, recognise
from cam.errors import DataError, ParamsError
from cam.params import Params, read_params

HEADER = "order_id,customer_id,order_date,amount"
ORDERS = HEADER + "\n" + "".join(f"o{i},c{i % 9},2024-01-{1 + i % 28:02d},5.50\n" for i in range(40))


def plain(note: Note) -> str:
    return str(note)


def look(*paths: Path) -> Recognition:
    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder)) as connection:
        return recognise(connection, paths, folder=Path(folder))


def written(root: Path, *paths: Path, currency: str | None = "EUR") -> str:
    return draft(look(*paths), name="acme", root=root, language="en", currency=currency, say=plain)


def accepted(text: str) -> Params:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "acme.yaml"
        path.write_text(text, encoding="utf-8")
        return read_params(path)


# --- correct --------------------------------------------------------------------------------------


def test_a_sure_file_is_ready_to_be_read(tmp_path):
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS)
    text = written(tmp_path, orders)
    assert "# ?" not in text
    assert "      revenue: amount                      # by its name; 100 % amounts\n" in text
    params = accepted(text)
    prepared = prepare(params, root=tmp_path, cache=tmp_path / "cache", place="acme.yaml")
    review = prepared.review["tables"]["transactions"]
    assert (review["rows_in"], review["rows_kept"], Decimal(review["revenue_kept"])) == (40, 40, 220)


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ("no", "'no'"),
        ("2024-01-01", "'2024-01-01'"),
        ("0012", "'0012'"),
        ("a: b # c", "'a: b # c'"),
        ("- x", "'- x'"),
        ("{x}", "'{x}'"),
        ("订单：金额", "订单：金额"),
        ("a\nb", '"a\\nb"'),
        (["x", "a,b"], "[x, 'a,b']"),
    ],
)
def test_what_yaml_would_misread_stands_in_quotes(given_, text):
    assert scalar(given_) == text
    assert yaml.safe_load(f"key: {text}") == {"key": given_}


def test_questions_become_answers_when_their_mark_is_taken_off(tmp_path):
    content = "Invoice No;Customer name;Invoice Date;Net amount;Gross revenue;status;refund\n" + "".join(
        f"{i // 2};c{i};0{1 + i % 9}/0{1 + i % 8}/2024;{i // 2},50;{i // 2 + 1},50;{'paid' if i % 2 else 'zorp'};2\n"
        for i in range(60)
    )
    orders, contracts = tmp_path / "sales.csv", tmp_path / "subs.csv"
    orders.write_text(content)
    contracts.write_text(
        "customer_id,start_date,end_date\n" + "".join(f"c{i},2024-01-01,\n" for i in range(60))
    )
    text = written(tmp_path, orders, contracts, currency=None)
    assert accepted(text).data.transactions.columns.keys() == {
        "order_date",
        "revenue",
        "order_id",
        "customer_id",
    }
    answered = accepted(re.sub(r"^( *)# \? ", r"\1", text, flags=re.MULTILINE))
    options = answered.data.transactions.options
    assert (options.date_format, options.decimal, options.revenue_per) == ("%d/%m/%Y", ",", "order")
    assert (options.refund_column, options.states.keep) == ("refund", ["paid"])
    assert (answered.client.currency, answered.value.setting) == ("USD", "non_contractual")
    assert "  # ?? states of status that no list knows: zorp (30)" in text


# --- laws -----------------------------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(
        ["order_id", "客户编号", "amount", "date", "下单时间", "status", "", "no", "2024-01-01", "x: y # z"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30),
)
VALUES = st.one_of(
    st.sampled_from(
        ["", "2024-01-05", "5.50", "1,5", "03/04/2024", "¥12", "=1+1", "是", "(跳过)", "-3", "10"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=12), st.integers(1, 12))
@example([("amount 🎉\n'\"#:", "5"), ("order_date", "2024-01-05"), ("客户编号", "a"), ("客户编号", "b")], 5)
@example([("order\r\nid", "5"), ("order\x1bdate", "2024-01-05"), ("amount", "5.5"), ("status", "\x1b")], 3)
@example([("\x85", "5"), ("date\u2028", "2024-01-05"), ("\ufeff", "¥12")], 3)
@example([(f"column {i}\t", "2024-01-05" if i % 2 else "5") for i in range(300)], 4)
def test_any_header_gives_a_file_that_is_accepted_or_a_reason(columns, n):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stream = io.StringIO(newline="")
        writer = csv.writer(stream)
        writer.writerow([name for name, _ in columns])
        writer.writerows([value for _, value in columns] for _ in range(n))
        path = folder / "a.csv"
        path.write_text(stream.getvalue(), encoding="utf-8", newline="")
        try:
            text = written(folder, path)
        except DataError as error:
            assert str(error)
            return
        params = accepted(text)
        assert find_files("t", next(iter(params.data.sources.values())), folder) == [path]
        accepted(re.sub(r"^( *)# \? ", r"\1", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    "name", ["no", "订单 [1].csv", "~x.csv", "sample:x.csv", "a: b #c.csv", "0012", "*.csv", "package:y.csv"]
)
def test_a_file_of_any_name_is_found_again(tmp_path, name):
    path, other = tmp_path / "in" / name, tmp_path / "other"
    path.parent.mkdir()
    path.write_text(ORDERS)
    for root in (tmp_path, other):
        params = accepted(written(root, path))
        found = find_files("transactions", params.data.transactions, root / params.data.root)
        assert [found_.resolve() for found_ in found] == [path.resolve()]


def test_many_files_become_a_pattern_that_finds_just_these(tmp_path):
    paths = [tmp_path / f"orders_{i:02d}.csv" for i in range(15)]
    for path in paths:
        path.write_text(ORDERS)
    assert accepted(written(tmp_path, *paths)).data.transactions.path == "orders_*.csv"
    (tmp_path / "orders_old.csv").write_text("x")
    assert len(accepted(written(tmp_path, *paths)).data.transactions.paths) == 15


def test_what_is_told_fits_a_terminal(tmp_path):
    orders = tmp_path / "订单.csv"
    names = [
        "订单编号",
        "客户编号",
        "下单时间",
        "实付金额",
        "应付金额",
        *(f"很长的自定义字段名称{i}" for i in range(40)),
    ]
    orders.write_text(
        ",".join(names) + "\n" + "".join(f"{i},K{i},2024-01-05,{i},{i + 1}{',x' * 40}\n" for i in range(30))
    )
    lines = told(look(orders), language="zh", currency=None, say=plain)
    assert max(map(width, lines)) <= 100
    assert lines[-1] == 'Open questions: 2. In the file they begin with "# ?".'
    text = written(tmp_path, orders)
    assert max(map(width, text.splitlines())) <= 112


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Acme Shop", "such as acme-shop"),
        ("../acme", "such as acme"),
        ("客户", "such as acme-2"),
        ("a--b", "such as a-b"),
        ("template", "choose another name"),
        ("", "lower-case letters, digits and single hyphens"),
    ],
)
def test_a_name_that_no_client_can_have(name, said):
    with pytest.raises(ParamsError, match=re.escape(said)) as caught:
        refuse_name(name)
    assert caught.value.exit_code == 2


def test_a_file_is_never_written_over_and_nothing_is_left_behind(tmp_path):
    path = tmp_path / "params" / "acme.yaml"
    text = "data: {transactions: {path: a.csv}}\n"
    place(text, path)
    with pytest.raises(ParamsError, match=r"params/acme.yaml is there already"):
        place(text + "# other\n", path)
    with pytest.raises(ParamsError, match="1 problem"):
        place("data: {surprise: 1}", tmp_path / "params" / "other.yaml")
    assert path.read_text() == text
    assert [found.name for found in path.parent.iterdir()] == ["acme.yaml"]


def asked(text: str) -> str:
    """The remarks of a draft in one line."""
    return " ".join(text.replace("#", " ").split())


@pytest.mark.parametrize(
    ("header", "above", "units", "words"),
    [
        (
            "amount (TEUR)",
            "",
            {"amount (TEUR)": 1000},
            "as the name of its column says? amount (TEUR) 1,000.",
        ),
        ("Umsatz in TEUR", "", {"Umsatz in TEUR": 1000}, "Umsatz in TEUR 1,000."),
        ("amount_cents", "", {"amount_cents": 0.01}, "amount_cents 0.01."),
        ("金额(百万元)", "", {"金额(百万元)": 1_000_000}, "金额(百万元) 1,000,000."),
        ("amount", "单位：万元,,,\n", {"amount": 10_000}, "a line above the header says 万元: "),
        ("amount\n,,,（万元）", "", {"amount": 10_000}, "as a line below the header says? amount 10,000."),
    ],
)
def test_a_unit_in_a_column_s_name_or_above_the_header_is_asked_about(tmp_path, header, above, units, words):
    orders = tmp_path / "orders.csv"
    orders.write_text(above + ORDERS.replace("amount", header))
    text = written(tmp_path, orders)
    assert words in asked(text)
    if above:
        assert "lines above the header: 单位：万元" in text
    found = accepted(re.sub(r"# \? (options:|units:| +\S+: )", r"\1", text)).data.transactions
    assert found.columns["revenue"] == header.split("\n")[0] and found.options.units == units


def test_the_price_of_one_unit_in_cents_is_still_a_price(tmp_path):
    orders = tmp_path / "orders.csv"
    lines = [
        f"o{i},c{i % 9},2024-01-{1 + i % 28:02d},{100 + i},{1 + i % 3},{10 * (i % 7 == 0)}" for i in range(40)
    ]
    orders.write_text(
        "\n".join(["order_id,customer_id,order_date,unit_price_cents,quantity,refunded_amount_cents", *lines])
    )
    text = asked(written(tmp_path, orders))
    assert "is unit_price_cents the price of one unit?" in text and "refund_column" in text


@pytest.mark.parametrize("most", range(4, 40))
def test_no_line_of_a_wrapped_text_begins_with_a_sign_that_closes(most):
    text = "amounts of 千元? If thousands, 小计、合计：是否剔除？（金额，以千元计）"
    lines = wrapped(text, most)
    assert not [line for line in lines if line[:1] in set("?!.,;:)，。；：？！）、")]
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_point_in_amounts_of_thousands_is_rather_a_decimal_one(tmp_path):
    orders = tmp_path / "orders.csv"
    orders.write_text(ORDERS.replace("amount", "金额(千元)").replace("5.50", "1.370"))
    text = asked(written(tmp_path, orders)).replace(" ", "")  # Chinese may break between any two signs
    assert "thepointof1.370partsdecimals,asinamountsof千元?" in text


def test_a_last_line_that_may_be_a_row_is_asked_about_and_one_that_is_named_is_not(tmp_path):
    orders = tmp_path / "orders.csv"
    for line, is_asked in (
        (",,2024-03-01,9.50", True),
        ("Total,,,220.00", False),
        ("Printed by:,Ann,,", False),
    ):
        orders.write_text(ORDERS + line + "\n")
        text = written(tmp_path, orders)
        assert ("# ? options: {skip_last_rows: 1}" in text) == is_asked, text
        assert ("skip_last_rows: 1" in text) and ("leave these last lines out" in text) == is_asked
        assert accepted(text).data.transactions.options.skip_last_rows == (0 if is_asked else 1)


def test_subtotals_among_the_rows_are_named_and_left_out_at_once(tmp_path):
    orders = tmp_path / "orders.csv"
    lines = ORDERS.splitlines()
    orders.write_text("\n".join([*lines[:9], "小计,,,44.00", *lines[9:17], "小计,,,44.00", *lines[17:]]))
    text = written(tmp_path, orders)
    flat = " ".join(text.replace("#", " ").split())
    assert (
        "2 of 42 rows have no customer_id and are called 小计, as sums of other rows are: leave them out?"
        in flat
    )

    def reviewed(text: str) -> dict:
        with tempfile.TemporaryDirectory() as cache:
            prepared = prepare(accepted(text), root=tmp_path, cache=Path(cache), place="params/acme.yaml")
            return prepared.review["tables"]["transactions"]

    with pytest.raises(DataError, match=r"They are called '小计', as sums of other rows are\.") as told:
        reviewed(text)
    assert "2 of 42 rows have no order_date" in str(told.value)
    review = reviewed(re.sub(r"# \? (options: .*drop_missing_ids)", r"\1", text))  # and no second question
    assert review["dropped"] == [{"reason": "no customer_id", "rows": 2, "revenue": "88"}]


def test_rows_without_an_amount_or_a_day_are_asked_about_before_a_run_stops_at_them(tmp_path):
    orders = tmp_path / "orders.csv"
    lines = ORDERS.splitlines()
    lines[3] = ",".join([*lines[3].split(",")[:3], ""])
    lines[5] = ",".join([*lines[5].split(",")[:2], "", "9.50"])
    orders.write_text("\n".join(lines))
    text = written(tmp_path, orders)
    assert "options: {drop_unreadable: true}" in text
    assert "rows have nothing in order_date (1), amount (1): leave them out?" in " ".join(
        text.replace("#", " ").split()
    )
    with tempfile.TemporaryDirectory() as cache:
        again = accepted(re.sub(r"# \? (options: .*drop_unreadable)", r"\1", text))
        prepared = prepare(again, root=tmp_path, cache=Path(cache), place="params/acme.yaml")
    assert {row["reason"]: row["rows"] for row in prepared.review["tables"]["transactions"]["dropped"]} == {
        "no revenue": 1,
        "no order_date": 1,
    }


def test_states_that_are_dropped_may_have_no_amount(tmp_path):
    orders = tmp_path / "orders.csv"
    lines = ORDERS.splitlines()
    lines = [f"{lines[0]},status", *(f"{line},paid" for line in lines[1:])]
    lines[3] = ",".join([*lines[3].split(",")[:3], "", "cancelled"])
    orders.write_text("\n".join(lines))
    text = written(tmp_path, orders)
    assert "drop: [cancelled]" in text and "drop_unreadable" not in text


def test_amounts_in_thousands_with_a_decimal_comma_are_proposed_and_asked_about(tmp_path):
    orders = tmp_path / "orders.csv"
    rows = "".join(f"o{i};c{i % 9};2024-01-{1 + i % 28:02d};{i % 7},{10000 + 7 * i}\n" for i in range(40))
    orders.write_text("order_id;customer_id;order_date;Umsatz in TEUR\n" + rows)
    text = written(tmp_path, orders)
    assert re.search(r"^ +revenue: Umsatz in TEUR", text, re.MULTILINE)
    assert "decimal: ','" in text and "units: {Umsatz in TEUR: 1000}" in text
    settled = accepted(re.sub(r"# \? ", "", text))
    with tempfile.TemporaryDirectory() as cache:
        prepared = prepare(settled, root=tmp_path, cache=Path(cache), place="params/acme.yaml")
    exact = sum(1000 * (i % 7) + (10000 + 7 * i) / 100 for i in range(40))
    assert abs(float(prepared.review["tables"]["transactions"]["revenue_kept"]) - exact) < 0.005


def test_a_file_without_rows_beside_others_is_told(tmp_path):
    orders, empty = tmp_path / "orders.csv", tmp_path / "empty.csv"
    orders.write_text(ORDERS)
    empty.write_text(HEADER + "\n")
    assert "empty.csv: no rows below its header" in written(tmp_path, orders, empty)
    with pytest.raises(DataError, match=r"empty\.csv has no rows below its header\. Export it again"):
        look(empty)


def test_a_second_file_with_other_lines_below_is_not_put_into_one_list(tmp_path):
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text(ORDERS)
    two.write_text(ORDERS.replace("\no", "\nx") + "Total,,,220.00\n")
    text = written(tmp_path, one, two)
    assert "but with other lines above or below its rows" in asked(text)
    assert "# ?? two.csv" in text  # a question, for its orders would be lost
