"""``key_figures.csv``: what tests and months are compared by, and what a dashboard reads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path

from cam.estimate import Estimate

COLUMNS = ("client", "as_of", "study", "figure", "segment", "value", "low", "high", "n", "unit")

Row = dict[str, str]


def segment_text(estimate: Estimate) -> str:
    """Return the segment as ``key=value`` pairs joined by ``;``, on one line; a ``;`` of the client's becomes ``；``.

    Parameters
    ----------
    estimate : Estimate
        With or without a segment.

    Returns
    -------
    str

    Examples
    --------
    >>> segment_text(Estimate("retention_rate", 0.5, "share", 9, 0.2, 0.8, {"cohort": "2024-01", "age": "3"}))
    'cohort=2024-01;age=3'
    """
    pairs = (f"{key}={value}" for key, value in estimate.segment.items())
    return ";".join(" ".join(pair.replace(";", "；").split()) for pair in pairs)


def number_text(value: float | None, unit: str) -> str:
    """Write a number as the file holds it: counts whole, money to the cent, the rest with 10 digits.

    Parameters
    ----------
    value : float or None
        None gives an empty cell.
    unit : str
        As in :class:`cam.estimate.Estimate`; three capitals are a currency.

    Returns
    -------
    str

    Examples
    --------
    >>> number_text(2500315.63, "USD"), number_text(1 / 3, "share"), number_text(23570, "count")
    ('2500315.63', '0.3333333333', '23570')
    """
    if value is None:
        return ""
    if unit == "count" and float(value).is_integer():
        return str(int(value))
    if len(unit) == 3 and unit.isupper():
        return f"{round(value, 2) + 0.0:.2f}"
    return f"{value + 0.0:.10g}"  # + 0.0 turns -0.0 into 0.0


def rows(estimates: Iterable[Estimate], *, client: str, as_of: str, study: str) -> list[Row]:
    """Turn *estimates* into the rows of ``key_figures.csv``, sorted.

    Parameters
    ----------
    estimates : iterable of Estimate
        One per figure and segment.
    client, as_of, study : str
        The client's id, the last day seen (ISO), the notebook's name.

    Returns
    -------
    list of dict
        One per estimate, keys as :data:`COLUMNS`, every value text.

    Raises
    ------
    ValueError
        If a figure appears twice for one segment.

    Examples
    --------
    >>> rows([Estimate("n_customers", 5, "count", 5)], client="a", as_of="2026-06-30", study="s")[0]["value"]
    '5'
    """
    made = [
        {
            "client": client,
            "as_of": as_of,
            "study": study,
            "figure": estimate.figure,
            "segment": segment_text(estimate),
            "value": number_text(estimate.value, estimate.unit),
            "low": number_text(estimate.low, estimate.unit),
            "high": number_text(estimate.high, estimate.unit),
            "n": "" if estimate.n is None else str(int(estimate.n)),
            "unit": estimate.unit,
        }
        for estimate in estimates
    ]
    made.sort(key=_order)
    for before, after in pairwise(made):
        if _order(before) == _order(after):
            raise ValueError(f"key figure {after['figure']} [{after['segment']}] is given twice")
    return made


def write(path: Path, figures: Iterable[Row]) -> None:
    """Write rows to a CSV file, sorted, with the same bytes on every platform.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    figures : iterable of dict
        As from :func:`rows`.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> nps = Estimate("nps", 30, "points", 100, 14, 44)
    >>> write(folder / "k.csv", rows([nps], client="a", as_of="2026-06-30", study="s"))
    >>> read(folder / "k.csv")[0]["high"]
    '44'
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(figures, key=_order))
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def read(path: Path) -> list[Row]:
    """Read a ``key_figures.csv`` back into rows of text.

    Parameters
    ----------
    path : Path
        An existing file; a spreadsheet may have put a byte-order mark before it.

    Returns
    -------
    list of dict

    Raises
    ------
    FileNotFoundError
        If it does not exist.

    Examples
    --------
    See :func:`write`.
    """
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def _order(row: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("client", "as_of", "study", "figure", "segment"))
