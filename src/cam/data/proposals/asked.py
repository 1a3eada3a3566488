"""What a parameter file says of a table because its file shows it, and what it asks a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cam.data.notes import Note

Columns = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Settled:
    """An option that the parameter file says, because the file shows it.

    Attributes
    ----------
    key : str
        Of ``options``.
    value : object
        What it is.
    why : Note
        The evidence.
    columns : tuple of str
        The source's columns that it reads.
    """

    key: str
    value: Any
    why: Note
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Doubt:
    """A question; where a key of ``options`` would answer it, with the value that is likely.

    Attributes
    ----------
    key : str or None
        Of ``options``; None where no key answers it.
    value : object
        What it may be.
    why : Note
        The question.
    columns : tuple of str
        The source's columns that it is about.
    """

    key: str | None
    value: Any
    why: Note
    columns: tuple[str, ...] = ()
