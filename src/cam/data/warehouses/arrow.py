"""What an engine answers -> memory, by Arrow, as from the embedded engine: the same types, and decimals as they are."""

from __future__ import annotations

from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends import BaseBackend
from ibis.formats.pandas import PandasData


class ByArrow:
    """Goes before an Ibis backend that has ``to_pyarrow_batches`` of its own."""

    def execute(self, expr: ir.Expr, /, *, params: Any = None, limit: Any = None, **_: Any) -> Any:
        """Bring the rows of an expression to memory."""
        table = expr.as_table()
        rows = self.to_pyarrow(table, params=params, limit=limit)
        plain = [column.to_pylist() if column.null_count else column.to_pandas() for column in rows.columns]
        frame = rows.select([]).to_pandas().assign(**dict(zip(rows.column_names, plain, strict=True)))
        return expr.__pandas_result__(PandasData.convert_table(frame, table.schema()))

    def to_pyarrow(self, expr: ir.Expr, /, **kwargs: Any) -> pa.Table | pa.Array | pa.Scalar:
        """Bring them to memory as they come."""
        return BaseBackend.to_pyarrow(self, expr, **kwargs)
