"""The glossary, read from GLOSSARY.md: terms in both languages, and what they mean in the reader's."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from cam.errors import CamError
from cam.language import active
from cam.project import project_root

#: The header of its table; a change there is a change here.
_HEADER = ["Term", "中文", "Meaning, unit", "含义、单位"]


class Term(NamedTuple):
    """One row of the glossary; names of code stand in backticks."""

    english: str
    chinese: str
    meaning: str


def glossary_path() -> Path:
    """Return where the glossary stands.

    Examples
    --------
    >>> glossary_path().name
    'GLOSSARY.md'
    """
    return project_root() / "GLOSSARY.md"


def read_glossary() -> list[Term]:
    """Return every term, in the order of the file, its meaning in the language in use.

    Returns
    -------
    list of Term

    Raises
    ------
    CamError
        If the table is not as expected.

    Examples
    --------
    >>> read_glossary()[0].chinese
    '仍活跃客户数'
    """
    rows: list[list[str]] = []
    for line in glossary_path().read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            if rows:
                break
            continue
        rows.append([field.strip() for field in line.strip().strip("|").split("|")])
    if not rows or rows[0] != _HEADER or any(len(row) != len(_HEADER) for row in rows):
        raise CamError(
            f"GLOSSARY.md: the table of terms must have the columns {', '.join(_HEADER)} in every row."
        )
    at = 3 if active() == "zh" else 2
    return [Term(row[0], row[1], row[at]) for row in rows[2:]]
