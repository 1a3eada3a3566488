"""``cam``: the command line. Nothing heavy is imported before it is known to be needed."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cam.errors import CamError, DataError, ParamsError

if TYPE_CHECKING:
    from cam.data.notes import Note
    from cam.params import Params
    from cam.report.run import Outcome

app = typer.Typer(
    help="Customer asset management: from raw exports to a decision-ready report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Language(StrEnum):
    """Languages of a report."""

    EN = "en"
    ZH = "zh"


def _folder(given: str) -> Path:
    """The folder of ``--out``; no name would mean wherever the command was called."""
    if not given.strip():
        raise ParamsError("--out names no folder. Name one, or leave --out away: then it is reports/.")
    if Path(given).is_file():
        raise typer.BadParameter(f"'{given}' is a file.")
    return Path(given)


OutOption = Annotated[
    Path | None, typer.Option(help="in place of reports/", parser=_folder, metavar="DIRECTORY")
]
ClientArgument = Annotated[
    str, typer.Argument(metavar="CLIENT_OR_PATH", help="a client in params/, or a parameter file (.yaml)")
]


@app.command()
def report(
    client: ClientArgument,
    study: Annotated[
        list[str] | None, typer.Option(help="run only this study (its notebook's name); repeatable")
    ] = None,
    language: Annotated[Language | None, typer.Option(help="in place of client.language")] = None,
    out: OutOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="run studies whose inputs have not changed, too")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="seconds that one study may take")] = 3600,
    since: Annotated[
        str | None,
        typer.Option(help="the report to compare with: its folder or key_figures.csv; by default the last"),
    ] = None,
    pdf: Annotated[
        bool,
        typer.Option("--pdf", help="print the report to CLIENT.pdf, too; needs Chromium, Chrome or Edge"),
    ] = False,
) -> None:
    """Run a client's studies and publish the report."""
    from cam.project import project_root
    from cam.report.pdf import find_browser
    from cam.report.run import RunOptions, run_report
    from cam.report.since import read_figures

    params, path = _read(client, language)
    folder = out or project_root() / "reports"
    earlier = tuple(read_figures(since, reports=folder)) if since else ()
    browser = find_browser() if pdf else None
    with _progress() as told:
        outcome = run_report(
            params,
            place=_shown(path),
            studies=study or (),
            out=folder,
            options=RunOptions(force=force, timeout=timeout, since=earlier, browser=browser),
            progress=told,
        )
    _print_outcome(outcome)
    _print_pdf(outcome, client)
    raise typer.Exit(outcome.exit_code)


@app.command()
def check(
    client: ClientArgument,
    language: Annotated[Language | None, typer.Option(help="in place of client.language")] = None,
    out: OutOption = None,
) -> None:
    """Read a client's data, account for every row, and say what each study will be able to say; no study runs."""
    from cam.language import sentence, use
    from cam.project import project_root
    from cam.report.data_review import write_check, write_refusal
    from cam.studies.client import prepare_client

    params, path = _read(client, language)
    use(params.client.language)
    folder = out or project_root() / "reports"
    try:
        prepared = prepare_client(params, place=_shown(path))
    except DataError as error:
        write_refusal(params, error, out=folder)
        raise
    from cam.report.check_text import check_lines  # late: what is refused needs none of it

    checked = write_check(params, prepared, out=folder)
    print("\n".join(check_lines(params, checked.review)))
    print("\n" + sentence("Page: {file}", file=_shown(checked.page)))
    if checked.unmatched:
        print(sentence("Ids that do not join: {file}", file=_shown(checked.unmatched)))


@app.command("compare")
def compare_reports(
    before: Annotated[
        str,
        typer.Argument(metavar="A", help="the earlier: a key_figures.csv, a report's folder, or a client"),
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="the later, likewise")],
    language: Annotated[Language, typer.Option(help="of the table")] = Language.EN,
    parts: Annotated[
        bool, typer.Option("--parts", help="figures of segments, too, and those that hardly moved")
    ] = False,
) -> None:
    """Say what changed between two reports of one client, and whether by more than chance."""
    from cam.changes import compare
    from cam.language import use
    from cam.project import project_root
    from cam.report.pages import label
    from cam.report.since import read_figures
    from cam.show.changes import change_lines

    use(language.value)
    reports = project_root() / "reports"
    comparison = compare(read_figures(before, reports=reports), read_figures(after, reports=reports))
    for line in change_lines(comparison, parts=parts, label=label):
        print(line)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="the client's id: lower-case letters, digits, hyphens")],
    # Whether a file can be read is said by its reader, with the cure.
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV, Excel or Parquet files", readable=False)
    ],
    language: Annotated[Language, typer.Option(help="of the report, and of the comments")] = Language.EN,
    currency: Annotated[
        str | None, typer.Option(help="ISO code, such as CNY; by default as the data say")
    ] = None,
) -> None:
    """Look at files and write params/NAME.yaml: what each is, column by column, with the evidence."""
    import os
    import re
    import tempfile

    from cam.data.engine import workspace
    from cam.data.proposals.draft import draft, exists, place, refuse_name, told
    from cam.data.proposals.recognise import recognise
    from cam.language import sentence, use
    from cam.project import project_root

    refuse_name(name)
    if currency is not None and not re.fullmatch("[A-Z]{3}", currency):
        raise ParamsError(f"--currency {currency}: no ISO code of three capitals, such as CNY.")
    path = project_root() / "params" / f"{name}.yaml"
    if path.exists():
        raise exists(path)
    use(language.value)

    def say(note: Note) -> str:
        return sentence(note.words, **note.values)

    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder)) as connection:
        paths = [Path(os.path.normpath(file.expanduser().absolute())) for file in files]
        found = recognise(connection, paths, folder=Path(folder))
        text = draft(
            found, name=name, root=project_root(), language=language.value, currency=currency, say=say
        )
        lines = told(found, language=language.value, currency=currency, say=say)
    place(text, path)
    print("\n".join(lines))
    print(sentence("Written: {path}", path=_shown(path)))
    print(sentence("Next: `cam check {name}` reads everything and accounts for every row.", name=name))


@app.command("list")
def list_clients() -> None:
    """List the clients in params/."""
    from cam.params import read_params
    from cam.project import project_root

    if not _files():
        print("No client yet: params/ holds no parameter file. params/template.yaml shows how one looks.")
    for path in _files():
        try:
            params = read_params(path)
        except CamError as error:
            print(f"{path.stem:<16} {str(error).splitlines()[0]}")
            continue
        made = project_root() / "reports" / path.stem / "index.html"
        where = f"report in {_shown(made)}" if made.is_file() else ""
        print(f"{path.stem:<16} {params.client.title:<28} {where}".rstrip())


def main() -> None:
    """Run the command line; every fault of the user's ends in a sentence and its exit code, never a traceback."""
    is_stopped = False

    def stop(*_: object) -> None:
        nonlocal is_stopped
        is_stopped = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, stop)
    try:
        # typer hands the code of typer.Exit back, instead of raising it.
        code: int = app(standalone_mode=False) or 0
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except Exception as error:
        # DuckDB answers Ctrl-C with an error of its own, and what it breaks may raise another.
        code = 130 if is_stopped else _say(error)
    if code == 130:
        after_echo = "\n" if sys.stderr.isatty() else ""  # a terminal writes ^C itself
        print(
            f"{after_echo}Interrupted. Nothing was published; the last report is as it was.", file=sys.stderr
        )
    sys.exit(code)


def _say(error: Exception) -> int:
    """Say a fault that the user can mend and return its exit code; any other is ours, and keeps its traceback."""
    from cam.project import cache_folder
    from cam.report.publish import output_error

    if isinstance(error, CamError):
        known: CamError | None = error
    elif hasattr(error, "format_message"):  # typer's own, about the words after `cam`
        words = str(error.format_message()).replace("Value error, ", "")
        known = ParamsError(f"cam: {words} `cam --help` shows what there is." if words else "")
    else:
        known = output_error(error, cache_folder())
    if known is None:
        raise error
    if str(known):
        print(known, file=sys.stderr)
    return known.exit_code


def _files() -> list[Path]:
    from cam.project import project_root

    return sorted(path for path in (project_root() / "params").glob("*.yaml") if path.stem != "template")


def _read(client: str, language: Language | None) -> tuple[Params, Path]:
    from cam.params import read_params
    from cam.params.hints import did_you_mean

    path = Path(client)
    if path.suffix not in {".yaml", ".yml"}:
        known = {found.stem: found for found in _files()}
        if client not in known:
            raise ParamsError(
                f"{client or 'an empty name'}: no such client{did_you_mean(path.name, known) or '.'} "
                f"Clients in params/: {', '.join(known) or 'none yet'}. "
                "A parameter file elsewhere is named with its path, .yaml included."
            )
        path = known[client]
    params = read_params(path)
    if language:
        client_section = params.client.model_copy(update={"language": language.value})
        params = params.model_copy(update={"client": client_section})
    return params, path


def _shown(path: Path) -> str:
    """A path as the user would type it."""
    from cam.project import project_root

    try:
        return path.resolve().relative_to(project_root()).as_posix()
    except ValueError:
        return str(path)


# --- what the user sees -------------------------------------------------------------------------


@contextmanager
def _progress() -> Iterator[Any]:
    """Show progress: a bar per study on a terminal, a plain line per event elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(30),
        TextColumn("{task.fields[state]:<10}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def told(study: str, state: str, done: int, total: int) -> None:
            name = study or state
            if name not in tasks:
                if not study:
                    for other in tasks:
                        bars.update(tasks[other], total=1, completed=1)
                tasks[name] = bars.add_task(name, total=total or None, state="")
            if total:
                bars.update(tasks[name], total=total, completed=done)
            elif study and state != "running":
                bars.update(tasks[name], total=1, completed=1)
            bars.update(tasks[name], state=state if study else "")

        yield told


def _plain_lines() -> Any:
    began = time.monotonic()

    def told(study: str, state: str, done: int, total: int) -> None:
        if not total:
            print(
                f"{time.monotonic() - began:6.1f} s  {study + ': ' if study else ''}{state}",
                file=sys.stderr,
                flush=True,
            )

    return told


def _print_outcome(outcome: Outcome) -> None:
    place = _shown(outcome.folder)
    if outcome.is_unchanged:
        print(
            f"Nothing has changed since the report in {place} was made: data, parameters and code are the same."
        )
        print("  --force runs every study again.")
        return
    for result in outcome.results:
        if result.status != "done":
            said = "\n      ".join(result.message.splitlines()[:3])
            print(f"  {result.name:<22} {result.status}: {said}", file=sys.stderr)
        elif result.name in outcome.kept:
            print(f"  {result.name:<22} unchanged, kept")
        else:
            warned = f", {result.warnings} warnings" if result.warnings else ""
            print(f"  {result.name:<22} done in {result.seconds:.1f} s{warned}")
    print(f"Report: {place}/index.html")
    if any(result.status != "done" for result in outcome.results):
        print("The other studies are in the report; the page of one that failed says why.", file=sys.stderr)


def _print_pdf(outcome: Outcome, client: str) -> None:
    if outcome.pdf:
        print(f"PDF: {_shown(outcome.pdf)}")
    if outcome.pdf_fault:
        print(
            f"{outcome.pdf_fault}\n  The report is in place without a PDF. `cam report {client} --pdf` tries again and "
            "runs no study; CAM_CHROMIUM names another browser.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
