"""Study 05: would a call keep them? What a finished test says.

Risk is not persuadability: the model finds those who will leave. Whom an offer keeps, only chance can tell, by deciding
who gets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, proportion
from cam.language import listed, sentence, together
from cam.language import translate as _
from cam.measures.churn.arms import ArmsFit, compare_arms, save_rate, score_balance
from cam.measures.churn.experiment import (
    MISMATCH_P,
    SampleRatioFit,
    UpliftFit,
    sample_ratio,
    uplift_by_risk,
)
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs, silent

if TYPE_CHECKING:
    from cam.studies.churn_models import Models

#: What an arm without an offer is called where the parameter file does not say.
_CONTROLS = {"control", "control group", "none", "对照", "对照组"}
#: Names and values that a message holds.
_MOST_NAMED = 8
#: Fifths of the risk: with more, too few of each leave to tell.
N_BINS = 5
#: Limits of two shares are too narrow for fewer customers.
_FEWEST_IN_ARM = 20
#: Fewer customers of a test with a score say nothing about fifths of them.
_FEWEST_SCORED = 200
#: Tables whose customers a test may hold.
_OTHERS = ("customers", "snapshot", "contracts", "transactions")


@dataclass(frozen=True, slots=True)
class Tested:
    """A finished test, as it may be read.

    Attributes
    ----------
    fit : ArmsFit
        Every arm against the control. Shares are of those who left, where churn.test.outcome says what 1 is.
    ratio : SampleRatioFit
        Sizes of the arms beside the plan.
    saved : mapping of str to Estimate or CannotSay
        Save rate by arm; empty where nobody knows what an outcome of 1 says.
    n, n_known : int
        Customers in the test, and those of them that another table of this client knows.
    """

    fit: ArmsFit
    ratio: SampleRatioFit
    saved: Mapping[str, Estimate | CannotSay]
    n: int
    n_known: int


@dataclass(frozen=True, slots=True)
class ByRisk:
    """Where on the scale of risk an arm works.

    Attributes
    ----------
    arm : str
        The arm, of several the largest.
    uplift : UpliftFit
        Effects by fifth of the risk that the model gave before the test.
    promised : float
        Mean p_churn (0-1) of the control arm.
    happened : Estimate
        Share of the same customers who left in the test.
    n : int
        Customers of the test who have a score.
    """

    arm: str
    uplift: UpliftFit
    promised: float
    happened: Estimate
    n: int


@needs("experiment")
def analyse(study: Study) -> Tested | CannotSay:
    """Compare every arm of the finished test with the control, if it may be read at all."""
    table = study.tables["experiment"]
    counted = table.group_by("arm").aggregate(n=table.count()).order_by("arm").execute()
    sizes = {str(arm): int(n) for arm, n in zip(counted["arm"], counted["n"], strict=True)}
    control = _control(study, sizes)
    refused = control if isinstance(control, CannotSay) else _refusal(study, sizes)
    if isinstance(control, CannotSay) or refused:
        return refused  # type: ignore[return-value]
    rows = _rows(study)
    planned = study.params.churn.test.planned
    ratio = sample_ratio(rows, planned=planned or None)
    if ratio.has_mismatch:
        return _mismatch(ratio, is_planned=bool(planned))
    fit = compare_arms(rows, control=control, unit=study.currency)
    saved = {name: _saved(name, fit) for name in fit.arms} if study.params.churn.test.outcome else {}
    return Tested(fit, ratio, saved, len(rows), _known(study))


@needs()
def show_test(study: Study, tested: Tested) -> ShownTable | CannotSay:
    """Show what came of each arm, beside the control."""
    control = next(iter(tested.fit.arms.values())).control
    rows = [{"arm": tested.fit.control, **_limits("rate", control), "n": control.n}]
    for name, one in tested.fit.arms.items():
        row = {
            "arm": name,
            **_limits("rate", one.treated),
            "n": one.treated.n,
            **_limits("effect", one.effect),
        }
        for column, said in (("save", tested.saved.get(name)), ("value", one.value_effect)):
            row |= _limits(column, said) if isinstance(said, Estimate) else {}
        row |= dict(zip(("low_all", "high_all"), tested.fit.limits[name], strict=True))
        rows.append(row)
    frame = pd.DataFrame(rows)
    columns = [
        Col("arm", "Arm"),
        Col("n", "Customers", "count"),
        Col("rate", _outcome_label(study), "share", "rate_low", "rate_high"),
        Col("effect", "Difference, points", "points", "effect_low", "effect_high", may_be_empty=True),
        Col("save", "Save rate", "share", "save_low", "save_high", may_be_empty=True),
        Col(
            "value", "Value per customer, more", study.currency, "value_low", "value_high", may_be_empty=True
        ),
    ]
    columns = [column for column in columns if column.name in frame.columns]
    notes = _notes(study, tested)
    return show_table(frame, columns, caption="What the test says", note=together(*notes))


def by_risk(
    study: Study, tested: Tested | CannotSay, models: Models | CannotSay
) -> ByRisk | CannotSay | None:
    """Say where on the scale of risk the offer works, if the scores are from before the test; nothing without one."""
    if "experiment" not in study.tables:
        return None
    for given in (tested, models):
        if isinstance(given, CannotSay):
            return given
    assert isinstance(tested, Tested) and not isinstance(models, CannotSay)
    if models.rows.basis != "snapshot":
        return CannotSay(
            _(
                "Whether the offer works better at high or at low risk cannot be said: the table experiment has no "
                "dates, and a score of today may know what the offer did."
            ),
            _(
                "Before the next test begins, keep the customers.parquet of the report: its p_churn is from before."
            ),
        )
    table, people = study.tables["experiment"], study.tables["snapshot"]
    gone = int(table.semi_join(people.filter(people.churned), "customer_id").count().execute())
    if gone:
        return CannotSay(
            sentence(
                "Whether the offer works better at high or at low risk cannot be said: {n} customers of the test are "
                "marked as having left in the snapshot. It was made after the test, so a score learnt from it knows "
                "the outcome.",
                n=gone,
            ),
            _("Give a snapshot from before the test."),
        )
    arm = max(sorted(tested.fit.arms), key=lambda name: tested.fit.arms[name].treated.n or 0)
    # Scores out of fold: nobody's own row has taught the model that scored it.
    scores = models.tested[["customer_id", "p_churn"]].astype({"customer_id": "str"})
    test = _rows(study, only=scores["customer_id"]).merge(scores, on="customer_id")
    both = test[test["arm"].isin([arm, tested.fit.control])]
    if len(both) < _FEWEST_SCORED:
        return CannotSay(
            sentence(
                "Whether the offer works better at high or at low risk cannot be said: {n} customers of the test have "
                "a score, and {least} are needed.",
                n=len(both),
                least=_FEWEST_SCORED,
            )
        )
    names = {"treated": arm, "control": tested.fit.control}
    p = score_balance(both, **names)
    if p < MISMATCH_P:
        return CannotSay(
            _(
                "Whether the offer works better at high or at low risk cannot be said: the arms differ in their scores "
                "by more than chance. Either chance did not assign them, or the scores know what the offer did."
            ),
            _("Give a snapshot from before the test, and ask how the arms were made."),
        )
    try:
        uplift = uplift_by_risk(both, **names, n_bins=N_BINS)
    except ValueError:
        return CannotSay(
            _("Whether the offer works better at high or at low risk cannot be said: the arms share no risk.")
        )
    control = both[both["arm"] == tested.fit.control]
    happened = proportion("experiment_outcome", int(control["outcome"].sum()), len(control))
    return ByRisk(arm, uplift, float(np.sort(control["p_churn"]).mean()), happened, len(both))


@needs()
def effects(study: Study, tested: Tested) -> pd.DataFrame | CannotSay:
    """List the effects for the figure: *arm, effect, low, high, n_treated, n_control, control, says_left*."""
    rows = [
        {
            "arm": name,
            "effect": one.effect.value,
            "low": tested.fit.limits[name][0],
            "high": tested.fit.limits[name][1],
            "n_treated": one.treated.n,
            "n_control": one.control.n,
        }
        for name, one in tested.fit.arms.items()
    ]
    says_left = study.params.churn.test.outcome is not None
    return pd.DataFrame(rows).assign(control=tested.fit.control, says_left=says_left)


@silent
def fifths(study: Study, tested: Tested, risk: ByRisk) -> pd.DataFrame | CannotSay:
    """List the effects by risk for the figure: the bins, *arm, overall* (the effect of all) and *says_left*."""
    overall = tested.fit.arms[risk.arm].effect.value
    says_left = study.params.churn.test.outcome is not None
    return risk.uplift.bins.assign(arm=risk.arm, overall=overall, says_left=says_left)


def _control(study: Study, sizes: Mapping[str, int]) -> str | CannotSay:
    """Find the arm that got nothing, or say why it cannot be told."""
    there = sentence("Arms in the test: {arms}.", arms=listed(list(sizes)[:_MOST_NAMED]))
    given = study.params.churn.test.control
    if given:
        if given in sizes:
            return given
        words = sentence("The test cannot be read: it has no arm {arm}.", arm=given)
        return CannotSay(together(words, there), _("Set churn.test.control to the arm that got nothing."))
    found = [arm for arm in sizes if arm.strip().casefold() in _CONTROLS]
    if len(found) == 1:
        return found[0]
    words = (
        _("The test cannot be read: several arms may be the control.")
        if found
        else _("The test cannot be read: no arm is called control.")
    )
    return CannotSay(together(words, there), _("Set churn.test.control to the arm that got nothing."))


def _refusal(study: Study, sizes: Mapping[str, int]) -> CannotSay | None:
    """What is wrong with the table, before any number is made of it."""
    table, planned = study.tables["experiment"], study.params.churn.test.planned
    if len(sizes) < 2:
        return CannotSay(
            sentence(
                "The test has one arm only, {arm}: there is nothing to compare it with.",
                arm=next(iter(sizes)),
            ),
            _("Add the customers who were left alone, as an arm of their own."),
        )
    other = table.filter(~table.outcome.isin([0, 1]))
    n = int(other.count().execute())
    if n:
        return CannotSay(
            sentence(
                "The test cannot be read: {n} of its outcomes are neither 0 nor 1, such as {value}.",
                n=n,
                value=f"{float(other.outcome.cast('float64').min().execute()):g}",
            ),
            _("Give 1 to those of whom it happened and 0 to the others; amounts belong in the column value."),
        )
    small = [arm for arm, count in sizes.items() if count < _FEWEST_IN_ARM]
    if small:
        return CannotSay(
            sentence(
                "The test cannot be read: of arm {arm} there are {n} customers, and {least} are needed.",
                arm=small[0],
                n=sizes[small[0]],
                least=_FEWEST_IN_ARM,
            ),
            _("If its name is a slip, correct it in the source."),
        )
    unplanned = [arm for arm in sizes if arm not in planned]
    if planned and unplanned:
        return CannotSay(
            sentence(
                "The test cannot be read: churn.test.planned has no share for {arms}.",
                arms=listed(unplanned[:_MOST_NAMED]),
            ),
            _("Give each arm its planned share, by its name in the table."),
        )
    if len(planned) == 1:
        return CannotSay(_("churn.test.planned needs a share for each arm."))
    return None


def _rows(study: Study, *, only: pd.Series | None = None) -> pd.DataFrame:
    """Arm, outcome and value by customer; 1 is having left, where that can be told. Ids only where asked for."""
    table = study.tables["experiment"]
    columns = {"arm": table.arm, "outcome": table.outcome.cast("float64")}
    if "value" in table.columns:
        columns["value"] = table.value.cast("float64")
    if only is None:
        rows = table.select(**columns).execute()
        rows = rows.assign(customer_id=np.arange(len(rows)))
    else:
        scored = study.engine.create_table(
            "experiment_scored", pd.DataFrame({"customer_id": only}), overwrite=True
        )
        chosen = table.semi_join(scored, "customer_id")
        names = [name for name in columns if name != "value"]
        rows = chosen.select("customer_id", *names).order_by("customer_id").execute()
        rows["outcome"] = rows["outcome"].astype(float)
    if study.params.churn.test.outcome == "stayed":
        rows["outcome"] = 1 - rows["outcome"]
    if "value" in rows.columns and rows["value"].isna().all():
        rows = rows.drop(columns="value")
    return rows


def _known(study: Study) -> int:
    others = [study.tables[name].select("customer_id") for name in _OTHERS if name in study.tables]
    if not others:
        return 0
    people = ibis.union(*others, distinct=True) if len(others) > 1 else others[0].distinct()
    return int(study.tables["experiment"].semi_join(people, "customer_id").count().execute())


def _mismatch(ratio: SampleRatioFit, *, is_planned: bool) -> CannotSay:
    sizes = listed(
        sentence(
            "{arm}: {n} (planned: {expected})",
            arm=row.arm,
            n=int(row.n_customers),
            expected=round(row.expected),
        )
        for row in ratio.counts.head(_MOST_NAMED).itertuples()
    )
    return CannotSay(
        sentence(
            "The test cannot be read: its arms have other sizes than planned, {sizes}. Chance does that in fewer than "
            "one of {times} tests, so customers were lost or moved, and the arms may differ in more than the offer.",
            sizes=sizes,
            times=round(1 / MISMATCH_P),
        ),
        _("Find out who is missing from which arm.")
        if is_planned
        else _(
            "If the arms were planned to differ in size, say so in churn.test.planned; else find who is missing."
        ),
    )


def _saved(name: str, fit: ArmsFit) -> Estimate | CannotSay:
    one = fit.arms[name]
    if not one.control.value:
        return CannotSay(_("The save rate cannot be said: nobody of the control arm left."))
    return save_rate(one.treated, control=one.control)


def _limits(name: str, one: Estimate) -> dict[str, float | None]:
    return {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}


def _outcome_label(study: Study) -> str:
    return "left" if study.params.churn.test.outcome else "Outcome 1"


def _notes(study: Study, tested: Tested) -> list[str]:
    """What a reader of the table must know: who is in the test, and what its limits hold for."""
    notes = [
        sentence(
            "{known} of the {n} customers in the test are known from other tables.",
            known=tested.n_known,
            n=tested.n,
        )
    ]
    if study.params.churn.test.outcome is None:
        notes.append(_("What an outcome of 1 says is not known; set churn.test.outcome to stayed or left."))
    missing = max(one.n_without_value for one in tested.fit.arms.values())
    if missing and any(one.value_effect for one in tested.fit.arms.values()):
        notes.append(sentence("Of {n} customers the value is missing; they are left out of it.", n=missing))
    return notes
