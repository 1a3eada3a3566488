"""Migration on small clients of every kind: everybody is somewhere at both dates; a refusal has its cure."""

from __future__ import annotations

import re
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies.shop import orders, reasons

from cam.estimate import CannotSay, Estimate
from cam.measures.segmentation.migration import MOVES, STATES
from cam.show.tables import ShownTable
from cam.studies import migration as steps
from cam.studies import segmentation


def walk(study) -> SimpleNamespace:
    """All steps, as the notebook calls them."""
    found = SimpleNamespace(study=study)
    found.customers = segmentation.measure_value(study, segmentation.summarise(study))
    found.windows = steps.windows(study, found.customers)
    found.moved = steps.follow(study, found.customers, found.windows)
    found.flows = steps.flows(study, found.moved)
    found.table = steps.transition_table(study, found.flows)
    found.moves = steps.moves(study, found.flows)
    found.scores = steps.scores(study, found.moved)
    found.shown = [
        steps.show_counts(study, found.table, found.windows),
        steps.show_flows(study, found.table),
        steps.show_moves(study, found.moves, found.windows),
    ]
    found.findings = steps.findings(study, found.windows, found.table, found.moves)
    found.figures = steps.key_figures(study, found.table, found.moves)
    for page in found.shown:
        said = page.html if isinstance(page, ShownTable) else page.reason
        assert said and "nan" not in said.lower()
    for figure in found.figures:
        if isinstance(figure, Estimate):
            assert figure.low <= figure.value <= figure.high, figure
    return found


def buys(rows: list[tuple[str, str, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "order_date", "revenue"])


def counts(found) -> dict[tuple[str, str], int]:
    return found.flows.set_index(["segment_before", "segment_after"])["n_customers"].to_dict()


@pytest.fixture
def shop(client):
    return walk(client({"transactions": orders(500)}))


# --- correct ------------------------------------------------------------------------------------


def test_a_year_back_where_there_are_two_years_and_half_of_a_shorter_history(client):
    two_years = buys([("a", "2024-07-01", 5), ("b", "2025-03-01", 5), ("a", "2026-01-01", 5)])
    assert walk(client({"transactions": two_years})).windows == steps.Windows(
        date(2024, 7, 1), date(2025, 6, 30), date(2026, 6, 30), 365
    )
    # One day less: 729 days, of which each window has 364.
    shorter = two_years.replace("2024-07-01", "2024-07-02")
    found = walk(client({"transactions": shorter})).windows
    assert (found.earlier, found.days) == (date(2025, 7, 1), 364)


def test_a_date_of_ones_own_gives_windows_that_do_not_overlap(client):
    log = orders(200)
    near = walk(client({"transactions": log}, segmentation={"earlier": "2026-03-31"})).windows
    assert near.days == 91
    # With 130 weeks of orders the history before this date is shorter than the time since.
    far = walk(client({"transactions": log}, segmentation={"earlier": "2024-03-31"})).windows
    assert far.days == (date(2024, 3, 31) - far.first).days + 1 < (far.as_of - far.earlier).days


def test_everyone_by_hand(client):
    limits = {"recency": [60.0], "frequency": [0.0], "monetary": [50.0]}
    rows = [
        ("stays", "2025-06-01", 30), ("stays", "2025-06-20", 30), ("stays", "2026-06-01", 30),
        ("stays", "2026-06-20", 30),
        ("falls", "2025-06-01", 30), ("falls", "2025-06-20", 30), ("falls", "2025-09-01", 5),
        ("lapses", "2025-01-10", 70),
        ("back", "2023-01-10", 9), ("back", "2026-06-10", 9),
        ("gone", "2023-01-10", 9),
        ("new", "2026-06-10", 9),
        ("later", "2026-07-10", 9),
    ]  # fmt: skip
    study = client({"transactions": buys(rows)}, segmentation={"thresholds": limits, "earlier": "2025-06-30"})
    found = walk(study)
    table = found.scores.order_by("customer_id").execute().set_index("customer_id")
    assert table.to_dict("index") == {
        "back": {"segment_before": "lapsed", "segment_after": "promising", "migration": "came_back"},
        "falls": {"segment_before": "champions", "segment_after": "needs_attention", "migration": "down"},
        "gone": {"segment_before": "lapsed", "segment_after": "lapsed", "migration": "away"},
        "lapses": {"segment_before": "loyal", "segment_after": "lapsed", "migration": "lapsed"},
        "new": {"segment_before": "not_yet", "segment_after": "promising", "migration": "new"},
        "stays": {"segment_before": "champions", "segment_after": "champions", "migration": "stayed"},
    }
    changes = found.moves.set_index("migration")["change"].to_dict()
    assert changes == {"stayed": 0, "down": -55, "lapsed": -70, "came_back": 9, "new": 9, "away": 0}
    assert "those of the parameter file" in found.shown[0].html


# --- consistent ---------------------------------------------------------------------------------


def test_rows_and_columns_add_up_to_the_segments_of_both_dates(shop):
    people = shop.scores.execute()
    assert len(people) == people["customer_id"].nunique() == shop.customers.count().execute()
    for when in ("before", "after"):
        ours = shop.table.groupby(f"segment_{when}")["n_customers"].sum()
        theirs = people[f"segment_{when}"].value_counts()
        assert ours[ours > 0].to_dict() == theirs.to_dict()
    scored = shop.study.engine.table("migration_after_customers")
    assert set(people["segment_after"]) <= set(STATES)
    later = scored.group_by("rfm_segment").aggregate(n=scored.count()).execute().set_index("rfm_segment")["n"]
    assert (
        people.loc[people["segment_after"] != "lapsed", "segment_after"].value_counts().to_dict()
        == later.to_dict()
    )
    assert (
        people["migration"].value_counts().to_dict()
        == shop.moves.set_index("migration")["n_customers"].to_dict()
    )


def test_both_dates_have_the_limits_of_the_later_window(shop):
    before, after = (
        shop.study.engine.table(f"migration_{when}_customers").execute() for when in ("before", "after")
    )
    # Distinct amounts, so the quintiles of the window that they are cut in are even to a customer.
    assert after["m_score"].value_counts().between(len(after) // 5 - 1, len(after) // 5 + 1).all()
    for score in range(1, 5):
        limit = after["value"][after["m_score"] <= score].max()
        assert before["value"][before["m_score"] <= score].max() <= limit
        assert before["value"][before["m_score"] > score].min() > limit


def test_revenue_is_that_of_the_two_windows(shop):
    day = pd.to_datetime(shop.study.tables["transactions"].execute()["order_date"])
    revenue = shop.study.tables["transactions"].execute()["revenue"]
    last = pd.Timestamp("2026-06-30")
    after = day.between(last - pd.Timedelta(days=364), last + pd.Timedelta(hours=23))
    assert sum(shop.flows["revenue_after"]) == sum(revenue[after])


def test_a_shop_whose_year_repeats_itself_has_no_moves(client):
    year = orders(150, weeks=52, first_days=200)
    # A year later everybody does the same, 365 days on.
    log = pd.concat([year.assign(order_date=year["order_date"] - pd.Timedelta(days=365)), year])
    first = pd.DataFrame(
        {"customer_id": [-1], "order_date": pd.Timestamp("2024-07-01"), "revenue": 1.0, "cost": 0.6}
    )
    found = walk(client({"transactions": pd.concat([first, log])}))
    assert found.windows.days == 365
    stayed = found.flows["segment_before"] == found.flows["segment_after"]
    assert found.flows["n_customers"][stayed].sum() == 150
    # He who bought once, on the first day of all, has lapsed: nobody else does anything new.
    assert found.flows["n_customers"][~stayed].tolist() == [1]
    (share,) = [one for one in found.figures if one.figure == "stayed_share"]
    assert share.value == pytest.approx(150 / 151)


def test_the_order_of_rows_and_orders_after_the_last_day_change_nothing(client):
    log = orders(200)
    before = counts(walk(client({"transactions": log})))
    assert counts(walk(client({"transactions": log.sample(frac=1, random_state=3)}))) == before
    later = log.tail(50).assign(order_date=pd.Timestamp("2026-07-15"))
    assert counts(walk(client({"transactions": pd.concat([log, later])}))) == before


def test_the_shares_of_those_who_had_bought_add_up(shop):
    known = {one.figure: one for one in shop.figures if not one.segment}
    assert sum(known[name].value for name in steps.RATES.values()) == pytest.approx(1)
    assert len({one.n for name, one in known.items() if name in steps.RATES.values()}) == 1
    keys = [(one.figure, tuple(sorted(one.segment.items()))) for one in shop.figures]
    assert len(keys) == len(set(keys))
    assert {one.segment["move"] for one in shop.figures if one.figure == "migration_revenue"} <= set(MOVES)


@pytest.mark.parametrize("measure", ["margin", "n_orders", "wallet"])
def test_any_value_measure(client, measure):
    log = orders(200)
    known = pd.DataFrame({"customer_id": range(150), "wallet": np.arange(150) + 1.0})
    frames = {"transactions": log, "customers": known}
    found = walk(client(frames, segmentation={"value_measure": measure, "value_unit": "count"}))
    # Who has no value has no segment at either date, and is not counted as lapsed.
    assert found.table["n_customers"].sum() == (150 if measure == "wallet" else log["customer_id"].nunique())
    assert ("known for one date only" in found.shown[0].html) == (measure == "wallet")


# --- refuses ------------------------------------------------------------------------------------


def refusal(client, rows, **segmentation_params) -> str:
    found = walk(client({"transactions": rows}, segmentation=segmentation_params))
    assert isinstance(found.windows, CannotSay) or isinstance(found.moved, CannotSay)
    said = reasons(
        found.windows, found.moved, found.flows, found.table, found.moves, found.scores, *found.shown
    )
    assert len(set(said)) == 1 and reasons(found.findings) == reasons(found.figures) == said[:1]
    return said[0]


@pytest.mark.parametrize("earlier", ["2026-06-30", "2026-12-31"])
def test_the_same_date_twice_or_a_later_one(client, earlier):
    said = refusal(client, orders(50), earlier=earlier)
    assert re.match(r"The earlier date, \d+ \w+ 2026, is not before the last day seen, 30 Jun 2026\. ", said)
    assert said.endswith("for segmentation.earlier, or leave it out.") and "to 2 Jun 2026" in said


def test_a_date_before_anybody_had_bought(client):
    said = refusal(client, buys([("a", "2025-01-01", 5), ("b", "2026-01-01", 5)]), earlier="2024-12-31")
    assert said == (
        "By the earlier date, 31 Dec 2024, nobody had bought: the first purchase was on 1 Jan 2025. Choose a date "
        "from 28 Jan 2025 to 2 Jun 2026 for segmentation.earlier, or leave it out."
    )


@pytest.mark.parametrize("earlier", ["2025-01-20", "2026-06-10"])
def test_a_date_that_leaves_no_window(client, earlier):
    said = refusal(client, buys([("a", "2025-01-01", 5), ("b", "2026-01-01", 5)]), earlier=earlier)
    assert "leaves less than 28 days of purchases before it (the first was on 1 Jan 2025) or after" in said


@pytest.mark.parametrize(("first", "n"), [("2026-06-30", 1), ("2026-05-07", 55)])
def test_a_history_too_short_for_two_windows(client, first, n):
    said = refusal(client, buys([("a", first, 5), ("b", "2026-06-30", 5)]))
    assert (
        said.startswith(
            f"The purchases cover {n} {'day' if n == 1 else 'days'}; migration needs 28 days before"
        )
        and "longer" in said
    )


def test_windows_in_which_nobody_bought(client):
    once = buys([("a", "2023-01-01", 5), ("b", "2026-06-01", 5)])
    assert refusal(client, once).startswith(
        "Nobody bought in the 365 days to 30 Jun 2025. Choose another date"
    )
    long_ago = buys([("a", "2023-01-01", 5), ("b", "2025-01-01", 5)])
    assert refusal(client, long_ago).startswith("Nobody bought in the 365 days to 30 Jun 2026.")


def test_a_client_without_orders(client):
    contracts = pd.DataFrame({"customer_id": ["a"], "start_date": ["2026-01-01"], "end_date": [None]})
    found = walk(client({"contracts": contracts}))
    assert "needs the table transactions" in found.findings[0].reason
    assert isinstance(found.scores, CannotSay)


def test_few_customers_are_counted_but_not_rated(client):
    found = walk(client({"transactions": orders(12)}))
    assert found.table["n_customers"].sum() == 12 and found.table["share"].isna().all()
    (said,) = found.findings
    assert "too few to rate their moves; 30 are needed" in said.reason
    assert [one for one in found.figures if isinstance(one, Estimate)] == []
    assert "customers at the earlier date, too few to rate" in found.shown[0].html
    assert "No segment of 30 customers" in found.shown[1].reason


# --- honest -------------------------------------------------------------------------------------


def test_findings_carry_their_numbers_and_what_to_do(shop):
    assert 2 <= len(shop.findings) <= 3
    assert all(re.search(r"\(.* to .*n.=.\d", said) for said in shop.findings)
    assert any("Call them first" in said for said in shop.findings)


@pytest.mark.parametrize(
    ("won", "words"),
    [(400, "renewed faster than it drains"), (200, "even within chance"), (60, "keeping first")],
)
def test_the_balance_of_who_came_and_who_went(client, won, words):
    rng = np.random.default_rng(4)
    rows = [(f"old{i}", "2025-02-01", round(rng.gamma(2, 20), 2) + 1) for i in range(200)]
    rows += [(f"kept{i}", day, 30.0 + i) for i in range(100) for day in ("2025-03-01", "2026-03-01")]
    rows += [(f"new{i}", "2026-02-01", round(rng.gamma(2, 20), 2) + 1) for i in range(won)]
    found = walk(client({"transactions": buys([("first", "2024-01-01", 1), *rows])}))
    assert words in found.findings[-1]


def test_what_is_near_a_limit_and_what_is_not_known_is_said(shop):
    assert "no score changed by more than one bin" in shop.shown[2].html
    assert "came back counts as new, not as lapsed" in shop.shown[0].html
