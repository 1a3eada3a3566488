"""Catalogues in gettext's format, one file per language beside this module."""

from __future__ import annotations

from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "zh")

_active: ContextVar[str] = ContextVar("language", default="en")


def use(language: str) -> None:
    """Make *language* the one that labels and sentences are written in.

    Parameters
    ----------
    language : str
        ``en`` or ``zh``.

    Raises
    ------
    ValueError
        For any other.

    Examples
    --------
    >>> use("zh"); translate("Findings")
    '主要发现'
    >>> use("en"); translate("Findings")
    'Findings'
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}; got {language!r}")
    _active.set(language)


def active() -> str:
    """Return the language in use.

    Examples
    --------
    >>> active()
    'en'
    """
    return _active.get()


def translate(message: str) -> str:
    """Return *message* in the language in use; a message without a translation stays English.

    Parameters
    ----------
    message : str
        English text, also the key of the catalogue.

    Returns
    -------
    str

    Examples
    --------
    >>> translate("Findings")
    'Findings'
    """
    language = active()
    if language == "en":
        return message
    return messages(language).get(message, message)


@cache
def messages(language: str) -> dict[str, str]:
    """Return the translated messages of a language's catalogue, English to translation.

    Parameters
    ----------
    language : str
        A language that has a catalogue.

    Returns
    -------
    dict of str

    Examples
    --------
    >>> messages("zh")["Findings"]
    '主要发现'
    """
    import polib  # here, because a report in English never needs it

    file = polib.pofile(str(Path(__file__).with_name(f"{language}.po")))
    return {entry.msgid: entry.msgstr for entry in file if entry.msgstr and not entry.obsolete}
