"""Study 01, migration: where customers stood at an earlier date, where they stand now, and what the moves brought.

Over a whole history purchases and revenue can only grow, so nobody could move down but by silence. Both dates are
therefore scored on windows of one length that do not overlap, by the same limits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import ibis.expr.types as ir
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import date_text, listed, sentence, value_text
from cam.language import translate as _
from cam.measures.segmentation.migration import NOT_YET, STATES, move_table, name_moves, total_change
from cam.measures.segmentation.migration import transition_table as rate_rows
from cam.measures.segmentation.rules import SEGMENTS
from cam.reduce.migration import count_flows, join_states, window_orders, window_revenue
from cam.reduce.summary import customer_summary
from cam.show.tables import Col, ShownTable, show_table
from cam.show.words import move_text, state_text
from cam.studies import segmentation
from cam.studies.study import Study, needs

#: The earlier date by default, where the history holds two windows of this length.
YEAR = 365
#: Shorter windows say little about how often somebody buys.
LEAST_DAYS = 28
#: The segments whose loss costs most.
BEST = ("champions", "loyal")
#: Where they slip to.
SLIPPING = STATES[STATES.index("needs_attention") :]
#: Key figures of the moves of those who bought in the first window; they add up to 1.
RATES = {
    "up": "moved_up_share",
    "stayed": "stayed_share",
    "down": "moved_down_share",
    "lapsed": "lapsed_share",
}
#: Flows out of a segment that the table lists, the largest first.
MOST_FLOWS = 12


@dataclass(frozen=True, slots=True)
class Windows:
    """The two dates and the length of the window that ends at each.

    Attributes
    ----------
    first : date
        Of the first purchase that is known.
    earlier, as_of : date
        Last days of the first and the second window.
    days : int
        Length of each; they do not overlap.
    """

    first: date
    earlier: date
    as_of: date
    days: int


@needs("transactions")
def windows(study: Study, customers: ir.Table) -> Windows | CannotSay:
    """Choose the earlier date, and windows as long as the history before it and the time since it allow."""
    if customers.count().execute() == 0:
        return CannotSay(
            sentence("Nobody has bought: every row of the transactions is a refund."),
            sentence(
                "If they are no refunds, the sign of revenue is the wrong way round: turn it at the source."
            ),
        )
    first = pd.Timestamp(customers.first_date.min().execute()).date()
    last, earlier = study.as_of, study.params.segmentation.earlier
    history = (last - first).days + 1
    if earlier is None:
        if history // 2 < LEAST_DAYS:
            return CannotSay(
                sentence(
                    "The purchases cover {n} days; migration needs {least} days before the earlier date and as many "
                    "after it.",
                    n=history,
                    least=LEAST_DAYS,
                ),
                _("Read a longer history."),
            )
        length = YEAR if history >= 2 * YEAR else history // 2
        return Windows(first, last - timedelta(days=length), last, length)
    cure = _("Choose another date for segmentation.earlier, or leave it out.")
    if history >= 2 * LEAST_DAYS:
        cure = sentence(
            "Choose a date from {low} to {high} for segmentation.earlier, or leave it out.",
            low=date_text(first + timedelta(days=LEAST_DAYS - 1)),
            high=date_text(last - timedelta(days=LEAST_DAYS)),
        )
    if earlier >= last:
        words = "The earlier date, {earlier}, is not before the last day seen, {last}."
    elif earlier < first:
        words = "By the earlier date, {earlier}, nobody had bought: the first purchase was on {first}."
    else:
        length = min((last - earlier).days, (earlier - first).days + 1)
        if length >= LEAST_DAYS:
            return Windows(first, earlier, last, length)
        words = (
            "The earlier date, {earlier}, leaves less than {least} days of purchases before it (the first was on "
            "{first}) or after it (the last day seen is {last})."
        )
    reason = sentence(
        words,
        earlier=date_text(earlier),
        first=date_text(first),
        last=date_text(last),
        least=LEAST_DAYS,
    )
    return CannotSay(reason, cure)


@needs("transactions")
def follow(study: Study, customers: ir.Table, chosen: Windows) -> ir.Table | CannotSay:
    """Score who bought in each window by the limits of the later one, and join both dates to every customer."""
    after = _bought(study, chosen, chosen.as_of, "migration_after")
    before = _bought(study, chosen, chosen.earlier, "migration_before")
    values = segmentation.count_values(study, after)
    fit = values if isinstance(values, CannotSay) else segmentation.fit_rfm(study, values)
    if isinstance(fit, CannotSay):
        return fit
    scored_before = segmentation.score_customers(study, before, fit, table="migration_before")
    scored_after = segmentation.score_customers(study, after, fit, table="migration_after")
    if isinstance(scored_before, CannotSay):
        return scored_before
    revenue = window_revenue(
        study.tables["transactions"], earlier=chosen.earlier, as_of=chosen.as_of, days=chosen.days
    )
    moved = join_states(customers, revenue, scored_before, scored_after, earlier=chosen.earlier)
    return study.engine.create_table("migration_customers", moved, overwrite=True)


@needs()
def flows(study: Study, moved: ir.Table) -> pd.DataFrame:
    """Count the customers of each pair of segments; every customer is in one pair."""
    return count_flows(moved).execute()


@needs()
def transition_table(study: Study, counted: pd.DataFrame) -> pd.DataFrame:
    """Rate where the customers of each segment went; small segments are named, not rated."""
    return rate_rows(counted, min_group=study.params.segmentation.min_group)


@needs()
def dates(study: Study, chosen: Windows) -> tuple[str, str]:
    """Write the two dates for a figure."""
    return date_text(chosen.earlier), date_text(chosen.as_of)


@needs()
def show_counts(study: Study, table: pd.DataFrame, chosen: Windows) -> ShownTable | CannotSay:
    """Show how many customers went from each segment to each, with the totals of both dates."""
    wide = table.pivot(index="segment_before", columns="segment_after", values="n_customers")
    rows = [name for name in (*STATES, NOT_YET) if name in wide.index]
    wide = wide.loc[rows, list(STATES)]
    wide["total"] = wide.sum(axis=1)
    wide.loc["total"] = wide.sum(axis=0)
    names = [_("Together") if name == "total" else state_text(str(name)) for name in wide.index]
    columns = [
        Col("before", "Segment before", whole=_("Together")),
        *(Col(name, state_text(name), "count") for name in STATES),
        Col("total", "Together", "count"),
    ]
    return show_table(
        wide.reset_index(drop=True).assign(before=names),
        columns,
        caption="Customers by segment, then and now",
        note=sentence(
            "Rows: segment by purchases in the {days} days to {earlier}; columns: in the {days} days to {last}.",
            days=chosen.days,
            earlier=date_text(chosen.earlier),
            last=date_text(chosen.as_of),
        ),
        notes=_how_scored(study, table, chosen),
    )


@needs()
def show_flows(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the largest flows out of a segment, as shares of it with limits that hold together."""
    left = table[(table["segment_before"] != table["segment_after"]) & table["segment_before"].isin(SEGMENTS)]
    rated = left[left["share"].notna() & (left["n_customers"] > 0)]
    if rated.empty:
        return CannotSay(
            sentence(
                "No segment of {least} customers or more lost a customer to another.",
                least=study.params.segmentation.min_group,
            )
        )
    shown = rated.sort_values("n_customers", ascending=False, kind="stable").head(MOST_FLOWS)
    shown = shown.assign(
        before=shown["segment_before"].map(state_text), after=shown["segment_after"].map(state_text)
    )
    columns = [
        Col("before", "Segment before"),
        Col("after", "Segment since"),
        Col("n_customers", "Customers", "count"),
        Col("share", "of the segment", "share", "low", "high"),
        Col("revenue_before", "Revenue before", study.currency),
        Col("revenue_after", "Revenue since", study.currency),
    ]
    note = _("The limits of one segment's shares hold together with 95 % confidence.")
    return show_table(shown, columns, caption="The largest flows between segments", note=note)


@needs()
def moves(study: Study, counted: pd.DataFrame) -> pd.DataFrame:
    """Sum what the customers of each move brought in the two windows."""
    return move_table(counted)


@needs()
def show_moves(study: Study, moved: pd.DataFrame, chosen: Windows) -> ShownTable | CannotSay:
    """Show who moved and what they were worth; the changes add up to that of all customers."""
    sums = ["n_customers", "customer_share", "revenue_before", "revenue_after", "change"]
    total = moved[sums].sum().to_frame().T.assign(migration="")
    shown = pd.concat([moved, total], ignore_index=True)
    shown["move"] = [move_text(str(name)) if name else _("Together") for name in shown["migration"]]
    columns = [
        Col("move", "Move"),
        Col("n_customers", "Customers", "count"),
        Col("customer_share", "of customers", "share"),
        Col("revenue_before", "Revenue before", study.currency),
        Col("revenue_after", "Revenue since", study.currency),
        Col("change", "Change", study.currency, "change_low", "change_high"),
    ]
    note = sentence(
        "Revenue of the {days} days to {earlier} and of the {days} days to {last}.",
        days=chosen.days,
        earlier=date_text(chosen.earlier),
        last=date_text(chosen.as_of),
    )
    return show_table(
        shown, columns, caption="Who moved, and what they were worth", note=note, notes=_near_words(moved)
    )


@needs()
def scores(study: Study, moved: ir.Table) -> ir.Table:
    """Pick the columns that go to ``customers.parquet``: the segment of each window, and the move between them."""
    pairs = pd.DataFrame(
        [(before, after) for before in (*STATES, NOT_YET) for after in STATES],
        columns=["segment_before", "segment_after"],
    )
    pairs["migration"] = name_moves(pairs)
    names = study.engine.create_table("migration_moves", pairs, overwrite=True)
    joined = moved.inner_join(names, ["segment_before", "segment_after"])
    return joined.select("customer_id", "segment_before", "segment_after", "migration")


def findings(
    study: Study,
    chosen: Windows | CannotSay,
    table: pd.DataFrame | CannotSay,
    moved: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say who drifted away, what the best customers' loss cost, and what new ones made up for."""
    if isinstance(chosen, CannotSay) or isinstance(table, CannotSay) or isinstance(moved, CannotSay):
        return [*_unsaid(chosen, table, moved)]
    rates = {one.figure: one for one in _rates(study, table)}
    if "lapsed_share" not in rates:
        return [_too_few(study, table)]
    said: list[str | CannotSay] = [
        sentence(
            "Of those who bought in the {days} days to {earlier}, {lapsed} bought nothing in the {days} days to "
            "{last}, {down} moved down and {up} moved up. Compare these shares in the next report: revenue can hold "
            "for a while though customers drift away.",
            days=chosen.days,
            earlier=date_text(chosen.earlier),
            last=date_text(chosen.as_of),
            lapsed=rates["lapsed_share"],
            down=rates["moved_down_share"],
            up=rates["moved_up_share"],
        )
    ]
    best = table[table["segment_before"].isin(BEST)]
    n = int(best["n_customers"].sum())
    if n >= study.params.segmentation.min_group:
        lost = best[best["segment_after"].isin(SLIPPING)]
        n_lost = int(lost["n_customers"].sum())
        if n_lost:
            said.append(
                sentence(
                    "{share} of those who were champions or loyal have slipped or lapsed: they brought {before} in the "
                    "first {days} days, and their revenue has changed by {change}. Call them first: "
                    "customers.parquet lists them by segment_before and segment_after.",
                    share=proportion("best_lost_share", n_lost, n),
                    before=value_text(float(lost["revenue_before"].sum()), study.currency),
                    change=_change(study, lost, table),
                    days=chosen.days,
                )
            )
    said += _balance(study, moved)
    return said


def key_figures(
    study: Study, table: pd.DataFrame | CannotSay, moved: pd.DataFrame | CannotSay
) -> list[Estimate | CannotSay]:
    """List the shares of moves, the change of revenue by move, and of each rated segment who stayed and lapsed."""
    if isinstance(table, CannotSay) or isinstance(moved, CannotSay):
        return [*_unsaid(table, moved)]
    figures: list[Estimate | CannotSay] = [*_rates(study, table)]
    if not figures:
        figures.append(_too_few(study, table))
    told = moved[
        (moved["n_customers"] >= study.params.segmentation.min_group) & (moved["migration"] != "away")
    ]
    figures += [
        _change(study, told[told["migration"] == name], moved, move=str(name)) for name in told["migration"]
    ]
    stays = table["segment_after"] == table["segment_before"]
    told = table[table["share"].notna() & (stays | (table["segment_after"] == "lapsed"))]
    figures += [
        Estimate(
            "migration_share",
            float(row["share"]),
            "share",
            int(row["n_before"]),
            float(row["low"]),
            float(row["high"]),
            {"from": str(row["segment_before"]), "to": str(row["segment_after"])},
        )
        for row in told.to_dict("records")
        if row["segment_before"] in SEGMENTS
    ]
    return figures


# --- how the two dates are scored ---------------------------------------------------------------


def _bought(study: Study, chosen: Windows, end: date, name: str) -> ir.Table | CannotSay:
    """Who bought in the window that ends on a day, with what a score needs, as a table of the engine."""
    rows = window_orders(study.tables["transactions"], end=end, days=chosen.days)
    people = customer_summary(rows, as_of=end)
    valued = segmentation.measure_value(study, people, rows)
    if isinstance(valued, CannotSay):
        return valued
    table = study.engine.create_table(f"{name}_window", valued, overwrite=True)
    if table.count().execute() == 0:
        return CannotSay(
            sentence("Nobody bought in the {days} days to {date}.", days=chosen.days, date=date_text(end)),
            _("Choose another date for segmentation.earlier, or leave it out."),
        )
    return table


def _how_scored(study: Study, table: pd.DataFrame, chosen: Windows) -> list[str]:
    fixed = study.params.segmentation.thresholds is not None
    said = [
        sentence(
            "A segment here counts the purchases of one window of {days} days, so it can differ from the segment "
            "over the whole history.",
            days=chosen.days,
        ),
        _("The limits between the scores are those of the parameter file, at both dates.")
        if fixed
        else _("The limits between the scores are cut in the later window and hold at both dates."),
        _(
            "New or seldom: bought lately but seldom in the window, whether for the first time or not. Lapsed: had "
            "bought before the window, but not in it."
        ),
        sentence(
            "The data begin on {first}: who had bought before that day alone and came back counts as new, not as "
            "lapsed.",
            first=date_text(chosen.first),
        ),
    ]
    if study.params.segmentation.value_measure not in ("revenue", "margin", "n_orders"):
        said.append(
            sentence(
                "The column {column} is known for one date only: at both dates customers are scored by the same value.",
                column=study.params.segmentation.value_measure,
            )
        )
    small = table[table["share"].isna()].drop_duplicates("segment_before")
    said += [
        sentence(
            "{segment}: {n} customers at the earlier date, too few to rate.",
            segment=state_text(str(row["segment_before"])),
            n=int(row["n_before"]),
        )
        for row in small.to_dict("records")
    ]
    return said


def _near_words(moved: pd.DataFrame) -> list[str]:
    """How many moves chance alone may have made, and what up and down mean."""
    said = [
        sentence(
            "Up and down follow the order {order}; between at risk and must not lose is no move.",
            order=listed(state_text(name) for name in STATES),
        )
    ]
    movers = moved[moved["migration"].isin(["up", "down"])]
    n = int(movers["n_customers"].sum())
    if n:
        near = proportion("near_share", int(movers["n_near"].sum()), n)
        said.append(
            sentence(
                "{near} of the moves up and down are small: no score changed by more than one bin. Who stands near a "
                "limit moves so by chance alone; act on a segment's flow, not on one customer's step.",
                near=near,
            )
        )
        said.append(
            _(
                "Who stands at the top in one window stands there partly by luck: some fall, and some rise from the "
                "bottom, though no habit has changed."
            )
        )
    return said


# --- what is said -------------------------------------------------------------------------------


def _unsaid(*given: object) -> list[CannotSay]:
    return [next(one for one in given if isinstance(one, CannotSay))]


def _too_few(study: Study, table: pd.DataFrame) -> CannotSay:
    bought = table[table["segment_before"].isin(SEGMENTS)]
    return CannotSay(
        sentence(
            "{n} customers at the earlier date are too few to rate their moves; {least} are needed.",
            n=int(bought["n_customers"].sum()),
            least=study.params.segmentation.min_group,
        )
    )


def _rates(study: Study, table: pd.DataFrame) -> list[Estimate]:
    """Shares of those who bought in the first window by move, and of the lapsed of then who came back."""
    counts = table.assign(migration=name_moves(table))
    rates = []
    for is_of, figures in (
        (counts["segment_before"].isin(SEGMENTS), RATES),
        (counts["segment_before"] == "lapsed", {"came_back": "came_back_share"}),
    ):
        group = counts[is_of]
        n = int(group["n_customers"].sum())
        if n >= study.params.segmentation.min_group:
            made = group.groupby("migration")["n_customers"].sum()
            rates += [proportion(figure, int(made.get(move, 0)), n) for move, figure in figures.items()]
    return rates


def _change(study: Study, rows: pd.DataFrame, everybody: pd.DataFrame, *, move: str = "") -> Estimate:
    """The change of revenue of some of the customers."""
    value, low, high = total_change(rows, n=int(everybody["n_customers"].sum()))
    return Estimate(
        "migration_revenue",
        value,
        study.currency,
        int(rows["n_customers"].sum()),
        low,
        high,
        {"move": move} if move else {},
    )


def _balance(study: Study, moved: pd.DataFrame) -> list[str]:
    """Whether those who came made up for those who went."""
    came, gone = (moved[moved["migration"].isin(names)] for names in (("new", "came_back"), ("lapsed",)))
    least = study.params.segmentation.min_group
    if min(int(came["n_customers"].sum()), int(gone["n_customers"].sum())) < least:
        return []
    net = _change(study, pd.concat([came, gone]), moved)
    if net.low is not None and net.low > 0:
        words = (
            "New and returning customers brought {won}; {lost} went with those who lapsed. The base is renewed faster "
            "than it drains: see that what is won is worth what winning costs."
        )
    elif net.high is not None and net.high < 0:
        words = (
            "New and returning customers brought {won}; {lost} went with those who lapsed. Winning does not make up "
            "for losing: put money into keeping first."
        )
    else:
        words = (
            "New and returning customers brought {won}; {lost} went with those who lapsed. That is even within chance: "
            "revenue will grow only if more is kept or more is won."
        )
    away = _change(study, gone, moved)
    lost = replace(away, value=-away.value, low=-(away.high or 0.0), high=-(away.low or 0.0))
    return [sentence(words, won=_change(study, came, moved), lost=lost)]
