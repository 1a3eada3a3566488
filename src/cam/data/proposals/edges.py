"""Where the rows of a grid begin and end: the names above them, and what stands below the last."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from cam.data.proposals.facts import DAY
from cam.data.types.expressions import TOTAL

#: Lines in which a header is looked for, and lines at the end that may be no rows.
_ABOVE, _BELOW = 30, 12
#: Signs that no text has, and no parameter file may hold; the draft leaves out \r, which is found without it.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NUMBER = re.compile(r"[-+(]?[^\w\s]{0,2}\s?\d[\d,. ]*%?\)?")
_TOTAL = re.compile(rf"{TOTAL}\s*\d*", re.IGNORECASE)

Grid = list[list[str]]


def _filled(row: Sequence[str]) -> list[str]:
    return [cell for cell in row if cell]


def usual_width(grid: Grid) -> int:
    """How many cells of a row are filled, in most rows."""
    widths = Counter(len(_filled(row)) for row in grid[:500] if len(_filled(row)) > 1)
    return max((width for width, n in widths.items() if 4 * n >= max(widths.values())), default=1)


def _is_value(cell: str) -> bool:
    """Whether a cell is rather a value than a name of a column."""
    return bool(_NUMBER.fullmatch(cell) or DAY.match(cell))


def header_of(grid: Grid) -> int | None:
    """The row that names the columns: the first about as wide as those below it, and of words."""
    usual = usual_width(grid)
    for index, row in enumerate(grid[:_ABOVE]):
        cells = _filled(row)
        if not cells or 2 * len(cells) < usual or (usual > 1 and len(cells) < 2):
            continue
        names = sum(not _is_value(cell) for cell in cells)
        if 5 * names >= 4 * len(cells):
            return None if _is_like_below(grid, index) else index
        return None
    return 0 if usual == 1 and grid else None


def _is_like_below(grid: Grid, index: int) -> bool:
    """Whether the words of a row stand below it again, as those of a file without a header do."""
    below = [row for row in grid[index + 1 : index + 200] if len(row) == len(grid[index])]
    if len(below) < 3:
        return False
    repeated = [
        cell for column, cell in enumerate(grid[index]) if cell and any(row[column] == cell for row in below)
    ]
    return 2 * len(repeated) > len(_filled(grid[index]))


def footer_of(end: Grid, grid: Grid, above: int | None) -> int:
    """Lines below the last row: totals, and what a report says of itself."""
    usual = usual_width(grid[(above or 0) :])
    body = end[(above or 0) + 1 :] if end is grid else end
    below = 0
    for distance, row in enumerate(reversed(body[-_BELOW:]), 1):
        cells = _filled(row)
        is_row = len(cells) > 2 or 2 * len(cells) > usual
        if usual >= 4 and cells and (not is_row or _TOTAL.fullmatch(cells[0])):
            below = distance
        elif is_row:
            break
    return below if below < _BELOW and len(body) > below else 0


def quoted(end: Grid, below: int) -> tuple[str, ...]:
    """What the lines below the last row say, as far as it is needed to know them again."""
    lines = (" ".join(_filled(row)) for row in end[-below:]) if below else ()
    return tuple(line if len(line) <= 40 else line[:39] + "…" for line in lines if line)[:4]


def may_be_rows(end: Grid, below: int) -> bool:
    """Whether a line below the last row may be a row that lacks something, such as its customer."""
    for cells in map(_filled, end[-below:] if below else ()):
        is_told = not cells or _TOTAL.fullmatch(cells[0]) or any(cell.endswith((":", "：")) for cell in cells)
        if len(cells) > 1 and not is_told and any(map(_is_value, cells)):
            return True
    return False


def names_of(grid: Grid, above: int | None) -> tuple[list[str], tuple[str, ...]]:
    """Names for all columns, each once, and those that the file gives twice or no parameter file can hold."""
    if above is None:
        return [f"column{index + 1}" for index in range(max((len(row) for row in grid[:500]), default=1))], ()
    raw = [name.strip().strip("\ufeff\u200b").strip() for name in grid[above]]
    given = [" ".join(CONTROL.sub(" ", name).split()) if CONTROL.search(name) else name for name in raw]
    counts = Counter(name.lower() for name in given if name)
    taken: Counter[str] = Counter()
    names = []
    for index, name in enumerate(given):
        made, number = name or f"column{index + 1}", 1
        while taken[made.lower()]:
            number += 1
            made = f"{name or 'column'} ({number})"
        taken[made.lower()] += 1
        names.append(made)
    anew = (name for name, was in zip(given, raw, strict=True) if counts[name.lower()] > 1 or name != was)
    return names, tuple(dict.fromkeys(anew))
