"""The tone of comments: learnt from words beside a label, and believed only as far as unseen comments bear it out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.estimate import Estimate, Z
from cam.measures.satisfaction.word_lists import GRAMMAR
from cam.measures.satisfaction.words import is_chinese, tone_words

Floats = NDArray[np.float64]

#: Customers on each side: fewer only look like learning.
MIN_CLASS = 50
#: Where the lower limit of the AUC is under this, tone cannot be read: 0.7 is the least that is called acceptable
#: (Hosmer, Lemeshow and Sturdivant 2013, p. 177).
MIN_AUC = 0.7
#: A tone this sure, against the score, contradicts it.
SURE = 0.8
_N_FOLDS, _MOST_LEARNT, _PENALTY, _MOST_FEATURES = 5, 10_000, 1.0, 20_000

#: Words by which people and tools label a tone.
POSITIVE = frozenset({"positive", "pos", "good", "praise", "happy", "satisfied"}) | frozenset(
    {"正面", "积极", "正向", "好评", "满意", "表扬"}
)
NEGATIVE = frozenset({"negative", "neg", "bad", "complaint", "unhappy", "dissatisfied"}) | frozenset(
    {"负面", "消极", "负向", "差评", "不满意", "抱怨"}
)
_DENIALS = frozenset({"not", "no", "never", "nobody", "nothing", "不", "没", "没有", "不会", "太"})


@dataclass(frozen=True, slots=True)
class ToneFit:
    """A logistic regression on words and pairs of words.

    Attributes
    ----------
    terms : dict of str to int
        Words and pairs to their column.
    idf : ndarray, terms
        Weight of a term: the rarer, the heavier.
    coefficients : ndarray, terms
        Change of the log-odds of a good tone per unit of weight.
    intercept : float
        Log-odds of a comment without known words.
    n, n_good : int
        Comments learnt from, and those with a good label.
    """

    terms: dict[str, int]
    idf: Floats
    coefficients: Floats
    intercept: float
    n: int
    n_good: int

    def probability(self, comments: Sequence[str]) -> Floats:
        """Return the probability (0-1) of a good tone, as if good and bad were equally common."""
        return _probability(self, [tone_words(text) for text in comments])


def labels_from(values: pd.Series) -> pd.Series:
    """Turn a column of labelled tones into good (1), bad (0) and neither (missing).

    Parameters
    ----------
    values : Series
        Words (:data:`POSITIVE`, :data:`NEGATIVE`; others are neither), or numbers: above 0 and below 0, or 1 and 0.

    Returns
    -------
    Series of float

    Examples
    --------
    >>> labels_from(pd.Series(["Positive", "neutral", "负面"])).tolist(), labels_from(pd.Series([0.8, 0, -1])).tolist()
    ([1.0, nan, 0.0], [1.0, nan, 0.0])
    """
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().any() and numbers.notna().sum() == values.notna().sum():
        if set(numbers.dropna().unique()) <= {0, 1}:
            return numbers.astype(float)
        return (numbers > 0).astype(float).where(numbers.notna() & (numbers != 0))
    words = values.astype("str").str.strip().str.casefold()
    return pd.Series(
        np.select([words.isin(POSITIVE), words.isin(NEGATIVE)], [1.0, 0.0], default=np.nan),
        index=values.index,
    )


def fit_tone(comments: Sequence[str], label: Sequence[float]) -> ToneFit:
    """Learn the tone of words from labelled comments.

    Parameters
    ----------
    comments : sequence of str
        Plain (:func:`cam.measures.satisfaction.words.plain_text`).
    label : sequence of float
        1 (good) or 0 (bad).

    Returns
    -------
    ToneFit

    Raises
    ------
    ValueError
        If all labels are the same, or no word comes twice.

    References
    ----------
    Wang, S., Manning, C. D. (2012). Baselines and bigrams: simple, good sentiment and topic classification. Proceedings
    of the ACL 2012, 90-94.

    Examples
    --------
    >>> fit = fit_tone(["good", "so good", "bad", "so bad"] * 5, [1, 1, 0, 0] * 5)
    >>> [round(p) for p in fit.probability(["good", "bad"]).tolist()]
    [1, 0]
    """
    y = np.asarray(label, dtype=float)
    if len(np.unique(y)) < 2:
        raise ValueError("a tone is learnt from good and bad comments; all labels are the same")
    # In an order of their own, so that sums do not depend on how the rows came.
    order = sorted(range(len(y)), key=lambda at: (comments[at], y[at]))
    return _fitted([tone_words(comments[at]) for at in order], y[order])


def unseen_tone(comments: pd.DataFrame, *, seed: int) -> pd.Series:
    """Read the tone of each labelled comment by a fit that has seen none of that customer's.

    Parameters
    ----------
    comments : DataFrame
        ``plain``, ``customer_id`` and ``label`` (1, 0 or missing), a row per comment.
    seed : int
        Of the dealing of customers; the order of the rows does not matter.

    Returns
    -------
    Series of float
        Probability of a good tone, 0 to 1, by the index of the labelled comments; many are sampled.

    Raises
    ------
    ValueError
        If fewer than :data:`MIN_CLASS` customers stand on a side; or as :func:`fit_tone`.

    Examples
    --------
    >>> rows = pd.DataFrame({"plain": ["good", "bad"] * 60, "customer_id": range(120), "label": [1.0, 0.0] * 60})
    >>> unseen_tone(rows, seed=1).round().tolist()[:2]
    [1.0, 0.0]
    """
    rows = comments[comments["label"].notna()].sort_values(["plain", "customer_id", "label"], kind="stable")
    rng = np.random.default_rng(seed)
    if len(rows) > _MOST_LEARNT:
        rows = rows.iloc[np.sort(rng.permutation(len(rows))[:_MOST_LEARNT])]
    good, bad = (rows.loc[rows["label"] == side, "customer_id"].nunique() for side in (1, 0))
    if min(good, bad) < MIN_CLASS:
        raise ValueError(
            f"{good:,} customers with a good label and {bad:,} with a bad one; tone needs {MIN_CLASS} of each"
        )
    names, owner = np.unique(rows["customer_id"].astype(str).to_numpy(dtype=object), return_inverse=True)
    fold = (rng.permutation(len(names)) % _N_FOLDS)[owner]
    documents = [tone_words(text) for text in rows["plain"]]
    y, p = rows["label"].to_numpy(dtype=float), np.empty(len(rows))
    for one in range(_N_FOLDS):
        inside, outside = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        fit = _fitted([documents[at] for at in inside], y[inside])
        p[outside] = _probability(fit, [documents[at] for at in outside])
    return pd.Series(p, index=rows.index).reindex(comments.index[comments.index.isin(rows.index)])


def accuracy(label: pd.Series, tone: pd.Series, customer: pd.Series) -> tuple[Estimate, Estimate]:
    """Measure how well a tone tells good labels from bad ones.

    Parameters
    ----------
    label : Series
        1 or 0.
    tone : Series
        Probability of a good tone, from :func:`unseen_tone`.
    customer : Series
        Who wrote it: comments of one customer are alike.

    Returns
    -------
    Estimate
        ``tone_auc``: chance that a good comment gets a higher tone than a bad one; guessing gives 0.5.
    Estimate
        ``tone_accuracy``: balanced, the mean of the shares of good and of bad comments that are told rightly; guessing
        gives 0.5.

    Raises
    ------
    ValueError
        If a side is empty.

    References
    ----------
    Obuchowski, N. A. (1997). Nonparametric analysis of clustered ROC curve data. Biometrics 53, 567-578. Brodersen,
    K. H. et al. (2010). The balanced accuracy and its posterior distribution. ICPR 2010, 3121-3124.

    Examples
    --------
    >>> label, tone = pd.Series([1, 1, 0, 0] * 20), pd.Series([0.9, 0.4, 0.6, 0.1] * 20)
    >>> auc, balanced = accuracy(label, tone, pd.Series(range(80)))
    >>> auc.value, balanced.value
    (0.75, 0.5)
    """
    y, p = label.to_numpy(dtype=float), tone.to_numpy(dtype=float)
    good, bad = np.sort(p[y == 1]), np.sort(p[y == 0])
    if not len(good) or not len(bad):
        raise ValueError("accuracy needs good and bad labels")
    side, other = np.where(y == 1, len(good), len(bad)), np.where(y == 1, len(bad), len(good))
    # Of each comment, the share of the other side that it beats; a tie is half a win.
    below = np.where(y == 1, _below(bad, p), len(good) - _below(good, p)) / other
    right = ((p >= 0.5) == (y == 1)).astype(float)
    means = {
        kind: [float(values[y == one].mean()) for one in (1, 0)]
        for kind, values in (("auc", below), ("ba", right))
    }
    auc, balanced = means["auc"][0], sum(means["ba"]) / 2
    expected = np.where(y == 1, *means["ba"])
    found = []
    for figure, value, influence in (
        ("tone_auc", auc, (below - auc) / side),
        ("tone_accuracy", balanced, (right - expected) / side / 2),
    ):
        _, owner = np.unique(customer.astype(str).to_numpy(dtype=object), return_inverse=True)
        by_customer = np.bincount(owner, influence)
        error = math.sqrt(float((by_customer**2).sum()) * len(by_customer) / max(len(by_customer) - 1, 1))
        unit = "ratio" if figure == "tone_auc" else "share"
        found.append(Estimate(figure, value, unit, len(y), *_within(value, error, min(len(good), len(bad)))))
    return found[0], found[1]


def telling_words(fit: ToneFit, comments: Sequence[str], *, most: int = 6) -> pd.DataFrame:
    """Return the words that say most about the tone.

    Parameters
    ----------
    fit : ToneFit
        Learnt from these comments.
    comments : sequence of str
        Plain.
    most : int
        Words of each tone and language.

    Returns
    -------
    DataFrame
        ``tone`` (good, bad), ``is_chinese``, ``word``; what moves most comments furthest first.

    Examples
    --------
    >>> said = ["good", "so good", "bad", "so bad"] * 5
    >>> telling_words(fit_tone(said, [1, 1, 0, 0] * 5), said, most=1)["word"].tolist()
    ['good', 'bad']
    """
    x = _matrix([tone_words(text) for text in comments], fit.terms, fit.idf)
    moved = fit.coefficients * np.asarray(x.mean(axis=0)).ravel()
    words = list(fit.terms)
    rows = []
    for tone, sign in (("good", 1.0), ("bad", -1.0)):
        for side in (False, True):
            fitting = [at for at, word in enumerate(words) if is_chinese(word) is side and _says(word)]
            ranked = sorted(
                (at for at in fitting if sign * moved[at] > 0), key=lambda at: (-sign * moved[at], words[at])
            )
            rows += [(tone, side, words[at]) for at in ranked[:most]]
    return pd.DataFrame(rows, columns=["tone", "is_chinese", "word"])


# --- how -----------------------------------------------------------------------------------------


def _fitted(documents: list[list[str]], y: Floats) -> ToneFit:
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # here: it is slow to import
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    terms, idf = _vocabulary(documents)
    if not terms:
        raise ValueError("no word comes twice")
    with threadpool_limits(limits=1):
        model = LogisticRegression(C=_PENALTY, class_weight="balanced", solver="liblinear", random_state=0)
        model.fit(_matrix(documents, terms, idf), y)
    return ToneFit(terms, idf, model.coef_[0].astype(float), float(model.intercept_[0]), len(y), int(y.sum()))


def _probability(fit: ToneFit, documents: list[list[str]]) -> Floats:
    x = _matrix(documents, fit.terms, fit.idf)
    return 1 / (1 + np.exp(-(x @ fit.coefficients + fit.intercept)))


def _says(term: str) -> bool:
    """Whether a word, or one of a pair, is more than grammar."""
    parts = term.split()
    return parts[0][0].isalpha() and any(part not in GRAMMAR or part in _DENIALS for part in parts)


def _below(others: Floats, p: Floats) -> Floats:
    return (np.searchsorted(others, p, side="left") + np.searchsorted(others, p, side="right")) / 2


def _within(value: float, error: float, n: int) -> tuple[float, float]:
    """An interval on the log-odds, so that it stays within 0 and 1; at the ends that of Wilson with as many."""
    if error == 0 or not 0 < value < 1:
        width = Z**2 / (n + Z**2)
        return max(0.0, value - width), min(1.0, value + width)
    odds, half = math.log(value / (1 - value)), Z * error / (value * (1 - value))
    return 1 / (1 + math.exp(half - odds)), 1 / (1 + math.exp(-half - odds))


def _vocabulary(documents: list[list[str]]) -> tuple[dict[str, int], Floats]:
    held: dict[str, int] = {}
    for document in documents:
        for term in set(document):
            held[term] = held.get(term, 0) + 1
    often = sorted((term for term, count in held.items() if count > 1), key=lambda term: (-held[term], term))
    terms = {term: place for place, term in enumerate(sorted(often[:_MOST_FEATURES]))}
    return terms, np.array([math.log((1 + len(documents)) / (1 + held[term])) + 1 for term in terms])


def _matrix(documents: list[list[str]], terms: dict[str, int], idf: Floats) -> Any:
    """Weights of the terms that a comment has, rows of length 1."""
    from scipy.sparse import csr_matrix

    kept = [sorted({terms[term] for term in document if term in terms}) for document in documents]
    lengths = [len(row) for row in kept]
    columns = np.array([place for row in kept for place in row], dtype=np.int64)
    owner = np.repeat(np.arange(len(kept)), lengths)
    values = idf[columns] if len(columns) else np.empty(0)
    norm = np.sqrt(np.bincount(owner, values**2, minlength=len(kept)))
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return csr_matrix((values / norm[owner], columns, ends), shape=(len(documents), len(terms)))
