"""Study 05, why: what the model leans on, which way it pushes, and the reasons of each listed customer in words.

A driver is what goes with leaving in the data. It is no cause: who changes it need not change who leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import ibis
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import listed as listed_text
from cam.language import period_text, sentence, together, unit_text, value_text
from cam.language import translate as _
from cam.measures.churn.columns import KEYS, is_number
from cam.measures.churn.reasons import (
    believable,
    contributions,
    partial_dependence,
    permutation_importance,
    top_reasons,
    typical_values,
)
from cam.measures.churn.related import related_features
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.churn_models import Models
from cam.studies.churn_rows import feature_name
from cam.studies.study import Study, needs

_SEED = 52
#: Drivers whose push is drawn, and reasons that a customer is given.
_MOST_DRAWN, _MOST_REASONS = 4, 3
#: What a driver that may be there by chance must add to a customer's log-odds to be told: about five points.
_LARGE = 0.2
#: Listed customers in memory at once.
_CHUNK = 20_000
#: The unit of the features that this package makes; the others are counts, or the client's own columns.
_MONEY = ("purchase_revenue", "purchase_revenue_lately", "revenue_per_purchase_day", "contract_fee")
_SHARES = ("discount_day_share", "refunded_share")
_RATIOS = ("purchase_trend", "silence_in_gaps")
_YES_NO = ("has_contract",)
#: What a reason says where plain words say more than name and value, by feature and direction.
_SAID = {
    ("days_since_last", "high"): "last purchase {value} ago (typical: {typical})",
    ("days_since_last", "low"): "last purchase only {value} ago (typical: {typical})",
    (
        "silence_in_gaps",
        "high",
    ): "silent for {value} times the usual gap between purchases (typical: {typical})",
    ("silence_in_gaps", "missing"): "bought on one day only",
    ("usual_gap_days", "high"): "usually {value} between purchases (typical: {typical})",
    ("usual_gap_days", "missing"): "bought on one day only",
    ("days_since_first_purchase", "low"): "first purchase only {value} ago (typical: {typical})",
    ("days_since_acquired", "low"): "won only {value} ago (typical: {typical})",
    ("longest_open_days", "known"): "longest ticket open for {value} (most have none)",
    ("longest_wait_days", "known"): "waited {value} for a reply to a ticket (most have none)",
    ("days_since_ticket", "known"): "last ticket {value} ago (most have none)",
    ("last_nps", "missing"): "has not answered the NPS question",
    ("last_csat", "missing"): "has not answered the CSAT question",
    ("last_ces", "missing"): "has not answered the CES question",
    ("acquisition_channel", "other"): "came by {value} (most often: {typical})",
}
_PLAIN = {
    "high": "{feature}: {value} (typical: {typical})",
    "low": "{feature}: {value} (typical: {typical})",
    "missing": "{feature}: not known (typical: {typical})",
    "known": "{feature}: {value} (most have none)",
    "other": "{feature}: {value} (most often: {typical})",
}


@needs()
def importance(study: Study, models: Models) -> pd.DataFrame | CannotSay:
    """Measure what the AUC loses without each driver, on customers that the model had not seen.

    A driver is a feature with those that say the same: *feature* (the strongest), *members* (all), *name* (for
    readers), *auc_drop, low, high*, *n, n_left*; the largest first.
    """
    groups = _groups(models)
    alone = {name: [name] for members in groups.values() for name in members}
    try:
        found = permutation_importance(
            models.judged, models.unseen_rows, groups=alone | groups, seed=_SEED
        ).set_index("feature")
    except ValueError:
        return CannotSay(
            _(
                "What the model leans on cannot be said: among the customers that it had not seen all left, or none."
            )
        )
    rows = []
    for key, members in groups.items():
        strongest = max(members, key=lambda name: found.loc[name, "auc_drop"])
        name = feature_name(study, strongest)
        rows.append(
            {
                "feature": strongest,
                "members": tuple(members),
                "name": name
                if len(members) == 1
                else sentence("{feature}, and what goes with it", feature=name),
                **found.loc[key, ["auc_drop", "low", "high"]].to_dict(),
                "n": int(found.loc[key, "n"]),
                "n_left": int(found.loc[key, "n_churned"]),
            }
        )
    return pd.DataFrame(rows).sort_values(["auc_drop", "feature"], ascending=[False, True], ignore_index=True)


def period(study: Study, models: Models | CannotSay) -> str:
    """Return the days in which leaving was looked for in the test, ready to print; nothing without dates."""
    if isinstance(models, CannotSay) or not models.rows.cut_offs:
        return ""
    begin = models.rows.cut_offs[-1] + timedelta(days=study.params.churn.gap_days)
    return period_text(begin + timedelta(days=1), begin + timedelta(days=study.params.churn.horizon_days))


@needs()
def show_groups(study: Study, drivers: pd.DataFrame) -> ShownTable | CannotSay | None:
    """Show what stands together in one driver; nothing where every feature stands alone."""
    several = drivers[(drivers["members"].map(len) > 1) & (drivers["low"] > 0)]
    if several.empty:
        return None
    shown = several.assign(
        strongest=[feature_name(study, name) for name in several["feature"]],
        others=[
            listed_text(feature_name(study, name) for name in row["members"] if name != row["feature"])
            for row in several.to_dict("records")
        ],
        **{name: 100 * several[name] for name in ("auc_drop", "low", "high")},
    )
    columns = [
        Col("strongest", "Driver"),
        Col("others", "What goes with it"),
        Col("auc_drop", "Of 100 points of AUC, lost without all of them", "points", "low", "high"),
    ]
    return show_table(shown, columns, caption="Features that say the same count as one driver")


@needs()
def dependence(study: Study, models: Models, drivers: pd.DataFrame) -> pd.DataFrame | CannotSay:
    """Say how the predicted probability moves with each main driver that counts for more than chance."""
    clear = drivers[drivers["low"] > 0].head(_MOST_DRAWN)
    if clear.empty:
        return CannotSay(
            _(
                "No single driver counts for more than chance, so none is drawn: the model tells a little of each."
            )
        )
    rows = models.test_rows
    parts = []
    for feature in clear["feature"]:
        curve = partial_dependence(
            models.judged, rows, feature=feature, recalibrate=models.recalibration.probability
        )
        unit = _unit(study, rows[feature], feature)
        value = curve["value"]
        if unit == "share":
            value = 100 * value
        elif unit == "bool":
            value = value.map(lambda one: _("yes") if one else _("no"))
        known = float(rows[feature].notna().mean())
        parts.append(
            curve.assign(
                name=_axis_name(study, feature, unit, known),
                unit=None if unit in (None, "bool") else unit,
                value=value.astype(object),
            )
        )
    return pd.concat(parts, ignore_index=True)


@needs()
def reasons(
    study: Study, models: Models, listed: pd.DataFrame, drivers: pd.DataFrame | None = None
) -> pd.DataFrame | CannotSay:
    """Give each listed customer two or three reasons in words: what sets them apart from those who stayed.

    Parameters
    ----------
    study : Study
        With its engine.
    models : Models
        The final one is explained: it made the scores.
    listed : DataFrame
        With *customer_id*.
    drivers : DataFrame, optional
        As from :func:`importance`, to spare measuring it again.

    Returns
    -------
    DataFrame
        *customer_id, reason_1, reason_2, reason_3*, one row per listed customer in their order; empty text where there
        is no further reason. Each driver gives one reason at most. One that counts for more than chance may give a
        small one; one that only may count, a large one; one without which the test was no worse, none.
    """
    names = [f"reason_{place + 1}" for place in range(_MOST_REASONS)]
    if drivers is None:
        measured = importance(study, models)
        if isinstance(measured, CannotSay):
            return measured
        drivers = measured
    used = set(models.final.columns.features)
    may = drivers[(drivers["auc_drop"] > 0) & ~drivers["members"].map(used.isdisjoint).astype(bool)]
    said: dict[str, list[str]] = {}
    if len(listed) and len(may):
        typical = typical_values(models.rows.table, models.final.columns.features)
        kinds = {name: _unit(study, models.rows.table[name], name) for name in typical.index}
        for start in range(0, len(listed), _CHUNK):
            people = _today(models, listed["customer_id"].iloc[start : start + _CHUNK])
            moved = _moved(models, people, typical, may)
            best = top_reasons(moved, people, typical=typical, n_reasons=_MOST_REASONS)
            for row in best.to_dict("records"):
                own, words = said.setdefault(str(row["customer_id"]), []), _reason(study, row, kinds)
                if words not in own:
                    own.append(words)
    rows = [
        [*own, "", "", ""][:_MOST_REASONS]
        for own in (said.get(str(one), []) for one in listed["customer_id"])
    ]
    return listed[["customer_id"]].join(pd.DataFrame(rows, index=listed.index, columns=names))


def findings(
    study: Study,
    models: Models | CannotSay,
    drivers: pd.DataFrame | CannotSay,
    pushed: pd.DataFrame | CannotSay,
) -> list[str | CannotSay]:
    """Say what goes with leaving most, and how far it moves the risk."""
    for one in (models, drivers):
        if isinstance(one, CannotSay):
            return [one]
    assert isinstance(drivers, pd.DataFrame)
    clear = drivers[drivers["low"] > 0]
    if clear.empty or isinstance(pushed, CannotSay):
        return [pushed] if isinstance(pushed, CannotSay) else []
    first, *others = clear.head(3).to_dict("records")
    said = [
        sentence(
            "What goes with leaving most is {name}: without it the model would lose {drop} of 100 points of AUC.",
            name=first["name"],
            drop=_points(first),
        )
    ]
    if others:
        names = _("; ").join(feature_name(study, row["feature"]) for row in others)
        said.append(sentence("Next: {names}.", names=names))
    curve = pushed[pushed["feature"] == first["feature"]]
    if len(curve) > 1:
        # The lowest and the highest risk, told in the order of the feature's own values.
        ends = sorted(curve["p_churn"].astype(float).agg(["idxmin", "idxmax"]), key=curve.index.get_loc)
        one, other = (curve.loc[end] for end in ends)
        said.append(
            sentence(
                "All else equal the predicted risk goes from {low} at {at_low} to {high} at {at_high} ({feature}).",
                feature=feature_name(study, first["feature"]),
                low=value_text(float(one["p_churn"]), "share"),
                high=value_text(float(other["p_churn"]), "share"),
                at_low=_said_value(study, one),
                at_high=_said_value(study, other),
            )
        )
    said.append(
        _(
            "That is what goes together in these data, not what causes what: try a change on some before it is made "
            "for all."
        )
    )
    return [together(*said)]


def key_figures(study: Study, drivers: pd.DataFrame | CannotSay) -> list[Estimate | CannotSay]:
    """List what the AUC loses without each driver."""
    if isinstance(drivers, CannotSay):
        return [drivers]
    return [
        Estimate(
            "churn_importance",
            row["auc_drop"],
            "ratio",
            row["n"],
            row["low"],
            row["high"],
            {"feature": row["feature"]},
        )
        for row in drivers.to_dict("records")
    ]


def _groups(models: Models) -> dict[str, list[str]]:
    """The features in use, those together that say the same; by a key that no feature has unless it stands alone."""
    used = list(models.judged.columns.features)
    keys = [name for name in KEYS if name in models.train_rows.columns]
    related = related_features(models.train_rows[[*keys, *used]])
    together_ = related.groupby("group")["feature"].apply(list)
    return {"\n".join(members): members for members in together_}


def _today(models: Models, ids: pd.Series) -> pd.DataFrame:
    """The features of some of today's customers."""
    asked = ibis.memtable({"customer_id": ids.astype(str).unique().tolist()})
    people: pd.DataFrame = (
        models.rows.current.semi_join(asked, "customer_id").order_by("customer_id").execute()
    )
    return people


def _moved(models: Models, people: pd.DataFrame, typical: pd.Series, drivers: pd.DataFrame) -> pd.DataFrame:
    """What each driver does to each customer's log-odds, put on the member that tells it best.

    So a driver is one reason, told by a value that is not the typical one and that a reader can believe.
    """
    used = set(models.final.columns.features)
    groups = {"\n".join(own): [name for name in own if name in used] for own in drivers["members"]}
    alone = {name: [name] for own in groups.values() for name in own}
    moved = contributions(models.final, people, typical=typical, groups=alone | groups)
    single = believable(moved[list(alone)], people, typical=typical, train=models.rows.table)
    told = pd.DataFrame(0.0, index=people.index, columns=list(alone))
    for (key, members), low in zip(groups.items(), drivers["low"], strict=True):
        own = single[members].to_numpy()
        best, amounts = own.argmax(axis=1), moved[key].to_numpy()
        is_told = (own.max(axis=1, initial=0.0) > 0) & (amounts >= (0.0 if low > 0 else _LARGE))
        for place, name in enumerate(members):
            told.loc[is_told & (best == place), name] = amounts[is_told & (best == place)]
    return told


def _reason(study: Study, row: Mapping[Any, Any], kinds: Mapping[str, str | None]) -> str:
    feature, direction = str(row["feature"]), str(row["direction"])
    unit = kinds[feature]
    words = _SAID.get((feature, direction), _PLAIN[direction])
    return sentence(
        words,
        feature=feature_name(study, feature),
        value="" if direction == "missing" else _text(row["value"], unit),
        typical="" if pd.isna(row["typical"]) else _text(row["typical"], unit),
    )


def _unit(study: Study, column: pd.Series, feature: str) -> str | None:
    """The unit of a feature, as :class:`cam.estimate.Estimate` has it; ``number``, ``bool``; None for names."""
    known = column.dropna()
    if feature in _YES_NO or column.dtype == bool or (len(known) and known.map(type).eq(bool).all()):
        return "bool"
    if not is_number(column):
        return None
    if feature_name(study, feature) == feature:
        return "number"  # the client's own: what it counts is not known
    if feature in _MONEY:
        return study.currency
    if feature in _SHARES:
        return "share"
    if feature in _RATIOS:
        return "ratio"
    is_days = feature.startswith(("days_since", "longest_")) or feature in ("usual_gap_days", "contract_days")
    return "days" if is_days else "number"


def _text(value: Any, unit: str | None) -> str:
    if unit is None:
        return str(value)
    if unit == "bool":
        return _("yes") if value else _("no")
    number = float(value)
    if unit == "ratio":
        return f"{number:,.1f}"
    if unit == "number":
        whole = number.is_integer() or abs(number) >= 1000
        return value_text(number, "count") if whole else f"{number:,.3g}".replace("-", "−")
    return _("1 day") if unit == "days" and number == 1 else value_text(number, unit)


def _axis_name(study: Study, feature: str, unit: str | None, known: float) -> str:
    """What a panel is called: the feature with its unit, and of how many it is known."""
    name = feature_name(study, feature)
    if unit == "share" or unit == study.currency:
        name = sentence("{feature}, {unit}", feature=name, unit=unit_text(unit))
    if known < 0.995:
        name = sentence("{feature} (known of {share})", feature=name, share=value_text(known, "share"))
    return name


def _said_value(study: Study, row: Mapping[Any, Any]) -> str:
    unit, value = row["unit"], row["value"]
    if pd.isna(unit):
        return str(value)
    return _text(value / 100 if unit == "share" else value, str(unit))


def _points(row: Mapping[Any, Any]) -> Estimate:
    return Estimate(
        "churn_importance", 100 * row["auc_drop"], "points", row["n"], 100 * row["low"], 100 * row["high"]
    )
