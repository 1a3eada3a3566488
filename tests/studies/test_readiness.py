"""What the check says of each study: its parts are the notebooks' sections, and it knows what is missing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from cam.data.profile import profile
from cam.project import project_root
from cam.studies.client import STUDIES
from cam.studies.readiness import PARTS, UNTOLD, answers, answers_of
from cam.studies.study import _only

#: Sections that every notebook has, and that say nothing of the client.
FRAME = {
    "The data",
    "Findings",
    "What this does not tell you",
    "Key figures",
    "Provenance",
    "Exercises",
    "References",
}


def sections(study: str) -> list[str]:
    cells = json.loads((project_root() / "notebooks" / f"{study}.ipynb").read_text("utf-8"))["cells"]
    lines = [
        line
        for cell in cells
        if cell["cell_type"] == "markdown"
        for line in "".join(cell["source"]).splitlines()
    ]
    return [line[3:].strip() for line in lines if line.startswith("## ")]


# --- consistent -----------------------------------------------------------------------------------


@pytest.mark.parametrize("study", STUDIES)
def test_every_section_of_a_notebook_belongs_to_one_part(study: str) -> None:
    """A new section, or a new name of one, must be told here too."""
    told = [name for part in PARTS[study] for name in part.sections]
    assert len(told) == len(set(told))
    assert {name for name in sections(study) if name not in FRAME and name not in UNTOLD} == set(told)


def test_names_of_parts_differ_within_a_study() -> None:
    for parts in PARTS.values():
        names = [part.name for part in parts]
        assert len(names) == len(set(names))


# --- correct --------------------------------------------------------------------------------------


def orders(n: int = 40, days: int = 700) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"c{k % n}" for k in range(4 * n)],
            "order_date": pd.date_range("2026-06-30", periods=4 * n, freq=f"-{days * 24 // (4 * n)}h"),
            "revenue": [10.0 + k % 7 for k in range(4 * n)],
        }
    )


def states(study, **params) -> dict[tuple[str, str], tuple[str, str, str]]:
    found = answers(study.params, study.prepared, profile(study.prepared))
    return {
        (one.study[:2], one.part): (
            one.state,
            one.said.reason if one.said else "",
            one.said.cure if one.said else "",
        )
        for one in found
    }


def test_orders_alone(client) -> None:
    said = states(client({"transactions": orders()}))
    assert said["01", "RFM segments"] == ("ready", "", "")
    assert said["01", "buying habits"][0] == "not"
    assert "one of channel, category, discount" in said["01", "buying habits"][1]
    assert said["03", "profit by customer"] == (
        "not",
        "Margin is not known: transactions have no cost.",
        "Set value.margin_rate, or map the column cost under data.transactions.columns.",
    )
    assert said["04", "scores"][1:] == ("This needs the table responses.", "Add it under data.responses.")
    assert said["05", "churn rate"][0] == "ready"
    assert (
        said["05", "retention list"][0] == "not"
        and "churn.offer.offer_cost" in said["05", "retention list"][2]
    )
    # What does not apply is not said to be missing.
    assert ("03", "value of contracts") not in said


def test_a_short_history_is_said_with_its_days(client) -> None:
    said = states(client({"transactions": orders(days=50)}))
    assert said["05", "churn rate"][0] == "not"
    assert "the label needs 365 to see who was there and 90" in said["05", "churn rate"][1]
    assert said["01", "moves between segments"][0] == "not"


def test_parameters_open_what_they_open(client) -> None:
    offer = {"offer": {"offer_cost": 5.0, "contact_cost": 1.0}}
    said = states(client({"transactions": orders()}, value={"margin_rate": 0.3}, churn=offer))
    assert said["05", "retention list"][0] == said["03", "profit by customer"][0] == "ready"


def test_both_ways_of_leaving_ask_for_the_setting(client) -> None:
    contracts = pd.DataFrame(
        {"customer_id": ["c1", "c2"], "start_date": ["2024-01-01"] * 2, "end_date": ["2025-01-01", None]}
    )
    said = states(client({"transactions": orders(), "contracts": contracts}))
    state, reason, cure = said["03", "earned so far"]
    assert state == "not" and reason.startswith("There are both") and "value.setting" in cure


def test_contracts_without_an_end(client) -> None:
    contracts = pd.DataFrame(
        {"customer_id": ["c1", "c2"], "start_date": ["2024-01-01"] * 2, "end_date": [None, None]}
    )
    said = states(client({"contracts": contracts}))
    assert said["05", "churn rate"][:2] == (
        "not",
        "No contract has an end, as in an export that holds running contracts only.",
    )
    assert said["02", "how long customers stay"][0] == "not"


def test_comments_too_few_are_said_in_part(client) -> None:
    answered = pd.DataFrame(
        {
            "response_date": [date(2026, 5, 1 + k % 28) for k in range(60)],
            "customer_id": [f"c{k}" for k in range(60)],
            "nps": [k % 11 for k in range(60)],
            "comment": ["slow delivery"] * 60,
        }
    )
    said = states(client({"responses": answered}))
    assert said["04", "scores"][0] == "ready"
    assert said["04", "comments"] == ("partly", "60 comments are too few for themes: 100 are needed.", "")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_that_is_silent_asks_by_its_own_sections_alone(client, name: str) -> None:
    """What it lacks is told inside its run, where it has no other sections of the parameter file."""
    study = client({"transactions": orders()})
    own = replace(study, name=name, params=_only(study.params, name))
    seen = profile(study.prepared)
    assert answers_of(own, name, seen) == [
        one for one in answers(study.params, study.prepared, seen) if one.study == name
    ]
    assert answers_of(own, "07_own_study", seen) == []
