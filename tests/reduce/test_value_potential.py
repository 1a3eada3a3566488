"""Where customers stand between value and potential: the same as by hand, on both engines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cam.reduce.value_potential import (
    GRID_STEP,
    at_ranks,
    density_grid,
    middle,
    name_quadrants,
    place_values,
    rank_sums,
    value_quadrant_sums,
)


def people(n=500, *, seed=1):
    rng = np.random.default_rng(seed)
    wallet = rng.gamma(2, 300, n).round(2)
    clv = rng.gamma(1, 40, n).round(2)
    return pd.DataFrame(
        {
            "customer_id": [f"{i:04d}" for i in range(n)],
            "current_value": (rng.gamma(1, 50, n) - 15).round(2),
            "wallet": np.where(rng.random(n) < 0.2, np.nan, wallet),
            "yearly_revenue": (rng.gamma(1, 150, n) - 10).round(2),
            "yearly_error": rng.gamma(2, 20, n).round(2),
            "residual_clv": clv,
            "residual_clv_low": 0.8 * clv,
            "residual_clv_high": 1.3 * clv,
        }
    )


def money(table):
    names = [name for name in table.columns if name in ("current_value", "yearly_revenue")]
    return table.mutate(**{name: table[name].cast("decimal(18,2)") for name in names})


def placed(place, name="people", *, potential="wallet_gap", frame=None, **rest):
    table = money(place(name, people() if frame is None else frame))
    return place_values(table, potential=potential, margin=rest.get("margin", 0.4), z=1.96)


def by_id(table):
    return table.execute().set_index("customer_id").sort_index()


# --- correct ------------------------------------------------------------------------------------


def test_the_gap_is_what_is_spent_elsewhere_times_the_margin(place):
    found, frame = by_id(placed(place)), people().set_index("customer_id")
    spent = frame["yearly_revenue"].clip(lower=0)
    error = 1.96 * frame["yearly_error"]
    for end, spend in (("", spent), ("_low", spent + error), ("_high", (spent - error).clip(lower=0))):
        gap = 0.4 * (frame["wallet"] - spend).clip(lower=0)
        held = found[f"potential{end}"].astype(float)
        assert held.isna().tolist() == frame["wallet"].isna().tolist()
        assert np.nanmax(np.abs(held - gap)) <= 0.0051
    share = (spent / frame["wallet"]).to_numpy()
    np.testing.assert_allclose(found["share_of_wallet"].astype(float), share, rtol=1e-12)
    out = frame["wallet"].isna() & (frame["current_value"] >= 0)
    assert found["unplaced"].eq("no_wallet").tolist() == out.tolist()
    assert found["unplaced"].notna().tolist() == out.tolist()


def test_residual_clv_is_taken_as_it_is(place):
    found, frame = by_id(placed(place, potential="residual_clv")), people().set_index("customer_id")
    assert found["potential"].astype(float).to_dict() == frame["residual_clv"].to_dict()
    assert "share_of_wallet" not in found.columns and found["unplaced"].isna().all()


def test_the_middle_and_its_ranks(place):
    table, frame = placed(place), by_id(placed(place, "again"))
    known = frame[frame["unplaced"].isna() & (frame["potential"] > 0)]["potential"].astype(float)
    row = middle(table, "potential").execute().iloc[0]
    assert int(row["n"]) == len(known) and row["median"] == pytest.approx(known.median(), abs=1e-9)
    limits = at_ranks(table, "potential", low=3, high=len(known)).execute().iloc[0]
    assert limits.tolist() == [sorted(known)[2], known.max()]


def test_quadrants_and_who_is_near_a_line(place):
    table = name_quadrants(placed(place), value_line=30.0, potential_line=120.0, value_limits=(28.0, 33.0))
    found = by_id(table)
    value = found["current_value"].astype(float)
    rooms = found["potential"].astype(float)
    known = found["unplaced"].isna()
    names = np.select(
        [~known, value < 0, (value >= 30) & (rooms >= 120), value >= 30, rooms >= 120],
        ["", "negative_value", "stars", "high_consumption", "potential"],
        default="low_value",
    )
    assert found["value_quadrant"].fillna("").tolist() == names.tolist()
    told = known & (value >= 0)
    near_value = told & value.between(28, 33)
    low, high = (found[f"potential_{end}"].astype(float) for end in ("low", "high"))
    near_potential = told & (low <= 120) & (high >= 120)
    assert found["near_value"].tolist() == near_value.astype(int).tolist()
    assert found["near_potential"].fillna(0).tolist() == near_potential.astype(int).tolist()
    assert found["near_a_line"].fillna(0).tolist() == (near_value | near_potential).astype(int).tolist()
    assert near_value.sum() > 5 and near_potential.sum() > 20
    given = by_id(name_quadrants(placed(place, "more"), value_line=30.0, potential_line=120.0))
    assert not given["near_value"].any()


def test_ranks_give_spearman_s_correlation_ties_and_all(place):
    from scipy.stats import spearmanr

    frame = people().assign(current_value=lambda t: (t["current_value"] / 20).round() * 20)
    table = placed(place, frame=frame)
    row = {name: int(value) for name, value in rank_sums(table).execute().iloc[0].items()}
    n = row["n"]
    spread = [n * row[2 * name] - row[name] ** 2 for name in "xy"]
    r = (n * row["xy"] - row["x"] * row["y"]) / (spread[0] * spread[1]) ** 0.5
    known = by_id(table).dropna(subset=["potential"]).astype({"potential": float, "current_value": float})
    assert r == pytest.approx(spearmanr(known["current_value"], known["potential"])[0], abs=1e-12)


def test_the_grid_counts_everybody_once(place):
    table = placed(place)
    found = density_grid(table, value_scale=3.0, potential_scale=12.0).execute()
    known = by_id(table)
    known = known[known["unplaced"].isna() & known["potential"].notna()]
    size = np.log1p(known["current_value"].astype(float).abs() / 3.0)
    cells = np.floor(np.sign(known["current_value"].astype(float)) * size / GRID_STEP).astype(int)
    assert found.groupby("value_bin")["n_customers"].sum().to_dict() == cells.value_counts().to_dict()


# --- consistent ---------------------------------------------------------------------------------


def test_quadrants_hold_everybody_placed_and_all_they_have_to_the_cent(place):
    table = name_quadrants(placed(place), value_line=30.0, potential_line=120.0)
    sums, frame = value_quadrant_sums(table).execute(), by_id(table)
    known = frame[frame["unplaced"].isna()]
    assert int(sums["n_customers"].sum()) == len(known) < len(frame)
    for name, column in (("value", "current_value"), ("potential", "potential")):
        cents = [round(100 * float(amount)) for amount in known[column].dropna()]
        assert int(sum(map(int, sums[f"sum_{name}"]))) == sum(cents)
        assert int(sum(map(int, sums[f"squared_{name}"]))) == sum(cent * cent for cent in cents)


def test_order_of_rows_does_not_matter(place):
    frame = people()
    for each in (value_quadrant_sums, rank_sums):
        one, other = (
            each(
                name_quadrants(placed(place, name, frame=rows), value_line=30.0, potential_line=120.0)
            ).execute()
            for name, rows in (("one", frame), ("other", frame.sample(frac=1, random_state=2)))
        )
        assert one.astype(str).values.tolist() == other.astype(str).values.tolist()


# --- refuses ------------------------------------------------------------------------------------


def test_nobody_above_nought_has_no_middle(place):
    table = placed(place, frame=people().assign(current_value=-5.0))
    row = middle(table, "current_value").execute().iloc[0]
    assert int(row["n"]) == 0 and pd.isna(row["median"])
    named = by_id(name_quadrants(table, value_line=0.0, potential_line=1.0))
    assert set(named["value_quadrant"]) == {"negative_value"}


def test_a_wallet_of_nothing_has_no_share(place):
    found = by_id(placed(place, frame=people(30).assign(wallet=0.0)))
    assert found["share_of_wallet"].isna().all() and (found["potential"].astype(float) == 0).all()
