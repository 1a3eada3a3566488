"""The account of the data: a reader can add it up, to the cent, in every language and on paper."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from cam.data import Prepared
from cam.language import use
from cam.project import project_root
from cam.studies.client import prepare_client
from cam.studies.reconciliation import notes, reconcile, show_reconciliation


@pytest.fixture(autouse=True)
def english() -> Any:
    yield
    use("en")


def cents(value: float) -> Decimal:
    return Decimal(0) if pd.isna(value) else Decimal(f"{value:.2f}")


def add_up(params: Any, prepared: Prepared) -> pd.DataFrame:
    """Read the account as a reader does: across each table's line, down its reasons, and down its changes."""
    account = reconcile(params, prepared)
    starts = [*account.index[account["read"].notna()], len(account)]
    for (name, table), first, end in zip(
        prepared.review["tables"].items(), starts[:-1], starts[1:], strict=True
    ):
        head, below = account.loc[first], account.loc[first + 1 : end - 1]
        assert head["read"] - head["dropped"] == head["kept"]
        assert head["dropped"] == below["dropped"].sum()
        if "revenue_kept" not in table:
            assert pd.isna(head["revenue_read"])
            continue
        assert cents(head["revenue_read"]) == Decimal(table["revenue_in"]).quantize(Decimal("0.01"))
        assert cents(head["revenue_read"]) - cents(head["revenue_dropped"]) == cents(head["revenue_kept"])
        assert cents(head["revenue_dropped"]) == sum(map(cents, below["revenue_dropped"]))
        changes = below["revenue_kept"].dropna()
        total = cents(head["revenue_kept"]) + sum(map(cents, changes.iloc[:-1]))
        assert total == Decimal(table["revenue_kept"]), name
        if len(changes):
            assert cents(changes.iloc[-1]) == total
    return account


def shop(client: Any, **more: Any) -> Any:
    """Orders of several kinds: one without a customer, one too late, one refunded in its column, amounts in mils."""
    log = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "", "c", "d", "d"],
            "order_id": [f"o{k}" for k in range(7)],
            "order_date": ["2026-01-05"] * 6 + ["2026-07-05"],
            "revenue": [300_000.004, 50.25, 20.003, 7.5, 10.004, 6.11, 99.0],
            "back": [0, 12.5, 0, 0, 0, 0, 0],
        }
    )
    back = pd.DataFrame(
        {
            "order_id": ["o2", "o4", "o6"],
            "refund": [5.25, 10.0, 9.0],
            "refund_date": ["2026-02-01", "2026-02-03", "2026-02-05"],
        }
    )
    options = {"refund_column": "back", "drop_missing_ids": True}
    data = {
        "transactions": {"path": "transactions.csv", "options": options},
        "refunds": {"path": "refunds.csv"},
    }
    return client({"transactions": log, "refunds": back}, data=data, **more)


# --- correct --------------------------------------------------------------------------------------


def test_drops_refunds_of_both_kinds_and_rounding_add_up(client) -> None:
    study = shop(client)
    account = add_up(study.params, study.prepared)
    money = account.set_index("line")
    assert money.loc["less: refunds that the orders themselves state", "revenue_kept"] == -12.5
    assert money.loc["less: refunds in a table", "revenue_kept"] == -15.25
    # 300,192.87 of all, less the 7.50 and 99.00 that are dropped, less 12.50 and 15.25; mils that were cut.
    assert money.loc["transactions", "revenue_read"] == 300_192.87
    assert money.loc["rounding to the cent", "revenue_kept"] == -0.01
    assert money.loc["revenue of transactions", "revenue_kept"] == 300_058.61
    own = money.loc["refunds (subtracted above)"]
    assert (own["revenue_read"], own["revenue_dropped"], own["revenue_kept"]) == (-24.25, -9.0, -15.25)


@pytest.mark.parametrize("name", ["demo", "cdnow",
                                  pytest.param("grocery", marks=pytest.mark.slow),
                                  "telecom"])  # fmt: skip
def test_every_sample_adds_up(name: str) -> None:
    from cam.params import read_params

    params = read_params(project_root() / "params" / f"{name}.yaml")
    add_up(params, prepare_client(params, place=f"params/{name}.yaml"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_shows_cents_in_both_languages(client, language: str) -> None:
    study = shop(client)
    use(language)
    html = show_reconciliation(study.params, study.prepared).html
    body = html[html.index("<tbody>") : html.index("</tbody>")]
    assert "300,192.87" in body and "300,058.61" in body and "万" not in body
    assert re.search(r"−15\.25", body)


def test_notes_of_one_kind_stand_together(client) -> None:
    study = shop(client)
    tables = study.prepared.review["tables"]
    for name in tables:
        tables[name]["notes_in_parts"] = [
            ["{file} is {encoding}", {"file": f"{name}.csv", "encoding": "GB18030"}],
            ["as it is", {}],
        ]
    said = notes(study.prepared)
    assert "transactions: transactions.csv is GB18030; refunds: refunds.csv is GB18030." in said
    assert "transactions, refunds: as it is." in said
    use("zh")
    assert "订单：transactions.csv的编码为GB18030；退款：refunds.csv的编码为GB18030。" in notes(
        study.prepared
    )
