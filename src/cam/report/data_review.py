"""The data review as a page beside the reports: ``<client>.check.html``, and what joins nothing as a CSV file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cam.data import Prepared
from cam.data.people.joins import write_unmatched
from cam.data.profile import profile
from cam.errors import DataError
from cam.language import listed, sentence, together, translate
from cam.params import Params
from cam.report import pages
from cam.report.page import Page
from cam.report.publish import output_error
from cam.studies.data_review import DataReview, StudySays, review


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check left.

    Attributes
    ----------
    page : Path
        The page.
    unmatched : Path or None
        The ids that do not join, where there are any.
    review : DataReview
        What it says.
    """

    page: Path
    unmatched: Path | None
    review: DataReview


def write_check(params: Params, prepared: Prepared, *, out: Path, others: Sequence[str] = ()) -> Checked:
    """Review a client's data and write its page; the last one stays until the new one is whole.

    Parameters
    ----------
    params : Params
        The client's parameters.
    prepared : Prepared
        The client's checked tables.
    out : Path
        Folder of all reports; made if it is not there.
    others : sequence of str, optional
        What to take care of beside the data, such as the engine that a report would use.

    Returns
    -------
    Checked

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    from cam.report.assemble import frames

    found = review(params, prepared, profile(prepared), others=others)
    try:
        unmatched = _write_unmatched(params, prepared, out)
        page = replace(frames(params, prepared, ())["index"], navigation=())
        values = _values(params, found) | {"unmatched": unmatched.name if unmatched else ""}
        place = _write(params, page, values, out)
    except OSError as error:
        raise output_error(error, out) or error from None
    return Checked(place, unmatched, found)


def write_refusal(params: Params, fault: DataError, *, out: Path) -> Path:
    """Write the page of data that were refused, so that none of a former check stands there as if it held.

    Parameters
    ----------
    params : Params
        The client's parameters.
    fault : DataError
        What is wrong, with its cure.
    out : Path
        Folder of all reports.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    OutputError
        If nothing can be written there.
    """
    from cam import __version__

    page = Page(
        client=params.client.title,
        language=params.client.language,
        period="",
        as_of="",
        navigation=(),
        href="",
        provenance=(("cam", __version__),),
        brand=params.section("client")["brand"],
    )
    try:
        place = _write(params, page, {"faults": str(fault)}, out)
        (out / f"{params.client.id}.unmatched.csv").unlink(missing_ok=True)
    except OSError as error:
        raise output_error(error, out) or error from None
    return place


def state_text(study: StudySays) -> str:
    """Say how much of a study can be said.

    Parameters
    ----------
    study : StudySays
        From the review.

    Returns
    -------
    str
    """
    words = {"ready": "ready", "partly": "{ready} of {all} parts", "not": "not yet"}
    return sentence(words[study.state], ready=study.n_ready, all=study.n_parts)


def _values(params: Params, found: DataReview) -> dict[str, Any]:
    from markupsafe import Markup

    from cam.report.prose import scrollable
    from cam.show.canvas import svg
    from cam.studies import data_review_shown as shown

    def table(made: Any) -> Markup:
        return Markup(scrollable(made.html))

    drawn = found.months.get_figure(root=True) if found.months is not None else None
    return {
        "gap": "" if params.client.language == "zh" else " ",
        "verdict": found.verdict,
        "cautions": found.cautions,
        "summary": together(*found.summary),
        "tables": table(shown.show_tables(found)),
        "all_kept": found.all_kept,
        "account": "" if found.all_kept else table(shown.show_account(params, found)),
        "amounts": table(shown.show_amounts(params, found)) if len(found.amounts) else "",
        "joins": found.joins,
        "left_out": found.left_out,
        "remarks": found.remarks,
        "columns": [
            (
                name,
                sentence("{table}: {n} columns", table=translate(name), n=len(columns)),
                table(shown.show_columns(name, found)),
            )
            for name, columns in found.columns.items()
        ],
        "studies": [
            {
                "label": pages.label(study.study),
                "state": study.state,
                "state_text": state_text(study),
                "ready": listed(study.ready),
                "missing": [
                    {
                        "parts": pages.parts_text(missing.parts, is_partly=missing.is_partly),
                        "words": together(missing.reason, missing.cure),
                    }
                    for missing in study.missing
                ],
            }
            for study in found.studies
        ],
        "months": svg(drawn) if drawn is not None else "",
        "months_alt": (drawn.get_gid() or "") if drawn is not None else "",
    }


def _write(params: Params, page: Page, values: dict[str, Any], out: Path) -> Path:
    from cam.report.render import render_check

    out.mkdir(parents=True, exist_ok=True)
    html = render_check(page, values, translate=translate)
    place = out / f"{params.client.id}.check.html"
    _replace(place, html.encode("utf-8"))
    return place


def _write_unmatched(params: Params, prepared: Prepared, out: Path) -> Path | None:
    out.mkdir(parents=True, exist_ok=True)
    place = out / f"{params.client.id}.unmatched.csv"
    with tempfile.TemporaryDirectory(prefix=f".{place.stem}-", dir=out) as aside:
        made = Path(aside) / place.name
        if not write_unmatched(prepared, made):
            place.unlink(missing_ok=True)
            return None
        made.replace(place)
    return place


def _replace(place: Path, content: bytes) -> None:
    """Put a file in its place in one step, with the rights that the user gives."""
    with tempfile.NamedTemporaryFile(prefix=f".{place.name}-", dir=place.parent, delete=False) as made:
        aside = Path(made.name)
        try:
            made.write(content)
            made.close()
            umask = os.umask(0)
            os.umask(umask)
            aside.chmod(0o666 & ~umask)
            aside.replace(place)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
