"""Which table a client's file is and what its columns mean, each proposal with its evidence; nothing is decided alone.

A preset knows the exports of its system. For all others names, types and values are weighed together: a column has
one role, a file one table, and what rests on one kind of evidence alone is a question to a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from cam.data.notes import Note
from cam.data.people.privacy import NAME, are_companies, personal_columns
from cam.data.presets.apply import Recognised, after_reading
from cam.data.proposals.asked import Doubt, Settled
from cam.data.proposals.by_values import by_values, orders_by_values
from cam.data.proposals.doubled import which_of_doubled
from cam.data.proposals.doubts import doubts
from cam.data.proposals.facts import Facts
from cam.data.proposals.heads import Head, open_heads
from cam.data.proposals.lines import shown
from cam.data.proposals.questions import comment_columns, score_columns
from cam.data.proposals.roles import Fit, fit_of, fits, recognised_surely, roles_of, samples
from cam.data.proposals.second import Second, also_refunds
from cam.data.proposals.synonyms import SURE, bare, strength
from cam.data.proposals.who import names_customers
from cam.errors import DataError
from cam.params import Source
from cam.schema import IN_MONTHS, STARTING_TABLES, TABLES

#: Optional columns that are asked about even where little speaks for them, and from where on the others are.
_WORTH_ASKING, _MAY = {"customer_id", "order_id", "comment"}, 0.5
#: From here on a name means the column, and values fit it.
_SURE_NAME, _SURE_VALUES = 0.8, 0.95


@dataclass(frozen=True, slots=True)
class Pick:
    """A column of the source in its role.

    Attributes
    ----------
    name : str
        Canonical.
    columns : tuple of str
        The source's; of several the first filled counts.
    why : tuple of Note
        The evidence.
    is_sure : bool
        Whether it is mapped; else it is a question.
    rivals : tuple of str
        Other columns that it may be.
    """

    name: str
    columns: tuple[str, ...]
    why: tuple[Note, ...]
    is_sure: bool
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one table would be read from.

    Attributes
    ----------
    table : str
        Canonical.
    heads : tuple of Head
        Its files, all of one header.
    preset : Recognised or None
        The export that they are.
    picks : tuple of Pick
        The columns, sure ones and questions, in the order of the schema.
    missing : tuple of str
        Needed columns for which nothing was found.
    preset_options : dict
        Options that the preset says, with the file's own columns in them.
    settled : tuple of Settled
        Options that the parameter file will say.
    doubts : tuple of Doubt
        Questions beside those of columns.
    personal : dict of str to str
        Columns left out because they name a person, and what they look like.
    kept : tuple of str
        Columns that stay as attributes.
    unused : tuple of str
        Columns that nothing reads.
    """

    table: str
    heads: tuple[Head, ...]
    preset: Recognised | None
    picks: tuple[Pick, ...]
    missing: tuple[str, ...]
    preset_options: dict[str, Any]
    settled: tuple[Settled, ...]
    doubts: tuple[Doubt, ...]
    personal: dict[str, str]
    kept: tuple[str, ...]
    unused: tuple[str, ...]

    @property
    def n_questions(self) -> int:
        """How many questions are open."""
        return sum(not pick.is_sure for pick in self.picks) + len(self.missing) + len(self.doubts)


@dataclass(frozen=True, slots=True)
class Recognition:
    """All that was recognised in a client's files.

    Attributes
    ----------
    proposals : tuple of Proposal
        By table, in the order of the schema.
    passed : tuple of Note
        Files and sheets that are not read, and why.
    others : tuple of Note
        Files of a table that another file is already, and how to use them.
    seconds : tuple of Second
        Files that may be a second table as well.
    """

    proposals: tuple[Proposal, ...]
    passed: tuple[Note, ...]
    others: tuple[Note, ...] = ()
    seconds: tuple[Second, ...] = ()

    @property
    def n_questions(self) -> int:
        """How many questions are open, those of files that are not read among them."""
        return sum(one.n_questions for one in self.proposals) + len(self.passed) + len(self.seconds)


def recognise(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], *, folder: Path) -> Recognition:
    """Look at files and propose which table each is and what its columns mean.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The workspace.
    paths : sequence of Path
        Absolute.
    folder : Path
        For copies; removed by the caller.

    Returns
    -------
    Recognition

    Raises
    ------
    DataError
        If a file cannot be read, or none can be a table that a study starts from.
    """
    heads, passed = open_heads(connection, paths, folder=folder)
    groups = _groups(heads)
    # The sort is stable: files that fit alike stay in the order in which they were named.
    presets = ({export.preset for export in recognised_surely(group[0])} for group in groups)
    popular = Counter(preset for known in presets for preset in known)
    ranked = sorted((fit for group in groups for fit in fits(group, popular)), key=lambda fit: -fit.score)
    taken: dict[str, Fit] = {}
    placed: dict[int, str] = {}
    for fit in ranked:
        own = groups.index(fit.heads)
        best = next(other for other in ranked if other.heads is fit.heads)
        if own not in placed and fit.table not in taken and fit.score >= 0.7 * best.score:
            taken[fit.table], placed[own] = fit, fit.table
    if not set(taken) & set(STARTING_TABLES):
        _guess_a_start(groups, taken, placed)
    if "refunds" in taken and "transactions" not in taken:
        del taken["refunds"]
        placed = {own: table for own, table in placed.items() if table != "refunds"}
    others: list[Note] = []
    for index, group in enumerate(groups):
        if index not in placed:
            wanted = next((fit.table for fit in ranked if fit.heads is group), None)
            if wanted in taken:
                for head in group:
                    # What would be lost of the same table is a question, what is another export of it none.
                    (passed if _is_alike(head, taken[wanted]) else others).append(_twice(head, taken[wanted]))
            else:
                passed += [_not_read(head) for head in group]
    if not set(taken) & set(STARTING_TABLES):
        raise DataError(_no_start(taken, [*others, *passed]))
    proposals = [_proposal(connection, taken[table]) for table in TABLES if table in taken]
    return Recognition(
        tuple(_overlaps(connection, proposals)), tuple(passed), tuple(others), also_refunds(proposals)
    )


def _groups(heads: Iterable[Head]) -> list[tuple[Head, ...]]:
    """Files of one header are parts of one table; sheets are not, for a table has one sheet."""
    groups: dict[object, list[Head]] = {}
    for head in heads:
        alike = (tuple(head.columns), repr(sorted(head.options.items())), head.sheet and head.path)
        groups.setdefault(alike, []).append(head)
    return [tuple(group) for group in groups.values()]


def _not_read(head: Head) -> Note:
    named = ", ".join(list(head.columns)[:6]) + (", …" if len(head.columns) > 6 else "")
    return Note("{file}: fits no table; its columns are {columns}", file=head.shown, columns=named)


def _no_start(taken: Mapping[str, Fit], passed: Iterable[Note]) -> str:
    lines = ["No file is a table that a study can start from: " + ", ".join(STARTING_TABLES) + "."]
    lines += [f"    {fit.heads[0].shown}: looks like {table}" for table, fit in taken.items()]
    lines += [f"    {note}" for note in passed]
    lines.append(
        "    Give the file with the orders, contracts, snapshot or answers too; nothing was written."
    )
    return "\n".join(lines)


def _is_alike(head: Head, fit: Fit) -> bool:
    return set(head.columns) == set(fit.heads[0].columns) and not (head.sheet or fit.heads[0].sheet)


def _twice(head: Head, fit: Fit) -> Note:
    """A second file of one table: what can be done with both."""
    file, table, used = head.shown, fit.table, fit.heads[0].shown
    is_alike = _is_alike(head, fit)
    if is_alike and head.options != fit.heads[0].options:
        words = (
            "{file}: looks like {table} too, with the columns of {used}, but with other lines above or below its rows: "
            "take these off at the source, then make path a list of the two"
        )
    elif is_alike:
        words = "{file}: looks like {table} too, with the columns of {used}: to read both, make path a list of the two"
    else:
        words = (
            "{file}: looks like {table} too, and is not read, for {used} is: name it there instead, "
            "or give it a client of its own with cam new"
        )
    return Note(words, file=file, table=table, used=used)


# --- files that fit no table -----------------------------------------------------------------------


def _guess_a_start(groups: list[tuple[Head, ...]], taken: dict[str, Fit], placed: dict[int, str]) -> None:
    """Propose a file that fits no table as transactions if it has dates and amounts: every column is a question."""
    for index, heads in enumerate(groups):
        facts = heads[0].columns.values()
        dated = any(one.dates >= 0.9 for one in facts)
        paid = any(one.amounts >= 0.9 and one.dates < 0.9 for one in facts)
        if index not in placed and dated and paid:
            taken["transactions"] = Fit(
                "transactions", heads, 0.0, roles_of(heads[0], "transactions", None), None
            )
            placed[index] = "transactions"
            return


# --- what its columns mean ------------------------------------------------------------------------


def _proposal(connection: duckdb.DuckDBPyConnection, fit: Fit) -> Proposal:
    head, table = fit.heads[0], TABLES[fit.table]
    picks: dict[str, Pick] = {}
    used: set[str] = set()
    for name, columns in (fit.preset.columns if fit.preset else {}).items():
        picks[name] = Pick(name, columns, (Note("{preset} exports it so", preset=_named(fit.preset)),), True)
        used |= set(columns)
    if fit.table == "responses":
        for pick in _asked(head, used):
            picks.setdefault(pick.name, pick)
            used |= set(pick.columns)
        said = comment_columns(head.columns, samples(head), used)
        if said and "comment" not in picks and "comment" not in fit.roles:
            why = Note("answers in words of their own, {n} of them different", n=_n_texts(head, said[0]))
            picks["comment"] = Pick("comment", said[:1], (why,), False, said[1:])
            used.add(said[0])
    for name, (column, worth) in fit.roles.items():
        if name in picks or column in used:
            continue
        pick = _pick(head, fit.table, name, column, worth, used)
        if pick.is_sure or name in {*table.required, *_WORTH_ASKING} or (worth >= _MAY and not fit.preset):
            picks[name] = pick
            used.add(column)
    for name, columns in (fit.preset.offers if fit.preset else {}).items():
        left = tuple(column for column in columns if column not in used)
        if name not in picks and left:
            why = Note("{preset} may call it so; nobody has verified that", preset=_named(fit.preset))
            picks[name] = Pick(name, left[:1], (why,), False, left[1:])
            used.add(left[0])
    for name in table.required:
        if name not in picks and (likely := by_values(head, fit.table, name, used)):
            picks[name] = _guessed(head, fit.table, name, likely)
            used.add(likely[0])
    has_no_order = fit.table == "transactions" and "order_id" not in picks and "customer_id" in picks
    if has_no_order and (likely := orders_by_values(head, picks["customer_id"].columns[0], used)):
        picks["order_id"] = _guessed(head, fit.table, "order_id", likely)
        used.add(likely[0])
    persons = _no_products(connection, head, picks)
    used -= persons.keys()
    twice: list[Doubt] = []
    for name, pick in picks.items():
        if len(pick.columns) == 1 and (
            found := which_of_doubled(connection, fit.table, head, name, pick.columns[0])
        ):
            if fit.preset and name in fit.preset.columns:  # what a preset says is no line of its own
                twice.append(Doubt(None, None, found[1]))
                continue
            rivals = tuple(dict.fromkeys((*pick.rivals, *found[0])))
            picks[name] = replace(pick, why=(*pick.why, found[1]), rivals=rivals, is_sure=False)
    ordered = tuple(picks[column.name] for column in table.columns if column.name in picks)
    ordered += tuple(pick for name, pick in picks.items() if not table.column(name))
    mapped = {pick.name: pick.columns for pick in ordered}
    settled, open_ = doubts(connection, fit.table, fit.heads, mapped, fit.preset)
    open_ = (*twice, *open_)
    preset_options = _preset_options(fit, mapped)
    read = {column for option in settled for column in option.columns}
    read |= {column for doubt in open_ for column in doubt.columns}
    read |= {name for name in head.columns if name in _texts(preset_options)}
    others = [name for name in head.columns if name not in used | read]
    personal = personal_columns(connection, head.raw, others) | {
        name: what for name, what in persons.items() if what
    }
    rest = tuple(name for name in others if name not in personal)
    return Proposal(
        fit.table,
        fit.heads,
        fit.preset,
        ordered,
        tuple(name for name in table.required if name not in picks),
        preset_options,
        settled,
        open_,
        personal,
        rest if table.keeps_others else (),
        () if table.keeps_others else rest,
    )


def _no_products(
    connection: duckdb.DuckDBPyConnection, head: Head, picks: dict[str, Pick]
) -> dict[str, str | None]:
    """Take out what may be a product by its name, and says who the customer is; a report would show these names."""
    taken: dict[str, str | None] = {}
    for name in ("product", "category"):
        if name in picks and not picks[name].is_sure and "customer_id" in picks:
            column = picks[name].columns[0]
            if names_customers(connection, head, picks["customer_id"].columns[0], column):
                taken[column] = None if are_companies(head.columns[column].values) else NAME
                del picks[name]
    return taken


def _preset_options(fit: Fit, mapped: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The options that the preset will fill in, by the walk of every run."""
    if not fit.preset:
        return {}
    columns = {name: list(names) for name, names in mapped.items()}
    given = {"path": "-", "preset": _named(fit.preset), "columns": columns}
    try:
        source = after_reading(
            fit.table, Source.model_validate(given), list(fit.heads[0].columns), place="the parameter file"
        )
    except DataError:  # a needed column is not there, which is a question already
        return {}
    return {key: value for key, value in source.options.model_dump(exclude_unset=True).items() if value}


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {text for inner in value.values() for text in _texts(inner)}
    if isinstance(value, list):
        return {text for inner in value for text in _texts(inner)}
    return {value} if isinstance(value, str) else set()


def _named(preset: Recognised | None) -> str:
    assert preset is not None
    return f"{preset.preset}/{preset.export}"


def _asked(head: Head, used: set[str]) -> Iterable[Pick]:
    """Columns of a survey that ask for a score."""
    left = [name for name in head.columns if name not in used]
    found = score_columns(left, samples(head))
    for score in dict.fromkeys(one.canonical for one in found):
        first, *others = (one for one in found if one.canonical == score)
        rivals = tuple(other.column for other in others)
        yield Pick(score, (first.column,), (first.evidence,), not (first.must_ask or rivals), rivals)


def _pick(head: Head, table: str, name: str, column: str, worth: float, used: set[str]) -> Pick:
    facts, said = head.columns[column], strength(table, name, column)
    role = TABLES[table].column(name)
    assert role is not None
    fits = fit_of(table, role, facts)
    first = Note("by its name") if said >= _SURE_NAME else Note("its name may mean it")
    why = (first, *_evidence(table, name, facts))
    is_sure = said >= _SURE_NAME and fits >= _SURE_VALUES and (facts.n_filled > 0 or worth >= SURE)
    rivals: tuple[str, ...] = ()
    if name in {"revenue", "refund", "cost"}:
        rivals = _rivals(head, table, name, column, used)
        if rivals and name != "cost":
            why, is_sure = (*why, Note("which of them is what was paid?")), False
    return Pick(name, (column,), why, is_sure, rivals)


def _rivals(head: Head, table: str, name: str, column: str, used: set[str]) -> tuple[str, ...]:
    """Other columns of money whose name means the same and whose values differ."""
    own = head.columns[column].values
    return tuple(
        other
        for other, facts in head.columns.items()
        if other not in used | {column}
        and strength(table, name, other) >= _SURE_NAME
        and facts.amounts >= _SURE_VALUES
        and facts.values != own
        and bare(other) != bare(column)
        and strength(table, "discount", other) < _SURE_NAME
    )


def _evidence(table: str, name: str, facts: Facts) -> tuple[Note, ...]:
    """What the values say for a role, in a few words."""
    role = TABLES[table].column(name)
    if role is None or not facts.n_filled:
        return (Note("it is empty in the rows that were looked at"),) if role else ()
    if table in IN_MONTHS and role.kind == "date" and facts.months > facts.dates:
        return (Note("{share} months, each read as its first day", share=_share(facts.months)),)
    shares = {
        **dict.fromkeys(("date", "datetime"), (facts.dates, "{share} dates")),
        **dict.fromkeys(("money", "number", "integer"), (facts.amounts, "{share} amounts")),
        "boolean": (facts.truths, "{share} yes or no"),
    }
    if role.kind in shares:
        share, words = shares[role.kind]
        return (Note(words, share=_share(share)),)
    if facts.is_key:
        return (Note("each row has its own"),)
    if facts.n_distinct == 1:
        return (Note("one value in all {rows} rows", rows=facts.n_filled),)
    return (Note("{n} different values in {rows} rows", n=facts.n_distinct, rows=facts.n_filled),)


def _share(share: float) -> str:
    # Rounded down, so that 100 % means every value.
    return f"{int(share * 1000) / 10:g} %"


def _guessed(head: Head, table: str, name: str, likely: tuple[str, ...]) -> Pick:
    """A question with its candidates: nothing but the values speaks for any of them."""
    facts = head.columns[likely[0]]
    reasons = (Note("by its values alone"), *_evidence(table, name, facts))
    counted = ", ".join(f"{shown(other)} ({head.columns[other].n_distinct:,})" for other in likely[1:5])
    if counted and name.endswith("_id"):
        reasons += (Note("or, with so many different values: {columns}", columns=counted),)
        return Pick(name, likely[:1], reasons, False)
    return Pick(name, likely[:1], reasons, False, likely[1:])


def _n_texts(head: Head, column: str) -> int:
    return len(set(head.columns[column].values))


# --- whether ids of different files are the same customers ----------------------------------------


def _overlaps(connection: duckdb.DuckDBPyConnection, proposals: list[Proposal]) -> list[Proposal]:
    """Add to the evidence of every customer_id how many of its values stand in another table."""
    ids = {
        proposal.table: {
            value.strip()
            for head in proposal.heads
            for value in head.columns[pick.columns[0]].values
            if pick.columns[0] in head.columns
        }
        for proposal in proposals
        for pick in proposal.picks
        if pick.name == "customer_id"
    }
    bases = [table for table in ("customers", "transactions", "contracts") if table in ids]
    made = []
    for proposal in proposals:
        picks = []
        for pick in proposal.picks:
            base = next((table for table in bases if table != proposal.table), None)
            if pick.name == "customer_id" and base and ids[proposal.table]:
                share = len(ids[proposal.table] & ids[base]) / len(ids[proposal.table])
                if share >= 0.2:
                    note = Note("{share} of them stand in {table}", share=_share(share), table=base)
                    pick = replace(pick, why=(*pick.why, note), is_sure=pick.is_sure or share >= 0.8)
            picks.append(pick)
        made.append(replace(proposal, picks=tuple(picks)))
    return made
