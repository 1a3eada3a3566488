"""Presets: every file is sound, and every export in the corpus becomes the canonical table that stands beside it.

The corpus is found, not listed. A case is a folder ``corpus/<preset>/<case>/`` with

- ``case.yaml``: ``data``, as in a parameter file (paths start at the folder), and ``client`` where it matters;
- the files, in the layout and the encoding in which the system writes them;
- ``expected_<table>.csv`` for every table: its columns by canonical name, in any order, and its rows in any order.
  A cell of nothing is a NULL; ``kind`` says what a row of transactions is;
- in ``case.yaml``, where it matters, ``dropped``: {table: {reason: rows}}, and ``recognised``: {table: preset/export}
  where that is not the one in ``preset:`` (null: the header fits none).

``corpus/<preset>/unverified.yaml`` lists names of ``columns`` and ``states`` that nobody has seen in a file: they may
be offered, not used.
"""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from cam.data import prepare
from cam.data.engine import workspace
from cam.data.files.paths import find_files
from cam.data.files.sources import read_source
from cam.data.presets.apply import (
    after_reading,
    before_reading,
    load_preset,
    preset_names,
    preset_notes,
    read_preset,
    recognised,
)
from cam.errors import DataError, ParamsError
from cam.params import Source, params_from_sections
from cam.schema import TABLES

CORPUS = Path(__file__).parents[1] / "corpus"
CASES = {
    path.parent.relative_to(CORPUS).as_posix(): path.parent for path in sorted(CORPUS.rglob("case.yaml"))
}
UNVERIFIED = {path.parent.name: path for path in sorted(CORPUS.glob("*/unverified.yaml"))}


def case_of(folder: Path) -> dict:
    return yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))


def params_of(folder: Path, case: dict):
    return params_from_sections({"client": {"id": "case", **case.get("client", {})}, "data": case["data"]})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Prepare a case, once for all tests that look at it."""
    home = tmp_path_factory.mktemp("corpus")

    def once(name: str):
        params = params_of(CASES[name], case_of(CASES[name]))
        return prepare(params, root=CASES[name], cache=home / name, place="params/case.yaml")

    return once


def header(folder: Path, table: str, source: Source, scratch: Path) -> list[str]:
    with workspace(scratch) as connection:
        raw = read_source(connection, table, source, files=find_files(table, source, folder), folder=scratch)
    return [name for name in raw.columns if not name.startswith("_cam_")]


def as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal | float):
        return f"{Decimal(str(value)).normalize() + 0:f}"
    return str(value).removesuffix(" 00:00:00")


# --- correct: the corpus ---------------------------------------------------------------------------


def test_every_preset_has_a_case_and_every_case_a_preset():
    assert set(preset_names()) == {name.partition("/")[0] for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_an_export_becomes_its_canonical_table(name, made):
    tables = made(name)
    expected = {path.stem.removeprefix("expected_"): path for path in CASES[name].glob("expected_*.csv")}
    assert set(tables.tables) == set(expected)
    for table, path in expected.items():
        with path.open(encoding="utf-8", newline="") as stream:
            columns, *wanted = csv.reader(stream)
        found = duckdb.sql(f"SELECT * FROM '{tables.path(table)}'")
        assert sorted(found.columns) == sorted(columns)
        listed = ", ".join(f'"{column}"' for column in columns)
        rows = duckdb.sql(f"SELECT {listed} FROM '{tables.path(table)}'").fetchall()
        assert sorted([as_text(value) for value in row] for row in rows) == sorted(wanted)


@pytest.mark.parametrize("name", CASES)
def test_every_row_and_every_cent_of_an_export_is_accounted_for(name, made):
    case, reviews = case_of(CASES[name]), made(name).review["tables"]
    for table, review in reviews.items():
        dropped = {part["reason"]: part["rows"] for part in review["dropped"]}
        assert review["rows_in"] == review["rows_kept"] + sum(dropped.values())
        if table in case.get("dropped", {}):
            assert dropped == case["dropped"][table]
        if "revenue_in" in review:
            money = [Decimal(part["revenue"]) for part in review["dropped"]]
            money += [Decimal(review.get(key, 0)) for key in ("revenue_kept", "refunded_in_column")]
            # What a table of refunds has is in the orders too, as rows below zero.
            listed = reviews.get("refunds", {}) if table == "transactions" else {}
            came = Decimal(review["revenue_in"]) + Decimal(listed.get("revenue_kept", 0))
            assert sum(money) - Decimal(review.get("rounding", 0)) == came


@pytest.mark.parametrize("name", CASES)
def test_an_export_is_recognised_as_what_it_is(name, tmp_path):
    folder = CASES[name]
    case = case_of(folder)
    for table, source in params_of(folder, case).data.sources.items():
        if source.preset is None:
            continue
        # A file that is read with nothing known: lines above the header and the like are for a person to say.
        source = before_reading(table, source)
        present = header(folder, table, source, tmp_path)
        fits = recognised(present)
        wanted = after_reading(table, source, present, place="case").preset
        wanted = case.get("recognised", {}).get(table, wanted)
        assert (f"{fits[0].preset}/{fits[0].export}" if fits else None) == wanted
        if fits and wanted == after_reading(table, source, present, place="case").preset:
            assert fits[0].table == table


# --- consistent: the files -------------------------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_speaks_both_languages_and_says_where_it_was_read(name):
    preset = load_preset(name)
    assert preset.source
    labels = [preset.label, *(export.label for export in preset.exports.values())]
    labels += [note for export in preset.exports.values() for note in export.notes]
    assert all(set(label) == {"en", "zh"} and label["en"] and label["zh"] for label in labels)
    assert not any("\u4e00" <= sign <= "\u9fff" for label in labels[1:] for sign in label["en"])


@pytest.mark.parametrize("name", preset_names())
def test_an_export_names_what_its_table_needs(name):
    for export in load_preset(name).exports.values():
        needed = set(TABLES[export.table].required)
        assert needed <= {*export.columns, *export.offers}, f"{name}/{export.name}"


@pytest.mark.parametrize("name", preset_names())
def test_no_two_exports_are_known_by_the_same(name):
    mine = {export.known_by for export in load_preset(name).exports.values()}
    assert len(mine) == len(load_preset(name).exports)
    for other in set(preset_names()) - {name}:
        assert not mine & {export.known_by for export in load_preset(other).exports.values()}


@pytest.mark.parametrize("name", UNVERIFIED)
def test_what_nobody_has_seen_is_offered_and_not_used(name):
    unseen = yaml.safe_load(UNVERIFIED[name].read_text(encoding="utf-8"))
    assert set(unseen) <= {"columns", "states"}
    for export in load_preset(name).exports.values():
        used = {origin for names in export.columns.values() for origin in names}
        used |= {origin for group in export.known_by for origin in group}
        used |= set(column_options(export.options))
        assert not used & set(unseen.get("columns", [])), export.name
        states = export.options.get("states", {})
        settled = {state for kind in ("keep", "drop", "refunded") for state in states.get(kind, [])}
        assert not settled & set(unseen.get("states", [])), export.name


def test_every_preset_says_what_nobody_has_seen():
    assert set(UNVERIFIED) == set(preset_names())


def column_options(options) -> list[str]:
    values = [
        options.get("refund_column"),
        options.get("multiply_by"),
        options.get("states", {}).get("column"),
    ]
    values += options.get("line_value", [])
    lists = [value if isinstance(value, list) else [value] for value in values if value]
    return [name for names in lists for name in names]


def test_a_plain_header_is_nobodys():
    assert recognised(["customer_id", "order_id", "order_date", "revenue", "status", "email"]) == []
    assert recognised([]) == []


# --- consistent: a preset and what a person writes -------------------------------------------------

SHOP = "Name,Email,Financial Status,Paid at,Created at,Total,Lineitem quantity,Lineitem price,Refunded Amount,Till\n"


def source(**given) -> Source:
    return Source.model_validate({"path": "x.csv", "preset": "shopify", **given})


def filled(present: list[str], **given) -> Source:
    return after_reading("transactions", source(**given), present, place="params/acme.yaml")


COLUMNS = SHOP.strip().split(",")


def test_a_preset_fills_up_what_is_not_said():
    read = filled(COLUMNS)
    assert read.preset == "shopify/orders"
    assert read.columns["order_date"] == ["Paid at", "Created at"]
    assert "discount" not in read.columns  # its column is not there
    assert read.options.refund_column == "Refunded Amount"
    assert read.options.line_value == ["Lineitem price", "Lineitem quantity"]
    assert read.options.states and "voided" in read.options.states.drop


def test_what_a_person_writes_wins():
    read = filled(
        COLUMNS, columns={"channel": "Till", "order_date": "Created at"}, options={"refund_column": None}
    )
    assert (read.columns["channel"], read.columns["order_date"]) == ("Till", "Created at")
    assert read.options.refund_column is None
    assert read.options.line_value  # not said, so known


def test_a_state_that_a_person_names_moves_and_the_others_stay():
    states = {"column": "Financial Status", "keep": ["partially_refunded", "voided"]}
    read = filled(COLUMNS, options={"states": states}).options.states
    assert read and {"paid", "partially_refunded", "voided"} <= set(read.keep)
    assert "voided" not in read.drop and read.refunded == ["refunded"]
    other = filled(COLUMNS, options={"states": {"column": "Till", "keep": ["1"]}}).options.states
    assert other and (other.column, other.keep, other.drop) == ("Till", ["1"], [])


def test_an_option_whose_column_is_not_there_is_left_out_and_said():
    present = [
        name for name in COLUMNS if name not in {"Refunded Amount", "Lineitem price", "Financial Status"}
    ]
    read = filled(present)
    assert (read.options.refund_column, read.options.line_value, read.options.states) == (None, [], None)
    words = [str(note) for note in preset_notes(read, present)]
    assert words[0] == "read as an export of shopify/orders"
    unused = "the preset's options.{} is not used, for its column is not in the file"
    assert [word for word in words if "is not used" in word] == [
        unused.format(option) for option in ("line_value", "refund_column", "states")
    ]
    assert (
        "columns that such an export has are not in the file: 'Financial Status', 'Lineitem price'" in words
    )


def test_before_a_file_is_read_only_what_all_its_exports_share_is_known(tmp_path, monkeypatch):
    content = faulty(options={"skip_rows": 2, "sheet": "Orders", "revenue_per": "order"})
    content["exports"]["lines"] = content["exports"]["orders"] | {
        "options": {"skip_rows": 2, "sheet": "Lines"}
    }
    path = tmp_path / "acme.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    monkeypatch.setattr("cam.data.presets.apply.load_preset", lambda name: read_preset(path))
    both = before_reading("transactions", source(preset="acme")).options
    assert (both.skip_rows, both.sheet, both.revenue_per) == (2, None, None)
    one = before_reading("transactions", source(preset="acme/lines", options={"skip_rows": 0})).options
    assert (one.skip_rows, one.sheet) == (0, "Lines")


def test_without_a_preset_nothing_changes():
    plain = Source.model_validate({"path": "x.csv"})
    assert before_reading("transactions", plain) is plain
    assert after_reading("transactions", plain, COLUMNS, place="p") is plain
    assert preset_notes(plain, COLUMNS) == []


def test_names_that_differ_in_blanks_are_found_as_the_file_has_them():
    read = filled([" Name" if name == "Name" else name for name in COLUMNS])
    assert read.columns["order_id"] == " Name"


# --- refuses ---------------------------------------------------------------------------------------


def test_an_unknown_preset():
    with pytest.raises(ParamsError) as caught:
        before_reading("transactions", source(preset="shopfy"))
    assert str(caught.value).startswith("preset: there is no shopfy; did you mean shopify? There are ")


def test_an_unknown_export_and_one_of_another_table():
    with pytest.raises(ParamsError, match="shopify/order: no such export; did you mean orders") as caught:
        before_reading("transactions", source(preset="shopify/order"))
    assert "shopify/orders (transactions)" in str(caught.value)
    with pytest.raises(ParamsError, match=r"data\.tickets\.preset: shopify does not become tickets"):
        before_reading("tickets", source())


def test_a_needed_column_that_is_not_there():
    with pytest.raises(DataError) as caught:
        filled(["Name", "Email", "Total"])
    text = str(caught.value)
    assert text.startswith(
        "transactions: order_date not found. The preset shopify/orders looks for 'Paid at' or 'Created at'. "
        "Columns present: Name, Email, Total.\n    Map it: data.transactions.columns.order_date in params/acme.yaml."
    )
    # A person who maps it is done.
    assert (
        filled(["Name", "Email", "Total", "Day"], columns={"order_date": "Day"}).columns["revenue"] == "Total"
    )


def refused(name: str, tmp_path: Path, **entry) -> str:
    """What is said of a case whose transactions are read with another entry."""
    folder = CASES[name]
    case = case_of(folder)
    case["data"] = {"transactions": {"path": case["data"]["transactions"]["path"], **entry}}
    with pytest.raises(DataError) as caught:
        prepare(params_of(folder, case), root=folder, cache=tmp_path, place="params/case.yaml")
    return str(caught.value)


def test_states_that_a_preset_does_not_vouch_for_stop_the_run(tmp_path):
    text = refused("jd/orders", tmp_path, preset="jd")
    assert "transactions: column '订单状态' has 3 states that nothing is said of: '完成' in 3 rows" in text
    assert "data.transactions.options.states in params/case.yaml, under keep, drop or refunded" in text
    # One that is vouched for is not asked about.
    text = refused("taobao/orders_2023", tmp_path, preset="taobao", options={"drop_missing_ids": True})
    assert "has a state that nothing is said of: '卖家已发货，等待买家确认' in 1 rows" in text


def test_a_masked_or_missing_customer_is_nobody_unless_asked(tmp_path):
    states = {"column": "订单状态", "keep": ["卖家已发货，等待买家确认"]}
    text = refused("taobao/orders_2023", tmp_path, preset="taobao", options={"states": states})
    assert (
        "1 of 4 rows has a customer_id that names nobody" in text
        and "(first rows: 3; such as 't**8')" in text
    )
    states = {"column": "Financial Status", "keep": ["partially_refunded"]}
    text = refused("shopify/orders", tmp_path, preset="shopify", options={"states": states})
    assert "2 of 8 rows have no customer_id" in text and "drop_missing_ids: true" in text


def test_a_column_that_such_files_never_have_is_told_with_what_to_do(tmp_path):
    assert refused("taobao/lines", tmp_path, preset="taobao/lines").startswith(
        "transactions: customer_id not found. The preset taobao/lines knows no column for it. Columns present: "
    )
    text = refused("taobao/lines", tmp_path, preset="taobao")
    assert (
        "Of such files: the file of order lines names no buyer; take the order list (taobao/orders)" in text
    )
    text = refused("woocommerce/analytics", tmp_path, preset="woocommerce")
    assert "It may be 'Customer'; the preset is not sure of that." in text


GOOD = {
    "label": {"en": "A", "zh": "甲"},
    "source": "seen",
    "exports": {
        "orders": {
            "table": "transactions",
            "label": {"en": "orders", "zh": "订单"},
            "known_by": ["A no", ["A day", "A date"]],
            "columns": {"customer_id": "who", "order_date": ["A day", "A date"], "revenue": "sum"},
        }
    },
}


def faulty(**export) -> dict:
    return GOOD | {"exports": {"orders": GOOD["exports"]["orders"] | export}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD | {"labels": {}}, "labels: Extra inputs"),
        (faulty(knownby=["x"]), "exports.orders.knownby: Extra inputs"),
        (faulty(known_by=[]), "exports.orders.known_by: List should have at least 1 item"),
        (faulty(table="transaction"), "exports.orders: no table transaction; did you mean transactions?"),
        (
            faulty(columns={"custmer_id": "who"}),
            "exports.orders: transactions has no column custmer_id; did you mean customer_id?",
        ),
        (faulty(offers={"who": "x"}), "exports.orders: transactions has no column who"),
        (faulty(options={"refund_colum": "x"}), "exports.orders.options.refund_colum: Extra inputs"),
        (
            faulty(options={"states": {"column": "s", "keep": ["a"], "drop": ["a"]}}),
            "exports.orders.options.states: names a twice",
        ),
        (
            faulty(options={"states": {"column": "s", "keep": ["a"]}}, unsure_states={"drop": ["a"]}),
            "exports.orders: names a twice",
        ),
        (faulty(offers={"revenue": ["sum"]}), "exports.orders: names sum twice"),
        (faulty(label={"en": "orders"}), "exports.orders.label.zh: Field required"),
        (faulty(notes=[{"en": "{n}", "zh": "甲"}]), "exports.orders.notes.0: must have no braces"),
        (faulty(options={"times_in": "Mars"}), "exports.orders.options.times_in: must be a time zone"),
    ],
)
def test_a_faulty_file_names_itself_and_the_key(content, said, tmp_path):
    path = tmp_path / "acme.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        read_preset(path)
    assert "acme.yaml: " in str(caught.value) and said in str(caught.value)


def test_a_sound_file_is_read_and_a_doubled_key_is_not(tmp_path):
    path = tmp_path / "acme.yaml"
    path.write_text(yaml.safe_dump(GOOD, allow_unicode=True), encoding="utf-8")
    export = read_preset(path).exports["orders"]
    assert (export.columns["order_date"], export.known_by[1]) == (("A day", "A date"), ("A day", "A date"))
    path.write_text("label: {en: A, zh: 甲}\nsource: a\nsource: b\nexports: {}\n", encoding="utf-8")
    with pytest.raises(ParamsError, match=r"acme\.yaml: .*source twice.*line 2"):
        read_preset(path)
