"""What a number with a point means, alike on every engine."""

from __future__ import annotations

import math
from typing import Any

import ibis.expr.datatypes as dt


class FloatLiterals:
    """Goes before a compiler of Ibis: a number with a point is a float, where the engine would reckon in decimals."""

    __slots__ = ()

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: dt.DataType) -> Any:
        """Cast it to the type that the expression has."""
        above: Any = super()
        if dtype.is_floating() and math.isfinite(value):
            return self.cast(above.visit_DefaultLiteral(op, value=value, dtype=dtype), dtype)  # type: ignore[attr-defined]
        return above.visit_NonNullLiteral(op, value=value, dtype=dtype)
