"""What the writer of a name may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

#: What begins the URL of an engine that this package tests; more come with Ibis.
_SCHEMES = {"duckdb", "postgresql", "sqlite"}
_ALSO = {"pg", "pgsql", "psql"}


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean …?`` with the nearest of *known*, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def scheme_meant(url: str) -> str:
    """Return ``; did you mean …://?`` where a URL begins with no engine but nearly with one, or nothing.

    Examples
    --------
    >>> scheme_meant("postgre://me@host/shop"), scheme_meant("postgres://me@host/shop"), scheme_meant("pg://host/shop")
    ('; did you mean postgresql://?', '', '; did you mean postgresql://?')
    """
    scheme, found, _ = url.partition("://")
    if not found or scheme in {*_SCHEMES, "postgres"}:
        return ""
    if scheme in _ALSO:
        return "; did you mean postgresql://?"
    from importlib.metadata import entry_points  # here, because few clients name another engine

    ours = {engine.name for engine in entry_points(group="ibis.backends")} - {"postgres", "pyspark"}
    if scheme in ours:
        return ""
    near = did_you_mean(scheme, [*_SCHEMES, *ours])
    return near.replace("?", "://?")
