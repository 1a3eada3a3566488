"""What a reader should know of how a table was read: said in English, and kept in parts for other languages."""

from __future__ import annotations


class Note(str):
    """A sentence with values in it, without its full stop.

    Parameters
    ----------
    words : str
        English, with a place for each value.
    **values : int or str
        What is filled in.

    Examples
    --------
    >>> note = Note("unfinished answers: {n}", n=1200)
    >>> str(note), note.words, note.values
    ('unfinished answers: 1,200', 'unfinished answers: {n}', {'n': 1200})
    """

    words: str
    values: dict[str, int | str]

    def __new__(cls, words: str, /, **values: int | str) -> Note:
        """Fill the values in; a number has its thousands grouped."""
        shown = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        self = super().__new__(cls, words.format(**shown))
        self.words, self.values = words, values
        return self


def parts(note: str) -> tuple[str, dict[str, int | str]]:
    """The words of a note and its values; a plain text is a value that stands alone.

    Parameters
    ----------
    note : str
        Any note.

    Returns
    -------
    tuple of str and dict

    Examples
    --------
    >>> parts("orders.csv is GB18030")
    ('{said}', {'said': 'orders.csv is GB18030'})
    """
    return (note.words, note.values) if isinstance(note, Note) else ("{said}", {"said": note})
