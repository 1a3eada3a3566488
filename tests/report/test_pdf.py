"""The report on paper: one document of all pages, printed whole, or said why not."""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import time
from pathlib import Path

import pytest
from pypdf import PdfReader
from report import test_render as pages
from report.browser import chromium
from report.house import House, build

from cam.errors import OutputError, ParamsError
from cam.report import run as runner
from cam.report.pdf import find_browser, one_document, print_pdf

BRAND = {
    "name": "Ito & Wu",
    "footer": 'For the "board" only',
    "logo": "data:image/svg+xml;base64,"
    + base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"/>').decode(),
}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def report(language: str = "en", **changes: object) -> dict[str, str]:
    """An overview that leads to a study and to files, and two studies alike."""
    navigation = (("index.html", "Overview"), ("01_a.html", "A"), ("02_b.html", "B"))
    around = {"language": language, "navigation": navigation, "client": "Acme 客户", "brand": BRAND} | changes
    index = pages.render_index(
        pages.a_page(**{**around, "href": "index.html"}),
        scorecard=[pages.Card("Customers", "1,204", "", "02_b.html")],
        findings=[("A", "01_a.html#findings", pages.FINDING)],
        downloads=[("workbook.xlsx", "Every table"), ("https://acme.example/x", "Elsewhere")],
    )
    notebook = pages.a_notebook()
    drawn = (
        f'<svg viewBox="0 0 9 9"><defs><path id="m1"/></defs><use href="#m1"/><image href="{PIXEL}"/></svg>'
    )
    notebook.cells.insert(8, pages.code("draw(c)", pages.shown("image/svg+xml", drawn, alt="Squares")))
    study = [
        pages.render_page(notebook, pages.a_page(**{**around, "href": name})) for name in ("01_a", "02_b")
    ]
    return {"index.html": index, "01_a.html": study[0], "02_b.html": study[1]}


def printed(made: Path) -> list[str]:
    """The text of each sheet, without what a margin box may put where."""
    return [re.sub(r"\s+", " ", page.extract_text()) for page in PdfReader(made).pages]


# --- One document --------------------------------------------------------------------------------


def test_ids_are_unique_and_links_lead_to_where_the_pages_are_now() -> None:
    html = one_document(report())
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) > 20
    hrefs = set(re.findall(r'href="([^"]*)"', html))
    assert {"#p1-findings", "#p2-main", "https://acme.example/x", PIXEL} <= hrefs
    assert {href[1:] for href in hrefs if href.startswith("#")} <= set(ids)
    assert not [href for href in hrefs if not href.startswith(("#", "https://", "data:"))]
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)
    for name in re.findall(r'aria-labelledby="([^"]+)"', html):
        assert set(name.split()) <= set(ids)


def test_links_to_files_are_text_and_what_stands_once_stands_once() -> None:
    html = one_document(report())
    assert "<a>workbook.xlsx</a>" in html
    assert "<script" not in html and "script-src" not in html and "default-src 'none'" in html
    assert html.count('<footer class="foot">') == html.count('<header class="top">') == 1
    assert html.count("@font-face{") == 2, "the text's and the formulas', once for all pages"
    assert [html.count(f'class="sheet p{number}"') for number in range(4)] == [1, 1, 1, 0]
    assert 'content:"Acme 客户 · Which customers should we keep?\\a Prepared by Ito \\26  Wu' in html


def test_what_a_page_shows_of_a_client_stays_escaped() -> None:
    html = one_document({"index.html": pages.overview(), "01_segmentation.html": pages.a_study("zh")})
    assert pages.BAD not in html
    assert "\\3c script\\3e alert(1)" in html


# --- Printed -------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_sheet_has_number_client_and_signature_and_no_code(tmp_path: Path, language: str) -> None:
    chromium()
    for name, html in report(language).items():
        (tmp_path / name).write_text(html, encoding="utf-8")
    files = [tmp_path / name for name in report(language)]
    made = print_pdf(files, tmp_path / "work", browser=find_browser())
    reader = PdfReader(made)
    assert (round(reader.pages[0].mediabox.width), round(reader.pages[0].mediabox.height)) == (595, 842)
    sheets = printed(made)
    assert len(sheets) >= 4  # each study more than one, each on a sheet of its own
    for number, text in enumerate(sheets, start=1):
        assert f"{number} / {len(sheets)}" in text
        assert "Acme 客户" in text
        assert "Prepared by Ito & Wu" in text and 'For the "board" only' in text
        assert "draw(" not in text and "find()" not in text and "Contents" not in text and "↕" not in text
    assert "1,204" in sheets[0] and "workbook.xlsx" in sheets[0]
    whole = "\n".join(sheets)
    assert whole.count("Which customers should we keep?") >= 2 and "客户细分" in whole
    assert "SECRET" not in whole and "Key figures" in sheets[0]
    assert whole.count("Where these numbers come from") == 1
    titles = [entry["/Title"] for entry in reader.outline if not isinstance(entry, list)]
    assert titles.count("Which customers should we keep?") == 2
    assert reader.metadata and "Acme 客户" in str(reader.metadata.title)
    links = [
        str(annotation.get_object().get("/A", {}).get("/URI", ""))
        for page in reader.pages
        for annotation in page.get("/Annots", [])
    ]
    assert "https://acme.example/x" in links
    assert not [link for link in links if link.startswith("file:")]


@pytest.mark.slow
def test_a_wide_table_does_not_make_the_whole_report_smaller(tmp_path: Path) -> None:
    chromium()
    head = "".join(
        f'<th class="num">Revenue of period {n}<span class="unit">¥</span></th>' for n in range(11)
    )
    row = "".join(
        '<td class="num">1,234,567 <span class="ci">1,200,000–1,300,000</span></td>' for _ in range(11)
    )
    wide = (
        f'<table class="cam"><caption>Wide</caption><thead><tr><th>Segment</th>{head}</tr></thead><tbody>'
        f"<tr><th>A_column_of_the_client_with_a_very_long_name</th>{row}</tr></tbody></table>"
    )
    sizes = []
    for number, table in enumerate((pages.TABLE, wide)):
        notebook = pages.new_notebook(
            cells=[pages.new_markdown_cell("# Sizes?"), pages.code("t", pages.shown("text/html", table))]
        )
        page = tmp_path / f"{number}.html"
        page.write_text(pages.render_page(notebook, pages.a_page()), encoding="utf-8")
        made = print_pdf([page], tmp_path / f"work{number}", browser=find_browser())
        places: list[float] = []

        def visit(text, matrix, place, font, size, places=places):  # type: ignore[no-untyped-def]
            if "Sizes?" in text:
                places.append(round(size * abs(matrix[0] * place[0]), 2))

        PdfReader(made).pages[0].extract_text(visitor_text=visit)
        sizes.append(places[0])
    assert sizes[0] == sizes[1]


# --- A browser, or none --------------------------------------------------------------------------


def program(folder: Path, name: str, text: str = "exit 0") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_the_environment_goes_first_then_the_path(tmp_path: Path) -> None:
    own, first, second = (
        program(tmp_path / "own", "my browser"),
        program(tmp_path / "bin", "chromium"),
        program(tmp_path / "bin", "google-chrome"),
    )
    path = {"PATH": str(tmp_path / "bin")}
    assert find_browser(path | {"CAM_CHROMIUM": str(own)}) == own
    assert find_browser(path | {"CAM_CHROMIUM": "google-chrome"}) == second
    assert find_browser(path) == first
    first.unlink()
    assert find_browser(path) == second


def test_a_relative_program_is_that_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    there = program(tmp_path / "bin", "prog")
    for named in ("./bin/prog", "bin/prog"):
        assert find_browser({"PATH": "", "CAM_CHROMIUM": named}) == there
    shown = program(tmp_path, "here")
    assert find_browser({"PATH": "", "CAM_CHROMIUM": "./here"}) == shown
    for named in ("here", "~nosuchuser/here"):
        with pytest.raises(ParamsError, match=f"CAM_CHROMIUM={named}: no program is there"):
            find_browser({"PATH": str(tmp_path / "bin"), "CAM_CHROMIUM": named})


def test_the_usual_places_of_other_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "Applications/Chromium.app/Contents/MacOS"
    folder.mkdir(parents=True)
    there = program(folder, "Chromium")
    assert find_browser({"PATH": ""}) == there


def test_without_a_browser_what_to_do_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "nowhere")
    with pytest.raises(ParamsError) as caught:
        find_browser({"PATH": str(tmp_path)})
    assert caught.value.exit_code == 2
    for words in ("--pdf needs Chromium, Chrome or Edge", "apt-get install chromium", "CAM_CHROMIUM"):
        assert words in str(caught.value)
    with pytest.raises(ParamsError, match=r"CAM_CHROMIUM=/no/such: no program is there\."):
        find_browser({"CAM_CHROMIUM": "/no/such"})


#: Prints what it was given: that it was asked is all that the runner's tests need.
FAKE = (
    'for a in "$@"; do case $a in --print-to-pdf=*) to="${a#*=}";; file:*) page="${a#file://}";; esac; done\n'
    'printf "%%PDF-1.4\\n" > "$to"; cat "$page" >> "$to"; printf "%%%%EOF" >> "$to"'
)

FAULTS = [
    ("echo boom >&2; exit 9", r"printed no PDF \(exit 9\): boom"),
    ("exit 0", r"printed no PDF \(exit 0\)\."),
    (
        'for a in "$@"; do case $a in --print-to-pdf=*) printf "%%PDF-1.4 half" > "${a#*=}";; esac; done',
        "no PDF",
    ),
    ("sleep 60 & wait", r"printed no PDF within 0\.5 s and was stopped\."),
]


@pytest.mark.parametrize(("text", "said"), FAULTS)
def test_a_browser_that_fails_is_a_sentence_and_leaves_nothing(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "index.html").write_text(pages.overview(), encoding="utf-8")
    browser = program(tmp_path / "bin", "chromium", f"echo $$ > {tmp_path}/pid\n{text}")
    began = time.monotonic()
    with pytest.raises(OutputError, match=said):
        print_pdf(
            [tmp_path / "index.html"],
            tmp_path / "work",
            browser=browser,
            timeout=0.5 if "sleep" in text else 20,
        )
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_file_that_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(pages.overview(), encoding="utf-8")
    (tmp_path / "browser").write_text("no program")
    (tmp_path / "browser").chmod(0o755)
    with pytest.raises(OutputError, match="browser cannot be started"):
        print_pdf([tmp_path / "index.html"], tmp_path / "work", browser=tmp_path / "browser")


def test_a_relative_folder_is_printed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("index.html").write_text(pages.overview(), encoding="utf-8")
    made = print_pdf([Path("index.html")], Path("work"), browser=program(tmp_path / "bin", "fake", FAKE))
    assert made.read_text().startswith("%PDF-") and pages.overview()[:15] in made.read_text()


def test_whatever_breaks_while_printing_is_a_fault_of_the_pdf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise LookupError("a fault of ours")

    monkeypatch.setattr("cam.report.pdf.print_pdf", breaks)
    made, said = runner._print(tmp_path, (), tmp_path, Path("/bin/true"), lambda *_: None)
    assert made is None and said == "The PDF could not be printed (LookupError: a fault of ours)."


# --- In a run ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    house = build(tmp_path_factory.mktemp("house") / "project")
    house.client()
    return house


@pytest.mark.slow
def test_a_folder_where_the_pdf_goes_is_refused_before_anything_runs(house: House, tmp_path: Path) -> None:
    fake = {"CAM_CHROMIUM": str(program(tmp_path / "bin", "fake", FAKE))}
    (tmp_path / "out" / "acme" / "acme.pdf").mkdir(parents=True)
    done = house.cam("report", "acme", "--pdf", "--out", str(tmp_path / "out"), **fake)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert (
        "acme.pdf: a folder stands where the PDF goes" in done.stderr
        and "reading the data" not in done.stderr
    )


@pytest.mark.slow
def test_a_pdf_is_made_without_running_and_never_stands_beside_a_newer_report(
    house: House, tmp_path: Path
) -> None:
    fake = {"CAM_CHROMIUM": str(program(tmp_path / "bin", "fake", FAKE))}
    broken = {"CAM_CHROMIUM": str(program(tmp_path / "bin", "broken", "exit 7"))}
    place = house.root / "reports" / "acme"
    study = ("--study", "01_segmentation")

    done = house.cam("report", "acme", *study, "--pdf", CAM_CHROMIUM="/no/such")
    assert done.returncode == 2 and "CAM_CHROMIUM=/no/such" in done.stderr
    assert not place.exists() and "reading the data" not in done.stderr

    done = house.cam("report", "acme", *study, "--pdf", **broken)
    assert done.returncode == 2, done.stderr
    assert "printed no PDF (exit 7)" in done.stderr and "The report is in place without a PDF" in done.stderr
    assert "The other studies" not in done.stderr
    assert "The same command with --pdf tries again and runs no study" in done.stderr
    assert (place / "index.html").is_file() and not (place / "acme.pdf").exists()

    done = house.cam("report", "acme", *study, "--pdf", **fake)
    assert done.returncode == 0 and "Nothing has changed" in done.stdout
    assert done.stdout.rstrip().endswith("PDF: reports/acme/acme.pdf")
    text = (place / "acme.pdf").read_text()
    assert "01_segmentation was run." in text and text.count('<div class="sheet') == 2
    assert "acme.pdf" not in json.loads((place / "run.json").read_text())["files"]

    # One that is there is that of these pages: no browser is started.
    done = house.cam("report", "acme", *study, "--pdf", **broken)
    assert done.returncode == 0 and "PDF: reports/acme/acme.pdf" in done.stdout
    for junk in ("junk", text.replace("was run.", "was forged.")):
        (place / "acme.pdf").write_text(junk)  # whole, or not: it is no page of this report
        done = house.cam("report", "acme", *study, "--pdf", **fake)
        assert "Nothing has changed" in done.stdout and (place / "acme.pdf").read_text() == text
    done = house.cam("report", "acme", *study)
    assert (
        "Nothing has changed" in done.stdout and (place / "acme.pdf").is_file() and "PDF" not in done.stdout
    )

    (place / "notes.txt").write_text("somebody's own")
    house.client(text="client: {brand: {footer: Other}}")
    done = house.cam("report", "acme", *study)
    assert done.returncode == 0 and (place / "notes.txt").is_file() and not (place / "acme.pdf").exists()
    assert done.stdout.endswith("\nThe PDF of the last report is gone; --pdf prints this one.\n")
    assert "is gone" not in house.cam("report", "acme", *study, "--force").stdout  # there was none
    done = house.cam("report", "acme", *study, "--pdf", "--force", **fake)
    assert done.returncode == 0 and "Other" in (place / "acme.pdf").read_text()
    done = house.cam("report", "acme", *study, "--pdf", "--force", **fake)
    assert "is gone" not in done.stdout

    done = house.cam(
        "report", "acme", *study, "--pdf", "--out", "../else where", cwd=house.root / "src", **fake
    )
    assert done.returncode == 0 and (house.root / "else where/acme/acme.pdf").read_text().startswith("%PDF")
    assert not [path.name for path in (house.root / "reports").iterdir() if "making" in path.name]
