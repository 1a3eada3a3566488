"""The sections of a parameter file as types: every key with its default, meaning and limits."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from cam.params.sources import Data
from cam.params.values import (
    Amount,
    Change,
    ClientId,
    Color,
    Columns,
    Currency,
    IsoDate,
    Limits,
    Names,
    Rate,
    Section,
    Share,
    Treatment,
)

#: Signs that turn the direction of the text around them, and what a reader of an error calls those he typed.
_TURNS = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_SIGNS = {"\n": "the line break", "\t": "the tab"}


def _one_line(value: str | None) -> str | None:
    """Refuse what would break a line, turn the text around it, or not be seen at all."""
    for sign in value or "":
        if sign in _TURNS or unicodedata.category(sign) in {"Cc", "Zl", "Zp"}:
            raise PydanticCustomError(
                "one_line",
                "must be one line of plain text; take out {sign}",
                {"sign": _SIGNS.get(sign, f"the sign U+{ord(sign):04X}, which is not seen")},
            )
    if value and all(unicodedata.category(sign) in {"Zs", "Cf"} for sign in value):
        raise PydanticCustomError("blank", "holds only blanks; write something, or remove the key")
    return value


class Brand(Section):
    """Whose report it is, and how it looks."""

    name: str | None = Field(
        None, min_length=1, max_length=80, description="who made the report, such as the consultancy"
    )
    #: As a file's path; from a parameter file that was read, the picture itself, as a ``data:`` address.
    logo: str | None = Field(
        None, min_length=1, description="its logo: SVG, PNG or JPEG of at most 500 kB; from data.root on"
    )
    color: Color | None = Field(
        None, description="of headings and lines; text takes a darker shade if need be"
    )
    accent: Color | None = Field(None, description="of links, and of what the keyboard is at; likewise")
    footer: str | None = Field(
        None, min_length=1, max_length=160, description="line at the foot of every page, on paper, too"
    )

    @field_validator("color", "accent", mode="before")
    @classmethod
    def _no_comment(cls, value: Any) -> Any:
        if value is None:  # a key that is not there is not checked
            raise PydanticCustomError(
                "no_color", 'has nothing in it, for # begins a comment; put it in quotes: "#1F6F8B"'
            )
        return value

    @model_serializer(mode="wrap")
    def _given(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was given alone: a colour that is none would not be read again."""
        return {key: value for key, value in dump(self).items() if value is not None}

    _lines = field_validator("name", "footer")(_one_line)


class Client(Section):
    """Who the report is for."""

    id: ClientId = Field(description="short name, also the report's folder; by default the file's stem")
    name: str | None = Field(None, description="name as the report prints it; by default the id")
    language: Literal["en", "zh"] = Field("en", description="language of the report: en or zh")
    currency: Currency = Field("USD", description="currency of all amounts, ISO code")
    as_of: IsoDate | None = Field(
        None,
        description="last day seen, to its end; by default of the last order, or contract start",
    )
    customer_ids: Literal["plain", "hashed"] = Field(
        "plain", description="how customers are named in reports: by their ids, or by keyed hashes of them"
    )
    brand: Brand = Field(
        default_factory=lambda: Brand.model_validate({}), description="name, logo, colours, footer"
    )

    _lines = field_validator("name")(_one_line)

    @property
    def title(self) -> str:
        """The name to print."""
        return self.name or self.id


class Bins(Section):
    """Bins per RFM score where the three differ."""

    recency: int = Field(ge=2, le=10, description="of the days since the last purchase")
    frequency: int = Field(ge=2, le=10, description="of the purchase days after the first")
    monetary: int = Field(ge=2, le=10, description="of the value")


class Thresholds(Section):
    """Fixed limits between the bins, so that two dates can be compared. n limits make n + 1 bins."""

    recency: Limits = Field(description="days since the last purchase; fewer days score higher")
    frequency: Limits = Field(
        description="purchase days after the first; a value equal to a limit is below it"
    )
    monetary: Limits = Field(description="the value, by default revenue in the client's currency; likewise")


class Treatments(Section):
    """What is done for a customer, by quadrant of value x potential; an RFM segment named here goes first."""

    stars: Treatment | None = Field(None, description="of high value and potential")
    high_consumption: Treatment | None = Field(None, description="of high value, low potential")
    potential: Treatment | None = Field(None, description="of low value, high potential")
    low_value: Treatment | None = Field(None, description="of low value and potential")
    negative_value: Treatment | None = Field(None, description="who have cost more than they brought")
    champions: Treatment | None = Field(None, description="an RFM segment, as are all that follow")
    loyal: Treatment | None = Field(None, description="likewise")
    promising: Treatment | None = Field(None, description="likewise")
    new: Treatment | None = Field(None, description="likewise")
    needs_attention: Treatment | None = Field(None, description="likewise")
    at_risk: Treatment | None = Field(None, description="likewise")
    cannot_lose: Treatment | None = Field(None, description="likewise")
    hibernating: Treatment | None = Field(None, description="likewise")


class Segmentation(Section):
    """Study 01: who the customers are."""

    n_bins: int = Field(5, ge=2, le=10, description="bins per RFM score, cut at quantiles")
    bins: Bins | None = Field(None, description="in place of n_bins, where the scores differ in bins")
    thresholds: Thresholds | None = Field(None, description="fixed limits in place of quantiles")
    value_measure: str = Field(
        "revenue", min_length=1, description="what M is: revenue, margin, n_orders or a column of customers"
    )
    value_unit: Literal["currency", "count"] = Field(
        "currency", description="of a column of customers that is the value: currency or count"
    )
    earlier: IsoDate | None = Field(
        None, description="where migration starts; by default a year back, or half the history"
    )
    features: Columns | None = Field(
        None, description="columns that clusters are made of; by default those of buying behaviour"
    )
    n_clusters: int | None = Field(None, ge=2, le=12, description="by default chosen by several indices")
    attitudes: Columns | None = Field(
        None, description="columns of customers with attitude items; by default all named attitude_..."
    )
    n_factors: int | None = Field(
        None, ge=1, le=8, description="behind the attitudes; by default by parallel analysis"
    )
    attributes: Columns | None = Field(
        None, description="columns of customers to profile segments by; by default all that can be"
    )
    geography: Columns | None = Field(
        None, description="those of them that are places; by default told by their names"
    )
    min_group: int = Field(30, ge=5, description="groups of fewer customers are named, not rated")
    potential: Literal["wallet_gap", "residual_clv"] | None = Field(
        None, description="what potential is; by default wallet_gap where customers have a wallet"
    )
    value_line: float | None = Field(
        None, allow_inf_nan=False, description="from this current value on it is high; by default the median"
    )
    potential_line: float | None = Field(
        None, allow_inf_nan=False, description="likewise for potential; by default the median"
    )
    treatments: Treatments = Field(
        default_factory=lambda: Treatments.model_validate({}),
        description="what to do, by quadrant or RFM segment; by default the report's own advice",
    )


class Lifecycle(Section):
    """Study 02: where customers stand."""

    n_months: int = Field(12, ge=1, le=36, description="months after acquisition that the cohort table shows")
    loyal_months: int = Field(
        4, ge=2, le=60, description="months with a purchase from which on a customer is loyal"
    )
    at_risk_months: int | None = Field(
        None, ge=1, le=60, description="months of silence that put at risk; by default from the purchase gaps"
    )
    dormant_months: int | None = Field(
        None, ge=1, le=60, description="months of silence that make dormant; likewise"
    )
    lost_months: int | None = Field(
        None, ge=1, le=120, description="months of silence that make lost; likewise"
    )
    compare_by: str | None = Field(
        None, min_length=1, description="column of customers to compare by; by default acquisition_channel"
    )
    rate_months: Literal[1, 3, 6, 12] | None = Field(
        None, description="months in a period of the rates; by default from the purchase gaps"
    )
    lead_stages: Names = Field(
        default_factory=list,
        description="stages of leads, first to last; by default as known words have it",
    )
    ticket_days: int = Field(
        90, ge=7, le=730, description="days after a ticket in which the next purchase is looked for"
    )
    slow_ticket_days: int = Field(
        7, ge=1, le=365, description="days after which a ticket still open was handled slowly"
    )

    @model_validator(mode="after")
    def _rising_silence(self) -> Lifecycle:
        given = [
            months
            for months in (self.at_risk_months, self.dormant_months, self.lost_months)
            if months is not None
        ]
        if any(after <= before for before, after in pairwise(given)):
            raise PydanticCustomError(
                "silence",
                "at_risk_months, dormant_months and lost_months must rise, each above the one before",
            )
        return self


class CostToServe(Section):
    """What it costs to serve a customer, beyond the cost of what was sold; in the client's currency."""

    order: Amount = Field(0.0, description="per order: picking, packing, payment, delivery")
    refund: Amount = Field(0.0, description="per refunded order: return freight and handling")
    ticket: Amount = Field(0.0, description="per ticket: an agent's time; needs the table tickets")


class WhatIf(Section):
    """Changes whose effect on customer equity the report shows, one by one and together."""

    retention_points: float = Field(
        0.0, gt=-100, lt=100, description="points of the retention rate per year, such as 1"
    )
    margin_change: Change = Field(0.0, description="relative change of the margin per purchase, such as 0.05")
    cac_change: Change = Field(0.0, description="relative change of CAC, such as -0.10")
    discount_rate_points: float = Field(
        0.0, gt=-100, lt=100, description="points of the discount rate per year, such as -1"
    )


class Value(Section):
    """Study 03: what customers are worth and cost."""

    setting: Literal["non_contractual", "contractual"] | None = Field(
        None, description="needed where both transactions and contracts exist"
    )
    margin_rate: Rate | None = Field(
        None, description="gross margin as a share of revenue, 0 to 1, where transactions have no cost"
    )
    annual_discount_rate: Rate = Field(
        0.10, description="per year, 0 to 1: what a payment a year from now loses"
    )
    horizon_months: int = Field(12, ge=1, le=120, description="months ahead that residual CLV looks")
    model: Literal["bg_nbd", "mbg_nbd", "pareto_nbd"] | None = Field(
        None, description="of repeat buying; by default the best of the holdout"
    )
    calibration_end: IsoDate | None = Field(
        None, description="last day that the holdout's models see; by default chosen from the data"
    )
    covariates: list[str] = Field(
        default_factory=list, max_length=5, description="columns of customers that shift buying and leaving"
    )
    n_bootstrap: int = Field(200, ge=50, le=5000, description="resamples behind the intervals of CLV")
    acquisition_years: int = Field(
        5, ge=0, le=50, description="years in which customers are still won, for customer equity"
    )
    sales_cycle_days: int | None = Field(
        None, ge=0, le=730, description="days from spend to new customer; by default from leads"
    )
    cost_to_serve: CostToServe = Field(
        default_factory=lambda: CostToServe.model_validate({}),
        description="what serving costs beyond the cost of goods",
    )
    what_if: WhatIf = Field(
        default_factory=lambda: WhatIf.model_validate({}), description="changes whose effect the report shows"
    )


class Satisfaction(Section):
    """Study 04: how satisfied customers are."""

    min_answers: int = Field(30, ge=1, description="groups with fewer answers are named, not rated")
    group_by: Names = Field(
        default_factory=list, description="columns to rate by; by default wave, touchpoint, segment, channel"
    )
    weight_by: Names = Field(
        default_factory=list, description="known margins that answers are weighted to; by default found"
    )
    outcome: Literal["nps", "csat", "ces"] | None = Field(
        None, description="the score that drivers explain; by default the one answered most"
    )
    drivers: Names = Field(
        default_factory=list, description="columns of responses; by default all items on one scale"
    )
    n_themes: int | None = Field(None, ge=2, le=30, description="themes of comments; by default found")
    sentiment: str | None = Field(
        None, min_length=1, description="column with the tone of comments as people labelled it, if any"
    )
    recent_days: int = Field(
        90, ge=1, le=730, description="days back in which a detractor is still called back"
    )
    overdue_days: int = Field(7, ge=1, le=365, description="days after which an open ticket is overdue")


class Offer(Section):
    """What is offered to keep a customer, in the client's currency per customer."""

    offer_cost: Amount | None = Field(
        None,
        description="of an offer that is taken; needed for profit and the list",
    )
    contact_cost: Amount | None = Field(
        None, description="what one contact costs, whatever comes of it; likewise"
    )
    save_rate: float = Field(
        0.30, gt=0, lt=1, description="share of those about to leave whom the offer keeps, 0 to 1"
    )
    save_weight: float = Field(
        20.0, gt=0, le=1e6, description="how surely that is known: as if learnt from so many customers"
    )
    budget: Amount | None = Field(
        None, description="money for contacts and offers; by default there is no limit"
    )
    customer_value: Amount | None = Field(
        None, description="margin of a customer who stays, where no CLV can be worked out"
    )


class Trial(Section):
    """How to read the table experiment, and how to size the next test."""

    control: str | None = Field(
        None, min_length=1, description="the arm that got nothing; by default the one called control"
    )
    outcome: Literal["stayed", "left"] | None = Field(
        None,
        description="what an outcome of 1 says; without it no arm is called better",
    )
    planned: dict[str, Share] = Field(
        default_factory=dict, description="planned share of each arm, by name; by default all alike"
    )
    power: float = Field(
        0.80, ge=0.5, lt=1, description="chance that the next test finds the effect if it is there"
    )


class Churn(Section):
    """Study 05: who leaves."""

    observation_days: int = Field(365, ge=1, description="days before the cut-off in which a customer bought")
    gap_days: int = Field(
        0, ge=0, le=365, description="days between cut-off and horizon: the time it takes to act"
    )
    horizon_days: int = Field(
        90, ge=1, description="days after cut-off and gap without a purchase: counted as left"
    )
    label: Literal["purchases", "contract", "snapshot"] | None = Field(
        None, description="which leaving the model learns; by default the one that rules"
    )
    n_cut_offs: int = Field(
        6, ge=1, le=36, description="earlier cut-offs that a model may learn from, at most"
    )
    leave_out: Names = Field(
        default_factory=list,
        description="features that no model may use, as they know the answer",
    )
    keep: Names = Field(
        default_factory=list,
        description="features that seem to know the answer, and were known before",
    )
    offer: Offer = Field(
        default_factory=lambda: Offer.model_validate({}), description="what is offered to keep a customer"
    )
    test: Trial = Field(
        default_factory=lambda: Trial.model_validate({}),
        description="how to read the table experiment, and to size one",
    )


class Params(Section):
    """All sections of one parameter file."""

    client: Client
    data: Data
    segmentation: Segmentation = Field(default_factory=lambda: Segmentation.model_validate({}))
    lifecycle: Lifecycle = Field(default_factory=lambda: Lifecycle.model_validate({}))
    value: Value = Field(default_factory=lambda: Value.model_validate({}))
    satisfaction: Satisfaction = Field(default_factory=lambda: Satisfaction.model_validate({}))
    churn: Churn = Field(default_factory=lambda: Churn.model_validate({}))

    def section(self, name: str) -> dict[str, Any]:
        """Return one section as plain JSON values, defaults included."""
        return getattr(self, name).model_dump(mode="json")


SECTIONS = tuple(Params.model_fields)
