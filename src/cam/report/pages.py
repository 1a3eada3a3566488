"""The overview: findings of all studies, what changed since last time, links and files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from cam.changes import Comparison
from cam.language import listed, sentence
from cam.language import translate as _
from cam.show.changes import show_changes

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

#: What the overview says of since last time: the headline figures, and what they are made of.
_COMPARED = {
    "n_customers",
    "n_transactions",
    "revenue",
    "repeat_rate",
    "margin_rate",
    "active_customers",
    "residual_clv_total",
    "cac",
    "customer_equity",
    "nps",
    "csat",
    "churn_rate",
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


def parts_text(parts: Iterable[str], *, is_partly: bool = False) -> str:
    """Name the parts of a study that want something, to stand before it.

    Parameters
    ----------
    parts : iterable of str
        Their names, ready to print.
    is_partly : bool
        Whether something of them can be said all the same.

    Returns
    -------
    str

    Examples
    --------
    >>> parts_text(["scores", "drivers"])
    'scores, drivers:'
    """
    return sentence("{parts} (in part):" if is_partly else "{parts}:", parts=listed(parts))


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
