"""What a file is by its bytes, whatever its name says."""

from __future__ import annotations

import re
from pathlib import Path

from cam.data.files.guards import is_no_text, refuse_long_lines, refuse_unreadable
from cam.errors import DataError

_MAGIC = (
    (b"PAR1", "parquet"),
    (b"PK\x03\x04", "excel"),
    (b"\xd0\xcf\x11\xe0", "excel"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xfd7zXZ", "an XZ archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3", "an SQLite database"),
    (b"ARROW1", "an Arrow file"),
)
_WEB_PAGE = re.compile(rb"\s*<(!doctype|!--|html|head|meta|body|style|div|table|\?xml)", re.IGNORECASE)
_JSON = re.compile(rb'\s*(\[\s*[\[{]|\{\s*")')
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_SUFFIXES = {"parquet": {".parquet", ".pq"}, "excel": {".xlsx", ".xls", ".xlsm", ".xlsb", ".ods"}}
_HOLDS = {"csv": "text", "excel": "an Excel (or ZIP) file", "parquet": "a Parquet file"}
_RENAME = {
    "csv": "Rename it to .csv.",
    "excel": "If it is a workbook, rename it to .xlsx; if it is a ZIP archive, unpack it.",
    "parquet": "Rename it to .parquet.",
}


def kind_of(table: str, path: Path, encoding: str | None) -> str:
    """Say what a file is by its bytes: ``csv``, ``excel`` or ``parquet``.

    Parameters
    ----------
    table : str
        Canonical name, for messages.
    path : Path
        A file that is there.
    encoding : str or None
        Of its text, where somebody has said it.

    Returns
    -------
    str

    Raises
    ------
    DataError
        If it is none of these, if its name says something else, or if it would fill memory.
    """
    refuse_unreadable(table, path)
    with path.open("rb") as stream:
        head = stream.read(512)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if not text.strip() and len(head) < 512:
        raise DataError(f"{table}: {path.name} is empty. Export it again.")
    found = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "csv")
    if found == "csv" and (page := _WEB_PAGE.match(text)):
        found = "an XML document" if page.group(1) == b"?xml" else "a web page"
    elif found == "csv" and _JSON.match(text):
        found = "JSON"
    elif found == "csv" and not encoding and not head.startswith(_UTF_16) and is_no_text(head):
        found = "bytes that are no text"
    named = next((kind for kind, suffixes in _SUFFIXES.items() if path.suffix.lower() in suffixes), "csv")
    if found != named:
        cure = _RENAME.get(
            found, "Unpack it." if "archive" in found else "Export it again as CSV, Excel or Parquet."
        )
        raise DataError(
            f"{table}: {path.name} is not what its name says: it holds {_HOLDS.get(found, found)}, not "
            f"{_HOLDS[named]}. {cure}"
        )
    if found == "csv":
        refuse_long_lines(table, path)
    return found
