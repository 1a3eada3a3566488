"""The whole way from exports to checked tables: every row and every cent accounted for, made once, kept by content."""

from __future__ import annotations

import multiprocessing
import random
import time
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cam.data import prepare
from cam.errors import DataError
from cam.params import params_from_sections

HEADER = "customer_id,order_date,revenue\n"
PLAIN = HEADER + "a,2024-01-05,10\nb,2024-01-06,20\n"
SOURCE = {"transactions": {"path": "orders.csv"}}


# --- reconciliation ------------------------------------------------------------------------------

#: Odd amounts, and what they are worth.
ODD = {
    "": "0",
    "x": "0",
    "-": "0",
    "12,5": "0",
    "0": "0",
    "1.005": "1.005",
    "(3.333)": "-3.333",
    "¥1,000": "1000",
}
ROW = st.tuples(
    st.sampled_from(["a", "b", "c", "", "NULL", "1**2", "guest"]),
    st.sampled_from(["2024-01-05", "2024-02-01", "2024-03-01", "2025-01-01", "never", "", "1800-01-01"]),
    st.integers(-99999, 99999).map(lambda n: f"{n / 1000:.3f}") | st.sampled_from(list(ODD)),
    st.sampled_from(["", "", "o1", "o2"]),
    st.sampled_from(["", "0", "1.25", "0.333"]),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=25), copies=st.booleans(), column=st.booleans())
def test_rows_and_money_in_are_kept_or_dropped_for_a_reason(client, rows, copies, column):
    rows = [("a", "2024-01-05", "5.00", "", ""), *rows]
    if column:  # refunds come one way only
        rows = [row for row in rows if not row[2].startswith(("-", "("))]
    lines = ["{},{},{},{},{}\n".format(*(f'"{value}"' for value in row)) for row in rows]
    data = "customer_id,order_date,revenue,order_id,back\n" + "".join(lines) + ",,,,\n"
    options = {"refund_column": "back"} if column else {}
    review, kept = client.orders(
        data,
        client={"as_of": "2024-12-31", "currency": "CNY"},
        drop_missing_ids=True,
        drop_unreadable=True,
        drop_duplicates=copies,
        **options,
    )
    assert review["rows_in"] == len(rows) + 1
    assert review["rows_kept"] + sum(part["rows"] for part in review["dropped"]) == review["rows_in"]
    assert len(kept) == review["rows_kept"]
    reasons = {part["reason"] for part in review["dropped"]}
    assert reasons <= {
        *("blank row", "no customer_id", "shared customer_id", "no order_date", "unreadable order_date"),
        *("order_date out of range", "no revenue", "unreadable revenue", "after as_of", "exact copy"),
    }
    money_in = sum((Decimal(ODD.get(row[2], row[2])) for row in rows), Decimal(0))
    assert Decimal(review["revenue_in"]) == money_in
    dropped = sum((Decimal(part["revenue"]) for part in review["dropped"]), Decimal(0))
    accounted = Decimal(review["revenue_kept"]) + dropped + Decimal(review["refunded_in_column"])
    assert accounted - Decimal(review["rounding"]) == money_in
    # Half a cent for every kept value, and no more, is lost to rounding: revenue, and the refund in its column.
    assert abs(Decimal(review["rounding"])) <= Decimal("0.005") * review["rows_kept"] * (1 + column)
    assert Decimal(review["revenue_kept"]) == sum((row[2] for row in kept), Decimal(0))
    assert review["n_customers"] == len({row[0] for row in kept})


def test_zero_value_rows_are_kept_and_named(client):
    review, rows = client.orders(HEADER + "a,2024-01-05,0\nb,2024-01-06,20\n")
    assert (review["zero_value_rows"], review["n_orders"], len(rows)) == (1, 2, 2)


def test_exact_copies_are_kept_and_counted_or_dropped(client):
    data = HEADER + "a,2024-01-05,10\n" * 3 + "a,2024-01-05,10.00\n"
    assert client.orders(data)[0]["exact_copies"] == 2
    review, rows = client.orders(data, drop_duplicates=True)
    assert review["dropped"] == [{"reason": "exact copy", "rows": 2, "revenue": "20"}]
    assert (len(rows), review["exact_copies"]) == (2, 0)


def test_rows_after_as_of_change_nothing_but_their_count(client):
    with_later = PLAIN + "c,2024-02-01,99\na,2024-01-06 23:59:59,1\n"
    review, rows = client.orders(with_later, client={"as_of": "2024-01-06"})
    assert review["dropped"] == [{"reason": "after as_of", "rows": 1, "revenue": "99"}]
    assert len(rows) == 3


def test_as_of_is_by_default_the_last_day_of_the_rows_that_are_kept(client):
    client.orders(PLAIN + ",2099-01-01,1\n", drop_missing_ids=True)
    prepared = client.prepare({"transactions": {"path": "orders.csv", "options": {"drop_missing_ids": True}}})
    assert str(prepared.as_of) == "2024-01-06"
    client.write("r.csv", "response_date,invited_date\n,2024-03-01\n2024-02-01,2024-01-01\n")
    assert str(client.prepare({"responses": {"path": "r.csv"}}).as_of) == "2024-03-01"


# --- refuses -------------------------------------------------------------------------------------


def test_as_of_before_all_data(client):
    assert client.refused(lambda: client.orders(PLAIN, client={"as_of": "2020-01-01"})) == (
        "transactions: all 2 rows were dropped (after as_of: 2).\n"
        "    Check client.as_of and data.transactions.options in params/acme.yaml."
    )


def test_all_rows_dropped_names_every_reason(client):
    data = HEADER + ",2024-01-05,1\na,soon,1\n,,\n"
    words = client.refused(
        lambda: client.orders(
            data, drop_missing_ids=True, drop_unreadable=True, client={"as_of": "2024-12-31"}
        )
    )
    assert words == (
        "transactions: all 3 rows were dropped (blank row: 1; no customer_id: 1; unreadable order_date: 1).\n"
        "    Check client.as_of and data.transactions.options in params/acme.yaml."
    )


def test_a_snapshot_alone_needs_a_date(client):
    client.write("s.csv", "customer_id,churned\na,yes\n")
    assert client.refused(lambda: client.prepare({"snapshot": {"path": "s.csv"}})) == (
        "client.as_of: these tables have no date to take it from. Set client.as_of in params/acme.yaml."
    )


def test_doubled_keys_of_all_tables(client):
    client.write("orders.csv", PLAIN)
    client.write("c.csv", "customer_id,age\n" + "a,1\na,2\nb,1\nb,1\nc,1\n")
    client.write("t.csv", "ticket_id,opened\n1,2024-01-05\n1,2024-01-05\n")
    tables = {**SOURCE, "customers": {"path": "c.csv"}, "tickets": {"path": "t.csv"}}
    cure = (
        "    Keep one row for each at the source; exact copies go with "
        "data.{}.options.drop_duplicates: true in params/acme.yaml."
    )
    assert client.refused(lambda: client.prepare(tables)) == (
        "customers: 2 values of customer_id stand in more than one row (first: a, b).\n"
        f"{cure.format('customers')}\n"
        "tickets: 1 values of ticket_id stand in more than one row (first: 1).\n"
        f"{cure.format('tickets')}"
    )


def test_keys_that_do_not_join_are_counted(client):
    client.write("orders.csv", PLAIN)
    client.write("c.csv", "customer_id\na\nx\ny\n")
    review = client.prepare({**SOURCE, "customers": {"path": "c.csv"}}).review
    assert review["match"] == [{"table": "customers", "base": "transactions", "ids": 3, "matched": 1}]


@pytest.mark.parametrize("seed", range(40))
def test_random_bytes_end_in_a_sentence_never_in_a_traceback(client, seed):
    chance = random.Random(seed)
    data = bytearray((PLAIN + '"q, ""x""",2024-01-07,"1,000.5"\n客户,2024年1月8日,￥3\n').encode() * 3)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data))
        data[at : at + chance.randint(0, 3)] = bytes(
            chance.choices(b'",;\n\r\t|\x00\xff\xe4\x1a0-', k=chance.randint(0, 3))
        )
    client.write("orders.csv", bytes(data))
    try:
        client.prepare(SOURCE)
    except DataError as error:
        assert str(error).startswith("transactions: ")
        assert "cannot work with it" not in str(error)


# --- the cache -----------------------------------------------------------------------------------


def test_a_second_prepare_reads_what_the_first_made(client):
    client.write("orders.csv", PLAIN)
    first = client.prepare(SOURCE)
    made = first.path("transactions").stat().st_mtime_ns
    second = client.prepare(SOURCE)
    assert (second.key, second.folder, second.review) == (first.key, first.folder, first.review)
    assert second.path("transactions").stat().st_mtime_ns == made


def test_what_shapes_the_tables_changes_the_key_and_what_does_not_does_not(client):
    client.write("orders.csv", PLAIN)
    key = client.prepare(SOURCE).key
    assert client.prepare(SOURCE, name="A new name", language="zh").key == key
    other = {
        client.prepare(SOURCE, as_of="2024-01-05").key,
        client.prepare(SOURCE, currency="EUR").key,
        client.prepare({"transactions": {"path": "orders.csv", "options": {"drop_duplicates": True}}}).key,
        client.prepare({"transactions": {"path": "order*.csv"}}).key,
    }
    client.write("orders.csv", PLAIN.replace("20\n", "21\n"))
    other.add(client.prepare(SOURCE).key)
    assert len(other | {key}) == 6


def test_the_same_inputs_make_the_same_review_anywhere(client, tmp_path):
    client.write("orders.csv", PLAIN)
    here = client.prepare(SOURCE)
    params = params_from_sections({"client": {"id": "acme"}, "data": SOURCE})
    there = prepare(params, root=client.folder, cache=tmp_path / "other", place="params/acme.yaml")
    assert (there.key, there.review) == (here.key, here.review)


def test_the_cache_keeps_the_last_three_and_leaves_no_work_behind(client):
    folders = []
    for n in range(5):
        client.write("orders.csv", PLAIN + f"c,2024-01-07,{n}\n")
        folders.append(client.prepare(SOURCE).folder)
        time.sleep(0.02)
    assert [folder.exists() for folder in folders] == [False, False, True, True, True]
    assert {path.name for path in folders[-1].parent.iterdir()} == {folder.name for folder in folders[2:]}


def test_a_fault_leaves_nothing_behind(client):
    client.refused(lambda: client.orders(HEADER))
    assert list((client.folder / "cache/clients/acme").iterdir()) == []


def _prepare_in_a_process(folder, barrier, results) -> None:
    params = params_from_sections({"client": {"id": "acme"}, "data": SOURCE})
    barrier.wait()
    prepared = prepare(params, root=folder, cache=folder / "cache", place="params/acme.yaml")
    results.put((prepared.key, prepared.review["tables"]["transactions"]["rows_kept"]))


def test_two_processes_may_prepare_the_same_client_at_once(client):
    client.write("orders.csv", HEADER + "".join(f"c{n},2024-01-05,{n}\n" for n in range(20_000)))
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(3), context.Queue()
    workers = [
        context.Process(target=_prepare_in_a_process, args=(client.folder, barrier, results))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    found = [results.get(timeout=50) for _ in workers]
    for worker in workers:
        worker.join()
    assert found == [(found[0][0], 20_000)] * 3
    assert len(list((client.folder / "cache/clients/acme").iterdir())) == 1


def test_a_damaged_cache_is_made_again(client):
    client.write("orders.csv", "customer_id,order_date,revenue\na,2026-01-01,5\nb,2026-01-02,7\n")
    tables = {"transactions": {"path": "orders.csv"}}
    first = client.prepare(tables)
    expected = duckdb.sql(f"SELECT * FROM '{first.path('transactions')}' ORDER BY ALL").fetchall()
    for damage in ("review.json", "transactions.parquet"):
        (first.folder / damage).write_bytes(b"")
        again = client.prepare(tables)
        assert again.folder == first.folder
        assert duckdb.sql(f"SELECT * FROM '{again.path('transactions')}' ORDER BY ALL").fetchall() == expected


def test_contracts_that_end_before_they_start_are_refused(client):
    client.write("c.csv", "customer_id,start_date,end_date\na,2026-01-01,\nb,2026-03-01,2026-01-05\n")
    said = client.refused(lambda: client.prepare({"contracts": {"path": "c.csv"}}))
    assert said == (
        "contracts: 1 of 2 rows end before they start (first rows: 2).\n"
        "    Fix them at the source, or see whether data.contracts.columns in params/acme.yaml has the two dates "
        "exchanged."
    )


@pytest.mark.parametrize(
    ("last", "as_of", "said"),
    [
        ("2027-11-03", None, "the last day with an order stands alone, 671 days after the one before"),
        ("2026-01-02", "2026-06-30", "the last order is 179 days before the last day seen"),
    ],
)
def test_a_last_day_that_stands_alone_is_named(client, last, as_of, said):
    from cam.studies.reconciliation import notes

    client.write("orders.csv", f"customer_id,order_date,revenue\na,2026-01-01,5\nb,{last},7\n")
    more = {"as_of": as_of} if as_of else {}
    prepared = client.prepare({"transactions": {"path": "orders.csv"}}, **more)
    assert any(said in note for note in notes(prepared))


def test_contracts_that_stand_twice_are_named(client):
    from cam.studies.reconciliation import notes

    row = "a,2026-01-01,,10\n"
    client.write("c.csv", f"customer_id,start_date,end_date,fee\n{row}{row}b,2026-01-02,,10\n")
    said = notes(client.prepare({"contracts": {"path": "c.csv"}}, as_of="2026-06-30"))
    assert any(
        "1 row is an exact copy" in note and "data.contracts.options.drop_duplicates" in note for note in said
    )
