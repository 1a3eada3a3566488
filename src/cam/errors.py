"""Errors that teach the cure. Each class carries the exit code that the command line ends with."""

from __future__ import annotations

import re

#: A name or a value of this length is shown by its beginning.
_LONGEST = 400
_LONG = re.compile(rf"(\S{{{_LONGEST}}})\S{{20,}}")


def plain(text: str) -> str:
    r"""Return *text* as a terminal may show it: no commands to the terminal, no turns of direction, no endless words.

    Parameters
    ----------
    text : str
        That may hold names and values of a client's data.

    Returns
    -------
    str

    Examples
    --------
    >>> print(plain("column 'a\x1b[2J' of 李雷.csv"))
    column 'a\x1b[2J' of 李雷.csv
    """
    shown = (
        "".join(sign if _is_plain(sign) else _named(sign) for sign in text)
        if not text.isprintable()
        else text
    )
    return _LONG.sub(r"\1…", shown)


def _is_plain(sign: str) -> bool:
    # Joiners within emoji and words of many languages are no harm; a blank that is no space is one all the same.
    return sign.isprintable() or sign in "\n\t\u200c\u200d\u3000\xa0\u202f\u2009"


def _named(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


class CamError(Exception):
    """A fault that a reader can mend; its text says where, what, and how to cure it."""

    exit_code = 4

    def __str__(self) -> str:
        """Say it as a terminal may show it."""
        return plain(super().__str__())


class ParamsError(CamError):
    """A parameter file, or a call, that cannot be used."""

    exit_code = 2


class OutputError(CamError):
    """A report that cannot be written: no room, no right, or another run at work."""

    exit_code = 2


class DataError(CamError):
    """Client data that cannot be read or must not be trusted."""

    exit_code = 3


class EmptyTableError(DataError):
    """A file with a header and no rows."""


class EngineError(DataError):
    """An engine that cannot be reached, or that was lost while a study ran."""


class NotReachedError(EngineError):
    """An engine that gives no connection; another moment, or fewer at a time, may get one."""


class StudyError(CamError):
    """A study that failed while it ran."""

    exit_code = 4


class StudyTimeout(StudyError):
    """A study that ran out of time."""

    exit_code = 5
