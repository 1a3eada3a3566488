"""What is said of the columns of customers.parquet; that none is missing is seen in the real reports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import cam
from cam.studies.client import STUDIES
from cam.studies.columns import SCORE_COLUMNS, score_column

PACKAGE = Path(cam.__file__).parent
UNITS = {"text", "date", "flag", "count", "share", "money", "days", "months", "ratio"}


def names_in_code() -> set[str]:
    """Every name and text of the code that makes scores, and what texts such as ``last_{score}`` can become."""
    found = set()
    for folder in ("studies", "reduce", "measures"):
        for path in (PACKAGE / folder).rglob("*.py"):
            if path.name == "columns.py" and folder == "studies":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg:
                    found.add(node.arg)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
                elif isinstance(node, ast.JoinedStr):
                    parts = [
                        re.escape(str(each.value)) if isinstance(each, ast.Constant) else r"\w+"
                        for each in node.values
                    ]
                    pattern = re.compile("".join(parts))
                    plain = any(
                        isinstance(each, ast.Constant) and len(str(each.value)) > 3 for each in node.values
                    )
                    found |= {name for name in SCORE_COLUMNS if plain and pattern.fullmatch(name)}
    return found


def test_no_entry_is_stale() -> None:
    scores = {
        f"{letter}_score" for letter in "rfm"
    }  # named by the first letter of recency, frequency, monetary
    assert SCORE_COLUMNS.keys() - names_in_code() - scores == set()


def test_every_entry_is_said_whole() -> None:
    for name, column in SCORE_COLUMNS.items():
        assert (
            column.name == name and column.unit in UNITS and column.label and column.meaning.endswith(".")
        ), name
        assert column.study in STUDIES or name == "customer_id"
    assert len({column.label for column in SCORE_COLUMNS.values()}) == len(SCORE_COLUMNS)


def test_limits_and_factors_follow_and_others_are_not_known() -> None:
    low, factor = score_column("residual_clv_for_ever_low"), score_column("factor_12")
    assert low and (low.label, low.unit) == ("Residual CLV for ever: lower limit", "money")
    assert low.study == "03_clv_cac" and low.name == "residual_clv_for_ever_low"
    assert factor and (factor.label, factor.unit) == ("Factor 12", "ratio")
    assert score_column("of the client") is None and score_column("income_low") is None
