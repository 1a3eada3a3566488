"""Study 03 on the demo client: the truth that it was simulated from, beside what the study found."""

from __future__ import annotations

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import named, sentence, value_text
from cam.language import translate as _
from cam.project import cache_folder
from cam.samples import sample_path
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.spend import limits_text
from cam.studies.study import Study

#: Weeks over which the truth looks ahead.
_WEEKS = 52.0


def show_truth(
    study: Study,
    totals: list[Estimate | CannotSay] | CannotSay,
    channels: pd.DataFrame | CannotSay,
) -> ShownTable | CannotSay | None:
    """Show the truth beside the estimates; nothing for a client whose truth nobody knows."""
    source = study.params.data.transactions
    if source is None or source.paths != ["sample:demo/transactions.csv"]:
        return None
    customers, by_channel = (
        pd.read_csv(sample_path(f"sample:demo/truth/{name}.csv", cache=cache_folder() / "samples"))
        for name in ("customers", "channels")
    )
    scale = study.params.value.horizon_months * 30.4375 / 7 / _WEEKS
    true = {
        "active_customers": float(customers["is_alive"].sum()),
        "expected_purchases": float(customers["expected_purchases_52w"].sum())
        * scale
        / _orders_per_day(study),
        "residual_clv_total": float(customers["expected_residual_margin_52w"].sum()) * scale,
    }
    rows = []
    if not isinstance(totals, CannotSay):
        rows += [
            (named(each.figure), value_text(true[each.figure], each.unit), each)
            for each in totals
            if isinstance(each, Estimate) and not each.segment and each.figure in true
        ]
    if not isinstance(channels, CannotSay):
        costs = by_channel.set_index("channel")["expected_cac"]
        rows += [
            (
                sentence("{name}: {value}", name=named("cac"), value=_(str(row["channel"]))),
                value_text(float(costs[row["channel"]]), study.currency),
                Estimate("cac", row["cac"], study.currency, None, row["low"], row["high"]),
            )
            for row in channels[channels["cac"].notna()].to_dict("records")
            if row["channel"] in costs.index
        ]
    if not rows:
        return None
    table = pd.DataFrame(
        [
            {
                "figure": label,
                "truth": truth,
                "found": value_text(each.value, each.unit),
                "range": limits_text(each),
            }
            for label, truth, each in rows
        ]
    )
    columns = [
        Col("figure", "figure"),
        Col("truth", "Truth"),
        Col("found", "Found"),
        Col("range", "95 % interval"),
    ]
    notes = [
        _(
            "The truth counts orders; they are turned into days with a purchase, as the study counts them, at the "
            "rate so far. Of money it counts the expected margin at each customer's true rates."
        )
    ]
    return show_table(table, columns, caption="The simulated truth, and what was found", notes=notes)


def _orders_per_day(study: Study) -> float:
    summary = study.summary(study.as_of)
    row = (
        summary.aggregate(orders=summary.n_orders.sum(), days=(summary.frequency + 1).sum()).execute().iloc[0]
    )
    return float(row["orders"]) / float(row["days"])
