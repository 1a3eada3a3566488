"""Psychographics of study 01: the demo's truth comes back, and every bad input has its message or its consequence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.params import read_params
from cam.project import cache_folder, project_root
from cam.samples import sample_path
from cam.show.figures import attitudes as figures
from cam.show.tables import ShownTable
from cam.studies import attitude_items, attitudes

ITEMS = ("compare_prices", "wait_for_sales", "budget", "save_time", "order_by_phone", "fast_delivery")


def answers(n: int = 400, *, seed: int = 1, related: bool = True) -> pd.DataFrame:
    """Two attitudes that go together a little, three items each, on 1 to 7."""
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((n, 2)) @ np.linalg.cholesky(np.array([[1, 0.3], [0.3, 1]])).T
    home = np.repeat([0, 1], 3)
    own = rng.standard_normal((n, 6))
    rows = 0.8 * factors[:, home] + 0.6 * own if related else own
    frame = pd.DataFrame(
        np.clip(np.round(4 + 1.3 * rows), 1, 7).astype(int), columns=[f"attitude_{item}" for item in ITEMS]
    )
    return frame.assign(customer_id=[f"c{place:05d}" for place in range(n)])


def orders(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": frame["customer_id"], "order_date": "2026-05-01", "revenue": 10.0})


def walk(client, frame: pd.DataFrame, **segmentation):
    """All steps as the notebook takes them; what was shown, and what came out."""
    study = client({"transactions": orders(frame), "customers": frame}, segmentation=segmentation)
    return walked(study)


def walked(study):
    review = attitude_items.items(study)
    measured = attitude_items.measure(study, review)
    checks = attitudes.check(study, measured)
    fit = attitudes.fit(study, measured, checks)
    rated = attitudes.reliability(study, review, measured, fit)
    scored = attitudes.scores(study, measured, fit)
    shown = [
        attitude_items.show_items(study, review),
        figures.scree(attitudes.eigenvalues(study, checks)),
        attitudes.show_loadings(study, review, checks, fit),
        figures.loadings(attitudes.loadings(study, fit)),
        attitudes.show_reliability(study, rated),
        attitudes.show_scored(study, fit, scored),
    ]
    found = attitudes.findings(study, review, fit, rated)
    kept = attitudes.key_figures(study, fit, rated)
    for one in shown:
        if isinstance(one, ShownTable):
            assert "nan" not in one.html.lower()
    for one in found:
        assert "nan" not in (one.reason if isinstance(one, CannotSay) else one).lower().replace("finance", "")
    return {
        "study": study, "review": review, "measured": measured, "checks": checks, "fit": fit, "rated": rated,
        "scored": scored, "shown": shown, "findings": found, "figures": kept,
    }  # fmt: skip


def said(found) -> str:
    """All that a reader meets, as text."""
    parts = [one.html for one in found["shown"] if isinstance(one, ShownTable)]
    parts += [f"{one.reason} {one.cure}" for one in found["shown"] if isinstance(one, CannotSay)]
    parts += [one if isinstance(one, str) else one.reason for one in found["findings"]]
    return " ".join(parts).replace("\xa0", " ")


def unsaid(found) -> list[CannotSay]:
    return [one for one in found["shown"] if isinstance(one, CannotSay)]


# --- correct ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo():
    from cam.studies.study import start

    sections = read_params(project_root() / "params" / "demo.yaml").model_dump(exclude_unset=True)
    return walked(start("01_segmentation", sections))


def test_the_demos_three_attitudes_come_back(demo):
    truth = pd.read_csv(sample_path("sample:demo/truth/customers.csv", cache=cache_folder() / "samples"))
    both = demo["scored"].execute().merge(truth, on="customer_id")
    true = ["price_factor", "quality_factor", "convenience_factor"]
    found = [f"factor_{place}" for place in (1, 2, 3)]
    across = both[found + true].corr().loc[found, true]
    assert demo["fit"].n_factors == 3 and len(both) == 20_000
    assert across.abs().idxmax(axis=1).tolist() == ["price_factor", "convenience_factor", "quality_factor"]
    # As well as the fit says its scores tell the factors; a standard error of 0.0015 at n = 20,000.
    np.testing.assert_allclose(across.max(axis=1), demo["rated"]["accuracy"], atol=0.012)
    assert across.max(axis=1).min() > 0.85


def test_the_demos_items_stand_with_their_factor(demo):
    from cam.samples.plan import ATTITUDES

    homes = attitudes.loadings(demo["study"], demo["fit"]).drop_duplicates("item").set_index("item")["home"]
    groups = {frozenset(items) for _home, items in homes.groupby(homes).groups.items()}
    assert groups == {
        frozenset(name for name, (factor, _) in ATTITUDES.items() if factor == k) for k in range(3)
    }


def test_scores_are_in_the_engine_one_row_per_customer_and_missing_where_an_answer_is(client):
    frame = answers()
    frame = frame.astype({"attitude_budget": "object"})
    frame.loc[:19, "attitude_budget"] = None
    found = walk(client, frame)
    scored = found["scored"].execute().set_index("customer_id")
    assert scored.index.is_unique and len(scored) == 400 and list(scored) == ["factor_1", "factor_2"]
    assert scored["factor_1"].isna().sum() == 20
    np.testing.assert_allclose(scored.mean(), 0, atol=1e-9)
    np.testing.assert_allclose(scored.std(), 1, atol=1e-9)
    assert (
        "380 of 400 customers answered every item and have scores. For the other 20 none is guessed."
        in said(found)
    )


# --- consistent ---------------------------------------------------------------------------------


def test_what_comes_out_is_presentable(client):
    found = walk(client, answers())
    assert not unsaid(found) and len(found["findings"]) == 2
    names = {one.figure for one in found["figures"] if isinstance(one, Estimate)}
    assert names == {
        "n_factors", "attitude_alpha", "attitude_omega", "attitude_variance_explained", "attitude_loading",
    }  # fmt: skip
    keys = [(one.figure, tuple(sorted(one.segment.items()))) for one in found["figures"]]
    assert len(keys) == len(set(keys)) == 1 + 2 * 2 + 3 + 12
    for one in found["figures"]:
        assert one.n == 400 and (one.low is None or one.low <= one.value <= one.high)
    assert "(compare prices, " in found["findings"][0] or "(wait for sales, " in found["findings"][0]


def test_rows_in_another_order_give_the_same_key_figures(client):
    frame = answers()
    one, other = (walk(client, table)["figures"] for table in (frame, frame.sample(frac=1, random_state=1)))
    assert one == other


def test_the_columns_may_have_any_name(client):
    frame = answers().rename(columns=lambda name: name.replace("attitude_", "q_"))
    columns = [f"q_{item}" for item in ITEMS]
    found = walk(client, frame, attitudes=columns)
    assert found["measured"].items == tuple(columns) and found["fit"].n_factors == 2


def test_the_parameter_file_overrules_parallel_analysis_and_both_are_said(client):
    found = walk(client, answers(), n_factors=1)
    assert found["fit"].n_factors == 1
    assert "asks for 1 factor (segmentation.n_factors); parallel analysis suggests 2" in said(found)


# --- refuses ------------------------------------------------------------------------------------


def test_a_client_without_items_is_told_once(client):
    frame = answers()[["customer_id"]].assign(age=30)
    found = walk(client, frame)
    assert [one.reason for one in unsaid(found)] == [
        "No column of the table customers holds answers on attitudes."
    ]
    assert "segmentation.attitudes" in unsaid(found)[0].cure and "attitude_..." in unsaid(found)[0].cure
    assert found["findings"] == [] and found["figures"] == [] and found["shown"][1:] == [None] * 5
    assert isinstance(found["scored"], CannotSay)


def test_a_column_that_is_not_there_is_named(client):
    found = walk(client, answers(), attitudes=["attitude_budget", "attitude_luck"])
    assert [one.reason for one in unsaid(found)] == ["This needs attitude_luck in the table customers."]
    assert found["findings"] == unsaid(found)


def test_items_that_cannot_be_used_are_left_out_and_named(client):
    frame = answers().assign(attitude_mood="strongly agree", attitude_none=None, attitude_same=4)
    found = walk(client, frame)
    assert found["fit"].n_factors == 2 and len(found["measured"].items) == 6
    text = said(found)
    assert "Left out, as most answers are no numbers: mood. Give them as numbers, such as 1 to 7." in text
    assert "Left out, as nobody answered: none." in text
    assert "Left out, as everybody gave the same answer: same." in text


def test_a_few_words_among_the_answers_count_as_missing_and_are_counted(client):
    frame = answers().astype({"attitude_budget": "object"})
    frame.loc[:6, "attitude_budget"] = "no idea"
    found = walk(client, frame)
    assert found["measured"].n == 393
    assert "budget: 7 answers are no numbers, and count as missing." in said(found)


def test_fewer_than_three_items(client):
    frame = answers()[["customer_id", "attitude_budget", "attitude_save_time"]].assign(attitude_same=1)
    found = walk(client, frame)
    assert len(unsaid(found)) == 1
    assert unsaid(found)[0].reason == (
        "2 attitude items can be used; factors need 3. Left out, as everybody gave the same answer: same."
    )


@pytest.mark.parametrize("n", [1, 99])
def test_too_few_customers(client, n):
    found = walk(client, answers(n) if n > 1 else answers(2).head(1))
    reasons = [one.reason for one in unsaid(found)]
    # One customer gives the same answer as everybody.
    assert reasons == (
        ["99 customers answered all 6 attitude items; factors need 100."] if n > 1 else reasons[:1]
    )
    assert n > 1 or reasons[0].startswith("0 attitude items can be used; factors need 3.")
    assert isinstance(found["scored"], CannotSay) and found["figures"] == []


def test_items_that_repeat_each_other(client):
    frame = answers()
    frame = frame.assign(
        attitude_again=frame["attitude_budget"], attitude_turned=8 - frame["attitude_save_time"]
    )
    found = walk(client, frame)
    assert found["fit"].n_factors == 2 and len(found["fit"].items) == 6
    assert "again, turned repeat another item answer by answer, and are left out." in said(found)
    same = answers()[["customer_id", "attitude_budget"]]
    same = same.assign(attitude_b=same["attitude_budget"], attitude_c=same["attitude_budget"])
    assert [one.reason for one in unsaid(walk(client, same))] == [
        "1 attitude item differ from each other; factors need 3."
    ]


def test_an_item_that_is_the_sum_of_others(client):
    frame = answers()
    frame = frame.assign(attitude_total=frame["attitude_budget"] + frame["attitude_save_time"])
    found = walk(client, frame)
    assert [one.reason for one in unsaid(found)] == [
        "One of the attitude items is a sum of others: budget, save time, total."
    ]


def test_a_reversed_item_is_said_to_be_so_and_named_so(client):
    frame = answers()
    frame["attitude_wait_for_sales"] = 8 - frame["attitude_wait_for_sales"]
    found = walk(client, frame)
    assert found["fit"].n_factors == 2
    assert "wait for sales: reversed. Who agrees scores low on the factor" in said(found)
    plain = walk(client, answers())["rated"]
    np.testing.assert_allclose(found["rated"]["alpha"].sort_values(), plain["alpha"].sort_values(), atol=1e-6)


def test_items_on_different_scales(client):
    frame = answers()
    frame["attitude_budget"] = frame["attitude_budget"] * 10.5
    found = walk(client, frame)
    text = said(found)
    assert "The items have different ranges." in text and "73.50" in text
    assert "so alpha is that of standardised items" in text
    np.testing.assert_allclose(
        np.abs(found["fit"].loadings), np.abs(walk(client, answers())["fit"].loadings), atol=1e-4
    )


def test_more_factors_than_the_items_hold(client):
    found = walk(client, answers(), n_factors=4)
    assert [one.reason for one in unsaid(found)] == ["6 items hold at most 3 factors."]


def test_a_factor_of_one_item_is_not_built_unless_asked_for(client):
    frame = answers(2000)
    rng = np.random.default_rng(9)
    frame["attitude_luck"] = np.clip(np.round(4 + rng.standard_normal(2000)), 1, 7).astype(int)
    assert walk(client, frame)["fit"].n_factors == 2
    forced = walk(client, frame, n_factors=3)
    assert forced["fit"].n_thin and "fewer than two items of its own, so it is no common factor" in said(
        forced
    )


# --- honest -------------------------------------------------------------------------------------


def test_unrelated_items_have_no_common_factors(client):
    for asked in ({}, {"n_factors": 2}):
        found = walk(client, answers(related=False), **asked)
        reason = unsaid(found)[0].reason
        assert len(unsaid(found)) == 1 and reason.startswith("The attitude items have no common factors")
        assert "n = 400" in reason and found["figures"] == [] and isinstance(found["scored"], CannotSay)


def test_what_goes_together_too_little_to_matter_is_no_factor(client):
    # 20,000 customers, correlations of 0.04: far from chance, and nothing to act on.
    rng = np.random.default_rng(2)
    rows = 0.2 * rng.standard_normal((20_000, 1)) + 0.98 * rng.standard_normal((20_000, 6))
    frame = answers(20_000)
    frame[[f"attitude_{item}" for item in ITEMS]] = np.round(4 + 1.5 * rows).astype(int)
    found = walk(client, frame)
    assert found["checks"].n_suggested >= 1 and found["checks"].p < 1e-6
    assert unsaid(found)[0].reason.startswith("The attitude items have no common factors")


def test_low_reliability_is_said(client):
    rng = np.random.default_rng(3)
    factor = rng.standard_normal((1500, 1))
    frame = answers(1500)
    rows = 0.5 * factor + np.sqrt(0.75) * rng.standard_normal((1500, 6))
    for place, item in enumerate(ITEMS):
        frame[f"attitude_{item}"] = np.clip(np.round(4 + 1.3 * rows[:, place]), 1, 7).astype(int)
    found = walk(client, frame[["customer_id", *[f"attitude_{item}" for item in ITEMS[:4]]]])
    assert found["rated"]["verdict"].tolist() == ["poor"]
    assert "far below the convention of 0.70: do not build on it" in said(found)
