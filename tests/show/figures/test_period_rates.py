"""Figures of the four rates: every bar begins where the one above ended, and the words have its numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.language import use
from cam.measures.lifecycle.period_rates import bridge_table
from cam.show.canvas import svg
from cam.show.figures import period_rates as figures

COUNTS = pd.Series({"n_base": 200, "n_churned": 80, "n_reactivated": 10, "n_new": 120, "n_active": 250})
PARTS = {
    "earlier": 100_000,
    "lost": 30_000,
    "contraction": 10_000,
    "expansion": 25_000,
    "reactivated": 5_000,
    "new": 60_000,
    "later": 150_000,
}
RATES = pd.DataFrame(
    {
        "series": ["Retention"] * 3 + ["Reactivation"] * 3,
        "label": ["2025-12", "2026-03", "2026-06"] * 2,
        "value": [0.6, 0.65, 0.7, 0.05, 0.06, 0.05],
        "low": [0.55, 0.6, 0.65, 0.03, 0.04, 0.03],
        "high": [0.65, 0.7, 0.75, 0.07, 0.08, 0.07],
        "bottom": [300, 320, 310] * 2,
    }
)


@pytest.fixture(params=["en", "zh"], autouse=True)
def language(request):
    use(request.param)
    yield request.param
    use("en")


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_the_bridge_stands_bar_on_bar_with_every_amount_beside_it():
    ax = figures.rate_bridge(bridge_table(COUNTS, PARTS), currency="EUR", period="2026")
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches]
    assert len(bars) == 12
    # Losses run to the left: the end of one bar is a start of the next.
    assert bars[0] == (0, 100) and bars[1] == pytest.approx((60, 100)) and bars[2] == pytest.approx((60, 65))
    assert bars[4] == pytest.approx((0, 125)) and bars[-1] == pytest.approx((0, 150))
    said = " ".join(texts(ax)).replace("\u00a0", " ").replace("%", " %").replace("  %", " %")
    assert "−80  (−40.0 %)" in said and "+120  (+60.0 %)" in said and "€1,500" in said
    assert "80" in ax.figure.get_gid() and "€1,500" in ax.figure.get_gid()
    svg(ax.figure)


def test_without_revenue_there_are_customers_only():
    ax = figures.rate_bridge(bridge_table(COUNTS, {"earlier": 0}), currency="EUR")
    assert len(ax.patches) == 5


def test_refunds_larger_than_revenue_stay_inside():
    parts = PARTS | {"lost": 130_000, "contraction": 0, "expansion": 10_000, "later": 45_000}
    ax = figures.rate_bridge(bridge_table(COUNTS, parts), currency="EUR")
    assert ax.get_xlim()[0] <= -30


def test_lines_end_in_their_names_and_labels_do_not_meet():
    ax = figures.rate_lines(RATES.assign(value=RATES["value"].where(RATES.index < 3, 0.68)))
    heights = sorted(text.xyann[1] for text in ax.texts)
    assert heights[1] - heights[0] >= 0.1 * ax.get_ylim()[1]
    assert "2025-12" in [label.get_text() for label in ax.get_xticklabels()]
    assert "70.0" in ax.figure.get_gid()
    svg(ax.figure)


def test_what_cannot_be_said_is_passed_on():
    said = CannotSay("No.")
    assert figures.rate_bridge(said, currency="EUR") is said
    assert figures.rate_lines(said) is said
