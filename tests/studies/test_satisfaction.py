"""Study 04 on small surveys of every kind: it says what it can, and why it cannot say the rest."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.language import value_text
from cam.measures.satisfaction.scores import nps
from cam.studies import satisfaction as steps
from cam.studies import satisfaction_groups as groups
from cam.studies import satisfaction_waves as waves


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
    """All steps, as the notebook calls them: findings, key figures by name and group, tables and the chart."""
    steps.period(study)
    steps.score_counts(study)
    answers = groups.gather(study)
    counts = steps.count_answers(study, answers)
    estimates = steps.rate(study, counts)
    differences = groups.compare(study, counts)
    changed = waves.changes(study, answers, counts)
    points = waves.chart(study, answers, counts)
    shown = steps.show_groups(study, answers, counts, estimates, differences, changed)
    waves.show_changes(study, changed)
    found = [
        *steps.findings(study, counts, estimates, differences),
        *groups.findings(study, differences),
        *waves.findings(study, changed, points),
    ]
    figures = steps.key_figures(study, estimates, waves.change(study, changed))
    known = {
        (one.figure, *(next(iter(one.segment.items()), ("", "")))): one
        for one in figures
        if isinstance(one, Estimate)
    }
    for said in (*found, *(getattr(page, "html", "") for page in (shown,))):
        text = said if isinstance(said, str) else said.reason
        assert ">nan<" not in text and " nan" not in text
    assert all(one.low <= one.value <= one.high for one in known.values() if one.low is not None)
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
    assert all(one.low is not None and one.n for one in known.values() if one.figure != "wave_place")
    assert not unsaid(found)
    assert any("within chance" in one for one in found if "from b to a" in one)


def test_the_first_finding_leads_with_the_latest_wave_and_says_what_all_together_give(client):
    found, known, _ = run(client({"responses": TWO_WAVES}))
    latest, pooled = (value_text(known["nps", *place].value, "points") for place in (("wave", "a"), ("", "")))
    assert found[0].startswith(f"In the latest wave, a, the net promoter score is {latest} (")
    assert f"All waves together give {pooled} (" in found[0]
    once, _, _ = run(client({"responses": answers(50, 30, 20)}))
    assert once[0].startswith("The net promoter score is") and "All waves" not in once[0]


def test_a_trend_beyond_chance_stands_with_the_last_step(client):
    waves = [
        answers(10 + 12 * k, 50 - 6 * k, 40 - 6 * k, wave=f"w{k}", day=f"2026-0{k + 1}-05") for k in range(5)
    ]
    found, known, _ = run(client({"responses": pd.concat(waves)}))
    trend = known["nps_trend", "", ""]
    assert trend.low > 0
    step = next(one for one in found if isinstance(one, str) and "from w3 to w4" in one)
    assert f"changed by {value_text(trend.value, 'points')} ({value_text(trend.low, 'points')} to" in step
    assert sum("per wave" in one for one in found if isinstance(one, str)) == 1


def test_key_figures_tell_which_wave_came_first(client):
    study = client({"responses": TWO_WAVES})
    estimates = steps.rate(study, steps.count_answers(study, groups.gather(study)))
    figures = steps.key_figures(study, estimates, CannotSay("no change"))
    places = {
        tuple(one.segment.values()): one.value
        for one in figures
        if getattr(one, "figure", "") == "wave_place"
    }
    assert places["nps", "b"] == places["csat", "b"] == 1 and places["nps", "a"] == places["csat", "a"] == 2


def test_a_fall_by_more_than_chance_is_called_one(client):
    frame = pd.concat([answers(80, 10, 10, wave="1"), answers(30, 40, 30, wave="2", day="2026-06-05")])
    found, known, _ = run(client({"responses": frame}))
    assert known["nps_change", "wave", "2"].high < 0
    assert any("a fall by more than chance" in one for one in found if isinstance(one, str))


def test_each_score_is_counted_and_coloured_once(client):
    counts = steps.score_counts(client({"responses": TWO_WAVES}))
    assert counts["score"].tolist() == list(range(11))
    assert counts["kind"].tolist() == ["detractor"] * 7 + ["passive"] * 2 + ["promoter"] * 2
    assert counts.set_index("score")["n"].loc[[3, 7, 10]].tolist() == [42, 72, 86]
    assert counts["share"].sum() == pytest.approx(1)


def test_scores_by_segment_channel_and_any_column(client):
    tables = joined(channels=("shop", "web"))
    _, known, page = run(client(tables))
    assert known["nps", "acquisition_channel", "shop"].n + known["nps", "acquisition_channel", "web"].n == 160
    assert (
        known["nps", "acquisition_channel", "shop"].value
        > 60
        > known["nps", "acquisition_channel", "web"].value
    )
    assert any(key[1] == "rfm_segment" for key in known)
    assert "NPS higher" in page.html and "NPS lower" in page.html
    assert "Segments are those of the last day" in page.html
    _, known, _ = run(client(tables, satisfaction={"group_by": ["city", "channel"]}))
    assert {key[1] for key in known if key[0] == "nps"} == {"", "city", "acquisition_channel"}


def test_effort_is_reported_as_share_and_mean(client):
    frame = answers(50, 30, 20).assign(ces=[7] * 40 + [5] * 20 + [4] * 40)
    found, known, page = run(client({"responses": frame}))
    assert known["ces", "", ""].value == 0.6 and known["ces_mean", "", ""].value == pytest.approx(5.4)
    assert "CES, mean" in page.html and any("made it easy" in one or "made easy" in one for one in found)


def test_a_point_outside_the_limits_is_named_and_few_points_are_provisional(client):
    parts = [answers(50, 30, 20, wave=f"w{number}", day=f"2026-0{number}-05") for number in range(1, 5)]
    frame = pd.concat([*parts, answers(10, 20, 70, wave="w5", day="2026-05-05")])
    study = client({"responses": frame})
    rows = groups.gather(study)
    points = waves.chart(study, rows, steps.count_answers(study, rows))
    assert points["outside"].tolist() == [False] * 4 + [True] and (points["by"] == "wave").all()
    said = " ".join(waves.read_chart(study, points).findings)
    assert "Beyond the limits: w5 (−60.0)" in said and "they rest on 5 points, and 8 are wanted" in said
    monthly = client({"responses": frame.drop(columns="wave")})
    rows = groups.gather(monthly)
    points = waves.chart(monthly, rows, steps.count_answers(monthly, rows))
    assert points["label"].tolist() == [f"2026-0{month}" for month in range(1, 6)]
    assert (points["by"] == "month").all()


def test_a_slow_climb_that_no_step_shows_is_said(client):
    parts = [
        answers(75 + 4 * wave, 75, 50 - 4 * wave, wave=f"w{wave}", day=f"2026-0{wave + 1}-05")
        for wave in range(6)
    ]
    frame = pd.concat(parts)
    study = client({"responses": frame})
    rows = groups.gather(study)
    points = waves.chart(study, rows, steps.count_answers(study, rows))
    assert not points["outside"].any() and not points["run"].any()
    said = " ".join(waves.read_chart(study, points).findings)
    assert "Over 6 waves the score rose by" in said and "a slow climb" in said and "No signal" not in said
    found, known, _ = run(study)
    assert known["nps_trend", "", ""].value == pytest.approx(4.0) and known["nps_trend", "", ""].low > 0
    text = " ".join(one for one in found if isinstance(one, str))
    assert (
        "a slow climb" in text and "All waves together show more" in text and "Wait for the next" not in text
    )


def test_a_steady_score_has_no_signal_and_its_trend_is_within_chance(client):
    parts = [answers(50, 30, 20, wave=f"w{wave}", day=f"2026-0{wave + 1}-05") for wave in range(4)]
    frame = pd.concat(parts)
    for one, by in ((frame, "waves"), (frame.drop(columns="wave"), "months")):
        study = client({"responses": one})
        rows = groups.gather(study)
        points = waves.chart(study, rows, steps.count_answers(study, rows))
        said = " ".join(waves.read_chart(study, points).findings)
        assert "No signal" in said and f"Over 4 {by} the score changed by" in said and "within chance" in said


def joined(channels):
    """Customers of two channels, one of which recommends, with orders and answers."""
    many = pd.DataFrame({"customer_id": range(160), "acquisition_channel": np.repeat(channels, 80)})
    customers = many.assign(city=np.where(many["customer_id"] % 2, "a", "b"))
    days = pd.Timestamp("2026-01-01") + pd.to_timedelta(many["customer_id"] % 90, unit="D")
    orders = pd.DataFrame(
        {
            "customer_id": np.repeat(many["customer_id"], 2).to_numpy(),
            "order_date": np.repeat(days.dt.strftime("%Y-%m-%d"), 2).to_numpy(),
            "revenue": np.tile([10.0, 20.0], 160),
        }
    )
    frame = pd.concat([answers(66, 10, 4), answers(20, 30, 30)], ignore_index=True)
    return {
        "responses": frame.assign(customer_id=range(160)),
        "customers": customers,
        "transactions": orders,
    }


# --- consistent ---------------------------------------------------------------------------------


def test_groups_add_up_to_the_whole(client):
    study = client({"responses": TWO_WAVES})
    counts = steps.count_answers(study, groups.gather(study))
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
    assert any("A change needs two waves with 30 answers each" in text for text in unsaid(found))
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


def test_a_column_that_no_table_has_is_named_with_those_that_there_are(client):
    study = client(joined(("shop", "web")), satisfaction={"group_by": ["town"]})
    said = groups.gather(study)
    assert said.reason == "satisfaction.group_by names town, which no table has."
    assert (
        said.cure
        == "Answers can be grouped by wave, touchpoint, acquisition_channel, city, segment, channel."
    )
    assert len(unsaid(run(study)[0])) >= 1


def test_a_group_that_only_looks_different_among_many_is_not_marked(client):
    # Twelve groups of 100; one is 14 points above the rest: beyond chance if looked at alone (p about 0.03).
    parts = [answers(40, 40, 20).assign(site=f"s{number:02d}") for number in range(11)]
    frame = pd.concat([*parts, answers(55, 30, 15).assign(site="high")], ignore_index=True)
    study = client({"responses": frame}, satisfaction={"group_by": ["site"]})
    found = groups.compare(study, steps.count_answers(study, groups.gather(study)))
    widest = found[found["figure"] == "nps"].iloc[0]
    assert widest["group"] == "high" and widest["low"] > 0 and widest["p_value"] < 0.05
    assert widest["p_adjusted"] == pytest.approx(12 * widest["p_value"]) and not widest["differs"]
    assert "Do not rank them" in groups.findings(study, found)[0]


def test_ids_that_match_no_customer_are_said(client):
    tables = joined(("shop", "web"))
    tables["responses"] = tables["responses"].assign(
        customer_id=[f"x{number}" if number < 100 else number for number in range(160)]
    )
    _, known, page = run(client(tables))
    assert known["nps", "", ""].n == 160
    words = (
        "Acquisition channel: 100 of 160 answers stand in no group; their customer has none, or is not found."
    )
    assert words in page.html
    tables["responses"]["customer_id"] = [f"x{number}" for number in range(160)]
    _, known, page = run(client(tables))
    assert known["nps", "", ""].n == 160 and not any(key[1] == "acquisition_channel" for key in known)
    assert "160 of 160 answers stand in no group" in page.html


def test_two_answers_by_one_customer_in_one_wave_both_count_and_it_is_said(client):
    frame = TWO_WAVES.assign(customer_id=[number // 2 for number in range(100)] + list(range(1000, 1150)))
    frame["customer_id"] = frame["customer_id"].astype(str)
    _, known, page = run(client({"responses": frame}))
    assert known["nps", "wave", "b"].n == 100
    assert "100 answers come from 50 customers who answered one wave more than once. All count" in page.html


def test_a_column_of_too_many_values_is_no_grouping(client):
    frame = answers(50, 30, 20).assign(order=range(100))
    _, known, page = run(client({"responses": frame}, satisfaction={"group_by": ["order", "wave"]}))
    assert {key[1] for key in known if key[0] != "wave_place"} == {"", "wave"}
    assert "order: 100 values are not groups but customers or events" in page.html


def test_one_answer_and_all_the_same_answer(client):
    found, known, _ = run(client({"responses": answers(1, 0, 0)}))
    assert not known and any("1 answer is too few" in text for text in unsaid(found))
    frame = pd.concat([answers(60, 0, 0, wave="a"), answers(60, 0, 0, wave="b", day="2026-06-05")])
    found, known, _ = run(client({"responses": frame}))
    assert known["nps", "", ""].value == 100 and known["nps", "", ""].low < 100
    assert not any("Ask the detractors" in one for one in found if isinstance(one, str))
    assert known["nps_change", "wave", "b"].value == 0
    assert known["nps_change", "wave", "b"].low < 0 < known["nps_change", "wave", "b"].high
    assert not any("more than chance" in one for one in found if isinstance(one, str))


# --- honest -------------------------------------------------------------------------------------


def test_a_drawn_survey_covers_its_truth(client):
    """One survey of 4,000 answers: the coverage itself is measured in the tests of the measures."""
    rng = np.random.default_rng(30)
    counts = rng.multinomial(4000, (0.45, 0.3, 0.25))
    known = run(client({"responses": answers(*map(int, counts))}))[1]
    assert known["nps", "", ""].low <= 20 <= known["nps", "", ""].high
