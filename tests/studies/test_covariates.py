"""Study 03, covariates: what goes with buying and leaving, and every reason not to say so."""

from __future__ import annotations

import pandas as pd
import pytest

from cam.estimate import CannotSay
from cam.studies import covariates, repeat_buying

from .shop import orders


def people(frame, **columns):
    return pd.DataFrame({"customer_id": sorted(frame["customer_id"].unique())}).assign(**columns)


@pytest.fixture
def walked(client):
    def walk(columns, *, names=(), picked="bg_nbd"):
        frame = orders(n=300)
        known = people(frame)
        known = known.assign(**{name: make(known["customer_id"]) for name, make in columns.items()})
        study = client(
            {"transactions": frame, "customers": known}, value={"covariates": list(names)} if names else {}
        )
        customers = repeat_buying.histories(study, "non_contractual")
        fits = repeat_buying.fit_models(study, repeat_buying.all_cells(study, customers))
        return study, covariates.covariate_effects(study, customers, fits, repeat_buying.Picked(picked, 0.0))

    return walk


def parity(ids):
    return ids.map(lambda one: "even" if int(one) % 2 == 0 else "odd")


def test_channels_are_compared_without_being_asked_for(walked):
    study, found = walked({"acquisition_channel": parity})
    assert found["covariate"].tolist() in (["acquisition_channel=odd"], ["acquisition_channel=even"])
    shown = covariates.show_effects(study, found)
    assert "no more than chance" in shown.html and "nan" not in shown.html.lower()
    figures = covariates.key_figures(study, found)
    assert [one.figure for one in figures] == ["buying_factor", "leaving_factor"]
    assert all(one.low < one.value < one.high for one in figures)


@pytest.mark.parametrize(
    ("columns", "names", "picked", "reason"),
    [
        ({}, (), "bg_nbd", "names no column"),
        ({}, ("region",), "bg_nbd", "region"),
        ({"region": parity}, ("region",), "nbd", "Nobody leaves"),
        ({"region": lambda ids: "one"}, ("region",), "bg_nbd", "one level only"),
        ({"name": lambda ids: ids.map("customer {}".format)}, ("name",), "bg_nbd", "a value of its own"),
    ],
)
def test_it_says_why_nothing_can_be_said(walked, columns, names, picked, reason):
    _study, found = walked(columns, names=names, picked=picked)
    assert isinstance(found, CannotSay) and reason in found.reason
    assert covariates.key_figures(_study, found) == []
