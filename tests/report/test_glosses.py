"""Words of the field are explained once a page, where they come first, and reached by key, touch and screen reader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from report import test_render as pages
from report.audit import audit
from report.browser import chromium, open_page

from cam.report.glossary import Term, read_glossary
from cam.report.glosses import MOST, Glosses, read_glosses

GLOSSES = (
    ("customer lifetime value", "Discounted margin."),
    ("CLV", "Discounted margin."),
    ("residual CLV", "What lies ahead."),
    ("churn rate", "Who <left>."),
    ("cohort", "First bought in one month."),
    ("客户终身价值", "折现毛利。"),
    ("剩余客户终身价值", "今后的部分。"),
    ("流失率", "流失者占比。"),
)


def told(html: str) -> list[str]:
    return re.findall(r'class="gloss"[^>]*>([^<]*)<', html)


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>The CLV, the customer lifetime value and CLV again.</p>", ["CLV"]),  # one meaning, once
        ("<p>The residual CLV is part of the CLV.</p>", ["residual CLV", "CLV"]),
        ("<p>Cohorts; Clv, CLVs, subcohort, cohort_size, cohort-wise.</p>", ["Cohorts", "CLVs"]),
        ("<h2>Churn rate</h2><p><code>CLV</code> <a href='x'>cohort</a> <em>A Cohort Book</em></p>", []),
        ("<p>A <strong>cohort</strong> is explained here. The cohort.</p>", []),
        ("<p>Author, A. (1993). A churn rate and its cohort. Journal.</p>", []),
        (
            "<p>剩余客户终身价值是客户终身价值的一部分，与总流失率、流失率不同。</p>",
            ["剩余客户终身价值", "客户终身价值", "流失率"],
        ),
        ('<p data-x="CLV">&lt;CLV&gt;</p>', ["CLV"]),
    ],
)
def test_the_first_use_in_prose_is_explained_and_nothing_else(html: str, words: list[str]) -> None:
    marked = Glosses(GLOSSES).mark(html)
    assert told(marked) == words
    bare = re.sub(r"<span popover.*?</span>|<button[^>]*>|</button>", "", marked)
    assert bare == html


def test_pieces_of_a_page_share_what_was_told_and_meanings_are_escaped() -> None:
    glosses = Glosses(GLOSSES)
    assert told(glosses.mark("<p>The cohort.</p>")) == ["cohort"]
    marked = glosses.mark("<p>The cohort, the churn rate.</p>")
    assert told(marked) == ["churn rate"] and "Who &lt;left&gt;." in marked and 'id="gloss-2"' in marked


def test_no_more_than_a_reader_can_bear() -> None:
    many = Glosses([(f"long word {n:02}", f"Meaning {n}.") for n in range(2 * MOST)])
    assert len(told(many.mark(" ".join(f"long word {n:02}" for n in range(2 * MOST))))) == MOST


def test_a_term_has_several_names_and_code_is_none_of_them() -> None:
    terms = [
        Term("net promoter score, `nps`", "净推荐值（NPS）", "`a` less b."),
        Term("cell", "单元", "A cell."),
        Term("odds ratio, `f_1` and on", "优势比", "x"),
    ]
    told = {"net promoter score": "a less b.", "NPS": "a less b.", "odds ratio": "x"}
    assert dict(read_glosses(terms, language="en")) == told
    assert dict(read_glosses(terms, language="zh")) == {
        "净推荐值": "a less b.",
        "NPS": "a less b.",
        "优势比": "x",
    }


def test_the_projects_glossary_explains_what_a_director_asks() -> None:
    glosses = dict(read_glosses(read_glossary(), language="en"))
    assert {"CLV", "net promoter score", "CAC", "confidence interval", "residual CLV"} <= set(glosses)
    assert not {"cell", "factor", "n", "and on", "segment"} & set(glosses)


def test_a_meaning_opens_and_closes_by_key_without_a_script_of_ours(tmp_path: Path) -> None:
    chromium()
    notebook = pages.new_notebook(cells=[pages.new_markdown_cell("# Title\n\nThe cohort comes back.")])
    path = tmp_path / "page.html"
    page = pages.render_page(notebook, pages.a_page(glosses=GLOSSES))
    path.write_text(re.sub(r"<script.*?</script>", "", page, flags=re.S), encoding="utf-8")
    script = """
    (() => {
      const button = document.querySelector(".gloss"), meaning = document.getElementById("gloss-1");
      const shown = () => getComputedStyle(meaning).display !== "none";
      button.focus();
      return [document.activeElement === button, shown(), (button.click(), shown()), (button.click(), shown())];
    })()
    """
    assert open_page(path, 390, script=script).answer == [True, False, True, False]
    visit, faults = audit(path, 390, more="document.querySelector('.gloss').click()")
    assert faults == [] and visit.scroll_width == 390
