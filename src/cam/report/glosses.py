"""Words of the field, explained where a page has them first: the line that GLOSSARY.md has for them, one press away."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape, unescape

from cam.report.glossary import Term

#: Glosses on a page; with more, every line would be dotted.
MOST = 25

#: Single words that everyday English does not have in this sense; "cell" or "factor" would be explained at every turn.
_JARGON = frozenset(
    {"backlog", "bootstrap", "calibration", "cohort", "communality", "covariate", "detractor", "elasticity"}
    | {"holdout", "promoter", "raking", "recalibration"}
)
#: Inside these nothing is explained; what stands in bold is being explained.
_SKIPPED = frozenset({"a", "abbr", "button", "code", "em", "math", "pre", "span", "table"})
_BOLD = frozenset({"b", "strong"})
#: A source: author, year, title.
_SOURCE = re.compile(r"\(\d{4}\w?\)\.")

Gloss = tuple[str, str]


def read_glosses(terms: Sequence[Term], *, language: str) -> tuple[Gloss, ...]:
    """Pick what can be explained on a page from the terms of the glossary.

    Parameters
    ----------
    terms : sequence of Term
        As :func:`cam.report.glossary.read_glossary` reads them.
    language : str
        ``en`` or ``zh``.

    Returns
    -------
    tuple of (str, str)
        A word or name and what it means; one meaning may have several names.

    Examples
    --------
    >>> read_glosses([Term("net promoter score, `nps`", "净推荐值（NPS）", "a less b.")], language="en")
    (('net promoter score', 'a less b.'), ('NPS', 'a less b.'))
    """
    found: dict[str, str] = {}
    for term in terms:
        # An abbreviation is the same in both languages, and stands in brackets behind the Chinese name.
        short = re.findall(r"（([A-Z]{2,})）", term.english + term.chinese)
        for name in [*_names(term.chinese if language == "zh" else term.english), *short]:
            found.setdefault(name, term.meaning.replace("`", ""))
    return tuple(found.items())


def _names(term: str) -> list[str]:
    """The names in a term's cell that a reader would stumble over, without code."""
    bare = re.sub(r"`[^`]*`", "", term)
    parts = re.split(r"[,、()（）]", bare)
    names = [part.strip() for part in parts]
    return [name for name in names if _is_jargon(name) and not name.startswith(("and ", "can "))]


def _is_jargon(name: str) -> bool:
    if re.search(r"[\u4e00-\u9fff]", name):
        return len(name) > 2
    return bool(re.fullmatch(r"[\w' -]{3,}", name)) and (
        " " in name or name in _JARGON or sum(sign.isupper() for sign in name) > 1
    )


class Glosses:
    """What is still to be explained on one page.

    Parameters
    ----------
    glosses : sequence of (str, str)
        As :func:`read_glosses` gives them.
    """

    def __init__(self, glosses: Sequence[Gloss]) -> None:
        self._meanings = {name.lower(): (name, meaning) for name, meaning in glosses}
        self._told: set[str] = set()
        self._n = 0
        # The longest first. In Chinese no blank says where a word begins: gross and net are other words.
        names = "|".join(re.escape(name) for name in sorted(self._meanings, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![A-Za-z0-9_.总净-])({names})s?(?![A-Za-z0-9_-])", re.IGNORECASE)

    def mark(self, html: str) -> str:
        """Explain each word at its first place in a text, and not inside headings, links, code, figures, tables.

        Parameters
        ----------
        html : str
            A piece of the page; pieces come in the order of the page.

        Returns
        -------
        str
            The same with a button around what is explained, and its meaning behind it, not shown until asked for.

        Examples
        --------
        >>> Glosses([("CLV", "What a customer will bring.")]).mark("<p>The CLV.</p>")[:46]
        '<p>The <button type="button" class="gloss" pop'
        """
        if not self._meanings:
            return html
        depth = bold = 0
        pieces = re.split(r"(<[^>]+>)", html)
        for place, piece in enumerate(pieces):
            if tag := re.match(r"<(/?)(\w+)", piece):
                step = -1 if tag[1] else 1
                depth += step * (tag[2] in _SKIPPED or bool(re.match(r"h\d", tag[2])))
                bold += step * (tag[2] in _BOLD)
            elif bold:
                for found in self._pattern.finditer(piece):
                    self._told.add(self._meanings[found[1].lower()][1])
            elif not depth and not _SOURCE.search(piece):
                pieces[place] = self._pattern.sub(self._explain, piece)
        return "".join(pieces)

    def _explain(self, found: re.Match[str]) -> str:
        name, meaning = self._meanings[found[1].lower()]
        is_other = not name[1:].islower() and name[1:] != found[1][1:]  # an abbreviation is written as it is
        if is_other or meaning in self._told or self._n >= MOST:
            return found[0]
        self._told.add(meaning)
        self._n += 1
        mark = f"gloss-{self._n}"
        return (
            f'<button type="button" class="gloss" popovertarget="{mark}">{found[0]}</button>'
            f'<span popover id="{mark}" class="meaning" role="note">{escape(unescape(meaning))}</span>'
        )
