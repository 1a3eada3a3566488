"""Study 05: how large the next test of the offer must be, and what one with today's customers could find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import sentence, together, value_text
from cam.language import translate as _
from cam.measures.churn.experiment import detectable_effect, sample_size
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn import Rates
from cam.studies.churn_experiment import N_BINS, Tested
from cam.studies.study import Study, needs

if TYPE_CHECKING:
    from cam.studies.churn_models import Models

#: Whom a test may be made with, in words; the names stand in key figures.
_WHOM = {
    "all_customers": "all customers",
    "last_control": "all, leaving as in the last test",
    "most_at_risk": "the fifth most at risk",
}
#: Save rates to plan for, as multiples of the assumed one.
_TIMES = (0.5, 1.0, 1.5)
#: Nobody plans for an offer that keeps more.
_MOST_SAVED = 0.9


def size_next(
    study: Study, rates: Rates, models: Models | CannotSay, tested: Tested | CannotSay
) -> pd.DataFrame | CannotSay:
    """Work out the customers that a test of the offer needs, for several effects, among all and those most at risk.

    Columns: *whom* (``all_customers``, ``last_control`` or ``most_at_risk``), *n_there*; *rate, rate_low, rate_high,
    n_rate* (who leaves without the offer); *save_rate, rate_offer*; *n_needed, low, high* (at the limits of the rate)
    and *findable*: the least save rate (0-1) that a test of all who are there would find, or missing.
    """
    found = _groups(study, rates, models, tested)
    if isinstance(found, CannotSay):
        return found
    power = study.params.churn.test.power
    rows = []
    for whom, rate, n_there in found:
        fall = detectable_effect(rate.value, n=n_there, power=power) if n_there >= 2 else None
        for save in _save_rates(study, tested):
            # The rarer leaving is, the more customers it takes.
            limits = [
                sample_size(level * (1 - save), other=level, power=power)
                for level in (rate.high, rate.value, rate.low)
                if level
            ]
            rows.append(
                {
                    "whom": whom,
                    "n_there": n_there,
                    "n_rate": rate.n,
                    "rate": rate.value,
                    "rate_low": rate.low,
                    "rate_high": rate.high,
                    "save_rate": save,
                    "rate_offer": rate.value * (1 - save),
                    "n_needed": limits[1],
                    "low": limits[0],
                    "high": limits[-1],
                    "findable": fall / rate.value if fall is not None else None,
                }
            )
    return pd.DataFrame(rows)


@needs()
def show_sizes(study: Study, sizes: pd.DataFrame) -> ShownTable | CannotSay:
    """Show how many customers a test takes, the assumed save rate among others."""
    columns = [
        Col("whom", "Whom"),
        Col("n_there", "There are", "count"),
        Col("rate", "leave without the offer", "share", "rate_low", "rate_high"),
        Col("save_rate", "The offer keeps, of these", "share"),
        Col("rate_offer", "leave with it", "share"),
        Col("n_needed", "Test needs, both arms", "count", "low", "high"),
        Col("findable", "Least that all could show", "share", may_be_empty=True),
    ]
    note = sentence(
        "Half get the offer. Chance to find the effect if it is there: {power} (churn.test.power). Range: by the "
        "limits of the share that leaves.",
        power=value_text(study.params.churn.test.power, "share"),
    )
    told = sizes.assign(whom=sizes["whom"].map(_WHOM))
    return show_table(
        told,
        columns,
        caption="How many customers a test takes",
        note=together(note, _duration(study, sizes)),
    )


def findings(study: Study, sizes: pd.DataFrame | CannotSay) -> list[str | CannotSay]:
    """Say what a test would add to a list by risk, and how large it must be."""
    if isinstance(sizes, CannotSay):
        return [sizes]
    row = _assumed(study, sizes)
    needed, there = int(row["n_needed"]), int(row["n_there"])
    words = (
        "Who may leave is not whom an offer keeps: those at the highest risk may have made up their minds "
        "(Ascarza 2018). To see whether it keeps {save} of them, give it by chance to half of {needed} customers and "
        "leave the others alone. {duration}"
        if needed <= there
        else "Who may leave is not whom an offer keeps: those at the highest risk may have made up their "
        "minds (Ascarza 2018). To see whether it keeps {save} of them takes {needed} customers, and there are {there}: "
        "test a stronger offer, or several groups one after the other. {duration}"
    )
    said = sentence(
        words,
        save=value_text(float(row["save_rate"]), "share"),
        needed=_needed(row),
        there=there,
        duration=_duration(study, sizes),
    )
    return [said.strip()]


def key_figures(study: Study, sizes: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List the size of the test for the assumed save rate, by whom it is made with."""
    if isinstance(sizes, CannotSay):
        return []
    found: list[Estimate | CannotSay] = []
    for whom in dict.fromkeys(sizes["whom"]):
        row = _assumed(study, sizes[sizes["whom"] == whom])
        found.append(_needed(row, whom=str(whom)))
    return found


def _groups(
    study: Study, rates: Rates, models: Models | CannotSay, tested: Tested | CannotSay
) -> list[tuple[str, Estimate, int]] | CannotSay:
    """Who may be tested: their name, the share that leaves without the offer, and how many there are today."""
    lead = next(((basis, rate) for basis, rate in rates.items() if isinstance(rate, Estimate)), None)
    if lead is None:
        return next(rate for rate in rates.values() if isinstance(rate, CannotSay))
    basis, rate = lead
    if basis == "snapshot":
        people = study.tables["snapshot"]
        there = int(people.filter(~people.churned).count().execute())
    elif isinstance(models, CannotSay):
        there = rate.n or 0
    else:
        there = int(models.rows.current.count().execute())
    if isinstance(tested, Tested) and study.params.churn.test.outcome:
        control = next(iter(tested.fit.arms.values())).control
        found = [("last_control", control, there)]
    else:
        found = [("all_customers", rate, there)]
    # A snapshot's leavers are of the whole time that it covers: among those most at risk nearly all.
    if basis != "snapshot" and not isinstance(models, CannotSay):
        ranked = models.tested.sort_values(["p_churn", "customer_id"], ascending=[False, True])
        top = ranked.head(-(-len(ranked) // N_BINS))
        left = proportion("churn_rate", int(top["churned"].sum()), len(top))
        found.append(("most_at_risk", left, there // N_BINS))
    leaving = [one for one in found if one[1].value > 0]
    if not leaving:
        return CannotSay(_("How large a test must be cannot be said: nobody left."))
    return leaving


def _save_rates(study: Study, tested: Tested | CannotSay) -> list[float]:
    assumed = study.params.churn.offer.save_rate
    levels = {round(min(assumed * times, max(_MOST_SAVED, assumed)), 4) for times in _TIMES}
    if isinstance(tested, Tested):
        levels |= {
            round(one.value, 4)
            for one in tested.saved.values()
            if isinstance(one, Estimate) and 0.01 <= one.value < 1
        }
    return sorted(levels | {assumed})


def _assumed(study: Study, sizes: pd.DataFrame) -> pd.Series:
    """The row of the assumed save rate, of the first group."""
    return sizes[sizes["save_rate"] == study.params.churn.offer.save_rate].iloc[0]


def _needed(row: pd.Series, **segment: str) -> Estimate:
    low, high = float(row["low"]), float(row["high"])
    return Estimate("test_customers", float(row["n_needed"]), "count", int(row["n_rate"]), low, high, segment)


def _duration(study: Study, sizes: pd.DataFrame) -> str:
    """How long a test takes."""
    if "snapshot" in study.tables and not {"transactions", "contracts"} & set(study.tables):
        return (
            _("It takes as long as the last test.")
            if "last_control" in set(sizes["whom"])
            else _(
                "A snapshot has no dates: it must run as long as those in the snapshot took to leave, or it needs "
                "more customers than this."
            )
        )
    churn = study.params.churn
    return sentence(
        "It takes {days} days from the first call to the answer (churn.gap_days and churn.horizon_days).",
        days=churn.gap_days + churn.horizon_days,
    )
