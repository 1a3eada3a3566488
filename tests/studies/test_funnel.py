"""The funnel on small clients with known stages and waits, on bad input, and on the demo, whose truth is known."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.samples import plan
from cam.show.figures import funnel as figures
from cam.show.tables import ShownTable
from cam.studies import funnel as steps
from cam.studies.study import start

LAST = pd.Timestamp("2026-06-30")


def leads(n=400, *, share=0.4, days=300, back=0, seed=4, stages=("new", "contacted", "qualified"), wait=6.0):
    """Leads, every one from a new person; a share buys after exponential days, if there is time for it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"lead_id": [f"L{place:04}" for place in range(n)]})
    frame["created_date"] = LAST - pd.to_timedelta(back + rng.integers(0, days, n), unit="D")
    frame["channel"] = rng.choice(["web", "fair"], n, p=[0.7, 0.3])
    buys = frame["created_date"] + pd.to_timedelta(np.floor(rng.exponential(wait, n)), unit="D")
    won = (rng.random(n) < share) & (buys <= LAST)
    frame["stage"] = np.where(won, "won", rng.choice(stages, n))
    frame["customer_id"] = pd.Series([f"c{place:04}" for place in range(n)]).where(won, None)
    return frame, buys.where(won)


def orders(frame, buys, *, first="2025-01-01"):
    """First purchases of those who bought, and one of an old customer who opens the data."""
    log = pd.DataFrame({"customer_id": frame["customer_id"], "order_date": buys}).dropna()
    old = pd.DataFrame({"customer_id": ["old"], "order_date": [pd.Timestamp(first)]})
    return pd.concat([old, log], ignore_index=True).assign(revenue=10)


def made(client, frame=None, buys=None, **sections):
    if frame is None:
        frame, buys = leads()
    return client({"leads": frame, "transactions": orders(frame, buys)}, **sections)


def text(shown):
    assert isinstance(shown, ShownTable), shown
    words = (
        re.sub(r"<[^>]+>", " ", shown.html).replace("\xa0", " ").replace("&lt;", "<").replace("&#x27;", "'")
    )
    assert "nan" not in words.lower()
    return re.sub(r"\s+", " ", words)


def known(figs):
    return {(each.figure, *each.segment.values()): each for each in figs if isinstance(each, Estimate)}


def walk(study):
    """Every step of the notebook, in order; nothing may break, and what comes out is presentable."""
    found = steps.leads(study)
    drawn = [
        figures.conversion_curves(steps.curves(study, found), period=study.period),
        figures.month_dots(months := steps.months(study, found), days=30, change=steps.trend(months)),
    ]
    shown = [
        steps.show_stages(study, found),
        steps.show_times(study, found),
        steps.show_standing(study, found),
    ]
    said = [*steps.findings(study, found), *steps.key_figures(study, found), *drawn]
    for each in shown:
        assert isinstance(each, CannotSay) or text(each)
    for each in [*shown, *said]:
        assert not isinstance(each, CannotSay) or each.reason
        assert not isinstance(each, str) or "nan" not in each.lower()
        if isinstance(each, Estimate) and each.low is not None:
            assert each.low <= each.value <= each.high
    keys = [(each.figure, *sorted(each.segment.items())) for each in said if isinstance(each, Estimate)]
    assert len(keys) == len(set(keys))
    return found, [text(each) if isinstance(each, ShownTable) else each.reason for each in shown], said


# Correct.


def test_steps_waits_and_standing_are_those_counted_by_hand(client):
    frame, buys = leads()
    study = made(client, frame, buys)
    found, (stages, times, stand), said = walk(study)
    n, won = len(frame), int(buys.notna().sum())
    assert found.stages == ("all leads", "contacted", "qualified", "first purchase")
    reached = [n, n - (frame["stage"] == "new").sum(), won + (frame["stage"] == "qualified").sum(), won]
    got = known(said)
    for place in (1, 2, 3):
        step = got["lead_conversion_rate", found.stages[place - 1], found.stages[place]]
        assert (step.value, step.n) == (reached[place] / reached[place - 1], reached[place - 1])
    assert got["lead_conversion_rate",].value == won / n and got["lead_conversion_rate",].n == n
    web = frame["channel"] == "web"
    assert got["lead_conversion_rate", "web"].value == buys[web].notna().sum() / web.sum()
    # By hand the curve of Kaplan and Meier needs the leads at risk; its floor is the plain share.
    soon = (buys - frame["created_date"]).dt.days <= 30
    old = frame["created_date"] <= LAST - pd.Timedelta(days=30)
    assert soon.sum() / n <= got["converted_30_days",].value
    assert got["converted_30_days",].value == pytest.approx((soon & old).sum() / old.sum(), abs=0.02)
    limit = steps.prospect_days(found).value
    age = (LAST - frame["created_date"]).dt.days[buys.isna()]
    assert got["n_prospects",].value == (age <= limit).sum()
    table = steps.standing(study, found)
    assert table["n_leads"].sum() == n and table.set_index("where")["n_leads"]["cold"] == (age > limit).sum()
    assert "to first purchase" in stages and "within 30 days" in times and "Prospects" in stand


def test_leads_and_purchases_are_reconciled_and_every_lead_is_accounted_for(client):
    frame, buys = leads()
    won = frame.index[buys.notna()]
    never, before, twice = won[:3], won[3:7], won[7:12]
    log = orders(frame.drop(never), buys.drop(never))
    log.loc[log["customer_id"].isin(frame.loc[before, "customer_id"]), "order_date"] = pd.Timestamp(
        "2025-02-01"
    )
    again = frame.loc[twice].assign(lead_id=[f"M{k}" for k in range(5)], created_date=LAST)
    behind = won[12:14]
    frame.loc[behind, "stage"] = "contacted"
    named = frame.index[buys.isna()][:6]
    frame.loc[named, "stage"] = "closed won"
    study = client({"leads": pd.concat([frame, again]), "transactions": log})
    found, (stages, _times, _stand), said = walk(study)
    rate = known(said)["lead_conversion_rate",]
    assert (rate.value, rate.n) == ((len(won) - 7) / (len(frame) - 4), len(frame) - 4)
    for words in (
        "4 leads are left out: their customers had bought before",
        "5 leads are left out: they are not their customer's first",
        "3 leads name a customer who has not bought",
        "6 leads are won by their stage but name no customer",
        "2 leads bought though their stage does not say so",
    ):
        assert words in stages
    table = steps.standing(study, found).set_index("where")["n_leads"]
    assert table[["earlier", "again", "unbought"]].tolist() == [4, 5, 9]
    assert table.sum() == len(frame) + 5
    assert table["customers"] == len(won) - 7


def test_lost_leads_are_apart_and_given_stages_rule(client):
    frame, buys = leads(stages=("Kontakt", "Termin", "lost"))
    frame["stage"] = frame["stage"].replace("won", "Auftrag")
    study = made(client, frame, buys, lifecycle={"lead_stages": ["Kontakt", "Termin", "Angebot", "Auftrag"]})
    found, (stages, _times, _stand), _said = walk(study)
    assert found.stages == ("all leads", "Termin", "Angebot", "Auftrag", "first purchase")
    n = int((frame["stage"] == "lost").sum())
    assert f"{n} leads show no furthest stage ({n} lost, 0 without a stage)" in stages
    assert steps.standing(study, found).set_index("where")["n_leads"]["lost"] == n


def test_many_stages_stand_below_each_other(client):
    words = ("new", "contacted", "mql", "qualified", "sql", "opportunity", "proposal")
    frame, buys = leads(stages=words)
    study = made(client, frame, buys)
    found = steps.leads(study)
    assert len(found.stages) == 8 and "Stage reached" in text(steps.show_stages(study, found))


def test_contracts_count_where_there_are_no_orders(client):
    frame, buys = leads()
    log = orders(frame, buys).rename(columns={"order_date": "start_date"}).drop(columns="revenue")
    study = client({"leads": frame, "contracts": log.assign(end_date=None)})
    found, _shown, said = walk(study)
    assert found.stages[-1] == "first contract"
    assert known(said)["lead_conversion_rate",].value == buys.notna().mean()


# Refuses.


def test_without_leads_one_quiet_reason_says_what_to_add(client):
    frame, buys = leads()
    study = client({"transactions": orders(frame, buys)})
    found = steps.leads(study)
    assert (
        isinstance(found, CannotSay)
        and "needs the table leads" in found.reason
        and "data.leads" in found.cure
    )
    assert steps.findings(study, found) == [found] == steps.key_figures(study, found)
    for step in (steps.show_stages, steps.curves, steps.show_times, steps.months, steps.show_standing):
        assert step(study, found) is found


def test_unknown_stages_are_named_with_the_cure_and_the_funnel_falls_back(client):
    frame, buys = leads(stages=("hot", "cold"))
    found, (stages, _times, _stand), _said = walk(made(client, frame, buys))
    assert found.stages == ("all leads", "first purchase")
    assert "no known place: cold, hot. Name all stages, first to last, under lifecycle.lead_stages." in stages


def test_without_stages_channels_or_customers_the_rest_is_said(client):
    frame, buys = leads()
    log = orders(frame, buys)
    found, (stages, times, _stand), _said = walk(
        client({"leads": frame.drop(columns=["stage", "channel"]), "transactions": log})
    )
    assert found.stages == ("all leads", "first purchase") and "This needs stage in the table leads" in stages
    assert "No two channels have 30 leads or more" in times
    study = client({"leads": frame.drop(columns="customer_id"), "transactions": log})
    found, (stages, times, _stand), said = walk(study)
    assert (
        found.stages[-1] == "won" and "to won" in stages and "needs customer_id in the table leads" in times
    )
    assert known(said)["lead_conversion_rate",].value == (frame["stage"] == "won").mean()
    found = steps.leads(client({"leads": frame[["lead_id", "created_date"]], "transactions": log}))
    assert (
        isinstance(found, CannotSay) and "needs stage" in found.reason and "needs customer_id" in found.reason
    )


def test_customers_who_are_never_found_or_never_named_are_no_conversions(client):
    frame, buys = leads()
    other = orders(frame, buys).assign(customer_id=lambda log: "X" + log["customer_id"])
    _found, (_stages, times, _stand), _said = walk(client({"leads": frame, "transactions": other}))
    assert times == f"Not one of the {buys.notna().sum()} customers named in leads is among those who bought."
    unnamed = frame.assign(customer_id=None)
    unnamed.loc[0, "customer_id"] = ""
    _found, (_stages, times, _stand), _said = walk(client({"leads": unnamed, "transactions": other}))
    assert "won by their stage, but none names its customer" in times


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": 0.0}, "0 leads became customers, and 30 are needed"),
        ({"share": 1.0, "wait": 0.5}, None),
        ({"days": 1, "wait": 0.1}, None),
        ({"days": 1, "back": 60}, None),
        ({"n": 20}, "of all 20 leads 20 can be followed, and 30 are needed"),
    ],
)
def test_none_all_one_day_and_few(client, change, words):
    frame, buys = leads(**change)
    found = steps.leads(study := made(client, frame, buys))
    if isinstance(found, CannotSay):
        assert words.replace("all 20", "20") in found.reason.replace("all 20", "20")
        return
    _found, shown, said = walk(study)
    if words:
        assert any(words in each for each in shown)
        assert known(said)["lead_conversion_rate",].value == 0


def test_a_channel_of_two_leads_counts_among_all_and_later_leads_are_dropped(client):
    frame, buys = leads()
    frame.loc[:1, "channel"] = "letter"
    frame.loc[2, ["created_date", "customer_id", "stage"]] = [LAST + pd.Timedelta(days=9), None, "new"]
    found, (stages, _times, _stand), said = walk(made(client, frame, buys))
    assert "letter" not in stages and "2 leads of smaller channels count among all." in stages
    assert known(said)["lead_conversion_rate",].n == len(frame) - 1
    assert int(found.counts["n_leads"].sum()) == len(frame) - 1


def test_leads_from_before_the_orders_are_left_out_where_old_customers_are_missing(client):
    frame, buys = leads(days=600)
    cut = pd.Timestamp("2026-01-15")
    log = orders(frame, buys, first=cut)
    study = client({"leads": frame, "transactions": log[log["order_date"] >= cut]})
    found, (stages, _times, _stand), _said = walk(study)
    assert "Leads from before 15 Jan 2026, the first order in the data, are left out" in stages
    table = steps.standing(study, found).set_index("where")["n_leads"]
    assert table["before"] == (frame["created_date"] < cut).sum()
    # A shop that opens after its first leads keeps them: whoever they name has bought.
    kept = steps.leads(client({"leads": frame, "transactions": orders(frame, buys, first=LAST)}))
    assert "before" not in set(kept.counts["status"])


# Consistent.


def test_row_order_changes_nothing(client):
    frame, buys = leads()
    log = orders(frame, buys)
    one = walk(client({"leads": frame, "transactions": log}))[1:]
    two = walk(client({"leads": frame.sample(frac=1, random_state=1), "transactions": log[::-1]}))[1:]
    assert one[0] == two[0] and one[1][:-2] == two[1][:-2]


# Honest.


@pytest.mark.slow
def test_on_the_demo_the_intervals_hold_the_truth_by_channel():
    """The true share is contacted x qualified x the channel's `closes`; waits are exponential with `delay_days`.

    A lead that came in at a random hour of its day, E days before the first order, lies at most t calendar days back
    where E < t + the hour of the order: of those who convert, 1 - exp(-t/d) d (1 - exp(-1/d)) have by day t.
    """
    study = start("02_lifecycle", {})
    found = steps.leads(study)
    got = known(steps.key_figures(study, found))
    ways = dict(zip(("contacted", "qualified", "bought"), pairwise(found.stages), strict=True))
    checked = missed = 0
    for channel in (each for each in plan.CHANNELS if each.closes):
        delay = channel.delay_days
        late = delay * (1 - np.exp(-1 / delay))
        truth = plan.CONTACTED * plan.QUALIFIED * channel.closes
        curve = steps.kaplan_meier(found.cells[found.cells["group"] == channel.name])
        steps_of = {to: got["lead_conversion_rate", channel.name, *way] for to, way in ways.items()}
        wanted = [
            (steps.converted_by("rate", curve, time=t), truth * (1 - late * np.exp(-t / delay)))
            for t in (3, 7, 30)
        ]
        wanted += [(steps_of["contacted"], plan.CONTACTED), (steps_of["qualified"], plan.QUALIFIED)]
        wanted += [(steps_of["bought"], channel.closes)]
        for estimate, true in wanted:
            checked += 1
            missed += not estimate.low <= true <= estimate.high
            # Nowhere far off: about four standard errors.
            assert abs(estimate.value - true) <= estimate.high - estimate.low, (
                channel.name,
                estimate,
                true,
            )
    # Of 30 intervals, five or more miss in 1 of 60 demos whose intervals were independent.
    assert checked == 30 and missed <= 4
    change = got["lead_conversion_trend",]
    assert change.low <= 0 <= change.high
