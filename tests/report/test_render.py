"""A study's notebook as a page: correct, the same each time, nothing from elsewhere, all escaped."""

from __future__ import annotations

import functools
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from cam.errors import StudyError
from cam.estimate import Estimate
from cam.report import fonts
from cam.report.overview import Announced, Said
from cam.report.prose import scrollable
from cam.report.render import (
    Card,
    Page,
    render_failure,
    render_index,
    render_page,
)

BAD = "<script>alert(1)</script>"
NAVIGATION = (("index.html", "Overview"), ("01_segmentation.html", f"Segments {BAD}"))
TABLE = (
    '<table class="cam"><caption>Rows</caption><thead><tr><th>Table</th>'
    '<th class="num">Kept</th></tr></thead><tbody>'
    '<tr><th scope="row">orders</th><td class="num">1,204</td></tr></tbody></table>'
)
FINDING = "<ul><li>About <b>1,204 customers</b> (1,150 to 1,260) will not come back.</li></ul>"


def a_page(language: str = "en", **changes: object) -> Page:
    values = {
        "client": f'Acme {BAD} "\\',
        "language": language,
        "period": "1 Jul 2023 to 30 Jun 2026",
        "as_of": "2026-06-30",
        "navigation": NAVIGATION,
        "href": "01_segmentation.html",
        "provenance": (("Data", f"3f9a {BAD}"),),
    }
    return Page(**(values | changes))  # type: ignore[arg-type]


@functools.cache
def a_figure(label: str = "Weeks") -> str:
    """A figure as notebooks make it: text as text, ids from a fixed salt, a clip path that all share."""
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": "cam",
        "font.sans-serif": ["Noto Sans SC", "DejaVu Sans"],
    }
    fontManager.addfont(fonts._file("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf"))
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(7, 3))
        axes = figure.subplots()
        axes.plot([0, 1, 2], [2, 1, 0], marker="o")
        axes.set_xlabel(label)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def shown(kind: str, content: str, **about: str) -> dict[str, object]:
    return new_output("display_data", data={kind: content}, metadata={kind: about} if about else {})


def code(source: str, *outputs: object, tag: str = "") -> object:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": [tag]} if tag else {})


def a_notebook() -> object:
    return new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "papermill": {"start_time": "2026-11-21T10:00:00", "output_path": "/home/me/out.ipynb"},
        },
        cells=[
            new_markdown_cell("# Which customers should we keep?\n\n- whom to call"),
            code("SECRET_PARAMETER = 1", tag="parameters"),
            code("SECRET_INJECTED = 1", tag="injected-parameters"),
            code("import SECRET_SETUP", tag="setup"),
            new_markdown_cell("## Settings"),
            code("SECRET_PARAMETER", tag="remove-cell"),
            new_markdown_cell("## Rows\n\nCoupons cost between $5 and $6, or `$x$`."),
            code("recon = reconcile()"),
            code("show(recon)", shown("text/html", TABLE)),
            new_markdown_cell("## Rows\n\nWith $x$ and $$\\frac{\\alpha}{x + 1}$$ and 客户细分。"),
            code(
                "draw(a)",
                shown("image/svg+xml", a_figure(), alt='A line "falls"', caption="Source: orders"),
                new_output("stream", name="stderr", text="SECRET_WARNING"),
            ),
            code("draw(b)", shown("image/svg+xml", a_figure("首单后的月数"))),
            code(
                "axes",
                new_output("execute_result", data={"text/plain": "<Axes: at 0x7f00>"}, execution_count=3),
            ),
            code("print(1 < 2)", new_output("stream", name="stdout", text="1 < 2 at 0x7f11\n")),
            new_markdown_cell("## Our findings\n\nEach with its interval."),
            code("found = find()"),
            code("show(found)", shown("text/html", FINDING), tag="findings"),
            new_markdown_cell("## 局限\n\nNo reasons, only orders."),
            code("show(figures)", shown("text/html", TABLE), tag="key-figures"),
            new_markdown_cell("## Exercises", metadata={"tags": ["exercise"]}),
            code("SECRET_SOLUTION", tag="solution"),
        ],
    )


@functools.cache
def a_study(language: str = "en") -> str:
    return render_page(a_notebook(), a_page(language))


GAIN = Estimate("retention_gain", 9.0, "EUR", 3, 1.0, 17.0)
ACT = Announced(
    f"Retention list {BAD}",
    f"Whom to call {BAD}",
    "3 customers",
    "€9.00",
    "€1.00 to €17.00",
    f"expected gain {BAD}",
    ((f"Write a letter {BAD}", f"all {BAD}"),),
    "05_churn.html#whom",
    f"Whom to call? {BAD}",
    f"sheet of workbook.xlsx {BAD}",
)


def overview() -> str:
    return render_index(
        a_page(href="index.html"),
        scorecard=[
            Card(f"Customers {BAD}", "1,204", "", "01_segmentation.html", "n"),
            Card("NPS", "+34", "29 to 39"),
        ],
        findings=[(f"Segments {BAD}", "01_segmentation.html", FINDING)],
        reconciliation=TABLE,
        downloads=[("workbook.xlsx", f"Every table {BAD}")],
        not_run=[(f"Churn {BAD}", "", [(f"the list {BAD}", f"It needs contracts {BAD}")])],
        matters=(f"By money {BAD}", [Said("05_churn", f"Call them {BAD}", GAIN, True)]),
        lists=[ACT],
    )


def failure() -> str:
    return render_failure(
        a_notebook(), a_page(), message=f"12 churners {BAD}", notebook_href="notebooks/05_churn.ipynb"
    )


ALL = {"study": a_study, "overview": overview, "failure": failure, "zh": lambda: a_study("zh")}


def visible(html: str) -> str:
    return re.sub(r"<style>.*?</style>|<script>.*?</script>", "", html, flags=re.S)


# --- Normalising


# --- What the page shows


def test_findings_come_first_and_their_section_is_gone() -> None:
    html = a_study()
    assert html.index("<h1>Which customers") < html.index("1,204 customers") < html.index("whom to call")
    assert html.count("1,204 customers") == 1
    assert "Our findings" not in html
    assert html.index("Each with its interval.") < html.index("1,204 customers")
    assert "found = find()\n\nshow(found)" in html


def test_left_out_cells_leave_no_trace() -> None:
    html = a_study()
    assert "SECRET" not in html
    assert "Settings" not in html, "a heading with nothing under it is left out"
    assert "Exercises" not in html


def test_contents_list_names_every_heading_once() -> None:
    contents = re.search(r'<nav class="contents".*?</nav>', a_study(), flags=re.S)
    assert contents is not None
    links = re.findall(r'href="#([^"]+)">([^<]+)<', contents[0])
    assert links == [("findings", "Findings"), ("rows", "Rows"), ("rows-2", "Rows"), ("局限", "局限")]
    assert all(f'id="{slug}"' in a_study() for slug, _ in links)


def test_code_is_folded_with_the_result_it_leads_to() -> None:
    html = a_study()
    assert "recon = reconcile()\n\nshow(recon)" in html
    assert html.count('<pre tabindex="0"><code>') == html.count('<details class="code">')
    assert '<details class="fold">' in html


def test_outputs_are_shown_in_their_best_form() -> None:
    html = a_study()
    assert (
        '<figure role="img" tabindex="0" aria-label="A line &#34;falls&#34;"><svg viewBox="0 0 504 216"'
        in html
    )
    assert '<p class="caption">Source: orders</p>' in html
    assert "Axes:" not in visible(html)
    assert "1 &lt; 2</pre>" in html.replace("\n", "")
    assert '<div class="scroll" tabindex="0" role="group" aria-label="Rows"><table class="cam">' in html


def test_figures_fit_their_column_and_carry_no_baggage() -> None:
    for figure in re.findall(r"<svg.*?</svg>", a_study(), flags=re.S):
        assert not re.search(r"<metadata|<!DOCTYPE|<\?xml|http:|<style|[\"\d]pt\"", figure)
        assert "--width:672px" in figure
        targets = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', figure)
        assert targets and all(f'id="{a or b}"' in figure for a, b in targets)


@pytest.mark.parametrize("name", ALL)
def test_ids_are_unique(name: str) -> None:
    ids = re.findall(r'\sid="([^"]*)"', ALL[name]())
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ALL)
def test_labels_and_cells_are_translated(name: str) -> None:
    asked: list[str] = []

    def translate(text: str) -> str:
        asked.append(text)
        return text

    if name == "study":
        render_page(a_notebook(), a_page(), translate=translate)
        assert {"Findings", "Contents", "Code", "Where these numbers come from"} <= set(asked)
        assert "# Which customers should we keep?\n\n- whom to call" in asked
    html = ALL[name]()
    assert f'<html lang="{"zh-CN" if name == "zh" else "en"}">' in html


def test_a_section_has_one_address_in_every_language() -> None:
    """A card, and a link that a reader passed on, lead to the same place in both."""
    words = {"## Rows": "## 行数", "## Settings": "## 设置"}

    def translate(text: str) -> str:
        return "\n".join(words.get(line, line) for line in text.split("\n"))

    english = re.findall(r'<h[23] id="([^"]*)"', render_page(a_notebook(), a_page()))
    chinese = render_page(a_notebook(), a_page("zh"), translate=translate)
    assert re.findall(r'<h[23] id="([^"]*)"', chinese) == english
    assert '<h2 id="rows">行数</h2>' in chinese and 'href="#rows"' in chinese


def test_failure_says_what_failed_and_where_to_look() -> None:
    html = failure()
    assert "Which customers should we keep?" in html
    assert "12 churners" in html
    assert 'href="notebooks/05_churn.ipynb"' in html
    bare = render_failure(None, a_page(), message="It ran out of time.", notebook_href=None)
    assert "<h1>Segments" in bare
    assert ".ipynb" not in bare


def test_overview_has_every_part() -> None:
    html = overview()
    for part in (
        "1,204", "29 to 39", "workbook.xlsx", "It needs contracts", "1,204 customers", ">orders<", "By money",
        "Call them", "€9.00", "€1.00 to €17.00", "Expected gain of the retention list",
        "Write a letter", "05_churn.html#whom",
    ):  # fmt: skip
        assert part in html, part
    # What matters most, then whom to act on, then the rest; what was read at the end.
    places = [
        html.index(f'id="{name}"') for name in ("matters", "lists", "findings", "not-run", "reconciliation")
    ]
    assert places == sorted(places)
    empty = render_index(a_page(href="index.html"), scorecard=[], findings=[])
    assert not re.search(r'id="(scorecard|matters|lists|findings|files|not-run|reconciliation)"', empty)


# --- Formulas


def test_formulas_become_mathml_and_prices_stay() -> None:
    html = a_study()
    assert html.count("<math") == 2
    assert 'display="block"' in html
    assert "between $5 and $6, or <code>$x$</code>" in html
    assert "STIX Two Math" in re.sub(r"math\{.*?\}", "", html), "the font for formulas is inside"
    assert "STIX Two Math" not in re.sub(r"math\{.*?\}", "", overview())


@pytest.mark.parametrize(
    ("formula", "named"),
    [
        (r"\begin{aligned} a &= b \end{aligned}", "aligned"),
        (r"\nonsense x", r"\nonsense"),
        (r"\frac{a", "braces"),
        (r"x_", "x_"),
        (r"a & b", "&"),
    ],
)
def test_formulas_that_cannot_be_drawn_are_refused(formula: str, named: str) -> None:
    with pytest.raises(StudyError, match=re.escape(named)):
        render_page(new_notebook(cells=[new_markdown_cell(f"$${formula}$$")]), a_page())


# --- Nothing from elsewhere, nothing unescaped


@pytest.mark.parametrize("name", ALL)
def test_nothing_is_loaded_from_elsewhere(name: str) -> None:
    html = ALL[name]()
    assert not re.search(r"\ssrc=(?!\"data:)", html)
    assert not re.search(r"<(link|base|iframe|object|embed|form)\b(?! rel=\"icon\" href=\"data:,\")", html)
    assert not re.search(r"url\((?!#|data:)", html)
    assert "@import" not in html
    assert "http://" not in html
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html
    assert html.count("<script") == 1


@pytest.mark.parametrize("name", ALL)
def test_values_from_outside_are_escaped(name: str) -> None:
    html = ALL[name]()
    assert BAD not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "Acme \\3c script\\3e alert(1)" in html, "the running head for print is a string of CSS"


def test_brand_colours_are_colours_or_left_out() -> None:
    html = render_page(
        a_notebook(), a_page(brand={"color": "#8a1c1c", "accent": "red;}</style>", "footer": BAD})
    )
    assert "--brand:#8a1c1c;--accent:#0072b2" in html
    assert BAD not in html


def test_links_tell_the_other_site_nothing() -> None:
    html = render_page(
        new_notebook(cells=[new_markdown_cell("[paper](https://doi.org/10.1287/x)")]), a_page()
    )
    assert '<a rel="noopener noreferrer" href="https://doi.org/10.1287/x">paper</a>' in html


# --- Fonts


def test_chinese_is_inside_the_page() -> None:
    english, chinese = a_study(), a_study("zh")
    assert "font/woff2" in english
    assert len(chinese) > len(english)
    assert fonts.wide_characters("客户 NPS，“x”") == "客户，"


def test_a_page_without_figures_carries_no_font() -> None:
    html = render_page(new_notebook(cells=[new_markdown_cell("# Title\n\nWords.")]), a_page())
    assert "font/woff2" not in html


# --- The same bytes, small and soon


@pytest.mark.parametrize("name", ALL)
def test_size_and_line_ends(name: str) -> None:
    html = ALL[name]()
    assert len(html.encode()) < 300_000
    assert "\r" not in html
    assert html.endswith("</html>\n")
    assert str(Path.home()) not in html


def test_same_bytes_in_another_process_with_another_hash_seed(monkeypatch, tmp_path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_render as t; "
        "sys.stdout.buffer.write((t.a_study() + t.a_study('zh') + t.overview() + t.failure()).encode())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Shanghai"}
    other = subprocess.run(
        [sys.executable, "-c", program, str(Path(__file__).parent)],
        env=environment,
        capture_output=True,
        check=True,
    )
    monkeypatch.setattr(fonts, "cache_folder", lambda: tmp_path)  # and the fonts are cut anew
    here = (
        render_page(a_notebook(), a_page()) + render_page(a_notebook(), a_page("zh")) + overview() + failure()
    )
    assert other.stdout == here.encode()


# --- what a client's data cannot say ------------------------------------------------------------------


def unsaid(reason: str, *, again: bool = False) -> dict[str, object]:
    mark = "note cannot-say again" if again else "note cannot-say"
    return shown("text/html", f'<p class="{mark}"><strong>Not shown.</strong> {reason}</p>')


def test_a_section_that_can_say_nothing_is_its_heading_and_the_reasons() -> None:
    cells = [
        new_markdown_cell("# Title\n\nIntroduction"),
        new_markdown_cell("## Attitudes\n\nWhat an idea is."),
        code("items()", unsaid("There are no items.")),
        new_markdown_cell("How to read the figure."),
        code("figure()", unsaid("The reason stands above.", again=True)),
        new_markdown_cell("## Orders\n\nThe idea of orders."),
        code("orders()", shown("text/html", "<p>Seven orders.</p>")),
        new_markdown_cell("How to read orders."),
        code("more()", unsaid("There are no hours.")),
    ]
    text = visible(render_page(new_notebook(cells=cells), a_page()))
    assert "Attitudes" in text and text.count("There are no items.") == 1
    for gone in ("What an idea is", "How to read the figure", "stands above"):
        assert gone not in text
    for kept in (
        "Introduction",
        "The idea of orders.",
        "Seven orders.",
        "How to read orders.",
        "There are no hours.",
    ):
        assert kept in text


def test_a_section_that_shows_nothing_is_not_there() -> None:
    cells = [
        new_markdown_cell("# Title"),
        new_markdown_cell("## Contracts\n\nWhat contracts are.\n\n### Renewals\n\nMore."),
        code("renewals()"),
        new_markdown_cell("### Fees\n\nAnd more."),
        code("fees()"),
        new_markdown_cell("## Prose alone\n\nIt stays."),
    ]
    text = visible(render_page(new_notebook(cells=cells), a_page()))
    assert "ontracts" not in text and "Renewals" not in text and "Fees" not in text
    assert "Prose alone" in text and "It stays." in text


def test_where_every_reason_stands_above_one_of_them_is_kept() -> None:
    cells = [
        new_markdown_cell("# Title\n\n## Clusters"),
        code("a()", unsaid("The reason stands above.", again=True)),
    ]
    text = visible(render_page(new_notebook(cells=cells), a_page()))
    assert "Clusters" in text and text.count("The reason stands above.") == 1


def test_each_of_two_tables_scrolls_by_itself() -> None:
    made = scrollable(
        "<table><caption>A</caption></table>\n<ul></ul><table><caption>B<small>b</small></caption></table>"
    )
    assert made.count('class="scroll"') == made.count("</div>") == 2
    assert made.index('aria-label="A"') < made.index("<ul>") < made.index('aria-label="B"')
    assert scrollable("<p>none</p>") == "<p>none</p>"
