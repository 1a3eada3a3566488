"""``cam``: the command line. Nothing heavy is imported before it is known to be needed."""

from __future__ import annotations

import signal
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

_NO_CLIENT = "No client yet: params/ holds no parameter file. params/template.yaml shows how one looks."
_INTERRUPTED = 130
#: What the exit code of `cam report` says of a client.
_ENDS = {
    0: "done",
    2: "refused: its parameters, or where it writes",
    3: "refused: its data",
    4: "a study failed",
    5: "a study ran out of time",
    _INTERRUPTED: "interrupted",
}


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
        typer.Option(
            "--pdf", help="print the report to CLIENT.pdf, too, within 300 s; needs Chromium, Chrome or Edge"
        ),
    ] = False,
) -> None:
    """Run a client's studies and publish the report."""
    from cam.progress import show_outcome, show_progress
    from cam.project import project_root
    from cam.report.pdf import find_browser
    from cam.report.run import RunOptions, run_report
    from cam.report.since import read_figures

    params, path = _read(client, language)
    folder = out or project_root() / "reports"
    earlier = tuple(read_figures(since, reports=folder, client=params.client.id)) if since else ()
    browser = find_browser() if pdf else None
    with show_progress(params.client.id) as told:
        outcome = run_report(
            params,
            place=_shown(path),
            studies=study or (),
            out=folder,
            options=RunOptions(force=force, timeout=timeout, since=earlier, browser=browser),
            progress=told,
        )
    show_outcome(outcome, _shown)
    _say_pdf(outcome)
    raise typer.Exit(outcome.exit_code)


@app.command(
    "reports",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    options_metavar="[OPTIONS OF cam report]",
)
def report_all(context: typer.Context) -> None:
    """Make the report of every client in params/, whatever becomes of the others, and say how each ended."""
    import time

    from cam.progress import show_clients

    out = _check_options(context.args)
    ends: list[tuple[str, str, float]] = []
    code = 0
    for path in _files():
        if code == _INTERRUPTED:
            ends.append((path.stem, "not begun", 0.0))
            continue
        print(f"--- {path.stem}", file=sys.stderr, flush=True)
        began, record = time.monotonic(), out / path.stem / "run.json"
        before = _stamp(record)
        ended = _alone("report", str(path), *context.args)
        code = _INTERRUPTED if ended == _INTERRUPTED else max(code, ended)
        end = _ENDS.get(ended, f"broke off ({ended})")
        if ended == ParamsError.exit_code and _stamp(record) != before:  # a refusal writes nothing
            end = "done, without its PDF"
        ends.append((path.stem, end, time.monotonic() - began))
    if not ends:
        raise ParamsError(_NO_CLIENT)
    print()
    show_clients(ends)
    sys.exit(
        code
    )  # past what is said of an interruption: other clients were published, and the table says it


def _check_options(words: list[str]) -> Path:
    """Refuse what every client's run would refuse, before the first; return the folder of all reports."""
    from typer.main import get_group

    from cam.project import project_root
    from cam.report.pdf import find_browser
    from cam.report.run import find_studies

    command = get_group(app).commands["report"]
    given = command.make_context("report", ["client", *words]).params
    find_studies(given["study"] or ())
    if given["pdf"]:
        find_browser()
    return given["out"] or project_root() / "reports"


def _stamp(path: Path) -> tuple[int, int]:
    """Tell a file from the one that stood there before it."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_ino, found.st_mtime_ns


def _alone(*words: str) -> int:
    """Run ``cam`` in a process of its own and return its exit code: what breaks one client breaks no other."""
    import subprocess

    # In a session of its own: Ctrl-C reaches this process alone, which then ends the other, once and in order.
    command = [sys.executable, "-m", "cam.cli", *words]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            code = _INTERRUPTED
    return code if code >= 0 else 128 - code


@app.command()
def check(
    client: ClientArgument,
    language: Annotated[Language | None, typer.Option(help="in place of client.language")] = None,
    out: OutOption = None,
) -> None:
    """Read a client's data, account for every row, and say what each study will be able to say; no study runs.

    An engine that does not answer is told, too, and makes the exit code 3, as it would that of `cam report`.
    """
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
        if asked := _open_questions(path):
            error = DataError(f"{error}\n{asked}")
        write_refusal(params, error, out=folder)
        raise error from None
    from cam.report.check_text import check_lines  # late: what is refused needs none of it

    said, fault = _ask(params)
    others = [words for words in (_open_questions(path), said) if words]
    checked = write_check(params, prepared, out=folder, others=others)
    print("\n".join(check_lines(params, checked.review)))
    print("\n" + sentence("Page: {file}", file=_shown(checked.page)))
    if checked.unmatched:
        print(sentence("Ids that do not join: {file}", file=_shown(checked.unmatched)))
    if fault:  # the check needs no engine, but a report would end here
        raise fault


def _open_questions(path: Path) -> str:
    """Say where questions of ``cam new`` stand that nobody has answered: in the parameter file, as remarks."""
    from cam.language import sentence

    lines = path.read_text(encoding="utf-8").splitlines()
    asked = [number for number, line in enumerate(lines, 1) if line.lstrip().startswith("# ? ")]
    words = (
        "Questions of cam new stand open in {place}, from line {line} on: "
        'take "# ? " off what is right, and delete the line of what is not.'
    )
    return sentence(words, place=_shown(path), line=asked[0]) if asked else ""


def _ask(params: Params) -> tuple[str, CamError | None]:
    """What there is to say of the engine that a report would use, and the fault that it would end with."""
    if params.data.engine == "duckdb":
        return "", None
    from cam.data.warehouse import ask_engine

    try:
        return ask_engine(params.data.engine), None
    except CamError as error:
        return str(error), error


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
        print(_NO_CLIENT)
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
        code = _INTERRUPTED
    except Exception as error:
        # DuckDB answers Ctrl-C with an error of its own, and what it breaks may raise another.
        code = _INTERRUPTED if is_stopped else _say(error)
    if code == _INTERRUPTED:
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


def _say_pdf(outcome: Outcome) -> None:
    if outcome.pdf and outcome.is_unchanged:  # else it stands among the files
        print(f"PDF: {_shown(outcome.pdf)}")
    if outcome.is_pdf_gone:
        print("The PDF of the last report is gone; --pdf prints this one.")
    if outcome.pdf_fault:
        print(
            f"{outcome.pdf_fault}\n  The report is in place without a PDF. The same command with --pdf tries again and "
            "runs no study; CAM_CHROMIUM names another browser.",
            file=sys.stderr,
        )


if __name__ == "__main__":
    main()
