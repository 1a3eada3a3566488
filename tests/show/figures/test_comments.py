"""The figure of themes: bars and intervals where they belong, every glyph there, in both languages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.show.canvas import ACCENT, svg
from cam.show.figures.comments import label_of, theme_bars

TABLE = pd.DataFrame(
    [
        ("service, staff, 客服", 0.32, 0.30, 0.34, 0.71, 0.68, 0.74, 1.0, False),
        ("付款、闪退、app", 0.24, 0.22, 0.26, 0.55, 0.50, 0.60, -14.0, True),
        ("خدمة, भारत, 안녕", 0.05, 0.04, 0.06, np.nan, np.nan, np.nan, np.nan, False),
        (
            "донаудампфшиффартсгезельшафт, verylongwordwithoutanyspaceinit",
            0.04,
            0.03,
            0.05,
            0.9,
            0.8,
            0.95,
            20.0,
            True,
        ),
    ],
    columns=["name", "share", "low", "high", "score", "score_low", "score_high", "gap", "differs"],
).assign(outcome="csat", n=100, n_said=2500)


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


def draw(table=TABLE):
    return theme_bars(table, period="1 Jul 2023 to 30 Jun 2026")


@pytest.mark.filterwarnings("error")
def test_described_the_same_twice_and_no_glyph_is_missing(language):
    ax = draw()
    words = " ".join(text.get_text() for text in ax.figure.findobj(Text))
    assert ax.figure.get_gid() and "{" not in ax.figure.get_gid() + words
    assert svg(ax.figure) == svg(draw().figure)
    # What the fonts cannot draw is left out, and a theme is never without a label.
    assert "भ" not in words and "안" not in words


def test_bars_and_intervals_are_the_tables():
    ax = draw()
    assert [bar.get_width() for bar in ax.patches] == pytest.approx((100 * TABLE["share"]).tolist())
    lines = [line.get_segments()[0][:, 0] for line in ax.collections]
    for line, row in zip(lines, TABLE.to_dict("records"), strict=True):
        assert line == pytest.approx([100 * row["low"], 100 * row["high"]])
    blue = [bar.get_facecolor()[:3] for bar in ax.patches]
    assert len(set(blue)) == 2 and [colour == blue[1] for colour in blue] == [False, True, False, False]
    assert ACCENT in [text.get_color() for text in ax.texts]
    assert (
        "CSAT 55.0\xa0% (50.0\xa0% to 60.0\xa0%)" in ax.texts[1].get_text()
        and "CSAT" not in ax.texts[2].get_text()
    )


def test_long_names_wrap_and_unknown_scripts_have_a_number():
    assert all(len(line) <= 22 for line in label_of(TABLE["name"][3], 3).split("\n"))
    assert label_of("भारत", 4) == "Theme 5"
    assert label_of("付款、闪退、app", 1) == "付款、闪退、app"


def test_what_cannot_be_said_is_passed_on():
    unsaid = CannotSay("No comments.")
    assert theme_bars(unsaid) is unsaid
    assert theme_bars(TABLE, period=unsaid).figure.get_gid()
