"""The URL of an engine: its secrets stand in the environment, and never in what is said or written."""

from __future__ import annotations

import os
import re
from urllib.parse import quote, quote_plus, unquote

from cam.errors import ParamsError

_NAME = re.compile(r"\$\{(\w+)\}")
#: A shorter secret may stand by chance within a word, and to mask it there would tell it: c…n for a password of a.
_LONG = 8
#: Where a secret stands as itself: no letter or digit beside it but those of an escape, as in %3Aa%40 or \\na.
_BEFORE, _AFTER = r"(?:(?<![^\W_])|(?<=%[0-9a-f]{2})|(?<=\\[abfnrtv]))", r"(?![^\W_])"
#: Of what a database says, so much is told.
_SAID = 300
_CHECK = "Check the {} in data.engine."
#: What to look at, by what a database says.
_LOOK_AT = {
    "(database|role) .*does not exist": "names",
    "translate host name|not known|resolve": "host",
    "timeout|timed out|unreachable": "host and the port",
}


def expand_url(url: str) -> str:
    """Replace each ``${NAME}`` in *url* by the environment's value.

    Parameters
    ----------
    url : str
        As in ``data.engine``. A value that stands for a password needs no escapes.

    Returns
    -------
    str
        Holds a secret: never print it.

    Raises
    ------
    ParamsError
        If a name is not set.

    Examples
    --------
    >>> expand_url("sqlite:///a.db")
    'sqlite:///a.db'
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise ParamsError(
                f"data.engine: the environment variable {name} is not set. Set it and run again."
            )
        # A password is written as it is; signs that end that part of a URL are made safe here.
        is_password = match.start() and re.search(r"://[^/@]*:$", url[: match.start()])
        return _quoted(os.environ[name]) if is_password else os.environ[name]

    return _NAME.sub(value, url)


def shown_url(engine: str) -> str:
    """Return a URL without user and password.

    Examples
    --------
    >>> shown_url("postgres://me:${NAME}@host/shop?password=${OTHER}")
    'postgres://host/shop'
    """
    return re.sub(r"//[^/]*@", "//", engine).split("?")[0]


def without_secrets(text: str, engine: str) -> str:
    """Return what a database says, without a value of the environment in any form that it may repeat.

    A short value is taken out where it stands as itself, a long one wherever it stands.

    Parameters
    ----------
    text : str
        That it says.
    engine : str
        Its URL, as in ``data.engine``.

    Returns
    -------
    str

    Examples
    --------
    >>> without_secrets("no such user", "postgres://me@host/shop")
    'no such user'
    """
    secrets = {os.environ.get(name, "") for name in _NAME.findall(engine)}
    secrets |= {expand_url(engine)} if "://" in expand_url(engine) else set()
    for value in list(secrets):
        # A whole URL may come from the environment: its password is a secret by itself.
        secrets |= set(re.findall(r"://[^/@:]*:(.+)@", value)) | set(re.findall(r"password=([^&\s]+)", value))
    secrets |= {form(value) for value in list(secrets) for form in (unquote, _quoted, quote, quote_plus)}
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        there = re.escape(secret)
        if len(secret) < _LONG:
            there = (
                (_BEFORE if secret[0].isalnum() else "") + there + (_AFTER if secret[-1].isalnum() else "")
            )
        text = re.sub(there, "…", text, flags=re.IGNORECASE)
    return text


def told_by(text: str, engine: str) -> str:
    r"""Return what a database says in one line of whole sentences, without the secrets that it may repeat.

    Parameters
    ----------
    text : str
        That it says.
    engine : str
        Its URL, as in ``data.engine``.

    Returns
    -------
    str

    Examples
    --------
    >>> told_by("Connection refused\n\tIs the server running?", "postgres://me@host/shop")
    'Connection refused. Is the server running?'
    """
    lines = [" ".join(line.split()) for line in text.splitlines()]
    whole = " ".join(
        line if line.endswith((".", "?", "!", ":", ",", ";")) else f"{line}." for line in lines if line
    )
    said = without_secrets(whole, engine)
    return said if len(said) <= _SAID else f"{said[:_SAID].rstrip()} …"


def connection_cure(said: str, engine: str) -> str:
    """Say what to look at where a database gives no connection; nothing where it says so itself.

    Parameters
    ----------
    said : str
        What it says, from :func:`told_by`.
    engine : str
        Its URL, as in ``data.engine``.

    Returns
    -------
    str
        A sentence, or nothing.

    Examples
    --------
    >>> connection_cure('password authentication failed for user "me".', "postgres://me:${SHOP_PASSWORD}@host/shop")
    'Check SHOP_PASSWORD in the environment.'
    """
    if re.search("password|authentication", said, re.IGNORECASE):
        names = dict.fromkeys(_NAME.findall(engine))
        return (
            f"Check {' and '.join(names)} in the environment."
            if names
            else _CHECK.format("user and password")
        )
    for words, what in _LOOK_AT.items():
        if re.search(words, said, re.IGNORECASE):
            return _CHECK.format(what)
    return ""


def _quoted(value: str) -> str:
    return quote(value, safe="")
