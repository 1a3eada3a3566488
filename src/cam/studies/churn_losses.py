"""Study 05, who can be kept: the chance that a customer is still there, would leave, and is not only pausing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, value_text
from cam.language import translate as _
from cam.measures.churn.profit import share_for_good
from cam.measures.lifecycle.survival import kaplan_meier
from cam.reduce.durations import duration_cells, snapshot_durations
from cam.reduce.retention_list import mean_losses, with_losses, with_odds
from cam.reduce.scores import distinct_values
from cam.studies.study import Study

if TYPE_CHECKING:
    from cam.studies.churn_experiment import Tested
    from cam.studies.churn_models import Models

__all__ = ["can_be_kept", "harm", "lost_text", "month_risk", "odds_to_mean", "open_text"]

_DAYS_PER_MONTH = 30.4375


def can_be_kept(
    study: Study, models: Models, back: Estimate | CannotSay, scored: ir.Table, worth: ir.Table
) -> ir.Table | CannotSay:
    """Add ``p_lost`` to the scores: still there, would leave, and can still be kept; ``loss_basis`` says of what.

    Silence hides those who have left already, whom ``p_alive`` of *worth* takes out, and those who only pause, whom
    the share that came back takes out. A contract's end is an end. A snapshot's probability is that of having left so
    far: its order is kept, and its mean is set to the risk of the horizon ahead, by tenure.
    """
    if models.rows.basis == "snapshot":
        return _of_snapshot(study, scored)
    if models.rows.basis == "contract":
        return with_losses(scored, worth.drop("p_alive") if "p_alive" in worth.columns else worth).mutate(
            loss_basis=ibis.literal("contract")
        )
    rate = back.value if isinstance(back, Estimate) else 0.0
    plain = study.engine.create_table("churn_still_there", with_losses(scored, worth), overwrite=True)
    means = mean_losses(plain, worth).execute().iloc[0]
    share = 1.0
    if int(means["n"]):
        share = share_for_good(silent=float(means["p_churn"]), still_there=float(means["p_lost"]), back=rate)
    basis = "purchases" if isinstance(back, Estimate) else "purchases, return unknown"
    if "p_alive" not in worth.columns:
        basis = "purchases, gone unknown"
    return with_losses(scored, worth, share=share).mutate(loss_basis=ibis.literal(basis))


def month_risk(curve: pd.DataFrame, tenures: pd.DataFrame, *, months: float) -> float:
    """Average over today's customers the chance to leave within the months ahead, by how long they have stayed.

    Where the curve ends before the months ahead do, the last stretch of it that is as long stands in.
    """
    times, survival = curve["time"].to_numpy(float), curve["survival"].to_numpy(float)
    start = np.minimum(tenures["duration"].to_numpy(float), max(times[-1] - months, 0.0))

    def at(time: np.ndarray) -> np.ndarray:
        found: np.ndarray = survival[np.maximum(np.searchsorted(times, time, side="right") - 1, 0)]
        return found

    now, later = at(start), at(start + months)
    risk = 1 - np.divide(later, now, out=np.zeros(start.size), where=now > 0)
    return float(np.average(risk, weights=tenures["n_customers"].to_numpy(float)))


def odds_to_mean(p: np.ndarray, *, mean: float, n: np.ndarray | None = None) -> float:
    """Return the factor of all odds at which the probabilities, of *n* customers each, have that mean."""
    from scipy.optimize import brentq  # here, because it makes every start slower

    inside = np.clip(p, 1e-9, 1 - 1e-9)

    def off(log_odds: float) -> float:
        factor = np.exp(log_odds)
        return float(np.average(inside * factor / (1 - inside + inside * factor), weights=n) - mean)

    return float(np.exp(brentq(off, -60.0, 60.0)))


def lost_text(study: Study, basis: str, *, p_churn: float, p_lost: float) -> str:
    """How many of those at risk can be kept at all, of today's ranked customers."""
    churn, lost = value_text(p_churn, "share"), value_text(p_lost, "share")
    if basis == "contract":
        return sentence("Of the ranked customers {lost} are expected to leave in the horizon.", lost=lost)
    if basis == "snapshot":
        return sentence(
            "The model tells who has left so far: {churn} on average of these customers. To say how many leave in the "
            "next {days} days, all are moved by the same factor of their odds to a mean of {lost}: what Kaplan-Meier "
            "of the tenures expects. That takes the snapshot to hold all who ever left.",
            churn=churn,
            days=study.params.churn.horizon_days,
            lost=lost,
        )
    return sentence(
        "Of the ranked customers {churn} are expected to fall silent. The list counts {lost}: without those who are "
        "likely gone already, and those who pause and come back.",
        churn=churn,
        lost=lost,
    )


def open_text(basis: str) -> list[str]:
    """What the chance to be kept does not take into account."""
    if basis == "purchases, return unknown":
        return [
            _(
                "How many who fall silent come back cannot be said; the list counts none, so it earns less than it "
                "says."
            )
        ]
    if basis == "purchases, gone unknown":
        return [
            _(
                "How many of the silent are gone already cannot be said without a model of repeat buying; the list "
                "counts none, so it earns less than it says."
            )
        ]
    return []


def harm(study: Study, trial: Tested | CannotSay) -> CannotSay | None:
    """Where a finished test shows that the offer drives customers away, nobody is to be called with it."""
    if isinstance(trial, CannotSay) or study.params.churn.test.outcome is None:
        return None
    shown = {name: one.effect for name, one in trial.fit.arms.items() if trial.fit.is_shown(name)}
    # Effects are read as more leaving, whichever outcome is counted.
    worse = [effect for effect in shown.values() if effect.value > 0]
    if not worse or len(worse) < len(shown):
        return None
    return CannotSay(
        sentence(
            "There is no retention list: in the finished test more customers left with the offer, {effect} points.",
            effect=worse[0],
        ),
        _("Find another offer, and test it before any list."),
    )


def _of_snapshot(study: Study, scored: ir.Table) -> ir.Table | CannotSay:
    """Without dates the risk ahead comes from how long customers have stayed."""
    reason = _(
        "Whom to call cannot be said: the model of a snapshot tells who has left so far, and without tenures nothing "
        "is known of who leaves next."
    )
    if study.lacks_column("snapshot", "tenure_months"):
        return CannotSay(
            reason,
            _(
                "Add tenure_months to the snapshot: completed months as a customer, of those who left until then."
            ),
        )
    table = study.tables["snapshot"]
    cells = duration_cells(snapshot_durations(table)).execute()
    try:
        curve = kaplan_meier(cells)
    except ValueError:
        return CannotSay(reason, _("Add tenure_months of more customers."))
    today = cells[~cells["event_observed"].astype(bool)]
    if today.empty or not cells["event_observed"].any():
        return CannotSay(reason, _("Add tenure_months of more customers."))
    months = study.params.churn.horizon_days / _DAYS_PER_MONTH
    mean = min(max(month_risk(curve, today, months=months), 1e-6), 1 - 1e-6)
    # A millionth of a probability moves no mean; without it everybody may have one of their own.
    risk = distinct_values(scored.mutate(p_churn=scored.p_churn.round(6)), "p_churn").execute()
    odds = odds_to_mean(risk["value"].to_numpy(float), mean=mean, n=risk["n_customers"].to_numpy(float))
    return with_odds(scored, odds=odds).mutate(loss_basis=ibis.literal("snapshot"))
