"""Study 04, what satisfaction is worth: groups by answer, as they are and alike before, and a point of the score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate, holm
from cam.language import listed, sentence, value_text
from cam.language import translate as _
from cam.measures.satisfaction.worth import (
    N_CLASSES,
    group_levels,
    matched_differences,
    point_value,
    standing_strata,
)
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.answers_followed import GROUPS, Followed, match_words, too_few
from cam.studies.study import Study, needs

#: Answers of the two outer groups that may be left without anybody alike; else classes are made wider.
_MOST_ALONE = 0.1

SIGNIFICANT = 0.05

#: What share of customers one point of the score moves from the second group to the first.
_PATHS = {
    "nps": {
        ("promoter", "detractor"): 0.005,
        ("promoter", "passive"): 0.01,
        ("passive", "detractor"): 0.01,
    },
    "csat": {("satisfied", "unsatisfied"): 0.01},
}

_MONEY = ("revenue", "margin", "residual_clv")


@dataclass(frozen=True, slots=True)
class Compared:
    """Differences between groups, as they are and among customers alike before.

    Attributes
    ----------
    plain, alike : DataFrame
        As from :func:`cam.measures.satisfaction.worth.matched_differences`, with ``p_adjusted``; row by row the same.
    weighted : DataFrame or None
        *alike* for the two outer groups, with the weights that make answers speak for all customers.
    n_classes : int
        Classes of each number that says how a customer stood.
    """

    plain: pd.DataFrame
    alike: pd.DataFrame
    weighted: pd.DataFrame | None
    n_classes: int


@needs()
def levels(study: Study, followed: Followed) -> pd.DataFrame:
    """Estimate every outcome of every group: those of the days after, and what each is worth today."""
    fewest = study.params.satisfaction.min_answers
    after = group_levels(followed.answers, outcomes=followed.outcomes, fewest=fewest)
    if "residual_clv" not in followed.latest.columns:
        return after
    now = group_levels(followed.latest, outcomes=["residual_clv"], fewest=fewest)
    return pd.concat([after, now], ignore_index=True)


@needs()
def show_levels(study: Study, followed: Followed) -> ShownTable | CannotSay:
    """Show what each group did after its answers, and what it is still worth."""
    rated = levels(study, followed)
    assert isinstance(rated, pd.DataFrame)
    rows, few = [], []
    for group, words in GROUPS[followed.score].items():
        own = rated[rated["group"] == group].set_index("outcome")
        if "stayed" not in own.index or np.isnan(own.loc["stayed", "value"]):
            few.append(f"{_(words)} ({int(own['n_customers'].get('stayed', 0))})")
            continue
        row: dict[str, Any] = {"group": _(words), "n": int(own.loc["stayed", "n"])}
        for outcome, each in own.iterrows():
            row |= {
                str(outcome): each["value"],
                f"{outcome}_low": each["low"],
                f"{outcome}_high": each["high"],
            }
        rows.append(row)
    if not rows:
        return too_few(study, followed)
    frame = pd.DataFrame(rows)
    columns = [Col("group", "Who answered"), Col("n", "Answers", "count")]
    for outcome, unit in units(study).items():
        if outcome in frame.columns:
            label = labels(followed)[outcome]
            columns.append(Col(outcome, label, unit, f"{outcome}_low", f"{outcome}_high", may_be_empty=True))
    notes = [match_words(followed)]
    if few:
        notes.append(
            sentence(
                "Not rated, with fewer than {least} customers: {groups}.",
                least=study.params.satisfaction.min_answers,
                groups=listed(few),
            )
        )
    if "residual_clv" in frame.columns:
        notes.append(
            _(
                "Residual CLV is that of today, by each customer's last answer. The model knows what they bought, not "
                "what they answered; its own error is not in these intervals."
            )
        )
    note = sentence(
        "Within {days} days after the answer, the day itself not counted; intervals count customers, not answers.",
        days=followed.follow_days,
    )
    return show_table(
        frame, columns, caption="What customers did after they had answered", note=note, notes=notes
    )


def compare(
    study: Study, followed: Followed | CannotSay, weights: pd.DataFrame | CannotSay | None = None
) -> Compared | CannotSay:
    """Compare the groups as they are, and among customers who stood alike on the day of the answer."""
    if isinstance(followed, CannotSay):
        return followed
    fewest = study.params.satisfaction.min_answers
    outer = next(iter(_PATHS[followed.score]))
    people = followed.answers.groupby("group")["customer"].nunique()
    if min(int(people.get(group, 0)) for group in outer) < fewest:
        return CannotSay(
            sentence(
                "Groups cannot be compared: {least} customers of each are needed, and there are {groups}.",
                least=fewest,
                groups=listed(
                    f"{_(words)} ({int(people.get(group, 0))})"
                    for group, words in GROUPS[followed.score].items()
                ),
            )
        )
    n_classes, answers = _stratified(followed, followed.answers, outer)
    _same, latest = _stratified(followed, followed.latest, outer, n_classes)
    plain = _contrasts(study, followed, answers.assign(stratum=0), latest.assign(stratum=0))
    alike = _contrasts(study, followed, answers, latest)
    weighted = None
    if isinstance(weights, pd.DataFrame) and len(weights):
        own, now = (
            each.merge(weights[["customer_id", "weight"]], on="customer_id") for each in (answers, latest)
        )
        weighted = _contrasts(study, followed, own, now)
    return Compared(plain, alike, weighted, n_classes)


@needs()
def drawn(study: Study, followed: Followed, compared: Compared) -> pd.DataFrame | CannotSay:
    """Line up the ratios of the two outer groups for the figure."""
    best, worst = next(iter(_PATHS[followed.score]))
    rows = []
    for plain, alike in both(compared):
        if (
            (plain["group"], plain["against"]) != (best, worst)
            or np.isnan(plain["ratio"])
            or np.isnan(alike["ratio"])
        ):
            continue
        row = {
            "label": _(labels(followed)[plain["outcome"]]),
            "n": int(alike["n_group"] + alike["n_against"]),
            "is_clear": bool(alike["p_adjusted"] < SIGNIFICANT),
        }
        for kind, one in (("plain", plain), ("alike", alike)):
            row |= {f"{kind}{end}": 100 * (one[f"ratio{end}"] - 1) for end in ("", "_low", "_high")}
        rows.append(row)
    if not rows and _is_few(compared):
        return CannotSay(_("Among customers alike before there are too few of both groups to compare."))
    if not rows:
        return CannotSay(
            _("By how much groups differ in per cent cannot be said: one of them brought nothing.")
        )
    words = GROUPS[followed.score]
    return pd.DataFrame(rows).assign(best=_(words[best]), worst=_(words[worst]), days=followed.follow_days)


@needs()
def show_differences(study: Study, followed: Followed, compared: Compared) -> ShownTable | CannotSay:
    """Show the differences as they are, among customers alike before, and with weights where there are any."""
    words, named = GROUPS[followed.score], labels(followed)
    rows = []
    for place, (plain, alike) in enumerate(both(compared)):
        row: dict[str, Any] = {
            "outcome": _in_unit(study, named[alike["outcome"]], alike["outcome"]),
            "pair": sentence(
                "{one} less {other}", one=_(words[alike["group"]]), other=_(words[alike["against"]])
            ),
            "n": int(alike["n_group"] + alike["n_against"]),
            "verdict": _verdict(alike),
        }
        found = {"plain": plain, "alike": alike}
        if compared.weighted is not None:
            found["weighted"] = compared.weighted.iloc[place].to_dict()
        times = 100 if alike["outcome"] == "stayed" else 1
        for kind, one in found.items():
            for name, column in (("", "difference"), ("_low", "low"), ("_high", "high")):
                row[f"{kind}{name}"] = times * one[column]
        rows.append(row)
    columns = [
        Col("outcome", "Outcome"),
        Col("pair", "Difference"),
        Col("plain", "as they are", "ratio", "plain_low", "plain_high", may_be_empty=True),
        Col("alike", "among customers alike before", "ratio", "alike_low", "alike_high", may_be_empty=True),
    ]
    if compared.weighted is not None:
        columns.append(
            Col(
                "weighted",
                "weighted to all customers",
                "ratio",
                "weighted_low",
                "weighted_high",
                may_be_empty=True,
            )
        )
    columns += [Col("n", "n", "count"), Col("verdict", "Alike before: verdict")]
    note = _(
        "The verdict holds for all rows together (Holm 1979); each interval stands for itself. Associations, not "
        "effects."
    )
    return show_table(
        pd.DataFrame(rows),
        columns,
        caption="How much of the difference goes with the answer?",
        note=note,
        notes=_difference_notes(study, followed, compared),
    )


@needs()
def point(study: Study, followed: Followed, compared: Compared) -> pd.DataFrame | CannotSay:
    """Say what one point of the score among active customers goes with in a year, by who would move."""
    if followed.money is None:
        return CannotSay(
            _("What a point of the score is worth cannot be said: contracts have no monthly_fee."),
            _("If the source has it by another name, map it under data.contracts.columns."),
        )
    rows = []
    for plain, alike in both(compared):
        pair = (alike["group"], alike["against"])
        if alike["outcome"] != followed.money or alike["verdict"] != "rated" or plain["verdict"] != "rated":
            continue
        row: dict[str, Any] = {
            "group": pair[0],
            "against": pair[1],
            "share_moved": _PATHS[followed.score][pair],
        }
        for kind, one in (("plain", plain), ("alike", alike)):
            gap = Estimate(
                "difference", one["difference"], study.currency, int(one["n_group"]), one["low"], one["high"]
            )
            worth = point_value(
                gap,
                share_moved=row["share_moved"],
                n_customers=followed.n_active,
                follow_days=followed.follow_days,
            )
            row |= {kind: worth.value, f"{kind}_low": worth.low, f"{kind}_high": worth.high}
        row["is_clear_path"] = bool(alike["p_adjusted"] < SIGNIFICANT)
        rows.append(row | {"n": int(alike["n_group"] + alike["n_against"])})
    if not rows:
        return CannotSay(_("Among customers alike before there are too few of both groups to compare."))
    if not followed.n_active:
        return CannotSay(_("What a point of the score is worth cannot be said: no customer is active."))
    return pd.DataFrame(rows).assign(is_clear=_is_clear(followed, compared))


@needs()
def show_point(study: Study, followed: Followed, pointed: pd.DataFrame) -> ShownTable:
    """Show what a point goes with, by the way in which it comes about."""
    words = GROUPS[followed.score]
    verdicts = {True: _("beyond chance"), False: _("no clear difference")}
    shown = pointed.assign(
        verdict=[verdicts[bool(clear)] for clear in pointed["is_clear_path"]],
        path=[
            sentence(
                "{share} of customers from {other} to {one}",
                share=value_text(row["share_moved"], "share"),
                other=_(words[row["against"]]),
                one=_(words[row["group"]]),
            )
            for row in pointed.to_dict("records")
        ],
    )
    columns = [
        Col("path", "One point, as"),
        Col("plain", "as they are", study.currency, "plain_low", "plain_high"),
        Col("alike", "among customers alike before", study.currency, "alike_low", "alike_high"),
        Col("verdict", "The difference it rests on"),
        Col("n", "n", "count"),
    ]
    found = show_table(
        shown,
        columns,
        caption="What does one point of the score go with in a year?",
        note=sentence(
            "{money} per year of {n} active customers ({who}), carried over from {days} days.",
            money=_(labels(followed)[str(followed.money)]),
            n=followed.n_active,
            who=_("under contract today")
            if followed.is_contractual
            else _("with a purchase in the last year"),
            days=followed.follow_days,
        ),
        notes=[
            _(
                "A ceiling, not a promise: it holds if customers who are moved become like those who were there "
                "already, and nothing shows that they do. Test with a part of the customers what a better score "
                "brings."
            ),
            _(
                "The verdict is that of the table above, after Holm's correction. Where there is no clear difference, "
                "an interval without zero is no evidence either."
            ),
        ],
    )
    assert isinstance(found, ShownTable)
    return found


# --- counting -----------------------------------------------------------------------------------


def _stratified(
    followed: Followed, answers: pd.DataFrame, outer: tuple[str, str], n_classes: int = N_CLASSES
) -> tuple[int, pd.DataFrame]:
    """Find the finest classes that leave nearly all answers of the outer groups with somebody alike."""
    for several in range(n_classes, 0, -1):
        found = standing_strata(answers, columns=followed.standing, n_classes=several)
        both = found[found["group"].isin(outer)]
        alone = both.groupby("stratum")["group"].transform("nunique") < len(outer)
        if not len(both) or alone.mean() <= _MOST_ALONE:
            break
    return several, found


def _contrasts(study: Study, followed: Followed, answers: pd.DataFrame, latest: pd.DataFrame) -> pd.DataFrame:
    """All outcomes of the outer groups, and staying and money of the neighbours."""
    fewest = study.params.satisfaction.min_answers
    outer, *inner = _PATHS[followed.score]
    # Revenue and margin tell the same, and each row more makes the others less sure.
    outcomes = [name for name in followed.outcomes if name not in _MONEY or name == followed.money]
    found = [matched_differences(answers, pairs=[outer], outcomes=outcomes, fewest=fewest)]
    if "residual_clv" in latest.columns:
        found.append(matched_differences(latest, pairs=[outer], outcomes=["residual_clv"], fewest=fewest))
    if inner:
        few = [name for name in ("stayed", followed.money) if name]
        found.append(matched_differences(answers, pairs=inner, outcomes=few, fewest=fewest))
    table = pd.concat(found, ignore_index=True)
    adjusted = np.full(len(table), np.nan)
    rated = table["p_value"].notna().to_numpy()
    adjusted[rated] = holm(table.loc[rated, "p_value"].to_numpy(float))
    return table.assign(p_adjusted=adjusted)


def _is_few(compared: Compared) -> bool:
    return bool((compared.alike["verdict"] == "few").all())


def _is_clear(followed: Followed, compared: Compared) -> bool:
    """Whether the outer groups' difference in money is beyond chance, all comparisons taken together."""
    rows = compared.alike[compared.alike["outcome"] == followed.money]
    return bool(rows["p_adjusted"].iloc[0] < SIGNIFICANT)


def both(compared: Compared) -> list[tuple[dict[Any, Any], dict[Any, Any]]]:
    """Return the differences row by row: as they are, and among customers alike before."""
    return list(zip(compared.plain.to_dict("records"), compared.alike.to_dict("records"), strict=True))


# --- words --------------------------------------------------------------------------------------


def labels(followed: Followed) -> dict[str, str]:
    """Return what the outcomes are called, in English."""
    return {
        "stayed": "Contract still running" if followed.is_contractual else "Bought again",
        "n_purchases": "Days with a purchase",
        "revenue": "Revenue",
        "margin": "Margin",
        "residual_clv": "Residual CLV today",
    }


def units(study: Study) -> dict[str, str]:
    """Return the unit of each outcome."""
    return {"stayed": "share", "n_purchases": "ratio"} | dict.fromkeys(_MONEY, study.currency)


def _in_unit(study: Study, label: str, outcome: str) -> str:
    unit = study.currency if outcome in _MONEY else _("percentage points") if outcome == "stayed" else ""
    return sentence("{label}, {unit}", label=_(label), unit=unit) if unit else _(label)


def _difference_notes(study: Study, followed: Followed, compared: Compared) -> list[str]:
    first, standing = compared.alike.iloc[0], _STANDING[followed.is_contractual]
    notes = [
        sentence(
            "Alike before: answered in the same quarter, and in the same of {classes} classes of {what}. "
            "{alone} answers of the outer groups have nobody alike and are left out.",
            classes=compared.n_classes,
            what=listed(_(standing[name]) for name in followed.standing),
            alone=int(first["n_alone"]),
        ),
        _(
            "Who was content long before may have bought more for that reason; comparing those alike then takes away "
            "too much. And customers alike in these numbers may differ in what no table holds."
        ),
    ]
    if compared.weighted is None:
        notes.append(
            _("All this is of customers who answered. What those who did not answer think is unknown.")
        )
    else:
        notes.append(
            _(
                "Weighted: alike before too, with weights that make those who answered like all customers in what is "
                "known of them. They do not know what those who stay silent think."
            )
        )
    return notes


#: How a customer stood, by whether staying is a contract that runs on.
_STANDING = {
    False: {
        "silence": "days since the last purchase",
        "number": "purchases so far",
        "spent": "revenue of the year before",
    },
    True: {"age": "days under contract", "number": "contracts so far", "spent": "the monthly fee"},
}


def _verdict(row: Mapping[Any, Any]) -> str:
    if row["verdict"] == "few":
        return _("too few alike")
    if row["p_adjusted"] >= SIGNIFICANT:
        return _("no clear difference")
    return _("more") if row["difference"] > 0 else _("less")
