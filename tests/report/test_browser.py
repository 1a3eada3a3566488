"""The pages in a real browser: no error, no request, no sideways scroll, and what folds, folds."""

from __future__ import annotations

from pathlib import Path

import pytest
from report import test_render as pages
from report.browser import chromium, open_page, print_pdf, screenshot


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
def test_opens_without_errors_requests_or_sideways_scroll(page: Path, width: int) -> None:
    visit = open_page(page, width)
    assert visit.console_errors == ()
    assert visit.requests == ()
    assert visit.scroll_width <= width


def test_a_faulty_page_is_noticed(tmp_path: Path) -> None:
    # The checks above mean something only if they can fail.
    path = tmp_path / "faulty.html"
    path.write_text(
        '<p style="width:2000px">x<img src="http://127.0.0.1:9/x.png"><script>undefined.x</script>',
        encoding="utf-8",
    )
    visit = open_page(path, 390)
    assert visit.console_errors
    assert visit.requests == ("http://127.0.0.1:9/x.png",)
    assert visit.scroll_width > 1900


def test_contents_are_open_on_a_desk_and_folded_on_a_phone(study: Path) -> None:
    script = "document.querySelector('.contents details').open"
    assert open_page(study, 1440, script=script).answer is True
    assert open_page(study, 390, script=script).answer is False


def test_text_and_formulas_use_the_fonts_inside(study: Path) -> None:
    assert open_page(study, 1440).fonts == ("Noto Sans SC", "STIX Two Math")


def test_tables_sort_by_number(tmp_path: Path) -> None:
    table = (
        '<table class="cam sortable"><thead><tr><th>A</th><th class="num">B</th></tr></thead><tbody>'
        + "".join(
            f'<tr><th>{a}</th><td class="num">{b}</td></tr>'
            for a, b in [("x", "9"), ("y", "1,204"), ("z", "−3")]
        )
        + "</tbody></table>"
    )
    notebook = pages.new_notebook(cells=[pages.code("show(t)", pages.shown("text/html", table))])
    path = tmp_path / "page.html"
    path.write_text(pages.render_page(notebook, pages.a_page()), encoding="utf-8")
    script = (
        "(() => { const cells = () => [...document.querySelectorAll('tbody th')];"
        "const read = () => cells().map(c => c.textContent).join('');"
        "const b = document.querySelectorAll('thead button')[1]; b.click(); const down = read(); b.click();"
        "return [down, read()]; })()"
    )
    assert open_page(path, script=script).answer == ["yxz", "zxy"]


def test_prints_and_can_be_looked_at(study: Path, tmp_path: Path) -> None:
    assert screenshot(study, 390, tmp_path / "phone.png").read_bytes()[:4] == b"\x89PNG"
    assert print_pdf(study, tmp_path / "page.pdf").read_bytes()[:5] == b"%PDF-"
