"""What is refused before anything is read: what is no plain file, what would fill memory, what changes meanwhile."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from cam.errors import DataError

#: The engine holds a line in memory; no export that people work with has a longer one.
MAX_LINE = 16 << 20
#: Every column costs the engine a buffer, also one that nobody asked for.
MAX_COLUMNS = 4_096
#: Files and folders that a pattern may look at.
MAX_WALK = 100_000
_SAMPLE = 1 << 16
_STEP = MAX_LINE // 2
_WALK_SIGNS = re.compile(r"[*?\[]")
_SPECIAL = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
#: Signs that no text holds: control characters but for tab, line ends, page ends and the escape of ISO-2022.
_NO_TEXT = bytes({*range(1, 9), *range(14, 27), *range(28, 32), 127})


# --- files --------------------------------------------------------------------------------------


def refuse_special(table: str, path: Path) -> None:
    """Refuse a pipe, a device or a link that leads nowhere: whoever reads it may wait for ever.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    path : Path
        A file, or what is no file.

    Raises
    ------
    DataError
        If something stands there that is neither a file nor a folder, or may not be looked at.

    Examples
    --------
    >>> refuse_special("spend", Path("/no/such/file"))  # for others to say
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.EACCES:
            raise DataError(
                f"{table}: {path} cannot be looked at: {error.strerror}. Ask for the right to read its folder."
            ) from None
        if error.errno == errno.ELOOP or path.is_symlink():
            where = (
                "round in a circle"
                if error.errno == errno.ELOOP
                else f"to {path.readlink()}, where no file is"
            )
            raise DataError(
                f"{table}: {path} is a link that leads {where}. Name the file itself in data.{table}.path."
            ) from None
        return
    what = next((what for test, what in _SPECIAL if test(mode)), None)
    if what:
        raise DataError(
            f"{table}: {path} is {what}, not a file. Copy what it gives to a file, and name that in "
            f"data.{table}.path."
        )


def refuse_unreadable(table: str, path: Path) -> None:
    """Refuse a file that may not be opened or gives no bytes.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    path : Path
        A file.

    Raises
    ------
    DataError
        With what the system says.
    """
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        cure = (
            "Ask for the right to read it."
            if error.errno == errno.EACCES
            else "Copy it to a folder of this machine."
        )
        raise DataError(f"{table}: {path.name} cannot be opened: {error.strerror}. {cure}") from None


def refuse_wide_pattern(table: str, pattern: str, place: Path) -> None:
    """Refuse a pattern that would look through the whole machine.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    pattern : str
        As the parameter file writes it.
    place : Path
        The same, from the root.

    Raises
    ------
    DataError
        If it would look at more than :data:`MAX_WALK` files and folders.

    Examples
    --------
    >>> refuse_wide_pattern("spend", "exports/*.csv", Path("/no/such/exports/*.csv"))
    """
    fixed = next(parent for parent in place.parents if not _WALK_SIGNS.search(str(parent)) or parent.is_dir())
    parts = place.relative_to(fixed).parts
    depth = len(parts) if "**" not in parts else None
    if len(list(islice(_walked(str(fixed), depth), MAX_WALK + 1))) > MAX_WALK:
        raise DataError(
            f"{table}: {pattern} looks through more than {MAX_WALK:,} files.\n"
            f"    Name a folder nearer to the files in data.{table}.path."
        )


def _walked(folder: str, depth: int | None) -> Iterator[str]:
    for top, folders, files in os.walk(folder):
        yield from (*folders, *files)
        if depth is not None and top[len(folder) :].count(os.sep) >= depth - 1:
            folders.clear()


def stamps(paths: Iterable[Path]) -> dict[Path, tuple[int, ...]]:
    """Return what tells each file from another that takes its place, to compare with later: number, size and times.

    Parameters
    ----------
    paths : iterable of Path
        Files that are there.

    Returns
    -------
    dict
    """
    # Size and time alone may be those of another file that was moved here; the system's own time cannot be set.
    return {
        path: (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        for path in paths
        if (found := path.stat())
    }


def refuse_changed(table: str, before: dict[Path, tuple[int, ...]]) -> None:
    """Refuse what was read if a file is no longer as it was before: half of it may be of another day.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    before : dict
        From :func:`stamps`.

    Raises
    ------
    DataError
        With the first file that is another now.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.csv"
    >>> _ = path.write_text("a")
    >>> seen = stamps([path])
    >>> refuse_changed("spend", seen)
    >>> _ = path.write_text("ab")
    >>> refuse_changed("spend", seen)
    Traceback (most recent call last):
    ...
    cam.errors.DataError: spend: a.csv changed while it was read. Run again once it is written.
    """
    for path, stamp in before.items():
        try:
            now = stamps([path])[path]
        except OSError:
            now = ()
        if now != stamp:
            raise DataError(f"{table}: {path.name} changed while it was read. Run again once it is written.")


# --- text ---------------------------------------------------------------------------------------


def is_no_text(head: bytes) -> bool:
    """Whether the beginning of a file holds control characters as only programs and pictures do.

    Examples
    --------
    >>> is_no_text(b"customer_id,order_date"), is_no_text(bytes(range(1, 32)))
    (False, True)
    """
    odd = len(head) - len(head.translate(None, _NO_TEXT))
    return odd > max(2, len(head) // 50)


def refuse_long_lines(table: str, path: Path) -> None:
    """Refuse a text with a line longer than the engine may hold; looks at 1 byte in 128.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    path : Path
        A text file in any encoding.

    Raises
    ------
    DataError
        With the line.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        # A line that is too long fills at least one step from end to end.
        for start in range(0, size - _STEP, _STEP):
            stream.seek(start)
            if _ends_line(stream.read(_SAMPLE)) or _ends_line(stream.read(_STEP - _SAMPLE)):
                continue
            stream.seek(max(0, start - _STEP))
            before = stream.read(min(start, _STEP))
            stream.seek(start)
            after = stream.read(MAX_LINE + 1)
            length = _after_last_end(before) + _before_first_end(after)
            if length > MAX_LINE:
                stream.seek(0)
                line = 1 + sum(_line_ends(piece) for piece in _pieces(stream, start))
                raise DataError(
                    f"{table}: line {line:,} of {path.name} is longer than {MAX_LINE >> 20} MB, as no row is.\n"
                    "    Export it again, one row per line."
                )


def _pieces(stream: IO[bytes], length: int) -> Iterator[bytes]:
    while length > 0:
        piece = stream.read(min(length, _STEP))
        if not piece:
            return
        length -= len(piece)
        yield piece


def _ends_line(piece: bytes) -> bool:
    return b"\n" in piece or b"\r" in piece


def _line_ends(piece: bytes) -> int:
    return piece.count(b"\n") or piece.count(b"\r")


def _after_last_end(piece: bytes) -> int:
    return len(piece) - 1 - max(piece.rfind(b"\n"), piece.rfind(b"\r"))


def _before_first_end(piece: bytes) -> int:
    found = [at for at in (piece.find(b"\n"), piece.find(b"\r")) if at >= 0]
    return min(found, default=len(piece))


def refuse_columns(table: str, path: Path, n: int) -> None:
    """Refuse a table with more columns than the engine can hold beside each other.

    Parameters
    ----------
    table : str
        Canonical name, for the message.
    path : Path
        The file.
    n : int
        Its columns.

    Raises
    ------
    DataError
        If there are more than :data:`MAX_COLUMNS`.

    Examples
    --------
    >>> refuse_columns("spend", Path("a.csv"), 1_000_000)
    Traceback (most recent call last):
    ...
    cam.errors.DataError: spend: a.csv has 1,000,000 columns; at most 4,096 are read.
        Export only the columns that are needed; if they are rows in truth, look at data.spend.options.delimiter.
    """
    if n > MAX_COLUMNS:
        raise DataError(
            f"{table}: {path.name} has {n:,} columns; at most {MAX_COLUMNS:,} are read.\n"
            "    Export only the columns that are needed; if they are rows in truth, look at "
            f"data.{table}.options.delimiter."
        )
