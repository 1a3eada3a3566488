"""The runner: what runs again, how it ends, and that whatever happens the last report stays whole."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from report.house import ORDERS, House, build, files

from cam.errors import ParamsError
from cam.params import read_params
from cam.report import processes
from cam.report import run as runner
from cam.report.run import find_studies
from cam.studies.client import STUDIES

ONE = ("--study", "01_segmentation")
TWO = (*ONE, "--study", "05_churn")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return build(tmp_path_factory.mktemp("house") / "project")


@pytest.fixture
def own_house(tmp_path: Path) -> House:
    """For a test that breaks something in it."""
    return build(tmp_path / "project")


def record(report: Path) -> dict:
    return json.loads((report / "run.json").read_text())


# --- what runs again ----------------------------------------------------------------------------


def test_what_is_touched_is_all_that_runs(house: House) -> None:
    report = house.root / "reports" / "acme"

    def kept(*args: str, text: str = "", orders: str = ORDERS) -> list[str]:
        house.client("acme", text, orders)
        done = house.cam("report", "acme", *TWO, *args)
        assert done.returncode == 0, done.stderr
        return record(report)["kept"]

    both = ["01_segmentation", "05_churn"]
    assert kept() == []
    first = files(report)

    house.client("acme")
    done = house.cam("report", "acme", *TWO)
    assert done.returncode == 0
    assert "Nothing has changed since the report in reports/acme was made" in done.stdout
    assert "--force runs every study again" in done.stdout
    assert files(report) == first

    assert kept(text="segmentation: {n_bins: 4}") == ["05_churn"]
    assert kept(text="churn: {horizon_days: 60}") == ["01_segmentation"]
    assert kept(text="lifecycle: {n_months: 6}") == both

    assert kept(text='client: {brand: {color: "#123abc", footer: Acme Ltd}}') == both
    for page in ("index", *both):
        html = (report / f"{page}.html").read_text()
        assert "#123abc" in html and "Acme Ltd" in html

    (report / "05_churn.html").unlink()
    assert kept(text='client: {brand: {color: "#123abc", footer: Acme Ltd}}') == both
    assert (report / "05_churn.html").is_file()

    assert kept("--force") == []
    assert kept(orders=ORDERS + "c,2024-04-01,3.00\n") == []
    assert kept("--language", "zh") == []
    # What was made before is still there to be used.
    assert kept() == both
    # What was not asked for and no longer holds leaves the report, and that is said.
    done = house.cam("report", "acme", *ONE)
    assert "Nothing has changed" in done.stdout
    house.client("acme", orders=ORDERS + "c,2024-04-02,3.00\n")
    done = house.cam("report", "acme", *ONE)
    assert "05_churn: no longer in the report: what they were made from has changed" in done.stdout
    assert not (report / "05_churn.html").exists()
    assert kept() == both
    assert {k: v for k, v in files(report).items() if k != "run.json"} == {
        k: v for k, v in first.items() if k != "run.json"
    }


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        ("segmentation: {n_bins: 4}", {"01_segmentation", "03_clv_cac", "04_satisfaction_nps"}),
        ("lifecycle: {n_months: 6}", {"02_lifecycle"}),
        ("value: {margin_rate: 0.31}", set(STUDIES) - {"02_lifecycle"}),
        ("churn: {horizon_days: 60}", {"05_churn"}),
        ("client: {name: Other}", set(STUDIES)),
        ("client: {brand: {footer: Other}}", set()),
    ],
)
def test_a_section_touches_the_studies_that_read_it(tmp_path: Path, change: str, touched: set[str]) -> None:
    keys = []
    for text in ("", change):
        path = tmp_path / "acme.yaml"
        path.write_text(f"data: {{transactions: {{path: a.csv}}}}\n{text}\n")
        params = read_params(path)
        keys.append(
            {name: runner._study_key(name, runner._injected(params, name), "data") for name in STUDIES}
        )
    assert {name for name in STUDIES if keys[0][name] != keys[1][name]} == touched


def test_studies_are_found_in_their_order_and_once() -> None:
    assert find_studies() == list(STUDIES)
    assert find_studies(["05_churn", "01_segmentation", "05_churn"]) == ["01_segmentation", "05_churn"]
    with pytest.raises(ParamsError, match="--study churn: no such study"):
        find_studies(["churn"])


def test_what_is_kept_is_kept_whole_and_only_the_last_few(tmp_path: Path) -> None:
    made, cache = tmp_path / "01_segmentation", tmp_path / "cache"
    made.mkdir()
    for number in range(5):
        (made / "a.csv").write_text("x" * number)
        runner._remember(made, cache / f"01_segmentation-{number}")
        os.utime(cache / f"01_segmentation-{number}", (number, number))
    assert sorted(path.name for path in cache.iterdir()) == [f"01_segmentation-{n}" for n in (2, 3, 4)]
    # One that is there but not whole is made whole, and nothing is left beside it.
    (cache / "01_segmentation-4" / "a.csv").unlink()
    runner._remember(made, cache / "01_segmentation-4")
    assert (cache / "01_segmentation-4" / "a.csv").read_text() == "xxxx"
    assert not list(cache.glob(".*"))
    # A cache that cannot be written costs no report.
    (tmp_path / "file").touch()
    runner._remember(made, tmp_path / "file" / "cache" / "01_segmentation-9")


# --- how a study ends ---------------------------------------------------------------------------


def test_a_study_that_fails_is_told_and_the_others_are_published(own_house: House) -> None:
    own_house.client()
    own_house.notebook("03_clv_cac", 'raise ValueError("margin <b>unknown</b>")', title="What is it worth?")
    done = own_house.cam("report", "acme", "--study", "03_clv_cac", "--study", "04_satisfaction_nps")
    report = own_house.root / "reports" / "acme"
    assert done.returncode == 4
    assert "03_clv_cac failed: ValueError: margin <b>unknown</b>" in done.stderr
    assert "04_satisfaction_nps  done  " in done.stdout

    page = (report / "03_clv_cac.html").read_text()
    assert "What is it worth?" in page
    assert "ValueError: margin &lt;b&gt;unknown&lt;/b&gt;" in page and "<b>unknown" not in page
    assert 'href="notebooks/03_clv_cac.ipynb"' in page
    executed = json.loads((report / "notebooks" / "03_clv_cac.ipynb").read_text())
    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", ())]
    assert any(output["output_type"] == "error" for output in outputs)

    index = (report / "index.html").read_text()
    assert "Studies without a result" in index and "&lt;b&gt;unknown" not in index
    assert "The study stopped before its end: its page says why." in index
    assert "04_satisfaction_nps was run." in index
    figures = (report / "key_figures.csv").read_text()
    assert "given_04_satisfaction_nps" in figures and "03_clv_cac" not in figures

    # It is tried again, the other is not; once mended, the page is the study's.
    own_house.notebook("03_clv_cac")
    again = own_house.cam("report", "acme", "--study", "03_clv_cac", "--study", "04_satisfaction_nps")
    assert again.returncode == 0, again.stderr
    assert record(report)["kept"] == ["04_satisfaction_nps"]
    assert "No result this time" not in (report / "03_clv_cac.html").read_text()


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("import os; os._exit(3)", "the process of its notebook died while a cell ran"),
        ("import os, signal; os.kill(os.getppid(), signal.SIGKILL)", "its process was killed (signal 9)"),
    ],
    ids=["kernel", "worker"],
)
def test_a_process_that_dies_is_a_study_that_failed(own_house: House, work: str, said: str) -> None:
    own_house.client()
    own_house.notebook("01_segmentation", work)
    run = own_house.start("report", "acme", "--study", "01_segmentation")
    code, error = run.end()
    assert code == 4 and said in error and "Traceback" not in error
    assert said in (own_house.root / "reports" / "acme" / "01_segmentation.html").read_text()
    assert run.gone(), run.alive()


def test_what_was_not_asked_for_stays_while_it_holds(own_house: House) -> None:
    own_house.client()
    assert own_house.cam("report", "acme", *TWO).returncode == 0
    done = own_house.cam("report", "acme", *ONE, "--force")
    assert done.returncode == 0 and "05_churn" in done.stdout
    report = own_house.root / "reports" / "acme"
    assert (report / "01_segmentation.html").is_file() and (report / "05_churn.html").is_file()
    assert not (report / "02_lifecycle.html").exists()  # never run, so nothing of it holds


def test_a_file_of_somebody_else_stays_in_the_report(own_house: House) -> None:
    own_house.client()
    assert own_house.cam("report", "acme", *ONE).returncode == 0
    note = own_house.root / "reports" / "acme" / "notes" / "mine.txt"
    note.parent.mkdir()
    note.write_text("mine")
    assert own_house.cam("report", "acme", *ONE, "--force").returncode == 0
    assert note.read_text() == "mine"
    assert "Nothing has changed" in own_house.cam("report", "acme", *ONE).stdout


def test_a_result_that_was_damaged_in_the_cache_is_made_again(own_house: House) -> None:
    own_house.client()
    assert own_house.cam("report", "acme", *ONE).returncode == 0
    (kept,) = (own_house.root / ".cache" / "studies" / "acme").glob("01_segmentation-*/01_segmentation.csv")
    kept.write_text("")
    index = own_house.root / "reports" / "acme" / "index.html"
    before = index.read_bytes()
    index.write_bytes(before.replace(b"Overview", b"OverviXw", 1))  # the same length: only its content tells
    done = own_house.cam("report", "acme", *ONE)
    assert done.returncode == 0 and "01_segmentation  done  " in done.stdout
    assert index.read_bytes() == before


def test_a_study_out_of_time_is_stopped(own_house: House) -> None:
    own_house.client()
    own_house.notebook("01_segmentation", "import time; time.sleep(600)")
    run = own_house.start("report", "acme", "--timeout", "12", *TWO)
    code, error = run.end()
    said = "ran longer than 12 s and was stopped (--timeout)"
    assert code == 5 and f"01_segmentation out of time: {said}" in error
    report = own_house.root / "reports" / "acme"
    assert said in (report / "01_segmentation.html").read_text()
    assert "05_churn was run." in (report / "index.html").read_text()
    assert run.gone(), run.alive()


def test_a_full_disk_while_a_study_runs_publishes_nothing(own_house: House) -> None:
    own_house.client()
    assert own_house.cam("report", "acme", *ONE).returncode == 0
    before = files(own_house.root / "reports")
    own_house.notebook("01_segmentation", 'raise OSError(28, "No space left on device", "/tmp/x")')
    done = own_house.cam("report", "acme", *ONE)
    assert done.returncode == 2
    assert "no space left on the disk; free some, or choose another folder with --out" in done.stderr
    after = files(own_house.root / "reports")
    assert {k: v for k, v in after.items() if "lock" not in k} == {
        k: v for k, v in before.items() if "lock" not in k
    }


def test_what_studies_left_is_kept_before_their_report_is_put_together(own_house: House) -> None:
    own_house.client()
    module = own_house.root / "src" / "cam" / "report" / "assemble.py"
    sound = module.read_text()
    fault = "raise OSError(28, 'No space left on device', 'workbook.xlsx')"
    module.write_text(sound.replace("        lines = reconcile(params, prepared)", f"        {fault}", 1))
    assert own_house.cam("report", "acme", *ONE).returncode == 2
    module.write_text(sound)
    assert own_house.cam("report", "acme", *ONE).returncode == 0
    assert record(own_house.root / "reports" / "acme")["kept"] == ["01_segmentation"]


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_leaves_the_last_report(house: House, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        house.client("small")
        assert house.cam("report", "small", *ONE, "--out", disk).returncode == 0
        before = files(disk / "small")
        for room in (0, 60):  # kB: at the lock already, or in the midst of the report
            with (disk / "filler").open("wb") as filler:
                free = shutil.disk_usage(disk).free - room * 1000
                filler.write(b"x" * max(free, 0))
            done = house.cam("report", "small", *ONE, "--out", disk, "--force")
            assert done.returncode == 2, (room, done.stdout)
            last = done.stderr.splitlines()[-1]
            assert last.startswith(f"{disk}: no space left on the disk; free some, or"), last
            assert files(disk / "small") == before
            assert sorted(path.name for path in disk.iterdir()) == [".small.lock", "filler", "small"]
            (disk / "filler").unlink()
        assert house.cam("report", "small", *ONE, "--out", disk, "--force").returncode == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# --- interrupted, and at once -------------------------------------------------------------------


def slow_house(house: House) -> Path:
    """Make a study wait while a file is there; its notebook, and so its key, stay the same."""
    flag = house.root / "wait"
    house.notebook(
        "01_segmentation",
        f"import time, pathlib\nflag = pathlib.Path({str(flag)!r})\n"
        "[time.sleep(0.1) for _ in range(6000) if flag.exists()]",
    )
    return flag


def test_a_run_that_is_stopped_leaves_the_last_report_and_no_process(own_house: House) -> None:
    own_house.client()
    flag = slow_house(own_house)
    reports = own_house.root / "reports"
    assert own_house.cam("report", "acme", *ONE).returncode == 0
    before = files(reports / "acme")
    temporary = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))  # short: sockets stand in it

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        flag.touch()
        run = own_house.start("report", "acme", *ONE, "--force", TMPDIR=str(temporary))
        run.wait_for("01_segmentation: running")
        time.sleep(1)  # the kernel is on its way
        # A terminal sends Ctrl-C to every process of the group; the others go to one.
        (os.killpg if number == signal.SIGINT else os.kill)(run.process.pid, number)
        code, error = run.end()
        if number == signal.SIGKILL:
            assert code == -signal.SIGKILL
        else:
            assert code == 130
            assert error.splitlines()[-1] == (
                "Interrupted. Nothing was published; the last report is as it was."
            )
            assert "Traceback" not in error and "KeyboardInterrupt" not in error
            assert [path.name for path in reports.glob(".acme-*")] == []
        assert files(reports / "acme") == before
        assert run.gone(), run.alive()
        assert number == signal.SIGKILL or not list(temporary.iterdir()), "files of the run are left"

    assert list(reports.glob(".acme-making-*"))  # what the kill left, and the next run clears
    shutil.rmtree(temporary)
    flag.unlink()
    assert own_house.cam("report", "acme", *ONE, "--force").returncode == 0
    assert sorted(path.name for path in reports.iterdir()) == [".acme.lock", "acme"]
    after = files(reports / "acme")
    assert {**after, "run.json": b""} == {**before, "run.json": b""}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_while_the_data_are_read_is_no_error(house: House, number: int) -> None:
    """DuckDB turns Ctrl-C into an error of its own."""
    house.client("acme")
    program = (
        "import sys, duckdb, cam.cli, cam.report.run as run\n"
        "def prepare(*args, **more):\n"
        "    print('reading', file=sys.stderr, flush=True)\n"
        "    duckdb.sql('SELECT sum(a.range * b.range) FROM range(9000000) a, range(9000000) b').fetchall()\n"
        "run.prepare_client = prepare\n"
        "sys.argv = ['cam', 'report', 'acme']\n"
        "if __name__ == '__main__': cam.cli.main()\n"
    )
    script = house.root / "interrupt.py"
    script.write_text(program)
    process = subprocess.Popen(
        [sys.executable, str(script)], env=house.environment(), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    for line in process.stderr:
        if line == "reading\n":
            break
    time.sleep(0.5)
    process.send_signal(number)
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert error.strip() == "Interrupted. Nothing was published; the last report is as it was."


def test_two_runs_at_once(own_house: House) -> None:
    own_house.client("acme")
    own_house.client("other")
    slow_house(own_house).touch()
    first = own_house.start("report", "acme", "--study", "01_segmentation")
    try:
        first.wait_for("running")
        second = own_house.cam("report", "acme")
        assert second.returncode == 2
        assert second.stderr.strip().endswith(
            f"another run of acme is under way in {own_house.root}/reports (process {first.process.pid}). "
            "Wait for it, or write elsewhere with --out."
        )
        assert own_house.cam("report", "other", "--study", "05_churn").returncode == 0
        elsewhere = own_house.cam("report", "acme", "--study", "05_churn", "--out", own_house.root / "more")
        assert elsewhere.returncode == 0
        assert first.process.poll() is None
    finally:
        first.process.terminate()
        first.end()


def test_a_kernel_that_outlived_its_process_is_ended(tmp_path: Path) -> None:
    """One that still starts when its run is stopped would make the folder of sockets anew."""
    program = "import time; time.sleep(60)"
    kernel = subprocess.Popen([sys.executable, "-c", program, "-f", str(tmp_path / "01.json")])
    other = subprocess.Popen([sys.executable, "-c", program])
    try:
        processes._end_kernels(str(tmp_path))
        assert not Path(f"/proc/{kernel.pid}").exists()
        assert other.poll() is None
    finally:
        for process in (kernel, other):
            process.kill()
            process.wait()
