"""What key figures and the parts of the customers they speak of are called in the workbook."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cam.language import named, sentence
from cam.language import translate as _
from cam.language.sentences import NAMES
from cam.show.words import move_text, stage_text, state_text

#: Figures that no page names by themselves: parameters of models, limits, parts. By their names, or by their ends.
FIGURES = {
    "attitude_cluster_share": "Share of customers by cluster of attitudes",
    "attitude_cluster_jaccard": "Clusters of attitudes found again (Jaccard)",
    "attitude_clusters_apart": "Clusters of attitudes with a valley between every two (1: yes)",
    "attitude_clusters_features_explained": "Variance of the attitudes that clusters explain",
    "attitude_clusters_plain_rule_explained": "Variance of the attitudes that equal parts by revenue explain",
    "attitude_clusters_silhouette": "Silhouette of the clusters of attitudes",
    "attitude_clusters_stability": "Stability of the clusters of attitudes (adjusted Rand)",
    "attitude_clusters_value_explained": "Variance of revenue that clusters of attitudes explain",
    "n_attitude_clusters": "Clusters of attitudes",
    "clusters_plain_rule_explained": "Variance of the features that equal parts by revenue explain",
    "clusters_value_explained": "Variance of revenue that clusters explain",
    "rfm_recency_limit": "Limit between two recency scores",
    "rfm_frequency_limit": "Limit between two frequency scores",
    "rfm_monetary_limit": "Limit between two value scores",
    "repurchase_difference": "Bought again: those touched less the others, percentage points",
    "churn_difference": "Left: those touched less the others, percentage points",
    "buying_factor": "Times as often as others a group buys",
    "leaving_factor": "Times as fast as others a group leaves",
    "customer_equity_part": "Part of customer equity",
    "equity_elasticity": "Elasticity of customer equity",
    "expected_annual_retention": "Retention a year that equity expects",
    "holdout_actual": "Purchases in the holdout, counted",
    "holdout_predicted": "Purchases in the holdout, predicted",
}
_GAMMA = "Gamma-Gamma"
_MODELS = ("pareto_nbd", "mbg_nbd", "bg_nbd", "bg_bb", "nbd", "gamma_gamma", "sbg", "bdw")

#: What the keys of a segment are called.
KEYS = {
    "acquisition_channel": "Acquisition channel",
    "against": "Against",
    "age": "Month of age",
    "arm": "Arm",
    "attribute": "Attribute",
    "basis": "Seen by",
    "category": "Kind",
    "channel": "Channel",
    "cluster": "Cluster",
    "cohort": "First purchase in",
    "compared": "Compared",
    "covariate": "Attribute",
    "cut_off": "As of",
    "days": "Within days",
    "exposure": "Those touched",
    "factor": "Factor",
    "feature": "Feature",
    "from": "Starting from",
    "group": "Group",
    "horizon": "Horizon",
    "item": "Item",
    "level": "Level",
    "lever": "Lever",
    "limit": "Limit number",
    "matrix": "Matrix",
    "model": "Model",
    "months": "After months",
    "move": "Move",
    "of": "In terms of",
    "order": "Chosen by",
    "outcome": "Outcome",
    "over": "Compared with",
    "part": "Part",
    "period": "Period",
    "quadrant": "Quadrant",
    "reached": "Of those who have reached month",
    "recency": "Days since last purchase",
    "region": "Region",
    "rfm_segment": "RFM segment",
    "score": "Score",
    "segment": "RFM segment",
    "stage": "Stage",
    "step": "Step",
    "theme": "Theme",
    "to": "Going to",
    "touchpoint": "Subject of the question",
    "variant": "Costs counted",
    "wave": "Wave",
    "whom": "Whom",
    "window": "Window",
}

#: What *from* and *to* are in these figures; in others they are the client's own words.
_MOVES = {"migration_share": state_text, "transition_rate": stage_text}
_SCORES = {"nps": "NPS", "csat": "CSAT", "ces": "CES"}
#: Codes of ours in front of a reader.
CODES: Mapping[str, Mapping[str, str]] = {
    "against": {
        "none": "those with none yet",
        "fast": "tickets closed in time",
        "other": "other answers",
        "other tickets": "other tickets",
    },
    "basis": {
        "purchases": "silence",
        "contract": "contracts",
        "snapshot": "the snapshot",
        "second": "second purchase",
        "leads": "leads",
    },
    "channel": {"all": "all"},
    "compared": {"as they are": "as they are", "alike before": "with others alike before"},
    "exposure": {
        "ticket": "A ticket",
        "fast": "A ticket closed in time",
        "slow": "A ticket handled slowly",
        "refund": "A refunded order",
        "invited": "An invitation to a survey",
        "low": "A low answer",
    },
    "from": {"all leads": "all leads"},
    "group": {
        "promoter": "Promoters",
        "passive": "Passives",
        "detractor": "Detractors",
        "satisfied": "Satisfied",
        "unsatisfied": "Not satisfied",
    },
    "horizon": {"for_ever": "for ever"},
    "level": {"(all others)": "all others"},
    "lever": {"retention": "Retention", "margin": "Margin", "discount_rate": "Discount rate", "cac": "CAC"},
    "matrix": {"value_potential": "value and potential", "profit_loyalty": "profit and loyalty"},
    "model": {
        "logistic": "Logistic regression",
        "boosting": "Gradient boosting",
        "recency": "days since last purchase alone",
        "silence": "silence alone",
    },
    "of": {"margin": "gross margin", "revenue": "revenue"},
    "order": {"risk": "risk alone"},
    "period": {"calibration": "the calibration period"},
    "outcome": _SCORES,
    "over": {"recency": "days since last purchase alone", "silence": "silence alone"},
    "score": _SCORES,
    "step": {
        "earlier": "the period before",
        "later": "the period itself",
        "lost": "lost",
        "new": "newly won",
        "reactivated": "came back",
        "expansion": "expansion",
        "contraction": "contraction",
    },
    "to": {"first purchase": "first purchase"},
    "variant": {"paid": "Paid", "blended": "Blended", "fully_loaded": "Fully loaded"},
    "whom": {
        "all_customers": "all customers",
        "last_control": "all, leaving as in the last test",
        "most_at_risk": "the fifth most at risk",
    },
    "window": {"lagged": "costs of earlier months, by the sales cycle"},
}
_WORDS: Mapping[str, Callable[[str], str]] = {
    "attribute": named,
    "feature": named,
    "item": named,
    "model": named,
    "move": move_text,
    "part": named,
    "quadrant": named,
    "rfm_segment": named,
    "segment": named,
    "stage": stage_text,
}


def figure_text(figure: str) -> str:
    """Return what a key figure is called, in the language in use.

    Parameters
    ----------
    figure : str
        A name of ``key_figures.csv``.

    Returns
    -------
    str
        The name itself where no other is known.

    Examples
    --------
    >>> figure_text("nps"), figure_text("bg_nbd_r"), figure_text("pareto_nbd_log_likelihood")
    ('Net promoter score (NPS)', 'BG/NBD: r', 'Pareto/NBD: log-likelihood')
    """
    if figure in FIGURES:
        return _(FIGURES[figure])
    model = next((model for model in _MODELS if figure.startswith(f"{model}_")), "")
    if figure in NAMES or not model:
        return named(figure)
    words = named(model) if model in NAMES else _GAMMA
    parameter = figure.removeprefix(f"{model}_")
    parameter = _("log-likelihood") if parameter == "log_likelihood" else parameter
    return sentence("{model}: {parameter}", model=words, parameter=parameter)


def segment_words(segment: str, *, figure: str) -> str:
    """Write the segment of a key figure for a reader, in the language in use.

    Parameters
    ----------
    segment : str
        As in ``key_figures.csv``: ``key=value`` pairs joined by ``;``.
    figure : str
        The figure's name there.

    Returns
    -------
    str

    Examples
    --------
    >>> segment_words("cohort=2024-01;age=3", figure="retention_rate")
    'First purchase in: 2024-01; Month of age: 3'
    """
    pairs = [pair.partition("=") for pair in segment.split(";") if pair]
    return _("; ").join(
        sentence("{label}: {value}", label=_(KEYS.get(key, key)), value=_value(figure, key, value))
        for key, _is, value in pairs
    )


def _value(figure: str, key: str, value: str) -> str:
    code = CODES.get(key, {}).get(value)
    if code:
        return _(code)
    if key in {"from", "to"}:
        return _MOVES[figure](value) if figure in _MOVES else _(value)
    if key == "covariate" and "=" in value:
        attribute, _is, level = value.partition("=")
        return sentence("{label}: {value}", label=named(attribute), value=_(level))
    # The client's own words are looked up as in the tables of the pages: some, such as channels, have a translation.
    return _WORDS[key](value) if key in _WORDS else _(value)
