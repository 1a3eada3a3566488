"""Real reports: every notebook with every client, opened in a browser, and the same bytes every time."""

from __future__ import annotations

import csv
import fcntl
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from report.audit import audit
from report.browser import chromium, open_page
from report.house import House, build, files

from cam.data.profile import profile
from cam.key_figures import COLUMNS
from cam.params import read_params
from cam.project import project_root
from cam.report.figure_words import KEYS, figure_text
from cam.studies.client import STUDIES, prepare_client
from cam.studies.columns import score_column
from cam.studies.readiness import PARTS, answers

PAGES = ("index", *STUDIES)
CLIENTS = ("cdnow", "demo", "grocery", "telecom")
SLOW = pytest.mark.slow
EACH = ["cdnow", *(pytest.param(name, marks=SLOW) for name in CLIENTS[1:])]
#: What must never be read on a page: what a program writes where a number or a name is missing.
STRAY = re.compile(
    r"\b(NaN|nan|None|NaT|inf|Infinity|undefined|Traceback)\b|\{\w*\}|<NA>|0x[0-9a-f]{6}|%\(|\\n"
)

ORDERS = """customer_id,order_date,revenue
""" + "\n".join(
    f"{name},2024-{month:02}-{day:02},{20 + month}.50"
    for name, day, months in (
        ("<script>alert(1)</script>", 3, range(1, 13)),
        ("=1+1", 9, range(1, 10, 2)),
        ("0012", 17, (2, 4)),
        ("{x}", 21, (5,)),
    )
    for month in months
)
CONTRACTS = "customer_id,start_date,end_date,monthly_fee\n" + "\n".join(
    f"c{n},2024-{1 + n % 9:02}-01,{f'2024-{3 + n % 9:02}-28' if n % 3 == 0 else ''},{10 + n % 3}"
    for n in range(60)
)
RESPONSES = "response_date,invited_date,nps,csat\n" + "\n".join(
    f"{f'2024-03-{1 + n % 28:02}' if n % 4 else ''},2024-03-01,{n % 11 if n % 4 else ''},{1 + n % 5 if n % 4 else ''}"
    for n in range(120)
)
SNAPSHOT = "customer_id,churned,tenure_months,plan\n" + "\n".join(
    f"s{n},{int((n * 7) % 11 < 3)},{1 + n % 40},{'ab'[n % 2]}" for n in range(300)
)
ALONE = {"contracts": CONTRACTS, "responses": RESPONSES, "snapshot": SNAPSHOT}


class Reports:
    """A copy of the project that all workers of a test session share; each report is made once, when asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def made(self, client: str, language: str = "") -> Path:
        """The folder of a report in a language; made by the first who asks, while others wait."""
        self.root.mkdir(exist_ok=True)
        out = self.root / (language or "own")
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            house = House(self.root / "project")
            if not house.root.exists():
                build(house.root, real=True)
                for name in CLIENTS:
                    shutil.copyfile(
                        project_root() / "params" / f"{name}.yaml", house.root / "params" / f"{name}.yaml"
                    )
                (house.root / "odd.csv").write_text(ORDERS)
                (house.root / "params" / "odd.yaml").write_text(
                    "data: {transactions: {path: odd.csv}}\nclient: {name: <script>alert(1)</script>}"
                )
                for table, text in ALONE.items():
                    (house.root / f"{table}.csv").write_text(text)
                    sections = f"data: {{{table}: {{path: {table}.csv}}}}\nclient: {{as_of: 2024-12-31}}"
                    (house.root / "params" / f"{table}-alone.yaml").write_text(sections)
            if not (out / client / "run.json").is_file():
                more = ["--language", language] if language else []
                done = house.cam("report", client, "--out", out, *more, timeout=600)
                assert done.returncode == 0, done.stderr + done.stdout
        return out / client


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    base = tmp_path_factory.getbasetemp()
    return Reports((base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "real reports")


@pytest.fixture(
    params=EACH,
    scope="session",
)
def report(request: pytest.FixtureRequest, reports: Reports) -> Path:
    return reports.made(request.param)


def figures(report: Path) -> list[dict[str, str]]:
    with (report / "key_figures.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def figure(report: Path, name: str, segment: str = "") -> str:
    (row,) = [row for row in figures(report) if (row["figure"], row["segment"]) == (name, segment)]
    return row["value"]


def visible(html: str) -> str:
    """What a reader sees, without code, styles and scripts, as the browser would say it."""
    for element in ("style", "script", 'details class="code"', "math", "head"):
        name = element.split()[0]
        html = re.sub(rf"<{element}\b.*?</{name}>", " ", html, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", html)


# --- every report -------------------------------------------------------------------------------


def test_every_file_is_there(report: Path) -> None:
    wanted = {f"{page}.html" for page in PAGES} | {f"notebooks/{name}.ipynb" for name in STUDIES}
    wanted |= {"key_figures.csv", "customers.parquet", "workbook.xlsx", "run.json"}
    assert set(files(report)) == wanted


def test_key_figures_keep_the_contract(report: Path) -> None:
    text = (report / "key_figures.csv").read_text()
    assert text.splitlines()[0] == ",".join(COLUMNS) and "\r" not in text and text.endswith("\n")
    rows = figures(report)
    keys = [tuple(row[name] for name in COLUMNS[:5]) for row in rows]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)
    assert {row["client"] for row in rows} == {report.name}
    assert {row["study"] for row in rows} <= set(STUDIES)
    for row in rows:
        assert row["unit"], row
        for name in ("value", "low", "high", "n"):
            if row[name] or name == "value":
                assert math.isfinite(float(row[name])), row
        if row["low"]:
            assert float(row["low"]) <= float(row["value"]) <= float(row["high"]), row


def test_one_row_per_customer(report: Path) -> None:
    rows, ids, filled = duckdb.sql(
        f"SELECT count(*), count(DISTINCT customer_id), count(customer_id) FROM '{report}/customers.parquet'"
    ).fetchone() or (0, 0, 0)
    assert rows == ids == filled == int(figure(report, "n_customers"))


def test_the_workbook_says_what_every_column_and_every_figure_is(report: Path) -> None:
    columns = duckdb.sql(f"FROM '{report / 'customers.parquet'}'").columns
    assert [name for name in columns if score_column(name) is None] == []
    named = {row["figure"]: figure_text(row["figure"]) for row in figures(report)}
    assert [figure for figure, words in named.items() if words == figure] == []
    keys = {pair.partition("=")[0] for row in figures(report) for pair in row["segment"].split(";") if pair}
    assert keys - KEYS.keys() <= {"contract_type"}  # the client's own column


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light_and_has_no_stray_word(report: Path, name: str) -> None:
    html = (report / f"{name}.html").read_text()
    assert len(html.encode()) < 2_000_000
    found = STRAY.search(visible(html))
    assert not found, visible(html)[max(found.start() - 80, 0) : found.end() + 80]


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", ["", pytest.param("zh", marks=SLOW)])
@pytest.mark.parametrize("client", EACH)
def test_a_page_opens_and_everybody_can_read_it(
    reports: Reports, client: str, language: str, name: str, width: int
) -> None:
    """On a phone and on a desk; pictures to look at stay in ``.cache/pictures``."""
    chromium()
    picture = project_root() / ".cache" / "pictures" / f"{client}-{language or 'en'}-{name}-{width}.png"
    page = reports.made(client, language) / f"{name}.html"
    visit, faults = audit(page, width, picture=picture, more="document.body.innerText")
    assert visit.console_errors == () and visit.requests == ()
    assert visit.scroll_width <= width
    assert faults == []
    assert not STRAY.search(visit.answer)


def test_links_lead_somewhere(report: Path) -> None:
    for name in PAGES:
        html = (report / f"{name}.html").read_text()
        for href in re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', html):
            assert (report / href).is_file(), f"{name}: {href}"
        for anchor in re.findall(r'href="#([^"]+)"', html):
            assert f'id="{anchor}"' in html, f"{name}: #{anchor}"


@pytest.mark.slow
def test_pages_are_in_chinese_where_they_are_asked_for(reports: Reports) -> None:
    report = reports.made("cdnow", "zh")  # a missing glyph is an error in the kernels' rendering, too
    for name in PAGES:
        html = (report / f"{name}.html").read_text()
        assert '<html lang="zh' in html
        assert not STRAY.search(visible(html))
    assert "客户" in visible((report / "index.html").read_text())
    for notebook in (report / "notebooks").iterdir():
        assert "Glyph" not in notebook.read_text()
    assert figure(report, "revenue") == "2500315.63"


# --- what is known of each ------------------------------------------------------------------------


def test_cdnow(reports: Reports) -> None:
    report = reports.made("cdnow")
    assert figure(report, "n_customers") == "23570"
    assert figure(report, "revenue") == "2500315.63"
    for page in ("index", "01_segmentation"):
        assert "80 rows have a value of zero" in (report / f"{page}.html").read_text()


@pytest.mark.slow
def test_what_a_clients_data_say_is_text(reports: Reports) -> None:
    report = reports.made("odd")
    bad = "<script>alert(1)</script>"
    for name in PAGES:
        assert bad not in (report / f"{name}.html").read_text(), name
    rows = duckdb.sql(f"SELECT customer_id FROM '{report}/customers.parquet'").fetchall()
    assert [row[0] for row in rows] == ["0012", bad, "=1+1", "{x}"]
    chromium()
    visit = open_page(report / "index.html", script="document.body.innerText")
    assert bad in visit.answer and visit.console_errors == ()


@pytest.mark.slow
@pytest.mark.parametrize("table", list(ALONE))
def test_a_client_without_transactions(reports: Reports, table: str) -> None:
    report = reports.made(f"{table}-alone")
    silent = []
    for name in STUDIES:
        html = (report / f"{name}.html").read_text()
        assert not STRAY.search(visible(html)), STRAY.search(visible(html))
        if "Not shown." in html:
            silent.append(name)
            assert re.search(r"This needs (the table )?\w+", html), name
            assert "params/template.yaml shows its columns" in html or f"data.{table}.columns" in html, name
    assert len(silent) >= 3, silent
    columns = duckdb.sql(f"FROM '{report / 'customers.parquet'}'").columns
    assert [name for name in columns if score_column(name) is None] == []
    index = (report / "index.html").read_text()
    assert "Studies without a result" in index


# --- the same numbers, the same bytes -------------------------------------------------------------


@contextmanager
def cores(n: int) -> Iterator[None]:
    """Let what is started here see *n* cores: as many threads, and as many studies at once."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:n])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "language", "n", "around"),
    [
        ("demo", "", 2, {"PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland", "OMP_NUM_THREADS": "2"}),
        ("demo", "zh", 1, {"PYTHONHASHSEED": "11", "TZ": "America/Caracas", "LC_ALL": "C"}),
        ("cdnow", "", 1, {"PYTHONHASHSEED": "23", "TZ": "Asia/Shanghai"}),
    ],
)
def test_same_bytes_whatever_stands_around(
    reports: Reports, client: str, language: str, n: int, around: dict[str, str], tmp_path: Path
) -> None:
    """Another copy of the project elsewhere, another hash seed, time zone, current folder, `--out` and one thread."""
    one = files(reports.made(client, language))
    other = build(tmp_path / "an other place", real=True)
    shutil.copyfile(project_root() / "params" / f"{client}.yaml", other.root / "params" / f"{client}.yaml")
    words = ["--language", language] if language else []
    with cores(n):
        done = other.cam(
            "report", client, *words, "--force", "--out", "elsewhere", cwd=tmp_path, timeout=900, **around
        )
    assert done.returncode == 0, done.stderr
    two = files(tmp_path / "elsewhere" / client)
    assert one.keys() == two.keys()
    # A PDF bears the day it was printed; the record says how long the run took.
    differ = {name for name in one if one[name] != two[name] and not name.endswith(".pdf")}
    assert differ == {"run.json"}


def test_no_study_warns(report: Path) -> None:
    """What a library complains of is ours to mend: no reader can."""
    results = json.loads((report / "run.json").read_text("utf-8"))["results"]
    assert {result["name"]: result["warnings"] for result in results if result["warnings"]} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STUDIES))
def test_plain_papermill_gives_the_same_key_figures(reports: Reports, name: str, tmp_path: Path) -> None:
    report = reports.made("demo")
    house = House(reports.root / "project")
    notebook = house.root / "notebooks" / f"{name}.ipynb"
    options = ["-f", str(house.root / "params" / "demo.yaml"), "--no-progress-bar"]
    done = subprocess.run(
        [sys.executable, "-m", "papermill", str(notebook), str(tmp_path / "out.ipynb"), *options],
        env=house.environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with (house.root / "reports" / "plain" / "demo" / f"{name}.csv").open(newline="") as stream:
        plain: list[dict[str, Any]] = list(csv.DictReader(stream))
    assert plain == [row for row in figures(report) if row["study"] == name]


# --- what `cam check` promised ---------------------------------------------------------------------

#: What the check calls ready and the study cannot say: the data are there, but hold too little.
HOLDS_TOO_LITTLE = {
    "grocery": {
        ("01_segmentation", "profit and loyalty"),  # under its model all are equally loyal
        ("03_clv_cac", "profit and loyalty"),
        ("02_lifecycle", "how long customers stay"),  # five left
        ("02_lifecycle", "what goes with leaving"),
        ("05_churn", "who will leave, and why"),  # 54 left for good
    }
}


def sections_said(notebook: Path) -> set[str]:
    """Sections of an executed notebook that show anything beside reasons for showing nothing."""
    said, here = set(), ""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            names = [
                line[3:].strip() for line in "".join(cell["source"]).splitlines() if line.startswith("## ")
            ]
            here = names[-1] if names else here
            continue
        shown = [output.get("data", {}) for output in cell["outputs"] if output["output_type"] != "stream"]
        if any("note cannot-say" not in "".join(data.get("text/html", "")) for data in shown):
            said.add(here)
    return said


def test_the_check_promises_what_the_studies_say(report: Path) -> None:
    params = read_params(project_root() / "params" / f"{report.name}.yaml")
    prepared = prepare_client(params, place="params")
    promised = answers(params, prepared, profile(prepared))
    sections = {(study, part.name): set(part.sections) for study, parts in PARTS.items() for part in parts}
    said = {study: sections_said(report / "notebooks" / f"{study}.ipynb") for study in STUDIES}
    wrong = {
        (one.study, one.part)
        for one in promised
        if (one.state != "not") != bool(sections[one.study, one.part] & said[one.study])
    }
    assert wrong == HOLDS_TOO_LITTLE.get(report.name, set())
