"""Themes of comments: words that come together, in two languages, as many as two halves of the comments agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cam.measures.satisfaction.words import is_chinese, subjects_of, theme_words

Floats = NDArray[np.float64]

#: Fewer comments than this with words of their own have no themes that could come again.
MIN_COMMENTS = 100
#: Adjusted Rand index from which two partitions agree well, and moderately (Steinley 2004, p. 396).
GOOD_AGREEMENT, MIN_AGREEMENT = 0.8, 0.65
MOST_THEMES = 10
#: A comment speaks of a theme that makes up this part of it or more: of three at most.
LEAST_PART = 0.3
_MOST_FITTED, _MOST_SPLIT, _N_SPLITS = 10_000, 3_000, 5
# What a word names counts as several words more: "courier" and 快递 then meet, and so do "parcel" and "late".
_SUBJECT_WEIGHT = 3
_MOST_WORDS, _MOST_CANDIDATES, _SWEEPS = 2_000, 500, 40


@dataclass(frozen=True, slots=True)
class ThemesFit:
    """Themes as non-negative weights of words.

    Attributes
    ----------
    terms : dict of str to int
        Words, and subjects with a # before them, to their column.
    idf : ndarray, terms
        Weight of a term: the rarer, the heavier.
    weights : ndarray, themes x terms
        What each theme consists of; rows have length 1.
    n : int
        Different comments that it was fitted on.
    """

    terms: dict[str, int]
    idf: Floats
    weights: Floats
    n: int

    @property
    def n_themes(self) -> int:
        """How many themes there are."""
        return len(self.weights)


def theme_agreement(comments: Sequence[str], *, seed: int) -> pd.DataFrame:
    """Tell how far themes of one half of the comments are those of the other, for each number of themes.

    Parameters
    ----------
    comments : sequence of str
        Plain (:func:`cam.measures.satisfaction.words.plain_text`); equal ones count once.
    seed : int
        Of the halves.

    Returns
    -------
    DataFrame
        ``n_themes`` (2 to :data:`MOST_THEMES`) and ``agreement``: the adjusted Rand index (0: as by chance, 1: same)
        of all comments' main themes by one half's fit and by the other's, mean over splits.

    Raises
    ------
    ValueError
        If fewer than :data:`MIN_COMMENTS` different comments have words that say what they are about.

    References
    ----------
    Lange, T., Roth, V., Braun, M. L., Buhmann, J. M. (2004). Stability-based validation of clustering solutions. Neural
    Computation 16, 1299-1323. (Section 3.)

    Examples
    --------
    >>> colours, animals = ("red blue green", "pink grey brown"), ("cat dog cow", "hen pig fox")
    >>> said = [f"{pair} x{chr(97 + n % 25)}{chr(97 + n // 25)}" for n in range(60) for pair in colours + animals]
    >>> bool(theme_agreement(said, seed=1)["agreement"].iloc[2] > 0.9)
    True
    """
    from sklearn.metrics import adjusted_rand_score  # type: ignore[import-untyped]  # here: it is slow to import

    documents = _documents(comments, _MOST_SPLIT, seed)
    _enough(documents)
    terms, idf = _vocabulary(documents)
    x = _matrix(documents, terms, idf)
    rng = np.random.default_rng(seed)
    halves = [np.sort(rng.permutation(len(documents))[: len(documents) // 2]) for _ in range(_N_SPLITS)]
    rows = []
    for number in range(2, MOST_THEMES + 1):
        found = []
        for half in halves:
            rest = np.setdiff1d(np.arange(len(documents)), half)
            mains = [_parts(x, _factors(x[rows_of], number)).argmax(axis=1) for rows_of in (half, rest)]
            found.append(adjusted_rand_score(*mains))
        rows.append((number, float(np.mean(found))))
    return pd.DataFrame(rows, columns=["n_themes", "agreement"])


def stable_number(agreement: pd.DataFrame) -> int | None:
    """Return the most themes that both halves agree on well; None if they agree on no number even moderately.

    Parameters
    ----------
    agreement : DataFrame
        From :func:`theme_agreement`.

    Returns
    -------
    int or None
        The largest number with an agreement of :data:`GOOD_AGREEMENT` at least; where none has it, the number with the
        most agreement, if that is :data:`MIN_AGREEMENT` or more.

    References
    ----------
    Steinley, D. (2004). Properties of the Hubert-Arabie adjusted Rand index. Psychological Methods 9, 386-396. (p. 396:
    from 0.8 agreement is good, from 0.65 moderate, under it poor.)

    Examples
    --------
    >>> stable_number(pd.DataFrame({"n_themes": [2, 3, 4], "agreement": [0.9, 0.85, 0.7]}))
    3
    """
    good = agreement.loc[agreement["agreement"] >= GOOD_AGREEMENT, "n_themes"]
    if len(good):
        return int(good.max())
    best = agreement.loc[agreement["agreement"].idxmax()]
    return int(best["n_themes"]) if best["agreement"] >= MIN_AGREEMENT else None


def fit_themes(comments: Sequence[str], *, n_themes: int, seed: int) -> ThemesFit:
    """Find themes: sets of words that often come together.

    Parameters
    ----------
    comments : sequence of str
        Plain; equal ones count once, so that a text sent a hundred times is no theme. Many are sampled.
    n_themes : int
        At least 2.
    seed : int
        Of the sample. The order of the comments does not matter.

    Returns
    -------
    ThemesFit

    Raises
    ------
    ValueError
        As :func:`theme_agreement`; or if there are fewer words than themes.

    Notes
    -----
    Non-negative matrix factorisation of TF-IDF weights, guided by ``cam.measures.satisfaction.word_lists.SUBJECTS``: a
    word that names a subject adds it as a term, so that comments of two languages, or with different words for one
    thing, can meet. What the list does not know makes themes by its words alone.

    References
    ----------
    Lee, D. D., Seung, H. S. (1999). Learning the parts of objects by non-negative matrix factorization. Nature
    401, 788-791. Boutsidis, C., Gallopoulos, E. (2008). SVD based initialization. Pattern Recognition 41, 1350-1362.

    Examples
    --------
    >>> said = [f"{word} {other}" for word in ("parcel", "快递") for other in "slow late lost wet torn".split()]
    >>> said += [f"{word} {other}" for word in ("price", "价格") for other in "high low odd wrong fair".split()]
    >>> fit = fit_themes([f"{text} {chr(97 + n)}z" for n in range(6) for text in said], n_themes=2, seed=1)
    >>> main = theme_parts(fit, ["parcel", "快递", "价格"]).idxmax(axis=1)
    >>> bool(main[0] == main[1] != main[2])
    True
    """
    documents = _documents(comments, _MOST_FITTED, seed)
    _enough(documents)
    terms, idf = _vocabulary(documents)
    if len(terms) < n_themes:
        raise ValueError(f"{len(terms)} words that come more than once do not make {n_themes} themes")
    weights = _factors(_matrix(documents, terms, idf), n_themes)
    return ThemesFit(terms, idf, weights, len(documents))


def theme_parts(fit: ThemesFit, comments: Sequence[str]) -> pd.DataFrame:
    """Tell how far each comment speaks of each theme.

    Parameters
    ----------
    fit : ThemesFit
        Of these comments or others.
    comments : sequence of str
        Plain.

    Returns
    -------
    DataFrame
        A column per theme, from 0: its part of the comment, 0 to 1. A row sums to 1, or to 0 where the comment has no
        word that any theme knows.

    Examples
    --------
    >>> fit = ThemesFit({"slow": 0, "dear": 1}, np.ones(2), np.eye(2), 9)
    >>> theme_parts(fit, ["too slow", "dear and slow", "???"]).round(2).values.tolist()
    [[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]]
    """
    unique, place = np.unique(np.asarray(comments, dtype=object), return_inverse=True)
    parts = np.zeros((len(unique), fit.n_themes))
    # In chunks: a hundred thousand comments then take as much memory as ten thousand.
    for start in range(0, len(unique), _MOST_FITTED):
        documents = [_terms(theme_words(text)) for text in unique[start : start + _MOST_FITTED]]
        parts[start : start + len(documents)] = _parts(_matrix(documents, fit.terms, fit.idf), fit.weights)
    total = parts.sum(axis=1, keepdims=True)
    return pd.DataFrame(np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)[place])


def main_themes(parts: pd.DataFrame) -> pd.Series:
    """Return the theme that makes up most of each comment.

    Parameters
    ----------
    parts : DataFrame
        From :func:`theme_parts`.

    Returns
    -------
    Series of int
        -1 where there is none.

    Examples
    --------
    >>> main_themes(pd.DataFrame([[0.2, 0.8], [0.0, 0.0]])).tolist()
    [1, -1]
    """
    largest = parts.to_numpy().argmax(axis=1)
    return pd.Series(np.where(parts.sum(axis=1) > 0, largest, -1), index=parts.index)


def typical_words(comments: Sequence[str], parts: pd.DataFrame, *, most: int = 8) -> pd.DataFrame:
    """Return the words that set each theme apart.

    Parameters
    ----------
    comments : sequence of str
        Plain.
    parts : DataFrame
        From :func:`theme_parts`, row by row.
    most : int
        Words of each theme, of both languages in turn where both are written.

    Returns
    -------
    DataFrame
        ``theme``, ``word``, ``is_chinese``, ``share`` (of the theme's comments that have it) and ``elsewhere`` (of all
        others); by theme, the word that sets it most apart first.

    Examples
    --------
    >>> parts = pd.DataFrame([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> found = typical_words(["slow courier", "rude courier", "price"], parts)
    >>> found.groupby("theme")["word"].first().tolist()
    ['courier', 'price']
    """
    main = main_themes(parts).to_numpy()
    counts: dict[str, Floats] = {}
    # Of very many comments some tell the words as well; which ones does not hang on the order of the rows.
    order_of_texts = sorted(range(len(comments)), key=lambda at: comments[at])
    read = [order_of_texts[at] for at in _some(len(comments), _MOST_FITTED, 0)]
    for at in read:
        if main[at] >= 0:
            for word in dict.fromkeys(theme_words(comments[at])):
                counts.setdefault(word, np.zeros(parts.shape[1]))[main[at]] += 1
    sizes = np.bincount(main[read][main[read] >= 0], minlength=parts.shape[1]).astype(float)
    words = sorted(counts)
    table = np.array([counts[word] for word in words]).reshape(len(words), parts.shape[1])
    share = np.divide(table, sizes, out=np.zeros_like(table), where=sizes > 0)
    others = np.maximum(sizes.sum() - sizes, 1)
    elsewhere = (table.sum(axis=1, keepdims=True) - table) / others
    rows = []
    for theme in range(parts.shape[1]):
        apart = share[:, theme] - elsewhere[:, theme]
        order = sorted(
            (place for place in range(len(words)) if apart[place] > 0), key=lambda at: (-apart[at], words[at])
        )
        for at in _both(order, [is_chinese(word) for word in words], share[:, theme])[:most]:
            rows.append((theme, words[at], is_chinese(words[at]), share[at, theme], elsewhere[at, theme]))
    return pd.DataFrame(rows, columns=["theme", "word", "is_chinese", "share", "elsewhere"])


def typical_comments(comments: Sequence[str], parts: pd.DataFrame, *, most: int = 3) -> pd.DataFrame:
    """Return comments that are most of all of their theme, and do not repeat each other.

    Parameters
    ----------
    comments : sequence of str
        Plain.
    parts : DataFrame
        From :func:`theme_parts`, row by row.
    most : int
        Comments of each theme.

    Returns
    -------
    DataFrame
        ``theme``, ``place`` (row of the comment) and ``comment``; the most typical first. Where a theme is
        written in both languages, so are its examples.

    Examples
    --------
    >>> parts = pd.DataFrame([[1.0, 0.0], [0.7, 0.3], [0.0, 1.0]])
    >>> typical_comments(["slow courier", "slow courier, dear", "price"], parts, most=1)["comment"].tolist()
    ['slow courier', 'price']
    """
    main, part = main_themes(parts).to_numpy(), parts.to_numpy().max(axis=1, initial=0)
    common = typical_words(comments, parts, most=30)
    rows = []
    for theme in range(parts.shape[1]):
        known = common.loc[common["theme"] == theme].set_index("word")
        weight = (known["share"] - known["elsewhere"]).to_dict()
        ranked = []
        # The purest are candidates enough; among equals the lot decides, by the text alone.
        pure = sorted(
            np.flatnonzero(main == theme).tolist(),
            key=lambda at: (-round(part[at], 2), crc32(comments[at].encode()), comments[at]),
        )
        for place in pure[:_MOST_CANDIDATES]:
            words = frozenset(theme_words(comments[place]))
            told = sum(weight.get(word, 0.0) for word in words) * part[place] ** 2 / (len(words) + 2)
            ranked.append((-told, len(comments[place]), comments[place], place, words))
        ranked.sort(key=lambda row: row[:3])
        chosen: list[tuple[Any, ...]] = []
        languages = [is_chinese(row[2]) for row in ranked]
        is_mixed = min(np.mean(languages), 1 - np.mean(languages)) > 0.1 if languages else False
        for row in ranked:
            is_new = all(len(row[4] & other[4]) <= 0.5 * min(len(row[4]), len(other[4])) for other in chosen)
            # The last place is kept for the other language.
            waits = is_mixed and len(chosen) == most - 1 and len({is_chinese(one[2]) for one in chosen}) == 1
            if is_new and not (waits and is_chinese(row[2]) == is_chinese(chosen[0][2])):
                chosen.append(row)
            if len(chosen) == most:
                break
        rows += [(theme, row[3], row[2]) for row in chosen]
    return pd.DataFrame(rows, columns=["theme", "place", "comment"])


# --- how -----------------------------------------------------------------------------------------


def _documents(comments: Sequence[str], most: int, seed: int) -> list[list[str]]:
    """Terms of different comments, of a sample where there are many."""
    texts = sorted({text.casefold() for text in comments})
    found = (theme_words(texts[place]) for place in _some(len(texts), most, seed))
    return [_terms(words) for words in found if words]


def _terms(words: list[str]) -> list[str]:
    subjects = subjects_of(words)
    named = [f"#{subject}" for word in words for subject in subjects.get(word, ())]
    return words + named * _SUBJECT_WEIGHT


def _some(n: int, most: int, seed: int) -> list[int]:
    if n <= most:
        return list(range(n))
    return np.sort(np.random.default_rng(seed).permutation(n)[:most]).tolist()


def _enough(documents: list[list[str]]) -> None:
    if len(documents) < MIN_COMMENTS:
        raise ValueError(
            f"{len(documents):,} different comments say what they are about; themes need {MIN_COMMENTS}"
        )


def _vocabulary(documents: list[list[str]]) -> tuple[dict[str, int], Floats]:
    """Terms that come often enough to join comments, and rarely enough to part them; with their weights."""
    held: dict[str, int] = {}
    for document in documents:
        for term in set(document):
            held[term] = held.get(term, 0) + 1
    n, least = len(documents), max(2, len(documents) // 1000)
    often = sorted(
        (term for term, count in held.items() if least <= count <= n / 2),
        key=lambda term: (-held[term], term),
    )
    terms = {term: place for place, term in enumerate(sorted(often[:_MOST_WORDS]))}
    return terms, np.array([np.log((1 + n) / (1 + held[term])) + 1 for term in terms])


def _matrix(documents: list[list[str]], terms: dict[str, int], idf: Floats) -> Any:
    """TF-IDF with damped counts, rows of length 1 (Manning, Raghavan, Schuetze 2008, section 6.4)."""
    from scipy.sparse import csr_matrix

    counted: list[dict[int, int]] = []
    for document in documents:
        row: dict[int, int] = {}
        for term in document:
            if (place := terms.get(term)) is not None:
                row[place] = row.get(place, 0) + 1
        counted.append(dict(sorted(row.items())))
    lengths = np.array([len(row) for row in counted])
    columns = np.array([place for row in counted for place in row], dtype=np.int64)
    values = np.array([count for row in counted for count in row.values()], dtype=float)
    values = (1 + np.log(values)) * idf[columns] if len(values) else values
    owner = np.repeat(np.arange(len(counted)), lengths)
    norm = np.sqrt(np.bincount(owner, values**2, minlength=len(counted)))
    values = values / norm[owner]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return csr_matrix((values, columns, ends), shape=(len(documents), len(terms)))


def _factors(x: Any, number: int) -> Floats:
    import warnings

    from sklearn.decomposition import NMF  # type: ignore[import-untyped]
    from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    model = NMF(number, init="nndsvd", random_state=0, max_iter=200, tol=1e-3)
    # One thread: sums then have one order, and a report one text. Where it stops does not matter to a theme's words.
    with threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights = model.fit(x).components_
    norm = np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return np.divide(weights, norm, out=np.zeros_like(weights), where=norm > 0)


def _parts(x: Any, weights: Floats) -> Floats:
    """Non-negative least squares of each row on the themes, by turns (Hsieh and Dhillon 2011)."""
    gram, target = np.einsum("ij,kj->ik", weights, weights), x @ weights.T
    found = np.zeros_like(target)
    for _ in range(_SWEEPS):
        for theme in range(len(weights)):
            if gram[theme, theme] > 0:
                rest = target[:, theme] - np.einsum("ij,j->i", found, gram[theme])
                found[:, theme] = np.maximum(0.0, found[:, theme] + rest / gram[theme, theme])
    return found


def _both(order: list[int], chinese: list[bool], share: Floats) -> list[int]:
    """Take words of both languages in turn, where both have words that are not rare in the theme."""
    sides = [[at for at in order if chinese[at] is side] for side in (True, False)]
    if not all(side and share[side[0]] >= 0.02 for side in sides):
        return order
    longer, shorter = sorted(sides, key=lambda side: order.index(side[0]))
    mixed = [at for pair in zip(longer, shorter, strict=False) for at in pair]
    return [*mixed, *(at for at in order if at not in set(mixed))]
