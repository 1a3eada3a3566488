"""Study 04 on small surveys of every kind: it says what it can, and why it cannot say the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.measures.satisfaction.scores import nps
from cam.studies import satisfaction as steps


def answers(promoters, passives, detractors, *, wave="2026H1", day="2026-05-05", silent=0):
    scores = [10] * promoters + [7] * passives + [3] * detractors
    n = len(scores) + silent
    return pd.DataFrame(
        {
            "invited_date": "2026-05-01",
            "response_date": [day] * len(scores) + [None] * silent,
            "wave": wave,
            "touchpoint": ["delivery" if place % 2 else "service" for place in range(n)],
            "nps": pd.array(scores + [None] * silent, dtype="Int64"),
            "csat": pd.array([5 if score > 6 else 2 for score in scores] + [None] * silent, dtype="Int64"),
        }
    )


TWO_WAVES = pd.concat(
    [
        answers(50, 30, 20, wave="b", day="2026-05-05", silent=50),
        answers(36, 42, 22, wave="a", day="2026-06-05"),
    ]
)


def run(study):
    """All steps, as the notebook calls them."""
    steps.period(study)
    steps.score_counts(study)
    counts = steps.count_answers(study)
    estimates = steps.rate(study, counts)
    shown = steps.show_groups(study, counts, estimates)
    waves = steps.waves(study, counts, estimates)
    change = steps.change(study, counts, waves)
    found = steps.findings(study, counts, estimates, waves, change)
    figures = steps.key_figures(study, estimates, change)
    known = {
        (one.figure, *(next(iter(one.segment.items()), ("", "")))): one
        for one in figures
        if isinstance(one, Estimate)
    }
    return found, known, shown


def unsaid(found):
    return [f"{one.reason} {one.cure}".strip() for one in found if isinstance(one, CannotSay)]


# --- correct ------------------------------------------------------------------------------------


def test_scores_in_all_and_by_group(client):
    found, known, _ = run(client({"responses": TWO_WAVES}))
    assert known["nps", "", ""] == nps(86, 72, 42)
    assert known["nps", "wave", "b"] == nps(50, 30, 20, segment={"wave": "b"})
    assert known["csat", "", ""].value == pytest.approx(158 / 200)
    assert known["response_rate", "", ""].value == pytest.approx(200 / 250)
    assert known["response_rate", "wave", "a"].value == 1.0
    assert known["nps_change", "wave", "a"].value == -16  # wave b came first, whatever it is called
    assert all(one.low is not None and one.n for one in known.values())
    assert not unsaid(found)
    assert any("within chance" in one for one in found)


def test_a_fall_by_more_than_chance_is_called_one(client):
    frame = pd.concat([answers(80, 10, 10, wave="1"), answers(30, 40, 30, wave="2", day="2026-06-05")])
    found, known, _ = run(client({"responses": frame}))
    assert known["nps_change", "wave", "2"].high < 0
    assert any("a fall by more than chance" in one for one in found)


def test_each_score_is_counted_and_coloured_once(client):
    counts = steps.score_counts(client({"responses": TWO_WAVES}))
    assert counts["score"].tolist() == list(range(11))
    assert counts["kind"].tolist() == ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2
    assert counts.set_index("score")["n"].loc[[3, 7, 10]].tolist() == [42, 72, 86]
    assert counts["share"].sum() == pytest.approx(1)


# --- consistent ---------------------------------------------------------------------------------


def test_groups_add_up_to_the_whole(client):
    counts = steps.count_answers(client({"responses": TWO_WAVES}))
    for _, part in counts.groupby("figure"):
        sums = part.groupby("grouping")[["n", "up", "down"]].sum()
        assert (sums == sums.loc[""]).all(axis=None)


def test_customers_who_answered_twice_make_intervals_wider_and_it_is_said(client):
    once = TWO_WAVES.assign(customer_id=range(len(TWO_WAVES)))
    twice = pd.concat([TWO_WAVES, TWO_WAVES]).assign(customer_id=[*range(len(TWO_WAVES))] * 2)
    _, one, page = run(client({"responses": once}))
    _, two, wider = run(client({"responses": twice}))
    assert two["nps", "", ""].value == one["nps", "", ""].value
    assert (two["nps", "", ""].low, two["nps", "", ""].high) == pytest.approx(
        (one["nps", "", ""].low, one["nps", "", ""].high)
    )
    assert two["nps", "", ""].n == 400
    assert "400 answers come from 200 customers" in wider.html and "answers come from" not in page.html


def test_answers_without_a_score_or_a_date_change_nothing(client):
    empty = TWO_WAVES.head(20).assign(nps=pd.NA, csat=pd.NA, wave=None)
    _, known, _ = run(client({"responses": pd.concat([TWO_WAVES, empty])}))
    assert known["nps", "", ""].n == 200


# --- refuses ------------------------------------------------------------------------------------


def test_small_groups_are_named_not_rated(client):
    frame = pd.concat([TWO_WAVES, answers(4, 3, 2, wave="c", day="2026-06-20")])
    _, known, page = run(client({"responses": frame}))
    assert ("nps", "wave", "c") not in known
    assert "not rated, with fewer than 30 answers: c (9)." in page.html
    _, known, _ = run(client({"responses": frame}, satisfaction={"min_answers": 9}))
    assert known["nps", "wave", "c"].n == 9


def test_too_few_answers_in_all_give_no_score(client):
    found, known, _ = run(client({"responses": answers(10, 5, 5)}))
    assert not known
    assert "20 answers are too few for a score; 30 are needed (satisfaction.min_answers)." in unsaid(found)


def test_a_table_of_answers_only_has_no_response_rate(client):
    found, known, _ = run(client({"responses": answers(50, 30, 20)}))
    assert ("response_rate", "", "") not in known
    assert any("every row is an answer" in text for text in unsaid(found))
    found, _, _ = run(client({"responses": answers(50, 30, 20).drop(columns="invited_date")}))
    assert any("needs invited_date in the table responses" in text for text in unsaid(found))


def test_one_wave_or_none_has_no_change(client):
    found, known, _ = run(client({"responses": answers(50, 30, 20)}))
    assert any("A change needs two waves" in text for text in unsaid(found))
    found, known, _ = run(client({"responses": answers(50, 30, 20).drop(columns=["wave", "touchpoint"])}))
    assert any("needs wave in the table responses" in text for text in unsaid(found))
    assert ("nps", "", "") in known


def test_missing_questions_are_said(client):
    found, known, _ = run(client({"responses": answers(50, 30, 20).drop(columns="nps")}))
    assert any("needs nps" in text for text in unsaid(found)) and ("csat", "", "") in known
    found, known, _ = run(client({"responses": answers(50, 30, 20).drop(columns="csat")}))
    assert any("needs csat" in text for text in unsaid(found)) and ("nps", "", "") in known
    dates = pd.DataFrame({"response_date": ["2026-05-05"] * 40})
    found, known, _ = run(client({"responses": dates}))
    assert not known and unsaid(found)


def test_no_answer_at_all_is_said(client):
    frame = answers(0, 0, 0, silent=40)
    study = client({"responses": frame})
    assert "Nobody has answered" in steps.period(study).reason
    _, known, _ = run(study)
    assert known["response_rate", "", ""].value == 0


def test_a_client_without_a_survey_hears_what_to_add(client):
    orders = pd.DataFrame({"customer_id": [1], "order_date": ["2026-05-05"], "revenue": [3.0]})
    found, known, _ = run(client({"transactions": orders}))
    assert not known and "needs the table responses" in unsaid(found)[0]


# --- honest -------------------------------------------------------------------------------------


def test_a_drawn_survey_covers_its_truth(client):
    """One survey of 4,000 answers: the coverage itself is measured in the tests of the measures."""
    rng = np.random.default_rng(30)
    counts = rng.multinomial(4000, (0.45, 0.3, 0.25))
    known = run(client({"responses": answers(*map(int, counts))}))[1]
    assert known["nps", "", ""].low <= 20 <= known["nps", "", ""].high
