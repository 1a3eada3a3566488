"""A connection to a PostgreSQL, as it is made for its tables and for the work of a study."""

from __future__ import annotations

from time import sleep
from typing import Any

#: What a server that has no connection left says, and those who stand before one; one that was just given back is free
#: a moment later.
_FULL = ("too many connections", "too many clients", "connection slots", "no more connections")
_TRIES, _PAUSE = 50, 0.1


def connect_postgres(url: str, **options: Any) -> Any:
    """Connect to a PostgreSQL within 15 seconds; where it is full, ask again for a while.

    Parameters
    ----------
    url : str
        With its secrets.
    **options
        Of ``psycopg.connect``.

    Returns
    -------
    psycopg.Connection

    Raises
    ------
    psycopg.Error
        If it cannot be reached, or stays full.
    """
    import psycopg  # here, because files never need it

    given = psycopg.conninfo.conninfo_to_dict(url)
    options |= {} if "connect_timeout" in given else {"connect_timeout": 15}
    for _ in range(_TRIES):
        try:
            return psycopg.connect(url, client_encoding="UTF8", **options)
        except psycopg.OperationalError as error:
            if not is_full(error):
                raise
        sleep(_PAUSE)
    return psycopg.connect(url, client_encoding="UTF8", **options)


def is_full(error: Exception) -> bool:
    """Whether a server that was asked for a connection says that it has none left.

    Examples
    --------
    >>> is_full(OSError('FATAL:  too many connections for role "me"')), is_full(OSError("refused"))
    (True, False)
    """
    return any(words in str(error).lower() for words in _FULL)
