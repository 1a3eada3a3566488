"""Study 05's test: what a finished one says, when it may not be read, and how large the next one must be."""

from __future__ import annotations

from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.samples import simulate_telecom
from cam.show.figures import experiment as figures
from cam.show.tables import ShownTable
from cam.studies import churn_experiment as steps
from cam.studies import churn_experiment_findings as words
from cam.studies import churn_profit
from cam.studies import churn_test_size as sizing

NO_MODEL = CannotSay("No model.")


def trial(**arms):
    """Arms with so many ones of so many."""
    parts = [
        pd.DataFrame({"arm": arm.replace("_", " "), "outcome": [1] * ones + [0] * (n - ones)})
        for arm, (ones, n) in arms.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(customer_id=[f"c{place}" for place in range(len(frame))])


def snapshot(n=3000, n_left=600):
    """Customers c0, c1, ...; those who left come last, and were in no test."""
    return pd.DataFrame(
        {
            "customer_id": [f"c{place}" for place in range(n)],
            "churned": ["no"] * (n - n_left) + ["yes"] * n_left,
            "age": 40,
        }
    )


def study_of(client, test, *, churn=None, people=None):
    return client(
        {"snapshot": snapshot() if people is None else people, "experiment": test}, churn=churn or {}
    )


KEPT = {"control": (120, 1000), "offer": (80, 1000)}
LEFT = {"test": {"outcome": "left"}}
AMOUNTS = trial(**KEPT).assign(outcome=[37.5, 40, 50] + [0] * 1997)


def said(study, tested=None, risk=NO_MODEL):
    return words.findings(study, steps.analyse(study) if tested is None else tested, risk)


def figures_of(study, tested):
    return {
        (each.figure, each.segment["arm"]): each
        for each in words.key_figures(study, tested)
        if isinstance(each, Estimate)
    }


# --- correct: what a finished test says ---------------------------------------------------------------------


def test_the_effect_its_save_rate_and_the_words(client):
    study = study_of(client, trial(**KEPT), churn=LEFT)
    tested = steps.analyse(study)
    found = figures_of(study, tested)
    assert found["experiment_effect", "offer"].value == pytest.approx(-4.0)
    assert found["save_rate", "offer"].value == pytest.approx(1 / 3)
    assert found["experiment_outcome", "control"].value == 0.12
    text = said(study, tested)[0]
    assert text.startswith("The offer keeps customers: in the test 8.0")
    assert "30.0\u00a0% that the list assumes (churn.offer.save_rate) lies within" in text
    shown = steps.show_test(study, tested)
    assert (
        isinstance(shown, ShownTable) and "2,000 of the 2,000 customers in the test are known" in shown.html
    )


def test_an_outcome_of_having_stayed_is_turned_round(client):
    stayed = trial(control=(880, 1000), offer=(920, 1000))
    study = study_of(client, stayed, churn={"test": {"outcome": "stayed"}})
    found = figures_of(study, steps.analyse(study))
    assert found["experiment_effect", "offer"].value == pytest.approx(-4.0)
    assert found["save_rate", "offer"].value == pytest.approx(1 / 3)


def test_without_a_direction_no_arm_is_better(client):
    study = study_of(client, trial(**KEPT))
    tested = steps.analyse(study)
    text = said(study, tested)[0]
    assert "churn.test.outcome has to say" in text
    assert "keeps" not in text and not tested.saved
    assert ("save_rate", "offer") not in figures_of(study, tested)


@pytest.mark.parametrize(
    ("arms", "start"),
    [
        ({"control": (120, 1000), "offer": (115, 1000)}, "In the test 11.5"),
        ({"control": (80, 1000), "offer": (120, 1000)}, "The offer drives customers away"),
    ],
)
def test_words_follow_the_interval(client, arms, start):
    study = study_of(client, trial(**arms), churn=LEFT)
    assert said(study)[0].startswith(start)


@pytest.mark.parametrize(
    ("assumed", "verdict"), [(0.9, "fewer than the 90.0"), (0.02, "more than the 2.0"), (0.3, "lies within")]
)
def test_the_assumed_save_rate_is_held_against_the_measured_one(client, assumed, verdict):
    study = study_of(client, trial(**KEPT), churn=LEFT | {"offer": {"save_rate": assumed}})
    assert verdict in said(study)[0]


def test_several_arms_have_limits_for_all_at_once(client):
    """Alone the mail would be shown; as one of three it is not."""
    arms = {"control": (120, 1000), "mail": (92, 1000), "call": (60, 1000), "both": (110, 1000)}
    tested = steps.analyse(study_of(client, trial(**arms), churn=LEFT))
    mail = tested.fit.arms["mail"]
    assert mail.is_shown and not tested.fit.is_shown("mail") and tested.fit.is_shown("call")
    study = study_of(client, trial(**arms), churn=LEFT)
    texts = said(study, tested)
    assert "With 3 arms one of them may look good by chance" in texts[0]
    drawn = figures.effect_by_arm(steps.effects(study, tested))
    assert [label.get_text().split("\n")[0] for label in drawn.get_yticklabels()] == ["both", "mail", "call"]


def test_value_is_told_and_blanks_are_counted(client):
    table = trial(**KEPT)
    table["value"] = np.where(table["arm"] == "offer", 20.0, 25.0) + np.arange(2000) % 7
    table.loc[:9, "value"] = None
    study = study_of(client, table, churn=LEFT)
    tested = steps.analyse(study)
    gap = figures_of(study, tested)["experiment_value_effect", "offer"]
    assert gap.unit == "EUR" and gap.high < -4
    assert "Given to everybody it brought less than it cost" in said(study, tested)[0]
    assert "Of 10 customers the value is missing" in steps.show_test(study, tested).html


def test_the_control_may_be_called_in_chinese_and_the_order_of_rows_does_not_matter(client):
    table = trial(对照组=(120, 1000), 优惠=(80, 1000))
    study = study_of(client, table, churn=LEFT)
    first = steps.analyse(study)
    assert first.fit.control == "对照组"
    mixed = steps.analyse(study_of(client, table.sample(frac=1, random_state=1), churn=LEFT))
    assert figures_of(study, mixed) == figures_of(study, first)


# --- refuses: when it may not be read ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "churn", "reason", "cure"),
    [
        (trial(a=(1, 90), b=(1, 90)), {}, "no arm is called control. Arms in the test: a, b.", "churn.test.control"),
        (trial(**KEPT), {"control": "none"}, "it has no arm none. Arms in the test: control, offer.", "got nothing"),
        (trial(control=(1, 90), none=(1, 90), x=(1, 90)), {}, "several arms may be the control", "churn.test.control"),
        (trial(control=(9, 90)), {}, "one arm only, control", "left alone"),
        (AMOUNTS, {}, "3 of its outcomes are neither 0 nor 1, such as 37.5", "value"),
        (trial(control=(9, 90), offer=(9, 90), x=(1, 1)), {}, "of arm x there is 1 customer, and 20", "slip"),
        (trial(control=(90, 900), offer=(70, 1100)), {}, "control: 900 (planned: 1,000)", "churn.test.planned"),
        (trial(**KEPT), {"planned": {"control": 0.2, "offer": 0.8}}, "offer: 1,000 (planned: 1,600)", "who is missing"),
        (trial(**KEPT), {"planned": {"control": 0.2, "x": 0.8}}, "has no share for offer", "by its name"),
    ],
)  # fmt: skip
def test_what_may_not_be_read_says_why(client, table, churn, reason, cure):
    study = study_of(client, table, churn={"test": {"outcome": "left", **churn}})
    tested = steps.analyse(study)
    assert isinstance(tested, CannotSay)
    assert reason in tested.reason and cure in tested.cure
    assert said(study, tested) == [tested] and not words.key_figures(study, tested)
    assert steps.effects(study, tested) is tested and steps.show_test(study, tested) is tested


def test_a_planned_share_is_no_mismatch(client):
    plan = {"planned": {"control": 0.1, "offer": 0.9}}
    study = study_of(
        client, trial(control=(12, 100), offer=(90, 900)), churn={"test": {"outcome": "left", **plan}}
    )
    assert isinstance(steps.analyse(study), steps.Tested)


def test_no_test_is_no_finding(client):
    study = client({"snapshot": snapshot()})
    tested = steps.analyse(study)
    assert "needs the table experiment" in tested.reason
    assert said(study, tested) == []


def test_strangers_are_counted(client):
    strangers = trial(**KEPT).assign(customer_id=[f"x{place}" for place in range(2000)])
    study = study_of(client, strangers, churn=LEFT)
    shown = steps.show_test(study, steps.analyse(study))
    assert "0 of the 2,000 customers in the test are known" in shown.html


def test_nobody_of_the_control_left(client):
    study = study_of(client, trial(control=(0, 1000), offer=(10, 1000)), churn=LEFT)
    tested = steps.analyse(study)
    assert "The save rate cannot be said" in said(study, tested)[0]
    assert ("save_rate", "offer") not in figures_of(study, tested)


# --- by risk ---------------------------------------------------------------------------------------------------


def models_of(scores, *, basis="snapshot", n_today=2400):
    """As much of a model as this study asks for."""
    today = ibis.memtable({"customer_id": [f"c{place}" for place in range(n_today)]})
    return SimpleNamespace(rows=SimpleNamespace(basis=basis, current=today), tested=scores)


def scores(n=2000, *, seed=1):
    p = np.random.default_rng(seed).permutation(np.linspace(0.02, 0.6, n))
    ids = [f"c{place}" for place in range(n)]
    return pd.DataFrame({"customer_id": ids, "p_churn": p, "churned": (np.arange(n) % 5 == 0).astype(int)})


def test_by_risk_with_scores_from_before(client):
    study = study_of(client, trial(**KEPT), churn=LEFT)
    tested = steps.analyse(study)
    risk = steps.by_risk(study, tested, models_of(scores()))
    assert len(risk.uplift.bins) == steps.N_BINS and risk.n == 2000
    assert risk.happened.value == 0.12 and risk.promised == pytest.approx(0.31, abs=0.02)
    assert "By fifth of risk the effects of offer differ no more than chance" in said(study, tested, risk)[1]
    drawn = figures.effect_by_risk(steps.fifths(study, tested, risk))
    assert len(drawn.get_yticks()) == steps.N_BINS


def test_an_effect_that_depends_on_the_risk_is_said(client):
    table, given = trial(control=(0, 1000), offer=(0, 1000)), scores()
    p = given["p_churn"].to_numpy()
    leaves = np.where(p > 0.5, 0.6, 0.4) * np.where((table["arm"] == "offer") & (p < 0.4), 0.2, 1.0)
    table["outcome"] = (np.random.default_rng(2).random(2000) < leaves).astype(int)
    study = study_of(client, table, churn=LEFT)
    tested = steps.analyse(study)
    risk = steps.by_risk(study, tested, models_of(given))
    assert risk.uplift.differs
    assert "Call where the effect is, not where the risk is" in said(study, tested, risk)[1]


def test_a_score_that_knows_the_outcome_is_not_used(client):
    """The snapshot was made after the test: those who left in it are marked."""
    people = snapshot()
    people.loc[:119, "churned"] = "yes"
    study = study_of(client, trial(**KEPT), churn=LEFT, people=people)
    risk = steps.by_risk(study, steps.analyse(study), models_of(scores()))
    assert "120 customers of the test are marked as having left in the snapshot" in risk.reason


def test_a_score_that_knows_the_arm_is_not_used(client):
    study = study_of(client, trial(**KEPT), churn=LEFT)
    given = scores()
    given.loc[1000:, "p_churn"] *= 0.7  # the offer has changed what the score is made of
    risk = steps.by_risk(study, steps.analyse(study), models_of(given))
    assert "the arms differ in their scores" in risk.reason


def test_by_risk_needs_scores_and_no_dates_to_go_wrong_with(client):
    study = study_of(client, trial(**KEPT), churn=LEFT)
    tested = steps.analyse(study)
    assert "no dates" in steps.by_risk(study, tested, models_of(scores(), basis="purchases")).reason
    assert (
        "150 customers of the test have a score"
        in steps.by_risk(study, tested, models_of(scores(150))).reason
    )
    assert steps.by_risk(study, tested, NO_MODEL) is NO_MODEL


# --- the next test -----------------------------------------------------------------------------------------------


def rate(value=0.2, n=3000):
    return Estimate("churn_rate", value, "share", n, value - 0.015, value + 0.015)


def test_the_next_test_has_the_size_of_the_textbook(client):
    """0.30 against 0.25 at 80 %: 1,251 per arm (Fleiss, Levin, Paik 2003, without correction for continuity)."""
    study = client({"snapshot": snapshot()}, churn={"offer": {"save_rate": 1 / 6}})
    sizes = sizing.size_next(study, {"purchases": rate(0.3)}, NO_MODEL, NO_MODEL)
    row = sizes[sizes["save_rate"] == 1 / 6].iloc[0]
    assert row["n_needed"] == 2502 and row["low"] < 2502 < row["high"]
    assert sizes["n_needed"].is_monotonic_decreasing
    assert row["findable"] == pytest.approx(0.153, abs=0.002)  # with the 3,000 there are


def test_those_most_at_risk_are_a_group_of_their_own(client):
    study = client({"snapshot": snapshot()})
    model = models_of(scores().assign(churned=lambda t: (t["p_churn"] > 0.45).astype(int)), basis="purchases")
    sizes = sizing.size_next(study, {"purchases": rate()}, model, NO_MODEL)
    top = sizes[sizes["whom"] == "most_at_risk"].iloc[0]
    assert top["rate"] == 1.0 and top["n_there"] == 480
    assert set(sizes["whom"]) == {"all_customers", "most_at_risk"}


def test_a_finished_test_tells_who_leaves_without_the_offer(client):
    study = study_of(client, trial(**KEPT), churn=LEFT)
    sizes = sizing.size_next(study, {"snapshot": rate()}, models_of(scores()), steps.analyse(study))
    assert set(sizes["whom"]) == {"last_control"} and set(sizes["rate"]) == {0.12}
    assert set(sizes["n_there"]) == {2400}
    assert 0.3333 in set(sizes["save_rate"])  # what was measured


def test_findings_say_when_there_are_too_few(client):
    study = client({"snapshot": snapshot()})
    few = sizing.size_next(study, {"purchases": rate(0.05, 300)}, NO_MODEL, NO_MODEL)
    text = sizing.findings(study, few)[0]
    assert "and there are 300: test a stronger offer" in text
    enough = sizing.size_next(study, {"purchases": rate()}, NO_MODEL, NO_MODEL)
    assert "give it by chance to half of" in sizing.findings(study, enough)[0]
    shown = sizing.show_sizes(study, enough)
    assert isinstance(shown, ShownTable) and ">all customers<" in shown.html
    figure = sizing.key_figures(study, enough)[0]
    assert figure.low < figure.value < figure.high and figure.segment == {"whom": "all_customers"}


def test_nothing_to_size_says_why(client):
    study = client({"snapshot": snapshot()})
    nobody = Estimate("churn_rate", 0.0, "share", 100, 0.0, 0.04)
    assert "nobody left" in sizing.size_next(study, {"purchases": nobody}, NO_MODEL, NO_MODEL).reason
    none = CannotSay("Nothing is known.")
    assert sizing.size_next(study, {"purchases": none}, NO_MODEL, NO_MODEL) is none
    assert sizing.findings(study, none) == [none] and not sizing.key_figures(study, none)


@pytest.mark.parametrize("left", [(1, 20), (20, 20), (0, 20)])
def test_tiny_tests_make_no_nonsense(client, left):
    study = study_of(client, trial(control=left, offer=(0, 20)), churn=LEFT)
    tested = steps.analyse(study)
    text = " ".join([*said(study, tested)[:1], steps.show_test(study, tested).html])
    assert "nan" not in text and "inf" not in text
    assert text.startswith("The offer keeps" if left == (20, 20) else "In the test 0.0")


# --- the telecom client ------------------------------------------------------------------------------------------


@pytest.fixture
def telecom(client):
    tables = simulate_telecom().tables
    return client(dict(tables), churn=LEFT)


def test_the_telecoms_truth_lies_within_the_limits(telecom):
    truth = simulate_telecom().truth["parameters"].set_index("name")["value"]
    found = figures_of(telecom, steps.analyse(telecom))
    effect, saved = found["experiment_effect", "offer"], found["save_rate", "offer"]
    assert effect.low < truth["effect"] < effect.high < 0
    assert saved.low < truth["save_rate"] < saved.high
    assert effect.n == 1969


@pytest.mark.slow
def test_limits_hold_the_telecoms_truth_on_other_clients():
    """150 clients of the same truth: the mean effect, the save rate and the top fifth's effect within their limits."""
    from cam.measures.churn.arms import compare_arms, save_rate
    from cam.measures.churn.experiment import uplift_by_risk

    held = np.zeros(3)
    for seed in range(150):
        made = simulate_telecom(n_customers=3_000, seed=seed)
        truth = made.truth["parameters"].set_index("name")["value"]
        test = made.tables["experiment"].merge(made.truth["customers"], on="customer_id")
        one = compare_arms(test, control="control", unit="EUR").arms["offer"]
        saved = save_rate(one.treated, control=one.control)
        top = uplift_by_risk(test, treated="offer", control="control", score="risk_12m", n_bins=5).bins.iloc[
            0
        ]
        held += [
            one.effect.low <= truth["effect"] <= one.effect.high,
            saved.low <= truth["save_rate"] <= saved.high,
            top["low"] <= truth["effect_top_fifth"] <= top["high"],
        ]
    # Four standard errors of a share of 150 about 95 %.
    assert (held / 150 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 150)).all()


def test_a_list_names_the_measured_save_rate_beside_the_assumed_one(client):
    said_ = churn_profit.save_rate_text(study_of(client, trial(**KEPT), churn=LEFT))
    assert "is an assumption (churn.offer.save_rate)" in said_
    assert "A finished test measured that the arm offer kept 33.3" in said_
    assert not churn_profit.measured_text(client({"snapshot": snapshot()}))
