"""Which columns of a survey ask for a score, by their words and their answers together; never by their place.

A tool names a column by its question, so no list of names can hold it: the words say what may be meant, the answers
whether it can be. What is found is a proposal, and each comes with its evidence.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from cam.data.notes import Note
from cam.data.types.likert import NO_ANSWER, is_known, plain, scales_of, stated_number
from cam.schema import TABLES

#: Words of a question, as :func:`cam.data.types.likert.plain` makes them; the first group is what is shown as evidence.
_ASKS = {
    "nps": re.compile(
        r"((?<![a-z])nps(?![a-z])|net promoter|净推荐|recommend|推荐|引荐|介绍给"
        r"|refer (?:us|me|a friend|to)|likely|likelihood|(?:weiter)?empfehl\w*)"
    ),
    "csat": re.compile(r"((?<![a-z])csat(?![a-z])|(?<!dis)(?<!un)satisf\w*|满意|(?<!un)zufrieden\w*)"),
    "ces": re.compile(
        r"((?<![a-z])ces(?![a-z])|customer effort|effort\w*|(?<![a-z])(?:eas(?:y|ily|e)|difficult)(?![a-z])"
        r"|费力|省力|费劲|轻松|容易|便捷|方便|aufwand|aufw[eä]nd\w*|(?<![a-zäöü])(?:einfach|leicht)(?![a-zäöü]))"
    ),
}
#: Columns that share a word with a question and ask something else.
_OTHER = re.compile(
    r"nps[ _]?group|推荐(?:人|码|者|数|次|来源|商品|奖)|(?:原因|理由)$|referr(?:er|al)|recommended by"
    r"|^(?:why|what|warum|wieso|was) |empfehlungs-?(?:code|geber|link|nummer)|empfehlungen$"
    r"|empfohlen (?:von|durch)|(?:grund|gründe)$"
)
#: The range that a question states: (0-10), 1 to 5, 从0到10分.
_RANGE = re.compile(
    r"(?<![\d.])([01])\s*分?\s*(?:-|–|—|~|to|到|至|bis|and|\.\.)\s*(4|5|6|7|9|10|11)(?![\d.])"
)
#: The best answer is said to be the lowest number.
_REVERSED = re.compile(
    r"(?<!\d)1\s*分?\s*[=:(-]?\s*(?:代表|表示|为|是|means|is|being|bedeutet|ist)?\s*"
    r"(?:(?:非常|很|十分|完全)(?:满意|愿意|可能|容易|同意)"
    r"|(?:very|extremely|completely|most) (?:satisfied|likely|easy)|strongly agree"
    r"|(?:sehr|äußerst|völlig|vollkommen) (?:zufrieden|wahrscheinlich|einfach|leicht|gut))"
)
#: Effort is the contrary of ease; a tool may number it either way.
_EFFORT = re.compile(r"effort|费力|费劲|difficult|aufwand|aufw[eä]nd")
_EASE = re.compile(
    r"省力|不费力|毫不费力|eas(?:y|ily|e)(?![a-z])|little effort|轻松|容易|便捷|方便|wenig aufwand|einfach|leicht"
)
_OVERALL = re.compile(
    r"overall|in general|all in all|as a whole|总体|整体|总的|综合|insgesamt|gesamt|alles in allem"
)
_NUMBER = re.compile(r"(-?\d+)(?:\.0+)?")
#: What stands under the header of a survey tool's file; more lines than these are answers.
_LINES = 3
_SKIPPED = {"(跳过)", "(空)"}

_NUMBERS = "asks about '{word}'; answers from {low} to {high}"
_WORDS = "asks about '{word}'; answers in words of {points} points, such as '{example}'"
_SURE = (_NUMBERS, _WORDS)
_ELEVEN = (
    "asks about '{word}'; answers from {low} to {high}: if the tool numbers the eleven answers from 1, "
    "one must be taken off each"
)
_NO_ZERO = "asks about '{word}'; answers from {low} to {high} and none is 0: asked on 0 to 10, or on 1 to 10?"
_SCALE = "asks about '{word}'; answers from {low} to {high}: asked on {first} to {last}?"
_WEAK = "asks what is likely; answers from {low} to {high}: is it whether they would recommend?"
_TURNED = "asks about '{word}'; answers from {low} to {high}: is the highest number the best answer?"
_SEVERAL = "asks about '{word}'; answers from {low} to {high}; {n} questions fit: which is it?"
_SEVERAL_WORDS = (
    "asks about '{word}'; answers in words of {points} points, such as '{example}'; "
    "{n} questions fit: which is it?"
)


class ScoreColumn(NamedTuple):
    """A proposal: this column of the source holds that score.

    Attributes
    ----------
    column : str
        The source's column.
    canonical : str
        ``nps``, ``csat`` or ``ces``.
    evidence : Note
        Why, in words for a reader; ends with a question where :attr:`must_ask`.
    scale : tuple of (int, int), or None
        What ``options.scales`` would have to say, if a person agrees; None where the answers are on the score's own
        scale.
    """

    column: str
    canonical: str
    evidence: Note
    scale: tuple[int, int] | None

    @property
    def must_ask(self) -> bool:
        """Whether a person has to settle it: words and answers leave more than one reading."""
        return self.scale is not None or self.evidence.words not in _SURE


class _Answers(NamedTuple):
    """What the texts of a column say: its numbers, words of a scale, and how many texts are neither."""

    numbers: tuple[int, ...]
    words: tuple[str, ...]
    strange: int


def score_columns(names: Iterable[str], samples: Mapping[str, Sequence[object]]) -> list[ScoreColumn]:
    """Propose which columns of a survey hold a score.

    A column is proposed only where its words and its answers agree: 推荐 or "recommend" with answers within 0 to 10
    (``nps``), 满意 or "satisfied" with five boxes (``csat``), 容易, 费力, "easy" or "effort" with seven (``ces``). A
    column whose answers cannot become the score, such as satisfaction on seven points or effort on five, is left out.

    Parameters
    ----------
    names : iterable of str
        The columns to look at.
    samples : mapping of str to sequence
        Some or all values of each column, as the source has them, in the order of its rows, those of lines under
        the header among them: Qualtrics writes the question there.

    Returns
    -------
    list of ScoreColumn
        In the order of *names*; several for one score where several questions fit, each then with
        :attr:`ScoreColumn.must_ask`.

    Examples
    --------
    >>> found = score_columns(
    ...     ["2、您有多大可能推荐我们？", "Q7"],
    ...     {"2、您有多大可能推荐我们？": ["10", "0", "7"], "Q7": ["How satisfied are you?", "11", "3"]},
    ... )
    >>> [(column, score, str(evidence), scale) for column, score, evidence, scale in found]
    [('2、您有多大可能推荐我们？', 'nps', "asks about '推荐'; answers from 0 to 10", None)]
    >>> shifted = score_columns(["NPS"], {"NPS": ["11", "1", "9"]})[0]
    >>> shifted.scale, shifted.must_ask
    ((1, 11), True)
    """
    found = [
        proposal
        for name in names
        for canonical in _ASKS
        if (proposal := _proposal(name, canonical, samples.get(name, ())))
    ]
    return _one_each(found)


#: What a question in words asks for; and the least that its answers have.
_OPEN = re.compile(
    r"what (?:could|can|should|would|else)|why|how (?:could|can|might)|comment|feedback|improve|suggest"
    r"|anything else|tell us"
    r"|意见|建议|为什么|原因|如何改进|想说|反馈|warum|was (?:können|könnten|sollten)|verbesser|kommentar|anmerkung"
)
_ASKED_EACH, _WORDS_EACH, _DIFFERENT = 1.5, 3.0, 0.5


def comment_columns(
    names: Iterable[str], samples: Mapping[str, Sequence[object]], used: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return the columns of a survey whose answers are words of one's own.

    Parameters
    ----------
    names : iterable of str
        The columns to look at.
    samples : mapping of str to sequence
        Values of each column, in the order of its rows.
    used : iterable of str
        Columns that have a role already.

    Returns
    -------
    tuple of str
        Those whose question asks for words go first.

    Examples
    --------
    >>> comment_columns(["Q3", "Q4"], {"Q3": ["What could be better?", "Be faster", "Nothing at all"], "Q4": ["5"]})
    ('Q3',)
    """
    found: list[tuple[bool, str]] = []
    for name in names:
        texts = [str(value).strip() for value in samples.get(name, ()) if str(value).strip()]
        head = [text for text in texts[:_LINES] if text.startswith("{") or text.endswith(("?", "？"))]
        answers = [text for text in texts if text not in head]
        if name in used or not answers or sum(_is_prose(text) for text in answers) < 0.9 * len(answers):
            continue
        asks = any(_OPEN.search(plain(text)) and len(plain(text)) > 3 for text in (name, *head))
        each = sum(len(re.findall(r"[A-Za-z']+|[\u4e00-\u9fff]{2}", text)) for text in answers) / len(answers)
        different = len(set(answers)) / len(answers)
        if (asks and each >= _ASKED_EACH and len(set(answers)) > 1) or (
            each >= _WORDS_EACH and different >= _DIFFERENT and len(answers) >= 5
        ):
            found.append((not asks, name))
    return tuple(name for _, name in sorted(found, key=lambda pair: pair[0]))


def _is_prose(text: str) -> bool:
    """Whether a text is neither a number, a word of a scale, an address on the net nor a day."""
    is_mail = re.fullmatch(r"\S*[@/:_]\S*|[\d\s./:+-]+", text)
    return not (is_mail or _is_answer(plain(text)) or plain(text) in NO_ANSWER)


def _proposal(name: str, canonical: str, values: Sequence[object]) -> ScoreColumn | None:
    texts = [str(value) for value in values if value is not None]
    wording, answers = _split(name, texts)
    asks = _word(canonical, wording)
    if asks is None or _OTHER.search(plain(name)):
        return None
    if canonical == "ces" and asks not in {"ces", "customer effort"} and _word("csat", wording):
        return None  # how satisfied they are with the ease
    read = _read(answers)
    if read.strange * 20 > len(read.numbers) + len(read.words) + read.strange:
        return None
    if read.words:
        return _in_words(name, canonical, asks, read)
    if not read.numbers:
        return None
    return _in_numbers(name, canonical, asks, wording, read.numbers)


def _split(name: str, texts: Sequence[str]) -> tuple[str, list[str]]:
    """The words of the question, those of the lines under the header among them; and the answers."""
    head = [
        text
        for text in texts[:_LINES]
        if text.strip()
        and not _is_answer(plain(text))
        and any(_word(canonical, plain(text)) for canonical in _ASKS)
    ]
    # "Response" and {"ImportId": …} under the header are no answers either.
    others = {text for text in texts[:_LINES] if plain(text) in {"response"} or text.lstrip().startswith("{")}
    answers = [text for text in texts if text not in head and text not in others]
    return " / ".join(plain(text) for text in (name, *head)), answers


def _word(canonical: str, wording: str) -> str | None:
    """What the question has of the score's words; the surer of several."""
    found = [match[1] for match in _ASKS[canonical].finditer(wording)]
    return next((word for word in found if not word.startswith("likel")), found[0] if found else None)


def _is_answer(words: str) -> bool:
    return bool(_NUMBER.fullmatch(words)) or stated_number(words) is not None or is_known(words)


def _read(answers: Iterable[str]) -> _Answers:
    numbers: list[int] = []
    words: list[str] = []
    strange = 0
    for text in answers:
        said = plain(text)
        if said in NO_ANSWER or said in _SKIPPED:
            continue
        if whole := _NUMBER.fullmatch(said):
            # Tools write -3 or -99 where nothing was asked.
            numbers += [int(whole[1])] if int(whole[1]) >= 0 else []
        elif label := stated_number(said):
            numbers.append(label[0])
        elif is_known(said):
            words.append(said)
        else:
            strange += 1
    return _Answers(tuple(numbers), tuple(words), strange)


def _in_words(name: str, canonical: str, asks: str, read: _Answers) -> ScoreColumn | None:
    """Words of as many points as the score has; which number an answer on 0 to 10 has, no word says."""
    points = {"csat": 5, "ces": 7}.get(canonical)
    if points is None or not all(1 <= number <= points for number in read.numbers):
        return None
    if not any(n == points for n, _ in scales_of(read.words)):
        return None
    note = Note(_WORDS, word=asks, points=points, example=read.words[0])
    return ScoreColumn(name, canonical, note, None)


def _in_numbers(
    name: str, canonical: str, asks: str, wording: str, numbers: Sequence[int]
) -> ScoreColumn | None:
    low, high = min(numbers), max(numbers)
    stated = _stated_range(wording)
    scale = _scale(canonical, low, high, stated, named=asks in {"nps", "csat", "ces"})
    if scale is None:
        return None
    column = TABLES["responses"].column(canonical)
    assert column is not None and column.low is not None and column.high is not None
    own = scale == (int(column.low), int(column.high))
    found: dict[str, int | str] = {"word": asks, "low": low, "high": high}
    effort = canonical == "ces" and _EFFORT.search(wording) and not _EASE.search(wording)
    if _REVERSED.search(wording) or effort:
        note = Note(_TURNED, **found)
    elif canonical == "nps" and scale == (1, 11):
        note = Note(_ELEVEN, **found)
    elif asks.startswith("likel"):
        note = Note(_WEAK, low=low, high=high)
    elif canonical == "nps" and own and stated is None and low > 0:
        note = Note(_NO_ZERO, **found)
    elif not own or (stated is None and high < (9 if canonical == "nps" else column.high)):
        note = Note(_SCALE, **found, first=scale[0], last=scale[1])
    else:
        note = Note(_NUMBERS, **found)
    return ScoreColumn(name, canonical, note, None if own else scale)


def _stated_range(wording: str) -> tuple[int, int] | None:
    found = {(int(low), int(high)) for low, high in _RANGE.findall(wording)}
    return found.pop() if len(found) == 1 else None


def _scale(
    canonical: str, low: int, high: int, stated: tuple[int, int] | None, *, named: bool
) -> tuple[int, int] | None:
    """The scale that the answers can be on, of those that the reader can turn into the score; None for no score."""
    possible = {
        "nps": ((0, 10), (1, 10), (1, 11)),
        "csat": ((1, 5), (0, 4), (1, 10)),
        "ces": ((1, 7), (0, 6)),
    }[canonical]
    if stated:
        # Codes of the choices 0 to 10 run from 1 to 11, whatever the question says.
        fits = [stated] if stated[0] <= low and high <= stated[1] else []
        fits += [(1, 11)] if canonical == "nps" and high == 11 and low >= 1 else []
        return next((scale for scale in fits if scale in possible), None)
    # Below these, a shorter scale is as likely: recommend on five points, ease on five.
    least = {"nps": 6, "csat": 2, "ces": 6}[canonical]
    if high < least and not (named and low <= high):
        return None
    if canonical == "csat" and high in {6, 7}:  # seven points make no five boxes
        return None
    if canonical == "ces" and low == 0 and high == 6:
        return (0, 6)
    return next((scale for scale in possible if scale[0] <= low and high <= scale[1]), None)


def _one_each(found: Sequence[ScoreColumn]) -> list[ScoreColumn]:
    """Of several questions for one score the one about the whole; else all, with the question which it is."""
    made = []
    for proposal in found:
        rivals = [other for other in found if other.canonical == proposal.canonical]
        whole = [other for other in rivals if _OVERALL.search(plain(other.column))]
        # What is only likely is no rival of a question that says recommend.
        firm = [other for other in rivals if other.evidence.words != _WEAK]
        best = whole if len(whole) == 1 else firm or rivals
        if proposal not in best:
            continue
        if len(best) > 1 and not proposal.must_ask:
            words = _SEVERAL if proposal.evidence.words == _NUMBERS else _SEVERAL_WORDS
            proposal = proposal._replace(evidence=Note(words, **proposal.evidence.values, n=len(best)))
        made.append(proposal)
    return made
