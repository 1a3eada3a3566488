"""Study 01, the action table: what is done for each customer, and what is at stake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.language import listed, named, sentence, together, value_text
from cam.language import translate as _
from cam.measures.segmentation.rules import SEGMENTS
from cam.measures.segmentation.value_matrix import QUADRANTS
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.action_lists import ActionList, Line
from cam.studies.segmentation import MIN_CUSTOMERS
from cam.studies.study import Study, join_customers, needs
from cam.studies.value_potential import strategy
from cam.studies.valued import Ahead, Stakes, at_stake, stakes

#: What stands where a customer has no segment or no quadrant: never an empty cell.
NOT_SCORED, NOT_PLACED = "not_scored", "not_placed"
_GROUP = ["treatment", "rfm_segment", "value_quadrant"]
_MONEY = ("current_value", "potential", "value_at_stake")
#: What the sheet of the workbook is called.
SHEET = "Actions"
#: Who has stopped or is about to, and whom it may pay to win back; growth is no plan for them.
_GONE = ("at_risk", "cannot_lose", "hibernating")
_WORTH_A_TRY = ("stars", "high_consumption", "potential")
_WIN_BACK = "Win back: one personal offer, tested on some of them first; stop where nobody answers."
#: Groups named beside a treatment; the workbook has them all.
_MOST_NAMED = 4
#: Treatments on the overview; the page and the workbook have them all.
_MOST_LINES = 5
_CAPTION = "What to do, and what is at stake"


def assign(
    study: Study,
    scored: ir.Table | CannotSay,
    placed: ir.Table | CannotSay,
    people: ir.Table | CannotSay,
) -> ir.Table | CannotSay:
    """Give each customer a treatment: that of the RFM segment where the parameter file names one, else the quadrant's.

    *placed* are the customers with their quadrants; *people* are all, with what is still expected of them.
    """
    if isinstance(people, CannotSay):
        return people
    if isinstance(scored, CannotSay) and isinstance(placed, CannotSay):
        return placed
    stake = (
        {
            f"value_at_stake{end}": people[f"residual_clv{end}"]
            for end in ("", "_low", "_high")
            if f"residual_clv{end}" in people.columns
        }
        if "residual_clv" in people.columns
        else {}
    )
    table = people.select("customer_id", **stake)
    if isinstance(scored, CannotSay):
        table = table.mutate(rfm_segment=ibis.literal(NOT_SCORED))
    else:
        table = join_customers(table, scored.select("customer_id", "rfm_segment"))
        table = table.mutate(rfm_segment=table.rfm_segment.fill_null(NOT_SCORED))
    if isinstance(placed, CannotSay):
        table = table.mutate(
            value_quadrant=ibis.literal(NOT_PLACED), near_a_line=0, unplaced=ibis.literal("no_matrix")
        )
    else:
        names = ["current_value", "value_quadrant", "near_a_line", "unplaced"]
        # Where potential is residual CLV, it stands there as the value at stake already.
        names += ["potential", "share_of_wallet"] if "share_of_wallet" in placed.columns else []
        table = join_customers(table, placed.select("customer_id", *names))
        table = table.mutate(
            unplaced=table.value_quadrant.isnull().ifelse(table.unplaced.fill_null("no_value"), "placed"),
            value_quadrant=table.value_quadrant.fill_null(NOT_PLACED),
            near_a_line=table.near_a_line.fill_null(0),
        )
    made = table.mutate(treatment=_treatment(study, table)).drop("unplaced")
    return study.engine.create_table("customer_actions", made, overwrite=True)


@needs()
def groups(study: Study, people: ir.Table, ahead: Ahead, assigned: ir.Table) -> Stakes:
    """Work out what is at stake in each group of one treatment, segment and quadrant."""
    found = stakes(study, people, ahead, assigned, _GROUP)
    assert isinstance(found, Stakes)  # nothing that it was given was CannotSay
    return found


@needs()
def action_table(study: Study, assigned: ir.Table, at: Stakes) -> pd.DataFrame:
    """Add up the customers of each treatment and what is at stake among them; the most at stake first."""
    sums = _group_sums(assigned)
    rows = []
    for treatment, part in sums.groupby("treatment", sort=True):
        chosen = np.zeros(len(sums), dtype=bool)
        chosen[part.index] = True
        by_name = any(_by_segment(study, str(name)) for name in part["rfm_segment"])
        rows.append(
            {
                "treatment": str(treatment),
                "for_whom": _whom(study, part),
                "is_losing": bool((part["value_quadrant"] == "negative_value").all()),
                "is_unplaced": bool((part["value_quadrant"] == NOT_PLACED).all() and not by_name),
                **_added(part),
                **_limits(at_stake(study, at, chosen)),
            }
        )
    table = pd.DataFrame(rows)
    order = [name for name in ("value_at_stake", "n_customers") if table[name].notna().any()]
    return table.sort_values(
        ["is_unplaced", *order, "treatment"],
        ascending=[True, *[False] * len(order), True],
        ignore_index=True,
    )


@needs()
def show_actions(study: Study, table: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the treatments, for whom they are, and what is at stake."""
    shown = table.assign(near_share=table["n_near"] / table["n_customers"])
    columns = [
        Col("treatment", "Treatment"),
        Col("for_whom", "For whom"),
        Col("n_customers", "Customers", "count"),
        Col("near_share", "near a line", "share"),
    ]
    if "current_value" in table.columns:
        columns.append(Col("current_value", "Current value", _value_unit(study)))
    notes = [
        _(
            "Treatments are those of the parameter file (segmentation.treatments), an RFM segment's own before its "
            "quadrant's. Where it names none, the report's own advice stands: that of the quadrant, or to win back who "
            "has stopped."
        )
    ]
    if table["value_at_stake"].notna().any():
        columns.append(Col("value_at_stake", "Value at stake", study.currency, "stake_low", "stake_high"))
        notes.append(
            sentence(
                "At stake: the discounted margin expected of these customers over the next {months} months if nothing "
                "changes (residual CLV). Its interval holds the model's error, which all share, chance, and by how far "
                "the model missed its test, if there was one. The model sees what was bought, no wallets: of customers "
                "hardly known yet, those with large ones will bring more than it says. Nor is it what a treatment "
                "gains: only a test against customers left alone tells that.",
                months=study.params.value.horizon_months,
            )
        )
        if _is_served(study):
            notes.append(_("The cost to serve is taken off current value, not off value at stake."))
        if table["is_losing"].any():
            words = (
                "Of customers who have cost more than they brought, value at stake is no gain: it is the margin that "
                "goes with them if they are let go. Hold it against what serving them costs."
            )
            notes.append(_(words))
    else:
        notes.append(_("What is at stake is not shown: residual CLV is not known."))
    return show_table(shown, columns, caption=_CAPTION, notes=notes, max_rows=20)


@needs()
def actions_sheet(study: Study, assigned: ir.Table, at: Stakes) -> pd.DataFrame:
    """Return the action table for the workbook: a row per treatment, segment and quadrant."""
    sums = _group_sums(assigned)
    rows = []
    for place, row in enumerate(sums.to_dict("records")):
        chosen = np.arange(len(sums)) == place
        rows.append(
            {
                _("Treatment"): row["treatment"],
                _("RFM segment"): named(row["rfm_segment"]),
                _("Quadrant"): named(row["value_quadrant"]),
                **{_(label): value for label, value in _sheet_cells(sums.iloc[[place]])},
                **{
                    _(label): value
                    for label, value in zip(
                        ("Value at stake", "Value at stake, low", "Value at stake, high"),
                        _limits(at_stake(study, at, chosen)).values(),
                        strict=True,
                    )
                },
            }
        )
    table = pd.DataFrame(rows).dropna(axis="columns", how="all").round(2)
    first = _("Value at stake") if _("Value at stake") in table.columns else _("Customers")
    table = table.sort_values(
        [first, *table.columns[:3]], ascending=[False, True, True, True], ignore_index=True
    )
    units = dict.fromkeys(table.columns[3:], study.currency)
    units |= {
        _("Customers"): "count",
        _("of whom near a line"): "count",
        _("Current value"): _value_unit(study),
    }
    table.attrs["units"] = {name: unit for name, unit in units.items() if name in table.columns}
    return table


@needs()
def scores(study: Study, assigned: ir.Table) -> ir.Table:
    """Pick the columns for ``customers.parquet``.

    ``value_at_stake`` is study 03's ``residual_clv``; its limits stand there only.
    """
    names = [
        "value_quadrant", "near_a_line", "treatment", "value_at_stake", "current_value", "potential",
        "share_of_wallet",
    ]  # fmt: skip
    kept: ir.Table = assigned.select("customer_id", *(name for name in names if name in assigned.columns))
    return kept.mutate(near_a_line=kept.near_a_line == 1)


def findings(study: Study, table: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say for whom most is at stake, and what is done for them."""
    if isinstance(table, CannotSay):
        return [table]
    table = table[table["value_at_stake"].notna() & ~table["is_unplaced"]]
    if table.empty:
        return []
    row = table.iloc[0].to_dict()
    stake = _stake_of(study, row)
    said = sentence(
        "Most is at stake with {whom}: {stake} in margin over the next {months} months. Recommended: {treatment}",
        whom=str(row["for_whom"]),
        stake=stake or "",
        months=study.params.value.horizon_months,
        treatment=str(row["treatment"]),
    )
    return [Finding(said, stake=stake)]


def announce(study: Study, table: pd.DataFrame | CannotSay) -> ActionList | None:
    """Say in a few lines what the action table holds; nothing where there is none."""
    if isinstance(table, CannotSay):
        return None
    placed = table[~table["is_unplaced"]]
    if int(placed["n_customers"].sum()) < MIN_CUSTOMERS:
        return None  # nothing to do for anybody, or too few to advise on
    lines = [
        Line(
            str(row["treatment"]),
            str(row["for_whom"]),
            int(row["n_customers"]),
            _stake_of(study, row),
            _losing_note(study, row),
        )
        for row in placed.head(_MOST_LINES).to_dict("records")
    ]
    about = (
        _("What to do for each group of customers, the most at stake first.")
        if placed["value_at_stake"].notna().any()
        else _("What to do for each group of customers, the largest group first.")
    )
    if more := table.iloc[len(lines) :]["n_customers"].sum():
        about = together(
            about, sentence("The sheet has the other {n}, too.", n=value_text(int(more), "count"))
        )
    # Of all customers together nobody decides: what is at stake stands with each group.
    return ActionList(about, int(table["n_customers"].sum()), None, "", tuple(lines), _(_CAPTION))


def key_figures(study: Study, at: Stakes | CannotSay) -> list[Estimate | CannotSay]:
    """List what is at stake in each quadrant."""
    if isinstance(at, CannotSay):
        return [at]
    found: list[Estimate | CannotSay] = []
    for quadrant in (*QUADRANTS, NOT_PLACED):
        chosen = (at.groups["value_quadrant"] == quadrant).to_numpy()
        stake = at_stake(study, at, chosen, quadrant=quadrant) if chosen.any() else None
        found += [stake] if stake else []
    return found


# --- treatments ---------------------------------------------------------------------------------


def _treatment(study: Study, table: ir.Table) -> ir.StringColumn:
    """The words, by segment first, then by quadrant; else why there are none."""
    segments = [name for name in SEGMENTS if _by_segment(study, name)]
    quadrants = [name for name in QUADRANTS if getattr(study.params.segmentation.treatments, name)]
    reasons = {
        "no_matrix": _("Not placed: value and potential cannot be set against each other."),
        "no_value": _("Not placed: there is no current value."),
        "no_wallet": _("Not placed: the wallet is not known."),
        "no_clv": _("Not placed: residual CLV is not known."),
    }
    return ibis.cases(
        *((table.rfm_segment == name, _by_segment(study, name)) for name in segments),
        *((table.value_quadrant == name, strategy(study, name)) for name in quadrants),
        (table.rfm_segment.isin(_GONE) & table.value_quadrant.isin(_WORTH_A_TRY), _(_WIN_BACK)),
        *((table.value_quadrant == name, strategy(study, name)) for name in QUADRANTS),
        *((table.unplaced == name, words) for name, words in reasons.items()),
        else_=reasons["no_value"],
    )


def _by_segment(study: Study, segment: str) -> str | None:
    """The parameter file's treatment of an RFM segment, if it names one."""
    found: str | None = getattr(study.params.segmentation.treatments, segment, None)
    return found


def _group_sums(assigned: ir.Table) -> pd.DataFrame:
    """Customers and exact sums of money per group, in the order of the groups' names."""
    money = [name for name in _MONEY if name in assigned.columns]
    cents = {name: (assigned[name].cast("decimal(18,2)") * 100).cast("decimal(19,0)") for name in money}
    rows = assigned.select(*_GROUP, near_a_line=assigned.near_a_line.cast("int64"), **cents)
    found: pd.DataFrame = (
        rows.group_by(_GROUP)
        .aggregate(
            n_customers=rows.count(),
            n_near=rows.near_a_line.sum(),
            **{f"n_{name}": rows[name].count() for name in money},
            **{name: ibis.coalesce(rows[name].sum(), 0).cast("decimal(38,0)") for name in money},
        )
        .order_by(_GROUP)
        .execute()
    )
    return found


def _added(part: pd.DataFrame) -> dict[str, float | int | None]:
    """Sums over groups: whole numbers until the last step; missing where nobody has any."""
    found: dict[str, float | int | None] = {name: int(part[name].sum()) for name in ("n_customers", "n_near")}
    for name in ("current_value", "potential"):
        if name in part.columns:
            known = int(part[f"n_{name}"].sum())
            found[name] = int(sum(map(int, part[name]))) / 100 if known else None
    return found


def _sheet_cells(part: pd.DataFrame) -> Iterator[tuple[str, float | int | None]]:
    labels = {
        "n_customers": "Customers",
        "n_near": "of whom near a line",
        "current_value": "Current value",
        "potential": "Potential",
    }
    for name, value in _added(part).items():
        yield labels[name], value


def _limits(stake: Estimate | None) -> dict[str, float | None]:
    if stake is None:
        return {"value_at_stake": None, "stake_low": None, "stake_high": None}
    return {"value_at_stake": stake.value, "stake_low": stake.low, "stake_high": stake.high}


def _stake_of(study: Study, row: Mapping[Any, Any]) -> Estimate | None:
    """What is at stake with a row of the action table, where it is known."""
    if pd.isna(row["value_at_stake"]):
        return None
    numbers = (float(row["value_at_stake"]), study.currency, int(row["n_customers"]))
    return Estimate("value_at_stake", *numbers, float(row["stake_low"]), float(row["stake_high"]))


def _is_served(study: Study) -> bool:
    serving = study.params.value.cost_to_serve
    return bool(serving.order or serving.refund or serving.ticket)


def _losing_note(study: Study, row: Mapping[Any, Any]) -> str:
    """Say of customers who cost money what they have cost, and that what is expected of them is no gain."""
    stake = _stake_of(study, row)
    if not row["is_losing"] or stake is None or _value_unit(study) == "count":
        return ""
    words = (
        "So far, discounted to their first day, they have cost {lost} more than they brought. In the next {months} "
        "months {stake} of margin is expected of them, before what serving them costs: that is no gain, but what goes "
        "with them if they are let go."
        if _is_served(study)
        else "So far, discounted to their first day, they have cost {lost} more than they brought. In the next "
        "{months} months {stake} of margin is expected of them: that is no gain, but what goes with them if they are "
        "let go."
    )
    lost = Estimate("lost_so_far", -float(row["current_value"]), study.currency)
    return sentence(words, lost=lost, stake=replace(stake, n=None), months=study.params.value.horizon_months)


def _whom(study: Study, part: pd.DataFrame) -> str:
    """Name those who have a treatment: the segments where these decide, else the quadrants."""
    by_segment = part["rfm_segment"].map(lambda name: bool(_by_segment(study, str(name))))
    by_segment |= part["treatment"] == _(_WIN_BACK)
    names = part["rfm_segment"].where(by_segment, part["value_quadrant"])
    sizes = part.groupby(names)["n_customers"].sum()
    ranked = sorted(sizes.index, key=lambda name: (-int(sizes[name]), str(name)))
    whom = [_group_name(study, part, str(name)) for name in ranked[:_MOST_NAMED]]
    if len(ranked) > _MOST_NAMED:
        whom.append(sentence("{n} others", n=value_text(len(ranked) - _MOST_NAMED, "count")))
    return listed(whom)


def _group_name(study: Study, part: pd.DataFrame, name: str) -> str:
    """A quadrant whose customers have another treatment where they have stopped holds those who still buy."""
    own = getattr(study.params.segmentation.treatments, name, None)
    is_split = name in _WORTH_A_TRY and not own and part["rfm_segment"].isin(SEGMENTS).any()
    return sentence("{group} who still buy", group=named(name)) if is_split else named(name)


def _value_unit(study: Study) -> str:
    asked = study.params.segmentation
    is_own = asked.value_measure not in ("revenue", "margin", "n_orders")
    return "count" if is_own and asked.value_unit == "count" else study.currency
