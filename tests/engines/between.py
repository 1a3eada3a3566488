"""The small client in one engine, and what stands between two reductions there: made once, kept as a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from engines.small_client import AS_OF

from cam.measures.lifecycle.stages import StageRules, bought_months, pattern_stages, stage_codes
from cam.reduce import (
    answer_outcomes,
    behaviour,
    churn_features,
    cohort_revenue,
    current_value,
    durations,
    earnings,
    funnel,
    known_at,
    migration,
    occasions,
    payback,
    profiles,
    respondents,
    retention_list,
    scores,
    segment_value,
    serving,
    stages,
    states,
    summary,
    tenures,
    ticket_effects,
    tickets,
    value_potential,
)

EARLIER = date(2025, 9, 30)
CUT = date(2026, 1, 31)
STARTS = [date(2025, 7, 1), date(2025, 10, 1), date(2026, 1, 1), date(2026, 4, 1)]
ITEMS = ["i1", "i2", "i3"]
RULES = StageRules(loyal_months=4, at_risk_months=2, dormant_months=4, lost_months=9)
AGES = {"as_of": AS_OF, "min_days": 91}
EFFECT = {"last": date(2026, 5, 31), "n_periods": 6, "follow_days": 30}


@dataclass
class Client:
    """The prepared tables in one engine, and what was made of them there."""

    engine: Any
    tables: dict[str, ir.Table]
    made: dict[str, ir.Table] = field(default_factory=dict)

    def __getattr__(self, name: str) -> ir.Table:
        return self.tables[name]

    def keep(self, name: str, make: Callable[[], Any]) -> ir.Table:
        """A table of the engine, made when it is first asked for."""
        if name not in self.made:
            self.made[name] = self.engine.create_table(f"kept_{name}", make(), overwrite=True)
        return self.made[name]


def people(t: Client) -> ir.Table:
    return t.keep("summary", lambda: summary.customer_summary(t.transactions, as_of=AS_OF))


def patterns(t: Client) -> ir.Table:
    log = t.transactions
    return t.keep("patterns", lambda: states.customer_patterns(log, first=date(2020, 1, 1), as_of=AS_OF))


def in_stages(t: Client) -> ir.Table:
    """Customers in their stages at an earlier month's end."""

    def of_patterns() -> pd.DataFrame:
        found = states.activity_patterns(patterns(t)).execute()
        bought = bought_months(found, n_months=states.month_of(AS_OF) - states.month_of(date(2020, 1, 1)) + 1)
        month = states.month_of(EARLIER) - states.month_of(date(2020, 1, 1))
        return pattern_stages(found, bought, stage_codes(bought, rules=RULES), month=month)

    return stages.customer_stages(patterns(t), t.keep("pattern_stages", of_patterns))


def scored_people(t: Client) -> ir.Table:
    """Customers with a segment by their revenue, and odd probabilities from their own numbers."""

    def make() -> ir.Table:
        rows = people(t)
        three = scores.score_by_limits(rows.revenue.cast("float64"), [100, 300])
        return rows.mutate(
            segment=three.cast("string"),
            value=rows.revenue,
            monetary=rows.monetary_value,
            p_churn=(rows.days_since_last % 97) / 97.0,
            p_alive=1.0 - (rows.days_since_last % 53) / 60.0,
            clv_if_stays=(rows.T * 7.77).cast("decimal(18,2)"),
        )

    return t.keep("scored_people", make)


def orders(t: Client) -> ir.Table:
    return t.keep("orders", lambda: behaviour.orders(t.transactions, as_of=AS_OF))


def levels(t: Client) -> ir.Table:
    return t.keep("levels", lambda: behaviour.order_levels(t.transactions, "category", as_of=AS_OF))


def places(t: Client) -> ir.Table:
    found = pd.DataFrame(
        {"level": ["tea", "Tee", "gifts", "书"], "place": [3, 1, 2, 4], "shown": [1, 1, 2, 11]}
    )
    return t.keep("places", lambda: found)


def answers(t: Client) -> ir.Table:
    return t.keep("answers", lambda: answer_outcomes.answer_days(t.responses, score="nps"))


def moments(t: Client) -> ir.Table:
    return t.keep(
        "moments",
        lambda: ibis.union(
            *(
                churn_features.base_at(t.tables, basis="purchases", cut_off=day, observation_days=365)
                for day in (EARLIER, CUT)
            )
        ),
    )


def rows_known(t: Client) -> dict[str, ir.Table]:
    return known_at.known_at({name: t.tables[name] for name in t.tables if name != "snapshot"}, moments(t))


def members(t: Client) -> ir.Table:
    groups = t.customers.select("customer_id", group=t.customers.acquisition_channel)
    return t.keep(
        "members", lambda: cohort_revenue.cohort_members(t.transactions, as_of=AS_OF, groups=groups)
    )


def leads_followed(t: Client) -> ir.Table:
    firsts = funnel.first_days(t.transactions, as_of=AS_OF)
    return t.keep("leads_followed", lambda: funnel.follow_leads(t.leads, firsts, as_of=AS_OF))


def lead_groups(t: Client) -> ir.Table:
    return t.keep("lead_groups", lambda: funnel.with_groups(leads_followed(t), n_channels=2))


def earned(t: Client) -> ir.Table:
    return t.keep(
        "earned",
        lambda: earnings.customer_earnings(t.transactions, as_of=AS_OF, margin_rate=0.35, has_margin=True),
    )


def refunded(t: Client) -> ir.Table:
    return t.keep("refunded", lambda: serving.refunded_orders(t.transactions, as_of=AS_OF))


def opened(t: Client) -> ir.Table:
    return t.keep("opened", lambda: serving.tickets_opened(t.tickets, as_of=AS_OF))


def held(t: Client) -> ir.Table:
    return t.keep("held", lambda: tenures.contract_tenures(t.contracts, as_of=AS_OF))


def times(t: Client) -> ir.Table:
    return t.keep("times", lambda: tickets.ticket_times(t.tickets, as_of=AS_OF, keep=["category"]))


def spans(t: Client) -> ir.Table:
    return t.keep("spans", lambda: ticket_effects.purchase_spans(t.transactions, as_of=AS_OF))


def stood(t: Client) -> ir.Table:
    return t.keep("stood", lambda: ticket_effects.standings(spans(t), **EFFECT))


def touched(t: Client) -> ir.Table:
    met = ticket_effects.ticket_touches(t.tickets, kind="category")
    return t.keep("touched", lambda: ticket_effects.place_touches(spans(t), met, **EFFECT))


def lasted(t: Client) -> ir.Table:
    return t.keep("lasted", lambda: durations.contract_durations(t.contracts, as_of=AS_OF))


def won(t: Client) -> ir.Table:
    rows = t.customers.filter(t.customers.acquired_date.notnull())
    return t.keep(
        "won", lambda: payback.quarter_cohorts(rows, first=date(2024, 1, 1), last=date(2025, 12, 31))
    )


def in_window(t: Client, name: str, end: date) -> ir.Table:
    """Who bought in a window, with scores and a segment."""

    def make() -> ir.Table:
        rows = summary.customer_summary(migration.window_orders(t.transactions, end=end, days=270), as_of=end)
        spent = rows.revenue.cast("float64")
        return rows.select(
            "customer_id",
            rfm_segment=scores.score_by_limits(spent, [60, 150]).cast("string"),
            r_score=scores.score_by_limits(rows.days_since_last, [30, 90], less_is_better=True),
            f_score=scores.score_by_limits(rows.frequency, [0, 1]),
            m_score=scores.score_by_limits(spent, [60, 150]),
        )

    return t.keep(name, make)


def window_money(t: Client) -> ir.Table:
    return t.keep(
        "window_money",
        lambda: migration.window_revenue(t.transactions, earlier=EARLIER, as_of=AS_OF, days=270),
    )


def moved(t: Client) -> ir.Table:
    before, after = in_window(t, "before", EARLIER), in_window(t, "after", AS_OF)
    return t.keep(
        "moved", lambda: migration.join_states(people(t), window_money(t), before, after, earlier=EARLIER)
    )


def occasion_days(t: Client) -> ir.Table:
    days = pd.date_range("2024-01-01", "2026-06-30", freq="D")
    frame = pd.DataFrame({"day": days, "occasion": np.arange(len(days)) // 90 + 1})
    return t.keep("occasion_days", lambda: frame)


def histories(t: Client) -> ir.Table:
    return t.keep(
        "histories",
        lambda: occasions.occasion_histories(t.transactions, occasion_days(t), as_of=AS_OF, n_seen=8),
    )


def attributes(t: Client) -> ir.Table:
    def make() -> ir.Table:
        of = profiles.attribute_columns(t.customers, prefix="of_")
        return scored_people(t).left_join(of, "customer_id").drop("customer_id_right")

    return t.keep("attributes", make)


def respondents_with_levels(t: Client) -> ir.Table:
    def make() -> ir.Table:
        last = respondents.last_answers(t.responses, score="nps", bands=(6, 9))
        joined = people(t).left_join(last, "customer_id").drop("customer_id_right")
        tier = scores.score_by_limits(joined.revenue.cast("float64"), [100, 300]).cast("string")
        happy = (joined.csat >= 4).ifelse(1, 0)
        return joined.mutate(tier=tier, answered=joined.day.notnull().ifelse(1, 0), satisfied=happy)

    return t.keep("respondents_with_levels", make)


def valued(t: Client) -> ir.Table:
    """Customers with what places them between value and potential."""

    def make() -> ir.Table:
        value = current_value.discounted_orders(
            t.transactions, as_of=AS_OF, annual_rate=0.1, margin_rate=0.35
        )
        year = current_value.yearly_revenue(t.transactions, **AGES)
        joined = value.left_join(year, "customer_id").drop("customer_id_right")
        wallets = t.customers.select("customer_id", "wallet")
        return joined.left_join(wallets, "customer_id").drop("customer_id_right")

    return t.keep("valued", make)


def placed(t: Client) -> ir.Table:
    return t.keep(
        "placed", lambda: value_potential.place_values(valued(t), potential="wallet_gap", margin=0.4, z=1.96)
    )


def quadrants(t: Client) -> ir.Table:
    lines = {"value_line": 60.0, "potential_line": 90.0, "value_limits": (50.0, 70.0)}
    return t.keep("quadrants", lambda: value_potential.name_quadrants(placed(t), **lines))


def profits(t: Client) -> ir.Table:
    def make() -> ir.Table:
        joined = people(t).inner_join(earned(t).select("customer_id", profit="margin"), "customer_id")
        return segment_value.place_customers(joined, min_days=90, has_alive=False)

    return t.keep("profits", make)


def lost(t: Client) -> ir.Table:
    return t.keep("lost", lambda: retention_list.with_losses(at_risk(t), worths(t), share=0.8))


def at_risk(t: Client) -> ir.Table:
    return scored_people(t).select("customer_id", "p_churn")


def worths(t: Client) -> ir.Table:
    return scored_people(t).select("customer_id", "p_alive", "clv_if_stays")


def ranked(t: Client) -> ir.Table:
    costs = {"offer_cost": 10.0, "contact_cost": 1.5, "save_rate": 0.3, "budget": 250.0}
    return t.keep("ranked", lambda: retention_list.retention_list(lost(t), worths(t), **costs))


def cells_scored(t: Client) -> tuple[ir.Table, ir.Table]:
    """Every cell with numbers as a model might give, and what spend is expected of whom."""

    def make() -> ir.Table:
        cells = summary.cells(people(t)).drop("n_customers")
        alive = (cells.recency + 1) / (cells.T + 2)
        found = {"p_alive": alive, "expected_purchases": alive * 5.5, "discounted_purchases": alive * 5.1}
        ends = {"": 1.0, "_low": 0.8, "_high": 1.25}
        return cells.mutate(
            **{f"{name}{end}": value * by for name, value in found.items() for end, by in ends.items()}
        )

    known = pd.DataFrame({"frequency": np.arange(10), "base": 20.0 / np.arange(1, 11), "slope": 0.07})
    known = known.assign(var_base=0.3, covariance=0.001, var_slope=0.0002)
    return t.keep("cells_scored", make), t.keep("by_frequency", lambda: known)
