"""The fonts that a page carries: subsets of fonts that packages ship, the same bytes every time."""

from __future__ import annotations

import base64
import functools
import html
import importlib.util
import io
import re
import string
import tempfile
import unicodedata
from pathlib import Path

from cam.errors import StudyError
from cam.project import cache_folder, digest

TEXT_FAMILY = "Noto Sans SC"
MATH_FAMILY = "STIX Two Math"

# In every subset, so that most pages of a report share one and it is made once.
_COMMON = string.ascii_letters + string.digits + string.punctuation + " \u00a0×±−–—…·‘’“”≤≥%"


# Brackets stretch, and a radical is drawn by the browser: no formula names its sign.
_DRAWN = "()[]{}|=+−√"


def faces(body: str, language: str) -> list[str]:
    """The ``@font-face`` rules for the characters that a finished page has.

    Parameters
    ----------
    body
        HTML.
    language
        In Chinese the whole page is set in the font, else what figures and Chinese names in the text need.

    Returns
    -------
    list of str
        CSS, with the fonts inside.

    Examples
    --------
    >>> faces("<p>No figure, no formula.</p>", "en")
    []
    """
    text = html.unescape(body)
    figures = "".join(re.findall(r"<svg\b.*?</svg>", text, flags=re.S))
    formulas = re.sub(r"<[^>]+>", "", "".join(re.findall(r"<math\b.*?</math>", text, flags=re.S)))
    characters = text if language == "zh" else figures + wide_characters(text)
    found = [text_face(characters)] if characters else []
    return [*found, math_face(formulas)] if formulas else found


def text_face(text: str) -> str:
    """The ``@font-face`` rule of Noto Sans SC with the characters of `text`.

    Parameters
    ----------
    text
        Every character that figures and, in Chinese, the page need.

    Returns
    -------
    str
        CSS, with the font inside as a data address.
    """
    path = _file("pylopdf_fonts_zh_cn", "NotoSansSC-Regular.otf")
    return _face(TEXT_FAMILY, _subset(path, _sorted(text + _COMMON), ("kern", "halt", "chws")))


def math_face(text: str) -> str:
    """The ``@font-face`` rule of STIX Two Math with the characters of `text` and their italic forms.

    Parameters
    ----------
    text
        Every character of the page's formulas.

    Returns
    -------
    str
        CSS, with the font inside as a data address.
    """
    letters = set(text)
    italic = "".join(slanted for plain, slanted in _math_italic() if plain in letters)
    path = _file("ziamath", "fonts", "STIXTwoMath-Regular.ttf")
    return _face(MATH_FAMILY, _subset(path, _sorted(text + italic + _DRAWN), ("ssty", "dtls")))


def wide_characters(text: str) -> str:
    """The Han characters and full-width marks in `text`, sorted.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    str
        Each character once.

    Examples
    --------
    >>> wide_characters("NPS 净推荐值，42")
    '值净推荐，'
    """
    return "".join(sorted(c for c in set(text) if unicodedata.east_asian_width(c) in "WF"))


@functools.cache
def _math_italic() -> tuple[tuple[str, str], ...]:
    # Browsers draw a one-letter <mi> with the italic letters of Unicode's mathematical block.
    blocks = (*range(0x1D434, 0x1D468), *range(0x1D6E2, 0x1D71C), 0x210E)
    return tuple((unicodedata.normalize("NFKC", chr(code)), chr(code)) for code in blocks)


def _sorted(text: str) -> str:
    return "".join(sorted(c for c in set(text) if c.isprintable() or c.isspace()))


def _file(package: str, *parts: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise StudyError(
            f"The package {package} is not installed; the report takes a font from it. Run: make setup"
        )
    return Path(spec.submodule_search_locations[0]).joinpath(*parts)


def _subset(path: Path, characters: str, features: tuple[str, ...]) -> bytes:
    """A subset as woff2. Opening the whole font takes longer than all else on a page, so subsets are kept."""
    size = path.stat().st_size
    kept = cache_folder() / "fonts" / f"{digest(path.name, str(size), characters, ','.join(features))}.woff2"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as made:
            made.write(_cut(path, characters, features))
        Path(made.name).replace(kept)
    return kept.read_bytes()


def _cut(path: Path, characters: str, features: tuple[str, ...]) -> bytes:
    from fontTools import subset

    options = subset.Options(
        flavor="woff2",
        layout_features=list(features),
        hinting=False,
        notdef_outline=True,
        recalc_timestamp=False,
        drop_tables=["GSUB", "VORG", "vhea", "vmtx", "BASE", "DSIG"] if "kern" in features else ["DSIG"],
    )
    with subset.load_font(str(path), options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=characters)
        subsetter.subset(font)
        buffer = io.BytesIO()
        subset.save_font(font, buffer, options)
    return buffer.getvalue()


def _face(family: str, font: bytes) -> str:
    data = base64.b64encode(font).decode("ascii")
    return (
        f'@font-face{{font-family:"{family}";font-display:block;'
        f"src:url(data:font/woff2;base64,{data}) format('woff2')}}"
    )
