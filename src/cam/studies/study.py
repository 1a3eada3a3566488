"""One study of one client, as its notebook holds it: parameters, tables, and what it leaves behind."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import ibis.expr.types as ir
import pandas as pd

from cam import key_figures
from cam.data import Prepared, read_prepared
from cam.data.engine import MEMORY, MEMORY_ALONE, ROWS_AT_ONCE, VERY_MANY_ROWS
from cam.data.warehouse import create_in_parts, open_engine, put_tables, stands_in, write_table
from cam.errors import ParamsError
from cam.estimate import CannotSay, Estimate, Finding
from cam.language import sentence, together, use
from cam.language import translate as _
from cam.params import SECTIONS, Params, params_from_sections, read_params
from cam.project import project_root
from cam.reduce.summary import customer_summary
from cam.show.notebook import install_formatters
from cam.show.tables import Col, ShownTable, show_pairs, show_table
from cam.studies.action_lists import ActionList
from cam.studies.client import STUDIES, n_orders, prepare_client
from cam.studies.reconciliation import data_period, show_reconciliation

#: Key figures on a page, which must stay under 2 MB; all are in ``key_figures.csv``.
_MOST_FIGURES = 1500

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Study:
    """What a notebook works with.

    Attributes
    ----------
    name : str
        The notebook's name, such as ``01_segmentation``.
    params : Params
        All parameters, checked, defaults filled in.
    prepared : Prepared
        The client's checked tables and the review of how they were made.
    tables : mapping of str to ibis.Table
        The canonical tables that this client has.
    engine : ibis backend
        Where they stand.
    folder : Path
        Where key figures, findings and scores go.
    is_run : bool
        Whether ``cam report`` runs it; plain papermill and JupyterLab leave key figures only.
    """

    name: str
    params: Params
    prepared: Prepared
    tables: Mapping[str, ir.Table]
    engine: Any
    folder: Path
    is_run: bool

    @property
    def as_of(self) -> date:
        """The last day seen."""
        return self.prepared.as_of

    @property
    def currency(self) -> str:
        """ISO code of all amounts."""
        return self.params.client.currency

    @property
    def period(self) -> str:
        """First to last day of the transactions, ready to print; the last day seen where there are none."""
        return data_period(self.prepared)

    def summary(self, as_of: date) -> ir.Table:
        """Reduce the orders to a table of one row per customer, once."""
        return self.keep_reduced(
            f"customer_summary_{as_of:%Y%m%d}", functools.partial(customer_summary, as_of=as_of)
        )

    def keep_reduced(self, name: str, reduce: Callable[[ir.Table], ir.Table]) -> ir.Table:
        """Reduce the orders to a table of that name, once; very many of them in parts, customers by customers."""
        if name not in self.engine.list_tables():
            self.make_in_parts(name, self.tables["transactions"], reduce)
        kept: ir.Table = self.engine.table(name)
        return kept

    def make_in_parts(
        self,
        name: str,
        rows: ir.Table,
        reduce: Callable[[ir.Table], ir.Table],
        *,
        at_once: int = ROWS_AT_ONCE,
    ) -> ir.Table:
        """Make a table of what rows of customers are reduced to, some customers with so many orders at once."""
        n = n_orders(self.prepared)
        return create_in_parts(self.engine, name, rows, reduce, n=n, at_once=at_once)

    def lacks(self, table: str) -> CannotSay | None:
        """Say that a table is missing, or nothing if it is there."""
        if table in self.tables:
            return None
        return CannotSay(
            sentence(
                "This needs the table {table}, which this client's parameter file does not name.",
                table=_(table),
            ),
            sentence("Add it under data.{table}; params/template.yaml shows its columns.", table=table),
        )

    def lacks_column(self, table: str, *columns: str) -> CannotSay | None:
        """Say that columns of a table are missing, or nothing if they are there."""
        missing = self.lacks(table)
        if missing:
            return missing
        absent = [column for column in columns if column not in self.tables[table].columns]
        if not absent:
            return None
        return CannotSay(
            sentence("This needs {columns} in the table {table}.", columns=", ".join(absent), table=_(table)),
            sentence("If the source has it by another name, map it under data.{table}.columns.", table=table),
        )

    def reconciliation(self) -> ShownTable:
        """Show what was read, kept and dropped, and what a reader must know of it."""
        return show_reconciliation(self.params, self.prepared)

    def keep_findings(self, findings: Sequence[str | CannotSay]) -> ShownFindings:
        """Show the findings and leave them for the overview."""
        said = [finding for finding in findings if isinstance(finding, str)]
        unsaid = [
            together(finding.reason, finding.cure) for finding in findings if not isinstance(finding, str)
        ]
        unsaid = list(dict.fromkeys(unsaid))
        if self.is_run:
            left = {"findings": said, "stakes": [_stake(one) for one in said], "cannot_say": unsaid}
            left["missing"] = [] if said else _missing(self)
            text = json.dumps(left, ensure_ascii=False, indent=1)
            (self.folder / f"{self.name}.findings.json").write_text(text, encoding="utf-8")
        return ShownFindings(tuple(said), tuple(unsaid))

    def keep_key_figures(self, figures: Iterable[Estimate | CannotSay]) -> ShownTable | CannotSay:
        """Write the study's key figures and show them."""
        rows = key_figures.rows(
            [figure for figure in figures if isinstance(figure, Estimate)],
            client=self.params.client.id,
            as_of=self.as_of.isoformat(),
            study=self.name,
        )
        self.folder.mkdir(parents=True, exist_ok=True)
        key_figures.write(self.folder / f"{self.name}.csv", rows)
        columns = [
            Col("figure", "Key figure"),
            Col("segment", "Segment"),
            Col("value", "Value", low="low", high="high", unit_column="unit"),
            Col("n", "n", "count", may_be_empty=True),
        ]
        frame = pd.DataFrame(rows, columns=list(key_figures.COLUMNS))
        numbers = ["value", "low", "high", "n"]
        frame[numbers] = frame[numbers].apply(pd.to_numeric)
        return show_table(
            frame, columns, caption="Key figures, as in key_figures.csv", max_rows=_MOST_FIGURES
        )

    def keep_scores(self, customers: ir.Table | CannotSay) -> None:
        """Leave one row per customer for ``customers.parquet``, written by the engine."""
        if self.is_run and not isinstance(customers, CannotSay):
            # Joined first, then sorted: of very many customers the engine cannot hold both at once.
            joined = self.engine.create_table("customer_scores", customers, overwrite=True)
            path = self.folder / f"{self.name}.scores.parquet"
            write_table(self.engine, joined.order_by("customer_id"), path)

    def keep_sheet(
        self, title: str, table: pd.DataFrame | CannotSay, about: ActionList | None = None
    ) -> None:
        """Leave a table for the workbook, as a sheet of that title, and what the overview says *about* it.

        Its ``attrs`` may hold ``units`` by column, and what the sheet ``holds``, as a sentence.
        """
        if self.is_run and not isinstance(table, CannotSay):
            path = self.folder / f"{self.name}.sheets.json"
            sheets = json.loads(path.read_text("utf-8")) if path.is_file() else []
            rows = json.loads(table.to_json(orient="values", date_format="iso", double_precision=10))
            kept = [sheet for sheet in sheets if sheet["title"] != _(title)]
            sheet = {"title": _(title), "columns": list(table.columns), **table.attrs, "rows": rows}
            kept.append(sheet | ({"about": asdict(about)} if about else {}))
            path.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")

    def provenance(self) -> ShownTable:
        """Show what this page was made from."""
        from cam import __version__

        files = [name for table in self.prepared.review["tables"].values() for name in table["files"]]
        return show_pairs(
            {
                "Client": self.params.client.title,
                "Last day seen": self.as_of.isoformat(),
                "Files": ", ".join(files),
                "Content of data and their parameters": self.prepared.key[:16],
                "Engine": _engine_title(self),
                "Study": self.name,
                "cam": __version__,
            },
            caption="What this page was made from",
        )


@dataclass(frozen=True, slots=True)
class ShownFindings:
    """The findings of a study as a list; a notebook's cell ends with it.

    Attributes
    ----------
    findings : tuple of str
        Sentences with their numbers.
    cannot_say : tuple of str
        What could not be said, and why.
    """

    findings: tuple[str, ...]
    cannot_say: tuple[str, ...]

    def _repr_html_(self) -> str:
        from html import escape

        items = [f"<li>{escape(text)}</li>" for text in self.findings]
        items += [
            f'<li class="cannot-say"><strong>{escape(_("Not shown."))}</strong> {escape(text)}</li>'
            for text in self.cannot_say
        ]
        return f"<ul>{''.join(items)}</ul>"


def needs(
    *tables: str,
) -> Callable[[Callable[Concatenate[Study, P], R]], Callable[Concatenate[Study, P], R | CannotSay]]:
    """Make a step answer with :class:`CannotSay` where the client lacks a table, or where it is given one.

    Parameters
    ----------
    *tables : str
        Canonical names.

    Returns
    -------
    callable
        A decorator for a step ``(study, ...)``.

    Examples
    --------
    >>> needs("tickets")(lambda study: 1).__name__
    '<lambda>'
    """

    def decorate(step: Callable[Concatenate[Study, P], R]) -> Callable[Concatenate[Study, P], R | CannotSay]:
        @functools.wraps(step)
        def guarded(study: Study, *args: P.args, **kwargs: P.kwargs) -> R | CannotSay:
            missing: Iterable[Any] = (study.lacks(table) for table in tables)
            given: Iterable[Any] = (*args, *kwargs.values())
            said = next((value for value in missing if value), None) or next(
                (value for value in given if isinstance(value, CannotSay)), None
            )
            return said or step(study, *args, **kwargs)

        return guarded

    return decorate


def silent(
    step: Callable[Concatenate[Study, P], R],
) -> Callable[Concatenate[Study, P], R | CannotSay | None]:
    """Make a step answer with nothing where it is given nothing: its part of the notebook does not apply.

    Parameters
    ----------
    step : callable
        ``(study, ...)``.

    Returns
    -------
    callable
        It passes on what cannot be said, too, as :func:`needs` does.

    Examples
    --------
    >>> silent(lambda study, table: table)(None, None) is None
    True
    """
    checked = needs()(step)

    @functools.wraps(step)
    def quiet(study: Study, *args: P.args, **kwargs: P.kwargs) -> R | CannotSay | None:
        if any(value is None for value in (*args, *kwargs.values())):
            return None
        return checked(study, *args, **kwargs)

    return quiet


def start(name: str, namespace: Mapping[str, Any]) -> Study:
    """Begin a study from a notebook's own names: check its parameters, then read or find the client's tables.

    Parameters
    ----------
    name : str
        The notebook's name, such as ``01_segmentation``.
    namespace : mapping
        The notebook's ``globals()``: one dict per section of a parameter file. With no section given, the
        study shows the demo client.

    Returns
    -------
    Study

    Raises
    ------
    ParamsError
        If a name is no section, or a section is not right.
    DataError
        If the client's data cannot be read.
    """
    sections = _sections(namespace)
    run = sections.pop("run", {})
    if any(sections.values()):
        params = params_from_sections(sections)
        place = f"params/{params.client.id}.yaml"
    else:
        params = read_params(project_root() / "params" / "demo.yaml")
        place = "params/demo.yaml"
    if name in STUDIES:
        params = _only(params, name)
    use(params.client.language)
    # A run has read the data already; its notebooks need not hash them again.
    prepared = read_prepared(Path(run["tables"])) if "tables" in run else prepare_client(params, place=place)
    memory = MEMORY_ALONE if n_orders(prepared) > VERY_MANY_ROWS else MEMORY
    engine = open_engine(params.data.engine, memory=memory)
    tables = put_tables(engine, prepared)
    install_formatters(_shell())
    is_run = "folder" in run
    folder = Path(run["folder"]) if is_run else project_root() / "reports" / "plain" / params.client.id
    return Study(name, params, prepared, tables, engine, folder, is_run)


def join_customers(table: ir.Table, other: ir.Table) -> ir.Table:
    """Add the columns of another table of customers that are not there yet; who is not in it keeps gaps.

    Parameters
    ----------
    table, other : ibis.Table
        One row per ``customer_id``.

    Returns
    -------
    ibis.Table

    Examples
    --------
    >>> import ibis
    >>> one, other = ibis.memtable({"customer_id": ["a"], "x": [1]}), ibis.memtable({"customer_id": ["a"], "y": [2]})
    >>> join_customers(one, other).execute().values.tolist()
    [['a', 1, 2]]
    """
    new = [name for name in other.columns if name not in table.columns]
    joined: ir.Table = table.left_join(other.select("customer_id", *new), "customer_id")
    return joined.select(*table.columns, *new)


def _engine_title(study: Study) -> str:
    """Which engine reduced the tables, without anything of its URL."""
    name = study.engine.name
    if stands_in(study.engine):
        return sentence("DuckDB, as the server named in data.engine does not let this role work in it")
    title = {"duckdb": "DuckDB", "postgres": "PostgreSQL", "pyspark": "Spark"}.get(name)
    return title or sentence("{engine} (untested)", engine=name)


def _stake(finding: str) -> dict[str, Any] | None:
    """What a finding has at stake, as it is left for the overview."""
    if not isinstance(finding, Finding) or finding.stake is None:
        return None
    return {"estimate": asdict(finding.stake), "can_be_moved": finding.can_be_moved}


def _missing(study: Study) -> list[dict[str, Any]]:
    """What a study without a finding lacks, as it is left for the overview."""
    from cam.studies.data_review import what_is_missing  # late: it knows every study

    return [asdict(one) for one in what_is_missing(study)]


class _Undeclared:
    """Stands in for a section that a study does not declare, so that a rerun can never miss a change."""

    def __init__(self, study: str, section: str) -> None:
        self._words = (
            f"{study} reads the section {section}, which cam.studies.client.STUDIES does not list for it"
        )

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(self._words)


def _only(params: Params, study: str) -> Params:
    hidden = set(SECTIONS) - {"client", "data", *STUDIES[study]}
    return params.model_copy(update={section: _Undeclared(study, section) for section in hidden})


_NOTEBOOKS_OWN = {"In", "Out", "exit", "quit", "open", "get_ipython"}


def _sections(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the sections out of a notebook's names, and stop on a name that is none."""
    known = {*SECTIONS, "run"}
    strays = [
        name
        for name, value in namespace.items()
        if not name.startswith("_")
        and name not in known
        and name not in _NOTEBOOKS_OWN
        and isinstance(value, dict | list | str | int | float | bool | type(None))
    ]
    if strays:
        raise ParamsError(
            f"parameters: {', '.join(strays)}: no such section. Sections are {', '.join(SECTIONS)}."
        )
    return {name: namespace[name] for name in known if name in namespace}


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()
