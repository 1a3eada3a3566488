"""Comments -> words, in English and Chinese: cut, folded, without those that say nothing of what a comment is about."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from cam.measures.satisfaction.masking import masked, without_marks
from cam.measures.satisfaction.word_lists import GRAMMAR, MANNERS, NO_COMMENT, SUBJECTS

#: A comment of fewer letters than this (a Han character counts as three) says nothing that could be counted.
LEAST_LETTERS = 3

_SILENT = GRAMMAR | MANNERS
# How often a term is taken to come, where the dictionary does not know it: as often as common words.
_OFTEN = 10_000
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,500}>")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
_WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+|[^\W\d_]+(?:['’][^\W\d_]+)?")


def plain_text(text: str) -> str:
    """Return a comment as one line of plain characters, with what tells who wrote it masked.

    Parameters
    ----------
    text : str
        As the customer wrote it, perhaps with HTML.

    Returns
    -------
    str

    Examples
    --------
    >>> plain_text("<p>Too&nbsp;slow,<br>call １３８００１３８０００</p>")
    'Too slow, call [phone]'
    """
    shown = html.unescape(text)
    shown = _TAG.sub(" ", shown) if "<" in shown else shown
    return re.sub(r"\s+", " ", masked(shown)).strip()


def is_chinese(text: str) -> bool:
    """Tell whether a comment is rather Chinese than of a language of letters.

    Parameters
    ----------
    text : str
        A comment.

    Returns
    -------
    bool
        By words: two Han characters are about one.

    Examples
    --------
    >>> is_chinese("快递 very slow"), is_chinese("APP很慢，经常闪退")
    (False, True)
    """
    han = sum(map(len, _HAN.findall(text)))
    return han > 2 * len(re.findall(r"[^\W\d_\u3400-\u9fff]+", text)) - 1 and han > 0


def is_empty(text: str) -> bool:
    """Tell whether a comment says nothing: no letters, a letter or two, or the words of those who must write something.

    Parameters
    ----------
    text : str
        A comment, plain (:func:`plain_text`).

    Returns
    -------
    bool

    Examples
    --------
    >>> [is_empty(text) for text in ("n/a", "无", "👍👍", "很慢", "Too slow")]
    [True, True, True, False, False]
    """
    runs = _WORD.findall(without_marks(text).casefold())
    letters = sum(len(run) * (2 if _HAN.match(run) else 1) for run in runs)
    return letters < LEAST_LETTERS or "_".join(runs) in NO_COMMENT


def theme_words(text: str) -> list[str]:
    """Return the words of a comment that tell what it is about, in their order, folded to one form.

    Parameters
    ----------
    text : str
        A comment, plain.

    Returns
    -------
    list of str
        Chinese is segmented (jieba's dictionary), plurals are folded; words of grammar, of courtesy and of praise or
        blame are left out.

    Examples
    --------
    >>> theme_words("The couriers were late again, thank you")
    ['courier']
    >>> theme_words("快递太慢了，包装也破了")
    ['快递', '太慢', '包装', '破']
    """
    cut = (word if _HAN.match(word) else fold(word) for word in _cut(text) if word not in _SILENT)
    return [word for word in cut if word not in _SILENT and (len(word) > 1 or _HAN.match(word))]


def tone_words(text: str) -> list[str]:
    """Return all words of a comment and all pairs of neighbours: "not good" is not "good".

    Parameters
    ----------
    text : str
        A comment, plain.

    Returns
    -------
    list of str

    Examples
    --------
    >>> tone_words("Not good!")
    ['not', 'good', '!', 'not good', 'good !']
    """
    words = _cut(text, signs=True)
    return words + [f"{one} {other}" for one, other in pairwise(words)]


def subjects_of(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Tell of each word which subjects of :data:`SUBJECTS` it names.

    Parameters
    ----------
    words : iterable of str
        From :func:`theme_words`.

    Returns
    -------
    dict of str to tuple of str
        Words that name none are left out.

    Examples
    --------
    >>> subjects_of(["courier", "快递员", "tea"])
    {'courier': ('delivery',), '快递员': ('delivery',)}
    """
    found = {word: _subjects(word) for word in words}
    return {word: subjects for word, subjects in found.items() if subjects}


def fold(word: str) -> str:
    """Return an English word without the ending of its plural.

    Parameters
    ----------
    word : str
        In lower-case letters.

    Returns
    -------
    str

    Examples
    --------
    >>> [fold(word) for word in ("parcels", "boxes", "deliveries", "glass", "is", "this", "courier's")]
    ['parcel', 'box', 'delivery', 'glass', 'is', 'this', 'courier']
    """
    word = re.sub(r"['’]s$", "", word)
    if len(word) < 4 or not word.isascii() or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "xes", "sses", "zes")):
        return word[:-2]
    return word.removesuffix("s")


# --- how -----------------------------------------------------------------------------------------


def _cut(text: str, *, signs: bool = False) -> list[str]:
    text = unicodedata.normalize("NFKC", without_marks(text)).casefold()
    pattern = re.compile(_WORD.pattern + r"|[!?😀-🙏👍👎]|\.{3}|。{2,}|[:;]-?[()]") if signs else _WORD
    words: list[str] = []
    for run in pattern.findall(text):
        words += _jieba().cut(run, False) if _HAN.match(run) else [run.replace("’", "'")]
    return words


@cache
def _jieba() -> Any:
    """The segmenter, with terms of trade that its dictionary lacks, such as 小程序."""
    from rjieba import Jieba  # here, because its dictionary makes every start slower

    jieba = Jieba()
    for term in sorted(
        term for terms in SUBJECTS.values() for term in terms if len(term) > 1 and _HAN.match(term)
    ):
        if not jieba.has_word(term):
            jieba.add_word(term, _OFTEN, "n")
    return jieba


@lru_cache(1 << 16)
def _subjects(word: str) -> tuple[str, ...]:
    terms, beginnings, longest = _lexicon()
    if _HAN.match(word):
        pieces = (
            word[at:end] for at in range(len(word)) for end in range(at + 1, min(at + longest, len(word)) + 1)
        )
        found = {subject for piece in pieces for subject in terms.get(piece, ())}
    else:
        found = set(terms.get(word, ()))
        found |= {subject for end in range(1, len(word) + 1) for subject in beginnings.get(word[:end], ())}
    return tuple(subject for subject in SUBJECTS if subject in found)


@cache
def _lexicon() -> tuple[dict[str, set[str]], dict[str, set[str]], int]:
    """Subjects by whole term and by beginning, and the length of the longest Chinese term."""
    terms: dict[str, set[str]] = {}
    beginnings: dict[str, set[str]] = {}
    for subject, words in SUBJECTS.items():
        for word in words:
            if word.endswith("*"):
                beginnings.setdefault(word[:-1], set()).add(subject)
            else:
                terms.setdefault(word if _HAN.match(word) else fold(word), set()).add(subject)
    return terms, beginnings, max(len(term) for term in terms if _HAN.match(term))
