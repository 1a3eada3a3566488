"""How well a file is each of the canonical tables, and which of its columns has which role there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cam.data.presets.apply import Recognised, load_preset, recognised
from cam.data.proposals.facts import Facts
from cam.data.proposals.heads import Head
from cam.data.proposals.questions import score_columns
from cam.data.proposals.synonyms import is_common, strength, table_in
from cam.schema import IN_MONTHS, MAY_BE_EMPTY, TABLES, Column

#: Below this a column is not proposed; a table whose needed columns are less sure on average is not, either.
_LEAST, _LEAST_TABLE = 0.2, 0.5
_PRESET = 6.0
_SCORES = ("nps", "csat", "ces")
#: Texts of which a column has few.
FEW = {
    *("channel", "category", "stage", "status", "arm", "cost_type", "wave", "touchpoint"),
    "acquisition_channel",
}


@dataclass(frozen=True, slots=True)
class Fit:
    """How well files are a table: a score, and the column of each role with its worth."""

    table: str
    heads: tuple[Head, ...]
    score: float
    roles: dict[str, tuple[str, float]]
    preset: Recognised | None


def fits(heads: tuple[Head, ...], popular: Mapping[str, int]) -> list[Fit]:
    """Return the tables that files of one header may be, with what speaks for each.

    Parameters
    ----------
    heads : tuple of Head
        Files of one header.
    popular : mapping of str to int
        How many of the client's files each preset knows: one system wrote most of them.

    Returns
    -------
    list of Fit
        In the order of the schema; empty where they fit none.
    """
    head = max(heads, key=lambda head: len(next(iter(head.columns.values())).values) if head.columns else 0)
    known = recognised_surely(head)
    speaks = list(table_in(head.sheet or "")) or list(table_in(head.path.stem))
    found = []
    for table in TABLES:
        exports = [export for export in known if export.table == table]
        preset = max(exports, key=lambda export: popular[export.preset], default=None)
        roles = roles_of(head, table, preset)
        required = TABLES[table].required
        mean = sum(roles.get(name, ("", 0.0))[1] for name in required) / len(required)
        score = sum((3 if name in required else 1) * worth for name, (_, worth) in roles.items())
        score -= 3 * sum(name not in roles for name in required)
        score += _key_score(head, table, roles) + _survey_score(head, table, roles)
        if table in speaks[:2]:
            score, mean = score + 2, mean + 0.15
        if preset:
            # One of which no column is verified says no more than the names themselves.
            score, mean = score + (_PRESET + len(preset.columns) if preset.columns else 0.5), max(mean, 0.6)
        if mean >= _LEAST_TABLE and score >= 2.5:
            found.append(Fit(table, heads, score, roles, preset))
    return found


def recognised_surely(head: Head) -> list[Recognised]:
    """The exports that a header fits, without those that it may fit by chance.

    Of some exports nobody has seen a file: what is known are likely labels, which any system may have. Such a one is
    named where two of its columns are called as no dictionary has it.
    """
    found = []
    for one in recognised(list(head.columns)) if head.has_header else []:
        export = load_preset(one.preset).exports[one.export]
        own = [column for column in one.known_by if not is_common(column)]
        if export.columns or len(own) >= 2:
            found.append(one)
    return found


def _key_score(head: Head, table: str, roles: Mapping[str, tuple[str, float]]) -> float:
    key = TABLES[table].key
    if not key or key not in roles:
        return 0.0
    return 1.0 if head.columns[roles[key][0]].is_key else -3.0


def _survey_score(head: Head, table: str, roles: Mapping[str, tuple[str, float]]) -> float:
    if table != "responses":
        return 0.0
    asked = {found.canonical for found in score_columns(head.columns, samples(head))}
    return 2.5 * len(asked) - (0 if asked or "comment" in roles else 4)


def samples(head: Head) -> dict[str, tuple[str, ...]]:
    """The values of every column that were looked at."""
    return {name: facts.values for name, facts in head.columns.items()}


def roles_of(head: Head, table: str, preset: Recognised | None) -> dict[str, tuple[str, float]]:
    """The best column for every role of a table: no column has two, and the worth of all together is greatest."""
    import numpy as np  # here, because it makes every start slower
    from scipy.optimize import linear_sum_assignment

    if not head.columns:
        return {}
    roles = [column for column in TABLES[table].columns if column.name not in _SCORES]
    worth = np.zeros((len(roles), len(head.columns)))
    for row, role in enumerate(roles):
        for place, (name, facts) in enumerate(head.columns.items()):
            if preset and name in preset.columns.get(role.name, ())[:1]:
                worth[row, place] = 1.5
            elif said := strength(table, role.name, name) if head.has_header else 0.0:
                worth[row, place] = said * fit_of(table, role, facts)
    weight = np.array([3.0 if role.required else 1.0 for role in roles])
    rows, places = linear_sum_assignment(worth * weight[:, None], maximize=True)
    names = list(head.columns)
    return {
        roles[row].name: (names[place], min(float(worth[row, place]), 1.0))
        for row, place in zip(rows, places, strict=True)
        if worth[row, place] >= _LEAST
    }


def fit_of(table: str, role: Column, facts: Facts) -> float:
    """How well values are what a role asks for, from 0 to 1."""
    if not facts.n_filled:
        return 1.0 if (table, role.name) in MAY_BE_EMPTY else 0.5
    if role.kind in {"date", "datetime"}:
        return max(facts.dates, facts.months) if table in IN_MONTHS else facts.dates
    if role.kind in {"money", "number", "integer"}:
        return 0.3 * facts.amounts if facts.dates >= 0.9 else facts.amounts
    if role.kind == "boolean":
        return facts.truths if facts.n_distinct <= 3 else 0.0
    if role.name == "currency":
        return sum(len(value.strip()) == 3 or value.strip() == "人民币" for value in facts.values) / max(
            len(facts.values), 1
        )
    if facts.dates >= 0.9:
        return 0.1
    many = facts.n_distinct / facts.n_filled
    if role.name in FEW:
        return 1.0 if facts.n_distinct <= max(50, 0.2 * facts.n_filled) else 0.4
    if role.name == TABLES[table].key and facts.n_filled > 1:
        return 1.0 if facts.is_key else 0.3 + 0.5 * many
    if role.name.endswith("_id") and facts.n_filled > 20 and facts.is_constant:
        return 0.3
    return 1.0
