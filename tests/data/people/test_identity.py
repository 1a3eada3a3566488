"""Ids that mean the same are written the same, by stated rules; nothing unasked makes two customers one."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb
import pytest

from cam.data.people.identity import _is_salesforce_18, _suffix, settle_ids
from cam.params import params_from_sections

ORDERS = "customer_id,order_date,revenue\n"


def two(client, orders: list[str], people: list[str], *, data: dict | None = None, **more):
    """Prepare orders and customers with these ids; (ids of each, notes of each, the match)."""
    client.write(
        "orders.csv", ORDERS + "".join(f'"{one}",2024-01-0{1 + i % 9},10\n' for i, one in enumerate(orders))
    )
    client.write("people.csv", "customer_id,age\n" + "".join(f'"{one}",30\n' for one in people))
    tables = {"transactions": {"path": "orders.csv"}, "customers": {"path": "people.csv"}, **(data or {})}
    prepared = client.prepare(tables, **more)
    ids = [
        [
            row[0]
            for row in duckdb.sql(f"SELECT customer_id FROM '{prepared.path(name)}' ORDER BY ALL").fetchall()
        ]
        for name in ("transactions", "customers")
    ]
    notes = [
        [note for note in prepared.review["tables"][name]["notes"] if "ids" in note or "customer" in note]
        for name in ("transactions", "customers")
    ]
    return ids, notes, prepared.review["match"][0]


def test_what_is_written_alike_is_left_alone(client):
    ids, notes, match = two(client, ["A1", "0007", "客户7"], ["A1", "0007", "客户7"])
    assert ids[0] == ids[1] == ["0007", "A1", "客户7"]
    assert notes == [[], []]
    assert (match["ids"], match["matched"]) == (3, 3)


def test_full_width_signs_and_mail_addresses(client):
    ids, notes, match = two(client, ["Ａ１", "Ann@Shop.COM", "客户　７"], ["A1", "ann@shop.com", "客户 7"])
    assert ids[0] == ids[1] == ["A1", "ann@shop.com", "客户 7"]
    assert notes[0] == [
        "ids in full-width signs, now half-width: 2 rows",
        "e-mail addresses as ids, now in lower case: 1 rows",
    ]
    assert match["matched"] == 3


#: Ids of 15 characters and their forms of 18, as Salesforce's pages and many converters show them.
KNOWN = {"001A0000006Vm9r": "001A0000006Vm9rIAC", "0015000000Gv7qJ": "0015000000Gv7qJAAR"}


def test_the_checksum_of_salesforce():
    for short, long in KNOWN.items():
        row = duckdb.execute(
            f"SELECT id || {_suffix('id')}, {_is_salesforce_18('long')}, {_is_salesforce_18('lower(long)')} "
            "FROM (SELECT ? AS id, ? AS long)",
            [short, long],
        ).fetchone()
        assert row == (long, True, False)


def test_salesforce_ids_of_both_lengths_meet_and_keep_their_case(client):
    alike = ["001A0000006Vm9r", "001A0000006vm9r", "001A0000006VM9r"]  # three different accounts
    long = [
        duckdb.execute(f"SELECT id || {_suffix('id')} FROM (SELECT ? AS id)", [one]).fetchone()[0]
        for one in alike
    ]
    ids, notes, match = two(client, alike, long, data={"ignore_case": True})
    assert ids[0] == ids[1] == sorted(long)
    assert notes[0] == ["Salesforce ids of 15 characters, now in their form of 18: 3 rows"]
    assert (match["ids"], match["matched"]) == (3, 3)


def test_ids_of_15_and_18_that_are_not_salesforce_stay(client):
    ids, notes, match = two(client, ["123456789012345"], ["123456789012345678", "110101199003070038"])
    assert ids[0] == ["123456789012345"]
    assert notes == [[], []]
    assert match["matched"] == 0


def test_case_is_ignored_where_more_ids_meet_and_none_become_one(client):
    ids, notes, match = two(client, ["C1", "C2", "C3"], ["c1", "c2", "C3"])
    assert ids[0] == ids[1] == ["C1", "C2", "C3"]  # as the first table writes them
    assert notes[1] == [
        "A1 and a1 are one customer, because 2 more ids are then known in data.transactions and no two become one"
    ]
    assert match["matched"] == 3
    assert two(client, ["c1", "c2"], ["C1", "C2"])[0] == [["c1", "c2"], ["c1", "c2"]]


def test_case_stays_where_two_customers_would_become_one(client):
    ids, notes, match = two(client, ["ab", "aB", "c1"], ["C1", "aB"])
    assert ids == [["aB", "ab", "c1"], ["C1", "aB"]]
    assert notes[1] == [
        "1 more ids would be known in data.transactions if A1 and a1 were one, but 1 different ids would then become "
        "one too; data.ignore_case in params/acme.yaml: true does it"
    ]
    assert match["matched"] == 1


def test_what_the_parameters_say_of_case_rules(client):
    ids, notes, _ = two(client, ["ab", "aB", "c1"], ["C1", "aB"], data={"ignore_case": True})
    assert ids == [["ab", "ab", "c1"], ["ab", "c1"]]
    assert notes[0] == ["1 ids that differ in case alone are now one with another"]
    ids, notes, match = two(client, ["C1", "C2"], ["c1", "C2"], data={"ignore_case": False})
    assert ids == [["C1", "C2"], ["C2", "c1"]]
    assert match["matched"] == 1
    review, _ = client.orders(ORDERS + "a,2024-01-01,1\nA,2024-01-02,1\n")
    assert review["n_customers"] == 2
    client.write("one.csv", ORDERS + "a,2024-01-01,1\nA,2024-01-02,1\n")
    one = client.prepare({"transactions": {"path": "one.csv"}, "ignore_case": True})
    assert one.review["tables"]["transactions"]["n_customers"] == 1


def test_lost_zeros_are_told_with_the_cure_and_kept(client):
    full = [f"{n:06d}" for n in range(1, 40)]
    ids, notes, match = two(client, [one.lstrip("0") for one in full], full)
    assert ids[1] == full
    assert notes[0] == [
        "39 ids would be known in data.customers if leading zeros, which a spreadsheet takes off, were filled up: "
        "data.transactions.options.id_width: 6"
    ]
    assert match["matched"] == 0
    ids, notes, _ = two(client, full, [one.lstrip("0") for one in full])
    assert notes[0] == []
    assert "data.customers.options.id_width: 6" in notes[1][0]


def test_numbers_that_meet_as_they_are_need_no_zeros(client):
    assert two(client, ["7", "8", "100"], ["7", "8", "100", "101"])[1] == [[], []]
    assert two(client, ["7", "8", "100"], ["0009", "11", "12"])[1] == [[], []]


@pytest.mark.parametrize(
    ("ids", "what"),
    [
        (["ann@shop.com", "bob@shop.com"], "e-mail addresses"),
        (["13812345678", "+8613912345678"], "phone numbers"),
        (["11010119900307003X", "110101199003070038"], "identity numbers"),
    ],
)
def test_ids_that_name_a_person_are_told(client, ids, what):
    notes = two(client, ids, ids)[1]
    assert notes[0] == [
        f"the ids are {what}, and the report shows them; client.customer_ids: hashed in params/acme.yaml replaces them"
    ]
    assert two(client, ids, ids, customer_ids="hashed")[1] == [[], []]
    assert two(client, ["20240105001", "20240105002"], ["20240105001"])[1] == [[], []]


@pytest.mark.slow
def test_ten_million_ids_that_need_nothing_are_left_as_they_are(tmp_path):
    with duckdb.connect(str(tmp_path / "w.duckdb")) as base:
        base.execute(
            "CREATE TABLE transactions AS SELECT 'C' || lpad((i % 1000000)::VARCHAR, 8, '0') AS customer_id, "
            "NULL AS _cam_why FROM range(10_000_000) AS s(i)"
        )
        table = SimpleNamespace(
            table="transactions",
            relation="transactions",
            columns=("customer_id",),
            checks=(),
            candidate=None,
        )
        params = params_from_sections({"client": {"id": "a"}, "data": {"transactions": {"path": "x.csv"}}})
        assert settle_ids(base, {"transactions": table}, params, place="p") == {}
