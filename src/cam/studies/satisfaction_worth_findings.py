"""Study 04, what satisfaction is worth: the sentences and the key figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, together
from cam.language import translate as _
from cam.studies.answers_followed import GROUPS, Followed
from cam.studies.satisfaction_worth import SIGNIFICANT, Compared, both, levels, units
from cam.studies.study import Study


def findings(
    study: Study,
    followed: Followed | CannotSay,
    compared: Compared | CannotSay,
    pointed: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say whether those who are content stay, how much of it goes with the answer, and what a point may be worth."""
    if isinstance(followed, CannotSay) or isinstance(compared, CannotSay):
        return [followed if isinstance(followed, CannotSay) else compared]  # type: ignore[list-item]
    said: list[str | CannotSay] = [_stay_words(study, followed, compared)]
    said.append(pointed if isinstance(pointed, CannotSay) else _point_words(study, followed, pointed))
    return said


def key_figures(
    study: Study,
    followed: Followed | CannotSay,
    compared: Compared | CannotSay,
    pointed: pd.DataFrame | CannotSay,
) -> list[Estimate | CannotSay]:
    """List what each group did after its answer, the difference in staying, and what a point goes with."""
    if isinstance(followed, CannotSay):
        return [followed]
    score, figures = followed.score, list[Estimate | CannotSay]()
    rated = levels(study, followed)
    assert isinstance(rated, pd.DataFrame)
    names = {"stayed": "retention", "revenue": "revenue_after"}
    for row in rated[rated["outcome"].isin(list(names)) & rated["value"].notna()].to_dict("records"):
        unit = units(study)[row["outcome"]]
        numbers = (row["value"], unit, int(row["n"]), row["low"], row["high"])
        figures.append(
            Estimate(f"{names[row['outcome']]}_by_{score}_group", *numbers, {"group": row["group"]})
        )
    if isinstance(compared, CannotSay):
        return [*figures, compared]
    for kind, one in zip(("as they are", "alike before"), both(compared)[0], strict=True):
        if one["verdict"] == "rated":
            figures.append(_gap(f"retention_difference_by_{score}_group", one, {"compared": kind}))
    if isinstance(pointed, CannotSay):
        return [*figures, pointed]
    for kind, name in (("plain", "as they are"), ("alike", "alike before")):
        figures.append(_point_estimate(study, followed, pointed, kind, {"compared": name}))
    return figures


def _gap(figure: str, row: Mapping[Any, Any], segment: Mapping[str, str]) -> Estimate:
    value, low, high = (100 * float(row[name]) for name in ("difference", "low", "high"))
    n = int(row["n_group"] + row["n_against"])
    return Estimate(figure, value, "points", n, max(low, -100.0), min(high, 100.0), segment)


def _point_estimate(
    study: Study, followed: Followed, pointed: pd.DataFrame, kind: str, segment: Mapping[str, str]
) -> Estimate:
    row = pointed.iloc[0]
    numbers = (
        float(row[kind]),
        study.currency,
        int(row["n"]),
        float(row[f"{kind}_low"]),
        float(row[f"{kind}_high"]),
    )
    return Estimate(f"value_per_{followed.score}_point", *numbers, {"of": str(followed.money), **segment})


def _stay_words(study: Study, followed: Followed, compared: Compared) -> str | CannotSay:
    plain, alike = both(compared)[0]
    if alike["verdict"] != "rated":
        return CannotSay(_("Among customers alike before there are too few of both groups to compare."))
    words = GROUPS[followed.score]
    rated = levels(study, followed)
    assert isinstance(rated, pd.DataFrame)
    stayed = rated[rated["outcome"] == "stayed"].set_index("group")
    told = {"alike": _gap("alike", alike, {})}
    for name, group in (("value", plain["group"]), ("other", plain["against"])):
        one = stayed.loc[group]
        told[name] = Estimate(name, one["value"], "share", int(one["n"]), one["low"], one["high"])
    said = sentence(
        "{best}: {value} still had a contract {days} days after their answer; {worst}: {other}. Among customers who "
        "stood alike before, the difference is {alike} percentage points."
        if followed.is_contractual
        else "{best}: {value} bought again within {days} days after their answer; {worst}: {other}. Among customers "
        "who stood alike before, the difference is {alike} percentage points.",
        best=_(words[plain["group"]]),
        worst=_(words[plain["against"]]),
        days=followed.follow_days,
        **told,
    )
    is_clear = alike["p_adjusted"] < SIGNIFICANT
    if is_clear and alike["difference"] > 0:
        advice = _(
            "So a low answer is a warning beyond what purchases tell: call these customers back, best first."
        )
    elif is_clear:
        advice = _(
            "Those who are less content stay rather more: look at who answers before acting on the score."
        )
    else:
        advice = _(
            "That is within chance: among customers who had bought alike, the answer is not shown to tell who stays."
        )
    return together(said, advice)


def _point_words(study: Study, followed: Followed, pointed: pd.DataFrame) -> str:
    worth = _point_estimate(study, followed, pointed, "alike", {})
    money = _(str(followed.money))
    names: dict[str, Any] = {
        "point": followed.score.upper(),
        "money": money,
        "worth": worth,
        "n": followed.n_active,
    }
    assert worth.low is not None and worth.high is not None
    if not pointed["is_clear"].iloc[0] and (worth.low > 0 or worth.high < 0):
        return sentence(
            "A point of {point} among {n} active customers goes with {worth} of {money} a year. Alone that would be "
            "beyond chance, but not among as many comparisons as here: do not rest a budget on it.",
            **names,
        )
    if worth.low <= 0 <= worth.high:
        return sentence(
            "A point of {point} among {n} active customers goes with {worth} of {money} a year: within chance. Do not "
            "justify spending by it.",
            **names,
        )
    if worth.high < 0:
        return sentence(
            "A higher {point} goes with less {money}: {worth} a year per point among {n} active customers. Find out "
            "who answers before acting on the score.",
            **names,
        )
    return sentence(
        "A point of {point} among {n} active customers goes with {worth} of {money} a year. That is a ceiling for what "
        "raising it may cost, not a promise: test it with a part of the customers first.",
        **names,
    )
