"""The data review in words: what is grave is said first, what is usual is not said at all."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pandas as pd
import pytest

from cam.data.profile import profile
from cam.language import use
from cam.studies.data_review import DataReview, review
from cam.studies.data_review_shown import show_account, show_amounts, show_columns, show_tables
from cam.studies.reconciliation import notes

LAST = date(2026, 6, 30)


def orders(n: int = 400, **more: Any) -> pd.DataFrame:
    """An order a day up to the last day seen, of 40 customers."""
    days = [LAST - timedelta(days=k) for k in range(n)]
    return pd.DataFrame(
        {
            "customer_id": [f"c{k % 40:02}" for k in range(n)],
            "order_date": days,
            "revenue": [8.0 + k % 7 for k in range(n)],
        }
        | more
    )


def reviewed(study: Any) -> DataReview:
    return review(study.params, study.prepared, profile(study.prepared))


# --- correct --------------------------------------------------------------------------------------


def test_sound_data_have_nothing_to_look_at(client) -> None:
    found = reviewed(client({"transactions": orders()}))
    assert found.cautions == ()
    assert (
        found.verdict
        == "Yes: the data can be used. Nothing stands out that would have to be looked at first."
    )
    assert found.summary[0] == "400 orders of 40 customers from 27 May 2025 to 30 Jun 2026, €4,397 in all."
    assert found.all_kept == "Every row that was read is kept; revenue is 4,397.00 EUR, read and kept."
    assert found.amounts.empty and found.joins == ()


def test_a_hole_in_the_days_is_named(client) -> None:
    log = orders()
    hole = pd.to_datetime(log["order_date"]).between("2026-02-03", "2026-02-20")
    (said,) = reviewed(client({"transactions": log[~hole]})).cautions
    assert said.startswith("No order from 3 Feb 2026 to 20 Feb 2026, though nearly every other day has some.")


@pytest.mark.parametrize(("n", "before"), [(2, "1900-01-01"), (1, "2024-05-01")])
def test_days_long_before_all_others_are_to_be_settled(client, n, before) -> None:
    """1900-01-01 is what some systems write where no date is known."""
    log = orders()
    early = log.head(n).assign(order_date=before)
    study = client({"transactions": pd.concat([early, log])})
    found = reviewed(study)
    said = found.cautions[0]
    day, gap = ("1 Jan 1900", 45_801) if n == 2 else ("1 May 2024", 390)
    assert said.startswith(
        f"Take care: {n} of {400 + n} rows are dated {day} or before, and then comes no order for "
    )
    assert f" for {gap:,} days, up to 27 May 2025. " in said and "options.blanks" in said
    assert found.verdict.startswith("Not yet") and not any(
        word.startswith("No order from") for word in found.cautions
    )
    # A trial order some months before the others is none of these.
    trial = log.head(1).assign(order_date="2024-07-01")
    found = reviewed(client({"transactions": pd.concat([trial, log])}, client={"id": "b"}))
    assert found.verdict.startswith("Yes") and found.cautions[0].startswith("No order from 2 Jul 2024")


def test_a_last_month_that_is_there_in_part(client) -> None:
    log = orders()
    cut = (pd.to_datetime(log["order_date"]) >= "2026-06-01") & (log.index % 4 > 0)
    (said,) = reviewed(client({"transactions": log[~cut]})).cautions
    words = "The last complete month, {}, has {} rows; a usual one has 31. Are the data complete?"
    assert said == words.format("Jun 2026", 8)
    # A month that the data end within is not complete: the one before is meant, and named.
    cut = pd.to_datetime(log["order_date"]).between("2026-05-01", "2026-05-31") & (log.index % 4 > 0)
    log = log[~cut & (pd.to_datetime(log["order_date"]) <= "2026-06-29")]
    (said,) = reviewed(client({"transactions": log}, client={"id": "b", "as_of": "2026-06-29"})).cautions
    assert said == words.format("May 2026", 8)


def test_one_customer_and_one_amount(client) -> None:
    log = pd.concat(
        [orders(), pd.DataFrame([{"customer_id": "till", "order_date": LAST, "revenue": 50_000.0}])]
    )
    found = reviewed(client({"transactions": log}))
    assert len(found.cautions) == 2
    assert "1 amount out of line" in found.cautions[0] and "customer_id till" in found.cautions[0]
    assert found.cautions[1].startswith("One customer, till, has 91.9\u00a0% of all revenue.")
    assert found.amounts["where"].tolist() == ["customer_id till, order_date 2026-06-30"]


def test_revenue_with_the_wrong_sign_is_no_yes(client) -> None:
    log = orders()
    found = reviewed(client({"transactions": log.assign(revenue=-log["revenue"])}))
    assert found.verdict == "Not yet: what comes first here has to be settled before the data are used."
    assert found.cautions[0] == (
        "Nobody has bought: every row of the transactions is a refund. If they are no refunds, the sign of revenue is "
        "the wrong way round: turn it at the source."
    )


def test_amounts_whose_column_says_a_unit_are_no_yes_until_somebody_says_what_one_is_worth(client) -> None:
    log = orders().rename(columns={"revenue": "金额(万元)"})
    source = {"path": "transactions.csv", "columns": {"revenue": "金额(万元)"}}
    study = client({"transactions": log}, data={"transactions": source})
    found = reviewed(study)
    assert found.verdict.startswith("Not yet: what comes first here")
    assert found.cautions == (
        "transactions: the column 金额(万元) says 万元 by its name, and its amounts count as they stand. If one is "
        "worth 10,000, set data.transactions.options.units: {金额(万元): 10000}; if they are in whole units of the "
        "currency, write 1 there.",
    )
    assert found.cautions[0] in notes(study.prepared) and found.cautions[0] not in found.remarks
    settled = reviewed(
        client(
            {"transactions": log}, data={"transactions": source | {"options": {"units": {"金额(万元)": 1}}}}
        )
    )
    assert settled.verdict.startswith("Yes: the data can be used.") and not settled.cautions
    use("zh")
    assert "列名写明单位为万元" in reviewed(study).cautions[0]
    use("en")


def test_what_is_to_be_said_of_the_engine_counts_as_a_point(client) -> None:
    study = client({"transactions": orders()})
    found = review(study.params, study.prepared, profile(study.prepared), others=["The server is not there."])
    assert found.cautions == ("The server is not there.",)
    assert found.verdict == "Yes: the data can be used. One point to look at first:"


def test_ids_with_zeros_and_without_come_first(client) -> None:
    log = orders().assign(customer_id=[f"{'00' if k % 2 else ''}{k % 20 + 1}" for k in range(400)])
    more = log.head(20).assign(customer_id=[f"{'' if k % 2 else '00'}{k % 20 + 1}" for k in range(20)])
    found = reviewed(client({"transactions": pd.concat([log, more])}))
    assert found.verdict.startswith("Yes: the data can be used.")
    assert found.cautions[0] == (
        "transactions: 20 customer ids stand with zeros in front and without, such as 001 and 1, and count as "
        "different customers. If a spreadsheet took the zeros off, data.transactions.options.id_width: 4 fills "
        "them up."
    )


def test_orders_of_a_far_year_come_first_with_the_day_that_all_counts_from(client) -> None:
    far = pd.DataFrame(
        [{"customer_id": "c05", "order_date": date(year, 5, 5), "revenue": 9.0} for year in (2031, 2099)]
    )
    log = pd.concat([orders(), far])
    found = reviewed(client({"transactions": log}, client={"id": "small", "as_of": None}))
    assert found.verdict.startswith("Not yet: what comes first here")
    (said,) = found.cautions
    assert said == (
        "Take care: after 30 Jun 2026 comes no order for 1,769 days, and then 2 of 402 rows, up to 5 May 2099. Are "
        "those dates right? The last day seen is 5 May 2099: recency and churn count from it. If the dates are wrong, "
        "correct the file, or set client.as_of, such as to 30 Jun 2026: later rows are then left out."
    )


def test_a_last_day_no_further_than_the_usual_gap_is_no_stray(client) -> None:
    days = [date(2025, 1, 1) + timedelta(days=45 * k) for k in range(11)] + [date(2026, 6, 10)]
    log = orders(12).assign(order_date=days)
    found = reviewed(client({"transactions": log}, client={"id": "small", "as_of": None}))
    assert found.verdict.startswith("Yes: the data can be used.")
    assert "the last day with an order stands alone, 75 days after the one before" in found.cautions[0]


def test_ids_that_do_not_join(client) -> None:
    tickets = pd.DataFrame(
        {
            "ticket_id": range(10),
            "opened": ["2026-01-05"] * 10,
            "customer_id": [f"C-{k}" for k in range(9)] + ["c01"],
        }
    )
    found = reviewed(client({"transactions": orders(), "tickets": tickets}))
    (said,) = found.cautions
    assert said.startswith("9 of 10 customers in tickets (90.0\u00a0%) are not in transactions")
    assert "First: C-0, C-1, C-2." in said
    assert found.joins == (
        ("9 of 10 customers in tickets are not in transactions:", ", ".join(f"C-{k}" for k in range(9))),
    )
    assert found.tables.set_index("table").loc["tickets", "found"] == 0.1


def test_ids_none_of_which_joins_are_no_yes_and_the_cure_stands_beside_them(client) -> None:
    log = orders().assign(customer_id=[f"{k % 20 + 1:04d}" for k in range(400)])
    tickets = pd.DataFrame(
        {"ticket_id": range(9), "opened": ["2026-01-05"] * 9, "customer_id": [f"{k + 1}" for k in range(9)]}
    )
    found = reviewed(client({"transactions": log, "tickets": tickets}))
    assert found.verdict.startswith("Not yet: what comes first here")
    assert found.cautions[0].startswith(
        "None of the 9 customers in tickets is in transactions: what is known of them there joins nothing. Are the "
        "ids of the same kind, and written alike? First: 1, 2, 3. 9 ids would be known in data.transactions if leading "
        "zeros, which a spreadsheet takes off, were filled up: data.tickets.options.id_width: 4."
    )
    # Two points are to be settled, and the verdict counts them.
    dear = {"path": "transactions.csv", "columns": {"revenue": "金额(万元)"}}
    log = log.rename(columns={"revenue": "金额(万元)"})
    both = reviewed(
        client(
            {"transactions": log, "tickets": tickets},
            data={"transactions": dear, "tickets": {"path": "tickets.csv"}},
        )
    )
    assert both.verdict == "Not yet: the first 2 points here have to be settled before the data are used."
    assert "万元" in both.cautions[0] and both.cautions[1] == found.cautions[0]
    log = log.rename(columns={"金额(万元)": "revenue"})
    use("zh")
    assert "9位客户没有一位在" in reviewed(client({"transactions": log, "tickets": tickets})).cautions[0]
    use("en")


def test_what_other_tables_hold_of_money_is_summed_so_that_a_wrong_unit_shows(client) -> None:
    spend = pd.DataFrame(
        {
            "date": ["2026-01-31", "2026-02-28", "2026-03-31"],
            "channel": "ads",
            "cost": [1_000.5, 2_000.0, -0.5],
        }
    )
    found = reviewed(client({"transactions": orders(), "spend": spend}))
    (said,) = [each for each in found.summary if "spend" in each]
    assert said.startswith("spend, cost: ") and "3,000" in said and said.endswith("in all.")


def test_copies_zero_values_and_dropped_rows(client) -> None:
    log = pd.concat([orders(), orders().head(10)])
    log.loc[log.index % 10 == 3, "revenue"] = 0.0
    late = pd.DataFrame([{"customer_id": "c00", "order_date": date(2026, 7, 9), "revenue": 5.0}] * 8)
    found = reviewed(client({"transactions": pd.concat([log, late])}))
    dropped, zero, copies = found.cautions
    # 418 amounts are read: 40.00 of 4,126.00 is 1.0 %.
    assert dropped == (
        "transactions: 8 of 418 rows were dropped, 1.9\u00a0% (after as_of: 8 rows, 40.00 EUR of revenue, "
        "1.0\u00a0% of what was read)."
    )
    assert zero.startswith("41 rows have a value of zero, 10.0\u00a0%")
    assert "data.transactions.options.drop_duplicates: true" in copies
    assert found.all_kept == ""


def test_a_small_share_of_copies_is_told_and_a_chance_one_is_not(client) -> None:
    log = orders(2_000)
    for n, told in ((10, 1), (9, 0)):
        found = reviewed(client({"transactions": pd.concat([log, log.head(n)])}))
        assert sum("exact copies" in said for said in found.cautions) == told


def test_contracts_that_end_after_the_last_start_are_told_unless_the_day_is_given(client) -> None:
    starts = [LAST - timedelta(days=k) for k in range(60)]
    ends = [day + timedelta(days=40) if k % 2 else None for k, day in enumerate(starts)]
    table = pd.DataFrame({"customer_id": range(60), "start_date": starts, "end_date": ends})
    study = client({"contracts": table}, client={"id": "small"})
    (said,) = reviewed(study).cautions
    assert said == (
        "Take care: 20 of 60 contracts end after the last day seen, 30 Jun 2026, and count as running. Set "
        "client.as_of if they have ended."
    )
    assert said in notes(study.prepared)
    assert (
        reviewed(client({"contracts": table}, client={"id": "small", "as_of": "2026-06-30"})).cautions == ()
    )


def test_full_refunds_are_no_gifts_and_lines_that_are_alike_no_mistakes(client) -> None:
    log = orders(order_id=[f"o{k // 2}" for k in range(400)], product="tea")
    log["customer_id"] = [f"c{k // 2 % 40:02}" for k in range(400)]
    log.loc[1::2, "order_date"] = log["order_date"].to_numpy()[::2]
    log["revenue"] = [8.0 + k % 7 for k in range(400)]
    log.loc[1:20:2, "revenue"] = log["revenue"].to_numpy()[0:20:2]  # ten orders with one line twice
    log["back"] = log["revenue"].where(log.index >= 350, 0.0)
    data = {
        "transactions": {
            "path": "transactions.csv",
            "options": {"refund_column": "back", "revenue_per": "line"},
        }
    }
    found = reviewed(client({"transactions": log}, data=data))
    (copies,) = found.cautions
    assert copies.startswith(
        "transactions: 10 rows (2.5\u00a0%) are exact copies of another line of the same order"
    )
    assert "drop_duplicates" not in copies


def test_personal_columns_of_a_table_stand_in_one_line(client) -> None:
    people = pd.DataFrame({"customer_id": [f"c{k:02}" for k in range(40)]})
    people["phone"] = [f"138{k:08}" for k in range(40)]
    people["email"] = [f"a{k}@b.com" for k in range(40)]
    found = reviewed(client({"transactions": orders(), "customers": people}))
    (said,) = [line for line in found.left_out if "personal" in line]
    assert said == (
        "customers: columns that look personal were left out: phone (telephone number), email (e-mail address). If a "
        "study needs one, name it under data.customers.columns."
    )


def test_parts_that_want_the_same_stand_together(client) -> None:
    churn = reviewed(client({"transactions": orders(600)})).studies[4]
    assert (churn.study, churn.state, churn.n_ready, churn.n_parts) == ("05_churn", "partly", 5, 8)
    assert churn.missing[0].parts == ("does calling pay", "retention list")
    assert "churn.offer.offer_cost" in churn.missing[0].cure


# --- in Chinese, and inert ------------------------------------------------------------------------


def test_tables_escape_what_they_show(client) -> None:
    log = pd.concat(
        [orders(), pd.DataFrame([{"customer_id": "<script>x</script>", "order_date": LAST, "revenue": 9e6}])]
    )
    study = client({"transactions": log})
    found = reviewed(study)
    for shown in (show_amounts(study.params, found), show_tables(found), show_account(study.params, found)):
        assert "<script" not in shown.html
    assert "&lt;script&gt;" in show_amounts(study.params, found).html
    assert "customer_id" in show_columns("transactions", found).html


def test_the_language_of_the_client(client) -> None:
    study = client({"transactions": orders()})
    use("zh")
    try:
        assert "2025年5月27日" in reviewed(study).summary[0]
    finally:
        use("en")
