"""Masking: whatever tells who wrote a comment is gone, in any clothing; what is no contact stays."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cam.measures.satisfaction.masking import MOST_CHARACTERS, masked, without_marks

#: Ways to write a digit, one for one.
CLOTHES = ("0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "⓪①②③④⑤⑥⑦⑧⑨")
GAPS = st.sampled_from(
    ["", "", "", " ", "-", ".", " - ", "—", "·", "\u200b", "\u2060", "\u3000", "_", ")", "\ufe0f\u20e3"]
)
AROUND = st.sampled_from(
    ["", "call me ", "请联系我：", "my phone is ", "電話", "Tel.", " thanks", "，谢谢", "（", "!"]
)


def digits_left(text: str) -> str:
    return "".join(str(unicodedata.digit(sign)) for sign in text if unicodedata.digit(sign, None) is not None)


def dressed(digits: str, clothes: int, gaps: list[str]) -> str:
    table = str.maketrans(CLOTHES[0], CLOTHES[clothes])
    return "".join(sign.translate(table) + gap for sign, gap in zip(digits, [*gaps, ""], strict=True))


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail anna.b+shop@firm.co.uk now", "mail [e-mail] now"),
        ("邮箱zhang_3@qq.com，谢谢", "邮箱[邮箱]，谢谢"),
        ("jo (at) firm (dot) com", "[e-mail]"),
        ("write to jo at firm dot com", "write to [e-mail]"),
        ("ＪＯ＠ＦＩＲＭ．ＣＯＭ please", "[e-mail] please"),
        ("+1 202-555-0199", "[phone]"),
        ("(202) 555-0199", "[phone]"),
        ("0049 30 901820", "[phone]"),
        ("电话010-62345678", "电话[电话]"),
        ("tel. 8765 4321", "tel. [phone]"),
        ("幺三八零零一三八零零零", "[电话]"),
        ("13800l3800O", "[phone]"),
        # The example of GB 11643-1999, annex A, and its check digit.
        ("身份证11010519491231002X", "身份证[证件号]"),
        ("id 110105491231002", "id [id number]"),
        ("passport E12345678", "passport [id number]"),
        # Numbers that card networks publish for tests.
        ("card 4111 1111 1111 1111", "card [card]"),
        ("5555-5555-5555-4444!", "[card]!"),
        ("卡号6222021234567890128", "卡号[卡号]"),
        ("DE89 3704 0044 0532 0130 00", "[card]"),
        ("see https://a.example/b?c=1 or shop.com/x", "see [link] or [link]"),
        ("加微信：abc_12345", "加微信：[账号]"),
        ("QQ 1234567", "QQ [account]"),
        ("order no. A-1234567 late", "order no. [order number] late"),
        ("订单号：20260630123", "订单号：[订单号]"),
        ("我叫张三，请回电", "我叫[姓名]，请回电"),
        ("My name is john Smith.", "My name is [name]."),
        ("Mr Wang was rude, 李经理 too", "Mr [姓名] was rude, [姓名]经理 too"),
    ],
)
def test_what_tells_who_wrote_it_is_a_mark(text, shown):
    assert masked(text) == shown


# --- consistent ---------------------------------------------------------------------------------


@given(
    number=st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    prefix=st.sampled_from(["", "+86 ", "0086", "86-", "(+86)"]),
    clothes=st.integers(0, len(CLOTHES) - 1),
    gaps=st.lists(GAPS, min_size=10, max_size=10),
    before=AROUND,
    after=AROUND,
)
@settings(max_examples=150, deadline=None)
def test_no_mobile_number_survives_in_any_clothing(number, prefix, clothes, gaps, before, after):
    text = f"{before}{prefix}{dressed(number, clothes, gaps)}{after}"
    assert len(digits_left(masked(text))) <= 2, masked(text)


@given(
    body=st.text("0123456789", min_size=12, max_size=18),
    gaps=st.lists(st.sampled_from(["", "", " ", "-"]), min_size=18, max_size=18),
    clothes=st.integers(0, 1),
)
@settings(max_examples=100, deadline=None)
def test_no_card_number_survives(body, gaps, clothes):
    total = sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(body[::-1]))
    number = body + str(-total % 10)
    text = f"my card {dressed(number, clothes, gaps[: len(number) - 1])} was charged"
    # Years and prices in a row are left alone, so a number made of nothing but these may stay.
    assert len(digits_left(masked(text))) < 9, masked(text)


@given(
    local=st.from_regex(r"[a-z0-9][a-z0-9._+\-]{0,20}[a-z0-9]", fullmatch=True),
    domain=st.from_regex(r"[a-z0-9][a-z0-9\-]{0,10}[a-z0-9]\.(com|cn|co\.uk|de|org)", fullmatch=True),
    sign=st.sampled_from(["@", "＠", " @ ", "(at)", " [at] "]),
    before=st.sampled_from(["", "请联系我：", "mail: ", "我的邮箱是", "("]),
)
@settings(max_examples=100, deadline=None)
def test_no_address_survives(local, domain, sign, before):
    shown = masked(f"{before}{local}{sign}{domain}，谢谢")
    assert domain.split(".")[0] + "." not in shown and "@" not in shown and "＠" not in shown


@given(
    price=st.decimals(0, 99999, places=2),
    count=st.integers(0, 9999),
    day=st.dates(),
    form=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%Y/%m/%d"]),
)
@settings(max_examples=100, deadline=None)
def test_prices_counts_and_dates_stay(price, count, day, form):
    when = day.replace(year=2000 + day.year % 30).strftime(form)
    for text in (
        f"paid {price} for {count} items on {when}, {count / 10}% less",
        f"{when}下单，{count}件，一共{price}元",
        f"{price}-{price} yuan, {when} - {when}, 10:30-11:30",
    ):
        assert masked(text) == text


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_can_be_masked_and_masking_twice_changes_nothing(text):
    once = masked(text)
    assert masked(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        "WeChat is terrible, the QQ group too",
        "我叫了客服，名字很好听",
        "the product name is long",
        "二十三号下单，一百二十元",
        "order arrived on 2026-06-30, member since 2019",
        "13，15，1200，300",
        "iPhone15 Pro 256",
        "حقا بطيء جدا",
        "👍🏽👨‍👩‍👧"[:2],
    ],
)
def test_what_is_no_contact_stays(text):
    assert masked(text) == text


# --- refuses ------------------------------------------------------------------------------------


def test_a_very_long_comment_is_read_to_a_limit_and_quickly():
    for unit in ("1 ", "a@", "1-", "www.", "微信", "order "):
        assert len(masked(unit * 50_000)) <= 3 * MOST_CHARACTERS


def test_marks_are_no_words():
    assert without_marks(masked("call 13800138000")).split() == ["call"]
