"""Every public reduction of ``cam.reduce``, called on the small client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import ibis.expr.types as ir
import numpy as np
import pandas as pd
from engines.between import (
    AGES,
    CUT,
    EARLIER,
    EFFECT,
    ITEMS,
    STARTS,
    Client,
    answers,
    at_risk,
    attributes,
    cells_scored,
    earned,
    held,
    histories,
    in_stages,
    lasted,
    lead_groups,
    leads_followed,
    levels,
    lost,
    members,
    moments,
    moved,
    opened,
    orders,
    patterns,
    people,
    placed,
    places,
    profits,
    quadrants,
    ranked,
    refunded,
    respondents_with_levels,
    rows_known,
    scored_people,
    spans,
    stood,
    times,
    touched,
    valued,
    window_money,
    won,
    worths,
)
from engines.small_client import AS_OF

from cam.reduce import (
    acquisition,
    answer_outcomes,
    attitudes,
    behaviour,
    churn_features,
    clustering,
    cohort_revenue,
    current_value,
    durations,
    earnings,
    features,
    funnel,
    holdout,
    migration,
    occasions,
    payback,
    period_rates,
    profiles,
    respondents,
    responses,
    retention_list,
    scores,
    segment_value,
    serving,
    stages,
    states,
    summary,
    tenures,
    ticket_counts,
    ticket_effects,
    tickets,
    value_potential,
    worth,
)

Case = Callable[[Client], Any]
CASES: dict[str, Case] = {}


def case(name: str) -> Callable[[Case], Case]:
    def add(make: Case) -> Case:
        assert name not in CASES
        CASES[name] = make
        return make

    return add


def add(name: str, make: Case) -> None:
    case(name)(make)


add("acquisition.spend_by_month", lambda t: acquisition.spend_by_month(t.spend))
add("acquisition.spend_by_month: lag", lambda t: acquisition.spend_by_month(t.spend, lag_days=20))
add("acquisition.acquired_by_month", lambda t: acquisition.acquired_by_month(t.customers))
add("acquisition.lead_delays", lambda t: acquisition.lead_delays(t.leads, t.customers, as_of=AS_OF))

add("answer_outcomes.answer_days", lambda t: answer_outcomes.answer_days(t.responses, score="nps"))
add("answer_outcomes.last_answers", lambda t: answer_outcomes.last_answers(answers(t)))
add(
    "answer_outcomes.purchase_outcomes",
    lambda t: answer_outcomes.purchase_outcomes(
        answers(t), t.transactions, as_of=AS_OF, follow_days=90, has_margin=True, margin_rate=0.35
    ),
)
add(
    "answer_outcomes.contract_outcomes",
    lambda t: answer_outcomes.contract_outcomes(
        answers(t), t.contracts, as_of=AS_OF, follow_days=90, margin_rate=0.35
    ),
)
add(
    "answer_outcomes.low_answers",
    lambda t: answer_outcomes.low_answers(
        answer_outcomes.last_answers(answers(t)),
        low=6,
        since=date(2025, 6, 1),
        worth=answer_outcomes.recent_revenue(t.transactions, as_of=AS_OF),
        tickets=t.tickets,
    ),
)
add("answer_outcomes.recent_revenue", lambda t: answer_outcomes.recent_revenue(t.transactions, as_of=AS_OF))

add("attitudes.review_items", lambda t: attitudes.review_items(t.customers, ITEMS))
add("attitudes.item_sums", lambda t: attitudes.item_sums(t.customers, ITEMS))
add(
    "attitudes.factor_scores",
    lambda t: attitudes.factor_scores(
        t.customers, {"one": {"": -0.5, "i1": 1.1, "i2": 0.25}, "two": {"": 0.1, "i3": -0.3}}
    ),
)

add("behaviour.orders", lambda t: behaviour.orders(t.transactions, as_of=AS_OF))
add("behaviour.order_levels", lambda t: behaviour.order_levels(t.transactions, "category", as_of=AS_OF))
add("behaviour.merge_levels", lambda t: behaviour.merge_levels(levels(t), places=places(t)))
add("behaviour.level_counts", lambda t: behaviour.level_counts(levels(t)))
add("behaviour.mix_sums", lambda t: behaviour.mix_sums(levels(t)))
add(
    "behaviour.order_value_quantiles",
    lambda t: behaviour.order_value_quantiles(orders(t), low=0.005, high=0.995),
)
add("behaviour.ratio_sums", lambda t: behaviour.ratio_sums(orders(t), top="discount", bottom="price"))
add("behaviour.discount_depth", lambda t: behaviour.discount_depth(orders(t), limits=[0, 0.1, 0.2]))
add("behaviour.week_cells", lambda t: behaviour.week_cells(orders(t)))
add("behaviour.gap_cells", lambda t: behaviour.gap_cells(orders(t), as_of=AS_OF, n_parts=7))
add("behaviour.main_levels", lambda t: behaviour.main_levels(levels(t), places=places(t)))
add("behaviour.habits", lambda t: behaviour.habits(orders(t)))

for _basis in ("purchases", "contract"):
    add(
        f"churn_features.base_at: {_basis}",
        lambda t, basis=_basis: churn_features.base_at(
            t.tables, basis=basis, cut_off=CUT, observation_days=365
        ),
    )
add(
    "churn_features.churn_features",
    lambda t: churn_features.churn_features(
        rows_known(t),
        moments(t),
        observation_days=365,
        attributes={"city": "own_city", "income": "own_income", "is_member": "own_member"},
    ),
)
add(
    "churn_features.attribute_features",
    lambda t: churn_features.attribute_features(t.customers, {"city": "a", "income": "b", "n_children": "c"}),
)
add(
    "churn_features.own_columns",
    lambda t: churn_features.own_columns(t.customers, read=["customer_id", "wallet"], most_levels=6),
)

FEATURES = ["frequency", "monetary_value", "segment"]
CLUSTERS = {
    "offsets": [0.0, 5.0, -2.0],
    "slopes": {"frequency": [0.0, -2.0, 0.5], "monetary_value": [0.0, 0.01, -1.0]},
    "logged": ["monetary_value"],
    "levels": {"segment": {"1": [0.0, 1.0, 2.0], "3": [0.5, 0.0, -1.0]}},
}
add("clustering.review_features", lambda t: clustering.review_features(scored_people(t), FEATURES))
add("clustering.complete_customers", lambda t: clustering.complete_customers(scored_people(t), FEATURES))
add("clustering.systematic_sample", lambda t: clustering.systematic_sample(people(t), n=200, most=37))
add("clustering.assign_clusters", lambda t: clustering.assign_clusters(scored_people(t), **CLUSTERS))
add(
    "clustering.count_clusters",
    lambda t: clustering.count_clusters(clustering.assign_clusters(scored_people(t), **CLUSTERS)),
)

add("cohort_revenue.cohort_members", lambda t: cohort_revenue.cohort_members(t.transactions, as_of=AS_OF))
add("cohort_revenue.cohort_members: groups", members)
add("cohort_revenue.cohort_sizes", lambda t: cohort_revenue.cohort_sizes(members(t)))
add(
    "cohort_revenue.cohort_revenue",
    lambda t: cohort_revenue.cohort_revenue(t.transactions, members(t), as_of=AS_OF),
)
add("cohort_revenue.customer_cohorts", lambda t: cohort_revenue.customer_cohorts(people(t), as_of=AS_OF))
add(
    "cohort_revenue.is_seen",
    lambda t: t.transactions.select(
        "customer_id", "order_date", seen=cohort_revenue.is_seen(t.transactions, CUT)
    ),
)

add(
    "current_value.discounted_orders",
    lambda t: current_value.discounted_orders(
        t.transactions,
        as_of=AS_OF,
        annual_rate=0.1,
        margin_rate=0.35,
        costs={"order": 1.255, "refund": 3.0, "ticket": 7.77},
        tickets=t.tickets,
    ),
)
add(
    "current_value.discounted_fees",
    lambda t: current_value.discounted_fees(
        t.contracts, as_of=AS_OF, annual_rate=0.1, margin_rate=0.7, ticket_cost=2.5, tickets=t.tickets
    ),
)
add("current_value.yearly_revenue", lambda t: current_value.yearly_revenue(t.transactions, **AGES))
add("current_value.yearly_fees", lambda t: current_value.yearly_fees(t.contracts, **AGES))

add("durations.contract_durations", lambda t: durations.contract_durations(t.contracts, as_of=AS_OF))
add(
    "durations.contract_durations: cut",
    lambda t: durations.contract_durations(t.contracts, as_of=AS_OF, data_start=date(2024, 9, 1), gap_days=1),
)
add(
    "durations.second_purchase_durations",
    lambda t: durations.second_purchase_durations(t.transactions, as_of=AS_OF, first_from=date(2024, 3, 1)),
)
add(
    "durations.silence_durations",
    lambda t: durations.silence_durations(t.transactions, as_of=AS_OF, lost_days=120, from_purchase=2),
)
add("durations.snapshot_durations", lambda t: durations.snapshot_durations(t.snapshot, window_months=6))
add(
    "durations.duration_cells",
    lambda t: durations.duration_cells(lasted(t), attributes=t.customers, columns=["acquisition_channel"]),
)

add("earnings.customer_earnings", earned)
add(
    "earnings.contract_earnings",
    lambda t: earnings.contract_earnings(t.contracts, as_of=AS_OF, margin_rate=0.7),
)
add(
    "earnings.earnings_sums",
    lambda t: earnings.earnings_sums(earned(t), ["n_orders", "revenue", "margin"]),
)
add(
    "earnings.ranked_groups",
    lambda t: earnings.ranked_groups(earned(t), "margin", n_groups=20, cut_at_zero=True),
)
add(
    "earnings.rounded_money",
    lambda t: people(t).select("customer_id", money=earnings.rounded_money(people(t).T * 1.005)),
)
add(
    "earnings.whole_units",
    lambda t: people(t).select("customer_id", cents=earnings.whole_units(people(t).revenue)),
)

LOOKED = {"cut_off": EARLIER, "horizon_days": 90, "gap_days": 7}
add(
    "features.customers_at",
    lambda t: features.customers_at(t.transactions, observation_days=365, as_of=AS_OF, **LOOKED),
)
add("features.contracts_at", lambda t: features.contracts_at(t.contracts, **LOOKED))
add(
    "features.churn_counts",
    lambda t: features.churn_counts(
        features.customers_at(t.transactions, observation_days=365, as_of=AS_OF, **LOOKED), limits=[30, 90]
    ),
)

add("funnel.first_days: transactions", lambda t: funnel.first_days(t.transactions, as_of=AS_OF))
add("funnel.first_days: contracts", lambda t: funnel.first_days(t.contracts, as_of=AS_OF))
add(
    "funnel.follow_leads",
    lambda t: funnel.follow_leads(
        t.leads, funnel.first_days(t.transactions, as_of=AS_OF), as_of=AS_OF, since=date(2024, 6, 1)
    ),
)
add("funnel.with_groups", lead_groups)
add("funnel.stage_cells", lambda t: funnel.stage_cells(lead_groups(t)))
add("funnel.standing_cells", lambda t: funnel.standing_cells(leads_followed(t), prospect_days=60))

HELD_OUT = {"calibration_end": EARLIER, "as_of": AS_OF}
add("holdout.holdout_cells", lambda t: holdout.holdout_cells(t.transactions, **HELD_OUT))
add("holdout.purchases_by_day", lambda t: holdout.purchases_by_day(t.transactions, **HELD_OUT))

for _name in ("transactions", "contracts", "tickets", "responses", "customers"):
    add(f"known_at.known_at: {_name}", lambda t, name=_name: rows_known(t)[name])

add("migration.window_orders", lambda t: migration.window_orders(t.transactions, end=EARLIER, days=90))
add("migration.window_revenue", window_money)
add("migration.join_states", moved)
add("migration.count_flows", lambda t: migration.count_flows(moved(t)))

add("occasions.purchase_days", lambda t: occasions.purchase_days(t.transactions, as_of=AS_OF))
add("occasions.occasion_histories", histories)


@case("occasions.occasion_scores")
def _occasion_scores(t: Client) -> ir.Table:
    columns = ["frequency", "recency", "n_opportunities"]
    cells = histories(t).select(*columns).distinct()
    alive = (cells.frequency + 1) / (cells.n_opportunities + 2)
    return occasions.occasion_scores(
        histories(t), t.keep("occasion_cells", lambda: cells.mutate(p_alive=alive))
    )


add("payback.quarter_cohorts", won)
add("payback.cohort_sizes", lambda t: payback.cohort_sizes(won(t)))
add(
    "payback.margin_by_age",
    lambda t: payback.margin_by_age(
        t.transactions, won(t), as_of=AS_OF, daily_discount=0.0003, margin_rate=0.35
    ),
)

add(
    "period_rates.purchase_cells",
    lambda t: period_rates.purchase_cells(t.transactions, starts=STARTS, end=AS_OF),
)
add(
    "period_rates.contract_cells",
    lambda t: period_rates.contract_cells(t.contracts, days=[start - timedelta(days=1) for start in STARTS]),
)

add("profiles.attribute_columns", lambda t: profiles.attribute_columns(t.customers, prefix="of_"))
for _name in ("of_city", "of_n_children", "of_is_member"):
    add(
        f"profiles.level_counts: {_name}",
        lambda t, name=_name: profiles.level_counts(attributes(t), name, by="segment", n_levels=3),
    )
NUMBERS = ["of_age", "of_income", "of_i1", "of_i3"]
add("profiles.number_reach", lambda t: profiles.number_reach(attributes(t), NUMBERS))
add(
    "profiles.number_sums",
    lambda t: profiles.number_sums(
        attributes(t), {"of_age": 1.0, "of_income": 0.01, "of_i1": 0.5}, by="segment"
    ),
)
add(
    "profiles.known_sums",
    lambda t: profiles.known_sums(
        attributes(t), ["of_city", "of_age"], ["n_orders", "revenue"], by="segment"
    ),
)

add(
    "respondents.last_answers",
    lambda t: respondents.last_answers(t.responses, score="nps", bands=(6, 9)),
)
add("respondents.asked", lambda t: respondents.asked(t.responses, score="nps"))
add(
    "respondents.years_since",
    lambda t: people(t).select(
        "customer_id", years=respondents.years_since(people(t).first_date, AS_OF, most=5)
    ),
)
add("respondents.largest_levels", lambda t: respondents.largest_levels(t.customers, "city", most=6))
add("respondents.answer_cells", lambda t: respondents.answer_cells(respondents_with_levels(t), ["tier"]))
add("respondents.delay_counts", lambda t: respondents.delay_counts(respondents_with_levels(t), most=30))


def _answers_by_wave(t: Client) -> ir.Table:
    rows = t.responses.filter(t.responses.nps.notnull() & t.responses.response_date.notnull())
    return rows.select("customer_id", "wave", "touchpoint", score=rows.nps, day=rows.response_date)


add("responses.answer_sums", lambda t: responses.answer_sums(_answers_by_wave(t)))
add(
    "responses.answer_sums: by, each",
    lambda t: responses.answer_sums(_answers_by_wave(t), by="wave", each="touchpoint"),
)
add(
    "responses.shared_sums",
    lambda t: responses.shared_sums(_answers_by_wave(t), by="wave", order=["2025-1", "2025-2", "éte"]),
)
add("responses.count_repeats", lambda t: responses.count_repeats(t.responses, by="wave"))
add("responses.count_scores", lambda t: responses.count_scores(t.responses, "csat"))

add("retention_list.with_losses", lost)
add("retention_list.with_odds", lambda t: retention_list.with_odds(at_risk(t), odds=0.37))
add("retention_list.mean_losses", lambda t: retention_list.mean_losses(lost(t), worths(t)))
add("retention_list.retention_list", ranked)
add("retention_list.riskiest", lambda t: retention_list.riskiest(ranked(t), n=23))
add(
    "retention_list.list_sums",
    lambda t: retention_list.list_sums(
        retention_list.riskiest(ranked(t), n=23), offer_cost=10.0, save_rate=0.3
    ),
)

for _less in (True, False):
    add(
        f"scores.score_by_limits: less is better {_less}",
        lambda t, less=_less: people(t).select(
            "customer_id",
            score=scores.score_by_limits(people(t).monetary_value, [20.0, 55.5, 90.0], less_is_better=less),
        ),
    )
add("scores.distinct_values", lambda t: scores.distinct_values(people(t), "monetary_value"))
add("scores.segment_sums", lambda t: scores.segment_sums(scored_people(t), "segment"))

add(
    "segment_value.column_levels",
    lambda t: segment_value.column_levels(t.customers, ["city", "age", "left_on", "i1", "n_children"]),
)
add(
    "segment_value.group_sums",
    lambda t: segment_value.group_sums(attributes(t), "of_city", ["revenue", "n_orders", "T"], n_levels=4),
)
add("segment_value.place_customers", profits)


@case("segment_value.place_customers: alive")
def _place_alive(t: Client) -> ir.Table:
    rows = scored_people(t).mutate(profit=scored_people(t).revenue)
    return segment_value.place_customers(rows, min_days=90, has_alive=True)


add("segment_value.median_rate", lambda t: segment_value.median_rate(profits(t)))
add(
    "segment_value.quadrant_sums",
    lambda t: segment_value.quadrant_sums(profits(t), line=40.0, loyal_from=0.5, unsure=(0.25, 0.75), z=1.96),
)

add("serving.refunded_orders", refunded)
add("serving.tickets_opened", opened)
add("serving.count_strangers", lambda t: serving.count_strangers(opened(t), people(t), "n_tickets"))
add(
    "serving.customer_profit",
    lambda t: serving.customer_profit(
        earned(t),
        rates={"order": 1.255, "refund": 3.335, "ticket": 7.77},
        refunds=refunded(t),
        tickets=opened(t),
    ),
)

add("states.customer_patterns", patterns)
add("states.activity_patterns", lambda t: states.activity_patterns(patterns(t)))
add("stages.customer_stages", in_stages)
add(
    "stages.stage_revenue",
    lambda t: stages.stage_revenue(in_stages(t), t.transactions, first=date(2025, 10, 1), last=AS_OF),
)

add(
    "states.month_number",
    lambda t: people(t).select("customer_id", month=states.month_number(people(t).first_date)),
)
add("states.month_of", lambda t: {"month": states.month_of(AS_OF)})

add("summary.customer_summary", people)
add("summary.cells", lambda t: summary.cells(people(t)))

add("tenures.contract_tenures", held)
add("tenures.tenure_cells", lambda t: tenures.tenure_cells(held(t)))
add("tenures.running_contracts", lambda t: tenures.running_contracts(held(t)))
add("tenures.count_followed", lambda t: tenures.count_followed(t.contracts, as_of=AS_OF))


@case("tenures.contract_scores")
def _contract_scores(t: Client) -> ir.Table:
    ages = pd.DataFrame({"age": np.arange(40)})
    ages["expected_renewals"], ages["residual_clv"] = 5 / (ages["age"] + 1.3), 12.345 / (ages["age"] + 2)
    return tenures.contract_scores(held(t), t.keep("ages", lambda: ages))


add(
    "ticket_counts.daily_flow",
    lambda t: ticket_counts.daily_flow(times(t), overdue_days=7, as_of=AS_OF),
)
add(
    "ticket_counts.active_by_month",
    lambda t: ticket_counts.active_by_month(
        t.transactions, starts=[date(2026, month, 1) for month in range(1, 7)], n_months=3
    ),
)
add(
    "ticket_counts.contracts_by_month",
    lambda t: ticket_counts.contracts_by_month(
        t.contracts, starts=[date(2025, month, 1) for month in range(1, 13)]
    ),
)
add("ticket_counts.kind_sums", lambda t: ticket_counts.kind_sums(times(t), by="category"))
add("ticket_counts.recurrence_cells", lambda t: ticket_counts.recurrence_cells(times(t), as_of=AS_OF))
add("ticket_counts.tickets_each", lambda t: ticket_counts.tickets_each(times(t)))
add(
    "ticket_counts.place_sums",
    lambda t: ticket_counts.place_sums(t.customers, times(t), place="city", since=date(2025, 3, 1)),
)

add("ticket_effects.purchase_spans", spans)
add("ticket_effects.contract_spans", lambda t: ticket_effects.contract_spans(t.contracts, as_of=AS_OF))
add("ticket_effects.standings", stood)
add(
    "ticket_effects.standings: contracts",
    lambda t: ticket_effects.standings(ticket_effects.contract_spans(t.contracts, as_of=AS_OF), **EFFECT),
)
add("ticket_effects.place_touches", touched)
add("ticket_effects.touch_cells", lambda t: ticket_effects.touch_cells(touched(t), stood(t)))
add("ticket_effects.ticket_touches", lambda t: ticket_effects.ticket_touches(t.tickets, kind="category"))
add(
    "ticket_effects.handling_touches",
    lambda t: ticket_effects.handling_touches(t.tickets, slow_days=7, as_of=AS_OF),
)
add("ticket_effects.refund_touches", lambda t: ticket_effects.refund_touches(t.transactions))
for _place in (0, 1):
    add(
        f"ticket_effects.survey_touches: {_place}",
        lambda t, place=_place: ticket_effects.survey_touches(t.responses, low_nps=6, low_csat=2)[place],
    )

for _days in ((), ("closed",), ("closed", "first_reply")):
    add(
        f"tickets.ticket_checks: {_days}",
        lambda t, days=_days: tickets.ticket_checks(t.tickets, as_of=AS_OF, by_day=days),
    )
    add(
        f"tickets.ticket_times: {_days}",
        lambda t, days=_days: tickets.ticket_times(t.tickets, as_of=AS_OF, by_day=days, keep=["category"]),
    )
add("tickets.hours_known", lambda t: tickets.hours_known(t.tickets))
add("tickets.time_cells", lambda t: tickets.time_cells(times(t), outcome="answer", by="category"))
add(
    "tickets.status_counts",
    lambda t: tickets.status_counts(t.tickets, as_of=AS_OF, words=["open", "in progress", "closed"]),
)

add("value_potential.place_values", placed)


@case("value_potential.place_values: residual_clv")
def _place_residual(t: Client) -> ir.Table:
    rows = valued(t)
    clv = rows.yearly_revenue.cast("float64") * 0.7
    rows = rows.mutate(residual_clv=clv, residual_clv_low=clv * 0.5, residual_clv_high=clv * 1.5)
    return value_potential.place_values(rows, potential="residual_clv", margin=0.4, z=1.96)


for _name in ("current_value", "potential"):
    add(f"value_potential.middle: {_name}", lambda t, name=_name: value_potential.middle(placed(t), name))
add(
    "value_potential.at_ranks",
    lambda t: value_potential.at_ranks(placed(t), "potential", low=20, high=60),
)
add("value_potential.name_quadrants", quadrants)
add("value_potential.value_quadrant_sums", lambda t: value_potential.value_quadrant_sums(quadrants(t)))
add("value_potential.rank_sums", lambda t: value_potential.rank_sums(placed(t)))
add(
    "value_potential.density_grid",
    lambda t: value_potential.density_grid(placed(t), value_scale=60.0, potential_scale=90.0),
)

add("worth.worth_cells", lambda t: worth.worth_cells(people(t)))
add("worth.spend_cells", lambda t: worth.spend_cells(people(t)))
add("worth.near_spend_cells", lambda t: worth.near_spend_cells(people(t)))
add(
    "worth.customer_worth",
    lambda t: worth.customer_worth(people(t), *cells_scored(t), margin=0.4, margin_error=0.02, z=1.96),
)
