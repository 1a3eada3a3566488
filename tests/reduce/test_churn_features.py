"""Features at a cut-off: equal to plain Python, and deaf to all that came after, on every engine."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from cam.reduce.churn_features import FEATURES, attribute_features, base_at, churn_features, own_columns
from cam.reduce.known_at import known_at

CUT_OFFS = [date(2025, 6, 30), date(2025, 9, 30)]
WINDOW = 120
CUSTOMERS = [f"c{number}" for number in range(60)]
#: Columns that say when a row happened, and those that are written into it later.
DATES = {
    "transactions": ["order_date"],
    "contracts": ["start_date", "end_date"],
    "tickets": ["opened", "first_reply", "closed"],
    "responses": ["invited_date", "response_date"],
    "customers": ["acquired_date"],
}


def simulate(seed: int) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)

    def days(n, low=0, high=730):
        return pd.Timestamp("2024-06-01") + pd.to_timedelta(rng.integers(low, high, n), "D")

    def whose(n):
        return rng.choice(CUSTOMERS, n)

    n = 900
    orders = pd.DataFrame(
        {
            "customer_id": whose(n),
            "order_date": days(n) + pd.to_timedelta(rng.integers(0, 86_400, n), "s"),
            "revenue": rng.integers(1, 9_000, n) / 100,
            "discount": rng.choice([0.0, 1.0], n),
            "kind": rng.choice(["purchase", "loose refund", "netted refund"], n, p=[0.9, 0.05, 0.05]),
            "channel": rng.choice(["app", "shop", None], n),
            "category": rng.choice(list("xyz"), n),
        }
    )
    orders.loc[orders["kind"] != "purchase", "revenue"] *= -1
    starts = days(80)
    contracts = pd.DataFrame(
        {
            "customer_id": whose(80),
            "start_date": starts,
            "end_date": (starts + pd.to_timedelta(rng.integers(0, 300, 80), "D")).where(rng.random(80) < 0.7),
            "monthly_fee": rng.choice([9.5, 19.0], 80),
        }
    )
    opened = days(150)
    replied = opened + pd.to_timedelta(rng.integers(0, 20, 150), "D")
    tickets = pd.DataFrame(
        {
            "customer_id": whose(150),
            "opened": opened,
            "first_reply": replied,
            "closed": (replied + pd.to_timedelta(rng.integers(0, 60, 150), "D")).where(rng.random(150) < 0.8),
            "status": "as exported",
        }
    )
    invited = days(300)
    answered = pd.Series(invited + pd.to_timedelta(rng.integers(0, 30, 300), "D")).where(
        rng.random(300) < 0.6
    )
    responses = pd.DataFrame({"customer_id": whose(300), "invited_date": invited, "response_date": answered})
    for name, high in {"nps": 10, "csat": 5, "ces": 7}.items():
        given = answered.notna() & (rng.random(300) < 0.7)
        responses[name] = pd.Series(rng.integers(1, high + 1, 300)).where(given).astype("Int64")
    customers = pd.DataFrame({"customer_id": CUSTOMERS, "acquired_date": days(60), "size": range(60)})
    return {
        "transactions": orders,
        "contracts": contracts,
        "tickets": tickets,
        "responses": responses,
        "customers": customers,
    }


def features(place, frames, *, peek=False) -> pd.DataFrame:
    moments = pd.DataFrame([(name, day) for name in CUSTOMERS for day in CUT_OFFS])
    moments = place("moments", moments.set_axis(["customer_id", "cut_off"], axis=1))
    moments = moments.mutate(cut_off=moments.cut_off.cast("date"))
    tables = {name: place(name, frame) for name, frame in frames.items()}
    known = known_at(tables, moments)
    if peek:
        # As somebody would who forgets the cut-off: all rows for every moment.
        known = {name: table.inner_join(moments, "customer_id") for name, table in tables.items()}
    table = churn_features(known, moments, observation_days=WINDOW, attributes={"size": "size"})
    frame = table.order_by("customer_id", "cut_off").execute()
    return frame.assign(cut_off=pd.to_datetime(frame["cut_off"])).reset_index(drop=True)


def by_hand(frames) -> pd.DataFrame:
    """Loops over rows, written from the words of the features."""
    rows = []
    for name in CUSTOMERS:
        mine = {
            table: frame[frame["customer_id"] == name].to_dict("records") for table, frame in frames.items()
        }
        for cut_off in CUT_OFFS:

            def age(moment, cut_off=cut_off):
                return (cut_off - moment.date()).days

            def past(moment, cut_off=cut_off):
                return pd.notna(moment) and moment.date() <= cut_off

            row = {"customer_id": name, "cut_off": pd.Timestamp(cut_off)}
            log = [one for one in mine["transactions"] if past(one["order_date"])]
            bought = [one for one in log if one["kind"] == "purchase"]
            window = [one for one in bought if age(one["order_date"]) < WINDOW]
            ever = sorted({age(one["order_date"]) for one in bought})
            seen = sorted({age(one["order_date"]) for one in window})
            late = [one for one in window if age(one["order_date"]) < WINDOW // 4]
            n_late = len({age(one["order_date"]) for one in late})
            paid = sum(round(100 * one["revenue"]) for one in window) / 100
            back = [one for one in log if one["kind"] == "loose refund" and age(one["order_date"]) < WINDOW]
            gap = (ever[-1] - ever[0]) / (len(ever) - 1) if len(ever) > 1 else None
            discounted = {age(one["order_date"]) for one in window if one["discount"] > 0}
            channels = [one["channel"] for one in window if isinstance(one["channel"], str)]
            refunds = sum(round(100 * -one["revenue"]) for one in back) / 100
            row |= {
                "days_since_last": ever[0] if ever else None,
                "n_purchase_days": len(seen),
                "n_purchase_days_lately": n_late,
                "purchase_trend": 4 * n_late / len(seen) if seen else None,
                "purchase_revenue": paid,
                "purchase_revenue_lately": sum(round(100 * one["revenue"]) for one in late) / 100,
                "revenue_per_purchase_day": paid / len(seen) if seen else None,
                "days_since_first_purchase": ever[-1] if ever else None,
                "purchase_days_ever": len(ever),
                "usual_gap_days": gap,
                "silence_in_gaps": ever[0] / gap if gap else None,
                "discount_day_share": len(discounted) / len(seen) if seen else None,
                "n_refunds": len(back),
                "refunded_share": refunds / paid if paid else None,
                "n_categories_bought": len({one["category"] for one in window}),
                "n_channels_used": len(set(channels)),
                "main_channel": min(set(channels), key=lambda one: (-channels.count(one), one))
                if channels
                else None,
            }
            contracts = [one for one in mine["contracts"] if past(one["start_date"])]
            runs = [one for one in contracts if pd.isna(one["end_date"]) or one["end_date"].date() >= cut_off]
            row |= {
                "has_contract": int(bool(runs)),
                "contract_days": max((age(one["start_date"]) for one in runs), default=None),
                "contract_fee": sum(one["monthly_fee"] for one in runs) if runs else None,
                "n_earlier_contracts": len(contracts) - len(runs),
                "days_since_first_contract": max((age(one["start_date"]) for one in contracts), default=None),
            }
            tickets = [one for one in mine["tickets"] if past(one["opened"])]
            recent = [one for one in tickets if age(one["opened"]) < WINDOW]
            waits, opens = [], []
            for one in recent:
                closed = age(one["closed"]) if past(one["closed"]) else 0
                opens.append(age(one["opened"]) - closed)
                reply = age(one["first_reply"]) if past(one["first_reply"]) else closed
                waits.append(age(one["opened"]) - reply)
            row |= {
                "n_tickets": len(recent),
                "days_since_ticket": min((age(one["opened"]) for one in tickets), default=None),
                "longest_wait_days": max(waits, default=None),
                "longest_open_days": max(opens, default=None),
                "n_open_tickets": sum(not past(one["closed"]) for one in tickets),
            }
            for score in ("nps", "csat", "ces"):
                given = [
                    (age(one["response_date"]), -one[score])
                    for one in mine["responses"]
                    if past(one["response_date"]) and pd.notna(one[score])
                ]
                best = min(given, default=None)
                row |= {
                    f"last_{score}": -best[1] if best else None,
                    f"days_since_{score}": best[0] if best else None,
                }
            row["n_unanswered"] = sum(
                past(one["invited_date"])
                and age(one["invited_date"]) < WINDOW
                and not past(one["response_date"])
                for one in mine["responses"]
            )
            person = mine["customers"][0]
            there = past(person["acquired_date"])
            row["days_since_acquired"] = age(person["acquired_date"]) if there else None
            row["size"] = person["size"] if there else None
            rows.append(row)
    return pd.DataFrame(rows).sort_values(["customer_id", "cut_off"], ignore_index=True)


def assert_equal(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    assert list(found.columns) == list(wanted.columns)
    for name in found.columns:
        if name in ("customer_id", "cut_off"):
            assert found[name].tolist() == wanted[name].tolist()
        elif name == "main_channel":
            assert found[name].fillna("").tolist() == wanted[name].fillna("").tolist()
        else:
            # One division of the same two numbers: the last bit may differ between engines.
            np.testing.assert_allclose(
                found[name].astype(float), wanted[name].astype(float), rtol=1e-12, err_msg=name
            )


def shuffled_future(frames, seed: int) -> dict[str, pd.DataFrame]:
    """Half of what happened after the last cut-off never does, the rest to others; more happens; answers change."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name, frame in frames.items():
        frame, last = frame.copy(), pd.Timestamp(CUT_OFFS[-1]) + pd.Timedelta("23:59:59")
        for column in DATES[name][1:] or ():
            # What was written into earlier rows later: at another time, or never.
            later = frame[column] > last
            moved = frame[column] + pd.to_timedelta(rng.integers(0, 200, len(frame)), "D")
            frame[column] = frame[column].where(~later, moved.where(rng.random(len(frame)) < 0.5))
        future = frame[frame[DATES[name][0]] > last]
        past = frame.drop(future.index)
        answers = [column for column in ("nps", "csat", "ces") if column in frame]
        if answers:
            written = past["response_date"].isna() & (rng.random(len(past)) < 0.5)
            past.loc[written, "response_date"] = last + pd.Timedelta(days=3)
            past.loc[past["response_date"].isna() | (past["response_date"] > last), answers] = 1
        if name == "customers":
            frame = past
        else:
            others = future.assign(customer_id=rng.permutation(future["customer_id"]))
            more = past.sample(40, random_state=seed, replace=True)
            more = more.assign(**{DATES[name][0]: last + pd.Timedelta(days=1)})
            frame = pd.concat([past, others[::2], more], ignore_index=True)
        changed[name] = frame.sample(frac=1, random_state=seed, ignore_index=True)
    return changed


@pytest.fixture(scope="module")
def frames():
    return simulate(1)


def test_equal_plain_python_in_every_row(place, frames):
    found = features(place, frames)
    assert_equal(found, by_hand(frames))
    everywhere = [name for names in FEATURES.values() for name in names]
    assert list(found.columns) == ["customer_id", "cut_off", *everywhere, "size"]
    # Each says something here, or the test would be one of blanks.
    assert all(found[name].nunique() > 1 for name in everywhere)


def test_nothing_after_the_cut_off_reaches_a_feature(place, frames):
    assert_equal(features(place, shuffled_future(frames, 3)), features(place, frames))


def test_that_test_fails_for_whoever_peeks_into_any_table(place, frames):
    before, after = (features(place, tables, peek=True) for tables in (frames, shuffled_future(frames, 3)))
    for name, built in FEATURES.items():
        columns = ["customer_id", "cut_off", *built]
        with pytest.raises(AssertionError):
            assert_equal(after[columns], before[columns])
            raise LookupError(f"a peek into {name} was not seen")


def test_the_base_is_who_was_there(place, frames):
    tables = {name: place(name, frames[name]) for name in ("transactions", "contracts")}
    cut_off = CUT_OFFS[1]
    known = features(place, frames)
    known = known[known["cut_off"] == pd.Timestamp(cut_off)].set_index("customer_id")
    for basis, column in (("purchases", "n_purchase_days"), ("contract", "has_contract")):
        found = base_at(tables, basis=basis, cut_off=cut_off, observation_days=WINDOW).execute()
        assert sorted(found["customer_id"]) == sorted(known.index[known[column] > 0])


def test_overlapping_contracts_are_one_customer_with_both_fees(place):
    contracts = pd.DataFrame(
        {
            "customer_id": "a",
            "start_date": pd.to_datetime(["2025-01-01", "2025-06-01", "2024-01-01"]),
            "end_date": pd.to_datetime([None, "2026-01-01", "2024-12-31"]),
            "monthly_fee": [10.0, 5.0, 99.0],
        }
    )
    moments = place("moments", pd.DataFrame({"customer_id": ["a"], "cut_off": [pd.Timestamp("2025-06-30")]}))
    moments = moments.mutate(cut_off=moments.cut_off.cast("date"))
    known = known_at({"contracts": place("contracts", contracts)}, moments)
    row = churn_features(known, moments, observation_days=WINDOW).execute().iloc[0]
    names = [
        "has_contract",
        "contract_days",
        "contract_fee",
        "n_earlier_contracts",
        "days_since_first_contract",
    ]
    assert row[names].astype(float).tolist() == [1, 180, 15, 1, 546]


def test_a_clients_own_columns_come_as_numbers_flags_and_clean_texts(place):
    table = place(
        "own",
        pd.DataFrame(
            {
                "customer_id": ["a", "b"],
                "plan": [" basic ", "N/A"],
                "score": [1.5, np.inf],
                "flag": [True, False],
                "revenue": [12.5, 3.25],
            }
        ),
    )
    names = {"plan": "plan", "score": "score", "flag": "flag", "revenue": "revenue (customers)"}
    found = attribute_features(table, names).order_by("customer_id").execute()
    assert found["plan"][0] == "basic" and pd.isna(found["plan"][1])
    assert found["score"][0] == 1.5 and pd.isna(found["score"][1])
    assert found["flag"].tolist() == [True, False] and found["revenue (customers)"].tolist() == [12.5, 3.25]


def test_columns_that_are_no_features_say_why(place):
    table = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c"],
            "plan": ["x", "y", "x"],
            "left_on": ["2026-01-31", None, "31.01.2026"],
            "since": pd.to_datetime(["2026-01-31"] * 3),
            "note": ["p", "q", "r"],
            "blank": ["N/A", "", " "],
            "Account ID": [1, 2, 3],
            "age": [1.5, 2.5, 3.5],
        }
    )
    found = own_columns(place("people", table), read=["customer_id"], most_levels=2)
    assert found == {
        "plan": "",
        "left_on": "date",
        "since": "date",
        "note": "levels",
        "blank": "empty",
        "Account ID": "id",
        "age": "",
    }
