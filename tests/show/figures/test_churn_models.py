"""Figures of the models: what they name, draw and mark; the same bytes twice; what cannot be said is passed on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.measures.churn.calibration import calibration_curve
from cam.measures.churn.evaluation import evaluate
from cam.show.canvas import ACCENT, svg
from cam.show.figures import churn_models as figures


def scores(n=2000, *, rate=0.4):
    rng = np.random.default_rng(1)
    p = rng.beta(2 * rate, 2 * (1 - rate), n)
    return pd.DataFrame({"customer_id": range(n), "churned": (rng.random(n) < p).astype(int), "p_churn": p})


GOOD = evaluate(scores(), seed=1)
POOR = evaluate(
    scores().assign(p_churn=lambda table: np.clip(table["p_churn"] + np.sin(table.index), 0, 1)), seed=1
)


def curves(rate=0.4):
    parts = []
    for is_naive, name, one in ((True, "Days alone", POOR), (False, "Boosting", GOOD)):
        for curve, table, area in (
            ("roc", one.roc, one.auc),
            ("precision", one.precision_recall, one.average_precision),
        ):
            table = table.set_axis(["x", "y", "low", "high"], axis=1)
            parts.append(table.assign(curve=curve, area=area.value, score=name, is_naive=is_naive))
    return pd.concat(parts).assign(n=2000, churn_rate=rate)


BINS = calibration_curve(scores()).assign(slope=1.02, intercept=-0.01)
LIFT = GOOD.deciles.assign(naive_lift=POOR.deciles["lift"], mean_rate=0.4, naive_name="Days alone")
DRAWN = {
    figures.roc: curves(),
    figures.precision: curves(),
    figures.calibration: BINS,
    figures.lift: LIFT,
}


def words(ax):
    return " ".join(text.get_text() for text in [*ax.texts, *ax.figure.texts, ax.xaxis.label]).replace(
        "\xa0", " "
    )


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_every_figure_speaks_and_is_the_same_twice(draw):
    ax = draw(DRAWN[draw], period="cut-off 1 Apr 2026")
    assert ax.figure.get_gid() and "{" not in ax.figure.get_gid() + words(ax)
    assert "n = 2,000" in words(ax) and "cut-off 1 Apr 2026" in words(ax)
    assert svg(ax.figure) == svg(draw(DRAWN[draw], period="cut-off 1 Apr 2026").figure)
    assert draw(CannotSay("No.")).reason == "No."


def test_curves_are_named_with_their_areas_and_stand_beside_guessing():
    for draw, one in ((figures.roc, "auc"), (figures.precision, "average_precision")):
        ax = draw(curves())
        for name, evaluation in (("Boosting", GOOD), ("Days alone", POOR)):
            assert f"{name} {getattr(evaluation, one).value:.2f}" in words(ax)
        assert len(ax.collections) == 2 and len(ax.lines) == 3  # two bands; two curves and guessing
        assert "Guessing" in words(ax)


def test_names_leave_the_room_that_the_curves_need():
    """Where few leave, precision lies low, and the names stand above."""
    for rate, is_low in ((0.4, True), (0.05, False)):
        named = next(text for text in figures.precision(curves(rate)).texts if "Boosting" in text.get_text())
        assert (named.xy[1] < 0.5) == is_low


def test_calibration_draws_its_intervals_about_the_line_of_truth():
    ax = figures.calibration(BINS)
    assert "slope 1.02" in words(ax) and "intercept −0.01" in words(ax)
    segments = ax.collections[0].get_segments()
    assert len(segments) == len(BINS)
    assert [part[0][1] for part in segments] == pytest.approx(100 * BINS["low"])
    assert ax.get_xlim() == ax.get_ylim()


def test_tenths_above_average_beyond_chance_are_blue():
    ax = figures.lift(LIFT)
    from matplotlib.colors import to_hex

    blue = [to_hex(bar.get_facecolor()).upper() == ACCENT for bar in ax.patches]
    assert blue == (LIFT["low"] > 1).tolist() and any(blue) and not all(blue)
    assert [label.get_text() for label in ax.get_xticklabels()][-1] == "10\n100%"
    assert f"{LIFT['lift'][0]:.2f}" in words(ax)
