"""Attitude items -> what each holds, exact sums and cross-products, and factor scores; inside the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ibis
import ibis.expr.types as ir

#: An answer is read to four decimal places and summed in ten-thousandths, as whole numbers.
ANSWER_UNIT = 10_000
#: Digits before the point that an answer may have, so that a product of two fits a whole number of the engine.
_NUMBER = r"^-?[0-9]{1,5}([.][0-9]+)?$"


def review_items(customers: ir.Table, items: Sequence[str]) -> ir.Table:
    """Say of each item how many answered it, how many answers are no numbers, and its range.

    Turns the items into *item, n, n_missing, n_unreadable, low, high*.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer.
    items : sequence of str
        Columns, at least one: numbers, or text that holds them.

    Returns
    -------
    ibis.Table
        One row per item, by name: ``n`` answers that are numbers of at most five digits before the point,
        ``n_missing`` empty ones, ``n_unreadable`` others, and the lowest and highest answer (float, missing
        without any).

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b", "c"], "x": ["1", "7", "dk"], "y": ["2", None, " 3.5 "]})
    >>> review_items(table, ["y", "x"]).execute().values.tolist()
    [['x', 2, 0, 1, 1.0, 7.0], ['y', 2, 1, 0, 2.0, 3.5]]
    """
    parts = []
    for item in items:
        text = _text(customers[item])
        rows = customers.select(text=text, value=_answer(customers[item]))
        parts.append(
            rows.aggregate(
                n=rows.value.count(),
                n_missing=rows.count() - rows.text.count(),
                n_unreadable=rows.text.count() - rows.value.count(),
                low=rows.value.min().cast("float64"),
                high=rows.value.max().cast("float64"),
            ).select(ibis.literal(item).name("item"), "n", "n_missing", "n_unreadable", "low", "high")
        )
    return (ibis.union(*parts) if len(parts) > 1 else parts[0]).order_by("item")


def item_sums(customers: ir.Table, items: Sequence[str]) -> ir.Table:
    """Sum items and their products over the customers who answered them all, exactly, in one pass.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer.
    items : sequence of str
        As for :func:`review_items`.

    Returns
    -------
    ibis.Table
        One row: ``n`` customers who answered all items, ``n_some`` who left out some, ``n_none`` who answered
        none; and whole numbers (decimal), in units of 1 / :data:`ANSWER_UNIT` of an answer: ``sum_i`` of the item
        at place i, ``product_i_j`` (i <= j) of two of them.

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b", "c"], "x": ["1", "7", None], "y": ["2", "3", "3"]})
    >>> row = item_sums(table, ["x", "y"]).execute().iloc[0].astype(int)
    >>> row["n"], row["n_some"], row["sum_0"] / 10_000, row["product_0_1"] / 10_000 ** 2
    (np.int64(2), np.int64(1), np.float64(8.0), np.float64(23.0))
    """
    places = range(len(items))
    read = customers.select(
        **{
            f"x_{place}": (_answer(customers[item]) * ANSWER_UNIT).cast("int64")
            for place, item in zip(places, items, strict=True)
        }
    )
    given = sum(read[f"x_{place}"].notnull().ifelse(1, 0) for place in places)
    rows = read.mutate(given=given)
    is_whole = rows.given == len(items)
    rows = rows.mutate(
        **{f"x_{place}": is_whole.ifelse(rows[f"x_{place}"], ibis.null("int64")) for place in places}
    )
    sums = {
        "n": is_whole.ifelse(1, 0).sum(),
        "n_some": ((rows.given > 0) & (rows.given < len(items))).ifelse(1, 0).sum(),
        "n_none": (rows.given == 0).ifelse(1, 0).sum(),
    }
    for i in places:
        sums[f"sum_{i}"] = rows[f"x_{i}"].sum().cast("decimal(38,0)")
        for j in range(i, len(items)):
            sums[f"product_{i}_{j}"] = (rows[f"x_{i}"] * rows[f"x_{j}"]).sum().cast("decimal(38,0)")
    return rows.aggregate(**sums)


def factor_scores(customers: ir.Table, weights: Mapping[str, Mapping[str, float]]) -> ir.Table:
    """Score every customer as a constant and a weighted sum of the answers.

    Parameters
    ----------
    customers : ibis.Table
        One row per customer.
    weights : mapping of str to mapping
        Per score, in order, the weight of each item per unit of its answers; the empty name is the constant.

    Returns
    -------
    ibis.Table
        ``customer_id`` and the scores (float), missing for a customer who left out an item.

    Examples
    --------
    >>> table = ibis.memtable({"customer_id": ["a", "b"], "x": ["1", None], "y": ["2", "3"]})
    >>> factor_scores(table, {"factor_1": {"": -0.5, "x": 1.0, "y": 0.25}}).execute().values.tolist()
    [['a', 1.0], ['b', nan]]
    """
    scored = {}
    for name, of_items in weights.items():
        # Items in their order: a sum of floats depends on it.
        total = ibis.literal(float(of_items.get("", 0.0)), "float64")
        for item, weight in of_items.items():
            if item:
                total = total + _answer(customers[item]).cast("float64") * float(weight)
        scored[name] = total
    return customers.select("customer_id", **scored)


def _text(column: ir.Value) -> ir.StringValue:
    """The answer as text, missing where nothing stands there."""
    return column.cast("string").strip().nullif("")


def _answer(column: ir.Value) -> ir.DecimalValue:
    """The answer as a number, missing where it is none."""
    text = _text(column)
    return text.re_search(_NUMBER).ifelse(text, ibis.null("string")).cast("decimal(18,4)")
