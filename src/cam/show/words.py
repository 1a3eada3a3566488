"""Where a customer stands and how he moved, in words: what figures, tables and the workbook say alike."""

from __future__ import annotations

from cam.language import named
from cam.language import translate as _


def state_text(state: str) -> str:
    """Write where a customer stands in a window for a reader.

    Parameters
    ----------
    state : str
        A segment, ``lapsed`` or ``not_yet``.

    Returns
    -------
    str

    Examples
    --------
    >>> state_text("new"), state_text("loyal")
    ('New or seldom', 'Loyal')
    """
    # Scored on a window alone, a customer of long standing who bought once lately looks like a new one.
    words = {"new": _("New or seldom"), "lapsed": _("Lapsed"), "not_yet": _("Not yet customers")}
    return words.get(state) or named(state)


def move_text(move: str) -> str:
    """Write a move for a reader.

    Parameters
    ----------
    move : str
        Of :data:`cam.measures.segmentation.migration.MOVES`.

    Returns
    -------
    str

    Examples
    --------
    >>> move_text("new")
    'Newly won'
    """
    words = {
        "up": _("Moved up"),
        "stayed": _("Stayed at their level"),
        "down": _("Moved down"),
        "lapsed": _("Lapsed"),
        "came_back": _("Came back"),
        "new": _("Newly won"),
        "away": _("Without a purchase in either"),
    }
    return words[move]


def stage_text(stage: str) -> str:
    """Write a stage for a reader.

    Parameters
    ----------
    stage : str
        Of :data:`cam.measures.lifecycle.stages.STAGES`.

    Returns
    -------
    str

    Examples
    --------
    >>> stage_text("lost")
    'Lost'
    """
    words = {
        "first_time": _("First-time"),
        "repeat": _("Repeat"),
        "reactivated": _("Reactivated"),
        "dormant": _("Dormant"),
        "lost": _("Lost"),
    }
    return words.get(stage) or named(stage)
