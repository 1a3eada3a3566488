"""What is asked of the client rather than of a table: its currency, whether ids are shown, who has left."""

from __future__ import annotations

import re
from collections import Counter

from cam.data.notes import Note
from cam.data.parse import fits
from cam.data.proposals.lines import shown
from cam.data.proposals.money import counted, currencies, named_currencies
from cam.data.proposals.recognise import Proposal, Recognition

_CHINESE = re.compile("[\u4e00-\u9fff]")
_MONEY = {"revenue", "refund", "cost", "monthly_fee", "wallet"}
_PERSONAL = re.compile(r"e-?mail|phone|mobile|手机|邮箱|电话|姓名|\bname\b", re.IGNORECASE)


def client_questions(found: Recognition, currency: str | None) -> list[tuple[str, str, Note]]:
    """Questions of the client rather than of a table: the key, what it may be, and why it is asked.

    Parameters
    ----------
    found : Recognition
        What was recognised.
    currency : str or None
        As the person names it.

    Returns
    -------
    list of tuple of str, str and Note
    """
    asked: list[tuple[str, str, Note]] = []
    if (
        not currency
        and not agreed_currency(found)
        and any(_MONEY & mapped(one).keys() for one in found.proposals)
    ):
        likely, why = _which_currency(found)
        asked.append(("client.currency", likely, why))
    ids = [name for one in found.proposals for name in mapped(one).get("customer_id", ())]
    if any(_PERSONAL.search(name) for name in ids):
        why = Note("the id seems to name a person: shall reports show a code instead?")
        asked.append(("client.customer_ids", "hashed", why))
    if {"transactions", "contracts"} <= {one.table for one in found.proposals}:
        why = Note("or contractual: which of the two tables says that a customer has left?")
        asked.append(("value.setting", "non_contractual", why))
    return asked


def agreed_currency(found: Recognition) -> tuple[str, Note] | None:
    """The one currency that all evidence speaks for, and which evidence: amounts, names of columns, titles."""
    told, codes = _told(found)
    named = _named(found)
    every = {*codes, *filter(_is_code, named)}
    if len(every) != 1:
        return None
    code = every.pop()
    # A sign among amounts that name a code, too, is asked about with their table.
    others = {*named} if codes else {*named, *told}
    if any(sign != code and not fits(sign, code) for sign in others):
        return None
    return code, Note("as the data name it") if codes else named[code]


def _which_currency(found: Recognition) -> tuple[str, Note]:
    """What the currency may be where the evidence does not agree, or says nothing, and why that is asked."""
    told, codes = _told(found)
    named = _named(found)
    likely = next(iter(codes), None) or next(filter(_is_code, named), "CNY" if _is_chinese(found) else "USD")
    if len(codes) > 1:
        words = (
            "the amounts name {codes}; a client has one currency, most rows have {likely}: is it that one?"
        )
        return likely, Note(words, codes=counted(codes), likely=likely)
    if named and (told or len(named) > 1):
        words = "names of columns and titles say {named}, the amounts {told}: which of them is it?"
        if not told:
            words = "names of columns and titles say {named}: which of them is it?"
        return likely, Note(words, named=", ".join(named), told=counted(told))
    if told or named:
        words = "the amounts have the sign {sign}, which several have; without this line the reports say USD"
        if not told:
            words = "a name has the sign {sign}, which several have; without this line the reports say USD"
        likely = "CNY" if {*told, *named} == {"¥"} else likely
        return likely, Note(words, sign=", ".join(sorted(told or named)))
    if _is_chinese(found):
        words = "the columns are in Chinese, and nothing names it; without this line the reports say USD"
        return likely, Note(words)
    return likely, Note("nothing in the files names it; without this line the reports say USD")


def _is_code(name: str) -> bool:
    return re.fullmatch("[A-Z]{3}", name) is not None


def _told(found: Recognition) -> tuple[Counter[str], Counter[str]]:
    """What the data say of their currency with its rows, and the ISO codes in it, the most frequent first."""
    told: Counter[str] = Counter()
    for one in found.proposals:
        told.update(currencies(one.heads, mapped(one)))
    if set(told) == {"¥"} and _is_chinese(found):
        told = Counter({"CNY": told["¥"]})
    codes = sorted(
        ((code, n) for code, n in told.items() if _is_code(code)), key=lambda pair: (-pair[1], pair[0])
    )
    return told, Counter(dict(codes))


def _named(found: Recognition) -> dict[str, Note]:
    """The currencies and signs that names of columns of money say, or lines above their headers, and where."""
    named: dict[str, Note] = {}
    for one in found.proposals:
        picks = [pick for pick in one.picks if pick.name in _MONEY]
        columns = [column for pick in picks for column in (*pick.columns, *pick.rivals)]
        columns += [
            column for doubt in one.doubts if doubt.key == "refund_column" for column in doubt.columns
        ]
        for column in columns:
            for name in named_currencies(column):
                named.setdefault(name, Note("as the name of the column {column} says", column=shown(column)))
        for line in (line for head in one.heads if picks for line in head.above):
            for name in named_currencies(line):
                named.setdefault(name, Note("as a line above the header says: {line}", line=shown(line)))
    if set(named) == {"¥"} and _is_chinese(found):
        named = {"CNY": named["¥"]}
    return named


def _is_chinese(found: Recognition) -> bool:
    return any(_CHINESE.search(name) for one in found.proposals for name in one.heads[0].columns)


def mapped(proposal: Proposal) -> dict[str, tuple[str, ...]]:
    """The columns of a table, sure or not, by their canonical names."""
    return {pick.name: pick.columns for pick in proposal.picks}
