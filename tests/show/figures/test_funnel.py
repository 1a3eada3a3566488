"""Figures of the funnel say in words what they draw, keep labels apart, and mark what is not over yet."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.show.figures.funnel import conversion_curves, month_dots


def curves(**ends):
    """One rising curve of ten days per group, each to its share."""
    parts = []
    for name, end in ends.items():
        share = end * np.linspace(0.1, 1, 11)
        table = pd.DataFrame(
            {"time": np.arange(11.0), "share": share, "low": share * 0.9, "high": share * 1.1}
        )
        parts.append(table.assign(group=name.strip("_"), n_at_risk=800, n_leads=1000))
    return pd.concat(parts, ignore_index=True).assign(until=10)


def months(n, *, complete):
    share = np.linspace(0.2, 0.3, n)
    return pd.DataFrame(
        {
            "month": pd.date_range("2025-01-01", periods=n, freq="MS"),
            "n_leads": 100,
            "n_converted": (100 * share).round().astype(int),
            "share": share,
            "low": share - 0.05,
            "high": share + 0.05,
            "is_complete": np.arange(n) < complete,
        }
    )


def test_every_channel_is_labelled_at_its_end_and_labels_lie_apart():
    ax = conversion_curves(curves(_=0.20, web=0.205, fair=0.30), period="2026")
    labels = {text.get_text().replace("\xa0", " "): text.get_position()[1] for text in ax.texts}
    assert set(labels) == {"All 20.0 %", "web 20.5 %", "fair 30.0 %"}
    heights = sorted(labels.values())
    assert min(np.diff(heights)) >= 0.059 * ax.get_ylim()[1]
    words = ax.figure.get_gid().replace("\xa0", " ")
    question, _, said = words.partition("? ")
    assert question == "How soon do leads become customers"
    assert said == "Rising curves. After 10 days: All leads: 20.0 %; web: 20.5 %; fair: 30.0 %."
    assert ax.get_ylim()[1] >= 33


def test_a_curve_that_few_were_watched_for_goes_on_flat_to_the_end():
    table = curves(_=0.2, web=0.3)
    short = table[(table["group"] == "") | (table["time"] <= 6)]
    ax = conversion_curves(short)
    line = ax.lines[-1]
    assert line.get_xdata()[-1] == 10 and line.get_ydata()[-1] == line.get_ydata()[-2]


@pytest.mark.parametrize(("n", "complete"), [(1, 1), (14, 13), (36, 34)])
def test_months_that_are_not_over_are_hollow_and_n_counts_the_others(n, complete):
    change = Estimate("trend", 2.0, "points", 900, -1.0, 5.0)
    ax = month_dots(months(n, complete=complete), days=30, change=change, period="2025")
    full, hollow = ax.collections[1], ax.collections[3]
    assert (len(full.get_offsets()), len(hollow.get_offsets())) == (complete, n - complete)
    said = " ".join(text.get_text() for text in ax.figure.texts)
    assert f"n = {100 * complete:,} leads of complete months" in said.replace("\n", " ")
    assert "2.0 points (−1.0 to 5.0)" in said.replace("\n", " ")
    assert ("not over yet" in [text.get_text() for text in ax.texts]) == (complete < n)
    assert len(ax.get_xticks()) <= 9


def test_what_cannot_be_said_is_passed_on():
    said = CannotSay("No leads.")
    assert conversion_curves(said) is said and month_dots(said, days=30) is said
