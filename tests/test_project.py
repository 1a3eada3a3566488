"""The files around the package: they agree with each other, and what nobody calls is not there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import yaml

from cam.project import project_root

ROOT = project_root()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()
SPARK_LOCK = (ROOT / "requirements-spark.lock").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
CI = (ROOT / ".ci" / "run").read_text()


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def locked(lock: str = LOCK) -> set[str]:
    return {name_of(line) for line in lock.splitlines() if "==" in line and not line.startswith((" ", "#"))}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout, so no list of what belongs to it")
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_the_lock_pins_every_requirement_with_hashes_and_no_url():
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    wanted += PROJECT["build-system"]["requires"]
    assert {name_of(requirement) for requirement in wanted} <= locked()
    has_hashes_and_no_url(LOCK)


def has_hashes_and_no_url(lock: str) -> None:
    assert "://" not in lock and "--index" not in lock and "--find-links" not in lock
    pins = re.split(r"\n(?=[A-Za-z0-9])", lock.strip())
    assert all("--hash=sha256:" in pin for pin in pins)


def test_spark_is_locked_apart_and_installed_by_ci_alone():
    wanted = PROJECT["project"]["optional-dependencies"]["spark"]
    assert {name_of(requirement) for requirement in wanted} <= locked(SPARK_LOCK)
    assert not locked(SPARK_LOCK) & locked()
    has_hashes_and_no_url(SPARK_LOCK)
    assert "requirements-spark.lock" in CI and "requirements-spark.lock" not in MAKEFILE


def test_the_lock_serves_every_python_that_the_project_allows():
    assert PROJECT["project"]["requires-python"] == ">=3.11"
    # papermill asks for aiohttp on 3.12 only; a lock made for 3.11 alone would miss it.
    assert re.search(r"^aiohttp==.*python_full_version == '3\.12", LOCK, re.MULTILINE)


def test_pins_that_ibis_needs():
    assert re.search(r"^duckdb==1\.5\.", LOCK, re.MULTILINE)
    sqlglot = re.search(r"^sqlglot==(\d+)\.(\d+)", LOCK, re.MULTILINE)
    assert sqlglot and (int(sqlglot[1]), int(sqlglot[2])) < (30, 18)


def test_environment_yml_says_what_pyproject_says():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["project"]["name"]
    *conda, pip = environment["dependencies"]
    assert conda == [f"python{PROJECT['project']['requires-python']}", "pip"]
    assert pip == {"pip": ["--require-hashes", "-r requirements.lock"]}


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def test_the_commands_of_the_readme_are_targets_of_the_makefile():
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`?make ([a-z]+)", text))
    assert {"report", "test", "lab"} <= named <= targets()
    assert "    make report\n    make test\n" in text


def test_every_target_is_called_by_ci_or_by_a_test():
    called = set(re.findall(r"make ([a-z]+)", CI))
    # What a target needs is called with it.
    for target in ("check", "picture"):
        called |= set(re.search(rf"^{target}: (.*?)(?:##|$)", MAKEFILE, re.MULTILINE)[1].split())
    called |= {"setup"}  # every other target needs its stamp
    tested = set(re.findall(r'make\("([a-z]+)"', Path(__file__).read_text()))
    assert targets() - called - tested == set()


def make(target: str, *options: str, timeout: float = 600) -> str:
    command = ["make", target, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture
def ready():
    """The project's own environment, for the targets that need one: they would set it up otherwise."""
    if not list((ROOT / ".venv").glob(".ready-*")):
        pytest.skip("not run by make, so there is no .venv that its targets could use")


def test_help_names_the_targets():
    text = make("help")
    assert all(f"make {target}" in text for target in targets() - {"lint"})


@pytest.mark.slow
def test_make_reports_makes_every_client_and_goes_on(ready, tmp_path):
    # In a place of its own: another worker may make the picture, and with it the same report, at this moment.
    text = make("reports", f"OUT={tmp_path}")
    for client in ("demo", "cdnow", "grocery"):
        assert f"{tmp_path}/{client}" in text
        assert (tmp_path / client / "index.html").is_file()


@pytest.mark.slow
def test_make_bench_measures(ready, tmp_path):
    tables = tmp_path / "README.md"
    parts = [f"<!-- {name} -->\n<!-- end {name} -->\n" for name in ("models", "pipeline", "report")]
    tables.write_text("before\n" + "".join(parts) + "after\n")
    make("bench", f"BENCH_OPTIONS=--quick --to {tables}", timeout=1500)
    text = tables.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    models, pipeline, report = re.split("<!-- end models -->|<!-- end pipeline -->", text)
    for task in (
        "floor: DuckDB scans",
        "one row per customer",
        "every customer scored",
        "pandas and `lifetimes`",
    ):
        assert re.search(rf"^\| {re.escape(task)}.* \| \d", pipeline, re.MULTILINE), task
    assert len(re.findall(r"\d, (?:not )?met", pipeline)) == 4
    assert "of the floor" in report
    for task in ("BG/NBD", "Pareto/NBD", "Gamma-Gamma", "CLV of 12 months", "200 BG/NBD refits"):
        assert models.count(f"| {task}") >= 2  # how fast, and whether the answer is the same
    # Both find the same maximum, and the same value of each customer; speed is not for a test to judge.
    agreed = re.search(r"### The same answer\n(.*?)###", models, re.DOTALL).group(1)
    figures = re.findall(r"(-?\d\.\de[-+]\d\d)", agreed)
    assert len(figures) == 9 and min(float(figure) for figure in figures) > -1e-6
    worst = float(re.search(r"CLV of 12 months.*?(\d\.\de[-+]\d\d)", agreed).group(1))
    assert worst < 1e-10
    for plot in ("speed.svg", "pipeline.svg"):
        assert (tmp_path / plot).read_text().startswith("<svg")


@pytest.mark.slow
def test_make_picture_takes_pictures_in_both_languages(ready, tmp_path):
    from report.browser import chromium

    chromium()
    make("picture", f"PICTURES={tmp_path}", f"OUT={tmp_path / 'reports'}")
    for language in ("en", "zh"):
        picture = (tmp_path / f"overview-{language}.png").read_bytes()
        assert picture.startswith(b"\x89PNG") and len(picture) > 20_000


@pytest.mark.slow
def test_make_lab_opens_the_notebooks(ready):
    # make("lab") would not come back, so it is started, heard and stopped.
    options = "LAB_OPTIONS=--no-browser --port=0 --allow-root --ip=127.0.0.1"
    process = subprocess.Popen(
        ["make", "lab", options], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 60
        heard = ""
        while "is running at" not in heard and time.monotonic() < deadline and process.poll() is None:
            heard += process.stderr.readline()
        assert "is running at" in heard, heard
        assert "notebooks" in heard
    finally:
        os.killpg(process.pid, 15)
        try:
            process.communicate(timeout=20)  # reads on: a full pipe would keep it from ending
        except subprocess.TimeoutExpired:  # how fast it ends on a busy machine is not what is asked here
            os.killpg(process.pid, 9)
            process.wait()


def test_ci_calls_make_check():
    assert CI.rstrip().endswith("make check")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_nothing_names_a_machine_or_a_registry():
    hosts = "pyp" + "i.org|pythonho" + "sted|registry.np" + "mjs|deb.deb" + "ian"
    for path in tracked():
        if path.suffix in {".png", ".woff2"}:
            continue
        # Exports of the corpus stand in the encodings that systems write.
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not re.search(hosts, text), path
        assert str(ROOT) not in text and f"{Path.home()}/" not in text, path


def test_nothing_large_is_kept():
    assert all(path.stat().st_size < 2 * 1024 * 1024 for path in tracked())


def test_the_package_starts_without_its_heavy_parts():
    program = (
        "import sys, cam.cli; print(sorted({'pandas', 'ibis', 'papermill', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
