"""Ids as keyed hashes: as published, the same every time, and no id left where a report or the cache could show it."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from cam.data.engine import workspace
from cam.data.parse import Parsed
from cam.data.people.pseudonyms import IdKey, find_key, hash_ids
from cam.errors import DataError, ParamsError
from cam.project import cache_folder, project_root

ORDERS = "customer_id,order_date,revenue,order_id,seller\n"
PEOPLE = "customer_id,Number,referred,region\n"


@pytest.fixture(autouse=True)
def no_key_of_the_environment(monkeypatch):
    monkeypatch.delenv("CAM_ID_KEY", raising=False)


class Table:
    """As much of a parsed table as hashing asks for."""

    def __init__(self, table: str, *columns: str) -> None:
        self.table, self.relation, self.columns = table, f'"{table}"', columns


def hashed(folder: Path, ids: list[str], secret: bytes) -> list[str]:
    with workspace(folder) as base:
        base.execute("CREATE TABLE transactions (customer_id VARCHAR)")
        base.executemany("INSERT INTO transactions VALUES (?)", [[one] for one in ids])
        done = hash_ids(
            base,
            {"transactions": Table("transactions", "customer_id")},
            IdKey(secret, folder / "ids.parquet"),
        )
        assert done.n_ids == len(set(ids))
        return [
            row[0] for row in base.execute("SELECT customer_id FROM transactions ORDER BY rowid").fetchall()
        ]


@pytest.mark.parametrize(
    ("secret", "text", "digits"),
    [
        # RFC 4231, test cases 1, 2 and 6: a key shorter than a block, a short one, and one longer than a block.
        (b"\x0b" * 20, "Hi There", "b0344c61d8db3853"),
        (b"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e"),
        (b"\xaa" * 131, "Test Using Larger Than Block-Size Key - Hash Key First", "60e431591ee0b67f"),
    ],
)
def test_published_values(tmp_path, secret, text, digits):
    assert hashed(tmp_path, [text], secret) == [digits]


def test_the_same_as_pythons_for_odd_ids_and_in_the_order_of_rows(tmp_path):
    ids = [*(f"C{i % 700:05d}" for i in range(5_000)), "客户７", "a'b\"c", "=1+1", "\\x00", "é" * 200, " x"]
    secret = os.urandom(32)
    expected = [hmac.new(secret, one.encode(), hashlib.sha256).hexdigest()[:16] for one in ids]
    assert hashed(tmp_path, ids, secret) == expected


def tables(client) -> dict:
    client.write(
        "orders.csv",
        ORDERS
        + "".join(
            f"ZEBRA-{i % 9:03d},2024-01-{1 + i:02d},{i + 1}.50,O{i:04d},Shop {i % 3}\n" for i in range(20)
        ),
    )
    client.write(
        "people.csv",
        PEOPLE + "".join(f"ZEBRA-{i:03d},ZEBRA-{i:03d},ZEBRA-{(i + 1) % 9:03d},Leeds\n" for i in range(9)),
    )
    return {
        "transactions": {"path": "orders.csv"},
        "customers": {"path": "people.csv", "columns": {"referrer": "referred"}},
    }


def test_every_table_is_hashed_and_joins_as_before(client, rows_of):
    asked = tables(client)
    plain = client.prepare(asked)
    prepared = client.prepare(asked, customer_ids="hashed")
    lookup = client.folder / prepared.review["ids"]["lookup"]
    assert prepared.review["ids"] == {"hashed": 9, "lookup": ".keys/acme_ids.parquet"}
    names = dict(duckdb.sql(f"SELECT hashed, customer_id FROM '{lookup}'").fetchall())
    secret = (client.folder / ".keys/acme.key").read_bytes()
    assert len(secret) == 32
    for digits, one in names.items():
        assert digits == hmac.new(secret, one.encode(), hashlib.sha256).hexdigest()[:16]
    assert prepared.review["match"] == [
        {"table": "customers", "base": "transactions", "ids": 9, "matched": 9}
    ]
    # Rows in the same order, nothing else changed; the id under other names is the same hash.
    orders = duckdb.sql(
        f"SELECT customer_id, COLUMNS(* EXCLUDE customer_id) FROM '{prepared.path('transactions')}'"
    ).fetchall()
    assert [names[row[0]] for row in orders] == [f"ZEBRA-{i % 9:03d}" for i in range(20)]
    assert [str(row[2]) for row in orders] == [f"{i + 1}.50" for i in range(20)]
    people = duckdb.sql(
        f"SELECT customer_id, \"Number\", referrer, region FROM '{prepared.path('customers')}'"
    ).fetchall()
    assert all(names[row[0]] == names[row[1]] for row in people)
    assert [names[row[2]] for row in people] == [f"ZEBRA-{(i + 1) % 9:03d}" for i in range(9)]
    assert {row[3] for row in people} == {"Leeds"}
    assert (
        prepared.review["tables"]["transactions"]["revenue_kept"]
        == "220"
        == plain.review["tables"]["transactions"]["revenue_kept"]
    )


def test_nothing_kept_but_the_look_up_holds_an_id_or_the_key(client):
    asked = tables(client)
    client.prepare(asked)  # plain first: what that left goes
    results = client.folder / "cache/studies/acme/01"
    results.mkdir(parents=True)
    (results / "scores").write_text("ZEBRA-001")
    client.prepare(asked, customer_ids="hashed")
    secret = (client.folder / ".keys/acme.key").read_bytes()
    for path in (client.folder / "cache").rglob("*"):
        if path.is_file():
            content = searchable(path)
            assert b"ZEBRA" not in content
            assert secret not in content
            assert secret.hex().encode() not in content
    for name in ("acme.key", "acme_ids.parquet"):
        assert stat.S_IMODE((client.folder / ".keys" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((client.folder / ".keys").stat().st_mode) == 0o700


def test_one_key_one_result_and_another_key_another(client, monkeypatch):
    asked = tables(client)
    first = client.prepare(asked, customer_ids="hashed")
    assert client.prepare(asked, customer_ids="hashed").folder == first.folder
    ids = duckdb.sql(f"FROM '{first.path('customers')}'").fetchall()
    (client.folder / ".keys/acme_ids.parquet").unlink()  # comes back
    again = client.prepare(asked, customer_ids="hashed")
    assert duckdb.sql(f"FROM '{again.path('customers')}'").fetchall() == ids
    assert (client.folder / ".keys/acme_ids.parquet").exists()
    monkeypatch.setenv("CAM_ID_KEY", "a key of the environment")
    other = client.prepare(asked, customer_ids="hashed")
    assert other.key != first.key
    assert (
        duckdb.sql(f"FROM '{other.path('customers')}'").fetchall()[0][0]
        == (hmac.new(b"a key of the environment", b"ZEBRA-000", hashlib.sha256).hexdigest()[:16])
    )


def test_keys_that_cannot_be_used(client, monkeypatch, tmp_path):
    asked = tables(client)
    client.write(".keys/acme.key", b"short")
    assert client.refused(lambda: client.prepare(asked, customer_ids="hashed")) == (
        "client.customer_ids: the key .keys/acme.key is damaged: 5 bytes, not 32.\n"
        "    Put the saved one back. If there is none, delete it: all customers then get new hashes."
    )
    monkeypatch.setenv("CAM_ID_KEY", "short")
    with pytest.raises(ParamsError) as caught:
        find_key("acme", folder=tmp_path / "k")
    assert str(caught.value) == (
        "client.customer_ids: the environment variable CAM_ID_KEY has 5 characters; a key needs 16.\n"
        "    Make it longer, or unset it: a key is then made once and kept in k/acme.key."
    )
    assert "secret" not in repr(IdKey(b"secret", tmp_path))
    monkeypatch.delenv("CAM_ID_KEY")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be read or made"):
        find_key("acme", folder=tmp_path / "file")


def test_errors_name_rows_not_ids(client):
    asked = tables(client)
    client.write("people.csv", PEOPLE + "ZEBRA-001,1,,\nZEBRA-002,2,,\nZEBRA-001,3,,\n")
    words = client.refused(lambda: client.prepare(asked, customer_ids="hashed"))
    assert words.startswith(
        "customers: 1 values of customer_id stand in more than one row (first: rows 1, 3)."
    )
    assert "ZEBRA-001" in client.refused(lambda: client.prepare(asked))
    client.write("people.csv", PEOPLE + "ZEBRA**1,1,,\nZEBRA-002,2,,\n")
    words = client.refused(lambda: client.prepare(asked, customer_ids="hashed"))
    assert "(first rows: 1)." in words
    assert "ZEBRA" not in words
    assert "such as 'ZEBRA**1'" in client.refused(lambda: client.prepare(asked))


# --- ids in other columns ------------------------------------------------------------------------


def treat(folder: Path, **columns: list) -> tuple[dict[str, list], list[str]]:
    """Hash a table of customers with a column ``customer_id``; return its kept columns and what is told."""
    with workspace(folder) as base:
        names = ", ".join(f'"{name}" VARCHAR' for name in columns)
        base.execute(f"CREATE TABLE customers ({names})")
        frame = pd.DataFrame(columns)  # noqa: F841
        base.execute("INSERT INTO customers SELECT * FROM frame")
        table = parsed(*columns)
        done = hash_ids(base, {"customers": table}, IdKey(SECRET, folder / "ids.parquet"))
        kept = done.tables["customers"].columns
        found = base.execute(
            f"SELECT {', '.join(f'{chr(34)}{name}{chr(34)}' for name in kept)} FROM customers ORDER BY rowid"
        )
        rows = found.fetchall()
        return {name: [row[i] for row in rows] for i, name in enumerate(kept)}, [
            str(note) for note in done.told.get("customers", ())
        ]


SECRET = b"a secret of the tests"


def parsed(*columns: str) -> Parsed:
    return Parsed("customers", '"customers"', columns, (), (), 0, (), (), (), None, "")


def mac(one: str) -> str:
    return hmac.new(SECRET, one.encode(), hashlib.sha256).hexdigest()[:16]


SALESFORCE = ["001A0000006Vm9rIAC", "001A0000006VmarIAC", "001A0000006VmArIAK", "001A0000006VmbrIAC"]
WORDS = [f"SECRET{i}" for i in range(40)]
PADDED = [f"{100 + i:05d}" for i in range(40)]


@pytest.mark.parametrize(
    ("ids", "given", "meant"),
    [
        (WORDS, [one.lower() for one in WORDS], WORDS),
        (WORDS, [f" {one.replace('S', 'Ｓ')}" for one in WORDS], WORDS),
        (PADDED, [one.lstrip("0") for one in PADDED], PADDED),
        (SALESFORCE, [one[:15] for one in SALESFORCE], SALESFORCE),
        (SALESFORCE, [one.lower() for one in SALESFORCE], SALESFORCE),
        ([one[:15] for one in SALESFORCE], SALESFORCE, [one[:15] for one in SALESFORCE]),
    ],
)
def test_an_id_in_another_spelling_gets_the_same_hash(tmp_path, ids, given, meant):
    # Not the row's own: who it is shows as well by another's row.
    found, told = treat(tmp_path, customer_id=ids, Other=[*given[1:], given[0]])
    assert found["customer_id"] == [mac(one) for one in ids]
    assert found["Other"] == [mac(one) for one in (*meant[1:], meant[0])]
    assert told == ["columns that repeat customers' ids, hashed alike: Other"]


@pytest.mark.parametrize(("of", "treated"), [(40, True), (10, True), (2, True), (0, False)])
def test_values_are_replaced_one_by_one_where_a_few_percent_are_ids(tmp_path, of, treated):
    other = [one if i < of else f"somebody {i}" for i, one in enumerate([*WORDS[1:], WORDS[0]])]
    found, told = treat(tmp_path, customer_id=WORDS, Other=other)
    assert found["Other"] == [mac(one) if one in WORDS else one for one in other]
    assert bool(told) is treated


@pytest.mark.parametrize(
    ("ids", "name", "values", "treated"),
    [
        # Four digits, hardly any of which are ids: no chance.
        ([1000 + i for i in range(40)], "Nr", [1000 + (i + 1) % 40 for i in range(40)], True),
        (
            [1000 + i for i in range(40)],
            "Nr",
            [1000 + i if i % 3 else 7000 + i for i in range(39, -1, -1)],
            True,
        ),
        # A third is not enough, nor are few different ones.
        (
            [1000 + i for i in range(40)],
            "Nr",
            [1000 + i if not i % 3 else 7000 + i for i in range(39, -1, -1)],
            False,
        ),
        ([1000 + i for i in range(40)], "Nr", [1000 + i % 8 for i in range(40)], False),
        # Numbers from 1 on, or years: any count is one of them, unless its name says whose it is.
        ([1 + i for i in range(400)], "score", [1 + (7 * i) % 400 for i in range(400)], False),
        ([1 + i for i in range(400)], "referred_by", [1 + (7 * i) % 400 for i in range(400)], True),
        (
            [10_000 + i for i in range(30_000)],
            "points",
            [10_000 + 7 * i % 30_000 for i in range(30_000)],
            False,
        ),
        ([1950 + i for i in range(60)], "born", [1960 + i % 40 for i in range(60)], False),
    ],
)
def test_counts_that_are_ids_by_chance_stay(tmp_path, ids, name, values, treated):
    found, _ = treat(tmp_path, customer_id=[str(one) for one in ids], **{name: [str(one) for one in values]})
    known = {str(one): mac(str(one)) for one in ids} if treated else {}
    assert found[name] == [known.get(str(one), str(one)) for one in values]


@pytest.mark.parametrize(
    ("form", "gone"),
    [
        ("https://x/{}", True),
        ("P {}", True),
        ("x{}", True),
        ("{}0", False),  # SECRET10 is somebody else's id or nobody's
        ("about {}", True),
    ],
)
def test_text_with_ids_inside_does_not_stay(tmp_path, form, gone):
    ids = [f"SECRET{i}" for i in range(1000, 1040)]
    other = [form.format(one) for one in [*ids[1:], ids[0]]]
    found, told = treat(tmp_path, customer_id=ids, text=other, Plan=["gold"] * 40)
    assert ("text" not in found) is gone
    assert found["Plan"] == ["gold"] * 40
    assert told == (
        ["columns left out, because customers' ids stand inside their text: text"] if gone else []
    )


def test_orders_that_hold_ids_are_hashed_and_their_lines_and_refunds_still_meet(client, rows_of):
    lines = "".join(
        f"SECRETA{i},2024-01-{1 + i:02d},{10 + k},O-SECRETA{i}\n" for i in range(9) for k in (0, 1)
    )
    client.write("orders.csv", "customer_id,order_date,revenue,order_id\n" + lines)
    client.write(
        "refunds.csv", "order_id,refund,refund_date\nO-SECRETA3,4,2024-01-06\nO-SECRETA5,5,2024-01-08\n"
    )
    asked = {"transactions": {"path": "orders.csv"}, "refunds": {"path": "refunds.csv"}}
    plain = client.prepare(asked).review["tables"]
    prepared = client.prepare(asked, customer_ids="hashed")
    hashed = prepared.review["tables"]
    assert hashed["transactions"]["n_orders"] == plain["transactions"]["n_orders"] == 9
    assert hashed["transactions"]["refunds_netted"] == {"rows": 2, "revenue": "-9"}
    assert hashed["refunds"]["of_orders"] == 2
    orders = {row[3] for row in rows_of(prepared)}
    secret = (client.folder / ".keys/acme.key").read_bytes()
    assert orders == {
        hmac.new(secret, f"O-SECRETA{i}".encode(), hashlib.sha256).hexdigest()[:16] for i in range(9)
    }
    for table in ("transactions", "refunds"):
        assert hashed[table]["notes"][-1] == (
            "ids of other things that hold a customer's id, hashed as a whole: order_id"
        )
    assert b"SECRETA" not in searchable(prepared.path("transactions")) + searchable(prepared.path("refunds"))


def test_what_a_killed_run_left_goes_and_what_another_run_needs_stays(client):
    home = client.folder / "cache/clients/acme"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f".work-{gone.pid}-abc", f".work-{os.getpid()}-abc"):
        (home / name).mkdir(parents=True)
        (home / name / "t.parquet").write_text("ZEBRA-001")
    asked = tables(client)
    client.prepare(asked)  # plain ids: a day's grace
    assert len(list(home.glob(".work-*"))) == 2
    client.prepare(asked, customer_ids="hashed")
    assert [path.name for path in home.glob(".work-*")] == [f".work-{os.getpid()}-abc"]


# --- a whole report ------------------------------------------------------------------------------


def searchable(path: Path) -> bytes:
    """All that a file holds, compressed parts read."""
    if path.suffix == ".parquet":
        columns = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
        return repr((columns.columns, columns.fetchall())).encode()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            return b"\n".join(packed.read(name) for name in packed.namelist())
    return path.read_bytes()


@pytest.mark.slow
def test_no_file_of_a_report_or_of_the_cache_holds_an_id(tmp_path):
    from cam.samples import sample_path

    name = "test-hashed-ids"
    kinds = ("transactions", "customers", "responses", "tickets", "contracts", "leads")
    for kind in kinds:
        source = sample_path(f"sample:demo/{kind}.csv", cache=cache_folder() / "samples")
        some = "customer_id < 'C000601'" + (" OR customer_id IS NULL" if kind == "leads" else "")
        duckdb.sql(
            f"COPY (SELECT * REPLACE (replace(customer_id, 'C', 'ZEBRA') AS customer_id) "
            f"FROM read_csv('{source}', all_varchar=true) WHERE {some}) TO '{tmp_path}/{kind}.csv' (HEADER)"
        )
    lines = [f"client: {{id: {name}, customer_ids: hashed, currency: CNY, as_of: 2026-06-30}}", "data:"]
    lines += [f"  root: {tmp_path}", *(f"  {kind}: {{path: {kind}.csv}}" for kind in kinds)]
    lines += ["value: {setting: non_contractual, margin_rate: 0.3}"]
    lines += ["churn: {offer: {offer_cost: 20.0, contact_cost: 2.0}}"]
    (tmp_path / f"{name}.yaml").write_text("\n".join(lines) + "\n")
    made = [cache_folder() / "clients" / name, cache_folder() / "studies" / name]
    keys = project_root() / ".keys"
    try:
        command = [str(Path(sys.executable).parent / "cam"), "report", str(tmp_path / f"{name}.yaml")]
        run = subprocess.run(
            [*command, "--out", str(tmp_path / "out")], capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        secret = (keys / f"{name}.key").read_bytes()
        files = [path for place in (tmp_path / "out", *made) for path in place.rglob("*") if path.is_file()]
        assert {path.suffix for path in files} >= {".html", ".xlsx", ".parquet", ".json", ".ipynb", ".csv"}
        for path in files:
            content = searchable(path)
            assert b"ZEBRA" not in content, path
            assert secret not in content
            assert secret.hex().encode() not in content
        assert "ZEBRA" not in run.stdout + run.stderr
        named = duckdb.sql(f"SELECT customer_id FROM '{tmp_path}/out/{name}/customers.parquet'").fetchall()
        known = dict(duckdb.sql(f"SELECT hashed, customer_id FROM '{keys}/{name}_ids.parquet'").fetchall())
        assert len(named) == 600
        assert all(known[row[0]].startswith("ZEBRA") for row in named)
    finally:
        for place in made:
            shutil.rmtree(place, ignore_errors=True)
        for path in keys.glob(f"{name}*"):
            path.unlink()
