"""Text files as they come -> text that the engine reads: encoding, line ends, delimiter, header, faulty lines."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np

from cam.data.engine import literal
from cam.data.files.guards import refuse_columns
from cam.data.files.margins import cut_end, left_out, unit_above
from cam.data.notes import Note
from cam.errors import DataError
from cam.params import Source

_CHUNK = 1 << 20
#: The longest line that the engine reads.
_LONGEST = 1 << 24
#: So many lines at the end of a file may be its foot.
_FOOT = 10
_SEPARATOR = re.compile(r'\s*"?sep=.?"?\s*', re.IGNORECASE)
_NO_ENCODINGS = {"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class TextTable:
    """One text file, ready for the engine.

    Attributes
    ----------
    path : Path
        The client's file.
    readable : Path
        The same text as UTF-8 with one kind of line end: the file itself, or a copy.
    names : tuple of str
        Its columns.
    delimiter : str
        One character.
    above : int
        Lines of the client's file that ``readable`` leaves out at its top.
    has_header : bool
        Whether the first line of ``readable`` holds the names.
    notes : tuple of str
        What a reader should know of how it was read.
    """

    path: Path
    readable: Path
    names: tuple[str, ...]
    delimiter: str
    above: int
    has_header: bool
    notes: tuple[str, ...]

    def is_like(self, other: TextTable) -> bool:
        """Whether the engine can read another file with this one: it counts them in a column named file_index."""
        own = (self.names, self.delimiter, self.has_header)
        is_taken = "file_index" in map(str.lower, self.names)
        return not is_taken and own == (other.names, other.delimiter, other.has_header)


def select_texts(texts: Sequence[TextTable], extra: str = "", *, one_thread: bool = False) -> str:
    """Return the SELECT of the rows of files that are alike, every value as text.

    Parameters
    ----------
    texts : sequence of TextTable
        One, or several of which each is like the first: a reader for each would take the memory of each.
    extra : str
        More expressions, each with a comma before it.
    one_thread : bool
        Whether each file is read from its first line to its last, and not in several places at once.

    Returns
    -------
    str
    """
    first = texts[0]
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in first.names)
    paths = ", ".join(literal(str(text.readable)) for text in texts)
    # Buffers of two lines of the longest kind: the default of sixteen is slow, and large. A file has no longer line
    # than itself.
    longest = min(_LONGEST, max(text.readable.stat().st_size for text in texts) + 1024)
    return (
        f"SELECT *{extra} FROM read_csv([{paths}], delim={literal(first.delimiter)}, "
        "quote='\"', escape='\"', all_varchar=true, null_padding=false, "
        f"max_line_size={longest}, buffer_size={2 * longest}, "
        f"header=false, skip={int(first.has_header)}, auto_detect=false, hive_partitioning=false, "
        f"{'parallel=false, ' if one_thread else ''}columns={{{columns}}})"
    )


def text_table(table: str, path: Path, source: Source, *, to: Path) -> TextTable:
    """Find out how a text file is written, and copy it where the engine could not read it as it is.

    Parameters
    ----------
    table : str
        Canonical name, for messages.
    path : Path
        The client's file.
    source : Source
        Its entry in the parameter file.
    to : Path
        Where a copy may go.

    Returns
    -------
    TextTable

    Raises
    ------
    DataError
        If it has no one encoding, no header, or two columns of one name.
    """
    options = source.options
    is_plain = not options.encoding and _is_plain(path)
    encoding, bom, note = ("utf-8", 0, None) if is_plain else _encoding(table, path, options.encoding, to=to)
    whitespace = options.delimiter == "whitespace"
    # What is not UTF-8 has been copied while it was looked through.
    readable = path if encoding == "utf-8" else to
    skipped = _lines_above(readable, skip=options.skip_rows)
    above = len(skipped)
    below = options.skip_last_rows
    if whitespace or above:
        readable = to
        _rewrite(path, to, encoding=encoding, bom=bom, above=above, whitespace=whitespace)
    elif readable == path and (below or not (is_plain or _same_line_ends(path))):
        readable = to
        _rewrite(path, to, encoding=encoding, bom=bom, above=0, whitespace=False)
    foot = cut_end(to, below) if readable == to else []
    with readable.open(encoding="utf-8-sig", newline="") as stream:
        first = stream.readline(_CHUNK)
        if not first.strip():
            where = f" below the {options.skip_rows} lines that are skipped" if options.skip_rows else ""
            raise DataError(f"{table}: {path.name} is empty{where}. Export it again.")
        delimiter = "\t" if whitespace else options.delimiter or _delimiter(first)
        stream.seek(0)
        try:
            fields = next(csv.reader(stream, delimiter=delimiter))
        except csv.Error as error:
            raise DataError(
                f"{table}: the header of {path.name} cannot be read: {error}. Export it again."
            ) from None
    given = options.names
    if given and len(given) != len(fields):
        raise DataError(
            f"{table}: {path.name} has {len(fields)} columns, but data.{table}.options.names gives {len(given)}."
        )
    refuse_columns(table, path, len(fields))
    names = unique_names(table, path, given or fields)
    filled = tuple(name or f"column{index + 1}" for index, name in enumerate(names))
    csv.field_size_limit(_LONGEST)  # as in line_fault: a long line below the last row is no fault of Python's
    told = left_out(table, path, csv.reader(foot, delimiter=delimiter), filled, source)
    notes = (*([note] if note else []), *unit_above(path, skipped), *told)
    return TextTable(path, readable, filled, delimiter, above, not given, notes)


def unique_names(table: str, path: Path, header: list[str]) -> list[str]:
    """Return the names of *header* without blanks around them; an error if two are one to the engine.

    Two questions of a survey may have one wording: the second is then called by it and (2).

    Examples
    --------
    >>> unique_names("spend", Path("a.csv"), [" date", "cost "])
    ['date', 'cost']
    """
    names = [name.strip().strip("\ufeff\u200b").strip() for name in header]
    if table == "responses":
        names = _numbered(names)
    lower = [name.lower() for name in names]
    doubled = sorted({name for name in names if name and lower.count(name.lower()) > 1})
    if doubled:
        raise DataError(
            f"{table}: {path.name} has columns of the same name: {', '.join(doubled)}. "
            "Rename one at the source."
        )
    return names


def _numbered(names: list[str]) -> list[str]:
    taken: set[str] = set()
    made = []
    for name in names:
        number, new = 1, name
        while name and new.lower() in taken:
            number += 1
            new = f"{name} ({number})"
        taken.add(new.lower())
        made.append(new)
    return made


def has_rows(text: TextTable) -> bool:
    """Whether anything stands below the header of a text file."""
    with text.readable.open(encoding="utf-8-sig", newline="") as stream:
        try:
            return any(
                islice(filter(None, csv.reader(stream, delimiter=text.delimiter)), text.has_header, None)
            )
        except csv.Error:  # a line that cannot be read is there all the same
            return True


def line_fault(table: str, text: TextTable) -> str | None:
    """Return what is wrong with the first line that does not fit the others, or None.

    Parameters
    ----------
    table : str
        Canonical name.
    text : TextTable
        That the engine could not read.

    Returns
    -------
    str or None
        Names the file, the line and the cure.
    """
    wanted, last, n_rows = len(text.names), 0, -int(text.has_header)
    norm = "the header has" if text.has_header else f"data.{table}.options.names gives"
    csv.field_size_limit(_LONGEST)  # a value that the engine reads is no fault
    with text.readable.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, delimiter=text.delimiter, strict=True)
        try:
            for fields in reader:
                line = text.above + last + 1
                if fields and len(fields) != wanted:
                    values = "1 value" if len(fields) == 1 else f"{len(fields)} values"
                    start = text.delimiter.join(fields)[:80]
                    below = _at_the_end(table, text, fields, stream, n_rows)
                    return (
                        f"{table}: line {line:,} of {text.path.name} has {values} where {norm} {wanted}: {start!r}.\n"
                        "    A value that holds the delimiter must stand in quotes. Lines above the header are "
                        f"left out with data.{table}.options.skip_rows.{below}"
                    )
                last = reader.line_num
                n_rows += bool(fields)
        except csv.Error:
            return (
                f"{table}: line {text.above + last + 1:,} of {text.path.name} has a quote that is not closed, "
                "or text behind a closing quote.\n"
                '    A quote within a value is written twice: "5"" pipe". Mend the line at the source.'
            )
    return None


# --- encoding -----------------------------------------------------------------------------------


def _encoding(table: str, path: Path, asked: str | None, *, to: Path) -> tuple[str, int, str | None]:
    """Find the encoding from all bytes, as (its name, the length of its byte-order mark, what to tell).

    Where it is not UTF-8, *to* holds the text as UTF-8 then.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
    for mark, name in _BOMS:
        if head.startswith(mark):
            if not _decodes(table, path, name, len(mark), to=None if name == "utf-8" else to):
                raise DataError(
                    f"{table}: {path.name} begins as {name}, but holds other bytes too. Export it again."
                )
            words = "{file} is {encoding}"
            return name, len(mark), None if name == "utf-8" else Note(words, file=path.name, encoding=name)
    if asked:
        try:
            known = codecs.lookup(asked)
        except (LookupError, ValueError):
            known = None
        # Python's own codecs for names and literals are no encoding of a file, and slow.
        if known is None or not getattr(known, "_is_text_encoding", True) or known.name in _NO_ENCODINGS:
            raise DataError(f"{table}: unknown encoding {asked!r} in data.{table}.options.encoding.")
        if not _decodes(table, path, known.name, to=None if known.name == "utf-8" else to):
            raise DataError(f"{table}: {path.name} is not {asked}. Leave data.{table}.options.encoding out.")
        return known.name, 0, None
    if _decodes(table, path, "utf-8"):
        return "utf-8", 0, None
    _refuse_mixed(table, path)
    if _decodes(table, path, "gb18030", to=to) and not _looks_western(path):
        return "gb18030", 0, Note("{file} is {encoding}", file=path.name, encoding="GB18030")
    name = "cp1252" if _decodes(table, path, "cp1252", to=to) else "latin-1"
    if name == "latin-1":
        _decodes(table, path, name, to=to)
    # Latin-1 reads any bytes, so this is a guess, and is said to be one.
    option = f"data.{table}.options.encoding"
    words = "{file} was read as Latin-1, a guess; {option} settles it"
    return name, 0, Note(words, file=path.name, option=option)


def _is_plain(path: Path) -> bool:
    """Whether a file is UTF-8, each line ended by one sign, as most are: one quick look at each byte."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        with path.open("rb") as stream:
            if stream.read(4).startswith(tuple(mark for mark, name in _BOMS if name != "utf-8")):
                return False
            stream.seek(0)
            while chunk := stream.read(_CHUNK):
                if b"\r" in chunk or b"\0" in chunk:
                    return False
                if not chunk.isascii() or decoder.getstate()[0]:
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _decodes(table: str, path: Path, encoding: str, start: int = 0, *, to: Path | None = None) -> bool:
    """Whether all bytes are text of *encoding*, copied as UTF-8; an error if the text holds NULs, as no text does."""
    line = 1
    lines = io.IncrementalNewlineDecoder(None, translate=True)  # every line end becomes \n
    try:
        with path.open("rb") as stream, to.open("wb") if to else nullcontext() as copy:
            stream.seek(start)
            for text in _decoded(stream, encoding):
                if "\0" in text:
                    line += text[: text.index("\0")].count("\n")
                    raise DataError(
                        f"{table}: {path.name} holds NUL bytes, the first in line {line:,}, so it is no plain text.\n"
                        f"    Export it again as CSV in UTF-8; if it is UTF-16, set "
                        f"data.{table}.options.encoding: utf-16-le."
                    )
                line += text.count("\n")
                if copy:
                    copy.write(lines.decode(text).encode())
            if copy:
                copy.write(lines.decode("", final=True).encode())
    except UnicodeError:
        return False
    return True


def _decoded(stream: IO[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    while chunk := stream.read(_CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _refuse_mixed(table: str, path: Path) -> None:
    """Most lines UTF-8 and some not: two exports in one file, or a broken one. GB18030 would read it as nonsense."""
    if _is_mostly_other(path):
        return
    good, bad, first = 0, 0, 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.isascii():
                try:
                    line.decode()
                    good += 1
                except UnicodeDecodeError:
                    bad += 1
                    first = first or number
    if good >= bad:
        raise DataError(
            f"{table}: {path.name} mixes encodings: {good:,} lines are UTF-8, {bad:,} are not, first line {first:,}.\n"
            f"    Export it again in one encoding, or name one: data.{table}.options.encoding."
        )


def _is_mostly_other(path: Path) -> bool:
    """Whether more than half of all lines cannot be UTF-8: in each, a sign begins that does not go on."""
    lines = other = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            lines += chunk.count(b"\n")
    lines += 1
    with path.open("rb") as stream:
        while 2 * other <= lines and (chunk := stream.read(_CHUNK)):
            signs = np.frombuffer(chunk + stream.readline(), dtype=np.uint8)
            (broken,) = np.nonzero((signs[:-1] >= 0xC0) & (signs[1:] & 0xC0 != 0x80))
            (ends,) = np.nonzero(signs == 0x0A)
            other += len(np.unique(np.searchsorted(ends, broken)))
    return 2 * other > lines


def _looks_western(path: Path) -> bool:
    """Whether pairs that GB18030 reads as one sign rather are an accented letter and a plain one (M-ü-l-l-e-r)."""
    plain = total = letters = high = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            signs = np.frombuffer(chunk, dtype=np.uint8)
            is_high, behind = signs[:-1] >= 0x80, signs[1:]
            letters += int(np.count_nonzero(is_high & (behind >= 0x40) & (behind < 0x80)))
            # Signs of four bytes have two digits behind a high byte, and are no pairs.
            high += int(np.count_nonzero(is_high & ((behind < 0x30) | (behind > 0x39)))) - 4
    if 4 * letters <= high:  # no more pairs end in a letter, and no fewer are pairs
        return False
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            pairs = re.findall(rb"[\x81-\xfe]([\x40-\x7e\x80-\xfe])", chunk)
            total += len(pairs)
            plain += sum(second < b"\x80" for second in pairs)
    return 2 * plain > total


# --- the shape of the text ----------------------------------------------------------------------


def _same_line_ends(path: Path) -> bool:
    """Whether all lines of a file end in one way; the engine drops some where they do not."""
    windows = lines = returns = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            lines += chunk.count(b"\n")
            if b"\r" in chunk:
                windows += chunk.count(b"\r\n")
                returns += chunk.count(b"\r")
    return sum(n > 0 for n in (windows, lines - windows, returns - windows)) < 2


def _open(path: Path, encoding: str, bom: int) -> IO[str]:
    # Every line end becomes \n.
    stream = path.open(encoding="utf-8-sig" if encoding == "utf-8" else encoding)
    if bom and encoding != "utf-8":
        stream.read(1)
    return stream


def _lines_above(path: Path, *, skip: int) -> list[str]:
    """Lines to leave out: those the parameters name, blank ones above the header, and Excel's own sep=;"""
    above: list[str] = []
    with _open(path, "utf-8", 0) as stream:
        while line := stream.readline(_CHUNK):
            if len(above) >= skip and line.strip() and not _SEPARATOR.fullmatch(line):
                break
            above.append(line)
    return above


def _rewrite(path: Path, to: Path, *, encoding: str, bom: int, above: int, whitespace: bool) -> None:
    """Write the file again as UTF-8, with tabs where it had runs of blanks, a piece at a time."""
    with _open(path, encoding, bom) as source, to.open("w", encoding="utf-8", newline="\n") as target:
        for _ in range(above):
            source.readline()
        if whitespace:
            target.writelines("\t".join(line.split()) + "\n" for line in source)
        else:
            while chunk := source.read(_CHUNK):
                target.write(chunk)


def _at_the_end(table: str, text: TextTable, fields: list[str], stream: IO[str], n_rows: int) -> str:
    """The cure for the foot of a table: a few lines at its end, fewer than its rows, and each with less in it."""
    try:
        left = [fields, *islice(csv.reader(stream, delimiter=text.delimiter), _FOOT)]
    except csv.Error:
        return ""
    foot = [line for line in left if any(line)]
    is_foot = all(2 * len([*filter(None, line)]) <= len(text.names) for line in foot)
    if len(left) > _FOOT or n_rows < max(2, len(foot)) or not is_foot:
        return ""
    return f" Those below the last row: data.{table}.options.skip_last_rows."


def _delimiter(header: str) -> str:
    bare = re.sub(r'"[^"]*"', "", header)  # a comma within a quoted name is none
    counts = {sign: bare.count(sign) for sign in (",", ";", "\t", "|")}
    return max(counts, key=lambda sign: counts[sign])
