"""Figures of a finished test: what they name, and that every interval is drawn."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.show.figures import experiment as figures


def arms(*names, says_left=True):
    n = len(names)
    return pd.DataFrame(
        {
            "arm": names,
            "effect": [-3.0 + place for place in range(n)],
            "low": [-5.0 + place for place in range(n)],
            "high": [-1.0 + place for place in range(n)],
            "n_treated": 1000,
            "n_control": 1010,
        }
    ).assign(control="control", says_left=says_left)


def risks(n=5):
    frame = arms(*map(str, range(n))).rename(columns={"low": "low_all", "high": "high_all"})
    return frame.assign(mean_score=[0.6 - 0.1 * place for place in range(n)], arm="offer", overall=-2.0)


def segments(ax):
    return sorted(
        (float(path[0][0]), float(path[1][0])) for each in ax.collections for path in each.get_segments()
    )


@pytest.mark.parametrize("names", [("offer",), ("call", "mail", "an offer with a very long name indeed")])
def test_arms_are_drawn_with_their_limits(names):
    ax = figures.effect_by_arm(arms(*names))
    assert segments(ax) == sorted((-5.0 + place, -1.0 + place) for place in range(len(names)))
    texts = [text.get_text() for text in ax.texts]
    assert [f"−{3 - place}.0" for place in range(len(names))][::-1] == texts
    low, high = ax.get_xlim()
    assert low < -5 and high > 0
    assert "n = 1,000" in ax.get_yticklabels()[0].get_text()


def test_words_follow_what_an_outcome_says():
    assert "fewer left than with control" in figures.effect_by_arm(arms("offer")).get_xlabel()
    unknown = figures.effect_by_arm(arms("offer", says_left=False))
    assert "outcome of 1" in unknown.get_xlabel() and "left" not in unknown.get_xlabel()


def test_risk_falls_from_top_to_bottom():
    ax = figures.effect_by_risk(risks())
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels[-1].startswith("risk 60.0") and labels[0].startswith("risk 20.0")
    assert len(segments(ax)) == 5
    assert any("all: −2.0" in text.get_text() for text in ax.texts)


def test_what_cannot_be_said_is_passed_on():
    said = CannotSay("No test.")
    assert figures.effect_by_arm(said) is said and figures.effect_by_risk(said) is said
