"""Study 01, psychographics: the attitude items, which of them can be used, and their correlations.

A client without attitude items is told so once, by :func:`items`; every step after it is then silent (None).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np
import pandas as pd

from cam.estimate import CannotSay
from cam.language import listed, sentence, together
from cam.language import translate as _
from cam.measures.segmentation.items import ItemsFit, copies, measure_items, singular_items
from cam.reduce.attitudes import ANSWER_UNIT, item_sums, review_items
from cam.show.tables import Col, ShownTable, show_table
from cam.studies.study import Study, needs

P = ParamSpec("P")
R = TypeVar("R")

#: How the columns are called where the parameter file names none.
PREFIX = "attitude_"
#: Fewer items, or fewer customers in all or for each item, hold no factors worth the name (Gorsuch 1983, p. 332).
LEAST_ITEMS, LEAST_CUSTOMERS, LEAST_PER_ITEM = 3, 100, 5


def once(
    step: Callable[Concatenate[Study, P], R],
) -> Callable[Concatenate[Study, P], R | None]:
    """Make a step answer with nothing where what it is given cannot be said: it was, where it arose."""

    @functools.wraps(step)
    def quiet(study: Study, *args: P.args, **kwargs: P.kwargs) -> R | None:
        if any(value is None or isinstance(value, CannotSay) for value in (*args, *kwargs.values())):
            return None
        return step(study, *args, **kwargs)

    return quiet


@needs("customers")
def _named(study: Study) -> list[str] | CannotSay:
    asked = study.params.segmentation.attitudes
    names = asked or [name for name in study.tables["customers"].columns if name.startswith(PREFIX)]
    if not names:
        return CannotSay(
            _("No column of the table customers holds answers on attitudes."),
            _(
                "Name such columns attitude_..., or list them under segmentation.attitudes; three or more, as numbers "
                "such as 1 to 7."
            ),
        )
    return study.lacks_column("customers", *names) or names


def items(study: Study) -> pd.DataFrame | CannotSay:
    """Look at each attitude item: how many answered it, its scale, and whether it can be used.

    Returns
    -------
    DataFrame
        *item*, *n*, *n_missing*, *n_unreadable*, *low*, *high*, *state* (``used``, ``empty``, ``text`` or
        ``constant``), in the order of the parameter file or table.
    """
    names = _named(study)
    if isinstance(names, CannotSay):
        return names
    found = (
        review_items(study.tables["customers"], names).execute().set_index("item").loc[names].reset_index()
    )
    state = np.select(
        [
            (found["n"] == 0) & (found["n_unreadable"] == 0),
            found["n_unreadable"] >= found["n"],
            found["low"] == found["high"],
        ],
        ["empty", "text", "constant"],
        "used",
    )
    found = found.assign(state=state)
    n_used = int((found["state"] == "used").sum())
    if n_used < LEAST_ITEMS:
        return CannotSay(
            together(
                sentence(
                    "{n} attitude items can be used; factors need {least}.", n=n_used, least=LEAST_ITEMS
                ),
                *_left_out(found),
            ),
            _("Give more items under segmentation.attitudes, their answers as numbers such as 1 to 7."),
        )
    return found


@needs()
def show_items(study: Study, review: pd.DataFrame) -> ShownTable | CannotSay:
    """Show the items, what was left out of them, and whether their scales differ."""
    used = review[review["state"] == "used"]
    notes = _left_out(review)
    for row in used[used["n_unreadable"] > 0].itertuples():
        notes.append(
            sentence(
                "{item}: {n} answers are no numbers, and count as missing.",
                item=words(row.item),
                n=int(row.n_unreadable),
            )
        )
    if not same_scale(review):
        notes.append(
            _(
                "The items have different ranges. Correlations make them comparable; but if an end such as 99 stands "
                "for no answer, empty it in the source."
            )
        )
    # Ends of whole numbers are shown as such.
    unit = "count" if (used[["low", "high"]] % 1 == 0).all(axis=None) else "ratio"
    columns = [
        Col("item", "Item"),
        Col("n", "Answers", "count"),
        Col("n_missing", "No answer", "count"),
        Col("low", "Lowest", unit),
        Col("high", "Highest", unit),
    ]
    shown = used.assign(item=[words(item) for item in used["item"]])
    return show_table(shown, columns, caption="The attitude items", notes=notes, max_rows=40)


@once
def measure(study: Study, review: pd.DataFrame) -> ItemsFit | CannotSay:
    """Sum the items and their products over customers who answered all, inside the engine, and correlate them."""
    used = review.loc[review["state"] == "used", "item"].tolist()
    sums = item_sums(study.tables["customers"], used).execute().iloc[0].to_dict()
    n, least = int(sums["n"]), max(LEAST_CUSTOMERS, LEAST_PER_ITEM * len(used))
    if n < least:
        return CannotSay(
            sentence(
                "{n} customers answered all {items} attitude items; factors need {least}.",
                n=n,
                items=len(used),
                least=least,
            ),
            _("Ask more customers, or leave out the items that few answered, under segmentation.attitudes."),
        )
    still = [
        item
        for place, item in enumerate(used)
        if n * int(sums[f"product_{place}_{place}"]) == int(sums[f"sum_{place}"]) ** 2
    ]
    if still:
        return CannotSay(
            sentence(
                "Everybody who answered all items gave the same answer to {items}.",
                items=listed(words(item) for item in still),
            ),
            _("Leave it out under segmentation.attitudes."),
        )
    measured = measure_items(sums, used, unit=ANSWER_UNIT)
    twice = copies(measured)
    measured = measured.only([item for item in used if item not in twice])
    if len(measured.items) < LEAST_ITEMS:
        return CannotSay(
            sentence(
                "{n} attitude items differ from each other; factors need {least}.",
                n=len(measured.items),
                least=LEAST_ITEMS,
            ),
            _("Give more items under segmentation.attitudes."),
        )
    bound = singular_items(measured)
    if bound:
        return CannotSay(
            sentence(
                "One of the attitude items is a sum of others: {items}.",
                items=listed(words(item) for item in bound),
            ),
            _("Leave it out under segmentation.attitudes."),
        )
    return measured


def words(item: str) -> str:
    """Return an item as a reader sees it: the client's name for it, in words."""
    return item.removeprefix(PREFIX).replace("_", " ").strip() or item


def same_scale(review: pd.DataFrame) -> bool:
    """Whether all items in use have one range."""
    used = review[review["state"] == "used"]
    return bool(used["low"].nunique() == 1 and used["high"].nunique() == 1)


def _left_out(review: pd.DataFrame) -> list[str]:
    """Name the items that cannot be used, and why."""
    reasons = {
        "empty": "Left out, as nobody answered: {items}.",
        "text": "Left out, as most answers are no numbers: {items}. Give them as numbers, such as 1 to 7.",
        "constant": "Left out, as everybody gave the same answer: {items}.",
    }
    return [
        sentence(reason, items=listed(words(item) for item in out))
        for state, reason in reasons.items()
        if len(out := review.loc[review["state"] == state, "item"].tolist())
    ]
