"""Words of comments: both languages cut and folded, empty comments known, what is personal never a word."""

from __future__ import annotations

import pytest

from cam.measures.satisfaction.words import (
    fold,
    is_chinese,
    is_empty,
    plain_text,
    subjects_of,
    theme_words,
    tone_words,
)


def test_chinese_is_segmented_and_words_of_grammar_are_left_out():
    assert theme_words("快递太慢了，包装也破了，谢谢") == ["快递", "太慢", "包装", "破"]
    assert theme_words("小程序一付款就闪退") == ["小程序", "付款", "闪退"]


def test_plurals_meet_their_singular():
    assert [fold(word) for word in ("parcels", "boxes", "replies", "bus", "news", "his")] == [
        "parcel", "box", "reply", "bus", "new", "his",
    ]  # fmt: skip
    assert theme_words("Parcels! PARCEL's parcel") == ["parcel"] * 3


def test_a_word_of_either_language_names_its_subject():
    named = subjects_of(["courier", "parcel", "快递", "快递员", "tea"])
    assert set(named) == {"courier", "parcel", "快递", "快递员"} and set(named.values()) == {("delivery",)}


@pytest.mark.parametrize(
    "text", ["", "n/a", "N/A", "无", "没有", "ok", "OK!!!", "...", "👍👍👍", "12", "-", "no comment"]
)
def test_what_says_nothing_is_empty(text):
    assert is_empty(plain_text(text))


@pytest.mark.parametrize("text", ["很慢", "Too slow", "سيئ جدا", "👍 fast", "太贵"])
def test_what_says_something_is_not(text):
    assert not is_empty(plain_text(text))


def test_a_contact_is_no_word():
    text = plain_text("slow, mail anna.bell@firm.example or +44 20 7946 0958, 微信：annabell77")
    assert not {"anna", "bell", "firm", "annabell", "phone", "电话", "邮箱"} & {
        *theme_words(text),
        *tone_words(text),
    }


def test_html_is_read_as_what_it_shows():
    assert plain_text("<p>slow &amp; dear</p><script src='x'>") == "slow & dear"
    assert plain_text("a < b and c > d") == "a < b and c > d"


def test_right_to_left_and_unknown_scripts_have_words_too():
    assert theme_words("التوصيل بطيء") == ["التوصيل", "بطيء"]


def test_denial_stays_for_the_tone():
    assert "not good" in tone_words("Not good") and "不" in tone_words("不方便，不推荐")
    assert is_chinese("APP很慢经常闪退") and not is_chinese("很 nice delivery and service")
