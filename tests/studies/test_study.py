"""What a study leaves for the report: its findings with their stakes, and its lists."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.studies.action_lists import ActionList, Line

GAIN = Estimate("retention_gain", 9.0, "EUR", 3, 1.0, 17.0)


def one_order():
    return pd.DataFrame({"customer_id": ["a"], "order_date": ["2026-06-01"], "revenue": [1.0]})


def left(study, kind):
    return json.loads((study.folder / f"{study.name}.{kind}.json").read_text("utf-8"))


def test_findings_are_left_with_what_is_at_stake(client):
    study = replace(client({"transactions": one_order()}), is_run=True)
    study.keep_findings(
        [
            Finding("Call.", stake=GAIN, can_be_moved=True),
            "Look.",
            Finding("Wait."),
            CannotSay("Few.", "More."),
        ]
    )
    assert left(study, "findings") == {
        "findings": ["Call.", "Look.", "Wait."],
        "stakes": [{"estimate": asdict(GAIN), "can_be_moved": True}, None, None],
        "cannot_say": ["Few. More."],
        "missing": [],
    }


def test_a_study_without_a_finding_leaves_what_it_lacks(client):
    study = replace(client({"transactions": one_order()}), is_run=True, name="04_satisfaction_nps")
    study.keep_findings([CannotSay("No answers.")])
    missing = left(study, "findings")["missing"]
    assert missing[0]["reason"] == "This needs the table responses." and "scores" in missing[0]["parts"]


def test_a_sheet_is_left_with_what_the_overview_says_of_it_and_once(client):
    study = replace(client({"transactions": one_order()}), is_run=True)
    told = ActionList("Whom to call.", 3, GAIN, "expected gain", (Line("Call half."),), "Whom to call first")
    study.keep_sheet("Actions", pd.DataFrame({"a": [1]}))
    for _again in range(2):
        study.keep_sheet("Retention list", pd.DataFrame({"b": [2]}), told)
    study.keep_sheet("Empty", CannotSay("Nobody."), told)
    plain, listed = left(study, "sheets")
    assert plain == {"title": "Actions", "columns": ["a"], "rows": [[1]]}
    assert listed["about"] == json.loads(json.dumps(asdict(told))) and listed["rows"] == [[2]]
