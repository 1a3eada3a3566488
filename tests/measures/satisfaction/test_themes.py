"""Themes: known ones are found in two languages, noise has none, and the order of rows changes nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.measures.satisfaction.themes import (
    MIN_AGREEMENT,
    fit_themes,
    main_themes,
    stable_number,
    theme_agreement,
    theme_parts,
    typical_comments,
    typical_words,
)

POOLS = {
    "delivery": (("courier", "parcel", "late", "waited", "rain"), ("快递", "物流", "配送", "包裹", "淋雨")),
    "price": (("price", "coupon", "discount", "cheaper", "yuan"), ("价格", "优惠", "便宜", "打折", "实惠")),
    "app": (("app", "login", "crash", "screen", "button"), ("应用", "登录", "闪退", "页面", "卡顿")),
}


def said(n: int, *, seed: int) -> tuple[list[str], list[str]]:
    """Comments of three themes, four words each, in either language."""
    rng = np.random.default_rng(seed)
    texts, truth = [], []
    for _ in range(n):
        name = list(POOLS)[rng.integers(3)]
        side = int(rng.integers(2))
        words = rng.choice(POOLS[name][side], 4)
        tail = "".join(chr(97 + int(letter)) for letter in rng.integers(0, 26, 6))
        texts.append((" " if side == 0 else "，").join(words) + f" {tail}")
        truth.append(name)
    return texts, truth


def noise(n: int, *, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    words = ["".join(chr(97 + int(letter)) for letter in rng.integers(0, 26, 5)) + "qx" for _ in range(60)]
    return [" ".join(rng.choice(words, 5, replace=False)) for _ in range(n)]


TEXTS, TRUTH = said(240, seed=4)


def test_themes_hold_both_languages():
    parts = theme_parts(fit_themes(TEXTS, n_themes=3, seed=1), TEXTS)
    table = pd.crosstab(main_themes(parts), pd.Series(TRUTH))
    assert table.max(axis=1).sum() / len(TEXTS) > 0.95
    languages = typical_words(TEXTS, parts).groupby("theme")["is_chinese"].nunique()
    assert (languages == 2).all()


def test_the_number_is_the_one_that_halves_agree_on():
    agreement = theme_agreement(TEXTS, seed=1)
    assert agreement["n_themes"].is_monotonic_increasing
    assert agreement.set_index("n_themes")["agreement"][3] > 0.9 and (stable_number(agreement) or 0) >= 3


def test_noise_has_no_themes():
    agreement = theme_agreement(noise(150, seed=1), seed=1)
    assert stable_number(agreement) is None and agreement["agreement"].max() < MIN_AGREEMENT / 2


def test_a_comment_of_two_themes_speaks_of_both():
    fit = fit_themes(TEXTS, n_themes=3, seed=1)
    parts = theme_parts(fit, ["courier parcel", "login crash", "courier parcel, but login crash", "???"])
    assert ((parts.iloc[2] > 0.3).sum(), parts.iloc[3].sum()) == (2, 0)
    assert set(np.flatnonzero(parts.iloc[2] > 0.3)) == set(main_themes(parts.iloc[:2]))
    assert main_themes(parts).iloc[3] == -1


def test_neither_order_nor_copies_change_the_fit():
    one = fit_themes(TEXTS, n_themes=3, seed=1)
    other = fit_themes([*TEXTS[::-1], *TEXTS[:50]], n_themes=3, seed=1)
    assert (one.weights == other.weights).all() and one.terms == other.terms
    shown, turned = (
        typical_comments(texts, theme_parts(one, texts))["comment"].tolist() for texts in (TEXTS, TEXTS[::-1])
    )
    assert shown == turned


def test_examples_do_not_repeat_each_other_and_come_in_both_languages():
    found = typical_comments(TEXTS, theme_parts(fit_themes(TEXTS, n_themes=3, seed=1), TEXTS))
    assert found.groupby("theme").size().tolist() == [3, 3, 3] and found["comment"].is_unique
    has_han = found["comment"].str.contains(r"[\u4e00-\u9fff]")
    assert (has_han.groupby(found["theme"]).nunique() == 2).all()


@pytest.mark.parametrize("texts", [[], ["slow"], ["slow delivery"] * 500, ["👍"] * 500, ["the and of"] * 500])
def test_too_little_is_refused(texts):
    with pytest.raises(ValueError, match=r"different comments say what they are about; themes need 100"):
        theme_agreement(texts, seed=1)
    with pytest.raises(ValueError, match="themes need 100"):
        fit_themes(texts, n_themes=2, seed=1)
