"""Sentences from estimates: a finding is a number with its interval, never a number typed into prose."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cam.estimate import Estimate
from cam.language.catalogue import active, translate
from cam.language.numbers import interval_text, value_text

#: What a key figure is called in front of a reader. The names on the left are the contract.
NAMES = {
    "n_customers": "Customers",
    "pareto_nbd": "Pareto/NBD",
    "bg_nbd": "BG/NBD",
    "mbg_nbd": "MBG/NBD",
    "nbd": "NBD (nobody leaves)",
    "bg_bb": "BG/BB",
    "yearly": "Yearly",
    "half_yearly": "Half-yearly",
    "quarterly": "Quarterly",
    "monthly": "Monthly",
    "fortnightly": "Fortnightly",
    "weekly": "Weekly",
    "same_rate": "As often as so far",
    "zero": "Nothing",
    "spend_frequency_correlation": "Correlation of spend and frequency",
    "gamma_gamma_p": "Gamma-Gamma p",
    "gamma_gamma_q": "Gamma-Gamma q",
    "gamma_gamma_gamma": "Gamma-Gamma gamma",
    "active_customers": "Customers still active",
    "expected_purchases": "Purchases ahead",
    "residual_clv_total": "Residual CLV of all customers",
    "clv": "CLV of a new customer",
    "customer_equity": "Customer equity",
    "current_base": "Today's customers",
    "future_customers": "Customers still to be won",
    "acquisition_cost": "What winning them costs",
    "retention": "Retention",
    "margin": "Margin",
    "discount_rate": "Discount rate",
    "n_transactions": "Orders",
    "revenue": "Revenue",
    "rfm_segment_share": "Share of customers by RFM segment",
    "rfm_segment_revenue_share": "Share of revenue by RFM segment",
    "repeat_rate": "Repeat rate",
    "retention_rate": "Retention rate",
    "retention_same_customers": "Retention rate of those who have reached both months of age",
    "period_retention_rate": "Retention from period to period",
    "period_repeat_rate": "Repeat rate of the period",
    "period_churn_rate": "Churn from period to period",
    "reactivation_rate": "Reactivation rate",
    "revenue_churn_gross": "Revenue churn, gross",
    "revenue_churn_net": "Revenue churn, net",
    "net_revenue_retention": "Net revenue retention",
    "customer_bridge": "Customers from period to period",
    "revenue_bridge": "Revenue from period to period",
    "margin_rate": "Gross margin",
    "mean_order_value": "Mean order value",
    "revenue_per_customer": "Revenue per customer",
    "margin_per_customer": "Gross margin per customer",
    "top_fifth_revenue_share": "Share of revenue from the top fifth of customers",
    "non_contractual": "Non-contractual",
    "contractual": "Contractual",
    "cac": "Acquisition cost per new customer (CAC)",
    "sales_cycle_days": "Sales cycle",
    "payback_months": "Payback period",
    "clv_to_cac": "CLV to CAC",
    "spend_elasticity": "Elasticity of new customers to spend",
    "marginal_cac": "Acquisition cost of the next customer",
    "nps": "Net promoter score (NPS)",
    "nps_change": "Change of NPS between the last two waves",
    "retention_by_nps_group": "Stayed after an answer, by promoters, passives and detractors",
    "retention_by_csat_group": "Stayed after an answer, by satisfied or not",
    "revenue_after_by_nps_group": "Revenue after an answer, by promoters, passives and detractors",
    "revenue_after_by_csat_group": "Revenue after an answer, by satisfied or not",
    "retention_difference_by_nps_group": "Stayed after an answer: promoters less detractors",
    "retention_difference_by_csat_group": "Stayed after an answer: satisfied less others",
    "value_per_nps_point": "What one point of NPS goes with in a year",
    "value_per_csat_point": "What one point of CSAT goes with in a year",
    "n_call_back": "Customers to be called back",
    "csat": "Customer satisfaction (CSAT), top two boxes",
    "nps_trend": "Trend of NPS per wave",
    "csat_trend": "Trend of CSAT per wave",
    "wave_place": "Place of the wave in time",
    "ces_trend": "Trend of CES per wave",
    "csat_change": "Change of CSAT between the last two waves",
    "ces": "Customer effort score (CES), share of 5 to 7",
    "ces_mean": "Customer effort score (CES), mean",
    "ces_change": "Change of CES between the last two waves",
    "response_rate": "Response rate",
    "answered_share": "Share of the customers who answered",
    "nps_last_answer": "NPS of the last answers, unweighted",
    "nps_weighted": "NPS of the last answers, weighted to the customers",
    "nps_weighting_shift": "Change of NPS by weighting",
    "csat_last_answer": "CSAT of the last answers, unweighted",
    "csat_weighted": "CSAT of the last answers, weighted to the customers",
    "csat_weighting_shift": "Change of CSAT by weighting",
    "weights_design_effect": "Design effect of the weights (Kish)",
    "nps_delay_slope": "Change of NPS with each doubling of the wait for an answer",
    "driver_importance": "Share of the differences in a score that an item accounts for",
    "driver_odds_ratio": "Odds ratio of a higher score per point of an item",
    "r_squared": "Share of the differences in a score that all items account for",
    "champions": "Champions",
    "loyal": "Loyal",
    "promising": "Promising",
    "new": "New",
    "needs_attention": "Needs attention",
    "at_risk": "At risk",
    "cannot_lose": "Must not lose",
    "hibernating": "Hibernating",
    "recency": "Days since last purchase",
    "frequency": "Purchase days after the first",
    "monetary": "Revenue so far",
    "churn_rate": "Churn rate",
    "churn_return_rate": "Fell silent, but bought again later",
    "experiment_outcome": "Outcome of the test, by arm",
    "experiment_effect": "Effect of an arm in the test",
    "experiment_value_effect": "Value per customer that an arm added in the test",
    "save_rate": "Save rate measured in the test",
    "test_customers": "Customers that the next test needs",
    "churn_importance": "AUC that the churn model loses without a driver",
    "churn_feature_auc": "AUC of a column that seems to know who left",
    "churn_suspect_columns": "Columns that seem to know who left",
    "purchases": "Silence",
    "contract": "Contract",
    "snapshot": "Snapshot",
    "churn_auc": "AUC of the churn model",
    "clv_if_stays": "Worth of a customer who stays",
    "churn_empc": "Expected maximum profit (EMPC) per customer",
    "churn_empc_share": "Expected share to contact",
    "churn_max_profit": "Maximum profit per customer",
    "churn_best_share": "Share to contact that earns most",
    "calling_share": "Share of customers with an expected gain above nothing, tested",
    "calling_profit": "Profit per customer of calling them, tested",
    "calling_profit_by_risk": "Profit per customer of calling as many by risk alone, tested",
    "n_on_retention_list": "Customers on the retention list",
    "n_worth_a_contact": "Customers worth a contact",
    "retention_gain": "Expected gain of the retention list",
    "retention_list_cost": "Expected cost of the retention list",
    "break_even_save_rate": "Save rate from which the list earns",
    "retention_gain_of_gone_share": "Share of the gain that hangs on customers likely gone",
    "churn_auc_gain": "AUC of the churn model less that of a naive score",
    "churn_average_precision": "Average precision of the churn model",
    "churn_brier": "Brier score of the churn model",
    "churn_lift_top_decile": "Lift of the tenth with the highest risk",
    "calibration_slope": "Calibration slope of the churn model",
    "calibration_intercept": "Calibration intercept of the churn model",
    "constant_churn": "One churn rate for all",
    "sbg": "Shifted beta-geometric (sBG)",
    "bdw": "Beta-discrete-Weibull (BdW)",
    "retention_rate_next": "Running contracts renewed at the end of the month",
    "unprofitable_share": "Share of customers who cost more than they brought",
    "whale_peak": "Earned by the profitable customers, of the profit that is left",
    "top_fifth_profit_share": "Share of profit from the top fifth of customers",
    "cost_to_serve_per_customer": "Cost to serve per customer",
    "profit_per_customer": "Profit per customer so far",
    "rfm_segment_clv_share": "Share of residual CLV by RFM segment",
    "loyalty_quadrant_share": "Share of customers by quadrant of profit and loyalty",
    "loyalty_quadrant_profit_share": "Share of profit by quadrant of profit and loyalty",
    "near_a_line_share": "Share of customers near a line of profit or loyalty",
    "true_friends": "True friends",
    "butterflies": "Butterflies",
    "barnacles": "Barnacles",
    "strangers": "Strangers",
    "acquisition_channel": "Acquisition channel",
    "profit": "Profit so far",
    "residual_clv": "Residual CLV",
    "factor_1": "Factor 1",
    "factor_2": "Factor 2",
    "factor_3": "Factor 3",
    "factor_4": "Factor 4",
    "factor_5": "Factor 5",
    "factor_6": "Factor 6",
    "factor_7": "Factor 7",
    "factor_8": "Factor 8",
    "profile_effect": "Effect by which segments differ in an attribute",
    "profile_difference": "Difference of a segment from all other customers",
    "known_attribute_share": "Share of customers of whom an attribute is known",
    "place_revenue": "Revenue per customer by place",
    "wallet": "Estimated spend in the whole category",
    "city_tier": "City tier",
    "contract_type": "Contract type",
    "month_to_month": "Month to month",
    "one_year": "One year",
    "two_years": "Two years",
    "region": "Region",
    "age": "Age",
    "gender": "Gender",
    "income": "Income",
    "marital_status": "Marital status",
    "home_ownership": "Home ownership",
    "household_size": "Household size",
    "household_comp": "Household composition",
    "kids_count": "Children",
    "n_factors": "Factors behind the attitude items",
    "attitude_alpha": "Cronbach's alpha of an attitude factor",
    "attitude_omega": "McDonald's omega of an attitude factor",
    "attitude_loading": "Loading of an attitude item on a factor",
    "attitude_variance_explained": "Variance of the attitude items explained",
    "channel_share": "Share of orders by channel",
    "category_share": "Share of orders by category",
    "weekend_share": "Share of orders on weekends",
    "discount_share": "Share of the price given as discounts",
    "discounted_order_share": "Share of orders with a discount",
    "median_interpurchase_days": "Median time between purchases",
    "mean_categories": "Categories per customer",
    "monday": "Monday",
    "tuesday": "Tuesday",
    "wednesday": "Wednesday",
    "thursday": "Thursday",
    "friday": "Friday",
    "saturday": "Saturday",
    "sunday": "Sunday",
    "night": "Night",
    "morning": "Morning",
    "midday": "Midday",
    "afternoon": "Afternoon",
    "evening": "Evening",
    "stars": "Stars",
    "high_consumption": "High-consumption customers",
    "potential": "Potential customers",
    "low_value": "Low-value customers",
    "negative_value": "Negative-value customers",
    "value_line": "Line of current value",
    "potential_line": "Line of potential",
    "value_quadrant_share": "Share of customers by quadrant of value and potential",
    "value_quadrant_value_share": "Share of current value by quadrant",
    "value_quadrant_potential_share": "Share of potential by quadrant",
    "value_at_stake": "Value at stake",
    "lost_on_customers": "Lost on customers who cost more than they brought",
    "overpaid": "Spent beyond what the customers won are worth",
    "barren_spend": "Spent on channels that brought nobody",
    "value_potential_correlation": "Rank correlation of value and potential",
    "not_placed": "Not placed",
    "not_scored": "Not scored",
    "moved_up_share": "Share of customers who moved up",
    "stayed_share": "Share of customers who stayed at their level",
    "moved_down_share": "Share of customers who moved down",
    "lapsed_share": "Share of customers who lapsed",
    "came_back_share": "Share of lapsed customers who came back",
    "migration_share": "Share of a segment by segment since",
    "stage_share": "Share of customers by lifecycle stage",
    "stage_customers": "Customers by lifecycle stage",
    "transition_rate": "Moves between lifecycle stages per month",
    "at_risk_months": "Months of silence that put at risk",
    "dormant_months": "Months of silence that make dormant",
    "lost_months": "Months of silence that make lost",
    "stage_months_median": "Median stay in a lifecycle stage",
    "complaints_per_1000": "Complaints per 1,000 active customers and month",
    "complaints_per_month": "Complaints per month",
    "complaint_trend": "Change of complaints per year",
    "complaint_share": "Share of complaints by kind",
    "complaint_recurrence": "Complained again within the days",
    "place_complaints": "Complaints per 1,000 customers and year, by place",
    "tickets_open": "Open tickets",
    "tickets_overdue": "Overdue tickets",
    "first_reply_median_hours": "Median wait for the first answer",
    "resolution_median_days": "Median time until a ticket is closed",
    "resolution_within_1_days": "Tickets closed within a day",
    "resolution_within_3_days": "Tickets closed within 3 days",
    "resolution_within_7_days": "Tickets closed within 7 days",
    "resolution_within_30_days": "Tickets closed within 30 days",
    "answer_within_7_days": "Tickets answered within 7 days",
    "closed_unsolved_share": "Tickets closed as unsolved",
    "second_purchase_rate": "Bought again within the days",
    "survival_rate": "Still there after the months",
    "median_lifetime_months": "Median time until customers leave",
    "hazard_ratio": "Hazard ratio of leaving",
    "log_rank_p": "Log-rank test between groups (p)",
    "lead_conversion_rate": "Conversion of leads",
    "converted_30_days": "Leads that became customers within 30 days",
    "median_days_to_convert": "Median wait of leads that become customers",
    "n_prospects": "Prospects",
    "lead_conversion_trend": "Change of the conversion of leads over the months",
    "revenue_retention": "Revenue retention",
    "cohort_value": "Revenue so far per customer won",
    "migration_revenue": "Change of revenue by move",
    "days_since_last": "Days since last purchase",
    "n_categories": "Categories bought",
    "n_clusters": "Clusters",
    "clusters_apart": "Clusters with a valley between every two (1: yes)",
    "clusters_silhouette": "Silhouette of the clusters",
    "clusters_stability": "Stability of the clusters (adjusted Rand)",
    "clusters_features_explained": "Variance of the features that clusters explain",
    "cluster_share": "Share of customers by cluster",
    "cluster_jaccard": "Clusters found again (Jaccard)",
    "theme_share": "Share of comments that speak of a theme",
    "theme_score": "Score of those who write of a theme",
    "theme_score_gap": "Score of a theme's writers against all others",
    "empty_comment_share": "Share of comments that say nothing",
    "contradicting_comment_share": "Share of comments that sound otherwise than their score",
    "tone_auc": "AUC of the tone of comments",
    "tone_accuracy": "Comments whose tone is told rightly",
}


def named(name: str) -> str:
    """Return what a key figure is called, in the language in use.

    Parameters
    ----------
    name : str
        A name of ``key_figures.csv``.

    Returns
    -------
    str
        The name itself, or what the catalogue calls it, where no other is known.

    Examples
    --------
    >>> named("nps")
    'Net promoter score (NPS)'
    """
    return translate(NAMES.get(name, name))


def sentence(message: str, /, **values: Estimate | str | float | int) -> str:
    r"""Fill a message with estimates: each becomes its value, with its interval and n behind it.

    Parameters
    ----------
    message : str
        English text with ``{names}``; looked up in the catalogue first. Within it ``{x}`` is the value of
        the estimate ``x`` with its interval, ``{x.short}`` the value alone.
    **values : Estimate, str or number
        What the names stand for.

    Returns
    -------
    str

    Examples
    --------
    >>> rate = Estimate("repeat_rate", 0.3, "share", 100, 0.219, 0.396)
    >>> sentence("{rate} of the customers came back.", rate=rate)
    '30.0\xa0% (21.9\xa0% to 39.6\xa0%, n\xa0=\xa0100) of the customers came back.'
    >>> sentence("{n} customers have left.", n=1)
    '1 customer has left.'
    """
    filled = {name: _Filled(value) for name, value in values.items()}
    words = translate(message)
    # Chinese has one form for all numbers.
    return (_of_one(words, filled) if active() == "en" else words).format(**filled)


def together(*sentences: str) -> str:
    """Put sentences one behind the other, as the language in use does: with a space, or none after a full stop.

    Parameters
    ----------
    *sentences : str
        Whole sentences, translated; empty ones are left out.

    Returns
    -------
    str

    Examples
    --------
    >>> together("No orders.", "", "Add them.")
    'No orders. Add them.'
    """
    return ("" if active() == "zh" else " ").join(text for text in sentences if text)


def listed(words: Iterable[str]) -> str:
    """Put words side by side as a list, as the language in use does.

    Parameters
    ----------
    words : iterable of str
        Translated, or the client's own.

    Returns
    -------
    str

    Examples
    --------
    >>> listed(["app", "web"])
    'app, web'
    """
    return ("、" if active() == "zh" else ", ").join(words)


#: What is counted in sentences, and the verbs that follow it; words in between go with any number.
_COUNTED = (
    "amounts|answers|arms|attitudes|attributes|cells|changes|channels|clusters|cohorts|columns|comments|complaints|contracts|"
    "customers|days|drivers|factors|features|figures|gaps|groups|hours|items|leads|months|occasions|orders|others|"
    "periods|places|purchases|questions|refunds|rows|tests|themes|tickets|values|waves|weeks|years"
)
_VERBS = {
    "are exact copies": "is an exact copy",
    "are": "is",
    "were": "was",
    "have": "has",
    "do": "does",
    "match": "matches",
    "go": "goes",
} | {verb: f"{verb}s" for verb in ("come", "count", "lie", "make", "say", "stand", "want")}
_COUNT = re.compile(
    r"(?P<there>[Tt]here (?:are|were) (?:only )?)?(?P<number>\{(?P<name>\w+)(?:\.short)?\}) "
    rf"(?P<kind>(?:(?!of|in|with|from)[a-z-]+ )??)(?P<noun>{_COUNTED})\b(?P<verb> (?:{'|'.join(_VERBS)})\b)?"
)


def _of_one(words: str, filled: Mapping[str, _Filled]) -> str:
    """English with the noun, and the verb right behind it, in the singular wherever the number is 1."""

    def one(match: re.Match[str]) -> str:
        value = filled.get(match["name"])
        if value is None or match["number"].format(**{match["name"]: value}) != "1":
            return match[0]
        noun, verb = match["noun"].removesuffix("s"), match["verb"]
        there = (match["there"] or "").replace(" are", " is").replace(" were", " was")
        return f"{there}{match['number']} {match['kind']}{noun}" + (
            f" {_VERBS[verb.strip()]}" if verb else ""
        )

    return _COUNT.sub(one, words)


class _Filled:
    """An estimate as ``str.format`` asks for it."""

    def __init__(self, value: Estimate | str | float | int) -> None:
        self._value = value

    @property
    def short(self) -> str:
        value = self._value
        return value_text(value.value, value.unit) if isinstance(value, Estimate) else str(value)

    def __format__(self, spec: str) -> str:
        value = self._value
        if not isinstance(value, Estimate):
            return format(value, spec) if spec else (f"{value:,}" if isinstance(value, int) else str(value))
        notes = [text for text in (interval_text(value), _n_text(value)) if text]
        if not notes:
            return self.short
        return translate("{value} ({notes})").format(value=self.short, notes=translate(", ").join(notes))


def _n_text(estimate: Estimate) -> str:
    return "" if estimate.n is None or estimate.low is None else f"n\u00a0=\u00a0{estimate.n:,}"
