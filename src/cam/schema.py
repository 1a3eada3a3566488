"""The canonical tables: what each row is, which columns it needs, and how each is read.

This is the contract between a client's export and every study. ``cam.data`` maps, reads and checks
against it; the parameter file names these tables and columns; nothing else defines them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "date", "datetime", "money", "number", "integer", "boolean"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table.

    Attributes
    ----------
    name : str
        Canonical name.
    kind : Kind
        How it is read. ``money`` is kept to the cent; ``datetime`` keeps its hour where there is one.
    required : bool
        Whether the table is unusable without it.
    meaning : str
        One line, with the unit.
    low, high : float or None
        The range outside which a value is an error, not an outlier.
    """

    name: str
    kind: Kind
    required: bool
    meaning: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One canonical table.

    Attributes
    ----------
    name : str
        Its name, also its key under ``data`` in a parameter file.
    row : str
        What one row is.
    columns : tuple of Column
        The columns that have a meaning of their own.
    key : str or None
        The column whose value may stand in one row only.
    time : tuple of str
        The columns that say when the row happened, the first that is filled; a row after ``as_of`` is left out.
    keeps_others : bool
        Whether columns that are not listed stay, as attributes of the row.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: str | None = None
    time: tuple[str, ...] = ()
    keeps_others: bool = False

    def column(self, name: str) -> Column | None:
        """Return the column called ``name``, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that the table cannot do without."""
        return tuple(column.name for column in self.columns if column.required)


def _need(name: str, kind: Kind, meaning: str, low: float | None = None, high: float | None = None) -> Column:
    return Column(name, kind, True, meaning, low, high)


def _may(name: str, kind: Kind, meaning: str, low: float | None = None, high: float | None = None) -> Column:
    return Column(name, kind, False, meaning, low, high)


TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "transactions",
            "an order, or an order line",
            (
                _need("customer_id", "text", "who bought"),
                _need("order_date", "datetime", "when, with the hour where the source has one"),
                _need("revenue", "money", "what was paid; negative for a refund"),
                _may("order_id", "text", "lines of one order share it; without it one row is one order"),
                _may("cost", "money", "cost of goods sold"),
                _may("discount", "money", "what was taken off the price"),
                _may("channel", "text", "where the order was placed"),
                _may("product", "text", "article"),
                _may("category", "text", "group of articles"),
                _may("quantity", "number", "units"),
                _may("currency", "text", "ISO code; one per table"),
            ),
            time=("order_date",),
        ),
        Table(
            "refunds",
            "a refund, where a system lists them apart from the orders",
            (
                _need("order_id", "text", "of the order that was paid back"),
                _need("refund", "money", "what was paid back, whatever its sign"),
                _may("refund_date", "datetime", "when"),
                _may("customer_id", "text", "whose, where the order is not known"),
                _may("currency", "text", "ISO code; one per table"),
            ),
            time=("refund_date",),
        ),
        Table(
            "customers",
            "a customer",
            (
                _need("customer_id", "text", "who"),
                _may("acquired_date", "date", "when the customer was won"),
                _may("acquisition_channel", "text", "how the customer was won"),
                _may("wallet", "money", "estimated spend in the whole category, per year", 0),
            ),
            time=("acquired_date",),
            key="customer_id",
            keeps_others=True,
        ),
        Table(
            "contracts",
            "a subscription",
            (
                _need("customer_id", "text", "who"),
                _need("start_date", "date", "first day"),
                _need("end_date", "date", "last day; empty while it runs"),
                _may("monthly_fee", "money", "per month", 0),
            ),
            time=("start_date",),
        ),
        Table(
            "snapshot",
            "a customer at one moment, without a history",
            (
                _need("customer_id", "text", "who"),
                _need("churned", "boolean", "whether the customer has left"),
                _may("tenure_months", "number", "months since the customer was won", 0),
            ),
            key="customer_id",
            keeps_others=True,
        ),
        Table(
            "spend",
            "a date, channel and cost type",
            (
                _need("date", "date", "day, or first day of the period"),
                _need("channel", "text", "acquisition channel"),
                _need("cost", "money", "what was spent"),
                _may("cost_type", "text", "media, creative, tools, commissions, salaries or overhead"),
            ),
            time=("date",),
        ),
        Table(
            "leads",
            "a prospect",
            (
                _need("lead_id", "text", "which lead"),
                _need("created_date", "date", "when it came in"),
                _may("channel", "text", "how it came in"),
                _may("stage", "text", "how far it has come"),
                _may("customer_id", "text", "who it became, once converted"),
            ),
            time=("created_date",),
            key="lead_id",
        ),
        Table(
            "responses",
            "an invitation or an answer",
            (
                _need("response_date", "date", "when it was answered; empty: invited, no answer"),
                _may("customer_id", "text", "who was asked"),
                _may("invited_date", "date", "when the invitation went out"),
                _may("wave", "text", "survey wave"),
                _may("nps", "integer", "would recommend, 0 to 10", 0, 10),
                _may("csat", "integer", "satisfaction, 1 to 5", 1, 5),
                _may("ces", "integer", "ease, 1 to 7", 1, 7),
                _may("comment", "text", "in the customer's words"),
                _may("touchpoint", "text", "what the question was about"),
            ),
            time=("response_date", "invited_date"),
            keeps_others=True,
        ),
        Table(
            "tickets",
            "a complaint or case",
            (
                _need("ticket_id", "text", "which ticket"),
                _need("opened", "datetime", "when it was opened"),
                _may("customer_id", "text", "whose"),
                _may("first_reply", "datetime", "when it was first answered"),
                _may("closed", "datetime", "when it was closed; empty while open"),
                _may("category", "text", "what about"),
                _may("status", "text", "as the source calls it"),
                _may("channel", "text", "how it came in"),
                _may("comment", "text", "in the customer's words"),
            ),
            time=("opened",),
            key="ticket_id",
        ),
        Table(
            "experiment",
            "a customer in a test",
            (
                _need("customer_id", "text", "who"),
                _need("arm", "text", "which group"),
                _need("outcome", "number", "what happened"),
                _may("value", "money", "what it was worth"),
            ),
            key="customer_id",
        ),
    )
}

#: One of these is enough to run.
STARTING_TABLES = ("transactions", "contracts", "snapshot", "responses")

#: Columns that may be empty in some rows though the table needs the column itself.
MAY_BE_EMPTY = {("contracts", "end_date"), ("responses", "response_date")}

#: Tables whose days may be written as months: an order of January has a day, what was spent in January may have none.
IN_MONTHS = {"spend"}
