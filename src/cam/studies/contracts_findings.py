"""What :mod:`cam.studies.contracts_value` leaves behind: parameters, findings and key figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import sentence, value_text
from cam.language import translate as _
from cam.measures.value.life_table import renewals_due
from cam.measures.value.newton import profile_interval
from cam.measures.value.renewals import RenewalFits, retention_ahead, survival_curve
from cam.studies.study import Study


def findings(
    study: Study,
    fits: RenewalFits | CannotSay | None,
    base: pd.DataFrame | CannotSay | None,
    worth: list[Estimate] | CannotSay | None,
    naive: pd.DataFrame | CannotSay | None,
    held: pd.DataFrame | CannotSay | None,
) -> list[str | CannotSay]:
    """Say what the client should know and do about the contracts; nothing where there are none."""
    said: list[str | CannotSay] = [value for value in (fits, base, held) if isinstance(value, CannotSay)]
    if isinstance(fits, RenewalFits):
        said += _kept(fits)
    if isinstance(fits, RenewalFits) and isinstance(base, pd.DataFrame) and isinstance(worth, list):
        said += _worth(study, worth, naive)
        n_unpriced = int(base["n_contracts"].sum() - base["n_priced"].sum())
        if n_unpriced:
            said.append(
                CannotSay(
                    sentence("{n} running contracts have no fee and are not valued.", n=n_unpriced),
                    _("Fill monthly_fee at the source."),
                )
            )
    if isinstance(held, pd.DataFrame) and isinstance(fits, RenewalFits):
        said += _foretold(held, fits)
    return said


def key_figures(
    study: Study,
    table: pd.DataFrame | CannotSay | None,
    fits: RenewalFits | CannotSay | None,
    base: pd.DataFrame | CannotSay | None,
    worth: list[Estimate] | CannotSay | None,
    held: pd.DataFrame | CannotSay | None,
) -> list[Estimate | CannotSay]:
    """List the key figures of the contracts; none where there are none."""
    given = (table, fits, base, worth, held)
    figures: list[Estimate | CannotSay] = [value for value in given if isinstance(value, CannotSay)]
    if isinstance(table, pd.DataFrame) and isinstance(fits, RenewalFits):
        figures += [one for estimates in parameters(table, fits).values() for one in estimates]
        if isinstance(base, pd.DataFrame):
            figures.append(retention_ahead(fits.chosen, base))
    if isinstance(worth, list):
        figures += worth
    if isinstance(held, pd.DataFrame):
        for row in held[held["is_converged"]].to_dict("records"):
            figures.append(
                Estimate("holdout_predicted", row["predicted"], "share", segment={"model": row["model"]})
            )
        seen = held[held["is_converged"]].iloc[0]
        figures.append(
            Estimate(
                "holdout_actual",
                float(seen["observed"]),
                "share",
                int(seen["n_at_risk"]),
                float(seen["observed_low"]),
                float(seen["observed_high"]),
            )
        )
    return figures


def parameters(table: pd.DataFrame, fits: RenewalFits) -> dict[str, list[Estimate]]:
    """Return, by model that found a maximum, its parameters with profile intervals and its log-likelihood."""
    n = int(table["n_customers"].sum())
    _periods, due, left = renewals_due(table)
    rate = proportion("constant_churn", int(left.sum()), int(due.sum()))
    found = {fits.constant.model: [rate]}
    for fit in (fits.sbg, fits.bdw):
        optimum = fit.optimum
        if optimum is None or not optimum.is_converged:
            continue
        likelihood = fit.likelihood(table)
        estimates = []
        for name, value in zip(optimum.names, optimum.values, strict=True):
            low, high = profile_interval(likelihood, optimum, name)
            if low is None or high is None:
                low = high = None
            estimates.append(Estimate(f"{fit.model}_{name}", float(value), "ratio", n, low, high))
        estimates.append(Estimate(f"{fit.model}_log_likelihood", optimum.log_likelihood, "ratio", n))
        found[fit.model] = estimates
    return found


def why_chosen(fits: RenewalFits) -> str:
    """Say which model is used, and why."""
    found_bdw = fits.bdw.optimum is not None and fits.bdw.optimum.is_converged
    if fits.chosen is fits.constant:
        return _(
            "One churn rate for all is used: retention does not rise with age, so the sBG found no difference between "
            "contracts."
        )
    p = value_text(fits.p, "ratio") if fits.p >= 0.01 else _("below 0.01")
    if not found_bdw:
        return _("The sBG is used; the beta-discrete-Weibull found no maximum in these data.")
    if fits.chosen is fits.bdw:
        return sentence(
            "The beta-discrete-Weibull is used: it fits better than the sBG, which it contains, by more than chance "
            "(likelihood-ratio test, p = {p}).",
            p=p,
        )
    return sentence(
        "The sBG is used: the beta-discrete-Weibull, which contains it, does not fit better by more than chance "
        "(likelihood-ratio test, p = {p}).",
        p=p,
    )


# --- findings -----------------------------------------------------------------------------------


def _kept(fits: RenewalFits) -> list[str | CannotSay]:
    """Say how retention changes with age, where it does by more than the intervals leave open."""
    curve = survival_curve(fits.chosen, n_periods=13)
    n = fits.chosen.optimum.n if fits.chosen.optimum else 0
    first, later = (
        Estimate("retention_rate", row["retention_rate"], "share", n, row["low"], row["high"])
        for row in (curve.iloc[0], curve.iloc[12])
    )
    if (first.high or 1.0) < (later.low or 0.0):
        return [
            sentence(
                "A new contract is renewed after its first month with {first}, one that is a year old with {later}. "
                "Spend on keeping customers goes furthest in the first months.",
                first=first,
                later=later,
            )
        ]
    if (later.high or 1.0) < (first.low or 0.0):
        return [
            sentence(
                "Contracts are renewed the less the older they are: {first} after the first month, {later} after a "
                "year. Find out what changes for old customers.",
                first=first,
                later=later,
            )
        ]
    return []


def _worth(
    study: Study, worth: Sequence[Estimate], naive: pd.DataFrame | CannotSay | None
) -> list[str | CannotSay]:
    said: list[str | CannotSay] = [
        sentence(
            "The running contracts will bring {total} of discounted margin over the next {months} months, if {rate} of "
            "the fees is margin, as assumed.",
            total=worth[0],
            months=study.params.value.horizon_months,
            rate=value_text(study.params.value.margin_rate or 0.0, "share"),
        )
    ]
    if len(worth) > 1 and isinstance(naive, pd.DataFrame):
        quick = float(naive["value"].iloc[0])
        low, high = worth[1].low or 0.0, worth[1].high or 0.0
        words = (
            "For ever it is {total}. Margin over the average churn rate would say {quick}: too much, as it does not "
            "discount. Do not use it."
            if quick > high
            else "For ever it is {total}. Margin over the average churn rate would say {quick}: too little, as those "
            "who are still here are the steady ones. Do not use it."
            if quick < low
            else "For ever it is {total}. Margin over the average churn rate happens to come near, at {quick}: its two "
            "errors, no discount and one churn for all, offset each other here. Do not rely on it."
        )
        said.append(sentence(words, total=worth[1], quick=value_text(quick, study.currency)))
    return said


def _foretold(held: pd.DataFrame, fits: RenewalFits) -> list[str | CannotSay]:
    by = held[held["is_converged"]].set_index("model")
    chosen, baseline = fits.chosen.model, "constant_churn"
    if chosen == baseline or chosen not in by.index:
        return []
    one, other = float(by.loc[chosen, "rmse"]), float(by.loc[baseline, "rmse"])
    words = (
        "Shown only the first {n} months of each contract, the model missed the later survival by {one} percentage "
        "points; one churn rate for all missed it by {other}."
        if one < other
        else "Shown only the first {n} months of each contract, the model missed the later survival by {one} "
        "percentage points, and one churn rate for all by only {other}: here the model has not shown its use."
    )
    return [
        sentence(
            words,
            n=int(held["n_seen"].iloc[0]),
            one=value_text(100 * one, "points"),
            other=value_text(100 * other, "points"),
        )
    ]
