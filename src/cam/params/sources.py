"""The section ``data`` as types: where each table is, how its columns are called, how it is read and cleaned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from cam.params.hints import did_you_mean
from cam.params.values import (
    Delimiter,
    Engine,
    Names,
    Scale,
    Section,
    Zone,
)
from cam.schema import STARTING_TABLES, TABLES

Worth = Annotated[float, Field(ge=0.001, le=1_000_000_000, allow_inf_nan=False)]


class States(Section):
    """Which states of a row count, such as those of an order; a state that is not named stops the run."""

    column: str = Field(min_length=1, description="the source's column of states")
    keep: Names = Field(default_factory=list, description="states of rows that count")
    drop: Names = Field(default_factory=list, description="states of rows that do not, such as unpaid orders")
    refunded: Names = Field(
        default_factory=list, description="states of orders that count and were paid back in full"
    )


class Options(Section):
    """How one table is read and cleaned."""

    encoding: str | None = Field(None, description="of a CSV file; by default found from its bytes")
    delimiter: Delimiter | None = Field(
        None, description="of a CSV file, or the word whitespace; by default found"
    )
    names: list[str] | None = Field(
        None, min_length=1, description="column names of a file that has no header"
    )
    skip_rows: int = Field(0, ge=0, description="lines above the header")
    skip_last_rows: int = Field(
        0, ge=0, le=1000, description="lines below the last row, such as the name of a report"
    )
    sheet: str | None = Field(None, description="of an Excel file; by default the first")
    date_format: str | None = Field(
        None, description="of every date column, such as %d/%m/%Y; by default decided from all rows"
    )
    decimal: Literal[".", ","] = Field(".", description="decimal sign of numbers written as text")
    times_in: Zone | None = Field(
        None, description="time zone of moments that have no offset of their own, such as UTC"
    )
    time_zone: Zone | None = Field(
        None, description="time zone whose days count; by default the clock as it is written"
    )
    states: States | None = Field(None, description="which states of a row count, by a column of states")
    guests: Names = Field(
        default_factory=list, description="values of an id that name nobody, beside those that always do"
    )
    id_width: int | None = Field(
        None, ge=2, le=40, description="digits of ids that lost leading zeros; shorter ones are filled up"
    )
    revenue_per: Literal["order", "line"] | None = Field(
        None, description="what revenue is of where orders have several lines; by default tested"
    )
    line_value: Names = Field(
        default_factory=list,
        max_length=2,
        description="columns whose product shares an order's revenue out to its lines",
    )
    multiply_by: str | None = Field(
        None,
        min_length=1,
        description="column that revenue is multiplied by, where it is the price of one unit",
    )
    units: dict[str, Worth] = Field(
        default_factory=dict,
        description="what one of a column's amounts is worth, such as 金额(万元): 10000",
    )
    refund_prefix: str | None = Field(
        None, min_length=1, description="what the order_id of a refund begins with, such as C"
    )
    refund_column: str | None = Field(
        None, description="column with the amount paid back on the order, subtracted from its revenue"
    )
    more_header_rows: int | None = Field(
        None, ge=0, le=20, description="lines under the header that are no answers; by default found"
    )
    scales: dict[str, Scale] = Field(
        default_factory=dict, description="of a score, as its source has it, such as nps: [1, 11]"
    )
    words: dict[str, dict[str, int]] = Field(
        default_factory=dict,
        description="of a score or a yes (1) or no (0) in words: its column, then word: number",
    )
    blanks: Names = Field(
        default_factory=list, description="texts that mean no answer, beside those that always do"
    )
    drop_missing_ids: bool = Field(False, description="leave out rows without a key, instead of an error")
    drop_unreadable: bool = Field(False, description="leave out rows whose values cannot be read, likewise")
    drop_duplicates: bool = Field(
        False, description="leave out exact copies of a row; by default kept and counted"
    )


class Source(Section):
    """Where one table comes from."""

    path: str | Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="CSV, Excel or Parquet files: a path, a list of them, or a pattern with *"
    )
    table: str | None = Field(
        None, min_length=1, description="instead of path: a table of the engine, as name or schema.name"
    )
    query: str | None = Field(
        None, min_length=1, description="instead of path: a SELECT that the engine answers"
    )
    preset: str | None = Field(
        None, min_length=1, description="the system that exported it; `cam new` knows which there are"
    )
    columns: dict[str, str | Annotated[list[str], Field(min_length=1, max_length=20)]] = Field(
        default_factory=dict,
        description="canonical name: name in the source, or a list: the first filled counts",
    )
    options: Options = Field(
        default_factory=lambda: Options.model_validate({}), description="how it is read and cleaned"
    )

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if sum(place is not None for place in (self.path, self.table, self.query)) != 1:
            raise PydanticCustomError("place", "needs one of path, table and query")
        return self

    @property
    def paths(self) -> list[str]:
        """The patterns, always as a list."""
        return [self.path] if isinstance(self.path, str) else list(self.path or [])

    @property
    def named(self) -> dict[str, str]:
        """The columns with one name each: the first, where several are given."""
        return {
            name: origin if isinstance(origin, str) else origin[0] for name, origin in self.columns.items()
        }


class Data(Section):
    """Where the client's tables are."""

    engine: Engine = Field(
        "duckdb",
        description="what reduces: duckdb, spark or a database's URL; the password as ${NAME}",
    )
    root: str = Field(".", description="where relative paths start; itself relative to the project's root")
    ignore_case: bool | None = Field(
        None,
        description="whether A1 and a1 are one customer; by default decided from the joins",
    )
    transactions: Source | None = None
    refunds: Source | None = None
    customers: Source | None = None
    contracts: Source | None = None
    snapshot: Source | None = None
    spend: Source | None = None
    leads: Source | None = None
    responses: Source | None = None
    tickets: Source | None = None
    experiment: Source | None = None

    @model_validator(mode="after")
    def _something_to_read(self) -> Data:
        if not any(getattr(self, name) for name in STARTING_TABLES):
            raise PydanticCustomError("tables", "needs at least one of " + ", ".join(STARTING_TABLES))
        unplaced = [name for name, source in self.sources.items() if source.table or source.query]
        if self.engine in {"duckdb", "spark"} and unplaced:
            raise PydanticCustomError(
                "engine",
                "{names}: a table or query needs the URL of a database in data.engine",
                {"names": ", ".join(unplaced)},
            )
        if self.refunds and not self.transactions:
            raise PydanticCustomError("refunds", "refunds belong to transactions, which are not given")
        return self

    @model_validator(mode="after")
    def _known_columns(self) -> Data:
        for name, source in self.sources.items():
            table = TABLES[name]
            unknown = [column for column in source.columns if not table.column(column)]
            if unknown and not table.keeps_others:
                known = [column.name for column in table.columns]
                raise PydanticCustomError(
                    "columns",
                    "{where}: unknown column{hint}; the table has {known}",
                    {
                        "where": f"{name}.columns.{unknown[0]}",
                        "hint": did_you_mean(unknown[0], known),
                        "known": ", ".join(known),
                    },
                )
        return self

    @property
    def sources(self) -> dict[str, Source]:
        """The tables that are given, by name, in the order of the schema."""
        return {name: getattr(self, name) for name in TABLES if getattr(self, name) is not None}
