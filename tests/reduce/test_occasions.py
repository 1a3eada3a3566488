"""Who bought at which occasion: equal to plain pandas on every engine, and blind to what comes later."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.occasions import occasion_histories, occasion_scores, purchase_days

END = date(2026, 6, 30)
KEYS = ["frequency", "recency", "n_opportunities", "holdout_frequency"]
FAIRS = pd.to_datetime([f"{year}-10-{day}" for year in range(2019, 2027) for day in (3, 4, 5)])
OCCASIONS = pd.DataFrame({"day": FAIRS, "occasion": np.repeat(np.arange(1, 9), 3)})


def make_log(seed: int, n: int = 900) -> pd.DataFrame:
    """Purchases at all hours of the fairs, refunds, some days that are no fair, and a fair after the end."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": [f"{number:03d}" for number in rng.integers(0, 300, n)],
            "order_date": rng.choice(FAIRS.append(pd.to_datetime(["2021-02-01"])), n)
            + pd.to_timedelta(rng.integers(0, 86_400, n), "s"),
            "revenue": rng.gamma(2, 20, n).round(2),
            "kind": rng.choice(["purchase", "netted refund"], n, p=[0.9, 0.1]),
        }
    )


def in_plain_pandas(log: pd.DataFrame, n_seen: int) -> pd.DataFrame:
    """The definition, written out a second time and slowly."""
    number = dict(zip(OCCASIONS["day"].dt.date, OCCASIONS["occasion"], strict=True))
    bought = log[(log["kind"] == "purchase") & (log["order_date"].dt.date <= END)]
    rows = {}
    for customer, mine in bought.groupby("customer_id"):
        taken = sorted({number[day] for day in mine["order_date"].dt.date if day in number})
        seen = [one for one in taken if one <= n_seen]
        if seen:
            rows[customer] = (len(seen) - 1, seen[-1] - seen[0], n_seen - seen[0], len(taken) - len(seen))
    return pd.DataFrame.from_dict(rows, orient="index", columns=KEYS)


def found(place, log, n_seen=7):
    table = occasion_histories(place("log", log), place("fairs", OCCASIONS), as_of=END, n_seen=n_seen)
    return table.order_by("customer_id").execute().set_index("customer_id")


# --- correct ------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_seen", [7, 4])
def test_equals_plain_pandas(place, n_seen):
    log = make_log(n_seen)
    ours, theirs = found(place, log, n_seen), in_plain_pandas(log, n_seen)
    pd.testing.assert_frame_equal(ours, theirs.sort_index(), check_names=False, check_dtype=False)
    assert (ours["n_opportunities"] == 0).any() and (ours["frequency"] > 1).any()
    assert (ours["holdout_frequency"] > 0).any() == (n_seen < 7)


def test_days_and_their_customers(place):
    log = make_log(1)
    ours = purchase_days(place("log", log), as_of=END).execute()
    bought = log[(log["kind"] == "purchase") & (log["order_date"] <= "2026-06-30")]
    theirs = bought.groupby(bought["order_date"].dt.normalize())["customer_id"].nunique()
    assert ours["n_customers"].tolist() == theirs.tolist()
    assert pd.to_datetime(ours["day"]).tolist() == theirs.index.tolist()


def test_scores_go_to_those_with_the_same_history(place):
    log = make_log(2)
    people = occasion_histories(place("log", log), place("fairs", OCCASIONS), as_of=END, n_seen=7)
    cells = people.select("frequency", "recency", "n_opportunities").distinct().execute()
    scored = place("scored", cells.assign(p_alive=cells["frequency"] / 10 + cells["recency"]))
    table = occasion_scores(people, scored).execute().set_index("customer_id")["p_alive"]
    theirs = in_plain_pandas(log, 7)
    assert len(table) == len(theirs)
    assert (table - (theirs["frequency"] / 10 + theirs["recency"])).abs().max() < 1e-12


# --- consistent ---------------------------------------------------------------------------------


def test_every_history_is_one(place):
    ours = found(place, make_log(3))
    assert ((ours["frequency"] <= ours["recency"]) & (ours["recency"] <= ours["n_opportunities"])).all()
    assert ((ours["frequency"] == 0) == (ours["recency"] == 0)).all()


def test_what_comes_later_and_twice_changes_nothing_seen(place):
    log = make_log(4)
    later = log["order_date"] >= "2023-01-01"
    early, cut = found(place, log, 4)[KEYS[:3]], found(place, log[~later], 4)[KEYS[:3]]
    twice = found(place, pd.concat([log, log]), 4)
    pd.testing.assert_frame_equal(early, cut)
    pd.testing.assert_frame_equal(early, twice[KEYS[:3]])


# --- refuses ------------------------------------------------------------------------------------


def test_who_never_bought_at_an_occasion_is_not_there(place):
    log = make_log(5).assign(kind="netted refund")
    assert found(place, log).empty
    assert purchase_days(place("log", log), as_of=END).execute().empty
