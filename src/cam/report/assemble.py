"""What the studies left -> the files of a report, in the folder that will be published."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import nbformat

from cam import key_figures
from cam.data import Prepared
from cam.data.engine import identifier, literal
from cam.errors import StudyError
from cam.language import date_text, period_text, translate
from cam.params import Params
from cam.report import pages
from cam.report.execute import Result
from cam.report.render import Page, render_failure, render_index, render_page
from cam.report.workbook import MAX_CUSTOMERS, write_workbook
from cam.schema import STARTING_TABLES
from cam.studies.overview import reconcile, show_review


def assemble(
    staging: Path, params: Params, prepared: Prepared, names: Sequence[str], results: Mapping[str, Result]
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
    names : sequence of str
        The studies of this report, in order.
    results : mapping of str to Result
        Of those that ran now; the others were kept.
    """
    (staging / "notebooks").mkdir()
    failed = {name: result for name, result in results.items() if result.status != "done"}
    done = [name for name in names if name not in failed]
    frame = _frame(params, prepared, names)
    for name in names:
        source = staging / ".studies" / name / f"{name}.ipynb"
        if source.is_file():
            shutil.copyfile(source, staging / "notebooks" / f"{name}.ipynb")
        failure = failed[name].message if name in failed else _render(staging, name, frame[name])
        if failure:
            _render_failed(staging, name, frame[name], failure)
            done = [other for other in done if other != name]
    figures = [row for name in done for row in key_figures.read(_left(staging, name, "csv"))]
    key_figures.write(staging / "key_figures.csv", figures)
    findings = {name: json.loads(_left(staging, name, "findings.json").read_text("utf-8")) for name in done}
    columns = _write_customers(staging, prepared, done)
    reconciliation = reconcile(params, prepared)
    index = render_index(
        frame["index"],
        scorecard=pages.scorecard(figures),
        findings=[
            (pages.label(name), f"{name}.html", pages.finding_list(findings[name]["findings"]))
            for name in done
            if findings[name]["findings"]
        ],
        reconciliation=show_review(params, prepared).html,
        downloads=[(href, translate(about)) for href, about in pages.DOWNLOADS],
        not_run=_silent(names, done, findings, failed),
        translate=translate,
    )
    (staging / "index.html").write_text(index, encoding="utf-8", newline="\n")
    write_workbook(
        staging / "workbook.xlsx",
        as_of=prepared.as_of,
        figures=figures,
        findings=[(pages.label(name), text) for name in done for text in findings[name]["findings"]],
        reconciliation=[tuple(_plain(value) for value in row) for row in reconciliation.to_numpy().tolist()],
        customers=_customers(staging / "customers.parquet", columns),
    )


def _left(staging: Path, name: str, suffix: str) -> Path:
    return staging / ".studies" / name / f"{name}.{suffix}"


def _frame(params: Params, prepared: Prepared, names: Sequence[str]) -> dict[str, Page]:
    """What surrounds the text of every page."""
    from cam import __version__

    review = prepared.review["tables"].get("transactions")
    period = (
        period_text(date.fromisoformat(review["first_date"]), prepared.as_of)
        if review
        else date_text(prepared.as_of)
    )
    brand = {key: value for key, value in params.section("client")["brand"].items() if value}
    links = pages.navigation(names)
    provenance = (
        (translate("Client"), params.client.title),
        (translate("Last day seen"), prepared.as_of.isoformat()),
        (translate("Content of data and their parameters"), prepared.key[:16]),
        ("cam", __version__),
    )
    return {
        name: Page(
            client=params.client.title,
            language=params.client.language,
            period=period,
            as_of=prepared.as_of.isoformat(),
            navigation=links,
            href=f"{name}.html",
            provenance=provenance,
            brand=brand,
        )
        for name in ("index", *names)
    }


def _render(staging: Path, name: str, page: Page) -> str:
    """Write a study's page; return what is wrong with it, if anything."""
    notebook = nbformat.read(_left(staging, name, "ipynb"), as_version=4)
    try:
        html = render_page(notebook, page, translate=translate)
    except StudyError as error:
        return str(error)
    (staging / f"{name}.html").write_text(html, encoding="utf-8", newline="\n")
    return ""


def _render_failed(staging: Path, name: str, page: Page, message: str) -> None:
    executed = staging / "notebooks" / f"{name}.ipynb"
    href = f"notebooks/{name}.ipynb" if executed.is_file() else None
    notebook = nbformat.read(executed, as_version=4) if href else None
    html = render_failure(notebook, page, message=message, notebook_href=href, translate=translate)
    (staging / f"{name}.html").write_text(html, encoding="utf-8", newline="\n")


def _silent(
    names: Sequence[str], done: Sequence[str], findings: Mapping[str, Any], failed: Mapping[str, Result]
) -> list[tuple[str, str, str]]:
    """Studies that failed or had nothing to say, each with the reason."""
    rows = []
    for name in names:
        if name not in done:
            reason = (
                failed[name].message.splitlines()[0] if name in failed else translate("Its page says why.")
            )
            rows.append((pages.label(name), f"{name}.html", reason))
        elif not findings[name]["findings"]:
            rows.append((pages.label(name), f"{name}.html", " ".join(findings[name]["cannot_say"])))
    return rows


def _write_customers(staging: Path, prepared: Prepared, done: Sequence[str]) -> list[str]:
    """Join the studies' scores into ``customers.parquet``, one row per customer, and return its columns."""
    scores = [path for name in done if (path := _left(staging, name, "scores.parquet")).is_file()]
    bases = [
        name
        for name in STARTING_TABLES
        if name in prepared.tables and "customer_id" in prepared.review["tables"][name]["columns"]
    ]
    with duckdb.connect() as connection:
        ids = " UNION ".join(
            f"SELECT customer_id FROM read_parquet({literal(str(path))})"
            for path in [*scores, *(prepared.path(name) for name in bases[:1])]
        )
        ids = (
            f"SELECT DISTINCT customer_id FROM ({ids}) WHERE customer_id IS NOT NULL"
            if ids
            else ("SELECT CAST(NULL AS VARCHAR) AS customer_id WHERE false")
        )
        joins, columns = "", ["everyone.customer_id"]
        for index, path in enumerate(scores):
            source = f"read_parquet({literal(str(path))})"
            joins += f" LEFT JOIN {source} AS s{index} ON s{index}.customer_id = everyone.customer_id"
            described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
            columns += [f"s{index}.{identifier(row[0])}" for row in described if row[0] != "customer_id"]
        target = literal(str(staging / "customers.parquet"))
        connection.execute(
            f"COPY (SELECT {', '.join(columns)} FROM ({ids}) AS everyone{joins} ORDER BY everyone.customer_id) "
            f"TO {target} (FORMAT parquet, COMPRESSION zstd)"
        )
        described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({target})").fetchall()
        return [str(row[0]) for row in described]


def _customers(path: Path, columns: list[str]) -> tuple[list[str], list[tuple[Any, ...]], int]:
    with duckdb.connect() as connection:
        source = f"read_parquet({literal(str(path))})"
        found = connection.execute(f"SELECT count(*) FROM {source}").fetchone()
        rows = connection.execute(
            f"SELECT * FROM {source} ORDER BY customer_id LIMIT {MAX_CUSTOMERS}"
        ).fetchall()
    return columns, rows, int(found[0]) if found else 0


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value  # NaN is the number that differs from itself
