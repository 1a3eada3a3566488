"""The cards of the overview: the right figure of a client, its last two periods, and words that do not overclaim."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cam.changes import compare
from cam.estimate import Estimate
from cam.key_figures import Row, rows
from cam.language import use
from cam.params import Params, params_from_sections
from cam.report.headlines import CARDS
from cam.report.page import Card
from cam.report.prose import Prose
from cam.report.scorecard import missing, nobody, scorecard
from cam.studies.client import STUDIES

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
BAD = "<script>alert(1)</script>"


def client(**value: object) -> Params:
    return params_from_sections(
        {"client": {"id": "acme"}, "data": {"transactions": {"path": "a.csv"}}, "value": value}
    )


def some(*estimates: Estimate, study: str = "02_lifecycle", as_of: str = "2026-06-30") -> list[Row]:
    return rows(estimates, client="acme", as_of=as_of, study=study)


def rate(
    value: float, *, figure: str = "period_retention_rate", half: float = 0.01, **segment: str
) -> Estimate:
    return Estimate(figure, value, "share", 900, value - half, value + half, segment)


def total(value: float, period: str, figure: str = "n_customers", basis: str = "purchases") -> Estimate:
    unit = "count" if figure == "n_customers" else "USD"
    return Estimate(figure, value, unit, segment={"basis": basis, "period": period})


def cards(figures: list[Row], **value: object) -> dict[str, Card]:
    found, _how = scorecard(figures, params=client(**value))
    assert len({card.name for card in found}) == len(found)
    return {card.name: card for card in found}


HALVES = ("2025-01/2025-06", "2025-07/2025-12", "2026-01/2026-06")


# --- correct ------------------------------------------------------------------------------------


def test_a_total_that_has_hardly_moved_is_neither_up_nor_down() -> None:
    card = cards(some(*map(total, (10_000, 9_980), HALVES[1:])))["Customers"]
    assert (card.sign, card.direction) == ("→", "Nearly the same as in Jul–Dec 2025: −0.2\u00a0%")
    card = cards(some(*map(total, (10_000, 9_940), HALVES[1:])))["Customers"]
    assert (card.sign, card.direction) == ("▼", "Fallen by 0.6\u00a0% against Jul–Dec 2025")


def test_a_total_is_compared_in_per_cent_and_nothing_is_said_of_chance() -> None:
    figures = some(*map(total, (80, 100, 120), HALVES), Estimate("n_customers", 500, "count", 500))
    card = cards(figures)["Customers"]
    assert (card.value, card.interval) == ("120", "")
    assert (card.sign, card.direction) == ("▲", "Risen by 20.0\u00a0% against Jul–Dec 2025")
    assert card.detail == "bought in Jan–Jun 2026; 500 in all the data"
    assert card.ends == (("80", "Jan–Jun 2025"), ("120", "Jan–Jun 2026"))
    assert (
        "3 periods: 80 (Jan–Jun 2025) to 120 (Jan–Jun 2026); lowest 80" in card.trend
        and "band" not in card.trend
    )


def test_where_nobody_has_bought_that_is_said_in_place_of_cards() -> None:
    assert nobody({"tables": {"transactions": {"n_orders": 0}}}) == (
        "Nobody has bought: every row of the transactions is a refund. If they are no refunds, the sign of revenue is "
        "the wrong way round: turn it at the source."
    )
    assert (
        nobody({"tables": {"transactions": {"n_orders": 1}}}) == nobody({"tables": {"contracts": {}}}) == ""
    )


def test_a_total_that_has_run_dry_says_since_when() -> None:
    card = cards(some(*map(total, (80, 0, 0), HALVES)))["Customers"]
    assert (card.value, card.sign, card.direction) == ("0", "▼", "None since Jan–Jun 2025")


@pytest.mark.parametrize(
    ("last", "sign", "words"),
    [
        (0.70, "▲", "Risen by 10.0 percentage points against Jul–Dec 2025: more than chance"),
        (0.50, "▼", "Fallen by 10.0 percentage points against Jul–Dec 2025: more than chance"),
        (0.61, "→", "No clear change against Jul–Dec 2025 (+1.0 percentage points): within chance"),
        (0.60, "→", "The same as in Jul–Dec 2025"),
    ],
)
def test_a_rate_moves_by_more_than_chance_or_within_it(last: float, sign: str, words: str) -> None:
    figures = some(
        rate(0.6, basis="purchases", period=HALVES[1]), rate(last, basis="purchases", period=HALVES[2])
    )
    card = cards(figures)["Retention rate"]
    assert (card.sign, card.direction, card.is_clear) == (sign, words, sign in "▲▼")
    assert (
        card.detail == "of those who bought in Jul–Dec 2025 bought again in Jan–Jun 2026; n\u00a0=\u00a0900"
    )
    assert "The band is the 95 % interval." in card.trend


def test_many_looks_are_judged_together() -> None:
    """Alone 2.2 points are more than chance; as one of five looks they are not."""
    pair = [
        rate(0.600, basis="purchases", period=HALVES[1], half=0.015),
        rate(0.622, basis="purchases", period=HALVES[2], half=0.015),
    ]
    assert "more than chance" in cards(some(*pair))["Retention rate"].direction
    others = [
        Estimate(figure, value, "share", 500, value - 0.05, value + 0.05, {"wave": wave})
        for figure in ("nps", "csat")
        for wave, value in (("one", 0.5), ("two", 0.52))
    ]
    order = [
        Estimate("wave_place", place, "count", segment={"score": figure, "wave": wave})
        for figure in ("nps", "csat")
        for place, wave in enumerate(("one", "two"), 1)
    ]
    assert "within chance" in cards(some(*pair, *others, *order))["Retention rate"].direction


def test_waves_stand_in_the_order_of_time_not_of_their_names() -> None:
    values = {"spring": 20.0, "autumn": 40.0}
    scores = [
        Estimate("nps", each, "points", 300, each - 3, each + 3, {"wave": wave})
        for wave, each in values.items()
    ]
    order = [
        Estimate("wave_place", place, "count", segment={"score": "nps", "wave": wave})
        for place, wave in enumerate(values, 1)
    ]
    card = cards(some(*scores, *order, study="04_satisfaction_nps"))["Net promoter score (NPS)"]
    assert card.value == "40.0" and card.direction == "Risen by 20.0 points against spring: more than chance"
    # Without their order there is no history to tell, and none is made up.
    whole = Estimate("nps", 30.0, "points", 600, 27.0, 33.0)
    untold = cards(some(*scores, whole))["Net promoter score (NPS)"]
    assert (untold.value, untold.direction, untold.trend) == ("30.0", "", "")


def test_quarters_of_the_cost_are_its_history_not_months_years_or_the_lagged_window() -> None:
    def cost(value: float, **segment: str) -> Estimate:
        return Estimate("cac", value, "USD", 50, value - 5, value + 5, segment)

    figures = some(
        cost(90, channel="all"),
        cost(100, period="2026-Q1", channel="all"),
        cost(130, period="2026-Q2", channel="all"),
        cost(1, period="2026-Q2", channel="all", window="lagged"),
        cost(2, period="2026-06", channel="all"),
        cost(3, period="2025", channel="all"),
        cost(4, period="2026-Q2", channel="search"),
    )
    card = cards(figures)["Acquisition cost per new customer (CAC)"]
    assert card.value == "$130.00" and card.direction == "Risen by $30.00 against Q1 2026: more than chance"
    assert [value for value, _when in card.ends] == ["$100.00", "$130.00"]


def test_periods_that_are_not_neighbours_are_drawn_and_not_compared() -> None:
    figures = some(total(80, HALVES[0]), total(120, HALVES[2]))
    card = cards(figures)["Customers"]
    assert card.trend and not card.direction


def test_what_rules_follows_the_setting_of_the_client() -> None:
    figures = some(
        *(rate(0.6, basis="purchases", period=period) for period in HALVES),
        *(rate(0.8, basis="contract", period=period) for period in HALVES),
        *(total(50, period, basis="contract") for period in HALVES),
        *(total(70, period) for period in HALVES),
    )
    assert (
        cards(figures)["Retention rate"].value == "60.0\u00a0%" and cards(figures)["Customers"].value == "70"
    )
    ruled = cards(figures, setting="contractual")
    assert ruled["Retention rate"].value == "80.0\u00a0%" and ruled["Customers"].value == "50"
    assert "with a contract at the end of Jan–Jun 2026" in ruled["Customers"].detail


def test_a_snapshot_has_a_churn_rate_and_no_history() -> None:
    figures = some(
        rate(0.3, figure="churn_rate", basis="snapshot"), rate(0.3, figure="churn_rate"), study="05_churn"
    ) + some(rate(0.78, figure="survival_rate", basis="snapshot", months="12"))
    found = cards(figures)
    assert list(found) == ["Still there after 12 months", "Churn rate"]
    assert "in the snapshot have left" in found["Churn rate"].detail and not found["Churn rate"].trend
    assert found["Still there after 12 months"].detail.startswith("of new customers")


def test_no_card_says_n_of_nobody_knows_whom() -> None:
    for kind in (kind for kinds in CARDS for kind in kinds):
        assert {kind.words, kind.of_period} != {""} and "{n}" not in (kind.words, kind.of_period)


def test_worth_for_ever_goes_with_the_ratio_that_is_made_of_it() -> None:
    near, ever = (
        Estimate("clv", value, "USD", 90, value - 9, value + 9, segment)
        for value, segment in ((40.0, {}), (120.0, {"horizon": "for_ever"}))
    )
    ratio = Estimate("clv_to_cac", 4.0, "ratio", 90, 3.0, 5.0, {"channel": "all"})
    found = cards(some(near, ever, ratio), horizon_months=24)
    assert found["CLV of a new customer"].value == "$120.00"
    assert "$40.00 of it in the first 24 months" in found["CLV of a new customer"].detail
    assert found["CLV to CAC"].detail.startswith("CLV for ever, divided by the CAC of all who")
    only = cards(some(near, ratio), horizon_months=24)
    assert only["CLV of a new customer"].detail.startswith("in discounted margin over 24 months")
    assert only["CLV to CAC"].detail.startswith("CLV over 24 months, divided by")


# --- consistent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kinds in CARDS for kind in kinds], ids=lambda kind: kind.place)
def test_every_card_leads_to_a_section_that_its_study_has(kind) -> None:
    study, _sign, section = kind.place.partition("#")
    prose = Prose()
    for cell in json.loads((NOTEBOOKS / f"{study}.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            prose.html("".join(cell["source"]))
    assert study in STUDIES and section in {heading.slug for heading in prose.headings}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_card_shows_a_gap_a_brace_or_markup_of_the_client(language: str) -> None:
    figures = some(
        *map(total, (0, 0, 5), HALVES),
        *(total(value, period, "revenue") for value, period in zip((-5.0, 0.0, 9.0), HALVES, strict=True)),
        Estimate("nps", 1.0, "points", 30, -1.0, 3.0, {"wave": BAD}),
        Estimate("nps", 5.0, "points", 30, 3.0, 7.0, {"wave": "b"}),
        Estimate("wave_place", 1, "count", segment={"score": "nps", "wave": BAD}),
        Estimate("wave_place", 2, "count", segment={"score": "nps", "wave": "b"}),
    )
    use(language)
    try:
        found = cards(figures)
    finally:
        use("en")
    assert len(found) == 3
    for card in found.values():
        assert not re.search(r"[{}]|nan|None|∞", f"{card}".replace("Card(", ""))
        assert "<script" not in card.trend
    # From nothing there is no per cent: the amount is said.
    assert ("5" if language == "zh" else "Risen by 5 against") in next(iter(found.values())).direction


def test_the_note_on_an_earlier_report_stands_beside_what_has_no_history() -> None:
    equity = Estimate("customer_equity", 900.0, "USD", 50, 850.0, 950.0)
    before = some(Estimate("customer_equity", 400.0, "USD", 50, 350.0, 450.0), as_of="2025-12-31")
    found, how = scorecard(some(equity), params=client(), changes=compare(before, some(equity)))
    assert "since last time" in found[0].note and not found[0].direction and how == ""


# --- refuses ------------------------------------------------------------------------------------


def test_what_is_missing_is_named_with_its_table_in_one_line() -> None:
    figures = some(rate(0.6, basis="purchases", period=HALVES[2]))
    said = missing(figures, params=client(), tables={"transactions"}, studies=list(STUDIES))
    assert "CLV to CAC, Payback period, Customer equity (needs the table spend)" in said
    assert "Customer satisfaction (CSAT) (needs the table responses)" in said
    # The table is there, so only the study can tell: the line leads to the section that does.
    assert re.search(
        r'<a href="03_clv_cac.html#[\w-]+">CLV of a new customer</a> \(the study says why\)', said
    )
    assert "Retention" not in said and "Customers" not in said


def test_nothing_is_missing_of_a_study_that_has_no_page() -> None:
    said = missing([], params=client(), tables={"snapshot"}, studies=["02_lifecycle"])
    assert "Retention rate (needs the table transactions or contracts)" in said
    assert "CAC" not in said and "NPS" not in said
    assert missing([], params=client(), tables=set(), studies=[]) == ""


def test_a_stand_in_under_another_name_does_not_hide_what_is_missing() -> None:
    figures = some(Estimate("residual_clv_total", 9.0, "USD", 5, 8.0, 10.0), study="03_clv_cac")
    assert list(cards(figures)) == ["Residual CLV of all customers"]
    assert "Customer equity" in missing(
        figures, params=client(), tables={"transactions"}, studies=["03_clv_cac"]
    )


def test_what_margin_rests_on_is_said_where_a_card_is_made_of_it() -> None:
    worth = some(Estimate("customer_equity", 9e6, "USD", 50, 8e6, 1e7), study="03_clv_cac")
    _cards, told = scorecard(worth, params=client(margin_rate=0.3, cost_to_serve={"order": 2}))
    assert told == (
        "Margin is an assumption: 30.0\u00a0% of revenue. The cost to serve is not taken off margin still to come, nor "
        "off what is made of it."
    )
    assert scorecard(worth, params=client())[1] == ""
    known = [*worth, *some(rate(0.4, figure="margin_rate"), study="03_clv_cac")]
    assert scorecard(known, params=client(margin_rate=0.3))[1] == ""
    assert scorecard([], params=client(margin_rate=0.3))[1] == ""


def test_no_figures_no_cards() -> None:
    assert scorecard([], params=client()) == ([], "")
