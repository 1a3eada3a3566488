"""What a person is asked of a real export: nothing is filled in that only looks likely, and each answer is valid."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cam.data.engine import workspace
from cam.data.people.privacy import by_name
from cam.data.proposals.draft import draft, told
from cam.data.proposals.questions import comment_columns
from cam.data.proposals.recognise import Recognition, recognise
from cam.data.proposals.roles import recognised_surely
from cam.params import Params, read_params


def look(folder: Path, **contents: str) -> Recognition:
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(content, encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch, workspace(Path(scratch)) as connection:
        return recognise(connection, paths, folder=Path(scratch))


def lines(header: str, row: Callable[[int], str], n: int = 60) -> str:
    return "\n".join([header, *(row(i) for i in range(n))]) + "\n"


def day(i: int) -> str:
    return f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}"


def written(found: Recognition, root: Path) -> str:
    return draft(found, name="acme", root=root, language="en", currency=None, say=str)


def accepted(text: str, folder: Path) -> Params:
    path = folder / "acme.yaml"
    path.write_text(text, encoding="utf-8")
    return read_params(path)


def said(found: Recognition) -> str:
    return " ".join(str(doubt.why) for one in found.proposals for doubt in one.doubts)


def test_columns_and_states_of_a_german_shop(tmp_path):
    found = look(
        tmp_path,
        bestellungen=lines(
            "Bestellnummer;Kundennummer;Bestelldatum;Status;Menge;Einzelpreis;Betrag",
            lambda i: (
                f"B{i};K{i % 9};{1 + i % 28:02d}.01.2024;{['Bezahlt', 'Storniert', 'Offen'][i % 3]};1;{i},50;{i},50"
            ),
        ),
    )
    (one,) = found.proposals
    assert {pick.name: pick.columns[0] for pick in one.picks if pick.is_sure} == {
        "customer_id": "Kundennummer",
        "order_date": "Bestelldatum",
        "revenue": "Betrag",
        "order_id": "Bestellnummer",
        "quantity": "Menge",
    }
    assert one.settled[-1].value == {"column": "Status", "keep": ["Bezahlt"], "drop": ["Storniert"]}
    assert "no list knows: Offen (20)" in said(found)


def test_by_values_alone_the_one_that_buys_again_is_the_customer(tmp_path):
    content = lines(
        "Numer zlecenia;Numer osoby;Kiedy;Ile",
        lambda i: f"Z{i // 2};{(i // 2) * 7 % 13:05d};{day(i // 2)};{i}.25",
        120,
    )
    (one,) = look(tmp_path, a=content).proposals
    picks = {pick.name: pick for pick in one.picks}
    assert not any(pick.is_sure for pick in one.picks)
    assert (picks["customer_id"].columns, picks["order_id"].columns) == (
        ("Numer osoby",),
        ("Numer zlecenia",),
    )
    assert "or, with so many different values: Numer zlecenia (60)" in picks["customer_id"].why


def test_states_that_no_list_knows_are_sorted_by_nobody(tmp_path):
    content = lines(
        "order_id,customer_id,order_date,amount,status",
        lambda i: f"o{i},c{i % 9},{day(i)},5,{'zorp' if i % 3 else 'blip'}",
    )
    found = look(tmp_path, a=content)
    (doubt,) = found.proposals[0].doubts
    assert doubt.value == {"column": "status", "keep": [], "drop": [], "refunded": []}
    assert "Met: zorp (40), blip (20)" in str(doubt.why)


def test_what_every_run_would_stop_at_is_asked(tmp_path):
    guests = lines(
        "order_id,email,order_date,amount,phone",
        lambda i: f"o{i},{f'a{i % 9}@b.co' if i % 4 else ''},{day(i)},5.50,+4930123{i}",
    )
    found = look(tmp_path, a=guests)
    assert "15 of 60 rows have no email, their revenue is 82.50: leave them out? Or" in said(found)
    assert "columns.customer_id: [email, phone]" in said(found)
    masked = lines("订单编号,买家会员名,下单时间,实付金额", lambda i: f"D{i},t**,{day(i)},5")
    assert "60 of 60 values of 买家会员名 are masked (such as t**)" in said(look(tmp_path, b=masked))
    three = lines("order_id,customer_id,order_date,amount", lambda i: f"o{i},c{i % 9},{day(i)},5.{100 + i}")
    assert "does the point of 5.1" in said(look(tmp_path, c=three))
    for content in (guests, masked, three):
        assert look(tmp_path, d=content).n_questions > 0


def test_tickets_with_an_amount_paid_back_may_be_refunds_too(tmp_path):
    orders = lines("订单编号,客户编号,下单日期,金额", lambda i: f"D{i},K{i % 9},{day(i)},50")
    tickets = lines(
        "工单编号,客户编号,订单编号,登记日期,问题类型,状态,退款金额(元),完成日期",
        lambda i: f"S{i},K{i % 9},D{i},{day(i)},质量,已解决,{i % 5},{day(i)}",
    )
    found = look(tmp_path, 订单=orders, 售后=tickets)
    ticket = next(one for one in found.proposals if one.table == "tickets")
    assert ticket.preset is None  # one common name is no evidence of a system
    assert {pick.name: pick.columns[0] for pick in ticket.picks}.items() >= {
        ("closed", "完成日期"),
        ("opened", "登记日期"),
    }
    (second,) = found.seconds
    assert second.columns == {"order_id": "订单编号", "refund": "退款金额(元)", "refund_date": "完成日期"}
    text = written(found, tmp_path)
    answered = accepted(re.sub(r"^  # \? (refunds:)", r"  \1", text, flags=re.MULTILINE), tmp_path)
    assert answered.data.refunds.columns["refund"] == "退款金额(元)"


def test_an_export_of_unseen_labels_needs_two_that_are_its_own(tmp_path):
    common = look(tmp_path, a=lines("订单编号,客户编号,下单日期,金额", lambda i: f"D{i},K{i},{day(i)},5"))
    own = lines("客户编号,客户名称,成交状态,最后成交时间", lambda i: f"K{i},公司{i},已成交,{day(i)}")
    both = look(
        tmp_path, a=lines("订单编号,客户编号,下单日期,金额", lambda i: f"D{i},K{i},{day(i)},5"), b=own
    )
    assert recognised_surely(common.proposals[0].heads[0]) == []
    assert [one.preset for one in recognised_surely(both.proposals[1].heads[0])] == ["fxiaoke"]


def test_words_for_no_refund_are_offered_and_never_filled_in(tmp_path):
    text = lines(
        "订单编号,买家会员名,买家实际支付金额,订单状态,订单付款时间,退款金额",
        lambda i: f"99{i},tb{i % 9},{i}.50,交易成功,{day(i)},{'3.00' if i % 9 == 0 else '无退款申请'}",
    )
    found = look(tmp_path, taobao=text)
    file = written(found, tmp_path)
    assert "# ? options: {blanks: [无退款申请]}" in file
    assert not accepted(file, tmp_path).data.sources["transactions"].options.blanks
    assert "nobody has verified that these words stand for none" in said(found)


def test_two_currencies_are_named_with_their_rows_and_most_are_proposed(tmp_path):
    content = lines(
        "order_id,customer_id,order_date,amount,currency",
        lambda i: f"o{i},c{i % 9},{day(i)},5,{'USD' if i % 3 else 'EUR'}",
    )
    text = written(look(tmp_path, a=content), tmp_path)
    assert "the amounts name USD (40), EUR (20)" in text and "# ? currency: USD" in text


def test_a_personal_id_asks_whether_reports_show_it(tmp_path):
    content = lines("order_id,email,order_date,amount", lambda i: f"o{i},a{i % 9}@b.co,{day(i)},5")
    text = written(look(tmp_path, a=content), tmp_path)
    assert re.search(r"^  # \? customer_ids: hashed", text, re.MULTILINE)


HARD = {
    "only questions": lines(
        "Numer;Osoba;Kiedy;Ile;status", lambda i: f"Z{i};O{i % 7};0{1 + i % 9}/0{1 + i % 8}/2024;{i},25;zorp"
    ),
    "some are sure": lines(
        "order_id,buyer,order_date,amount,status,refund",
        lambda i: f"o{i // 3},b{i // 3 % 9},{day(i // 3)},{5 + i // 3},{'paid' if i % 2 else 'zorp'},{i % 2}",
    ),
    "a preset": lines(
        "订单编号,买家会员名,买家实际支付金额,订单状态,订单付款时间",
        lambda i: f"D{i},n{i % 9},5,{'交易成功' if i % 2 else '卖家已发货，等待买家确认'},{day(i)}",
    ),
    "nothing needed is there": lines("日期,金额,备注", lambda i: f"{day(i)},{i}.5,x"),
}


@pytest.mark.parametrize("name", HARD)
def test_any_question_alone_may_be_answered(name, tmp_path):
    contracts = lines("customer_id,start_date,end_date", lambda i: f"c{i},2024-01-01,")
    beside = {} if name == "only questions" else {"subs": contracts}
    text = written(look(tmp_path, sales=HARD[name], **beside), tmp_path)
    rows = text.split("\n")
    places = [at for at, row in enumerate(rows) if re.match(r" *# \? ", row)]
    assert len(places) >= 2
    for at in places:
        answered = [*rows[:at], rows[at].replace("# ? ", "", 1), *rows[at + 1 :]]
        accepted("\n".join(answered), tmp_path)


def test_no_name_of_the_reader_is_shown_and_lines_left_out_are_quoted(tmp_path):
    content = "Bestellnummer;Kundennummer;Bestelldatum;Betrag;Ort\n" + "".join(
        f"B{i};K{i % 9};{day(i)};5;Köln\n" for i in range(60)
    )
    path = tmp_path / "a.csv"
    path.write_bytes((content + "Gesamt;;;300;\nTotal;;;300;\n").encode("cp1252"))
    with tempfile.TemporaryDirectory() as scratch, workspace(Path(scratch)) as connection:
        found = recognise(connection, [path], folder=Path(scratch))
    shown = "\n".join(told(found, language="en", currency=None, say=str))
    assert "look0" not in shown and "data.transactions.options.encoding" in shown
    assert "Total 300" in shown


def test_answers_in_words_and_what_names_a_person():
    texts = ["What could we do better?", *(["Faster delivery", "Great!", "Packaging was broken"] * 9)]
    assert comment_columns(["Q3", "Q4"], {"Q3": texts, "Q4": ["Yes", "No"] * 9}) == ("Q3",)
    few = ["52.5"] * 60
    assert by_name("LocationLatitude", few) and by_name("Account Owner", ["Jane Roe", "Max Power"] * 40)
    assert by_name("Note", []) and by_name("备注", ["老客户，注意包装"])
    kept = ("Default Address Company", "Default Address Zip", "Home Owner", "OwnerId")
    assert not any(by_name(name, ["Yes", "No"] * 40) for name in kept)


@pytest.mark.parametrize(
    ("name", "above", "currency", "why"),
    [
        ("amount_usd", "", "USD", "as the name of the column amount_usd says"),
        ("Umsatz (TEUR)", "", "EUR", "as the name of the column Umsatz (TEUR) says"),
        ("Revenue GBP", "", "GBP", "as the name of the column Revenue GBP says"),
        ("销售额（美元）", "", "USD", "as the name of the column 销售额（美元） says"),
        (
            "Umsatz",
            "Angaben in TEUR\n\n",
            "EUR",
            "as a line above the header says: Angaben in TEUR",
        ),
    ],
)
def test_a_currency_that_a_name_or_a_title_says_is_proposed_with_it(tmp_path, name, above, currency, why):
    content = above + lines(
        f"order_id,customer_id,order_date,{name}", lambda i: f"o{i},c{i % 9},{day(i)},5.5"
    )
    found = look(tmp_path, a=content)
    text = written(found, tmp_path)
    assert f"\n  currency: {currency} " in text and why in " ".join(text.replace("#", " ").split())
    assert "client.currency" not in "".join(told(found, language="en", currency=None, say=str))


@pytest.mark.parametrize(
    ("name", "amounts", "why", "likely"),
    [
        ("amount_usd", "€5", "names of columns and titles say USD, the amounts EUR (60)", "EUR"),
        ("Revenue EUR", "$5", "names of columns and titles say EUR, the amounts $ (60)", "EUR"),
        ("Amount USD/EUR", "5", "names of columns and titles say USD, EUR: which", "USD"),
        ("Amount ($)", "5", "a name has the sign $, which several have", "USD"),
    ],
)
def test_a_currency_on_which_names_and_signs_differ_is_asked(tmp_path, name, amounts, why, likely):
    content = lines(f"order_id,customer_id,order_date,{name}", lambda i: f"o{i},c{i % 9},{day(i)},{amounts}")
    found = look(tmp_path, a=content)
    text = written(found, tmp_path)
    assert why in " ".join(text.replace("#", " ").split())
    assert re.search(rf"^  # \? currency: {likely}\b", text, re.MULTILINE)


def test_a_sign_that_fits_the_currency_of_a_name_says_nothing_else(tmp_path):
    content = lines("order_id,customer_id,order_date,Revenue HKD", lambda i: f"o{i},c{i % 9},{day(i)},$5")
    assert "  currency: HKD " in written(look(tmp_path, a=content), tmp_path)
    content = lines("订单编号,客户编号,下单时间,销售额（¥）", lambda i: f"o{i},c{i % 9},{day(i)},5")
    assert "  currency: CNY " in written(look(tmp_path, b=content), tmp_path)
