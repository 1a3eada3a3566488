"""A list of customers to act on, in the few lines that the overview has for it: groups and sums, never a customer."""

from __future__ import annotations

from dataclasses import dataclass

from cam.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Line:
    """One thing to do.

    Attributes
    ----------
    what : str
        Ready to print.
    whom : str
        For whom, ready to print; empty where it is for the whole list.
    n : int or None
        How many customers these are.
    stake : Estimate or None
        What is at stake with them.
    note : str
        What must be known of them beside that, ready to print; takes the place of *stake* in front of a reader.
    """

    what: str
    whom: str = ""
    n: int | None = None
    stake: Estimate | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ActionList:
    """What the overview says of a sheet that names customers or groups to act on.

    Attributes
    ----------
    about : str
        What the list is, ready to print.
    n : int
        Customers on it.
    stake : Estimate or None
        What is at stake with all of them, or what the list is expected to gain; None where that is not known, or
        where nobody decides about all of them at once.
    stake_text : str
        What that sum is, ready to print; may be empty.
    lines : tuple of Line
        What to do first, at most five.
    caption : str
        Of the table on the study's page that shows it, ready to print.
    """

    about: str
    n: int
    stake: Estimate | None
    stake_text: str
    lines: tuple[Line, ...]
    caption: str
