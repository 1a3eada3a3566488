"""Words in one line: as a scalar of YAML, as a comment, as columns of a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import yaml


def scalar(value: Any) -> str:
    """A value as YAML writes it within one line, in quotes where it would mean something else.

    Examples
    --------
    >>> scalar("no"), scalar("0012"), scalar("a: b # c"), scalar(["x", "a,b"]), scalar("2、满意度：物流")
    ("'no'", "'0012'", "'a: b # c'", "[x, 'a,b']", '2、满意度：物流')
    """
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {scalar(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(scalar(inner) for inner in value) + "]"
    if isinstance(value, str):
        value = value.replace("\r", "")  # no file of parameters may hold it; names are found without it
    for style in (None, '"'):
        text: str = yaml.safe_dump(
            [value], default_flow_style=True, allow_unicode=True, width=1 << 30, default_style=style
        ).strip()
        # Within the list, what divides its values is quoted too.
        text = text[1:-1]
        if style:
            text = re.sub(r"^!!\w+ ", "", text)
        if "\n" not in text and yaml.safe_load(f"[{text}]") == [value]:
            return text
    return '"' + "".join(f"\\U{ord(sign):08x}" for sign in str(value)) + '"'


def comment(text: str) -> str:
    """Text that may stand in a comment: one line, of signs that YAML and a terminal can show."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(plain.split())


def shown(name: str, most: int = 40) -> str:
    """A name as it may stand in a line: without line ends, and not too long."""
    plain = comment(name)
    return plain if width(plain) <= most else plain[: most // 2] + "…"


def width(text: str) -> int:
    """Columns of a terminal that a text takes: Chinese signs take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def padded(text: str, to: int) -> str:
    """A text with blanks behind it, up to a column of the terminal."""
    return text + " " * max(0, to - width(text))


def wrapped(text: str, most: int) -> list[str]:
    """Lines of at most so many columns; Chinese may break between any two signs."""
    lines, line = [], ""
    for part in re.findall(r"[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+|.", text):
        if line and width(line) + width(part.rstrip()) > most:
            lines.append(line.rstrip())
            line = ""
        line += part
    return [*lines, line.rstrip()]
