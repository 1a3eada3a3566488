"""Touches on small clients: known differences are found, what cannot be said has its reason; on the demo, the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.params import read_params
from cam.project import cache_folder, project_root
from cam.samples import sample_path
from cam.show.tables import ShownTable
from cam.studies import repeat_buying
from cam.studies import touches as steps
from cam.studies.study import start

BEGIN = pd.Timestamp("2024-07-01")
DAYS = 730


def shop(n=400, *, seed=3, chance=0.03, gone=None):
    """Orders on random days of customers from the first weeks on; *gone*: the day after which each buys no more."""
    rng = np.random.default_rng(seed)
    bought = rng.random((n, DAYS)) < chance
    bought[np.arange(n), rng.integers(0, 30, n)] = True
    if gone is not None:
        bought &= np.arange(DAYS)[None, :] <= np.maximum(gone, 30)[:, None]
    who, day = np.nonzero(bought)
    return pd.DataFrame(
        {
            "customer_id": [f"c{k:04}" for k in who],
            "order_date": BEGIN + pd.to_timedelta(day, unit="D"),
            "revenue": 9,
        }
    )


def tickets(who, day, *, hours=None, **columns):
    """One ticket per customer at noon; closed after so many hours, or not."""
    opened = BEGIN + pd.to_timedelta(np.asarray(day), unit="D") + pd.Timedelta(hours=12)
    frame = pd.DataFrame(
        {"ticket_id": range(len(who)), "customer_id": [f"c{k:04}" for k in who], "opened": opened}
    )
    if hours is not None:
        frame["closed"] = opened + pd.to_timedelta(np.asarray(hours, float), unit="h")
    return frame.assign(**columns)


def spoilt(n=800, seed=4, **columns):
    """A quarter of the customers have a ticket; those handled slowly buy no more from the eighth day on."""
    rng = np.random.default_rng(seed)
    who, day = np.arange(n // 4), rng.integers(60, 500, n // 4)
    slow = np.arange(n // 4) % 2 == 0
    gone = np.full(n, DAYS)
    gone[who[slow]] = day[slow] + 7
    return {
        "transactions": shop(n, gone=gone),
        "tickets": tickets(who, day, hours=np.where(slow, 400, 20), **columns),
    }


def by_segment(figures):
    return {(each.figure[:5], *each.segment.values()): each for each in figures if isinstance(each, Estimate)}


def text(shown):
    assert isinstance(shown, ShownTable)
    return shown.html.replace("\xa0", " ").replace("&#x27;", "'")


def reasons(study):
    """Whatever cannot be said of tickets: as a whole, or below the table."""
    bought = steps.buying(study)
    said = [bought] if isinstance(bought, CannotSay) else bought.unsaid
    for each in steps.findings(study, bought, steps.leaving(study)):
        assert each if isinstance(each, str) else each.reason
    return " ".join(f"{each.reason} {each.cure}" for each in said)


# --- correct ------------------------------------------------------------------------------------


def test_slow_handling_that_loses_everybody_is_found(client):
    rng = np.random.default_rng(1)
    category = rng.choice(["app", "bill"], 200)
    study = client(spoilt(category=category))
    bought = steps.buying(study)
    found = by_segment(steps.key_figures(study, bought, None))
    # At 3 % a day nearly everybody buys within 90 days: 1 - 0.97 ** 90 = 0.94; who had a slow ticket never does.
    slow = found["repur", "slow", "fast"]
    assert slow.high < -85 and slow.low <= slow.value <= slow.high
    assert slow.n >= 98  # of 100; one or two find nobody of the same standing
    against_none = found["repur", "slow", "none"]
    # Some of the others meet it later within their 90 days, which takes a point or two.
    assert against_none.value == pytest.approx(100 * (0.97**90 - 1), abs=4) and against_none.high < -80
    assert found["repur", "fast", "none"].low < 0 < found["repur", "fast", "none"].high
    assert (
        found["repur", "ticket", "other tickets", "app"].low
        < 0
        < found["repur", "ticket", "other tickets", "app"].high
    )
    said = steps.findings(study, bought, None)
    assert "Close tickets within 7 days" in said[0] and len(said) == 2
    shown = text(steps.show_touches(study, bought))
    assert "A ticket handled slowly" in shown and "nan" not in shown.lower()
    assert "no clear difference" in text(steps.show_categories(study, bought))


def test_of_very_many_customers_some_are_followed_and_the_rest_is_left_aside(client, monkeypatch):
    tables = spoilt()
    whole = steps.buying(client(tables))
    monkeypatch.setattr(repeat_buying, "MOST_FITTED", 300)
    study = client(tables)
    bought = steps.buying(study)
    assert "267 of 800 customers, taken at equal steps" in bought.notes[0]
    assert "equal steps" not in " ".join(whole.notes)
    # Nobody is called left out for not being in the sample.
    assert len(bought.notes) == len(whole.notes) + 1
    slow, all_slow = (
        by_segment(steps.key_figures(study, each, None))["repur", "slow", "fast"] for each in (bought, whole)
    )
    assert slow.high < -80 and slow.n == pytest.approx(all_slow.n / 3, abs=6)


def test_contracts_that_end_after_tickets_are_found(client):
    n = 300
    rng = np.random.default_rng(2)
    day = rng.integers(100, 450, n // 2)
    end = [BEGIN + pd.Timedelta(days=int(at) + 40) for at in day] + [None] * (n - n // 2)
    contracts = pd.DataFrame(
        {"customer_id": [f"c{k:04}" for k in range(n)], "start_date": BEGIN, "end_date": end}
    )
    study = client({"contracts": contracts, "tickets": tickets(range(n // 2), day, hours=[20.0] * (n // 2))})
    left = steps.leaving(study)
    bought = steps.buying(study)
    found = by_segment(steps.key_figures(study, bought, left))
    assert found["churn", "ticket", "none"].value > 75
    assert isinstance(bought, CannotSay) and "transactions" in bought.reason
    assert "Call these customers" in steps.findings(study, bought, left)[0]
    assert "contract ended" in text(steps.show_touches(study, left))


def test_refunds_and_surveys_are_touches_too(client):
    log = shop()
    rng = np.random.default_rng(5)
    back = log.iloc[rng.integers(0, len(log), 300)].assign(revenue=-3)
    asked = pd.DataFrame(
        {
            "customer_id": [f"c{k:04}" for k in range(400)],
            "invited_date": BEGIN + pd.to_timedelta(rng.integers(60, 500, 400), unit="D"),
            "nps": rng.choice([3, 9], 400),
        }
    )
    asked["response_date"] = asked["invited_date"] + pd.Timedelta(days=2)
    study = client({"transactions": pd.concat([log, back]), "responses": asked})
    bought = steps.buying(study)
    assert list(zip(bought.table["exposure"], bought.table["against"], strict=True)) == [
        ("refund", ""),
        ("invited", ""),
        ("low", "other"),
    ]
    assert "data.tickets" in bought.unsaid[0].cure
    assert isinstance(steps.show_categories(study, bought), CannotSay)
    assert steps.findings(study, bought, steps.leaving(study)) == [bought.unsaid[0]]


# --- refuses ------------------------------------------------------------------------------------


def test_without_tickets_the_cure_is_named(client):
    study = client({"transactions": shop(60)})
    assert "data.tickets" in reasons(study)
    assert steps.leaving(study) is None
    no_id = tickets(range(40), [200] * 40).drop(columns="customer_id")
    assert "customer_id in the table tickets" in reasons(client({"transactions": shop(60), "tickets": no_id}))


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (tickets([7], [200]), "Of the tickets, 1 can be followed, and 30 are needed."),
        (tickets(range(500, 560), [200] * 60), "60 are of customers who never bought"),
        (tickets(range(60), range(650, 710)), "60 are too recent to be followed for 90 days"),
        (tickets(range(60), [200] * 60), "All 60 tickets bear the same day, 17 Jan 2025"),
        (tickets(range(60), range(200, 260)).assign(customer_id=None), "60 name no customer"),
        (tickets([1] * 60, range(200, 260)), "59 are not the customer's first"),
        (tickets(range(60), range(200, 260)), "needs closed in the table tickets"),
    ],
)
def test_tickets_that_cannot_be_followed_have_their_reason(client, table, reason):
    assert reason in reasons(client({"transactions": shop(120), "tickets": table})).replace("\xa0", " ")


def test_tickets_before_the_first_purchase_are_told(client):
    log = shop(120)
    log["order_date"] += pd.to_timedelta(np.where(log["customer_id"] < "c0060", 300, 0), unit="D")
    log = log[log["order_date"] < BEGIN + pd.Timedelta(days=DAYS)]
    study = client({"transactions": log, "tickets": tickets(range(60), range(100, 160))})
    assert "60 came before the first purchase" in reasons(study)


def test_closed_before_opened_is_no_handling(client):
    frames = spoilt()
    frames["tickets"].loc[:39, "closed"] = frames["tickets"]["opened"] - pd.Timedelta(days=1)
    study = client(frames)
    bought = steps.buying(study)
    assert "40 tickets were closed before they were opened" in text(steps.show_touches(study, bought))
    assert by_segment(steps.key_figures(study, bought, None))["repur", "slow", "fast"].n in (79, 80)


def test_a_ticket_of_everybody_at_once_leaves_nobody_to_compare_with(client):
    log = shop(120, chance=0.0)  # one purchase each, all within a month
    first = (log.sort_values("customer_id")["order_date"] - BEGIN).dt.days
    study = client(
        {"transactions": log, "tickets": tickets(range(120), first)}, lifecycle={"ticket_days": 30}
    )
    assert "nobody of the same standing had met none" in reasons(study)


def test_data_too_short_to_follow_anything(client):
    log = shop(60)
    log = log[log["order_date"] > log["order_date"].max() - pd.Timedelta(days=60)]
    assert "no 90 days" in reasons(client({"transactions": log, "tickets": tickets(range(60), range(60))}))


# --- honest: the demo, whose truth is known -----------------------------------------------------


@pytest.mark.slow
def test_on_the_demo_the_interval_holds_the_truth_and_the_page_does_not_claim_more():
    params = read_params(project_root() / "params" / "demo.yaml")
    study = start("02_lifecycle", {"client": params.client.model_dump(mode="json"), **_data(params)})
    bought = steps.buying(study)
    found = by_segment(steps.key_figures(study, bought, steps.leaving(study)))
    folder = cache_folder() / "samples"
    truth = pd.read_csv(sample_path("sample:demo/truth/customers.csv", cache=folder)).set_index("customer_id")
    frame = study.tables["tickets"].execute().sort_values(["opened", "ticket_id"])
    people = truth.loc[frame.drop_duplicates("customer_id")["customer_id"]]
    buys, leaves = people["purchase_rate"].to_numpy(), people["dropout_rate"].to_numpy()

    def again(hazard):
        # Purchases and leaving at constant rates: the first of the two is a purchase, and comes within 90 days.
        return buys / (buys + hazard) * (1 - np.exp(-(buys + hazard) * 90 / 7))

    # A complaint not resolved within seven days doubles the hazard; which ones are not, is drawn.
    true = 100 * float(np.mean(again(2 * leaves) - again(leaves)))
    slow = found["repur", "slow", "fast"]
    assert -4 < true < -1 and slow.low < true < slow.high
    # Two points cannot be told from nothing by a thousand slow tickets, and the page says so.
    assert slow.high > 0 and "within chance" in steps.findings(study, bought, None)[0]
    # Whoever opens a ticket is still there: the naive reading would be that complaints are good for business.
    assert found["repur", "ticket", "none"].low > 0
    # An invitation does nothing to anybody.
    assert found["repur", "invited", "none"].low < 0 < found["repur", "invited", "none"].high


def _data(params):
    sources = params.data.sources
    return {"data": {name: {"path": source.path} for name, source in sources.items()}}
