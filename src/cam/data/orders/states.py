"""States of rows: which count, which do not, and which are of orders that were paid back."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import replace

import duckdb

from cam.data.engine import identifier, literal
from cam.data.files.sources import ASIDE, Raw
from cam.data.notes import Note
from cam.data.orders.amounts import EXACT, written, written_kind
from cam.data.orders.columns import column_of, needed_column, reshaped
from cam.data.types.expressions import blank, number, text
from cam.errors import DataError
from cam.params import Source
from cam.params.sources import States

#: More different values than these are no states.
_MOST = 50


def plain_state(state: str | None) -> str:
    """A state as it is compared: without blanks around it, in lower case, of half width.

    Examples
    --------
    >>> plain_state(" ＰＡＩＤ "), plain_state(None)
    ('paid', '')
    """
    return unicodedata.normalize("NFKC", state or "").strip().casefold()


def keep_states(
    connection: duckdb.DuckDBPyConnection, raw: Raw, source: Source, *, place: str
) -> tuple[Raw, Source]:
    """Set rows aside whose state does not count, and note as paid back what the state says was.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    raw : Raw
        As read, with ``_cam_aside``.
    source : Source
        Its entry in the parameter file.
    place : str
        The parameter file, for messages.

    Returns
    -------
    tuple of Raw and Source
        The source names the column of what was paid back.

    Raises
    ------
    DataError
        If a state is in none of the lists, or in two.
    """
    states = source.options.states
    if states is None:
        return raw, source
    origin = needed_column(raw, states.column, "states.column", place)
    given = text(identifier(origin), raw.columns[origin], is_id=False)
    met = connection.execute(
        f"SELECT {given} AS state, count(*) FROM {raw.relation} WHERE {ASIDE} IS NULL "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10000"
    ).fetchall()
    known = known_states(raw, states, place)
    _refuse_unknown(raw, origin, known, met, place)
    dropped = [state for state, _ in met if known[plain_state(state)] == "drop"]
    values = dict[str, str]()
    if dropped:
        shown = {state: f"{origin}: {(state or '').strip() or '(blank)'}" for state in dropped}
        whens = [f"WHEN {_is(given, state)} THEN {literal(why)}" for state, why in shown.items()]
        values[ASIDE] = f"coalesce({ASIDE}, CASE {' '.join(whens)} END)"
    refunded = {state: n for state, n in met if known[plain_state(state)] == "refunded"}
    if not refunded:
        return reshaped(connection, raw, "counting", values), source
    was_refunded = " OR ".join(_is(given, state) for state in refunded)
    raw, source, paid_back = _paid_back(raw, source, origin, was_refunded, place)
    note = Note(
        "{column} says of {n} rows that they were paid back in full ({shown}); they count as bought and as paid back",
        column=origin,
        n=sum(refunded.values()),
        shown=", ".join((state or "").strip() or "(blank)" for state in refunded),
    )
    return reshaped(connection, raw, "counting", values | paid_back, [note]), source


def _is(given: str, state: str | None) -> str:
    return f"{given} IS NULL" if state is None else f"{given} = {literal(state)}"


def known_states(raw: Raw, states: States, place: str) -> dict[str, str]:
    """State as it is compared -> its list, which is keep, drop or refunded; an error if it is in two."""
    known: dict[str, str] = {}
    for name in ("keep", "drop", "refunded"):
        for state in getattr(states, name):
            if known.setdefault(plain_state(state), name) != name:
                raise DataError(
                    f"{raw.table}: state {state!r} is in two lists, {known[plain_state(state)]} and {name}.\n"
                    f"    Keep it in one: data.{raw.table}.options.states in {place}."
                )
    return known


def _refuse_unknown(
    raw: Raw, origin: str, known: dict[str, str], met: Iterable[tuple[str | None, int]], place: str
) -> None:
    counts: dict[str, int] = {}
    for state, n in met:
        if plain_state(state) not in known:
            shown = (state or "").strip()
            counts[shown] = counts.get(shown, 0) + n
    if len(counts) > _MOST:
        raise DataError(
            f"{raw.table}: column '{origin}' has more than {_MOST} values that are in no list of states, such as "
            f"{next(iter(counts))!r}; it seems to hold something else.\n"
            f"    data.{raw.table}.options.states.column in {place} names it."
        )
    if counts:
        shown = ", ".join(f"{state!r} in {n:,} rows" for state, n in counts.items())
        one = "a state" if len(counts) == 1 else f"{len(counts)} states"
        blank = ' A blank one is written as "".' if "" in counts else ""
        near = _near(counts, known)
        raise DataError(
            f"{raw.table}: column '{origin}' has {one} that nothing is said of: {shown}.{near}\n"
            f"    Name each in data.{raw.table}.options.states in {place}, under keep, drop or refunded.{blank}"
        )


def _near(counts: Iterable[str], known: Iterable[str]) -> str:
    names = [name for name in known if name]
    pairs = [
        f"{found[0]!r} is named"
        for state in counts
        if state and (found := difflib.get_close_matches(plain_state(state), names, n=1, cutoff=0.75))
    ]
    return f" ({'; '.join(pairs[:3])}.)" if pairs else ""


def _paid_back(
    raw: Raw, source: Source, origin: str, was_refunded: str, place: str
) -> tuple[Raw, Source, dict[str, str]]:
    """The column of what was paid back: all of the revenue where the state says so, else as it was."""
    options = source.options
    revenue_of = column_of(raw, source, "revenue")
    if raw.table != "transactions":
        raise DataError(
            f"{raw.table}: only transactions can have states that are refunded.\n"
            f"    Put them under keep or drop: data.{raw.table}.options.states in {place}."
        )
    if revenue_of is None:
        return raw, source, {}
    given, kind = identifier(revenue_of), raw.columns[revenue_of]
    # A row that is a refund itself pays nothing back twice.
    whole = f"greatest({number(given, kind, decimal=options.decimal)}, 0)"
    if options.refund_column:
        name = needed_column(raw, options.refund_column, "refund_column", place)
        own, own_kind = identifier(name), raw.columns[name]
        stated = number(own, own_kind, decimal=options.decimal)
        whole = f"greatest(abs(coalesce({stated}, 0)), {whole})"
        made = written(whole, own, own_kind, decimal=options.decimal)
        # What cannot be read stays as it is, so that it is found.
        is_read = f"({blank(own, own_kind)} OR {stated} IS NOT NULL)"
        value = f"CASE WHEN ({was_refunded}) AND {is_read} THEN {made} ELSE {own} END"
        columns = raw.columns | {name: written_kind(own_kind)}
    else:
        name = f"{origin} (paid back)"
        while name.lower() in {column.lower() for column in raw.own_columns}:
            name += " (2)"
        value = f"CASE WHEN {was_refunded} THEN CAST({whole} AS {EXACT}) END"
        columns = raw.columns | {name: EXACT}
    options = options.model_copy(update={"refund_column": name})
    return replace(raw, columns=columns), source.model_copy(update={"options": options}), {name: value}
