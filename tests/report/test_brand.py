"""Whose report it is: colours that can be read, a logo that is drawn, and a foot on every page and sheet."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report import test_render as pages
from report.browser import chromium, open_page
from report.house import House, build

from cam.report.brand import readable

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 1"><path d="M0 0h4v1z" fill="{}"/></svg>'


def address(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def contrast_with_white(colour: str) -> float:
    """As WCAG 2.2 defines it, written anew."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


@given(st.integers(0, 0xFFFFFF))
def test_every_colour_gets_a_shade_that_can_be_read_and_a_readable_one_stays(number: int) -> None:
    colour = f"#{number:06x}"
    shade = readable(colour)
    assert contrast_with_white(shade) >= 4.5
    assert (shade == colour) == (contrast_with_white(colour) >= 4.5)
    assert shade == colour or contrast_with_white(shade) < 4.7, "no darker than need be"


def branded(**changes: str) -> str:
    brand = {"name": "Ito & Wu", "logo": address(SVG.format("#fc0")), "color": "#ffcc00"} | changes
    return pages.render_page(pages.a_notebook(), pages.a_page(brand=brand), translate=str)


def test_lines_are_in_the_brands_colour_and_words_in_its_shade() -> None:
    html = branded()
    assert "--brand:#ffcc00;--accent:#0072b2;--brand-text:#907300" in html
    # What is written in a colour that was given is written in the shade.
    css = re.sub(r"[a-z-]+-color", "", html)
    assert "color:var(--brand)" not in css and "color:var(--brand-text)" in css


def test_the_logo_stands_for_the_name_and_the_foot_names_both() -> None:
    html = pages.visible(branded(footer="Confidential"))
    assert f'<img src="{address(SVG.format("#fc0"))}" alt="Ito &amp; Wu">' in html
    assert "<p>Prepared by Ito &amp; Wu · Confidential</p>" in html
    html = pages.visible(branded(logo=""))
    assert '<span class="brand">Ito &amp; Wu</span>' in html and "<img src" not in html
    html = pages.visible(branded(name=""))
    assert 'alt="Logo"' in html and "Prepared by" not in html
    assert 'class="brand"' not in pages.visible(pages.a_study())


@pytest.mark.parametrize("width", [390, 1440])
def test_the_logo_is_drawn_and_what_it_holds_does_nothing(tmp_path: Path, width: int) -> None:
    # Even if one came here: an image runs no script and asks for nothing.
    evil = SVG.format("red").replace(
        "<path", '<script>document.title=1</script><image href="http://127.0.0.1:9/x.png"/><path onload="x()"'
    )
    path = tmp_path / "page.html"
    path.write_text(branded(logo=address(evil)), encoding="utf-8")
    chromium()
    script = "(b => [b.width, b.height])(document.querySelector('.brand img').getBoundingClientRect())"
    visit = open_page(path, width, script=script)
    assert visit.answer[0] == pytest.approx(4 * visit.answer[1]) and visit.answer[1] > 20
    assert visit.console_errors == () and visit.requests == () and visit.scroll_width <= width


@pytest.mark.slow
def test_another_logo_makes_new_pages_and_runs_no_study(tmp_path: Path) -> None:
    house: House = build(tmp_path / "project")
    logo = house.root / "logo.svg"
    house.client(text="client: {brand: {logo: logo.svg, name: Ito & Wu}}")
    report = house.root / "reports" / "acme"

    done = house.cam("report", "acme", "--study", "01_segmentation")
    assert done.returncode == 2 and not report.exists()
    assert f"line 2: client.brand.logo  no such file: {logo}" in done.stderr and "reading" not in done.stderr
    for colour, kept in (("red", []), ("blue", ["01_segmentation"])):
        logo.write_text(SVG.format(colour))
        done = house.cam("report", "acme", "--study", "01_segmentation")
        assert done.returncode == 0, done.stderr
        assert json.loads((report / "run.json").read_text())["kept"] == kept
        for page in ("index", "01_segmentation"):
            assert address(SVG.format(colour)) in (report / f"{page}.html").read_text()
    assert "Nothing has changed" in house.cam("report", "acme", "--study", "01_segmentation").stdout
    done = house.cam("check", "acme")
    assert done.returncode == 0
    assert address(SVG.format("blue")) in (house.root / "reports" / "acme.check.html").read_text()
