"""Study 05: the test in words and key figures."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, together, value_text
from cam.studies.churn_experiment import ByRisk, Tested
from cam.studies.study import Study


def findings(study: Study, tested: Tested | CannotSay, risk: ByRisk | CannotSay) -> list[str | CannotSay]:
    """Say what the test means for the offer; nothing where there was none."""
    if "experiment" not in study.tables:
        return []
    if isinstance(tested, CannotSay):
        return [tested]
    found: list[str | CannotSay] = [
        together(_verdict(study, tested, name), _saves(study, tested.saved.get(name)), _worth(tested, name))
        for name in tested.fit.arms
    ]
    return [*found, risk if isinstance(risk, CannotSay) else _risk_said(study, tested, risk)]


def key_figures(study: Study, tested: Tested | CannotSay) -> list[Estimate | CannotSay]:
    """List what the test measured, by arm."""
    if isinstance(tested, CannotSay):
        return []
    first = next(iter(tested.fit.arms.values()))
    outcome = "left" if study.params.churn.test.outcome else "1"
    found: list[Estimate | CannotSay] = [
        replace(first.control, segment={"arm": tested.fit.control, "outcome": outcome})
    ]
    for name, one in tested.fit.arms.items():
        found += [
            replace(one.treated, segment={"arm": name, "outcome": outcome}),
            replace(one.effect, segment={"arm": name}),
        ]
        for said in (tested.saved.get(name), one.value_effect):
            found += [replace(said, segment={"arm": name})] if isinstance(said, Estimate) else []
    return found


def _verdict(study: Study, tested: Tested, name: str) -> str:
    """One arm in words: by its direction where that is known, and only if chance does not explain it."""
    one, is_shown = tested.fit.arms[name], tested.fit.is_shown(name)
    if study.params.churn.test.outcome is None:
        words = (
            "In the test an outcome of 1 came of {treated} with {arm} and of {control} with {base}: {effect} points. "
            "Which of them is better, churn.test.outcome has to say."
        )
    elif not is_shown:
        words = (
            "In the test {treated} left with {arm} and {control} with {base}: {effect} points, which chance can make. "
            "The test does not show that the offer keeps anybody, nor that it does not."
        )
    elif one.effect.value < 0:
        words = (
            "The offer keeps customers: in the test {treated} left with {arm} and {control} with {base}, {effect} "
            "points."
        )
    else:
        words = (
            "The offer drives customers away: in the test {treated} left with {arm} and {control} with {base}, "
            "{effect} points. Stop it."
        )
    said = sentence(
        words, treated=one.treated, control=one.control, arm=name, base=tested.fit.control, effect=one.effect
    )
    if len(tested.fit.arms) > 1:
        low, high = (value_text(limit, "points") for limit in tested.fit.limits[name])
        many = sentence(
            "With {n} arms one of them may look good by chance; limits that hold for all at once are {low} to {high} "
            "points.",
            n=len(tested.fit.arms),
            low=low,
            high=high,
        )
        return together(said, many)
    return said


def _saves(study: Study, saved: Estimate | CannotSay | None) -> str:
    """The measured save rate beside the assumed one."""
    if saved is None or isinstance(saved, CannotSay):
        return saved.reason if saved else ""
    assumed = study.params.churn.offer.save_rate
    low, high = saved.low or 0.0, saved.high or 0.0
    if not 0 < saved.value < 1:
        # No save rate that the list could take.
        return sentence(
            "It kept {saved} of those who would have left: no save rate that a list could be made with. "
            "The list assumes {assumed} (churn.offer.save_rate); do not call with this offer before another test."
            if saved.value <= 0
            else "It kept {saved} of those who would have left: nobody left with it, so the test is too small to say "
            "which save rate to set; the list assumes {assumed} (churn.offer.save_rate).",
            saved=saved,
            assumed=value_text(assumed, "share"),
        )
    if assumed > high:
        words = (
            "It kept {saved} of those who would have left, fewer than the {assumed} that the list assumes "
            "(churn.offer.save_rate): set it to what was measured, for the list and its profit promise too much."
        )
    elif assumed < low:
        words = (
            "It kept {saved} of those who would have left, more than the {assumed} that the list assumes "
            "(churn.offer.save_rate): set it to what was measured."
        )
    else:
        words = (
            "It kept {saved} of those who would have left; the {assumed} that the list assumes "
            "(churn.offer.save_rate) lies within."
        )
    return sentence(words, saved=saved, assumed=value_text(assumed, "share"))


def _worth(tested: Tested, name: str) -> str:
    gap = tested.fit.arms[name].value_effect
    if gap is None or gap.low is None or gap.high is None:
        return ""
    if gap.low > 0:
        words = "Given to everybody it brought {gap} more per customer."
    elif gap.high < 0:
        words = (
            "Given to everybody it brought less than it cost, {gap} per customer: offer it only where it keeps "
            "customers."
        )
    else:
        words = "What it brought per customer cannot be told from nothing: {gap}."
    return sentence(words, gap=gap)


def _risk_said(study: Study, tested: Tested, risk: ByRisk) -> str:
    bins = risk.uplift.bins
    first, last = bins.iloc[0], bins.iloc[-1]
    if not risk.uplift.differs:
        words = (
            "By fifth of risk the effects of {arm} differ no more than chance makes them (p = {p}): take that of all "
            "for each, and make the next test larger. {scale}"
        )
    else:
        words = (
            "The effect of {arm} depends on the risk (p = {p}): {first} points in the fifth most at risk, {last} in "
            "the fifth least. Call where the effect is, not where the risk is. {scale}"
        )
    scale = sentence(
        "Among those without the offer p_churn was {promised} on average, and {happened} left in the test: use it to "
        "rank, not as the risk over the time that the test took.",
        promised=value_text(risk.promised, "share"),
        happened=value_text(risk.happened.value, "share"),
    )
    has_scale = study.params.churn.test.outcome is not None
    return sentence(
        words,
        arm=risk.arm,
        p=f"{risk.uplift.p_same:.2f}" if risk.uplift.p_same >= 0.01 else "< 0.01",
        first=_bin_effect(first),
        last=_bin_effect(last),
        scale=scale if has_scale else "",
    ).strip()


def _bin_effect(row: pd.Series) -> Estimate:
    n = int(min(row["n_treated"], row["n_control"]))
    return Estimate(
        "uplift", float(row["effect"]), "points", n, float(row["low_all"]), float(row["high_all"])
    )
