"""An executed notebook -> one HTML page that needs nothing else: no network, no other file, no clock."""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from nbconvert.exporters import TemplateExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from cam.errors import StudyError
from cam.report import brand, fonts
from cam.report.glosses import Glosses
from cam.report.normalise import normalise
from cam.report.page import Card, Page
from cam.report.prose import Heading, Prose, scrollable

if TYPE_CHECKING:
    from cam.report.overview import Announced, Said

TEMPLATE = Path(__file__).parent / "template"

LEFT_OUT = frozenset(
    {
        "parameters",
        "injected-parameters",
        "setup",
        "exercise",
        "solution",
        "remove-cell",
        "papermill-error-cell-tag",
    }
)
_FORMATS = ("image/svg+xml", "text/html", "text/markdown", "image/png", "text/plain")
_CONTENT = 99  # deeper than any heading
_FACES = "/* faces */"  # where the style sheet of a page takes its fonts
#: As ``cam.show.notebook`` marks what cannot be said, and a reason that stands above.
_CANNOT_SAY, _AGAIN = "note cannot-say", "note cannot-say again"
_SMALLEST = 9.0  # CSS pixels of a figure's words on a phone

Translate = Callable[[str], str]


def render_page(notebook: NotebookNode, page: Page, *, translate: Translate = str) -> str:
    """Turn the executed notebook of a study into its page.

    Parameters
    ----------
    notebook
        The executed notebook.
    page
        What stands around it.
    translate
        Called with the source of each Markdown cell and with each label of the page.

    Returns
    -------
    str
        HTML that needs no other file.

    Raises
    ------
    StudyError
        If a formula cannot be drawn.
    """
    study = _Study(page, translate)
    study.read(normalise(notebook))
    return study.html()


def render_failure(
    notebook: NotebookNode | None,
    page: Page,
    *,
    message: str,
    notebook_href: str | None,
    translate: Translate = str,
) -> str:
    """Say on a page of its own that a study failed, and where to look.

    Parameters
    ----------
    notebook
        The notebook as far as it ran; its title is shown.
    page
        What stands around it.
    message
        What failed, for the reader of the report.
    notebook_href
        The address of the executed notebook, relative to the page.
    translate
        Called with the source of the title's cell and with each label of the page.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    study = _Study(page, translate)
    if notebook is not None:
        # papermill puts a banner of its own before the title.
        prose = [
            cell for cell in notebook.cells if cell.cell_type == "markdown" and not _tags(cell) & LEFT_OUT
        ]
        study.read(NotebookNode(cells=prose[:1]))
    values = {"message": message, "notebook_href": notebook_href}
    return _from_template("failure.html.j2", page, translate, study.title or page.label, values)


def render_index(
    page: Page,
    *,
    scorecard: Sequence[Card],
    scorecard_notes: Sequence[str] = (),
    since: str = "",
    matters: tuple[str, Sequence[Said]] = ("", ()),
    lists: Sequence[Announced] = (),
    findings: Sequence[tuple[str, str, str]],
    reconciliation: str = "",
    downloads: Sequence[tuple[str, str]] = (),
    not_run: Sequence[tuple[str, str, Sequence[tuple[str, str]]]] = (),
    translate: Translate = str,
) -> str:
    """Make the overview of a report.

    Parameters
    ----------
    page
        What stands around it.
    scorecard
        The key figures, the most important first.
    scorecard_notes
        Lines of HTML under them: how to read them, and what is missing.
    since
        What changed since the last report, as HTML; may be empty.
    matters
        By what the most valuable findings are ranked, and these.
    lists
        Whom to act on.
    findings
        For each study its label, the address of its page and its other findings as HTML.
    reconciliation
        The table of rows read, kept and dropped, as HTML.
    downloads
        Address and one-line description of each file that comes with the report.
    not_run
        For each study without a result its label, the address of its page (or empty) and what is missing: for which
        of its parts (or empty), and the words.
    translate
        Called with each label of the page.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    title = translate("How are our customers doing?")
    values = {
        "scorecard": [(card, Markup(card.trend)) for card in scorecard],
        "scorecard_notes": [Markup(note) for note in scorecard_notes],
        "since": Markup(since),
        "order": matters[0],
        "matters": matters[1],
        "lists": lists,
        "findings": [(label, href, Markup(text)) for label, href, text in findings],
        "reconciliation": Markup(scrollable(reconciliation)),
        "downloads": downloads,
        "not_run": not_run,
    }
    return _from_template("overview.html.j2", page, translate, title, values)


def render_check(page: Page, values: Mapping[str, Any], *, translate: Translate = str) -> str:
    """Make the page of the data review.

    Parameters
    ----------
    page
        What stands around it.
    values
        What its template, ``check.html.j2``, asks for; a value that is an SVG, or HTML, is ``Markup``.
    translate
        Called with each label of the page.

    Returns
    -------
    str
        HTML that needs no other file.
    """
    title = translate("Can these data be used?")
    months = values.get("months")
    drawn = dict(values) | ({"months": Markup(_svg(months, "m-"))} if months else {})
    return _from_template("check.html.j2", page, translate, title, drawn)


def _tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", ()))


def _svg(source: str, prefix: str) -> str:
    """Fit a figure into a page: as wide as its column, ids of its own, nothing that is not drawn."""
    text = source[source.index("<svg") :]
    text = re.sub(
        r"<metadata>.*?</metadata>|<!--.*?-->|<style type=\"text/css\">\*\{.*?\}</style>",
        "",
        text,
        flags=re.S,
    )
    # Without its white ground, so that a figure that goes on beyond the edge of a phone shows it.
    ground = (
        r'(<g id="(?:figure|axes)_1">\s*)<g id="patch_[12]">\s*<path d="[^"]*" style="fill: #ffffff"/>\s*</g>'
    )
    text = re.sub(ground, r"\1", text)
    text = text.replace("xlink:href=", "href=")
    used = set(re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", text))
    names = {name for pair in used for name in pair if name}
    text = re.sub(r' id="([^"]*)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in names else "", text)
    text = re.sub(r"url\(#", f"url(#{prefix}", text)
    text = re.sub(r'href="#', f'href="#{prefix}', text)
    head, body = text.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', head)
    if box is None:
        raise StudyError("A figure has no viewBox; save it as SVG with matplotlib.")
    width = round(float(box[1].split()[2]) * 4 / 3)  # points to CSS pixels
    body = re.sub(r"\n\s*", "\n", body).strip()
    # On a phone it shrinks as far as its smallest words can be read.
    smallest = min((float(size) for size in re.findall(r"font-size: ([\d.]+)px", body)), default=10.0)
    least = round(width * min(_SMALLEST / (smallest * 4 / 3), 1.0))
    place = f'preserveAspectRatio="xMinYMin" style="--width:{width}px;--least:{least}px"'
    return f'<svg viewBox="{box[1]}" {place} aria-hidden="true">{body}'


def _output_html(output: NotebookNode, prose: Prose) -> str:
    """An output without figures, as HTML."""
    if output.output_type == "stream":
        return "" if output.name == "stderr" else f'<pre class="printed">{html.escape(output.text)}</pre>'
    data = output.get("data", {})
    if "text/html" in data:
        return str(data["text/html"])
    if "text/markdown" in data:
        return prose.html(data["text/markdown"])
    return f"<p>{html.escape(data['text/plain'])}</p>" if "text/plain" in data else ""


_Part = tuple[int, Heading | None, NotebookNode]


def _sections(parts: Sequence[_Part], level: int) -> list[list[_Part]]:
    """Cut the parts of a page before each heading of that level or above."""
    sections: list[list[_Part]] = []
    for part in parts:
        if not sections or part[0] <= level:
            sections.append([])
        sections[-1].append(part)
    return sections


def _reduced(section: list[_Part]) -> list[_Part]:
    cells = [part for part in section if part[2].cell_type == "code"]
    if not cells or any(_tags(cell) for _, _, cell in cells):
        return section
    said = [
        [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", ())]
        for _, _, cell in cells
    ]
    if not all(_CANNOT_SAY in text for texts in said for text in texts):
        return section
    reasons = [cell for cell, texts in zip(cells, said, strict=True) if texts]
    new = [cell for cell, texts in zip(cells, said, strict=True) if texts and _AGAIN not in texts[0]]
    return [section[0], *(new or reasons[:1])] if reasons else []


class _Study:
    """One study on its way to a page: the title and the findings taken out, the rest in order."""

    def __init__(self, page: Page, translate: Translate) -> None:
        self.page = page
        self.translate = translate
        self.title = ""
        self._prose = Prose()
        self._parts: list[_Part] = []
        self._findings: list[str] = []
        self._findings_code: list[str] = []
        self._n_figures = 0

    def read(self, notebook: NotebookNode) -> None:
        """Take in the cells in their order."""
        for cell in notebook.cells:
            if _tags(cell) & LEFT_OUT:
                continue
            if cell.cell_type == "markdown":
                self._read_markdown(self.translate(cell.source), cell.source)
            elif cell.cell_type == "code" and "findings" in _tags(cell):
                self._take_findings(cell)
            elif cell.cell_type == "code":
                self._read_code(cell)
        self.title = self.title or self.page.label

    def _read_markdown(self, source: str, original: str) -> None:
        for heading, text in self._prose.parts(source, original=original):
            if heading is not None and heading.level == 1 and not self.title:
                self.title = heading.text
            else:
                level = max(heading.level, 2) if heading else _CONTENT
                self._parts.append((level, heading, new_markdown_cell(text)))

    def _take_findings(self, cell: NotebookNode) -> None:
        taken: list[str] = []
        code = [cell.source]
        while self._parts and not self._parts[-1][2].get("outputs"):
            level, _, part = self._parts.pop()
            if level < _CONTENT:  # the section's own heading, which the page gives anew
                break
            (taken if part.cell_type == "markdown" else code).insert(0, part.source)
        self._findings += taken
        self._findings_code += code
        self._findings += [_output_html(output, self._prose) for output in cell.outputs]

    def _read_code(self, cell: NotebookNode) -> None:
        cell.outputs = [shown for output in cell.outputs if (shown := self._shown(output)) is not None]
        previous = self._parts[-1][2] if self._parts else None
        if previous is not None and previous.cell_type == "code" and not previous.outputs:
            self._parts.pop()  # code that shows nothing stands with the code that shows its result
            cell.source = f"{previous.source}\n\n{cell.source}"
        self._parts.append((_CONTENT, None, cell))

    def _shown(self, output: NotebookNode) -> NotebookNode | None:
        if output.output_type == "stream":
            return output if output.name == "stdout" else None
        kind = next((kind for kind in _FORMATS if kind in output.get("data", {})), None)
        if kind is None:
            return None
        content = output.data[kind]
        if kind == "text/plain" and re.fullmatch(r"\s*<[^<>]*>\s*|None", content):
            return None  # the name of an object, such as <Axes>, tells a reader nothing
        if kind == "image/svg+xml":
            self._n_figures += 1
            content = _svg(content, f"f{self._n_figures}-")
        elif kind == "text/markdown":
            content = self._prose.html(content)
        elif kind == "text/html":
            content = scrollable(content)
        data = NotebookNode({kind: Markup(content) if kind != "text/plain" else content})
        described = NotebookNode(output.metadata.get(kind, {}))
        return NotebookNode(output_type="display_data", data=data, metadata=described)

    def _without_what_does_not_apply(self) -> None:
        """Cut a section that can say nothing to its heading and the reasons; one that shows nothing goes."""
        for level in (2, 3):
            kept: list[_Part] = []
            for section in _sections(self._parts, level):
                kept += _reduced(section) if section[0][0] == level else section
            self._parts = kept

    def _without_empty_sections(self) -> list[_Part]:
        kept: list[_Part] = []
        below = 0
        for part in reversed(self._parts):
            if part[0] == _CONTENT or below > part[0]:
                kept.append(part)
                below = part[0]
        return kept[::-1]

    def html(self) -> str:
        """The whole page."""
        self._without_what_does_not_apply()
        parts = self._without_empty_sections()
        values = _frame(self.page, self.translate, self.title)
        values["contents"] = [heading for level, heading, _ in parts if heading is not None and level <= 3]
        glosses = Glosses(self.page.glosses)
        values["findings"] = Markup(glosses.mark("\n".join(self._findings)))
        values["findings_code"] = "\n\n".join(self._findings_code)
        for _, heading, cell in parts:
            if cell.cell_type == "markdown" and heading is None:
                cell.source = glosses.mark(cell.source)
        cells = [NotebookNode(cell, id=f"part-{number:03d}") for number, (_, _, cell) in enumerate(parts)]
        notebook = new_notebook(cells=cells)
        body, _ = _exporter().from_notebook_node(notebook, resources={"cam": values})
        return _finish(body, self.page)


@functools.cache
def _exporter() -> TemplateExporter:
    # Not HTMLExporter: that reads the page again with an HTML parser, which lower-cases names in figures.
    exporter = TemplateExporter(
        template_name=TEMPLATE.name,
        template_file="index.html.j2",
        extra_template_basedirs=[str(TEMPLATE.parent)],
    )
    exporter.environment.autoescape = True
    return exporter


def _from_template(name: str, page: Page, translate: Translate, title: str, values: dict[str, Any]) -> str:
    template = _exporter().environment.get_template(name)
    return _finish(template.render(cam=_frame(page, translate, title) | values), page)


def _frame(page: Page, translate: Translate, title: str) -> dict[str, Any]:
    """The values that every template needs."""
    script = (TEMPLATE / "cam.js").read_text(encoding="utf-8").strip()
    signature = brand.signature(page.brand, translate=translate)
    return {
        "page": page,
        "t": translate,
        "title": title,
        "style": Markup((TEMPLATE / "cam.css").read_text(encoding="utf-8").strip()),
        "colours": brand.colours(page.brand),
        "signature": signature,
        "running_foot": Markup(_css_string(f"{page.client} · {title}\n{signature}".strip())),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    }


def _css_string(text: str) -> str:
    return '"' + re.sub(r'[\x00-\x1f"\\<>&]', lambda m: f"\\{ord(m[0]):x} ", text) + '"'


def _finish(body: str, page: Page) -> str:
    """Put in the fonts for the characters that the finished page has, and leave one kind of line end."""
    faces = fonts.faces(body, page.language)
    return body.replace(_FACES, "\n".join(faces), 1).replace("\r\n", "\n").strip() + "\n"
