"""Complaints of small clients: known times and counts are found, the rest has its reason; and the demo's truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.params import read_params
from cam.project import project_root
from cam.samples import plan
from cam.show.figures import complaints as figures
from cam.show.tables import ShownTable
from cam.studies import complaints as steps
from cam.studies import complaints_shown as shown
from cam.studies.study import start

END = pd.Timestamp("2026-07-01")


def tickets(n=600, *, seed=1, days=720, never=0.1, **columns):
    """Tickets of a client who closes seven of ten within six days, two after eight to thirty, and one never."""
    rng = np.random.default_rng(seed)
    opened = (END - pd.to_timedelta(rng.uniform(0, days, n), unit="D")).floor("min")
    kind = rng.choice(3, n, p=[0.9 - 0.2, 0.2, 0.1] if never else [0.8, 0.2, 0.0])
    took = np.select([kind == 0, kind == 1], [rng.uniform(0.1, 6, n), rng.uniform(8, 30, n)], np.inf)
    done = opened + pd.to_timedelta(np.where(np.isfinite(took), took, 0), unit="D")
    closed = pd.Series(done).where(np.isfinite(took) & (done < END)).dt.floor("min")
    reply = opened + pd.to_timedelta(rng.uniform(0.01, 0.09, n), unit="D")
    frame = pd.DataFrame(
        {
            "ticket_id": np.arange(n),
            "customer_id": [f"c{k}" for k in rng.integers(0, n, n)],
            "opened": opened,
            "first_reply": pd.Series(reply).where(reply < END).dt.floor("min"),
            "closed": closed,
            "category": rng.choice(["bill", "ware"], n, p=[0.7, 0.3]),
        }
    )
    return frame.assign(**columns).sort_values("opened")


def orders(n=600, *, every=30, **columns):
    """Customers who buy once a month for two years."""
    day = pd.date_range("2024-07-01", "2026-06-30", freq=f"{every}D")
    frame = pd.DataFrame(
        {"order_date": np.repeat(day, n), "customer_id": [f"c{k}" for k in range(n)] * len(day)}
    )
    return frame.assign(revenue=5, **columns)


ANSWERS = pd.DataFrame({"response_date": ["2026-06-01"], "nps": [9]})


def study_of(client, frame, **tables):
    # A client needs one of the starting tables; tickets alone are none.
    return client({"responses": ANSWERS, "tickets": frame, **tables})


def walk(study):
    """Every step as the notebook takes it; nothing may be missing or wrong in front of a reader."""
    found = {"seen": (seen := steps.look(study)), "volume": (fit := steps.volume(study, seen))}
    found["waits"] = waits = steps.waits(study, seen)
    found["kinds"] = kinds = steps.kinds(study, seen)
    found["backlog"] = backlog = steps.backlog(study, seen)
    found["again"] = again = steps.again(study, seen)
    ages, each = steps.ages(study, seen, backlog), steps.each(study, seen)
    found["tables"] = [
        shown.show_waits(study, seen),
        shown.show_kinds(study, seen, kinds),
        shown.show_ages(study, seen, backlog, ages),
        shown.show_each(study, seen, each, again),
    ]
    found["drawn"] = [
        figures.complaint_months(shown.drawn_volume(study, fit)),
        figures.waiting_curves(waits),
        figures.backlog_lines(backlog),
    ]
    found["findings"] = shown.findings(study, seen, fit, kinds, backlog, again)
    found["figures"] = shown.key_figures(study, seen, fit, kinds, backlog, again)
    known = [one for one in found["figures"] if isinstance(one, Estimate)]
    assert len({(one.figure, tuple(one.segment.items())) for one in known}) == len(known)
    for one in known:
        assert one.low is None or one.low <= one.value <= one.high, one
    for page in found["tables"]:
        assert not isinstance(page, ShownTable) or "nan" not in page.html.lower()
    words = [said if isinstance(said, str) else f"{said.reason} {said.cure}" for said in found["findings"]]
    assert words and all("nan" not in text and "{" not in text for text in words)
    found["known"] = {one.figure: one for one in known if set(one.segment) <= {"days"}}
    found["text"] = " ".join(
        [*words, *(page.html if isinstance(page, ShownTable) else page.reason for page in found["tables"])]
    ).replace("\xa0", " ")
    return found


# --- correct ------------------------------------------------------------------------------------


def test_known_times_are_found_and_the_open_ones_count(client):
    frame = tickets(900)
    found = walk(study_of(client, frame, transactions=orders()))
    share = found["known"]["resolution_within_7_days"]
    assert share.low < 0.7 < share.high and share.n == 900
    open_now = int(frame["closed"].isna().sum())
    assert found["known"]["tickets_open"].value == open_now
    late = frame["closed"].isna() & (frame["opened"].dt.normalize() <= pd.Timestamp("2026-06-23"))
    assert found["known"]["tickets_overdue"].value == late.sum()
    # 0.01 to 0.09 days, rounded up to whole hours.
    assert found["known"]["first_reply_median_hours"].value == 2
    # All 600 customers are active in every month.
    level = found["known"]["complaints_per_1000"]
    year = frame[(frame["opened"] >= "2025-07-01") & (frame["opened"] < "2026-07-01")]
    assert level.value == pytest.approx(1000 * len(year) / 12 / 600, rel=1e-9) and level.n == len(year)
    assert f"{open_now} are open, {late.sum()} of them" in found["text"]
    assert found["known"]["complaint_trend"].low < 0 < found["known"]["complaint_trend"].high
    assert "neither more nor fewer" in found["text"] and "The largest category is bill" in found["text"]


def test_kinds_that_wait_longer_and_places_that_complain_more_are_found(client):
    frame = tickets(900, never=0)
    slow = frame["category"] == "ware"
    frame.loc[slow, "closed"] = frame["opened"] + pd.Timedelta(days=20)
    frame["closed"] = frame["closed"].where(frame["closed"] < END)
    people = pd.DataFrame({"customer_id": [f"c{k}" for k in range(900)], "region": "south"})
    # In the north live those without a complaint, and every twentieth of the others.
    is_north = ~people["customer_id"].isin(frame["customer_id"]) | (people.index % 20 == 0)
    people.loc[is_north, "region"] = "north"
    found = walk(study_of(client, frame.assign(channel="web"), customers=people))
    kinds = found["kinds"].set_index("kind")
    assert kinds.loc["ware", "within"] == pytest.approx(0, abs=1e-9) and kinds.loc["bill", "within"] > 0.75
    assert kinds.loc["ware", "p_adjusted"] < 1e-6 and "by more than chance (log-rank tests" in found["text"]
    assert kinds.loc["south", "rate_p"] < 1e-6 and kinds.loc["south", "rate"] > 5 * kinds.loc["north", "rate"]
    assert "Other than all other places together by more than chance: " in found["text"]


def test_who_complains_again_is_counted_with_those_seen_too_short(client):
    # Of 60 customers long ago 20 come again after ten days; of 40 of last week nobody knows yet.
    first = pd.date_range("2025-01-01", periods=60, freq="D")
    rows = [(f"a{k}", day) for k, day in enumerate(first)]
    rows += [(f"a{k}", day + pd.Timedelta(days=10)) for k, day in enumerate(first[:20])]
    rows += [(f"a{k}", day) for k, day in enumerate(first)]  # the same day once more: one complaint
    rows += [(f"b{k}", pd.Timestamp("2026-06-25")) for k in range(40)]
    frame = pd.DataFrame(rows, columns=["customer_id", "opened"]).assign(ticket_id=range(len(rows)))
    again = steps.again(study := study_of(client, frame), steps.look(study))
    assert again.value == pytest.approx(20 / 60) and again.segment == {"days": "90"}


@pytest.mark.slow
def test_the_truth_of_the_demo_is_within_the_interval():
    params = read_params(project_root() / "params" / "demo.yaml").model_dump(mode="json")
    study = start("04_satisfaction_nps", {name: params[name] for name in ("client", "data")})
    found = walk(study)
    share = found["known"]["resolution_within_7_days"]
    assert share.low < 1 - plan.BAD_TICKET_PROBABILITY < share.high
    # Badness is drawn for each ticket alone: kinds and places do not differ.
    assert found["kinds"]["p_adjusted"].min() > 0.05 and found["kinds"]["rate_p"].min() > 0.01
    assert "{" not in " ".join(ax.figure.get_gid() for ax in found["drawn"])


# --- consistent ---------------------------------------------------------------------------------


def test_the_closed_ones_alone_look_faster_than_they_are(client):
    frame = tickets(900, days=40)
    found = walk(study_of(client, frame))
    closed = frame.dropna(subset="closed")
    naive = ((closed["closed"] - closed["opened"]) <= pd.Timedelta(days=7)).mean()
    share = found["known"]["resolution_within_7_days"]
    assert naive > share.high > 0.7 > share.low
    assert "Mean of those done" in found["text"]


def test_days_without_hours_are_whole_days(client):
    frame = tickets(400)
    frame["closed"] = frame["closed"].dt.normalize()
    found = walk(study_of(client, frame))
    assert "times are whole days" in found["text"] and "closed before they were opened" not in found["text"]
    assert found["known"]["resolution_within_7_days"].value == pytest.approx(0.7, abs=0.07)


def test_customers_under_contract_are_active_where_there_are_no_orders(client):
    runs = pd.DataFrame(
        {"customer_id": [f"c{k}" for k in range(500)], "start_date": "2024-01-01", "end_date": None}
    )
    found = walk(study_of(client, tickets(600), contracts=runs))
    assert set(found["volume"].months["exposure"]) == {500.0}
    alone = walk(study_of(client, tickets(600)))
    assert "complaints_per_month" in alone["known"] and "complaints come per month" in alone["text"]


# --- refuses ------------------------------------------------------------------------------------


def test_contradictions_are_counted_and_dates_rule(client):
    frame = tickets(300).reset_index(drop=True)
    done = frame.index[frame["closed"].notna()]
    frame["status"] = np.where(frame["closed"].notna(), "已解决", "处理中")
    frame.loc[frame.index[frame["closed"].isna()][:3], "status"] = "已关闭"
    frame.loc[done[:5], "status"] = "Open"
    frame.loc[done[5:12], "status"] = "unresolved"
    frame.loc[done[12:14], "status"] = "zzz"
    frame.loc[done[14:18], "closed"] = frame["opened"] - pd.Timedelta(days=2)
    frame.loc[done[18:20], "first_reply"] = frame["closed"] + pd.Timedelta(days=1)
    frame.loc[done[20:26], "first_reply"] = pd.NaT
    frame.loc[done[26:28], "customer_id"] = None
    n_open = int(frame["closed"].isna().sum())
    people = pd.DataFrame({"customer_id": frame["customer_id"].dropna().unique()[5:], "region": "south"})
    found = walk(study_of(client, frame, customers=people))
    text = found["text"]
    for words in (
        "In 8 tickets the status contradicts the dates, and the dates count: 3 are called closed without a date of "
        "closing, 5 are called open with one.",
        "were closed as unsolved",
        "2 tickets have a status that is not known here.",
        "4 tickets were closed before they were opened",
        "2 tickets were answered only after they were closed",
        "6 tickets were closed without a first answer",
        "3 of them are called closed by their status",
        "2 tickets name no customer",
    ):
        assert words in text, words
    assert found["known"]["tickets_open"].value == n_open
    assert found["known"]["resolution_within_7_days"].n == 300 - 4


def test_one_ticket_all_open_none_open_and_nothing_known(client):
    one = walk(study_of(client, tickets(1)))
    assert "there is 1 ticket whose times can be read, and 30 are needed" in one["text"]
    assert one["known"]["tickets_open"].value in (0, 1)

    every = walk(study_of(client, tickets(200).assign(closed=None)))
    assert "Not one of the 200 tickets is seen to be closed" in every["text"]
    assert isinstance(every["backlog"], CannotSay) and "first_reply_median_hours" in every["known"]

    frame = tickets(200, never=0)
    frame["closed"] = frame["closed"].fillna(frame["opened"] + pd.Timedelta(minutes=1))
    none = walk(study_of(client, frame))
    assert (
        none["known"]["tickets_open"].value == 0 and "No ticket is open on the last day seen." in none["text"]
    )

    bare = walk(study_of(client, tickets(200)[["ticket_id", "opened"]]))
    assert "neither a category nor a channel" in bare["text"] and "This needs closed" in bare["text"]
    assert "complaints come per month" in bare["text"]

    empty = walk(study_of(client, tickets(200).assign(category=None, first_reply=None, customer_id=None)))
    assert "category and channel are empty" in empty["text"]
    assert "No ticket names a customer" in empty["text"]


def test_a_history_of_days_says_what_it_can(client):
    found = walk(study_of(client, tickets(200, days=5)))
    assert "0 tickets lie in complete months" in found["text"]
    assert "No ticket has been seen for 7 days yet" in found["text"] and "tickets_open" in found["known"]


def test_the_future_is_left_out_and_the_day_of_an_export_is_no_date(client):
    frame = tickets(200)
    later = frame.head(20).assign(
        opened=END + pd.Timedelta(days=3), first_reply=None, closed=None, ticket_id=range(900, 920)
    )
    study = study_of(client, pd.concat([frame, later]))
    assert steps.look(study).checks["n"] == 200
    same = walk(study_of(client, frame.assign(opened="2026-06-01", first_reply=None, closed=None)))
    assert "All 200 tickets bear the same day, 1 Jun 2026" in same["text"]


def test_without_tickets_every_step_passes_on_one_reason(client):
    study = client({"responses": ANSWERS})
    found = walk(study)
    assert len({said.reason for said in found["findings"] + found["figures"] + found["drawn"]}) == 1
