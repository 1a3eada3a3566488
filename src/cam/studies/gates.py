"""What parts of the studies need of a client, asked of tables and parameters before anything is run.

A gate says what is missing, or nothing. Where a study has a step that judges it at little cost, the gate is that step,
so that the two cannot differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import ibis

from cam.data.profile import Profile, TableProfile
from cam.estimate import CannotSay
from cam.language import date_text, listed, sentence, together
from cam.language import translate as _
from cam.reduce.profiles import attribute_columns
from cam.studies import (
    acquisition,
    attitude_items,
    churn,
    churn_experiment,
    churn_profit,
    contracts_value,
    driver_items,
    earnings,
    marginal,
    migration,
    profiles,
    repeat_buying,
    satisfaction,
)
from cam.studies.answers_followed import scored
from cam.studies.churn_label import days_to_label
from cam.studies.margin import lacks_margin
from cam.studies.study import Study

Gate = Callable[[Study, Profile], CannotSay | None]

#: As the studies' own limit: fewer comments make no themes.
_FEWEST_COMMENTS = 100


def _said(result: Any) -> CannotSay | None:
    return result if isinstance(result, CannotSay) else None


def has(table: str, *columns: str) -> Gate:
    """Ask for a table, or for columns of it."""

    def gate(study: Study, seen: Profile) -> CannotSay | None:
        if table in study.tables:
            return study.lacks_column(table, *columns)
        # Shorter than on a study's page: a check may say it many times.
        return CannotSay(
            sentence("This needs the table {table}.", table=_(table)),
            sentence("Add it under data.{table}.", table=table),
        )

    return gate


def has_any(table: str, *columns: str) -> Gate:
    """Ask for one of several columns."""

    def gate(study: Study, seen: Profile) -> CannotSay | None:
        lacking = has(table)(study, seen)
        if lacking or set(columns) & set(study.tables[table].columns):
            return lacking
        return CannotSay(
            sentence(
                "This needs one of {columns} in the table {table}.", columns=listed(columns), table=_(table)
            ),
            sentence("If the source has it by another name, map it under data.{table}.columns.", table=table),
        )

    return gate


def either(*gates: Gate) -> Gate:
    """Pass where one of them passes; else say what the first lacks."""

    def gate(study: Study, seen: Profile) -> CannotSay | None:
        said = [each(study, seen) for each in gates]
        return said[0] if all(said) else None

    return gate


def setting(study: Study, seen: Profile) -> CannotSay | None:
    """How customers leave is known."""
    return _said(earnings.setting(study))


def margin(study: Study, seen: Profile) -> CannotSay | None:
    """A margin is measured or assumed."""
    decided = earnings.setting(study)
    return decided if isinstance(decided, CannotSay) else lacks_margin(study, decided)


def customers(least: int) -> Gate:
    """Customers who bought, of whom fewer are too few."""

    def gate(study: Study, seen: Profile) -> CannotSay | None:
        n = int(study.prepared.review["tables"]["transactions"]["n_customers"])
        if n >= least:
            return None
        return CannotSay(sentence("{n} customers are too few: {least} are needed.", n=n, least=least))

    return gate


def bought(study: Study, seen: Profile) -> CannotSay | None:
    """Not all transactions are refunds."""
    return nobody_bought(seen)


def nobody_bought(seen: Profile) -> CannotSay | None:
    """Say that no transaction is a purchase, where it is so."""
    log = seen.tables.get("transactions")
    if log is None or log.days:
        return None
    return CannotSay(
        _("Nobody has bought: every row of the transactions is a refund."),
        _("If they are no refunds, the sign of revenue is the wrong way round: turn it at the source."),
    )


def value_measure(study: Study, seen: Profile) -> CannotSay | None:
    """What the M of RFM is can be had."""
    name = study.params.segmentation.value_measure
    if name in ("revenue", "n_orders"):
        return None
    return lacks_margin(study, "non_contractual") if name == "margin" else has("customers", name)(study, seen)


def two_windows(study: Study, seen: Profile) -> CannotSay | None:
    """The orders reach back far enough for two windows of migration."""
    first = ibis.memtable({"first_date": [churn.first_order(study)]})
    return _said(migration.windows(study, first))


def hours(study: Study, seen: Profile) -> CannotSay | None:
    """Orders have a time of day."""
    days = seen.tables["transactions"].days
    if days is None or days.has_hours:
        return None
    return CannotSay(
        _("All orders stand at midnight: the source knows days, not hours."),
        _("Export order_date with its time of day."),
    )


def places(study: Study, seen: Profile) -> CannotSay | None:
    """A column of customers says where they live."""
    people = attribute_columns(study.tables["customers"], prefix=profiles.PREFIX)
    chosen = profiles.choose(study, people)
    if isinstance(chosen, CannotSay):
        return chosen
    if (chosen["is_place"] & (chosen["use"] == "levels")).any():
        return None
    return CannotSay(
        _("No column of the table customers says where customers live."),
        _("Add one, such as region or city, or name it under segmentation.geography."),
    )


def attitudes(study: Study, seen: Profile) -> CannotSay | None:
    """Customers answered enough attitude items."""
    return _said(attitude_items.items(study))


def hold_out(study: Study, seen: Profile) -> CannotSay | None:
    """The orders are long enough to hold some of them out."""
    return _said(repeat_buying.cut_off(study, study.tables["transactions"]))


def contracts_end(study: Study, seen: Profile) -> CannotSay | None:
    """Some contracts have ended."""
    missing = has("contracts")(study, seen)
    if missing or _known(seen.tables["contracts"], "end_date"):
        return missing
    return CannotSay(
        _("No contract has an end, as in an export that holds running contracts only."),
        _("Export ended contracts too, each with its end_date."),
    )


def renewals(study: Study, seen: Profile) -> CannotSay | None:
    """Enough contracts have been renewed and have ended for a model."""
    return _said(contracts_value.cells(study, contracts_value.tenures(study, "contractual")))


def compared_by(study: Study, seen: Profile) -> CannotSay | None:
    """Groups of customers that study 02 compares; a snapshot is its own table of customers."""
    name = study.params.lifecycle.compare_by or "acquisition_channel"
    if "snapshot" in study.tables and "contracts" not in study.tables:
        return has("snapshot", name)(study, seen)
    return has("customers", name)(study, seen)


def touched(study: Study, seen: Profile) -> CannotSay | None:
    """Anything that happens to customers: tickets first, for the page is about them; else refunds or surveys."""
    lacking = has("tickets", "customer_id")(study, seen)
    review = study.prepared.review["tables"].get("transactions", {})
    others = sum(review.get(kind, {}).get("rows", 0) for kind in ("refunds_netted", "refunds_loose"))
    return None if others or not study.lacks_column("responses", "customer_id") else lacking


def cost(study: Study, seen: Profile) -> CannotSay | None:
    """Some whole months have spend and new customers."""
    months = acquisition.match_months(study)
    return _said(acquisition.overall_cac(study, months))


def cost_by_channel(study: Study, seen: Profile) -> CannotSay | None:
    """Some channel has both."""
    months = acquisition.match_months(study)
    return _said(acquisition.comparable_channels(study, acquisition.cost_by_channel(study, months)))


def response(study: Study, seen: Profile) -> CannotSay | None:
    """Spend and new customers of a channel can be set against each other by month."""
    months = acquisition.match_months(study)
    no_cycle = CannotSay("")
    return _said(marginal.elasticities(study, marginal.monthly_response(study, months, no_cycle)))


def answered(study: Study, seen: Profile) -> CannotSay | None:
    """Somebody has answered."""
    return _said(satisfaction.period(study))


def low_answers(study: Study, seen: Profile) -> CannotSay | None:
    """Answers with nps or csat name their customers."""
    return has("responses")(study, seen) or _said(scored(study))


def surveys(study: Study, seen: Profile) -> CannotSay | None:
    """Questions beside the score have enough answers."""
    return _said(driver_items.surveys(study))


def comments(study: Study, seen: Profile) -> CannotSay | None:
    """There are comments enough for themes."""
    n = _known(seen.tables["responses"], "comment")
    if n >= _FEWEST_COMMENTS:
        return None
    return CannotSay(
        sentence("{n} comments are too few for themes: {least} are needed.", n=n, least=_FEWEST_COMMENTS)
    )


def label(study: Study, seen: Profile) -> CannotSay | None:
    """A way in which leaving shows, and enough history for it."""
    said = []
    if "transactions" in study.tables:
        said.append(churn.lacks_history(study))
    if "contracts" in study.tables:
        said.append(contracts_end(study, seen) or _contracts_ran(study, seen))
    if "snapshot" in study.tables:
        said.append(None)
    if said:
        return None if None in said else said[0]
    return CannotSay(
        _("Who leaves cannot be said without transactions, contracts or a snapshot."),
        _("Add one of them under data; params/template.yaml shows their columns."),
    )


def _contracts_ran(study: Study, seen: Profile) -> CannotSay | None:
    period = seen.tables["contracts"].period
    cut_off = study.as_of - timedelta(days=days_to_label(study))
    if period is None or period[0] <= cut_off:
        return None
    return CannotSay(
        sentence("No contract ran on {day}, the cut-off.", day=date_text(cut_off)),
        _("Shorten churn.horizon_days, or run the report again when the contracts are older."),
    )


def dated(study: Study, seen: Profile) -> CannotSay | None:
    """Leaving has dates."""
    if {"transactions", "contracts"} & set(study.tables):
        return None
    return CannotSay(
        _("Churn over time needs dated orders or contracts, over enough months."),
        _("Add dated transactions or contracts under data."),
    )


def silence(study: Study, seen: Profile) -> CannotSay | None:
    """The orders reach back as far as the label of silence needs."""
    return churn.lacks_history(study)


def tested(study: Study, seen: Profile) -> CannotSay | None:
    """Customers can be put back to a day before they left."""
    if {"transactions", "contracts"} & set(study.tables):
        return None
    return CannotSay(
        _(
            "What calling would have earned cannot be tested on a snapshot: it has no dates, so nobody can be put "
            "back to a day before they left."
        ),
        _("Add dated transactions or contracts, or try the offer on a random half of the list."),
    )


def offer(study: Study, seen: Profile) -> CannotSay | None:
    """What an offer and a contact cost is set."""
    return _said(churn_profit.offer(study))


def worth(study: Study, seen: Profile) -> CannotSay | None:
    """What a customer who stays is worth: from the data, or assumed."""
    if study.params.churn.offer.customer_value is not None:
        return None
    lacking = margin(study, seen)
    if lacking is None:
        return None
    cure = _("Or set churn.offer.customer_value: what a customer who stays is worth, the same for all.")
    return CannotSay(lacking.reason, together(lacking.cure, cure))


def experiment(study: Study, seen: Profile) -> CannotSay | None:
    """The finished test can be read."""
    return _said(churn_experiment.analyse(study))


def _known(table: TableProfile, column: str) -> int:
    return next((table.n_rows - each.n_missing for each in table.columns if each.name == column), 0)


def is_contractual(study: Study) -> bool:
    """Whether contracts say who has left."""
    return earnings.setting(study) == "contractual"


def is_free(study: Study) -> bool:
    """Whether customers leave without a word, as far as is known."""
    return not is_contractual(study)
