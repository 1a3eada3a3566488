"""What a study leaves for the report: its findings with their stakes, and its lists."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace

import pandas as pd

from cam.estimate import CannotSay, Estimate, Finding
from cam.studies.action_lists import ActionList, Line
from cam.studies.study import open_engine

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


def test_engines_spill_into_folders_of_their_own_and_leave_none(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one, other = open_engine(), open_engine()
    for engine in (one, other):
        engine.raw_sql("SET memory_limit = '60MB'")
        engine.raw_sql(
            "CREATE TABLE spilt AS SELECT hash(i) AS a, hash(i + 1) AS b FROM range(6000000) AS r(i)"
        )
    assert len(list(tmp_path.iterdir())) == 2
    one.disconnect()
    # What the other has written is still there after the first has gone.
    assert int(other.table("spilt").count().execute()) == 6_000_000
    assert int(other.table("spilt").a.nunique().execute()) == 6_000_000
    other.disconnect()
    assert not list(tmp_path.iterdir())


def test_a_study_says_what_it_may_hold_in_memory():
    (limit,) = open_engine().raw_sql("SELECT current_setting('memory_limit')").fetchone()
    assert limit == "1.1 GiB"  # 1,200 MB
