"""What is asked of the client rather than of a table: its currency, whether ids are shown, who has left."""

from __future__ import annotations

import re
from collections import Counter

from cam.data.notes import Note
from cam.data.proposals.money import counted, currencies
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
    told, codes = currencies_told(found)
    if not currency and len(codes) != 1 and any(_MONEY & mapped(one).keys() for one in found.proposals):
        likely = next(iter(codes), "CNY" if _is_chinese(found) else "USD")
        why = Note("nothing in the files names it; without this line the reports say USD")
        if codes:
            words = "the amounts name {codes}; a client has one currency, most rows have {likely}: is it that one?"
            why = Note(words, codes=counted(codes), likely=likely)
        elif told:
            signs = ", ".join(sorted(told))
            words = (
                "the amounts have the sign {sign}, which several have; without this line the reports say USD"
            )
            likely = "CNY" if set(told) == {"¥"} else likely
            why = Note(words, sign=signs)
        elif _is_chinese(found):
            why = Note(
                "the columns are in Chinese, and nothing names it; without this line the reports say USD"
            )
        asked.append(("client.currency", likely, why))
    ids = [name for one in found.proposals for name in mapped(one).get("customer_id", ())]
    if any(_PERSONAL.search(name) for name in ids):
        why = Note("the id seems to name a person: shall reports show a code instead?")
        asked.append(("client.customer_ids", "hashed", why))
    if {"transactions", "contracts"} <= {one.table for one in found.proposals}:
        why = Note("or contractual: which of the two tables says that a customer has left?")
        asked.append(("value.setting", "non_contractual", why))
    return asked


def currencies_told(found: Recognition) -> tuple[Counter[str], Counter[str]]:
    """What the data say of their currency with its rows, and the ISO codes in it, the most frequent first."""
    told: Counter[str] = Counter()
    for one in found.proposals:
        told.update(currencies(one.heads, mapped(one)))
    if set(told) == {"¥"} and _is_chinese(found):
        told = Counter({"CNY": told["¥"]})
    codes = sorted(
        ((code, n) for code, n in told.items() if re.fullmatch("[A-Z]{3}", code)),
        key=lambda pair: (-pair[1], pair[0]),
    )
    return told, Counter(dict(codes))


def _is_chinese(found: Recognition) -> bool:
    return any(_CHINESE.search(name) for one in found.proposals for name in one.heads[0].columns)


def mapped(proposal: Proposal) -> dict[str, tuple[str, ...]]:
    """The columns of a table, sure or not, by their canonical names."""
    return {pick.name: pick.columns for pick in proposal.picks}
