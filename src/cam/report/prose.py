"""Markdown -> HTML: headings with addresses for a contents list, formulas as MathML, tables that scroll."""

from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import Any

import mistune
from latex2mathml.converter import convert as tex_to_mathml
from mistune.plugins.math import math as math_plugin
from mistune.plugins.math import parse_inline_math
from mistune.plugins.table import table as table_plugin

from cam.errors import StudyError

# As mistune's own, but no space may stand inside the dollars, and no digit after them: $5 and $6 are prices.
_INLINE_MATH = (
    r"\$\$(?P<display_math_text>(?:[^$\\]|\\.)+?)\$\$|"
    r"\$(?P<backtick_math_marker>`+)(?P<backtick_math_text>[\s\S]*?)(?P=backtick_math_marker)\$|"
    r"\$(?![\s$])(?P<math_text>(?:[^$\\\n`]|\\.)*?(?:[^$\\\s`]|\\[^\s]))\$(?!\d)"
)
_MATRICES = ("matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix")
_ENVIRONMENTS = frozenset({*_MATRICES, "array", "cases", "align", "align*", "substack"})


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level from 1, its address in the page, and its words without markup."""

    level: int
    slug: str
    text: str


class Prose(mistune.HTMLRenderer):
    """Markdown of one page to HTML; remembers its headings."""

    def __init__(self) -> None:
        super().__init__(escape=False)
        self.headings: list[Heading] = []
        self._slugs = Counter({"findings": 1, "main": 1, "contents": 1})
        self._addresses: list[str] = []
        self._markdown = mistune.Markdown(self, plugins=[math_plugin, table_plugin])
        self._markdown.inline.register("inline_math", _INLINE_MATH, parse_inline_math)

    def parts(self, source: str, *, original: str = "") -> list[tuple[Heading | None, str]]:
        """Cut a source at its headings: each heading alone, and each run of text between two.

        A translated source takes the addresses of its headings from the original: they are the same in all languages.
        """
        state = self._parsed(source)
        given = [token["text"] for token in self._parsed(original).tokens if token["type"] == "heading"]
        n_headings = sum(token["type"] == "heading" for token in state.tokens)
        self._addresses = given if len(given) == n_headings else []
        runs: list[list[dict[str, Any]]] = []
        for token in state.tokens:
            if token["type"] == "blank_line":
                continue
            if token["type"] == "heading" or not runs or runs[-1][0]["type"] == "heading":
                runs.append([])
            runs[-1].append(token)
        result: list[tuple[Heading | None, str]] = []
        for tokens in runs:
            state.tokens = tokens
            is_heading = tokens[0]["type"] == "heading"
            text = str(self._markdown.render_state(state))
            result.append((self.headings[-1] if is_heading else None, text))
        return result

    def _parsed(self, source: str) -> Any:
        state = self._markdown.block.state_cls()
        state.process(source.replace("\r\n", "\n").rstrip("\n") + "\n")
        self._markdown.block.parse(state)
        return state

    def html(self, source: str) -> str:
        """The whole of a source as HTML."""
        return "".join(text for _, text in self.parts(source))

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        """A heading with an address of its own; those after the title start at the second level."""
        plain = html.unescape(re.sub(r"<[^>]+>", "", text)).strip()
        named = self._addresses.pop(0) if self._addresses else plain
        slug = re.sub(r"[^\w]+", "-", unicodedata.normalize("NFKC", named).lower()).strip("-") or "section"
        while self._slugs[slug]:
            self._slugs[slug] += 1
            slug = f"{slug}-{self._slugs[slug]}"
        self._slugs[slug] += 1
        self.headings.append(Heading(level, slug, plain))
        level = max(level, 2)
        return f'<h{level} id="{slug}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        """A link; one that leaves the report tells the other site nothing."""
        link = super().link(text, url, title)
        return link.replace("<a ", '<a rel="noopener noreferrer" ', 1) if "://" in url else link

    def table(self, text: str) -> str:
        """A table that scrolls by itself where the screen is narrow."""
        return scrollable(f'<table class="cam">\n{text}</table>')

    def inline_math(self, text: str) -> str:
        """A formula within a line."""
        return _mathml(text, "inline")

    def block_math(self, text: str) -> str:
        """A formula on a line of its own."""
        return f'<span class="formula" tabindex="0">{_mathml(text.strip(), "block")}</span>\n'


def _mathml(tex: str, display: str) -> str:
    environments = set(re.findall(r"\\begin\{([^}]*)\}", tex)) - _ENVIRONMENTS
    if environments:
        raise StudyError(
            f"The formula '{tex}' uses the environment {', '.join(sorted(environments))}, "
            "which the report cannot draw. Use align* for lines that line up, or one formula per line."
        )
    if len(re.findall(r"(?<!\\)\{", tex)) != len(re.findall(r"(?<!\\)\}", tex)):
        raise StudyError(f"The formula '{tex}' opens and closes a different number of braces.")
    try:
        mathml = tex_to_mathml(tex, display=display)
    except Exception as error:  # the converter raises many kinds, some of them IndexError
        raise StudyError(
            f"The formula '{tex}' cannot be read: {type(error).__name__} {error}".rstrip()
        ) from error
    unknown = re.findall(r">(\\[^<]+|&(?:amp;)?)<", mathml)
    if unknown:
        raise StudyError(f"The formula '{tex}' uses {unknown[0]}, which the report cannot draw.")
    return mathml.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "")


def scrollable(table: str) -> str:
    """Put each table into a region that scrolls by itself on a narrow screen; other HTML stays as it is."""
    if "<table" not in table:
        return table
    if table.count("<table") > 1:
        return "".join(scrollable(part) for part in re.split(r"(?=<table\b)", table) if part)
    caption = re.search(r"<caption[^>]*>(.*?)(?:<small|</caption>)", table, flags=re.S)
    name = html.escape(html.unescape(re.sub(r"<[^>]+>", "", caption[1])).strip()) if caption else ""
    region = f' role="group" aria-label="{name}"' if name else ""
    return f'<div class="scroll" tabindex="0"{region}>{table}</div>\n'
