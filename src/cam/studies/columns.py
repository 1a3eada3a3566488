"""What each column of ``customers.parquet`` is: its name for a reader, its unit, what it means, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from cam.language import named, sentence
from cam.language import translate as _
from cam.show.words import move_text, stage_text, state_text


@dataclass(frozen=True, slots=True)
class ScoreColumn:
    """One column that a study leaves for every customer.

    Attributes
    ----------
    name : str
        As in ``customers.parquet``.
    label : str
        What a reader calls it.
    unit : str
        As in :class:`cam.estimate.Estimate`, ``money`` standing for the client's currency; or ``text``, ``date`` or
        ``flag`` (yes or no).
    meaning : str
        One sentence.
    study : str
        The notebook that leaves it; empty for the customer's id.
    words : callable or None
        Turns a code in it into what the pages call it.
    """

    name: str
    label: str
    unit: str
    meaning: str
    study: str = ""
    words: Callable[[str], str] | None = None


def _left_by(study: str, *columns: tuple[str, str, str, str]) -> dict[str, ScoreColumn]:
    return {column[0]: ScoreColumn(*column, study) for column in columns}


#: Columns whose values are codes, and what puts them into words.
_CODES = {
    "rfm_segment": named,
    "segment_before": state_text,
    "segment_after": state_text,
    "migration": move_text,
    "value_quadrant": named,
    "usual_weekday": named,
    "usual_part_of_day": named,
    "lifecycle_stage": stage_text,
}

#: English, as the keys of the catalogue; limits of intervals (``_low``, ``_high``) and factors follow from these.
SCORE_COLUMNS: dict[str, ScoreColumn] = {
    **_left_by("", ("customer_id", "Customer", "text", "The customer's id, or what it was replaced by.")),
    **_left_by(
        "01_segmentation",
        ("first_date", "First purchase", "date", "Day of the first purchase."),
        ("last_date", "Last purchase", "date", "Day of the last purchase."),
        (
            "purchase_days_after_first",
            "Purchase days after the first",
            "count",
            "Days with a purchase after the first one: what models of repeat buying call frequency.",
        ),
        (
            "monetary_value",
            "Revenue per repeat purchase day",
            "money",
            "Mean revenue of a purchase day after the first, less refunds; empty where there is none.",
        ),
        (
            "days_since_last",
            "Days since last purchase",
            "days",
            "Days from the last purchase to the last day seen.",
        ),
        ("n_orders", "Orders", "count", "Orders so far."),
        ("revenue", "Revenue so far", "money", "Revenue of all orders, less every refund."),
        ("cost", "Cost of goods so far", "money", "Cost of the goods sold, as the transactions give it."),
        (
            "value",
            "Value behind the M score",
            "ratio",
            "The sum of the column that the parameter file names as the measure of value.",
        ),
        (
            "r_score",
            "Recency score (R)",
            "count",
            "From 1 to the number of bins; the highest bought most recently.",
        ),
        (
            "f_score",
            "Frequency score (F)",
            "count",
            "From 1 to the number of bins; the highest bought most often.",
        ),
        (
            "m_score",
            "Value score (M)",
            "count",
            "From 1 to the number of bins; the highest brought the most.",
        ),
        ("rfm_segment", "RFM segment", "text", "The segment that follows from the three scores."),
        (
            "segment_before",
            "Segment in the earlier window",
            "text",
            "The RFM segment scored on the earlier of two windows of the same length.",
        ),
        (
            "segment_after",
            "Segment in the later window",
            "text",
            "The RFM segment scored on the later window, by the same limits.",
        ),
        ("migration", "Move between the windows", "text", "How the segment changed between the two windows."),
        (
            "value_quadrant",
            "Quadrant of value and potential",
            "text",
            "The cell of the matrix of current value and potential.",
        ),
        (
            "near_a_line",
            "Near a line",
            "flag",
            "Whether the customer could stand on the other side of a line of the matrix by chance.",
        ),
        (
            "treatment",
            "Treatment",
            "text",
            "What is recommended, by RFM segment or quadrant, as in the sheet of actions.",
        ),
        (
            "value_at_stake",
            "Value at stake",
            "money",
            "Discounted margin expected over the horizon if nothing changes: the residual CLV.",
        ),
        (
            "current_value",
            "Current value",
            "money",
            "What the customer has brought so far, by the measure that the matrix of value and potential states.",
        ),
        (
            "potential",
            "Potential",
            "money",
            "Margin that could still come: what the customer spends elsewhere in the category, times the margin rate.",
        ),
        (
            "share_of_wallet",
            "Share of wallet",
            "share",
            "Revenue of the last 365 days over what the customer spends in the whole category in a year.",
        ),
        (
            "cluster",
            "Cluster by buying behaviour",
            "count",
            "Number of the cluster; whether clusters are groups or cuts through a continuum is said on the page.",
        ),
        (
            "attitude_cluster",
            "Cluster by attitudes",
            "count",
            "Number of the cluster of customers with alike attitudes.",
        ),
        ("mean_order_value", "Mean order value", "money", "Revenue so far over the number of orders."),
        (
            "interpurchase_days",
            "Days between purchases",
            "days",
            "Mean days from one purchase day to the next; empty for who bought on one day only.",
        ),
        ("weekend_share", "Share of orders on weekends", "share", "Of the customer's own orders."),
        (
            "discount_share",
            "Discount, of the price",
            "share",
            "What was given away of the full price of all that the customer bought.",
        ),
        ("usual_weekday", "Usual weekday", "text", "The day of the week with most of the customer's orders."),
        (
            "usual_part_of_day",
            "Usual part of the day",
            "text",
            "The part of the day with most of the customer's orders.",
        ),
        (
            "usual_season",
            "Usual quarter",
            "text",
            "The quarter of the year with most of the customer's orders.",
        ),
        ("main_channel", "Main channel", "text", "Where most of the customer's orders were placed."),
        ("main_channel_share", "Share of the main channel", "share", "Of the customer's own orders."),
        ("n_channels", "Channels used", "count", "Different channels of the customer's orders."),
        ("main_category", "Main category", "text", "The category of most of the customer's orders."),
        ("main_category_share", "Share of the main category", "share", "Of the customer's own orders."),
        (
            "n_categories",
            "Categories bought",
            "count",
            "Different categories among the customer's orders.",
        ),
    ),
    **_left_by(
        "02_lifecycle",
        ("cohort", "Cohort", "text", "The month of the first purchase."),
        (
            "months_since_first",
            "Months since the first purchase",
            "months",
            "Calendar months from the first purchase to the last day seen.",
        ),
        (
            "lifecycle_stage",
            "Lifecycle stage",
            "text",
            "Where the customer stands at the end of the last complete month.",
        ),
        (
            "months_silent",
            "Months of silence",
            "months",
            "Complete calendar months since the last month with a purchase.",
        ),
    ),
    **_left_by(
        "03_clv_cac",
        ("margin_so_far", "Gross margin so far", "money", "Revenue so far less cost of goods."),
        ("fees_so_far", "Fees so far", "money", "Fees of all contracts so far."),
        (
            "cost_to_serve",
            "Cost to serve so far",
            "money",
            "Orders, refunds and tickets at the rates of the parameter file.",
        ),
        ("profit_so_far", "Profit so far", "money", "Gross margin so far less cost to serve."),
        (
            "p_alive",
            "Probability of being active",
            "share",
            "That the customer has not left, given rhythm and silence.",
        ),
        (
            "p_buys",
            "Probability of buying again",
            "share",
            "That the customer buys at least once within the horizon.",
        ),
        (
            "expected_purchases",
            "Expected purchase days",
            "ratio",
            "Purchase days that are expected over the horizon.",
        ),
        (
            "dert",
            "Discounted purchases ahead (DERT)",
            "ratio",
            "Expected purchase days for ever, those further away counting for less.",
        ),
        (
            "expected_spend",
            "Expected revenue per purchase day",
            "money",
            "The customer's own mean drawn towards that of all, the more so the less is known.",
        ),
        (
            "residual_clv",
            "Residual CLV",
            "money",
            "Discounted margin that the customer is still expected to bring over the horizon.",
        ),
        (
            "residual_clv_for_ever",
            "Residual CLV for ever",
            "money",
            "Discounted margin that the customer is still expected to bring, without a horizon.",
        ),
        ("n_running", "Running contracts", "count", "Contracts that run on the last day seen."),
        (
            "expected_renewals",
            "Expected renewals",
            "ratio",
            "Monthly renewals that are expected over the horizon.",
        ),
    ),
    **_left_by(
        "04_satisfaction_nps",
        ("last_nps", "Last answer on recommending", "count", "The last score, from 0 to 10."),
        ("last_nps_date", "Day of the last answer on recommending", "date", "When that score was given."),
        ("last_csat", "Last answer on satisfaction", "count", "The last score, from 1 to 5."),
        ("last_csat_date", "Day of the last answer on satisfaction", "date", "When that score was given."),
    ),
    **_left_by(
        "05_churn",
        (
            "p_churn",
            "Probability of leaving",
            "share",
            "That the customer leaves within the horizon of the churn study.",
        ),
        (
            "p_lost",
            "Probability of leaving and still to be kept",
            "share",
            "That the customer is still there, will leave, and not only pause.",
        ),
        (
            "clv_if_stays",
            "Worth of keeping",
            "money",
            "What the customer is worth over the horizon if he or she stays.",
        ),
        (
            "expected_gain",
            "Expected gain",
            "money",
            "What contacting the customer is expected to earn, less what it costs.",
        ),
        (
            "retention_rank",
            "Rank by expected gain",
            "count",
            "1 is the highest expected gain; empty where it is not known what the customer is worth.",
        ),
        (
            "is_on_retention_list",
            "On the retention list",
            "flag",
            "Whether the budget reaches this far.",
        ),
    ),
}


def score_column(name: str) -> ScoreColumn | None:
    """Say what a column of ``customers.parquet`` is, in the language in use.

    Parameters
    ----------
    name : str
        As in the file.

    Returns
    -------
    ScoreColumn or None
        None for a column that no study is known to leave.

    Examples
    --------
    >>> score_column("p_alive_low").label
    'Probability of being active: lower limit'
    """
    limits = {
        "_low": ("{name}: lower limit", "Lower limit of the 95 % interval of: {name}."),
        "_high": ("{name}: upper limit", "Upper limit of the 95 % interval of: {name}."),
    }
    for end, (label, meaning) in limits.items():
        of = SCORE_COLUMNS.get(name.removesuffix(end)) if name.endswith(end) else None
        if of:
            words = _(of.label)
            return replace(
                of, name=name, label=sentence(label, name=words), meaning=sentence(meaning, name=words)
            )
    if factor := re.fullmatch(r"factor_(\d+)", name):
        return ScoreColumn(
            name,
            sentence("Factor {number}", number=factor[1]),
            "ratio",
            _(
                "Score on an attitude factor, explained on the page: 0 on average, 1 a standard deviation above."
            ),
            "01_segmentation",
        )
    found = SCORE_COLUMNS.get(name)
    if not found:
        return None
    return replace(found, label=_(found.label), meaning=_(found.meaning), words=_CODES.get(name))
