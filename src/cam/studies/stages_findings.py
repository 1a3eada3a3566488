"""Study 02, stages: what a reader should know and do, and the key figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, value_text
from cam.language import translate as _
from cam.measures.lifecycle.stages import FEWEST, STAGES, StageRules, share_change
from cam.show.words import stage_text
from cam.studies.stages import YEAR, Months, can_compare, limits, months_ahead
from cam.studies.study import Study

_AT_RISK, _DORMANT, _LOST = (STAGES.index(name) for name in ("at_risk", "dormant", "lost"))


def findings(
    study: Study,
    seen: Months | CannotSay,
    codes: np.ndarray | CannotSay,
    fit: StageRules | CannotSay,
    cost: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say how many customers are slipping, against a year ago, and which move goes with the greatest loss."""
    unsaid = [one for one in (seen, fit, codes) if isinstance(one, CannotSay)]
    if unsaid or isinstance(seen, CannotSay) or isinstance(fit, CannotSay) or isinstance(codes, CannotSay):
        return [*unsaid[:1]]
    dearest = cost if isinstance(cost, CannotSay) else _dearest(study, seen, cost)
    return [_slipping(study, seen, codes, fit), dearest]


def key_figures(
    study: Study,
    fit: StageRules | CannotSay,
    table: pd.DataFrame | CannotSay,
    moved: pd.DataFrame | CannotSay,
    stay: pd.DataFrame | CannotSay,
) -> list[Estimate | CannotSay]:
    """List the limits, the customers and share of each stage, the rates of the usual moves, and the median stays."""
    if isinstance(fit, CannotSay) or isinstance(table, CannotSay):
        return [next(one for one in (fit, table) if isinstance(one, CannotSay))]
    figures: list[Estimate | CannotSay] = [
        Estimate(f"{name}_months", limit, "months") for name, limit in limits(fit).items()
    ]
    for row in table.to_dict("records"):
        segment = {"stage": str(row["stage"])}
        n = int(row["n_acquired"])
        figures.append(Estimate("stage_customers", int(row["n_customers"]), "count", n, segment=segment))
        figures.append(Estimate("stage_share", row["share"], "share", n, row["low"], row["high"], segment))
    if isinstance(moved, CannotSay):
        return [*figures, moved]
    usual = moved[(moved["from"] != moved["to"]) & (moved["n_moved"] > 0) & moved["low"].notna()]
    figures += [
        Estimate(
            "transition_rate",
            row["rate"],
            "share",
            int(row["n_from"]),
            row["low"],
            row["high"],
            {"from": str(row["from"]), "to": str(row["to"])},
        )
        for row in usual.to_dict("records")
    ]
    if not isinstance(stay, CannotSay):
        figures += [
            Estimate(
                "stage_months_median",
                row["median"],
                "months",
                int(row["n_spells"]),
                row["low"],
                row["high"],
                {"stage": str(row["stage"])},
            )
            for row in stay.dropna(subset=["median", "low", "high"]).to_dict("records")
        ]
    return figures


def _slipping(study: Study, seen: Months, codes: np.ndarray, fit: StageRules) -> str | CannotSay:
    """How many of those who are not lost are at risk or dormant, now and a year ago."""
    living = tuple(code for code in range(len(STAGES)) if code != _LOST)
    if int(seen.n_customers[np.isin(codes[:, -1], living)].sum()) < FEWEST:
        return CannotSay(
            sentence("Fewer than {n} customers are not lost: too few to say who is slipping.", n=FEWEST)
        )
    back = YEAR if can_compare(seen, fit) else 0
    now, before, change = share_change(
        codes, seen.n_customers, codes_in=(_AT_RISK, _DORMANT), back=back, of=living
    )
    silences = {"risk": fit.at_risk_months, "lost": fit.lost_months}
    if before is None or change is None:
        return sentence(
            "Of the customers who are not lost, {now} have bought nothing for {risk} months or more. The history is "
            "too short to hold this against a year ago: write to them first, and compare in the next report.",
            now=now,
            **silences,
        )
    if change.low is not None and change.low > 0:
        words = (
            "Of the customers who are not lost, {now} have bought nothing for {risk} months or more, {before.short} a "
            "year before: {change} percentage points more, beyond chance. Reach them before the {lost} months after "
            "which hardly anybody comes back."
        )
    elif change.high is not None and change.high < 0:
        words = (
            "Of the customers who are not lost, {now} have bought nothing for {risk} months or more, {before.short} a "
            "year before: {change} percentage points, fewer beyond chance. What is done works or the customers are "
            "newer: see which before you change it."
        )
    else:
        words = (
            "Of the customers who are not lost, {now} have bought nothing for {risk} months or more, {before.short} a "
            "year before: {change} percentage points, within chance. Reach them before the {lost} months after which "
            "hardly anybody comes back."
        )
    # Both shares are printed to a tenth of a percent, and the change is what a reader makes of them.
    shown = round(100 * (round(now.value, 3) - round(before.value, 3)), 1)
    return sentence(words, now=now, before=before, change=replace(change, value=shown), **silences)


def _dearest(study: Study, seen: Months, cost: pd.DataFrame) -> str | CannotSay:
    sure = cost[cost["high"] < 0]
    if sure.empty:
        return CannotSay(_("No move between stages goes with a loss of revenue ahead that is beyond chance."))
    row = sure.iloc[0]
    loss = Estimate("move_cost", -row["total"], study.currency, None, low=-row["high"], high=-row["low"])
    return sentence(
        "The dearest move is from {before} to {after}: {n} customers a month, and the revenue of the {months} months "
        "after is {loss} lower for them together than for as many who stay where they were. Put reminders and offers "
        "there first, and test them on a part: not all of the difference can be won back.",
        before=stage_text(str(row["from"])),
        after=stage_text(str(row["to"])),
        n=value_text(float(row["per_month"]), "count"),
        months=months_ahead(seen),
        loss=loss,
    )
