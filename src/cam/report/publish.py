"""A report appears whole or not at all: made in a folder beside its place, then switched in one step."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cam.errors import OutputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT}
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
        If another run is at work, or nothing can be written there.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = (out / f".{client}.lock").open("a+")
    except OSError as error:
        raise output_error(error, out) from None
    with lock:
        _take(lock, out, client)
        staging: Path | None = None
        try:
            _clear(out, client)
            staging = Path(tempfile.mkdtemp(prefix=f".{client}-making-", dir=out))
            staging.chmod(0o755)
            yield staging
        except OSError as error:
            if error.errno in _NO_ROOM or (error.errno in _NO_RIGHT and _concerns(error, out)):
                raise output_error(error, out) from None
            raise
        finally:
            if staging:
                shutil.rmtree(staging, ignore_errors=True)


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
        If something that is not a folder stands there.

    Examples
    --------
    >>> base = Path(tempfile.mkdtemp())
    >>> for name in ("old", "new"):
    ...     (base / name).mkdir(); _ = (base / name / "page").write_text(name)
    >>> switch(base / "new", base / "old")
    >>> (base / "old" / "page").read_text(), (base / "new").exists()
    ('new', False)
    """
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise OutputError(f"{place} is not a folder, so no report can stand there. Move it away.")
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


def output_error(error: OSError, out: Path) -> OutputError:
    """Turn a failure to write into a sentence with its cure.

    Parameters
    ----------
    error : OSError
        As the system gave it.
    out : Path
        Folder of all reports.

    Returns
    -------
    OutputError

    Examples
    --------
    >>> str(output_error(OSError(errno.ENOSPC, "No space left on device"), Path("reports")))
    'reports: no space left on the disk. Free some, or choose another folder with --out. The last report is untouched.'
    """
    if error.errno in _NO_ROOM:
        return OutputError(
            f"{out}: no space left on the disk. Free some, or choose another folder with --out. "
            "The last report is untouched."
        )
    return OutputError(
        f"{out}: cannot be written ({error.strerror or error}). Choose another folder with --out, or ask for the right."
    )


def _concerns(error: OSError, out: Path) -> bool:
    return bool(error.filename) and str(error.filename).startswith(str(out))


def _take(lock: object, out: Path, client: str) -> None:
    if os.name != "posix":
        return
    import fcntl

    stream = lock
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)  # type: ignore[arg-type]
    except BlockingIOError:
        stream.seek(0)  # type: ignore[attr-defined]
        owner = stream.read().strip()  # type: ignore[attr-defined]
        raise OutputError(
            f"another run of {client} is under way in {out}"
            + (f" (process {owner})" if owner else "")
            + ". Wait for it, or write elsewhere with --out."
        ) from None
    stream.seek(0)  # type: ignore[attr-defined]
    stream.truncate()  # type: ignore[attr-defined]
    stream.write(str(os.getpid()))  # type: ignore[attr-defined]
    stream.flush()  # type: ignore[attr-defined]


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
