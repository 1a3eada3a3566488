"""Figures of complaints: marks, bands and numbers drawn where they belong, in both languages."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import svg
from cam.show.figures import complaints as figures

MONTHS = pd.DataFrame(
    {
        "start": pd.date_range("2025-01-01", periods=8, freq="MS"),
        "n": [20, 22, 25, 31, 30, 36, 40, 44],
        "rate": np.linspace(20, 44, 8),
        "low": np.linspace(15, 36, 8),
        "high": np.linspace(28, 55, 8),
        "line": np.linspace(21, 43, 8),
    }
).assign(active="bought", trend=1.2, trend_low=0.6, trend_high=2.0)
WAITS = pd.concat(
    [
        pd.DataFrame({"days": [0, 1, 7, last], "share": [0, 0.4, week, 0.98]}).assign(
            outcome=name,
            low=lambda rows: 0.9 * rows["share"],
            high=lambda rows: 0.9 * rows["share"] + 0.1,
            n=200,
            risk_0=200,
            risk_7=50,
            risk_30=8,
        )
        for name, last, week in (("answer", 18, 0.93), ("resolution", 300, 0.7))
    ],
    ignore_index=True,
)
BACKLOG = pd.DataFrame(
    {
        "day": [date(2026, 4, 30), date(2026, 5, 31), date(2026, 6, 30)],
        "n_open": [5, 9, 12],
        "n_overdue": [1, 4, 11],
    }
).assign(overdue_days=7)
DRAWN = [
    (figures.complaint_months, MONTHS),
    (figures.waiting_curves, WAITS),
    (figures.backlog_lines, BACKLOG),
]


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def words(ax):
    return " ".join(text.get_text() for text in ax.figure.findobj(Text)).replace("\xa0", " ")


@pytest.mark.parametrize(("draw", "table"), DRAWN)
def test_described_and_the_same_twice(language, draw, table):
    ax = draw(table)
    assert ax.figure.get_gid() and "{" not in ax.figure.get_gid() + words(ax)
    assert svg(ax.figure) == svg(draw(table).figure)


def test_every_month_has_its_dot_and_its_bar():
    ax = figures.complaint_months(MONTHS)
    bars, dots = ax.collections
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert ends == pytest.approx(MONTHS[["low", "high"]].to_numpy())
    assert np.asarray(dots.get_offsets())[:, 1] == pytest.approx(MONTHS["rate"].to_numpy())
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > MONTHS["high"].max()


def test_a_line_is_drawn_only_where_the_trend_is_beyond_chance():
    assert len(figures.complaint_months(MONTHS).lines) == 1
    still = figures.complaint_months(MONTHS.assign(trend=0.1, trend_low=-0.1, trend_high=0.3))
    assert not still.lines and "no trend beyond chance" in words(still)
    few = figures.complaint_months(
        MONTHS.assign(trend=np.nan, trend_low=np.nan, trend_high=np.nan, active="")
    )
    assert not few.lines and "too few months for a trend" in words(few) and "per month" in words(few)


def test_curves_tell_the_share_after_a_week_and_who_still_waits():
    ax = figures.waiting_curves(WAITS)
    text = words(ax)
    assert "93.0 %" in text and "70.0 %" in text and text.count("200") >= 2
    marks = sorted(
        float(np.asarray(dots.get_offsets())[0, 1]) for dots in ax.collections if len(dots.get_offsets()) == 1
    )
    assert marks[-2:] == pytest.approx([70, 93])
    assert ax.get_xlim() == (0, 30)


def test_the_last_counts_stand_beside_the_lines():
    ax = figures.backlog_lines(BACKLOG)
    said = {text.get_text() for text in ax.texts}
    assert {"open 12", "overdue 11"} <= said
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    assert drawn == [[5, 9, 12], [1, 4, 11]]
    none = figures.backlog_lines(BACKLOG.assign(n_open=0, n_overdue=0))
    assert none.get_ylim()[1] > 0


def test_what_cannot_be_said_is_passed_on():
    unsaid = CannotSay("No tickets.")
    assert all(draw(unsaid) is unsaid for draw, _table in DRAWN)
