"""A table that a file may be as well: tickets that say what was paid back on an order are refunds too."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cam.data.notes import Note
from cam.data.proposals.heads import Head
from cam.data.proposals.synonyms import strength
from cam.schema import TABLES

if TYPE_CHECKING:
    from cam.data.proposals.recognise import Proposal

#: From here on a name means a column.
_SURE = 0.8


@dataclass(frozen=True, slots=True)
class Second:
    """A table that a file may be beside the one that it is read as.

    Attributes
    ----------
    table : str
        Canonical.
    head : Head
        The file.
    columns : dict of str to str
        Canonical name to the source's column.
    why : Note
        The question.
    """

    table: str
    head: Head
    columns: dict[str, str]
    why: Note


def also_refunds(proposals: Iterable[Proposal]) -> tuple[Second, ...]:
    """Return the tickets with an order and an amount paid back, where no file lists the refunds.

    Parameters
    ----------
    proposals : iterable of Proposal
        All tables.

    Returns
    -------
    tuple of Second
        One at most.
    """
    by_table = {one.table: one for one in proposals}
    if "transactions" not in by_table or "refunds" in by_table or "tickets" not in by_table:
        return ()
    head = by_table["tickets"].heads[0]
    columns: dict[str, str] = {}
    for role in ("order_id", "refund", "refund_date"):
        for name, facts in head.columns.items():
            is_kind = facts.amounts >= 0.9 if role == "refund" else role == "order_id" or facts.dates >= 0.9
            if strength("refunds", role, name) >= _SURE and is_kind and role not in columns:
                columns[role] = name
    if not {"order_id", "refund"} <= columns.keys():
        return ()
    if "refund_date" not in columns:
        closed = [pick for pick in by_table["tickets"].picks if pick.name in {"closed", "opened"}]
        if closed:
            columns["refund_date"] = closed[-1].columns[0]
    columns = {
        name: columns[name] for name in (role.name for role in TABLES["refunds"].columns) if name in columns
    }
    words = (
        "{file} names orders and {refund}: are these refunds that no other column has? Then it is refunds too"
    )
    why = Note(words, file=head.shown, refund=columns["refund"])
    return (Second("refunds", head, columns, why),)
