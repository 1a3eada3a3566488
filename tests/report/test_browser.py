"""The pages in a real browser: no error, no request, no sideways scroll, and what folds, folds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from report import test_render as pages
from report.audit import audit
from report.browser import chromium, open_page, print_pdf, screenshot

from cam.language import translate, use
from cam.show.tables import Col, show_table


@pytest.fixture(scope="module", params=list(pages.ALL))
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    chromium()
    path = tmp_path_factory.mktemp(request.param) / "page.html"
    path.write_text(pages.ALL[request.param](), encoding="utf-8", newline="\n")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chromium()
    path = tmp_path_factory.mktemp("study") / "page.html"
    path.write_text(pages.a_study("zh"), encoding="utf-8", newline="\n")
    return path


@pytest.mark.parametrize("width", [390, 1440])
def test_opens_without_errors_requests_or_sideways_scroll_and_everybody_can_read_it(
    page: Path, width: int
) -> None:
    visit, faults = audit(page, width)
    assert visit.console_errors == ()
    assert visit.requests == ()
    assert visit.scroll_width <= width
    assert faults == []


def test_a_faulty_page_is_noticed(tmp_path: Path) -> None:
    # The checks above mean something only if they can fail.
    path = tmp_path / "faulty.html"
    path.write_text(
        '<p style="width:2000px">x<img src="http://127.0.0.1:9/x.png"><script>undefined.x</script>'
        '<h1>A</h1><h3 style="color:#999">Pale</h3><a href="#c" style="font-size:9px">C</a>'
        '<div class="chart"><svg width="90" height="40"><rect width="90" height="40" fill="#036"/>'
        '<text y="20">dark</text><text y="35" style="font-size:7px;fill:white">small</text></svg></div>',
        encoding="utf-8",
    )
    visit, faults = audit(path, 390)
    assert visit.console_errors
    assert visit.requests == ("http://127.0.0.1:9/x.png",)
    assert visit.scroll_width > 1900
    for fault in (
        "critical image-alt",
        "serious color-contrast",
        "serious html-has-lang",
        "moderate heading-order",
    ):
        assert any(each.startswith(fault) for each in faults), fault
    mine = [each for each in faults if each.startswith(("figure", "target"))]
    assert [each.split(" of ")[0].split(" at ")[0] for each in mine] == [
        'figure: "dark"',
        'figure: "small"',
        "figure: empty",
        'target: "C"',
    ]


def test_contents_are_open_on_a_desk_and_folded_on_a_phone(study: Path) -> None:
    script = "document.querySelector('.contents details').open"
    assert open_page(study, 1440, script=script).answer is True
    assert open_page(study, 390, script=script).answer is False


def test_text_and_formulas_use_the_fonts_inside(study: Path) -> None:
    assert open_page(study, 1440).fonts == ("Noto Sans SC", "STIX Two Math")


def a_table(path: Path, frame: pd.DataFrame, language: str = "en") -> Path:
    columns = [Col("who", "Who", whole="Together"), Col("worth", "Worth", "USD", "low", "high")]
    table = show_table(frame, columns, caption="Table", max_rows=99).html
    notebook = pages.new_notebook(cells=[pages.code("show(t)", pages.shown("text/html", table))])
    page = pages.render_page(notebook, pages.a_page(language), translate=translate)
    path.write_text(page, encoding="utf-8")
    return path


#: Presses the heads of columns one after the other, and says each time which rows stand where.
PRESS = """
(() => {
  const heads = [...document.querySelectorAll("thead th")];
  const rows = () => [...document.querySelectorAll("tbody tr:not([hidden]) th")].map(c => c.textContent).join("");
  const told = () => document.querySelector(".told").textContent;
  return COLUMNS.map(column => {
    heads[column].querySelector("button").click();
    return [rows(), heads.map(head => head.getAttribute("aria-sort")), told()];
  });
})()
"""


def test_tables_sort_by_value_one_way_the_other_and_back(tmp_path: Path) -> None:
    worth = [9.0, 1204.0, -3.0, None, 20.0, 100.0, 3.5, 0.01, 0.0]
    frame = pd.DataFrame({"who": [*"abcdefgh", "Together"], "worth": worth})
    frame = frame.assign(low=frame["worth"] - 1, high=frame["worth"] + 1)
    path = a_table(tmp_path / "page.html", frame)
    answer = open_page(path, script=PRESS.replace("COLUMNS", "[1, 1, 1, 0, 0]")).answer
    assert answer == [
        ["bfeaghcdTogether", [None, "descending"], "Sorted by Worth, descending"],
        ["chgaefbdTogether", [None, "ascending"], "Sorted by Worth, ascending"],
        ["abcdefghTogether", [None, None], "Rows as they were"],
        ["abcdefghTogether", ["ascending", None], "Sorted by Who, ascending"],
        ["hgfedcbaTogether", ["descending", None], "Sorted by Who, descending"],
    ]


def test_chinese_sorts_by_its_sound(tmp_path: Path) -> None:
    names = ["张", "李", "阿", "王", "陈", "赵", "周", "波", "Z"]
    frame = pd.DataFrame({"who": names, "worth": 1.0, "low": 0.0, "high": 2.0})
    use("zh")
    try:
        path = a_table(tmp_path / "page.html", frame, "zh")
    finally:
        use("en")
    ((rows, _, told),) = open_page(path, script=PRESS.replace("COLUMNS", "[0]")).answer
    assert rows.replace("Z", "") == "阿波陈李王张赵周"  # a bo chen li wang zhang zhao zhou
    assert told == "已按“Who”升序排列"


def test_a_long_table_is_filtered_and_says_how_many_rows_are_left(tmp_path: Path) -> None:
    frame = pd.DataFrame({"who": [f"name {n}" for n in range(20)], "worth": 5.0, "low": 4.0, "high": 6.0})
    path = a_table(tmp_path / "page.html", frame)
    script = """
    (() => {
      const label = document.querySelector("label.filter"), input = label.control;
      return ["NAME 1", "1 name 7", "nobody", ""].map(text => {
        input.value = text;
        input.dispatchEvent(new Event("input"));
        return label.querySelector("[role=status]").textContent;
      });
    })()
    """
    visit, faults = audit(path, 390, more=script)
    assert faults == []
    assert visit.answer == ["11 of 20 rows", "1 of 20 rows", "0 of 20 rows", "20 of 20 rows"]


def test_only_what_scrolls_is_a_stop_of_the_tab_key(study: Path) -> None:
    script = (
        "new Promise(done => requestAnimationFrame(() => setTimeout(() => done("
        "[...document.querySelectorAll('.chart figure')].map(f => [f.scrollWidth > f.clientWidth, f.tabIndex])))))"
    )
    assert open_page(study, 1440, script=script).answer[0] == [False, -1]
    assert open_page(study, 300, script=script).answer[0] == [True, 0]


def test_prints_and_can_be_looked_at(study: Path, tmp_path: Path) -> None:
    assert screenshot(study, 390, tmp_path / "phone.png").read_bytes()[:4] == b"\x89PNG"
    assert print_pdf(study, tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"
