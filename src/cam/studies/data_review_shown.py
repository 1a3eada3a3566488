"""The data review as tables for its page."""

from __future__ import annotations

from cam.language import sentence
from cam.language import translate as _
from cam.params import Params
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.data_review import DataReview
from cam.studies.reconciliation import account_columns

_WIDE = 60  # columns of a table that the page has room for


def show_tables(found: DataReview) -> ShownTable:
    """Show what was read, table by table.

    Parameters
    ----------
    found : DataReview
        From :func:`review`.

    Returns
    -------
    ShownTable
    """
    joined = bool(found.tables["found"].notna().any())
    dated = found.tables["first"].ne("").any()
    columns = [
        Col("table", "Table"),
        Col("read", "Rows read", "count"),
        Col("dropped", "dropped", "count"),
        Col("kept", "kept", "count"),
        *([Col("first", "First day"), Col("last", "Last day")] if dated else []),
        Col("customers", "Customers", "count", may_be_empty=True),
    ]
    base = _(next((name for name in found.tables["base"] if name), ""))
    if joined:
        columns += [
            Col("found", sentence("found in {base}", base=base), "share", may_be_empty=True),
            Col("covered", sentence("of all in {base}", base=base), "share", may_be_empty=True),
        ]
    shown = show_table(found.tables, columns, caption="The tables")
    assert isinstance(shown, ShownTable)
    return shown


def show_account(params: Params, found: DataReview) -> ShownTable:
    """Show every row and all money: in = kept + dropped, by reason.

    Parameters
    ----------
    params : Params
        The client's parameters.
    found : DataReview
        From :func:`review`.

    Returns
    -------
    ShownTable
    """
    columns = account_columns(params, found.account)
    shown = show_table(found.account, columns, caption="Every row is accounted for", max_rows=_WIDE)
    assert isinstance(shown, ShownTable)
    return shown


def show_amounts(params: Params, found: DataReview) -> ShownTable:
    """Show the largest amounts that are out of line, and where they stand.

    Parameters
    ----------
    params : Params
        The client's parameters.
    found : DataReview
        From :func:`review`.

    Returns
    -------
    ShownTable
    """
    several = found.amounts["table"].nunique() > 1
    columns = [
        *([Col("table", "Table")] if several else []),
        Col("where", "Row"),
        Col("amount", "Amount", params.client.currency),
    ]
    shown = show_table(
        found.amounts, columns, caption="The largest amounts out of line", note=found.amounts_note
    )
    assert isinstance(shown, ShownTable)
    return shown


def show_columns(table: str, found: DataReview) -> ShownTable:
    """Show the columns of one table.

    Parameters
    ----------
    table : str
        Canonical name.
    found : DataReview
        From :func:`review`.

    Returns
    -------
    ShownTable
    """
    columns = [
        Col("column", "Column"),
        Col("kind", "Kind"),
        Col("missing", "Empty", "share"),
        Col("distinct", "Different values"),
        Col("low", "Smallest"),
        Col("high", "Largest"),
    ]
    shown = show_table(found.columns[table], columns, caption=table, max_rows=_WIDE)
    assert isinstance(shown, ShownTable)
    return shown
