"""Where the project is, and a digest of its code: found through the installed package, never the current folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from cam.errors import CamError

_SEAL = "seal"

#: What a number may depend on besides our own code.
NUMERIC_PACKAGES = ("numpy", "pandas", "scipy", "statsmodels", "scikit-learn", "duckdb", "ibis-framework")


@cache
def project_root() -> Path:
    """Return the folder that holds ``notebooks/`` and ``params/``.

    Returns
    -------
    Path

    Raises
    ------
    CamError
        If the package was installed away from its project.

    Examples
    --------
    >>> (project_root() / "notebooks").is_dir()
    True
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "notebooks").is_dir():
        raise CamError(
            "cam is installed away from its project. Install it from a clone: pip install -e . (or `make setup`)."
        )
    return root


def cache_folder() -> Path:
    """Return the folder for what can be made again: prepared tables and simulated clients.

    Examples
    --------
    >>> cache_folder().name
    '.cache'
    """
    return project_root() / ".cache"


def digest(*parts: bytes | str | Path) -> str:
    """Return a SHA-256 over texts, bytes and the contents of files.

    Parameters
    ----------
    *parts : bytes, str or Path
        A path stands for the bytes of its file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> digest("a", "b") == digest("ab")
    False
    """
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as stream:
                inner = hashlib.file_digest(stream, "sha256").digest()
        else:
            inner = hashlib.sha256(part.encode() if isinstance(part, str) else part).digest()
        total.update(inner)
    return total.hexdigest()


def seal(folder: Path) -> None:
    """Mark a finished folder of the cache with a digest of all that it holds.

    Parameters
    ----------
    folder : Path
        Complete; nothing in it may change afterwards.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a").write_text("1")
    >>> seal(folder); is_sealed(folder)
    True
    >>> _ = (folder / "a").write_text("2")
    >>> is_sealed(folder)
    False
    """
    (folder / _SEAL).write_text(_sealed_digest(folder), encoding="utf-8")


def is_sealed(folder: Path) -> bool:
    """Return whether a folder of the cache is there, whole and as it was when it was sealed.

    Parameters
    ----------
    folder : Path
        It need not exist.

    Returns
    -------
    bool

    Examples
    --------
    See :func:`seal`.
    """
    try:
        return (folder / _SEAL).read_text(encoding="utf-8") == _sealed_digest(folder)
    except (OSError, UnicodeDecodeError):
        return False


def _sealed_digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _SEAL)
    return digest(*(part for path in files for part in (path.relative_to(folder).as_posix(), path)))


def code_digest(folders: Iterable[str]) -> str:
    """Return a digest of modules of this package and of the libraries that its numbers rest on.

    Parameters
    ----------
    folders : iterable of str
        Names below ``cam``: a folder (``"data"``) or a module (``"schema.py"``).

    Returns
    -------
    str

    Examples
    --------
    >>> code_digest(["schema.py"]) == code_digest(["estimate.py"])
    False
    """
    package = Path(__file__).parent
    parts: list[str | Path] = [f"{name} {version(name)}" for name in NUMERIC_PACKAGES]
    for folder in folders:
        place = package / folder
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        for file in files:
            if file.is_file() and file.suffix in {".py", ".po", ".yaml"}:
                parts += [file.relative_to(package).as_posix(), file]
    return digest(*parts)
