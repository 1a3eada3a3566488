"""Markup, formulas and templates in a client's data stay text: in a real browser and in the workbook."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hostile.room import Room, Server
from report.browser import chromium, open_page

from cam.project import cache_folder
from cam.samples import sample_path

STUDIES = ("01_segmentation", "02_lifecycle", "03_clv_cac", "04_satisfaction_nps", "05_churn")
PAGES = ("index", *STUDIES)

#: What does something somewhere: in a page, in a workbook, in a template, in Markdown, in a formula, in a figure.
HOSTILE = (
    "<script>window.pwned=1</script>",
    "<img src=x onerror=window.pwned=1>",
    '"><svg onload=window.pwned=1>',
    "</script><script>window.pwned=1</script>",
    "</title></style></svg><script>window.pwned=1</script>",
    "' onmouseover='window.pwned=1' x='",
    "javascript:window.pwned=1",
    "[a](javascript:window.pwned=1)",
    "<a href=javascript:window.pwned=1>a</a>",
    "{{7*7}}{% raw %}",
    "{0.__class__} {x} %(x)s %n",
    "$x^2$ $\\frac{$ \\(a\\)",
    "`id` __b__ ||",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(A1:A9)",
    "-2+3",
    "<!-- ]]> &amp; &lt;b&gt;",
)
#: Tables of the demo client, and the columns whose words are replaced.
WORDS = {
    "transactions": ("channel", "category"),
    "customers": ("acquisition_channel", "gender", "income", "region"),
    "spend": ("channel",),
    "leads": ("channel",),
    "responses": ("touchpoint", "wave"),
    "tickets": ("category", "channel", "status"),
    "contracts": (),
}
#: Where in the list each column begins; a channel is the same one in every table.
SHIFT = {
    "channel": 0, "acquisition_channel": 0, "category": 5, "touchpoint": 11,
    "wave": 14, "status": 3, "gender": 9, "income": 12, "region": 7,
}  # fmt: skip
#: Attributes whose own names are markup.
NAMES = {"gender": "<img src=x onerror=window.pwned=1>", "region": "=cmd|' /C calc'!A1 $x^2$ {{7*7}}"}


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def select(table: str, path: Path) -> str:
    """The rows of every eighth customer, in hostile words."""
    columns = [row[0] for row in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
    words = f"[{', '.join(map(quoted, HOSTILE))}]"
    # A star in an id masks it; such an id is refused, and is no id of this client.
    of_ids = f"[{', '.join(quoted(word) for word in HOSTILE if '*' not in word)}]"
    parts = []
    for name in columns:
        at = f"CAST(hash({name}) % {{n}} AS INT) + 1"
        value = name
        if name == "customer_id":
            spelled = f"{of_ids}[{at.format(n=len(HOSTILE) - 1)}] || {name}"
            value = f"CASE WHEN hash({name}) % 5 = 0 THEN {spelled} ELSE {name} END"
        elif name in WORDS[table]:
            # One after the other, so that every one of them stands somewhere; with its own word, so that none is lost.
            found = duckdb.sql(
                f"SELECT DISTINCT {name} FROM '{path}' WHERE {name} IS NOT NULL ORDER BY 1"
            ).fetchall()
            known = {
                str(word): HOSTILE[(index + SHIFT[name]) % len(HOSTILE)]
                for index, (word,) in enumerate(found)
            }
            cases = " ".join(
                f"WHEN {quoted(word)} THEN {quoted(f'{sign} {word}')}" for word, sign in known.items()
            )
            value = f"CASE CAST({name} AS VARCHAR) {cases} END"
        elif name == "comment":
            value = f"{name} || ' ' || {words}[{at.format(n=len(HOSTILE))}]"
        parts.append(f'{value} AS "{NAMES.get(name, name)}"')
    kept = "WHERE customer_id IS NULL OR hash(customer_id) % 8 = 0" if "customer_id" in columns else ""
    return f"SELECT {', '.join(parts)} FROM '{path}' {kept}"


def write_client(folder: Path) -> dict[str, Any]:
    for table in WORDS:
        path = sample_path(f"sample:demo/{table}.csv", cache=cache_folder() / "samples")
        duckdb.sql(f"COPY ({select(table, path)}) TO '{folder / table}.csv' (HEADER)")
    return {
        "client": {
            "name": "<script>window.pwned=1</script> & {{7*7}} $x^2$",
            "currency": "CNY",
            "as_of": "2026-06-30",
            "brand": {"footer": "<img src=x onerror=window.pwned=1> {{7*7}} `id`"},
        },
        "data": {table: {"path": str(folder / f"{table}.csv")} for table in WORDS},
        "value": {"setting": "non_contractual"},
    }


@pytest.fixture(scope="module")
def report(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    chromium()
    folder = tmp_path_factory.mktemp("markup")
    room = Room(folder, server, lambda name, value: None)
    path = room.params(write_client(folder))
    outcome = room.cam("report", path, "--out", folder / "out", limit=600)
    assert outcome.code == 0, outcome.told
    yield folder / "out" / "acme"


LOOK = """(() => {
    document.querySelectorAll('details').forEach(d => d.open = true);
    document.querySelectorAll('button').forEach(b => b.click());
    document.querySelectorAll('td, th, p, li, text').forEach(e => e.dispatchEvent(new Event('mouseover')));
    const handlers = [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])
        .filter(a => a.name.startsWith('on')).map(a => a.name + '=' + a.value);
    const links = [...document.querySelectorAll('[href]')].map(e => e.getAttribute('href'))
        .filter(h => /^\\s*(javascript|vbscript|data:text)/i.test(h));
    const scripts = [...document.scripts].filter(s => s.textContent.includes('pwned')).length;
    const images = document.querySelectorAll('img[src="x"]').length;
    return new Promise(done => setTimeout(() => done(
        [window.pwned, handlers, links, scripts, images, document.title, document.body.textContent]), 200));
})()"""


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_nothing_of_the_data_runs(report: Path, page: str) -> None:
    visit = open_page(report / f"{page}.html", script=LOOK)
    pwned, handlers, links, scripts, images, title, text = visit.answer
    assert pwned is None
    assert (handlers, links, scripts, images) == ([], [], 0, 0)
    assert visit.console_errors == () and visit.requests == ()
    # It is shown as it was written, by the client's own name, and in the footer.
    assert "<script>window.pwned=1</script> & {{7*7}} $x^2$" in text
    assert "<img src=x onerror=window.pwned=1> {{7*7}} `id`" in text
    assert "<script>" in title
    assert visit.scroll_width <= visit.width


@pytest.mark.slow
def test_all_of_it_is_shown_as_it_was_written(report: Path) -> None:
    text = " ".join(open_page(report / f"{page}.html", script=LOOK).answer[-1] for page in PAGES)
    used = {
        row[0]
        for table, columns in WORDS.items()
        for column in columns
        if column in {"channel", "acquisition_channel", "touchpoint"} and table != "leads"
        for row in duckdb.sql(
            f"SELECT DISTINCT \"{NAMES.get(column, column)}\" FROM '{report.parents[1] / table}.csv'"
        ).fetchall()
        if row[0]
    }
    lost = sorted(word for word in used if word not in text)
    assert not lost
    assert "49" not in re.findall(r"\{?\{?(\d+)\}?\}?\{% raw %\}", text)


@pytest.mark.slow
def test_the_workbook_holds_text_alone(report: Path) -> None:
    with zipfile.ZipFile(report / "workbook.xlsx") as archive:
        names = archive.namelist()
        for name in names:
            part = archive.read(name)
            if name.startswith("xl/worksheets/"):
                assert b"<f>" not in part and b"<f " not in part and b"<hyperlink" not in part, name
        assert not [
            name for name in names if re.search("externalLink|vbaProject|connections|queryTable", name)
        ]
        targets = [
            re.findall(rb'TargetMode="External"', archive.read(name))
            for name in names
            if name.endswith(".rels")
        ]
        assert not any(targets)
        words = b"".join(archive.read(name) for name in names if name.endswith(".xml")).decode()
    assert "=cmd|&#39; /C calc" in words or "=cmd|' /C calc" in words
    assert "&lt;script&gt;window.pwned=1" in words


@pytest.mark.slow
def test_no_cell_of_the_csv_begins_like_a_formula(report: Path) -> None:
    with (report / "key_figures.csv").open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    odd = [
        cell
        for cell in cells
        if cell[:1] in {"=", "+", "@", "-", "\t", "\r"} and not re.fullmatch(r"-?[0-9.e+-]+", cell)
    ]
    assert not odd
    assert any("cmd|" in cell for cell in cells)


@pytest.mark.slow
def test_notebooks_are_json_and_hold_no_markup_of_the_data(report: Path) -> None:
    for path in (report / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        shown = [
            "".join(output.get("data", {}).get("text/html", ""))
            for cell in cells
            for output in cell.get("outputs", [])
        ]
        assert not [html for html in shown if "<script>window" in html or "<img src=x" in html], path.name
