"""Words that surveys put in place of numbers, English and Chinese: which scales have them, and what each is worth."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator


def _both(kind: str, worst: str, best: str, *, middle: str) -> tuple[tuple[str, ...], ...]:
    """Scales between two poles, of five and of seven points, as survey tools offer them."""
    low, high = f"strongly {worst}", f"strongly {best}"
    if kind == "degree":
        low = f"very {worst}|extremely {worst}|completely {worst}"
        high = f"very {best}|extremely {best}|completely {best}"
    five = (low, f"{worst}|somewhat {worst}", middle, f"{best}|somewhat {best}", high)
    seven = (
        low,
        worst,
        f"somewhat {worst}|slightly {worst}",
        middle,
        f"somewhat {best}|slightly {best}",
        best,
        high,
    )
    tool = (
        *(f"extremely {worst}|very {worst}", f"moderately {worst}", f"slightly {worst}", middle),
        *(f"slightly {best}", f"moderately {best}", f"extremely {best}|very {best}"),
    )
    return (five, seven, tool) if kind == "degree" else (five, seven)


def _rising(what: str) -> tuple[str, ...]:
    """One pole only: from not at all to extremely."""
    return (
        f"not at all {what}|not {what} at all|not {what}",
        *(f"slightly {what}|not so {what}|a little {what}", f"moderately {what}|somewhat {what}"),
        *(f"very {what}", f"extremely {what}"),
    )


def _chinese(worst: str, best: str, middle: str) -> tuple[tuple[str, ...], ...]:
    most = ("非常", "很", "十分", "极其", "完全", "极", "特别")
    low, high = ("|".join(f"{word}{pole}" for word in most) for pole in (worst, best))
    some = (f"比较{worst}|较{worst}|有点{worst}|有些{worst}", f"比较{best}|较{best}|有点{best}|有些{best}")
    softer = f"|不太{best}|不怎么{best}" if worst == f"不{best}" else ""
    five = (low, f"{worst}|{some[0]}{softer}", middle, f"{best}|{some[1]}|基本{best}", high)
    seven = (low, worst, some[0] + softer, middle, some[1], best, high)
    return five, seven


_NEUTRAL = "neutral|neither|undecided"
_CHINESE_NEUTRAL = "一般|中立|普通|一般般|不确定"
#: Each scale from its lowest word to its highest; words of one place are divided by |.
_SCALES: tuple[tuple[str, ...], ...] = (
    *_both(
        "degree",
        "dissatisfied",
        "satisfied",
        middle=f"neither satisfied nor dissatisfied|neither dissatisfied nor satisfied|{_NEUTRAL}|ok|okay",
    ),
    *_both("degree", "unsatisfied", "satisfied", middle=f"neither satisfied nor unsatisfied|{_NEUTRAL}"),
    *_both(
        "strength",
        "disagree",
        "agree",
        middle=f"neither agree nor disagree|neither disagree nor agree|{_NEUTRAL}|not sure",
    ),
    *_both(
        "degree",
        "unlikely",
        "likely",
        middle=f"neither likely nor unlikely|neither unlikely nor likely|{_NEUTRAL}",
    ),
    *_both(
        "degree",
        "difficult",
        "easy",
        middle=f"neither easy nor difficult|neither difficult nor easy|{_NEUTRAL}",
    ),
    *map(
        _rising,
        ("satisfied", "likely", "important", "easy", "useful", "helpful", "responsive", "clear", "well"),
    ),
    (
        "very poor|very bad",
        "poor|bad",
        "fair|average|neutral|acceptable|ok|okay",
        "good",
        "very good|excellent",
    ),
    ("poor", "fair", "good", "very good", "excellent"),
    ("terrible", "poor", "average", "good", "excellent"),
    ("never", "rarely|seldom", "sometimes|occasionally", "often|usually|frequently", "always"),
    *_chinese("不满意", "满意", f"{_CHINESE_NEUTRAL}|既不满意也不不满意|还行"),
    *_chinese("不同意", "同意", f"{_CHINESE_NEUTRAL}|既不同意也不反对|既不同意也不不同意"),
    *_chinese("不赞同", "赞同", _CHINESE_NEUTRAL),
    *_chinese("不符合", "符合", _CHINESE_NEUTRAL),
    *_chinese("不可能", "可能", f"{_CHINESE_NEUTRAL}|说不准"),
    *_chinese("不愿意", "愿意", _CHINESE_NEUTRAL),
    *_chinese("不重要", "重要", _CHINESE_NEUTRAL),
    *_chinese("不容易", "容易", _CHINESE_NEUTRAL),
    *_chinese("困难", "容易", f"{_CHINESE_NEUTRAL}|既不容易也不困难"),
    *_chinese("差", "好", f"{_CHINESE_NEUTRAL}|还行"),
    ("从不", "很少", "有时", "经常", "总是"),
)
_PLACES = tuple(
    {word: place for place, words in enumerate(scale, 1) for word in words.split("|")} for scale in _SCALES
)
#: No answer where a score is asked; elsewhere, such as for an income, they are an answer.
NO_ANSWER = {
    "",
    *("n/a", "na", "#n/a", "none", "null", "nan", "-", "--", "—", ".", "n.a", "n/a - not applicable"),
    *(
        "prefer not to say",
        "prefer not to answer",
        "rather not say",
        "decline to answer",
        "no answer",
        "skipped",
    ),
    *("don't know", "do not know", "dont know", "i don't know", "unsure", "not applicable", "does not apply"),
    *(
        "不清楚",
        "不知道",
        "不了解",
        "不适用",
        "不便回答",
        "不想回答",
        "不愿回答",
        "拒绝回答",
        "未回答",
        "未作答",
        "未填写",
    ),
    *(
        "无",
        "空",
        "跳过",
        "(跳过)",
        "(空)",
        "未使用过",
        "没用过",
        "not used",
        "have not used",
        "haven't used",
    ),
}
#: The letter that a tool puts before a choice.
_LETTER = re.compile(r"^(?:[a-g] ?[.、):] ?)+(?=\w)")
#: A number in front of its words, or behind them.
_FRONT = re.compile(
    r"(-?\d{1,3})\s*(?:分|星|points?|stars?)?\s*(?:[-–—−:=.,、()|]\s*(?=\D)|\s(?=[^\W\d]))(.*)", re.DOTALL
)
_BEHIND = re.compile(r"(.*\D)(?:\s*[-–—−:=(|]\s*)(\d{1,3})\s*(?:分|星|points?|stars?)?\s*\)?", re.DOTALL)
_ALONE = re.compile(r"(\d{1,3})\s*(?:分|星|points?|stars?)")


def plain(words: str) -> str:
    """Words without what does not matter: case, width of the signs, blanks, a full stop.

    Parameters
    ----------
    words : str
        As a source has them.

    Returns
    -------
    str

    Examples
    --------
    >>> plain(" Very\u00a0 Satisfied. "), plain("非常满意！")
    ('very satisfied', '非常满意')
    """
    text = unicodedata.normalize("NFKC", words).casefold().replace("’", "'")
    text = " ".join(text.split()).strip(" .!。\ufeff\u200b")
    return _LETTER.sub("", text)


def stated_number(words: str) -> tuple[int, str] | None:
    """Return the number that words state themselves, and the rest; None where they state none, or two.

    Parameters
    ----------
    words : str
        As a source has them.

    Returns
    -------
    tuple of int and str, or None

    Examples
    --------
    >>> stated_number("10 - Extremely likely"), stated_number("非常满意（5分）"), stated_number("9-10")
    ((10, 'extremely likely'), (5, '非常满意'), None)
    """
    text = plain(words)
    if found := _ALONE.fullmatch(text):
        return int(found[1]), ""
    if found := _FRONT.fullmatch(text):
        number, rest = found[1], found[2]
    elif found := _BEHIND.fullmatch(text):
        rest, number = found[1], found[2]
    else:
        return None
    if re.search(r"\d", rest):
        return None
    return int(number), rest.strip(" -–—−:=.,、()|")


def scales_of(words: Iterable[str]) -> Iterator[tuple[int, dict[str, int]]]:
    """Yield each scale that has all *words*, each at a place of its own, as its points and their numbers.

    Two words that fall on one number are of a finer scale than this one, so it does not fit.

    Parameters
    ----------
    words : iterable of str
        As :func:`plain` makes them.

    Yields
    ------
    tuple of int and dict of str to int

    Examples
    --------
    >>> next(scales_of(["satisfied", "neutral"]))
    (5, {'satisfied': 4, 'neutral': 3})
    >>> [points for points, _ in scales_of(["满意", "比较满意"])]
    [7]
    """
    asked = list(dict.fromkeys(words))
    for scale, places in zip(_SCALES, _PLACES, strict=True):
        found = {word: places[word] for word in asked if word in places}
        if len(found) == len(asked) == len(set(found.values())):
            yield len(scale), found


def is_known(words: str) -> bool:
    """Whether any scale has these words.

    Parameters
    ----------
    words : str
        As :func:`plain` makes them.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_known("agree"), is_known("meh")
    (True, False)
    """
    return any(words in places for places in _PLACES)
