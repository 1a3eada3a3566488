"""The command line: its exit codes, its words, and what it shows while it works."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from report.house import House, build

from cam import __version__
from cam.progress import show_clients, show_outcome, show_progress
from cam.report.execute import Result
from cam.report.processes import NOTE
from cam.report.run import Outcome

LAST = "Clients in params/: acme, other. A parameter file elsewhere is named with its path, .yaml included."


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = build(tmp_path_factory.mktemp("house") / "project")
    house.client("acme")
    house.client("other", "client: {name: Other Ltd}")
    return house


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder with a file, a folder and a read-only place to be mistaken about."""
    (tmp_path / "file").touch()
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    other = "client,as_of,study,figure,segment,value,low,high,n,unit\nother,2024-01-31,s,n,,1,,,1,count\n"
    (tmp_path / "figures_of_another.csv").write_text(other)
    (tmp_path / "Upper Case.yaml").write_text("data: {transactions: {path: a.csv}}")
    yield tmp_path


# --- bad usage and parameters: 2 ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("report acm", f"acm: no such client; did you mean acme? {LAST}"),
        ("check acm", f"acm: no such client; did you mean acme? {LAST}"),
        ("report nothing-like-it", f"nothing-like-it: no such client. {LAST}"),
        ("report ../../etc/passwd", f"../../etc/passwd: no such client. {LAST}"),
        ("report ../params/acme", f"../params/acme: no such client; did you mean acme? {LAST}"),
        ("report .", f".: no such client. {LAST}"),
        ("report ../../etc/passwd.yaml", "../../etc/passwd.yaml: no such file."),
        ("report {here}/none.yaml", "{here}/none.yaml: no such file"),
        ("report {here}/folder.yaml", "{here}/folder.yaml: cannot be read: Is a directory."),
        (
            "report {here}/empty.yaml",
            "{here}/empty.yaml: is empty. params/template.yaml shows what it may hold.",
        ),
        ("report {here}/bytes.yaml", "{here}/bytes.yaml: is not UTF-8 text. Save it as UTF-8."),
        ("report acme --study 01_segment", "--study 01_segment: no such study"),
        ("report acme --study ../01_segmentation", "Studies: 01_segmentation, 02_lifecycle, 03_clv_cac"),
        ("report acme --language xx", "Invalid value for '--language': 'xx' is not one of 'en', 'zh'."),
        (
            "report acme --timeout 0",
            "Invalid value for '--timeout': Input should be greater than or equal to 1",
        ),
        ("report acme --timeout soon", "Invalid value for '--timeout'"),
        ("report acme --out {here}/file", "'{here}/file' is a file."),
        ("report acme --out=", "--out names no folder."),
        ("check acme --out=", "--out names no folder."),
        ("report acme --out {here}/file/below", "{here}/file/below: cannot be written (Not a directory)"),
        (
            "report acme --out /proc/x",
            "/proc/x: cannot be written (No such file or directory); choose another",
        ),
        (
            "report acme --since {here}/figures_of_another.csv",
            "{here}/figures_of_another.csv: key figures of other, not of acme. Name an ear",
        ),
        ("reports --colour", "No such option: --colour"),
        ("reports --out=", "--out names no folder."),
        ("reports --study 01_segment", "--study 01_segment: no such study"),
        ("reports acme", "unexpected extra argument"),
        ("report", "Missing argument 'CLIENT_OR_PATH'. `cam --help` shows what there is."),
        ("report acme other", "unexpected extra argument"),
        ("report acme --colour", "No such option: --colour"),
        ("repot acme", "No such command 'repot'"),
    ],
)
def test_a_mistake_is_said_in_a_sentence(house: House, elsewhere: Path, words: str, said: str) -> None:
    done = house.cam(*(word.format(here=elsewhere) for word in words.split()), NO_COLOR="1")
    assert done.returncode == 2
    assert done.stdout == "" and "--- " not in done.stderr and "reading the data" not in done.stderr
    assert said.format(here=elsewhere).replace("'", "") in done.stderr.replace("'", "")
    assert not (house.root / "reports").exists()


def test_an_empty_name_and_a_name_that_is_no_id(house: House, elsewhere: Path) -> None:
    assert "an empty name: no such client." in house.cam("report", "").stderr
    done = house.cam("report", elsewhere / "Upper Case.yaml")
    assert done.returncode == 2 and "Upper Case.yaml: the file's name is the client's id" in done.stderr


def test_a_file_elsewhere_is_a_client(house: House, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("data: {transactions: {path: acme.csv}}")
    done = house.cam("report", path, "--study", "01_segmentation", "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "\nReport: here/mine/index.html\n        here/mine/workbook.xlsx\n" in done.stdout
    assert (tmp_path / "here" / "mine" / "01_segmentation.html").is_file()


def test_without_words_the_help_is_shown(house: House) -> None:
    done = house.cam()
    assert done.returncode == 2
    assert "report" in done.stdout and done.stderr == ""
    for command in ("report", "check", "list"):
        done = house.cam(command, "--help")
        assert done.returncode == 0 and "Usage: " in done.stdout


# --- bad data: 3 --------------------------------------------------------------------------------


def test_data_that_cannot_be_used(house: House, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(f"data: {{root: {tmp_path}, transactions: {{path: none.csv}}}}")
    for command in ("check", "report"):
        done = house.cam(command, path)
        assert done.returncode == 3
        assert "transactions" in done.stderr and "none.csv" in done.stderr
    (tmp_path / "none.csv").write_text("customer,date\n1,2024-01-01\n")
    done = house.cam("report", path, "--out", tmp_path / "out")
    assert done.returncode == 3
    assert "transactions: columns 'customer_id', 'order_date', 'revenue' not found." in done.stderr
    assert not (tmp_path / "out" / "broken").exists()


# --- check and list -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            "new Acme file",
            2,
            "'Acme' cannot be a client's name: lower-case letters, digits and single hyphens",
        ),
        ("new template file", 2, "template: params/template.yaml lists every key; choose another name"),
        ("new acme file", 2, "params/acme.yaml is there already, and nothing was written."),
        ("new fresh file --currency yuan", 2, "--currency yuan: no ISO code of three capitals"),
        ("new fresh", 2, "Missing argument 'FILE...'"),
        ("new fresh file none.csv", 3, "file is empty. Export it again.\n{here}/none.csv: no such file."),
    ],
)
def test_new_refuses_and_writes_nothing(
    house: House, elsewhere: Path, words: str, code: int, said: str
) -> None:
    done = house.cam(*words.split(), cwd=elsewhere, NO_COLOR="1")
    assert (done.returncode, done.stdout) == (code, "")
    assert said.format(here=elsewhere) in done.stderr
    assert {path.stem for path in (house.root / "params").glob("*.yaml")} & {"fresh", "Acme"} == set()


def test_new_writes_what_check_reads_from_anywhere(tmp_path: Path) -> None:
    house = build(tmp_path / "project")
    exports = tmp_path / "exports"
    exports.mkdir()
    rows = "".join(f"D{i},K{i % 5},2024/{1 + i % 12}/{1 + i % 28},¥{i}.50\n" for i in range(30))
    (exports / "订单.csv").write_text("订单编号,客户编号,下单时间,实付金额(元)\n" + rows, encoding="gb18030")
    done = house.cam("new", "jia", "订单.csv", "--language", "zh", "--currency", "CNY", cwd=exports)
    assert done.returncode == 0, done.stderr
    assert "订单.csv" in done.stdout and "GB18030" in done.stdout and "params/jia.yaml" in done.stdout
    text = (house.root / "params" / "jia.yaml").read_text(encoding="utf-8")
    assert f"root: {exports}" in text and "revenue: 实付金额(元)" in text
    checked = house.cam("check", "jia", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    again = house.cam("new", "jia", "订单.csv", cwd=exports)
    assert again.returncode == 2 and "params/jia.yaml is there already" in again.stderr


def test_check_accounts_for_every_row_and_runs_nothing(house: House, tmp_path: Path) -> None:
    done = house.cam("check", "acme", "--out", tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Yes: the data can be used.")
    (row,) = [line.split() for line in lines if line.split()[:1] == ["transactions"]]
    assert row == ["transactions", "5", "0", "5", "2024-01-05", "2024-04-30", "4"]
    assert "  1 row has a value of zero; they count as purchases." in lines
    assert "Last day seen: 30 Apr 2024." in done.stdout
    assert lines[-1] == f"Page: {tmp_path}/acme.check.html"
    assert [path.name for path in tmp_path.iterdir()] == ["acme.check.html"]


def test_check_speaks_the_language_that_is_asked_for(house: House, tmp_path: Path) -> None:
    done = house.cam("check", "acme", "--out", tmp_path, "--language", "zh")
    assert done.returncode == 0
    assert '<html lang="zh-CN">' in (tmp_path / "acme.check.html").read_text("utf-8")


def test_a_check_of_refused_data_leaves_a_page_that_says_so(house: House, tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(f"data: {{root: {tmp_path}, transactions: {{path: orders.csv}}}}")
    (tmp_path / "orders.csv").write_text("customer_id,order_date,revenue\n1,2024-01-01,5\n")
    page = tmp_path / "out" / "broken.check.html"
    assert house.cam("check", path, "--out", tmp_path / "out").returncode == 0
    assert "No, not yet" not in page.read_text("utf-8")
    asked = f"Questions of cam new stand open in {path}, from line 2 on: take"
    path.write_text(path.read_text() + "\n  # ? decimal: ','\n# ?? settled elsewhere\n")
    done = house.cam("check", path, "--out", tmp_path / "out")
    assert "to look at first:\n  ! Questions of cam new" in done.stdout
    assert asked in " ".join(done.stdout.split())
    (tmp_path / "orders.csv").write_text("customer,date\n1,2024-01-01\n")
    done = house.cam("check", path, "--out", tmp_path / "out")
    assert done.returncode == 3 and asked in done.stderr and asked in page.read_text("utf-8")
    assert "columns 'customer_id', 'order_date', 'revenue' not found" in done.stderr
    assert "No, not yet" in page.read_text("utf-8")


def test_list_shows_every_client_and_its_report(tmp_path: Path) -> None:
    house = build(tmp_path / "project")
    assert "No client yet: params/ holds no parameter file." in house.cam("list").stdout
    assert "Clients in params/: none yet." in house.cam("report", "acme").stderr

    house.client("acme", "client: {name: 客户甲}")
    house.client("broken", "surprise: 1")
    house.client("made")
    (house.root / "params" / "template.yaml").write_text("is no client")
    (house.root / "reports" / "made").mkdir(parents=True)
    (house.root / "reports" / "made" / "index.html").touch()
    done = house.cam("list")
    assert done.returncode == 0
    acme, broken, made = done.stdout.splitlines()
    assert acme == "acme             客户甲"
    assert (
        broken.startswith("broken           params/broken.yaml: 1 problem")
        or "broken.yaml: 1 problem" in broken
    )
    assert made.startswith("made") and made.endswith("report in reports/made/index.html")


# --- while it works -----------------------------------------------------------------------------


def test_plain_lines_where_there_is_no_terminal(house: House, tmp_path: Path) -> None:
    done = house.cam("report", "acme", "--study", "05_churn", "--out", tmp_path, "--force")
    assert done.returncode == 0, done.stderr
    assert [line.split(" s  ")[1] for line in done.stderr.splitlines()] == [
        "reading the data",
        "05_churn: running",
        "05_churn: done",
        "writing the report",
    ]
    assert "\x1b" not in done.stderr + done.stdout
    head, churn, took, *where = done.stdout.splitlines()
    assert head == "Study     Result  Seconds  Findings  Warnings"
    assert re.fullmatch(r"05_churn  done  +\d+\.\d         1         0", churn)
    steps = re.fullmatch(
        r"Time: [\d.]+ s \(data (\d+)%, studies (\d+)%, keeping (\d+)%, overview and files (\d+)%\)", took
    )
    assert steps and 98 <= sum(map(int, steps.groups())) <= 102
    made = ("index.html", "workbook.xlsx", "customers.parquet", "key_figures.csv")
    assert [line.removeprefix("Report:").strip() for line in where] == [
        f"{tmp_path}/acme/{name}" for name in made
    ]

    (tmp_path / "acme" / "index.html").unlink()
    again = house.cam("report", "acme", "--study", "05_churn", "--out", tmp_path)
    assert re.match(r"05_churn  unchanged, kept  +\d+\.\d         1         0", again.stdout.splitlines()[1])
    assert "05_churn: unchanged" in again.stderr and "running" not in again.stderr

    # How long it took is known now, and so is the time left; before, nothing was said.
    third = house.cam("report", "acme", "--study", "05_churn", "--out", tmp_path, "--force")
    assert re.search(r"05_churn: running; about (10|20|30|40) s left\n", third.stderr)


def test_warnings_are_said_with_their_place(tmp_path: Path) -> None:
    house = build(tmp_path / "project")
    house.client()
    house.notebook(
        "05_churn", "import warnings; warnings.warn('too few to be sure of anything at all about them')"
    )
    for ended in ("done", "unchanged, kept"):
        done = house.cam("report", "acme", "--study", "05_churn")
        lines = done.stdout.splitlines()
        assert re.fullmatch(rf"05_churn  {ended} +\d+\.\d +1 +1", lines[1])
        said = lines.index("05_churn warned: UserWarning: too few to be sure of anything at all …")
        assert lines[said + 1] == "  in full in reports/acme/notebooks/05_churn.ipynb, and in run.json"
        assert max(map(len, lines)) <= 80
        (result,) = json.loads((house.root / "reports" / "acme" / "run.json").read_text())["results"]
        assert result["warnings"][0].startswith(
            "cell:1: UserWarning: too few"
        )  # no path of this run's kernel
        (house.root / "reports" / "acme" / "index.html").unlink()


# --- all clients ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_all_reports_go_on_after_a_failure_and_say_how_each_ended(tmp_path: Path) -> None:
    house = build(tmp_path / "project")
    assert "No client yet: params/" in house.cam("reports").stderr
    for name in ("acme", "fails", "last"):
        house.client(name)
    house.client("broken", "surprise: 1")
    house.client("empty", orders="customer_id\n1\n")
    house.notebook("05_churn", "if client['id'] == 'fails': raise ValueError('a fault')")
    done = house.cam("reports", "--study", "05_churn", "--out", "here")
    assert done.returncode == 4
    table = done.stdout[done.stdout.index("Client ") :]
    assert [re.split("  +", line)[:2] for line in table.splitlines()] == [
        ["Client", "Result"],
        ["acme", "done"],
        ["broken", "refused: its parameters, or where it writes"],
        ["empty", "refused: its data"],
        ["fails", "a study failed"],
        ["last", "done"],
    ]
    assert (house.root / "here" / "last" / "index.html").is_file()
    assert "--- fails\n" in done.stderr and "ValueError: a fault" in done.stderr


@pytest.mark.slow
def test_all_reports_tell_a_report_without_its_pdf_from_one_refused(tmp_path: Path) -> None:
    house = build(tmp_path / "project")
    house.client("acme")
    (tmp_path / "broken").write_text("#!/bin/sh\nexit 7\n")
    (tmp_path / "broken").chmod(0o755)
    words = ("reports", "--study", "05_churn", "--pdf")
    for expected in ("done, without its PDF", "done, without its PDF"):  # made, then found unchanged
        done = house.cam(*words, CAM_CHROMIUM=str(tmp_path / "broken"))
        assert done.returncode == 2
        assert re.search(rf"^acme +{expected} +[\d.]+$", done.stdout, re.MULTILINE), done.stdout
    house.client("acme", "surprise: 1")
    done = house.cam(*words, CAM_CHROMIUM=str(tmp_path / "broken"))
    assert done.returncode == 2 and "acme    refused: its parameters" in done.stdout


@pytest.mark.parametrize("width", [30, 40, 60, 80])
def test_a_narrow_terminal_cuts_names_first_and_never_how_it_ended(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    end = "refused: its parameters, or where it writes"
    show_clients([("acme", "done", 3.25), ("a" * 40, end, 1234.5)])
    study = Result("01_segmentation", "done", "", 123.4, findings=11)
    show_outcome(Outcome(Path("none"), False, (study,), ("01_segmentation",), {"studies": 1.0}), str)
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    clients, studies = shown.split("Study")
    assert max(len(line) for line in shown.splitlines() if not line.startswith("Time")) <= width
    assert "Client" in clients and " 3.2" in clients and "1234.5" in clients
    ended = "".join(line.split("…")[-1] for line in clients.splitlines()).replace("1234.5", "")
    assert end.replace(" ", "") in ended.replace(" ", "") and "aaa…" in clients
    assert "Seconds" in studies and "123.4" in studies and "unchanged" in studies and "kept" in studies
    assert ("Warnings" in studies) == (width >= 60)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_all_reports_and_not_only_one(tmp_path: Path, number: int) -> None:
    house = build(tmp_path / "project")
    for name in ("acme", "fails", "last"):
        house.client(name)
    house.notebook("05_churn", "import time\nif client['id'] == 'fails': time.sleep(600)")
    run = house.start("reports", "--study", "05_churn")
    run.wait_for("--- fails")
    run.wait_for("05_churn: running")
    (os.killpg if number == signal.SIGINT else os.kill)(run.process.pid, number)
    told, error = run.process.communicate(timeout=60)
    assert run.process.returncode == 130
    ends = [re.split("  +", line)[:2] for line in told[told.index("Client ") :].splitlines()[1:]]
    assert ends == [["acme", "done"], ["fails", "interrupted"], ["last", "not begun"]]
    assert error.count("Interrupted.") == 1 and "--- last" not in error and "Traceback" not in error
    assert run.gone(), run.alive()
    assert sorted(path.name for path in (house.root / "reports").glob("[a-z]*")) == ["acme"]


def on_a_terminal(house: House, *args: object, stop_at: str = "") -> tuple[int, str]:
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(house.root)
        os.execvpe(
            sys.executable, house.command(*args), house.environment(TERM="xterm-256color", COLUMNS="100")
        )
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not piece:
            break
        shown += piece
        if stop_at and stop_at.encode() in shown:
            time.sleep(0.5)
            os.write(terminal, b"\x03")  # Ctrl-C
            stop_at = ""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def left_on_screen(shown: str) -> list[str]:
    """What a terminal shows at the end, as far as moving up and erasing lines go."""
    lines, row = [""], 0
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", shown):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A") and part.startswith("\x1b"):
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part and part != "\r" and not part.startswith("\x1b"):
            lines[row] += part
    return [line for line in lines if line.strip()]


def test_a_bar_is_drawn_on_a_terminal_and_removed(house: House, tmp_path: Path) -> None:
    code, shown = on_a_terminal(house, "report", "other", "--study", "05_churn", "--out", tmp_path)
    assert code == 0
    assert "━" in shown and "05_churn" in shown and "writing the report" in shown
    head, _rule, told, took, where, *_others = left_on_screen(shown)
    assert re.fullmatch(r" *Study +Result +Seconds +Findings +Warnings *", head)
    assert re.fullmatch(r" *05_churn +done +[\d.]+ +1 +0 *", told)
    assert took.startswith("Time: ") and where.startswith("Report: ")


def test_a_sentence_stays_above_the_bars_and_a_study_that_is_put_off_begins_anew(monkeypatch, capsys) -> None:
    words = "data.engine: postgres://db/shop lets this role make no temporary tables [so]. " + "word " * 40
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress("nobody") as told:
        told("", "reading the data", 0, 0)
        told("02_lifecycle", "waiting", 0, 0)
        told("02_lifecycle", "running", 0, 0)
        told("02_lifecycle", "running", 1, 2)
        told(NOTE, words, 0, 0)
        told("02_lifecycle", "waiting", 0, 0)
        told("02_lifecycle", "running", 0, 0)
        told("02_lifecycle", "done", 0, 0)
    shown = capsys.readouterr().err
    assert words in shown and any(words.strip() in line for line in left_on_screen(shown))
    monkeypatch.undo()
    with show_progress("nobody") as told:
        told(NOTE, words, 0, 0)
    assert capsys.readouterr().err == words + "\n"


def test_ctrl_c_on_a_terminal(house: House, tmp_path: Path) -> None:
    house.notebook("02_lifecycle", "import time; time.sleep(600)")
    code, shown = on_a_terminal(
        house, "report", "acme", "--study", "02_lifecycle", "--out", tmp_path, stop_at="running"
    )
    assert code == 130
    assert left_on_screen(shown)[-1] == "Interrupted. Nothing was published; the last report is as it was."
    assert "Traceback" not in shown
    assert [path.name for path in tmp_path.iterdir()] == [".acme.lock"]


# --- the program itself ---------------------------------------------------------------------------


def test_the_program_is_installed() -> None:
    program = Path(sys.executable).parent / "cam"
    done = subprocess.run([program, "list"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "cdnow" in done.stdout and "demo" in done.stdout
    assert __version__


def test_it_starts_quickly(house: House) -> None:
    """Nothing heavy is imported to find out that a name is wrong."""
    program = "import sys, cam.cli; print({'pandas', 'ibis', 'matplotlib', 'papermill'} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_reader_that_has_seen_enough_is_no_error(house: House) -> None:
    process = subprocess.Popen(
        house.command("list"),
        env=house.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait()


def test_a_fault_of_ours_keeps_its_traceback(house: House) -> None:
    program = (
        "import sys, cam.cli\n"
        "def broken(*args): raise KeyError('ours')\n"
        "cam.cli._read = broken\n"
        "sys.argv = ['cam', 'check', 'acme']\n"
        "cam.cli.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" in done.stderr and "KeyError: 'ours'" in done.stderr


def test_ignored_ctrl_c_stays_ignored(house: House) -> None:
    """A shell's background job is started with Ctrl-C ignored, and must not end by it."""
    program = (
        "import os, signal, sys, cam.cli\n"
        "def read(*args): os.kill(os.getpid(), signal.SIGINT); raise SystemExit(7)\n"
        "cam.cli._read = read\n"
        "sys.argv = ['cam', 'check', 'acme']\n"
        "cam.cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        check=False,
    )
    assert done.returncode == 7
