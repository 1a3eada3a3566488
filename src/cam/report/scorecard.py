"""The scorecard: each key figure with its interval, its history, how it moved, and where it is explained."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from cam.changes import Change, Comparison, compare_periods, estimate_of
from cam.estimate import Estimate
from cam.key_figures import Row
from cam.language import interval_text, listed, sentence, span_text, together, value_text
from cam.language import translate as _
from cam.params import Params
from cam.report.headlines import CARDS, Kind
from cam.report.page import Card
from cam.show.changes import change_note, gap_text
from cam.show.sparkline import sparkline
from cam.studies.stages import nobody_bought

#: Cards of margin that is still to come.
_OF_MARGIN = {"clv", "clv_to_cac", "payback_months", "customer_equity", "residual_clv_total"}
#: A total that moved by less than this share of itself has hardly moved.
_NEARLY = 0.005
_SIGNS = {"up": "▲", "down": "▼", "": "→"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A figure on its way to a card: its value, its history (oldest first) and the places of that in time."""

    kind: Kind
    row: Row
    history: tuple[Estimate, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def estimate(self) -> Estimate:
        return self.history[-1] if self.history else estimate_of(self.row)

    def span(self, at: int) -> str:
        return span_text(self.history[at].segment[self.kind.series])

    @property
    def pair(self) -> tuple[Estimate, Estimate] | None:
        """The last two periods, where they are neighbours."""
        if len(self.places) < 2 or self.places[-1] - self.places[-2] != 1:
            return None
        return self.history[-2], self.history[-1]


def scorecard(
    figures: Sequence[Row], *, params: Params, changes: Comparison | None = None
) -> tuple[list[Card], str]:
    """Pick the headline figures for the overview, with their history and how they moved.

    Parameters
    ----------
    figures : sequence of dict
        Rows of ``key_figures.csv``.
    params : Params
        The client's parameters: what rules where there are both purchases and contracts, and the horizon.
    changes : Comparison, optional
        With an earlier report.

    Returns
    -------
    list of Card
        One per headline figure that is there; each links to its section.
    str
        How to read them; empty where nothing is compared.

    Notes
    -----
    A figure with a history stands with its last complete period, and is compared with the period before; totals
    have no chance in them and are compared in per cent. All comparisons are judged together.
    """
    shown = [found for kinds in CARDS if (found := _first(kinds, figures, params))]
    compared = [each for each in shown if each.pair]
    moves = compare_periods([each.pair for each in compared if each.pair])
    moved = {each.kind.figure: move for each, move in zip(compared, moves, strict=True)}
    told = {(each.after.figure, each.segment): each for each in changes.changes} if changes else {}
    whole = {(row["figure"], row["segment"]): row for row in figures}
    cards = [
        _card(
            each,
            moved.get(each.kind.figure),
            told.get((each.row["figure"], each.row["segment"])),
            whole,
            params,
        )
        for each in shown
    ]
    return cards, together(
        *_how_to_read(moves),
        *_other_rates(figures),
        *_made_of([each.kind.figure for each in shown], whole, params),
    )


def nobody(review: Mapping[str, Any]) -> str:
    """Say in place of cards that nobody has bought, and what may be the reason, in a line of HTML.

    Parameters
    ----------
    review : mapping
        Of the client's prepared tables.

    Returns
    -------
    str
        Empty where somebody has, and where there are no transactions.
    """
    orders = review["tables"].get("transactions")
    if not orders or orders["n_orders"]:
        return ""
    said = nobody_bought()
    return escape(together(said.reason, said.cure))


def missing(
    figures: Sequence[Row], *, params: Params, tables: Collection[str], studies: Collection[str]
) -> str:
    """Name the figures that this client lacks and what they need, in a line of HTML.

    Parameters
    ----------
    figures : sequence of dict
        Rows of ``key_figures.csv``.
    params : Params
        The client's parameters.
    tables : collection of str
        Tables that the client has.
    studies : collection of str
        Studies that have a page; of others nothing is said here.

    Returns
    -------
    str
        Empty where nothing is missing.
    """
    lacking: dict[str, list[str]] = {}
    for kinds in CARDS:
        found, first = _first(kinds, figures, params), kinds[0]
        study, _sign, section = first.place.partition("#")
        if (found and found.kind.name == first.name) or not first.needs or study not in studies:
            continue
        name = escape(_(first.name))
        need = next((need for need in first.needs if not set(need.split("|")) & set(tables)), None)
        if need:
            reason = sentence("needs the table {table}", table=_or(map(_, need.split("|"))))
        else:
            name = f'<a href="{study}.html#{section}">{name}</a>'
            reason = _("the study says why")
        lacking.setdefault(escape(reason), []).append(name)
    parts = [
        sentence("{names} ({reason})", names=listed(names), reason=reason)
        for reason, names in lacking.items()
    ]
    return sentence("Not shown: {names}.", names=_("; ").join(parts)) if parts else ""


def _first(kinds: Sequence[Kind], figures: Sequence[Row], params: Params) -> _Shown | None:
    """The first kind that the client has; where contracts rule, theirs goes first."""
    contractual = params.value.setting == "contractual"
    for kind in sorted(kinds, key=lambda kind: contractual and "basis=contract" not in kind.fixed):
        rows = [row for row in figures if row["figure"] == kind.figure]
        history = _history(kind, rows, figures)
        if history:
            places = tuple(sorted(history))
            latest = history[places[-1]]
            return _Shown(kind, latest, tuple(estimate_of(history[place]) for place in places), places)
        row = next((row for row in rows if row["segment"] == kind.segment), None)
        if row and kind.words:
            return _Shown(kind, row)
    return None


def _history(kind: Kind, rows: Iterable[Row], figures: Sequence[Row]) -> Mapping[int, Row]:
    """The figure by the place of its period in time, of one length of period."""
    if not kind.series:
        return {}
    found: dict[str, Row] = {}
    for row in rows:
        pairs = row["segment"].split(";")
        times = [pair.partition("=")[2] for pair in pairs if pair.startswith(f"{kind.series}=")]
        others = [pair for pair in pairs if not pair.startswith(f"{kind.series}=")]
        if times and ";".join(others) == kind.fixed:
            found[times[0]] = row
    if kind.series == "wave":
        # The names of waves need not tell which came first.
        order = {f"score={kind.figure};wave={wave}": wave for wave in found}
        return {
            int(row["value"]): found[order[row["segment"]]]
            for row in figures
            if row["figure"] == "wave_place" and row["segment"] in order
        }
    by_length: dict[int, dict[int, Row]] = {}
    for name, row in found.items():
        if (span := _months(name)) is not None:
            start, length = span
            by_length.setdefault(length, {})[start // length] = row
    # Of months, quarters and years the quarters: months hang on chance, years are too few.
    return next(
        (by_length[length] for length in (3, 6, 12, 1) if len(by_length.get(length, ())) > 1), {}
    ) or next(iter(by_length.values()), {})


def _months(name: str) -> tuple[int, int] | None:
    """First month (year x 12 + month - 1) and number of months of a period; None of what is none."""
    quarter = re.fullmatch(r"(\d{4})-Q([1-4])", name)
    if quarter:
        return int(quarter[1]) * 12 + 3 * int(quarter[2]) - 3, 3
    months = [re.fullmatch(r"(\d{4})-(\d{2})", part) for part in name.split("/")]
    if not all(months) or len(months) > 2:
        return None
    numbers = [int(each[1]) * 12 + int(each[2]) - 1 for each in months if each]
    return numbers[0], numbers[-1] - numbers[0] + 1


def _before(name: str) -> str:
    """The period of the same length before one, ready to print."""
    span = _months(name)
    if span is None:
        return ""
    start, length = span
    ends = [f"{month // 12}-{month % 12 + 1:02d}" for month in (start - length, start - 1)]
    return span_text("/".join(dict.fromkeys(ends)))


def _card(
    shown: _Shown,
    move: Change | None,
    told: Change | None,
    whole: Mapping[tuple[str, str], Row],
    params: Params,
) -> Card:
    kind, estimate = shown.kind, shown.estimate
    page, _sign, section = kind.place.partition("#")
    direction, sign = _direction(shown, move)
    period = estimate.segment.get(kind.series, "")
    for_ever = ("clv", "horizon=for_ever") in whole
    detail = sentence(
        kind.of_period if shown.history else kind.words,
        period=span_text(period),
        before=_before(period),
        whole=_plain(whole.get((kind.figure, kind.segment))),
        near=_plain(whole.get((kind.figure, ""))),
        horizon=_("for ever")
        if for_ever
        else sentence("over {months} months", months=params.value.horizon_months),
        n=f"n\u00a0=\u00a0{estimate.n:,}" if estimate.n else "",
        months=params.value.horizon_months,
        days=params.churn.horizon_days,
    )
    # Two values that come and go, such as 1 and 2 months, are no line to look at.
    has_trend = len(shown.history) > 1 and (
        len({each.value for each in shown.history}) > 2 or len(shown.history) == 2
    )
    return Card(
        name=_(kind.name),
        value=value_text(estimate.value, estimate.unit),
        interval=interval_text(estimate),
        href=f"{page}.html#{section}",
        note=change_note(told) if told else "",
        detail=detail,
        direction=direction,
        sign=sign,
        is_clear=move is not None and move.verdict in ("risen", "fallen"),
        trend=sparkline(shown.history, alt=_alt(shown), places=shown.places) if has_trend else "",
        ends=tuple((value_text(shown.history[at].value, estimate.unit), shown.span(at)) for at in (0, -1))
        if has_trend
        else (),
    )


def _plain(row: Row | None) -> str:
    return value_text(float(row["value"]), row["unit"]) if row else ""


def _direction(shown: _Shown, move: Change | None) -> tuple[str, str]:
    """How a figure stands to the period before in words, and the arrow that goes with them."""
    if move is None:
        return "", ""
    period = shown.span(-2)
    if move.verdict == "same":
        some = [at for at, each in enumerate(shown.history) if each.value]
        if some and shown.estimate.value == 0 and shown.estimate.low is None:  # a total that has run dry
            return sentence("None since {period}", period=shown.span(some[-1])), _SIGNS["down"]
        return sentence("The same as in {period}", period=period), _SIGNS[""]
    if move.verdict == "not clear":
        words = _("No clear change against {period} ({gap}): within chance")
        return sentence(words, period=period, gap=gap_text(move.change)), _SIGNS[""]
    rose = move.change.value > 0
    sign = _SIGNS["up" if rose else "down"]
    if move.verdict == "counted" and abs(move.change.value) < _NEARLY * move.before.value:
        words = _("Nearly the same as in {period}: {gap}")
        return sentence(words, period=period, gap=("+" if rose else "−") + _share_of(move)), _SIGNS[""]
    if move.verdict == "counted":
        words = _("Risen by {gap} against {period}") if rose else _("Fallen by {gap} against {period}")
        return sentence(words, period=period, gap=_share_of(move)), sign
    words = (
        _("Risen by {gap} against {period}: more than chance")
        if rose
        else _("Fallen by {gap} against {period}: more than chance")
    )
    return sentence(words, period=period, gap=_size(move.change)), sign


def _share_of(move: Change) -> str:
    """A change of a total in per cent of what it was; as an amount where that was nothing, or less."""
    if move.before.value <= 0:
        return _size(move.change)
    return value_text(abs(move.change.value) / move.before.value, "share")


def _size(change: Estimate) -> str:
    return gap_text(replace(change, value=abs(change.value))).removeprefix("+")


def _alt(shown: _Shown) -> str:
    values = [each.value for each in shown.history]
    lowest, highest = values.index(min(values)), values.index(max(values))
    words: dict[str, str | int] = {"name": _(shown.kind.name), "n": len(values)}
    for key, at in {"first": 0, "last": -1, "low": lowest, "high": highest}.items():
        words[key] = value_text(values[at], shown.estimate.unit)
        words[f"{key}_when"] = shown.span(at)
    said = sentence(
        "{name}, {n} periods: {first} ({first_when}) to {last} ({last_when}); lowest {low} ({low_when}), "
        "highest {high} ({high_when}).",
        **words,
    )
    has_band = all(each.low is not None for each in shown.history)
    return together(said, _("The band is the 95 % interval.") if has_band else "")


def _made_of(shown: Sequence[str], figures: Mapping[tuple[str, str], Row], params: Params) -> list[str]:
    """What amounts of margin rest on, which no card has room for."""
    if not set(shown) & _OF_MARGIN:
        return []
    said = []
    if params.value.margin_rate is not None and ("margin_rate", "") not in figures:
        assumed = Estimate("margin_rate", params.value.margin_rate, "share", None)
        said.append(sentence("Margin is an assumption: {rate} of revenue.", rate=assumed))
    serving = params.value.cost_to_serve
    if serving.order or serving.refund or serving.ticket:
        said.append(_("The cost to serve is not taken off margin still to come, nor off what is made of it."))
    return said


def _how_to_read(moves: Sequence[Change]) -> list[str]:
    if not moves:
        return []
    said = [
        _(
            "Arrows compare the last complete period with the one before; shorter ones than a year differ in season."
        )
    ]
    if any(move.change.low is not None for move in moves):
        said.append(
            _(
                "Chance is judged for all cards together, as if the two periods had no customer in common. The shaded "
                "band is the 95 % interval; totals have none."
            )
        )
    return said


def _other_rates(figures: Sequence[Row]) -> list[str]:
    """Say where the rates of leaving are told apart, where there is more than one."""
    bases = {
        row["figure"]
        for row in figures
        if row["figure"] in ("churn_rate", "period_churn_rate", "lapsed_share")
    }
    if len(bases) < 2 or "churn_rate" not in bases:
        return []
    return [
        _(
            "Other rates of leaving count other customers over other days: see “Which rate is which” on the page Churn."
        )
    ]


def _or(words: Iterable[str]) -> str:
    *others, last = words
    return sentence("{these} or {last}", these=listed(others), last=last) if others else last
