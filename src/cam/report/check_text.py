"""The data review for a terminal: aligned by the width that characters take, Chinese ones being two columns wide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from cam.language import active, sentence, together, translate
from cam.params import Params
from cam.report import pages
from cam.report.data_review import state_text
from cam.show.lines import display_width, padded
from cam.studies.data_review import DataReview

#: Columns of the terminal that lines are broken to.
WIDTH = 100


def check_lines(params: Params, found: DataReview) -> list[str]:
    """Write the data review as lines of text, the most important first.

    Parameters
    ----------
    params : Params
        The client's parameters.
    found : DataReview
        From :func:`cam.studies.data_review.review`.

    Returns
    -------
    list of str
    """
    lines = [
        *_broken(found.verdict, first="", rest=""),
        *(line for caution in found.cautions for line in _broken(caution, first="  ! ", rest="    ")),
        *_broken(together(*found.summary), first="", rest=""),
        "",
        *_tables(found),
        *_accounted(params, found),
    ]
    lines += ["", translate("What each study will be able to say")]
    names = [pages.label(study.study) for study in found.studies]
    widest = max(map(display_width, names), default=0)
    for study, name in zip(found.studies, names, strict=True):
        lines.append(f"  {padded(name, widest)}  {state_text(study)}")
        for missing in study.missing:
            parts = pages.parts_text(missing.parts, is_partly=missing.is_partly)
            words = together(parts, together(missing.reason, missing.cure))
            lines += _broken(words, first="    - ", rest="      ")
    remarks = [*found.left_out, *found.remarks]
    if remarks:
        lines += ["", translate("How it was read")]
        lines += [line for remark in remarks for line in _broken(remark, first="  ", rest="    ")]
    return lines


def _tables(found: DataReview) -> list[str]:
    heads = [
        translate(word)
        for word in ("Table", "Rows read", "dropped", "kept", "First day", "Last day", "Customers")
    ]
    rows = [
        [
            translate(str(row["table"])),
            *(f"{int(row[name]):,}" for name in ("read", "dropped", "kept")),
            str(row["first"]),
            str(row["last"]),
            "" if row["customers"] != row["customers"] else f"{int(row['customers']):,}",
        ]
        for row in found.tables.to_dict("records")
    ]
    joined = found.tables["found"].notna()
    if joined.any():
        base = translate(next(name for name in found.tables["base"] if name))
        heads.append(sentence("found in {base}", base=base))
        for cells, share in zip(rows, found.tables["found"], strict=True):
            cells.append("" if share != share else f"{100 * share:.1f} %")
    return _aligned([heads, *rows], left={0})


def _accounted(params: Params, found: DataReview) -> list[str]:
    """Every row and all money that is not kept."""
    if found.all_kept:
        return _broken(found.all_kept, first="", rest="")
    rows = [
        [
            str(row["line"]) if row["read"] != row["read"] else translate(str(row["line"])),
            *(_whole(row[name]) for name in ("read", "dropped", "kept")),
            *(_money(row[f"revenue_{name}"]) for name in ("read", "dropped", "kept")),
        ]
        for row in found.account.to_dict("records")
    ]
    words = ("Table", "Rows read", "dropped", "kept", "Revenue read", "dropped", "kept")
    heads = [translate(word) for word in words]
    if found.account["revenue_read"].isna().all():
        heads, rows = heads[:4], [row[:4] for row in rows]
    else:
        heads[4] += f" {params.client.currency}"
    return ["", translate("Every row is accounted for"), *_aligned([heads, *rows], left={0})]


def _whole(value: float) -> str:
    return "" if value != value else f"{int(value):,}"


def _money(value: float) -> str:
    return "" if value != value else f"{value:,.2f}"


def _aligned(rows: Sequence[Sequence[str]], *, left: set[int]) -> list[str]:
    shown = [[_inert(cell) for cell in row] for row in rows]
    widths = [max(display_width(cell) for cell in column) for column in zip(*shown, strict=True)]
    return [
        "  "
        + "  ".join(
            padded(cell, width, to_right=place not in left)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    ]


def _broken(text: str, *, first: str, rest: str) -> list[str]:
    """Break a text into lines; Chinese may be broken at any character but before a mark."""
    lines, line = [], first
    for piece in _pieces(text):
        if line not in (first, rest) and display_width(line + piece.rstrip()) > WIDTH:
            lines.append(line.rstrip())
            line, piece = rest, piece.lstrip()
        line += piece
    return [_inert(each) for each in (*lines, line.rstrip())]


def _pieces(text: str) -> Iterator[str]:
    if active() != "zh":
        yield from re.findall(r"[^ ]+ *", text)
        return
    # A Han character with the marks that follow it, or a run of others.
    yield from re.findall(
        r"[⺀-\uffef][，。；：、！？）”》]* *|[^ ⺀-\uffef]+[，。；：、！？）”》]* *| +", text
    )


def _inert(text: str) -> str:
    """Without signs that steer a terminal: a customer's name must not move its cursor."""
    return "".join(sign if sign.isprintable() else "�" for sign in text.replace("\u00a0", " "))
