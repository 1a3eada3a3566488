"""What surrounds the text of a page; apart from the renderer, because it costs nothing to import."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows around its study.

    Parameters
    ----------
    client
        The client's name, as it is to be read.
    language
        ``en`` or ``zh``.
    period
        The period that the data cover, ready to print: ``1 Jul 2023 to 30 Jun 2026``.
    as_of
        The last day seen, as an ISO date.
    navigation
        Address and label of every page of the report, in order, this one among them.
    href
        The file name of this page.
    provenance
        Label and value of each line that says where the numbers come from.
    brand
        ``color`` and ``accent`` as ``#rrggbb``, ``name`` and ``footer``, lines of text, and ``logo``, a picture as a
        ``data:`` address; each may be missing.
    glosses
        Words that the page explains where they come first, each with its meaning.
    """

    client: str
    language: str
    period: str
    as_of: str
    navigation: tuple[tuple[str, str], ...]
    href: str
    provenance: tuple[tuple[str, str], ...] = ()
    brand: dict[str, str] = field(default_factory=dict)
    glosses: tuple[tuple[str, str], ...] = ()

    @property
    def label(self) -> str:
        """The label of this page in the navigation; the client's name where it is not listed."""
        return next((label for href, label in self.navigation if href == self.href), self.client)


@dataclass(frozen=True, slots=True)
class Card:
    """One key figure on the overview.

    Parameters
    ----------
    name
        What is measured.
    value
        The number with its unit, ready to print.
    interval
        The interval in words or digits, ready to print; empty for a count of everybody.
    href
        The page, and the section, that explain it.
    note
        The change since an earlier report.
    detail
        What it speaks of: the period, and n.
    direction
        How it stands to the period before, in words; empty where that is not known.
    sign
        The arrow that goes with these words.
    is_clear
        Whether it moved by more than chance.
    trend
        Its history as an SVG; may be empty.
    ends
        First and last value of the history, each with its period.
    """

    name: str
    value: str
    interval: str = ""
    href: str = ""
    note: str = ""
    detail: str = ""
    direction: str = ""
    sign: str = ""
    is_clear: bool = False
    trend: str = ""
    ends: tuple[tuple[str, str], ...] = ()
