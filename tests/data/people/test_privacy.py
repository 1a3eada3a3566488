"""Columns that name a person are left out unless asked for; what studies need stays."""

from __future__ import annotations

import json
import random

import duckdb
import pytest

from cam.data.files.sources import Raw
from cam.data.people.privacy import by_name, by_values, has_valid_check, personal_columns

ADDRESS, PHONE, NAME = "address", "telephone number", "name of a person"

#: Headers of real exports (Shopify, WooCommerce, Qualtrics, Zoho, Taobao, JD, Youzan, Wenjuanxing) and of forms.
PERSONAL = {
    NAME: (
        "First Name|Last Name|Billing Name|Shipping Name|billing_first_name|RecipientLastName|Contact Name|full_name"
        "|user_name|nickname|customerName|contact person|姓名|联系人|收货人姓名|买家会员名|买家昵称|客户姓名"
        "|收货人/提货人|1、您的姓名"
    ),
    PHONE: (
        "Billing Phone|Default Address Phone|billing_phone|tel|fax|Mobile No|msisdn|phone|联系电话|联系手机|买家手机号"
        "|收货人手机号/提货人手机号|手机号"
    ),
    "e-mail address": "Email|Customer Email|RecipientEmail|Email Address|billing_email|e-mail|邮箱|电子邮件",
    ADDRESS: (
        "Billing Address1|Billing Street|BillingStreet|Shipping Address1|billing_address_1|Default Address Address1"
        "|address|street|LocationLatitude|收货地址|修改后的收货地址|详细收货地址/提货地址|客户地址|家庭住址"
    ),
    "identity number": "ssn|passport_no|National ID|身份证号|护照号码",
    "date of birth": "DOB|date_of_birth|birthday|Birth Date|生日|出生日期",
    "IP address": "IPAddress|IP Address|last_ip|来自IP",
    "account of a person": "wechat|card_number|IBAN|openid|买家支付宝账号|下单帐号|微信号|QQ号",
}
KEPT = (
    "Billing City|BillingPostalCode|Billing Zip|Shipping City|region|city_tier|postcode|zip|state|country"
    "|Billing Company"
    "|company_name|product_name|store_name|plan_name|Lineitem name|Campaign Name|file_name|Accepts Email Marketing"
    "|Accepts SMS Marketing|email_opt_in|has_email|email_opens|email_domain|phone_model|phone_line|PhoneService"
    "|mobile_os"
    "|handset_brand|contact_channel|preferred_contact|last_login|address_type|age|birth_year|birth_month|gender|income"
    "|satisfaction_phone|n_calls|membership|Industry|DistributionChannel|UserLanguage|salutation"
    "|店铺名称|商品名称|公司名称|城市|城市等级|省份|地区|收货人省份|收货人城市|收货人地区|邮编|年龄|出生年份|性别|职业|收入|会员等级"
    "|手机品牌|手机归属地|客户级别|客户编号|来源|优惠券码名称|电话客服满意度|物流公司|支付方式"
)


@pytest.mark.parametrize(("what", "names"), PERSONAL.items())
def test_names_that_name_a_person(what, names):
    assert {name: by_name(name, ["Ann Lee", "张伟"]) for name in names.split("|")} == dict.fromkeys(
        names.split("|"), what
    )


def test_names_of_what_studies_need():
    values = ["Leeds", "York", "Hull"]
    assert [name for name in KEPT.split("|") if by_name(name, values)] == []


def test_a_bare_name_is_a_persons_unless_something_says_company():
    for name in ("Name", "客户名称", "Account Name", "customer"):
        assert by_name(name, ["Ann Lee", "张伟", "Bob"]) == NAME
        assert by_name(name, ["Lee Ltd", "上海张记有限公司", "Bob's store"]) is None
        assert by_name(name, ["Ann Lee", "张伟", "Bob"], has_companies=True) is None
        assert by_name(name, ["C0001", "C0002", "C0003"]) is None
    assert by_name("First Name", ["Ann", "Bob"], has_companies=True) == NAME


def test_groups_and_questions_name_nobody():
    assert by_name("phone", ["yes", "no"] * 30) is None
    assert by_name("item_address", ["5", "4", "7"]) is None
    question = "您对我们客服人员通过电话解决问题的方式怎么看"
    assert by_name(question, ["很好", "一般", "不错"], is_survey=True) is None
    assert by_name("How did you like our address book in the new app?", ["much"], is_survey=True) is None
    assert by_name("您的手机号", ["…"], is_survey=True) == PHONE


VALUES = {
    "e-mail address": ["ann@shop.com", "b.c@mail.co.uk", "x+y@z.org"],
    PHONE: ["13812345678", "15987654321", "+86 18600001111"],
    "telephone number": ["138****5678", "159****4321", "186****1111"],
    "IP address": ["10.1.2.3", "192.168.0.255(广东-深圳)", "8.8.8.8"],
    "identity number": ["11010519491231002X", "440524188001010014", "11010519491231002x"],
    ADDRESS: ["12 Main St", "4b Old Mill Road", "7 King's Avenue, Leeds"],
}


@pytest.mark.parametrize(("what", "values"), VALUES.items())
def test_values_that_name_a_person(what, values):
    assert by_values(values) == what


def test_values_of_chinese_addresses_and_names():
    assert (
        by_values(["上海市浦东新区世纪大道100号", "北京市海淀区中关村大街27号", "天河区某小区3栋502室"])
        == ADDRESS
    )
    names = [first + last for first in "王李张刘陈杨黄赵周吴" for last in ("伟", "秀英", "娜", "强")]
    assert by_values(names) == NAME
    assert by_values(["张家口", "常州", "江门", "金华", "温州", "杭州", "南京", "成都"] * 10) is None


@pytest.mark.parametrize(
    "values",
    [
        [f"138000{n:05d}" for n in range(200)],  # numbers of orders, counted up
        [f"2024010500{n}" for n in range(10, 200)],
        [f"{19.99 + n:.2f}" for n in range(200)],
        [str(1_700_000_000 + 977 * n) for n in range(200)],  # moments
        [f"{n:06d}" for n in range(100000, 100200)],  # postcodes
        ["2024-01-05", "2024-01-06", "2024-02-07"],
        [
            "110101199003070038",
            "110101199003070039",
            "110101199003070040",
            "110101199003070041",
        ],  # no checksums
        ["Leeds", "York", "Hull", "广州市", "深圳市"],
        ["1.2", "1.3", "2.0.1"],
        ["5k_to_10k", "10k_to_20k", "20k_plus"],
    ],
    ids=[
        "orders",
        "ids",
        "amounts",
        "moments",
        "postcodes",
        "dates",
        "numbers",
        "cities",
        "versions",
        "bands",
    ],
)
def test_values_that_do_not(values):
    assert by_values(values) is None


def test_the_check_digit_of_identity_numbers():
    # The example of the standard itself (GB 11643-1999, annex).
    assert has_valid_check("11010519491231002X")
    assert has_valid_check("440524188001010014")
    assert not has_valid_check("110105194912310021")


def people(n: int) -> str:
    rng = random.Random(5)
    lines = [
        f"c{i},Ann {i} Lee,{'13' if i % 2 else '15'}{rng.randrange(10**9):09d},Leeds,{20 + i % 50},note {i}"
        for i in range(n)
    ]
    return "customer_id,Full Name,k7,region,age,birth_year\n" + "\n".join(lines) + "\n"


def test_what_is_left_out_is_told_and_what_is_asked_for_stays(client):
    client.write("orders.csv", "customer_id,order_date,revenue\nc1,2024-01-05,1\n")
    client.write("people.csv", people(60))
    tables = {"transactions": {"path": "orders.csv"}, "customers": {"path": "people.csv"}}
    prepared = client.prepare(tables)
    review = prepared.review["tables"]["customers"]
    assert review["columns"] == ["customer_id", "region", "age", "birth_year"]
    assert review["columns_personal"] == {"Full Name": NAME, "k7": PHONE}
    assert review["columns_unused"] == []
    assert "Ann" not in json.dumps(duckdb.sql(f"FROM '{prepared.path('customers')}'").fetchall())
    tables["customers"]["columns"] = {"k7": "k7", "person": "Full Name"}
    review = client.prepare(tables).review["tables"]["customers"]
    assert review["columns_personal"] == {}
    assert set(review["columns"]) == {"customer_id", "k7", "person", "region", "age", "birth_year"}


@pytest.mark.slow
def test_a_phone_is_found_in_a_big_table():
    with duckdb.connect() as base:
        base.execute(
            "CREATE TABLE t AS SELECT i AS customer_id, 'Leeds' AS region, i % 80 AS age, NULL::VARCHAR AS empty, "
            "'13' || lpad((i * 7919 % 1000000000)::VARCHAR, 9, '0') AS k FROM range(5_000_000) AS s(i)"
        )
        columns = {row[0]: row[1] for row in base.execute("DESCRIBE t").fetchall()}
        found = personal_columns(
            base, Raw("customers", "t", columns, (), ()), ["region", "age", "empty", "k"]
        )
        assert found == {"k": PHONE}
