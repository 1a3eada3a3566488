"""How a notebook shows a figure, an estimate and what cannot be said, on screen and in the report alike."""

from __future__ import annotations

from html import escape
from typing import Any

from matplotlib.axes import Axes

from cam.estimate import CannotSay
from cam.language import active, together
from cam.language import translate as _
from cam.show.canvas import svg

Bundle = tuple[dict[str, str], dict[str, Any]]


def install_formatters(shell: Any) -> None:
    """Teach an IPython shell to show Axes as one SVG with its words, and CannotSay as a note.

    Parameters
    ----------
    shell : InteractiveShell or None
        None does nothing.

    Examples
    --------
    >>> install_formatters(None)
    """
    if shell is None:
        return
    formatter = shell.display_formatter.mimebundle_formatter
    formatter.for_type(Axes, _axes_bundle)
    formatter.for_type(CannotSay, _Said())


def cannot_say_html(said: CannotSay) -> str:
    """Return the note that stands in place of a result.

    Parameters
    ----------
    said : CannotSay
        The reason, and the cure if there is one.

    Returns
    -------
    str
        HTML, escaped.

    Examples
    --------
    >>> cannot_say_html(CannotSay("No orders."))
    '<p class="note cannot-say"><strong>Not shown.</strong> No orders.</p>'
    """
    words = together(said.reason, said.cure)
    space = "" if active() == "zh" else " "
    return f'<p class="note cannot-say"><strong>{escape(_("Not shown."))}</strong>{space}{escape(words)}</p>'


def _axes_bundle(ax: Axes, include: Any = None, exclude: Any = None) -> Bundle:
    figure = ax.get_figure(root=True)
    if figure is None:
        return {}, {}
    words = figure.get_gid() or ""
    return {"image/svg+xml": svg(figure), "text/plain": words}, {"image/svg+xml": {"alt": words}}


class _Said:
    """Shows a reason in full once per notebook, and then refers to it."""

    def __init__(self) -> None:
        self._reasons: set[CannotSay] = set()

    def __call__(self, said: CannotSay, include: Any = None, exclude: Any = None) -> Bundle:
        shown = cannot_say_html(said)
        if said in self._reasons:
            shown = cannot_say_html(CannotSay(_("The reason stands above."))).replace(
                "cannot-say", "cannot-say again", 1
            )
        self._reasons.add(said)
        return {"text/html": shown, "text/plain": f"{said.reason} {said.cure}".strip()}, {}
