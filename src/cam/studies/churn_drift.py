"""Study 05, today's customers beside those of the test: does what was learnt still hold?"""

from __future__ import annotations

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, proportion
from cam.language import listed, sentence, value_text
from cam.language import translate as _
from cam.measures.churn.columns import as_levels, as_numbers
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn_models import Models
from cam.studies.churn_quality import tested_on
from cam.studies.churn_rows import feature_name
from cam.studies.study import Study, needs

#: Points by which more of today's customers than of the training rows may lie outside the range of a feature.
_DRIFT = 0.05
#: A mean risk so far beyond all churn rates seen, as a share of them, is a new one.
_NEAR_MEAN = 0.1


@needs()
def show_today(study: Study, models: Models, scored: ir.Table) -> ShownTable | CannotSay:
    """Set today's customers beside those of the test: the mean risk, and features out of the range learnt from."""
    evaluation = models.evaluations["p_churn"]
    seen = scored.aggregate(n=scored.count(), p=scored.p_churn.sum()).execute()
    n, mean = int(seen["n"].iloc[0]), float(seen["p"].iloc[0]) / int(seen["n"].iloc[0])
    rate = proportion("churn_rate", evaluation.n_churned, evaluation.n)
    rows = [
        {
            "who": sentence("tested: {how}", how=tested_on(study, models)),
            "n": evaluation.n,
            "p": float(models.tested["p_churn"].mean()),
            "rate": rate.value,
            "low": rate.low,
            "high": rate.high,
        },
        {"who": _("today"), "n": n, "p": mean, "rate": np.nan, "low": np.nan, "high": np.nan},
    ]
    columns = [
        Col("who", "Customers"),
        Col("n", "n", "count"),
        Col("p", "Predicted to leave, mean", "share"),
        Col("rate", "Churn rate", "share", "low", "high", may_be_empty=True),
    ]
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="Do today's customers look like those of the test?",
        notes=[_mean_said(models, mean), _range_said(study, models, n)],
    )


def _mean_said(models: Models, mean: float) -> str:
    """Say whether today's mean risk is one that was ever seen."""
    table = models.rows.table
    rates = (
        table.groupby("cut_off")["churned"].mean()
        if models.rows.cut_offs
        else pd.Series([table["churned"].mean()])
    )
    low, high = float(rates.min()), float(rates.max())
    is_inside = (1 - _NEAR_MEAN) * low <= mean <= (1 + _NEAR_MEAN) * high
    words = (
        "Today's mean risk is one that was seen before: at the cut-offs {low} to {high} left."
        if is_inside
        else "Today's mean risk is not one that was seen before: at the cut-offs {low} to {high} left. Today's "
        "customers are another mix; look at who they are before the sums are believed."
    )
    if not models.rows.cut_offs:
        words = (
            "In the snapshot {low} have left. Those who are still there are fewer risks: it is natural that their "
            "mean is another one."
        )
    return sentence(words, low=value_text(low, "share"), high=value_text(high, "share"))


def _range_said(study: Study, models: Models, n: int) -> str:
    """Name the features of which more of today's customers than was usual lie outside what the model learnt from."""
    columns, today, rows = models.final.columns, models.rows.current, models.rows.table
    outside, usual = {}, {}
    for name in columns.numeric:
        low, high = (float(columns.limits.loc[name, side]) for side in ("low", "high"))
        value, known = today[name].cast("float64"), as_numbers(rows[name])
        outside[name] = ((value < low) | (value > high)).fill_null(False).ifelse(1, 0).sum()
        usual[name] = float(((known < low) | (known > high)).mean())
    for name, levels in columns.levels.items():
        text, learnt = today[name].cast("string"), as_levels(rows[name])
        is_new = text.notnull() & text.notin(list(levels)) if levels else text.notnull()
        outside[name] = is_new.fill_null(False).ifelse(1, 0).sum()
        usual[name] = float((learnt.notna() & ~learnt.isin(levels)).mean())
    counted = today.aggregate(**{name: ibis.coalesce(count, 0) for name, count in outside.items()}).execute()
    shares = {name: int(counted[name].iloc[0]) / n for name in outside}
    moved = sorted(
        (name for name in shares if shares[name] > usual[name] + _DRIFT), key=lambda one: -shares[one]
    )
    if not moved:
        return sentence(
            "Today's features lie in the range that the model learnt from: of no feature more than {points} of the "
            "customers beyond what is usual lie outside.",
            points=value_text(_DRIFT, "share"),
        )
    return sentence(
        "Out of the range that the model learnt from: {features}. There it guesses; fit it again when newer answers "
        "are known.",
        features=listed(
            sentence(
                "{feature} ({share})",
                feature=feature_name(study, name),
                share=value_text(shares[name], "share"),
            )
            for name in moved[:5]
        ),
    )
