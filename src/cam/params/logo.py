"""A logo's file -> the picture as an address that a page holds in itself; what could not be shown is refused."""

from __future__ import annotations

import base64
import io
import math
import re
from pathlib import Path
from xml.etree import ElementTree

#: Bytes of a logo: every page of a report carries it. And its pixels, which a small file can have many of.
_MAX_SIZE, _MAX_PIXELS = 500_000, 16_000_000
#: Pixels across of an SVG that only says its size, and what its units are of them.
_MAX_ACROSS = 20_000
_UNITS = {
    "": 1,
    "px": 1,
    "pt": 4 / 3,
    "pc": 16,
    "mm": 96 / 25.4,
    "cm": 96 / 2.54,
    "q": 96 / 101.6,
    "in": 96,
    "em": 16,
    "ex": 8,
}
_SVG = "{http://www.w3.org/2000/svg}"
_ACTIVE = {"script", "foreignobject", "iframe", "handler", "listener"}
#: What a picture may name: a part of itself, or a picture inside it.
_OWN = re.compile(r"\s*(#|data:image/|$)")
_ADDRESS = re.compile(r"url\(\s*['\"]?([^'\")]*)|@import\s+['\"]?([^'\";]*)", re.IGNORECASE)


def read_logo(path: Path) -> str:
    """Read a logo's file.

    Parameters
    ----------
    path : Path
        SVG, PNG or JPEG, whatever it is called.

    Returns
    -------
    str
        A ``data:`` address.

    Raises
    ------
    ValueError
        Why it cannot be shown, with the cure.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "logo.svg"
    >>> _ = path.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"/>')
    >>> read_logo(path)[:26]
    'data:image/svg+xml;base64,'
    """
    try:
        if not path.exists():
            raise ValueError(f"no such file: {path}; a relative path starts at data.root")
        if not path.is_file():  # a pipe may never end
            raise ValueError(f"{path} is no file")
        if (size := path.stat().st_size) > _MAX_SIZE:
            raise ValueError(
                f"{path} has {size / 1000:,.0f} kB, and each page would carry it; make it 500 kB at most"
            )
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if content.startswith((b"\x89PNG", b"\xff\xd8\xff")):
        kind = _check_picture(content, path)
    elif re.search(rb"<(\w+:)?svg\b", content.replace(b"\0", b"")):
        kind = _check_svg(content, path)
    else:
        raise ValueError(f"{path} is no SVG, PNG or JPEG; save the logo as one of them")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _check_picture(content: bytes, path: Path) -> str:
    from PIL import Image  # here, because few clients have a logo

    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            kind, (width, height) = str(picture.format).lower(), picture.size
            if width * height > _MAX_PIXELS:
                raise ValueError(f"{path} has {width:,} x {height:,} pixels; 1,000 across are plenty")
            picture.load()
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError(f"{path} is damaged and cannot be shown; save it anew") from None
    return kind


def _check_svg(content: bytes, path: Path) -> str:
    """Refuse what an SVG would lose in a report: as an image it runs no script and fetches nothing."""
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise ValueError(f"{path} is no whole SVG: {error}") from None
    if root.tag != f"{_SVG}svg":
        raise ValueError(f"{path} is no SVG: its first element is no svg of {_SVG[1:-1]}")
    if b"<?xml-stylesheet" in content:
        raise ValueError(f"{path} takes its style from another file; save the logo as plain SVG")
    _check_extent(root, path)
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2].lower()
        handlers = [key for key in element.attrib if key.lower().startswith("on")]
        if name in _ACTIVE or handlers:
            raise ValueError(
                f"{path} holds {handlers[0] if handlers else f'<{name}>'}, which is active; save the logo as plain SVG"
            )
        named = [value for key, value in element.attrib.items() if key.rpartition("}")[2] in {"href", "src"}]
        styles = [*element.attrib.values(), element.text or ""]
        named += [one or other for text in styles for one, other in _ADDRESS.findall(text)]
        for address in named:
            if not _OWN.match(address):
                raise ValueError(
                    f"{path} takes {address[:80]!r} from elsewhere; put into the SVG what it needs to be drawn"
                )
    return "svg+xml"


def _check_extent(root: ElementTree.Element, path: Path) -> None:
    """Refuse an SVG that a page would show as nothing, or as a corner of it."""
    cure = 'give its first element a viewBox such as "0 0 300 100"'
    sizes = {name: _pixels(root.get(name, "")) for name in ("width", "height")}
    for name, size in sizes.items():
        if size is not None and size <= 0:
            raise ValueError(
                f"{path} has the {name} {root.get(name)}, so nothing of it is drawn; take it out"
            )
    if (box := root.get("viewBox")) is not None:
        numbers = [_number(part) for part in re.split(r"\s*,\s*|\s+", box.strip())]
        if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers) or min(numbers[2:]) <= 0:
            raise ValueError(f"{path} has the viewBox {box[:80]!r}, so nothing of it is drawn; {cure}")
        return
    for name, size in sizes.items():
        if size is None or size > _MAX_ACROSS:
            said = f"a {name} of {size:,.0f} pixels" if size else f"no {name}"
            raise ValueError(f"{path} has {said} and no viewBox, so no page can fit it in; {cure}")


def _pixels(length: str) -> float | None:
    """A length of CSS in pixels; none where it is left to the page."""
    found = re.fullmatch(r"\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*([a-zA-Z]*)\s*", length)
    size = _number(found[1]) * _UNITS.get(found[2].lower(), math.nan) if found else math.nan
    return size if math.isfinite(size) else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
