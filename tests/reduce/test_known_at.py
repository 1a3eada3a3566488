"""Tables as they stood at a cut-off: what came later is gone, what was written later is empty, on every engine."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cam.reduce.known_at import known_at

CUT_OFF = date(2026, 1, 31)
DAY, NEXT = pd.Timestamp(CUT_OFF), pd.Timestamp(CUT_OFF) + pd.Timedelta(days=1)
LATE = DAY + pd.Timedelta("23:59:59")


def at(place, name, frame, cut_offs=(CUT_OFF,), customers=("a",)):
    """The rows that were known, by the column ``row``, with one moment unless more are given."""
    pairs = [(customer, day) for customer in customers for day in cut_offs]
    moments = place("moments", pd.DataFrame(pairs, columns=["customer_id", "cut_off"]))
    moments = moments.mutate(cut_off=moments.cut_off.cast("date"))
    return known_at({name: place(name, frame)}, moments)[name].execute()


def test_orders_are_known_to_the_end_of_the_day(place):
    log = pd.DataFrame({"row": [1, 2], "customer_id": "a", "kind": "purchase", "order_date": [LATE, NEXT]})
    assert at(place, "transactions", log)["row"].tolist() == [1]


def test_a_refund_whose_own_day_is_lost_is_not_known(place):
    kinds = ["purchase", "netted refund", "loose refund"]
    log = pd.DataFrame({"row": [1, 2, 3], "customer_id": "a", "kind": kinds, "order_date": DAY})
    assert sorted(at(place, "transactions", log)["row"]) == [1, 3]


def test_a_row_stands_once_for_each_moment_at_which_it_was_there(place):
    log = pd.DataFrame({"row": [1, 2], "customer_id": "a", "kind": "purchase", "order_date": [LATE, NEXT]})
    found = at(place, "transactions", log, [CUT_OFF, NEXT.date()], ["a", "b"])
    assert sorted(found["row"]) == [1, 1, 2]


def test_an_end_that_was_still_to_come_is_empty(place):
    contracts = pd.DataFrame(
        {
            "row": [1, 2, 3],
            "customer_id": "a",
            "start_date": [DAY, pd.Timestamp("2025-01-01"), NEXT],
            "end_date": [NEXT, DAY, None],
        }
    )
    found = at(place, "contracts", contracts).set_index("row")["end_date"]
    assert sorted(found.index) == [1, 2]
    assert pd.isna(found[1]) and pd.Timestamp(found[2]) == DAY


def test_a_ticket_is_as_open_as_it_was(place):
    tickets = pd.DataFrame(
        {
            "row": [1, 2],
            "customer_id": "a",
            "opened": [DAY, NEXT],
            "first_reply": [LATE, NEXT],
            "closed": [NEXT, NEXT],
            "status": "closed",
        }
    )
    found = at(place, "tickets", tickets)
    assert found["row"].tolist() == [1] and "status" not in found
    assert found["first_reply"].notna().all() and found["closed"].isna().all()


def test_an_answer_that_was_still_to_come_is_an_invitation_without_one(place):
    responses = pd.DataFrame(
        {
            "row": [1, 2, 3, 4],
            "customer_id": "a",
            "invited_date": [DAY, DAY, NEXT, None],
            "response_date": [DAY, NEXT, NEXT, DAY],
            "touchpoint": "delivery",
            "nps": [9, 3, 4, 8],
            "item_price": [5, 1, 1, 4],
        }
    )
    found = at(place, "responses", responses)
    # The column row is an answer too, as any that the client added.
    assert sorted(found["row"].dropna()) == [1, 4] and len(found) == 3
    masked = found[found["row"].isna()].iloc[0]
    assert masked["touchpoint"] == "delivery" and pd.isna(masked["nps"]) and pd.isna(masked["item_price"])
    assert pd.isna(masked["response_date"])


def test_customers_won_later_are_gone_and_those_without_a_day_stay(place):
    customers = pd.DataFrame(
        {"row": [1, 2, 3], "customer_id": ["a", "b", "c"], "acquired_date": [DAY, NEXT, None]}
    )
    assert sorted(at(place, "customers", customers, customers=["a", "b", "c"])["row"]) == [1, 3]


def test_what_has_no_date_or_no_customer_is_not_known_at_all(place):
    moments = place("moments", pd.DataFrame({"customer_id": ["a"], "cut_off": [DAY]}))
    frame = place("leads", pd.DataFrame({"customer_id": ["a"], "created_date": [DAY], "churned": [True]}))
    unnamed = place("responses", pd.DataFrame({"response_date": [DAY], "nps": [9]}))
    tables = {"leads": frame, "snapshot": frame, "experiment": frame, "responses": unnamed}
    assert known_at(tables, moments) == {}
