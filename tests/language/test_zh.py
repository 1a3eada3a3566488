"""The Chinese catalogue: nothing stale, nothing lost, the glossary's terms, and a glyph for every character."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import polib
import pytest
from fontTools.ttLib import TTFont

import cam
from cam.language.sentences import NAMES
from cam.project import project_root
from cam.schema import TABLES

PACKAGE = Path(cam.__file__).parent
CATALOGUE = polib.pofile(str(PACKAGE / "language" / "zh.po"))
TRANSLATED = {entry.msgid: entry.msgstr for entry in CATALOGUE}


def constants(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def written() -> set[str]:
    """What the code and its templates say."""
    said = {text for path in PACKAGE.rglob("*.py") for text in constants(path)}
    for path in PACKAGE.rglob("*.j2"):
        template = path.read_text(encoding="utf-8")
        said |= {text for _, text in re.findall(r"""cam\.t\((["'])(.*?)\1\)""", template)}
    return said


def cells() -> set[str]:
    """The Markdown cells of the notebooks."""
    return {
        "".join(cell["source"])
        for path in (project_root() / "notebooks").glob("*.ipynb")
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "markdown"
    }


def drop_reasons() -> set[str]:
    """Why a row is dropped: words with a column of the schema in them, or words inside a query."""
    columns = {column.name for table in TABLES.values() for column in table.columns}
    said = list(constants(PACKAGE / "data" / "prepare.py"))
    templates = [text for text in said if re.fullmatch(r"[a-z ]*\{\}[a-z ]*", text) and text != "{}"]
    plain = {words for text in said for words in re.findall(r"THEN '([a-z_ ]+)'", text)}
    return plain | {text.format(column) for text in templates for column in columns}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{[^{}]*\}", text))


def formulas(text: str) -> Counter[str]:
    return Counter(re.findall(r"\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`", text, flags=re.S))


def marks(text: str) -> list[str]:
    """The marks that open the lines of a cell: headings and lists."""
    return re.findall(r"(?m)^(#+|-|\d+\.) ", text)


def glossary() -> dict[str, list[str]]:
    """English and backticked names of the glossary, each with its Chinese forms."""
    rows: dict[str, list[str]] = {}
    for line in (project_root() / "GLOSSARY.md").read_text(encoding="utf-8").splitlines():
        fields = [field.strip() for field in line.strip("|").split("|")]
        if line.startswith("|") and len(fields) == 4 and not set(fields[0]) <= set("-: "):
            for name in fields[0].split(","):
                rows[name.strip().strip("`")] = fields[1].split("、")
    return rows


def segment_names() -> dict[str, str]:
    """The segments' line below the glossary's table."""
    text = (project_root() / "GLOSSARY.md").read_text(encoding="utf-8").partition("Segments of study 01:")[2]
    return dict(re.findall(r"([a-z][a-z ]+) ([\u4e00-\u9fff]+)", text))


def test_no_entry_is_stale():
    known = written() | cells() | drop_reasons()
    assert [entry.msgid for entry in CATALOGUE if entry.msgid not in known] == []


def test_no_entry_is_empty_fuzzy_obsolete_or_twice_there():
    assert [entry.msgid for entry in CATALOGUE if not entry.msgstr.strip()] == []
    assert [entry.msgid for entry in CATALOGUE if entry.fuzzy or entry.obsolete] == []
    assert [msgid for msgid, n in Counter(entry.msgid for entry in CATALOGUE).items() if n > 1] == []


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.msgid[:40])
def test_every_entry_keeps_what_is_filled_in(entry):
    if entry.msgid in cells():
        assert formulas(entry.msgstr) == formulas(entry.msgid)
        assert marks(entry.msgstr) == marks(entry.msgid)
    else:
        assert placeholders(entry.msgstr) == placeholders(entry.msgid)


@pytest.mark.parametrize(
    "figure",
    ["nps", "csat", "cac", "repeat_rate", "retention_rate", "churn_rate", "response_rate", "margin_rate"],
)
def test_key_figures_are_called_as_in_the_glossary(figure):
    name = TRANSLATED[NAMES[figure]]
    assert any(name.startswith(term) for term in glossary()[figure]), name


def test_segments_are_called_as_in_the_glossary():
    names = segment_names()
    assert len(names) == 8
    assert {english: TRANSLATED[english.capitalize()] for english in names} == names


def test_every_note_on_how_data_were_read_is_translated():
    said = {
        node.args[0].value
        for path in (PACKAGE / "data").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Note"
        if isinstance(node.args[0], ast.Constant)
    }
    assert len(said) > 40 and said - TRANSLATED.keys() == set()


def test_every_name_of_a_key_figure_is_translated():
    assert [english for english in NAMES.values() if english not in TRANSLATED] == []


def test_every_cell_of_a_page_is_translated():
    left = set()
    for path in (project_root() / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            own = {"exercise", "solution"} & set(cell["metadata"].get("tags", []))
            if cell["cell_type"] == "markdown" and not own:
                left |= {"".join(cell["source"])} - TRANSLATED.keys()
    assert left == set()


def test_the_font_of_the_pages_has_every_character():
    spec = find_spec("pylopdf_fonts_zh_cn")
    assert spec and spec.submodule_search_locations
    font = TTFont(Path(next(iter(spec.submodule_search_locations))) / "NotoSansSC-Regular.otf")
    # Formulas are drawn in a font of their own.
    text = "".join(re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", entry.msgstr, flags=re.S) for entry in CATALOGUE)
    assert {sign for sign in text if ord(sign) not in font.getBestCmap()} - {"\n"} == set()


def test_one_spacing_and_one_punctuation():
    words = [
        re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$|`[^`\n]+`", "x", entry.msgstr, flags=re.S) for entry in CATALOGUE
    ]
    han = "[\u4e00-\u9fff]"
    assert [text for text in words if re.search(f"{han} [\\w{{]|[\\w}}%] {han}", text)] == []
    assert [text for text in words if re.search(f"{han}[,;:?!()]|[,;:?!()]{han}", text)] == []
