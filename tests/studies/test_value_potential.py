"""Value x potential on clients of every kind: who stands where, what it rests on, and what cannot be said."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies import shop

from cam.estimate import CannotSay, Estimate
from cam.studies import value_axes, value_potential, valued

QUICK = {"n_bootstrap": 50}
MARGIN = Estimate("margin_rate", 0.4, "share", 300, 0.39, 0.41)


def people(n=300, *, seed=2, wallet=True):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"customer_id": range(n), "assets": rng.gamma(2, 500, n).round(2), "city": "x"})
    return frame.assign(wallet=rng.gamma(2, 900, n).round(0)) if wallet else frame


def at_hand(study, *, clv=True):
    """What study 03 would say, without its models: they are not what is tested here."""
    from cam.studies import clv as models
    from cam.studies import earnings, profit, segment_value

    decided = earnings.setting(study)
    customers = earnings.summarise(study, decided)
    served = profit.serve(study, customers)
    said = CannotSay("There is no model.", "Wait.")
    each = said
    if clv:
        still_there = 1.0 + customers.customer_id.cast("int64") % 7
        worth = customers.revenue.cast("float64") * 0.1 * still_there
        ends = {"": 1.0, "_low": 0.7, "_high": 1.2}
        each = customers.select(
            "customer_id",
            **{f"residual_clv{end}": (worth * by).cast("decimal(18,2)") for end, by in ends.items()},
        )
    margin = models.margin_rate(study, decided, earnings.averages(study, customers))
    ahead = valued.Ahead(decided, customers, served, margin, said, said, None, None, each)
    scored = segment_value.rfm_scores(study) if decided != "contractual" else said
    return ahead, valued.value_customers(study, ahead, scored)


def run(study, **rest):
    """All steps, as the notebook calls them."""
    found = SimpleNamespace(study=study)
    found.ahead, found.people = at_hand(study, **rest)
    found.base = value_potential.basis(study, found.people, found.ahead)
    found.placed = value_potential.place(study, found.people, found.ahead, found.base)
    found.r = value_potential.correlation(study, found.placed)
    found.lines = value_potential.lines(study, found.placed, found.base)
    found.four = value_potential.quadrants(study, found.placed, found.lines)
    found.matrix = value_potential.matrix(study, found.four)
    found.density = value_potential.density(study, found.placed, found.lines)
    axes = value_potential.show_axes(study, found.placed, found.base, found.lines, found.r)
    table = value_potential.show_matrix(study, found.base, found.matrix)
    found.shown = {"axes": axes, "matrix": table}
    found.figures = value_potential.key_figures(study, found.lines, found.matrix, found.r)
    found.findings = value_potential.findings(study, found.matrix, found.r)
    shop.assert_presentable(found)
    return found


def frame_of(table):
    return table.execute().set_index("customer_id").sort_index()


def page(found, name):
    return found.shown[name].html.replace("\xa0", " ")


# --- correct ------------------------------------------------------------------------------------


def test_the_lines_are_medians_and_the_quadrants_follow(client):
    made = run(client({"transactions": shop.orders(300), "customers": people()}))
    assert (made.base.value, made.base.potential) == ("margin", "wallet_gap")
    four = frame_of(made.four)
    value, rooms = (four[name].astype(float) for name in ("current_value", "potential"))
    lines = [np.median(each[each > 0]) for each in (value, rooms)]
    assert [line.value for line in made.lines] == pytest.approx(lines, abs=1e-9)
    for line, each in zip(made.lines, (value, rooms), strict=True):
        assert line.n == (each > 0).sum() and line.low < line.value < line.high
    names = np.select(
        [value < 0, (value >= lines[0]) & (rooms >= lines[1]), value >= lines[0], rooms >= lines[1]],
        ["negative_value", "stars", "high_consumption", "potential"],
        default="low_value",
    )
    assert four["value_quadrant"].tolist() == names.tolist()


def test_the_gap_uses_the_measured_margin_and_the_last_year(client):
    log = shop.orders(300)
    made = run(client({"transactions": log, "customers": people()}))
    assert made.base.margin == pytest.approx((log["revenue"] - log["cost"]).sum() / log["revenue"].sum())
    late = (
        log[log["order_date"] > shop.AS_OF - pd.Timedelta(days=365)].groupby("customer_id")["revenue"].sum()
    )
    first = log.groupby("customer_id")["order_date"].min()
    old = first[first <= shop.AS_OF.normalize() - pd.Timedelta(days=365)].index
    wallet = people().set_index("customer_id")["wallet"]
    gap = (wallet - late.reindex(wallet.index, fill_value=0)).clip(lower=0) * made.base.margin
    rooms = frame_of(made.four)["potential"].astype(float)
    rooms.index = rooms.index.astype(int)
    assert np.abs(rooms.loc[old] - gap.loc[old]).max() <= 0.0051 and len(old) > 200


def test_the_parameter_file_can_set_lines_and_strategies(client):
    asked = {"value_line": 20.0, "potential_line": 50.0, "treatments": {"stars": "Ask them to dinner."}}
    made = run(client({"transactions": shop.orders(300), "customers": people()}, segmentation=asked))
    assert [(line.value, line.low) for line in made.lines] == [(20.0, None), (50.0, None)]
    assert value_potential.strategy(made.study, "stars") == "Ask them to dinner."
    assert "as the parameter file sets it" in page(made, "axes")
    assert made.matrix["n_near_value"].sum() == 0


def test_a_column_of_customers_takes_the_place_of_margin(client):
    asked = {"value_measure": "assets", "value_unit": "count"}
    frames = {"transactions": shop.orders(300), "customers": people()}
    made = run(client(frames, segmentation=asked))
    four = frame_of(made.four)
    own = (
        people().assign(customer_id=lambda t: t["customer_id"].astype(str)).set_index("customer_id")["assets"]
    )
    assert four["current_value"].astype(float).to_dict() == own.loc[four.index].to_dict()
    assert made.lines[0].unit == "count" and "column assets" in page(made, "axes")
    other = run(client(frames, segmentation={"value_measure": "n_orders"}))
    assert other.base.value == "margin" and "changes the M of RFM, not this" in page(other, "axes")


# --- consistent ---------------------------------------------------------------------------------


def test_quadrants_partition_those_placed_and_keep_value_and_potential_to_the_cent(client):
    some = people().assign(wallet=lambda t: t["wallet"].where(t["customer_id"] % 4 > 0))
    costs = {"cost_to_serve": {"order": 12.0}}
    made = run(client({"transactions": shop.orders(300), "customers": some}, value=costs))
    four = frame_of(made.four)
    known = four[four["value_quadrant"].notna()]
    assert len(known) == made.matrix["n_customers"].sum() < len(four) == 300
    for name, column in (("value", "current_value"), ("potential", "potential")):
        cents = sum(round(100 * float(each)) for each in known[column].dropna())
        assert round(100 * made.matrix[name].sum()) == cents
    negative = made.matrix.set_index("quadrant").loc["negative_value"]
    assert negative["n_customers"] > 0 and negative["value"] < 0 and negative["n_near"] == 0
    assert (four["current_value"].astype(float) < 0).sum() == negative["n_customers"]
    assert "their wallet is not known" in page(made, "axes")
    assert any("have cost more than they brought" in str(said) for said in made.findings)


def test_order_of_rows_does_not_matter(client):
    log, who = shop.orders(300), people()
    one = run(client({"transactions": log, "customers": who}))
    other = run(
        client(
            {
                "transactions": log.sample(frac=1, random_state=1),
                "customers": who.sample(frac=1, random_state=2),
            }
        )
    )
    pd.testing.assert_frame_equal(one.matrix, other.matrix)
    assert one.figures == other.figures and one.density.equals(other.density)


def test_potential_is_no_function_of_value(client):
    """Customers of the same value have different potential, for each kind of it; and how far they agree is said."""
    for segmentation in ({"potential": "wallet_gap"}, {"potential": "residual_clv"}):
        frames = {"transactions": shop.orders(300), "customers": people()}
        made = run(client(frames, segmentation=segmentation))
        four = frame_of(made.four).astype({"current_value": float, "potential": float})
        order = four.sort_values("current_value")
        assert (order["potential"].diff().dropna() < 0).mean() > 0.2
        assert made.r.value < value_axes.ONE_AXIS and made.r in made.figures
        assert made.r.value == pytest.approx(four["current_value"].corr(four["potential"], method="spearman"))


def test_two_axes_that_are_nearly_one_are_called_so(client):
    study = client({"transactions": shop.orders(300)}, segmentation={"potential": "residual_clv"})
    made = run(study)
    one = Estimate("value_potential_correlation", 0.99, "ratio", 300, 0.98, 0.995)
    said = value_potential.findings(study, made.matrix, one)
    assert "rank customers almost alike" in said[0] and "wallet" in said[0]
    axes = value_potential.show_axes(study, made.placed, made.base, made.lines, one)
    assert "potential adds little" in axes.html


def test_without_a_margin_revenue_takes_its_place_and_that_is_said(client):
    log = shop.orders(300).drop(columns="cost")
    made = run(
        client({"transactions": log, "customers": people()}, value={"annual_discount_rate": 0.0}), clv=False
    )
    assert made.base.value == "revenue" and made.base.margin == 1.0
    words = page(made, "axes")
    assert "Value is revenue here, not profit" in words and "cannot be seen" in words
    total = frame_of(made.four)["current_value"].astype(float).sum()
    assert total == pytest.approx(log["revenue"].sum(), abs=0.01)


def test_by_default_the_gap_where_there_is_a_wallet_else_residual_clv(client):
    log = shop.orders(300)
    assert (
        run(client({"transactions": log, "customers": people(wallet=False)})).base.potential == "residual_clv"
    )
    empty = people().assign(wallet=None)
    assert run(client({"transactions": log, "customers": empty})).base.potential == "residual_clv"


# --- refuses ------------------------------------------------------------------------------------


def said(made):
    assert isinstance(made.matrix, CannotSay) and made.findings == [made.matrix]
    return f"{made.matrix.reason} {made.matrix.cure}"


def test_without_any_potential_it_names_both_cures(client):
    words = said(run(client({"transactions": shop.orders(300)}), clv=False))
    assert "no wallet is known, and no residual CLV" in words and "column wallet" in words


def test_what_is_asked_for_must_be_there_and_not_be_the_same_twice(client):
    log = shop.orders(300)
    asked = client(
        {"transactions": log, "customers": people(wallet=False)}, segmentation={"potential": "wallet_gap"}
    )
    assert "wallet in the table customers" in said(run(asked))
    empty = client(
        {"transactions": log, "customers": people().assign(wallet=None)},
        segmentation={"potential": "wallet_gap"},
    )
    assert "wallet of the table customers is empty" in said(run(empty))
    twice = client({"transactions": log, "customers": people()}, segmentation={"value_measure": "wallet"})
    assert "one number twice" in said(run(twice))


def test_one_customer_is_too_few(client):
    words = said(run(client({"transactions": shop.orders(1), "customers": people(1)})))
    assert "1 customer can be placed, 30 are needed" in words


def test_when_everybody_costs_more_than_they_bring_there_is_no_high_value(client):
    log = shop.orders(300).assign(cost=lambda t: (2 * t["revenue"]).round(2))
    words = said(run(client({"transactions": log}, segmentation={"potential": "residual_clv"})))
    assert "Nobody has brought more than he or she cost" in words and "segmentation.value_line" in words
    gap = said(run(client({"transactions": log, "customers": people()})))
    assert "gross margin is not above zero" in gap


def test_when_all_are_equal_all_are_near_the_line(client):
    log = pd.DataFrame({"customer_id": range(200), "order_date": "2026-01-15", "revenue": 10.0, "cost": 6.0})
    made = run(client({"transactions": log, "customers": people(200).assign(wallet=500.0)}))
    assert made.matrix["near_share"].dropna().tolist() == [1.0] and made.r is None
    assert made.matrix.set_index("quadrant").at["stars", "n_customers"] == 200


# --- honest -------------------------------------------------------------------------------------


def test_customers_near_the_line_of_potential_are_those_whose_year_could_have_gone_otherwise(client):
    """Many customers with the same true rate, 1 % off the line, fall on either side of it; nearly all are near it."""
    rng = np.random.default_rng(9)
    n = rng.poisson(12, 400)
    who = np.repeat(np.arange(400), n)
    day = shop.AS_OF.normalize() - pd.to_timedelta(rng.integers(0, 365, len(who)), unit="D")
    log = pd.DataFrame({"customer_id": who, "order_date": day, "revenue": 10.0, "cost": 0.0})
    old = pd.DataFrame(
        {
            "customer_id": range(400),
            "order_date": shop.AS_OF - pd.Timedelta(days=400),
            "revenue": 10.0,
            "cost": 0.0,
        }
    )
    line = 1000.0 - 121.0
    study = client(
        {"transactions": pd.concat([log, old]), "customers": people(400).assign(wallet=1000.0)},
        segmentation={"potential_line": line, "value_line": 1.0},
    )
    made = run(study)
    sides = made.matrix.set_index("quadrant")["n_customers"]
    assert min(sides["stars"], sides["high_consumption"]) > 100
    assert made.matrix["n_near"].sum() / 400 > 0.9
