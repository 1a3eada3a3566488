"""A logo: read into the parameters, or refused with its line and cure, before anything runs."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from PIL import Image

from cam.errors import ParamsError
from cam.params import params_from_sections, read_params
from cam.params.logo import read_logo

SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 4 1">{}</svg>'


def picture(kind: str, size: tuple[int, int] = (8, 4)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "#1f6f8b").save(made, kind)
    return made.getvalue()


GOOD = {
    "logo.svg": (
        SVG.format('<path d="M0 0h4v1z" fill="url(#g)"/><use xlink:href="#g"/>').encode(),
        "svg+xml",
    ),
    "with a head.svg": (
        (
            '<?xml version="1.0" encoding="UTF-8"?><!-- made by hand -->\n<!DOCTYPE svg PUBLIC '
            '"-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
            + SVG.format("标志")
        ).encode(),
        "svg+xml",
    ),
    "wide.svg": (('<?xml version="1.0" encoding="UTF-16"?>' + SVG.format("")).encode("utf-16"), "svg+xml"),
    "picture inside.svg": (
        SVG.format(
            "<image href=\"data:image/png;base64,iVBORw0KGgo=\"/><style>a{fill:url('#g')}</style>"
        ).encode(),
        "svg+xml",
    ),
    "a long head.svg": (f"<!-- {'made by hand ' * 400}-->{SVG.format('')}".encode(), "svg+xml"),
    "size.svg": (b'<svg xmlns="http://www.w3.org/2000/svg" width="60mm" height="12.5"/>', "svg+xml"),
    "logo.png": (picture("PNG"), "png"),
    "really a jpeg.png": (picture("JPEG"), "jpeg"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_a_page_can_show_is_read_byte_for_byte(tmp_path: Path, name: str) -> None:
    content, kind = GOOD[name]
    (tmp_path / name).write_bytes(content)
    head, _, body = read_logo(tmp_path / name).partition(";base64,")
    assert head == f"data:image/{kind}"
    assert base64.b64decode(body) == content


EXTENT = '<svg xmlns="http://www.w3.org/2000/svg" {}><path d="M0 0h4v1z"/></svg>'
BOX = 'give its first element a viewBox such as "0 0 300 100"'
BAD = {
    "script": (
        SVG.format("<script>alert(1)</script>"),
        "holds <script>, which is active; save the logo as plain SVG",
    ),
    "handler": (SVG.format('<g onload="x()"/>'), "holds onload, which is active"),
    "foreign object": (SVG.format("<foreignObject/>"), "holds <foreignobject>, which is active"),
    "picture": (
        SVG.format('<image xlink:href="https://a.example/x.png"/>'),
        "takes 'https://a.example/x.png' from elsewhere; put into the SVG what it needs to be drawn",
    ),
    "neighbour": (SVG.format('<use href="other.svg#a"/>'), "takes 'other.svg#a' from elsewhere"),
    "data that is no picture": (
        SVG.format('<use href="data:text/html,x"/>'),
        "takes 'data:text/html,x' from",
    ),
    "font": (
        SVG.format("<style>@font-face{src: url( 'https://a.example/f' )}</style>"),
        "takes 'https://a.example/f",
    ),
    "import": (SVG.format('<style>@import "a.css";</style>'), "takes 'a.css' from elsewhere"),
    "attribute": (SVG.format('<g style="fill:URL(//a.example/x)"/>'), "takes '//a.example/x' from elsewhere"),
    "style sheet": (
        '<?xml-stylesheet href="a.css"?>' + SVG.format(""),
        "takes its style from another file; save the logo as plain SVG",
    ),
    "half": (SVG.format("<g>"), "is no whole SVG: mismatched tag"),
    "not svg's": (
        "<html><svg/></html>",
        "is no SVG: its first element is no svg of http://www.w3.org/2000/svg",
    ),
    "entities": (
        '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "]>"
        + SVG.format("&i;"),
        "is no whole SVG:",
    ),
    "no extent": (
        EXTENT.format('height="9"'),
        f"has no width and no viewBox, so no page can fit it in; {BOX}",
    ),
    "all of the page": (EXTENT.format('width="100%" height="9"'), "has no width and no viewBox"),
    "no height": (
        EXTENT.format('width="9" height="0mm" viewBox="0 0 1 1"'),
        "has the height 0mm, so nothing of it",
    ),
    "vast": (EXTENT.format('width="9" height="9e9"'), "has a height of 9,000,000,000 pixels and no viewBox"),
    "flat": (
        EXTENT.format('viewBox="0 0 9 0"'),
        f"has the viewBox '0 0 9 0', so nothing of it is drawn; {BOX}",
    ),
    "odd": (EXTENT.format('viewBox="0 0 9"'), "has the viewBox '0 0 9', so nothing of it is drawn"),
    "endless": (EXTENT.format('viewBox="0 0 inf 9"'), "has the viewBox '0 0 inf 9', so nothing of it is"),
    "text": ("our logo", "is no SVG, PNG or JPEG; save the logo as one of them"),
    "empty": ("", "is no SVG, PNG or JPEG"),
    "gif": (picture("GIF"), "is no SVG, PNG or JPEG"),
    "cut": (picture("PNG", (400, 400))[:-40], "is damaged and cannot be shown; save it anew"),
    "only a head": (b"\xff\xd8\xff\xe0", "is damaged and cannot be shown"),
    "huge": (picture("PNG", (5000, 4000)), "has 5,000 x 4,000 pixels; 1,000 across are plenty"),
    "heavy": (b"<svg>" + b" " * 500_000, "has 500 kB, and each page would carry it; make it 500 kB at most"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_a_page_could_not_show_is_refused(tmp_path: Path, name: str) -> None:
    content, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError) as caught:
        read_logo(path)
    assert str(caught.value).startswith(f"{path} {words}")


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no such file: .*; a relative path starts at data\.root"):
        read_logo(tmp_path / "nowhere.svg")
    with pytest.raises(ValueError, match="is no file"):
        read_logo(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is no file"):
        read_logo(tmp_path / "pipe")


def test_a_relative_path_starts_where_the_tables_do_and_a_fault_has_its_line(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "logo.svg").write_bytes(GOOD["logo.svg"][0])
    path = tmp_path / "acme.yaml"
    text = f"data: {{root: {tmp_path}/data, transactions: {{path: a.csv}}}}\nclient:\n  brand:\n    logo: "
    path.write_text(text + "logo.svg\n")
    logo = read_params(path).client.brand.logo
    assert logo == read_logo(tmp_path / "data" / "logo.svg")

    path.write_text(text + "~nosuchuser/x.png\n")
    with pytest.raises(
        ParamsError, match=r"logo  ~nosuchuser/x\.png: nobody here has that home; write the path"
    ):
        read_params(path)

    path.write_text(text + "loga.svg\n")
    with pytest.raises(ParamsError) as caught:
        read_params(path)
    assert caught.value.exit_code == 2
    assert str(caught.value) == (
        f"{path}: 1 problem\n    line 4: client.brand.logo  no such file: {tmp_path}/data/loga.svg; "
        "a relative path starts at data.root"
    )


def test_a_notebook_shows_no_logo_and_looks_for_none() -> None:
    client = {"id": "acme", "brand": {"logo": "/nowhere/logo.svg"}}
    sections = {"client": client, "data": {"transactions": {"path": "a.csv"}}}
    assert params_from_sections(sections).client.brand.logo == "/nowhere/logo.svg"
