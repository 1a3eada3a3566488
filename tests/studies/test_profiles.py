"""Profiles of small clients of every kind: they say what differs, of whom nothing is known, and what cannot be said."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pytest

from cam.estimate import CannotSay, Estimate
from cam.show.figures import profiles as figures
from cam.show.tables import ShownTable
from cam.studies import known_attributes, places, profiles, segmentation


def orders(n=600, *, seed=1):
    """Half of the customers buy often."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(n), np.where(np.arange(n) % 2, 1, 6))
    return pd.DataFrame(
        {
            "customer_id": who.astype(str),
            "order_date": pd.Timestamp("2025-01-01")
            + pd.to_timedelta(rng.integers(0, 500, len(who)), unit="D"),
            "revenue": rng.gamma(2, 20, len(who)).round(2) + 1,
        }
    )


def people(n=600, *, seed=2):
    """Those who buy often are mostly women; nothing else tells them apart."""
    rng = np.random.default_rng(seed)
    often = np.arange(n) % 2 == 0
    return pd.DataFrame(
        {
            "customer_id": [str(i) for i in range(n)],
            "acquired_date": "2025-01-01",
            "gender": np.where(rng.random(n) < np.where(often, 0.8, 0.3), "female", "male"),
            "revenue": rng.choice(["small firm", "None", "NaN", ""], n),
            "age": rng.integers(18, 90, n),
            "city": rng.choice([f"town {i}" for i in range(14)], n),
            "card": [f"K{i:05}" for i in range(n)],
            "empty": "",
            "always": "yes",
            "attitude_price": rng.integers(1, 8, n),
        }
    )


def run(study, *, group=None, by="rfm_segment"):
    """All steps, as the notebook calls them."""
    summary = segmentation.summarise(study)
    grouped = summary.mutate(rfm_segment=(summary.frequency > 2).ifelse("champions", "new"))
    if group is not None:
        grouped = group(grouped)
    made = {"people": profiles.gather(study, grouped, by)}
    made["chosen"] = profiles.choose(study, made["people"])
    made["known"] = known_attributes.known(study, made["people"], made["chosen"])
    made["gaps"] = known_attributes.known_gaps(study, made["known"])
    made["counts"] = profiles.count_levels(study, made["people"], made["chosen"])
    made["sums"] = profiles.sum_numbers(study, made["people"], made["chosen"])
    made["strength"] = profiles.attribute_effects(study, made["counts"], made["sums"])
    made["found"] = profiles.segment_differences(study, made["counts"], made["sums"], made["strength"])
    made["places"] = places.place_values(study, made["people"], made["chosen"])
    pages = {
        "choice": profiles.show_choice(study, made["chosen"], made["known"]),
        "known": known_attributes.show_known(study, made["people"], made["known"], made["gaps"]),
        "segments": known_attributes.show_known_segments(study, made["known"]),
        "effects": profiles.show_effects(study, made["strength"]),
        "differences": profiles.show_differences(study, made["found"]),
        "numbers": profiles.show_numbers(study, made["found"]),
        "places": places.show_places(study, made["places"]),
    }
    made["findings"] = [
        *profiles.findings(study, made["strength"], made["found"]),
        *known_attributes.findings(study, made["known"], made["gaps"]),
        *places.findings(study, made["places"]),
    ]
    figured = [
        *profiles.key_figures(study, made["strength"], made["found"], by=by),
        *known_attributes.key_figures(study, made["known"]),
        *places.key_figures(study, made["places"]),
    ]
    keys = [(one.figure, tuple(sorted(one.segment.items()))) for one in figured if isinstance(one, Estimate)]
    assert len(keys) == len(set(keys))
    made["figures"] = dict(zip(keys, (one for one in figured if isinstance(one, Estimate)), strict=True))
    made["html"] = {}
    if pages["segments"] is None:  # something is known of everybody, so there is nothing to show
        everybody = made["known"][made["known"]["attribute"] == known_attributes.ANY]
        assert (everybody["n_known"] == everybody["n_customers"]).all()
        del pages["segments"]
    for name, page in pages.items():
        assert isinstance(page, ShownTable | CannotSay), name
        text = page.html if isinstance(page, ShownTable) else f"{page.reason} {page.cure}"
        assert text and ">nan<" not in text.lower() and "nan%" not in text.lower(), name
        made["html"][name] = text
    return made


def said(made):
    return [one.replace("\xa0", " ") for one in made["findings"] if isinstance(one, str)]


# --- correct ------------------------------------------------------------------------------------


def test_what_differs_is_found_with_its_size(client):
    frame = people()
    made = run(client({"transactions": orders(), "customers": frame}))
    often = np.arange(600) % 2 == 0
    gap = (frame["gender"] == "female")[often].mean() - (frame["gender"] == "female")[~often].mean()
    found = made["found"]
    row = found[(found["segment"] == "champions") & (found["level"] == "female")].iloc[0]
    # Nearly all who buy six times have three purchase days or more; the rest are no champions.
    assert row["difference"] == pytest.approx(100 * gap, abs=3) and row["verdict"] == "more"
    key = ("profile_difference", (("attribute", "gender"), ("level", "female"), ("segment", "champions")))
    assert made["figures"][key].value == row["difference"]
    assert made["strength"]["attribute"].iloc[0] == "gender"
    assert "female" in said(made)[0] and "Segments differ by more than chance in 1 of 4" in said(made)[0]
    # Of two levels that mirror each other one is listed.
    assert made["html"]["differences"].count("<tr>") == 3
    figures.level_differences(profiles.cells_of(found))
    figures.attribute_effects(made["strength"])


def test_columns_are_compared_as_what_they_are(client):
    made = run(client({"transactions": orders(), "customers": people()}))
    rows = made["chosen"].set_index("column")
    used = rows["use"].where(rows["use"].notna(), rows["why_not"]).to_dict()
    assert used == {
        "gender": "levels",
        "revenue": "levels",
        "age": "number",
        "city": "levels",
        "acquired_date": "date",
        "card": "id",
        "empty": "empty",
        "always": "constant",
        "attitude_price": "attitude",
    }
    assert rows["is_place"].to_dict()["city"] and rows["is_place"].sum() == 1
    # Blank and NaN are not known; None is a word of the client's. A column called revenue is not what they bought.
    levels = made["counts"].query("attribute == 'revenue'")
    assert set(levels["level"].dropna()) == {"small firm", "None"} and "missing" in set(levels["kind"])
    assert "Columns of attitudes, left to their own part of this study: 1." in made["html"]["choice"]


def test_places_are_the_ten_largest_and_the_rest(client):
    frame = people()
    made = run(client({"transactions": orders(), "customers": frame}))
    found = made["places"]
    assert found["kind"].tolist() == ["level"] * 10 + ["other"]
    assert found["n_customers"].sum() == 600 and found["revenue_share"].sum() == pytest.approx(1)
    bought = orders().groupby("customer_id")["revenue"].sum()
    city = frame.set_index("customer_id")["city"]
    first = found.iloc[0]
    assert first["revenue_mean"] == pytest.approx(bought[city[city == first["level"]].index].mean())
    assert first["others"] == pytest.approx(bought[city[city != first["level"]].index].mean())
    assert any("In none of" in one for one in said(made))


@pytest.mark.parametrize(
    ("name", "is_place"),
    [("region", True), ("city_tier", True), ("HomeState", True), ("customer_state", True), ("zipCode", True),
     ("marital_state", False), ("loyalty_tier", False), ("capacity", False), ("省", True), ("所在城市", True),
     ("市场", False)],
)  # fmt: skip
def test_places_are_told_by_their_names(client, name, is_place):
    frame = people()[["customer_id", "city"]].rename(columns={"city": name})
    made = run(client({"transactions": orders(), "customers": frame}))
    assert made["chosen"]["is_place"].tolist() == [is_place]


def test_the_parameter_file_names_columns_and_places(client):
    asked = {"attributes": ["gender", "attitude_price"], "geography": ["age"]}
    made = run(client({"transactions": orders(), "customers": people()}, segmentation=asked))
    rows = made["chosen"].set_index("column")
    assert rows["use"].to_dict() == {"gender": "levels", "attitude_price": "levels", "age": "levels"}
    assert rows["is_place"].to_dict() == {"gender": False, "attitude_price": False, "age": True}


# --- honest -------------------------------------------------------------------------------------


def test_those_who_are_not_known_are_counted_and_compared(client):
    known = people().iloc[::2].head(200)
    strangers = people().head(30).assign(customer_id=[f"x{i}" for i in range(30)])
    made = run(client({"transactions": orders(), "customers": pd.concat([known, strangers])}))
    share = made["figures"]["known_attribute_share", ()]
    assert share.value == pytest.approx(200 / 600) and share.low is None
    row = made["gaps"].query("measure == 'revenue'").iloc[0]
    bought = orders().groupby("customer_id")["revenue"].sum()
    assert row["value"] == pytest.approx(bought[known["customer_id"]].mean())
    assert row["others"] == pytest.approx(bought.drop(known["customer_id"]).mean())
    assert row["verdict"] == "more"
    words = next(one for one in said(made) if one.startswith("Attributes are known of"))
    assert "200 of 600 customers who bought; of the other 400" in words and "not like the others" in words
    assert "400 customers who bought have no row" in made["html"]["known"]
    assert "30 rows of the table customers belong to nobody who bought" in made["html"]["known"]
    # Four attributes are missing for the same customers, one for more of them: two comparisons, not six.
    assert made["gaps"]["attribute"].drop_duplicates().tolist() == ["(any)", "revenue"]


def test_those_who_are_not_known_may_buy_alike(client):
    known = people().iloc[:300]
    made = run(client({"transactions": orders(), "customers": known}))
    assert any("The two buy alike" in one for one in said(made))


def test_clusters_have_figures_of_their_own(client):
    study = client({"transactions": orders(), "customers": people()})
    made = run(study, group=lambda table: table.mutate(cluster=table.n_orders % 2), by="cluster")
    assert all(dict(key[1]).get("by") == "cluster" for key in made["figures"] if key[0].startswith("profile"))
    assert set(made["found"]["segment"]) == {"0", "1"}


# --- refuses ------------------------------------------------------------------------------------


def test_without_customers_it_says_how_to_add_them(client):
    made = run(client({"transactions": orders()}))
    assert isinstance(made["people"], CannotSay) and "data.customers" in made["people"].cure
    assert made["strength"] == made["people"] == made["places"] and not said(made)


def test_an_unknown_column_is_named_with_what_there_is(client):
    study = client({"transactions": orders(), "customers": people()}, segmentation={"attributes": ["gendre"]})
    reason = run(study)["chosen"]
    assert reason.reason == (
        "segmentation.attributes names gendre, which is no column of the table customers; did you mean gender?"
    )
    assert reason.cure.startswith("Its columns are acquired_date, ") or "gender, " in reason.cure
    study = client({"transactions": orders(), "customers": people()})
    grouped = segmentation.summarise(study)
    assert "no column cluster to compare" in profiles.gather(study, grouped, by="cluster").reason


def test_one_segment_has_nothing_to_be_compared_with(client):
    study = client({"transactions": orders(), "customers": people()})
    made = run(study, group=lambda table: table.mutate(rfm_segment=ibis.literal("loyal")))
    assert "there is nothing to compare" in made["strength"].reason
    assert made["found"] == made["strength"] and isinstance(made["places"], pd.DataFrame)


@pytest.mark.parametrize(
    "columns", [["customer_id", "empty"], ["customer_id", "always"], ["customer_id", "card"]]
)
def test_nothing_to_compare_by(client, columns):
    made = run(client({"transactions": orders(), "customers": people()[columns]}))
    assert "No column of the table customers can be compared by" in made["strength"].reason
    assert "says where customers live" in made["places"].reason


def test_one_customer(client):
    made = run(client({"transactions": orders(1), "customers": people(1)}))
    assert isinstance(made["strength"], CannotSay)


def test_small_segments_are_named_not_rated(client):
    study = client({"transactions": orders(), "customers": people()})

    def few(table):
        small = table.customer_id.cast("int64") < 20
        return table.mutate(rfm_segment=small.ifelse("at_risk", table.rfm_segment))

    made = run(study, group=few)
    assert (
        "fewer than 30 of their customers have the attribute known: At risk." in made["html"]["differences"]
    )
    assert set(made["found"].query("segment == 'at_risk'")["verdict"]) == {"suppressed"}
    assert not any(("segment", "at_risk") in key[1] for key in made["figures"])
