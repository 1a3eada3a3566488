"""The overview: key figures on cards, findings of all studies, what was read, what could not be said."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from cam.changes import Comparison, estimate_of
from cam.key_figures import Row
from cam.language import interval_text, named, value_text
from cam.language import translate as _
from cam.report.page import Card
from cam.show.changes import change_note, show_changes

#: Where a study's page has room for what changed: pages are kept by what they were made of, and this is not part of it.
SINCE_MARK = "<!-- since last time -->"
#: What each study is called in the navigation.
LABELS = {
    "01_segmentation": "Segmentation",
    "02_lifecycle": "Lifecycle",
    "03_clv_cac": "Value and cost",
    "04_satisfaction_nps": "Satisfaction",
    "05_churn": "Churn",
}

#: Key figures on the overview, in this order, and the segment that stands for the whole.
_SCORECARD = (
    ("n_customers", ""),
    ("n_transactions", ""),
    ("revenue", ""),
    ("repeat_rate", ""),
    ("margin_rate", ""),
    ("active_customers", ""),
    ("residual_clv_total", ""),
    ("cac", "channel=all"),
    ("customer_equity", ""),
    ("nps", ""),
    ("csat", ""),
    ("churn_rate", ""),
)

#: What the overview says of since last time: the key figures above, and what they are made of.
_COMPARED = {
    *(figure for figure, _segment in _SCORECARD),
    "revenue_per_customer",
    "margin_per_customer",
    "mean_order_value",
    "clv",
    "clv_to_cac",
    "payback_months",
}

#: Files of a report and what they are for.
DOWNLOADS = (
    ("workbook.xlsx", "Findings, key figures and customers, to take further"),
    ("key_figures.csv", "Every key figure with its interval, for comparison and dashboards"),
    ("customers.parquet", "One row per customer with every score"),
    ("run.json", "What was run, when, and from what"),
)


def scorecard(figures: Sequence[Row], changes: Comparison | None = None) -> list[Card]:
    """Pick the headline figures for the overview.

    Parameters
    ----------
    figures : sequence of dict
        Rows of ``key_figures.csv``.
    changes : Comparison, optional
        With an earlier report.

    Returns
    -------
    list of Card
        One per headline figure that is there; each links to its study.

    Examples
    --------
    >>> scorecard([])
    []
    """
    found = {(row["figure"], row["segment"]): row for row in figures}
    told = {(each.after.figure, each.segment): each for each in changes.changes} if changes else {}
    cards = []
    for figure, segment in _SCORECARD:
        row = found.get((figure, segment))
        if row:
            estimate = estimate_of(row)
            cards.append(
                Card(
                    name=named(figure)
                    + (f" ({_(segment.partition('=')[2])})" if "basis=" in segment else ""),
                    value=value_text(estimate.value, estimate.unit),
                    interval=interval_text(estimate),
                    href=f"{row['study']}.html",
                    note=change_note(told[figure, segment]) if (figure, segment) in told else "",
                )
            )
    return cards


def changes_section(comparison: Comparison, *, study: str | None = None) -> str:
    """Say on a page what changed since last time.

    Parameters
    ----------
    comparison : Comparison
        Of this report with an earlier one.
    study : str, optional
        The page's study; none on the overview.

    Returns
    -------
    str
        A section of HTML, every value escaped.
    """
    shown = show_changes(comparison, study=study) if study else show_changes(comparison, figures=_COMPARED)
    body = f"<p>{escape(shown)}</p>" if isinstance(shown, str) else shown.html
    heading = escape(_("Since last time"))
    return (
        f'<section class="since" aria-labelledby="since">\n<h2 id="since">{heading}</h2>\n{body}\n</section>'
    )


def finding_list(texts: Sequence[str]) -> str:
    """Return findings as an HTML list, escaped.

    Parameters
    ----------
    texts : sequence of str
        Sentences.

    Returns
    -------
    str

    Examples
    --------
    >>> finding_list(["a < b"])
    '<ul><li>a &lt; b</li></ul>'
    """
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def navigation(studies: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return the links between the pages of a report.

    Parameters
    ----------
    studies : sequence of str
        Names of the studies that have a page.

    Returns
    -------
    tuple of (href, label)

    Examples
    --------
    >>> navigation(["05_churn"])
    (('index.html', 'Overview'), ('05_churn.html', 'Churn'))
    """
    return (("index.html", _("Overview")), *((f"{name}.html", label(name)) for name in studies))


def label(study: str) -> str:
    """Return what a study is called, in the language in use.

    Parameters
    ----------
    study : str
        A notebook's name; one that is not ours keeps it.

    Returns
    -------
    str

    Examples
    --------
    >>> label("05_churn")
    'Churn'
    """
    return _(LABELS.get(study, study))
