"""The look that all figures share: fonts, colours, title as a question, and words for a screen reader."""

from __future__ import annotations

import functools
import io
import re
import textwrap
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text

from cam.estimate import CannotSay
from cam.language import together
from cam.show.light import WEIGHTS, light

FONT = "Noto Sans SC"
INK, SOFT, RULE, GREY = "#222222", "#555555", "#DDDDDD", "#B8B8B8"
#: Okabe and Ito's palette, safe for colour-blind readers; the first is the accent.
ACCENT = "#0072B2"
PALETTE = (ACCENT, "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")

_DARK_ENOUGH = 1.05 / 4.7 - 0.05  # light of a text on white, with a little to spare

_STYLE = {
    "axes.edgecolor": RULE,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 10,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.family": "sans-serif",
    "font.sans-serif": [FONT, "DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # two dollar signs are amounts, not a formula
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "cam",
    "figure.dpi": 100,
}


def figure(draw: Callable[..., Axes]) -> Callable[..., Any]:
    """Make a drawing function usable on its own: it finds its axes, and passes on what cannot be said.

    Parameters
    ----------
    draw : callable
        ``(table, *, ax) -> Axes``.

    Returns
    -------
    callable
        ``(table, *, ax=None) -> Axes``, or the :class:`cam.estimate.CannotSay`, or nothing, that it was given.

    Examples
    --------
    >>> figure(lambda table, *, ax: ax)(CannotSay("No orders.")).reason
    'No orders.'
    """

    @functools.wraps(draw)
    def drawn(table: Any, *, ax: Axes | None = None, **options: Any) -> Axes | CannotSay | None:
        if table is None or isinstance(table, CannotSay):
            return table
        with mpl.rc_context(_style()):
            axes = draw(table, ax=ax or new_axes(), **options)
        for text in (axes.get_figure(root=True) or axes).findobj(Text):
            text.set_color(_legible(text))
        return axes

    return drawn


def _legible(text: Text) -> Any:
    """The colour in which a text can be read (4.5 to 1; W3C, WCAG 2.2, 1.4.3).

    In a shaded cell that is white or black, whichever stands out more; elsewhere its own, darker where it is pale.
    """
    color = text.get_color()
    for image in text.axes.images if text.axes and text.get_transform() == text.axes.transData else ():
        cells = image.get_array()
        column, row = (round(float(at)) for at in text.get_position())
        if cells is not None and 0 <= row < cells.shape[0] and 0 <= column < cells.shape[1]:
            *shade, alpha = image.to_rgba(cells)[row, column]
            # Of the two, one always stands out enough; at this light both do alike.
            return (
                color
                if not alpha
                else "white"
                if sum(light(shade)) < (1.05 * 0.05) ** 0.5 - 0.05
                else "black"
            )
    parts = light(to_rgb(color))
    whole = sum(parts)
    if not _DARK_ENOUGH < whole < 0.9:  # what is white is written on something dark
        return color
    shares = [part / weight * _DARK_ENOUGH / whole for part, weight in zip(parts, WEIGHTS, strict=True)]
    return to_hex(
        [12.92 * share if share <= 0.0031308 else 1.055 * share ** (1 / 2.4) - 0.055 for share in shares]
    )


def new_axes(*, width: float = 7.2, height: float = 4.0) -> Axes:
    """Return empty axes in the house style, in inches.

    Parameters
    ----------
    width, height : float
        Of the figure.

    Returns
    -------
    Axes

    Examples
    --------
    >>> new_axes().figure.get_size_inches().tolist()
    [7.2, 4.0]
    """
    with mpl.rc_context(_style()):
        return Figure(figsize=(width, height), layout="constrained").subplots()


def describe(ax: Axes, *, title: str, subtitle: str, alt: str) -> Axes:
    """Give a figure its question, what is drawn (with n and period), and its words for a screen reader.

    Parameters
    ----------
    ax : Axes
        Of the figure.
    title : str
        The question that it answers.
    subtitle : str
        What is drawn, n and period.
    alt : str
        What it shows, with its numbers; the title is said before it.

    Returns
    -------
    Axes
        The same.

    Examples
    --------
    >>> describe(new_axes(), title="Do they return?", subtitle="n = 3", alt="Two of three.").figure.get_gid()
    'Do they return? Two of three.'
    """
    figure = ax.get_figure(root=True)
    lines = _wrapped(subtitle)
    if figure is None or len(figure.axes) > 1:
        ax.set_title("\n".join([title, *lines]), loc="left", fontsize=11)
        return ax
    # Title and subtitle stand flush with the figure's left edge; the layout leaves them room.
    inches = figure.get_figheight()
    used = (22 + 15 * len(lines)) / 72 / inches
    figure.set_layout_engine("constrained", rect=(0, 0, 1, 1 - used))
    figure.text(0.005, 1, title, fontsize=13, color=INK, va="top").set_in_layout(False)
    words = figure.text(0.005, 1 - 20 / 72 / inches, "\n".join(lines), fontsize=10, color=SOFT, va="top")
    words.set_in_layout(False)
    figure.set_gid(together(title, alt))
    return ax


def _wrapped(text: str, *, width: int = 92) -> list[str]:
    """Break a text at its punctuation where it is too long for a figure; a Han character is two letters wide."""
    lines, line = [], ""
    for part in re.split(r"(?<=[;,] )|(?<=[；，])", text):
        joined = line + part
        if line and sum(2 if ord(sign) > 0x2E7F else 1 for sign in joined.rstrip()) > width:
            lines.append(line.rstrip())
            joined = part
        line = joined
    return [*lines, line.rstrip()]


def broken_name(text: str, width: int) -> str:
    """Break a name into lines for an axis.

    Parameters
    ----------
    text : str
        A name.
    width : int
        Letters to a line; a Han character is two letters wide.

    Returns
    -------
    str
        With line breaks; an empty name stays empty.

    Examples
    --------
    >>> broken_name("acquisition channel", 12).splitlines()
    ['acquisition', 'channel']
    """
    if any(ord(sign) > 0x2E7F for sign in text):
        width //= 2
    return "\n".join(textwrap.wrap(text, width)) or text


def value_grid(ax: Axes, axis: str) -> None:
    """Draw light lines behind the marks, across one axis only.

    Parameters
    ----------
    ax : Axes
        Of the figure.
    axis : str
        ``x`` or ``y``.

    Examples
    --------
    >>> value_grid(new_axes(), "x")
    """
    ax.grid(axis=axis, color=RULE, linewidth=0.8)  # type: ignore[arg-type]
    ax.set_axisbelow(True)


def spread_labels(heights: dict[str, float], gap: float, top: float) -> dict[str, float]:
    """Move labels apart where they would lie on each other.

    Parameters
    ----------
    heights : dict of str to float
        Where each label belongs.
    gap : float
        Least distance between two.
    top : float
        None stands above it.

    Returns
    -------
    dict of str to float

    Examples
    --------
    >>> spread_labels({"a": 1.0, "b": 1.5}, 1.0, 9.0)
    {'a': 1.0, 'b': 2.0}
    """
    names = sorted(heights, key=lambda name: heights[name])
    found = dict(heights)
    for before, name in pairwise(names):
        found[name] = max(found[name], found[before] + gap)
    # Down again from the top, where the last ones were pushed out.
    ceiling = top
    for name in reversed(names):
        found[name] = min(found[name], ceiling)
        ceiling = found[name] - gap
    return found


def svg(figure: Figure) -> str:
    """Return a figure as SVG, the same bytes every time, with text as text.

    Parameters
    ----------
    figure : Figure
        Any figure.

    Returns
    -------
    str

    Examples
    --------
    >>> svg(new_axes().figure).startswith("<svg")
    True
    """
    # The words for a screen reader travel as metadata, not as an id inside the drawing.
    words = figure.get_gid()
    figure.set_gid(None)
    text = io.StringIO()
    with mpl.rc_context(_style()):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    figure.set_gid(words)
    return re.sub(r"^.*?(?=<svg)", "", text.getvalue(), flags=re.DOTALL)


@functools.cache
def _style() -> dict[str, Any]:
    spec = find_spec("pylopdf_fonts_zh_cn")
    if spec and spec.submodule_search_locations:
        font = Path(next(iter(spec.submodule_search_locations))) / "NotoSansSC-Regular.otf"
        font_manager.fontManager.addfont(font)
    return _STYLE
