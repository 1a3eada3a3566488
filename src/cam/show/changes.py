"""What changed since last time, in words, as a table and as a line on a card."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import date

import pandas as pd

from cam.changes import Change, Comparison
from cam.estimate import Estimate
from cam.language import date_text, interval_text, listed, named, sentence, together, value_text
from cam.language import translate as _
from cam.language.sentences import NAMES
from cam.show.lines import text_lines
from cam.show.tables import Col, ShownTable, show_table

#: Rows on a page; the whole list is what `cam compare` prints.
_ROWS = 10
#: Limits that the report may take from the data.
_RULES = {"at_risk_months", "dormant_months", "lost_months", "value_line", "potential_line"}
_WORDS = {
    "risen": "risen",
    "fallen": "fallen",
    "not clear": "no clear change",
    "counted": "as counted",
    "same": "the same",
}
COLUMNS = {
    "figure": "Figure",
    "before": "Last time",
    "after": "This time",
    "change": "Change",
    "verdict": "More than chance?",
}


def change_table(comparison: Comparison, *, study: str | None = None) -> pd.DataFrame:
    """Put what changed in words, the surest first, headlines before parts.

    Parameters
    ----------
    comparison : Comparison
        Of two reports.
    study : str, optional
        One study alone.

    Returns
    -------
    DataFrame
        *study*, *name* (in ``key_figures.csv``), *figure*, *before*, *after*, *change*, *verdict* (text),
        *is_headline*; a row per figure that is not the same.

    Examples
    --------
    >>> from cam.changes import compare
    >>> row = dict(client="a", study="s", figure="n_customers", segment="", low="", high="", n="", unit="count")
    >>> then, now = row | dict(as_of="2025-12-31", value="100"), row | dict(as_of="2026-06-30", value="120")
    >>> change_table(compare([then], [now]))["change"].tolist()
    ['+20']
    """
    rank = {"risen": 0, "fallen": 0, "counted": 1, "not clear": 2}
    shown = [
        change for change in comparison.changes if change.verdict != "same" and study in {None, change.study}
    ]
    shown.sort(key=lambda change: (not change.is_headline, rank[change.verdict]))
    rows = [
        {
            "study": change.study,
            "name": change.after.figure,
            "figure": _called(change),
            "before": _with_interval(change.before),
            "after": _with_interval(change.after),
            "change": gap_text(change.change, interval=True),
            "verdict": _(_WORDS[change.verdict]),
            "is_headline": change.is_headline,
        }
        for change in shown
    ]
    return pd.DataFrame(rows, columns=["study", "name", *COLUMNS, "is_headline"])


def change_note(change: Change) -> str:
    """Say in a line how a figure stands beside last time.

    Parameters
    ----------
    change : Change
        Of one figure.

    Returns
    -------
    str
        Empty where it is the same.

    Examples
    --------
    >>> one, other = (Estimate("n_customers", value, "count") for value in (100, 120))
    >>> change_note(Change("s", "", one, other, Estimate("n_customers", 20, "count"), "counted"))
    '▲ +20 since last time'
    """
    if change.verdict == "same":
        return ""
    if change.verdict == "not clear":
        return sentence("{change} since last time: no clear change", change=gap_text(change.change))
    sign = "▲" if change.change.value > 0 else "▼"
    return sentence("{sign} {change} since last time", sign=sign, change=gap_text(change.change))


def gap_text(change: Estimate, *, interval: bool = False) -> str:
    """Write a change: one of shares in percentage points, a rise with its sign.

    Parameters
    ----------
    change : Estimate
        After less before.
    interval : bool
        Whether its interval stands behind it.

    Returns
    -------
    str

    Examples
    --------
    >>> gap_text(Estimate("repeat_rate", 0.021, "share", 100, 0.01, 0.032))
    '+2.1 percentage points'
    """
    unit, low, high = change.unit, change.low, change.high
    if unit == "share":
        low, high = (None if limit is None else 100 * limit for limit in (low, high))
        change = Estimate(change.figure, 100 * change.value, "points", change.n, low, high)
    text = value_text(change.value, change.unit)
    if unit == "share":
        text = sentence("{n} percentage points", n=text)
    elif unit == "points":
        text = sentence("{n} points", n=text)
    if change.value > 0:
        text = f"+{text}"
    limits = interval_text(change) if interval else ""
    return f"{text} ({limits})" if limits else text


def show_changes(
    comparison: Comparison, *, study: str | None = None, figures: Collection[str] = NAMES
) -> ShownTable | str:
    """Show what changed by more than chance, or say that nothing did.

    Parameters
    ----------
    comparison : Comparison
        Of this report with an earlier one.
    study : str, optional
        One study alone; without it the headlines of all.
    figures : collection of str
        Key figures that may stand in it; by default those that have a name.

    Returns
    -------
    ShownTable or str
        A sentence where no row is left.

    Examples
    --------
    >>> from cam.changes import compare
    >>> row = dict(client="a", study="s", figure="n_customers", segment="", low="", high="", n="", unit="count")
    >>> then, now = row | dict(as_of="2025-12-31", value="100"), row | dict(as_of="2026-06-30", value="120")
    >>> "+20" in show_changes(compare([then], [now])).html
    True
    """
    clear = tuple(
        change
        for change in comparison.changes
        if change.verdict in {"risen", "fallen", "counted"} and change.after.figure in figures
    )
    table = change_table(replace(comparison, changes=clear), study=study)
    if study is None:
        table = table[table["is_headline"]]
    unclear = sum(
        change.verdict == "not clear"
        and (study == change.study if study else change.is_headline and change.after.figure in figures)
        for change in comparison.changes
    )
    said = [period(comparison), *_moved_rules(comparison, study)]
    if unclear:
        said.append(sentence("{n} more figures moved by no more than chance may.", n=unclear))
    if table.empty:
        return together(_("Nothing changed by more than chance."), *said)
    columns = [Col(name, words) for name, words in COLUMNS.items()]
    shown = show_table(
        table, columns, caption="Last time and this time", note=together(*said), max_rows=_ROWS
    )
    assert isinstance(shown, ShownTable)
    return shown


def change_lines(comparison: Comparison, *, parts: bool, label: Callable[[str], str]) -> list[str]:
    """Put what changed into lines for a terminal, study by study.

    Parameters
    ----------
    comparison : Comparison
        Of two reports.
    parts : bool
        Whether figures of segments stand there too, and those that moved by no more than chance may.
    label : callable
        What a study is called.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from cam.changes import compare
    >>> row = dict(client="a", study="s", figure="n_customers", segment="", low="", high="", n="", unit="count")
    >>> then, now = row | dict(as_of="2025-12-31", value="100"), row | dict(as_of="2026-06-30", value="120")
    >>> change_lines(compare([then], [now]), parts=False, label=str)[-1].split()
    ['Customers', '[n_customers]', '100', '120', '+20', 'as', 'counted']
    """
    table = change_table(comparison)
    # Scripts and the file know a figure by its name, people by what it is called.
    table["figure"] = [
        figure if named(name) == name else f"{figure} [{name}]"
        for figure, name in zip(table["figure"], table["name"], strict=True)
    ]
    if not parts:
        table = table[table["is_headline"] & (table["verdict"] != _(_WORDS["not clear"]))]
    lines = [period(comparison), *_other_currency(comparison)]
    for study, rows in table.groupby("study", sort=True):
        lines += ["", label(str(study))]
        lines += text_lines(
            rows[list(COLUMNS)].to_numpy().tolist(), header=[_(words) for words in COLUMNS.values()]
        )
    if table.empty:
        lines.append(_("Nothing changed by more than chance."))
    shared = {change.after.figure for change in comparison.changes}
    shared |= {row["figure"] for row in comparison.only_before} & {
        row["figure"] for row in comparison.only_after
    }
    for words, only in (
        ("Only in the earlier report: {names}.", comparison.only_before),
        ("Only in the later report: {names}.", comparison.only_after),
    ):
        names = sorted({named(row["figure"]) for row in only if row["figure"] not in shared})
        if names:
            lines += ["", sentence(words, names=listed(names))]
    return lines


def _other_currency(comparison: Comparison) -> list[str]:
    """Say that the two reports count in two currencies: then no amount of theirs is compared."""
    before, after = (
        {(row["study"], row["figure"], row["segment"]): row["unit"] for row in rows if _is_money(row["unit"])}
        for rows in (comparison.only_before, comparison.only_after)
    )
    both = [name for name in after if name in before]
    if not both:
        return []
    words = "The earlier report is in {before}, the later in {after}: {n} amounts are not compared."
    return [sentence(words, before=before[both[0]], after=after[both[0]], n=len(both))]


def _is_money(unit: str) -> bool:
    return len(unit) == 3 and unit.isupper()


def _moved_rules(comparison: Comparison, study: str | None) -> list[str]:
    """Name limits that the report takes from the data and that moved: what rests on them measures something else."""
    moved = [
        named(change.after.figure)
        for change in comparison.changes
        if change.verdict != "same" and change.after.figure in _RULES and study in {None, change.study}
    ]
    words = "Limits taken from the data moved ({names}): figures that rest on them are not of one measure."
    return [sentence(words, names=listed(dict.fromkeys(moved)))] if moved else []


def period(comparison: Comparison) -> str:
    """Say what is compared with what.

    Parameters
    ----------
    comparison : Comparison
        Of two reports.

    Returns
    -------
    str

    Examples
    --------
    >>> from cam.changes import compare
    >>> row = dict(client="a", study="s", figure="n_customers", segment="", low="", high="", n="", unit="count")
    >>> then, now = row | dict(as_of="2025-12-31", value="100"), row | dict(as_of="2026-06-30", value="120")
    >>> period(compare([then], [now]))[:34]
    '31 Dec 2025 beside 30 Jun 2026. Cu'
    """
    if comparison.as_of_before == comparison.as_of_after:
        words = "Both end on {day}: what differs comes from other data or parameters, not from what customers did."
        return sentence(words, day=date_text(date.fromisoformat(comparison.as_of_after)))
    return sentence(
        "{before} beside {after}. Customers who stand in both make a change look less sure, never surer.",
        before=date_text(date.fromisoformat(comparison.as_of_before)),
        after=date_text(date.fromisoformat(comparison.as_of_after)),
    )


def _called(change: Change) -> str:
    parts = [_(value) for value in change.after.segment.values()]
    return named(change.after.figure) + (f" ({', '.join(parts)})" if parts else "")


def _with_interval(estimate: Estimate) -> str:
    interval = interval_text(estimate)
    value = value_text(estimate.value, estimate.unit)
    return f"{value} ({interval})" if interval else value
