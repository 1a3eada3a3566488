"""What a file is and what its columns mean: told by presets, names, types and values, and asked where these differ."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cam.data.engine import workspace
from cam.data.proposals.recognise import Proposal, Recognition, recognise
from cam.data.proposals.synonyms import bare, strength, synonyms
from cam.errors import DataError
from cam.schema import TABLES

CORPUS = Path(__file__).parents[1] / "corpus"
CASES = {path.parent.relative_to(CORPUS).as_posix(): path for path in sorted(CORPUS.rglob("case.yaml"))}

Look = Callable[..., Recognition]


@pytest.fixture
def look(tmp_path: Path) -> Look:
    """Write files, by name, and recognise them."""
    files, scratch = tmp_path / "files", tmp_path / "scratch"
    files.mkdir(exist_ok=True)

    def looked(*paths: Path, **contents: str | bytes) -> Recognition:
        for name, content in contents.items():
            path = files / name.replace("__", ".")
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            paths = (*paths, path)
        folder = scratch / str(len(list(scratch.glob("*"))) if scratch.is_dir() else 0)
        folder.mkdir(parents=True)
        with workspace(folder) as connection:
            return recognise(connection, paths, folder=folder)

    return looked


def table(found: Recognition, name: str = "transactions") -> Proposal:
    return next(proposal for proposal in found.proposals if proposal.table == name)


def mapped(proposal: Proposal, *, sure: bool = True) -> dict[str, str]:
    return {pick.name: pick.columns[0] for pick in proposal.picks if pick.is_sure == sure}


def asked(proposal: Proposal) -> dict[str | None, object]:
    return {doubt.key: doubt.value for doubt in proposal.doubts}


def lines(header: str, row: Callable[[int], object], n: int = 60) -> str:
    return "\n".join([header, *(str(row(i)) for i in range(n))]) + "\n"


def day(i: int) -> str:
    return f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}"


# --- the layouts of real systems ------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_every_file_of_the_corpus_becomes_the_table_that_it_is(case, look):
    told = yaml.safe_load(CASES[case].read_text(encoding="utf-8"))
    sources = told["data"]
    files = [CASES[case].parent / source["path"] for source in sources.values() if isinstance(source, dict)]
    found = look(*files)
    assert {proposal.table: proposal.heads[0].path.name for proposal in found.proposals} == {
        name: source["path"] for name, source in sources.items() if isinstance(source, dict)
    }
    for proposal in found.proposals:
        source = sources[proposal.table]
        wanted = told.get("recognised", {}).get(proposal.table, source.get("preset"))
        if wanted and proposal.preset:
            assert proposal.preset.preset == wanted.split("/")[0]
        # What the person had to write there is what is asked here, or found.
        for name in source.get("columns", {}):
            picks = {pick.name: pick.columns for pick in proposal.picks}
            # A comment is asked for in as many words as there are surveys, and an item in more.
            assert name in picks or name == "comment" or TABLES[proposal.table].column(name) is None


#: Forms of low-code systems: the labels of 订单, 客户, 合同, 回款 and 售后 as templates have them.
MODULES = {
    "订单__csv": lines(
        "订单编号,客户编号,订单金额,下单时间,订单状态,付款方式",
        lambda i: f"D{i},K{i % 9},{i}.50,{day(i)},已完成,微信",
    ),
    "客户__csv": lines(
        "客户编号,客户名称,联系人,联系电话,所属行业", lambda i: f"K{i},公司{i},李四,1390000{i:04d},制造"
    ),
    "售后__csv": lines(
        "服务编号,客户编号,服务类型,服务时间,服务状态", lambda i: f"F{i},K{i % 9},维修,{day(i)},已关闭"
    ),
}


def test_forms_of_a_low_code_system(look):
    found = look(**MODULES)
    assert not found.passed
    assert mapped(table(found)) == {
        "customer_id": "客户编号",
        "order_date": "下单时间",
        "revenue": "订单金额",
        "order_id": "订单编号",
    }
    assert mapped(table(found, "tickets")) == {
        "ticket_id": "服务编号",
        "opened": "服务时间",
        "customer_id": "客户编号",
        "category": "服务类型",
        "status": "服务状态",
    }
    assert mapped(table(found, "customers")) == {"customer_id": "客户编号"}
    assert {option.key: option.value for option in table(found).settled} == {
        "states": {"column": "订单状态", "keep": ["已完成"]}
    }


@pytest.mark.parametrize(
    ("name", "header", "row", "wanted"),
    [
        (
            "contracts",
            "subscription_id,customer_id,start_date,end_date,mrr",
            lambda i: f"{i},c{i % 7},{day(i)},,29",
            4,
        ),
        (
            "contracts",
            "Vertragsnr,Kundennummer,Vertragsbeginn,Vertragsende,Monatsbeitrag",
            lambda i: (
                f"V{i},{i:05d},{1 + i % 28:02d}.01.2022,{'31.12.9999' if i % 3 else '20.07.2023'},19.90"
            ),
            4,
        ),
        (
            "contracts",
            "合同号,客户编号,合同开始日,合同终止日期,月费",
            lambda i: f"H{i},c{i},{day(i)},2025-12-31,29",
            4,
        ),
        (
            "responses",
            "Kundennummer,Abgabedatum,Weiterempfehlung (0-10),Kommentar",
            lambda i: f"{i:05d},{day(i)},{i % 11},gut {i}",
            4,
        ),
        (
            "responses",
            "Customer ID,Submitted,NPS score,Comments",
            lambda i: f"{i},{day(i)},{i % 11},good {i}",
            4,
        ),
        ("snapshot", "customerID,gender,tenure,Churn", lambda i: f"c{i},F,{i},{'Yes' if i % 3 else 'No'}", 3),
        (
            "responses",
            "customer_id,提交时间,您有多大可能推荐我们,意见",
            lambda i: f"c{i},{day(i)},{i % 11},好",
            4,
        ),
    ],
)
def test_tables_that_a_study_can_start_from(look, name, header, row, wanted):
    proposal = table(look(data__csv=lines(header, row)), name)
    assert len(mapped(proposal)) == wanted
    assert set(TABLES[name].required) <= mapped(proposal).keys()


@pytest.mark.parametrize(
    ("name", "header", "row"),
    [
        ("spend", "Day,Platform,Amount spent (USD)", lambda i: f"{day(i)},Meta,12.50"),
        ("leads", "线索编号,创建时间,来源,阶段", lambda i: f"L{i},{day(i)},展会,新建"),
        ("experiment", "user_id,variant,converted", lambda i: f"c{i},{'AB'[i % 2]},{i % 2}"),
        ("customers", "member_no,join_date,source_channel", lambda i: f"c{i},{day(i)},{'AB'[i % 2]}"),
        ("tickets", "ticket_id,member_no,opened_at", lambda i: f"T{i},c{i % 9},{day(i)}"),
        ("refunds", "订单编号,退款金额,退款时间", lambda i: f"D{i},{i}.00,{day(i)}"),
    ],
)
def test_tables_beside_the_orders(look, name, header, row):
    orders = lines("order_id,customer_id,order_date,amount", lambda i: f"D{i},c{i},{day(i)},5")
    proposal = table(look(orders__csv=orders, data__csv=lines(header, row)), name)
    assert set(TABLES[name].required) <= mapped(proposal).keys()
    own = {"customers": {"acquisition_channel": "source_channel"}, "tickets": {"customer_id": "member_no"}}
    assert own.get(name, {}).items() <= mapped(proposal).items()


@pytest.mark.parametrize("written", ["2024-{:02d}", "2024/{}", "{:02d}/2024", "{:02d}.2024", "2024年{}月"])
def test_spend_may_be_told_by_the_month_and_nothing_else_may(look, written):
    orders = lines("order_id,customer_id,order_date,amount", lambda i: f"D{i},c{i},{day(i)},5")
    monthly = lines("Month,Channel,Spend", lambda i: f"{written.format(1 + i % 12)},Web,{i}.50")
    proposal = table(look(orders__csv=orders, a__csv=monthly), "spend")
    assert mapped(proposal) == {"date": "Month", "channel": "Channel", "cost": "Spend"}
    assert "100 % months, each read as its first day" in [str(note) for note in proposal.picks[0].why]
    sales = lines(
        "order_id,customer_id,order_date,amount", lambda i: f"D{i},c{i % 9},{written.format(1 + i % 12)},5.50"
    )
    with pytest.raises(DataError, match="No file is a table"):
        look(b__csv=sales)


# --- laws -----------------------------------------------------------------------------------------


def test_no_column_has_two_roles_and_the_order_of_columns_does_not_matter(look):
    header = ["下单时间", "客户编号", "实付金额", "订单编号", "渠道", "商品名称", "数量"]
    row = {"下单时间": day, "客户编号": "K{}".format, "实付金额": "{}.5".format, "订单编号": "D{}".format}
    row |= {"渠道": lambda i: "店", "商品名称": lambda i: f"货{i % 5}", "数量": lambda i: 1}
    found = []
    for order in (header, header[::-1]):
        content = lines(",".join(order), lambda i, order=order: ",".join(str(row[name](i)) for name in order))
        found.append(mapped(table(look(a__csv=content))))
        assert len(set(found[-1].values())) == len(found[-1])
    assert found[0] == found[1]
    assert len(found[0]) == 7


def test_files_of_one_header_are_one_table_and_others_are_asked_about(look):
    one, two = (
        lines("order_id,customer_id,order_date,amount", lambda i, s=s: f"{s}{i},c{i},{day(i)},5")
        for s in "ab"
    )
    payments = lines("payment_id,customer_id,payment date,amount", lambda i: f"p{i},c{i},{day(i)},5")
    found = look(orders_1__csv=one, orders_2__csv=two, payments__csv=payments)
    assert [head.path.name for head in table(found).heads] == ["orders_1.csv", "orders_2.csv"]
    assert not found.passed and found.n_questions == 0  # nothing that stays open for ever
    assert [str(note) for note in found.others] == [
        "payments.csv: looks like transactions too, and is not read, for orders_1.csv is: name it there instead, "
        "or give it a client of its own with cam new"
    ]


def test_ids_that_stand_in_another_file_settle_who_a_column_names(look):
    orders = lines("order_id,buyer,order_date,amount", lambda i: f"o{i},K{i % 30},{day(i)},5")
    alone = table(look(orders__csv=orders))
    assert "customer_id" in mapped(alone, sure=False)
    beside = table(look(orders__csv=orders, customers__csv=lines("customer_id,city", lambda i: f"K{i},上海")))
    assert mapped(beside)["customer_id"] == "buyer"
    assert "100 % of them stand in customers" in str(beside.picks[0].why)


def test_names_are_alike_whatever_their_clothes():
    worth = strength("transactions", "revenue", "实付金额(元)")
    assert (
        worth
        == strength("transactions", "revenue", " 实付金额（元） ")
        == strength("transactions", "revenue", "实付金额")
    )
    assert bare("Order_ID") == bare("order id") == bare("ＯＲＤＥＲ－ＩＤ")


def test_the_dictionary_names_columns_of_the_schema_and_no_state_twice():
    for name, columns in synonyms().columns.items():
        assert {column.name for column in TABLES[name].columns} == columns.keys()
    told = yaml.safe_load((Path(strength.__code__.co_filename).parent / "synonyms.yaml").read_text())[
        "states"
    ]
    words = [bare(word) for kind in ("keep", "drop", "refunded") for word in told[kind]]
    assert len(words) == len(set(words))


# --- what is asked, not guessed -------------------------------------------------------------------


def test_which_of_two_amounts_was_paid_is_asked(look):
    content = lines(
        "订单编号,客户编号,下单时间,实付金额,应付金额", lambda i: f"D{i},K{i},{day(i)},{i},{i + 1}"
    )
    proposal = table(look(a__csv=content))
    (revenue,) = [pick for pick in proposal.picks if pick.name == "revenue"]
    assert (revenue.columns, revenue.rivals, revenue.is_sure) == (("实付金额",), ("应付金额",), False)
    same = lines("订单编号,客户编号,下单时间,实付金额,应付金额", lambda i: f"D{i},K{i},{day(i)},{i},{i}")
    assert mapped(table(look(b__csv=same)))["revenue"] == "实付金额"


def test_day_or_month_comma_or_point_which_currency(look):
    content = lines(
        "Invoice No;Customer;Invoice Date;Net amount;Currency",
        lambda i: f"{i};c{i};0{1 + i % 9}/0{1 + i % 8}/2024;1.{i:03d},50;{'EUR' if i % 2 else 'USD'}",
    )
    proposal = table(look(sales__csv=content.encode("utf-16")))
    assert asked(proposal) == {"date_format": "%d/%m/%Y", "decimal": ",", None: None}
    said = " ".join(str(doubt.why) for doubt in proposal.doubts)
    assert "is 01/02/2024" not in said  # the first that is two days
    assert "The latter is %m/%d/%Y" in said
    assert "the comma of 1.000,50" in said
    assert "several currencies: EUR (30), USD (30)" in said
    clear = content.replace("01/01/2024", "31/01/2024")
    assert "date_format" not in asked(table(look(sales2__csv=clear)))


@pytest.mark.parametrize(
    ("amounts", "said"),
    [
        (["￥1,000.50", "¥12.00", "13.00元", "14.00"], None),
        (["¥12.00", "13.00元", "$14.00"], "several currencies: CNY (40), $ (20)"),
        (["¥12.00", "CNY 13.00", "JPY 1400"], "several currencies: CNY (20), JPY (20), ¥ (20)"),
    ],
)
def test_a_sign_is_the_one_currency_beside_it_that_it_fits(look, amounts, said):
    content = lines(
        "订单编号;客户编号;下单时间;实付金额", lambda i: f"D{i};K{i};{day(i)};{amounts[i % len(amounts)]}"
    )
    told = [str(doubt.why) for doubt in table(look(a__csv=content)).doubts if "currencies" in str(doubt.why)]
    assert [words.split(";")[0] for words in told] == ([said] if said else [])


def test_totals_that_every_line_repeats_and_refunds_in_a_column(look):
    content = lines(
        "order_id,customer_id,order_date,amount,refund_amount",
        lambda i: f"o{i // 3},c{i // 3},{day(i // 3)},{100 + i // 3},{5 * (i % 2)}",
    )
    assert asked(table(look(a__csv=content))) == {"refund_column": "refund_amount", "revenue_per": "order"}
    own = lines(
        "order_id,customer_id,order_date,amount", lambda i: f"o{i // 3},c{i // 3},{day(i // 3)},{100 + i}"
    )
    assert asked(table(look(b__csv=own))) == {}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Refunded Amount",
            "Total refund",
            "Rückerstattung",
            "Erstattung (EUR)",
            "Gutschrift",
            "Gutschriften",
        ),
        *("Rückzahlung", "Storno", "Stornobetrag", "Remboursement", "Montant remboursé", "Reembolso"),
        *("Importe reembolsado", "Rimborso", "退款金额", "退货额", "退货金额（元）", "退款额", "实退金额"),
    ],
)
def test_what_was_paid_back_is_asked_about_in_any_language(look, name):
    content = lines(
        f"Kundennummer;Rechnungsdatum;Umsatz;{name}",
        lambda i: f"{i % 9:05d};{day(i)};{100 + i},24;{'5,00' if i % 3 else ''}",
    )
    assert asked(table(look(a__csv=content)))["refund_column"] == name
    flags = lines(
        f"Kundennummer;Rechnungsdatum;Umsatz;{name}", lambda i: f"{i % 9};{day(i)};{100 + i};{i % 2}"
    )
    assert "refund_column" not in asked(table(look(b__csv=flags)))


@pytest.mark.parametrize(
    ("price", "units"),
    [
        *(("Unit price", "Qty"), ("Einzelpreis", "Menge"), ("Stückpreis (EUR)", "Anzahl")),
        *(("Preis pro Stück", "Stückzahl"), ("Prix unitaire", "Quantité"), ("Precio unitario", "Cantidad")),
        *(("Prezzo unitario", "Quantità"), ("单价", "数量"), ("商品单价(元)", "件数"), ("Preis", "Stück")),
    ],
)
def test_the_price_of_one_unit_is_asked_about_in_any_language(look, price, units):
    content = lines(
        f"Bestellnummer;Kundennummer;Bestelldatum;{units};{price}",
        lambda i: f"{i};{i % 9};{day(i)};{1 + i % 4};{i},68",
    )
    assert asked(table(look(a__csv=content)))["multiply_by"] == units
    whole = content.replace(price, price + ";Gesamtbetrag").replace(",68", ",68;99,50")
    proposal = table(look(b__csv=whole))
    assert mapped(proposal)["revenue"] == "Gesamtbetrag" and "multiply_by" not in asked(proposal)


def test_states_that_nobody_knows_are_named(look):
    content = lines(
        "order_id,customer_id,order_date,amount,status",
        lambda i: f"o{i},c{i},{day(i)},5,{['paid', 'cancelled', 'zorp'][i % 3]}",
    )
    proposal = table(look(a__csv=content))
    assert proposal.settled[0].value == {"column": "status", "keep": ["paid"], "drop": ["cancelled"]}
    assert "zorp (20)" in str(proposal.doubts[0].why)


def test_one_customer_in_most_rows_may_be_nobody(look):
    content = lines(
        "order_id,customer_id,order_date,amount", lambda i: f"o{i},{i if i % 2 else 0},{day(i)},5", 100
    )
    assert asked(table(look(a__csv=content))) == {"guests": ["0"]}


def test_lines_above_and_below_the_table(look):
    content = "2024年订单报表\n导出时间：2024-06-01\n" + lines(
        "订单编号,客户编号,下单时间,实付金额,数量", lambda i: f"D{i},K{i},{day(i)},5,1"
    )
    proposal = table(look(a__csv=content.encode("gb18030")))
    assert {option.key: option.value for option in proposal.settled} == {"skip_rows": 2}
    assert proposal.heads[0].n_rows == 60


def test_a_file_without_a_header_and_one_that_names_columns_twice(look):
    bare_rows = "".join(f" {i % 60:05d} 199701{1 + i % 28:02d} 2 {i}.50\n" for i in range(200))
    proposal = table(look(cdnow__txt=bare_rows))
    assert {option.key: option.value for option in proposal.settled} == {
        "delimiter": "whitespace",
        "names": ["column1", "column2", "column3", "column4"],
    }
    assert mapped(proposal, sure=False) == {
        "customer_id": "column1",
        "order_date": "column2",
        "revenue": "column4",
    }
    twice = lines("order_id,customer_id,order_date,amount,note,note", lambda i: f"o{i},c{i},{day(i)},5,a,b")
    options = {option.key: option.value for option in table(look(b__csv=twice)).settled}
    assert options["skip_rows"] == 1
    assert options["names"][-2:] == ["note", "note (2)"]


@pytest.mark.parametrize(
    ("named", "personal", "unused", "product"),
    [
        (
            "Anna Meyer{k}",
            {"Name": "name of a person"},
            (),
            None,
        ),  # with its number, no form tells that it is a person
        ("Meyer {k} GmbH", {}, ("Name",), None),
        ("Mug {i}", {}, (), "Name"),  # customers buy different ones
        ("Plan {few}", {}, (), "Name"),  # many customers have the same
    ],
)
def test_a_name_with_one_value_for_each_customer_is_no_product(look, named, personal, unused, product):
    content = lines(
        "Bestellnummer,Kundennummer,Bestelldatum,Gesamtbetrag,Name",
        lambda i: f"{i},{i % 20},{day(i)},{i}.50," + named.format(i=i, k=i % 20, few=i % 20 % 3),
    )
    found = table(look(a__csv=content))
    assert mapped(found, sure=False).get("product") == product
    assert (found.personal, found.unused) == (personal, unused)


def test_of_two_columns_of_one_name_a_person_says_which_is_meant(look):
    header = "order_id,customer_id,Date,Amount,Date,Amount"
    found = table(
        look(a__csv=lines(header, lambda i: f"o{i},c{i % 9},2024-01-05,{i}.50,2024-01-07,{2 * i}.25"))
    )
    assert mapped(found, sure=False) == {"order_date": "Date", "revenue": "Amount"}
    picks = {pick.name: pick for pick in found.picks}
    assert picks["order_date"].rivals == ("Date (2)",)
    assert str(picks["order_date"].why[-1]) == (
        "several columns have this name; one row has Date 2024-01-05, Date (2) 2024-01-07: which of them is it?"
    )
    assert picks["revenue"].rivals == ("Amount (2)",)
    assert str(picks["revenue"].why[-1]) == (
        "several columns have this name; in the rows looked at they sum to Amount 1,800.00, Amount (2) 3,555.00: "
        "which of them is it?"
    )
    # The same again, or nothing, or no amounts at all: there is nothing to ask.
    for second in ("{i}.50", "", "paid"):
        row = "o{i},c{k},2024-01-05,{i}.50,2024-01-05," + second
        one = table(
            look(**{f"b{len(second)}__csv": lines(header, lambda i, row=row: row.format(i=i, k=i % 9))})
        )
        assert mapped(one)["revenue"] == "Amount", second
        assert not any("several columns" in str(note) for pick in one.picks for note in pick.why)


def test_a_long_file_is_looked_at_not_read(look, tmp_path):
    path = tmp_path / "orders.csv"
    row = 'o{i},c{i},2024-01-01,5,"a, b\nc"\n' + "x" * 0
    with path.open("w") as stream:
        stream.write("order_id,customer_id,order_date,amount,note\n")
        stream.writelines(row.format(i=i) for i in range(200_000))
    head = table(look(path)).heads[0]
    assert not head.is_counted
    assert head.n_rows == pytest.approx(200_000, rel=0.1)  # rows grow a little longer
    assert len(mapped(table(look(path)))) == 4


# --- what cannot be used --------------------------------------------------------------------------


def test_all_files_that_cannot_be_read_are_named_at_once(look, tmp_path):
    good = tmp_path / "orders.csv"
    good.write_text(lines("order_id,customer_id,order_date,amount", lambda i: f"o{i},c{i},{day(i)},5"))
    (tmp_path / "page.csv").write_text("<!DOCTYPE html><html></html>")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "bad.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(DataError) as caught:
        look(
            good,
            tmp_path / "order.csv",
            tmp_path,
            *(tmp_path / name for name in ("page.csv", "empty.csv", "bad.xlsx")),
        )
    said = str(caught.value)
    for part in (
        "order.csv: no such file; did you mean orders.csv?",
        "a folder, not a file. Name its files, as in",
        "page.csv is not what its name says: it holds a web page",
        "empty.csv is empty",
        "bad.xlsx cannot be read as a workbook",
    ):
        assert part in said
    assert "look0" not in said and "look1" not in said


def test_nothing_to_start_from(look):
    with pytest.raises(DataError) as caught:
        look(kunden__csv=lines("customer_id,city,age", lambda i: f"c{i},Bern,{i}"))
    assert "No file is a table that a study can start from" in str(caught.value)
    assert "kunden.csv: looks like customers" in str(caught.value)
