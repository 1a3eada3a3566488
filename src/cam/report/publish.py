"""A report appears whole or not at all: made in a folder beside its place, then switched in one step."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from cam.errors import OutputError
from cam.project import cache_folder

#: What the system says in any language but ours: DuckDB and the workbook's writer pass on the words only.
_NO_ROOM = {errno.ENOSPC: "No space left on device", errno.EDQUOT: "Disk quota exceeded"}
_NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT}
#: Below this much free space, a disk is the one that is full.
_FULL = 16 * 2**20
#: Either of them shows that a folder is a report.
_OURS = ("run.json", "key_figures.csv")
_AT_FDCWD, _EXCHANGE = -100, 2


@contextmanager
def workplace(out: Path, client: str) -> Iterator[Path]:
    """Hold the client's place under *out* for one run, and lend a new folder to make the report in.

    Parameters
    ----------
    out : Path
        Folder of all reports; made if it is not there.
    client : str
        The client's id.

    Yields
    ------
    Path
        An empty folder on the same file system, removed at the end whatever happens.

    Raises
    ------
    OutputError
        If another run is at work, nothing can be written there, or the place holds what is no report.
    """
    with ExitStack() as end:
        try:
            out.mkdir(parents=True, exist_ok=True)
            lock = end.enter_context((out / f".{client}.lock").open("ab+", buffering=0))
            _take(lock, out, client)
            _clear(out, client)
            _check_place(out / client)
            holder = Path(tempfile.mkdtemp(prefix=f".{client}-making-", dir=out))
            end.callback(shutil.rmtree, holder, ignore_errors=True)
            staging = holder / "report"
            staging.mkdir()  # the holder is its owner's alone; the report has the rights that the user gives
            yield staging
        except Exception as error:
            known = output_error(error, out)
            if known is None:
                raise
            raise known from None


def switch(made: Path, place: Path) -> None:
    """Put a finished folder in its place in one step; what stood there is removed afterwards.

    Parameters
    ----------
    made : Path
        The finished report.
    place : Path
        Where readers look; on the same file system.

    Raises
    ------
    OutputError
        If something that is not a report stands there.

    Examples
    --------
    >>> base = Path(tempfile.mkdtemp())
    >>> for name in ("old", "new"):
    ...     (base / name).mkdir(); _ = (base / name / "run.json").write_text(name)
    >>> switch(base / "new", base / "old")
    >>> (base / "old" / "run.json").read_text(), (base / "new").exists()
    ('new', False)
    """
    _check_place(place)
    if not place.exists():
        made.rename(place)
        return
    if not _exchange(made, place):
        # Two steps where the system has no exchange; a run killed between them is mended by the next.
        aside = place.with_name(f".{place.name}-before")
        shutil.rmtree(aside, ignore_errors=True)
        place.rename(aside)
        made.rename(place)
        made = aside
    shutil.rmtree(made, ignore_errors=True)


def output_error(error: BaseException, out: Path) -> OutputError | None:
    """Turn a lack of room or of the right to write into a sentence with its cure.

    Parameters
    ----------
    error : BaseException
        As it was raised.
    out : Path
        Folder of all reports.

    Returns
    -------
    OutputError or None
        None where the machine lacks neither, so the fault is another's.

    Examples
    --------
    >>> print(output_error(OSError(errno.ENOSPC, "No space left on device"), Path("/")))
    /: no space left on the disk; free some, or choose another folder with --out (the last report is untouched).
    >>> print(output_error(PermissionError(errno.EACCES, "Permission denied", "/x"), Path("/x")))
    /x: cannot be written (Permission denied); choose another folder with --out, or ask for the right.
    """
    if isinstance(error, OutputError):
        return error
    if is_no_room(error):
        cure = "free some, or choose another folder with --out (the last report is untouched)."
        return OutputError(f"{_full_disk(out)}: no space left on the disk; {cure}")
    if not isinstance(error, OSError):
        return None
    place = str(error.filename or out)
    is_ours = place.startswith(str(out))
    if error.errno in _NO_RIGHT or (is_ours and error.errno in _IN_THE_WAY):
        cure = "choose another folder with --out, or ask for the right" if is_ours else "ask for the right"
        return OutputError(f"{place}: cannot be written ({error.strerror or error}); {cure}.")
    return None


def is_no_room(error: BaseException) -> bool:
    """Whether a disk was full, as the system, DuckDB, a kernel or the workbook's writer say it.

    Examples
    --------
    >>> is_no_room(RuntimeError("Could not write file: No space left on device"))
    True
    """
    number = getattr(error, "errno", None)
    said = f"{error} {getattr(error, 'evalue', '')}"
    return number in _NO_ROOM or any(words in said for words in _NO_ROOM.values())


def _full_disk(out: Path) -> Path:
    """Tell which disk is full of those that a run writes to."""
    places = [place for place in (out, cache_folder(), Path(tempfile.gettempdir())) if place.is_dir()]
    full = [place for place in places if shutil.disk_usage(place).free < _FULL]
    return (full or [out])[0]


def _check_place(place: Path) -> None:
    """Stop before a run, and not after it, where something else than a report would be replaced."""
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise OutputError(f"{place} is not a folder, so no report can stand there. Move it away.")
    if place.is_dir() and any(place.iterdir()) and not any((place / name).is_file() for name in _OURS):
        raise OutputError(
            f"{place} holds files that are no report, and a report would replace them. "
            "Move them away, or choose another folder with --out."
        )


def _take(lock: BinaryIO, out: Path, client: str) -> None:
    """Take the client's place for as long as *lock* is open; the system gives it back even after a kill."""
    if os.name != "posix":
        return
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().decode().strip()
        raise OutputError(
            f"another run of {client} is under way in {out}"
            + (f" (process {owner})" if owner else "")
            + ". Wait for it, or write elsewhere with --out."
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(str(os.getpid()).encode())


def _clear(out: Path, client: str) -> None:
    """Remove what a killed run left, and put back a report that it had moved aside."""
    aside = out / f".{client}-before"
    if aside.is_dir() and not (out / client).exists():
        aside.rename(out / client)
    for left in [aside, *out.glob(f".{client}-making-*")]:
        shutil.rmtree(left, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically, where the system can."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return library.renamex_np(bytes(one), bytes(other), _EXCHANGE) == 0
        return library.renameat2(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _EXCHANGE) == 0
    except (AttributeError, OSError, TypeError):
        return False
