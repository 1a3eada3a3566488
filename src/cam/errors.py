"""Errors that teach the cure. Each class carries the exit code that the command line ends with."""

from __future__ import annotations


class CamError(Exception):
    """A fault that a reader can mend; its text says where, what, and how to cure it."""

    exit_code = 4


class ParamsError(CamError):
    """A parameter file, or a call, that cannot be used."""

    exit_code = 2


class OutputError(CamError):
    """A report that cannot be written: no room, no right, or another run at work."""

    exit_code = 2


class DataError(CamError):
    """Client data that cannot be read or must not be trusted."""

    exit_code = 3


class StudyError(CamError):
    """A study that failed while it ran."""

    exit_code = 4


class StudyTimeout(StudyError):
    """A study that ran out of time."""

    exit_code = 5
