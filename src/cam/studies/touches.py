"""Study 02, touches: what goes with a ticket, a refund or a survey, for the next purchase and for the contract."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.language import sentence, together
from cam.language import translate as _
from cam.reduce.tenures import DAYS_TO_FOLLOW
from cam.reduce.ticket_effects import contract_spans, purchase_spans
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.repeat_buying import fitted_customers
from cam.studies.study import Study, needs, silent
from cam.studies.touched import AGAINST, WORDS, Touched, follow, follow_days

#: Categories in one table.
_MOST_CATEGORIES = 12
_SIGNIFICANT = 0.05
#: Standard errors in half an interval, and in a difference that is found four times out of five.
_HALF, _FOUND = 1.96, 2.80


@needs("transactions")
def buying(study: Study) -> Touched | CannotSay:
    """Compare who bought again within lifecycle.ticket_days after a touch with others of the same standing."""
    log, known = study.tables["transactions"], study.summary(study.as_of)
    followed = fitted_customers(known)
    if followed is not known:  # drawn once, and asked by every family of touches
        ids = followed.select("customer_id")
        followed = study.engine.create_table("touches_followed", ids, overwrite=True)
        log = log.semi_join(followed, "customer_id")
    spans = purchase_spans(log, as_of=study.as_of)
    last = study.as_of - timedelta(days=follow_days(study))
    return follow(study, "purchase", spans, last, of=None if followed is known else followed)


def leaving(study: Study) -> Touched | CannotSay | None:
    """Compare whose contract ended within lifecycle.ticket_days after a ticket; nothing where there are none."""
    if "contracts" not in study.tables or "tickets" not in study.tables:
        return None
    spans = contract_spans(study.tables["contracts"], as_of=study.as_of)
    # That nothing followed on an end is known only later.
    return follow(study, "contract", spans, study.as_of - timedelta(days=follow_days(study) + DAYS_TO_FOLLOW))


@needs()
def drawn(study: Study, touched: Touched) -> pd.DataFrame:
    """Name the rows of the figure."""
    table = touched.table
    return table.assign(
        days=follow_days(study),
        label=[_(WORDS[name]) for name in table["exposure"]],
        against=[_(AGAINST[name]) for name in table["against"]],
    )


@silent
def show_touches(study: Study, touched: Touched) -> ShownTable | CannotSay:
    """Show who met what, what they did after, what comparable others did, and the difference."""
    days = follow_days(study)
    shown = touched.table.assign(
        exposure=[_(WORDS[name]) for name in touched.table["exposure"]],
        against=[_(AGAINST[name]) for name in touched.table["against"]],
        **{name: 100 * touched.table[name] for name in ("difference", "low", "high")},
    )
    is_buying = touched.outcome == "purchase"
    columns = [
        Col("exposure", "Who met"),
        Col("against", "compared with"),
        Col("n_exposed", "Customers", "count"),
        Col("exposed", "bought again" if is_buying else "contract ended", "share"),
        Col("others", "of comparable others", "share"),
        Col("difference", "Difference", "points", "low", "high"),
        Col("ratio", "Times as likely", "ratio", "ratio_low", "ratio_high", may_be_empty=True),
    ]
    caption = (
        "After a touch, who buys again in time?" if is_buying else "After a ticket, whose contract ends?"
    )
    words = (
        "Counted: a purchase on one of the {days} days after. Comparable: at the same time silent for as long, with "
        "as many purchases, and a customer for as long."
        if is_buying
        else "Counted: the end of the contract on one of the {days} days after. Comparable: at the same time in the "
        "same month of a contract, and a customer for as long."
    )
    notes = [*touched.notes, *(together(each.reason, each.cure) for each in touched.unsaid)]
    return show_table(shown, columns, caption=caption, note=sentence(words, days=days), notes=notes)


@silent
def show_categories(study: Study, touched: Touched) -> ShownTable | CannotSay:
    """Show each category of tickets against the other tickets, corrected for their number."""
    if isinstance(touched.categories, CannotSay):
        return touched.categories
    table = touched.categories
    shown = table.assign(
        kind=[_(str(kind)) for kind in table["kind"]],
        verdict=[_(_category_verdict(row)) for row in table.to_dict("records")],
        **{name: 100 * table[name] for name in ("difference", "low", "high")},
    )
    columns = [
        Col("kind", "Category of the ticket"),
        Col("n_exposed", "Customers", "count"),
        Col("exposed", "bought again", "share", may_be_empty=True),
        Col("others", "of comparable others", "share", may_be_empty=True),
        Col("difference", "Difference", "points", "low", "high", may_be_empty=True),
        Col("verdict", "Against all other tickets"),
    ]
    note = _(
        "Others: customers with a ticket of another category. The verdict holds for all categories together (Holm "
        "1979); each interval stands for itself."
    )
    return show_table(
        shown, columns, caption="Does the category matter?", note=note, max_rows=_MOST_CATEGORIES
    )


def findings(
    study: Study, bought: Touched | CannotSay, left: Touched | CannotSay | None
) -> list[str | CannotSay]:
    """Say whether slow handling goes with lost purchases, and what a ticket goes with at all."""
    if isinstance(bought, CannotSay):
        tickets_only = isinstance(left, Touched)
        return [_ticket_words(study, left) if tickets_only else bought]  # type: ignore[arg-type]
    rows = _by_exposure(bought)
    found: list[str | CannotSay] = []
    if ("slow", "fast") in rows:
        found.append(_handling_words(study, rows["slow", "fast"]))
    elif "tickets" in study.tables:
        found += bought.unsaid[:1]
    if ("ticket", "") in rows:
        found.append(_ticket_words(study, bought))
    return found or list(bought.unsaid[:1])


def key_figures(
    study: Study, bought: Touched | CannotSay, left: Touched | CannotSay | None
) -> list[Estimate | CannotSay]:
    """List the differences, by touch and by category of tickets."""
    figures: list[Estimate | CannotSay] = []
    for touched, name in ((bought, "repurchase_difference"), (left, "churn_difference")):
        if touched is None:
            continue
        if isinstance(touched, CannotSay):
            figures.append(touched)
            continue
        for row in touched.table.to_dict("records"):
            segment = {"exposure": str(row["exposure"]), "against": str(row["against"]) or "none"}
            figures.append(_difference(name, row, segment))
        if isinstance(touched.categories, pd.DataFrame):
            rated = touched.categories[touched.categories["verdict"] == "rated"]
            for row in rated.to_dict("records"):
                segment = {"exposure": "ticket", "against": "other tickets", "category": str(row["kind"])}
                figures.append(_difference(name, row, segment))
    return figures


def _by_exposure(touched: Touched) -> dict[tuple[str, str], dict[Any, Any]]:
    return {(row["exposure"], row["against"]): row for row in touched.table.to_dict("records")}


def _difference(name: str, row: Mapping[Any, Any], segment: Mapping[str, str]) -> Estimate:
    value, low, high = (100 * float(row[column]) for column in ("difference", "low", "high"))
    return Estimate(name, value, "points", int(row["n_exposed"]), low, high, segment)


def _shares(row: Mapping[Any, Any]) -> dict[str, Estimate]:
    shares = {name: Estimate(name, float(row[name]), "share") for name in ("exposed", "others")}
    return shares | {"gap": _difference("difference", row, {})}


def _handling_words(study: Study, row: Mapping[Any, Any]) -> str:
    told = _shares(row)
    days, slow = follow_days(study), study.params.lifecycle.slow_ticket_days
    said = sentence(
        "Of customers whose ticket was not closed within {slow} days, {exposed} bought again in the {days} days after, "
        "against {others} where it was: {gap} percentage points.",
        slow=slow,
        days=days,
        **told,
    )
    gap = told["gap"]
    assert gap.low is not None and gap.high is not None
    if gap.high < 0:
        advice = sentence(
            "Close tickets within {slow} days, for half of them at random at first: only that shows what it saves.",
            slow=slow,
        )
    elif gap.low > 0:
        advice = _(
            "Slow handling is not shown to cost purchases: look first at which tickets take long, and why."
        )
    else:
        advice = sentence(
            "That is within chance: with so few tickets only a difference of {least} points or more would probably "
            "show. Do not conclude that speed does not matter; look again with more tickets.",
            least=f"{_FOUND / _HALF * (gap.high - gap.low) / 2:.1f}",
        )
    return together(said, advice)


def _ticket_words(study: Study, touched: Touched) -> str | CannotSay:
    row = _by_exposure(touched).get(("ticket", ""))
    if row is None:
        return touched.unsaid[0]
    told = _shares(row)
    is_buying = touched.outcome == "purchase"
    words = (
        "{exposed} of customers bought again within {days} days after a ticket, {others} of comparable ones without: "
        "{gap} percentage points."
        if is_buying
        else "{exposed} of contracts ended within {days} days after a ticket, {others} of comparable ones without: "
        "{gap} percentage points."
    )
    gap = told["gap"]
    assert gap.low is not None and gap.high is not None
    is_more, is_less = gap.low > 0, gap.high < 0
    is_good, is_bad = (is_more, is_less) if is_buying else (is_less, is_more)
    if is_good:
        advice = _("Who complains is still there: answer, and worry about those who have fallen silent.")
    elif is_bad:
        advice = _("Call these customers before that time is over, and ask what went wrong.")
    else:
        advice = _("That is within chance: a ticket alone is no sign of leaving.")
    return together(sentence(words, days=follow_days(study), **told), advice)


def _category_verdict(row: Mapping[Any, Any]) -> str:
    if row["verdict"] == "few":
        return "too few customers to be rated"
    if row["verdict"] == "alike" or np.isnan(row["p_adjusted"]) or row["p_adjusted"] >= _SIGNIFICANT:
        return "no clear difference"
    return "more than other tickets" if row["difference"] > 0 else "less than other tickets"
