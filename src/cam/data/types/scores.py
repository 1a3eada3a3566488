"""Scores of survey answers as tools write them: words, words with a number, scales of their own -> numbers.

All is decided from the few different texts of a column; the engine's expressions read the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import combinations

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.sources import ASIDE, Raw
from cam.data.notes import Note
from cam.data.types.expressions import blank, is_numeric, number, trimmed
from cam.data.types.likert import NO_ANSWER, is_known, plain, scales_of, stated_number
from cam.errors import DataError
from cam.params import Source
from cam.schema import TABLES, Column

#: Canonical scores of so many answers have one who gave the lowest, if it could be given.
_MANY = 200
#: A column with more texts than this that are no number is prose, not a scale.
_FEW = 20
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Score:
    """How one column of scores is read.

    Attributes
    ----------
    value : str or None
        The expression; None where the column holds plain numbers on its own scale.
    blank : str
        Whether a value says that there is none.
    column : Column
        With the limits that hold for the value.
    asked : str or None
        The lowest and highest answer as the source has them, where they are not the column's own.
    hint : str or None
        What may be meant by values outside, and the cure.
    must_settle : bool
        Whether rows with such values may be left out only once that is settled.
    """

    value: str | None
    blank: str
    column: Column
    asked: str | None = None
    hint: str | None = None
    must_settle: bool = False


def read_scores(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, mapping: dict[str, str], *, place: str
) -> tuple[dict[str, Score], list[Note]]:
    """Find out how each column of scores is written: numbers, words, numbers within words, on which scale.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As :func:`set_aside` leaves it.
    source : Source
        Its entry in the parameter file.
    mapping : dict of str to str
        Canonical name to source column.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of (dict of str to Score) and list of Note
        By canonical name; and what a reader should know.

    Raises
    ------
    DataError
        If words have no number, words and their numbers run against each other, or a scale fits no score; with
        the cure.
    """
    options, schema = source.options, TABLES[raw.table]
    for key in ("scales", "words"):
        lost = [name for name in getattr(options, key) if name not in mapping]
        if lost:
            raise DataError(
                f"{raw.table}: data.{raw.table}.options.{key} names {', '.join(lost)}, which the table does not have.\n"
                f"    Name a column as the report calls it, or map it: data.{raw.table}.columns in {place}."
            )
    asked = {*options.scales, *options.words}
    scores: dict[str, Score] = {}
    notes: list[Note] = []
    faults: list[str] = []
    for name, origin in mapping.items():
        known = schema.column(name)
        is_item = known is None and (name in asked or (raw.table == "responses" and name.startswith("item_")))
        is_score = known is not None and raw.table == "responses" and known.kind == "integer"
        kind = raw.columns[origin]
        if known and known.kind == "boolean" and name not in options.scales:
            _refuse_other_truths(raw.table, name, options.words.get(name, {}), place)
            continue
        if not (is_item or is_score or name in asked) or not (kind == "VARCHAR" or is_numeric(kind)):
            continue
        if known and known.kind not in {"integer", "number"}:
            raise DataError(
                f"{raw.table}: data.{raw.table}.options: {name} is no score, so it has neither scale nor words.\n"
                f"    Take it out of scales and words in {place}."
            )
        try:
            score, told = _Reading(connection, raw, source, name, origin, place).score()
        except DataError as error:
            faults.append(str(error))
            continue
        notes += told
        if score:
            scores[name] = score
    if faults:
        raise DataError("\n".join(faults))
    return scores, notes


def _refuse_other_truths(table: str, name: str, words: dict[str, int], place: str) -> None:
    wrong = [word for word, number in words.items() if number not in (0, 1)]
    if wrong:
        raise DataError(
            f"{table}: {name} is yes (1) or no (0), and data.{table}.options.words gives {wrong[0]!r} another number.\n"
            f"    Give each word 1 or 0 in {place}."
        )


class _Reading:
    """The different texts of one column of scores, sorted into numbers, words and what is neither."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        raw: Raw,
        source: Source,
        name: str,
        origin: str,
        place: str,
    ) -> None:
        self.table, self.name, self.origin, self.place = raw.table, name, origin, place
        self.column = TABLES[raw.table].column(name)
        self.options = source.options
        self.scale = source.options.scales.get(name)
        self.given, self.kind = identifier(origin), raw.columns[origin]
        self.text = trimmed(f"CAST({self.given} AS VARCHAR)")
        aside = f"WHERE {ASIDE} IS NULL" if ASIDE in raw.columns else ""
        self.number = number("t", "VARCHAR", decimal=source.options.decimal)
        self.found = connection.execute(
            f"SELECT t, {self.number}, n FROM (SELECT {self.text} AS t, count(*) AS n FROM {raw.relation} {aside} "
            f"GROUP BY 1) WHERE t <> '' ORDER BY n DESC, t LIMIT {_MOST + 1}"
        ).fetchall()

    def score(self) -> tuple[Score | None, list[Note]]:
        """How the column is read, and what to tell; None where nothing about it is special."""
        own = {plain(word): value for word, value in self.options.words.get(self.name, {}).items()}
        final: dict[str, int] = {}  # text -> score
        stated: dict[str, int] = {}  # text -> number on the source's scale
        empty: dict[str, int] = {}
        plain_numbers: dict[float, int] = {}
        labels: list[tuple[int, str]] = []
        unknown: dict[str, int] = {}
        for text, value, n in self.found:
            words = plain(text)
            if words in own:
                final[text] = own[words]
            elif words in NO_ANSWER:
                empty[text] = n
            elif value is not None:
                plain_numbers[float(value)] = n
            elif label := stated_number(text):
                stated[text] = label[0]
                plain_numbers[float(label[0])] = plain_numbers.get(float(label[0]), 0) + n
                labels.append(label)
            else:
                unknown[text] = n
        prose = len(unknown) > _FEW and self.column is None and self.name not in self.options.words
        if prose or (self.column is None and not (unknown or stated or final or empty or self.scale)):
            return None, []
        self._refuse_reversed(labels)
        notes: list[Note] = []
        if unknown:
            found = self._resolve(unknown, alone=not (plain_numbers or final))
            final |= found
            if found:
                shown = ", ".join(f"{w!r} {v}" for w, v in sorted(found.items(), key=lambda pair: pair[1]))
                notes.append(Note("{name}: words read as numbers: {shown}", name=self.name, shown=shown))
        if empty:
            shown = ", ".join(f"{text!r} {n:,}" for text, n in list(empty.items())[:5])
            words = "{name}: answers that say there is none: {n} ({shown})"
            notes.append(Note(words, name=self.name, n=sum(empty.values()), shown=shown))
        column, rescale, told = self._rescale(plain_numbers)
        hint, must_settle = (None, False) if self.scale else self._hint(plain_numbers)
        notes += told or ([] if self.scale or hint else self._suspicion(plain_numbers))
        if not (final or stated or empty or self.scale) and hint is None:
            return None, notes
        asked = f"{self.scale[0]} to {self.scale[1]}" if self.scale else None
        is_blank = blank(self.given, self.kind)
        if empty:
            is_blank = f"({is_blank} OR {self.text} IN ({', '.join(map(literal, empty))}))"
        value = (
            self._value(final, stated, rescale, column)
            if final or stated or self.scale or not self.column
            else None
        )
        return Score(value, is_blank, column, asked, hint, must_settle), notes

    # --- words

    def _resolve(self, unknown: dict[str, int], *, alone: bool) -> dict[str, int]:
        """Numbers of words, from the one scale that has them all; an error where there is none or several.

        Where faults are dropped, words that no scale has go with them; words that may be the best answer never do.
        """
        if self.options.drop_unreadable:
            known = {text: n for text, n in unknown.items() if is_known(plain(text))}
            if not known and not alone:
                return {}
            unknown = known or unknown
        points = 11 if self.name == "nps" else self._points()
        words = {text: plain(text) for text in unknown}
        why = "are on no scale known here"
        if self.name == "nps":
            why = "do not say which number from 0 to 10 they mean"
        elif all(map(is_known, words.values())):
            fits = list(scales_of(words.values()))
            if points is None and fits:
                points = min(n for n, _ in fits)
            places = {tuple(sorted(found.items())) for n, found in fits if n == points}
            # The words of five points are among those of seven: only one of the others tells the seven.
            sure = points == 5 or self.scale or not any(n == 5 for n, _ in fits)
            if len(places) == 1 and sure:
                found = dict(places.pop())
                # An item keeps the numbers of its own scale, whose lowest may be 0.
                shift = self.scale[0] - 1 if self.scale and self.column is None else 0
                return {text: found[word] + shift for text, word in words.items()}
            why = "are on no one scale together"
            if len(places) > 1:
                why = "fit several scales"
            elif fits and points:
                others = sorted({n for n, _ in fits})
                why = f"are those of {' or '.join(map(str, others))} points, and {self.name} has {points}"
        n = sum(unknown.values())
        first = list(unknown.items())[:10]
        shown = ", ".join(f"{text[:60]!r} {count:,}" for text, count in first)
        more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
        example = ", ".join(f'"{text[:60]}": …' for text, _ in first[:3])
        where = f"data.{self.table}.options"
        cure = f"    Say what they are worth: {where}.words: {{{self.name}: {{{example}}}}} in {self.place};"
        if self.name != "nps" and points == 7 and self.column:
            cure += f" or, if they are words of seven points, {where}.scales: {{{self.name}: [1, 7]}};"
        cure += f"\n    texts that are no answer go to {where}.blanks"
        if self.column is None and not self.options.words.get(self.name):
            cure += f"; a column that is no score gets another name: data.{self.table}.columns"
        noun = "answer" if n == 1 else "answers"
        raise DataError(
            f"{self.table}: the words of {n:,} {noun} in '{self.origin}' ({self.name}) {why}: {shown}{more}.\n{cure}."
        )

    def _points(self) -> int | None:
        """How many points the words must have: those of the score, or of the scale that is stated."""
        if self.column and self.column.low is not None and self.column.high is not None:
            return int(self.column.high - self.column.low) + 1
        return self.scale[1] - self.scale[0] + 1 if self.scale else None

    def _refuse_reversed(self, labels: list[tuple[int, str]]) -> None:
        """Numbers that fall while their words rise: 1 is the best answer there."""
        for (number_a, word_a), (number_b, word_b) in combinations(labels, 2):
            for _, places in scales_of([word_a, word_b]):
                if (number_a - number_b) * (places[word_a] - places[word_b]) >= 0:
                    break
            else:
                if (
                    is_known(word_a)
                    and is_known(word_b)
                    and word_a != word_b
                    and any(scales_of([word_a, word_b]))
                ):
                    raise DataError(
                        f"{self.table}: in '{self.origin}' ({self.name}) the numbers run against the words: "
                        f"{number_a} is {word_a!r}, {number_b} is {word_b!r}.\n"
                        f"    Say what each is worth, best highest: data.{self.table}.options.words: "
                        f'{{{self.name}: {{"{number_a} …": …, "{number_b} …": …}}}} in {self.place}.'
                    )

    # --- scales

    def _rescale(self, numbers: dict[float, int]) -> tuple[Column, Callable[[str], str], list[Note]]:
        """The column with its limits, what is done to a number of the source, and what to tell."""
        whole = all(value == int(value) for value in numbers)
        column = self.column or Column(self.name, "integer" if whole else "number", False, "")
        if self.scale is None:
            return column, _as_it_is, []
        low, high = self.scale
        if self.column is None or column.low is None or column.high is None:
            return replace(column, low=low, high=high), _as_it_is, []
        if (low, high) == (column.low, column.high):
            return column, _as_it_is, []
        n, goal = high - low + 1, int(column.high - column.low) + 1
        where = f"data.{self.table}.options.scales"
        if self.name == "nps":
            if (low, high) == (1, 11):
                return (
                    column,
                    lambda x: f"{x} - 1",
                    [Note("nps: asked on 1 to 11; one is taken off each answer")],
                )
            if (low, high) == (1, 10):
                words = "nps: asked on 1 to 10, so nobody could answer 0; 9 and 10 are promoters, up to 6 detractors"
                return replace(column, low=1), _as_it_is, [Note(words)]
            raise DataError(
                f"{self.table}: nps cannot be had from a scale of {low} to {high}: its bands are those of 0 to 10.\n"
                f"    {where} in {self.place} takes [0, 10], [1, 10] or [1, 11] for nps; map other scales to csat "
                f"or to an item: data.{self.table}.columns: {{item_recommend: {self.origin}}}."
            )
        width, rest = divmod(n, goal)
        if rest or not width:
            raise DataError(
                f"{self.table}: {self.name} has {goal} boxes, and {n} points from {low} to {high} do not divide into "
                f"them.\n    Say the number of each answer with data.{self.table}.options.words in {self.place}, or "
                f"keep the scale as it is, as an item: data.{self.table}.columns: {{item_{self.name}: {self.origin}}}."
            )
        words = "{name}: asked on {low} to {high}; every {width} points are one of {goal} boxes"
        if width == 1:
            words = "{name}: asked on {low} to {high}; {shift} for each answer"
        elif self.name == "csat":
            words = (
                "{name}: asked on {low} to {high}; every {width} points are one of {goal} boxes, so {first} to {high} "
                "count as satisfied"
            )
        told = Note(
            words,
            name=self.name,
            low=low,
            high=high,
            width=width,
            goal=goal,
            first=low + 3 * width,
            shift=f"{column.low - low:+g}",
        )
        start = int(column.low)
        return column, lambda x: f"floor(({x} - {low}) / {width}) + {start}", [told]

    def _value(
        self,
        final: dict[str, int],
        stated: dict[str, int],
        rescale: Callable[[str], str],
        column: Column,
    ) -> str:
        decimal = self.options.decimal
        plain_number = number(self.given, self.kind, decimal=decimal)
        value = _cases(self.text, stated, plain_number)
        if column.kind == "integer":
            value = f"CASE WHEN {value} = floor({value}) THEN {value} END"
        value = _cases(self.text, final, rescale(value))
        return f"CAST({value} AS {'BIGINT' if column.kind == 'integer' else 'DOUBLE'})"

    # --- what may be meant

    def _hint(self, numbers: dict[float, int]) -> tuple[str | None, bool]:
        """What values outside the scale may mean, with the cure; and whether to drop them would drop the best."""
        if not numbers or not self.column or self.column.low is None or self.column.high is None:
            return None, False
        low, high = min(numbers), max(numbers)
        where = f"data.{self.table}.options"
        if low < 0 and low == int(low):
            return f'If {low:g} stands for no answer: {where}.blanks: ["{low:g}"].', False
        if self.name == "nps" and high == 11 and low >= 1:
            return (
                f"If the tool numbers the eleven answers from 1: {where}.scales: {{nps: [1, 11]}}; "
                "if 11 is a slip, {nps: [0, 10]}."
            ), True
        points = int(self.column.high - self.column.low) + 1
        if low == 0 and high == points - 1 and self.column.low == 1:
            return (
                f"If it was asked on 0 to {points - 1}: {where}.scales: {{{self.name}: [0, {points - 1}]}}.",
                True,
            )
        if self.name == "csat" and 5 < high <= 10 and low >= 1:
            return (
                f"If it was asked on 1 to 10: {where}.scales: {{csat: [1, 10]}}, every two points one box; "
                "if 6 and more are slips, {csat: [1, 5]}."
            ), True
        return None, False

    def _suspicion(self, numbers: dict[float, int]) -> list[Note]:
        n = sum(numbers.values())
        if self.name != "nps" or n < _MANY or min(numbers, default=0) != 1 or max(numbers) != 10:
            return []
        words = (
            "nps: none of {n} answers is 0, as if it was asked on 1 to 10; nothing is shifted, "
            "options.scales settles it"
        )
        return [Note(words, n=n)]


def _as_it_is(value: str) -> str:
    return value


def _cases(text: str, numbers: dict[str, int], otherwise: str) -> str:
    """CASE over texts, those of one number together."""
    if not numbers:
        return otherwise
    grouped: dict[int, list[str]] = {}
    for word, value in numbers.items():
        grouped.setdefault(value, []).append(word)
    whens = " ".join(f"WHEN {text} IN ({_list(words)}) THEN {value}" for value, words in grouped.items())
    return f"CASE {whens} ELSE {otherwise} END"


def _list(words: Iterable[str]) -> str:
    return ", ".join(map(literal, words))
