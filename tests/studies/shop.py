"""Small shops with known habits, and study 03's models walked through as its notebook does."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from cam.estimate import CannotSay, Estimate
from cam.show.tables import ShownTable
from cam.studies import acquisition, clv, earnings, equity, repeat_buying, spend

AS_OF = pd.Timestamp("2026-06-30")


def orders(
    n: int = 200,
    *,
    seed: int = 7,
    leaving: float = 0.25,
    weeks: float = 130.0,
    first_days: int = 600,
    every: float = 4.0,
    alike: float = 1.2,
) -> pd.DataFrame:
    """Orders of n customers who came in the first days, buy every so many weeks, and leave after some purchase.

    The chance to leave after a purchase varies about *leaving*; 0: nobody does.
    """
    rng = np.random.default_rng(seed)
    begin = AS_OF.normalize() - pd.Timedelta(days=round(7 * weeks))
    rows = []
    for customer in range(n):
        day = float(rng.integers(0, max(first_days, 1)))
        gap = 7 * every / rng.gamma(alike, 1 / alike)
        quits = rng.beta(10 * leaving, 10 * (1 - leaving)) if leaving else 0.0
        mean = 30 * 2.5 / rng.gamma(3.5)
        while day <= 7 * weeks:
            rows.append(
                (customer, begin + pd.Timedelta(days=int(day)), round(mean * rng.gamma(1.5) / 1.5, 2) + 0.01)
            )
            if rng.random() < quits:
                break
            day += max(rng.exponential(gap), 1.0)
    frame = pd.DataFrame(rows, columns=["customer_id", "order_date", "revenue"])
    return frame.assign(cost=(frame["revenue"] * 0.6).round(2))


def marketing(cost: float = 400.0) -> pd.DataFrame:
    months = pd.date_range("2025-02-01", "2026-06-01", freq="MS")
    return pd.DataFrame({"date": months, "channel": "search", "cost": cost, "cost_type": "media"})


_WALKED: dict[str, SimpleNamespace] = {}


def walk_once(client, name: str = "plain") -> SimpleNamespace:
    """The same shops for every test that only looks at what comes out; ``study`` is among it."""
    if name not in _WALKED:
        asked = {"n_bootstrap": 50}
        if name == "plain":
            asked["what_if"] = {"retention_points": 1, "margin_change": 0.05, "cac_change": -0.1}
        log = orders(leaving=0, every=6, alike=3) if name == "loyal" else orders()
        study = client({"transactions": log, "spend": marketing()}, value=asked)
        _WALKED[name] = walk(study)
        _WALKED[name].study, _WALKED[name].log = study, log
    return _WALKED[name]


def walk(study) -> SimpleNamespace:
    """All steps, one after the other; tables and findings too."""
    found = SimpleNamespace()
    found.setting = earnings.setting(study)
    averages = earnings.averages(study, earnings.summarise(study, found.setting))
    histories = repeat_buying.histories(study, found.setting)
    found.cut = repeat_buying.cut_off(study, histories)
    found.held = repeat_buying.hold_out(study, found.cut)
    found.held_fits = repeat_buying.fit_models(study, found.held)
    guesses = repeat_buying.predictions(study, found.held, found.held_fits, found.cut)
    found.scores = repeat_buying.holdout_scores(study, guesses, found.held)
    found.predicted = repeat_buying.predicted_totals(study, found.held, found.held_fits, found.cut)
    found.picked = repeat_buying.pick(study, found.held_fits, found.scores, guesses, found.held)
    found.by_frequency = repeat_buying.by_frequency(study, guesses, found.held)
    found.track = repeat_buying.track(study, found.held_fits, found.cut)
    cells = repeat_buying.all_cells(study, histories)
    found.histories, found.cells, found.guesses = histories, cells, guesses
    found.fits = repeat_buying.fit_models(study, cells)
    found.rows = spend.spend_rows(study, histories)
    found.correlation = spend.spend_correlation(study, found.rows)
    found.spend = spend.fit_spend(study, found.rows)
    found.margin = clv.margin_rate(study, found.setting, averages)
    found.worth = clv.value_base(
        study, histories, found.picked, found.fits, (found.rows, found.spend), found.margin
    )
    found.totals = clv.totals(study, found.worth)
    found.each = clv.worth_table(study, histories, found.worth)
    found.new = clv.new_customers(study, found.worth)
    found.channels = clv.clv_by_channel(study, histories, found.worth)
    found.cac = acquisition.overall_cac(study, acquisition.match_months(study))
    found.equity = equity.equity(study, found.worth, found.cac)
    found.parts = equity.parts_table(study, found.equity)
    found.tornado = equity.tornado(study, found.worth, found.equity)
    found.what_if = equity.what_if(study, found.worth, found.equity)
    found.map = clv.scored_cells(study, found.worth)
    found.shown = {
        "holdout": repeat_buying.show_holdout(study, found.cut, found.held),
        "fits": repeat_buying.show_fits(study, cells, found.fits),
        "scores": repeat_buying.show_scores(study, found.scores, found.predicted, found.picked),
        "spend": spend.show_spend(study, histories, found.rows, found.correlation, found.spend),
        "totals": clv.show_totals(study, found.totals, found.new),
        "most": clv.show_most_valuable(study, found.each),
        "equity": equity.show_equity(study, found.equity),
        "what_if": equity.show_what_if(study, found.what_if),
    }
    found.findings = [
        *repeat_buying.findings(study, found.scores, found.predicted, found.picked),
        *clv.findings(study, found.totals, found.worth),
        *equity.findings(study, found.equity, found.tornado),
    ]
    found.figures = [
        *repeat_buying.figures(study, found.held_fits, found.held, found.fits, cells, found.predicted),
        *spend.key_figures(study, found.rows, found.correlation, found.spend),
        *clv.key_figures(study, found.totals, found.new),
        *equity.key_figures(study, found.equity, found.tornado),
    ]
    assert_presentable(found)
    return found


def assert_presentable(found: SimpleNamespace) -> None:
    """No reader meets a missing number, a limit on the wrong side, or a reason without words."""
    for name, page in found.shown.items():
        if isinstance(page, ShownTable):
            text = page.html.lower()
            assert "nan" not in text.replace("finance", "").replace("tenant", ""), name
            assert "inf" not in text.replace("information", "").replace("in fact", ""), name
        else:
            assert isinstance(page, CannotSay) and page.reason, name
    for figure in found.figures:
        if isinstance(figure, Estimate) and figure.low is not None:
            assert figure.low <= figure.value <= figure.high, figure
            assert figure.unit not in ("count", "share") or figure.low >= 0, figure
    for said in found.findings:
        words = said if isinstance(said, str) else said.reason
        assert words and "nan" not in words.lower().replace("finance", ""), words
    # What goes to key_figures.csv has one row per name and segment.
    keys = [
        (each.figure, tuple(sorted(each.segment.items())))
        for each in found.figures
        if isinstance(each, Estimate)
    ]
    assert len(keys) == len(set(keys))


def known(found: SimpleNamespace) -> dict[str, Estimate]:
    """Key figures of no segment, by name."""
    return {each.figure: each for each in found.figures if isinstance(each, Estimate) and not each.segment}


def reasons(*said: object) -> list[str]:
    """What cannot be said, with its cure, out of results and lists of them."""
    flat = [each for one in said for each in (one if isinstance(one, list) else [one])]
    return [f"{each.reason} {each.cure}".strip() for each in flat if isinstance(each, CannotSay)]
