"""Clusters of a client's customers: from the tables that there are to the verdict, and what it makes of bad input."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studies.shop import assert_presentable, reasons

from cam.estimate import CannotSay, Estimate
from cam.show.tables import ShownTable
from cam.studies import clusters, clusters_shown, segmentation


def _log(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = [
        (
            f"c{i:03d}",
            pd.Timestamp("2026-06-30") - pd.Timedelta(days=int(day)),
            round(rng.lognormal(3, 0.5), 2),
        )
        for i in range(n)
        for day in rng.integers(0, 500, 1 + rng.poisson(2))
    ]
    return pd.DataFrame(rows, columns=["customer_id", "order_date", "revenue"])


def _people(n: int = 600, *, groups: int = 3, seed: int = 2) -> pd.DataFrame:
    """Customers of so many groups that are well apart; 1: of none."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    at = np.array([[0, 0], [9, 0], [0, 9]])[group]
    points = at + rng.normal(size=(n, 2))
    return pd.DataFrame(
        {
            "customer_id": [f"c{i:05d}" for i in range(n)],
            "a": points[:, 0],
            "b": points[:, 1],
            "revenue": rng.lognormal(3, 1, n).round(2),
            "group": group,
        }
    )


@pytest.fixture
def made(client):
    """A study, and frames of it made into clusters."""

    def make(frame: pd.DataFrame, names: list[str] | None = None, **asked: object) -> SimpleNamespace:
        study = client({"transactions": _log(3)}, segmentation=asked)
        table = study.engine.create_table("people", frame, overwrite=True)
        found = SimpleNamespace(study=study)
        found.table = clusters.features(study, table, names=names)
        found.clustered = clusters.cluster(study, found.table)
        return found

    return make


def _walk(found: SimpleNamespace) -> SimpleNamespace:
    study, clustered = found.study, found.clustered
    found.means = clusters_shown.where(study, clustered)
    found.profile = clusters_shown.profile(study, clustered, found.means)
    found.compared = clusters.compare(study, clustered)
    found.shown = {
        "features": clusters_shown.show_features(study, clustered),
        "clusters": clusters_shown.show_clusters(study, clustered, found.profile),
        "comparison": clusters_shown.show_comparison(study, found.compared),
    }
    found.drawn = [
        clusters_shown.curves(study, clustered),
        clusters_shown.heat_map(study, clustered, found.means),
        clusters_shown.density(study, clustered),
    ]
    found.findings = clusters.findings(study, clustered, found.compared)
    found.figures = clusters.key_figures(study, clustered, found.compared)
    assert_presentable(found)
    return found


# correct


def test_groups_that_are_there_are_found(made):
    frame = _people()
    found = _walk(made(frame, ["a", "b"]))
    assert found.clustered.fit.has_structure
    members = found.clustered.members.order_by("customer_id").execute()
    crossed = pd.crosstab(members["cluster"].to_numpy(), frame["group"].to_numpy())
    assert (crossed.max(axis=1) == crossed.sum(axis=1)).all()
    assert found.findings[0].startswith("Clear structure: 600 customers fall into 3 groups.")
    figures = {(e.figure, e.segment.get("cluster")): e for e in found.figures if isinstance(e, Estimate)}
    assert figures["n_clusters", None].value == 3
    assert figures["clusters_apart", None].value == 1
    assert sum(figures["cluster_share", str(c)].value for c in (1, 2, 3)) == pytest.approx(1)
    assert figures["clusters_features_explained", None].value > 0.9


def test_a_crowd_is_called_a_crowd(made):
    found = _walk(made(_people(groups=1), ["a", "b"]))
    assert not found.clustered.fit.has_structure
    assert found.findings[0].startswith("No clear structure: between the ")
    assert "not groups that were found" in found.findings[0]
    assert isinstance(found.shown["clusters"], ShownTable)
    assert "cuts through a continuum" in found.shown["clusters"].html


def test_the_sample_and_the_engine_agree(made):
    rng = np.random.default_rng(3)
    frame = _people().assign(
        channel=rng.choice(["web", "shop"], 600), member=rng.random(600) < 0.5, spent=rng.lognormal(3, 1, 600)
    )
    found = made(frame, ["a", "spent", "channel", "member"]).clustered
    members = found.members.order_by("customer_id").execute()
    assert members["cluster"].tolist() == found.fit.labels(found.points).tolist()


# consistent


def test_clusters_partition_customers_and_the_order_of_rows_is_irrelevant(made):
    frame = _people()
    one = made(frame, ["a", "b"]).clustered.members.order_by("customer_id").execute()
    other = made(frame.sample(frac=1, random_state=1), ["a", "b"]).clustered
    pd.testing.assert_frame_equal(one, other.members.order_by("customer_id").execute())
    assert other.counts["n_customers"].sum() == 600
    assert one["customer_id"].is_unique


def test_by_default_buying_behaviour_and_money_in_other_units_changes_nothing(client):
    log = _log(300)
    found = []
    for factor in (1, 10):
        study = client({"transactions": log.assign(revenue=(factor * log["revenue"]).round(2))})
        table = clusters.features(study, segmentation.summarise(study), CannotSay("No behaviour."))
        assert [c for c in table.columns if c in clusters.DEFAULT_FEATURES] == [
            "frequency",
            "days_since_last",
            "mean_order_value",
        ]
        found.append(clusters.cluster(study, table))
    assert found[0].fit.n_clusters == found[1].fit.n_clusters
    shares = [c.counts["n_customers"].to_numpy() for c in found]
    # log(1 + x) is not quite the logarithm, so a few customers near a line may change sides.
    assert np.abs(shares[0] - shares[1]).sum() <= 0.05 * 300


def test_a_second_set_of_clusters_has_its_own_column(made):
    rng = np.random.default_rng(4)
    frame = _people().assign(factor_1=rng.normal(size=600), factor_2=rng.normal(size=600))
    frame.loc[:99, "factor_1"] = None
    found = made(frame, ["a", "b"])
    scores = found.study.engine.table("people")
    attitudes = clusters.features(found.study, scores, names=["attitudes"])
    again = clusters.cluster(found.study, attitudes, label="attitude_cluster")
    assert set(again.members.columns) == {"customer_id", "attitude_cluster"}
    assert "100 customers lack a feature and are in no cluster." in again.notes
    assert again.counts["n_customers"].iloc[-1] == 100
    assert set(clusters.scores(found.study, found.clustered).columns) == {"customer_id", "cluster"}
    names = {e.figure for e in clusters.key_figures(found.study, again, CannotSay("."))}
    assert {"n_attitude_clusters", "attitude_cluster_share"} <= names


def test_a_fixed_number_is_kept(made):
    found = _walk(made(_people(), ["a", "b"], n_clusters=5))
    assert found.clustered.fit.n_clusters == 5
    assert not found.clustered.fit.has_structure


# refuses


@pytest.mark.parametrize(
    ("change", "names", "words"),
    [
        (
            {},
            ["a", "revenu"],
            "names revenu, which no table of customers has; did you mean revenue? There is: a, b",
        ),
        (
            {"born": pd.Timestamp("2000-01-01")},
            ["born"],
            "names born, which is a date: no distance lies in it.",
        ),
        (
            {"a": 1.0, "b": 2.0},
            ["a", "b"],
            "No feature is left to make clusters of. a is left out: it is the same",
        ),
        ({}, ["attitudes"], "Clusters of attitudes need factor scores, and this client has none."),
        ({}, ["customer"], "names customer, which no table of customers has"),
        (
            {"note": [f"text {i}" for i in range(600)]},
            ["note"],
            "note is a text with 600 different values, so it is no category; at most 20 can be.",
        ),
    ],
)
def test_what_cannot_be_a_feature(made, change, names, words):
    found = made(_people().assign(**change), names)
    assert words in " ".join(reasons(found.clustered))


def test_one_customer(made):
    (said,) = reasons(made(_people(1), ["a"]).clustered)
    assert "is left out: it is the same for every customer." in said


def test_few_customers(made):
    assert reasons(made(_people(30), ["a"]).clustered)[0].startswith(
        "30 customers with all features are too few for clusters; 50 are needed."
    )


def test_fewer_kinds_of_customers_than_clusters(made):
    frame = _people().assign(a=[0.0, 1.0] * 300)
    (said,) = reasons(made(frame, ["a"], n_clusters=4).clustered)
    assert said.startswith("Customers differ in 2 ways only, so they make no 4 clusters.")


def test_two_kinds_of_customers_make_two_clusters(made):
    found = _walk(made(_people().assign(a=[0.0, 1.0] * 300), ["a"]))
    assert found.clustered.counts["n_customers"].tolist() == [300, 300]
    assert not found.clustered.fit.has_structure
    assert "One feature makes a line, not a map." in reasons(found.drawn)[0]


def test_what_is_left_out_is_said(made):
    frame = _people().assign(same=7.0, none=np.nan, rare=[1.0, 2.0] + [None] * 598)
    frame.loc[:19, "b"] = None
    found = _walk(made(frame, ["a", "b", "same", "none", "rare"]))
    said = " ".join(found.clustered.notes)
    for words in (
        "same is left out: it is the same for every customer.",
        "none is left out: it is missing for every customer.",
        "rare is left out: it is missing for 598 of 600 customers, more than half.",
        "b is missing for 20 customers.",
        "20 customers lack a feature and are in no cluster.",
    ):
        assert words in said
    assert "In no cluster: 20 customers." in found.shown["clusters"].html
    members = found.clustered.members.order_by("customer_id").execute()
    assert members["cluster"].isna().tolist() == [True] * 20 + [False] * 580


def test_without_revenue_there_is_no_plain_rule(made):
    found = _walk(made(_people().drop(columns="revenue"), ["a", "b"]))
    assert reasons(found.compared) == [
        "There is no revenue to cut by a plain rule, so the clusters stand alone."
    ]


def test_no_table_at_all(client):
    study = client({"transactions": _log(3)})
    assert clusters.features(study, CannotSay("No orders.")).reason == "No orders."
    assert reasons(clusters.features(study)) == ["There is no table of customers to make clusters of."]


# honest


def test_a_large_base_is_sampled_and_it_is_said(made, monkeypatch):
    monkeypatch.setattr(clusters, "MOST_SAMPLED", 200)
    found = made(_people(), ["a", "b"]).clustered
    assert found.fit.n_sample == 200
    assert "Learnt from 200 of 600 customers, taken at equal steps of their ids." in found.notes
    assert found.counts["n_customers"].sum() == 600
