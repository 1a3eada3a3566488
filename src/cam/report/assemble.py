"""What the studies left -> the files of a report, in the folder that will be published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cam import key_figures
from cam.changes import compare
from cam.data import Prepared
from cam.key_figures import Row
from cam.language import translate, use
from cam.params import Params
from cam.report import overview, pages
from cam.report.customers_file import write_customers
from cam.report.customers_sheet import customer_sheets
from cam.report.execute import Result
from cam.report.glossary import read_glossary
from cam.report.glosses import read_glosses
from cam.report.page import Page
from cam.report.processes import Aside
from cam.report.scorecard import missing, nobody, scorecard
from cam.report.since import EARLIER
from cam.report.workbook import (
    About,
    figures_sheet,
    findings_sheet,
    glossary_sheet,
    reconciliation_sheet,
    study_sheet,
    write_workbook,
)
from cam.schema import STARTING_TABLES
from cam.studies.reconciliation import data_period, reconcile, show_reconciliation


def assemble(
    staging: Path,
    params: Params,
    prepared: Prepared,
    frame: Mapping[str, Page],
    results: Mapping[str, Result],
    *,
    earlier: Sequence[Row] = (),
) -> None:
    """Write every file of the report but ``run.json``.

    Parameters
    ----------
    staging : Path
        The folder to be published; ``.studies/<name>/`` holds what each study left.
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.
    frame : mapping of str to Page
        From :func:`frames`.
    results : mapping of str to Result
        How each study ended, in order.
    earlier : sequence of dict
        Key figures of an earlier report, to say what changed; may be empty.
    """
    (staging / "notebooks").mkdir()
    done = [name for name, result in results.items() if result.status == "done"]
    for name in results:
        if (executed := _left(staging, name, "ipynb")).is_file():
            shutil.copyfile(executed, staging / "notebooks" / f"{name}.ipynb")
        if name in done:
            shutil.copyfile(_left(staging, name, "html"), staging / f"{name}.html")
    figures = [row for name in done for row in key_figures.read(_left(staging, name, "csv"))]
    findings = {name: json.loads(_left(staging, name, "findings.json").read_text("utf-8")) for name in done}
    # The renderer takes long to import; a process that has it already writes beside this one.
    with Aside(_write_pages, staging, params, prepared, frame, results, figures, findings, earlier):
        key_figures.write(staging / "key_figures.csv", figures)
        if earlier:
            key_figures.write(staging / EARLIER, earlier)
        _write_customers(staging, prepared, done)
        lines = reconcile(params, prepared)
        rows = [[_plain(value) for value in row] for row in lines.to_numpy().tolist()]
        customers, explained = customer_sheets(staging / "customers.parquet", currency=params.client.currency)
        write_workbook(
            staging / "workbook.xlsx",
            about=About(params.client.title, data_period(prepared), prepared.as_of, params.client.currency),
            sheets=[
                findings_sheet(
                    [(pages.label(name), text) for name in done for text in findings[name]["findings"]]
                ),
                *(study_sheet(sheet, study=name) for name in done for sheet in _sheets(staging, name)),
                figures_sheet(figures),
                customers,
                explained,
                reconciliation_sheet(list(lines.columns), rows, currency=params.client.currency),
                glossary_sheet(),
            ],
        )


def _write_pages(
    staging: Path,
    params: Params,
    prepared: Prepared,
    frame: Mapping[str, Page],
    results: Mapping[str, Result],
    figures: Sequence[Row],
    findings: Mapping[str, Any],
    earlier: Sequence[Row],
) -> None:
    """Write the overview, what changed since last time, and a page for every study that failed."""
    import nbformat

    from cam.report.render import render_failure, render_index

    use(params.client.language)
    changes = compare(earlier, figures) if earlier and figures else None
    said = [one for name, left in findings.items() for one in overview.said(name, left)]
    first = overview.most_valuable(said)
    lists = []
    for name, result in results.items():
        if result.status == "done":
            path = staging / f"{name}.html"
            told = pages.changes_section(changes, study=name) if changes else ""
            html = path.read_text(encoding="utf-8").replace(pages.SINCE_MARK, told, 1)
            path.write_text(html, encoding="utf-8", newline="\n")
            lists += overview.announced(name, _sheets(staging, name), html)
        if result.status != "done":
            executed = staging / "notebooks" / f"{name}.ipynb"
            html = render_failure(
                nbformat.read(executed, as_version=4) if executed.is_file() else None,
                frame[name],
                message=result.message,
                notebook_href=f"notebooks/{name}.ipynb" if executed.is_file() else None,
                translate=translate,
            )
            (staging / f"{name}.html").write_text(html, encoding="utf-8", newline="\n")
    cards, notes = scorecard(figures, params=params, changes=changes)
    lacking = missing(figures, params=params, tables=prepared.tables, studies=list(findings))
    index = render_index(
        frame["index"],
        scorecard=cards,
        scorecard_notes=[note for note in (nobody(prepared.review), notes, lacking) if note],
        since=pages.changes_section(changes) if changes else "",
        matters=(overview.order_text(first), first),
        lists=lists,
        findings=[
            (pages.label(name), f"{name}.html", pages.finding_list(others))
            for name in findings
            if (others := [one.text for one in said if one.study == name and one not in first])
        ],
        reconciliation=show_reconciliation(params, prepared).html,
        downloads=[(href, translate(about)) for href, about in pages.DOWNLOADS],
        not_run=_silent(results, findings),
        translate=translate,
    )
    (staging / "index.html").write_text(index, encoding="utf-8", newline="\n")


def _left(staging: Path, name: str, suffix: str) -> Path:
    return staging / ".studies" / name / f"{name}.{suffix}"


def _sheets(staging: Path, name: str) -> list[dict[str, Any]]:
    path = _left(staging, name, "sheets.json")
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path.is_file() else []
    return found


def frames(params: Params, prepared: Prepared, names: Sequence[str]) -> dict[str, Page]:
    """Say what surrounds the text of every page.

    Parameters
    ----------
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.
    names : sequence of str
        The studies of this report, in order.

    Returns
    -------
    dict of str to Page
        By the study's name; the overview is ``index``.
    """
    from cam import __version__

    glosses = read_glosses(read_glossary(), language=params.client.language)
    links = pages.navigation(names)
    provenance = (
        (translate("Client"), params.client.title),
        (translate("Content of data and their parameters"), prepared.key[:16]),
        ("cam", __version__),
    )
    return {
        name: Page(
            client=params.client.title,
            language=params.client.language,
            period=data_period(prepared),
            as_of=prepared.as_of.isoformat(),
            navigation=links,
            href=f"{name}.html",
            provenance=provenance,
            brand=params.section("client")["brand"],
            glosses=glosses,
        )
        for name in ("index", *names)
    }


def _silent(
    results: Mapping[str, Result], findings: Mapping[str, Any]
) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Studies that failed or had nothing to say, each with the reasons."""
    rows = []
    stopped = translate("The study stopped before its end: its page says why.")  # in no words of the machine
    for name, result in results.items():
        if result.status != "done":
            rows.append((pages.label(name), f"{name}.html", [("", stopped)]))
        elif not findings[name]["findings"]:
            rows.append((pages.label(name), f"{name}.html", overview.wanted(findings[name])))
    return rows


def _write_customers(staging: Path, prepared: Prepared, done: Sequence[str]) -> None:
    """Join the studies' scores into ``customers.parquet``, one row per customer."""
    scores = [path for name in done if (path := _left(staging, name, "scores.parquet")).is_file()]
    bases = [
        name
        for name in STARTING_TABLES
        if name in prepared.tables and "customer_id" in prepared.review["tables"][name]["columns"]
    ]
    base = [prepared.path(name) for name in bases[:1]]
    write_customers(scores, base, staging / "customers.parquet")


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value  # NaN is the number that differs from itself
