"""From parameters to a published report: what must run, what can be kept, and how it ends."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cam.data.engine import VERY_MANY_ROWS
from cam.errors import EngineError, OutputError, ParamsError
from cam.key_figures import Row
from cam.language import use
from cam.params import Params
from cam.project import cache_folder, code_digest, digest, is_sealed, project_root, seal
from cam.report.execute import Job, Result
from cam.report.glossary import glossary_path
from cam.report.pace import keep_paces
from cam.report.processes import NOTE, Progress, run_jobs, warm_up
from cam.report.publish import output_error, switch, workplace
from cam.report.since import earlier_figures
from cam.studies.client import STUDIES, n_orders, prepare_client

#: Results of a study that stay in the cache.
_KEPT = 3
_STUDY_CODE = (
    "data",
    "estimate.py",
    "key_figures.py",
    "language",
    "measures",
    "params",
    "project.py",
    "reduce",
    "report/execute.py",
    "report/normalise.py",
    "samples",
    "schema.py",
    "show",
    "studies",
)
_PAGE_CODE = ("report", "language", "show")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    folder : Path
        The published report.
    is_unchanged : bool
        Whether the report in place was already what this run would have made.
    results : tuple of Result
        The studies that ran, in order; empty where nothing had to.
    kept : tuple of str
        Studies whose inputs had not changed.
    seconds : Mapping[str, float]
        Wall-clock time of each step.
    pdf : Path or None
        The PDF beside the pages, where it was asked for and is there.
    pdf_fault : str
        Why it is not there; the report is whole without it.
    is_pdf_gone : bool
        Whether the last report had a PDF, and none was asked for of this one.
    gone : tuple of str
        Studies of the last report that were not asked for, and whose results no longer hold.
    """

    folder: Path
    is_unchanged: bool
    results: tuple[Result, ...]
    kept: tuple[str, ...]
    seconds: Mapping[str, float]
    pdf: Path | None = None
    pdf_fault: str = ""
    is_pdf_gone: bool = False
    gone: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 where all went well, 5 where a study ran out of time, 4 where one failed, 2 where only the PDF did."""
        ends = {result.status for result in self.results}
        return 5 if "timeout" in ends else 4 if "failed" in ends else 2 if self.pdf_fault else 0


def run_report(
    params: Params, *, place: str, studies: Sequence[str], out: Path, options: RunOptions, progress: Progress
) -> Outcome:
    """Make a client's report and publish it whole, or leave the last one as it is.

    Parameters
    ----------
    params : Params
        The client's parameters.
    place : str
        The parameter file, for messages.
    studies : sequence of str
        Names of the notebooks to run; empty means all. Others stay in the report while their results hold.
    out : Path
        Folder of all reports.
    options : RunOptions
        Whether to run what has not changed, and for how long a study may run.
    progress : callable
        Told what happens, as :data:`Progress`.

    Returns
    -------
    Outcome

    Raises
    ------
    ParamsError
        If a study is unknown.
    DataError
        If the client's data cannot be used, or the engine that reduces them is not there, or was lost.
    OutputError
        If the report cannot be written.
    """
    wanted = find_studies(studies)
    use(params.client.language)
    sheet = out / params.client.id / _pdf_name(out / params.client.id)
    if options.browser and sheet.is_dir():
        raise OutputError(f"{sheet}: a folder stands where the PDF goes; move or rename it. Nothing was run.")
    seconds: dict[str, float] = {}
    with workplace(out, params.client.id) as staging:
        began = time.monotonic()
        warm_up()
        progress("", "reading the data", 0, 0)
        prepared = prepare_client(params, place=place)
        seconds["data"] = time.monotonic() - began
        injected = {name: _injected(params, name) for name in STUDIES}
        final = out / params.client.id
        # What is compared with is an input like any other: found before, kept in the report, part of its key.
        earlier = earlier_figures(final, options.since, as_of=prepared.as_of)
        shared = _Shared(
            digest(prepared.key, code_digest(_STUDY_CODE)),
            digest(
                code_digest(_PAGE_CODE),
                *sorted((Path(__file__).parent / "template").iterdir()),
                glossary_path(),
                json.dumps(earlier),
            ),
        )
        plan = _plan(params, injected, wanted, shared)
        if params.data.engine != "duckdb" and (options.force or not plan.is_there(final)):
            plan = _asked(
                plan, _plan(params, injected, wanted, shared, stands_in=True), params, final, progress
            )
        names, keys, places, report_key = plan.names, plan.keys, plan.places, plan.report_key
        pdf = final / _pdf_name(final)
        if not options.force and _is_in_place(final, report_key):
            if not options.browser:
                return Outcome(final, True, (), tuple(names), seconds)
            if _is_printed(final):
                return Outcome(final, True, (), tuple(names), seconds, pdf)
            made, fault = _print(final, names, staging.parent, options.browser, progress)
            _record_pdf(final, made, fault)
            return Outcome(final, True, (), tuple(names), seconds, pdf if made else None, fault)

        kept = [name for name in names if is_sealed(places[name]) and not (options.force and name in wanted)]
        began = time.monotonic()
        from cam.report.assemble import assemble, frames  # late: where nothing changed, it is not needed

        pages = frames(params, prepared, names)
        jobs = []
        for name in names:
            folder = staging / ".studies" / name
            if name in kept:
                shutil.copytree(places[name], folder)
                os.utime(places[name])  # what is used is forgotten last
            parameters = None if name in kept else injected[name]
            jobs.append(Job(name, _notebook(name), parameters, folder, prepared.folder, pages[name]))
        alone = 1 if n_orders(prepared) > VERY_MANY_ROWS else None
        results = run_jobs(jobs, timeout=options.timeout, progress=progress, most=alone)
        if any(result.status == "no room" for result in results):
            raise OSError(errno.ENOSPC, "No space left on device")  # workplace says it to the user
        seconds["studies"] = time.monotonic() - began
        began = time.monotonic()
        _remember_done(staging, results, kept, places)  # whatever comes now, what is there is not made again
        seconds["keep"] = time.monotonic() - began
        lost = next((result for result in results if result.status == "no engine"), None)
        if lost:
            raise EngineError(lost.message)
        began = time.monotonic()
        progress("", "writing the report", 0, 0)
        ends = {result.name: result for result in results}
        assemble(staging, params, prepared, pages, ends, earlier=earlier)
        shutil.rmtree(staging / ".studies", ignore_errors=True)
        seconds["report"] = time.monotonic() - began
        keep_paces(params.client.id, results, seconds)
        made, fault = None, ""
        if options.browser:
            began = time.monotonic()
            made, fault = _print(staging, names, staging.parent, options.browser, progress)
            seconds["pdf"] = time.monotonic() - began
        outcome = Outcome(
            final,
            False,
            tuple(results),
            tuple(kept),
            seconds,
            pdf if made else None,
            fault,
            is_pdf_gone=pdf.is_file() and not options.browser,
            gone=tuple(sorted(_read_record(final).get("study_keys", {}).keys() - set(names))),
        )
        is_whole = all(result.status == "done" for result in results)
        record = _record(outcome, params, prepared.key, keys, report_key if is_whole else None)
        record["files"] = _files(staging)
        _write_record(staging / "run.json", record)
        _keep_foreign(final, staging)
        if options.browser:  # after the files: it is not the same bytes twice, and may come and go
            _record_pdf(staging, made, fault, name=pdf.name)
        switch(staging, final)
    return outcome


@dataclass(frozen=True, slots=True)
class _Shared:
    """What all studies, and all pages, are made from: read once."""

    studies: str
    pages: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """The studies of a report, and what their results are known by."""

    names: list[str]
    keys: dict[str, str]
    places: dict[str, Path]
    report_key: str

    def is_there(self, final: Path) -> bool:
        """Whether no study has to run, so that no engine is needed."""
        return _is_in_place(final, self.report_key) or all(
            is_sealed(self.places[name]) for name in self.names
        )


def _plan(
    params: Params,
    injected: Mapping[str, Mapping[str, Any]],
    wanted: Sequence[str],
    shared: _Shared,
    *,
    stands_in: bool = False,
) -> _Plan:
    """Plan a report; what the embedded engine reduces in place of a server is no result of that server's."""
    made_from = digest(shared.studies, "embedded") if stands_in else shared.studies
    keys = {name: _study_key(name, injected[name], made_from) for name in STUDIES}
    cache = cache_folder() / "studies" / params.client.id
    places = {name: cache / f"{name}-{keys[name][:32]}" for name in STUDIES}
    # A study that was not asked for stays in the report as long as its last result still holds.
    names = [name for name in STUDIES if name in wanted or is_sealed(places[name])]
    keys = {name: keys[name] for name in names}
    report_key = digest(json.dumps([keys, params.section("client")], sort_keys=True), shared.pages)
    return _Plan(names, keys, places, report_key)


def _asked(plan: _Plan, embedded: _Plan, params: Params, final: Path, progress: Progress) -> _Plan:
    """Ask the engine whether it is there and will reduce; say so where the embedded one does, or did, in its place."""
    from cam.data.warehouse import ask_engine  # late: no other run needs it here

    said = ask_engine(params.data.engine)
    if said:
        progress(NOTE, said, 0, 0)
        return embedded
    made = _read_record(final).get("study_keys", {})
    if any(made.get(name) == key for name, key in embedded.keys.items()):
        words = "lets this role work in it now: what DuckDB reduced in its place is reduced there."
        progress(NOTE, f"The server of data.engine {words}", 0, 0)
    return plan


def _read_record(folder: Path) -> dict[str, Any]:
    """What is recorded of the report in a folder; nothing where none is, or it cannot be read."""
    with suppress(OSError, ValueError):
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        return record if isinstance(record, dict) else {}
    return {}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run goes about its work.

    Attributes
    ----------
    force : bool
        Run studies whose inputs have not changed, too.
    timeout : float
        Seconds that one study may take.
    since : tuple of dict, optional
        Rows of the ``key_figures.csv`` to compare with; by default those of the last report of an earlier day.
    browser : Path, optional
        What prints the PDF, from :func:`cam.report.pdf.find_browser`; without it none is made.
    """

    force: bool = False
    timeout: float = 3600.0
    since: tuple[Row, ...] = ()
    browser: Path | None = None


def find_studies(wanted: Sequence[str] = ()) -> list[str]:
    """Return the names of the studies to run, in their order.

    Parameters
    ----------
    wanted : sequence of str
        Names of notebooks; empty means all.

    Returns
    -------
    list of str

    Raises
    ------
    ParamsError
        If there is no such notebook.

    Examples
    --------
    >>> find_studies(["05_churn", "01_segmentation"])
    ['01_segmentation', '05_churn']
    """
    unknown = [name for name in wanted if name not in STUDIES]
    if unknown:
        raise ParamsError(f"--study {unknown[0]}: no such study. Studies: {', '.join(STUDIES)}.")
    return [name for name in STUDIES if not wanted or name in wanted]


def _notebook(name: str) -> Path:
    return project_root() / "notebooks" / f"{name}.ipynb"


def _injected(params: Params, name: str) -> dict[str, Any]:
    """The sections that a study is given: what it declares, and nothing else that could make it stale."""
    client = params.section("client")
    client.pop("brand")
    sections = {section: params.section(section) for section in STUDIES[name]}
    data = {key: value for key, value in params.section("data").items() if value is not None}
    return {"client": client, "data": data, **sections}


def _study_key(name: str, injected: Mapping[str, Any], made_from: str) -> str:
    return digest(json.dumps(injected, sort_keys=True), made_from, _notebook(name))


def _is_in_place(folder: Path, key: str) -> bool:
    record = _read_record(folder)
    made = record.get("files")
    return record.get("key") == key and isinstance(made, dict) and made.items() <= _files(folder).items()


def _files(folder: Path) -> dict[str, str]:
    """Names and digests of a report's files, without the record itself."""
    return {
        path.relative_to(folder).as_posix(): digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != "run.json"
        and not path.relative_to(folder).parts[0].startswith(".")
    }


def _pdf_name(place: Path) -> str:
    """What the PDF of the report in *place* is called: as the client, for that is the name under which it is sent."""
    return f"{place.name}.pdf"


def _print(
    pages: Path, names: Sequence[str], room: Path, browser: Path, progress: Progress
) -> tuple[Path | None, str]:
    """Print the pages of *names* in *room*; return the PDF, or why there is none."""
    from cam.report.pdf import print_pdf  # late: most runs print nothing

    progress("", "printing the PDF", 0, 0)
    try:
        files = [pages / f"{name}.html" for name in ("index", *names)]
        return print_pdf(files, room / "printing", browser=browser), ""
    except Exception as error:  # whatever it is: the report is made, and must not be lost with its PDF
        known = output_error(error, room)
        return None, str(known or f"The PDF could not be printed ({type(error).__name__}: {error}).")


def _is_printed(place: Path) -> bool:
    """Whether the PDF in *place* is the one that was printed from this report."""
    try:
        record = json.loads((place / "run.json").read_text(encoding="utf-8"))
        return bool(record.get("pdf") == digest(place / _pdf_name(place)))
    except (OSError, ValueError):
        return False


def _record_pdf(place: Path, made: Path | None, fault: str, *, name: str = "") -> None:
    """Put a printed PDF beside its pages, and into their record which file it is, or why there is none."""
    record = json.loads((place / "run.json").read_text(encoding="utf-8"))
    record |= {"pdf": digest(made) if made else None, "pdf_fault": fault}
    if made:
        made.replace(place / (name or _pdf_name(place)))
    _write_record(place / "run.json", record)


def _write_record(path: Path, record: Mapping[str, Any]) -> None:
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    aside = path.with_name(f".{path.name}")  # in one step: a record cut short would be that of no report
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def _keep_foreign(place: Path, staging: Path) -> None:
    """Carry over what somebody else has put into the report's folder: it is not ours to remove.

    The PDF of the report that is replaced is ours, and would be that of other pages.
    """
    try:
        ours = json.loads((place / "run.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError):
        return
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place)
        if (
            path.is_file()
            and name.as_posix() not in {*ours, "run.json", _pdf_name(place)}
            and not (staging / name).exists()
        ):
            (staging / name.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, staging / name)


def _remember_done(
    staging: Path, results: Sequence[Result], kept: Sequence[str], places: Mapping[str, Path]
) -> None:
    for result in results:
        if result.status == "done" and result.name not in kept:
            _remember(staging / ".studies" / result.name, places[result.name])


def _remember(made: Path, kept: Path) -> None:
    """Keep what a study left; folders come and go whole, for a kill, or another run, may come at any moment."""
    with suppress(OSError):  # a cache that cannot be written costs time, not the report
        kept.parent.mkdir(parents=True, exist_ok=True)
        name = made.name
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=kept.parent) as aside:
            if not is_sealed(kept):
                shutil.copytree(made, Path(aside) / "made")
                seal(Path(aside) / "made")
                if kept.is_dir():
                    kept.replace(Path(aside) / "before")
                (Path(aside) / "made").replace(kept)
            found = sorted(kept.parent.glob(f"{name}-*"), key=lambda path: path.stat().st_mtime, reverse=True)
            for path in found[_KEPT:]:
                path.replace(Path(aside) / path.name)


def _record(
    outcome: Outcome, params: Params, data_key: str, keys: Mapping[str, str], key: str | None
) -> dict[str, Any]:
    import platform

    from cam import __version__

    return {
        "client": params.client.id,
        "made": date.fromtimestamp(time.time()).isoformat(),
        "cam": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "key": key,
        "data_key": data_key,
        "study_keys": dict(keys),
        "kept": list(outcome.kept),
        "results": [asdict(result) for result in outcome.results],
        "seconds": dict(outcome.seconds),
    }
