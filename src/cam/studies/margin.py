"""What a client's margin rests on: the cost of each order, an assumed rate, or nothing."""

from __future__ import annotations

import ibis.expr.types as ir

from cam.estimate import CannotSay
from cam.language import sentence, value_text
from cam.language import translate as _
from cam.studies.study import Study


def lacks_margin(study: Study, decided: str) -> CannotSay | None:
    """Say what margin needs, or nothing where it is known or assumed."""
    if study.params.value.margin_rate is not None:
        return None
    cure = _("Set value.margin_rate, or map the column cost under data.transactions.columns.")
    if decided == "contractual":
        return CannotSay(_("Margin is not known."), _("Set value.margin_rate."))
    if "cost" not in study.tables["transactions"].columns:
        return CannotSay(_("Margin is not known: transactions have no cost."), cure)
    n = _n_uncosted(study)
    if not n:
        return None
    return CannotSay(
        sentence("Margin is not known: {n} rows of transactions have no cost.", n=n),
        _("Fill it at the source, or set value.margin_rate, which then stands for these rows."),
    )


def margin_words(study: Study, decided: str) -> str:
    """Say where the margin comes from, where there is one."""
    rate = study.params.value.margin_rate
    assumed = "" if rate is None else value_text(rate, "share")
    if decided == "contractual" or "cost" not in study.tables["transactions"].columns:
        return sentence("an assumption: {rate} of revenue (value.margin_rate)", rate=assumed)
    n = _n_uncosted(study)
    if not n:
        return _("revenue less the cost of each order")
    return sentence(
        "revenue less cost; {n} rows have no cost, and for these {rate} of revenue is assumed (value.margin_rate)",
        n=n,
        rate=assumed,
    )


def has_cost(study: Study, customers: ir.Table) -> bool:
    """Whether margin was measured: an assumed rate is no finding."""
    transactions = study.tables.get("transactions")
    return "n_orders" in customers.columns and transactions is not None and "cost" in transactions.columns


def _n_uncosted(study: Study) -> int:
    return int(study.tables["transactions"].cost.isnull().sum().execute() or 0)
