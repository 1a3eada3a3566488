"""The template: every key once, nothing stale, and YAML as soon as its signs of comment are gone."""

from __future__ import annotations

import re

import yaml

from cam.params.sections import SECTIONS, Client, Params
from cam.params.sources import Options, Source
from cam.params.template import template
from cam.project import project_root
from cam.schema import TABLES


def uncommented() -> dict:
    return yaml.safe_load(re.sub(r"(?m)^# ( *[a-z_]+:)", r"\1", template()))


def test_the_committed_file_is_the_generated_one():
    committed = (project_root() / "params/template.yaml").read_text(encoding="utf-8")
    assert committed == template(), "run: .venv/bin/python -m cam.params.template > params/template.yaml"


def test_every_line_is_a_comment_or_blank_and_fits_a_screen():
    for line in template().splitlines():
        assert not line or line.startswith("#")
        assert len(line) <= 120, line


def test_uncommented_it_holds_every_section_table_and_key_and_no_other():
    found = uncommented()
    assert tuple(found) == SECTIONS
    assert set(found["client"]) == set(Client.model_fields)
    assert set(found["data"]) == {"engine", "root", "ignore_case", *TABLES}
    assert set(found["data"]["transactions"]) == set(Source.model_fields)
    assert set(found["data"]["transactions"]["options"]) == set(Options.model_fields)
    for name, table in TABLES.items():
        columns = found["data"][name]["columns"]
        assert columns == {column.name: column.name for column in table.columns}
    for name in SECTIONS[2:]:
        assert set(found[name]) == set(Params.model_fields[name].annotation.model_fields)


def test_its_values_are_the_defaults():
    found = uncommented()

    def filled(value):
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items() if filled(inner) not in (None, {})}
        return value

    for table in (
        "refunds",
        "customers",
        "contracts",
        "snapshot",
        "spend",
        "leads",
        "responses",
        "tickets",
        "experiment",
    ):
        del found["data"][table]
    found["data"]["transactions"]["path"] = "orders.csv"
    given = Params.model_validate(filled(found | {"client": found["client"] | {"id": "acme"}}))
    plain = Params.model_validate(
        {"client": {"id": "acme"}, "data": {"transactions": {"path": "orders.csv"}}}
    )
    for name in ("client", *SECTIONS[2:]):
        assert given.section(name) == plain.section(name), name
    assert given.data.transactions.options == plain.data.transactions.options
