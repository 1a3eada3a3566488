"""What the overview says: the most valuable findings, whom to act on, and what silent studies need."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from cam.estimate import Estimate
from cam.language import interval_text, named, sentence, together, value_text
from cam.language import translate as _
from cam.report import pages

#: Findings that a reader takes in at once.
MOST_FINDINGS = 6
_WORKBOOK = "workbook.xlsx"
#: Names of parameters in brackets: they are for who writes the file, and he reads them on the study's page.
_PARAMETERS = re.compile(r"\s*[(（][a-z]+(?:\.[a-z_]+)+(?:(?: and |, |、|和|与)[a-z]+(?:\.[a-z_]+)+)*[)）]")


@dataclass(frozen=True, slots=True)
class Said:
    """One finding of one study.

    Attributes
    ----------
    study : str
        The notebook's name.
    text : str
        The sentence.
    stake : Estimate or None
        What is at stake in the decision that it asks for.
    can_be_moved : bool
        Whether the decision is expected to change the whole of it.
    """

    study: str
    text: str
    stake: Estimate | None = None
    can_be_moved: bool = False

    @property
    def label(self) -> str:
        """What its study is called."""
        return pages.label(self.study)

    @property
    def href(self) -> str:
        """Its study's page."""
        return f"{self.study}.html"

    @property
    def amount(self) -> str:
        """What is at stake, ready to print; empty where nothing says it."""
        return value_text(self.stake.value, self.stake.unit) if self.stake else ""

    @property
    def what(self) -> str:
        """What that sum is."""
        return named(self.stake.figure) if self.stake else ""

    @property
    def interval(self) -> str:
        """Its interval; empty where everybody was counted."""
        return interval_text(self.stake) if self.stake else ""


@dataclass(frozen=True, slots=True)
class Announced:
    """One list of whom to act on, every text ready to print.

    Attributes
    ----------
    title : str
        Of the workbook's sheet.
    about, size : str
        What the list is, and how many customers.
    amount, interval, what : str
        What is at stake with all of them, its interval, and what that sum is; may be empty.
    lines : tuple of (str, str)
        What to do, and for whom; the latter may be empty.
    href, section : str
        Where the study tells of it, and what that part of its page is called.
    where : str
        In which sheet of which file it is.
    """

    title: str
    about: str
    size: str
    amount: str
    interval: str
    what: str
    lines: tuple[tuple[str, str], ...]
    href: str
    section: str
    where: str


def said(study: str, left: Mapping[str, Any]) -> list[Said]:
    """Read the findings that a study left.

    Parameters
    ----------
    study : str
        The notebook's name.
    left : mapping
        As in ``<study>.findings.json``.

    Returns
    -------
    list of Said
        In the study's order, without the names of parameters that stand in brackets.

    Examples
    --------
    >>> [one.amount for one in said("05_churn", {"findings": ["Call them."]})]
    ['']
    """
    texts = [_PARAMETERS.sub("", text) for text in left["findings"]]
    stakes = left.get("stakes") or [None] * len(texts)
    return [
        Said(study, text, Estimate(**stake["estimate"]), stake["can_be_moved"])
        if stake
        else Said(study, text)
        for text, stake in zip(texts, stakes, strict=True)
    ]


def most_valuable(findings: Sequence[Said], *, most: int = MOST_FINDINGS) -> list[Said]:
    """Pick what matters most, the most valuable first.

    First what a decision is expected to change, by size; then what customers bring anyway, by size; then gains that may
    be losses: sums that differ in kind are not compared. After them the first finding of each study that is not among
    them yet.

    Parameters
    ----------
    findings : sequence of Said
        Of all studies, in their order.
    most : int
        How many at most.

    Returns
    -------
    list of Said

    Examples
    --------
    >>> gain, held = (Estimate(name, value, "EUR") for name, value in (("retention_gain", 9), ("value_at_stake", 99)))
    >>> told = [Said("01", "a", held), Said("02", "b"), Said("02", "c"), Said("05", "d", gain, True)]
    >>> [one.text for one in most_valuable(told)]
    ['d', 'a', 'b']
    """
    staked = [one for one in findings if one.stake]
    ranked = sorted(staked, key=_rank)
    chosen = ranked[:most]
    for one in findings:
        if len(chosen) < most and one.study not in {other.study for other in chosen}:
            chosen.append(one)
    return chosen


def _rank(one: Said) -> tuple[int, float]:
    assert one.stake
    is_sure = one.stake.low is None or one.stake.low > 0
    return 1 if not one.can_be_moved else 0 if is_sure else 2, -abs(one.stake.value)


def order_text(chosen: Sequence[Said]) -> str:
    """Say by what the most valuable findings are ranked.

    Parameters
    ----------
    chosen : sequence of Said
        From :func:`most_valuable`.

    Returns
    -------
    str

    Examples
    --------
    >>> order_text([Said("01_segmentation", "a")])
    'No sum of money ranks these findings: this is the first one of each study.'
    """
    if not any(one.stake for one in chosen):
        return _("No sum of money ranks these findings: this is the first one of each study.")
    return _(
        "Ranked by margin or cost, never by revenue: first what a decision is expected to change, then what the "
        "customers concerned will bring anyway, of which a decision moves a part that only a test tells, then gains "
        "that may turn out to be losses; findings without a sum stand last."
    )


def announced(study: str, sheets: Sequence[Mapping[str, Any]], page: str) -> list[Announced]:
    """Read the lists of whom to act on that a study left.

    Parameters
    ----------
    study : str
        The notebook's name.
    sheets : sequence of mapping
        As in ``<study>.sheets.json``; what is told of no sheet is no such list.
    page : str
        The study's page as HTML, to find where it tells of the list.

    Returns
    -------
    list of Announced
    """
    return [_announced(study, sheet["title"], sheet["about"], page) for sheet in sheets if sheet.get("about")]


def wanted(left: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say what a study without a result needs.

    Parameters
    ----------
    left : mapping
        As in ``<study>.findings.json``.

    Returns
    -------
    list of (str, str)
        The parts that it would say, and what these need; the study's own reasons, without parts, where the data are
        there and something else is wrong.

    Examples
    --------
    >>> wanted({"findings": [], "cannot_say": ["Too few customers."]})
    [('', 'Too few customers.')]
    """
    lacking = [
        (pages.parts_text(one["parts"], is_partly=one["is_partly"]), together(one["reason"], one["cure"]))
        for one in left.get("missing", ())
    ]
    return lacking or [("", reason) for reason in left["cannot_say"]]


def _announced(study: str, title: str, about: Mapping[str, Any], page: str) -> Announced:
    stake = Estimate(**about["stake"]) if about["stake"] else None
    place, section = _section(page, about["caption"])
    return Announced(
        title=title,
        about=about["about"],
        size=_how_many(about["n"]),
        amount=value_text(stake.value, stake.unit) if stake else "",
        interval=interval_text(stake) if stake else "",
        what=about["stake_text"] if stake else "",
        lines=tuple((line["what"], _whom(line)) for line in about["lines"]),
        href=f"{study}.html{place}",
        section=section or pages.label(study),
        where=sentence("sheet {title} of {file}", title=title, file=_WORKBOOK),
    )


def _whom(line: Mapping[str, Any]) -> str:
    """For whom a line is, how many these are, and what is at stake with them."""
    if not line["whom"]:
        return ""
    if line.get("note"):
        size = _how_many(line["n"])
        return sentence("{whom}: {size}. {note}", whom=line["whom"], size=size, note=line["note"])
    if not line["stake"]:
        return sentence("{whom}: {size}", whom=line["whom"], size=_how_many(line["n"]))
    stake = replace(Estimate(**line["stake"]), n=None)
    return sentence(
        "{whom}: {size}, {stake} at stake", whom=line["whom"], size=_how_many(line["n"]), stake=stake
    )


def _how_many(n: int) -> str:
    return sentence("{n} customers", n=n)


def _section(page: str, caption: str) -> tuple[str, str]:
    """The address and the words of the heading under which a page shows a table; empty where it shows none."""
    before, found, _after = page.partition(f"<caption>{escape(caption)}")
    headings = re.findall(r'<h[23] id="([^"]+)"[^>]*>(.*?)</h[23]>', before, flags=re.S) if found else []
    if not headings:
        return "", ""
    place, words = headings[-1]
    return f"#{place}", re.sub(r"<[^>]+>", "", words).strip()
