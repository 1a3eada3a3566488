"""CDNOW, the data that every published number speaks of: 2,357 customers of early 1997, as the peer ships them."""

from __future__ import annotations

import functools
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import ibis
import pandas as pd

from cam.reduce.summary import customer_summary


def _folder() -> Path:
    return Path(find_spec("lifetimes").submodule_search_locations[0]) / "datasets"


@functools.cache
def summary() -> pd.DataFrame:
    """39 weeks of them, times in weeks rounded to two decimals."""
    return pd.read_csv(_folder() / "cdnow_customers_summary.csv", index_col="ID")


def exact() -> pd.DataFrame:
    """The same, with times put back to whole days."""
    table = summary().copy()
    table[["recency", "T"]] = (table[["recency", "T"]] * 7).round() / 7
    return table


@functools.cache
def spend() -> pd.DataFrame:
    """The same with mean spend, rounded to cents; 946 came back."""
    table = pd.read_csv(_folder() / "cdnow_customers_summary_with_transactions.csv", index_col="ID")
    return table.rename(columns={"x": "frequency", "t_x": "recency", "zbar": "monetary_value"})


@functools.cache
def log() -> pd.DataFrame:
    """Every purchase of 78 weeks."""
    table = pd.read_csv(
        _folder() / "CDNOW_sample.txt",
        sep=r"\s+",
        names=["master_id", "customer_id", "order_date", "n_items", "revenue"],
        dtype={"customer_id": str, "order_date": str},
    )
    table["order_date"] = pd.to_datetime(table["order_date"])
    return table[["customer_id", "order_date", "revenue"]].assign(kind="purchase")


@functools.cache
def halves() -> pd.DataFrame:
    """The first 39 weeks by the project's own reduction, and ``later``: purchase days in the 39 weeks after."""
    table = ibis.duckdb.connect().create_table("log", log())
    table = table.mutate(revenue=table.revenue.cast("decimal(18, 2)"))
    seen = customer_summary(table, as_of=date(1997, 9, 30)).execute().set_index("customer_id").sort_index()
    after = log()[log()["order_date"] > "1997-09-30"]
    later = after.groupby("customer_id")["order_date"].nunique()
    return seen.assign(later=later.reindex(seen.index, fill_value=0).to_numpy(float))
