"""Which key figures stand on the cards of the overview, in which words, and where each is explained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One figure that a card can show.

    Attributes
    ----------
    name, figure : str
        What the card is called, and the figure in ``key_figures.csv``.
    place : str
        Page and section that explain it: addresses of headings are those of their English words.
    words : str
        What the whole figure speaks of.
    segment : str
        Of the whole figure.
    series : str
        Key of the segments that are its history; empty where there is none.
    fixed : str
        What else those segments have.
    of_period : str
        What a value of the history speaks of.
    needs : tuple of str
        Tables without which it cannot be said; ``a|b`` is either.
    """

    name: str
    figure: str
    place: str
    words: str = ""
    segment: str = ""
    series: str = ""
    fixed: str = ""
    of_period: str = ""
    needs: tuple[str, ...] = ()


_RATES = "02_lifecycle#four-rates-one-sum-who-stayed-left-came-back-and-came-new"
_SALES = ("transactions|contracts",)
_COST = "03_clv_cac#what-does-a-new-customer-cost"
_AHEAD = "03_clv_cac#what-will-today-s-customers-still-bring"

#: The cards in their order. Each has one kind of figure or more: the first that the client has is shown, and where it
#: is not the very first, that one is named as missing unless it bears the same name.
CARDS: tuple[tuple[Kind, ...], ...] = (
    (
        Kind(
            "Customers",
            "n_customers",
            _RATES,
            series="period",
            fixed="basis=purchases",
            of_period="bought in {period}; {whole} in all the data",
        ),
        Kind(
            "Customers",
            "n_customers",
            _RATES,
            series="period",
            fixed="basis=contract",
            of_period="with a contract at the end of {period}; {whole} in all the data",
        ),
        Kind("Customers", "n_customers", "01_segmentation#the-data", "in all the data"),
    ),
    (
        Kind(
            "Revenue",
            "revenue",
            _RATES,
            "in all the data",
            series="period",
            fixed="basis=purchases",
            of_period="in {period}; {whole} in all the data",
            needs=_SALES,
        ),
    ),
    (
        Kind(
            "Retention rate",
            "period_retention_rate",
            _RATES,
            series="period",
            fixed="basis=purchases",
            of_period="of those who bought in {before} bought again in {period}; {n}",
            needs=_SALES,
        ),
        Kind(
            "Retention rate",
            "period_retention_rate",
            _RATES,
            series="period",
            fixed="basis=contract",
            of_period="of those with a contract at the end of {before} still had one at the end of {period}; {n}",
        ),
        Kind(
            "Repeat rate",
            "repeat_rate",
            "02_lifecycle#who-comes-back-at-all",
            "came back on another day; {n}",
        ),
        Kind(
            "Still there after 12 months",
            "survival_rate",
            "02_lifecycle#how-long-do-customers-stay",
            "of new customers, from how long those in the snapshot have been there; {n}",
            "basis=snapshot;months=12",
        ),
    ),
    (
        Kind(
            "Churn rate",
            "period_churn_rate",
            _RATES,
            series="period",
            fixed="basis=purchases",
            of_period="of those who bought in {before} did not in {period}; {n}",
            needs=("transactions|contracts|snapshot",),
        ),
        Kind(
            "Churn rate",
            "period_churn_rate",
            _RATES,
            series="period",
            fixed="basis=contract",
            of_period="of those with a contract at the end of {before} had none at the end of {period}; {n}",
        ),
        Kind(
            "Churn rate",
            "churn_rate",
            "05_churn#what-counts-as-leaving",
            "of the customers in the snapshot have left; {n}",
            "basis=snapshot",
        ),
        Kind(
            "Churn rate",
            "churn_rate",
            "05_churn#what-counts-as-leaving",
            "of those who were there had left {days} days later; {n}",
        ),
    ),
    (
        Kind(
            "CLV of a new customer",
            "clv",
            _AHEAD,
            "in discounted margin for ever, {near} of it in the first {months} months; {n}",
            "horizon=for_ever",
            needs=_SALES,
        ),
        Kind(
            "CLV of a new customer",
            "clv",
            _AHEAD,
            "in discounted margin over {months} months; {n}",
        ),
    ),
    (
        Kind(
            "Acquisition cost per new customer (CAC)",
            "cac",
            _COST,
            "all channels together; {n}",
            "channel=all",
            "period",
            "channel=all",
            "all channels together, won in {period}; {n}",
            ("spend",),
        ),
    ),
    (
        Kind(
            "CLV to CAC",
            "clv_to_cac",
            "03_clv_cac#is-a-new-customer-worth-its-cost",
            "CLV {horizon}, divided by the CAC of all who were won so far, all channels together; {n}",
            "channel=all",
            needs=(*_SALES, "spend"),
        ),
    ),
    (
        Kind(
            "Payback period",
            "payback_months",
            "03_clv_cac#when-has-a-new-customer-paid-for-itself",
            "until margin has paid for the acquisition; {n}",
            "cohort=all",
            "cohort",
            "",
            "until margin has paid for the acquisition, won in {period}; {n}",
            (*_SALES, "spend"),
        ),
    ),
    (
        Kind(
            "Customer equity",
            "customer_equity",
            "03_clv_cac#what-are-all-customers-worth",
            "customers of today and those to come; {n}",
            needs=(*_SALES, "spend"),
        ),
        Kind(
            "Residual CLV of all customers",
            "residual_clv_total",
            _AHEAD,
            "in discounted margin over {months} months; {n}",
        ),
    ),
    (
        Kind(
            "Gross margin",
            "margin_rate",
            "03_clv_cac#what-has-a-customer-brought-so-far",
            "of revenue; {n}",
        ),
    ),
    (
        Kind(
            "Net promoter score (NPS)",
            "nps",
            "04_satisfaction_nps#has-it-moved",
            "all answers; {n}",
            series="wave",
            of_period="latest wave, {period}; {whole} over all waves; {n}",
            needs=("responses",),
        ),
    ),
    (
        Kind(
            "Customer satisfaction (CSAT)",
            "csat",
            "04_satisfaction_nps#has-it-moved",
            "answers in the top two boxes, all together; {n}",
            series="wave",
            of_period="answers in the top two boxes, latest wave, {period}; {n}",
            needs=("responses",),
        ),
    ),
)
