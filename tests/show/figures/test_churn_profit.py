"""The figure of profit by share contacted: the best share where it lies, whatever the curve looks like."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import use
from cam.measures.churn.own_worth import fit_own_worth
from cam.measures.churn.profit import Offer
from cam.show.canvas import FONT, svg
from cam.show.figures.churn_profit import profit_by_share


def earned(clv=60.0, offer_cost=5.0, *, n=400):
    rng = np.random.default_rng(1)
    p = rng.random(n)
    table = pd.DataFrame({"customer_id": range(n), "p_churn": p, "churned": (rng.random(n) < p).astype(int)})
    table = table.assign(p_lost=p, p_alive=1.0, residual_clv=clv * rng.uniform(0.5, 1.5, n))
    return fit_own_worth(table, offer=Offer(offer_cost, 1.0), currency="EUR", seed=1)


@pytest.fixture(params=["en", "zh"])
def language(request):
    use(request.param)
    yield request.param
    use("en")


@pytest.mark.parametrize("clv", [4.0, 40.0, 4000.0], ids=["nobody", "some", "nearly all"])
def test_the_best_share_is_marked_inside_the_figure(language, clv):
    fit = earned(clv)
    ax = profit_by_share(fit, currency="EUR", period="2026")
    (mark,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert mark.get_xdata()[0] == pytest.approx(100 * fit.share.value)
    assert mark.get_ydata()[0] == pytest.approx(fit.profit.value)
    low, high = ax.get_ylim()
    assert low < fit.curve["low"].min() and fit.curve["high"].max() < high
    figure = ax.get_figure()
    # As it is drawn: letters are looked up when they are measured.
    with mpl.rc_context({"font.sans-serif": [FONT]}):
        figure.draw_without_rendering()
        boxes = [Text.get_window_extent(words) for words in ax.texts]  # without their arrows
    for box in boxes:
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1
    overlaps = [(a, b) for a in range(len(boxes)) for b in range(a) if boxes[a].overlaps(boxes[b])]
    assert not overlaps, [ax.texts[place].get_text() for pair in overlaps for place in pair]


def test_it_says_in_words_what_it_shows_and_is_the_same_bytes_twice():
    ax = profit_by_share(earned(), currency="EUR", period="2026")
    assert "contacting all brings" in ax.get_figure().get_gid()
    assert "the list: contact" in ax.texts[0].get_text()
    assert svg(profit_by_share(earned(), currency="EUR").get_figure()) == svg(
        profit_by_share(earned(), currency="EUR").get_figure()
    )


def test_where_nothing_is_earned_it_says_nobody():
    assert profit_by_share(earned(4.0), currency="EUR").texts[0].get_text() == "the list: contact nobody"


def test_what_cannot_be_said_is_passed_on():
    said = CannotSay("No offer.")
    assert profit_by_share(said, currency="EUR") is said
