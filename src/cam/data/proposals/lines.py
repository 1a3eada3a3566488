"""Words in one line: as a scalar of YAML, as a comment, as columns of a terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import yaml

#: What marks a question that is answered by taking the mark off; and one that no line answers.
QUESTION, OPEN = "# ? ", "# ?? "
#: Where evidence begins, so that the eye can run down it.
MARGIN = 42
#: Columns of a terminal that a line may take, if it can.
WIDE = 100
#: No line of a text begins with these, least of all with ?: in a parameter file that would be a question of its own.
_CLOSING = r"[?!.,;:)\]，。；：？！）》」』、”’]*\s*"
_PARTS = re.compile(rf"[^\s\u3000-\u9fff\uff00-\uffef]+{_CLOSING}|\s+|.{_CLOSING}")
#: Blanks and joiners that names and words have; a person does not see them, and they do nothing else.
_SEEN = "\u200c\u200d\u3000\xa0\u202f\u2009"


def scalar(value: Any) -> str:
    r"""A value as YAML writes it within one line, in quotes where it would mean something else or not be seen.

    Examples
    --------
    >>> scalar("no"), scalar("0012"), scalar("a: b # c"), scalar(["x", "a,b"]), scalar("2、满意度：物流")
    ("'no'", "'0012'", "'a: b # c'", "[x, 'a,b']", '2、满意度：物流')
    >>> scalar("\u202ea")
    '"\\U0000202ea"'
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
            # Such as a sign that turns the text behind it round.
            text = "".join(
                sign if sign in _SEEN or sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text
            )
        is_seen = all(sign in _SEEN or sign.isprintable() for sign in text)
        if is_seen and yaml.safe_load(f"[{text}]") == [value]:
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
    """Lines of at most so many columns; Chinese may break between any two signs, but before none that closes."""
    lines, line = [], ""
    for part in _PARTS.findall(text):
        if line and width(line) + width(part.rstrip()) > most:
            lines.append(line.rstrip())
            line = ""
        line += part
    return [*lines, line.rstrip()]


def entry(depth: int, key: str, value: Any, why: str = "", *, is_question: bool = False) -> str:
    """A line of the file with its evidence behind it, or above it where that would be too long to read."""
    line = "  " * depth + (QUESTION if is_question else "") + f"{key}: {scalar(value)}"
    if not why:
        return line
    whole = f"{padded(line, MARGIN)} # {comment(why)}"
    if width(whole) <= WIDE:
        return whole
    return "\n".join([*remark(depth, why), line])


def remark(depth: int, text: str, sign: str = "# ") -> list[str]:
    """A comment of its own, in as many lines as it takes."""
    start = "  " * depth
    return [
        f"{start}{sign if at == 0 else '# '}{part}"
        for at, part in enumerate(wrapped(comment(text), WIDE - 12))
    ]
