"""Tone: learnt from labels, measured on unseen customers, and believed only as far as that goes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from cam.measures.satisfaction.tone import accuracy, fit_tone, labels_from, telling_words, unseen_tone

GOOD, BAD = ("fast", "kind", "很好", "喜欢"), ("late", "rude", "很差", "失望")


def rows(n: int, *, seed: int, signal: float = 0.8) -> pd.DataFrame:
    """Comments whose words go with the label in that part of the cases."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n).astype(float)
    shown = np.where(rng.random(n) < signal, label, 1 - label)
    texts = [f"{rng.choice(GOOD if one else BAD)} {rng.choice(['tea', 'pan', '水壶'])}" for one in shown]
    return pd.DataFrame(
        {"plain": texts, "customer_id": [f"c{k}" for k in rng.integers(0, n, n)], "label": label}
    )


def test_accuracy_is_that_of_scikit_learn():
    table = rows(400, seed=1)
    tone = unseen_tone(table, seed=1)
    auc, balanced = accuracy(table["label"], tone, table["customer_id"])
    assert auc.value == pytest.approx(roc_auc_score(table["label"], tone))
    assert balanced.value == pytest.approx(balanced_accuracy_score(table["label"], tone >= 0.5))
    assert auc.low < auc.value < auc.high and abs(balanced.value - 0.8) < 0.08


def test_random_labels_teach_nothing():
    """Of 40 tables without a signal at most 6 seem surely better than guessing (2.5 % promised; binomial p < 0.001)."""
    better = 0
    for seed in range(40):
        table = rows(150, seed=seed, signal=0.5)
        auc, _ = accuracy(table["label"], unseen_tone(table, seed=seed), table["customer_id"])
        better += auc.low > 0.5
    assert better <= 6


def test_one_customers_copies_are_no_evidence():
    """A word that only one customer uses is never seen in another's comments, and so cannot help."""
    table = rows(200, seed=2, signal=0.5)
    copies = pd.DataFrame(
        {"plain": "unique words here", "customer_id": "copycat", "label": 1.0}, index=range(300, 400)
    )
    tone = unseen_tone(pd.concat([table, copies]), seed=1)
    assert (tone[copies.index] < 0.9).all()


def test_neither_order_nor_seedless_state_matters():
    table = rows(300, seed=3)
    one, other = unseen_tone(table, seed=1), unseen_tone(table.sample(frac=1, random_state=1), seed=1)
    assert (one == other.reindex(one.index)).all()


def test_words_that_tell_are_those_of_the_labels():
    table = rows(400, seed=4, signal=0.95)
    fit = fit_tone(table["plain"].tolist(), table["label"].tolist())
    found = telling_words(fit, table["plain"].tolist(), most=4)
    said = {tone: set(words) for tone, words in found.groupby("tone")["word"]}
    assert all(any(word in term for term in said["bad"]) for word in ("late", "rude"))
    assert not any(word in term for term in said["good"] for word in BAD)


def test_labels_of_every_kind():
    assert labels_from(pd.Series([1, 0, None])).tolist()[:2] == [1, 0]
    assert labels_from(pd.Series(["POS", " negative ", "mixed", None])).isna().tolist() == [
        False,
        False,
        True,
        True,
    ]
    assert labels_from(pd.Series(["-0.5", "0.2"])).tolist() == [0, 1]
    assert labels_from(pd.Series([None, None])).isna().all()


def test_too_few_labels_are_refused():
    with pytest.raises(ValueError, match="50 customers with a good label and 49 with a bad one"):
        unseen_tone(
            pd.DataFrame({"plain": "x y", "customer_id": range(99), "label": [1.0] * 50 + [0.0] * 49}), seed=1
        )
    with pytest.raises(ValueError, match="all labels are the same"):
        fit_tone(["good", "good"], [1, 1])
    with pytest.raises(ValueError, match="no word comes twice"):
        fit_tone(["a", "b"], [1, 0])
    with pytest.raises(ValueError, match="good and bad labels"):
        accuracy(pd.Series([1.0]), pd.Series([0.3]), pd.Series(["a"]))
